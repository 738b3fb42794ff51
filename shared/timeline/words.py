"""Gives every word the person who said it: by who talks when, and by the words around it.

For each word, a speaker who talks near it costs more the worse the times fit: how much deeper the middle of the word
lies in the turns of another. Where two talk at once, the turn that reaches farther around the word is so the dominant
one. Between two words the speaker may change at a cost, which is low in a pause and where a sentence ends, and high
within a sentence. The cheapest sequence of speakers over a transcript wins (Viterbi, "Error bounds for convolutional
codes", 1967): a word in the middle of a turn goes to that turn, and a word at a turn's edge goes where its neighbours
go.

    turns    S1 ─────────────┐┌──────── S2
    words    we  are  here  well  I think
                           │ a pause: a cheaper place for the change than after "well"

A word of a separated source belongs to the speaker that the source was given to.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from speakerline.shared.contract import v1
from speakerline.shared.timeline.spans import Span, union

REACH_MS = 1000
"""Times of words and turns are never farther off than this: a word beyond it from all turns is nobody's."""

DEPTH_MS = 2000
"""Being deeper in a turn than this makes it no surer, so what happens farther away never matters."""

RADIUS_MS = max(REACH_MS, DEPTH_MS)
"""How far from a word a turn may change without a consequence for it."""

_MS_PER_UNIT = 50
_MOST = 12.0
_CHANGE, _CHANGE_IN_PAUSE, _PAUSE_MS = 1.0, 0.1, 300
_SENTENCE_ENDS, _SENTENCE_GOES_ON = 0.1, 4.0
"""Costs, chosen on conversations made of read sentences with the true times of their words (LibriSpeech), whose turns
and words were then moved at random (docs/timeline.md). The last two multiply the cost of a change where the engine
writes punctuation."""
_DOUBTFUL = 0.4
"""The times of a word that is hardly recognised count by half."""
_TOGETHER = 0.5
"""Share of the confidence that is left where several voices are in the sound, and where no turn is."""
_LEAST_SURE = 0.3


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whose a word is; an empty speaker where nobody can say."""

    speaker_id: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known around a transcript, on its channel. Ids of speakers have their merges resolved."""

    turns: Sequence[v1.Turn] = ()
    sources: Mapping[str, Attribution] = field(default_factory=dict)
    """Whose the sources are, by source id."""
    mixed: Sequence[Span] = ()
    """Where voices overlap: what is recognised there, other than of a source, is less sure."""


@dataclass(frozen=True, slots=True)
class _Talk:
    """When one speaker talks: turns that touch are one span, so that no edge is seen there."""

    spans: Sequence[Span]
    turns: Sequence[v1.Turn]

    def depth(self, at_ms: float) -> float:
        """How deep the moment lies in the turns; below 0: how far outside."""
        return min(DEPTH_MS, max((min(at_ms - start, end - at_ms) for start, end in self.spans), default=-math.inf))

    def sure(self, at_ms: float) -> float:
        """The confidence of the turn there, or next to it."""
        return max((min(at_ms - one.start_ms, one.end_ms - at_ms), one.confidence) for one in self.turns)[1]


@dataclass(frozen=True, slots=True)
class _Claims:
    """What each speaker near a word would cost, and how sure the word would then be."""

    costs: Mapping[str, float]
    sure: Mapping[str, float]


def attribute(words: Sequence[v1.Word], scene: Scene) -> list[Attribution]:
    """One attribution a word, in their order; `words` is one transcript."""
    talks = _talks(scene.turns)
    claims = [None if word.source_id else _claims(word, talks, scene.mixed) for word in words]
    found: list[Attribution] = []
    begin = 0
    for end in range(len(words) + 1):
        if end < len(words) and claims[end] is not None:
            continue
        run = [claim for claim in claims[begin:end] if claim is not None]
        found += _cheapest(words[begin:end], run)
        if end < len(words):
            found.append(scene.sources.get(words[end].source_id, Attribution("", 0.0)))
        begin = end + 1
    return found


def _talks(turns: Iterable[v1.Turn]) -> dict[str, _Talk]:
    """By speaker, in the order of their ids."""
    by_speaker: dict[str, list[v1.Turn]] = {}
    for turn in turns:
        by_speaker.setdefault(turn.speaker_id, []).append(turn)
    return {
        speaker_id: _Talk(union((turn.start_ms, turn.end_ms) for turn in own), own)
        for speaker_id, own in sorted(by_speaker.items(), key=lambda item: (len(item[0]), item[0]))
    }


def _claims(word: v1.Word, talks: Mapping[str, _Talk], mixed: Sequence[Span]) -> _Claims:
    middle = (word.start_ms + word.end_ms) / 2
    depths = {speaker_id: talk.depth(middle) for speaker_id, talk in talks.items()}
    near = {speaker_id: deep for speaker_id, deep in depths.items() if deep > -REACH_MS}
    if not near:
        return _Claims({"": 0.0}, {"": 0.0})
    deepest = max(near.values())
    weight = 0.5 if word.confidence < _DOUBTFUL else 1.0
    costs = {speaker_id: weight * min(_MOST, (deepest - deep) / _MS_PER_UNIT) for speaker_id, deep in near.items()}
    talking = sum(deep > 0 for deep in near.values())
    together = talking != 1 or any(start <= middle < end for start, end in mixed)
    sure = {
        speaker_id: _sure(costs, speaker_id) * talks[speaker_id].sure(middle) * (_TOGETHER if together else 1.0)
        for speaker_id in near
    }
    return _Claims(costs, sure)


def _sure(costs: Mapping[str, float], speaker_id: str) -> float:
    """By how much the times alone speak for this speaker: the logistic function of the distance to the best other."""
    if not speaker_id:
        return 0.0
    others = [cost for other, cost in costs.items() if other != speaker_id]
    return max(_LEAST_SURE, 1 / (1 + math.exp(costs[speaker_id] - min(others)))) if others else 1.0


def _change_cost(before: v1.Word, after: v1.Word, punctuated: bool) -> float:
    pause = min(_PAUSE_MS, max(0, after.start_ms - before.end_ms)) / _PAUSE_MS
    cost = _CHANGE_IN_PAUSE + (_CHANGE - _CHANGE_IN_PAUSE) * (1 - pause)
    if not punctuated:
        return cost
    return cost * (_SENTENCE_ENDS if _ends_sentence(before) else _SENTENCE_GOES_ON)


def _ends_sentence(word: v1.Word) -> bool:
    return word.text.rstrip("\"')»”").endswith((".", "?", "!", "…"))


def _cheapest(words: Sequence[v1.Word], claims: Sequence[_Claims]) -> list[Attribution]:
    """The sequence of speakers with the least sum of costs; of equal ones, the one with the earlier ids."""
    if not claims:
        return []
    punctuated = any(_ends_sentence(word) for word in words)
    totals = dict(claims[0].costs)
    came_from: list[dict[str, str]] = []
    for number in range(1, len(claims)):
        change = _change_cost(words[number - 1], words[number], punctuated)
        cheapest = min(totals, key=lambda one: totals[one])
        links: dict[str, str] = {}
        sums: dict[str, float] = {}
        for speaker_id, cost in claims[number].costs.items():
            stays = totals.get(speaker_id, math.inf) <= totals[cheapest] + change
            links[speaker_id] = speaker_id if stays else cheapest
            sums[speaker_id] = cost + (totals[speaker_id] if stays else totals[cheapest] + change)
        totals = sums
        came_from.append(links)
    speaker_id = min(totals, key=lambda one: totals[one])
    path = [speaker_id]
    for links in reversed(came_from):
        speaker_id = links[speaker_id]
        path.append(speaker_id)
    chosen = zip(reversed(path), claims, strict=True)
    return [Attribution(speaker, round(claim.sure[speaker], 2)) for speaker, claim in chosen]
