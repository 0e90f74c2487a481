# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The targets of backup and restore on Compute Engine, played by real ansible-playbook."""

from __future__ import annotations

import pytest

from tests.harness.gce_vms import VmWorld
from tests.harness.playbooks import Playbooks, play

STEPS = ("Create", "Create again", "Change", "Change again", "Delete", "Delete again")


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_twelve_steps(playbooks: Playbooks, vm_world: VmWorld, module: str) -> None:
    before = vm_world.contents("web-1")
    kept = set(vm_world.names("disks"))
    vm_world.watch(given_up=sorted(kept))
    variables = {"simulator_control": f"{vm_world.simulator.url}/_control", "name_prefix": "it"}
    outcome = playbooks.run([play(roles=[f"{module}_gce"])], environ=vm_world.environment, variables=variables)
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
