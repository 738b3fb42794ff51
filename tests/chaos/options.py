"""The command line of a chaos run."""

import argparse
import os
from pathlib import Path


def parse(about: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=about)
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("CHAOS_SECONDS", "60")))
    parser.add_argument("--calls", type=int, help="default: one a second, at least 50")
    parser.add_argument("--longest", type=float, default=25.0, help="seconds of a call (default: 25)")
    parser.add_argument("--redis", choices=("single", "sentinel", "cluster"), default="single")
    parser.add_argument("--seed", type=int, help="default: another one every time, printed")
    parser.add_argument("--workers", type=int, default=2, help="of each stage (default: 2)")
    parser.add_argument("--real", action="store_true", help="the product's stages and a real recording")
    parser.add_argument("--recogniser", action="store_true", help="with --real: the words of the configured model")
    parser.add_argument("--upgrade", action="store_true", help="every second worker of a stage is of a newer version")
    parser.add_argument("--bulk", action="store_true", help="calls are recordings, from which overload takes nothing")
    parser.add_argument("--forget", type=float, default=0.0, metavar="SHARE", help="of the calls, erased live")
    parser.add_argument("--kill", default="", metavar="STAGE", help="only kill workers of this stage, every 4 s")
    parser.add_argument("--no-faults", action="store_true", help="only play; the memory of the workers must stay flat")
    parser.add_argument("--keep", type=Path, help="keep the logs there")
    given = parser.parse_args()
    if given.forget and given.redis != "single":
        parser.error("--forget: expected with a single Redis, as replicas rewrite their own append-only files")
    return given
