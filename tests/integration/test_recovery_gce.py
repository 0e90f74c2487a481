# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What recovery of VMs in Compute Engine promises, seen through the modules as processes: nothing done twice, nothing lost, all as it was."""

from __future__ import annotations

import base64
import hashlib
import signal
from collections.abc import Mapping
from typing import Any

import pytest

from tests.harness.gce_vms import VmWorld
from tests.harness.gce_worlds import OTHER_ZONE, REGION, ZONE
from tests.harness.modules import Modules
from tests.harness.worlds import eventually
from tests.tools.demo_gce import ALLOWED, Simulator, compare, look

from .gce_runs import CREATE, DELETE, MOMENTS, ONE, Ask

WEB: dict[str, Any] = {"vm_name": "web-1", "snapshot_datetime": MOMENTS[0]}
COPY = "web-1-drill"
KEY = base64.b64encode(b"k" * 32).decode()
KEY_DIGEST = base64.b64encode(hashlib.sha256(b"k" * 32).digest()).decode()
KMS = "projects/shop/locations/europe-west1/keyRings/ring/cryptoKeys/disks"

# What a VM may be like besides what "demo" has; a restore must not lose any of it.
SETTINGS: dict[str, Any] = {
    "description": "the shop's front",
    "canIpForward": True,
    "minCpuPlatform": "Intel Broadwell",
    "displayDevice": {"enableDisplay": True},
    "shieldedInstanceConfig": {"enableSecureBoot": True, "enableVtpm": True, "enableIntegrityMonitoring": False},
    "scheduling": {"onHostMaintenance": "TERMINATE", "automaticRestart": False, "preemptible": False, "provisioningModel": "STANDARD"},
    "advancedMachineFeatures": {"threadsPerCore": 1},
}
# By route: what is done to the saved VM first, the options, the VM that comes up, and which differences it may have.
ROUTES: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "in place": ("", WEB, "web-1", "in_place"),
    "replace": ("", {**WEB, "strategy": "replace"}, "web-1", "rebuilt"),
    "new": ("", {**WEB, "strategy": "new", "new_vm_name": COPY}, COPY, "copy"),
    "gone": ("lose", WEB, "web-1", "rebuilt"),
    "revive": ("retire", WEB, "web-1", "rebuilt"),
    "image of the backup": ("retire", {"vm_name": "web-1", "source_image": "IMAGE"}, "web-1", "rebuilt"),
    "rollback": ("restore", {"vm_name": "web-1", "rollback_of": "first"}, "web-1", "rollback"),
}


class _Seen(Simulator):
    """A project of the tests' simulator, for what the demo looks with."""

    def __init__(self, world: VmWorld) -> None:  # pylint: disable=super-init-not-called
        self.url, self.project = world.simulator.url, world.project


def _look(world: VmWorld, name: str = "web-1", zone: str = ZONE) -> dict[str, Any]:
    return look(_Seen(world), zone, name)


def _change(world: VmWorld, **fields: Any) -> None:
    world.control.act("set_fields", project=world.project, plural="instances", zone=ZONE, name="web-1", fields=fields)


def _write(world: VmWorld, text: str, vm: str = "web-1") -> None:
    for entry in world.vm(vm)["disks"]:
        place, _slash, name = entry["source"].removeprefix(f"{world.base}/").partition("/disks/")
        world.write(name, f"{text} on {entry['deviceName']}", place)


def _lose(world: VmWorld) -> None:
    """The VM and its disks are gone, all at once and behind everybody's back; its address is free."""
    world.control.act("remove", project=world.project, plural="instances", zone=ZONE, name="web-1")
    for disk in [disk for disk in world.all("disks") if disk["name"].startswith("web-1")]:
        word, _slash, place = disk["place"].partition("/")
        world.control.act("remove", project=world.project, plural="disks", name=disk["name"], **{word[:-1]: place})
    free = {"status": "RESERVED", "users": []}
    world.control.act("set_fields", project=world.project, plural="addresses", region=REGION, name="web-1-ip", fields=free)


def _prepare(ask: Ask, world: VmWorld, first: str) -> dict[str, Any]:
    """Save the VM, do to it what the route begins with, and give what must come back."""
    expected = _look(world)
    saved = ask("backup", CREATE, **WEB, **({"method": "image", "retire_source": True} if first == "retire" else {})).ok
    assert saved["backup"]["status"] == "succeeded"
    if first == "lose":
        _lose(world)
    elif first != "retire":
        _write(world, "written later")
    if first == "restore":
        expected = _look(world)
        assert ask("restore", CREATE, **WEB, name="first").ok
    return expected


def _options(world: VmWorld, options: Mapping[str, Any]) -> dict[str, Any]:
    boot = [item["name"] for item in world.all("images") if item["labels"].get("mcr-device") == "web-1"]
    return {name: boot[0] if value == "IMAGE" else value for name, value in options.items()}


@pytest.mark.parametrize("route", ROUTES)
def test_check_mode_predicts_and_second_run_changes_nothing(ask: Ask, vm_world: VmWorld, route: str) -> None:
    first, options, vm, _allowed = ROUTES[route]
    _prepare(ask, vm_world, first)
    given = _options(vm_world, options)
    before = vm_world.control.act("canonical", project=vm_world.project)
    predicted = ask("restore", CREATE, **given, how={"check": True}).ok
    assert predicted.changes == []
    assert vm_world.control.act("canonical", project=vm_world.project) == before
    ran = ask("restore", CREATE, **given).ok
    assert predicted["changed"] is ran["changed"] is True
    assert list(predicted.result.value) == list(ran.result.value)
    assert list(predicted["restore"]) == list(ran["restore"])
    for key in ("name", "provider", "status", "tags", "vm", "zone", "strategy", "point", "step", "next", "holder", "vm_status"):
        assert predicted["restore"][key] == ran["restore"][key], key
    for part in ("disks", "old_disks"):
        assert [list(one) for one in predicted["restore"][part]] == [list(one) for one in ran["restore"][part]]
    # The disks that come back have no notes of what they were made from and what they replace, so that this is not foretold.
    for key in ("device", "disk") if route == "rollback" else ("device", "disk", "source", "old_disk", "recovery_point_at"):
        assert [one[key] for one in predicted["restore"]["disks"]] == [one[key] for one in ran["restore"]["disks"]], key
    after = vm_world.control.act("canonical", project=vm_world.project)
    for check in (True, False):
        again = ask("restore", CREATE, **given, how={"check": check}).ok
        assert (again["changed"], again.changes) == (False, [])
        assert again["restore"] == ran["restore"]
    assert vm_world.control.act("canonical", project=vm_world.project) == after
    assert vm_world.vm(vm)["status"] == "RUNNING"


@pytest.mark.parametrize("route", ROUTES)
def test_vm_is_as_it_was_field_by_field(ask: Ask, vm_world: VmWorld, route: str) -> None:
    first, options, vm, allowed = ROUTES[route]
    _change(vm_world, **SETTINGS)
    expected = _prepare(ask, vm_world, first)
    old: dict[str, Any] = {} if vm_world.vm("web-1") else {"old_disks": []}
    vm_world.watch(vm="web-1", given_up=["instance:web-1"], **old)
    assert ask("restore", CREATE, **_options(vm_world, options)).ok
    found = _look(vm_world, vm)
    assert compare(expected, found, ALLOWED[allowed])[0] == []
    assert set(SETTINGS) <= set(found["vm"])
    assert vm_world.broken() == []
    assert not [key for item in (vm_world.vm(vm), *vm_world.all("disks")) for key in item.get("labels", {}) if key.startswith("mcr-lock")]
    if vm != "web-1":
        # The original is not touched at all; it holds what was written to it after the backup.
        original = _look(vm_world)
        assert original["vm"] == expected["vm"]
        assert not set(original["bytes"].values()) & set(found["bytes"].values())


@pytest.mark.parametrize("allowed", ALLOWED)
def test_no_difference_that_matters_is_allowed(vm_world: VmWorld, allowed: str) -> None:
    _change(vm_world, **SETTINGS)
    expected = _look(vm_world)
    assert compare(expected, expected, ALLOWED[allowed])[0] == []
    others: dict[str, Any] = {
        **{name: None for name in SETTINGS},
        "machineType": "other",
        "labels": {},
        "tags": {},
        "metadata": {},
        "serviceAccounts": [],
        "status": "TERMINATED",
    }
    for field, value in others.items():
        changed = {**expected, "vm": {**expected["vm"], field: value}}
        assert compare(expected, changed, ALLOWED[allowed])[0], field
    for field in ("autoDelete", "boot", "mode", "deviceName", "interface", "index"):
        attached = [{**entry, field: "other"} for entry in expected["vm"]["disks"]]
        assert compare(expected, {**expected, "vm": {**expected["vm"], "disks": attached}}, ALLOWED[allowed])[0], field
    for field, other in {"type": "other", "sizeGb": "11", "labels": {}, "diskEncryptionKey": {"kmsKeyName": "other"}}.items():
        disks = {**expected["disk"], "data": {**expected["disk"]["data"], field: other}}
        assert compare(expected, {**expected, "disk": disks}, ALLOWED[allowed])[0], field
    assert compare(expected, {**expected, "bytes": {**expected["bytes"], "data": "other"}}, ALLOWED[allowed])[0]
    assert all(reason for reason in ALLOWED[allowed].values())


# -- Keys and regional disks


def _make_special(world: VmWorld, kind: str) -> None:
    """Give the VM a data disk of this kind."""
    boot, data, logs = world.vm("web-1")["disks"]
    common = {"sizeGb": "20", "physicalBlockSizeBytes": "4096", "text": "special"}
    if kind == "regional":
        world.control.act("remove", project=world.project, plural="disks", zone=ZONE, name="web-1-data")
        world.put_disk("web-1-data", f"regions/{REGION}", users=[world.vm("web-1")["selfLink"]], **common)
        data = {**data, "source": f"{world.base}/regions/{REGION}/disks/web-1-data"}
    else:
        key = {"sha256": KEY_DIGEST} if kind == "own key" else {"kmsKeyName": f"{KMS}/cryptoKeyVersions/1"}
        world.put_disk("web-1-data", diskEncryptionKey=key, **common)
        data = {**data, "diskEncryptionKey": key}
    _change(world, disks=[boot, data, logs])


@pytest.mark.parametrize("route", ["in place", "replace", "gone"])
@pytest.mark.parametrize("kind", ["own key", "key in Cloud KMS", "regional"])
def test_disks_of_every_kind_survive(ask: Ask, vm_world: VmWorld, kind: str, route: str) -> None:
    _make_special(vm_world, kind)
    keys = {"disk_encryption_keys": {"data": KEY}} if kind == "own key" else {}
    expected = _look(vm_world)
    assert ask("backup", CREATE, **WEB, **keys).ok
    if route == "gone":
        _lose(vm_world)
    else:
        _write(vm_world, "written later")
    ran = ask("restore", CREATE, **ROUTES[route][1], **keys).ok
    found = _look(vm_world)
    allowed = dict(ALLOWED[ROUTES[route][3]])
    if kind == "key in Cloud KMS":
        allowed[r"(disk\.data|vm\.disks\.1)\.diskEncryptionKey\.kmsKeyName"] = "the version of the key: the service takes its newest; compared below"
    assert compare(expected, found, allowed)[0] == []
    data = found["disk"]["data"]
    assert data.get("diskEncryptionKey", {}).get("kmsKeyName", "").startswith(KMS if kind == "key in Cloud KMS" else "")
    assert ("diskEncryptionKey" in data, "replicaZones" in data) == (kind != "regional", kind == "regional")
    assert KEY not in ran.result.stdout


# -- Again and again


def test_backups_belong_together_over_restores_and_are_pruned(ask: Ask, vm_world: VmWorld) -> None:
    contents: dict[str, dict[str, str]] = {}

    def back_up(moment: str) -> None:
        _write(vm_world, f"as of {moment}")
        contents[moment] = vm_world.contents("web-1")
        assert ask("backup", CREATE, **{**WEB, "snapshot_datetime": moment}).ok["changed"]
        _write(vm_world, f"after {moment}")

    def restore(moment: str, name: str) -> None:
        before = set(vm_world.disk_names("web-1"))
        assert ask("restore", CREATE, **{**WEB, "snapshot_datetime": moment}, name=name).ok["changed"]
        assert vm_world.contents("web-1") == contents[moment]
        assert not before & set(vm_world.disk_names("web-1"))

    vm_world.watch(given_up=[])
    back_up(MOMENTS[0])
    back_up(MOMENTS[1])
    restore(MOMENTS[0], "first")
    # The third is of the disks that the restore has made.
    back_up(MOMENTS[2])
    restore(MOMENTS[1], "second")
    restore(MOMENTS[2], "third")
    assert len({str(digests) for digests in contents.values()}) == 3
    vm_world.control.act("unwatch", project=vm_world.project)
    disks = {snapshot["sourceDisk"] for snapshot in vm_world.all("snapshots")}
    assert len(disks) == 6
    for name in ("first", "second"):
        assert ask("restore", DELETE, name=name, vm_name="web-1").ok["changed"]
    every = ask("backup", {"operation": "INSPECT_ALL"}, vm_name="web-1").ok["backups"]
    assert [(one["snapshot_datetime"], one["status"]) for one in every] == [(moment, "succeeded") for moment in reversed(MOMENTS)]
    pruned = ask("backup", DELETE, vm_name="web-1", retention={"keep_last": 1}).ok
    assert sorted(one["snapshot_datetime"] for one in pruned["backups"]) == list(MOMENTS[:2])
    assert {snapshot["labels"]["mcr-backup"] for snapshot in vm_world.all("snapshots")} == {MOMENTS[2]}
    _write(vm_world, "at last")
    assert ask("restore", CREATE, **{**WEB, "snapshot_datetime": "latest"}, name="fourth").ok["restore"]["point"] == MOMENTS[2]
    assert vm_world.contents("web-1") == contents[MOMENTS[2]]


# -- Seen from elsewhere, and cancelled

# While the provider works on this: what the record says was done last, and what comes next.
STAGES = {
    "disks.insert": ("create disks", "stop VM"),
    # It is not RUNNING any more, so that the next thing to do is the next one.
    "instances.stop": ("stop VM", "detach old disks"),
    "instances.detachDisk": ("stop VM", "detach old disks"),
    "instances.attachDisk": ("detach old disks", "attach new disks"),
    "instances.start": ("attach new disks", "start VM"),
}
PATHS = {"disks.insert": "/disks", **{f"instances.{verb}": f"/{verb}" for verb in ("stop", "detachDisk", "attachDisk", "start")}}


@pytest.mark.parametrize("stage", ["disks.insert", "instances.attachDisk"])
def test_running_restore_is_seen_from_another_process(modules: Modules, ask: Ask, vm_world: VmWorld, stage: str) -> None:
    contents = vm_world.contents("web-1")
    assert ask("backup", CREATE, **WEB).ok
    vm_world.control.settings(operation_s_of={stage: 30})
    mark = vm_world.mark()
    run = modules.start("restore", {**vm_world.options, "wait_interval": 1, **CREATE, **WEB, "name": "rescue"})
    eventually(lambda: [change for change in vm_world.changes(mark) if change.endswith(PATHS[stage])], 30, stage)
    seen = ask("restore", ONE, name="rescue").ok
    assert not run.is_over
    vm_world.control.settings(operation_s_of={})
    record = seen["restore"]
    assert (record["status"], record["step"], record["next"]) == ("running", *STAGES[stage])
    assert record["holder"]
    assert (seen["changed"], seen.changes) == (False, [])
    # Another restore of the VM is told who holds it.
    assert ask("restore", CREATE, **WEB, name="other").is_refused("rescue")
    assert not run.is_over
    vm_world.control.advance(30)
    assert run.result()["restore"]["status"] == "succeeded"
    assert vm_world.contents("web-1") == contents
    ended = ask("restore", ONE, name="rescue").ok["restore"]
    assert (ended["status"], ended["holder"], ended["step"]) == ("succeeded", "", "")


CANCELLED = [("in_place", stage) for stage in STAGES]
CANCELLED += [("replace", stage) for stage in ("instances.setDiskAutoDelete", "instances.stop", "instances.delete", "instances.insert")]
PATHS |= {"instances.setDiskAutoDelete": "/setDiskAutoDelete", "instances.delete": "/instances/ID", "instances.insert": "/instances"}


@pytest.mark.parametrize(("strategy", "stage"), CANCELLED)
def test_cancelled_restore_puts_the_vm_back_and_frees_it(modules: Modules, ask: Ask, vm_world: VmWorld, strategy: str, stage: str) -> None:
    contents = vm_world.contents("web-1")
    assert ask("backup", CREATE, **WEB).ok
    _write(vm_world, "written later")
    present, disks = vm_world.contents("web-1"), vm_world.disk_names("web-1")
    vm_world.watch(given_up=["instance:web-1"] if strategy == "replace" else [])
    vm_world.control.settings(operation_s_of={stage: 1})
    mark, identity = vm_world.mark(), vm_world.vm("web-1")["id"]
    given = {**vm_world.options, "wait_interval": 1, **CREATE, **WEB, "strategy": strategy}
    run = modules.start("restore", given)
    path = PATHS[stage].replace("ID", identity)
    eventually(lambda: [change for change in vm_world.changes(mark) if change.endswith(path)], 30, stage)
    # What was asked for ends a second later, in the middle of the putting back, unless that waits.
    run.send(signal.SIGTERM)
    cancelled = run.result(20)
    assert cancelled.kind == "Cancelled", cancelled.message
    assert "Traceback" not in cancelled.stdout + cancelled.stderr
    vm_world.control.settings(operation_s_of={})
    now = (vm_world.vm("web-1").get("status"), vm_world.contents("web-1"), vm_world.disk_names("web-1"))
    assert now == ("RUNNING", present, disks), cancelled.message
    assert not [key for item in (vm_world.vm("web-1"), *vm_world.all("disks")) for key in item.get("labels", {}) if key.startswith("mcr-lock")]
    assert ask("restore", CREATE, **WEB, strategy=strategy).ok["changed"]
    assert vm_world.contents("web-1") == contents
    assert len(vm_world.all("disks")) == 7
    assert vm_world.broken() == []


def test_cancelled_copy_leaves_nothing(modules: Modules, ask: Ask, vm_world: VmWorld) -> None:
    assert ask("backup", CREATE, **WEB).ok
    before = vm_world.names("disks")
    vm_world.control.settings(operation_s_of={"instances.insert": 1})
    mark = vm_world.mark()
    run = modules.start("restore", {**vm_world.options, "wait_interval": 1, **CREATE, **WEB, "strategy": "new", "new_vm_name": COPY})
    eventually(lambda: [change for change in vm_world.changes(mark) if change.endswith("/instances")], 30, "the building")
    run.send(signal.SIGTERM)
    cancelled = run.result(20)
    assert cancelled.kind == "Cancelled", cancelled.message
    assert (vm_world.vm(COPY), vm_world.names("disks")) == ({}, before)


def test_cancelled_backup_starts_the_vm_again(modules: Modules, ask: Ask, vm_world: VmWorld) -> None:
    vm_world.control.settings(operation_s_of={"instances.stop": 1})
    mark = vm_world.mark()
    given = {**WEB, "consistency": "stopped"}
    run = modules.start("backup", {**vm_world.options, "wait_interval": 1, **CREATE, **given})
    eventually(lambda: [change for change in vm_world.changes(mark) if change.endswith("/stop")], 30, "the stopping")
    run.send(signal.SIGTERM)
    cancelled = run.result(20)
    assert cancelled.kind == "Cancelled", cancelled.message
    assert vm_world.vm("web-1")["status"] == "RUNNING"
    assert not [key for key in vm_world.vm("web-1")["labels"] if key.startswith("mcr-lock")]
    assert ask("backup", CREATE, **given).ok["backup"]["consistency"] == "stopped"


def test_copy_in_another_zone_needs_nothing_of_the_zone_that_is_down(ask: Ask, vm_world: VmWorld) -> None:
    contents = vm_world.contents("web-1")
    assert ask("backup", CREATE, **WEB).ok
    vm_world.control.settings(zones_down=[ZONE])
    ran = ask("restore", CREATE, **WEB, strategy="new", new_vm_name=COPY, new_zone=OTHER_ZONE).ok
    assert not [one["path"] for one in ran.requests if f"/zones/{ZONE}/" in one["path"]]
    vm_world.control.settings(zones_down=[])
    assert vm_world.contents(COPY, OTHER_ZONE) == contents
