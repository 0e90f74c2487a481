# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting backups of VMs: one of them as a whole, or those of a VM that the rules release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timezone

from ...core.arguments import Task
from ...core.errors import Conflict
from ...core.model import Record
from ...core.plan import Plan, Step
from .. import marks
from ..lock.claim import RESTORING, claim_of
from ..points import BackupSet, instant, newest_first
from ..provider import Work
from ..restore.routes.replace import drop_unused
from ..restore.source import age_of
from ..retention import Candidate, decide, parse_rules
from ..target import Target
from .members import delete_members, wait_for_deletions


def plan_removal(task: Task, target: Target, attempts: Sequence[BackupSet], name: str) -> Plan:
    """The way from one backup, in all its attempts, to nothing. Raises Conflict while a restore of it, or of its VM, is under way."""
    if not attempts:
        return Plan(why_unchanged=f'Backup "{name}" is already absent')
    tags = target.provider.marks.check_tags(task["tags"])
    if any(one.tags.get(key) != value for one in attempts for key, value in tags.items()):
        raise Conflict(f"it does not carry the labels {tags}, so it is not what was meant to be deleted. It is untouched.")
    refuse_held(target, attempts)
    removal = _Removal(target, attempts, Counter(one.manifest for one in attempts))
    age = age_of(newest_first(attempts)[0].created_at)
    going = ", ".join(member.name for one in attempts for member in one.members)
    forecast = f'Backup would be deleted: "{name}"{f", made {age} ago" if age else ""}, with {going}.'
    step = Step("delete recovery points", do=removal.begin, wait=removal.finish if task["wait"] else None)
    return Plan((step,), verb="deleted", forecast=forecast, note=f"Deleted: {going}")


def plan_prune(task: Task, target: Target, sets: Sequence[BackupSet], record: Callable[[BackupSet], Record]) -> Plan:
    """The deletion of what the rules release of one VM's backups; all are begun before any is waited for."""
    tags = target.provider.marks.check_tags(task["tags"])
    known = {one.moment: one for one in newest_first(sets) if all(one.tags.get(key) == value for key, value in tags.items())}
    candidates = [Candidate(moment, instant(one.created_at), one.unusable, covers=one.devices) for moment, one in known.items()]
    decision = decide(candidates, parse_rules(task["retention"]), datetime.now(timezone.utc))
    kept = "; ".join(f"{known[moment].name} is kept: {why}" for moment, why in sorted(decision.kept.items()))
    if not decision.released:
        return Plan(removes={}, verb="deleted", why_unchanged=f"The rules release no backup of VM {target.name}. {kept}".strip())
    chosen = {one.name: [each for each in sets if each.moment == one.name] for one in decision.released}
    refuse_held(target, [each for attempts in chosen.values() for each in attempts])
    used = Counter(each.manifest for attempts in chosen.values() for each in attempts)
    steps, removes = [], {}
    for moment, attempts in chosen.items():
        removal = _Removal(target, attempts, used)
        step = Step(f"delete {known[moment].name}", do=removal.begin, wait=removal.finish if task["wait"] else None)
        steps.append(step)
        removes[step.name] = record(known[moment])
    named = ", ".join(f"{known[moment].name}{_made(known[moment])}" for moment in chosen)
    return Plan(tuple(steps), verb="deleted", removes=removes, note="; ".join(filter(None, [named, kept])))


def _made(backup: BackupSet) -> str:
    age = age_of(backup.created_at)
    return f" (made {age} ago)" if age else ""


def refuse_held(target: Target, attempts: Sequence[BackupSet]) -> None:
    """Raises Conflict while a restore holds the VM, or any other restore that runs, or can be gone on with, reads one of these backups."""
    provider = target.provider
    moments = {one.moment for one in attempts}
    for disk in provider.disks.marked_anywhere({}, having=marks.LOCK):
        of = disk.marks.get(marks.SOURCE_VM) or disk.marks.get(marks.VM)
        reading = claim_of(disk.marks)
        if reading and of == target.name and disk.marks.get(marks.BACKUP) in moments:
            restored = disk.marks.get(marks.VM)
            raise Conflict(
                f'backup "{target.name}-{disk.marks[marks.BACKUP]}" is read by {reading.holder} of VM "{restored}". Nothing was deleted;'
                " run again when it has ended, or delete that restore first."
            )
    machine = target.get()
    # While a restore has deleted the VM, the lock is on its disks, and the restore needs the manifest that a backup may share with it.
    carriers = [machine] if machine else provider.disks.marked({marks.VM: target.name, marks.PLACE: provider.place}, having=marks.LOCK)
    claims = [claim for claim in (claim_of(carrier.marks) for carrier in carriers) if claim and claim.purpose.startswith(RESTORING)]
    if claims:
        raise Conflict(f"{target} is held by {claims[0].holder}, which may read this backup. Nothing was deleted; run again when it has ended.")


class _Removal:
    """One backup on its way to absence. ``used`` counts in how many sets of the task each manifest is still in use."""

    def __init__(self, target: Target, attempts: Sequence[BackupSet], used: Counter[str]) -> None:
        self._target, self._attempts, self._used = target, attempts, used
        self._members = [member for one in attempts for member in one.members]
        self._begun: list[Work] = []

    def begin(self) -> None:
        self._begun = delete_members(self._target, self._members)

    def finish(self) -> None:
        """See every member gone, then the manifests that nothing uses any more."""
        wait_for_deletions(self._target, self._members, self._begun)
        self._used.subtract(one.manifest for one in self._attempts)
        drop_unused(self._target, [one.manifest for one in self._attempts if self._used[one.manifest] <= 0])
