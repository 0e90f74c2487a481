# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task over many VMs: which they are, and the task of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..core.arguments import Task
from ..core.errors import InvalidRequest, NotFound
from ..core.model import CREATE
from .provider import Provider

_CHOICES = ("vm_name", "vm_names", "vm_filter")


def check_choice(task: Task, *, named: bool = False) -> bool:
    """Whether the task is over many VMs. Raises InvalidRequest unless it chooses its VMs in one way; ``named``: its name says the VM already."""
    ways = [name for name in _CHOICES if task[name]]
    if len(ways) > 1 or not (ways or named):
        raise InvalidRequest(f"give one of vm_name, vm_names and vm_filter{', not ' + ' and '.join(ways) if ways else ''}.")
    return bool(ways) and ways != ["vm_name"]


def targets_of(task: Task, provider: Provider) -> Sequence[str]:
    """The names of the VMs of a task over many; empty for a task on one. Raises NotFound when no VM has the tags of ``vm_filter``."""
    if task.operation != CREATE:
        return ()
    if task["vm_names"]:
        return list(dict.fromkeys(task["vm_names"]))
    wanted = provider.marks.check_tags(task["vm_filter"])
    if not wanted:
        return ()
    names = sorted(provider.machines.chosen_by(wanted))
    if not names:
        raise NotFound(f"vm_filter: no VM in {provider.PLACE} {provider.place} has the labels {wanted}.")
    return names


def target_task(task: Task, name: str) -> Task:
    """The task for one of its VMs; warnings and secrets are shared."""
    return dataclasses.replace(task, options={**task.options, "vm_name": name, "vm_names": None, "vm_filter": None})
