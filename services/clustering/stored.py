"""A clusterer as named parts of bytes and back; equal states give equal bytes.

call                        speakers, names, next turn number                       small, changes now and then
hand                        what operators have said, once they have                 changes with every correction
<channel>.labels            labels, edges                                           small, changes with every window
<channel>.people            means and centre of the last partition                  changes with every partition
<channel>.settled           sums of what left the history                           changes when a block leaves
<channel>.history.<block>   sixteen windows each                                    only the last one changes
<channel>.turns.<block>     thirty-two turns each                                   those whose turns changed
<channel>.evidence.<block>  sixteen separations each                                only the last one changes
<channel>.given.<block>     whose voices they are                                   those given anew
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from pydantic import TypeAdapter

from speakerline.services.clustering.channel import ChannelClusterer
from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.hand import Hand
from speakerline.services.clustering.partition import Limits
from speakerline.services.clustering.roster import Roster
from speakerline.services.clustering.turns import TurnBook
from speakerline.shared.arrays import Float64s
from speakerline.shared.contract.v1 import Correction, Turn


@dataclass(frozen=True, slots=True)
class _StoredHand:
    """What the rest of a Hand follows from."""

    given: list[Correction] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    created: list[tuple[str, int]] = field(default_factory=list)
    settled: list[Turn] = field(default_factory=list)

    @classmethod
    def of(cls, hand: Hand) -> "_StoredHand":
        return cls(hand.given, sorted(hand.known), sorted(hand.created.items()), list(hand.settled.values()))

    def restored(self, roster: Roster) -> Hand:
        settled = {one.turn_id: one for one in self.settled}
        hand = Hand(roster.merged, self.given, set(self.known), dict(self.created), settled)
        hand.derive()
        return hand


_HAND = TypeAdapter(_StoredHand)


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
                "voiced": sorted(clusterer.voiced),
                "believed_ms": clusterer.believed_ms,
                "limits": [
                    (n, one.limits.expected, one.limits.maximum) for n, one in sorted(clusterer.channels.items())
                ],
            }
        )
    }
    if clusterer.hand.known:
        parts["hand"] = _HAND.dump_json(_StoredHand.of(clusterer.hand), exclude_defaults=True)
    for number, channel in sorted(clusterer.channels.items()):
        mine = _dump_channel(channel) | clusterer.books[number].dump()
        parts |= {f"{number}.{name}": data for name, data in mine.items()}
    return parts


def load(clusterer: CallClusterer, parts: Mapping[str, bytes]) -> None:
    """Make it the clusterer whose `dump` this is; settings and calibration must be the same."""
    call = json.loads(parts["call"])
    clusterer.next_turn, clusterer.finished = call["next_turn"], call["finished"]
    clusterer.roster = Roster(call["channels"], dict(call["merged"]), dict(call["names"]))
    clusterer.voiced, clusterer.believed_ms = set(call.get("voiced", ())), call.get("believed_ms", 0)
    clusterer.hand = _HAND.validate_json(parts.get("hand", b"{}")).restored(clusterer.roster)
    clusterer.channels, clusterer.books = {}, {}
    for number in sorted(int(name.split(".")[0]) for name in parts if name.endswith(".labels")):
        mine = {name.removeprefix(f"{number}."): part for name, part in parts.items() if name.startswith(f"{number}.")}
        channel = clusterer.new_channel(number)
        _load_channel(channel, mine)
        clusterer.channels[number] = channel
        clusterer.books[number] = TurnBook(number)
        clusterer.books[number].load(mine)
    for number, expected, maximum in call.get("limits", ()):
        clusterer.channels[number].limits = Limits(expected, maximum)


def _dump_channel(channel: ChannelClusterer) -> dict[str, bytes]:
    state = {
        "labels": channel.labels,
        "certainty": channel.certainty,
        "carried": channel.settled.carried,
        "dormant": sorted(channel.dormant.items()),
        "settled_through_ms": channel.settled.through_ms,
        "next_partition_ms": channel.next_partition_ms,
        "next_tracklet": channel.history.next_tracklet,
        "open_ms": channel.open_ms,
    }
    people = {"people": channel.people, "means": _pack(channel.means), "centre": _pack(channel.centre)}
    settled = [(speaker, _pack(total), mass) for speaker, (total, mass) in sorted(channel.settled.sums.items())]
    parts = {"labels": _json(state), "people": _json(people), "settled": _json(settled)}
    return parts | channel.lifted.dump() | channel.history.dump()


def _load_channel(channel: ChannelClusterer, parts: Mapping[str, bytes]) -> None:
    state, people = json.loads(parts["labels"]), json.loads(parts["people"])
    channel.labels, channel.certainty = state["labels"], state["certainty"]
    channel.settled.carried = [(who, start, end) for who, start, end in state["carried"]]
    channel.dormant = {speaker: (heir, since_ms) for speaker, (heir, since_ms) in state["dormant"]}
    channel.settled.through_ms, channel.next_partition_ms = state["settled_through_ms"], state["next_partition_ms"]
    channel.open_ms = state["open_ms"]
    channel.people = people["people"]
    channel.means = _unpack(people["means"]).reshape(len(channel.people), channel.calibration.size)
    channel.centre = _unpack(people["centre"])
    settled = json.loads(parts["settled"])
    channel.settled.sums = {speaker: (_unpack(total), mass) for speaker, total, mass in settled}
    channel.lifted.load(parts)
    channel.history.load(parts, state["next_tracklet"])


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _pack(numbers: Float64s) -> str:
    return base64.b64encode(np.asarray(numbers, "<f8").tobytes()).decode("ascii")


def _unpack(text: str) -> Float64s:
    return np.frombuffer(base64.b64decode(text), "<f8").astype(np.float64)
