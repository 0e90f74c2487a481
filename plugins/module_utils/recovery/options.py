# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of backups, restores and snapshots that all clouds share; a provider adds its own."""

from __future__ import annotations

from typing import Any

from ..core.model import CREATE, DELETE, INSPECT_ONE, OPERATIONS
from ..core.options import Option


def on(*operations: str, **given: Any) -> Option:
    """An option of these operations."""
    return Option(operations=operations, **given)


def flag(*operations: str, default: bool = False) -> Option:
    return Option(type="bool", operations=operations, spec={"default": default})


WORDS: dict[str, Any] = {"type": "list", "spec": {"elements": "str"}}
RETENTION = {"options": {"keep_last": {"type": "int"}, "older_than": {"type": "str"}, "expired": {"type": "bool", "default": False}}}

_VM: dict[str, Option] = {
    # No provider has an id for a whole backup or restore: ours is made of the place and the name.
    "uid": on(DELETE, INSPECT_ONE),
    "vm_name": Option(operations=OPERATIONS, selects=True, spec={"aliases": ["instance"]}),
    "vm_names": on(CREATE, **WORDS),
    "vm_filter": on(CREATE, type="dict"),
    "max_parallel": Option(type="int", operations=(CREATE,), minimum=1, maximum=256, spec={"default": 16}),
    "snapshot_datetime": on(CREATE),
    "disk_encryption_keys": on(CREATE, type="dict", secret=True),
    "discard_local_ssd": flag(CREATE),
    "lock_ttl": Option(type="int", operations=(CREATE, DELETE), minimum=5, maximum=3600, spec={"default": 120}),
}

VM_BACKUP: dict[str, Option] = {
    **_VM,
    "consistency": on(CREATE, spec={"choices": ["crash", "stopped", "application"], "default": "crash"}),
    "exclude_disks": on(CREATE, **WORDS),
    "manifest_dir": on(CREATE, type="path"),
    "retire_source": flag(CREATE),
    "retention": Option(type="dict", operations=(DELETE,), selects=True, spec=RETENTION),
}

VM_RESTORE: dict[str, Option] = {
    **_VM,
    "force": flag(CREATE),
    "backup": on(CREATE),
    "rollback_of": on(CREATE),
    "new_vm_name": on(CREATE),
    "network": on(CREATE),
    "subnetwork": on(CREATE),
    "ensure_network": flag(CREATE),
    "start": on(CREATE, spec={"choices": ["as_before", "started", "stopped"], "default": "as_before"}),
    "old_disks": on(CREATE, spec={"choices": ["keep", "delete"], "default": "keep"}),
    "preserve_external_ip": flag(CREATE, default=True),
    "allow_lost": on(CREATE, **WORDS),
    "manifest": Option(type="dict", operations=(CREATE,), secret=True),
    "manifest_file": on(CREATE, type="path"),
    "machine_type": on(CREATE),
    "startup_script": on(CREATE, secret=True),
    "delete_vm": flag(DELETE),
}
