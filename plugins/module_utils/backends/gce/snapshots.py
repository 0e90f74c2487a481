# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of single disks in Compute Engine, for the module ``snapshot``: what they are, what can be asked of them, and their requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

from ...clients.gce import objects
from ...clients.gce.client import GceClient
from ...clients.gce.objects import REGION, ZONE, Wire, last_part, place_of
from ...core.arguments import Task
from ...core.errors import AuthenticationFailed, Conflict, InvalidRequest
from ...core.listing import check_name_filter
from ...core.model import CREATE, DELETE, INSPECT_ALL, INSPECT_ONE
from ...core.plan import Step
from ...core.resource import Words, different
from ...recovery.findings import Finding
from ...recovery.marks import BACKUP, CONSISTENCY, VM, prefixed
from ...recovery.model import Disk, Document, Planned
from ...recovery.naming import backup_name
from ...recovery.points import SNAPSHOT, RecoveryPoint
from ...recovery.provider import Change
from .disk_refs import DiskRef, absent, check_name, disk_ref, find_disk
from .disks import disk_of
from .keys import as_wire, check_disk_key, check_keys, digest_of, key_of_disk
from .marks import GceMarks, change, check_tags
from .points import GcePoints, point_of

_KEYS = "disk_encryption_keys"
_APPLICATION = "application"
_LONGEST_DESCRIPTION = 2048
_USABLE = ("READY", "RESTORING")
_PART_OF_NAME = re.compile("[-a-z0-9]{1,63}")
_TAKEN = ("alreadyexists", "resourcealreadyexists")


class GceSnapshots:
    """The snapshots of a project. ``source_disk`` is the option that names the disk."""

    NAME: ClassVar[str] = "gce"
    WORDS: ClassVar[Words] = Words(
        "snapshot", "Compute Engine", only_labels="Compute Engine can change only a snapshot's labels (tags, retention_days)", labelled_last=True
    )
    STATUSES: ClassVar[Collection[str]] = ("CREATING", "UPLOADING", "READY", "FAILED", "DELETING")
    LONGEST_NAME: ClassVar[int] = 63
    UNIQUE_NAMES: ClassVar[bool] = True
    NATIVE_EXPIRY: ClassVar[bool] = False

    def __init__(self, client: GceClient, task: Task) -> None:
        self._client, self._task = client, task
        self._points = GcePoints(client, "", {})
        self._disk: Disk | None = None
        self.marks = GceMarks(client)

    def validate(self, operation: str) -> None:
        task = self._task
        check_tags(task["tags"])
        if task["name"] and operation != INSPECT_ALL:
            check_name("name", task["name"])
        if task["uid"] and operation in (DELETE, INSPECT_ONE) and not (task["uid"].isascii() and task["uid"].isdigit()):
            raise InvalidRequest(f'uid: "{task["uid"]}" is no id of Compute Engine: those are numbers. Is it a name?')
        if task["source_disk"] and operation != INSPECT_ONE:
            ref = self._ref
            if operation == CREATE or (operation == DELETE and not (task["name"] or task["uid"] or ref.uid)):
                ref.require_place()
        if operation == INSPECT_ALL:
            check_name_filter(task["name_filter"], _PART_OF_NAME, "lower case letters, digits and hyphens, at most 63 of them")
        elif operation == CREATE:
            check_keys(_KEYS, task[_KEYS])
            if len(task["description"] or "") > _LONGEST_DESCRIPTION:
                raise InvalidRequest(f"description is too long: Compute Engine takes {_LONGEST_DESCRIPTION} characters, not {len(task['description'])}.")
            if task["kms_key"] and "/cryptoKeys/" not in task["kms_key"]:
                raise InvalidRequest("kms_key must be the full name of a key: projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY.")

    # --- reading

    def get(self, word: str) -> RecoveryPoint | None:
        # The API takes ids in the place of names, and no name begins with a digit.
        found = self._client.get_snapshot(word)
        return point_of(SNAPSHOT, found) if found else None

    def listed(self, tags: Mapping[str, str]) -> Iterator[RecoveryPoint]:
        # A filter for an empty value finds nothing.
        terms = [f'labels.{key}="{value}"' if value else f"labels.{key}:*" for key, value in tags.items()]
        for found in self._client.list_snapshots(" AND ".join(terms) or None):
            if all(found.labels.get(key) == value for key, value in tags.items()):
                yield point_of(SNAPSHOT, found)

    def details(self, point: RecoveryPoint) -> Document:
        wire, place = point.own.wire, place_of(point.source_disk)
        return {
            "description": point.own.description,
            "zone": place.name if place.scope == ZONE else None,
            "region": place.region if place.scope in (ZONE, REGION) else None,
            "storage_bytes": point.own.storage_bytes,
            "storage_locations": list(wire.get("storageLocations") or ()),
            "snapshot_type": wire.get("snapshotType") or "STANDARD",
            "guest_flush": _flushed(point),
            "encryption": _encryption(wire),
            "kms_key": _key(wire).get("kmsKeyName"),
            "schedule": last_part(wire.get("sourceSnapshotSchedulePolicy")) or None,
            "self_link": wire.get("selfLink"),
        }

    def is_scheduled(self, point: RecoveryPoint) -> bool:
        return bool(point.own.scheduled)

    def backup_of(self, point: RecoveryPoint) -> str:
        moment = point.marks.get(BACKUP)
        return backup_name(point.marks.get(VM, ""), moment) if moment and self._points.is_ours(point) else ""

    # --- the disk

    @cached_property
    def _ref(self) -> DiskRef:
        return disk_ref("source_disk", self._task["source_disk"], self._task.options)

    @property
    def disk_words(self) -> str:
        return str(self._ref)

    @property
    def disk_by_uid(self) -> bool:
        return bool(self._ref.uid)

    def disk(self) -> Disk | None:
        if self._disk is None:
            found = find_disk(self._client, self._ref)
            self._disk = disk_of(found) if found else None
        return self._disk

    def existing_disk(self) -> Disk:
        disk = self.disk()
        if disk is None:
            raise absent(self._ref)
        return disk

    def check_place(self) -> None:
        try:
            for place in self._ref.places:
                # Of a place that does not exist, other than of a disk, the answer is an error.
                self._client.get_disk(place, self._ref.key)
        except AuthenticationFailed as error:
            self._task.warn(f"Whether {self.disk_words} can be a disk could not be asked: {error.message}")

    def is_of_disk(self, point: RecoveryPoint) -> bool:
        return self._ref.fits(point.source_disk, point.source_uid)

    # --- what is asked for

    def findings(self, disk: Disk) -> Iterable[Callable[[], Iterable[Finding]]]:
        # Only a task that makes a snapshot needs its code.
        from .preflight import Preflight

        look = Preflight(self._client, disk.own.place.name, self._task)
        return [partial(self._about_disk, disk), partial(look.saving_disk, disk), partial(look.quota_of_points, 1, SNAPSHOT)]

    def _about_disk(self, disk: Disk) -> Iterable[Finding]:
        check_disk_key(_KEYS, disk.own, self._key_of(disk.ref, disk.uid))
        if disk.status not in _USABLE:
            yield Finding(f'the disk "{disk.name}" is {disk.status}, and only one that is READY can be saved.')

    def _key_of(self, path: str, uid: str) -> str | None:
        """The customer's own key that the task gives for a disk. Raises InvalidRequest when it gives keys for others only."""
        return key_of_disk(_KEYS, check_keys(_KEYS, self._task[_KEYS]), (last_part(path), uid, path))

    def planned(self, name: str, disk: Disk, marks: Mapping[str, str]) -> Planned:
        task, tags = self._task, check_tags(self._task["tags"])
        noted = {**marks, CONSISTENCY: _APPLICATION if task["guest_flush"] else ""}
        key = self._key_of(disk.ref, disk.uid)
        optional: Wire = {
            "description": task["description"],
            "labels": {**tags, **prefixed(noted)},
            "storageLocations": [task["storage_location"]] if task["storage_location"] else None,
            "snapshotType": task["snapshot_type"],
            "snapshotEncryptionKey": {"kmsKeyName": task["kms_key"]} if task["kms_key"] else as_wire(key) if key else None,
            "sourceDiskEncryptionKey": as_wire(key) if key and check_disk_key(_KEYS, disk.own, key) else None,
        }
        filled = {field: value for field, value in optional.items() if value}
        flush = {} if task["guest_flush"] is None else {"guestFlush": task["guest_flush"]}
        request: Wire = {"name": name, "sourceDisk": disk.ref, **filled, **flush}
        return Planned(f"projects/{self._client.project}/global/snapshots/{name}", name, "", noted, tags, request)

    def predicted(self, planned: Planned, disk: Disk) -> RecoveryPoint:
        wire = {key: value for key, value in planned.request.items() if key != "sourceDiskEncryptionKey"}
        key = dict(wire.get("snapshotEncryptionKey") or {})
        secret = key.pop("rawKey", None) or key.pop("rsaEncryptedKey", None)
        wire["snapshotEncryptionKey"] = {"sha256": digest_of(secret) or "unknown"} if secret else key
        seen = {"status": "READY" if self._task["wait"] else "CREATING", "diskSizeGb": disk.size_gib, "sourceDiskId": disk.uid}
        return point_of(SNAPSHOT, objects.snapshot({**wire, **seen}))

    def differences(self, point: RecoveryPoint) -> Iterable[str]:
        wire = point.own.wire
        locations = wire.get("storageLocations") or []
        there: dict[str, Any] = {
            "description": point.own.description,
            "snapshot_type": wire.get("snapshotType") or "STANDARD",
            "guest_flush": _flushed(point),
            "storage_location": locations[0] if len(locations) == 1 else ", ".join(locations),
            "kms_key": self._kms_key(wire),
        }
        for option, value in there.items():
            if self._task[option] is not None and self._task[option] != value:
                yield different(option, self._task[option], value)
        key = self._key_of(point.source_disk, point.source_uid)
        if key and not self._task["kms_key"]:
            encrypted, digest = _encryption(wire), _key(wire).get("sha256")
            if encrypted != "customer_supplied" or digest_of(key) not in (None, digest):
                yield f"{_KEYS} (the snapshot's encryption is {encrypted}{', with another key' if digest else ''})"

    def _kms_key(self, wire: Wire) -> str | None:
        """The key of a snapshot; without its version, which the API adds, where it is the one asked for."""
        key, asked = _key(wire).get("kmsKeyName"), self._task["kms_key"] or ""
        return asked if key and key.startswith(f"{asked}/cryptoKeyVersions/") else key

    def updates(self, point: RecoveryPoint) -> Mapping[str, str]:
        return {}

    def updated(self, point: RecoveryPoint) -> RecoveryPoint:
        return point

    def held_back(self, point: RecoveryPoint) -> str:
        return ""

    def copies(self, look: Callable[[], RecoveryPoint | None]) -> Sequence[Step]:
        return ()

    # --- changes

    def update(self, point: RecoveryPoint) -> Change:
        raise NotImplementedError("only labels can be changed")

    def create(self, planned: Planned) -> Change:
        return change(self._client, f"creating snapshot {planned.name}", planned.ref, lambda: self._client.insert_snapshot(planned.request))

    def delete(self, point: RecoveryPoint) -> Change:
        return self._points.delete(point)

    def is_taken(self, error: Conflict) -> bool:
        return (error.code or "").replace("_", "").lower() in _TAKEN

    def acted(self) -> bool:
        return self._client.acted()


def _key(wire: Wire) -> Wire:
    return wire.get("snapshotEncryptionKey") or {}


def _encryption(wire: Wire) -> str:
    """Whose key encrypts it: google, customer_managed (Cloud KMS) or customer_supplied."""
    key = _key(wire)
    return "customer_managed" if key.get("kmsKeyName") else "customer_supplied" if key.get("sha256") else "google"


def _flushed(point: RecoveryPoint) -> bool:
    """Whether we noted that the guest was asked to flush: the API takes that wish, and does not tell of it."""
    return point.marks.get(CONSISTENCY) == _APPLICATION
