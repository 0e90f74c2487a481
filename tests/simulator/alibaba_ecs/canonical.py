# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An account without what differs between two runs that did the same: ids by their names, no times, no request ids, bytes by their digests."""

from __future__ import annotations

import json
import re
from typing import Any

from .store import KINDS, Account, Item

UNSTABLE = {"CreationTime", "LastModifiedTime", "AttachedTime", "DetachedTime", "StartTime", "FinishedTime", "AllocationTime", "MacAddress", "SerialNumber"}
UNSTABLE |= {"SnapshotSN", "SnapshotLinkId", "KeyPairFingerPrint", "PublicKey", "made_by", "hidden", "VRouterId"}
NAMES = ("DiskName", "InstanceName", "SnapshotName", "ImageName", "Name", "NetworkInterfaceName", "VpcName", "VSwitchName", "SecurityGroupName", "KeyPairName")
ID = re.compile(r"(?<![0-9A-Za-z])(?:s|ssg|d|i|m|eni|vpc|vsw|sg|c|t|eip)-[0-9a-z]{20}(?![0-9a-z])")


def canonical(account: Account) -> dict[str, Any]:
    """{kind: {label: item}}; a label is the name of an item, with a number where several have it."""
    labels: dict[str, str] = {}
    for kind in KINDS:
        used: dict[str, int] = {}
        for item in account.all(kind):
            name = next((item.data[key] for key in NAMES if item.data.get(key)), "")
            name = ID.sub("", str(name)) or "unnamed"
            used[name] = used.get(name, 0) + 1
            labels[item.id] = f"{kind[:-2] if kind.endswith('ches') else kind[:-1]}:{name}" + (f"#{used[name]}" if used[name] > 1 else "")
    found = {kind: {labels[item.id]: _stable(item) for item in account.all(kind)} for kind in KINDS if account.all(kind) and kind != "tasks"}
    # An id that nobody has any more is some former one.
    text = ID.sub(lambda match: labels.get(match[0], f"former {match[0].partition('-')[0]}"), json.dumps(found, sort_keys=True))
    text = text.replace(account.number, "0")
    return dict(json.loads(text))


def _stable(item: Item) -> dict[str, Any]:
    found = {**{key: value for key, value in item.data.items() if key not in UNSTABLE}, "tags": dict(item.tags), "region": item.region}
    for name in ("Attachments", "MountInstances"):
        if name in found:
            found[name] = sum(len(entries) for entries in found[name].values())
    if item.kind in ("disks", "snapshots"):
        found["digest"] = item.content.digest
    return found
