# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks Compute Engine requests and answers against Google's own discovery document, as the package google-api-python-client ships it.

What the document cannot say stays unchecked: rules between fields, states, quotas, and nearly everything about which fields must be given.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .discovery_schema import Node, Reading, Schemas, check_text, compile_node
from .messages import MISSING

DOCUMENT = "discovery_cache/documents/compute.v1.json"
# Methods that take a resource, or a part of one, as it shall become: what only the service decides has no place there.
# The others (setLabels, setMetadata, setTags ...) are sent back what was read before.
WRITING_VERBS = ("insert", "bulkInsert", "patch", "update", "attach", "create", "add")
# A bound that the document has in words only.
ACCEPTABLE = re.compile(r"Acceptable values are\s+`(\d+)` to `(\d+)`, inclusive")
REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
ZERO_REQUEST_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class MethodMatch:
    """The API method a path belongs to, such as `compute.disks.get`, and the values of its path parameters."""

    method_id: str
    template: str
    params: Mapping[str, str]


@dataclass
class _Method:
    description: Mapping[str, Any]
    template: str
    names: tuple[str, ...]
    _parameters: dict[str, dict[str, Node]] | None = None

    def parameters(self, location: str) -> dict[str, Node]:
        """The parameters of one place, "path" or "query", by name; made ready when first asked for."""
        if self._parameters is None:
            self._parameters = {"path": {}, "query": {}}
            for name, schema in self.description.get("parameters", {}).items():
                node = self._parameters[schema["location"]][name] = compile_node(schema)
                bounds = ACCEPTABLE.search(schema.get("description", ""))
                if bounds is not None and node.kind == "integer":
                    node.minimum, node.maximum = int(bounds[1]), int(bounds[2])
        return self._parameters[location]


@dataclass
class _Branch:
    literals: dict[str, _Branch] = field(default_factory=dict)
    parameter: _Branch | None = None
    methods: dict[str, _Method] = field(default_factory=dict)


class Discovery:
    """One discovery document, with its routes in a tree."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.revision: str = document.get("revision", "")
        self._prefix = document.get("servicePath", "").strip("/").split("/")
        self._schemas = Schemas(document.get("schemas", {}))
        self._common = {name: compile_node(schema) for name, schema in document.get("parameters", {}).items()}
        self._root = _Branch()
        self._methods: dict[str, _Method] = {}
        for description in _walk(document):
            self._add(description)

    @classmethod
    def load(cls) -> Discovery | None:
        """The document of Compute v1 from the installed package, read once per process; None when the package is not installed."""
        return _installed()

    def _add(self, description: Mapping[str, Any]) -> None:
        # `path` may hold a parameter of several segments; `flatPath` has them all.
        template = description.get("flatPath", description["path"])
        branch, names = self._root, []
        for part in template.split("/"):
            if part.startswith("{"):
                names.append(part[1:-1])
                branch.parameter = branch.parameter or _Branch()
                branch = branch.parameter
            else:
                branch = branch.literals.setdefault(part, _Branch())
        method = _Method(description, template, tuple(names))
        branch.methods[description["httpMethod"]] = method
        self._methods[description["id"]] = method

    def find(self, method: str, path: str) -> MethodMatch | None:
        """The API method of a request. `path` has no query; its leading slash, the prefix `compute/v1/` and percent-encoding are optional."""
        segments = [unquote(part) for part in path.lstrip("/").split("/")]
        if segments[: len(self._prefix)] == self._prefix:
            segments = segments[len(self._prefix) :]
        found = _descend(self._root, segments, 0, method.upper(), [])
        if found is None:
            return None
        known, values = found
        return MethodMatch(known.description["id"], known.template, dict(zip(known.names, values)))

    def template_for(self, method: str, path: str) -> str | None:
        """The path template of a request, None when the API has no such method."""
        match = self.find(method, path)
        return None if match is None else match.template

    def check_request(self, match: MethodMatch, query: Sequence[tuple[str, str]], body: Any) -> list[str]:
        """All violations of one request as sentences. `query`: decoded pairs; `body`: parsed JSON, or MISSING."""
        method = self._methods[match.method_id]
        known = method.parameters("path")
        found = [text for name, value in match.params.items() if name in known for text in check_text(known[name], value, f"path part {name}")]
        found += self._check_query(method, query)
        reference = method.description.get("request", {}).get("$ref")
        if reference is None:
            return found if body is MISSING else [*found, f"{match.method_id} takes no body"]
        if body is MISSING:
            return [*found, "the body is missing"]
        verb = match.method_id.rsplit(".", 1)[1]
        # In a patch null is how a field is cleared.
        reading = Reading(match.method_id, refuses_output=verb.startswith(WRITING_VERBS), allows_null=verb.startswith("patch"))
        return found + self._schemas.check(reference, body, reading)

    def check_answer(self, match: MethodMatch, body: Any) -> list[str]:
        """All violations of the body of a successful answer as sentences; `body`: parsed JSON, or MISSING."""
        reference = self._methods[match.method_id].description.get("response", {}).get("$ref")
        if reference is None:
            return [] if body is MISSING or body == {} else [f"{match.method_id} answers without a body"]
        if body is MISSING:
            return ["the body is missing"]
        return self._schemas.check(reference, body, Reading(match.method_id, is_answer=True))

    def unknown_fields(self, match: MethodMatch, paths: Iterable[Sequence[str]]) -> list[str]:
        """Which of the field paths of a filter the listed resources do not have, each with dots; none for a method that lists nothing."""
        reference = self._methods[match.method_id].description.get("response", {}).get("$ref")
        listed = self._schemas.listed(reference) if reference is not None else None
        return [] if listed is None else [".".join(path) for path in paths if not self._schemas.has_field(listed, path)]

    def _check_query(self, method: _Method, query: Sequence[tuple[str, str]]) -> list[str]:
        found: list[str] = []
        described = method.description.get("parameters", {})
        known = method.parameters("query")
        names = [name for name, _value in query]
        for name, value in query:
            node = known.get(name)
            if node is None:
                found += self._check_common(name, value)
            else:
                found += check_text(node, value, f"query {name}")
                if name == "requestId" and (value == ZERO_REQUEST_ID or not REQUEST_ID.fullmatch(value)):
                    found.append(f"query requestId must be a UUID other than zero, not {value!r}")
        for name in dict.fromkeys(names):
            if names.count(name) > 1 and not described.get(name, {}).get("repeated"):
                found.append(f"query parameter {name} is given {names.count(name)} times")
        found += [f"query parameter {name} is missing" for name in known if name not in names and described[name].get("required")]
        return found

    def _check_common(self, name: str, value: str) -> list[str]:
        # Parameters of the protocol may be written with a dollar sign; `$alt` may carry details, as in `json;enum-encoding=int`.
        node = self._common.get(name) or self._common.get(name[1:] if name.startswith("$") else "")
        return [f"unknown query parameter {name}"] if node is None else check_text(node, value.partition(";")[0], f"query {name}")


def _walk(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from _walk(inner)


def _descend(branch: _Branch, segments: Sequence[str], depth: int, method: str, values: list[str]) -> tuple[_Method, list[str]] | None:
    if depth == len(segments):
        return (branch.methods[method], values) if method in branch.methods else None
    part = segments[depth]
    literal = branch.literals.get(part)
    found = _descend(literal, segments, depth + 1, method, values) if literal is not None else None
    if found is None and branch.parameter is not None and part:
        found = _descend(branch.parameter, segments, depth + 1, method, [*values, part])
    return found


@lru_cache(maxsize=1)
def _installed() -> Discovery | None:
    # Finding a top-level package does not import it.
    spec = importlib.util.find_spec("googleapiclient")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        path = Path(folder) / DOCUMENT
        if path.is_file():
            return Discovery(json.loads(path.read_bytes()))
    return None
