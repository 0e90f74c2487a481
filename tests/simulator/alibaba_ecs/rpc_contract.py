# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the parameters of a call against the published description of its API, or, without one, against a smaller list."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .params import COMMON

FILE = "alibaba_ecs.json"
SECTIONS = {"ecs_2014_05_26": "2014-05-26", "sts_2015_04_01": "2015-04-01", "vpc_2016_04_28": "2016-04-28"}
# What is known without the description: the names of booleans and integers, and what an action needs.
BOOLEANS = {"Force", "DryRun", "DeleteWithInstance", "DeleteAutoSnapshot", "EnableAutoSnapshot", "Encrypted", "DeletionProtection", "ForceStop", "All"}
BOOLEANS |= {"UniqueSuffix", "EnableParameter", "ConfirmStop", "Bootable", "InstantAccess", "DeleteOnRelease", "SourceDestCheck", "IncludePublicKey"}
INTEGERS = {"PageNumber", "PageSize", "MaxResults", "RetentionDays", "Amount", "Size", "NewSize", "Timeout", "DurationSeconds", "LockDuration", "CoolOffPeriod"}
NEEDED: dict[str, tuple[str, ...]] = {
    "CreateSnapshot": ("DiskId",),
    "DeleteSnapshot": ("SnapshotId",),
    "ResetDisk": ("DiskId", "SnapshotId"),
    "AttachDisk": ("InstanceId", "DiskId"),
    "DetachDisk": ("InstanceId", "DiskId"),
    "DeleteDisk": ("DiskId",),
    "StartInstance": ("InstanceId",),
    "StopInstance": ("InstanceId",),
    "DeleteInstance": ("InstanceId",),
    "DeleteImage": ("ImageId",),
    "AssumeRole": ("RoleArn", "RoleSessionName"),
}
NUMBER = re.compile(r"\d+")
BOOLEAN_TEXTS = ("true", "false", "")


class RpcContract:
    """What is known of each action: {(version, action): {name: (type, required)}}; names have `N` in place of the numbers."""

    def __init__(self, actions: Mapping[tuple[str, str], Mapping[str, tuple[str, bool]]]) -> None:
        self._actions = actions

    @classmethod
    def load(cls, directory: str | None) -> RpcContract | None:
        """Reads the description; None when it is not there."""
        path = Path(directory or ".") / FILE
        if directory is None or not path.is_file():
            return None
        document, actions = json.loads(path.read_text("utf-8")), {}
        for section, version in SECTIONS.items():
            for action, parts in document[section].items():
                known: dict[str, tuple[str, bool]] = {}
                for item in parts.get("openapi_meta_2026_04", {}).get("parameters", []):
                    known.update(_of_meta(item))
                # The older text knows the parts of structures, and counts where both know a name.
                for item in parts.get("api_docs_2024_06", {}).get("parameters", []):
                    known.update(_of_schema(item["name"], item["schema"], bool(item["schema"].get("required"))))
                actions[version, action] = known
        return cls(actions)

    def knows(self, version: str, action: str) -> bool:
        """Whether the action is described."""
        return (version, action) in self._actions

    def check(self, version: str, action: str, parameters: Mapping[str, str]) -> list[str]:
        """All violations as sentences that begin with the name of the parameter."""
        known = self._actions.get((version, action))
        found = []
        for name, value in parameters.items():
            if name in COMMON and name != "RegionId":
                continue
            plain = NUMBER.sub("N", name) if known is not None and name not in known else name
            if known is None:
                kind = "boolean" if name in BOOLEANS else "integer" if name in INTEGERS else "string"
            elif plain in known:
                kind = known[plain][0]
            elif name == "RegionId" or any(item[0] == "struct" and plain.startswith(f"{start}.") for start, item in known.items()):
                continue
            else:
                found.append(f"{name} is not a parameter of {action}")
                continue
            found += _check_value(name, value, kind)
        return found + [f"{name} is missing" for name in self._missing(known, action, parameters)]

    def _missing(self, known: Mapping[str, tuple[str, bool]] | None, action: str, parameters: Mapping[str, str]) -> list[str]:
        if known is None:
            return [name for name in NEEDED.get(action, ()) if not parameters.get(name)]
        given = {NUMBER.sub("N", name) for name, value in parameters.items() if value}
        wanted = [name for name, (_kind, needed) in known.items() if needed and name not in COMMON]
        return [name for name in wanted if name not in given and not any(other.startswith(name + ".") for other in given)]


def _of_meta(item: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, bool]]]:
    kind, name = item["type"].lower(), item["name"]
    if kind in ("repeatlist", "array"):
        yield name, ("list", bool(item.get("required")))
        yield f"{name}.N", ("string", False)
        for part in item.get("sub", []):
            yield f"{name}.N.{part}", ("string", False)
    elif kind == "struct":
        yield name, ("struct", bool(item.get("required")))
    else:
        yield name, ({"boolean": "boolean", "integer": "integer", "long": "integer"}.get(kind, "string"), bool(item.get("required")))


def _of_schema(name: str, schema: Mapping[str, Any], needed: bool) -> Iterator[tuple[str, tuple[str, bool]]]:
    kind = schema.get("type", "string")
    if kind == "array":
        yield name, ("list", needed)
        yield from _of_schema(f"{name}.N", schema.get("items", {}), False)
    elif kind == "object":
        for part, inner in schema.get("properties", {}).items():
            yield from _of_schema(f"{name}.{part}", inner, False)
        if not schema.get("properties"):
            yield name, ("struct", needed)
    else:
        yield name, (kind if kind in ("boolean", "integer") else "string", needed)


def _check_value(name: str, value: str, kind: str) -> list[str]:
    if value == "None":
        return [f"{name} is the text None"]
    if kind == "boolean" and value not in BOOLEAN_TEXTS:
        return [f"{name} must be true or false, not {value!r}"]
    if kind == "integer" and value and not re.fullmatch(r"-?\d+", value):
        return [f"{name} must be an integer, not {value!r}"]
    if kind in ("list", "struct"):
        return [f"{name} must be numbered or have parts"]
    return []
