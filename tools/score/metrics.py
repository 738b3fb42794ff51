"""Error rates of labels against a reference, by pyannote.metrics (Bredin, Interspeech 2017), telemetry switched off."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from speakerline.shared.timeline.spans import Span
from speakerline.tools.score.files import Labels

os.environ["PYANNOTE_METRICS_ENABLED"] = "0"

from pyannote.core import Annotation, Segment, Timeline  # after telemetry is off
from pyannote.metrics.diarization import DiarizationErrorRate, JaccardErrorRate
from pyannote.metrics.identification import IdentificationErrorRate

PIECE_S = 300
"""pyannote's count is quadratic in the length of what it gets, and additive: an hour goes in pieces."""


@dataclass(frozen=True, slots=True)
class Convention:
    """How DER is counted: how far around each reference boundary nothing counts, and whether overlapped speech does."""

    collar_ms: int
    overlap: bool

    def __str__(self) -> str:
        around = f"+-{self.collar_ms / 1000:.2f} s" if self.collar_ms else "collar 0"
        return f"{around}, {'with' if self.overlap else 'without'} overlap"


CONVENTIONS = (Convention(0, True), Convention(250, True), Convention(250, False))
"""A system's DER may differ tenfold between them, so all three are always reported."""


@dataclass(frozen=True, slots=True)
class DiarizationError:
    """The parts of DER, in seconds of speaker time: an overlap of two counts twice."""

    convention: Convention
    speech_s: float
    missed_s: float
    false_alarm_s: float
    confusion_s: float
    correct_s: float

    def __add__(self, other: "DiarizationError") -> "DiarizationError":
        """Of both as if they were one; the convention must be the same."""
        if self.convention != other.convention:
            raise ValueError(f"counted with {other.convention}: expected {self.convention} as in the first")
        parts = ("speech_s", "missed_s", "false_alarm_s", "confusion_s", "correct_s")
        return DiarizationError(self.convention, *(getattr(self, part) + getattr(other, part) for part in parts))

    @property
    def der(self) -> float:
        """Missed, false alarm and confusion over reference speech: may exceed 1."""
        errors_s = self.missed_s + self.false_alarm_s + self.confusion_s
        return errors_s / self.speech_s if self.speech_s else float(errors_s > 0)

    @property
    def attribution(self) -> float:
        """Share of the reference speech for which speakers were output that was given to the right one."""
        given_s = self.correct_s + self.confusion_s
        return self.correct_s / given_s if given_s else 0.0


class Reference:
    """Who really spoke, within the regions to score."""

    def __init__(self, labels: Labels, scored: Iterable[Span]) -> None:
        self._annotation = _annotation(labels)
        self._scored = Timeline(_segment(span) for span in scored)

    def mapping(self, labels: Labels) -> dict[str, str]:
        """Which label is which reference speaker: one to one, the most time in common (Hungarian algorithm)."""
        hypothesis = _annotation(labels)
        return dict(DiarizationErrorRate().optimal_mapping(self._annotation, hypothesis, uem=self._scored))

    def errors(self, labels: Labels) -> tuple[DiarizationError, ...]:
        """DER by each of CONVENTIONS, every one with its own optimal mapping."""
        hypothesis = _annotation(labels)
        return tuple(self._error(hypothesis, convention) for convention in CONVENTIONS)

    def jaccard(self, labels: Labels) -> float:
        """Jaccard error rate (second DIHARD challenge): every reference speaker weighs the same."""
        return float(
            JaccardErrorRate()(  # type: ignore[no-untyped-call]
                self._annotation, _annotation(labels), uem=self._scored
            )
        )

    def _error(self, hypothesis: Annotation, convention: Convention) -> DiarizationError:
        # pyannote's `collar` is the whole width, centred on the boundary.
        metric = DiarizationErrorRate()
        cut = metric.uemify(
            self._annotation,
            hypothesis,
            uem=self._scored,
            collar=2 * convention.collar_ms / 1000,
            skip_overlap=not convention.overlap,
            returns_uem=True,
        )
        reference, hypothesis, scored = cast(tuple[Annotation, Annotation, Timeline], cut)
        hypothesis = hypothesis.rename_labels(generator="int")
        hypothesis = hypothesis.rename_labels(mapping=metric.optimal_mapping(reference, hypothesis))
        parts = Counter[str]()
        for piece in _pieces(scored):
            parts.update(_components(reference, hypothesis, piece))
        return DiarizationError(
            convention,
            speech_s=parts["total"],
            missed_s=parts["missed detection"],
            false_alarm_s=parts["false alarm"],
            confusion_s=parts["confusion"],
            correct_s=parts["correct"],
        )


def _pieces(scored: Timeline) -> Iterator[Timeline]:
    """The scored time, PIECE_S at a time."""
    extent = scored.extent()
    for number in range(int(extent.start // PIECE_S), int(extent.end // PIECE_S) + 1):
        yield scored.crop(Segment(number * PIECE_S, (number + 1) * PIECE_S))


def _components(reference: Annotation, mapped: Annotation, piece: Timeline) -> dict[str, float]:
    near = piece.extent()
    metric = IdentificationErrorRate()
    return dict(metric.compute_components(reference.crop(near), mapped.crop(near), uem=piece))


def _segment(span: Span) -> Segment:
    return Segment(span[0] / 1000, span[1] / 1000)


def _annotation(labels: Labels) -> Annotation:
    annotation = Annotation()
    for label, spans in labels.items():
        for number, span in enumerate(spans):
            annotation[_segment(span), f"{label} {number}"] = label
    return annotation
