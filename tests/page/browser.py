"""Debian's Chromium, driven by Playwright, and what tests ask of a page."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

AXE = Path(__file__).with_name("node_modules") / "axe-core/axe.min.js"
HANG_MS = 60_000
expect.set_options(timeout=HANG_MS)


@asynccontextmanager
async def browsing(*more: str) -> AsyncIterator[Browser]:
    """A headless browser, with more arguments for it; skips the test, loudly, where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("CHROMIUM IS NOT INSTALLED: the page was not tested; see deploy/setup.sh page")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu", *more])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(browser: Browser, url: str, **options: Any) -> AsyncIterator[Page]:
    """A page that may ask its own host only, and that raises no error until the end of the block."""
    context = await browser.new_context(**options)
    context.set_default_timeout(HANG_MS)
    page, wrong = await context.new_page(), list[str]()
    host = url.split("/")[2]
    page.on("request", lambda request: wrong.append(request.url) if request.url.split("/")[2] != host else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        await page.goto(url)
        yield page
        assert wrong == []
    finally:
        await context.close()


async def violations(page: Page) -> list[str]:
    """What axe-core finds wrong for people who can't see, hear or point; skips where it is not installed."""
    if not AXE.is_file():
        pytest.skip("AXE-CORE IS NOT INSTALLED: the page's accessibility was not tested; see deploy/setup.sh page")
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run()")
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found["violations"]]
