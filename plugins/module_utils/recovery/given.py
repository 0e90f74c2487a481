# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots that a task names for the disks of a VM, whoever made them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Optional

from ..core.arguments import Task
from ..core.errors import Conflict, NotFound
from ..core.model import SUCCEEDED
from ..core.steps import at_once
from .model import Attachment, Machine
from .points import RecoveryPoint

Look = Callable[[str], Optional[RecoveryPoint]]
# What a snapshot is of, in the words after "is of", when it is not of the disk that the VM has as its device; empty when it is.
Stranger = Callable[[RecoveryPoint, Optional[Attachment]], str]


def given_snapshots(task: Task, vm: str, machine: Machine | None, look: Look, *, ready: str, stranger: Stranger) -> dict[str, RecoveryPoint]:
    """By device. ``ready`` is the provider's word for one that can be used.

    Raises NotFound and Conflict: for one that is not there or not ready, for a device that the VM does not have, and without ``force`` for
    one that is not of its disk.
    """
    wanted: Mapping[str, Any] = task["snapshots"]
    found: list[RecoveryPoint | None] = at_once(*[partial(look, str(word)) for word in wanted.values()])
    missing = [str(word) for word, point in zip(wanted.values(), found) if point is None]
    if missing:
        raise NotFound(f"snapshots: there is no snapshot {', '.join(missing)}.")
    points = {str(device): replace(point, device=str(device)) for device, point in zip(wanted, found) if point}
    for device, point in points.items():
        if point.status != SUCCEEDED:
            raise Conflict(f"snapshot {point.name} for {device} is {point.provider_status}, not {ready}. Nothing was changed.")
        there = machine.device(device) if machine else None
        if machine is not None and there is None:
            has = ", ".join(one.device for one in machine.attached) or "none"
            raise Conflict(f'snapshots: VM "{vm}" has no disk attached as {device}. Its devices are {has}. Nothing was changed.')
        other = "" if task["force"] else stranger(point, there)
        if other:
            raise Conflict(f"snapshot {point.name} is of {other}. Nothing was changed. Set force if it is the right one all the same.")
    return points
