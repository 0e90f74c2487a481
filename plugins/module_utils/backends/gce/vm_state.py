# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a VM stands after a task has failed: is it up, on which disks, where is the data, and what to run next."""

from __future__ import annotations

from collections.abc import Sequence

from ...clients.gce.objects import last_part
from .vm import Vm
from .vm_devices import Device


def state_after_restore(vm: Vm, devices: Sequence[Device]) -> str:
    """One or two sentences for an operator."""
    new = [device.new for device in devices]
    old = [device.old for device in devices if device.old]
    instance = vm.get()
    if instance is None:
        safe = f" Its disks from before are safe: {_names(old)}." if old else ""
        return f'Now VM "{vm.name}" does not exist.{safe} Run the task again to go on.'
    on = {disk.source for disk in instance.disks}
    status = instance.status
    if old and on.issuperset(old):
        return f'Now VM "{vm.name}" is {status} on its disks from before the restore ({_names(old)}); no data is lost. Run the task again.'
    if on.issuperset(new):
        kept = f" Its disks from before are kept: {_names(old)}." if old else ""
        return f'Now VM "{vm.name}" is {status} on the restored disks ({_names(new)}).{kept} Run the task again to finish.'
    return (
        f'Now VM "{vm.name}" is {status} with {_names(sorted(on)) or "no disk"} attached. All data is safe: its disks from before are {_names(old)},'
        f" the restored ones {_names(new)}. Run the task again to finish, or go back with rollback_of."
    )


def state_after_backup(vm: Vm) -> str:
    """One sentence for an operator."""
    instance = vm.get()
    if instance is None:
        return f'Now VM "{vm.name}" does not exist. Run the task again.'
    return f'Now VM "{vm.name}" is {instance.status} on its own disks; no data is lost. Run the task again.'


def _names(paths: Sequence[str]) -> str:
    return ", ".join(map(last_part, paths))
