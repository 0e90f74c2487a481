# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores in place: new disks first, then a short stop, everything as it was but for the bytes, and the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.client import GceClient

from tests.unit.plugins.module_utils.backends.gce.vm_bench import (
    DISKS,
    FIRST,
    KEY,
    KEY_DIGEST,
    OTHER_ZONE,
    REGION,
    SECOND,
    VM,
    ZONE,
    VmBench,
    bad_steps,
    originals,
)

ORDER = ("/disks", "/addresses", "web-1-data/setLabels", "/stop", "/detachDisk", "/attachDisk", "/start")


# The way there


def test_vm_has_its_bytes_back_and_all_else_is_as_it_was(saved: VmBench) -> None:
    before, how, written = saved.vm(), saved.as_attached(), saved.one("disks", "web-1-data")["digest"]
    ran = saved.restore().ok
    after = saved.vm()
    assert saved.digests() == originals(saved)
    assert saved.as_attached() == how
    assert set(saved.attached()).isdisjoint(DISKS)
    same = ("id", "status", "machineType", "metadata", "tags", "serviceAccounts", "networkInterfaces", "scheduling")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    assert saved.one("disks", "web-1-data")["digest"] == written
    assert bad_steps(ran.report.statuses) == {}


def test_lock_comes_first_then_new_disks_then_the_note_on_the_old_ones_then_the_stop(saved: VmBench) -> None:
    ran = saved.restore().ok
    assert ran.sent[0].endswith(f"/instances/{VM}/setLabels")
    assert ran.order(*ORDER) == [part for part in ORDER if part != "/addresses"]
    assert ran.sent[-1].endswith(f"/instances/{VM}/setLabels")


def test_boot_disk_is_attached_first_and_the_others_by_their_index(saved: VmBench) -> None:
    attached = saved.restore().ok.every_body(f"POST zones/{ZONE}/instances/{VM}/attachDisk")
    assert [(body["deviceName"], body["boot"], body["autoDelete"]) for body in attached] == [
        ("web-1", True, True),
        ("data", False, True),
        ("Odd_device.7", False, False),
    ]


def test_order_mode_and_interface_of_every_device_are_kept(saved: VmBench) -> None:
    saved.change_device("data", interface="NVME", mode="READ_ONLY")
    how = saved.as_attached()
    assert saved.restore().ok
    assert saved.as_attached() == how


def test_new_disks_are_ready_before_the_vm_stops(saved: VmBench) -> None:
    saved.control.settings(operation_s_of={"disks.insert": 0.05})
    assert saved.restore().ok
    log = saved.control.act("operations", project=saved.project)
    made = [entry["end_s"] for entry in log if entry["type"] == "insert" and "/disks/" in entry["target"]]
    stopped = next(entry["insert_s"] for entry in log if entry["type"] == "stop")
    assert max(made) <= stopped


def test_new_disks_are_asked_for_before_any_of_them_is_waited_for(saved: VmBench) -> None:
    saved.control.settings(operation_s_of={"disks.insert": 0.1})
    assert saved.restore().ok
    log = [entry for entry in saved.control.act("operations", project=saved.project) if entry["type"] == "insert" and "/disks/" in entry["target"]]
    assert max(entry["insert_s"] for entry in log) < min(entry["end_s"] for entry in log)


def test_changes_of_the_vm_are_sent_one_after_another(saved: VmBench) -> None:
    saved.control.settings(operation_s_of={"attachDisk": 0.02, "detachDisk": 0.02, "stop": 0.02})
    assert saved.restore(lock_ttl=120).ok
    log = [entry for entry in saved.control.act("operations", project=saved.project) if entry["target"].endswith(f"/instances/{VM}")]
    assert all(earlier["end_s"] <= later["insert_s"] for earlier, later in zip(log, log[1:]))


def test_new_disks_are_like_the_old_ones(saved: VmBench) -> None:
    saved.change("disks", "web-1-data", sizeGb="50", provisionedIops="4000")
    assert saved.restore().ok
    new = saved.one("disks", saved.attached()[1])
    old = saved.one("disks", "web-1-data")
    assert {key: new.get(key) for key in ("sizeGb", "type", "provisionedIops")} == {key: old.get(key) for key in ("sizeGb", "type", "provisionedIops")}
    assert {key: value for key, value in new["labels"].items() if not key.startswith("mcr-")} == {"app": "web", "role": "data"}


def test_schedules_come_along_to_the_new_disks(saved: VmBench) -> None:
    saved.add("resourcePolicies", "nightly", f"regions/{REGION}")
    policy = saved.url(f"regions/{REGION}/resourcePolicies/nightly")
    saved.change("disks", "web-1-data", resourcePolicies=[policy])
    assert saved.restore().ok
    assert saved.one("disks", saved.attached()[1])["resourcePolicies"] == [policy]


def test_regional_disk_is_made_in_its_region_with_its_zones(bench: VmBench) -> None:
    zones = [bench.url(f"zones/{zone}") for zone in (ZONE, OTHER_ZONE)]
    place = f"regions/{REGION}"
    kind = bench.url(f"{place}/diskTypes/pd-balanced")
    bench.add("disks", "big", place, sizeGb="20", type=kind, replicaZones=zones, status="READY", data="YmlnIG9uZQ==")
    bench.change_device("data", source=bench.url(f"{place}/disks/big"))
    bench.change("disks", "web-1-data", users=[])
    bench.change("disks", "big", users=[bench.vm_url])
    assert bench.backup().ok
    assert bench.restore().ok
    new = bench.one("disks", bench.attached()[1])
    assert (new["place"], new["replicaZones"]) == (place, zones)
    assert new["digest"] == bench.one("disks", "big")["digest"]


def test_vm_that_was_stopped_stays_stopped(saved: VmBench) -> None:
    saved.change_vm(status="TERMINATED")
    ran = saved.restore().ok
    assert ran.order("/stop", "/start") == []
    assert (saved.vm()["status"], saved.digests()) == ("TERMINATED", originals(saved))


@pytest.mark.parametrize(
    ("start", "before", "after"), [("started", "TERMINATED", "RUNNING"), ("stopped", "RUNNING", "TERMINATED"), ("as_before", "RUNNING", "RUNNING")]
)
def test_task_decides_whether_the_vm_runs_afterwards(saved: VmBench, start: str, before: str, after: str) -> None:
    saved.change_vm(status=before)
    ran = saved.restore(start=start).ok
    assert (saved.vm()["status"], ran["restore"]["vm_status"]) == (after, after)


def test_disk_that_the_point_does_not_hold_is_left_alone_and_warned_of(bench: VmBench) -> None:
    assert bench.backup(exclude_disks=["data"]).ok
    bench.write("kept")
    ran = bench.restore().ok
    assert "keeps these disks as they are" in ran.warnings
    assert bench.attached()[1:2] == ["web-1-data"] or "web-1-data" in bench.attached()


def test_result_warns_that_tools_which_own_the_disks_will_see_a_change(saved: VmBench) -> None:
    assert "Terraform" in saved.restore().ok.warnings


def test_record_tells_the_age_of_the_recovery_point_of_every_disk(saved: VmBench) -> None:
    record = saved.restore(check=True).ok["restore"]
    assert {disk["recovery_point_at"] for disk in record["disks"]} <= {disk["created_at"] for disk in saved.backup().ok["backup"]["disks"]}
    assert record["point"] == FIRST


def test_check_mode_predicts_the_result_and_sends_nothing(saved: VmBench) -> None:
    predicted = saved.restore(check=True, tags={"team": "sales"}).ok
    assert (predicted.sent, predicted.changed) == ([], True)
    real = saved.restore(tags={"team": "sales"}).ok
    assert set(predicted.value) == set(real.value)
    assert set(predicted["restore"]) == set(real["restore"])
    free = ("uid",)
    for before, after in zip(predicted["restore"]["disks"], real["restore"]["disks"]):
        assert {key: value for key, value in before.items() if key not in free} == {key: value for key, value in after.items() if key not in free}
    same = set(real["restore"]) - {"disks", "old_disks", "created_at"}
    assert {key: predicted["restore"][key] for key in same} == {key: real["restore"][key] for key in same}


def test_same_name_again_is_unchanged(saved: VmBench) -> None:
    first = saved.restore().ok
    again = saved.restore().ok
    assert (again.changed, again.sent, again["restore"]) == (False, [], first["restore"])
    assert "was completed" in again.message


def test_same_name_for_another_point_is_a_conflict(saved: VmBench) -> None:
    assert saved.restore(snapshot_datetime=FIRST).ok
    assert saved.backup(SECOND).ok
    assert "went back to 20260101-000000, not to 20260102-000000" in saved.refused(saved.restore(snapshot_datetime=SECOND), "Conflict")


def test_new_name_restores_again(saved: VmBench) -> None:
    assert saved.restore().ok
    first = saved.attached()
    assert saved.restore(name="r2").ok.changed
    assert set(saved.attached()).isdisjoint(first)


def test_restore_is_named_by_vm_and_datetime_unless_the_task_names_it(saved: VmBench) -> None:
    assert saved.restore(name=None, check=True).ok["restore"]["name"] == f"{VM}-{FIRST}"


def test_latest_is_the_newest_complete_backup(saved: VmBench) -> None:
    broken = saved.backup(SECOND).ok["backup"]["disks"][0]["name"]
    saved.change("snapshots", broken, status="FAILED")
    assert saved.restore(check=True).ok["restore"]["point"] == FIRST


def test_backup_is_named_by_its_name(saved: VmBench) -> None:
    assert saved.restore(backup=f"{VM}-{FIRST}", check=True).ok["restore"]["point"] == FIRST


def test_snapshots_by_name_restore_the_devices_given(saved: VmBench) -> None:
    by_device = {disk["device"]: disk["name"] for disk in saved.backup().ok["backup"]["disks"]}
    ran = saved.restore(snapshots={"data": by_device["data"]}).ok
    assert [disk["device"] for disk in ran["restore"]["disks"]] == ["data"]
    assert saved.digests() == originals(saved)
    assert "web-1" in saved.attached()


@pytest.mark.parametrize("method", ["image", "machine_image"])
def test_every_method_of_saving_is_restored(bench: VmBench, method: str) -> None:
    before = bench.digests()
    assert bench.backup(method=method).ok
    bench.write("later")
    assert bench.restore().ok
    assert bench.digests() == before


def test_image_by_name_restores_the_boot_disk_alone(bench: VmBench) -> None:
    boot = bench.one("disks", "web-1")["digest"]
    bench.add("images", "golden", sourceDisk=bench.url(f"zones/{ZONE}/disks/web-1"), sourceDiskId="1", diskSizeGb="10", data="Z29sZGVu")
    ran = bench.restore(source_image="golden").ok
    assert [disk["device"] for disk in ran["restore"]["disks"]] == ["web-1"]
    assert bench.digests()[0] != boot
    assert bench.attached()[1:] == list(DISKS[1:])


# Addresses


def test_static_address_is_kept_without_a_new_reservation(saved: VmBench) -> None:
    address = saved.external()
    ran = saved.restore().ok
    assert saved.external() == address
    assert saved.names("addresses") == ["web-1-ip"]
    assert ran.every_body(f"POST regions/{REGION}/addresses") == []


def test_address_that_would_change_is_reserved_before_the_stop(saved: VmBench) -> None:
    saved.remove("addresses", "web-1-ip")
    address = saved.external()
    ran = saved.restore().ok
    assert ran.order(f"POST regions/{REGION}/addresses", "/stop") == [f"POST regions/{REGION}/addresses", "/stop"]
    assert saved.external() == address
    (reserved,) = saved.all("addresses")
    assert reserved["address"] == address


def test_address_is_given_up_where_the_task_says_so_and_that_is_warned_of(saved: VmBench) -> None:
    saved.remove("addresses", "web-1-ip")
    address = saved.external()
    ran = saved.restore(preserve_external_ip=False).ok
    assert f"External addresses that are not reserved change when the VM stops: {address}" in ran.warnings
    assert saved.all("addresses") == []


# Keys


def test_disk_with_a_key_of_its_own_is_restored_with_it(bench: VmBench) -> None:
    bench.encrypt("web-1-data")
    bench.change_device("data", diskEncryptionKey={"sha256": KEY_DIGEST})
    keys = {"data": KEY}
    assert bench.backup(disk_encryption_keys=keys).ok
    before = bench.digests()
    bench.write("later")
    ran = bench.restore(disk_encryption_keys=keys).ok
    assert bench.digests() == before
    assert [bench.one("disks", disk).get("diskEncryptionKey") for disk in bench.attached()] == [None, {"sha256": KEY_DIGEST}, None]
    assert KEY not in json.dumps(ran.value)
    assert not [disk for disk in bench.all("disks") if KEY in json.dumps(disk)]


def test_key_for_a_disk_that_needs_none_is_not_sent_with_it(saved: VmBench) -> None:
    ran = saved.restore(disk_encryption_keys={"data": KEY})
    assert not [body for body in ran.bodies if body and "rawKey" in json.dumps(body)]


def test_key_that_is_missing_is_refused(bench: VmBench) -> None:
    bench.encrypt("web-1-data")
    assert bench.backup(disk_encryption_keys={"data": KEY}).ok
    message = bench.refused(bench.restore(), "InvalidRequest")
    assert "The disk data is encrypted with a key of your own. Give the right keys in disk_encryption_keys" in message


# Old disks


def test_old_disks_are_kept_and_say_what_took_their_place(saved: VmBench) -> None:
    record = saved.restore().ok["restore"]
    for disk in DISKS:
        labels = saved.labels("disks", disk)
        assert (labels["mcr-replaced-by"], labels["mcr-kept"], labels["mcr-vm"]) == ("r1", "yes", VM)
    assert sorted(old["disk"].rpartition("/")[2] for old in record["old_disks"]) == sorted(DISKS)
    assert all(old["kept"] for old in record["old_disks"])


def test_old_disks_are_deleted_only_after_the_vm_was_seen_to_run_on_the_new_ones(saved: VmBench) -> None:
    ran = saved.restore(old_disks="delete").ok
    assert ran.order("/start", "DELETE zones/") == ["/start", "DELETE zones/"]
    assert not set(DISKS) & set(saved.names("disks"))
    assert ran["restore"]["old_disks"] == []


def test_nothing_of_the_lock_is_left_on_the_vm_or_its_disks(saved: VmBench) -> None:
    assert saved.restore().ok
    labels = [saved.labels(), *(disk.get("labels", {}) for disk in saved.all("disks"))]
    assert not [label for found in labels for label in found if label.startswith("mcr-lock")]


# What goes wrong


def test_name_of_a_new_disk_that_something_else_has_is_refused(saved: VmBench) -> None:
    name = saved.restore(check=True).ok["restore"]["disks"][0]["disk"].rpartition("/")[2]
    saved.add("disks", name, f"zones/{ZONE}", type=saved.url(f"zones/{ZONE}/diskTypes/pd-ssd"))
    assert f"the name {name} is taken by a disk that is not part of the restore" in saved.refused(saved.restore(), "Conflict")


def test_new_disk_that_cannot_be_made_leaves_the_vm_running_and_nothing_behind(saved: VmBench) -> None:
    before = saved.names("disks")
    saved.control.add_fault("operation", method="POST", path="/disks$", error={"code": "INTERNAL_ERROR", "message": "no"}, nth=3)
    ran = saved.restore()
    assert ran.error is not None
    assert ran.order("/stop", "/detachDisk") == []
    assert (saved.names("disks"), saved.vm()["status"]) == (before, "RUNNING")
    assert not [label for label in saved.labels() if label.startswith("mcr-")]


# There is one stop.
@pytest.mark.parametrize(("path", "nth"), [("/stop$", 1), *((path, nth) for path in ("/detachDisk$", "/attachDisk$") for nth in (1, 2))])
def test_failure_in_the_middle_puts_the_vm_back_on_its_disks(saved: VmBench, path: str, nth: int) -> None:
    digests, how = saved.digests(), saved.as_attached()
    saved.control.add_fault("status", method="POST", path=path, status=400, reason="invalid", nth=nth)
    ran = saved.restore()
    assert ran.error is not None
    assert (saved.attached(), saved.digests(), saved.as_attached()) == (list(DISKS), digests, how)
    assert saved.vm()["status"] == "RUNNING"
    assert "mcr-lock" not in saved.labels()
    assert f'VM "{VM}" is RUNNING on its disks from before' in ran.message
    assert saved.restore().ok.changed


def test_start_that_is_refused_swaps_back(saved: VmBench) -> None:
    saved.control.add_fault("operation", method="POST", path="/start$", error={"code": "INVALID_USAGE", "message": "no"}, http_status=400, nth=1)
    ran = saved.restore()
    assert ran.error is not None
    assert (saved.attached(), saved.vm()["status"]) == (list(DISKS), "RUNNING")


def test_start_without_capacity_keeps_the_new_disks_on_and_says_so(saved: VmBench) -> None:
    saved.control.settings(out_of_stock_zones=[ZONE])
    ran = saved.restore(wait_timeout=30)
    assert ran.kind == "ProviderFailure"
    assert set(saved.attached()).isdisjoint(DISKS)
    assert "no capacity or quota" in ran.message
    assert "the disks from before are kept" in ran.message
    assert saved.vm()["status"] == "TERMINATED"
    saved.control.settings(out_of_stock_zones=[])
    assert saved.restore().ok["restore"]["status"] == "succeeded"
    assert (saved.vm()["status"], saved.digests()) == ("RUNNING", originals(saved))


def test_lock_that_another_run_took_stops_this_one_and_nothing_is_put_back(saved: VmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    original = GceClient.stop_instance

    def lose(self: GceClient, *given: Any) -> Any:
        sent = original(self, *given)
        saved.hold("restore_r1", run="thief")
        return sent

    monkeypatch.setattr(GceClient, "stop_instance", lose)
    ran = saved.restore()
    assert 'taken over by the restore "r1" (run thief)' in ran.message
    assert ran.order("/stop", "/detachDisk", "/start") == ["/stop"]
    assert saved.labels()["mcr-lock"].startswith("thief-")


def test_vm_whose_disks_somebody_changes_meanwhile_is_left_alone(saved: VmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    original = GceClient.set_instance_labels

    def exchange(self: GceClient, *given: Any) -> Any:
        sent = original(self, *given)
        saved.change_vm(disks=saved.vm()["disks"][:2])
        return sent

    monkeypatch.setattr(GceClient, "set_instance_labels", exchange)
    ran = saved.restore()
    assert ran.kind == "Conflict"
    assert ran.order("/disks", "/stop") == []


# Going on, and seeing it from elsewhere


def killed_at(bench: VmBench, monkeypatch: pytest.MonkeyPatch, method: str, nth: int = 1, **given: Any) -> None:
    """A run that dies before its ``nth`` call of a client's method: nothing is undone, the lock stays."""

    class Killed(BaseException):
        keeps_state = True

    calls: list[int] = []
    original = getattr(GceClient, method)

    def die(self: GceClient, *args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) >= nth:
            raise Killed
        return original(self, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(GceClient, method, die)
        patched.setattr("ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.lock.Lock.abandon", lambda lock: lock.stop_renewing())
        with pytest.raises(Killed):
            bench.restore(**given)


KILLS: list[tuple[str, int]] = [("insert_disk", 2), ("stop_instance", 1), ("detach_disk", 2), ("attach_disk", 1), ("attach_disk", 3), ("start_instance", 1)]


@pytest.mark.parametrize(("method", "nth"), KILLS)
def test_next_run_goes_on_where_a_dead_one_stopped(saved: VmBench, monkeypatch: pytest.MonkeyPatch, method: str, nth: int) -> None:
    how = saved.as_attached()
    killed_at(saved, monkeypatch, method, nth)
    assert "mcr-lock" in saved.labels()
    ran = saved.restore().ok
    assert (saved.vm()["status"], saved.digests(), saved.as_attached()) == ("RUNNING", originals(saved), how)
    assert ran["restore"]["status"] == "succeeded"
    assert len(saved.all("disks")) == 7
    assert "mcr-lock" not in saved.labels()


@pytest.mark.parametrize(
    ("method", "nth", "step", "following"),
    [
        ("insert_disk", 2, "create disks", "stop VM"),
        ("stop_instance", 1, "create disks", "stop VM"),
        ("detach_disk", 1, "stop VM", "detach old disks"),
        ("attach_disk", 1, "detach old disks", "attach new disks"),
        ("start_instance", 1, "attach new disks", "start VM"),
    ],
)
def test_restore_that_runs_elsewhere_shows_holder_step_and_what_is_next(
    saved: VmBench, monkeypatch: pytest.MonkeyPatch, method: str, nth: int, step: str, following: str
) -> None:
    killed_at(saved, monkeypatch, method, nth)
    record = saved.run("restore", "INSPECT_ONE", name="r1").ok["restore"]
    assert (record["status"], record["step"], record["next"]) == ("running", step, following)
    assert record["holder"] == saved.labels()["mcr-lock"].split("-")[0]


def test_restore_that_ended_unfinished_is_pending(saved: VmBench) -> None:
    saved.control.settings(out_of_stock_zones=[ZONE])
    saved.restore(wait_timeout=5)
    record = saved.run("restore", "INSPECT_ONE", name="r1").ok["restore"]
    assert (record["status"], record["step"], record["next"]) == ("pending", "attach new disks", "start VM")


def test_another_restore_waits_for_nobody_and_names_the_holder(saved: VmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_at(saved, monkeypatch, "stop_instance")
    message = saved.refused(saved.restore(name="r2"), "Conflict")
    assert 'held by the restore "r1"' in message
    assert "rollback_of: r1" in message


def test_restores_are_listed_through_the_filters(saved: VmBench) -> None:
    assert saved.restore(tags={"team": "sales"}).ok
    assert saved.restore(name="r2").ok

    def names(**filters: Any) -> list[str]:
        return sorted(record["name"] for record in saved.run("restore", "INSPECT_ALL", **filters).ok["restores"])

    assert names() == ["r1", "r2"]
    assert names(vm_name="db-1") == []
    assert names(name_filter="2") == ["r2"]
    assert names(status=["failed"]) == []
    assert names(status=["succeeded"]) == ["r1", "r2"]
    assert len(names(max_objects=1)) == 1


def test_restore_that_is_not_there_is_not_found(bench: VmBench) -> None:
    bench.refused(bench.run("restore", "INSPECT_ONE", name="r9"), "NotFound")


def test_later_restore_is_named_by_the_one_that_it_replaced(saved: VmBench) -> None:
    assert saved.restore().ok
    assert saved.restore(name="r2").ok
    record = saved.run("restore", "INSPECT_ONE", name="r1").ok["restore"]
    assert (record["superseded_by"], record["status"]) == ("r2", "succeeded")
