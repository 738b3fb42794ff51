"""Runs tests against a faulty module in forked processes.

this process    imports, without the modules to be tried and all that import them, what the tests need
  ├─ rehearsal  runs all tests once: how long each takes, and which lines of the modules it executes
  └─ one trial  a fault each: its module from memory, the tests that execute its lines, the fastest first
"""

import ast
import gc
import importlib.abc
import importlib.util
import os
import pickle
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import hypothesis
import pytest

from tests.mutation.faults import Fault

QUICK = ["-x", "--assert=plain", *(f"-pno:{name}" for name in ("cacheprovider", "xdist", "cov", "unraisableexception"))]
PATIENCE_S = 10.0
"""A trial ends, and its fault counts as noticed, this much later than three times what its tests usually take."""


@dataclass(slots=True)
class Rehearsal:
    """seconds: of each test. lines: the (file, line) that each test executes. modules: all that was imported."""

    failed: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)

    def fastest(self, path: Path, fault: Fault) -> list[str]:
        """The tests that may notice a fault, the fastest first: all, where the fault lies outside of a function."""
        places = {(str(path), line) for line in fault.lines}
        chosen = [test for test, lines in self.lines.items() if not fault.local or places & lines]
        return sorted(chosen, key=lambda test: self.seconds[test])


def rehearse(paths: Sequence[Path], tests: Sequence[str]) -> Rehearsal:
    """Run the tests once without a fault."""
    rehearsal = Rehearsal()

    def run() -> object:
        watch = _Watch(rehearsal, {str(path) for path in paths})
        rehearsal.failed = _pytest([*tests], watch) != 0
        rehearsal.modules = list(sys.modules)
        return rehearsal

    result = _forked(run, 3600)
    if not isinstance(result, Rehearsal):
        raise RuntimeError("the tests ended their process")
    return result


def preload(names: Sequence[str], without: Sequence[Path]) -> None:
    """Import the modules that can be imported without some of ours."""
    block = _Block({module_name(path) for path in without})
    sys.meta_path.insert(0, block)
    for name in names:
        if name.split(".")[0] not in ("tests", "__main__", "__mp_main__"):
            try:
                importlib.import_module(name)
            except Exception:  # it needs one that is blocked, or was never meant to be imported by its name
                sys.modules.pop(name, None)
    sys.meta_path.remove(block)


def noticed(path: Path, tree: ast.Module, fault: Fault, rehearsal: Rehearsal) -> bool:
    """Whether a test fails, or never ends, with a fault in the module at `path`, of which `tree` is the source."""
    tests = rehearsal.fastest(path, fault)
    if not tests:
        return False
    limit_s = PATIENCE_S + 3 * sum(rehearsal.seconds[test] for test in tests)

    def run() -> object:
        fault.apply()
        sys.meta_path.insert(0, _Faulty(path, compile(ast.fix_missing_locations(tree), str(path), "exec")))
        files = list(dict.fromkeys(test.split("::")[0] for test in tests))
        return _pytest(files, _Chosen(tests)) != 0

    return _forked(run, limit_s) is not False


def module_name(path: Path) -> str:
    """`services/vad/stage.py` is imported as `speakerline.services.vad.stage`."""
    parts = path.resolve().relative_to(Path.cwd().resolve()).with_suffix("").parts
    return ".".join(["speakerline", *(part for part in parts if part != "__init__")])


def _pytest(arguments: list[str], plugin: object) -> int:
    gc.freeze()
    return int(pytest.main([*QUICK, *arguments], [plugin, _Steady()]))


def _forked(run: Callable[[], object], limit_s: float) -> object:
    """What a function returns in a process of its own; None where that crashes or takes too long."""
    with tempfile.NamedTemporaryFile() as answer, tempfile.TemporaryFile() as log:
        child = os.fork()
        if not child:
            os.setsid()
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
            Path(answer.name).write_bytes(pickle.dumps(run()))
            os._exit(0)
        until = time.monotonic() + limit_s
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.monotonic() > until:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                break
            time.sleep(0.005)
        data = Path(answer.name).read_bytes()
        return pickle.loads(data) if data else None


class _Faulty(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds one module, whose code it was given."""

    def __init__(self, path: Path, code: CodeType) -> None:
        self.path, self.code, self.name = path, code, module_name(path)

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        folders = [str(self.path.parent)] if self.path.stem == "__init__" else None
        return importlib.util.spec_from_file_location(
            name,
            self.path,
            loader=self,
            submodule_search_locations=folders,
        )

    def get_code(self, fullname: str) -> CodeType:
        return self.code

    def get_source(self, fullname: str) -> str:
        return self.path.read_text()

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)


class _Block(importlib.abc.MetaPathFinder):
    """Refuses to import some modules."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> None:
        if name in self.names:
            raise ImportError(f"{name} is blocked")


class _Steady:
    """Hypothesis makes the same examples every time, keeps none, and does not look for the smallest that fails."""

    def pytest_sessionstart(self) -> None:
        steps = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("trial", deadline=None, database=None, derandomize=True, phases=steps)
        hypothesis.settings.load_profile("trial")


class _Chosen:
    """Runs some tests only, in their order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.order = {test: number for number, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((one for one in items if one.nodeid in self.order), key=lambda one: self.order[one.nodeid])


class _Watch:
    """Notes which lines of some files each test executes, and how long it takes."""

    def __init__(self, rehearsal: Rehearsal, files: set[str]) -> None:
        self.rehearsal, self.files = rehearsal, files
        self.real: dict[str, str] = {}
        self.lines: set[tuple[str, int]] = set()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self.lines = set()
        began = time.perf_counter()
        sys.settrace(self._enter)
        yield
        sys.settrace(None)
        self.rehearsal.seconds[item.nodeid] = time.perf_counter() - began
        self.rehearsal.lines[item.nodeid] = self.lines

    def _enter(self, frame: FrameType, event: str, argument: object) -> Any:
        name = frame.f_code.co_filename
        if name not in self.real:
            self.real[name] = os.path.realpath(name)
        if self.real[name] not in self.files:
            return None
        return self._line

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            self.lines.add((self.real[frame.f_code.co_filename], frame.f_lineno))
        return self._line
