"""What a tenant sees of its calls: their ids as it gave them, without the tenant that they carry in Redis."""

from pydantic import TypeAdapter

from speakerline.shared.contract.v1 import CallStarted, Snapshot
from speakerline.shared.tenants import DEFAULT, split

_SNAPSHOT = TypeAdapter(Snapshot)
_CALL = TypeAdapter(CallStarted)


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


def rename(snapshot: Snapshot) -> Snapshot:
    """The snapshot, with the id that the tenant gave the call."""
    snapshot.call_id = split(snapshot.call_id)[1]
    if snapshot.call:
        snapshot.call.call_id = snapshot.call_id
    return snapshot


def shown_calls(calls: list[CallStarted]) -> bytes:
    """The JSON of a list of announcements."""
    for call in calls:
        call.call_id = split(call.call_id)[1]
    return b'{"calls":[%s]}' % b",".join(_CALL.dump_json(call, exclude_defaults=True) for call in calls)
