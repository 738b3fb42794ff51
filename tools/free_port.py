"""Ports that a server may listen on."""

import socket


def problem_of_port(port: int) -> str:
    """Why no server can be started there on loopback; empty where one can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            return str(error)
    return ""
