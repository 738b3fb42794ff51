"""`correct`: what an operator knows better of a call that Redis holds, from the command line."""

import argparse
import asyncio
import secrets
import time
from typing import Any

from speakerline.shared.addresses import address_of
from speakerline.shared.client.amendments import correct_or_amend
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.contract.v1 import (
    AssignRole,
    Correction,
    MergeSpeakers,
    NameSpeaker,
    ReassignTurn,
    SplitSpeaker,
    Undo,
)
from speakerline.shared.keys import check_call_id
from speakerline.shared.runtime.connection import connect
from speakerline.shared.timeline.corrections import checked_form
from speakerline.tools.cli.commands import add_command
from speakerline.tools.cli.redis_option import add_redis_option, check_redis
from speakerline.tools.failure import Failure

LOOK_EVERY_S = 0.1


def add_to(commands: Any) -> None:
    correcting = add_command(
        commands, "correct", help="correct a call that runs or has just ended: who is who, and who said what"
    )
    correcting.add_argument("call", metavar="ID", help="the id of a call")
    acts = correcting.add_mutually_exclusive_group(required=True)
    acts.add_argument("--name", nargs=2, metavar=("SPEAKER", "NAME"), help="the name of a speaker; '' for none")
    acts.add_argument("--role", nargs=2, metavar=("SPEAKER", "ROLE"), help="what a speaker is, such as agent")
    acts.add_argument("--merge", nargs=2, metavar=("SPEAKER", "INTO"), help="two speakers are one person")
    acts.add_argument("--split", metavar="SPEAKER", help="a speaker who was merged is somebody else after all")
    acts.add_argument(
        "--turn",
        nargs="+",
        metavar=("TURN", "SPEAKER"),
        help="whose a turn is, by the id that `watch --turns` shows; alone: somebody new's",
    )
    acts.add_argument("--undo", metavar="CORRECTION", help="take a correction back, by the id that was printed")
    correcting.add_argument("--by", default="", metavar="NAME", help="who says so")
    correcting.add_argument("--wait", type=float, default=10.0, metavar="S", help="for the timeline (default: 10)")
    add_redis_option(correcting)
    correcting.set_defaults(run=_correct)


async def _correct(given: argparse.Namespace) -> int:
    said = checked_form(_correction(given))
    check_call_id(given.call)
    await check_redis(given.redis)
    redis = connect(address_of(given.redis, given.call))
    try:
        async with Subscriber(given.redis) as subscriber:
            taken = await correct_or_amend(redis, await subscriber.timeline(given.call), said)
            told = await _told(subscriber, given.call, said.correction_id, given.wait)
    finally:
        await redis.aclose()
    if told and told.refused:
        raise Failure(f"not applied: {told.refused}")
    state = "applied" if told else f"will be applied when the call has passed {taken.at_ms} ms"
    print(f"correction {said.correction_id} {state}")
    return 0


async def _told(subscriber: Subscriber, call_id: str, correction_id: str, wait_s: float) -> Correction | None:
    """The correction on the timeline; None where it is not there in time."""
    until = time.monotonic() + wait_s
    while True:
        if told := (await subscriber.timeline(call_id)).corrections.get(correction_id):
            return told
        if time.monotonic() >= until:
            return None
        await asyncio.sleep(LOOK_EVERY_S)


def _correction(given: argparse.Namespace) -> Correction:
    said = Correction(secrets.token_hex(6), given.by)
    if given.name:
        said.name_speaker = NameSpeaker(*given.name)
    elif given.role:
        said.assign_role = AssignRole(*given.role)
    elif given.merge:
        said.merge_speakers = MergeSpeakers(*given.merge)
    elif given.split:
        said.split_speaker = SplitSpeaker(given.split)
    elif given.turn:
        if len(given.turn) > 2:
            raise Failure(f"--turn {' '.join(given.turn)}: expected a turn, and one speaker at most")
        said.reassign_turn = ReassignTurn(*given.turn)
    else:
        said.undo = Undo(given.undo)
    return said
