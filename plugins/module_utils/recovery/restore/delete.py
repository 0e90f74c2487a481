# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DELETE of a restore: what a completed restore kept is given up, under the lock, after a look at where each disk is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from ...core.arguments import Task
from ...core.errors import Conflict, InvalidRequest
from ...core.plan import Plan
from ...core.waiter import Waiter
from ..findings import Finding, decide
from ..lock.claim import GIVING_UP, Claim
from ..model import Strategy
from ..provider import Provider
from ..target import Target
from .found import Restore
from .routes.give_up import GiveUp
from .steps import LOCKING, chained


class RestoreDeletion:
    """The deletion of one restore; ``find`` reads it anew."""

    def __init__(self, task: Task, provider: Provider, waiter: Waiter, find: Callable[[], Restore | None]) -> None:
        self._task, self._provider, self._waiter, self._find = task, provider, waiter, find
        self._target: Target | None = None
        self._under_lock = False

    def plan(self, restore: Restore | None) -> Plan:
        """The way from a restore to no trace of it but the VM as it is. Raises Conflict for one that is not complete, or is in use."""
        if restore is None:
            return Plan(why_unchanged=f'Restore "{self._task["name"] or self._task["uid"]}" is already absent')
        target = self._target = self._target or Target(self._provider, restore.vm, self._waiter)
        target.carriers = [disk.ref for disk in (*restore.old, *restore.new)]
        lock = target.lock_for(GIVING_UP + restore.name, self._task["lock_ttl"], lambda claim: claim.purpose == GIVING_UP + restore.name)
        claim = target.claim()
        if self._begun(target, restore) and not self._under_lock and target.unfinished():
            # What a dead run of this deletion has asked for may take the lock's carrier away, so it is seen to its end first.
            target.settle()
            return self.plan(self._find())
        held = [Finding(f"{target} is held by {claim.holder}; run again when that has ended.")] if claim and self._is_others(claim, restore) else []
        decide([*held, *self._findings(restore, target)], (), self._task.warn)
        route = GiveUp(target, restore, bool(self._task["delete_vm"]))
        going = self._going(restore)
        facts = Plan(
            steps=route.steps(),
            verb="deleted",
            release=lock.abandon,
            note=f"Deleted: {going}" if going else "It kept nothing; its marks are removed",
            forecast=f'Restore would be deleted: "{restore.name}" of {target}, with {going or "its marks, and no disk"}.',
        )
        if self._under_lock:
            return facts
        return replace(facts, steps=chained([route.lock_step(lock), *facts.steps]), replan=self._again, replan_after=LOCKING)

    def _again(self) -> Plan:
        self._under_lock = True
        plan = self.plan(self._find())
        if not plan.steps and self._target:
            self._target.lock.give_back()
        return plan

    @staticmethod
    def _is_others(claim: Claim, restore: Restore) -> bool:
        return claim.purpose != GIVING_UP + restore.name

    def _going(self, restore: Restore) -> str:
        vm = [f"VM {restore.vm}", *(f"disk {disk.name}" for disk in restore.new)] if self._task["delete_vm"] else []
        return ", ".join([*vm, *(f"disk {disk.name}" for disk in restore.old)])

    def _findings(self, restore: Restore, target: Target) -> Iterable[Finding]:
        tags = self._provider.marks.check_tags(self._task["tags"])
        if any(disk.tags.get(key) != value for disk in restore.new for key, value in tags.items()):
            yield Finding(f"its disks do not carry the labels {tags}, so it is not what was meant to be deleted.")
        # Without its VM a copy is not complete any more, and can only be deleted as a whole.
        half_deleted = self._begun(target, restore) or self._task["delete_vm"] and restore.machine is None
        if not restore.complete and not self._under_lock and not half_deleted:
            yield Finding("it is not complete. Run it again to finish it, or give it up with rollback_of.")
        for disk in restore.old:
            if disk.used_by:
                yield Finding(f"disk {disk.name} from before it is attached to {', '.join(user.rpartition('/')[2] for user in disk.used_by)}.")
        yield from self._about_vm(restore)

    @staticmethod
    def _begun(target: Target, restore: Restore) -> bool:
        """Whether an earlier run of this deletion has begun it: what is complete may then be half deleted."""
        claim = target.claim()
        return claim is not None and claim.purpose == GIVING_UP + restore.name

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
