"""Whether a channel's sound can be what was announced: its bytes and its pace are both watched; pure.

frame ──> format watch, rate watch ──> a format doubt, at most one of each
"""

from speakerline.services.vad.format_watch import FormatWatch
from speakerline.services.vad.rate_watch import RateWatch
from speakerline.shared.audio.pcm import samples_to_ms
from speakerline.shared.contract import v1
from speakerline.shared.runtime.stage import Frame


class Doubts:
    """One channel. The state is all in the two watches."""

    def __init__(self, number: int, call: v1.CallStarted) -> None:
        self.format = FormatWatch(call.encoding, call.sample_rate)
        self.rate = RateWatch(call.sample_rate, done=call.service_class == v1.ServiceClass.BULK)
        self._number = number

    def push(self, frame: Frame, start: int, end: int) -> list[v1.FormatDoubt]:
        """What a frame's bytes or their pace look like, if they can hardly be the sound that was announced. Its new
        sound lies from sample `start` to sample `end`."""
        found = (self._of_format(frame, end), self._of_rate(frame, start, end))
        return [doubt for doubt in found if doubt]

    def _of_format(self, frame: Frame, end: int) -> v1.FormatDoubt | None:
        end_ms = samples_to_ms(end, self.rate.sample_rate)
        found = self.format.push(frame.pcm, frame.end_sample, end_ms)
        if not found:
            return None
        start_ms = self.format.start_ms
        return v1.FormatDoubt(self._number, start_ms, max(end_ms, start_ms), found, self.format.detail(found))

    def _of_rate(self, frame: Frame, start: int, end: int) -> v1.FormatDoubt | None:
        likely = self.rate.push(end - start, frame.audio_at)
        if not likely:
            return None
        end_ms = samples_to_ms(end, self.rate.sample_rate)
        start_ms, detail = max(0, end_ms - self.rate.judged_ms), self.rate.detail(likely)
        return v1.FormatDoubt(self._number, start_ms, end_ms, v1.SoundFormat.OTHER_RATE, detail)
