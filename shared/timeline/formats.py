"""The file formats that a call can be exported to, by name."""

from collections.abc import Callable
from dataclasses import dataclass

from speakerline.shared.timeline.export import to_json, to_rttm
from speakerline.shared.timeline.subtitles import to_srt, to_vtt
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.transcripts import to_ctm, to_seglst, to_stm, to_text


@dataclass(frozen=True, slots=True)
class Format:
    suffix: str
    """Usual file name extension, without the dot."""
    write: Callable[[Timeline], str]


FORMATS = {
    "text": Format("txt", to_text),
    "rttm": Format("rttm", to_rttm),
    "json": Format("json", to_json),
    "srt": Format("srt", to_srt),
    "vtt": Format("vtt", to_vtt),
    "ctm": Format("ctm", to_ctm),
    "stm": Format("stm", to_stm),
    "seglst": Format("seglst.json", to_seglst),
}


def export(timeline: Timeline, form: str) -> str:
    """The call as it stands, as the text of a file: docs/timeline.md describes the formats.

    Raises ValueError for a format that is not in FORMATS."""
    if form not in FORMATS:
        raise ValueError(f"format {form!r}: expected one of {', '.join(FORMATS)}")
    return FORMATS[form].write(timeline)
