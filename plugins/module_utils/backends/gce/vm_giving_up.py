# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving up a restore that has changed nothing about its VM yet: its new disks go, its marks go, the VM is not touched."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.plan import Plan, Step
from ...recovery.lock import Lock
from .labels import LOCK, LOCK_FOR, RESTORE
from .vm import Vm
from .vm_backup_steps import chained
from .vm_devices import Device
from .vm_disks import RestoreDisks
from .vm_restores import Restore
from .vm_store import ManifestStore


def is_untouched(restore: Restore, devices: Sequence[Device]) -> bool:
    """Whether the VM still has all its own disks, and none that the restore made."""
    on = {disk.source for disk in restore.instance.disks} if restore.instance else set()
    old = {device.old for device in devices if device.old}
    return bool(old) and on.issuperset(old) and not on.intersection(disk.path for disk in restore.new)


def plan_giving_up_unfinished(vm: Vm, lock: Lock, restore: Restore, disks: RestoreDisks, store: ManifestStore, name: str, was_running: bool) -> Plan:
    """The way back from ``restore``; the VM notes ``name``, so that a second run finds that it is done."""

    def acquire() -> None:
        lock.acquire(was_running)
        vm.settle([disk.path for disk in restore.new])

    def unmark() -> None:
        disks.unmark([disk.path for disk in restore.old])
        store.drop_unused([restore.manifest])

    def unlock() -> None:
        lock.stop_renewing()
        vm.label({RESTORE: name, LOCK: None, LOCK_FOR: None})
        lock.held = False

    steps = [
        Step("lock VM", do=acquire, undo=lock.release),
        Step("remove marks from old disks", do=unmark),
        Step("delete new disks", do=lambda: disks.delete([disk.path for disk in restore.new])),
        *([Step("start VM", do=vm.start)] if was_running else []),
        Step("unlock VM", do=unlock),
    ]
    return Plan(chained(steps), verb="completed", release=lock.abandon, acted=vm.client.acted)
