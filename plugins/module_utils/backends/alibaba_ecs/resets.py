# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that go back to snapshots of themselves (ResetDisk)."""

from __future__ import annotations

from functools import partial

from ...clients.alibaba_ecs.answers import is_dry_run_passed
from ...clients.alibaba_ecs.client import AlibabaClient
from ...core.errors import RecoveryError
from ...core.model import SUCCEEDED
from ...recovery.model import Disk, Machine, Power
from ...recovery.points import RecoveryPoint
from ...recovery.provider import Change, Work
from .disks import AlibabaDisks
from .points import AlibabaPoints
from .things import SNAPSHOT as SNAPSHOT_KIND
from .things import Polled, change, is_id, locks_of

# A disk may be read as in use before its reset begins: after so many seconds it would have begun.
_SETTLE_S = 3.0
# The answers to a trial while the instance runs, or a snapshot of the disk is being made.
_RUNS = ("IncorrectInstanceStatus", "IncorrectDiskStatus.HasUnfinishedSnapshot", "IncorrectDiskStatus.CreatingSnapshot")


class AlibabaResets:
    """The roll-back of disks in one region."""

    def __init__(self, client: AlibabaClient, points: AlibabaPoints, disks: AlibabaDisks) -> None:
        self._client, self._points, self._disks = client, points, disks

    def kept(self, restore: str | None, vm: str | None) -> list[RecoveryPoint]:
        return self._points.kept(restore, vm)

    def problem(self, disk: Disk, point: RecoveryPoint) -> str:
        wire = disk.own.wire
        if not is_id(SNAPSHOT_KIND, point.ref) or point.source_uid != disk.uid:
            return (
                f"{point.name} is of disk {point.source_uid or 'unknown'}, and a disk goes back only to snapshots of itself."
                " Use strategy: in_place for data disks, replace or new for all."
            )
        if point.status != SUCCEEDED:
            return f"snapshot {point.name} is {point.provider_status}, not accomplished. Run again when it is."
        if wire.get("MultiAttach") == "Enabled":
            return "several instances write to it, and would lose what they have written. Detach it from the others, or leave it out."
        locks = locks_of(wire)
        if locks:
            return f"it is locked ({', '.join(locks)}). Settle that with Alibaba Cloud first."
        return self._refused(disk, point)

    def _refused(self, disk: Disk, point: RecoveryPoint) -> str:
        """What the API would answer to the reset; empty when it would carry it out, or cannot say so because the instance runs."""
        params = {"DiskId": disk.uid, "SnapshotId": point.ref, "DryRun": True}
        try:
            self._client.read("the answer to a trial of that", "ResetDisk", params)
        except RecoveryError as error:
            if error.transient:
                raise
            return "" if is_dry_run_passed(error) or (error.code or "").startswith(_RUNS) else error.message
        return ""

    def reset(self, machine: Machine, disk: Disk, point: RecoveryPoint) -> Change:
        what = f"resetting {disk.name} of VM {machine.name} to {point.name}"
        return change(what, disk.ref, partial(self._reset, disk, point, what), takes_away=True, needs=Power.OFF)

    def _reset(self, disk: Disk, point: RecoveryPoint, what: str) -> Work:
        self._client.change(f"reset disk {disk.name} to snapshot {point.ref}", "ResetDisk", {"DiskId": disk.uid, "SnapshotId": point.ref}, repeatable=True)
        worked: list[bool] = []
        accepted = self._client.waiter.clock()

        def ended() -> bool:
            """Whether the disk is at rest after it was seen at work, or so long after the request that it would be."""
            found = self._disks.get(disk.ref)
            if found is None:
                return False
            if not found.ready or locks_of(found.own.wire):
                worked.append(True)
                return False
            return bool(worked) or self._client.waiter.clock() - accepted >= _SETTLE_S

        return Polled(self._client.waiter, ended, what)
