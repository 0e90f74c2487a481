# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DELETE of a restore: what a completed restore kept is given up, under the lock, after a look at where each disk is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...core.errors import Conflict, InvalidRequest
from ...core.plan import Step
from ..findings import Finding
from ..lock.lock import Lock
from ..model import Ref, Strategy
from ..target import Target
from .deletion import Deletion
from .found import Restore
from .routes.give_up import GiveUp


class RestoreDeletion(Deletion[Restore]):
    """The deletion of one restore that made disks."""

    NOTHING_KEPT = "its marks, and no disk"

    def _carriers(self, found: Restore) -> Sequence[Ref]:
        return [disk.ref for disk in (*found.old, *found.new)]

    def _steps(self, found: Restore, target: Target) -> Sequence[Step]:
        return self._route(found, target).steps()

    def _locking(self, found: Restore, target: Target, lock: Lock) -> Step:
        return self._route(found, target).lock_step(lock)

    def _route(self, found: Restore, target: Target) -> GiveUp:
        return GiveUp(target, found, bool(self._task["delete_vm"]))

    def _going(self, found: Restore) -> str:
        vm = [f"VM {found.vm}", *(f"disk {disk.name}" for disk in found.new)] if self._task["delete_vm"] else []
        return ", ".join([*vm, *(f"disk {disk.name}" for disk in found.old)])

    def _findings(self, found: Restore, begun: bool) -> Iterable[Finding]:
        tags = self._provider.marks.check_tags(self._task["tags"])
        if any(disk.tags.get(key) != value for disk in found.new for key, value in tags.items()):
            yield Finding(f"its disks do not carry the labels {tags}, so it is not what was meant to be deleted.")
        # Without its VM a copy is not complete any more, and can only be deleted as a whole.
        half_deleted = begun or self._task["delete_vm"] and found.machine is None
        if not found.complete and not self._under_lock and not half_deleted:
            yield Finding("it is not complete. Run it again to finish it, or give it up with rollback_of.")
        for disk in found.old:
            if disk.used_by:
                yield Finding(f"disk {disk.name} from before it is attached to {', '.join(user.rpartition('/')[2] for user in disk.used_by)}.")
        yield from self._about_vm(found)

    def _about_vm(self, restore: Restore) -> Iterable[Finding]:
        if not self._task["delete_vm"]:
            return
        if restore.strategy not in (Strategy.NEW.value, ""):
            text = f"delete_vm is for restores with strategy new; this one is {restore.strategy or 'unknown'}, and its VM is the original."
            yield Finding(text, kind=InvalidRequest)
        if restore.machine is None:
            return
        if self._provider.machines.is_protected(restore.machine):
            yield Finding(f'VM "{restore.vm}" is protected against deletion.', kind=Conflict)
        strange = sorted(restore.machine.disks - {disk.ref for disk in restore.new})
        if strange:
            yield Finding(f'VM "{restore.vm}" has other disks than this restore made: {", ".join(strange)}.')
