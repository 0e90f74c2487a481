# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets: when one is whole, what its state is, and which is the newest."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import LONGEST_SKEW_S, BackupSet, Member, latest_complete, newest_first


def member(device: str = "boot", status: str = "succeeded", created_at: str | None = "2026-01-01T00:00:00Z") -> Member:
    return Member(device, "snapshot", f"s-{device}", "1", f"p/{device}", status, created_at, 10, "d")


def backup(moment: str = "20260101-000000", *members: Member, attempt: int = 1, expected: int | None = None) -> BackupSet:
    found = members or (member(),)
    return BackupSet("web", "z", moment, attempt, "snapshot", "crash", len(found) if expected is None else expected, found, {})


def of(*statuses: str, expected: int | None = None) -> BackupSet:
    return backup("20260101-000000", *(member(str(number), status) for number, status in enumerate(statuses)), expected=expected)


def test_set_is_complete_when_all_that_are_expected_succeeded() -> None:
    assert of("succeeded", "succeeded").complete


@pytest.mark.parametrize("status", ["pending", "running", "failed", "deleting"])
def test_set_with_one_member_that_has_not_succeeded_is_not_complete(status: str) -> None:
    assert not of("succeeded", status).complete


@pytest.mark.parametrize("expected", [0, 1, 3])
def test_set_with_another_number_of_members_than_expected_is_not_complete(expected: int) -> None:
    assert not of("succeeded", "succeeded", expected=expected).complete


@pytest.mark.parametrize(
    ("statuses", "expected", "status"),
    [
        (("succeeded", "succeeded"), 2, "succeeded"),
        (("succeeded",), 2, "running"),
        (("succeeded", "running"), 2, "running"),
        (("succeeded", "failed"), 2, "failed"),
        (("deleting", "failed"), 2, "failed"),
        (("succeeded", "deleting"), 2, "deleting"),
    ],
)
def test_status_of_a_set_is_that_of_its_worst_member(statuses: tuple[str, ...], expected: int, status: str) -> None:
    assert of(*statuses, expected=expected).status == status


def test_set_without_members_is_pending() -> None:
    assert BackupSet("web", "z", "m", 1, "snapshot", "crash", 2, (), {}).status == "pending"


def test_set_is_as_old_as_its_oldest_member() -> None:
    one = backup("m", member("a", created_at="2026-01-01T00:00:09Z"), member("b", created_at="2026-01-01T00:00:01Z"), member("c", created_at=None))
    assert one.created_at == "2026-01-01T00:00:01Z"
    assert one.skew_s == 8


def test_skew_is_told_across_time_zones() -> None:
    assert backup("m", member("a", created_at="2026-01-01T00:00:00Z"), member("b", created_at="2026-01-01T01:05:00+01:00")).skew_s == LONGEST_SKEW_S


def test_set_of_unknown_times_has_no_skew() -> None:
    one: Any = backup("m", member(created_at=None))
    assert (one.skew_s, one.created_at) == (0, None)


def test_newest_datetime_comes_first() -> None:
    assert [one.moment for one in newest_first([backup("1"), backup("3"), backup("2")])] == ["3", "2", "1"]


def test_of_several_attempts_the_complete_one_counts() -> None:
    tries = [backup("1", attempt=1), backup("1", member("a", "running"), attempt=2)]
    assert [one.attempt for one in newest_first(tries)] == [1]


def test_of_unfinished_attempts_the_last_one_counts() -> None:
    tries = [backup("1", member("a", "failed"), attempt=1), backup("1", member("a", "running"), attempt=2)]
    assert [one.attempt for one in newest_first(tries)] == [2]


def test_latest_is_the_newest_complete_set() -> None:
    latest = latest_complete([backup("1"), backup("2"), backup("3", member("a", "running"))])
    assert latest is not None
    assert latest.moment == "2"


def test_without_a_complete_set_there_is_no_latest() -> None:
    assert latest_complete([backup("1", member("a", "failed"))]) is None
    assert latest_complete([]) is None


def test_name_of_a_set_is_vm_and_datetime() -> None:
    assert backup("20260101-000000").name == "web-20260101-000000"
