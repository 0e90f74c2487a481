# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots that a restore reads: they are held until it is complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...core.errors import Conflict
from .. import marks
from ..model import Ref
from ..points import RecoveryPoint
from ..provider import Provider
from ..restore.found import Restore, Restores
from ..restore.resets import Reset, Resets


def readers(provider: Provider, points: Sequence[RecoveryPoint]) -> dict[str, Restore | Reset]:
    """By the name of a snapshot the restore that reads it: one that runs, or can be gone on with."""
    names = {point.ref: point.name for point in points}
    unfinished: dict[tuple[str, str, str], Restore | None] = {}
    found: dict[str, Restore | Reset] = {}
    for disk in provider.disks.marked_anywhere({}, having=marks.RESTORE) if names else ():
        if disk.source not in names:
            continue
        place, restore, vm = of = (disk.marks.get(marks.PLACE, ""), disk.marks[marks.RESTORE], disk.marks.get(marks.VM, ""))
        if of not in unfinished:
            unfinished[of] = next((one for one in Restores(provider.at(place)).find(restore, vm or None) if not one.complete), None)
        reader = unfinished[of]
        if reader:
            found.setdefault(names[disk.source], reader)
    return {**found, **_read_by_resets(provider, names)}


def _read_by_resets(provider: Provider, names: Mapping[Ref, str]) -> dict[str, Reset]:
    """The same for roll-backs: what an unfinished one goes back to, and its safety points, to which its disks may have to come back."""
    found: dict[str, Reset] = {}
    for reset in Resets(provider).every() if provider.resets and names else ():
        refs = {point.ref for point in reset.safety} | {one.point for one in reset.progress.values()}
        found.update({names[ref]: reset for ref in refs if ref in names and not reset.complete})
    return found


def refuse_read(provider: Provider, points: Sequence[RecoveryPoint]) -> None:
    """Raise Conflict, naming it, while a restore reads one of these snapshots."""
    found = readers(provider, points)
    if found:
        name, reader = next(iter(found.items()))
        what = "run again when that restore has ended" if _run_of(reader) else "finish that restore first, by running it again"
        raise Conflict(f'snapshot "{name}" is {read_by(reader)}. Nothing was deleted; {what}.')


def read_by(reader: Restore | Reset) -> str:
    """The restore, and how far it is, in the words of a message."""
    run = _run_of(reader)
    return f'read by the restore "{reader.name}" of VM "{reader.vm}"{f" (run {run})" if run else ", which is not complete"}'


def _run_of(restore: Restore | Reset) -> str:
    """The run that works on it; empty when it was left unfinished."""
    claim = restore.claim
    return claim.run if claim and restore.under_way and not claim.released_unfinished else ""
