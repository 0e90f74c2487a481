# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Persistent disks, zonal and regional, that VMs of one zone can have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from ...clients.gce import objects
from ...clients.gce.answers import is_in_use
from ...clients.gce.client import GceClient
from ...clients.gce.objects import Place, Wire, last_part, place_of, region, zone
from ...core.errors import RecoveryError
from ...core.steps import at_once
from ...recovery.manifest import VERSION, compact
from ...recovery.marks import PLACE, prefixed, split
from ...recovery.model import Attachment, Disk, Document, Planned, Ref
from ...recovery.points import IMAGE, SNAPSHOT, RecoveryPoint
from ...recovery.provider import Change
from .keys import as_wire, digest_of, needs_own_key
from .marks import all_of, change

# What the API says of a disk and a new one in its place is not made with; a test holds it against the API's own description.
DISK_OUTPUT_ONLY = (
    "kind", "id", "creationTimestamp", "selfLink", "selfLinkWithId", "status", "users", "labelFingerprint", "lastAttachTimestamp",
    "lastDetachTimestamp", "zone", "region", "sourceSnapshot", "sourceSnapshotId", "sourceImage", "sourceImageId", "sourceDisk", "sourceDiskId",
    "sourceInstantSnapshot", "sourceInstantSnapshotId", "satisfiesPzs", "satisfiesPzi", "resourceStatus", "asyncSecondaryDisks",
    "asyncPrimaryDisk", "sourceConsistencyGroupPolicy", "sourceConsistencyGroupPolicyId", "licenses", "licenseCodes", "guestOsFeatures",
    "architecture", "name", "labels", "description", "sourceStorageObject", "options", "locationHint", "sourceSnapshotEncryptionKey",
    "sourceImageEncryptionKey", "sourceInstantSnapshotGroup", "sourceInstantSnapshotGroupId", "sourceMachineImage", "sourceMachineImageId",
    "sourceMachineImageDiskDeviceName", "params", "userLicenses",
)  # fmt: skip
_KEY_MEMBERS = ("rawKey", "rsaEncryptedKey", "sha256")


class GceDisks:
    """The disks in a zone and its region. ``tags`` are the task's, ``keys`` customers' own keys by device."""

    ATTACHED: ClassVar[str] = "READY"

    def __init__(self, client: GceClient, zone_name: str, keys: Mapping[str, str], tags: Mapping[str, str]) -> None:
        self._client, self._zone, self._keys, self._tags = client, zone_name, keys, tags

    # --- reading

    def get(self, ref: Ref) -> Disk | None:
        found = self._client.get_disk(place_of(ref), last_part(ref)) if ref else None
        return disk_of(found) if found else None

    def marked(self, marks: Mapping[str, str | None], having: str = "") -> list[Disk]:
        wanted = all_of(marks, having)
        places = (zone(self._zone), region(zone(self._zone).region))
        listed = at_once(*[partial(self._listed, place, wanted) for place in places])
        return [disk for disks in listed for disk in disks]

    def _listed(self, place: Place, wanted: str) -> list[Disk]:
        return [disk_of(found) for found in self._client.list_disks(place, wanted)]

    def marked_anywhere(self, marks: Mapping[str, str | None], having: str = "") -> list[Disk]:
        without_place = {key: value for key, value in marks.items() if key != PLACE}
        return [disk_of(found) for found in self._client.list_all_disks(all_of(without_place, having))]

    # --- what a disk would be

    def model(self, disk: Disk) -> Document:
        return model_of(disk)

    def key_problem(self, device: str, model: Document, point: RecoveryPoint) -> str:
        key = self._keys.get(device)
        of_disk, of_point = model.get("diskEncryptionKey"), point.own_key
        if (needs_own_key(of_disk) or of_point) and key is None:
            return f"The disk {device} is encrypted with a key of your own."
        digest = _digest_of_point(point)
        if key and of_point and digest and digest_of(key) not in (None, digest):
            return f"The key given for {device} is not the one that {point.kind.replace('_', ' ')} {point.name} is encrypted with."
        return ""

    def ref(self, model: Document, name: str) -> Ref:
        return f"projects/{self._client.project}/{model['place']}/disks/{name}"

    def planned(self, attachment: Attachment, name: str, model: Document, source: RecoveryPoint, marks: Mapping[str, str], note: Document) -> Planned:
        device = attachment.device
        tags = {**model.get("labels", {}), **self._tags}
        request: Wire = {key: value for key, value in model.items() if key not in ("place", "labels")}
        request.update(
            name=name,
            description=compact(note),
            labels={**tags, **prefixed(marks)},
            sizeGb=str(max(int(model.get("sizeGb", 0)), source.size_gib)),
            **self._source(device, source),
        )
        if needs_own_key(model.get("diskEncryptionKey")):
            request["diskEncryptionKey"] = as_wire(self._keys[device])
        return Planned(self.ref(model, name), name, device, marks, tags, request)

    def _source(self, device: str, source: RecoveryPoint) -> Wire:
        """The part of a disk's request that names what it is made from."""
        key = as_wire(self._keys[device]) if source.own_key else None
        if source.kind == SNAPSHOT:
            return {"sourceSnapshot": source.ref, **({"sourceSnapshotEncryptionKey": key} if key else {})}
        if source.kind == IMAGE:
            return {"sourceImage": source.ref, **({"sourceImageEncryptionKey": key} if key else {})}
        return {"sourceMachineImage": source.ref, "sourceMachineImageDiskDeviceName": device}

    # --- changing

    def create(self, planned: Planned, marks: Mapping[str, str]) -> Change:
        """The insertion; a field that Google's library does not know yet (a machine image as source) goes out as plain JSON."""
        body: Wire = {**planned.request, "labels": {**planned.request["labels"], **prefixed(marks)}}
        place = place_of(planned.ref)
        return change(self._client, f"creating disk {planned.name}", planned.ref, lambda: self._client.insert_disk(place, body))

    def delete(self, disk: Disk) -> Change:
        place = place_of(disk.ref)
        return change(self._client, f"deleting disk {disk.name}", disk.ref, lambda: self._client.delete_disk(place, disk.name), takes_away=True)

    def is_in_use(self, error: RecoveryError) -> bool:
        return is_in_use(error)


def disk_of(found: objects.Disk) -> Disk:
    """The disk in the words of recovery."""
    marks, tags = split(found.labels)
    wire = found.wire
    return Disk(
        ref=found.path,
        name=found.name,
        uid=found.uid,
        marks=marks,
        tags=tags,
        version=found.label_fingerprint,
        created_at=found.created_at,
        ready=found.status == "READY",
        failed=found.status == "FAILED",
        deleting=found.status == "DELETING",
        status=found.status,
        size_gib=found.size_gb,
        used_by=found.users,
        source=found.source_snapshot or objects.path_of(wire.get("sourceImage", "")),
        note=read_note(found.description),
        own=found,
    )


def model_of(disk: Disk) -> Document:
    """Type, size, IOPS, labels, policies, encryption, replica zones and all else that a new disk can be given."""
    wire: Wire = {key: value for key, value in disk.own.wire.items() if key not in DISK_OUTPUT_ONLY}
    wire["labels"] = dict(disk.tags)
    if "diskEncryptionKey" in wire:
        wire["diskEncryptionKey"] = encryption(wire["diskEncryptionKey"])
    wire["place"] = disk.own.place.path
    return wire


def read_note(description: str) -> Document:
    """The facts in a description; empty for a text that is not ours."""
    try:
        document = json.loads(description)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) and document.get("version") == VERSION else {}


def encryption(wire: Mapping[str, Any]) -> Wire:
    """An encryption key as it can be sent again: the key's name without its version; a customer's own key only as a mark."""
    if "kmsKeyName" in wire:
        rest = {key: value for key, value in wire.items() if key not in _KEY_MEMBERS}
        return {**rest, "kmsKeyName": wire["kmsKeyName"].partition("/cryptoKeyVersions/")[0]}
    return {"sha256": wire["sha256"]} if "sha256" in wire else dict(wire)


def _digest_of_point(point: RecoveryPoint) -> str:
    wire = point.own.wire if point.own is not None else {}
    found: Wire = next((wire[name] for name in ("snapshotEncryptionKey", "imageEncryptionKey") if name in wire), {})
    return str(found.get("sha256", ""))
