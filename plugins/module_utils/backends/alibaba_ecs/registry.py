# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back ends of Alibaba Cloud ECS for the modules; their code is imported only when a task is for it."""

from __future__ import annotations

from ...core.arguments import Task
from ...core.runner import Backend, Registered
from ...core.waiter import Waiter
from .images.options import IMAGE as IMAGE_OPTIONS


def _image(task: Task, waiter: Waiter) -> Backend:
    from .connection import connect
    from .images.backend import ImageBackend

    return ImageBackend(task, waiter, connect(task, waiter))


IMAGE = Registered(IMAGE_OPTIONS, _image, ("name", "uid"))
