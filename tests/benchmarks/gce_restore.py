# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores in place on Compute Engine, beside what the provider itself needs at least.

The provider's own log of operations gives the longest chain: the changes of one VM can only be made one after another, so that they add up;
everything else of one stage (making disks, labelling disks, reserving addresses) may go on at once, so that its longest operation counts.
Stages follow each other, because each needs what the one before it made safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.harness.gce_vms import VmWorld
from tests.harness.modules import Modules
from tests.simulator.server import SimulatorThread

from .figure import Figure

DURATIONS_S = [0.7, 3]
RUN_GOAL, DOWNTIME_GOAL, CREATION_GOAL = 1.25, 1.25, 1.3
LIMIT_S = 600
CREATION_S = 2.0
MOMENT = "20260101-000000"
VM = "vm"


@dataclass(frozen=True)
class Chain:
    """What the provider's log tells of one restore in place; all in seconds."""

    whole: float
    stopped: float
    downtime: float
    creation: float
    longest_creation: float


def read_chain(operations: Sequence[dict[str, Any]], vm: str) -> Chain:
    """The longest chain of operations that needed each other. Renewals of the lock are no part of it."""
    on_vm = [one for one in operations if one["target"].endswith(f"/instances/{vm}")]
    labels = [one for one in on_vm if one["type"] == "setLabels"]
    exchange = [one for one in on_vm if one["type"] != "setLabels"]
    stop, start = (next(one for one in exchange if one["type"] == word) for word in ("stop", "start"))
    inserts = [one for one in operations if one["type"] == "insert" and "/disks/" in one["target"]]
    addresses = [one for one in operations if one["type"] == "insert" and "/addresses/" in one["target"]]
    marks = [one for one in operations if one["type"] == "setLabels" and "/disks/" in one["target"]]
    before, after = ([one for one in marks if (one["insert_s"] < stop["insert_s"]) is early] for early in (True, False))
    stages = (_longest(part) for part in (inserts, addresses, before, after))
    return Chain(
        whole=sum(stages) + sum(map(_seconds, exchange)) + sum(map(_seconds, {id(one): one for one in (labels[0], labels[-1])}.values())),
        stopped=sum(map(_seconds, exchange)),
        downtime=start["end_s"] - stop["insert_s"],
        creation=max(one["end_s"] for one in inserts) - min(one["insert_s"] for one in inserts),
        longest_creation=_longest(inserts),
    )


def _seconds(operation: dict[str, Any]) -> float:
    return float(operation["end_s"] - operation["insert_s"])


def _longest(operations: Sequence[dict[str, Any]]) -> float:
    return max(map(_seconds, operations), default=0.0)


def restored(simulator: SimulatorThread, modules: Modules, disks: int, **durations: Any) -> tuple[float, Chain]:
    """Save a VM with so many disks, restore it in place with operations that take their time: seconds of the run, and the log's chain."""
    world = VmWorld(simulator)
    world.put_vm(VM, {f"disk-{number}": {} for number in range(disks)})
    saved = modules.run("backup", {**world.options, "operation": "CREATE", "vm_name": VM, "snapshot_datetime": MOMENT})
    assert not saved.failed, saved.message
    world.control.settings(**durations)
    since_s = max(one["end_s"] for one in world.operations())
    wanted = {**world.options, "operation": "CREATE", "vm_name": VM, "snapshot_datetime": MOMENT, "name": "measured"}
    result = modules.start("restore", wanted).result(LIMIT_S)
    assert not result.failed, result.message
    return result.seconds, read_chain(world.operations(since_s), VM)


def measure_in_place(simulator: SimulatorThread, modules: Modules, disks: int) -> list[Figure]:
    """A restore in place: the whole run and the downtime, each beside the longest chain."""
    seconds, chain = restored(simulator, modules, disks, operation_s=DURATIONS_S)
    title = f"in-place restore, {disks} disk{'s' if disks > 1 else ''}"
    return [
        Figure(f"{title}, whole run", seconds, "longest chain of operations", chain.whole, "s", RUN_GOAL),
        Figure(f"{title}, downtime", chain.downtime, "stop, detach, attach, start", chain.stopped, "s", DOWNTIME_GOAL),
        Figure(f"{title}, making disks", chain.creation, "longest of these operations", chain.longest_creation, "s", CREATION_GOAL),
    ]


def measure_creation(simulator: SimulatorThread, modules: Modules, disks: int) -> list[Figure]:
    """The making of many disks beside that of one, which takes the provider equally long."""
    durations = {"operation_s": 0.02, "operation_s_of": {"disks.insert": CREATION_S}}
    many, one = (restored(simulator, modules, number, **durations)[1].creation for number in (disks, 1))
    return [Figure(f"making {disks} disks of {CREATION_S:g} s each", many, "making one", one, "s", CREATION_GOAL)]
