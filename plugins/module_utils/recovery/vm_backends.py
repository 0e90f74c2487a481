# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back ends of the modules for VMs on one provider; their code is imported only when a task is for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..core.arguments import Task
from ..core.options import Option
from ..core.runner import Backend, Registered
from ..core.waiter import Waiter

if TYPE_CHECKING:
    from .provider import Provider

Make = Callable[[Task, Waiter], "Provider"]


def vm_backup(options: Mapping[str, Option], make: Make) -> Registered:
    """The module ``backup`` for VMs; ``make`` gives the provider of a task."""

    def backend(task: Task, waiter: Waiter) -> Backend:
        from .backup.backend import BackupBackend

        return BackupBackend(task, waiter, make(task, waiter))

    return Registered(options, backend, ("name", "uid", "vm_name"))


def vm_restore(options: Mapping[str, Option], make: Make) -> Registered:
    """The module ``restore`` for VMs; ``make`` gives the provider of a task."""

    def backend(task: Task, waiter: Waiter) -> Backend:
        from .restore.backend import RestoreBackend

        return RestoreBackend(task, waiter, make(task, waiter))

    return Registered(options, backend)
