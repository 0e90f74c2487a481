# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was there before: for lists that lag behind, and for reads that are stale for a while after a change.

Nothing is remembered unless a setting asks for it; what was there when it was set counts as having been there always.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..clock import draw_seconds

if TYPE_CHECKING:
    from .store import Project, Resource

Data = dict[str, Any]
# Place, plural, name.
Key = tuple[str, str, str]
# Since when, and the resource as answers showed it; None when it was not there.
Version = tuple[float, "Data | None"]
ALWAYS = float("-inf")


@dataclass(eq=False)
class History:
    """The versions of the resources of one project, and the stale answers that are still to be given."""

    project: Project
    _versions: dict[Key, list[Version]] = field(default_factory=dict)
    _begun: bool = False
    _before: dict[Key, Data | None] = field(default_factory=dict)
    _stale: dict[Key, tuple[int, Data | None]] = field(default_factory=dict)

    def _setting(self, name: str) -> Any:
        return self.project.world.settings.get(name, self.project.name)

    def note(self) -> None:
        """To be called before anything is changed and after: remembers what is new."""
        if not self._setting("list_lag_s") and not self._setting("stale_reads"):
            self._versions.clear()
            self._stale.clear()
            self._before.clear()
            self._begun = False
            return
        now = self.project.world.clock.now() if self._begun else ALWAYS
        self._begun = True
        there = {(item.place, item.plural, item.name): item.data for item in self.project.everything()}
        for key, data in there.items():
            versions = self._versions.setdefault(key, [] if now == ALWAYS else [(ALWAYS, None)])
            if not versions or versions[-1][1] != data:
                versions.append((now, copy.deepcopy(data)))
        for key, versions in self._versions.items():
            if key not in there and versions[-1][1] is not None:
                versions.append((now, None))

    def listed(self, place: str, plural: str) -> list[Data]:
        """The resources of a kind in a place, as a list shows them now."""
        lag_s = draw_seconds(self._setting("list_lag_s"), self.project.world.random)
        if not lag_s or not self._begun:
            return [item.data for item in self.project.table(place, plural).values()]
        moment = self.project.world.clock.now() - lag_s
        versions = [found for (where, kind, _name), found in self._versions.items() if (where, kind) == (place, plural)]
        seen = [next(data for since, data in reversed(found) if since <= moment) for found in versions]
        return [data for data in seen if data is not None]

    def begins(self, resources: Iterator[Resource]) -> None:
        """An operation begins: what its resources were before the request."""
        for resource in resources if self._setting("stale_reads") else ():
            key = (resource.place, resource.plural, resource.name)
            versions = self._versions.get(key)
            self._before[key] = versions[-1][1] if versions else None

    def ended(self, resources: Iterator[Resource]) -> None:
        """An operation has ended: the next reads of what it changed answer with what was there before it began."""
        times = int(self._setting("stale_reads"))
        for resource in resources if times else ():
            key = (resource.place, resource.plural, resource.name)
            self._stale[key] = (times, self._before.pop(key, None))

    def read(self, place: str, plural: str, name: str) -> tuple[bool, Data | None]:
        """(whether a read is stale, what it then sees: None when nothing)."""
        times, data = self._stale.get((place, plural, name), (0, None))
        if not times:
            return False, None
        self._stale[(place, plural, name)] = (times - 1, data)
        return True, data
