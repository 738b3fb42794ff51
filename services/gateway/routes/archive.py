"""Calls that are over, long after Redis has let them go: found by time, party, queue, speaker and words."""

from datetime import datetime, timezone
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from speakerline.services.gateway.access import SECURED, Here, Watching
from speakerline.services.gateway.routes.answers import PROBLEMS, Answers, Problem
from speakerline.shared.archive import words
from speakerline.shared.archive.ids import LAST
from speakerline.shared.archive.search import FoundCall, FoundSpeaker, Wanted
from speakerline.shared.archive.snippets import Snippet

router = APIRouter(tags=["archive"], dependencies=SECURED, responses=PROBLEMS)

NO_ARCHIVE: Answers = {404: {"model": Problem, "description": "This gateway has no archive."}}
FROM = "Began then or later: RFC 3339, or a day. Without an offset it is UTC."
TO = "Began before."
PARTY = "Any value of the metadata, such as a number or the name of an agent; case does not matter."
QUEUE = "The value of `queue` in the metadata."
SPEAKER = "The name of somebody in the call."
WORDS = 'Words: `refund`, `"car light"`, `refu*`, `-music`. All that are named must be in the call.'
BEFORE = "`next` of the page before this one."
_NUMBER = r"^(\d{0,18}|[1-8]\d{18})$"
"""A number that every database takes: below 2^63."""

ArchiveId = Annotated[
    str,
    Query(
        pattern=_NUMBER,
        description="`archived` of a call that was found: that one, and not a newer one of the same id.",
    ),
]


class ArchivedCall(BaseModel):
    """A call in the archive. Its speakers are those who talked most first; times are ms."""

    archived: str
    """Names this call for good, as `?archived=` of other routes; its `call_id` may come again."""
    call_id: str
    began_at: str
    """RFC 3339, by the clock of Redis."""
    started_at: str
    """As its producer announced it."""
    metadata: dict[str, str]
    channels: int
    language: str
    ended: bool
    """Whether its end was seen: a call may be running."""
    end_reason: str
    lost: bool
    """Whether Redis lost it, or its end came unseen: what is here may not be all of it."""
    recorded: bool
    """Whether there is sound of it."""
    duration_ms: int
    speech_ms: int
    overlap_ms: int
    silence_ms: int
    gap_ms: int
    longest_monologue_ms: int
    interruptions: int
    words: int
    speakers: list[FoundSpeaker]
    snippets: list[Snippet]
    """Where words were looked for: the first places where they are."""


class Page(BaseModel):
    """Calls, the newest first."""

    calls: list[ArchivedCall]
    next: str
    """For `before`; empty where nothing follows."""


@router.get("/archive/calls", summary="Find calls", responses=NO_ARCHIVE)
async def find_calls(
    gateway: Here,
    principal: Watching,
    since: Annotated[datetime | None, Query(alias="from", description=FROM)] = None,
    until: Annotated[datetime | None, Query(alias="to", description=TO)] = None,
    party: Annotated[str, Query(max_length=200, description=PARTY)] = "",
    queue: Annotated[str, Query(max_length=200, description=QUEUE)] = "",
    speaker: Annotated[str, Query(max_length=200, description=SPEAKER)] = "",
    q: Annotated[str, Query(max_length=words.LONGEST_QUERY, description=WORDS)] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    before: Annotated[str, Query(pattern=_NUMBER, description=BEFORE)] = "",
) -> Page:
    """The tenant's calls that have all of what is asked for, the newest first. Running ones are among them; their words
    are found within a minute."""
    query = words.Query.read(q) if q.strip() else None
    wanted = Wanted(_ms(since), _ms(until), party, queue, speaker, query)
    found = await gateway.archive.search(principal.tenant, wanted, limit + 1, min(int(before or LAST), LAST))
    more = len(found) > limit
    shown = [_shown(call) for call in found[:limit]]
    return Page(calls=shown, next=shown[-1].archived if more else "")


def _ms(at: datetime | None) -> int:
    if at is None:
        return 0
    return max(0, int((at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp() * 1000))


def _shown(call: FoundCall) -> ArchivedCall:
    began = datetime.fromtimestamp(call.began_at_ms / 1000, timezone.utc).isoformat(timespec="milliseconds")
    same = {name: getattr(call, name) for name in ArchivedCall.model_fields if hasattr(call, name)}
    return ArchivedCall(archived=str(call.archive_id), began_at=began.replace("+00:00", "Z"), **same)
