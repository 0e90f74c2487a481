# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a backup of one VM: its steps, planned once as a prediction, and once more under the lock where it takes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ...core.arguments import Task
from ...core.model import Record
from ...core.plan import Plan, Step
from ...core.waiter import Waiter
from .. import marks
from ..findings import Finding, decide, gathered
from ..lock.claim import RESTORING, SAVING, Claim
from ..lock.lock import LockLost
from ..manifest import Document, fingerprint
from ..model import Disk, Machine, Power
from ..naming import backup_name
from ..points import IMAGE, BackupSet, RecoveryPoint, complete_of, latest_usable
from ..provider import Intent, Provider, Saving, Wish
from ..restore.state import state_after_backup
from ..restore.steps import chained
from .case import BackupCase
from .existing import confirmed, plan_existing, plan_without_vm, refuse_differences, refuse_older
from .members import APPLICATION, CRASH, STOPPED, Members, next_attempt
from .preflight import about_datetime, about_manifest, about_states
from .records import backup_record
from .steps import LOCKING, BackupSteps, Wanted


class BackupPlanner:
    """One backup to be made. ``moment`` is empty when the task leaves the datetime open; then ``now`` is it."""

    def __init__(self, task: Task, provider: Provider, waiter: Waiter, vm: str, moment: str, now: str) -> None:
        self._case = BackupCase(task, provider, waiter, vm, moment, now)

    def found(self) -> Record | None:
        """The backup, as far as there is one."""
        return self._case.found()

    def plan(self) -> Plan:
        """The steps that are missing. Raises NotFound, Conflict, InvalidRequest, Unsupported before anything is touched."""
        case = self._case
        complete, machine = complete_of(case.attempts), case.machine
        if machine is None:
            return plan_without_vm(case, complete if case.chosen else latest_usable(case.sets))
        claim = case.claim
        if complete:
            refuse_differences(case, complete, machine)
        if complete and not (case.task["retire_source"] or claim):
            return plan_existing(case, confirmed(case, complete))
        if claim and claim.purpose.startswith(RESTORING):
            raise LockLost(
                f"{case.target} is held by {claim.holder}: a half-restored VM must not become a backup."
                " Run again when that restore has ended; if its run died, run the restore again first."
            )
        return self._plan_steps(machine, claim, complete)

    def _plan_steps(self, machine: Machine, claim: Claim | None, complete: BackupSet | None) -> Plan:
        case = self._case
        task, retire = case.task, bool(case.task["retire_source"])
        looks: list[Callable[[], Iterable[Finding]]] = []
        disks = case.disks_to_save(machine)
        was_on = claim.was_running if claim else machine.power is Power.ON
        at_rest = retire or task["consistency"] == STOPPED
        stopping = was_on and at_rest or claim is not None
        consistency = self._reached(machine, stopping)
        if complete and retire:
            refuse_older(case, complete, machine)
        wish = case.provider.points.wish(task, consistency)
        whole = task["method"] in case.provider.points.WHOLE
        count = 1 if whole else len(disks)
        attempt = complete.attempt if complete else next_attempt(case.attempts, None if whole else frozenset(disks), count, consistency, machine)
        manifest = case.manifest(machine, disks, complete)
        saving = self._saving(machine, disks, wish, attempt, count, manifest)
        planned = case.provider.points.planned(saving)
        members = Members(case.target, planned, case.run)
        apart = not case.provider.points.fits(saving)
        kept = manifest if not apart or case.provider.manifests.storable(manifest) else None
        intent = self._intent(machine, disks, complete, stopping=stopping, retire=retire, manifest=manifest, planned=planned, members=members)
        looks += [
            partial(about_states, case, machine, stopping=stopping, at_rest=at_rest),
            partial(about_datetime, case),
            partial(about_manifest, case, kept),
            *case.provider.extras.findings(intent),
        ]
        if not case.under_lock:
            allowed = {name for name, value in task.options.items() if value is True}
            decide(gathered(looks), allowed, task.warn)
        wanted = Wanted(
            locked=stopping or retire,
            stops=was_on and (stopping or retire),
            retire=retire,
            waits=task["wait"],
            discard_volatile=bool(task.options.get("discard_local_ssd")),
            consistency=consistency,
            asked=case.asked,
            store=manifest if apart and kept is not None else None,
            leftovers=[one for one in case.attempts if one.attempt != attempt],
            old_manifests=case.unused_manifests(manifest) if case.resumes else (),
            on_saved=partial(case.write_manifest, manifest),
        )
        steps = BackupSteps(case.target, members, machine, wanted, intent)
        after = self._prediction(saving, planned, consistency, kept, apart, count)
        return self._facts(steps, machine, after, was_on, wanted, members)

    def _facts(self, steps: BackupSteps, machine: Machine, after: Record, was_on: bool, wanted: Wanted, members: Members) -> Plan:
        case = self._case
        name = backup_name(case.target.name, case.moment)
        what = ", ".join(one.device for one in machine.attached)
        going = f" Then {case.target} and its disks with automatic deletion would be deleted." if wanted.retire else ""
        facts = Plan(
            after=after,
            verb="created",
            seen=partial(self._seen, members, wanted.retire),
            state=lambda: state_after_backup(case.target),
            forecast=f'Backup would be created: "{name}" of {case.target} (disks {what}).{self._stopped_meanwhile(wanted)}{going}',
            note=f"{case.target} is deleted" if wanted.retire else "",
        )
        if not wanted.locked:
            return replace(facts, steps=steps.steps())
        # Made before the steps, which use it.
        lock = case.target.lock_for(SAVING + case.moment, case.task["lock_ttl"], lambda claim: claim.purpose.startswith(SAVING))
        facts = replace(facts, release=lock.abandon)
        if case.under_lock:
            return replace(facts, steps=steps.steps())
        locking = Step(LOCKING, do=partial(self._acquire, was_on), undo=lock.give_back)
        return replace(facts, steps=chained([locking, *steps.steps()]), replan=self._again, replan_after=LOCKING)

    def _stopped_meanwhile(self, wanted: Wanted) -> str:
        case = self._case
        return f" {case.target} would be stopped meanwhile." if wanted.stops and not wanted.retire else ""

    def _acquire(self, was_on: bool) -> None:
        case = self._case
        case.target.lock.acquire(was_on)
        case.target.settle()

    def _again(self) -> Plan:
        """The plan from what is read under the lock."""
        case = self._case
        case.forget()
        case.under_lock = True
        lock = case.target.lock
        if not lock.taken_over and case.machine:
            lock.correct(case.machine.power is Power.ON)
            case.forget_machine()
        plan = self.plan()
        if not plan.steps:
            lock.give_back()
        return plan

    def _intent(
        self,
        machine: Machine,
        disks: Mapping[str, Disk],
        complete: BackupSet | None,
        *,
        stopping: bool,
        retire: bool,
        manifest: Document,
        planned: Sequence[Any],
        members: Members,
    ) -> Intent:
        case = self._case

        def saved() -> Sequence[RecoveryPoint]:
            return [point for point in members.found() if point]

        made_at = (complete.created_at if complete else "") or "9"
        # Older in both senses: a set that is made now under the datetime of last year supersedes nothing that came in between.
        older = [one for one in case.sets if one.moment < case.moment and one.method == IMAGE and (one.created_at or "") < made_at]
        return Intent(
            case.task,
            case.target.name,
            None,
            machine,
            disks=disks,
            planned=planned,
            stops=stopping,
            retire=retire,
            manifest=manifest,
            saved=saved,
            older=older if case.task["method"] == IMAGE else (),
        )

    def _saving(self, machine: Machine, disks: Mapping[str, Disk], wish: Wish, attempt: int, count: int, manifest: Document) -> Saving:
        case = self._case
        common = {
            marks.VM: case.target.name,
            marks.PLACE: case.provider.place,
            marks.BACKUP: case.moment,
            marks.PARTS: str(count),
            marks.CONSISTENCY: wish.consistency,
            marks.ATTEMPT: str(attempt),
            marks.MANIFEST: fingerprint(manifest),
            marks.RUN: case.run,
        }
        return Saving(machine, disks, wish, case.moment, attempt, common, manifest, wish.asks(case.asked))

    def _reached(self, machine: Machine, stopping: bool) -> str:
        case = self._case
        if stopping or machine.power is Power.OFF:
            return STOPPED
        # A guest that is suspended or just stopping has not written everything to its disks, and cannot be asked to.
        return APPLICATION if machine.power is Power.ON and case.task["consistency"] == APPLICATION else CRASH

    def _prediction(self, saving: Saving, planned: Sequence[Any], consistency: str, manifest: Document | None, apart: bool, count: int) -> Record:
        case = self._case
        members = tuple(case.provider.points.predicted(saving, one) for one in planned)
        tags = case.provider.marks.check_tags(case.task["tags"])
        backup = BackupSet(
            case.target.name,
            case.provider.place,
            case.moment,
            1,
            case.task["method"],
            consistency,
            count,
            members,
            tags,
            fingerprint(manifest) if manifest else "",
        )
        return backup_record(
            case.provider, backup, manifest, case.provider.manifests.STORED_IN if apart else "description", retired=bool(case.task["retire_source"])
        )

    def _seen(self, members: Members, retired: bool) -> Record | None:
        """The backup as its recovery points, each read by itself, show it: a list may lag behind what was just made."""
        case = self._case
        found = [point for point in members.found() if point]
        sets = case.provider.points.tied(found)
        return case.record(sets[0], retired=retired) if sets else None
