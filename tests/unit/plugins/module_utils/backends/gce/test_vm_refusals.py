# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What backups and restores of VMs refuse, before the first request that changes anything."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.plugins.module_utils.backends.gce.vm_bench import FIRST, KEY, OTHER_ZONE, SECOND, VM, VmBench

GROUP = "projects/1/zones/europe-west1-b/instanceGroupManagers/web-group"


@pytest.fixture
def saved(bench: VmBench) -> VmBench:
    """A project with one complete backup of the VM."""
    assert bench.backup().changed
    return bench


def group_managed(bench: VmBench) -> None:
    bench.change_vm(metadata={**bench.vm().get("metadata", {}), "items": [{"key": "created-by", "value": GROUP}]})


# The point to go back to


def test_incomplete_set_is_not_restored_from(saved: VmBench) -> None:
    saved.remove("snapshots", saved.names("snapshots")[0])
    message = saved.refused(saved.restore(snapshot_datetime=FIRST), "Conflict")
    assert f'backup "{VM}-{FIRST}" is not complete (2 of 3 disks are there)' in message
    assert "Nothing was changed" in message


def test_set_with_a_failed_snapshot_is_not_restored_from_and_the_disk_is_named(saved: VmBench) -> None:
    saved.change("snapshots", saved.names("snapshots")[0], status="FAILED")
    assert ": FAILED) and cannot be restored" in saved.refused(saved.restore(snapshot_datetime=FIRST), "Conflict")


def test_incomplete_set_is_no_latest(saved: VmBench) -> None:
    saved.remove("snapshots", saved.names("snapshots")[0])
    assert f"there are: {FIRST} (incomplete)" in saved.refused(saved.restore(), "NotFound")


def test_datetime_without_a_backup_is_not_found_and_the_known_ones_are_named(saved: VmBench) -> None:
    assert f"under {SECOND}; there are: {FIRST}" in saved.refused(saved.restore(snapshot_datetime=SECOND), "NotFound")


def test_backup_of_another_vm_is_refused(saved: VmBench) -> None:
    assert 'is of VM "db-1", not of "web-1"' in saved.refused(saved.restore(backup=f"db-1-{FIRST}"), "Conflict")


def foreign_snapshot(bench: VmBench) -> str:
    """A snapshot of a disk of db-1."""
    assert bench.backup(vm_name="db-1", zone=OTHER_ZONE).changed
    return bench.names("snapshots")[0]


def test_restore_from_a_snapshot_of_another_tool_is_unchanged_the_second_time(saved: VmBench) -> None:
    """The disk in that place is then a new one, which the snapshot is not of but which was made from it."""
    ours = next(item for item in saved.all("snapshots") if item["sourceDisk"].endswith("/web-1-data"))
    saved.add("snapshots", "nightly", sourceDisk=ours["sourceDisk"], sourceDiskId=ours["sourceDiskId"], status="READY", diskSizeGb="10")
    assert saved.restore(snapshots={"data": "nightly"}).changed
    again = saved.restore(snapshots={"data": "nightly"})
    assert again.error is None, again.message
    assert again.sent == []


def test_snapshot_of_another_lineage_is_refused(bench: VmBench) -> None:
    name = foreign_snapshot(bench)
    message = bench.refused(bench.restore(snapshots={"data": name}), "Conflict")
    assert f"snapshot {name} is of " in message
    assert f'which is not the disk that VM "{VM}" has as data' in message


def test_snapshot_of_another_lineage_is_taken_with_force(bench: VmBench) -> None:
    assert bench.restore(check=True, snapshots={"data": foreign_snapshot(bench)}, force=True).changed


def test_snapshot_of_another_disk_of_the_same_vm_is_refused(saved: VmBench) -> None:
    """A boot disk where the data should be."""
    boot = next(item["name"] for item in saved.all("snapshots") if item["sourceDisk"].endswith("/disks/web-1"))
    assert saved.restore(check=True, snapshots={"web-1": boot}).changed
    assert "which is not the disk" in saved.refused(saved.restore(snapshots={"data": boot}), "Conflict")


def test_snapshot_that_is_not_there_is_not_found(bench: VmBench) -> None:
    assert "there is no snapshot absent" in bench.refused(bench.restore(snapshots={"data": "absent"}), "NotFound")


def test_snapshot_that_is_not_ready_is_refused(saved: VmBench) -> None:
    name = saved.names("snapshots")[0]
    saved.change("snapshots", name, status="CREATING")
    assert f"snapshot {name} for data is CREATING, not READY" in saved.refused(saved.restore(snapshots={"data": name}), "Conflict")


CHECK = pytest.mark.parametrize("check", [False, True], ids=["real", "check"])


@CHECK
@pytest.mark.parametrize("ours", [False, True], ids=["by hand", "of a backup"])
def test_snapshot_of_an_earlier_disk_of_the_same_name_is_refused(saved: VmBench, ours: bool, check: bool) -> None:
    """The disk was deleted and made anew: the snapshot's disk has another id."""
    name = next(item["name"] for item in saved.all("snapshots") if item["sourceDisk"].endswith("/web-1-data"))
    if ours:
        saved.change("snapshots", name, sourceDiskId="999")
    else:
        source = saved.one("snapshots", name)["sourceDisk"]
        saved.add("snapshots", "by-hand", sourceDisk=source, sourceDiskId="999", status="READY", diskSizeGb="10")
        name = "by-hand"
    message = saved.refused(saved.restore(snapshots={"data": name}, check=check), "Conflict")
    assert "(id 999), which is not the disk that VM" in message
    assert saved.restore(snapshots={"data": name}, force=True, check=True).changed


@CHECK
def test_device_that_the_vm_does_not_have_is_named_with_those_that_it_has(saved: VmBench, check: bool) -> None:
    message = saved.refused(saved.restore(snapshots={"dta": saved.names("snapshots")[0]}, check=check), "Conflict")
    assert f'VM "{VM}" has no disk attached as dta. Its devices are web-1, data, Odd_device.7' in message
    assert "force" not in message


@CHECK
@pytest.mark.parametrize("moment", ["latest", FIRST])
def test_zone_without_backups_of_the_vm_says_which_zone_has_some(saved: VmBench, moment: str, check: bool) -> None:
    message = saved.refused(saved.restore(zone=OTHER_ZONE, snapshot_datetime=moment, check=check), "NotFound")
    assert "there are backups of a VM of that name in zone europe-west1-b" in message


@CHECK
def test_image_that_is_obsolete_is_refused(bench: VmBench, check: bool) -> None:
    assert bench.backup(method="image").changed
    name = next(item["name"] for item in bench.all("images") if item["sourceDisk"].endswith("/web-1"))
    bench.change("images", name, deprecated={"state": "OBSOLETE"})
    by_name = bench.restore(snapshot_datetime=None, source_image=name, check=check)
    assert "cannot be used: it is OBSOLETE" in bench.refused(by_name, "Conflict")
    assert "was taken out of use" in bench.refused(bench.restore(snapshot_datetime=FIRST, check=check), "Conflict")
    assert f"there are: {FIRST} (not usable)" in bench.refused(bench.restore(check=check), "NotFound")


@CHECK
def test_key_that_does_not_open_the_snapshot_is_refused(bench: VmBench, check: bool) -> None:
    bench.encrypt("web-1-data")
    assert bench.backup(disk_encryption_keys={"data": KEY}).changed
    other = base64.b64encode(b"x" * 32).decode()
    message = bench.refused(bench.restore(disk_encryption_keys={"data": other}, check=check), "InvalidRequest")
    assert "The key given for data is not the one that snapshot" in message
    assert other not in message


@CHECK
@pytest.mark.parametrize("name", ["Copy", "a" * 64, "-copy", "a_b"])
def test_name_that_no_vm_can_have_is_refused(saved: VmBench, name: str, check: bool) -> None:
    assert "cannot be a name in Compute Engine" in saved.refused(saved.restore(strategy="new", new_vm_name=name, check=check), "InvalidRequest")


@CHECK
@pytest.mark.parametrize("strategy", ["in_place", "replace"])
def test_vm_without_room_for_our_labels_is_refused(saved: VmBench, strategy: str, check: bool) -> None:
    saved.change_vm(labels={f"label-{number}": "x" for number in range(63)})
    message = saved.refused(saved.restore(strategy=strategy, check=check), "Conflict")
    assert "has 63 labels of its own, and a restore needs 4 more of the 64" in message


def test_quota_of_the_region_that_cannot_be_read_is_a_warning(saved: VmBench) -> None:
    saved.control.add_fault(kind="status", status=403, times=0, path=".*/regions/europe-west1$")
    ran = saved.restore(check=True).ok
    assert "The quota of region europe-west1 could not be read" in ran.warnings


# The state of the VM


@CHECK
@pytest.mark.parametrize("status", ["PROVISIONING", "STAGING", "STOPPING", "PENDING_STOP", "REPAIRING"])
@pytest.mark.parametrize("strategy", ["in_place", "replace"])
def test_vm_between_two_states_is_refused_by_the_check_as_by_the_task(saved: VmBench, strategy: str, status: str, check: bool) -> None:
    saved.change_vm(status=status)
    assert f"is {status}: run again when it is running or stopped" in saved.refused(saved.restore(strategy=strategy, check=check), "Conflict")


def test_suspended_vm_is_not_restored(saved: VmBench) -> None:
    saved.change_vm(status="SUSPENDED")
    assert "is suspended, and its memory would be lost" in saved.refused(saved.restore(), "Conflict")


@pytest.mark.parametrize("given", [{"consistency": "stopped"}, {"retire_source": True}], ids=["stopped", "retire"])
@pytest.mark.parametrize(
    ("status", "words"), [("SUSPENDED", "is suspended"), ("SUSPENDING", "is suspended"), ("STOPPING", "run again when it is running or stopped")]
)
def test_vm_that_neither_runs_nor_rests_is_not_saved_as_stopped(bench: VmBench, given: dict[str, Any], status: str, words: str) -> None:
    bench.change_vm(status=status)
    assert words in bench.refused(bench.backup(**given), "Conflict")


@pytest.mark.parametrize(("status", "reached"), [("SUSPENDED", "crash"), ("STOPPING", "crash"), ("TERMINATED", "stopped")])
def test_consistency_of_a_backup_is_what_was_reached(bench: VmBench, status: str, reached: str) -> None:
    """The memory of a suspended VM holds what its disks lack."""
    bench.change_vm(status=status)
    assert bench.backup(check=True)["backup"]["consistency"] == reached


def test_suspended_vm_is_not_stopped_when_a_dead_backup_is_continued(bench: VmBench) -> None:
    bench.change_vm(status="SUSPENDED")
    bench.hold("backup_" + FIRST)
    assert "is suspended" in bench.refused(bench.backup(consistency="stopped"), "Conflict")


@pytest.mark.parametrize("strategy", ["in_place", "replace"])
def test_vm_of_a_managed_group_is_not_restored(saved: VmBench, strategy: str) -> None:
    group_managed(saved)
    assert "belongs to the managed group web-group" in saved.refused(saved.restore(strategy=strategy), "Conflict")


def test_vm_of_a_managed_group_is_restored_with_force(saved: VmBench) -> None:
    group_managed(saved)
    assert saved.restore(check=True, force=True).changed


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_local_ssd_is_not_emptied_by_stopping_the_vm(saved: VmBench, module: str) -> None:
    saved.add_local_ssd()
    ran = saved.backup(SECOND, consistency="stopped") if module == "backup" else saved.restore()
    assert "Set discard_local_ssd to allow that" in saved.refused(ran, "Conflict")


def test_protected_vm_is_not_replaced(saved: VmBench) -> None:
    saved.change_vm(deletionProtection=True)
    assert "is protected against deletion, which strategy replace needs" in saved.refused(saved.restore(strategy="replace"), "Conflict")


def test_protected_vm_is_restored_in_place(saved: VmBench) -> None:
    saved.change_vm(deletionProtection=True)
    assert saved.restore(check=True).changed


def test_protected_vm_is_not_retired(bench: VmBench) -> None:
    bench.change_vm(deletionProtection=True)
    assert "is protected against deletion" in bench.refused(bench.backup(retire_source=True), "Conflict")


# What the project allows


def test_quota_that_the_new_disks_exceed_is_refused_with_both_numbers(saved: VmBench) -> None:
    saved.control.settings(quotas={"SSD_TOTAL_GB": 1, "DISKS_TOTAL_GB": 1})
    message = saved.refused(saved.restore(), "ProviderFailure")
    assert "of region europe-west1 is too small" in message
    assert "Nothing was changed" in message


def test_quota_of_addresses_counts_when_one_must_be_reserved(make_bench: Callable[..., VmBench]) -> None:
    """The external address of a VM that is not reserved would be lost by stopping it."""
    bench = make_bench()
    assert bench.backup().changed
    for address in bench.names("addresses"):
        bench.remove("addresses", address)
    bench.control.settings(quotas={"STATIC_ADDRESSES": 0})
    assert "quota STATIC_ADDRESSES" in bench.refused(bench.restore(), "ProviderFailure")


@pytest.mark.parametrize(("method", "metric"), [("snapshot", "SNAPSHOTS"), ("image", "IMAGES"), ("machine_image", "MACHINE_IMAGES")])
def test_quota_that_a_backup_exceeds_is_refused(make_bench: Callable[..., VmBench], method: str, metric: str) -> None:
    bench = make_bench(quotas={metric: 0})
    assert f"quota {metric} of the project is too small" in bench.refused(bench.backup(method=method), "ProviderFailure")


@pytest.mark.parametrize(
    ("strategy", "permission"),
    [
        ("in_place", "compute.instances.stop"),
        ("in_place", "compute.instances.start"),
        ("in_place", "compute.instances.attachDisk"),
        ("in_place", "compute.instances.detachDisk"),
        ("in_place", "compute.instances.setLabels"),
        ("in_place", "compute.disks.use"),
        ("in_place", "compute.disks.setLabels"),
        ("replace", "compute.instances.delete"),
    ],
)
def test_missing_permission_is_named_before_the_restore_begins(saved: VmBench, strategy: str, permission: str) -> None:
    saved.control.settings(denied_permissions=[permission])
    allowed = {"allow_lost": ["iam_policy", "instance_groups", "target_pools", "network_endpoint_groups"]} if strategy == "replace" else {}
    assert f": {permission}. Nothing was changed" in saved.refused(saved.restore(strategy=strategy, **allowed), "AuthenticationFailed")


def test_every_missing_permission_is_named_at_once(saved: VmBench) -> None:
    missing = ["compute.disks.use", "compute.instances.start", "compute.instances.stop"]
    saved.control.settings(denied_permissions=missing)
    assert ", ".join(missing) in saved.refused(saved.restore(), "AuthenticationFailed")


def test_missing_permission_is_named_before_the_vm_is_stopped_for_a_backup(make_bench: Callable[..., VmBench]) -> None:
    bench = make_bench(denied_permissions=["compute.instances.start"])
    assert "compute.instances.start" in bench.refused(bench.backup(consistency="stopped"), "AuthenticationFailed")


def test_permission_to_stop_is_not_needed_for_a_backup_that_stops_nothing(make_bench: Callable[..., VmBench]) -> None:
    assert make_bench(denied_permissions=["compute.instances.stop"]).backup().changed


# Who else is at work on the VM


@pytest.mark.parametrize("run", ["abc123", "free"])
@pytest.mark.parametrize("consistency", ["crash", "stopped"])
def test_half_restored_vm_does_not_become_a_backup(bench: VmBench, run: str, consistency: str) -> None:
    """Also when the run of the restore has ended without finishing it."""
    bench.hold("restore_r9", run)
    message = bench.refused(bench.backup(consistency=consistency), "Conflict")
    assert 'is held by the restore "r9"' in message


def test_vm_that_another_restore_holds_is_not_restored(saved: VmBench) -> None:
    saved.hold("restore_r9")
    message = saved.refused(saved.restore(), "Conflict")
    assert 'is held by the restore "r9" (run abc123)' in message
    assert "rollback_of: r9" in message


# Options


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"wait": False}, "wait: false would leave the VM stopped in the middle of a restore"),
        ({"backup": f"{VM}-{FIRST}", "snapshot_datetime": "latest"}, "with one of .*, not snapshot_datetime and backup"),
        ({"snapshots": {"data": "s"}, "rollback_of": "r0"}, "with one of .*, not snapshots and rollback_of"),
        ({"snapshot_datetime": None}, "say what to restore from with one of"),
        ({"snapshot_datetime": "2026-01-01"}, 'snapshot_datetime must be a date and time in UTC as YYYYMMDD-HHMMSS, .* not "2026-01-01"'),
        ({"snapshot_datetime": "20260231-000000"}, "snapshot_datetime must be a date"),
        ({"backup": "web"}, '"web" is not the name of a backup'),
        ({"vm_names": ["web-1", "web-2"]}, "give one of vm_name, vm_names and vm_filter, not vm_name and vm_names"),
        ({"vm_name": None}, "give one of vm_name, vm_names and vm_filter"),
        ({"vm_name": None, "vm_names": ["a"], "snapshots": {"data": "s"}}, "snapshots and backup are of one VM"),
        ({"strategy": "new"}, "strategy new needs new_vm_name"),
        ({"strategy": "new", "new_vm_name": "copy", "vm_name": None, "vm_names": ["a", "b"]}, 'new_vm_name must hold "{vm}"'),
        ({"strategy": "new", "new_vm_name": "copy", "old_disks": "delete"}, "old_disks: delete makes no sense with strategy new"),
        ({"new_vm_name": "copy"}, "new_vm_name goes with strategy: new only"),
        ({"new_zone": OTHER_ZONE}, "new_zone goes with strategy: new only"),
        ({"ensure_network": True}, "ensure_network goes with strategy: new only"),
        ({"allow_lost": ["all"]}, "allow_lost: all is none of instance_groups"),
        ({"name": "Not A Label"}, "name must be lower case letters"),
    ],
)
def test_options_of_a_restore_that_make_no_sense_are_refused_without_a_request(bench: VmBench, given: dict[str, Any], words: str) -> None:
    ran = bench.run("restore", **{"name": "r1", **({} if {"backup", "snapshots", "rollback_of"} & set(given) else {"snapshot_datetime": "latest"}), **given})
    assert re.search(words, bench.refused(ran, "InvalidRequest"))
    assert ran.paths == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"snapshot_datetime": "latest"}, "snapshot_datetime must be a date and time in UTC as YYYYMMDD-HHMMSS"),
        ({"snapshot_datetime": "20260101"}, "snapshot_datetime must be a date and time"),
        ({"vm_names": ["web-1", "web-2"]}, "give one of vm_name, vm_names and vm_filter, not vm_name and vm_names"),
        ({"vm_name": None}, "give one of vm_name, vm_names and vm_filter"),
        ({"name": f"db-1-{FIRST}"}, "disagrees with vm_name or snapshot_datetime: it is the backup of VM db-1"),
        ({"name": f"{VM}-{SECOND}"}, "disagrees with vm_name or snapshot_datetime"),
        ({"name": "web"}, '"web" is not the name of a backup'),
        ({"wait": False, "consistency": "stopped"}, "wait: false would leave the VM stopped: it cannot go with consistency: stopped"),
        ({"wait": False, "retire_source": True}, "it cannot go with retire_source: true"),
        ({"image_family": "web"}, "image_family needs method: image"),
        ({"method": "image", "consistency": "application"}, "images have no guest flush"),
        ({"retire_source": True, "exclude_disks": ["data"]}, "it cannot go with exclude_disks"),
        ({"method": "machine_image", "exclude_disks": ["data"]}, "method machine_image cannot go with exclude_disks"),
    ],
)
def test_options_of_a_backup_that_make_no_sense_are_refused_without_a_request(bench: VmBench, given: dict[str, Any], words: str) -> None:
    ran = bench.backup(**given)
    assert re.search(words, bench.refused(ran, "InvalidRequest"))
    assert ran.paths == []


def test_disk_that_the_vm_does_not_have_cannot_be_left_out(bench: VmBench) -> None:
    assert "has no disk absent" in bench.refused(bench.backup(exclude_disks=["absent"]), "InvalidRequest")


def test_disk_with_a_key_of_the_customer_needs_the_key(bench: VmBench) -> None:
    bench.encrypt("web-1-data")
    assert "give it in disk_encryption_keys under data" in bench.refused(bench.backup(), "InvalidRequest")
    assert bench.backup(check=True, disk_encryption_keys={"data": KEY}).changed


def test_disk_that_several_vms_write_to_is_not_saved(bench: VmBench) -> None:
    bench.change("disks", "web-1-data", accessMode="READ_WRITE_MANY")
    assert "several VMs write to it" in bench.refused(bench.backup(), "Unsupported")
