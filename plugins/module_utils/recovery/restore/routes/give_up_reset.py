# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving up: a roll-back that has reset nothing is taken back, and what a complete one kept is deleted; the disks stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from ....core.plan import Step
from ... import marks
from ...backup.members import delete_members, wait_for_deletions
from ...gate import Gate
from ...model import Disk, Moment
from ...points import RecoveryPoint
from ...provider import Intent
from ...target import Target
from ..progress import AT, progress_of, took_part, unmarking
from ..resets import Reset
from ..steps import UNLOCKING, chained


def delete_safety(target: Target, points: Sequence[RecoveryPoint]) -> None:
    """Delete safety points, and see them gone."""
    wait_for_deletions(target, points, delete_members(target, points))


def taking_back(target: Target, before: Reset, name: str, intent: Intent, *, starts: bool) -> tuple[Step, ...]:
    """The steps back from a roll-back that has reset nothing: its safety points go, the VM runs as it did, and notes ``name``."""

    def unprepare() -> None:
        for step in reversed(target.provider.extras.steps(intent, Moment.BEFORE_STOP, target.gate)):
            if step.undo:
                step.undo()

    steps = [
        Step("take back what was prepared", do=unprepare),
        *([Step("start VM", do=target.start)] if starts else []),
        Step("delete safety points", do=partial(delete_safety, target, before.safety)),
        Step(UNLOCKING, do=lambda: target.lock.release({marks.RESTORE: name})),
    ]
    return chained(steps)


class GiveUpReset:
    """Deletion of what a complete roll-back kept: its safety points, and the marks on its disks."""

    def __init__(self, target: Target, reset: Reset) -> None:
        self._target, self._reset = target, reset

    def steps(self) -> tuple[Step, ...]:
        safety = self._reset.safety
        steps = [Step("delete safety points", do=partial(delete_safety, self._target, safety), point_of_no_return=True)] if safety else []
        return chained([*steps, Step("remove notes", do=self._forget), Step(UNLOCKING, do=self._unlock)])

    def _disks(self) -> list[Disk]:
        return [disk for disk in self._target.found(disk.ref for disk in self._reset.disks) if disk and took_part(disk, self._reset.name)]

    def _forget(self) -> None:
        """Take the marks off the disks. One keeps them, so that the next run finds the restore until the lock is given up."""
        disks = self._disks()
        self._target.gate.mark_all([(partial(self._target.disk, disk.ref), unmarking(disk, self._reset.name)) for disk in disks[1:]])
        last = next(iter(disks), None)
        found = progress_of(last.marks) if last else None
        if last and found:
            alone = replace(found, state=AT, count=1)
            self._target.gate.mark(partial(self._target.disk, last.ref), {marks.RESET: alone.text})

    def _unlock(self) -> None:
        target, machine = self._target, self._target.get()
        ours = machine is not None and machine.marks.get(marks.RESTORE) == self._reset.name
        target.lock.release({marks.RESTORE: None} if ours else None)
        # Nobody holds the VM any more, and nothing but a note of what is no more is changed.
        gate = Gate(target.waiter, target.provider.marks)
        gate.mark_all([(partial(target.disk, disk.ref), unmarking(disk, self._reset.name)) for disk in self._disks()])
