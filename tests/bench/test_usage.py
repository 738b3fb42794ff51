"""Reading Linux's /proc, and the names of keys."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from speakerline.tools.bench.memory import kind_of
from speakerline.tools.bench.usage import parse, parse_busy, usage

STAT = "42 (a (strange) name) S 1 42 42 0 -1 4194304 1905 0 0 0 150 50 0 0 20 0 3 0 12345 228737024 1000 99"


def test_a_process_may_have_any_name() -> None:
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    assert parse(STAT).cpu_s == 200 / ticks
    assert parse(STAT).rss_bytes == 1000 * page


def test_waiting_is_not_work() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    assert parse_busy("cpu  100 10 20 5000 300 1 2 3 0 0\ncpu0 1 2 3\n") == 136 / ticks


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_this_process_has_memory() -> None:
    assert usage(os.getpid()).rss_bytes > 1_000_000


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("call:{a}:audio:0", "audio"),
        ("call:{a}:speech", "events"),
        ("call:{a}:timeline", "timeline"),
        ("call:{a}:stage:vad", "state"),
        ("call:{a:timeline}:meta", "state"),
    ],
)
def test_every_key_is_of_one_kind(key: str, kind: str) -> None:
    assert kind_of(key) == kind


def test_a_process_is_told_without_its_children_where_these_are_counted_by_themselves() -> None:
    """Of processes that do nothing more: two readings of a busy one, or of a child that still starts, differ."""
    words = [
        sys.executable,
        "-c",
        "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); input()",
    ]
    parent = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        until = time.monotonic() + 60
        while not 0 < usage(child).rss_bytes == _of_the_children(parent.pid):
            assert time.monotonic() < until, "both have long come to rest"
            time.sleep(0.05)
    finally:
        os.kill(child, signal.SIGKILL)
        parent.communicate()


def _of_the_children(pid: int) -> int:
    return usage(pid).rss_bytes - usage(pid, with_children=False).rss_bytes
