"""Options from the environment: `SPEAKERLINE_LEASE_S=3` is `lease_s`, `SPEAKERLINE_VAD_ENTER=0.4` is `vad.enter`."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

PREFIX = "SPEAKERLINE_"

Model = TypeVar("Model", bound=BaseModel)


class InvalidSettings(ValueError):
    """An option with a value that it can't have; the message names the option, the value, and what was expected."""


def read_settings(model: type[Model], environment: Mapping[str, str]) -> Model:
    """The options of the model that the environment sets, over its defaults. An empty variable counts as not set.

    A field that is a dataclass is a group: its options carry the group's name in front. Raises InvalidSettings."""
    given: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        if is_dataclass(info.annotation):
            group = {field.name: environment.get(_variable(name, field.name)) for field in fields(info.annotation)}
            given[name] = {option: value for option, value in group.items() if value}
        elif value := environment.get(_variable(name)):
            given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = [str(part) for part in problem["loc"]]
        raise InvalidSettings(f"{_variable(*place)}={problem['input']!r}: {problem['msg']}") from error


def _variable(*place: str) -> str:
    return PREFIX + "_".join(place).upper()
