"""Enrolled voices over HTTP."""

import io
import wave

import numpy as np
import pytest

from speakerline.services.gateway.uploads import RATE, samples_of
from speakerline.shared.audio.pcm import InvalidAudio
from tests.e2e.sample_call import alone, labels
from tests.gateway.running import running


def wav(samples: bytes, rate: int, channels: int = 1, width: int = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(samples)
    return file.getvalue()


TONE = (np.sin(2 * np.pi * 300 * np.arange(16000) / RATE) * 8000).astype("<i2")


def test_bare_samples_and_a_file_of_them_are_the_same_sound() -> None:
    bare = samples_of(TONE.tobytes(), RATE)
    assert (samples_of(wav(TONE.tobytes(), RATE), 8000) == bare).all()
    both = np.stack([TONE, TONE], axis=1).tobytes()
    assert (samples_of(wav(both, RATE, channels=2), 8000) == bare).all()
    assert (bare * 32768 == TONE).all()


def test_another_rate_is_brought_to_sixteen_kilohertz() -> None:
    slow = samples_of(TONE[::2].tobytes(), 8000)
    assert len(slow) == RATE
    assert np.abs(slow * 32768 - TONE)[500:-500].max() < 20


@pytest.mark.parametrize("body", [b"RIFF", b"RIFF0000WAVEfmt ", wav(b"\x80" * 800, 8000, width=1), wav(b"", 4000)])
def test_other_files_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidAudio, match="expected"):
        samples_of(body, RATE)


async def test_a_voice_is_enrolled_listed_and_erased(redis_url: str) -> None:
    sound = alone(sorted(labels())[0], RATE).tobytes()
    async with running(redis_url) as gateway:
        path = "/voices/Ann%20Miller%2F2"
        enrolled = (await gateway.client.put(path, content=sound)).json()
        assert (enrolled["name"], enrolled["clean_s"] >= 3) == ("Ann Miller/2", True)
        assert (await gateway.json("/voices"))["voices"] == [enrolled]
        assert (await gateway.client.delete(path)).json() == {"erased": "Ann Miller/2"}
        assert (await gateway.client.delete(path)).status_code == 404
        assert await gateway.json("/voices") == {"voices": []}


async def test_what_is_no_voice_is_refused_with_what_is_expected(redis_url: str) -> None:
    async with running(redis_url, gateway_upload_bytes=100_000) as gateway:
        silent = await gateway.client.put("/voices/Ann", content=bytes(64_000))
        assert (silent.status_code, "expected at least 3 s" in silent.json()["detail"]) == (400, True)
        assert (await gateway.client.put("/voices/Ann", content=bytes(100_001))).status_code == 413
        assert (await gateway.client.put("/voices/%40acme%2FAnn", content=bytes(100))).status_code == 400
        assert await gateway.json("/voices") == {"voices": []}
