# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The targets of all modules on Alibaba Cloud ECS and the examples of their documentation, played by real ansible-playbook."""

from __future__ import annotations

import pytest

from tests.harness.alibaba_worlds import AlibabaWorld
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
