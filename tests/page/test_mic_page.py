"""The microphone page: what a browser's microphone hears is the sound of a call."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
import soundfile
from playwright.async_api import Browser, expect

from tests.gateway.calling import Logs
from tests.gateway.running import Running
from tests.page.browser import browsing, opened, violations
from tests.runtime.playing import until

RATE, TONE_HZ = 48_000, 440
PIECE = 1600
"""100 ms at the 16 kHz of the call."""


@pytest_asyncio.fixture(loop_scope="session")
async def talking(tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser whose microphone hears a tone, over and over."""
    sound = tmp_path / "tone.wav"
    soundfile.write(sound, 0.3 * np.sin(2 * np.pi * TONE_HZ * np.arange(10 * RATE) / RATE), RATE, "PCM_16")
    fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    async with browsing(*fake, f"--use-file-for-fake-audio-capture={sound}") as started:
        yield started


async def test_what_the_microphone_hears_is_a_call_until_it_is_stopped(
    talking: Browser, gateway: Running, redis_url: str
) -> None:
    logs = Logs(redis_url)
    async with opened(talking, f"http://127.0.0.1:{gateway.port}/mic.html", permissions=["microphone"]) as page:
        await page.fill("[name=id]", "desk-7")
        await page.click("#start")
        await expect(page.locator("#state")).to_have_text("live")
        await expect(page.locator("#watch")).to_have_attribute("href", "call.html?id=desk-7")
        await until(lambda: _has(logs, 12))
        assert float(await page.locator("#level").evaluate("(meter) => meter.value")) > -20
        await page.click("#stop")
        await expect(page.locator("#state")).to_have_text("off")
        await expect(page.locator("#told")).to_have_text("")
    (call,) = await logs.announced()
    assert (call["call_id"], call["sample_rate"], call["metadata"]) == ("desk-7", 16_000, {"source": "microphone"})
    entries = await logs.closed("desk-7")
    samples = np.frombuffer(b"".join(fields["pcm"] for _, fields in entries[2:]), "<i2")
    assert entries[-1][0] >= 12 * PIECE
    assert np.argmax(np.abs(np.fft.rfft(samples[:16_000]))) == pytest.approx(TONE_HZ, abs=2)
    await logs.aclose()


async def test_without_a_microphone_it_says_so(browser: Browser, gateway: Running) -> None:
    async with opened(browser, f"http://127.0.0.1:{gateway.port}/mic.html") as page:
        await page.click("#start")
        await expect(page.locator("#told")).to_contain_text("no microphone")
        await expect(page.locator("#start")).to_be_enabled()
        assert await violations(page) == []


async def _has(logs: Logs, count: int) -> bool:
    return len(await logs.entries("desk-7")) >= count
