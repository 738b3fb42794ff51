"""Calls of the archive are found by people, and lead to their pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, expect

from speakerline.shared.archive.settings import ArchiveSettings
from tests.archive.archived_calls import a_call, keep, store_of
from tests.archive.running import sqlite_url
from tests.gateway.running import Running, running
from tests.page.browser import opened, violations

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest_asyncio.fixture(loop_scope="session")
async def archive(redis_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """25 calls, an hour apart from the first hour of 1970 on; number 3 is the one with the car light."""
    store = store_of(sqlite_url(tmp_path))
    said = {3: "my <b>car light is broken"}
    keep(store, *(a_call(f"desk-{number:02}", number * HOUR_MS, said.get(number, "yes")) for number in range(1, 26)))
    store.engine.dispose()
    async with running(redis_url, archive=ArchiveSettings(sqlite_url(tmp_path))) as gateway:
        yield gateway


def address(gateway: Running, query: str = "") -> str:
    return f"http://127.0.0.1:{gateway.port}/find.html{query}"


async def test_words_lead_to_the_moment_at_which_they_were_said(browser: Browser, archive: Running) -> None:
    async with opened(browser, address(archive)) as page:
        await page.keyboard.press("/")
        await page.keyboard.type('"car light"')
        await page.keyboard.press("Enter")
        await expect(page.locator("#found li")).to_have_count(1)
        await expect(page.locator("#found mark")).to_have_text(["<b>car light"])
        await expect(page.locator(".snippet bdi")).to_have_text(["my <b>car light is broken"])
        assert page.url.endswith("?q=%22car+light%22")
        await page.locator(".snippet a").click()
        await expect(page.locator("#call-id")).to_have_text("desk-03")
        await expect(page.locator("#state")).to_have_text("ended")
        await expect(page.locator("#transcript [aria-current]")).to_contain_text("light")


async def test_pages_follow_each_other_and_a_link_shows_the_same_to_others(browser: Browser, archive: Running) -> None:
    async with opened(browser, address(archive), timezone_id="UTC") as page:
        await expect(page.locator("#found li")).to_have_count(20)
        await expect(page.locator("#found .head a").first).to_have_text("desk-25")
        await page.click("#more")
        await expect(page.locator("#found li")).to_have_count(25)
        await expect(page.locator("#more")).to_be_hidden()
        await page.fill("[name=to]", "1970-01-01")
        await page.click("button[type=submit]")
        await expect(page.locator("#found .head a").first).to_have_text("desk-23")
        shared = page.url
    async with opened(browser, shared, timezone_id="UTC") as page:
        await expect(page.locator("#found .head a").first).to_have_text("desk-23")
        await expect(page.locator("[name=to]")).to_have_value("1970-01-01")
        await page.fill("[name=speaker]", "nobody")
        await page.keyboard.press("Enter")
        await expect(page.locator("#told")).to_have_text("nothing found")
        await expect(page.locator("#none")).to_contain_text("Try fewer words")
        await page.go_back()
        await expect(page.locator("#none")).to_be_hidden()
        await expect(page.locator("#found .head a").first).to_have_text("desk-23")


async def test_what_is_wrong_with_a_question_is_said(browser: Browser, archive: Running) -> None:
    async with opened(browser, address(archive, "?q=-music")) as page:
        await expect(page.locator("#told")).to_contain_text("expected a word to look for")


async def test_without_an_archive_it_says_what_would_help(browser: Browser, gateway: Running) -> None:
    async with opened(browser, address(gateway)) as page:
        await expect(page.locator("#told")).to_contain_text("SPEAKERLINE_ARCHIVE_URL")
        assert await violations(page) == []


async def test_people_who_listen_or_type_can_use_it(browser: Browser, archive: Running) -> None:
    async with opened(browser, address(archive, "?q=light")) as page:
        await expect(page.locator("#found li")).to_have_count(1)
        assert await violations(page) == []
