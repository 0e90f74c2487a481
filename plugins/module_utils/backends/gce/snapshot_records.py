# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Compute Engine says of a snapshot, in the words of this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

from ...clients.gce.objects import REGION, ZONE, Snapshot, last_part, place_of
from ...core.errors import InvalidRequest
from ...core.model import DELETING, FAILED, RUNNING, STATUSES, SUCCEEDED, Record
from .snapshot_labels import BACKUP, CONSISTENCY, EXPIRES, VM, user_labels

PROVIDER = "gce"
APPLICATION = "application"
_STATUSES: Mapping[str, str] = {"CREATING": RUNNING, "UPLOADING": RUNNING, "READY": SUCCEEDED, "FAILED": FAILED, "DELETING": DELETING}
_MOMENT = "%Y%m%d-%H%M%S"


def record_of(snapshot: Snapshot) -> Record:
    """The record; its details have the same keys whatever the API left out."""
    place, key, wire = place_of(snapshot.source_disk), snapshot.wire.get("snapshotEncryptionKey") or {}, snapshot.wire
    expires_at = expiry(snapshot)
    return Record(
        name=snapshot.name,
        uid=snapshot.uid,
        provider=PROVIDER,
        status=status_of(snapshot),
        created_at=snapshot.created_at,
        tags=user_labels(snapshot.labels),
        details={
            "provider_status": snapshot.status,
            "description": snapshot.description,
            "source_disk": snapshot.source_disk,
            "source_disk_id": snapshot.source_disk_uid,
            "zone": place.name if place.scope == ZONE else None,
            "region": place.region if place.scope in (ZONE, REGION) else None,
            "size_gb": snapshot.size_gb,
            "storage_bytes": snapshot.storage_bytes,
            "storage_locations": list(wire.get("storageLocations") or ()),
            "snapshot_type": wire.get("snapshotType") or "STANDARD",
            "guest_flush": flushed(snapshot),
            "encryption": encryption_of(snapshot),
            "kms_key": key.get("kmsKeyName"),
            "scheduled": snapshot.scheduled,
            "schedule": last_part(wire.get("sourceSnapshotSchedulePolicy")) or None,
            "expires_at": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ") if expires_at else None,
            "backup": backup_of(snapshot),
            "self_link": wire.get("selfLink"),
        },
    )


def status_of(snapshot: Snapshot) -> str:
    """The common word. A status that is newer than this code is not an end: waiting is the safe reading."""
    return _STATUSES.get(snapshot.status, RUNNING)


def encryption_of(snapshot: Snapshot) -> str:
    """Whose key encrypts it: google, customer_managed (Cloud KMS) or customer_supplied."""
    key = snapshot.wire.get("snapshotEncryptionKey") or {}
    return "customer_managed" if key.get("kmsKeyName") else "customer_supplied" if key.get("sha256") else "google"


def flushed(snapshot: Snapshot) -> bool:
    """Whether we noted that the guest was asked to flush: the API takes that wish, and does not tell of it."""
    return snapshot.labels.get(CONSISTENCY) == APPLICATION


def backup_of(snapshot: Snapshot) -> str | None:
    """The backup of a VM that it is a part of, as the module backup names it."""
    moment = snapshot.labels.get(BACKUP)
    return f"{snapshot.labels.get(VM, '')}-{moment}" if moment else None


def expiry(snapshot: Snapshot) -> datetime | None:
    """When it expires; None when never, or when the label holds something else."""
    try:
        return datetime.strptime(snapshot.labels.get(EXPIRES, ""), _MOMENT).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def expiry_label(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime(_MOMENT)


def moment_of(created_at: str | None) -> datetime | None:
    """A record's time as a moment; None when it is unknown."""
    try:
        return datetime.fromisoformat((created_at or "").replace("Z", "+00:00"))
    except ValueError:
        return None


def check_words(words: Sequence[str]) -> None:
    """Raise InvalidRequest for a status that is neither a common one nor the API's own."""
    for word in words:
        if word not in (*STATUSES, *_STATUSES):
            raise InvalidRequest(f'status "{word}" is not known for a snapshot; use one of: {", ".join([*STATUSES, *_STATUSES])}.')
