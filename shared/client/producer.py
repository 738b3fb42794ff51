"""Publishes call audio: in order, without repeats, with bounded buffers, and through outages of Redis."""

import uuid
from collections.abc import Callable

from typing_extensions import Self

from speakerline.shared.client.outgoing import CallTaken, OutgoingCall, ProducerError
from speakerline.shared.client.places import places_at
from speakerline.shared.client.sender import Manner, Sender
from speakerline.shared.codec import check_call
from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.keys import shard_of

__all__ = ["LIMIT_S", "CallTaken", "OutgoingCall", "Producer", "ProducerError"]

LIMIT_S = 60.0
"""How far the slowest stage that reads audio may fall behind before frames wait in the producer."""


class Producer:
    """Sends calls to the Redis at `url`, or each to its shard. `async with` closes it, and so does `aclose`. One per
    process is enough.

    producer_id: identifies this producer, so that no other can send its calls; a random one by default.
    linger_s: pause between batches of frames, in seconds.
    limit_s: how many seconds of audio the slowest stage may be behind before frames wait here.
    patience_s: how many seconds `start` waits for an unreachable Redis.
    on_accepted: called when Redis has answered, with the seconds since `send` of the oldest frame that it took.
    gather_ms: frames of a channel that wait together, and follow each other, become one of this length at most.

    Raises ValueError for a URL of no Redis."""

    def __init__(
        self,
        url: str,
        producer_id: str | None = None,
        linger_s: float = 0.01,
        limit_s: float = LIMIT_S,
        patience_s: float = 10.0,
        on_accepted: Callable[[float], None] | None = None,
        gather_ms: int = 0,
    ) -> None:
        self.producer_id = producer_id or uuid.uuid4().hex
        self._gather_ms = gather_ms
        manner = Manner(self.producer_id, linger_s, limit_s, patience_s, on_accepted)
        self._senders = [Sender(address, manner) for address in places_at(url)]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def start(
        self, call: CallStarted, buffer_s: float = 30.0, resume: bool = True, reorder_ms: int = 200
    ) -> OutgoingCall:
        """Announce a call; its frames may be sent from now on. Up to `buffer_s` seconds of them are buffered.

        A restarted producer with the same `producer_id` may continue a call; its frames then need `end_sample`. With
        `resume` False it may not: the id must be new. A frame behind a hole waits for those in it until sound has come
        for `reorder_ms`.
        Raises InvalidEvent for an invalid announcement, ProducerError where the id is taken or Redis is unreachable."""
        call.producer_id = self.producer_id
        sender = self._senders[shard_of(check_call(call).call_id, len(self._senders))]
        outgoing = OutgoingCall(sender, call, buffer_s, reorder_ms, self._gather_ms)
        await sender.start(outgoing, resume)
        return outgoing

    async def aclose(self) -> None:
        """Close the connections. A call that was not ended is closed by the stages after two hours without audio."""
        for sender in self._senders:
            await sender.aclose()
