"""The AsyncAPI document of the public streams, from the code.

`python -m speakerline.shared.runtime.asyncapi` writes it, `--check` compares it.

The streams between stages are not in it: they are read with cursors, by the runtime alone.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from faststream.redis import RedisBroker
from faststream.specification import AsyncAPI
from pydantic import BaseModel, Field

from speakerline.shared.contract.v1 import CallStarted, TimelineEvent
from speakerline.shared.keys import CALLS, FIREHOSE, REFUSED, dead_key

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "asyncapi.json"


class _Entry(BaseModel):
    """The fields of a stream entry. Names are written as in the .proto files, not in camel case."""

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        return super().model_json_schema(*args, **{**options, "by_alias": False})


class CallEntry(_Entry):
    """An entry of `calls`."""

    event: CallStarted = Field(description="Its JSON, in one field.")


class FirehoseEntry(_Entry):
    """An entry of `timeline`. At least once: (`call_id`, `epoch`, `event.seq`) identifies a repeat."""

    call_id: str
    event: TimelineEvent = Field(description="Its JSON, in one field.")
    audio_at: float = Field(description="Wall-clock second at which the sound concerned reached the producer's client.")
    sent_at: float = Field(description="Wall-clock second at which the entry was written.")
    epoch: str = Field(description="Who wrote it: with `event.seq` it names one event for good. See docs/timeline.md.")


class DeadLetter(_Entry):
    """An entry of `call:{ID}:dead`: what a stage gave up on, and left out with a Gap."""

    stage: str
    log: str = Field(description="Which log of the call it lies in: `speech`, `audio:0`, ...")
    id: str = Field(description="Its entry id in that log.")
    reason: str


class RefusedCall(_Entry):
    """An entry of `calls:refused`: why an announcement was rejected. Kept for a day."""

    entry: str = Field(description="The id that the announcement had in `calls`, as `XADD` answered it.")
    bytes: str = Field(description="Its size.")
    reason: str


def document(version: str = "1") -> dict[str, Any]:
    """The document, as plain values."""
    broker = RedisBroker("redis://127.0.0.1:6379")

    @broker.subscriber(
        stream=CALLS, title=CALLS, description="Producers announce calls; every stage's group reads them."
    )
    async def _called(entry: CallEntry) -> None: ...

    broker.publisher(
        stream=FIREHOSE,
        schema=FirehoseEntry,
        title=FIREHOSE,
        description="Timeline events of all calls, for wallboards.",
    )
    broker.publisher(
        stream=dead_key("call_id"),
        schema=DeadLetter,
        title="dead",
        description="Per call: entries that a stage gave up on. The braces belong to the key.",
    )
    broker.publisher(
        stream=REFUSED,
        schema=RefusedCall,
        title=REFUSED,
        description="Why announcements can't be processed, the newest of a day.",
    )
    specification = AsyncAPI(
        broker,
        title="Speakerline",
        version=version,
        description="Public streams on Redis. Entries are fields and values; events are JSON in the field `event`.",
    )
    plain: dict[str, Any] = json.loads(json.dumps(specification.to_specification().to_jsonable(), sort_keys=True))
    return plain


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where the file is not what the code says")
    text = json.dumps(document(), indent=2) + "\n"
    if parser.parse_args().check:
        if not DOCUMENT.exists() or DOCUMENT.read_text() != text:
            sys.stderr.write(f"{DOCUMENT.name} is stale: python -m speakerline.shared.runtime.asyncapi writes it\n")
            return 1
        return 0
    DOCUMENT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
