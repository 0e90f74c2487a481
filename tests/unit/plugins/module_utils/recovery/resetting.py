# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cloud in memory whose disks can go back to recovery points of themselves, with compare-and-swap for marks and without."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Conflict, NotFound
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import PENDING, SUCCEEDED
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Machine, Power
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import SNAPSHOT, RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.provider import Change

from tests.unit.plugins.module_utils.recovery.cloud import IN_USE, TORN, Process
from tests.unit.plugins.module_utils.recovery.memory import LooseMarks, Memory, MemoryMarks


class MemoryResets:
    """Disks of one place that go back. What a disk holds is torn until it is back, and stays so when that fails."""

    def __init__(self, process: Process, place: str) -> None:
        self._process, self._cloud, self._place = process, process.cloud, place

    def kept(self, restore: str | None, vm: str | None) -> list[RecoveryPoint]:
        listed = self._process.read("list points", lambda: self._cloud.listed(RecoveryPoint))
        ours = [one for one in listed if marks.SAFETY in one.marks and one.marks.get(marks.PLACE) == self._place]
        return [one for one in ours if restore in (None, one.marks.get(marks.RESTORE)) and vm in (None, one.marks.get(marks.VM))]

    def problem(self, disk: Disk, point: RecoveryPoint) -> str:
        if point.kind != SNAPSHOT:
            return "it can only go back to a snapshot. Use strategy: replace."
        if point.source_uid != disk.uid:
            return f"{point.name} is of another disk. Use strategy: in_place."
        return "" if point.status == SUCCEEDED else f"{point.name} is not complete."

    def reset(self, machine: Machine, disk: Disk, point: RecoveryPoint) -> Change:
        cloud, ref, what = self._cloud, disk.ref, f"resetting disk {disk.name} of VM {machine.name} to {point.name}"

        def begin() -> None:
            there, points = cloud.disk(ref), [one for one in cloud.things.values() if isinstance(one, RecoveryPoint)]
            found = next((one for one in points if one.ref == point.ref), None)
            if found is None or there.uid != disk.uid:
                raise NotFound(f"{what}: one of them is gone.")
            if found.source_uid != there.uid or found.status != SUCCEEDED:
                raise Conflict(f"{what}: it is not a whole point of this disk.")
            if any(one.status == PENDING and one.source_uid == there.uid for one in points) or self._process.underway([ref]):
                raise Conflict(f"{what}: something else is under way on it.", code=IN_USE)
            self._check(machine, what)
            self._write(ref, TORN)

        change = self._process.change(what, ref, begin, partial(self._finish, ref, point), machine=machine.ref, exchanges=True, takes_away=True)
        return replace(change, needs=Power.OFF)

    def _check(self, machine: Machine, what: str) -> None:
        """What any of the machine's disks holds that must not be lost is saved before the first of them goes back."""
        cloud, held = self._cloud, {cloud_disk.uid for cloud_disk in self._disks(machine)}
        unsaved = sorted(content for uid, content in cloud.treasures if uid in held and not cloud.is_saved(uid, content))
        if unsaved:
            cloud.violations.append(f"{what}: {', '.join(unsaved)} is not saved as a whole")

    def _disks(self, machine: Machine) -> list[Disk]:
        return [self._cloud.disk(one.disk) for one in self._cloud.machine(machine.ref).attached]

    def _finish(self, ref: str, point: RecoveryPoint) -> None:
        found = self._cloud.things.get(point.ref)
        if not isinstance(found, RecoveryPoint):
            raise NotFound(f"{point.ref} was deleted meanwhile.")
        self._write(ref, next(iter(found.own["contents"].values())))

    def _write(self, ref: str, content: str) -> None:
        self._cloud.update(ref, own={**self._cloud.disk(ref).own, "content": content})


class RoomyMarks(MemoryMarks):
    """Marks with room for the ref of a recovery point."""

    RULES = replace(MemoryMarks.RULES, longest_value=128)


class LooseRoomyMarks(LooseMarks):
    """The same without compare-and-swap."""

    RULES = replace(LooseMarks.RULES, longest_value=128)


class Resetting(Memory):
    """The provider whose disks can go back."""

    MARKS: ClassVar[type[MemoryMarks]] = RoomyMarks

    def __init__(self, task: Task, process: Process, place: str) -> None:
        super().__init__(task, process, place)
        self.resets = MemoryResets(process, place)


class LooseResetting(Resetting):
    """The same without compare-and-swap for marks."""

    MARKS: ClassVar[type[MemoryMarks]] = LooseRoomyMarks
