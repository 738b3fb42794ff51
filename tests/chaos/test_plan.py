"""What a chaos run plays."""

from tests.chaos.plan import Plan, plan_toys
from tests.runtime.toy_stages import FATAL


def fatal_frames(plan: Plan) -> int:
    return sum(pcm[0] == FATAL for call in plan.calls for _, pcm in call.frames)


def test_a_call_kills_whoever_handles_it_unless_nobody_is_to_be_killed() -> None:
    assert fatal_frames(plan_toys(4, 60.0, 7, 25.0)) == 1
    assert fatal_frames(plan_toys(4, 60.0, 7, 25.0, fatal_calls=0)) == 0
