# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In place: the new disks are ready first; then the VM stops, its disks are exchanged, it starts, and is read back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ....core.errors import NotYetPossible
from ....core.plan import Progress, Step
from ... import marks
from ...model import Device, Identity, Machine, Moment, Power, in_order
from ...provider import Intent
from ...target import Target
from ..disks import RestoreDisks
from ..steps import (
    ATTACHING,
    CREATING,
    DETACHING,
    GIVING_UP,
    KEEPING,
    RECORDING,
    STARTING,
    STOPPING,
    TAKING_OVER,
    UNLOCKING,
    VERIFYING,
    beside,
    chained,
)


@dataclass(frozen=True)
class Wanted:
    """What a task wants of a VM that stays: whether it ran, whether it is to run, and what becomes of its disks from before."""

    was_on: bool
    start: bool
    delete_old: bool
    discard_volatile: bool


class Exchange:
    """The steps for one VM, under its lock. ``going_back``: the disks exist already, because an earlier restore kept them."""

    def __init__(self, target: Target, identity: Identity, devices: Sequence[Device], wanted: Wanted, intent: Intent, *, going_back: bool) -> None:
        self._target, self._identity, self._wanted, self._intent = target, identity, wanted, intent
        self._devices = in_order(list(devices))
        self._disks = RestoreDisks(target, identity, self._devices)
        self._going_back = going_back

    def steps(self) -> tuple[Step, ...]:
        """The steps in their order; what the provider does before the stop, and recording, which have nothing to do with each other, at once."""
        disks, target, wanted = self._disks, self._target, self._wanted
        before_stop = list(target.provider.extras.steps(self._intent, Moment.BEFORE_STOP, target.gate))
        steps = [] if self._going_back else [disks.creation(CREATING, self._devices)]
        steps += before_stop
        if disks.old:
            steps.append(disks.recording(RECORDING, wanted.was_on))
        moved = [ref for device in self._devices for ref in (device.old, device.new.ref) if ref]
        if wanted.was_on:
            steps.append(Step(STOPPING, do=self._stop, done=self._stopped, undo=target.settled(self._start_again), disruptive=True))
        steps.append(Step(DETACHING, do=self._detach_old, done=self._old_are_off, undo=target.settled(self._attach_old, moved), disruptive=True))
        steps.append(Step(ATTACHING, do=self._attach_new, done=self._new_are_on, undo=target.settled(self._detach_new, moved), disruptive=True))
        if wanted.start:
            steps.append(Step(STARTING, do=self._start, done=self._is(Power.ON), undo=target.settled(self._stop), disruptive=True))
        # What was seen to be restored is not taken back, whatever becomes of the marks.
        steps.append(Step(VERIFYING, do=self._verify, point_of_no_return=True))
        if self._going_back:
            steps.append(disks.taking_over(TAKING_OVER))
        if disks.old:
            steps.append(disks.giving_up(GIVING_UP) if wanted.delete_old else disks.keeping(KEEPING))
        steps.append(Step(UNLOCKING, do=lambda: target.lock.release({marks.RESTORE: self._identity.restore})))
        done = chained(steps)
        return beside(done, before_stop[-1].name, RECORDING) if before_stop else done

    # --- stop and start

    def _is(self, power: Power) -> Callable[[], Progress]:
        return lambda: Progress.DONE if self._target.existing().power is power else Progress.NO

    def _stop(self) -> None:
        self._target.stop(self._wanted.discard_volatile)

    def _stopped(self) -> Progress:
        # With its new disks on, it was stopped by a run that died later: once is enough.
        machine = self._target.existing()
        return Progress.DONE if machine.power is Power.OFF or self._has_new(machine) else Progress.NO

    def _start_again(self) -> None:
        if self._target.existing().disks.issuperset(self._disks.old):
            self._target.start()

    def _start(self) -> None:
        try:
            self._target.start()
        except NotYetPossible as error:
            kept = f" It has its restored disks; the disks from before are kept: {', '.join(self._disks.old)}." if self._disks.old else ""
            raise NotYetPossible(f"{error.message}{kept}", code=error.code) from error

    # --- exchange

    def _detach_old(self) -> None:
        self._target.detach(device.before for device in reversed(self._devices) if device.old)

    def _old_are_off(self) -> Progress:
        return Progress.NO if self._target.existing().disks.intersection(self._disks.old) else Progress.DONE

    def _attach_old(self) -> None:
        self._stop_for_undo()
        self._target.attach(device.before for device in self._devices if device.old)

    def _attach_new(self) -> None:
        self._target.attach(device.after for device in self._devices)

    def _has_new(self, machine: Machine) -> bool:
        return machine.disks.issuperset(self._disks.new)

    def _new_are_on(self) -> Progress:
        return Progress.DONE if self._has_new(self._target.existing()) else Progress.NO

    def _detach_new(self) -> None:
        self._stop_for_undo()
        self._target.detach(device.after for device in reversed(self._devices))

    def _stop_for_undo(self) -> None:
        """Somebody may have started the VM half-way: its disks are exchanged only while it is stopped, and it is ours until they are back."""
        self._target.stop(self._wanted.discard_volatile)

    # --- reading back

    def _verify(self) -> None:
        machine = self._target.existing()
        problems = differences(machine, self._devices)
        if self._wanted.start and machine.power is not Power.ON:
            problems.append(f"it is {machine.status} and not running")
        if problems:
            self._disks.refuse(f"{self._target} is not as it should be after the restore: {'; '.join(problems)}.")


def differences(machine: Machine, devices: Sequence[Device]) -> list[str]:
    """What of the disks of a VM is not as it should be, as it was read back."""
    problems = []
    for device in devices:
        there, wanted = machine.device(device.name), device.after
        if there is None:
            problems.append(f"{device.name} is not attached")
            continue
        if there.disk != wanted.disk:
            problems.append(f"{device.name} is {there.disk}, not {wanted.disk}")
        if there.boot is not wanted.boot:
            problems.append(f"{device.name} {'boots' if there.boot else 'does not boot'}")
        problems += [f"{key} of {device.name} is {there.kept.get(key)}, not {value}" for key, value in wanted.kept.items() if there.kept.get(key) != value]
    names = {device.name for device in devices}
    order = [one.device for one in machine.attached if one.device in names]
    if not problems and order != [device.name for device in devices]:
        problems.append(f"the order of the disks is {', '.join(order)}")
    return problems
