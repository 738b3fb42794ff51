"""The wheel: one name, everything that runs needs, and it works without the checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
BANDS = ("shared", "services", "tools")
DATA = ("*.lua", "*.npz", "*.onnx", "*.rttm", "*.stm", "*.wav", "*.yaml", "NOTICE", "*.html", "*.css", "*.js", "*.svg")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the wheel holds, in a folder outside the checkout. The build backend is called as pip would call it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("speakerline", "requirements", *BANDS):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    made = subprocess.run([sys.executable, "-c", build, "dist"], cwd=source, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    (wheel,) = (source / "dist").glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def python(installed: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Python in an empty folder, with the wheel and the packages of this environment."""
    folder = installed.with_name("elsewhere")
    folder.mkdir(exist_ok=True)
    settings = {**os.environ, "PYTHONPATH": str(installed), **environment}
    return subprocess.run([sys.executable, *words], cwd=folder, env=settings, capture_output=True, text=True)


def test_its_top_level_is_one_package(installed: Path) -> None:
    assert sorted(path.name.split("-")[0] for path in installed.iterdir()) == ["speakerline", "speakerline"]
    assert (installed / "speakerline" / "py.typed").is_file()


def test_every_module_and_data_file_of_the_checkout_is_in_it(installed: Path) -> None:
    def files(folder: Path) -> set[Path]:
        return {
            path.relative_to(folder)
            for band in BANDS
            for kind in ("*.py", *DATA)
            for path in (folder / band).rglob(kind)
        }

    assert {path.suffix for path in files(ROOT)} == {
        *(".py", ".lua", ".npz", ".onnx", ".rttm", ".stm", ".wav", ".yaml", ""),
        *(".html", ".css", ".js", ".svg"),
    }
    assert files(installed / "speakerline") == files(ROOT)


def test_it_is_imported_from_where_it_is_installed(installed: Path) -> None:
    told = python(installed, "-c", "import speakerline; print(speakerline.Producer, speakerline.__file__)")
    assert told.stdout.split()[-1] == str(installed / "speakerline" / "__init__.py"), told.stderr


@pytest.mark.parametrize("band", BANDS)
def test_no_generic_name_can_be_imported(installed: Path, band: str) -> None:
    assert f"No module named '{band}'" in python(installed, "-c", f"import {band}").stderr


def test_a_service_starts_and_refuses_a_wrong_setting_in_one_line(installed: Path) -> None:
    started = python(installed, "-m", "speakerline.services.vad", SPEAKERLINE_VAD_MODEL="nothing")
    assert started.returncode != 0
    (line,) = (started.stdout + started.stderr).splitlines()
    assert "SPEAKERLINE_VAD_MODEL='nothing'" in line
