"""The shape of what each stage stores: names of parts, keys, and kinds of values, beside the version of the stage.

    python -m tests.pipeline.stored_states      # writes stored_states.json; refuses a change under the same version

Digits in names stand for any number: `#.turns.#` is block 3 of channel 0 and every other one.
"""

import asyncio
import json
import re
import sys
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry

from speakerline.services.aggregator.stage import AggregatorStage
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.services.clustering.stage import ClusteringStage
from speakerline.shared.client.voiceprints import StoredVoiceprint
from speakerline.shared.contract.v1 import (
    AssignRole,
    Correction,
    FrontEnd,
    MergeSpeakers,
    NameSpeaker,
    ReassignTurn,
    Separated,
    Separation,
    SeparationOutcome,
    Source,
    SpeakerCreated,
    SpeakerMerged,
    SpeakerNamed,
    SpeakerRole,
    SpeakerSource,
    SpeakerSplit,
    SplitSpeaker,
    TurnBody,
)
from speakerline.shared.pipeline import AGGREGATOR, CLUSTERING, OPERATOR, PIPELINE, SOURCES, TURNS, VOICES, StageSpec
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.runtime.stage import FOREVER, AudioReader, CallStage, Entry, Event, Stage, Step
from speakerline.shared.voiceprints.vectors import encode_vector
from speakerline.tools.media.reading import open_recording
from speakerline.tools.sample_call import sample_call
from tests.chaos.real_stages import build
from tests.clustering.made_calls import calibration, conversation, dialogue, person

FILE = Path(__file__).with_suffix(".json")
SECONDS = 20
"""Of the real call: both women have spoken by then, and at once."""
LONG_MS = 180_000
SHORT_HORIZON = ClusterSettings(horizon_ms=60_000)
"""So that clustering forgets in the long call."""

SHED_EVERY = 8
"""One push of so many sheds."""

Shape = Any
"""A dict of shapes, a list of them, or the kind of a value."""
UNKNOWN = "null"


def shape_of(value: Any) -> Shape:
    """A list whose items are of one kind is shaped as a list of one."""
    if isinstance(value, dict):
        return reduce(union, ({_name(key): shape_of(one)} for key, one in value.items()), {})
    if isinstance(value, list):
        items = [shape_of(one) for one in value]
        alike = reduce(union, items, UNKNOWN)
        return items if isinstance(alike, str) and "|" in alike else [alike] * bool(items)
    if value is None:
        return UNKNOWN
    return {bool: "flag", int: "number", float: "number", str: "text"}[type(value)]


def union(one: Shape, other: Shape) -> Shape:
    """The shape of whatever has one of the two."""
    if one == other or other in (UNKNOWN, []):
        return one
    if one in (UNKNOWN, []):
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        shared = {key: union(one[key], other[key]) for key in one.keys() & other.keys()}
        return {**one, **other, **shared}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [union(a, b) for a, b in zip(one, other, strict=True)]
    return "|".join(sorted({*_kinds(one), *_kinds(other)}))


def _kinds(shape: Shape) -> list[str]:
    return shape.split("|") if isinstance(shape, str) else [type(shape).__name__]


def _name(key: str) -> str:
    return re.sub(r"\d+", "#", key)


def shape_of_parts(parts: Mapping[str, bytes]) -> Shape:
    return reduce(union, ({_name(name): _shape_of_part(part)} for name, part in parts.items()), {})


def _shape_of_part(part: bytes) -> Shape:
    try:
        value = json.loads(part)
    except ValueError:
        return "bytes"
    return shape_of(value) if isinstance(value, dict | list) else "bytes"


async def stored_states() -> dict[str, Any]:
    """By stage: its version, and the shape of all that it stores over a real call.

    Clustering also gets a long call, and the aggregator all that may become of speakers: whom the real call is found
    to hold must not decide what is seen of a shape.
    """
    metrics, call = Metrics(CollectorRegistry()), _a_call()
    found = {}
    for spec in PIPELINE:
        watched = _Watched(spec, build(spec.name, metrics))
        await call.run(watched, spec)
        if spec == CLUSTERING:
            watched.shape = union(watched.shape, await _of_a_long_call())
        if spec == AGGREGATOR:
            watched.shape = union(watched.shape, await _of_all_that_speakers_become())
        found[spec.name] = {"version": spec.state_version, "state": watched.shape}
    return found


def _a_call() -> OfflineCall:
    """With everything that a call may ask for."""
    recording = open_recording(sample_call())
    sound = recording.read().T[: SECONDS * recording.sample_rate]
    call = OfflineCall.of("c", sound, recording.sample_rate)
    call.call.front_end = FrontEnd(level=True, denoise=True, find_music=True)
    return call


async def _of_a_long_call() -> Shape:
    stage, call = ClusteringStage(calibration(), SHORT_HORIZON), _a_call()
    stage.know({"": {"Ann": StoredVoiceprint(calibration().name, encode_vector(person(1)), 9.0)}})
    watched = _Watched(CLUSTERING, stage)
    opened = watched.open(call.call, {}, call)
    said = {
        20_000: (
            Correction(
                "k1", "Ann", "2026-01-01T00:00:00Z", reassign_turn=ReassignTurn("T1", "", "S1", 1, 0, 200, 2900)
            ),
            Correction("k2", name_speaker=NameSpeaker("S1", "Ada")),
            Correction("k3", assign_role=AssignRole("S1", "agent")),
            Correction("k4", merge_speakers=MergeSpeakers("S2", "S1")),
        ),
        30_000: (Correction("k5", split_speaker=SplitSpeaker("S2")),),
    }
    overlapped = {40_000: _a_separation(39_000)}
    for window in conversation(dialogue(LONG_MS, (1, 2, 1.4)), LONG_MS, noise=0.12):
        await opened.push([Event(VOICES, window.end_ms, window)], window.end_ms)
        for correction in said.pop(window.end_ms, ()):
            await opened.push([Event(OPERATOR, window.end_ms + 1, correction)], window.end_ms + 1)
        if separation := overlapped.pop(window.end_ms, None):
            await opened.push([Event(SOURCES, window.end_ms + 1, separation)], window.end_ms + 1)
    await opened.push([], FOREVER)
    return watched.shape


def _a_separation(start_ms: int) -> Separation:
    """Of one voice too few, so that it has a detail."""
    span, sound = (start_ms, start_ms + 600), "call:{c}:sounds"
    sources = [
        Source(f"X1.{who}", *span, sound, encode_vector(person(who).astype(np.float32)), 6.0, list(span))
        for who in (1, 2)
    ]
    return Separation("X1", 0, *span, ["O1"], 3, SeparationOutcome.SEPARATED, sources, "made", "only two of three")


async def _of_all_that_speakers_become() -> Shape:
    watched, call = _Watched(AGGREGATOR, AggregatorStage()), _a_call()
    opened = watched.open(call.call, {}, call)
    sources = [SpeakerSource("X1.1", "S1", 0.9, 1000, 1600, "call:{c}:sounds", 6.0, [1000, 1600])]
    told: list[TurnBody] = [
        SpeakerCreated("S1"),
        SpeakerCreated("S2", 1),
        SpeakerNamed("S1", "Ann", 0.9),
        SpeakerMerged("S2", "S1"),
        SpeakerSplit("S3", "S1"),
        Correction("k1", "Ann", "2026-01-01T00:00:00Z", assign_role=AssignRole("S1", "agent")),
        SpeakerRole("S1", "agent"),
        Separated("X1", 1, 0, 1000, 1600, ["O1"], 3, SeparationOutcome.SEPARATED, sources, "only two of three"),
    ]
    await opened.push([Event(TURNS, 1000 * number, body) for number, body in enumerate(told, 1)], 1000 * len(told))
    await opened.push([], FOREVER)
    return watched.shape


class _Watched:
    """A stage, and the shape of all snapshots of its calls."""

    def __init__(self, spec: StageSpec, stage: Stage) -> None:
        self.spec, self._stage = spec, stage
        self.shape: Shape = {}

    def open(self, call: Any, parts: Mapping[str, bytes], audio: AudioReader) -> CallStage:
        return _WatchedCall(self, self._stage.open(call, parts, audio))


class _WatchedCall(CallStage):
    """Gives entries one by one, so that every state between two of them is seen; sheds now and then."""

    def __init__(self, stage: _Watched, one: CallStage) -> None:
        super().__init__()
        self._stage, self._one, self._pushes = stage, one, 0

    async def push(self, entries: Sequence[Entry], through_ms: int, quiet_ms: int = -1) -> Step:
        whole, passed_ms = Step(), 0
        for entry in entries:
            if isinstance(entry, Event):
                passed_ms = max(passed_ms, self._stage.spec.place(entry.stream, entry.position))
            self._add(whole, await self._push([entry], passed_ms))
        self._add(whole, await self._push([], through_ms))
        return whole

    def snapshot(self) -> Mapping[str, bytes]:
        return self._one.snapshot()

    async def _push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        self._pushes += 1
        self._one.shed(int(self._pushes % SHED_EVERY == 0))
        step = await self._one.push(entries, through_ms)
        self._stage.shape = union(self._stage.shape, shape_of_parts(self._one.snapshot()))
        return step

    def _add(self, whole: Step, step: Step) -> None:
        whole.events += step.events
        whole.sounds |= step.sounds
        whole.through_ms, whole.audio_from = step.through_ms, step.audio_from


def forgotten(found: Mapping[str, Any], committed: Mapping[str, Any]) -> list[str]:
    """Stages whose state has another shape than the committed one, under no higher version."""
    return [name for name, one in found.items() if name in committed and _changed(one, committed[name])]


def _changed(one: Mapping[str, Any], committed: Mapping[str, Any]) -> bool:
    return one != committed and one["version"] <= committed["version"]


def main() -> None:
    found = asyncio.run(stored_states())
    committed = json.loads(FILE.read_text()) if FILE.exists() else {}
    if names := forgotten(found, committed):
        sys.exit(f"the stored state of {', '.join(names)} changed: raise `state_version` in shared/pipeline.py first")
    FILE.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
