"""A call in the hands of a worker: the lease it is held by, its work, and how far what it holds is trusted."""

import asyncio
import time
from dataclasses import dataclass, field

from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.runtime.call import CallWork
from speakerline.shared.runtime.ownership import Claim
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
    trimmed: dict[str, int] = field(default_factory=dict)
    shed_level: int = -1
    """What the stage was last told; -1 = nothing yet."""
    driving: "asyncio.Task[None] | None" = None

    @property
    def id(self) -> str:
        return self.call.call_id
