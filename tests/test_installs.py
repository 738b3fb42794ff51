"""What a module imports is in what it is installed with: an image, the default packages, or the extra it belongs to."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
BANDS = ("shared", "services", "tools")
MODULES = [path.relative_to(ROOT) for band in BANDS for path in (ROOT / band).rglob("*.py")]

MODELS = {
    "services/asr/alignment.py",
    "services/separation/pixit.py",
    "services/separation/sepformer.py",
    "shared/models/speechbrain_checkpoint.py",
    "shared/voiceprints/ecapa.py",
}
"""Who needs the extra `models`."""

IN_IMAGES = {
    "tools/arguments.py",
    "tools/demo.py",
    "tools/healthy.py",
    "tools/sample_call.py",
    *(str(path) for path in MODULES if path.is_relative_to("tools/operation")),
}
"""Tools that images of services run."""

BROUGHT_ALONG = {"torchaudio", "huggingface-hub"}
"""By packages of that extra, and used by its modules."""


def needs_training(module: Path) -> bool:
    return module.is_relative_to("tools/training") or str(module) == "services/separation/dprnn.py"


def name_of(requirement: str) -> str:
    return re.split(r"[\s\[=<>;]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def named_in(file: str) -> set[str]:
    lines = (ROOT / file).read_text("utf-8").splitlines()
    return {name_of(line) for line in lines if line[:1].isalnum()}


def imported_by(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / module).read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (one.name.partition(".")[0] for one in names)
            case ast.ImportFrom(module=str(name), level=0):
                yield name.partition(".")[0]


def installed_with(module: Path) -> set[str]:
    """All packages that may be counted on where the module runs."""
    if str(module) in MODELS:
        return named_in("requirements/run.txt") | named_in("requirements/models.in") | BROUGHT_ALONG
    if module.is_relative_to("tools/models"):  # makes the models that ship: torch reads the weights, onnx writes graphs
        files = ("requirements/run.txt", "requirements/models.in", "requirements/training.in")
        return set().union(*map(named_in, files))
    if needs_training(module):
        return named_in("requirements/run.txt") | named_in("requirements/training.in")
    if module.is_relative_to("services/archive"):
        return named_in("requirements/archive.txt")
    if module.is_relative_to("services/asr"):
        return named_in("requirements/asr.txt")
    if module.is_relative_to("tools") and str(module) not in IN_IMAGES:
        return named_in("requirements/run.txt")
    return named_in("requirements/services.txt")


def test_a_module_imports_only_what_it_is_installed_with() -> None:
    brings, strangers = packages_distributions(), []
    for module in MODULES:
        for name in set(imported_by(module)) - sys.stdlib_module_names - {"speakerline"}:
            if not {name_of(package) for package in brings[name]} & installed_with(module):
                strangers.append(f"{module}: {name}")
    assert strangers == []


def test_a_gateway_starts_without_the_packages_of_the_archive_alone() -> None:
    alone = named_in("requirements/archive.in")
    blocked = f"import sys; sys.modules.update(dict.fromkeys({alone}))"
    command = (sys.executable, "-c", f"{blocked}\nfrom speakerline.services.gateway import serving")
    assert alone and subprocess.run(command, cwd=ROOT).returncode == 0


def test_what_runs_in_images_needs_no_other_tool() -> None:
    for module in IN_IMAGES:
        text = (ROOT / module).read_text("utf-8")
        assert {f"tools/{name}.py" for name in re.findall(r"speakerline\.tools\.(\w+) import", text)} <= IN_IMAGES


def test_the_modules_of_the_extra_are_there() -> None:
    assert {str(module) for module in MODULES} >= MODELS
    assert any(needs_training(module) for module in MODULES)


def test_the_default_packages_are_free_of_torch() -> None:
    heavy = re.compile("torch|nvidia|triton|speechbrain|transformers|pyannote-audio")
    assert [name for name in named_in("requirements/run.txt") if heavy.match(name)] == []
    assert "torch" in named_in("requirements/dev.txt")
