# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which disks of a VM go back to which recovery points of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ....core.errors import Conflict, NotFound
from ... import marks
from ...model import Attachment, Disk, Machine
from ...points import RecoveryPoint
from ..case import RestoreCase
from ..progress import Progress
from ..resets import SECOND, Reset


@dataclass(frozen=True)
class Returning:
    """One disk on its way to a recovery point of itself; ``disk`` is as it was read under the lock."""

    attachment: Attachment
    disk: Disk
    point: RecoveryPoint

    @property
    def device(self) -> str:
        return self.attachment.device


@dataclass(frozen=True)
class Journey:
    """Which disks of one VM go where, by which restore. ``moment`` is the datetime of the backup, empty when the points are of none.

    ``of_before`` are safety points of an unfinished roll-back from which this one goes back, ``left`` those of an earlier run of this one that
    cannot bring the disks back any more.
    """

    name: str
    moment: str
    returning: tuple[Returning, ...]
    of_before: tuple[RecoveryPoint, ...] = ()
    left: tuple[RecoveryPoint, ...] = ()

    def mark(self, one: Returning, state: str) -> Progress:
        return Progress(state, len(self.returning), self.moment, one.point.ref, one.disk.marks.get(marks.RESTORE, ""))

    @property
    def names(self) -> str:
        """Its disks in the words of a message."""
        return ", ".join(f"{one.device} ({one.disk.name} to {one.point.name})" for one in self.returning)


def points_of_task(case: RestoreCase, reset: Reset) -> Mapping[str, RecoveryPoint]:
    """Device to the point that the task names. Raises NotFound, Conflict."""
    try:
        source = case.source
    except NotFound as error:
        if reset.all_at and case.moment_asked in ("", reset.moment):
            # Its disks are there, and do not need the points any more.
            return _noted(case.existing(), reset)
        back = f" Go back with rollback_of: {reset.name}." if reset.disks else ""
        raise NotFound(f"{error.message}{back}", code=error.code) from error
    if source.vm and source.vm != case.source_vm:
        raise Conflict(f'the restore point is of VM "{source.vm}", not of "{case.source_vm}". Nothing was changed.')
    if source.boot_only:
        raise Conflict("a disk goes back only to snapshots of itself, not to an image. Nothing was changed. Use strategy: replace or new.")
    return source.points


def _noted(machine: Machine, reset: Reset) -> Mapping[str, RecoveryPoint]:
    """Device to the point that its disk has gone back to, as far as the disk's mark tells it."""
    progress = reset.progress
    return {one.device: RecoveryPoint(progress[one.disk].point, progress[one.disk].point) for one in machine.attached if one.disk in progress}


def points_before(case: RestoreCase, before: Reset, machine: Machine) -> Mapping[str, RecoveryPoint]:
    """Device to the safety point that holds what its disk held before that roll-back. Raises Conflict."""
    kept, disks = before.safety_at(SECOND), case.target.disks_of(machine)
    mine = {disk.ref for disk in before.disks}
    missing = [one.device for one in machine.attached if one.disk in mine and one.device not in kept]
    other = sorted(device for device, point in kept.items() if device not in disks or disks[device].uid != point.source_uid)
    what = [f"no safety point is kept for {', '.join(missing)}"] if missing else []
    what += [f"it does not have the disks {', '.join(other)} any more that it had then"] if other else []
    if not what and len(kept) < max(before.count, 1):
        what = [f"of {before.count} safety points {len(kept)} are there"]
    if what:
        raise Conflict(f'{case.target} cannot go back to before the restore "{before.name}": {"; ".join(what)}. Nothing was changed.')
    return kept


def returning_of(case: RestoreCase, machine: Machine, points: Mapping[str, RecoveryPoint]) -> tuple[Returning, ...]:
    """The disks with their points. Raises Conflict for devices that the VM does not have."""
    strange = [device for device in points if machine.device(device) is None]
    if strange:
        has = ", ".join(one.device for one in machine.attached)
        raise Conflict(f"{case.target} has no disk {', '.join(strange)}, which the restore point holds. It has {has}. Use strategy: replace or new.")
    disks = case.target.disks_of(machine)
    staying = [device for device in disks if device not in points]
    if staying and not case.under_lock:
        case.task.warn(f"{case.target} keeps these disks as they are, because the restore point does not hold them: {', '.join(staying)}.")
    return tuple(Returning(one, disks[one.device], points[one.device]) for one in machine.attached if one.device in points)


def refuse_other_points(case: RestoreCase, reset: Reset, machine: Machine, points: Mapping[str, RecoveryPoint]) -> None:
    """Raises Conflict when disks went, or are on their way, to other points than are asked for, or are not the VM's any more."""
    progress = reset.progress
    off = {disk.name for disk in reset.disks if disk.ref not in machine.disks}
    # A disk that is deleted tells nothing any more; its device does.
    lost = sorted(off or {device for device in points if reset.disks and machine.device(device) is None})
    if lost:
        raise Conflict(
            f'{case.target} does not have {", ".join(lost)} any more, which the restore "{reset.name}" has begun to reset. Nothing was changed.'
            " Attach it again and run the task again, or restore a copy with strategy: new."
        )
    asked = {one.disk: points[one.device].ref for one in machine.attached if one.device in points}
    if reset.disks and (len(asked) != reset.count or any(found.point != asked.get(ref) for ref, found in progress.items())):
        goes, wanted = (", ".join(sorted(_short(ref) for ref in refs)) for refs in ({found.point for found in progress.values()}, asked.values()))
        raise Conflict(f'the restore "{reset.name}" exists and it goes back to {goes}, not to {wanted}. Nothing was changed. Choose another name.')


def _short(ref: str) -> str:
    return ref.rpartition("/")[2]
