"""`python -m speakerline.tools.bench`: measures this machine and prints tables."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import uvloop

from speakerline.tools.bench.archive import measure_archive
from speakerline.tools.bench.arithmetic import percentile
from speakerline.tools.bench.compare import YARDSTICK, comparison, figures_in
from speakerline.tools.bench.gateway import measure_gateway
from speakerline.tools.bench.kinds import measure_kinds
from speakerline.tools.bench.live import FULL, QUICK, measure_live
from speakerline.tools.bench.load import Load
from speakerline.tools.bench.long_call import FULL_MINUTES, QUICK_MINUTES, measure_long_call
from speakerline.tools.bench.sound import telephone_sound
from speakerline.tools.bench.speed import measure_speed
from speakerline.tools.bench.streaming import held_out_mixtures, measure_streaming
from speakerline.tools.bench.system import running
from speakerline.tools.bench.watchers import measure_watchers
from speakerline.tools.bench.words import measure_words
from speakerline.tools.bench.workers import FULL as FULL_WORKERS
from speakerline.tools.bench.workers import QUICK as QUICK_WORKERS
from speakerline.tools.bench.workers import measure_workers
from speakerline.tools.bench.yardstick import yardstick
from speakerline.tools.failure import Failure
from speakerline.tools.tables import Report

LABELS_ONLY = {"SPEAKERLINE_SEPARATION_MODEL": "off", "SPEAKERLINE_ASR_MODEL": "off"}
"""How the capacity is measured: what words cost depends on the engine, and is measured by itself."""

NOTHING_LEFT_OUT = {"SPEAKERLINE_SHED_LAG_S": "0"}
"""How the cost of words and separation is measured: overload would take it away."""


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


SECTIONS = ("live", "workers", "length", "kinds", "words", "gateway", "watchers", "archive", "streaming", "speed")
"""What can be measured by itself."""
WHOLE = tuple(section for section in SECTIONS if section != "workers")
"""What is measured where nothing is named: several workers take as long as all the rest."""


async def _measure(given: argparse.Namespace) -> Report:
    """Ctrl-C and SIGTERM end it in order: the stages end with it."""
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    report = Report({"cores": os.cpu_count()})
    speeds: dict[str, float] = {}
    for section in given.only:
        known = {*report.figures}
        async with yardstick() as pieces_ms:
            await _measure_section(section, given, report)
        speeds |= dict.fromkeys(report.figures.keys() - known, percentile(pieces_ms or [0.0], 50))
    report.figures[YARDSTICK] = speeds
    return report


async def _measure_section(section: str, given: argparse.Namespace, report: Report) -> None:
    match section:
        case "live":
            async with running(LABELS_ONLY) as system, Load(system) as load:
                await measure_live(load, QUICK if given.quick else FULL, report, _say)
        case "workers":
            await measure_workers(LABELS_ONLY, QUICK_WORKERS if given.quick else FULL_WORKERS, report, _say)
        case "length":
            async with running(LABELS_ONLY) as system:
                await measure_long_call(system, QUICK_MINUTES if given.quick else FULL_MINUTES, report, _say)
        case "kinds":
            async with running(NOTHING_LEFT_OUT) as system, Load(system) as load:
                await measure_kinds(load, system, 10 if given.quick else 30, report, _say)
        case "words":
            async with running() as system, Load(system) as load:
                await measure_words(load, (1, 4, 8), report, _say)
        case "gateway":
            await measure_gateway(5 if given.quick else 15, report, _say)
        case "watchers":
            await measure_watchers(10 if given.quick else 20, report, _say)
        case "archive":
            await measure_archive(10_000 if given.quick else 100_000, given.postgresql, report, _say)
        case "streaming":
            mixtures = await asyncio.to_thread(held_out_mixtures, given.data) if given.data else []
            measure_streaming(await asyncio.to_thread(telephone_sound), report, _say, mixtures=mixtures)
        case _:
            await measure_speed(120 if given.quick else 330, report, _say)


def _sections(text: str) -> tuple[str, ...]:
    """Those that are named, in their order. Raises ArgumentTypeError."""
    named = text.split(",")
    if unknown := [one for one in named if one not in SECTIONS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r}: expected some of {', '.join(SECTIONS)}")
    return tuple(one for one in SECTIONS if one in named)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="some 8 minutes instead of 20, with coarser figures")
    parser.add_argument("--markdown", action="store_true", help="tables for a page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    parser.add_argument(
        "--compare", type=figures_in, metavar="FILE", help="show ratios to an earlier run, whose `--json` FILE is"
    )
    parser.add_argument(
        "--only",
        type=_sections,
        default=WHOLE,
        metavar="SECTION,...",
        help=f"what to measure, of {', '.join(SECTIONS)} (default: all but workers)",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="recordings of the training: quality of separation, too"
    )
    parser.add_argument(
        "--postgresql", default="", metavar="URL", help="an empty database: search is measured there, too"
    )
    given = parser.parse_args()
    try:
        report = uvloop.run(_measure(given))
    except (Failure, ValueError) as failure:
        print(failure, file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        return 130
    if given.json:
        given.json.write_text(json.dumps(report.figures, indent=1) + "\n")
    if given.compare:
        report.tables.append(comparison(report.figures, given.compare))
    print(report.text(given.markdown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
