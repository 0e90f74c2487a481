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
    """The VM and its disks are gone, all at once and behind everybody's back."""
    names = world.disk_names("web-1")
    world.control.act("remove", project=world.project, plural="instances", zone=ZONE, name="web-1")
    for name in names:
        world.control.act("remove", project=world.project, plural="disks", zone=ZONE, name=name)
    free = [item for item in world.all("addresses") if item["name"] == "web-1-ip"]
    for item in free:
        world.control.act("set_fields", project=world.project, plural="addresses", region=REGION, name=item["name"], fields={"status": "RESERVED", "users": []})


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
    for key in ("device", "disk", "source", "old_disk", "recovery_point_at"):
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
    vm_world.watch(vm="web-1", given_up=["instance:web-1"], **({} if vm_world.vm("web-1") else {"old_disks": []}))
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
    others = {**{name: None for name in SETTINGS}, "machineType": "other", "labels": {}, "tags": {}, "metadata": {}, "serviceAccounts": [], "status": "TERMINATED"}
    for field, value in others.items():
        changed = {**expected, "vm": {**expected["vm"], field: value}}
        assert compare(expected, changed, ALLOWED[allowed])[0], field
    for field in ("autoDelete", "boot", "mode", "deviceName", "interface", "index"):
        attached = [{**entry, field: "other"} for entry in expected["vm"]["disks"]]
        assert compare(expected, {**expected, "vm": {**expected["vm"], "disks": attached}}, ALLOWED[allowed])[0], field
    for field, value in {"type": "other", "sizeGb": "11", "labels": {}, "diskEncryptionKey": {"kmsKeyName": "other"}}.items():
        disks = {**expected["disk"], "data": {**expected["disk"]["data"], field: value}}
        assert compare(expected, {**expected, "disk": disks}, ALLOWED[allowed])[0], field
    assert compare(expected, {**expected, "bytes": {**expected["bytes"], "data": "other"}}, ALLOWED[allowed])[0]
    assert all(reason for reason in ALLOWED[allowed].values())


# -- Keys and regional disks


@pytest.mark.parametrize("route", ["in place", "replace", "gone"])
@pytest.mark.parametrize("kind", ["own key", "key in Cloud KMS", "regional"])
def test_disks_of_every_kind_survive(ask: Ask, vm_world: VmWorld, kind: str, route: str) -> None:
    special: dict[str, dict[str, Any]] = {
        "own key": {"diskEncryptionKey": {"sha256": KEY_DIGEST}, "attached": {"diskEncryptionKey": {"sha256": KEY_DIGEST}}},
        "key in Cloud KMS": {
            "diskEncryptionKey": {"kmsKeyName": f"{KMS}/cryptoKeyVersions/1"},
            "attached": {"diskEncryptionKey": {"kmsKeyName": f"{KMS}/cryptoKeyVersions/1"}},
        },
        "regional": {"place": f"regions/{REGION}"},
    }
    vm_world.put_vm("safe", {"boot": {}, "data": special[kind]})
    keys = {"disk_encryption_keys": {"data": KEY}} if kind == "own key" else {}
    given = {"vm_name": "safe", "snapshot_datetime": MOMENTS[0], **keys}
    expected = _look(vm_world, "safe")
    assert ask("backup", CREATE, **given).ok
    _write(vm_world, "written later", "safe")
    lost: dict[str, Any] = {"allow_lost": ["external_address"]} if route == "gone" else {}
    if route == "gone":
        vm_world.control.act("remove", project=vm_world.project, plural="instances", zone=ZONE, name="safe")
        for disk in [disk for disk in vm_world.all("disks") if disk["name"].startswith("safe-")]:
            word, _slash, place = disk["place"].partition("/")
            vm_world.control.act("remove", project=vm_world.project, plural="disks", name=disk["name"], **{word[:-1]: place})
    ran = ask("restore", CREATE, **given, **({"strategy": "replace"} if route == "replace" else {}), **lost).ok
    found = _look(vm_world, "safe")
    allowed = dict(ALLOWED["in_place" if route == "in place" else "rebuilt"])
    if route == "gone":
        allowed[r"vm\.networkInterfaces\.0\.accessConfigs\.0\.natIP"] = "it was not reserved, and may be lost, as the task says"
    assert compare(expected, found, allowed)[0] == []
    data = found["disk"]["data"]
    assert data.get("diskEncryptionKey") == expected["disk"]["data"].get("diskEncryptionKey")
    assert ("replicaZones" in data) is (kind == "regional")
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
    "instances.stop": ("create disks", "stop VM"),
    "instances.detachDisk": ("stop VM", "detach old disks"),
    "instances.attachDisk": ("detach old disks", "attach new disks"),
    "instances.start": ("attach new disks", "start VM"),
}
PATHS = {"disks.insert": "/disks", **{f"instances.{verb}": f"/{verb}" for verb in ("stop", "detachDisk", "attachDisk", "start")}}


@pytest.mark.parametrize("stage", STAGES)
def test_running_restore_is_seen_from_another_process(modules: Modules, ask: Ask, vm_world: VmWorld, stage: str) -> None:
    contents = vm_world.contents("web-1")
    assert ask("backup", CREATE, **WEB).ok
    vm_world.control.settings(operation_s_of={stage: 3})
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
    assert run.result()["restore"]["status"] == "succeeded"
    assert vm_world.contents("web-1") == contents
    ended = ask("restore", ONE, name="rescue").ok["restore"]
    assert (ended["status"], ended["holder"], ended["step"]) == ("succeeded", "", "")


@pytest.mark.parametrize("stage", STAGES)
def test_cancelled_restore_puts_the_vm_back_and_frees_it(modules: Modules, ask: Ask, vm_world: VmWorld, stage: str) -> None:
    contents = vm_world.contents("web-1")
    assert ask("backup", CREATE, **WEB).ok
    _write(vm_world, "written later")
    present, disks = vm_world.contents("web-1"), vm_world.disk_names("web-1")
    vm_world.watch()
    vm_world.control.settings(operation_s_of={stage: 1})
    mark = vm_world.mark()
    run = modules.start("restore", {**vm_world.options, "wait_interval": 1, **CREATE, **WEB})
    eventually(lambda: [change for change in vm_world.changes(mark) if change.endswith(PATHS[stage])], 30, stage)
    run.send(signal.SIGTERM)
    cancelled = run.result(20)
    assert cancelled.kind == "Cancelled", cancelled.message
    assert "Traceback" not in cancelled.stdout + cancelled.stderr
    vm_world.control.settings(operation_s_of={})
    assert (vm_world.vm("web-1")["status"], vm_world.contents("web-1"), vm_world.disk_names("web-1")) == ("RUNNING", present, disks)
    assert not [key for item in (vm_world.vm("web-1"), *vm_world.all("disks")) for key in item.get("labels", {}) if key.startswith("mcr-lock")]
    ran = ask("restore", CREATE, **WEB).ok
    assert ran["changed"]
    assert vm_world.contents("web-1") == contents
    assert len(vm_world.all("disks")) == 7
    assert vm_world.broken() == []


def test_copy_in_another_zone_needs_nothing_of_the_zone_that_is_down(ask: Ask, vm_world: VmWorld) -> None:
    contents = vm_world.contents("web-1")
    assert ask("backup", CREATE, **WEB).ok
    vm_world.control.settings(zones_down=[ZONE])
    ran = ask("restore", CREATE, **WEB, strategy="new", new_vm_name=COPY, new_zone=OTHER_ZONE).ok
    assert not [one["path"] for one in ran.requests if f"/zones/{ZONE}/" in one["path"]]
    vm_world.control.settings(zones_down=[])
    assert vm_world.contents(COPY, OTHER_ZONE) == contents
