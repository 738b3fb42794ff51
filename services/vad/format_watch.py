"""Whether the bytes of a channel can be what was announced: mistakes of new producers, found in seconds; pure.

    bytes ──> [ a window of 8000 ] ──> text? a file's header? smoother in another encoding? ──the same again──> told
                 quiet windows don't count     no samples at all?
    frames ─> framing ─────────────────────────────────────────────────────────────────────────────────────> told

Sound of any kind is smooth: a sample resembles the one before. Read in the wrong encoding it is loud and rough. So a
doubt needs both: the announced encoding gives rough sound, and another one gives much smoother sound. White noise is
rough in all of them.
"""

import base64
import json
import re
from dataclasses import asdict, dataclass, field, fields

import numpy as np

from speakerline.services.vad.framing import Framing
from speakerline.services.vad.no_samples import correlation, doubled, has_mpeg_frames, interleaved, is_random
from speakerline.shared.arrays import Float64s
from speakerline.shared.audio.pcm import bytes_per_sample, decode
from speakerline.shared.contract.v1 import Encoding, SoundFormat

WINDOW = 8000
"""Bytes that are judged at once: 1 s of G.711 at 8 kHz, half a second of 16-bit samples."""
JUDGED, SEEN = 10, 40
"""So many windows that are smooth as announced end the watch, or so many with any sound: noise is rough in all
encodings, and says nothing."""
AGREE, AGREE_COMPRESSED = 3, 2
"""So many of them must look like the same other thing; frames of Opus fill a window in four seconds."""
SMOOTH, SMOOTHEST = 0.6, 0.9
"""Correlation of neighbouring samples from which sound is smooth, and beyond which it is beyond doubt."""
ROUGHER = 1.6
"""How much rougher the announced encoding must be than another. For speech in the wrong one it is 1.8 to 3.5."""
LOUD, LAWS_LOUD = 3000, 500
"""RMS of 16-bit samples, without their mean, from which something is wrong: quiet noise of a line may be as rough as
any. Where mu-law and A-law are mixed up, sound gets rough but little louder; so is text in either."""
LEAST_VALUES = 8
"""A window of fewer different bytes is silence, or a steady tone at most."""

LARGEST_FLOAT = 40_000
"""Floating-point samples are of full scale 1, or of that of 16 bits."""

_HEADERS = (
    b"RIFF",
    b"RIFX",
    b"RF64",
    b"OggS",
    b"fLaC",
    b"ID3",
    b"FORM",
    b".snd",
    b"NIST_1A",
    b"\x1aE\xdf\xa3",
    b"#!AMR",
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=_\-\r\n]+")
_TEXT = re.compile(rb"[\t\r\n\x20-\x7e]+")

NAMES = {
    SoundFormat.MULAW: "mu-law (ENCODING_MULAW)",
    SoundFormat.ALAW: "A-law (ENCODING_ALAW)",
    SoundFormat.S16LE: "16-bit little-endian samples (ENCODING_S16LE)",
    SoundFormat.S16BE: "16-bit samples with swapped bytes: send them little-endian",
    SoundFormat.U8: "unsigned 8-bit linear samples: convert them",
    SoundFormat.F32LE: "32-bit floating-point samples: convert them",
    SoundFormat.BASE64: "base64: decode it before it is sent",
    SoundFormat.TEXT: "text: send the bytes of the samples",
    SoundFormat.FILE: "a file with its header: send the samples alone",
    SoundFormat.BYTE_POSITIONS: "positions that count bytes: count samples",
    SoundFormat.COMPRESSED: "compressed or encrypted sound: decode it before it is sent",
    SoundFormat.RTP: "packets of RTP: take the header of each away",
    SoundFormat.OTHER_POSITIONS: "positions that count no samples: count those since the call began",
    SoundFormat.S24LE: "24-bit samples: convert them",
    SoundFormat.S32LE: "32-bit samples, or two channels of which the first is silent: convert them",
    SoundFormat.F64LE: "64-bit floating-point samples: convert them",
    SoundFormat.INTERLEAVED: "two channels turn by turn: announce two, and send each on its own",
}
_ANNOUNCED = {
    Encoding.MULAW: SoundFormat.MULAW,
    Encoding.ALAW: SoundFormat.ALAW,
    Encoding.S16LE: SoundFormat.S16LE,
}
_LAWS = {SoundFormat.MULAW, SoundFormat.ALAW}


def looks_like(raw: bytes, encoding: Encoding, sample_rate: int = 8000) -> SoundFormat:
    """What a window of sound looks like; UNSPECIFIED = nothing else than what was announced."""
    if len(set(raw)) < LEAST_VALUES:
        return SoundFormat.UNSPECIFIED
    sounds = readings(raw)
    announced = sounds[_ANNOUNCED[encoding]]
    found = {name: correlation(sound, 1) for name, sound in sounds.items()}
    best, smooth, loud = max(found, key=lambda one: found[one]), found[_ANNOUNCED[encoding]], float(announced.std())
    if loud >= LAWS_LOUD and smooth < SMOOTH and _TEXT.fullmatch(raw):
        return SoundFormat.BASE64 if _BASE64.fullmatch(raw) else SoundFormat.TEXT
    if has_mpeg_frames(raw):
        return SoundFormat.COMPRESSED
    enough = loud >= (LAWS_LOUD if {best, _ANNOUNCED[encoding]} == _LAWS else LOUD)
    if enough and smooth < SMOOTHEST and found[best] > SMOOTH and 1 - smooth > ROUGHER * (1 - found[best]):
        return best
    if interleaved(announced):
        of_32_bits = encoding == Encoding.S16LE and found.get(SoundFormat.S32LE, 0.0) > SMOOTH
        return SoundFormat.S32LE if of_32_bits else SoundFormat.INTERLEAVED
    if sample_rate == 8000 and doubled(announced):
        return SoundFormat.INTERLEAVED
    width = bytes_per_sample(encoding)
    return SoundFormat.COMPRESSED if enough and is_random(raw[width - 1 :: width], announced) else SoundFormat(0)


def is_smooth(raw: bytes, encoding: Encoding) -> bool:
    """Whether a window of sound is as smooth as speech in the encoding that was announced."""
    return correlation(decode(raw, encoding).astype(np.float64), 1) > SMOOTH


def readings(raw: bytes) -> dict[SoundFormat, Float64s]:
    """The samples in each encoding that the bytes may be in."""
    whole = raw[: len(raw) // 4 * 4]
    eight = np.frombuffer(raw, np.uint8).astype(np.float64)
    sounds = {
        SoundFormat.MULAW: decode(raw, Encoding.MULAW).astype(np.float64),
        SoundFormat.ALAW: decode(raw, Encoding.ALAW).astype(np.float64),
        SoundFormat.S16LE: np.frombuffer(whole, "<i2").astype(np.float64),
        SoundFormat.S16BE: np.frombuffer(whole, ">i2").astype(np.float64),
        SoundFormat.U8: eight,
    }
    for name, form, size in ((SoundFormat.F32LE, "<f4", 4), (SoundFormat.F64LE, "<f8", 8)):
        floats = np.frombuffer(raw[: len(raw) // size * size], form)
        if np.isfinite(floats).all() and 1e-4 < float(np.abs(floats).max(initial=0)) <= LARGEST_FLOAT:
            sounds[name] = floats.astype(np.float64)
    low, high = np.frombuffer(whole, "<i2").reshape(-1, 2).T.astype(np.float64)
    if abs(correlation(low, 1)) < SMOOTH:  # otherwise these are two channels
        sounds[SoundFormat.S32LE] = high
    phases = (np.frombuffer(raw[at : at + (len(raw) - at) // 3 * 3], np.uint8).reshape(-1, 3) for at in range(3))
    threes = [one[:, 1:].copy().view("<i2")[:, 0].astype(np.float64) for one in phases]
    sounds[SoundFormat.S24LE] = max(threes, key=lambda one: correlation(one, 1))
    return sounds


@dataclass(slots=True)
class FormatWatch:
    """One channel. `gathered`: bytes of the window that is not full yet; `start_ms`: where what is judged begins."""

    encoding: Encoding
    sample_rate: int = 8000
    gathered: bytes = b""
    judged: int = 0
    seen: int = 0
    votes: dict[int, int] = field(default_factory=dict)
    start_ms: int = -1
    framing: Framing = field(default_factory=Framing)
    done: bool = False

    def dump(self) -> bytes:
        """All of it as JSON; `load` restores it."""
        state = {one.name: getattr(self, one.name) for one in fields(self)}
        gathered = base64.b64encode(self.gathered).decode()
        state |= {"encoding": int(self.encoding), "gathered": gathered, "framing": asdict(self.framing)}
        return json.dumps(state).encode()

    @classmethod
    def load(cls, stored: bytes) -> "FormatWatch":
        """What an older version knew of positions is left out."""
        state = {name: value for name, value in json.loads(stored).items() if name not in ("end", "by_bytes")}
        state |= {
            "framing": Framing(**state.get("framing", {})),
            "encoding": Encoding(state["encoding"]),
            "gathered": base64.b64decode(state["gathered"]),
            "votes": {int(name): count for name, count in state["votes"].items()},
        }
        return cls(**state)

    def push(self, pcm: bytes, end_sample: int, start_ms: int) -> SoundFormat:
        """A frame as it came, with where it says to end and where it begins. Gives what the sound so far looks like, at
        most once."""
        if self.done or not pcm:
            return SoundFormat.UNSPECIFIED
        self.start_ms = start_ms if self.start_ms < 0 else self.start_ms
        width = bytes_per_sample(self.encoding)
        found = self.framing.push(pcm, end_sample, width, self.sample_rate) or self._of_bytes(pcm)
        if found or self._over:
            self.done, self.gathered = True, b""
        return SoundFormat(found)

    @property
    def _over(self) -> bool:
        return self.judged >= JUDGED or self.seen >= SEEN

    def _of_bytes(self, pcm: bytes) -> int:
        if not self.seen and not self.gathered and pcm.startswith(_HEADERS):
            return SoundFormat.FILE
        self.gathered += pcm
        while len(self.gathered) >= WINDOW and not self._over:
            window, self.gathered = self.gathered[:WINDOW], self.gathered[WINDOW:]
            if len(set(window)) < LEAST_VALUES:
                continue
            self.seen += 1
            self.judged += is_smooth(window, self.encoding)
            if found := looks_like(window, self.encoding, self.sample_rate):
                self.votes[found] = self.votes.get(found, 0) + 1
                if self.votes[found] >= (AGREE_COMPRESSED if found == SoundFormat.COMPRESSED else AGREE):
                    return found
        return SoundFormat.UNSPECIFIED

    def detail(self, found: SoundFormat) -> str:
        """For people."""
        return f"announced as {self.encoding}, but looks like {NAMES[found]}"
