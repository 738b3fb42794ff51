"""Decides whether a service is alive and whether it makes progress; /healthz and /readyz ask. Pure."""

ALIVE_S = 20.0
"""The loop comes round several times a second, and after at most one socket timeout when Redis hangs."""

STUCK_S = 30.0


def alive(now: float, turned_at: float) -> tuple[bool, str]:
    """Whether the loop still comes round; when not, only a restart helps."""
    silent_s = now - turned_at
    if silent_s > ALIVE_S:
        return False, f"the loop has not come round for {silent_s:.0f} s"
    return True, "alive"


def ready(
    now: float, turned_at: float, redis_problem: str, progressed_at: float, pending: int, owned: int, group_lag: int
) -> tuple[bool, str]:
    """Whether Redis answers and work moves. How much waits does not matter, as long as it moves.

    `redis_problem`: why Redis can't be used now, empty where it can; `progressed_at`: when anything moved last, or
    nothing was waiting; `pending`: entries in memory that could be worked on; `group_lag`: announced calls that no
    worker of the stage has taken."""
    living, reason = alive(now, turned_at)
    if not living:
        return False, reason
    if redis_problem:
        return False, redis_problem
    stuck_s = now - progressed_at
    if stuck_s > STUCK_S:
        waiting = f"{pending} entries of {owned} calls and {group_lag} new calls wait"
        return False, f"{waiting}, and nothing moved for {stuck_s:.0f} s"
    return True, "ready"
