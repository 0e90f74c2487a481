# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of a backup, as findings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from ...core.errors import InvalidRequest
from ..findings import Finding, warning
from ..manifest import Document
from ..model import Machine, Power
from .case import BackupCase

_FURTHEST_AHEAD = timedelta(days=1)


def about_states(case: BackupCase, machine: Machine, *, stopping: bool, at_rest: bool) -> Iterable[Finding]:
    name, resumed = str(case.target), case.resumes
    if (stopping or at_rest) and machine.power is Power.SUSPENDED:
        yield Finding(f"{name} is suspended: resume or stop it before a backup that stops it.")
    if at_rest and machine.power is Power.BETWEEN and not resumed:
        yield Finding(f"{name} is {machine.status}: run again when it is running or stopped.")
    if stopping and machine.volatile and not case.task.options.get("discard_local_ssd"):
        yield Finding(f"{name} has local SSDs, whose data is lost when it stops. Set discard_local_ssd to allow that.", word="discard_local_ssd")
    if case.task["retire_source"]:
        stays = case.provider.machines.outlive(machine)
        if stays:
            yield warning(f"These disks stay when the VM is deleted, because their automatic deletion is off: {', '.join(stays)}.")
        if case.provider.machines.is_protected(machine):
            yield Finding(f"{name} is protected against deletion. Take the protection off before it is retired.")
        names = [one.disk.rpartition("/")[2] for one in machine.attached]
        going = ", ".join(disk for disk in names if disk not in stays)
        yield warning(f"{name} is deleted after its backup{f', and with it its disks {going}' if going else ''}.")
    most = case.provider.marks.RULES.most
    if (stopping or at_rest) and len(machine.tags) + len(machine.marks) + 3 > most:
        yield Finding(f"{name} has {len(machine.tags)} labels, and its lock needs three more of the {most} that it can have. Remove some.")


def about_datetime(case: BackupCase) -> Iterable[Finding]:
    """A datetime of the future is a typing mistake."""
    moment = datetime.strptime(case.moment, "%Y%m%d-%H%M%S").replace(tzinfo=timezone.utc)
    if moment > datetime.now(timezone.utc) + _FURTHEST_AHEAD:
        yield Finding(f"snapshot_datetime {case.moment} lies in the future: it is the name of the moment at which the backup is made.", kind=InvalidRequest)


def about_manifest(case: BackupCase, kept: Document | None) -> Iterable[Finding]:
    if kept is None:
        yield warning(
            "The VM's configuration could not be stored with the backup: it is larger than the provider can hold."
            " The disks are saved, but if the VM is lost, its configuration must be given. Use manifest_dir."
        )
