"""All calls at a glance, in a real browser on a real gateway."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Browser, expect
from redis.asyncio import Redis

from speakerline.shared.contract import v1
from speakerline.tools.bench.told_call import ToldCall
from tests.client.spoken_call import aggregating, spoken
from tests.gateway.running import Running, running
from tests.page.browser import opened, violations
from tests.redis_server import RedisServer
from tests.runtime.test_shards import one_on_each
from tests.timeline.conversation import transcript, words_of
from tests.timeline.events import turn


def address(gateway: Running) -> str:
    return f"http://127.0.0.1:{gateway.port}/"


async def talking(redis: Redis, call_id: str, at_ms: int, end_ms: int, *texts: str, **metadata: str) -> ToldCall:
    """A call that has come to `at_ms`; its only turn ends at `end_ms`."""
    call = ToldCall(redis, call_id)
    await call.tell(
        (0, v1.CallStarted(call_id=call_id, sample_rate=8000, channels=1, metadata=metadata)),
        (0, v1.SpeakerCreated(speaker_id="S1")),
        (at_ms, turn("t1", "S1", 1000, end_ms)),
        (at_ms, transcript("w1", *words_of("S1", " ".join(texts), 1000))),
    )
    return call


async def test_each_call_has_a_line_that_leads_to_it(browser: Browser, gateway: Running, redis: Redis) -> None:
    await talking(redis, "desk/7", 65_000, 60_000, "hello", queue="sales", agent="Ann <b>Miller</b>")
    async with opened(browser, address(gateway)) as page:
        line = page.locator("#rows tr")
        await expect(line).to_have_count(1)
        await expect(line.locator("td")).to_have_text(
            ["desk/7", "1:05", "", "", "5.0 s", "", "", "sales · Ann <b>Miller</b>", "hello"]
        )
        await line.locator("a").click()
        await expect(page.locator("#call-id")).to_have_text("desk/7")
        await expect(page.locator("#transcript li p")).to_have_text(["hello"])


async def test_lines_follow_the_calls(browser: Browser, gateway: Running, redis: Redis) -> None:
    first = await talking(redis, "a", 65_000, 60_000, "hello")
    async with opened(browser, address(gateway)) as page:
        await expect(page.locator("#count")).to_have_text("1 running")
        await talking(redis, "b", 5000, 4000, "hi")
        await expect(page.locator("#count")).to_have_text("2 running")
        await first.tell((66_000, v1.CallEnded(66_000, v1.EndReason.HANGUP)))
        cells = page.locator("#rows tr.ended td")
        await expect(cells.nth(1)).to_have_text("1:06")
        await expect(cells.nth(3)).to_have_text("ended")
        await expect(page.locator("#count")).to_have_text("1 running")


async def test_a_long_silence_is_an_alarm(browser: Browser, gateway: Running, redis: Redis) -> None:
    call = await talking(redis, "quiet", 79_900, 60_000, "hello")
    async with opened(browser, address(gateway)) as page:
        await expect(page.locator("#rows tr")).to_have_count(1)
        assert await page.locator("tr.alarm").count() == 0
        await call.tell((80_000, v1.Finalized(through_ms=70_000)))
        await expect(page.locator("tr.alarm")).to_have_count(1)
        await expect(page.locator("#alarms")).to_have_text("⚠ 1 silent for long")
        await call.tell((80_100, v1.Speech("s", state=v1.SpeechState.OPENED, start_ms=80_000)))
        await expect(page.locator("tr.alarm")).to_have_count(0)


async def test_calls_are_filtered_and_ordered(browser: Browser, gateway: Running, redis: Redis) -> None:
    await talking(redis, "a", 10_000, 9_000, "invoice", queue="sales")
    await talking(redis, "b", 90_000, 60_000, "refund", queue="support")
    await talking(redis, "c", 50_000, 49_000, "invoice", queue="support")
    async with opened(browser, address(gateway)) as page:
        ids = page.locator("#rows tr td:first-child")
        await expect(ids).to_have_text(["a", "b", "c"])
        for order, expected in (("longest", "bca"), ("newest", "acb"), ("silence", "bac")):
            await page.select_option("#order", order)
            await expect(ids).to_have_text([*expected])
        await page.keyboard.press("Escape")
        await page.locator("body").press("/")
        await page.keyboard.type("INVOICE support")
        await expect(ids).to_have_text(["c"])
        await expect(page.locator("#count")).to_have_text("3 running, 1 shown")


async def test_of_many_calls_only_those_in_sight_are_drawn(browser: Browser, gateway: Running, redis: Redis) -> None:
    for number in range(120):
        await talking(redis, f"desk-{number:03}", 65_000, 60_000, "hello")
    async with opened(browser, address(gateway), viewport={"width": 1280, "height": 500}) as page:
        await expect(page.locator("#count")).to_have_text("120 running")
        lines = page.locator("#rows tr")
        assert await lines.count() < 40
        await expect(page.locator("#table")).to_have_attribute("aria-rowcount", "121")
        await page.locator("#board").evaluate("board => board.scrollTo(0, board.scrollHeight)")
        last = page.get_by_role("link", name="desk-119")
        await expect(last).to_be_in_viewport()
        assert await lines.count() < 40
        assert await last.evaluate("link => link.closest('tr').getAttribute('aria-rowindex')") == "121"
        assert {await line.evaluate("line => line.offsetHeight") for line in await lines.all()} == {30}


async def test_the_next_calls_come_into_sight_by_the_tab_key(browser: Browser, gateway: Running, redis: Redis) -> None:
    for number in range(60):
        await talking(redis, f"desk-{number:03}", 65_000, 60_000, "hello")
    async with opened(browser, address(gateway), viewport={"width": 1280, "height": 400}) as page:
        await page.get_by_role("link", name="desk-000").focus()
        for _ in range(45):
            await page.keyboard.press("Tab")
        focused = page.locator("#rows a:focus")
        await expect(focused).to_have_text("desk-045")
        await expect(focused).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_people_who_listen_or_type_can_use_it(
    browser: Browser, gateway: Running, redis: Redis, scheme: Any
) -> None:
    await talking(redis, "a", 90_000, 60_000, "hello", queue="sales")
    async with opened(browser, address(gateway), color_scheme=scheme) as page:
        await expect(page.locator("tr.alarm")).to_have_count(1)
        assert await violations(page) == []


async def test_a_shard_that_is_away_is_named_and_its_calls_stay(
    browser: Browser, new_redis_server: Callable[..., RedisServer]
) -> None:
    servers = [new_redis_server(aof=True), new_redis_server(aof=True)]
    url = ",".join(server.url for server in servers)
    ids = one_on_each(2)
    async with running(url) as gateway, aggregating(url), spoken(url, ids[0]) as there, spoken(url, ids[1]) as away:
        await there.say("hello")
        await away.say("hello")
        async with opened(browser, address(gateway)) as page:
            await expect(page.locator("#rows tr")).to_have_count(2)
            await expect(page.locator("#away")).to_be_empty()
            await asyncio.to_thread(servers[1].kill)
            await expect(page.locator("#away")).to_contain_text("shard 1 of 2 does not answer")
            line = page.locator("#rows tr.away")
            await expect(line.locator("td").first).to_have_text(ids[1])
            await expect(line.locator("td").nth(3)).to_have_text("not known")
            await asyncio.to_thread(servers[1].start)
            await expect(page.locator("#away")).to_be_empty()
            await expect(line).to_have_count(0)
