"""Enrolled voices of a tenant: calls that begin afterwards show their names."""

import asyncio
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from speakerline.services.gateway.access import SECURED, CallId, Erasing, Here, Operating, call_of
from speakerline.services.gateway.auth.principal import Principal, Refused
from speakerline.services.gateway.bodies import body_of, read_json, takes
from speakerline.services.gateway.gateway import Gateway
from speakerline.services.gateway.own_speech import own_speech
from speakerline.services.gateway.routes.answers import PROBLEMS, Answers, Problem
from speakerline.services.gateway.routes.archive import ArchiveId
from speakerline.services.gateway.routes.calls import snapshot_of
from speakerline.services.gateway.routes.sound import recording_of
from speakerline.services.gateway.uploads import RATE, resampled, samples_of
from speakerline.shared.archive.sound import Recording, SoundFolder, read_samples
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import ms_to_samples, to_float32
from speakerline.shared.client.voiceprints import check_name
from speakerline.shared.client.voices import Voices
from speakerline.shared.timeline.spans import Spans
from speakerline.shared.timeline.timeline import Timeline

router = APIRouter(tags=["voices"], dependencies=SECURED, responses=PROBLEMS)

Name = Annotated[str, Path(description="1 to 100 printable characters, percent-encoded.", max_length=1200)]
Rate = Annotated[int, Query(ge=8000, le=192_000, description="Samples a second, of bare samples.")]
UNKNOWN: Answers = {404: {"model": Problem, "description": "This tenant has no such voice."}}
UNKNOWN_SPEECH: Answers = {404: {"model": Problem, "description": "No such call or speaker, or no sound of it."}}
UPLOAD_S = 60.0
"""How long a recording may take to come: it keeps others waiting."""
LATE: Answers = {408: {"model": Problem, "description": "The recording came too slowly."}}
TOO_LARGE: Answers = {413: {"model": Problem, "description": "What was sent is too large."}}
SOUND: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class Voice(BaseModel):
    name: str
    embedder: str
    """The model that made the voiceprint; only that of the system's stages can be compared with calls."""
    clean_s: float
    """Seconds of speech that it was made from."""


class VoiceList(BaseModel):
    voices: list[Voice]


class Erased(BaseModel):
    erased: str


@router.get("/voices", summary="Enrolled voices")
async def list_voices(gateway: Here, principal: Operating) -> VoiceList:
    """By name."""
    async with _voices(gateway, principal) as voices:
        found = await voices.read()
    return VoiceList(voices=[Voice(name=name, **_facts(found[name])) for name in sorted(found)])


@router.put(
    "/voices/{name}",
    summary="Enrol a voice, or replace it",
    openapi_extra=SOUND,
    responses={**LATE, **TOO_LARGE},
)
async def enrol_voice(gateway: Here, principal: Operating, name: Name, request: Request, rate: Rate = RATE) -> Voice:
    """The body is a recording of that person alone, with 3 s of speech at least: a WAV file with 16-bit samples, or
    bare 16-bit little-endian samples. The first two minutes count."""
    checked = check_name(unquote(name))
    async with gateway.uploading:
        body = await _upload(gateway, request)
        voiceprint = await gateway.enrolling.voiceprint_of(lambda: [samples_of(body, rate)])
    async with _voices(gateway, principal) as voices:
        await voices.store(checked, voiceprint)
    return Voice(name=checked, **_facts(voiceprint))


async def _upload(gateway: Gateway, request: Request) -> bytes:
    try:
        return await asyncio.wait_for(body_of(request, gateway.settings.gateway_upload_bytes), UPLOAD_S)
    except asyncio.TimeoutError as error:
        raise Refused(408, "upload", f"the recording took more than {UPLOAD_S:g} s to come") from error


class FromCall(BaseModel):
    speaker_id: Annotated[str, Field(max_length=100)]
    name: Annotated[str, Field(max_length=100)] = ""
    """Empty: as the speaker is called in the call."""


@router.post(
    "/calls/{call_id}/voices",
    summary="Enrol the voice of a speaker of a call",
    status_code=201,
    openapi_extra=takes(FromCall),
    responses={**UNKNOWN_SPEECH, **TOO_LARGE},
)
async def enrol_speaker(
    gateway: Here, principal: Operating, call_id: CallId, request: Request, archived: ArchiveId = ""
) -> Voice:
    """From the recorded sound of the call, where nobody else speaks on the channel: 3 s at least, a minute at most. The
    call may still run. A voice of this name is replaced."""
    asked = await read_json(request, FromCall)
    internal = call_of(principal, call_id)
    timeline = Timeline.from_snapshot(await snapshot_of(gateway, internal, archived))
    if asked.speaker_id not in timeline.speakers.by_id:
        raise Refused(404, "unknown", f"no speaker {asked.speaker_id[:40]!r} in this call")
    person = timeline.speakers.by_id[timeline.speakers.resolve(asked.speaker_id)]
    name = check_name(asked.name or person.name)
    folder, recording = await recording_of(gateway, internal, archived)
    channel, spans = own_speech(timeline, person.speaker_id)
    voiceprint = await gateway.enrolling.voiceprint_of(lambda: _heard(folder, recording, channel, spans))
    async with _voices(gateway, principal) as voices:
        await voices.store(name, voiceprint)
    return Voice(name=name, **_facts(voiceprint))


def _heard(folder: SoundFolder, recording: Recording, channel: int, spans: Spans) -> list[Float32s]:
    rate = recording.sample_rate
    at = [(ms_to_samples(start, rate), min(recording.samples, ms_to_samples(end, rate))) for start, end in spans]
    heard = [to_float32(read_samples(folder, recording, start, end, channel)) for start, end in at if start < end]
    return [resampled(one, rate) for one in heard]


@router.delete("/voices/{name}", summary="Erase a voice", responses=UNKNOWN)
async def erase_voice(gateway: Here, principal: Erasing, name: Name) -> Erased:
    """Calls that have shown the name keep it until they are erased or expire."""
    checked = check_name(unquote(name))
    async with _voices(gateway, principal) as voices:
        if not await voices.erase(checked):
            raise Refused(404, "unknown", "no such voice")
    return Erased(erased=checked)


def _voices(gateway: Gateway, principal: Principal) -> Voices:
    return Voices(gateway.settings.redis_url, principal.tenant)


def _facts(voice: Any) -> dict[str, Any]:
    return {"embedder": voice.embedder, "clean_s": voice.clean_s}
