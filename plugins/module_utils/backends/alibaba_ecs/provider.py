# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alibaba Cloud ECS as recovery sees it: one region of one account, for one task."""

from __future__ import annotations

import re
from typing import ClassVar

from ...clients.alibaba_ecs.answers import is_scarce
from ...clients.alibaba_ecs.client import AlibabaClient
from ...core.arguments import Task
from ...core.errors import InvalidRequest, RecoveryError
from ...core.listing import check_name_filter
from ...core.model import CREATE, INSPECT_ALL
from ...core.waiter import Waiter
from ...recovery.model import Attachment, Machine, Way
from .connection import connect
from .disks import AlibabaDisks
from .extras import AlibabaExtras
from .machines import AlibabaMachines
from .manifest import AlibabaManifests
from .marks import AlibabaMarks, check_tags
from .points import AlibabaPoints
from .resets import AlibabaResets
from .things import INSTANCE, check_name, is_id

_PART_OF_NAME = re.compile(r"[\w:.-]+")


class AlibabaProvider:
    """One region. ``client`` is that of the region."""

    NAME: ClassVar[str] = "alibaba_ecs"
    PLACE: ClassVar[str] = "region"
    NEW_PLACE: ClassVar[str] = "new_region"

    def __init__(self, task: Task, client: AlibabaClient) -> None:
        self._task, self._client, self.place = task, client, client.region
        # Names of what we make need to be unique within the region only.
        self.scope = self.NAME
        self.marks = AlibabaMarks(client)
        self.machines = AlibabaMachines(client)
        self.disks = AlibabaDisks(client, {str(key): str(value) for key, value in (task["tags"] or {}).items()}, self.machines.ref_of)
        self.machines.disks = self.disks
        self.points = AlibabaPoints(client)
        self.resets = AlibabaResets(client, self.points, self.disks)
        self.manifests = AlibabaManifests(client, self.disks, task.warn)
        self.extras = AlibabaExtras(client, self.machines, self.disks, task, self.resets)

    def ways(self, machine: Machine, attachment: Attachment) -> tuple[Way, ...]:
        """A system disk that is made from a snapshot cannot be attached to an instance, and ReplaceSystemDisk releases the old one."""
        return (Way.RESET,) if attachment.boot else (Way.SWAP, Way.RESET)

    def at(self, place: str) -> AlibabaProvider:
        return self if place == self.place else AlibabaProvider(self._task, self._client.at(place))

    def for_target(self, task: Task, waiter: Waiter) -> AlibabaProvider:
        return AlibabaProvider(task, self._client.for_target(waiter))

    def validate(self, operation: str) -> None:
        task = self._task
        check_tags(task["tags"])
        if operation == INSPECT_ALL:
            check_name_filter(task["name_filter"], _PART_OF_NAME, 'letters, digits and ":_.-"')
        for name in [task["vm_name"], *(task.options.get("vm_names") or ())]:
            if name and not is_id(INSTANCE, name):
                check_name("vm_name", name)
        if operation == CREATE and task.options.get("new_vm_name"):
            for name in [task["vm_name"]] if task["vm_name"] else task["vm_names"] or ["x1"]:
                check_name("new_vm_name", task["new_vm_name"].replace("{vm}", name))
        if task.options.get("ensure_network"):
            raise InvalidRequest("ensure_network is not offered on alibaba_ecs: give subnetwork and security_groups that exist.")

    def is_scarce(self, error: RecoveryError) -> bool:
        return is_scarce(error)

    def acted(self) -> bool:
        return self._client.acted()


def make(task: Task, waiter: Waiter) -> AlibabaProvider:
    """The provider of a task, in its region. Raises InvalidRequest, AuthenticationFailed and MissingLibrary; sends nothing yet."""
    return AlibabaProvider(task, connect(task, waiter))
