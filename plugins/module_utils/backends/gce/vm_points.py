# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups of VMs there are, read from the labels on snapshots, images and machine images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Image, Resource, Snapshot
from ...core.model import DELETING, FAILED, PENDING, RUNNING, SUCCEEDED
from ...core.steps import at_once
from ...recovery.points import IMAGE, MACHINE_IMAGE, SNAPSHOT, BackupSet, Member
from .labels import BACKUP, CONSISTENCY, DEVICE, DISKS, VM, ZONE, user_labels
from .vm_labels import ATTEMPT, MANIFEST, all_of
from .vm_manifest import read_note

_STATUSES = {
    "READY": SUCCEEDED,
    "CREATING": RUNNING,
    "UPLOADING": RUNNING,
    "PENDING": PENDING,
    "FAILED": FAILED,
    "INVALID": FAILED,
    "DELETING": DELETING,
}


def list_sets(client: GceClient, vm: str | None = None, zone: str | None = None) -> list[BackupSet]:
    """The backups of one VM, or of all in the zone, or in the project; complete or not, in no order."""
    wanted = all_of({VM: vm, ZONE: zone}, having=BACKUP)
    lists = at_once(
        lambda: [member_of_snapshot(snapshot) for snapshot in client.list_snapshots(wanted)],
        lambda: [member_of_image(image) for image in client.list_images(wanted)],
        lambda: [member_of_machine_image(image) for image in client.list_machine_images(wanted)],
    )
    return sets_of(member for members in lists for member in members)


def sets_of(members: Iterable[Member]) -> list[BackupSet]:
    """The sets that the members' labels tie together."""
    groups: dict[tuple[str, str, str, str], list[Member]] = {}
    for member in members:
        labels = member.facts["labels"]
        key = (labels.get(VM, ""), labels.get(ZONE, ""), labels.get(BACKUP, ""), labels.get(ATTEMPT, ""))
        groups.setdefault(key, []).append(member)
    return [_set_of((vm, zone, moment), attempt, group) for (vm, zone, moment, attempt), group in groups.items()]


def _set_of(identity: tuple[str, str, str], attempt: str, members: list[Member]) -> BackupSet:
    vm, zone, moment = identity
    labels: Mapping[str, str] = members[0].facts["labels"]
    return BackupSet(
        vm=vm,
        zone=zone,
        moment=moment,
        attempt=int(attempt) if attempt.isdigit() else 1,
        method=members[0].kind,
        consistency=labels.get(CONSISTENCY, ""),
        expected=int(labels.get(DISKS, "0")) if labels.get(DISKS, "0").isdigit() else 0,
        members=tuple(sorted(members, key=lambda member: (member.facts["note"].get("index", 0), member.device))),
        tags=user_labels(labels),
        manifest=labels.get(MANIFEST, ""),
    )


def member_of_snapshot(snapshot: Snapshot) -> Member:
    return _member(SNAPSHOT, snapshot, snapshot.size_gb, snapshot.source_disk, snapshot.wire.get("snapshotEncryptionKey"))


def member_of_image(image: Image) -> Member:
    return _member(IMAGE, image, image.size_gb, image.source_disk, image.wire.get("imageEncryptionKey"))


def member_of_machine_image(image: Resource) -> Member:
    return _member(MACHINE_IMAGE, image, 0, "", image.wire.get("machineImageEncryptionKey"))


def _member(kind: str, resource: Resource, size_gb: int, source_disk: str, key: object) -> Member:
    note = read_note(resource.description)
    return Member(
        device=str(note.get("device") or resource.labels.get(DEVICE, "")),
        kind=kind,
        name=resource.name,
        uid=resource.uid,
        path=resource.path,
        status=_STATUSES.get(resource.status, RUNNING),
        created_at=resource.created_at,
        size_gb=size_gb,
        source_disk=source_disk,
        facts={"labels": resource.labels, "note": note, "key": key, "provider_status": resource.status, "wire": resource.wire},
    )
