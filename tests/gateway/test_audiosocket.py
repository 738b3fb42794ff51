"""Connections of AudioSocket that were announced: whose they are, and two of them as one call."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from speakerline.services.gateway.audiosocket.announcements import Announcements
from speakerline.services.gateway.audiosocket.announcements import Leg as Said
from speakerline.services.gateway.auth.keys import key_line, make_key
from speakerline.services.gateway.auth.principal import Principal, Refused, Role
from speakerline.services.gateway.auth.settings import AuthSettings
from speakerline.services.gateway.dialects.audiosocket_legs import AudioSocketLegs
from speakerline.services.gateway.dialects.base import Key, Opened, Sound
from speakerline.services.gateway.dialects.closing import Violation
from speakerline.services.gateway.intake.intake import Intake
from speakerline.services.gateway.intake.settings import IntakeSettings
from speakerline.shared.addresses import addresses
from speakerline.shared.contract.v1 import Encoding
from speakerline.shared.runtime.connection import Shard, connect
from tests.gateway.calling import Logs
from tests.gateway.running import HANG_S, Running, running
from tests.ports import free_port
from tests.runtime.playing import until

CALL = Opened("c", 8000, Encoding.S16LE, 2)
FRAME = b"\x10\x01\x40" + bytes(320)
SPOKEN = b"\x10\x01\x40" + b"\x01" * 320
"""No silence, which the gateway itself adds where nothing comes for long."""
WIDE = b"\x12\x02\x80" + bytes(640)


def hello(uuid: UUID) -> bytes:
    return b"\x01\x00\x10" + uuid.bytes


def of_leg(number: int, data: bytes) -> bytes:
    return bytes((number,)) + data


def test_the_first_sound_opens_the_call_and_each_leg_is_a_channel() -> None:
    dialect = AudioSocketLegs(CALL, 2)
    assert dialect.receive(of_leg(1, hello(uuid4()) + b"\x03\x00\x017")) == []
    assert dialect.receive(of_leg(1, WIDE)) == [
        Opened("c", 16_000, Encoding.S16LE, 2),
        Key(1, "7"),
        Sound(1, bytes(640)),
    ]
    assert dialect.receive(of_leg(0, hello(uuid4()) + WIDE)) == [Sound(0, bytes(640))]
    assert dialect.receive(of_leg(1, b"\x00\x00\x00")) == []
    assert dialect.receive(of_leg(0, WIDE)) == [Sound(0, bytes(640))]


def test_legs_of_different_rates_are_refused() -> None:
    dialect = AudioSocketLegs(CALL, 2)
    dialect.receive(of_leg(0, hello(uuid4()) + WIDE))
    with pytest.raises(Violation, match="sound at 8000 Hz: the other leg of the call has 16000 Hz"):
        dialect.receive(of_leg(1, hello(uuid4()) + FRAME))


def test_a_channel_that_joins_late_lies_where_it_is_heard() -> None:
    intake = Intake(CALL)
    for number in range(300):
        intake.sound(Sound(0, bytes(320)), 10.02 + 0.02 * number)
    heard = []
    for number in range(20):
        intake.sound(Sound(1, bytes(320)), 13.02 + 0.02 * number)
        heard += [(one.end_sample - len(one.pcm) // 2, one.end_sample) for one in intake.frames() if one.channel]
    assert (heard[0][0], heard[-1][1]) == (24_000, 24_000 + 20 * 160)
    assert all(before[1] == after[0] for before, after in pairwise(heard))


class Leg:
    """Asterisk's end of a connection."""

    @classmethod
    async def connect(cls, port: int, uuid: UUID) -> "Leg":
        leg = cls()
        leg.reader, leg.writer = await asyncio.open_connection("127.0.0.1", port)
        leg.writer.write(hello(uuid))
        return leg

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def talk(self, frames: int) -> None:
        self.writer.write(SPOKEN * frames)
        await self.writer.drain()

    async def hang_up(self) -> None:
        self.writer.write_eof()
        await self.told()

    async def told(self) -> bytes:
        """What the gateway says before it closes."""
        said = await asyncio.wait_for(self.reader.read(), HANG_S)
        self.writer.close()
        return said


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def logs(redis_url: str) -> AsyncIterator[Logs]:
    logs = Logs(redis_url)
    yield logs
    await logs.aclose()


async def announced(gateway: Running, *legs: UUID, status: int = 201, **said: Any) -> str:
    answer = await gateway.client.post("/audiosocket", json={"legs": [str(leg) for leg in legs], **said})
    assert answer.status_code == status, answer.text
    found: str = answer.json().get("call_id") or answer.json()["detail"]
    return found


async def test_nothing_is_announced_where_nobody_listens(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        said = await announced(gateway, uuid4(), status=409)
    assert said == "AudioSocket is off here: SPEAKERLINE_INTAKE_AUDIOSOCKET_PORT names its port"


async def test_two_connections_are_the_channels_of_one_call(redis_url: str, port: int, logs: Logs) -> None:
    agent, customer = uuid4(), uuid4()
    async with running(redis_url, intake=IntakeSettings(audiosocket_port=port)) as gateway:
        told: dict[str, Any] = {"call_id": "desk-7", "parties": ["agent", "customer"], "language": "en"}
        told["metadata"] = {"queue": "sales"}
        assert await announced(gateway, agent, customer, **told) == "desk-7"
        first = await Leg.connect(port, customer)
        await first.talk(5)
        (call,) = await logs.calls(1)
        second = await Leg.connect(port, agent)
        await second.talk(5)
        await until(lambda: logs.entries("desk-7", 0))
        await first.hang_up()
        await second.talk(5)
        await second.hang_up()
    assert (call["call_id"], call["channels"], call["channel_mode"]) == ("desk-7", 2, "CHANNEL_MODE_SEPARATE")
    assert call["metadata"] == {"queue": "sales", "channel_0": "agent", "channel_1": "customer"}
    assert call["language"] == "en"
    closed = [await logs.closed("desk-7", channel) for channel in (0, 1)]
    assert [sum(fields["pcm"].count(1) for _, fields in one) for one in closed] == [10 * 320, 5 * 320]
    assert len(await logs.announced()) == 1
    assert await logs.keys("audiosocket:*") == []


@pytest.mark.parametrize("legs", [1, 2])
async def test_another_announcement_of_a_call_that_runs_is_another_call(
    redis_url: str, port: int, logs: Logs, legs: int
) -> None:
    later = [uuid4() for _ in range(legs)]
    async with running(redis_url, intake=IntakeSettings(audiosocket_port=port)) as gateway:
        uuid = uuid4()
        await announced(gateway, uuid, call_id="desk-7")
        first = await Leg.connect(port, uuid)
        await first.talk(5)
        await logs.calls(1)
        await announced(gateway, *later, call_id="desk-7")
        second = await Leg.connect(port, later[-1])
        await second.talk(3)
        (call, other) = await logs.calls(2)
        await first.talk(5)
        await second.hang_up()
        await first.hang_up()
    assert (call["call_id"], other["call_id"][:7], other["channels"]) == ("desk-7", "desk-7-", legs)
    sound = [sum(len(fields["pcm"]) for _, fields in await logs.closed("desk-7", 0))]
    sound += [sum(len(fields["pcm"]) for _, fields in await logs.closed(other["call_id"], legs - 1))]
    assert sound == [10 * 320, 3 * 320]


async def test_a_call_belongs_to_the_tenant_that_announced_it(
    redis_url: str, port: int, logs: Logs, tmp_path: Path
) -> None:
    uuid, key = uuid4(), make_key()
    (tmp_path / "keys").write_text(key_line(key, Principal("acme", frozenset({Role.PRODUCE})), "pbx") + "\n")
    intake, auth = IntakeSettings(audiosocket_port=port), AuthSettings(keys=str(tmp_path / "keys"))
    async with running(redis_url, key=key, intake=intake, auth=auth) as gateway:
        assert await announced(gateway, uuid) == str(uuid)
        leg = await Leg.connect(port, uuid)
        await leg.talk(5)
        await leg.hang_up()
        (call,) = await logs.calls(1)
    assert (call["call_id"], call["tenant"]) == (f"@acme/{uuid}", "acme")


def test_a_connection_that_the_end_of_the_process_cuts_short_is_no_fault(
    redis_url: str, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with running(redis_url, intake=IntakeSettings(audiosocket_port=port)) as gateway:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(hello(uuid4()))
            await until(lambda: gateway.counted("sockets", dialect="audiosocket"))

    asyncio.run(run())
    assert [record for record in caplog.records if record.name == "asyncio"] == []


async def test_where_it_is_asked_for_only_announced_connections_are_taken(
    redis_url: str, port: int, logs: Logs
) -> None:
    intake = IntakeSettings(audiosocket_port=port, audiosocket_announced=True, hello_s=0.3)
    async with running(redis_url, intake=intake) as gateway:
        uuid = uuid4()
        await announced(gateway, uuid)
        taken = await Leg.connect(port, uuid)
        await taken.talk(1)
        for used_or_unknown in (uuid, uuid4()):
            stranger = await Leg.connect(port, used_or_unknown)
            assert await stranger.told() == b"\x00\x00\x00"
        silent = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(silent[0].read(), HANG_S) == b"\x00\x00\x00"
        silent[1].close()
        assert gateway.counted("refused_total", reason="not_announced") == 2
        assert gateway.counted("refused_total", reason="no_hello") == 1
        await taken.hang_up()
    assert len(await logs.announced()) == 1


@pytest.mark.parametrize(
    ("legs", "said", "status", "told"),
    [
        pytest.param([1, 1], {}, 400, "legs: expected UUIDs that differ", id="the same leg twice"),
        pytest.param([1], {"parties": ["a", "b"]}, 400, "expected at most 1", id="more parties than legs"),
        pytest.param([1], {"call_id": "a b"}, 400, "call id 'a b': expected 1 to 200 printable", id="an impossible id"),
        pytest.param([1], {"language": "klingon!"}, 400, "language 'klingon!': expected an ISO", id="no language"),
        pytest.param([1], {"metadata": {"a": "b" * 64_001}}, 400, "metadata of 64002 bytes", id="much metadata"),
        pytest.param([2, 7], {}, 409, "is announced already", id="a leg of another call"),
    ],
)
async def test_an_announcement_is_refused_with(
    redis_url: str, port: int, legs: list[int], said: dict[str, Any], status: int, told: str, logs: Logs
) -> None:
    async with running(redis_url, intake=IntakeSettings(audiosocket_port=port)) as gateway:
        await announced(gateway, UUID(int=7))
        assert told in await announced(gateway, *map(UUID, map("{:032x}".format, legs)), status=status, **said)
        assert await logs.keys("audiosocket:*") == [f"audiosocket:{UUID(int=7)}"]


async def test_an_announcement_that_cannot_be_read_ends_the_connection(redis_url: str, port: int, logs: Logs) -> None:
    uuid, redis = uuid4(), connect(redis_url)
    await redis.set(f"audiosocket:{uuid}", "{")
    await redis.aclose()
    async with running(redis_url, intake=IntakeSettings(audiosocket_port=port)) as gateway:
        leg = await Leg.connect(port, uuid)
        assert await leg.told() == b"\x00\x00\x00"
        assert gateway.counted("refused_total", reason="fault") == 1
    assert await logs.announced() == []


@pytest.fixture
async def shards(redis_url: str) -> AsyncIterator[list[Shard]]:
    found = [connect(address) for address in addresses(f"{redis_url}?shards=3")]
    yield found
    for shard in found:
        await shard.aclose()


async def test_announcements_are_spread_over_the_shards(shards: list[Shard]) -> None:
    uuids = [str(uuid4()) for _ in range(30)]
    await Announcements(shards).announce(uuids, Said("acme", 0, len(uuids), CALL))
    counts = [len(await shard.keys(shard.key("audiosocket:*"))) for shard in shards]
    assert sum(counts) == 30 and all(counts)
    legs = [await Announcements(shards).take(uuid) for uuid in uuids]
    assert [leg.number for leg in legs if leg] == list(range(30))
    assert await Announcements(shards).take(uuids[0]) is None


async def test_legs_are_announced_all_or_none_on_whatever_shard(shards: list[Shard]) -> None:
    announcements, (first, second, third) = Announcements(shards), (str(uuid4()) for _ in range(3))
    await announcements.announce([third], Said("acme", 0, 1, CALL))
    with pytest.raises(Refused, match=f"{third} is announced already"):
        await announcements.announce([first, second, third], Said("acme", 0, 3, CALL))
    assert [await announcements.take(uuid) for uuid in (first, second)] == [None, None]
    taken = await announcements.take(third)
    assert taken and taken == Said("acme", 0, 1, CALL, taken.announcement)
