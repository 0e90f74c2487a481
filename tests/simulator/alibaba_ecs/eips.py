# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Elastic IP addresses, which are part of VPC, and the way from a public address to one."""

from __future__ import annotations

from typing import Any

from .context import Context
from .errors import ApiError
from .names import checked_tags, has_tags, tag_list
from .paging import page
from .store import Item


def new_eip(ctx: Context, address: str, **fields: Any) -> Item:
    """An address that nobody uses."""
    identity = ctx.new_id("eips")
    data: dict[str, Any] = {
        "AllocationId": identity,
        "IpAddress": address,
        "Status": "Available",
        "RegionId": ctx.region,
        "Name": "",
        "Description": "",
        "InstanceId": "",
        "InstanceType": "",
        "InstanceRegionId": "",
        "PrivateIpAddress": "",
        "Bandwidth": "5",
        "EipBandwidth": "5",
        "InternetChargeType": "PayByTraffic",
        "ChargeType": "PostPaid",
        "AllocationTime": ctx.stamp(),
        "ISP": "BGP",
        "Netmode": "public",
        "ResourceGroupId": "",
        "BusinessStatus": "Normal",
        "OperationLocks": {"LockReason": []},
        **fields,
    }
    ctx.targets.append(identity)
    return ctx.account.add(Item("eips", ctx.region, identity, data))


def allocate(ctx: Context) -> dict[str, Any]:
    """AllocateEipAddress."""
    asked = ctx.params
    fields = {"Name": asked.text("Name") or "", "Description": asked.text("Description") or ""}
    fields.update({name: asked.text(name) or default for name, default in (("Bandwidth", "5"), ("InternetChargeType", "PayByTraffic"))})
    tags = checked_tags(ctx)
    eip = new_eip(ctx, ctx.world.next_public_address(), **fields)
    eip.tags = tags
    return {"AllocationId": eip.id, "EipAddress": eip.data["IpAddress"], "ResourceGroupId": ""}


def describe(ctx: Context) -> dict[str, Any]:
    """DescribeEipAddresses: pages go by number; the tags are Key and Value."""
    asked, ids, addresses = ctx.params, ctx.params.commas("AllocationId"), ctx.params.commas("EipAddress")
    words = {"Status": "Status", "AssociatedInstanceId": "InstanceId", "AssociatedInstanceType": "InstanceType", "EipName": "Name"}
    found = [
        item
        for item in ctx.listed("eips")
        if (ids is None or item.id in ids)
        and (addresses is None or item.data["IpAddress"] in addresses)
        and all(not asked.text(name) or asked.text(name) == item.data[field] for name, field in words.items())
        and has_tags(item.tags, asked)
    ]
    shown, where = page(ctx, found, lambda item: {**item.data, "Tags": tag_list(item.tags, "Key", "Value")}, tokens=False)
    return {"EipAddresses": {"EipAddress": shown}, **where}


def _eip(ctx: Context) -> Item:
    return ctx.get("eips", ctx.params.need("AllocationId"), "InvalidAllocationId.NotFound")


def associate(ctx: Context) -> dict[str, Any]:
    """AssociateEipAddress: with an instance, or with an interface that is not its primary one."""
    eip, kind = _eip(ctx), ctx.params.text("InstanceType") or "EcsInstance"
    table = {"EcsInstance": "instances", "NetworkInterface": "interfaces"}.get(kind)
    if table is None:
        raise ApiError("InvalidInstanceType.ValueNotSupported", "The specified value of InstanceType is not supported.", 400)
    target = ctx.get(table, ctx.params.need("InstanceId"), "InvalidInstanceId.NotFound", 404)
    if eip.data["Status"] in ("Associating", "Unassociating"):
        raise ApiError("TaskConflict", "The operation conflicts with another one on the address.", 400)
    if eip.data["Status"] != "Available":
        raise ApiError("IncorrectEipStatus", "Current elastic IP status does not support this operation.")
    if kind == "EcsInstance" and target.data["Status"] not in ("Running", "Stopped"):
        raise ApiError("IncorrectInstanceStatus", status=400)
    if kind == "EcsInstance" and target.data["PublicIpAddress"]["IpAddress"]:
        raise ApiError("EIP_CAN_NOT_ASSOCIATE_WITH_PUBLIC_IP", "The instance has a public address.", 400)
    if any(item.data["InstanceId"] == target.id for item in ctx.all("eips")):
        raise ApiError("InvalidAssociation.Duplicated", "The instance has an elastic address.", 400)
    eip.data.update(Status="Associating", InstanceId=target.id, InstanceType=kind, InstanceRegionId=ctx.region)
    eip.data["PrivateIpAddress"] = ctx.params.text("PrivateIpAddress") or ""
    ctx.later(eip, lambda: eip.data.update(Status="InUse") if eip.data["InstanceId"] else None, lambda: _free(eip))
    return {}


def _free(eip: Item) -> None:
    eip.data.update(Status="Available", InstanceId="", InstanceType="", InstanceRegionId="", PrivateIpAddress="")


def unassociate(ctx: Context) -> dict[str, Any]:
    """UnassociateEipAddress."""
    eip, given = _eip(ctx), ctx.params.text("InstanceId")
    if eip.data["Status"] in ("Associating", "Unassociating"):
        raise ApiError("TaskConflict", "The operation conflicts with another one on the address.", 400)
    if eip.data["Status"] != "InUse":
        raise ApiError("IncorrectEipStatus", "Current elastic IP status does not support this operation.")
    if given and given != eip.data["InstanceId"]:
        raise ApiError("InvalidBindInstance.NotFound", "The address is on another instance.")
    eip.data["Status"] = "Unassociating"
    ctx.later(eip, lambda: _free(eip), lambda: eip.data.update(Status="InUse"))
    return {}


def release(ctx: Context) -> dict[str, Any]:
    """ReleaseEipAddress."""
    eip = _eip(ctx)
    if eip.data["Status"] != "Available":
        raise ApiError("IncorrectEipStatus", "Current elastic IP status does not support this operation.")
    ctx.account.remove(eip)
    return {}


def convert(ctx: Context) -> dict[str, Any]:
    """ConvertNatPublicIpToEip: the public address of an instance becomes an elastic one on it."""
    instance = ctx.instance()
    if instance.data["Status"] not in ("Running", "Stopped"):
        raise ApiError("IncorrectInstanceStatus", status=403)
    if not instance.data["PublicIpAddress"]["IpAddress"] or any(item.data["InstanceId"] == instance.id for item in ctx.all("eips")):
        raise ApiError("InvalidInstance.IpAddressMissing", "The instance has no public address.")
    if not instance.data["InternetMaxBandwidthOut"]:
        raise ApiError("InvalidInstance.ZeroBandwidth", "The bandwidth of the instance is 0.")
    address = instance.data["PublicIpAddress"]["IpAddress"][0]
    fields = {"Status": "Associating", "InstanceId": instance.id, "InstanceType": "EcsInstance", "InstanceRegionId": ctx.region}
    eip = new_eip(ctx, address, Bandwidth=str(instance.data["InternetMaxBandwidthOut"]), **fields)

    def done() -> None:
        eip.data["Status"] = "InUse"
        instance.data["PublicIpAddress"] = {"IpAddress": []}

    ctx.later(eip, done, lambda: ctx.account.remove(eip))
    return {}


HANDLERS = {
    "AllocateEipAddress": allocate,
    "DescribeEipAddresses": describe,
    "AssociateEipAddress": associate,
    "UnassociateEipAddress": unassociate,
    "ReleaseEipAddress": release,
    "ConvertNatPublicIpToEip": convert,
}
