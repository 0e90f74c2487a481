# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that every layer shares: operations, statuses and the record of a resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

CREATE, DELETE, INSPECT_ONE, INSPECT_ALL = "CREATE", "DELETE", "INSPECT_ONE", "INSPECT_ALL"
OPERATIONS = (CREATE, DELETE, INSPECT_ONE, INSPECT_ALL)

PENDING, RUNNING, SUCCEEDED, PARTIAL, FAILED, DELETING = "pending", "running", "succeeded", "partial", "failed", "deleting"
STATUSES = (PENDING, RUNNING, SUCCEEDED, PARTIAL, FAILED, DELETING)

UNFINISHED = (PENDING, RUNNING)


@dataclass(frozen=True)
class Record:
    """One restore, backup, snapshot or image, as users see it.

    ``created_at`` is RFC 3339 in UTC (None when unknown). ``details`` is the rest of what the provider says, in snake_case; it
    is the same set of keys for every record of one kind, so that a prediction has the keys of the real result. ``wire`` is
    what the provider sent, where users of its own collection know it in that shape; results show it, differences do not.
    """

    name: str
    uid: str
    provider: str
    status: str
    created_at: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    wire: Mapping[str, Any] = field(default_factory=dict)

    def as_result(self) -> dict[str, Any]:
        """The record as it stands in a result."""
        return {**self.as_diff(), **self.wire}

    def as_diff(self) -> dict[str, Any]:
        """The record as it stands in a difference; the common keys come first and win over a detail of the same name."""
        common: dict[str, Any] = {
            "name": self.name,
            "uid": self.uid,
            "provider": self.provider,
            "status": self.status,
            "created_at": self.created_at,
            "tags": dict(self.tags),
        }
        return {**common, **{key: value for key, value in self.details.items() if key not in common}}


def utc_timestamp(text: str | None) -> str | None:
    """An RFC 3339 time in UTC, to the second, from what a provider sent; None for nothing, unreadable text as it is."""
    if not text:
        return None
    # fromisoformat of Python 3.9 and 3.10 knows neither "Z" nor fractions of other than three or six digits.
    whole, _dot, rest = text.partition(".")
    zone = rest.lstrip("0123456789") if rest else ""
    try:
        moment = datetime.fromisoformat((whole + zone).replace("Z", "+00:00"))
    except ValueError:
        return text
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
