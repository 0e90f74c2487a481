# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One measured number, beside another."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One number of ours beside one of something else; `goal` is the largest ratio that is good enough, None: no goal."""

    name: str
    ours: float
    other_name: str
    other: float
    unit: str
    goal: float | None = None

    @property
    def ratio(self) -> float:
        """Ours in multiples of the other."""
        return self.ours / self.other if self.other else 0.0

    @property
    def is_missed(self) -> bool:
        """Whether there is a goal and it is not reached."""
        return self.goal is not None and self.ratio > self.goal

    def as_row(self) -> tuple[str, ...]:
        """For the table."""
        goal = "" if self.goal is None else f"<= {self.goal:g}{' MISSED' if self.is_missed else ''}"
        return (self.name, f"{self.ours:.3g} {self.unit}", self.other_name, f"{self.other:.3g} {self.unit}", f"{self.ratio:.2f}", goal)

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return {**asdict(self), "ratio": self.ratio, "missed": self.is_missed}
