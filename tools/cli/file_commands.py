"""Commands on files: `process`, `run` (the demonstration), and `score`."""

import argparse
import asyncio
import itertools
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from speakerline.shared.client.producer import Producer
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.codec import check_call
from speakerline.shared.contract.v1 import CallStarted, ChannelMode, Encoding, ServiceClass, TimelineEvent
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.arguments import FRONT_END, front_end, language, one_or_more
from speakerline.tools.cli.feed import feed
from speakerline.tools.cli.redis_option import add_redis_option, check_redis
from speakerline.tools.cli.results import ResultFiles, check_folder, print_summary
from speakerline.tools.failure import Failure
from speakerline.tools.media.reading import Recording, open_recording
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.render.view import CallView
from speakerline.tools.sample_call import sample_call

LONGEST_STEM = 180
"""A call id has at most 200 characters, a file name at most 255 with its extensions."""


def add_to(commands: Any) -> None:
    process = commands.add_parser("process", help="make timelines of recorded calls, as files")
    process.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="wav, flac, mp3, m4a, ogg, opus, webm, ..."
    )
    process.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="the folder for results (default: out)"
    )
    process.add_argument(
        "--pace", choices=("realtime", "max"), default="max", help="how fast to process (default: max)"
    )
    add_call_options(process)
    add_redis_option(process, instead_of="a private one")
    process.set_defaults(run=_process)
    run = commands.add_parser("run", help="demonstration: a real phone call of 30 s, live in the terminal")
    run.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="the folder for results (default: out)"
    )
    add_sound_options(run)
    run.set_defaults(run=_run, pace="realtime", speakers=0, max_speakers=0, channels="auto", redis=None)
    score = commands.add_parser("score", help="score a timeline against a reference")
    score.add_argument("reference", type=Path, metavar="REF.rttm", help="who spoke when")
    score.add_argument(
        "events", type=Path, metavar="CALL.events.jsonl", help="the events of the call, as `process` writes them"
    )
    score.add_argument("--uem", type=Path, metavar="F", help="score only these regions")
    score.add_argument(
        "--transcript",
        type=Path,
        metavar="F",
        help="the reference transcript (.stm, .seglst.json, .ctm): score words, too",
    )
    score.add_argument(
        "--words",
        type=Path,
        metavar="F",
        help="score the words of this file (.ctm, .json, .seglst.json) instead of those of the events",
    )
    score.add_argument("--turns", type=Path, metavar="F", help="RTTM with the speakers for a CTM without speakers")
    score.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    score.set_defaults(run=_score)


def add_call_options(parser: argparse.ArgumentParser) -> None:
    """Options for what is known about a call in advance."""
    parser.add_argument("--speakers", type=one_or_more, default=0, metavar="N", help="how many people speak, if known")
    parser.add_argument(
        "--max-speakers", type=one_or_more, default=0, metavar="N", help="the largest number of speakers to distinguish"
    )
    parser.add_argument(
        "--channels",
        choices=("mix", "separate", "auto"),
        default="auto",
        help="mix: average all; separate: one party each; auto: separate unless all carry the same audio (default)",
    )
    add_sound_options(parser)


def add_sound_options(parser: argparse.ArgumentParser) -> None:
    """Options for the front end and the language."""
    parser.add_argument(
        "--front-end",
        type=front_end,
        metavar=",".join(FRONT_END),
        help="for difficult audio: gain control, noise reduction, dereverberation, music detection (default: none)",
    )
    parser.add_argument(
        "--language",
        type=language,
        metavar="en",
        help="spoken language, ISO 639-1 (default: the recogniser's own)",
    )


def describe(call_id: str, recording: Recording, given: argparse.Namespace) -> CallStarted:
    """The announcement of a recording. Raises InvalidEvent for options that contradict each other, or a bad id."""
    announced = CallStarted(
        call_id=call_id,
        sample_rate=recording.sample_rate,
        encoding=Encoding.S16LE,
        channels=recording.channels,
        channel_mode=ChannelMode.SEPARATE if given.channels == "separate" else ChannelMode.AUTO,
        expected_speakers=given.speakers,
        max_speakers=given.max_speakers,
        language=given.language or "",
        front_end=given.front_end,
        service_class=ServiceClass.BULK if given.pace == "max" else ServiceClass.LIVE,
        metadata={"file": os.fsencode(recording.path.name).decode(errors="replace")},
    )
    return check_call(announced)


async def _process(given: argparse.Namespace) -> int:
    recordings = [open_recording(path, given.channels) for path in given.files]
    calls = [describe(stem, one, given) for stem, one in zip(_stems(given.files), recordings, strict=True)]
    check_folder(given.out)
    console = Console()
    async with _pipeline(given.redis) as url:
        for call, recording in zip(calls, recordings, strict=True):
            await _process_one(console, url, call, recording, given)
    return 0


async def _run(given: argparse.Namespace) -> int:
    sample = sample_call()
    Console().print(f"Playing {sample.name}, a real phone call of two people, at the pace at which they spoke.\n")
    given.files = [sample]
    return await _process(given)


async def _process_one(
    console: Console, url: str, call: CallStarted, recording: Recording, given: argparse.Namespace
) -> None:
    timeline = Timeline(call.call_id)
    async with Producer(url) as producer, Subscriber(url) as subscriber:
        outgoing = await producer.start(call)
        view = _View(console, timeline, recording, given.pace)
        with view, ResultFiles(given.out, call.call_id) as files:
            feeding = asyncio.create_task(feed(outgoing, recording, given.pace, view.sent))
            try:
                async for event in _until_failure(subscriber.follow(call.call_id), feeding):
                    timeline.apply(event)
                    files.add(event)
                    view.show(event)
                await feeding
            finally:
                feeding.cancel()
            written = files.finish(timeline)
    for warning in recording.flaws.warnings():
        console.print(f"{recording.path.name}: {warning}", style="yellow", highlight=False)
    print_summary(console, timeline, written)


class _View:
    """The live timeline at pace `realtime`, a progress bar at pace `max`."""

    def __init__(self, console: Console, timeline: Timeline, recording: Recording, pace: str) -> None:
        self._timeline = timeline
        self._sent_ms = 0
        self._live = CallView(console, timeline, recording.declared_ms) if pace == "realtime" else None
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=console)
        self._task = self._progress.add_task(recording.path.name, total=recording.declared_ms)

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
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if feeding.done():
            feeding.result()
        if not coming.done():
            await asyncio.wait({coming})
        try:
            yield coming.result()
        except StopAsyncIteration:
            return


@asynccontextmanager
async def _pipeline(redis: str | None) -> AsyncIterator[str]:
    if redis:
        await check_redis(redis)
        yield redis
        return
    from speakerline.tools.pipeline.local import local_pipeline

    async with local_pipeline(Settings.from_environment()) as url:
        yield url


def _score(given: argparse.Namespace) -> int:
    from speakerline.tools.score.score import WordFiles, score_files

    if (given.words or given.turns) and not given.transcript:
        raise Failure("--words and --turns need --transcript, to score them against")
    words = WordFiles(given.transcript, given.words, given.turns) if given.transcript else None
    report = score_files(given.reference, given.events, given.uem, words)
    print(report.to_json() if given.json else report.to_text())
    return 0


def _stems(files: list[Path]) -> list[str]:
    """One call id per file: its name without extension, characters replaced that no id may have, numbered if taken."""
    stems: list[str] = []
    for path in files:
        stem = re.sub(r"[^!-z|~]", "_", path.stem)[:LONGEST_STEM] or "call"
        numbered = (f"{stem}-{number}" for number in itertools.count(2))
        stems.append(stem if stem not in stems else next(one for one in numbered if one not in stems))
    return stems
