"""Measures diarization end to end: recordings with truth in, error rates of the final and of the live labels out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.shared.contract.v1 import SpeakerMerged, Turn, TurnBody, TurnWithdrawn, VoiceWindow
from speakerline.shared.voiceprints.calibration import Calibration
from speakerline.shared.voiceprints.embedder import Embedder
from speakerline.tools.lab.front_end import LabelledCall, Scores, listen
from speakerline.tools.lab.scoring import Score, score
from speakerline.tools.score.rttm import Segment

SLICE_S = 0.25
"""Live labels are read in slices of this length."""


@dataclass(frozen=True)
class Outcome:
    """final, and live by delay (seconds after the audio); label_changes: per minute, of turns that changed speaker."""

    name: str
    final: Score
    live: dict[float, Score]
    label_changes: float


class Board:
    """What a dashboard knows: the turns as they stand."""

    def __init__(self) -> None:
        self.turns: dict[str, Turn] = {}
        self.merged: dict[str, str] = {}
        self.label_changes = 0

    def take(self, changes: Iterable[TurnBody]) -> None:
        """Apply changes in order."""
        for change in changes:
            if isinstance(change, Turn):
                before = self.turns.get(change.turn_id)
                self.label_changes += before is not None and before.speaker_id != change.speaker_id
                self.turns[change.turn_id] = change
            elif isinstance(change, TurnWithdrawn):
                self.turns.pop(change.turn_id)
            elif isinstance(change, SpeakerMerged):
                self.label_changes += 1
                self.merged[change.speaker_id] = change.into_speaker_id

    def segments(self) -> list[Segment]:
        """The turns as segments; nobody is '?'."""
        return [
            Segment(self._owner(t.speaker_id) or "?", t.start_ms / 1000, t.end_ms / 1000, t.channel)
            for t in self.turns.values()
        ]

    def _owner(self, speaker: str) -> str:
        while speaker in self.merged:
            speaker = self.merged[speaker]
        return speaker


def measure(
    name: str,
    windows: Sequence[VoiceWindow],
    truth: Sequence[Segment],
    duration_s: float,
    calibration: Calibration,
    settings: ClusterSettings | None = None,
    delays_s: Sequence[float] = (1.0, 2.0, 5.0),
    expected_speakers: int | None = None,
    channels: int = 1,
) -> Outcome:
    """Cluster the windows of one recording and score what came out, live and in the end."""
    clusterer = CallClusterer(calibration, settings, expected_speakers=expected_speakers, channels=channels)
    board, stood = Board(), list[tuple[float, list[Segment]]]()
    for window in windows:
        board.take(clusterer.push(window))
        stood.append((window.end_ms / 1000, board.segments()))
    live = {delay: score(truth, as_they_stood(stood, delay, duration_s), duration_s) for delay in delays_s}
    label_changes = board.label_changes / (duration_s / 60)
    board.take(clusterer.finish())
    return Outcome(name, score(truth, board.segments(), duration_s), live, label_changes)


def measure_calls(
    calls: Iterable[LabelledCall],
    segmentation: Scores,
    embedder: Embedder,
    settings: ClusterSettings | None = None,
    count_is_known: bool = False,
    step_ms: int = 1000,
) -> list[Outcome]:
    """Listen to recordings and measure each; `count_is_known` tells the clusterer how many people there are."""
    return [
        measure(
            call.name,
            listen(call, segmentation, embedder, step_ms),
            call.truth,
            call.duration_s,
            embedder.calibration,
            settings,
            expected_speakers=len({segment.speaker for segment in call.truth}) if count_is_known else None,
            channels=call.samples.shape[1],
        )
        for call in calls
    ]


def as_they_stood(stood: Sequence[tuple[float, list[Segment]]], delay_s: float, duration_s: float) -> list[Segment]:
    """The labels of every slice of audio as they stood `delay_s` after its start; stood: (time, segments) ascending."""
    pieces: list[Segment] = []
    at = -1
    for start in [SLICE_S * number for number in range(int(np.ceil(duration_s / SLICE_S)))]:
        while at + 1 < len(stood) and stood[at + 1][0] <= start + delay_s + 1e-6:
            at += 1
        for segment in stood[at][1] if at >= 0 else ():
            first, last = max(start, segment.start_s), min(start + SLICE_S, segment.end_s)
            if last > first:
                pieces.append(replace(segment, start_s=first, end_s=last))
    joined: list[Segment] = []
    for piece in sorted(pieces, key=lambda p: (p.speaker, p.channel, p.start_s)):
        last_one = joined[-1] if joined else None
        if last_one and last_one.speaker == piece.speaker and piece.start_s - last_one.end_s < 1e-6:
            joined[-1] = replace(last_one, end_s=piece.end_s)
        else:
            joined.append(piece)
    return joined


def table(outcomes: Sequence[Outcome]) -> str:
    """One line per scoring moment, weighted by reference speech: DER / with collar / attribution, boundary,
    speaker-count error."""
    lines = [_line("final", [outcome.final for outcome in outcomes])]
    for delay in sorted(outcomes[0].live) if outcomes else ():
        lines.append(_line(f"live {delay:g} s", [outcome.live[delay] for outcome in outcomes]))
    changes = np.mean([outcome.label_changes for outcome in outcomes])
    return "\n".join([*lines, f"label changes per minute {changes:.1f}"])


def _line(moment: str, scores: Sequence[Score]) -> str:
    weights = [one.speech_s for one in scores]
    der, collar, overlap, right = (
        float(np.average([getattr(one, name) for one in scores], weights=weights))
        for name in ("der", "der_collar", "der_collar_overlap", "attribution")
    )
    border = float(np.nanmedian([one.boundary_ms for one in scores]))
    wrong = float(np.mean([one.speakers != one.true_speakers for one in scores]))
    return (
        f"{moment:10s} DER {der:5.1f}  +-0.25 s no overlap {collar:5.1f}  +-0.25 s {overlap:5.1f}"
        f"  attribution {right:5.1f} %  boundary {border:4.0f} ms  wrong speaker count {100 * wrong:3.0f} %"
    )
