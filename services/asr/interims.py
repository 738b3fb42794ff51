"""What is shown of utterances that are still open: per transcript the words on which hypotheses agree."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from speakerline.services.asr.stability import Guess, Stability
from speakerline.services.asr.utterances import Utterance

SHORTEST_MS, LONGEST_MS = 500, 25_000
"""Utterances shorter or longer than this are not shown before they are final."""


@dataclass(slots=True)
class Shown:
    """One open utterance; `revision` is that of its latest decoded state."""

    channel: int
    start_ms: int
    end_ms: int
    revision: int
    stability: Stability = field(default_factory=Stability)

    @property
    def words(self) -> Sequence[Guess]:
        return self.stability.shown


class Interims:
    """Of one call, by transcript id. `stored` is what `dump` gave."""

    def __init__(self, stored: Mapping[str, Mapping[str, Any]]) -> None:
        self._shown = {key: _load(one) for key, one in stored.items()}
        self._behind: list[tuple[int, Guess]] = []

    def dump(self) -> dict[str, Any]:
        return {key: asdict(one) for key, one in self._shown.items()}

    def grown(self, open_now: Iterable[Utterance]) -> list[Utterance]:
        """Those with more audio than at the last time."""
        return [
            one
            for one in open_now
            if SHORTEST_MS <= one.end_ms - one.start_ms <= LONGEST_MS
            and (one.transcript_id not in self._shown or self._shown[one.transcript_id].revision < one.revision)
        ]

    def update(self, utterance: Utterance, words: Sequence[Guess]) -> Sequence[Guess]:
        """Take the next hypothesis in; gives all words to show where they became more, else none."""
        shown = self._shown.setdefault(utterance.transcript_id, Shown(utterance.channel, 0, 0, 0))
        shown.start_ms, shown.end_ms, shown.revision = utterance.start_ms, utterance.end_ms, utterance.revision
        return shown.words if shown.stability.add(words) else ()

    def is_shown(self, transcript_id: str) -> bool:
        """Whether words were shown under that name."""
        return transcript_id in self._shown and bool(self._shown[transcript_id].words)

    def close(self, utterance: Utterance) -> list[Guess]:
        """The utterance is final; gives the words that were shown in its time, maybe under the name of what was before.

        Those that lie behind its end, because a long turn was cut there, wait for what comes next, or `go_on`."""
        shown = self._shown.pop(utterance.transcript_id, None)
        words = [(utterance.channel, word) for word in (shown.words if shown else ())]
        mine = [one for one in self._behind if _is_of(one, utterance)]
        self._behind = [one for one in self._behind if one not in mine]
        end_ms = utterance.zone[1]
        self._behind += [one for one in words if one[1].middle_ms >= end_ms]
        return [word for _, word in (*mine, *words) if word.middle_ms < end_ms]

    def go_on(self, open_now: Iterable[Utterance]) -> list[tuple[Utterance, Sequence[Guess]]]:
        """Words behind a cut are shown of the utterance that goes on there, so that none vanishes."""
        found: list[tuple[Utterance, Sequence[Guess]]] = []
        for one in open_now if self._behind else ():
            words = [
                word
                for channel, word in self._behind
                if channel == one.channel and one.start_ms <= word.middle_ms < one.end_ms
            ]
            if words and one.transcript_id not in self._shown:
                shown = Shown(one.channel, one.start_ms, one.end_ms, one.revision, Stability(list(words)))
                self._shown[one.transcript_id] = shown
                found.append((one, words))
        self._behind.clear()
        return found

    def withdraw(self, still_open: Iterable[Utterance]) -> list[tuple[str, Shown]]:
        """Those whose words were shown and that will never become final."""
        still = {one.transcript_id for one in still_open}
        gone = [(key, shown) for key, shown in self._shown.items() if key not in still]
        for key, _ in gone:
            del self._shown[key]
        return [(key, shown) for key, shown in gone if shown.words]


def _is_of(shown: tuple[int, Guess], utterance: Utterance) -> bool:
    """Interim words come from the mixture, so none is of an utterance of a source."""
    channel, word = shown
    start_ms, end_ms = utterance.zone
    return not utterance.source_id and channel == utterance.channel and start_ms <= word.middle_ms < end_ms


def _load(stored: Mapping[str, Any]) -> Shown:
    stability = Stability(*([Guess(**word) for word in stored["stability"][name]] for name in ("shown", "last")))
    return Shown(stored["channel"], stored["start_ms"], stored["end_ms"], stored["revision"], stability)
