# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``restore`` for VMs: a VM brought back in place, replaced, or as a new one, on any provider."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ...core.arguments import Task
from ...core.errors import AmbiguousName, InvalidRequest
from ...core.listing import check_statuses, chosen
from ...core.model import CREATE, INSPECT_ALL, Record
from ...core.plan import Plan
from ...core.waiter import Waiter
from ..fleet import check_choice, target_task, targets_of
from ..model import Strategy
from ..provider import Provider
from .case import LONGEST_NAME
from .delete import RestoreDeletion
from .delete_reset import ResetDeletion
from .found import Restore, Restores
from .plan import RestorePlanner
from .records import record_of
from .reset_records import record_of as record_of_reset
from .resets import ROLLBACK, Reset, Resets
from .routes.plan_reset import ResetPlanner
from .source import check_ways


class RestoreBackend:
    """Restores are found by the marks on the disks they made."""

    def __init__(self, task: Task, waiter: Waiter, provider: Provider) -> None:
        self._task, self._waiter, self._provider = task, waiter, provider
        self._found: Restore | None = None
        self._reset: Reset | None = None
        self._planner: RestorePlanner | ResetPlanner | None = None

    # --- what the task says

    def validate(self, operation: str) -> None:
        task = self._task
        self._provider.validate(operation)
        if task["name"] and not re.fullmatch(rf"[a-z0-9]([a-z0-9_-]{{0,{LONGEST_NAME - 1}}})", task["name"]):
            raise InvalidRequest(f'name must be lower case letters, digits, "-" and "_", at most {LONGEST_NAME}: it becomes a label. Not "{task["name"]}".')
        if task["uid"] and len(task["uid"].split("/")) != 3:
            raise InvalidRequest(f'uid is {self._provider.PLACE}, VM and name with "/" between them, as INSPECT_ALL gives it, not "{task["uid"]}".')
        if operation == INSPECT_ALL:
            check_statuses(task["status"])
        if operation == CREATE:
            self._validate_create()

    def _validate_create(self) -> None:
        task = self._task
        many = check_choice(task)
        check_ways(task)
        if not task["wait"]:
            raise InvalidRequest("wait: false would leave the VM stopped in the middle of a restore: it is refused for VMs.")
        if task["strategy"] == Strategy.NEW.value:
            self._validate_copy(many)
        else:
            for name in ("new_vm_name", self._provider.NEW_PLACE, "ensure_network"):
                if task.options.get(name):
                    raise InvalidRequest(f"{name} goes with strategy: new only.")
        if many and (task.options.get("snapshots") or task["backup"]):
            raise InvalidRequest("snapshots and backup are of one VM: give vm_name, or snapshot_datetime for many.")
        losable = self._provider.extras.LOSABLE
        unknown = sorted(set(task["allow_lost"] or ()) - set(losable))
        if unknown:
            raise InvalidRequest(f"allow_lost: {', '.join(unknown)} is none of {', '.join(losable)}.")

    def _validate_copy(self, many: bool) -> None:
        task, name = self._task, self._task["new_vm_name"] or ""
        if not name:
            raise InvalidRequest("strategy new needs new_vm_name.")
        if many and "{vm}" not in name:
            raise InvalidRequest('new_vm_name must hold "{vm}" when many VMs are restored, as in "{vm}-drill".')
        if task["old_disks"] == "delete":
            raise InvalidRequest("old_disks: delete makes no sense with strategy new, which leaves the original alone.")

    # --- many VMs

    def targets(self) -> Sequence[str]:
        return targets_of(self._task, self._provider)

    def for_target(self, name: str, waiter: Waiter) -> RestoreBackend:
        task = target_task(self._task, name)
        return RestoreBackend(task, waiter, self._provider.for_target(task, waiter))

    # --- reading

    def find(self) -> Record | None:
        if self._task.operation == CREATE:
            kind = ResetPlanner if self._resets() else RestorePlanner
            self._planner = self._planner or kind(self._task, self._provider, self._waiter)
            return self._planner.found()
        self._found, self._reset = self._one(), self._one_reset()
        if self._found and self._reset:
            # A restore that has no disks of its own any more is told of by its VM only.
            self._found = self._found if self._found.new or self._found.old else None
        if self._found and self._reset:
            raise AmbiguousName(f'two restores have the name "{self._found.name}": {record_of(self._found).uid}, {record_of_reset(self._reset).uid}.')
        if self._reset:
            return record_of_reset(self._reset)
        return record_of(self._found) if self._found else None

    def _resets(self) -> bool:
        """Whether the task rolls disks back: it says so, or goes back to before a restore that did."""
        task, provider = self._task, self._provider
        if provider.resets is None:
            return False
        if task["strategy"] == ROLLBACK:
            return True
        return bool(task["rollback_of"] and Resets(provider).find(task["rollback_of"], task["vm_name"]))

    def _one_reset(self) -> Reset | None:
        task = self._task
        place, vm, name = (task["uid"] or "//").split("/")
        provider = self._in(place)
        if provider.resets is None:
            return None
        found = Resets(provider).find(task["name"] or name, vm or task["vm_name"])
        if len(found) > 1:
            raise AmbiguousName(f"several VMs have a restore of that name: {', '.join(record_of_reset(one).uid for one in found)}. Give vm_name or uid.")
        return found[0] if found else None

    def _one(self) -> Restore | None:
        task = self._task
        place, vm, name = (task["uid"] or "//").split("/")
        if (task["name"] and name and task["name"] != name) or (vm and task["vm_name"] not in (None, "", vm)):
            raise InvalidRequest(f'uid and name or vm_name disagree: "{task["uid"]}".')
        found = Restores(self._in(place)).find(task["name"] or name, vm or task["vm_name"])
        if len(found) > 1:
            raise AmbiguousName(f"several VMs have a restore of that name: {', '.join(record_of(one).uid for one in found)}. Give vm_name or uid.")
        return found[0] if found else None

    def _in(self, place: str = "") -> Provider:
        wanted = place or self._task.options.get(self._provider.NEW_PLACE) or self._provider.place
        return self._provider if wanted == self._provider.place else self._provider.at(wanted)

    def list_all(self) -> Iterator[Record]:
        provider, vm = self._in(), self._task["vm_name"]
        records = [record_of(one) for one in Restores(provider).every(vm)]
        records += [record_of_reset(one) for one in Resets(provider).every(vm)] if provider.resets else []
        return chosen(records, self._task, self._provider.marks.check_tags(self._task["tags"]))

    # --- plans

    def plan_create(self, found: Record | None) -> Plan:
        if self._planner is None:
            raise RuntimeError("find comes first")
        return self._planner.plan()

    def plan_delete(self, found: Record | None) -> Plan:
        if self._reset:
            return ResetDeletion(self._task, self._reset.provider, self._waiter, self._one_reset).plan(self._reset)
        place = self._found.place if self._found else ""
        return RestoreDeletion(self._task, self._in(place), self._waiter, self._one).plan(self._found)

    def acted(self) -> bool:
        return self._provider.acted()
