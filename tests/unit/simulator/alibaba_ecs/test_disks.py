# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks: made, attached, changed, rolled back; and what is refused."""

from __future__ import annotations

import json
import time

import pytest

from .conftest import Api

ZONE = "cn-hangzhou-h"


def shown(ecs: Api, disk: str) -> dict[str, object]:
    return dict(ecs.do("DescribeDisks", DiskIds=json.dumps([disk]))["Disks"]["Disk"][0])


def test_disk_is_made_attached_detached_and_deleted(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    disk = ecs.do("CreateDisk", ZoneId=ZONE, Size=30, DiskCategory="cloud_essd", DiskName="data-2", Tags=[{"Key": "a", "Value": "b"}])["DiskId"]
    ecs.wait("disks", disk, "Available")
    ecs.do("AttachDisk", InstanceId=instance, DiskId=disk, DeleteWithInstance="true")
    ecs.wait("disks", disk, "In_use")
    data = shown(ecs, disk)
    assert (data["InstanceId"], data["Device"], data["Size"], data["DeleteWithInstance"]) == (instance, "/dev/xvdc", 30, True)
    assert ecs.refused("AttachDisk", InstanceId=instance, DiskId=disk) == ("InvalidDisk.InUse", 404)
    assert ecs.refused("DeleteDisk", DiskId=disk) == ("IncorrectDiskStatus", 403)
    ecs.do("DetachDisk", InstanceId=instance, DiskId=disk)
    ecs.wait("disks", disk, "Available")
    assert ecs.refused("DetachDisk", InstanceId=instance, DiskId=disk) == ("InvalidDisk.AlreadyDetached", 404)
    ecs.do("DeleteDisk", DiskId=disk)
    assert ecs.refused("DeleteDisk", DiskId=disk) == ("InvalidDiskId.NotFound", 404)


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ({"InstanceId": "i-1"}, ("InvalidParam.ZoneIdAndInstanceId.Conflict", 403)),
        ({"ZoneId": "mars-a"}, ("InvalidZoneId.NotFound", 404)),
        ({"Size": 1}, ("InvalidDiskSize.NotSupported", 400)),
        ({"DiskCategory": "cloud_floppy"}, ("InvalidDiskCategory.NotSupported", 400)),
        ({"DiskName": "1"}, ("InvalidDiskName.Malformed", 400)),
        ({"SnapshotId": "s-unknown"}, ("InvalidSnapshotId.NotFound", 404)),
    ],
)
def test_malformed_disk_is_refused(ecs: Api, values: dict[str, object], answer: tuple[str, int]) -> None:
    assert ecs.refused("CreateDisk", **{"ZoneId": ZONE, "Size": 40, "DiskCategory": "cloud_essd", **values}) == answer


def test_disk_without_size_or_place_is_refused(ecs: Api) -> None:
    assert ecs.refused("CreateDisk", ZoneId=ZONE) == ("MissingParameter", 400)
    assert ecs.refused("CreateDisk", Size=40) == ("MissingParameter", 400)


def test_disk_of_a_snapshot_is_at_least_as_large(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    snapshot = ecs.snapshot(disks[0])
    small, large = (ecs.do("CreateDisk", ZoneId=ZONE, SnapshotId=snapshot, DiskCategory="cloud_essd", Size=size)["DiskId"] for size in (20, 60))
    assert (shown(ecs, small)["Size"], shown(ecs, large)["Size"]) == (40, 60)
    assert shown(ecs, small)["SourceSnapshotId"] == snapshot


def test_attaching_that_is_refused(ecs: Api) -> None:
    instance, disks = ecs.vm()
    far = ecs.act("add_disk", name="far", zone="cn-hangzhou-i")["disk_id"]
    near = ecs.act("add_disk", name="near")["disk_id"]
    assert ecs.refused("AttachDisk", InstanceId=instance, DiskId=far) == ("ResourcesNotInSameZone", 403)
    assert ecs.refused("AttachDisk", InstanceId=instance, DiskId="d-unknown") == ("InvalidDiskId.NotFound", 404)
    assert ecs.refused("AttachDisk", InstanceId=instance, DiskId=near, Bootable="true") == ("InvalidDisk.DiskNotBootable", 400)
    ecs.control.settings(quotas={"disks_per_instance": 2})
    assert ecs.refused("AttachDisk", InstanceId=instance, DiskId=near) == ("InstanceDiskLimitExceeded", 403)
    ecs.control.reset_settings()
    ecs.act("set_fields", kind="disks", id=disks[1], fields={"Portable": False})
    assert ecs.refused("DetachDisk", InstanceId=instance, DiskId=disks[1]) == ("DiskNotPortable", 403)
    assert ecs.refused("ModifyDiskAttribute", DiskId=disks[1], DeleteWithInstance="false") == ("DiskNotPortable", 403)
    assert ecs.refused("DetachDisk", InstanceId=instance, DiskId=disks[0]) == ("IncorrectInstanceStatus", 403)
    for reason, code in (("security", "InstanceLockedForSecurity"), ("financial", "InstanceExpiredOrInArrears")):
        ecs.act("set_fields", kind="instances", id=instance, fields={"OperationLocks": {"LockReason": [{"LockReason": reason}]}})
        assert ecs.refused("AttachDisk", InstanceId=instance, DiskId=near) == (code, 403)
    ecs.act("set_fields", kind="instances", id=instance, fields={"Status": "Starting", "OperationLocks": {"LockReason": []}})
    assert ecs.refused("AttachDisk", InstanceId=instance, DiskId=near) == ("IncorrectInstanceStatus", 400)


def test_system_disk_only_comes_back_to_its_own_instance(ecs: Api) -> None:
    instance, disks = ecs.vm()
    other, other_disks = ecs.vm("web-2")
    for identity, disk in ((instance, disks[0]), (other, other_disks[0])):
        ecs.stopped(identity)
        ecs.do("DetachDisk", InstanceId=identity, DiskId=disk)
        ecs.wait("disks", disk, "Available")
    assert ecs.refused("DeleteDisk", DiskId=disks[0]) == ("InvalidDiskStatus.DeleteProtection", 403)
    assert ecs.refused("StartInstance", InstanceId=instance) == ("InvalidInstance.NotFoundSystemDisk", 400)
    assert ecs.refused("ReplaceSystemDisk", InstanceId=instance, ImageId="x") == ("InvalidInstance.NotFoundSystemDisk", 400)
    assert ecs.refused("CreateImage", InstanceId=instance) == ("InvalidInstance.NotFoundSystemDisk", 400)
    given = {"InstanceId": instance, "Bootable": "true"}
    assert ecs.refused("AttachDisk", DiskId=other_disks[0], Password="x", **given) == ("InvalidInstance.NotOriginInstance", 400)
    assert ecs.refused("AttachDisk", DiskId=disks[0], **given) == ("InvalidParameter.AllEmpty", 400)
    ecs.do("AttachDisk", DiskId=disks[0], Password="Secret-1", **given)
    ecs.wait("disks", disks[0], "In_use")
    assert shown(ecs, disks[0])["Type"] == "system"
    ecs.do("StartInstance", InstanceId=instance)


def test_change(ecs: Api) -> None:
    instance, disks = ecs.vm()
    ecs.do("ModifyDiskAttribute", DiskId=disks[0], DeleteWithInstance="false", DiskName="kept")
    assert (shown(ecs, disks[0])["DeleteWithInstance"], shown(ecs, disks[0])["DiskName"]) == (False, "kept")
    assert ecs.refused("ModifyDiskAttribute", DiskId=disks[0]) == ("NoAttributeToModify", 400)
    assert ecs.refused("ModifyDiskAttribute", DiskName="name") == ("MissingParameter.DiskIdOrDiskIds", 400)
    ecs.do("DeleteInstance", InstanceId=instance, Force="true")
    assert ecs.find("disks", disks[1]) is None
    assert shown(ecs, disks[0])["Status"] == "Available"


def test_roll_back(ecs: Api) -> None:
    instance, disks = ecs.vm()
    snapshot, foreign = ecs.snapshot(disks[1]), ecs.snapshot(disks[0])
    ecs.act("guest_write", disk=disks[1], text="changed")
    given = {"DiskId": disks[1], "SnapshotId": snapshot}
    assert ecs.refused("ResetDisk", **given) == ("IncorrectInstanceStatus", 403)
    ecs.stopped(instance)
    assert ecs.refused("ResetDisk", DiskId=disks[1], SnapshotId=foreign) == ("InvalidParameter.Mismatch", 403)
    assert ecs.refused("ResetDisk", DiskId=disks[1], SnapshotId="s-unknown") == ("InvalidSnapshotId.NotFound", 404)
    assert ecs.refused("ResetDisk", DryRun="true", **given) == ("DryRunOperation", 400)
    assert ecs.read(disks[1]) == "changed"
    ecs.control.settings(operation_s_of={"ResetDisk": 0.2})
    ecs.do("ResetDisk", **given)
    assert shown(ecs, disks[1])["Status"] == "ReIniting"
    assert ecs.refused("ResetDisk", **given) == ("Operation.Conflict", 403)
    assert ecs.refused("StartInstance", InstanceId=instance) == ("IncorrectInstanceStatus", 403)
    ecs.wait("disks", disks[1], "In_use")
    assert ecs.read(disks[1]) == "web-1-1"


def test_roll_back_may_begin_late_and_not_show(ecs: Api) -> None:
    instance, disks = ecs.vm()
    snapshot = ecs.snapshot(disks[1])
    ecs.act("guest_write", disk=disks[1], text="changed")
    ecs.stopped(instance)
    ecs.control.settings(reset_begins_after_s=0.15, reset_status="")
    ecs.do("ResetDisk", DiskId=disks[1], SnapshotId=snapshot)
    assert (shown(ecs, disks[1])["Status"], ecs.read(disks[1])) == ("In_use", "changed")
    time.sleep(0.25)
    assert (shown(ecs, disks[1])["Status"], ecs.read(disks[1])) == ("In_use", "web-1-1")


def test_start_before_a_roll_back_begins_loses_it(ecs: Api) -> None:
    instance, disks = ecs.vm()
    snapshot = ecs.snapshot(disks[1])
    ecs.act("guest_write", disk=disks[1], text="changed")
    ecs.stopped(instance)
    ecs.control.settings(reset_begins_after_s=0.1)
    ecs.do("ResetDisk", DiskId=disks[1], SnapshotId=snapshot)
    ecs.do("StartInstance", InstanceId=instance)
    time.sleep(0.2)
    assert ecs.read(disks[1]) == "changed"
    assert [item["kind"] for item in ecs.act("violations")] == ["reset_lost"]


def test_bytes_that_are_to_be_kept_are_missed(ecs: Api) -> None:
    instance, disks = ecs.vm()
    snapshot = ecs.snapshot(disks[1])
    ecs.act("guest_write", disk=disks[1], text="changed")
    ecs.act("watch", instance=instance, lock=False)
    ecs.stopped(instance)
    ecs.do("ResetDisk", DiskId=disks[1], SnapshotId=snapshot)
    ecs.wait("disks", disks[1], "In_use")
    assert [item["kind"] for item in ecs.act("violations")] == ["bytes_lost"]


def test_locks_of_the_service_refuse_a_roll_back(ecs: Api) -> None:
    instance, disks = ecs.vm()
    snapshot = ecs.snapshot(disks[1])
    ecs.stopped(instance)
    for reason, code in (("security", "InstanceLockedForSecurity"), ("financial", "InstanceExpiredOrInArrears")):
        ecs.act("set_fields", kind="instances", id=instance, fields={"OperationLocks": {"LockReason": [{"LockReason": reason}]}})
        assert ecs.refused("ResetDisk", DiskId=disks[1], SnapshotId=snapshot) == (code, 403)
        if reason == "security":
            assert ecs.refused("DetachDisk", InstanceId=instance, DiskId=disks[1]) == (code, 403)
    # Snapshots and detaching work in arrears.
    ecs.snapshot(disks[0])
    ecs.do("DetachDisk", InstanceId=instance, DiskId=disks[1])


def test_several_at_once_fail_one_by_one(ecs: Api) -> None:
    instance, disks = ecs.vm()
    first, second = ecs.snapshot(disks[0]), ecs.snapshot(disks[1])
    ecs.stopped(instance)
    pairs = [{"DiskId": disks[0], "SnapshotId": first}, {"DiskId": disks[1], "SnapshotId": first}]
    progress = ecs.do("ResetDisks", Disks=pairs)["OperationProgressSet"]["OperationProgress"]
    assert [(item["OperationStatus"], item["ErrorCode"]) for item in progress] == [("Success", ""), ("Failed", "InvalidParameter.Mismatch")]
    assert second
    ecs.wait("disks", disks[0], "In_use")
    ecs.act("guest_write", disk=disks[0], text="changed")
    ecs.do("ReInitDisk", DiskId=disks[0])
    ecs.wait("disks", disks[0], "In_use")
    assert ecs.read(disks[0]) == "web-1-0"


def test_multi_attach(ecs: Api) -> None:
    first, _disks = ecs.vm()
    second, _more = ecs.vm("web-2")
    shared = ecs.act("add_disk", name="shared", fields={"MultiAttach": "Enabled"})["disk_id"]
    for instance in (first, second):
        ecs.do("AttachDisk", InstanceId=instance, DiskId=shared)
        ecs.wait("disks", shared, "In_use")
    assert len(shown(ecs, shared)["Attachments"]["Attachment"]) == 2  # type: ignore[index]
    assert ecs.refused("ModifyDiskAttribute", DiskId=shared, DeleteWithInstance="true") == ("DeleteWithInstance.Conflict", 403)


def test_replaced_system_disk_is_another_one(ecs: Api) -> None:
    instance, disks = ecs.vm()
    snapshot, data = ecs.snapshot(disks[0]), ecs.snapshot(disks[1])
    image = ecs.do("CreateImage", SnapshotId=snapshot)["ImageId"]
    ecs.wait("images", image, "Available")
    assert ecs.refused("ReplaceSystemDisk", InstanceId=instance, ImageId=image) == ("IncorrectInstanceStatus", 403)
    ecs.stopped(instance)
    both = ecs.do("CreateImage", DiskDeviceMappings=[{"SnapshotId": snapshot}, {"SnapshotId": data}])["ImageId"]
    ecs.wait("images", both, "Available")
    assert ecs.refused("ReplaceSystemDisk", InstanceId=instance, ImageId=both) == ("OperationDenied", 400)
    assert ecs.refused("ReplaceSystemDisk", InstanceId=instance, ImageId=image, SystemDiskSize=20) == ("InvalidSystemDiskSize.LessThanImageSize", 404)
    assert ecs.refused("ReplaceSystemDisk", InstanceId=instance, ImageId="m-unknown") == ("InvalidImageId.NotFound", 404)
    new = ecs.do("ReplaceSystemDisk", InstanceId=instance, ImageId=image)["DiskId"]
    assert (new != disks[0], ecs.find("disks", disks[0]), ecs.read(new)) == (True, None, "web-1-0")
    assert ecs.find("snapshots", snapshot)
    assert ecs.refused("ResetDisk", DiskId=new, SnapshotId=snapshot) == ("InvalidParameter.Mismatch", 403)


def test_disabled_key_refuses_everything_that_reads_the_disk(ecs: Api) -> None:
    instance, disks = ecs.vm(parts=[{}, {"Encrypted": True, "KMSKeyId": "key-1"}])
    snapshot = ecs.snapshot(disks[1])
    assert ecs.find("snapshots", snapshot)["KMSKeyId"] == "key-1"  # type: ignore[index]
    ecs.control.settings(disabled_keys=["key-1"])
    code = ("InvalidParameter.KMSKeyId.CMKNotEnabled", 403)
    assert ecs.refused("CreateSnapshot", DiskId=disks[1]) == code
    assert ecs.refused("StopInstance", InstanceId=instance) == code
    ecs.control.settings(disabled_keys=[])
    ecs.stopped(instance)
    ecs.control.settings(disabled_keys=["key-1"])
    assert ecs.refused("ResetDisk", DiskId=disks[1], SnapshotId=snapshot) == code
    ecs.do("DetachDisk", InstanceId=instance, DiskId=disks[1])
    ecs.wait("disks", disks[1], "Available")
    assert ecs.refused("AttachDisk", InstanceId=instance, DiskId=disks[1]) == code


def test_so_many_disks_are_detached_at_once(ecs: Api) -> None:
    instance, disks = ecs.vm(disks=3)
    ecs.control.settings(most_detaching=1, operation_s_of={"DetachDisk": 0.2})
    ecs.do("DetachDisk", InstanceId=instance, DiskId=disks[1])
    assert ecs.refused("DetachDisk", InstanceId=instance, DiskId=disks[2]) == ("DisksDetachingOnEcsExceeded", 400)
