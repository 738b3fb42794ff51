"""Commands on separated voices: `score-separation`."""

import argparse
from pathlib import Path
from typing import Any

from speakerline.tools.cli.commands import add_command


def add_to(commands: Any) -> None:
    score = add_command(commands, "score-separation", help="score separated voices against the true ones")
    score.add_argument("--reference", nargs="+", type=Path, required=True, metavar="FILE", help="the true voices")
    score.add_argument(
        "--estimate", nargs="+", type=Path, required=True, metavar="FILE", help="the separated voices, in any order"
    )
    score.add_argument("--mixture", type=Path, metavar="FILE", help="score the improvement over it, SI-SDRi, too")
    score.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    score.set_defaults(run=_score_separation)


def _score_separation(given: argparse.Namespace) -> int:
    from speakerline.tools.score.separation import score_separation

    report = score_separation(given.reference, given.estimate, given.mixture)
    print(report.to_json() if given.json else report.to_text())
    return 0
