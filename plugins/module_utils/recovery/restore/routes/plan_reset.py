# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a roll-back: which disks go back to which recovery points of themselves, and what is saved before."""

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
from ...gate import DELETING, STOPPING
from ...lock.claim import GIVING_UP
from ...model import Machine, Power, Strategy
from ...naming import safety_word
from ...points import SNAPSHOT, RecoveryPoint
from ...provider import Intent, Provider, Saving
from ...target import Target
from ..case import RestoreCase
from ..found import Restores
from ..preflight import about_machine
from ..records import details_of, uid_of
from ..resets import AT, FIRST, ROLLBACK, SECOND, Reset, Resets, disk_record, progress_of, record_of, took_part
from ..resets import Progress as Mark
from ..steps import LOCKING, chained
from .reset import GiveUpReset, ResetRoute, Returning

_CRASH, _STOPPED = "crash", "stopped"


class ResetPlanner:
    """One roll-back of one VM: to a recovery point, or by ``rollback_of`` to what another roll-back kept."""

    def __init__(self, task: Task, provider: Provider, waiter: Waiter) -> None:
        self._case = RestoreCase(task, provider, waiter)
        self._target: Target = self._case.target
        self._resets = Resets(provider)

    def found(self) -> Record | None:
        """The roll-back of this name, complete or not; None when there is none."""
        case = self._case
        claim = self._target.claim()
        if claim and case.may_follow(claim) and self._target.unfinished():
            # What a dead run has begun on the disks ends first: otherwise they would be read in the middle of it.
            self._target.settle()
        reset = self._resets.of(case.name, self._target.name)
        return record_of(reset) if reset.disks or reset.safety else None

    def plan(self) -> Plan:
        """The steps that are missing. Raises what must be refused before anything is touched."""
        case = self._case
        self._refuse_other_kind()
        reset = self._resets.of(case.name, self._target.name)
        before = self._resets.of(case.task["rollback_of"], self._target.name) if case.task["rollback_of"] else None
        if reset.complete and (reset.disks or reset.safety):
            return self._plan_complete(reset, before)
        case.refuse_held()
        machine = case.existing()
        points = self._points(before, machine)
        if before and not points:
            return self._give_up_begun(before)
        return self._plan(machine, reset, before, points)

    def _refuse_other_kind(self) -> None:
        """Raises Conflict when a restore of this name went another way."""
        case = self._case
        other = next(iter(Restores(case.provider).find(case.name, self._target.name)), None)
        if other and (other.new or other.old):
            raise Conflict(f'the restore "{case.name}" exists and its strategy is {other.strategy}, not {ROLLBACK}. Nothing was changed. Choose another name.')

    def _plan_complete(self, reset: Reset, before: Reset | None) -> Plan:
        case = self._case
        if before is None:
            moment = case.moment_asked or case.source.moment
            if reset.moment != moment:
                went, asks = reset.moment or "single recovery points", moment or "single recovery points"
                raise Conflict(f'the restore "{reset.name}" exists and it went back to {went}, not to {asks}. Nothing was changed. Choose another name.')
        if not reset.current:
            raise Conflict(
                f'the restore "{reset.name}" was completed, and disks of {self._target} have gone to another state by a later restore since.'
                " Nothing was changed. To restore again choose another name."
            )
        if reset.machine and reset.machine.power is not Power.ON and case.task["start"] != "stopped":
            case.task.warn(f"{self._target} is {reset.machine.status}; the restore was completed before. Start it if it should run.")
        return Plan(after=record_of(reset), why_unchanged=f'Restore "{reset.name}" was completed. A new name restores again')

    # --- which disks go where

    def _points(self, before: Reset | None, machine: Machine) -> Mapping[str, RecoveryPoint]:
        """Device to the point that its disk goes back to. Raises NotFound, Conflict."""
        case = self._case
        if before is None:
            if case.source.vm and case.source.vm != case.source_vm:
                raise Conflict(f'the restore point is of VM "{case.source.vm}", not of "{case.source_vm}". Nothing was changed.')
            if case.source.boot_only:
                raise Conflict("a disk goes back only to snapshots of itself, not to an image. Nothing was changed. Use strategy: replace or new.")
            return case.source.points
        if not (before.disks or before.safety):
            known = ", ".join(one.name for one in self._resets.every(self._target.name)) or "none"
            raise NotFound(f'rollback_of: {self._target} has no roll-back "{before.name}". Its roll-backs: {known}.')
        kept = before.safety_at(SECOND)
        touched = [one.device for one in machine.attached if any(disk.ref == one.disk for disk in before.disks)]
        lost = [device for device in touched if device not in kept]
        if lost or not touched and before.complete:
            what = f"no safety point is kept for {', '.join(lost)}" if lost else "a later restore has taken its disks to another state"
            raise Conflict(f'{self._target} cannot go back to before the restore "{before.name}": {what}. Nothing was changed.')
        return {device: kept[device] for device in touched}

    def _returning(self, machine: Machine, points: Mapping[str, RecoveryPoint]) -> list[Returning]:
        """Raises Conflict for devices that the VM does not have."""
        strange = [device for device in points if machine.device(device) is None]
        if strange:
            has = ", ".join(one.device for one in machine.attached)
            raise Conflict(f"{self._target} has no disk {', '.join(strange)}, which the restore point holds. It has {has}. Use strategy: replace or new.")
        disks = self._target.disks_of(machine)
        staying = [device for device in disks if device not in points]
        if staying and not self._case.under_lock:
            self._case.task.warn(f"{self._target} keeps these disks as they are, because the restore point does not hold them: {', '.join(staying)}.")
        return [Returning(one, disks[one.device], points[one.device]) for one in machine.attached if one.device in points]

    def _problems(self, returning: Sequence[Returning]) -> Iterable[Finding]:
        resets = self._case.provider.resets
        for one in returning:
            text = resets.problem(one.disk, one.point) if resets else "its provider resets no disks."
            if text:
                yield Finding(f"{one.device} ({one.disk.name}) cannot go back: {text}")

    # --- the plan

    def _plan(self, machine: Machine, reset: Reset, before: Reset | None, points: Mapping[str, RecoveryPoint]) -> Plan:
        case = self._case
        looks: list[Callable[[], Iterable[Finding]]] = []
        try:
            returning = self._returning(machine, points)
        except RecoveryError as error:
            if case.under_lock or error.transient:
                raise
            finding, returning = Finding(error.message, kind=type(error), code=error.code), []
            looks.append(lambda: [finding])
        wanted = case.wanted(case.was_on())
        moment = "" if before else case.source.moment
        safety = self._safety(machine, returning, moment) if case.task["safety_snapshot"] else {}
        planned = [one for members in safety.values() for one in members.planned]
        disks = {one.device: one.disk for one in returning}
        intent = Intent(case.task, self._target.name, Strategy.RESET, machine, disks=disks, planned=planned, stops=wanted.was_on)
        if not case.under_lock:
            resumed = case.look.claim is not None
            looks += [
                partial(about_machine, case.provider, machine, wanted, resumed=resumed),
                partial(self._problems, returning),
                *case.provider.extras.findings(intent),
            ]
            decide(gathered(looks), {name for name, value in case.task.options.items() if value is True}, case.task.warn)
        route = ResetRoute(self._target, case.name, moment, returning, wanted, intent, safety)
        status = case.provider.machines.status_word(Power.ON if wanted.start else Power.OFF)
        facts = Plan(
            after=self._predicted(returning, moment, safety, was_on=wanted.was_on, status=status),
            verb="completed",
            seen=lambda: record_of(self._resets.of(case.name, self._target.name)),
            release=case.lock.abandon,
            state=partial(self._state, returning),
            note=self._note(safety),
            forecast=self._forecast(returning, before, safety, was_on=wanted.was_on, starts=wanted.start),
        )
        if case.under_lock:
            return replace(facts, steps=route.steps())
        lock = Step(LOCKING, do=partial(self._acquire, wanted.was_on, returning), undo=case.lock.give_back)
        return replace(facts, steps=chained([lock, *route.steps()]), replan=self._again, replan_after=LOCKING)

    def _safety(self, machine: Machine, returning: Sequence[Returning], moment: str) -> dict[str, Members]:
        """The safety points by stage: while the VM runs, so that the slow part costs no downtime, and at rest."""
        case, disks = self._case, {one.device: one.disk for one in returning}
        found = {}
        for stage, consistency in ((FIRST, _CRASH), (SECOND, _STOPPED)):
            common = {
                marks.VM: self._target.name,
                marks.PLACE: case.provider.place,
                marks.RESTORE: case.name,
                marks.SAFETY: stage,
                marks.OF: moment,
                marks.PARTS: str(len(returning)),
                marks.CONSISTENCY: consistency,
            }
            own = {key: value for key, value in common.items() if value}
            wish = replace(case.provider.points.wish(case.task, consistency), method=SNAPSHOT)
            saving = Saving(machine, disks, wish, safety_word(case.name, stage), 1, own, {}, {})
            found[stage] = Members(self._target, case.provider.points.planned(saving) if disks else [], case.name)
        return found

    def _acquire(self, was_on: bool, returning: Sequence[Returning]) -> None:
        self._case.lock.acquire(was_on)
        self._target.settle([one.disk.ref for one in returning])

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

    def _give_up_begun(self, before: Reset) -> Plan:
        """The way back from a roll-back that has reset nothing yet: its safety points go, and the VM runs as it did."""
        case = self._case
        wanted = case.wanted(case.was_on())
        start = [Step("start VM", do=self._target.start)] if wanted.was_on and wanted.start else []
        steps = [*start, *GiveUpReset(self._target, before).steps()]
        facts = Plan(
            steps=chained(steps),
            verb="completed",
            release=case.lock.abandon,
            forecast=f'Would give up the unfinished restore "{before.name}" of {self._target}, which has reset no disk.',
            note=f'The unfinished restore "{before.name}" is given up; it had reset no disk',
        )
        if case.under_lock:
            return facts
        lock = Step(LOCKING, do=partial(self._acquire, wanted.was_on, ()), undo=case.lock.give_back)
        return replace(facts, steps=chained([lock, *steps]), replan=self._again, replan_after=LOCKING)

    # --- words

    def _predicted(self, returning: Sequence[Returning], moment: str, safety: Mapping[str, Members], *, was_on: bool, status: str) -> Record:
        case = self._case
        stages = [stage for stage in safety if stage == SECOND or was_on]
        points = [
            {"device": one.device, "point": one.name, "uid": "", "at_rest": stage == SECOND, "created_at": None}
            for stage in stages
            for one in safety[stage].planned
        ]
        details = details_of(
            vm=self._target.name,
            zone=case.provider.place,
            strategy=ROLLBACK,
            point=moment,
            disks=[disk_record(one.device, one.disk, one.point.ref, True) for one in sorted(returning, key=lambda one: one.disk.ref)],
            safety_points=points,
            vm_status=status,
        )
        tags = case.provider.marks.check_tags(case.task["tags"]) if points else {}
        return Record(case.name, uid_of(case.provider.place, self._target.name, case.name), case.provider.NAME, SUCCEEDED, None, tags, details)

    def _note(self, safety: Mapping[str, Members]) -> str:
        if not safety:
            return "No safety points were made, as safety_snapshot: false asks: there is no way back from this restore"
        return f"What the disks held before is kept in safety points: {', '.join(one.name for one in safety[SECOND].planned)}"

    def _forecast(self, returning: Sequence[Returning], before: Reset | None, safety: Mapping[str, Members], *, was_on: bool, starts: bool) -> str:
        to = f'before the restore "{before.name}"' if before else self._case.source.described
        what = ", ".join(f"{one.device} ({one.disk.name} to {one.point.name})" for one in returning)
        first = (
            "What they hold would be saved before." if safety else "Nothing would be saved before, as safety_snapshot: false asks: there would be no way back."
        )
        stop = f" {self._target} would be stopped meanwhile{'' if starts else ', and stay stopped'}." if was_on else ""
        return f"Would roll the disks of {self._target} back to {to}: {what}. {first}{stop}"

    def _state(self, returning: Sequence[Returning]) -> str:
        """A few sentences for an operator, about what was read only."""
        target = self._target
        try:
            machine = target.get()
            disks = [disk for disk in target.found(one.disk.ref for one in returning) if disk]
        except RecoveryError as trouble:
            return self._unseen(trouble)
        at = [disk.name for disk in disks if took_part(disk, self._case.name) and _state_of(disk) == AT]
        between = [disk.name for disk in disks if took_part(disk, self._case.name) and _state_of(disk) != AT]
        before = [disk.name for disk in disks if not took_part(disk, self._case.name)]
        parts = [f"at the recovery point: {', '.join(at)}"] if at else []
        parts += [f"half-way, their data is in the safety points: {', '.join(between)}"] if between else []
        parts += [f"as before: {', '.join(before)}"] if before else []
        power = f"is {machine.status}" if machine else "does not exist"
        return f"Now {target} {power}; its disks are {'; '.join(parts)}. Run the task again to go on, or go back with rollback_of: {self._case.name}."

    def _unseen(self, trouble: RecoveryError) -> str:
        sent = self._target.gate.sent
        deleted = [what for what in sent if what.startswith(DELETING)]
        texts = [
            f"How things stand now could not be read: {trouble.message}",
            f"The last change that was accepted: {sent[-1]}." if sent else "No change was accepted.",
        ]
        if any(what.startswith(STOPPING) for what in sent):
            texts.append(f"{self._target} may be stopped; what its disks held is in the safety points.")
        texts += [f"This run had begun with {'; '.join(deleted)}."] if deleted else []
        return " ".join([*texts, "Run the same task again as soon as the provider answers."])


def _state_of(disk: object) -> str:
    found: Mark | None = progress_of(getattr(disk, "marks", {}))
    return found.state if found else ""


class ResetDeletion:
    """The deletion of one roll-back: what it kept is given up, under the lock; its disks stay as they are."""

    def __init__(self, task: Task, provider: Provider, waiter: Waiter, find: Callable[[], Reset | None]) -> None:
        self._task, self._find = task, find
        self._provider, self._waiter = provider, waiter
        self._target: Target | None = None
        self._under_lock = False

    def plan(self, reset: Reset | None) -> Plan:
        """The way from a roll-back to no trace of it but the disks as they are. Raises Conflict for one that is not complete."""
        if reset is None:
            return Plan(why_unchanged=f'Restore "{self._task["name"] or self._task["uid"]}" is already absent')
        target = self._target = self._target or Target(self._provider, reset.vm, self._waiter)
        purpose = GIVING_UP + reset.name
        lock = target.lock_for(purpose, self._task["lock_ttl"], lambda claim: claim.purpose == purpose)
        claim = target.claim()
        findings = [Finding(f"{target} is held by {claim.holder}; run again when that has ended.")] if claim and claim.purpose != purpose else []
        tags = self._provider.marks.check_tags(self._task["tags"])
        if any(point.tags.get(key) != value for point in reset.safety for key, value in tags.items()):
            findings.append(Finding(f"its safety points do not carry the labels {tags}, so it is not what was meant to be deleted."))
        if self._task["delete_vm"]:
            findings.append(Finding("delete_vm is for restores with strategy new; this one is a roll-back, and its VM is the original."))
        if not (reset.complete or self._under_lock or claim):
            findings.append(Finding("it is not complete. Run it again to finish it, or give it up with rollback_of."))
        if reset.machine is None:
            findings.append(Finding(f"{target} does not exist. Delete its safety points with the module snapshot."))
        decide(findings, (), self._task.warn)
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

    def _again(self) -> Plan:
        self._under_lock = True
        plan = self.plan(self._find())
        if not plan.steps and self._target:
            self._target.lock.give_back()
        return plan
