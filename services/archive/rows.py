"""What the tables have of a call: rows made of its timeline. No I/O."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from speakerline.services.archive.folding import Folding
from speakerline.shared.archive.search import folded, scope_of
from speakerline.shared.archive.words import normalised
from speakerline.shared.contract.v1 import CallStarted, CallSummary, SpeakerSummary, Transcript, Turn
from speakerline.shared.event_kinds import ITEM_KEYS, KEPT, Item
from speakerline.shared.tenants import split
from speakerline.shared.timeline.parts import Item as ItemKey
from speakerline.shared.timeline.timeline import Timeline

TURNS, TRANSCRIPTS = "turns", "transcripts"
LONGEST_TEXT = 500_000
"""Bytes of a call that the full-text index takes, some eight hours of talk; PostgreSQL takes a megabyte."""

Row = dict[str, Any]

_ADAPTERS: Mapping[type[Any], TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind, kept in KEPT.items() if isinstance(kept, Item)
}


def call_row(folding: Folding, now_ms: int) -> Row:
    """Of `calls`, without its id and what never changes."""
    timeline = folding.timeline
    summary, call = timeline.summary or CallSummary(), timeline.call or CallStarted()
    return {
        "seq": timeline.seq,
        "epochs": " ".join(timeline.place.epochs),
        "at_ms": timeline.at_ms,
        "changed_at_ms": now_ms,
        "ended": timeline.ended,
        "end_reason": timeline.end_reason.name or "" if timeline.ended else "",
        "lost": folding.lost,
        "channels": call.channels or 1,
        "sample_rate": call.sample_rate,
        "language": _plain(call.language),
        "started_at": _plain(call.started_at),
        "metadata": dict(call.metadata),
        "duration_ms": timeline.duration_ms,
        "speech_ms": summary.speech_ms,
        "overlap_ms": summary.overlap_ms,
        "silence_ms": summary.silence_ms,
        "gap_ms": summary.gap_ms,
        "longest_monologue_ms": max((one.longest_monologue_ms for one in summary.speakers), default=0),
        "interruptions": summary.interruptions,
        "words": summary.words,
    }


def speaker_rows(timeline: Timeline) -> list[Row]:
    tenant = split(timeline.call_id)[0]
    told = {one.speaker_id: one for one in (timeline.summary or CallSummary()).speakers}
    rows = []
    for state in timeline.speakers.by_id.values():
        talk = told.get(state.speaker_id, SpeakerSummary())
        rows.append(
            {
                "speaker_id": state.speaker_id,
                "tenant": tenant,
                "name": _plain(state.name),
                "folded_name": folded(state.name),
                "channel": state.channel,
                "merged_into": state.merged_into,
                "talk_ms": talk.talk_ms,
                "talk_ratio": talk.talk_ratio,
                "turns": talk.turns,
                "longest_monologue_ms": talk.longest_monologue_ms,
                "interruptions": talk.interruptions,
                "overlap_ms": talk.overlap_ms,
                "words": talk.words,
            }
        )
    return rows


def fact_rows(timeline: Timeline) -> list[Row]:
    tenant = split(timeline.call_id)[0]
    pairs = timeline.call.metadata.items() if timeline.call else ()
    return [
        {"name": name, "tenant": tenant, "folded_name": folded(name), "folded_value": folded(value)}
        for name, value in {_plain(name): _plain(value) for name, value in pairs}.items()
    ]


def recording_rows(timeline: Timeline) -> list[Row]:
    """Of a call whose sound is to be recorded; none before its announcement is known."""
    call = timeline.call
    if call is None:
        return []
    names = ("sample_rate", "encoding", "channels")
    return [{"folder": uuid.uuid4().hex, "closed": False, **{name: int(getattr(call, name)) for name in names}}]


def text_row(timeline: Timeline) -> Row:
    """All final words, normalised, in the order of time."""
    said = sorted((one for one in timeline.transcripts.values() if one.final), key=lambda one: one.start_ms)
    words = (word for one in said for spoken in one.words if not spoken.superseded for word in normalised(spoken.text))
    text = " ".join(words).encode()[:LONGEST_TEXT].decode(errors="ignore")
    return {"scope": scope_of(split(timeline.call_id)[0]), "text": text}


def item_rows(timeline: Timeline, items: Iterable[ItemKey]) -> dict[str, list[Row]]:
    """By table: `turns`, `transcripts` and `marks`; what is not there, or not for good, has no row."""
    rows: dict[str, list[Row]] = {TURNS: [], TRANSCRIPTS: [], "marks": []}
    for kind, key in items:
        held = getattr(timeline, kind)
        if isinstance(held, Mapping) and key not in held:
            continue
        found = held[key]
        match found:
            case Turn():
                rows[TURNS].append(_turn(found))
            case Transcript():
                rows[TRANSCRIPTS] += [_transcript(found)] if found.final else []
            case _:
                body = _ADAPTERS[type(found)].dump_python(found, mode="json", exclude_defaults=True)
                rows["marks"].append({"kind": kind, "item": str(key), "body": body})
    return rows


def all_items(timeline: Timeline) -> list[ItemKey]:
    """Of the whole call."""
    found: list[ItemKey] = []
    for kind in ITEM_KEYS:
        held = getattr(timeline, kind)
        found += [(kind, key) for key in (held if isinstance(held, Mapping) else range(len(held)))]
    return found


def _turn(turn: Turn) -> Row:
    names = ("turn_id", "speaker_id", "channel", "start_ms", "end_ms", "confidence", "provisional")
    return {name: getattr(turn, name) for name in names}


def _transcript(one: Transcript) -> Row:
    words = [
        [_plain(word.text), word.start_ms, word.end_ms, word.speaker_id] for word in one.words if not word.superseded
    ]
    fields = {name: getattr(one, name) for name in ("transcript_id", "channel", "start_ms", "end_ms")}
    return {**fields, "language": _plain(one.language), "words": words}


def _plain(text: str) -> str:
    """Without the one character that PostgreSQL does not take."""
    return text.replace("\0", "")
