"""`python -m tests.mutation SOURCE TESTS...`: which faults in SOURCE (a file or folder) do TESTS not notice?"""

import argparse
import ast
import os
import random
import sys
import time
from pathlib import Path

from tests.mutation.faults import Fault, faults
from tests.mutation.trial import Rehearsal, noticed, preload, rehearse


def main() -> int:
    options, more = _options()
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    source = Path(options.source).resolve()
    paths = sorted(source.rglob("*.py")) if source.is_dir() else [source]
    rehearsal = rehearse(paths, [*options.tests, *more])
    if rehearsal.failed:
        print("the tests fail without any fault")
        return 2
    preload(rehearsal.modules, without=paths)
    killed = tried = 0
    for path in paths:
        lived, count = _try_all(path, rehearsal, options)
        killed, tried = killed + count - lived, tried + count
    print(f"{killed} of {tried} faults noticed ({100 * killed / max(tried, 1):.1f} %)")
    return 0


def _try_all(path: Path, rehearsal: Rehearsal, options: argparse.Namespace) -> tuple[int, int]:
    """Tries the faults of a file and prints those that live; how many those are, and how many were tried."""
    tree, name = ast.parse(path.read_text()), path.relative_to(Path.cwd())
    chosen = _choose(faults(tree), options)
    lived, began = 0, time.monotonic()
    for fault in chosen:
        if not noticed(path, tree, fault, rehearsal):
            lived += 1
            reached = "" if rehearsal.fastest(path, fault) else "   (no test comes here)"
            print(f"{name}:{fault.place}: {fault}{reached}", flush=True)
    share, took_s = 100 * (len(chosen) - lived) / max(len(chosen), 1), time.monotonic() - began
    print(
        f"{name}: {len(chosen)} faults, {lived} live, {share:.1f} % noticed, {took_s:.0f} s",
        flush=True,
    )
    return lived, len(chosen)


def _choose(every: list[Fault], options: argparse.Namespace) -> list[Fault]:
    first, last = options.lines
    every = [fault for fault in every if first <= fault.lines.start <= last]
    if options.most and len(every) > options.most:
        picked = sorted(random.Random(options.seed).sample(range(len(every)), options.most))
        every = [every[at] for at in picked]
    return every


def _options() -> tuple[argparse.Namespace, list[str]]:
    """The options, and those that are meant for pytest."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("source", help="the file, or the folder, that gets the faults")
    parser.add_argument("tests", nargs="+", help="tests that may notice them; options of pytest may follow, as -k word")
    parser.add_argument("--most", type=int, help="try so many of the faults of each file, picked at random")
    parser.add_argument("--seed", type=int, default=0, help="of that choice")
    parser.add_argument("--lines", type=_lines, default=(1, sys.maxsize), help="only these lines: 120 or 120-140")
    return parser.parse_known_args()


def _lines(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


if __name__ == "__main__":
    sys.exit(main())
