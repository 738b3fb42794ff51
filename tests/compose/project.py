"""docker-compose as the test of the whole system uses it, by whatever compose this machine has."""

import json
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILES = ("docker-compose.yml", "tests/compose/override.yml")
HEALTHY_S = 300.0
"""How long all containers may take to be healthy."""


def missing() -> str:
    """Why this machine can't run the test; empty where it can."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:
        return "no Docker answers (`docker info`)"
    return "" if compose_command() else "no `docker compose` and no `docker-compose` on the PATH"


def compose_command() -> tuple[str, ...]:
    """v2 where it is there, else 1.29."""
    if not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        return ("docker", "compose")
    return ("docker-compose",) if shutil.which("docker-compose") else ()


@dataclass(frozen=True, slots=True)
class Project:
    """The system of docker-compose.yml under a name of its own. left_out: services without an image here. added: those
    of a profile that are started, too."""

    name: str
    environment: Mapping[str, str]
    left_out: Sequence[str] = ()
    added: Sequence[str] = ()
    command: Sequence[str] = field(default_factory=compose_command)

    def line(self, *words: str) -> list[str]:
        """The command line."""
        files = [word for file in FILES for word in ("-f", str(ROOT / file))]
        return [*self.command, "-p", self.name, *files, *words]

    def run(self, *words: str) -> None:
        """Raises CalledProcessError."""
        subprocess.run(self.line(*words), cwd=ROOT, env=self.environment, check=True)

    def up(self, *words: str) -> float:
        """Bring it up. Gives the seconds until all containers are healthy."""
        began = time.monotonic()
        services = yaml.safe_load((ROOT / FILES[0]).read_text("utf-8"))["services"]
        wanted = [name for name, one in services.items() if name not in self.left_out and "profiles" not in one]
        self.run("up", "-d", *words, *wanted, *self.added)
        self.until_healthy()
        return time.monotonic() - began

    def down(self) -> float:
        """Stop it, and delete what it stored. Gives the seconds that it took."""
        began = time.monotonic()
        profiles = [word for name in ("tls", "demo", "postgres") for word in ("--profile", name)]
        self.run(*profiles, "down", "--volumes", "--remove-orphans")
        return time.monotonic() - began

    def containers(self, service: str = "") -> list[str]:
        """Ids of containers, of one service or of all."""
        labels = {"project": self.name, "oneoff": "False", **({"service": service} if service else {})}
        asked = [word for name in labels for word in ("--filter", f"label=com.docker.compose.{name}={labels[name]}")]
        return docker("ps", "--all", "--quiet", *asked).split()

    def until_healthy(self) -> None:
        """Raises TimeoutError with the containers that are not."""
        end = time.monotonic() + HEALTHY_S
        while time.monotonic() < end:
            if not (ill := [one["Name"] for one in inspected(self.containers()) if not _well(one)]):
                return
            time.sleep(1)
        raise TimeoutError(f"not healthy within {HEALTHY_S:.0f} s: {', '.join(ill)}")


def inspected(names: Sequence[str]) -> list[dict[str, Any]]:
    """What Docker knows of containers or images."""
    found: list[dict[str, Any]] = json.loads(docker("inspect", *names)) if names else []
    return found


def docker(*words: str) -> str:
    """Its standard output. Raises CalledProcessError."""
    return subprocess.run(["docker", *words], stdout=subprocess.PIPE, text=True, check=True).stdout


def _well(container: dict[str, Any]) -> bool:
    """Running and healthy, or ended well where it was to end."""
    state = container["State"]
    if state["Status"] == "exited":
        return bool(state["ExitCode"] == 0)
    return bool(state["Status"] == "running" and state.get("Health", {}).get("Status", "healthy") == "healthy")
