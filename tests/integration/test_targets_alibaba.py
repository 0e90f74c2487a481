# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The targets of all modules on Alibaba Cloud ECS and the examples of their documentation, played by real ansible-playbook."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.alibaba_worlds import AlibabaWorld
from tests.harness.modules import Modules
from tests.harness.playbooks import WarmPlaybooks, play

STEPS = ("Create", "Create again", "Change", "Change again", "Delete", "Delete again")
MODULES = ["backup", "restore", "snapshot"]


@pytest.mark.parametrize("module", MODULES)
def test_twelve_steps(quick_playbooks: WarmPlaybooks, alibaba_world: AlibabaWorld, module: str) -> None:
    world = alibaba_world
    before, disks = world.contents(), [one["DiskId"] for one in world.disks()]
    world.act("watch", instance=world.vm()["InstanceId"])
    variables = {"simulator_control": f"{world.simulator.url}/_control", "name_prefix": "it", "alibaba_disk": disks[1]}
    outcome = quick_playbooks.run([play(roles=[f"{module}_alibaba_ecs"])], environ=world.environment, variables=variables)
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    played = [entry["task"].partition(" : ")[2] for entry in outcome.tasks if entry["action"] == f"multicloud.recovery.{module}"]
    assert [name for name in played if ": " in name] == [f"{mode}: {step}" for step in STEPS for mode in ("In check mode", "For real")]
    assert (world.contents(), world.vm()["Status"]) == (before, "Running")
    # Nothing is left over.
    assert world.all("snapshots") == world.all("snapshot_groups") == world.all("commands") == world.all("images") == []
    assert [one["DiskId"] for one in world.disks()] == disks
    assert not [key for kind in ("instances", "disks") for one in world.all(kind) for key in one["tags"] if key.startswith("mcr-")]
    assert world.act("violations") == world.violations() == []


# In the order of the documentation, where each finds what those before it left: whether it changes something, and what is true then. Each is played a
# second time, and changes nothing then.
EXAMPLES: dict[str, dict[str, tuple[bool, str]]] = {
    "snapshot": {
        "Take a snapshot of a disk by its id, and get the id of the snapshot": (
            True,
            "said.snapshot.uid is match('s-')",
        ),
        "Take one with the rights of a role, keep it for thirty days, and copy it to another region": (
            True,
            "said.snapshot.retention_days == 30 and said.snapshot.copies | map(attribute='status') | list == ['accomplished']",
        ),
        "Take one each time, unless there is one of the last hour": (True, "said.snapshot.status == 'succeeded'"),
        "Delete all but the newest three of these": (False, "said.snapshots == []"),
    },
    "backup": {
        "Back up an ECS instance while it runs": (True, "said.backup.name == 'web-1-20260301-020000' and said.backup.skew_s == 0"),
        "Back up the instance at rest, which stops it for a short time": (
            True,
            "said.backup.consistency == 'stopped' and (manifests ~ '/web-1-20260302-020000.json') is exists",
        ),
        "Back up all instances that carry a tag, with the RAM role of the instance that this runs on": (
            True,
            "said.backups | map(attribute='vm') | list == ['front-1', 'front-2']",
        ),
        "Make an image of an instance and, once it is available, delete the instance": (True, "said.backup.method == 'image' and said.backup.vm_retired"),
        "Look at the newest backup of an instance": (False, "said.backup.name == 'web-1-20260302-020000'"),
        "Delete the backups of an instance that are older than thirty days, except the newest seven": (False, "said.backups == []"),
    },
    "restore": {
        "Roll an ECS instance back to its newest complete backup": (True, "said.restore.strategy == 'rollback' and said.restore.point == '20260301-020000'"),
        "Go back to what the disks held before that roll-back": (True, "said.restore.name == 'rollback-of-after-ransomware-1'"),
        "Give an instance a new data disk from a snapshot, and keep the old one": (
            True,
            "said.restore.disks[0].device == '/dev/xvdb'",
        ),
        "Build an instance again with its addresses, and keep the old one aside": (True, "said.restore.strategy == 'replace'"),
        "Bring up a copy of an instance, to try the backup out, and leave it stopped": (True, "said.restore.vm_status == 'Stopped'"),
        "Delete the old instance and its disks, once the new one has proved good": (True, "said.restore == {}"),
        "End the drill on Alibaba Cloud, and delete the copy with its disks": (True, "said.restore == {}"),
    },
}
# The region of the example, and the ids in it.
FAR, DISK, ROLE = "ap-southeast-1", "d-t4ng5a4ia2jn5memzlv3", "acs:ram::123456789012:role/snapshots"


def _fill(world: AlibabaWorld, modules: Modules, module: str, source: str) -> str:
    """What the examples speak of; gives them with the ids that are there."""
    if module == "snapshot":
        disk = world.act("add_instance", name="shop", region=FAR, disks=[{"Category": "cloud_essd"}])["disk_ids"][0]
        return source.replace(DISK, disk).replace(ROLE, world.act("add_role", name="snapshots")["arn"])
    for name in ("front-1", "front-2", "build-7"):
        world.act("add_instance", name=name, disks=[{}, {}], tags={"backup": "nightly"} if name != "build-7" else {})
    if module == "restore":
        made = {"backup": {"vm_name": "web-1", "snapshot_datetime": "20260301-020000"}}
        made["snapshot"] = {"source_disk": world.disks()[1]["DiskId"], "name": "web-1-data-before-upgrade"}
        for kind, options in made.items():
            ran = modules.run(kind, {**world.options, "operation": "CREATE", **options})
            assert not ran.failed, ran.message
        world.overwrite()
    return source


def _tasks(example: dict[str, Any], changed: bool, truth: str) -> list[dict[str, Any]]:
    name = example["name"]
    return [
        {**example, "register": "said"},
        {"name": f"after {name}", "ansible.builtin.assert": {"that": [f"said is changed == {changed}", truth]}},
        {**example, "name": f"{name}, again", "register": "again"},
        {"name": f"after {name}, again", "ansible.builtin.assert": {"that": ["again is not changed"]}},
    ]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run_as_they_stand_and_a_second_time(
    quick_playbooks: WarmPlaybooks, quick_modules: Modules, alibaba_world: AlibabaWorld, tmp_path: Path, module: str
) -> None:
    world = alibaba_world
    source = importlib.import_module(f"ansible_collections.multicloud.recovery.plugins.modules.{module}").EXAMPLES
    source = _fill(world, quick_modules, module, source.replace("/var/backups/manifests", str(tmp_path / "manifests")))
    shown = [example for example in yaml.safe_load(source) if example.get(f"multicloud.recovery.{module}", {}).get("provider") == "alibaba_ecs"]
    assert [example["name"] for example in shown] == list(EXAMPLES[module])
    keys = {"access_key_id": f"sim-{world.account}", "access_key_secret": f"secret-{world.account}"}
    environ = {**world.environment, **({"ALIBABA_CLOUD_REGION_ID": FAR} if module == "snapshot" else {})}
    tasks = [task for example in shown for task in _tasks(example, *EXAMPLES[module][example["name"]])]
    outcome = quick_playbooks.run([play(*tasks)], environ=environ, variables={"manifests": str(tmp_path / "manifests"), **keys})
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    assert world.violations() == []
    assert world.vms("web-1-drill") == []
    assert len(world.vms("build-7")) == (1 if module == "restore" else 0)
