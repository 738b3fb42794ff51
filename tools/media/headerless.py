"""Sound without a header, as telephone exchanges write it: the ending of the name, or the user, says what it is."""

import struct
from dataclasses import dataclass, replace
from pathlib import Path

_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"OggS", b"fLaC", b"ID3", b".snd", b"FORM", b"caff", b"NIST_1A", b"\x1aE\xdf\xa3")
"""What files with a header begin with."""


@dataclass(frozen=True, slots=True)
class Headerless:
    """demuxer: ffmpeg's name of the format. rate, channels: what ffmpeg is told; 0 = it knows. decoder: where ffmpeg
    has no demuxer, the codec that takes the bytes as they are."""

    demuxer: str
    rate: int = 8000
    channels: int = 1
    decoder: str = ""

    @property
    def options(self) -> dict[str, str]:
        told = {"sample_rate": str(self.rate), "ch_layout": f"{self.channels}C"}
        return told if self.rate else {}


ULAW, ALAW, SLN = Headerless("mulaw"), Headerless("alaw"), Headerless("s16le")
FORMATS = {
    "ulaw": ULAW,
    "alaw": ALAW,
    "sln": SLN,
    **{f"sln{rate // 1000}": replace(SLN, rate=rate) for rate in (12000, 16000, 24000, 32000, 44100, 48000)},
    "s16be": Headerless("s16be"),
    "gsm": Headerless("gsm", 0),
    "g722": Headerless("g722", 0),
    "g729": Headerless("g729", 0),
    "vox": Headerless("", decoder="adpcm_ima_oki"),
}
"""By the names that `--format` takes: G.711, linear 16-bit samples (`sln`, as Asterisk calls them, and big-endian),
GSM 06.10 full rate, G.722, G.729, and the 4-bit ADPCM of Dialogic cards."""

_OTHER_ENDINGS = {
    **dict.fromkeys(("ul", "mulaw", "pcmu", "mu"), "ulaw"),
    **dict.fromkeys(("al", "pcma"), "alaw"),
    **dict.fromkeys(("slin", "sln8"), "sln"),
    "slin16": "sln16",
}
EXPECTED = f"one of {', '.join(FORMATS)}, perhaps with rate and channels, such as sln,16000,2"


def by_ending(path: Path, head: bytes) -> Headerless | None:
    """What the ending of the name says, unless the file has a header after all."""
    ending = path.suffix.lower().removeprefix(".")
    name = _OTHER_ENDINGS.get(ending, ending)
    return None if head.startswith(_MAGIC) else FORMATS.get(name)


def parse(text: str) -> Headerless:
    """`sln`, `sln,16000` or `sln,16000,2`. Raises ValueError with what was expected."""
    name, *numbers = text.strip().lower().split(",")
    known = FORMATS.get(_OTHER_ENDINGS.get(name, name))
    if known is None or len(numbers) > 2 or not all(one.isdecimal() and int(one) for one in numbers):
        raise ValueError(f"{text!r}: expected {EXPECTED}")
    if numbers and not known.rate:
        raise ValueError(f"{text!r}: {name} has one rate and one channel; expected {name}")
    rate = int(numbers[0]) if numbers else known.rate
    return replace(known, rate=rate, channels=int(numbers[1]) if len(numbers) > 1 else known.channels)


def rifx(head: bytes) -> Headerless | None:
    """What the sound of a big-endian wav is, which ffmpeg takes for little-endian.

    None where `head`, the first bytes of the file, is no such wav, or it is of a kind that has no byte order."""
    if head[:4] != b"RIFX" or head[8:12] != b"WAVE":
        return None
    at = 12
    while at + 24 <= len(head):
        name, size = struct.unpack_from(">4sI", head, at)
        if name == b"fmt ":
            tag, channels, rate, _, _, bits = struct.unpack_from(">HHIIHH", head, at + 8)
            demuxer = {1: f"s{bits}be", 3: f"f{bits}be", 6: "alaw", 7: "mulaw"}.get(tag, "")
            return Headerless("u8" if demuxer == "s8be" else demuxer, rate, channels) if demuxer else None
        at += 8 + size + size % 2
    return None
