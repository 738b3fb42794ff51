"""What a tenant sees of its calls: their ids as it gave them, without the tenant that they carry in Redis."""

from typing import Any

import msgspec
from msgspec import Raw
from pydantic import TypeAdapter

from speakerline.shared.contract.v1 import CallStarted, Snapshot
from speakerline.shared.tenants import DEFAULT, split
from speakerline.shared.timeline.stored import StoredTimeline

_SNAPSHOT = TypeAdapter(Snapshot)
_CALL = TypeAdapter(CallStarted)
_LISTS = msgspec.json.Decoder(dict[str, list[Raw]])


def shown_event(json: bytes, epoch: str, tenant: str) -> bytes:
    """A TimelineEvent as it lies in Redis, with its epoch, for the tenant whose call it is.

    The text is passed on unread. Inside of a JSON string each quotation mark has a backslash, so what is looked for are
    names of fields, and all ids stand before the metadata of the call."""
    if tenant != DEFAULT:
        ids, metadata, rest = json.partition(b'"metadata":')
        json = ids.replace(f'"call_id":"@{tenant}/'.encode(), b'"call_id":"') + metadata + rest
    return json[:-1] + b',"epoch":"%s"}' % epoch.encode() if epoch else json


def shown_snapshot(snapshot: Snapshot) -> bytes:
    """The JSON of a snapshot."""
    return _SNAPSHOT.dump_json(rename(snapshot), exclude_defaults=True)


def shown_timeline(stored: StoredTimeline, call: CallStarted | None) -> bytes:
    """The JSON of the same snapshot, with its lists passed on unread, as events are: a call of hours has megabytes.

    `call`: the announcement, where what is stored does not have it yet."""
    head = stored.head()
    head.call = head.call or call
    fields: dict[str, Any] = msgspec.json.decode(shown_snapshot(head), type=dict[str, Raw])
    for block in stored.blocks():
        for name, items in _LISTS.decode(block).items():
            fields.setdefault(name, []).extend(items)
    return msgspec.json.encode(fields)


def rename(snapshot: Snapshot) -> Snapshot:
    """The snapshot, with the id that the tenant gave the call."""
    snapshot.call_id = split(snapshot.call_id)[1]
    if snapshot.call:
        snapshot.call.call_id = snapshot.call_id
    return snapshot


def shown_calls(calls: list[CallStarted], away: list[int]) -> bytes:
    """The JSON of a list of announcements; `away`: shards that did not answer."""
    for call in calls:
        call.call_id = split(call.call_id)[1]
    shown = b",".join(_CALL.dump_json(call, exclude_defaults=True) for call in calls)
    return b'{"calls":[%s]%s}' % (shown, f',"away":{away}'.encode() if away else b"")
