# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans of a restore in place, and of the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from ....core.errors import Conflict, NotFound
from ....core.plan import Plan
from ...model import Device, Identity, Machine, Strategy
from ...points import latest_usable
from ...provider import Intent
from .. import words
from ..case import RestoreCase
from ..devices import DevicePlanner, in_the_way
from ..disks import RestoreDisks
from ..found import Restore
from ..preflight import about_disks, about_machine
from ..records import record_of
from ..steps import LOCKING
from .assembly import Assembly, Looks
from .exchange import Exchange
from .give_up import give_up_unfinished, is_untouched


class ExchangePlanner:
    """Plans the exchange of disks of a VM that is there."""

    def __init__(self, case: RestoreCase, assembly: Assembly, again: Callable[[], Plan]) -> None:
        self._case, self._assembly, self._again = case, assembly, again

    def in_place(self, begun: Restore | None) -> Plan:
        case = self._case
        machine, identity = case.existing(), case.identity(Strategy.IN_PLACE)
        looks: Looks = []
        known = begun.begun if begun else ()
        if begun and not known and begun.under_way and not self._has_all(machine):
            known = case.wait_for_list()
        devices = known or self._assembly.devices(lambda: DevicePlanner(case.task, case.target, identity).of_machine(machine, case.source, whole=False), looks)
        message = words.in_place(case.target, case.source, devices, case.wanted(case.was_on()))
        return self._exchange(machine, identity, devices, looks, message, begun=bool(known))

    def _has_all(self, machine: Machine) -> bool:
        return all(machine.device(device) for device in self._case.source.points)

    def _exchange(
        self,
        machine: Machine,
        identity: Identity,
        devices: Sequence[Device],
        looks: Looks,
        message: words.Words,
        *,
        begun: bool,
    ) -> Plan:
        case = self._case
        wanted, strategy = case.wanted(case.was_on()), Strategy(identity.strategy)
        others = in_the_way(case.target, devices, machine)
        if begun and others:
            raise Conflict(
                f'{case.target} has other disks than when the restore "{case.name}" began: {", ".join(others)}. Nothing was changed. Choose another name.'
            )
        intent = Intent(case.task, case.target.name, strategy, machine, devices=devices, stops=wanted.was_on)
        resumed = begun or case.look.claim is not None
        looks += [
            partial(about_machine, case.provider, machine, wanted, resumed=resumed),
            partial(about_disks, case.target, RestoreDisks(case.target, identity, devices), wanted, going_back=strategy is Strategy.ROLLBACK),
            *case.provider.extras.findings(intent),
        ]
        self._assembly.check(looks)
        route = Exchange(case.target, identity, devices, wanted, intent, going_back=strategy is Strategy.ROLLBACK)
        return self._assembly.plan((), route.steps(), identity, devices, wanted, message)

    def rollback(self) -> Plan:
        case = self._case
        wanted_back = case.task["rollback_of"]
        case.refuse_held()
        found = next(iter(case.restores.find(wanted_back, case.target.name)), None)
        if found and found.under_way and case.look.machine is None:
            raise Conflict(
                f'{case.target} is absent in the middle of the restore "{wanted_back}", which replaces it. Nothing was changed. Run that restore again'
                " under its name: it builds the VM. Then go back with rollback_of."
            )
        machine = case.existing()
        identity, current = case.identity(Strategy.ROLLBACK), case.look.restore
        # A rollback that gave up a restore which had changed nothing has no disks: only the VM tells of it.
        if current and current.complete and (current.current or not (found or current.new)):
            record = record_of(current)
            return Plan(after=record, why_unchanged=f'Restore "{current.name}" was completed. A new name restores again')
        # The lock that this run has taken just now does not make it one that an earlier run has begun.
        half_way = current if current and current.under_way and not (case.under_lock and not case.lock.taken_over) else None
        if found is None and half_way is None:
            named = ", ".join(one.name for one in case.known if one.name) or "none"
            raise NotFound(f'rollback_of: {case.target} has no restore "{wanted_back}". Its restores: {named}.')
        # Of one that an earlier run has almost gone back from nothing may be left but what that run has recorded as its own.
        before = replace(found, machine=machine) if found else Restore(case.provider, wanted_back, case.target.name, case.provider.place, (), (), machine)
        if current and current.complete and case.task["name"]:
            raise Conflict(f'the restore "{current.name}" was completed, and {case.target} has gone on since. Nothing was changed. Choose another name.')
        given_up = found is None and current is not None and not current.new
        if given_up or not before.complete and is_untouched(before):
            self._refuse_cleaned_up(before, machine)
            plan = give_up_unfinished(case.target, case.lock, before, case.name, case.was_on(), case.task, under_lock=case.under_lock)
            return plan if case.under_lock else replace(plan, replan=self._again, replan_after=LOCKING)
        if before.strategy == Strategy.REPLACE.value and case.provider.machines.KEEPS_REPLACED:
            raise Conflict(
                f'the restore "{before.name}" has replaced {case.target} by another machine, whose disks cannot be exchanged for those of the old one.'
                " Nothing was changed. The old one is kept, stopped, until that restore is deleted; the provider's page says how to bring it back by hand."
            )
        looks: Looks = []
        devices = self._assembly.devices(lambda: DevicePlanner(case.task, case.target, identity).of_rollback(before, machine, half_way, case.known), looks)
        if not devices and not looks:
            record = record_of(current) if current else record_of(replace(before, name=case.name))
            return Plan(after=record, why_unchanged=f'{case.target} has the disks from before the restore "{before.name}" already')
        message = words.going_back(case.target, before, devices, case.wanted(case.was_on()))
        return self._exchange(machine, identity, devices, looks, message, begun=False)

    def _refuse_cleaned_up(self, before: Restore, machine: Machine) -> None:
        """Raises Conflict when the VM lacks disks that a dead run had taken off and somebody has deleted since: it is not as it was before."""
        case = self._case
        missing = [] if any(one.boot for one in machine.attached) else ["its boot disk"]
        if before.old and not before.new or missing:
            # Old disks are marked once all new ones are there, and the marks go first: a run of ours leaves no old ones alone.
            newest = latest_usable(case.provider.points.sets(before.vm))
            missing += sorted(device for device in (newest.devices if newest else None) or () if machine.device(device) is None)
        if missing and not case.task["force"]:
            raise Conflict(
                f'{case.target} lacks {", ".join(missing)}: the restore "{before.name}" had taken disks off, and somebody has deleted them since.'
                f" Nothing was changed. Restore a copy with strategy: new, or set force to give up the restore all the same."
            )
