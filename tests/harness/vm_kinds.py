# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which request of a task is hit, and by what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# Far above what the simulator needs when many cases run at once; answers that come too late are later. Both are real time: sockets know no other.
REQUEST_TIMEOUT_S = 3
LATE_S = 3.6
# An operation of a run that was killed ends only after its lock counts as dead.
LONG_S = 3.2
SURVIVES, FAILS, OPEN = "survives", "fails", "open"
# The provider has done what was asked, but the client does not learn it.
LOST = ("drop after", "late", "cut")
LONG_KILL = "kill, long at work"
_ACTED = ("drop_after", "slow", "cut", "stuck", "signal", "operation", "empty")


@dataclass(frozen=True)
class Hit:
    """The n-th request of its method and path, without what is drawn by chance; a path may be the name of an action."""

    method: str
    path: str
    nth: int
    mutating: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path} #{self.nth}".strip()


def keys(log: Iterable[Mapping[str, Any]]) -> list[Hit]:
    """The key of each request of a log, in its order."""
    counts: Counter[tuple[str, str]] = Counter()
    found = []
    for entry in log:
        counts[entry["key"]] += 1
        method, path = entry["key"]
        found.append(Hit(method, path, counts[entry["key"]], entry["mutating"]))
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


@dataclass(frozen=True)
class Kinds:
    """The faults of a provider. `base` is the one whose undo is disturbed in turn; a run that asks for a token begins with `token`."""

    kills: Sequence[Kind]
    mutations: Sequence[Kind]
    reads: Sequence[Kind]
    undos: Sequence[Kind]
    undo_kill: Kind
    base: Kind
    token: Hit

    @cached_property
    def by_name(self) -> dict[str, Kind]:
        """All of them."""
        return {kind.name: kind for kind in (*self.kills, *self.mutations, *self.reads, *self.undos, self.undo_kill)}


def status(name: str, number: int, reason: str, expect: str) -> Kind:
    """An answer that refuses, or one that says so inside of a 200."""
    return Kind(name, {"kind": "status", "status": number, "reason": reason}, expect)


def ends(name: str, code: str, http_status: int | None = None, expect: str = OPEN) -> Kind:
    """What was begun ends with an error."""
    return Kind(name, {"kind": "operation", "error": {"code": code, "message": "injected"}, "http_status": http_status}, expect)


KILLS = [
    Kind("kill before", {"kind": "signal", "act": "never"}, kills=True),
    Kind("kill at work", {"kind": "operation", "act": "before", "seconds": 0.15}, kills=True),
    Kind(LONG_KILL, {"kind": "operation", "act": "before", "seconds": LONG_S}, kills=True),
    Kind("kill when done", {"kind": "operation", "seconds": 0.03}, kills=True),
]
# What no client can tell from the network's own troubles.
ON_THE_WAY = [
    Kind("drop before", {"kind": "drop_before"}, SURVIVES),
    Kind("drop after", {"kind": "drop_after"}, SURVIVES),
    Kind("late", {"kind": "slow", "seconds": LATE_S}, SURVIVES),
    Kind("cut", {"kind": "cut"}, SURVIVES),
]
EXPIRED = [Kind("401", {"kind": "expired_token"}, FAILS), Kind("401, renewed", {"kind": "expired_token"}, SURVIVES, renewable=True)]
SIGTERM = Kind("SIGTERM", {"kind": "signal", "signal": "SIGTERM"}, signals=True)
UNDO_KILL = Kind("undo kill", {"kind": "operation", "act": "before", "seconds": 0.15}, kills=True)


def never_ends(wait_timeout: int, undo_timeout: int) -> Kind:
    """What was begun never ends, within the patience that a task has (in its own time)."""
    return Kind("never ends", {"kind": "operation", "never_ends": True}, options={"wait_timeout": wait_timeout, "undo_timeout": undo_timeout})


def has_acted(entry: Mapping[str, Any]) -> bool:
    """Whether a request of the simulator's log was carried out, or may have been."""
    return bool(entry["mutating"]) and ((entry["status"] or 999) < 300 or (entry["status"] is None and entry["fault"] in _ACTED))


def accepted(log: Iterable[Mapping[str, Any]]) -> list[Hit]:
    """The requests that changed something, or may have."""
    entries = list(log)
    return [key for key, entry in zip(keys(entries), entries) if entry["acted"]]
