# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovery points of VMs: what was saved of one VM under one datetime, and when that is a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from ..core.model import DELETING, FAILED, PENDING, RUNNING, SUCCEEDED

# Members further apart than this are not one point in time.
LONGEST_SKEW_S = 300

SNAPSHOT, IMAGE, MACHINE_IMAGE = "snapshot", "image", "machine_image"


@dataclass(frozen=True)
class Member:
    """One saved disk (of a machine image: all of them). ``kind`` is snapshot, image or machine_image; ``path`` names it at the provider.

    ``status`` is one of our words, ``created_at`` RFC 3339, ``facts`` what the provider's back end needs beside.
    """

    device: str
    kind: str
    name: str
    uid: str
    path: str
    status: str
    created_at: str | None
    size_gb: int
    source_disk: str
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class BackupSet:
    """All that one run, or its continuation, saved of a VM under ``moment`` (YYYYMMDD-HHMMSS in UTC, a label, not the instant).

    ``expected`` is how many members make it whole. ``attempt`` counts from 1: a set that could not be finished in time is begun anew.
    """

    vm: str
    zone: str
    moment: str
    attempt: int
    method: str
    consistency: str
    expected: int
    members: tuple[Member, ...]
    tags: Mapping[str, str]
    manifest: str = ""

    @property
    def name(self) -> str:
        return f"{self.vm}-{self.moment}"

    @property
    def complete(self) -> bool:
        return len(self.members) == self.expected > 0 and all(member.status == SUCCEEDED for member in self.members)

    @property
    def status(self) -> str:
        """Failed as soon as one member is; succeeded only as a whole."""
        found = {member.status for member in self.members}
        for word in (FAILED, DELETING):
            if word in found:
                return word
        return SUCCEEDED if self.complete else RUNNING if self.members else PENDING

    @property
    def created_at(self) -> str | None:
        return min((member.created_at for member in self.members if member.created_at), default=None)

    @property
    def skew_s(self) -> int:
        """Seconds between the first and the last member."""
        moments = [datetime.fromisoformat(member.created_at.replace("Z", "+00:00")) for member in self.members if member.created_at]
        return int((max(moments) - min(moments)).total_seconds()) if moments else 0


def newest_first(sets: Iterable[BackupSet]) -> list[BackupSet]:
    """One set a datetime: the complete one, else the latest attempt; newest datetime first."""
    ordered = sorted(sets, key=lambda one: (one.moment, one.complete, one.attempt), reverse=True)
    return [next(group) for _moment, group in groupby(ordered, key=lambda one: one.moment)]


def latest_complete(sets: Sequence[BackupSet]) -> BackupSet | None:
    return next((one for one in newest_first(sets) if one.complete), None)
