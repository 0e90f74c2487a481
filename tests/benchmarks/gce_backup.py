# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of many VMs on Compute Engine: one task for all beside a loop over them."""

from __future__ import annotations

from typing import Any

from tests.harness.gce_vms import VmWorld
from tests.harness.playbooks import Playbooks, play
from tests.simulator.server import SimulatorThread

from .figure import Figure

OPERATION_S = 1.0
LIMIT_S = 1200


def measure_many(playbooks: Playbooks, simulator: SimulatorThread, count: int) -> list[Figure]:
    """Both tasks in one play of real ansible-playbook with a user's settings, on the same VMs with two disks each."""
    world = VmWorld(simulator)
    names = [f"vm-{number}" for number in range(count)]
    for name in names:
        world.put_vm(name, {"boot": {}, "data": {}}, labels={"fleet": "shop"})
    world.control.settings(operation_s=OPERATION_S)

    def task(name: str, moment: str, **options: Any) -> dict[str, Any]:
        return {"name": name, "multicloud.recovery.backup": {**world.options, "operation": "CREATE", "snapshot_datetime": moment, **options}}

    together = task("together", "20260101-000000", vm_filter={"fleet": "shop"})
    looped = {**task("looped", "20260102-000000", vm_name="{{ item }}"), "loop": names, "loop_control": {"label": "{{ item }}"}}
    outcome = playbooks.start([play(together, looped)], environ={"ANSIBLE_PIPELINING": "0"}).wait(LIMIT_S)
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    assert len(world.all("snapshots")) == 4 * count
    seconds = {entry["task"]: entry["seconds"] for entry in outcome.tasks}
    title = f"backup of {count} VMs with two disks in one task, operations of {OPERATION_S:g} s"
    return [Figure(title, seconds["together"], f"a loop of {count} tasks", seconds["looped"], "s")]
