# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Option values: checked before any request, written as the API wants them, and compared with what the API echoes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...core.arguments import Task
from ...core.errors import InvalidRequest

_OBJECT_TYPES = ("Invalid", "All", "VirtualMachine")
_REFERENCES = ("name", "uid")
# Not every server gives these back, and what cannot be seen cannot be called different.
ECHOED_LATER = ("keep_cr_status", "advanced_resource_label_selector", "volume_resource_only_policy_ref")


def text_map(option: str, value: Mapping[Any, Any] | None) -> dict[str, str]:
    """A map of text to text. Numbers become text; what YAML reads as another type is refused, because guessing would be wrong."""
    result: dict[str, str] = {}
    for key, entry in (value or {}).items():
        for part in (key, entry):
            if isinstance(part, bool) or not isinstance(part, (str, int, float)):
                raise InvalidRequest(f"{option}: every key and value must be text; put {part!r} in quotes.")
        result[str(key)] = str(entry)
    return result


def filled_map(option: str, value: Mapping[Any, Any] | None) -> dict[str, str]:
    """The same for mappings between names, where an empty side means nothing. Raises InvalidRequest."""
    result = text_map(option, value)
    for source, target in result.items():
        if not source.strip() or not target.strip():
            raise InvalidRequest(f'{option}: "{source}: {target}" maps from or to an empty name.')
    return result


def rancher_map(option: str, value: Mapping[Any, Any] | None) -> dict[str, str]:
    """Both spellings of a Rancher mapping: one pair as ``key`` and ``value``, or a map. An empty pair is no mapping."""
    if value and set(value) <= {"key", "value"}:
        if set(value) != {"key", "value"}:
            raise InvalidRequest(f"{option}: give both key and value, or a map of source to target.")
        value = {value["key"]: value["value"]} if value["key"] or value["value"] else {}
    return filled_map(option, value)


def object_type(value: Any) -> str | None:
    """``backup_object_type`` as text, from text or ``{type: text}``; None for nothing and for Invalid, which is the API's nothing."""
    if isinstance(value, Mapping):
        if set(value) != {"type"}:
            raise InvalidRequest("backup_object_type: give the type as text, or as a dictionary with the only key type.")
        value = value["type"]
    if value in (None, "", "Invalid"):
        return None
    if value not in _OBJECT_TYPES:
        raise InvalidRequest(f"backup_object_type must be one of {', '.join(_OBJECT_TYPES)}, not {value!r}.")
    return str(value)


def cluster_option(task: Task) -> dict[str, Any]:
    """``cluster_ref``, or ``cluster``, which may be a name or a uid: the one that was given. Raises InvalidRequest."""
    ref = reference(task["cluster_ref"])
    if task["cluster"] and ref and task["cluster"] not in ref.values():
        raise InvalidRequest("cluster and cluster_ref name two clusters: give one of them.")
    if ref:
        return {"cluster_ref": ref}
    if not task["cluster"]:
        raise InvalidRequest("operation CREATE on provider px_backup needs the option cluster_ref, with a name or a uid.")
    return {"cluster": task["cluster"]}


def required_reference(option: str, value: Mapping[str, Any] | None) -> dict[str, str]:
    """The same as ``reference``. Raises InvalidRequest when both parts are empty."""
    ref = reference(value)
    if not ref:
        raise InvalidRequest(f"{option} needs a name or a uid.")
    return ref


def reference(value: Mapping[str, Any] | None) -> dict[str, str]:
    """The parts of a reference that the user gave."""
    return {part: value[part] for part in _REFERENCES if value.get(part)} if value else {}


def resources(value: Iterable[Mapping[str, Any]] | None) -> list[dict[str, str]]:
    """``include_resources`` as the API wants it; a group that is empty is the core API."""
    return [{part: text for part, text in entry.items() if text is not None} for entry in value or []]


def without_nothing(body: Mapping[str, Any]) -> dict[str, Any]:
    """``body`` without its empty parts: the server reads an absent field as its zero value."""
    return {key: value for key, value in body.items() if value is not None and value not in ("", [], {})}


def without_none(value: Any) -> Any:
    """The value without its parts that are None: suboptions that were not given, and what a server writes out as null."""
    if isinstance(value, Mapping):
        return {key: without_none(entry) for key, entry in value.items() if entry is not None}
    return [without_none(entry) for entry in value] if isinstance(value, list) else value


def differences(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """What of ``wanted`` (option to value, only what the user gave) is not as ``there`` says, as sentences without an end."""
    return [
        f"{option} (asked for: {value!r}, there is: {there.get(option)!r})"
        for option, value in wanted.items()
        if not _equal(option, value, there.get(option)) and (option in there or option not in ECHOED_LATER)
    ]


def _equal(option: str, wanted: Any, there: Any) -> bool:
    if option == "cluster":
        return wanted in (there or {}).values()
    if option.endswith("_ref"):
        return _same_object(wanted or {}, there or {})
    if option == "ownership":
        return all(_comparable(value) == _comparable((there or {}).get(part)) for part, value in (wanted or {}).items() if value is not None)
    if option.endswith("_mapping") or option == "label_selectors":
        return not wanted or dict(wanted) == dict(there or {})
    # The server's defaults for what was never set: what exists is kept, and all kinds of objects are taken.
    defaults = {"replace_policy": "Retain", "backup_object_type": "All", "backup_type": "Normal"}
    is_there = _comparable(there)
    return bool(_comparable(wanted) == (defaults.get(option) if is_there is None and wanted else is_there))


def _same_object(wanted: Mapping[str, str], there: Mapping[str, str]) -> bool:
    """Whether what the user gave of a reference fits. An older server echoes no uid: then the name decides, if it was given."""
    compared = {part: value for part, value in wanted.items() if there.get(part) or part == "name" or "name" not in wanted}
    return all(value == there.get(part) for part, value in compared.items())


def _comparable(value: Any) -> Any:
    """A form in which equal means equal: order, zero values, {"type": word} for a word, and the two spellings of the core API."""
    if isinstance(value, Mapping):
        if set(value) == {"type"}:
            return _comparable(value["type"])
        parts = {str(key): "" if (key, part) == ("group", "core") else _comparable(part) for key, part in value.items()}
        return tuple(sorted((key, part) for key, part in parts.items() if part not in (None, ""))) or None
    if isinstance(value, (list, tuple)):
        return tuple(sorted({_comparable(entry) for entry in value}, key=repr)) or None
    return None if value in ("", "Invalid", False) else value
