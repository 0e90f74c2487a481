# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON as the gateway reads and writes it: field types, defaults, names or numbers for enums, 64-bit integers as strings.

Inside the simulator a message is a plain dict that has every field: "" 0 False [] {} or, for a message or a time, None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Union

from .errors import INVALID_ARGUMENT, ApiError


@dataclass(frozen=True)
class Scalar:
    """A string, a bool, an int64 (an int inside, a string on the wire) or a timestamp (RFC 3339 text)."""

    kind: str


@dataclass(frozen=True)
class Enumeration:
    """An enum; inside and in answers its name."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Repeated:
    """A list."""

    item: Any


@dataclass(frozen=True)
class StringMap:
    """A map of string to string."""


@dataclass(frozen=True, eq=False)
class Message:
    """A message: field name to type."""

    fields: Mapping[str, Any]


FieldType = Union[Scalar, Enumeration, Repeated, StringMap, Message]
STRING, BOOL, INT64, TIMESTAMP = Scalar("string"), Scalar("bool"), Scalar("int64"), Scalar("timestamp")
STRINGS, STRING_MAP = Repeated(STRING), StringMap()
ZERO = {"string": "", "bool": False, "int64": 0, "timestamp": None}


def default(kind: FieldType) -> Any:
    """The value of a field that was not sent."""
    if isinstance(kind, Scalar):
        return ZERO[kind.kind]
    if isinstance(kind, Enumeration):
        return kind.names[0]
    if isinstance(kind, Repeated):
        return []
    return {} if isinstance(kind, StringMap) else None


def empty(kind: Message, **values: Any) -> dict[str, Any]:
    """A message with every field at its default, except those given."""
    return {**{name: default(field) for name, field in kind.fields.items()}, **values}


def decode_message(kind: Message, value: Any, where: str = "body") -> dict[str, Any]:
    """`decode` for a message that is there: null is the empty one."""
    return {**empty(kind), **(decode(kind, value, where) or {})}


def decode(kind: FieldType, value: Any, where: str = "body") -> Any:
    """Reads a value from a request. Unknown fields are ignored, null is the default; a wrong type raises ApiError (InvalidArgument)."""
    if value is None:
        return default(kind)
    if isinstance(kind, Message):
        _expect(isinstance(value, dict), where, value, "object")
        return {name: decode(field, value.get(name), f"{where}.{name}") for name, field in kind.fields.items()}
    if isinstance(kind, Repeated):
        _expect(isinstance(value, list), where, value, "array")
        return [decode(kind.item, item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(kind, StringMap):
        _expect(isinstance(value, dict) and all(isinstance(item, str) for item in value.values()), where, value, "map of string to string")
        return dict(value)
    if isinstance(kind, Enumeration):
        return enum_name(kind, value, where)
    if kind is BOOL:
        _expect(isinstance(value, bool), where, value, "bool")
        return value
    if kind is INT64:
        _expect(not isinstance(value, bool) and re.fullmatch(r"-?\d+", str(value)) is not None, where, value, "integer")
        return int(value)
    _expect(isinstance(value, str), where, value, "string")
    return value


def enum_name(kind: Enumeration, value: Any, where: str) -> str:
    """The name for a name or a number. Raises ApiError (InvalidArgument) for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(kind.names):
        return kind.names[value]
    if isinstance(value, str) and value in kind.names:
        return value
    raise ApiError(INVALID_ARGUMENT, f"unknown value {value!r} for enum at {where}")


def render(kind: FieldType, value: Any, emit_defaults: bool) -> Any:
    """A value as it is sent. Without `emit_defaults` fields at their default are left out; user maps stay whole."""
    if isinstance(kind, Message):
        if value is None:
            return None
        return {
            name: render(field, value[name], emit_defaults) if nested else value[name]
            for name, field, blank, nested in _layout(kind)
            if emit_defaults or value[name] != blank
        }
    if isinstance(kind, Repeated):
        return [render(kind.item, item, emit_defaults) for item in value]
    return str(value) if kind is INT64 else value


@cache
def _layout(kind: Message) -> list[tuple[str, Any, Any, bool]]:
    """(name, type, default, whether the value has to be rendered) of every field; kept, because lists of objects go through it all the time."""
    return [(name, field, default(field), field is INT64 or isinstance(field, (Message, Repeated))) for name, field in kind.fields.items()]


def _expect(fits: bool, where: str, value: Any, wanted: str) -> None:
    if not fits:
        raise ApiError(INVALID_ARGUMENT, f"json: cannot unmarshal {type(value).__name__} into field {where} of type {wanted}")
