"""`score`: a timeline against a reference."""

import argparse
from pathlib import Path
from typing import Any

from speakerline.tools.cli.commands import add_command
from speakerline.tools.failure import Failure


def add_to(commands: Any) -> None:
    score = add_command(commands, "score", help="score a timeline against a reference")
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


def _score(given: argparse.Namespace) -> int:
    from speakerline.tools.score.score import WordFiles, score_files

    if (given.words or given.turns) and not given.transcript:
        raise Failure("--words and --turns need --transcript, to score them against")
    words = WordFiles(given.transcript, given.words, given.turns) if given.transcript else None
    report = score_files(given.reference, given.events, given.uem, words)
    print(report.to_json() if given.json else report.to_text())
    return 0
