# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The point to go back to: for each disk of a VM, what its new disk is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Image, Instance, Wire, last_part, path_of
from ...core.arguments import Task
from ...core.errors import Conflict, InvalidRequest, NotFound
from ...core.model import SUCCEEDED
from ...core.steps import at_once
from ...recovery.manifest import Document, checked, read_file
from ...recovery.naming import check_datetime, parse_backup_name
from ...recovery.points import IMAGE, MACHINE_IMAGE, SNAPSHOT, BackupSet, Member, latest_complete, newest_first
from .keys import as_wire
from .labels import BACKUP, DEVICE, VM, ZONE, label_value
from .vm_manifest import needs_own_key
from .vm_points import list_sets, member_of_image, member_of_snapshot
from .vm_store import ManifestStore

BOOT_DEVICE = "boot"
WAYS = ("snapshot_datetime", "backup", "snapshots", "source_image", "image_family", "rollback_of")


@dataclass(frozen=True)
class Source:
    """What one new disk is made from. ``own_key``: it is encrypted with a key that only the customer has."""

    device: str
    kind: str
    path: str
    size_gb: int
    created_at: str | None
    own_key: bool = False

    def fields(self, keys: Mapping[str, str]) -> Wire:
        """The part of a disk's request that names it."""
        key = as_wire(keys[self.device]) if self.own_key else None
        if self.kind == SNAPSHOT:
            return {"sourceSnapshot": self.path, **({"sourceSnapshotEncryptionKey": key} if key else {})}
        if self.kind == IMAGE:
            return {"sourceImage": self.path, **({"sourceImageEncryptionKey": key} if key else {})}
        return {"sourceMachineImage": self.path, "sourceMachineImageDiskDeviceName": self.device}


@dataclass(frozen=True)
class RestorePoint:
    """``moment`` is the backup's datetime (empty for a point that is no backup), ``boot_only`` an image of a boot disk whose device is not known."""

    label: str
    moment: str
    sources: Mapping[str, Source]
    manifest: Document | None = field(default=None, repr=False)
    boot_only: bool = False
    vm: str = ""


class Points:
    """Finds the point that a task names."""

    def __init__(self, task: Task, client: GceClient) -> None:
        self._task, self._client, self._store = task, client, ManifestStore(client)

    def find(self, vm: str, instance: Instance | None) -> RestorePoint:
        """The point, complete and of this VM. Raises NotFound, Conflict, InvalidRequest, with what to do."""
        task = self._task
        if task["snapshots"]:
            point = self._of_snapshots(vm, instance)
        elif task["source_image"] or task["image_family"]:
            point = self._of_image()
        else:
            point = self._of_set(self._set(vm))
        given = self._given_manifest()
        return replace(point, manifest=given) if given else point

    def _given_manifest(self) -> Document | None:
        if self._task["manifest"]:
            return checked("manifest", self._task["manifest"])
        return read_file(self._task["manifest_file"]) if self._task["manifest_file"] else None

    # --- a backup

    def _set(self, vm: str) -> BackupSet:
        task, zone = self._task, self._task["zone"]
        moment = task["snapshot_datetime"]
        if task["backup"]:
            of, moment = parse_backup_name(task["backup"])
            if of != vm:
                raise Conflict(f'backup "{task["backup"]}" is of VM "{of}", not of "{vm}". To bring it up as another VM use strategy: new with vm_name: {of}.')
        sets = list_sets(self._client, vm, zone)
        if moment == "latest":
            latest = latest_complete(sets)
            if latest is None:
                raise NotFound(f'there is no complete backup of VM "{vm}" in zone {zone}{self._known(sets)}.')
            return latest
        check_datetime("snapshot_datetime", moment)
        matching = [one for one in newest_first(sets) if one.moment == moment]
        if not matching:
            raise NotFound(f'there is no backup of VM "{vm}" in zone {zone} under {moment}{self._known(sets)}.')
        return matching[0]

    @staticmethod
    def _known(sets: Sequence[BackupSet]) -> str:
        known = ", ".join(f"{one.moment}{'' if one.complete else ' (incomplete)'}" for one in newest_first(sets)[:10])
        return f"; there are: {known}" if known else ""

    def _of_set(self, backup: BackupSet) -> RestorePoint:
        if not backup.complete:
            bad = [f"{member.device}: {member.facts['provider_status']}" for member in backup.members if member.status != SUCCEEDED]
            missing = f"{len(backup.members)} of {backup.expected} disks are there" + (f", {', '.join(bad)}" if bad else "")
            raise Conflict(f'backup "{backup.name}" is not complete ({missing}) and cannot be restored. Nothing was changed; choose another datetime.')
        manifest = self._store.of_set(backup)
        sources = [source_of(member) for member in backup.members]
        if backup.method == MACHINE_IMAGE:
            whole = backup.members[0]
            devices = (manifest or {}).get("disks") or {part["deviceName"]: {} for part in whole.facts["wire"].get("instanceProperties", {}).get("disks", [])}
            sources = [Source(device, MACHINE_IMAGE, whole.path, int(wire.get("sizeGb", 0)), whole.created_at) for device, wire in sorted(devices.items())]
        return RestorePoint(backup.moment, backup.moment, {source.device: source for source in sources}, manifest, vm=backup.vm)

    # --- snapshots by name

    def _of_snapshots(self, vm: str, instance: Instance | None) -> RestorePoint:
        wanted: Mapping[str, Any] = self._task["snapshots"]
        found = at_once(*[_reader(self._client, str(name)) for name in wanted.values()])
        missing = [str(name) for name, snapshot in zip(wanted.values(), found) if snapshot is None]
        if missing:
            raise NotFound(f"snapshots: there is no snapshot {', '.join(missing)}.")
        attached = {disk.device_name: disk.source for disk in instance.disks} if instance else {}
        sources = {}
        for device, snapshot in zip(wanted, found):
            if snapshot.status != "READY":
                raise Conflict(f"snapshot {snapshot.name} for {device} is {snapshot.status}, not READY. Nothing was changed.")
            ours = snapshot.labels.get(VM) == vm and snapshot.labels.get(DEVICE) == label_value(device)
            same_disk = bool(attached.get(device)) and snapshot.source_disk == attached[device]
            if not (ours or same_disk or self._task["force"]):
                raise Conflict(
                    f'snapshot {snapshot.name} is of {snapshot.source_disk}, which is not what VM "{vm}" has as {device}. Nothing was changed.'
                    " Set force if it is the right one all the same."
                )
            sources[device] = source_of(member_of_snapshot(snapshot), device)
        names = "-".join(str(name) for name in wanted.values())
        return RestorePoint(names, "", sources, vm=vm)

    # --- an image

    def _of_image(self) -> RestorePoint:
        task = self._task
        name, project = _image_name(task["source_image"] or task["image_family"])
        family = task["image_family"] or (last_part(task["source_image"]) if "/family/" in task["source_image"] else "")
        image: Image | None
        if family:
            image = self._client.get_image_from_family(last_part(family), project)
        else:
            image = self._client.get_image(name, project)
        if image is None:
            raise NotFound(f"there is no {'image in the family' if family else 'image'} {family or name}{f' in project {project}' if project else ''}.")
        if image.status != "READY":
            raise Conflict(f"image {image.name} is {image.status}, not READY. Nothing was changed.")
        if BACKUP in image.labels and project in (None, self._client.project):
            every = list_sets(self._client, image.labels.get(VM), image.labels.get(ZONE))
            of_image = [one for one in every if any(member.uid == image.uid for member in one.members)]
            if of_image:
                return self._of_set(of_image[0])
        source = source_of(member_of_image(image), BOOT_DEVICE)
        return RestorePoint(image.name, "", {BOOT_DEVICE: replace(source, path=image.path or path_of(str(task["source_image"])))}, boot_only=True)


def source_of(member: Member, device: str = "") -> Source:
    return Source(device or member.device, member.kind, member.path, member.size_gb, member.created_at, needs_own_key(member.facts["key"]))


def _reader(client: GceClient, name: str) -> Any:
    return lambda: client.get_snapshot(last_part(name))


def _image_name(text: str) -> tuple[str, str | None]:
    """Name and project of an image given by name, or by path."""
    path = path_of(text)
    parts = path.split("/")
    return last_part(path), parts[1] if parts[0] == "projects" and len(parts) > 1 else None


def check_ways(task: Task) -> None:
    """Raises InvalidRequest unless exactly one way to name the point is taken."""
    given = [way for way in WAYS if task[way]]
    if len(given) != 1:
        raise InvalidRequest(f"say what to restore from with one of {', '.join(WAYS)}{', not ' + ' and '.join(given) if given else ''}.")
    if task["snapshot_datetime"] not in (None, "", "latest"):
        check_datetime("snapshot_datetime", task["snapshot_datetime"])
    if task["backup"]:
        parse_backup_name(task["backup"])
