# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``snapshot``: one disk, saved as it was at one moment, on any provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from ...core.arguments import Task
from ...core.errors import Conflict, InvalidRequest
from ...core.lifecycle import Lifecycle
from ...core.listing import check_statuses, chosen
from ...core.model import CREATE, DELETE, DELETING, FAILED, INSPECT_ALL, INSPECT_ONE, Record
from ...core.plan import Plan, Progress
from ...core.waiter import Waiter
from ..gate import Gate
from ..points import RecoveryPoint, instant
from ..provider import Provider
from ..retention import parse_rules
from .one import OneSnapshot, days_after, of_other_disk, record_of
from .provider import Snapshots


class SnapshotBackend:
    """``provider`` gives the provider of the restores that may read a snapshot; only a deletion needs it."""

    def __init__(self, task: Task, waiter: Waiter, snapshots: Snapshots, provider: Callable[[], Provider]) -> None:
        self._task, self._waiter, self._snapshots, self._provider = task, waiter, snapshots, provider
        self._gate = Gate(waiter, snapshots.marks)
        self._found: RecoveryPoint | None = None

    # --- what the task says

    def validate(self, operation: str) -> None:
        task = self._task
        self._snapshots.validate(operation)
        if operation == INSPECT_ONE and not (task["name"] or task["uid"]):
            raise InvalidRequest("operation INSPECT_ONE needs one of: name, uid.")
        if operation == CREATE:
            if task["min_age"] and task["name"]:
                raise InvalidRequest("min_age looks for a snapshot by its age, and name says which one it is: give one of them.")
            if task["retention_days"]:
                days_after(datetime.now(timezone.utc), task["retention_days"])
        elif operation == INSPECT_ALL:
            check_statuses(task["status"], self._snapshots.STATUSES)
        elif operation == DELETE:
            self._check_selectors()

    def _check_selectors(self) -> None:
        """Raise InvalidRequest unless it is said in one way what is deleted."""
        task = self._task
        ways = [name for name in ("retention", "all_snapshots") if task[name]]
        if task["name"] or task["uid"]:
            if ways:
                raise InvalidRequest(f"{ways[0]} chooses among the snapshots of a disk, and name or uid says which one is meant: give one of them.")
        elif len(ways) != 1:
            text = "source_disk alone does not say which of its snapshots to delete: give either retention or all_snapshots: true, or a name or uid."
            raise InvalidRequest(text)
        if task["retention"] is not None:
            parse_rules(task["retention"])

    def targets(self) -> Sequence[str]:
        return ()

    def for_target(self, name: str, waiter: Waiter) -> SnapshotBackend:
        raise NotImplementedError(f"a task on snapshots has no targets such as {name}")

    # --- reading

    def list_all(self) -> Iterator[Record]:
        """What the filters let through. An empty list is given only for a disk in a place that exists."""
        task, snapshots, empty = self._task, self._snapshots, True
        tags = snapshots.marks.check_tags(task["tags"])
        listed = (point for point in snapshots.listed(tags) if not task["source_disk"] or snapshots.is_of_disk(point))
        for record in chosen((record_of(snapshots, point) for point in listed), task, tags, lambda record: (record.details["provider_status"],)):
            empty = False
            yield record
        if empty and task["source_disk"]:
            snapshots.check_place()

    def find(self) -> Record | None:
        task = self._task
        if task["name"] or task["uid"]:
            self._found = self._named()
        elif task.operation == CREATE and task["min_age"]:
            self._found = self._young()
        return record_of(self._snapshots, self._found) if self._found else None

    def _named(self) -> RecoveryPoint | None:
        """What name, uid or both say. Raises InvalidRequest when the two do not agree."""
        name, uid = self._task["name"], self._task["uid"]
        if uid and self._task.operation == CREATE:
            # With an id the name is the one that it is to have.
            return self._snapshots.get(str(uid))
        looks = (self._snapshots.get(str(word)) for word in (name, uid) if word)
        found = next((seen for seen in looks if seen), None)
        if found and name and uid and (found.name, found.uid) != (name, uid):
            raise InvalidRequest(f'name and uid do not agree: the snapshot "{found.name}" has the uid {found.uid}. Asked for were "{name}" and {uid}.')
        return found

    def _young(self) -> RecoveryPoint | None:
        """The newest snapshot of the disk that is young enough and in everything as asked for; None when there is none.

        Those that a schedule made or that belong to a backup of a VM do not count: others decide how long they stay.
        """
        snapshots, disk = self._snapshots, self._snapshots.existing_disk()
        since = datetime.now(timezone.utc) - timedelta(minutes=self._task["min_age"])
        wanted = OneSnapshot(self._task, snapshots, self._gate)
        young: list[tuple[datetime, RecoveryPoint]] = []
        for point in snapshots.listed(wanted.tags):
            made_at = instant(point.created_at)
            if point.source_uid != disk.uid or made_at is None or made_at < since or point.status in (FAILED, DELETING):
                continue
            if not (snapshots.is_scheduled(point) or snapshots.backup_of(point) or wanted.label_changes(point) or any(snapshots.differences(point))):
                young.append((made_at, point))
        # A list may lag behind a deletion, so that each is read by its name.
        ordered = [point for _made_at, point in sorted(young, key=lambda pair: pair[0], reverse=True)]
        looks = (OneSnapshot(self._task, snapshots, self._gate, point).look() for point in ordered)
        return next((seen for seen in looks if seen and seen.status not in (FAILED, DELETING)), None)

    # --- plans

    def _life(self, found: RecoveryPoint | None) -> Lifecycle[RecoveryPoint]:
        return Lifecycle(OneSnapshot(self._task, self._snapshots, self._gate, found, self._task["name"] or ""), self._task, self._waiter)

    def plan_create(self, found: Record | None) -> Plan:
        """The way to a snapshot as asked for. Raises Conflict for one of the name that is different, ProviderFailure for a failed one."""
        one = OneSnapshot(self._task, self._snapshots, self._gate, self._found, self._task["name"] or "")
        plan = Lifecycle(one, self._task, self._waiter).plan_create(self._found)
        copies = [replace(step, needs=(plan.steps[-1].name,)) if plan.steps else step for step in self._snapshots.copies(one.look)]
        missing = plan.steps or any(step.done() is not Progress.DONE for step in copies)
        return replace(plan, steps=(*plan.steps, *copies), verb=plan.verb if plan.steps else "completed", seen=None) if copies and missing else plan

    def plan_delete(self, found: Record | None) -> Plan:
        """The way to absence, of one or of many. Raises Conflict for one that is not meant to be deleted like this, or that a restore reads."""
        # Only a deletion needs the code of restores.
        from .held import readers, refuse_read
        from .many import DeletionOfMany, told

        task, point = self._task, self._found
        if not (task["name"] or task["uid"]):
            return DeletionOfMany(task, self._snapshots, self._life, lambda points: readers(self._provider(), points)).plan()
        plan = self._life(point).plan_delete(point)
        if point is None:
            return plan
        self._refuse_deletion(point)
        if not plan.changes:
            return plan
        refuse_read(self._provider(), [point])
        return replace(plan, forecast=f"Snapshot would be deleted: {told(point)}", note=f"By name: {told(point)}")

    def acted(self) -> bool:
        return self._snapshots.acted()

    def _refuse_deletion(self, found: RecoveryPoint) -> None:
        snapshots, why = self._snapshots, ""
        backup = snapshots.backup_of(found)
        if self._task["source_disk"] and not snapshots.is_of_disk(found):
            why = of_other_disk(found)
        elif backup:
            why = f'it is a part of the backup "{backup}" of a VM, which cannot be restored without it. Delete the backup, with the module backup.'
        elif snapshots.is_scheduled(found) and not self._task["include_scheduled"]:
            why = "a schedule made it and deletes it in its time. Set include_scheduled to delete it all the same."
        else:
            why = snapshots.held_back(found)
        if why:
            raise Conflict(f"{why} It is untouched.", record=record_of(snapshots, found))
