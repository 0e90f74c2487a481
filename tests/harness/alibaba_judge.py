# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between two ends in Alibaba Cloud ECS although the same was done, and what a failure may leave."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

# What was asked for under a step's name; a step that is said not to have been started has sent nothing of it.
REQUESTS = {"stop VM": ("", "StopInstance"), "reset disks": ("", "ResetDisk"), "detach old disks": ("", "DetachDisk"), "insert VM": ("", "RunInstances")}
# What a VM that is restored and running may still lack: its next run writes the tags, and releases the lock.
BOOKKEEPING = re.compile(r"carries the lock|tags\.mcr-|tags is|the tags of|is left|commands")
_POINTS = ("snapshots", "snapshot_groups", "images")


def comparable(canonical: Mapping[str, Any]) -> dict[str, Any]:
    """Without what may differ although the same was done: which run made a recovery point, which try it is, and names that tell the try."""
    text = re.sub(r'"mcr-run": "[^"]*"', '"mcr-run": "*"', json.dumps(canonical))
    text = re.sub(r'"mcr-attempt": "[0-9]+"', '"mcr-attempt": "*"', text)
    text = re.sub(r"-[0-9a-f]{10}\b", "-*", text)
    found: dict[str, Any] = json.loads(text)
    # Names that have become the same are numbered by what they hold, and what is left over is seen by the number.
    for kind in _POINTS:
        found[f"number of {kind}"] = len(canonical.get(kind, {}))
    return found


def forget_whole_backup(found: dict[str, Any], end: Mapping[str, Any], begin: Mapping[str, Any]) -> None:
    """Take a backup that is whole for not being there: a later step that failed is no reason to delete it."""
    for kind in _POINTS:
        made = [name for name in end.get(kind, {}) if name not in begin.get(kind, {})]
        if not made or any(found.get(kind, {}).get(name, {}).get("Status") not in ("accomplished", "Available") for name in made):
            continue
        for name in made:
            del found[kind][name]
        if not found[kind]:
            del found[kind]
        found[f"number of {kind}"] -= len(made)
    _forget_commands(found, begin)


def _forget_commands(found: dict[str, Any], begin: Mapping[str, Any]) -> None:
    """A manifest goes with the last backup that needs it."""
    if "commands" not in begin:
        found.pop("commands", None)
