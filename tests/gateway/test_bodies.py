"""What is sent with a request: nothing of a stranger's is read, and no more than has sense of anybody's."""

import asyncio
from pathlib import Path

import pytest

from speakerline.services.gateway.auth.principal import ALL_ROLES, Principal
from speakerline.services.gateway.auth.settings import AuthSettings
from speakerline.services.gateway.bodies import LARGEST_JSON
from tests.gateway.running import HANG_S, Running, running
from tests.gateway.test_auth import keys_in

POSTS = ("/audiosocket", "/calls/desk/voices", "/calls/desk/corrections")


async def status_of(gateway: Running, path: str, announced: int, sent: bytes, method: str = "POST") -> int:
    """The answer to a request that has sent so much of a body of so many bytes, and waits."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{gateway.port}", f"Content-Length: {announced}"]
    writer.write("\r\n".join([*head, "", ""]).encode() + sent)
    line = await asyncio.wait_for(reader.readline(), HANG_S)
    writer.close()
    return int(line.split()[1])


@pytest.mark.parametrize("path", POSTS)
async def test_a_stranger_is_refused_before_the_body_is_read(redis_url: str, tmp_path: Path, path: str) -> None:
    file, _ = keys_in(tmp_path, Principal("acme", ALL_ROLES))
    async with running(redis_url, auth=AuthSettings(keys=str(file))) as gateway:
        assert await status_of(gateway, path, 150_000_000, b"") == 401
        assert (await gateway.client.post(path, content=b'{"legs":')).status_code == 401


@pytest.mark.parametrize("path", POSTS[:2])
async def test_json_is_read_no_further_than_it_has_sense(redis_url: str, path: str) -> None:
    async with running(redis_url) as gateway:
        assert await status_of(gateway, path, 150_000_000, b" " * (LARGEST_JSON + 1)) == 413


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"legs":', "the body: expected EOF while parsing a value at line 1 column 8"),
        (b"[]", "the body: expected an object"),
        (b"{}", "legs is missing: expected a value"),
        (b'{"legs": ["desk"]}', "legs.0: expected a valid UUID"),
        (b'{"legs": [], "language": 7}', "legs: expected at least 1 item after validation, not 0"),
        (b'{"legs": ["0b4c8a52-6f0e-4a3b-9d7e-1c2f3a4b5c6d"], "language": 7}', "language: expected a valid string"),
    ],
)
async def test_what_is_wrong_is_told_in_a_sentence(redis_url: str, body: bytes, said: str) -> None:
    async with running(redis_url) as gateway:
        answer = await gateway.client.post("/audiosocket", content=body)
    assert (answer.status_code, answer.json()["detail"][: len(said)]) == (400, said)


async def test_no_route_says_that_it_answers_otherwise(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        paths = (await gateway.json("/openapi.json"))["paths"]
    responses = [one["responses"].keys() for methods in paths.values() for one in methods.values()]
    assert len(responses) > 15 and not any("422" in one for one in responses)
