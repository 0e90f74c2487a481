# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups and restores of instances on Alibaba Cloud ECS, and what others do before, during and after them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.connection import connect
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.machines import AlibabaMachines
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.signing import VPC
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import ProviderFailure

from .bench import DEVICES, FIRST, SECOND, TEXTS, VM, AlibabaBench

Make = Callable[..., AlibabaBench]
AFTER = ("SYSTEM", "DATA", "LOGS")
OLD = [*TEXTS]
NEW = [*AFTER]
LAGS = {"tag_lag_s": 3, "list_lag_s": 3, "reset_begins_after_s": 2, "empty_pages": 1, "operation_s": 1}


def saved(bench: AlibabaBench, **given: Any) -> AlibabaBench:
    """A backup of the instance, and other bytes written since."""
    bench.sleep(10)
    assert bench.backup(**given).changed
    # As long as what was there, so that nothing of it is left.
    bench.write(*[after.ljust(len(before), ".") for before, after in zip(TEXTS, AFTER)])
    return bench


def after(bench: AlibabaBench) -> list[str]:
    return [text.rstrip(".") for text in bench.texts()]


def of_vm(bench: AlibabaBench, name: str = VM) -> dict[str, Any]:
    """The only instance of a name that has not made way."""
    (found,) = [one for one in bench.vms(name) if "mcr-aside" not in one["tags"]]
    return found


def clean(bench: AlibabaBench) -> None:
    """Nothing of ours is left but what was asked for: no temporary image, no lock, and nobody saw what must not be."""
    assert bench.all("images") == []
    for kind in ("instances", "disks", "snapshots", "snapshot_groups"):
        locks = [key for one in bench.all(kind) for key in one["tags"] if key.startswith("mcr-lock")]
        assert locks == [], kind
    assert bench.act("violations") == []


def snapshots_of(bench: AlibabaBench) -> dict[str, str]:
    return {disk["device"]: disk["uid"] for disk in bench.run("backup", "INSPECT_ONE", name=f"{VM}-{FIRST}")["backup"]["disks"]}


# --- backup


def test_essd_disks_are_saved_as_a_group(bench: AlibabaBench) -> None:
    predicted = bench.backup(check=True)
    ran = bench.backup()
    assert ran.sent == ["CreateCommand", "CreateSnapshotGroup"]
    assert not predicted.sent
    record = ran["backup"]
    assert [disk["device"] for disk in record["disks"]] == [*DEVICES]
    assert [disk["source_disk"] for disk in record["disks"]] == bench.disks
    assert (record["status"], record["usable"], record["manifest_complete"]) == ("succeeded", True, True)
    assert record.keys() == predicted["backup"].keys()
    assert bench.backup().sent == []


def test_disks_that_no_group_takes_are_saved_one_by_one_under_one_datetime(make_bench: Make) -> None:
    bench = make_bench("cloud_efficiency")
    ran = bench.backup()
    assert ran.changed
    assert ran.sent[1:] == ["CreateSnapshotGroup", *["CreateSnapshot"] * 3]
    assert [disk["device"] for disk in ran["backup"]["disks"]] == [*DEVICES]
    assert {one["SnapshotName"] for one in bench.all("snapshots")} == {disk["name"] for disk in ran["backup"]["disks"]}
    assert not bench.backup().changed


def test_image_holds_all_disks_and_goes_with_its_snapshots(bench: AlibabaBench) -> None:
    saved(bench, method="image")
    assert bench.restore().changed
    assert bench.texts() == OLD
    bench.run("restore", "DELETE", name="r1")
    assert bench.run("backup", "DELETE", name=f"{VM}-{FIRST}").changed
    assert bench.all("images") == bench.all("snapshots") == bench.all("commands") == []


def test_deletion_of_an_image_that_was_cut_short_is_finished_by_the_next_run(bench: AlibabaBench) -> None:
    saved(bench, method="image")
    bench.control.add_fault("status", route="DeleteSnapshot", times=0, status=403, reason="OperationDenied")
    assert bench.run("backup", "DELETE", name=f"{VM}-{FIRST}").error
    bench.control.clear_faults()
    assert bench.all("images") == []
    assert bench.run("backup", "DELETE", name=f"{VM}-{FIRST}").changed
    assert bench.all("snapshots") == []


def test_manifest_that_the_account_forbids_is_told(bench: AlibabaBench) -> None:
    bench.control.settings(denied_actions=["ecs:CreateCommand"])
    ran = bench.backup()
    assert ran.kind == "AuthenticationFailed"
    assert "ecs:CreateCommand" in ran.message
    assert bench.all("snapshots") == []


def test_group_of_which_a_part_is_in_use_is_deleted_all_the_same(bench: AlibabaBench) -> None:
    """Disks that were made from a snapshot do not need it, and a group has no way to say so."""
    saved(bench)
    assert bench.restore(name="n1", strategy="new", new_vm_name="copy-1").changed
    assert bench.run("backup", "DELETE", name=f"{VM}-{FIRST}").changed
    assert bench.all("snapshots") == bench.all("snapshot_groups") == []


def test_part_that_an_image_needs_is_told_and_stays(bench: AlibabaBench) -> None:
    saved(bench)
    uid = snapshots_of(bench)["/dev/xvda"]
    bench.call("CreateImage", SnapshotId=uid, ImageName="by-hand")
    ran = bench.run("backup", "DELETE", name=f"{VM}-{FIRST}")
    assert ran.error
    assert "SnapshotCreatedImage" in ran.message
    assert any(one["SnapshotId"] == uid for one in bench.all("snapshots"))


def test_backup_at_rest_starts_the_instance_again(bench: AlibabaBench) -> None:
    ran = bench.backup(consistency="stopped")
    assert ran["backup"]["consistency"] == "stopped"
    assert of_vm(bench)["Status"] == "Running"
    clean(bench)


def test_deletion_of_a_retired_instance_of_which_no_answer_came_is_a_success(bench: AlibabaBench) -> None:
    bench.control.add_fault("drop_after", route="DeleteInstance")
    assert bench.backup(retire_source=True).changed
    assert bench.vms() == []


def test_retired_instance_comes_back_from_its_backup(bench: AlibabaBench) -> None:
    assert bench.backup(retire_source=True).changed
    assert bench.vms() == []
    assert bench.restore(name="back", strategy="replace").changed
    assert bench.texts(of_vm(bench)["InstanceId"]) == OLD
    clean(bench)


@pytest.mark.parametrize("given", [{}, {"method": "image"}], ids=["snapshots", "image"])
def test_backup_knows_what_it_has_made_although_tags_are_seen_late(make_bench: Make, given: dict[str, Any]) -> None:
    bench = make_bench(category="cloud_efficiency", tag_lag_s=3)
    bench.sleep(10)
    assert bench.backup(**given).changed
    bench.sleep(10)
    assert not bench.backup(**given).changed


# --- roll-back


@pytest.mark.parametrize("settings", [{}, LAGS], ids=["at once", "slow reads"])
def test_roll_back_and_rolling_that_back(make_bench: Make, settings: dict[str, Any]) -> None:
    bench = saved(make_bench(**settings))
    predicted = bench.restore(check=True)
    assert not predicted.sent
    ran = bench.restore()
    assert ran.changed
    assert bench.texts() == OLD
    assert ran["restore"].keys() == predicted["restore"].keys()
    assert [point["point"] for point in ran["restore"]["safety_points"]] == [point["point"] for point in predicted["restore"]["safety_points"]]
    again = bench.restore()
    assert not again.changed
    assert again.sent == []
    assert bench.restore(name="back", rollback_of="r1").changed
    assert after(bench) == NEW
    assert of_vm(bench)["Status"] == "Running"
    bench.sleep(10)
    clean(bench)


def test_first_safety_point_is_made_before_the_stop_and_the_second_after_it(bench: AlibabaBench) -> None:
    sent = saved(bench).restore().sent
    order = [action for action in sent if action in ("CreateSnapshotGroup", "StopInstance", "ResetDisk", "StartInstance")]
    assert order == ["CreateSnapshotGroup", "StopInstance", "CreateSnapshotGroup", *["ResetDisk"] * 3, "StartInstance"]


def test_instance_is_stopped_so_that_it_keeps_its_place(bench: AlibabaBench) -> None:
    """Stopped without charge it would give its processors back, and might not start again for want of stock."""
    bench.control.settings(default_stopped_mode="StopCharging")
    bodies = {str(body.get("Action", "")): body for body in map(dict, filter(None, saved(bench).restore().bodies)) if isinstance(body, dict)}
    record = [entry for entry in bench.act("record") if entry["action"] == "StopInstance"] if not bodies else []
    assert any(entry["params"].get("StoppedMode") == "KeepCharging" for entry in record) or bodies.get("StopInstance", {}).get("StoppedMode") == "KeepCharging"


def test_roll_back_without_safety_points_says_that_there_is_no_way_back(bench: AlibabaBench) -> None:
    ran = saved(bench).restore(safety_snapshot=False)
    assert "no way back" in ran.message
    assert bench.texts() == OLD
    assert len(bench.all("snapshot_groups")) == 1


def test_roll_back_that_fails_half_way_goes_back_to_what_the_disks_held(bench: AlibabaBench) -> None:
    saved(bench)
    bench.control.add_fault("status", route="ResetDisk", nth=5, times=1, status=403, reason="InstanceLockedForSecurity")
    ran = bench.restore()
    assert ran.error
    assert after(bench) == NEW
    assert of_vm(bench)["Status"] == "Running"
    bench.control.clear_faults()
    assert bench.restore().changed
    assert bench.texts() == OLD
    clean(bench)


def test_giving_a_roll_back_up_deletes_its_safety_points_and_leaves_the_disks(bench: AlibabaBench) -> None:
    saved(bench).restore()
    groups = len(bench.all("snapshot_groups"))
    assert bench.run("restore", "DELETE", name="r1").changed
    assert (groups, len(bench.all("snapshot_groups"))) == (3, 1)
    assert bench.texts() == OLD
    assert [key for one in bench.all("disks") for key in one["tags"] if key.startswith("mcr-")] == []
    assert not bench.run("restore", "DELETE", name="r1").changed


def test_snapshot_of_another_disk_cannot_be_gone_back_to(bench: AlibabaBench) -> None:
    saved(bench)
    points = snapshots_of(bench)
    ran = bench.restore(name="x1", snapshots={"/dev/xvdb": points["/dev/xvdc"]}, force=True)
    assert "a disk goes back only to snapshots of itself" in bench.refused(ran, "Conflict")


def test_refusals_before_the_stop_are_told_together(bench: AlibabaBench) -> None:
    saved(bench)
    bench.act("set_fields", kind="disks", id=bench.disks[1], fields={"MultiAttach": "Enabled"})
    bench.act("set_fields", kind="instances", id=bench.instance, fields={"AutoReleaseTime": "2020-01-01T00:00Z"})
    message = bench.refused(bench.restore(), "Conflict")
    assert "several instances write to it" in message
    assert "released at" in message


def test_lock_of_the_provider_is_told_before_anything_is_touched(bench: AlibabaBench) -> None:
    saved(bench)
    bench.act("set_fields", kind="instances", id=bench.instance, fields={"OperationLocks": {"LockReason": [{"LockReason": "financial"}]}})
    assert "financial" in bench.refused(bench.restore(), "Conflict")


def test_two_instances_of_one_name_are_never_taken_for_one(bench: AlibabaBench) -> None:
    saved(bench)
    twin = bench.act("add_instance", name=VM, region="cn-hangzhou", disks=[{"text": "twin"}])["instance_id"]
    message = bench.refused(bench.restore(), "AmbiguousName")
    assert bench.instance in message
    assert twin in message


def test_instance_can_be_named_by_its_id(bench: AlibabaBench) -> None:
    bench.act("add_instance", name=VM, region="cn-hangzhou", disks=[{"text": "twin"}])
    assert bench.backup(vm_name=bench.instance).changed
    bench.write(*AFTER)
    assert bench.restore(vm_name=bench.instance).changed
    assert bench.restore(name="p1", vm_name=bench.instance, strategy="replace").changed
    assert not bench.restore(name="p1", vm_name=bench.instance, strategy="replace").changed
    assert len(bench.vms()) == 3


# --- data disks in place


def test_data_disks_are_exchanged_and_come_back_under_their_devices(bench: AlibabaBench) -> None:
    saved(bench)
    data = {device: uid for device, uid in snapshots_of(bench).items() if device != "/dev/xvda"}
    predicted = bench.restore(name="d1", strategy="in_place", snapshots=data, check=True)
    ran = bench.restore(name="d1", strategy="in_place", snapshots=data)
    known = [{key: value for key, value in disk.items() if key not in ("disk", "uid")} for disk in predicted["restore"]["disks"]]
    assert known == [{key: value for key, value in disk.items() if key not in ("disk", "uid")} for disk in ran["restore"]["disks"]]
    assert [text.rstrip(".") for text in bench.texts()] == ["SYSTEM", "data", "logs"]
    assert not bench.restore(name="d1", strategy="in_place", snapshots=data).changed
    assert bench.restore(name="d2", strategy="in_place", rollback_of="d1").changed
    assert after(bench) == NEW
    clean(bench)


def test_system_disk_that_stays_without_its_instance_does_so_in_the_new_one(bench: AlibabaBench) -> None:
    saved(bench)
    bench.act("set_fields", kind="disks", id=bench.disks[0], fields={"DeleteWithInstance": False})
    assert bench.restore(name="p1", strategy="replace").changed
    instance = of_vm(bench)["InstanceId"]
    assert [one["DeleteWithInstance"] for one in bench.all("disks") if one["InstanceId"] == instance and one["Type"] == "system"] == [False]
    clean(bench)


def test_change_of_the_address_of_which_no_answer_came_counts(bench: AlibabaBench) -> None:
    """The service allows one change for each start: the repeated request is refused, and the instance would run on its other address."""
    saved(bench)
    bench.control.add_fault("drop_after", route="ModifyInstanceVpcAttribute")
    assert bench.restore(name="p1", strategy="replace").changed
    instance = of_vm(bench)["InstanceId"]
    assert [one["PrivateIpAddress"] for one in bench.all("interfaces") if one["InstanceId"] == instance] == ["192.168.1.1"]
    clean(bench)


def test_replacement_goes_on_after_a_run_was_killed_that_had_kept_the_disks_from_deletion(bench: AlibabaBench) -> None:
    saved(bench)
    for one in bench.all("disks"):
        bench.act("set_fields", kind="disks", id=one["id"], fields={"DeleteWithInstance": False}, tags={**one["tags"], "mcr-goes": "yes"})
    assert bench.restore(name="p1", strategy="replace").changed
    instance = of_vm(bench)["InstanceId"]
    assert {one["DeleteWithInstance"] for one in bench.all("disks") if one["InstanceId"] == instance} == {True}
    clean(bench)


def lock_disks(bench: AlibabaBench, instance: str) -> None:
    """What a killed run leaves that had written its lock on the disks of an instance, as they carry it while there is none."""
    for one in bench.all("disks"):
        if one["InstanceId"] == instance:
            bench.act("set_fields", kind="disks", id=one["id"], tags={**one["tags"], "mcr-lock-run-dead00dead00-1": "r-3.giveup_n1"})


def test_lock_of_a_dead_run_is_taken_off_the_disks_before_they_carry_the_next_one(bench: AlibabaBench) -> None:
    """A renewal while there is no instance would take it for that of another run, and give the lock up."""
    saved(bench)
    lock_disks(bench, bench.instance)
    assert bench.restore(name="p1", strategy="replace").changed
    assert bench.restore(name="n1", strategy="new", new_vm_name="copy-1").changed
    lock_disks(bench, of_vm(bench, "copy-1")["InstanceId"])
    assert bench.run("restore", "DELETE", name="n1", delete_vm=True).changed
    for action in ("RunInstances", "DeleteInstance"):
        record = bench.control.state()["record"]
        end = next(number for number, entry in enumerate(record) if entry["action"] == action)
        gone = [entry for entry in record[:end] if entry["action"] == "UntagResources" and "mcr-lock-run-dead00dead00-1" in entry["params"].values()]
        assert len(gone) >= len(bench.disks), action


@pytest.mark.parametrize("action", ["DetachDisk", "DeleteInstance", "DeleteDisk"])
def test_kept_disks_are_given_up_although_an_answer_is_lost(bench: AlibabaBench, action: str) -> None:
    saved(bench)
    assert bench.restore(name="p1", strategy="replace").changed
    bench.control.add_fault("drop_after", route=action)
    assert bench.run("restore", "DELETE", name="p1").changed
    assert len(bench.all("disks")) == len(bench.disks)


@pytest.mark.parametrize("action", ["DetachDisk", "AttachDisk"])
def test_exchange_of_which_an_answer_is_lost_goes_on(bench: AlibabaBench, action: str) -> None:
    saved(bench)
    bench.control.add_fault("drop_after", route=action)
    assert bench.restore(name="d1", strategy="in_place", snapshots={"/dev/xvdb": snapshots_of(bench)["/dev/xvdb"]}).changed
    assert bench.texts()[1] == "data"
    clean(bench)


@pytest.mark.parametrize("strategy", ["in_place", "replace"])
def test_restore_knows_what_it_has_made_although_tags_are_seen_late(make_bench: Make, strategy: str) -> None:
    bench = saved(make_bench(tag_lag_s=3))
    bench.sleep(10)
    points = snapshots_of(bench)
    given = {"snapshots": {"/dev/xvdb": points["/dev/xvdb"]}} if strategy == "in_place" else {}
    assert bench.restore(name="d1", strategy=strategy, **given).changed
    bench.sleep(10)
    assert bench.texts(of_vm(bench)["InstanceId"])[1] == "data"
    assert of_vm(bench)["tags"]["env"] == "prod"
    clean(bench)


def test_system_disk_in_place_is_refused_with_the_reason_and_the_word(bench: AlibabaBench) -> None:
    message = bench.refused(saved(bench).restore(strategy="in_place"), "Conflict")
    assert "/dev/xvda" in message
    assert "strategy: rollback" in message


def test_restore_in_place_whose_disks_were_rolled_back_since_is_not_repeated(bench: AlibabaBench) -> None:
    saved(bench)
    data = {device: uid for device, uid in snapshots_of(bench).items() if device == "/dev/xvdb"}
    assert bench.restore(name="d1", strategy="in_place", snapshots=data).changed
    assert bench.backup(SECOND).changed
    assert bench.restore(name="r2", snapshot_datetime=SECOND).changed
    bench.refused(bench.restore(name="d1", strategy="in_place", snapshots=data), "Conflict")


# --- replaced, gone, new


def test_replaced_instance_keeps_its_address_and_the_old_one_stays_stopped_until_it_is_given_up(bench: AlibabaBench) -> None:
    saved(bench)
    predicted = bench.restore(name="p1", strategy="replace", check=True)
    assert not predicted.sent
    assert "kept aside" in predicted.message
    assert bench.restore(name="p1", strategy="replace").changed
    new = of_vm(bench)
    (old,) = [one for one in bench.vms() if one is not new and one["InstanceId"] != new["InstanceId"]]
    assert (old["InstanceId"], old["Status"]) == (bench.instance, "Stopped")
    assert bench.texts(new["InstanceId"]) == OLD
    addresses = {one["InstanceId"]: one["PrivateIpAddress"] for one in bench.all("interfaces") if one.get("InstanceId")}
    assert addresses[new["InstanceId"]] == "192.168.1.1"
    assert new["tags"] == {"env": "prod", "mcr-restore": "p1", "mcr-vm": VM}
    assert bench.restore(name="p1", strategy="replace").sent == []
    clean(bench)
    assert bench.run("restore", "DELETE", name="p1").changed
    assert [one["InstanceId"] for one in bench.vms()] == [new["InstanceId"]]
    assert len(bench.all("disks")) == 3


@pytest.mark.parametrize("check", [False, True])
def test_there_is_no_going_back_from_a_replacement_but_by_hand(bench: AlibabaBench, check: bool) -> None:
    saved(bench)
    assert bench.restore(name="p1", strategy="replace").changed
    message = bench.refused(bench.restore(name=None, rollback_of="p1", strategy=None, check=check), "Conflict")
    assert 'the restore "p1" has replaced VM "web-1" by another machine' in message
    assert "by hand" in message


def test_old_instance_with_somebody_elses_disk_is_not_given_up(bench: AlibabaBench) -> None:
    saved(bench).restore(name="p1", strategy="replace")
    extra = bench.act("add_disk", name="extra", text="precious")["disk_id"]
    bench.call("AttachDisk", InstanceId=bench.instance, DiskId=extra)
    bench.sleep(5)
    ran = bench.run("restore", "DELETE", name="p1")
    assert ran.error
    assert extra in ran.message
    assert bench.text(extra) == "precious"


def test_instance_that_cannot_be_built_brings_the_old_one_back_as_it_was(bench: AlibabaBench) -> None:
    saved(bench)
    bench.control.add_fault("status", route="RunInstances", times=0, status=403, reason="OperationDenied")
    assert bench.restore(name="p1", strategy="replace").error
    (there,) = bench.vms()
    assert (there["InstanceId"], there["Status"], there["tags"]) == (bench.instance, "Running", {"env": "prod"})
    assert after(bench) == NEW
    assert {one["PrivateIpAddress"] for one in bench.all("interfaces")} == {"192.168.1.1"}
    assert all(one["DeleteWithInstance"] for one in bench.all("disks"))
    clean(bench)


def with_addresses(bench: AlibabaBench) -> tuple[str, str]:
    """Give the instance an elastic address and a second interface; gives their ids."""
    wire = of_vm(bench)
    client = connect(bench.task("restore", name="r1", snapshot_datetime="latest"), bench.waiter())
    eip = client.change("make an address", "AllocateEipAddress", {}, product=VPC)["AllocationId"]
    where = {"AllocationId": eip, "InstanceId": bench.instance, "InstanceType": "EcsInstance"}
    client.change("give the address", "AssociateEipAddress", where, product=VPC)
    group = wire["SecurityGroupIds"]["SecurityGroupId"][0]
    interface = bench.call("CreateNetworkInterface", VSwitchId=wire["VpcAttributes"]["VSwitchId"], SecurityGroupId=group)["NetworkInterfaceId"]
    bench.sleep(5)
    bench.call("AttachNetworkInterface", InstanceId=bench.instance, NetworkInterfaceId=interface)
    bench.sleep(5)
    return eip, interface


def holders(bench: AlibabaBench, eip: str, interface: str) -> tuple[str, str, str]:
    """The instances that have the elastic address, the second interface and the first private address."""
    (address,) = [one for one in bench.all("eips") if one["AllocationId"] == eip]
    by_id = {one["NetworkInterfaceId"]: one for one in bench.all("interfaces")}
    (first,) = [one for one in by_id.values() if one["PrivateIpAddress"] == "192.168.1.1"]
    return address["InstanceId"], by_id[interface]["InstanceId"], first["InstanceId"]


def test_all_addresses_move_to_the_new_instance(bench: AlibabaBench) -> None:
    have = with_addresses(bench)
    saved(bench)
    assert bench.restore(name="p1", strategy="replace").changed
    assert set(holders(bench, *have)) == {of_vm(bench)["InstanceId"]} != {bench.instance}
    assert bench.restore(name="p1", strategy="replace").sent == []
    clean(bench)


@pytest.mark.parametrize("action", ["ModifyInstanceVpcAttribute", "DetachNetworkInterface", "UnassociateEipAddress", "RunInstances"])
def test_addresses_are_back_when_the_old_one_comes_back(bench: AlibabaBench, action: str) -> None:
    have = with_addresses(bench)
    saved(bench)
    bench.control.add_fault("status", route=action, status=403, reason="OperationDenied.NotAllowed", nth=1)
    assert bench.restore(name="p1", strategy="replace").error
    there = of_vm(bench)
    assert (there["InstanceId"], there["Status"], there["tags"]) == (bench.instance, "Running", {"env": "prod"})
    assert set(holders(bench, *have)) == {bench.instance}
    assert after(bench) == NEW
    clean(bench)


def test_instance_that_still_has_the_marks_of_its_disks_is_finished(bench: AlibabaBench) -> None:
    """It is on all its disks, and the run that has built it died before the rest was done."""
    saved(bench)
    assert bench.restore(name="p1", strategy="replace").changed
    built = of_vm(bench)
    left = [{"Key": key, "Value": value} for key, value in (("mcr-strategy", "replace"), ("mcr-disks", "3"), ("mcr-restore", "p1"))]
    bench.call("TagResources", ResourceType="instance", ResourceId=[built["InstanceId"]], Tag=left)
    bench.sleep(5)
    ran = bench.restore(name="p1", strategy="replace")
    assert ran.changed, ran.message
    assert of_vm(bench)["tags"] == built["tags"]
    assert bench.restore(name="p1", strategy="replace").sent == []
    clean(bench)


def test_instance_that_a_restore_has_built_is_replaced_too(bench: AlibabaBench) -> None:
    """The service moves the address of a new instance only after it was restarted once."""
    saved(bench)
    assert bench.restore(name="p1", strategy="replace").changed
    first = of_vm(bench)["InstanceId"]
    ran = bench.restore(name="p2", strategy="replace")
    assert ran.changed, ran.message
    assert of_vm(bench)["InstanceId"] != first
    assert {one["Status"] for one in bench.vms() if one["InstanceId"] != of_vm(bench)["InstanceId"]} == {"Stopped"}
    assert bench.texts(of_vm(bench)["InstanceId"]) == OLD
    clean(bench)


@pytest.mark.parametrize("action", ["DetachNetworkInterface", "UnassociateEipAddress", "AssociateEipAddress", "AttachNetworkInterface"])
def test_address_of_whose_move_no_answer_came_is_seen_to_have_moved(bench: AlibabaBench, action: str) -> None:
    have = with_addresses(bench)
    saved(bench)
    bench.control.add_fault("drop_after", route=action)
    ran = bench.restore(name="p1", strategy="replace")
    assert ran.changed, ran.message
    assert set(holders(bench, *have)) == {of_vm(bench)["InstanceId"]} != {bench.instance}


def test_address_that_the_new_one_did_not_get_is_given_by_the_next_run(bench: AlibabaBench) -> None:
    have = with_addresses(bench)
    saved(bench)
    bench.control.add_fault("status", route="AssociateEipAddress", status=403, reason="OperationDenied", nth=1)
    assert bench.restore(name="p1", strategy="replace").error
    assert bench.restore(name="p1", strategy="replace").changed
    assert set(holders(bench, *have)) == {of_vm(bench)["InstanceId"]} != {bench.instance}


@pytest.mark.parametrize("action", ["ModifyInstanceVpcAttribute", "DetachNetworkInterface", "UnassociateEipAddress"])
def test_instance_that_has_made_way_by_half_is_replaced_by_the_next_run(make_bench: Make, action: str) -> None:
    bench = make_bench()
    have = with_addresses(bench)
    saved(bench)
    bench.control.add_fault("status", route=action, status=403, reason="OperationDenied", times=0)
    with mock.patch.object(AlibabaMachines, "build", side_effect=ProviderFailure("so that it cannot come back")):
        assert bench.restore(name="p1", strategy="replace").error
    bench.control.clear_faults()
    bench.sleep(120)
    assert bench.restore(name="p1", strategy="replace").changed
    assert set(holders(bench, *have)) == {of_vm(bench)["InstanceId"]} != {bench.instance}
    clean(bench)


def test_instance_for_which_there_is_no_stock_is_built_by_the_next_run(bench: AlibabaBench) -> None:
    saved(bench)
    bench.control.add_fault("status", route="RunInstances", times=0, status=403, reason="OperationDenied.NoStock")
    ran = bench.restore(name="p1", strategy="replace", wait_timeout=60)
    assert "no capacity" in ran.message
    bench.control.clear_faults()
    assert bench.restore(name="p1", strategy="replace").changed
    assert bench.texts(of_vm(bench)["InstanceId"]) == OLD
    clean(bench)


def test_type_out_of_stock_is_told_before_the_stop(bench: AlibabaBench) -> None:
    saved(bench)
    bench.control.settings(no_stock=["cn-hangzhou-h"])
    assert "not in stock" in bench.refused(bench.restore(name="p1", strategy="replace"), "ProviderFailure")


def test_instance_that_is_gone_with_its_disks_is_built_again(bench: AlibabaBench) -> None:
    saved(bench)
    bench.call("DeleteInstance", InstanceId=bench.instance, Force=True)
    bench.sleep(10)
    assert bench.restore(name="g1", strategy="replace").changed
    assert bench.texts(of_vm(bench)["InstanceId"]) == OLD
    assert bench.restore(name="g1", strategy="replace").sent == []
    clean(bench)


def test_copy_has_addresses_of_its_own_and_is_deleted_as_a_whole(bench: AlibabaBench) -> None:
    saved(bench)
    assert bench.restore(name="n1", strategy="new", new_vm_name="copy-1").changed
    copy = of_vm(bench, "copy-1")
    assert bench.texts(copy["InstanceId"]) == OLD
    assert after(bench) == NEW
    assert bench.restore(name="n1", strategy="new", new_vm_name="copy-1").sent == []
    clean(bench)
    # The request that makes an instance has tags for its interface too.
    assert not [key for one in bench.all("interfaces") for key in one["tags"] if key.startswith("mcr-")]
    assert bench.run("restore", "DELETE", name="n1", delete_vm=True).changed
    assert bench.vms("copy-1") == []
    assert len(bench.all("disks")) == 3


def test_address_that_somebody_else_has_meanwhile_is_told_before_anything_is_made(bench: AlibabaBench) -> None:
    saved(bench)
    vswitch = of_vm(bench)["VpcAttributes"]["VSwitchId"]
    bench.call("DeleteInstance", InstanceId=bench.instance, Force=True)
    bench.sleep(10)
    group = bench.all("security_groups")[0]["id"]
    bench.call("CreateNetworkInterface", VSwitchId=vswitch, SecurityGroupId=group, PrimaryIpAddress="192.168.1.1")
    bench.sleep(5)
    assert "192.168.1.1" in bench.refused(bench.restore(name="g1", strategy="replace"), "Conflict")
    assert bench.restore(name="g1", strategy="replace", allow_lost=["internal_address"]).changed


def test_tag_keys_that_differ_only_in_capital_letters_are_one(bench: AlibabaBench) -> None:
    """The service takes Env and env for the same key, and refuses both together."""
    saved(bench)
    assert bench.restore(name="n1", strategy="new", new_vm_name="copy-1", tags={"ENV": "drill"}).changed
    assert of_vm(bench, "copy-1")["tags"]["ENV"] == "drill"


def test_system_tags_are_not_sent_again(bench: AlibabaBench) -> None:
    """The service shows tags that begin with acs:, and refuses them in a request."""
    for disk in bench.disks:
        bench.act("set_fields", kind="disks", id=disk, tags={"acs:ecs:createdBy": "x"})
    bench.act("set_fields", kind="instances", id=bench.instance, tags={"acs:autoscaling:x": "y"})
    saved(bench)
    data = {"/dev/xvdb": snapshots_of(bench)["/dev/xvdb"]}
    assert bench.restore(name="d1", strategy="in_place", snapshots=data).changed
    assert bench.restore(name="n1", strategy="new", new_vm_name="copy-1").changed


def test_many_instances_in_one_task(bench: AlibabaBench) -> None:
    bench.act("add_instance", name="web-2", region="cn-hangzhou", disks=[{"text": "two", "Category": "cloud_essd"}], tags={"env": "prod"})
    ran = bench.backup(vm_name=None, vm_filter={"env": "prod"})
    assert sorted(one["vm"] for one in ran["backups"]) == ["web-1", "web-2"]
    assert not bench.backup(vm_name=None, vm_names=["web-1", "web-2"]).changed
