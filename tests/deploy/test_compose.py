"""docker-compose.yml: a whole system, of services and options that exist, each with limits, closed to the outside."""

import re
import shutil
import subprocess
import sys
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from speakerline.tools.operation.access import ROLES
from tests.deploy.code import SERVICES, STAGES, options

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
OURS = (*SERVICES, "archive", "asr-gpu", "demo", "users")
SECRETS = {"gateway": "users-gateway", "demo": "users-producer", "archive": "users-archive"}
"""Volumes with the URL of Redis of those that are not stages."""

each_service = pytest.mark.parametrize("name", COMPOSE["services"])


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = COMPOSE["services"][name]
    return found


def test_all_stages_and_the_gateway_are_there_with_redis_and_who_watches_them() -> None:
    others = {"redis", "postgres", "caddy", "prometheus", "alertmanager", "grafana"}
    assert {*OURS, *others} == COMPOSE["services"].keys()
    assert {name: one["profiles"] for name, one in COMPOSE["services"].items() if "profiles" in one} == {
        "asr-gpu": ["gpu"],
        "caddy": ["tls"],
        "demo": ["demo"],
        "postgres": ["postgres"],
    }


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_module_that_exists_on_options_that_exist(name: str) -> None:
    python, flag, module, *_ = service(name)["command"]
    tools = {"demo": "speakerline.tools.demo", "users": "speakerline.tools.operation"}
    assert (python, flag) == ("python3", "-m")
    assert module == tools.get(name, f"speakerline.services.{name.removesuffix('-gpu')}")
    assert find_spec(module)
    assert {variable.removesuffix("_FILE") for variable in service(name)["environment"]} <= options()


@pytest.mark.parametrize("name", [one for one in OURS if one != "users"])
def test_a_service_sees_the_password_of_its_own_user_alone(name: str) -> None:
    volume = SECRETS.get(name, "users-stage")
    assert service(name)["volumes"][0] == f"{volume}:/run/secrets:ro"
    others = ["archive:/var/lib/speakerline"] if name in ("archive", "gateway") else []
    assert service(name)["volumes"][1:] == others, "which both open the same file"
    assert service(name)["environment"]["SPEAKERLINE_REDIS_URL_FILE"] == "/run/secrets/url"
    assert f"{volume}:/secrets/{volume.removeprefix('users-')}" in service("users")["volumes"]


def test_users_are_written_before_redis_starts_into_folders_that_the_image_has() -> None:
    assert service("redis")["depends_on"] == {"users": {"condition": "service_completed_successfully"}}
    assert service("redis")["user"].endswith(f":{service('users')['user'].partition(':')[0]}"), "by its group"
    made = re.search(r"for folder in ([a-z ]+);", DOCKERFILE)
    written = {one.partition(":/secrets/")[2] for one in service("users")["volumes"]}
    assert made and {*made[1].split()} == written >= {"redis", *ROLES}


@each_service
def test_a_service_is_closed_and_has_limits(name: str) -> None:
    given = service(name)
    assert given["read_only"] and given["cap_drop"] == ["ALL"] and "no-new-privileges:true" in given["security_opt"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", given["user"]), "a user that is not root, by its number"
    assert re.fullmatch(r"\d+[mg]", given["mem_limit"])
    assert int(given["stop_grace_period"].removesuffix("s")) < 30
    assert given["restart"] == ("no" if name == "users" else "unless-stopped")
    assert given["logging"]["options"].keys() == {"max-size", "max-file"}, "logs end somewhere"


@each_service
def test_health_is_checked(name: str) -> None:
    given = service(name)
    if name in ("demo", "users"):
        assert given["healthcheck"] == {"disable": True}
    elif name in (*STAGES, "archive", "asr-gpu"):
        assert "healthcheck" not in given and "healthy.py" in DOCKERFILE, "the image has one"
    else:
        assert given["healthcheck"]["test"][0].startswith("CMD")


@each_service
def test_ports_are_open_on_this_machine_alone(name: str) -> None:
    for port in service(name).get("ports", ()):
        assert re.match(r"127\.0\.0\.1:|\$\{SPEAKERLINE_(TLS_)?BIND:-127\.0\.0\.1\}:", port)


@each_service
def test_an_image_has_a_version(name: str) -> None:
    image = re.sub(r"\$\{SPEAKERLINE_\w+_IMAGE:-(.*)\}$", r"\1", service(name)["image"])
    assert re.search(r":[^:]*\d+\.\d+", image) and "latest" not in image


def test_replicas_of_a_stage_do_not_get_in_each_others_way() -> None:
    for name in STAGES:
        assert not service(name).keys() & {"ports", "container_name", "hostname"}


def test_redis_keeps_what_it_has_and_evicts_nothing() -> None:
    words = " ".join(service("redis")["command"])
    assert "--appendonly yes" in words and "--maxmemory-policy noeviction" in words
    assert "redis:/data" in service("redis")["volumes"]
    assert "--aclfile /run/secrets/users.acl" in words


def test_prometheus_asks_every_service_where_it_serves() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    asked = {
        (name, source["port"])
        for job in config["scrape_configs"]
        for source in job.get("dns_sd_configs", ())
        for name in source["names"]
    }
    assert asked == {(name, 8000) for name in (*SERVICES, "archive")}
    assert "SPEAKERLINE_PORT=8000" in DOCKERFILE and "SPEAKERLINE_GATEWAY_METRICS_PORT=8000" in DOCKERFILE
    assert service("asr-gpu")["networks"] == {"default": {"aliases": ["asr"]}}


def test_the_variables_of_images_are_options() -> None:
    assert set(re.findall(r"SPEAKERLINE_[A-Z_]+(?==)", DOCKERFILE)) <= options()


def test_targets_of_the_dockerfile_are_not_root_and_have_a_version() -> None:
    built = {one["build"]["target"] for one in COMPOSE["services"].values() if "build" in one}
    assert built == {"service", "archive", "asr", "gpu"}
    targets = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    run = [stage for stage in stages if " AS runtime\n" in stage or stage.startswith("runtime AS ")]
    assert [re.findall(r"^USER (.*)$", stage, re.MULTILINE)[-1] for stage in run] == ["10001:10001"] * 5
    assert {name for base, name in targets if base == "runtime"} == {"service", "archive", "asr", "gpu"}
    assert "latest" not in DOCKERFILE


def test_the_models_of_images_are_those_that_are_known() -> None:
    listed = (ROOT / "deploy/models.sha256").read_text("utf-8").splitlines()
    known = {path: digest for digest, path in (line.split("  ") for line in listed)}
    models = [path for band in ("services", "shared") for path in (ROOT / band).rglob("*.onnx")]
    found = {str(path.relative_to(ROOT)): sha256(path.read_bytes()).hexdigest() for path in models}
    assert known == found, "run `git ls-files '*.onnx' | xargs sha256sum >deploy/models.sha256`"


def test_every_model_has_a_notice_beside_it() -> None:
    for path in (ROOT / band for band in ("services", "shared")):
        for model in path.rglob("*.onnx"):
            assert model.name in (model.parent / "NOTICE").read_text("utf-8")


@pytest.mark.parametrize("file", ["docker-compose.yml", "tests/compose/override.yml"])
def test_it_is_what_the_schema_of_compose_v2_knows(file: str) -> None:
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", file)
    read = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert read.returncode == 0, read.stdout


def test_it_is_what_compose_1_29_reads() -> None:
    if not (compose := shutil.which("docker-compose")):
        pytest.skip("no docker-compose on the PATH: apt-get install docker-compose")
    read = subprocess.run([compose, "-f", ROOT / "docker-compose.yml", "config"], capture_output=True, text=True)
    assert read.returncode == 0, read.stderr
    assert yaml.safe_load(read.stdout)["services"].keys() >= set(SERVICES)
