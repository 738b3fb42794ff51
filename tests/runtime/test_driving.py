"""Whose step waits for whose, and what counts as late, by a clock and arrivals that the test gives."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
from prometheus_client import CollectorRegistry

from speakerline.shared.codec import write_call
from speakerline.shared.contract.v1 import ServiceClass
from speakerline.shared.keys import stage_key
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import VAD
from speakerline.shared.runtime import turns
from speakerline.shared.runtime.call import CallWork
from speakerline.shared.runtime.committing import Committer
from speakerline.shared.runtime.connection import Shard, connect
from speakerline.shared.runtime.driving import OWNERS_FORGIVEN, Driver
from speakerline.shared.runtime.log import Logged
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.ownership import Claim, Ownership
from speakerline.shared.runtime.redis_clock import RedisClock
from speakerline.shared.runtime.shedding import Lag, Shedding
from speakerline.shared.runtime.stage import CallStage, Entry, Frame, Step
from speakerline.shared.runtime.trust import Report
from speakerline.shared.runtime.workplace import Workplace
from tests.runtime.playing import a_call, until

ANNOUNCED = 1000.0
"""When every call was announced, by the clock of Redis."""


class GivenClock(RedisClock):
    def __init__(self) -> None:
        super().__init__()
        self.at = ANNOUNCED

    def now(self) -> float:
        return self.at


class Recorder(CallStage):
    """Takes note of each step, and of how late it was told to be; a step ends `takes_s` after its `gate` is open."""

    spec = VAD

    def __init__(self, name: str, steps: list[str], clock: GivenClock) -> None:
        super().__init__()
        self.takes_s = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.told: list[float] = []
        self.skipped: list[str] = []
        self._name, self._steps, self._clock = name, steps, clock

    def shed(self, level: int, behind_s: float = 0.0) -> None:
        self.told.append(round(behind_s, 3))

    async def push(self, entries: Sequence[Entry], through_ms: int, quiet_ms: int = -1) -> Step:
        self._steps.append(self._name)
        await self.gate.wait()
        self._clock.at += self.takes_s
        return Step()

    async def skip(self, entry: Entry | None, through_ms: int, detail: str, quiet_ms: int = -1) -> Step:
        self.skipped.append(detail)
        return Step()

    def snapshot(self) -> Mapping[str, bytes]:
        return {}


class Site:
    """A worker's calls and their driver, without Redis: nothing here has anything to commit."""

    def __init__(self, redis: Shard) -> None:
        self.clock = GivenClock()
        self.steps: list[str] = []
        self.failures: list[BaseException] = []
        metrics = Metrics(CollectorRegistry()).for_stage(VAD.name)
        self._shedding = Shedding(VAD, 0.0, metrics, Log(), self.clock.now)
        workplace = Workplace(10, self._shedding)
        self._calls = workplace.new_table()
        committer = Committer(redis, Ownership(redis, VAD.name, 5.0), metrics, self.clock)
        options = WorkerOptions(lazy_s=3600.0)
        self._driver = Driver(
            redis, VAD.name, workplace, committer, options, metrics, self.clock, Log(), None, self.failures.append
        )

    def take(self, name: str, service_class: ServiceClass = ServiceClass.LIVE) -> OwnedCall:
        entry = f"{ANNOUNCED * 1000:.0f}-{len(self._calls)}".encode()
        call = a_call(name, service_class=service_class)
        claim = Claim(entry, 1, write_call(call))
        self._calls[entry] = OwnedCall(
            claim, call, CallWork(VAD, call, {"through": b"0"}), Recorder(name, self.steps, self.clock)
        )
        return self._calls[entry]

    def bring(self, call: OwnedCall, *ends_s: float) -> None:
        """Frames that end at these seconds of the call came just now."""
        at = [int(end_s * 8000) for end_s in ends_s]
        call.work.offer(0, [Logged(end, 0, Frame(0, end, b"sound"), arrived_at=self.clock.at) for end in at])

    async def drive(self, call: OwnedCall) -> None:
        """As far as it goes without anything else."""
        self._driver.start(call)
        for _ in range(20):
            await asyncio.sleep(0)

    @property
    def behind_s(self) -> float:
        """What the worker takes for its lag since it was asked last."""
        return self.lag().seconds

    def lag(self) -> Lag:
        return self._shedding.lags.report()


@pytest.fixture
async def site(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(turns, "PATIENCE_S", 3600.0)
    redis = connect("redis://127.0.0.1:1")
    yield Site(redis)
    await redis.aclose()


def recorder(call: OwnedCall) -> Recorder:
    assert isinstance(call.stage, Recorder)
    return call.stage


async def begun(site: Site, name: str, service_class: ServiceClass = ServiceClass.LIVE) -> OwnedCall:
    """A call whose first tenth of a second was handled as it came."""
    call = site.take(name, service_class)
    site.bring(call, 0.1)
    await site.drive(call)
    return call


async def at_work(site: Site) -> OwnedCall:
    """A live call with a step under way."""
    call = await begun(site, "neighbour")
    recorder(call).gate.clear()
    site.bring(call, 0.2)
    await site.drive(call)
    site.steps.clear()
    return call


async def test_long_frames_at_once_wait_while_a_unit_of_a_live_neighbour_is_due(site: Site) -> None:
    long = await begun(site, "long")
    neighbour = await at_work(site)
    site.bring(long, 30.1, 60.1, 90.1)
    await site.drive(long)
    assert site.steps == []
    recorder(neighbour).gate.set()
    await site.drive(neighbour)
    await asyncio.gather(*(call.driving for call in (neighbour, long) if call.driving))
    assert site.steps == ["long"] * 3
    assert site.failures == []


async def test_a_recording_waits_too(site: Site) -> None:
    recording = await begun(site, "recording", ServiceClass.BULK)
    await at_work(site)
    site.bring(recording, 0.2)
    await site.drive(recording)
    assert site.steps == []


async def test_sound_whose_time_has_come_waits_for_nobody(site: Site) -> None:
    call = await begun(site, "call")
    await at_work(site)
    site.bring(call, 0.2)
    await site.drive(call)
    assert site.steps == ["call"]


async def test_long_frames_at_once_count_as_no_overload(site: Site) -> None:
    """Each is handled long after it came, and long before it can have been spoken."""
    long = await begun(site, "long")
    site.clock.at += 1.0
    site.bring(long, 30.1, 60.1, 90.1)
    site.clock.at += 10.0
    await site.drive(long)
    assert site.steps == ["long"] * 4
    assert (site.behind_s, recorder(long).told) == (0.0, [0.0] * 4)


async def test_nor_does_sound_that_came_at_once_and_is_handled_as_fast_as_it_is_spoken(site: Site) -> None:
    """As after an outage: what waits behind other sound of its call is not due before that was spoken."""
    call = await begun(site, "call")
    site.take("another")
    site.clock.at += 20.0
    site.bring(call, *range(2, 22, 2))
    recorder(call).takes_s = 1.9
    await site.drive(call)
    assert (site.behind_s, recorder(call).told) == (0.0, [0.0] * 11)


@pytest.mark.parametrize(
    ("service_class", "late_s"),
    [
        pytest.param(ServiceClass.LIVE, 3.0, id="a live call is late"),
        pytest.param(ServiceClass.BULK, 0.0, id="nobody waits for a recording"),
    ],
)
async def test_sound_that_waits_though_it_was_due(site: Site, service_class: ServiceClass, late_s: float) -> None:
    call = await begun(site, "call", service_class)
    site.clock.at += 1.0
    site.bring(call, 1.0)
    await site.drive(call)
    site.clock.at += 1.0
    site.bring(call, 2.0)
    site.clock.at += 3.0
    await site.drive(call)
    assert (site.behind_s, recorder(call).told) == (late_s / 2, [0.0, 0.0, late_s])


async def test_the_worker_sees_no_overload_in_what_waits_while_it_catches_up_with_another_call(site: Site) -> None:
    call = await begun(site, "call")
    site.clock.at += 0.1
    site.bring(call, 0.2)
    await site.drive(call)
    site.lag()
    taken_over = site.take("taken-over")
    recorder(taken_over).gate.clear()
    site.bring(taken_over, 0.1)
    await site.drive(taken_over)
    site.clock.at += 0.1
    site.bring(call, 0.3)
    site.clock.at += 10.0
    recorder(taken_over).gate.set()
    await site.drive(taken_over)
    site.clock.at += 0.5
    await site.drive(call)
    lag = site.lag()
    assert (round(lag.seconds, 3), round(lag.own_s, 3)) == (10.5, 0.4)


@pytest.mark.parametrize(
    ("owners", "tries"),
    [
        pytest.param(3, "1", id="by one who only was late: it is taken back"),
        pytest.param(OWNERS_FORGIVEN + 1, "2", id="where one owner after the other is late: it stays"),
    ],
)
async def test_an_attempt_that_ended_after_the_call_was_lost(redis: Shard, owners: int, tries: str) -> None:
    site, key = Site(redis), stage_key("c", VAD.name)
    call = site.take("c")
    call.trust.report(Report.WARNED, 0.0)
    recorder(call).gate.clear()
    site.bring(call, 0.1)
    await redis.hset(key, mapping={"token": call.claim.fence, "tries": 1, "owners": owners})
    await site.drive(call)
    await until(lambda: site.steps)
    assert await redis.hget(key, "tries") == b"2"
    await redis.hset(key, "token", "of somebody else")
    recorder(call).gate.set()
    await until(lambda: call.driving is None)
    assert call.trust.gone == "fenced"
    assert await redis.hget(key, "tries") == tries.encode()


@pytest.mark.parametrize("died", [0, 1, 2])
async def test_how_often_an_entry_failed_is_told_the_same_whoever_died_while_giving_it_up(
    redis: Shard, died: int
) -> None:
    site = Site(redis)
    call = site.take("c")
    call.trust.report(Report.WARNED, 0.0)
    site.bring(call, 0.1)
    tries = WorkerOptions().max_tries + died
    await redis.hset(stage_key("c", VAD.name), mapping={"token": call.claim.fence, "tries": tries})
    await site.drive(call)
    await until(lambda: recorder(call).skipped)
    assert recorder(call).skipped == ["vad failed on it 3 times"]


async def test_nothing_happens_beside_the_last_try_of_an_entry(redis: Shard) -> None:
    """A neighbour that nobody suspects yet may kill the worker, whose suspects would be given up for it."""
    site = Site(redis)
    neighbour, another, suspect = await at_work(site), await begun(site, "another"), site.take("suspect")
    site.steps.clear()
    suspect.trust.report(Report.WARNED, 0.0)
    suspect.tries = WorkerOptions().max_tries - 1
    await redis.hset(stage_key("suspect", VAD.name), mapping={"token": suspect.claim.fence, "tries": suspect.tries})
    recorder(suspect).gate.clear()
    site.bring(suspect, 0.1)
    site.bring(another, 0.2)
    await site.drive(suspect)
    await site.drive(another)
    assert site.steps == []
    assert await redis.hget(stage_key("suspect", VAD.name), "tries") == b"2"
    recorder(neighbour).gate.set()
    await until(lambda: site.steps)
    await site.drive(another)
    assert site.steps == ["suspect"]
    recorder(suspect).gate.set()
    await until(lambda: len(site.steps) == 2)
    assert (site.steps, recorder(suspect).skipped) == (["suspect", "another"], [])
    await until(lambda: suspect.driving is None)
    assert suspect.tries == 0, "of the next entry"


async def test_a_try_before_the_last_holds_nobody_up(redis: Shard) -> None:
    site = Site(redis)
    suspect, another = site.take("suspect"), await begun(site, "another")
    site.steps.clear()
    suspect.trust.report(Report.WARNED, 0.0)
    await redis.hset(stage_key("suspect", VAD.name), mapping={"token": suspect.claim.fence})
    recorder(suspect).gate.clear()
    site.bring(suspect, 0.1)
    await site.drive(suspect)
    await until(lambda: site.steps)
    site.bring(another, 0.2)
    await site.drive(another)
    assert site.steps == ["suspect", "another"]
