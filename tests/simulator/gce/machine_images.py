# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machine images and instance templates."""

from __future__ import annotations

import copy
from typing import Any

from . import attached, quotas
from .content import EMPTY
from .context import Context
from .errors import ApiError
from .links import last
from .places import region_of
from .rules import check_key, check_name
from .store import Resource

# What belongs to the one VM and not to its description.
OWN = {"id", "name", "kind", "creationTimestamp", "selfLink", "zone", "status", "fingerprint", "labelFingerprint", "lastStartTimestamp", "hostname"}
OWN |= {"lastStopTimestamp", "lastSuspendedTimestamp", "cpuPlatform", "startRestricted", "deletionProtection"}


def insert_machine_image(ctx: Context) -> dict[str, Any]:
    """POST machineImages: the bytes of all disks at one moment, and what the VM is like."""
    body = dict(ctx.body)
    ctx.require_free(check_name(body))
    if not body.get("sourceInstance"):
        raise ApiError("required", "Required field 'resource.sourceInstance' not specified")
    instance = ctx.linked(body["sourceInstance"], "resource.sourceInstance", "instances")
    quotas.check(ctx.project, "MACHINE_IMAGES", "")
    keys = {last(str(item.get("sourceDisk", ""))): item.get("diskEncryptionKey") for item in body.pop("sourceDiskEncryptionKeys", [])}
    properties = {name: copy.deepcopy(value) for name, value in instance.data.items() if name not in OWN}
    properties["machineType"] = last(properties["machineType"])
    for nic in properties["networkInterfaces"]:
        for field in ("networkIP", "fingerprint"):
            nic.pop(field, None)
        for config in nic.get("accessConfigs", []):
            config.pop("natIP", None)
    saved, contents = [], []
    for entry in properties["disks"]:
        disk = attached.disk_of(ctx.project, entry)
        contents.append(disk.content if disk is not None else EMPTY)
        if disk is not None:
            check_key(keys.get(disk.name), disk.data.get("diskEncryptionKey"), disk.ref.path)
            saved.append({"kind": "compute#savedDisk", "sourceDisk": disk.url, "storageBytes": str(disk.content.size), "storageBytesStatus": "UP_TO_DATE"})
    data = {
        **body,
        "sourceInstance": instance.url,
        "instanceProperties": properties,
        "savedDisks": saved,
        "status": "CREATING",
        "storageLocations": body.get("storageLocations") or [region_of(instance.place)],
        "totalStorageBytes": str(sum(content.size for content in contents)),
    }
    image = ctx.project.add(Resource(ctx.project, "global", "machineImages", data, saved=contents))

    def effect() -> None:
        quotas.check(ctx.project, "MACHINE_IMAGES", "", moment="operation")
        data["status"] = "READY"

    return ctx.operation(image, effect, lambda: ctx.project.remove(image))


def insert_template(ctx: Context) -> dict[str, Any]:
    """POST instanceTemplates: kept as sent."""
    ctx.require_free(check_name(ctx.body))
    quotas.check(ctx.project, "INSTANCE_TEMPLATES", "")
    template = ctx.project.add(Resource(ctx.project, "global", "instanceTemplates", copy.deepcopy(ctx.body)))
    return ctx.operation(template, undo=lambda: ctx.project.remove(template))


HANDLERS = {"machineImages.insert": insert_machine_image, "instanceTemplates.insert": insert_template}
