# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving up: a restore that has not changed its VM yet is taken back, and what a completed restore kept is deleted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from ....core.arguments import Task
from ....core.errors import Conflict
from ....core.plan import Plan, Progress, Step
from ... import marks
from ...gate import Gate
from ...lock.claim import instead_of, without_lock
from ...lock.lock import Lock
from ...model import Disk, Identity, Machine, Moment, Power, Strategy
from ...provider import Intent
from ...target import Target
from ..disks import RestoreDisks
from ..found import Restore
from ..steps import LOCKING, UNLOCKING, chained
from .replace import drop_unused

_OF_THIS = (marks.RESTORE, marks.BACKUP, marks.PARTS, marks.STRATEGY, marks.MANIFEST, marks.ATTEMPT, marks.SOURCE_VM)
# A disk that a later restore keeps is found by these.
_FOUND_BY = (marks.RESTORE, marks.VM, marks.PLACE)
_NOTES = (*_OF_THIS, marks.VM, marks.PLACE, marks.DEVICE, marks.WAS)


def is_untouched(restore: Restore) -> bool:
    """Whether the VM still has all its own disks, and none that the restore made."""
    on = restore.machine.disks if restore.machine else frozenset()
    old = {device.old for device in restore.devices if device.old} or {disk.ref for disk in restore.old}
    made = {disk.ref for disk in restore.new}
    return restore.machine is not None and on.issuperset(old) and not on.intersection(made) and bool(old or restore.under_way)


def give_up_unfinished(target: Target, lock: Lock, restore: Restore, name: str, was_on: bool, task: Task, *, under_lock: bool) -> Plan:
    """The way back from a restore that has not changed its VM yet: its new disks and all that was prepared goes; the VM notes ``name``."""
    identity = Identity(restore.place, restore.vm, restore.name, restore.strategy)
    devices, disks = restore.devices, RestoreDisks(target, identity, restore.devices)
    intent = Intent(task, target.name, Strategy(restore.strategy or "in_place"), restore.machine, devices=devices, stops=was_on)

    def unprepare() -> None:
        machines, machine = target.provider.machines, target.existing()
        if restore.strategy == Strategy.REPLACE.value:
            for change in machines.unsecuring(machine, [device.before for device in devices]):
                target.gate.send(change)
        for step in reversed(target.provider.extras.steps(intent, Moment.BEFORE_STOP, target.gate)):
            if step.undo:
                step.undo()

    def unmark() -> None:
        disks.unmark([disk.ref for disk in restore.old])
        drop_unused(target, [restore.manifest])

    steps = [
        Step("take back what was prepared", do=unprepare),
        Step("remove marks from old disks", do=unmark),
        Step("delete new disks", do=lambda: disks.delete([disk.ref for disk in restore.new])),
        *([Step("start VM", do=target.start)] if was_on else []),
        Step(UNLOCKING, do=lambda: lock.release({marks.RESTORE: name})),
    ]
    facts = Plan(
        steps=chained(steps),
        verb="completed",
        release=lock.abandon,
        forecast=f'Would give up the unfinished restore "{restore.name}" of {target} and delete {_names(restore.new) or "no disk"}; the VM keeps its disks.',
        note=f'The unfinished restore "{restore.name}" is given up; its new disks are deleted: {_names(restore.new) or "none"}',
    )
    if under_lock:
        return facts
    return Plan(**{**vars(facts), "steps": chained([_locking(target, lock, was_on, restore), *steps])})


def _locking(target: Target, lock: Lock, was_on: bool, restore: Restore) -> Step:
    def acquire() -> None:
        lock.acquire(was_on)
        target.settle([disk.ref for disk in (*restore.new, *restore.old)])

    return Step(LOCKING, do=acquire, undo=lock.give_back)


@dataclass(frozen=True)
class GiveUp:
    """Deletion of what a completed restore kept: the disks from before; of a VM that it made, when asked, the VM and its disks too."""

    target: Target
    restore: Restore
    delete_vm: bool

    def steps(self) -> tuple[Step, ...]:
        """The steps under the lock. What was asked to be deleted stays so, and the lock says to the next run that it was begun."""
        restore = self.restore
        steps: list[Step] = []
        if self.delete_vm:
            if restore.machine is not None:
                steps.append(Step("delete VM", do=partial(self._remove, restore.machine), done=self._is_gone, point_of_no_return=True))
            steps.append(Step("delete disks", do=partial(self._disks.delete_carrier_last, [disk.ref for disk in restore.new]), point_of_no_return=True))
        if restore.old:
            steps.append(Step("delete old disks", do=partial(self._disks.delete_carrier_last, [disk.ref for disk in restore.old]), point_of_no_return=True))
        if not self.delete_vm:
            steps.append(Step("remove notes", do=self._forget))
        steps.append(Step(UNLOCKING, do=self._unlock))
        return chained(steps)

    def _is_gone(self) -> Progress:
        return Progress.NO if self.target.get() else Progress.DONE

    def lock_step(self, lock: Lock) -> Step:
        machine = self.restore.machine
        # Whoever follows a run that dies takes over what it noted.
        return _locking(self.target, lock, machine is not None and machine.power is Power.ON, self.restore)

    @property
    def _disks(self) -> RestoreDisks:
        restore = self.restore
        return RestoreDisks(self.target, Identity(restore.place, restore.vm, restore.name, restore.strategy), ())

    def _remove(self, machine: Machine) -> None:
        """Delete the VM; its disks carry the lock from then on."""
        there = self.target.get()
        if there is None:
            return
        if there.uid != machine.uid:
            raise Conflict(f"{self.target} is another one than the restore made. It is not deleted.")
        claim = self.target.lock.marks()
        found = [disk for disk in self.target.found([disk.ref for disk in self.restore.new]) if disk]
        self.target.gate.mark_all([(partial(self.target.disk, disk.ref), instead_of(disk.marks, claim)) for disk in found], until_seen=True)
        for change in self.target.provider.machines.securing(there):
            self.target.gate.send(change)
        self.target.remove(self.target.existing())

    def _forget(self) -> None:
        """Take our marks off the disks that stay: they are the VM's own now. One stays to be found by, until the lock is given up."""
        # What an earlier run was about to write must not come after it.
        disks: list[Disk] = [disk for disk in self.target.found([one.ref for one in (*self.restore.new, *self.restore.earlier)]) if disk]
        self.target.settle([disk.ref for disk in disks])
        wanted = [(partial(self.target.disk, disk.ref), self._without(disk, _FOUND_BY if disk is disks[0] else ())) for disk in disks]
        self.target.gate.mark_all(wanted)

    @staticmethod
    def _without(disk: Disk, kept: Collection[str] = ()) -> dict[str, None]:
        """The changes that take our marks off a disk, but for ``kept``."""
        if marks.REPLACED_BY in disk.marks:
            return dict.fromkeys(name for name in _OF_THIS if name not in kept)
        # By whose disk it is a roll-back is found in which it took part.
        whose = (marks.VM, marks.PLACE) if marks.RESET_BY in disk.marks else ()
        return {**dict.fromkeys(name for name in _NOTES if name not in (*kept, *whose)), **without_lock(disk.marks)}

    def _unlock(self) -> None:
        lock, carrier = self.target.lock, self.target.carrier()
        if carrier is None:
            lock.gone()
        elif carrier.marks.get(marks.RESTORE) == self.restore.name and self.target.get():
            lock.release({marks.RESTORE: None})
        else:
            lock.release()
        if not self.delete_vm:
            self._forget_the_last()

    def _forget_the_last(self) -> None:
        """Nobody holds the VM any more, and nothing but a note of what is no more is changed."""
        gate = Gate(self.target.waiter, self.target.provider.marks)
        there = [disk for disk in self.target.found([one.ref for one in (*self.restore.new, *self.restore.earlier)]) if disk]
        gate.mark_all([(partial(self.target.disk, disk.ref), self._without(disk)) for disk in there if disk.marks.get(marks.RESTORE) == self.restore.name])


def _names(disks: Sequence[Disk]) -> str:
    return ", ".join(disk.name for disk in disks)
