# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back ends of Compute Engine for the modules."""

from __future__ import annotations

from ...core.runner import Backend, Registered
from .options import SNAPSHOT as SNAPSHOT_OPTIONS
from .vm_options import VM_BACKUP, VM_RESTORE


def _backup() -> type[Backend]:
    from .vm_backup import GceBackupBackend

    return GceBackupBackend


def _restore() -> type[Backend]:
    from .vm_restore import GceRestoreBackend

    return GceRestoreBackend


def _snapshot() -> type[Backend]:
    from .snapshot import SnapshotBackend

    return SnapshotBackend


BACKUP = Registered(VM_BACKUP, _backup)
RESTORE = Registered(VM_RESTORE, _restore)
SNAPSHOT = Registered(SNAPSHOT_OPTIONS, _snapshot)
