# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task wants of a snapshot: checked before any request, compared with one that exists, and written as a request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from ...clients.gce.objects import Disk, Snapshot, Wire
from ...core.arguments import Task
from ...core.errors import InvalidRequest
from ...core.model import Record
from .keys import as_wire, check_disk_key, check_keys, digest_of, key_of_disk
from .marks import check_tags
from .snapshot_labels import CONSISTENCY, EXPIRES
from .snapshot_records import APPLICATION, encryption_of, expiry, expiry_label, flushed, moment_of, record_of

KEYS = "disk_encryption_keys"
_LONGEST_DESCRIPTION = 2048
# How far our clock and Google's may be apart: an expiry noted before the snapshot was made is as many days after it, but for that.
_CLOCKS_APART = timedelta(hours=1)
_DIFFERENCE = "{} (asked for: {!r}, there is: {!r})"


class Wishes:
    """The options of one CREATE. Only what was given is a wish."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._keys = check_keys(KEYS, task[KEYS])
        self.tags = check_tags(task["tags"])
        if len(task["description"] or "") > _LONGEST_DESCRIPTION:
            raise InvalidRequest(f"description is too long: Compute Engine takes {_LONGEST_DESCRIPTION} characters, not {len(task['description'])}.")
        if task["kms_key"] and "/cryptoKeys/" not in task["kms_key"]:
            raise InvalidRequest("kms_key must be the full name of a key: projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY.")

    def differences(self, there: Snapshot) -> Iterator[str]:
        """What nobody can change in a snapshot and what is not as asked for, as sentences without an end; never a key."""
        asked: dict[str, Any] = {name: self._task[name] for name in ("description", "snapshot_type", "guest_flush", "storage_location", "kms_key")}
        has = self._there(there)
        for option, value in asked.items():
            if value is not None and value != has[option]:
                yield _DIFFERENCE.format(option, value, has[option])
        key = key_of_disk(KEYS, self._keys, _names(there.source_disk, there.source_disk_uid))
        if key and not self._task["kms_key"]:
            encrypted = encryption_of(there)
            digest = (there.wire.get("snapshotEncryptionKey") or {}).get("sha256")
            if encrypted != "customer_supplied" or digest_of(key) not in (None, digest):
                yield f"{KEYS} (the snapshot's encryption is {encrypted}{', with another key' if digest else ''})"

    def _there(self, there: Snapshot) -> dict[str, Any]:
        locations = there.wire.get("storageLocations") or []
        kms_key = (there.wire.get("snapshotEncryptionKey") or {}).get("kmsKeyName")
        asked_key = self._task["kms_key"] or ""
        return {
            "description": there.description,
            "snapshot_type": there.wire.get("snapshotType") or "STANDARD",
            "guest_flush": flushed(there),
            "storage_location": locations[0] if len(locations) == 1 else ", ".join(locations),
            # The API adds the version that it took.
            "kms_key": asked_key if kms_key and kms_key.startswith(f"{asked_key}/cryptoKeyVersions/") else kms_key,
        }

    def label_changes(self, there: Snapshot) -> dict[str, str]:
        """The labels that must be set for it to be as asked for."""
        changes = {key: value for key, value in self.tags.items() if there.labels.get(key) != value}
        made_at, days = moment_of(there.created_at), self._task["retention_days"]
        if days is not None and made_at is not None:
            wanted, noted = _after(made_at, days), expiry(there)
            if noted is None or abs(noted - wanted) > _CLOCKS_APART:
                changes[EXPIRES] = expiry_label(wanted)
        return changes

    def body(self, name: str, disk: Disk, now: datetime) -> Wire:
        """The request for a new one. Raises InvalidRequest when the disk's key is missing or another."""
        task = self._task
        key = key_of_disk(KEYS, self._keys, _names(disk.path, disk.uid))
        disk_has_key = check_disk_key(KEYS, disk, key)
        own_key = {"kmsKeyName": task["kms_key"]} if task["kms_key"] else as_wire(key) if key else None
        optional: dict[str, Any] = {
            "description": task["description"],
            "labels": self._labels(now),
            "storageLocations": [task["storage_location"]] if task["storage_location"] else None,
            "snapshotType": task["snapshot_type"],
            "snapshotEncryptionKey": own_key,
            "sourceDiskEncryptionKey": as_wire(key) if key and disk_has_key else None,
        }
        filled = {field: value for field, value in optional.items() if value}
        flush = {} if task["guest_flush"] is None else {"guestFlush": task["guest_flush"]}
        return {"name": name, "sourceDisk": disk.path, **filled, **flush}

    def _labels(self, now: datetime) -> dict[str, str]:
        days = self._task["retention_days"]
        expires = {EXPIRES: expiry_label(_after(now, days))} if days is not None else {}
        return {**self.tags, **expires, **({CONSISTENCY: APPLICATION} if self._task["guest_flush"] else {})}

    def prediction(self, body: Wire, disk: Disk) -> Record:
        """The record of the snapshot that the request makes."""
        key = dict(body.get("snapshotEncryptionKey") or {})
        secret = key.pop("rawKey", None) or key.pop("rsaEncryptedKey", None)
        shown_key = {"sha256": digest_of(secret) or "unknown"} if secret else key
        there = Snapshot(
            name=body["name"],
            uid="",
            path="",
            status="READY" if self._task["wait"] else "CREATING",
            created_at=None,
            description=body.get("description", ""),
            labels=body.get("labels", {}),
            label_fingerprint="",
            wire={**body, "snapshotEncryptionKey": shown_key},
            size_gb=disk.size_gb,
            storage_bytes=0,
            source_disk=disk.path,
            source_disk_uid=disk.uid,
            scheduled=False,
        )
        return record_of(there)


def _names(path: str, uid: str) -> tuple[str, ...]:
    return (path.rpartition("/")[2], uid, path)


def _after(moment: datetime, days: int) -> datetime:
    try:
        return moment + timedelta(days=days)
    except OverflowError:
        raise InvalidRequest(f"retention_days is longer than calendars go: {days}.") from None
