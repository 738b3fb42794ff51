"""The page of one call in a real browser, on a real gateway: what viewers see and do."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from playwright.async_api import Browser, Page, expect
from redis.asyncio import Redis

from speakerline.shared.contract import v1
from speakerline.tools.bench.told_call import ToldCall
from tests.gateway.running import Running
from tests.gateway.serving import GatewayProcess
from tests.page.browser import opened, violations
from tests.runtime.playing import until
from tests.timeline.conversation import bodies, transcript, words_of
from tests.timeline.events import turn

ENDED = (9000, v1.CallEnded(9000, v1.EndReason.HANGUP))


def address(gateway: Running, call_id: str, more: str = "") -> str:
    return f"http://127.0.0.1:{gateway.port}/call.html?id={call_id}{more}"


async def shown(page: Page) -> dict[str, Any]:
    """What stands on the page, as text."""
    return {
        "state": await page.text_content("#state"),
        "names": await page.locator("#names li").all_text_contents(),
        "transcript": await page.locator("#transcript li").all_text_contents(),
        "meters": await page.locator("#meters li").all_text_contents(),
        "lanes": await page.locator("#captions p").all_text_contents(),
    }


async def test_a_call_is_shown_as_it_grows_until_it_ends(browser: Browser, gateway: Running, redis: Redis) -> None:
    call = ToldCall(redis, "c1")
    said = bodies()
    await call.tell(*said[:5])
    async with opened(browser, address(gateway, "c1")) as page:
        await expect(page.locator("#names li")).to_have_text(["Ann Miller"])
        await expect(page.locator("#state")).to_have_text("live")
        await call.tell(*said[5:])
        await expect(page.locator("#names li")).to_have_text(["Ann Miller", "S2"])
        await expect(page.locator("#transcript li p")).to_have_text(
            ["We could meet", "Yes.", "on Monday, & talk.", "I <think> so"]
        )
        await expect(page.locator("#transcript .interim")).to_have_text(["I", "<think>", "so"])
        await call.tell((8000, transcript("w3", *words_of("S2", "I think so.", 5000), revision=2)), ENDED)
        await expect(page.locator("#state")).to_have_text("ended")
        await expect(page.locator("#transcript .interim")).to_have_count(0)
        await expect(page.locator("#meters li")).to_have_text([r"Ann Miller63 %  3.0 s", r"S238 %  1.8 s"])


async def test_a_viewer_of_a_gateway_that_was_killed_sees_what_one_sees_who_comes_later(
    browser: Browser, redis_url: str, redis: Redis, tmp_path: Path
) -> None:
    call, said = ToldCall(redis, "c1"), bodies()
    await call.tell(*said[:6])
    gateway = GatewayProcess(redis_url, tmp_path / "gateway.log")
    await asyncio.to_thread(gateway.start)
    url = f"{gateway.url}/call.html?id=c1"
    async with opened(browser, url) as page:
        await expect(page.locator("#state")).to_have_text("live")
        await asyncio.to_thread(gateway.end, signal.SIGKILL)
        await expect(page.locator("#state")).to_have_text("connection lost, trying again")
        await call.tell(*said[6:])
        await asyncio.to_thread(gateway.start)
        await call.tell((8000, turn("t3", "S1", 5000, 6500, revision=2)), ENDED)
        await expect(page.locator("#state")).to_have_text("ended")
        await expect(page.locator("#transcript li")).to_have_count(4)
        seen = await shown(page)
    async with opened(browser, url) as page:
        await expect(page.locator("#state")).to_have_text("ended")
        await expect(page.locator("#transcript li")).to_have_count(4)
        assert await shown(page) == seen
    await asyncio.to_thread(gateway.end)


async def test_text_from_outside_is_text(browser: Browser, gateway: Running, redis: Redis) -> None:
    call = ToldCall(redis, "c<i>1")
    await call.tell(
        (0, v1.CallStarted(call_id="c<i>1", sample_rate=8000, metadata={"<b>queue</b>": "<script>alert(1)</script>"})),
        (0, v1.SpeakerCreated(speaker_id="S1")),
        (0, v1.SpeakerNamed(speaker_id="S1", name="ليلى <img src=x>", confidence=0.9)),
        (5000, turn("t1", "S1", 1000, 4000)),
        (5000, transcript("w1", *words_of("S1", "<b>bold</b> &amp;", 1000))),
    )
    async with opened(browser, address(gateway, "c%3Ci%3E1")) as page:
        await expect(page.locator("#names li")).to_have_text(["ليلى <img src=x>"])
        await expect(page.locator("#transcript li p")).to_have_text(["<b>bold</b> &amp;"])
        await expect(page.locator("#metadata")).to_contain_text("<script>alert(1)</script>")
        assert await page.locator("img, #transcript b").count() == 0


async def test_a_long_call_is_written_from_its_end_and_then_whole(
    browser: Browser, gateway: Running, redis: Redis
) -> None:
    """So many words are not written at once: those of a moment that the address names are, too."""
    said = [(2000 * n, transcript(f"w{n}", *words_of(f"S{n % 2}", f"this is {n}", 2000 * n))) for n in range(1500)]
    call, ended = ToldCall(redis, "c1"), v1.CallEnded(3_000_000, v1.EndReason.HANGUP)
    await call.tell((0, v1.CallStarted(call_id="c1", sample_rate=8000)), *said, (3_000_000, ended))
    async with opened(browser, address(gateway, "c1")) as page:
        items = page.locator("#transcript li")
        await expect(items.last).to_be_in_viewport()
        await expect(page.locator("#transcript li p")).to_have_text([f"this is {n}" for n in range(1500)])
        await expect(items.last).to_be_in_viewport()
    async with opened(browser, address(gateway, "c1", "#t=60.5")) as page:
        await expect(page.locator("#transcript [aria-current]")).to_have_text("1:00S0this is 30")
        await expect(page.locator("#transcript [aria-current]")).to_be_in_viewport()


async def test_the_words_of_the_chosen_turn_are_marked_also_where_another_speaks(
    browser: Browser, gateway: Running, redis: Redis
) -> None:
    await ToldCall(redis, "c1").tell(
        (0, v1.CallStarted(call_id="c1", sample_rate=8000)),
        *((0, v1.SpeakerCreated(speaker_id=speaker)) for speaker in ("S1", "S2")),
        (9000, turn("t1", "S1", 1000, 5000)),
        (9000, turn("t2", "S2", 3000, 8000)),
        (9000, transcript("w1", *words_of("S1", "we could meet on Monday and talk", 1000, 500))),
        (9000, transcript("w2", *words_of("S2", "yes that would be fine", 3600, 500))),
        ENDED,
    )
    async with opened(browser, address(gateway, "c1")) as page:
        marked = page.locator("#transcript [aria-current] p")
        await expect(page.locator("#transcript li")).to_have_count(2)
        await page.keyboard.press("n")
        await page.keyboard.press("n")
        await expect(marked).to_have_text("yes that would be fine")
        await page.locator("#transcript [data-ms]", has_text="Monday").click()
        await expect(marked).to_have_text("we could meet on Monday and talk")
        await page.locator("#transcript [data-ms]", has_text="that").click()
        await expect(page.locator("#chosen")).to_have_text("of S2")


async def test_everything_is_reached_by_keyboard(browser: Browser, gateway: Running, redis: Redis) -> None:
    await ToldCall(redis, "c1").tell(*bodies(), ENDED)
    async with opened(browser, address(gateway, "c1")) as page:
        await expect(page.locator("#transcript li")).to_have_count(4)
        for key, place in (("n", "1.0"), ("n", "2.5"), ("n", "5.0"), ("p", "2.5")):
            await page.keyboard.press(key)
            assert await page.evaluate("location.hash") == f"#t={place}"
        await expect(page.locator("#transcript [aria-current]")).to_contain_text("Yes.")
        await page.keyboard.press("/")
        await page.keyboard.type("think")
        await expect(page.locator("#hits")).to_have_text("1 found")
        await page.keyboard.press("Enter")
        assert await page.evaluate("location.hash") == "#t=5.3"
        await expect(page.locator("#hits")).to_have_text("1 of 1")
        await page.locator("#sought").fill("s")
        await expect(page.locator("#hits")).to_have_text("2 found")
        await page.keyboard.press("Enter")
        await expect(page.locator("#hits")).to_have_text("2 of 2")
        await page.keyboard.press("Enter")
        await expect(page.locator("#hits")).to_have_text("1 of 2")
        await page.keyboard.press("Escape")
        await page.keyboard.press("?")
        await expect(page.locator("#help")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("#help")).not_to_be_visible()
        await page.keyboard.press("End")
        await expect(page.locator("#follow")).to_have_attribute("aria-pressed", "true")


async def test_a_link_to_a_moment_opens_there(browser: Browser, gateway: Running, redis: Redis) -> None:
    minutes = [turn(f"t{n}", "S1", 10_000 * n, 10_000 * n + 8000) for n in range(30)]
    await ToldCall(redis, "c1").tell(*bodies()[:3], *((300_000, one) for one in minutes), ENDED)
    async with opened(browser, address(gateway, "c1", "#t=150.0")) as page:
        await expect(page.locator("#names li")).to_have_count(1)
        await expect(page.locator("#follow")).to_have_attribute("aria-pressed", "false")
        await page.keyboard.press("n")
        assert await page.evaluate("location.hash") == "#t=160.0"


async def test_a_word_is_heard_and_the_page_moves_with_the_sound(
    browser: Browser, gateway: Running, redis: Redis, tmp_path: Path
) -> None:
    call, sound = ToldCall(redis, "c1"), tmp_path / "c1.wav"
    soundfile.write(sound, np.zeros(8000 * 9), 8000)
    await call.tell(*bodies())
    async with opened(browser, address(gateway, "c1")) as page:
        await expect(page.locator("#transcript li")).to_have_count(4)
        await expect(page.locator("#sound")).to_be_hidden()
        await page.route("**/calls/c1/sound", lambda route: route.fulfill(path=sound, content_type="audio/wav"))
        await call.tell(ENDED)
        await expect(page.locator("#sound")).to_be_visible()
        await page.locator("#transcript [data-ms]", has_text="think").click()
        await until(lambda: page.evaluate("document.getElementById('sound').currentTime > 5.6"))
        await expect(page.locator("#transcript [aria-current]")).to_contain_text("I <think> so")
        await page.locator("body").press("Space")
        await until(lambda: page.evaluate("document.getElementById('sound').paused"))
        await page.keyboard.press("Home")
        await page.locator("#transcript .time").first.click()
        await until(lambda: page.evaluate("document.getElementById('sound').currentTime < 5"))
        assert await page.evaluate("location.hash") == "#t=1.0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_people_who_listen_or_type_can_use_it(
    browser: Browser, gateway: Running, redis: Redis, scheme: Any
) -> None:
    await ToldCall(redis, "c1").tell(*bodies())
    async with opened(browser, address(gateway, "c1"), color_scheme=scheme) as page:
        await expect(page.locator("#transcript li")).to_have_count(4)
        await page.locator("#turns summary").click()
        await expect(page.locator("#turn-rows tr")).to_have_count(3)
        assert await violations(page) == []


async def test_a_call_that_is_not_there_is_said_to_be_unknown(browser: Browser, gateway: Running) -> None:
    async with opened(browser, address(gateway, "nobody")) as page:
        await expect(page.locator("#state")).to_have_text("no such call")
        await expect(page.locator("#nothing")).to_contain_text("no such call")
        await expect(page.locator("#window")).to_be_hidden()
        assert await violations(page) == []


async def test_a_call_that_is_erased_is_not_shown_any_more(browser: Browser, gateway: Running, redis: Redis) -> None:
    await ToldCall(redis, "c1").tell(*bodies())
    async with opened(browser, address(gateway, "c1")) as page:
        await expect(page.locator("#names li").first).to_have_text("Ann Miller")
        await gateway.client.delete("/calls/c1")
        await expect(page.locator("#nothing")).to_contain_text("no such call")
        await expect(page.locator("#transcript")).to_be_hidden()
