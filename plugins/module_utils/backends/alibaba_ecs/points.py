# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovery points in Alibaba Cloud ECS: snapshots, those of a group too, and images of whole instances."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from ...clients.alibaba_ecs.client import AlibabaClient, Wire
from ...core.arguments import Task
from ...core.errors import AmbiguousName, Conflict, NotFound, ProviderFailure
from ...core.model import DELETING, FAILED, RUNNING, SUCCEEDED
from ...core.steps import at_once
from ...recovery import marks
from ...recovery.given import given_snapshots
from ...recovery.manifest import VERSION, Document, compact
from ...recovery.marks import prefixed
from ...recovery.model import Attachment, Machine, Planned
from ...recovery.naming import derived_name
from ...recovery.points import BOOT, IMAGE, SNAPSHOT, WHOLE, BackupSet, RecoveryPoint, tie
from ...recovery.provider import Change, Named, Saving, Wish
from .gathering import Gathered
from .groups import END, MOST_GROUPS, Batch, members_of, moment_of
from .marks import check_tags
from .named_images import ALL_STATUSES, image_named, image_of_id
from .saved import delete_group, delete_image, delete_point, image_point, remains_of_images, snapshot_point
from .things import GROUP, Polled, change, filter_tags, is_id, token, wire_tags
from .things import IMAGE as IMAGE_KIND
from .things import SNAPSHOT as SNAPSHOT_KIND

_SNAPSHOTS = ("Snapshots", "Snapshot")


@dataclass(frozen=True)
class OwnWish:
    """What a task asks of recovery points that only Alibaba Cloud knows of."""

    family: str

    @property
    def asks(self) -> Document:
        """For the note of each point."""
        return {"image_family": self.family} if self.family else {}


class AlibabaPoints:
    """Recovery points of the instances of a region."""

    STATUSES: ClassVar[Collection[str]] = ("progressing", "accomplished", "failed", "Creating", "Waiting", "Available", "UnAvailable", "CreateFailed")

    WHOLE: ClassVar[Collection[str]] = (IMAGE,)

    def __init__(self, client: AlibabaClient) -> None:
        self._client = client
        # The ids of what this run has made, by name: a list may lag behind.
        self.made: dict[str, str] = {}
        self._turn = threading.Lock()
        self._gathered: Gathered[Wire] = Gathered(self._read)
        self._groups: Gathered[list[RecoveryPoint]] = Gathered(self._read_groups)
        self._deleted: set[str] = set()

    def _read(self, ids: Sequence[str]) -> dict[str, Wire]:
        return {str(wire["SnapshotId"]): wire for wire in self._snapshots({"SnapshotIds": json.dumps(list(ids))})}

    def _read_groups(self, ids: Sequence[str]) -> dict[str, list[RecoveryPoint]]:
        found: dict[str, list[RecoveryPoint]] = {}
        for begin in range(0, len(ids), MOST_GROUPS):
            for point in members_of(self._client, {"SnapshotGroupId": list(ids[begin : begin + MOST_GROUPS])}):
                found.setdefault(point.own.id, []).append(point)
        return found

    # --- backups

    def sets(self, vm: str | None, *, anywhere: bool = False) -> list[BackupSet]:
        wanted = {marks.PREFIX + marks.BACKUP: None, **({marks.PREFIX + marks.VM: vm} if vm else {})}
        return self.tied(self._ours(filter_tags(wanted), images=True))

    def _ours(self, by: list[Wire], *, images: bool) -> list[RecoveryPoint]:
        """The points with these tags that are ours: marks, name and source agree."""
        lists: list[list[RecoveryPoint]] = at_once(
            lambda: [snapshot_point(self._client.region, wire) for wire in self._snapshots({"Tag": by})],
            lambda: members_of(self._client, {"Tag": by}),
            *([partial(self._images, by)] if images else []),
        )
        found = [one for listed in lists for one in listed if marks.IMAGE not in one.marks]
        if images:
            found += remains_of_images(lists[0], {point.uid for point in lists[2]})
        first: dict[str, RecoveryPoint] = {}
        for point in sorted((one for one in found if self.is_ours(one)), key=lambda one: one.created_at or "9"):
            # Two of one name come of a request that was repeated after a long time.
            first.setdefault(point.name, point)
        return list(first.values())

    def _snapshots(self, params: Mapping[str, Any]) -> list[Wire]:
        return list(self._client.listed("snapshots", "DescribeSnapshots", _SNAPSHOTS, params))

    def _images(self, by: list[Wire]) -> list[RecoveryPoint]:
        params = {"ImageOwnerAlias": "self", "Status": ALL_STATUSES, "Tag": by}
        listed = self._client.listed("images", "DescribeImages", ("Images", "Image"), params)
        return [point for point in (image_point(self._client.region, wire) for wire in listed) if marks.RESTORE not in point.marks]

    def kept(self, restore: str | None, vm: str | None) -> list[RecoveryPoint]:
        """The safety points of a restore."""
        wanted = {marks.SAFETY: None, **({marks.RESTORE: restore} if restore else {}), **({marks.VM: vm} if vm else {})}
        return self._ours(filter_tags({marks.PREFIX + key: value for key, value in wanted.items()}), images=False)

    def is_ours(self, point: RecoveryPoint) -> bool:
        """Whether marks, name and source agree: other tools copy the tags of what they save, or copy."""
        name = _name(self._client.region, point.marks, point.device, point.kind)
        noted = point.note.get("source_uid")
        return point.name == name and (not noted or not point.source_uid or noted == point.source_uid)

    def tied(self, points: Iterable[RecoveryPoint]) -> list[BackupSet]:
        return tie(points)

    def saved_devices(self, backup: BackupSet, manifest: Document | None) -> dict[str, RecoveryPoint]:
        if backup.method != IMAGE:
            return {member.device: member for member in backup.members}
        whole = backup.members[0]
        mappings = (whole.own.wire.get("DiskDeviceMappings") or {}).get("DiskDeviceMapping") or ()
        ids = [str(one["SnapshotId"]) for one in mappings if one.get("SnapshotId")]
        known = {str(wire["SnapshotId"]): wire for wire in self._snapshots({"SnapshotIds": json.dumps(ids)})} if ids else {}
        devices: Mapping[str, str] = whole.note.get("members") or {}
        found = {}
        for one in mappings:
            wire = known.get(str(one.get("SnapshotId")), {})
            source = str(wire.get("SourceDiskId") or "")
            device = devices.get(source[-END:]) or str(one.get("Device"))
            size = int(str(one.get("Size") or wire.get("SourceDiskSize") or 0))
            word = str(one.get("SnapshotId"))
            found[device] = replace(whole, device=device, kind=SNAPSHOT, ref=word, name=word, size_gib=size, source_disk=source, source_uid=source)
        return dict(sorted(found.items()))

    # --- points that a task names

    def named(self, task: Task, vm: str, machine: Machine | None) -> Named | None:
        if task["snapshots"]:
            return self._of_snapshots(task, vm, machine)
        return self._of_image(task) if task["source_image"] or task["image_family"] else None

    def _of_snapshots(self, task: Task, vm: str, machine: Machine | None) -> Named:
        def stranger(point: RecoveryPoint, there: Attachment | None) -> str:
            mine: Wire = {}
            others: set[str] = set()
            for wire in machine.own.disks if machine and there else ():
                if there and there.disk in (wire["DiskId"], wire.get("DiskName")):
                    mine = wire
                else:
                    others.add(str(wire["DiskId"]))
            # What a restore has made of it already is asked for again by whoever runs that task twice.
            of_disk = bool(mine) and (point.source_uid == mine["DiskId"] or point.ref == mine.get("SourceSnapshotId"))
            marked = point.marks.get(marks.VM) == vm and point.marks.get(marks.DEVICE, point.device) == point.device
            if of_disk or (marked and point.source_uid not in others):
                return ""
            return f'disk {point.source_uid}, which is not the one that VM "{vm}" has as {point.device}'

        points = given_snapshots(task, vm, machine, self.snapshot, ready="accomplished", stranger=stranger)
        return Named("-".join(str(word) for word in task["snapshots"].values()), points)

    def snapshot(self, word: str) -> RecoveryPoint | None:
        """The snapshot of an id, or of a name. Raises AmbiguousName: names are not unique."""
        # A name may look like an id.
        found = self._snapshots({"SnapshotIds": json.dumps([word])}) if is_id(SNAPSHOT_KIND, word) else []
        found = found or [wire for wire in self._snapshots({"SnapshotName": word}) if wire.get("SnapshotName") == word]
        if len(found) > 1:
            raise AmbiguousName(
                f'{len(found)} snapshots have the name "{word}": {", ".join(sorted(str(wire["SnapshotId"]) for wire in found))}. Give the id of one.'
            )
        return snapshot_point(self._client.region, found[0]) if found else None

    def _of_image(self, task: Task) -> Named:
        word = str(task["source_image"] or "")
        if not word:
            answer = self._client.read("image family", "DescribeImageFromFamily", {"ImageFamily": task["image_family"]})
            wire = answer.get("Image") or None
            word = f"in the family {task['image_family']}"
        else:
            wire = (image_of_id(self._client, word) if is_id(IMAGE_KIND, word) else None) or image_named(self._client, word)
        if not wire:
            raise NotFound(f"there is no image {word}.")
        point = image_point(self._client.region, wire)
        if point.status != SUCCEEDED:
            raise Conflict(f"image {point.name} is {point.provider_status}, not Available. Nothing was changed.")
        if marks.BACKUP in point.marks and self.is_ours(point):
            of_image = [one for one in self.sets(point.marks.get(marks.VM)) if any(member.uid == point.uid for member in one.members)]
            if of_image:
                return Named(point.name, backup=of_image[0])
        mappings = (wire.get("DiskDeviceMappings") or {}).get("DiskDeviceMapping") or ()
        snapshot = next((str(one.get("SnapshotId") or "") for one in mappings if one.get("Type", "system") == "system"), "")
        if not snapshot or wire.get("ImageOwnerAlias") not in (None, "self"):
            raise Conflict(
                f"image {point.name} is not one of this account, so that its snapshot cannot be used. Nothing was changed. Copy it first (CopyImage)."
            )
        return Named(point.name, {BOOT: replace(point, device=BOOT, ref=snapshot)}, boot_only=True)

    # --- points to be made

    def wish(self, task: Task, consistency: str) -> Wish:
        own = OwnWish(task.options.get("image_family") or "")
        return Wish(task.options.get("method") or SNAPSHOT, consistency, check_tags(task["tags"]), own)

    def planned(self, saving: Saving) -> list[Planned]:
        if saving.wish.method == IMAGE:
            return [self._image(saving)]
        wanted = [one for one in saving.machine.attached if one.device in saving.disks]
        batch = Batch(self._client, saving, self.made)
        return [self._of_disk(saving, one, batch) for one in wanted]

    def fits(self, saving: Saving) -> bool:
        return False

    def _of_disk(self, saving: Saving, attachment: Attachment, batch: Batch) -> Planned:
        device, disk = attachment.device, saving.disks[attachment.device]
        mine = {**saving.marks, marks.DEVICE: device}
        name = _name(self._client.region, mine, device, SNAPSHOT)
        facts = {"version": VERSION, "device": device, "index": attachment.order, "boot": attachment.boot, "asked": saving.asked, "source_uid": disk.uid}
        request = {"disk": disk.uid, "disk_ref": disk.ref, "note": facts, "batch": batch}
        return Planned(name, name, device, mine, saving.wish.tags, request)

    def _image(self, saving: Saving) -> Planned:
        mine = {**saving.marks, marks.DEVICE: WHOLE}
        name = _name(self._client.region, mine, WHOLE, IMAGE)
        members = {saving.disks[device].uid[-END:]: device for device in sorted(saving.disks)}
        facts = {"version": VERSION, "device": WHOLE, "devices": sorted(saving.disks), "members": members, "asked": saving.asked}
        return Planned(name, name, WHOLE, mine, saving.wish.tags, {"note": facts, "family": saving.wish.own.family, "instance": saving.machine.uid})

    def predicted(self, saving: Saving, planned: Planned) -> RecoveryPoint:
        disk = saving.disks.get(planned.device)
        image = saving.wish.method == IMAGE
        return RecoveryPoint(
            ref="",
            name=planned.name,
            marks=planned.marks,
            tags=planned.tags,
            device=planned.device,
            kind=saving.wish.method,
            provider_status="Available" if image else "accomplished",
            size_gib=disk.size_gib if disk else 0,
            source_disk=disk.uid if disk else "",
            note=planned.request["note"],
        )

    # --- one point

    def find(self, planned: Planned) -> RecoveryPoint | None:
        if planned.device == WHOLE:
            wire = image_of_id(self._client, self.made[planned.name]) if planned.name in self.made else image_named(self._client, planned.name)
            return self._as_made(planned, image_point(self._client.region, wire)) if wire else None
        made = self.made.get(planned.name)
        if made:
            wire = self._gathered.get(made)
            return self._as_made(planned, snapshot_point(self._client.region, wire)) if wire else None
        batch: Batch = planned.request["batch"]
        found = [point for point in batch.there() if point.name == planned.name and self.is_ours(point)]
        return min(found, key=lambda point: point.created_at or "9", default=None)

    def _as_made(self, planned: Planned, point: RecoveryPoint) -> RecoveryPoint:
        """The point with the marks that this run has made it with: tags may be read some time after what carries them."""
        missing = planned.name in self.made and not planned.marks.keys() <= point.marks.keys()
        return replace(point, marks={**planned.marks, **point.marks}) if missing else point

    def get(self, point: RecoveryPoint) -> RecoveryPoint | None:
        if point.kind == IMAGE:
            wire = image_of_id(self._client, point.uid)
            return image_point(self._client.region, wire) if wire else None
        if point.own is not None and point.own.kind != SNAPSHOT_KIND:
            member = next((one for one in self._groups.get(point.own.id) or () if one.uid == point.uid), None)
            # The group goes before its members.
            return member or (replace(point, status=DELETING) if self._gathered.get(point.uid) else None)
        found = self._gathered.get(point.uid)
        return replace(snapshot_point(self._client.region, found), device=point.device) if found else None

    def create(self, planned: Planned, machine: Machine) -> Change:
        what = f"saving {planned.device} of VM {machine.name} as {planned.name}"
        return change(what, planned.ref, partial(self._create, planned, what))

    def _create(self, planned: Planned, what: str) -> Polled | None:
        batch: Batch | None = planned.request.get("batch")
        # The first of a group that is asked for brings all others along.
        if not (batch and batch.grouped) and self.find(planned):
            raise Conflict(f"could not create {planned.name}: it is there already.")
        if planned.device == WHOLE:
            body = {
                "InstanceId": planned.request["instance"],
                "ImageName": planned.name,
                "ImageFamily": planned.request["family"] or None,
                "Description": compact(_short(planned.request["note"])),
                "Tag": wire_tags({**planned.tags, **prefixed(planned.marks)}),
            }
            answer = self._client.change(f"create image {planned.name}", "CreateImage", body, token=token())
            self.made[planned.name] = str(answer["ImageId"])
            return Polled(self._client.waiter, partial(self._has_ended, planned), what)
        planned.request["batch"].create(planned)
        return Polled(self._client.waiter, partial(self._has_ended, planned), what)

    def _has_ended(self, planned: Planned) -> bool:
        point = self.find(planned)
        if point and point.status == FAILED:
            raise ProviderFailure(f"saving {planned.device} as {planned.name} failed: it is {point.provider_status}.")
        return point is not None and point.status != RUNNING

    def delete(self, point: RecoveryPoint) -> Change:
        return change(f"deleting {point.kind} {point.name}", point.own.id, partial(self._delete, point), takes_away=True)

    def _delete_group(self, point: RecoveryPoint) -> None:
        """Delete the group that a point is in, once for all its members."""
        with self._turn:
            if point.own.id in self._deleted:
                if self.get(point) is None:
                    raise NotFound(f"could not delete snapshot {point.name}: it is gone.")
                return
            delete_group(self._client, point)
            self._deleted.add(point.own.id)

    def _delete(self, point: RecoveryPoint) -> Polled:
        if point.kind == IMAGE:
            delete_image(self._client, point)
        else:
            if point.own.kind == GROUP:
                self._delete_group(point)
                return Polled(self._client.waiter, lambda: self.get(point) is None, f"deleting {point.kind} {point.name}")
            same = self._snapshots({"SnapshotName": point.name})
            ours = [snapshot_point(self._client.region, wire) for wire in same]
            delete_point(self._client, point, [one for one in ours if one.uid != point.uid and one.name == point.name and self.is_ours(one)])
        return Polled(self._client.waiter, lambda: self.get(point) is None, f"deleting {point.kind} {point.name}")


def _short(note: Document) -> Document:
    """The note of an image, as short as its description must be."""
    return {"v": note["version"], "a": note["asked"], "m": note["members"]}


def _name(region: str, found: Mapping[str, str], device: str, kind: str) -> str:
    vm, moment, attempt = found.get(marks.VM, ""), moment_of(found), found.get(marks.ATTEMPT, "1")
    identity = "/".join((region, vm, moment, device, attempt or "1", kind))
    return derived_name(f"{vm}-{moment}" if device == WHOLE else f"{vm}-{device.rpartition('/')[2]}-{moment}", identity)
