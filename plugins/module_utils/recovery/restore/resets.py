# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roll-backs: restores by which the disks of a VM went back to recovery points of themselves, as the marks on disks and safety points tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from ...core.steps import at_once
from .. import marks
from ..lock.claim import RESTORING, Claim, claim_of
from ..model import Disk, Machine, Ref
from ..points import RecoveryPoint
from ..provider import Provider
from .progress import AT, Progress, progress_of, took_part

# What a user asks for, and sees; the marks say "reset", because going back by rollback_of is called a roll-back too.
ROLLBACK = "rollback"
# Safety points that were made while the VM ran, and after it was stopped: only the latter hold all that it had written.
FIRST, SECOND = "1", "2"


@dataclass(frozen=True)
class Reset:
    """One roll-back: the disks of which it is the last one, the safety points that it keeps, and the VM (None while there is none)."""

    provider: Provider
    name: str
    vm: str
    disks: tuple[Disk, ...]
    safety: tuple[RecoveryPoint, ...]
    machine: Machine | None

    @cached_property
    def claim(self) -> Claim | None:
        return claim_of(self.machine.marks) if self.machine else None

    @property
    def under_way(self) -> bool:
        """Whether a run works on it, or has left it unfinished."""
        return self.claim is not None and self.claim.purpose == RESTORING + self.name

    @property
    def count(self) -> int:
        """How many disks go back together."""
        told = [found.count for found in self.progress.values()] or [marks.number(point.marks, marks.PARTS) for point in self.safety]
        return max(told, default=0)

    @property
    def progress(self) -> dict[Ref, Progress]:
        return {disk.ref: found for disk in self.disks if (found := progress_of(disk.marks))}

    @property
    def moment(self) -> str:
        """The datetime of the backup that it went back to; empty for other points."""
        told = next((found.moment for found in self.progress.values()), "")
        return told or next((point.marks[marks.OF] for point in self.safety if marks.OF in point.marks), "")

    @property
    def all_at(self) -> bool:
        """Whether every disk was seen at its recovery point."""
        return 0 < self.count == len(self.progress) and all(found.state == AT for found in self.progress.values())

    @property
    def complete(self) -> bool:
        """Whether it was seen to its end: the VM says so, or its safety points do, or all its disks are there and nobody works on them."""
        if self.under_way:
            return False
        of_machine = self.machine is not None and self.machine.marks.get(marks.RESTORE) == self.name
        return of_machine or bool(self.safety) and all(marks.KEPT in point.marks for point in self.safety) or self.all_at

    @property
    def current(self) -> bool:
        """Whether the VM has all its disks, and none has gone to another state by a later restore."""
        return self.machine is not None and self.all_at and all(disk.ref in self.machine.disks for disk in self.disks)

    def safety_at(self, stage: str) -> dict[str, RecoveryPoint]:
        """Device to the safety point of a stage."""
        return {point.device: point for point in self.safety if point.marks.get(marks.SAFETY) == stage}


class Resets:
    """The roll-backs in the place of a provider that can reset disks."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def find(self, name: str, vm: str | None = None) -> list[Reset]:
        """The roll-backs of this name: one, unless several VMs have one and ``vm`` does not choose."""
        return [one for one in self._read(name, vm) if one.name == name]

    def every(self, vm: str | None = None) -> list[Reset]:
        return self._read(None, vm)

    def _read(self, name: str | None, vm: str | None) -> list[Reset]:
        provider = self._provider
        disks: list[Disk]
        points: list[RecoveryPoint]
        disks, points = at_once(
            partial(provider.disks.marked, {marks.RESET_BY: name, marks.VM: vm}, marks.RESET_BY),
            partial(provider.resets.kept, name, vm) if provider.resets else list,
        )
        keys = {(disk.marks.get(marks.VM, ""), disk.marks[marks.RESET_BY]) for disk in disks}
        keys |= {(point.marks.get(marks.VM, ""), point.marks.get(marks.RESTORE, "")) for point in points}
        machines = {of: provider.machines.get(of) for of in sorted({of for of, _name in keys})}
        return [self._of(of, each, machines[of], disks, points) for of, each in sorted(keys)]

    def _of(self, vm: str, name: str, machine: Machine | None, disks: Sequence[Disk], points: Sequence[RecoveryPoint]) -> Reset:
        mine = [disk for disk in disks if (disk.marks.get(marks.VM, ""), disk.marks[marks.RESET_BY]) == (vm, name)]
        kept = [point for point in points if (point.marks.get(marks.VM, ""), point.marks.get(marks.RESTORE)) == (vm, name)]
        return self._sorted(name, vm, machine, mine, kept)

    def _sorted(self, name: str, vm: str, machine: Machine | None, disks: Sequence[Disk], points: Sequence[RecoveryPoint]) -> Reset:
        order = sorted(points, key=lambda point: (point.marks.get(marks.SAFETY, ""), point.device))
        return Reset(self._provider, name, vm, tuple(sorted(disks, key=lambda disk: disk.ref)), tuple(order), machine)

    def of(self, name: str, vm: str, made: Iterable[RecoveryPoint] = ()) -> Reset:
        """The roll-back of this name of a VM, with nothing in it while there is none. ``made`` are safety points that a list may not show yet.

        The VM's own disks and all points are read by themselves, because lists lag.
        """
        provider = self._provider
        listed = next(iter(self.find(name, vm)), Reset(provider, name, vm, (), (), None))
        machine = provider.machines.get(vm)
        points = {point.ref: point for point in (*listed.safety, *made)}
        refs = sorted({disk.ref for disk in listed.disks} | (machine.disks if machine else frozenset()))
        reads: list[Callable[[], Disk | RecoveryPoint | None]] = [
            *(partial(provider.disks.get, ref) for ref in refs),
            *(partial(provider.points.get, point) for point in points.values()),
        ]
        found = at_once(*reads)
        disks: list[Disk] = [disk for disk in found[: len(refs)] if disk and took_part(disk, name) and disk.marks.get(marks.VM) == vm]
        return self._sorted(name, vm, machine, disks, [point for point in found[len(refs) :] if point])
