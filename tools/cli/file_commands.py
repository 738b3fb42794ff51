"""Commands on files: `process` and `run` (the demonstration)."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from speakerline.shared.client.producer import Producer
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.codec import InvalidEvent, check_call
from speakerline.shared.contract.v1 import TimelineEvent
from speakerline.shared.runtime.ending import end
from speakerline.shared.timeline.shown import shown
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.cli.call_options import (
    add_call_options,
    add_sound_options,
    announcement,
    describe,
    findings,
    speakers_missed,
)
from speakerline.tools.cli.commands import add_command
from speakerline.tools.cli.feed import feed
from speakerline.tools.cli.names import call_id_of, result_stems
from speakerline.tools.cli.redis_option import add_redis_option, check_redis
from speakerline.tools.cli.results import ResultFiles, check_folder, is_taken, print_summary
from speakerline.tools.cli.signals import interruptible
from speakerline.tools.failure import Failure, one_line
from speakerline.tools.media.decoding import probe
from speakerline.tools.media.media_error import MediaError
from speakerline.tools.media.reading import Recording, open_recording
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.render.view import CallView
from speakerline.tools.sample_call import sample_call


def add_to(commands: Any) -> None:
    process = add_command(commands, "process", help="make timelines of recorded calls, as files")
    process.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="wav, flac, mp3, m4a, ogg, opus, webm, ..."
    )
    _add_out(process)
    process.add_argument("--force", action="store_true", help="replace results of the same name (default: number them)")
    process.add_argument(
        "--pace", choices=("realtime", "max"), default="max", help="how fast to process (default: max)"
    )
    add_call_options(process)
    add_redis_option(process, instead_of="a private one")
    process.set_defaults(run=_process, page=False)
    run = add_command(commands, "run", help="demonstration: a real phone call of 30 s, live in the terminal")
    _add_out(run)
    add_sound_options(run)
    fixed = {"pace": "realtime", "speakers": 0, "max_speakers": 0, "channels": "auto", "format": None, "redis": None}
    run.set_defaults(run=_run, force=True, page=True, **fixed)


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="the folder for results (default: out)"
    )


@dataclass(frozen=True, slots=True)
class Job:
    """A file and the name of its results."""

    path: Path
    stem: str


async def _process(given: argparse.Namespace) -> int:
    """All that can be done is done; what can't be is named at the end."""
    skipped = {path: problem for path in given.files if (problem := _problem(path, given))}
    check_call(announcement("options", 8000, 1, given))
    good, done = [path for path in given.files if path not in skipped], 0
    if good:
        check_folder(given.out, len(good))
        stems = result_stems(good, (lambda stem: False) if given.force else (lambda stem: is_taken(given.out, stem)))
        jobs = [Job(path, stem) for path, stem in zip(good, stems, strict=True)]
        console = Console()
        try:
            async with _pipeline(given.redis) as url, _gateway(console, url, given):
                for job in jobs:
                    try:
                        await _process_one(console, url, job, given)
                        done += 1
                    except (MediaError, InvalidEvent, Failure) as error:
                        skipped[job.path] = one_line(error)
        except BaseException:  # a signal, or a fault of the system
            _tell_skipped(skipped, done, len(given.files))
            raise
    _tell_skipped(skipped, done, len(given.files))
    return 1 if skipped else 0


def _tell_skipped(skipped: dict[Path, str], done: int, count: int) -> None:
    for problem in skipped.values():
        print(f"speakerline: {problem}", file=sys.stderr)
    if count > 1 and done < count:
        print(f"speakerline: {done} of {count} files processed", file=sys.stderr)


def _problem(path: Path, given: argparse.Namespace) -> str:
    """Why a file can't be used, as far as its beginning tells; empty where it can."""
    try:
        with interruptible():
            probe(path, given.format)
    except MediaError as error:
        return one_line(error)
    return ""


async def _run(given: argparse.Namespace) -> int:
    sample = sample_call()
    Console().print(f"Playing {sample.name}, a real phone call of two people, at the pace at which they spoke.\n")
    given.files = [sample]
    return await _process(given)


async def _process_one(console: Console, url: str, job: Job, given: argparse.Namespace) -> None:
    with interruptible():
        recording = open_recording(job.path, given.channels, given.format)
    call = check_call(describe(call_id_of(job.stem), recording, given))
    timeline = Timeline(call.call_id)
    if job.stem != result_stems([job.path])[0] and not given.force:
        _tell(console, f"results of that name are there already: these are {job.stem}.*; --force replaces")
    async with Producer(url) as producer, Subscriber(url) as subscriber:
        outgoing = await producer.start(call)
        with _View(console, timeline, recording, given.pace) as view, ResultFiles(given.out, job.stem) as files:
            feeding = asyncio.create_task(feed(outgoing, recording, given.pace, view.sent))
            try:
                async for event in _until_failure(subscriber.follow(call.call_id), feeding):
                    timeline.apply(event)
                    files.add(event)
                    view.show(event)
                await feeding
                written = files.finish(timeline)
            finally:
                feeding.cancel()
                if files.kept:
                    _tell(console, f"{job.path.name} was not finished: {files.partial} has the events up to there")
    for warning in recording.flaws.warnings():
        _tell(console, f"{job.path.name}: {warning}")
    for line in [*findings(timeline), *speakers_missed(timeline, given.speakers)]:
        _tell(console, f"{job.path.name}: {line}")
    print_summary(console, timeline, written)


def _tell(console: Console, line: str) -> None:
    console.print(Text(shown(line)), style="yellow", highlight=False, soft_wrap=True)


class _View:
    """The live timeline at pace `realtime`, a progress bar at pace `max`."""

    def __init__(self, console: Console, timeline: Timeline, recording: Recording, pace: str) -> None:
        self._timeline = timeline
        self._sent_ms = 0
        self._live = CallView(console, timeline, recording.declared_ms) if pace == "realtime" else None
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=console)
        self._task = self._progress.add_task(shown(recording.path.name), total=recording.declared_ms)

    def __enter__(self) -> "_View":
        (self._live or self._progress).__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._live is None and self._timeline.ended:
            self._progress.update(self._task, total=1, completed=1)
        (self._live or self._progress).__exit__(*error)

    def sent(self, now_ms: int) -> None:
        self._sent_ms = now_ms
        if self._live:
            self._live.show(now_ms)

    def show(self, event: TimelineEvent) -> None:
        if self._live:
            self._live.show(self._sent_ms, event)
        else:
            self._progress.update(self._task, completed=event.at_ms)


async def _until_failure(
    events: AsyncIterator[TimelineEvent], feeding: "asyncio.Task[int]"
) -> AsyncIterator[TimelineEvent]:
    """The events. Raises the error of `feeding` when that fails, because then the call never ends."""
    while True:
        coming = asyncio.ensure_future(anext(events))
        waiting = {coming} if feeding.done() else {coming, feeding}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if feeding.done():
                feeding.result()
            if not coming.done():
                await asyncio.wait({coming})
        except BaseException:
            await end([coming])
            raise
        try:
            yield coming.result()
        except StopAsyncIteration:
            return


@asynccontextmanager
async def _gateway(console: Console, url: str, given: argparse.Namespace) -> AsyncIterator[None]:
    """For `run`: where the call can be watched in a browser, too."""
    if not given.page:
        yield
        return
    from speakerline.tools.pipeline.gateway import gateway_at

    async with gateway_at(url) as address:
        page = f"{address}/call.html?id={quote(call_id_of(result_stems(given.files)[0]), safe='')}"
        console.print(f"Watch it in a browser, too: {page}\n", highlight=False, soft_wrap=True)
        yield


@asynccontextmanager
async def _pipeline(redis: str | None) -> AsyncIterator[str]:
    if redis:
        await check_redis(redis)
        yield redis
        return
    from speakerline.tools.pipeline.local import local_pipeline

    async with local_pipeline(Settings.from_environment()) as url:
        yield url
