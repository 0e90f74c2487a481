# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of the simulated ECS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..messages import Refused

DEFAULTS: dict[str, Any] = {
    # Seconds that something asynchronous takes: a number or [min, max]; by Action where that differs.
    "operation_s": 0.02,
    "operation_s_of": {},
    # Lists show resources, and tags, as they were so many seconds ago.
    "list_lag_s": 0,
    "tag_lag_s": 0,
    # A disk reads In_use or Available, and has its old bytes, for so long after ResetDisk; then it reads `reset_status` ("" for as before) until the end.
    "reset_begins_after_s": 0,
    "reset_status": "ReIniting",
    # Deleting a snapshot or image that does not exist: True is answered with 200, False with 404.
    "delete_unknown_ok": True,
    # Whether a snapshot of an ESSD reads Available before it is accomplished.
    "essd_available_early": True,
    # The code that refuses to delete a locked snapshot, which no public text names.
    "locked_snapshot_code": "OperationDenied.SnapshotLocked",
    # So many pages without items come before each page that is asked for by NextToken.
    "empty_pages": 0,
    # For so long after a request its ClientToken is answered with IdempotentProcessing; whether a token of a refused request is refused for ever.
    "token_processing_s": 0,
    "failed_tokens_stick": False,
    # Whether values and names of parameters are checked; contract violations are then refused.
    "check_parameters": True,
    # Whether answers are checked against the published description, where it is at hand; violations are a 500.
    "check_answers": False,
    # A request line of more bytes is answered with 414, as a proxy or gateway may do; 0: any length.
    "longest_url": 0,
    # The server's clock is off by so many seconds for the age of a Timestamp: either way, as a number or "-900".
    "clock_skew": "0",
    # The life of STS credentials at most, and of those of the metadata service.
    "sts_lifetime_s": 43200,
    "role_lifetime_s": 21600,
    # Whether the metadata service wants a token; the role that its instance has ("" for none).
    "metadata_token_required": False,
    "metadata_role": "sim-ecs-role",
    # Actions that RAM forbids ("ecs:ResetDisk", "vpc:AssociateEipAddress", "ram:PassRole").
    "denied_actions": [],
    # Ids of KMS keys that are disabled.
    "disabled_keys": [],
    # So many disks of one instance may be detaching at once; 0: any number.
    "most_detaching": 0,
    # Zones, or "zone/type", where nothing starts.
    "no_stock": [],
    # Limits other than the documented ones.
    "quotas": {},
    # The name of a deleted key pair that an instance was made with cannot be used again, as an older page says.
    "bound_names_stay_taken": True,
    # StoppedMode of a StopInstance that names none.
    "default_stopped_mode": "KeepCharging",
    # True: a private address that becomes free is somebody else's at once.
    "greedy_neighbour": False,
}
QUOTAS = {"snapshots_per_disk": 256, "tags": 20, "commands": 500, "key_pairs": 500, "disks_per_instance": 17, "group_disks": 128, "images": 100}


def check_settings(values: Mapping[str, Any]) -> None:
    """Raises Refused for a value that makes no sense."""
    unknown = sorted(set(values.get("quotas", {})) - set(QUOTAS))
    if unknown:
        raise Refused(f"no such quota: {', '.join(unknown)}; known: {', '.join(QUOTAS)}")
    if values.get("reset_status", "") not in ("", "ReIniting"):
        raise Refused("reset_status is ReIniting or empty")
    if values.get("default_stopped_mode", "KeepCharging") not in ("KeepCharging", "StopCharging"):
        raise Refused("default_stopped_mode is KeepCharging or StopCharging")
    try:
        float(values.get("clock_skew", "0"))
    except ValueError as error:
        raise Refused(f"clock_skew is a number of seconds as text: {error}") from error
