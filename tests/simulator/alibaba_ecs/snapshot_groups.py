# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshot-consistent groups: all disks of an instance at one moment."""

from __future__ import annotations

from typing import Any

from . import snapshot_lists, snapshots
from .context import Context
from .errors import ApiError, missing
from .names import check_description, check_name, checked_tags, has_tags, tag_list
from .paging import page
from .snapshots import ESSD, SERVICE_TAG
from .store import Item

MOST_GIB = 256 * 1024


def create(ctx: Context) -> dict[str, Any]:
    """CreateSnapshotGroup."""
    name = check_name(ctx.params.text("Name"), "InvalidParameter.Name")
    description = check_description(ctx.params.text("Description"), "InvalidParameter.Description", 400)
    tags, disks = checked_tags(ctx), _disks(ctx)
    for disk in disks:
        snapshots.check_disk(ctx, disk)
    identity = ctx.new_id("snapshot_groups")
    own = {SERVICE_TAG: identity}
    members = [snapshots.begin(ctx, disk, name, description, None, {**tags, **own}) for disk in disks]
    data = {
        "SnapshotGroupId": identity,
        "Name": name,
        "Description": description,
        "Status": "progressing",
        "InstanceId": ctx.params.text("InstanceId") or "",
        "CreationTime": ctx.stamp(),
        "ProgressStatus": "",
        "ResourceGroupId": ctx.params.text("ResourceGroupId") or "",
    }
    group = ctx.account.add(Item("snapshot_groups", ctx.region, identity, data, tags, hidden={"members": [item.id for item in members]}))
    ctx.targets.append(identity)
    for member in members:
        snapshots.finish(ctx, member)
    ctx.later(group, lambda: group.data.update(Status="accomplished"), lambda: group.data.update(Status="failed"))
    return {"SnapshotGroupId": identity}


def _disks(ctx: Context) -> list[Item]:
    """The disks that are asked for. Raises ApiError."""
    given, excluded, instance_id = ctx.params.items("DiskId"), ctx.params.items("ExcludeDiskId"), ctx.params.text("InstanceId")
    if given and excluded:
        raise ApiError("InvalidParam.ExcludeDiskIdsAndDiskIds.Conflict", "DiskId.N and ExcludeDiskId.N exclude each other.")
    if excluded and not instance_id:
        raise ApiError("MissingParamter.InstanceId", "ExcludeDiskId.N needs InstanceId.", 400)
    if not given and not instance_id:
        raise missing("InstanceId")
    disks: list[Item] = []
    if instance_id:
        instance = ctx.instance()
        if instance.data["Status"] not in ("Running", "Stopped"):
            raise ApiError("IncorrectInstanceStatus", status=403)
        disks = [item for item in ctx.all("disks") if item.data["InstanceId"] == instance.id]
    if given:
        disks = [ctx.get("disks", identity, "InvalidDiskId.NotFound") for identity in given]
    disks = [item for item in disks if item.id not in excluded]
    if not disks:
        raise ApiError("InvalidInstance.NoDisk", "The instance has no disk that a snapshot can be made of.")
    if any(item.data["MultiAttach"] == "Enabled" for item in disks):
        raise ApiError("InvalidOperation.MultiAttachDisk", "A disk with multi-attach cannot be in a group.")
    others = [item for item in disks if item.data["Category"] not in ESSD]
    if others and len(others) < len(disks):
        raise ApiError("InvalidDisk.DiskCategoryInconsistent", "All disks must be ESSDs.", 400)
    if others:
        raise ApiError("DiskCategory.OperationNotSupported", "The type of the disks does not support a consistent group.", 400)
    if len({item.data["ZoneId"] for item in disks}) > 1:
        raise ApiError("InvalidDiskIds.NotInSameZone", "The disks must be in one zone.", 400)
    if len(disks) > ctx.quota("group_disks"):
        raise ApiError("NumberExceed.TooManyDisks", "The number of disks exceeds the limit.")
    if sum(item.data["Size"] for item in disks) > MOST_GIB:
        raise ApiError("CapacityExceed.TooManyDisks", "The capacity of the disks exceeds the limit.")
    return disks


def members_of(ctx: Context, group: Item) -> list[Item]:
    """The snapshots of a group that are still there."""
    found = [ctx.account.find("snapshots", identity) for identity in group.hidden["members"]]
    return [item for item in found if item is not None]


def describe(ctx: Context) -> dict[str, Any]:
    """DescribeSnapshotGroups: pages go by NextToken only."""
    asked, ids, statuses = ctx.params, ctx.params.items("SnapshotGroupId"), ctx.params.items("Status")
    if len(ids) > 10:
        raise ApiError("InvalidParameter.SnapshotGroupId", "At most 10 ids.", 400)
    found = [
        item
        for item in ctx.listed("snapshot_groups")
        if (not ids or item.id in ids)
        and (not statuses or item.data["Status"] in statuses)
        and asked.text("InstanceId") in (None, "", item.data["InstanceId"])
        and asked.text("Name") in (None, "", item.data["Name"])
        and has_tags(item.tags, asked)
    ]
    shown, where = page(ctx, found, lambda item: _show(ctx, item))
    return {"SnapshotGroups": {"SnapshotGroup": shown}, "NextToken": where.get("NextToken", "")}


def _show(ctx: Context, group: Item) -> dict[str, Any]:
    members = []
    for item in members_of(ctx, group):
        data = {key: item.data[key] for key in ("SnapshotId", "SourceDiskId", "SourceDiskType", "Available", "InstantAccess")}
        data.update(Progress=snapshot_lists.show(ctx, item)["Progress"], Tags=tag_list(item.tags, "Key", "Value"))
        members.append(data)
    # Here the tags are Key and Value, unlike those of snapshots.
    return {**group.data, "Tags": tag_list(group.tags, "Key", "Value"), "Snapshots": {"Snapshot": members}}


def modify(ctx: Context) -> dict[str, Any]:
    """ModifySnapshotGroup."""
    group = ctx.get("snapshot_groups", ctx.params.need("SnapshotGroupId"), "InvalidSnapshotGroup.NotFound")
    if ctx.params.text("Name") is not None:
        group.data["Name"] = check_name(ctx.params.text("Name"), "InvalidParameter.Name")
    if ctx.params.text("Description") is not None:
        group.data["Description"] = check_description(ctx.params.text("Description"), "InvalidParameter.Description", 400)
    return {}


def delete(ctx: Context) -> dict[str, Any]:
    """DeleteSnapshotGroup: members that something else needs stay, and the answer is 200 all the same."""
    group = ctx.get("snapshot_groups", ctx.params.need("SnapshotGroupId"), "InvalidSnapshotGroup.NotFound")
    progress, first, left = [], None, []
    for member in members_of(ctx, group):
        related = {"RelatedItem": [{"Name": "SnapshotId", "Value": member.id}]}
        try:
            snapshots.check_delete(ctx, member, False)
        except ApiError as error:
            first = first or error
            left.append(member.id)
            progress.append({"OperationStatus": "Failed", "ErrorCode": error.code, "ErrorMsg": error.message, "RelatedItemSet": related})
        else:
            ctx.account.remove(member)
            progress.append({"OperationStatus": "Success", "ErrorCode": "", "ErrorMsg": "", "RelatedItemSet": related})
    if first is not None and len(left) == len(progress):
        raise first
    if left:
        group.hidden["members"] = left
    else:
        ctx.account.remove(group)
    return {"OperationProgressSet": {"OperationProgress": progress}}


HANDLERS = {
    "CreateSnapshotGroup": create,
    "DescribeSnapshotGroups": describe,
    "ModifySnapshotGroup": modify,
    "DeleteSnapshotGroup": delete,
}
