# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a restored VM: which route it takes. Planned once as a prediction, and once more under the lock."""

from __future__ import annotations

from ...core.arguments import Task
from ...core.errors import Conflict
from ...core.model import Record
from ...core.plan import Plan
from ...core.waiter import Waiter
from ..model import Power, Strategy
from ..provider import Provider
from .case import RestoreCase
from .compare import refuse_differences
from .found import Restore
from .progress import refuse_half_way
from .records import record_of
from .resets import ROLLBACK, Resets
from .routes.assembly import Assembly
from .routes.plan_build import BuildPlanner
from .routes.plan_exchange import ExchangePlanner


class RestorePlanner:
    """One restore of one VM. ``origin`` is the provider in the place where the VM was backed up."""

    def __init__(self, task: Task, origin: Provider, waiter: Waiter) -> None:
        self._case = RestoreCase(task, origin, waiter)
        assembly = Assembly(self._case, self._again)
        self._exchanges = ExchangePlanner(self._case, assembly, self._again)
        self._builds = BuildPlanner(self._case, assembly)

    def found(self) -> Record | None:
        """The restore of this name, complete or not; None when there is none. Waits first for operations that a dead run left on the VM."""
        restore = self._case.look.restore
        return record_of(restore) if restore else None

    def plan(self) -> Plan:
        """The steps that are missing. Raises what must be refused before anything is touched."""
        case = self._case
        restore = case.look.restore
        self._refuse_roll_back()
        if case.task["rollback_of"]:
            if case.provider.resets and case.look.machine:
                # Giving an unfinished restore up starts the VM.
                refuse_half_way(case.target, case.target.disks_of(case.look.machine).values())
            return self._exchanges.rollback()
        if restore and restore.complete:
            done = self._plan_complete(restore)
            if done:
                return done
        case.refuse_held()
        self._refuse_other_vm()
        begun = restore if restore and restore.new and not restore.complete else None
        if begun:
            refuse_differences(case, begun)
        if case.source.lacks:
            case.task.warn(f'The newest backup of VM "{case.source_vm}" leaves out {case.source.lacks}.')
        route = self._route(begun)
        if route in (Strategy.NEW, Strategy.GONE):
            return self._builds.build(route, begun)
        return self._builds.replace(begun) if route is Strategy.REPLACE else self._exchanges.in_place(begun)

    def _refuse_roll_back(self) -> None:
        """Raises Conflict when the restore of this name is a roll-back."""
        case = self._case
        if case.provider.resets and Resets(case.provider).find(case.name, case.target.name):
            asked = "a restore before which it goes back" if case.task["rollback_of"] else case.task["strategy"]
            raise Conflict(f'the restore "{case.name}" exists and its strategy is {ROLLBACK}, not {asked}. Nothing was changed. Choose another name.')

    def _route(self, begun: Restore | None) -> Strategy:
        case = self._case
        machine = case.look.machine
        if case.is_copy:
            return Strategy.NEW
        if machine is None:
            if begun and begun.strategy == Strategy.REPLACE.value and begun.old:
                return Strategy.REPLACE
            if not case.source.boot_only:
                where = f"{case.provider.PLACE} {case.provider.place}"
                case.task.warn(f"{case.target} does not exist in {where}: it is built again from the manifest of its backup.")
            return Strategy.GONE
        return Strategy(begun.strategy if begun and begun.strategy else case.task["strategy"])

    def _plan_complete(self, restore: Restore) -> Plan | None:
        """Unchanged, when the VM has the restore's disks and it is as asked for; None when the VM is gone and is to be built again. Raises Conflict."""
        case = self._case
        if restore.machine is None:
            return None
        refuse_differences(case, restore)
        if not restore.current:
            by = f"has gone on to the disks of {restore.superseded_by}" if restore.superseded_by else "does not have its disks any more"
            back = f", go back with rollback_of: {restore.superseded_by.split(', ')[0]}," if restore.superseded_by else ""
            raise Conflict(
                f'the restore "{restore.name}" was completed, and {case.target} {by} since. Nothing was changed.'
                f" To restore again choose another name{back} or look at the disks that are kept with INSPECT_ALL."
            )
        record = record_of(restore)
        why = f'Restore "{restore.name}" was completed, its disks were made at {record.created_at}. A new name restores again'
        if restore.machine.power is not Power.ON and case.task["start"] != "stopped":
            case.task.warn(f"{case.target} is {restore.machine.status}; the restore was completed before. Start it if it should run.")
        return Plan(after=record, why_unchanged=why)

    def _refuse_other_vm(self) -> None:
        """Raises Conflict for a source of another VM, unless it comes up as a VM of its own."""
        case = self._case
        of = case.source.vm
        if of and of != case.source_vm and not (case.is_copy or case.task["force"]):
            raise Conflict(f'the restore point is of VM "{of}", not of "{case.source_vm}". Nothing was changed. Use strategy: new, or set force.')

    def _again(self) -> Plan:
        """The plan from what is read under the lock: another run may have finished, or begun, something since the first look."""
        case = self._case
        case.forget()
        case.under_lock = True
        restore = case.look.restore
        noted = restore is not None and not restore.complete and restore.was_on is not None
        if not case.lock.taken_over and not noted and case.look.machine:
            case.lock.correct(case.look.machine.power is Power.ON)
            case.forget_look()
        plan = self.plan()
        if not plan.steps:
            case.lock.give_back()
        return plan
