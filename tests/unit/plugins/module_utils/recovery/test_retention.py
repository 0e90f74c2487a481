# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention: which points rules release, and that the newest usable one of each disk stays whatever they say."""

from __future__ import annotations

import itertools
import random
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Conflict, InvalidRequest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.retention import Candidate, Decision, Rules, decide, parse_rules

NOW = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def point(name: str, age_days: float, *, usable: bool = True, expires_in_days: float | None = None, covers: str = "") -> Candidate:
    """``covers`` are disks of one letter each; none for every disk."""
    expires_at = None if expires_in_days is None else NOW + expires_in_days * DAY
    return Candidate(name, NOW - age_days * DAY, "" if usable else "it is obsolete", expires_at, frozenset(covers) or None)


def released(points: list[Candidate], **rules: Any) -> list[str]:
    return [each.name for each in decide(points, parse_rules(rules), NOW).released]


FIVE = [point(name, age) for name, age in (("e", 50), ("a", 10), ("d", 40), ("b", 20), ("c", 30))]


@pytest.mark.parametrize(
    ("rules", "names"),
    [
        ({"keep_last": 1}, "edcb"),
        ({"keep_last": 3}, "ed"),
        ({"keep_last": 5}, ""),
        ({"keep_last": 9}, ""),
        ({"older_than": "30d"}, "ed"),
        ({"older_than": "4w"}, "edc"),
        ({"older_than": "719h"}, "edc"),
        ({"older_than": "720h"}, "ed"),
        ({"older_than": "9d"}, "edcb"),
        ({"keep_last": 4, "older_than": "1d"}, "e"),
        ({"keep_last": 1, "older_than": "45d"}, "e"),
    ],
)
def test_all_given_rules_must_release(rules: dict[str, Any], names: str) -> None:
    assert "".join(released(FIVE, **rules)) == names


def test_only_what_has_expired_is_released_by_expired() -> None:
    points = [point("new", 1, expires_in_days=-0.5), point("past", 9, expires_in_days=-1), point("future", 9, expires_in_days=1), point("never", 9)]
    assert released(points, expired=True) == ["past"]
    assert decide(points, Rules(expired=True), NOW).kept == {
        "new": "it is the newest complete one, which no rule deletes",
        "future": "it has not expired",
        "never": "it never expires",
    }


def test_expiry_is_a_moment_that_counts_from_itself_on() -> None:
    assert released([point("new", 1), point("old", 2, expires_in_days=0)], expired=True) == ["old"]


def test_newest_usable_is_kept_even_when_a_newer_one_is_not_usable() -> None:
    points = [point("half", 1, usable=False), point("whole", 100), point("old", 200)]
    assert released(points, older_than="1d") == ["old"]


def test_unusable_points_neither_count_nor_go() -> None:
    points = [point("a", 1, usable=False), point("b", 2, usable=False), point("c", 3), point("d", 4), point("e", 5)]
    decision = decide(points, Rules(keep_last=2), NOW)
    assert [each.name for each in decision.released] == ["e"]
    assert decision.kept["a"] == "it is not usable (it is obsolete): rules count and delete usable ones only"


def test_point_of_unknown_age_is_kept_and_does_not_count() -> None:
    points = [Candidate("unknown", None), point("a", 1), point("b", 2)]
    assert released(points, keep_last=1) == ["b"]
    assert released([Candidate("unknown", None)], older_than="1h") == []


def test_point_from_the_future_is_not_old() -> None:
    assert released([point("ahead", -1), point("old", 3)], older_than="1d") == ["old"]


def test_points_of_one_moment_are_kept_by_name_so_that_two_runs_agree() -> None:
    points = [point(name, 5) for name in "abcd"]
    for order in itertools.permutations(points):
        assert released(list(order), keep_last=2) == ["a", "b"]


def test_list_that_is_not_complete_refuses() -> None:
    with pytest.raises(Conflict, match="Nothing was deleted"):
        decide(FIVE, Rules(keep_last=1), NOW, list_is_complete=False)


def test_nothing_of_nothing() -> None:
    assert decide([], Rules(keep_last=1), NOW) == Decision((), {})


def test_only_usable_one_is_kept_although_it_is_the_oldest() -> None:
    """The newest is marked obsolete: nothing could be restored from it."""
    assert released([point("obsolete", 1, usable=False), point("good", 9)], keep_last=1) == []
    assert released([point("obsolete", 1, usable=False), point("good", 9)], older_than="1d") == []


def test_name_that_lies_in_the_future_does_not_count_before_what_was_made_later() -> None:
    """A set is as old as it is, whatever datetime it was given."""
    points = [point("web-20990101-000000", 3), point("web-20260330-000000", 1), point("web-20200101-000000", 2)]
    assert released(points, keep_last=1) == ["web-20990101-000000", "web-20200101-000000"]
    assert released(points, older_than="47h") == ["web-20990101-000000", "web-20200101-000000"]


# Each disk


def test_set_that_leaves_a_disk_out_does_not_stand_for_it() -> None:
    points = [point("partial", 1, covers="a"), point("whole", 2, covers="ab"), point("older", 3, covers="ab")]
    decision = decide(points, Rules(keep_last=1), NOW)
    assert [one.name for one in decision.released] == ["older"]
    assert decision.kept["whole"] == "it is the newest one that holds b, which no rule deletes"


def test_each_disk_keeps_its_newest_point_whatever_the_rules() -> None:
    points = [point("b", 1, covers="b"), point("a", 2, covers="a"), point("c", 3, covers="c"), point("abc", 4, covers="abc")]
    for rules in ({"keep_last": 1}, {"older_than": "1h"}):
        assert released(points, **rules) == ["abc"]


def test_set_of_the_whole_vm_stands_for_every_disk() -> None:
    assert released([point("all", 1), point("ab", 2, covers="ab"), point("c", 3, covers="c")], keep_last=1) == ["c", "ab"]


def test_unusable_set_does_not_stand_for_a_disk() -> None:
    points = [point("a", 1, covers="a"), point("bad", 2, covers="ab", usable=False), point("ab", 3, covers="ab"), point("old", 4, covers="ab")]
    assert released(points, keep_last=1) == ["old"]


# All cases


def test_every_point_is_either_released_or_kept_and_the_newest_usable_one_of_each_disk_always_kept() -> None:
    chance = random.Random(7)
    for _case in range(300):
        points = [
            point(
                str(number),
                chance.uniform(-1, 9),
                usable=chance.random() < 0.7,
                expires_in_days=chance.choice([None, -1, 1]),
                covers=chance.choice(["", "a", "ab", "abc"]),
            )
            for number in range(8)
        ]
        rules = Rules(chance.choice([None, 1, 3]), chance.choice([None, 2 * DAY]), chance.random() < 0.5)
        decision = decide(points, rules, NOW)
        assert {each.name for each in decision.released} | set(decision.kept) == {each.name for each in points}
        assert not {each.name for each in decision.released} & set(decision.kept)
        usable = sorted((each for each in points if not each.unusable), key=lambda each: (each.created_at or NOW, each.name))
        assert not [each for each in decision.released if each.unusable]
        for disk in ("", *"abc"):
            holders = [each for each in usable if not disk or each.covers is None or disk in each.covers]
            if holders and any(not disk or disk in (each.covers or ()) for each in usable):
                assert holders[-1].name in decision.kept
        assert len([each for each in usable if each not in decision.released]) >= min(rules.keep_last or 1, len(usable))


# The rules


@pytest.mark.parametrize("text", ["30", "d", "30 days", "6m", "0d", "-1d", "1.5d", "30D", "1y", "٣٠d"])
def test_age_that_could_be_misread_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="12h, 30d or 2w"):
        parse_rules({"older_than": text})


def test_age_beyond_all_calendars_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="longer than calendars"):
        parse_rules({"older_than": "9999999999999w"})


@pytest.mark.parametrize("rules", [{}, {"keep_last": None, "older_than": None, "expired": False}, {"older_than": ""}])
def test_no_rule_at_all_is_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="at least one rule"):
        parse_rules(rules)


@pytest.mark.parametrize("number", [0, -1])
def test_keep_last_of_none_is_refused(number: int) -> None:
    with pytest.raises(InvalidRequest, match="at least 1"):
        parse_rules({"keep_last": number})
