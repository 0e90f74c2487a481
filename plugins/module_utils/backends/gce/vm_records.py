# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups and restores of VMs as Records: the same keys for each, whether predicted or seen."""

from __future__ import annotations

from typing import Any

from ...core.model import Record
from ...recovery.manifest import Document, fingerprint, without_secrets
from ...recovery.points import BackupSet, Member
from .vm_manifest import SENSITIVE

PROVIDER = "gce"


def backup_record(backup: BackupSet, manifest: Document | None, stored_in: str, *, retired: bool = False) -> Record:
    """A backup as users see it. ``stored_in`` is description, template or none; the manifest's sensitive values are digests."""
    return Record(
        name=backup.name,
        uid=f"{backup.zone}/{backup.name}" if backup.members else "",
        provider=PROVIDER,
        status=backup.status,
        created_at=backup.created_at,
        tags=dict(backup.tags),
        details={
            "vm": backup.vm,
            "zone": backup.zone,
            "snapshot_datetime": backup.moment,
            "method": backup.method,
            "consistency": backup.consistency,
            "disks": [_disk(member) for member in backup.members],
            "expected_disks": backup.expected,
            "skew_s": backup.skew_s,
            "manifest_complete": manifest is not None,
            "manifest_stored_in": stored_in if manifest is not None else "none",
            "manifest_fingerprint": fingerprint(manifest) if manifest is not None else "",
            "manifest": without_secrets(manifest, SENSITIVE) if manifest is not None else {},
            "vm_retired": retired,
        },
    )


def _disk(member: Member) -> dict[str, Any]:
    note = member.facts["note"]
    return {
        "device": member.device,
        "boot": bool(note.get("boot")),
        "kind": member.kind,
        "name": member.name,
        "uid": member.uid,
        "path": member.path,
        "source_disk": member.source_disk,
        "size_gb": member.size_gb,
        "status": member.status,
        "provider_status": member.facts["provider_status"],
        "created_at": member.created_at,
    }
