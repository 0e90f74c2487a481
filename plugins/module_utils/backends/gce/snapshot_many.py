# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deletion of many snapshots of one disk: by the rules of retention, or all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Snapshot
from ...core.arguments import Task
from ...core.errors import AmbiguousName
from ...core.model import SUCCEEDED
from ...core.plan import Plan, Step
from ...core.waiter import Waiter
from ...recovery.retention import Candidate, decide, parse_rules
from .disk_refs import DiskRef, find_disk
from .marks import check_tags
from .snapshot_actions import Deletion
from .snapshot_catalog import list_with
from .snapshot_records import backup_of, expiry, moment_of, record_of, status_of

_NAMED_AT_MOST = 10


def plan_delete_many(client: GceClient, task: Task, waiter: Waiter, ref: DiskRef) -> Plan:
    """The deletion of what the task chooses among the snapshots of one disk; tags narrow what is chosen from.

    Parts of backups of VMs are never chosen, nor what a schedule made unless include_scheduled. Raises AmbiguousName when the disk
    is gone and snapshots of several disks of its name are there.
    """
    listed = [snapshot for snapshot in list_with(client, check_tags(task["tags"])) if ref.fits(snapshot.source_disk, snapshot.source_disk_uid)]
    of_disk = _of_very_disk(client, task, ref, listed)
    ours = [snapshot for snapshot in of_disk if not backup_of(snapshot)]
    candidates = [snapshot for snapshot in ours if task["include_scheduled"] or not snapshot.scheduled]
    # What an earlier run has asked for is seen to its end.
    leaving = [snapshot for snapshot in candidates if snapshot.status == "DELETING"]
    chosen, kept = _chosen(task, [snapshot for snapshot in candidates if snapshot not in leaving])
    note = _note(kept, len(of_disk) - len(ours), len(ours) - len(candidates))
    deletions = {f"delete {snapshot.name}": Deletion(client, task, waiter, snapshot) for snapshot in (*leaving, *chosen)}
    steps = tuple(Step(name, do=deletion.begin, done=deletion.done, wait=deletion.finish if task["wait"] else None) for name, deletion in deletions.items())
    removes = {f"delete {snapshot.name}": record_of(snapshot) for snapshot in (*leaving, *chosen)}
    nothing = f"The {ref} has no snapshot to delete{f'. {note}' if note else ''}"
    return Plan(steps, verb="deleted", removes=removes, why_unchanged=nothing, note=note)


def _of_very_disk(client: GceClient, task: Task, ref: DiskRef, listed: Sequence[Snapshot]) -> list[Snapshot]:
    """Those of the disk that has the name now; when there is none any more, of the only one that had it."""
    if ref.uid:
        return list(listed)
    disk = find_disk(client, ref)
    ids = sorted({snapshot.source_disk_uid for snapshot in listed})
    if disk is None and len(ids) > 1:
        raise AmbiguousName(
            f"{ref.option}: there is no disk with the {ref} any more, and there are snapshots of {len(ids)} that had it: give the id of one, {', '.join(ids)}."
        )
    wanted = disk.uid if disk else next(iter(ids), "")
    others = [snapshot for snapshot in listed if snapshot.source_disk_uid != wanted]
    if others:
        known = ", ".join(uid for uid in ids if uid != wanted)
        task.warn(
            f"{len(others)} snapshots are of earlier disks with the {ref}, and are left alone. To choose among them, give as {ref.option} the id: {known}."
        )
    return [snapshot for snapshot in listed if snapshot.source_disk_uid == wanted]


def _chosen(task: Task, candidates: Sequence[Snapshot]) -> tuple[list[Snapshot], Mapping[str, str]]:
    """What is deleted, oldest first, and why the rest is kept."""
    if task["all_snapshots"]:
        return sorted(candidates, key=lambda snapshot: (snapshot.created_at or "", snapshot.name)), {}
    points = [
        Candidate(snapshot.name, moment_of(snapshot.created_at), "" if status_of(snapshot) == SUCCEEDED else "it is not complete", expiry(snapshot))
        for snapshot in candidates
    ]
    decision = decide(points, parse_rules(task["retention"]), datetime.now(timezone.utc))
    by_name = {snapshot.name: snapshot for snapshot in candidates}
    return [by_name[point.name] for point in decision.released], decision.kept


def _note(kept: Mapping[str, str], parts_of_backups: int, scheduled: int) -> str:
    """What stays, and why."""
    said: list[str] = []
    if kept:
        named = "; ".join(f"{name}: {reason}" for name, reason in list(kept.items())[:_NAMED_AT_MOST])
        said.append(f"{len(kept)} kept ({named}{'; ...' if len(kept) > _NAMED_AT_MOST else ''})")
    if parts_of_backups:
        said.append(f"{parts_of_backups} left to the backups of VMs that they are parts of")
    if scheduled:
        said.append(f"{scheduled} left to the schedule that made them")
    return ", ".join(said)
