"""One window analysed: its sound, the local voices in it, their voiceprints, and where they overlap."""

from collections.abc import Awaitable, Callable

from speakerline.services.embedding.crosstalk import silent_channels
from speakerline.services.embedding.plan import Due
from speakerline.shared.arrays import Bools, Float32s
from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.audio.resample import to_16khz
from speakerline.shared.contract import v1
from speakerline.shared.runtime.stage import AudioReader
from speakerline.shared.runtime.together import together
from speakerline.shared.voiceprints.local_voices import find_overlaps, find_voices
from speakerline.shared.voiceprints.segmentation import WINDOW_SAMPLES, pad_window
from speakerline.shared.voiceprints.vectors import encode_vector

Scores = Callable[[Float32s], Awaitable[Float32s]]
"""The scores (293, 3) of one window of 80000 samples at 16 kHz."""

Voiceprint = Callable[[tuple[Float32s, Bools]], Awaitable[Float32s]]
"""The voiceprint of the masked frames of one window."""

WINDOW_MS = WINDOW_SAMPLES // 16
MIN_CLEAN_FRAMES = 12
"""0.2 s: a voice that is alone for less has no voiceprint."""


class Analysis:
    """The windows of one call; several may be analysed side by side."""

    def __init__(self, call: v1.CallStarted, audio: AudioReader, scores: Scores, voiceprint: Voiceprint) -> None:
        self._call, self._audio, self._scores, self._voiceprint = call, audio, scores, voiceprint

    async def window(self, due: Due) -> tuple[v1.VoiceWindow, list[v1.Overlap]]:
        """The window with its voices, and the overlaps that the window before it did not have."""
        start_ms = max(0, due.end_ms - WINDOW_MS)
        sound = await self._sound(due, due.channel, start_ms)
        if await self._is_echo(due, sound, start_ms):
            return v1.VoiceWindow(channel=due.channel, start_ms=start_ms, end_ms=due.end_ms), []
        window = pad_window(to_16khz(sound, self._call.sample_rate))
        voices = find_voices(await self._scores(window), start_ms, due.end_ms)
        clean = [voice.clean if voice.clean.sum() >= MIN_CLEAN_FRAMES else None for voice in voices]
        prints = iter(await together(self._voiceprint((window, mask)) for mask in clean if mask is not None))
        local = [
            v1.LocalVoice(
                spans_ms=voice.spans_ms,
                clean_ms=round(float(voice.clean.sum()) * WINDOW_MS / len(voice.clean)),
                voiceprint="" if mask is None else encode_vector(next(prints)),
            )
            for voice, mask in zip(voices, clean, strict=True)
        ]
        overlaps = find_overlaps(voices, due.channel, due.end_ms, due.fresh_ms, due.end_ms)
        return v1.VoiceWindow(channel=due.channel, start_ms=start_ms, end_ms=due.end_ms, voices=local), overlaps

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
