# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving up backups, one or by rules, and retiring a VM: nothing goes that is still needed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins.module_utils.backends.gce.vm_bench import DISKS, FIRST, SECOND, THIRD, VM, ZONE, VmBench

KEEP_ONE = {"keep_last": 1}


def delete(bench: VmBench, moment: str = FIRST, **given: Any) -> Any:
    return bench.run("backup", "DELETE", **{"name": f"{VM}-{moment}", **given})


def prune(bench: VmBench, rules: dict[str, Any], **given: Any) -> Any:
    return bench.run("backup", "DELETE", vm_name=VM, retention=rules, **given)


def moments(bench: VmBench) -> list[str]:
    return sorted({snapshot["labels"]["mcr-backup"] for snapshot in bench.all("snapshots")})


# One backup


@pytest.mark.parametrize(("method", "plural"), [("snapshot", "snapshots"), ("image", "images"), ("machine_image", "machineImages")])
def test_whole_set_is_deleted_and_its_manifest_with_it(bench: VmBench, method: str, plural: str) -> None:
    assert bench.backup(method=method).ok
    ran = delete(bench).ok
    assert (ran.changed, ran["backup"]) == (True, {})
    assert bench.all(plural) == []
    assert bench.all("instanceTemplates") == []


def test_manifest_goes_with_the_last_backup_that_uses_it(bench: VmBench) -> None:
    bench.backup()
    bench.backup(SECOND)
    assert delete(bench).ok
    assert len(bench.all("instanceTemplates")) == 1
    assert delete(bench, SECOND).ok
    assert bench.all("instanceTemplates") == []


def test_deletion_of_what_is_absent_is_unchanged(bench: VmBench) -> None:
    ran = delete(bench).ok
    assert (ran.changed, ran["backup"], ran.sent) == (False, {}, [])
    assert "already absent" in ran.message


def test_check_mode_deletes_nothing(bench: VmBench) -> None:
    bench.backup()
    ran = delete(bench, check=True).ok
    assert (ran.changed, ran.sent) == (True, [])
    assert len(bench.all("snapshots")) == 3


def test_other_backups_are_left_alone(bench: VmBench) -> None:
    bench.backup()
    bench.backup(SECOND)
    assert bench.run("backup", vm_name="db-1", zone="europe-west1-c", snapshot_datetime=FIRST).ok
    assert delete(bench).ok
    assert moments(bench) == [FIRST, SECOND]
    assert len(bench.all("snapshots")) == 4


def test_backup_without_the_tags_that_were_meant_is_not_deleted(bench: VmBench) -> None:
    bench.backup(tags={"team": "sales"})
    assert "does not carry the labels" in bench.refused(delete(bench, tags={"team": "it"}), "Conflict")


def test_backup_that_a_restore_may_be_reading_is_not_deleted(bench: VmBench) -> None:
    bench.backup()
    bench.hold("restore_r1")
    assert 'held by the restore "r1"' in bench.refused(delete(bench), "Conflict")


def test_backup_of_a_vm_that_is_gone_is_deleted(bench: VmBench) -> None:
    bench.backup()
    bench.lose_vm()
    assert delete(bench).ok.changed


def test_partial_failure_is_a_failure_that_lists_what_remains(bench: VmBench) -> None:
    names = [disk["name"] for disk in bench.backup().ok["backup"]["disks"]]
    bench.control.add_fault("status", method="DELETE", path=f"/snapshots/{names[1]}$", status=400, reason="invalid", times=0)
    ran = delete(bench)
    assert ran.kind == "ProviderFailure"
    assert f"These remain: {names[1]}. Run the task again." in ran.message
    bench.control.clear_faults()
    assert delete(bench).ok.changed
    assert bench.all("snapshots") == []


def test_member_that_somebody_else_has_deleted_meanwhile_is_no_failure(bench: VmBench) -> None:
    names = [disk["name"] for disk in bench.backup().ok["backup"]["disks"]]
    bench.control.add_fault("status", method="DELETE", path=f"/snapshots/{names[1]}$", status=404, reason="notFound")
    bench.control.add_fault("drop_after", method="DELETE", path=f"/snapshots/{names[0]}$")
    delete(bench)
    assert not {names[0], names[2]} & set(bench.names("snapshots"))


def test_all_attempts_of_a_backup_are_deleted(bench: VmBench) -> None:
    names = [disk["name"] for disk in bench.backup().ok["backup"]["disks"]]
    bench.change("snapshots", names[0], status="FAILED")
    bench.control.add_fault("status", method="DELETE", path="/snapshots/", status=400, reason="invalid", times=0)
    bench.backup()
    bench.control.clear_faults()
    assert delete(bench).ok
    assert bench.all("snapshots") == []


# By rules


def test_rules_release_whole_sets_oldest_first(bench: VmBench) -> None:
    for moment in (FIRST, SECOND, THIRD):
        assert bench.backup(moment).ok
    ran = prune(bench, {"keep_last": 2}).ok
    assert [record["snapshot_datetime"] for record in ran["backups"]] == [FIRST]
    assert moments(bench) == [SECOND, THIRD]


def test_check_mode_lists_what_would_be_deleted(bench: VmBench) -> None:
    for moment in (FIRST, SECOND):
        assert bench.backup(moment).ok
    ran = prune(bench, KEEP_ONE, check=True).ok
    assert [record["snapshot_datetime"] for record in ran["backups"]] == [FIRST]
    assert (ran.changed, ran.sent) == (True, [])


def test_newest_complete_set_is_never_released(bench: VmBench) -> None:
    assert bench.backup().ok
    ran = prune(bench, {"older_than": "1h"}).ok
    assert (ran.changed, moments(bench)) == (False, [FIRST])
    assert "newest complete one, which no rule deletes" in ran.message


def test_incomplete_sets_neither_count_nor_are_released(bench: VmBench) -> None:
    bench.backup()
    broken = [disk["name"] for disk in bench.backup(SECOND).ok["backup"]["disks"]]
    bench.change("snapshots", broken[0], status="FAILED")
    ran = prune(bench, KEEP_ONE).ok
    assert (ran.changed, moments(bench)) == (False, [FIRST, SECOND])


def test_every_rule_must_release_a_set(bench: VmBench) -> None:
    for moment in (FIRST, SECOND):
        assert bench.backup(moment).ok
    for snapshot in bench.all("snapshots"):
        day = 1 if snapshot["labels"]["mcr-backup"] == FIRST else 2
        bench.change("snapshots", snapshot["name"], creationTimestamp=f"2026-01-0{day}T00:00:00.000-08:00")
    assert prune(bench, {"keep_last": 2, "older_than": "1h"}).ok.changed is False
    assert prune(bench, {"keep_last": 1, "older_than": "9999w"}).ok.changed is False
    assert prune(bench, {"keep_last": 1, "older_than": "1h"}).ok.changed is True


def test_rules_see_only_the_vm_and_the_zone_that_were_named(bench: VmBench) -> None:
    for moment in (FIRST, SECOND):
        assert bench.run("backup", vm_name="db-1", zone="europe-west1-c", snapshot_datetime=moment).ok
    bench.backup(FIRST)
    assert prune(bench, KEEP_ONE).ok.changed is False
    assert bench.run("backup", "DELETE", vm_name="db-1", retention=KEEP_ONE).ok.changed is False


# Images that somebody took out of use


def two_of_images(bench: VmBench, state: str = "", replacement: str = "") -> None:
    """Two backups as images, of which the older one has given way to the newer; ``state`` is what somebody has made of the newer."""
    for moment in (FIRST, SECOND):
        assert bench.backup(moment, method="image", image_family="web").ok
    for image in bench.all("images"):
        if state and image["labels"].get("mcr-backup") == SECOND:
            bench.change("images", image["name"], deprecated={"state": state, **({"replacement": replacement} if replacement else {})})


def images_of(bench: VmBench) -> list[str]:
    return sorted({image["labels"]["mcr-backup"] for image in bench.all("images") if "mcr-backup" in image.get("labels", {})})


@pytest.mark.parametrize("state", ["OBSOLETE", "DEPRECATED"])
def test_backup_that_can_be_restored_from_is_kept_when_a_newer_one_was_taken_out_of_use(bench: VmBench, state: str) -> None:
    """A family is rolled back by deprecating its newest image."""
    two_of_images(bench, state)
    ran = prune(bench, KEEP_ONE).ok
    assert not ran.changed
    assert f"{VM}-{SECOND} is kept: it is not usable" in ran.message
    assert images_of(bench) == [FIRST, SECOND]
    assert bench.restore(check=True).ok["restore"]["point"] == FIRST


def test_family_that_was_rolled_back_to_the_image_before_keeps_that(bench: VmBench) -> None:
    two_of_images(bench)
    older = next(image for image in bench.all("images") if image["labels"].get("mcr-backup") == FIRST and image["sourceDisk"].endswith("/web-1"))
    newer = next(image for image in bench.all("images") if image["labels"].get("mcr-backup") == SECOND and image["sourceDisk"].endswith("/web-1"))
    bench.change("images", newer["name"], deprecated={"state": "DEPRECATED", "replacement": bench.url(f"global/images/{older['name']}")})
    assert not prune(bench, KEEP_ONE).ok.changed
    assert images_of(bench) == [FIRST, SECOND]


def test_images_that_gave_way_to_newer_ones_of_ours_are_pruned(bench: VmBench) -> None:
    """We have deprecated them ourselves, also in the second in which the newer ones were made: that takes them out of no use."""
    two_of_images(bench)
    assert prune(bench, KEEP_ONE).changed
    assert images_of(bench) == [SECOND]


# Snapshots that another tool has made with copied labels


def test_snapshot_of_another_tool_with_copied_labels_is_no_part_of_a_backup(bench: VmBench) -> None:
    assert bench.backup().ok
    ours = {key: value for key, value in bench.all("snapshots")[0].items() if key not in ("digest", "name", "place", "id", "creationTimestamp")}
    bench.add("snapshots", "by-another-tool", **ours)
    (record,) = bench.run("backup", "INSPECT_ALL").ok["backups"]
    assert (len(record["disks"]), record["status"]) == (3, "succeeded")
    assert "by-another-tool" not in {disk["name"] for disk in record["disks"]}
    assert bench.restore(check=True).changed
    assert delete(bench).changed
    assert bench.names("snapshots") == ["by-another-tool"]


def test_one_failing_deletion_keeps_no_other_from_being_carried_out(bench: VmBench) -> None:
    for moment in (FIRST, SECOND, THIRD):
        assert bench.backup(moment).ok
    (name, *_rest) = [snapshot["name"] for snapshot in bench.all("snapshots") if snapshot["labels"]["mcr-backup"] == FIRST]
    bench.control.add_fault("status", method="DELETE", path=f"/snapshots/{name}$", status=400, reason="invalid", times=0)
    ran = prune(bench, KEEP_ONE)
    assert [entry["name"] for entry in ran["errors"]] == [f"{VM}-{FIRST}"]
    assert [record["snapshot_datetime"] for record in ran["backups"]] == [SECOND]
    assert name in ran["errors"][0]["error"]["message"]


def test_nothing_is_pruned_while_a_restore_holds_the_vm(bench: VmBench) -> None:
    bench.backup()
    bench.backup(SECOND)
    bench.hold("restore_r1")
    bench.refused(prune(bench, KEEP_ONE), "Conflict")


def test_manifest_that_a_kept_set_uses_stays(bench: VmBench) -> None:
    bench.backup()
    bench.backup(SECOND)
    assert prune(bench, KEEP_ONE).ok
    assert len(bench.all("instanceTemplates")) == 1


# Retiring


def retire(bench: VmBench, moment: str | None = FIRST, **given: Any) -> Any:
    return bench.backup(moment, method="image", retire_source=True, **given)


def test_vm_is_retired_when_everything_is_saved(bench: VmBench) -> None:
    ran = retire(bench).ok
    assert ran.order("setLabels", "/stop", "global/images", "DELETE zones/") == ["setLabels", "/stop", "global/images", "DELETE zones/"]
    assert bench.find("instances", VM) is None
    assert (ran["backup"]["vm_retired"], ran["backup"]["consistency"], ran["backup"]["status"]) == (True, "stopped", "succeeded")
    assert {image["status"] for image in bench.all("images")} == {"READY"}


def test_disks_that_stay_when_the_vm_goes_are_warned_of(bench: VmBench) -> None:
    ran = retire(bench).ok
    assert "web-1-logs" in ran.warnings
    assert [disk for disk in DISKS if bench.find("disks", disk)] == ["web-1-logs"]


def test_retiring_again_is_unchanged(bench: VmBench) -> None:
    assert retire(bench).ok
    again = retire(bench).ok
    assert (again.changed, again["backup"]["vm_retired"]) == (False, True)
    without_moment = retire(bench, None).ok
    assert (without_moment.changed, without_moment["backup"]["snapshot_datetime"]) == (False, FIRST)


def test_vm_is_not_retired_when_an_image_fails(bench: VmBench) -> None:
    bench.control.add_fault("operation", method="POST", path="/images$", error={"code": "INTERNAL_ERROR", "message": "no"}, nth=2, times=1)
    ran = retire(bench)
    assert ran.error is not None
    assert bench.vm()["status"] == "RUNNING"
    assert "mcr-lock" not in bench.labels()


def test_vm_that_was_started_meanwhile_is_not_retired(bench: VmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody started and stopped it again: its disks may hold more than the images."""
    client_class = type(bench.client())
    original = client_class.insert_image

    def start_and_stop(self: Any, *given: Any, **more: Any) -> Any:
        sent = original(self, *given, **more)
        bench.change_vm(lastStartTimestamp="2030-01-01T00:00:00.000-08:00")
        return sent

    monkeypatch.setattr(client_class, "insert_image", start_and_stop)
    ran = retire(bench)
    assert ran.kind == "Conflict"
    assert "was started while its disks were saved" in ran.message
    assert bench.vm()["status"] == "RUNNING"


def test_vm_that_runs_is_not_retired(bench: VmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    client_class = type(bench.client())
    original = client_class.insert_image

    def start(self: Any, *given: Any, **more: Any) -> Any:
        sent = original(self, *given, **more)
        bench.change_vm(status="RUNNING")
        return sent

    monkeypatch.setattr(client_class, "insert_image", start)
    assert retire(bench).kind == "Conflict"
    assert bench.vm()["status"] == "RUNNING"


def test_vm_whose_lock_another_run_has_taken_is_not_retired(bench: VmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    client_class = type(bench.client())
    original = client_class.insert_image

    def take_over(self: Any, *given: Any, **more: Any) -> Any:
        sent = original(self, *given, **more)
        bench.hold("restore_r1", run="thief")
        return sent

    monkeypatch.setattr(client_class, "insert_image", take_over)
    ran = retire(bench)
    assert ran.kind == "Conflict"
    assert 'held by the restore "r1" (run thief)' in ran.message
    assert bench.find("instances", VM) is not None
    assert bench.labels()["mcr-lock"].startswith("thief-")


def test_vm_of_the_same_name_that_is_another_one_is_not_retired(bench: VmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    client_class = type(bench.client())
    original = client_class.insert_image

    def exchange(self: Any, *given: Any, **more: Any) -> Any:
        sent = original(self, *given, **more)
        bench.change_vm(id="999")
        return sent

    monkeypatch.setattr(client_class, "insert_image", exchange)
    assert retire(bench).kind == "Conflict"
    assert bench.find("instances", VM) is not None


def test_backup_of_the_running_vm_is_no_reason_to_delete_it(bench: VmBench) -> None:
    """It does not hold what was written since."""
    assert bench.backup(method="image").ok
    bench.write("later")
    assert "was made while VM" in bench.refused(retire(bench), "Conflict")
    assert bench.vm()["status"] == "RUNNING"


def test_backup_of_the_stopped_vm_from_before_its_last_start_is_no_reason_either(bench: VmBench) -> None:
    assert bench.backup(method="image", consistency="stopped").ok
    bench.write("later")
    assert "before its last start" in bench.refused(retire(bench), "Conflict")


def test_backup_of_the_vm_as_it_still_stands_is_reason_enough(bench: VmBench) -> None:
    bench.change_vm(status="TERMINATED")
    assert bench.backup(method="image", consistency="stopped").ok
    ran = retire(bench).ok
    assert ran.every_body("POST global/images") == []
    assert bench.find("instances", VM) is None


def test_images_of_the_running_vm_are_not_completed_to_retire_it(bench: VmBench) -> None:
    """A dead run had saved one disk of the running VM a moment ago."""
    names = [disk["name"] for disk in bench.backup(method="image").ok["backup"]["disks"]]
    bench.remove("images", names[1])
    bench.write("later")
    written = bench.one("disks", "web-1-data")["digest"]
    ran = retire(bench).ok
    assert len(ran.every_body("POST global/images")) == 3
    assert written in {image["digest"] for image in bench.all("images")}


def test_backup_by_another_method_is_no_reason_to_delete_the_vm(bench: VmBench) -> None:
    bench.change_vm(status="TERMINATED")
    assert bench.backup(consistency="stopped").ok
    assert "method is snapshot, not image" in bench.refused(retire(bench), "Conflict")


def test_check_mode_of_retiring_tells_the_same_keys_and_touches_nothing(bench: VmBench) -> None:
    predicted = retire(bench, check=True).ok
    assert (predicted.sent, bench.vm()["status"]) == ([], "RUNNING")
    real = retire(bench).ok
    assert set(predicted["backup"]) == set(real["backup"])
    assert predicted["backup"]["vm_retired"] is real["backup"]["vm_retired"] is True


def test_zone_of_the_backup_belongs_to_its_uid(bench: VmBench) -> None:
    bench.backup()
    assert bench.run("backup", "DELETE", uid=f"{ZONE}/{VM}-{FIRST}").ok.changed
