# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What DELETE of a restore is, whichever kind: under the lock of its VM, what is read under it decides, and a dead deletion is gone on with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Generic, TypeVar, Union

from ...core.arguments import Task
from ...core.errors import NotFound
from ...core.plan import Plan, Step
from ...core.waiter import Waiter
from ..findings import Finding, decide
from ..lock.claim import GIVING_UP
from ..lock.lock import Lock
from ..model import Ref
from ..provider import Provider
from ..target import Target
from .found import Restore
from .resets import Reset
from .steps import LOCKING, chained

Kept = TypeVar("Kept", bound=Union[Restore, Reset])


class Deletion(ABC, Generic[Kept]):
    """The deletion of one restore; ``find`` reads it anew."""

    # What goes of a restore that kept nothing, for check mode.
    NOTHING_KEPT: str

    def __init__(self, task: Task, provider: Provider, waiter: Waiter, find: Callable[[], Kept | None]) -> None:
        self._task, self._provider, self._waiter, self._find = task, provider, waiter, find
        self._target: Target | None = None
        self._under_lock = False

    def plan(self, found: Kept | None) -> Plan:
        """The way from a restore to no trace of it but the VM as it is. Raises Conflict for one that is not complete, or is in use."""
        if found is None:
            return Plan(why_unchanged=f'Restore "{self._task["name"] or self._task["uid"]}" is already absent')
        target = self._target = self._target or Target(self._provider, found.vm, self._waiter)
        target.carriers = self._carriers(found)
        purpose = GIVING_UP + found.name
        lock = target.lock_for(purpose, self._task["lock_ttl"], lambda claim: claim.purpose == purpose)
        claim = target.claim()
        begun = claim is not None and claim.purpose == purpose
        if begun and not self._under_lock and target.unfinished():
            # What a dead run of this deletion has asked for may take the lock, or its carrier, away, so it is seen to its end first.
            target.settle()
            return self.plan(self._find())
        held = [Finding(f"{target} is held by {claim.holder}; run again when that has ended.")] if claim and not begun else []
        decide([*held, *self._findings(found, begun)], (), self._task.warn)
        going = self._going(found)
        facts = Plan(
            steps=tuple(self._steps(found, target)),
            verb="deleted",
            release=lock.abandon,
            note=f"Deleted: {going}" if going else "It kept nothing; its marks are removed",
            forecast=f'Restore would be deleted: "{found.name}" of {target}, with {going or self.NOTHING_KEPT}.',
        )
        if self._under_lock:
            return facts
        locking = self._locking(found, target, lock)
        locking = replace(locking, do=partial(self._lock, locking.do))
        return replace(facts, steps=chained([locking, *facts.steps]), replan=self._again, replan_after=LOCKING)

    def _lock(self, acquire: Callable[[], None] | None) -> None:
        try:
            if acquire:
                acquire()
        except NotFound:
            # The last of what a dead run has asked for may go in this moment, and the carrier of the lock with it.
            if self._find() is not None:
                raise

    def _again(self) -> Plan:
        self._under_lock = True
        plan = self.plan(self._find())
        if not plan.steps and self._target:
            self._target.lock.give_back()
        return plan

    @abstractmethod
    def _carriers(self, found: Kept) -> Sequence[Ref]:
        """The disks that may carry the lock while there is no VM."""

    @abstractmethod
    def _findings(self, found: Kept, begun: bool) -> Iterable[Finding]:
        """What stands against it; ``begun`` says that an earlier run of this deletion has begun it."""

    @abstractmethod
    def _going(self, found: Kept) -> str:
        """What goes, in the words of a message; empty when it is marks only."""

    @abstractmethod
    def _steps(self, found: Kept, target: Target) -> Sequence[Step]: ...

    @abstractmethod
    def _locking(self, found: Kept, target: Target, lock: Lock) -> Step: ...
