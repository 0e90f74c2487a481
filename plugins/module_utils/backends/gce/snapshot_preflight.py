# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true before a snapshot is asked for: go or no-go, in check mode as in the real run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Disk
from ...core.arguments import Task
from ...core.errors import AuthenticationFailed, Conflict, ProviderFailure, RecoveryError
from ...core.steps import at_once

_PERMISSION = "compute.disks.createSnapshot"
_QUOTA = "SNAPSHOTS"
# A disk that is being filled from a snapshot can be used already.
_USABLE = ("READY", "RESTORING")


def check(client: GceClient, task: Task, disk: Disk) -> None:
    """Raise what would make the request fail: the disk's state, a permission that is missing, a quota that is used up.

    What cannot be asked is no reason to refuse; the task warns of it.
    """
    if disk.status not in _USABLE:
        raise Conflict(f'the disk "{disk.name}" is {disk.status}, and only one that is READY can be saved. Nothing was changed.')
    at_once(lambda: _check_permission(client, task, disk), lambda: _check_quota(client, task))


def _check_permission(client: GceClient, task: Task, disk: Disk) -> None:
    try:
        held = client.test_permissions("disks", disk.place, disk.name, [_PERMISSION])
    except RecoveryError as error:
        task.warn(f"Whether the permission {_PERMISSION} is there could not be asked: {error.message}")
        return
    if _PERMISSION not in held:
        raise AuthenticationFailed(
            f'the permission {_PERMISSION} on the disk "{disk.name}" is missing: grant it to the account that runs this. Nothing was changed.'
        )


def _check_quota(client: GceClient, task: Task) -> None:
    try:
        quotas: list[Mapping[str, Any]] = client.get_project().wire.get("quotas") or []
    except RecoveryError as error:
        task.warn(f"The quota {_QUOTA} could not be read: {error.message}")
        return
    for quota in quotas:
        if quota.get("metric") == _QUOTA and quota.get("usage", 0) >= quota.get("limit", 0):
            raise ProviderFailure(
                f"the quota {_QUOTA} is used up: {quota['usage']:g} of {quota['limit']:g}. Delete snapshots or raise it. Nothing was changed."
            )
