# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of single disks in one region: how one is asked for, read, compared, changed and copied to other regions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cached_property, partial
from typing import Any, ClassVar

from ...clients.alibaba_ecs.client import AlibabaClient, Wire
from ...core.arguments import Task
from ...core.errors import AmbiguousName, Conflict, InvalidRequest, NotFound
from ...core.listing import check_name_filter
from ...core.model import CREATE, INSPECT_ALL, INSPECT_ONE
from ...core.plan import Step
from ...core.resource import Words, different
from ...recovery import marks
from ...recovery.findings import Finding
from ...recovery.marks import BACKUP, EXPIRES, RESTORE, SAFETY, VM
from ...recovery.model import Disk, Document, Planned
from ...recovery.naming import backup_name
from ...recovery.points import RecoveryPoint
from ...recovery.provider import Change
from .copies import Copies
from .disks import AlibabaDisks
from .groups import members_of
from .marks import AlibabaMarks, check_tags
from .points import AlibabaPoints
from .preflight import Preflight
from .saved import create_snapshot, snapshot_point
from .things import DISK, Own, change, check_name, filter_tags, is_id, one_of, token, wire_tags
from .things import SNAPSHOT as SNAPSHOT_KIND

_PART_OF_NAME = re.compile(r"[\w:.-]{1,128}")
_DESCRIPTION = (2, 256)
_SCHEDULED = ("auto", "timer")
_EXPIRY = "%Y%m%d-%H%M%S"


class AlibabaSnapshots:
    """The snapshots of a region. ``source_disk`` is the option that names the disk, by id or by name."""

    NAME: ClassVar[str] = "alibaba_ecs"
    WORDS: ClassVar[Words] = Words(
        "snapshot",
        "Alibaba Cloud ECS",
        only_labels="Alibaba Cloud ECS can change only a snapshot's name, description, tags, and keep it longer",
        labelled_last=True,
    )
    STATUSES: ClassVar[Collection[str]] = ("progressing", "accomplished", "failed")
    LONGEST_NAME: ClassVar[int] = 128
    UNIQUE_NAMES: ClassVar[bool] = False
    NATIVE_EXPIRY: ClassVar[bool] = True

    def __init__(self, client: AlibabaClient, task: Task) -> None:
        self._client, self._task = client, task
        self._points = AlibabaPoints(client)
        self._disks = AlibabaDisks(client, {}, lambda instance, _made_way: instance)
        self._copies = Copies(client, task)
        self.marks = AlibabaMarks(client)

    def validate(self, operation: str) -> None:
        task = self._task
        check_tags(task["tags"])
        if task["name"] and operation != INSPECT_ALL and not is_id(SNAPSHOT_KIND, task["name"]):
            check_name("name", task["name"])
            if operation == CREATE and task["name"].startswith("auto"):
                raise InvalidRequest('name must not begin with "auto": Alibaba Cloud keeps such names for the snapshots of its schedules.')
        if task["uid"] and not is_id(SNAPSHOT_KIND, task["uid"]):
            raise InvalidRequest(f'uid: "{task["uid"]}" is no id of a snapshot, which begins with s-. Is it a name?')
        if operation == INSPECT_ALL:
            check_name_filter(task["name_filter"], _PART_OF_NAME, 'letters, digits and ":_.-", at most 128 of them')
        elif operation == CREATE:
            self._validate_create()
        if task["source_disk"] and operation != INSPECT_ONE and not is_id(DISK, task["source_disk"]):
            check_name("source_disk", task["source_disk"])

    def _validate_create(self) -> None:
        task = self._task
        if not task["source_disk"] and not task["uid"]:
            raise InvalidRequest("operation CREATE needs source_disk, or the uid of a snapshot that is to be changed.")
        text, (shortest, longest) = task["description"], _DESCRIPTION
        if text is not None and not shortest <= len(text) <= longest or (text or "").startswith(("http://", "https://")):
            raise InvalidRequest(f"description must be {shortest} to {longest} characters and not begin with http:// or https://.")
        if task["copy_to_regions"] and not task["wait"]:
            raise InvalidRequest("copy_to_regions needs wait: only a snapshot that is accomplished can be copied.")
        if self._client.region in (task["copy_to_regions"] or ()):
            raise InvalidRequest(f"copy_to_regions: {self._client.region} is the region of the snapshot itself.")
        if task["kms_key"] and not task["copy_to_regions"]:
            raise InvalidRequest("kms_key is for the copies of copy_to_regions: a snapshot has the key of its disk.")

    # --- reading

    def get(self, word: str) -> RecoveryPoint | None:
        made = self._points.made.get(word, word)
        return self._points.snapshot(made)

    def listed(self, tags: Mapping[str, str]) -> Iterator[RecoveryPoint]:
        by: Wire = {"Tag": filter_tags(dict(tags))} if tags else {}
        if self._task["source_disk"]:
            by["DiskId"] = self._disk_id
        for wire in self._client.listed("snapshots", "DescribeSnapshots", ("Snapshots", "Snapshot"), by):
            yield snapshot_point(self._client.region, wire)

    def details(self, point: RecoveryPoint) -> Document:
        wire: Wire = point.own.wire
        return {
            "description": str(wire.get("Description") or ""),
            "region": self._client.region,
            "category": wire.get("Category"),
            "encrypted": bool(wire.get("Encrypted")),
            "kms_key": wire.get("KMSKeyId") or None,
            "progress": wire.get("Progress"),
            "remaining_seconds": wire.get("RemainTime"),
            "available": bool(wire.get("Available")),
            "retention_days": wire.get("RetentionDays"),
            "usage": wire.get("Usage"),
            "snapshot_type": wire.get("SnapshotType"),
            "source_disk_type": wire.get("SourceDiskType"),
            "source_region": wire.get("SourceRegionId") or None,
            "source_snapshot": wire.get("SourceSnapshotId") or None,
            "resource_group": wire.get("ResourceGroupId") or None,
            "copies": self._copies.records(point),
        }

    def is_scheduled(self, point: RecoveryPoint) -> bool:
        return str(point.own.wire.get("SnapshotType") or "").startswith(_SCHEDULED)

    @cached_property
    def _in_groups(self) -> dict[str, RecoveryPoint]:
        """The members of our groups by id: a member itself carries nothing of ours. Read once in a task."""
        lists = [members_of(self._client, {"Tag": filter_tags({marks.PREFIX + name: None})}) for name in (BACKUP, SAFETY)]
        return {point.uid: point for found in lists for point in found}

    def backup_of(self, point: RecoveryPoint) -> str:
        ours = self._in_groups.get(point.uid) or (point if self._points.is_ours(point) else None)
        moment = ours.marks.get(BACKUP) if ours else None
        return backup_name(ours.marks.get(VM, ""), moment) if ours and moment else ""

    def held_back(self, point: RecoveryPoint) -> str:
        ours = self._in_groups.get(point.uid) or (point if self._points.is_ours(point) else None)
        if ours and SAFETY in ours.marks:
            return (
                f'it is a safety point of the restore "{ours.marks.get(RESTORE)}" of VM "{ours.marks.get(VM)}". Delete that restore, with the module restore.'
            )
        until = self._locked_until(point)
        return f"it is locked{f' until {until}' if until else ''}, and nobody can delete it before." if until is not None else ""

    def _locked_until(self, point: RecoveryPoint) -> str | None:
        """When the lock of a snapshot ends (empty when that is not told); None when it has none."""
        params = {"SnapshotIds": [point.uid]}
        found = list(self._client.listed("locked snapshots", "DescribeLockedSnapshots", ("LockedSnapshotsInfo",), params))
        held = next((one for one in found if one.get("SnapshotId") == point.uid and one.get("LockStatus") != "expired"), None)
        return None if held is None else str(held.get("LockExpiredTime") or "")

    # --- the disk

    @cached_property
    def _disk_id(self) -> str:
        """The id of the disk that the task names. Raises NotFound for a name that no disk has: snapshots know their disks by id only."""
        word = str(self._task["source_disk"])
        if is_id(DISK, word):
            return word
        found = [wire for wire in self._client.listed("disks", "DescribeDisks", ("Disks", "Disk"), {"DiskName": word}) if wire.get("DiskName") == word]
        if len(found) > 1:
            raise AmbiguousName(
                f"source_disk: {len(found)} disks have the name: {', '.join(sorted(str(wire['DiskId']) for wire in found))}. Give the id of one."
            )
        if not found:
            raise NotFound(f'source_disk: region {self._client.region} has no disk with the name "{word}". Of a disk that is gone give the id.')
        return str(found[0]["DiskId"])

    @property
    def disk_words(self) -> str:
        word = str(self._task["source_disk"])
        return f'disk with the {"id" if is_id(DISK, word) else "name"} "{word}" in region {self._client.region}'

    @property
    def disk_by_uid(self) -> bool:
        # A name was looked up, so that an earlier disk of the name is never meant.
        return True

    def disk(self) -> Disk | None:
        wire = one_of(self._client, self.disk_words, "DescribeDisks", ("Disks", "Disk"), {"DiskIds": json.dumps([self._disk_id])})
        return self._disks.of(wire) if wire else None

    def existing_disk(self) -> Disk:
        disk = self.disk()
        if disk is None:
            raise NotFound(f"source_disk: there is no {self.disk_words}.")
        return disk

    def check_place(self) -> None:
        """A region that does not exist has no address, so that a list of it was never read."""

    def is_of_disk(self, point: RecoveryPoint) -> bool:
        return not self._task["source_disk"] or point.source_uid == self._disk_id

    # --- what is asked for

    def findings(self, disk: Disk) -> Iterable[Callable[[], Iterable[Finding]]]:
        look = Preflight(self._client, self._task, None)
        return [partial(self._about_disk, disk), partial(look.room_for_points, {disk.name: disk}, 1)]

    def _about_disk(self, disk: Disk) -> Iterable[Finding]:
        if not disk.ready:
            yield Finding(f'the disk "{disk.name}" is {disk.status}, and only one that is in use or available can be saved.')

    def planned(self, name: str, disk: Disk, marks: Mapping[str, str]) -> Planned:
        task, tags = self._task, check_tags(self._task["tags"])
        request: Wire = {
            "DiskId": disk.uid,
            "SnapshotName": name,
            "Description": task["description"],
            "RetentionDays": task["retention_days"],
            "Tag": wire_tags(tags),
        }
        return Planned(name, name, "", {}, tags, request)

    def predicted(self, planned: Planned, disk: Disk) -> RecoveryPoint:
        task = self._task
        wire: Wire = {
            "SnapshotId": "",
            "SnapshotName": planned.name,
            "Description": task["description"] or "",
            "Status": "accomplished" if task["wait"] else "progressing",
            "SourceDiskId": disk.uid,
            "SourceDiskSize": disk.size_gib,
            "Tags": {"Tag": [{"TagKey": key, "TagValue": value} for key, value in planned.tags.items()]},
        }
        point = snapshot_point(self._client.region, wire)
        days = task["retention_days"]
        if days is None:
            return point
        ends = (datetime.now(timezone.utc) + timedelta(days=days)).strftime(_EXPIRY)
        return replace(point, marks={**point.marks, EXPIRES: ends}, own=Own(SNAPSHOT_KIND, "", self._client.region, {**wire, "RetentionDays": days}))

    def differences(self, point: RecoveryPoint) -> Iterable[str]:
        days, there = self._task["retention_days"], point.own.wire.get("RetentionDays")
        if days is not None and there and days < int(there):
            yield f"{different('retention_days', days, there)}, which can only grow"
        if days is not None and not there and self._has_no_end(point):
            yield f"{different('retention_days', days, None)}: it is kept for ever, which cannot be shortened"

    @staticmethod
    def _has_no_end(point: RecoveryPoint) -> bool:
        return point.own.wire.get("RetentionDays") in (None, 0, "") and bool(point.uid)

    def updates(self, point: RecoveryPoint) -> dict[str, str]:
        task, wire = self._task, point.own.wire
        wanted: dict[str, str] = {}
        if task["uid"] and task["name"] and task.operation == CREATE and task["name"] != wire.get("SnapshotName"):
            wanted["name"] = task["name"]
        if task["description"] is not None and task["description"] != (wire.get("Description") or ""):
            wanted["description"] = task["description"]
        if task["retention_days"] is not None and int(wire.get("RetentionDays") or 0) < task["retention_days"]:
            wanted["retention_days"] = str(task["retention_days"])
        return wanted

    def updated(self, point: RecoveryPoint) -> RecoveryPoint:
        wanted = self.updates(point)
        names = {"name": "SnapshotName", "description": "Description", "retention_days": "RetentionDays"}
        wire = {**point.own.wire, **{names[key]: int(value) if key == "retention_days" else value for key, value in wanted.items()}}
        changed = snapshot_point(self._client.region, wire)
        return replace(
            point, name=changed.name, marks={**point.marks, **{key: value for key, value in changed.marks.items() if key == EXPIRES}}, own=changed.own
        )

    def update(self, point: RecoveryPoint) -> Change:
        wanted = self.updates(point)
        params = {"SnapshotName": wanted.get("name"), "Description": wanted.get("description"), "RetentionDays": wanted.get("retention_days")}

        def send() -> None:
            what = f"change {', '.join(wanted)} of snapshot {point.name}"
            self._client.change(what, "ModifySnapshotAttribute", {"SnapshotId": point.uid, **params}, repeatable=True)

        return change(f"changing snapshot {point.name}", point.ref, send)

    # --- changes

    def create(self, planned: Planned) -> Change:
        def send() -> None:
            self._points.made[planned.name] = create_snapshot(self._client, planned.name, planned.request, token())

        return change(f"creating snapshot {planned.name}", planned.ref, send)

    def copies(self, look: Callable[[], RecoveryPoint | None]) -> Sequence[Step]:
        return self._copies.steps(look)

    def delete(self, point: RecoveryPoint) -> Change:
        params: dict[str, Any] = {"SnapshotId": point.uid, "Force": bool(self._task["force"]) or None}

        def send() -> None:
            if self.get(point.uid) is None:
                raise NotFound(f"could not delete snapshot {point.name}: there is no snapshot {point.uid}.")
            self._client.change(f"delete snapshot {point.name} ({point.uid})", "DeleteSnapshot", params, repeatable=True)

        return change(f"deleting snapshot {point.name}", point.ref, send, takes_away=True)

    def is_taken(self, error: Conflict) -> bool:
        return False

    def acted(self) -> bool:
        return self._client.acted()
