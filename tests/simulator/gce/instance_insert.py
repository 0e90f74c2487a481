# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making a VM: from a body alone, from a template, or from a machine image."""

from __future__ import annotations

import copy
from typing import Any

from . import attached, interfaces, policies, quotas
from .context import Context
from .errors import ApiError, invalid
from .links import BASE
from .machine_rules import check_accelerators, check_metadata, machine_type_of, require_bootable, scheduled
from .places import cpus_of, region_of
from .rules import check_name, without_input
from .store import Resource, fingerprint

OUT_OF_STOCK = "ZONE_RESOURCE_POOL_EXHAUSTED"


def insert_instance(ctx: Context) -> dict[str, Any]:
    """POST instances: visible as PROVISIONING with its disks at once, RUNNING when the operation ends, gone when it fails."""
    body, saved = _with_sources(ctx, copy.deepcopy(ctx.body))
    name = check_name(body)
    ctx.require_free(name)
    machine_type = machine_type_of(ctx, body.get("machineType"), ctx.place, "resource.machineType")
    check_metadata(body.get("metadata"), "resource.metadata")
    check_accelerators(ctx, body.get("guestAccelerators"), ctx.place, "resource.guestAccelerators")
    body["scheduling"] = scheduled(ctx, body.get("scheduling"), body.get("guestAccelerators"), "resource.scheduling")
    if body.get("resourcePolicies"):
        body["resourcePolicies"] = policies.named(ctx, body["resourcePolicies"], ctx.place, "resource.resourcePolicies")
    region = region_of(ctx.place)
    quotas.check(ctx.project, "CPUS", region, cpus_of(machine_type) or 0)
    quotas.check(ctx.project, "INSTANCES", region)
    nics = interfaces.planned(ctx, body)
    entries, disks, made = _disks(ctx, body, name, saved)
    require_bootable(machine_type, body.get("shieldedInstanceConfig"), disks[0])
    for metric in ("DISKS_TOTAL_GB", "SSD_TOTAL_GB"):
        wanted = sum(quotas.disk_gb(disk) for disk in made if quotas.disk_metric(disk.data["type"]) == metric)
        if wanted:
            quotas.check(ctx.project, metric, region, wanted)
    instance = ctx.project.add(Resource(ctx.project, ctx.place, "instances", _shown(ctx, body, machine_type, nics, entries)))
    for disk in made:
        ctx.project.add(disk)
    for disk in disks:
        attached.use(disk, instance)

    def effect() -> None:
        require_stock(ctx, ctx.place)
        quotas.check(ctx.project, "CPUS", region, moment="operation")
        for metric in ("DISKS_TOTAL_GB", "SSD_TOTAL_GB"):
            quotas.check(ctx.project, metric, region, moment="operation")
        interfaces.take(ctx, nics)
        for disk in made:
            disk.data["status"] = "READY"
        instance.data["networkInterfaces"] = nics
        instance.data.update(status="RUNNING", lastStartTimestamp=ctx.world.timestamp())

    def undo() -> None:
        ctx.project.remove(instance)
        for disk in disks:
            attached.leave(disk, instance)
        for disk in made:
            ctx.project.remove(disk)

    return ctx.operation(instance, effect, undo, touched=disks)


def require_stock(ctx: Context, place: str) -> None:
    """Raises ApiError when the zone has no machines left."""
    zone = place.partition("/")[2]
    if zone in ctx.setting("out_of_stock_zones"):
        name = f"projects/{ctx.project.name}/{place}"
        message = f"The zone '{name}' does not have enough resources available to fulfill the request. Try a different zone, or try again later."
        raise ApiError("backendError", message, 503, OUT_OF_STOCK)


def _with_sources(ctx: Context, body: dict[str, Any]) -> tuple[dict[str, Any], Resource | None]:
    """The body over what the template or the machine image says, and the machine image. Raises ApiError."""
    template, image = ctx.query.get("sourceInstanceTemplate"), ctx.query.get("sourceMachineImage") or body.get("sourceMachineImage")
    if template:
        found = ctx.linked(template, "sourceInstanceTemplate", "instanceTemplates")
        properties = copy.deepcopy(found.data.get("properties", {}))
        return {**_with_urls(properties, ctx.place), **body}, None
    if not image:
        return body, None
    source = ctx.linked(image, "sourceMachineImage", "machineImages")
    if source.data["status"] != "READY":
        raise ApiError("resourceNotReady", f"The resource '{source.ref.path}' is not ready")
    properties = copy.deepcopy(source.data["instanceProperties"])
    properties["machineType"] = f"{ctx.place}/machineTypes/{properties['machineType']}"
    ctx.sources.append(source)
    merged = {**properties, **body, "sourceMachineImage": source.url}
    return merged, None if body.get("disks") else source


def _with_urls(properties: dict[str, Any], place: str) -> dict[str, Any]:
    """What a template says by names, as URLs of the place."""
    properties["machineType"] = f"{place}/machineTypes/{properties.get('machineType', '')}"
    region = f"regions/{region_of(place)}"
    if properties.get("resourcePolicies"):
        properties["resourcePolicies"] = [f"{region}/resourcePolicies/{name}" for name in properties["resourcePolicies"]]
    for accelerator in properties.get("guestAccelerators", []):
        accelerator["acceleratorType"] = f"{place}/acceleratorTypes/{accelerator['acceleratorType']}"
    for entry in properties.get("disks", []):
        params = entry.get("initializeParams", {})
        if params.get("diskType"):
            params["diskType"] = f"{place}/diskTypes/{params['diskType']}"
        if params.get("resourcePolicies"):
            params["resourcePolicies"] = [f"{region}/resourcePolicies/{name}" for name in params["resourcePolicies"]]
    return properties


def _disks(ctx: Context, body: dict[str, Any], name: str, saved: Resource | None) -> tuple[list[dict[str, Any]], list[Resource], list[Resource]]:
    """(entries as shown, all disks, the new ones among them). Raises ApiError."""
    asked = body.get("disks") or []
    if not asked or not asked[0].get("boot", saved is not None):
        raise invalid("resource.disks", "", "Boot disk must be specified as the first disk.")
    entries: list[dict[str, Any]] = []
    disks: list[Resource] = []
    made: list[Resource] = []
    for number, entry in enumerate(asked):
        disk = None
        if saved is not None:
            disk = _saved_disk(ctx, saved, name, entry, number)
            made += [disk] if disk is not None else []
        elif attached.local_ssd(entry):
            attached.check_local_ssd(ctx, ctx.place, entry, number)
        else:
            if bool(entry.get("source")) == bool(entry.get("initializeParams")):
                raise invalid(f"resource.disks[{number}]", "", "Exactly one of source and initializeParams must be specified.")
            if entry.get("source"):
                disk = attached.source_disk(ctx, ctx.place, entry, f"resource.disks[{number}]")
            else:
                disk = attached.made_disk(ctx, ctx.place, name, entry, number)
                made.append(disk)
        if disk is not None and any(disk.ref == other.ref for other in disks):
            raise ApiError("alreadyExists", f"The resource '{disk.ref.path}' already exists")
        taken = {item["deviceName"] for item in entries}
        entries.append(attached.shown_entry(entry, disk, number, number == 0, taken))
        disks += [disk] if disk is not None else []
    return entries, disks, made


def _saved_disk(ctx: Context, image: Resource, name: str, entry: dict[str, Any], number: int) -> Resource | None:
    if entry.get("type") == "SCRATCH":
        return None
    disk_name = name if number == 0 else f"{name}-{number}"
    ctx.require_free(disk_name, "disks")
    data: dict[str, Any] = {
        "name": disk_name,
        "sizeGb": str(entry["diskSizeGb"]),
        "status": "CREATING",
        "sourceMachineImage": image.url,
        "physicalBlockSizeBytes": "4096",
    }
    data["type"] = f"{BASE}projects/{ctx.project.name}/{ctx.place}/diskTypes/pd-standard"
    for inherited in ("architecture", "guestOsFeatures", "licenses"):
        if inherited in entry:
            data[inherited] = entry[inherited]
    key = entry.get("diskEncryptionKey") or {}
    if "kmsKeyName" in key:
        data["diskEncryptionKey"] = key
    return Resource(ctx.project, ctx.place, "disks", data, image.saved[number])


def _shown(ctx: Context, body: dict[str, Any], machine_type: str, nics: list[dict[str, Any]], entries: list[dict[str, Any]]) -> dict[str, Any]:
    output = ("id", "creationTimestamp", "selfLink", "labelFingerprint", "resourceStatus")
    shown = without_input({name: value for name, value in body.items() if name not in output}, "instances")
    shown.update(
        machineType=f"{BASE}projects/{ctx.project.name}/{ctx.place}/machineTypes/{machine_type}",
        status="PROVISIONING",
        networkInterfaces=interfaces.before_it_is_made(nics),
        disks=entries,
        fingerprint=fingerprint([body["name"], ctx.world.next_id()]),
        cpuPlatform="Intel Broadwell",
        startRestricted=False,
        lastStartTimestamp=ctx.world.timestamp(),
    )
    shown.setdefault("deletionProtection", False)
    shown.setdefault("canIpForward", False)
    for holder in ("tags", "metadata"):
        value = {**shown.get(holder, {})}
        shown[holder] = {**value, "fingerprint": fingerprint([value, ctx.world.next_id()])}
    shown["metadata"]["kind"] = "compute#metadata"
    for account in shown.get("serviceAccounts", []):
        if account.get("email") == "default":
            account["email"] = f"{ctx.project.number}-compute@developer.gserviceaccount.com"
    return shown


HANDLERS = {"instances.insert": insert_instance}
