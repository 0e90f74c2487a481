# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention: which recovery points the rules release, and why the others are kept. It deletes nothing and knows no provider."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..core.errors import Conflict, InvalidRequest

# No minutes and no months: "6m" would be taken for the other by somebody, and what is deleted is gone.
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True)
class Point:
    """A recovery point: a snapshot, or a whole set of them. ``name`` is unique among the points that are decided on together.

    ``created_at`` and ``expires_at`` are moments with a time zone, None when unknown, or when it never expires. Only a
    ``complete`` point could be restored from.
    """

    name: str
    created_at: datetime | None
    complete: bool = True
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Rules:
    """What the user gave; every rule given must release a point."""

    keep_last: int | None = None
    older_than: timedelta | None = None
    expired: bool = False


@dataclass(frozen=True)
class Decision:
    """The points to delete, oldest first, and for the name of each other one the reason why it is kept."""

    released: tuple[Point, ...]
    kept: Mapping[str, str]


def parse_rules(retention: Mapping[str, Any]) -> Rules:
    """The rules of the option retention. Raises InvalidRequest for what makes no sense, and for no rule at all: it would release everything."""
    keep_last, older_than, expired = (retention.get(name) for name in ("keep_last", "older_than", "expired"))
    if keep_last is None and not older_than and not expired:
        raise InvalidRequest("retention needs at least one rule: keep_last, older_than, or expired as true.")
    if keep_last is not None and keep_last < 1:
        raise InvalidRequest(f"retention.keep_last must be at least 1, not {keep_last}: the newest recovery point is never deleted by a rule.")
    return Rules(keep_last, _parse_age(older_than) if older_than else None, bool(expired))


def _parse_age(text: str) -> timedelta:
    match = re.fullmatch(r"([0-9]+)([a-z])", text.strip())
    if not match or match[2] not in _UNITS or int(match[1]) < 1:
        raise InvalidRequest(f'retention.older_than must be a number and a unit, h, d or w, as in 12h, 30d or 2w; not "{text}".')
    try:
        return int(match[1]) * _UNITS[match[2]]
    except OverflowError:
        raise InvalidRequest(f'retention.older_than is longer than calendars go: "{text}".') from None


def decide(points: Sequence[Point], rules: Rules, now: datetime, *, list_is_complete: bool = True) -> Decision:
    """What the rules release. Raises Conflict when the list may lack points: keep_last and the newest one could not be told then."""
    if not list_is_complete:
        raise Conflict("the list of recovery points is not complete, so that what may be deleted cannot be told. Nothing was deleted.")
    known = sorted((point for point in points if point.created_at), key=_age_order)
    counted = [point.name for point in known if point.complete]
    newest, last = counted[-1:], counted[-rules.keep_last :] if rules.keep_last else []
    released: list[Point] = []
    kept: dict[str, str] = {}
    for point in sorted(points, key=_age_order):
        reason = _reason_to_keep(point, rules, now, newest, last)
        if reason:
            kept[point.name] = reason
        else:
            released.append(point)
    return Decision(tuple(released), kept)


def _age_order(point: Point) -> tuple[bool, float, str]:
    return (point.created_at is None, point.created_at.timestamp() if point.created_at else 0.0, point.name)


def _reason_to_keep(point: Point, rules: Rules, now: datetime, newest: Sequence[str], last: Sequence[str]) -> str:
    """Why a point is kept; empty when every rule releases it."""
    if not point.complete:
        return "it is not complete: rules count and delete complete ones only"
    if point.created_at is None:
        return "its age is not known"
    if point.name in newest:
        return "it is the newest complete one, which no rule deletes"
    if point.name in last:
        return f"it is among the newest {rules.keep_last}"
    if rules.older_than is not None and now - point.created_at <= rules.older_than:
        return "it is not old enough"
    if rules.expired and point.expires_at is None:
        return "it never expires"
    if rules.expired and point.expires_at is not None and point.expires_at > now:
        return "it has not expired"
    return ""
