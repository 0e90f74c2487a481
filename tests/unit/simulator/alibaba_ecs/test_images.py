# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images, and their way to and from OSS."""

from __future__ import annotations

from .conftest import Api

EXPORT_ROLE, IMPORT_ROLE = "AliyunECSImageExportDefaultRole", "AliyunECSImageImportDefaultRole"


def made(ecs: Api, **more: object) -> str:
    """An image of an instance, available."""
    image = str(ecs.do("CreateImage", **more)["ImageId"])
    ecs.wait("images", image, "Available")
    return image


def test_image_of_an_instance_makes_snapshots_of_all_disks(ecs: Api) -> None:
    instance, disks = ecs.vm()
    ecs.control.settings(operation_s_of={"CreateImage": 0.2})
    image = ecs.do("CreateImage", InstanceId=instance, ImageName="nightly", SnapshotId="s-ignored")["ImageId"]
    assert ecs.do("DescribeImages", ImageOwnerAlias="self")["Images"]["Image"] == []
    assert ecs.do("DescribeImages", ImageOwnerAlias="self", Status="Creating,Waiting")["Images"]["Image"][0]["ImageId"] == image
    ecs.wait("images", image, "Available")
    parts = ecs.do("DescribeImages", ImageId=image)["Images"]["Image"][0]["DiskDeviceMappings"]["DiskDeviceMapping"]
    assert [(part["Type"], part["Size"]) for part in parts] == [("system", "40"), ("data", "40")]
    assert {ecs.find("snapshots", part["SnapshotId"])["SourceDiskId"] for part in parts} == set(disks)  # type: ignore[index]
    ecs.do("DeleteImage", ImageId=image)
    assert len(ecs.control.state()["snapshots"]) == 2
    ecs.do("DeleteImage", ImageId=image)


def test_names_are_unique_and_found_by_a_part(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    snapshot = ecs.snapshot(disks[0])
    image = made(ecs, SnapshotId=snapshot, ImageName="nightly-1")
    assert ecs.refused("CreateImage", SnapshotId=snapshot, ImageName="nightly-1") == ("InvalidImageName.Duplicated", 400)
    assert ecs.do("DescribeImages", ImageName="night", ImageOwnerAlias="self")["Images"]["Image"][0]["ImageId"] == image
    assert ecs.do("DescribeImages")["TotalCount"] == 3
    ecs.do("ModifyImageAttribute", ImageId=image, ImageName="other", Status="Deprecated")
    assert ecs.do("DescribeImages", ImageOwnerAlias="self")["Images"]["Image"] == []
    assert ecs.refused("RunInstances", ImageId=image, InstanceType="ecs.g7.large") == ("InvalidImageId.NotFound", 404)


def test_images_that_are_refused(ecs: Api) -> None:
    instance, disks = ecs.vm()
    data = ecs.snapshot(disks[1])
    assert ecs.refused("CreateImage") == ("MissingParameter", 400)
    assert ecs.refused("CreateImage", SnapshotId=data) == ("OperationDenied", 403)
    assert ecs.refused("CreateImage", SnapshotId="s-unknown") == ("InvalidSnapshotId.NotFound", 404)
    assert ecs.refused("CreateImage", InstanceId=instance, ImageName="1") == ("InvalidImageName.Malformed", 400)
    assert ecs.refused("CreateImage", DiskDeviceMappings=[{"SnapshotId": data, "DiskType": "tape"}]) == ("InvalidDiskType.ValueNotSupported", 400)
    twice = [{"SnapshotId": data, "Device": "/dev/xvdb"}, {"SnapshotId": data, "Device": "/dev/xvdb"}]
    assert ecs.refused("CreateImage", DiskDeviceMappings=twice) == ("InvalidDevice.InUse", 400)
    assert ecs.refused("CreateImage", DiskDeviceMappings=[{"SnapshotId": data, "Size": 20}]) == ("InvalidSize.ValueNotSupported", 400)
    only_data = made(ecs, DiskDeviceMappings=[{"SnapshotId": data}])
    assert ecs.refused("RunInstances", ImageId=only_data, InstanceType="ecs.g7.large") == ("InvalidSystemSnapshot.Missing", 403)
    ecs.act("set_fields", kind="instances", id=instance, fields={"ImageId": only_data})
    assert ecs.refused("DeleteImage", ImageId=only_data) == ("ImageUsingByInstance", 403)
    ecs.do("DeleteImage", ImageId=only_data, Force="true")
    ecs.control.settings(delete_unknown_ok=False, quotas={"images": 0})
    assert ecs.refused("DeleteImage", ImageId=only_data) == ("InvalidImageId.NotFound", 404)
    assert ecs.refused("CreateImage", InstanceId=instance) == ("QuotaExceed.Image", 403)


def test_image_is_copied(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    image = made(ecs, InstanceId=instance)
    ecs.control.settings(operation_s_of={"CopyImage": 0.1})
    copy = ecs.do("CopyImage", ImageId=image, DestinationRegionId="cn-beijing", DestinationImageName="copy")["ImageId"]
    assert ecs.refused("DeleteImage", ImageId=image) == ("OperationDenied.ImageCopying", 403)
    ecs.wait("images", copy, "Available")
    there = ecs.other("cn-beijing").do("DescribeImages", ImageId=copy)["Images"]["Image"][0]
    assert (there["IsCopied"], there["ImageName"], len(there["DiskDeviceMappings"]["DiskDeviceMapping"])) == (True, "copy", 2)
    assert ecs.refused("CopyImage", ImageId=image, DestinationRegionId="mars-1") == ("DestinationRegion.NotFound", 400)


def test_failed_image(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    ecs.control.add_fault("operation", route="CreateImage", error={"code": "x", "message": "y"})
    ecs.wait("images", ecs.do("CreateImage", InstanceId=instance)["ImageId"], "CreateFailed")


def test_export_and_import(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    image = made(ecs, InstanceId=instance)
    given = {"ImageId": image, "OSSBucket": "images", "OSSPrefix": "p1", "ImageFormat": "qcow2"}
    assert ecs.refused("ExportImage", **given) == ("NoSetRoletoECSServiceAcount", 403)
    for role in (EXPORT_ROLE, IMPORT_ROLE):
        ecs.act("add_role", name=role)
    assert ecs.refused("ExportImage", **given) == ("InvalidOSSBucket.NotFound", 400)
    ecs.act("add_bucket", name="images", region="cn-beijing")
    assert ecs.refused("ExportImage", **given) == ("InvalidOSSBucket.NotMatched", 400)
    ecs.act("add_bucket", name="images", region="cn-hangzhou")
    assert ecs.refused("ExportImage", **{**given, "ImageFormat": "zip"}) == ("InvalidImageFormat.Malformed", 400)
    assert ecs.refused("ExportImage", **{**given, "OSSPrefix": "a/b"}) == ("InvalidOSSPrefix.Malformed", 400)
    ecs.control.settings(operation_s_of={"ExportImage": 0.1})
    task = ecs.do("ExportImage", **given)["TaskId"]
    assert ecs.refused("ExportImage", **given) == ("ImageIsExporting", 403)
    assert ecs.do("DescribeTasks", TaskIds=task)["TaskSet"]["Task"][0]["TaskStatus"] == "Processing"
    assert ecs.do("DescribeTaskAttribute", TaskId=task)["TaskProcess"] == "50%"
    while ecs.do("DescribeTaskAttribute", TaskId=task)["TaskStatus"] == "Processing":
        pass
    objects = ecs.control.state()["objects"]
    assert [item["object"].endswith(".qcow2") for item in objects] == [True, True]
    mapping = {"OSSBucket": "images", "OSSObject": objects[0]["object"], "Format": "QCOW2", "DiskImageSize": "40"}
    back = ecs.do("ImportImage", ImageName="back", DiskDeviceMappings=[mapping])
    ecs.wait("images", back["ImageId"], "Available")
    assert ecs.refused("ImportImage", DiskDeviceMappings=[{**mapping, "OSSObject": "none.raw"}]) == ("InvalidOSSObject.NotFound", 400)
    assert ecs.refused("ImportImage", DiskDeviceMappings=[{**mapping, "Format": "ZIP"}]) == ("InvalidImageFormat.Malformed", 400)
    assert ecs.refused("ImportImage") == ("MissingParameter.DiskDeviceMapping", 403)


def test_format_cannot_be_chosen_everywhere(ecs: Api) -> None:
    far = ecs.other("us-east-1")
    ecs.act("add_role", name=EXPORT_ROLE)
    ecs.act("add_bucket", name="far", region="us-east-1")
    vm = ecs.act("add_instance", name="far", region="us-east-1")
    image = far.do("CreateImage", InstanceId=vm["instance_id"])["ImageId"]
    ecs.wait("images", image, "Available")
    assert far.refused("ExportImage", ImageId=image, OSSBucket="far", ImageFormat="vhd") == ("InvalidImageFormat.RegionNotSupported", 400)
    far.do("ExportImage", ImageId=image, OSSBucket="far")
