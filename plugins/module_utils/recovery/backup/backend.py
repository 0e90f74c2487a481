# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``backup`` for VMs: all disks of a VM under one datetime, on any provider."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...core.arguments import Task
from ...core.errors import InvalidRequest
from ...core.listing import check_statuses, chosen
from ...core.model import CREATE, DELETE, INSPECT_ALL, Record
from ...core.plan import Plan
from ...core.waiter import Waiter
from ..fleet import check_choice, target_task, targets_of
from ..naming import backup_name, check_datetime, now_as_datetime, parse_backup_name
from ..points import IMAGE, BackupSet, newest_first
from ..provider import Provider
from ..retention import parse_rules
from ..target import Target
from .delete import plan_prune, plan_removal
from .members import APPLICATION, STOPPED
from .plan import BackupPlanner
from .records import record_of


class BackupBackend:
    """Backups are found by the marks on what they are made of."""

    def __init__(self, task: Task, waiter: Waiter, provider: Provider, moment: str = "") -> None:
        self._task, self._waiter, self._provider = task, waiter, provider
        self._chosen_moment = task["snapshot_datetime"] or ""
        # One for all VMs of the task.
        self._now = moment or now_as_datetime()
        self._planner: BackupPlanner | None = None

    # --- what the task says

    def validate(self, operation: str) -> None:
        task = self._task
        self._provider.validate(operation)
        if operation == CREATE:
            self._validate_create()
        if operation == DELETE:
            parse_rules(task["retention"]) if task["retention"] else None
            if task["retention"] and not task["vm_name"]:
                raise InvalidRequest("retention needs vm_name: the VM whose backups are to be pruned.")
            if not task["retention"] and not task["name"] and not task["uid"]:
                raise InvalidRequest("DELETE needs the name of a backup, or vm_name with retention.")
        if operation == INSPECT_ALL:
            check_statuses(task["status"], self._provider.points.STATUSES)
        if operation not in (CREATE, INSPECT_ALL):
            self._wanted()

    def _validate_create(self) -> None:
        task = self._task
        many = check_choice(task, named=bool(task["name"]))
        if task["name"]:
            if many:
                raise InvalidRequest("name is for one backup; vm_names and vm_filter choose many VMs, whose backups are named by VM and datetime.")
            self._wanted()
        elif self._chosen_moment:
            check_datetime("snapshot_datetime", self._chosen_moment)
        self._validate_method()

    def _validate_method(self) -> None:
        task = self._task
        if task.options.get("image_family") and task["method"] != IMAGE:
            raise InvalidRequest("image_family needs method: image.")
        if task["consistency"] == APPLICATION and task["method"] == IMAGE:
            raise InvalidRequest("consistency application needs method snapshot or machine_image: images have no guest flush. Use consistency: stopped.")
        for name in ("retire_source", "consistency"):
            if not task["wait"] and task[name] in (True, STOPPED):
                raise InvalidRequest(f"wait: false would leave the VM stopped: it cannot go with {name}: {str(task[name]).lower()}.")
        if task["retire_source"] and task["exclude_disks"]:
            raise InvalidRequest("retire_source deletes the VM, so that every disk must be saved: it cannot go with exclude_disks.")
        if task["method"] in self._provider.points.WHOLE and task["exclude_disks"]:
            what = str(task["method"]).replace("_", " ")
            raise InvalidRequest(f"{'an' if what[0] in 'aeiou' else 'a'} {what} holds every disk: method {task['method']} cannot go with exclude_disks.")

    def _wanted(self) -> tuple[str, str]:
        """VM and datetime of the one backup that the task is about; an empty datetime when it leaves that open. Raises InvalidRequest."""
        task, place = self._task, self._provider.place
        name = task["name"] or (task["uid"] or "").rpartition("/")[2]
        if task["uid"] and task["uid"] != f"{place}/{name}":
            raise InvalidRequest(f'uid and name or {self._provider.PLACE} disagree: "{task["uid"]}" is not {place}/{name}.')
        if not name:
            return task["vm_name"] or "", self._chosen_moment
        vm, moment = parse_backup_name(name)
        if task["vm_name"] not in (None, "", vm) or self._chosen_moment not in ("", moment):
            raise InvalidRequest(f'name "{name}" disagrees with vm_name or snapshot_datetime: it is the backup of VM {vm} under {moment}.')
        return vm, moment

    # --- many VMs

    def targets(self) -> Sequence[str]:
        return targets_of(self._task, self._provider)

    def for_target(self, name: str, waiter: Waiter) -> BackupBackend:
        task = target_task(self._task, name)
        return BackupBackend(task, waiter, self._provider.for_target(task, waiter), self._now)

    # --- reading

    def find(self) -> Record | None:
        vm, moment = self._wanted()
        if self._task.operation == CREATE:
            self._planner = self._planner or BackupPlanner(self._task, self._provider, self._waiter, vm, moment, self._now)
            return self._planner.found()
        found = newest_first(one for one in self._provider.points.sets(vm) if not moment or one.moment == moment)
        # vm_name alone means its newest backup.
        return record_of(self._provider, found[0]) if found else None

    def list_all(self) -> Iterator[Record]:
        sets = self._provider.points.sets(self._task["vm_name"])
        records = (record_of(self._provider, one) for one in newest_first_of_each(sets))
        return chosen(records, self._task, self._provider.marks.check_tags(self._task["tags"]), _words_of_provider)

    # --- plans

    def plan_create(self, found: Record | None) -> Plan:
        if self._planner is None:
            raise RuntimeError("find comes first")
        return self._planner.plan()

    def plan_delete(self, found: Record | None) -> Plan:
        vm, moment = self._wanted()
        target, every = Target(self._provider, vm, self._waiter), self._provider.points.sets(vm)
        if self._task["retention"]:
            return plan_prune(self._task, target, every, lambda backup: record_of(self._provider, backup))
        return plan_removal(self._task, target, [one for one in every if one.moment == moment], backup_name(vm, moment))

    def acted(self) -> bool:
        return self._provider.acted()


def _words_of_provider(record: Record) -> set[str]:
    return {disk["provider_status"] for disk in record.details["disks"]}


def newest_first_of_each(sets: Sequence[BackupSet]) -> list[BackupSet]:
    """What ``newest_first`` keeps of every VM's backups, by VM."""
    vms = sorted({one.vm for one in sets})
    return [one for vm in vms for one in newest_first([other for other in sets if other.vm == vm])]
