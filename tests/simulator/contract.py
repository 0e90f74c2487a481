# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks requests against a published Swagger 2.0 description: route, query, path parts and every field of the body."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from .messages import MISSING

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_DIRECTORY = REPOSITORY.parent / "shared" / "contracts"
# What Go's strconv.ParseBool takes.
BOOLEANS = ("1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False")
INTEGER_FORMATS = ("int32", "int64", "uint32", "uint64")


def contracts_directory(given: str | None = None) -> str | None:
    """Where the contracts are: as given, else SIMULATOR_CONTRACTS, else `../shared/contracts` beside the repository; None when there is no such folder."""
    chosen = given or os.environ.get("SIMULATOR_CONTRACTS") or DEFAULT_DIRECTORY
    return str(chosen) if Path(chosen).is_dir() else None


class SwaggerContract:
    """One Swagger 2.0 document. `open_query` is a pattern of query names that are fine although the document leaves them out."""

    def __init__(self, document: Mapping[str, Any], open_query: str | None = None) -> None:
        self._definitions = document.get("definitions", {})
        self._paths = [(path.strip("/").split("/"), methods) for path, methods in document["paths"].items()]
        self._open_query = re.compile(open_query) if open_query else None

    @classmethod
    def load(cls, path: str | Path, open_query: str | None = None) -> SwaggerContract:
        """Reads a document from a file."""
        return cls(json.loads(Path(path).read_text("utf-8")), open_query)

    def knows(self, segments: Sequence[str]) -> bool:
        """Whether any path of the document fits, whatever the method."""
        return any(_fits(template, segments) for template, _methods in self._paths)

    def check(self, method: str, segments: Sequence[str], query: Sequence[tuple[str, str]], body: Any) -> list[str]:
        """All violations of one request as sentences. `segments`: decoded parts of the path; `body`: parsed JSON, or MISSING."""
        fitting = [(template, methods) for template, methods in self._paths if _fits(template, segments)]
        if not fitting:
            return [f"no such route: /{'/'.join(segments)}"]
        with_method = [(template, methods[method.lower()]) for template, methods in fitting if method.lower() in methods]
        if not with_method:
            return [f"no method {method} on /{'/'.join(fitting[0][0])}"]
        # A template with more literal parts is the more specific one.
        template, operation = max(with_method, key=lambda pair: sum(not part.startswith("{") for part in pair[0]))
        found = [f"path part {part} is empty" for part, value in zip(template, segments) if part.startswith("{") and not value]
        parameters = operation.get("parameters", [])
        found += self._check_query({item["name"]: item for item in parameters if item["in"] == "query"}, query)
        wanted = next((item for item in parameters if item["in"] == "body"), None)
        if wanted is None:
            return found if body is MISSING else [*found, f"{method} on this route takes no body"]
        if body is MISSING:
            return [*found, "the body is missing"]
        return found + self._check_value(wanted["schema"], body, "body")

    def _check_query(self, known: Mapping[str, Any], query: Sequence[tuple[str, str]]) -> list[str]:
        found: list[str] = []
        names = [name for name, _value in query]
        for name, value in query:
            if name not in known:
                if not (self._open_query and self._open_query.fullmatch(name)):
                    found.append(f"unknown query parameter {name}")
                continue
            schema = known[name]
            if schema.get("type") == "array":
                schema = schema["items"]
            elif names.count(name) > 1:
                found.append(f"query parameter {name} is given {names.count(name)} times")
            found += _check_text(schema, value, f"query {name}")
        found += [f"query parameter {name} is missing" for name, item in known.items() if item.get("required") and name not in names]
        return found

    def _check_value(self, schema: Mapping[str, Any], value: Any, where: str) -> list[str]:
        if "$ref" in schema:
            schema = self._definitions[schema["$ref"].rsplit("/", 1)[1]]
        if value is None:
            return [f"{where} is null"]
        if "enum" in schema:
            return _check_enum(schema["enum"], value, where)
        kind = schema.get("type", "object")
        if kind == "array":
            if not isinstance(value, list):
                return [f"{where} must be an array, not {_json_type(value)}"]
            return [text for index, item in enumerate(value) for text in self._check_value(schema.get("items", {}), item, f"{where}[{index}]")]
        if kind == "object":
            return self._check_object(schema, value, where)
        if kind == "string" and schema.get("format") in INTEGER_FORMATS and isinstance(value, int) and not isinstance(value, bool):
            return []
        if kind == "string" and isinstance(value, str):
            return _check_text(schema, value, where)
        fits = {"boolean": isinstance(value, bool), "integer": _is_number(value, int), "number": _is_number(value, (int, float))}
        return [] if fits.get(kind, False) else [f"{where} must be of type {kind}, not {_json_type(value)}"]

    def _check_object(self, schema: Mapping[str, Any], value: Any, where: str) -> list[str]:
        if not isinstance(value, dict):
            return [f"{where} must be an object, not {_json_type(value)}"]
        if "additionalProperties" in schema:
            return [text for key, item in value.items() for text in self._check_value(schema["additionalProperties"], item, f"{where}[{key}]")]
        properties = schema.get("properties", {})
        found = [f"{where}.{name} is missing" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            if name in properties:
                found += self._check_value(properties[name], item, f"{where}.{name}")
            else:
                found.append(f"{where}.{name} is not a field of the contract")
        return found


def _fits(template: Sequence[str], segments: Sequence[str]) -> bool:
    return len(template) == len(segments) and all(part.startswith("{") or part == value for part, value in zip(template, segments))


def _check_enum(names: Sequence[str], value: Any, where: str) -> list[str]:
    # Protocol buffers allow the number in place of the name.
    fits = 0 <= value < len(names) if _is_number(value, int) else value in names
    return [] if fits else [f"{where} must be one of {', '.join(names)}, not {value!r}"]


def _check_text(schema: Mapping[str, Any], value: str, where: str) -> list[str]:
    """A value spelled as text: all of a query, and strings with a format in a body."""
    if "enum" in schema:
        return _check_enum(schema["enum"], int(value) if value.isdigit() else value, where)
    if schema.get("type") == "boolean":
        return [] if value in BOOLEANS else [f"{where} must be a boolean, not {value!r}"]
    form = schema.get("format")
    if form in INTEGER_FORMATS or schema.get("type") == "integer":
        return [] if re.fullmatch(r"\d+" if str(form).startswith("u") else r"-?\d+", value) else [f"{where} must be an integer, not {value!r}"]
    if form == "date-time":
        try:
            datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return [f"{where} must be a date and time as in RFC 3339, not {value!r}"]
    return []


def _is_number(value: Any, kinds: Any) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _json_type(value: Any) -> str:
    for kind, name in ((bool, "boolean"), ((int, float), "number"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return name
    return "null"
