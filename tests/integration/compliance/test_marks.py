# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks and tags: what is written is read back, what others write stays, and no value is too odd, too long or too much by the provider's own rules."""

from __future__ import annotations

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import InvalidRequest, RecoveryError
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks

from .bench import Case

CARRIERS = ("machine", "disk", "point")
TEXTS = ("plain-1", "Odd_device.7", "Web", "web", "a b", "a/b:c", "-begins-odd", "x\ny", "Ж", "größe", "名前", "a" * 300, "a" * 301, "A" * 64, "9", "_")


@pytest.mark.parametrize("carrier", CARRIERS)
def test_marks_are_read_back_and_removed_by_none(case: Case, carrier: str) -> None:
    read = case.thing(carrier)
    before = read()
    case.do(case.provider.marks.write(before, {marks.REPLACED_BY: "r1", marks.KEPT: marks.YES}))
    assert read().marks == {**before.marks, marks.REPLACED_BY: "r1", marks.KEPT: marks.YES}
    case.do(case.provider.marks.write(read(), {marks.REPLACED_BY: "r2", marks.KEPT: None, marks.WAS: None}))
    assert read().marks == {**before.marks, marks.REPLACED_BY: "r2"}
    assert read().tags == before.tags
    assert (read().ref, read().name, read().uid) == (before.ref, before.name, before.uid)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_tags_of_others_stay_and_marks_stay_when_tags_are_written(case: Case, carrier: str) -> None:
    read = case.thing(carrier)
    case.bench.label(read(), {"owner": "ops"})
    assert read().tags["owner"] == "ops"
    case.mark(read(), kept=marks.YES)
    before = read()
    case.do(case.provider.marks.write_tags(before, {"env": "prod"}))
    assert read().tags == {**before.tags, "owner": "ops", "env": "prod"}
    assert read().marks == before.marks


def test_mark_without_a_value_is_no_mark(case: Case) -> None:
    read = case.thing("disk")
    case.mark(read(), kept=marks.YES)
    case.mark(read(), kept="")
    assert marks.KEPT not in read().marks


@pytest.mark.parametrize("carrier", CARRIERS)
def test_write_of_what_others_have_changed_is_stale_exactly_with_compare_and_swap(case: Case, carrier: str) -> None:
    read = case.thing(carrier)
    seen = read()
    case.bench.label(seen, {"owner": "ops"})
    change = case.provider.marks.write(seen, {marks.KEPT: marks.YES})
    if case.provider.marks.RULES.compare_and_swap:
        assert case.provider.marks.is_stale(case.refusal(change))
        assert marks.KEPT not in read().marks
    else:
        case.do(change)
        assert read().marks[marks.KEPT] == marks.YES
    assert read().tags["owner"] == "ops"


def test_version_changes_with_each_write_where_it_is_compared(case: Case) -> None:
    read = case.thing("machine")
    versions = [read().version]
    for value in ("one", "two", "three"):
        case.mark(read(), restore=value)
        versions.append(read().version)
    assert len(set(versions)) == len(versions) or not case.provider.marks.RULES.compare_and_swap


def test_other_refusals_are_not_stale(case: Case) -> None:
    disk = case.made_disk()
    case.do(case.provider.disks.delete(disk))
    assert not case.provider.marks.is_stale(case.refusal(case.provider.marks.write(disk, {marks.KEPT: marks.YES})))
    case.bench.deny()
    assert not case.provider.marks.is_stale(case.refusal(case.provider.marks.write(case.vm, {marks.KEPT: marks.YES})))


@pytest.mark.parametrize("carrier", CARRIERS)
def test_values_as_long_and_as_many_as_the_rules_say_are_taken(case: Case, carrier: str) -> None:
    rules, read = case.provider.marks.RULES, case.thing(carrier)
    before = read()
    room = rules.most - len(before.marks) - len(before.tags)
    assert rules.most >= marks.MOST
    wanted: dict[str, str | None] = {f"m{number}": "v" * rules.longest_value for number in range(room)}
    case.do(case.provider.marks.write(before, wanted))
    assert read().marks == {**before.marks, **wanted}
    assert read().tags == before.tags


def test_all_marks_that_one_thing_carries_have_room_beside_as_many_tags_as_are_taken(case: Case) -> None:
    provider, read = case.provider.marks, case.thing("disk")
    numbers = range(provider.RULES.most + 1)
    taken = [number for number in numbers if is_taken(case, {f"k{one}": "v" for one in range(number)})]
    assert taken == [*range(len(taken))]
    assert len(taken) < len(numbers)
    case.do(provider.write_tags(read(), {key: "v" for key in [*read().tags, *(f"k{one}" for one in range(taken[-1]))][: taken[-1]]}))
    own = {f"m{number}": "v" for number in range(marks.MOST)}
    case.do(provider.write(read(), own))
    assert read().marks == own


def is_taken(case: Case, tags: dict[str, str]) -> bool:
    try:
        case.provider.marks.check_tags(tags)
    except InvalidRequest:
        return False
    return True


def test_every_text_has_a_value_that_is_taken_and_no_two_texts_have_the_same(case: Case) -> None:
    provider, read = case.provider.marks, case.thing("disk")
    values = {text: provider.value(text) for text in TEXTS}
    assert all(0 < len(value) <= provider.RULES.longest_value for value in values.values())
    assert len(set(values.values())) == len(TEXTS)
    assert [provider.value(value) for value in values.values()] == [*values.values()]
    wanted = {f"m{number}": value for number, value in enumerate(values.values())}
    room = provider.RULES.most - len(read().tags)
    for begin in range(0, len(wanted), room):
        part = dict([*wanted.items()][begin : begin + room])
        case.do(provider.write(read(), part))
        assert read().marks == part
        case.do(provider.write(read(), dict.fromkeys(part)))


def test_tags_are_kept_as_they_were_checked_and_ours_are_refused(case: Case) -> None:
    provider, read = case.provider.marks, case.thing("machine")
    checked = provider.check_tags({"env": "prod", "level": 3})
    assert provider.check_tags(checked) == checked
    assert provider.check_tags(None) == {}
    case.do(provider.write_tags(read(), checked))
    assert {key: read().tags.get(key) for key in checked} == checked
    with pytest.raises(InvalidRequest, match=marks.PREFIX):
        provider.check_tags({f"{marks.PREFIX}{marks.LOCK}": "x"})


def test_mark_of_what_is_gone_is_refused(case: Case) -> None:
    disk = case.made_disk()
    case.do(case.provider.disks.delete(disk))
    assert isinstance(case.refusal(case.provider.marks.write(disk, {marks.KEPT: marks.YES})), RecoveryError)
    assert case.provider.disks.get(disk.ref) is None
