# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of Compute Engine: one disk, saved as it was at one moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import ClassVar

from ...clients.gce.objects import Disk, Snapshot
from ...core.arguments import Task
from ...core.errors import Conflict, InvalidRequest
from ...core.model import CREATE, DELETE, DELETING, INSPECT_ALL, INSPECT_ONE, UNFINISHED, Record
from ...core.options import Option
from ...core.plan import Plan, Step
from ...core.waiter import Waiter
from ...recovery.marks import merged
from ...recovery.naming import fitting_name, now_as_datetime
from ...recovery.retention import parse_rules
from . import snapshot_preflight
from .connection import connect
from .disk_refs import DiskRef, absent, check_name, disk_ref, find_disk
from .marks import check_tags
from .options import SNAPSHOT
from .snapshot_actions import Actions, Deletion, refuse_failed
from .snapshot_catalog import Catalog
from .snapshot_many import plan_delete_many
from .snapshot_records import backup_of, check_words, record_of, status_of
from .snapshot_wishes import Wishes

_LONGEST_NAME = 63


class SnapshotBackend:
    """The module ``snapshot`` on provider gce."""

    OPTIONS: ClassVar[Mapping[str, Option]] = SNAPSHOT
    SELECTORS: ClassVar[Collection[str]] = ("name", "uid", "source_disk")

    def __init__(self, task: Task, waiter: Waiter) -> None:
        self._task, self._waiter = task, waiter
        self._client = connect(task, waiter)
        self._actions = Actions(self._client, task, waiter)
        self._catalog = Catalog(self._client, task)
        self._found: Snapshot | None = None
        self._disk: Disk | None = None

    def validate(self, operation: str) -> None:
        task = self._task
        if task["name"] and operation != INSPECT_ALL:
            check_name("name", task["name"])
        if task["uid"] and operation in (DELETE, INSPECT_ONE) and not task["uid"].isdigit():
            raise InvalidRequest(f'uid: "{task["uid"]}" is no id of Compute Engine: those are numbers. Is it a name?')
        if operation == INSPECT_ONE and not (task["name"] or task["uid"]):
            raise InvalidRequest("operation INSPECT_ONE needs one of: name, uid.")
        if task["source_disk"] and operation != INSPECT_ONE:
            ref = self._ref()
            if operation == CREATE or (operation == DELETE and not (task["name"] or task["uid"] or ref.uid)):
                ref.require_place()
        if operation == CREATE:
            Wishes(task)
            if task["min_age"] and task["name"]:
                raise InvalidRequest("min_age looks for a snapshot by its age, and name says which one it is: give one of them.")
        elif operation == INSPECT_ALL:
            check_words(task["status"] or [])
            check_tags(task["tags"])
        elif operation == DELETE:
            check_tags(task["tags"])
            _check_selectors(task)

    def targets(self) -> Sequence[str]:
        return ()

    def for_target(self, name: str, waiter: Waiter) -> SnapshotBackend:
        raise NotImplementedError(f"a task on snapshots has no targets such as {name}")

    def list_all(self) -> Iterator[Record]:
        return map(record_of, self._catalog.list_all())

    def find(self) -> Record | None:
        task = self._task
        if task["name"] or (task["uid"] and task.operation != CREATE):
            self._found = self._catalog.find()
        elif task.operation == CREATE and task["min_age"]:
            self._found = self._catalog.find_young(self._need_disk(), Wishes(task))
        return record_of(self._found) if self._found else None

    def plan_create(self, found: Record | None) -> Plan:
        """The way to a snapshot as asked for. Raises Conflict for one of the name that is different, ProviderFailure for a failed one."""
        snapshot = self._found
        if snapshot and status_of(snapshot) != DELETING:
            refuse_failed(snapshot)
            return self._plan_existing(snapshot)
        clearing = self._steps_to_clear(snapshot)
        wishes, disk = Wishes(self._task), self._need_disk()
        body = wishes.body(self._task["name"] or _dated_name(disk.name), disk, datetime.now(timezone.utc))
        snapshot_preflight.check(self._client, self._task, disk)
        create = Step(
            "create snapshot",
            do=lambda: self._actions.create(body, lambda made: self._refuse_other(made, wishes)),
            wait=(lambda: self._actions.wait_until_ready(body["name"])) if self._task["wait"] else None,
            needs=tuple(step.name for step in clearing),
        )
        predicted = wishes.prediction(body, disk)
        return Plan((*clearing, create), after=predicted, seen=lambda: self._actions.result() or predicted)

    def _steps_to_clear(self, found: Snapshot | None) -> list[Step]:
        if not found:
            return []
        if not self._task["wait"]:
            raise Conflict("the one of this name is being deleted; with wait it would be made again as soon as that is done.", record=record_of(found))
        return [Step("wait for the deletion", wait=Deletion(self._client, self._task, self._waiter, found).finish)]

    def _plan_existing(self, found: Snapshot) -> Plan:
        wishes, record = Wishes(self._task), record_of(found)
        self._refuse_other(found, wishes)
        self._actions.seen = found
        since = f"since {found.created_at}" if found.created_at else "already"
        unchanged = f'Snapshot "{found.name}" exists {since} and is as asked for'
        steps: tuple[Step, ...] = ()
        if self._task["wait"] and record.status in UNFINISHED:
            steps = (Step("wait for snapshot", wait=lambda: self._actions.wait_until_ready(found.name)),)
        changes = wishes.label_changes(found)
        if not changes:
            return Plan(steps, after=record, why_unchanged=unchanged, seen=self._actions.result)
        relabel = Step("update labels", do=lambda: self._actions.relabel(found.name, changes), needs=tuple(step.name for step in steps))
        after = record_of(replace(found, labels=merged(found.labels, changes)))
        return Plan((*steps, relabel), after=after, verb="updated", seen=self._actions.result)

    def _refuse_other(self, found: Snapshot, wishes: Wishes) -> None:
        """Raise Conflict unless the snapshot is of the very disk, and as asked for in what cannot be changed."""
        ref = self._ref()
        if not ref.fits(found.source_disk, found.source_disk_uid):
            raise Conflict(f"it is a snapshot of another disk: {found.source_disk} (id {found.source_disk_uid}). Choose another name.", record=record_of(found))
        disk = None if ref.uid else self._look_for_disk(ref)
        if disk and disk.uid != found.source_disk_uid:
            raise Conflict(
                f'it is a snapshot of an earlier disk of the name "{disk.name}" (id {found.source_disk_uid}), not of the one there is now (id {disk.uid}).'
                " Choose another name, or delete it first.",
                record=record_of(found),
            )
        different = list(wishes.differences(found))
        if different:
            raise Conflict(
                f"it exists with other values, and Compute Engine can change only a snapshot's labels (tags, retention_days): {'; '.join(different)}."
                " Choose another name, or delete it first.",
                record=record_of(found),
            )

    def plan_delete(self, found: Record | None) -> Plan:
        """The way to absence, of one or of many. Raises Conflict for one that is not meant to be deleted like this."""
        task, snapshot = self._task, self._found
        if not (task["name"] or task["uid"]):
            return plan_delete_many(self._client, task, self._waiter, self._ref())
        absent_already = f'Snapshot "{task["name"] or task["uid"]}" is already absent'
        if snapshot is None:
            return Plan(why_unchanged=absent_already)
        self._refuse_deletion(snapshot)
        deletion = Deletion(self._client, task, self._waiter, snapshot)
        wait = deletion.finish if task["wait"] else None
        if snapshot.status == "DELETING":
            return Plan((Step("wait for the deletion", wait=wait),) if wait else (), why_unchanged=f"{absent_already}, or about to be")
        return Plan((Step("delete snapshot", do=deletion.begin, wait=wait),), verb="deleted")

    def _refuse_deletion(self, found: Snapshot) -> None:
        task, tags = self._task, check_tags(self._task["tags"])
        why = ""
        if any(found.labels.get(key) != value for key, value in tags.items()):
            why = f"it does not carry the labels {tags}, so it is not what was meant to be deleted."
        elif task["source_disk"] and not self._ref().fits(found.source_disk, found.source_disk_uid):
            why = f"it is a snapshot of another disk: {found.source_disk} (id {found.source_disk_uid})."
        elif backup_of(found):
            why = f'it is a part of the backup "{backup_of(found)}" of a VM, which cannot be restored without it. Delete the backup, with the module backup.'
        elif found.scheduled and not task["include_scheduled"]:
            why = "a schedule made it and deletes it in its time. Set include_scheduled to delete it all the same."
        if why:
            raise Conflict(f"{why} It is untouched.", record=record_of(found))

    def _ref(self) -> DiskRef:
        return disk_ref("source_disk", self._task["source_disk"], self._task.options)

    def _look_for_disk(self, ref: DiskRef) -> Disk | None:
        self._disk = self._disk or find_disk(self._client, ref)
        return self._disk

    def _need_disk(self) -> Disk:
        ref = self._ref()
        disk = self._look_for_disk(ref)
        if disk is None:
            raise absent(ref)
        return disk


def _check_selectors(task: Task) -> None:
    """Raise InvalidRequest unless it is said in one way what is deleted."""
    ways = [name for name in ("retention", "all_snapshots") if task[name]]
    if task["name"] or task["uid"]:
        if ways:
            raise InvalidRequest(f"{ways[0]} chooses among the snapshots of a disk, and name or uid says which one is meant: give one of them.")
    elif len(ways) != 1:
        raise InvalidRequest("source_disk alone does not say which of its snapshots to delete: give either retention or all_snapshots: true, or a name or uid.")
    if task["retention"] is not None:
        parse_rules(task["retention"])


def _dated_name(disk: str) -> str:
    """The name for a snapshot taken now; the datetime stays whole."""
    moment = now_as_datetime()
    return f"{fitting_name(disk, _LONGEST_NAME - len(moment) - 1)}-{moment}"
