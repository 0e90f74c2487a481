# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between two ends in Compute Engine although the same was done, and what a failure may leave."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

# What was asked for under a step's name; a step that is said not to have been started has sent nothing of it.
REQUESTS = {
    "lock VM": ("POST", "setLabels"),
    "create disks": ("POST", "disks"),
    "stop VM": ("POST", "stop"),
    "detach old disks": ("POST", "detachDisk"),
    "delete VM": ("DELETE", "ID"),
}
# What a VM that is restored and running may still lack: its next run writes the labels, gives up the old disks, and releases the lock.
BOOKKEEPING = re.compile(r"carries the lock|labels\.mcr-|labels is|templates is|the old disk \S+ is left")


def comparable(canonical: Mapping[str, Any]) -> dict[str, Any]:
    """Without what may differ although the same was done: no labels or empty ones, and in a manifest the address that a VM has only while it runs.

    With the address, the fingerprint of the manifest changes; templates are numbered instead, so that one that is left over is seen.
    """
    text = re.sub(r"\bmcr-manifest-[0-9a-f]{16}", "mcr-manifest-*", json.dumps(canonical))
    text = re.sub(r'"mcr-manifest": "[0-9a-f]{16}"', '"mcr-manifest": "*"', text)
    # A backup that could not be taken back is made anew under names of its own: what is left over is seen by the number.
    text = re.sub(r"\b([0-9]{8}-[0-9]{6})-[0-9a-f]{10}\b", r"\1-*", text)
    text = re.sub(r'"mcr-attempt": "[0-9]+"', '"mcr-attempt": "*"', text)
    # Which run made a recovery point.
    text = re.sub(r'"mcr-run": "[0-9a-f]{12}"', '"mcr-run": "*"', text)
    text = re.sub(r'\\*"natIP\\*":\\*"[0-9.]+\\*",?', "", text)
    found: dict[str, Any] = json.loads(text)
    for items in found.values():
        for item in items.values() if isinstance(items, dict) else ():
            if isinstance(item, dict) and item.get("labels") == {}:
                del item["labels"]
    found["templates"] = len(canonical.get("instanceTemplates", {}))
    found["points"] = sum(len(canonical.get(plural, {})) for plural in ("snapshots", "images", "machineImages"))
    return found


def forget_whole_backup(found: dict[str, Any], end: Mapping[str, Any], begin: Mapping[str, Any]) -> None:
    """Take a backup that is whole, and what it superseded, for not being there: a later step that failed is no reason to delete it."""
    for plural in ("snapshots", "images", "machineImages"):
        made = {name: item for name, item in end.get(plural, {}).items() if name not in begin.get(plural, {})}
        if not made or any(found.get(plural, {}).get(name, {}).get("status") != "READY" for name in made):
            continue
        for name in made:
            del found[plural][name]
        for item in found[plural].values():
            item.pop("deprecated", None)
        for name in set(found.get("instanceTemplates", {})) & set(end.get("instanceTemplates", {})) - set(begin.get("instanceTemplates", {})):
            del found["instanceTemplates"][name]
        found["templates"] = len(found.get("instanceTemplates", {}))


def without_reservations(canonical: dict[str, Any]) -> dict[str, Any]:
    """Without addresses of the VM that stay reserved because it has them, which harms nobody."""
    text = json.loads(json.dumps(canonical))
    for key in [
        key for key, item in text.get("addresses", {}).items() if item.get("status") == "IN_USE" and "Reserved by a restore" in item.get("description", "")
    ]:
        del text["addresses"][key]
    text.get("addresses") or text.pop("addresses", None)
    for vm in text.get("instances", {}).values():
        for part in vm.get("networkInterfaces", []):
            for config in part.get("accessConfigs", []):
                config.pop("natIP", None)
    return dict(text)
