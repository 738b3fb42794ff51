"""The system of docker-compose.yml as an operator has it: from nothing to healthy, a call with words watched while
containers are killed, what the archive has of it, three workers of a stage, and down again.

    make compose-test
    deploy/debian-images.sh >debian.env && set -a && . ./debian.env && python -m tests.compose --without grafana

It takes some ten minutes, and the ports 8080, 9090 and 9093 of loopback. Where another gateway has the first one,
SPEAKERLINE_BIND=127.0.0.2 helps."""

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Any

from tests.compose.calls import Demo, archive_differs, first_difference, timeline, words_of
from tests.compose.project import Project, docker, inspected, missing
from tests.deploy.code import STAGES

MB = 1_000_000
MOST_MB = {"service": 400, "asr": 700}
KILLED = (*STAGES, "redis", "gateway", "archive", "postgres")
DOWN_S = 30.0
REPLICAS, CALLS = 3, 6
SPREAD_S = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.compose", description=__doc__)
    parser.add_argument("--without", default="", metavar="SERVICE,...", help="services that have no image here")
    parser.add_argument("--kill", default=",".join(KILLED), metavar="SERVICE,...", help="default: %(default)s")
    parser.add_argument("--sqlite", action="store_true", help="the archive in a file, without PostgreSQL")
    parser.add_argument("--gpu", action="store_true", help="build the image for GPUs, too")
    parser.add_argument("--built", action="store_true", help="take the images that are there")
    given = parser.parse_args()
    if why := missing():
        print(f"compose-test can't be run: {why}", file=sys.stderr)
        return 1
    project = project_of([one for one in given.without.split(",") if one], given.sqlite)
    problems: list[str] = []
    try:
        if not given.built:
            build(project, given.gpu)
        problems += sizes(given.gpu)
        print(f"healthy after {project.up():.0f} s", flush=True)
        expected, wrong = undisturbed(project)
        problems += wrong
        for name in filter(None, given.kill.split(",")):
            problems += killed(project, name, expected) if name not in project.left_out else []
        problems += scaled(project)
        problems += targets()
    except (subprocess.CalledProcessError, TimeoutError) as error:
        problems.append(str(error))
        project.run("logs", "--tail", "20")
    finally:
        took_s = project.down()
    print(f"down after {took_s:.1f} s")
    if took_s > DOWN_S:
        problems.append(f"down took {took_s:.1f} s, expected {DOWN_S:.0f} at most")
    for problem in problems:
        print(f"FAILED {problem}", file=sys.stderr)
    return bool(problems)


def project_of(left_out: Sequence[str], sqlite: bool) -> Project:
    """With a PostgreSQL for the archive, whose password nobody else knows."""
    if sqlite:
        return Project("speakerline-test", os.environ, [*left_out, "postgres"])
    password = secrets.token_hex(16)
    url = f"postgresql://speakerline:{password}@postgres/speakerline"
    more = {"SPEAKERLINE_ARCHIVE_URL": url, "SPEAKERLINE_POSTGRES_PASSWORD": password}
    return Project("speakerline-test", {**os.environ, **more}, left_out, ["postgres"])


def build(project: Project, gpu: bool) -> None:
    """All images."""
    began = time.monotonic()
    project.run(*(("--profile", "gpu") if gpu else ()), "build")
    print(f"built after {time.monotonic() - began:.0f} s", flush=True)


def sizes(gpu: bool) -> list[str]:
    """Images that are too large."""
    problems = []
    version = os.environ.get("SPEAKERLINE_VERSION", "0.1.0")
    for target in ("service", "archive", "asr", *(("gpu",) if gpu else ())):
        (image,) = inspected([f"speakerline/{target}:{version}"])
        size_mb = image["Size"] / MB
        print(f"image {target}: {size_mb:.0f} MB", flush=True)
        if size_mb > MOST_MB.get(target, size_mb):
            problems.append(f"image {target} has {size_mb:.0f} MB, expected {MOST_MB[target]} at most")
    return problems


def undisturbed(project: Project) -> tuple[list[bytes], list[str]]:
    """The timeline of the sample call when nothing happens, and what is wrong with it in the archive."""
    with Demo(project, "undisturbed") as demo:
        demo.watchers[0].until_ended()
    found = timeline(demo.call_ids[0])
    print(f"a call: {len(found)} events, {words_of(found)} words", flush=True)
    return found, [difference] if (difference := archive_differs(demo.call_ids[0])) else []


def killed(project: Project, name: str, expected: Sequence[bytes]) -> list[str]:
    """What is wrong with a call during which the container was killed, and started again: with its timeline, or with
    what the archive has of it."""
    with Demo(project, f"without-{name}") as demo:
        (watcher,) = demo.watchers
        watcher.until_first_label()
        (container,) = project.containers(name)
        docker("kill", container)
        docker("start", container)
        watcher.until_ended()
    project.until_healthy()
    difference = first_difference([*expected], timeline(demo.call_ids[0])) or archive_differs(demo.call_ids[0])
    said = difference or "identical, and complete in the archive"
    print(f"{name} killed: {said}, {watcher.interruptions} interruptions of the watcher", flush=True)
    return [f"{name} killed: {difference}"] if difference else []


def scaled(project: Project) -> list[str]:
    """What is wrong with the spread of calls over three workers of a stage."""
    project.up("--scale", f"embedding={REPLICAS}")
    spread: list[int] = []
    with Demo(project, "spread", CALLS, times=4) as demo:
        end = time.monotonic() + SPREAD_S
        while not _even(spread) and time.monotonic() < end:
            time.sleep(1)
            spread = sorted(int(value) for value in owned("embedding"))
        demo.end()
    print(f"{CALLS} calls on {REPLICAS} workers of embedding: {spread}", flush=True)
    return [] if _even(spread) else [f"calls on the workers of embedding: {spread}"]


def _even(spread: Sequence[int]) -> bool:
    """Calls of two lines may be in their pause."""
    return len(spread) == REPLICAS and sum(spread) >= CALLS - 2 and max(spread) - min(spread) <= 1


def owned(stage: str) -> list[str]:
    """The calls of each worker, as Prometheus knows them."""
    return [one["value"][1] for one in asked(f'speakerline_owned_calls{{stage="{stage}"}}')]


def targets() -> list[str]:
    """Services that Prometheus can't reach."""
    return [f"{one['metric']['instance']} is not scraped" for one in asked("up == 0")]


def asked(query: str) -> list[dict[str, Any]]:
    """The series that Prometheus finds."""
    address = f"http://127.0.0.1:9090/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(address, timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


if __name__ == "__main__":
    sys.exit(main())
