# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true of a cluster or a backup location before anything is sent that relies on it."""

from __future__ import annotations

from ...clients.px_backup.client import Wire
from ...core.arguments import Task
from ...core.errors import InvalidRequest
from .references import as_reference

_USABLE_CLUSTER = ("Online", "Success")
_UNUSABLE_LOCATION = ("ValidationFailed", "DeletePending")


def check_cluster(task: Task, cluster: Wire, option: str) -> None:
    """Raise InvalidRequest unless the cluster is online; warn when the server does not say."""
    status, reason = _status(cluster, "clusterInfo")
    name = as_reference(cluster)["name"]
    if status in ("", "Invalid"):
        task.warn(f'PX-Backup does not say whether the cluster "{name}" is online.')
    elif status not in _USABLE_CLUSTER:
        raise InvalidRequest(f'{option}: the cluster "{name}" is not online: its status is {status}{reason}. Nothing was changed.')


def check_backup_location(location: Wire, option: str) -> None:
    """Raise InvalidRequest when PX-Backup has found that the location cannot be written to."""
    status, reason = _status(location, "backup_location_info")
    if status in _UNUSABLE_LOCATION:
        name = as_reference(location)["name"]
        raise InvalidRequest(f'{option}: the backup location "{name}" cannot be used: its status is {status}{reason}. Nothing was changed.')


def _status(wire: Wire, info: str) -> tuple[str, str]:
    status = (wire.get(info) or {}).get("status") or {}
    return str(status.get("status") or ""), f" ({status['reason']})" if status.get("reason") else ""
