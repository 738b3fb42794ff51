"""A clusterer as named parts of bytes and back; equal states give equal bytes.

call                        speakers, names, next turn number                       small, changes now and then
line.<channel>              labels, edges                                           small, changes with every window
people.<channel>            means and centre of the last partition                  changes with every partition
settled.<channel>           sums of what left the history                           changes when a block leaves
history.<channel>.<block>   sixteen windows each                                    only the last one changes
turns.<channel>.<block>     thirty-two turns each                                   those whose turns changed
lifted.<channel>.evidence.<block>, lifted.<channel>.given.<block>
                            sixteen separations each, and whose voices they are     the last, and those given anew
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.line import Line
from speakerline.services.clustering.roster import Roster
from speakerline.services.clustering.turns import TurnBook

Array = NDArray[np.float64]


def dump(clusterer: CallClusterer) -> dict[str, bytes]:
    """Everything as named parts; most parts keep their bytes from one push to the next, and a part may vanish."""
    roster = clusterer.roster
    parts = {
        "call": _json(
            {
                "next_turn": clusterer.next_turn,
                "finished": clusterer.finished,
                "channels": roster.channels,
                "merged": sorted(roster.merged.items()),
                "names": sorted(roster.names.items()),
            }
        )
    }
    for channel, line in sorted(clusterer.lines.items()):
        parts |= _dump_line(channel, line)
        parts |= {f"turns.{channel}.{number:05d}": data for number, data in clusterer.books[channel].blocks().items()}
    return parts


def load(clusterer: CallClusterer, parts: Mapping[str, bytes]) -> None:
    """Make it the clusterer whose `dump` this is; settings and calibration must be the same."""
    call = json.loads(parts["call"])
    clusterer.next_turn, clusterer.finished = call["next_turn"], call["finished"]
    clusterer.roster = Roster(call["channels"], dict(call["merged"]), dict(call["names"]))
    clusterer.lines, clusterer.books = {}, {}
    for channel in sorted(int(name.split(".")[1]) for name in parts if name.startswith("line.")):
        line = Line(channel, clusterer.calibration, clusterer.line_settings, clusterer.limits)
        _load_line(line, parts)
        clusterer.lines[channel] = line
        clusterer.books[channel] = TurnBook(channel)
        clusterer.books[channel].load(_blocks(parts, f"turns.{channel}."))


def _dump_line(channel: int, line: Line) -> dict[str, bytes]:
    state = {
        "labels": line.labels,
        "certainty": line.certainty,
        "carried": line.carried,
        "dormant": sorted(line.dormant.items()),
        "settled_through_ms": line.settled_through_ms,
        "next_partition_ms": line.next_partition_ms,
        "next_tracklet": line.history.next_tracklet,
    }
    people = {"people": line.people, "means": _pack(line.means), "centre": _pack(line.centre)}
    settled = [(speaker, _pack(total), mass) for speaker, (total, mass) in sorted(line.settled.items())]
    parts = {
        f"line.{channel}": _json(state),
        f"people.{channel}": _json(people),
        f"settled.{channel}": _json(settled),
    }
    parts |= {f"lifted.{channel}.{name}": data for name, data in line.lifted.blocks().items()}
    return parts | {f"history.{channel}.{number:05d}": data for number, data in line.history.blocks().items()}


def _load_line(line: Line, parts: Mapping[str, bytes]) -> None:
    state, people = json.loads(parts[f"line.{line.channel}"]), json.loads(parts[f"people.{line.channel}"])
    line.labels, line.certainty = state["labels"], state["certainty"]
    line.carried = [(who, start, end) for who, start, end in state["carried"]]
    line.dormant = {speaker: (heir, since_ms) for speaker, (heir, since_ms) in state["dormant"]}
    line.settled_through_ms, line.next_partition_ms = state["settled_through_ms"], state["next_partition_ms"]
    line.people = people["people"]
    directions = line.calibration.projection.shape[1]
    line.means = _unpack(people["means"]).reshape(len(line.people), directions)
    line.centre = _unpack(people["centre"])
    settled = json.loads(parts[f"settled.{line.channel}"])
    line.settled = {speaker: (_unpack(total), mass) for speaker, total, mass in settled}
    prefix = f"lifted.{line.channel}."
    line.lifted.load({name.removeprefix(prefix): part for name, part in parts.items() if name.startswith(prefix)})
    line.history.load(_blocks(parts, f"history.{line.channel}."), state["next_tracklet"])


def _blocks(parts: Mapping[str, bytes], prefix: str) -> dict[int, bytes]:
    return {int(name.removeprefix(prefix)): data for name, data in sorted(parts.items()) if name.startswith(prefix)}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _pack(numbers: Array) -> str:
    return base64.b64encode(np.asarray(numbers, "<f8").tobytes()).decode("ascii")


def _unpack(text: str) -> Array:
    return np.frombuffer(base64.b64decode(text), "<f8").astype(np.float64)
