"""Alerts and dashboards: what they name exists, alerts fire when they should, and a page says what to do."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from speakerline.services.gateway.routes import calls
from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.runtime.tracing import exemplar_of
from speakerline.tools.operation.dashboards import DASHBOARDS
from speakerline.tools.operation.panels import Panel, as_json
from tests.deploy.code import series

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
UNPACKED = ROOT / ".cache" / "tools" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
RULES = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS = [panel for dashboard in DASHBOARDS.values() for panel in dashboard.panels]

each_alert = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


def named_in(expression: str) -> set[str]:
    return set(re.findall(r"\bspeakerline_\w+", expression))


def promtool(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    if not (program := shutil.which("promtool", path=f"{UNPACKED}:{os.environ['PATH']}")):
        pytest.skip("no promtool here: deploy/setup.sh prometheus")
    return subprocess.run([program, *words], capture_output=True, text=True)


@each_alert
def test_an_alert_names_series_that_exist(rule: dict[str, str]) -> None:
    assert named_in(rule["expr"]) <= series()


@each_alert
def test_an_alert_has_a_section_of_the_runbook(rule: dict[str, dict[str, str]]) -> None:
    sections = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text("utf-8"), re.MULTILINE)
    name = str(rule["alert"])
    assert name in sections
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert len(sections) == len(set(sections)) == len(RULES)


def test_alerts_fire_when_they_should_and_only_then() -> None:
    told = promtool("test", "rules", ROOT / "tests" / "deploy" / "alerts_test.yml")
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_alert_is_tried() -> None:
    tried = (ROOT / "tests" / "deploy" / "alerts_test.yml").read_text("utf-8")
    assert set(re.findall(r'alertname="(\w+)"', tried)) == {rule["alert"] for rule in RULES}


def test_prometheus_reads_its_configuration() -> None:
    told = promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_a_panel_names_series_that_exist_and_tells_what_to_make_of_them(panel: Panel) -> None:
    for query in panel.queries:
        assert named_in(query.expression) and named_in(query.expression) <= series()
    assert panel.told.endswith(".")


def test_the_files_of_grafana_are_what_the_code_makes() -> None:
    files = {path.stem: path.read_text("utf-8") for path in (GRAFANA / "dashboards").glob("*.json")}
    remedy = "run `python -m speakerline.tools.operation dashboards deploy/grafana/dashboards`"
    assert files == {name: as_json(dashboard) for name, dashboard in DASHBOARDS.items()}, remedy


def test_panels_of_a_dashboard_have_places_and_numbers_of_their_own() -> None:
    for dashboard in DASHBOARDS.values():
        panels = yaml.safe_load(as_json(dashboard))["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)
        assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_grafana_finds_its_dashboards_where_compose_puts_them() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]["grafana"]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/speakerline.yml").read_text())["providers"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in compose["volumes"]
    home = compose["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert Path(home).parent == Path(provider["options"]["path"]) and Path(home).stem in DASHBOARDS
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert source["uid"] == "prometheus" and source["url"] == "http://prometheus:9090"


def test_a_point_beside_a_curve_leads_to_a_route_of_the_gateway() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    (link,) = source["jsonData"]["exemplarTraceIdDestinations"]
    assert link["name"] in exemplar_of(CallStarted(call_id="a"), traced=False)
    variable, path = re.match(r"\$(\w+)(/.*)\$\$\{__value\.raw\}$", link["url"]).groups()  # type: ignore[union-attr]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]["grafana"]
    assert variable in compose["environment"]
    assert [route for route in calls.router.routes if route.path == f"{path}{{digest}}"]  # type: ignore[attr-defined]
    assert "--enable-feature=exemplar-storage" in _command_of("prometheus")


def _command_of(service: str) -> list[str]:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return list(compose["services"][service]["command"])
