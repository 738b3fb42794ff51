"""A clusterer as named parts of bytes and back; equal states give equal bytes.

call                        speakers, names, next turn number                       small, changes now and then
channel.<channel>           labels, edges                                           small, changes with every window
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

from speakerline.services.clustering.channel import ChannelClusterer
from speakerline.services.clustering.clusterer import CallClusterer
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
    for number, channel in sorted(clusterer.channels.items()):
        parts |= _dump_channel(channel)
        parts |= {f"turns.{number}.{block:05d}": data for block, data in clusterer.books[number].blocks().items()}
    return parts


def load(clusterer: CallClusterer, parts: Mapping[str, bytes]) -> None:
    """Make it the clusterer whose `dump` this is; settings and calibration must be the same."""
    call = json.loads(parts["call"])
    clusterer.next_turn, clusterer.finished = call["next_turn"], call["finished"]
    clusterer.roster = Roster(call["channels"], dict(call["merged"]), dict(call["names"]))
    clusterer.channels, clusterer.books = {}, {}
    for number in sorted(int(name.split(".")[1]) for name in parts if name.startswith("channel.")):
        channel = ChannelClusterer(number, clusterer.calibration, clusterer.channel_settings, clusterer.limits)
        _load_channel(channel, parts)
        clusterer.channels[number] = channel
        clusterer.books[number] = TurnBook(number)
        clusterer.books[number].load(_blocks(parts, f"turns.{number}."))


def _dump_channel(channel: ChannelClusterer) -> dict[str, bytes]:
    state = {
        "labels": channel.labels,
        "certainty": channel.certainty,
        "carried": channel.carried,
        "dormant": sorted(channel.dormant.items()),
        "settled_through_ms": channel.settled_through_ms,
        "next_partition_ms": channel.next_partition_ms,
        "next_tracklet": channel.history.next_tracklet,
    }
    people = {"people": channel.people, "means": _pack(channel.means), "centre": _pack(channel.centre)}
    settled = [(speaker, _pack(total), mass) for speaker, (total, mass) in sorted(channel.settled.items())]
    parts = {
        f"channel.{channel.number}": _json(state),
        f"people.{channel.number}": _json(people),
        f"settled.{channel.number}": _json(settled),
    }
    parts |= {f"lifted.{channel.number}.{name}": data for name, data in channel.lifted.blocks().items()}
    return parts | {f"history.{channel.number}.{number:05d}": data for number, data in channel.history.blocks().items()}


def _load_channel(channel: ChannelClusterer, parts: Mapping[str, bytes]) -> None:
    state, people = json.loads(parts[f"channel.{channel.number}"]), json.loads(parts[f"people.{channel.number}"])
    channel.labels, channel.certainty = state["labels"], state["certainty"]
    channel.carried = [(who, start, end) for who, start, end in state["carried"]]
    channel.dormant = {speaker: (heir, since_ms) for speaker, (heir, since_ms) in state["dormant"]}
    channel.settled_through_ms, channel.next_partition_ms = state["settled_through_ms"], state["next_partition_ms"]
    channel.people = people["people"]
    directions = channel.calibration.projection.shape[1]
    channel.means = _unpack(people["means"]).reshape(len(channel.people), directions)
    channel.centre = _unpack(people["centre"])
    settled = json.loads(parts[f"settled.{channel.number}"])
    channel.settled = {speaker: (_unpack(total), mass) for speaker, total, mass in settled}
    prefix = f"lifted.{channel.number}."
    channel.lifted.load({name.removeprefix(prefix): part for name, part in parts.items() if name.startswith(prefix)})
    channel.history.load(_blocks(parts, f"history.{channel.number}."), state["next_tracklet"])


def _blocks(parts: Mapping[str, bytes], prefix: str) -> dict[int, bytes]:
    return {int(name.removeprefix(prefix)): data for name, data in sorted(parts.items()) if name.startswith(prefix)}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _pack(numbers: Array) -> str:
    return base64.b64encode(np.asarray(numbers, "<f8").tobytes()).decode("ascii")


def _unpack(text: str) -> Array:
    return np.frombuffer(base64.b64decode(text), "<f8").astype(np.float64)
