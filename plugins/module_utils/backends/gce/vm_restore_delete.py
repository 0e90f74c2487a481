# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving up what a completed restore kept: the disks from before, and of a new VM, when asked, the VM itself."""

from __future__ import annotations

from ...clients.gce.client import GceClient
from ...core.arguments import Task
from ...core.errors import Conflict, InvalidRequest
from ...core.plan import Plan, Progress, Step
from ...core.waiter import Waiter
from .labels import BACKUP, DEVICE, DISKS, REPLACED_BY, RESTORE, VM, ZONE, check_tags, user_labels
from .vm import Vm
from .vm_backup_steps import chained
from .vm_devices import Identity
from .vm_disks import RestoreDisks
from .vm_labels import MANIFEST, STRATEGY
from .vm_lock import change_labels, claim_of
from .vm_restores import Restore

_OF_THIS = (RESTORE, BACKUP, DISKS, STRATEGY, MANIFEST)
# A disk that a later restore keeps is found by these.
_NOTES = (*_OF_THIS, VM, ZONE, DEVICE)


def plan_giving_up(task: Task, client: GceClient, waiter: Waiter, restore: Restore | None) -> Plan:
    """The way from a restore to no trace of it but the VM as it is. Raises Conflict for one that is not complete, or is in use."""
    if restore is None:
        return Plan(why_unchanged=f'Restore "{task["name"] or task["uid"]}" is already absent')
    _refuse(task, restore)
    vm = Vm(client, waiter, restore.zone, restore.vm)
    identity = Identity(client.project, restore.zone, restore.vm, restore.name, restore.strategy, restore.moment)
    disks = RestoreDisks(vm, identity, ())
    steps: list[Step] = []
    if task["delete_vm"]:
        if restore.instance is not None:
            steps.append(Step("delete VM", do=lambda: _delete_vm(vm, restore), done=lambda: Progress.NO if vm.get() else Progress.DONE))
        steps.append(Step("delete disks", do=lambda: disks.delete([disk.path for disk in restore.new])))
    if restore.old:
        steps.append(Step("delete old disks", do=lambda: disks.delete([disk.path for disk in restore.old])))
    if not task["delete_vm"]:
        steps.append(Step("remove notes", do=lambda: _forget(vm, restore)))
    return Plan(chained(steps), verb="deleted", acted=client.acted)


def _refuse(task: Task, restore: Restore) -> None:
    tags = check_tags(task["tags"])
    if any(user_labels(disk.labels).get(key) != value for disk in restore.new for key, value in tags.items()):
        raise Conflict(f"its disks do not carry the labels {tags}, so it is not what was meant to be deleted. It is untouched.")
    if not restore.complete and not task["force"]:
        raise Conflict(
            f'it is not complete: its last step is "{restore.record().details["step"]}". Nothing was deleted. Run it again, or go back with rollback_of.'
        )
    claim = claim_of(restore.instance)
    if claim:
        raise Conflict(f'VM "{restore.vm}" is held by {claim.purpose}. Nothing was deleted; run again when that has ended.')
    used = [disk.name for disk in restore.old if disk.users]
    if used:
        raise Conflict(f"old disks are attached to a VM: {', '.join(used)}. Nothing was deleted.")
    if task["delete_vm"] and restore.strategy != "new":
        raise InvalidRequest(f"delete_vm is for restores with strategy new; this one is {restore.strategy or 'unknown'}, and its VM is the original.")
    if task["delete_vm"] and restore.instance is not None:
        if restore.instance.deletion_protection:
            raise Conflict(f'VM "{restore.vm}" is protected against deletion.')
        strange = {disk.source for disk in restore.instance.disks if not disk.local_ssd} - {disk.path for disk in restore.new}
        if strange:
            raise Conflict(f'VM "{restore.vm}" has other disks than this restore made: {", ".join(sorted(strange))}. Nothing was deleted.')


def _delete_vm(vm: Vm, restore: Restore) -> None:
    if restore.instance is not None:
        vm.client.wait(vm.client.delete_instance(vm.zone, restore.instance.uid), f"deleting VM {vm.name}")
    vm.waiter.wait_until(vm.get, lambda there: there is None, lambda _there: f'VM "{vm.name}" is still being deleted.')


def _forget(vm: Vm, restore: Restore) -> None:
    """Take our labels off what stays: the disks in use are the VM's own now."""
    # What an earlier run was about to write must not come after it.
    vm.settle([disk.path for disk in restore.new])
    vm.label_disks({disk.path: dict.fromkeys(_OF_THIS if REPLACED_BY in disk.labels else _NOTES, None) for disk in restore.new})
    if restore.instance is not None and restore.instance.labels.get(RESTORE) == restore.name:
        change_labels(vm.client, vm.get, {RESTORE: None})
