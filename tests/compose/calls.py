"""Calls of the system under test: played by the demo's container, and watched over Server-Sent Events."""

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import httpx

from tests.compose.project import Project
from tests.runtime.comparable import comparable

GATEWAY = f"http://{os.environ.get('SPEAKERLINE_BIND', '127.0.0.1')}:8080"
END_S = 240.0
"""How long a call of half a minute may take until its timeline has ended."""
ARCHIVED_S = 120.0
"""How long the archive may take after the end of a call: it looks at what happened every few seconds."""
_OF_ONE_RUN = re.compile(rb',"(?:epoch|producer_id)":"[^"]*"')


class Watcher(threading.Thread):
    """Follows one call, from before its start to its end, over whatever interrupts it, as a browser does."""

    def __init__(self, call_id: str) -> None:
        super().__init__(daemon=True)
        self.events: list[bytes] = []
        self.interruptions = -1
        self._call_id = call_id
        self._last = ""
        self.start()

    @property
    def ended(self) -> bool:
        return bool(self.events) and b'"call_ended"' in self.events[-1]

    def until_first_label(self) -> None:
        """Wait until a speaker was named. Raises TimeoutError."""
        self._until(lambda: any(b'"speaker_created"' in event for event in [*self.events]), "no label")

    def until_ended(self) -> None:
        """Wait for the end of the call. Raises TimeoutError."""
        self._until(lambda: self.ended, "no end")

    def run(self) -> None:
        while not self.ended:
            self.interruptions += 1
            try:
                self._read()
            except httpx.HTTPError:
                pass  # the gateway, or its Redis, is away
            time.sleep(0.2)

    def _read(self) -> None:
        headers = {"Last-Event-ID": self._last} if self._last else {}
        with httpx.stream(
            "GET", f"{GATEWAY}/calls/{self._call_id}/events?wait=true", headers=headers, timeout=30
        ) as answer:
            for line in answer.iter_lines() if answer.status_code == 200 else ():
                name, _, value = line.partition(": ")
                if name == "id":
                    self._last = value
                elif name == "data":
                    self.events.append(value.encode())

    def _until(self, true: Callable[[], bool], otherwise: str) -> None:
        end = time.monotonic() + END_S
        while not true():
            if time.monotonic() > end:
                raise TimeoutError(f"{self._call_id}: {otherwise} within {END_S:.0f} s, {len(self.events)} events")
            time.sleep(0.1)


class Demo:
    """The sample call, played by the container of the demo, each of `calls` `times` times: `NAME-LINE-1` are the first
    ones, which are watched."""

    def __init__(self, project: Project, name: str, calls: int = 1, times: int = 1) -> None:
        self.call_ids = [f"{name}-{line}-1" for line in range(1, calls + 1)]
        self.watchers = [Watcher(call_id) for call_id in self.call_ids]
        words = ("run", "--rm", "--no-deps", "-T", "demo", "python3", "-m", "speakerline.tools.demo")
        more = ("--calls", str(calls), "--times", str(times), "--name", name)
        self._process = subprocess.Popen(project.line(*words, *more), env=project.environment)

    def __enter__(self) -> "Demo":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind:
            self.end()
        self._process.wait()

    def end(self) -> None:
        """Stop playing, also where the call goes on."""
        self._process.terminate()


def timeline(call_id: str) -> list[bytes]:
    """What must be the same in every run of the call, from the events that are stored."""
    events = []
    with httpx.stream("GET", f"{GATEWAY}/calls/{call_id}/events", timeout=30) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            if line.startswith("data: "):
                events.append(_OF_ONE_RUN.sub(b"", line[6:].encode()).replace(call_id.encode(), b"CALL"))
    return comparable(events)


def archive_differs(call_id: str) -> str:
    """What the archive has otherwise than Redis, of a call that has ended; empty where it has all of it."""
    end = time.monotonic() + ARCHIVED_S
    while not (ids := [one["archived"] for one in _archived_calls() if one["call_id"] == call_id and one["ended"]]):
        if time.monotonic() > end:
            return f"{call_id} has not come into the archive within {ARCHIVED_S:.0f} s"
        time.sleep(1)
    kept, there = (_snapshot(call_id, archived) for archived in (ids[0], ""))
    differing = [name for name in sorted({*kept, *there}) if kept.get(name) != there.get(name)]
    return f"{call_id} in the archive: {', '.join(differing)} differ" if differing else ""


def _archived_calls() -> list[dict[str, Any]]:
    """Empty while the database is away."""
    answer = httpx.get(f"{GATEWAY}/archive/calls", params={"limit": 100}, timeout=30)
    return list(answer.json()["calls"]) if answer.status_code == 200 else []


def _snapshot(call_id: str, archived: str) -> dict[str, Any]:
    asked = {"archived": archived} if archived else {}
    answer = httpx.get(f"{GATEWAY}/calls/{call_id}/timeline", params=asked, timeout=30)
    return dict(answer.raise_for_status().json())


def first_difference(one: list[bytes], other: list[bytes]) -> str:
    """In words; empty where there is none."""
    for number, pair in enumerate(zip(one, other, strict=False)):
        if pair[0] != pair[1]:
            return f"event {number}: {pair[0].decode()[:300]} became {pair[1].decode()[:300]}"
    return "" if len(one) == len(other) else f"{len(one)} events became {len(other)}"


def words_of(events: list[bytes]) -> int:
    """How many words a timeline has."""
    bodies = (json.loads(event).get("transcript") or {} for event in events)
    return sum(len(body.get("words", ())) for body in bodies)
