"""Of which channels the sound is known to a point only, because they are absent; pure.

absent from K on    sound behind K is silence, though more of it may have come by now
back                what came late is wanted from K on, until the overlaps in it are told
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.contract.v1 import Absence


@dataclass(slots=True)
class KnownSound:
    """By channel. ends_ms: where the sound of an absent one ends. back: from where on what one brings late is wanted,
    and the position at which it is told."""

    ends_ms: dict[int, int] = field(default_factory=dict)
    back: dict[int, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def load(cls, stored: Mapping[str, Mapping[str, object]]) -> "KnownSound":
        """What `dump` gave, through JSON."""
        return cls(*({int(channel): value for channel, value in one.items()} for one in stored.values()))  # type: ignore[arg-type]

    def dump(self) -> dict[str, object]:
        return asdict(self)

    def take(self, absence: Absence, at_ms: int) -> None:
        """A channel is absent from now on, or back."""
        ends_ms = self.ends_ms.pop(absence.channel, absence.start_ms)
        if absence.over:
            self.back[absence.channel] = ends_ms, at_ms
        else:
            self.ends_ms[absence.channel] = absence.start_ms

    def pass_by(self, through_ms: int) -> None:
        """Nothing at or before this position follows."""
        self.back = {channel: one for channel, one in self.back.items() if one[1] > through_ms}

    def needed_ms(self, through_ms: int) -> int:
        """The sound of overlaps that are still to be told lies behind this, or behind `through_ms` if that is less."""
        return min([through_ms, *self.ends_ms.values(), *(from_ms for from_ms, _ in self.back.values())])


def as_known(sound: Float32s, begin: int, end_ms: int | None, sample_rate: int) -> Float32s:
    """A channel's sound from sample `begin` on, silent where it was not known; end_ms: None = all of it was."""
    if end_ms is None or ms_to_samples(end_ms, sample_rate) >= begin + len(sound):
        return sound
    known = sound.copy()
    known[max(0, ms_to_samples(end_ms, sample_rate) - begin) :] = 0
    return known
