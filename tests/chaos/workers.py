"""Worker processes under a supervisor: whatever ends is started again, and every log is kept."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.runtime.processes import ALL_STAGES, WorkerProcess

RESTART_PAUSE_S = 0.2
RECOGNISER = "CHAOS_RECOGNISER"
"""Set in the environment, real stages ask the configured recogniser."""


@dataclass(slots=True, eq=False)
class Supervisor:
    """`per_stage` workers of each stage; `module` is what runs in them. With `upgrade` every second one is of a newer
    version, whose states the others can't read."""

    url: str
    folder: Path
    module: str
    options: dict[str, Any]
    per_stage: int
    upgrade: bool = False
    alive: list[WorkerProcess] = field(default_factory=list)
    ended: list[WorkerProcess] = field(default_factory=list)
    paused: set[WorkerProcess] = field(default_factory=set)
    newer: set[WorkerProcess] = field(default_factory=set)
    died: int = 0
    """Processes that ended by themselves."""

    @property
    def all(self) -> list[WorkerProcess]:
        """Also those that have ended."""
        return [*self.alive, *self.ended]

    def start_all(self) -> None:
        for number in range(self.per_stage):
            for stage in ALL_STAGES:
                self.start(stage, newer=self.upgrade and number % 2 == 1)

    def start(self, stage: str, newer: bool) -> None:
        log = self.folder / f"{stage}-{len(self.alive) + len(self.ended)}.log"
        process = WorkerProcess(self.url, log, (stage,), {**self.options, "newer": newer}, self.module)
        self.alive.append(process)
        if newer:
            self.newer.add(process)

    async def until_all_up(self, timeout_s: float) -> None:
        """Raises RuntimeError with the logs of those that are not."""
        until = time.monotonic() + timeout_s
        while waiting := [str(process.log) for process in self.alive if not process.logged("worker process up")]:
            if time.monotonic() > until or not all(process.alive for process in self.alive):
                raise RuntimeError(f"workers did not start, see {', '.join(waiting)}")
            await asyncio.sleep(0.1)

    async def restart_forever(self) -> None:
        while True:
            for process in [process for process in self.alive if not process.alive]:
                self.died += 1
                self.replace(process)
            await asyncio.sleep(RESTART_PAUSE_S)

    def replace(self, process: WorkerProcess) -> None:
        self.alive.remove(process)
        self.ended.append(process)
        self.start(process.stages[0], process in self.newer)

    def pick(self, rng: random.Random, stage: str = "") -> WorkerProcess | None:
        """One that is up and runs, of this stage, or of any that has another one to take over, where each has more."""
        running = [
            one for one in self.alive if one.alive and one not in self.paused and one.logged("worker process up")
        ]
        least = min(2, self.per_stage)
        if stage:
            running, least = [one for one in running if one.stages == (stage,)], 1
        spare = [one for one in running if sum(other.stages == one.stages for other in running) >= least]
        return rng.choice(spare) if spare else None

    def close(self) -> None:
        for process in self.alive:
            process.close()

    def owned_by(self, process: WorkerProcess) -> set[str]:
        """Calls in its hands, by its log."""
        owned: set[str] = set()
        for line in process.lines():
            if line["event"] == "call taken":
                owned.add(line["call_id"])
            elif line["event"] == "call let go":
                owned.discard(line["call_id"])
        return owned

    def shed(self) -> int:
        """How often a worker began to leave something out."""
        return sum(len(one.logged("shedding")) for one in self.all)

    def lost(self) -> int:
        """How often a worker that lived found that a peer had taken a call over."""
        return sum(line["why"] == "lost" for one in self.all for line in one.logged("call let go"))

    def takes(self) -> list[tuple[float, str, str, Path]]:
        """Every taking of a call, in order: second, stage, call, log of the worker."""
        return sorted(
            (
                datetime.fromisoformat(line["at"].replace("Z", "+00:00")).timestamp(),
                line["stage"],
                line["call_id"],
                one.log,
            )
            for one in self.all
            for line in one.logged("call taken")
        )
