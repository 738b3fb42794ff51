"""How many people to expect on each channel of a call; pure.

    one channel has voices      as on a line that all share: usually two people
    several have voices         usually one on each
    every channel is a party    one on each from the start, because the producer says so

Which channels have voices shows as the call goes on: a side that is dead, hisses or only copies another counts for
nothing, and a party that speaks up late changes what is believed of all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from speakerline.services.clustering.partition import Limits
from speakerline.services.clustering.settings import ClusterSettings

VOICED_S = 1.0
"""Lone speech from which a channel has a voice."""


@dataclass(frozen=True, slots=True)
class Parties:
    """What is known of a call in advance. expected, maximum: people on all channels together; None = not known."""

    channels: int
    separate: bool = False
    expected: int | None = None
    maximum: int | None = None

    def settings(self, settings: ClusterSettings, voiced: Iterable[int]) -> ClusterSettings:
        """For the channels of a call of which `voiced` have voices."""
        return settings.for_typical(1) if self._several(voiced) else settings

    def limits(self, channel: int, voiced: Iterable[int], apart: Callable[[int, int], float]) -> Limits:
        """For one channel. `apart(channel, people)`: how surely it has more than so many people.

        Every channel with a voice has somebody; who is known beyond that goes where they are told apart best."""
        others = {*voiced, *(range(self.channels) if self.separate else ())} - {channel}
        return Limits(
            self._share(self.expected, channel, others, apart) if self.expected else None,
            self._share(self.maximum, channel, others, apart) if self.maximum else None,
        )

    @property
    def counted(self) -> bool:
        """Whether a number of people has to be shared out."""
        return self.channels > 1 and bool(self.expected or self.maximum)

    def _share(self, people: int, channel: int, others: set[int], apart: Callable[[int, int], float]) -> int:
        shares = dict.fromkeys([channel, *others], 1)
        if len(shares) == 1:
            return people
        for _ in range(people - len(shares)):
            most = max(shares, key=lambda one: (apart(one, shares[one]), -one))
            shares[most] += 1
        return shares[channel]

    def _several(self, voiced: Iterable[int]) -> bool:
        return self.channels > 1 and (self.separate or len(set(voiced)) > 1)
