# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a backup of one VM: what is checked first, the steps, and what may be deleted afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cached_property, partial
from typing import Any

from ...core.arguments import Task
from ...core.errors import Conflict, InvalidRequest, NotFound, RecoveryError
from ...core.model import SUCCEEDED, Record
from ...core.plan import Plan, Step
from ...core.waiter import Waiter
from .. import marks
from ..findings import Finding, decide, gathered, warning
from ..lock.claim import RESTORING, SAVING, Claim, claim_of
from ..lock.lock import LockLost
from ..manifest import Document, fingerprint, write_file
from ..model import Disk, Machine, Power
from ..naming import backup_name
from ..points import IMAGE, MACHINE_IMAGE, BackupSet, RecoveryPoint, complete_of, latest_usable, newest_first
from ..provider import Intent, Provider, Saving, Wish
from ..restore.source import manifest_of
from ..restore.state import state_after_backup
from ..restore.steps import chained
from ..target import Target
from .members import APPLICATION, CRASH, STOPPED, Members, next_attempt, saved_at_rest
from .records import backup_record, record_of
from .steps import LOCKING, RELABELLING, BackupSteps, Wanted, dropping, not_saved

_FURTHEST_AHEAD = timedelta(days=1)


class BackupPlanner:
    """One backup to be made. ``moment`` is empty when the task leaves the datetime open; then ``now`` is it."""

    def __init__(self, task: Task, provider: Provider, waiter: Waiter, vm: str, moment: str, now: str) -> None:
        self._task, self._provider = task, provider
        self._target = Target(provider, vm, waiter)
        self._chosen, self._now = moment, now
        self._run = secrets.token_hex(6)
        self._under_lock = False

    @property
    def _asked(self) -> str:
        """The consistency that the task asks for: a VM is deleted only over what was saved while it stood still."""
        return STOPPED if self._task["retire_source"] else str(self._task["consistency"])

    # --- reading

    @cached_property
    def _machine(self) -> Machine | None:
        return self._target.get()

    @cached_property
    def _sets(self) -> list[BackupSet]:
        return self._provider.points.sets(self._target.name)

    @property
    def _claim(self) -> Claim | None:
        return claim_of(self._machine.marks) if self._machine else None

    @cached_property
    def moment(self) -> str:
        """The datetime: the one given, else that of a run which died on the way, else now."""
        claim = self._claim
        if not self._chosen and claim and claim.purpose.startswith(SAVING):
            return claim.purpose[len(SAVING) :]
        return self._chosen or self._now

    @property
    def _attempts(self) -> list[BackupSet]:
        return [one for one in self._sets if one.moment == self.moment]

    def found(self) -> Record | None:
        """The backup, as far as there is one. Waits first for operations that a dead run left on the VM."""
        claim = self._claim
        if claim and claim.purpose.startswith(SAVING) and self._target.unfinished():
            # An operation that ends between two of our reads would show us a VM that never was.
            self._target.settle()
            self.__dict__.pop("_machine")
        if self._machine is None and self._task["retire_source"] and not self._chosen:
            latest = latest_usable(self._sets)
            return self._record(latest, retired=True) if latest else None
        current = newest_first(self._attempts)
        return self._record(current[0], retired=self._machine is None) if current else None

    def _record(self, backup: BackupSet, *, retired: bool = False) -> Record:
        return record_of(self._provider, backup, retired=retired)

    # --- planning

    def plan(self) -> Plan:
        """The steps that are missing. Raises NotFound, Conflict, InvalidRequest, Unsupported before anything is touched."""
        complete, machine = complete_of(self._attempts), self._machine
        if machine is None:
            return self._plan_without_vm(complete if self._chosen else latest_usable(self._sets))
        claim = self._claim
        if complete:
            self._refuse_differences(complete, machine)
        if complete and not (self._task["retire_source"] or claim):
            return self._plan_existing(self._confirmed(complete))
        if claim and claim.purpose.startswith(RESTORING):
            raise LockLost(
                f"{self._target} is held by {claim.holder}: a half-restored VM must not become a backup."
                " Run again when that restore has ended; if its run died, run the restore again first."
            )
        return self._plan_steps(machine, claim, complete)

    def _plan_without_vm(self, complete: BackupSet | None) -> Plan:
        where = f"{self._provider.PLACE} {self._provider.place}"
        if complete is None or not self._task["retire_source"] and not self._chosen:
            raise NotFound(f"{self._target} does not exist in {where}, and there is no complete backup of it under that datetime.")
        why = f'{self._target} is gone already; its backup "{complete.name}" is complete since {complete.created_at}'
        return Plan(after=self._record(complete, retired=True), why_unchanged=why)

    def _confirmed(self, complete: BackupSet) -> BackupSet:
        """The set, each point read once more: a run that takes it back may have condemned one since it was listed. Raises Conflict."""
        found = [self._provider.points.get(member) for member in complete.members]
        if any(point is None or point.condemned or point.status != SUCCEEDED for point in found):
            raise Conflict(f'another run takes the backup "{complete.name}" back. Run the task again when it has ended.')
        return complete

    def _plan_existing(self, complete: BackupSet) -> Plan:
        leftovers = [one for one in self._attempts if one is not complete]
        since = f'Backup "{complete.name}" exists since {complete.created_at}, complete and as asked for'
        tags = self._provider.marks.check_tags(self._task["tags"])
        record = self._record(replace(complete, tags={**complete.tags, **tags}))
        other = [member for member in complete.members if any(member.tags.get(key) != value for key, value in tags.items())]
        self._write_manifest_of(complete)
        if not complete.usable:
            self._task.warn(f'Backup "{complete.name}" is complete, but cannot be restored now: {complete.unusable}.')
        if not (leftovers or other):
            return Plan(after=record, why_unchanged=since)
        relabel = Step(RELABELLING, do=lambda: self._target.gate.tag_all([(partial(self._provider.points.get, member), tags) for member in other]))
        steps = [*([dropping(self._target, leftovers)] if leftovers else []), *([relabel] if other else [])]
        seen = partial(self._read_again, complete)
        return Plan(tuple(steps), after=record, verb="updated" if other else "completed", seen=seen, acted=self._provider.acted)

    def _read_again(self, complete: BackupSet) -> Record | None:
        found = [point for point in map(self._provider.points.get, complete.members) if point]
        sets = self._provider.points.tied(found)
        return self._record(sets[0]) if sets else None

    def _write_manifest_of(self, complete: BackupSet) -> None:
        if self._task["manifest_dir"] and not self._task.check_mode:
            manifest = manifest_of(self._provider, complete)
            if manifest is None:
                self._task.warn("manifest_dir: this backup holds no manifest, so no file is written.")
            else:
                self._write_manifest(manifest)

    def _refuse_differences(self, complete: BackupSet, machine: Machine) -> None:
        """Raises Conflict when the backup of this datetime was asked for in another way: other disks, consistency, method or place."""
        task = self._task
        there, asked = dict(complete.asked), self._provider.points.wish(task, self._asked).asks(self._asked)
        # A former version noted only what was reached; what is more than crash consistent is that as well.
        there.setdefault("consistency", complete.consistency if self._asked != CRASH else CRASH)
        pairs: list[tuple[str, Any, Any]] = [("method", complete.method, task["method"])]
        # Whether a VM may be deleted over it is asked of the recovery points themselves.
        compared = {key: value for key, value in asked.items() if key != "consistency" or not task["retire_source"]}
        pairs += [(key, there.get(key), value) for key, value in compared.items() if key in there or complete.asked]
        different = [f"{key} is {has or 'not set'}, not {wants or 'unset'}" for key, has, wants in pairs if (has or None) != (wants or None)]
        different += self._other_disks(complete, machine)
        if different:
            raise Conflict(f"it exists since {complete.created_at} and is not as asked for: {'; '.join(different)}. Choose another snapshot_datetime.")

    def _other_disks(self, complete: BackupSet, machine: Machine) -> list[str]:
        held = complete.devices
        if held is None:
            return []
        excluded = set(self._task["exclude_disks"] or ())
        wanted = {one.device for one in machine.attached if not excluded.intersection((one.device, one.disk.rpartition("/")[2]))}
        if held == wanted:
            return []
        return [f"disks are {', '.join(sorted(held))}, not {', '.join(sorted(wanted)) or 'none'} (see exclude_disks)"]

    # --- a backup to be made, or to be finished

    def _plan_steps(self, machine: Machine, claim: Claim | None, complete: BackupSet | None) -> Plan:
        task, retire = self._task, bool(self._task["retire_source"])
        looks: list[Callable[[], Iterable[Finding]]] = []
        disks = self._disks_to_save(machine)
        was_on = claim.was_running if claim else machine.power is Power.ON
        at_rest = retire or task["consistency"] == STOPPED
        stopping = was_on and at_rest or claim is not None
        consistency = self._reached(machine, stopping)
        if complete and retire:
            self._refuse_older(complete, machine)
        wish = self._provider.points.wish(task, consistency)
        whole = task["method"] == MACHINE_IMAGE
        count = 1 if whole else len(disks)
        attempt = complete.attempt if complete else next_attempt(self._attempts, None if whole else frozenset(disks), count, consistency, machine)
        manifest = self._manifest(machine, disks, complete)
        saving = self._saving(machine, disks, wish, attempt, count, manifest)
        planned = self._provider.points.planned(saving)
        run = self._target.lock.run if self._under_lock and self._target.has_lock else self._run
        members = Members(self._target, planned, run)
        apart = not self._provider.points.fits(saving)
        kept = manifest if not apart or self._provider.manifests.storable(manifest) else None
        intent = self._intent(machine, disks, complete, stopping=stopping, retire=retire, manifest=manifest, planned=planned, members=members)
        looks += [
            partial(self._about_states, machine, stopping=stopping, at_rest=at_rest),
            self._about_datetime,
            partial(self._about_manifest, kept),
            *self._provider.extras.findings(intent),
        ]
        if not self._under_lock:
            allowed = {name for name, value in task.options.items() if value is True}
            decide(gathered(looks), allowed, task.warn)
        wanted = Wanted(
            locked=stopping or retire,
            stops=was_on and (stopping or retire),
            retire=retire,
            waits=task["wait"],
            discard_volatile=bool(task.options.get("discard_local_ssd")),
            consistency=consistency,
            asked=self._asked,
            store=manifest if apart and kept is not None else None,
            leftovers=[one for one in self._attempts if one.attempt != attempt],
            old_manifests=self._unused_manifests(manifest) if claim else (),
            on_saved=partial(self._write_manifest, manifest),
        )
        steps = BackupSteps(self._target, members, machine, wanted, intent)
        after = self._prediction(saving, planned, consistency, kept, apart, count)
        return self._facts(steps, machine, after, was_on, wanted, members)

    def _facts(self, steps: BackupSteps, machine: Machine, after: Record, was_on: bool, wanted: Wanted, members: Members) -> Plan:
        name = backup_name(self._target.name, self.moment)
        what = ", ".join(one.device for one in machine.attached)
        going = f" Then {self._target} and its disks with automatic deletion would be deleted." if wanted.retire else ""
        facts = Plan(
            after=after,
            verb="created",
            seen=partial(self._seen, members, wanted.retire),
            state=lambda: state_after_backup(self._target),
            acted=self._provider.acted,
            forecast=f'Would make the backup "{name}" of {self._target} (disks {what}).{self._stopped_meanwhile(wanted)}{going}',
            note=f"{self._target} is deleted" if wanted.retire else "",
        )
        if not wanted.locked:
            return replace(facts, steps=steps.steps())
        # Made before the steps, which use it.
        lock = self._target.lock_for(SAVING + self.moment, self._task["lock_ttl"], lambda claim: claim.purpose.startswith(SAVING))
        facts = replace(facts, release=lock.abandon)
        if self._under_lock:
            return replace(facts, steps=steps.steps())
        locking = Step(LOCKING, do=partial(self._acquire, was_on), undo=lock.give_back)
        return replace(facts, steps=chained([locking, *steps.steps()]), replan=self._again, replan_after=LOCKING)

    def _stopped_meanwhile(self, wanted: Wanted) -> str:
        return f" {self._target} would be stopped meanwhile." if wanted.stops and not wanted.retire else ""

    def _acquire(self, was_on: bool) -> None:
        self._target.lock.acquire(was_on)
        self._target.settle()

    def _again(self) -> Plan:
        """The plan from what is read under the lock."""
        for name in ("_machine", "_sets"):
            self.__dict__.pop(name, None)
        self._under_lock = True
        lock = self._target.lock
        if not lock.taken_over and self._machine:
            lock.correct(self._machine.power is Power.ON)
            self.__dict__.pop("_machine", None)
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
        def saved() -> Sequence[RecoveryPoint]:
            return [point for point in members.found() if point]

        made_at = (complete.created_at if complete else "") or "9"
        # Older in both senses: a set that is made now under the datetime of last year supersedes nothing that came in between.
        older = [one for one in self._sets if one.moment < self.moment and one.method == IMAGE and (one.created_at or "") < made_at]
        return Intent(
            self._task,
            self._target.name,
            None,
            machine,
            disks=disks,
            planned=planned,
            stops=stopping,
            retire=retire,
            manifest=manifest,
            saved=saved,
            older=older if self._task["method"] == IMAGE else (),
        )

    def _saving(self, machine: Machine, disks: Mapping[str, Disk], wish: Wish, attempt: int, count: int, manifest: Document) -> Saving:
        run = self._target.lock.run if self._under_lock and self._target.has_lock else self._run
        common = {
            marks.VM: self._target.name,
            marks.PLACE: self._provider.place,
            marks.BACKUP: self.moment,
            marks.PARTS: str(count),
            marks.CONSISTENCY: wish.consistency,
            marks.ATTEMPT: str(attempt),
            marks.MANIFEST: fingerprint(manifest),
            marks.RUN: run,
        }
        return Saving(machine, disks, wish, self.moment, attempt, common, manifest, wish.asks(self._asked))

    def _disks_to_save(self, machine: Machine) -> dict[str, Disk]:
        """The disks of the backup by device; warns of local SSDs. Raises InvalidRequest."""
        excluded = set(self._task["exclude_disks"] or ())
        known = {name for one in machine.attached for name in (one.device, one.disk.rpartition("/")[2])}
        if excluded - known:
            raise InvalidRequest(f"exclude_disks: {self._target} has no disk {', '.join(sorted(excluded - known))}. It has {', '.join(sorted(known))}.")
        if machine.volatile:
            self._task.warn(f"The local SSDs of {self._target} cannot be saved and are not part of the backup: {', '.join(machine.volatile)}.")
        disks = {device: disk for device, disk in self._target.disks_of(machine).items() if not excluded.intersection((device, disk.name))}
        if not disks:
            raise InvalidRequest(f"{self._target} has no disk to save.")
        return disks

    def _reached(self, machine: Machine, stopping: bool) -> str:
        if stopping or machine.power is Power.OFF:
            return STOPPED
        # A guest that is suspended or just stopping has not written everything to its disks, and cannot be asked to.
        return APPLICATION if machine.power is Power.ON and self._task["consistency"] == APPLICATION else CRASH

    def _manifest(self, machine: Machine, disks: Mapping[str, Disk], complete: BackupSet | None) -> Document:
        kept = manifest_of(self._provider, complete) if complete else None
        if kept is None and self._claim is not None:
            # A run that died in the middle has noted it already, before it changed anything about the VM.
            kept = next((document for one in self._attempts if (document := manifest_of(self._provider, one))), None)
        return kept or self._provider.manifests.capture(machine, {**self._target.disks_of(machine), **disks})

    def _unused_manifests(self, manifest: Document) -> list[str]:
        """Fingerprints of manifests that no backup uses. A dead run stored them; it captured the VM while it ran, so its manifest differs from ours."""
        used = {fingerprint(manifest), *(one.manifest for one in self._sets)}
        return [key for key in self._provider.manifests.kept_for(self._target.name) if key not in used]

    # --- findings

    def _refuse_older(self, complete: BackupSet, machine: Machine) -> None:
        """Raises Conflict when the VM may hold more than a backup of it, so that it must not be deleted for that."""
        if not all(saved_at_rest(member, machine) for member in complete.members):
            raise Conflict(
                f'backup "{complete.name}" was made while {self._target} was running, or before its last start, so that its disks may hold more.'
                " Nothing was changed; choose another snapshot_datetime to retire it."
            )
        problem = not_saved(machine, complete.members)
        if problem or not complete.usable:
            raise Conflict(f'{self._target} is not deleted for the backup "{complete.name}": {problem or complete.unusable}. Nothing was changed.')

    def _about_states(self, machine: Machine, *, stopping: bool, at_rest: bool) -> Iterable[Finding]:
        name, resumed = str(self._target), self._claim is not None
        if (stopping or at_rest) and machine.power is Power.SUSPENDED:
            yield Finding(f"{name} is suspended: resume or stop it before a backup that stops it.")
        if at_rest and machine.power is Power.BETWEEN and not resumed:
            yield Finding(f"{name} is {machine.status}: run again when it is running or stopped.")
        if stopping and machine.volatile and not self._task.options.get("discard_local_ssd"):
            yield Finding(f"{name} has local SSDs, whose data is lost when it stops. Set discard_local_ssd to allow that.", word="discard_local_ssd")
        if self._task["retire_source"]:
            stays = self._provider.machines.outlive(machine)
            if stays:
                yield warning(f"These disks stay when the VM is deleted, because their automatic deletion is off: {', '.join(stays)}.")
            if self._provider.machines.is_protected(machine):
                yield Finding(f"{name} is protected against deletion. Take the protection off before it is retired.")
            names = [one.disk.rpartition("/")[2] for one in machine.attached]
            going = ", ".join(disk for disk in names if disk not in stays)
            yield warning(f"{name} is deleted after its backup{f', and with it its disks {going}' if going else ''}.")
        most = self._provider.marks.RULES.most
        if (stopping or at_rest) and len(machine.tags) + len(machine.marks) + 3 > most:
            yield Finding(f"{name} has {len(machine.tags)} labels, and its lock needs three more of the {most} that it can have. Remove some.")

    def _about_datetime(self) -> Iterable[Finding]:
        """A datetime of the future is a typing mistake."""
        moment = datetime.strptime(self.moment, "%Y%m%d-%H%M%S").replace(tzinfo=timezone.utc)
        if moment > datetime.now(timezone.utc) + _FURTHEST_AHEAD:
            yield Finding(f"snapshot_datetime {self.moment} lies in the future: it is the name of the moment at which the backup is made.", kind=InvalidRequest)

    def _about_manifest(self, kept: Document | None) -> Iterable[Finding]:
        if kept is None:
            yield warning(
                "The VM's configuration could not be stored with the backup: it is larger than the provider can hold."
                " The disks are saved, but if the VM is lost, its configuration must be given. Use manifest_dir."
            )

    # --- afterwards

    def _write_manifest(self, manifest: Document) -> None:
        directory = self._task["manifest_dir"]
        if directory:
            try:
                write_file(directory, backup_name(self._target.name, self.moment), manifest)
            except RecoveryError as error:
                self._task.warn(f"The backup is complete, but its manifest was not written to manifest_dir: {error.message}")

    def _prediction(self, saving: Saving, planned: Sequence[Any], consistency: str, manifest: Document | None, apart: bool, count: int) -> Record:
        members = tuple(self._provider.points.predicted(saving, one) for one in planned)
        tags = self._provider.marks.check_tags(self._task["tags"])
        backup = BackupSet(
            self._target.name,
            self._provider.place,
            self.moment,
            1,
            self._task["method"],
            consistency,
            count,
            members,
            tags,
            fingerprint(manifest) if manifest else "",
        )
        return backup_record(self._provider, backup, manifest, "template" if apart else "description", retired=bool(self._task["retire_source"]))

    def _seen(self, members: Members, retired: bool) -> Record | None:
        """The backup as its recovery points, each read by itself, show it: a list may lag behind what was just made."""
        found = [point for point in members.found() if point]
        sets = self._provider.points.tied(found)
        return self._record(sets[0], retired=retired) if sets else None
