"""Where a piece of sound lies in its stream: by the producer's clock, or by arrival. Pure.

ProducerClock   every piece says where it begins. In order they come out; one that is missing leaves a hole.

    push ──> [ early pieces ] ── in order, or after WINDOW_MS ──> placed

ArrivalClock    pieces say nothing. They follow each other, unless time has gone on without them:

    regular ── a piece comes more than HOLE_MS late ──> holding ── still late after WINDOW_MS ──> hole, regular
       ^                                                   └── others catch up: it was a delay ──> regular
       └ the origin follows the least lateness of every DRIFT_S, because no two clocks agree
"""

import msgspec

WINDOW_MS = 200
"""How long a piece that is early waits for those before it, and a hole for a burst that fills it."""

SNAP_MS = 10
"""A piece that claims to begin less than this from where the one before ends follows it: half of the usual 20 ms."""

HOLE_MS = 60
"""How far arrival may fall behind time before there is a hole."""

DRIFT_S = 10.0


class Placed(msgspec.Struct, frozen=True, gc=False):
    """Samples that begin at position `start`."""

    start: int
    pcm: bytes


class ProducerClock:
    """One channel. `lost` and `late`: samples that were not there in time, and pieces that came after it."""

    def __init__(self, rate: int, width: int) -> None:
        self._width = width
        self._window = rate * WINDOW_MS // 1000
        self._snap = rate * SNAP_MS // 1000
        self._early: dict[int, bytes] = {}
        self._newest = 0
        self.position = 0
        self.lost = self.late = 0

    def push(self, pcm: bytes, at: int) -> list[Placed]:
        """Take a piece that claims to begin at `at`; of two with one claim the longer counts."""
        if not self._early and abs(at - self.position) < self._snap:
            return self._placed(at, pcm)
        if len(pcm) > len(self._early.get(at, b"")):
            self._early[at] = pcm
        self._newest = max(self._newest, at + len(pcm) // self._width)
        return self._release(self._window)

    def flush(self) -> list[Placed]:
        """What waits, as it is."""
        return self._release(0)

    def _release(self, window: int) -> list[Placed]:
        placed: list[Placed] = []
        while self._early:
            at = min(self._early)
            if window and at - self.position >= self._snap and self._newest - at <= window:
                break
            placed += self._placed(at, self._early.pop(at))
        return placed

    def _placed(self, at: int, pcm: bytes) -> list[Placed]:
        start = self.position if abs(at - self.position) < self._snap else at
        if start < self.position:
            pcm = pcm[(self.position - start) * self._width :]
            start = self.position
        if not pcm:
            self.late += 1
            return []
        self.lost += start - self.position
        self.position = start + len(pcm) // self._width
        return [Placed(start, pcm)]


class ArrivalClock:
    """One channel. Times are seconds of any clock that only goes forward.

    origin: when position 0 was, for a channel that joins a call; None = its first piece begins there."""

    def __init__(self, rate: int, width: int, origin: float | None = None) -> None:
        self._rate = rate
        self._width = width
        self._hole = rate * HOLE_MS // 1000
        self.origin = origin
        self._held: list[bytes] = []
        self._held_samples = 0
        self._held_since = 0.0
        self._least = self._hole
        """The least lateness since the hole or the last look at the drift, in samples."""
        self._drift_from = origin or 0.0
        self.position = 0
        self.lost = self.late = 0

    def push(self, pcm: bytes, now: float) -> list[Placed]:
        """Take the next piece, whose last sample was spoken just before it came."""
        samples = len(pcm) // self._width
        if self.origin is None:
            self.origin = self._drift_from = now - samples / self._rate
        lateness = round((now - self.origin) * self._rate) - self.position - self._held_samples - samples
        if not self._held and lateness <= self._hole:
            self._follow(lateness, now)
            return [self._place(self.position, pcm)]
        return self._hold(pcm, lateness, now)

    def fill(self, pcm: bytes, now: float) -> list[Placed]:
        """Sound of our own that ends now, where the producer sends none; nothing where its sound is ahead of time."""
        placed, start = self.flush(), self.position
        if self.origin is not None:
            start = round((now - self.origin) * self._rate) - len(pcm) // self._width
        if start <= self.position:
            return placed
        self.lost += start - self.position
        return [*placed, self._place(start, pcm)]

    def flush(self) -> list[Placed]:
        """What waits, behind its hole."""
        return self._release(self._least) if self._held else []

    def _hold(self, pcm: bytes, lateness: int, now: float) -> list[Placed]:
        if not self._held:
            self._held_since, self._least = now, lateness
        self._held.append(pcm)
        self._held_samples += len(pcm) // self._width
        self._least = min(self._least, lateness)
        if lateness <= self._hole:
            return self._release(0)
        return self._release(self._least) if now - self._held_since >= WINDOW_MS / 1000 else []

    def _release(self, hole: int) -> list[Placed]:
        self.lost += hole
        self.position += hole
        held, self._held, self._held_samples, self._least = self._held, [], 0, self._hole
        return [self._place(self.position, pcm) for pcm in held]

    def _place(self, start: int, pcm: bytes) -> Placed:
        self.position = start + len(pcm) // self._width
        return Placed(start, pcm)

    def _follow(self, lateness: int, now: float) -> None:
        self._least = min(self._least, lateness)
        if now - self._drift_from >= DRIFT_S:
            assert self.origin is not None
            self.origin += self._least / self._rate
            self._drift_from, self._least = now, self._hole
