# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instances: made, started, stopped, changed, deleted; and what is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from .conftest import PUBLIC_KEY, Api, until

IMAGE = "aliyun_3_x64_20G_alibase_20251030.vhd"


def plan(ecs: Api, **more: Any) -> dict[str, Any]:
    """The values of a RunInstances that is accepted."""
    net = ecs.act("add_network")
    given = {"ImageId": IMAGE, "InstanceType": "ecs.g7.large", "VSwitchId": net["vswitch_id"], "SecurityGroupId": net["security_group_id"], **more}
    return {name: value for name, value in given.items() if value is not None}


def run(ecs: Api, **more: Any) -> str:
    """A new instance that runs."""
    instance = str(ecs.do("RunInstances", **plan(ecs, **more))["InstanceIdSets"]["InstanceIdSet"][0])
    ecs.wait("instances", instance, "Running")
    return instance


def shown(ecs: Api, instance: str) -> dict[str, Any]:
    return dict(ecs.do("DescribeInstances", InstanceIds=json.dumps([instance]))["Instances"]["Instance"][0])


def test_new_instance_has_what_was_asked_for(ecs: Api) -> None:
    _source, disks = ecs.vm()
    ecs.act("add_role", name="role-1")
    snapshot = ecs.snapshot(disks[1])
    ecs.do("ImportKeyPair", KeyPairName="login", PublicKeyBody=PUBLIC_KEY)
    secret = base64.b64encode(b"#!/bin/sh").decode()
    more = {"InstanceName": "new-1", "KeyPairName": "login", "UserData": secret, "PrivateIpAddress": "192.168.1.77", "RamRoleName": "role-1"}
    data = [{"SnapshotId": snapshot, "DeleteWithInstance": "false"}, {"Size": 50, "Category": "cloud_essd"}]
    instance = run(ecs, DataDisks=data, Tags=[{"Key": "app", "Value": "x"}], InternetMaxBandwidthOut=5, DeletionProtection="true", **more)
    view = shown(ecs, instance)
    assert (view["InstanceName"], view["KeyPairName"], view["DeletionProtection"]) == ("new-1", "login", True)
    assert view["VpcAttributes"]["PrivateIpAddress"]["IpAddress"] == ["192.168.1.77"]
    assert len(view["PublicIpAddress"]["IpAddress"]) == 1
    assert view["Tags"]["Tag"] == [{"TagKey": "app", "TagValue": "x"}]
    found = ecs.do("DescribeDisks", InstanceId=instance)["Disks"]["Disk"]
    assert [(item["Type"], item["Size"], item["DeleteWithInstance"]) for item in found] == [("system", 20, True), ("data", 40, False), ("data", 50, True)]
    assert all(item["Tags"]["Tag"] for item in found)
    assert ecs.read(found[1]["DiskId"]) == "web-1-1"
    nic = ecs.do("DescribeNetworkInterfaces", InstanceId=instance)["NetworkInterfaceSets"]["NetworkInterfaceSet"][0]
    assert (nic["Type"], nic["Tags"]["Tag"]) == ("Primary", [{"TagKey": "app", "TagValue": "x"}])
    assert ecs.do("DescribeUserData", InstanceId=instance)["UserData"] == secret
    assert ecs.do("DescribeInstanceRamRole", InstanceIds=json.dumps([instance]))["InstanceRamRoleSets"]["InstanceRamRoleSet"][0]["RamRoleName"] == "role-1"
    attribute = ecs.do("DescribeInstanceAttribute", InstanceId=instance)
    assert (attribute["InstanceName"], attribute["EnableJumboFrame"]) == ("new-1", False)
    assert ecs.refused("DeleteInstance", InstanceId=instance, Force="true") == ("InvalidOperation.DeletionProtection", 403)


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ({"ImageId": "m-unknown"}, ("InvalidImageId.NotFound", 404)),
        ({"InstanceType": "large"}, ("InvalidInstanceType.ValueNotSupported", 403)),
        ({"InstanceType": None}, ("MissingInstanceType", 400)),
        ({"VSwitchId": "vsw-unknown"}, ("InvalidVSwitchId.NotFound", 404)),
        ({"SecurityGroupId": "sg-unknown"}, ("InvalidSecurityGroupId.NotFound", 404)),
        ({"KeyPairName": "unknown"}, ("InvalidKeyPairName.NotFound", 404)),
        ({"RamRoleName": "unknown"}, ("InvalidRamRole.NotFound", 404)),
        ({"SystemDiskSize": 10}, ("InvalidSystemDiskSize", 400)),
        ({"UserData": "%%%"}, ("InvalidUserData.Base64FormatInvalid", 400)),
        ({"UserData": base64.b64encode(b"x" * 32769).decode()}, ("InvalidUserData.SizeExceeded", 400)),
        ({"DataDisks": [{"SnapshotId": "s-unknown"}]}, ("InvalidSnapshotId.NotFound", 404)),
        ({"DataDisks": [{"Size": 20}] * 17}, ("InstanceDiskLimitExceeded", 403)),
        ({"PrivateIpAddress": "10.0.0.1"}, ("InvalidPrivateIpAddress.Malformed", 400)),
        ({"PrivateIpAddress": "192.168.1.9", "Amount": 2}, ("InvalidParameter.PrivateIpAddressRepeated", 403)),
        ({"DryRun": "true"}, ("DryRunOperation", 400)),
    ],
)
def test_instance_that_is_refused(ecs: Api, values: dict[str, Any], answer: tuple[str, int]) -> None:
    assert ecs.refused("RunInstances", **plan(ecs, **values)) == answer
    assert ecs.control.state()["instances"] == []


def test_stock_is_seen_by_a_dry_run(ecs: Api) -> None:
    asked = {"DestinationResource": "InstanceType", "InstanceType": "ecs.g7.large", "ZoneId": "cn-hangzhou-h"}
    assert ecs.do("DescribeAvailableResource", **asked)["AvailableZones"]["AvailableZone"][0]["StatusCategory"] == "WithStock"
    ecs.control.settings(no_stock=["cn-hangzhou-h/ecs.g7.large"])
    assert ecs.do("DescribeAvailableResource", **asked)["AvailableZones"]["AvailableZone"][0]["StatusCategory"] == "WithoutStock"
    assert ecs.refused("RunInstances", **plan(ecs, DryRun="true")) == ("OperationDenied.NoStock", 403)


def test_address_is_somebody_s(ecs: Api) -> None:
    ecs.vm(address="192.168.1.50")
    assert ecs.refused("RunInstances", **plan(ecs, PrivateIpAddress="192.168.1.50")) == ("InvalidPrivateIpAddress.Duplicated", 400)
    net = ecs.act("add_network")
    ecs.act("take_address", vswitch=net["vswitch_id"], address="192.168.1.51")
    assert ecs.refused("RunInstances", **plan(ecs, PrivateIpAddress="192.168.1.51")) == ("InvalidPrivateIpAddress.Duplicated", 400)


def test_power(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    assert ecs.refused("StartInstance", InstanceId=instance) == ("IncorrectInstanceStatus", 403)
    assert ecs.refused("StopInstance", InstanceId=instance, DryRun="true") == ("DryRunOperation", 400)
    ecs.control.settings(operation_s_of={"StopInstance": 0.2})
    ecs.do("StopInstance", InstanceId=instance, StoppedMode="StopCharging")
    assert shown(ecs, instance)["Status"] == "Stopping"
    assert ecs.refused("StopInstance", InstanceId=instance) == ("IncorrectInstanceStatus", 403)
    ecs.wait("instances", instance, "Stopped")
    assert shown(ecs, instance)["StoppedMode"] == "StopCharging"
    assert ecs.refused("StopInstance", InstanceId=instance) == ("IncorrectInstanceStatus", 403)
    ecs.control.settings(no_stock=["cn-hangzhou-h"])
    assert ecs.refused("StartInstance", InstanceId=instance) == ("OperationDenied.NoStock", 403)
    ecs.control.settings(no_stock=[])
    ecs.do("StartInstance", InstanceId=instance)
    ecs.wait("instances", instance, "Running")
    statuses = ecs.do("DescribeInstanceStatus")["InstanceStatuses"]["InstanceStatus"]
    assert statuses == [{"InstanceId": instance, "Status": "Running"}]


def test_local_disks_need_a_confirmation(ecs: Api) -> None:
    instance, _disks = ecs.vm(fields={"LocalStorageAmount": 1})
    assert ecs.refused("StopInstance", InstanceId=instance) == ("InstanceType.ParameterMismatch", 403)
    ecs.do("StopInstance", InstanceId=instance, ConfirmStop="true")


def test_locks_of_the_service(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    for reason, code in (("security", "InstanceLockedForSecurity"), ("financial", "InstanceExpiredOrInArrears")):
        ecs.act("set_fields", kind="instances", id=instance, fields={"OperationLocks": {"LockReason": [{"LockReason": reason}]}})
        assert ecs.refused("StopInstance", InstanceId=instance) == (code, 403)
    ecs.act("set_fields", kind="instances", id=instance, fields={"OperationLocks": {"LockReason": [{"LockReason": "security"}]}})
    assert ecs.refused("ModifyInstanceAttribute", InstanceId=instance, InstanceName="name") == ("InstanceLockedForSecurity", 403)
    # Under it, all disks go.
    ecs.do("ModifyDiskAttribute", DiskId=_disks[1], DeleteWithInstance="false")
    ecs.do("DeleteInstance", InstanceId=instance, Force="true")
    assert ecs.control.state()["disks"] == []


def test_deletion(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    assert ecs.refused("DeleteInstance", InstanceId=instance) == ("IncorrectInstanceStatus", 403)
    ecs.act("set_fields", kind="instances", id=instance, fields={"InstanceChargeType": "PrePaid"})
    assert ecs.refused("DeleteInstance", InstanceId=instance, Force="true") == ("ChargeTypeViolation", 403)
    assert ecs.do("DescribeInstanceAutoRenewAttribute")["InstanceRenewAttributes"]["InstanceRenewAttribute"][0]["InstanceId"] == instance
    assert ecs.refused("DeleteInstance", InstanceId="i-unknown") == ("InvalidInstanceId.NotFound", 404)


def test_deletions_can_take_time(ecs: Api) -> None:
    instance, disks = ecs.vm()
    snapshot = ecs.snapshot(disks[0])
    ecs.control.settings(operation_s_of={"DeleteInstance": 0.1, "DeleteSnapshot": 0.1})
    ecs.do("DeleteInstance", InstanceId=instance, Force="true")
    ecs.do("DeleteSnapshot", SnapshotId=snapshot)
    assert shown(ecs, instance)["Status"] == "Stopping"
    assert ecs.find("snapshots", snapshot)
    until(lambda: ecs.find("instances", instance) is None and ecs.find("snapshots", snapshot) is None)
    assert ecs.control.state()["disks"] == []


def test_attributes_are_changed(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    ecs.do("ModifyInstanceAttribute", InstanceId=instance, InstanceName="renamed", DeletionProtection="true", Description="")
    view = shown(ecs, instance)
    assert (view["InstanceName"], view["DeletionProtection"]) == ("renamed", True)
    assert ecs.refused("ModifyInstanceAttribute", InstanceId=instance, InstanceName="1") == ("InvalidInstanceName.Malformed", 400)
    ecs.do("ModifyInstanceMaintenanceAttributes", InstanceIds=[instance], ActionOnMaintenance="Stop", NotifyOnMaintenance="true")
    held = ecs.do("DescribeInstanceMaintenanceAttributes", InstanceIds=[instance])["MaintenanceAttributes"]["MaintenanceAttribute"][0]
    assert (held["ActionOnMaintenance"]["Value"], held["NotifyOnMaintenance"]) == ("Stop", True)
    ecs.do("ModifyInstanceMetadataOptions", InstanceId=instance, HttpEndpoint="enabled", HttpTokens="required")
    assert shown(ecs, instance)["MetadataOptions"]["HttpTokens"] == "required"


def test_role_is_attached_once(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    ids = json.dumps([instance])
    assert ecs.refused("AttachInstanceRamRole", InstanceIds=ids, RamRoleName="role-1") == ("InvalidRamRole.NotFound", 404)
    ecs.act("add_role", name="role-1")
    ecs.control.settings(denied_actions=["ram:PassRole"])
    assert ecs.refused("AttachInstanceRamRole", InstanceIds=ids, RamRoleName="role-1") == ("InvalidUser.PassRoleForbidden", 403)
    ecs.control.settings(denied_actions=[])
    assert ecs.do("AttachInstanceRamRole", InstanceIds=ids, RamRoleName="role-1")["FailCount"] == 0
    assert ecs.do("AttachInstanceRamRole", InstanceIds=ids, RamRoleName="role-1")["FailCount"] == 1


def test_private_address_moves_once_per_start(ecs: Api) -> None:
    instance, _disks = ecs.vm(address="192.168.1.50")
    net = ecs.act("add_network")
    given = {"InstanceId": instance, "VSwitchId": net["vswitch_id"]}
    assert ecs.refused("ModifyInstanceVpcAttribute", PrivateIpAddress="192.168.1.60", **given) == ("IncorrectInstanceStatus", 403)
    ecs.stopped(instance)
    ecs.do("ModifyInstanceVpcAttribute", PrivateIpAddress="192.168.1.60", **given)
    assert shown(ecs, instance)["VpcAttributes"]["PrivateIpAddress"]["IpAddress"] == ["192.168.1.60"]
    assert ecs.refused("ModifyInstanceVpcAttribute", PrivateIpAddress="192.168.1.50", **given) == ("InvalidPrivateIp.Changing", 400)
    ecs.do("StartInstance", InstanceId=instance)
    ecs.wait("instances", instance, "Running")
    ecs.stopped(instance)
    nic = ecs.do("DescribeNetworkInterfaces", InstanceId=instance)["NetworkInterfaceSets"]["NetworkInterfaceSet"][0]["NetworkInterfaceId"]
    ecs.do("AssignPrivateIpAddresses", NetworkInterfaceId=nic, SecondaryPrivateIpAddressCount=1)
    assert ecs.refused("ModifyInstanceVpcAttribute", PrivateIpAddress="192.168.1.50", **given) == ("PrimaryEniHasSubIp", 400)
    new = run(ecs)
    ecs.stopped(new)
    assert ecs.refused("ModifyInstanceVpcAttribute", InstanceId=new, VSwitchId=net["vswitch_id"]) == ("OperationDenied", 403)


def test_greedy_neighbour_takes_an_address_that_becomes_free(ecs: Api) -> None:
    instance, _disks = ecs.vm(address="192.168.1.50")
    ecs.control.settings(greedy_neighbour=True)
    ecs.do("DeleteInstance", InstanceId=instance, Force="true")
    assert ecs.refused("RunInstances", **plan(ecs, PrivateIpAddress="192.168.1.50")) == ("InvalidPrivateIpAddress.Duplicated", 400)


def test_filters(ecs: Api) -> None:
    first, _disks = ecs.vm(tags={"app": "web"}, address="192.168.1.50")
    second, _more = ecs.vm("db-1", status="Stopped")

    def ids(**values: Any) -> set[str]:
        return {item["InstanceId"] for item in ecs.do("DescribeInstances", **values)["Instances"]["Instance"]}

    assert ids(InstanceName="web*") == {first}
    assert ids(InstanceName="db-1") == {second}
    assert ids(Status="Stopped") == {second}
    assert ids(Tags=[{"Key": "app", "Value": "web"}]) == {first}
    assert ids(PrivateIpAddresses=json.dumps(["192.168.1.50"])) == {first}
    assert ids(InstanceIds=json.dumps([first, "i-unknown"])) == {first}
    until(lambda: ids() == {first, second})


def test_name_of_a_bound_key_pair_stays_taken(ecs: Api) -> None:
    ecs.do("ImportKeyPair", KeyPairName="login", PublicKeyBody=PUBLIC_KEY)
    instance = run(ecs, KeyPairName="login")
    ecs.do("DeleteInstance", InstanceId=instance, Force="true")
    ecs.do("DeleteKeyPairs", KeyPairNames=json.dumps(["login"]))
    assert ecs.refused("ImportKeyPair", KeyPairName="login", PublicKeyBody=PUBLIC_KEY) == ("KeyPair.AlreadyExist", 400)
