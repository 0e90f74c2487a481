# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting backups of VMs: one of them as a whole, or those of a VM that the rules release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial

from ...core.arguments import Task
from ...core.errors import Conflict, ProviderFailure, RecoveryError
from ...core.model import Record
from ...core.plan import Plan, Step
from ...recovery.points import BackupSet, newest_first
from ...recovery.retention import Point, decide, parse_rules
from .labels import check_tags
from .vm import Vm
from .vm_labels import RESTORING
from .vm_lock import claim_of
from .vm_members import delete_members
from .vm_store import ManifestStore


def plan_removal(task: Task, vm: Vm, attempts: Sequence[BackupSet], store: ManifestStore, name: str) -> Plan:
    """The way from one backup, in all its attempts, to nothing. Raises Conflict while a restore of its VM is under way."""
    if not attempts:
        return Plan(why_unchanged=f'Backup "{name}" is already absent')
    tags = check_tags(task["tags"])
    if any(one.tags.get(key) != value for one in attempts for key, value in tags.items()):
        raise Conflict(f"it does not carry the labels {tags}, so it is not what was meant to be deleted. It is untouched.")
    refuse_during_restore(vm)
    return Plan((Step("delete recovery points", do=lambda: remove(vm, attempts, store)),), verb="deleted", acted=vm.client.acted)


def plan_prune(task: Task, vm: Vm, sets: Sequence[BackupSet], store: ManifestStore, record: Callable[[BackupSet], Record]) -> Plan:
    """The deletion of what the rules release of one VM's backups."""
    tags = check_tags(task["tags"])
    known = {one.moment: one for one in newest_first(sets) if all(one.tags.get(key) == value for key, value in tags.items())}
    points = [Point(moment, _moment(moment), complete=one.complete) for moment, one in known.items()]
    decision = decide(points, parse_rules(task["retention"]), datetime.now(timezone.utc))
    kept = "; ".join(f"{known[moment].name} is kept: {why}" for moment, why in sorted(decision.kept.items()))
    if not decision.released:
        return Plan(removes={}, verb="deleted", why_unchanged=f"The rules release no backup of VM {vm.name}. {kept}".strip())
    refuse_during_restore(vm)
    steps, removes = [], {}
    for point in decision.released:
        attempts = [one for one in sets if one.moment == point.name]
        step = Step(f"delete {known[point.name].name}", do=partial(remove, vm, attempts, store))
        steps.append(step)
        removes[step.name] = record(known[point.name])
    return Plan(tuple(steps), verb="deleted", removes=removes, note=kept, acted=vm.client.acted)


def refuse_during_restore(vm: Vm) -> None:
    """Raises Conflict while a restore holds the VM: it may be reading what would be deleted."""
    claim = claim_of(vm.get())
    if claim and claim.purpose.startswith(RESTORING):
        raise Conflict(f'VM "{vm.name}" is held by the restore {claim.purpose[len(RESTORING) :]}, which may read this backup. Run again when it has ended.')


def remove(vm: Vm, attempts: Sequence[BackupSet], store: ManifestStore) -> None:
    """Delete every member, then the manifest if nothing else uses it. Raises ProviderFailure, listing what remains."""
    members = [member for one in attempts for member in one.members]
    try:
        delete_members(vm, members)
    except RecoveryError as error:
        gone: dict[str, Callable[[str], object]] = {
            "snapshot": vm.client.get_snapshot,
            "image": vm.client.get_image,
            "machine_image": vm.client.get_machine_image,
        }
        remaining = [member.name for member in members if gone[member.kind](member.name) is not None]
        raise ProviderFailure(
            f"{error.message} These remain: {', '.join(remaining) or 'none'}. Run the task again.", code=error.code, http_status=error.http_status
        ) from error
    store.drop_unused(one.manifest for one in attempts)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d-%H%M%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
