# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of what was asked of an account and what came of it, and the violations that need no judge.

An entry: {n, at_s, time, caller, user, action, region, params, targets, code, status, request_id, client_token, replayed, marks, power, lock_keys}.
`code` is "" for an accepted request, otherwise the code of the refusal; `replayed` says that nothing was made because the ClientToken was known.
`targets` are the ids that the request names and those that it made. `marks` are the tags that begin with mcr-lock or mcr_lock, of the instances and disks
among the targets and of the instances that those disks are on, by id, as they were BEFORE the request. `lock_keys` are the key pairs whose names begin so,
with their fingerprints. `power` is the status of each of these instances at that moment.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .store import Account, Item

LOCKS = ("mcr-lock", "mcr_lock")
SECRET = ("Password", "UserData", "Signature", "SecurityToken")


def marks_of(item: Item) -> dict[str, str]:
    """The lock tags of an item."""
    return {key: value for key, value in item.tags.items() if key.startswith(LOCKS)}


def named(account: Account, params: Mapping[str, str]) -> list[str]:
    """The ids of existing items that the parameters name."""
    tables = account.tables.values()
    texts = [part.strip('[]" ') for name, value in params.items() if name not in SECRET for part in value.split(",")]
    return [text for text in dict.fromkeys(texts) if text and any(text in table for table in tables)]


def region_of(account: Account, params: Mapping[str, str]) -> str | None:
    """The region of the first item that the parameters name, for a request that names no region; None when they name nothing."""
    return next((item.region for identity in named(account, params) for table in account.tables.values() for item in [table.get(identity)] if item), None)


def before(account: Account, targets: list[str]) -> dict[str, Any]:
    """Marks, power and lock keys as they are now, for the entry of a request that is about to be carried out."""
    items = [account.find(kind, identity) for identity in targets for kind in ("instances", "disks", "snapshots")]
    found = {item.id: item for item in items if item is not None}
    for item in list(found.values()):
        disk = account.find("disks", item.data.get("SourceDiskId")) if item.kind == "snapshots" else item
        host = account.find("instances", disk.data.get("InstanceId")) if disk is not None and disk.kind == "disks" else None
        if host is not None:
            found[host.id] = host
    return {
        "marks": {identity: marks_of(item) for identity, item in found.items()},
        "power": {identity: item.data["Status"] for identity, item in found.items() if item.kind == "instances"},
        "lock_keys": {
            pair.data["KeyPairName"]: pair.data["KeyPairFingerPrint"] for pair in account.all("key_pairs") if pair.data["KeyPairName"].startswith(LOCKS)
        },
    }


def note(account: Account, entry: dict[str, Any]) -> None:
    """Adds an entry."""
    clock = account.world.clock
    account.record.append({"n": len(account.record) + 1, "at_s": clock.now(), "time": time.time(), **entry})


def violate(account: Account, kind: str, message: str, instance: str) -> None:
    """Adds a violation."""
    account.violations.append({"kind": kind, "message": message, "instance": instance, "at_s": account.world.clock.now()})
