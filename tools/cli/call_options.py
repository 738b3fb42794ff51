"""What the command line says about a call in advance, and the announcement that is made of it."""

import argparse

from speakerline.shared.contract.v1 import CallStarted, ChannelMode, Content, Encoding, ServiceClass
from speakerline.shared.timeline.shown import shown
from speakerline.shared.timeline.statistics import summarise
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.arguments import FRONT_END, front_end, headerless, language, one_or_more
from speakerline.tools.media.headerless import FORMATS
from speakerline.tools.media.reading import Recording


def add_call_options(parser: argparse.ArgumentParser) -> None:
    """Options for what is known about a call in advance."""
    parser.add_argument("--speakers", type=one_or_more, default=0, metavar="N", help="how many people speak, if known")
    parser.add_argument(
        "--max-speakers", type=one_or_more, default=0, metavar="N", help="the largest number of speakers to distinguish"
    )
    parser.add_argument(
        "--channels",
        choices=("mix", "separate", "auto"),
        default="auto",
        help="auto: channels with a voice of their own, without copies (default); mix: the mean of these; "
        "separate: every channel as it is",
    )
    add_format_option(parser)
    add_sound_options(parser)


def add_format_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        type=headerless,
        metavar="NAME[,RATE[,CHANNELS]]",
        help=f"what a file without a header is, where its ending does not say so: {', '.join(FORMATS)}",
    )


def add_sound_options(parser: argparse.ArgumentParser) -> None:
    """Options for the front end and the language."""
    parser.add_argument(
        "--front-end",
        type=front_end,
        metavar=",".join(FRONT_END),
        help="for difficult audio: gain control, noise reduction, dereverberation, music detection (default: none)",
    )
    parser.add_argument(
        "--language",
        type=language,
        metavar="en",
        help="spoken language, ISO 639-1 (default: the recogniser's own)",
    )


def describe(call_id: str, recording: Recording, given: argparse.Namespace) -> CallStarted:
    """The announcement of a recording; what of it is not heard stands in its metadata."""
    call = announcement(call_id, recording.sample_rate, recording.channels, given)
    call.metadata["file"] = shown(recording.path.name)
    if recording.chosen.left_out:
        call.metadata["channels"] = "; ".join(recording.notes)
    return call


def announcement(call_id: str, sample_rate: int, channels: int, given: argparse.Namespace) -> CallStarted:
    """The call as the options describe it; not checked yet."""
    return CallStarted(
        call_id=call_id,
        sample_rate=sample_rate,
        encoding=Encoding.S16LE,
        channels=channels,
        channel_mode=ChannelMode.SEPARATE if given.channels == "separate" else ChannelMode.AUTO,
        expected_speakers=given.speakers,
        max_speakers=given.max_speakers,
        language=given.language or "",
        front_end=given.front_end,
        service_class=ServiceClass.BULK if given.pace == "max" else ServiceClass.LIVE,
    )


def findings(timeline: Timeline) -> list[str]:
    """What the stages found out about the sound, one line each: doubts about its format, and what channels hold."""
    doubts = [f"channel {one.channel + 1}: {one.detail}" for one in timeline.format_doubts]
    latest = {one.channel: one for one in timeline.channel_contents}
    return doubts + [
        f"channel {number + 1}: {one.detail}" for number, one in sorted(latest.items()) if one.content != Content.OWN
    ]


def speakers_missed(timeline: Timeline, expected: int) -> list[str]:
    """A line where another number of people was found than was asked for."""
    found = len({one.speaker_id for one in summarise(timeline, timeline.duration_ms).speakers if one.speaker_id})
    if not expected or found == expected:
        return []
    return [f"--speakers {expected} was asked for, but {found} could be told apart"]
