# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused of a backup before anything is touched: states, disks that cannot be saved, VMs that hold more than is saved."""

from __future__ import annotations

from ...clients.gce.objects import Disk, Instance
from ...core.arguments import Task
from ...core.errors import Conflict, InvalidRequest, Unsupported
from ...recovery.lock import Claim, LockLost
from ...recovery.points import MACHINE_IMAGE, BackupSet
from .keys import check_disk_key
from .vm import Vm, persistent
from .vm_labels import RESTORING
from .vm_manifest import needs_own_key
from .vm_members import saved_at_rest

# A VM in these states writes nothing any more, and has written all that it had.
AT_REST = ("TERMINATED", "STOPPED")


def refuse_held(vm: Vm, claim: Claim | None) -> None:
    """Raises LockLost for a VM that a restore holds."""
    if claim and claim.purpose.startswith(RESTORING):
        raise LockLost(
            f'VM "{vm.name}" is held by the restore {claim.purpose[len(RESTORING) :]}: a half-restored VM must not become a backup.'
            " Run again when that restore has ended; if its run died, run the restore again first."
        )


def refuse_older(vm: Vm, instance: Instance, complete: BackupSet) -> None:
    """Raises Conflict when the VM may hold more than a backup of it, so that it must not be deleted for that."""
    if not all(saved_at_rest(member, instance) for member in complete.members):
        raise Conflict(
            f'backup "{complete.name}" was made while VM "{vm.name}" was running, or before its last start, so that its disks may hold more.'
            " Nothing was changed; choose another snapshot_datetime to retire it."
        )


def disks_to_save(task: Task, vm: Vm, instance: Instance) -> dict[str, Disk]:
    """The disks of the backup by device name; warns of local SSDs. Raises InvalidRequest, Unsupported."""
    excluded = set(task["exclude_disks"] or ())
    unknown = excluded - {disk.device_name for disk in persistent(instance)} - {disk.source.rpartition("/")[2] for disk in persistent(instance)}
    if unknown:
        raise InvalidRequest(f'exclude_disks: VM "{vm.name}" has no disk {", ".join(sorted(unknown))}.')
    ssds = [disk.device_name for disk in instance.disks if disk.local_ssd]
    if ssds:
        task.warn(f'The local SSDs of VM "{vm.name}" cannot be saved and are not part of the backup: {", ".join(ssds)}.')
    disks = {device: disk for device, disk in vm.disks(instance).items() if device not in excluded and disk.name not in excluded}
    if not disks:
        raise InvalidRequest(f'VM "{vm.name}" has no disk to save.')
    for device, disk in disks.items():
        _refuse_disk(instance, device, disk, task["disk_encryption_keys"] or {})
    return disks


def refuse_states(task: Task, vm: Vm, instance: Instance, *, stopping: bool, at_rest: bool) -> None:
    """Raises Conflict for a VM that cannot be stopped, or deleted, as the task wants it."""
    if (stopping or at_rest) and instance.status in ("SUSPENDED", "SUSPENDING"):
        raise Conflict(f'VM "{vm.name}" is suspended: resume or stop it before a backup that stops it.')
    if at_rest and not stopping and instance.status not in AT_REST:
        raise Conflict(f'VM "{vm.name}" is {instance.status}: run again when it has stopped.')
    if stopping and any(disk.local_ssd for disk in instance.disks) and not task["discard_local_ssd"]:
        raise Conflict(f'VM "{vm.name}" has local SSDs, whose data is lost when it stops. Set discard_local_ssd to allow that.')
    stays = [disk.source.rpartition("/")[2] for disk in persistent(instance) if not disk.auto_delete]
    if task["retire_source"] and stays:
        task.warn(f"These disks stay when the VM is deleted, because their autoDelete is off: {', '.join(stays)}.")
    if task["retire_source"] and instance.deletion_protection:
        raise Conflict(f'VM "{vm.name}" is protected against deletion. Take the protection off before it is retired.')


def permissions(task: Task, *, stopping: bool, retire: bool) -> list[str]:
    """What the credentials must be allowed to do with the VM."""
    wanted = ["compute.instances.get"]
    if stopping:
        wanted += ["compute.instances.setLabels", "compute.instances.stop", "compute.instances.start"]
    if task["method"] == MACHINE_IMAGE:
        wanted += ["compute.instances.useReadOnly"]
    return [*wanted, *(["compute.instances.delete"] if retire else [])]


def _refuse_disk(instance: Instance, device: str, disk: Disk, keys: dict[str, str]) -> None:
    """Raises Unsupported for a disk that others write to as well, InvalidRequest for one whose key is missing."""
    attached = next(one for one in instance.disks if one.device_name == device)
    access = disk.wire.get("accessMode", "")
    shared = [user for user in disk.users if user != instance.path]
    reason = ""
    if access == "READ_WRITE_MANY" or disk.wire.get("multiWriter"):
        reason = "several VMs write to it"
    elif access == "READ_ONLY_MANY" or (attached.mode == "READ_ONLY" and shared):
        reason = f"it is shared read-only with {', '.join(user.rpartition('/')[2] for user in shared) or 'other VMs'}"
    elif disk.wire.get("asyncPrimaryDisk") or disk.wire.get("asyncSecondaryDisks"):
        reason = "it is replicated asynchronously"
    if reason:
        raise Unsupported(f"disk {disk.name} ({device}) cannot be part of a backup: {reason}. Leave it out with exclude_disks.")
    if needs_own_key(disk.wire.get("diskEncryptionKey")) and device not in keys:
        raise InvalidRequest(f"disk {disk.name} ({device}) is encrypted with a key of your own: give it in disk_encryption_keys under {device}.")
    if device in keys and needs_own_key(disk.wire.get("diskEncryptionKey")):
        check_disk_key("disk_encryption_keys", disk, keys[device])
