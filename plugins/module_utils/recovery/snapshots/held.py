# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots that a restore reads: they are held until it is complete."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.errors import Conflict
from .. import marks
from ..points import RecoveryPoint
from ..provider import Provider
from ..restore.found import Restore, Restores


def refuse_read(provider: Provider, points: Sequence[RecoveryPoint]) -> None:
    """Raise Conflict, naming it, while a restore that runs, or can be gone on with, reads one of these snapshots."""
    names = {point.ref: point.name for point in points}
    looked_at: set[tuple[str, str, str]] = set()
    for disk in provider.disks.marked_anywhere({}, having=marks.RESTORE) if names else ():
        of = (disk.marks.get(marks.PLACE, ""), disk.marks[marks.RESTORE], disk.marks.get(marks.VM, ""))
        if disk.source not in names or of in looked_at:
            continue
        looked_at.add(of)
        place, restore, vm = of
        unfinished = [one for one in Restores(provider.at(place)).find(restore, vm or None) if not one.complete]
        if unfinished:
            raise Conflict(f'snapshot "{names[disk.source]}" is read by {_told(unfinished[0])}')


def _told(restore: Restore) -> str:
    """The restore, how far it is, and what to do, in the words of a message."""
    name, claim = f'the restore "{restore.name}" of VM "{restore.vm}"', restore.claim
    if claim and restore.under_way and not claim.released_unfinished:
        return f"{name} (run {claim.run}). Nothing was deleted; run again when that restore has ended."
    return f"{name}, which is not complete. Nothing was deleted; finish that restore first, by running it again."
