# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks JSON values and texts against the schemas of a Google discovery document."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
# Two spellings are in use, and only the newer one comes with `readOnly`.
OUTPUT_ONLY = re.compile(r"(?:optional\. )?\[?output[ -]only", re.IGNORECASE)
# Marked as output, yet the method's own description names it as one of the few fields that can be changed.
INPUT_AFTER_ALL = {("compute.images.patch", "deprecated")}
DURATION = re.compile(r"-?\d+(\.\d{1,9})?s")
PYTHON_TYPES: dict[str, type] = {"string": str, "boolean": bool, "integer": int, "object": dict, "array": list}


@dataclass(frozen=True)
class Reading:
    """How a body is to be read: for which method, and what is forgiven there."""

    method_id: str = ""
    is_answer: bool = False
    refuses_output: bool = False
    allows_null: bool = False


@dataclass
class Node:
    """A schema made ready for checking. `plain` is the type that alone decides, None when more than the type counts."""

    kind: str
    reference: str | None = None
    plain: type | None = None
    enum: frozenset[str] | None = None
    pattern: re.Pattern[str] | None = None
    format: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    output_only: bool = False
    fields: dict[str, Node] = field(default_factory=dict)
    required: dict[str, frozenset[str]] = field(default_factory=dict)
    items: Node | None = None
    values: Node | None = None


def compile_node(schema: Mapping[str, Any]) -> Node:
    """A node of a schema and of what is spelled out inside it; references stay names."""
    kind = schema.get("type", "any")
    described = schema.get("description", "")
    node = Node(kind=kind, reference=schema.get("$ref"), format=schema.get("format"))
    node.output_only = bool(schema.get("readOnly")) or OUTPUT_ONLY.match(described) is not None
    node.enum = frozenset(schema["enum"]) if "enum" in schema else None
    node.pattern = re.compile(schema["pattern"]) if "pattern" in schema else None
    node.minimum, node.maximum = (int(schema[end]) if end in schema else None for end in ("minimum", "maximum"))
    node.fields = {name: compile_node(item) for name, item in schema.get("properties", {}).items()}
    annotations = {name: item.get("annotations", {}) for name, item in schema.get("properties", {}).items()}
    node.required = {name: frozenset(notes["required"]) for name, notes in annotations.items() if "required" in notes}
    node.items = compile_node(schema["items"]) if "items" in schema else None
    node.values = compile_node(schema["additionalProperties"]) if "additionalProperties" in schema else None
    if kind in ("string", "boolean") and not (node.enum or node.pattern or node.format):
        node.plain = PYTHON_TYPES[kind]
    return node


class Schemas:
    """The named schemas of one document; each is made ready when it is first needed."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas
        self._nodes: dict[str, Node] = {}

    def named(self, name: str) -> Node:
        """The node of a schema. Raises KeyError for a name the document does not have."""
        if name not in self._nodes:
            self._nodes[name] = compile_node(self._schemas[name])
        return self._nodes[name]

    def check(self, name: str, value: Any, reading: Reading) -> list[str]:
        """All violations of a body as sentences; `name` is its schema."""
        found: list[str] = []
        self._check(self.named(name), value, "body", reading, found)
        return found

    def listed(self, name: str) -> Node | None:
        """What a list answer holds: the elements of its `items`, which an aggregated list groups by place; None when it is no list."""
        items = self.named(name).fields.get("items")
        if items is not None and items.values is not None and items.values.reference is not None:
            group = self.named(items.values.reference)
            items = next((node for node in group.fields.values() if node.kind == "array"), None)
        return None if items is None else items.items

    def has_field(self, node: Node, path: Sequence[str]) -> bool:
        """Whether a path of names leads to a field; lists are passed through, and a map has every key."""
        while node.reference is not None or node.items is not None:
            node = self.named(node.reference) if node.reference is not None else node.items or node
        if not path or node.kind == "any":
            return True
        inner = node.fields.get(path[0]) or node.values
        return inner is not None and self.has_field(inner, path[1:])

    def _check(self, node: Node, value: Any, where: str, reading: Reading, found: list[str]) -> None:
        if node.reference is not None:
            node = self.named(node.reference)
        if node.kind == "any":
            return
        if node.kind == "object":
            if isinstance(value, dict):
                self._check_object(node, value, where, reading, found)
            else:
                found.append(f"{where} must be an object, not {json_type(value)}")
        elif node.kind == "array":
            if not isinstance(value, list):
                found.append(f"{where} must be an array, not {json_type(value)}")
            elif node.items is not None:
                for index, item in enumerate(value):
                    if item.__class__ is not node.items.plain:
                        self._check(node.items, item, f"{where}[{index}]", reading, found)
        else:
            found += _check_scalar(node, value, where, reading)

    def _check_object(self, node: Node, value: dict[str, Any], where: str, reading: Reading, found: list[str]) -> None:
        fields, values = node.fields, node.values
        for name, item in value.items():
            known = fields.get(name)
            if known is None:
                if values is None:
                    found.append(f"{where}.{name} is not a field of the contract")
                elif item.__class__ is not values.plain:
                    self._check(values, item, f"{where}[{name}]", reading, found)
                continue
            if known.output_only and reading.refuses_output and (reading.method_id, name) not in INPUT_AFTER_ALL:
                found.append(f"{where}.{name} is output only")
            if item.__class__ is known.plain:
                continue
            if item is None:
                if not reading.allows_null:
                    found.append(f"{where}.{name} is null")
                continue
            self._check(known, item, f"{where}.{name}", reading, found)
        for name, methods in node.required.items():
            if name not in value and reading.method_id in methods and not reading.is_answer:
                found.append(f"{where}.{name} is missing")


def check_text(node: Node, value: str, where: str) -> list[str]:
    """A value spelled as text: parts of a path, all of a query, and strings of a body."""
    if node.kind == "boolean":
        return [] if value in ("true", "false") else [f"{where} must be true or false, not {value!r}"]
    if node.enum is not None and value not in node.enum:
        return [f"{where} must be one of {', '.join(sorted(node.enum))}, not {value!r}"]
    if node.pattern is not None and not node.pattern.fullmatch(value):
        return [f"{where} must match {node.pattern.pattern}, not {value!r}"]
    if node.kind == "integer" or node.format in RANGES:
        if not re.fullmatch(r"-?[0-9]{1,40}", value):
            return [f"{where} must be an integer, not {value!r}"]
        return _check_range(node, int(value), where)
    if node.kind == "number":
        return [] if re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", value) else [f"{where} must be a number, not {value!r}"]
    if node.format is not None and not _has_format(node.format, value):
        return [f"{where} must be of format {node.format}, not {value!r}"]
    return []


def _check_scalar(node: Node, value: Any, where: str, reading: Reading) -> list[str]:
    if node.kind == "string" and isinstance(value, str):
        return check_text(node, value, where)
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    # 64 bits are spelled as a string, since JSON numbers lose digits; going in, a number is taken too.
    if is_integer and (node.kind == "integer" or (node.kind == "string" and node.format in RANGES and not reading.is_answer)):
        return _check_range(node, value, where)
    if (node.kind == "number" and (is_integer or isinstance(value, float))) or (node.kind == "boolean" and isinstance(value, bool)):
        return []
    return [f"{where} must be of type {node.kind}, not {json_type(value)}"]


def _check_range(node: Node, value: int, where: str) -> list[str]:
    low, high = RANGES.get(node.format or "", (None, None))
    low = node.minimum if node.minimum is not None else low
    high = node.maximum if node.maximum is not None else high
    if (low is not None and value < low) or (high is not None and value > high):
        return [f"{where} must be from {low} to {high}, not {value}"]
    return []


@lru_cache(maxsize=4096)
def _has_format(form: str, value: str) -> bool:
    if form == "byte":
        # Fingerprints come in the URL-safe alphabet as well.
        try:
            base64.b64decode(value.translate({0x2D: "+", 0x5F: "/"}), validate=True)
        except (binascii.Error, ValueError):
            return False
    elif form == "google-datetime":
        try:
            return datetime.fromisoformat(value.replace("Z", "+00:00")).tzinfo is not None
        except ValueError:
            return False
    elif form == "google-duration":
        return DURATION.fullmatch(value) is not None
    return True


def json_type(value: Any) -> str:
    """What JSON calls the type of a parsed value."""
    for kind, name in ((bool, "boolean"), ((int, float), "number"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return name
    return "null"
