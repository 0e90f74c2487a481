# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module snapshot on Alibaba Cloud ECS: made once, changed where the API can, deleted only as meant, copied to other regions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .bench import FAR_REGION, AlibabaBench

Make = Callable[..., AlibabaBench]


def names(bench: AlibabaBench) -> list[str]:
    return sorted(str(one["SnapshotName"]) for one in bench.all("snapshots"))


def test_disk_id_in_snapshot_id_out(bench: AlibabaBench) -> None:
    ran = bench.run("snapshot", source_disk=bench.disks[1])
    assert ran.changed
    (made,) = [one["SnapshotId"] for one in bench.all("snapshots")]
    assert ran["snapshot"]["uid"] == made
    assert ran["snapshot"]["status"] == "succeeded"
    assert ran["snapshot"]["source_disk"] == bench.disks[1]
    assert ran["snapshot"]["name"].startswith(f"{bench.disks[1]}-")


def test_snapshot_has_all_that_was_asked_for_and_is_made_once(bench: AlibabaBench) -> None:
    wanted = {"source_disk": bench.disks[1], "name": "before-upgrade", "description": "all of it", "tags": {"team": "web"}, "retention_days": 5}
    predicted = bench.run("snapshot", check=True, **wanted)
    assert predicted.changed
    assert not predicted.sent
    first = bench.run("snapshot", **wanted)
    assert first.sent == ["CreateSnapshot"]
    record = first["snapshot"]
    assert (record["name"], record["description"], record["tags"], record["retention_days"]) == ("before-upgrade", "all of it", {"team": "web"}, 5)
    assert record.keys() == predicted["snapshot"].keys()
    again = bench.run("snapshot", **wanted)
    assert not again.changed
    assert not again.sent


def test_name_description_tags_and_longer_retention_are_changed_and_system_tags_stay(bench: AlibabaBench) -> None:
    made = bench.run("snapshot", source_disk=bench.disks[1], name="one", tags={"a": "1"}, retention_days=5)["snapshot"]
    bench.act("set_fields", kind="snapshots", id=made["uid"], tags={"acs:ecs:createFrom": "x", "owner": "ops"})
    ran = bench.run("snapshot", source_disk=bench.disks[1], name="one", description="changed", tags={"a": "2"}, retention_days=9)
    assert ran.changed
    assert sorted(ran.sent) == ["ModifySnapshotAttribute", "TagResources"]
    renamed = bench.run("snapshot", uid=made["uid"], name="two")
    assert renamed.changed
    (there,) = bench.all("snapshots")
    assert (there["SnapshotName"], there["Description"], there["RetentionDays"]) == ("two", "changed", 9)
    assert there["tags"] == {"a": "2", "acs:ecs:createFrom": "x", "owner": "ops"}
    assert "acs:ecs:createFrom" not in renamed["snapshot"]["tags"]
    assert bench.run("snapshot", uid=made["uid"], name="two", retention_days=9).sent == []


def test_retention_cannot_be_shortened(bench: AlibabaBench) -> None:
    bench.run("snapshot", source_disk=bench.disks[1], name="one", retention_days=9)
    bench.run("snapshot", source_disk=bench.disks[1], name="ever")
    for name in ("one", "ever"):
        message = bench.refused(bench.run("snapshot", source_disk=bench.disks[1], name=name, retention_days=3), "Conflict")
        assert "retention_days" in message


def test_name_that_several_have_is_never_taken_for_the_first_of_them(bench: AlibabaBench) -> None:
    for disk in bench.disks[:2]:
        bench.call("CreateSnapshot", DiskId=disk, SnapshotName="twin")
    ids = [one["SnapshotId"] for one in bench.all("snapshots")]
    for operation in ("DELETE", "INSPECT_ONE", "CREATE"):
        source = {"source_disk": bench.disks[0]} if operation == "CREATE" else {}
        message = bench.refused(bench.run("snapshot", operation, name="twin", **source), "AmbiguousName")
        assert all(one in message for one in ids)
    assert bench.run("snapshot", "DELETE", uid=ids[0]).changed
    assert [one["SnapshotId"] for one in bench.all("snapshots")] == ids[1:]


def test_name_that_looks_like_an_id_is_a_name(bench: AlibabaBench) -> None:
    bench.run("snapshot", source_disk=bench.disks[1], name="s-nightly")
    assert not bench.run("snapshot", source_disk=bench.disks[1], name="s-nightly").changed
    assert bench.run("snapshot", "INSPECT_ONE", name="s-nightly")["snapshot"]["name"] == "s-nightly"


def test_snapshot_of_another_disk_under_the_name_is_a_conflict(bench: AlibabaBench) -> None:
    bench.run("snapshot", source_disk=bench.disks[1], name="one")
    assert bench.disks[1] in bench.refused(bench.run("snapshot", source_disk=bench.disks[2], name="one"), "Conflict")


def test_disk_is_found_by_its_name_unless_several_have_it(bench: AlibabaBench) -> None:
    assert bench.run("snapshot", source_disk="web-1-logs")["snapshot"]["source_disk"] == bench.disks[2]
    bench.act("add_disk", name="web-1-logs")
    assert "web-1-logs" not in bench.refused(bench.run("snapshot", source_disk="web-1-logs"), "AmbiguousName").partition(":")[0]
    bench.refused(bench.run("snapshot", source_disk="nothing"), "NotFound")


def test_min_age_finds_a_young_one(bench: AlibabaBench) -> None:
    first = bench.run("snapshot", source_disk=bench.disks[1])
    assert bench.run("snapshot", source_disk=bench.disks[1], min_age=10)["snapshot"]["uid"] == first["snapshot"]["uid"]
    assert len(names(bench)) == 1


def test_second_snapshot_of_a_disk_waits_for_the_one_that_is_being_made(make_bench: Make) -> None:
    bench = make_bench("cloud_efficiency", operation_s_of={"CreateSnapshot": 30})
    bench.call("CreateSnapshot", DiskId=bench.disks[1], SnapshotName="by-hand")
    ran = bench.run("snapshot", source_disk=bench.disks[1], name="ours")
    assert ran.changed
    assert names(bench) == ["by-hand", "ours"]


def test_wait_ends_when_it_is_accomplished_and_a_deadline_names_the_id(make_bench: Make) -> None:
    bench = make_bench(operation_s_of={"CreateSnapshot": 3000})
    ran = bench.run("snapshot", source_disk=bench.disks[1], name="slow", wait_timeout=60)
    (made,) = [one["SnapshotId"] for one in bench.all("snapshots")]
    assert ran.kind == "WaitTimeout"
    assert made in ran.message
    assert not bench.run("snapshot", source_disk=bench.disks[1], name="slow").sent
    assert bench.all("snapshots")[0]["Status"] == "accomplished"


def test_failed_snapshot_is_no_success(bench: AlibabaBench) -> None:
    bench.control.add_fault("operation", route="CreateSnapshot", error={"code": "x", "message": "x"})
    assert bench.run("snapshot", source_disk=bench.disks[1], name="bad").kind == "ProviderFailure"


def test_lost_answer_makes_no_second_one(bench: AlibabaBench) -> None:
    bench.control.add_fault("drop_after", route="CreateSnapshot")
    assert bench.run("snapshot", source_disk=bench.disks[1], name="one").changed
    assert names(bench) == ["one"]


# --- copies


def test_copies_are_awaited_in_their_regions_and_made_once(make_bench: Make) -> None:
    bench = make_bench(operation_s_of={"CopySnapshot": 120})
    wanted = {"source_disk": bench.disks[1], "name": "one", "copy_to_regions": [FAR_REGION, "cn-shanghai"], "tags": {"a": "b"}}
    predicted = bench.run("snapshot", check=True, **wanted)
    first = bench.run("snapshot", **wanted)
    assert sorted(first.sent) == ["CopySnapshot", "CopySnapshot", "CreateSnapshot"]
    assert [(one["region"], one["status"]) for one in first["snapshot"]["copies"]] == [(FAR_REGION, "accomplished"), ("cn-shanghai", "accomplished")]
    assert [one["region"] for one in predicted["snapshot"]["copies"]] == [one["region"] for one in first["snapshot"]["copies"]]
    again = bench.run("snapshot", **wanted)
    assert not again.changed
    assert not again.sent
    copies = [one for one in bench.all("snapshots") if one["region"] != "cn-hangzhou"]
    assert {one["Status"] for one in copies} == {"accomplished"}
    assert all(one["tags"]["a"] == "b" for one in copies)


def test_copy_that_failed_is_made_again_and_not_left(bench: AlibabaBench) -> None:
    wanted = {"source_disk": bench.disks[1], "name": "one", "copy_to_regions": [FAR_REGION]}
    bench.control.add_fault("operation", route="CopySnapshot", error={"code": "failed"})
    assert bench.run("snapshot", **wanted).kind == "ProviderFailure"
    assert bench.run("snapshot", **wanted).changed
    assert [one["Status"] for one in bench.all("snapshots")] == ["accomplished", "accomplished"]


def test_copy_of_which_no_answer_came_is_made_once(bench: AlibabaBench) -> None:
    bench.control.add_fault("drop_after", route="CopySnapshot")
    assert bench.run("snapshot", source_disk=bench.disks[1], name="one", copy_to_regions=[FAR_REGION]).changed
    assert len(bench.all("snapshots")) == 2


@pytest.mark.parametrize(
    "given",
    [
        {"copy_to_regions": ["cn-hangzhou"]},
        {"kms_key": "k-1"},
        {"copy_to_regions": [FAR_REGION], "wait": False},
        {"description": "x"},
        {"description": "https://x.example"},
        {"name": "auto-1"},
        {"name": "1-begins-with-a-digit"},
        {"tags": {"acs:x": "1"}},
        {"tags": {"mcr-vm": "1"}},
        {"tags": {"Env": "1", "env": "2"}},
        {"tags": {f"k{number}": "v" for number in range(9)}},
        {"uid": "not-an-id"},
        {"source_disk": None},
    ],
)
def test_what_cannot_be_is_refused_before_any_request(bench: AlibabaBench, given: dict[str, object]) -> None:
    ran = bench.run("snapshot", **{"source_disk": bench.disks[1], **given})
    assert ran.kind == "InvalidRequest"
    assert not ran.paths


# --- deletion


def test_locked_snapshot_is_refused_with_the_end_of_its_lock(bench: AlibabaBench) -> None:
    uid = bench.run("snapshot", source_disk=bench.disks[1], name="one")["snapshot"]["uid"]
    bench.call("LockSnapshot", SnapshotId=uid, LockMode="compliance", LockDuration=10, CoolOffPeriod=1)
    assert "locked until" in bench.refused(bench.run("snapshot", "DELETE", name="one"), "Conflict")
    many = bench.run("snapshot", "DELETE", source_disk=bench.disks[1], all_snapshots=True)
    assert not many.changed
    assert "locked" in many.message


def test_snapshot_that_a_disk_was_made_from_goes_only_with_force(bench: AlibabaBench) -> None:
    uid = bench.run("snapshot", source_disk=bench.disks[1], name="one")["snapshot"]["uid"]
    bench.call("CreateDisk", ZoneId="cn-hangzhou-h", SnapshotId=uid, DiskName="from-it", DiskCategory="cloud_essd")
    refused = bench.run("snapshot", "DELETE", name="one")
    assert (refused.kind, refused.error.code if refused.error else "") == ("Conflict", "SnapshotCreatedDisk")
    assert bench.run("snapshot", "DELETE", name="one", force=True).changed


def test_parts_of_backups_and_safety_points_are_left_to_what_they_belong_to(bench: AlibabaBench) -> None:
    bench.backup()
    bench.restore()
    points = {one["SnapshotId"]: one for one in bench.all("snapshots")}
    for uid in points:
        message = bench.refused(bench.run("snapshot", "DELETE", uid=uid), "Conflict")
        assert "backup" in message or "safety point of the restore" in message
    many = bench.run("snapshot", "DELETE", source_disk=bench.disks[1], all_snapshots=True)
    assert not many.changed
    assert len(bench.all("snapshots")) == len(points)


def test_schedules_snapshots_are_left_unless_included(bench: AlibabaBench) -> None:
    made = bench.run("snapshot", source_disk=bench.disks[1], name="one")["snapshot"]
    bench.act("set_fields", kind="snapshots", id=made["uid"], fields={"SnapshotType": "auto"})
    bench.refused(bench.run("snapshot", "DELETE", name="one"), "Conflict")
    assert bench.run("snapshot", "DELETE", name="one", include_scheduled=True).changed


def test_forty_snapshots_over_pages_of_which_some_are_empty(make_bench: Make) -> None:
    bench = make_bench(page_size=7, empty_pages=1)
    for number in range(40):
        bench.call("CreateSnapshot", DiskId=bench.disks[1], SnapshotName=f"n{number:02}")
    listed = bench.run("snapshot", "INSPECT_ALL", source_disk=bench.disks[1])
    assert sorted(one["name"] for one in listed["snapshots"]) == [f"n{number:02}" for number in range(40)]
    assert not bench.run("snapshot", source_disk=bench.disks[1], name="n39").changed
    kept = bench.run("snapshot", "DELETE", source_disk=bench.disks[1], retention={"keep_last": 5})
    assert kept.changed
    assert len(names(bench)) == 5
    assert not bench.run("snapshot", "DELETE", source_disk=bench.disks[1], retention={"keep_last": 5}).changed


def test_unknown_snapshot_is_absent_whichever_way_the_service_answers(make_bench: Make) -> None:
    for known in (True, False):
        ran = make_bench(delete_unknown_ok=known).run("snapshot", "DELETE", uid="s-bp1000000000000000000")
        assert not ran.changed
        assert not ran.sent
