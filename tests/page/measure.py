"""`python -m tests.page.measure [PART...]`: what the page costs a browser, and how long its viewers wait.

The parts are live, opening, scrolling and wallboard. A gateway on a Redis of its own, timelines as the aggregator
commits them, and a headless Chromium without a GPU.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import Any

from playwright.async_api import Browser, Page, expect

from speakerline.shared.contract import v1
from speakerline.shared.runtime.connection import connect
from speakerline.tools.bench.arithmetic import percentile
from speakerline.tools.bench.told_call import ToldCall
from speakerline.tools.bench.usage import usage
from speakerline.tools.tables import Table
from tests.gateway.running import Running, running
from tests.page.browser import browsing, opened
from tests.redis_server import RedisServer
from tests.runtime.playing import until
from tests.timeline.conversation import transcript, words_of
from tests.timeline.events import turn

PARTS = ("live", "opening", "scrolling", "wallboard")
WIDE = {"width": 1280, "height": 720}
EVENTS = 200
EVERY_S = 0.1
TWO_HOURS_MS = 7_200_000
TURN_MS = 3000
OPENINGS = 5
SCROLL_S = 5
CALLS = 1000
CHANGED = 330
"""Calls of which something is told in a second: two people talk in a third of them at any moment."""
BOARD_S = 20

WATCH_DRAWING = """() => {
  window.drawn = [];
  const seen = document.getElementById("behind");
  new MutationObserver(() => {
    const text = seen.textContent;
    requestAnimationFrame(() => window.drawn.push([text, Date.now()]));
  }).observe(seen, { childList: true, characterData: true, subtree: true });
}"""
"""Notes when the frame after the one that draws an event begins: the browser begins it once that one is handed over.
The text that is watched changes with each event, while its frame is drawn."""

UNTIL_SHOWN = """async (utterances) => {
  const written = () => document.querySelectorAll("#transcript li:not(:empty)").length;
  const last = () => document.querySelector("#transcript ol:last-child li:last-child:not(:empty)");
  while (!last()) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  const seen = performance.now();
  while (written() < utterances) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return [seen, performance.now()];
}"""
"""When lanes and the end of the transcript were on the screen, and when all of it was written, both since the click."""

FRAMES = """async (seconds) => {
  const [frames, until] = [[], performance.now() + 1000 * seconds];
  const target = document.getElementById("lanes");
  let before = await new Promise(requestAnimationFrame);
  while (before < until) {
    const deltaX = frames.length % 200 < 100 ? 40 : -40;
    target.dispatchEvent(new WheelEvent("wheel", { deltaX, bubbles: true, cancelable: true }));
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
  }
  return frames;
}"""


def long_call() -> list[tuple[int, Any]]:
    """Two people who take turns for two hours, 2400 turns and 19,200 words."""
    said: list[tuple[int, Any]] = [(0, v1.CallStarted(call_id="long", sample_rate=8000, channels=1))]
    said += [(0, v1.SpeakerCreated(speaker_id=speaker)) for speaker in ("S1", "S2")]
    for number in range(TWO_HOURS_MS // TURN_MS):
        start_ms, speaker = number * TURN_MS, f"S{1 + number % 2}"
        words = words_of(speaker, "we could meet on Monday and talk again", start_ms)
        said.append((start_ms + TURN_MS, turn(f"t{number}", speaker, start_ms, start_ms + TURN_MS - 300)))
        said.append((start_ms + TURN_MS, transcript(f"w{number}", *words)))
    return [*said, (TWO_HOURS_MS, v1.CallEnded(TWO_HOURS_MS, v1.EndReason.HANGUP))]


async def event_to_pixel(browser: Browser, gateway: Running, redis: Any) -> list[Sequence[str]]:
    """From the moment at which Redis has an event to the frame after the one that shows it."""
    call = ToldCall(redis, "live")
    await call.tell((0, v1.CallStarted(call_id="live", sample_rate=8000)), (0, v1.SpeakerCreated(speaker_id="S1")))
    told = {}
    async with opened(browser, _address(gateway, "call.html?id=live"), viewport=WIDE) as page:
        await expect(page.locator("#state")).to_have_text("live")
        await page.evaluate(WATCH_DRAWING)
        spent_ms = await watch_cpu(page)
        for number in range(1, EVENTS + 1):
            await call.tell((1000 * number, turn("t1", "S1", 0, 1000 * number, revision=number)))
            told[f"{number // 60}:{number % 60:02}"] = 1000 * time.time()
            await asyncio.sleep(EVERY_S)
        await until(lambda: page.evaluate(f"window.drawn.length >= {EVENTS}"))
        cpu_ms = await spent_ms() / EVENTS
        drawn = {text.split(" ")[0]: at for text, at in await page.evaluate("window.drawn")}
    waits = [drawn[text] - at for text, at in told.items()]
    return [_row("event to pixel, ms", waits), _row("CPU of the page for an event, ms", [cpu_ms])]


async def opening(browser: Browser, gateway: Running) -> list[Sequence[str]]:
    """From the click to the frame in which the last words stand on the page, and to that in which all do."""
    waits, whole, cpu_ms = [], [], []
    for _ in range(OPENINGS):
        async with opened(browser, _address(gateway, "favicon.ico"), viewport=WIDE) as page:
            spent_ms = await watch_cpu(page)
            await page.goto(_address(gateway, "call.html?id=long"))
            seen, all_seen = await page.evaluate(UNTIL_SHOWN, TWO_HOURS_MS // TURN_MS)
            waits.append(seen)
            whole.append(all_seen)
            cpu_ms.append(await spent_ms())
    return [
        _row("a call of two hours opens, ms", waits),
        _row("all of its words are there, ms", whole),
        _row("CPU of the page for that, ms", cpu_ms),
    ]


async def scrolling(browser: Browser, gateway: Running) -> list[Sequence[str]]:
    """Between two frames, while the lanes of two hours are moved with every frame."""
    async with opened(browser, _address(gateway, "call.html?id=long"), viewport=WIDE) as page:
        await page.evaluate(UNTIL_SHOWN, TWO_HOURS_MS // TURN_MS)
        spent_ms = await watch_cpu(page)
        frames = await page.evaluate(FRAMES, SCROLL_S)
        cpu_ms = await spent_ms() / len(frames)
    return [_row("from frame to frame, ms", frames), _row("CPU of the page for a frame, ms", [cpu_ms])]


async def watch_cpu(page: Page) -> Callable[[], Awaitable[float]]:
    """A function that tells the CPU time of the page's main thread since now, in ms."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def told_ms() -> float:
        metrics = (await session.send("Performance.getMetrics"))["metrics"]
        return 1000 * next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")

    before_ms = await told_ms()

    async def spent_ms() -> float:
        return await told_ms() - before_ms

    return spent_ms


async def wallboard(browser: Browser, gateway: Running, redis: Any, server: RedisServer) -> Sequence[str]:
    """CPU of all processes of the browser that shows so many calls, as a share of a core."""
    calls = [ToldCall(redis, f"desk-{number:04}") for number in range(CALLS)]
    for number, call in enumerate(calls):
        metadata = {"queue": ("sales", "support", "claims")[number % 3], "agent": f"agent {number % 97}"}
        await call.tell(
            (0, v1.CallStarted(call_id=call.timeline.call_id, sample_rate=8000, metadata=metadata)),
            *((0, v1.SpeakerCreated(speaker_id=speaker)) for speaker in ("S1", "S2")),
            *((60_000, turn(f"t{n}", f"S{1 + n % 2}", 4000 * n, 4000 * n + 3500)) for n in range(15)),
            (60_000, transcript("w0", *words_of("S1", "thanks for calling how can I help", 0))),
        )
    async with opened(browser, _address(gateway, ""), viewport=WIDE) as page:
        await expect(page.locator("#count")).to_have_text(f"{CALLS} running")
        shares = []
        for second in range(BOARD_S):
            before, began = _browser_cpu_s(server), time.monotonic()
            for number in range(CHANGED):
                call = calls[(second * CHANGED + number) % CALLS]
                at_ms = call.timeline.at_ms + 3000
                await call.tell((at_ms, turn(f"t{second}", f"S{1 + second % 2}", at_ms - 3000, at_ms, revision=100)))
            await asyncio.sleep(max(0.0, 1 - (time.monotonic() - began)))
            shares.append(100 * (_browser_cpu_s(server) - before) / (time.monotonic() - began))
    return _row(f"wallboard of {CALLS} calls, % of a core", shares)


def _browser_cpu_s(server: RedisServer) -> float:
    """Of Chromium and of all that it started: what this process started is the browser's driver, and Redis."""
    return usage(os.getpid()).cpu_s - usage(os.getpid(), with_children=False).cpu_s - usage(server.pid).cpu_s


def _row(title: str, values: Sequence[float]) -> Sequence[str]:
    return [title, f"{median(values):.0f}", f"{percentile(values, 95):.0f}", f"{max(values):.0f}"]


def _address(gateway: Running, path: str) -> str:
    return f"http://127.0.0.1:{gateway.port}/{path}"


async def main(*parts: str) -> None:
    rows: list[Sequence[str]] = []
    with RedisServer() as server:
        redis = connect(server.url)
        async with running(server.url) as gateway, browsing() as browser:
            if "live" in parts:
                rows += await event_to_pixel(browser, gateway, redis)
            await ToldCall(redis, "long").tell(*long_call())
            if "opening" in parts:
                rows += await opening(browser, gateway)
            if "scrolling" in parts:
                rows += await scrolling(browser, gateway)
            await redis.flushall()
            if "wallboard" in parts:
                rows.append(await wallboard(browser, gateway, redis, server))
        await redis.aclose()
    print(Table("The page in a browser", ["", "p50", "p95", "most"], rows).text())


if __name__ == "__main__":
    asyncio.run(main(*(sys.argv[1:] or PARTS)))
