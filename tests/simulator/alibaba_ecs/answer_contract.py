# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks answers against the published description: names and types of all fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .rpc_contract import FILE, SECTIONS

TYPES: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "float": (int, float), "boolean": bool}


class AnswerContract:
    """The fields of the answers of each action: {(version, action): {name: type | {...} | [...]}}."""

    def __init__(self, actions: Mapping[tuple[str, str], Any]) -> None:
        self._actions = actions

    @classmethod
    def load(cls, directory: str | None) -> AnswerContract | None:
        """Reads the description; None when it is not there."""
        path = Path(directory or ".") / FILE
        if directory is None or not path.is_file():
            return None
        document, actions = json.loads(path.read_text("utf-8")), {}
        for section, version in SECTIONS.items():
            for action, parts in document[section].items():
                older = parts.get("api_docs_2024_06", {}).get("responses", {}).get("200", {}).get("schema", {})
                actions[version, action] = _merged(_plain(older), parts.get("response_names_2026_10", {}))
        return cls(actions)

    def check(self, version: str, action: str, answer: Any) -> list[str]:
        """All violations as sentences; [] for an action that is not described."""
        known = self._actions.get((version, action))
        return _check(known, answer, action) if known else []


def _plain(schema: Mapping[str, Any]) -> Any:
    """A schema in the short form that the newer names have."""
    kind = schema.get("type", "object")
    if kind == "array":
        return [_plain(schema.get("items", {}))]
    if kind == "object":
        return {name: _plain(item) for name, item in schema.get("properties", {}).items()}
    return kind


def _merged(older: Any, newer: Any) -> Any:
    if isinstance(older, dict) and isinstance(newer, dict):
        return {name: _merged(older.get(name, newer.get(name)), newer.get(name, older.get(name))) for name in {**older, **newer}}
    if isinstance(older, list) and isinstance(newer, list) and older and newer:
        return [_merged(older[0], newer[0])]
    return older or newer


def _check(known: Any, value: Any, where: str) -> list[str]:
    if isinstance(known, dict):
        if not isinstance(value, dict):
            return [f"{where} must be an object, not {value!r}"]
        unknown = [f"{where}.{name} is not a field of the answer" for name in value if known and name not in known]
        return unknown + [text for name, item in value.items() if name in known for text in _check(known[name], item, f"{where}.{name}")]
    if isinstance(known, list):
        if not isinstance(value, list):
            return [f"{where} must be a list, not {value!r}"]
        return [text for number, item in enumerate(value) for text in _check(known[0], item, f"{where}[{number}]")]
    wanted = TYPES.get(str(known), object)
    fits = isinstance(value, wanted) and (known == "boolean" or not isinstance(value, bool))
    return [] if fits or wanted is object else [f"{where} must be of type {known}, not {value!r}"]
