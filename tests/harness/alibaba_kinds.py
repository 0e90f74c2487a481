# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The faults of Alibaba Cloud ECS, and how its requests are told apart: by their Actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .vm_kinds import EXPIRED, FAILS, KILLS, ON_THE_WAY, OPEN, SIGTERM, SURVIVES, UNDO_KILL, Hit, Kind, Kinds, has_acted, never_ends, status

_FORBIDDEN = status("403 permission", 403, "Forbidden.RAM", FAILS)
KINDS = Kinds(
    kills=[*KILLS, Kind("kill after", {"kind": "signal", "act": "before"}, kills=True)],
    mutations=[
        _FORBIDDEN,
        status("throttled", 400, "Throttling.User", SURVIVES),
        status("quota", 403, "QuotaExceed", OPEN),
        status("busy", 403, "Operation.Conflict", SURVIVES),
        status("500", 500, "InternalError", SURVIVES),
        status("503", 503, "ServiceUnavailable", SURVIVES),
        status("error in a 200", 200, "InternalError", SURVIVES),
        status("refusal in a 200", 200, "Forbidden.RAM", FAILS),
        Kind("web page", {"kind": "html", "status": 502}, SURVIVES),
        *ON_THE_WAY,
        Kind("stuck", {"kind": "stuck"}, SURVIVES),
        *EXPIRED,
        status("no stock", 403, "OperationDenied.NoStock", OPEN),
        Kind("ends as failed", {"kind": "operation", "error": {"code": "failed"}}, options={"wait_timeout": 160, "undo_timeout": 160}),
        never_ends(40, 60),
        SIGTERM,
    ],
    reads=[
        status("read 500", 500, "InternalError", SURVIVES),
        status("read throttled", 400, "Throttling.User", SURVIVES),
        status("read 403", 403, "Forbidden.RAM", OPEN),
        Kind("read web page", {"kind": "html", "status": 502}, SURVIVES),
    ],
    undos=[status("undo 500", 500, "InternalError", OPEN), status("undo 403", 403, "Forbidden.RAM", OPEN)],
    undo_kill=UNDO_KILL,
    base=_FORBIDDEN,
    token=Hit("", "AssumeRole", 1),
)
# Each is run beside the plain settings. What lags does so for 3 seconds of the modules' time.
SPEED = 8.0
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "old tags": {"tag_lag_s": 3 / SPEED},
    "old lists": {"list_lag_s": 3 / SPEED},
    "late resets": {"reset_begins_after_s": 2 / SPEED},
    "slow snapshots": {"essd_available_early": False, "operation_s_of": {"CreateSnapshot": 0.2, "CreateSnapshotGroup": 0.2}},
    "unknown is 404": {"delete_unknown_ok": False},
    "empty pages": {"empty_pages": 1},
}
# What a repeated request could make twice.
CREATES = ("CreateSnapshot", "CreateSnapshotGroup", "CreateImage", "CreateDisk", "RunInstances", "CopySnapshot")


def entry(found: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of the log with `key` and `acted`. What only asks whether it would succeed changes nothing, nor does an error inside of a 200."""
    given: dict[str, Any] = {**dict(found["query"]), **(found["body"] if isinstance(found["body"], dict) else {})}
    changes = found["mutating"] and str(given.get("DryRun")).lower() != "true"
    acted = changes and has_acted({**found, "mutating": changes}) and not (found["status"] == 200 and found["fault"] in ("status", "html"))
    return {**found, "mutating": changes, "acted": acted, "key": ("", str(found["route"]))}


def narrow(hit: Hit) -> dict[str, Any]:
    """What narrows a rule of the simulator to requests of this Action."""
    return {"route": hit.path}
