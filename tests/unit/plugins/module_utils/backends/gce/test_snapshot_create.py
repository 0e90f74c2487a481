# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CREATE of snapshots: what is sent, what is compared, what is waited for, what is refused."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce import snapshot as snapshot_module
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AmbiguousName,
    AuthenticationFailed,
    Conflict,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    RecoveryError,
    WaitTimeout,
)

from tests.unit.plugins.module_utils.backends.gce.snapshot_bench import BIG, DATA, DIGEST, KEY, PERMISSION, TOO_LATE, Bench

LOST = OutcomeUnknown("no answer to the request.", http_status=None)
KMS = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench()
    monkeypatch.setattr(snapshot_module, "connect", lambda _task, _waiter: made.client)
    return made


def minutes_ago(minutes: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(minutes=minutes)).isoformat()


# -- A new one


def test_create_on_nothing_sends_one_insert_and_waits_until_ready_is_seen(bench: Bench) -> None:
    outcome = bench.create()
    assert bench.client.words == ["insert s"]
    assert bench.body == {"name": "s", "sourceDisk": DATA}
    assert ("wait", "insert", "s", 'create snapshot "s"') in bench.client.looks
    assert outcome.changed
    assert outcome.record is not None
    assert (outcome.record.status, outcome.record.details["provider_status"]) == ("succeeded", "READY")
    assert outcome.record.created_at == "2026-03-01T02:00:07Z"
    assert outcome.message == "Snapshot created successfully"


def test_second_run_is_unchanged_and_says_since_when(bench: Bench) -> None:
    options: dict[str, Any] = {"tags": {"a": "1"}, "description": "x", "storage_location": "eu", "snapshot_type": "ARCHIVE", "guest_flush": True}
    bench.create(**options)
    outcome = bench.create(**options)
    assert not outcome.changed
    assert bench.client.words == ["insert s"]
    assert outcome.message == 'Snapshot "s" exists since 2026-03-01T02:00:07Z and is as asked for'


@pytest.mark.parametrize(
    ("options", "path", "uid"),
    [
        ({"source_disk": "data"}, DATA, "11"),
        ({"source_disk": "11"}, DATA, "11"),
        ({"source_disk": "zones/z-a/disks/data", "zone": "z-z"}, DATA, "11"),
        ({"source_disk": f"https://compute.googleapis.com/compute/v1/{DATA}", "zone": None}, DATA, "11"),
        ({"source_disk": "big", "zone": None, "region": "z"}, BIG, "22"),
        ({"source_disk": "big", "region": "z"}, BIG, "22"),
        ({"source_disk": BIG, "zone": None}, BIG, "22"),
    ],
)
def test_disk_may_be_a_name_an_id_or_a_link(bench: Bench, options: dict[str, Any], path: str, uid: str) -> None:
    outcome = bench.create(**options)
    assert bench.body["sourceDisk"] == path
    assert outcome.record is not None
    assert outcome.record.details["source_disk_id"] == uid
    assert outcome.record.details["region"] == "z"
    assert outcome.record.details["zone"] == ("z-a" if uid == "11" else None)
    assert not bench.create(**options).changed


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"description": "before"}, {"description": "before"}),
        ({"description": ""}, {}),
        ({"tags": {"env": "prod", "level": 3}}, {"labels": {"env": "prod", "level": "3"}}),
        ({"storage_location": "europe-west1"}, {"storageLocations": ["europe-west1"]}),
        ({"snapshot_type": "ARCHIVE"}, {"snapshotType": "ARCHIVE"}),
        ({"guest_flush": True}, {"guestFlush": True, "labels": {"mcr-consistency": "application"}}),
        ({"guest_flush": False}, {"guestFlush": False}),
        ({"kms_key": KMS}, {"snapshotEncryptionKey": {"kmsKeyName": KMS}}),
        ({"disk_encryption_keys": {"data": KEY}}, {"snapshotEncryptionKey": {"rawKey": KEY}}),
        ({"disk_encryption_keys": {"data": KEY}, "kms_key": KMS}, {"snapshotEncryptionKey": {"kmsKeyName": KMS}}),
    ],
)
def test_option_is_sent_and_found_equal_afterwards(bench: Bench, options: dict[str, Any], sent: dict[str, Any]) -> None:
    outcome = bench.create(**options)
    assert bench.body == {"name": "s", "sourceDisk": DATA, **sent}
    assert not bench.create(**options).changed
    assert outcome.record is not None
    assert "mcr-consistency" not in outcome.record.tags
    assert outcome.record.details["guest_flush"] is bool(options.get("guest_flush"))


def test_disk_with_a_key_of_its_own_is_opened_with_it(bench: Bench) -> None:
    bench.client.put_disk(DATA, "11", diskEncryptionKey={"sha256": DIGEST})
    with pytest.raises(InvalidRequest, match="give it in disk_encryption_keys"):
        bench.create()
    bench.create(disk_encryption_keys={"data": KEY})
    assert bench.body["sourceDiskEncryptionKey"] == bench.body["snapshotEncryptionKey"] == {"rawKey": KEY}


def test_expiry_is_a_label_and_counts_from_the_snapshot(bench: Bench) -> None:
    bench.create(retention_days=30)
    noted = datetime.strptime(bench.body["labels"]["mcr-expires"], "%Y%m%d-%H%M%S").replace(tzinfo=timezone.utc)
    assert abs(noted - datetime.now(timezone.utc) - timedelta(days=30)) < timedelta(minutes=1)
    # The fake's snapshots are all of one moment, long ago.
    outcome = bench.create(retention_days=30)
    assert outcome.record is not None
    assert outcome.record.details["expires_at"] == "2026-03-31T02:00:07Z"
    assert outcome.record.tags == {}
    assert not bench.create(retention_days=30).changed


@pytest.mark.parametrize("seconds", [-3000, 0, 3000])
def test_clocks_that_differ_are_no_reason_to_change_the_expiry(bench: Bench, seconds: int) -> None:
    noted = datetime(2026, 3, 31, 2, 0, 7) + timedelta(seconds=seconds)
    bench.client.put("s", labels={"mcr-expires": noted.strftime("%Y%m%d-%H%M%S")})
    assert not bench.create(retention_days=30).changed
    assert bench.create(retention_days=31).changed


def test_default_name_is_the_disks_and_the_datetime(bench: Bench) -> None:
    bench.create(name=None)
    assert re.fullmatch(r"data-\d{8}-\d{6}", bench.body["name"])


def test_long_disk_name_is_shortened_and_the_datetime_kept_whole(bench: Bench) -> None:
    long = "d" * 63
    bench.client.put_disk(f"projects/p/zones/z-a/disks/{long}", "33")
    bench.create(name=None, source_disk=long)
    assert re.fullmatch(r"d{35,}-[0-9a-f]{10}-\d{8}-\d{6}", bench.body["name"])
    assert len(bench.body["name"]) == 63


def test_without_wait_the_request_is_sent_and_its_end_not_waited_for(bench: Bench) -> None:
    outcome = bench.create(wait=False)
    assert bench.client.words == ["insert s"]
    assert not [look for look in bench.client.looks if look[0] == "wait"]
    assert outcome.record is not None
    assert outcome.record.status == "running"
    assert outcome.record.uid
    assert "its end was not waited for" in outcome.message


def test_without_wait_what_cannot_be_seen_yet_is_predicted(bench: Bench) -> None:
    bench.client.on["insert"] = lambda _name: setattr(bench.client, "invisible", 1)
    outcome = bench.create(wait=False)
    assert outcome.record is not None
    assert (outcome.record.status, outcome.record.uid) == ("running", "")


# -- Check mode


@pytest.mark.parametrize("options", [{}, {"name": None}, {"disk_encryption_keys": {"data": KEY}}, {"kms_key": KMS, "retention_days": 3, "wait": False}])
def test_check_mode_sends_nothing_and_predicts_the_keys_of_the_result(bench: Bench, options: dict[str, Any]) -> None:
    predicted = bench.create(check_mode=True, **options)
    assert bench.client.sent == []
    real = bench.create(**options)
    assert predicted.changed
    assert real.changed
    assert predicted.record is not None
    assert real.record is not None
    shown, made = predicted.record.as_result(), real.record.as_result()
    assert list(shown) == list(made)
    for key in ("status", "tags", "source_disk", "source_disk_id", "zone", "region", "size_gb", "encryption", "description", "snapshot_type"):
        assert shown[key] == made[key], key
    assert KEY not in str(shown)


@pytest.mark.parametrize("check_mode", [True, False])
def test_missing_permission_refuses_and_is_named(bench: Bench, check_mode: bool) -> None:
    bench.client.held = set()
    with pytest.raises(AuthenticationFailed, match=f"{PERMISSION} on the disk"):
        bench.create(check_mode=check_mode)
    assert bench.client.sent == []
    assert ("permissions", "disks", "zones/z-a", "data", PERMISSION) in bench.client.looks


@pytest.mark.parametrize("check_mode", [True, False])
def test_quota_used_up_refuses(bench: Bench, check_mode: bool) -> None:
    bench.client.quotas = [{"metric": "SNAPSHOTS", "limit": 5.0, "usage": 5.0}]
    with pytest.raises(ProviderFailure, match="SNAPSHOTS is used up: 5 of 5"):
        bench.create(check_mode=check_mode)
    assert bench.client.sent == []


def test_what_cannot_be_asked_beforehand_is_a_warning(bench: Bench) -> None:
    bench.client.held = AuthenticationFailed("not allowed to ask", http_status=403)
    bench.client.quotas = AuthenticationFailed("compute.projects.get is missing", http_status=403)
    assert bench.create().changed
    assert "not allowed to ask" in bench.warnings
    assert "compute.projects.get is missing" in bench.warnings


@pytest.mark.parametrize("status", ["CREATING", "FAILED", "DELETING", "UNAVAILABLE"])
def test_disk_that_is_not_ready_refuses(bench: Bench, status: str) -> None:
    bench.client.put_disk(DATA, "11", status=status)
    with pytest.raises(Conflict, match=f"is {status}"):
        bench.create(check_mode=True)


def test_disk_that_is_absent_is_named(bench: Bench) -> None:
    with pytest.raises(NotFound, match='project p has no disk with the name "none" in zone "z-a"'):
        bench.create(source_disk="none")
    with pytest.raises(NotFound, match='id "99"'):
        bench.create(source_disk="99")


def test_zonal_and_regional_disk_of_one_name_are_refused(bench: Bench) -> None:
    bench.client.put_disk("projects/p/regions/z/disks/data", "44")
    with pytest.raises(AmbiguousName, match="id 11"):
        bench.create(region="z")


# -- One that exists


def test_other_disk_is_a_conflict_that_names_it(bench: Bench) -> None:
    bench.client.put("s", disk=BIG, disk_id="22")
    with pytest.raises(Conflict, match="another disk: projects/p/regions/z/disks/big"):
        bench.create()
    with pytest.raises(Conflict, match="another disk"):
        bench.create(source_disk="11")


def test_earlier_disk_of_the_same_name_is_a_conflict_that_names_both(bench: Bench) -> None:
    bench.client.put("s", disk_id="7")
    with pytest.raises(Conflict, match=r"earlier disk of the name \"data\" \(id 7\).*\(id 11\)"):
        bench.create()
    assert not bench.create(source_disk="7").changed


def test_snapshot_of_a_disk_that_is_gone_is_as_asked_for(bench: Bench) -> None:
    bench.client.put("s")
    bench.client.disks.clear()
    assert not bench.create().changed


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"description": "other"}, ["description", "'other'", "'old'"]),
        ({"snapshot_type": "ARCHIVE"}, ["snapshot_type", "'ARCHIVE'", "'STANDARD'"]),
        ({"storage_location": "us"}, ["storage_location", "'us'", "'eu'"]),
        ({"guest_flush": True}, ["guest_flush", "True", "False"]),
        ({"kms_key": KMS}, ["kms_key", "None"]),
        ({"disk_encryption_keys": {"data": KEY}}, ["disk_encryption_keys", "encryption is google"]),
        ({"description": "other", "storage_location": "us"}, ["description", "storage_location"]),
    ],
)
def test_what_cannot_be_changed_is_a_conflict_naming_option_and_values(bench: Bench, options: dict[str, Any], named: list[str]) -> None:
    bench.client.put("s", description="old")
    with pytest.raises(Conflict) as caught:
        bench.create(**options, tags={"a": "1"})
    assert all(word in caught.value.message for word in named)
    assert "only a snapshot's labels" in caught.value.message
    assert KEY not in caught.value.message
    assert bench.client.sent == []


def test_only_what_is_given_is_compared(bench: Bench) -> None:
    key = {"kmsKeyName": f"{KMS}/cryptoKeyVersions/3"}
    bench.client.put("s", description="old", snapshotType="ARCHIVE", labels={"x": "y", "mcr-consistency": "application"}, snapshotEncryptionKey=key)
    assert not bench.create().changed
    assert not bench.create(kms_key=KMS).changed
    with pytest.raises(Conflict, match="kms_key"):
        bench.create(kms_key=f"{KMS}2")


def test_tags_and_expiry_are_updated_in_place_and_others_kept(bench: Bench) -> None:
    bench.client.put("s", labels={"theirs": "1", "env": "test"})
    outcome = bench.create(tags={"env": "prod"}, retention_days=1)
    assert bench.client.sent == [("label", "s", {"theirs": "1", "env": "prod", "mcr-expires": "20260302-020007"})]
    assert outcome.changed
    assert outcome.message == "Snapshot updated successfully"
    assert outcome.record is not None
    assert outcome.record.tags == {"theirs": "1", "env": "prod"}
    assert outcome.record.details["expires_at"] == "2026-03-02T02:00:07Z"
    assert not bench.create(tags={"env": "prod"}, retention_days=1).changed


def test_update_in_check_mode_predicts_it(bench: Bench) -> None:
    bench.client.put("s", labels={"env": "test"})
    outcome = bench.create(tags={"env": "prod"}, check_mode=True)
    assert (outcome.changed, outcome.message, bench.client.sent) == (True, "Snapshot would be updated", [])
    assert outcome.before is not None
    assert outcome.record is not None
    assert (dict(outcome.before.tags), dict(outcome.record.tags)) == ({"env": "test"}, {"env": "prod"})


def test_labels_that_somebody_else_changes_meanwhile_are_kept(bench: Bench) -> None:
    wire = bench.client.put("s", labels={"env": "test"})

    def meddle(_name: str) -> None:
        bench.client.on.clear()
        wire.update(labels={"env": "test", "theirs": "1"}, labelFingerprint="f2")

    bench.client.on["label"] = meddle
    bench.create(tags={"env": "prod"})
    assert wire["labels"] == {"theirs": "1", "env": "prod"}


@pytest.mark.parametrize("status", ["CREATING", "UPLOADING", "NEWER_THAN_THIS_CODE"])
def test_unfinished_one_is_waited_for_and_unchanged(bench: Bench, status: str) -> None:
    bench.client.put("s", status=status)
    bench.client.progress["s"] = [status, status, "READY"]
    outcome = bench.create()
    assert (outcome.changed, bench.client.sent) == (False, [])
    assert outcome.record is not None
    assert outcome.record.status == "succeeded"


def test_labels_of_an_unfinished_one_are_set_when_it_is_ready(bench: Bench) -> None:
    wire = bench.client.put("s", status="UPLOADING")
    bench.client.progress["s"] = ["UPLOADING", "READY"]
    bench.client.on["label"] = lambda _name: wire["status"] == "READY" or pytest.fail("too early")
    assert bench.create(tags={"a": "1"}).changed


def test_failed_one_is_a_failure_that_says_what_to_do(bench: Bench) -> None:
    bench.client.put("s", status="FAILED")
    with pytest.raises(ProviderFailure, match="Delete it, then run the task again") as caught:
        bench.create()
    assert caught.value.record is not None
    assert bench.client.sent == []


def test_one_that_is_being_deleted_is_waited_for_and_made_again(bench: Bench) -> None:
    bench.client.put("s", status="DELETING")
    bench.client.progress["s"] = ["DELETING", "DELETING", "gone"]
    bench.client.on["insert"] = lambda name: bench.client.progress.pop(name, None) and None
    outcome = bench.create()
    assert bench.client.words == ["insert s"]
    assert outcome.record is not None
    assert outcome.record.status == "succeeded"


def test_one_that_is_being_deleted_is_a_conflict_without_wait(bench: Bench) -> None:
    bench.client.put("s", status="DELETING")
    with pytest.raises(Conflict, match="being deleted"):
        bench.create(wait=False)


# -- Young enough


def test_young_one_is_enough(bench: Bench) -> None:
    bench.client.put("old", creationTimestamp=minutes_ago(90))
    bench.client.put("newer", creationTimestamp=minutes_ago(20))
    bench.client.put("new", creationTimestamp=minutes_ago(30))
    outcome = bench.create(name=None, min_age=60)
    assert not outcome.changed
    assert outcome.record is not None
    assert outcome.record.name == "newer"
    assert bench.create(name=None, min_age=10).changed


@pytest.mark.parametrize(
    "wire",
    [
        {"disk_id": "7"},
        {"status": "FAILED"},
        {"status": "DELETING"},
        {"autoCreated": True},
        {"labels": {"mcr-backup": "20260301-020007"}},
        {"snapshotType": "ARCHIVE"},
        {"labels": {"env": "test"}},
    ],
)
def test_young_one_that_is_not_as_asked_for_is_not_enough(bench: Bench, wire: dict[str, Any]) -> None:
    made = {"labels": {"env": "prod"}, **wire}
    if "env" not in made["labels"]:
        made["labels"]["env"] = "prod"
    bench.client.put("other", creationTimestamp=minutes_ago(5), **made)
    assert bench.create(name=None, min_age=60, tags={"env": "prod"}, snapshot_type="STANDARD").changed


def test_young_one_that_is_not_finished_is_waited_for(bench: Bench) -> None:
    bench.client.put("young", creationTimestamp=minutes_ago(1), status="UPLOADING")
    bench.client.progress["young"] = ["UPLOADING", "READY"]
    outcome = bench.create(name=None, min_age=60)
    assert not outcome.changed
    assert outcome.record is not None
    assert outcome.record.status == "succeeded"


def test_filter_by_labels_is_the_servers_where_it_is_exact(bench: Bench) -> None:
    bench.create(name=None, min_age=60, tags={"env": "prod", "empty": ""})
    assert bench.client.filters == ['labels.env="prod" AND labels.empty:*']


# -- Answers that are lost, and ends without success


@pytest.mark.parametrize("seen_after", [0, 1, 3])
def test_lost_answer_is_looked_into_and_what_was_made_is_ours(bench: Bench, seen_after: int) -> None:
    def lose(_name: str) -> None:
        bench.client.create({"name": "s", "sourceDisk": DATA})
        bench.client.invisible = seen_after
        raise LOST

    bench.client.on["insert"] = lose
    outcome = bench.create()
    assert bench.client.words == ["insert s"]
    assert outcome.changed
    assert outcome.record is not None
    assert outcome.record.status == "succeeded"


def test_lost_answer_of_nothing_made_says_that_it_may_be_run_again(bench: Bench) -> None:
    def lose(_name: str) -> None:
        raise LOST

    bench.client.on["insert"] = lose
    with pytest.raises(OutcomeUnknown, match="looks first, and makes none twice"):
        bench.create()
    assert bench.client.words == ["insert s"]
    assert bench.clock.now >= 1010


def test_lost_answer_and_somebody_elses_of_the_name_is_a_conflict(bench: Bench) -> None:
    def lose(_name: str) -> None:
        bench.client.put("s", disk_id="7")
        raise LOST

    bench.client.on["insert"] = lose
    with pytest.raises(Conflict, match="earlier disk"):
        bench.create()


def test_name_taken_in_the_meantime_by_an_equal_one_is_ours(bench: Bench) -> None:
    bench.client.on["insert"] = lambda _name: bench.client.put("s") and None
    assert bench.create().changed


def test_name_taken_in_the_meantime_by_another_is_a_conflict(bench: Bench) -> None:
    bench.client.on["insert"] = lambda _name: bench.client.put("s", description="theirs") and None
    with pytest.raises(Conflict, match="description"):
        bench.create(description="ours")


@pytest.mark.parametrize("error", [ProviderFailure("quota", code="QUOTA_EXCEEDED", http_status=403), Conflict("not ready", code="resourceNotReady")])
def test_refused_request_is_raised_as_it_is(bench: Bench, error: RecoveryError) -> None:
    def refuse(_name: str) -> None:
        raise error

    bench.client.on["insert"] = refuse
    with pytest.raises(type(error)) as caught:
        bench.create()
    assert caught.value is error
    assert bench.clock.now == 1000
    assert not bench.report.changed


def test_operation_that_ends_with_an_error_is_no_success(bench: Bench) -> None:
    bench.client.ends["s"] = ProviderFailure("internal error", code="INTERNAL_ERROR")
    with pytest.raises(ProviderFailure, match="internal error"):
        bench.create()


def test_done_operation_whose_snapshot_failed_is_no_success(bench: Bench) -> None:
    bench.client.progress["s"] = ["UPLOADING", "FAILED"]
    # The look before the create must not use it up.
    bench.client.progress["s"].insert(0, "UPLOADING")
    with pytest.raises(ProviderFailure, match="FAILED"):
        bench.create()


def test_done_operation_whose_snapshot_is_not_seen_is_no_success(bench: Bench) -> None:
    bench.client.on["insert"] = lambda _name: setattr(bench.client, "invisible", 1000)
    with pytest.raises(NotFound, match="disappeared"):
        bench.create()


def test_snapshot_that_shows_up_late_is_waited_for(bench: Bench) -> None:
    bench.client.on["insert"] = lambda _name: setattr(bench.client, "invisible", 3)
    assert bench.create().changed


def test_deadline_leaves_it_to_the_provider_and_says_so(bench: Bench) -> None:
    bench.client.ends["s"] = TOO_LATE
    with pytest.raises(WaitTimeout, match=r"operation-insert is still RUNNING\. Compute Engine goes on with it: run the task again") as caught:
        bench.create()
    assert caught.value.record is not None
    assert caught.value.record.uid
    assert caught.value.request_id == "operation-insert"


# -- Options that make no sense


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"source_disk": None}, "source_disk"),
        ({"source_disk": ""}, "source_disk"),
        ({"source_disk": "Data"}, "source_disk"),
        ({"zone": None}, r"zone \(GCP_ZONE\)"),
        ({"name": "Nightly"}, "name"),
        ({"name": "n" * 64}, "name"),
        ({"name": "1"}, "name"),
        ({"min_age": 5}, "min_age"),
        ({"name": None, "min_age": 0}, "min_age"),
        ({"retention_days": 0}, "retention_days"),
        ({"retention_days": 10**9}, "retention_days"),
        ({"tags": {"Env": "x"}}, "tags"),
        ({"tags": {"mcr-expires": "x"}}, "mcr-"),
        ({"description": "x" * 2049}, "description"),
        ({"kms_key": "my-key"}, "kms_key"),
        ({"disk_encryption_keys": {"data": "short"}}, "disk_encryption_keys"),
        ({"disk_encryption_keys": {"other": KEY}}, "disk_encryption_keys"),
        ({"project_id": None}, r"project_id.*GCP_PROJECT"),
    ],
)
def test_option_that_makes_no_sense_is_refused(bench: Bench, options: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidRequest, match=word):
        bench.create(**options)
    assert bench.client.sent == []


def test_uid_has_no_use_and_gives_a_warning(bench: Bench) -> None:
    bench.create(uid="1234")
    assert "uid" in bench.warnings
