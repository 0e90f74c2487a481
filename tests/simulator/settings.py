# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of a simulated service: process-wide values, and values of one scope on top."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from .messages import Refused

# latency_s: pause before every answer. page_size: the server's cap per page. strict_contract: a contract violation is a 400.
GENERIC: dict[str, Any] = {"latency_s": 0, "page_size": 100, "strict_contract": False}


class Settings:
    """Known names with defaults; a scope sees its own value before the process-wide one."""

    def __init__(self, provider_defaults: Mapping[str, Any], check: Callable[[Mapping[str, Any]], None] | None = None) -> None:
        """`check` sees new values before they are set and raises Refused."""
        self._check = check
        self._defaults = {**GENERIC, **provider_defaults}
        self._common: dict[str, Any] = {}
        self._scoped: dict[str, dict[str, Any]] = {}

    def get(self, name: str, scope: str | None = None) -> Any:
        """One value. Raises KeyError for a name nobody declared."""
        own = self._scoped.get(scope, {}) if scope is not None else {}
        if name in own:
            return own[name]
        return self._common[name] if name in self._common else self._defaults[name]

    def all(self, scope: str | None = None) -> dict[str, Any]:
        """All values as the scope sees them."""
        return copy.deepcopy({name: self.get(name, scope) for name in self._defaults})

    def update(self, values: Mapping[str, Any], scope: str | None = None) -> None:
        """Sets values; raises Refused, changing nothing, when a name is unknown or the kind of value is not the default's."""
        for name, value in values.items():
            if name not in self._defaults:
                raise Refused(f"unknown setting {name!r}; known: {', '.join(sorted(self._defaults))}")
            if not _same_kind(self._defaults[name], value):
                raise Refused(f"setting {name!r} takes a value like {self._defaults[name]!r}, not {value!r}")
        if self._check is not None:
            self._check(values)
        target = self._common if scope is None else self._scoped.setdefault(scope, {})
        target.update(copy.deepcopy(dict(values)))

    def reset(self, scope: str | None = None) -> None:
        """Back to the defaults: one scope, or everything."""
        if scope is None:
            self._common.clear()
            self._scoped.clear()
        else:
            self._scoped.pop(scope, None)


def _same_kind(default: Any, value: Any) -> bool:
    if isinstance(default, bool):
        # Some switches have a third, stronger position, spelled as a word.
        return isinstance(value, (bool, str))
    if isinstance(default, (int, float)):
        return _is_number(value) or (isinstance(value, list) and len(value) == 2 and all(_is_number(end) for end in value))
    return isinstance(value, type(default))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
