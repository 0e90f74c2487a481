# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of permissions in the documentation, and how they are compared with what tasks need."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

TABLE = re.compile(r"<!-- permissions -->\n(.*?)\n<!-- /permissions -->", re.DOTALL)
Needed = frozenset[str]


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    module: str
    operation: str
    ways: tuple[str, ...]
    permissions: Needed

    def is_for(self, scenario: Scenario) -> bool:
        """Whether the task of a scenario goes one of these ways."""
        return (self.module, self.operation) == (scenario.module, scenario.operation) and bool({*self.ways} & {"every", *scenario.ways})


def rows(text: str) -> list[Row]:
    """The table; a line for two operations counts as two."""
    (table,) = TABLE.findall(text)
    found = []
    for line in table.splitlines()[2:]:
        module, operations, way, named = [cell.strip() for cell in line.strip().strip("|").split("|")]
        for operation in re.findall(r"`(\w+)`", operations):
            ways = tuple(each.strip("`") for each in way.split(", "))
            found.append(Row(module.strip("`"), operation, ways, frozenset(re.findall(r"`([\w.:]+)`", named))))
    return found


@dataclass(frozen=True)
class Scenario:
    """A task with the ways that it goes. ``prepare`` comes before it, and is not looked at; a task that ``fails`` shows what is undone."""

    module: str
    operation: str
    ways: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    prepare: tuple[Callable[[Any], Any], ...] = ()
    fails: bool = False

    def __str__(self) -> str:
        return " ".join([self.module, self.operation, *self.ways, *map(str, self.options), "fails" * self.fails]).replace(" ", "-")


def differences(table: Iterable[Row], used: Iterable[tuple[Scenario, Needed]], explained: Mapping[tuple[str, str, str], str] | None = None) -> list[str]:
    """What a task needs and its rows do not say, and what a row says and no task needs, unless that is ``explained``."""
    table, used = list(table), list(used)
    wrong = set()
    for scenario, wanted in used:
        said = frozenset[str]().union(*(row.permissions for row in table if row.is_for(scenario)))
        wrong |= {f"{scenario.module} {scenario.operation} ({', '.join(scenario.ways)}): {each} is missing" for each in wanted - said}
    for row in table:
        known = frozenset[str]().union(*(wanted for scenario, wanted in used if row.is_for(scenario)))
        wrong |= {
            f"{row.module} {row.operation} ({', '.join(row.ways)}): {each} is not needed"
            for each in row.permissions - known
            if (row.module, row.operation, each) not in (explained or {})
        }
    return sorted(wrong)
