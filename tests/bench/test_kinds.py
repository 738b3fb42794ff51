"""What words and separation cost: how it is counted, and what is played for it."""

import subprocess
import sys

import numpy as np
import pytest

from speakerline.shared.arrays import Float64s
from speakerline.shared.audio.pcm import decode, to_float32
from speakerline.shared.contract.v1 import Encoding
from speakerline.tools.bench.model_runs import ModelRuns, model_runs
from speakerline.tools.bench.sound import CallSound, Kind
from speakerline.tools.bench.usage import parse, usage

METRICS = """# HELP speakerline_model_seconds One run of a model, whatever the batch.
speakerline_model_seconds_bucket{le="1.0",model="dualpath",stage="separation"} 3.0
speakerline_model_seconds_count{model="dualpath",stage="separation"} 4.0
speakerline_model_seconds_sum{model="dualpath",stage="separation"} 1.25
speakerline_batch_size_sum{model="dualpath",stage="separation"} 9.0
speakerline_batch_size_count{model="dualpath",stage="separation"} 4.0
speakerline_model_seconds_count{model="campplus",stage="separation"} 0.0
speakerline_events_total{stage="separation"} 7.0
"""


def test_runs_are_told_by_stage_and_model() -> None:
    found = model_runs(METRICS)
    assert found == {("separation", "dualpath"): ModelRuns(4, 9, 1.25), ("separation", "campplus"): ModelRuns()}
    assert ModelRuns(5, 12, 2.0).since(found["separation", "dualpath"]) == ModelRuns(1, 3, 0.75)


def loudness(kind: Kind) -> Float64s:
    """RMS of each 100 ms of half a minute."""
    sound = CallSound(0, 100, kind)
    return np.array([np.sqrt(np.mean(to_float32(decode(sound.frame(), Encoding.MULAW)) ** 2)) for _ in range(300)])


def test_silence_is_a_quiet_line_and_one_person_is_part_of_the_sample() -> None:
    assert loudness(Kind.SILENCE).max() < 0.001
    alone, sample = loudness(Kind.ALONE), loudness(Kind.SAMPLE)
    assert 0.2 < np.mean(alone > 0.01) < np.mean(sample > 0.01)


def test_what_children_use_belongs_to_their_parent() -> None:
    work = "sum(range(30_000_000))"
    code = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{work}']); print('done', flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout and parent.stdin
        parent.stdout.readline()
        assert usage(parent.pid).cpu_s > 0.2, "a child that has ended"
        parent.stdin.close()


def test_children_that_live_count_too() -> None:
    code = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', "
        "'x = bytearray(200_000_000); print(1, flush=True); input()'], stdin=subprocess.PIPE); input(); child.kill()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout and parent.stdin
        parent.stdout.readline()
        assert usage(parent.pid).rss_bytes > 200_000_000
        parent.stdin.close()


@pytest.mark.parametrize("name", ["(python)", "(a ) b)"])
def test_the_time_of_children_that_ended_is_counted(name: str) -> None:
    fields = ["S", *["0"] * 10, "100", "50", "30", "20", *["0"] * 6, "7", "0"]
    assert parse(f"1 {name} {' '.join(fields)}").cpu_s == pytest.approx(2.0)
