# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine as recovery sees it: one zone of one project, for one task."""

from __future__ import annotations

import re
from functools import cached_property
from typing import ClassVar

from ...clients.gce.answers import is_out_of_stock
from ...clients.gce.client import GceClient
from ...core.arguments import Task
from ...core.errors import InvalidRequest, RecoveryError
from ...core.listing import check_name_filter
from ...core.model import CREATE, INSPECT_ALL
from ...core.waiter import Waiter
from ...recovery.model import Attachment, Machine, Way
from .connection import connect
from .disk_refs import check_name
from .disks import GceDisks
from .extras import GceExtras
from .keys import check_keys
from .machines import GceMachines
from .manifest import GceManifests
from .marks import GceMarks, check_tags
from .points import GcePoints

# The zones for AI are named as in us-south1-ai1b (https://docs.cloud.google.com/compute/docs/regions-zones/ai-zones).
_ZONE = re.compile(r"[a-z]+(-[a-z0-9]+)+-([a-z]|ai[0-9]+[a-z])")
_PART_OF_NAME = re.compile(r"[a-z0-9_-]+")
_KEYS = "disk_encryption_keys"


class GceProvider:
    """One zone. ``client`` is shared by all places of the task."""

    NAME: ClassVar[str] = "gce"
    PLACE: ClassVar[str] = "zone"
    NEW_PLACE: ClassVar[str] = "new_zone"

    def __init__(self, task: Task, client: GceClient, place: str) -> None:
        self._task, self._client, self.place = task, client, place
        self.scope = client.project
        self._keys: dict[str, str] = dict(task.options.get(_KEYS) or {})
        self.marks = GceMarks(client)
        self.machines = GceMachines(client, place, self._keys)
        self.points = GcePoints(client, place, self._keys)
        self.manifests = GceManifests(client, place, self._keys, task.warn)
        self.extras = GceExtras(client, place, task)
        self.resets = None

    @cached_property
    def disks(self) -> GceDisks:
        """With the tags of the task, which are checked first."""
        return GceDisks(self._client, self.place, self._keys, check_tags(self._task["tags"]))

    def ways(self, machine: Machine, attachment: Attachment) -> tuple[Way, ...]:
        return (Way.SWAP,)

    def at(self, place: str) -> GceProvider:
        return self if place == self.place else GceProvider(self._task, self._client, place)

    def for_target(self, task: Task, waiter: Waiter) -> GceProvider:
        return GceProvider(task, self._client.for_target(waiter), self.place)

    def validate(self, operation: str) -> None:
        task = self._task
        check_tags(task["tags"])
        check_keys(_KEYS, task.options.get(_KEYS))
        for option in ("zone", "new_zone"):
            if task.options.get(option) and not _ZONE.fullmatch(task[option]):
                raise InvalidRequest(f'{option}: "{task[option]}" cannot be a zone, which is named as in europe-west1-b.')
        if operation == INSPECT_ALL:
            check_name_filter(task["name_filter"], _PART_OF_NAME, 'lower case letters, digits, "-" and "_"')
        if task["vm_name"]:
            check_name("vm_name", task["vm_name"])
        for name in task.options.get("vm_names") or ():
            check_name("vm_names", name)
        if operation == CREATE and task.options.get("new_vm_name"):
            for name in [task["vm_name"]] if task["vm_name"] else task["vm_names"] or ["x"]:
                check_name("new_vm_name", task["new_vm_name"].replace("{vm}", name))

    def is_scarce(self, error: RecoveryError) -> bool:
        return is_out_of_stock(error)

    def acted(self) -> bool:
        return self._client.acted()


def make(task: Task, waiter: Waiter) -> GceProvider:
    """The provider of a task, in its zone. Raises InvalidRequest, AuthenticationFailed and MissingLibrary; sends nothing yet."""
    return GceProvider(task, connect(task, waiter), task["zone"])
