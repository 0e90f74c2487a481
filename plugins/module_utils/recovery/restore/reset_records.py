# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roll-backs as Records: the same keys for one that is predicted and one that was seen."""

from __future__ import annotations

from ...core.model import PENDING, RUNNING, SUCCEEDED, Record
from .. import marks
from ..model import Disk, Planned, Power, Ref
from ..points import RecoveryPoint
from .progress import progress_of
from .records import details_of, uid_of
from .resets import ROLLBACK, SECOND, Reset
from .steps import RESETTING, SAVING_AT_REST, STARTING, STOPPING, UNLOCKING


def record_of(reset: Reset) -> Record:
    """A roll-back as users see it."""
    claim = reset.claim if reset.under_way else None
    machine, provider = reset.machine, reset.provider
    step, following = ("", "") if reset.complete else _progress(reset)
    attached = {one.disk: one.device for one in machine.attached} if machine else {}
    return Record(
        name=reset.name,
        uid=uid_of(provider.place, reset.vm, reset.name),
        provider=provider.NAME,
        status=SUCCEEDED if reset.complete else RUNNING if claim and not claim.released_unfinished else PENDING,
        created_at=min((point.created_at for point in reset.safety if point.created_at), default=None),
        tags=marks.in_all([point.tags for point in reset.safety]),
        details=details_of(
            vm=reset.vm,
            zone=provider.place,
            strategy=ROLLBACK,
            point=reset.moment,
            disks=[disk_record(attached.get(disk.ref, ""), disk, point_of(disk), disk.ref in attached) for disk in reset.disks],
            safety_points=[safety_record(point) for point in reset.safety],
            holder=claim.run if claim and not claim.released_unfinished else "",
            step=step,
            next=following,
            superseded_by="" if reset.current or not reset.complete else "a later restore",
            vm_status=machine.status if machine else "absent",
        ),
    )


def disk_record(device: str, disk: Disk, source: Ref, attached: bool) -> dict[str, object]:
    facts = {"device": device, "disk": disk.ref, "uid": disk.uid, "source": source, "old_disk": ""}
    return {**facts, "status": disk.status, "attached": attached, "recovery_point_at": ""}


def point_of(disk: Disk) -> Ref:
    """The recovery point that a disk went back to; empty when somebody has changed its mark."""
    found = progress_of(disk.marks)
    return found.point if found else ""


def safety_record(point: RecoveryPoint | Planned) -> dict[str, object]:
    """A safety point that is there, or is planned."""
    made = point if isinstance(point, RecoveryPoint) else None
    at_rest = point.marks.get(marks.SAFETY) == SECOND
    return {"device": point.device, "point": point.name, "uid": made.uid if made else "", "at_rest": at_rest, "created_at": made.created_at if made else None}


def _progress(reset: Reset) -> tuple[str, str]:
    """What was done last, and what comes next, as the resources show it."""
    if reset.all_at:
        on = reset.machine is not None and reset.machine.power is Power.ON
        return (STARTING, UNLOCKING) if on else (RESETTING, STARTING)
    if reset.progress:
        return SAVING_AT_REST, RESETTING
    return (STOPPING, SAVING_AT_REST) if reset.machine is not None and reset.machine.power is Power.OFF else ("", STOPPING)
