"""Sound without a header, as telephone exchanges write it: the ending of the name, or the user, says what it is."""

import struct
from dataclasses import dataclass, replace
from pathlib import Path

_EXTENSIBLE = 0xFFFE
_RIFF = (b"RIFF", b"RIFX", b"RF64", b"BW64")
_MAGIC = (*_RIFF, b"OggS", b"fLaC", b"ID3", b".snd", b"FORM", b"caff", b"NIST_1A", b"\x1aE\xdf\xa3")
"""What files with a header begin with."""


@dataclass(frozen=True, slots=True)
class Headerless:
    """demuxer: ffmpeg's name of the format. rate, channels: what ffmpeg is told; 0 = it knows. decoder: where ffmpeg
    has no demuxer, the codec that takes the bytes as they are. bits: of a sample, where the format has several.
    assumed: what is said where only the ending tells that it is this."""

    demuxer: str
    rate: int = 8000
    channels: int = 1
    decoder: str = ""
    bits: int = 0
    assumed: str = ""

    @property
    def options(self) -> dict[str, str]:
        if not self.rate:
            return {}
        if self.bits:
            return {"sample_rate": str(self.rate), "code_size": str(self.bits)}
        return {"sample_rate": str(self.rate), "ch_layout": f"{self.channels}C"}


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
    "vox": Headerless(
        "", decoder="adpcm_ima_oki", assumed="taken for 8000 Hz; where that is too fast, --format vox,6000"
    ),
    **{f"g726-{8 * bits}": Headerless("g726le", bits=bits) for bits in (2, 3, 4, 5)},
}
"""By the names that `--format` takes: G.711, linear 16-bit samples (`sln`, as Asterisk calls them, and big-endian),
GSM 06.10 full rate, G.722, G.729, the 4-bit ADPCM of Dialogic cards, and G.726 of 16 to 40 kbit/s, packed as in RFC
3551."""

_OTHER_ENDINGS = {
    **dict.fromkeys(("ul", "mulaw", "pcmu", "mu"), "ulaw"),
    **dict.fromkeys(("al", "pcma"), "alaw"),
    **dict.fromkeys(("slin", "sln8"), "sln"),
    "slin16": "sln16",
    "g726": "g726-32",
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
    rate, channels = (*map(int, numbers), *(known.rate, known.channels)[len(numbers) :])
    if channels > 1 and (known.decoder or known.bits):
        raise ValueError(f"{text!r}: {name} has one channel; expected {name},{rate}")
    return replace(known, rate=rate, channels=channels, assumed="")


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
            if tag == _EXTENSIBLE and size >= 28:  # the tag proper begins the GUID, in either order of bytes
                tag = min(struct.unpack_from(">I", head, at + 32) + struct.unpack_from("<I", head, at + 32))
            demuxer = {1: f"s{bits}be", 3: f"f{bits}be", 6: "alaw", 7: "mulaw"}.get(tag, "")
            return Headerless("u8" if demuxer == "s8be" else demuxer, rate, channels) if demuxer else None
        at += 8 + size + size % 2
    return None
