"""Resident memory of the workers over a run: in a long one it must stay flat, however many calls come and go."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
"""Measurements of one worker from then on: five minutes, because models fill their caches in shorter runs. Who lived
shorter, or was up later than half of WARM, is not judged."""
ENOUGH_S = ENOUGH * EVERY_S / (1 - WARM)
"""What a run must last at least."""
NAMED = 10
"""Workers of which it is told that their memory is unknown."""

Measured = Sequence[tuple[float, float]]
"""Of one worker: seconds since the run began, and MB."""


@dataclass(frozen=True, slots=True)
class Growth:
    """`mb`: at the end; `grown_mb`: by the slope, from a third of the run on."""

    mb: float
    grown_mb: float
    an_hour_mb: float


def growth_of(measured: Measured, lasted_s: float) -> Growth | None:
    """None where too little was measured to judge by."""
    warm = np.array([one for one in measured if one[0] > WARM * lasted_s])
    if len(warm) < ENOUGH or measured[0][0] > WARM * lasted_s / 2:
        return None
    slope, _ = np.polyfit(warm[:, 0], warm[:, 1], 1)
    return Growth(warm[-1, 1], slope * (warm[-1, 0] - warm[0, 0]), slope * 3600)


def judge(workers: Mapping[str, Measured], lasted_s: float, asked: bool) -> list[str]:
    """Prints a line for every worker that lived long enough. Gives one for each that grew, and, where memory was
    `asked` to be judged, for each that could not be."""
    found = {name: growth_of(measured, lasted_s) for name, measured in workers.items()}
    judged = {name: growth for name, growth in found.items() if growth}
    unknown = sorted(found.keys() - judged.keys())
    if judged:
        print("\nmemory of worker          MB   grown by   an hour   (from a third of the run on)")
    for name, growth in judged.items():
        print(f"{name:<20} {growth.mb:>7.1f} {growth.grown_mb:>10.2f} {growth.an_hour_mb:>9.2f}")
    problems = [f"{name} grew by {one.grown_mb:.1f} MB" for name, one in judged.items() if one.grown_mb > GROWTH_MB]
    if unknown or not judged:
        named = ", ".join(unknown[:NAMED]) + (f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else "")
        told = f"memory was not judged of {named or 'any worker'}: it has to live for {ENOUGH_S:.0f} s, all of the run"
        print(f"\n{told}")
        problems += [told] if asked else []
    return problems


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

    def report(self, asked: bool) -> list[str]:
        """What `judge` says of all workers that there were."""
        workers = {process.log.stem: self._of(process) for process in self._supervisor.all}
        return judge(workers, time.monotonic() - self._began, asked)

    def _of(self, process: WorkerProcess) -> Measured:
        """Nothing of one that has ended."""
        return self._measured.get(process, []) if process.alive else []


def _rss_mb(pid: int) -> float:
    """0 where it has just ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
