"""Windows analysed: their sound, the local voices in each, the voiceprints of these, and where they overlap.

due ──> sound ──> local voices ──in order──> which print stands ──> voiceprints made ──> VoiceWindow, Overlap
        side by side                                                side by side
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from speakerline.services.embedding.crosstalk import silent_channels
from speakerline.services.embedding.plan import Due
from speakerline.services.embedding.prints import WINDOW_MS, Print, Prints
from speakerline.shared.arrays import Bools, Float32s
from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.audio.resample import to_16khz
from speakerline.shared.contract import v1
from speakerline.shared.runtime.stage import AudioReader
from speakerline.shared.runtime.together import together
from speakerline.shared.voiceprints.local_voices import Voice, find_overlaps, find_voices
from speakerline.shared.voiceprints.segmentation import pad_window
from speakerline.shared.voiceprints.vectors import encode_vector

Scores = Callable[[Float32s], Awaitable[Float32s]]
"""The scores (293, 3) of one window of 80000 samples at 16 kHz."""

Voiceprint = Callable[[tuple[Float32s, Bools]], Awaitable[Float32s]]
"""The voiceprint of the masked frames of one window."""

MIN_CLEAN_FRAMES = 12
"""0.2 s: a voice that is alone for less has no voiceprint."""


@dataclass(slots=True, eq=False)
class _Heard:
    """A window before its voiceprints; no voices where it is the echo of another. sound: (80000,) at 16 kHz where
    there are voices."""

    due: Due
    start_ms: int
    sound: Float32s
    voices: list[Voice] = field(default_factory=list)

    @property
    def clean(self) -> list[Bools | None]:
        """Of each voice the frames of its voiceprint, if it has one."""
        return [voice.clean if voice.clean.sum() >= MIN_CLEAN_FRAMES else None for voice in self.voices]

    def told(self, prints: Sequence[Print | None]) -> tuple[v1.VoiceWindow, list[v1.Overlap]]:
        """The window with its voices, and the overlaps that the window before it did not have."""
        due = self.due
        local = [
            v1.LocalVoice(
                spans_ms=voice.spans_ms,
                clean_ms=round(float(voice.clean.sum()) * WINDOW_MS / len(voice.clean)),
                voiceprint="" if own is None else own.voiceprint,
            )
            for voice, own in zip(self.voices, prints, strict=True)
        ]
        window = v1.VoiceWindow(channel=due.channel, start_ms=self.start_ms, end_ms=due.end_ms, voices=local)
        return window, find_overlaps(self.voices, due.channel, due.end_ms, due.fresh_ms, due.end_ms)


class Analysis:
    """The windows of one call. prints: those of the last ones."""

    def __init__(
        self, call: v1.CallStarted, audio: AudioReader, scores: Scores, voiceprint: Voiceprint, prints: Prints
    ) -> None:
        self._call, self._audio, self._scores, self._voiceprint = call, audio, scores, voiceprint
        self.prints = prints

    async def windows(self, due: Sequence[Due]) -> list[tuple[v1.VoiceWindow, list[v1.Overlap]]]:
        """Of each the window with its voices, and the overlaps that the window before it did not have."""
        heard = await together(self._heard(one) for one in due)
        prints = [self.prints.of(one.due.channel, one.due.end_ms, one.clean) for one in heard]
        owed: dict[Print, tuple[Float32s, Bools]] = {}
        for one, found in zip(heard, prints, strict=True):
            for voice, own in zip(one.voices, found, strict=True):
                if own is not None and not own.voiceprint:
                    owed.setdefault(own, (one.sound, voice.clean))
        made = await together(self._voiceprint(piece) for piece in owed.values())
        for own, vector in zip(owed, made, strict=True):
            own.voiceprint = encode_vector(vector)
        return [one.told(found) for one, found in zip(heard, prints, strict=True)]

    async def _heard(self, due: Due) -> _Heard:
        """The local voices of a window."""
        start_ms = max(0, due.end_ms - WINDOW_MS)
        sound = await self._sound(due, due.channel, start_ms)
        if await self._is_echo(due, sound, start_ms):
            return _Heard(due, start_ms, sound)
        window = pad_window(to_16khz(sound, self._call.sample_rate))
        return _Heard(due, start_ms, window, find_voices(await self._scores(window), start_ms, due.end_ms))

    async def _sound(self, due: Due, channel: int, start_ms: int) -> Float32s:
        """The sound of any channel in the window, without what may have come of an absent one by now."""
        rate, known_ms = self._call.sample_rate, due.known_ms[channel]
        sound = await self._audio.read(channel, ms_to_samples(start_ms, rate), ms_to_samples(due.end_ms, rate))
        if known_ms is not None and known_ms < due.end_ms:
            sound = sound.copy()
            sound[ms_to_samples(max(0, known_ms - start_ms), rate) :] = 0
        return sound

    async def _is_echo(self, due: Due, sound: Float32s, start_ms: int) -> bool:
        """Whether what this channel carries is the sound of another one, and no voice of its own."""
        if self._call.channels == 1 or self._call.channel_mode == v1.ChannelMode.SEPARATE:
            return False
        sounds = [
            sound if other == due.channel else await self._sound(due, other, start_ms)
            for other in range(self._call.channels)
        ]
        return due.channel in silent_channels(sounds, self._call.sample_rate)
