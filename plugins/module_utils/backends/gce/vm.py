# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One VM in Compute Engine: reading it with its disks, and changing it, one change after another while the lock is ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ...clients.gce.answers import is_fingerprint_mismatch, is_out_of_stock
from ...clients.gce.client import GceClient
from ...clients.gce.objects import AttachedDisk, Disk, Instance, Operation, Place, last_part, place_of, region, zone
from ...core.errors import Conflict, NotFound, NotYetPossible, RecoveryError, WaitTimeout
from ...core.steps import at_once
from ...core.waiter import Waiter
from ...recovery.lock import Claim, Lock
from .keys import as_wire
from .vm_lock import VmLockPlace, change_labels, merged, write_labels
from .vm_manifest import needs_own_key

# The client's connection pool holds ten; a few are left to the waiting and the lock.
_AT_ONCE = 8


class Vm:
    """One VM by zone and name. Nothing is kept: every read asks again. ``keys`` are customers' own keys by device: it does not start without them."""

    def __init__(self, client: GceClient, waiter: Waiter, zone_name: str, name: str, keys: Mapping[str, str] | None = None) -> None:
        self.client, self.waiter, self.zone, self.name = client, waiter, zone_name, name
        self._keys = keys or {}
        self._lock: Lock | None = None

    @property
    def path(self) -> str:
        return f"projects/{self.client.project}/zones/{self.zone}/instances/{self.name}"

    @property
    def places(self) -> tuple[Place, Place]:
        """Where its disks may be."""
        return zone(self.zone), region(zone(self.zone).region)

    def get(self) -> Instance | None:
        return self.client.get_instance(self.zone, self.name)

    def existing(self) -> Instance:
        """The VM. Raises NotFound."""
        instance = self.get()
        if instance is None:
            raise NotFound(f'VM "{self.name}" does not exist in zone {self.zone}.')
        return instance

    def disks(self, instance: Instance) -> dict[str, Disk]:
        """Its persistent disks by device name, in the order of their index. Raises NotFound."""
        attached = persistent(instance)
        found = in_groups([partial(self.get_disk, disk.source) for disk in attached])
        missing = [disk.source for disk, there in zip(attached, found) if there is None]
        if missing:
            raise NotFound(f'VM "{self.name}" has disks attached that cannot be found: {", ".join(missing)}.')
        return {disk.device_name: there for disk, there in zip(attached, found)}

    def get_disk(self, path: str) -> Disk | None:
        return self.client.get_disk(place_of(path), last_part(path))

    def list_disks(self, wanted: str) -> list[Disk]:
        """The disks in its zone and its region that a filter lets through."""
        here, around = at_once(*[partial(self._listed, place, wanted) for place in self.places])
        return [*here, *around]

    def _listed(self, place: Place, wanted: str) -> list[Disk]:
        return list(self.client.list_disks(place, wanted))

    def _unfinished_in(self, place: Place) -> list[Operation]:
        return list(self.client.list_operations(place, 'status != "DONE"'))

    # --- the lock

    def make_lock(self, purpose: str, ttl_s: float, may_follow: Callable[[Claim], bool], locate: Callable[[], Instance | Disk | None] | None = None) -> Lock:
        """The lock of this VM for a task; ``locate`` says what carries it where that is not always the VM."""
        place = VmLockPlace(self.client, locate or self.get, self.unfinished)
        self._lock = Lock(place, purpose, ttl_s, self.waiter, may_follow)
        return self._lock

    def unfinished(self, paths: Iterable[str] = ()) -> list[Operation]:
        """What the provider still does to the VM, or to resources of these paths."""
        targets = {self.path, *paths}
        every = at_once(*[partial(self._unfinished_in, place) for place in self.places])
        return [operation for operations in every for operation in operations if operation.target in targets and not operation.done]

    def settle(self, paths: Iterable[str] = ()) -> None:
        """Wait for what an earlier run began; how it ended is seen by reading again."""
        for operation in self.unfinished(paths):
            try:
                self.client.wait(operation, f"{operation.verb} begun earlier on {last_part(operation.target)}")
            except WaitTimeout:
                raise
            except RecoveryError:
                continue

    def settled(self, undo: Callable[[], None]) -> Callable[[], None]:
        """``undo``, begun when what is under way has ended: a cancelled task leaves a change in flight, and what there is to undo is seen by reading."""

        def act() -> None:
            self.settle()
            undo()

        return act

    def change(self, submit: Callable[[], Operation], what: str, *, check: bool = True) -> None:
        """Send one change of the VM and wait for its end; meanwhile nothing else changes it. Raises LockLost when the lock is no longer ours."""
        lock = self._lock
        if lock is None:
            raise RuntimeError("a VM is changed only under its lock")
        with lock.turn:
            if check and lock.held:
                lock.check()
            self.client.wait(submit(), what)

    # --- changes

    def stop(self, discard_local_ssd: bool | None = None) -> None:
        """Stop it unless it is stopped; returns when it is."""
        if self.existing().status not in ("TERMINATED", "STOPPED"):
            self.change(lambda: self.client.stop_instance(self.zone, self.name, discard_local_ssd), f"stopping VM {self.name}")
        self._until("TERMINATED")

    def start(self) -> None:
        """Start it unless it runs. Raises NotYetPossible when capacity or quota did not suffice until the deadline."""
        if self.existing().status != "RUNNING":
            self.patiently(lambda: self.change(self._start, f"starting VM {self.name}"), f'VM "{self.name}" is stopped')
        self._until("RUNNING")

    def _start(self) -> Operation:
        instance = self.existing()
        disk_keys = [
            {"source": disk.source, "diskEncryptionKey": as_wire(self._keys[disk.device_name])}
            for disk in instance.disks
            if disk.device_name in self._keys and needs_own_key(disk.wire.get("diskEncryptionKey"))
        ]
        return self.client.start_instance(self.zone, self.name, disk_keys or None)

    def patiently(self, act: Callable[[], None], state: str) -> None:
        """Repeat what fails for want of capacity or quota until the deadline; then NotYetPossible, which leaves all as it is."""
        for pause_s in self.waiter.pauses():
            try:
                act()
                return
            except RecoveryError as error:
                if not is_out_of_stock(error):
                    raise
                if self.waiter.remaining_s <= pause_s:
                    raise NotYetPossible(
                        f"{state}, because there is no capacity or quota for it now: {error.message} Its data is safe on its disks. Run the task again.",
                        code=error.code,
                    ) from error
            self.waiter.pause(pause_s)

    def _until(self, status: str) -> None:
        self.waiter.wait_until(
            self.existing,
            lambda instance: instance.status == status,
            lambda instance: f'VM "{self.name}" is {instance.status if instance else "unknown"}, not yet {status}. Run the task again to keep waiting.',
        )

    def detach(self, paths: Iterable[str]) -> None:
        """Take these disks off, one after another, the last index first; those that are off are left."""
        for path in paths:
            attached = {disk.source: disk for disk in self.existing().disks}
            if path in attached:
                device = attached[path].device_name
                self.change(partial(self.client.detach_disk, self.zone, self.name, device), f"detaching {device} from VM {self.name}")

    def attach(self, bodies: Iterable[Mapping[str, Any]]) -> None:
        """Attach disks, one after another in this order, which decides their index; those attached are left. Raises Conflict for a device name in use."""
        for body in bodies:
            by_device = {disk.device_name: disk.source for disk in self.existing().disks}
            there = by_device.get(body["deviceName"])
            if there == body["source"]:
                continue
            if there:
                raise Conflict(f'VM "{self.name}" has another disk, {there}, attached as {body["deviceName"]}.')
            self.change(
                partial(self.client.attach_disk, self.zone, self.name, dict(body)),
                f"attaching {last_part(body['source'])} to VM {self.name} as {body['deviceName']}",
            )

    def label(self, changes: dict[str, str | None]) -> None:
        """Change labels of the VM."""
        lock = self._lock
        if lock is None:
            raise RuntimeError("a VM is changed only under its lock")
        with lock.turn:
            change_labels(self.client, self.get, changes)

    def label_disks(self, changes: Mapping[str, dict[str, str | None]]) -> None:
        """Change labels of disks, given by path, all at once. Raises NotFound."""
        while True:
            sent = in_groups([partial(self._label_disk, path, wanted) for path, wanted in changes.items()])
            try:
                self.client.wait_all([operation for operation in sent if operation], "labelling disks")
                return
            except RecoveryError as error:
                # Someone else wrote in between: all are read again, and those that are right are left.
                if not is_fingerprint_mismatch(error):
                    raise

    def _label_disk(self, path: str, wanted: dict[str, str | None]) -> Operation | None:
        while True:
            disk = self.get_disk(path)
            if disk is None:
                raise NotFound(f"the disk {path} does not exist any more.")
            labels = merged(disk.labels, wanted)
            try:
                return None if labels == disk.labels else write_labels(self.client, disk, labels)
            except RecoveryError as error:
                if not is_fingerprint_mismatch(error):
                    raise


def persistent(instance: Instance) -> list[AttachedDisk]:
    """The disks of a VM that can be saved: all but its local SSDs, in the order of their index."""
    return [disk for disk in instance.disks if not disk.local_ssd]


def in_groups(calls: list[Callable[[], Any]]) -> list[Any]:
    """The results of independent calls in order, so many at a time as the client's connections allow."""
    return [result for start in range(0, len(calls), _AT_ONCE) for result in at_once(*calls[start : start + _AT_ONCE])]
