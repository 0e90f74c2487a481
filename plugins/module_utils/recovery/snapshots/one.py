# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One snapshot as a task asks for it: what it is compared by, when it expires, and the changes that the gate sends for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import chain

from ...core.arguments import Task
from ...core.errors import Conflict, InvalidRequest, ProviderFailure
from ...core.model import FAILED, Record
from ...core.resource import Wanted
from ...core.steps import at_once
from .. import marks
from ..findings import decide, gathered
from ..gate import Gate
from ..model import Planned
from ..naming import fitting_name, now_as_datetime
from ..points import RecoveryPoint, instant
from ..provider import Work
from .provider import Snapshots

_MOMENT = "%Y%m%d-%H%M%S"
_CLOCKS_APART = timedelta(hours=1)


class OneSnapshot:
    """The snapshot ``found``, or the one to be made as ``name``, without which it is named by the disk and the moment."""

    def __init__(self, task: Task, snapshots: Snapshots, gate: Gate, found: RecoveryPoint | None = None, name: str = "") -> None:
        self._task, self._snapshots, self._gate = task, snapshots, gate
        self._name, self._uid = (found.name, found.uid) if found else (name, "")
        self._gone = ""
        self._begun: list[Work] = []
        self.words = snapshots.WORDS
        self.tags = snapshots.marks.check_tags(task["tags"])

    def record_of(self, thing: RecoveryPoint) -> Record:
        return record_of(self._snapshots, thing)

    def look(self) -> RecoveryPoint | None:
        seen = self._snapshots.get(self._name if self._snapshots.UNIQUE_NAMES else self._uid or self._name)
        if seen is None or seen.uid == self._gone or self._uid not in ("", seen.uid):
            return None
        self._uid = seen.uid
        return seen

    def forget(self) -> None:
        # A read that lags may still show it under its name.
        self._gone, self._uid = self._uid, ""

    # --- what is asked for

    def differences(self, thing: RecoveryPoint) -> Iterable[str]:
        self._refuse_other_disk(thing)
        return self._snapshots.differences(thing)

    def _refuse_other_disk(self, found: RecoveryPoint) -> None:
        """Raise Conflict unless it is a snapshot of the very disk."""
        if not self._snapshots.is_of_disk(found):
            raise Conflict(f"{of_other_disk(found)} Choose another name.", record=self.record_of(found))
        disk = None if self._snapshots.disk_by_uid else self._snapshots.disk()
        if disk and disk.uid != found.source_uid:
            raise Conflict(
                f'it is a snapshot of an earlier disk of the name "{disk.name}" (id {found.source_uid}), not of the one there is now (id {disk.uid}).'
                " Choose another name, or delete it first.",
                record=self.record_of(found),
            )

    def label_changes(self, thing: RecoveryPoint) -> Mapping[str, str]:
        return {**self._tag_changes(thing), **marks.prefixed(self._mark_changes(thing)), **self._snapshots.updates(thing)}

    def _tag_changes(self, there: RecoveryPoint) -> dict[str, str]:
        return {key: value for key, value in self.tags.items() if there.tags.get(key) != value}

    def _mark_changes(self, there: RecoveryPoint) -> dict[str, str]:
        made_at, days = instant(there.created_at), self._task["retention_days"]
        if days is None or made_at is None or self._snapshots.NATIVE_EXPIRY:
            return {}
        wanted, noted = days_after(made_at, days), expiry(there)
        return {} if noted and abs(noted - wanted) <= _CLOCKS_APART else {marks.EXPIRES: wanted.strftime(_MOMENT)}

    def relabelled(self, thing: RecoveryPoint) -> RecoveryPoint:
        changed = replace(thing, tags={**thing.tags, **self._tag_changes(thing)}, marks={**thing.marks, **self._mark_changes(thing)})
        return self._snapshots.updated(changed)

    def refuse_failed(self, thing: RecoveryPoint) -> None:
        self.judge(thing)

    def judge(self, thing: RecoveryPoint) -> None:
        if thing.status == FAILED:
            text = f"{self.words.provider} could not make it: its status is {thing.provider_status}. Delete it, then run the task again."
            raise ProviderFailure(text, record=self.record_of(thing))

    def prepare(self) -> Wanted:
        snapshots, now = self._snapshots, datetime.now(timezone.utc)
        disk = snapshots.existing_disk()
        found = at_once(*[partial(gathered, [look]) for look in snapshots.findings(disk)])
        decide(list(chain.from_iterable(found)), (), self._task.warn)
        moment = now_as_datetime()
        self._name = self._name or f"{fitting_name(disk.name, snapshots.LONGEST_NAME - len(moment) - 1)}-{moment}"
        days = self._task["retention_days"]
        planned = snapshots.planned(self._name, disk, {marks.EXPIRES: days_after(now, days).strftime(_MOMENT)} if days is not None else {})
        return Wanted(planned, self.record_of(snapshots.predicted(planned, disk)))

    # --- requests

    def create(self, request: Planned) -> None:
        self._begun = self._gate.begin_all([self._snapshots.create(request)])

    def is_taken(self, error: Conflict) -> bool:
        return self._snapshots.is_taken(error)

    def relabel(self, thing: RecoveryPoint) -> None:
        tags, noted = self._tag_changes(thing), self._mark_changes(thing)
        if noted:
            # One request for both: what is read is taken to have the tags, and is written with the marks.
            self._gate.mark(lambda: replace(seen, tags={**seen.tags, **tags}) if (seen := self.look()) else None, noted)
        if tags:
            self._gate.tag_all([(self.look, tags)])
        if self._snapshots.updates(thing):
            self._gate.send(self._snapshots.update(thing))

    def delete(self, thing: RecoveryPoint) -> None:
        self._begun = self._gate.begin_all([self._snapshots.delete(thing)])

    def finish(self) -> None:
        begun, self._begun = self._begun, []
        self._gate.wait_all(begun)


def record_of(snapshots: Snapshots, point: RecoveryPoint) -> Record:
    """The snapshot as users see it."""
    expires_at = expiry(point)
    common = {
        "provider_status": point.provider_status,
        "source_disk": point.source_disk,
        "source_disk_id": point.source_uid,
        "size_gb": point.size_gib,
        "scheduled": snapshots.is_scheduled(point),
        "expires_at": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ") if expires_at else None,
        "backup": snapshots.backup_of(point) or None,
    }
    return Record(point.name, point.uid, snapshots.NAME, point.status, point.created_at, dict(point.tags), {**common, **snapshots.details(point)})


def of_other_disk(point: RecoveryPoint) -> str:
    return f"it is a snapshot of another disk: {point.source_disk} (id {point.source_uid})."


def expiry(point: RecoveryPoint) -> datetime | None:
    """When it expires; None when never, or when the mark holds something else."""
    try:
        return datetime.strptime(point.marks.get(marks.EXPIRES, ""), _MOMENT).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def days_after(moment: datetime, days: int) -> datetime:
    """The moment, in UTC, so many days later. Raises InvalidRequest."""
    try:
        return moment.astimezone(timezone.utc) + timedelta(days=days)
    except OverflowError:
        raise InvalidRequest(f"retention_days is longer than calendars go: {days}.") from None
