# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back ends of Alibaba Cloud ECS for the modules; their code is imported only when a task is for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.arguments import Task
from ...core.runner import Backend, Registered
from ...core.waiter import Waiter
from ...recovery.vm_backends import vm_backup, vm_restore
from .images.options import IMAGE as IMAGE_OPTIONS
from .options import SNAPSHOT as SNAPSHOT_OPTIONS
from .options import VM_BACKUP, VM_RESTORE

if TYPE_CHECKING:
    from ...recovery.provider import Provider


def _provider(task: Task, waiter: Waiter) -> Provider:
    from .provider import make

    return make(task, waiter)


def _snapshot(task: Task, waiter: Waiter) -> Backend:
    from ...recovery.snapshots.backend import SnapshotBackend
    from .connection import connect
    from .snapshots import AlibabaSnapshots

    client = connect(task, waiter)

    def provider() -> Provider:
        from .provider import AlibabaProvider

        return AlibabaProvider(task, client)

    return SnapshotBackend(task, waiter, AlibabaSnapshots(client, task), provider)


def _image(task: Task, waiter: Waiter) -> Backend:
    from .connection import connect
    from .images.backend import ImageBackend

    return ImageBackend(task, waiter, connect(task, waiter))


BACKUP = vm_backup(VM_BACKUP, _provider)
RESTORE = vm_restore(VM_RESTORE, _provider)
SNAPSHOT = Registered(SNAPSHOT_OPTIONS, _snapshot, ("name", "uid", "source_disk"))
IMAGE = Registered(IMAGE_OPTIONS, _image, ("name", "uid"))
