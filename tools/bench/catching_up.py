"""How long the archive takes for what happened while it was away, and what that costs.

Calls are written as the aggregator commits them, and end; then the archive starts, as a process of its own. Either the
firehose has all of their events, or none any more, so that the archive takes snapshots of the calls.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Engine, func, select

from speakerline.shared.archive.database import is_away, migrate, open_database
from speakerline.shared.archive.tables import calls as calls_table
from speakerline.shared.archive.tables import turns
from speakerline.shared.contract import v1
from speakerline.shared.keys import FIREHOSE
from speakerline.shared.runtime.connection import Shard, connect
from speakerline.tools.bench.told_call import ToldCall
from speakerline.tools.bench.usage import usage
from speakerline.tools.failure import Failure
from speakerline.tools.pipeline.private_redis import private_redis
from speakerline.tools.tables import Report, Table

TURNS = 40
"""Of a call of two minutes."""
TURN_MS = 3000
STEPS = 5
"""A turn and its words are told so often, and grow, before they are final."""
WORD_MS = 300
LONGEST_S = 600
LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """seconds: from the start of the process until all was in the database. cpu_s: of the process, start included; that
    of PostgreSQL's is not in it."""

    calls: int
    events: int
    seconds: float
    cpu_s: float


async def measure_catching_up(calls: int, urls: dict[str, str], report: Report, say: Callable[[str], None]) -> None:
    """A row for each database and way. Raises Failure where a call is missing, is there twice, or has another end."""
    found: dict[str, CaughtUp] = {}
    for name, url in urls.items():
        async with private_redis() as redis_url:
            redis = connect(redis_url)
            for way, kept in (("events", True), ("snapshots", False)):
                ids = [f"{way}-{name}-{number:05}" for number in range(calls)]
                events = await _tell(redis, ids, kept)
                found[f"{name}, {way}"] = await _caught_up(redis_url, url, ids, events)
                say(f"archive: {name}: {calls} calls by {way} in {found[f'{name}, {way}'].seconds:.1f} s")
            await redis.aclose()
    rows = [[way, *_cells(one)] for way, one in found.items()]
    columns = ["", "calls", "events", "s until all is there", "CPU s", "events a CPU s"]
    note = "CPU of the archive's process alone, its start included. By snapshots: the firehose is empty."
    report.tables.append(Table("An archive that was away", columns, rows, note))
    report.figures["catching_up"] = {way: asdict(one) for way, one in found.items()}


def _cells(one: CaughtUp) -> Sequence[str]:
    return [str(one.calls), str(one.events), f"{one.seconds:.1f}", f"{one.cpu_s:.1f}", f"{one.events / one.cpu_s:.0f}"]


async def _tell(redis: Shard, ids: Sequence[str], kept: bool) -> int:
    """The calls, from beginning to end. `kept`: whether the firehose still has what was told. Gives the events."""
    told = 0
    for call_id in ids:
        call = ToldCall(redis, call_id)
        await call.tell(*conversation(call_id))
        told += call.timeline.seq
    if not kept:
        await redis.xtrim(redis.key(FIREHOSE), maxlen=0)
    return told


def conversation(call_id: str) -> Iterator[tuple[int, Any]]:
    """Two people take turns; labels and words come while they speak, as from the stages."""
    yield 0, v1.CallStarted(call_id, sample_rate=8000, channels=1, metadata={"queue": "sales"})
    yield 0, v1.SpeakerCreated("S1")
    yield 0, v1.SpeakerCreated("S2")
    for number in range(TURNS):
        speaker, from_ms = f"S{1 + number % 2}", number * TURN_MS
        for step in range(1, STEPS + 1):
            end_ms, final = from_ms + step * TURN_MS // STEPS, step == STEPS
            spoken: dict[str, Any] = {"start_ms": from_ms, "end_ms": end_ms, "revision": step}
            yield end_ms, v1.Turn(f"t{number}", speaker_id=speaker, confidence=0.9, provisional=not final, **spoken)
            words = [
                v1.Word(f"word{number + at}", at_ms, at_ms + WORD_MS, 0.9, speaker_id=speaker)
                for at, at_ms in enumerate(range(from_ms, end_ms, WORD_MS))
            ]
            yield end_ms, v1.Transcript(f"w{number}", final=final, words=words, **spoken)
    yield TURNS * TURN_MS, v1.CallEnded(TURNS * TURN_MS, v1.EndReason.HANGUP)


async def _caught_up(redis_url: str, url: str, ids: Sequence[str], events: int) -> CaughtUp:
    engine = open_database(url)
    await asyncio.to_thread(migrate, engine)
    began = time.monotonic()
    try:
        async with _archive_process(redis_url, url) as pid:
            while await asyncio.to_thread(_ended, engine, ids) < len(ids):
                if time.monotonic() - began > LONGEST_S:
                    raise Failure(f"the archive has not caught up within {LONGEST_S} s")
                await asyncio.sleep(LOOK_EVERY_S)
            seconds, cpu_s = time.monotonic() - began, usage(pid).cpu_s
        await asyncio.to_thread(_check, engine, ids, events)
    finally:
        engine.dispose()
    return CaughtUp(len(ids), events, seconds, cpu_s)


@asynccontextmanager
async def _archive_process(redis_url: str, url: str) -> AsyncIterator[int]:
    """The service, until the end of the block. Gives its process id."""
    options = {"REDIS_URL": redis_url, "ARCHIVE_URL": url, "PORT": "0"}
    environment = {**os.environ, **{f"SPEAKERLINE_{name}": value for name, value in options.items()}}
    command = (sys.executable, "-m", "speakerline.services.archive")
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


def _ended(engine: Engine, ids: Sequence[str]) -> int:
    """How many of the calls have their end in the database; none where it is busy."""
    ended = select(func.count()).where(calls_table.c.call_id.in_(ids), calls_table.c.ended)
    try:
        with engine.connect() as connection:
            return int(connection.execute(ended).scalar_one())
    except Exception as error:
        if not is_away(error):
            raise
        return 0


def _check(engine: Engine, ids: Sequence[str], events: int) -> None:
    """Every call is there once, with all that was told of it. Raises Failure."""
    found = select(calls_table.c.id, calls_table.c.seq, calls_table.c.lost).where(calls_table.c.call_id.in_(ids))
    with engine.connect() as connection:
        rows = connection.execute(found).all()
        spoken = select(func.count()).where(turns.c.call.in_([row.id for row in rows]))
        said = connection.execute(spoken).scalar_one()
    there = (len(rows), sum(row.seq for row in rows), said, any(row.lost for row in rows))
    if there != (len(ids), events, TURNS * len(ids), False):
        raise Failure(f"the archive has {there}: expected {(len(ids), events, TURNS * len(ids), False)}")
