# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of Compute Engine: what is sent for an option, what is compared, what is looked at before, and what the records say."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce import registry
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AmbiguousName,
    AuthenticationFailed,
    Conflict,
    InvalidRequest,
    NotFound,
    ProviderFailure,
    RecoveryError,
    WaitTimeout,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.naming import derived_name

from tests.unit.plugins.module_utils.backends.gce import vm_bench
from tests.unit.plugins.module_utils.backends.gce.snapshot_bench import BIG, DATA, DIGEST, KEY, PERMISSION, TOO_LATE, Bench, Wire
from tests.unit.plugins.module_utils.backends.gce.vm_bench import Ran, VmBench

KMS = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"
MOMENT = "20260301-020007"
LABELS_OF_PART = {"mcr-vm": "web", "mcr-zone": "z-a", "mcr-device": "data", "mcr-backup": MOMENT, "mcr-attempt": "1", "mcr-disks": "1"}
PART = derived_name(f"web-data-{MOMENT}", f"projects/p/zones/z-a/instances/web/{MOMENT}/data/1/snapshot")


@pytest.fixture
def bench() -> Bench:
    return Bench()


# -- A new one


def test_create_sends_one_insert_and_waits_until_ready_is_seen(bench: Bench) -> None:
    outcome = bench.create()
    assert bench.client.words == ["insert s"]
    assert bench.body == {"name": "s", "sourceDisk": DATA}
    assert ("wait", "insert", "s", "creating snapshot s") in bench.client.looks
    assert outcome.changed
    assert outcome.record is not None
    assert (outcome.record.status, outcome.record.details["provider_status"]) == ("succeeded", "READY")
    assert outcome.record.created_at == "2026-03-01T02:00:07Z"


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


def test_expiry_is_a_label(bench: Bench) -> None:
    bench.create(retention_days=30)
    assert list(bench.body["labels"]) == ["mcr-expires"]


def test_disk_with_a_key_of_its_own_is_opened_with_it(bench: Bench) -> None:
    bench.client.put_disk(DATA, "11", diskEncryptionKey={"sha256": DIGEST})
    with pytest.raises(InvalidRequest, match=r"give it in disk_encryption_keys\. Nothing was changed"):
        bench.create()
    bench.create(disk_encryption_keys={"data": KEY})
    assert bench.body["sourceDiskEncryptionKey"] == bench.body["snapshotEncryptionKey"] == {"rawKey": KEY}


@pytest.mark.parametrize("options", [{}, {"disk_encryption_keys": {"data": KEY}}, {"kms_key": KMS, "retention_days": 3, "wait": False}])
def test_prediction_is_the_real_record_but_for_what_the_server_chooses(bench: Bench, options: dict[str, Any]) -> None:
    predicted = bench.create(check_mode=True, **options)
    assert bench.client.sent == []
    real = bench.create(**options)
    assert predicted.record is not None
    assert real.record is not None
    shown, made = predicted.record.as_result(), real.record.as_result()
    assert list(shown) == list(made)
    for key in ("status", "tags", "source_disk", "source_disk_id", "zone", "region", "size_gb", "encryption", "description", "snapshot_type"):
        assert shown[key] == made[key], key
    assert KEY not in str(shown)


def test_deadline_leaves_it_to_google_and_says_so(bench: Bench) -> None:
    bench.client.ends["s"] = TOO_LATE
    with pytest.raises(WaitTimeout, match=r"operation-insert is still RUNNING\. Compute Engine goes on with it: run the task again") as caught:
        bench.create()
    assert caught.value.record is not None
    assert caught.value.record.uid
    assert caught.value.request_id == "operation-insert"


@pytest.mark.parametrize("code", ["alreadyExists", "RESOURCE_ALREADY_EXISTS"])
def test_name_that_is_taken_by_an_equal_one_is_ours(bench: Bench, code: str) -> None:
    def take(name: str) -> None:
        bench.client.put(name)
        raise Conflict("it exists.", code=code)

    bench.client.on["insert"] = take
    made = bench.create()
    # Another run has made it.
    assert (made.changed, made.message) == (False, "Snapshot was created by another run already")


@pytest.mark.parametrize("error", [ProviderFailure("quota", code="QUOTA_EXCEEDED", http_status=403), Conflict("not ready", code="resourceNotReady")])
def test_refused_request_is_raised_as_it_is(bench: Bench, error: RecoveryError) -> None:
    def refuse(_name: str) -> None:
        raise error

    bench.client.on["insert"] = refuse
    with pytest.raises(type(error)) as caught:
        bench.create()
    assert caught.value is error
    assert (bench.clock.now, bench.report.changed) == (1000, False)


# -- Looks before it


@pytest.mark.parametrize("check_mode", [True, False])
def test_all_that_is_missing_is_named_at_once(bench: Bench, check_mode: bool) -> None:
    bench.client.put_disk(DATA, "11", status="CREATING", diskEncryptionKey={"sha256": DIGEST})
    bench.client.held, bench.client.quotas = set(), [{"metric": "SNAPSHOTS", "limit": 5.0, "usage": 5.0}]
    with pytest.raises(Conflict) as caught:
        bench.create(check_mode=check_mode, disk_encryption_keys={"data": KEY})
    for words in (
        'the disk "data" is CREATING, and only one that is READY can be saved',
        f'the credentials lack permissions on disk "data": {PERMISSION}',
        "quota SNAPSHOTS of the project is too small: 1 more are needed, 0 of 5.0 are free",
    ):
        assert words in caught.value.message
    assert caught.value.message.endswith("Nothing was changed.")
    assert bench.client.sent == []
    assert ("permissions", "disks", "zones/z-a", "data", PERMISSION) in bench.client.looks


@pytest.mark.parametrize(("refuse", "kind"), [("held", AuthenticationFailed), ("quotas", ProviderFailure)])
def test_one_thing_that_is_missing_is_an_error_of_its_kind(bench: Bench, refuse: str, kind: type[RecoveryError]) -> None:
    missing: Any = {"held": set(), "quotas": [{"metric": "SNAPSHOTS", "limit": 5.0, "usage": 5.0}]}[refuse]
    setattr(bench.client, refuse, missing)
    with pytest.raises(kind):
        bench.create()


def test_what_cannot_be_asked_beforehand_is_a_warning(bench: Bench) -> None:
    bench.client.held = AuthenticationFailed("not allowed to ask", http_status=403)
    bench.client.quotas = AuthenticationFailed("compute.projects.get is missing", http_status=403)
    assert bench.create().changed
    assert "Whether the permissions are there could not be asked: not allowed to ask" in bench.warnings
    assert "The quota of the project could not be read: compute.projects.get is missing" in bench.warnings


@pytest.mark.parametrize("error", [ProviderFailure("HTTP 503", transient=True), AuthenticationFailed("wrong token", http_status=401)])
def test_trouble_that_any_request_would_meet_is_no_warning(bench: Bench, error: RecoveryError) -> None:
    bench.client.quotas = error
    with pytest.raises(type(error), match=error.message):
        bench.create()
    assert bench.client.sent == []


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
    assert "Compute Engine can change only a snapshot's labels (tags, retention_days)" in caught.value.message
    assert KEY not in caught.value.message
    assert bench.client.sent == []


def test_only_what_is_given_is_compared(bench: Bench) -> None:
    key = {"kmsKeyName": f"{KMS}/cryptoKeyVersions/3"}
    bench.client.put("s", description="old", snapshotType="ARCHIVE", labels={"x": "y", "mcr-consistency": "application"}, snapshotEncryptionKey=key)
    assert not bench.create().changed
    assert not bench.create(kms_key=KMS).changed
    with pytest.raises(Conflict, match="kms_key"):
        bench.create(kms_key=f"{KMS}2")


def test_key_of_the_snapshot_is_compared_by_its_digest(bench: Bench) -> None:
    bench.client.put("s", snapshotEncryptionKey={"sha256": DIGEST})
    assert not bench.create(disk_encryption_keys={"data": KEY}).changed
    bench.client.put("s", snapshotEncryptionKey={"sha256": "other"})
    with pytest.raises(Conflict, match="encryption is customer_supplied, with another key"):
        bench.create(disk_encryption_keys={"data": KEY})


def test_other_disk_is_named_by_its_path_and_id(bench: Bench) -> None:
    bench.client.put("s", disk=BIG, disk_id="22")
    with pytest.raises(Conflict, match=r"another disk: projects/p/regions/z/disks/big \(id 22\)"):
        bench.create()


def test_labels_are_one_request_with_the_fingerprint_that_was_read(bench: Bench) -> None:
    wire = bench.client.put("s", labels={"theirs": "1", "env": "test"})

    def meddle(_name: str) -> None:
        bench.client.on.clear()
        wire.update(labels={"env": "test", "theirs": "2"}, labelFingerprint="f2")

    bench.client.on["label"] = meddle
    outcome = bench.create(tags={"env": "prod"}, retention_days=1)
    assert bench.client.sent == [("label", "s", {"theirs": theirs, "env": "prod", "mcr-expires": "20260302-020007"}) for theirs in "12"]
    assert outcome.record is not None
    assert outcome.record.details["expires_at"] == "2026-03-02T02:00:07Z"


@pytest.mark.parametrize("status", ["CREATING", "UPLOADING", "NEWER_THAN_THIS_CODE"])
def test_unfinished_one_is_waited_for_and_unchanged(bench: Bench, status: str) -> None:
    bench.client.put("s", status=status)
    bench.client.progress["s"] = [status, status, "READY"]
    outcome = bench.create()
    assert (outcome.changed, bench.client.sent) == (False, [])
    assert outcome.record is not None
    assert outcome.record.status == "succeeded"


# -- Deletion


def test_delete_sends_one_request_and_sees_the_end(bench: Bench) -> None:
    uid = bench.client.put("s")["id"]
    assert bench.run("DELETE", uid=uid).changed
    assert bench.client.words == ["delete s"]
    assert bench.client.looks[-2:] == [("wait", "delete", "s", "deleting snapshot s"), ("snapshot", "s")]


@pytest.mark.parametrize("wire", [{"autoCreated": True}, {"sourceSnapshotSchedulePolicy": "regions/z/resourcePolicies/daily"}])
def test_one_that_a_schedule_made_is_left_to_it(bench: Bench, wire: Wire) -> None:
    bench.client.put("s", **wire)
    with pytest.raises(Conflict, match="include_scheduled"):
        bench.run("DELETE", name="s")
    assert bench.run("DELETE", name="s", include_scheduled=True).changed


def test_part_of_a_backup_is_known_by_labels_and_name_together(bench: Bench) -> None:
    bench.client.put(PART, labels=LABELS_OF_PART)
    with pytest.raises(Conflict, match=f'it is a part of the backup "web-{MOMENT}" of a VM, which cannot be restored without it'):
        bench.run("DELETE", name=PART)
    assert bench.client.sent == []


def test_snapshot_with_labels_that_another_tool_has_copied_is_an_ordinary_one(bench: Bench) -> None:
    bench.client.put(PART, labels=LABELS_OF_PART)
    bench.client.put("copied", labels=LABELS_OF_PART)
    outcome = bench.run("INSPECT_ONE", name="copied")
    assert outcome.record is not None
    assert outcome.record.details["backup"] is None
    removed = bench.run("DELETE", source_disk="data", all_snapshots=True)
    assert [record.name for record in removed.records or []] == ["copied"]
    assert list(bench.client.snapshots) == [PART]


def test_snapshot_that_a_restore_in_another_zone_reads_is_held(bench: Bench) -> None:
    labels = {"mcr-restore": "r1", "mcr-vm": "web", "mcr-zone": "y-b", "mcr-lock": "free-r-1", "mcr-lock-for": "restore_r1", "mcr-disks": "2"}
    source = "https://www.googleapis.com/compute/v1/projects/p/global/snapshots/s"
    bench.client.put_disk("projects/p/zones/y-b/disks/new", "66", labels=labels, sourceSnapshot=source)
    bench.client.put("s")
    for options in ({"name": "s"}, {"source_disk": "data", "all_snapshots": True}):
        with pytest.raises(Conflict, match='is read by the restore "r1" of VM "web", which is not complete'):
            bench.run("DELETE", **options)
    assert bench.client.sent == []
    assert ("instance", "y-b", "web") in bench.client.looks
    assert "labels.mcr-restore:*" in bench.client.filters


# -- Looking


def test_everything_that_is_known_is_in_the_record(bench: Bench) -> None:
    bench.client.put(
        PART,
        disk=BIG,
        disk_id="22",
        description="text",
        labels={"env": "prod", "mcr-expires": "20260401-000000", "mcr-consistency": "application", **LABELS_OF_PART},
        snapshotType="ARCHIVE",
        snapshotEncryptionKey={"kmsKeyName": "k/cryptoKeyVersions/1"},
        sourceSnapshotSchedulePolicy="https://x/projects/p/regions/z/resourcePolicies/daily",
    )
    outcome = bench.run("INSPECT_ONE", name=PART)
    assert outcome.record is not None
    assert outcome.record.as_result() == {
        "name": PART,
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
        "backup": f"web-{MOMENT}",
        "self_link": f"https://www.googleapis.com/compute/v1/projects/p/global/snapshots/{PART}",
    }


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"status": ["UPLOADING"]}, ["db-1"]),
        ({"status": ["READY"]}, ["web-1", "old"]),
        ({"name_filter": "-1"}, ["web-1", "db-1"]),
        ({"source_disk": "data"}, ["web-1", "old"]),
        ({"source_disk": "data", "zone": None}, ["web-1", "old"]),
        ({"source_disk": "11"}, ["web-1"]),
        ({"source_disk": "big", "zone": None}, ["db-1"]),
        ({"source_disk": "regions/z/disks/big"}, ["db-1"]),
    ],
)
def test_filters_of_a_list(bench: Bench, options: dict[str, Any], names: list[str]) -> None:
    bench.client.put("web-1")
    bench.client.put("db-1", disk=BIG, disk_id="22", status="UPLOADING")
    bench.client.put("old", disk_id="7")
    assert bench.names(**options) == names
    assert [look[0] for look in bench.client.looks] == ["snapshots"]


def test_place_that_does_not_exist_is_no_empty_list(bench: Bench) -> None:
    bench.client.put("web-1")
    assert bench.names(source_disk="data", zone="z-b") == []
    bench.client.missing = {"z-b": NotFound("zone z-b was not found.")}
    with pytest.raises(NotFound, match="zone z-b was not found"):
        bench.names(source_disk="data", zone="z-b")
    bench.client.missing = {"z-b": AuthenticationFailed("compute.disks.get is missing.", http_status=403)}
    assert bench.names(source_disk="data", zone="z-b") == []
    assert "compute.disks.get is missing." in bench.warnings
    assert bench.names(source_disk="none", zone=None) == []


def test_filter_by_labels_is_the_servers_where_it_is_exact(bench: Bench) -> None:
    bench.client.put("right", labels={"env": "prod", "empty": ""})
    bench.client.put("wrong", labels={"env": "prod", "empty": "no"})
    assert bench.names(tags={"env": "prod", "empty": ""}) == ["right"]
    assert bench.client.filters == ['labels.env="prod" AND labels.empty:*']


def test_ten_thousand_are_listed_in_a_moment(bench: Bench) -> None:
    for number in range(10000):
        bench.client.put(f"s-{number}", labels={"env": "prod"})
    # Of this process alone: how busy the machine is must not matter.
    began_s = time.process_time()
    assert len(bench.names(tags={"env": "prod"}, name_filter="s-")) == 10000
    assert time.process_time() - began_s < 10


# -- Options that make no sense

RUNS: dict[str, Callable[[Bench, dict[str, Any]], object]] = {
    "CREATE": lambda bench, options: bench.create(**options),
    **{operation: lambda bench, options, operation=operation: bench.run(operation, **options) for operation in ("DELETE", "INSPECT_ALL")},  # type: ignore[misc]
}


@pytest.mark.parametrize(
    ("operation", "options", "word"),
    [
        ("CREATE", {"source_disk": None}, "source_disk"),
        ("CREATE", {"source_disk": ""}, "source_disk"),
        ("CREATE", {"source_disk": "Data"}, "source_disk"),
        ("CREATE", {"zone": None}, r"zone \(GCP_ZONE\)"),
        ("CREATE", {"zone": "Europe/b"}, 'zone: "Europe/b"'),
        ("CREATE", {"name": "Nightly"}, "name"),
        ("CREATE", {"name": "n" * 64}, "name"),
        ("CREATE", {"name": "1"}, "name"),
        ("CREATE", {"min_age": 5}, "min_age"),
        ("CREATE", {"name": None, "min_age": 0}, "min_age"),
        ("CREATE", {"retention_days": 0}, "retention_days"),
        ("CREATE", {"retention_days": 10**9}, "retention_days"),
        ("CREATE", {"tags": {"Env": "x"}}, "tags"),
        ("CREATE", {"tags": {"mcr-expires": "x"}}, "mcr-"),
        ("CREATE", {"description": "x" * 2049}, "description"),
        ("CREATE", {"kms_key": "my-key"}, "kms_key"),
        ("CREATE", {"disk_encryption_keys": {"data": "short"}}, "disk_encryption_keys"),
        ("CREATE", {"project_id": None}, r"project_id.*GCP_PROJECT"),
        ("DELETE", {}, "needs one of: name, uid, source_disk"),
        ("DELETE", {"source_disk": "data", "retention": {"expired": False}}, "at least one rule"),
        ("DELETE", {"source_disk": "data", "zone": None, "all_snapshots": True}, "where the disk is"),
        ("DELETE", {"source_disk": "zones/Z/disks/data", "all_snapshots": True}, "source_disk"),
        ("DELETE", {"uid": "s"}, "those are numbers"),
        ("DELETE", {"uid": "²"}, "those are numbers"),
        ("DELETE", {"name": "s", "name_filter": "s"}, "name_filter"),
        ("DELETE", {"name": "s", "tags": {"A": "b"}}, "tags"),
        ("INSPECT_ALL", {"status": ["suceeded"]}, "READY"),
        ("INSPECT_ALL", {"status": ["Ready"]}, "READY"),
        ("INSPECT_ALL", {"status": ["INVALID"]}, "READY"),
        ("INSPECT_ALL", {"name_filter": "WEB-1"}, "is part of no name: names are lower case letters, digits and hyphens"),
        ("INSPECT_ALL", {"name_filter": "../../x"}, "is part of no name"),
        ("INSPECT_ALL", {"name_filter": "a b"}, "is part of no name"),
        ("INSPECT_ALL", {"name_filter": "web\n"}, "name_filter"),
        ("INSPECT_ALL", {"name_filter": "x" * 64}, "at most 63"),
        ("INSPECT_ALL", {"source_disk": "Data"}, "source_disk"),
        ("INSPECT_ALL", {"source_disk": "data", "zone": "EUROPE"}, "zone"),
        ("INSPECT_ALL", {"source_disk": "data", "region": "a/b"}, "region"),
        ("INSPECT_ALL", {"source_disk": "a/b"}, "is no link to a disk"),
        ("INSPECT_ALL", {"tags": {"Env": "x"}}, "tags"),
    ],
)
def test_option_that_makes_no_sense_is_refused_before_any_request(bench: Bench, operation: str, options: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidRequest, match=word):
        RUNS[operation](bench, options)
    assert (bench.client.sent, bench.client.looks) == ([], [])


def test_key_of_another_disk_only_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidRequest, match="disk_encryption_keys has no key for the disk data"):
        bench.create(disk_encryption_keys={"other": KEY})
    assert bench.client.sent == []


def test_uid_has_no_use_and_gives_a_warning(bench: Bench) -> None:
    bench.create(uid="1234")
    assert "uid" in bench.warnings


# -- Beside restores of VMs


def test_snapshot_is_held_as_long_as_a_restore_that_reads_it_is_under_way(make_bench: Callable[..., VmBench]) -> None:
    vms = make_bench()
    with mock.patch.dict(vm_bench.MODULES, snapshot=registry.SNAPSHOT):

        def snapshot(operation: str, **options: Any) -> Ran:
            return vms.run("snapshot", operation, name="s", vm_name=None, lock_ttl=None, **options)

        assert snapshot("CREATE", source_disk="web-1-data").ok
        assert vms.restore(snapshots={"data": "s"}).ok
        vms.hold("restore_r1")
        message = vms.refused(snapshot("DELETE"), "Conflict")
        assert message.startswith('snapshot "s" is read by the restore "r1" of VM "web-1" (run abc123). Nothing was deleted')
        vms.change_vm(labels={key: value for key, value in vms.labels().items() if not key.startswith("mcr-lock")})
        assert snapshot("DELETE").ok
        assert vms.names("snapshots") == []
