# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Zonal and regional disks."""

from __future__ import annotations

from typing import Any

from ..content import EMPTY, Content
from . import policies, quotas
from .context import Context
from .errors import ApiError, invalid, not_found
from .images import image_of, require_usable, warn_of_deprecation
from .links import BASE, last, parse, parse_zone
from .places import DISK_TYPES, REGION_OF, REGIONAL_DISK_TYPES, region_of
from .rules import check_key, check_name, shown_key, without_input
from .snapshots import new_snapshot
from .store import Resource

SOURCES = {"sourceSnapshot": "snapshots", "sourceImage": "images", "sourceDisk": "disks"}
GUEST = ("architecture", "guestOsFeatures", "licenses", "licenseCodes")
DEFAULT_GB = 500
ACCESS_MODES = ("READ_WRITE_SINGLE", "READ_WRITE_MANY", "READ_ONLY_MANY")
# How the parts of a disk that is made together with a VM are called there.
IN_INSTANCE = {"type": "initializeParams.diskType", "resourcePolicies": "initializeParams.resourcePolicies", "sizeGb": "initializeParams.diskSizeGb"}


def insert_disk(ctx: Context) -> dict[str, Any]:
    """POST disks: visible as CREATING at once, READY when the operation ends."""
    disk = new_disk(ctx, dict(ctx.body), ctx.place)
    region, metric = region_of(ctx.place), quotas.disk_metric(disk.data["type"])
    quotas.check(ctx.project, metric, region, quotas.disk_gb(disk))
    ctx.project.add(disk)

    def effect() -> None:
        quotas.check(ctx.project, metric, region, moment="operation")
        disk.data["status"] = "READY"

    return ctx.operation(disk, effect, lambda: ctx.discard(disk))


def new_disk(ctx: Context, body: dict[str, Any], place: str, field: str = "resource") -> Resource:
    """A disk that is not kept yet, with the bytes of its source; `field`: where the body stands in the request. Raises ApiError."""

    def path(part: str) -> str:
        return f"{field}.{part if field == 'resource' else IN_INSTANCE[part]}"

    name = check_name(body)
    ctx.require_free(name, "disks", place)
    body.pop("users", None)
    content, shown, least_gb = _source(ctx, body)
    size_gb = body.get("sizeGb") or ctx.query.get("sizeGb") or least_gb or DEFAULT_GB
    if not str(size_gb).isdigit() or int(size_gb) < 1:
        raise invalid(path("sizeGb"), size_gb, "Must be a positive number.")
    if int(size_gb) < least_gb:
        raise invalid(path("sizeGb"), size_gb, f"Requested disk size cannot be smaller than the source's size ({least_gb} GB)")
    if shown.get("sourceImage") and int(size_gb) > least_gb:
        how = "You might need to resize the root repartition manually if the operating system does not support automatic resizing."
        ctx.warn("DISK_SIZE_LARGER_THAN_IMAGE_SIZE", f"Disk size: '{size_gb} GB' is larger than image size: '{least_gb} GB'. {how}")
    kind = _type(ctx, body.get("type"), place, path("type"))
    data = {**without_input(body, "disks"), **shown, "sizeGb": str(size_gb), "status": "CREATING", "type": kind}
    _check_access_mode(data)
    data.setdefault("physicalBlockSizeBytes", "4096")
    if place.startswith("regions/"):
        data["replicaZones"] = _replica_zones(ctx, body, place)
    key = shown_key(body.get("diskEncryptionKey"), f"{field}.diskEncryptionKey")
    for secret in ("diskEncryptionKey", "sourceSnapshotEncryptionKey", "sourceImageEncryptionKey"):
        data.pop(secret, None)
    if key:
        data["diskEncryptionKey"] = key
    if data.get("resourcePolicies"):
        data["resourcePolicies"] = policies.named(ctx, data["resourcePolicies"], place, path("resourcePolicies"))
    return Resource(ctx.project, place, "disks", data, content)


def _source(ctx: Context, body: dict[str, Any]) -> tuple[Content, dict[str, Any], int]:
    given = [field for field in SOURCES if body.get(field)]
    if ctx.query.get("sourceImage") and not body.get("sourceImage"):
        body["sourceImage"] = ctx.query["sourceImage"]
        given.append("sourceImage")
    if len(given) + bool(body.get("sourceMachineImage")) > 1:
        raise ApiError("invalid", f"At most one of {', '.join(SOURCES)} and sourceMachineImage can be specified.")
    if body.get("sourceMachineImage"):
        return _saved(ctx, body)
    if not given:
        return EMPTY, {}, 0
    field = given[0]
    if field == "sourceImage":
        source = image_of(ctx, body[field])
        require_usable(source)
        warn_of_deprecation(ctx, source)
    else:
        source = ctx.linked(body[field], f"resource.{field}", SOURCES[field])
    if source.data.get("status") != "READY":
        raise ApiError("resourceNotReady", f"The resource '{source.ref.path}' is not ready")
    encryption = "snapshotEncryptionKey" if field == "sourceSnapshot" else "imageEncryptionKey" if field == "sourceImage" else "diskEncryptionKey"
    given_key = body.get(f"{field}EncryptionKey", body.get("diskEncryptionKey") if field == "sourceDisk" else None)
    check_key(given_key, source.data.get(encryption), source.ref.path, f"resource.{field}EncryptionKey")
    ctx.sources.append(source)
    # The guest's nature comes with the bytes.
    inherited: dict[str, Any] = {name: source.data[name] for name in GUEST if name in source.data and name not in body}
    size = int(source.data.get("diskSizeGb") or source.data.get("sizeGb") or 0)
    return source.content, {**inherited, field: source.url, f"{field}Id": source.id}, size


def _saved(ctx: Context, body: dict[str, Any]) -> tuple[Content, dict[str, Any], int]:
    image = ctx.linked(body["sourceMachineImage"], "resource.sourceMachineImage", "machineImages")
    if image.data["status"] != "READY":
        raise ApiError("resourceNotReady", f"The resource '{image.ref.path}' is not ready")
    device = body.get("sourceMachineImageDiskDeviceName")
    for entry, content in zip(image.data["instanceProperties"]["disks"], image.saved):
        if entry["deviceName"] == device and entry.get("type") != "SCRATCH":
            ctx.sources.append(image)
            inherited = {name: entry[name] for name in GUEST if name in entry and name not in body}
            return content, {**inherited, "sourceMachineImage": image.url, "sourceMachineImageId": image.id}, int(entry["diskSizeGb"])
    raise invalid("resource.sourceMachineImageDiskDeviceName", device, "The machine image has no disk with this device name.")


def _type(ctx: Context, given: Any, place: str, field: str) -> str:
    name = "pd-standard"
    if given:
        ref = parse(given, ctx.project.name, field, "diskTypes")
        if ref.place != place:
            raise invalid(field, given, f"The disk type must be of {place}.")
        name = ref.name
    if name not in (REGIONAL_DISK_TYPES if place.startswith("regions/") else DISK_TYPES):
        raise not_found(f"projects/{ctx.project.name}/{place}/diskTypes/{name}")
    return f"{BASE}projects/{ctx.project.name}/{place}/diskTypes/{name}"


def _check_access_mode(data: dict[str, Any]) -> None:
    mode = data.get("accessMode", ACCESS_MODES[0])
    if mode not in ACCESS_MODES:
        raise invalid("resource.accessMode", mode, f"Must be one of {', '.join(ACCESS_MODES)}.")
    if mode != ACCESS_MODES[0] and not last(data["type"]).startswith("hyperdisk-"):
        raise invalid("resource.accessMode", mode, f"The disk type '{last(data['type'])}' does not support this access mode.")


def _replica_zones(ctx: Context, body: dict[str, Any], place: str) -> list[str]:
    given = body.get("replicaZones") or []
    zones = [parse_zone(zone, f"resource.replicaZones[{number}]") for number, zone in enumerate(given)]
    if len(set(zones)) != 2 or any(REGION_OF.get(zone) != region_of(place) for zone in zones):
        raise invalid("resource.replicaZones", zones, "Exactly two distinct replica zones of the region must be specified.")
    return [f"{BASE}projects/{ctx.project.name}/zones/{zone}" for zone in zones]


def delete_disk(ctx: Context) -> dict[str, Any]:
    """DELETE of a disk: refused while a VM uses it."""
    disk = ctx.resource()
    require_unused(disk)
    ctx.require_staying(disk)
    before = disk.data["status"]
    disk.data["status"] = "DELETING"

    def effect() -> None:
        require_unused(disk)
        ctx.project.remove(disk)

    return ctx.operation(disk, effect, lambda: disk.data.update(status=before))


def require_unused(disk: Resource) -> None:
    """Raises ApiError when a VM uses the disk."""
    if disk.data.get("users"):
        user = disk.data["users"][0][len(BASE) :]
        raise ApiError(
            "resourceInUseByAnotherResource",
            f"The disk resource '{disk.ref.path}' is already being used by '{user}'",
            400,
            "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
        )


def resize_disk(ctx: Context) -> dict[str, Any]:
    """POST resize: only grows."""
    disk = ctx.resource()
    size = str(ctx.body.get("sizeGb", ""))
    if not size.isdigit() or int(size) <= int(disk.data["sizeGb"]):
        raise invalid("sizeGb", size, f"Requested disk size must be larger than {disk.data['sizeGb']} GB.")
    metric = quotas.disk_metric(disk.data["type"])
    quotas.check(ctx.project, metric, region_of(disk.place), int(size) - int(disk.data["sizeGb"]))
    return ctx.operation(disk, lambda: disk.data.update(sizeGb=size))


def create_snapshot(ctx: Context) -> dict[str, Any]:
    """POST createSnapshot: as snapshots.insert, but the operation is the disk's, and guestFlush stands in the query."""
    disk = ctx.resource()
    body = {**ctx.body, "sourceDisk": disk.url, **({"guestFlush": True} if ctx.flag("guestFlush") else {})}
    snapshot, effect, undo = new_snapshot(ctx, body, disk)
    return ctx.operation(disk, effect, undo, touched=[snapshot])


def update_disk(ctx: Context) -> dict[str, Any]:
    """PATCH: the fields that `paths` names, all given ones without it."""
    disk = ctx.resource()
    paths = [path for item in (ctx.query.get("paths"), ctx.query.get("updateMask")) if item for path in item.split(",")] or list(ctx.body)
    changes = {name: ctx.body[name] for name in paths if name in ctx.body}
    _check_access_mode({**disk.data, **changes})
    return ctx.operation(disk, lambda: disk.data.update(changes))


HANDLERS = {
    "disks.insert": insert_disk,
    "disks.delete": delete_disk,
    "disks.resize": resize_disk,
    "disks.createSnapshot": create_snapshot,
    "disks.update": update_disk,
}
