"""The plan of the house, as imports: tools stand on services, services on shared, and no service on another."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BANDS = ("shared", "services", "tools")
"""From the bottom up."""
FILES = [path for folder in (*BANDS, "speakerline", "proto", "tests") for path in (ROOT / folder).rglob("*.py")]


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, at the top or inside a function, as a dotted name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(band: str) -> Iterator[tuple[Path, list[str]]]:
    """Each file of a band, below the root, with the parts of the name of each of our modules that it imports."""
    for path in sorted((ROOT / band).rglob("*.py")):
        for name in imports_of(path):
            if name.startswith("speakerline."):
                yield path.relative_to(ROOT), name.split(".")[1:]


@pytest.mark.parametrize("band", BANDS)
def test_nothing_imports_a_band_above_its_own(band: str) -> None:
    above = BANDS[BANDS.index(band) + 1 :]
    assert [f"{path}: {'.'.join(name)}" for path, name in ours(band) if name[0] in above] == []


REACHED_FROM_THE_EDGE = {("gateway", "separation")}
"""`/separate` of the gateway is the streaming separators of separation, as they are."""


def test_no_service_imports_another_service() -> None:
    found = [(path, name) for path, name in ours("services") if name[0] == "services"]
    assert len({path.parts[1] for path, _ in found}) >= 6
    assert [f"{path}: {'.'.join(name)}" for path, name in found if len(name) > 1 and not allowed(path, name[1])] == []


def allowed(path: Path, service: str) -> bool:
    return path.parts[1] == service or (path.parts[1], service) in REACHED_FROM_THE_EDGE


@pytest.mark.parametrize("band", ["shared", "tools"])
def test_packages_of_a_band_do_not_import_in_a_circle(band: str) -> None:
    uses: dict[str, set[str]] = {}
    for path, name in ours(band):
        package = path.with_suffix("").parts[1]
        if name[0] == band and len(name) > 1 and name[1] != package:
            uses.setdefault(package, set()).add(name[1])
    assert list(graphlib.TopologicalSorter(uses).static_order())


def test_modules_do_not_import_in_a_circle() -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts) for band in BANDS for path in (ROOT / band).rglob("*.py")
    }
    uses: dict[str, set[str]] = {}
    for band in BANDS:
        for path, name in ours(band):
            target = next(
                (".".join(name[:end]) for end in (len(name), len(name) - 1) if ".".join(name[:end]) in modules), ""
            )
            uses.setdefault(".".join(path.with_suffix("").parts), set()).add(target)
    assert list(graphlib.TopologicalSorter(uses).static_order())


def test_ours_are_imported_by_one_name() -> None:
    wrong = [f"{path}: {name}" for path in FILES for name in imports_of(path) if name.split(".")[0] in BANDS]
    assert len(FILES) > 300
    assert wrong == []


def test_every_dataclass_has_slots() -> None:
    wrong = [
        f"{path}: {ast.unparse(decorator)}"
        for path in FILES
        if path != ROOT / "shared" / "contract" / "v1.py"  # generated
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if "dataclass" in ast.unparse(decorator) and "slots=True" not in ast.unparse(decorator)
    ]
    assert wrong == []
