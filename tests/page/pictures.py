"""`python -m tests.page.pictures [NAME...]`: the pictures of the page in docs/images, taken in a real browser.

The sample call goes through the pipeline first, as `speakerline process` does it; its events are then told in order.
`live` plays it at the pace of speech: on a busy machine words come late, and the picture shows it.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from speakerline.shared.archive.settings import ArchiveSettings
from speakerline.shared.runtime.connection import connect
from speakerline.tools.bench.told_call import ToldCall
from tests.archive.running import sqlite_url
from tests.gateway.running import running
from tests.page.browser import browsing, opened
from tests.page.scenes import archived, crowd, office, sample_events
from tests.redis_server import RedisServer

IMAGES = Path(__file__).parents[2] / "docs/images"
WIDE, NARROW = {"width": 1280, "height": 720}, {"width": 400, "height": 820}
LIVE_MS = 24_500
"""Where the picture of the running call is taken: two people, one of them at that moment."""
DRAWN_MS = 600
"""What is drawn at most five times a second is there by then."""

sample = cache(sample_events)


class Studio:
    """A browser before a gateway whose Redis and archive are empty. `name`: that of the picture."""

    def __init__(self, browser: Browser, port: int, redis: Any, archive: ArchiveSettings, name: str) -> None:
        self.redis, self.archive = redis, archive
        self._browser, self._port, self._name = browser, port, name

    @asynccontextmanager
    async def showing(self, path: str, ready: str = "#names li", **options: Any) -> AsyncIterator[Page]:
        """A page, once `ready` is there; the picture is taken at the end of the block."""
        options = {"viewport": WIDE, **options}
        async with opened(self._browser, f"http://127.0.0.1:{self._port}/{path}", **options) as page:
            await expect(page.locator(ready).first).to_be_visible()
            await page.wait_for_timeout(DRAWN_MS)
            yield page
            await page.screenshot(path=IMAGES / f"page-{self._name}.png")


async def live(studio: Studio) -> None:
    await ToldCall(studio.redis, "sample").tell(*(one for one in sample("realtime") if one[0] <= LIVE_MS))
    async with studio.showing("call.html?id=sample"):
        pass


async def dark(studio: Studio) -> None:
    await ToldCall(studio.redis, "sample").tell(*sample("max"))
    async with studio.showing("call.html?id=sample", color_scheme="dark") as page:
        for _ in range(3):
            await page.keyboard.press("n")


async def narrow(studio: Studio) -> None:
    await ToldCall(studio.redis, "sample").tell(*sample("max"))
    async with studio.showing("call.html?id=sample", viewport=NARROW):
        pass


async def people(studio: Studio) -> None:
    await ToldCall(studio.redis, "crowd").tell(*crowd())
    async with studio.showing("call.html?id=crowd", viewport={"width": 1280, "height": 1150}):
        pass


async def ended(studio: Studio) -> None:
    number = archived(studio.archive.url, studio.archive.sound_url, sample("max"))
    async with studio.showing(f"call.html?id=sample&archived={number}", "#sound") as page:
        await page.fill("#sought", "is")
        await page.keyboard.press("Enter")
        await page.wait_for_timeout(DRAWN_MS)


async def correcting(studio: Studio) -> None:
    await ToldCall(studio.redis, "sample").tell(*sample("max"))
    async with studio.showing("call.html?id=sample") as page:
        await page.locator("#window").focus()
        await page.keyboard.press("n")
        await page.keyboard.press("n")
        await page.keyboard.press("t")
        await expect(page.locator("#correct")).to_be_visible()


async def find(studio: Studio) -> None:
    archived(studio.archive.url, studio.archive.sound_url, [])
    async with studio.showing("find.html?q=you", "#found li"):
        pass


async def wallboard(studio: Studio) -> None:
    await office(studio.redis)
    async with studio.showing("", "#rows tr"):
        pass


PICTURES = {
    "live": live,
    "ended": ended,
    "correcting": correcting,
    "dark": dark,
    "narrow": narrow,
    "crowd": people,
    "find": find,
    "wallboard": wallboard,
}


async def main(*names: str) -> None:
    with RedisServer() as server:
        redis = connect(server.url)
        async with browsing() as browser:
            for name in names:
                await redis.flushall()
                with tempfile.TemporaryDirectory() as folder:
                    archive = ArchiveSettings(sqlite_url(Path(folder)), f"{folder}/sound")
                    async with running(server.url, archive=archive) as gateway:
                        await PICTURES[name](Studio(browser, gateway.port, redis, archive, name))
        await redis.aclose()


if __name__ == "__main__":
    asyncio.run(main(*(sys.argv[1:] or PICTURES)))
