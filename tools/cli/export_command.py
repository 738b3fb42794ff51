"""`export`: a call as a file in any format, from a running system or from the events that `process` wrote."""

import argparse
import sys
from pathlib import Path
from typing import Any

from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.file_names import file_name_of
from speakerline.shared.keys import check_call_id
from speakerline.shared.timeline.formats import FORMATS, export
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.cli.commands import add_command
from speakerline.tools.cli.redis_option import add_redis_option, check_redis
from speakerline.tools.cli.results import EVENTS, PICTURE, check_folder, check_new, write_file, write_formats
from speakerline.tools.failure import Failure
from speakerline.tools.score.files import read_events

ALL = "all"


def add_to(commands: Any) -> None:
    exporting = add_command(commands, "export", help="write a call to a file: a running one, or one from its events")
    exporting.add_argument(
        "call",
        metavar="ID|EVENTS",
        help="the id of a call, while it runs or up to an hour after; or a file of events, CALL.events.jsonl",
    )
    exporting.add_argument("--format", choices=(*FORMATS, PICTURE, ALL), default="text", help="(default: text)")
    exporting.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the file to write (default: standard output); with --format all, a folder (default: that of the events)",
    )
    exporting.add_argument("--force", action="store_true", help="replace files that are there")
    add_redis_option(exporting)
    exporting.set_defaults(run=_export)


async def _export(given: argparse.Namespace) -> int:
    events = _file_of(given.call)
    timeline = _of_file(events) if events else await _of_system(given)
    if given.format == ALL:
        return _all(timeline, events, given)
    return _one(timeline, given)


def _file_of(call: str) -> Path | None:
    """The file of events that is meant, if one is."""
    path = Path(call)
    return path if path.suffix == ".jsonl" or path.is_file() else None


def _one(timeline: Timeline, given: argparse.Namespace) -> int:
    if given.out is None:
        if given.format == PICTURE:
            raise Failure("--format png is a picture: --out names the file for it")
        sys.stdout.write(export(timeline, given.format))
        return 0
    if given.out.is_dir():
        raise Failure(f"--out {given.out}: Is a directory, expected a writable file")
    check_new([given.out], given.force)
    if given.format == PICTURE:
        from speakerline.tools.render.picture import draw

        write_file(given.out, draw(timeline))
    else:
        write_file(given.out, export(timeline, given.format))
    return 0


def _all(timeline: Timeline, events: Path | None, given: argparse.Namespace) -> int:
    folder = given.out or (events.parent if events else Path("out"))
    stem = events.name.removesuffix(f".{EVENTS}").removesuffix(".jsonl") if events else file_name_of(timeline.call_id)
    check_folder(folder)
    suffixes = (PICTURE, *(form.suffix for form in FORMATS.values()))
    check_new([folder / f"{stem}.{suffix}" for suffix in suffixes], given.force)
    for path in write_formats(folder, stem, timeline):
        print(f"wrote {path}")
    return 0


def _of_file(events: Path) -> Timeline:
    """Of a file that was left early, the call up to there."""
    try:
        found = read_events(events)
    except OSError as error:
        raise Failure(f"{events}: {error.strerror}, expected a file of events") from error
    if not found:
        raise Failure(f"{events}: no events, expected one JSON object per line")
    timeline = Timeline(found[0].call_id)
    for event in found:
        timeline.apply(event)
    return timeline


async def _of_system(given: argparse.Namespace) -> Timeline:
    check_call_id(given.call)
    await check_redis(given.redis, reads_only=True)
    async with Subscriber(given.redis) as subscriber:
        timeline = await subscriber.timeline(given.call)
    if not timeline.seq:
        raise Failure(f"unknown call {given.call!r}: it never began, was erased, or ended more than an hour ago")
    return timeline
