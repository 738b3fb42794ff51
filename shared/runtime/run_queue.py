"""How long a process waited for a processor while it could have run: on a busy machine that is no time of its own."""

from collections.abc import Mapping
from pathlib import Path


class RunQueue:
    """Of the process `pid`, from now on."""

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._before = self._delays_ns()

    def delay_s(self) -> float:
        """Of the thread that waited longest; 0 where the system does not say."""
        now = self._delays_ns()
        return max((delay - self._before.get(task, 0) for task, delay in now.items()), default=0) / 1e9

    def _delays_ns(self) -> Mapping[str, int]:
        """By thread: the second number of its `schedstat`, which Linux keeps (Documentation/scheduler/sched-stats)."""
        found = {}
        for file in self._tasks.glob("*/schedstat"):
            try:
                found[file.parent.name] = int(file.read_text().split()[1])
            except (OSError, IndexError, ValueError):
                continue
        return found
