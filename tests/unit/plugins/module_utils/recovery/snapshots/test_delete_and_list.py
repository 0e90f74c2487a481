# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DELETE of one snapshot and of many, what is spared, and what the inspections let through, on any provider."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AmbiguousName,
    AuthenticationFailed,
    Cancelled,
    Conflict,
    InvalidRequest,
    NotFound,
    ProviderFailure,
    WaitTimeout,
)

from tests.unit.plugins.module_utils.recovery.snapshots.cloud import Bench, ago

PART = {"mcr-vm": "web", "mcr-backup": "20260301-020007"}


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def five(bench: Bench) -> Bench:
    """a to e of the disk "data", a the newest, ten days apart, the first one a day old."""
    for name in "cadbe":
        bench.cloud.put(name, created_at=ago(days=1 + 10 * "abcde".index(name)))
    return bench


def label_in(days: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y%m%d-%H%M%S")


# -- One


@pytest.mark.parametrize("by", ["name", "uid", "both"])
def test_one_is_deleted_by_name_or_uid_and_the_message_names_it_with_its_age(bench: Bench, by: str) -> None:
    uid = bench.cloud.put("s", created_at=ago(days=3)).uid
    outcome = bench.delete(**{"name": {"name": "s"}, "uid": {"uid": uid}, "both": {"name": "s", "uid": uid}}[by])
    assert (bench.cloud.words, bench.names, outcome.record) == (["delete s"], [], None)
    assert outcome.message == "Snapshot deleted successfully. By name: s (made 3 days ago)"


def test_check_mode_names_what_would_be_deleted_with_its_age(bench: Bench) -> None:
    bench.cloud.put("s", created_at=ago(hours=5))
    outcome = bench.delete(name="s", check_mode=True)
    assert (outcome.changed, outcome.message, bench.cloud.sent) == (True, "Snapshot would be deleted: s (made 5 hours ago)", [])


def test_name_of_one_of_unknown_age_stands_alone(bench: Bench) -> None:
    bench.cloud.put("s", created_at=None)
    assert bench.delete(name="s", check_mode=True).message == "Snapshot would be deleted: s"


@pytest.mark.parametrize("options", [{"name": "s"}, {"uid": "77"}, {"name": "s", "uid": "77"}, {"name": "s", "source_disk": "data"}])
def test_delete_of_absent_is_unchanged_and_looks_for_no_restore(bench: Bench, options: dict[str, Any]) -> None:
    outcome = bench.delete(**options)
    assert (outcome.changed, bench.cloud.sent) == (False, [])
    assert "is already absent" in outcome.message
    assert "disks of restores" not in bench.cloud.looks


def test_name_and_uid_must_agree(bench: Bench) -> None:
    bench.cloud.put("s")
    other = bench.cloud.put("t").uid
    for name in ("s", "none"):
        with pytest.raises(InvalidRequest, match="do not agree"):
            bench.delete(name=name, uid=other)
    assert bench.cloud.sent == []


@pytest.mark.parametrize(
    ("facts", "options", "why"),
    [
        ({"labels": {"env": "test"}}, {"tags": {"env": "prod"}}, "it does not carry the labels"),
        ({"disk": "22"}, {"source_disk": "data"}, "it is a snapshot of another disk: disks/big (id 22)."),
        ({"disk": "7"}, {"source_disk": "11"}, "another disk"),
        ({"name": "part", "labels": PART}, {}, 'it is a part of the backup "web-20260301-020007" of a VM'),
        ({"name": "part", "labels": PART}, {"include_scheduled": True}, "Delete the backup, with the module backup."),
        ({"scheduled": True}, {}, "Set include_scheduled to delete it all the same."),
    ],
)
def test_one_that_is_not_meant_is_untouched(bench: Bench, facts: dict[str, Any], options: dict[str, Any], why: str) -> None:
    point = bench.cloud.put(**{"name": "s", **facts})
    with pytest.raises(Conflict) as raised:
        bench.delete(name=point.name, **options)
    assert why in raised.value.message
    assert raised.value.message.endswith("It is untouched.")
    assert raised.value.record is not None
    assert bench.cloud.sent == []


def test_scheduled_one_is_deleted_when_that_is_asked_for(bench: Bench) -> None:
    bench.cloud.put("s", scheduled=True)
    assert bench.delete(name="s", include_scheduled=True).changed


def test_deletion_that_is_not_waited_for_names_what_it_deletes(bench: Bench) -> None:
    bench.cloud.put("s")
    assert "its end was not waited for. By name: s (made" in bench.delete(name="s", wait=False).message


def test_labels_that_another_tool_has_copied_make_no_part_of_a_backup(bench: Bench) -> None:
    bench.cloud.put("copied", labels=PART)
    assert bench.delete(name="copied").changed


def test_stale_reads_do_not_keep_a_deletion_from_being_seen(bench: Bench) -> None:
    bench.cloud.put("s")
    bench.cloud.on["delete"] = lambda _name: bench.cloud.lag()
    assert bench.delete(name="s").changed
    assert (bench.names, bench.cloud.stale) == ([], 0)


# -- Those that a restore reads


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("options", [{"name": "s"}, {"source_disk": "data", "all_snapshots": True}])
@pytest.mark.parametrize(("lock", "holder"), [("abc123", "(run abc123)"), ("free", ", which is not complete"), ("", ", which is not complete")])
def test_snapshot_that_a_restore_reads_is_held(bench: Bench, lock: str, holder: str, options: dict[str, Any], check_mode: bool) -> None:
    bench.cloud.put("newest", created_at=ago(hours=1))
    bench.read_by(bench.cloud.put("s"), lock=lock)
    bench.cloud.put("older", created_at=ago(days=9))
    with pytest.raises(Conflict) as raised:
        bench.delete(**options, check_mode=check_mode)
    assert 'is read by the restore "r1" of VM "web"' in raised.value.message
    assert holder in raised.value.message
    assert "Nothing was deleted; " in raised.value.message
    assert bench.cloud.sent == []


@pytest.mark.parametrize("check_mode", [True, False])
def test_rules_leave_out_a_snapshot_that_a_restore_reads_and_say_so(bench: Bench, check_mode: bool) -> None:
    bench.cloud.put("newest", created_at=ago(hours=1))
    bench.read_by(bench.cloud.put("s"), lock="abc123")
    bench.cloud.put("older", created_at=ago(days=9))
    ran = bench.prune(retention={"keep_last": 1}, check_mode=check_mode)
    assert 's: it is read by the restore "r1" of VM "web" (run abc123)' in ran.message
    assert bench.names == (["newest", "older", "s"] if check_mode else ["newest", "s"])


def test_snapshot_of_a_restore_of_a_vm_that_is_gone_is_held(bench: Bench) -> None:
    bench.read_by(bench.cloud.put("s"))
    bench.cloud.machines.clear()
    with pytest.raises(Conflict, match="which is not complete"):
        bench.delete(name="s")


def test_snapshot_of_a_complete_restore_is_free(bench: Bench) -> None:
    bench.read_by(bench.cloud.put("s"), complete=True)
    assert bench.delete(name="s").changed


def test_restore_of_another_snapshot_holds_nothing_else(bench: Bench) -> None:
    bench.read_by(bench.cloud.put("other"))
    bench.cloud.put("s")
    assert bench.delete(name="s").changed


# -- Many


def test_rules_delete_what_they_release_oldest_first_and_the_message_names_it(five: Bench) -> None:
    outcome = five.prune(retention={"keep_last": 3})
    assert five.cloud.words == ["delete e", "delete d"]
    assert [record.name for record in outcome.records or []] == ["e", "d"]
    begin = "2 snapshots deleted successfully. By name: e (made 41 days ago), d (made 31 days ago). 3 kept (c: it is among the newest 3; "
    assert outcome.message.startswith(begin)
    assert "a: it is the newest complete one" in outcome.message


def test_all_are_begun_before_any_is_waited_for(five: Bench) -> None:
    five.prune(all_snapshots=True)
    assert five.cloud.words == [f"delete {name}" for name in "edcba"]
    begun = [look for look in five.cloud.looks if look.startswith(("wait", "get"))]
    assert begun == [word for name in "edcba" for word in (f"wait delete {name}", f"get {name}")]
    assert five.names == []


def test_second_run_has_nothing_to_delete(five: Bench) -> None:
    five.prune(retention={"older_than": "25d"})
    outcome = five.prune(retention={"older_than": "25d"})
    assert (outcome.changed, outcome.records, len(five.cloud.sent)) == (False, [], 2)
    assert outcome.message.startswith('The name "data" has no snapshot to delete. 3 kept')


def test_check_mode_lists_what_would_be_deleted(five: Bench) -> None:
    outcome = five.prune(retention={"keep_last": 4}, check_mode=True)
    assert (outcome.changed, five.cloud.sent) == (True, [])
    assert [record.name for record in outcome.records or []] == ["e"]
    assert outcome.message.startswith("1 snapshot would be deleted. By name: e (made 41 days ago). 4 kept")


def test_expired_ones_are_those_whose_mark_says_so(bench: Bench) -> None:
    bench.cloud.put("new", created_at=ago(days=1), labels={"mcr-expires": label_in(-0.5)})
    for name, mark in (("past", label_in(-1)), ("later", label_in(1)), ("never", ""), ("odd", "soon")):
        bench.cloud.put(name, created_at=ago(days=5), labels={"mcr-expires": mark} if mark else {})
    assert [record.name for record in bench.prune(retention={"expired": True}).records or []] == ["past"]


def test_age_is_when_it_was_made_whatever_its_labels_and_its_name_say(five: Bench) -> None:
    five.cloud.change("e", marks={"backup": "20990101-000000"})
    five.cloud.put("data-19990101-000000", created_at=ago(hours=1))
    assert [record.name for record in five.prune(retention={"older_than": "35d"}).records or []] == ["e"]


def test_parts_of_backups_and_what_a_schedule_made_neither_go_nor_count(five: Bench) -> None:
    five.cloud.put("part", created_at=ago(hours=2), labels=PART)
    five.cloud.put("auto", created_at=ago(hours=3), scheduled=True)
    outcome = five.prune(retention={"keep_last": 1})
    assert [record.name for record in outcome.records or []] == list("edcb")
    assert "1 left to the backups of VMs that they are parts of, 1 left to the schedule that made them" in outcome.message
    five.prune(all_snapshots=True)
    assert five.names == ["auto", "part"]
    five.prune(all_snapshots=True, include_scheduled=True)
    assert five.names == ["part"]


def test_snapshot_with_copied_labels_counts_and_goes_as_any_other(five: Bench) -> None:
    five.cloud.put("copied", created_at=ago(days=99), labels=PART)
    assert [record.name for record in five.prune(retention={"keep_last": 5}).records or []] == ["copied"]


def test_only_usable_ones_count_and_go(five: Bench) -> None:
    for name, facts in {"bad1": {"status": "FAILED"}, "bad2": {"status": "MAKING"}, "bad3": {"unusable": "its key is gone"}}.items():
        five.cloud.put(name, created_at=ago(hours=2), **facts)
    outcome = five.prune(retention={"keep_last": 2})
    assert five.names == ["a", "b", "bad1", "bad2", "bad3"]
    assert "bad1: it is not usable (it is FAILED): rules count and delete usable ones only" in outcome.message
    assert "bad3: it is not usable (its key is gone)" in outcome.message


def test_nothing_is_deleted_for_the_sake_of_what_only_a_list_still_shows(five: Bench) -> None:
    five.cloud.list_shows = [five.cloud.put("ghost", created_at=ago(hours=1))]
    del five.cloud.points["ghost"]
    outcome = five.prune(retention={"keep_last": 1})
    assert five.names == ["a"]
    assert "ghost" not in outcome.message
    five.cloud.list_shows = [*five.cloud.list_shows, five.cloud.points.pop("a")]
    five.cloud.put("b", created_at=ago(days=11))
    five.cloud.put("c", created_at=ago(days=21))
    five.prune(retention={"keep_last": 2})
    assert five.names == ["b", "c"]


def test_tags_narrow_what_is_chosen_from(bench: Bench) -> None:
    for name, kind, age in (("h1", "hourly", 1), ("d1", "daily", 2), ("h2", "hourly", 3), ("d2", "daily", 4)):
        bench.cloud.put(name, created_at=ago(days=age), labels={"kind": kind})
    assert [record.name for record in bench.prune(tags={"kind": "daily"}, retention={"keep_last": 1}).records or []] == ["d2"]


def test_other_disks_are_left_alone_and_earlier_ones_of_the_name_with_a_warning(five: Bench) -> None:
    five.cloud.put("big", disk="22")
    five.cloud.put("earlier", disk="7", created_at=ago(days=900))
    five.prune(retention={"older_than": "2d"})
    assert five.names == ["a", "big", "earlier"]
    assert "1 snapshots are of earlier disks" in five.warnings
    assert "give as source_disk the id: 7" in five.warnings
    five.delete(source_disk="7", all_snapshots=True)
    assert five.names == ["a", "big"]


def test_disk_that_is_gone_is_known_by_its_snapshots(five: Bench) -> None:
    five.cloud.disks.clear()
    assert len(five.prune(retention={"keep_last": 1}).records or []) == 4
    five.cloud.put("x", disk="7")
    with pytest.raises(AmbiguousName, match="give the id of one, 11, 7"):
        five.prune(all_snapshots=True)
    assert five.names == ["a", "x"]


def test_nothing_of_a_disk_that_never_was(bench: Bench) -> None:
    outcome = bench.delete(source_disk="none", all_snapshots=True)
    assert (outcome.changed, outcome.records, outcome.message) == (False, [], 'The name "none" has no snapshot to delete')


def test_partial_failure_says_what_is_gone_and_what_remains(five: Bench) -> None:
    def refuse(name: str) -> None:
        if name == "d":
            raise AuthenticationFailed("not permitted.", http_status=403)

    five.cloud.on["delete"] = refuse
    five.cloud.ends["b"] = ProviderFailure("internal error")
    outcome = five.prune(all_snapshots=True)
    assert five.names == ["b", "d"]
    assert [record.name for record in outcome.records or []] == ["e", "c", "a"]
    assert outcome.changed
    assert {name: error.kind for name, error in outcome.errors.items()} == {"d": "AuthenticationFailed", "b": "ProviderFailure"}
    assert outcome.message == "3 of 5 snapshots were deleted; these remain: b, d. The first failure: not permitted."


def test_deadline_of_one_ends_no_other(five: Bench) -> None:
    five.cloud.ends["d"] = WaitTimeout("still RUNNING.")
    outcome = five.prune(all_snapshots=True)
    assert five.names == ["d"]
    assert "goes on: run the task again to keep waiting" in outcome.errors["d"].message


def test_those_that_are_being_deleted_are_waited_for(bench: Bench) -> None:
    bench.cloud.put("s", status="LEAVING")
    look, looks = bench.cloud.get, iter(range(100))

    def leaving(word: str) -> Any:
        if next(looks) == 2:
            bench.cloud.remove("s")
        return look(word)

    bench.cloud.get = leaving  # type: ignore[method-assign]
    outcome = bench.prune(all_snapshots=True)
    assert (outcome.changed, bench.cloud.sent) == (False, [])
    assert [record.name for record in outcome.records or []] == ["s"]


def test_cancellation_ends_it_and_nothing_more_is_sent(five: Bench) -> None:
    def cancel(name: str) -> None:
        if name == "d":
            raise Cancelled("the task was cancelled.")

    five.cloud.on["delete"] = cancel
    with pytest.raises(Cancelled):
        five.prune(all_snapshots=True)
    assert five.cloud.words == ["delete e", "delete d"]
    assert five.report.statuses["delete e"] == "left"


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"source_disk": "data"}, "retention or all_snapshots"),
        ({"source_disk": "data", "all_snapshots": True, "retention": {"keep_last": 1}}, "either"),
        ({"source_disk": "data", "retention": {}}, "retention"),
        ({"source_disk": "data", "retention": {"keep_last": 0}}, "keep_last"),
        ({"source_disk": "data", "retention": {"older_than": "6m"}}, "older_than"),
        ({"name": "s", "retention": {"keep_last": 1}}, "retention chooses"),
        ({"name": "s", "source_disk": "data", "all_snapshots": True}, "all_snapshots chooses"),
        ({"uid": "5", "all_snapshots": True}, "all_snapshots chooses"),
    ],
)
def test_selectors_that_make_no_sense_stop_a_deletion(bench: Bench, options: dict[str, Any], word: str) -> None:
    bench.cloud.put("s")
    with pytest.raises(InvalidRequest, match=word):
        bench.delete(**options)
    assert (bench.cloud.sent, bench.cloud.looks) == ([], [])


# -- Looking


def test_inspect_one_by_name_and_uid(bench: Bench) -> None:
    uid = bench.cloud.put("s").uid
    for options in ({"name": "s"}, {"uid": uid}, {"name": "s", "uid": uid}):
        outcome = bench.run("INSPECT_ONE", **options)
        assert outcome.record is not None
        assert (outcome.record.name, outcome.record.uid, outcome.changed) == ("s", uid, False)
    for absent in ({"name": "none"}, {"uid": "5"}):
        with pytest.raises(NotFound):
            bench.run("INSPECT_ONE", **absent)
    with pytest.raises(InvalidRequest, match="name, uid"):
        bench.run("INSPECT_ONE", source_disk="data")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["web-1", "web-2", "db-1", "old"]),
        ({"name_filter": "web"}, ["web-1", "web-2"]),
        ({"status": ["failed"]}, ["web-2"]),
        ({"status": ["FAILED", "succeeded"]}, ["web-1", "web-2", "old"]),
        ({"status": ["MAKING"]}, ["db-1"]),
        ({"status": ["partial"]}, []),
        ({"tags": {"env": "prod", "tier": "a"}}, ["web-1"]),
        ({"source_disk": "data"}, ["web-1", "web-2", "old"]),
        ({"source_disk": "11"}, ["web-1", "web-2"]),
        ({"max_objects": 2}, ["web-1", "web-2"]),
        ({"max_objects": 0}, ["web-1", "web-2", "db-1", "old"]),
        ({"max_objects": 1, "status": ["running"]}, ["db-1"]),
    ],
)
def test_filters_of_a_list(bench: Bench, options: dict[str, Any], names: list[str]) -> None:
    bench.cloud.put("web-1", labels={"env": "prod", "tier": "a"})
    bench.cloud.put("web-2", labels={"env": "prod"}, status="FAILED")
    bench.cloud.put("db-1", disk="22", status="MAKING")
    bench.cloud.put("old", disk="7")
    assert [record.name for record in bench.run("INSPECT_ALL", **options).records or []] == names
    assert bench.cloud.looks == ["list"]


def test_empty_list_of_a_disk_is_given_only_for_a_place_that_exists(bench: Bench) -> None:
    assert bench.run("INSPECT_ALL", source_disk="data").records == []
    assert bench.cloud.looks == ["list", "place"]


@pytest.mark.parametrize("word", ["suceeded", "Ready", "RUNNING_", ""])
def test_status_that_no_snapshot_can_have_is_refused_with_the_list(bench: Bench, word: str) -> None:
    with pytest.raises(InvalidRequest, match="MAKING"):
        bench.run("INSPECT_ALL", status=[word])
    assert bench.cloud.looks == []
