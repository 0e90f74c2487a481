# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``restore`` on Compute Engine: a VM brought back in place, replaced, or as a new one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import ClassVar

from ...clients.gce.client import GceClient
from ...core.arguments import Task
from ...core.errors import AmbiguousName, InvalidRequest
from ...core.model import CREATE, Record
from ...core.options import Option
from ...core.plan import Plan
from ...core.waiter import Waiter
from .connection import connect
from .keys import check_keys
from .labels import check_tags
from .vm_fleet import filtered_names, target_task
from .vm_options import VM_RESTORE
from .vm_point import check_ways
from .vm_preflight import LOSABLE
from .vm_restore_delete import plan_giving_up
from .vm_restore_plan import RestorePlan
from .vm_restores import Restore, Restores

_LONGEST_NAME = 50


class GceRestoreBackend:
    """Restores are found by the labels on the disks they made."""

    OPTIONS: ClassVar[Mapping[str, Option]] = VM_RESTORE
    SELECTORS: ClassVar[Collection[str]] = ("name", "uid")

    def __init__(self, task: Task, waiter: Waiter) -> None:
        self._task, self._waiter = task, waiter
        self._client: GceClient = connect(task, waiter)
        self._found: Restore | None = None
        self._plan: RestorePlan | None = None

    # --- what the task says

    def validate(self, operation: str) -> None:
        task = self._task
        check_tags(task["tags"])
        check_keys("disk_encryption_keys", task["disk_encryption_keys"])
        if task["name"] and not re.fullmatch(rf"[a-z0-9]([a-z0-9_-]{{0,{_LONGEST_NAME - 1}}})", task["name"]):
            raise InvalidRequest(f'name must be lower case letters, digits, "-" and "_", at most {_LONGEST_NAME}: it becomes a label. Not "{task["name"]}".')
        if task["uid"] and len(task["uid"].split("/")) != 3:
            raise InvalidRequest(f'uid is zone, VM and name with "/" between them, as INSPECT_ALL gives it, not "{task["uid"]}".')
        if operation == CREATE:
            self._validate_create()

    def _validate_create(self) -> None:
        task = self._task
        ways = [name for name in ("vm_name", "vm_names", "vm_filter") if task[name]]
        if len(ways) != 1:
            raise InvalidRequest(f"give one of vm_name, vm_names and vm_filter{', not ' + ' and '.join(ways) if ways else ''}.")
        check_ways(task)
        if not task["wait"]:
            raise InvalidRequest("wait: false would leave the VM stopped in the middle of a restore: it is refused for VMs.")
        if task["strategy"] == "new":
            name = task["new_vm_name"] or ""
            if not name:
                raise InvalidRequest("strategy new needs new_vm_name.")
            if ways != ["vm_name"] and "{vm}" not in name:
                raise InvalidRequest('new_vm_name must hold "{vm}" when many VMs are restored, as in "{vm}-drill".')
            if task["old_disks"] == "delete":
                raise InvalidRequest("old_disks: delete makes no sense with strategy new, which leaves the original alone.")
        else:
            for name in ("new_vm_name", "new_zone", "ensure_network"):
                if task[name]:
                    raise InvalidRequest(f"{name} goes with strategy: new only.")
        if ways != ["vm_name"] and (task["snapshots"] or task["backup"]):
            raise InvalidRequest("snapshots and backup are of one VM: give vm_name, or snapshot_datetime for many.")
        unknown = sorted(set(task["allow_lost"] or ()) - set(LOSABLE))
        if unknown:
            raise InvalidRequest(f"allow_lost: {', '.join(unknown)} is none of {', '.join(LOSABLE)}.")

    # --- many VMs

    def targets(self) -> Sequence[str]:
        if self._task.operation != CREATE:
            return ()
        return list(dict.fromkeys(self._task["vm_names"] or ())) or filtered_names(self._client, self._task)

    def for_target(self, name: str, waiter: Waiter) -> GceRestoreBackend:
        return GceRestoreBackend(target_task(self._task, name), waiter)

    # --- reading

    def find(self) -> Record | None:
        if self._task.operation == CREATE:
            self._plan = self._plan or RestorePlan(self._task, self._client, self._waiter)
            found = self._plan.found()
            return found.record() if found else None
        self._found = self._one()
        return self._found.record() if self._found else None

    def _one(self) -> Restore | None:
        task = self._task
        place, vm, name = (task["uid"] or "//").split("/")
        if (task["name"] and name and task["name"] != name) or (vm and task["vm_name"] not in (None, "", vm)):
            raise InvalidRequest(f'uid and name or vm_name disagree: "{task["uid"]}".')
        found = Restores(self._client, place or task["new_zone"] or task["zone"]).find(task["name"] or name, vm or task["vm_name"])
        if len(found) > 1:
            raise AmbiguousName(f"several VMs have a restore of that name: {', '.join(one.record().uid for one in found)}. Give vm_name or uid.")
        return found[0] if found else None

    def list_all(self) -> Iterator[Record]:
        task, tags, count = self._task, check_tags(self._task["tags"]), 0
        words = {word.lower() for word in task["status"] or ()}
        for restore in Restores(self._client, task["new_zone"] or task["zone"]).every(task["vm_name"]):
            record = restore.record()
            fits = (
                (not task["name_filter"] or task["name_filter"] in record.name)
                and (not words or record.status in words)
                and all(record.tags.get(key) == value for key, value in tags.items())
            )
            if fits and not (task["max_objects"] and count >= task["max_objects"]):
                count += 1
                yield record

    # --- plans

    def plan_create(self, found: Record | None) -> Plan:
        if self._plan is None:
            raise RuntimeError("find comes first")
        return self._plan.plan()

    def plan_delete(self, found: Record | None) -> Plan:
        return plan_giving_up(self._task, self._client, self._waiter, self._found)
