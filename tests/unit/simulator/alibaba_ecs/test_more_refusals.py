# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refusals that no other file meets: each code once."""

from __future__ import annotations

import json
from datetime import datetime, timezone

from .conftest import Api

VPC = "2016-04-28"
IMAGE = "debian_12_11_x64_20G_alibase_20251030.vhd"


def test_of_disks(ecs: Api) -> None:
    instance, disks = ecs.vm(disks=3)
    snapshot = ecs.snapshot(disks[1])
    assert ecs.refused("ModifyDiskAttribute", DiskId=disks[0], DiskIdss=disks, DiskName="name") == ("ParameterConflict.DiskIdAndDiskIds", 400)
    ecs.control.settings(operation_s_of={"CreateSnapshot": 60, "CreateDisk": 60})
    new = ecs.do("CreateDisk", ZoneId="cn-hangzhou-h", Size=40, DiskCategory="cloud_essd")["DiskId"]
    assert ecs.refused("DeleteDisk", DiskId=new) == ("IncorrectDiskStatus.Initializing", 403)
    ecs.do("CreateSnapshot", DiskId=disks[2])
    assert ecs.refused("ResizeDisk", DiskId=disks[2], NewSize=80) == ("DiskCreatingSnapshot", 403)
    ecs.do("DetachDisk", InstanceId=instance, DiskId=disks[2])
    ecs.wait("disks", disks[2], "Available")
    assert ecs.refused("DeleteDisk", DiskId=disks[2]) == ("DiskCreatingSnapshot", 403)
    assert ecs.refused("ResizeDisk", DiskId=disks[0], NewSize=40) == ("InvalidParameter", 400)
    ecs.do("ResizeDisk", DiskId=disks[0], NewSize=80)
    ecs.act("set_fields", kind="disks", id=disks[1], fields={"Category": "elastic_ephemeral_disk_premium"})
    assert ecs.refused("DetachDisk", InstanceId=instance, DiskId=disks[1]) == ("InvalidOperation.DiskCategoryUnsupported", 403)
    ecs.stopped(instance)
    ecs.do("CreateSnapshot", DiskId=disks[0])
    assert ecs.refused("ReplaceSystemDisk", InstanceId=instance, ImageId=IMAGE) == ("DiskCreatingSnapshot", 403)
    assert ecs.refused("ReplaceSystemDisk", InstanceId=instance, ImageId=IMAGE, DiskId=disks[1]) == ("InvalidDiskId.NotSupported", 403)
    ecs.act("set_fields", kind="disks", id=disks[0], fields={"ImageId": "m-gone"})
    assert ecs.refused("DetachDisk", InstanceId=instance, DiskId=disks[0]) == ("InvalidDiskId.OperationNotSupported", 404)
    ecs.act("set_fields", kind="disks", id=disks[1], fields={"SourceSnapshotId": "s-gone"})
    assert ecs.refused("ReInitDisk", DiskId=disks[1]) == ("InvalidSourceSnapshot", 403)
    assert ecs.refused("UnlockSnapshot", SnapshotId=snapshot) == ("InvalidOperation.SnapshotNotLocked", 403)


def test_of_shared_disks(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    shared = ecs.act("add_disk", name="shared", fields={"MultiAttach": "Enabled"})["disk_id"]
    refused = ecs.refused("AttachDisk", InstanceId=instance, DiskId=shared, Bootable="true")
    assert refused == ("InvalidOperation.CanNotAttachMultiAttachDiskAsSystemDisk", 403)


def test_of_prepaid_disks(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    given = {"InstanceId": instance, "Size": 40, "DiskCategory": "cloud_essd", "ClientToken": "t-1", "Tags": [{"Key": "a", "Value": "b"}]}
    first, second = (ecs.do("CreateDisk", **given)["DiskId"] for _number in range(2))
    # Token and tags count for nothing.
    assert first != second
    ecs.wait("disks", first, "In_use")
    found = ecs.find("disks", first)
    assert (found["DiskChargeType"], found["Portable"], found["tags"]) == ("PrePaid", False, {})  # type: ignore[index]
    assert ecs.refused("DetachDisk", InstanceId=instance, DiskId=first) == ("DiskNotPortable", 403)


def test_of_groups(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    _other, far = ecs.vm("far", zone="cn-hangzhou-i")
    assert ecs.refused("CreateSnapshotGroup", DiskIds=[disks[0], far[0]]) == ("InvalidDiskIds.NotInSameZone", 400)
    assert ecs.refused("CreateSnapshotGroup", DiskIds=disks, Description="x") == ("InvalidParameter.Description", 400)
    assert ecs.refused("DescribeSnapshotGroups", SnapshotGroupIds=["ssg-1"] * 11) == ("InvalidParameter.SnapshotGroupId", 400)
    ecs.act("set_fields", kind="disks", id=disks[0], fields={"Size": 256 * 1024})
    assert ecs.refused("CreateSnapshotGroup", DiskIds=disks) == ("CapacityExceed.TooManyDisks", 403)


def test_of_instances(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    net = ecs.act("add_network")
    given = {"ImageId": IMAGE, "InstanceType": "ecs.g7.large", "VSwitchId": net["vswitch_id"], "SecurityGroupId": net["security_group_id"]}
    assert ecs.refused("RunInstances", **given, ZoneId="cn-hangzhou-i") == ("InvalidParameter.Conflict", 400)
    assert ecs.refused("RunInstances", **given, Amount=0) == ("InvalidAmount", 400)
    assert ecs.refused("RunInstances", **given, SystemDiskDiskName="1") == ("InvalidSystemDiskName.Malformed", 400)
    assert ecs.refused("RunInstances", **given, NetworkInterfaces=[{"NetworkInterfaceId": "eni-unknown"}]) == ("InvalidEniId.NotFound", 404)
    ecs.control.settings(operation_s_of={"RunInstances": 60})
    new = ecs.do("RunInstances", **given)["InstanceIdSets"]["InstanceIdSet"][0]
    assert ecs.refused("DeleteInstance", InstanceId=new, Force="true") == ("IncorrectInstanceStatus.Initializing", 403)
    assert ecs.refused("AttachInstanceRamRole", InstanceIds="[]", RamRoleName="role") == ("InvalidInstanceIds.Malformed", 400)
    ecs.do("AllocatePublicIpAddress", InstanceId=instance)
    assert ecs.refused("AllocatePublicIpAddress", InstanceId=instance) == ("AllocatedAlready", 403)
    far = ecs.act("add_network", zone="cn-hangzhou-i")["vswitch_id"]
    ecs.stopped(instance)
    assert ecs.refused("ModifyInstanceVpcAttribute", InstanceId=instance, VSwitchId=far) == ("InvalidVSwitchId.NotSupport", 400)
    other = ecs.call("CreateVpc", VPC)["VpcId"]
    outside = ecs.call("CreateVSwitch", VPC, VpcId=other, ZoneId="cn-hangzhou-h", CidrBlock="172.16.0.0/24")["VSwitchId"]
    assert ecs.refused("ModifyInstanceVpcAttribute", InstanceId=instance, VSwitchId=outside) == ("InvalidVpc.NotMatch", 400)


def test_of_interfaces(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    net, far = ecs.act("add_network"), ecs.act("add_network", zone="cn-hangzhou-i")
    given = {"VSwitchId": net["vswitch_id"], "SecurityGroupId": net["security_group_id"]}
    assert ecs.refused("CreateNetworkInterface", **given, NetworkInterfaceName="1") == ("InvalidNetworkInterfaceName.Malformed", 400)
    both = ecs.refused("CreateNetworkInterface", **given, SecurityGroupIdss=[net["security_group_id"]])
    assert both == ("InvalidSecurityGroupId.SingleIdAndMultiIdConflict", 400)
    near = ecs.do("CreateNetworkInterface", **given)["NetworkInterfaceId"]
    away = ecs.do("CreateNetworkInterface", **{**given, "VSwitchId": far["vswitch_id"]})["NetworkInterfaceId"]
    other = ecs.call("CreateVpc", VPC)["VpcId"]
    outside = ecs.call("CreateVSwitch", VPC, VpcId=other, ZoneId="cn-hangzhou-h", CidrBlock="172.16.0.0/29")["VSwitchId"]
    foreign = ecs.do("CreateNetworkInterface", **{**given, "VSwitchId": outside})["NetworkInterfaceId"]
    for nic in (near, away, foreign):
        ecs.wait("interfaces", nic, "Available")
    pair = {"InstanceId": instance}
    assert ecs.refused("AttachNetworkInterface", NetworkInterfaceId=away, **pair) == ("InvalidOperation.AvailabilityZoneMismatch", 403)
    assert ecs.refused("AttachNetworkInterface", NetworkInterfaceId=foreign, **pair) == ("InvalidOperation.VpcMismatch", 403)
    assert ecs.refused("AttachNetworkInterface", NetworkInterfaceId="eni-unknown", **pair) == ("InvalidEniId.NotFound", 404)
    assert ecs.refused("AttachNetworkInterface", NetworkInterfaceId=near, InstanceId="i-unknown") == ("InvalidEcsId.NotFound", 404)
    assert ecs.refused("DetachNetworkInterface", NetworkInterfaceId=near, **pair) == ("InvalidParameter.EniNotBelongEcs", 400)
    ecs.do("CreateNetworkInterface", **{**given, "VSwitchId": outside})
    assert ecs.refused("CreateNetworkInterface", **{**given, "VSwitchId": outside}) == ("InvalidVSwitchId.IpNotEnough", 403)
    ecs.act("set_fields", kind="instances", id=instance, fields={"Status": "Stopping"})
    assert ecs.refused("AttachNetworkInterface", NetworkInterfaceId=near, **pair) == ("InvalidOperation.InvalidEcsState", 400)


def test_of_networks_and_addresses(ecs: Api) -> None:
    first, _disks = ecs.vm()
    second, _more = ecs.vm("web-2", fields={"PublicIpAddress": {"IpAddress": ["47.0.0.1"]}})
    net = ecs.act("add_network")
    assert ecs.refused("CreateSecurityGroup", VpcId="vpc-unknown") == ("InvalidVpcId.NotFound", 404)
    assert ecs.refused("CreateSecurityGroup", VpcId=net["vpc_id"], SecurityGroupName="1") == ("InvalidSecurityGroupName.Malformed", 400)
    assert ecs.refused("CreateSecurityGroup", VpcId=net["vpc_id"], Description="x") == ("InvalidSecurityGroupDescription.Malformed", 400)
    assert ecs.refused("DeleteSecurityGroup", SecurityGroupId=net["security_group_id"]) == ("DependencyViolation", 403)
    eips = [ecs.call("AllocateEipAddress", VPC)["AllocationId"] for _number in range(2)]
    assert ecs.call_refused("AssociateEipAddress", VPC, AllocationId=eips[0], InstanceId=second) == ("EIP_CAN_NOT_ASSOCIATE_WITH_PUBLIC_IP", 400)
    ecs.call("AssociateEipAddress", VPC, AllocationId=eips[0], InstanceId=first)
    ecs.wait("eips", eips[0], "InUse")
    assert ecs.call_refused("AssociateEipAddress", VPC, AllocationId=eips[1], InstanceId=first) == ("InvalidAssociation.Duplicated", 400)
    assert ecs.call_refused("UnassociateEipAddress", VPC, AllocationId=eips[0], InstanceId=second) == ("InvalidBindInstance.NotFound", 404)


def test_of_images(ecs: Api) -> None:
    instance, disks = ecs.vm()
    for role in ("AliyunECSImageExportDefaultRole", "AliyunECSImageImportDefaultRole"):
        ecs.act("add_role", name=role)
    ecs.act("add_bucket", name="images")
    ecs.control.settings(operation_s_of={"CreateImage": 60, "ImportImage": 60, "ExportImage": 60})
    image = ecs.do("CreateImage", InstanceId=instance)["ImageId"]
    given = {"ImageId": image, "OSSBucket": "images"}
    assert ecs.refused("ExportImage", **given) == ("IncorrectImageStatus", 400)
    assert ecs.refused("CopyImage", ImageId=image, DestinationRegionId="cn-beijing") == ("IncorrectImageStatus", 400)
    ecs.stopped(instance)
    assert ecs.refused("ReplaceSystemDisk", InstanceId=instance, ImageId=image) == ("ImageNotReady", 404)
    parts = ecs.find("images", image)["DiskDeviceMappings"]["DiskDeviceMapping"]  # type: ignore[index]
    large = {"DiskDeviceMapping": [{**part, "Size": "501"} for part in parts]}
    ecs.act("set_fields", kind="images", id=image, fields={"Status": "Available", "DiskDeviceMappings": large})
    assert ecs.refused("ExportImage", **given) == ("InvalidImage.DiskAmountOrSize", 400)
    ecs.act("set_fields", kind="images", id=image, fields={"ImageOwnerAlias": "marketplace"})
    assert ecs.refused("ExportImage", **given) == ("ImageNotSupported", 403)
    ecs.act("add_object", bucket="images", object="disk.zip", size=1)
    ecs.act("add_object", bucket="images", object="disk.raw", size=1)
    mapping = {"OSSBucket": "images", "OSSObject": "disk.zip"}
    assert ecs.refused("ImportImage", DiskDeviceMappings=[mapping]) == ("UnsupportedSuffix.OSSObject", 400)
    made = ecs.do("ImportImage", DiskDeviceMappings=[{**mapping, "OSSObject": "disk.raw"}])
    assert ecs.refused("DeleteImage", ImageId=made["ImageId"]) == ("ImageIsImporting", 403)
    assert ecs.refused("DescribeTaskAttribute", TaskId="t-unknown") == ("InvalidTaskId.NotFound", 404)
    ecs.do("CancelTask", TaskId=made["TaskId"])
    assert ecs.refused("CancelTask", TaskId=made["TaskId"]) == ("InvalidTaskStatus", 403)
    ecs.control.settings(operation_s_of={})
    snapshot = ecs.snapshot(ecs.vm("web-2")[1][0])
    two = [{"SnapshotId": snapshot, "Device": "/dev/xvda"}, {"SnapshotId": snapshot, "Device": "/dev/xvdb"}]
    assert ecs.refused("CreateImage", DiskDeviceMappings=two) == ("InvalidParameter.DiskType", 400)
    assert disks


def test_of_the_protocol(ecs: Api) -> None:
    assert ecs.other(key=f"sim-{ecs.account}", secret=f"secret-{ecs.account}", token="x").refused("DescribeRegions") == (
        "InvalidSecurityToken.MismatchWithAccessKey",
        400,
    )
    many = [{"Key": f"k{number}", "Value": ""} for number in range(21)]
    instance, _disks = ecs.vm()
    assert ecs.refused("TagResources", ResourceType="instance", ResourceIds=[instance], Tags=many) == ("NumberExceed.Tags", 400)
    role = {"RoleArn": "acs:ram::1:role/x", "RoleSessionName": "run", "ExternalId": " "}
    assert ecs.call_refused("AssumeRole", "2015-04-01", **role) == ("InvalidParameter.ExternalId", 400)
    assert ecs.refused("DescribeInstances", InstanceIds="no json") == ("InvalidParameter", 400)
    assert ecs.refused("DescribeInstances", InstanceIds=json.dumps(["i-1"] * 101)) == ("InvalidParameter", 400)
    wrong = {"Filter.1.Key": "CreationStartTime", "Filter.1.Value": datetime.now(timezone.utc).isoformat()}
    assert ecs.refused("DescribeSnapshots", extra=wrong) == ("InvalidParameter", 400)
