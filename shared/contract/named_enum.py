"""An enum of the contract that reads and writes itself as protobuf's JSON mapping does: by its proto name.

A value that only a newer version knows is an error, or the first of the enum where the reader asks for that: it gives a
list as the context of the validation, which such values are added to.
"""

from typing import Any

import betterproto2
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


class NamedEnum(betterproto2.Enum):
    """Written as the proto name (`GAP_REASON_LOST`); read from the name or the number, as protojson allows."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(cls._write, when_used="json")
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "enum": list(cls.betterproto_renamed_proto_names_to_value()), "title": cls.__name__}

    @classmethod
    def _read(cls, value: Any, info: core_schema.ValidationInfo) -> "NamedEnum":
        if not isinstance(value, str | int):
            raise ValueError(f"a {type(value).__name__} is no {cls.__name__}: expected a name or a number")
        if isinstance(value, int) and value.bit_length() > 31:
            raise ValueError(f"a number of {value.bit_length()} bits is no {cls.__name__}: expected at most 32")
        names = cls.betterproto_renamed_proto_names_to_value()
        number = names.get(value) if isinstance(value, str) else value
        if isinstance(info.context, list) and number not in names.values():
            info.context.append(value)
            return cls(0)
        if number is None:
            known = ", ".join(names)
            raise ValueError(f"a text of {len(str(value))} characters is no {cls.__name__}: expected one of {known}")
        return cls(number)

    def _write(self) -> str | int:
        return self.betterproto_value_to_renamed_proto_names().get(int(self), int(self))
