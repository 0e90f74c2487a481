# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which IAM permissions each method needs.

`PERMISSIONS`: method id to the permissions; one with a condition is needed only when the body has that field (a path with dots; lists are looked into).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .context import Context
from .errors import ApiError
from .kinds import ROUTES
from .links import Ref

Needed = tuple[str, str]
# Verbs whose permission is not called like the verb.
VERBS = {
    "insert": "create",
    "aggregatedList": "list",
    "patch": "update",
    "listInstances": "list",
    "listNetworkEndpoints": "get",
}
# The same permission for zonal and regional methods.
RESOURCES = {
    "regionDisks": "disks",
    "regionDiskTypes": "diskTypes",
    "imageFamilyViews": "images",
    "regionInstanceGroups": "instanceGroups",
    "regionInstanceGroupManagers": "instanceGroupManagers",
    "regionNetworkEndpointGroups": "networkEndpointGroups",
    "globalNetworkEndpointGroups": "networkEndpointGroups",
}
FREE = ("testIamPermissions",)
_MAKE_DISK: tuple[Needed, ...] = (
    ("compute.snapshots.useReadOnly", "sourceSnapshot"),
    ("compute.images.useReadOnly", "sourceImage"),
    ("compute.disks.useReadOnly", "sourceDisk"),
    ("compute.machineImages.useReadOnly", "sourceMachineImage"),
    ("compute.disks.setLabels", "labels"),
    ("compute.disks.addResourcePolicies", "resourcePolicies"),
    ("compute.resourcePolicies.use", "resourcePolicies"),
)
_MAKE_SNAPSHOT: tuple[Needed, ...] = (("compute.snapshots.setLabels", "labels"),)
_MAKE_INSTANCE: tuple[Needed, ...] = (
    ("compute.disks.create", "disks.initializeParams"),
    ("compute.disks.use", "disks.source"),
    ("compute.images.useReadOnly", "disks.initializeParams.sourceImage"),
    ("compute.snapshots.useReadOnly", "disks.initializeParams.sourceSnapshot"),
    ("compute.subnetworks.use", "networkInterfaces"),
    ("compute.subnetworks.useExternalIp", "networkInterfaces.accessConfigs"),
    ("compute.addresses.use", "networkInterfaces.accessConfigs.natIP"),
    ("compute.instances.setMetadata", "metadata.items"),
    ("compute.instances.setTags", "tags.items"),
    ("compute.instances.setLabels", "labels"),
    ("compute.instances.setServiceAccount", "serviceAccounts"),
    ("iam.serviceAccounts.actAs", "serviceAccounts"),
    ("compute.machineImages.useReadOnly", "sourceMachineImage"),
)
SECONDARY: dict[str, tuple[Needed, ...]] = {
    "compute.disks.insert": _MAKE_DISK,
    "compute.regionDisks.insert": _MAKE_DISK,
    "compute.disks.createSnapshot": (("compute.snapshots.create", ""), *_MAKE_SNAPSHOT),
    "compute.regionDisks.createSnapshot": (("compute.snapshots.create", ""), *_MAKE_SNAPSHOT),
    "compute.disks.addResourcePolicies": (("compute.resourcePolicies.use", ""),),
    "compute.disks.removeResourcePolicies": (("compute.resourcePolicies.use", ""),),
    "compute.snapshots.insert": (("compute.disks.createSnapshot", ""), *_MAKE_SNAPSHOT),
    "compute.images.insert": (
        ("compute.disks.useReadOnly", "sourceDisk"),
        ("compute.snapshots.useReadOnly", "sourceSnapshot"),
        ("compute.images.useReadOnly", "sourceImage"),
        ("compute.images.setLabels", "labels"),
    ),
    "compute.machineImages.insert": (
        ("compute.instances.useReadOnly", ""),
        ("compute.disks.createSnapshot", ""),
        ("compute.machineImages.setLabels", "labels"),
    ),
    "compute.instances.insert": _MAKE_INSTANCE,
    "compute.instances.attachDisk": (("compute.disks.use", ""),),
    "compute.instances.detachDisk": (("compute.disks.use", ""),),
    "compute.instances.setDiskAutoDelete": (("compute.disks.update", ""),),
    "compute.instances.setServiceAccount": (("iam.serviceAccounts.actAs", ""),),
    "compute.instances.addAccessConfig": (("compute.subnetworks.useExternalIp", ""), ("compute.addresses.use", "natIP")),
    "compute.addresses.insert": (
        ("compute.addresses.createInternal", "subnetwork"),
        ("compute.subnetworks.use", "subnetwork"),
        ("compute.addresses.setLabels", "labels"),
    ),
    "compute.addresses.delete": (("compute.addresses.deleteInternal", "subnetwork"),),
    "compute.subnetworks.insert": (("compute.networks.updatePolicy", ""),),
    "compute.subnetworks.delete": (("compute.networks.updatePolicy", ""),),
}


def _main(method_id: str) -> tuple[Needed, ...]:
    _service, resource, verb = method_id.split(".")
    if verb in FREE or (resource.endswith("Operations") and verb == "wait"):
        # Waiting is reading.
        return ((f"compute.{resource}.get", ""),) if verb == "wait" else ()
    return ((f"compute.{RESOURCES.get(resource, resource)}.{VERBS.get(verb, verb)}", ""),)


PERMISSIONS: dict[str, tuple[Needed, ...]] = {route.method_id: (*_main(route.method_id), *SECONDARY.get(route.method_id, ())) for route in ROUTES}


def require(ctx: Context) -> None:
    """Raises ApiError (forbidden) for the first permission that the settings deny."""
    denied = ctx.setting("denied_permissions")
    if not denied:
        return
    for permission, condition in PERMISSIONS[ctx.route.method_id]:
        if permission in denied and (not condition or any(True for _value in _values(ctx.body, condition.split(".")))):
            raise ApiError("forbidden", f"Required '{permission}' permission for '{_path(ctx)}'")


def _path(ctx: Context) -> str:
    name = next((value for key, value in ctx.params.items() if key not in ("project", "zone", "region")), None) or ctx.body.get("name")
    return Ref(ctx.project.name, ctx.place, ctx.plural, str(name)).path if name else f"projects/{ctx.project.name}"


def _values(value: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif not path:
        if value not in (None, "", {}):
            yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:])
