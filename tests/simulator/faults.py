# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules for faults: which request they hit, how often, and what goes wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from .messages import Refused

# Whether the provider acts on a request that the fault hits, unless the rule's `act` says otherwise.
ACTS_BY_DEFAULT = {
    "status": False,
    "drop_before": False,
    "drop_after": True,
    "slow": True,
    "cut": True,
    "stuck": True,
    "expired_token": False,
    "html": False,
    "empty": True,
    "redirect": False,
}


@dataclass
class FaultRule:
    """One rule. None means: not narrowed. `nth` counts matching requests from 1 since the rule was made; `times` 0 means always.

    `act`: "before" (the provider acts, then the fault), "after" (only for slow: waits, then acts) or "never"; None is the kind's own way.
    """

    id: int
    kind: str
    scope: str | None = None
    method: str | None = None
    route: str | None = None
    path: str | None = None
    nth: int | None = None
    times: int = 1
    status: int | None = None
    retry_after: float | str | None = None
    body: Any = None
    seconds: float | None = None
    act: str | None = None
    location: str | None = None
    seen: int = 0
    fired: int = 0

    def matches(self, scope: str | None, method: str, route: str | None, path: str) -> bool:
        """Whether the rule is about this request at all."""
        return (
            (self.scope is None or self.scope == scope)
            and (self.method is None or self.method.upper() == method)
            and (self.route is None or self.route == route)
            and (self.path is None or re.search(self.path, path) is not None)
        )

    def fires(self) -> bool:
        """Counts one matching request and says whether it is hit."""
        self.seen += 1
        return (self.nth is None or self.seen == self.nth) and (self.times == 0 or self.fired < self.times)

    @property
    def acts(self) -> bool:
        """Whether the provider does what was asked."""
        return ACTS_BY_DEFAULT[self.kind] if self.act is None else self.act != "never"


class FaultBook:
    """All rules of a service; spent ones stay listed with their counts until removed."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._next = 1

    def add(self, values: Mapping[str, Any]) -> FaultRule:
        """Makes a rule. Raises Refused for unknown fields or kinds and for a path that is no regular expression."""
        own = {item.name for item in fields(FaultRule)} - {"id", "seen", "fired"}
        unknown = sorted(set(values) - own)
        if unknown:
            raise Refused(f"unknown field(s) in a fault rule: {', '.join(unknown)}; known: {', '.join(sorted(own))}")
        if values.get("kind") not in ACTS_BY_DEFAULT:
            raise Refused(f"kind must be one of {', '.join(ACTS_BY_DEFAULT)}, not {values.get('kind')!r}")
        if values.get("act") not in (None, "before", "after", "never"):
            raise Refused(f"act must be before, after or never, not {values['act']!r}")
        try:
            re.compile(values.get("path") or "")
        except re.error as error:
            raise Refused(f"path is not a regular expression: {error}") from error
        rule = FaultRule(id=self._next, **values)
        self._next += 1
        self._rules.append(rule)
        return rule

    def pick(self, scope: str | None, method: str, route: str | None, path: str) -> FaultRule | None:
        """The first rule that hits this request; every matching rule counts it."""
        hit = None
        for rule in self._rules:
            if rule.matches(scope, method, route, path) and rule.fires() and hit is None:
                hit = rule
                rule.fired += 1
        return hit

    def show(self, scope: str | None) -> list[dict[str, Any]]:
        """All rules, or those of one scope."""
        return [asdict(rule) for rule in self._rules if scope is None or rule.scope == scope]

    def clear(self, scope: str | None) -> None:
        """Removes all rules, or those of one scope."""
        self._rules = [] if scope is None else [rule for rule in self._rules if rule.scope != scope]
