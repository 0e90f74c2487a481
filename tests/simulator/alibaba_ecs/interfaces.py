# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Elastic network interfaces: made, attached, detached, changed; their private addresses."""

from __future__ import annotations

import zlib
from typing import Any

from .context import Context
from .errors import ApiError
from .names import check_description, check_name, checked_tags, has_tags, tag_list
from .paging import page
from .store import Account, Item
from .vpc import free_address, take_address


def new_interface(account: Account, vswitch: Item, identity: str, address: str, groups: list[str], **fields: Any) -> Item:
    """An interface with all fields that DescribeNetworkInterfaces shows."""
    tail = f"{zlib.crc32(identity.encode()):08x}"
    data: dict[str, Any] = {
        "NetworkInterfaceId": identity,
        "NetworkInterfaceName": "",
        "Description": "",
        "Type": "Secondary",
        "Status": "Available",
        "InstanceId": "",
        "VpcId": vswitch.data["VpcId"],
        "VSwitchId": vswitch.id,
        "ZoneId": vswitch.data["ZoneId"],
        "PrivateIpAddress": address,
        "PrivateIpSets": {"PrivateIpSet": [{"PrivateIpAddress": address, "Primary": True}]},
        "MacAddress": "00:16:" + ":".join(tail[at : at + 2] for at in (0, 2, 4, 6)),
        "SecurityGroupIds": {"SecurityGroupId": list(groups)},
        "Ipv6Sets": {"Ipv6Set": []},
        "Ipv4PrefixSets": {"Ipv4PrefixSet": []},
        "Ipv6PrefixSets": {"Ipv6PrefixSet": []},
        "ResourceGroupId": "",
        "CreationTime": account.world.stamp(),
        "OwnerId": account.number,
        "ServiceManaged": False,
        "DeleteOnRelease": True,
        "SourceDestCheck": False,
        "NetworkInterfaceTrafficMode": "Standard",
        "QueueNumber": 1,
        "Attachment": {},
        "AssociatedPublicIp": {},
        **fields,
    }
    return Item("interfaces", vswitch.region, identity, data)


def put_on(interface: Item, instance_id: str, index: int) -> None:
    """Notes that an interface is on an instance."""
    interface.data.update(InstanceId=instance_id, Status="InUse", Attachment={"InstanceId": instance_id, "DeviceIndex": index})


def of_instance(account: Account, instance_id: str) -> list[Item]:
    """The interfaces of an instance, the primary one first."""
    found = [item for item in account.all("interfaces") if item.data["InstanceId"] == instance_id]
    return sorted(found, key=lambda item: item.data["Type"] != "Primary")


def remove(account: Account, interface: Item) -> None:
    """The interface goes, and its addresses are free."""
    account.remove(interface)
    for entry in interface.data["PrivateIpSets"]["PrivateIpSet"]:
        free_address(account, interface.data["VSwitchId"], entry["PrivateIpAddress"])


def _groups(ctx: Context) -> list[str]:
    one, many = ctx.params.text("SecurityGroupId"), ctx.params.items("SecurityGroupIds")
    if one and many:
        raise ApiError("InvalidSecurityGroupId.SingleIdAndMultiIdConflict", "SecurityGroupId and SecurityGroupIds.N exclude each other.", 400)
    groups = many or ([one] if one else [])
    for identity in groups:
        ctx.get("security_groups", identity, "InvalidSecurityGroupId.NotFound")
    return groups


def _interface(ctx: Context) -> Item:
    return ctx.get("interfaces", ctx.params.need("NetworkInterfaceId"), "InvalidEniId.NotFound")


def _name(ctx: Context) -> str:
    return check_name(ctx.params.text("NetworkInterfaceName"), "InvalidNetworkInterfaceName.Malformed")


def create(ctx: Context) -> dict[str, Any]:
    """CreateNetworkInterface."""
    asked = ctx.params
    vswitch = ctx.get("vswitches", asked.need("VSwitchId"), "InvalidVSwitchId.NotFound")
    groups, tags, name = _groups(ctx), checked_tags(ctx), _name(ctx)
    if not groups:
        raise ApiError("MissingParameter", "SecurityGroupId or SecurityGroupIds.N is needed.", 400)
    description = check_description(asked.text("Description"), status=400)
    fields: dict[str, Any] = {"NetworkInterfaceName": name, "Description": description, "DeleteOnRelease": asked.flag("DeleteOnRelease", True)}
    address = take_address(ctx.account, vswitch, asked.text("PrimaryIpAddress"))
    interface = new_interface(ctx.account, vswitch, ctx.new_id("interfaces"), address, groups, **fields)
    interface.tags = tags
    ctx.account.add(interface)
    try:
        _assign(ctx, interface, vswitch, asked.items("PrivateIpAddress"), asked.number("SecondaryPrivateIpAddressCount") or 0)
    except ApiError:
        ctx.account.remove(interface)
        raise
    ctx.targets.append(interface.id)
    interface.data["Status"] = "Creating"
    ctx.later(interface, lambda: interface.data.update(Status="Available"), lambda: ctx.account.remove(interface))
    later = (
        "InstanceId",
        "CreationTime",
        "DeleteOnRelease",
        "NetworkInterfaceTrafficMode",
        "QueueNumber",
        "Attachment",
        "AssociatedPublicIp",
        "SourceDestCheck",
    )
    return {name: value for name, value in show(interface).items() if name not in later}


def _assign(ctx: Context, interface: Item, vswitch: Item, addresses: list[str], count: int) -> list[str]:
    given = []
    for wanted in [*addresses, *[None] * count]:
        address = take_address(ctx.account, vswitch, wanted)
        interface.data["PrivateIpSets"]["PrivateIpSet"].append({"PrivateIpAddress": address, "Primary": False})
        given.append(address)
    return given


def show(interface: Item) -> dict[str, Any]:
    """As DescribeNetworkInterfaces shows it."""
    return {**interface.data, "Tags": tag_list(interface.tags)}


def describe(ctx: Context) -> dict[str, Any]:
    """DescribeNetworkInterfaces."""
    asked, ids, addresses = ctx.params, ctx.params.items("NetworkInterfaceId"), ctx.params.items("PrivateIpAddress")
    words = {"VSwitchId": "VSwitchId", "VpcId": "VpcId", "InstanceId": "InstanceId", "Type": "Type", "Status": "Status", "PrimaryIpAddress": "PrivateIpAddress"}
    words["NetworkInterfaceName"] = "NetworkInterfaceName"
    found = [
        item
        for item in ctx.listed("interfaces")
        if (not ids or item.id in ids)
        and (not addresses or any(entry["PrivateIpAddress"] in addresses for entry in item.data["PrivateIpSets"]["PrivateIpSet"]))
        and all(not asked.text(name) or asked.text(name) == item.data[field] for name, field in words.items())
        and (not asked.text("SecurityGroupId") or asked.text("SecurityGroupId") in item.data["SecurityGroupIds"]["SecurityGroupId"])
        and has_tags(item.tags, asked)
    ]
    shown, where = page(ctx, found, show, 500)
    return {"NetworkInterfaceSets": {"NetworkInterfaceSet": shown}, **where}


def delete(ctx: Context) -> dict[str, Any]:
    """DeleteNetworkInterface."""
    interface = _interface(ctx)
    if interface.data["ServiceManaged"]:
        raise ApiError("InvalidOperation.EniServiceManaged", "The interface is managed by a service.", 403)
    if interface.data["Status"] != "Available":
        raise ApiError("InvalidOperation.InvalidEniState", "The status of the interface does not support this operation.")
    remove(ctx.account, interface)
    return {}


def _pair(ctx: Context) -> tuple[Item, Item]:
    instance = ctx.get("instances", ctx.params.need("InstanceId"), "InvalidEcsId.NotFound")
    interface = _interface(ctx)
    if interface.data["ServiceManaged"]:
        raise ApiError("InvalidOperation.EniServiceManaged", "The interface is managed by a service.", 403)
    if instance.data["Status"] not in ("Running", "Stopped"):
        raise ApiError("InvalidOperation.InvalidEcsState", "The status of the instance does not support this operation.")
    if instance.data["Status"] == "Running" and instance.hidden.get("no_hot_plug"):
        raise ApiError("InvalidOperation.HotPlugNotSupport", "The instance type does not support hot plugging of interfaces.", 403)
    return instance, interface


def attach(ctx: Context) -> dict[str, Any]:
    """AttachNetworkInterface."""
    instance, interface = _pair(ctx)
    if interface.data["Status"] != "Available":
        raise ApiError("InvalidOperation.InvalidEniState", "The status of the interface does not support this operation.")
    if interface.data["ZoneId"] != instance.data["ZoneId"]:
        raise ApiError("InvalidOperation.AvailabilityZoneMismatch", "The interface and the instance must be in one zone.", 403)
    if interface.data["VpcId"] != instance.data["VpcAttributes"]["VpcId"]:
        raise ApiError("InvalidOperation.VpcMismatch", "The interface and the instance must be in one VPC.", 403)
    interface.data["Status"] = "Attaching"
    index = len(of_instance(ctx.account, instance.id)) + 1
    ctx.later(interface, lambda: put_on(interface, instance.id, index), lambda: interface.data.update(Status="Available"))
    return {}


def detach(ctx: Context) -> dict[str, Any]:
    """DetachNetworkInterface."""
    instance, interface = _pair(ctx)
    if interface.data["Type"] == "Primary":
        raise ApiError("InvalidOperation.DetachPrimaryEniNotAllowed", "The primary interface cannot be detached.")
    if interface.data["InstanceId"] != instance.id:
        raise ApiError("InvalidParameter.EniNotBelongEcs", "The interface is not on the instance.", 400)
    if interface.data["Status"] != "InUse":
        raise ApiError("InvalidOperation.InvalidEniState", "The status of the interface does not support this operation.")
    interface.data["Status"] = "Detaching"
    ctx.later(interface, lambda: interface.data.update(Status="Available", InstanceId="", Attachment={}), lambda: interface.data.update(Status="InUse"))
    return {}


def modify(ctx: Context) -> dict[str, Any]:
    """ModifyNetworkInterfaceAttribute."""
    interface, asked, groups = _interface(ctx), ctx.params, ctx.params.items("SecurityGroupId")
    for identity in groups:
        ctx.get("security_groups", identity, "InvalidSecurityGroupId.NotFound")
    if asked.text("NetworkInterfaceName") is not None:
        interface.data["NetworkInterfaceName"] = _name(ctx)
    if asked.text("Description") is not None:
        interface.data["Description"] = check_description(asked.text("Description"), status=400)
    for name in ("DeleteOnRelease", "SourceDestCheck"):
        if asked.text(name) is not None:
            interface.data[name] = asked.flag(name)
    if asked.text("QueueNumber"):
        interface.data["QueueNumber"] = asked.number("QueueNumber")
    if groups:
        interface.data["SecurityGroupIds"] = {"SecurityGroupId": groups}
    return {}


def assign(ctx: Context) -> dict[str, Any]:
    """AssignPrivateIpAddresses."""
    interface = _interface(ctx)
    vswitch = ctx.get("vswitches", interface.data["VSwitchId"], "InvalidVSwitchId.NotFound")
    given = _assign(ctx, interface, vswitch, ctx.params.items("PrivateIpAddress"), ctx.params.number("SecondaryPrivateIpAddressCount") or 0)
    if not given:
        raise ApiError("MissingParameter", "PrivateIpAddress.N or SecondaryPrivateIpAddressCount is needed.", 400)
    return {"AssignedPrivateIpAddressesSet": {"NetworkInterfaceId": interface.id, "PrivateIpSet": {"PrivateIpAddress": given}}}


def unassign(ctx: Context) -> dict[str, Any]:
    """UnassignPrivateIpAddresses."""
    interface, gone = _interface(ctx), set(ctx.params.items("PrivateIpAddress"))
    entries = interface.data["PrivateIpSets"]["PrivateIpSet"]
    if not gone <= {entry["PrivateIpAddress"] for entry in entries if not entry["Primary"]}:
        raise ApiError("InvalidIp.IpUnassigned", "The address is not assigned to the interface, or is its primary one.", 403)
    interface.data["PrivateIpSets"] = {"PrivateIpSet": [entry for entry in entries if entry["PrivateIpAddress"] not in gone]}
    for address in gone:
        free_address(ctx.account, interface.data["VSwitchId"], address)
    return {}


HANDLERS = {
    "CreateNetworkInterface": create,
    "DescribeNetworkInterfaces": describe,
    "DeleteNetworkInterface": delete,
    "AttachNetworkInterface": attach,
    "DetachNetworkInterface": detach,
    "ModifyNetworkInterfaceAttribute": modify,
    "AssignPrivateIpAddresses": assign,
    "UnassignPrivateIpAddresses": unassign,
}
