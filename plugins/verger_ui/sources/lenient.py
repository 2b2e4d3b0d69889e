"""Base class and types of models that accept any JSON content.

A page must not fail because of one broken or older file. So a member that is missing or malformed gets its default:
None, an empty text, or an empty collection. Types are strict: a text is no number, and a boolean is neither.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

Json = Mapping[str, Any]
Found = TypeVar("Found", bound="Document")


def only_objects(value: Any) -> Any:
    """Keep the JSON objects of a list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else value


def only_lists(value: Any) -> Any:
    """Keep the members of an object that are lists."""
    if not isinstance(value, Mapping):
        return value
    return {name: rows for name, rows in value.items() if isinstance(rows, list)}


def _time(value: Any) -> Any:
    """Parse an ISO 8601 time. A time without a zone is in UTC."""
    if not isinstance(value, str):
        return None
    at = datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, float) and math.isfinite(value) else value


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


LARGEST = 2**53
"""A float holds every integer up to this one."""

Number = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=-LARGEST, le=LARGEST), BeforeValidator(_integer)]
Counts = dict[str, Annotated[Count | None, WrapValidator(_or_none)]]
Time = Annotated[datetime, BeforeValidator(_time)]


class Document(BaseModel):
    """A JSON object whose malformed members get their defaults."""

    model_config = ConfigDict(strict=True, frozen=True)

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_default(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        try:
            return handler(value)
        except ValidationError:
            return cls.model_fields[str(info.field_name)].get_default(call_default_factory=True)

    @classmethod
    def of(cls: type[Found], content: Json | None) -> Found:
        """Return the model of a parsed JSON object; all defaults for None."""
        return cls.model_validate(content or {})
