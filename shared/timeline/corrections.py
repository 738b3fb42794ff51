"""What operators say of a call, checked against the call as it stands; pure."""

from collections.abc import Mapping
from dataclasses import replace

import betterproto2
from pydantic import TypeAdapter, ValidationError

from speakerline.shared.contract.v1 import Correction, ReassignTurn
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.timeline.timeline import Timeline

LONGEST_ID = 100
LONGEST_NAME = 100
LONGEST_ROLE = 40
_CORRECTION = TypeAdapter(Correction)
ACTS = ("name_speaker", "merge_speakers", "split_speaker", "reassign_turn", "assign_role", "undo")


class InvalidCorrection(SpeakerlineError, ValueError):
    """A correction that makes no sense for this call; the message names the value and what was expected."""


def read_correction(json: bytes) -> Correction:
    """A correction as a client sends it. Raises InvalidCorrection for what is no Correction."""
    try:
        said = _CORRECTION.validate_json(json)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "text"
        raise InvalidCorrection(f"{place}: {first['msg']}") from error
    return checked_form(said)


def checked_form(said: Correction) -> Correction:
    """The correction itself, whatever its call. Raises InvalidCorrection for what none can be."""
    if not _is_text(said.correction_id, LONGEST_ID) or " " in said.correction_id:
        raise InvalidCorrection(f"correction_id {_shown(said.correction_id)}: expected 1 to {LONGEST_ID} characters")
    if said.by and not _is_text(said.by, LONGEST_NAME):
        raise InvalidCorrection(f"by {_shown(said.by)}: expected at most {LONGEST_NAME} printable characters")
    if not betterproto2.which_one_of(said, "act")[0]:
        raise InvalidCorrection(f"no act: expected one of {', '.join(ACTS)}")
    return said


def checked(said: Correction, timeline: Timeline, waiting: Mapping[str, Correction]) -> Correction:
    """The correction, with what the timeline knows of its turn. `waiting`: others that are not on the timeline yet.

    Raises InvalidCorrection."""
    if named := said.name_speaker:
        _known(timeline, named.speaker_id)
        _text_or_nothing("name", named.name, LONGEST_NAME)
    elif role := said.assign_role:
        _known(timeline, role.speaker_id)
        _text_or_nothing("role", role.role, LONGEST_ROLE)
    elif pair := said.merge_speakers:
        _known(timeline, pair.speaker_id)
        _known(timeline, pair.into_speaker_id)
        if timeline.speakers.resolve(pair.speaker_id) == timeline.speakers.resolve(pair.into_speaker_id):
            raise InvalidCorrection(f"{pair.speaker_id} is {pair.into_speaker_id} already: expected two speakers")
    elif split := said.split_speaker:
        _known(timeline, split.speaker_id)
    elif turn := said.reassign_turn:
        return replace(said, reassign_turn=_filled(turn, timeline))
    elif said.undo:
        _holds(said.undo.correction_id, timeline, waiting)
    return said


def undone(corrections: Mapping[str, Correction]) -> set[str]:
    """Ids of the corrections that were taken back."""
    return {one.undo.correction_id for one in corrections.values() if one.undo and not one.refused}


def _filled(asked: ReassignTurn, timeline: Timeline) -> ReassignTurn:
    turn = timeline.turns.get(asked.turn_id)
    if turn is None:
        raise InvalidCorrection(f"turn {_shown(asked.turn_id)}: expected one of the call's turns")
    if asked.speaker_id:
        _known(timeline, asked.speaker_id)
        if timeline.speakers.resolve(asked.speaker_id) == timeline.speakers.resolve(turn.speaker_id):
            raise InvalidCorrection(f"turn {turn.turn_id} is {asked.speaker_id}'s already: expected another speaker")
        if timeline.speakers.by_id[asked.speaker_id].channel != turn.channel:
            expected = f"expected a speaker of channel {turn.channel}, as the turn is"
            raise InvalidCorrection(f"speaker {asked.speaker_id} is on another channel: {expected}")
    span = (turn.channel, turn.start_ms, turn.end_ms)
    return ReassignTurn(asked.turn_id, asked.speaker_id, turn.speaker_id, turn.revision, *span)


def _holds(correction_id: str, timeline: Timeline, waiting: Mapping[str, Correction]) -> None:
    known = {**waiting, **timeline.corrections}
    found = known.get(correction_id)
    if found is None or found.refused or found.undo or correction_id in undone(known):
        raise InvalidCorrection(f"correction {_shown(correction_id)}: expected one that holds, and is no undo")


def _known(timeline: Timeline, speaker_id: str) -> None:
    if speaker_id not in timeline.speakers.by_id:
        known = ", ".join(timeline.speakers.by_id) or "none yet"
        raise InvalidCorrection(f"speaker {_shown(speaker_id)}: expected one of the call's speakers ({known})")


def _text_or_nothing(what: str, text: str, most: int) -> None:
    if text and not _is_text(text, most):
        raise InvalidCorrection(f"{what} {_shown(text)}: expected at most {most} printable characters")


def _is_text(text: str, most: int) -> bool:
    return 1 <= len(text) <= most and text.isprintable() and bool(text.strip())


def _shown(text: str) -> str:
    return repr(text if len(text) <= LONGEST_ROLE else f"{text[:LONGEST_ROLE]}...")
