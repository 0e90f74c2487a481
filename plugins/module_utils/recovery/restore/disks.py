# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks of one restore: the new ones made and seen to be ready, the old ones marked, kept or given up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NoReturn

from ...core.errors import Conflict, NotFound, NoWayBack, ProviderFailure, WaitTimeout
from ...core.plan import Progress, Step
from .. import marks
from ..gate import LAG_S
from ..lock.claim import instead_of, without_lock
from ..model import Device, Disk, Identity, Ref
from ..provider import Change, Work
from ..target import Target

# What a restore notes on the disks that it takes off; a disk that no restore has made gets those of whose it is as well.
_OF_OLD = (marks.REPLACED_BY, marks.KEPT, marks.ATTACHED, marks.WAS)
_OF_FOREIGN = (*_OF_OLD, marks.VM, marks.PLACE, marks.DEVICE)


def _noted_on(disk: Disk) -> Sequence[str]:
    """The marks that only a restore which takes the disk off has written."""
    if marks.RESTORE in disk.marks:
        return _OF_OLD
    return (*_OF_OLD, marks.DEVICE) if marks.RESET_BY in disk.marks else _OF_FOREIGN


class RestoreDisks:
    """The new and the old disks of ``devices``."""

    def __init__(self, target: Target, identity: Identity, devices: Sequence[Device]) -> None:
        self._target, self._identity, self.devices = target, identity, tuple(devices)
        self._begun: list[Work] = []

    @property
    def old(self) -> list[Ref]:
        return [device.old for device in self.devices if device.old]

    @property
    def new(self) -> list[Ref]:
        return [device.new.ref for device in self.devices]

    # --- new disks

    def creation(self, name: str, devices: Sequence[Device]) -> Step:
        """The step that makes the new disks of ``devices``, all at once; those that come with the machine are only taken back."""
        apart = [device for device in devices if not device.new.made_with_machine]
        return Step(
            name,
            do=partial(self._create, apart),
            done=partial(self._created, apart),
            wait=partial(self._wait_until_ready, apart),
            undo=partial(self.remove_new, devices),
        )

    def found(self, devices: Sequence[Device]) -> list[Disk | None]:
        """The new disks of ``devices``. Raises Conflict for a name that something else has."""
        found = self._target.found(device.new.ref for device in devices)
        for disk in found:
            if disk is not None and not self._is_ours(disk):
                raise Conflict(f'the name {disk.name} is taken by a disk that is not part of the restore "{self._identity.restore}".')
        return found

    def _is_ours(self, disk: Disk) -> bool:
        return disk.marks.get(marks.RESTORE) == self._identity.restore and marks.number(disk.marks, marks.ATTEMPT, 1) == self._identity.attempt

    def _created(self, devices: Sequence[Device]) -> Progress:
        found = self.found(devices)
        if any(disk is None for disk in found):
            return Progress.NO
        return Progress.DONE if all(disk and disk.ready for disk in found) else Progress.IN_FLIGHT

    def _create(self, devices: Sequence[Device]) -> None:
        missing = [device for device, disk in zip(devices, self.found(devices)) if disk is None]
        gone = [device.new.name for device in missing if device.new.request is None]
        if gone:
            raise NotFound(f"disks are gone that an earlier run of this restore had made: {', '.join(gone)}. Restore under another name.")
        try:
            self._begun = self._target.gate.begin_all([self._target.provider.disks.create(device.new, {}) for device in missing])
        except Conflict:
            # Another run of this restore made one in this moment; whose each is, is seen when they are waited for.
            if None in self.found(devices):
                raise

    def create_carrier(self, values: Mapping[str, str]) -> None:
        """Make the boot disk of a VM that is not there, with the lock in the same request; its name is the arbiter between two runs."""
        boot = self.devices[0]
        if self.found([boot])[0] is None:
            if boot.new.request is None:
                raise NotFound(f"disk {boot.new.name} is gone, which an earlier run of this restore had made. Restore under another name.")
            try:
                self._target.gate.send_first(self._target.provider.disks.create(boot.new, values), lambda: self._target.disk(boot.new.ref) is not None)
            except Conflict:
                if self.found([boot])[0] is None:
                    raise

    def _wait_until_ready(self, devices: Sequence[Device]) -> None:
        begun, self._begun = self._begun, []
        self._target.gate.wait_all(begun)
        self._target.waiter.wait_until(
            partial(self._present, devices),
            lambda disks: len(disks) == len(devices) and all(disk.ready for disk in disks),
            lambda disks: f"the new disks are not ready yet: {', '.join(disk.name for disk in disks or [] if not disk.ready)}; the VM is as it was.",
        )

    def _present(self, devices: Sequence[Device]) -> list[Disk]:
        found = self.found(devices)
        failed = [disk.name for disk in found if disk and disk.failed]
        if failed:
            raise ProviderFailure(f"new disks could not be made: {', '.join(failed)}.")
        leaving = [disk.name for disk in found if disk and disk.deleting]
        if leaving:
            raise NotFound(f"somebody deletes new disks that were being made: {', '.join(leaving)}.")
        return [disk for disk in found if disk]

    def remove_new(self, devices: Sequence[Device]) -> None:
        """Delete new disks that are attached nowhere: they hold nothing that their source does not."""
        self._target.settle([device.new.ref for device in devices])
        self.delete_carrier_last([disk.ref for disk in self.found(devices) if disk and not disk.used_by])

    def delete_carrier_last(self, refs: Sequence[Ref]) -> None:
        """Delete disks; the one that carries the lock goes last, because nothing more can be sent without it."""
        carrier = self._target.carrier()
        last = [ref for ref in refs if carrier is not None and ref == carrier.ref]
        self.delete([ref for ref in refs if ref not in last])
        self.delete(last)

    def delete(self, refs: Sequence[Ref], check: Callable[[], None] = lambda: None) -> None:
        """Delete disks and see them gone; those that are gone are fine. Raises Conflict for one in use, or what ``check`` does.

        ``check`` is asked before the first, and again immediately before each request leaves.
        """
        disks, target = self._target.provider.disks, self._target
        found = self._settled(refs)
        used = [f"{disk.name} by {', '.join(user.rpartition('/')[2] for user in disk.used_by)}" for disk in found if disk.used_by]
        if used:
            raise Conflict(f"disks are in use and are not deleted: {'; '.join(used)}.")
        check()
        try:
            # What an earlier run has asked for is not asked for again, but seen to its end.
            target.gate.send_all([_checked(disks.delete(disk), check) for disk in found if not disk.deleting])
        except Conflict as error:
            if disks.is_in_use(error):
                raise Conflict(f"a disk is in use and is not deleted. {error.message}") from error
            raise
        target.waiter.wait_until(
            lambda: [disk for disk in target.found(refs) if disk],
            lambda there: not there,
            lambda there: f"these disks are still being deleted: {', '.join(disk.name for disk in there or ())}. Run the task again to keep waiting.",
        )

    def _settled(self, refs: Sequence[Ref]) -> list[Disk]:
        """The disks that are there. One that the VM does not have may be read for a while as if it had it still."""
        target, machine = self._target, self._target.get()
        on, ours = machine.disks if machine else frozenset(), target.provider.machines.ref(target.name)

        def look() -> list[Disk]:
            return [disk for disk in target.found(refs) if disk]

        def agree(disks: list[Disk]) -> bool:
            return all(ours not in disk.used_by or disk.ref in on for disk in disks)

        try:
            return target.waiter.shorter(LAG_S).wait_until(look, agree, lambda _disks: "")
        except WaitTimeout:
            return look()

    # --- old disks

    def refuse(self, text: str) -> NoReturn:
        """Raises ProviderFailure; NoWayBack, so that nothing is undone, when an earlier run has given up old disks already."""
        raise (NoWayBack if None in self._target.found(self.old) else ProviderFailure)(text)

    def recording(self, name: str, was_on: bool, *, with_lock: bool = False) -> Step:
        """The step that notes on each old disk what takes its place and how it was attached, before anything is taken off.

        ``with_lock``: they carry the lock too, whose text changes with each renewal, so that the step is never quite done.
        """
        wanted = {device.old: self._marks_of_old(device, was_on) for device in self.devices if device.old}

        def do() -> None:
            if not with_lock:
                self._mark_all(wanted)
                return
            # Once the VM is gone the lock is read from them.
            lock, found = self._target.lock.marks(), dict(zip(wanted, self._target.found(wanted)))
            there = {ref: disk.marks if (disk := found[ref]) else {} for ref in wanted}
            self._mark_all({ref: {**changes, **instead_of(there[ref], lock)} for ref, changes in wanted.items()}, until_seen=True)

        def undo() -> None:
            # What was asked for and not waited for, because something else failed meanwhile, would mark them again.
            self._target.settle(wanted)
            self.unmark(list(wanted))

        return Step(name, do=do, done=lambda: Progress.NO if with_lock else self._marked(wanted), undo=undo)

    def _marks_of_old(self, device: Device, was_on: bool) -> dict[str, str | None]:
        provider, identity = self._target.provider, self._identity
        return {
            marks.REPLACED_BY: identity.restore,
            marks.VM: identity.vm,
            marks.PLACE: identity.place,
            marks.DEVICE: provider.marks.value(device.name),
            marks.ATTACHED: provider.machines.packed(device.before),
            marks.WAS: marks.ON if was_on else marks.OFF,
            marks.KEPT: None,
        }

    def _marked(self, wanted: Mapping[Ref, marks.Changes]) -> Progress:
        found = self._target.found(wanted)
        # A missing old disk counts as marked: only the last step, old_disks: delete, removes it, and a disk in use cannot be deleted.
        right = all(disk is None or all(disk.marks.get(key) == value for key, value in changes.items()) for disk, changes in zip(found, wanted.values()))
        return Progress.DONE if right else Progress.NO

    def _mark_all(self, wanted: Mapping[Ref, marks.Changes], *, until_seen: bool = False) -> None:
        self._target.gate.mark_all([(partial(self._target.disk, ref), changes) for ref, changes in wanted.items()], until_seen=until_seen)

    def unmark(self, refs: Iterable[Ref]) -> None:
        """Take the marks off old disks again; what an earlier restore noted on a disk that it made, or let go back, stays."""
        found = [disk for disk in self._target.found(refs) if disk]
        self._mark_all({disk.ref: {**dict.fromkeys(_noted_on(disk)), **without_lock(disk.marks)} for disk in found})

    def keeping(self, name: str) -> Step:
        """The step that notes on the old disks that the restore is complete and they are kept."""
        wanted: dict[Ref, marks.Changes] = {ref: {marks.KEPT: marks.YES} for ref in self.old}

        def do() -> None:
            # A tool that deletes disks which are attached nowhere may have been here: the VM is restored all the same.
            self._mark_all({disk.ref: wanted[disk.ref] for disk in self._target.found(self.old) if disk})

        return Step(name, do=do, done=partial(self._marked, wanted))

    def giving_up(self, name: str) -> Step:
        """The step that deletes the old disks, as long as the VM has the new ones."""
        return Step(name, do=lambda: self.delete(self.old, self._see_new), done=lambda: Progress.DONE if not any(self._target.found(self.old)) else Progress.NO)

    def _see_new(self) -> None:
        if not self._target.existing().disks.issuperset(self.new):
            raise Conflict(f"{self._target} does not have its restored disks any more: somebody has changed it. Its disks from before are not deleted.")

    def taking_over(self, name: str) -> Step:
        """The step that notes on disks which came back that they belong to this restore now, and are nobody's old disks any more."""
        count = len(self.devices)

        def do() -> None:
            gone = {device.new.ref: {**dict.fromkeys(_OF_OLD), **without_lock(device.new.marks)} for device in self.devices}
            self._mark_all({device.new.ref: {**self.marks_of_new(device.name, count), **gone[device.new.ref]} for device in self.devices})

        return Step(name, do=do)

    def marks_of_new(self, device: str, count: int) -> dict[str, str]:
        return marks_of_new(self._target, self._identity, device, count)


def _checked(change: Change, check: Callable[[], None]) -> Change:
    """The change, sent only after one more look: the lock may be found on a disk although the VM has just been deleted."""

    def send() -> Work:
        check()
        return change.send()

    return replace(change, send=send)


def marks_of_new(target: Target, identity: Identity, device: str, count: int) -> dict[str, str]:
    """The marks of a new disk of a restore."""
    every = {
        marks.RESTORE: identity.restore,
        marks.VM: identity.vm,
        marks.PLACE: identity.place,
        marks.DEVICE: target.provider.marks.value(device),
        marks.BACKUP: identity.moment,
        marks.PARTS: str(count),
        marks.STRATEGY: identity.strategy,
        marks.MANIFEST: identity.manifest,
        marks.ATTEMPT: str(identity.attempt) if identity.attempt > 1 else "",
        marks.SOURCE_VM: identity.source_vm if identity.source_vm != identity.vm else "",
    }
    return {key: value for key, value in every.items() if value}
