# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of backups and restores of VMs in Compute Engine."""

from __future__ import annotations

from typing import Any

from ...core.model import CREATE, DELETE, INSPECT_ONE, OPERATIONS
from ...core.options import Option
from .options import CONNECTION, RETENTION


def _on(*operations: str, **given: Any) -> Option:
    return Option(operations=operations, **given)


def _flag(*operations: str, default: bool = False) -> Option:
    return Option(type="bool", operations=operations, spec={"default": default})


_WORDS: dict[str, Any] = {"type": "list", "spec": {"elements": "str"}}

_VM: dict[str, Option] = {
    **CONNECTION,
    "zone": Option(required_for=OPERATIONS, env=("GCP_ZONE",)),
    # A zone says its region; the environment may have one for other tasks.
    "region": Option(operations=(), env=("GCP_REGION",)),
    # The provider has no id for a whole backup or restore: ours is made of the zone and the name.
    "uid": _on(DELETE, INSPECT_ONE),
    "vm_name": Option(operations=OPERATIONS, selects=True, spec={"aliases": ["instance"]}),
    "vm_names": _on(CREATE, **_WORDS),
    "vm_filter": _on(CREATE, type="dict"),
    "max_parallel": Option(type="int", operations=(CREATE,), minimum=1, maximum=256, spec={"default": 16}),
    "snapshot_datetime": _on(CREATE),
    "disk_encryption_keys": _on(CREATE, type="dict", secret=True),
    "discard_local_ssd": _flag(CREATE),
    "lock_ttl": Option(type="int", operations=(CREATE,), minimum=5, maximum=3600, spec={"default": 120}),
    "force": _flag(CREATE, DELETE),
}

VM_BACKUP: dict[str, Option] = {
    **_VM,
    "method": _on(CREATE, spec={"choices": ["snapshot", "image", "machine_image"], "default": "snapshot"}),
    "consistency": _on(CREATE, spec={"choices": ["crash", "stopped", "application"], "default": "crash"}),
    "image_family": _on(CREATE),
    "exclude_disks": _on(CREATE, **_WORDS),
    "storage_location": _on(CREATE),
    "manifest_dir": _on(CREATE, type="path"),
    "retire_source": _flag(CREATE),
    "retention": Option(type="dict", operations=(DELETE,), selects=True, spec=RETENTION),
}
VM_BACKUP.pop("force")

VM_RESTORE: dict[str, Option] = {
    **_VM,
    "backup": _on(CREATE),
    "snapshots": _on(CREATE, type="dict"),
    "source_image": _on(CREATE),
    "image_family": _on(CREATE),
    "rollback_of": _on(CREATE),
    "strategy": _on(CREATE, spec={"choices": ["in_place", "replace", "new"], "default": "in_place"}),
    "new_vm_name": _on(CREATE),
    "new_zone": Option(operations=OPERATIONS),
    "network": _on(CREATE),
    "subnetwork": _on(CREATE),
    "ensure_network": _flag(CREATE),
    "start": _on(CREATE, spec={"choices": ["as_before", "started", "stopped"], "default": "as_before"}),
    "old_disks": _on(CREATE, spec={"choices": ["keep", "delete"], "default": "keep"}),
    "preserve_external_ip": _flag(CREATE, default=True),
    "allow_lost": _on(CREATE, **_WORDS),
    "manifest": Option(type="dict", operations=(CREATE,), secret=True),
    "manifest_file": _on(CREATE, type="path"),
    "machine_type": _on(CREATE),
    "startup_script": _on(CREATE, secret=True),
    "delete_vm": _flag(DELETE),
}
