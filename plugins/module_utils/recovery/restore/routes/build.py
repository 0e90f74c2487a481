# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building a VM on its new disks: one that is gone, a copy under another name, or one that is replaced by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ....core.errors import Conflict, InvalidRequest
from ....core.plan import Progress, Step
from ... import marks
from ...lock.claim import without_lock
from ...model import Attachment, Device, Identity, Machine, Moment, Power, in_order
from ...provider import Intent
from ...target import Target
from ..disks import RestoreDisks
from ..steps import CREATING, INSERTING, STOPPING_NEW, UNLOCKING, VERIFYING, chained
from .exchange import differences

# The request that builds the VM with these disks; with True as it was before, whatever the task says.
Request = Callable[[Sequence[Attachment], bool], Any]
_OTHERWISE = (
    "The request to build the VM is not accepted as it is: give what it lacks or what is wrong in machine_type, network or subnetwork,"
    " or restore under another name with a corrected manifest."
)


class Builder:
    """What all ways of building a VM share."""

    def __init__(self, target: Target, identity: Identity, devices: Sequence[Device], request: Request, *, start: bool) -> None:
        self._target, self._identity, self._request, self._start = target, identity, request, start
        self.devices = in_order(list(devices))
        self.disks = RestoreDisks(target, identity, self.devices)

    @property
    def _after(self) -> list[Attachment]:
        return [device.after for device in self.devices]

    def inserting(self, build: Callable[[], None]) -> Step:
        """The step that makes the VM, waits until it runs, and takes it away again when something fails."""
        undo = self._target.settled(self.remove_new)
        return Step(INSERTING, do=build, done=self._inserted, wait=self._until_running, undo=undo, disruptive=True)

    def insert_new(self) -> None:
        names = ", ".join(device.new.ref for device in self.devices if not device.new.made_with_machine)
        try:
            self._target.patiently(lambda: self.insert(self._after), f"{self._target} does not exist at the moment; its new disks {names} are safe")
        except InvalidRequest as error:
            # The same request is refused each time.
            error.message = f"{error.message} {_OTHERWISE}"
            raise

    def insert(self, attachments: Sequence[Attachment], *, as_before: bool = False) -> None:
        """Build the VM under the lock, which the request carries. Raises Conflict when a VM of that name is there that has other disks."""
        target = self._target
        if target.get() is None:
            change = target.provider.machines.build(target.name, self._request(attachments, as_before), target.lock.marks())
            target.gate.send(change, lambda: target.get() is not None)
        if target.existing().disks != {one.disk for one in attachments}:
            raise Conflict(f"there is a {target} already, with other disks than this restore's. It is untouched.")

    def _inserted(self) -> Progress:
        machine = self._target.get()
        return Progress.DONE if machine and machine.disks.issuperset(self.disks.new) else Progress.NO

    def _until_running(self) -> None:
        if self._start or self._target.existing().power is not Power.OFF:
            self._target.start()

    def remove_new(self) -> None:
        """Delete the VM that this restore has built; its disks are this restore's own, and only copies, and stay."""
        machine = self._target.get()
        if machine is None or not machine.disks.intersection(self.disks.new):
            return
        self.secure(machine)
        self._target.remove(self._target.existing())

    def secure(self, machine: Machine) -> None:
        """Keep the deletion of the VM from taking disks along; returns when that is seen."""
        securing = self._target.provider.machines.securing
        changes = securing(machine)
        for change in changes:
            self._target.gate.send(change, (lambda: not securing(self._target.existing())) if change is changes[-1] else None)

    def stopping(self) -> list[Step]:
        """The step that stops the VM again when it is not to run: building it starts it."""
        return [] if self._start else [Step(STOPPING_NEW, do=self.stop_built, done=self._is_off)]

    def _is_off(self) -> Progress:
        return Progress.DONE if self._target.existing().power is Power.OFF else Progress.NO

    def stop_built(self) -> None:
        """Stop the VM that this restore has just built. Its local SSDs were made empty, so nothing is lost with them."""
        self._target.stop(discard_volatile=bool(self._target.existing().volatile))

    def verifying(self) -> Step:
        # What was seen to be restored is not taken back, whatever becomes of the marks.
        return Step(VERIFYING, do=self._verify, point_of_no_return=True)

    def _verify(self) -> None:
        machine = self._target.existing()
        problems = [*differences(machine, self.devices), *self._target.provider.machines.differences(machine, self._request(self._after, False))]
        if self._start and machine.power is not Power.ON:
            problems.append(f"it is {machine.status} and not running")
        if problems:
            self.disks.refuse(f"{self._target} is not as it should be after the restore: {'; '.join(problems)}.")

    def unlock(self) -> None:
        """Take the lock off the disks that carried it, and off the VM in the end."""
        there = [disk for disk in self._target.found([*self.disks.new, *self.disks.old]) if disk]
        self._target.gate.mark_all([(partial(self._target.disk, disk.ref), without_lock(disk.marks)) for disk in there])
        self._target.lock.release({marks.RESTORE: self._identity.restore})


class Build:
    """A VM that is not there: gone, or to be made as a copy. Its boot disk is made first, because it carries the lock."""

    def __init__(self, builder: Builder, target: Target, intent: Intent) -> None:
        self._builder, self._target, self._intent = builder, target, intent

    def steps(self) -> tuple[Step, ...]:
        """The steps under the lock, in their order."""
        builder, target = self._builder, self._target
        return chained(
            [
                *target.provider.extras.steps(self._intent, Moment.BEFORE_BUILD, target.gate),
                builder.disks.creation(CREATING, builder.devices),
                builder.inserting(builder.insert_new),
                builder.verifying(),
                *builder.stopping(),
                *target.provider.extras.steps(self._intent, Moment.AT_END, target.gate),
                Step(UNLOCKING, do=builder.unlock),
            ]
        )
