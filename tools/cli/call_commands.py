"""Commands on the calls of a running system: `publish`, `watch`, `forget`."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from speakerline.shared.client.forget import forget
from speakerline.shared.client.producer import Producer
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.codec import check_call, write
from speakerline.shared.contract.v1 import CallEnded, EndReason, TimelineEvent
from speakerline.shared.event_kinds import body_of
from speakerline.shared.keys import check_call_id
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.timeline.shown import shown
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.arguments import seconds, zero_or_more
from speakerline.tools.cli.call_options import add_call_options, describe
from speakerline.tools.cli.commands import add_command
from speakerline.tools.cli.feed import feed
from speakerline.tools.cli.redis_option import add_redis_option, check_redis
from speakerline.tools.cli.signals import interruptible
from speakerline.tools.failure import Failure
from speakerline.tools.media.reading import open_recording
from speakerline.tools.render.plain import PlainLog
from speakerline.tools.render.view import CallView

WAIT_S = 60.0
"""After its sound a call takes seconds to end, unless the stages are far behind or don't run."""
STOP_S = 5.0


def add_to(commands: Any) -> None:
    publish = add_command(commands, "publish", help="send a recording to a running system as a live call")
    publish.add_argument("file", type=Path, metavar="FILE")
    publish.add_argument("--call", required=True, metavar="ID", help="the id of the new call")
    publish.add_argument(
        "--pace", choices=("realtime", "max"), default="realtime", help="how fast to send (default: realtime)"
    )
    publish.add_argument(
        "--wait",
        type=seconds,
        default=WAIT_S,
        metavar="S",
        help=f"how long the timeline may take to end after the sound (default: {WAIT_S:g})",
    )
    add_call_options(publish)
    publish.set_defaults(run=_publish)
    watch = add_command(commands, "watch", help="show a timeline as it grows, or the events of all calls")
    watch.add_argument("call", nargs="?", metavar="ID", help="the id of the call (default: all calls)")
    watch.add_argument("--after", type=zero_or_more, metavar="SEQ", help="show only events after this sequence number")
    watch.add_argument(
        "--timeout", type=seconds, metavar="S", help="give up where the call has not begun after so many seconds"
    )
    shown_as = watch.add_mutually_exclusive_group()
    shown_as.add_argument("--json", action="store_true", help="print events as JSON, one per line")
    shown_as.add_argument(
        "--turns", action="store_true", help="print lines, also in a terminal, with the ids that `correct --turn` takes"
    )
    watch.set_defaults(run=_watch)
    erase = add_command(commands, "forget", help="erase calls with their audio, events and state")
    erase.add_argument("calls", nargs="+", metavar="ID", help="the id of a call")
    erase.set_defaults(run=_forget)
    for parser in (publish, watch, erase):
        add_redis_option(parser)


async def _publish(given: argparse.Namespace) -> int:
    """Success is a call whose timeline has ended as it should; anything else is said."""
    with interruptible():
        recording = open_recording(given.file, given.channels, given.format)
    announcement = check_call(describe(given.call, recording, given))
    await check_redis(given.redis)
    async with Producer(given.redis) as producer, Subscriber(given.redis) as subscriber:
        call = await producer.start(announcement)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(f"{given.call}: {shown(given.file.name)}", total=recording.declared_ms)
            try:
                await feed(call, recording, given.pace, lambda ms: progress.update(task, completed=ms))
            except asyncio.CancelledError:
                await asyncio.wait_for(call.end(), STOP_S)
                print(f"speakerline: stopped: call {given.call} ends here, before the end of the file", file=sys.stderr)
                raise
        print("speakerline: sent; waiting for the timeline to end", file=sys.stderr)
        for warning in recording.flaws.warnings():
            print(shown(f"{given.file.name}: {warning}"), file=sys.stderr)
        ended = await _ending(subscriber, given.call, given.wait)
        if ended is None:
            await _check_not_erased(subscriber, given.call)
    if call.shed_ms:
        raise Failure(
            f"{call.shed_ms} ms of audio were dropped because the stages were too far behind: gaps on the timeline"
        )
    if ended is None:
        raise Failure(f"call {given.call}: sent in full, but not finished {given.wait:g} s later: do all stages run?")
    if ended.reason != EndReason.HANGUP:
        raise Failure(f"call {given.call} did not end as it should: {ended.reason.name}")
    return 0


async def _ending(subscriber: Subscriber, call_id: str, within_s: float) -> CallEnded | None:
    """How the timeline ended, if it does in this time."""

    async def followed() -> CallEnded | None:
        async for event in subscriber.follow(call_id):
            if isinstance(body := body_of(event), CallEnded):
                return body
        return None

    try:
        return await asyncio.wait_for(followed(), within_s)
    except asyncio.TimeoutError:
        return None


async def _watch(given: argparse.Namespace) -> int:
    if given.call is not None:
        check_call_id(given.call)
    await check_redis(given.redis, reads_only=True)
    async with Subscriber(given.redis) as subscriber:
        if given.call is None:
            await _watch_all(subscriber, given.json, given.turns)
            return 0
        await _check_not_erased(subscriber, given.call)
        within_s = await _waits(subscriber, given.call, given.timeout)
        if given.json:
            async for event in _begun(subscriber.follow(given.call, given.after or 0), given.call, within_s):
                print(write(TIMELINE, event).decode(), flush=True)
        else:
            await _watch_one(subscriber, given.call, given.after, within_s, given.turns)
        await _check_not_erased(subscriber, given.call)
    return 0


async def _check_not_erased(subscriber: Subscriber, call_id: str) -> None:
    """Raises Failure where the call was erased: nothing of it comes any more."""
    if await subscriber.erased(call_id):
        raise Failure(f"call {call_id!r} was erased")


async def _waits(subscriber: Subscriber, call_id: str, within_s: float | None) -> float | None:
    """How long a call may take to begin, if there is a limit. Where it has not begun, says that it is waited for."""
    if await subscriber.exists(call_id):
        return None
    limit = f", {within_s:g} s at most" if within_s else "; Ctrl-C ends that"
    print(f"speakerline: no call {call_id!r} yet: waiting for it{limit}", file=sys.stderr, flush=True)
    return within_s


async def _begun(
    events: AsyncIterator[TimelineEvent], call_id: str, within_s: float | None
) -> AsyncIterator[TimelineEvent]:
    """The events. Raises Failure where the first does not come in time."""
    try:
        yield await asyncio.wait_for(anext(events), within_s)
    except asyncio.TimeoutError:
        raise Failure(f"call {call_id!r} has not begun within {within_s:g} s") from None
    except StopAsyncIteration:
        return
    async for event in events:
        yield event


async def _watch_one(
    subscriber: Subscriber, call_id: str, after: int | None, within_s: float | None, turn_ids: bool
) -> None:
    """A terminal starts from the call as it stands. Plain output has every event, or only those after `after`."""
    console = Console(force_terminal=False if turn_ids else None)
    timeline = await subscriber.timeline(call_id) if console.is_terminal else Timeline(call_id)
    with CallView(console, timeline, turn_ids=turn_ids) as view:
        events = subscriber.follow(call_id, timeline.seq, timeline.epoch)
        async for event in _begun(events, call_id, within_s):
            timeline.apply(event)
            view.show(timeline.duration_ms, event if after is None or event.seq > after else None)


async def _watch_all(subscriber: Subscriber, as_json: bool, turn_ids: bool) -> None:
    """Plain lines start from the call as it stands, where it is already running."""
    timelines: dict[str, tuple[Timeline, PlainLog]] = {}
    async for _, event in subscriber.follow_all(whole=not as_json):
        if as_json:
            print(write(TIMELINE, event).decode(), flush=True)
            continue
        timeline, plain = timelines.setdefault(event.call_id, (Timeline(event.call_id), PlainLog(turn_ids)))
        timeline.apply(event)
        for line in plain.lines(event, timeline):
            print(f"{event.call_id}  {line}", flush=True)
        if timeline.ended:
            del timelines[event.call_id]


async def _forget(given: argparse.Namespace) -> int:
    for call_id in given.calls:
        check_call_id(call_id)
    await check_redis(given.redis)
    erased = await forget(given.redis, *given.calls)
    if not erased.deleted:
        raise Failure(f"unknown call {', '.join(map(repr, given.calls))}")
    print(f"erased {', '.join(given.calls)}: {erased.deleted} keys and entries")
    if erased.left:
        print(f"not yet from {erased.left}", file=sys.stderr)
    return 0
