# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CREATE of snapshots on any provider: their names, which disk they are of, when they expire, and when a young one is enough."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AuthenticationFailed,
    Conflict,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.findings import Finding, warning

from tests.unit.plugins.module_utils.recovery.snapshots.cloud import Bench, ago


@pytest.fixture
def bench() -> Bench:
    return Bench()


def noted(bench: Bench, name: str = "s") -> datetime:
    """When the snapshot expires."""
    return datetime.strptime(bench.cloud.points[name].marks["expires"], "%Y%m%d-%H%M%S").replace(tzinfo=timezone.utc)


# -- A new one


def test_create_sends_one_request_and_waits_for_its_end(bench: Bench) -> None:
    outcome = bench.create(tags={"env": "prod"})
    assert bench.cloud.words == ["make s"]
    assert "wait make s" in bench.cloud.looks
    assert outcome.changed
    assert outcome.record is not None
    assert (outcome.record.provider, outcome.record.status, outcome.record.uid, outcome.record.tags) == ("memory", "succeeded", "1001", {"env": "prod"})
    assert outcome.message == "Snapshot created successfully"
    assert not bench.create(tags={"env": "prod"}).changed


def test_record_has_what_all_providers_know_and_what_this_one_adds(bench: Bench) -> None:
    made = bench.create(retention_days=1, description="x").record
    assert made is not None
    assert list(made.details) == ["provider_status", "source_disk", "source_disk_id", "size_gb", "scheduled", "expires_at", "backup", "description"]
    assert (made.details["expires_at"] or "").endswith("Z")
    assert made.tags == {}


def test_default_name_is_the_disks_and_the_datetime(bench: Bench) -> None:
    bench.create(name=None)
    assert re.fullmatch(r"data-\d{8}-\d{6}", bench.names[0])


def test_long_disk_name_is_shortened_and_the_datetime_kept_whole(bench: Bench) -> None:
    bench.cloud.disks["data"] = bench.cloud.disks["data"].__class__("disks/data", "d" * 30, "11")
    bench.create(name=None, source_disk="11")
    assert re.fullmatch(r"d{3}-[0-9a-f]{10}-\d{8}-\d{6}", bench.names[0])


@pytest.mark.parametrize("options", [{}, {"name": None}, {"retention_days": 3, "wait": False}, {"tags": {"a": "b"}, "description": "x"}])
def test_check_mode_sends_nothing_and_predicts_the_keys_of_the_result(bench: Bench, options: dict[str, Any]) -> None:
    predicted = bench.create(check_mode=True, **options)
    assert (predicted.changed, bench.cloud.sent) == (True, [])
    real = bench.create(**options)
    assert predicted.record is not None
    assert real.record is not None
    shown, made = predicted.record.as_result(), real.record.as_result()
    assert list(shown) == list(made)
    for key in ("status", "tags", "source_disk", "source_disk_id", "description"):
        assert shown[key] == made[key], key


def test_all_that_stands_in_the_way_is_told_together(bench: Bench) -> None:
    bench.cloud.findings = [Finding("no quota.", kind=ProviderFailure), warning("Could not ask."), Finding("no permission.", kind=AuthenticationFailed)]
    for check_mode in (True, False):
        with pytest.raises(ProviderFailure, match=r"2 things stand in the way\. \(1\) no quota\. \(2\) no permission\. Nothing was changed\."):
            bench.create(check_mode=check_mode)
        assert "Could not ask." in bench.warnings
    assert bench.cloud.sent == []


def test_disk_that_is_absent_is_named(bench: Bench) -> None:
    with pytest.raises(NotFound, match='there is no disk with the name "none"'):
        bench.create(source_disk="none")


def test_name_that_another_run_takes_meanwhile_is_ours_when_it_is_equal(bench: Bench) -> None:
    bench.cloud.on["make"] = lambda name: bench.cloud.put(name) and None
    made = bench.create()
    assert (made.changed, made.message) == (False, "Snapshot was created by another run already")
    bench.cloud.points.clear()
    bench.cloud.on["make"] = lambda name: bench.cloud.put(name, disk="7") and None
    with pytest.raises(Conflict, match="earlier disk"):
        bench.create()


@pytest.mark.parametrize("hidden", [0, 3])
def test_lost_answer_is_looked_into_and_what_was_made_is_ours(bench: Bench, hidden: int) -> None:
    def lose(name: str) -> None:
        bench.cloud.put(name)
        bench.cloud.hidden = hidden
        raise OutcomeUnknown("no answer.")

    bench.cloud.on["make"] = lose
    assert bench.create().changed
    assert bench.cloud.words == ["make s"]


def test_failed_one_says_what_to_do(bench: Bench) -> None:
    bench.cloud.put("s", status="FAILED")
    with pytest.raises(ProviderFailure) as raised:
        bench.create()
    assert raised.value.message == "The cloud could not make it: its status is FAILED. Delete it, then run the task again."
    assert raised.value.record is not None


# -- Reads that lag


@pytest.mark.parametrize("hidden", [3, 8])
def test_snapshot_that_shows_up_late_is_waited_for(bench: Bench, hidden: int) -> None:
    bench.cloud.on["make"] = lambda _name: setattr(bench.cloud, "hidden", hidden)
    outcome = bench.create()
    assert outcome.record is not None
    assert outcome.record.uid


def test_three_stale_reads_of_a_former_one_are_not_taken_for_the_new_one(bench: Bench) -> None:
    former = bench.cloud.put("s", status="LEAVING")
    look, looks = bench.cloud.get, iter(range(100))

    def leaving(word: str) -> Any:
        if next(looks) == 2:
            bench.cloud.remove("s")
        return look(word)

    def lag(_name: str) -> None:
        bench.cloud.past, bench.cloud.stale = {"s": former}, 3

    bench.cloud.get = leaving  # type: ignore[method-assign]
    bench.cloud.on["make"] = lag
    outcome = bench.create()
    assert outcome.record is not None
    assert outcome.record.uid != former.uid
    assert (outcome.record.status, bench.cloud.stale) == ("succeeded", 0)


def test_three_stale_reads_after_a_change_of_labels_do_not_end_with_the_old_ones(bench: Bench) -> None:
    bench.cloud.put("s", labels={"env": "test"})
    bench.cloud.on["label"] = lambda _name: bench.cloud.lag()
    outcome = bench.create(tags={"env": "prod"})
    assert outcome.record is not None
    assert outcome.record.tags == {"env": "prod"}
    assert (bench.cloud.words, bench.cloud.stale) == (["label s"], 0)


# -- One that exists


def test_snapshot_of_another_disk_is_a_conflict_that_names_it(bench: Bench) -> None:
    bench.cloud.put("s", disk="22")
    with pytest.raises(Conflict, match=r"it is a snapshot of another disk: disks/big \(id 22\)\. Choose another name\."):
        bench.create()
    with pytest.raises(Conflict, match="another disk"):
        bench.create(source_disk="11")


def test_snapshot_of_an_earlier_disk_of_the_name_is_a_conflict_that_names_both(bench: Bench) -> None:
    bench.cloud.put("s", disk="7")
    with pytest.raises(Conflict, match=r"earlier disk of the name \"data\" \(id 7\).*\(id 11\)"):
        bench.create()
    assert not bench.create(source_disk="7").changed


def test_snapshot_of_a_disk_that_is_gone_is_as_asked_for(bench: Bench) -> None:
    bench.cloud.put("s")
    bench.cloud.disks.clear()
    assert not bench.create().changed


def test_what_the_provider_cannot_change_is_a_conflict(bench: Bench) -> None:
    bench.cloud.put("s", note={"description": "old"})
    with pytest.raises(Conflict, match=r"description \(asked for: 'new', there is: 'old'\)"):
        bench.create(description="new", tags={"a": "1"})
    assert bench.cloud.sent == []


def test_tags_and_expiry_are_one_request_and_others_are_kept(bench: Bench) -> None:
    bench.cloud.put("s", created_at="2026-03-01T02:00:07Z", labels={"theirs": "1", "env": "test"})
    outcome = bench.create(tags={"env": "prod"}, retention_days=1)
    assert bench.cloud.sent == [("label", "s", {"theirs": "1", "env": "prod", "mcr-expires": "20260302-020007"})]
    assert outcome.message == "Snapshot updated successfully"
    assert outcome.record is not None
    assert outcome.record.tags == {"theirs": "1", "env": "prod"}
    assert outcome.record.details["expires_at"] == "2026-03-02T02:00:07Z"
    assert not bench.create(tags={"env": "prod"}, retention_days=1).changed


def test_labels_that_somebody_else_changes_meanwhile_are_kept(bench: Bench) -> None:
    bench.cloud.put("s", labels={"env": "test"})

    def meddle(_name: str) -> None:
        bench.cloud.on.clear()
        bench.cloud.change("s", tags={"env": "test", "theirs": "1"}, version="v2")

    for options in ({"tags": {"env": "prod"}}, {"tags": {"env": "next"}, "retention_days": 5}):
        bench.cloud.on["label"] = meddle
        bench.create(**options)
        assert bench.cloud.points["s"].tags == {"theirs": "1", **options["tags"]}  # type: ignore[dict-item]
    assert "expires" in bench.cloud.points["s"].marks


def test_tags_are_set_although_another_run_has_set_the_expiry_meanwhile(bench: Bench) -> None:
    bench.cloud.put("s", created_at="2026-03-01T02:00:07Z")

    def meddle(_name: str) -> None:
        bench.cloud.on.clear()
        bench.cloud.change("s", marks={"expires": "20260302-020007"}, version="v2")

    bench.cloud.on["label"] = meddle
    bench.create(tags={"env": "prod"}, retention_days=1)
    assert bench.cloud.points["s"].tags == {"env": "prod"}


def test_labels_of_an_unfinished_one_are_set_when_it_is_ready(bench: Bench) -> None:
    bench.cloud.put("s", status="MAKING")
    bench.cloud.on["label"] = lambda _name: bench.cloud.points["s"].status == "succeeded" or pytest.fail("too early")
    look, looks = bench.cloud.get, iter(range(100))

    def finishing(word: str) -> Any:
        if next(looks) == 3:
            bench.cloud.change("s", status="READY")
        return look(word)

    bench.cloud.get = finishing  # type: ignore[method-assign]
    assert bench.create(tags={"a": "1"}).changed


# -- Expiry


def test_expiry_counts_from_the_snapshot(bench: Bench) -> None:
    bench.create(retention_days=30)
    assert abs(noted(bench) - datetime.now(timezone.utc) - timedelta(days=30)) < timedelta(minutes=1)
    bench.cloud.put("s", created_at="2026-03-01T02:00:07Z")
    bench.create(retention_days=30)
    assert noted(bench) == datetime(2026, 3, 31, 2, 0, 7, tzinfo=timezone.utc)


@pytest.mark.parametrize("seconds", [-3000, 0, 3000])
def test_clocks_that_differ_are_no_reason_to_change_the_expiry(bench: Bench, seconds: int) -> None:
    when = datetime(2026, 3, 31, 2, 0, 7) + timedelta(seconds=seconds)
    bench.cloud.put("s", created_at="2026-03-01T02:00:07Z", labels={"mcr-expires": when.strftime("%Y%m%d-%H%M%S")})
    assert not bench.create(retention_days=30).changed
    assert bench.create(retention_days=31).changed


def test_expiry_that_no_calendar_has_is_refused_before_any_request(bench: Bench) -> None:
    with pytest.raises(InvalidRequest, match="retention_days is longer than calendars go"):
        bench.create(retention_days=10**9)
    assert bench.cloud.looks == []


# -- Young enough


def test_newest_one_that_is_young_is_enough(bench: Bench) -> None:
    bench.cloud.put("old", created_at=ago(minutes=90))
    bench.cloud.put("newer", created_at=ago(minutes=20))
    bench.cloud.put("new", created_at=ago(minutes=30))
    outcome = bench.create(name=None, min_age=60)
    assert not outcome.changed
    assert outcome.record is not None
    assert outcome.record.name == "newer"
    assert bench.create(name=None, min_age=10).changed


@pytest.mark.parametrize(
    "facts",
    [
        {"disk": "7"},
        {"status": "FAILED"},
        {"status": "LEAVING"},
        {"scheduled": True},
        {"name": "part", "labels": {"env": "prod", "mcr-backup": "20260301-020007"}},
        {"note": {"description": "other"}},
        {"labels": {"env": "test"}},
        {"created_at": None},
    ],
)
def test_young_one_that_is_not_as_asked_for_is_not_enough(bench: Bench, facts: dict[str, Any]) -> None:
    bench.cloud.put(**{"name": "other", "created_at": ago(minutes=5), "labels": {"env": "prod"}, "note": {"description": "x"}, **facts})
    assert bench.create(name=None, min_age=60, tags={"env": "prod"}, description="x").changed


def test_young_one_with_labels_that_another_tool_has_copied_is_enough(bench: Bench) -> None:
    bench.cloud.put("copied", created_at=ago(minutes=5), labels={"mcr-vm": "web", "mcr-backup": "20260301-020007"})
    assert not bench.create(name=None, min_age=60).changed


def test_young_one_that_only_a_list_still_shows_is_not_enough(bench: Bench) -> None:
    bench.cloud.list_shows = [bench.cloud.put("ghost", created_at=ago(minutes=5))]
    bench.cloud.put("there", created_at=ago(minutes=6))
    del bench.cloud.points["ghost"]
    outcome = bench.create(name=None, min_age=60)
    assert outcome.record is not None
    assert outcome.record.name == "there"
    del bench.cloud.points["there"]
    assert bench.create(name=None, min_age=60).changed


def test_min_age_and_name_exclude_each_other(bench: Bench) -> None:
    with pytest.raises(InvalidRequest, match="min_age looks for a snapshot by its age"):
        bench.create(min_age=5)


def test_options_of_the_provider_are_refused_before_any_request(bench: Bench) -> None:
    with pytest.raises(InvalidRequest, match="nonsense in CREATE"):
        bench.create(description="nonsense")
    assert bench.cloud.looks == []
