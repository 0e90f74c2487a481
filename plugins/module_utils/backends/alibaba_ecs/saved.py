# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots and images in the words of recovery, and how one is deleted."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ...clients.alibaba_ecs.client import AlibabaClient, Wire
from ...core.errors import Conflict, NotFound, ProviderFailure, RecoveryError
from ...core.model import FAILED, RUNNING, SUCCEEDED
from ...core.steps import at_once
from ...recovery import marks
from ...recovery.manifest import VERSION, Document
from ...recovery.marks import prefixed, split
from ...recovery.naming import derived_name
from ...recovery.points import IMAGE, SNAPSHOT, WHOLE, RecoveryPoint, instant
from .things import GROUP, Own, tags_of, wire_tags
from .things import IMAGE as IMAGE_KIND
from .things import SNAPSHOT as SNAPSHOT_KIND

_MADE_DISK = "SnapshotCreatedDisk"
_STATUSES = {
    "accomplished": SUCCEEDED,
    "progressing": RUNNING,
    "failed": FAILED,
    "Available": SUCCEEDED,
    "Deprecated": SUCCEEDED,
    "Creating": RUNNING,
    "Waiting": RUNNING,
    "UnAvailable": FAILED,
    "CreateFailed": FAILED,
}


def snapshot_point(region: str, wire: Wire, group: Wire | None = None) -> RecoveryPoint:
    """A snapshot; one of a group has the group's marks, tags and note, which ``groups.py`` puts into its wire form."""
    carrier = group or wire
    own, tags = split(tags_of(carrier))
    status, note = str(wire.get("Status") or ""), read_facts(str(wire.get("Description") or ""))
    days, made_at = wire.get("RetentionDays"), wire.get("CreationTime")
    if days and not group:
        own[marks.EXPIRES] = _expiry(str(made_at), int(days))
    identity = Own(GROUP, str(group["SnapshotGroupId"]), region, wire) if group else Own(SNAPSHOT_KIND, str(wire["SnapshotId"]), region, wire)
    return RecoveryPoint(
        ref=str(wire["SnapshotId"]),
        name=str(wire.get("SnapshotName") or wire["SnapshotId"]),
        uid=str(wire["SnapshotId"]),
        marks=own,
        tags=tags,
        created_at=made_at,
        device=str(note.get("device") or own.get(marks.DEVICE, "")),
        kind=SNAPSHOT,
        status=_STATUSES.get(status, RUNNING),
        provider_status=status,
        # A snapshot that is available holds its moment already, although the copy of it goes on.
        taken=status == "accomplished" or bool(wire.get("Available")),
        taken_at=str(made_at or ""),
        size_gib=int(str(wire.get("SourceDiskSize") or 0)),
        source_disk=str(wire.get("SourceDiskId") or ""),
        source_uid=str(wire.get("SourceDiskId") or ""),
        note=note,
        own=identity,
    )


def _expiry(made_at: str, days: int) -> str:
    moment = instant(made_at)
    return (moment + timedelta(days=days)).strftime("%Y%m%d-%H%M%S") if isinstance(moment, datetime) else ""


def image_point(region: str, wire: Wire) -> RecoveryPoint:
    """An image: of a whole instance where a backup has made it."""
    own, tags = split(tags_of(wire))
    status, note = str(wire.get("Status") or ""), read_facts(str(wire.get("Description") or ""))
    return RecoveryPoint(
        ref=str(wire["ImageId"]),
        name=str(wire.get("ImageName") or wire["ImageId"]),
        uid=str(wire["ImageId"]),
        marks=own,
        tags=tags,
        created_at=wire.get("CreationTime"),
        device=str(note.get("device") or own.get(marks.DEVICE, "")),
        kind=IMAGE,
        status=_STATUSES.get(status, RUNNING),
        provider_status=status,
        taken=status in ("Available", "Deprecated"),
        taken_at=str(wire.get("CreationTime") or ""),
        unusable="it is Deprecated" if status == "Deprecated" else "",
        size_gib=0 if note else int(wire.get("Size") or 0),
        note=note,
        own=Own(IMAGE_KIND, str(wire["ImageId"]), region, wire),
    )


def read_facts(description: str) -> Document:
    """The note in a description; empty for a text that is not ours. Descriptions are short, so that an image's names only the ends of disk ids."""
    try:
        found = json.loads(description)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    if found.get("version") == VERSION:
        return found
    if found.get("v") == VERSION and isinstance(found.get("m"), dict):
        return {"version": VERSION, "device": WHOLE, "devices": sorted(found["m"].values()), "members": found["m"], "asked": found.get("a") or {}}
    return {}


# --- making


def create_snapshot(client: AlibabaClient, name: str, body: Wire, token: str) -> str:
    """Make a snapshot, after the one that is being made of the disk in this moment: there can be only one. Gives its id."""
    while True:
        try:
            return str(client.change(f"create snapshot {name}", "CreateSnapshot", body, token=token)["SnapshotId"])
        except Conflict as error:
            if not is_creating(error) or client.waiter.remaining_s <= 0:
                raise
            others = error.message
        client.waiter.wait_until(partial(_progressing, client, body["DiskId"]), lambda found: not found, partial(_same, others))


def _same(text: str, _seen: object) -> str:
    return text


def is_creating(error: RecoveryError) -> bool:
    """Whether a snapshot of the disk is being made already."""
    return bool(re.search("CREATING_SNAPSHOT|CreatingSnapshot|HasUnfinishedSnapshot", error.code or ""))


def _progressing(client: AlibabaClient, disk: str) -> list[Wire]:
    return list(client.listed("snapshots", "DescribeSnapshots", ("Snapshots", "Snapshot"), {"DiskId": disk, "Status": "progressing"}))


# --- deleting


def delete_point(client: AlibabaClient, point: RecoveryPoint, same: Sequence[RecoveryPoint]) -> None:
    """Delete a snapshot, and others of the ``same`` making. Raises NotFound."""
    if not _there(client, [point.uid]):
        raise NotFound(f"could not delete snapshot {point.name}: there is no snapshot {point.uid}.")
    for one in (*same, point):
        delete_snapshot(client, one.uid)


def delete_snapshot(client: AlibabaClient, snapshot: str) -> None:
    """Delete a snapshot of a backup, also when disks were made from it: they do not need it, unless somebody wants to initialise them anew."""
    client.change(f"delete snapshot {snapshot}", "DeleteSnapshot", {"SnapshotId": snapshot, "Force": True}, repeatable=True)


def _there(client: AlibabaClient, ids: Sequence[str]) -> list[str]:
    found = client.listed("snapshots", "DescribeSnapshots", ("Snapshots", "Snapshot"), {"SnapshotIds": json.dumps(list(ids))})
    return [str(wire["SnapshotId"]) for wire in found]


def delete_group(client: AlibabaClient, point: RecoveryPoint) -> None:
    """Delete the group that a point is in. Raises NotFound, and ProviderFailure or Conflict with what could not be deleted."""
    failed = _group_deleted(client, point.own.id)
    used = [one for one in failed if _code(one) == _MADE_DISK]
    if used:
        # Members that disks were made from: a group has no way to delete them all the same, and a snapshot has.
        members = client.listed("snapshot groups", "DescribeSnapshotGroups", ("SnapshotGroups", "SnapshotGroup"), {"SnapshotGroupId": [point.own.id]})
        ids = [str(one["SnapshotId"]) for group in members for one in (group.get("Snapshots") or {}).get("Snapshot") or ()]
        at_once(*[partial(delete_snapshot, client, one) for one in ids])
        failed = _group_deleted(client, point.own.id, may_be_gone=True)
    if failed:
        # The answer as a whole says success.
        told = "; ".join(f"{_related(one)}: {one.get('ErrorMsg') or _code(one)} ({_code(one)})" for one in failed)
        kind = Conflict if any(_code(one).startswith("SnapshotCreated") for one in failed) else ProviderFailure
        raise kind(f"not all of snapshot group {point.own.id} was deleted: {told}.", code=_code(failed[0]))


def _group_deleted(client: AlibabaClient, group: str, *, may_be_gone: bool = False) -> list[Wire]:
    """Ask for the deletion of a group; gives what failed of it, also when the answer is that refusal alone."""
    try:
        answer = client.change(f"delete snapshot group {group}", "DeleteSnapshotGroup", {"SnapshotGroupId": group}, repeatable=True)
    except NotFound:
        if may_be_gone:
            return []
        raise
    except Conflict as error:
        if error.code != _MADE_DISK:
            raise
        return [{"ErrorCode": error.code, "ErrorMsg": error.message}]
    parts: list[Wire] = (answer.get("OperationProgressSet") or {}).get("OperationProgress") or []
    return [one for one in parts if one.get("OperationStatus") == "Failed"]


def _code(part: Mapping[str, Any]) -> str:
    return str(part.get("ErrorCode") or "")


def _related(part: Mapping[str, Any]) -> str:
    items = (part.get("RelatedItemSet") or {}).get("RelatedItem") or ()
    return ", ".join(str(one.get("Value")) for one in items) or "a snapshot"


def delete_image(client: AlibabaClient, point: RecoveryPoint) -> None:
    """Delete an image of a backup, and its snapshots, which the API leaves. They are noted as the backup's before, so that a later run finds them."""
    mappings = (point.own.wire.get("DiskDeviceMappings") or {}).get("DiskDeviceMapping") or ()
    ids = [str(one["SnapshotId"]) for one in mappings if one.get("SnapshotId")]
    if ids and marks.IMAGE not in point.marks:
        params = {"ResourceType": SNAPSHOT_KIND, "ResourceId": ids, "Tag": wire_tags(prefixed({**point.marks, marks.IMAGE: point.uid}))}
        client.change(f"tag the snapshots of image {point.name}", "TagResources", params, repeatable=True)
    client.change(f"delete image {point.name}", "DeleteImage", {"ImageId": point.uid, "Force": True}, repeatable=True)
    at_once(*[partial(delete_snapshot, client, one) for one in ids])


def remains_of_images(snapshots: Sequence[RecoveryPoint], images: Collection[str]) -> list[RecoveryPoint]:
    """For each image of a backup of which only snapshots are left, because its deletion was cut short, a point that can be deleted."""
    left: dict[str, list[RecoveryPoint]] = {}
    for point in snapshots:
        if point.marks.get(marks.IMAGE, "") not in ("", *images):
            left.setdefault(point.marks[marks.IMAGE], []).append(point)
    return [_remains(image, parts) for image, parts in left.items()]


def _remains(image: str, parts: Sequence[RecoveryPoint]) -> RecoveryPoint:
    first = parts[0]
    vm, moment = first.marks.get(marks.VM, ""), first.marks.get(marks.BACKUP, "")
    identity = "/".join((first.own.region, vm, moment, WHOLE, first.marks.get(marks.ATTEMPT, "1") or "1", IMAGE))
    wire = {"DiskDeviceMappings": {"DiskDeviceMapping": [{"SnapshotId": part.uid} for part in parts]}}
    return replace(
        first,
        ref=image,
        name=derived_name(f"{vm}-{moment}", identity),
        uid=image,
        device=WHOLE,
        kind=IMAGE,
        status=FAILED,
        provider_status="deleted",
        source_disk="",
        source_uid="",
        note={},
        own=Own(IMAGE_KIND, image, first.own.region, wire),
    )
