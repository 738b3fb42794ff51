"""The formats of files that are read, by ffmpeg's names, and what each is known for."""

from speakerline.tools.media.headerless import FORMATS as HEADERLESS

_USUAL = "wav,w64,aiff,au,caf,flac,mp3,aac,amr,mov,mp4,m4a,3gp,ogg,matroska,webm,asf,mpegts,avi,flv,nistsphere"
_RARER = "mpeg,mxf,rm,ac3,eac3,wv,tta,ape,shn,voc,ircam,pvf,iff,wve,ilbc,qcp,dss,xwma"
DEMUXERS = f"{_USUAL},{_RARER}"
"""Those that contain audio themselves: none that is a list of other files."""

EXPECTED = "expected audio such as wav, flac, mp3, m4a, ogg, opus or webm"
NO_HEADER = f"or --format, where it has no header: {', '.join(HEADERLESS)}"
SOURCE_RATES = range(4000, 384001)

TIMED = {"mov", "matroska", "ogg", "flac", "mpegts", "avi", "flv", "asf", "mpeg", "mxf", "rm", "amr"}
"""Formats whose packets have exact times, so that a jump is a hole in the audio."""
FROM_ZERO = {"mov"}
"""Formats whose clock starts at 0; that of others starts with their first track."""
UNBOUND = {"flac", "mp3"}
"""Formats of frames that are decoded to the last, whatever their header declares."""

_PAUSES_FROM = {"amrnb": 8, "amrwb": 9}
_PAUSE_BYTES = 7
"""With its first byte, at most."""


def is_pause(codec: str, packet: bytes) -> bool:
    """Whether this is a frame of AMR that describes the noise of a pause, or nothing (3GPP TS 26.101 and 26.201): none
    that can be decoded, and no damage. Its time is silent."""
    return 0 < len(packet) <= _PAUSE_BYTES and packet[0] >> 3 & 15 >= _PAUSES_FROM.get(codec, 16)
