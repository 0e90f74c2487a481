# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore that is asked for: what the task says, and what there is of it, read together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from ...core.arguments import Task
from ...core.errors import Conflict, NotFound
from ...core.waiter import Waiter
from ..lock.claim import GIVING_UP, RESTORING, SAVING, Claim
from ..lock.lock import Lock
from ..model import Device, Identity, Machine, Power, Ref, Strategy
from ..naming import fitting_name, parse_backup_name
from ..provider import Provider
from ..target import Target
from .found import Restore, Restores
from .resets import Reset, Resets
from .routes.exchange import Wanted
from .source import LATEST, RestoreSource, SourceFinder

LONGEST_NAME = 50
# How long a list may lag behind what a run that died has just made, in seconds.
_LIST_LAG_S = 30.0


@dataclass(frozen=True)
class Look:
    """What was read together: the VM, the restore of this name as far as it has come, and the claim on the VM or its disks."""

    machine: Machine | None
    restore: Restore | None
    claim: Claim | None


class RestoreCase:
    """One restore of one VM. ``origin`` is the provider in the place where the VM was backed up."""

    def __init__(self, task: Task, origin: Provider, waiter: Waiter) -> None:
        self.task, self._origin, self._waiter = task, origin, waiter
        self.source_vm: str = task["vm_name"]
        self.is_copy = task["strategy"] == Strategy.NEW.value
        name = task["new_vm_name"].replace("{vm}", self.source_vm) if self.is_copy else self.source_vm
        # A copy in another place reads nothing of the original's place, which may be down.
        self.provider = origin.at(task.options.get(origin.NEW_PLACE) or origin.place) if self.is_copy else origin
        self.target = Target(self.provider, name, waiter)
        self.restores = Restores(self.provider)
        self.under_lock = False

    def forget(self) -> None:
        """Forget all that was read: it is read again when it is asked for."""
        for name in ("look", "source", "known"):
            self.__dict__.pop(name, None)

    def forget_look(self) -> None:
        self.__dict__.pop("look", None)

    @cached_property
    def look(self) -> Look:
        machine = self.target.get()
        restore = self._find(machine)
        claim = restore.claim if restore else self.target.claim()
        if claim and self.may_follow(claim):
            # An operation of a dead run that ends between two of our reads would show us a VM that never was: it is seen to its end, then all is read.
            self.target.settle(self._refs(restore))
            machine = self.target.get()
            restore = self._find(machine)
            claim = restore.claim if restore else self.target.claim()
        return Look(machine, restore, claim)

    def _find(self, machine: Machine | None) -> Restore | None:
        found = next(iter(self.restores.find(self.name, self.target.name)), None)
        if found:
            found = replace(found, machine=machine)
            self.target.carriers = self._refs(found)
        return found

    @staticmethod
    def _refs(restore: Restore | None) -> list[Ref]:
        return [disk.ref for disk in (*restore.old, *restore.new)] if restore else []

    @cached_property
    def source(self) -> RestoreSource:
        try:
            return SourceFinder(self.task, self._origin).find(self.source_vm, None if self.is_copy else self.target.get())
        except NotFound as error:
            noted = self._noted_source() if self.task["name"] or self.moment_asked else None
            if noted is None:
                raise
            self.task.warn(f'{error.message} The restore "{self.name}" has made its disks already, and goes on with them.')
            return noted

    def _noted_source(self) -> RestoreSource | None:
        """What an unfinished restore goes back to by the notes on its disks, once all are made: they do not need the backup any more."""
        restore = self.look.restore
        if restore is None or restore.complete or not restore.begun:
            return None
        return RestoreSource(restore.moment or restore.name, restore.moment, {}, vm=restore.source_vm)

    @property
    def moment_asked(self) -> str:
        """The datetime that the task says itself; empty when it says none."""
        task = self.task
        moment = parse_backup_name(task["backup"])[1] if task["backup"] else task["snapshot_datetime"]
        return "" if moment in (None, LATEST) else str(moment)

    @cached_property
    def name(self) -> str:
        """The restore's identity."""
        task = self.task
        if task["name"]:
            return str(task["name"])
        if task["rollback_of"]:
            return self._name_of_rollback(fitting_name(f"rollback-of-{task['rollback_of']}", LONGEST_NAME))
        label = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in (self.moment_asked or self.source.label).lower())
        return fitting_name(f"{self.source_vm}-{label}", LONGEST_NAME)

    def _name_of_rollback(self, wanted: str) -> str:
        """The first of these names that is free, unfinished, or current: the VM may have moved on since it was gone back by this name."""
        taken: dict[str, Restore | Reset] = {one.name: one for one in self.known}
        if self.provider.resets:
            taken |= {one.name: one for one in Resets(self.provider).every(self.target.name)}
        name, number = wanted, 1
        while name in taken and taken[name].complete and not taken[name].current:
            number += 1
            name = f"{fitting_name(wanted, LONGEST_NAME - len(str(number)) - 1)}-{number}"
        return name

    @cached_property
    def known(self) -> list[Restore]:
        """All restores of the VM."""
        return self.restores.every(self.target.name)

    def refuse_held(self) -> None:
        claim = self.look.claim
        if claim and not self.may_follow(claim):
            other = claim.purpose[len(RESTORING) :]
            advice = f" If it is dead, run it again under its name, or go back with rollback_of: {other}." if claim.purpose.startswith(RESTORING) else ""
            raise Conflict(f"{self.target} is held by {claim.holder}. Nothing was changed.{advice}")

    def may_follow(self, claim: Claim) -> bool:
        mine = {RESTORING + self.name, RESTORING + (self.task["rollback_of"] or self.name)}
        # A backup, or a deletion of a restore, that died has changed nothing that a restore builds on.
        return claim.purpose in mine or claim.purpose.startswith((SAVING, GIVING_UP))

    @property
    def lock(self) -> Lock:
        return self.target.lock_for(RESTORING + self.name, self.task["lock_ttl"], self.may_follow)

    def identity(self, strategy: Strategy, known: str = "") -> Identity:
        restore = self.look.restore
        attempt = restore.attempt + (1 if restore.complete else 0) if restore and restore.new else 1
        moment = "" if strategy is Strategy.ROLLBACK else self.source.moment
        source_vm = "" if strategy is Strategy.ROLLBACK else self.source_vm
        return Identity(self.provider.place, self.target.name, self.name, strategy.value, moment, known, attempt, source_vm)

    def existing(self) -> Machine:
        if self.look.machine is None:
            raise NotFound(f"{self.target} does not exist in {self.provider.PLACE} {self.provider.place}.")
        return self.look.machine

    def was_on(self) -> bool:
        """Whether the VM ran before the restore: what an earlier run noted counts, because that run may have stopped it."""
        claim, restore, machine = self.look.claim, self.look.restore, self.look.machine
        if claim and self.may_follow(claim):
            return claim.was_running
        if restore and not restore.complete and restore.was_on is not None:
            return restore.was_on
        return machine is not None and machine.power is Power.ON

    def wanted(self, was_on: bool) -> Wanted:
        task = self.task
        start = task["start"] == "started" or (task["start"] == "as_before" and was_on)
        return Wanted(was_on, start, task["old_disks"] == "delete", bool(task.options.get("discard_local_ssd")))

    def wait_for_list(self) -> tuple[Device, ...]:
        """The devices of a restore that a dead run has left half-way: a list may lag behind what that run has made."""

        def look() -> tuple[Device, ...]:
            restore = self._find(self.look.machine)
            return restore.begun if restore else ()

        lagging = self._waiter.shorter(_LIST_LAG_S)
        return lagging.wait_until(
            look,
            bool,
            lambda _seen: (
                f'the disks of the unfinished restore "{self.name}" are not listed. Run the task again. If that does not help, somebody has deleted'
                f" them: go back with rollback_of: {self.name}, or restore a copy with strategy: new."
            ),
        )
