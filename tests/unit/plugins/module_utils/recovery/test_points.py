# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets: what makes one up, when one is whole and can be restored from, what its state is, and which is the newest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import (
    LONGEST_SKEW_S,
    WHOLE,
    BackupSet,
    RecoveryPoint,
    complete_of,
    latest_usable,
    newest_first,
    tie,
)


def member(device: str = "boot", status: str = "succeeded", created_at: str | None = "2026-01-01T00:00:00Z", **facts: Any) -> RecoveryPoint:
    return RecoveryPoint(f"p/{device}", f"s-{device}", created_at=created_at, device=device, status=status, **facts)


def backup(moment: str = "20260101-000000", *members: RecoveryPoint, attempt: int = 1, expected: int | None = None) -> BackupSet:
    found = members or (member(),)
    return BackupSet("web", "z", moment, attempt, "snapshot", "crash", len(found) if expected is None else expected, found, {})


def of(*statuses: str, expected: int | None = None) -> BackupSet:
    return backup("20260101-000000", *(member(str(number), status) for number, status in enumerate(statuses)), expected=expected)


# When it is whole


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


# Which is the newest


def aged(moment: str, day: int, **facts: Any) -> BackupSet:
    return backup(moment, member(created_at=f"2026-01-{day:02}T00:00:00Z", **facts))


def test_what_was_made_last_comes_first_whatever_its_name_says() -> None:
    """The datetime is only a name: it may lie in the past or in the future."""
    assert [one.moment for one in newest_first([aged("20990101-000000", 1), aged("20260103-000000", 3), aged("20200101-000000", 2)])] == [
        "20260103-000000",
        "20200101-000000",
        "20990101-000000",
    ]


def test_of_sets_made_at_once_the_later_datetime_comes_first() -> None:
    assert [one.moment for one in newest_first([backup("1"), backup("3"), backup("2")])] == ["3", "2", "1"]


def test_of_several_attempts_a_usable_one_counts() -> None:
    tries = [backup("1", attempt=1), backup("1", member(unusable="it is obsolete"), attempt=2), backup("1", member("a", "running"), attempt=3)]
    assert [one.attempt for one in newest_first(tries)] == [1]


def test_of_several_attempts_the_complete_one_counts() -> None:
    tries = [backup("1", attempt=1), backup("1", member("a", "running"), attempt=2)]
    assert [one.attempt for one in newest_first(tries)] == [1]


def test_of_unfinished_attempts_the_last_one_counts() -> None:
    tries = [backup("1", member("a", "failed"), attempt=1), backup("1", member("a", "running"), attempt=2)]
    assert [one.attempt for one in newest_first(tries)] == [2]


def test_latest_is_the_newest_usable_set() -> None:
    obsolete = backup("3", member(unusable="it is obsolete"))
    latest = latest_usable([backup("1"), backup("2"), obsolete, backup("4", member("a", "running"))])
    assert latest is not None
    assert latest.moment == "2"


@pytest.mark.parametrize("one", [backup("1", member("a", "failed")), backup("1", member(unusable="it is obsolete"))])
def test_without_a_usable_set_there_is_no_latest(one: BackupSet) -> None:
    assert latest_usable([one]) is None
    assert latest_usable([]) is None


def test_of_the_attempts_at_one_datetime_the_whole_one_is_found() -> None:
    tries = [backup("1", member("a", "failed"), attempt=1), backup("1", attempt=2), backup("1", member("a", "running"), attempt=3)]
    found = complete_of(tries)
    assert found
    assert found.attempt == 2
    assert complete_of(tries[:1]) is None


# Whether it can be restored from


def test_usable_is_what_is_whole_and_can_be_made_from() -> None:
    one = of("succeeded", "succeeded")
    assert (one.usable, one.unusable) == (True, "")


def test_set_that_is_not_whole_says_what_it_lacks() -> None:
    assert of("succeeded", expected=2).unusable == "1 of 2 disks are there"
    assert backup("1", member("boot"), member("data", "failed", provider_status="FAILED")).unusable == "2 of 2 disks are there, data: FAILED"


def test_whole_set_of_which_one_part_is_obsolete_is_not_usable() -> None:
    one = backup("1", member("boot"), member("data", kind="image", unusable="it is OBSOLETE"))
    assert (one.complete, one.usable, one.status) == (True, False, "succeeded")
    assert one.unusable == "image s-data: it is OBSOLETE"


def test_set_of_which_a_part_is_about_to_be_deleted_is_not_complete() -> None:
    """Its own run deletes it: nobody may count on it any more."""
    doomed = member("data", marks={marks.RUN: marks.CONDEMNED})
    one = backup("1", member("boot"), doomed)
    assert doomed.condemned
    assert not one.complete
    assert not one.usable
    assert not member(marks={marks.RUN: "abc"}).condemned


def test_set_whose_parts_do_not_agree_on_their_number_says_so() -> None:
    assert of("succeeded", expected=0).unusable == "1 of an unknown number of disks are there"


# What it holds


def test_set_holds_the_devices_of_its_parts() -> None:
    assert backup("1", member("boot"), member("data")).devices == {"boot", "data"}


def test_set_of_the_whole_vm_holds_every_device() -> None:
    assert backup("1", member(WHOLE, kind="machine_image")).devices is None


def test_machine_image_that_notes_its_devices_holds_those() -> None:
    assert backup("1", member(WHOLE, kind="machine_image", note={"devices": ["boot", "data"]})).devices == {"boot", "data"}


def test_what_was_asked_for_is_read_from_any_part_that_notes_it() -> None:
    assert backup("1", member("boot"), member("data", note={"asked": {"consistency": "crash"}})).asked == {"consistency": "crash"}
    assert backup("1").asked == {}
    assert backup("1", member(note={"asked": "broken"})).asked == {}


# What makes one up


def tied(device: str, tags: Mapping[str, str] | None = None, **marked: str) -> RecoveryPoint:
    noted = {"vm": "web", "zone": "z", "backup": "1", "attempt": "1", "disks": "2", "consistency": "crash", "manifest": "m", "run": device, **marked}
    return replace(member(device), ref=f"p/{device}-{marked}", marks=noted, tags=tags or {})


def test_points_with_the_same_marks_are_one_backup() -> None:
    (one,) = tie([tied("boot", {"a": "1", "b": "1"}), tied("data", {"a": "1", "b": "2"})])
    assert (one.vm, one.place, one.moment, one.attempt, one.consistency, one.manifest, one.expected) == ("web", "z", "1", 1, "crash", "m", 2)
    assert [part.device for part in one.members] == ["boot", "data"]
    assert one.tags == {"a": "1"}
    assert one.complete


@pytest.mark.parametrize("other", [{"vm": "web-2"}, {"zone": "y"}, {"backup": "2"}, {"attempt": "2"}])
def test_points_of_another_vm_place_datetime_or_attempt_are_another_backup(other: dict[str, str]) -> None:
    sets = tie([tied("boot"), tied("data", **other)])
    assert [len(one.members) for one in sets] == [1, 1]
    assert not any(one.complete for one in sets)


def test_parts_that_do_not_agree_on_their_number_make_no_whole() -> None:
    """The first was made when a disk was left out, the second without."""
    (one,) = tie([tied("boot", disks="1"), tied("data", disks="2")])
    assert one.expected == 0
    assert not one.complete


@pytest.mark.parametrize("number", ["", "many", "-1"])
def test_marks_that_are_no_numbers_make_no_whole(number: str) -> None:
    (one,) = tie([tied("boot", disks=number, attempt=number)])
    assert (one.expected, one.attempt, one.complete) == (0, 1, False)


def test_parts_are_in_the_order_in_which_the_vm_has_them() -> None:
    points = [replace(tied(device), note={"index": index}) for device, index in (("a", 2), ("b", 0), ("c", 1))]
    assert [part.device for part in tie(points)[0].members] == ["b", "c", "a"]


def test_nothing_is_tied_to_nothing() -> None:
    assert tie([]) == []


# Its name


def test_name_of_a_set_is_vm_and_datetime() -> None:
    assert backup("20260101-000000").name == "web-20260101-000000"
