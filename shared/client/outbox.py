"""The send buffer of one channel: puts frames in order, keeps sent ones for a while, and is bounded. No I/O.

push ──> [ early frames ] ──in order──> [ ready ] ──batch──> Redis ──accepted──> [ sent, for a while ]
           wait for a hole                 │ short ones become one of gather_ms           │
           up to reorder_ms                v full: the oldest are shed, and it shows      │
close ──────────────────────────────────> the closing entry, last                         │
                                        [ again ] ──batch, before what is ready   rewind <┘ after an outage
"""

import math
from collections import deque
from itertools import chain

import msgspec

from speakerline.shared.keys import LAST_POSITION

MAX_FRAME_S = 1.0
"""Longer frames are split, so that a read needs little memory."""

MAX_BATCH_S = 5.0
"""The most audio in one batch, and so the most by which the limit of audio in Redis is exceeded."""

MAX_BATCH_IN_STEP_S = 0.5
"""The same of one of several channels, so that none gets ahead: nobody waits for a channel that brings nothing."""


class OutFrame(msgspec.Struct, gc=False):
    """Samples that end at `end_sample`; `audio_at` is the wall-clock time in seconds at which they were pushed.

    The frame at LAST_POSITION is the closing entry, after which Redis accepts no frame."""

    end_sample: int
    pcm: bytes
    audio_at: float
    shed: bool = False
    digit: str = ""
    """Instead of samples: a key was pressed at `end_sample`."""
    number: int = 0
    """Of what lies at one position, in order: 0 for a frame, 1 and so on for key presses."""

    @property
    def closes(self) -> bool:
        return self.end_sample == LAST_POSITION


class Outbox:
    """At most `buffer_s` of audio wait, then the oldest is dropped. What Redis accepted is kept for `replay_s`, however
    much that is: a backlog that went out at once is lost at once, where Redis loses its last second.

    `in_step`: whether it is one of several channels. `gather_ms`: frames that wait one behind the other become one of
    this length at most, unless Redis may have one of them."""

    def __init__(
        self,
        sample_rate: int,
        sample_bytes: int,
        reorder_ms: int = 200,
        buffer_s: float = 30.0,
        replay_s: float = 5.0,
        in_step: bool = False,
        gather_ms: int = 0,
    ) -> None:
        self._sample_bytes = sample_bytes
        self._longest = int(MAX_FRAME_S * sample_rate)
        self._batch = int((MAX_BATCH_IN_STEP_S if in_step else MAX_BATCH_S) * sample_rate)
        self._reorder = reorder_ms * sample_rate // 1000
        self._buffer = int(buffer_s * sample_rate)
        self._gather = gather_ms * sample_rate // 1000
        self._replay_s = replay_s
        self._early: dict[tuple[int, int], OutFrame] = {}
        self._presses_at = (0, 0)
        """Of key presses in order: the latest position, and how many lie there."""
        self._ready: deque[OutFrame] = deque()
        self._again: deque[OutFrame] = deque()
        self._sent: deque[tuple[float, OutFrame]] = deque()
        """Each with the monotonic second at which Redis accepted it."""
        self._tried = 0
        """How many of the ready frames were in a batch: Redis may have those."""
        self._in_flight = False
        self._hole = False
        """Whether sound was dropped, and no later sound says so yet."""
        self._ordered_to = 0
        self.shed_samples = 0

    @property
    def position(self) -> int:
        """The position after the last sample that was put in order."""
        return self._ordered_to

    @property
    def waiting(self) -> bool:
        """Whether there are frames to send."""
        return bool(self._again or self._ready)

    def replays(self, now: float) -> bool:
        """Whether Redis accepted the last frames so lately that an outage could still lose them."""
        self._forget_sent(now)
        return bool(self._sent)

    def push(self, end_sample: int, pcm: bytes, audio_at: float) -> None:
        """Add a frame. Frames may come out of order within `reorder_ms`, or twice."""
        if end_sample <= self._ordered_to or not pcm:
            return
        if not self._early and end_sample - len(pcm) // self._sample_bytes == self._ordered_to:
            self._put(OutFrame(end_sample, pcm, audio_at))
        else:
            self._early[end_sample, 0] = OutFrame(end_sample, pcm, audio_at)
            self._release(held=self._reorder)

    def press(self, at_sample: int, digit: str, audio_at: float) -> None:
        """Add a key press. It waits for sound before it as a frame does; one that comes late is where sound ends."""
        at = max(at_sample, self._ordered_to)
        number = 1 + max((number for end, number in self._early if end == at), default=0)
        self._early[at, number] = OutFrame(at, b"", audio_at, digit=digit, number=number)
        self._release(held=self._reorder)

    def close(self, now: float) -> None:
        """No more frames: those that wait for an earlier one are sent as they are, then the closing entry."""
        self._release(held=0)
        self._ready.append(OutFrame(LAST_POSITION, b"", now))

    def batch(self, at_most: int) -> list[OutFrame]:
        """The next frames to send; they stay ready until `accepted` or `rewind`."""
        frames: list[OutFrame] = []
        for frame in chain(self._again, self._ready):
            too_long = bool(frames) and frame.end_sample - frames[0].end_sample > self._batch
            if len(frames) >= at_most or (too_long and not frame.closes):
                break
            frames.append(frame)
        self._tried = max(self._tried, len(frames) - len(self._again))
        self._in_flight = True
        return frames

    def accepted(self, count: int, now: float) -> float:
        """The first `count` frames of the batch are in Redis; `now` is the monotonic second. Gives when the first sound
        among them was pushed that it never had before; infinity where there is none."""
        oldest = math.inf
        for _ in range(count):
            if self._again:
                frame = self._again.popleft()
            else:
                frame = self._ready.popleft()
                self._tried = max(0, self._tried - 1)
                if frame.pcm and frame.audio_at < oldest:
                    oldest = frame.audio_at
            self._sent.append((now, frame))
        self._forget_sent(now)
        self._in_flight = False
        self._shed()
        return oldest

    def rewind(self) -> None:
        """After an outage, queue the latest accepted frames again, because they may be lost; Redis refuses repeats."""
        self._again.extendleft(frame for _, frame in reversed(self._sent))
        self._sent.clear()
        self._in_flight = False
        self._shed()

    def _forget_sent(self, now: float) -> None:
        while self._sent and now - self._sent[0][0] >= self._replay_s:
            self._sent.popleft()

    def _release(self, held: int) -> None:
        while self._early:
            place = min(self._early)
            frame = self._early[place]
            end = frame.end_sample
            if self._start(frame) > self._ordered_to and max(self._early)[0] - self._ordered_to <= held:
                return
            del self._early[place]
            if frame.digit:
                self._put_press(frame)
            elif end > self._ordered_to:
                self._put(frame)

    def _put(self, frame: OutFrame) -> None:
        """The next frame: ready, or the rest of one that is."""
        if not self._gathered(frame):
            self._ready += self._cut(frame)
        self._ordered_to = frame.end_sample
        self._shed()

    def _gathered(self, frame: OutFrame) -> bool:
        """Whether the last one that is ready has taken it up."""
        if len(self._ready) <= self._tried:
            return False
        last = self._ready[-1]
        if last.digit or frame.end_sample - self._start(last) > self._gather or self._start(frame) != last.end_sample:
            return False
        last.end_sample, last.pcm = frame.end_sample, last.pcm + frame.pcm
        return True

    def _start(self, frame: OutFrame) -> int:
        return frame.end_sample - len(frame.pcm) // self._sample_bytes

    def _put_press(self, press: OutFrame) -> None:
        """With a number of its own among those that lie where it does, or where the sound has come to."""
        self._ordered_to = at = max(press.end_sample, self._ordered_to)
        number = self._presses_at[1] + 1 if self._presses_at[0] == at else 1
        if number == 1 and at == 0:
            number = 2  # the entry that opens the log is 0-1
        self._presses_at = (at, number)
        self._ready.append(msgspec.structs.replace(press, end_sample=at, number=number))

    def _shed(self) -> None:
        """Drop the oldest frames beyond `buffer_s` that Redis never had, but not while a batch is on its way. The sound
        that comes next says so."""
        if self._in_flight or not self._ready:
            return
        while self._ready and self._ordered_to - self._ready[0].end_sample > self._buffer:
            dropped = self._ready.popleft()
            self._tried = max(0, self._tried - 1)
            self.shed_samples += len(dropped.pcm) // self._sample_bytes
            self._hole = self._hole or bool(dropped.pcm)
        if self._hole and (following := next((frame for frame in self._ready if not frame.digit), None)):
            following.shed = True
            self._hole = False

    def _cut(self, frame: OutFrame) -> list[OutFrame]:
        """It, or where it is too long its pieces, but for those that lie before what was put in order."""
        step = self._longest * self._sample_bytes
        if len(frame.pcm) <= step:
            return [frame]
        cut, start = list[OutFrame](), self._start(frame)
        for offset in range(0, len(frame.pcm), step):
            piece = frame.pcm[offset : offset + step]
            end = min(frame.end_sample, start + (offset + len(piece)) // self._sample_bytes)
            cut.append(OutFrame(end, piece, frame.audio_at))
        return [piece for piece in cut if piece.end_sample > self._ordered_to]
