# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots, their copies, locks and groups: what is made, and what is refused."""

from __future__ import annotations

import json

import pytest

from .conftest import Api, until


def test_snapshot_has_the_bytes_of_its_creation(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    snapshot = ecs.do("CreateSnapshot", DiskId=disks[1], SnapshotName="nightly", Description="for tests", RetentionDays=3, Tags=[{"Key": "a", "Value": "b"}])[
        "SnapshotId"
    ]
    ecs.act("guest_write", disk=disks[1], text="later!")
    ecs.wait("snapshots", snapshot, "accomplished")
    shown = ecs.do("DescribeSnapshots", SnapshotIds=json.dumps([snapshot]))["Snapshots"]["Snapshot"][0]
    assert (shown["SnapshotName"], shown["Description"], shown["RetentionDays"], shown["SourceDiskSize"]) == ("nightly", "for tests", 3, "40")
    assert (shown["Progress"], shown["Available"], shown["SourceDiskId"], shown["SourceDiskType"]) == ("100%", True, disks[1], "data")
    assert shown["Tags"]["Tag"] == [{"TagKey": "a", "TagValue": "b"}]
    assert ecs.act("digest", id=snapshot) != ecs.act("digest", id=disks[1])
    made = ecs.do("CreateDisk", ZoneId="cn-hangzhou-h", SnapshotId=snapshot, DiskCategory="cloud_essd")["DiskId"]
    ecs.wait("disks", made, "Available")
    assert ecs.read(made) == "web-1-1"


def test_snapshot_in_creation(ecs: Api) -> None:
    instance, disks = ecs.vm(parts=[{}, {"Category": "cloud_ssd"}])
    ecs.control.settings(operation_s_of={"CreateSnapshot": 60})
    early, late = (ecs.do("CreateSnapshot", DiskId=disk)["SnapshotId"] for disk in disks)
    shown = {item["SnapshotId"]: item for item in ecs.do("DescribeSnapshots")["Snapshots"]["Snapshot"]}
    assert {item["Status"] for item in shown.values()} == {"progressing"}
    # Only a snapshot of an ESSD can be used before it is accomplished.
    assert (shown[early]["Available"], shown[late]["Available"]) == (True, False)
    assert ecs.refused("CreateSnapshot", DiskId=disks[0]) == ("IncorrectDiskStatus.CreatingSnapshot", 403)
    assert ecs.refused("ModifySnapshotAttribute", SnapshotId=early, SnapshotName="new-name") == ("InvalidSnapshotId.NotReady", 400)
    assert ecs.refused("CreateImage", SnapshotId=early) == ("InvalidSnapshotId.NotReady", 403)
    copy = {"DestinationRegionId": "cn-beijing", "DestinationSnapshotName": "copy", "DestinationSnapshotDescription": "copy"}
    assert ecs.refused("CopySnapshot", SnapshotId=early, **copy) == ("InvalidSnapshotId.NotReady", 403)
    assert ecs.refused("CreateDisk", ZoneId="cn-hangzhou-h", SnapshotId=late) == ("InvalidSnapshotId.NotReady", 403)
    ecs.control.settings(operation_s_of={})
    ecs.stopped(instance)
    assert [item["kind"] for item in ecs.act("violations")] == ["power_in_snapshot", "power_in_snapshot"]
    assert ecs.refused("ResetDisk", DiskId=disks[1], SnapshotId=late) == ("InvalidSnapshotId.NotReady", 403)
    assert ecs.refused("ResetDisk", DiskId=disks[0], SnapshotId=early) == ("IncorrectDiskStatus.HasUnfinishedSnapshot", 403)
    # Deleting it cancels it.
    ecs.do("DeleteSnapshot", SnapshotId=early)
    assert ecs.find("snapshots", early) is None


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ({"SnapshotName": "auto-1"}, ("InvalidSnapshotName.Malformed", 400)),
        ({"SnapshotName": "1st"}, ("InvalidSnapshotName.Malformed", 400)),
        ({"SnapshotName": "http://x"}, ("InvalidSnapshotName.Malformed", 400)),
        ({"Description": "x"}, ("InvalidDescription.Malformed", 404)),
        ({"Description": "https://x"}, ("InvalidDescription.Malformed", 404)),
        ({"RetentionDays": 0}, ("InvalidRetentionDays.Malformed", 400)),
        ({"RetentionDays": 65537}, ("InvalidRetentionDays.Malformed", 400)),
        ({"Tags": [{"Key": "acs:x", "Value": ""}]}, ("InvalidTagKey.Malformed", 400)),
        ({"Tags": [{"Key": "aliyun", "Value": ""}]}, ("InvalidTagKey.Malformed", 400)),
        ({"Tags": [{"Key": "x", "Value": "http://x"}]}, ("InvalidTagValue.Malformed", 400)),
        ({"Tags": [{"Key": "x", "Value": "v" * 129}]}, ("InvalidTagValue.Malformed", 400)),
        ({"Tags": [{"Key": "x", "Value": "1"}, {"Key": "x", "Value": "2"}]}, ("Duplicate.TagKey", 400)),
        ({"Tags": [{"Key": "x", "Value": "1"}, {"Key": "X", "Value": "2"}]}, ("TagKey.Duplication", 403)),
        ({"Tags": [{"Key": f"k{number}", "Value": ""} for number in range(21)]}, ("QuotaExceed.Tags", 403)),
        ({"ClientToken": "x" * 65}, ("InvalidParameter", 400)),
        ({"DiskId": "d-unknown"}, ("InvalidDiskId.NotFound", 404)),
    ],
)
def test_malformed_snapshot_is_refused(ecs: Api, values: dict[str, object], answer: tuple[str, int]) -> None:
    _instance, disks = ecs.vm()
    assert ecs.refused("CreateSnapshot", **{"DiskId": disks[0], **values}) == answer
    assert ecs.control.state()["snapshots"] == []


def test_disks_that_cannot_be_backed_up(ecs: Api) -> None:
    instance, disks = ecs.vm()
    loose = ecs.act("add_disk", name="loose")["disk_id"]
    assert ecs.refused("CreateSnapshot", DiskId=loose) == ("IncorrectDiskStatus.NeverAttached", 403)
    ecs.act("set_fields", kind="disks", id=loose, hidden={"was_attached": True})
    assert ecs.refused("CreateSnapshot", DiskId=loose) == ("IncorrectDiskStatus.NeverUsed", 403)
    ecs.act("set_fields", kind="disks", id=loose, fields={"Status": "Detaching"})
    assert ecs.refused("CreateSnapshot", DiskId=loose) == ("IncorrectDiskStatus", 403)
    ecs.act("set_fields", kind="disks", id=loose, fields={"Category": "local_ssd"})
    assert ecs.refused("CreateSnapshot", DiskId=loose) == ("DiskCategory.OperationNotSupported", 400)
    ecs.act("set_fields", kind="instances", id=instance, fields={"Status": "Stopping"})
    assert ecs.refused("CreateSnapshot", DiskId=disks[0]) == ("IncorrectInstanceStatus", 403)
    ecs.act("set_fields", kind="instances", id=instance, fields={"Status": "Running", "OperationLocks": {"LockReason": [{"LockReason": "security"}]}})
    assert ecs.refused("CreateSnapshot", DiskId=disks[0]) == ("InstanceLockedForSecurity", 403)


def test_quota_of_a_disk(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    ecs.control.settings(quotas={"snapshots_per_disk": 1})
    ecs.snapshot(disks[0])
    assert ecs.refused("CreateSnapshot", DiskId=disks[0]) == ("QuotaExceed.Snapshot", 403)


def test_change(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    snapshot = ecs.snapshot(disks[0], RetentionDays=5)
    ecs.do("ModifySnapshotAttribute", SnapshotId=snapshot, SnapshotName="other", Description="", RetentionDays=6)
    assert ecs.find("snapshots", snapshot)["SnapshotName"] == "other"  # type: ignore[index]
    assert ecs.refused("ModifySnapshotAttribute", SnapshotId=snapshot, RetentionDays=5) == ("InvalidOperation.DecreaseRetentionDaysUnsupported", 400)
    assert ecs.refused("ModifySnapshotAttribute", SnapshotId=snapshot) == ("NoAttributeToModify", 400)
    assert ecs.refused("ModifySnapshotAttribute", SnapshotId="s-unknown", SnapshotName="other") == ("InvalidSnapshotId.NotFound", 404)


def test_snapshot_goes_when_its_days_are_over(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    short, long = ecs.snapshot(disks[0], RetentionDays=1), ecs.snapshot(disks[1], RetentionDays=2)
    ecs.control.advance(86401)
    assert [item["id"] for item in ecs.control.state()["snapshots"]] == [long]
    assert ecs.do("DescribeSnapshots", SnapshotIds=json.dumps([short]))["Snapshots"]["Snapshot"] == []


def test_delete(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    snapshot = ecs.snapshot(disks[0])
    made = ecs.do("CreateDisk", ZoneId="cn-hangzhou-h", SnapshotId=snapshot, DiskCategory="cloud_essd")["DiskId"]
    assert ecs.refused("DeleteSnapshot", SnapshotId=snapshot) == ("SnapshotCreatedDisk", 403)
    image = ecs.do("CreateImage", SnapshotId=snapshot)["ImageId"]
    ecs.wait("images", image, "Available")
    assert ecs.do("DescribeSnapshots")["Snapshots"]["Snapshot"][0]["Usage"] == "image_disk"
    assert ecs.refused("DeleteSnapshot", SnapshotId=snapshot, Force="true") == ("SnapshotCreatedImage", 403)
    ecs.do("DeleteImage", ImageId=image)
    ecs.do("DeleteSnapshot", SnapshotId=snapshot, Force="true")
    assert ecs.find("snapshots", snapshot) is None
    assert ecs.find("disks", made)
    ecs.do("DeleteSnapshot", SnapshotId=snapshot)
    ecs.control.settings(delete_unknown_ok=False)
    assert ecs.refused("DeleteSnapshot", SnapshotId=snapshot) == ("InvalidSnapshotId.NotFound", 404)


def test_list_takes_all_filters_at_once(ecs: Api) -> None:
    instance, disks = ecs.vm()
    other, _other_disks = ecs.vm("web-2")
    first = ecs.snapshot(disks[0], SnapshotName="first", Tags=[{"Key": "set", "Value": "1"}])
    second = ecs.snapshot(disks[1], SnapshotName="second", Tags=[{"Key": "set", "Value": "2"}])

    def names(**values: object) -> set[str]:
        return {item["SnapshotId"] for item in ecs.do("DescribeSnapshots", **values)["Snapshots"]["Snapshot"]}

    assert names(InstanceId=instance) == {first, second}
    assert names(InstanceId=other) == set()
    assert names(DiskId=disks[0]) == {first}
    assert names(SnapshotName="second") == {second}
    assert names(Tags=[{"Key": "set", "Value": ""}]) == {first, second}
    assert names(Tags=[{"Key": "set", "Value": "1"}], DiskId=disks[1]) == set()
    assert names(Status="failed") == set()
    assert names(SnapshotType="auto") == set()
    assert names(SnapshotIds=json.dumps(["s-unknown", first])) == {first}
    assert names(extra={"Filter.1.Key": "CreationStartTime", "Filter.1.Value": "2099-01-01T00:00Z"}) == set()


def test_copy_lives_in_the_other_region(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    source = ecs.snapshot(disks[0])
    given = {"SnapshotId": source, "DestinationRegionId": "cn-beijing", "DestinationSnapshotName": "copy", "DestinationSnapshotDescription": "a copy"}
    ecs.control.settings(operation_s_of={"CopySnapshot": 0.2})
    copy = ecs.do("CopySnapshot", **given)["SnapshotId"]
    assert ecs.refused("CopySnapshot", **given) == ("InvalidOperation.UnfinishedCrossRegionCopy", 403)
    assert ecs.refused("DeleteSnapshot", SnapshotId=source) == ("InvalidOperation.RelatedSnapshotNotFinished", 403)
    ecs.wait("snapshots", copy, "accomplished")
    assert ecs.do("DescribeSnapshots", SnapshotIds=json.dumps([copy]))["Snapshots"]["Snapshot"] == []
    beijing = ecs.other("cn-beijing")
    shown = beijing.do("DescribeSnapshots", SnapshotIds=json.dumps([copy]))["Snapshots"]["Snapshot"][0]
    assert (shown["SourceSnapshotId"], shown["SourceRegionId"], shown["RegionId"]) == (source, "cn-hangzhou", "cn-beijing")
    assert ecs.act("digest", id=copy) == ecs.act("digest", id=source)
    assert ecs.refused("CopySnapshot", **{**given, "DestinationRegionId": "cn-hangzhou"}) == ("InvalidOperation.NotSupportCopyInSameRegion", 403)
    assert ecs.refused("CopySnapshot", **{**given, "SnapshotId": "s-unknown"}) == ("InvalidSnapshotId.NotFound", 403)
    assert ecs.refused("CopySnapshot", **{**given, "DestinationRegionId": "mars-1"}) == ("InvalidRegionId.NotExists", 403)


def test_lock(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    snapshot = ecs.snapshot(disks[0])
    given = {"SnapshotId": snapshot, "LockMode": "compliance", "LockDuration": 2, "CoolOffPeriod": 1}
    ecs.do("LockSnapshot", **given)
    shown = ecs.do("DescribeLockedSnapshots")["LockedSnapshotsInfo"][0]
    assert (shown["SnapshotId"], shown["LockStatus"]) == (snapshot, "compliance-cooloff")
    assert ecs.refused("DeleteSnapshot", SnapshotId=snapshot) == ("OperationDenied.SnapshotLocked", 403)
    ecs.do("UnlockSnapshot", SnapshotId=snapshot)
    ecs.do("LockSnapshot", **given)
    ecs.control.advance(3601)
    assert ecs.refused("UnlockSnapshot", SnapshotId=snapshot) == ("InvalidOperation.CoolOffPeriodExpired", 403)
    assert ecs.do("DescribeLockedSnapshots", LockStatus="compliance")["LockedSnapshotsInfo"]
    ecs.control.advance(2 * 86400)
    assert ecs.do("DescribeLockedSnapshots")["LockedSnapshotsInfo"][0]["LockStatus"] == "expired"
    ecs.do("DeleteSnapshot", SnapshotId=snapshot)
    assert ecs.refused("LockSnapshot", **{**given, "LockDuration": 36501}) == ("InvalidParameter", 400)


def test_group_holds_all_disks_at_one_moment(ecs: Api) -> None:
    instance, disks = ecs.vm(disks=3)
    group = ecs.do("CreateSnapshotGroup", InstanceId=instance, Name="nightly", ExcludeDiskIds=[disks[2]], Tags=[{"Key": "a", "Value": "b"}])["SnapshotGroupId"]
    ecs.wait("snapshot_groups", group, "accomplished")
    shown = ecs.do("DescribeSnapshotGroups", SnapshotGroupIds=[group])["SnapshotGroups"]["SnapshotGroup"][0]
    assert shown["Tags"]["Tag"] == [{"Key": "a", "Value": "b"}]
    members = shown["Snapshots"]["Snapshot"]
    assert [item["SourceDiskId"] for item in members] == disks[:2]
    assert {"Key": "acs:ecs:createFrom", "Value": group} in members[0]["Tags"]["Tag"]
    image = ecs.do("CreateImage", SnapshotId=members[0]["SnapshotId"])["ImageId"]
    ecs.wait("images", image, "Available")
    progress = ecs.do("DeleteSnapshotGroup", SnapshotGroupId=group)["OperationProgressSet"]["OperationProgress"]
    assert [(item["OperationStatus"], item["ErrorCode"]) for item in progress] == [("Failed", "SnapshotCreatedImage"), ("Success", "")]
    assert len(ecs.do("DescribeSnapshotGroups")["SnapshotGroups"]["SnapshotGroup"][0]["Snapshots"]["Snapshot"]) == 1
    assert ecs.refused("DeleteSnapshotGroup", SnapshotGroupId=group) == ("SnapshotCreatedImage", 403)
    ecs.do("DeleteImage", ImageId=image)
    ecs.do("DeleteSnapshotGroup", SnapshotGroupId=group)
    assert ecs.refused("DeleteSnapshotGroup", SnapshotGroupId=group) == ("InvalidSnapshotGroup.NotFound", 404)


def test_groups_that_are_refused(ecs: Api) -> None:
    instance, disks = ecs.vm(parts=[{}, {"Category": "cloud_ssd"}])
    _old, old_disks = ecs.vm("old", parts=[{"Category": "cloud_efficiency"}])
    assert ecs.refused("CreateSnapshotGroup", InstanceId=instance) == ("InvalidDisk.DiskCategoryInconsistent", 400)
    assert ecs.refused("CreateSnapshotGroup", DiskIds=old_disks) == ("DiskCategory.OperationNotSupported", 400)
    assert ecs.refused("CreateSnapshotGroup", DiskIds=disks, ExcludeDiskIds=disks) == ("InvalidParam.ExcludeDiskIdsAndDiskIds.Conflict", 400)
    assert ecs.refused("CreateSnapshotGroup", ExcludeDiskIds=disks) == ("MissingParamter.InstanceId", 400)
    assert ecs.refused("CreateSnapshotGroup", InstanceId=instance, ExcludeDiskIds=disks) == ("InvalidInstance.NoDisk", 403)
    assert ecs.refused("CreateSnapshotGroup", InstanceId="i-unknown") == ("InvalidInstanceId.NotFound", 404)
    assert ecs.refused("CreateSnapshotGroup", DiskIds=disks[:1], Name="1") == ("InvalidParameter.Name", 400)
    assert ecs.refused("ModifySnapshotGroup", SnapshotGroupId="ssg-1", Name="name") == ("InvalidSnapshotGroup.NotFound", 404)
    ecs.control.settings(quotas={"group_disks": 0})
    assert ecs.refused("CreateSnapshotGroup", DiskIds=disks[:1]) == ("NumberExceed.TooManyDisks", 403)
    ecs.act("set_fields", kind="disks", id=disks[0], fields={"MultiAttach": "Enabled"})
    assert ecs.refused("CreateSnapshotGroup", DiskIds=disks[:1]) == ("InvalidOperation.MultiAttachDisk", 403)


def test_disk_that_goes_takes_its_unfinished_snapshot_along(ecs: Api) -> None:
    instance, disks = ecs.vm()
    kept = ecs.snapshot(disks[1])
    ecs.control.settings(operation_s_of={"CreateSnapshot": 60})
    lost = ecs.do("CreateSnapshot", DiskId=disks[1])["SnapshotId"]
    ecs.do("DeleteInstance", InstanceId=instance, Force="true")
    until(lambda: ecs.find("instances", instance) is None)
    assert ecs.find("snapshots", kept)
    assert ecs.find("snapshots", lost) is None
