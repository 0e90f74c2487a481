# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The safety points of a roll-back: recovery points of what the disks hold before they go back, made while the VM runs and once more at rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ....core.errors import Conflict
from ....core.model import DELETING, FAILED, SUCCEEDED
from ....core.plan import Progress, Step
from ... import marks
from ...backup.members import Members, delete_members, mark_members, saved_at_rest, wait_for_deletions
from ...model import Disk, Machine, Planned, Power
from ...points import RecoveryPoint
from ...target import Target
from ..resets import FIRST, SECOND
from ..steps import SAVING_AT_REST, SAVING_RUNNING


class SafetyPoints:
    """The points of both stages, of ``disks`` by device. Only those made at rest hold all that the disks held: they are what a disk comes back to."""

    def __init__(self, target: Target, disks: Mapping[str, Disk], running: Members, at_rest: Members) -> None:
        self._target, self._disks, self._running, self._at_rest = target, disks, running, at_rest

    @property
    def planned(self) -> list[Planned]:
        return [*self._running.planned, *self._at_rest.planned]

    def stages(self) -> list[tuple[str, Members]]:
        return [(FIRST, self._running), (SECOND, self._at_rest)]

    @property
    def names(self) -> list[str]:
        """The names of the points that hold everything."""
        return [one.name for one in self._at_rest.planned]

    def found(self) -> list[RecoveryPoint]:
        """All points that there are."""
        return [point for members in (self._running, self._at_rest) for point in members.found() if point]

    def at_rest(self) -> list[RecoveryPoint]:
        """The points made at rest that a disk can come back to."""
        return [point for point in self._at_rest.found() if point and point.status == SUCCEEDED and not point.condemned]

    def whole(self) -> bool:
        """Whether every disk can come back."""
        return len(self.at_rest()) == len(self._at_rest.planned)

    # --- making them

    def saving_running(self, touched: Callable[[], bool]) -> Step:
        """The slow part, done while the VM runs: the points at rest then hold only what has changed since."""

        def done() -> Progress:
            # Once the VM is stopped it saves no time any more.
            if self._target.existing().power is not Power.ON or touched():
                return Progress.DONE
            return Progress.NO if self._stale(self._running) else self._running.done()

        return Step(SAVING_RUNNING, do=lambda: self._save(self._running), done=done, wait=self._wait(self._running))

    def saving_at_rest(self, touched: Callable[[], bool]) -> Step:
        """The points of the stopped VM; those of an earlier run are made anew if somebody has started the VM since."""

        def done() -> Progress:
            if touched():
                # By now the disks may hold what they go back to. The points from before are looked at when they are needed.
                return Progress.DONE
            return Progress.NO if self._stale(self._at_rest, self._target.existing()) else self._at_rest.done()

        def save() -> None:
            machine = self._target.existing()
            self._refuse_unrest(machine)
            self._save(self._at_rest, machine)

        return Step(SAVING_AT_REST, do=save, done=done, wait=self._wait(self._at_rest))

    def _save(self, members: Members, at_rest_of: Machine | None = None) -> None:
        stale = self._stale(members, at_rest_of)
        alone = [point.name for point in stale if not self._is_needless(point)]
        if alone:
            raise Conflict(
                f"the disks of the safety points {', '.join(alone)} are gone, so these points may be all that is left of them. Nothing was reset."
                " Choose another name for the restore, or delete them with the module snapshot."
            )
        wait_for_deletions(self._target, stale, delete_members(self._target, stale))
        members.submit(self._target.existing())

    def _wait(self, members: Members) -> Callable[[], None]:
        def wait() -> None:
            members.wait_until_ready()

        return wait

    def _stale(self, members: Members, at_rest_of: Machine | None = None) -> list[RecoveryPoint]:
        """What an earlier run has saved that is of no use: of another disk, failed or being deleted, or from before the VM was started again."""
        return [point for point in members.found() if point and not self._is_of_use(point, at_rest_of)]

    def _is_of_use(self, point: RecoveryPoint, at_rest_of: Machine | None) -> bool:
        disk = self._disks.get(point.device)
        if disk is None or point.source_uid != disk.uid or point.condemned or point.status in (FAILED, DELETING):
            return False
        return at_rest_of is None or saved_at_rest(point, at_rest_of)

    def _refuse_unrest(self, machine: Machine) -> None:
        if machine.power is not Power.OFF:
            raise Conflict(f"{self._target} is {machine.status}, not stopped: somebody has started it. Its disks were not reset.")

    # --- before and after the resets

    def check(self) -> None:
        """Raises Conflict unless every disk can come back to what it holds now: to be asked before the first reset."""
        machine = self._target.existing()
        self._refuse_unrest(machine)
        good = {point.device for point in self.at_rest() if self._is_of_use(point, machine)}
        missing = [one.name for one in self._at_rest.planned if one.device not in good]
        if missing:
            raise Conflict(
                f"safety points of {self._target} are gone, or were made before somebody started it: {', '.join(missing)}. Its disks were not reset."
            )

    def drop(self, stage: str, touched: Callable[[], bool]) -> None:
        """Delete the points of a stage when every disk holds what it held before. One whose disk somebody has deleted stays, because nothing else is left."""
        if not touched():
            made = [point for point in dict(self.stages())[stage].found() if point and self._is_needless(point)]
            wait_for_deletions(self._target, made, delete_members(self._target, made))

    def _is_needless(self, point: RecoveryPoint) -> bool:
        disk = self._target.disk(point.source_disk)
        return disk is not None and disk.uid == point.source_uid


def keep(target: Target, points: Sequence[RecoveryPoint]) -> None:
    """Mark points as kept on purpose: their roll-back is seen to its end, or another one goes back from it."""
    mark_members(target.provider, target.gate, points, {marks.KEPT: marks.YES})
