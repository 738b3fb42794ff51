"""What is sent with a request. A route reads it only once it knows who asks: of a stranger nothing is kept."""

from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from speakerline.services.gateway.auth.principal import Refused

LARGEST_JSON = 200_000
"""Room for metadata of 64 kB, however JSON escapes it."""

Model = TypeVar("Model", bound=BaseModel)


async def body_of(request: Request, most: int) -> bytes:
    """All bytes that are sent. Raises Refused with status 413 beyond `most`, however many were announced."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Refused(413, "upload", f"more than {most} bytes: expected less")
    return bytes(body)


async def read_json(request: Request, model: type[Model]) -> Model:
    """What is asked for, in JSON. Raises Refused with status 413, RequestValidationError."""
    body = await body_of(request, LARGEST_JSON)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from error


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """For the OpenAPI document: the route's body is JSON of this model."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}
