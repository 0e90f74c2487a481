# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DELETE of one snapshot and of many, and what the inspections let through."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce import snapshot as snapshot_module
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AmbiguousName,
    AuthenticationFailed,
    Cancelled,
    Conflict,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    WaitTimeout,
)

from tests.unit.plugins.module_utils.backends.gce.snapshot_bench import BIG, Bench, Wire

REFUSED = AuthenticationFailed("compute.snapshots.delete is missing", http_status=403)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench()
    monkeypatch.setattr(snapshot_module, "connect", lambda _task, _waiter: made.client)
    return made


def days_ago(days: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(days=days)).isoformat()


def label_in(days: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y%m%d-%H%M%S")


def put_five(bench: Bench) -> None:
    """a to e of the disk "data", a the newest, ten days apart, the first one a day old."""
    for number, name in enumerate("cadbe"):
        age = 1 + 10 * "abcde".index(name)
        bench.client.put(name, creationTimestamp=days_ago(age), labels={"n": str(number)})


# -- One


@pytest.mark.parametrize("by", ["name", "uid", "both"])
def test_one_is_deleted_by_name_or_id(bench: Bench, by: str) -> None:
    uid = bench.client.put("s")["id"]
    outcome = bench.delete(**{"name": {"name": "s"}, "uid": {"uid": uid}, "both": {"name": "s", "uid": uid}}[by])
    assert bench.client.words == ["delete s"]
    assert outcome.changed
    assert (outcome.record, outcome.records, outcome.message) == (None, None, "Snapshot deleted successfully")
    assert outcome.before is not None


@pytest.mark.parametrize("options", [{"name": "s"}, {"uid": "77"}, {"name": "s", "uid": "77"}, {"name": "s", "source_disk": "data"}])
def test_delete_of_absent_is_unchanged(bench: Bench, options: dict[str, Any]) -> None:
    outcome = bench.delete(**options)
    assert (outcome.changed, bench.client.sent) == (False, [])
    assert "is already absent" in outcome.message


def test_name_and_id_must_agree(bench: Bench) -> None:
    bench.client.put("s")
    other = bench.client.put("t")["id"]
    for name in ("s", "none"):
        with pytest.raises(InvalidRequest, match="do not agree"):
            bench.delete(name=name, uid=other)
    assert bench.client.sent == []


def test_check_mode_deletes_nothing(bench: Bench) -> None:
    bench.client.put("s")
    outcome = bench.delete(name="s", check_mode=True)
    assert (outcome.changed, outcome.message, bench.client.sent) == (True, "Snapshot would be deleted", [])


@pytest.mark.parametrize(
    ("wire", "options", "word"),
    [
        ({"labels": {"env": "test"}}, {"tags": {"env": "prod"}}, "does not carry the labels"),
        ({"disk": BIG, "disk_id": "22"}, {"source_disk": "data"}, "another disk: projects/p/regions/z/disks/big"),
        ({"disk_id": "7"}, {"source_disk": "11"}, "another disk"),
        ({"labels": {"mcr-vm": "web", "mcr-backup": "20260301-020007"}}, {}, 'backup "web-20260301-020007"'),
        ({"labels": {"mcr-vm": "web", "mcr-backup": "20260301-020007"}}, {"include_scheduled": True}, "module backup"),
        ({"autoCreated": True}, {}, "include_scheduled"),
        ({"sourceSnapshotSchedulePolicy": "regions/z/resourcePolicies/daily"}, {}, "include_scheduled"),
    ],
)
def test_one_that_is_not_meant_is_untouched(bench: Bench, wire: Wire, options: dict[str, Any], word: str) -> None:
    bench.client.put("s", **wire)
    with pytest.raises(Conflict, match=word) as caught:
        bench.delete(name="s", **options)
    assert "It is untouched" in caught.value.message
    assert bench.client.sent == []


def test_scheduled_one_is_deleted_when_that_is_asked_for(bench: Bench) -> None:
    bench.client.put("s", autoCreated=True)
    assert bench.delete(name="s", include_scheduled=True).changed


def test_one_that_is_being_deleted_is_waited_for_and_unchanged(bench: Bench) -> None:
    bench.client.put("s", status="DELETING")
    bench.client.progress["s"] = ["DELETING", "DELETING", "gone"]
    outcome = bench.delete(name="s")
    assert (outcome.changed, bench.client.sent, bench.client.snapshots) == (False, [], {})


def test_somebody_elses_deletion_is_as_good(bench: Bench) -> None:
    bench.client.put("s")
    bench.client.on["delete"] = lambda name: bench.client.snapshots.pop(name) and None
    assert bench.delete(name="s").changed


@pytest.mark.parametrize("fate", ["gone", "deleting", "there"])
def test_lost_answer_of_a_deletion_is_looked_into(bench: Bench, fate: str) -> None:
    bench.client.put("s")

    def lose(name: str) -> None:
        if fate == "gone":
            bench.client.snapshots.clear()
        if fate == "deleting":
            bench.client.progress[name] = ["DELETING", "DELETING", "gone"]
        raise OutcomeUnknown("no answer")

    bench.client.on["delete"] = lose
    if fate == "there":
        with pytest.raises(OutcomeUnknown):
            bench.delete(name="s")
    else:
        assert bench.delete(name="s").changed
        assert bench.client.snapshots == {}


def test_another_one_of_the_name_is_not_waited_for(bench: Bench) -> None:
    bench.client.put("s", status="DELETING")
    bench.client.progress["s"] = ["DELETING"]
    outcomes: list[Any] = []
    look = bench.client.get_snapshot

    def replaced(name: str) -> Any:
        seen = look(name)
        if not outcomes:
            bench.client.progress.clear()
            outcomes.append(bench.client.put("s"))
        return seen

    bench.client.get_snapshot = replaced  # type: ignore[method-assign]
    assert not bench.delete(name="s").changed
    assert "s" in bench.client.snapshots


def test_deadline_of_a_deletion_says_that_it_goes_on(bench: Bench) -> None:
    bench.client.put("s")
    bench.client.ends["s"] = WaitTimeout("still RUNNING.")
    with pytest.raises(WaitTimeout, match="accepted and goes on"):
        bench.delete(name="s")


def test_without_wait_the_end_is_not_waited_for(bench: Bench) -> None:
    bench.client.put("s")
    assert bench.delete(name="s", wait=False).changed
    assert not [look for look in bench.client.looks if look[0] == "wait"]


# -- Many


def test_rules_delete_what_they_release_oldest_first(bench: Bench) -> None:
    put_five(bench)
    outcome = bench.delete(source_disk="data", retention={"keep_last": 3})
    assert bench.client.words == ["delete e", "delete d"]
    assert [record.name for record in outcome.records or []] == ["e", "d"]
    assert outcome.changed
    assert outcome.message.startswith("2 snapshots deleted successfully. 3 kept (c: it is among the newest 3; ")
    assert "a: it is the newest complete one" in outcome.message


def test_all_are_submitted_before_any_is_waited_for(bench: Bench) -> None:
    put_five(bench)
    bench.delete(source_disk="data", all_snapshots=True)
    assert bench.client.words == [f"delete {name}" for name in "edcba"]
    first_wait = next(number for number, look in enumerate(bench.client.looks) if look[0] == "wait")
    assert all(look[0] == "wait" for look in bench.client.looks[first_wait:])
    assert len(bench.client.looks) - first_wait == 5
    assert bench.client.snapshots == {}


def test_second_run_has_nothing_to_delete(bench: Bench) -> None:
    put_five(bench)
    bench.delete(source_disk="data", retention={"older_than": "25d"})
    outcome = bench.delete(source_disk="data", retention={"older_than": "25d"})
    assert (outcome.changed, outcome.records, len(bench.client.sent)) == (False, [], 2)
    assert outcome.message.startswith('The name "data" in zone "z-a" has no snapshot to delete. 3 kept')


def test_check_mode_lists_what_would_be_deleted(bench: Bench) -> None:
    put_five(bench)
    outcome = bench.delete(source_disk="data", retention={"keep_last": 4}, check_mode=True)
    assert (outcome.changed, bench.client.sent) == (True, [])
    assert [record.name for record in outcome.records or []] == ["e"]
    assert "1 snapshot would be deleted" in outcome.message


def test_expired_ones_are_those_whose_label_says_so(bench: Bench) -> None:
    bench.client.put("new", creationTimestamp=days_ago(1), labels={"mcr-expires": label_in(-0.5)})
    bench.client.put("past", creationTimestamp=days_ago(5), labels={"mcr-expires": label_in(-1)})
    bench.client.put("later", creationTimestamp=days_ago(5), labels={"mcr-expires": label_in(1)})
    bench.client.put("never", creationTimestamp=days_ago(5))
    bench.client.put("odd", creationTimestamp=days_ago(5), labels={"mcr-expires": "soon"})
    outcome = bench.delete(source_disk="data", retention={"expired": True})
    assert [record.name for record in outcome.records or []] == ["past"]


def test_parts_of_backups_and_what_a_schedule_made_neither_go_nor_count(bench: Bench) -> None:
    put_five(bench)
    bench.client.put("set", creationTimestamp=days_ago(0.1), labels={"mcr-backup": "20260301-020007"})
    bench.client.put("auto", creationTimestamp=days_ago(0.2), autoCreated=True)
    outcome = bench.delete(source_disk="data", retention={"keep_last": 1})
    assert [record.name for record in outcome.records or []] == list("edcb")
    assert "1 left to the backups of VMs" in outcome.message
    assert "1 left to the schedule" in outcome.message
    bench.delete(source_disk="data", all_snapshots=True)
    assert sorted(bench.client.snapshots) == ["auto", "set"]
    bench.delete(source_disk="data", all_snapshots=True, include_scheduled=True)
    assert sorted(bench.client.snapshots) == ["set"]


def test_what_is_not_complete_neither_goes_by_a_rule_nor_counts(bench: Bench) -> None:
    put_five(bench)
    for number, status in enumerate(("FAILED", "UPLOADING", "CREATING")):
        bench.client.put(f"bad{number}", creationTimestamp=days_ago(0.1), status=status)
    bench.delete(source_disk="data", retention={"keep_last": 2})
    assert sorted(bench.client.snapshots) == ["a", "b", "bad0", "bad1", "bad2"]


def test_tags_narrow_what_is_chosen_from(bench: Bench) -> None:
    for name, kind, age in (("h1", "hourly", 1), ("d1", "daily", 2), ("h2", "hourly", 3), ("d2", "daily", 4)):
        bench.client.put(name, creationTimestamp=days_ago(age), labels={"kind": kind})
    outcome = bench.delete(source_disk="data", tags={"kind": "daily"}, retention={"keep_last": 1})
    assert [record.name for record in outcome.records or []] == ["d2"]
    assert bench.client.filters == ['labels.kind="daily"']


def test_other_disks_are_left_alone(bench: Bench) -> None:
    put_five(bench)
    bench.client.put("x", disk=BIG, disk_id="22")
    bench.client.put("y", disk="projects/p/zones/z-b/disks/data", disk_id="33")
    bench.client.put("z", disk="projects/other/zones/z-a/disks/data", disk_id="44")
    bench.delete(source_disk="data", all_snapshots=True)
    assert sorted(bench.client.snapshots) == ["x", "y", "z"]
    bench.delete(source_disk="big", zone=None, region="z", all_snapshots=True)
    assert sorted(bench.client.snapshots) == ["y", "z"]


def test_earlier_disks_of_the_name_are_left_alone_with_a_warning(bench: Bench) -> None:
    put_five(bench)
    bench.client.put("x", disk_id="7", creationTimestamp=days_ago(900))
    bench.delete(source_disk="data", retention={"older_than": "1d"})
    assert sorted(bench.client.snapshots) == ["a", "x"]
    assert "1 snapshots are of earlier disks" in bench.warnings
    assert "id: 7" in bench.warnings
    bench.delete(source_disk="7", all_snapshots=True, zone=None)
    assert sorted(bench.client.snapshots) == ["a"]


def test_disk_that_is_gone_is_known_by_its_snapshots(bench: Bench) -> None:
    put_five(bench)
    bench.client.disks.clear()
    assert len(bench.delete(source_disk="data", retention={"keep_last": 1}).records or []) == 4
    bench.client.put("x", disk_id="7")
    with pytest.raises(AmbiguousName, match="give the id of one, 11, 7"):
        bench.delete(source_disk="data", all_snapshots=True)
    assert sorted(bench.client.snapshots) == ["a", "x"]


def test_nothing_of_a_disk_that_never_was(bench: Bench) -> None:
    outcome = bench.delete(source_disk="none", all_snapshots=True)
    assert (outcome.changed, outcome.records) == (False, [])


def test_partial_failure_says_what_is_gone_and_what_remains(bench: Bench) -> None:
    put_five(bench)

    def refuse(name: str) -> None:
        if name == "d":
            raise REFUSED

    bench.client.on["delete"] = refuse
    bench.client.ends["b"] = ProviderFailure("internal error")
    outcome = bench.delete(source_disk="data", all_snapshots=True)
    assert sorted(bench.client.snapshots) == ["b", "d"]
    assert [record.name for record in outcome.records or []] == ["e", "c", "a"]
    assert outcome.changed
    assert {name: error.kind for name, error in outcome.errors.items()} == {"d": "AuthenticationFailed", "b": "ProviderFailure"}
    assert outcome.message.startswith("3 of 5 snapshots were deleted; these remain: b, d. The first failure: compute.snapshots.delete is missing")


def test_those_that_are_being_deleted_are_waited_for(bench: Bench) -> None:
    bench.client.put("s", status="DELETING")
    bench.client.progress["s"] = ["DELETING", "gone"]
    outcome = bench.delete(source_disk="data", all_snapshots=True)
    assert (outcome.changed, bench.client.sent) == (False, [])
    assert [record.name for record in outcome.records or []] == ["s"]


def test_cancellation_ends_it_and_nothing_more_is_sent(bench: Bench) -> None:
    put_five(bench)

    def cancel(name: str) -> None:
        if name == "d":
            raise Cancelled("the task was cancelled.")

    bench.client.on["delete"] = cancel
    with pytest.raises(Cancelled):
        bench.delete(source_disk="data", all_snapshots=True)
    assert bench.client.words == ["delete e", "delete d"]
    assert bench.report.statuses["delete e"] == "left"


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({}, "needs one of: name, uid, source_disk"),
        ({"source_disk": "data"}, "retention or all_snapshots"),
        ({"source_disk": "data", "all_snapshots": False}, "retention or all_snapshots"),
        ({"source_disk": "data", "all_snapshots": True, "retention": {"keep_last": 1}}, "either"),
        ({"source_disk": "data", "retention": {}}, "retention"),
        ({"source_disk": "data", "retention": {"keep_last": 0}}, "keep_last"),
        ({"source_disk": "data", "retention": {"older_than": "6m"}}, "older_than"),
        ({"source_disk": "data", "retention": {"expired": False}}, "at least one rule"),
        ({"source_disk": "data", "zone": None, "all_snapshots": True}, "where the disk is"),
        ({"name": "s", "retention": {"keep_last": 1}}, "retention chooses"),
        ({"name": "s", "source_disk": "data", "all_snapshots": True}, "all_snapshots chooses"),
        ({"uid": "5", "all_snapshots": True}, "all_snapshots chooses"),
        ({"all_snapshots": True}, "needs one of"),
        ({"uid": "s"}, "those are numbers"),
        ({"name": "s", "name_filter": "s"}, "name_filter"),
        ({"name": "s", "tags": {"A": "b"}}, "tags"),
    ],
)
def test_selectors_that_make_no_sense_stop_a_deletion(bench: Bench, options: dict[str, Any], word: str) -> None:
    bench.client.put("s")
    with pytest.raises(InvalidRequest, match=word):
        bench.delete(**options)
    assert (bench.client.sent, bench.client.looks) == ([], [])


# -- Looking


def test_inspect_one_by_name_and_id(bench: Bench) -> None:
    uid = bench.client.put("s")["id"]
    for options in ({"name": "s"}, {"uid": uid}, {"name": "s", "uid": uid}):
        outcome = bench.run("INSPECT_ONE", **options)
        assert outcome.record is not None
        assert (outcome.record.name, outcome.record.uid, outcome.changed) == ("s", uid, False)
    for absent in ({"name": "none"}, {"uid": "5"}):
        with pytest.raises(NotFound):
            bench.run("INSPECT_ONE", **absent)
    with pytest.raises(InvalidRequest, match="name, uid"):
        bench.run("INSPECT_ONE", source_disk="data")


def test_everything_that_is_known_is_in_the_record(bench: Bench) -> None:
    bench.client.put(
        "s",
        disk=BIG,
        disk_id="22",
        description="text",
        labels={"env": "prod", "mcr-expires": "20260401-000000", "mcr-consistency": "application", "mcr-vm": "web", "mcr-backup": "20260301-020007"},
        snapshotType="ARCHIVE",
        snapshotEncryptionKey={"kmsKeyName": "k/cryptoKeyVersions/1"},
        sourceSnapshotSchedulePolicy="https://x/projects/p/regions/z/resourcePolicies/daily",
    )
    outcome = bench.run("INSPECT_ONE", name="s")
    assert outcome.record is not None
    assert outcome.record.as_result() == {
        "name": "s",
        "uid": "1001",
        "provider": "gce",
        "status": "succeeded",
        "created_at": "2026-03-01T02:00:07Z",
        "tags": {"env": "prod"},
        "provider_status": "READY",
        "description": "text",
        "source_disk": BIG,
        "source_disk_id": "22",
        "zone": None,
        "region": "z",
        "size_gb": 20,
        "storage_bytes": 4096,
        "storage_locations": ["eu"],
        "snapshot_type": "ARCHIVE",
        "guest_flush": True,
        "encryption": "customer_managed",
        "kms_key": "k/cryptoKeyVersions/1",
        "scheduled": True,
        "schedule": "daily",
        "expires_at": "2026-04-01T00:00:00Z",
        "backup": "web-20260301-020007",
        "self_link": "https://www.googleapis.com/compute/v1/projects/p/global/snapshots/s",
    }


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["web-1", "web-2", "db-1", "old"]),
        ({"name_filter": "web"}, ["web-1", "web-2"]),
        ({"name_filter": "-1"}, ["web-1", "db-1"]),
        ({"status": ["failed"]}, ["web-2"]),
        ({"status": ["FAILED", "succeeded"]}, ["web-1", "web-2", "old"]),
        ({"status": ["running"]}, ["db-1"]),
        ({"status": ["UPLOADING"]}, ["db-1"]),
        ({"status": ["partial"]}, []),
        ({"tags": {"env": "prod"}}, ["web-1", "web-2"]),
        ({"tags": {"env": "prod", "tier": "a"}}, ["web-1"]),
        ({"source_disk": "data"}, ["web-1", "web-2", "old"]),
        ({"source_disk": "data", "zone": "z-b"}, []),
        ({"source_disk": "data", "zone": None}, ["web-1", "web-2", "old"]),
        ({"source_disk": "11"}, ["web-1", "web-2"]),
        ({"source_disk": "big", "zone": None}, ["db-1"]),
        ({"source_disk": "regions/z/disks/big"}, ["db-1"]),
        ({"max_objects": 2}, ["web-1", "web-2"]),
        ({"max_objects": 0}, ["web-1", "web-2", "db-1", "old"]),
        ({"max_objects": 1, "status": ["running"]}, ["db-1"]),
    ],
)
def test_filters_of_a_list(bench: Bench, options: dict[str, Any], names: list[str]) -> None:
    bench.client.put("web-1", labels={"env": "prod", "tier": "a"})
    bench.client.put("web-2", labels={"env": "prod"}, status="FAILED")
    bench.client.put("db-1", disk=BIG, disk_id="22", status="UPLOADING")
    bench.client.put("old", disk_id="7")
    assert bench.names(**options) == names
    assert [look[0] for look in bench.client.looks] == ["snapshots"]


def test_unknown_status_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidRequest, match="READY"):
        bench.names(status=["Ready"])


def test_ten_thousand_are_listed_in_a_moment(bench: Bench) -> None:
    for number in range(10000):
        bench.client.put(f"s-{number}", labels={"env": "prod"})
    # Of this process alone: how busy the machine is must not matter.
    began_s = time.process_time()
    assert len(bench.names(tags={"env": "prod"}, name_filter="s-")) == 10000
    assert time.process_time() - began_s < 10
