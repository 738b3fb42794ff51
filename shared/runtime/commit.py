"""Puts what a step of one call changed into the keys and arguments of the commit script."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from speakerline.shared import codec
from speakerline.shared.keys import (
    ARCHIVE,
    FIREHOSE,
    LAST_POSITION,
    audio_key,
    dead_key,
    meta_key,
    sounds_key,
    stage_key,
    stream_key,
)
from speakerline.shared.pipeline import ARCHIVE_READER, AUDIO, PIPELINE, STREAMS, TIMELINE, EventBody, readers_of
from speakerline.shared.runtime.call import CallWork, Output
from speakerline.shared.runtime.log import Logged

FIREHOSE_LENGTH = 100_000
"""Events kept in the firehose, about."""

RECORDER_HOLD_S = 60
"""How much sound stays for an archive that records, behind the slowest stage, before it is trimmed unread."""

TRIM_EVERY = {AUDIO: 16_000, "": 10_000}
"""How far a reader advances before it trims again: samples of audio, milliseconds of events."""


@dataclass(slots=True)
class Commit:
    """Keys and arguments of one run of `commit.lua`, and what is committed when it succeeds."""

    keys: list[str]
    arguments: list[Any]
    parts: dict[str, bytes]
    trimmed: dict[str, int]


@dataclass(slots=True)
class _Keys:
    """Keys numbered in the order in which they are first used."""

    keys: list[str] = field(default_factory=list)

    def number(self, key: str) -> int:
        if key not in self.keys:
            self.keys.append(key)
        return self.keys.index(key) + 1


def build(work: CallWork, fence: str, snapshot: Mapping[str, bytes], trimmed: Mapping[str, int]) -> Commit:
    """One step, whole. trimmed: where this stage last asked for a trim, by log."""
    call_id = work.call.call_id
    keys = _Keys([stage_key(call_id, work.spec.name), meta_key(call_id)])
    parts = dict(snapshot)
    outputs = [_output(keys, work, output) for output in work.uncommitted.outputs]
    outputs += _firehose(keys, work)
    outputs += [_dead_letter(keys, work, *buried) for buried in work.uncommitted.dead]
    trims, trimmed_now = _trims(keys, work, trimmed)
    known = {keys.number(stream_key(call_id, stream)): last for stream, last in work.inserted.items()}
    arguments = [
        *(fence, work.version, "1" if work.finished else ""),
        *(len(known), *(word for pair in known.items() for word in pair)),
        *(len(outputs), *(word for output in outputs for word in output)),
        *_sounds(keys, work),
        *_changes(work, parts),
        *(len(trims), *(word for trim in trims for word in trim)),
    ]
    if work.finished:
        for key in (*all_keys(call_id, work.call.channels), ARCHIVE):
            keys.number(key)
    return Commit(keys.keys, arguments, parts, {**trimmed, **trimmed_now})


def all_keys(call_id: str, channels: int) -> list[str]:
    """Every key that a call may have in Redis."""
    return [
        meta_key(call_id),
        dead_key(call_id),
        sounds_key(call_id),
        *(audio_key(call_id, channel) for channel in range(channels)),
        *(stream_key(call_id, stream) for stream in STREAMS),
        *(stage_key(call_id, stage.name) for stage in PIPELINE),
        stage_key(call_id, ARCHIVE_READER),
    ]


def _output(keys: _Keys, work: CallWork, output: Output) -> list[Any]:
    key = keys.number(stream_key(work.call.call_id, output.stream))
    if output.event is None:
        return [key, output.id, "", 2, "through", ""]
    fields = _event_fields(work, output, output.event)
    return [key, output.id, "", len(fields), *fields]


def _event_fields(work: CallWork, output: Output, event: EventBody) -> list[Any]:
    epoch = ["epoch", work.epochs[-1]] if output.stream == TIMELINE else []
    return ["event", codec.write(output.stream, event), "audio_at", f"{output.audio_at:.3f}", *epoch]


def _firehose(keys: _Keys, work: CallWork) -> list[list[Any]]:
    events = [(one, one.event) for one in work.uncommitted.outputs if one.stream == TIMELINE and one.event is not None]
    told = [["call_id", work.call.call_id, *_event_fields(work, output, event)] for output, event in events]
    return [[keys.number(FIREHOSE), "*", FIREHOSE_LENGTH, len(fields), *fields] for fields in told]


def _dead_letter(keys: _Keys, work: CallWork, source: str, logged: Logged, detail: str) -> list[Any]:
    words = ["stage", work.spec.name, "log", source, "id", logged.id, "reason", detail]
    return [keys.number(dead_key(work.call.call_id)), "*", "", len(words), *words]


def _sounds(keys: _Keys, work: CallWork) -> list[Any]:
    sounds = work.uncommitted.sounds
    kept = {source: pcm for source, pcm in sounds.items() if pcm is not None}
    gone = [source for source, pcm in sounds.items() if pcm is None]
    key = keys.number(sounds_key(work.call.call_id)) if sounds else 0
    return [key, len(kept), *(word for pair in kept.items() for word in pair), len(gone), *gone]


def _changes(work: CallWork, parts: Mapping[str, bytes]) -> list[Any]:
    changed: dict[str, Any] = {f"part:{name}": value for name, value in parts.items() if work.parts.get(name) != value}
    changed |= {f"cursor:{name}": f"{p}-{n}" for name, (p, n) in zip(work.inputs, work.cursors, strict=True)}
    changed |= {f"last:{stream}": f"{p}-{n}" for stream, (p, n) in work.last.items()}
    changed |= {f"low:{log}": position for log, position in lows(work).items()}
    changed |= {"through": work.through_ms, "passed": work.passed_ms}
    if work.state_version != work.spec.state_version:
        changed["state_version"] = work.spec.state_version
    if any(output.stream == TIMELINE and output.event is not None for output in work.uncommitted.outputs):
        changed["epochs"] = " ".join(work.epochs)
    gone = [f"part:{name}" for name in work.parts if name not in parts]
    return [len(changed), *(word for pair in changed.items() for word in pair), len(gone), *gone]


def lows(work: CallWork) -> dict[str, int]:
    """Per log that the stage reads, the lowest position that it still needs."""
    low = dict(work.low)
    if work.spec.inputs[0].stream != AUDIO:
        read = zip(work.spec.inputs, work.cursors, strict=True)
        low |= {source.stream: position for source, (position, _) in read if not source.inserted}
    return dict.fromkeys(low, LAST_POSITION) if work.finished else low


def _trims(keys: _Keys, work: CallWork, trimmed: Mapping[str, int]) -> tuple[list[list[Any]], dict[str, int]]:
    trims, now = [], {}
    for log, position in lows(work).items():
        kind = AUDIO if log.startswith(AUDIO) else ""
        if position - trimmed.get(log, 0) < TRIM_EVERY[kind]:
            continue
        now[log] = position
        readers = [keys.number(stage_key(work.call.call_id, name)) for name in readers_of(kind or log)]
        key = keys.number(f"call:{{{work.call.call_id}}}:{log}")
        trims.append([key, f"low:{log}", len(readers), *readers, *_recorder(keys, work, kind)])
    return trims, now


def _recorder(keys: _Keys, work: CallWork, kind: str) -> tuple[int, int]:
    """Who reads sound beside the stages, 0 = nobody, and how many samples stay for that one."""
    if kind != AUDIO:
        return 0, 0
    keys.number(ARCHIVE)
    return keys.number(stage_key(work.call.call_id, ARCHIVE_READER)), RECORDER_HOLD_S * work.call.sample_rate
