# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Projects, zones, regions, machine types, disk types, and the operations as resources."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from ..messages import Answer
from . import operations, quotas
from .context import Context
from .errors import ApiError, not_found
from .links import BASE
from .listing import answer_list
from .places import DISK_TYPES, MACHINE_TYPES, REGION_OF, REGIONAL_DISK_TYPES, SUBNETS, ZONES, disk_type, machine_type, size_of
from .store import fingerprint

EPOCH = "1969-12-31T16:00:00.000-08:00"


def get_project(ctx: Context) -> dict[str, Any]:
    """GET of the project."""
    name = ctx.project.name
    return {
        "kind": "compute#project",
        "id": ctx.project.number,
        "name": name,
        "creationTimestamp": EPOCH,
        "selfLink": f"{BASE}projects/{name}",
        "commonInstanceMetadata": {"kind": "compute#metadata", "fingerprint": fingerprint(name)},
        "defaultServiceAccount": f"{ctx.project.number}-compute@developer.gserviceaccount.com",
        "defaultNetworkTier": "PREMIUM",
        "quotas": quotas.shown(ctx.project),
    }


def _zone(ctx: Context, zone: str) -> dict[str, Any]:
    base = f"{BASE}projects/{ctx.project.name}"
    status = "DOWN" if zone in ctx.setting("zones_down") else "UP"
    number = str(2000 + list(REGION_OF).index(zone))
    data = {"kind": "compute#zone", "id": number, "name": zone, "creationTimestamp": EPOCH, "description": zone, "status": status}
    return {**data, "region": f"{base}/regions/{REGION_OF[zone]}", "selfLink": f"{base}/zones/{zone}"}


def _region(ctx: Context, region: str) -> dict[str, Any]:
    base = f"{BASE}projects/{ctx.project.name}"
    number = str(1000 + list(SUBNETS).index(region))
    data = {"kind": "compute#region", "id": number, "name": region, "creationTimestamp": EPOCH, "description": region, "status": "UP"}
    zones = [f"{base}/zones/{zone}" for zone in ZONES[region]]
    return {**data, "zones": zones, "quotas": quotas.shown(ctx.project, region), "selfLink": f"{base}/regions/{region}"}


def _type(ctx: Context, data: dict[str, Any]) -> dict[str, Any]:
    word, _slash, where = ctx.place.partition("/")
    link = f"{BASE}projects/{ctx.project.name}/{ctx.place}"
    place = where if ctx.plural == "machineTypes" else link
    return {**data, word[:-1]: place, "id": "1", "creationTimestamp": EPOCH, "selfLink": f"{link}/{ctx.plural}/{data['name']}"}


def _machine(ctx: Context, name: str) -> dict[str, Any]:
    return _type(ctx, machine_type(ctx.params["zone"], name))


def get_machine_type(ctx: Context) -> dict[str, Any]:
    """GET of a machine type."""
    name = ctx.params["machineType"]
    if size_of(name) is None:
        raise not_found(f"projects/{ctx.project.name}/{ctx.place}/machineTypes/{name}")
    return _machine(ctx, name)


def get_disk_type(ctx: Context) -> dict[str, Any]:
    """GET of a disk type."""
    name = ctx.params["diskType"]
    if name not in _disk_types(ctx):
        raise not_found(f"projects/{ctx.project.name}/{ctx.place}/diskTypes/{name}")
    return _type(ctx, disk_type(name))


def _disk_types(ctx: Context) -> tuple[str, ...]:
    return DISK_TYPES if "zone" in ctx.params else REGIONAL_DISK_TYPES


def _operation(ctx: Context) -> operations.Operation:
    """The operation in this scope; the same name in another scope is a 404."""
    name = ctx.params["operation"]
    found = ctx.project.operations.get(ctx.place, {})
    operation = found.get(name) or next((item for item in found.values() if item.data["id"] == name), None)
    if operation is None:
        raise not_found(f"projects/{ctx.project.name}/{ctx.place}/operations/{name}")
    return operation


def wait_operation(ctx: Context) -> Awaitable[Answer]:
    """POST wait."""
    return operations.wait(_operation(ctx))


def delete_operation(ctx: Context) -> Answer:
    """DELETE: only of one that has ended."""
    operation = _operation(ctx)
    if not operation.done:
        raise ApiError("resourceNotReady", f"The operation '{operation.data['name']}' has not ended.")
    del ctx.project.operations[ctx.place][str(operation.data["name"])]
    return Answer(204)


def aggregated_operations(ctx: Context) -> dict[str, Any]:
    """GET of the operations of all scopes, in one page."""
    down = ctx.setting("zones_down")
    tables = {place: [item.data for item in table.values()] for place, table in ctx.project.operations.items() if place.partition("/")[2] not in down}
    items = {place: {"operations": found.get("items", [])} for place, table in tables.items() if (found := answer_list(ctx, table))}
    return {"kind": "compute#operationAggregatedList", "id": f"projects/{ctx.project.name}/aggregated/operations", "items": items}


HANDLERS: dict[str, Any] = {
    "projects.get": get_project,
    "zones.get": lambda ctx: _zone(ctx, ctx.params["zone"]),
    "zones.list": lambda ctx: answer_list(ctx, [_zone(ctx, zone) for zone in REGION_OF]),
    "regions.get": lambda ctx: _region(ctx, ctx.params["region"]),
    "regions.list": lambda ctx: answer_list(ctx, [_region(ctx, region) for region in ZONES]),
    "machineTypes.get": get_machine_type,
    "machineTypes.list": lambda ctx: answer_list(ctx, [_machine(ctx, name) for name in MACHINE_TYPES]),
    "diskTypes.get": get_disk_type,
    "diskTypes.list": lambda ctx: answer_list(ctx, [_type(ctx, disk_type(name)) for name in _disk_types(ctx)]),
    "operations.get": lambda ctx: _operation(ctx).data,
    "operations.list": lambda ctx: answer_list(ctx, [item.data for item in ctx.project.operations.get(ctx.place, {}).values()]),
    "operations.delete": delete_operation,
    "operations.wait": wait_operation,
    "operations.aggregatedList": aggregated_operations,
}
