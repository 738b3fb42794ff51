"""Our counting in pieces is pyannote's counting of the whole."""

import random

import pytest

from speakerline.shared.timeline.spans import union
from speakerline.tools.score.metrics import CONVENTIONS, PIECE_S, Reference


def labels(rng, names, end_ms):
    """Random turns, some of them together, some across the pieces."""
    starts = {name: [rng.randrange(end_ms) for _ in range(25)] for name in names}
    return {name: union((at, at + rng.randrange(200, 9000)) for at in own) for name, own in starts.items()}


@pytest.mark.parametrize("seed", range(5))
def test_der_of_a_long_call(seed):
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    rng = random.Random(seed)
    end_ms = 5 * PIECE_S * 1000
    reference, hypothesis = labels(rng, "ab", end_ms), labels(rng, "abc", end_ms)
    scored = [(1000, end_ms // 2), (end_ms // 2 + 7000, end_ms + 3000)]

    def annotation(of):
        made = Annotation()
        for label, spans in of.items():
            for number, (start, end) in enumerate(spans):
                made[Segment(start / 1000, end / 1000), f"{label}{number}"] = label
        return made

    uem = Timeline(Segment(start / 1000, end / 1000) for start, end in scored)
    for ours, convention in zip(Reference(reference, scored).errors(hypothesis), CONVENTIONS, strict=True):
        metric = DiarizationErrorRate(collar=2 * convention.collar_ms / 1000, skip_overlap=not convention.overlap)
        theirs = metric(annotation(reference), annotation(hypothesis), uem=uem, detailed=True)
        assert ours.der == pytest.approx(theirs["diarization error rate"])
        assert ours.confusion_s == pytest.approx(theirs["confusion"])
        assert ours.missed_s == pytest.approx(theirs["missed detection"])
