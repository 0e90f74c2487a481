# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""StartInstance, StopInstance, RebootInstance, DeleteInstance, ReplaceSystemDisk."""

from __future__ import annotations

from typing import Any

from ..content import EMPTY
from . import disks, images, interfaces, record
from .context import Context
from .errors import ApiError
from .snapshots import locks_of, unfinished_of
from .store import Item


def _check_locks(instance: Item, reasons: tuple[str, ...] = ("security", "financial")) -> None:
    found = locks_of(instance) & set(reasons)
    if "security" in found:
        raise ApiError("InstanceLockedForSecurity", "The specified operation is denied as your instance is locked for security reasons.")
    if found:
        raise ApiError("InstanceExpiredOrInArrears", "The instance is expired or in arrears.")


def _note_snapshots(ctx: Context, instance: Item, what: str) -> None:
    """Accepted, and yet advised against: power that changes while a snapshot is in creation."""
    for item in disks.of_instance(ctx.account, instance.id):
        if unfinished_of(ctx.account, item.id):
            record.violate(ctx.account, "power_in_snapshot", f"{instance.id} was {what} while a snapshot of {item.id} was in creation", instance.id)


def start(ctx: Context) -> dict[str, Any]:
    """StartInstance."""
    instance = ctx.instance()
    _check_locks(instance)
    if instance.data["Status"] != "Stopped":
        raise ApiError("IncorrectInstanceStatus", status=403)
    own = disks.of_instance(ctx.account, instance.id)
    if not any(item.data["Type"] == "system" for item in own):
        raise ApiError("InvalidInstance.NotFoundSystemDisk", "The instance has no system disk.", 400)
    if any(item.data["Status"] != "In_use" for item in own):
        raise ApiError("IncorrectInstanceStatus", "A disk of the instance is not ready.", 403)
    if instance.data["StoppedMode"] == "StopCharging":
        ctx.require_stock(instance.data["ZoneId"], instance.data["InstanceType"])
    ctx.dry_run()
    _note_snapshots(ctx, instance, "started")
    instance.data.update(Status="Starting", StoppedMode="Not-applicable", StartTime=ctx.stamp(seconds=False))
    instance.hidden.update(address_changed=False, restarted=True)
    for item in own:
        item.hidden["was_used"] = True
    ctx.later(instance, lambda: instance.data.update(Status="Running"), lambda: instance.data.update(Status="Stopped"))
    return {}


def stop(ctx: Context) -> dict[str, Any]:
    """StopInstance."""
    instance = ctx.instance()
    _check_locks(instance)
    mode = ctx.params.text("StoppedMode") or ctx.setting("default_stopped_mode")
    if mode not in ("KeepCharging", "StopCharging"):
        raise ApiError("InvalidParameter", f"StoppedMode is KeepCharging or StopCharging, not {mode}", 400)
    if instance.data["Status"] != "Running":
        raise ApiError("IncorrectInstanceStatus", status=403)
    if instance.data["LocalStorageAmount"] and not ctx.params.flag("ConfirmStop"):
        raise ApiError("InstanceType.ParameterMismatch", "An instance with local disks needs ConfirmStop.", 403)
    ctx.require_key(*disks.of_instance(ctx.account, instance.id))
    ctx.dry_run()
    _note_snapshots(ctx, instance, "stopped")
    instance.data["Status"] = "Stopping"

    def done() -> None:
        instance.data.update(Status="Stopped", StoppedMode=mode if instance.data["InstanceChargeType"] == "PostPaid" else "KeepCharging")
        if instance.data["StoppedMode"] == "StopCharging":
            instance.data["PublicIpAddress"] = {"IpAddress": []}

    ctx.later(instance, done, lambda: instance.data.update(Status="Running"))
    return {}


def reboot(ctx: Context) -> dict[str, Any]:
    """RebootInstance."""
    instance = ctx.instance()
    _check_locks(instance)
    if instance.data["Status"] != "Running":
        raise ApiError("IncorrectInstanceStatus", status=403)
    instance.data["Status"] = "Starting"
    instance.hidden["restarted"] = True
    ctx.later(instance, lambda: instance.data.update(Status="Running"), lambda: instance.data.update(Status="Running"))
    return {}


def delete(ctx: Context) -> dict[str, Any]:
    """DeleteInstance: what goes with it goes, the rest is left; under a security lock all disks go."""
    instance = ctx.instance()
    if instance.data["DeletionProtection"]:
        raise ApiError("InvalidOperation.DeletionProtection", "The operation is not allowed due to deletion protection.")
    if instance.data["InstanceChargeType"] == "PrePaid" and not ctx.params.flag("TerminateSubscription"):
        raise ApiError("ChargeTypeViolation", "A subscription instance that has not expired cannot be released.", 403)
    if instance.data["Status"] == "Pending":
        raise ApiError("IncorrectInstanceStatus.Initializing", "The instance is being made.", 403)
    if instance.data["Status"] != "Stopped" and not (ctx.params.flag("Force") and instance.data["Status"] in ("Running", "Starting", "Stopping")):
        raise ApiError("IncorrectInstanceStatus", status=403)
    ctx.dry_run()
    # Named one by one, because the request does not name them.
    ctx.targets += [item.id for item in disks.of_instance(ctx.account, instance.id)]
    if instance.data["Status"] == "Running":
        instance.data["Status"] = "Stopping"
    ctx.delete(instance, lambda: _remove(ctx, instance))
    return {}


def _remove(ctx: Context, instance: Item) -> None:
    """The instance goes, and with it what says so; under a security lock all disks do."""
    all_go = "security" in locks_of(instance)
    for disk in disks.of_instance(ctx.account, instance.id):
        if disk.data["DeleteWithInstance"] or all_go:
            disks.remove(ctx.account, disk)
        else:
            disks.detach(disk, instance.id, ctx.stamp())
    for nic in interfaces.of_instance(ctx.account, instance.id):
        if nic.data["Type"] == "Primary" or nic.data["DeleteOnRelease"]:
            interfaces.remove(ctx.account, nic)
        else:
            nic.data.update(Status="Available", InstanceId="", Attachment={})
    for eip in ctx.all("eips"):
        if eip.data["InstanceId"] == instance.id:
            eip.data.update(Status="Available", InstanceId="", InstanceType="", PrivateIpAddress="")
    ctx.account.remove(instance)


def replace_system_disk(ctx: Context) -> dict[str, Any]:
    """ReplaceSystemDisk: another disk from an image; the old one is released."""
    instance = ctx.instance()
    _check_locks(instance, ("financial",))
    if instance.data["Status"] != "Stopped":
        raise ApiError("IncorrectInstanceStatus", status=403)
    old = next((item for item in disks.of_instance(ctx.account, instance.id) if item.data["Type"] == "system"), None)
    if old is None:
        raise ApiError("InvalidInstance.NotFoundSystemDisk", "The instance has no system disk.", 400)
    if ctx.params.text("DiskId"):
        raise ApiError("InvalidDiskId.NotSupported", "DiskId is not supported.", 403)
    image = images.usable(ctx, ctx.params.text("ImageId"))
    if any(part["Type"] == "data" for part in image.data["DiskDeviceMappings"]["DiskDeviceMapping"]):
        raise ApiError("OperationDenied", "The image holds snapshots of data disks.", 400)
    if unfinished_of(ctx.account, old.id):
        raise ApiError("DiskCreatingSnapshot", "A snapshot of the disk is in creation.")
    part = images.system_part(image)
    size = ctx.params.number("SystemDisk.Size") or max(old.data["Size"], int(part["Size"]))
    if size < max(old.data["Size"], int(part["Size"])):
        raise ApiError("InvalidSystemDiskSize.LessThanImageSize", "The size is below that of the old disk or of the image.", 404)
    source = ctx.account.find("snapshots", part.get("SnapshotId"))
    kept = ("Category", "PerformanceLevel", "DeleteWithInstance", "DeleteAutoSnapshot", "AutoSnapshotPolicyId", "DiskName", "Description", "ZoneId")
    fields = {name: old.data[name] for name in kept if name in old.data}
    fields.update(Size=size, Type="system", ImageId=image.id, SourceSnapshotId=part.get("SnapshotId", ""))
    new = disks.new_disk(ctx.account, ctx.region, ctx.new_id("disks"), fields)
    new.tags, new.content = dict(old.tags), source.content if source else EMPTY
    new.hidden["first"] = new.content
    disks.remove(ctx.account, old)
    ctx.account.add(new)
    disks.attach(new, instance, "/dev/xvda", ctx.stamp())
    ctx.targets += [old.id, new.id]
    lock = {"LockReason": "ImageReplacing", "LockMsg": ""}
    instance.data["OperationLocks"]["LockReason"].append(lock)

    def done() -> None:
        instance.data.update(ImageId=image.id)
        instance.data["OperationLocks"]["LockReason"].remove(lock)

    ctx.later(instance, done, done)
    return {"DiskId": new.id}


HANDLERS = {
    "StartInstance": start,
    "StopInstance": stop,
    "RebootInstance": reboot,
    "DeleteInstance": delete,
    "ReplaceSystemDisk": replace_system_disk,
}
