"""Whether sound comes as fast as it is spoken: a live call that comes steadily faster or slower has another rate; pure.

    frames ──> [ a window of 2 s by the producer's clock ] ──> sound / time = pace ──6 alike, near another rate──> told
                 a pause, or a clock that jumps: afresh

An outage, a catch-up or lost sound changes the pace of some windows, and none of them by the same factor for twelve
seconds. Where silence is left out (DTX), pauses are longer than any between frames.
"""

from dataclasses import dataclass, field

RATES = (8000, 16000, 24000, 44100, 48000)
"""In Hz, what producers have at hand."""
WINDOW_S = 2.0
AGREE = 6
"""So many windows in a row must have the pace of the same other rate."""
TOLERANCE = 0.03
"""By which share a window may differ from it; 44.1 and 48 kHz lie 0.08 apart."""
LONGEST_PAUSE_S = 0.5
"""Between two frames; beyond, something was left out. So frames of more than that are not judged."""
JUDGED_S = 90
"""Of sound as announced, after which nothing is judged: a wrong rate is wrong from the start."""


@dataclass(slots=True)
class RateWatch:
    """One channel. Times are seconds by the clock of the producer. `windows`: samples and seconds of each."""

    sample_rate: int
    done: bool = False
    since: float = 0.0
    last: float = 0.0
    samples: int = 0
    heard: int = 0
    windows: list[tuple[int, float]] = field(default_factory=list)

    def push(self, samples: int, audio_at: float) -> int:
        """So many new samples came then; always 0 where it is not known when, and nothing is told. Gives the rate in Hz
        that they seem to have where it is another one, at most once, else 0."""
        self.done = self.done or self.heard >= JUDGED_S * self.sample_rate
        if self.done:
            return 0
        self.heard += samples
        pause_s, self.last = audio_at - self.last, audio_at
        if not 0 <= pause_s <= LONGEST_PAUSE_S:
            self.since, self.samples, self.windows = audio_at, 0, []
            return 0
        self.samples += samples
        if audio_at - self.since < WINDOW_S:
            return 0
        self.windows = [*self.windows, (self.samples, audio_at - self.since)][-AGREE:]
        self.since, self.samples = audio_at, 0
        likely = self._likely()
        self.done = bool(likely)
        return likely

    @property
    def state(self) -> tuple[object, ...]:
        """What the constructor takes, as JSON has it."""
        return self.sample_rate, self.done, self.since, self.last, self.samples, self.heard, self.windows

    @property
    def judged_ms(self) -> int:
        """How much sound the windows hold, as announced."""
        return sum(samples for samples, _ in self.windows) * 1000 // self.sample_rate

    def detail(self, likely: int) -> str:
        """For people."""
        pace = sum(samples for samples, _ in self.windows) / sum(took_s for _, took_s in self.windows)
        times = f"{pace / self.sample_rate:.2f} times as fast as it is spoken"
        return f"announced as {self.sample_rate} Hz, but comes {times}, like sound of {likely} Hz"

    def _likely(self) -> int:
        if len(self.windows) < AGREE:
            return 0
        paces = [samples / took_s for samples, took_s in self.windows]
        for rate in RATES:
            if rate != self.sample_rate and all(abs(pace / rate - 1) <= TOLERANCE for pace in paces):
                return rate
        return 0
