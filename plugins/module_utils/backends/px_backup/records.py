# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PX-Backup says of a backup or restore, in the words of this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...clients.px_backup.client import BACKUP, RESTORE, Kind, Wire
from ...core.errors import InvalidRequest
from ...core.model import DELETING, FAILED, PARTIAL, PENDING, RUNNING, STATUSES, SUCCEEDED, Record, utc_timestamp

PROVIDER = "px_backup"

_STATUSES = {
    "Invalid": FAILED,
    "Pending": PENDING,
    "InProgress": RUNNING,
    "Aborted": FAILED,
    "Failed": FAILED,
    "Deleting": DELETING,
    "Success": SUCCEEDED,
    "PartialSuccess": PARTIAL,
}
_SIZES = ("total_size", "resource_count", "restored_resource_count")


@dataclass(frozen=True)
class Shape:
    """How a kind of object reads: its statuses and the fields of its info that users see beside the wire shape."""

    kind: Kind
    statuses: Mapping[str, str]
    fields: tuple[str, ...]

    @property
    def info_key(self) -> str:
        return f"{self.kind.one}_info"


RESTORE_SHAPE = Shape(
    RESTORE,
    # Retained occurs where a replace policy kept what was there: the restore itself is complete.
    {**_STATUSES, "Retained": SUCCEEDED},
    (
        "backup_ref", "cluster_ref", "namespace_mapping", "storage_class_mapping", "include_resources", "replace_policy", "backup_object_type",
        "rancher_project_mapping", "rancher_project_name_mapping", "total_size", "resource_count", "restored_resource_count",
    ),
)  # fmt: skip
BACKUP_SHAPE = Shape(
    BACKUP,
    # CloudBackupMissing: the object is there, but what it stands for is gone from the backup location.
    {**_STATUSES, "Captured": RUNNING, "DeletePending": DELETING, "CloudBackupMissing": FAILED},
    (
        "backup_location_ref", "cluster_ref", "namespaces", "label_selectors", "ns_label_selectors", "include_resources", "resource_types",
        "exclude_resource_types", "backup_type", "backup_object_type", "pre_exec_rule_ref", "post_exec_rule_ref", "skip_vm_auto_exec_rules",
        "direct_kdmp", "volume_snapshot_class_mapping", "backup_schedule", "stage", "total_size", "resource_count",
    ),
)  # fmt: skip


def provider_status(shape: Shape, wire: Wire) -> str:
    """The provider's own word; the empty string when it is absent, as an object just made may leave it."""
    return str(((wire.get(shape.info_key) or {}).get("status") or {}).get("status") or "")


def record_of(shape: Shape, wire: Wire) -> Record:
    """The record of an object; its details have the same keys whatever the server left out."""
    metadata, info = wire.get("metadata") or {}, wire.get(shape.info_key) or {}
    word = provider_status(shape, wire)
    details: dict[str, Any] = {
        "org_id": metadata.get("org_id"),
        "provider_status": word,
        "reason": (info.get("status") or {}).get("reason") or "",
        **{name: _plain(name, info) for name in shape.fields},
    }
    return Record(
        name=metadata.get("name") or "",
        uid=metadata.get("uid") or "",
        provider=PROVIDER,
        # A status that is absent, or newer than this code, is not an end: waiting is the safe reading.
        status=shape.statuses.get(word, RUNNING) if word else PENDING,
        created_at=utc_timestamp(metadata.get("create_time")),
        tags=metadata.get("labels") or {},
        details=details,
        wire={"metadata": metadata, shape.info_key: info},
    )


def _reference(name: str, info: Wire) -> dict[str, str] | None:
    """A reference as name and uid; older servers leave it empty and give the name alone, in a field of its own."""
    ref = {part: text for part, text in (info.get(name) or {}).items() if text}
    old = info.get(name.removesuffix("_ref"))
    return ref or ({"name": str(old)} if old else None)


def _plain(name: str, info: Wire) -> Any:
    value = info.get(name)
    if name.endswith("_ref"):
        return _reference(name, info)
    if name in _SIZES:
        return int(value or 0)
    if name in ("backup_type", "backup_object_type") and isinstance(value, Mapping):
        return value.get("type")
    return value


def provider_words(shape: Shape, words: Sequence[str]) -> list[str]:
    """The provider's statuses for ``words``, which may be common statuses or its own. Raises InvalidRequest for another word."""
    found: list[str] = []
    for word in words:
        theirs = [own for own, common in shape.statuses.items() if word in (own, common)]
        if not theirs:
            known = ", ".join([*STATUSES, *shape.statuses])
            raise InvalidRequest(f'status "{word}" is not known for a {shape.kind.one}; use one of: {known}.')
        found += [own for own in theirs if own not in found]
    return found
