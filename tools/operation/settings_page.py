"""docs/settings.md: every option of every process, from the classes that read them."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from speakerline.services.aggregator import build as aggregator
from speakerline.services.archive.settings import ArchiveServiceSettings
from speakerline.services.asr import build as asr
from speakerline.services.clustering import build as clustering
from speakerline.services.embedding import build as embedding
from speakerline.services.gateway.settings import GatewaySettings
from speakerline.services.separation import build as separation
from speakerline.services.vad import build as vad
from speakerline.shared.environment import EnvironmentSettings, variable
from speakerline.shared.runtime.process_settings import ProcessSettings
from speakerline.shared.runtime.service_settings import ServiceSettings
from speakerline.shared.voiceprints.choice import EmbedderSettings
from speakerline.shared.voiceprints.grid import GridSettings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
SECTIONS: Mapping[str, type[EnvironmentSettings]] = {
    "Every process": ProcessSettings,
    "Every stage": ServiceSettings,
    "Embedding, separation and clustering": EmbedderSettings,
    "Embedding and separation": GridSettings,
    "vad": vad.Settings,
    "embedding": embedding.Settings,
    "separation": separation.Settings,
    "clustering": clustering.Settings,
    "asr": asr.Settings,
    "aggregator": aggregator.Settings,
    "gateway": GatewaySettings,
    "archive": ArchiveServiceSettings,
}
"""An option stands in the first section whose class has it."""
HEAD = """# Settings

Every option of every process. `python -m speakerline.tools.operation settings` writes this page from the code.

- Options are environment variables. One that is empty counts as not set.
- A process ends at its start with the option, its value and what was expected, where a value can't be.
- Every option may come in a file, which is for secrets: `SPEAKERLINE_AUTH_SECRET_FILE=/run/secrets/key`.
- A process prints its options when it starts, without passwords.
"""
FOOT = """
## Commands

These come from the environment alone, not from a file.

| variable | default | meaning |
|---|---|---|
| `SPEAKERLINE_REDIS` | the value of `SPEAKERLINE_REDIS_URL` | The Redis of a running system, as `--redis` |
| `SPEAKERLINE_MODELS` | ~/.cache/speakerline/models | Where downloaded models are kept |
| `SPEAKERLINE_VOICES` | ~/.local/share/speakerline/voices.json | The enrolled voices of `speakerline process` |
"""


def settings_page() -> str:
    """Markdown. Raises ValueError for an option without a docstring."""
    told: set[str] = set()
    parts = [HEAD]
    for title, settings in SECTIONS.items():
        rows = {name: row for name, row in _rows(settings) if name not in told}
        told.update(rows)
        if rows:
            parts += [f"\n## {title}\n\n| variable | default | meaning |\n|---|---|---|\n", *rows.values()]
    return "".join([*parts, FOOT])


def write_settings_page() -> None:
    PAGE.write_text(settings_page())


def _rows(settings: type[EnvironmentSettings]) -> Iterator[tuple[str, str]]:
    """The variable of each option, and its row."""
    meanings = {name: text for one in reversed(settings.__mro__[:-2]) for name, text in _docstrings(one).items()}
    for name, info in settings.model_fields.items():
        group = info.annotation
        if group is not None and is_dataclass(group):
            described, kinds = _docstrings(group), get_type_hints(group, include_extras=True)
            for field in fields(group):
                kind, *rules = (
                    get_args(kinds[field.name]) if get_origin(kinds[field.name]) is Annotated else (field.type,)
                )
                limits = _limits(kind, [one for rule in rules for one in rule.metadata])
                yield _row(variable(name, field.name), field.default, described.get(field.name, ""), limits)
        else:
            yield _row(variable(name), info.default, meanings.get(name, ""), _limits(info.annotation, info.metadata))


def _row(name: str, default: Any, meaning: str, limits: str) -> tuple[str, str]:
    if not meaning:
        raise ValueError(f"{name}: expected a docstring that says what it means")
    shown = "" if default is None else str(default)
    text = " ".join(one for one in (meaning, limits) if one).replace("|", "\\|")
    return name, f"| `{name}` | {shown} | {text} |\n"


def _limits(kind: Any, rules: list[Any]) -> str:
    if get_origin(kind) is Literal:
        return f"One of {', '.join(map(str, get_args(kind)))}."
    low, above, high = (
        next((getattr(rule, name) for rule in rules if hasattr(rule, name)), None) for name in ("ge", "gt", "le")
    )
    if low is not None and high is not None:
        return f"{low} to {high}."
    return f"{low} or more." if low is not None else f"More than {above}." if above is not None else ""


def _docstrings(settings: type) -> dict[str, str]:
    """Of the attributes of a class, each in one line."""
    body = ast.parse(textwrap.dedent(inspect.getsource(settings))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for pair in pairwise(body.body):
        match pair:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found
