"""Every query of every panel finds something: real stages, a real gateway and a real Prometheus, after one call."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from speakerline.shared.redaction import call_digest
from speakerline.tools.operation.dashboards import DASHBOARDS
from speakerline.tools.sample_call import sample_call
from tests.deploy.code import SERVICES, STAGES
from tests.ports import free_ports

PATIENCE_S = 200.0
CALL = "watched"
RUN = (*SERVICES, "archive")
ROOT = Path(__file__).parents[2]
UNPACKED = ROOT / ".cache" / "tools" / "prometheus"


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def wait_for(url: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            get(url)
            return
        except OSError:
            time.sleep(0.3)
    raise TimeoutError(f"{url} does not answer")


@dataclass(frozen=True, slots=True)
class Watched:
    """Addresses of a Prometheus, and of the gateway that it watches."""

    prometheus: str
    gateway: str


@pytest.fixture
def watched(redis_url: str, tmp_path: Path) -> Iterator[Watched]:
    """All services at work on one Redis, a Prometheus that watches them, and a call that somebody follows."""
    if not (program := shutil.which("prometheus", path=f"{UNPACKED}:{os.environ['PATH']}")):
        pytest.skip("no prometheus here: deploy/setup.sh prometheus")
    gateway_port, port, *metrics_ports = free_ports(2 + len(RUN))
    ports = dict(zip(RUN, metrics_ports, strict=True))
    jobs = {"stages": STAGES, "gateway": ("gateway",), "archive": ("archive",)}
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{ports[name]}" for name in names]}]}
            for job, names in jobs.items()
        ],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    with ExitStack() as running:

        def start(*command: str, **environment: str) -> None:
            log = running.enter_context((tmp_path / "log").open("ab"))
            process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=log, stderr=log)
            running.callback(process.wait, 60)
            running.callback(process.terminate)

        for name in RUN:
            option = "SPEAKERLINE_GATEWAY_METRICS_PORT" if name == "gateway" else "SPEAKERLINE_PORT"
            told = {"SPEAKERLINE_GATEWAY_PORT": str(gateway_port), option: str(ports[name])}
            told |= {"SPEAKERLINE_REDIS_URL": redis_url, "SPEAKERLINE_ARCHIVE_URL": f"sqlite:///{tmp_path}/calls.db"}
            start(sys.executable, "-m", f"speakerline.services.{name}", **told)
        found = Watched(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{gateway_port}")
        start(
            program,
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
        )
        for name in RUN:
            wait_for(f"http://127.0.0.1:{ports[name]}/metrics")
        wait_for(f"{found.prometheus}/-/ready")
        wait_for(f"{found.gateway}/readyz")
        start("curl", "-sN", f"{found.gateway}/calls/{CALL}/events?wait=true")
        dial = (sys.executable, "-m", "speakerline.tools.cli.main", "dial", str(sample_call()))
        start(*dial, f"ws://127.0.0.1:{gateway_port}/l16", "--as", "l16", "--call", CALL)
        yield found


def asked(watched: Watched, path: str, expression: str, **more: str) -> Any:
    """What Prometheus answers, for any stage."""
    query = urllib.parse.urlencode({"query": expression.replace("$stage", ".+"), **more})
    return json.loads(get(f"{watched.prometheus}/api/v1/{path}?{query}"))["data"]


def series_of(watched: Watched, expression: str) -> list[Any]:
    return [one for one in asked(watched, "query", expression)["result"] if one["value"][1] != "NaN"]


def calls_named_by(watched: Watched, expression: str) -> set[str]:
    """The calls that the points beside a curve name, as Grafana asks for them."""
    told = asked(watched, "query_exemplars", expression, start=f"{time.time() - 600}", end=f"{time.time()}")
    return {point["labels"]["call"] for series in told for point in series["exemplars"]}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_query_of_every_panel_finds_something_and_lags_lead_to_their_call(watched: Watched) -> None:
    missing = {
        (panel.title, query.expression)
        for dashboard in DASHBOARDS.values()
        for panel in dashboard.panels
        for query in panel.queries
    }
    lags = {"Label lag", "Word lag", "Timeline lag"}
    nameless = {one for one in missing if one[0] in lags}
    end = time.monotonic() + PATIENCE_S
    while (missing or nameless) and time.monotonic() < end:
        missing = {one for one in missing if not series_of(watched, one[1])}
        nameless = {one for one in nameless if calls_named_by(watched, one[1]) != {call_digest(CALL)}}
        time.sleep(1)
    assert not missing and not nameless
