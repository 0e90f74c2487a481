# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instances: what they look like, and the calls that read them."""

from __future__ import annotations

import base64
import re
from typing import Any

from . import interfaces
from .context import Context
from .errors import ApiError
from .names import has_tags, tag_list
from .paging import page
from .store import Account, Item

TYPE = re.compile(r"ecs\.[a-z0-9-]+\.[a-z0-9.-]+")
# vCPUs and GiB by size; every family has the same here.
SIZES = {"small": (1, 2), "medium": (1, 4), "large": (2, 8), "xlarge": (4, 16), "2xlarge": (8, 32), "4xlarge": (16, 64), "8xlarge": (32, 128)}
# What DescribeInstanceAttribute shows, which is less than DescribeInstances does.
ATTRIBUTES = {"InstanceId", "InstanceName", "Description", "HostName", "Status", "RegionId", "ZoneId", "ImageId"}
ATTRIBUTES |= {"InstanceType", "Cpu", "Memory", "SerialNumber", "InstanceNetworkType", "InstanceChargeType", "InternetChargeType", "InternetMaxBandwidthIn"}
ATTRIBUTES |= {"InternetMaxBandwidthOut", "CreationTime", "ExpiredTime", "StoppedMode", "ClusterId", "VlanId", "CreditSpecification", "SecurityGroupIds"}
ATTRIBUTES |= {"PublicIpAddress", "InnerIpAddress", "VpcAttributes", "EipAddress", "OperationLocks"}
ADDRESSES = ("PrivateIpAddresses", "PublicIpAddresses", "EipAddresses")


def new_instance(account: Account, region: str, identity: str, fields: dict[str, Any]) -> Item:
    """An instance with all fields that DescribeInstances shows but those that its interfaces and addresses give."""
    instance_type = fields.get("InstanceType", "ecs.g7.large")
    vcpus, memory_gib = SIZES.get(instance_type.rpartition(".")[2], (2, 8))
    data: dict[str, Any] = {
        "InstanceId": identity,
        "InstanceName": identity,
        "Description": "",
        "HostName": identity,
        "Status": "Pending",
        "RegionId": region,
        "ImageId": "",
        "InstanceType": instance_type,
        "InstanceTypeFamily": instance_type.rpartition(".")[0],
        "Cpu": vcpus,
        "Memory": memory_gib * 1024,
        "InstanceNetworkType": "vpc",
        "InstanceChargeType": "PostPaid",
        "InternetChargeType": "PayByTraffic",
        "InternetMaxBandwidthIn": -1,
        "InternetMaxBandwidthOut": 0,
        "CreationTime": account.world.stamp(seconds=False),
        "StartTime": "",
        "ExpiredTime": "2099-12-31T15:59Z",
        "AutoReleaseTime": "",
        "StoppedMode": "Not-applicable",
        "SpotStrategy": "NoSpot",
        "SpotPriceLimit": 0.0,
        "KeyPairName": "",
        "SerialNumber": f"{identity}-serial",
        "DeletionProtection": False,
        "DeploymentSetId": "",
        "ResourceGroupId": "",
        "HpcClusterId": "",
        "ClusterId": "",
        "VlanId": "",
        "OSType": "linux",
        "OSName": "Alibaba Cloud Linux 3",
        "OSNameEn": "Alibaba Cloud Linux 3",
        "IoOptimized": True,
        "DeviceAvailable": True,
        "Recyclable": False,
        "CreditSpecification": "",
        "GPUAmount": 0,
        "GPUSpec": "",
        "ISP": "",
        "LocalStorageAmount": 0,
        "OperationLocks": {"LockReason": []},
        "SecurityGroupIds": {"SecurityGroupId": []},
        "PublicIpAddress": {"IpAddress": []},
        "InnerIpAddress": {"IpAddress": []},
        "RdmaIpAddress": {"IpAddress": []},
        "HibernationOptions": {"Configured": False},
        "DedicatedHostAttribute": {"DedicatedHostId": "", "DedicatedHostName": "", "DedicatedHostClusterId": ""},
        "DedicatedInstanceAttribute": {"Affinity": "", "Tenancy": ""},
        "EcsCapacityReservationAttr": {"CapacityReservationId": "", "CapacityReservationPreference": ""},
        "CpuOptions": {"CoreCount": max(1, vcpus // 2), "ThreadsPerCore": 2, "Numa": "ON"},
        "MetadataOptions": {"HttpEndpoint": "enabled", "HttpTokens": "optional", "HttpPutResponseHopLimit": 0},
        "ImageOptions": {"LoginAsNonRoot": False},
        **fields,
    }
    hidden = {"user_data": "", "role": "", "address_changed": False, "restarted": False, "maintenance": {}, "jumbo": False}
    return Item("instances", region, identity, data, hidden=hidden)


def show(ctx: Context, instance: Item) -> dict[str, Any]:
    """As DescribeInstances shows it."""
    data, nics = dict(instance.data), interfaces.of_instance(ctx.account, instance.id)
    data["NetworkInterfaces"] = {"NetworkInterface": [_nic(item) for item in nics]}
    primary = nics[0].data if nics and nics[0].data["Type"] == "Primary" else {}
    eip = next((item for item in ctx.all("eips") if item.data["InstanceId"] == instance.id and item.data["Status"] in ("InUse", "Unassociating")), None)
    private = [primary["PrivateIpAddress"]] if primary else []
    known = {key: data.get("VpcAttributes", {}).get(key, "") for key in ("VpcId", "VSwitchId")}
    data["VpcAttributes"] = {**known, "NatIpAddress": "", "PrivateIpAddress": {"IpAddress": private}}
    shown: dict[str, Any] = {"AllocationId": "", "IpAddress": "", "InternetChargeType": ""}
    if eip is not None:
        shown = {name: eip.data[name] for name in ("AllocationId", "IpAddress", "InternetChargeType")}
        shown.update(Bandwidth=int(eip.data["Bandwidth"]), IsSupportUnassociate=True)
    return {**data, "EipAddress": shown, "Tags": tag_list(instance.tags)}


def _nic(item: Item) -> dict[str, Any]:
    data = item.data
    found = {name: data[name] for name in ("NetworkInterfaceId", "MacAddress", "Type", "PrivateIpSets", "Ipv6Sets", "Ipv4PrefixSets", "Ipv6PrefixSets")}
    return {**found, "PrimaryIpAddress": data["PrivateIpAddress"]}


def describe(ctx: Context) -> dict[str, Any]:
    """DescribeInstances."""
    ctx.dry_run()
    asked, ids = ctx.params, ctx.params.ids("InstanceIds")
    same = ("ZoneId", "Status", "InstanceType", "InstanceTypeFamily", "ImageId", "KeyPairName", "InstanceChargeType", "ResourceGroupId", "InstanceNetworkType")
    found = []
    for item in ctx.listed("instances"):
        if ids is not None and item.id not in ids:
            continue
        data, place = item.data, item.data["VpcAttributes"]
        if (
            all(not asked.text(name) or asked.text(name) == data[name] for name in same)
            and all(not asked.text(name) or asked.text(name) == place[name] for name in ("VpcId", "VSwitchId"))
            and _fits_name(asked.text("InstanceName"), data["InstanceName"])
            and (not asked.text("SecurityGroupId") or asked.text("SecurityGroupId") in data["SecurityGroupIds"]["SecurityGroupId"])
            and _has_addresses(ctx, item)
            and has_tags(item.tags, asked)
        ):
            found.append(item)
    shown, where = page(ctx, found, lambda item: show(ctx, item))
    return {"Instances": {"Instance": shown}, **where}


def _fits_name(wanted: str | None, name: str) -> bool:
    if not wanted or "*" not in wanted:
        return wanted in (None, "", name)
    return re.fullmatch(".*".join(re.escape(part) for part in wanted.split("*")), name) is not None


def _has_addresses(ctx: Context, item: Item) -> bool:
    if not any(ctx.params.text(name) for name in ADDRESSES):
        return True
    shown = show(ctx, item)
    has = {"PrivateIpAddresses": set(shown["VpcAttributes"]["PrivateIpAddress"]["IpAddress"]), "PublicIpAddresses": set(shown["PublicIpAddress"]["IpAddress"])}
    has["EipAddresses"] = {shown["EipAddress"]["IpAddress"]}
    return all(wanted is None or set(wanted) & has[name] for name, wanted in ((name, ctx.params.ids(name)) for name in ADDRESSES))


def statuses(ctx: Context) -> dict[str, Any]:
    """DescribeInstanceStatus."""
    ids = ctx.params.items("InstanceId")
    found = [item for item in ctx.listed("instances") if not ids or item.id in ids]
    shown, where = page(ctx, found, lambda item: {"InstanceId": item.id, "Status": item.data["Status"]}, 50, tokens=False)
    return {"InstanceStatuses": {"InstanceStatus": shown}, **where}


def attribute(ctx: Context) -> dict[str, Any]:
    """DescribeInstanceAttribute."""
    instance = ctx.instance()
    shown = show(ctx, instance)
    known: dict[str, Any] = {name: value for name, value in shown.items() if name in ATTRIBUTES}
    known["DedicatedHostAttribute"] = {name: shown["DedicatedHostAttribute"][name] for name in ("DedicatedHostId", "DedicatedHostName")}
    # Here it is a word, and a boolean in DescribeInstances.
    known["IoOptimized"] = "optimized" if shown["IoOptimized"] else "none"
    return {**known, "EnableJumboFrame": instance.hidden["jumbo"], "EnableNetworkEncryption": False}


def user_data(ctx: Context) -> dict[str, Any]:
    """DescribeUserData."""
    ctx.params.need("InstanceId")
    instance = ctx.instance()
    return {"InstanceId": instance.id, "RegionId": ctx.region, "UserData": instance.hidden["user_data"]}


def check_user_data(value: str | None) -> str:
    """User data in base64, "" when absent. Raises ApiError."""
    if not value:
        return ""
    try:
        raw = base64.b64decode(value, validate=True)
    except ValueError as error:
        raise ApiError("InvalidUserData.Base64FormatInvalid", "The specified UserData must be base64 encoded.", 400) from error
    if len(raw) > 32 * 1024:
        raise ApiError("InvalidUserData.SizeExceeded", "The specified UserData exceeds 32 KB.", 400)
    return value


def ram_role(ctx: Context) -> dict[str, Any]:
    """DescribeInstanceRamRole."""
    ids, role = ctx.params.ids("InstanceIds"), ctx.params.text("RamRoleName")
    found = [item for item in ctx.listed("instances") if (ids is None or item.id in ids) and role in (None, "", item.hidden["role"])]
    shown, where = page(ctx, found, lambda item: {"InstanceId": item.id, "RamRoleName": item.hidden["role"]}, 50, tokens=False)
    return {"InstanceRamRoleSets": {"InstanceRamRoleSet": shown}, "RegionId": ctx.region, "TotalCount": where["TotalCount"]}


def auto_renew(ctx: Context) -> dict[str, Any]:
    """DescribeInstanceAutoRenewAttribute: of subscriptions only."""
    ids = ctx.params.commas("InstanceId")
    found = [item for item in ctx.all("instances") if (ids is None or item.id in ids) and item.data["InstanceChargeType"] == "PrePaid"]
    entry = {"AutoRenewEnabled": False, "Duration": 0, "PeriodUnit": "Month", "RenewalStatus": "Normal"}
    shown, where = page(ctx, found, lambda item: {**entry, **item.hidden.get("auto_renew", {}), "InstanceId": item.id}, tokens=False)
    return {"InstanceRenewAttributes": {"InstanceRenewAttribute": shown}, **where}


def maintenance(ctx: Context) -> dict[str, Any]:
    """DescribeInstanceMaintenanceAttributes."""
    ids = ctx.params.items("InstanceId")
    found = [item for item in ctx.all("instances") if not ids or item.id in ids]

    def entry(item: Item) -> dict[str, Any]:
        held = item.hidden["maintenance"]
        action = {
            "Value": held.get("action", "AutoRecover"),
            "DefaultValue": "AutoRecover",
            "SupportedValues": {"SupportedValue": ["Stop", "AutoRecover", "AutoRedeploy"]},
        }
        windows = {"MaintenanceWindow": held.get("windows", [])}
        return {"InstanceId": item.id, "ActionOnMaintenance": action, "NotifyOnMaintenance": held.get("notify", False), "MaintenanceWindows": windows}

    shown, where = page(ctx, found, entry, tokens=False)
    return {"MaintenanceAttributes": {"MaintenanceAttribute": shown}, **where}


HANDLERS = {
    "DescribeInstances": describe,
    "DescribeInstanceStatus": statuses,
    "DescribeInstanceAttribute": attribute,
    "DescribeUserData": user_data,
    "DescribeInstanceRamRole": ram_role,
    "DescribeInstanceAutoRenewAttribute": auto_renew,
    "DescribeInstanceMaintenanceAttributes": maintenance,
}
