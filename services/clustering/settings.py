"""The settings of clustering that do not depend on the embedder."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Times in ms, masses in seconds of lone speech, logits in natural log odds."""

    typical_speakers: int | None = 2
    """How many voices a channel usually carries, where its call has one channel; of several, each carries one. Fewer
    need `typical_logit` more evidence (less in a long call), more need `crowd_logit` more. None: no such belief."""
    typical_logit: float = 1.5
    """How much more evidence fewer voices need than are usual."""
    crowd_logit: float = 0.0
    """How much more evidence more voices need than are usual."""
    max_speakers: int = 0
    """The most people on a call that says nothing about their number; 0 = no limit. Two suits a queue of telephone
    calls between two parties."""
    first_mass_s: float = 0.6
    """Lone speech before the first speaker is shown."""
    min_mass_s: float = 1.0
    """Lone speech before any other speaker is shown."""
    final_mass_s: float = 1.5
    """Lone speech that a speaker must have in the final pass, less in a short call."""
    stability_logit: float = 0.5
    """How much stronger than even the evidence must be to join or part speakers that were already shown; in the final
    pass, to part them."""
    provisional_ms: int = 5_000
    """How long a turn stays provisional after its end."""
    dormant_ms: int = 30_000
    """A speaker whose speech has all gone to another one is merged into it after this long."""
    horizon_ms: int = 600_000
    """How much history is kept in full; older turns are final. 60000 or more."""
    unknown_cosine: float = -0.3
    """Speech less alike than this to every speaker stays unknown."""
    tracklets_per_s: int = 60
    """Everything is divided anew every second up to so many tracklets (60 is about 1.5 minutes), every second second up
    to twice as many, ..., so the cost per second stays bounded."""
    source_sure: float = 0.6
    """The least certainty of who it is with which separated voices become turns, 0 to 1."""
    source_improvement_db: float = 0.0
    """The least improvement with which separated voices become turns."""
    gap_ms: int = 250
    """Shorter pauses of one speaker are filled."""
    blip_ms: int = 120
    """Shorter speech is dropped."""

    def __post_init__(self) -> None:
        if self.max_speakers < 0:
            raise ValueError(f"max_speakers must be at least 0, got {self.max_speakers}")
        if self.horizon_ms < 60_000:
            raise ValueError(f"horizon_ms must be at least 60000, got {self.horizon_ms}")

    def for_typical(self, speakers: int | None) -> "ClusterSettings":
        """The same settings for a channel that usually carries so many voices; where that is one, a second needs more
        evidence than the lack of a second does elsewhere."""
        crowd_logit = self.crowd_logit if speakers != 1 else max(self.crowd_logit, self.typical_logit + 1.5)
        return replace(self, typical_speakers=speakers, crowd_logit=crowd_logit)
