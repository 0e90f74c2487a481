# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots: made, listed, changed, deleted, and gone when their time is over."""

from __future__ import annotations

import zlib
from typing import Any

from . import snapshot_locks
from .context import Context
from .errors import ApiError
from .names import check_description, check_name, check_retention, checked_tags
from .store import Account, Item

# Their snapshots can be used before they are accomplished, and only they go into consistent groups.
ESSD = ("cloud_essd", "cloud_auto", "cloud_essd_entry", "cloud_regional_disk_auto")
DAY_S = 86400
SERVICE_TAG = "acs:ecs:createFrom"


def name_of(text: str | None, status: int | None = None) -> str:
    """The name of a snapshot. Raises ApiError."""
    if text and text.startswith("auto"):
        raise ApiError("InvalidSnapshotName.Malformed", "The name of a manual snapshot must not begin with auto.", status)
    return check_name(text, "InvalidSnapshotName.Malformed", status)


def new_snapshot(account: Account, region: str, identity: str, fields: dict[str, Any]) -> Item:
    """A snapshot with all fields that DescribeSnapshots shows; accomplished, unless told otherwise."""
    source = fields.get("SourceDiskId", "")
    data: dict[str, Any] = {
        "SnapshotId": identity,
        "SnapshotName": "",
        "Description": "",
        "Status": "accomplished",
        "Progress": "100%",
        "RemainTime": 0,
        "Available": True,
        "CreationTime": account.world.stamp(),
        "LastModifiedTime": account.world.stamp(),
        "SourceDiskId": source,
        "SourceDiskType": "data",
        "SourceDiskSize": "40",
        "SourceStorageType": "disk",
        "Category": "standard",
        "Encrypted": False,
        "KMSKeyId": "",
        "RegionId": region,
        "SnapshotSN": f"{zlib.crc32(identity.encode())}-{zlib.crc32(source.encode())}",
        "SnapshotLinkId": f"sl{source[1:]}" if source else "",
        "SnapshotType": "user",
        "InstantAccess": False,
        "ResourceGroupId": "",
        "ProductCode": "",
        **fields,
    }
    return Item("snapshots", region, identity, data, hidden={"created_s": account.world.clock.now()})


def create(ctx: Context) -> dict[str, Any]:
    """CreateSnapshot."""
    disk = ctx.disk()
    name, description = name_of(ctx.params.text("SnapshotName")), check_description(ctx.params.text("Description"))
    days, tags = check_retention(ctx.params.number("RetentionDays")), checked_tags(ctx)
    check_disk(ctx, disk)
    snapshot = begin(ctx, disk, name, description, days, tags)
    finish(ctx, snapshot)
    return {"SnapshotId": snapshot.id}


def check_disk(ctx: Context, disk: Item) -> None:
    """Whether a snapshot of the disk may be made now. Raises ApiError."""
    data = disk.data
    if data["Category"].startswith(("local", "ephemeral", "elastic_ephemeral")):
        raise ApiError("DiskCategory.OperationNotSupported", "The type of the specified disk does not support creating a snapshot.")
    if data["Status"] not in ("In_use", "Available"):
        raise ApiError("IncorrectDiskStatus")
    if not disk.hidden.get("was_attached"):
        raise ApiError("IncorrectDiskStatus.NeverAttached", "The specified disk has never been attached to any instance.")
    if not disk.hidden.get("was_used"):
        raise ApiError("IncorrectDiskStatus.NeverUsed", "The specified disk has never been used after creating.")
    instance = ctx.account.find("instances", data["InstanceId"])
    if instance is not None:
        if "security" in locks_of(instance):
            raise ApiError("InstanceLockedForSecurity", "The disk attached instance is locked due to security.")
        if instance.data["Status"] not in ("Running", "Stopped"):
            raise ApiError("IncorrectInstanceStatus", status=403)
    ctx.require_key(disk)
    if unfinished_of(ctx.account, disk.id):
        raise ApiError("IncorrectDiskStatus.CreatingSnapshot", "A previous snapshot creation is in process.")
    made = [item for item in ctx.account.all("snapshots") if item.data["SourceDiskId"] == disk.id and item.data["SnapshotType"] == "user"]
    if len(made) >= ctx.quota("snapshots_per_disk"):
        raise ApiError("QuotaExceed.Snapshot", "The snapshot quota exceeds.")


def locks_of(item: Item) -> set[str]:
    """The reasons for which an instance or disk is locked."""
    locks = item.data.get("OperationLocks", {})
    return {lock["LockReason"] for part in locks.values() for lock in part}


def unfinished_of(account: Account, disk_id: str) -> list[Item]:
    """Snapshots of a disk that are in creation."""
    return [
        item
        for item in account.all("snapshots")
        if item.data["SourceDiskId"] == disk_id and item.data["Status"] == "progressing" and not item.hidden.get("copy")
    ]


def begin(ctx: Context, disk: Item, name: str, description: str, days: int | None, tags: dict[str, str]) -> Item:
    """A snapshot in creation; it has the bytes of this moment."""
    source, essd = disk.data, disk.data["Category"] in ESSD
    fields = {"SnapshotName": name, "Description": description, "Status": "progressing", "Progress": "0%", "RemainTime": -1, "Available": False}
    fields.update(SourceDiskId=disk.id, SourceDiskType=source["Type"], SourceDiskSize=str(source["Size"]), InstantAccess=essd)
    fields.update(Encrypted=source["Encrypted"], KMSKeyId=source["KMSKeyId"], ResourceGroupId=ctx.params.text("ResourceGroupId") or "")
    if days is not None:
        fields["RetentionDays"] = days
    snapshot = new_snapshot(ctx.account, ctx.region, ctx.new_id("snapshots"), fields)
    snapshot.tags, snapshot.content = tags, disk.content
    snapshot.hidden["essd"] = essd
    ctx.account.add(snapshot)
    ctx.targets.append(snapshot.id)
    plan_end(ctx.account, snapshot)
    return snapshot


def finish(ctx: Context, snapshot: Item) -> None:
    """Plans how it becomes available and accomplished."""

    def done() -> None:
        snapshot.data.update(Status="accomplished", Progress="100%", RemainTime=0, Available=True, LastModifiedTime=ctx.stamp())

    def failed() -> None:
        snapshot.data.update(Status="failed", Available=False, LastModifiedTime=ctx.stamp())

    if snapshot.hidden.get("essd") and ctx.setting("essd_available_early") and (ctx.fault is None or not ctx.fault.error):
        snapshot.data["Available"] = True
    ctx.later(snapshot, done, failed)


def plan_end(account: Account, snapshot: Item) -> None:
    """A snapshot with RetentionDays goes by itself."""

    def end(moment_s: float) -> None:
        days = snapshot.data.get("RetentionDays")
        if days is None or not account.is_there(snapshot):
            return
        due_s = snapshot.hidden["created_s"] + days * DAY_S
        if moment_s < due_s:
            account.world.agenda.at(due_s, end)
        elif not snapshot_locks.is_locked(account, snapshot):
            account.remove(snapshot)

    if "RetentionDays" in snapshot.data:
        account.world.agenda.at(snapshot.hidden["created_s"] + snapshot.data["RetentionDays"] * DAY_S, end)


def images_of(account: Account, identity: str) -> list[Item]:
    """The images that hold a snapshot."""
    return [item for item in account.all("images") if any(part.get("SnapshotId") == identity for part in item.data["DiskDeviceMappings"]["DiskDeviceMapping"])]


def modify(ctx: Context) -> dict[str, Any]:
    """ModifySnapshotAttribute."""
    snapshot, asked = ctx.snapshot(), ctx.params
    if not any(asked.text(name) is not None for name in ("SnapshotName", "Description", "RetentionDays", "DisableInstantAccess")):
        raise ApiError("NoAttributeToModify", status=400)
    if snapshot.data["Status"] == "progressing":
        raise ApiError("InvalidSnapshotId.NotReady", "The specified snapshot is not ready.", 400)
    changes: dict[str, Any] = {}
    if asked.text("SnapshotName") is not None:
        changes["SnapshotName"] = name_of(asked.text("SnapshotName"))
    if asked.text("Description") is not None:
        changes["Description"] = check_description(asked.text("Description"))
    days = check_retention(asked.number("RetentionDays"))
    if days is not None:
        if days < snapshot.data.get("RetentionDays", 0):
            raise ApiError("InvalidOperation.DecreaseRetentionDaysUnsupported", "The retention days can only grow.")
        changes["RetentionDays"] = days
    if asked.flag("DisableInstantAccess"):
        changes["InstantAccess"] = False
    snapshot.data.update(changes, LastModifiedTime=ctx.stamp())
    if days is not None:
        plan_end(ctx.account, snapshot)
    return {}


def delete(ctx: Context) -> dict[str, Any]:
    """DeleteSnapshot."""
    snapshot = ctx.account.find("snapshots", ctx.params.need("SnapshotId"), ctx.region)
    if snapshot is None:
        if ctx.setting("delete_unknown_ok"):
            return {}
        raise ApiError("InvalidSnapshotId.NotFound", "The specified SnapshotId is not found.")
    check_delete(ctx, snapshot, ctx.params.flag("Force"))
    ctx.delete(snapshot)
    return {}


def check_delete(ctx: Context, snapshot: Item, force: bool) -> None:
    """Whether a snapshot may be deleted. Raises ApiError."""
    if snapshot_locks.is_locked(ctx.account, snapshot):
        raise ApiError(ctx.setting("locked_snapshot_code"), "The specified snapshot is locked.", 403)
    if images_of(ctx.account, snapshot.id):
        raise ApiError("SnapshotCreatedImage", "The snapshot has created image.")
    if not force and any(item.data["SourceSnapshotId"] == snapshot.id for item in ctx.account.all("disks")):
        raise ApiError("SnapshotCreatedDisk", "The snapshot has created disk.")
    if any(item.hidden.get("copy") == snapshot.id and item.data["Status"] == "progressing" for item in ctx.account.all("snapshots")):
        raise ApiError("InvalidOperation.RelatedSnapshotNotFinished", "A copy of the snapshot is not finished.")


HANDLERS = {
    "CreateSnapshot": create,
    "ModifySnapshotAttribute": modify,
    "DeleteSnapshot": delete,
}
