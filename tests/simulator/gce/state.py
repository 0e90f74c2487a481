# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state as the control API shows, takes and compares it."""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping
from typing import Any

from ..content import Content
from ..messages import Refused
from . import addressing, attached, operations
from .kinds import KINDS
from .links import BASE, parse
from .places import is_place
from .store import Project, Resource, fingerprint

# What differs between two runs that did the same.
UNSTABLE = {"id", "creationTimestamp", "fingerprint", "labelFingerprint", "lastStartTimestamp", "lastStopTimestamp", "lastSuspendedTimestamp"}
UNSTABLE |= {"lastAttachTimestamp", "lastDetachTimestamp", "sourceDiskId", "sourceSnapshotId", "sourceImageId", "sourceInstanceId", "targetId", "etag"}


def dump(project: Project) -> dict[str, Any]:
    """{plural: [{...as answered, "place", "digest"}], operations, taken_addresses, violations, watches}."""
    found: dict[str, Any] = {plural: [shown(item) for item in project.all(plural)] for plural in KINDS}
    found.update(operations=operation_log(project), taken_addresses=dict(project.taken), violations=list(project.violations), watches=len(project.watches))
    return found


def shown(item: Resource) -> dict[str, Any]:
    """A resource as answered, with "place" and the digest of its bytes."""
    found = {**item.data, "place": item.place}
    if item.plural in ("disks", "snapshots", "images"):
        found["digest"] = item.content.digest
    if item.saved:
        found["digests"] = [content.digest for content in item.saved]
    return found


def operation_log(project: Project) -> list[dict[str, Any]]:
    """All operations, oldest first."""
    found = [operation for table in project.operations.values() for operation in table.values()]
    return [operation.log() for operation in sorted(found, key=lambda operation: (operation.began_s, int(operation.data["id"])))]


def canonical(project: Project) -> dict[str, Any]:
    """{plural: {"place/name": {...}}, pending}: without ids, times, fingerprints and ephemeral external addresses, the project's name as PROJECT. With digests.

    Operations that have ended are left out; `pending` lists "type target" of the others.
    """
    found: dict[str, Any] = {}
    for plural in KINDS:
        items = {f"{item.place}/{item.name}": _stable(project, shown(item)) for item in project.all(plural)}
        if items:
            found[plural] = dict(sorted(items.items()))
    found["pending"] = sorted(f"{item.data['operationType']} {item.data['targetLink'][len(BASE) :]}" for item in project.running_operations())
    return {**_renamed(project, found), "taken_addresses": dict(project.taken)}


def _stable(project: Project, value: Any) -> Any:
    if isinstance(value, list):
        return [_stable(project, item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: _stable(project, item) for name, item in value.items() if name not in UNSTABLE}
    if kept.get("natIP") and addressing.reserved(project, kept["natIP"]) is None:
        kept["natIP"] = "ephemeral"
    if kept.get("kind") == "compute#address" and kept.get("addressType") == "EXTERNAL":
        kept["address"] = "static"
    elif kept.get("natIP", "ephemeral") != "ephemeral":
        kept["natIP"] = f"static {addressing.reserved(project, kept['natIP']).name}"  # type: ignore[union-attr]
    return kept


def _renamed(project: Project, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _renamed(project, item) for name, item in value.items()}
    if isinstance(value, list):
        return [_renamed(project, item) for item in value]
    if isinstance(value, str):
        return value.replace(f"projects/{project.name}/", "projects/PROJECT/").replace(project.number, "NUMBER")
    return value


def merge(project: Project, given: Mapping[str, Any]) -> None:
    """{plural: [{name, place: "zones/Z"|"regions/R"|"global", data: base64 bytes, ...fields}], policies: {"place/plural/name": policy}}.

    A resource that is there is changed field by field; another is added as it is, without any rule being looked at: complete VMs and disks, groups with
    `instances` (URLs), endpoint groups with `networkEndpoints`, snapshots with `autoCreated` and `sourceSnapshotSchedulePolicy`.
    """
    unknown = sorted(set(given) - set(KINDS) - {"policies"})
    if unknown:
        raise Refused(f"unknown kind(s): {', '.join(unknown)}; known: {', '.join(KINDS)}, policies")
    for plural, items in given.items():
        for item in items if plural != "policies" else []:
            _merge_one(project, plural, dict(copy.deepcopy(item)))
    for path, policy in given.get("policies", {}).items():
        project.policies[f"{BASE}projects/{project.name}/{path}"] = policy
    operations.committed(project)


def _merge_one(project: Project, plural: str, item: dict[str, Any]) -> None:
    data, place = item.pop("data", None), str(item.pop("place", "global"))
    if not is_place(place) or not item.get("name"):
        raise Refused(f"{plural}: a name and an existing place are needed, not {item.get('name')!r} in {place!r}")
    resource = project.find(place, plural, item["name"])
    if resource is None:
        resource = Resource(project, place, plural, {**DEFAULTS.get(plural, {}), **item})
        project.add(resource)
    else:
        resource.data.update(item)
        if "labels" in item:
            resource.data["labelFingerprint"] = fingerprint([item["labels"], project.world.next_id()])
    for nic in resource.data["networkInterfaces"] if plural == "instances" else []:
        host = parse(nic["network"], project.name, "network", "networks").project if nic.get("network") else project.name
        if host != project.name:
            project.world.share(host, project.name)
    for entry in resource.data["disks"] if plural == "instances" else []:
        disk = attached.disk_of(project, entry)
        if disk is not None:
            attached.use(disk, resource)
    if data is not None:
        resource.content = Content.of(base64.b64decode(data))


DEFAULTS: dict[str, dict[str, Any]] = {
    "disks": {"status": "READY", "sizeGb": "10"},
    "snapshots": {"status": "READY", "diskSizeGb": "10", "storageBytes": "0", "storageLocations": ["eu"], "snapshotType": "STANDARD"},
    "images": {"status": "READY", "diskSizeGb": "10"},
    "machineImages": {"status": "READY"},
    "instances": {"status": "RUNNING", "disks": [], "networkInterfaces": []},
    "addresses": {"status": "RESERVED", "addressType": "EXTERNAL"},
    "resourcePolicies": {"status": "READY"},
}
