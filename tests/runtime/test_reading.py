"""How much is read at once: many small entries, few large ones, and little after quiet times."""

import asyncio

from prometheus_client import CollectorRegistry

from speakerline.shared.codec import write_call
from speakerline.shared.keys import CALLS, audio_key
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import VAD
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.opening import Opener
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.ownership import Ownership
from speakerline.shared.runtime.reading import FIRST_COUNT, INBOX, READ_BYTES, ReadSet
from tests.runtime.playing import a_call, until
from tests.runtime.toy_stages import STAGES

MOST = 128


async def opened(redis: Shard, call_id: str, sizes: list[int]) -> OwnedCall:
    """A call in the hands of vad, with frames of these sizes."""
    end = 0
    for size in sizes:
        end += size
        await redis.execute_command("XADD", audio_key(call_id, 0), f"{end}-0", "pcm", bytes(size))
    await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call(call_id)))
    ownership = Ownership(redis, VAD.name, 5.0)
    await ownership.join()
    metrics = Metrics(CollectorRegistry()).for_stage(VAD.name)
    opener = Opener(redis, VAD, STAGES[VAD.name], ownership, 60, metrics, Log())
    (call,) = await opener.open(await opener.read(await ownership.take(1, set())), {})
    return call


class Reader:
    """Reads as a worker does; `answers` are entries and bytes of each answer."""

    def __init__(self, redis: Shard, *calls: OwnedCall) -> None:
        self.answers: list[tuple[int, int]] = []
        self.given = 0
        self._redis = redis
        self._calls = calls
        self._reads = ReadSet(str, [], MOST)

    async def read(self, steps: bool = True) -> None:
        """One answer; what it holds goes to the stage, unless that is busy."""
        self._reads.refresh(self._calls)
        replies = await self._redis.execute_command(*self._reads.command(1)) or []
        own = [entries for key, entries in replies if key != CALLS.encode()]
        size = sum(len(word) for entries in own for _, flat in entries for word in flat)
        self.answers.append((sum(map(len, own)), size))
        self._reads.accept(replies, 0.0)
        while steps and (units := [unit for call in self._calls if (unit := call.work.next_unit())]):
            self.given += sum(len(unit.taken) for unit in units)


async def test_few_large_frames_are_read_at_once(redis: Shard) -> None:
    reader = Reader(redis, await opened(redis, "c", [900_000] * 40))
    while reader.given < 40:
        await reader.read()
    assert max(size for _, size in reader.answers) < READ_BYTES


async def test_many_small_frames_are_read_at_once(redis: Shard) -> None:
    reader = Reader(redis, await opened(redis, "c", [160] * 1000))
    while reader.given < 1000:
        await reader.read()
    assert max(count for count, _ in reader.answers) == MOST
    assert len(reader.answers) < 20


async def test_what_comes_after_quiet_times_is_read_carefully(redis: Shard) -> None:
    """However many entries were read at once before."""
    call = await opened(redis, "c", [160] * 1000)
    reader = Reader(redis, call)
    while reader.given < 1000:
        await reader.read()
    for _ in range(10):
        await reader.read()
    for end in range(1_000_000, 21_000_000, 1_000_000):
        await redis.execute_command("XADD", audio_key("c", 0), f"{end}-0", "pcm", bytes(900_000))
    await reader.read()
    assert reader.answers[-1][0] == FIRST_COUNT


async def test_large_frames_of_many_calls_are_read_in_small_numbers(redis: Shard) -> None:
    calls = [await opened(redis, f"c{number}", [500_000] * 14) for number in range(6)]
    reader = Reader(redis, *calls)
    while reader.given < 84:
        await reader.read()
    assert [count for count, _ in reader.answers[:3]] == [6 * FIRST_COUNT, 3 * FIRST_COUNT, 12]


async def test_what_waits_in_memory_is_bounded_by_its_size(redis: Shard) -> None:
    call = await opened(redis, "c", [900_000] * 40)
    reader = Reader(redis, call)
    for _ in range(10):
        await reader.read(steps=False)
    assert sum(size for _, size in reader.answers) < 2 * READ_BYTES
    assert call.work.waiting_of(0) >= INBOX
    while reader.given < 40:
        await reader.read()
    assert call.work.waiting_of(0) == 0


async def test_who_waits_for_a_stream_that_is_written_anew_waits_on(redis: Shard) -> None:
    """Redis 7.0 answers with no entries at all."""
    entry = await redis.execute_command("XADD", CALLS, "*", "event", "refused meanwhile")
    await redis.xdel(CALLS, entry)
    reads = ReadSet(str, [], MOST)
    reads.refresh(())
    waiting = asyncio.create_task(redis.execute_command(*reads.command(2000)))
    await until(lambda: _is_waiting(redis))
    await scripts.run(redis, "rewrite", [CALLS, f"{CALLS}:copy"], "run", "", 100)
    assert reads.accept(await waiting or (), 0.0) == ([], False)
    await redis.execute_command("XADD", CALLS, "*", "event", "a call")
    assert reads.accept(await redis.execute_command(*reads.command(1)), 0.0) == ([], True)


async def _is_waiting(redis: Shard) -> bool:
    return bool((await redis.info("clients"))["blocked_clients"])
