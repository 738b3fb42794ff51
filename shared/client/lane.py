"""What Redis is told of one channel that is being sent: keys and arguments of the script `append`."""

from collections.abc import Sequence

from speakerline.shared.client.outbox import OutFrame
from speakerline.shared.runtime.packed import Packed, ascii_word, packed

_SOUND = ascii_word("4") + ascii_word("pcm")
_SOUND_AFTER_A_DROP = ascii_word("6") + ascii_word("pcm")
_AUDIO_AT = ascii_word("audio_at")
_SHED = ascii_word("shed") + ascii_word("1")


class Lane:
    """keys: those of the channel. field: where readers say how far they have come. limit: how many samples they may be
    behind. producer_id: who sends."""

    def __init__(self, keys: Sequence[str], field: str, limit: int, producer_id: str) -> None:
        self.keys = packed(*keys)
        self._head = ascii_word(field) + ascii_word(str(limit))
        self._producer_id = producer_id

    def arguments(self, frames: Sequence[OutFrame]) -> Packed:
        """Those of a batch."""
        count = 0
        parts: list[bytes] = []
        for frame in frames:
            place = f"{frame.end_sample}-{frame.number}"
            if frame.pcm:
                count += 8 if frame.shed else 6
                kind, shed = (_SOUND_AFTER_A_DROP, _SHED) if frame.shed else (_SOUND, "")
                audio_at = ascii_word(f"{frame.audio_at:.3f}")
                parts.append(f"{ascii_word(place)}{kind}${len(frame.pcm)}\r\n".encode())
                parts.append(frame.pcm)
                parts.append(f"\r\n{_AUDIO_AT}{audio_at}{shed}".encode())
            else:
                said = ("end", "hangup", "by", self._producer_id) if frame.closes else ("dtmf", frame.digit)
                words = packed(place, len(said), *said)
                count += words.count
                parts.append(words.data)
        head = f"{self._head}{ascii_word(str(count))}".encode()
        return Packed(3 + count, b"".join([head, *parts]))
