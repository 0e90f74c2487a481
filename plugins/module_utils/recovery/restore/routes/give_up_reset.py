# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving up: a roll-back that has reset nothing is taken back, and what a complete one kept is deleted; the disks stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from ....core.arguments import Task
from ....core.errors import InvalidRequest
from ....core.plan import Plan, Step
from ....core.waiter import Waiter
from ... import marks
from ...backup.members import delete_members, wait_for_deletions
from ...findings import Finding, decide
from ...gate import Gate
from ...lock.claim import GIVING_UP, Claim
from ...model import Disk, Moment, Power
from ...points import RecoveryPoint
from ...provider import Intent, Provider
from ...target import Target
from ..progress import AT, progress_of, took_part, unmarking
from ..resets import Reset
from ..steps import LOCKING, UNLOCKING, chained


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


class ResetDeletion:
    """The deletion of one roll-back, under the lock of its VM; ``find`` reads it anew."""

    def __init__(self, task: Task, provider: Provider, waiter: Waiter, find: Callable[[], Reset | None]) -> None:
        self._task, self._provider, self._waiter, self._find = task, provider, waiter, find
        self._target: Target | None = None
        self._under_lock = False

    def plan(self, reset: Reset | None) -> Plan:
        """The way from a roll-back to no trace of it but the disks as they are. Raises Conflict for one that is not complete, or is in use."""
        if reset is None:
            return Plan(why_unchanged=f'Restore "{self._task["name"] or self._task["uid"]}" is already absent')
        target = self._target = self._target or Target(self._provider, reset.vm, self._waiter)
        purpose = GIVING_UP + reset.name
        lock = target.lock_for(purpose, self._task["lock_ttl"], lambda claim: claim.purpose == purpose)
        claim = target.claim()
        if claim and claim.purpose == purpose and not self._under_lock and target.unfinished():
            # What a dead run of this deletion has asked for may be about to give up the lock, so it is seen to its end first.
            target.settle()
            return self.plan(self._find())
        decide(list(self._findings(reset, claim, purpose)), (), self._task.warn)
        going = ", ".join(f"safety point {point.name}" for point in reset.safety)
        steps = GiveUpReset(target, reset).steps()
        facts = Plan(
            steps=steps,
            verb="deleted",
            release=lock.abandon,
            note=f"Deleted: {going}" if going else "It kept nothing; its marks are removed",
            forecast=f'Restore would be deleted: "{reset.name}" of {target}, with {going or "its marks, and no point"}.',
        )
        if self._under_lock:
            return facts
        on = reset.machine is not None and reset.machine.power is Power.ON
        locking = Step(LOCKING, do=lambda: (lock.acquire(on), None)[1], undo=lock.give_back)
        return replace(facts, steps=chained([locking, *steps]), replan=self._again, replan_after=LOCKING)

    def _findings(self, reset: Reset, claim: Claim | None, purpose: str) -> Iterable[Finding]:
        if claim and claim.purpose != purpose:
            yield Finding(f'VM "{reset.vm}" is held by {claim.holder}; run again when that has ended.')
        tags = self._provider.marks.check_tags(self._task["tags"])
        if any(point.tags.get(key) != value for point in reset.safety for key, value in tags.items()):
            yield Finding(f"its safety points do not carry the labels {tags}, so it is not what was meant to be deleted.")
        if self._task["delete_vm"]:
            text = "delete_vm is for restores with strategy new; this one is a roll-back, and its VM is the original."
            yield Finding(text, kind=InvalidRequest)
        if reset.machine is None:
            yield Finding(f'VM "{reset.vm}" does not exist. Delete its safety points with the module snapshot.')
        elif not (reset.complete or self._under_lock or claim):
            yield Finding("it is not complete. Run it again to finish it, or give it up with rollback_of.")

    def _again(self) -> Plan:
        self._under_lock = True
        plan = self.plan(self._find())
        if not plan.steps and self._target:
            self._target.lock.give_back()
        return plan
