# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding and listing the snapshots of a project."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Disk, Snapshot
from ...core.arguments import Task
from ...core.errors import InvalidRequest
from ...core.model import CREATE, DELETING, FAILED
from .disk_refs import disk_ref
from .marks import check_tags
from .snapshot_records import backup_of, moment_of, status_of
from .snapshot_wishes import Wishes


class Catalog:
    """The snapshots that the task can see."""

    def __init__(self, client: GceClient, task: Task) -> None:
        self._client, self._task = client, task

    def find(self) -> Snapshot | None:
        """What name, uid or both say. Raises InvalidRequest when the two do not agree."""
        name, uid = self._task["name"], self._task["uid"] if self._task.operation != CREATE else None
        # The API takes ids in the place of names, and no name begins with a digit.
        looks = (self._client.get_snapshot(str(word)) for word in (name, uid) if word)
        found = next((seen for seen in looks if seen), None)
        if found and name and uid and (found.name, found.uid) != (name, uid):
            raise InvalidRequest(f'name and uid do not agree: the snapshot "{found.name}" has the uid {found.uid}. Asked for were "{name}" and {uid}.')
        return found

    def find_young(self, disk: Disk, wishes: Wishes) -> Snapshot | None:
        """The newest snapshot of the disk that is young enough and in everything as asked for; None when there is none.

        Those that a schedule made or that belong to a backup of a VM do not count: others decide how long they stay.
        """
        since = datetime.now(timezone.utc) - timedelta(minutes=self._task["min_age"])
        young = [
            (made_at, snapshot)
            for snapshot in list_with(self._client, wishes.tags)
            for made_at in [moment_of(snapshot.created_at)]
            if snapshot.source_disk_uid == disk.uid and made_at and made_at >= since and status_of(snapshot) not in (FAILED, DELETING)
            if not snapshot.scheduled and not backup_of(snapshot) and not wishes.label_changes(snapshot) and not any(wishes.differences(snapshot))
        ]
        return max(young, key=lambda pair: pair[0])[1] if young else None

    def list_all(self) -> Iterator[Snapshot]:
        """What the filters let through: labels are filtered by the server, everything else here."""
        task = self._task
        part, words = task["name_filter"] or "", set(task["status"] or ())
        ref = disk_ref("source_disk", task["source_disk"], task.options) if task["source_disk"] else None
        listed = (
            snapshot
            for snapshot in list_with(self._client, check_tags(task["tags"]))
            if part in snapshot.name
            and (not words or {snapshot.status, status_of(snapshot)} & words)
            and (ref is None or ref.fits(snapshot.source_disk, snapshot.source_disk_uid))
        )
        return islice(listed, task["max_objects"] or None)


def list_with(client: GceClient, tags: dict[str, str]) -> Iterator[Snapshot]:
    """The snapshots with these labels."""
    terms = [f'labels.{key}="{value}"' if value else f"labels.{key}:*" for key, value in tags.items()]
    for snapshot in client.list_snapshots(" AND ".join(terms) or None):
        if all(snapshot.labels.get(key) == value for key, value in tags.items()):
            yield snapshot
