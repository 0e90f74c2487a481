# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CreateImage and CopyImage."""

from __future__ import annotations

from typing import Any

from . import disks, images, snapshots
from .context import Context
from .errors import ApiError
from .names import check_description, checked_tags
from .places import REGIONS
from .snapshots import locks_of
from .store import Item


def create(ctx: Context) -> dict[str, Any]:
    """CreateImage: InstanceId counts before DiskDeviceMapping.N, and that before SnapshotId."""
    asked = ctx.params
    name, description = images.check_image_name(ctx, asked.text("ImageName")), check_description(asked.text("Description"), status=400)
    tags = checked_tags(ctx)
    own: list[Item] = []
    if asked.text("InstanceId"):
        parts, own = _of_instance(ctx, ctx.instance())
    elif asked.structs("DiskDeviceMapping"):
        parts = _of_mappings(ctx)
    elif asked.text("SnapshotId"):
        snapshot = _source(ctx, asked.text("SnapshotId"))
        if snapshot.data["SourceDiskType"] != "system":
            raise ApiError("OperationDenied", "The specified snapshot is not made of a system disk.", 403)
        parts = [images.part_of(snapshot, "/dev/xvda", "system")]
    else:
        raise ApiError("MissingParameter", "InstanceId, DiskDeviceMapping.N or SnapshotId is needed.", 400)
    if len(ctx.all("images")) >= ctx.quota("images"):
        raise ApiError("QuotaExceed.Image", "The Image Quota exceeds.", 403)
    ctx.dry_run()
    identity = ctx.new_id("images")
    more = {key: asked.text(key) for key in ("ImageFamily", "ImageVersion", "Platform", "BootMode", "Architecture", "ResourceGroupId") if asked.text(key)}
    image = images.new_image(
        ctx.account, ctx.region, identity, parts, ImageName=name or identity, Description=description, Status="Creating", Progress="0%", **more
    )
    image.tags = tags
    image.hidden["made_snapshots"] = [item.id for item in own]
    ctx.account.add(image)
    ctx.targets.append(identity)
    for snapshot in own:
        snapshots.finish(ctx, snapshot)
    images.finish(ctx, image)
    return {"ImageId": identity}


def _source(ctx: Context, identity: str | None) -> Item:
    snapshot = ctx.get("snapshots", identity, "InvalidSnapshotId.NotFound")
    if snapshot.data["Status"] != "accomplished":
        raise ApiError("InvalidSnapshotId.NotReady", "The specified snapshot is not ready.")
    return snapshot


def _of_instance(ctx: Context, instance: Item) -> tuple[list[dict[str, Any]], list[Item]]:
    if "security" in locks_of(instance):
        raise ApiError("InstanceLockedForSecurity", "The instance is locked for security reasons.", 400)
    if instance.data["Status"] not in ("Running", "Stopped"):
        raise ApiError("IncorrectInstanceStatus", status=400)
    own = disks.of_instance(ctx.account, instance.id)
    if not any(item.data["Type"] == "system" for item in own):
        raise ApiError("InvalidInstance.NotFoundSystemDisk", "The instance has no system disk.", 400)
    for disk in own:
        snapshots.check_disk(ctx, disk)
    made = [snapshots.begin(ctx, disk, "", f"Created_from_{instance.id}", None, {}) for disk in own]
    return [images.part_of(item, disk.data["Device"], disk.data["Type"]) for disk, item in zip(own, made)], made


def _of_mappings(ctx: Context) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for number, entry in enumerate(ctx.params.structs("DiskDeviceMapping")):
        snapshot = _source(ctx, entry.get("SnapshotId")) if entry.get("SnapshotId") else None
        if snapshot is None:
            raise ApiError("MissingParameter", "DiskDeviceMapping.N.SnapshotId is needed.", 400)
        kind = entry.get("DiskType") or snapshot.data["SourceDiskType"]
        if kind not in ("system", "data"):
            raise ApiError("InvalidDiskType.ValueNotSupported", f"DiskType is system or data, not {kind}", 400)
        device = entry.get("Device") or ("/dev/xvda" if kind == "system" else f"/dev/xvd{'bcdefghijklmnopqrstuvwxyz'[number]}")
        if any(part["Device"] == device for part in parts):
            raise ApiError("InvalidDevice.InUse", f"The specified device is used twice: {device}", 400)
        size = entry.get("Size")
        if size and int(size) < int(snapshot.data["SourceDiskSize"]):
            raise ApiError("InvalidSize.ValueNotSupported", "The size is below that of the snapshot.", 400)
        parts.append(images.part_of(snapshot, device, kind, size))
    if sum(part["Type"] == "system" for part in parts) > 1:
        raise ApiError("InvalidParameter.DiskType", "There is more than one system disk.", 400)
    return parts


def copy(ctx: Context) -> dict[str, Any]:
    """CopyImage: the copy, and the snapshots that it holds, live in the destination region."""
    asked, source = ctx.params, ctx.get("images", ctx.params.need("ImageId"), "InvalidImageId.NotFound")
    target = asked.text("DestinationRegionId") or ctx.region
    if target not in REGIONS:
        raise ApiError("DestinationRegion.NotFound", "The specified destination region does not exist.", 400)
    if source.data["Status"] != "Available":
        raise ApiError("IncorrectImageStatus", "The status of the image does not support this operation.")
    name, tags = images.check_image_name(ctx, asked.text("DestinationImageName"), target), checked_tags(ctx)
    description = check_description(asked.text("DestinationDescription"), status=400)
    ctx.dry_run()
    identity, parts = ctx.new_id("images", target), []
    for part in source.data["DiskDeviceMappings"]["DiskDeviceMapping"]:
        old = ctx.account.find("snapshots", part["SnapshotId"])
        if old is None:
            continue
        number = ctx.new_id("snapshots", target)
        data = {**old.data, "SnapshotId": number, "RegionId": target, "SourceSnapshotId": old.id, "SourceRegionId": ctx.region, "SnapshotName": ""}
        hidden = {**old.hidden, "created_s": ctx.now(), "copy": old.id, "lock": None}
        ctx.account.add(Item("snapshots", target, number, data, {}, old.content, hidden))
        parts.append({**part, "SnapshotId": number})
    fields = {key: source.data[key] for key in ("Architecture", "BootMode", "Platform", "OSType", "OSName", "OSNameEn")}
    fields.update(ImageName=name or identity, Description=description, Status="Creating", Progress="0%", IsCopied=True)
    image = images.new_image(ctx.account, target, identity, parts, **fields)
    image.tags = tags
    ctx.account.add(image)
    ctx.targets.append(identity)
    source.hidden["busy"] = "Copy"

    def done() -> None:
        image.data.update(Status="Available", Progress="100%")
        source.hidden["busy"] = None

    def failed() -> None:
        image.data["Status"] = "CreateFailed"
        source.hidden["busy"] = None

    ctx.later(image, done, failed)
    return {"ImageId": identity}


HANDLERS = {"CreateImage": create, "CopyImage": copy}
