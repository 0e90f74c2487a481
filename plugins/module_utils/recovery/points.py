# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovery points of VMs: what was saved of one VM under one datetime, when that is a whole, and when it can be restored from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from ..core.model import DELETING, FAILED, PENDING, RUNNING, SUCCEEDED
from . import marks
from .model import Marked, Ref
from .naming import backup_name

# Members further apart than this are not one point in time.
LONGEST_SKEW_S = 300

SNAPSHOT, IMAGE, MACHINE_IMAGE = "snapshot", "image", "machine_image"
# The device of a point that holds every disk, and of an image whose device is not known: it is for the boot disk.
WHOLE, BOOT = "*", "boot"


@dataclass(frozen=True)
class RecoveryPoint(Marked):
    """One saved disk (of a machine image: all of them). ``kind`` is snapshot, image or machine_image.

    ``status`` is one of our words, ``provider_status`` the provider's. ``taken``: the data is fixed, so that the VM may write again;
    ``taken_at`` is when, as exactly as the provider tells. ``unusable`` says why nothing can be made from it now, empty when it can.
    ``source_disk`` is the disk it was taken of; ``note`` the document that we wrote with it. ``own_key``: reading it takes a key that only the
    customer has. ``own`` is the provider's object.
    """

    device: str = ""
    kind: str = SNAPSHOT
    status: str = SUCCEEDED
    provider_status: str = ""
    taken: bool = True
    taken_at: str = ""
    unusable: str = ""
    size_gib: int = 0
    source_disk: Ref = ""
    source_uid: str = ""
    own_key: bool = False
    note: Mapping[str, Any] = field(default_factory=dict, repr=False)
    own: Any = field(default=None, repr=False, compare=False)

    @property
    def condemned(self) -> bool:
        """The run that made it is about to delete it: nobody may count on it."""
        return self.marks.get(marks.RUN) == marks.CONDEMNED


@dataclass(frozen=True)
class BackupSet:
    """All that one run, or its continuation, saved of a VM under ``moment`` (YYYYMMDD-HHMMSS in UTC, a name, not the instant).

    ``expected`` is how many members make it whole, 0 when the members do not agree on it. ``attempt`` counts from 1: a set that could not be
    finished in time is begun again. ``manifest`` is the fingerprint of the VM's configuration.
    """

    vm: str
    place: str
    moment: str
    attempt: int
    method: str
    consistency: str
    expected: int
    members: tuple[RecoveryPoint, ...]
    tags: Mapping[str, str]
    manifest: str = ""

    @property
    def name(self) -> str:
        return backup_name(self.vm, self.moment)

    @property
    def complete(self) -> bool:
        return len(self.members) == self.expected > 0 and all(member.status == SUCCEEDED and not member.condemned for member in self.members)

    @property
    def unusable(self) -> str:
        """Why it cannot be restored from now; empty when it can."""
        if not self.complete:
            bad = [f"{member.device}: {member.provider_status or member.status}" for member in self.members if member.status != SUCCEEDED]
            return f"{len(self.members)} of {self.expected or 'an unknown number of'} disks are there{''.join(f', {text}' for text in bad)}"
        return "; ".join(f"{member.kind} {member.name}: {member.unusable}" for member in self.members if member.unusable)

    @property
    def usable(self) -> bool:
        return not self.unusable

    @property
    def status(self) -> str:
        """Failed as soon as one member is; succeeded only as a whole."""
        found = {DELETING if member.condemned else member.status for member in self.members}
        for word in (FAILED, DELETING):
            if word in found:
                return word
        return SUCCEEDED if self.complete else RUNNING if self.members else PENDING

    @property
    def created_at(self) -> str | None:
        """When it was made: its first member."""
        return min((member.created_at for member in self.members if member.created_at), default=None)

    @property
    def skew_s(self) -> int:
        """Seconds between the first and the last member."""
        moments = [moment for moment in (instant(member.created_at) for member in self.members) if moment]
        return int((max(moments) - min(moments)).total_seconds()) if moments else 0

    @property
    def devices(self) -> frozenset[str] | None:
        """The devices that it holds; None for every one that the VM had."""
        found = {device for member in self.members for device in (member.note.get("devices") or [member.device])}
        return None if WHOLE in found else frozenset(found)

    @property
    def asked(self) -> Mapping[str, Any]:
        """What the task that made it asked for, beside the disks; {} when a former version made it."""
        return next((member.note["asked"] for member in self.members if isinstance(member.note.get("asked"), dict)), {})


def tie(points: Iterable[RecoveryPoint]) -> list[BackupSet]:
    """The backups that these points make up, by their marks. The points must be ours."""
    groups: dict[tuple[str, ...], list[RecoveryPoint]] = {}
    for point in points:
        key = tuple(point.marks.get(name, "") for name in (marks.VM, marks.PLACE, marks.BACKUP, marks.ATTEMPT))
        groups.setdefault(key, []).append(point)
    return [_set_of(group) for group in groups.values()]


def _set_of(members: Sequence[RecoveryPoint]) -> BackupSet:
    first = members[0]
    counts = {marks.number(member.marks, marks.PARTS) for member in members}
    return BackupSet(
        vm=first.marks.get(marks.VM, ""),
        place=first.marks.get(marks.PLACE, ""),
        moment=first.marks.get(marks.BACKUP, ""),
        attempt=marks.number(first.marks, marks.ATTEMPT, 1),
        method=first.kind,
        consistency=first.marks.get(marks.CONSISTENCY, ""),
        # Members that do not agree on their number are parts of different backups.
        expected=counts.pop() if len(counts) == 1 else 0,
        members=tuple(sorted(members, key=lambda member: (member.note.get("index", 0), member.device))),
        tags=marks.in_all([member.tags for member in members]),
        manifest=first.marks.get(marks.MANIFEST, ""),
    )


def instant(text: str | None) -> datetime | None:
    """An RFC 3339 time as a moment; None when it is unknown."""
    try:
        return datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError:
        return None


def _by_age(one: BackupSet) -> tuple[str, str]:
    # The datetime is only a name: it may lie in the past or in the future.
    return (one.created_at or "", one.moment)


def newest_first(sets: Iterable[BackupSet]) -> list[BackupSet]:
    """One set a datetime: a usable one, else a complete one, else the latest attempt; the one that was made last comes first."""
    ordered = sorted(sets, key=lambda one: (one.moment, one.usable, one.complete, one.attempt), reverse=True)
    return sorted((next(group) for _moment, group in groupby(ordered, key=lambda one: one.moment)), key=_by_age, reverse=True)


def latest_usable(sets: Sequence[BackupSet]) -> BackupSet | None:
    return next((one for one in newest_first(sets) if one.usable), None)


def complete_of(attempts: Sequence[BackupSet]) -> BackupSet | None:
    """Of the attempts at one datetime the one that is whole."""
    return next((one for one in newest_first(attempts) if one.complete), None)
