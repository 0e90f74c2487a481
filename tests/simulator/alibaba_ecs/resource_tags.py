# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TagResources, UntagResources, ListTagResources."""

from __future__ import annotations

from typing import Any

from .context import Context
from .errors import ApiError, invalid, missing
from .names import merged_tags, tags_of
from .paging import page
from .store import Item

# ResourceType to kind.
TYPES = {
    "instance": "instances",
    "disk": "disks",
    "snapshot": "snapshots",
    "snapshotgroup": "snapshot_groups",
    "image": "images",
    "securitygroup": "security_groups",
    "eni": "interfaces",
    "keypair": "key_pairs",
    "command": "commands",
}
MOST_IDS, MOST_TAGS = 50, 20


def _resources(ctx: Context, kind: str) -> list[Item]:
    ids = ctx.params.items("ResourceId")
    if not ids:
        raise missing("ResourceId")
    if len(ids) > MOST_IDS:
        raise ApiError("NumberExceed.ResourceIds", f"At most {MOST_IDS} resources.", 400)
    # The id of a key pair is its name.
    names = [f"{ctx.region}/{identity}" if kind == "key_pairs" else identity for identity in ids]
    return [ctx.get(kind, identity, "InvalidResourceId.NotFound") for identity in names]


def _kind(ctx: Context) -> str:
    kind = TYPES.get(ctx.params.need("ResourceType").lower())
    if kind is None:
        raise ApiError("InvalidResourceType.NotFound", f"The specified ResourceType is not valid: {ctx.params.text('ResourceType')}", 404)
    return kind


def tag(ctx: Context) -> dict[str, Any]:
    """TagResources: a key that is there gets the new value; other keys stay. All or nothing."""
    kind, tags = _kind(ctx), tags_of(ctx.params)
    if not tags:
        raise missing("Tag")
    if len(tags) > MOST_TAGS:
        raise ApiError("NumberExceed.Tags", f"At most {MOST_TAGS} tags.", 400)
    merged = [(item, merged_tags(ctx, item.tags, tags)) for item in _resources(ctx, kind)]
    for item, found in merged:
        item.tags = found
    return {}


def untag(ctx: Context) -> dict[str, Any]:
    """UntagResources: the tags of the system stay."""
    kind, keys = _kind(ctx), ctx.params.items("TagKey")
    if not keys and not ctx.params.flag("All"):
        raise missing("TagKey")
    if len(keys) > MOST_TAGS:
        raise ApiError("NumberExceed.Tags", f"At most {MOST_TAGS} tags.", 400)
    for item in _resources(ctx, kind):
        item.tags = {key: value for key, value in item.tags.items() if key.startswith("acs:") or (bool(keys) and key not in keys)}
    return {}


def list_tags(ctx: Context) -> dict[str, Any]:
    """ListTagResources: one entry for each tag; pages go by NextToken."""
    kind, ids = _kind(ctx), ctx.params.items("ResourceId")
    wanted = [(entry.get("Key", ""), entry.get("Value")) for entry in ctx.params.structs("Tag")]
    if not ids and not wanted and not ctx.params.structs("TagFilter"):
        raise missing("ResourceId")
    if len(ids) > MOST_IDS:
        raise invalid("ResourceId", len(ids), f"At most {MOST_IDS}.")
    entries = []
    for item in ctx.listed(kind):
        name = item.data.get("KeyPairName", item.id) if kind == "key_pairs" else item.id
        if (ids and name not in ids) or not all(key in item.tags and (not value or item.tags[key] == value) for key, value in wanted):
            continue
        entries += [Item(kind, item.region, name, {"TagKey": key, "TagValue": value}) for key, value in item.tags.items()]
    names = {kind: word for word, kind in TYPES.items()}
    shown, where = page(ctx, entries, lambda entry: {"ResourceType": names[kind], "ResourceId": entry.id, **entry.data}, 50, default=50)
    return {"TagResources": {"TagResource": shown}, "NextToken": where.get("NextToken", "")}


HANDLERS = {"TagResources": tag, "UntagResources": untag, "ListTagResources": list_tags}
