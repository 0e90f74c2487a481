# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VPCs, vSwitches, security groups, and who has which private address."""

from __future__ import annotations

import ipaddress
from typing import Any

from .context import Context
from .errors import ApiError
from .names import check_description, check_name, checked_tags, has_tags, tag_list
from .paging import page
from .places import region_of_zone
from .store import Account, Item

RESERVED_AT_END = 4


def add_vpc(account: Account, region: str, identity: str, **fields: Any) -> Item:
    """A VPC."""
    data = {
        "VpcId": identity,
        "VpcName": "",
        "Description": "",
        "CidrBlock": "172.16.0.0/12",
        "Status": "Available",
        "RegionId": region,
        "IsDefault": False,
        "VRouterId": identity.replace("vpc-", "vrt-"),
        "CreationTime": account.world.stamp(),
        "ResourceGroupId": "",
        "OwnerId": int(account.number),
        **fields,
    }
    return account.add(Item("vpcs", region, identity, data))


def add_vswitch(account: Account, vpc: Item, identity: str, zone: str, cidr: str, **fields: Any) -> Item:
    """A vSwitch."""
    data = {
        "VSwitchId": identity,
        "VSwitchName": "",
        "Description": "",
        "VpcId": vpc.id,
        "ZoneId": zone,
        "CidrBlock": cidr,
        "Status": "Available",
        "IsDefault": False,
        "CreationTime": account.world.stamp(),
        "ResourceGroupId": "",
        "OwnerId": int(account.number),
        **fields,
    }
    return account.add(Item("vswitches", vpc.region, identity, data))


def add_security_group(account: Account, vpc: Item, identity: str, **fields: Any) -> Item:
    """A security group."""
    data = {
        "SecurityGroupId": identity,
        "SecurityGroupName": "",
        "Description": "",
        "SecurityGroupType": "normal",
        "VpcId": vpc.id,
        "CreationTime": account.world.stamp(),
        "ResourceGroupId": "",
        "ServiceManaged": False,
        **fields,
    }
    return account.add(Item("security_groups", vpc.region, identity, data))


def used_addresses(account: Account, vswitch_id: str) -> set[str]:
    """The addresses of a vSwitch that somebody has."""
    own = [
        entry["PrivateIpAddress"]
        for item in account.all("interfaces")
        if item.data["VSwitchId"] == vswitch_id
        for entry in item.data["PrivateIpSets"]["PrivateIpSet"]
    ]
    return {*own, *(address for where, address in account.taken if where == vswitch_id)}


def take_address(account: Account, vswitch: Item, wanted: str | None, code: str = "InvalidPrivateIpAddress.Duplicated") -> str:
    """An address for somebody: the wanted one or the next that is free. Raises ApiError."""
    network, used = ipaddress.ip_network(vswitch.data["CidrBlock"]), used_addresses(account, vswitch.id)
    if wanted:
        try:
            inside = ipaddress.ip_address(wanted) in network
        except ValueError as error:
            raise ApiError("InvalidPrivateIpAddress.Malformed", f"Specified private IP is malformed: {wanted}", 400) from error
        if not inside:
            raise ApiError("InvalidPrivateIpAddress.Malformed", f"Specified private IP is not in the CIDR block of the vSwitch: {wanted}", 400)
        if wanted in used:
            raise ApiError(code, f"Specified private IP address is duplicated: {wanted}", 400)
        return wanted
    hosts = list(network.hosts())[:-RESERVED_AT_END] if network.num_addresses <= 4096 else network.hosts()
    for host in hosts:
        if str(host) not in used:
            return str(host)
    raise ApiError("InvalidVSwitchId.IpNotEnough", "The vSwitch has no free address.", 403)


def free_address(account: Account, vswitch_id: str, address: str) -> None:
    """Told when an address has become free: a greedy neighbour takes it."""
    if account.world.settings.get("greedy_neighbour", account.name):
        account.taken.add((vswitch_id, address))


def create_vpc(ctx: Context) -> dict[str, Any]:
    """CreateVpc."""
    fields = {"VpcName": ctx.params.text("VpcName") or "", "Description": ctx.params.text("Description") or ""}
    cidr = ctx.params.text("CidrBlock") or "172.16.0.0/12"
    tags = checked_tags(ctx)
    ctx.dry_run()
    made = add_vpc(ctx.account, ctx.region, ctx.new_id("vpcs"), CidrBlock=cidr, **fields)
    made.tags = tags
    ctx.targets.append(made.id)
    return {"VpcId": made.id, "VRouterId": made.data["VRouterId"], "RouteTableId": made.id.replace("vpc-", "vtb-"), "ResourceGroupId": ""}


def create_vswitch(ctx: Context) -> dict[str, Any]:
    """CreateVSwitch."""
    asked = ctx.params
    vpc = ctx.get("vpcs", asked.need("VpcId"), "InvalidVpcId.NotFound")
    zone, cidr = asked.need("ZoneId"), asked.need("CidrBlock")
    if region_of_zone(zone) != ctx.region:
        raise ApiError("InvalidZoneId.NotFound", "The specified zone does not exist.")
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError as error:
        raise ApiError("InvalidCidrBlock.Malformed", str(error), 400) from error
    others = [ipaddress.ip_network(item.data["CidrBlock"]) for item in ctx.all("vswitches") if item.data["VpcId"] == vpc.id]
    if any(network.overlaps(other) for other in others):
        raise ApiError("InvalidCidrBlock.Overlapped", "The CIDR block overlaps with that of another vSwitch.", 400)
    fields = {"VSwitchName": asked.text("VSwitchName") or "", "Description": asked.text("Description") or ""}
    tags = checked_tags(ctx)
    made = add_vswitch(ctx.account, vpc, ctx.new_id("vswitches"), zone, cidr, **fields)
    made.tags = tags
    ctx.targets.append(made.id)
    return {"VSwitchId": made.id}


def create_security_group(ctx: Context) -> dict[str, Any]:
    """CreateSecurityGroup: the name need not be unique."""
    asked = ctx.params
    vpc = ctx.get("vpcs", asked.need("VpcId"), "InvalidVpcId.NotFound")
    fields = {
        "SecurityGroupName": check_name(asked.text("SecurityGroupName"), "InvalidSecurityGroupName.Malformed"),
        "Description": check_description(asked.text("Description"), "InvalidSecurityGroupDescription.Malformed", 400),
        "SecurityGroupType": asked.text("SecurityGroupType") or "normal",
    }
    tags = checked_tags(ctx)
    made = add_security_group(ctx.account, vpc, ctx.new_id("security_groups"), **fields)
    made.tags = tags
    ctx.targets.append(made.id)
    return {"SecurityGroupId": made.id}


def delete_security_group(ctx: Context) -> dict[str, Any]:
    """DeleteSecurityGroup."""
    group = ctx.get("security_groups", ctx.params.need("SecurityGroupId"), "InvalidSecurityGroupId.NotFound")
    if any(group.id in item.data["SecurityGroupIds"]["SecurityGroupId"] for item in ctx.all("interfaces")):
        raise ApiError("DependencyViolation", "The security group is in use.", 403)
    ctx.account.remove(group)
    return {}


def describe_vpcs(ctx: Context) -> dict[str, Any]:
    """DescribeVpcs."""
    ids, name = ctx.params.commas("VpcId"), ctx.params.text("VpcName")
    found = [
        item for item in ctx.listed("vpcs") if (ids is None or item.id in ids) and name in (None, "", item.data["VpcName"]) and has_tags(item.tags, ctx.params)
    ]

    def show(item: Item) -> dict[str, Any]:
        inside = [entry.id for entry in ctx.all("vswitches") if entry.data["VpcId"] == item.id]
        return {**item.data, "VSwitchIds": {"VSwitchId": inside}, "Tags": tag_list(item.tags, "Key", "Value")}

    shown, where = page(ctx, found, show, 50, tokens=False)
    return {"Vpcs": {"Vpc": shown}, **where}


def describe_vswitches(ctx: Context) -> dict[str, Any]:
    """DescribeVSwitches."""
    asked, ids = ctx.params, ctx.params.commas("VSwitchId")
    words = {"VpcId": "VpcId", "ZoneId": "ZoneId", "VSwitchName": "VSwitchName"}
    found = [
        item
        for item in ctx.listed("vswitches")
        if (ids is None or item.id in ids)
        and all(not asked.text(name) or asked.text(name) == item.data[field] for name, field in words.items())
        and has_tags(item.tags, asked)
    ]

    def show(item: Item) -> dict[str, Any]:
        total = ipaddress.ip_network(item.data["CidrBlock"]).num_addresses - RESERVED_AT_END
        free = total - len(used_addresses(ctx.account, item.id))
        return {**item.data, "AvailableIpAddressCount": free, "Tags": tag_list(item.tags, "Key", "Value")}

    shown, where = page(ctx, found, show, 50, tokens=False)
    return {"VSwitches": {"VSwitch": shown}, **where}


def describe_security_groups(ctx: Context) -> dict[str, Any]:
    """DescribeSecurityGroups."""
    ctx.dry_run()
    asked, ids = ctx.params, ctx.params.ids("SecurityGroupIds")
    words = ("VpcId", "SecurityGroupId", "SecurityGroupName", "SecurityGroupType")
    found = [
        item
        for item in ctx.listed("security_groups")
        if (ids is None or item.id in ids) and all(not asked.text(name) or asked.text(name) == item.data[name] for name in words) and has_tags(item.tags, asked)
    ]
    shown, where = page(ctx, found, lambda item: {**item.data, "Tags": tag_list(item.tags)})
    return {"SecurityGroups": {"SecurityGroup": shown}, "RegionId": ctx.region, **where}


HANDLERS = {
    "CreateVpc": create_vpc,
    "CreateVSwitch": create_vswitch,
    "CreateSecurityGroup": create_security_group,
    "DeleteSecurityGroup": delete_security_group,
    "DescribeVpcs": describe_vpcs,
    "DescribeVSwitches": describe_vswitches,
    "DescribeSecurityGroups": describe_security_groups,
}
