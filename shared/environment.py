"""Options from the environment: `SPEAKERLINE_LEASE_S=3` is `lease_s`, `SPEAKERLINE_VAD_ENTER=0.4` is `vad.enter`.

A secret may come in a file: `SPEAKERLINE_AUTH_SECRET_FILE=/run/secrets/key` is what stands in that file."""

import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import Self

from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.redaction import without_password

PREFIX = "SPEAKERLINE_"


class InvalidSettings(SpeakerlineError, ValueError):
    """An option with a value that it can't have; the message names the option, the value, and what was expected."""


class EnvironmentSettings(BaseModel):
    """A set of options: defaulted, validated. A field that is a dataclass is a group: the names of its options start
    with the group's name."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The options that the environment sets, over the defaults. An empty variable counts as not set.

        Raises InvalidSettings with the option, its value without passwords, and what was expected."""
        given: dict[str, Any] = {}
        for name, info in cls.model_fields.items():
            if is_dataclass(info.annotation):
                group = {field.name: _set(environment, variable(name, field.name)) for field in fields(info.annotation)}
                given[name] = {option: value for option, value in group.items() if value}
            elif value := _set(environment, variable(name)):
                given[name] = value
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            place = [str(part) for part in problem["loc"]]
            if not place:  # a rule about all options, whose message names what is wrong
                raise InvalidSettings(problem["msg"].removeprefix("Value error, ")) from error
            value = without_password(str(problem["input"]))
            raise InvalidSettings(f"{variable(*place)}={value!r}: {problem['msg']}") from error


def variable(*place: str) -> str:
    """The environment variable of an option, by the names of its group and itself."""
    return PREFIX + "_".join(place).upper()


def _set(environment: Mapping[str, str], variable: str) -> str:
    """What a variable is set to, by itself or by a file; empty = it is not set. Raises InvalidSettings."""
    value, path = environment.get(variable, ""), environment.get(f"{variable}_FILE", "")
    if not path:
        return value
    if value:
        raise InvalidSettings(f"{variable} and {variable}_FILE are set: expected one of them")
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"{variable}_FILE={path!r}: expected a text file that can be read ({error})") from error
