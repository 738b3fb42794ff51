"""docs/settings.md has every option of every process, as the code has it."""

import importlib
import re
from pathlib import Path

import pytest

from speakerline.shared.environment import EnvironmentSettings
from speakerline.tools.operation.settings_page import PAGE, SECTIONS, settings_page

ROOT = Path(__file__).resolve().parents[2]
OF_TESTS = {"SPEAKERLINE_DATA"}
OF_OTHER_PROGRAMS = {"SPEAKERLINE_GATEWAY_URL", "SPEAKERLINE_SITE"}
"""Grafana and Caddy."""
COMPOSE = (ROOT / "docker-compose.yml").read_text()


def listed() -> list[str]:
    return re.findall(r"^\| `(SPEAKERLINE_\w+)` \|", PAGE.read_text(), re.MULTILINE)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == settings_page(), "run `python -m speakerline.tools.operation settings`"


def test_every_service_stands_on_the_page() -> None:
    for folder in ROOT.glob("services/*/__main__.py"):
        name = f"speakerline.services.{folder.parent.name}"
        found = [
            one
            for module in ("build", "settings")
            if (folder.parent / f"{module}.py").is_file()
            for one in vars(importlib.import_module(f"{name}.{module}")).values()
            if isinstance(one, type) and issubclass(one, EnvironmentSettings) and one.__module__.startswith(name)
        ]
        assert set(found) & set(SECTIONS.values()), f"no settings of {name} are on the page"


def test_every_variable_of_the_documents_and_of_the_deployment_stands_there_once() -> None:
    assert len(listed()) == len(set(listed()))
    documents = "".join(page.read_text() for page in (*ROOT.glob("docs/*.md"), ROOT / "README.md"))
    named = {name.removesuffix("_FILE") for name in re.findall(r"SPEAKERLINE_[A-Z0-9_]*[A-Z0-9]", documents)}
    of_compose = set(re.findall(r"\$\{(SPEAKERLINE_\w+)", COMPOSE))
    assert named - set(listed()) - of_compose == OF_TESTS
    given = {name.removesuffix("_FILE") for name in re.findall(r"^ +(SPEAKERLINE_\w+):", COMPOSE, re.MULTILINE)}
    assert given - set(listed()) == OF_OTHER_PROGRAMS


def test_an_option_without_a_meaning_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute(EnvironmentSettings):
        volume: int = 3

    monkeypatch.setattr("speakerline.tools.operation.settings_page.SECTIONS", {"mute": Mute})
    with pytest.raises(ValueError, match="SPEAKERLINE_VOLUME: expected a docstring"):
        settings_page()
