# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of a VM: start, stop, suspend, delete, and its settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import addressing, attached, quotas
from .context import Context
from .errors import ApiError, invalid
from .instance_insert import require_stock
from .links import last, parse
from .machine_rules import check_metadata, machine_type_of, require_bootable, scheduled
from .places import cpus_of, region_of
from .rules import check_fingerprint, check_key
from .store import Resource, fingerprint

PROTECTED = (
    "Invalid resource usage: 'Resource cannot be deleted if it's protected against deletion. To delete the resource, deletion protection must be disabled.'."
)


def instance_of(ctx: Context) -> Resource:
    """The VM of the path, with room for one more operation. Raises ApiError."""
    instance = ctx.resource()
    ctx.require_room(instance)
    return instance


def delete_instance(ctx: Context) -> dict[str, Any]:
    """DELETE: disks with autoDelete go too; addresses are free."""
    instance = instance_of(ctx)
    if instance.data.get("deletionProtection"):
        raise ApiError("invalidResourceUsage", PROTECTED)
    before = instance.data["status"]
    instance.data["status"] = "STOPPING"

    def effect() -> None:
        addressing.release(ctx.project, instance)
        ctx.project.remove(instance)
        for entry in instance.data["disks"]:
            disk = attached.disk_of(ctx.project, entry)
            if disk is None:
                continue
            attached.leave(disk, instance)
            if entry["autoDelete"] and not disk.data.get("users"):
                ctx.project.remove(disk)
            elif entry["autoDelete"]:
                ctx.warn("RESOURCE_NOT_DELETED", f"The disk resource '{disk.ref.path}' was not deleted because it is in use.", resource_name=disk.ref.path)

    return ctx.operation(instance, effect, lambda: instance.data.update(status=before))


def start_instance(ctx: Context) -> dict[str, Any]:
    """POST start, startWithEncryptionKey: of a VM that runs it changes nothing."""
    instance = instance_of(ctx)
    status = instance.data["status"]
    if status == "RUNNING":
        return ctx.operation(instance)
    if status != "TERMINATED":
        raise ApiError("resourceNotReady", f"The resource '{instance.ref.path}' is not ready")
    boot = next((attached.disk_of(ctx.project, entry) for entry in instance.data["disks"] if entry["boot"]), None)
    if boot is None:
        raise invalid("resource.disks", "", "The instance has no boot disk and cannot be started.")
    require_bootable(last(instance.data["machineType"]), instance.data.get("shieldedInstanceConfig"), boot)
    _check_keys(ctx, instance)
    return _run(ctx, instance, "TERMINATED")


def resume_instance(ctx: Context) -> dict[str, Any]:
    """POST resume."""
    instance = instance_of(ctx)
    _require_status(instance, "SUSPENDED")
    return _run(ctx, instance, "SUSPENDED")


def _run(ctx: Context, instance: Resource, before: str) -> dict[str, Any]:
    region = region_of(instance.place)
    quotas.check(ctx.project, "CPUS", region, cpus_of(last(instance.data["machineType"])) or 0)
    instance.data["status"] = "PROVISIONING"

    def effect() -> None:
        require_stock(ctx, instance.place)
        quotas.check(ctx.project, "CPUS", region, moment="operation")
        addressing.connect(ctx.project, instance.data["networkInterfaces"])
        instance.data.update(status="RUNNING", lastStartTimestamp=ctx.world.timestamp())

    return ctx.operation(instance, effect, lambda: instance.data.update(status=before))


def _check_keys(ctx: Context, instance: Resource) -> None:
    given = {parse(item.get("source", ""), ctx.project.name, "disks[0].source", "disks"): item.get("diskEncryptionKey") for item in ctx.body.get("disks", [])}
    for entry in instance.data["disks"]:
        disk = attached.disk_of(ctx.project, entry)
        if disk is not None:
            check_key(given.get(disk.ref), disk.data.get("diskEncryptionKey"), disk.ref.path)


def stop_instance(ctx: Context) -> dict[str, Any]:
    """POST stop: of a stopped VM it changes nothing. Local SSDs are lost, so it must be said what shall become of them."""
    instance = instance_of(ctx)
    if instance.data["status"] in ("TERMINATED", "STOPPING"):
        return ctx.operation(instance)
    if instance.data["status"] == "SUSPENDED":
        raise invalid("status", "SUSPENDED", "A suspended instance must be resumed before it is stopped.")
    _require_status(instance, "RUNNING")
    if any(entry["type"] == "SCRATCH" for entry in instance.data["disks"]) and "discardLocalSsd" not in ctx.query:
        raise invalid("discardLocalSsd", "", "discardLocalSsd must be specified for an instance with local SSD.")
    return _halt(ctx, instance, "STOPPING", "TERMINATED", "lastStopTimestamp")


def suspend_instance(ctx: Context) -> dict[str, Any]:
    """POST suspend."""
    instance = instance_of(ctx)
    _require_status(instance, "RUNNING")
    return _halt(ctx, instance, "SUSPENDING", "SUSPENDED", "lastSuspendedTimestamp")


def _halt(ctx: Context, instance: Resource, during: str, after: str, moment: str) -> dict[str, Any]:
    instance.data["status"] = during

    def effect() -> None:
        addressing.disconnect(ctx.project, instance.data["networkInterfaces"])
        instance.data.update({"status": after, moment: ctx.world.timestamp()})

    return ctx.operation(instance, effect, lambda: instance.data.update(status="RUNNING"))


def reset_instance(ctx: Context) -> dict[str, Any]:
    """POST reset."""
    instance = instance_of(ctx)
    _require_status(instance, "RUNNING")
    return ctx.operation(instance)


def _require_status(instance: Resource, status: str) -> None:
    if instance.data["status"] != status:
        raise ApiError("resourceNotReady", f"The resource '{instance.ref.path}' is not ready")


def set_deletion_protection(ctx: Context) -> dict[str, Any]:
    """POST setDeletionProtection."""
    instance = instance_of(ctx)
    value = ctx.query.get("deletionProtection", "true").lower() == "true"
    return ctx.operation(instance, lambda: instance.data.update(deletionProtection=value))


def set_machine_type(ctx: Context) -> dict[str, Any]:
    """POST setMachineType: of a stopped VM."""
    instance = instance_of(ctx)
    _require_status(instance, "TERMINATED")
    name = machine_type_of(ctx, ctx.body.get("machineType"), instance.place, "machineType")
    url = instance.data["machineType"].rsplit("/", 1)[0] + "/" + name
    return ctx.operation(instance, lambda: instance.data.update(machineType=url))


def set_holder(field: str, guarded: bool) -> Callable[[Context], dict[str, Any]]:
    """A handler that replaces a part of the VM; a guarded one only over the version that the caller has read."""

    def handler(ctx: Context) -> dict[str, Any]:
        instance = instance_of(ctx)
        value = {name: item for name, item in ctx.body.items() if name != "fingerprint"}
        if field == "metadata":
            check_metadata(value, field)
        if field == "scheduling":
            value = scheduled(ctx, {**instance.data["scheduling"], **value}, instance.data.get("guestAccelerators"), field)
        if guarded:
            check_fingerprint(ctx.body.get("fingerprint"), instance.data[field]["fingerprint"], "fingerprint")
            value["fingerprint"] = fingerprint([value, ctx.world.next_id()])
        return ctx.operation(instance, lambda: instance.data.update({field: value}))

    return handler


def set_service_account(ctx: Context) -> dict[str, Any]:
    """POST setServiceAccount: of a stopped VM."""
    instance = instance_of(ctx)
    _require_status(instance, "TERMINATED")
    accounts = [dict(ctx.body)] if ctx.body.get("email") else []
    return ctx.operation(instance, lambda: instance.data.update(serviceAccounts=accounts))


HANDLERS = {
    "instances.delete": delete_instance,
    "instances.start": start_instance,
    "instances.startWithEncryptionKey": start_instance,
    "instances.resume": resume_instance,
    "instances.stop": stop_instance,
    "instances.suspend": suspend_instance,
    "instances.reset": reset_instance,
    "instances.setDeletionProtection": set_deletion_protection,
    "instances.setMachineType": set_machine_type,
    "instances.setMetadata": set_holder("metadata", True),
    "instances.setTags": set_holder("tags", True),
    "instances.setScheduling": set_holder("scheduling", False),
    "instances.setServiceAccount": set_service_account,
}
