"""What a channel keeps between two steps, as bytes in three named parts.

line<n>    JSON: positions, the open segment, silence and clipping so far, gaps to be told
model<n>   the detector's state
tail<n>    samples of the chunk that is not complete, int16 little-endian
"""

import json
from collections.abc import Mapping

import numpy as np

from services.vad.channel import Channel
from services.vad.line import Hole
from shared.contract.v1 import EndReason, GapReason


def save(channel: Channel) -> dict[str, bytes]:
    """The state of a channel that has nothing left to do."""
    segmenter, silence, clipping = channel.segmenter, channel.silence, channel.clipping
    line = {
        "position": channel.line.position,
        "chunk": channel.chunk,
        "finished": channel.finished,
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
        "holes": [[hole.start, hole.end, int(hole.reason), hole.detail] for hole in channel.holes],
    }
    return {
        f"line{channel.number}": json.dumps(line).encode(),
        f"model{channel.number}": channel.model,
        f"tail{channel.number}": channel.tail.astype("<i2", copy=False).tobytes(),
    }


def restore(channel: Channel, parts: Mapping[str, bytes]) -> None:
    """Put a new channel where the saved one was; no parts leave it new."""
    if f"line{channel.number}" not in parts:
        return
    line = json.loads(parts[f"line{channel.number}"])
    segmenter, silence, clipping = channel.segmenter, channel.silence, channel.clipping
    channel.line.position, channel.chunk = line["position"], line["chunk"]
    channel.closed = channel.finished = line["finished"]
    channel.reason = EndReason(line["reason"])
    segmenter.number, segmenter.is_open, segmenter.start_ms = line["segment"][:3]
    segmenter.rising_ms, segmenter.pause_ms, segmenter.last_end_ms = line["segment"][3:]
    silence.since, silence.reported = line["silence"]
    clipping.heard, clipping.clipped = line["clipping"]
    channel.holes = [Hole(start, end, GapReason(reason), detail) for start, end, reason, detail in line["holes"]]
    channel.model = parts[f"model{channel.number}"]
    channel.tail = np.frombuffer(parts[f"tail{channel.number}"], "<i2").astype(np.int16, copy=False)
