"""Commands on the calls of a running system: `publish`, `watch`, `export`, `forget`."""

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from speakerline.shared.client.forget import forget
from speakerline.shared.client.producer import Producer
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.codec import write
from speakerline.shared.keys import check_call_id
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.timeline.formats import FORMATS, export
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.arguments import zero_or_more
from speakerline.tools.cli.feed import feed
from speakerline.tools.cli.file_commands import add_call_options, describe
from speakerline.tools.cli.redis_option import add_redis_option, check_redis
from speakerline.tools.failure import Failure
from speakerline.tools.media.reading import open_recording
from speakerline.tools.render.plain import PlainLog
from speakerline.tools.render.view import CallView


def add_to(commands: Any) -> None:
    publish = commands.add_parser("publish", help="send a recording to a running system as a live call")
    publish.add_argument("file", type=Path, metavar="FILE")
    publish.add_argument("--call", required=True, metavar="ID", help="the id of the new call")
    publish.add_argument(
        "--pace", choices=("realtime", "max"), default="realtime", help="how fast to send (default: realtime)"
    )
    add_call_options(publish)
    publish.set_defaults(run=_publish)
    watch = commands.add_parser("watch", help="show a timeline as it grows, or the events of all calls")
    watch.add_argument("call", nargs="?", metavar="ID", help="the id of the call (default: all calls)")
    watch.add_argument("--after", type=zero_or_more, metavar="SEQ", help="show only events after this sequence number")
    watch.add_argument("--json", action="store_true", help="print events as JSON, one per line")
    watch.set_defaults(run=_watch)
    exporting = commands.add_parser("export", help="write a call to a file, while it runs or up to an hour after")
    exporting.add_argument("call", metavar="ID", help="the id of the call")
    exporting.add_argument("--format", choices=FORMATS, default="text", help="(default: text)")
    exporting.add_argument("--out", type=Path, metavar="FILE", help="the file to write (default: standard output)")
    exporting.set_defaults(run=_export)
    erase = commands.add_parser("forget", help="erase calls with their audio, events and state")
    erase.add_argument("calls", nargs="+", metavar="ID", help="the id of a call")
    erase.set_defaults(run=_forget)
    for parser in (publish, watch, exporting, erase):
        add_redis_option(parser)


async def _publish(given: argparse.Namespace) -> int:
    recording = open_recording(given.file, given.channels)
    announcement = describe(given.call, recording, given)
    await check_redis(given.redis)
    async with Producer(given.redis) as producer:
        call = await producer.start(announcement)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(f"{given.call}: {given.file.name}", total=recording.declared_ms)
            await feed(call, recording, given.pace, lambda ms: progress.update(task, completed=ms))
    for warning in recording.flaws.warnings():
        print(f"{given.file.name}: {warning}", file=sys.stderr)
    if call.shed_ms:
        raise Failure(
            f"{call.shed_ms} ms of audio were dropped because the stages were too far behind: gaps on the timeline"
        )
    return 0


async def _watch(given: argparse.Namespace) -> int:
    if given.call is not None:
        check_call_id(given.call)
    await check_redis(given.redis)
    async with Subscriber(given.redis) as subscriber:
        if given.call is None:
            await _watch_all(subscriber, given.json)
        elif given.json:
            async for event in subscriber.follow(given.call, given.after or 0):
                print(write(TIMELINE, event).decode(), flush=True)
        else:
            await _watch_one(subscriber, given.call, given.after)
    return 0


async def _watch_one(subscriber: Subscriber, call_id: str, after: int | None) -> None:
    """A terminal starts from the call as it stands. Plain output has every event, or only those after `after`."""
    console = Console()
    timeline = await subscriber.timeline(call_id) if console.is_terminal else Timeline(call_id)
    with CallView(console, timeline) as view:
        async for event in subscriber.follow(call_id, timeline.seq, timeline.epoch):
            timeline.apply(event)
            view.show(timeline.at_ms, event if after is None or event.seq > after else None)


async def _watch_all(subscriber: Subscriber, as_json: bool) -> None:
    """Plain lines start from the call as it stands, where it is already running."""
    timelines: dict[str, tuple[Timeline, PlainLog]] = {}
    async for _, event in subscriber.follow_all(whole=not as_json):
        if as_json:
            print(write(TIMELINE, event).decode(), flush=True)
            continue
        timeline, plain = timelines.setdefault(event.call_id, (Timeline(event.call_id), PlainLog()))
        timeline.apply(event)
        for line in plain.lines(event, timeline):
            print(f"{event.call_id}  {line}", flush=True)
        if timeline.ended:
            del timelines[event.call_id]


async def _export(given: argparse.Namespace) -> int:
    check_call_id(given.call)
    await check_redis(given.redis)
    async with Subscriber(given.redis) as subscriber:
        timeline = await subscriber.timeline(given.call)
    if not timeline.seq:
        raise Failure(f"unknown call {given.call!r}")
    text = export(timeline, given.format)
    if given.out is None:
        sys.stdout.write(text)
        return 0
    try:
        given.out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"--out {given.out}: {error.strerror}, expected a writable file") from error
    return 0


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
