"""The names of all keys in Redis, and the rule for call ids.

A call is a small directory under one hash tag, so all its keys share a slot of Redis Cluster:

    calls                          one entry per call: CallStarted
    call:{ID}:meta                 what was announced, which stages work on it, how many are done
    call:{ID}:audio:<channel>      frames; the entry id is the sample position where the frame ends
    call:{ID}:<stream>             events; the entry id is `<at_ms>-<n>`
    call:{ID}:sounds               audio of separated sources, by source id
    call:{ID}:stage:<name>         fencing token, read positions and state of one stage
    call:{ID}:dead                 entries that a stage gave up on
    forgotten:<digest of ID>       after an erasure, for a day: the producer, if known, that can't bring the call back
    timeline                       the firehose: timeline events of all calls, for an hour
    calls:copy, timeline:copy      while an erasure writes them anew
    rewrite:due, rewrite:pause     whether the append-only file is to be rewritten, and not yet
    rewrite:run                    the run of Redis since whose start it was rewritten
    wake:<worker>, calls:wake:<stage>   streams that make the blocked reads of workers return
    loads:<stage>                  how many calls each worker of a stage holds; for an hour after the last of them
    audiosocket:<uuid>             what the gateway was told of a connection that is to come; for two minutes
    voiceprints                    the enrolled voices of all tenants, by `shared.tenants.owned` names
    archive                        how far the archive is, how long calls wait for it, whether it records; for a week
    archive:erasures               calls that `forget` erased and the archive has not, yet
    archive:erased:<digest of ID>  how many archived calls were erased; for a minute
    archive:amending:<digest of ID>  a gateway corrects an archived call; while it does
    archive:amending:<digest of ID>:late  the event that the archive must reach before the next one; for ten minutes

On several shards each has all of these keys for the calls that are its own, behind a prefix (`shard_prefix`), and all
of `voiceprints`; `audiosocket:<uuid>` is on the shard of the UUID. On one shard there is no prefix.

Keys of a call that is neither announced nor running get a lifetime (shared/runtime/orphans.py). Without one are only
`calls`, `timeline`, `rewrite:due`, `rewrite:run`, `calls:wake:<stage>`, `voiceprints`, and calls that run.
"""

import binascii
import hashlib
import re

from speakerline.shared.errors import SpeakerlineError

CALLS = "calls"
REFUSED = "calls:refused"
"""Why announcements were rejected; bounded, and kept for a day."""
FIREHOSE = "timeline"
REWRITE_DUE = "rewrite:due"
REWRITE_PAUSE = "rewrite:pause"
REWRITE_RUN = "rewrite:run"
ARCHIVE = "archive"
ERASURES = "archive:erasures"

LAST_POSITION = 2**53 - 1
"""Position of the closing entry of every log: the largest integer that Lua and JSON hold exactly, so that Redis refuses
every later entry, because each real position is smaller."""

_CALL_ID = re.compile(r"[!-z|~]{1,200}")
EXPECTED_ID = "expected 1 to 200 printable ASCII characters without spaces or braces"


class InvalidCallId(SpeakerlineError, ValueError):
    """A call id that can't be part of a Redis key."""


def is_call_id(call_id: str) -> bool:
    """Whether it has 1 to 200 printable ASCII characters, no spaces or braces."""
    return bool(_CALL_ID.fullmatch(call_id))


def check_call_id(call_id: str) -> str:
    """The id itself. Raises InvalidCallId unless `is_call_id`."""
    if not is_call_id(call_id):
        shown = call_id if len(call_id) <= 40 else f"{call_id[:40]}... ({len(call_id)} characters)"
        raise InvalidCallId(f"call id {shown!r}: {EXPECTED_ID}")
    return call_id


def shard_of(call_id: str, shards: int) -> int:
    """On which of so many shards a call is, counted from 0: CRC-16/XMODEM of its id, modulo their number.

    The CRC is that of Redis Cluster: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/"""
    return binascii.crc_hqx(call_id.encode(), 0) % shards


def shard_prefix(number: int, shards: int) -> str:
    """What the keys of a shard begin with. A hash tag, so that all of them share a slot of Redis Cluster: a script or a
    read may name any of them. These names lie about evenly over 2, 3 or 4 primaries that share the slots."""
    return f"{{calls_{number}}}:" if shards > 1 else ""


def stream_key(call_id: str, stream: str) -> str:
    """Key of an event stream of the call, such as `speech` or `timeline`."""
    return f"call:{{{call_id}}}:{stream}"


def audio_key(call_id: str, channel: int) -> str:
    return f"call:{{{call_id}}}:audio:{channel}"


def stage_key(call_id: str, stage: str) -> str:
    return f"call:{{{call_id}}}:stage:{stage}"


def sounds_key(call_id: str) -> str:
    return f"call:{{{call_id}}}:sounds"


def meta_key(call_id: str) -> str:
    return f"call:{{{call_id}}}:meta"


def dead_key(call_id: str) -> str:
    return f"call:{{{call_id}}}:dead"


def loads_key(stage: str) -> str:
    return f"loads:{stage}"


def forgotten_key(call_id: str) -> str:
    """It does not tell the id."""
    return f"forgotten:{hashlib.sha256(call_id.encode()).hexdigest()}"


def archived_erased_key(call_id: str) -> str:
    """It does not tell the id, either."""
    return f"archive:erased:{hashlib.sha256(call_id.encode()).hexdigest()}"


def amending_key(call_id: str) -> str:
    """Nor does this."""
    return f"archive:amending:{hashlib.sha256(call_id.encode()).hexdigest()}"


def late_key(call_id: str) -> str:
    """The `seq` that the archive has to reach before the next correction of an archived call."""
    return f"{amending_key(call_id)}:late"
