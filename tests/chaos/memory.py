"""Resident memory of the workers over a run: in a long one it must stay flat, however many calls come and go."""

import asyncio
import os
import time
from pathlib import Path

import numpy as np

from tests.chaos.workers import Supervisor
from tests.runtime.processes import WorkerProcess

EVERY_S = 2.0
WARM = 1 / 3
"""Of the run: caches fill meanwhile."""
GROWTH_MB = 4.0
"""The most that a worker may grow from then on, by the slope of all that was measured."""
ENOUGH = 150
"""Measurements of one worker once it is up: five minutes, because models fill their caches in shorter runs. Who lived
shorter, or was up later than half of WARM, is not judged."""


class Memory:
    """Measures while `watch` runs."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._measured: dict[WorkerProcess, list[tuple[float, float]]] = {}
        self._began = time.monotonic()

    async def watch(self) -> None:
        while True:
            now_s = time.monotonic() - self._began
            for process in self._supervisor.alive:
                up = process in self._measured or process.logged("worker process up")
                if up and process.alive and (rss_mb := _rss_mb(process.process.pid)):
                    self._measured.setdefault(process, []).append((now_s, rss_mb))
            await asyncio.sleep(EVERY_S)

    def report(self) -> list[str]:
        """Prints a line for every worker that lived long enough. Gives one for each that grew."""
        lasted_s = time.monotonic() - self._began
        grown = []
        print("\nmemory of worker          MB   grown by   an hour   (from a third of the run on)")
        for process, measured in self._measured.items():
            warm = np.array([one for one in measured if one[0] > WARM * lasted_s])
            if len(warm) < ENOUGH or measured[0][0] > WARM * lasted_s / 2 or not process.alive:
                continue
            slope, _ = np.polyfit(warm[:, 0], warm[:, 1], 1)
            growth_mb = slope * (warm[-1, 0] - warm[0, 0])
            print(f"{process.log.stem:<20} {warm[-1, 1]:>7.1f} {growth_mb:>10.2f} {slope * 3600:>9.2f}")
            if growth_mb > GROWTH_MB:
                grown.append(f"{process.log.stem} grew by {growth_mb:.1f} MB")
        return grown


def _rss_mb(pid: int) -> float:
    """0 where it has just ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
