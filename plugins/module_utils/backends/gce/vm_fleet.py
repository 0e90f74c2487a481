# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task over many VMs: which they are, and the task of each."""

from __future__ import annotations

import dataclasses

from ...clients.gce.client import GceClient
from ...core.arguments import Task
from ...core.errors import NotFound
from .labels import check_tags
from .vm_labels import all_of


def filtered_names(client: GceClient, task: Task) -> list[str]:
    """The names of the VMs in the zone with all the labels of ``vm_filter``; empty without that option. Raises NotFound when no VM has them."""
    wanted = check_tags(task["vm_filter"])
    if not wanted:
        return []
    names = sorted(instance.name for instance in client.list_instances(task["zone"], all_of(dict(wanted))))
    if not names:
        raise NotFound(f"vm_filter: no VM in zone {task['zone']} has the labels {wanted}.")
    return names


def target_task(task: Task, name: str) -> Task:
    """The task for one of its VMs; warnings and secrets are shared."""
    return dataclasses.replace(task, options={**task.options, "vm_name": name, "vm_names": None, "vm_filter": None})
