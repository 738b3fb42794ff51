"""The process of a model ends with the service that started it, however that ends."""

import subprocess
import sys

import pytest

from tests.runtime.processes import ROOT, runs, wait_for

PARENT = """
from speakerline.shared.runtime import isolation
from speakerline.shared.runtime.isolation import IsolatedModel
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
        assert runs(pid)
        parent.kill()
    wait_for(lambda: not runs(pid))


def test_a_parent_that_ends_takes_the_child_along() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT.format(then="")], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    wait_for(lambda: not runs(int(done.stdout)))
