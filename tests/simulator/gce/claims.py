# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock of a watched VM as its label tells of it: which run holds it, which token is which run's, and who may write over a claim.

The label reads RUN-POWER-EPOCH, power being r or s; the run "free" has ended with its work unfinished, so that nobody holds the lock.
A token is the run's whose claim was written with it last: tests that do not care use one token for all runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from .store import Resource

FREE = "free"
CLAIM = re.compile(r"(?P<run>.+)-[rs]-\d+")
# What a takeover may be early by, because the one who takes over looks at its own clock.
MARGIN = 0.1
VM_MARK = "mcr-vm"
# Marks on disks from before: without them nobody knows what they are.
PROTECTED = ("mcr-replaced-by", "mcr-kept")
Labels = Mapping[str, str]


def run_in(value: str | None) -> str | None:
    """The run that a claim names; None when there is no claim. What cannot be read counts as a run of that name."""
    if value is None:
        return None
    found = CLAIM.fullmatch(value)
    return found["run"] if found else value


@dataclass(eq=False)
class Claims:
    """Of one VM. `find_vm` and `find_disks` give it and the disks that belong to it; `lock_ttl_s` 0: takeovers are not looked at."""

    label: str
    lock_ttl_s: float
    find_vm: Callable[[], Resource | None]
    find_disks: Callable[[], Iterable[Resource]]
    now: Callable[[], float]
    runs: dict[str, str] = field(default_factory=dict)
    _since: dict[str, tuple[str | None, float]] = field(default_factory=dict)

    def holders(self) -> set[str]:
        """The runs that hold the lock: it is on the VM, or on its disks while there is no VM. Empty when nobody does; FREE is among them when it was left."""
        vm = self.find_vm()
        carriers = [vm] if vm is not None else self.find_disks()
        found = (run_in(item.data.get("labels", {}).get(self.label)) for item in carriers)
        return {run for run in found if run is not None}

    def is_held_by(self, caller: str) -> bool:
        """Whether the run of this token holds the lock."""
        return self.runs.get(caller) in self.holders()

    def written(self, resource: Resource, before: Labels, after: Labels, caller: str) -> list[str]:
        """Labels of the VM, or of a disk that belongs to it, were written: what is wrong about that."""
        problems = [
            *self._claim_written(resource, before.get(self.label), after.get(self.label), caller),
            *self._marks_written(resource, before, after, caller),
        ]
        if before.get(self.label) != after.get(self.label):
            self._since[resource.id] = (after.get(self.label), self.now())
        return problems

    def _claim_written(self, resource: Resource, old: str | None, new: str | None, caller: str) -> list[str]:
        holder, wanted = run_in(old), run_in(new)
        if old == new:
            return []
        if wanted not in (None, FREE, holder):
            self.runs[caller] = str(wanted)
        mine = self.runs.get(caller)
        if holder in (None, FREE, mine):
            return []
        vm = self.find_vm()
        if vm is not None and vm is not resource and mine is not None and mine in self.holders():
            # A copy that a dead run has left on a disk.
            return []
        if wanted is None or wanted != mine:
            return [f"the lock of run {holder} on {resource.name} was {'removed' if wanted is None else f'changed to {new}'} by run {mine or 'of nobody'}"]
        value, since_s = self._since.get(resource.id, (old, float("-inf")))
        age_s = self.now() - since_s
        if self.lock_ttl_s and value == old and age_s < self.lock_ttl_s * (1 - MARGIN):
            return [f"the lock of run {holder} on {resource.name} was taken over by run {mine} although it was {age_s:.1f} s old"]
        return []

    def _marks_written(self, resource: Resource, before: Labels, after: Labels, caller: str) -> list[str]:
        changed = [name for name in PROTECTED if name in before and before[name] != after.get(name)]
        if not changed or not self.holders() - {FREE} or self.is_held_by(caller):
            return []
        return [f"{', '.join(changed)} of {resource.name} was taken off by run {self.runs.get(caller, 'of nobody')}, which does not hold the lock"]
