# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup that is complete already: whether it is the one that is asked for, and what is still missing of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from ...core.errors import Conflict, NotFound
from ...core.model import SUCCEEDED, Record
from ...core.plan import Plan, Step
from ..model import Machine
from ..points import BackupSet
from ..restore.source import manifest_of
from .case import BackupCase
from .members import CRASH, STOPPED, saved_at_rest
from .steps import RELABELLING, dropping, not_saved


def plan_without_vm(case: BackupCase, complete: BackupSet | None) -> Plan:
    where = f"{case.provider.PLACE} {case.provider.place}"
    if complete is None or not case.task["retire_source"] and not case.chosen:
        raise NotFound(f"{case.target} does not exist in {where}, and there is no complete backup of it under that datetime.")
    why = f'{case.target} is gone already; its backup "{complete.name}" is complete since {complete.created_at}'
    return Plan(after=case.record(complete, retired=True), why_unchanged=why)


def confirmed(case: BackupCase, complete: BackupSet) -> BackupSet:
    """The set, each point read once more: a run that takes it back may have condemned one since it was listed. Raises Conflict."""
    found = [case.provider.points.get(member) for member in complete.members]
    if any(point is None or point.condemned or point.status != SUCCEEDED for point in found):
        raise Conflict(f'another run takes the backup "{complete.name}" back. Run the task again when it has ended.')
    return complete


def plan_existing(case: BackupCase, complete: BackupSet) -> Plan:
    leftovers = [one for one in case.attempts if one is not complete]
    since = f'Backup "{complete.name}" exists since {complete.created_at}, complete and as asked for'
    tags = case.provider.marks.check_tags(case.task["tags"])
    record = case.record(replace(complete, tags={**complete.tags, **tags}))
    other = [member for member in complete.members if any(member.tags.get(key) != value for key, value in tags.items())]
    _write_manifest_of(case, complete)
    if not complete.usable:
        case.task.warn(f'Backup "{complete.name}" is complete, but cannot be restored now: {complete.unusable}.')
    if not (leftovers or other):
        return Plan(after=record, why_unchanged=since)
    relabel = Step(RELABELLING, do=lambda: case.target.gate.tag_all([(partial(case.provider.points.get, member), tags) for member in other]))
    steps = [*([dropping(case.target, leftovers)] if leftovers else []), *([relabel] if other else [])]
    seen = partial(_read_again, case, complete)
    return Plan(tuple(steps), after=record, verb="updated" if other else "completed", seen=seen)


def _read_again(case: BackupCase, complete: BackupSet) -> Record | None:
    found = [point for point in map(case.provider.points.get, complete.members) if point]
    sets = case.provider.points.tied(found)
    return case.record(sets[0]) if sets else None


def _write_manifest_of(case: BackupCase, complete: BackupSet) -> None:
    if case.task["manifest_dir"] and not case.task.check_mode:
        manifest = manifest_of(case.provider, complete)
        if manifest is None:
            case.task.warn("manifest_dir: this backup holds no manifest, so no file is written.")
        else:
            case.write_manifest(manifest)


def refuse_differences(case: BackupCase, complete: BackupSet, machine: Machine) -> None:
    """Raises Conflict when the backup of this datetime was asked for in another way: other disks, consistency, method or place."""
    task = case.task
    there, asked = dict(complete.asked), case.provider.points.wish(task, case.asked).asks(case.asked)
    # A former version noted only what was reached; a disk at rest is all that can be asked for, and every other one is crash consistent at least.
    enough = case.asked == CRASH or complete.consistency == STOPPED
    there.setdefault("consistency", case.asked if enough else complete.consistency)
    pairs: list[tuple[str, Any, Any]] = [("method", complete.method, task["method"])]
    # Whether a VM may be deleted over it is asked of the recovery points themselves.
    compared = {key: value for key, value in asked.items() if key != "consistency" or not task["retire_source"]}
    pairs += [(key, there.get(key), value) for key, value in compared.items() if key in there or complete.asked]
    different = [f"{key} is {has or 'not set'}, not {wants or 'unset'}" for key, has, wants in pairs if (has or None) != (wants or None)]
    different += _other_disks(case, complete, machine)
    if different:
        raise Conflict(f"it exists since {complete.created_at} and is not as asked for: {'; '.join(different)}. Choose another snapshot_datetime.")


def _other_disks(case: BackupCase, complete: BackupSet, machine: Machine) -> list[str]:
    held = complete.devices
    if held is None:
        return []
    excluded = set(case.task["exclude_disks"] or ())
    wanted = {one.device for one in machine.attached if not excluded.intersection((one.device, one.disk.rpartition("/")[2]))}
    if held == wanted:
        return []
    return [f"disks are {', '.join(sorted(held))}, not {', '.join(sorted(wanted)) or 'none'} (see exclude_disks)"]


def refuse_older(case: BackupCase, complete: BackupSet, machine: Machine) -> None:
    """Raises Conflict when the VM may hold more than a backup of it, so that it must not be deleted for that."""
    if not all(saved_at_rest(member, machine) for member in complete.members):
        raise Conflict(
            f'backup "{complete.name}" was made while {case.target} was running, or before its last start, so that its disks may hold more.'
            " Nothing was changed; choose another snapshot_datetime to retire it."
        )
    problem = not_saved(machine, complete.members)
    if problem or not complete.usable:
        raise Conflict(f'{case.target} is not deleted for the backup "{complete.name}": {problem or complete.unusable}. Nothing was changed.')
