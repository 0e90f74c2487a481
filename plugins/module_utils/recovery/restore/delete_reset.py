# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DELETE of a roll-back: the safety points that a completed one kept are given up, under the lock; the disks stay as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...core.errors import InvalidRequest
from ...core.plan import Step
from ..findings import Finding
from ..lock.lock import Lock
from ..model import Power, Ref
from ..target import Target
from .deletion import Deletion
from .resets import Reset
from .routes.give_up_reset import GiveUpReset
from .steps import LOCKING


class ResetDeletion(Deletion[Reset]):
    """The deletion of one roll-back."""

    NOTHING_KEPT = "its marks, and no point"

    def _carriers(self, found: Reset) -> Sequence[Ref]:
        return ()

    def _steps(self, found: Reset, target: Target) -> Sequence[Step]:
        return GiveUpReset(target, found).steps()

    def _locking(self, found: Reset, target: Target, lock: Lock) -> Step:
        on = found.machine is not None and found.machine.power is Power.ON
        return Step(LOCKING, do=lambda: (lock.acquire(on), None)[1], undo=lock.give_back)

    def _going(self, found: Reset) -> str:
        return ", ".join(f"safety point {point.name}" for point in found.safety)

    def _findings(self, found: Reset, begun: bool) -> Iterable[Finding]:
        tags = self._provider.marks.check_tags(self._task["tags"])
        if any(point.tags.get(key) != value for point in found.safety for key, value in tags.items()):
            yield Finding(f"its safety points do not carry the labels {tags}, so it is not what was meant to be deleted.")
        if self._task["delete_vm"]:
            text = "delete_vm is for restores with strategy new; this one is a roll-back, and its VM is the original."
            yield Finding(text, kind=InvalidRequest)
        if found.machine is None:
            yield Finding(f'VM "{found.vm}" does not exist. Delete its safety points with the module snapshot.')
        elif not (found.complete or self._under_lock or begun):
            yield Finding("it is not complete. Run it again to finish it, or give it up with rollback_of.")
