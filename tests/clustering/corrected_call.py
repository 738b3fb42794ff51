"""A call between made-up people of which an operator says something, and what a viewer sees of it."""

from collections.abc import Sequence
from typing import Any

from speakerline.services.clustering import stored
from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.correcting import correct
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.shared.contract.v1 import (
    Correction,
    MergeSpeakers,
    ReassignTurn,
    Turn,
)
from tests.clustering.made_calls import calibration, conversation, dialogue, person

MERGE = Correction("merge", merge_speakers=MergeSpeakers("S2", "S1"))


SHORT = ClusterSettings(horizon_ms=60_000)


class Call:
    """A call between made-up people that is heard bit by bit; `turns`: the latest of each id, as a viewer has it."""

    def __init__(
        self, people: Sequence[float] = (1, 2), end_ms: int = 60_000, noise: float = 0.01, **known: Any
    ) -> None:
        settings, most = known.pop("settings", None), known.pop("max_speakers", None)
        voices = {name: person(number) for name, number in known.items()}
        self.clusterer = CallClusterer(calibration(), settings, max_speakers=most, known_voices=voices)
        self.windows = conversation(dialogue(end_ms, tuple(people)), end_ms, noise=noise)
        self.heard = 0
        self.changes: list[Any] = []

    def hear(self, until_ms: int) -> list[Any]:
        told: list[Any] = []
        while self.heard < len(self.windows) and self.windows[self.heard].end_ms <= until_ms:
            told += self.clusterer.push(self.windows[self.heard])
            self.heard += 1
        self.changes += told
        return told

    def say(self, said: Correction) -> list[Any]:
        now_ms = self.windows[self.heard - 1].end_ms
        told = correct(self.clusterer, said, now_ms)
        self.changes += told
        return told

    def finish(self) -> list[Any]:
        told = self.clusterer.finish()
        self.changes += told
        return told

    def restore(self) -> None:
        parts = stored.dump(self.clusterer)
        anew = CallClusterer(calibration(), self.clusterer.settings)
        anew.known = self.clusterer.known
        stored.load(anew, parts)
        assert stored.dump(anew) == parts
        self.clusterer = anew

    @property
    def turns(self) -> list[Turn]:
        latest: dict[str, Turn] = {}
        for change in self.changes:
            if isinstance(change, Turn):
                latest[change.turn_id] = change
            elif type(change).__name__ == "TurnWithdrawn":
                latest.pop(change.turn_id, None)
        return sorted(latest.values(), key=lambda one: one.start_ms)

    @property
    def speakers(self) -> list[str]:
        return [one.speaker_id for one in self.turns]

    def turn_at(self, ms: int) -> Turn:
        return next(one for one in self.turns if one.start_ms <= ms < one.end_ms)

    def reassign(self, ms: int, speaker_id: str, name: str = "turn") -> list[Any]:
        turn = self.turn_at(ms)
        act = ReassignTurn(
            turn.turn_id, speaker_id, turn.speaker_id, turn.revision, turn.channel, turn.start_ms, turn.end_ms
        )
        return self.say(Correction(name, reassign_turn=act))


def refusal(told: Sequence[Any]) -> str:
    (said,) = told
    assert isinstance(said, Correction)
    return said.refused
