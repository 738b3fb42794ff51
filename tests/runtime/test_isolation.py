"""A model in a process of its own: what it does to itself stays there."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speakerline.shared.models.files import ModelMissing
from speakerline.shared.runtime import isolated_process, isolation
from speakerline.shared.runtime.isolated_child import NVIDIA
from speakerline.shared.runtime.isolation import IsolatedModel, ModelFailed
from tests.runtime.processes import runs, wait_for
from tests.runtime.toy_models import build_crashing, build_missing, build_slower, build_toy

Toy = IsolatedModel[object, object]


MEMORY_MB = 150.0
"""Little, because a virtual machine may hand out no more than 100 MB a second."""


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
    assert isinstance(doubled, np.ndarray) and np.array_equal(doubled, 2 * sound)
    assert two == 2
    assert model.run([]) == []


@pytest.mark.parametrize(
    ("bad", "reason", "text"),
    [
        pytest.param("exit", "crashed", "toy: ended with status 3", id="it ends itself"),
        pytest.param("kill", "crashed", "toy: ended by SIGKILL", id="it is killed"),
        pytest.param("grow", "out of memory", "toy: took more than 150 MB", id="it allocates without end"),
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


def test_waiting_for_a_processor_is_no_hang(losses: list[str]) -> None:
    model: Toy = IsolatedModel(build_toy, 1.0, MEMORY_MB, "toy", losses.append)
    (took_s,) = model.run(["compute among others"])
    assert isinstance(took_s, float) and took_s > 1.0
    assert losses == []
    model.close()


def test_a_child_that_does_not_even_read_is_ended_at_its_limit(losses: list[str]) -> None:
    model: Toy = IsolatedModel(build_toy, 1.0, MEMORY_MB, "toy", losses.append)
    (pid,) = model.run(["pid"])
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ModelFailed, match=r"toy: no answer for 1 s"):
        model.run([np.zeros(2**20)])
    assert losses == ["hung"]
    model.close()


def test_a_crash_is_noticed_though_another_process_holds_the_connection_open(losses: list[str]) -> None:
    model: Toy = IsolatedModel(build_toy, 5.0, MEMORY_MB, "toy", losses.append)
    with pytest.raises(ModelFailed, match="toy: ended with status 3"):
        model.run(["leave somebody behind"])
    assert losses == ["crashed"]
    assert model.run([4]) == [8]
    model.close()


def test_a_child_that_can_not_be_ended_is_left_to_the_system(
    losses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Toy = IsolatedModel(build_toy, 1.0, MEMORY_MB, "toy", losses.append)
    (pid,) = model.run(["pid"])
    assert isinstance(pid, int)
    with monkeypatch.context() as patched:
        patched.setattr(isolated_process, "KILL_LIMIT_S", 0.1)
        patched.setattr(subprocess.Popen, "kill", lambda process: None)
        with pytest.raises(ModelFailed, match=r"toy: no answer for 1 s"):
            model.run(["hang"])
    assert model.run([4]) == [8]
    os.kill(pid, signal.SIGKILL)
    model.close()


def test_a_start_that_the_system_delays_fails_and_leaves_nothing(
    model: Toy, losses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    end = isolated_process._end

    def note_and_end(process: "subprocess.Popen[bytes]", mine: socket.socket) -> None:
        started.append(process)
        end(process, mine)

    monkeypatch.setattr(isolated_process, "_end", note_and_end)
    monkeypatch.setattr(isolated_process, "SPAWN_LIMIT_S", 0.1)
    blocked, begun = threading.Event(), threading.Event()
    start = isolated_process._start

    def start_late(most_mb: int) -> Any:
        begun.set()
        blocked.wait()
        return start(most_mb)

    monkeypatch.setattr(isolated_process, "_start", start_late)
    with pytest.raises(ModelFailed, match=r"toy: not loaded: no process could be started for 0.1 s"):
        model.run([4])
    assert begun.wait(60)
    blocked.set()
    wait_for(lambda: started and started[0].returncode is not None)
    assert losses == ["hung"]


@pytest.mark.skipif(NVIDIA.exists(), reason="there is no such bound beside a graphics card")
def test_memory_beyond_all_bounds_is_refused_however_slow_the_watch(
    model: Toy, losses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated_process, "TICK_S", 600.0)
    monkeypatch.setattr(isolated_process, "HEADROOM_MB", 200)
    with pytest.raises(ModelFailed) as failed:
        model.run(["grow"])
    assert (failed.value.reason, losses) == ("out of memory", ["out of memory"])


def test_a_model_that_grew_within_a_short_run_is_replaced_after_it(
    model: Toy, losses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated_process, "TICK_S", 600.0)
    (before,) = model.run(["keep"])
    assert losses == ["out of memory"]
    assert model.run(["pid"]) != [before]


def test_an_answer_that_nobody_waits_for_any_more_is_not_the_next_one(
    model: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    (before,) = model.run(["pid"])
    with monkeypatch.context() as patched:
        patched.setattr(isolated_process, "_ready", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.run([1])
    pid, answer = model.run(["pid", 4])
    assert (answer, pid != before) == (8, True)


def test_after_losses_in_a_row_the_model_rests(model: Toy, losses: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "REST_S", 600.0)
    for bad in ["exit", "exit", "raise", "exit"]:
        with pytest.raises(ModelFailed):
            model.run([bad])
    with pytest.raises(ModelFailed, match="toy: lost 3 times in a row, not tried") as failed:
        model.run([4])
    assert (failed.value.reason, len(losses)) == ("resting", 3)
    model._rested_at = 0.0
    assert model.run([4]) == [8]
    for _ in range(2):
        with pytest.raises(ModelFailed, match="status 3"):
            model.run(["exit"])


def test_a_model_that_was_loaded_before_has_less_time_for_it(
    tmp_path: Path, losses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "AGAIN_LIMIT_S", 0.1)
    build = partial(build_slower, str(tmp_path / "before"))
    model: Toy = IsolatedModel(build, 60.0, MEMORY_MB, "toy", losses.append, start_limit_s=600.0)
    with pytest.raises(ModelFailed, match="status 3"):
        model.run(["exit"])
    with pytest.raises(ModelFailed, match="toy: not loaded: no answer for"):
        model.run([4])
    assert losses == ["crashed", "hung"]


def test_closing_waits_for_nobody_and_is_for_good(losses: list[str]) -> None:
    model: Toy = IsolatedModel(partial(build_toy, 600.0), 600.0, MEMORY_MB, "toy", losses.append)
    with ThreadPoolExecutor(3) as threads:
        runs = [threads.submit(model.run, [4]) for _ in range(3)]
        wait_for(lambda: model._child)
        model.close()
        failures = [run.exception(timeout=60) for run in runs]
    assert [type(failure) for failure in failures] == [ModelFailed] * 3
    assert losses == []
    with pytest.raises(ModelFailed, match="toy: closed"):
        model.run([4])


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
        pytest.param("unreadable", "toy: .*can't be read.*no number", id="an answer that can't be read"),
        pytest.param(lambda: 0, "toy: can't be asked: .*(pickle|local)", id="a question that can't be sent"),
        pytest.param("unsendable", "toy: .*(pickle|local).*", id="an answer that can't be sent"),
    ],
)
def test_an_error_of_the_model_leaves_the_child_alone(model: Toy, losses: list[str], bad: object, text: str) -> None:
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


def test_a_child_that_died_between_two_batches_costs_none(model: Toy, losses: list[str]) -> None:
    (pid,) = model.run(["pid"])
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not runs(pid))
    assert model.run([4]) == [8]
    assert losses == ["crashed"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_of_the_service_is_not_for_the_child(model: Toy, number: signal.Signals) -> None:
    (pid,) = model.run(["pid"])
    assert isinstance(pid, int)
    os.kill(pid, number)
    assert model.run(["pid"]) == [pid]
