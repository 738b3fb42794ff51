"""The recorded sound of a call: a WAV file in which a browser seeks, and what of it was lost."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from speakerline.services.gateway.access import SECURED, CallId, Here, Watching, call_of
from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.gateway import Gateway
from speakerline.services.gateway.routes.answers import PROBLEMS, Answers, Problem
from speakerline.services.gateway.routes.archive import ArchiveId
from speakerline.shared.archive.sound import Recording, SoundAway, SoundFolder, wav_bytes, wav_length
from speakerline.shared.audio.pcm import samples_to_ms

router = APIRouter(tags=["archive"], dependencies=SECURED, responses=PROBLEMS)

BLOCK = 262_144
"""Bytes that are sent at once: 16 s at 8 kHz."""
CHANNEL = "A channel, from 0; without it all are mixed."
RANGE = "`bytes=1000-1999`, `bytes=1000-` or `bytes=-1000`: that part alone."
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
UNKNOWN: Answers = {404: {"model": Problem, "description": "This tenant has no such call, or no sound of it."}}
OUTSIDE: Answers = {416: {"model": Problem, "description": "The range lies outside of the file."}}

Channel = Annotated[int | None, Query(ge=0, le=7, description=CHANNEL)]
Range = Annotated[str, Header(alias="Range", description=RANGE, max_length=100)]


class Lost(BaseModel):
    """Sound that is silent in the recording, because it was not there to be recorded."""

    channel: int
    start_ms: int
    end_ms: int


class RecordingFacts(BaseModel):
    sample_rate: int
    channels: int
    duration_ms: int
    closed: bool
    """Whether nothing more will come."""
    lost: list[Lost]


@router.get(
    "/calls/{call_id}/sound",
    summary="The sound of a call (WAV)",
    responses={
        200: {"description": "The file.", "content": {"audio/wav": {}}},
        206: {"description": "The range of it that was asked for.", "content": {"audio/wav": {}}},
        **OUTSIDE,
        **UNKNOWN,
    },
    response_class=Response,
)
async def read_sound(
    gateway: Here,
    principal: Watching,
    call_id: CallId,
    channel: Channel = None,
    archived: ArchiveId = "",
    wanted: Range = "",
) -> Response:
    """One channel or all together, 16 bits, as far as it is recorded; where sound was lost there is silence. Times are
    those of the timeline."""
    folder, recording = await recording_of(gateway, call_of(principal, call_id), archived)
    if channel is not None and channel >= recording.channels:
        raise Refused(404, "unknown", f"channel {channel}: expected 0 to {recording.channels - 1}")
    length = wav_length(recording)
    first, last = _span(wanted, length)
    try:
        begin = await asyncio.to_thread(wav_bytes, folder, recording, first, min(last, first + BLOCK), channel)
    except FileNotFoundError:
        raise Refused(404, "unknown", "no such call, or no sound of it") from None
    except SoundAway as error:
        gateway.log.warning("sound can't be read", error=str(error))
        raise Refused(503, "archive", "the sound can't be reached now: try again") from error
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(last - first), "Cache-Control": "no-store"}
    if wanted:
        headers["Content-Range"] = f"bytes {first}-{last - 1}/{length}"
    blocks = _blocks(folder, recording, begin, first + BLOCK, last, channel)
    return StreamingResponse(blocks, 206 if wanted else 200, headers, "audio/wav")


@router.get("/calls/{call_id}/recording", summary="What was recorded of a call", responses=UNKNOWN)
async def read_recording_facts(
    gateway: Here, principal: Watching, call_id: CallId, archived: ArchiveId = ""
) -> RecordingFacts:
    """How long it is, and where sound was lost."""
    _, recording = await recording_of(gateway, call_of(principal, call_id), archived)
    rate = recording.sample_rate
    lost = [
        Lost(channel=channel, start_ms=samples_to_ms(start, rate), end_ms=samples_to_ms(end, rate))
        for channel in range(recording.channels)
        for start, end in recording.lost(channel)
    ]
    return RecordingFacts(
        sample_rate=rate,
        channels=recording.channels,
        duration_ms=samples_to_ms(recording.samples, rate),
        closed=recording.closed,
        lost=lost,
    )


async def recording_of(gateway: Gateway, call_id: str, archived: str) -> tuple[SoundFolder, Recording]:
    """Where its sound is, and what was recorded so far. Raises Refused with status 404 where there is none."""
    recording = await gateway.archive.recording(call_id, int(archived or 0))
    if recording is None or not recording.samples or gateway.archive.folder is None:
        raise Refused(404, "unknown", "no such call, or no sound of it")
    return gateway.archive.folder, recording


def _span(wanted: str, length: int) -> tuple[int, int]:
    """The bytes [first, last) that a Range header asks for: RFC 9110, 14.1.2. Raises Refused with status 416."""
    if not wanted:
        return 0, length
    found = _RANGE.fullmatch(wanted)
    if found and found[1]:
        first, last = int(found[1]), min(length, int(found[2]) + 1 if found[2] else length)
    elif found and found[2]:
        first, last = max(0, length - int(found[2])), length
    else:
        first, last = length, length
    if first >= last:
        raise Refused(416, "range", f"range {wanted[:40]!r}: expected one within {length} bytes")
    return first, last


async def _blocks(
    folder: SoundFolder, recording: Recording, begin: bytes, first: int, last: int, channel: int | None
) -> AsyncIterator[bytes]:
    yield begin
    for at in range(first, last, BLOCK):
        yield await asyncio.to_thread(wav_bytes, folder, recording, at, min(last, at + BLOCK), channel)
