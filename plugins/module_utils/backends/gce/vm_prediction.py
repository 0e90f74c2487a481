# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a restore before it is carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...core.model import SUCCEEDED, Record
from .labels import in_all
from .vm_devices import Device, Identity
from .vm_records import PROVIDER
from .vm_restores import restore_details


def predicted(identity: Identity, devices: Sequence[Device], tags: Mapping[str, str], *, keeps_old: bool, running: bool) -> Record:
    """The record that a restore will have when it is complete."""
    disks = [
        {
            "device": device.name,
            "disk": device.new,
            "uid": "",
            "source": device.source,
            "old_disk": device.old,
            "status": "READY",
            "attached": True,
            "recovery_point_at": device.taken_at,
        }
        for device in sorted(devices, key=lambda device: device.new.rpartition("/")[2])
    ]
    details = restore_details(
        vm=identity.vm,
        zone=identity.zone,
        strategy=identity.strategy,
        point=identity.moment,
        disks=disks,
        old_disks=[{"disk": device.old, "uid": "", "kept": True} for device in devices if device.old and keeps_old],
        vm_status="RUNNING" if running else "TERMINATED",
    )
    uid = f"{identity.zone}/{identity.vm}/{identity.restore}"
    # What exists already has the labels that it has.
    asked = [device.request["labels"] for device in devices if "labels" in device.request]
    return Record(identity.restore, uid, PROVIDER, SUCCEEDED, None, in_all(asked) if asked else dict(tags), details)
