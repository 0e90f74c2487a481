# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovery points in Compute Engine: snapshots, images and machine images, and the backups that their labels tie together."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Image, Operation, Resource, Snapshot, Wire, last_part, path_of, place_of
from ...core.arguments import Task
from ...core.errors import Conflict, InvalidRequest, NotFound
from ...core.model import DELETING, FAILED, PENDING, RUNNING, SUCCEEDED
from ...core.steps import at_once
from ...recovery import marks
from ...recovery.given import given_snapshots
from ...recovery.manifest import VERSION, Document, compact
from ...recovery.model import Attachment, Machine, Planned
from ...recovery.naming import derived_name
from ...recovery.points import BOOT, IMAGE, MACHINE_IMAGE, SNAPSHOT, WHOLE, BackupSet, RecoveryPoint, tie
from ...recovery.provider import Change, Named, Saving, Wish
from .disks import read_note
from .keys import as_wire, needs_own_key
from .marks import all_of, change, check_tags, label_value

LONGEST_DESCRIPTION = 2048
_STATUSES = {
    "READY": SUCCEEDED,
    "CREATING": RUNNING,
    "UPLOADING": RUNNING,
    "PENDING": PENDING,
    "FAILED": FAILED,
    "INVALID": FAILED,
    "DELETING": DELETING,
}
# Until a snapshot uploads, or an image leaves PENDING, the data is still read from the disk.
_NOT_TAKEN = ("CREATING", "PENDING")
_COLLECTIONS = {SNAPSHOT: "snapshots", IMAGE: "images", MACHINE_IMAGE: "machineImages"}
_HASHED = re.compile(r"-[0-9a-f]{10}$")


@dataclass(frozen=True)
class OwnWish:
    """What a task asks of recovery points that only Compute Engine knows of."""

    guest_flush: bool
    family: str
    storage_location: str

    @property
    def asks(self) -> Document:
        """For the note of each point."""
        return {"image_family": self.family, "storage_location": self.storage_location}


class GcePoints:
    """Recovery points of the VMs of a zone. They are global; the label of the zone says whose they are. ``keys`` are customers' own keys by device."""

    STATUSES: ClassVar[Collection[str]] = tuple(_STATUSES)
    WHOLE: ClassVar[Collection[str]] = (MACHINE_IMAGE,)

    def __init__(self, client: GceClient, zone_name: str, keys: Mapping[str, str]) -> None:
        self._client, self._zone, self._keys = client, zone_name, keys
        self._find: dict[str, Callable[[str], Resource | None]] = {
            SNAPSHOT: client.get_snapshot,
            IMAGE: client.get_image,
            MACHINE_IMAGE: client.get_machine_image,
        }

    # --- backups

    def sets(self, vm: str | None, *, anywhere: bool = False) -> list[BackupSet]:
        wanted = all_of({marks.VM: vm, marks.PLACE: None if anywhere else self._zone}, having=marks.BACKUP)
        client = self._client
        lists: list[list[RecoveryPoint]] = at_once(
            lambda: [point_of(SNAPSHOT, snapshot) for snapshot in client.list_snapshots(wanted)],
            lambda: [point_of(IMAGE, image) for image in client.list_images(wanted)],
            lambda: [point_of(MACHINE_IMAGE, image) for image in client.list_machine_images(wanted)],
        )
        return self.tied([point for points in lists for point in points if self.is_ours(point)])

    def is_ours(self, point: RecoveryPoint) -> bool:
        """Whether marks, name and source agree: other tools copy the labels of a disk to the snapshots that they make of it."""
        found = point.marks
        identity = (found.get(marks.VM, ""), found.get(marks.PLACE, ""), found.get(marks.BACKUP, ""), found.get(marks.ATTEMPT, "1"))
        noted = point.note.get("source_uid")
        return point.name == self._name(*identity, point.device, point.kind) and (not noted or not point.source_uid or noted == point.source_uid)

    def tied(self, points: Iterable[RecoveryPoint]) -> list[BackupSet]:
        every = list(points)
        superseding = {point.ref: point for point in every if point.kind == IMAGE}
        return tie(replace(point, unusable=point.unusable or _taken_out_of_use(point, superseding)) for point in every)

    def saved_devices(self, backup: BackupSet, manifest: Document | None) -> dict[str, RecoveryPoint]:
        if backup.method != MACHINE_IMAGE:
            return {member.device: member for member in backup.members}
        whole = backup.members[0]
        parts = whole.own.wire.get("instanceProperties", {}).get("disks", [])
        models: Mapping[str, Any] = (manifest or {}).get("disks") or {part["deviceName"]: {} for part in parts if part.get("deviceName")}
        return {device: replace(whole, device=device, size_gib=int(model.get("sizeGb", 0))) for device, model in sorted(models.items())}

    # --- points that a task names

    def named(self, task: Task, vm: str, machine: Machine | None) -> Named | None:
        if task["snapshots"]:
            return self._of_snapshots(task, vm, machine)
        return self._of_image(task) if task["source_image"] or task["image_family"] else None

    def _of_snapshots(self, task: Task, vm: str, machine: Machine | None) -> Named:
        points = given_snapshots(task, vm, machine, self._snapshot, ready="READY", stranger=partial(self._stranger, vm))
        return Named("-".join(last_part(str(name)) for name in task["snapshots"].values()), points)

    def _snapshot(self, text: str) -> RecoveryPoint | None:
        """The snapshot of a name, or of a link, which may be of another project."""
        name, project = _name_and_project(text, "snapshots", self._client.project)
        found = self._client.get_snapshot(name, project)
        return point_of(SNAPSHOT, found) if found else None

    def _stranger(self, vm: str, point: RecoveryPoint, there: Attachment | None) -> str:
        ours = point.marks.get(marks.VM) == vm and point.marks.get(marks.DEVICE) == label_value(point.device) and self.is_ours(point)
        if ours or (there and self._is_of(point, there)):
            return ""
        return f'{point.source_disk} (id {point.source_uid}), which is not the disk that VM "{vm}" has as {point.device}'

    def _is_of(self, point: RecoveryPoint, attachment: Attachment) -> bool:
        """Whether it is a snapshot of the very disk (an earlier one of the same name has another id), or what a restore has made the disk from."""
        disk = self._client.get_disk(place_of(attachment.disk), last_part(attachment.disk))
        if disk is None:
            return False
        return disk.source_snapshot_uid == point.uid or (point.source_disk == attachment.disk and disk.uid == point.source_uid)

    def _of_image(self, task: Task) -> Named:
        family = task["image_family"] or (last_part(task["source_image"]) if "/family/" in task["source_image"] else "")
        text = str(task["source_image"] or task["image_family"])
        name, project = _name_and_project(text.replace("/family/", "/"), "images", self._client.project)
        image: Image | None = self._client.get_image_from_family(last_part(family), project) if family else self._client.get_image(name, project)
        if image is None:
            what = f"image in the family {last_part(family)}" if family else f"image {name}"
            raise NotFound(f"there is no {what}{f' in project {project}' if project else ''}.")
        point = point_of(IMAGE, image)
        if point.status != SUCCEEDED:
            raise Conflict(f"image {image.name} is {image.status}, not READY. Nothing was changed.")
        if point.unusable:
            raise Conflict(f"image {image.name} cannot be used: {point.unusable}. Nothing was changed.")
        if marks.BACKUP in point.marks and project is None:
            of_image = [one for one in self.sets(point.marks.get(marks.VM), anywhere=True) if any(member.uid == point.uid for member in one.members)]
            if of_image:
                return Named(image.name, backup=of_image[0])
        if image.deprecated:
            task.warn(f"Image {image.name} is {image.deprecated}.")
        return Named(image.name, {BOOT: replace(point, device=BOOT, ref=image.path or path_of(text))}, boot_only=True)

    # --- points to be made

    def wish(self, task: Task, consistency: str) -> Wish:
        own = OwnWish(consistency == "application", task["image_family"] or "", task["storage_location"] or "")
        return Wish(task["method"], consistency, check_tags(task["tags"]), own)

    def planned(self, saving: Saving) -> list[Planned]:
        if saving.wish.method == MACHINE_IMAGE:
            return [self._machine_image(saving)]
        return [self._of_disk(saving, one) for one in saving.machine.attached if one.device in saving.disks]

    def fits(self, saving: Saving) -> bool:
        facts = [self._facts(saving, one) for one in saving.machine.attached if one.device in saving.disks]
        whole = saving.wish.method == MACHINE_IMAGE
        return all(_fits(saving.manifest, one) for one in ([self._facts(saving, None)] if whole else facts))

    def _facts(self, saving: Saving, attachment: Attachment | None) -> Document:
        """What the note of a point tells, beside the manifest; of a machine image with None."""
        if attachment is None:
            return {"version": VERSION, "device": WHOLE, "devices": sorted(saving.disks), "asked": saving.asked}
        facts = {"version": VERSION, "device": attachment.device, "index": attachment.order, "boot": attachment.boot, "asked": saving.asked}
        return {**facts, "source_uid": saving.disks[attachment.device].uid}

    def _name(self, vm: str, zone_name: str, moment: str, attempt: str, device: str, method: str) -> str:
        path = f"projects/{self._client.project}/zones/{zone_name}/instances/{vm}"
        identity = "/".join((path, moment, device, attempt or "1", method))
        return derived_name(f"{vm}-{moment}" if device == WHOLE else f"{vm}-{device}-{moment}", identity)

    def _planned(self, saving: Saving, device: str, facts: Document, body: Wire) -> Planned:
        name = self._name(saving.machine.name, self._zone, saving.moment, str(saving.attempt), device, saving.wish.method)
        mine = {**saving.marks, marks.DEVICE: label_value(device)}
        note = {**facts, "manifest": saving.manifest} if _fits(saving.manifest, facts) else facts
        labels = {**saving.wish.tags, **marks.prefixed(mine)}
        request = {"name": name, "labels": labels, "description": compact(note), **body}
        ref = f"projects/{self._client.project}/global/{_COLLECTIONS[saving.wish.method]}/{name}"
        return Planned(ref, name, device, mine, saving.wish.tags, request)

    def _of_disk(self, saving: Saving, attachment: Attachment) -> Planned:
        wish, device = saving.wish, attachment.device
        body: Wire = {"sourceDisk": attachment.disk}
        if wish.own.storage_location:
            body["storageLocations"] = [wish.own.storage_location]
        if needs_own_key(saving.disks[device].own.wire.get("diskEncryptionKey")):
            # What is saved is encrypted with the same key, so that it is no easier to read than the disk.
            key = as_wire(self._keys.get(device, ""))
            body["sourceDiskEncryptionKey"] = key
            body["imageEncryptionKey" if wish.method == IMAGE else "snapshotEncryptionKey"] = key
        if wish.method == IMAGE and wish.own.family and attachment.boot:
            body["family"] = wish.own.family
        if wish.method == SNAPSHOT and wish.own.guest_flush:
            body["guestFlush"] = True
        return self._planned(saving, device, self._facts(saving, attachment), body)

    def _machine_image(self, saving: Saving) -> Planned:
        wish = saving.wish
        body: Wire = {"sourceInstance": saving.machine.ref}
        if wish.own.guest_flush:
            body["guestFlush"] = True
        if wish.own.storage_location:
            body["storageLocations"] = [wish.own.storage_location]
        keys = [
            {"sourceDisk": one.disk, "diskEncryptionKey": as_wire(self._keys.get(one.device, ""))}
            for one in saving.machine.attached
            if one.device in saving.disks and needs_own_key(saving.disks[one.device].own.wire.get("diskEncryptionKey"))
        ]
        if keys:
            body["sourceDiskEncryptionKeys"] = keys
        return self._planned(saving, WHOLE, self._facts(saving, None), body)

    def predicted(self, saving: Saving, planned: Planned) -> RecoveryPoint:
        source = planned.request.get("sourceDisk", "")
        disk = next((disk for disk in saving.disks.values() if disk.ref == source), None)
        return RecoveryPoint(
            ref="",
            name=planned.name,
            marks=planned.marks,
            tags=planned.tags,
            device=planned.device,
            kind=saving.wish.method,
            provider_status="READY",
            size_gib=disk.size_gib if disk else 0,
            source_disk=source,
            note=read_note(planned.request["description"]),
        )

    # --- one point

    def find(self, planned: Planned) -> RecoveryPoint | None:
        return self._read(_kind(planned.ref), planned.name)

    def get(self, point: RecoveryPoint) -> RecoveryPoint | None:
        found = self._read(point.kind, point.name)
        return replace(found, device=point.device) if found and (not point.uid or found.uid == point.uid) else None

    def _read(self, kind: str, name: str) -> RecoveryPoint | None:
        found = self._find[kind](name)
        return point_of(kind, found) if found else None

    def create(self, planned: Planned, machine: Machine) -> Change:
        client, body = self._client, planned.request
        submits: dict[str, Callable[[], Operation]] = {
            SNAPSHOT: lambda: client.insert_snapshot(body),
            # From a disk in use only when that is asked for: the VM may run.
            IMAGE: lambda: client.insert_image(body, force_create=machine.own.running),
            MACHINE_IMAGE: lambda: client.insert_machine_image(body),
        }
        return change(client, f"saving {planned.device} of VM {machine.name} as {planned.name}", planned.ref, submits[_kind(planned.ref)])

    def delete(self, point: RecoveryPoint) -> Change:
        delete = {SNAPSHOT: self._client.delete_snapshot, IMAGE: self._client.delete_image, MACHINE_IMAGE: self._client.delete_machine_image}[point.kind]
        what = f"deleting {point.kind.replace('_', ' ')} {point.name}"
        return change(self._client, what, point.ref, lambda: delete(point.name), takes_away=True)


def _kind(ref: str) -> str:
    collection = ref.split("/")[-2]
    return next(kind for kind, name in _COLLECTIONS.items() if name == collection)


def point_of(kind: str, found: Resource) -> RecoveryPoint:
    """A snapshot, image or machine image in the words of recovery."""
    own, tags = marks.split(found.labels)
    note, wire = read_note(found.description), found.wire
    key = wire.get({SNAPSHOT: "snapshotEncryptionKey", IMAGE: "imageEncryptionKey", MACHINE_IMAGE: "machineImageEncryptionKey"}[kind])
    state = found.deprecated if isinstance(found, Image) else ""
    return RecoveryPoint(
        ref=found.path,
        name=found.name,
        uid=found.uid,
        marks=own,
        tags=tags,
        version=found.label_fingerprint,
        created_at=found.created_at,
        device=str(note.get("device") or own.get(marks.DEVICE, "")),
        kind=kind,
        status=_STATUSES.get(found.status, RUNNING),
        provider_status=found.status,
        taken=found.status not in _NOT_TAKEN,
        taken_at=wire.get("creationTimestamp", ""),
        unusable=f"it is {state}" if state in ("OBSOLETE", "DELETED") else "",
        size_gib=found.size_gb if isinstance(found, (Snapshot, Image)) else 0,
        source_disk=found.source_disk if isinstance(found, (Snapshot, Image)) else "",
        source_uid=found.source_disk_uid if isinstance(found, (Snapshot, Image)) else "",
        own_key=needs_own_key(key),
        note=note,
        own=found,
    )


def _taken_out_of_use(point: RecoveryPoint, images: Mapping[str, RecoveryPoint]) -> str:
    """Why a deprecated image is out of use: somebody rolled its family back. One that a newer image of ours has superseded is not."""
    if point.kind != IMAGE or not point.own.deprecated or point.unusable:
        return ""
    replacement = path_of(point.own.wire.get("deprecated", {}).get("replacement", ""))
    by = images.get(replacement)
    begin = _HASHED.sub("", point.name).partition(str(point.marks.get(marks.BACKUP, "-")))[0]
    superseded = _made(by) > _made(point) if by else _looks_like_ours(last_part(replacement), begin)
    return "" if superseded else f"it is {point.own.deprecated}"


def _made(point: RecoveryPoint) -> tuple[str, str]:
    """When it was made; of two in one second the datetime decides."""
    return point.created_at or "", point.marks.get(marks.BACKUP, "")


def _looks_like_ours(name: str, begin: str) -> bool:
    """Whether a name is derived as those of our images of the same disk are; the image itself is gone."""
    return bool(name) and name.startswith(begin[:20]) and _HASHED.search(name) is not None


def _fits(manifest: Document, facts: Document) -> bool:
    """Whether the manifest and the facts of a member fit into one description."""
    return len(compact({**facts, "manifest": manifest})) <= LONGEST_DESCRIPTION


def _name_and_project(text: str, collection: str, own: str) -> tuple[str, str | None]:
    """Name and project (None for our own) that a name, or a link, says. Raises InvalidRequest for a link to something else."""
    path = path_of(text)
    if "/" not in path:
        return path, None
    parts = path.split("/")
    if parts[-2] != collection or (parts[0] == "projects" and len(parts) != 5):
        raise InvalidRequest(f'"{text}" is no link to one of {collection}: it must end in global/{collection}/NAME.')
    project = parts[1] if parts[0] == "projects" else None
    return parts[-1], None if project == own else project
