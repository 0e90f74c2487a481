# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ExportImage and ImportImage with their tasks, and the objects of OSS that they read and write."""

from __future__ import annotations

import re
from typing import Any

from ..content import Content
from .context import Context
from .errors import ApiError, invalid
from .images import check_image_name, new_image, part_of
from .names import check_description, checked_tags
from .paging import page
from .places import EXPORT_FORMATS
from .snapshots import new_snapshot
from .store import Item

FORMATS = ("raw", "vhd", "qcow2", "vmdk", "vdi")
SUFFIX = {"raw": ".raw.tar.gz", "vhd": ".vhd", "qcow2": ".qcow2", "vmdk": ".vmdk", "vdi": ".vdi"}
PREFIX = re.compile(r"[A-Za-z0-9]{1,30}")
EXPORT_ROLE, IMPORT_ROLE = "AliyunECSImageExportDefaultRole", "AliyunECSImageImportDefaultRole"
MOST_DATA_DISKS, MOST_GIB = 4, 500


def _bucket(ctx: Context, name: str) -> None:
    if name not in ctx.account.buckets:
        raise ApiError("InvalidOSSBucket.NotFound", "The specified OSS bucket does not exist.", 400)
    if ctx.account.buckets[name] != ctx.region:
        raise ApiError("InvalidOSSBucket.NotMatched", "The bucket is in another region.", 400)


def _role(ctx: Context, name: str) -> None:
    if name not in ctx.account.roles:
        raise ApiError("NoSetRoletoECSServiceAcount", f"The role {name} is not set for the ECS service.", 403)


def new_task(ctx: Context, action: str, resource: str) -> Item:
    """A task that runs."""
    identity = ctx.new_id("tasks")
    data = {
        "TaskId": identity,
        "TaskAction": action,
        "TaskStatus": "Processing",
        "ResourceId": resource,
        "CreationTime": ctx.stamp(),
        "FinishedTime": "",
        "SupportCancel": "true",
    }
    ctx.targets.append(identity)
    return ctx.account.add(Item("tasks", ctx.region, identity, data))


def export(ctx: Context) -> dict[str, Any]:
    """ExportImage."""
    asked, image = ctx.params, ctx.get("images", ctx.params.need("ImageId"), "InvalidImageId.NotFound")
    bucket, form, prefix = asked.need("OSSBucket"), (asked.text("ImageFormat") or "raw").lower(), asked.text("OSSPrefix") or ""
    if form not in FORMATS:
        raise ApiError("InvalidImageFormat.Malformed", "The specified image format is not valid.", 400)
    if asked.text("ImageFormat") and form != "raw" and ctx.region not in EXPORT_FORMATS:
        raise ApiError("InvalidImageFormat.RegionNotSupported", "The format cannot be chosen in this region.", 400)
    if prefix and not PREFIX.fullmatch(prefix):
        raise ApiError("InvalidOSSPrefix.Malformed", "The specified OSSPrefix is not valid.", 400)
    _role(ctx, asked.text("RoleName") or EXPORT_ROLE)
    _bucket(ctx, bucket)
    if image.data["ImageOwnerAlias"] != "self":
        raise ApiError("ImageNotSupported", "The image cannot be exported.", 403)
    if image.hidden.get("busy") == "Export":
        raise ApiError("ImageIsExporting", "The image is being exported.", 403)
    if image.data["Status"] != "Available":
        raise ApiError("IncorrectImageStatus", "The status of the image does not support this operation.")
    parts = image.data["DiskDeviceMappings"]["DiskDeviceMapping"]
    data_parts = [part for part in parts if part["Type"] == "data"]
    if len(data_parts) > MOST_DATA_DISKS or any(int(part["Size"]) > MOST_GIB for part in parts):
        raise ApiError("InvalidImage.DiskAmountOrSize", "The image has too many data disks, or too large ones.", 400)
    ctx.dry_run()
    task = new_task(ctx, "ExportImage", image.id)
    image.hidden["busy"] = "Export"

    def done() -> None:
        image.hidden["busy"] = None
        if task.data["TaskStatus"] != "Processing":
            return
        for number, part in enumerate(parts):
            name = f"{prefix}_{image.id}_{part['Type']}" + (f"_{number}" if part["Type"] == "data" else "") + SUFFIX[form]
            source = ctx.account.find("snapshots", part["SnapshotId"])
            ctx.account.objects[bucket, name.lstrip("_")] = int(part["Size"]) * 2**20
            ctx.account.exported[bucket, name.lstrip("_")] = source.content if source else Content()
        task.data.update(TaskStatus="Finished", FinishedTime=ctx.stamp())

    def failed() -> None:
        image.hidden["busy"] = None
        task.data.update(TaskStatus="Failed", FinishedTime=ctx.stamp())

    ctx.later(task, done, failed)
    return {"TaskId": task.id, "RegionId": ctx.region}


def import_(ctx: Context) -> dict[str, Any]:
    """ImportImage."""
    asked, mappings = ctx.params, ctx.params.structs("DiskDeviceMapping")
    if not mappings:
        raise ApiError("MissingParameter.DiskDeviceMapping", "DiskDeviceMapping.N is needed.", 403)
    _role(ctx, asked.text("RoleName") or IMPORT_ROLE)
    name, description = check_image_name(ctx, asked.text("ImageName")), check_description(asked.text("Description"), status=400)
    tags = checked_tags(ctx)
    sources = []
    for entry in mappings:
        bucket, key = entry.get("OSSBucket", ""), entry.get("OSSObject", "")
        _bucket(ctx, bucket)
        if (bucket, key) not in ctx.account.objects:
            raise ApiError("InvalidOSSObject.NotFound", "The specified OSS object does not exist.", 400)
        form = (entry.get("Format") or key.rpartition(".")[2]).lower()
        if form not in ("raw", "vhd", "qcow2"):
            raise ApiError("InvalidImageFormat.Malformed" if entry.get("Format") else "UnsupportedSuffix.OSSObject", "The format is not supported.", 400)
        sources.append((entry, form, ctx.account.exported.get((bucket, key), Content())))
    if any(item.hidden.get("busy") == "Import" and item.data["ImageName"] == name for item in ctx.all("images")):
        raise ApiError("ImageIsImporting", "The image is being imported.", 403)
    ctx.dry_run()
    identity, parts = ctx.new_id("images"), []
    for number, (entry, form, content) in enumerate(sources):
        kind, size = ("system" if number == 0 else "data"), entry.get("DiskImageSize") or entry.get("DiskImSize") or "40"
        snapshot = new_snapshot(ctx.account, ctx.region, ctx.new_id("snapshots"), {"SourceDiskSize": size, "SourceDiskType": kind})
        snapshot.content = content
        ctx.account.add(snapshot)
        device = entry.get("Device") or f"/dev/xvd{'abcdefgh'[number]}"
        parts.append({**part_of(snapshot, device, kind), "Format": form.upper(), "ImportOSSBucket": entry["OSSBucket"], "ImportOSSObject": entry["OSSObject"]})
    more = {key: asked.text(key) for key in ("Architecture", "OSType", "Platform", "BootMode") if asked.text(key)}
    image = new_image(ctx.account, ctx.region, identity, parts, ImageName=name or identity, Description=description, Status="Waiting", Progress="0%", **more)
    image.tags, image.hidden["busy"] = tags, "Import"
    ctx.account.add(image)
    ctx.targets.append(identity)
    task = new_task(ctx, "ImportImage", identity)

    def done() -> None:
        image.hidden["busy"] = None
        if task.data["TaskStatus"] == "Processing":
            image.data.update(Status="Available", Progress="100%")
            task.data.update(TaskStatus="Finished", FinishedTime=ctx.stamp())

    def failed() -> None:
        image.hidden["busy"] = None
        image.data.update(Status="CreateFailed")
        task.data.update(TaskStatus="Failed", FinishedTime=ctx.stamp())

    ctx.later(task, done, failed)
    return {"ImageId": identity, "TaskId": task.id, "RegionId": ctx.region}


def describe_tasks(ctx: Context) -> dict[str, Any]:
    """DescribeTasks."""
    asked, ids = ctx.params, ctx.params.commas("TaskIds")
    if asked.text("TaskStatus") and asked.text("TaskStatus") not in ("Finished", "Processing", "Failed"):
        raise invalid("TaskStatus", asked.text("TaskStatus"))
    found = [
        item
        for item in ctx.listed("tasks")
        if (ids is None or item.id in ids)
        and asked.text("TaskAction") in (None, "", item.data["TaskAction"])
        and asked.text("TaskStatus") in (None, "", item.data["TaskStatus"])
        and (not asked.items("ResourceIds") or item.data["ResourceId"] in asked.items("ResourceIds"))
    ]
    shown, where = page(ctx, found, lambda item: dict(item.data), tokens=False)
    return {"TaskSet": {"Task": shown}, "RegionId": ctx.region, **where}


def describe_task(ctx: Context) -> dict[str, Any]:
    """DescribeTaskAttribute."""
    task = ctx.get("tasks", ctx.params.need("TaskId"), "InvalidTaskId.NotFound")
    status = task.data["TaskStatus"]
    counts = {"TotalCount": 1, "SuccessCount": int(status == "Finished"), "FailedCount": int(status == "Failed")}
    failed = {"OperationStatus": "Failed", "ErrorCode": "ExportImageFailed", "ErrorMsg": "The task failed.", "RelatedItemSet": {"RelatedItem": []}}
    shown = {name: value for name, value in task.data.items() if name != "ResourceId"}
    progress = {"OperationProgress": [failed] if status == "Failed" else []}
    return {**shown, **counts, "RegionId": ctx.region, "TaskProcess": "100%" if status != "Processing" else "50%", "OperationProgressSet": progress}


def cancel(ctx: Context) -> dict[str, Any]:
    """CancelTask."""
    task = ctx.get("tasks", ctx.params.need("TaskId"), "InvalidTaskId.NotFound")
    if task.data["TaskStatus"] != "Processing":
        raise ApiError("InvalidTaskStatus", "The task is not running.", 403)
    task.data.update(TaskStatus="Failed", FinishedTime=ctx.stamp())
    image = ctx.account.find("images", task.data["ResourceId"])
    if image is not None:
        image.hidden["busy"] = None
    return {}


HANDLERS = {
    "ExportImage": export,
    "ImportImage": import_,
    "DescribeTasks": describe_tasks,
    "DescribeTaskAttribute": describe_task,
    "CancelTask": cancel,
}
