# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls that make, list, change and delete disks."""

from __future__ import annotations

from typing import Any

from ..content import EMPTY
from . import disks
from .context import Context
from .errors import ApiError, invalid
from .names import check_description, check_name, checked_tags, has_tags, tag_list
from .paging import page
from .places import region_of_zone
from .snapshots import locks_of, unfinished_of


def create(ctx: Context) -> dict[str, Any]:
    """CreateDisk."""
    asked = ctx.params
    zone, instance_id = asked.text("ZoneId"), asked.text("InstanceId")
    if zone and instance_id:
        raise ApiError("InvalidParam.ZoneIdAndInstanceId.Conflict", "ZoneId and InstanceId exclude each other.", 403)
    if not zone and not instance_id:
        raise ApiError("MissingParameter", 'The input parameter "ZoneId" that is mandatory for processing this request is not supplied.', 400)
    if zone and region_of_zone(zone) != ctx.region:
        raise ApiError("InvalidZoneId.NotFound", "The specified zone does not exist.")
    source = disks.source_of(ctx, asked.text("SnapshotId"))
    if not source and not asked.text("Size"):
        raise ApiError("MissingParameter", 'The input parameter "Size" that is mandatory for processing this request is not supplied.', 400)
    category = asked.text("DiskCategory") or "cloud"
    size = disks.check_size(category, asked.number("Size"), source)
    fields = {
        "DiskName": check_name(asked.text("DiskName"), "InvalidDiskName.Malformed"),
        "Description": check_description(asked.text("Description"), status=400),
        "Status": "Creating",
        "Size": size,
        "Category": category,
        "SourceSnapshotId": source.id if source else "",
        "ZoneId": zone,
        "Encrypted": asked.flag("Encrypted") or bool(source and source.data["Encrypted"]),
        "KMSKeyId": asked.text("KMSKeyId") or (source.data["KMSKeyId"] if source else ""),
        "MultiAttach": asked.text("MultiAttach") or "Disabled",
        "ResourceGroupId": asked.text("ResourceGroupId") or "",
        "BurstingEnabled": asked.flag("BurstingEnabled"),
    }
    if asked.text("PerformanceLevel"):
        fields["PerformanceLevel"] = asked.text("PerformanceLevel")
    if asked.text("ProvisionedIops"):
        fields["ProvisionedIops"] = asked.number("ProvisionedIops")
    tags = {} if instance_id else checked_tags(ctx)
    instance = ctx.instance() if instance_id else None
    if instance is not None:
        fields.update(ZoneId=instance.data["ZoneId"], DiskChargeType="PrePaid", Portable=False)
    disk = disks.new_disk(ctx.account, ctx.region, ctx.new_id("disks"), fields)
    disk.tags, disk.content = tags, source.content if source else EMPTY
    ctx.account.add(disk)
    ctx.targets.append(disk.id)

    def done() -> None:
        disk.data["Status"] = "Available"
        if instance is not None and ctx.account.is_there(instance):
            disks.attach(disk, instance, disks.free_device(ctx.account, instance.id), ctx.stamp())

    ctx.later(disk, done, lambda: ctx.account.remove(disk))
    return {"DiskId": disk.id}


def describe(ctx: Context) -> dict[str, Any]:
    """DescribeDisks."""
    ctx.dry_run()
    asked, ids = ctx.params, ctx.params.ids("DiskIds")
    words = {"ZoneId": "ZoneId", "Category": "Category", "DiskName": "DiskName", "SnapshotId": "SourceSnapshotId", "ResourceGroupId": "ResourceGroupId"}
    words.update(Status="Status", DiskType="Type", DiskChargeType="DiskChargeType", KMSKeyId="KMSKeyId", MultiAttach="MultiAttach")
    words["AutoSnapshotPolicyId"] = "AutoSnapshotPolicyId"
    flags = ("Portable", "DeleteWithInstance", "DeleteAutoSnapshot", "EnableAutoSnapshot", "EnableAutomatedSnapshotPolicy", "Encrypted")
    found = [
        item
        for item in ctx.listed("disks")
        if (ids is None or item.id in ids)
        and (not asked.text("InstanceId") or disks.attached_to(item, str(asked.text("InstanceId"))))
        and all(_fits(asked.text(name), item.data[field]) for name, field in words.items())
        and all(not asked.text(name) or asked.flag(name) == item.data[name] for name in flags)
        and has_tags(item.tags, asked)
    ]
    shown, where = page(ctx, found, lambda item: {**item.data, "Tags": tag_list(item.tags)}, 500)
    return {"Disks": {"Disk": shown}, **where}


def _fits(wanted: str | None, value: Any) -> bool:
    if not wanted or wanted.lower() == "all":
        return True
    text = str(value)
    # The one wildcard is at an end.
    if wanted.startswith("*") or wanted.endswith("*"):
        return wanted.strip("*") in text
    return wanted == text


def modify(ctx: Context) -> dict[str, Any]:
    """ModifyDiskAttribute."""
    asked = ctx.params
    if asked.text("DiskId") and asked.items("DiskIds"):
        raise ApiError("ParameterConflict.DiskIdAndDiskIds", "DiskId and DiskIds.N exclude each other.", 400)
    names = asked.items("DiskIds") or ([asked.need("DiskId")] if asked.text("DiskId") else [])
    if not names:
        raise ApiError("MissingParameter.DiskIdOrDiskIds", "DiskId or DiskIds.N is needed.", 400)
    changes: dict[str, Any] = {}
    if asked.text("DiskName") is not None:
        changes["DiskName"] = check_name(asked.text("DiskName"), "InvalidDiskName.Malformed")
    if asked.text("Description") is not None:
        changes["Description"] = check_description(asked.text("Description"))
    for name in ("DeleteWithInstance", "DeleteAutoSnapshot", "EnableAutoSnapshot", "BurstingEnabled"):
        if asked.text(name) is not None:
            changes[name] = asked.flag(name)
    if not changes:
        raise ApiError("NoAttributeToModify", status=400)
    disks = [ctx.get("disks", name, "InvalidDiskId.NotFound") for name in names]
    for disk in disks:
        if changes.get("DeleteWithInstance") and disk.data["MultiAttach"] == "Enabled":
            raise ApiError("DeleteWithInstance.Conflict", "A disk with multi-attach cannot go with an instance.")
        if changes.get("DeleteWithInstance") is False and not disk.data["Portable"]:
            raise ApiError("DiskNotPortable", "The specified disk is not a portable disk.")
    for disk in disks:
        disk.data.update(changes)
    return {}


def delete(ctx: Context) -> dict[str, Any]:
    """DeleteDisk."""
    disk = ctx.disk()
    if "acs:ecs:diskDeleteProtection" in disk.tags:
        raise ApiError("InvalidDiskStatus.DeleteProtection", "The disk is protected from deletion.")
    if disk.data["DiskChargeType"] == "PrePaid":
        raise ApiError("DiskNotPortable", "The specified disk is not a portable disk.")
    if disk.data["Status"] == "Creating":
        raise ApiError("IncorrectDiskStatus.Initializing", "The disk is being made.")
    if disk.data["Status"] != "Available":
        raise ApiError("IncorrectDiskStatus")
    if unfinished_of(ctx.account, disk.id):
        raise ApiError("DiskCreatingSnapshot", "A snapshot of the disk is in creation.")
    ctx.delete(disk, lambda: disks.remove(ctx.account, disk))
    return {}


def resize(ctx: Context) -> dict[str, Any]:
    """ResizeDisk: only larger."""
    disk, size = ctx.disk(), int(ctx.params.need("NewSize"))
    if size <= disk.data["Size"] or size > disks.LARGEST:
        raise invalid("NewSize", size, "It can only grow.")
    if disk.data["Status"] not in ("In_use", "Available"):
        raise ApiError("IncorrectDiskStatus")
    if unfinished_of(ctx.account, disk.id):
        raise ApiError("DiskCreatingSnapshot", "A snapshot of the disk is in creation.")
    if "security" in locks_of(disk):
        raise ApiError("InstanceLockedForSecurity", "The disk is locked due to security.")
    disk.data["Size"] = size
    return {}


HANDLERS = {
    "CreateDisk": create,
    "DescribeDisks": describe,
    "ModifyDiskAttribute": modify,
    "DeleteDisk": delete,
    "ResizeDisk": resize,
}
