"""Every option of the VAD, with its default, checked once."""

from dataclasses import dataclass

from speakerline.shared.environment import InvalidSettings


@dataclass(frozen=True, slots=True)
class VadSettings:
    """What counts as speech, and what is reported about the line. Raises InvalidSettings, naming value and limit."""

    enter: float = 0.5
    """Probability of speech, 0 to 1, at which speech begins. Silero's own default."""
    leave: float = 0.35
    """Probability under which speech pauses; below `enter`, so that a wavering probability does not chop words."""
    min_speech_ms: int = 150
    """Shorter bursts are not reported; also how late a segment opens after its first sound."""
    max_pause_ms: int = 400
    """A pause of this length closes the segment."""
    pre_roll_ms: int = 64
    """How far a start is moved back, for the weak sounds before a voice is certain; never over the segment before."""
    silence_dbfs: float = -65.0
    """RMS level of a chunk at and under which the line counts as silent; 0 is a full-scale square wave."""
    silence_ms: int = 10_000
    """Silence is reported once it has lasted this long, then in pieces of this length, and the rest when it ends."""
    clipping_ratio: float = 0.01
    """Share of full-scale samples within about a second from which clipping is reported."""
    max_fill_ms: int = 2_000
    """Missing audio up to this length is filled with silence; after a longer hole the detector starts afresh."""
    patience_ms: int = 800
    """A channel that brings nothing while another brings this much sound is not waited for, until it comes back."""
    max_skew_ms: int = 5_000
    """What a channel brings this much later than others, at most twice that, is heard; before that it is a Gap."""

    def __post_init__(self) -> None:
        _check("enter", self.enter, 0 < self.enter <= 1, "more than 0, at most 1")
        _check("leave", self.leave, 0 <= self.leave <= self.enter, f"0 to enter ({self.enter})")
        _check("min_speech_ms", self.min_speech_ms, 0 <= self.min_speech_ms <= 10_000, "0 to 10000")
        _check("max_pause_ms", self.max_pause_ms, 32 <= self.max_pause_ms <= 10_000, "32 to 10000")
        _check("pre_roll_ms", self.pre_roll_ms, 0 <= self.pre_roll_ms <= 10_000, "0 to 10000")
        _check("silence_dbfs", self.silence_dbfs, self.silence_dbfs <= 0, "0 or less")
        _check("silence_ms", self.silence_ms, self.silence_ms >= 1_000, "1000 or more")
        _check("clipping_ratio", self.clipping_ratio, 0 < self.clipping_ratio <= 1, "more than 0, at most 1")
        _check("max_fill_ms", self.max_fill_ms, 0 <= self.max_fill_ms <= 60_000, "0 to 60000")
        _check("patience_ms", self.patience_ms, self.patience_ms >= 100, "100 or more")
        _check("max_skew_ms", self.max_skew_ms, self.max_skew_ms >= 1_000, "1000 or more")


def _check(name: str, value: float, fits: bool, expected: str) -> None:
    if not fits:
        raise InvalidSettings(f"{name} {value}: expected {expected}")
