# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roll back of disks: ResetDisk, ResetDisks, ReInitDisk."""

from __future__ import annotations

from typing import Any

from . import record
from .context import Context
from .errors import ApiError
from .snapshots import locks_of, unfinished_of
from .store import Item


def reset(ctx: Context) -> dict[str, Any]:
    """ResetDisk: no task, no token; the disk's status is all that tells."""
    disk, snapshot = ctx.disk(), ctx.snapshot()
    _check(ctx, disk, snapshot)
    ctx.dry_run()
    _begin(ctx, disk, snapshot)
    return {}


def _check(ctx: Context, disk: Item, snapshot: Item) -> None:
    if snapshot.data["SourceDiskId"] != disk.id or snapshot.hidden.get("copy"):
        raise ApiError("InvalidParameter.Mismatch", "The specified snapshot was not made of the specified disk.")
    if not snapshot.data["Available"]:
        raise ApiError("InvalidSnapshotId.NotReady", "The specified snapshot is not ready.")
    _check_disk(ctx, disk)
    ctx.require_key(disk, snapshot)
    if unfinished_of(ctx.account, disk.id):
        raise ApiError("IncorrectDiskStatus.HasUnfinishedSnapshot", "A snapshot of the disk is in creation.")


def _check_disk(ctx: Context, disk: Item) -> None:
    if disk.hidden.get("resetting"):
        raise ApiError("Operation.Conflict", "The operation conflicts with another one on the disk.")
    if disk.data["Status"] not in ("In_use", "Available"):
        raise ApiError("IncorrectDiskStatus")
    for entry in disk.data["Attachments"]["Attachment"]:
        instance = ctx.account.find("instances", entry["InstanceId"])
        if instance is None:
            continue
        if "security" in locks_of(instance):
            raise ApiError("InstanceLockedForSecurity", "The disk attached instance is locked due to security.")
        if "financial" in locks_of(instance):
            raise ApiError("InstanceExpiredOrInArrears", "The instance is expired or in arrears.")
        if instance.data["Status"] != "Stopped":
            raise ApiError("IncorrectInstanceStatus", status=403)


def _begin(ctx: Context, disk: Item, snapshot: Item) -> None:
    content, before, status = snapshot.content, disk.data["Status"], ctx.setting("reset_status")
    disk.hidden["resetting"] = snapshot.id

    def start() -> None:
        # Whoever has started the instance before the work began has lost the roll back.
        for entry in disk.data["Attachments"]["Attachment"]:
            instance = ctx.account.find("instances", entry["InstanceId"])
            if instance is not None and instance.data["Status"] != "Stopped":
                disk.hidden["resetting"] = None
                record.violate(ctx.account, "reset_lost", f"{instance.id} was started before the reset of {disk.id} began", instance.id)
                return
        disk.data["Status"] = status or before
        ctx.later(disk, done, failed)

    def done() -> None:
        disk.content = content
        failed()

    def failed() -> None:
        disk.hidden["resetting"] = None
        disk.data["Status"] = before

    wait_s = float(ctx.setting("reset_begins_after_s"))
    if wait_s:
        ctx.after(wait_s, lambda: start() if ctx.account.is_there(disk) else None)
    else:
        start()


def reset_many(ctx: Context) -> dict[str, Any]:
    """ResetDisks: each disk on its own, failures inside of a 200."""
    progress = []
    pairs = []
    for entry in ctx.params.structs("Disk"):
        disk = ctx.get("disks", entry.get("DiskId"), "InvalidDiskId.NotFound")
        pairs.append((disk, ctx.get("snapshots", entry.get("SnapshotId"), "InvalidSnapshotId.NotFound")))
    for disk, snapshot in pairs:
        related = {"RelatedItem": [{"Name": "DiskId", "Value": disk.id}, {"Name": "SnapshotId", "Value": snapshot.id}]}
        try:
            _check(ctx, disk, snapshot)
        except ApiError as error:
            progress.append({"OperationStatus": "Failed", "ErrorCode": error.code, "ErrorMsg": error.message, "RelatedItemSet": related})
            continue
        progress.append({"OperationStatus": "Success", "ErrorCode": "", "ErrorMsg": "", "RelatedItemSet": related})
    ctx.dry_run()
    for (disk, snapshot), entry_of in zip(pairs, progress):
        if entry_of["OperationStatus"] == "Success":
            _begin(ctx, disk, snapshot)
    return {"OperationProgressSet": {"OperationProgress": progress}}


def reinit(ctx: Context) -> dict[str, Any]:
    """ReInitDisk: back to the snapshot or image that the disk was made from."""
    disk = ctx.disk()
    if disk.data["Status"] != "In_use":
        raise ApiError("IncorrectDiskStatus")
    _check_disk(ctx, disk)
    source = ctx.account.find("snapshots", disk.data["SourceSnapshotId"])
    if disk.data["SourceSnapshotId"] and source is None:
        raise ApiError("InvalidSourceSnapshot", "The snapshot that the disk was made from is gone.", 403)
    content = source.content if source else disk.hidden.get("first", disk.content)
    disk.data["Status"], disk.hidden["resetting"] = "ReIniting", "first"

    def done() -> None:
        disk.content = content
        disk.hidden["resetting"] = None
        disk.data["Status"] = "In_use"

    ctx.later(disk, done, done)
    return {}


HANDLERS = {"ResetDisk": reset, "ResetDisks": reset_many, "ReInitDisk": reinit}
