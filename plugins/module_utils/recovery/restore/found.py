# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which restores there are, read from the marks on their disks and VMs; one that runs elsewhere is seen at work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from ...core.steps import at_once
from .. import marks
from ..lock.claim import RESTORING, Claim, claim_of
from ..model import Attachment, Device, Disk, Machine, Planned, Ref, Strategy, in_order
from ..provider import Provider
from .progress import progress_of

# What a note must hold to tell how a disk is, and was, attached.
_FACTS = ("device", "boot", "old", "source")


@dataclass(frozen=True)
class Restore:
    """One restore: its new disks (of its last attempt), the old ones that it keeps, and the VM (None while there is none)."""

    provider: Provider
    name: str
    vm: str
    place: str
    new: tuple[Disk, ...]
    old: tuple[Disk, ...]
    machine: Machine | None
    # Disks of earlier attempts: the VM was lost after the restore was complete, and built again under the same name.
    earlier: tuple[Disk, ...] = ()

    def _mark(self, name: str, disks: Iterable[Disk]) -> str:
        return next((disk.marks[name] for disk in disks if name in disk.marks), "")

    @property
    def strategy(self) -> str:
        return self._mark(marks.STRATEGY, self.new)

    @property
    def moment(self) -> str:
        """The datetime of the backup that it went back to; empty for other points."""
        return self._mark(marks.BACKUP, self.new)

    @property
    def manifest(self) -> str:
        return self._mark(marks.MANIFEST, (*self.new, *self.old))

    @property
    def source_vm(self) -> str:
        return self._mark(marks.SOURCE_VM, self.new) or self.vm

    @property
    def attempt(self) -> int:
        return max((marks.number(disk.marks, marks.ATTEMPT, 1) for disk in self.new), default=1)

    @property
    def expected(self) -> int:
        return max((marks.number(disk.marks, marks.PARTS) for disk in self.new), default=0)

    @property
    def was_on(self) -> bool | None:
        """Whether the VM ran before the restore, as its old disks tell; None when they do not."""
        text = self._mark(marks.WAS, self.old)
        return text == marks.ON if text else None

    @property
    def superseded_by(self) -> str:
        """The restores that took its disks off again, in the words of a message; empty while they are the VM's."""
        return ", ".join(sorted({by for disk in self.new for by in (disk.marks.get(marks.REPLACED_BY), self._reset_by(disk)) if by}))

    def _reset_by(self, disk: Disk) -> str:
        """The restore that let the disk go back since it is this one's; one that did so before does not count."""
        found = progress_of(disk.marks)
        return disk.marks.get(marks.RESET_BY, "") if found and found.of == self.name else ""

    @cached_property
    def claim(self) -> Claim | None:
        """The claim on the VM; while there is none, that on one of its disks."""
        holders = (self.machine,) if self.machine else (*self.old, *self.new)
        return next((claim for claim in (claim_of(holder.marks) for holder in holders) if claim), None)

    @property
    def under_way(self) -> bool:
        """Whether a run works on it, or has left it unfinished."""
        return self.claim is not None and self.claim.purpose == RESTORING + self.name

    @property
    def complete(self) -> bool:
        """Whether it was seen to its end: the VM says so, or its old disks do, or each of its disks was in use or taken off by a later restore."""
        if self.under_way:
            return False
        if self.machine is not None and marks.STRATEGY in self.machine.marks:
            # It was made in one request with its disks, and still has all marks of theirs: what comes after that was not done.
            return False
        if self.machine is not None and self.machine.marks.get(marks.RESTORE) == self.name:
            return True
        if self.old and self.attempt == 1 and all(marks.KEPT in disk.marks for disk in self.old):
            return True
        on = self.machine.disks if self.machine else frozenset()
        return bool(self.new) and len(self.new) >= self.expected and all(disk.ref in on or marks.REPLACED_BY in disk.marks for disk in self.new)

    @property
    def current(self) -> bool:
        """Whether the VM is there and has all its disks."""
        gone_back = any(self._reset_by(disk) for disk in self.new)
        return self.machine is not None and bool(self.new) and not gone_back and all(disk.ref in self.machine.disks for disk in self.new)

    @property
    def devices(self) -> tuple[Device, ...]:
        """The devices that its new disks' notes tell of; fewer than expected at its very beginning, or when it went back to old disks."""
        return in_order([device for device in map(self._noted, self.new) if device])

    @property
    def begun(self) -> tuple[Device, ...]:
        """The devices as an earlier run noted them, once all its disks were asked for; before that nothing but them has changed."""
        devices = self.devices
        return devices if len(devices) == self.expected > 0 and self.strategy != Strategy.ROLLBACK else ()

    def _noted(self, disk: Disk) -> Device | None:
        # A disk that came back was made by an earlier restore, and its note tells what that one replaced.
        return noted(self.provider, disk) if disk.note.get("restore") == self.name else None


def noted(provider: Provider, disk: Disk) -> Device | None:
    """The device that a disk's note tells of: how it is attached, and what was there before; None when it has no such note."""
    note = disk.note
    if not all(name in note for name in _FACTS):
        return None
    before = provider.machines.noted(note)
    new = Planned(disk.ref, disk.name, before.device, disk.marks, disk.tags)
    return Device(before, new, source=str(note["source"]), taken_at=str(note.get("taken_at", "")))


def attached_before(provider: Provider, disk: Disk, devices: Iterable[str]) -> Attachment | None:
    """How a disk from before was attached, as its own marks tell; ``devices`` are names that it may have had."""
    text, marked = disk.marks.get(marks.ATTACHED, ""), disk.marks.get(marks.DEVICE, "")
    device = next((name for name in devices if provider.marks.value(name) == marked), marked)
    return provider.machines.unpacked(text, device, disk.ref) if text and marked and provider.marks.value(device) == marked else None


class Restores:
    """The restores in the place of a provider."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._machines: dict[str, Machine | None] = {}

    def find(self, name: str, vm: str | None = None) -> list[Restore]:
        """The restores of this name: one, unless several VMs have one and ``vm`` does not choose."""
        self._machines.clear()
        new, old = at_once(partial(self._disks, {marks.RESTORE: name, marks.VM: vm}), partial(self._disks, {marks.REPLACED_BY: name, marks.VM: vm}))
        vms = sorted({disk.marks.get(marks.VM, "") for disk in (*new, *old)})
        found = [self._restore(name, one, new, old) for one in vms]
        if not found and vm:
            # One that gave up another, before that had taken effect, has no disks: only the VM tells of it.
            alone = self._restore(name, vm, (), ())
            return [alone] if alone.complete or alone.under_way else []
        return found

    def every(self, vm: str | None = None) -> list[Restore]:
        """All restores in the place, or those of one VM; each VM is read once."""
        self._machines.clear()
        new, old = at_once(partial(self._disks, {marks.VM: vm}, marks.RESTORE), partial(self._disks, {marks.VM: vm}, marks.REPLACED_BY))
        names = sorted({(disk.marks.get(marks.VM, ""), disk.marks[marks.RESTORE]) for disk in new})
        return [
            self._restore(
                name, one, [disk for disk in new if disk.marks[marks.RESTORE] == name], [disk for disk in old if disk.marks[marks.REPLACED_BY] == name]
            )
            for one, name in names
        ]

    def by_refs(self, name: str, vm: str, new: Iterable[Ref], old: Iterable[Ref]) -> Restore:
        """The restore of these disks, each read by itself: a list may lag behind what was just made."""
        self._machines.clear()
        read: Callable[[Ref], Disk | None] = self._provider.disks.get
        made, before = [list(new), list(old)]
        found: Sequence[Disk | None] = at_once(*[partial(read, ref) for ref in (*made, *before)])
        return self._restore(name, vm, [disk for disk in found[: len(made)] if disk], [disk for disk in found[len(made) :] if disk], of_vm=False)

    def _restore(self, name: str, vm: str, new: Sequence[Disk], old: Sequence[Disk], *, of_vm: bool = True) -> Restore:
        def by_name(disks: Sequence[Disk]) -> list[Disk]:
            return sorted((disk for disk in disks if not of_vm or disk.marks.get(marks.VM) == vm), key=lambda disk: disk.name)

        mine = by_name(new)
        attempt = max((marks.number(disk.marks, marks.ATTEMPT, 1) for disk in mine), default=1)
        last = [disk for disk in mine if marks.number(disk.marks, marks.ATTEMPT, 1) == attempt]
        earlier = tuple(disk for disk in mine if disk not in last)
        return Restore(self._provider, name, vm, self._provider.place, tuple(last), tuple(by_name(old)), self._machine(vm), earlier)

    def _machine(self, vm: str) -> Machine | None:
        if vm not in self._machines:
            self._machines[vm] = self._provider.machines.get(vm) if vm else None
        return self._machines[vm]

    def _disks(self, wanted: dict[str, str | None], having: str = "") -> list[Disk]:
        return self._provider.disks.marked({**wanted, marks.PLACE: self._provider.place}, having)
