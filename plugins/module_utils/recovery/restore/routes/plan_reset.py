# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a roll-back: what there is of it, what is saved before, and what it will have come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from ....core.arguments import Task
from ....core.errors import Conflict, NotFound, RecoveryError
from ....core.model import SUCCEEDED, Record
from ....core.plan import Plan, Step
from ....core.waiter import Waiter
from ... import marks
from ...backup.members import Members
from ...findings import Finding, decide, gathered
from ...model import Disk, Machine, Power, Strategy
from ...naming import safety_word
from ...points import SNAPSHOT, RecoveryPoint
from ...provider import Intent, Provider, Saving
from ...target import Target
from .. import reset_words as words
from ..case import RestoreCase
from ..found import Restores
from ..preflight import about_machine, about_resets
from ..progress import AT, refuse_half_way
from ..records import details_of, uid_of
from ..reset_records import disk_record, record_of, safety_record
from ..resets import FIRST, ROLLBACK, SECOND, Reset, Resets
from ..steps import LOCKING, chained
from .exchange import Wanted
from .give_up_reset import taking_back
from .reset import ResetRoute
from .returning import Journey, Returning, points_before, points_of_task, refuse_other_points, returning_of
from .safety import SafetyPoints

_CONSISTENCY: Mapping[str, str] = {FIRST: "crash", SECOND: "stopped"}


class ResetPlanner:
    """One roll-back of one VM: to a recovery point, or by ``rollback_of`` to what another roll-back kept."""

    def __init__(self, task: Task, provider: Provider, waiter: Waiter) -> None:
        self._case = RestoreCase(task, provider, waiter)
        self._target: Target = self._case.target
        self._resets = Resets(provider)
        # Whether an earlier run of this task was found at the first look; of one that gives up nothing may be left but its lock.
        self._was_begun = False

    def found(self) -> Record | None:
        """The roll-back of this name, complete or not; None when there is none."""
        case = self._case
        claim = self._target.claim()
        if claim and case.may_follow(claim):
            # What a dead run has begun on the disks ends first: otherwise they would be read in the middle of it.
            self._target.settle()
        reset = self._resets.of(case.name, self._target.name)
        return record_of(reset) if reset.disks or reset.safety else None

    def plan(self) -> Plan:
        """The steps that are missing. Raises what must be refused before anything is touched."""
        case, target = self._case, self._target
        self._refuse_other_kind()
        reset = self._resets.of(case.name, target.name)
        before = self._resets.of(case.task["rollback_of"], target.name) if case.task["rollback_of"] else None
        if reset.complete and (reset.disks or reset.safety):
            return self._plan_complete(reset, before)
        case.refuse_held()
        machine = case.existing()
        # What is under way under its name is no sign of an earlier run, once this one has taken the lock.
        resumed = case.lock.taken_over if case.under_lock else reset.under_way
        if reset.disks and not resumed:
            raise Conflict(words.superseded(reset))
        if before is None:
            return self._plan(machine, reset, None, points_of_task(case, reset))
        self._was_begun = self._was_begun or not case.under_lock and reset.under_way
        if not (before.disks or before.safety or reset.disks or self._was_begun):
            known = ", ".join(one.name for one in self._resets.every(target.name)) or "none"
            raise NotFound(f'rollback_of: {target} has no roll-back "{before.name}". Its roll-backs: {known}.')
        if before.disks or before.complete or reset.disks:
            return self._plan(machine, reset, before, points_before(case, before, machine))
        return self._take_back(before, machine)

    def _refuse_other_kind(self) -> None:
        """Raises Conflict when a restore of this name went another way."""
        case = self._case
        other = next(iter(Restores(case.provider).find(case.name, self._target.name)), None)
        if other and (other.new or other.old):
            raise Conflict(f'the restore "{case.name}" exists and its strategy is {other.strategy}, not {ROLLBACK}. Nothing was changed. Choose another name.')

    def _plan_complete(self, reset: Reset, before: Reset | None) -> Plan:
        case = self._case
        if before is None:
            self._refuse_other_moment(reset, case.moment_asked or case.source.moment)
        if reset.machine is None or not reset.current:
            raise Conflict(words.superseded(reset))
        if before is None and not reset.moment:
            refuse_other_points(case, reset, reset.machine, points_of_task(case, reset))
        if reset.machine.power is not Power.ON and case.task["start"] != "stopped":
            case.task.warn(f"{self._target} is {reset.machine.status}; the restore was completed before. Start it if it should run.")
        return Plan(after=record_of(reset), why_unchanged=f'Restore "{reset.name}" was completed. A new name restores again')

    @staticmethod
    def _refuse_other_moment(reset: Reset, moment: str) -> None:
        if (reset.disks or reset.safety) and reset.moment != moment:
            went, asks = reset.moment or "single recovery points", moment or "single recovery points"
            raise Conflict(f'the restore "{reset.name}" exists and it goes back to {went}, not to {asks}. Nothing was changed. Choose another name.')

    # --- the plan

    def _plan(self, machine: Machine, reset: Reset, before: Reset | None, points: Mapping[str, RecoveryPoint]) -> Plan:
        case, target = self._case, self._target
        moment = "" if before else reset.moment if reset.all_at else case.source.moment
        self._refuse_other_moment(reset, moment)
        refuse_other_points(case, reset, machine, points)
        looks: list[Callable[[], Iterable[Finding]]] = []
        returning = self._returning(machine, points, looks)
        disks = {one.device: one.disk for one in returning}
        wanted = case.wanted(case.was_on())
        safety = self._safety(machine, disks, moment)
        why_unsaved = self._why_unsaved(reset, before, safety)
        planned = [] if why_unsaved else safety.planned
        intent = Intent(case.task, target.name, Strategy.RESET, machine, disks=disks, planned=planned, stops=wanted.was_on)
        journey = Journey(case.name, moment, returning, before.safety if before else (), reset.safety if why_unsaved else ())
        if not case.under_lock:
            texts = [(one.device, one.disk, one.point, journey.mark(one, AT).text) for one in returning]
            looks += [
                partial(about_machine, case.provider, machine, wanted, resumed=case.look.claim is not None),
                partial(about_resets, case.provider, [] if reset.all_at else texts),
                *case.provider.extras.findings(intent),
            ]
            decide(gathered(looks), {name for name, value in case.task.options.items() if value is True}, case.task.warn)
        to = f'before the restore "{before.name}"' if before else moment if reset.all_at else case.source.described
        steps = ResetRoute(target, journey, wanted, intent, None if why_unsaved else safety).steps()
        facts = Plan(
            after=self._predicted(machine, journey, reset, [] if why_unsaved else safety.stages(), wanted),
            verb="completed",
            seen=lambda: record_of(self._resets.of(case.name, target.name, () if why_unsaved else safety.found())),
            release=case.lock.abandon,
            state=partial(words.state, target, journey, saved=not why_unsaved),
            note=words.done(safety.names, why_unsaved),
            forecast=words.forecast(target, journey, to, wanted, why_unsaved),
        )
        if case.under_lock:
            return replace(facts, steps=steps)
        return replace(facts, steps=chained([self._locking(wanted, disks.values()), *steps]), replan=self._again, replan_after=LOCKING)

    def _returning(self, machine: Machine, points: Mapping[str, RecoveryPoint], looks: list[Callable[[], Iterable[Finding]]]) -> tuple[Returning, ...]:
        """The disks that go back; what keeps them from being planned is one finding among the others."""
        try:
            return returning_of(self._case, machine, points)
        except RecoveryError as error:
            if self._case.under_lock or error.transient:
                raise
            finding = Finding(error.message, kind=type(error), code=error.code)
            looks.append(lambda: [finding])
            return ()

    def _safety(self, machine: Machine, disks: Mapping[str, Disk], moment: str) -> SafetyPoints:
        """The safety points of both stages, as they are, or would be."""
        case, points = self._case, self._case.provider.points
        found = {}
        for stage, consistency in _CONSISTENCY.items():
            common = {
                marks.VM: self._target.name,
                marks.PLACE: case.provider.place,
                marks.RESTORE: case.name,
                marks.SAFETY: stage,
                marks.OF: moment,
                marks.PARTS: str(len(disks)),
                marks.CONSISTENCY: consistency,
            }
            own = {key: value for key, value in common.items() if value}
            wish = replace(points.wish(case.task, consistency), method=SNAPSHOT)
            saving = Saving(machine, disks, wish, safety_word(case.name, stage), 1, own, {}, {})
            # What lies between the points of a VM that is stopped does not matter, and those of one that runs are only there to save time.
            found[stage] = Members(self._target, points.planned(saving) if disks else [], case.name, one_moment=False)
        return SafetyPoints(self._target, disks, found[FIRST], found[SECOND])

    def _why_unsaved(self, reset: Reset, before: Reset | None, safety: SafetyPoints) -> str:
        """Why there are no safety points to go back to, in the words of a message; empty when there are, or will be."""
        task = self._case.task
        if reset.disks:
            # By now the disks may hold what they go back to.
            return "" if safety.whole() else "because not all of them are there, and its disks are half-way"
        if before and before.disks and not before.all_at:
            return "because its disks are half-way"
        return "" if task["safety_snapshot"] else "as safety_snapshot: false asks"

    def _locking(self, wanted: Wanted, disks: Iterable[Disk]) -> Step:
        lock, refs = self._case.lock, [disk.ref for disk in disks]

        def acquire() -> None:
            lock.acquire(wanted.was_on)
            self._target.settle(refs)

        return Step(LOCKING, do=acquire, undo=lock.give_back)

    def _again(self) -> Plan:
        """The plan from what is read under the lock: another run may have finished, or begun, something since the first look."""
        case = self._case
        case.forget()
        case.under_lock = True
        if not case.lock.taken_over and case.look.machine:
            case.lock.correct(case.look.machine.power is Power.ON)
            case.forget_look()
        plan = self.plan()
        if not plan.steps:
            case.lock.give_back()
        return plan

    def _take_back(self, before: Reset, machine: Machine) -> Plan:
        """The way back from a roll-back that has reset nothing yet: its safety points go, and the VM runs as it did."""
        case, target = self._case, self._target
        disks = target.disks_of(machine)
        refuse_half_way(target, disks.values())
        wanted = case.wanted(case.was_on())
        intent = Intent(case.task, target.name, Strategy.RESET, machine, disks=disks, stops=wanted.was_on)
        steps = taking_back(target, before, case.name, intent, starts=wanted.was_on and wanted.start)
        facts = Plan(
            steps=steps,
            verb="completed",
            release=case.lock.abandon,
            forecast=f'Would give up the unfinished restore "{before.name}" of {target}, which has reset no disk.',
            note=f'The unfinished restore "{before.name}" is given up; it had reset no disk',
        )
        if case.under_lock:
            return facts
        return replace(facts, steps=chained([self._locking(wanted, ()), *steps]), replan=self._again, replan_after=LOCKING)

    def _predicted(self, machine: Machine, journey: Journey, reset: Reset, stages: Sequence[tuple[str, Members]], wanted: Wanted) -> Record:
        """The record of the roll-back when it is complete."""
        case = self._case
        # Those of a VM that runs are made only while it does.
        kept = [stage for stage, _members in stages if stage == SECOND or reset.safety_at(FIRST) or machine.power is Power.ON and not reset.disks]
        points = [safety_record(planned) for stage, members in stages if stage in kept for planned in sorted(members.planned, key=lambda one: one.device)]
        details = details_of(
            vm=self._target.name,
            zone=case.provider.place,
            strategy=ROLLBACK,
            point=journey.moment,
            disks=[disk_record(one.device, one.disk, one.point.ref, True) for one in sorted(journey.returning, key=lambda one: one.disk.ref)],
            safety_points=points or [safety_record(point) for point in journey.left],
            vm_status=case.provider.machines.status_word(Power.ON if wanted.start else Power.OFF),
        )
        tags = case.provider.marks.check_tags(case.task["tags"]) if points else marks.in_all([point.tags for point in journey.left])
        return Record(case.name, uid_of(case.provider.place, self._target.name, case.name), case.provider.NAME, SUCCEEDED, None, tags, details)
