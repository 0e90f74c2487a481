# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore in place: the new disks are ready first; then the VM stops, its disks are exchanged, it starts, and is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...clients.gce.objects import Instance
from ...core.errors import Conflict, NotYetPossible
from ...core.plan import Progress, Step
from ...recovery.lock import Lock
from .labels import LOCK, LOCK_FOR, REPLACED_BY, RESTORE
from .vm import Vm
from .vm_addresses import Addresses
from .vm_backup_steps import chained
from .vm_devices import Device, Identity, in_order
from .vm_disks import RestoreDisks
from .vm_labels import KEPT
from .vm_lock import claim_of

LOCKING, CREATING, RESERVING, RECORDING = "lock VM", "create disks", "reserve addresses", "record old disks"
STOPPING, DETACHING, ATTACHING, STARTING = "stop VM", "detach old disks", "attach new disks", "start VM"
VERIFYING, KEEPING, GIVING_UP, UNLOCKING = "verify", "keep old disks", "delete old disks", "unlock VM"


class SwapSteps:
    """The steps for one VM; ``rollback`` exchanges disks that exist already."""

    def __init__(
        self,
        vm: Vm,
        identity: Identity,
        devices: Sequence[Device],
        lock: Lock,
        addresses: Addresses,
        *,
        was_running: bool,
        start: bool,
        delete_old: bool,
        discard_local_ssd: bool,
        keys: Mapping[str, str],
        rollback_of: str = "",
    ) -> None:
        self._vm, self._identity, self._lock, self._addresses = vm, identity, lock, addresses
        self._devices = in_order(devices)
        self._disks = RestoreDisks(vm, identity, self._devices)
        self._was_running, self._start, self._delete_old = was_running, start, delete_old
        self._discard_local_ssd, self._keys, self._rollback_of = discard_local_ssd, keys, rollback_of

    def assemble(self) -> tuple[Step, ...]:
        """The steps in their order; reserving and recording, which have nothing to do with each other, at once."""
        disks = self._disks
        steps = [Step(LOCKING, do=self._acquire, undo=self._lock.release)]
        if not self._rollback_of:
            steps.append(disks.creation(CREATING, self._devices))
        steps.append(Step(RESERVING, do=self._addresses.reserve, done=self._addresses.done, undo=self._addresses.release))
        if disks.old_paths:
            steps.append(disks.recording(RECORDING))
        if self._was_running:
            steps.append(Step(STOPPING, do=self._stop, done=self._stopped, undo=self._vm.settled(self._start_again), disruptive=True))
        steps.append(Step(DETACHING, do=self._detach_old, done=self._old_are_off, undo=self._vm.settled(self._attach_old), disruptive=True))
        steps.append(Step(ATTACHING, do=self._attach_new, done=self._new_are_on, undo=self._vm.settled(self._detach_new), disruptive=True))
        if self._start:
            steps.append(Step(STARTING, do=self._start_new, done=self._running, undo=self._vm.settled(self._stop), disruptive=True))
        # What was seen to be restored is not taken back, whatever becomes of the labels.
        steps.append(Step(VERIFYING, do=self._verify, point_of_no_return=True))
        if self._rollback_of:
            steps.append(Step("record new disks", do=self._take_over))
        if disks.old_paths:
            steps.append(disks.giving_up(GIVING_UP) if self._delete_old else disks.keeping(KEEPING))
        steps.append(Step(UNLOCKING, do=self._unlock))
        return _paired(chained(steps), RESERVING, RECORDING)

    def leave(self) -> None:
        """Give up the lock if it is still held: the work is not finished, and the next run goes on at once."""
        self._lock.abandon()

    # --- lock

    def _acquire(self) -> None:
        before = self._vm.existing()
        claim = self._lock.acquire(self._was_running)
        self._vm.settle([path for device in self._devices for path in (device.new, device.old) if path])
        instance = self._vm.existing()
        if claim.was_running != self._was_running:
            raise Conflict(f'VM "{self._vm.name}" was started or stopped in this moment. Nothing was changed; run again.')
        # What an earlier run of this restore had asked for may still have been done meanwhile.
        taken_over = claim_of(before) is not None
        if _attached(instance) != _attached(before) and not (taken_over and self._half_done(instance)):
            raise Conflict(f'the disks of VM "{self._vm.name}" were changed by someone else in this moment. Nothing was changed; run again.')

    def _half_done(self, instance: Instance) -> bool:
        """Whether nothing but this restore's own disks are off or on."""
        known = {path for device in self._devices for path in (device.new, device.old)}
        return not {disk.source for disk in instance.disks if disk.device_name in {device.name for device in self._devices}} - known

    def _unlock(self) -> None:
        self._lock.stop_renewing()
        self._vm.label({RESTORE: self._identity.restore, LOCK: None, LOCK_FOR: None})
        self._lock.held = False

    # --- stop and start

    def _stop(self) -> None:
        self._vm.stop(self._discard_local_ssd or None)

    def _stopped(self) -> Progress:
        # With its new disks on, it was stopped by a run that died later: once is enough.
        stopped = self._vm.existing().status == "TERMINATED" or self._new_are_on() is Progress.DONE
        return Progress.DONE if stopped else Progress.NO

    def _running(self) -> Progress:
        return Progress.DONE if self._vm.existing().status == "RUNNING" else Progress.NO

    def _start_again(self) -> None:
        on = {disk.source for disk in self._vm.existing().disks}
        if all(path in on for path in self._disks.old_paths):
            self._vm.start()

    def _start_new(self) -> None:
        try:
            self._vm.start()
        except NotYetPossible as error:
            old = ", ".join(self._disks.old_paths)
            raise NotYetPossible(f"{error.message} It has its restored disks; the disks from before are kept: {old}.", code=error.code) from error

    # --- exchange

    def _detach_old(self) -> None:
        self._vm.detach([device.old for device in reversed(self._devices) if device.old])

    def _old_are_off(self) -> Progress:
        on = {disk.source for disk in self._vm.existing().disks}
        return Progress.NO if on.intersection(self._disks.old_paths) else Progress.DONE

    def _attach_old(self) -> None:
        self._vm.attach([device.attachment(device.old, self._keys) for device in self._devices if device.old])

    def _attach_new(self) -> None:
        self._vm.attach([device.attachment(device.new, self._keys) for device in self._devices])

    def _new_are_on(self) -> Progress:
        on = {disk.source for disk in self._vm.existing().disks}
        return Progress.DONE if all(device.new in on for device in self._devices) else Progress.NO

    def _detach_new(self) -> None:
        self._vm.detach([device.new for device in reversed(self._devices)])

    # --- what can be seen

    def _verify(self) -> None:
        instance = self._vm.existing()
        problems = differences(instance, self._devices)
        if self._start and instance.status != "RUNNING":
            problems.append(f"it is {instance.status}, not RUNNING")
        if problems:
            self._disks.refuse(f'VM "{self._vm.name}" is not as it should be after the restore: {"; ".join(problems)}.')

    def _take_over(self) -> None:
        """The disks that came back belong to this restore now, and are nobody's old disks any more."""
        count = len(self._devices)
        self._vm.label_disks({device.new: {**self._identity.labels(device.name, count), REPLACED_BY: None, KEPT: None} for device in self._devices})


def _paired(steps: Sequence[Step], one: str, other: str) -> tuple[Step, ...]:
    """Chained steps of which ``other``, that followed ``one``, begins together with it; what followed needs both."""
    before = next(step.needs for step in steps if step.name == one)
    return tuple(replace(step, needs=(one, other) if other in step.needs else before if step.name == other else step.needs) for step in steps)


def _attached(instance: Instance) -> list[tuple[str, str]]:
    return [(disk.device_name, disk.source) for disk in instance.disks]


def differences(instance: Instance, devices: Sequence[Device]) -> list[str]:
    """What of the disks of a VM is not as it should be, as it was read back."""
    found = {disk.device_name: disk for disk in instance.disks}
    problems = []
    for device in devices:
        there = found.get(device.name)
        if there is None:
            problems.append(f"{device.name} is not attached")
            continue
        wanted = {"source": device.new, "boot": device.boot, "mode": device.mode, "auto_delete": device.auto_delete}
        problems += [f"{key} of {device.name} is {getattr(there, key)}, not {value}" for key, value in wanted.items() if getattr(there, key) != value]
    order = [disk.device_name for disk in instance.disks if disk.device_name in {device.name for device in devices}]
    if order != [device.name for device in devices]:
        problems.append(f"the order of the disks is {', '.join(order)}")
    return problems
