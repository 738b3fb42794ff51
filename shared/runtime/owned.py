"""A call in the hands of a worker: the lease it is held by, its work, and how far what it holds is trusted."""

import asyncio
import time
from dataclasses import dataclass, field

from speakerline.shared.contract.v1 import CallStarted, ServiceClass
from speakerline.shared.runtime.call import CallWork
from speakerline.shared.runtime.ownership import Claim
from speakerline.shared.runtime.pace import Pace
from speakerline.shared.runtime.stage import CallStage
from speakerline.shared.runtime.trust import CallTrust


@dataclass(slots=True, eq=False)
class OwnedCall:
    claim: Claim
    call: CallStarted
    work: CallWork
    stage: CallStage
    trust: CallTrust = field(default_factory=CallTrust)
    heard_at: float = field(default_factory=time.monotonic)
    opened_at: float = field(default_factory=time.monotonic)
    tries: int = 0
    """How often what comes after the cursors was tried by one who knew it to be suspect, as counted in Redis."""
    leaving: bool = False
    """Whether it goes to a peer: the step at hand is finished and committed, and no other begun."""
    trimmed: dict[str, int] = field(default_factory=dict)
    driving: "asyncio.Task[None] | None" = None
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        """The id of the announcement begins with the millisecond at which Redis took it."""
        self.pace = Pace(int(self.claim.entry.partition(b"-")[0]) / 1000)

    @property
    def bulk(self) -> bool:
        """Whether nobody waits for it."""
        return self.call.service_class == ServiceClass.BULK

    @property
    def busy(self) -> bool:
        """Whether there is anything to do, or to commit."""
        work = self.work
        return bool(self.driving or self.trust.to_reload or work.waiting or work.uncommitted.since)

    @property
    def id(self) -> str:
        return self.call.call_id
