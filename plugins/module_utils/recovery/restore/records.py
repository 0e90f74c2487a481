# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores as Records: the same keys for one that is predicted and one that was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core.model import PENDING, RUNNING, SUCCEEDED, Record
from .. import marks
from ..model import Device, Disk, Identity, Machine, Power
from ..provider import Provider
from .found import Restore
from .steps import ATTACHING, CREATING, DETACHING, INSERTING, REMOVING, STARTING, STOPPING, UNLOCKING

DETAILS: Mapping[str, Any] = {
    "vm": "",
    "zone": "",
    "strategy": "",
    "point": "",
    "disks": [],
    "old_disks": [],
    "safety_points": [],
    "holder": "",
    "step": "",
    "next": "",
    "superseded_by": "",
    "vm_status": "",
}


def record_of(restore: Restore) -> Record:
    """A restore as users see it."""
    claim = restore.claim if restore.under_way else None
    step, following = ("", "") if restore.complete else _progress(restore)
    status = SUCCEEDED if restore.complete else RUNNING if claim and not claim.released_unfinished else PENDING
    by_disk = {device.new.ref: device for device in restore.devices}
    return Record(
        name=restore.name,
        uid=uid_of(restore.place, restore.vm, restore.name),
        provider=restore.provider.NAME,
        status=status,
        created_at=min((disk.created_at for disk in restore.new if disk.created_at), default=None),
        tags=marks.in_all([disk.tags for disk in restore.new]),
        details=details_of(
            vm=restore.vm,
            zone=restore.place,
            strategy=restore.strategy,
            point=restore.moment,
            disks=[_disk(disk, by_disk.get(disk.ref), restore.machine) for disk in restore.new],
            old_disks=[{"disk": disk.ref, "uid": disk.uid, "kept": marks.KEPT in disk.marks} for disk in restore.old],
            holder=claim.run if claim and not claim.released_unfinished else "",
            step=step,
            next=following,
            superseded_by=restore.superseded_by,
            vm_status=restore.machine.status if restore.machine else "absent",
        ),
    )


def uid_of(place: str, vm: str, name: str) -> str:
    return f"{place}/{vm}/{name}"


def _progress(restore: Restore) -> tuple[str, str]:
    """What was done last, and what comes next, as the resources show it."""
    machine = restore.machine
    if len(restore.new) < restore.expected or not all(disk.ready for disk in restore.new):
        return CREATING, STOPPING
    if machine is None:
        return REMOVING if restore.old else CREATING, INSERTING
    if all(disk.ref in machine.disks for disk in restore.new):
        return (STARTING, UNLOCKING) if machine.power is Power.ON else (ATTACHING, STARTING)
    if machine.power is Power.ON:
        return CREATING, STOPPING
    return (STOPPING, DETACHING) if any(disk.ref in machine.disks for disk in restore.old) else (DETACHING, ATTACHING)


def _disk(disk: Disk, device: Device | None, machine: Machine | None) -> dict[str, Any]:
    attached = {one.disk: one.device for one in machine.attached} if machine else {}
    return {
        "device": device.name if device else attached.get(disk.ref, ""),
        "disk": disk.ref,
        "uid": disk.uid,
        "source": device.source if device else disk.source,
        "old_disk": device.old if device else "",
        "status": disk.status,
        "attached": disk.ref in attached,
        "recovery_point_at": device.taken_at if device else "",
    }


def predicted(identity: Identity, provider: Provider, devices: Sequence[Device], tags: Mapping[str, str], *, keeps_old: bool, vm_status: str) -> Record:
    """The record that a restore will have when it is complete."""
    disks = [
        {
            "device": device.name,
            "disk": device.new.ref,
            "uid": "",
            "source": device.source,
            "old_disk": device.old,
            "status": provider.disks.ATTACHED,
            "attached": True,
            "recovery_point_at": device.taken_at,
        }
        for device in sorted(devices, key=lambda device: device.new.name)
    ]
    details = details_of(
        vm=identity.vm,
        zone=identity.place,
        strategy=identity.strategy,
        point=identity.moment,
        disks=disks,
        old_disks=[{"disk": device.old, "uid": "", "kept": True} for device in devices if device.old and keeps_old],
        vm_status=vm_status,
    )
    # What exists already has the tags that it has.
    asked = [device.new.tags for device in devices if device.new.request is not None]
    return Record(
        identity.restore,
        uid_of(identity.place, identity.vm, identity.restore),
        provider.NAME,
        SUCCEEDED,
        None,
        marks.in_all(asked) if asked else dict(tags),
        details,
    )


def details_of(**given: Any) -> dict[str, Any]:
    """The details of a restore's record, those that are not given at their defaults."""
    return {key: given.get(key, value) for key, value in DETAILS.items()}
