# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was there before: for lists and tags that lag behind. Nothing is remembered unless a setting asks for it."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..clock import draw_seconds

if TYPE_CHECKING:
    from .store import Account, Item

ALWAYS = float("-inf")
# Since when, and what was there: None for nothing.
Version = tuple[float, Any]


class Lag:
    """The versions of the items of one account. What was there when the setting was made counts as having been there always."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._data: dict[str, list[Version]] = {}
        self._tags: dict[str, list[Version]] = {}
        self._items: dict[str, Item] = {}
        self._begun = False

    def _setting_s(self, name: str) -> float:
        world = self._account.world
        return draw_seconds(world.settings.get(name, self._account.name), world.random)

    def note(self) -> None:
        """To be called before anything is changed and after: remembers what is new."""
        if not self._setting_s("list_lag_s") and not self._setting_s("tag_lag_s"):
            for table in (self._data, self._tags, self._items):
                table.clear()
            self._begun = False
            return
        now = self._account.world.clock.now() if self._begun else ALWAYS
        self._begun = True
        there = {item.id: item for table in self._account.tables.values() for item in table.values()}
        self._items.update(there)
        for identity in self._items:
            item = there.get(identity)
            _remember(self._data.setdefault(identity, []), now, item.data if item else None)
            _remember(self._tags.setdefault(identity, []), now, item.tags if item else None)

    def seen(self, kind: str, region: str | None) -> list[Item]:
        """The items of a kind as lists show them now; older ones are copies."""
        list_lag_s, tag_lag_s = self._setting_s("list_lag_s"), self._setting_s("tag_lag_s")
        if not self._begun or (not list_lag_s and not tag_lag_s):
            return self._account.all(kind, region)
        now = self._account.world.clock.now()
        found = []
        for item in self._items.values():
            if item.kind != kind or region not in (None, item.region):
                continue
            data = _at(self._data[item.id], now - list_lag_s)
            if data is not None:
                found.append(replace(item, data=data, tags=_at(self._tags[item.id], now - max(list_lag_s, tag_lag_s)) or {}))
        return found


def _remember(versions: list[Version], now: float, value: Any) -> None:
    if not versions and now != ALWAYS:
        versions.append((ALWAYS, None))
    if not versions or versions[-1][1] != value:
        versions.append((now, copy.deepcopy(value)))


def _at(versions: list[Version], moment_s: float) -> Any:
    return next((value for since, value in reversed(versions) if since <= moment_s), None)
