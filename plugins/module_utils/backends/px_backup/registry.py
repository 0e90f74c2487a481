# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back ends of PX-Backup for the modules."""

from __future__ import annotations

from ...core.arguments import Task
from ...core.runner import Backend, Registered
from ...core.waiter import Waiter
from . import options


def _backup(task: Task, waiter: Waiter) -> Backend:
    from .backup import BackupBackend

    return BackupBackend(task, waiter)


def _restore(task: Task, waiter: Waiter) -> Backend:
    from .restore import RestoreBackend

    return RestoreBackend(task, waiter)


BACKUP = Registered(options.BACKUP, _backup)
RESTORE = Registered(options.RESTORE, _restore)
