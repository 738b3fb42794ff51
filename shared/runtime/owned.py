"""A call in the hands of a worker: the lease it is held by, its work, and how much trust it has left.

  take                 drive                        commit accepted
───────> trusted ──────────────> trusted ───────────────────────────> ... finished
            │  error in a step, refused or unknown commit                  ^
            v                                                              │
         doubtful ──reload what is committed──> careful: one entry at a time, tries counted in Redis,
            ^                                     │       dead letter after too many
            └─────────────────────────────────────┘
  lost: another owner has it, or it was forgotten; nothing of it may be written any more (the token sees to that)
"""

import asyncio
import time
from dataclasses import dataclass, field

from shared.contract.v1 import CallStarted
from shared.runtime.audio_reader import RedisAudio
from shared.runtime.call import CallWork
from shared.runtime.ownership import Claim
from shared.runtime.stage import CallStage

CAREFUL_ENTRIES = 64
"""How many entries go one by one after an error."""

MAX_RETRY_S = 5.0


@dataclass(eq=False, slots=True)
class OwnedCall:
    claim: Claim
    call: CallStarted
    work: CallWork
    stage: CallStage
    audio: RedisAudio
    careful: int = 0
    """Entries that still go one by one."""
    doubtful: bool = False
    lost: bool = False
    fails: int = 0
    retry_at: float = 0.0
    heard_at: float = field(default_factory=time.monotonic)
    trimmed: dict[str, int] = field(default_factory=dict)
    driving: "asyncio.Task[None] | None" = None

    @property
    def id(self) -> str:
        return self.call.call_id

    def doubt(self, now: float) -> None:
        """What is in memory may not be what is committed: reload, after a pause that grows with every failure."""
        self.doubtful = True
        self.retry_at = now + min(MAX_RETRY_S, 0.01 * 2**self.fails)

    def suspect(self, now: float) -> None:
        """A step failed: from now on, entry by entry."""
        self.fails += 1
        self.careful = CAREFUL_ENTRIES
        self.doubt(now)

    def trust(self) -> None:
        """A commit was accepted."""
        self.fails = 0
        self.careful = max(0, self.careful - 1)
