"""Measures of a diarization against the truth, in the three scoring settings that people use."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from speakerline.tools.score.rttm import Segment

Grids = dict[str, NDArray[np.bool_]]

os.environ["PYANNOTE_METRICS_ENABLED"] = "0"


@dataclass(frozen=True)
class Score:
    """All rates in percent of reference speech, with the reference seconds to weigh calls by.

    der: collar 0 with overlap. der_collar: +-0.25 s without overlap. der_collar_overlap: +-0.25 s with overlap.
    attribution: share of reference speech given to the right speaker where any speaker was output.
    boundary_ms: median distance of a reference turn border from the nearest border of the mapped speaker's output.
    """

    speech_s: float
    der: float
    der_collar: float
    der_collar_overlap: float
    attribution: float
    speakers: int
    true_speakers: int
    boundary_ms: float


def score(truth: Sequence[Segment], found: Sequence[Segment], until_s: float) -> Score:
    """Score one recording; both sides are cut to [0, until_s)."""
    from pyannote.core import Annotation, Timeline
    from pyannote.core import Segment as Span
    from pyannote.metrics.diarization import DiarizationErrorRate

    def annotation(segments: Sequence[Segment]) -> Annotation:
        made = Annotation(uri="call")
        for number, s in enumerate(segments):
            if min(s.end_s, until_s) > s.start_s:
                made[Span(s.start_s, min(s.end_s, until_s)), number] = s.speaker
        return made

    reference, hypothesis = annotation(truth), annotation(found)
    scored = Timeline([Span(0, until_s)])
    rates = [
        100 * float(DiarizationErrorRate(collar=collar, skip_overlap=skip)(reference, hypothesis, uem=scored))
        for collar, skip in ((0.0, False), (0.5, True), (0.5, False))
    ]
    names, given = grids(truth, until_s), grids(found, until_s)
    mapping = match(names, given)
    return Score(
        speech_s=float(sum(row.sum() for row in names.values())) / 100,
        der=rates[0],
        der_collar=rates[1],
        der_collar_overlap=rates[2],
        attribution=100 * attribution(names, given, mapping),
        speakers=sum(1 for row in given.values() if row.sum() >= 100),
        true_speakers=len(names),
        boundary_ms=boundary_error_ms(truth, found, mapping),
    )


def grids(segments: Sequence[Segment], until_s: float) -> Grids:
    """Each speaker's activity in frames of 10 ms."""
    rows: Grids = {}
    for s in segments:
        row = rows.setdefault(s.speaker, np.zeros(int(until_s * 100), np.bool_))
        row[round(s.start_s * 100) : round(s.end_s * 100)] = True
    return rows


def match(truth: Grids, found: Grids) -> dict[str, str]:
    """Found speaker -> true speaker, one to one, that shares most time."""
    names, others = sorted(found), sorted(truth)
    shared = np.zeros((len(names), len(others)))
    for row, column in np.ndindex(shared.shape):
        shared[row, column] = (found[names[row]] & truth[others[column]]).sum()
    rows, columns = linear_sum_assignment(-shared) if shared.size else ([], [])
    return {names[r]: others[c] for r, c in zip(rows, columns, strict=True) if shared[r, c]}


def attribution(truth: Grids, found: Grids, mapping: dict[str, str]) -> float:
    """Share of the reference speech in which any speaker is output that goes to the right one."""
    spoken = right = 0
    anyone = np.any(list(found.values()), axis=0) if found else np.zeros(1, np.bool_)
    for name, row in truth.items():
        spoken += int((row & anyone).sum())
        mine = [found[f] for f, t in mapping.items() if t == name]
        right += int((row & mine[0]).sum()) if mine else 0
    return right / max(spoken, 1)


def boundary_error_ms(truth: Sequence[Segment], found: Sequence[Segment], mapping: dict[str, str]) -> float:
    """Median distance (ms) of every true turn border to the nearest border of the same kind and speaker within 2 s."""
    distances = []
    for s in truth:
        mine = [f for f in found if mapping.get(f.speaker) == s.speaker]
        for true, others in ((s.start_s, [f.start_s for f in mine]), (s.end_s, [f.end_s for f in mine])):
            nearest = min((abs(true - other) for other in others), default=np.inf)
            if nearest <= 2.0:
                distances.append(nearest)
    return 1000 * float(np.median(distances)) if distances else float("nan")
