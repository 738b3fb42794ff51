"""docker-compose.yml: a whole system, of services and options that exist, each with limits, closed to the outside."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.code import SERVICES, STAGES, options

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
OURS = (*SERVICES, "demo")

each_service = pytest.mark.parametrize("name", COMPOSE["services"])


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = COMPOSE["services"][name]
    return found


def test_all_stages_and_the_gateway_are_there_with_redis_and_who_watches_them() -> None:
    assert {*SERVICES, "demo", "redis", "prometheus", "alertmanager", "grafana"} == COMPOSE["services"].keys()


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_module_that_exists_on_options_that_exist(name: str) -> None:
    *python, module = service(name)["command"]
    assert python == ["python3", "-m"]
    assert module == ("speakerline.tools.demo" if name == "demo" else f"speakerline.services.{name}")
    assert find_spec(module)
    assert service(name)["environment"].keys() <= options()


@each_service
def test_a_service_is_closed_and_has_limits(name: str) -> None:
    given = service(name)
    assert given["read_only"] and given["cap_drop"] == ["ALL"] and "no-new-privileges:true" in given["security_opt"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", given["user"]), "a user that is not root, by its number"
    assert re.fullmatch(r"\d+[mg]", given["mem_limit"])
    assert int(given["stop_grace_period"].removesuffix("s")) < 30
    assert given["restart"] == "unless-stopped"


@each_service
def test_health_is_checked(name: str) -> None:
    given = service(name)
    if name == "demo":
        assert given["healthcheck"] == {"disable": True}
    elif name in STAGES:
        assert "healthcheck" not in given and "healthy.py" in DOCKERFILE, "the image has one"
    else:
        assert given["healthcheck"]["test"][0] == "CMD"


@each_service
def test_ports_are_open_on_this_machine_alone(name: str) -> None:
    for port in service(name).get("ports", ()):
        assert re.match(r"127\.0\.0\.1:|\$\{SPEAKERLINE_BIND:-127\.0\.0\.1\}:", port)


@each_service
def test_an_image_has_a_version(name: str) -> None:
    image = service(name)["image"]
    assert ":" in image and "latest" not in image


def test_replicas_of_a_stage_do_not_get_in_each_others_way() -> None:
    for name in STAGES:
        assert not service(name).keys() & {"ports", "container_name", "hostname", "volumes"}


def test_redis_keeps_what_it_has_and_evicts_nothing() -> None:
    words = " ".join(service("redis")["command"])
    assert "--appendonly yes" in words and "--maxmemory-policy noeviction" in words
    assert service("redis")["volumes"] == ["redis:/data"]


def test_prometheus_asks_every_service_where_it_serves() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    asked = {
        (name, source["port"])
        for job in config["scrape_configs"]
        for source in job.get("dns_sd_configs", ())
        for name in source["names"]
    }
    assert asked == {*((name, 8000) for name in STAGES), ("gateway", 8080)}
    assert "SPEAKERLINE_PORT=8000" in DOCKERFILE and "SPEAKERLINE_GATEWAY_PORT=8080" in DOCKERFILE


def test_the_variables_of_images_are_options() -> None:
    assert set(re.findall(r"SPEAKERLINE_[A-Z_]+(?==)", DOCKERFILE)) <= options()


def test_targets_of_the_dockerfile_are_not_root_and_have_a_version() -> None:
    assert {one["build"]["target"] for one in COMPOSE["services"].values() if "build" in one} == {"service", "asr"}
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    targets = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert {name for base, name in targets if base == "runtime"} == {"service", "asr", "gpu"}
    assert "latest" not in DOCKERFILE


def test_it_is_what_compose_1_29_reads() -> None:
    if not (compose := shutil.which("docker-compose")):
        pytest.skip("no docker-compose on the PATH: apt-get install docker-compose")
    read = subprocess.run([compose, "-f", ROOT / "docker-compose.yml", "config"], capture_output=True, text=True)
    assert read.returncode == 0, read.stderr
    assert yaml.safe_load(read.stdout)["services"].keys() >= set(SERVICES)
