# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of VMs: every disk under one datetime, what is said of them, and how a run goes on where another one died."""

from __future__ import annotations

import json
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import ProviderFailure
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.backup.members import Members

from tests.unit.plugins.module_utils.backends.gce.vm_bench import DEVICES, DISKS, FIRST, KEY, KEY_DIGEST, SECOND, VM, ZONE, VmBench, bad_steps


def age(bench: VmBench, plural: str, name: str, seconds: float) -> None:
    moment = datetime.now(timezone.utc) - timedelta(seconds=seconds)
    bench.change(plural, name, creationTimestamp=moment.isoformat(timespec="milliseconds"))


# One datetime for all


def test_backup_saves_every_disk_under_one_datetime(bench: VmBench) -> None:
    record = bench.backup().ok["backup"]
    assert (record["name"], record["status"], record["snapshot_datetime"]) == (f"{VM}-{FIRST}", "succeeded", FIRST)
    assert record["uid"] == f"{ZONE}/{VM}-{FIRST}"
    assert [disk["device"] for disk in record["disks"]] == list(DEVICES)
    assert [disk["boot"] for disk in record["disks"]] == [True, False, False]
    assert record["skew_s"] <= 1
    assert all(disk["created_at"].endswith("Z") for disk in record["disks"])
    by_source = {snapshot["sourceDisk"].rpartition("/")[2]: snapshot["digest"] for snapshot in bench.all("snapshots")}
    assert by_source == {disk: bench.one("disks", disk)["digest"] for disk in DISKS}


def test_members_are_found_by_labels_that_tie_them_together(bench: VmBench) -> None:
    assert bench.backup(tags={"team": "sales"}).ok
    for snapshot in bench.all("snapshots"):
        labels = snapshot["labels"]
        wanted = {"mcr-vm": VM, "mcr-zone": ZONE, "mcr-backup": FIRST, "mcr-disks": "3", "mcr-consistency": "crash", "mcr-attempt": "1", "team": "sales"}
        assert {key: labels.get(key) for key in wanted} == wanted
    assert len({snapshot["labels"]["mcr-device"] for snapshot in bench.all("snapshots")}) == 3


def test_tags_are_shown_without_our_own_labels(bench: VmBench) -> None:
    assert bench.backup(tags={"team": "sales"}).ok["backup"]["tags"] == {"team": "sales"}


def test_backup_of_a_running_vm_takes_no_lock_and_changes_nothing_about_it(bench: VmBench) -> None:
    before = bench.vm()
    ran = bench.backup().ok
    assert not [request for request in ran.sent if "/instances/" in request]
    assert bench.vm() == before


def test_backup_again_is_unchanged_and_says_since_when(bench: VmBench) -> None:
    first = bench.backup().ok
    again = bench.backup().ok
    assert (again.changed, again.sent) == (False, [])
    assert f"exists since {first['backup']['created_at']}" in again.message
    assert again["backup"] == first["backup"]


def test_backup_without_a_datetime_is_a_new_one_each_time(bench: VmBench) -> None:
    name = bench.backup(None).ok["backup"]["name"]
    assert name.startswith(f"{VM}-20")


def test_backup_is_named_by_vm_and_datetime(bench: VmBench) -> None:
    assert bench.run("backup", name=f"{VM}-{FIRST}", vm_name=None).ok["backup"]["snapshot_datetime"] == FIRST


@pytest.mark.parametrize("options", [{}, {"method": "image"}, {"method": "machine_image"}, {"consistency": "stopped"}])
def test_check_mode_predicts_the_keys_of_the_result_and_sends_nothing(bench: VmBench, options: dict[str, Any]) -> None:
    predicted = bench.backup(check=True, **options).ok
    assert (predicted.sent, predicted.changed) == ([], True)
    real = bench.backup(**options).ok
    assert set(predicted.value) == set(real.value)
    assert set(predicted["backup"]) == set(real["backup"])
    same = ("name", "uid", "status", "method", "consistency", "expected_disks", "manifest", "manifest_fingerprint", "manifest_stored_in", "manifest_complete")
    assert {key: predicted["backup"][key] for key in same} == {key: real["backup"][key] for key in same}
    assert [disk["name"] for disk in predicted["backup"]["disks"]] == [disk["name"] for disk in real["backup"]["disks"]]
    assert [set(disk) for disk in predicted["backup"]["disks"]] == [set(disk) for disk in real["backup"]["disks"]]


def test_check_mode_of_what_is_there_predicts_no_change(bench: VmBench) -> None:
    bench.backup()
    assert bench.backup(check=True).ok.changed is False


def test_excluded_disks_are_named_by_device_or_by_disk(bench: VmBench) -> None:
    record = bench.backup(exclude_disks=["data", "web-1-logs"]).ok["backup"]
    assert [disk["device"] for disk in record["disks"]] == ["web-1"]
    assert (record["status"], record["expected_disks"]) == ("succeeded", 1)


def test_local_ssd_is_warned_of_and_left_out(bench: VmBench) -> None:
    bench.add_local_ssd()
    ran = bench.backup().ok
    assert "local SSDs" in ran.warnings
    assert "ssd" in ran.warnings
    assert len(ran["backup"]["disks"]) == 3


def test_storage_location_is_asked_for(bench: VmBench) -> None:
    ran = bench.backup(storage_location="us").ok
    assert [body["storageLocations"] for body in ran.every_body("POST global/snapshots")] == [["us"]] * 3


def test_guest_is_asked_to_flush_for_application_consistency(bench: VmBench) -> None:
    ran = bench.backup(consistency="application").ok
    assert [body["guestFlush"] for body in ran.every_body("POST global/snapshots")] == [True] * 3
    assert ran["backup"]["consistency"] == "application"


def test_disk_with_a_key_of_its_own_is_saved_with_it_and_the_result_shows_none(bench: VmBench) -> None:
    bench.encrypt("web-1-data")
    ran = bench.backup(disk_encryption_keys={"data": KEY}).ok
    saved = {snapshot["sourceDisk"].rpartition("/")[2]: snapshot.get("snapshotEncryptionKey") for snapshot in bench.all("snapshots")}
    assert saved == {"web-1": None, "web-1-data": {"sha256": KEY_DIGEST}, "web-1-logs": None}
    assert KEY not in json.dumps(ran.value)


# Consistency


def test_stopped_backup_stops_saves_starts_and_unlocks(bench: VmBench) -> None:
    ran = bench.backup(consistency="stopped").ok
    assert ran.order("setLabels", "/stop", "global/snapshots", "/start") == ["setLabels", "/stop", "global/snapshots", "/start"]
    assert ran["backup"]["consistency"] == "stopped"
    assert bench.vm()["status"] == "RUNNING"
    assert not [label for label in bench.labels() if label.startswith("mcr-lock")]
    assert bad_steps(ran.report.statuses) == {}


def test_vm_that_is_stopped_already_is_neither_locked_nor_started(bench: VmBench) -> None:
    bench.change_vm(status="TERMINATED")
    ran = bench.backup(consistency="stopped").ok
    assert not [request for request in ran.sent if "/instances/" in request]
    assert (ran["backup"]["consistency"], bench.vm()["status"]) == ("stopped", "TERMINATED")


def test_vm_with_a_key_of_its_own_is_started_with_it(bench: VmBench) -> None:
    bench.encrypt("web-1-data")
    bench.change_device("data", diskEncryptionKey={"sha256": KEY_DIGEST})
    ran = bench.backup(consistency="stopped", disk_encryption_keys={"data": KEY}).ok
    assert any("startWithEncryptionKey" in request for request in ran.sent)
    assert bench.vm()["status"] == "RUNNING"


def test_failing_save_starts_the_vm_again_and_unlocks_it(bench: VmBench) -> None:
    bench.control.add_fault("status", method="POST", path="/snapshots$", status=400, reason="invalid", times=0)
    ran = bench.backup(consistency="stopped")
    assert ran.error is not None
    assert bench.vm()["status"] == "RUNNING"
    assert "mcr-lock" not in bench.labels()
    assert bench.all("snapshots") == []
    assert f'VM "{VM}" is RUNNING' in ran.message


def test_suspended_vm_is_saved_but_not_called_stopped(bench: VmBench) -> None:
    """Its memory is not on its disks."""
    bench.change_vm(status="SUSPENDED")
    assert bench.backup().ok["backup"]["consistency"] == "crash"


# Going on after a run that died


def test_members_that_are_missing_are_added_when_they_are_still_in_time(bench: VmBench) -> None:
    names = [disk["name"] for disk in bench.backup().ok["backup"]["disks"]]
    bench.remove("snapshots", names[1])
    ran = bench.backup().ok
    assert [body["name"] for body in ran.every_body("POST global/snapshots")] == [names[1]]
    assert ran.changed
    assert (ran["backup"]["status"], [disk["name"] for disk in ran["backup"]["disks"]]) == ("succeeded", names)


def test_set_that_would_be_completed_more_than_300_s_later_is_redone_and_the_old_members_removed(bench: VmBench) -> None:
    names = [disk["name"] for disk in bench.backup().ok["backup"]["disks"]]
    bench.remove("snapshots", names[1])
    for name in (names[0], names[2]):
        age(bench, "snapshots", name, 301)
    ran = bench.backup().ok
    assert len(ran.every_body("POST global/snapshots")) == 3
    assert len(bench.all("snapshots")) == 3
    assert not set(names) & set(bench.names("snapshots"))
    assert ran["backup"]["skew_s"] <= 1
    assert {snapshot["labels"]["mcr-attempt"] for snapshot in bench.all("snapshots")} == {"2"}


def test_old_members_are_removed_only_when_the_new_ones_are_ready(bench: VmBench) -> None:
    names = [disk["name"] for disk in bench.backup().ok["backup"]["disks"]]
    bench.change("snapshots", names[0], status="FAILED")
    ran = bench.backup().ok
    assert ran.order("POST global/snapshots", "DELETE global/snapshots") == ["POST global/snapshots", "DELETE global/snapshots"]
    assert ran["backup"]["status"] == "succeeded"


def test_leftovers_of_a_replaced_attempt_are_removed_by_the_next_run(bench: VmBench) -> None:
    names = [disk["name"] for disk in bench.backup().ok["backup"]["disks"]]
    bench.change("snapshots", names[0], status="FAILED")
    bench.control.add_fault("status", method="DELETE", path="/snapshots/", status=400, reason="invalid", times=0)
    bench.backup()
    bench.control.clear_faults()
    assert bench.backup().ok
    assert len(bench.all("snapshots")) == 3
    assert {snapshot["status"] for snapshot in bench.all("snapshots")} == {"READY"}


def test_set_whose_members_are_too_far_apart_is_a_failure(bench: VmBench) -> None:
    """The second one was taken 301 s after the first: what a run waits for is looked at again."""
    bench.control.settings(operation_s_of={"snapshots.insert": 0})
    names = [disk["name"] for disk in bench.backup().ok["backup"]["disks"]]
    age(bench, "snapshots", names[0], 301)
    ran = bench.run("backup", "INSPECT_ONE", name=f"{VM}-{FIRST}").ok
    assert ran["backup"]["skew_s"] >= 300


def test_dead_run_that_stopped_the_vm_is_followed_and_the_vm_started(bench: VmBench) -> None:
    """The lock tells under which datetime it was at work, and that the VM was running."""
    bench.hold(f"backup_{SECOND}", running=True)
    bench.change_vm(status="TERMINATED")
    ran = bench.backup(None, consistency="stopped").ok
    assert ran["backup"]["snapshot_datetime"] == SECOND
    assert bench.vm()["status"] == "RUNNING"
    assert "mcr-lock" not in bench.labels()


def test_run_that_left_orderly_is_followed_at_once(bench: VmBench) -> None:
    bench.hold(f"backup_{FIRST}", run="free", running=True)
    bench.change_vm(status="TERMINATED")
    before = bench.clock.now
    assert bench.backup(consistency="stopped").ok
    assert bench.clock.now - before < 5
    assert bench.vm()["status"] == "RUNNING"


def test_without_waiting_the_members_are_only_asked_for(make_bench: Any) -> None:
    bench = make_bench(operation_s_of={"snapshots.insert": 60})
    ran = bench.backup(wait=False).ok
    assert ran["backup"]["status"] == "running"
    assert "not waited for" in ran.message


# Methods


def test_images_are_made_with_the_family_on_the_boot_disk_alone(bench: VmBench) -> None:
    record = bench.backup(method="image", image_family="web").ok["backup"]
    assert [disk["kind"] for disk in record["disks"]] == ["image"] * 3
    families = {image["sourceDisk"].rpartition("/")[2]: image.get("family", "") for image in bench.all("images")}
    assert families == {"web-1": "web", "web-1-data": "", "web-1-logs": ""}


def test_image_of_a_running_vm_is_forced_and_of_a_stopped_one_not(bench: VmBench) -> None:
    assert bench.backup(method="image").ok
    bench.change_vm(status="TERMINATED")
    assert bench.backup(SECOND, method="image").ok
    queries = [dict(entry["query"]) for entry in bench.control.requests(mutating=True) if entry["path"].endswith("/global/images")]
    assert [query.get("forceCreate", "false").lower() for query in queries] == ["true"] * 3 + ["false"] * 3


def test_older_images_of_the_same_vm_give_way_to_the_new_ones(bench: VmBench) -> None:
    first = bench.backup(method="image", image_family="web").ok["backup"]
    ran = bench.backup(SECOND, method="image", image_family="web").ok
    newer = {disk["device"]: disk["path"] for disk in ran["backup"]["disks"]}
    for disk in first["disks"]:
        deprecated = bench.one("images", disk["name"])["deprecated"]
        assert deprecated["state"] == "DEPRECATED"
        assert deprecated["replacement"].endswith(newer[disk["device"]])
    assert not [image for image in bench.all("images") if image["labels"]["mcr-backup"] == SECOND and image.get("deprecated")]


def test_images_of_other_vms_in_the_family_are_left_alone(bench: VmBench) -> None:
    assert bench.run("backup", vm_name="db-1", zone="europe-west1-c", snapshot_datetime=FIRST, method="image", image_family="web").ok
    assert bench.backup(SECOND, method="image", image_family="web").ok
    assert not [image for image in bench.all("images") if image.get("deprecated")]


def test_older_backup_that_is_made_later_deprecates_no_newer_image(bench: VmBench) -> None:
    assert bench.backup(SECOND, method="image", image_family="web").ok
    assert bench.backup(FIRST, method="image", image_family="web").ok
    assert not [image for image in bench.all("images") if image["labels"]["mcr-backup"] == SECOND and image.get("deprecated")]


def test_images_are_deprecated_only_when_the_new_ones_are_ready(bench: VmBench) -> None:
    assert bench.backup(method="image", image_family="web").ok
    ran = bench.backup(SECOND, method="image", image_family="web").ok
    assert ran.order("POST global/images", "/deprecate")[0] == "POST global/images"
    bench.control.add_fault("operation", method="POST", path="/images$", error={"code": "INTERNAL_ERROR", "message": "no"}, times=0)
    bench.backup("20260104-000000", method="image", image_family="web")
    assert not [image for image in bench.all("images") if image["labels"]["mcr-backup"] == SECOND and image.get("deprecated")]


def test_machine_image_is_one_member_for_all_disks(bench: VmBench) -> None:
    record = bench.backup(method="machine_image").ok["backup"]
    assert [disk["kind"] for disk in record["disks"]] == ["machine_image"]
    assert (record["expected_disks"], record["status"], len(bench.all("machineImages"))) == (1, "succeeded", 1)
    assert set(record["manifest"]["disks"]) == set(DEVICES)


# The manifest


def test_small_manifest_is_kept_in_every_description(bench: VmBench) -> None:
    record = bench.run("backup", vm_name="db-1", zone="europe-west1-c", snapshot_datetime=FIRST).ok["backup"]
    (snapshot,) = bench.all("snapshots")
    assert record["manifest_stored_in"] == "description"
    assert json.loads(snapshot["description"])["manifest"]["instance"]["name"] == "db-1"
    assert bench.all("instanceTemplates") == []


def test_large_manifest_is_kept_in_a_template_that_one_content_has_once(bench: VmBench) -> None:
    first = bench.backup().ok["backup"]
    assert first["manifest_stored_in"] == "template"
    assert bench.backup(SECOND).ok
    (template,) = bench.all("instanceTemplates")
    (fingerprint,) = {snapshot["labels"]["mcr-manifest"] for snapshot in bench.all("snapshots")}
    assert template["name"] == f"mcr-manifest-{fingerprint}"


def test_template_is_stored_before_anything_is_saved(bench: VmBench) -> None:
    ran = bench.backup().ok
    assert ran.order("instanceTemplates", "global/snapshots") == ["instanceTemplates", "global/snapshots"]


def test_manifest_that_nothing_can_hold_is_warned_of_and_the_disks_are_saved(bench: VmBench) -> None:
    bench.change_vm(metadata={"items": [{"key": "big", "value": "x" * 263000}]})
    ran = bench.backup().ok
    assert (ran["backup"]["manifest_complete"], ran["backup"]["manifest_stored_in"], ran["backup"]["manifest"]) == (False, "none", {})
    assert "configuration could not be stored" in ran.warnings
    assert ran["backup"]["status"] == "succeeded"
    assert bench.all("instanceTemplates") == []


def test_manifest_in_the_result_shows_no_secrets(bench: VmBench) -> None:
    ran = bench.backup().ok
    (item,) = ran["backup"]["manifest"]["instance"]["metadata"]["items"]
    assert item["key"] == "startup-script"
    assert item["value"] == "(hidden)"
    assert "systemctl" not in json.dumps(ran.value)


def test_nothing_in_the_result_depends_on_a_secret_of_the_vm(bench: VmBench) -> None:
    """By a digest of it a short password could be found by trying."""
    shown = []
    for moment, password in ((FIRST, "hunter2"), (SECOND, "sesame")):
        bench.change_vm(metadata={**bench.vm().get("metadata", {}), "items": [{"key": "password", "value": password}]})
        record = bench.backup(moment).ok["backup"]
        shown.append((record["manifest"], record["manifest_fingerprint"]))
        assert password not in str(record)
    assert shown[0] == shown[1]
    assert len({snapshot["labels"]["mcr-manifest"] for snapshot in bench.all("snapshots")}) == 2


def test_directory_gets_the_full_manifest_for_its_owner_alone(bench: VmBench, tmp_path: Path) -> None:
    assert bench.backup(manifest_dir=str(tmp_path)).ok
    path = tmp_path / f"{VM}-{FIRST}.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "systemctl" in path.read_text()


def test_directory_gets_the_manifest_of_a_backup_that_is_there_already(bench: VmBench, tmp_path: Path) -> None:
    assert bench.backup().ok
    assert not bench.backup(manifest_dir=str(tmp_path)).changed
    (file,) = tmp_path.iterdir()
    assert file.name == f"{VM}-{FIRST}.json"
    assert json.loads(file.read_text())["vm"] == VM


def test_manifest_of_a_backup_that_has_lost_it_is_not_written_and_that_is_said(bench: VmBench, tmp_path: Path) -> None:
    assert bench.backup().ok
    bench.remove("instanceTemplates", bench.names("instanceTemplates")[0])
    ran = bench.backup(manifest_dir=str(tmp_path)).ok
    assert "manifest_dir: this backup holds no manifest, so no file is written" in ran.warnings
    assert list(tmp_path.iterdir()) == []


def test_directory_that_cannot_be_written_is_warned_of_because_the_backup_is_there(bench: VmBench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = bench.backup(manifest_dir=str(tmp_path / "file")).ok
    assert "manifest was not written to manifest_dir" in ran.warnings
    assert ran["backup"]["status"] == "succeeded"


def test_check_mode_writes_no_file(bench: VmBench, tmp_path: Path) -> None:
    assert bench.backup(check=True, manifest_dir=str(tmp_path)).ok
    assert list(tmp_path.iterdir()) == []


# Looking


def test_backup_is_inspected_by_its_name(bench: VmBench) -> None:
    made = bench.backup().ok["backup"]
    assert bench.run("backup", "INSPECT_ONE", name=f"{VM}-{FIRST}").ok["backup"] == made
    assert bench.run("backup", "INSPECT_ONE", uid=f"{ZONE}/{VM}-{FIRST}").ok["backup"] == made


def test_vm_alone_means_its_newest_backup(bench: VmBench) -> None:
    bench.backup()
    bench.backup(SECOND)
    assert bench.run("backup", "INSPECT_ONE", vm_name=VM).ok["backup"]["snapshot_datetime"] == SECOND


def test_backup_that_is_not_there_is_not_found(bench: VmBench) -> None:
    assert bench.refused(bench.run("backup", "INSPECT_ONE", name=f"{VM}-{FIRST}"), "NotFound")


def test_all_backups_are_listed_newest_first_through_the_filters(bench: VmBench) -> None:
    bench.backup(tags={"team": "sales"})
    bench.backup(SECOND)
    bench.change("snapshots", bench.all("snapshots")[-1]["name"], status="FAILED")

    def names(**filters: Any) -> list[str]:
        return [record["snapshot_datetime"] for record in bench.run("backup", "INSPECT_ALL", **filters).ok["backups"]]

    assert names() == [SECOND, FIRST]
    assert names(vm_name="db-1") == []
    assert names(status=["succeeded"]) == [FIRST]
    assert names(status=["failed"]) == [SECOND]
    assert names(tags={"team": "sales"}) == [FIRST]
    assert names(name_filter="20260101") == [FIRST]
    assert names(max_objects=1) == [SECOND]


def test_manifest_of_many_backups_is_read_once_in_a_list(bench: VmBench) -> None:
    bench.change_vm(metadata={**bench.vm().get("metadata", {}), "items": [{"key": "large", "value": "x" * 3000}]})
    for number in range(1, 6):
        assert bench.backup(f"2026010{number}-000000").ok
    ran = bench.run("backup", "INSPECT_ALL").ok
    assert len(ran["backups"]) == 5
    assert len([path for path in ran.paths if path.startswith("global/instanceTemplates/")]) == 1


def test_snapshots_that_are_no_backups_are_not_listed(bench: VmBench) -> None:
    bench.add("snapshots", "by-hand", sourceDisk=bench.url(f"zones/{ZONE}/disks/web-1"), sourceDiskId="1")
    assert bench.run("backup", "INSPECT_ALL").ok["backups"] == []


def test_wait_that_could_not_look_says_so(bench: VmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: Any) -> Any:
        raise ProviderFailure("the provider answers 500.", transient=True)

    monkeypatch.setattr(Members, "_seen", fail)
    ran = bench.backup(wait_timeout=1)
    assert ran.kind == "WaitTimeout"
    assert "whether the disks are saved could not be seen; the provider goes on" in ran.message
    assert "answers 500" in ran.message
