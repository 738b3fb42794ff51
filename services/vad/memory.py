"""What a channel keeps between two steps, as bytes in named parts.

channel<n> JSON: positions, the open segment, silence and clipping so far, gaps to publish, the pace while it is judged
model<n>   the detector's state
tail<n>    samples of the chunk that is not complete, int16 little-endian
pass<n>    the high-pass
format<n>  JSON: what was judged of the first sound, while it is
level<n>   the level control, where the call asks for one
music<n>.  what the search for music keeps, where the call asks for it
"""

import json
from collections.abc import Mapping

import numpy as np

from speakerline.services.vad import music
from speakerline.services.vad.channel import Channel
from speakerline.services.vad.format_watch import FormatWatch
from speakerline.services.vad.rate_watch import RateWatch
from speakerline.services.vad.sequencer import Hole
from speakerline.shared.contract.v1 import EndReason, GapReason
from speakerline.shared.front_end.high_pass import HighPass
from speakerline.shared.front_end.level import Leveller


def save(channel: Channel) -> dict[str, bytes]:
    """The state of a channel that has nothing left to do."""
    segmenter, silence, clipping = channel.segmenter, channel.silence, channel.clipping
    state = {
        "position": channel.sequencer.position,
        "chunk": channel.chunk,
        "finished": channel.finished,
        "absences": [channel.absences, channel.absent_from],
        "reason": int(channel.reason),
        "segment": [
            segmenter.number,
            segmenter.is_open,
            segmenter.start_ms,
            segmenter.rising_ms,
            segmenter.pause_ms,
            segmenter.last_end_ms,
        ],
        "silence": [silence.since, silence.reported],
        "clipping": [clipping.heard, clipping.clipped],
        "rate": None if channel.doubts.rate.done else channel.doubts.rate.state,
        "holes": [[hole.start, hole.end, int(hole.reason), hole.detail] for hole in channel.holes.pending],
    }
    parts = {
        f"channel{channel.number}": json.dumps(state).encode(),
        f"model{channel.number}": channel.model,
        f"tail{channel.number}": channel.tail.astype("<i2", copy=False).tobytes(),
    }
    if passed := channel.high_pass.state:
        parts[f"pass{channel.number}"] = passed
    if not channel.doubts.format.done:
        parts[f"format{channel.number}"] = channel.doubts.format.dump()
    if channel.leveller:
        parts[f"level{channel.number}"] = channel.leveller.state
    if channel.hold:
        found = music.save(channel.hold.watch)
        parts |= {f"music{channel.number}.{name}": part for name, part in found.items()}
    return parts


def restore(channel: Channel, parts: Mapping[str, bytes]) -> None:
    """Put a new channel where the saved one was; no parts leave it new."""
    if f"channel{channel.number}" not in parts:
        return
    state = json.loads(parts[f"channel{channel.number}"])
    segmenter, silence, clipping = channel.segmenter, channel.silence, channel.clipping
    channel.sequencer.position, channel.chunk = state["position"], state["chunk"]
    channel.closed = channel.finished = state["finished"]
    channel.absences, channel.absent_from = state.get("absences", [0, 0])
    channel.reason = EndReason(state["reason"])
    segmenter.number, segmenter.is_open, segmenter.start_ms = state["segment"][:3]
    segmenter.rising_ms, segmenter.pause_ms, segmenter.last_end_ms = state["segment"][3:]
    silence.since, silence.reported = state["silence"]
    clipping.heard, clipping.clipped = state["clipping"]
    channel.holes.pending = [
        Hole(start, end, GapReason(reason), detail) for start, end, reason, detail in state["holes"]
    ]
    doubts, sample_rate = channel.doubts, channel.sequencer.sample_rate
    doubts.rate = RateWatch(*state["rate"]) if state.get("rate") else RateWatch(sample_rate, done=True)
    channel.model = parts[f"model{channel.number}"]
    channel.tail = np.frombuffer(parts[f"tail{channel.number}"], "<i2").astype(np.int16, copy=False)
    channel.high_pass = HighPass(channel.sequencer.sample_rate, parts.get(f"pass{channel.number}", b""))
    if f"format{channel.number}" in parts:
        doubts.format = FormatWatch.load(parts[f"format{channel.number}"])
    else:
        doubts.format.done = True
    if channel.leveller:
        channel.leveller = Leveller(channel.sequencer.sample_rate, parts[f"level{channel.number}"])
    if channel.hold:
        prefix = f"music{channel.number}."
        mine = {name[len(prefix) :]: part for name, part in parts.items() if name.startswith(prefix)}
        music.restore(channel.hold.watch, mine)
