# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that the tests disturb: from which state, with which options, and what must be so when it succeeded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.claim import claim_of
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Power, Ref
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.restore.resets import SECOND as AT_REST

from tests.unit.plugins.module_utils.recovery.bench import ADDRESS, DEVICES, HERE, VM, Bench, Ran
from tests.unit.plugins.module_utils.recovery.cloud import Cloud, Fault, Script
from tests.unit.plugins.module_utils.recovery.judge import state_of


@dataclass(frozen=True)
class Goal:
    """What must be so after a success. ``content`` is what is on every disk of the VM; None: there is no VM. ``points`` are the backups that there are."""

    content: str | None = "one"
    power: Power = Power.ON
    vm: str = VM
    place: str = HERE
    devices: tuple[str, ...] = DEVICES
    address: bool = True
    points: frozenset[str] | None = None
    kept: frozenset[str] = frozenset()
    disks: int | None = None
    # What the safety points hold that were made at rest; None: whatever it is.
    safety: frozenset[str] | None = frozenset()

    def misses(self, bench: Bench) -> list[str]:
        machine, wrong = bench.machine(self.vm, self.place), list[str]()
        locks = [ref for ref, thing in bench.cloud.things.items() if claim_of(thing.marks)]
        wrong += [f"{ref} is still locked" for ref in locks]
        if self.points is not None:
            there = {point.marks[marks.BACKUP] for point in bench.every(RecoveryPoint).values() if marks.BACKUP in point.marks}
            wrong += [f"backups are {sorted(there)}, not {sorted(self.points)}"] if there != self.points else []
        wrong += self._about_the_rest(bench)
        if (machine is None) is not (self.content is None):
            return [*wrong, f"the VM is {'gone' if machine is None else 'there'}"]
        return [*wrong, *(self.about_machine(bench) if machine else [])]

    def _about_the_rest(self, bench: Bench) -> list[str]:
        wrong: list[str] = []
        content_of_kept = {disk.own["content"] for disk in bench.every(Disk).values() if not disk.used_by}
        wrong += [f"what is kept is {content_of_kept}, not {self.kept}"] if content_of_kept != self.kept else []
        safety = [point for point in bench.every(RecoveryPoint).values() if marks.SAFETY in point.marks]
        held = {content for point in safety if point.marks[marks.SAFETY] == AT_REST for content in point.own["contents"].values()}
        wrong += [f"what is in safety is {held}, not {self.safety}"] if self.safety is not None and held != self.safety else []
        wrong += [f"safety point {point.name} is not kept" for point in safety if marks.KEPT not in point.marks]
        if self.disks is not None and len(bench.every(Disk)) != self.disks:
            wrong.append(f"there are {len(bench.every(Disk))} disks, not {self.disks}")
        return wrong

    def about_machine(self, bench: Bench) -> list[str]:
        """What is wrong about the VM, whatever else there is."""
        wrong: list[str] = []
        machine = bench.machine(self.vm, self.place)
        if machine is None:
            return ["the VM is gone"]
        contents = bench.contents(self.vm, self.place)
        if contents != dict.fromkeys(self.devices, self.content):
            wrong.append(f"on the disks is {contents}, not {self.content}")
        if machine.power is not self.power:
            wrong.append(f"it is {machine.power}, not {self.power}")
        attached = [(one.device, one.boot, one.order, one.kept["goes_along"]) for one in machine.attached]
        expected = [(device, number == 0, number, number == 0) for number, device in enumerate(DEVICES) if device in self.devices]
        if attached != expected:
            wrong.append(f"it has its disks as {attached}, not {expected}")
        if self.address and ADDRESS in bench.cloud.addresses and machine.own["address"] != ADDRESS:
            wrong.append(f"its address is {machine.own['address']}")
        return wrong


@dataclass(frozen=True, eq=False)
class Route:
    """A task. ``ready`` gives the state before it, which is made once. ``may_go``: what it may delete of what is precious, and when."""

    name: str
    ready: Callable[[], Bench]
    options: Mapping[str, Any]
    goal: Goal
    module: str = "restore"
    operation: str = "CREATE"
    may_go: Callable[[Cloud, Ref], bool] = field(default=lambda _cloud, _ref: False)
    # Whether a run that fails takes all back: a deletion does not, and what goes on with the work of a dead run goes back further.
    undoes: bool = True
    # Whether a disturbed run, and the next one, come to the same end as an undisturbed one; if not, the VM is as it should be all the same.
    same_end: bool = True

    def bench(self) -> Bench:
        bench = _ready(self.ready).copy()
        bench.cloud.may_go = self.may_go
        return bench

    def run(self, bench: Bench, script: Script = lambda _event: None, *, check: bool = False) -> Ran:
        return bench.run(self.module, self.operation, check=check, script=script, **self.options)

    def __str__(self) -> str:
        return self.name


@cache
def _ready(ready: Callable[[], Bench]) -> Bench:
    bench = ready()
    assert bench.cloud.violations == []
    bench.cloud.settle(everything=True)
    return bench


@cache
def undisturbed(route: Route) -> tuple[Ran, dict[str, Any], dict[str, Any]]:
    """The route without any fault: how it ended, the state before and the state after."""
    bench = route.bench()
    before = state_of(bench.cloud)
    return route.run(bench), before, state_of(bench.cloud)


def at(part: str, fault: Fault, number: int = 1) -> Script:
    """A script for the ``number``-th request whose words begin so."""
    left = [number]

    def script(event: Any) -> Fault | None:
        if not event.key.startswith(part):
            return None
        left[0] -= 1
        return fault if left[0] == 0 else None

    return script
