# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module restore on VMs in Compute Engine: every option has its effect, on the wire or in the result, or is refused with its name."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.gce_vms import VmWorld
from tests.harness.gce_worlds import OTHER_ZONE, ZONE

from .gce_runs import ALL, CREATE, DELETE, MOMENTS, ONE, Ask

WEB: dict[str, Any] = {"vm_name": "web-1", "snapshot_datetime": MOMENTS[0]}
NAME = f"web-1-{MOMENTS[0]}"
COPY: dict[str, Any] = {**WEB, "strategy": "new", "new_vm_name": "web-1-drill"}
KEY, OTHER_KEY = (base64.b64encode(letter * 32).decode() for letter in (b"k", b"o"))
KEY_DIGEST = base64.b64encode(hashlib.sha256(b"k" * 32).digest()).decode()
DISKS, VMS = f"/zones/{ZONE}/disks", f"/zones/{ZONE}/instances"
DRILL_SUBNETWORK = "regions/europe-west1/subnetworks/drill-subnet"

# Options of the requests that make disks and VMs: what is given, where they are sent, and what their bodies must hold because of it.
BODY: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("vm_name", WEB, DISKS, {"labels": {"mcr-vm": "web-1"}}),
    ("vm_name", {**WEB, "vm_name": None, "instance": "web-1"}, DISKS, {"labels": {"mcr-vm": "web-1"}}),
    ("name", {**WEB, "name": "rescue_1"}, DISKS, {"labels": {"mcr-restore": "rescue_1"}}),
    ("snapshot_datetime", WEB, DISKS, {"labels": {"mcr-backup": MOMENTS[0]}}),
    ("snapshot_datetime", {**WEB, "snapshot_datetime": "latest"}, DISKS, {"labels": {"mcr-backup": MOMENTS[1]}}),
    ("backup", {"vm_name": "web-1", "backup": NAME}, DISKS, {"labels": {"mcr-backup": MOMENTS[0]}}),
    ("tags", {**WEB, "tags": {"env": "prod", "level": 3}}, DISKS, {"labels": {"env": "prod", "level": "3"}}),
    ("tags", {**WEB, "labels": {"env": "prod"}}, DISKS, {"labels": {"env": "prod"}}),
    ("strategy", {**WEB, "strategy": "in_place"}, "/web-1/attachDisk", {"autoDelete": True}),
    ("strategy", {**WEB, "strategy": "replace"}, VMS, {"name": "web-1", "labels": {"app": "web"}}),
    ("strategy", COPY, VMS, {"name": "web-1-drill"}),
    ("new_vm_name", {**COPY, "new_vm_name": "{vm}-b"}, VMS, {"name": "web-1-b"}),
    ("new_zone", {**COPY, "new_zone": OTHER_ZONE}, f"/zones/{OTHER_ZONE}/instances", {"name": "web-1-drill"}),
    ("machine_type", {**COPY, "machine_type": "e2-small"}, VMS, {"machineType": f"zones/{ZONE}/machineTypes/e2-small"}),
    (
        "startup_script",
        {**COPY, "startup_script": "#!/bin/sh\ntrue\n"},
        VMS,
        {"metadata": {"items": [{"key": "startup-script", "value": "#!/bin/sh\ntrue\n"}]}},
    ),
    ("network", {**COPY, "network": "drills", "subnetwork": "drill-subnet"}, VMS, {"networkInterfaces": [{"network": "global/networks/drills"}]}),
    ("subnetwork", {**COPY, "subnetwork": "drill-subnet"}, VMS, {"networkInterfaces": [{"subnetwork": DRILL_SUBNETWORK}]}),
]
# Options with a test of their own; those without a name are the client's, which the snapshot module's tests cover.
BEHAVIOUR = {
    "operation": "test_operations_of_one_restore",
    "provider": "test_operations_of_one_restore",
    "uid": "test_operations_of_one_restore",
    "zone": "test_zone_is_where_the_vm_is_looked_for",
    "vm_names": "test_many_vms_go_back_to_one_datetime",
    "vm_filter": "test_many_vms_go_back_to_one_datetime",
    "max_parallel": "test_many_vms_go_back_to_one_datetime",
    "snapshots": "test_snapshot_by_name_and_of_another_disk",
    "force": "test_snapshot_by_name_and_of_another_disk",
    "source_image": "test_image_and_family_are_for_the_boot_disk",
    "image_family": "test_image_and_family_are_for_the_boot_disk",
    "rollback_of": "test_rollback_brings_the_disks_from_before_back",
    "ensure_network": "test_network_is_made_when_asked",
    "start": "test_start_says_whether_the_vm_runs_afterwards",
    "old_disks": "test_old_disks_are_deleted_when_asked",
    "preserve_external_ip": "test_address_that_is_not_reserved_is_kept_or_given_up",
    "allow_lost": "test_what_would_be_lost_is_named_until_it_is_allowed",
    "manifest": "test_manifest_that_is_given_is_used",
    "manifest_file": "test_manifest_that_is_given_is_used",
    "delete_vm": "test_copy_is_deleted_when_asked",
    "disk_encryption_keys": "test_key_of_a_disk_is_asked_for_and_sent",
    "discard_local_ssd": "test_local_ssds_are_given_up_only_when_asked",
    "lock_ttl": "test_lock_of_the_dead_is_taken_over_after_its_time",
    "region": "test_region_says_that_it_has_no_effect",
    "wait": "test_half_a_restore_is_refused",
    "wait_timeout": "test_deadline_puts_the_vm_back_or_leaves_it_to_the_next_run",
    "undo_timeout": "",
    "name_filter": "test_lists_are_filtered",
    "status": "test_lists_are_filtered",
    "max_objects": "test_lists_are_filtered",
    **dict.fromkeys(("project_id", "service_account_file", "service_account_contents", "access_token", "api_url"), ""),
    **dict.fromkeys(("wait_interval", "request_timeout", "retries", "validate_certs", "ca_path", "client_cert", "client_key"), ""),
}


def test_every_option_of_the_module_is_covered() -> None:
    package = "ansible_collections.multicloud.recovery.plugins"
    backends = importlib.import_module(f"{package}.modules.restore").BACKENDS
    spec = importlib.import_module(f"{package}.module_utils.core.arguments").argument_spec({"gce": backends["gce"].OPTIONS}, None)
    assert set(spec) == {name for name, *_rest in BODY} | set(BEHAVIOUR)
    assert all(test in globals() for test in BEHAVIOUR.values() if test)


@pytest.fixture
def saved(ask: Ask, vm_world: VmWorld) -> dict[str, str]:
    """What was on the disks of "web-1" when it was saved, by device; something else is written to all of them afterwards."""
    contents = vm_world.contents("web-1")
    assert ask("backup", CREATE, **WEB).ok
    for disk in vm_world.disk_names("web-1"):
        vm_world.write(disk, "written later")
    return contents


def _add_network(world: VmWorld) -> None:
    world.control.merge_state(networks=[{"name": "drills", "place": "global", "autoCreateSubnetworks": False}])
    subnetwork = {"name": "drill-subnet", "place": "regions/europe-west1", "network": f"{world.base}/global/networks/drills", "ipCidrRange": "10.9.0.0/24"}
    world.control.merge_state(subnetworks=[subnetwork])


def _holds(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return all(_holds((found or {}).get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(found or []) == len(wanted) and all(_holds(*pair) for pair in zip(found, wanted))
    if isinstance(wanted, str) and "/" in wanted and isinstance(found, str):
        return found.endswith(wanted)
    return bool(found == wanted)


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(("option", "options", "path", "sent"), BODY, ids=[f"{case[0]}-{number}" for number, case in enumerate(BODY)])
def test_option_is_sent(ask: Ask, vm_world: VmWorld, option: str, options: dict[str, Any], path: str, sent: dict[str, Any]) -> None:
    if "latest" in options.values():
        assert ask("backup", CREATE, **{**WEB, "snapshot_datetime": MOMENTS[1]}).ok
    if "subnetwork" in options:
        _add_network(vm_world)
    ran = ask("restore", CREATE, **options).ok
    bodies = ran.bodies(path)
    assert bodies, ran.changes
    assert any(_holds(body, sent) for body in bodies), bodies[0]
    assert ran["restore"]["status"] == "succeeded"


# -- Which VM, and which point


@pytest.mark.usefixtures("saved")
def test_operations_of_one_restore(ask: Ask, vm_world: VmWorld) -> None:
    made = ask("restore", CREATE, **WEB).ok["restore"]
    assert (made["name"], made["uid"], made["provider"]) == (NAME, f"{ZONE}/web-1/{NAME}", "gce")
    for selector in ({"name": NAME}, {"uid": made["uid"]}):
        seen = ask("restore", ONE, **selector).ok
        assert (seen["changed"], seen["restore"], seen.changes) == (False, made, [])
    assert ask("restore", ALL).ok["restores"] == [made]
    assert ask("restore", DELETE, uid=f"{ZONE}/web-1/other", name=NAME).is_refused("uid")
    assert ask("restore", DELETE, name=NAME, tags={"purpose": "other"}).is_refused("labels")
    gone = ask("restore", DELETE, uid=made["uid"]).ok
    assert (gone["changed"], gone["restore"]) == (True, {})
    assert ask("restore", DELETE, name=NAME).ok["changed"] is False
    assert ask("restore", ONE, name=NAME).kind == "NotFound"
    assert ask("restore", ALL).ok["restores"] == []
    assert not {"web-1", "web-1-data", "web-1-logs"} & set(vm_world.names("disks"))


def test_zone_is_where_the_vm_is_looked_for(ask: Ask, vm_world: VmWorld) -> None:
    db = {"vm_name": "db-1", "snapshot_datetime": MOMENTS[0], "zone": OTHER_ZONE}
    contents = vm_world.contents("db-1", OTHER_ZONE)
    assert ask("backup", CREATE, **db).ok
    vm_world.write("db-1", "written later", f"zones/{OTHER_ZONE}")
    assert ask("restore", CREATE, **{**db, "zone": ZONE}).kind == "NotFound"
    assert ask("restore", CREATE, **db).ok["restore"]["zone"] == OTHER_ZONE
    assert vm_world.contents("db-1", OTHER_ZONE) == contents
    assert [len(ask("restore", ALL, zone=zone).ok["restores"]) for zone in (ZONE, OTHER_ZONE)] == [0, 1]
    assert len(ask("restore", ALL, new_zone=OTHER_ZONE).ok["restores"]) == 1


@pytest.mark.parametrize("how", [{"vm_names": ["a", "b", "c"], "max_parallel": 1}, {"vm_filter": {"fleet": "shop"}}], ids=["vm_names", "vm_filter"])
def test_many_vms_go_back_to_one_datetime(ask: Ask, vm_world: VmWorld, how: dict[str, Any]) -> None:
    for name in "abc":
        vm_world.put_vm(name, {"boot": {}, "data": {}}, labels={"fleet": "shop"})
    contents = {name: vm_world.contents(name) for name in "abc"}
    assert ask("backup", CREATE, vm_filter={"fleet": "shop"}, snapshot_datetime=MOMENTS[0]).ok
    for name in "abc":
        vm_world.write(f"{name}-data", "written later")
    given = {**how, "snapshot_datetime": MOMENTS[0], "name": "together"}
    vm_world.control.settings(operation_s=0.05)
    since_s = max((one["end_s"] for one in vm_world.operations()), default=0.0)
    predicted = ask("restore", CREATE, **given, how={"check": True}).ok
    assert (len(predicted["restores"]), predicted["changed"], predicted.changes) == (3, True, [])
    ran = ask("restore", CREATE, **given).ok
    assert list(ran.result.value) == list(predicted.result.value)
    assert [(one["vm"], one["status"]) for one in ran["restores"]] == [(name, "succeeded") for name in "abc"]
    assert {name: vm_world.contents(name) for name in "abc"} == contents
    stops = sorted((one["insert_s"], one["target"][-1]) for one in vm_world.operations(since_s) if one["type"] in ("stop", "start"))
    # One at a time: each is started before the next one is stopped.
    one_by_one = all(stops[number][1] == stops[number + 1][1] for number in (0, 2, 4))
    assert one_by_one is ("max_parallel" in how)
    again = ask("restore", CREATE, **given).ok
    assert (again["changed"], again.changes) == (False, [])
    assert ask("restore", CREATE, vm_names=["a"], vm_name="a", snapshot_datetime=MOMENTS[0]).is_refused("vm_names")
    assert ask("restore", CREATE, vm_filter={"fleet": "nobody"}, snapshot_datetime=MOMENTS[0]).kind == "NotFound"
    assert ask("restore", CREATE, **{**given, "max_parallel": 0}).is_refused("max_parallel")


def test_snapshot_by_name_and_of_another_disk(ask: Ask, vm_world: VmWorld) -> None:
    before = vm_world.contents("web-1")
    for name, disk in (("monday", "web-1-data"), ("strange", "web-1-logs")):
        assert ask("snapshot", CREATE, name=name, source_disk=disk).ok
    vm_world.write("web-1-data", "written later")
    given = {"vm_name": "web-1", "name": "one-disk"}
    ran = ask("restore", CREATE, **given, snapshots={"data": "monday"}).ok
    assert [body["sourceSnapshot"].rpartition("/")[2] for body in ran.bodies(DISKS)] == ["monday"]
    assert vm_world.contents("web-1") == before
    assert vm_world.disk_names("web-1")[::2] == ["web-1", "web-1-logs"]
    given["name"] = "another"
    assert ask("restore", CREATE, **given, snapshots={"data": "nobody"}).kind == "NotFound"
    assert ask("restore", CREATE, **given, snapshots={"data": "strange"}).is_refused("strange", "force")
    assert ask("restore", CREATE, **given, snapshots={"data": "strange"}, force=True).ok
    assert vm_world.contents("web-1")["data"] == before["Odd_device.7"]


@pytest.mark.parametrize(
    "image",
    [{"image_family": "gold"}, {"source_image": "projects/{project}/global/images/family/gold"}],
    ids=["family", "family as image"],
)
def test_image_and_family_are_for_the_boot_disk(ask: Ask, vm_world: VmWorld, image: dict[str, str]) -> None:
    before = vm_world.contents("web-1")
    for name, age in (("silver", "2024"), ("golden", "2025")):
        data = base64.b64encode(f"image {name}".encode()).decode()
        made = {"name": name, "family": "gold", "creationTimestamp": f"{age}-01-01T00:00:00.000-00:00", "diskSizeGb": "10", "data": data}
        vm_world.control.merge_state(images=[made])
    given = {option: value.format(project=vm_world.project) for option, value in image.items()}
    ran = ask("restore", CREATE, vm_name="web-1", **given).ok
    assert [body["sourceImage"].rpartition("/")[2] for body in ran.bodies(DISKS)] == ["golden"]
    after = vm_world.contents("web-1")
    assert after["web-1"] == vm_world.one("images", "golden")["digest"]
    assert {device: after[device] for device in ("data", "Odd_device.7")} == {device: before[device] for device in ("data", "Odd_device.7")}
    assert ask("restore", CREATE, vm_name="web-1", source_image="nobody", name="other").kind == "NotFound"
    assert ask("restore", CREATE, **WEB, **given).is_refused(next(iter(given)))


def test_rollback_brings_the_disks_from_before_back(ask: Ask, vm_world: VmWorld, saved: dict[str, str]) -> None:
    present, disks = vm_world.contents("web-1"), vm_world.disk_names("web-1")
    assert ask("restore", CREATE, **WEB, name="first").ok
    assert vm_world.contents("web-1") == saved
    ran = ask("restore", CREATE, vm_name="web-1", rollback_of="first").ok
    assert (ran["restore"]["name"], ran["restore"]["strategy"]) == ("rollback-of-first", "rollback")
    assert (vm_world.contents("web-1"), vm_world.disk_names("web-1")) == (present, disks)
    assert ran.bodies(DISKS) == []
    assert ask("restore", CREATE, vm_name="web-1", rollback_of="nobody").kind == "NotFound"


# -- How it comes up


@pytest.mark.usefixtures("saved")
def test_network_is_made_when_asked(ask: Ask, vm_world: VmWorld) -> None:
    given = {**COPY, "network": "drills"}
    assert ask("restore", CREATE, **given).result.failed
    assert vm_world.vm("web-1-drill") == {}
    ran = ask("restore", CREATE, **given, ensure_network=True).ok
    assert ran.bodies("/global/networks") == [{"name": "drills", "autoCreateSubnetworks": True}]
    assert vm_world.vm("web-1-drill")["networkInterfaces"][0]["network"].endswith("/networks/drills")
    assert ask("restore", CREATE, **WEB, ensure_network=True, name="x").is_refused("ensure_network")


@pytest.mark.parametrize(("start", "was", "wanted"), [("started", "RUNNING", "RUNNING"), ("stopped", "TERMINATED", "TERMINATED")])
@pytest.mark.usefixtures("saved")
def test_start_says_whether_the_vm_runs_afterwards(ask: Ask, vm_world: VmWorld, start: str, was: str, wanted: str) -> None:
    if was == "TERMINATED":
        vm_world.control.act("set_fields", project=vm_world.project, plural="instances", zone=ZONE, name="web-1", fields={"status": was})
    ran = ask("restore", CREATE, **WEB, start=start).ok
    assert ran["restore"]["vm_status"] == vm_world.vm("web-1")["status"] == wanted
    words = [change.rpartition("/")[2] for change in ran.changes]
    assert ("stop" in words, "start" in words) == (was == "RUNNING", wanted == "RUNNING")


def test_old_disks_are_deleted_when_asked(ask: Ask, vm_world: VmWorld, saved: dict[str, str]) -> None:
    old = set(vm_world.disk_names("web-1"))
    ran = ask("restore", CREATE, **WEB, old_disks="delete").ok
    assert vm_world.contents("web-1") == saved
    assert old & set(vm_world.names("disks")) == set()
    assert ran["restore"]["old_disks"] == []
    assert ask("restore", CREATE, **COPY, old_disks="delete").is_refused("old_disks")


@pytest.mark.parametrize("preserve", [True, False])
@pytest.mark.usefixtures("saved")
def test_address_that_is_not_reserved_is_kept_or_given_up(ask: Ask, vm_world: VmWorld, preserve: bool) -> None:
    vm_world.control.act("remove", project=vm_world.project, plural="addresses", region="europe-west1", name="web-1-ip")
    address = vm_world.vm("web-1")["networkInterfaces"][0]["accessConfigs"][0]["natIP"]
    ran = ask("restore", CREATE, **WEB, preserve_external_ip=preserve).ok
    now = vm_world.vm("web-1")["networkInterfaces"][0]["accessConfigs"][0]["natIP"]
    assert (now == address) is preserve
    assert [body["address"] for body in ran.bodies("/addresses")] == ([address] if preserve else [])
    assert (address in ran.result.warnings) is not preserve


@pytest.mark.usefixtures("saved")
def test_what_would_be_lost_is_named_until_it_is_allowed(ask: Ask, vm_world: VmWorld) -> None:
    tagged = {"params": {"resourceManagerTags": {"tagKeys/1": "tagValues/2"}}}
    vm_world.control.act("set_fields", project=vm_world.project, plural="instances", zone=ZONE, name="web-1", fields=tagged)
    given = {**WEB, "strategy": "replace"}
    assert ask("restore", CREATE, **given).is_refused("resource_manager_tags", "tagKeys/1")
    assert ask("restore", CREATE, **given, allow_lost=["iam_policy"]).is_refused("resource_manager_tags")
    assert ask("restore", CREATE, **given, allow_lost=["everything"]).is_refused("everything")
    assert ask("restore", CREATE, **given, allow_lost=["resource_manager_tags"]).ok["changed"]
    assert "params" not in vm_world.vm("web-1")


@pytest.mark.parametrize("option", ["manifest", "manifest_file"])
def test_manifest_that_is_given_is_used(ask: Ask, vm_world: VmWorld, tmp_path: Path, option: str) -> None:
    assert ask("backup", CREATE, **WEB, manifest_dir=str(tmp_path)).ok
    path = tmp_path / f"{NAME}.json"
    manifest = json.loads(path.read_text())
    manifest["instance"]["labels"] = {"app": "edited"}
    path.write_text(json.dumps(manifest))
    ran = ask("restore", CREATE, **COPY, **{option: manifest if option == "manifest" else str(path)}).ok
    assert ran.body(VMS)["labels"]["app"] == vm_world.vm("web-1-drill")["labels"]["app"] == "edited"
    assert "systemctl start web" not in ran.result.stdout
    path.write_text("{}")
    broken = {option: {} if option == "manifest" else str(path)}
    if option == "manifest_file":
        assert ask("restore", CREATE, **{**COPY, "new_vm_name": "other"}, **broken).is_refused("manifest")


def test_copy_is_deleted_when_asked(ask: Ask, vm_world: VmWorld, saved: dict[str, str]) -> None:
    disks = vm_world.names("disks")
    present = vm_world.contents("web-1")
    assert ask("restore", CREATE, **COPY, name="drill").ok
    assert vm_world.contents("web-1-drill") == saved
    assert ask("restore", DELETE, name="drill", delete_vm=True, how={"check": True}).changes == []
    assert ask("restore", DELETE, name="drill", delete_vm=True).ok["changed"]
    assert (vm_world.vm("web-1-drill"), vm_world.names("disks"), vm_world.contents("web-1")) == ({}, disks, present)
    # Without it the copy stays; and an original is never deleted.
    assert ask("restore", CREATE, **COPY, name="drill").ok
    assert ask("restore", DELETE, name="drill").ok["changed"]
    assert vm_world.vm("web-1-drill")["status"] == "RUNNING"
    assert ask("restore", CREATE, **WEB, name="real").ok
    assert ask("restore", DELETE, name="real", delete_vm=True).is_refused("delete_vm")


# -- Keys, local SSDs, locks, waiting


def test_key_of_a_disk_is_asked_for_and_sent(ask: Ask, vm_world: VmWorld) -> None:
    encrypted = {"diskEncryptionKey": {"sha256": KEY_DIGEST}}
    vm_world.put_vm("safe", {"boot": {}, "data": {**encrypted, "attached": encrypted}})
    given = {"vm_name": "safe", "snapshot_datetime": MOMENTS[0]}
    assert ask("backup", CREATE, **given, disk_encryption_keys={"data": KEY}).ok
    refused = ask("restore", CREATE, **given)
    assert refused.is_refused("disk_encryption_keys", "data")
    wrong = ask("restore", CREATE, **given, disk_encryption_keys={"data": OTHER_KEY})
    assert wrong.result.failed
    assert vm_world.vm("safe")["status"] == "RUNNING"
    assert vm_world.disk_names("safe") == ["safe-boot", "safe-data"]
    ran = ask("restore", CREATE, **given, disk_encryption_keys={"data": KEY}).ok
    assert sum("diskEncryptionKey" in body for body in ran.bodies(DISKS)) == 1
    for run in (refused, wrong, ran):
        assert KEY not in run.result.stdout
        assert OTHER_KEY not in run.result.stdout


def test_local_ssds_are_given_up_only_when_asked(ask: Ask, vm_world: VmWorld) -> None:
    vm_world.put_vm("fast", {"boot": {}})
    ssd = {"type": "SCRATCH", "mode": "READ_WRITE", "interface": "NVME", "deviceName": "local-ssd-0", "index": 1, "boot": False, "autoDelete": True}
    fields = {"disks": [*vm_world.vm("fast")["disks"], ssd]}
    vm_world.control.act("set_fields", project=vm_world.project, plural="instances", zone=ZONE, name="fast", fields=fields)
    given = {"vm_name": "fast", "snapshot_datetime": MOMENTS[0]}
    assert ask("backup", CREATE, **given).ok
    assert ask("restore", CREATE, **given).is_refused("discard_local_ssd", "local-ssd-0")
    ran = ask("restore", CREATE, **given, discard_local_ssd=True).ok
    assert ran.queries("/stop")[0]["discardLocalSsd"] == "true"


def test_lock_of_the_dead_is_taken_over_after_its_time(ask: Ask, vm_world: VmWorld, saved: dict[str, str]) -> None:
    dead = {"mcr-lock": "deadbeef-r-4", "mcr-lock-for": f"restore_{NAME}"}
    vm_world.control.merge_state(instances=[{"name": "web-1", "place": f"zones/{ZONE}", "labels": {"app": "web", **dead}}])
    assert ask("restore", CREATE, **WEB, lock_ttl=4).is_refused("lock_ttl")
    assert ask("restore", CREATE, **WEB, name="another").is_refused(NAME)
    ran = ask("restore", CREATE, **WEB, lock_ttl=5).ok
    assert 5 <= ran.result.seconds < 20
    assert vm_world.contents("web-1") == saved
    assert vm_world.vm("web-1")["labels"] == {"app": "web", "mcr-restore": NAME}


@pytest.mark.usefixtures("saved")
def test_region_says_that_it_has_no_effect(ask: Ask) -> None:
    assert "region" in ask("restore", CREATE, **WEB, region="europe-west4", how={"check": True}).ok.result.warnings


def test_half_a_restore_is_refused(ask: Ask) -> None:
    assert ask("restore", CREATE, **WEB, wait=False).is_refused("wait")
    assert ask("restore", CREATE, vm_name="web-1").is_refused("snapshot_datetime")
    assert ask("restore", CREATE, **{**COPY, "new_vm_name": None}).is_refused("new_vm_name")
    assert ask("restore", CREATE, **WEB, new_zone=OTHER_ZONE).is_refused("new_zone")


def test_deadline_puts_the_vm_back_or_leaves_it_to_the_next_run(ask: Ask, vm_world: VmWorld, saved: dict[str, str]) -> None:
    present = vm_world.contents("web-1")
    vm_world.control.settings(operation_s_of={"disks.insert": 9})
    late = ask("restore", CREATE, **WEB, wait_timeout=3)
    assert late.kind == "WaitTimeout"
    assert 3 <= late.result.seconds < 9
    # Nothing disruptive had begun: the VM runs as before, and the next run waits for the same disks.
    assert (vm_world.vm("web-1")["status"], vm_world.contents("web-1")) == ("RUNNING", present)
    vm_world.control.settings(operation_s_of={})
    ran = ask("restore", CREATE, **WEB).ok
    assert ran.bodies(DISKS) == []
    assert vm_world.contents("web-1") == saved
    assert len(vm_world.all("disks")) == 7


# What an INSPECT_ALL is asked, and which restores it gives.
LISTS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["a/first", "web-1/first", "web-1/second"]),
    ({"vm_name": "web-1"}, ["web-1/first", "web-1/second"]),
    ({"tags": {"env": "prod"}}, ["web-1/first"]),
    ({"name_filter": "sec"}, ["web-1/second"]),
    ({"status": ["running"]}, []),
    ({"status": "succeeded", "max_objects": 2}, ["a/first", "web-1/first"]),
]


@pytest.mark.usefixtures("saved")
def test_lists_are_filtered(ask: Ask, vm_world: VmWorld) -> None:
    vm_world.put_vm("a", {"boot": {}})
    vm_world.control.settings(page_size=2)
    assert ask("backup", CREATE, vm_name="a", snapshot_datetime=MOMENTS[0]).ok
    assert ask("restore", CREATE, vm_name="a", snapshot_datetime=MOMENTS[0], name="first").ok
    assert ask("restore", CREATE, **WEB, name="first", tags={"env": "prod"}).ok
    assert ask("restore", CREATE, **WEB, name="second", tags={"env": "test"}).ok
    for options, names in LISTS:
        assert sorted(f"{one['vm']}/{one['name']}" for one in ask("restore", ALL, **options).ok["restores"]) == names, options
    assert ask("restore", ONE, name="first").kind == "AmbiguousName"
