# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The targets of backup and restore on Compute Engine and the examples of their documentation, played by real ansible-playbook."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.gce_vms import VmWorld
from tests.harness.gce_worlds import OTHER_ZONE
from tests.harness.modules import Modules
from tests.harness.playbooks import WarmPlaybooks, play
from tests.simulator.server import running_simulator

STEPS = ("Create", "Create again", "Change", "Change again", "Delete", "Delete again")


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_twelve_steps(warm_playbooks: WarmPlaybooks, vm_world: VmWorld, module: str) -> None:
    before = vm_world.contents("web-1")
    kept = set(vm_world.names("disks"))
    vm_world.watch(given_up=sorted(kept))
    variables = {"simulator_control": f"{vm_world.simulator.url}/_control", "name_prefix": "it"}
    outcome = warm_playbooks.run([play(roles=[f"{module}_gce"])], environ=vm_world.environment, variables=variables)
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    played = [entry["task"].partition(" : ")[2] for entry in outcome.tasks if entry["action"] == f"multicloud.recovery.{module}"]
    assert [name for name in played if ": " in name] == [f"{mode}: {step}" for step in STEPS for mode in ("In check mode", "For real")]
    assert vm_world.contents("web-1") == before
    assert vm_world.vm("web-1")["status"] == "RUNNING"
    assert vm_world.names("snapshots") == vm_world.names("instanceTemplates") == []
    # Nothing is left over but the disks that the VM has.
    assert set(vm_world.names("disks")) == {*vm_world.disk_names("web-1"), "db-1"}
    assert not [key for name in ("instances", "disks") for item in vm_world.all(name) for key in item.get("labels", {}) if key.startswith("mcr-lock")]
    # What DELETE gives up is on no VM any more, which needs no lock.
    assert [one for one in vm_world.broken() if not one.startswith("no_lock: delete of web-1")] == vm_world.violations() == []


# In the order of the documentation, where each finds what those before it left: whether it changes something, and what is true then.
EXAMPLES: dict[str, dict[str, tuple[bool, str]]] = {
    "backup": {
        "Back up a VM while it runs": (
            True,
            "said.backup.name == 'web-1-20260301-020000' and said.backup.status == 'succeeded' and said.backup.tags == {'purpose': 'nightly'}",
        ),
        "Back it up with all disks at one moment, which stops it for a short time": (
            True,
            "said.backup.consistency == 'stopped' and (manifests ~ '/' ~ said.backup.name ~ '.json') is exists",
        ),
        "Back up all VMs that carry a label, eight at a time": (True, "said.backups | map(attribute='vm') | list == ['front-1', 'front-2']"),
        "Make images of a VM and, once they are ready, delete it": (True, "said.backup.method == 'image' and said.backup.status == 'succeeded'"),
        "Save a VM as one machine image": (True, "said.backup.method == 'machine_image' and said.backup.consistency == 'application'"),
        # The one that stopped it was named by the moment.
        "Look at the newest backup of a VM": (False, "said.backup.consistency == 'stopped'"),
        "List the backups of a VM that can be restored from": (False, "said.backups | length == 10"),
        "Delete the backups of a VM that are older than thirty days, but for the newest seven": (
            True,
            "said.backups | map(attribute='snapshot_datetime') | sort == ['20250101-020000', '20250102-020000']",
        ),
        "Delete one backup of a VM, every part of it": (True, "said.backup == {}"),
    },
    "restore": {
        "Bring a VM back to its newest complete backup, in place": (True, "said.restore.status == 'succeeded' and said.restore.point == '20260301-020000'"),
        "Go back to the disks from before that restore": (True, "said.restore.name == 'rollback-of-after-ransomware-1'"),
        "Build a VM again under its name, with its addresses, from a backup": (True, "said.restore.strategy == 'replace' and said.restore.vm == 'web-1'"),
        "Bring up a copy in another zone, to try the backup out, and leave it stopped": (
            True,
            "said.restore.vm == 'web-1-drill' and said.restore.zone == 'europe-west1-c' and said.restore.vm_status == 'TERMINATED'",
        ),
        "Bring all VMs of a tier back to the same datetime": (
            True,
            "said.restores | map(attribute='vm') | list == ['front-1', 'front-2'] and said.restores | map(attribute='status') | unique == ['succeeded']",
        ),
        "Bring one disk of a VM back from a snapshot, and leave the others alone": (True, "said.restore.disks | map(attribute='device') | list == ['data']"),
        "Build a VM from the newest image of a family": (True, "said.restore.vm == 'web-9' and said.restore.vm_status == 'RUNNING'"),
        "Look at a restore, also while it runs elsewhere": (False, "said.restore.superseded_by == 'rollback-of-after-ransomware-1'"),
        "List the restores that are not complete": (False, "said.restores == []"),
        "Give up the disks from before, once the restored VM has proved good": (True, "said.restore == {}"),
        "End the drill, and delete the copy with its disks": (True, "said.restore == {}"),
    },
}
BY_HAND = "Bring one disk of a VM back from a snapshot, and leave the others alone"


def _fill(modules: Modules, world: VmWorld, module: str) -> None:
    """What the examples speak of: VMs with labels, and backups from before; what is to be restored is overwritten."""
    for name in ("front-1", "front-2"):
        world.put_vm(name, {"boot": {}, "data": {}}, labels={"backup": "nightly", "tier": "front"})
    for name in ("build-7", "db-1"):
        world.put_vm(name, {name: {"name": f"{name}-here"}})
    backups: list[dict[str, Any]] = [{"vm_name": "web-1", "snapshot_datetime": f"2025010{day}-020000"} for day in range(1, 9)]
    if module == "restore":
        backups = [{"vm_names": ["web-1", "front-1", "front-2"], "snapshot_datetime": "20260301-020000"}]
    for backup in backups:
        made = modules.run("backup", {**world.options, "operation": "CREATE", "tags": {"purpose": "nightly"}, **backup})
        assert not made.failed, made.message
    for saved in world.all("snapshots"):
        # As old as the datetime says.
        year, month, day = (saved["labels"]["mcr-backup"][at] for at in (slice(4), slice(4, 6), slice(6, 8)))
        world.control.merge_state(snapshots=[{"name": saved["name"], "creationTimestamp": f"{year}-{month}-{day}T02:00:00.000-00:00"}])
    if module == "restore":
        for disk in world.disk_names("web-1"):
            world.write(disk, "written later")


def _task(example: dict[str, Any], changed: bool, truth: str) -> list[dict[str, Any]]:
    tasks = [
        {**example, "register": "said"},
        {"name": f"after {example['name']}", "ansible.builtin.assert": {"that": [f"said is changed == {changed}", truth]}},
    ]
    if example["name"] == BY_HAND:
        # The snapshot that it names is one that somebody took of the disk which the VM has now.
        disk = "{{ (lookup('file', disks) | from_json)['data'] }}"
        taken = {"provider": "gce", "operation": "CREATE", "name": example["multicloud.recovery.restore"]["snapshots"]["data"], "source_disk": disk}
        tasks.insert(0, {"name": "take a snapshot", "multicloud.recovery.snapshot": taken})
    if "replace" in truth:
        disks = "{{ dict(said.restore.disks | map(attribute='device') | zip(said.restore.disks | map(attribute='disk'))) }}"
        tasks.append({"name": "note the disks", "ansible.builtin.copy": {"content": disks, "dest": "{{ disks }}", "mode": "0600"}})
    return tasks


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_examples_run_as_they_stand(warm_playbooks: WarmPlaybooks, modules: Modules, tmp_path: Path, module: str) -> None:
    source = importlib.import_module(f"ansible_collections.multicloud.recovery.plugins.modules.{module}").EXAMPLES
    places = {"/etc/ansible/shop-production.json": tmp_path / "key.json", "/var/backups/manifests": tmp_path / "manifests"}
    for shown_place, place in places.items():
        source = source.replace(shown_place, str(place))
    shown = [example for example in yaml.safe_load(source) if example[f"multicloud.recovery.{module}"].get("provider") == "gce"]
    assert [example["name"] for example in shown] == list(EXAMPLES[module])
    with running_simulator("gce") as simulator:
        world = VmWorld(simulator)
        world.project, world.control = "shop-production", simulator.control.scoped("shop-production")
        world.control.settings(operation_s=0)
        (tmp_path / "key.json").write_text(json.dumps(world.service_account))
        world.control.seed("demo")
        before = world.contents("web-1")
        _fill(modules, world, module)
        # The variables that the comments in the examples speak of.
        environ = {**world.environment, "GCP_SERVICE_ACCOUNT_FILE": str(tmp_path / "key.json")}
        del environ["GCP_ACCESS_TOKEN"]
        variables = {"manifests": str(tmp_path / "manifests"), "disks": str(tmp_path / "disks.json")}
        tasks = [task for example in shown for task in _task(example, *EXAMPLES[module][example["name"]])]
        outcome = warm_playbooks.run([play(*tasks)], environ=environ, variables=variables)
        assert outcome.code == 0, outcome.stdout + outcome.stderr
        assert world.violations() == []
        assert world.contents("web-1") == before
        assert (world.vm("build-7") == {}) is (module == "backup")
        assert world.vm("web-1-drill", OTHER_ZONE) == {}
