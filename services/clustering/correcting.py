"""Applies what an operator says to the clustering of a call.

correction ──known already──> nothing
    └──can't be──> the correction, with why it changes nothing
    └──> the correction, then what follows: speakers created, merged, split, named; turns; roles
"""

from collections.abc import Mapping
from dataclasses import replace

from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.hand import Hand, number_of
from speakerline.services.clustering.roster import speaker_id
from speakerline.shared.contract.v1 import (
    Correction,
    ReassignTurn,
    SpeakerMerged,
    SpeakerRole,
    SpeakerSplit,
    Turn,
    TurnBody,
)


def correct(call: CallClusterer, said: Correction, now_ms: int) -> list[TurnBody]:
    """Take a correction in at this position; returns it, with what changed because of it."""
    hand = call.hand
    if said.correction_id in hand.known:
        return []
    hand.known.add(said.correction_id)
    if problem := _problem(call, said):
        return [replace(said, refused=problem)]
    changes: list[TurnBody] = [said]
    roles, same = _roles(hand), dict(hand.same)
    turn, undone = said.reassign_turn, hand.find(said.undo.correction_id) if said.undo else None
    if turn and not turn.speaker_id:
        hand.created[said.correction_id], created = call.roster.create(turn.channel)
        changes.append(created)
    if undone:
        hand.given.remove(undone)
    else:
        hand.given.append(said)
    hand.derive()
    changes += _regrouped(same, hand.same)
    for channel in sorted(call.channels):
        changes += call.relabel(channel, now_ms)
    if turn:
        changes += _moved_settled(call, turn, hand.pins[-1].speaker)
    if undone and undone.reassign_turn:
        changes += _moved_settled(call, undone.reassign_turn, number_of(undone.reassign_turn.from_speaker_id))
    return changes + call.named() + _changed_roles(roles, _roles(hand))


def _problem(call: CallClusterer, said: Correction) -> str:
    """Why it can't be applied, with what was expected; empty where it can."""
    hand = call.hand
    if one := said.name_speaker or said.assign_role:
        return _unknown(call, one.speaker_id)
    if pair := said.merge_speakers:
        return _unknown(call, pair.speaker_id, pair.into_speaker_id) or _unlike(
            call, pair.speaker_id, pair.into_speaker_id
        )
    if split := said.split_speaker:
        known = number_of(split.speaker_id) in hand.same
        expected = "expected one whom an operator merged into another; else give one of its turns to somebody else"
        return "" if known else f"{split.speaker_id}: {expected}"
    if turn := said.reassign_turn:
        return _wrong_turn(call, turn)
    if undo := said.undo:
        return "" if hand.find(undo.correction_id) else f"{undo.correction_id}: expected a correction that holds"
    return "no act: expected one of those of Correction"


def _wrong_turn(call: CallClusterer, turn: ReassignTurn) -> str:
    if turn.end_ms <= turn.start_ms or turn.channel not in call.channels:
        return f"{turn.start_ms} to {turn.end_ms} ms of channel {turn.channel}: expected the span of a turn"
    if not turn.speaker_id:
        return ""
    if problem := _unknown(call, turn.speaker_id):
        return problem
    if call.roster.channels[number_of(turn.speaker_id)] != turn.channel:
        return f"{turn.speaker_id} is on another channel than the turn: expected a speaker of channel {turn.channel}"
    same = call.hand.person(number_of(turn.speaker_id)) == call.hand.person(number_of(turn.from_speaker_id))
    return f"{turn.turn_id} is {turn.speaker_id}'s already" if same else ""


def _unknown(call: CallClusterer, *speaker_ids: str) -> str:
    count = len(call.roster.channels)
    wrong = [one for one in speaker_ids if not 0 <= number_of(one) < count]
    known = f"one of S1 to S{count}" if count else "a speaker, and there is none yet"
    return f"speaker {wrong[0]!r}: expected {known}" if wrong else ""


def _unlike(call: CallClusterer, one: str, other: str) -> str:
    """Why two speakers can't be merged."""
    if call.hand.person(number_of(one)) == call.hand.person(number_of(other)):
        return f"{one} is {other} already"
    channels = [call.roster.channels[number_of(speaker)] for speaker in (one, other)]
    apart = f"{one} is on channel {channels[0]} and {other} on channel {channels[1]}: expected speakers of one channel"
    return apart if channels[0] != channels[1] else ""


def _regrouped(before: Mapping[int, int], now: Mapping[int, int]) -> list[TurnBody]:
    """What viewers are told of speakers who are shown as others now."""
    changes: list[TurnBody] = []
    moved = sorted(one for one in before.keys() | now.keys() if before.get(one) != now.get(one))
    changes += [SpeakerSplit(speaker_id(one), speaker_id(before[one])) for one in moved if one in before]
    changes += [SpeakerMerged(speaker_id(one), speaker_id(now[one])) for one in moved if one in now]
    return changes


def _moved_settled(call: CallClusterer, turn: ReassignTurn, speaker: int) -> list[TurnBody]:
    """A turn that is older than what is remembered, as another's; its voiceprints stay where they are."""
    if turn.end_ms > call.channels[turn.channel].settled.through_ms - call.settings.gap_ms:
        return []
    before = call.hand.settled.get(turn.turn_id)
    if before is None:
        before = Turn(
            turn.turn_id, turn.revision, turn.from_speaker_id, turn.channel, turn.start_ms, turn.end_ms, 1.0, False
        )
    now = replace(before, revision=before.revision + 1, speaker_id=speaker_id(speaker))
    call.hand.settled[turn.turn_id] = now
    return [now]


def _roles(hand: Hand) -> dict[int, str]:
    return {hand.person(one): hand.role_of(hand.person(one)) or "" for one in hand.roles}


def _changed_roles(before: Mapping[int, str], now: Mapping[int, str]) -> list[TurnBody]:
    everyone = sorted(before.keys() | now.keys())
    return [
        SpeakerRole(speaker_id(one), now.get(one, "")) for one in everyone if before.get(one, "") != now.get(one, "")
    ]
