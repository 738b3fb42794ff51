"""A model in a process of its own: what it does to itself stays there."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from services.model_files import ModelMissing
from shared.runtime import isolation
from shared.runtime.isolation import IsolatedModel, ModelFailed
from tests.runtime.processes import ROOT, wait_for
from tests.runtime.toy_models import build_crashing, build_missing, build_toy

Toy = IsolatedModel[object, object]
MEMORY_MB = 500.0


@pytest.fixture
def losses() -> list[str]:
    return []


@pytest.fixture
def model(losses: list[str]) -> Iterator[Toy]:
    model: Toy = IsolatedModel(build_toy, 60.0, MEMORY_MB, "toy", losses.append)
    yield model
    model.close()


def test_answers_come_one_for_one_and_in_order(model: Toy) -> None:
    sound = np.arange(400_000, dtype=np.float32)
    doubled, two = model.run([sound, 1])
    assert np.array_equal(doubled, 2 * sound)  # type: ignore[operator]
    assert two == 2
    assert model.run([]) == []


@pytest.mark.parametrize(
    ("bad", "reason", "text"),
    [
        pytest.param("exit", "crashed", "toy: ended with status 3", id="it ends itself"),
        pytest.param("kill", "crashed", "toy: ended by SIGKILL", id="it is killed"),
        pytest.param("grow", "out of memory", "toy: took more than 500 MB", id="it allocates without end"),
        pytest.param("memory error", "out of memory", "toy: no room for 1 TB", id="the system refuses memory"),
    ],
)
def test_a_lost_child_costs_one_batch(model: Toy, losses: list[str], bad: str, reason: str, text: str) -> None:
    before = model.run(["pid"])
    with pytest.raises(ModelFailed) as failed:
        model.run([1, bad])
    assert (failed.value.reason, str(failed.value), losses) == (reason, text, [reason])
    after = model.run(["pid", 4])
    assert after[1] == 8
    assert after[0] != before[0]


def test_a_model_that_hangs_is_ended_at_its_limit(losses: list[str]) -> None:
    model: Toy = IsolatedModel(build_toy, 1.0, MEMORY_MB, "toy", losses.append)
    with pytest.raises(ModelFailed, match=r"toy: no answer for 1 s"):
        model.run(["hang"])
    assert losses == ["hung"]
    assert model.run([4]) == [8]
    model.close()


def test_loading_has_a_limit_of_its_own() -> None:
    model: Toy = IsolatedModel(partial(build_toy, 60.0), 60.0, MEMORY_MB, "toy", start_limit_s=0.5)
    with pytest.raises(ModelFailed, match=r"toy: not loaded: no answer for 0.5 s"):
        model.start()
    model = IsolatedModel(partial(build_toy, 1.5), 1.0, MEMORY_MB, "toy")
    assert model.run([4]) == [8]
    model.close()


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        pytest.param("raise", "toy: ValueError: this one I refuse", id="a refusal"),
        pytest.param("short", "toy: StopIteration: ", id="an error without a text"),
        pytest.param("unsendable", "toy: .*(pickle|local).*", id="an answer that can't be sent"),
    ],
)
def test_an_error_of_the_model_leaves_the_child_alone(model: Toy, losses: list[str], bad: str, text: str) -> None:
    before = model.run(["pid"])
    with pytest.raises(ModelFailed, match=text) as failed:
        model.run([bad])
    assert (failed.value.reason, losses) == ("raised", [])
    assert model.run(["pid"]) == before


def test_what_can_not_be_loaded_says_so_at_the_start(losses: list[str]) -> None:
    model: Toy = IsolatedModel(build_missing, 60.0, MEMORY_MB, "toy", losses.append)
    with pytest.raises(ModelMissing, match=r"^the weights of the toy are missing: pip install toy$"):
        model.start()
    with pytest.raises(ModelFailed, match="pip install toy"):
        model.run([1])


def test_a_crash_while_loading_is_a_failure(losses: list[str]) -> None:
    model: Toy = IsolatedModel(build_crashing, 60.0, MEMORY_MB, "toy", losses.append)
    for _ in range(2):
        with pytest.raises(ModelFailed, match="toy: not loaded: ended with status 7"):
            model.run([1])
    assert losses == ["crashed", "crashed"]


@pytest.mark.parametrize("ask", [IsolatedModel.start, lambda model: model.run([4])], ids=["start", "run"])
def test_a_child_that_is_ready_just_as_it_is_ended_is_lost(
    losses: list[str], monkeypatch: pytest.MonkeyPatch, ask: Callable[[Toy], object]
) -> None:
    class TooLate(isolation._Watch):
        def __exit__(self, *error: object) -> None:
            super().__exit__(*error)
            self.verdict = "out of memory", "took more than 500 MB"
            self._child.stop()

    model: Toy = IsolatedModel(build_toy, 60.0, MEMORY_MB, "toy", losses.append)
    with monkeypatch.context() as patched:
        patched.setattr(isolation, "_Watch", TooLate)
        with pytest.raises(ModelFailed, match="toy: not loaded: took more than 500 MB") as failed:
            ask(model)
    assert (failed.value.reason, losses) == ("out of memory", ["out of memory"])
    assert model.run([4]) == [8]
    model.close()


def test_a_child_that_died_between_two_batches_costs_none(model: Toy, losses: list[str]) -> None:
    (pid,) = model.run(["pid"])
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not _runs(pid))
    assert model.run([4]) == [8]
    assert losses == ["crashed"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_of_the_service_is_not_for_the_child(model: Toy, number: signal.Signals) -> None:
    (pid,) = model.run(["pid"])
    assert isinstance(pid, int)
    os.kill(pid, number)
    assert model.run(["pid"]) == [pid]


PARENT = """
from shared.runtime import isolation
from shared.runtime.isolation import IsolatedModel
from tests.runtime.toy_models import build_toy
model = IsolatedModel(build_toy, 600.0, 500.0, "toy")
print(model.run(["pid"])[0], flush=True)
{then}
"""


@pytest.mark.parametrize("then", ["input()", "model.run(['hang'])"], ids=["between two batches", "within a batch"])
def test_the_child_goes_with_its_parent(then: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.format(then=then)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert _runs(pid)
        parent.kill()
    wait_for(lambda: not _runs(pid))


def test_a_parent_that_ends_takes_the_child_along() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT.format(then="")], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    wait_for(lambda: not _runs(int(done.stdout)))


def _runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
