"""`python healthy.py PORT`: ends with status 0 where /healthz answers well, for the health check of a container.

It imports nothing but a socket, because it runs every few seconds."""

import socket
import sys

TIMEOUT_S = 4.0


def main() -> int:
    """0 = well."""
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), TIMEOUT_S) as asking:
        asking.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        return 0 if asking.recv(64).split(b" ")[1:2] == [b"200"] else 1


if __name__ == "__main__":
    sys.exit(main())
