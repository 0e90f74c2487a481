# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of VMs as Records: the same keys for one that is predicted and one that was seen."""

from __future__ import annotations

from typing import Any

from ...core.model import Record
from ..manifest import Document, fingerprint, without_secrets
from ..points import BackupSet, RecoveryPoint
from ..provider import Provider
from ..restore.source import manifest_of


def record_of(provider: Provider, backup: BackupSet, *, retired: bool = False) -> Record:
    """A backup with its manifest, as users see it."""
    inline = any(member.note.get("manifest") for member in backup.members)
    return backup_record(provider, backup, manifest_of(provider, backup), "description" if inline else provider.manifests.STORED_IN, retired=retired)


def backup_record(provider: Provider, backup: BackupSet, manifest: Document | None, stored_in: str, *, retired: bool = False) -> Record:
    """The same with a given manifest. ``stored_in`` is description or the provider's word; the manifest's sensitive values are hidden."""
    shown = without_secrets(manifest, provider.manifests.SENSITIVE) if manifest is not None else {}
    return Record(
        name=backup.name,
        uid=f"{backup.place}/{backup.name}" if backup.members else "",
        provider=provider.NAME,
        status=backup.status,
        created_at=backup.created_at,
        tags=dict(backup.tags),
        details={
            "vm": backup.vm,
            "zone": backup.place,
            "snapshot_datetime": backup.moment,
            "method": backup.method,
            "consistency": backup.consistency,
            "disks": [_disk(member) for member in backup.members],
            "expected_disks": backup.expected,
            "skew_s": backup.skew_s,
            "usable": backup.usable,
            "unusable_because": backup.unusable,
            "manifest_complete": manifest is not None,
            "manifest_stored_in": stored_in if manifest is not None else "none",
            # Of what is shown: by a digest of the whole, a short password among the hidden values could be found by trying.
            "manifest_fingerprint": fingerprint(shown) if shown else "",
            "manifest": shown,
            "vm_retired": retired,
        },
    )


def _disk(member: RecoveryPoint) -> dict[str, Any]:
    return {
        "device": member.device,
        "boot": bool(member.note.get("boot")),
        "kind": member.kind,
        "name": member.name,
        "uid": member.uid,
        "path": member.ref,
        "source_disk": member.source_disk,
        "size_gb": member.size_gib,
        "status": member.status,
        "provider_status": member.provider_status,
        "created_at": member.created_at,
    }
