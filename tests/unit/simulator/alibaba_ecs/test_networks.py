# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks, interfaces, addresses."""

from __future__ import annotations

import json

from .conftest import Api

VPC = "2016-04-28"


def test_network_is_made_by_the_api(ecs: Api) -> None:
    net = ecs.call("CreateVpc", VPC, CidrBlock="10.0.0.0/8")["VpcId"]
    given = {"VpcId": net, "ZoneId": "cn-hangzhou-i"}
    vswitch = ecs.call("CreateVSwitch", VPC, CidrBlock="10.1.0.0/24", **given)["VSwitchId"]
    assert ecs.call_refused("CreateVSwitch", VPC, CidrBlock="10.1.0.0/25", **given) == ("InvalidCidrBlock.Overlapped", 400)
    assert ecs.call_refused("CreateVSwitch", VPC, CidrBlock="10.1.0.7/24", **given) == ("InvalidCidrBlock.Malformed", 400)
    group = ecs.do("CreateSecurityGroup", VpcId=net, SecurityGroupName="web")["SecurityGroupId"]
    assert ecs.call("DescribeVpcs", VPC, VpcId=net)["Vpcs"]["Vpc"][0]["VSwitchIds"]["VSwitchId"] == [vswitch]
    shown = ecs.call("DescribeVSwitches", VPC, VSwitchId=vswitch)["VSwitches"]["VSwitch"][0]
    assert (shown["ZoneId"], shown["AvailableIpAddressCount"]) == ("cn-hangzhou-i", 252)
    assert ecs.do("DescribeSecurityGroups", SecurityGroupIds=json.dumps([group]))["SecurityGroups"]["SecurityGroup"][0]["VpcId"] == net
    run = {"ImageId": "debian_12_11_x64_20G_alibase_20251030.vhd", "InstanceType": "ecs.g7.large", "VSwitchId": vswitch, "SecurityGroupId": group}
    ecs.wait("instances", ecs.do("RunInstances", **run)["InstanceIdSets"]["InstanceIdSet"][0], "Running")


def test_interface_moves(ecs: Api) -> None:
    first, _disks = ecs.vm()
    second, _more = ecs.vm("web-2")
    net = ecs.act("add_network")
    given = {"VSwitchId": net["vswitch_id"], "SecurityGroupId": net["security_group_id"]}
    made = ecs.do("CreateNetworkInterface", PrimaryIpAddress="192.168.1.90", Tags=[{"Key": "a", "Value": "b"}], **given)
    nic = made["NetworkInterfaceId"]
    ecs.wait("interfaces", nic, "Available")
    assert ecs.refused("CreateNetworkInterface", PrimaryIpAddress="192.168.1.90", **given) == ("InvalidPrivateIpAddress.Duplicated", 400)
    for instance in (first, second):
        ecs.do("AttachNetworkInterface", NetworkInterfaceId=nic, InstanceId=instance)
        ecs.wait("interfaces", nic, "InUse")
        assert ecs.refused("DeleteNetworkInterface", NetworkInterfaceId=nic) == ("InvalidOperation.InvalidEniState", 400)
        ecs.do("DetachNetworkInterface", NetworkInterfaceId=nic, InstanceId=instance)
        ecs.wait("interfaces", nic, "Available")
    assert ecs.find("interfaces", nic)["MacAddress"] == made["MacAddress"]  # type: ignore[index]
    ecs.do("ModifyNetworkInterfaceAttribute", NetworkInterfaceId=nic, NetworkInterfaceName="other", DeleteOnRelease="false")
    assert ecs.find("interfaces", nic)["DeleteOnRelease"] is False  # type: ignore[index]
    primary = ecs.do("DescribeNetworkInterfaces", InstanceId=first)["NetworkInterfaceSets"]["NetworkInterfaceSet"][0]["NetworkInterfaceId"]
    refused = ecs.refused("DetachNetworkInterface", NetworkInterfaceId=primary, InstanceId=first)
    assert refused == ("InvalidOperation.DetachPrimaryEniNotAllowed", 400)
    ecs.act("set_fields", kind="instances", id=first, hidden={"no_hot_plug": True})
    assert ecs.refused("AttachNetworkInterface", NetworkInterfaceId=nic, InstanceId=first) == ("InvalidOperation.HotPlugNotSupport", 403)
    ecs.act("set_fields", kind="interfaces", id=nic, fields={"ServiceManaged": True})
    assert ecs.refused("AttachNetworkInterface", NetworkInterfaceId=nic, InstanceId=second) == ("InvalidOperation.EniServiceManaged", 403)


def test_interface_goes_into_a_new_instance(ecs: Api) -> None:
    net = ecs.act("add_network")
    given = {"VSwitchId": net["vswitch_id"], "SecurityGroupId": net["security_group_id"]}
    nic = ecs.do("CreateNetworkInterface", **given)["NetworkInterfaceId"]
    ecs.wait("interfaces", nic, "Available")
    run = {"ImageId": "debian_12_11_x64_20G_alibase_20251030.vhd", "InstanceType": "ecs.g7.large", "NetworkInterfaces": [{"NetworkInterfaceId": nic}]}
    instance = ecs.do("RunInstances", **run, **given)["InstanceIdSets"]["InstanceIdSet"][0]
    assert ecs.find("interfaces", nic)["InstanceId"] == instance  # type: ignore[index]


def test_secondary_addresses(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    nic = ecs.do("DescribeNetworkInterfaces", InstanceId=instance)["NetworkInterfaceSets"]["NetworkInterfaceSet"][0]["NetworkInterfaceId"]
    ecs.do("AssignPrivateIpAddresses", NetworkInterfaceId=nic, PrivateIpAddresss=["192.168.1.70"])
    assert ecs.refused("AssignPrivateIpAddresses", NetworkInterfaceId=nic, PrivateIpAddresss=["192.168.1.70"]) == ("InvalidPrivateIpAddress.Duplicated", 400)
    ecs.do("UnassignPrivateIpAddresses", NetworkInterfaceId=nic, PrivateIpAddresss=["192.168.1.70"])
    assert ecs.refused("UnassignPrivateIpAddresses", NetworkInterfaceId=nic, PrivateIpAddresss=["192.168.1.70"]) == ("InvalidIp.IpUnassigned", 403)


def test_elastic_address(ecs: Api) -> None:
    first, _disks = ecs.vm()
    second, _more = ecs.vm("web-2")
    eip = ecs.call("AllocateEipAddress", VPC, Name="web")["AllocationId"]
    ecs.control.settings(operation_s_of={"AssociateEipAddress": 0.1, "UnassociateEipAddress": 0.1})
    ecs.call("AssociateEipAddress", VPC, AllocationId=eip, InstanceId=first)
    assert ecs.call_refused("AssociateEipAddress", VPC, AllocationId=eip, InstanceId=second) == ("TaskConflict", 400)
    ecs.wait("eips", eip, "InUse")
    view = ecs.do("DescribeInstances", InstanceIds=json.dumps([first]))["Instances"]["Instance"][0]["EipAddress"]
    assert view["AllocationId"] == eip
    assert ecs.call_refused("ReleaseEipAddress", VPC, AllocationId=eip) == ("IncorrectEipStatus", 400)
    assert ecs.call_refused("AssociateEipAddress", VPC, AllocationId=eip, InstanceId=second) == ("IncorrectEipStatus", 400)
    ecs.call("UnassociateEipAddress", VPC, AllocationId=eip, InstanceId=first)
    assert ecs.call("DescribeEipAddresses", VPC, AllocationId=eip)["EipAddresses"]["EipAddress"][0]["Status"] == "Unassociating"
    ecs.wait("eips", eip, "Available")
    ecs.call("ReleaseEipAddress", VPC, AllocationId=eip)
    assert ecs.call_refused("ReleaseEipAddress", VPC, AllocationId=eip) == ("InvalidAllocationId.NotFound", 404)


def test_public_address_becomes_elastic(ecs: Api) -> None:
    instance, _disks = ecs.vm(fields={"InternetMaxBandwidthOut": 5, "PublicIpAddress": {"IpAddress": ["47.0.0.1"]}})
    poor, _more = ecs.vm("web-2", fields={"PublicIpAddress": {"IpAddress": ["47.0.0.2"]}})
    assert ecs.refused("ConvertNatPublicIpToEip", InstanceId=poor) == ("InvalidInstance.ZeroBandwidth", 403)
    ecs.do("ConvertNatPublicIpToEip", InstanceId=instance)
    eip = ecs.control.state()["eips"][0]
    assert eip["IpAddress"] == "47.0.0.1"
    ecs.wait("eips", eip["id"], "InUse")
    assert ecs.refused("ConvertNatPublicIpToEip", InstanceId=instance) == ("InvalidInstance.IpAddressMissing", 404)
    ecs.do("DeleteInstance", InstanceId=instance, Force="true")
    assert ecs.find("eips", eip["id"])["Status"] == "Available"  # type: ignore[index]
