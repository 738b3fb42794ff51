"""docs/producing.md is true: its redis-cli examples run, in the order of the page, and the timelines end."""

import asyncio
import inspect
import re
import shutil
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path

import pytest

from speakerline.shared.client.forget import forget
from speakerline.shared.client.outbox import Outbox
from speakerline.shared.client.producer import LIMIT_S
from speakerline.shared.codec import MAX_CHANNELS, InvalidEvent, read_call
from speakerline.shared.contract.v1 import CallEnded, CallStarted, Encoding, EndReason, Gap, GapReason
from speakerline.shared.keys import CALLS, FIREHOSE, LAST_POSITION, REFUSED, audio_key, dead_key
from speakerline.shared.pipeline import AUDIO, readers_of
from speakerline.shared.runtime.connection import connect
from speakerline.shared.runtime.log import read_frame
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.stage import AudioClosed, Frame
from tests.e2e.conftest import SHORT_S
from tests.e2e.decoded import bodies
from tests.e2e.sample_call import pcm
from tests.e2e.system import System

PAGE = Path(__file__).resolve().parents[2] / "docs" / "producing.md"
NOW = 1718000001.0
TEXT = " ".join(PAGE.read_text().split())
EXAMPLES = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


async def output_of(examples: list[str], folder: Path, url: str) -> str:
    """What one shell says to all of them, one after the other; its errors are errors."""
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", "\n".join(examples)),
        cwd=folder,
        env={"REDIS_URL": url, "PATH": "/usr/local/bin:/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await asyncio.wait_for(shell.communicate(), 60)
    assert shell.returncode == 0, complained.decode()
    assert not complained
    return said.decode()


@pytest.mark.skipif(
    shutil.which("redis-cli") is None, reason="redis-cli is not on the PATH: apt-get install redis-tools"
)
async def test_the_examples_run_and_their_timelines_end(system: System, beginning: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "call.ulaw").write_bytes(pcm(Encoding.MULAW, SHORT_S))
    said = await output_of(EXAMPLES, tmp_path, system.url)
    assert "call_started" in said
    assert "sample_rate 44100: expected 8000 or 16000" in said

    mono = await system.timeline("desk-7-0001")
    told = [line for line in mono if b'"call_started"' not in line]
    assert told == [line for line in beginning if b'"call_started"' not in line]

    stereo = await system.timeline("desk-7-0002")
    assert bodies(stereo, CallStarted)[0].metadata == {"queue": "sales"}
    lost = [(gap.channel, gap.start_ms, gap.end_ms, gap.reason) for gap in bodies(stereo, Gap)]
    assert lost == [(0, 1000, 2000, GapReason.SHED)]
    assert bodies(stereo, CallEnded) == [CallEnded(end_ms=3000, reason=EndReason.HANGUP)]


@pytest.mark.skipif(
    shutil.which("redis-cli") is None, reason="redis-cli is not on the PATH: apt-get install redis-tools"
)
async def test_whether_a_call_was_erased_can_be_asked(redis_url: str, tmp_path: Path) -> None:
    (asks,) = (example for example in EXAMPLES if "forgotten:" in example)
    redis = connect(redis_url)
    await redis.execute_command("XADD", CALLS, "*", "event", '{"call_id": "erased"}')
    await forget(redis_url, "erased")
    await redis.aclose()
    said = [await output_of(["URL=$REDIS_URL", f"ID={name}", asks], tmp_path, redis_url) for name in ("erased", "lost")]
    assert said == ["1\n", "0\n"]


def test_every_command_of_the_page_is_in_an_example_that_runs() -> None:
    assert len(EXAMPLES) >= 5
    for words in ("0-1 start 1", "XADD calls", "NOMKSTREAM", "9007199254740991-0 end hangup", "shed 1", "low:audio:0"):
        assert any(words in example for example in EXAMPLES), words


def test_the_readers_of_sound_are_those_that_the_pipeline_names() -> None:
    (named,) = re.findall(r"for stage in ([a-z ]+); do", "".join(EXAMPLES))
    assert tuple(named.split()) == readers_of(AUDIO)
    counts = {2: "two", 3: "three", 4: "four", 5: "five"}
    assert f"the lowest of the {counts[len(readers_of(AUDIO))]}" in TEXT


def test_the_limits_are_those_of_the_python_client_and_the_workers() -> None:
    defaults = inspect.signature(Outbox).parameters
    buffer_s, replay_s = defaults["buffer_s"].default, defaults["replay_s"].default
    assert f"more than {LIMIT_S:.0f} s of samples behind what you send, stop and buffer up to {buffer_s:.0f} s" in TEXT
    assert f"After each reconnect send again the frames that it accepted in the last {replay_s:.0f} s" in TEXT
    assert f"jitter buffer of {defaults['reorder_ms'].default} ms" in TEXT
    text, workers = " ".join(TEXT.split()), WorkerOptions()
    assert f"on which nothing comes for {workers.idle_s:.0f} s (`SPEAKERLINE_IDLE_S`) is `idle`" in text
    assert (
        f"After {workers.idle_close_s:.0f} s (`SPEAKERLINE_IDLE_CLOSE_S`) it is closed with `END_REASON_IDLE`" in text
    )
    assert WorkerOptions().ttl_s == 3600 and "stays readable for an hour after its end" in TEXT


def test_ids_and_keys_are_those_of_the_code() -> None:
    assert set(re.findall(r"\b\d{16}\b", TEXT)) == {str(LAST_POSITION)}
    assert {CALLS, REFUSED, FIREHOSE} <= set(re.findall(r"[a-z:]+", TEXT))
    keys = (audio_key("ID", 0)[:-1] + "<channel>", dead_key("ID"))
    assert all(f"`{key}`" in TEXT or f"{key} " in TEXT for key in keys)


def test_the_fields_of_a_frame_are_those_that_a_reader_takes() -> None:
    frame = read_frame(0, b"160-0", [b"shed", b"1", b"pcm", b"xy", b"audio_at", b"1718000000.125"], NOW)
    assert (frame.entry, frame.audio_at) == (Frame(0, 160, b"xy", shed=True), 1718000000.125)
    assert isinstance(frame.entry, Frame) and frame.entry.audio_at == 1718000000.125
    assert all(f"`{word}" in TEXT for word in ("shed 1`", "audio_at`")) and "<end>-0 pcm <bytes>" in TEXT
    assert read_frame(0, b"0-1", [b"start", b"1"], NOW).entry is None
    closing = read_frame(0, f"{LAST_POSITION}-0".encode(), [b"end", b"hangup"], NOW)
    assert closing.entry == AudioClosed(0, EndReason.HANGUP)


def test_the_fields_of_an_announcement_and_the_reasons_are_those_of_the_contract() -> None:
    table = re.findall(r"^\| (`.*?`) \| ", PAGE.read_text().partition("| field | |")[2], re.MULTILINE)
    named = [name for cell in table for name in re.findall(r"`(\w+)`", cell)]
    assert named and set(named) <= {field.name for field in fields(CallStarted)}
    assert set(re.findall(r"GAP_REASON_(\w+)", TEXT)) <= {reason.name for reason in GapReason}
    assert set(re.findall(r"ENCODING_(\w+)", TEXT)) == {one.name for one in Encoding} - {"UNSPECIFIED"}
    assert f"1 to {MAX_CHANNELS}; 1 where it is missing" in TEXT


@pytest.mark.parametrize(
    ("announced", "reason"),
    [("44100", "sample_rate 44100: expected 8000 or 16000"), ("8000", "")],
    ids=["a rate that the page does not name", "a rate that it names"],
)
def test_a_rate_is_refused_where_the_page_does_not_name_it(announced: str, reason: str) -> None:
    assert "| `sample_rate` | 8000 or 16000," in TEXT
    call = f'{{"call_id": "c", "sample_rate": {announced}, "encoding": "ENCODING_S16LE"}}'.encode()
    with pytest.raises(InvalidEvent, match=reason) if reason else nullcontext():
        read_call(call)
