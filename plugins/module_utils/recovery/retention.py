# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention: which recovery points the rules release, and why the others are kept. It deletes nothing and knows no provider."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..core.errors import Conflict, InvalidRequest

# No minutes and no months: "6m" would be taken for the other by somebody, and what is deleted is gone.
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True)
class Candidate:
    """A recovery point that the rules decide on: a snapshot, or a whole set of them. ``name`` is unique among those decided on together.

    ``created_at`` and ``expires_at`` are moments with a time zone, None when unknown, or when it never expires. ``unusable`` says why it
    could not be restored from now, empty when it could. ``covers`` are the disks that it holds a state of, None for every disk.
    """

    name: str
    created_at: datetime | None
    unusable: str = ""
    expires_at: datetime | None = None
    covers: frozenset[str] | None = None


@dataclass(frozen=True)
class Rules:
    """What the user gave; every rule given must release a point."""

    keep_last: int | None = None
    older_than: timedelta | None = None
    expired: bool = False


@dataclass(frozen=True)
class Decision:
    """The candidates to delete, oldest first, and for the name of each other one the reason why it is kept."""

    released: tuple[Candidate, ...]
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


def decide(candidates: Sequence[Candidate], rules: Rules, now: datetime, *, list_is_complete: bool = True) -> Decision:
    """What the rules release. Raises Conflict when the list may lack points: keep_last and the newest one could not be told then.

    Only usable points count. Every disk keeps its newest usable point, so a set that leaves a disk out does not stand for it.
    """
    if not list_is_complete:
        raise Conflict("the list of recovery points is not complete, so that what may be deleted cannot be told. Nothing was deleted.")
    counted = sorted((one for one in candidates if one.created_at and not one.unusable), key=_age_order)
    newest = counted[-1].name if counted else ""
    last = {one.name for one in counted[-rules.keep_last :]} if rules.keep_last else set()
    only_for = _newest_of_disks(counted)
    released: list[Candidate] = []
    kept: dict[str, str] = {}
    for one in sorted(candidates, key=_age_order):
        reason = _reason_to_keep(one, rules, now, newest, last, only_for.get(one.name, []))
        if reason:
            kept[one.name] = reason
        else:
            released.append(one)
    return Decision(tuple(released), kept)


def _newest_of_disks(counted: Sequence[Candidate]) -> dict[str, list[str]]:
    """By the name of a candidate the disks of which it holds the newest state; ``counted`` is in the order of age."""
    disks = sorted({disk for one in counted for disk in one.covers or ()})
    found: dict[str, list[str]] = {}
    for disk in disks:
        holder = next(one for one in reversed(counted) if one.covers is None or disk in one.covers)
        found.setdefault(holder.name, []).append(disk)
    return found


def _age_order(one: Candidate) -> tuple[bool, float, str]:
    return (one.created_at is None, one.created_at.timestamp() if one.created_at else 0.0, one.name)


def _reason_to_keep(one: Candidate, rules: Rules, now: datetime, newest: str, last: Collection[str], only_for: Sequence[str]) -> str:
    """Why it is kept; empty when every rule releases it."""
    if one.unusable:
        return f"it is not usable ({one.unusable}): rules count and delete usable ones only"
    if one.created_at is None:
        return "its age is not known"
    if one.name == newest:
        return "it is the newest complete one, which no rule deletes"
    if only_for:
        return f"it is the newest one that holds {', '.join(only_for)}, which no rule deletes"
    if one.name in last:
        return f"it is among the newest {rules.keep_last}"
    if rules.older_than is not None and now - one.created_at <= rules.older_than:
        return "it is not old enough"
    if rules.expired and one.expires_at is None:
        return "it never expires"
    if rules.expired and one.expires_at is not None and one.expires_at > now:
        return "it has not expired"
    return ""
