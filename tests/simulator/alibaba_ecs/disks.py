# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks: made, listed, changed, deleted."""

from __future__ import annotations

from typing import Any

from ..content import EMPTY
from .context import Context
from .errors import ApiError, invalid
from .names import check_description, check_name, checked_tags, has_tags, tag_list
from .paging import page
from .places import region_of_zone
from .snapshots import locks_of, unfinished_of
from .store import Account, Item

# Smallest sizes in GiB.
CATEGORIES = {"cloud": 5, "cloud_efficiency": 20, "cloud_ssd": 20, "cloud_essd": 20, "cloud_auto": 1, "cloud_essd_entry": 10, "cloud_regional_disk_auto": 10}
LARGEST = 65536
UNATTACHED = {"InstanceId": "", "Device": "", "AttachedTime": "", "DetachedTime": ""}


def new_disk(account: Account, region: str, identity: str, fields: dict[str, Any]) -> Item:
    """A disk with all fields that DescribeDisks shows; what is not given has its usual value."""
    data: dict[str, Any] = {
        "DiskId": identity,
        "DiskName": "",
        "Description": "",
        "Status": "Available",
        **UNATTACHED,
        "Size": 40,
        "Type": "data",
        "Category": "cloud_essd",
        "Portable": True,
        "DeleteWithInstance": False,
        "DeleteAutoSnapshot": False,
        "EnableAutoSnapshot": True,
        "EnableAutomatedSnapshotPolicy": False,
        "AutoSnapshotPolicyId": "",
        "SourceSnapshotId": "",
        "ImageId": "",
        "Encrypted": False,
        "KMSKeyId": "",
        "RegionId": region,
        "DiskChargeType": "PostPaid",
        "CreationTime": account.world.stamp(),
        "ExpiredTime": "2999-09-08T16:00Z",
        "MultiAttach": "Disabled",
        "SerialNumber": identity[2:],
        "ProductCode": "",
        "ResourceGroupId": "",
        "StorageSetId": "",
        "StorageClusterId": "",
        "BdfId": "",
        "BurstingEnabled": False,
        "OperationLocks": {"OperationLock": []},
        "Attachments": {"Attachment": []},
        "MountInstances": {"MountInstance": []},
        "MountInstanceNum": 0,
        **fields,
    }
    if data["Category"] == "cloud_essd":
        data.setdefault("PerformanceLevel", "PL1")
    return Item("disks", region, identity, data)


def attach(disk: Item, instance: Item, device: str, stamp: str) -> None:
    """Notes an attachment on the disk; the state goes with it."""
    entry = {"InstanceId": instance.id, "Device": device, "AttachedTime": stamp}
    attachments = [*disk.data["Attachments"]["Attachment"], entry]
    disk.data.update(Status="In_use", InstanceId=attachments[0]["InstanceId"], Device=attachments[0]["Device"], AttachedTime=stamp)
    _set_attachments(disk, attachments)
    disk.hidden["was_attached"] = True
    disk.hidden["was_used"] = disk.hidden.get("was_used") or instance.data["Status"] in ("Starting", "Running")


def detach(disk: Item, instance_id: str, stamp: str) -> None:
    """Takes an attachment away."""
    rest = [entry for entry in disk.data["Attachments"]["Attachment"] if entry["InstanceId"] != instance_id]
    _set_attachments(disk, rest)
    if not rest:
        disk.data.update(UNATTACHED, Status="Available", DetachedTime=stamp)


def _set_attachments(disk: Item, entries: list[dict[str, str]]) -> None:
    disk.data.update(Attachments={"Attachment": entries}, MountInstances={"MountInstance": [dict(entry) for entry in entries]}, MountInstanceNum=len(entries))


def attached_to(disk: Item, instance_id: str) -> bool:
    """Whether the disk is on the instance."""
    return any(entry["InstanceId"] == instance_id for entry in disk.data["Attachments"]["Attachment"])


def of_instance(account: Account, instance_id: str) -> list[Item]:
    """The disks of an instance, the system disk first."""
    found = [item for item in account.all("disks") if attached_to(item, instance_id)]
    return sorted(found, key=lambda item: (item.data["Type"] != "system", item.data["Device"]))


def free_device(account: Account, instance_id: str) -> str:
    """The next device name."""
    used = {item.data["Device"] for item in of_instance(account, instance_id)}
    return next(f"/dev/xvd{letter}" for letter in "abcdefghijklmnopqrstuvwxyz" if f"/dev/xvd{letter}" not in used)


def source_of(ctx: Context, identity: str | None) -> Item | None:
    """The snapshot that a disk is to be made from. Raises ApiError."""
    if not identity:
        return None
    snapshot = ctx.get("snapshots", identity, "InvalidSnapshotId.NotFound")
    if not snapshot.data["Available"]:
        raise ApiError("InvalidSnapshotId.NotReady", "The specified snapshot is not ready.")
    return snapshot


def check_size(category: str, size: int | None, source: Item | None, code: str = "InvalidDiskSize.NotSupported") -> int:
    """The size of a new disk: at least that of its snapshot. Raises ApiError."""
    if category not in CATEGORIES:
        raise ApiError("InvalidDiskCategory.NotSupported", f"The specified disk category is not supported: {category}")
    least = int(source.data["SourceDiskSize"]) if source else 0
    wanted = max(size or 0, least) if source else size or CATEGORIES[category]
    if not CATEGORIES[category] <= wanted <= LARGEST:
        raise ApiError(code, f"The specified size is not supported: {wanted}", 400)
    return wanted


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
    source = source_of(ctx, asked.text("SnapshotId"))
    if not source and not asked.text("Size"):
        raise ApiError("MissingParameter", 'The input parameter "Size" that is mandatory for processing this request is not supplied.', 400)
    category = asked.text("DiskCategory") or "cloud"
    size = check_size(category, asked.number("Size"), source)
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
    disk = new_disk(ctx.account, ctx.region, ctx.new_id("disks"), fields)
    disk.tags, disk.content = tags, source.content if source else EMPTY
    ctx.account.add(disk)
    ctx.targets.append(disk.id)

    def done() -> None:
        disk.data["Status"] = "Available"
        if instance is not None and ctx.account.is_there(instance):
            attach(disk, instance, free_device(ctx.account, instance.id), ctx.stamp())

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
        and (not asked.text("InstanceId") or attached_to(item, str(asked.text("InstanceId"))))
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
    remove(ctx.account, disk)
    return {}


def remove(account: Account, disk: Item) -> None:
    """The disk goes, and with it what is unfinished of its snapshots, and its automatic ones when it says so."""
    for snapshot in unfinished_of(account, disk.id):
        account.remove(snapshot)
    for snapshot in account.all("snapshots"):
        if disk.data["DeleteAutoSnapshot"] and snapshot.data["SourceDiskId"] == disk.id and snapshot.data["SnapshotType"] != "user":
            account.remove(snapshot)
    account.remove(disk)


def resize(ctx: Context) -> dict[str, Any]:
    """ResizeDisk: only larger."""
    disk, size = ctx.disk(), int(ctx.params.need("NewSize"))
    if size <= disk.data["Size"] or size > LARGEST:
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
