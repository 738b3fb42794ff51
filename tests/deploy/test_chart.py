"""The chart for Kubernetes: what it renders is valid, limited, probed, without root, and names what the code has.

No Kubernetes and no KEDA was there to run it; schemas of Kubernetes and KEDA's own field names stand for them."""

import math
import re
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from speakerline.shared.pipeline import PIPELINE
from tests.deploy.code import SERVICES, STAGES, options, series

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "speakerline"
VALUES = sorted((ROOT / "tests" / "deploy" / "values").glob("*.yaml"))
VERSIONS = ("1.27", "1.33", "1.37")

FIELDS_OF_OTHERS = {
    "ScaledObject": {
        "scaleTargetRef", "minReplicaCount", "maxReplicaCount", "pollingInterval", "cooldownPeriod", "triggers",
    },
    "PodMonitor": {"jobLabel", "selector", "podMetricsEndpoints"},
}  # fmt: skip
"""What KEDA and the Prometheus operator know of what is used here. keda.sh/docs, prometheus-operator.dev/docs."""

each_values = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)


def helm(*words: str | Path) -> str:
    done = tried(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tried(*words: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("helm", path=f"{ROOT}/.cache/tools/helm") or shutil.which("helm")
    if not program:
        pytest.skip("no helm here: deploy/setup.sh helm")
    return subprocess.run([program, *words], capture_output=True, text=True)


@cache
def rendered(values: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(helm("template", "live", CHART, "-f", values)) if one]


def of_kind(values: Path, kind: str) -> list[dict[str, Any]]:
    return [one for one in rendered(values) if one["kind"] == kind]


def containers(values: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    pods = [one["spec"]["template"]["spec"] for one in of_kind(values, "Deployment")]
    return [(pod, container) for pod in pods for container in pod["containers"]]


@each_values
def test_it_passes_lint(values: Path) -> None:
    helm("lint", "--strict", CHART, "-f", values)


@each_values
@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_are_what_kubernetes_knows(values: Path, version: str) -> None:
    for manifest in rendered(values):
        if manifest["kind"] in FIELDS_OF_OTHERS:
            assert manifest["spec"].keys() <= FIELDS_OF_OTHERS[manifest["kind"]]
        else:
            kubernetes_validate.validate(manifest, version, strict=True)


@each_values
def test_every_service_runs_a_module_that_exists_on_options_that_exist(values: Path) -> None:
    found = set()
    for _, container in containers(values):
        *python, module = container["command"]
        assert python == ["python3", "-m"] and find_spec(module)
        assert {one["name"] for one in container["env"]} <= options()
        found.add(module.rpartition(".")[2])
    assert found in ({*SERVICES, "archive"}, set(SERVICES), set(STAGES))


@each_values
def test_containers_have_limits_and_probes_and_no_rights(values: Path) -> None:
    for pod, container in containers(values):
        assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container.keys() >= {"startupProbe", "livenessProbe", "readinessProbe"}
        assert container["resources"]["requests"].keys() == {"cpu", "memory"} and container["resources"]["limits"]
        assert re.search(r":\d+\.\d+\.\d+", container["image"]) and "latest" not in container["image"]


@each_values
def test_metrics_have_a_port_of_their_own_that_may_be_reached_and_no_service_offers(values: Path) -> None:
    for _, container in containers(values):
        assert {"name": "metrics", "containerPort": 8000} in container["ports"]
    for policy in of_kind(values, "NetworkPolicy"):
        (rule,) = policy["spec"]["ingress"]
        assert 8000 in {one["port"] for one in rule["ports"]}
    for monitor in of_kind(values, "PodMonitor"):
        assert [one["port"] for one in monitor["spec"]["podMetricsEndpoints"]] == ["metrics"]
    for service in of_kind(values, "Service"):
        assert [one["targetPort"] for one in service["spec"]["ports"]] == ["http"]


@each_values
def test_secrets_are_named_and_not_written(values: Path) -> None:
    for _, container in containers(values):
        urls = {
            one["name"]: one
            for one in container["env"]
            if re.fullmatch("SPEAKERLINE_(REDIS_URL|ARCHIVE_URL|AUTH_SECRET)", one["name"])
        }
        assert "SPEAKERLINE_REDIS_URL" in urls and all(url.keys() == {"name", "valueFrom"} for url in urls.values())


def test_gateways_read_the_archive_that_is_written() -> None:
    (guarded,) = (path for path in VALUES if path.stem == "guarded")
    told = {
        container["name"]: one["valueFrom"]
        for _, container in containers(guarded)
        for one in container["env"]
        if one["name"] == "SPEAKERLINE_ARCHIVE_URL"
    }
    assert told.keys() == {"archive", "gateway"} and told["archive"] == told["gateway"]


def test_the_file_of_keys_is_that_of_its_secret() -> None:
    (guarded,) = (path for path in VALUES if path.stem == "guarded")
    ((pod, gateway),) = (one for one in containers(guarded) if one[1]["name"] == "gateway")
    assert {one["name"]: one.get("value") for one in gateway["env"]}["SPEAKERLINE_AUTH_KEYS"] == "/etc/speakerline/keys"
    (volume,) = (one["secret"] for one in pod["volumes"] if one["name"] == "keys")
    assert volume == {"secretName": "gateway-keys", "items": [{"key": "keys.txt", "path": "keys"}]}
    (mount,) = (one for one in gateway["volumeMounts"] if one["name"] == "keys")
    assert mount == {"name": "keys", "mountPath": "/etc/speakerline", "readOnly": True}


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        pytest.param("options.AUTH_JWKS_URL=https://login.example.com/keys", True, id="by tokens"),
        pytest.param("keys.secret=gateway-keys", True, id="by keys"),
        pytest.param("secret=gateway-secrets", True, id="by what a secret says"),
        pytest.param("keys.secret=gateway-keys,gateway.replicas=1", False, id="one replica"),
        pytest.param("keys.secret=gateway-keys,gateway.signing.secret=signing", False, id="a secret that signs"),
        pytest.param("options.AUTH_OPEN=true", False, id="everybody"),
    ],
)
def test_gateways_that_ask_who_it_is_sign_with_one_secret(given: str, refused: bool) -> None:
    done = tried("template", "live", CHART, "--set", f"gateway.{given}")
    assert (done.returncode != 0, "gateway.signing.secret: expected" in done.stderr) == (refused, refused)


@each_values
def test_files_of_tls_to_redis_are_in_every_pod_where_there_are_any(values: Path) -> None:
    secret = yaml.safe_load(values.read_text()).get("redis", {}).get("tlsSecret")
    for pod, container in containers(values):
        volumes = {one["name"]: one.get("secret", {}).get("secretName") for one in pod["volumes"]}
        mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        assert (volumes.get("redis-tls"), mounts.get("redis-tls")) == ((secret, "/tls") if secret else (None, None))


def test_a_drain_takes_one_of_each_at_a_time_and_gives_a_gateway_the_time_of_a_call_to_end() -> None:
    (default,) = (path for path in VALUES if path.stem == "default")
    budgets = {
        one["metadata"]["name"]: one["spec"]["maxUnavailable"] for one in of_kind(default, "PodDisruptionBudget")
    }
    assert budgets == {f"live-{name}": 1 for name in ("gateway", *STAGES)}
    (pod,) = (
        one["spec"]["template"]["spec"]
        for one in of_kind(default, "Deployment")
        if one["metadata"]["name"] == "live-gateway"
    )
    grace = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}["SPEAKERLINE_GATEWAY_GRACE_S"]
    assert 3000 < int(str(grace)) < pod["terminationGracePeriodSeconds"]


def test_asr_on_a_gpu_asks_for_one() -> None:
    (gpu,) = (path for path in VALUES if path.stem == "gpu")
    asking = {one["name"] for _, one in containers(gpu) if "nvidia.com/gpu" in one["resources"]["limits"]}
    assert asking == {"asr"}
    assert all(
        (":gpu" in one["image"] or "/gpu:" in one["image"]) == (one["name"] == "asr") for _, one in containers(gpu)
    )


@pytest.mark.parametrize(
    ("held", "waiting", "replicas"),
    [
        pytest.param(0, 0, 2, id="without calls the least stay"),
        pytest.param(0, 1, 2, id="one waiting call finds a worker, because there is always one"),
        pytest.param(68, 0, 2, id="two full workers are enough for what they hold"),
        pytest.param(68, 1, 3, id="a call that waits at full workers brings another"),
        pytest.param(69, 0, 3, id="one call too many, too"),
        pytest.param(136, 0, 4, id="never fewer than what is held needs"),
        pytest.param(100_000, 0, 20, id="there is a most"),
    ],
)
def test_keda_scales_by_calls_held_and_waiting(held: int, waiting: int, replicas: int) -> None:
    """As KEDA and the autoscaler reckon with the numbers of the chart: https://keda.sh/docs/latest/scalers/prometheus/"""
    (values,) = (path for path in VALUES if path.stem == "keda")
    (spec,) = (one["spec"] for one in of_kind(values, "ScaledObject") if one["metadata"]["name"] == "live-embedding")
    (trigger,) = spec["triggers"]
    query = trigger["metadata"]["query"]
    pods = 'namespace="default", pod=~"live-embedding-[^-]+-[^-]+"'
    assert query == f"sum(speakerline_owned_calls{{{pods}}}) + max(speakerline_group_lag_calls{{{pods}}})"
    assert set(re.findall(r"speakerline_\w+", query)) <= series() and trigger["metricType"] == "AverageValue"
    wanted = math.ceil((held + waiting) / int(trigger["metadata"]["threshold"]))
    assert min(max(wanted, spec["minReplicaCount"]), spec["maxReplicaCount"]) == replicas


def test_a_worker_keeps_up_with_so_many_calls_as_its_cores_do() -> None:
    stages = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))["stages"]
    told = {name: stage["comfortable"] for name, stage in stages.items()}
    assert told == {spec.name: spec.calls_a_core * int(stages[spec.name]["cpu"]) for spec in PIPELINE}


def test_the_alert_for_a_service_that_is_gone_knows_the_job_of_the_monitor() -> None:
    (values,) = (path for path in VALUES if of_kind(path, "PodMonitor"))
    (monitor,) = of_kind(values, "PodMonitor")
    job = of_kind(values, "Deployment")[0]["spec"]["template"]["metadata"]["labels"][monitor["spec"]["jobLabel"]]
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
    (gone,) = (rule["expr"] for rule in rules if rule["alert"] == "StageGone")
    jobs = re.search('job=~"(.*)"', gone)
    assert jobs and job in jobs[1].split("|")


def test_every_stage_is_scaled_by_what_its_workers_keep_up_with() -> None:
    (values,) = (path for path in VALUES if path.stem == "keda")
    told = {one["name"]: one["env"] for _, one in containers(values)}
    for scaled in of_kind(values, "ScaledObject"):
        stage = scaled["metadata"]["name"].removeprefix("live-")
        assert scaled["spec"]["minReplicaCount"] >= 1, "zero replicas never see a call"
        threshold = scaled["spec"]["triggers"][0]["metadata"]["threshold"]
        assert {"name": "SPEAKERLINE_COMFORTABLE_CALLS", "value": threshold} in told[stage]
