# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plans of all routes have in common: findings told together, the lock before the steps, and the second plan under it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from ....core.errors import RecoveryError
from ....core.model import Record
from ....core.plan import Plan, Step
from ...findings import Finding, decide, gathered
from ...model import Device, Identity, Power, Ref, Strategy
from .. import words
from ..case import RestoreCase
from ..records import predicted, record_of
from ..state import state_after_restore
from ..steps import LOCKING, chained
from .exchange import Wanted

Looks = list[Callable[[], Iterable[Finding]]]


class Assembly:
    """Puts plans together for ``case``. ``again`` makes the plan once more, from what is read under the lock."""

    def __init__(self, case: RestoreCase, again: Callable[[], Plan]) -> None:
        self._case, self._again = case, again

    def check(self, looks: Iterable[Callable[[], Iterable[Finding]]]) -> None:
        """Tell all findings together; under the lock what was found before stands."""
        case = self._case
        if not case.under_lock:
            allowed = {name for name, value in case.task.options.items() if value is True} | set(case.task["allow_lost"] or ())
            decide(gathered(looks), allowed, case.task.warn)

    def devices(self, make: Callable[[], Sequence[Device]], looks: Looks) -> Sequence[Device]:
        """The devices; what keeps them from being planned is one finding among the others."""
        try:
            return make()
        except RecoveryError as error:
            if self._case.under_lock or error.transient or error.keeps_state:
                raise
            finding = Finding(error.message, kind=type(error), code=error.code)
            looks.insert(0, lambda: [finding])
            return ()

    def plan(self, first: Sequence[Step], steps: Sequence[Step], identity: Identity, devices: Sequence[Device], wanted: Wanted, message: words.Words) -> Plan:
        case = self._case
        going_back = identity.strategy == Strategy.ROLLBACK.value
        status = case.provider.machines.status_word(Power.ON if wanted.start else Power.OFF)
        tags = case.provider.marks.check_tags(case.task["tags"])
        after = predicted(identity, case.provider, devices, tags, keeps_old=not wanted.delete_old, vm_status=status)
        facts = Plan(
            after=after,
            verb="completed",
            seen=partial(self._seen, devices),
            release=case.lock.abandon,
            state=lambda: state_after_restore(case.target, devices, going_back=going_back),
            note=message.done,
            forecast=message.forecast,
        )
        if case.under_lock:
            return replace(facts, steps=tuple(steps))
        refs = [ref for device in devices for ref in (device.new.ref, device.old) if ref]
        lock = Step(LOCKING, do=partial(self._acquire, wanted.was_on, refs), undo=case.lock.give_back)
        return replace(facts, steps=chained([*first, lock, *steps]), replan=self._again, replan_after=LOCKING)

    def _acquire(self, was_on: bool, refs: Sequence[Ref]) -> None:
        case = self._case
        case.lock.acquire(was_on)
        case.target.settle(refs)

    def _seen(self, devices: Sequence[Device]) -> Record | None:
        """The restore as its disks, each read by itself, and its VM show it."""
        case = self._case
        new, old = [device.new.ref for device in devices], [device.old for device in devices if device.old]
        return record_of(case.restores.by_refs(case.name, case.target.name, new, old))
