"""Each kind of process does its whole work as its own user of Redis, and can do nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis.exceptions import AuthenticationError, NoPermissionError

from speakerline.shared.addresses import with_shards
from speakerline.shared.client.amendments import amend
from speakerline.shared.client.forget import forget
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.client.voiceprints import StoredVoiceprint
from speakerline.shared.client.voices import Voices
from speakerline.shared.contract import v1
from speakerline.shared.keys import FIREHOSE, amending_key
from speakerline.shared.runtime.connection import connect
from speakerline.tools.bench.told_call import ToldCall
from speakerline.tools.operation.access import ADMIN, ROLES, acl_file, new_passwords, write_users
from tests.archive.running import Database, running_archive, sqlite_url
from tests.redis_server import RedisServer
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.toy_stages import POISON

PASSWORDS = new_passwords()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """With the users, and one for the test that may do anything."""
    server = RedisServer(aof=True)
    file = server.folder / "users.acl"
    file.write_text(acl_file(PASSWORDS).replace("user default off resetpass", "user default on nopass"))
    server._settings["aclfile"] = str(file)
    with server:
        yield server


def url_of(server: RedisServer, role: str) -> str:
    return f"redis://speakerline-{role}:{PASSWORDS[role]}@127.0.0.1:{server.port}/0"


async def denied(redis: Any) -> set[tuple[str, str]]:
    """Who was refused what; how a client calls itself is nobody's right."""
    log = await redis.acl_log(count=1000)
    return {(one["username"], one["object"]) for one in log if not one["object"].startswith("client")}


@pytest.mark.parametrize("shards", [1, 3], ids=["on one shard", "on three"])
async def test_a_call_is_sent_worked_on_watched_archived_and_erased_by_five_users(
    server: RedisServer, tmp_path: Path, shards: int
) -> None:
    database = Database(sqlite_url(tmp_path))
    stage, producer_url, watcher, gateway, archive = (
        with_shards(url_of(server, role), shards) for role in ("stage", "producer", "watcher", "gateway", "archive")
    )
    admin, url = connect(server.url), with_shards(server.url, shards)
    await admin.flushall()
    await admin.acl_log_reset()
    archiving = running_archive(archive, database.url)
    async with working(stage), archiving, producing(producer_url) as producer:
        for number, special in enumerate(({}, {7: POISON})):
            await play(producer, a_call(f"c{number}"), frames_of(number, 40, special))
            await timeline(url, f"c{number}")
            await database.ended(f"c{number}")
        async with Subscriber(watcher) as subscriber:
            events = [event async for event in subscriber.follow("c0")]
            assert (await subscriber.timeline("c0")).ended
            assert await subscriber.exists("c1") and not await subscriber.erased("c1")
            async for _, event in subscriber.follow_all("0-0"):
                assert event.call_id in ("c0", "c1")
                break
            assert {call.call_id for call in await subscriber.calls()} <= {"c0", "c1"}
        assert events[-1].call_ended
        async with Voices(gateway) as voices:
            await voices.store("Ann", StoredVoiceprint("campplus", "AAAA", 3.0))
        erased = await forget(gateway, "c0")
        assert erased.deleted > 0 and not erased.left
        assert not database.snapshot("c0")
        async with producing(gateway) as gateway_producer:
            await play(gateway_producer, a_call("c2"), frames_of(2, 40))
        await timeline(url, "c2")
        await until(lambda: _finished(url))
    assert await denied(admin) == set()
    await admin.aclose()
    database.close()


async def test_the_gateway_may_correct_calls_that_have_ended(server: RedisServer) -> None:
    admin, gateway = connect(server.url), connect(url_of(server, "gateway"))
    await admin.flushall()
    await admin.acl_log_reset()
    said = [v1.CallStarted("c", 8000, channels=1), v1.SpeakerCreated("S1"), v1.CallEnded(100, v1.EndReason.HANGUP)]
    await ToldCall(admin, "c").tell(*((100, one) for one in said))
    await amend(gateway, "c", v1.Correction("k", name_speaker=v1.NameSpeaker("S1", "Ann")))
    assert await gateway.set(gateway.key(amending_key("c")), "mine", nx=True, px=1000)
    writing = gateway.pipeline(transaction=True)
    writing.xadd(FIREHOSE, {"call_id": "c"})
    await writing.execute()
    assert await denied(admin) == set()
    await gateway.aclose()
    await admin.aclose()


async def test_a_redis_with_these_users_has_everything_after_a_crash() -> None:
    server = RedisServer(aof=True)
    (server.folder / "users.acl").write_text(acl_file(PASSWORDS))
    server._settings["aclfile"] = str(server.folder / "users.acl")
    server.login = (f"speakerline-{ADMIN}", PASSWORDS[ADMIN])
    with server:
        async with working(url_of(server, "stage")), producing(url_of(server, "producer")) as producer:
            await play(producer, a_call("c"), frames_of(1, 20))
            before = await timeline(url_of(server, "watcher"), "c")
        server.restart(crash=True)
        assert await timeline(url_of(server, "watcher"), "c") == before and before
        nobody = connect(server.url)
        with pytest.raises(AuthenticationError):
            await nobody.ping()
        await nobody.aclose()


async def _finished(url: str) -> bool:
    """Whether the stages are done with all calls, so that each script has run."""
    async with Subscriber(url) as subscriber:
        return not await subscriber.calls()


@pytest.mark.parametrize(
    ("role", "command"),
    [
        pytest.param("producer", "XRANGE call:{c}:timeline - +", id="a producer reads no timeline"),
        pytest.param("producer", "XREAD STREAMS timeline 0", id="nor the events of all calls"),
        pytest.param("producer", "HGETALL voiceprints", id="nor voices"),
        pytest.param("producer", "DEL call:{c}:meta", id="and erases nothing"),
        pytest.param("watcher", "XADD timeline * event x", id="a watcher writes no event"),
        pytest.param("watcher", "XRANGE call:{c}:audio:0 - +", id="and hears no sound"),
        pytest.param("archive", "XADD timeline * event x", id="an archive writes no event"),
        pytest.param("archive", "HGETALL voiceprints", id="and reads no voices"),
        pytest.param("stage", "GET something:else", id="and reads no key of others"),
        pytest.param("producer", "XRANGE {calls_2}:call:{c}:timeline - +", id="on no shard"),
        pytest.param("stage", "GET {other}:calls", id="nor one that only looks like a shard's"),
        *(
            pytest.param(role, command, id=f"{role}: {command}")
            for role in ROLES
            for command in ("FLUSHALL", "CONFIG SET dir /tmp", "KEYS *", "ACL LIST", "MONITOR", "SHUTDOWN", "EVAL x 0")
        ),
    ],
)
async def test_what_a_user_may_not(server: RedisServer, role: str, command: str) -> None:
    redis = connect(url_of(server, role))
    with pytest.raises(NoPermissionError):
        await redis.execute_command(*command.split())
    await redis.aclose()


def test_the_file_holds_no_password_and_nobody_without_one() -> None:
    text = acl_file(PASSWORDS)
    assert not any(password in text for password in PASSWORDS.values())
    assert text.startswith("user default off resetpass ") and "nopass" not in text
    users = re.findall(r"^user (\S+) on #[0-9a-f]{64} ", text, re.MULTILINE)
    assert users == [f"speakerline-{name}" for name in (ADMIN, *ROLES)]


def test_each_who_is_told_something_has_a_folder_of_its_own(tmp_path: Path) -> None:
    write_users(tmp_path, "redis://redis:6379/0")
    files = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*.*")}
    assert files == {"redis/users.acl": 0o640, "redis/admin.password": 0o640}
    urls = {path.parent.name: path for path in tmp_path.glob("*/url")}
    assert urls.keys() == ROLES.keys() and {path.stat().st_mode & 0o777 for path in urls.values()} == {0o600}
    passwords = {role: str(urlsplit(path.read_text("utf-8")).password) for role, path in urls.items()}
    assert all(
        path.read_text("utf-8") == f"redis://speakerline-{role}:{passwords[role]}@redis:6379/0\n"
        for role, path in urls.items()
    )
    passwords[ADMIN] = (tmp_path / "redis/admin.password").read_text("utf-8").strip()
    assert (tmp_path / "redis/users.acl").read_text("utf-8") == acl_file(passwords)
    assert len(set(passwords.values())) == len(passwords)


def test_users_that_are_written_again_keep_their_passwords_and_get_the_rights_of_today(tmp_path: Path) -> None:
    write_users(tmp_path, "redis://old:6379/0")
    acl, old = tmp_path / "redis/users.acl", (tmp_path / "stage/url").read_text("utf-8")
    before = acl.read_text("utf-8")
    acl.write_text("user default on\n")
    write_users(tmp_path, "rediss://new:6380/1")
    assert acl.read_text("utf-8") == before
    assert (tmp_path / "stage/url").read_text("utf-8") == old.replace("redis://", "rediss://").replace(
        "old:6379/0", "new:6380/1"
    )
