# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deletion of many snapshots of one disk: by the rules of retention, or all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial

from ...core.arguments import Task
from ...core.errors import AmbiguousName, Conflict
from ...core.lifecycle import Lifecycle
from ...core.model import DELETING, SUCCEEDED
from ...core.plan import Plan
from ...core.steps import at_once
from .. import marks
from ..points import RecoveryPoint, instant
from ..restore.found import Restore
from ..restore.resets import Reset
from ..restore.source import age_of
from ..retention import Candidate, decide, parse_rules
from .held import read_by
from .one import expiry, record_of
from .provider import Snapshots

_NAMED_AT_MOST = 10


class DeletionOfMany:
    """What the task chooses among the snapshots of one disk; tags narrow what is chosen from.

    Parts of backups of VMs, and what roll-backs keep, are never chosen, nor what a schedule made unless include_scheduled. ``life`` gives the life
    of a snapshot; ``readers`` gives the restores that read some of them: the rules leave those out, and all of them are not deleted then.
    """

    def __init__(
        self,
        task: Task,
        snapshots: Snapshots,
        life: Callable[[RecoveryPoint], Lifecycle[RecoveryPoint]],
        readers: Callable[[Sequence[RecoveryPoint]], Mapping[str, Restore | Reset]],
    ) -> None:
        self._task, self._snapshots, self._life, self._readers = task, snapshots, life, readers

    def plan(self) -> Plan:
        """All deletions, begun before any is waited for. Raises AmbiguousName when the disk is gone and several had its name."""
        task, snapshots = self._task, self._snapshots
        tags = snapshots.marks.check_tags(task["tags"])
        of_disk = _told_apart(self._of_very_disk([point for point in snapshots.listed(tags) if snapshots.is_of_disk(point)]))
        # What a roll-back keeps goes with that restore.
        single = [point for point in of_disk if not snapshots.backup_of(point) and marks.SAFETY not in point.marks]
        unscheduled = [point for point in single if task["include_scheduled"] or not snapshots.is_scheduled(point)]
        reasons = {point.name: snapshots.held_back(point) for point in unscheduled}
        candidates = [point for point in unscheduled if not reasons[point.name]]
        held_back = {name: reason.rstrip(".") for name, reason in reasons.items() if reason}
        # What an earlier run has asked for is seen to its end.
        leaving = [point for point in candidates if point.status == DELETING]
        chosen, kept = self._chosen([point for point in candidates if point.status != DELETING])
        held = {name: f"it is {read_by(reader)}" for name, reader in self._readers(chosen).items()}
        if held and task["all_snapshots"]:
            named = "; ".join(f"{name}: {reason}" for name, reason in held.items())
            raise Conflict(f"not all snapshots can be deleted ({named}). Nothing was deleted; run again when that has ended, or finish it first.")
        going = [*leaving, *(point for point in chosen if point.name not in held)]
        kept = {**kept, **held, **held_back}
        steps = tuple(self._life(point).deletion(point, f"delete {point.name}") for point in going)
        said = [f"By name: {', '.join(map(told, going))}"] if going else []
        note = ". ".join([*said, *_stays(kept, len(of_disk) - len(single), len(single) - len(unscheduled))])
        nothing = f"The {snapshots.disk_words} has no snapshot to delete{f'. {note}' if note else ''}"
        removes = {step.name: record_of(snapshots, point) for step, point in zip(steps, going)}
        return Plan(steps, verb="deleted", removes=removes, why_unchanged=nothing, note=note)

    def _of_very_disk(self, listed: Sequence[RecoveryPoint]) -> list[RecoveryPoint]:
        """Those of the disk that has the name now; when there is none any more, of the only one that had it."""
        words = self._snapshots.disk_words
        if self._snapshots.disk_by_uid:
            return list(listed)
        disk = self._snapshots.disk()
        ids = sorted({point.source_uid for point in listed})
        if disk is None and len(ids) > 1:
            raise AmbiguousName(
                f"source_disk: there is no disk with the {words} any more, and there are snapshots of {len(ids)} that had it:"
                f" give the id of one, {', '.join(ids)}."
            )
        wanted = disk.uid if disk else next(iter(ids), "")
        others = sum(point.source_uid != wanted for point in listed)
        if others:
            known = ", ".join(uid for uid in ids if uid != wanted)
            self._task.warn(
                f"{others} snapshots are of earlier disks with the {words}, and are left alone. To choose among them, give as source_disk the id: {known}."
            )
        return [point for point in listed if point.source_uid == wanted]

    def _chosen(self, candidates: Sequence[RecoveryPoint]) -> tuple[list[RecoveryPoint], Mapping[str, str]]:
        """What is deleted, oldest first, and why the rest is kept."""
        if self._task["all_snapshots"]:
            return sorted(candidates, key=_by_age), {}
        rules, left = parse_rules(self._task["retention"]), {point.name: point for point in sorted(candidates, key=_by_age)}
        while True:
            decision = decide([_candidate(point) for point in left.values()], rules, datetime.now(timezone.utc))
            newest = [point for point in left.values() if not _unusable(point)][-(rules.keep_last or 1) :]
            ghosts = self._gone(newest) if decision.released else []
            if not ghosts:
                return [left[one.name] for one in decision.released], decision.kept
            for name in ghosts:
                del left[name]

    def _gone(self, points: Sequence[RecoveryPoint]) -> list[str]:
        """Those that are not there any more. A list may lag behind deletions, and nothing may be deleted for the sake of what is gone."""
        seen: list[RecoveryPoint | None] = at_once(*[partial(self._snapshots.get, point.uid) for point in points])
        return [point.name for point, now in zip(points, seen) if now is None or now.uid != point.uid or _unusable(now)]


def _told_apart(points: Sequence[RecoveryPoint]) -> list[RecoveryPoint]:
    """The points with names that tell them apart: where several have one name, the id goes with it."""
    names = Counter(point.name for point in points)
    return [replace(point, name=f"{point.name} ({point.uid})") if names[point.name] > 1 else point for point in points]


def told(point: RecoveryPoint) -> str:
    """Name and age in the words of a message."""
    age = age_of(point.created_at)
    return f"{point.name}{f' (made {age} ago)' if age else ''}"


def _by_age(point: RecoveryPoint) -> tuple[str, str]:
    return (point.created_at or "", point.name)


def _unusable(point: RecoveryPoint) -> str:
    """Why it could not be restored from; empty when it could."""
    return point.unusable if point.status == SUCCEEDED else f"it is {point.provider_status}"


def _candidate(point: RecoveryPoint) -> Candidate:
    return Candidate(point.name, instant(point.created_at), _unusable(point), expiry(point))


def _stays(kept: Mapping[str, str], parts_of_backups: int, scheduled: int) -> list[str]:
    """What stays, and why; nothing when nothing does."""
    said: list[str] = []
    if kept:
        named = "; ".join(f"{name}: {reason}" for name, reason in list(kept.items())[:_NAMED_AT_MOST])
        said.append(f"{len(kept)} kept ({named}{'; ...' if len(kept) > _NAMED_AT_MOST else ''})")
    if parts_of_backups:
        said.append(f"{parts_of_backups} left to the backups of VMs that they are parts of")
    if scheduled:
        said.append(f"{scheduled} left to the schedule that made them")
    return [", ".join(said)] if said else []
