# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups that are refused before anything is touched, each with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins.module_utils.backends.gce.vm_bench import FIRST, KEY, KEY_DIGEST, SECOND, VM, ZONE, VmBench


@pytest.fixture(params=["real", "check"])
def check(request: pytest.FixtureRequest) -> bool:
    """What is refused is refused in check mode too: it is a go or no-go."""
    return bool(request.param == "check")


def test_vm_that_is_not_there_is_not_found(bench: VmBench, check: bool) -> None:
    message = bench.refused(bench.backup(vm_name="web-9", check=check), "NotFound")
    assert f'VM "web-9" does not exist in zone {ZONE}' in message


def test_vm_that_a_restore_holds_must_not_become_a_backup(bench: VmBench, check: bool) -> None:
    bench.hold("restore_r1")
    message = bench.refused(bench.backup(check=check), "Conflict")
    assert 'held by the restore "r1"' in message


def test_vm_that_a_restore_left_half_done_must_not_become_a_backup_either(bench: VmBench) -> None:
    bench.hold("restore_r1", run="free")
    assert 'held by the restore "r1"' in bench.refused(bench.backup(), "Conflict")


def test_complete_backup_is_not_shown_as_if_nothing_were_going_on(bench: VmBench) -> None:
    assert bench.backup().ok
    bench.hold("restore_r1")
    assert 'held by the restore "r1"' in bench.refused(bench.backup(), "Conflict")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"accessMode": "READ_WRITE_MANY"}, "several VMs write to it"),
        ({"multiWriter": True}, "several VMs write to it"),
        ({"accessMode": "READ_ONLY_MANY"}, "it is shared read-only"),
        ({"asyncPrimaryDisk": {"disk": "d"}}, "it is replicated asynchronously"),
        ({"asyncSecondaryDisks": {"d": {}}}, "it is replicated asynchronously"),
    ],
)
def test_disk_that_is_not_the_vms_alone_is_refused_unless_left_out(make_bench: Any, fields: dict[str, Any], words: str) -> None:
    bench: VmBench = make_bench(check_answers=False)
    bench.change("disks", "web-1-data", **fields)
    message = bench.refused(bench.backup(), "Unsupported")
    assert f"disk web-1-data (data) cannot be part of a backup: {words}" in message
    assert "exclude_disks" in message
    assert bench.backup(exclude_disks=["data"]).ok["backup"]["status"] == "succeeded"


def test_disk_shared_read_only_with_another_vm_is_refused_by_its_name(bench: VmBench) -> None:
    bench.change_device("data", mode="READ_ONLY")
    bench.change("disks", "web-1-data", users=[bench.vm_url, bench.url(f"zones/{ZONE}/instances/reader")])
    assert "it is shared read-only with reader" in bench.refused(bench.backup(), "Unsupported")


def test_disk_with_a_key_of_its_own_needs_it(bench: VmBench, check: bool) -> None:
    bench.encrypt("web-1-data")
    message = bench.refused(bench.backup(check=check), "InvalidRequest")
    assert "disk web-1-data (data) is encrypted with a key of your own: give it in disk_encryption_keys under data" in message
    assert KEY_DIGEST not in message


def test_key_that_is_another_ones_is_refused_before_the_vm_stops(bench: VmBench) -> None:
    bench.encrypt("web-1-data")
    wrong = KEY.replace("a2tr", "b2tr", 1)
    message = bench.refused(bench.backup(consistency="stopped", disk_encryption_keys={"data": wrong}), "InvalidRequest")
    assert "not the one" in message
    assert wrong not in message


def test_disks_to_leave_out_must_exist(bench: VmBench, check: bool) -> None:
    assert 'exclude_disks: VM "web-1" has no disk Data' in bench.refused(bench.backup(exclude_disks=["Data"], check=check), "InvalidRequest")


def test_vm_needs_a_disk_to_save(bench: VmBench) -> None:
    assert "no disk to save" in bench.refused(bench.backup(exclude_disks=["data", "web-1", "web-1-logs"]), "InvalidRequest")


@pytest.mark.parametrize("options", [{"consistency": "stopped"}, {"retire_source": True}])
def test_local_ssd_is_not_lost_without_consent(bench: VmBench, options: dict[str, Any]) -> None:
    bench.add_local_ssd()
    assert "Set discard_local_ssd to allow that" in bench.refused(bench.backup(**options), "Conflict")


def test_local_ssd_is_discarded_with_consent(bench: VmBench) -> None:
    bench.add_local_ssd()
    assert bench.backup(consistency="stopped", discard_local_ssd=True).ok.changed


@pytest.mark.parametrize("options", [{"consistency": "stopped"}, {"retire_source": True}])
def test_suspended_vm_is_not_stopped(bench: VmBench, options: dict[str, Any], check: bool) -> None:
    bench.change_vm(status="SUSPENDED")
    assert "is suspended" in bench.refused(bench.backup(check=check, **options), "Conflict")


def test_protected_vm_is_not_retired(bench: VmBench, check: bool) -> None:
    bench.change_vm(deletionProtection=True)
    message = bench.refused(bench.backup(retire_source=True, check=check), "Conflict")
    assert "is protected against deletion" in message


@pytest.mark.parametrize(
    ("permission", "options"),
    [
        ("compute.instances.stop", {"consistency": "stopped"}),
        ("compute.instances.start", {"consistency": "stopped"}),
        ("compute.instances.setLabels", {"consistency": "stopped"}),
        ("compute.instances.delete", {"retire_source": True}),
        ("compute.instances.useReadOnly", {"method": "machine_image"}),
    ],
)
def test_missing_permission_is_named_before_anything_is_touched(make_bench: Any, permission: str, options: dict[str, Any], check: bool) -> None:
    bench: VmBench = make_bench(denied_permissions=[permission])
    message = bench.refused(bench.backup(check=check, **options), "AuthenticationFailed")
    assert permission in message
    assert "Nothing was changed" in message


def test_missing_permission_to_save_a_disk_is_named_before_the_vm_stops(make_bench: Any) -> None:
    bench: VmBench = make_bench(denied_permissions=["compute.disks.createSnapshot"])
    assert "compute.disks.createSnapshot" in bench.refused(bench.backup(consistency="stopped"), "AuthenticationFailed")


def test_missing_permission_to_read_a_disk_for_an_image_is_named_before_the_vm_stops(make_bench: Any) -> None:
    bench: VmBench = make_bench(denied_permissions=["compute.disks.useReadOnly"])
    assert "compute.disks.useReadOnly" in bench.refused(bench.backup(consistency="stopped", method="image"), "AuthenticationFailed")


def test_permission_to_stop_is_not_needed_where_nothing_stops(make_bench: Any) -> None:
    bench: VmBench = make_bench(denied_permissions=["compute.instances.stop"])
    assert bench.backup().ok.changed


@pytest.mark.parametrize(("metric", "method", "limit"), [("SNAPSHOTS", "snapshot", 2), ("IMAGES", "image", 2), ("MACHINE_IMAGES", "machine_image", 0)])
def test_quota_that_is_too_small_is_refused_with_its_numbers(make_bench: Any, metric: str, method: str, limit: int, check: bool) -> None:
    bench: VmBench = make_bench(quotas={metric: limit})
    message = bench.refused(bench.backup(method=method, check=check), "ProviderFailure")
    assert f"quota {metric} of the project is too small: {limit + 1} more are needed, {limit} of" in message


def test_quota_counts_only_what_is_missing(make_bench: Any) -> None:
    """A run that goes on needs no room for what is there."""
    bench: VmBench = make_bench()
    names = [disk["name"] for disk in bench.backup().ok["backup"]["disks"]]
    bench.remove("snapshots", names[1])
    bench.control.settings(quotas={"SNAPSHOTS": 3})
    assert bench.backup().ok["backup"]["status"] == "succeeded"


def test_other_method_under_the_same_datetime_is_a_conflict(bench: VmBench, check: bool) -> None:
    bench.backup()
    message = bench.refused(bench.backup(method="image", check=check), "Conflict")
    assert "method is snapshot, not image" in message


def test_other_tags_under_the_same_datetime_are_set_on_every_member(bench: VmBench) -> None:
    bench.backup(tags={"team": "sales", "env": "prod"})
    ran = bench.backup(tags={"team": "it"}).ok
    assert (ran.changed, ran["backup"]["tags"]) == (True, {"team": "it", "env": "prod"})
    assert [(snapshot["labels"]["team"], snapshot["labels"]["mcr-disks"]) for snapshot in bench.all("snapshots")] == [("it", "3")] * 3
    assert bench.backup(tags={"team": "it"}).ok.changed is False


def test_name_of_a_recovery_point_that_something_else_has_is_a_conflict(bench: VmBench) -> None:
    name = bench.backup(check=True).ok["backup"]["disks"][0]["name"]
    bench.add("snapshots", name, sourceDisk=bench.url(f"zones/{ZONE}/disks/other"), sourceDiskId="1")
    ran = bench.backup()
    assert ran.kind == "Conflict"
    assert name in ran.message
    assert bench.one("snapshots", name).get("labels") is None


def test_vm_that_is_gone_has_no_new_backup_but_its_old_ones(bench: VmBench) -> None:
    bench.backup()
    bench.lose_vm()
    gone = bench.backup().ok
    assert (gone.changed, gone["backup"]["vm_retired"]) == (False, True)
    assert "is gone already" in gone.message
    bench.refused(bench.backup(SECOND), "NotFound")


def test_vm_that_another_backup_holds_is_a_conflict_that_names_it(bench: VmBench) -> None:
    """It renews its lock while this run watches."""
    bench.hold(f"backup_{FIRST}")
    seen: list[int] = []
    sleep = bench.clock.sleep

    def renew(seconds: float) -> bool:
        seen.append(1)
        bench.mark_with("instances", VM, mcr_lock=f"abc123-r-{len(seen) + 1}")
        return sleep(seconds)

    bench.clock.sleep = renew  # type: ignore[method-assign]
    message = bench.refused(bench.backup(consistency="stopped"), "Conflict")
    assert f"for the backup {FIRST} is alive" in message


def test_quota_that_cannot_be_read_is_a_warning(bench: VmBench) -> None:
    """As of a snapshot: what cannot be looked at is no reason to save nothing."""
    bench.control.add_fault(kind="status", status=403, times=0, path=f".*/projects/{bench.project}$")
    ran = bench.backup().ok
    assert ran.changed
    assert "The quota of the project could not be read" in ran.warnings


@pytest.mark.parametrize(
    ("first", "then", "words"),
    [
        ({"storage_location": "eu"}, {}, "storage_location is eu, not unset"),
        ({}, {"storage_location": "eu"}, "storage_location is not set, not eu"),
        ({"storage_location": "eu"}, {"storage_location": "us"}, "storage_location is eu, not us"),
        ({"method": "image", "image_family": "web"}, {"method": "image"}, "image_family is web, not unset"),
        ({"consistency": "stopped"}, {"consistency": "application"}, "consistency is stopped, not application"),
        ({"exclude_disks": ["data"]}, {}, "disks are Odd_device.7, web-1, not Odd_device.7, data, web-1"),
    ],
)
def test_backup_that_was_asked_for_in_another_way_is_a_conflict(bench: VmBench, first: Any, then: Any, words: str, check: bool) -> None:
    assert bench.backup(**first).changed
    assert words in bench.refused(bench.backup(check=check, **then), "Conflict")
    assert not bench.backup(**first).changed


def test_vm_without_room_for_our_labels_is_refused(bench: VmBench, check: bool) -> None:
    bench.change_vm(labels={f"label-{number}": "x" for number in range(63)})
    message = bench.refused(bench.backup(consistency="stopped", check=check), "Conflict")
    assert "has 63 labels, and its lock needs three more of the 64" in message
