# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of the simulated Compute Engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..messages import Refused
from .places import REGION_OF

DEFAULTS: dict[str, Any] = {
    # Seconds that an operation takes: a number or [min, max]; by operationType, or "plural.operationType", where that differs.
    "operation_s": 0.02,
    "operation_s_of": {},
    # The longest time that a wait is held; and how likely it returns at once, whatever the state.
    "wait_limit_s": 110,
    "wait_returns_early": 0,
    # True: a disk, snapshot or image whose operation failed stays, as FAILED.
    "failed_stay": False,
    # So many unfinished operations on one VM, and no more; 0: any number.
    "most_pending": 0,
    # False: setLabels on a VM with an unfinished operation is refused as not ready.
    "set_labels_while_busy": True,
    # Lists show what there was so many seconds ago.
    "list_lag_s": 0,
    # So many GETs of a resource after an operation on it has ended answer with what it was before.
    "stale_reads": 0,
    # Whether failed operations carry httpErrorStatusCode and httpErrorMessage.
    "operation_errors_with_http": True,
    # True: a wrong labelFingerprint is seen by the operation, not by the request.
    "label_conflict_in_operation": False,
    # {"SNAPSHOTS": 10, "SSD_TOTAL_GB": 500, ...}: limits other than the defaults; "request": refused, "operation": the operation fails.
    "quotas": {},
    "quota_when": "request",
    # IAM permissions that the caller lacks.
    "denied_permissions": [],
    # Zones that answer 503, and zones where nothing starts.
    "zones_down": [],
    "out_of_stock_zones": [],
    # The documented limit on snapshots of one disk.
    "snapshot_rate_limit": False,
    "snapshot_rate": {"burst": 6, "window_s": 3600, "then_every_s": 600},
    # True: internal addresses that a deletion frees are somebody else's at once.
    "greedy_neighbour": False,
    # So many pages without items come before each page; kinds (plural) whose lists lack an item and say that they are partial.
    "empty_pages": 0,
    "partial_lists": [],
    # Whether answers are checked against the discovery document too; violations are a 500.
    "check_answers": False,
    "token_lifetime_s": 3600,
}


def check_settings(values: Mapping[str, Any]) -> None:
    """Raises Refused for a value that makes no sense."""
    if values.get("quota_when", "request") not in ("request", "operation"):
        raise Refused("quota_when is request or operation")
    for name in ("zones_down", "out_of_stock_zones"):
        unknown = [zone for zone in values.get(name, []) if zone not in REGION_OF]
        if unknown:
            raise Refused(f"{name}: no such zone: {', '.join(map(str, unknown))}; known: {', '.join(REGION_OF)}")
    if set(values.get("snapshot_rate", DEFAULTS["snapshot_rate"])) != set(DEFAULTS["snapshot_rate"]):
        raise Refused(f"snapshot_rate is like {DEFAULTS['snapshot_rate']}")
