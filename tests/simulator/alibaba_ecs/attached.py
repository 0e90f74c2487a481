# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AttachDisk and DetachDisk, with the rules for system disks."""

from __future__ import annotations

from typing import Any

from . import disks
from .context import Context
from .errors import ApiError
from .snapshots import locks_of
from .store import Item

SOURCE_INSTANCE, SOURCE_DISK, PROTECTION = "acs:ecs:sourceInstanceId", "acs:ecs:sourceSystemDiskId", "acs:ecs:diskDeleteProtection"


def attach(ctx: Context) -> dict[str, Any]:
    """AttachDisk."""
    instance, disk = ctx.instance(), ctx.disk()
    _check_instance(instance)
    if "financial" in locks_of(instance):
        raise ApiError("InstanceExpiredOrInArrears", "The instance is expired or in arrears.")
    ctx.require_key(disk)
    shared = disk.data["MultiAttach"] == "Enabled"
    if disks.attached_to(disk, instance.id) or (disk.data["Status"] == "In_use" and not shared):
        raise ApiError("InvalidDisk.InUse", "The specified disk has been occupied.")
    if disk.data["Status"] not in ("Available", *(("In_use",) if shared else ())):
        raise ApiError("IncorrectDiskStatus")
    if disk.data["ZoneId"] != instance.data["ZoneId"]:
        raise ApiError("ResourcesNotInSameZone", "The specified instance and disk are not in the same zone.")
    if len(disks.of_instance(ctx.account, instance.id)) >= ctx.quota("disks_per_instance"):
        raise ApiError("InstanceDiskLimitExceeded", "The amount of the disk on instance in question reach its limits.")
    as_system = ctx.params.flag("Bootable")
    if as_system:
        _check_system(ctx, instance, disk)
    goes = ctx.params.flag("DeleteWithInstance")
    if goes and shared:
        raise ApiError("DeleteWithInstance.Conflict", "A disk with multi-attach cannot go with an instance.")
    disk.data["Status"] = "Attaching"

    def done() -> None:
        if not ctx.account.is_there(instance):
            disk.data["Status"] = "Available"
            return
        device = "/dev/xvda" if as_system else disks.free_device(ctx.account, instance.id)
        disks.attach(disk, instance, device, ctx.stamp())
        disk.data.update(DeleteWithInstance=goes, Type="system" if as_system else "data")
        for key in (SOURCE_INSTANCE, PROTECTION) if as_system else ():
            disk.tags.pop(key, None)
        if as_system:
            instance.tags.pop(SOURCE_DISK, None)

    ctx.later(disk, done, lambda: disk.data.update(Status="In_use" if disk.data["InstanceId"] else "Available"))
    return {}


def _check_instance(instance: Item) -> None:
    if instance.data["Status"] not in ("Running", "Stopped"):
        raise ApiError("IncorrectInstanceStatus", status=400)
    if "security" in locks_of(instance):
        raise ApiError("InstanceLockedForSecurity", "The specified operation is denied as your instance is locked for security reasons.")


def _check_system(ctx: Context, instance: Item, disk: Item) -> None:
    if disk.data["MultiAttach"] == "Enabled":
        raise ApiError("InvalidOperation.CanNotAttachMultiAttachDiskAsSystemDisk", "A disk with multi-attach cannot be a system disk.")
    if disk.tags.get(SOURCE_INSTANCE) is None:
        raise ApiError("InvalidDisk.DiskNotBootable", "The specified disk is not bootable.", 400)
    if disk.tags[SOURCE_INSTANCE] != instance.id:
        raise ApiError("InvalidInstance.NotOriginInstance", "The disk was the system disk of another instance.", 400)
    if instance.data["Status"] != "Stopped":
        raise ApiError("IncorrectInstanceStatus", status=400)
    if any(item.data["Type"] == "system" for item in disks.of_instance(ctx.account, instance.id)):
        raise ApiError("InvalidParameter", "The instance has a system disk.", 400)
    if not ctx.params.text("Password") and not ctx.params.text("KeyPairName"):
        raise ApiError("InvalidParameter.AllEmpty", "Password or KeyPairName is needed.", 400)


def detach(ctx: Context) -> dict[str, Any]:
    """DetachDisk."""
    instance, disk = ctx.instance(), ctx.disk()
    if not disks.attached_to(disk, instance.id):
        raise ApiError("InvalidDisk.AlreadyDetached", "The specified disk has been detached.")
    if "security" in locks_of(instance):
        raise ApiError("InstanceLockedForSecurity", "The specified operation is denied as your instance is locked for security reasons.")
    if disk.data["Status"] != "In_use":
        raise ApiError("IncorrectDiskStatus")
    if not disk.data["Portable"]:
        raise ApiError("DiskNotPortable", "The specified disk is not a portable disk.")
    if disk.data["Category"].startswith(("local", "ephemeral", "elastic_ephemeral")):
        raise ApiError("InvalidOperation.DiskCategoryUnsupported", "The category of the disk does not support this operation.")
    is_system = disk.data["Type"] == "system"
    if instance.data["Status"] not in (("Stopped",) if is_system else ("Running", "Stopped")):
        raise ApiError("IncorrectInstanceStatus", status=403)
    if is_system and ctx.account.find("images", disk.data["ImageId"]) is None and not disk.data["ImageId"].endswith(".vhd"):
        raise ApiError("InvalidDiskId.OperationNotSupported", "The image of the instance is gone.")
    most = int(ctx.setting("most_detaching"))
    if most and sum(item.data["Status"] == "Detaching" for item in disks.of_instance(ctx.account, instance.id)) >= most:
        raise ApiError("DisksDetachingOnEcsExceeded", "Too many disks of the instance are being detached.", 400)
    disk.data["Status"] = "Detaching"

    def done() -> None:
        disks.detach(disk, instance.id, ctx.stamp())
        if is_system:
            disk.tags.update({SOURCE_INSTANCE: instance.id, PROTECTION: "true", "acs:ecs:diskPayType": "PostPaid"})
            instance.tags[SOURCE_DISK] = disk.id

    ctx.later(disk, done, lambda: disk.data.update(Status="In_use"))
    return {}


HANDLERS = {"AttachDisk": attach, "DetachDisk": detach}
