# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What disks are: their fields, where they are attached, how large they may be, and how they go."""

from __future__ import annotations

from typing import Any

from .context import Context
from .errors import ApiError
from .snapshots import unfinished_of
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


def remove(account: Account, disk: Item) -> None:
    """The disk goes, and with it what is unfinished of its snapshots, and its automatic ones when it says so."""
    for snapshot in unfinished_of(account, disk.id):
        account.remove(snapshot)
    for snapshot in account.all("snapshots"):
        if disk.data["DeleteAutoSnapshot"] and snapshot.data["SourceDiskId"] == disk.id and snapshot.data["SnapshotType"] != "user":
            account.remove(snapshot)
    account.remove(disk)
