"""Enrolled voices of a tenant: calls that begin afterwards show their names."""

import asyncio
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel

from speakerline.services.gateway.access import SECURED, Erasing, Here, Operating
from speakerline.services.gateway.auth.principal import Principal, Refused
from speakerline.services.gateway.gateway import Gateway
from speakerline.services.gateway.routes.answers import PROBLEMS, Answers, Problem
from speakerline.services.gateway.uploads import RATE, body_of, samples_of
from speakerline.shared.client.voiceprints import check_name
from speakerline.shared.client.voices import Voices, make_voiceprint

router = APIRouter(tags=["voices"], dependencies=SECURED, responses=PROBLEMS)

Name = Annotated[str, Path(description="1 to 100 printable characters, percent-encoded.", max_length=1200)]
Rate = Annotated[int, Query(ge=8000, le=192_000, description="Samples a second, of bare samples.")]
UNKNOWN: Answers = {404: {"model": Problem, "description": "This tenant has no such voice."}}
TOO_LARGE: Answers = {413: {"model": Problem, "description": "The recording is too large."}}
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


@router.put("/voices/{name}", summary="Enrol a voice, or replace it", openapi_extra=SOUND, responses=TOO_LARGE)
async def enrol_voice(gateway: Here, principal: Operating, name: Name, request: Request, rate: Rate = RATE) -> Voice:
    """The body is a recording of that person alone, with 3 s of speech at least: a WAV file with 16-bit samples, or
    bare 16-bit little-endian samples."""
    checked = check_name(unquote(name))
    body = await body_of(request, gateway.settings.gateway_upload_bytes)
    samples = samples_of(body, rate)
    async with gateway.enrolling, _voices(gateway, principal) as voices:
        voiceprint = await asyncio.to_thread(make_voiceprint, [samples], RATE)
        await voices.store(checked, voiceprint)
    return Voice(name=checked, **_facts(voiceprint))


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
