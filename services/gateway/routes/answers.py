"""What the OpenAPI document says of answers: the messages of the contract, and how errors look."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter

from speakerline.shared.contract import v1

Answers = dict[int | str, dict[str, Any]]

REFERENCE = "#/components/schemas/{model}"
CONTRACT = (v1.TimelineEvent, v1.Snapshot, v1.CallStarted, v1.Correction)


class Problem(BaseModel):
    """Why a request was not served."""

    detail: str
    """What was wrong, and what was expected."""


PROBLEMS: Answers = {
    400: {"model": Problem, "description": "An id, a name or a number that can't be."},
    401: {"model": Problem, "description": "No key or token, or one that is not valid (any more)."},
    403: {"model": Problem, "description": "The role is missing, or the request comes from another site."},
    429: {"model": Problem, "description": "This tenant has too many of these open."},
    503: {"model": Problem, "description": "Redis or the archive is away: try again."},
}
UNKNOWN: Answers = {404: {"model": Problem, "description": "This tenant has no such call."}}


def json_of(message: type[Any], text: str) -> Answers:
    """A 200 that is a message of the contract."""
    schema = {"$ref": REFERENCE.format(model=message.__name__)}
    return {200: {"description": text, "content": {"application/json": {"schema": schema}}}}


def contract_schemas() -> Mapping[str, Any]:
    """The schemas of the contract, by name, as they are on the wire: in snake_case, defaults left out."""
    found: dict[str, Any] = {}
    for message in CONTRACT:
        adapter: TypeAdapter[Any] = TypeAdapter(message)
        schema = adapter.json_schema(by_alias=False, mode="serialization", ref_template=REFERENCE)
        found |= schema.pop("$defs", {})
        found[message.__name__] = schema
    return found
