# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls that change an instance without its power: attributes, private address, role, maintenance, metadata options, public address."""

from __future__ import annotations

from typing import Any

from . import instances, interfaces
from .context import Context
from .errors import ApiError, invalid
from .names import check_description, check_name
from .snapshots import locks_of
from .vpc import free_address, take_address

ACTIONS = ("Stop", "AutoRecover", "AutoRedeploy")


def modify(ctx: Context) -> dict[str, Any]:
    """ModifyInstanceAttribute."""
    instance, asked = ctx.instance(), ctx.params
    if "security" in locks_of(instance):
        raise ApiError("InstanceLockedForSecurity", "The specified operation is denied as your instance is locked for security reasons.")
    changes: dict[str, Any] = {}
    if asked.text("InstanceName") is not None:
        changes["InstanceName"] = check_name(asked.text("InstanceName"), "InvalidInstanceName.Malformed")
    if asked.text("Description") is not None:
        changes["Description"] = check_description(asked.text("Description"), status=400)
    for name in ("DeletionProtection", "Recyclable"):
        if asked.text(name) is not None:
            changes[name] = asked.flag(name)
    for name in ("HostName", "CreditSpecification"):
        if asked.text(name):
            changes[name] = asked.text(name)
    groups = asked.items("SecurityGroupIds")
    for identity in groups:
        ctx.get("security_groups", identity, "InvalidSecurityGroupId.NotFound")
    if groups:
        changes["SecurityGroupIds"] = {"SecurityGroupId": groups}
        for nic in interfaces.of_instance(ctx.account, instance.id)[:1]:
            nic.data["SecurityGroupIds"] = {"SecurityGroupId": list(groups)}
    if asked.text("UserData") is not None:
        if instance.data["Status"] != "Stopped":
            raise ApiError("IncorrectInstanceStatus", status=403)
        instance.hidden["user_data"] = instances.check_user_data(asked.text("UserData"))
    if asked.text("EnableJumboFrame") is not None:
        instance.hidden["jumbo"] = asked.flag("EnableJumboFrame")
    instance.data.update(changes)
    return {}


def modify_vpc(ctx: Context) -> dict[str, Any]:
    """ModifyInstanceVpcAttribute: another primary address or vSwitch, once per start."""
    instance, asked = ctx.instance(), ctx.params
    vswitch = ctx.get("vswitches", asked.need("VSwitchId"), "InvalidVSwitchId.NotFound")
    if instance.data["Status"] != "Stopped":
        raise ApiError("IncorrectInstanceStatus", status=403)
    if vswitch.data["ZoneId"] != instance.data["ZoneId"]:
        raise ApiError("InvalidVSwitchId.NotSupport", "The vSwitch is in another zone.", 400)
    if vswitch.data["VpcId"] != instance.data["VpcAttributes"]["VpcId"] and not asked.text("VpcId"):
        raise ApiError("InvalidVpc.NotMatch", "The vSwitch is in another VPC.", 400)
    if not instance.hidden["restarted"]:
        raise ApiError("OperationDenied", "A new instance must have been restarted once before its address is changed.", 403)
    if instance.hidden["address_changed"]:
        raise ApiError("InvalidPrivateIp.Changing", "The address was changed, and the instance has not been started since.", 400)
    nic = interfaces.of_instance(ctx.account, instance.id)[0]
    if len(nic.data["PrivateIpSets"]["PrivateIpSet"]) > 1:
        raise ApiError("PrimaryEniHasSubIp", "The primary interface has secondary addresses.", 400)
    wanted, old, place = asked.text("PrivateIpAddress"), nic.data["PrivateIpAddress"], nic.data["VSwitchId"]
    if wanted == old and place == vswitch.id:
        return {}
    address = take_address(ctx.account, vswitch, wanted)
    nic.data.update(PrivateIpAddress=address, VSwitchId=vswitch.id, VpcId=vswitch.data["VpcId"])
    nic.data["PrivateIpSets"] = {"PrivateIpSet": [{"PrivateIpAddress": address, "Primary": True}]}
    instance.data["VpcAttributes"] = {"VpcId": vswitch.data["VpcId"], "VSwitchId": vswitch.id}
    instance.hidden["address_changed"] = True
    free_address(ctx.account, place, old)
    return {}


def attach_role(ctx: Context) -> dict[str, Any]:
    """AttachInstanceRamRole."""
    role, ids = ctx.params.need("RamRoleName"), ctx.params.ids("InstanceIds") or []
    if not ids:
        raise ApiError("InvalidInstanceIds.Malformed", "InstanceIds is a JSON array with at least one id.", 400)
    ctx.require_role(role)
    results, failed = [], 0
    for identity in ids:
        instance = ctx.account.find("instances", identity, ctx.region)
        if instance is None:
            raise ApiError("InvalidInstanceId.NotFound", f"The specified resource {identity} does not exist.")
        taken = bool(instance.hidden["role"])
        failed += taken
        code = "InvalidOperation.RamRoleAlreadyAttached" if taken else "200"
        results.append({"InstanceId": identity, "Success": not taken, "Code": code, "Message": "" if taken else "success"})
        if not taken:
            instance.hidden["role"] = role
    listed = {"AttachInstanceRamRoleResult": results}
    return {"RamRoleName": role, "TotalCount": len(ids), "FailCount": failed, "AttachInstanceRamRoleResults": listed}


def detach_role(ctx: Context) -> dict[str, Any]:
    """DetachInstanceRamRole."""
    ids = ctx.params.ids("InstanceIds") or []
    results = []
    for identity in ids:
        instance = ctx.get("instances", identity, "InvalidInstanceId.NotFound")
        instance.hidden["role"] = ""
        results.append({"InstanceId": identity, "Success": True, "Code": "200", "Message": "success", "InstanceRamRoleSets": {"InstanceRamRoleSet": []}})
    return {"TotalCount": len(ids), "FailCount": 0, "DetachInstanceRamRoleResults": {"DetachInstanceRamRoleResult": results}}


def modify_maintenance(ctx: Context) -> dict[str, Any]:
    """ModifyInstanceMaintenanceAttributes."""
    asked, action = ctx.params, ctx.params.text("ActionOnMaintenance")
    if action and action not in ACTIONS:
        raise invalid("ActionOnMaintenance", action)
    for identity in asked.items("InstanceId"):
        held = ctx.get("instances", identity, "InvalidInstanceId.NotFound").hidden["maintenance"]
        if action:
            held["action"] = action
        if asked.text("NotifyOnMaintenance"):
            held["notify"] = asked.flag("NotifyOnMaintenance")
        windows = asked.structs("MaintenanceWindow")
        if windows:
            held["windows"] = windows
    return {}


def modify_metadata(ctx: Context) -> dict[str, Any]:
    """ModifyInstanceMetadataOptions."""
    instance, asked = ctx.instance(), ctx.params
    options = dict(instance.data["MetadataOptions"], HttpEndpoint=asked.need("HttpEndpoint"))
    for name in ("HttpTokens", "InstanceMetadataTags"):
        if asked.text(name):
            options[name] = asked.text(name)
    if asked.text("HttpPutResponseHopLimit"):
        options["HttpPutResponseHopLimit"] = asked.number("HttpPutResponseHopLimit")
    instance.data["MetadataOptions"] = options
    return {}


def allocate_public(ctx: Context) -> dict[str, Any]:
    """AllocatePublicIpAddress."""
    instance = ctx.instance()
    if instance.data["Status"] not in ("Running", "Stopped"):
        raise ApiError("IncorrectInstanceStatus", status=403)
    if instance.data["PublicIpAddress"]["IpAddress"]:
        raise ApiError("AllocatedAlready", "The instance has a public address.", 403)
    address = ctx.world.next_public_address()
    instance.data["PublicIpAddress"] = {"IpAddress": [address]}
    return {"IpAddress": address}


HANDLERS = {
    "ModifyInstanceAttribute": modify,
    "ModifyInstanceVpcAttribute": modify_vpc,
    "AttachInstanceRamRole": attach_role,
    "DetachInstanceRamRole": detach_role,
    "ModifyInstanceMaintenanceAttributes": modify_maintenance,
    "ModifyInstanceMetadataOptions": modify_metadata,
    "AllocatePublicIpAddress": allocate_public,
}
