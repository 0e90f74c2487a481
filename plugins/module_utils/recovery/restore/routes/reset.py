# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roll-back: the disks themselves go back to recovery points of them, after safety points that can bring back what they held.

A reset shows nowhere, so each disk is marked before it ("to") and after it ("at"). What is marked "to" is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ....core.errors import ProviderFailure
from ....core.plan import Progress, Step
from ....core.steps import at_once
from ... import marks
from ...backup.members import Members, delete_members, mark_members, saved_at_rest, wait_for_deletions
from ...model import Attachment, Disk, Machine, Moment, Power, Ref
from ...points import RecoveryPoint
from ...provider import Intent
from ...target import Target
from ..resets import AT, FIRST, SECOND, TO, Reset, took_part
from ..resets import Progress as Mark
from ..steps import (
    KEEPING_SAFETY,
    RESETTING,
    SAVING_AT_REST,
    SAVING_RUNNING,
    STARTING,
    STOPPING,
    UNLOCKING,
    VERIFYING,
    chained,
)
from .exchange import Wanted


@dataclass(frozen=True)
class Returning:
    """One disk on its way to a recovery point of itself."""

    attachment: Attachment
    disk: Disk
    point: RecoveryPoint

    @property
    def device(self) -> str:
        return self.attachment.device


class ResetRoute:
    """The steps for one VM, under its lock. ``safety`` are the points to be made while it runs, and at rest; empty when the task wants none."""

    def __init__(
        self, target: Target, name: str, moment: str, returning: Sequence[Returning], wanted: Wanted, intent: Intent, safety: Mapping[str, Members]
    ) -> None:
        self._target, self._name, self._moment, self._wanted, self._intent = target, name, moment, wanted, intent
        self._returning, self._safety = list(returning), safety

    def steps(self) -> tuple[Step, ...]:
        """The steps in their order."""
        target, wanted, safety = self._target, self._wanted, self._safety
        steps = list(target.provider.extras.steps(self._intent, Moment.BEFORE_STOP, target.gate))
        if FIRST in safety and wanted.was_on:
            members = safety[FIRST]
            # The slow part is done while the VM runs: the second one holds only what has changed since.
            steps.append(Step(SAVING_RUNNING, do=self._save(members), done=self._saved_running, wait=partial(self._ready, members), undo=self._drop_safety))
        if wanted.was_on:
            steps.append(Step(STOPPING, do=self._stop, done=self._stopped, undo=target.settled(self._start_again), disruptive=True))
        if SECOND in safety:
            members = safety[SECOND]
            steps.append(Step(SAVING_AT_REST, do=self._save_at_rest, done=self._saved_at_rest, wait=partial(self._ready, members), undo=self._drop_safety))
        # Without safety points there is nothing to go back to.
        steps.append(
            Step(
                RESETTING,
                do=self._reset,
                done=self._reset_done,
                undo=target.settled(self._reset_back) if SECOND in safety else None,
                disruptive=SECOND in safety,
                point_of_no_return=SECOND not in safety,
            )
        )
        if wanted.start:
            steps.append(Step(STARTING, do=target.start, done=self._is_on, undo=target.settled(self._stop_for_undo), disruptive=True))
        # What was seen to be restored is not taken back, whatever becomes of the marks.
        steps.append(Step(VERIFYING, do=self._verify, point_of_no_return=True))
        if safety:
            steps.append(Step(KEEPING_SAFETY, do=self._keep, done=self._kept))
        steps.append(Step(UNLOCKING, do=lambda: target.lock.release({marks.RESTORE: self._name})))
        return chained(steps)

    # --- what is there

    def _disks(self) -> list[Disk]:
        found = self._target.found(one.disk.ref for one in self._returning)
        missing = [one.device for one, disk in zip(self._returning, found) if disk is None]
        if missing:
            raise ProviderFailure(f"{self._target} has lost {', '.join(missing)}: somebody has deleted disks.")
        return [disk for disk in found if disk]

    def _mark(self, one: Returning, state: str) -> str:
        return Mark(state, len(self._returning), self._moment, one.point.ref).text

    def _touched(self) -> bool:
        """Whether the reset of any disk was asked for."""
        return any(took_part(disk, self._name) for disk in self._disks())

    def _all_at(self) -> bool:
        return all(took_part(disk, self._name) and disk.marks.get(marks.RESET) == self._mark(one, AT) for one, disk in zip(self._returning, self._disks()))

    # --- safety points

    def _save(self, members: Members) -> Callable[[], None]:
        return lambda: members.submit(self._target.existing())

    def _saved_running(self) -> Progress:
        # After the stop it is of no use any more.
        return Progress.DONE if self._target.existing().power is not Power.ON or self._touched() else self._safety[FIRST].done()

    def _ready(self, members: Members) -> None:
        members.wait_until_ready()

    def _saved_at_rest(self) -> Progress:
        if self._touched():
            # Now they would hold what the disks went back to. The ones from before are looked at when they are needed.
            return Progress.DONE
        machine = self._target.existing()
        points = [point for point in self._safety[SECOND].found() if point]
        return self._safety[SECOND].done() if all(saved_at_rest(point, machine) for point in points) else Progress.NO

    def _save_at_rest(self) -> None:
        """Save all disks after the stop; what an earlier run had saved before somebody started the VM again is made anew."""
        machine, members = self._target.existing(), self._safety[SECOND]
        stale = [point for point in members.found() if point and not saved_at_rest(point, machine)]
        wait_for_deletions(self._target, stale, delete_members(self._target, stale))
        members.submit(machine)

    def _drop_safety(self) -> None:
        """Delete the safety points when every disk holds what it held before, so that nothing needs them."""
        if self._touched():
            return
        made = [point for members in self._safety.values() for point in members.found() if point]
        wait_for_deletions(self._target, made, delete_members(self._target, made))

    def _keep(self) -> None:
        made = [point for members in self._safety.values() for point in members.found() if point]
        mark_members(self._target.provider, self._target.gate, made, {marks.KEPT: marks.YES})

    def _kept(self) -> Progress:
        made = [point for members in self._safety.values() for point in members.found() if point]
        return Progress.DONE if all(marks.KEPT in point.marks for point in made) else Progress.NO

    # --- stop and start

    def _is_on(self) -> Progress:
        return Progress.DONE if self._target.existing().power is Power.ON else Progress.NO

    def _stop(self) -> None:
        self._target.stop(self._wanted.discard_volatile)
        # Whoever started it half-way has let it write to disks that had gone back: they go back once more.
        self._mark_all(TO, [(one, disk) for one, disk in zip(self._returning, self._disks()) if took_part(disk, self._name)])

    def _stopped(self) -> Progress:
        return Progress.DONE if self._target.existing().power is Power.OFF or self._all_at() else Progress.NO

    def _start_again(self) -> None:
        if not self._touched():
            self._target.start()

    def _stop_for_undo(self) -> None:
        self._target.stop(self._wanted.discard_volatile)

    # --- going back

    def _reset_done(self) -> Progress:
        return Progress.DONE if self._all_at() else Progress.NO

    def _reset(self) -> None:
        pairs = list(zip(self._returning, self._disks()))
        wanted = [(one, disk) for one, disk in pairs if not took_part(disk, self._name) or disk.marks.get(marks.RESET) != self._mark(one, AT)]
        self._see_safety()
        self._mark_all(TO, wanted)
        machine = self._target.existing()
        self._send(machine, {one.disk.ref: one.point for one, _disk in wanted}, [disk for _one, disk in wanted])
        self._mark_all(AT, wanted)

    def _see_safety(self) -> None:
        """Raises ProviderFailure unless every disk can come back to what it holds now."""
        missing = (
            [one.name for one, point in zip(self._safety[SECOND].planned, self._safety[SECOND].found()) if point is None] if SECOND in self._safety else []
        )
        if missing:
            raise ProviderFailure(f"safety points of {self._target} are gone, so that its disks could not come back: {', '.join(missing)}. Nothing was reset.")

    def _send(self, machine: Machine, points: Mapping[Ref, RecoveryPoint], disks: Sequence[Disk]) -> None:
        resets = self._target.provider.resets
        if resets is None:
            raise RuntimeError("the provider resets no disks")
        gate = self._target.gate
        gate.wait_all(gate.begin_all([resets.reset(machine, disk, points[disk.ref]) for disk in disks]))

    def _mark_all(self, state: str, wanted: Sequence[tuple[Returning, Disk]]) -> None:
        # Whose disk it is goes with it: by that the roll-back is found.
        identity = {marks.VM: self._target.name, marks.PLACE: self._target.provider.place}
        changes = [
            (partial(self._target.disk, disk.ref), {marks.RESET_BY: self._name, marks.RESET: self._mark(one, state), **identity}) for one, disk in wanted
        ]
        self._target.gate.mark_all(changes, until_seen=True)

    def _reset_back(self) -> None:
        """Bring every disk that may have gone back to the safety point that was made at rest, and take its marks off."""
        touched = [disk for disk in self._disks() if took_part(disk, self._name)]
        if not touched:
            return
        self._stop_for_undo()
        found = {point.source_uid: point for point in self._safety[SECOND].found() if point}
        lost = [disk.ref for disk in touched if disk.uid not in found]
        if lost:
            raise ProviderFailure(f"the safety points of {', '.join(lost)} are gone.")
        self._mark_all(TO, [(one, disk) for one in self._returning for disk in touched if disk.ref == one.disk.ref])
        self._send(self._target.existing(), {disk.ref: found[disk.uid] for disk in touched}, touched)
        self._target.gate.mark_all([(partial(self._target.disk, disk.ref), {marks.RESET_BY: None, marks.RESET: None}) for disk in touched], until_seen=True)

    # --- reading back

    def _verify(self) -> None:
        machine = self._target.existing()
        off = [one.device for one in self._returning if one.disk.ref not in machine.disks]
        problems = [f"{', '.join(off)} is not attached"] if off else []
        if not self._all_at():
            problems.append("not every disk was seen to go back")
        if self._wanted.start and machine.power is not Power.ON:
            problems.append(f"it is {machine.status} and not running")
        if problems:
            raise ProviderFailure(f"{self._target} is not as it should be after the roll-back: {'; '.join(problems)}.")


class GiveUpReset:
    """Deletion of what a complete roll-back kept: its safety points, and the marks on its disks."""

    def __init__(self, target: Target, reset: Reset) -> None:
        self._target, self._reset = target, reset

    def steps(self) -> tuple[Step, ...]:
        steps = [Step("delete safety points", do=self._delete, point_of_no_return=True)] if self._reset.safety else []
        return chained([*steps, Step("remove notes", do=self._forget), Step(UNLOCKING, do=self._unlock)])

    def _delete(self) -> None:
        provider = self._target.provider
        there = [point for point in at_once(*[partial(provider.points.get, point) for point in self._reset.safety]) if point]
        wait_for_deletions(self._target, there, delete_members(self._target, there))

    def _forget(self) -> None:
        found = [disk for disk in self._target.found(disk.ref for disk in self._reset.disks) if disk and took_part(disk, self._reset.name)]
        gone: dict[str, None] = {marks.RESET_BY: None, marks.RESET: None}
        whose: dict[str, None] = {marks.VM: None, marks.PLACE: None}
        # A disk that another restore has made, or keeps, is found by whose it is.
        others = (marks.RESTORE, marks.REPLACED_BY)
        wanted = [(partial(self._target.disk, disk.ref), gone if any(name in disk.marks for name in others) else {**gone, **whose}) for disk in found]
        self._target.gate.mark_all(wanted)

    def _unlock(self) -> None:
        machine = self._target.get()
        ours = machine is not None and machine.marks.get(marks.RESTORE) == self._reset.name
        self._target.lock.release({marks.RESTORE: None} if ours else None)
