# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What images are, and the calls that list, change and delete them."""

from __future__ import annotations

from typing import Any

from .context import Context
from .errors import ApiError, invalid
from .names import check_description, check_name, has_tags, tag_list
from .paging import page
from .store import Account, Item

PUBLIC = {"aliyun_3_x64_20G_alibase_20251030.vhd": 20, "debian_12_11_x64_20G_alibase_20251030.vhd": 20}
STATUSES = ("Creating", "Waiting", "Available", "UnAvailable", "CreateFailed", "Deprecated")


def new_image(account: Account, region: str, identity: str, parts: list[dict[str, Any]], **fields: Any) -> Item:
    """An image with all fields that DescribeImages shows."""
    data: dict[str, Any] = {
        "ImageId": identity,
        "ImageName": identity,
        "ImageFamily": "",
        "ImageVersion": "",
        "Description": "",
        "ImageOwnerAlias": "self",
        "ImageOwnerId": int(account.number),
        "Status": "Available",
        "Progress": "100%",
        "Size": max((int(part["Size"]) for part in parts if part["Type"] == "system"), default=max((int(part["Size"]) for part in parts), default=0)),
        "DiskDeviceMappings": {"DiskDeviceMapping": parts},
        "Architecture": "x86_64",
        "BootMode": "UEFI-Preferred",
        "Platform": "Aliyun",
        "OSType": "linux",
        "OSName": "Alibaba Cloud Linux 3",
        "OSNameEn": "Alibaba Cloud Linux 3",
        "CreationTime": account.world.stamp(),
        "IsCopied": False,
        "IsPublic": False,
        "IsSelfShared": "",
        "IsSubscribed": False,
        "IsSupportCloudinit": True,
        "IsSupportIoOptimized": True,
        "LoginAsNonRootSupported": False,
        "ProductCode": "",
        "ResourceGroupId": "",
        "Features": {"NvmeSupport": "supported"},
        **fields,
    }
    return Item("images", region, identity, data)


def _public(ctx: Context) -> list[Item]:
    part = {"Type": "system", "Device": "/dev/xvda", "Format": "", "SnapshotId": "", "Progress": "", "RemainTime": 0}
    return [
        new_image(ctx.account, ctx.region, name, [{**part, "Size": str(size)}], ImageName=name, ImageOwnerAlias="system", IsPublic=True, ImageOwnerId=1000)
        for name, size in PUBLIC.items()
    ]


def usable(ctx: Context, identity: str | None) -> Item:
    """The image that something is to be made from. Raises ApiError."""
    if not identity:
        raise ApiError("MissingParameter", 'The input parameter "ImageId" that is mandatory for processing this request is not supplied.', 400)
    own = [item for item in _public(ctx) if item.id == identity]
    image = own[0] if own else ctx.get("images", identity, "InvalidImageId.NotFound")
    if image.data["Status"] != "Available":
        raise ApiError("ImageNotReady" if image.data["Status"] in ("Creating", "Waiting") else "InvalidImageId.NotFound", "The image is not available.", 404)
    if system_part(image) == {}:
        raise ApiError("InvalidSystemSnapshot.Missing", "The image has no system disk.", 403)
    return image


def system_part(image: Item) -> dict[str, Any]:
    """The system disk of an image; {} when it has none."""
    return next((part for part in image.data["DiskDeviceMappings"]["DiskDeviceMapping"] if part["Type"] == "system"), {})


def check_image_name(ctx: Context, name: str | None, region: str | None = None) -> str:
    """A name that no other image of the account has in the region. Raises ApiError."""
    checked = check_name(name, "InvalidImageName.Malformed")
    if checked and any(item.data["ImageName"] == checked for item in ctx.account.all("images", region or ctx.region)):
        raise ApiError("InvalidImageName.Duplicated", "The specified Image name has already been used.", 400)
    return checked


def part_of(snapshot: Item, device: str, kind: str, size: str | None = None) -> dict[str, Any]:
    """One disk of an image."""
    found = {"SnapshotId": snapshot.id, "Device": device, "Type": kind, "Size": size or snapshot.data["SourceDiskSize"], "Format": ""}
    return {**found, "Progress": "", "RemainTime": 0, "ImportOSSBucket": "", "ImportOSSObject": ""}


def finish(ctx: Context, image: Item) -> None:
    """Plans how an image becomes available."""
    ctx.later(image, lambda: image.data.update(Status="Available", Progress="100%"), lambda: image.data.update(Status="CreateFailed"))


def describe(ctx: Context) -> dict[str, Any]:
    """DescribeImages: only what is Available, unless asked otherwise; the name is a part of the name; pages go by number."""
    ctx.dry_run()
    asked, ids, statuses = ctx.params, ctx.params.commas("ImageId"), ctx.params.commas("Status") or ["Available"]
    unknown = [status for status in statuses if status not in STATUSES]
    if unknown:
        raise invalid("Status", ",".join(unknown))
    owner, name = asked.text("ImageOwnerAlias"), asked.text("ImageName")
    found = []
    for item in [*ctx.listed("images"), *_public(ctx)]:
        parts = item.data["DiskDeviceMappings"]["DiskDeviceMapping"]
        if (
            (ids is None or item.id in ids)
            and item.data["Status"] in statuses
            and owner in (None, "", item.data["ImageOwnerAlias"])
            and (not name or name.strip("*").lower() in item.data["ImageName"].lower())
            and asked.text("ImageFamily") in (None, "", item.data["ImageFamily"])
            and asked.text("Architecture") in (None, "", item.data["Architecture"])
            and (not asked.text("SnapshotId") or any(part["SnapshotId"] == asked.text("SnapshotId") for part in parts))
            and has_tags(item.tags, asked)
        ):
            found.append(item)
    shown, where = page(ctx, found, lambda item: show(ctx, item), tokens=False)
    return {"Images": {"Image": shown}, "RegionId": ctx.region, **where}


def newest_of_family(ctx: Context) -> dict[str, Any]:
    """DescribeImageFromFamily: the newest image of a family that is Available; an empty answer when there is none."""
    family = ctx.params.need("ImageFamily")
    mine = [item for item in ctx.listed("images") if item.data["ImageFamily"] == family and item.data["Status"] == "Available"]
    newest = max(mine, key=lambda item: item.data["CreationTime"], default=None)
    return {"Image": show(ctx, newest)} if newest else {}


def show(ctx: Context, image: Item) -> dict[str, Any]:
    """As DescribeImages shows it."""
    used = any(item.data["ImageId"] == image.id for item in ctx.account.all("instances"))
    return {**image.data, "Usage": "instance" if used else "none", "Tags": tag_list(image.tags)}


def modify(ctx: Context) -> dict[str, Any]:
    """ModifyImageAttribute."""
    asked, image = ctx.params, ctx.get("images", ctx.params.need("ImageId"), "InvalidImageId.NotFound")
    if asked.text("ImageName") and asked.text("ImageName") != image.data["ImageName"]:
        image.data["ImageName"] = check_image_name(ctx, asked.text("ImageName"))
    if asked.text("Description") is not None:
        image.data["Description"] = check_description(asked.text("Description"), status=400)
    if asked.text("Status"):
        if asked.text("Status") not in ("Available", "Deprecated"):
            raise invalid("Status", asked.text("Status"))
        image.data["Status"] = asked.text("Status")
    for name in ("ImageFamily", "BootMode"):
        if asked.text(name) is not None:
            image.data[name] = asked.text(name)
    return {}


def delete(ctx: Context) -> dict[str, Any]:
    """DeleteImage: its snapshots stay."""
    image = ctx.account.find("images", ctx.params.need("ImageId"), ctx.region)
    if image is None:
        if ctx.setting("delete_unknown_ok"):
            return {}
        raise ApiError("InvalidImageId.NotFound", "The specified ImageId does not exist.")
    if not ctx.params.flag("Force") and any(item.data["ImageId"] == image.id for item in ctx.account.all("instances")):
        raise ApiError("ImageUsingByInstance", "The specified image has created instances.")
    busy = image.hidden.get("busy")
    if busy:
        raise ApiError({"Export": "ImageIsExporting", "Import": "ImageIsImporting", "Copy": "OperationDenied.ImageCopying"}[busy], "The image is in use.", 403)
    ctx.dry_run()
    ctx.delete(image)
    return {}


HANDLERS = {"DescribeImages": describe, "DescribeImageFromFamily": newest_of_family, "ModifyImageAttribute": modify, "DeleteImage": delete}
