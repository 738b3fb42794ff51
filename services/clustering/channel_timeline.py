"""The timeline of one channel as its labels say: votes of the windows, separated voices, speech from before; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from speakerline.services.clustering.history import History
from speakerline.services.clustering.render import Votes, added, runs, vote
from speakerline.services.clustering.roster import speaker_id
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.services.clustering.turns import LabelledSpan
from speakerline.shared.arrays import Indices

LONGEST_EXTENSION_MS = 3_000
"""Speech that no window reaches yet goes to the last speaker, for at most so long."""
LONGEST_PAUSE_MS = 400
"""After a longer pause it may as well be somebody else's."""


@dataclass(frozen=True, slots=True)
class Voices:
    """Whose the speech of a channel is: `speakers` and `certainty` of every retained tracklet (-1: nobody's).

    separated: (speaker, start_ms, end_ms, certainty) of voices that are surely active there. carried: (speaker,
    start_ms, end_ms) of speech that reaches `from_ms` and may go on; what lies before is not rendered."""

    speakers: Sequence[int]
    certainty: Sequence[float]
    separated: Sequence[tuple[int, int, int, float]] = ()
    carried: Sequence[tuple[int, int, int]] = ()
    from_ms: int = 0


def channel_timeline(history: History, voices: Voices, settings: ClusterSettings) -> list[LabelledSpan]:
    """The spans of every speaker from `from_ms` on, and of what is carried."""
    spans, owners, recent, windows = history.spans()
    if not len(windows):
        return []
    names, columns = np.unique(np.array([*voices.speakers, -1], np.intp), return_inverse=True)
    names, columns = np.roll(names, -1), (columns - 1) % len(names)  # nobody comes last
    sure = np.array(voices.certainty, np.float64)
    votes = vote(spans, columns[owners], sure[owners], windows, len(names), voices.from_ms, recent)
    names, votes = _with_separated(names, votes, voices)
    labelled, carried = [], {(who, end): start for who, start, end in voices.carried}
    for column, speaker in enumerate(names.tolist()):
        for start, end, certainty in runs(votes, column, settings.gap_ms):
            for (owner, edge), before in list(carried.items()):
                if owner == speaker and start - edge < settings.gap_ms:
                    start = before
                    del carried[owner, edge]
            if end - start >= settings.blip_ms:
                labelled.append(LabelledSpan(speaker_id(speaker), start, end, certainty))
    return labelled + [LabelledSpan(speaker_id(who), start, end, 1.0) for (who, end), start in carried.items()]


def extended(spans: Sequence[LabelledSpan], open_ms: int, window_ms: int, now_ms: int) -> list[LabelledSpan]:
    """The spans with their last speaker up to now, where speech is open that no window reaches; else nothing.

    open_ms: where the open segment began; window_ms: where the last window ended."""
    start_ms, end_ms = max(open_ms, window_ms), min(now_ms, window_ms + LONGEST_EXTENSION_MS)
    last = max(spans, key=lambda one: (one.end_ms, one.confidence), default=None)
    if last is None or end_ms <= start_ms or start_ms - last.end_ms >= LONGEST_PAUSE_MS:
        return []
    return [one if one is not last else replace(last, end_ms=end_ms) for one in spans]


def _with_separated(names: Indices, votes: Votes, voices: Voices) -> tuple[Indices, Votes]:
    found = [one for one in voices.separated if one[2] > voices.from_ms]
    if not found:
        return names, votes
    every = np.unique(np.array([*names.tolist(), *(who for who, *_ in found)], np.intp))
    spans = np.array([(start, end) for _, start, end, _ in found], np.int64)
    columns = np.searchsorted(every, [who for who, *_ in found])
    sure = np.array([sure for *_, sure in found])
    places = np.searchsorted(every, names)
    return every, added(votes, places, spans, columns, sure, len(every), voices.from_ms)
