# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores in place on Compute Engine, beside what the provider itself needs at least.

The provider's own log of operations gives the longest chain. The changes of one VM can only be made one after another, so that they add up.
Nothing else needs another's end: of making disks, reserving addresses and labelling disks the longest counts, once before the VM stops and once
after it has started. Renewals of the lock are no part of it. Times of runs are those of a process that had loaded Google's library before.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.harness.gce_vms import VmWorld
from tests.harness.modules import Modules, Result
from tests.simulator.server import SimulatorThread

from .figure import Figure

RUN_GOAL, DOWNTIME_GOAL, CREATION_GOAL = 1.25, 1.25, 1.3
LIMIT_S = 600
MOMENT = "20260101-000000"
VM = "vm"


@dataclass(frozen=True)
class Chain:
    """What the provider's log tells of one restore in place; all in seconds. ``stopped`` is the least that the ``downtime`` could have been."""

    whole: float
    stopped: float
    downtime: float
    creation: float
    longest_creation: float


def read_chain(operations: Sequence[dict[str, Any]], vm: str) -> Chain:
    """The longest chain of operations that needed each other."""
    on_vm = [one for one in operations if one["target"].endswith(f"/instances/{vm}")]
    elsewhere = [one for one in operations if one not in on_vm]
    labels = [one for one in on_vm if one["type"] == "setLabels"]
    exchange = [one for one in on_vm if one["type"] != "setLabels"]
    assert [exchange[end]["type"] for end in (0, -1)] == ["stop", "start"]
    began, ended = exchange[0]["insert_s"], exchange[-1]["end_s"]
    before = [one for one in elsewhere if one["insert_s"] < began]
    after = [one for one in elsewhere if one["insert_s"] >= ended]
    assert len(before) + len(after) == len(elsewhere)
    inserts = [one for one in before if one["type"] == "insert" and "/disks/" in one["target"]]
    stopped = sum(map(_seconds, exchange))
    return Chain(
        whole=_seconds(labels[0]) + _longest(before) + stopped + _longest(after) + _seconds(labels[-1]),
        stopped=stopped,
        downtime=ended - began,
        creation=max(one["end_s"] for one in inserts) - min(one["insert_s"] for one in inserts),
        longest_creation=_longest(inserts),
    )


def _seconds(operation: dict[str, Any]) -> float:
    return float(operation["end_s"] - operation["insert_s"])


def _longest(operations: Sequence[dict[str, Any]]) -> float:
    return max(map(_seconds, operations), default=0.0)


def _world(simulator: SimulatorThread, disks: int) -> VmWorld:
    """A VM with so many disks."""
    world = VmWorld(simulator)
    world.put_vm(VM, {f"disk-{number}": {} for number in range(disks)})
    return world


def restored(simulator: SimulatorThread, modules: Modules, disks: int, **durations: Any) -> tuple[float, Chain]:
    """Restore a VM with so many disks in place, with operations that take their time: seconds of the run, and the log's chain."""
    world = _world(simulator, disks)
    _successful(modules, "backup", world)
    world.control.settings(**durations)
    since_s = max(one["end_s"] for one in world.operations())
    result = _successful(modules, "restore", world, name="measured")
    return result.seconds, read_chain(world.operations(since_s), VM)


def _successful(modules: Modules, module: str, world: VmWorld, *, check: bool = False, **options: Any) -> Result:
    wanted = {**world.options, "operation": "CREATE", "vm_name": VM, "snapshot_datetime": MOMENT, **options}
    result = modules.start(module, wanted, check=check).result(LIMIT_S)
    assert not result.failed, result.message
    return result


def measure_in_place(simulator: SimulatorThread, modules: Modules, sizes: Sequence[int], operation_s: Sequence[float]) -> list[Figure]:
    """Restores in place, one for each number of disks: the whole run and the downtime, each beside the longest chain.

    They mostly wait for the provider, so that all go on at once.
    """
    with ThreadPoolExecutor(len(sizes)) as pool:
        runs = list(pool.map(partial(restored, simulator, modules, operation_s=list(operation_s)), sizes))
    return [figure for disks, (seconds, chain) in zip(sizes, runs) for figure in _in_place(disks, seconds, chain)]


def _in_place(disks: int, seconds: float, chain: Chain) -> list[Figure]:
    title = f"in-place restore, {disks} disk{'s' if disks > 1 else ''}"
    return [
        Figure(f"{title}, whole run", seconds, "longest chain of operations", chain.whole, "s", RUN_GOAL),
        Figure(f"{title}, downtime", chain.downtime, "stop, detach, attach, start", chain.stopped, "s", DOWNTIME_GOAL),
        Figure(f"{title}, making disks", chain.creation, "longest of these operations", chain.longest_creation, "s", CREATION_GOAL),
    ]


def measure_creation(simulator: SimulatorThread, modules: Modules, disks: int, creation_s: float) -> list[Figure]:
    """The making of many disks beside that of one, from the first request until the last is done; each takes the provider equally long."""
    durations = {"operation_s": 0.02, "operation_s_of": {"disks.insert": creation_s}}
    many, one = (restored(simulator, modules, number, **durations)[1].creation for number in (disks, 1))
    return [Figure(f"making {disks} disks that take {creation_s:g} s each", many, "making one", one, "s", CREATION_GOAL)]


def measure_again(simulator: SimulatorThread, modules: Modules, disks: int) -> list[Figure]:
    """Check mode and second runs, which change nothing, beside the first run; the provider's operations take no time."""
    figures = []
    for module, options in (("backup", {}), ("restore", {"name": "measured"})):
        world = _world(simulator, disks)
        if module == "restore":
            _successful(modules, "backup", world)
        took: dict[str, tuple[float, int]] = {}
        for moment, check in (("check mode", True), ("first run", False), ("second run", False)):
            mark = world.mark()
            result = _successful(modules, module, world, check=check, **options)
            assert result["changed"] is (moment != "second run")
            assert bool(world.changes(mark)) is (moment == "first run")
            took[moment] = result.seconds, len(world.control.requests(mark))
        for moment in ("check mode", "second run"):
            (seconds, requests), (first_s, first_requests) = took[moment], took["first run"]
            title = f"{module} of a VM with {disks} disk{'s' if disks > 1 else ''}, {moment}"
            figures.append(Figure(f"{title}, time", seconds, "first run", first_s, "s"))
            figures.append(Figure(f"{title}, requests", requests, "first run", first_requests, ""))
    return figures
