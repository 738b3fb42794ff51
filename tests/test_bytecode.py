"""Bytecode for images: of all that is loaded, and never compared with its code."""

import importlib.util
import subprocess
import sys
from pathlib import Path

UNCHECKED = 0b01
"""The flags in the header of a file of bytecode (PEP 552)."""


def test_what_a_module_loads_is_compiled_once_and_what_nobody_loads_is_not(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("import two")
    (tmp_path / "two.py").write_text("x = 2")
    (tmp_path / "three.py").write_text("x = 3")
    command = [sys.executable, "-B", "-m", "speakerline.tools.bytecode", "one"]
    environment = {"PYTHONPATH": f"{Path(__file__).parents[1]}:{tmp_path}"}
    for _ in range(2):
        said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert said == "0 files compiled\n"
    found = {name: Path(importlib.util.cache_from_source(tmp_path / f"{name}.py")) for name in ("one", "two", "three")}
    assert [path.exists() for path in found.values()] == [True, True, False]
    assert {found[name].read_bytes()[4:8] for name in ("one", "two")} == {UNCHECKED.to_bytes(4, "little")}
