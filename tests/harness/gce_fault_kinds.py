# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which request of a task is hit, and by what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Far above what the simulator needs when many cases run at once; answers that come too late are later. Both are real time: sockets know no other.
REQUEST_TIMEOUT_S = 3
LATE_S = 3.6
# An operation of a run that was killed ends only after its lock counts as dead.
LONG_S = 3.2
SURVIVES, FAILS, OPEN = "survives", "fails", "open"
_ACTED = ("drop_after", "slow", "cut", "stuck", "signal", "operation", "empty")


def _template(path: str) -> str:
    inner = path.partition("/projects/")[2].partition("/")[2] or path.strip("/")
    parts = ["OPERATION" if part.startswith("operation-") else part for part in inner.split("/")]
    return "/".join("ID" if re.fullmatch(r"\d{12,}", part) else part for part in parts)


def _pattern(template: str) -> str:
    words = {"OPERATION": "operation-[^/]+", "ID": "[0-9]+"}
    return "/" + "/".join(words.get(part) or re.escape(part) for part in template.split("/")) + "$"


@dataclass(frozen=True)
class Hit:
    """The n-th request of its method and path. `path` begins after the project, with OPERATION and ID for what is drawn by chance."""

    method: str
    path: str
    nth: int
    mutating: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path} #{self.nth}"

    @property
    def rule(self) -> dict[str, Any]:
        """What narrows a rule of the simulator to it."""
        return {"method": self.method, "path": _pattern(self.path), "nth": self.nth}


# How a run that has a key begins.
TOKEN_REQUEST = Hit("POST", "token", 1)


def keys(log: Iterable[Mapping[str, Any]]) -> list[Hit]:
    """The key of each request of a log, in its order."""
    counts: Counter[tuple[str, str]] = Counter()
    found = []
    for entry in log:
        key = (entry["method"], _template(entry["path"]))
        counts[key] += 1
        found.append(Hit(*key, counts[key], mutating=entry["mutating"]))
    return found


def decisive(hits: Sequence[Hit]) -> list[Hit]:
    """The requests that change something, those right before one, and the first of each way of reading.

    Between other reads a task has sent nothing that matters. Every single request is covered on the provider in memory.
    """
    following = [*hits[1:], None]
    return [hit for hit, after in zip(hits, following) if hit.mutating or hit.nth == 1 or (after and after.mutating)]


@dataclass(frozen=True)
class Kind:
    """A fault. `rule` is for the simulator; `expect` is known where a passing trouble must not end the task, or a refusal must."""

    name: str
    rule: Mapping[str, Any]
    expect: str = OPEN
    kills: bool = False
    signals: bool = False
    renewable: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


def _status(name: str, status: int, reason: str, expect: str) -> Kind:
    return Kind(name, {"kind": "status", "status": status, "reason": reason}, expect)


def _ends(name: str, code: str, http_status: int | None, expect: str = OPEN) -> Kind:
    return Kind(name, {"kind": "operation", "error": {"code": code, "message": "injected"}, "http_status": http_status}, expect)


KILLS = [
    Kind("kill before", {"kind": "signal", "act": "never"}, kills=True),
    Kind("kill at work", {"kind": "operation", "act": "before", "seconds": 0.15}, kills=True),
    Kind("kill, long at work", {"kind": "operation", "act": "before", "seconds": LONG_S}, kills=True),
    Kind("kill when done", {"kind": "operation", "seconds": 0.03}, kills=True),
]
MUTATION_FAULTS = [
    _status("403 permission", 403, "forbidden", FAILS),
    _status("403 rate limit", 403, "rateLimitExceeded", SURVIVES),
    _status("403 quota", 403, "quotaExceeded", OPEN),
    _status("409", 409, "alreadyExists", OPEN),
    _status("412", 412, "conditionNotMet", OPEN),
    _status("400 not ready", 400, "resourceNotReady", SURVIVES),
    _status("429", 429, "rateLimitExceeded", SURVIVES),
    _status("500", 500, "internalError", SURVIVES),
    _status("503", 503, "backendError", SURVIVES),
    Kind("drop before", {"kind": "drop_before"}, SURVIVES),
    Kind("drop after", {"kind": "drop_after"}, SURVIVES),
    Kind("late", {"kind": "slow", "seconds": LATE_S}, SURVIVES),
    Kind("cut", {"kind": "cut"}, SURVIVES),
    Kind("401", {"kind": "expired_token"}, FAILS),
    Kind("401, renewed", {"kind": "expired_token"}, SURVIVES, renewable=True),
    _ends("stock-out", "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", 503),
    _ends("DONE with error", "INTERNAL_ERROR", None),
    _ends("DONE with HTTP error", "INVALID_USAGE", 400),
    Kind("never ends", {"kind": "operation", "never_ends": True}, options={"wait_timeout": 6, "undo_timeout": 10}),
    Kind("SIGTERM", {"kind": "signal", "signal": "SIGTERM"}, signals=True),
]
READ_FAULTS = [_status("read 503", 503, "backendError", SURVIVES), _status("read 403", 403, "forbidden", OPEN)]
UNDO_FAULTS = [_status("undo 503", 503, "backendError", OPEN), _status("undo 403", 403, "forbidden", OPEN)]
UNDO_KILL = Kind("undo kill", {"kind": "operation", "act": "before", "seconds": 0.15}, kills=True)
# The fault whose undo is disturbed in turn.
BASE = MUTATION_FAULTS[0]
KINDS = {kind.name: kind for kind in (*KILLS, *MUTATION_FAULTS, *READ_FAULTS, *UNDO_FAULTS, UNDO_KILL)}


def accepted(log: Iterable[Mapping[str, Any]]) -> list[Hit]:
    """The requests that changed something, or may have."""
    entries = list(log)
    return [
        key
        for key, entry in zip(keys(entries), entries)
        if entry["mutating"] and ((entry["status"] or 999) < 300 or (entry["status"] is None and entry["fault"] in _ACTED))
    ]
