# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a restored VM: which route, what stands in the way, and the steps. Made once as a prediction, and once more under the lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from ...core.arguments import Task
from ...core.errors import Conflict, NotFound, RecoveryError
from ...core.model import Record
from ...core.plan import Plan, Progress, Step
from ...core.waiter import Waiter
from .. import marks
from ..findings import Finding, decide, gathered
from ..lock.claim import RESTORING, SAVING, Claim
from ..lock.lock import Lock
from ..manifest import Document, fingerprint
from ..model import Attachment, Device, Identity, Machine, Power, Ref, Strategy
from ..naming import fitting_name
from ..provider import BuildChanges, Intent, Provider
from ..target import Target
from . import words
from .devices import DevicePlanner, in_the_way
from .disks import RestoreDisks
from .found import Restore, Restores
from .preflight import about_disks, about_machine, outliving
from .records import predicted, record_of
from .routes.build import Build, Builder
from .routes.exchange import Exchange, Wanted
from .routes.give_up import give_up_unfinished, is_untouched
from .routes.replace import Replace
from .source import RestoreSource, SourceFinder
from .state import state_after_restore
from .steps import CREATING_BOOT, LOCKING, chained

LONGEST_NAME = 50
# How long a list may lag behind what a run that died has just made, in seconds.
_LIST_LAG_S = 30.0


@dataclass(frozen=True)
class Look:
    """What was read together: the VM, the restore of this name as far as it has come, and the claim on the VM or its disks."""

    machine: Machine | None
    restore: Restore | None
    claim: Claim | None


class RestorePlanner:
    """One restore of one VM. ``origin`` is the provider in the place where the VM was backed up."""

    def __init__(self, task: Task, origin: Provider, waiter: Waiter) -> None:
        self._task, self._origin, self._waiter = task, origin, waiter
        self._source_vm: str = task["vm_name"]
        self._copy = task["strategy"] == Strategy.NEW.value
        name = task["new_vm_name"].replace("{vm}", self._source_vm) if self._copy else self._source_vm
        # A copy in another place reads nothing of the original's place, which may be down.
        self._provider = origin.at(task.options.get(origin.NEW_PLACE) or origin.place) if self._copy else origin
        self._target = Target(self._provider, name, waiter)
        self._restores = Restores(self._provider)
        self._under_lock = False

    # --- reading

    @cached_property
    def _look(self) -> Look:
        machine = self._target.get()
        restore = self._find(machine)
        claim = restore.claim if restore else self._target.claim()
        if claim and self._may_follow(claim) and self._target.unfinished(self._refs(restore)):
            # An operation of a dead run that ends between two of our reads would show us a VM that never was.
            self._target.settle(self._refs(restore))
            machine = self._target.get()
            restore = self._find(machine)
            claim = restore.claim if restore else self._target.claim()
        return Look(machine, restore, claim)

    def _find(self, machine: Machine | None) -> Restore | None:
        found = next(iter(self._restores.find(self.name, self._target.name)), None)
        if found:
            found = replace(found, machine=machine)
            self._target.carriers = self._refs(found)
        return found

    @staticmethod
    def _refs(restore: Restore | None) -> list[Ref]:
        return [disk.ref for disk in (*restore.old, *restore.new)] if restore else []

    @cached_property
    def _source(self) -> RestoreSource:
        return SourceFinder(self._task, self._origin).find(self._source_vm, None if self._copy else self._target.get())

    @cached_property
    def name(self) -> str:
        """The restore's identity."""
        task = self._task
        if task["name"]:
            return str(task["name"])
        if task["rollback_of"]:
            return self._name_of_rollback(fitting_name(f"rollback-of-{task['rollback_of']}", LONGEST_NAME))
        label = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in self._source.label.lower())
        return fitting_name(f"{self._source_vm}-{label}", LONGEST_NAME)

    def _name_of_rollback(self, wanted: str) -> str:
        """The first of these names that is free, unfinished, or current: the VM may have moved on since it was gone back by this name."""
        taken = {one.name: one for one in self._known}
        name, number = wanted, 1
        while name in taken and taken[name].complete and not taken[name].current:
            number += 1
            name = f"{fitting_name(wanted, LONGEST_NAME - len(str(number)) - 1)}-{number}"
        return name

    @cached_property
    def _known(self) -> list[Restore]:
        """All restores of the VM."""
        return self._restores.every(self._target.name)

    def found(self) -> Record | None:
        """The restore of this name, complete or not; None when there is none. Waits first for operations that a dead run left on the VM."""
        restore = self._look.restore
        return record_of(restore) if restore else None

    # --- planning

    def plan(self) -> Plan:
        """The steps that are missing. Raises what must be refused before anything is touched."""
        restore = self._look.restore
        if self._task["rollback_of"]:
            return self._plan_rollback()
        if restore and restore.complete:
            done = self._plan_complete(restore)
            if done:
                return done
        self._refuse_held()
        self._refuse_other_vm()
        begun = restore if restore and restore.new and not restore.complete else None
        if begun:
            self._refuse_differences(begun)
        if self._source.lacks:
            self._task.warn(f'The newest backup of VM "{self._source_vm}" leaves out {self._source.lacks}.')
        route = self._route(begun)
        if route in (Strategy.NEW, Strategy.GONE):
            return self._plan_building(route, begun)
        return self._plan_replace(begun) if route is Strategy.REPLACE else self._plan_in_place(begun)

    def _route(self, begun: Restore | None) -> Strategy:
        machine = self._look.machine
        if self._copy:
            return Strategy.NEW
        if machine is None:
            if begun and begun.strategy == Strategy.REPLACE.value and begun.old:
                return Strategy.REPLACE
            if not self._source.boot_only:
                where = f"{self._provider.PLACE} {self._provider.place}"
                self._task.warn(f"{self._target} does not exist in {where}: it is built again from the manifest of its backup.")
            return Strategy.GONE
        return Strategy(begun.strategy if begun and begun.strategy else self._task["strategy"])

    def _plan_complete(self, restore: Restore) -> Plan | None:
        """Unchanged, when the VM has the restore's disks and it is as asked for; None when the VM is gone and is to be built again. Raises Conflict."""
        if restore.machine is None:
            return None
        self._refuse_differences(restore)
        if not restore.current:
            by = f"has gone on to the disks of {restore.superseded_by}" if restore.superseded_by else "does not have its disks any more"
            back = f", go back with rollback_of: {restore.superseded_by.split(', ')[0]}," if restore.superseded_by else ""
            raise Conflict(
                f'the restore "{restore.name}" was completed, and {self._target} {by} since. Nothing was changed.'
                f" To restore again choose another name{back} or look at the disks that are kept with INSPECT_ALL."
            )
        record = record_of(restore)
        why = f'Restore "{restore.name}" was completed, its disks were made at {record.created_at}. A new name restores again'
        if restore.machine.power is not Power.ON and self._task["start"] != "stopped":
            self._task.warn(f"{self._target} is {restore.machine.status}; the restore was completed before. Start it if it should run.")
        return Plan(after=record, why_unchanged=why)

    def _refuse_differences(self, restore: Restore) -> None:
        """Raises Conflict when the restore of this name went, or goes, to another point, to other devices, or another way."""
        different = []
        asked = Strategy(self._task["strategy"])
        if restore.strategy and restore.strategy not in (asked.value, Strategy.GONE.value, Strategy.ROLLBACK.value):
            different.append(f"its strategy is {restore.strategy}, not {asked.value}")
        moment = self._moment_asked()
        if restore.moment != moment:
            different.append(f"it went back to {restore.moment or 'single recovery points'}, not to {moment or 'single recovery points'}")
        else:
            different += self._other_points(restore)
        if different:
            raise Conflict(f'the restore "{restore.name}" exists and {"; ".join(different)}. Nothing was changed. Choose another name to restore again.')

    def _moment_asked(self) -> str:
        """The datetime that the task names, found out only where it does not say it: the backup of a complete restore may be gone by now."""
        task = self._task
        given = task["snapshot_datetime"] or (str(task["backup"] or "")[-15:])
        return str(given) if given and given != "latest" else self._source.moment

    def _other_points(self, restore: Restore) -> list[str]:
        made = {device.name: device.source for device in restore.devices}
        if len(made) < restore.expected:
            return []
        try:
            asked = {device: point.ref for device, point in self._source.points.items()}
        except NotFound:
            # The points are gone since; they have the same datetime.
            return []
        if self._source.boot_only:
            return [] if set(asked.values()) <= set(made.values()) else [f"it was made from {', '.join(made.values())}"]
        common = {device: ref for device, ref in asked.items() if device in made}
        wrong = [f"its {device} was made from {made[device]}, not {ref}" for device, ref in common.items() if made[device] != ref]
        left_out = sorted(set(made) - set(asked))
        missing = sorted(set(asked) - set(made))
        wrong += [f"it restored {', '.join(left_out)} as well"] if left_out else []
        return wrong + ([f"it did not restore {', '.join(missing)}"] if missing else [])

    def _refuse_held(self) -> None:
        claim = self._look.claim
        if claim and not self._may_follow(claim):
            other = claim.purpose[len(RESTORING) :]
            advice = f" If it is dead, run it again under its name, or go back with rollback_of: {other}." if claim.purpose.startswith(RESTORING) else ""
            raise Conflict(f"{self._target} is held by {claim.holder}. Nothing was changed.{advice}")

    def _refuse_other_vm(self) -> None:
        """Raises Conflict for a source of another VM, unless it comes up as a VM of its own."""
        of = self._source.vm
        if of and of != self._source_vm and not (self._copy or self._task["force"]):
            raise Conflict(f'the restore point is of VM "{of}", not of "{self._source_vm}". Nothing was changed. Use strategy: new, or set force.')

    def _may_follow(self, claim: Claim) -> bool:
        mine = {RESTORING + self.name, RESTORING + (self._task["rollback_of"] or self.name)}
        return claim.purpose in mine or claim.purpose.startswith(SAVING)

    # --- what all routes share

    @property
    def _lock(self) -> Lock:
        return self._target.lock_for(RESTORING + self.name, self._task["lock_ttl"], self._may_follow)

    def _identity(self, strategy: Strategy, known: str = "") -> Identity:
        restore = self._look.restore
        attempt = restore.attempt + (1 if restore.complete else 0) if restore and restore.new else 1
        moment = "" if strategy is Strategy.ROLLBACK else self._source.moment
        source_vm = "" if strategy is Strategy.ROLLBACK else self._source_vm
        return Identity(self._provider.place, self._target.name, self.name, strategy.value, moment, known, attempt, source_vm)

    def _existing(self) -> Machine:
        if self._look.machine is None:
            raise NotFound(f"{self._target} does not exist in {self._provider.PLACE} {self._provider.place}.")
        return self._look.machine

    def _was_on(self) -> bool:
        """Whether the VM ran before the restore: what an earlier run noted counts, because that run may have stopped it."""
        claim, restore, machine = self._look.claim, self._look.restore, self._look.machine
        if claim and self._may_follow(claim):
            return claim.was_running
        if restore and not restore.complete and restore.was_on is not None:
            return restore.was_on
        return machine is not None and machine.power is Power.ON

    def _wanted(self, was_on: bool) -> Wanted:
        task = self._task
        start = task["start"] == "started" or (task["start"] == "as_before" and was_on)
        return Wanted(was_on, start, task["old_disks"] == "delete", bool(task.options.get("discard_local_ssd")))

    def _check(self, looks: Iterable[Callable[[], Iterable[Finding]]]) -> None:
        """Tell all findings together; under the lock what was found before stands."""
        if not self._under_lock:
            allowed = {name for name, value in self._task.options.items() if value is True} | set(self._task["allow_lost"] or ())
            decide(gathered(looks), allowed, self._task.warn)

    def _devices(self, make: Callable[[], Sequence[Device]], looks: list[Callable[[], Iterable[Finding]]]) -> Sequence[Device]:
        """The devices; what keeps them from being planned is one finding among the others."""
        try:
            return make()
        except RecoveryError as error:
            if self._under_lock or error.transient or error.keeps_state:
                raise
            finding = Finding(error.message, kind=type(error), code=error.code)
            looks.insert(0, lambda: [finding])
            return ()

    def _plan(self, first: Sequence[Step], steps: Sequence[Step], identity: Identity, devices: Sequence[Device], wanted: Wanted, message: words.Words) -> Plan:
        going_back = identity.strategy == Strategy.ROLLBACK.value
        status = self._provider.machines.status_word(Power.ON if wanted.start else Power.OFF)
        tags = self._provider.marks.check_tags(self._task["tags"])
        after = predicted(identity, self._provider.NAME, devices, tags, keeps_old=not wanted.delete_old, vm_status=status)
        facts = Plan(
            after=after,
            verb="completed",
            seen=partial(self._seen, devices),
            release=self._lock.abandon,
            state=lambda: state_after_restore(self._target, devices, going_back=going_back),
            acted=self._provider.acted,
            note=message.done,
            forecast=message.forecast,
        )
        if self._under_lock:
            return replace(facts, steps=tuple(steps))
        refs = [ref for device in devices for ref in (device.new.ref, device.old) if ref]
        lock = Step(LOCKING, do=partial(self._acquire, wanted.was_on, refs), undo=self._lock.give_back)
        return replace(facts, steps=chained([*first, lock, *steps]), replan=self._again, replan_after=LOCKING)

    def _acquire(self, was_on: bool, refs: Sequence[Ref]) -> None:
        self._lock.acquire(was_on)
        self._target.settle(refs)

    def _again(self) -> Plan:
        """The plan from what is read under the lock: another run may have finished, or begun, something since the first look."""
        for name in ("_look", "_source", "_known"):
            self.__dict__.pop(name, None)
        self._under_lock = True
        restore = self._look.restore
        noted = restore is not None and not restore.complete and restore.was_on is not None
        if not self._lock.taken_over and not noted and self._look.machine:
            self._lock.correct(self._look.machine.power is Power.ON)
            self.__dict__.pop("_look", None)
        plan = self.plan()
        if not plan.steps:
            self._lock.give_back()
        return plan

    def _seen(self, devices: Sequence[Device]) -> Record | None:
        """The restore as its disks, each read by itself, and its VM show it."""
        new, old = [device.new.ref for device in devices], [device.old for device in devices if device.old]
        return record_of(self._restores.by_refs(self.name, self._target.name, new, old))

    # --- in place

    def _plan_in_place(self, begun: Restore | None) -> Plan:
        machine, identity = self._existing(), self._identity(Strategy.IN_PLACE)
        looks: list[Callable[[], Iterable[Finding]]] = []
        known = begun.begun if begun else ()
        if begun and not known and begun.under_way and not self._has_all(machine):
            known = self._wait_for_list()
        devices = known or self._devices(lambda: DevicePlanner(self._task, self._target, identity).of_machine(machine, self._source, whole=False), looks)
        message = words.in_place(self._target, self._source, devices, self._wanted(self._was_on()))
        return self._exchange(machine, identity, devices, looks, message, begun=bool(known))

    def _has_all(self, machine: Machine) -> bool:
        return all(machine.device(device) for device in self._source.points)

    def _wait_for_list(self) -> tuple[Device, ...]:
        """The devices of a restore that a dead run has left half-way: a list may lag behind what that run has made."""

        def look() -> tuple[Device, ...]:
            restore = self._find(self._look.machine)
            return restore.begun if restore else ()

        lagging = self._waiter.shorter(_LIST_LAG_S)
        return lagging.wait_until(look, bool, lambda _seen: f'the disks of the unfinished restore "{self.name}" are not listed. Run the task again.')

    def _exchange(
        self,
        machine: Machine,
        identity: Identity,
        devices: Sequence[Device],
        looks: list[Callable[[], Iterable[Finding]]],
        message: words.Words,
        *,
        begun: bool,
    ) -> Plan:
        wanted, strategy = self._wanted(self._was_on()), Strategy(identity.strategy)
        others = in_the_way(self._target, devices, machine)
        if begun and others:
            raise Conflict(
                f'{self._target} has other disks than when the restore "{self.name}" began: {", ".join(others)}. Nothing was changed. Choose another name.'
            )
        intent = Intent(self._task, self._target.name, strategy, machine, devices=devices, stops=wanted.was_on)
        resumed = begun or self._look.claim is not None
        looks += [
            partial(about_machine, self._provider, machine, wanted, resumed=resumed),
            partial(about_disks, self._target, RestoreDisks(self._target, identity, devices), wanted, going_back=strategy is Strategy.ROLLBACK),
            *self._provider.extras.findings(intent),
        ]
        self._check(looks)
        route = Exchange(self._target, identity, devices, wanted, intent, going_back=strategy is Strategy.ROLLBACK)
        return self._plan((), route.steps(), identity, devices, wanted, message)

    # --- going back

    def _plan_rollback(self) -> Plan:
        wanted_back = self._task["rollback_of"]
        self._refuse_held()
        machine = self._existing()
        before = next(iter(self._restores.find(wanted_back, self._target.name)), None)
        if before is None:
            named = ", ".join(one.name for one in self._known if one.name) or "none"
            raise NotFound(f'rollback_of: {self._target} has no restore "{wanted_back}". Its restores: {named}.')
        before = replace(before, machine=machine)
        identity, current = self._identity(Strategy.ROLLBACK), self._look.restore
        if current and current.complete and current.current:
            record = record_of(current)
            return Plan(after=record, why_unchanged=f'Restore "{current.name}" was completed. A new name restores again')
        if current and current.complete and self._task["name"]:
            raise Conflict(f'the restore "{current.name}" was completed, and {self._target} has gone on since. Nothing was changed. Choose another name.')
        if not before.complete and is_untouched(before):
            plan = give_up_unfinished(self._target, self._lock, before, self.name, self._was_on(), self._task, under_lock=self._under_lock)
            return plan if self._under_lock else replace(plan, replan=self._again, replan_after=LOCKING)
        looks: list[Callable[[], Iterable[Finding]]] = []
        half_way = current if current and current.under_way else None
        devices = self._devices(lambda: DevicePlanner(self._task, self._target, identity).of_rollback(before, machine, half_way, self._known), looks)
        if not devices and not looks:
            record = record_of(current) if current else record_of(replace(before, name=self.name))
            return Plan(after=record, why_unchanged=f'{self._target} has the disks from before the restore "{before.name}" already')
        message = words.going_back(self._target, before, devices, self._wanted(self._was_on()))
        return self._exchange(machine, identity, devices, looks, message, begun=False)

    # --- replace

    def _plan_replace(self, begun: Restore | None) -> Plan:
        task, machine = self._task, self._look.machine
        known = begun.begun if begun else ()
        stored = self._provider.manifests.get(begun.manifest) if begun and begun.manifest else None
        if known and stored is None and machine is None:
            raise NotFound("the manifest of the VM, which an earlier run of this restore had stored, is gone. Restore from the backup's with another name.")
        if stored is None:
            existing = self._existing()
            stored = self._provider.manifests.capture(existing, self._target.disks_of(existing))
        manifest: Document = stored
        identity = self._identity(Strategy.REPLACE, begun.manifest if begun and begun.manifest else fingerprint(manifest))
        looks: list[Callable[[], Iterable[Finding]]] = []
        planner = DevicePlanner(task, self._target, identity)
        devices = known or self._devices(lambda: planner.of_machine(self._existing(), self._source, whole=True), looks)
        old = machine if machine and machine.disks.intersection(device.old for device in devices) else None
        wanted = self._wanted(self._was_on())
        self._target.carriers = [ref for device in devices[:1] for ref in (device.old, device.new.ref) if ref]
        request = self._request(manifest, Strategy.REPLACE)
        intent = Intent(
            task,
            self._target.name,
            Strategy.REPLACE,
            old,
            devices=devices,
            stops=wanted.was_on,
            manifest=manifest,
            request=partial(self._body, request, devices),
        )
        if old:
            disks = RestoreDisks(self._target, identity, devices)
            looks += [
                partial(about_machine, self._provider, old, wanted, resumed=bool(known) or self._look.claim is not None),
                partial(about_disks, self._target, disks, wanted, going_back=False),
                *self._provider.extras.findings(intent),
            ]
        self._check(looks)
        builder = Builder(self._target, identity, devices, request, start=wanted.start)
        route = Replace(builder, self._target, intent, manifest, wanted)
        message = words.replacing(self._target, self._source, devices, wanted)
        return self._plan((), route.steps(), identity, devices, wanted, message)

    # --- a VM that is not there

    def _plan_building(self, route: Strategy, begun: Restore | None) -> Plan:
        source, machine = self._source, self._look.machine
        manifest = source.manifest or (self._provider.manifests.scratch(self._target.name) if source.boot_only else None)
        if manifest is None:
            raise Conflict(
                f"{self._target} does not exist, and the restore point holds no manifest of its configuration. Give one in manifest or manifest_file."
            )
        identity = self._identity(route)
        looks: list[Callable[[], Iterable[Finding]]] = []
        devices = self._devices(lambda: DevicePlanner(self._task, self._target, identity).of_manifest(manifest, source), looks)
        mine = {device.new.ref for device in devices}
        if machine is not None and devices and machine.disks != mine:
            raise Conflict(
                f"there is a {self._target} in {self._provider.PLACE} {self._provider.place} already. Nothing was changed; choose another new_vm_name."
            )
        self._target.carriers = [device.new.ref for device in devices[:1]]
        self._wait_for_replacement(devices)
        wanted = Wanted(was_on=True, start=self._task["start"] != "stopped", delete_old=False, discard_volatile=False)
        request = self._request(manifest, route)
        intent = Intent(self._task, self._target.name, route, None, devices=devices, manifest=manifest, request=partial(self._body, request, devices))
        if machine is None:
            disks = RestoreDisks(self._target, identity, devices)
            looks += [
                partial(about_disks, self._target, disks, wanted, going_back=False),
                partial(outliving, self._target, manifest, source, devices),
                *self._provider.extras.findings(intent),
            ]
        self._check(looks)
        builder = Builder(self._target, identity, devices, request, start=wanted.start)
        first = [
            Step(
                CREATING_BOOT,
                do=lambda: builder.disks.create_carrier(self._lock.made_with(True)),
                done=lambda: Progress.DONE if self._target.carrier() else Progress.NO,
                undo=lambda: builder.disks.remove_new(builder.devices[:1]),
            )
        ]
        message = words.building(self._target, source, devices, wanted, copy=route is Strategy.NEW)
        return self._plan(first, Build(builder, self._target, intent).steps(), identity, devices, wanted, message)

    def _wait_for_replacement(self, devices: Sequence[Device]) -> None:
        """A VM that is being replaced does not exist for a while: what its disks tell must be seen before it counts as gone."""
        boot = self._target.disk(devices[0].new.ref) if devices and not self._under_lock else None
        if boot and boot.marks.get(marks.STRATEGY) == Strategy.REPLACE.value and self._look.restore is None:
            self._wait_for_list()
            raise Conflict(f"{self._target} is being replaced by this restore; its disks were not listed yet. Nothing was changed. Run the task again.")

    def _request(self, manifest: Document, strategy: Strategy) -> Callable[[Sequence[Attachment], bool], object]:
        def request(attachments: Sequence[Attachment], as_before: bool) -> object:
            changes = BuildChanges(self._task, strategy, as_before)
            return self._provider.manifests.build_request(manifest, self._target.name, attachments, changes)

        return request

    @staticmethod
    def _body(request: Callable[[Sequence[Attachment], bool], object], devices: Sequence[Device]) -> object:
        return request([device.after for device in devices], False)
