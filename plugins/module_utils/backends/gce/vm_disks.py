# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks of one restore: the new ones made and seen to be ready, the old ones marked, kept or given up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from ...clients.gce.answers import is_in_use
from ...clients.gce.objects import Disk, Operation, last_part
from ...core.errors import Conflict, NotFound, NoWayBack, ProviderFailure
from ...core.plan import Progress, Step
from ...recovery.lock import Claim
from .labels import DEVICE, LOCK, LOCK_FOR, REPLACED_BY, RESTORE, VM, ZONE, label_value
from .vm import Vm, in_groups
from .vm_devices import Device, Identity
from .vm_labels import KEPT
from .vm_lock import claim_labels

_READY = "READY"
# What a restore notes on the disks that it takes off; one that no restore has made gets the second as well.
_MARKS = (REPLACED_BY, KEPT, LOCK, LOCK_FOR)
_MARKS_OF_FOREIGN = (*_MARKS, VM, ZONE, DEVICE)


class RestoreDisks:
    """The new and the old disks of ``devices``."""

    def __init__(self, vm: Vm, identity: Identity, devices: Sequence[Device]) -> None:
        self._vm, self._identity, self.devices = vm, identity, tuple(devices)

    # --- new disks

    def creation(self, name: str, devices: Sequence[Device], *needs: str) -> Step:
        """The step that makes the new disks of ``devices``, all at once."""
        return Step(
            name,
            do=partial(self._create, devices),
            done=partial(self._created, devices),
            wait=partial(self._wait_until_ready, devices),
            undo=partial(self._remove, devices),
            needs=needs,
        )

    def _found(self, devices: Sequence[Device]) -> list[Disk | None]:
        found: list[Disk | None] = in_groups([partial(self._vm.get_disk, device.new) for device in devices])
        for disk in found:
            if disk is not None and disk.labels.get(RESTORE) != self._identity.restore:
                raise Conflict(f'the name {disk.name} is taken by a disk that is not part of the restore "{self._identity.restore}".')
        return found

    def check_names(self) -> None:
        """Raises Conflict when a new disk's name is taken by something else."""
        self._found(self.devices)

    def _created(self, devices: Sequence[Device]) -> Progress:
        found = self._found(devices)
        if any(disk is None for disk in found):
            return Progress.NO
        return Progress.DONE if all(disk and disk.status == _READY for disk in found) else Progress.IN_FLIGHT

    def _create(self, devices: Sequence[Device]) -> None:
        missing = [device for device, disk in zip(devices, self._found(devices)) if disk is None]
        self._sent: list[Operation] = [operation for operation in in_groups([partial(self._insert, device) for device in missing]) if operation]

    def _insert(self, device: Device) -> Operation | None:
        if "name" not in device.request:
            raise NotFound(f"disk {last_part(device.new)} is gone, which an earlier run of this restore had made. Restore under another name.")
        try:
            return self._vm.client.insert_disk(device.place, device.request)
        except Conflict:
            # Another run of this restore made it in this moment; whose it is, is seen when it is waited for.
            if self._vm.get_disk(device.new) is None:
                raise
            return None

    def _wait_until_ready(self, devices: Sequence[Device]) -> None:
        self._vm.client.wait_all(getattr(self, "_sent", []), "creating disks")
        self._vm.waiter.wait_until(
            partial(self._present, devices),
            lambda disks: all(disk.status == _READY for disk in disks),
            lambda disks: f"the new disks are not ready yet: {', '.join(disk.name for disk in disks or [] if disk.status != _READY)}; the VM is untouched.",
        )

    def _present(self, devices: Sequence[Device]) -> list[Disk]:
        found = self._found(devices)
        missing = [last_part(device.new) for device, disk in zip(devices, found) if disk is None]
        if missing:
            raise NotFound(f"new disks that were being made are gone: {', '.join(missing)}.")
        failed = [disk.name for disk in found if disk and disk.status == "FAILED"]
        if failed:
            raise ProviderFailure(f"new disks could not be made: {', '.join(failed)}.")
        return [disk for disk in found if disk]

    def _remove(self, devices: Sequence[Device]) -> None:
        """Delete new disks that are attached nowhere: they hold nothing that their source does not."""
        self.delete([device.new for device, disk in zip(devices, self._found(devices)) if disk and not disk.users])

    def delete(self, paths: Sequence[str]) -> None:
        """Delete disks; those gone are fine. Raises Conflict for one that is in use."""
        sent = in_groups([partial(self._delete, path) for path in paths])
        self._vm.client.wait_all([operation for operation in sent if operation], "deleting disks")
        self._vm.waiter.wait_until(
            lambda: [path for path in paths if self._vm.get_disk(path) is not None],
            lambda there: not there,
            lambda there: f"these disks are still being deleted: {', '.join(there or ())}. Run the task again to keep waiting.",
        )

    def _delete(self, path: str) -> Operation | None:
        disk = self._vm.get_disk(path)
        if disk is None or disk.status == "DELETING":
            # What an earlier run has asked for is not asked for again, but seen to its end.
            return None
        if disk.users:
            raise Conflict(f"disk {disk.name} is attached to {', '.join(last_part(user) for user in disk.users)}: it is not deleted.")
        try:
            return self._vm.client.delete_disk(disk.place, disk.name)
        except NotFound:
            return None
        except Conflict as error:
            if is_in_use(error):
                raise Conflict(f"disk {disk.name} is in use: it is not deleted. {error.message}") from error
            raise

    # --- old disks

    def refuse(self, text: str) -> NoReturn:
        """Raises ProviderFailure; NoWayBack, so that nothing is undone, when an earlier run has given up old disks already."""
        found = in_groups([partial(self._vm.get_disk, path) for path in self.old_paths])
        raise (NoWayBack if None in found else ProviderFailure)(text)

    @property
    def old_paths(self) -> list[str]:
        return [device.old for device in self.devices if device.old]

    def recording(self, name: str, *needs: str, claim: Claim | None = None) -> Step:
        """The step that notes on each old disk what takes its place, before anything is taken off; with ``claim`` they carry the lock too."""
        marks = {device.old: self._marks(device, claim) for device in self.devices if device.old}
        return Step(
            name,
            do=partial(self._vm.label_disks, marks),
            done=partial(self._marked, marks),
            undo=partial(self._unmark_all, list(marks)),
            needs=needs,
        )

    def _marks(self, device: Device, claim: Claim | None) -> dict[str, str | None]:
        identity = self._identity
        marks: dict[str, str | None] = {REPLACED_BY: identity.restore, VM: identity.vm, ZONE: identity.zone, DEVICE: label_value(device.name)}
        return {**marks, **(claim_labels(claim) if claim else {})}

    def _marked(self, marks: dict[str, dict[str, str | None]]) -> Progress:
        found: list[Disk | None] = in_groups([partial(self._vm.get_disk, path) for path in marks])
        # One that is gone was given up by an earlier run, at the very end: as long as the VM has it, it cannot go.
        right = all(
            disk is None or all(disk.labels.get(key) == value for key, value in wanted.items() if key not in (LOCK, LOCK_FOR))
            for disk, wanted in zip(found, marks.values())
        )
        # The lock's text changes with each renewal, so that a step that also locks is never quite done.
        locks = any(LOCK in wanted for wanted in marks.values())
        return Progress.DONE if right and not locks else Progress.NO

    def _unmark_all(self, paths: Sequence[str]) -> None:
        # What was asked for and not waited for, because something else failed meanwhile, would mark them again.
        self._vm.settle(paths)
        self.unmark(paths)

    def unmark(self, paths: Sequence[str]) -> None:
        """Take the marks off old disks again; what an earlier restore noted on a disk that it made stays."""
        found: list[Disk | None] = in_groups([partial(self._vm.get_disk, path) for path in paths])
        self._vm.label_disks({disk.path: dict.fromkeys(_MARKS if RESTORE in disk.labels else _MARKS_OF_FOREIGN, None) for disk in found if disk})

    def keeping(self, name: str, *needs: str) -> Step:
        """The step that notes on the old disks that the restore is complete and they are kept."""
        marks: dict[str, dict[str, str | None]] = {path: {KEPT: "yes"} for path in self.old_paths}
        return Step(name, do=partial(self._vm.label_disks, marks), done=partial(self._marked_kept, marks), needs=needs)

    def _marked_kept(self, marks: dict[str, dict[str, str | None]]) -> Progress:
        found = in_groups([partial(self._vm.get_disk, path) for path in marks])
        return Progress.DONE if all(disk and KEPT in disk.labels for disk in found) else Progress.NO

    def giving_up(self, name: str, *needs: str) -> Step:
        """The step that deletes the old disks."""
        gone = partial(in_groups, [partial(self._vm.get_disk, path) for path in self.old_paths])
        return Step(
            name,
            do=lambda: self.delete(self.old_paths),
            done=lambda: Progress.DONE if not any(gone()) else Progress.NO,
            needs=needs,
        )
