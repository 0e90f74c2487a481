# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state as the control API shows and takes it."""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping
from typing import Any

from ..content import Content
from ..messages import Refused
from . import disks, snapshots
from .images import new_image
from .instances import new_instance
from .store import KINDS, Account, Item

OWN = {"RegionId", "Tags", "data", "hidden"}


def shown(item: Item) -> dict[str, Any]:
    """An item: {id, region, tags, made_by, digest (of disks and snapshots), hidden, and all fields that answers show}."""
    found = {**item.data, "id": item.id, "region": item.region, "tags": dict(item.tags), "made_by": item.made_by}
    found["hidden"] = {key: value for key, value in item.hidden.items() if not isinstance(value, Content)}
    if item.kind in ("disks", "snapshots"):
        found["digest"] = item.content.digest
    return found


def dump(account: Account) -> dict[str, Any]:
    """{kind: [items]} and {number, roles, buckets, objects, record, violations}."""
    found: dict[str, Any] = {kind: [shown(item) for item in account.all(kind)] for kind in KINDS}
    objects = [{"bucket": bucket, "object": name, "size": size} for (bucket, name), size in account.objects.items()]
    found.update(number=account.number, roles=dict(account.roles), buckets=dict(account.buckets), objects=objects)
    found.update(record=list(account.record), violations=list(account.violations))
    return found


def merge(account: Account, given: Mapping[str, Any]) -> None:
    """{kind: [{id, region, tags, data: base64 bytes, hidden, ...fields}], roles: {name: {...}}, buckets: {name: region}, objects: [{bucket, object, size}]}.

    An item that is there is changed field by field; another is added as it is, without any rule being looked at.
    """
    unknown = sorted(set(given) - set(KINDS) - {"roles", "buckets", "objects"})
    if unknown:
        raise Refused(f"unknown kind(s): {', '.join(unknown)}; known: {', '.join(KINDS)}, roles, buckets, objects")
    account.roles.update(given.get("roles", {}))
    account.buckets.update(given.get("buckets", {}))
    for entry in given.get("objects", []):
        account.objects[entry["bucket"], entry["object"]] = int(entry.get("size", 0))
    for kind, items in given.items():
        if kind in KINDS:
            for item in items:
                _merge_one(account, kind, dict(copy.deepcopy(item)))


def _merge_one(account: Account, kind: str, fields: dict[str, Any]) -> None:
    identity, region = str(fields.pop("id", "")), str(fields.pop("region", "cn-hangzhou"))
    tags, data, hidden = fields.pop("tags", None), fields.pop("data", None), fields.pop("hidden", {})
    if not identity:
        raise Refused(f"{kind}: an id is needed")
    item = account.find(kind, identity)
    if item is None:
        item = account.add(_new(account, kind, region, identity, fields))
    else:
        item.data.update(fields)
    item.hidden.update(hidden)
    if tags is not None:
        item.tags = dict(tags)
    if data is not None:
        item.content = Content.of(base64.b64decode(data))


def _new(account: Account, kind: str, region: str, identity: str, fields: dict[str, Any]) -> Item:
    if kind == "disks":
        return disks.new_disk(account, region, identity, fields)
    if kind == "instances":
        return new_instance(account, region, identity, fields)
    if kind == "images":
        return new_image(account, region, identity, fields.pop("parts", []), **fields)
    if kind == "snapshots":
        return snapshots.new_snapshot(account, region, identity, fields)
    return Item(kind, region, identity, fields)
