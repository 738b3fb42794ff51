"""An enum of the contract that reads and writes itself as protobuf's JSON mapping does: by its proto name."""

from typing import Any

import betterproto2
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


class NamedEnum(betterproto2.Enum):
    """Written as the proto name (`GAP_REASON_LOST`); read from the name or the number, as protojson allows."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(cls._write, when_used="json")
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "enum": list(cls.betterproto_renamed_proto_names_to_value()), "title": cls.__name__}

    @classmethod
    def _read(cls, value: Any) -> "NamedEnum":
        if isinstance(value, str):
            number = cls.betterproto_renamed_proto_names_to_value().get(value)
            if number is None:
                known = ", ".join(cls.betterproto_renamed_proto_names_to_value())
                raise ValueError(f"a text of {len(value)} characters is no {cls.__name__}: expected one of {known}")
            return cls(number)
        if isinstance(value, int):
            if value.bit_length() > 31:
                raise ValueError(f"a number of {value.bit_length()} bits is no {cls.__name__}: expected at most 32")
            return cls(value)
        raise ValueError(f"a {type(value).__name__} is no {cls.__name__}: expected a name or a number")

    def _write(self) -> str | int:
        return self.betterproto_value_to_renamed_proto_names().get(int(self), int(self))
