"""People correct a call on its page, by keyboard and by mouse: the lanes follow what the timeline tells."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from speakerline.shared.client.forget import forget
from tests.e2e.sample_call import alone, labels
from tests.gateway.heard_call import HeardCall, heard
from tests.gateway.running import Running
from tests.gateway.test_voices import wav
from tests.page.browser import opened, violations


@pytest_asyncio.fixture(loop_scope="session")
async def call(redis_url: str) -> AsyncIterator[HeardCall]:
    """18 s of two people who take turns."""
    async with heard(redis_url) as call:
        await call.hear(18_000)
        yield call


def address(gateway: Running) -> str:
    return f"http://127.0.0.1:{gateway.port}/call.html?id=c"


async def names(page: Page, *expected: str) -> None:
    """The lanes of people; that of the latest speech, which has no label yet, comes and goes."""
    await expect(page.locator("#names li").filter(has_not_text="unknown")).to_have_text(list(expected))


@asynccontextmanager
async def answered(page: Page) -> AsyncIterator[None]:
    """What is corrected within is in the log when it ends: what the call hears next comes behind it."""
    async with page.expect_response(re.compile(r"/corrections(\?|$)")) as answer:
        yield
    await answer.value


async def turns_of(page: Page) -> list[str]:
    """The speakers of the table of turns, in order."""
    return await page.locator("#turn-rows td:nth-child(3)").all_text_contents()


async def test_everything_is_corrected_and_taken_back_by_keyboard(
    browser: Browser, gateway: Running, call: HeardCall
) -> None:
    async with opened(browser, address(gateway)) as page:
        await names(page, "S1", "S2")
        await page.locator("#turns summary").click()
        await page.locator("#window").focus()
        await page.keyboard.press("n")
        await page.keyboard.press("n")
        await expect(page.locator("#chosen")).to_have_text("of S2")
        await page.keyboard.press("r")
        await expect(page.locator("#correct-title")).to_have_text("What is S2 called?")
        await page.keyboard.type("Ann Miller")
        async with answered(page):
            await page.keyboard.press("Enter")
        await expect(page.locator("#corrected")).to_have_text("Sent: S2 is called Ann Miller")
        await names(page, "S1", "S2")
        await call.hear(21_000)
        await names(page, "S1", "Ann Miller")
        await page.keyboard.press("o")
        async with answered(page):
            await page.keyboard.press("Enter")
        await call.hear(24_000)
        await names(page, "S1", "Ann Miller (agent)")
        await page.keyboard.press("t")
        await expect(page.locator("#correct-title")).to_have_text("0:03 to 0:05 was not Ann Miller (agent), but")
        async with answered(page):
            await page.keyboard.press("Enter")
        await call.hear(27_000)
        await expect(page.locator("#turn-rows tr:nth-child(2) td:nth-child(3)")).to_have_text("S1")
        async with answered(page):
            await page.keyboard.press("Control+z")
        await call.hear(30_000)
        await expect(page.locator("#turn-rows tr:nth-child(2) td:nth-child(3)")).to_have_text("Ann Miller (agent)")
        async with answered(page):
            await page.keyboard.press("Control+z")
        async with answered(page):
            await page.keyboard.press("Control+z")
        await call.hear(33_000)
        await names(page, "S1", "S2")
        await expect(page.locator("#corrected")).to_have_text("taken back: S2 is called Ann Miller")
        await page.keyboard.press("Control+z")
        await expect(page.locator("#corrected")).to_have_text("There is nothing to take back")


async def test_two_lanes_become_one_and_two_again_by_mouse(browser: Browser, gateway: Running, call: HeardCall) -> None:
    async with opened(browser, address(gateway)) as page:
        await names(page, "S1", "S2")
        await page.locator("#ask-same").click()
        await expect(page.locator("#corrected")).to_have_text("Choose a turn first: click it, or press n")
        box = await page.locator("#lanes").bounding_box()
        assert box is not None
        await page.locator("#turns summary").click()
        await page.keyboard.press("n")
        await page.locator("#ask-same").click()
        await page.locator("#correct-field select").select_option(label="S2")
        async with answered(page):
            await page.locator("#correct button[type=submit]").click()
        await call.hear(21_000)
        await names(page, "S2")
        await page.get_by_text("Corrections", exact=True).click()
        await expect(page.locator("#corrections li")).to_have_text(["S1 is S2 Undo"])
        async with answered(page):
            await page.locator("#corrections button").click()
        await call.hear(24_000)
        await names(page, "S1", "S2")
        await expect(page.locator("#corrections li")).to_have_text(["taken back: S1 is S2", "S1 is S2"])


async def test_a_call_that_has_ended_is_corrected_and_that_is_taken_back(
    browser: Browser, gateway: Running, call: HeardCall
) -> None:
    async with opened(browser, address(gateway)) as page:
        await names(page, "S1", "S2")
        await page.keyboard.press("n")
        await page.keyboard.press("r")
        await page.keyboard.type("Ann")
        async with answered(page):
            await page.keyboard.press("Enter")
        await call.hear(21_000)
        await names(page, "Ann", "S2")
        await call.end(21_000)
        await expect(page.locator("#state")).to_have_text("ended")
        await page.keyboard.press("r")
        await page.keyboard.type("Bea")
        await page.keyboard.press("Enter")
        await names(page, "Bea", "S2")
        await expect(page.locator("#corrected")).to_have_text("S1 is called Bea")
        await page.keyboard.press("m")
        await page.keyboard.press("Enter")
        await names(page, "Bea")
        await page.reload()
        await names(page, "Bea")
        await page.keyboard.press("Control+z")
        await names(page, "Bea", "S2")
        await page.keyboard.press("Control+z")
        await names(page, "Ann", "S2")
        await expect(page.locator("#corrected")).to_have_text("taken back: S1 is called Bea")
        await page.keyboard.press("Control+z")
        await expect(page.locator("#corrected")).to_have_text("There is nothing to take back")


async def test_a_correction_that_is_refused_is_said_to_be(
    browser: Browser, gateway: Running, call: HeardCall, redis_url: str
) -> None:
    async with opened(browser, address(gateway)) as page:
        await names(page, "S1", "S2")
        await page.keyboard.press("n")
        await page.keyboard.press("r")
        await forget(redis_url, "c")
        await page.keyboard.type("Ann")
        await page.keyboard.press("Enter")
        await expect(page.locator("#corrected")).to_have_text("Not applied: S1 is called Ann (no such call)")
        await expect(page.locator("#correct")).not_to_be_visible()


async def test_the_dialog_can_be_used_by_people_who_listen_or_type(
    browser: Browser, gateway: Running, call: HeardCall
) -> None:
    async with opened(browser, address(gateway)) as page:
        await names(page, "S1", "S2")
        await page.keyboard.press("n")
        await page.keyboard.press("m")
        await expect(page.locator("#correct")).to_be_visible()
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await expect(page.locator("#correct")).not_to_be_visible()


async def test_a_voice_is_enrolled_under_the_name_that_was_given_and_erased(
    browser: Browser, gateway: Running, call: HeardCall, tmp_path: Path
) -> None:
    (tmp_path / "ann.wav").write_bytes(wav(alone(sorted(labels())[0], 16_000).tobytes(), 16_000))
    (tmp_path / "none.wav").write_bytes(b"RIFF")
    async with opened(browser, address(gateway)) as page:
        await names(page, "S1", "S2")
        await page.keyboard.press("n")
        await page.keyboard.press("r")
        await page.keyboard.type("Ann Miller")
        async with answered(page):
            await page.keyboard.press("Enter")
        await call.hear(21_000)
        await names(page, "Ann Miller", "S2")
        await page.locator("#voices summary").click()
        await expect(page.locator("#voice-name")).to_have_value("Ann Miller")
        await page.locator("#voice-file").set_input_files(tmp_path / "none.wav")
        await page.locator("#enrol button").click()
        await expect(page.locator("#voice-news")).to_contain_text("expected plain 16-bit samples")
        await page.locator("#voice-file").set_input_files(tmp_path / "ann.wav")
        await page.locator("#enrol button").click()
        await expect(page.locator("#voice-list li")).to_contain_text(["Ann Miller"])
        assert await violations(page) == []
        await page.locator("#voice-list button").click()
        await expect(page.locator("#voice-list li")).to_have_count(0)
