# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a roll-back will do, has done, and how far it is, in the words of its messages."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.errors import RecoveryError
from ..gate import DELETING, STOPPING
from ..model import Disk
from ..target import Target
from .progress import AT, progress_of, took_part
from .resets import Reset
from .routes.exchange import Wanted
from .routes.returning import Journey


def done(names: Sequence[str], why_unsaved: str) -> str:
    """What is added to the message of a success: the safety points, or why there are none."""
    if why_unsaved:
        return f"No safety points are kept, {why_unsaved}: there is no way back from this restore"
    return f"What the disks held before is kept in safety points: {', '.join(names)}"


def forecast(target: Target, journey: Journey, to: str, wanted: Wanted, why_unsaved: str) -> str:
    """The message of check mode."""
    first = f"What they hold would not be saved before, {why_unsaved}: there would be no way back." if why_unsaved else "What they hold would be saved before."
    stop = f" {target} would be stopped meanwhile{'' if wanted.start else ', and stay stopped'}." if wanted.was_on else ""
    return f"Would roll the disks of {target} back to {to}: {journey.names}. {first}{stop}"


def state(target: Target, journey: Journey, *, saved: bool) -> str:
    """How things stand after a failure, in a few sentences for an operator, about what was read only. ``saved``: there are safety points."""
    try:
        machine = target.get()
        disks = [disk for disk in target.found(one.disk.ref for one in journey.returning) if disk]
    except RecoveryError as trouble:
        return _unseen(target, trouble, saved=saved)
    mine = [disk for disk in disks if took_part(disk, journey.name)]
    at = [disk.name for disk in mine if _is_at(disk)]
    between = [disk.name for disk in mine if not _is_at(disk)]
    before = [disk.name for disk in disks if disk not in mine]
    parts = [f"at the recovery point: {', '.join(at)}"] if at else []
    parts += [f"half-way{', their data is in the safety points' if saved else ''}: {', '.join(between)}"] if between else []
    parts += [f"as before: {', '.join(before)}"] if before else []
    power = f"is {machine.status}" if machine else "does not exist"
    back = f", or go back with rollback_of: {journey.name}" if saved and mine else ""
    return f"Now {target} {power}; its disks are {'; '.join(parts) or 'gone'}. Run the task again to go on{back}."


def superseded(reset: Reset) -> str:
    """Why a complete roll-back is not what the VM has now."""
    vm = f'VM "{reset.vm}"'
    if reset.machine is None:
        return f'the restore "{reset.name}" was completed, and {vm} does not exist any more. Nothing was changed. To build it again use strategy: replace.'
    return (
        f'the restore "{reset.name}" was completed, and disks of {vm} have gone to another state by a later restore since. Nothing was changed.'
        " To restore again choose another name."
    )


def _is_at(disk: Disk) -> bool:
    found = progress_of(disk.marks)
    return found is not None and found.state == AT


def _unseen(target: Target, trouble: RecoveryError, *, saved: bool) -> str:
    sent = target.gate.sent
    deleted = [what for what in sent if what.startswith(DELETING)]
    texts = [
        f"How things stand now could not be read: {trouble.message}",
        f"The last change that was accepted: {sent[-1]}." if sent else "No change was accepted.",
    ]
    if any(what.startswith(STOPPING) for what in sent):
        texts.append(f"{target} may be stopped{'; what its disks held is in the safety points' if saved else ''}.")
    texts += [f"This run had begun with {'; '.join(deleted)}."] if deleted else []
    return " ".join([*texts, "Run the same task again as soon as the provider answers."])
