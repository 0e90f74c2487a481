# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of backups and restores that make no sense are refused, by name, before the first request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.module_utils.backends.gce.vm_bench import FIRST, VM, ZONE, VmBench

MANY: Mapping[str, Any] = {"vm_name": None, "vm_names": ["web-1", "db-1"]}
BAD_TAGS = [({"Upper": "x"}, "cannot be the key"), ({"a": "Not Legal"}, "cannot be a label"), ({"mcr-vm": "x"}, "begins with mcr-"), ({"a": True}, "in quotes")]


def refused(bench: VmBench, module: str, operation: str, options: Mapping[str, Any]) -> str:
    """The message of a task that is refused without any request."""
    ran = bench.run(module, operation, **options)
    message = bench.refused(ran, "InvalidRequest")
    assert ran.paths == []
    return message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"vm_name": None}, "give one of vm_name, vm_names and vm_filter"),
        ({"vm_names": ["a"]}, "not vm_name and vm_names"),
        ({"vm_filter": {"app": "web"}}, "not vm_name and vm_filter"),
        ({"vm_name": None, "vm_names": ["a"], "vm_filter": {"app": "web"}}, "not vm_names and vm_filter"),
        ({**MANY, "name": f"web-1-{FIRST}"}, "name is for one backup"),
        ({"snapshot_datetime": "yesterday"}, "snapshot_datetime must be a date and time in UTC"),
        ({"snapshot_datetime": "latest"}, "snapshot_datetime must be a date and time in UTC"),
        ({"name": "nightly"}, "is not the name of a backup"),
        ({"name": f"db-1-{FIRST}"}, "disagrees with vm_name or snapshot_datetime"),
        ({"name": f"web-1-{FIRST}", "snapshot_datetime": "20260102-000000"}, "disagrees with vm_name or snapshot_datetime"),
        ({"image_family": "web"}, "image_family needs method: image"),
        ({"consistency": "application", "method": "image"}, "images have no guest flush"),
        ({"wait": False, "retire_source": True}, "it cannot go with retire_source: true"),
        ({"wait": False, "consistency": "stopped"}, "it cannot go with consistency: stopped"),
        ({"retire_source": True, "exclude_disks": ["data"]}, "every disk must be saved"),
        ({"method": "machine_image", "exclude_disks": ["data"]}, "a machine image holds every disk"),
        ({"lock_ttl": 4}, "lock_ttl must be between 5 and 3600, not 4"),
        ({"max_parallel": 0}, "max_parallel must be between 1 and 256"),
        ({"name": ""}, "name must not be empty"),
        ({"zone": None}, "needs the option zone"),
        ({"project_id": None}, "needs the option project_id"),
        *(({"tags": tags}, words) for tags, words in BAD_TAGS),
    ],
)
def test_backup_that_makes_no_sense_is_refused(bench: VmBench, options: Mapping[str, Any], words: str) -> None:
    assert words in refused(bench, "backup", "CREATE", options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs one of: name, uid, vm_name"),
        ({"vm_name": VM}, "DELETE needs the name of a backup, or vm_name with retention"),
        ({"name": f"{VM}-{FIRST}", "retention": {"keep_last": 3}}, "retention needs vm_name"),
        ({"vm_name": VM, "retention": {}}, "needs at least one rule"),
        ({"vm_name": VM, "retention": {"keep_last": 0}}, "retention.keep_last must be at least 1, not 0"),
        ({"vm_name": VM, "retention": {"older_than": "6m"}}, "must be a number and a unit, h, d or w"),
        ({"vm_name": VM, "retention": {"expired": False}}, "needs at least one rule"),
        ({"name": "nightly"}, "is not the name of a backup"),
        ({"name": f"{VM}-{FIRST}", "vm_name": "db-1"}, "disagrees with vm_name"),
        ({"uid": f"us-central1-a/{VM}-{FIRST}"}, "uid and name or zone disagree"),
        ({"uid": f"{ZONE}/{VM}-{FIRST}", "name": f"{VM}-20260102-000000"}, "uid and name or zone disagree"),
        ({"name": f"{VM}-{FIRST}", "name_filter": "web"}, "operation DELETE does not use the option name_filter"),
        ({"name": f"{VM}-{FIRST}", "status": ["failed"]}, "operation DELETE does not use the option status"),
    ],
)
def test_deletion_of_backups_that_makes_no_sense_is_refused(bench: VmBench, options: Mapping[str, Any], words: str) -> None:
    assert words in refused(bench, "backup", "DELETE", options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"vm_name": None}, "give one of vm_name, vm_names and vm_filter"),
        ({"vm_names": ["a"]}, "not vm_name and vm_names"),
        ({"snapshot_datetime": None}, "say what to restore from with one of snapshot_datetime, backup, snapshots, source_image, image_family, rollback_of"),
        ({"backup": f"{VM}-{FIRST}"}, "not snapshot_datetime and backup"),
        ({"image_family": "web", "snapshot_datetime": None, "source_image": "x"}, "not source_image and image_family"),
        ({"rollback_of": "r0"}, "not snapshot_datetime and rollback_of"),
        ({"snapshot_datetime": "yesterday"}, "snapshot_datetime must be a date and time in UTC"),
        ({"snapshot_datetime": None, "backup": "nightly"}, "is not the name of a backup"),
        ({"wait": False}, "wait: false would leave the VM stopped"),
        ({"strategy": "new"}, "strategy new needs new_vm_name"),
        ({"strategy": "new", "new_vm_name": "copy", "old_disks": "delete"}, "makes no sense with strategy new"),
        ({"new_vm_name": "copy"}, "new_vm_name goes with strategy: new only"),
        ({"new_zone": "europe-west4-a"}, "new_zone goes with strategy: new only"),
        ({"ensure_network": True}, "ensure_network goes with strategy: new only"),
        ({**MANY, "strategy": "new", "new_vm_name": "copy"}, 'new_vm_name must hold "{vm}"'),
        ({**MANY, "snapshot_datetime": None, "snapshots": {"a": "b"}}, "snapshots and backup are of one VM"),
        ({**MANY, "snapshot_datetime": None, "backup": f"{VM}-{FIRST}"}, "snapshots and backup are of one VM"),
        ({"allow_lost": ["everything", "iam_policy"]}, "allow_lost: everything is none of instance_groups"),
        ({"name": "Has Capitals"}, "name must be lower case letters"),
        ({"name": "r" * 51}, "at most 50"),
        ({"name": "-r"}, "name must be lower case letters"),
        ({"lock_ttl": 4}, "lock_ttl must be between 5 and 3600, not 4"),
        *(({"tags": tags}, words) for tags, words in BAD_TAGS),
    ],
)
def test_restore_that_makes_no_sense_is_refused(bench: VmBench, options: Mapping[str, Any], words: str) -> None:
    assert words in refused(bench, "restore", "CREATE", {"name": "r1", "snapshot_datetime": "latest", **options})


@pytest.mark.parametrize("operation", ["DELETE", "INSPECT_ONE"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs one of: name, uid"),
        ({"vm_name": VM}, "needs one of: name, uid"),
        ({"uid": "r1"}, "uid is zone, VM and name"),
        ({"uid": f"{ZONE}/{VM}/r1", "name": "r2"}, "disagree"),
        ({"uid": f"{ZONE}/{VM}/r1", "vm_name": "db-1"}, "disagree"),
    ],
)
def test_restore_that_nothing_names_is_neither_deleted_nor_inspected(bench: VmBench, operation: str, options: Mapping[str, Any], words: str) -> None:
    assert words in refused(bench, "restore", operation, options)


@pytest.mark.parametrize("module", ["backup", "restore"])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("vm_name", value) for value in ("../../x", "a/b", "WEB-1", "web-1\n", "web\0", " web-1 ")),
        *(("name_filter", value) for value in ("../../x", "a/b", "WEB-1", "web\n", "web\0", " web ")),
        ("status", ["suceeded"]),
        *(("zone", value) for value in ("europe", "europe-west1", "us-south1-ai1", "EUROPE-west1-b")),
    ],
)
def test_list_by_what_nothing_can_have_is_refused(bench: VmBench, module: str, option: str, value: Any) -> None:
    """A list that is wrongly empty is a false statement in a disaster."""
    assert option in refused(bench, module, "INSPECT_ALL", {option: value})


@pytest.mark.parametrize("zone", ["europe-west1-b", "us-south1-ai1b", "northamerica-northeast1-a", "us-central1-ai1a"])
def test_zone_of_any_kind_is_taken(bench: VmBench, zone: str) -> None:
    assert bench.run("backup", "INSPECT_ALL", zone=zone).ok.message == "Found 0 backups"


def test_uid_stands_for_the_zone_vm_and_name(bench: VmBench) -> None:
    assert "already absent" in bench.run("restore", "DELETE", uid=f"{ZONE}/{VM}/r1").ok.message


@pytest.mark.parametrize("text", ["no JSON", "{}"])
def test_manifest_file_that_is_none_is_refused_before_anything_is_changed(bench: VmBench, tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    bench.backup()
    assert "manifest_file" in bench.refused(bench.restore(manifest_file=str(tmp_path / "m.json")), "InvalidRequest")
    assert "manifest is no manifest" in bench.refused(bench.restore(manifest={"a": "b"}), "InvalidRequest")


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _level in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"instance": []}, 'it must have "instance"'),
        ({"instance": {"disks": "x"}}, '"disks" of "instance" must be a list of objects'),
        ({"instance": {"disks": ["x"]}}, '"disks" of "instance" must be a list of objects'),
        ({"instance": {"networkInterfaces": {}}}, '"networkInterfaces" of "instance" must be a list of objects'),
        ({"instance": {}, "disks": [1]}, '"disks" must be a map from device to object'),
        ({"instance": {}, "disks": {"data": "x"}}, '"disks" must be a map from device to object'),
        ({"instance": {}, "disks": {"data": {}}}, 'each of "disks" must have "place"'),
        ({"instance": {}, "provider": "ibm"}, "it is a manifest of provider ibm"),
        ({"instance": {}, "vm": 7}, "vm, zone, uid and provider must be texts"),
        ({"instance": {"labels": nested(50)}}, "it is nested more than 40 levels deep"),
    ],
)
def test_manifest_that_is_malformed_is_refused_by_what_is_wrong_with_it(bench: VmBench, tmp_path: Path, parts: dict[str, Any], words: str) -> None:
    assert bench.backup().ok
    bench.lose_vm()
    document = {"version": 1, **parts}
    (tmp_path / "m.json").write_text(json.dumps(document))
    assert words in bench.refused(bench.restore(manifest=document), "InvalidRequest")
    assert words in bench.refused(bench.restore(manifest_file=str(tmp_path / "m.json")), "InvalidRequest")


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_key_that_is_none_is_refused_without_quoting_it(bench: VmBench, module: str) -> None:
    point = {"name": "r1", "snapshot_datetime": "latest"} if module == "restore" else {}
    message = refused(bench, module, "CREATE", {**point, "disk_encryption_keys": {"data": "not-a-key"}})
    assert "disk_encryption_keys" in message
    assert "data" in message
    assert "not-a-key" not in message
