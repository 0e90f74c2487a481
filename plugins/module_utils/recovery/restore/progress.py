# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The marks of disks that go back to recovery points of themselves: by which restore, to which point, and how far they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...core.errors import Conflict
from .. import marks
from ..model import Disk, Ref
from ..target import Target

# How far a disk is: its request may have been carried out, or it was seen to its end.
TO, AT = "to", "at"
_NONE = "-"


@dataclass(frozen=True)
class Progress:
    """What the mark of a disk says: how far it is on its way to ``point``, of which backup, and how many disks go with it.

    ``of`` is the restore whose disk it was when it went back, empty for a disk that no restore has made: by that one sees which of two came later.
    """

    state: str
    count: int
    moment: str
    point: Ref
    of: str = ""

    @property
    def text(self) -> str:
        return f"{self.state}.{self.count}.{self.moment or _NONE}.{self.of or _NONE}.{self.point}"


def mark_changes(name: str, progress: Progress, whose: Mapping[str, str]) -> marks.Changes:
    """The marks of a disk that goes back by the restore of this name; ``whose`` disk it is goes with them."""
    return {marks.RESET_BY: name, marks.RESET: progress.text, **whose}


def unmarking(before: Disk, name: str) -> marks.Changes:
    """The changes that take the marks of the restore of this name off a disk again, and put back those of another roll-back that it had before."""
    other = before.marks.get(marks.RESET_BY, name)
    if other != name:
        return {marks.RESET_BY: other, marks.RESET: before.marks.get(marks.RESET)}
    gone: dict[str, str | None] = {marks.RESET_BY: None, marks.RESET: None}
    # A disk that another restore has made, or keeps, is found by whose it is.
    found = any(key in before.marks for key in (marks.RESTORE, marks.REPLACED_BY))
    return gone if found else {**gone, marks.VM: None, marks.PLACE: None}


def progress_of(found: Mapping[str, str]) -> Progress | None:
    """What the marks of a disk tell; None when it never went back, or its mark is unreadable."""
    state, count, moment, of, point = (*found.get(marks.RESET, "").split(".", 4), "", "", "", "", "")[:5]
    if state not in (TO, AT) or not count.isdigit() or not point:
        return None
    return Progress(state, int(count), "" if moment == _NONE else moment, point, "" if of == _NONE else of)


def refuse_half_way(target: Target, disks: Iterable[Disk]) -> None:
    """Raises Conflict when a roll-back has begun to reset one of these disks and is not finished: only that one knows the way on, or back."""
    for disk in disks:
        found = progress_of(disk.marks)
        if found and found.state == TO:
            name = disk.marks.get(marks.RESET_BY, "")
            raise Conflict(f'disk {disk.name} of {target} is half-way by the restore "{name}". Nothing was changed. Go back with rollback_of: {name}.')


def took_part(disk: Disk, name: str) -> bool:
    """Whether the roll-back of this name is the last one of the disk."""
    return disk.marks.get(marks.RESET_BY) == name
