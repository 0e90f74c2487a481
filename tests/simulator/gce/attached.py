# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks as a VM has them: the entries of `disks[]`, and the `users` of the disks they name."""

from __future__ import annotations

from typing import Any

from .context import Context
from .disks import new_disk
from .errors import ApiError, invalid
from .links import last, parse
from .places import region_of
from .rules import check_key
from .store import Project, Resource

MODES = ("READ_WRITE", "READ_ONLY")
IN_USE = "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
# What initializeParams calls otherwise than a disk.
RENAMED = {"diskName": "name", "diskSizeGb": "sizeGb", "diskType": "type"}


def disk_of(project: Project, entry: dict[str, Any]) -> Resource | None:
    """The disk of an entry; None for a local SSD."""
    if not entry.get("source"):
        return None
    ref = parse(entry["source"], project.name, "source", "disks")
    return project.find(ref.place, "disks", ref.name)


def entry_of(instance: Resource, device: str) -> dict[str, Any] | None:
    """The entry of a device name."""
    return next((item for item in instance.data["disks"] if item["deviceName"] == device), None)


def source_disk(ctx: Context, place: str, entry: dict[str, Any], field: str) -> Resource:
    """The existing disk that an entry names, seen to be attachable in a zone with the key given. Raises ApiError."""
    disk = ctx.linked(entry["source"], f"{field}.source", "disks")
    if disk.place not in (place, f"regions/{region_of(place)}"):
        raise invalid(f"{field}.source", entry["source"], f"The disk must be in {place}.")
    if disk.place != place and not any(zone.endswith("/" + place) for zone in disk.data["replicaZones"]):
        raise invalid(f"{field}.source", entry["source"], f"The disk has no replica in {place}.")
    if disk.data["status"] != "READY":
        raise ApiError("resourceNotReady", f"The resource '{disk.ref.path}' is not ready")
    check_key(entry.get("diskEncryptionKey"), disk.data.get("diskEncryptionKey"), disk.ref.path)
    require_attachable(ctx.project, disk, entry.get("mode", "READ_WRITE"))
    return disk


def require_attachable(project: Project, disk: Resource, mode: str) -> None:
    """Raises ApiError when somebody writes to the disk, or reads it and we want to write; a disk made for many writers has room for all."""
    access = disk.data.get("accessMode")
    if access == "READ_ONLY_MANY" and mode != "READ_ONLY":
        raise invalid("mode", mode, f"The disk '{disk.ref.path}' has the access mode READ_ONLY_MANY.")
    if access == "READ_WRITE_MANY":
        return
    for instance in project.all("instances"):
        for entry in instance.data["disks"]:
            if entry.get("source") == disk.url and "READ_WRITE" in (mode, entry["mode"]):
                message = f"The disk resource '{disk.ref.path}' is already being used by '{instance.ref.path}'"
                raise ApiError("resourceInUseByAnotherResource", message, 400, IN_USE)


def made_disk(ctx: Context, place: str, instance_name: str, entry: dict[str, Any], number: int) -> Resource:
    """The disk that an entry with initializeParams asks for, not kept yet. Raises ApiError."""
    params = dict(entry.get("initializeParams") or {})
    body: dict[str, Any] = {RENAMED.get(str(name), str(name)): value for name, value in params.items()}
    body.setdefault("name", instance_name if number == 0 else f"{instance_name}-{number}")
    if not body.get("sizeGb") and entry.get("diskSizeGb"):
        body["sizeGb"] = entry["diskSizeGb"]
    if entry.get("diskEncryptionKey"):
        body["diskEncryptionKey"] = entry["diskEncryptionKey"]
    home = f"regions/{region_of(place)}" if body.get("replicaZones") else place
    return new_disk(ctx, body, home, f"resource.disks[{number}]")


def shown_entry(entry: dict[str, Any], disk: Resource | None, index: int, boot: bool, taken: set[str]) -> dict[str, Any]:
    """The entry as answers show it. Raises ApiError for a device name that is taken, or a mode that is none."""
    mode = entry.get("mode", "READ_WRITE")
    if mode not in MODES:
        raise invalid("mode", mode, f"Must be one of {', '.join(MODES)}.")
    device = entry.get("deviceName") or next(name for number in range(index, 1000) if (name := f"persistent-disk-{number}") not in taken)
    if device in taken:
        raise invalid("deviceName", device, "The device name is already in use on this instance.")
    shown = {
        **{name: value for name, value in entry.items() if name not in ("initializeParams", "diskEncryptionKey", "forceAttach")},
        "kind": "compute#attachedDisk",
        "type": "PERSISTENT" if disk is not None else "SCRATCH",
        "mode": mode,
        "deviceName": device,
        "index": index,
        "boot": boot,
        "autoDelete": bool(entry.get("autoDelete", False)),
        "interface": entry.get("interface", "SCSI"),
    }
    if disk is not None:
        shown["source"] = disk.url
        shown["diskSizeGb"] = disk.data["sizeGb"]
        for name in ("diskEncryptionKey", "architecture", "guestOsFeatures", "licenses"):
            if name in disk.data:
                shown[name] = disk.data[name]
    return shown


def use(disk: Resource, instance: Resource) -> None:
    """Notes the VM among the users of the disk."""
    disk.data["users"] = [*(url for url in disk.data.get("users", []) if url != instance.url), instance.url]
    disk.data["lastAttachTimestamp"] = disk.project.world.timestamp()


def leave(disk: Resource, instance: Resource) -> None:
    """Strikes the VM off the users of the disk."""
    users = [url for url in disk.data.get("users", []) if url != instance.url]
    disk.data["lastDetachTimestamp"] = disk.project.world.timestamp()
    if users:
        disk.data["users"] = users
    else:
        disk.data.pop("users", None)


def local_ssd(entry: dict[str, Any]) -> bool:
    """Whether an entry is a local SSD."""
    return entry.get("type") == "SCRATCH" or last(str((entry.get("initializeParams") or {}).get("diskType", ""))) == "local-ssd"


def check_local_ssd(ctx: Context, place: str, entry: dict[str, Any], number: int) -> None:
    """Raises ApiError for a local SSD that is asked for otherwise than by the URL of its type, or as a persistent disk."""
    field = f"resource.disks[{number}]"
    if entry.get("type") != "SCRATCH":
        raise invalid(f"{field}.type", entry.get("type", "PERSISTENT"), "A local SSD must be of the type SCRATCH.")
    kind = (entry.get("initializeParams") or {}).get("diskType")
    ref = parse(kind, ctx.project.name, f"{field}.initializeParams.diskType", "diskTypes")
    if ref.place != place or ref.name != "local-ssd":
        raise invalid(f"{field}.initializeParams.diskType", kind, f"A local SSD must be of the disk type local-ssd of {place}.")
