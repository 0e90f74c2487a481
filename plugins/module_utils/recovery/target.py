# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VM that a task works on: read anew each time, and changed only through the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ..core.errors import Conflict, NotFound, NotYetPossible, RecoveryError, WaitTimeout
from ..core.steps import at_once
from ..core.waiter import Waiter
from .gate import LAG_S, Gate
from .lock.claim import Claim, claim_of
from .lock.lock import Lock
from .lock.place import place_on
from .model import Attachment, Disk, Machine, Marked, Power, Ref
from .provider import Provider


class Target:
    """One VM by name. ``carriers`` are the disks that may carry its lock while there is no VM, the first that exists does."""

    def __init__(self, provider: Provider, name: str, waiter: Waiter) -> None:
        self.provider, self.name, self.waiter = provider, name, waiter
        self.carriers: Sequence[Ref] = ()
        self._lock: Lock | None = None
        self._gate: Gate | None = None

    def __str__(self) -> str:
        return f'VM "{self.name}"'

    # --- reading

    def get(self) -> Machine | None:
        return self.provider.machines.get(self.name)

    def existing(self) -> Machine:
        """The VM. Raises NotFound."""
        machine = self.get()
        if machine is None:
            raise NotFound(f"{self} does not exist in {self.provider.PLACE} {self.provider.place}.")
        return machine

    def disk(self, ref: Ref) -> Disk | None:
        return self.provider.disks.get(ref)

    def found(self, refs: Iterable[Ref]) -> list[Disk | None]:
        """The disks of these refs, None for each that does not exist."""
        return at_once(*[partial(self.disk, ref) for ref in refs])

    def disks_of(self, machine: Machine) -> dict[str, Disk]:
        """The disks of the VM by device, in their order. Raises NotFound for one that is attached and cannot be found."""
        found = self.found(one.disk for one in machine.attached)
        missing = [one.disk for one, disk in zip(machine.attached, found) if disk is None]
        if missing:
            raise NotFound(f"{self} has disks attached that cannot be found: {', '.join(missing)}.")
        return {one.device: disk for one, disk in zip(machine.attached, found) if disk}

    def claim(self) -> Claim | None:
        """The claim on the VM; while there is none, that on a disk which carries it."""
        return claim_of(carrier.marks) if (carrier := self.carrier()) else None

    def carrier(self) -> Marked | None:
        """What carries the lock: the VM; while there is none, the first of the disks that exists."""
        return self.get() or next((disk for disk in map(self.disk, self.carriers) if disk), None)

    def unfinished(self, refs: Iterable[Ref] = ()) -> bool:
        """Whether the provider still works on the VM or these disks."""
        return bool(self.provider.machines.unfinished([self.provider.machines.ref(self.name), *self.carriers, *refs]))

    def settle(self, refs: Iterable[Ref] = ()) -> None:
        """Wait for what an earlier run began on the VM or these disks; how it ended is seen by reading again."""
        for work in self.provider.machines.unfinished([self.provider.machines.ref(self.name), *self.carriers, *refs]):
            try:
                work.wait()
            except WaitTimeout:
                raise
            except RecoveryError:
                continue

    def settled(self, undo: Callable[[], None], refs: Sequence[Ref] = ()) -> Callable[[], None]:
        """``undo``, begun when what is under way on the VM or these disks has ended: a cancelled task leaves changes in flight, which no read shows yet."""

        def act() -> None:
            self.settle(refs)
            undo()

        return act

    # --- the lock

    def lock_for(self, purpose: str, ttl_s: float, may_follow: Callable[[Claim], bool]) -> Lock:
        """The lock of this VM for a task, made once; the gate sends changes under it."""
        if self._lock is None:
            place = place_on(self.provider.marks, self.carrier, self.unfinished, self.waiter.pause)
            self._lock = Lock(place, purpose, ttl_s, self.waiter, may_follow)
            self._gate = Gate(self.waiter, self.provider.marks, self.get, self._lock, self.provider.machines.ref(self.name))
        return self._lock

    @property
    def has_lock(self) -> bool:
        return self._lock is not None

    @property
    def lock(self) -> Lock:
        if self._lock is None:
            raise RuntimeError("this task takes no lock")
        return self._lock

    @property
    def gate(self) -> Gate:
        """Sends changes: under the lock, or without one for tasks that take none."""
        if self._gate is None:
            self._gate = Gate(self.waiter, self.provider.marks, self.get)
        return self._gate

    # --- changes

    def stop(self, discard_volatile: bool = False) -> None:
        """Stop it unless it is stopped; returns when it is seen to be."""
        machine = self._steady()
        if machine.power is not Power.OFF:
            self.gate.send(self.provider.machines.stop(machine, discard_volatile))
            self._until(Power.OFF)

    def start(self) -> None:
        """Start it unless it runs; returns when it is seen to. Raises NotYetPossible when capacity or quota did not suffice until the deadline."""
        if self._steady().power is not Power.ON:
            self.patiently(self._start, f"{self} is stopped")
            self._until(Power.ON)

    def _steady(self) -> Machine:
        """The VM when it is not just starting or stopping."""
        return self.waiter.wait_until(
            self.existing, lambda machine: machine.power is not Power.BETWEEN, lambda machine: f"{self} is {machine.status if machine else 'changing'}."
        )

    def _start(self) -> None:
        self.gate.send(self.provider.machines.start(self.existing()))

    def patiently(self, act: Callable[[], None], state: str) -> None:
        """Repeat what fails for want of capacity or quota until the deadline; then NotYetPossible, which leaves all as it is."""
        for pause_s in self.waiter.pauses():
            try:
                return act()
            except RecoveryError as error:
                if not self.provider.is_scarce(error):
                    raise
                if self.waiter.remaining_s <= pause_s:
                    raise NotYetPossible(
                        f"{state}, because there is no capacity or quota for it now: {error.message} Its data is safe on its disks. Run the task again.",
                        code=error.code,
                    ) from error
            self.waiter.pause(pause_s)

    def _until(self, power: Power) -> None:
        word = {Power.ON: "running", Power.OFF: "stopped"}[power]
        self.waiter.wait_until(
            self.existing,
            lambda machine: machine.power is power,
            lambda machine: f"{self} is {machine.status if machine else 'in an unknown state'}, not yet {word}. Run the task again to keep waiting.",
        )

    def detach(self, attachments: Iterable[Attachment]) -> None:
        """Take these disks off, one after another; those that are off are left."""
        for attachment in attachments:
            machine = self.existing()
            if attachment.disk in machine.disks:
                on = next(one for one in machine.attached if one.disk == attachment.disk)
                self.gate.send(self.provider.machines.detach(machine, on), partial(self._has, attachment.disk, on=False))

    def attach(self, attachments: Iterable[Attachment]) -> None:
        """Attach disks, one after another in this order; those attached are left. Raises Conflict for a device that another disk has."""
        for attachment in attachments:
            machine = self.existing()
            there = machine.device(attachment.device)
            if there and there.disk == attachment.disk:
                continue
            if there:
                raise Conflict(f"{self} has another disk, {there.disk}, attached as {attachment.device}.")
            try:
                self.gate.send(self.provider.machines.attach(machine, attachment), partial(self._has, attachment.disk, on=True))
            except Conflict:
                # The read may have lagged behind what an earlier run had attached.
                if not self._shows_in_time(partial(self._has, attachment.disk, on=True)):
                    raise

    def _has(self, disk: Ref, *, on: bool) -> bool:
        return (disk in self.existing().disks) is on

    def _shows_in_time(self, look: Callable[[], bool]) -> bool:
        if look():
            return True
        machine = self.existing()
        if machine.power is not Power.OFF:
            return False
        try:
            return self.waiter.shorter(LAG_S / 6).wait_until(look, bool, lambda _seen: "")
        except WaitTimeout:
            return False

    def remove(self, machine: Machine) -> None:
        """Delete it; returns when it is seen to be gone."""
        self.gate.send(self.provider.machines.remove(machine))
        self.until_gone()

    def make_way(self, machine: Machine) -> None:
        """Make room for the machine that is built in its place; returns when it is not seen any more under its name."""
        self.gate.send(self.provider.machines.make_way(machine))
        self.until_gone()

    def until_gone(self) -> None:
        self.waiter.wait_until(self.get, lambda there: there is None, lambda _there: f"{self} is still being deleted. Run the task again to keep waiting.")
