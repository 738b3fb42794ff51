"""A floor under the accuracy on the sample call: far below it, something is broken rather than not yet good."""

import pytest

from speakerline.shared.contract.v1 import Encoding
from speakerline.tools.score.score import score
from tests.e2e.conftest import Undisturbed
from tests.e2e.decoded import decoded
from tests.e2e.sample_call import labels


@pytest.mark.parametrize("encoding", [Encoding.MULAW, Encoding.S16LE], ids=["8 kHz mu-law", "16 kHz linear"])
def test_the_sample_call_is_told_about_right(undisturbed: Undisturbed, encoding: Encoding) -> None:
    report = score(labels(), decoded(undisturbed(encoding)))
    assert report.speaker_count_error == 0
    assert report.final.attribution > 0.87
    assert report.final.errors[0].der < 0.20
    assert report.boundary_ms.median is not None
    assert report.boundary_ms.median <= 180
    live = {labelling.after_s: labelling.attribution for labelling in report.live}
    assert live[5.0] > 0.7
