# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The faults of Compute Engine, and how its requests are told apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .vm_kinds import EXPIRED, FAILS, KILLS, ON_THE_WAY, OPEN, SIGTERM, SURVIVES, UNDO_KILL, Hit, Kinds, ends, has_acted, never_ends, status

_FORBIDDEN = status("403 permission", 403, "forbidden", FAILS)
KINDS = Kinds(
    kills=KILLS,
    mutations=[
        _FORBIDDEN,
        status("403 rate limit", 403, "rateLimitExceeded", SURVIVES),
        status("403 quota", 403, "quotaExceeded", OPEN),
        status("409", 409, "alreadyExists", OPEN),
        status("412", 412, "conditionNotMet", OPEN),
        status("400 not ready", 400, "resourceNotReady", SURVIVES),
        status("429", 429, "rateLimitExceeded", SURVIVES),
        status("500", 500, "internalError", SURVIVES),
        status("503", 503, "backendError", SURVIVES),
        *ON_THE_WAY,
        *EXPIRED,
        ends("stock-out", "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", 503),
        ends("DONE with error", "INTERNAL_ERROR"),
        ends("DONE with HTTP error", "INVALID_USAGE", 400),
        never_ends(6, 10),
        SIGTERM,
    ],
    reads=[status("read 503", 503, "backendError", SURVIVES), status("read 403", 403, "forbidden", OPEN)],
    undos=[status("undo 503", 503, "backendError", OPEN), status("undo 403", 403, "forbidden", OPEN)],
    undo_kill=UNDO_KILL,
    base=_FORBIDDEN,
    token=Hit("POST", "token", 1),
)


def template(path: str) -> str:
    """A path after the project, with OPERATION and ID for what is drawn by chance."""
    inner = path.partition("/projects/")[2].partition("/")[2] or path.strip("/")
    parts = ["OPERATION" if part.startswith("operation-") else part for part in inner.split("/")]
    return "/".join("ID" if re.fullmatch(r"\d{12,}", part) else part for part in parts)


def narrow(hit: Hit) -> dict[str, Any]:
    """What narrows a rule of the simulator to requests of this path."""
    words = {"OPERATION": "operation-[^/]+", "ID": "[0-9]+"}
    pattern = "/" + "/".join(words.get(part) or re.escape(part) for part in hit.path.split("/")) + "$"
    return {"method": hit.method, "path": pattern}


def entry(found: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of the log with `key` and `acted`."""
    return {**found, "key": (found["method"], template(found["path"])), "acted": has_acted(found)}
