# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machine images and instance templates."""

from __future__ import annotations

import copy
from typing import Any

from ..content import EMPTY
from . import attached, quotas
from .context import Context
from .errors import ApiError
from .links import last, parse
from .machine_rules import check_metadata
from .places import region_of
from .rules import check_key, check_name, storage_locations, without_input
from .snapshots import require_guest
from .store import Resource

# What instance properties have; of machine images the document says that the others are not supported yet.
PROPERTIES = {"canIpForward", "description", "disks", "guestAccelerators", "keyRevocationActionType", "labels", "localSsdEncryptionMode", "machineType"}
PROPERTIES |= {"metadata", "minCpuPlatform", "networkInterfaces", "scheduling", "serviceAccounts", "tags", "workloadIdentityConfig"}


def insert_machine_image(ctx: Context) -> dict[str, Any]:
    """POST machineImages: the bytes of all disks at one moment, and what the VM is like."""
    body = dict(ctx.body)
    ctx.require_free(check_name(body))
    if not body.get("sourceInstance"):
        raise ApiError("required", "Required field 'resource.sourceInstance' not specified")
    instance = ctx.linked(body["sourceInstance"], "resource.sourceInstance", "instances")
    quotas.check(ctx.project, "MACHINE_IMAGES", "")
    keys = {
        parse(item.get("sourceDisk"), ctx.project.name, f"resource.sourceDiskEncryptionKeys[{number}].sourceDisk", "disks"): item.get("diskEncryptionKey")
        for number, item in enumerate(body.get("sourceDiskEncryptionKeys") or [])
    }
    properties = {name: copy.deepcopy(value) for name, value in instance.data.items() if name in PROPERTIES}
    properties["machineType"] = last(properties["machineType"])
    for nic in properties["networkInterfaces"]:
        for field in ("networkIP", "ipv6Address", "internalIpv6PrefixLength", "ipv6AccessType", "fingerprint"):
            nic.pop(field, None)
        for config in (*nic.get("accessConfigs", []), *nic.get("ipv6AccessConfigs", [])):
            for address in ("natIP", "externalIpv6", "externalIpv6PrefixLength"):
                config.pop(address, None)
    saved, contents = [], []
    for entry in properties["disks"]:
        disk = attached.disk_of(ctx.project, entry)
        contents.append(disk.content if disk is not None else EMPTY)
        if disk is not None:
            if body.get("guestFlush"):
                require_guest(ctx, disk)
            check_key(keys.get(disk.ref), disk.data.get("diskEncryptionKey"), disk.ref.path)
            saved.append({"kind": "compute#savedDisk", "sourceDisk": disk.url, "storageBytes": str(disk.content.size), "storageBytesStatus": "UP_TO_DATE"})
    data = {
        **without_input(body, "machineImages"),
        "sourceInstance": instance.url,
        "instanceProperties": properties,
        "savedDisks": saved,
        "status": "CREATING",
        "storageLocations": storage_locations(body.get("storageLocations"), region_of(instance.place)),
        "totalStorageBytes": str(sum(content.size for content in contents)),
    }
    image = ctx.project.add(Resource(ctx.project, "global", "machineImages", data, saved=contents))

    def effect() -> None:
        quotas.check(ctx.project, "MACHINE_IMAGES", "", moment="operation")
        data["status"] = "READY"

    return ctx.operation(image, effect, lambda: ctx.project.remove(image))


def delete_machine_image(ctx: Context) -> dict[str, Any]:
    """DELETE: not while something is made from it."""
    image = ctx.resource()
    ctx.require_staying(image)
    ctx.require_unread(image)
    return ctx.operation(image, lambda: ctx.project.remove(image))


def insert_template(ctx: Context) -> dict[str, Any]:
    """POST instanceTemplates: kept as sent."""
    ctx.require_free(check_name(ctx.body))
    quotas.check(ctx.project, "INSTANCE_TEMPLATES", "")
    check_metadata((ctx.body.get("properties") or {}).get("metadata"), "resource.properties.metadata")
    template = ctx.project.add(Resource(ctx.project, "global", "instanceTemplates", copy.deepcopy(ctx.body)))
    return ctx.operation(template, undo=lambda: ctx.project.remove(template))


HANDLERS = {
    "machineImages.insert": insert_machine_image,
    "machineImages.delete": delete_machine_image,
    "instanceTemplates.insert": insert_template,
}
