# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``backup`` on Compute Engine: all disks of a VM under one datetime."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import ClassVar

from ...clients.gce.client import GceClient
from ...core.arguments import Task
from ...core.errors import AmbiguousName, InvalidRequest
from ...core.model import CREATE, DELETE, INSPECT_ALL, Record
from ...core.options import Option
from ...core.plan import Plan
from ...core.waiter import Waiter
from ...recovery.naming import backup_name, check_datetime, now_as_datetime, parse_backup_name
from ...recovery.points import BackupSet, newest_first
from ...recovery.retention import parse_rules
from .connection import connect
from .keys import check_keys
from .labels import check_tags
from .vm import Vm
from .vm_backup_delete import plan_prune, plan_removal
from .vm_backup_plan import BackupPlan
from .vm_fleet import filtered_names, target_task
from .vm_options import VM_BACKUP
from .vm_points import list_sets
from .vm_records import backup_record
from .vm_store import ManifestStore


class GceBackupBackend:
    """Backups are found by the labels on what they are made of."""

    OPTIONS: ClassVar[Mapping[str, Option]] = VM_BACKUP
    SELECTORS: ClassVar[Collection[str]] = ("name", "uid", "vm_name")

    def __init__(self, task: Task, waiter: Waiter, moment: str = "") -> None:
        self._task, self._waiter = task, waiter
        self._client: GceClient = connect(task, waiter)
        self._chosen_moment = task["snapshot_datetime"] or ""
        # One for all VMs of the task.
        self._now = moment or now_as_datetime()
        self._store = ManifestStore(self._client)

    # --- what the task says

    def validate(self, operation: str) -> None:
        task = self._task
        check_tags(task["tags"])
        check_keys("disk_encryption_keys", task["disk_encryption_keys"])
        if operation == CREATE:
            self._validate_create()
        if operation == DELETE:
            parse_rules(task["retention"]) if task["retention"] else None
            if task["retention"] and not task["vm_name"]:
                raise InvalidRequest("retention needs vm_name: the VM whose backups are to be pruned.")
            if not task["retention"] and not task["name"] and not task["uid"]:
                raise InvalidRequest("DELETE needs the name of a backup, or vm_name with retention.")
        if operation not in (CREATE, INSPECT_ALL):
            self._wanted()

    def _validate_create(self) -> None:
        task = self._task
        ways = [name for name in ("vm_name", "vm_names", "vm_filter") if task[name]]
        if len(ways) > 1 or not (ways or task["name"]):
            raise InvalidRequest(f"give one of vm_name, vm_names and vm_filter{', not ' + ' and '.join(ways) if ways else ''}.")
        if task["name"]:
            if ways and ways != ["vm_name"]:
                raise InvalidRequest(f"name is for one backup; {ways[0]} chooses many VMs, whose backups are named by VM and datetime.")
            self._wanted()
        elif self._chosen_moment:
            check_datetime("snapshot_datetime", self._chosen_moment)
        self._validate_method()

    def _validate_method(self) -> None:
        task = self._task
        if task["image_family"] and task["method"] != "image":
            raise InvalidRequest("image_family needs method: image.")
        if task["consistency"] == "application" and task["method"] == "image":
            raise InvalidRequest("consistency application needs method snapshot or machine_image: images have no guest flush. Use consistency: stopped.")
        for name in ("retire_source", "consistency"):
            if not task["wait"] and task[name] in (True, "stopped"):
                raise InvalidRequest(f"wait: false would leave the VM stopped: it cannot go with {name}: {str(task[name]).lower()}.")
        if task["retire_source"] and task["exclude_disks"]:
            raise InvalidRequest("retire_source deletes the VM, so that every disk must be saved: it cannot go with exclude_disks.")
        if task["method"] == "machine_image" and task["exclude_disks"]:
            raise InvalidRequest("a machine image holds every disk: method machine_image cannot go with exclude_disks.")

    def _wanted(self) -> tuple[str, str]:
        """VM and datetime of the one backup that the task is about; an empty datetime when it leaves that open. Raises InvalidRequest."""
        task = self._task
        name = task["name"] or (task["uid"] or "").rpartition("/")[2]
        if task["uid"] and task["uid"] != f"{task['zone']}/{name}":
            raise InvalidRequest(f'uid and name or zone disagree: "{task["uid"]}" is not {task["zone"]}/{name}.')
        if not name:
            return task["vm_name"] or "", self._chosen_moment
        vm, moment = parse_backup_name(name)
        if task["vm_name"] not in (None, "", vm) or self._chosen_moment not in ("", moment):
            raise InvalidRequest(f'name "{name}" disagrees with vm_name or snapshot_datetime: it is the backup of VM {vm} under {moment}.')
        return vm, moment

    # --- many VMs

    def targets(self) -> Sequence[str]:
        if self._task.operation != CREATE:
            return ()
        return list(dict.fromkeys(self._task["vm_names"] or ())) or filtered_names(self._client, self._task)

    def for_target(self, name: str, waiter: Waiter) -> GceBackupBackend:
        return GceBackupBackend(target_task(self._task, name), waiter, self._now)

    # --- reading

    def find(self) -> Record | None:
        vm, moment = self._wanted()
        if self._task.operation == CREATE:
            return self._creation(vm, moment).found()
        found = self._sets(vm)
        if not moment:
            # vm_name alone means its newest backup.
            return self.record(newest_first(found)[0]) if found else None
        matching = newest_first(one for one in found if one.moment == moment)
        if len(matching) > 1:
            raise AmbiguousName(f"several backups are named {backup_name(vm, moment)}: {', '.join(one.name for one in matching)}.")
        return self.record(matching[0]) if matching else None

    def _sets(self, vm: str | None) -> list[BackupSet]:
        return list_sets(self._client, vm, self._task["zone"])

    def record(self, backup: BackupSet, *, retired: bool = False) -> Record:
        """A backup with its manifest."""
        inline = any(member.facts["note"].get("manifest") for member in backup.members)
        return backup_record(backup, self._store.of_set(backup), "description" if inline else "template", retired=retired)

    def list_all(self) -> Iterator[Record]:
        task, tags, count = self._task, check_tags(self._task["tags"]), 0
        words = {word.lower() for word in task["status"] or ()}
        for backup in newest_first_of_each(self._sets(task["vm_name"])):
            fits = (
                (not task["name_filter"] or task["name_filter"] in backup.name)
                and (not words or backup.status in words)
                and all(backup.tags.get(key) == value for key, value in tags.items())
            )
            if fits and not (task["max_objects"] and count >= task["max_objects"]):
                count += 1
                yield self.record(backup)

    # --- plans

    def plan_create(self, found: Record | None) -> Plan:
        vm, moment = self._wanted()
        return self._creation(vm, moment).plan()

    def _creation(self, vm: str, moment: str) -> BackupPlan:
        target = Vm(self._client, self._waiter, self._task["zone"], vm, self._task["disk_encryption_keys"])
        return BackupPlan(self._task, self._client, self._waiter, target, moment, self._now, self.record)

    def plan_delete(self, found: Record | None) -> Plan:
        vm, moment = self._wanted()
        target, every = Vm(self._client, self._waiter, self._task["zone"], vm), self._sets(vm)
        if self._task["retention"]:
            return plan_prune(self._task, target, every, self._store, self.record)
        return plan_removal(self._task, target, [one for one in every if one.moment == moment], self._store, backup_name(vm, moment))


def newest_first_of_each(sets: Sequence[BackupSet]) -> list[BackupSet]:
    """What ``newest_first`` keeps of every VM's backups, by VM."""
    vms = sorted({one.vm for one in sets})
    return [one for vm in vms for one in newest_first([other for other in sets if other.vm == vm])]
