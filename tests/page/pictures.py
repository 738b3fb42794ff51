"""`python -m tests.page.pictures`: the pictures of the page in docs/images, taken in a real browser.

The sample call goes through the pipeline first, as `speakerline process` does it; its events are then told in order.
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from speakerline.shared.codec import read
from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import body_of
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.runtime.connection import connect
from speakerline.tools.bench.told_call import ToldCall
from speakerline.tools.sample_call import sample_call
from tests.gateway.running import running
from tests.page.browser import browsing, opened
from tests.redis_server import RedisServer
from tests.timeline.conversation import transcript, words_of
from tests.timeline.events import turn

IMAGES = Path(__file__).parents[2] / "docs/images"
WIDE, NARROW = {"width": 1280, "height": 720}, {"width": 400, "height": 820}
LIVE_MS = 24_500
"""Where the picture of the running call is taken: two people, one of them at that moment."""
NAMES = (
    "ليلى حداد",
    "Ann Miller",
    "陳大文",
    "Zoë Ångström",
    "שירה לוי",
    "O'Brien & Sons",
    "Ravi",
    "Ana",
    "Jürgen",
    "Mei",
)


def sample_events() -> list[tuple[int, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "speakerline.tools.cli.main", "process", str(sample_call())]
        command += ["--pace", "realtime", "--out", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (found,) = Path(folder).glob("*.events.jsonl")
        events = [read(TIMELINE, line) for line in found.read_bytes().splitlines()]
    return [(event.at_ms, body) for event in events if (body := body_of(event)) is not None]


def crowd() -> list[tuple[int, Any]]:
    """Ten people with names in many scripts."""
    said: list[tuple[int, Any]] = [(0, v1.CallStarted(call_id="crowd", sample_rate=8000, channels=1))]
    for number, name in enumerate(NAMES):
        speaker = f"S{number + 1}"
        said += [(0, v1.SpeakerCreated(speaker_id=speaker)), (0, v1.SpeakerNamed(speaker, name, 0.9))]
        for again in range(3):
            start_ms = 900 + 1100 * number + 12_000 * again
            said.append((40_000, turn(f"{speaker}-{again}", speaker, start_ms, start_ms + 1500)))
        said.append(
            (
                40_000,
                transcript(
                    speaker,
                    *words_of(speaker, "نعم ، بالتأكيد" if number in (0, 4) else "yes, of course", 900 + 1100 * number),
                ),
            )
        )
    return said


@asynccontextmanager
async def showing(browser: Browser, port: int, call_id: str, **options: Any) -> AsyncIterator[Page]:
    async with opened(browser, f"http://127.0.0.1:{port}/call.html?id={call_id}", **options) as page:
        await expect(page.locator("#names li").first).to_be_visible()
        await page.wait_for_timeout(600)  # what is drawn at most five times a second
        yield page


async def main() -> None:
    said = await asyncio.to_thread(sample_events)
    with RedisServer() as server:
        redis = connect(server.url)
        async with running(server.url) as gateway, browsing() as browser:
            call = ToldCall(redis, "sample")
            await call.tell(*(one for one in said if one[0] <= LIVE_MS))
            async with showing(browser, gateway.port, "sample", viewport=WIDE) as page:
                await page.screenshot(path=IMAGES / "page-live.png")
            await call.tell(*(one for one in said if one[0] > LIVE_MS))
            async with showing(browser, gateway.port, "sample", viewport=WIDE, color_scheme="dark") as page:
                for _ in range(3):
                    await page.keyboard.press("n")
                await page.screenshot(path=IMAGES / "page-dark.png")
            async with showing(browser, gateway.port, "sample", viewport=NARROW) as page:
                await page.screenshot(path=IMAGES / "page-narrow.png")
            await ToldCall(redis, "crowd").tell(*crowd())
            async with showing(browser, gateway.port, "crowd", viewport={"width": 1280, "height": 1150}) as page:
                await page.screenshot(path=IMAGES / "page-crowd.png")
        await redis.aclose()


if __name__ == "__main__":
    asyncio.run(main())
