# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module backup on VMs in Compute Engine: every option has its effect, on the wire or in the result, or is refused with its name."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.gce_vms import VmWorld
from tests.harness.gce_worlds import OTHER_ZONE, ZONE

from .gce_runs import ALL, CREATE, DELETE, MOMENTS, ONE, Ask

WEB: dict[str, Any] = {"vm_name": "web-1", "snapshot_datetime": MOMENTS[0]}
NAME = f"web-1-{MOMENTS[0]}"
DEVICES = ["Odd_device.7", "data", "web-1"]
KEY = base64.b64encode(b"k" * 32).decode()
OTHER_KEY = base64.b64encode(b"o" * 32).decode()
KEY_DIGEST = base64.b64encode(hashlib.sha256(b"k" * 32).digest()).decode()

# Options of the requests that save: what is given, where they are sent, and what their bodies must hold because of it.
BODY: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("snapshot_datetime", {}, "/global/snapshots", {"labels": {"mcr-backup": MOMENTS[0]}}),
    ("snapshot_datetime", {"snapshot_datetime": MOMENTS[1]}, "/global/snapshots", {"labels": {"mcr-backup": MOMENTS[1]}}),
    ("name", {"vm_name": None, "snapshot_datetime": None, "name": NAME}, "/global/snapshots", {"labels": {"mcr-vm": "web-1", "mcr-backup": MOMENTS[0]}}),
    ("vm_name", {"vm_name": None, "instance": "web-1"}, "/global/snapshots", {"labels": {"mcr-vm": "web-1"}}),
    ("zone", {"vm_name": "db-1", "zone": OTHER_ZONE}, "/global/snapshots", {"labels": {"mcr-zone": OTHER_ZONE}}),
    ("method", {"method": "snapshot"}, "/global/snapshots", {}),
    ("method", {"method": "image"}, "/global/images", {}),
    ("method", {"method": "machine_image"}, "/global/machineImages", {}),
    ("consistency", {"consistency": "crash"}, "/global/snapshots", {"guestFlush": None}),
    ("consistency", {"consistency": "application"}, "/global/snapshots", {"guestFlush": True, "labels": {"mcr-consistency": "application"}}),
    ("storage_location", {"storage_location": "eu"}, "/global/snapshots", {"storageLocations": ["eu"]}),
    ("tags", {"tags": {"level": 3, "env": "prod"}}, "/global/snapshots", {"labels": {"level": "3", "env": "prod"}}),
    ("tags", {"labels": {"env": "prod"}}, "/global/snapshots", {"labels": {"env": "prod"}}),
]
# Options with a test of their own; those without a name are the client's, which the snapshot module's tests cover.
BEHAVIOUR = {
    "operation": "test_operations_of_one_backup",
    "provider": "test_operations_of_one_backup",
    "uid": "test_operations_of_one_backup",
    "vm_names": "test_many_vms_get_one_datetime",
    "vm_filter": "test_many_vms_get_one_datetime",
    "max_parallel": "test_max_parallel_is_a_limit",
    "consistency": "test_stopped_backup_stops_and_starts",
    "image_family": "test_older_images_of_the_same_vm_give_way",
    "exclude_disks": "test_excluded_disks_are_left_out",
    "manifest_dir": "test_manifest_is_written",
    "retire_source": "test_retirement_deletes_the_vm_after_the_images_are_ready",
    "retention": "test_rules_release_whole_backups",
    "disk_encryption_keys": "test_disk_with_its_own_key_needs_it",
    "discard_local_ssd": "test_local_ssds_are_given_up_only_when_asked",
    "lock_ttl": "test_lock_of_the_dead_is_taken_over_after_its_time",
    "region": "test_region_says_that_it_has_no_effect",
    "wait": "test_without_wait_the_provider_goes_on",
    "wait_timeout": "test_deadline_leaves_it_to_google",
    "undo_timeout": "",
    "name_filter": "test_lists_are_filtered",
    "status": "test_lists_are_filtered",
    "max_objects": "test_lists_are_filtered",
    **dict.fromkeys(("project_id", "service_account_file", "service_account_contents", "access_token", "api_url"), ""),
    **dict.fromkeys(("wait_interval", "request_timeout", "retries", "validate_certs", "ca_path", "client_cert", "client_key"), ""),
}


def test_every_option_of_the_module_is_covered() -> None:
    package = "ansible_collections.multicloud.recovery.plugins.module_utils"
    options = importlib.import_module(f"{package}.backends.gce.options").VM_BACKUP
    spec = importlib.import_module(f"{package}.core.arguments").argument_spec({"gce": options}, None)
    assert set(spec) == {name for name, *_rest in BODY} | set(BEHAVIOUR)
    assert all(test in globals() for test in BEHAVIOUR.values() if test)


def _holds(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return all(_holds((found or {}).get(key), value) for key, value in wanted.items())
    return bool(found == wanted)


@pytest.mark.parametrize(("option", "options", "path", "sent"), BODY, ids=[f"{case[0]}-{number}" for number, case in enumerate(BODY)])
def test_option_is_sent(ask: Ask, vm_world: VmWorld, option: str, options: dict[str, Any], path: str, sent: dict[str, Any]) -> None:
    given = {**WEB, **options}
    predicted = ask("backup", CREATE, how={"check": True}, **given).ok
    assert predicted.changes == []
    ran = ask("backup", CREATE, **given).ok
    bodies = ran.bodies(path)
    assert len(bodies) == ran["backup"]["expected_disks"] >= 1
    assert all(_holds(body, sent) for body in bodies), bodies[0]
    assert list(predicted.result.value) == list(ran.result.value)
    assert list(predicted["backup"]) == list(ran["backup"])
    assert predicted["changed"] is ran["changed"] is True
    for key in ("name", "uid", "status", "tags", "vm", "zone", "method", "consistency", "expected_disks", "manifest_fingerprint", "manifest"):
        assert predicted["backup"][key] == ran["backup"][key], key
    # It is also seen as equal afterwards, so that the second run changes nothing.
    again = ask("backup", CREATE, **given).ok
    assert (again["changed"], again.changes, again["backup"]) == (False, [], ran["backup"])


def test_operations_of_one_backup(ask: Ask, vm_world: VmWorld) -> None:
    made = ask("backup", CREATE, **WEB).ok["backup"]
    assert made["uid"] == f"{ZONE}/{NAME}"
    for selector in ({"name": NAME}, {"uid": made["uid"]}, {"vm_name": "web-1"}):
        seen = ask("backup", ONE, **selector).ok
        assert (seen["changed"], seen["backup"], seen.changes) == (False, made, [])
    assert ask("backup", ALL).ok["backups"] == [made]
    assert ask("backup", DELETE, uid=f"{OTHER_ZONE}/{NAME}").is_refused("uid")
    assert ask("backup", DELETE, vm_name="web-1").is_refused("retention")
    assert ask("backup", DELETE, name=NAME, tags={"purpose": "other"}).is_refused("labels")
    gone = ask("backup", DELETE, uid=made["uid"]).ok
    assert (gone["changed"], gone["backup"], len([change for change in gone.changes if "/snapshots/" in change])) == (True, {}, 3)
    assert ask("backup", DELETE, name=NAME).ok["changed"] is False
    assert ask("backup", ONE, name=NAME).kind == "NotFound"
    assert ask("backup", ALL).ok["backups"] == []
    assert ask("backup", CREATE, **{**WEB, "vm_name": "nobody"}).kind == "NotFound"
    assert vm_world.names("snapshots") == vm_world.names("instanceTemplates") == []


@pytest.mark.parametrize("method", ["snapshot", "image", "machine_image"])
def test_backup_holds_the_bytes_of_all_disks(ask: Ask, vm_world: VmWorld, method: str) -> None:
    contents = vm_world.contents("web-1")
    backup = ask("backup", CREATE, **WEB, method=method).ok["backup"]
    vm_world.write("web-1-data", "written later")
    plural = {"snapshot": "snapshots", "image": "images", "machine_image": "machineImages"}[method]
    saved = {one["name"]: one.get("digests") or one["digest"] for one in vm_world.all(plural)}
    if method == "machine_image":
        assert list(saved.values()) == [[contents[device] for device in ("web-1", "data", "Odd_device.7")]]
    else:
        assert {one["device"]: saved[one["name"]] for one in backup["disks"]} == contents
    assert backup["skew_s"] <= 1
    assert backup["status"] == "succeeded"


def test_tags_of_a_backup_are_changed(ask: Ask, vm_world: VmWorld) -> None:
    assert ask("backup", CREATE, **WEB, tags={"env": "prod", "team": "sales"}).ok
    changed = ask("backup", CREATE, **WEB, tags={"env": "drill"}).ok
    assert (changed["changed"], changed["backup"]["tags"]) == (True, {"env": "drill", "team": "sales"})
    assert [change.rpartition("/")[2] for change in changed.changes] == ["setLabels"] * 3
    assert all(one["labels"]["env"] == "drill" and one["labels"]["mcr-vm"] == "web-1" for one in vm_world.all("snapshots"))


def test_stopped_backup_stops_and_starts(ask: Ask, vm_world: VmWorld) -> None:
    vm_world.watch()
    ran = ask("backup", CREATE, **WEB, consistency="stopped").ok
    words = [change.rpartition("/")[2] for change in ran.changes if "/instances/" in change]
    assert words == ["setLabels", "stop", "start", "setLabels"]
    assert ran["backup"]["consistency"] == "stopped"
    assert vm_world.vm("web-1")["status"] == "RUNNING"
    assert not [key for key in vm_world.vm("web-1")["labels"] if key.startswith("mcr")]
    assert vm_world.broken() == []


def test_excluded_disks_are_left_out(ask: Ask, vm_world: VmWorld) -> None:
    backup = ask("backup", CREATE, **WEB, exclude_disks=["data", "web-1-logs"]).ok["backup"]
    assert [one["device"] for one in backup["disks"]] == ["web-1"]
    assert ask("backup", CREATE, **{**WEB, "snapshot_datetime": MOMENTS[1]}, exclude_disks=["typo"]).is_refused("exclude_disks", "typo")
    assert ask("backup", CREATE, **WEB, method="machine_image", exclude_disks=["data"]).is_refused("exclude_disks")


def test_manifest_is_written(ask: Ask, vm_world: VmWorld, tmp_path: Path) -> None:
    ran = ask("backup", CREATE, **WEB, manifest_dir=str(tmp_path / "manifests")).ok
    (path,) = (tmp_path / "manifests").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = json.loads(path.read_text())
    assert "systemctl start web" in json.dumps(written)
    assert "systemctl start web" not in ran.result.stdout
    assert set(written["disks"]) == set(DEVICES)


def test_retirement_deletes_the_vm_after_the_images_are_ready(ask: Ask, vm_world: VmWorld) -> None:
    vm_world.watch(given_up=["instance:web-1", "web-1", "web-1-data"])
    contents = vm_world.contents("web-1")
    predicted = ask("backup", CREATE, **WEB, method="image", retire_source=True, how={"check": True}).ok
    ran = ask("backup", CREATE, **WEB, method="image", retire_source=True).ok
    assert list(predicted["backup"]) == list(ran["backup"])
    assert vm_world.vm("web-1") == {}
    assert sorted(one["digest"] for one in vm_world.all("images")) == sorted(contents.values())
    again = ask("backup", CREATE, **WEB, method="image", retire_source=True).ok
    assert (again["changed"], again.changes) == (False, [])
    assert ask("backup", CREATE, **WEB, retire_source=True, wait=False).is_refused("wait")
    assert ask("backup", CREATE, **WEB, retire_source=True, exclude_disks=["data"]).is_refused("exclude_disks")
    assert vm_world.broken() == []


def test_older_images_of_the_same_vm_give_way(ask: Ask, vm_world: VmWorld) -> None:
    for moment in MOMENTS[:2]:
        ran = ask("backup", CREATE, **{**WEB, "snapshot_datetime": moment}, method="image", image_family="web").ok
        # A family is what new VMs boot from.
        assert [body.get("family") for body in ran.bodies("/global/images") if "/disks/web-1-" not in body["sourceDisk"]] == ["web"]
        assert sum("family" in body for body in ran.bodies("/global/images")) == 1
    assert ask("backup", CREATE, **WEB, image_family="web").is_refused("image_family")
    states = {one["name"]: one.get("deprecated", {}).get("state", "") for one in vm_world.all("images")}
    assert sorted((MOMENTS[1] in name, state) for name, state in states.items()) == [(False, "DEPRECATED")] * 3 + [(True, "")] * 3


def test_rules_release_whole_backups(ask: Ask, vm_world: VmWorld) -> None:
    rules = {"keep_last": 2, "older_than": "1d"}
    for moment in MOMENTS:
        assert ask("backup", CREATE, **{**WEB, "snapshot_datetime": moment}).ok
    # Their age is when they were made, whatever datetime they are named after.
    old = [item for item in vm_world.all("snapshots") if item["labels"]["mcr-backup"] != MOMENTS[2]]
    for item in old:
        made_at = f"2026-01-0{MOMENTS.index(item['labels']['mcr-backup']) + 1}T02:00:00.000-00:00"
        vm_world.control.merge_state(snapshots=[{"name": item["name"], "creationTimestamp": made_at}])
    assert ask("backup", CREATE, vm_name="db-1", zone=OTHER_ZONE, snapshot_datetime=MOMENTS[0]).ok
    assert ask("backup", DELETE, vm_name="web-1", retention={}).is_refused("retention")
    predicted = ask("backup", DELETE, vm_name="web-1", retention=rules, how={"check": True}).ok
    ran = ask("backup", DELETE, vm_name="web-1", retention=rules).ok
    assert (predicted["changed"], predicted.changes) == (ran["changed"], []) == (True, [])
    assert [one["name"] for one in predicted["backups"]] == [one["name"] for one in ran["backups"]]
    assert [one["snapshot_datetime"] for one in ran["backups"]] == [MOMENTS[0]]
    again = ask("backup", DELETE, vm_name="web-1", retention=rules).ok
    assert (again["changed"], again.changes, again["backups"]) == (False, [], [])
    every = ask("backup", ALL).ok["backups"]
    assert sorted(one["snapshot_datetime"] for one in every) == list(MOMENTS[1:])
    assert all(one["status"] == "succeeded" and len(one["disks"]) == 3 for one in every)
    assert len(ask("backup", ALL, zone=OTHER_ZONE).ok["backups"]) == 1


def test_incomplete_newest_backup_saves_no_older_one(ask: Ask, vm_world: VmWorld) -> None:
    for moment in MOMENTS:
        assert ask("backup", CREATE, **{**WEB, "snapshot_datetime": moment}).ok
    lost = next(one["name"] for one in vm_world.all("snapshots") if one["labels"]["mcr-backup"] == MOMENTS[2])
    vm_world.control.act("remove", project=vm_world.project, plural="snapshots", name=lost)
    assert ask("backup", DELETE, vm_name="web-1", retention={"keep_last": 1}).ok
    complete = [one["snapshot_datetime"] for one in ask("backup", ALL).ok["backups"] if one["status"] == "succeeded"]
    assert complete == [MOMENTS[1]]


# -- Keys, local SSDs, locks


def test_disk_with_its_own_key_needs_it(ask: Ask, vm_world: VmWorld) -> None:
    vm_world.put_vm("safe", {"boot": {"diskEncryptionKey": {"sha256": KEY_DIGEST}}, "data": {}})
    given = {"vm_name": "safe", "snapshot_datetime": MOMENTS[0]}
    refused = ask("backup", CREATE, **given)
    assert refused.is_refused("disk_encryption_keys", "boot")
    assert ask("backup", CREATE, **given, disk_encryption_keys={"boot": "c2hvcnQ="}).is_refused("disk_encryption_keys")
    wrong = ask("backup", CREATE, **given, disk_encryption_keys={"boot": OTHER_KEY})
    assert wrong.result.failed
    ran = ask("backup", CREATE, **given, disk_encryption_keys={"boot": KEY}).ok
    assert sum("sourceDiskEncryptionKey" in body or "snapshotEncryptionKey" in body for body in ran.bodies("/global/snapshots")) == 1
    for run in (refused, wrong, ran):
        assert KEY not in run.result.stdout
        assert OTHER_KEY not in run.result.stdout


def test_local_ssds_are_given_up_only_when_asked(ask: Ask, vm_world: VmWorld) -> None:
    vm_world.put_vm("fast", {"boot": {}})
    ssd = {"type": "SCRATCH", "mode": "READ_WRITE", "interface": "NVME", "deviceName": "local-ssd-0", "index": 1, "boot": False, "autoDelete": True}
    vm_world.control.act(
        "set_fields", project=vm_world.project, plural="instances", zone=ZONE, name="fast", fields={"disks": [*vm_world.vm("fast")["disks"], ssd]}
    )
    given = {"vm_name": "fast", "snapshot_datetime": MOMENTS[0], "consistency": "stopped"}
    assert ask("backup", CREATE, **given).is_refused("discard_local_ssd")
    ran = ask("backup", CREATE, **given, discard_local_ssd=True).ok
    assert ran.queries("/stop")[0]["discardLocalSsd"] == "true"
    assert "local-ssd-0" in ran.result.warnings


def test_lock_of_the_dead_is_taken_over_after_its_time(ask: Ask, vm_world: VmWorld) -> None:
    dead = {"mcr-lock": "deadbeef-r-4", "mcr-lock-for": f"backup_{MOMENTS[0]}"}
    vm_world.control.merge_state(instances=[{"name": "web-1", "place": f"zones/{ZONE}", "labels": {"app": "web", **dead}}])
    assert ask("backup", CREATE, **WEB, lock_ttl=4).is_refused("lock_ttl")
    ran = ask("backup", CREATE, **WEB, consistency="stopped", lock_ttl=5).ok
    assert 5 <= ran.result.seconds < 15
    assert vm_world.vm("web-1")["labels"] == {"app": "web"}


def test_region_says_that_it_has_no_effect(ask: Ask) -> None:
    assert "region" in ask("backup", CREATE, **WEB, region="europe-west4").ok.result.warnings


# -- Waiting


def test_without_wait_the_provider_goes_on(ask: Ask, vm_world: VmWorld) -> None:
    vm_world.control.settings(operation_s=2)
    ran = ask("backup", CREATE, **WEB, wait=False).ok
    assert ran["backup"]["status"] in ("pending", "running")
    assert ran["changed"] is True
    assert "its end was not waited for" in ran.message
    assert ask("backup", CREATE, **WEB, consistency="stopped", wait=False).is_refused("wait")
    vm_world.control.settings(operation_s=0)
    rerun = ask("backup", CREATE, **WEB).ok
    assert (rerun["changed"], rerun.changes, rerun["backup"]["status"]) == (False, [], "succeeded")


def test_deadline_leaves_it_to_google(ask: Ask, vm_world: VmWorld) -> None:
    vm_world.control.settings(operation_s_of={"snapshots.insert": 9})
    late = ask("backup", CREATE, **WEB, wait_timeout=3)
    assert late.kind == "WaitTimeout"
    assert late.result.seconds < 9
    vm_world.control.settings(operation_s_of={})
    rerun = ask("backup", CREATE, **WEB).ok
    assert (rerun["changed"], rerun["backup"]["status"]) == (False, "succeeded")
    assert len(vm_world.all("snapshots")) == 3


# -- Many VMs


@pytest.mark.parametrize("how", [{"vm_names": ["a", "b", "c"]}, {"vm_filter": {"fleet": "shop"}}], ids=["vm_names", "vm_filter"])
def test_many_vms_get_one_datetime(ask: Ask, vm_world: VmWorld, how: dict[str, Any]) -> None:
    for name in "abc":
        vm_world.put_vm(name, {"boot": {}, "data": {}}, labels={"fleet": "shop"})
    predicted = ask("backup", CREATE, **how, how={"check": True}).ok
    assert (len(predicted["backups"]), predicted["changed"], predicted.changes) == (3, True, [])
    ran = ask("backup", CREATE, **how).ok
    assert list(ran.result.value) == list(predicted.result.value)
    assert [one["vm"] for one in ran["backups"]] == ["a", "b", "c"]
    (moment,) = {one["snapshot_datetime"] for one in ran["backups"]}
    again = ask("backup", CREATE, **how, snapshot_datetime=moment).ok
    assert (again["changed"], again.changes, again["backups"]) == (False, [], ran["backups"])
    assert ask("backup", CREATE, vm_filter={"fleet": "nobody"}).kind == "NotFound"
    assert ask("backup", CREATE, vm_names=["a"], vm_name="a").is_refused("vm_names")


def test_max_parallel_is_a_limit(ask: Ask, vm_world: VmWorld) -> None:
    names = ["a", "b", "c", "d"]
    for name in names:
        vm_world.put_vm(name, {"boot": {}})
    vm_world.control.settings(operation_s=0.4)
    most = {}
    for number, limit in enumerate((1, 4)):
        since_s = max((one["end_s"] for one in vm_world.operations()), default=0.0)
        assert ask("backup", CREATE, vm_names=names, snapshot_datetime=MOMENTS[number], max_parallel=limit).ok
        times = [(one["insert_s"], one["end_s"]) for one in vm_world.operations(since_s)]
        most[limit] = max(sum(other[0] <= begin < other[1] for other in times) for begin, _end in times)
    assert most[1] == 1
    assert most[4] > 1
    assert ask("backup", CREATE, vm_names=names, max_parallel=0).is_refused("max_parallel")


def test_failure_of_one_vm_stops_no_other(ask: Ask, vm_world: VmWorld) -> None:
    for name in "abc":
        vm_world.put_vm(name, {"boot": {}, "data": {}})
    vm_world.control.add_fault("status", method="POST", route="projects/{project}/global/snapshots", status=403, reason="forbidden", nth=3, times=1)
    ran = ask("backup", CREATE, vm_names=["a", "b", "gone", "c"], snapshot_datetime=MOMENTS[0], max_parallel=1)
    assert ran.result.failed
    assert sorted(one["name"] for one in ran["errors"]) == ["b", "gone"]
    assert {one["name"]: one["error"]["kind"] for one in ran["errors"]}["gone"] == "NotFound"
    assert sorted(one["vm"] for one in ran["backups"] if one["status"] == "succeeded") == ["a", "c"]
    assert ran["changed"] is True
    rerun = ask("backup", CREATE, vm_names=["a", "b", "c"], snapshot_datetime=MOMENTS[0]).ok
    assert [one["status"] for one in rerun["backups"]] == ["succeeded"] * 3
    assert len(vm_world.all("snapshots")) == 6


# What an INSPECT_ALL is asked, and which backups it gives.
LISTS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, [f"a-{MOMENTS[0]}", f"web-1-{MOMENTS[1]}", NAME]),
    ({"vm_name": "web-1"}, [f"web-1-{MOMENTS[1]}", NAME]),
    ({"tags": {"env": "prod"}}, [NAME]),
    ({"name_filter": MOMENTS[0]}, [f"a-{MOMENTS[0]}", NAME]),
    ({"status": ["running"]}, []),
    ({"status": "succeeded", "max_objects": 2}, [f"a-{MOMENTS[0]}", f"web-1-{MOMENTS[1]}"]),
]


def test_lists_are_filtered(ask: Ask, vm_world: VmWorld) -> None:
    vm_world.put_vm("a", {"boot": {}})
    vm_world.control.settings(page_size=2)
    assert ask("backup", CREATE, **WEB, tags={"env": "prod"}).ok
    assert ask("backup", CREATE, **{**WEB, "snapshot_datetime": MOMENTS[1]}, tags={"env": "test"}).ok
    assert ask("backup", CREATE, vm_name="a", snapshot_datetime=MOMENTS[0]).ok
    for options, names in LISTS:
        assert [one["name"] for one in ask("backup", ALL, **options).ok["backups"]] == names, options


# -- What could make a backup worthless


def test_backup_refuses_while_a_restore_holds_the_vm(ask: Ask, vm_world: VmWorld) -> None:
    held = {"mcr-lock": "deadbeef-r-4", "mcr-lock-for": "restore_other"}
    vm_world.control.merge_state(instances=[{"name": "web-1", "place": f"zones/{ZONE}", "labels": held}])
    assert ask("backup", CREATE, **WEB).is_refused("other", "half-restored")


def test_member_that_fails_is_no_success(ask: Ask, vm_world: VmWorld) -> None:
    vm_world.control.add_fault(
        "operation", method="POST", route="projects/{project}/global/snapshots", error={"code": "INTERNAL_ERROR", "message": "no"}, nth=2
    )
    ran = ask("backup", CREATE, **WEB)
    assert ran.result.failed
    assert ask("backup", CREATE, **WEB).ok["backup"]["status"] == "succeeded"
    assert len(vm_world.all("snapshots")) == 3


def test_two_runs_at_once_make_one_backup(modules: Any, make_vm_world: Callable[..., VmWorld]) -> None:
    world = make_vm_world()
    world.control.settings(operation_s=0.3)
    runs = [modules.start("backup", {**world.options, **CREATE, **WEB}) for _number in range(2)]
    results = [run.result() for run in runs]
    assert [result.failed for result in results] == [False, False], [result.message for result in results]
    assert len(world.all("snapshots")) == 3
