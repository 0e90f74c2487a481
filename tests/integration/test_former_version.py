# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups and restores that the former version has made are found, gone on with, gone back from and deleted.

``former_version.json`` holds the requests that the former version sent, in their order, as the simulator logged them: [method, path, body].
They are sent again here, up to the one before which a run is said to have died. Names are derived from the project, so that it is always the same.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.harness.gce_vms import VmWorld
from tests.harness.gce_worlds import OTHER_ZONE, REGION, ZONE
from tests.harness.modules import Modules
from tests.simulator.server import SimulatorThread

from .gce_runs import ALL, CREATE, DELETE, MOMENTS, ONE, VmRun

SENT: dict[str, list[tuple[str, str, dict[str, Any]]]] = json.loads(Path(__file__).with_name("former_version.json").read_text("utf-8"))
ADDRESS = "34.76.0.9"
# The locks of the dead are waited for: time passes faster for the modules.
SPEED = 10.0
NAME = f"web-1-{MOMENTS[0]}"
WEB: dict[str, Any] = {"vm_name": "web-1", "snapshot_datetime": MOMENTS[0]}
BACK: dict[str, Any] = {"vm_name": "web-1", "rollback_of": NAME}
DRILL: dict[str, Any] = {**WEB, "strategy": "new", "new_vm_name": "web-1-drill", "name": "drill"}
METHODS = {"snapshot": MOMENTS[0], "image": MOMENTS[1], "machine_image": MOMENTS[2]}
PARTS = {"backup": "snapshot", "image": "image", "machine_image": "machine_image"}
# What was sent before each: the VM is written to after its backup, and once more before it goes back.
BEFORE = {"rollback": ("backup", "later", "in_place", "last"), **dict.fromkeys(("in_place", "replace", "new"), ("backup", "later"))}
OPTIONS: dict[str, dict[str, Any]] = {"in_place": WEB, "replace": {**WEB, "strategy": "replace"}, "rollback": BACK, "new": DRILL}
NAMES = {"in_place": NAME, "replace": NAME, "rollback": f"rollback-of-{NAME}", "new": "drill"}
# The request before which a run has died, and which of several alike.
# Of these every other one is tried every day; the full matrix has all requests.
DEATHS = [
    ("in_place", "POST zones/europe-west1-b/disks", 1),
    ("in_place", "POST zones/europe-west1-b/instances/web-1/stop", 1),
    ("in_place", "POST zones/europe-west1-b/instances/web-1/attachDisk", 2),
    ("in_place", "POST zones/europe-west1-b/instances/web-1/setLabels", 2),
    ("rollback", "POST zones/europe-west1-b/instances/web-1/attachDisk", 2),
    ("rollback", "POST zones/europe-west1-b/disks/web-1-data/setLabels", 1),
    ("replace", "DELETE zones/europe-west1-b/instances/web-1", 1),
    ("replace", "POST zones/europe-west1-b/instances", 1),
    ("replace", "POST zones/europe-west1-b/instances/web-1/setLabels", 2),
    ("new", "POST zones/europe-west1-b/disks", 3),
    ("new", "POST zones/europe-west1-b/instances", 1),
]


class FormerWorld(VmWorld):
    """The project in which the former version worked."""

    def __init__(self, simulator: SimulatorThread) -> None:
        super().__init__(simulator, project="former")
        self.control.drop_state()
        self.control.seed("demo")
        self.control.merge_state(addresses=[{"name": "web-1-ip", "place": f"regions/{REGION}", "address": ADDRESS}])
        interfaces = self.vm("web-1")["networkInterfaces"]
        interfaces[0]["accessConfigs"][0]["natIP"] = ADDRESS
        self._set("web-1", ZONE, id="4000000000000000001", networkInterfaces=interfaces)
        self._set("db-1", OTHER_ZONE, id="4000000000000000002")
        # What was on the VM when it was saved, and after each time that it was written to.
        self.states = {"saved": self.contents("web-1")}

    def _set(self, vm: str, zone: str, **fields: Any) -> None:
        self.control.act("set_fields", project=self.project, plural="instances", zone=zone, name=vm, fields=fields)

    def sent(self, *names: str, until: int | None = None) -> None:
        """Send what the former version sent; of the last name only the first ``until`` requests. A name without requests stands for the guest, who writes."""
        for name in names:
            if name in SENT:
                for method, path, body in SENT[name][: until if name == names[-1] else None]:
                    self._send(method, path, body)
            else:
                for entry in self.vm("web-1")["disks"]:
                    self.write(entry["source"].rpartition("/")[2], f"{name} {entry['deviceName']}")
                self.states[name] = self.contents("web-1")

    def _send(self, method: str, path: str, body: dict[str, Any]) -> None:
        url = f"{self.simulator.url}/compute/v1/projects/{self.project}/"
        how: dict[str, Any] = {"headers": {"Authorization": f"Bearer {self.token}"}, "timeout": 10}
        body = dict(body)
        if path.endswith("/setLabels"):
            body["labelFingerprint"] = requests.get(url + path[: -len("/setLabels")], **how).json()["labelFingerprint"]
        answer = requests.request(method, url + path, json=body, **how)
        if path == "global/instanceTemplates" and answer.status_code == 409:
            # The backups of a VM that has not changed share their manifest.
            return
        assert answer.status_code == 200, answer.text
        operation = answer.json()
        while operation["status"] != "DONE":
            operation = requests.get(operation["selfLink"].replace("https://www.googleapis.com", self.simulator.url), **how).json()
        assert "error" not in operation, operation

    def locks(self) -> list[str]:
        """What carries a lock."""
        return [item["name"] for plural in ("instances", "disks") for item in self.all(plural) if "mcr-lock" in item.get("labels", {})]


@pytest.fixture(name="modules", scope="module")
def _modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Modules]:
    server = Modules(tmp_path_factory.mktemp("former"), os.environ["ANSIBLE_COLLECTIONS_PATH"], SPEED)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(name="world")
def _world(gce_simulator: SimulatorThread) -> FormerWorld:
    return FormerWorld(gce_simulator)


@pytest.fixture(name="run")
def _run(modules: Modules, world: FormerWorld) -> Callable[..., VmRun]:
    return lambda module, operation, how=None, **options: VmRun(modules, world, module, {**operation, **options}, **(how or {}))


Run = Callable[..., VmRun]


def _until(piece: str, request: str, number: int) -> int:
    """How many requests were sent before this one; of several alike the number says which."""
    return [index for index, (method, path, _body) in enumerate(SENT[piece]) if f"{method} {path}".partition("?")[0] == request][number - 1]


# --- backups


def test_backups_are_found_whole_and_usable(world: FormerWorld, run: Run) -> None:
    world.sent(*PARTS, "small")
    listed = {one["snapshot_datetime"]: one for one in run("backup", ALL, vm_name="web-1").ok["backups"]}
    assert {listed[moment]["method"]: moment for moment in listed} == METHODS
    for one in [*listed.values(), run("backup", ONE, name=f"db-1-{MOMENTS[0]}", zone=OTHER_ZONE).ok["backup"]]:
        assert (one["status"], one["usable"], one["unusable_because"], one["manifest_complete"]) == ("succeeded", True, "", True)
        assert one["manifest"]["vm"] == one["vm"]
        assert one["manifest_stored_in"] == ("description" if one["vm"] == "db-1" else "template")
    assert one["tags"] == {"team": "shop"}
    again = run("backup", CREATE, vm_name="db-1", zone=OTHER_ZONE, snapshot_datetime=MOMENTS[0]).ok
    assert (again["changed"], again.changes) == (False, [])


def test_snapshots_are_found_and_parts_of_backups_told_from_others(world: FormerWorld, run: Run) -> None:
    world.sent("backup", "snapshot")
    found = {one["name"]: one for one in run("snapshot", ALL).ok["snapshots"]}
    assert {name: one["backup"] for name, one in found.items()} == {"nightly": None, **dict.fromkeys(set(found) - {"nightly"}, NAME)}
    assert (len(found), found["nightly"]["guest_flush"], found["nightly"]["tags"]) == (4, True, {"team": "shop"})
    expires = SENT["snapshot"][0][2]["labels"]["mcr-expires"]
    assert re.sub(r"[-:TZ]", "", found["nightly"]["expires_at"]) == expires.replace("-", "")
    again = run("snapshot", CREATE, name="nightly", source_disk="web-1", guest_flush=True).ok
    assert (again["changed"], again.changes) == (False, [])


@pytest.mark.parametrize("part", PARTS)
def test_backup_made_again_is_unchanged_restored_and_deleted(world: FormerWorld, run: Run, part: str) -> None:
    world.sent(part, "later")
    moment = METHODS[PARTS[part]]
    again = run("backup", CREATE, vm_name="web-1", snapshot_datetime=moment, method=PARTS[part], image_family="web" if part == "image" else None).ok
    assert (again["changed"], again.changes) == (False, [])
    assert run("restore", CREATE, vm_name="web-1", snapshot_datetime=moment).ok["changed"]
    assert world.contents("web-1") == world.states["saved"]
    assert run("backup", DELETE, name=f"web-1-{moment}").ok["changed"]
    assert [world.names(plural) for plural in ("snapshots", "images", "machineImages", "instanceTemplates")] == [[], [], [], []]


def test_unfinished_backup_is_completed(world: FormerWorld, run: Run) -> None:
    world.sent("backup", until=2)
    begun = world.names("snapshots")
    assert run("backup", ONE, name=NAME).ok["backup"]["status"] == "running"
    assert run("restore", CREATE, **WEB).is_refused("not complete")
    made = run("backup", CREATE, **WEB).ok["backup"]
    assert (made["status"], made["usable"], len(begun)) == ("succeeded", True, 1)
    assert len(world.names("snapshots")) == 3
    assert set(begun) < set(world.names("snapshots"))


def test_backup_that_died_with_the_vm_stopped_is_completed_and_starts_it(world: FormerWorld, run: Run) -> None:
    world.sent("stopped", until=_until("stopped", "POST zones/europe-west1-b/instances/web-1/start", 1))
    assert world.vm("web-1")["status"] == "TERMINATED"
    snapshots = world.names("snapshots")
    made = run("backup", CREATE, **WEB, consistency="stopped", lock_ttl=5).ok["backup"]
    assert (made["status"], made["consistency"], world.names("snapshots")) == ("succeeded", "stopped", snapshots)
    assert (world.vm("web-1")["status"], world.locks()) == ("RUNNING", [])


def test_backup_at_rest_is_unchanged_whatever_consistency_is_asked_for(world: FormerWorld, run: Run) -> None:
    world.sent("stopped")
    for asked in ("crash", "application", "stopped"):
        again = run("backup", CREATE, **WEB, consistency=asked).ok
        assert (again["changed"], again.changes) == (False, [])


def test_retention_counts_them(world: FormerWorld, run: Run) -> None:
    world.sent(*PARTS)
    assert run("backup", CREATE, vm_name="web-1", snapshot_datetime="20260104-000000").ok
    assert run("backup", DELETE, vm_name="web-1", retention={"keep_last": 2}).ok["changed"]
    assert sorted(one["snapshot_datetime"] for one in run("backup", ALL, vm_name="web-1").ok["backups"]) == [MOMENTS[2], "20260104-000000"]


# --- restores


@pytest.mark.parametrize("way", ["in_place", "replace"])
def test_restore_is_found_unchanged_gone_back_from_and_deleted(world: FormerWorld, run: Run, way: str) -> None:
    world.sent(*BEFORE[way], way)
    old = {"web-1", "web-1-data", "web-1-logs"}
    (listed,) = run("restore", ALL).ok["restores"]
    found = run("restore", ONE, name=NAME).ok["restore"]
    assert listed == found
    assert (found["status"], found["strategy"], found["point"], found["step"]) == ("succeeded", way, MOMENTS[0], "")
    assert {one["disk"].rpartition("/")[2]: one["kept"] for one in found["old_disks"]} == dict.fromkeys(old, True)
    again = run("restore", CREATE, **OPTIONS[way]).ok
    assert (again["changed"], again.changes) == (False, [])
    assert run("restore", CREATE, **{**OPTIONS[way], "snapshot_datetime": MOMENTS[1], "name": NAME}).kind == "Conflict"
    assert run("restore", CREATE, **BACK).ok["changed"]
    assert world.contents("web-1") == world.states["later"]
    assert {one["deviceName"]: one["autoDelete"] for one in world.vm("web-1")["disks"]} == {"web-1": True, "data": True, "Odd_device.7": False}
    assert run("restore", CREATE, vm_name="web-1", rollback_of=f"rollback-of-{NAME}", name="forth").ok["changed"]
    assert world.contents("web-1") == world.states["saved"]


@pytest.mark.parametrize("way", ["in_place", "replace"])
def test_restore_is_deleted_with_its_disks_from_before(world: FormerWorld, run: Run, way: str) -> None:
    world.sent(*BEFORE[way], way)
    assert run("restore", DELETE, name=NAME).ok["changed"]
    assert sorted(world.disk_names("web-1")) == sorted(name for name in world.names("disks") if name.startswith("web-1"))
    assert world.contents("web-1") == world.states["saved"]
    assert not [disk for disk in world.all("disks") if any(label.startswith("mcr-") for label in disk.get("labels", {}))]
    assert run("restore", ALL).ok["restores"] == []


def test_copy_is_found_unchanged_and_deleted(world: FormerWorld, run: Run) -> None:
    world.sent(*BEFORE["new"], "new")
    assert run("restore", ONE, name="drill").ok["restore"]["status"] == "succeeded"
    again = run("restore", CREATE, **DRILL).ok
    assert (again["changed"], again.changes) == (False, [])
    assert world.contents("web-1-drill") == world.states["saved"]
    assert run("restore", DELETE, name="drill", delete_vm=True).ok["changed"]
    assert [world.vm("web-1-drill"), [name for name in world.names("disks") if "drill" in name]] == [{}, []]


def test_rollback_is_found_unchanged_and_gone_back_from(world: FormerWorld, run: Run) -> None:
    world.sent(*BEFORE["rollback"], "rollback")
    assert world.contents("web-1") == world.states["later"]
    found = {one["name"]: one for one in run("restore", ALL).ok["restores"]}
    assert {name: one["status"] for name, one in found.items()} == {NAME: "succeeded", f"rollback-of-{NAME}": "succeeded"}
    assert found[NAME]["superseded_by"] == f"rollback-of-{NAME}"
    again = run("restore", CREATE, **BACK).ok
    assert (again["changed"], again.changes) == (False, [])
    assert run("restore", CREATE, vm_name="web-1", rollback_of=f"rollback-of-{NAME}", name="forth").ok["changed"]
    assert world.contents("web-1") == world.states["last"]


@pytest.mark.parametrize(("way", "before", "number"), DEATHS[2::2])
def test_restore_of_a_dead_run_is_gone_on_with(world: FormerWorld, run: Run, way: str, before: str, number: int) -> None:
    _is_gone_on_with(world, run, way, _until(way, before, number))


@pytest.mark.full_matrix
@pytest.mark.parametrize(("way", "until"), [(way, until) for way in BEFORE for until in range(1, len(SENT[way]))])
def test_restore_is_gone_on_with_wherever_it_died(world: FormerWorld, run: Run, way: str, until: int) -> None:
    _is_gone_on_with(world, run, way, until)


def _is_gone_on_with(world: FormerWorld, run: Run, way: str, until: int) -> None:
    world.sent(*BEFORE[way], way, until=until)
    goal = world.states["later" if way == "rollback" else "saved"]
    before = {disk["name"]: disk["digest"] for disk in world.all("disks")}
    if world.vm("web-1").get("labels", {}).get("mcr-lock"):
        assert run("restore", CREATE, **WEB, name="another").is_refused(NAMES[way])
    elif not world.vm("web-1"):
        # The lock is on a disk while there is no VM.
        assert run("restore", CREATE, **WEB, name="another").is_refused(f'is absent because the restore "{NAME}"')
    for one in run("restore", ALL).ok["restores"]:
        assert one["status"] in (("pending", "running") if one["name"] == NAMES[way] else ("succeeded", "pending"))
    ended = run("restore", CREATE, **OPTIONS[way], lock_ttl=5).ok
    vm = "web-1-drill" if way == "new" else "web-1"
    assert ended["restore"]["status"] == "succeeded"
    assert (world.contents(vm), world.vm(vm)["status"], world.locks()) == (goal, "RUNNING", [])
    # Every disk is there still, with what was on it.
    assert {name: digest for name, digest in before.items() if name not in world.names("disks")} == {}
    assert all(one["kept"] for one in ended["restore"]["old_disks"])
    assert len(ended["restore"]["old_disks"]) == (0 if way == "new" else 3)
    again = run("restore", CREATE, **OPTIONS[way]).ok
    assert (again["changed"], again.changes) == (False, [])


@pytest.mark.parametrize(("before", "number"), [(before, number) for way, before, number in DEATHS[2:4]])
def test_restore_of_a_dead_run_is_gone_back_from(world: FormerWorld, run: Run, before: str, number: int) -> None:
    world.sent(*BEFORE["in_place"], "in_place", until=_until("in_place", before, number))
    assert run("restore", CREATE, **BACK, lock_ttl=5).ok["changed"]
    assert (world.contents("web-1"), world.vm("web-1")["status"], world.locks()) == (world.states["later"], "RUNNING", [])
