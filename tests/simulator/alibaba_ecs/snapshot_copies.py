# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of snapshots in other regions."""

from __future__ import annotations

from typing import Any

from .context import Context
from .errors import ApiError
from .names import check_description, check_retention, checked_tags
from .places import REGIONS
from .snapshots import finish, name_of, plan_end
from .store import Item


def copy(ctx: Context) -> dict[str, Any]:
    """CopySnapshot: the copy lives in the destination region, under an id of its own."""
    asked = ctx.params
    target = asked.need("DestinationRegionId")
    name = name_of(asked.need("DestinationSnapshotName"), 403)
    description = check_description(asked.need("DestinationSnapshotDescription"), status=403)
    if target not in REGIONS:
        raise ApiError("InvalidRegionId.NotExists", "The specified region does not exist.", 403)
    source = ctx.snapshot(status=403)
    if target == ctx.region:
        raise ApiError("InvalidOperation.NotSupportCopyInSameRegion", "A snapshot cannot be copied within its region.")
    if source.data["Status"] != "accomplished":
        raise ApiError("InvalidSnapshotId.NotReady", "The specified snapshot is not ready.")
    under_way = [item for item in ctx.account.all("snapshots", target) if item.hidden.get("copy") == source.id and item.data["Status"] == "progressing"]
    if under_way:
        raise ApiError("InvalidOperation.UnfinishedCrossRegionCopy", "A copy of the snapshot to that region is under way.")
    days, tags = check_retention(asked.number("RetentionDays")), checked_tags(ctx)
    identity = ctx.new_id("snapshots", target)
    data = {key: value for key, value in source.data.items() if key != "RetentionDays"}
    data.update(SnapshotId=identity, SnapshotName=name, Description=description, RegionId=target, SourceRegionId=ctx.region, SourceSnapshotId=source.id)
    data.update(
        Status="progressing", Progress="0%", RemainTime=-1, Available=False, CreationTime=ctx.stamp(), LastModifiedTime=ctx.stamp(), InstantAccess=False
    )
    if asked.text("Encrypted"):
        data.update(Encrypted=asked.flag("Encrypted") or source.data["Encrypted"], KMSKeyId=asked.text("KMSKeyId") or source.data["KMSKeyId"])
    if days is not None:
        data["RetentionDays"] = days
    hidden = {**source.hidden, "created_s": ctx.now(), "essd": False, "copy": source.id, "lock": None}
    made = ctx.account.add(Item("snapshots", target, identity, data, tags, source.content, hidden))
    ctx.targets.append(identity)
    plan_end(ctx.account, made)
    finish(ctx, made)
    return {"SnapshotId": identity}


HANDLERS = {"CopySnapshot": copy}
