"""Ports of tests: no two get the same."""

import socket
import subprocess
import sys

from tests import ports

ONE = "from tests import ports; ports.FROM, ports.THROUGH = {0}, {0} + 1; print(ports.free_port(), flush=True); input()"


def test_a_port_is_given_once_in_whatever_process() -> None:
    first = next(port for port in range(9_000, 9_900, 2) if ports.is_free(port) and ports.is_free(port + 1))
    for hold in ports._held[-2:]:
        hold.close()
    words = [sys.executable, "-c", ONE.format(first)]
    with (
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other,
    ):
        assert one.stdout and other.stdout
        assert {int(process.stdout.readline()) for process in (one, other) if process.stdout} == {first, first + 1}
        one.communicate("\n", timeout=60)
        other.communicate("\n", timeout=60)


def test_a_port_that_somebody_uses_is_not_given() -> None:
    port = ports.free_port()
    ports._held.pop().close()
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", port))
        assert not ports.is_free(port)
    assert ports.is_free(port)
