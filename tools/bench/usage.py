"""CPU time and memory of processes, from Linux's /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since the process began, all threads, with those of children that have ended; resident bytes now."""

    cpu_s: float
    rss_bytes: int

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.cpu_s + other.cpu_s, self.rss_bytes + other.rss_bytes)


def usage(pid: int, with_children: bool = True) -> Usage:
    """Of a process and its children, such as models in processes of their own; those that ended count as well.

    Raises FileNotFoundError for a process that is gone, or a system without /proc."""
    own = parse(Path(f"/proc/{pid}/stat").read_text())
    for child in _children(pid) if with_children else ():
        try:
            own += usage(child)
        except FileNotFoundError:
            continue
    return own


def _children(pid: int) -> list[int]:
    """Of all threads: a child belongs to the one that started it."""
    lists = [path for path in Path(f"/proc/{pid}/task").glob("*/children") if path.exists()]
    return [int(child) for one in lists for child in one.read_text().split()]


def busy_s() -> float:
    """CPU seconds that all programs of the machine took since it started, time stolen by other machines included."""
    return parse_busy(Path("/proc/stat").read_text())


def parse_busy(stat: str) -> float:
    """proc(5)'s `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal, ... of all cores."""
    numbers = [int(word) for word in stat.splitlines()[0].split()[1:9]]
    return (sum(numbers) - numbers[3] - numbers[4]) / _TICKS


def parse(stat: str) -> Usage:
    """A line of proc(5)'s `stat`; the name in parentheses may hold anything."""
    fields = stat.rpartition(")")[2].split()
    return Usage(sum(int(ticks) for ticks in fields[11:15]) / _TICKS, int(fields[21]) * _PAGE)
