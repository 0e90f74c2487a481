# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building a VM on its new disks: one that is gone, a copy under another name, or one that is replaced by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ...clients.gce.objects import Disk, Instance, Wire
from ...core.errors import Conflict
from ...core.plan import Progress, Step
from ...recovery.lock import Lock
from .labels import LOCK, LOCK_FOR, RESTORE
from .vm import Vm
from .vm_backup_steps import chained
from .vm_devices import Device, Identity, in_order
from .vm_disks import RestoreDisks
from .vm_lock import change_labels, claim_labels
from .vm_swap import CREATING, LOCKING, UNLOCKING, VERIFYING, differences

CREATING_BOOT, INSERTING, STOPPING_NEW = "create boot disk", "insert VM", "stop new VM"


class Rebuild:
    """What all ways of building a VM share. ``request`` gives the body of the insert for disks by device name."""

    def __init__(
        self,
        vm: Vm,
        identity: Identity,
        devices: Sequence[Device],
        lock: Lock,
        request: Callable[[Mapping[str, str], bool], Wire],
        *,
        was_running: bool,
        start: bool,
    ) -> None:
        self._vm, self._identity, self._lock, self._request = vm, identity, lock, request
        self._devices = in_order(devices)
        self._disks = RestoreDisks(vm, identity, self._devices)
        self._was_running, self._start = was_running, start

    def leave(self) -> None:
        """Give up the lock if it is still held: the work is not finished, and the next run goes on at once."""
        self._lock.abandon()

    # --- the lock's places

    def carrier(self) -> Instance | Disk | None:
        """What carries the lock: the VM; while there is none, its boot disk, the old one if there is one."""
        instance = self._vm.get()
        if instance is not None:
            return instance
        boot = self._devices[0]
        return self._vm.get_disk(boot.old or boot.new)

    def _acquire(self) -> None:
        claim = self._lock.acquire(self._was_running)
        self._vm.settle([path for device in self._devices for path in (device.new, device.old) if path])
        if claim.was_running != self._was_running:
            raise Conflict(f'VM "{self._vm.name}" was started or stopped in this moment. Nothing was changed; run again.')

    def _unlock(self) -> None:
        self._lock.stop_renewing()
        for path in [self._devices[0].new, *self._disks.old_paths]:
            if self._vm.get_disk(path) is not None:
                change_labels(self._vm.client, partial(self._vm.get_disk, path), {LOCK: None, LOCK_FOR: None})
        self._vm.label({RESTORE: self._identity.restore, LOCK: None, LOCK_FOR: None})
        self._lock.held = False

    # --- the new VM

    def _inserting(self) -> Step:
        return Step(INSERTING, do=self._insert_new, done=self._inserted, wait=self._until_running, undo=self._vm.settled(self._remove_new), disruptive=True)

    def _new_paths(self) -> dict[str, str]:
        return {device.name: device.new for device in self._devices}

    def _insert_new(self) -> None:
        state = f'VM "{self._vm.name}" does not exist at the moment; its new disks {", ".join(self._disks_now())}'
        self._vm.patiently(lambda: self._insert(self._new_paths()), f"{state} are safe")

    def _disks_now(self) -> list[str]:
        return [device.new for device in self._devices]

    def _insert(self, paths: Mapping[str, str], *, old: bool = False) -> None:
        """Build the VM under the lock. Raises Conflict when a VM of that name is there that is not ours."""
        with self._lock.turn:
            if self._vm.get() is None:
                self._lock.check()
                body = self._request(paths, old)
                labels = {key: value for key, value in claim_labels(self._lock.claim).items() if value}
                body["labels"] = {**body.get("labels", {}), **labels}
                self._vm.client.wait(self._vm.client.insert_instance(self._vm.zone, body), f"building VM {self._vm.name}")
            instance = self._vm.existing()
            if {disk.source for disk in instance.disks if not disk.local_ssd} != set(paths.values()):
                raise Conflict(f'there is a VM "{self._vm.name}" already, with other disks than this restore\'s. It is untouched.')

    def _inserted(self) -> Progress:
        instance = self._vm.get()
        on = {disk.source for disk in instance.disks} if instance else set()
        return Progress.DONE if instance and all(device.new in on for device in self._devices) else Progress.NO

    def _until_running(self) -> None:
        if self._start or self._vm.existing().status != "TERMINATED":
            self._vm.start()

    def _remove_new(self) -> None:
        """Delete the VM that this restore has built; its disks are this restore's own, and only copies."""
        instance = self._vm.get()
        if instance is None or not any(disk.source in self._disks_now() for disk in instance.disks):
            return
        for disk in instance.disks:
            if disk.auto_delete and not disk.local_ssd:
                self._auto_delete(disk.device_name, on=False)
        self._delete(instance)

    def _auto_delete(self, device: str, *, on: bool) -> None:
        vm = self._vm
        vm.change(lambda: vm.client.set_disk_auto_delete(vm.zone, vm.name, device, on), f"setting autoDelete of {device} on VM {vm.name}")

    def _delete(self, instance: Instance) -> None:
        vm = self._vm
        vm.change(lambda: vm.client.delete_instance(vm.zone, instance.uid), f"deleting VM {vm.name}")
        vm.waiter.wait_until(vm.get, lambda there: there is None, lambda _there: f'VM "{vm.name}" is still being deleted.')

    def _stop_new(self) -> None:
        self._vm.stop()

    def _new_is_stopped(self) -> Progress:
        return Progress.DONE if self._vm.existing().status == "TERMINATED" else Progress.NO

    def _verifying(self) -> Step:
        # What was seen to be restored is not taken back, whatever becomes of the labels.
        return Step(VERIFYING, do=self._verify, point_of_no_return=True)

    def _verify(self) -> None:
        instance = self._vm.existing()
        problems = differences(instance, self._devices)
        body = self._request(self._new_paths(), False)
        for wanted, found in zip(body.get("networkInterfaces", ()), instance.wire.get("networkInterfaces", ())):
            if wanted.get("networkIP") not in (None, found.get("networkIP")):
                problems.append(f"its internal address is {found.get('networkIP')}, not {wanted['networkIP']}")
        if self._start and instance.status != "RUNNING":
            problems.append(f"it is {instance.status}, not RUNNING")
        if problems:
            self._disks.refuse(f'VM "{self._vm.name}" is not as it should be after the restore: {"; ".join(problems)}.')


class Building(Rebuild):
    """A VM that is not there: gone, or to be made as a copy."""

    def assemble(self, before: Sequence[Step] = ()) -> tuple[Step, ...]:
        """The steps in their order; the boot disk is made first, because it carries the lock."""
        boot, others = self._devices[:1], self._devices[1:]
        steps = [*before, self._disks.creation(CREATING_BOOT, boot), Step(LOCKING, do=self._acquire, undo=self._lock.release)]
        if others:
            steps.append(self._disks.creation(CREATING, others))
        steps += [self._inserting(), self._verifying()]
        if not self._start:
            steps.append(Step(STOPPING_NEW, do=self._stop_new, done=self._new_is_stopped))
        steps.append(Step(UNLOCKING, do=self._unlock))
        return chained(steps)
