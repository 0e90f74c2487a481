# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a VM is kept for building it again: nothing that the API would not take back, all that it would, no key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.build import move
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.disks import DISK_OUTPUT_ONLY, disk_of, encryption, model_of, read_note
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.keys import needs_own_key
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.manifest import OUTPUT_ONLY, strip_instance
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.objects import Disk
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.manifest import VERSION, compact

Wire = dict[str, Any]

DISK = "disk"
# Schema of the API and where its objects stand in a VM; a disk is read on its own.
PLACES = {
    "Instance": "",
    "AttachedDisk": "disks",
    "NetworkInterface": "networkInterfaces",
    "AccessConfig": "networkInterfaces.accessConfigs",
    "Disk": DISK,
}


@pytest.fixture(scope="module")
def schemas() -> dict[str, Wire]:
    """The API's own description."""
    client = pytest.importorskip("googleapiclient")
    path = Path(client.__file__).parent / "discovery_cache" / "documents" / "compute.v1.json"
    if not path.exists():
        pytest.skip("this googleapiclient brings no description of Compute Engine")
    found: dict[str, Wire] = json.loads(path.read_text(encoding="utf-8"))["schemas"]
    return found


def output_only(schema: Wire) -> set[str]:
    marks = ("[Output Only]", "Output only")
    return {name for name, part in schema["properties"].items() if part.get("readOnly") or part.get("description", "").lstrip().startswith(marks)}


def dropped(place: str) -> set[str]:
    return set(DISK_OUTPUT_ONLY if place == DISK else OUTPUT_ONLY[place])


@pytest.mark.parametrize("name", PLACES)
def test_what_the_api_calls_output_only_is_dropped(schemas: dict[str, Wire], name: str) -> None:
    assert output_only(schemas[name]), "the description marks nothing: the test has gone blind"
    assert output_only(schemas[name]) - dropped(PLACES[name]) == set()


def test_every_list_of_what_is_dropped_stands_where_the_api_has_such_a_member(schemas: dict[str, Wire]) -> None:
    for place in filter(None, OUTPUT_ONLY):
        schema = schemas["Instance"]
        for part in place.split("."):
            member = schema["properties"][part]
            schema = schemas[member.get("$ref") or member["items"]["$ref"]]


def test_output_only_members_are_dropped_at_their_place_only() -> None:
    wire = {
        "name": "web",
        "status": "RUNNING",
        "disks": [{"kind": "k", "deviceName": "boot", "index": 0, "source": "d"}],
        "networkInterfaces": [{"name": "nic0", "networkIP": "10.0.0.2", "accessConfigs": [{"kind": "k", "name": "External NAT"}]}],
        "metadata": {"fingerprint": "f", "items": [{"key": "status", "value": "kind"}]},
    }
    assert strip_instance(wire) == {
        "name": "web",
        "disks": [{"deviceName": "boot", "source": "d"}],
        "networkInterfaces": [{"networkIP": "10.0.0.2", "accessConfigs": [{"name": "External NAT"}]}],
        "metadata": {"items": [{"key": "status", "value": "kind"}]},
    }


def test_labels_of_the_user_are_kept_whatever_they_are_called_and_ours_are_not() -> None:
    labels = {"kind": "web", "status": "prod", "mcr-lock": "abc-r-1", "mcr-lock-for": "restore_r1"}
    assert strip_instance({"labels": labels}) == {"labels": {"kind": "web", "status": "prod"}}
    assert strip_instance({"labels": {"mcr-lock": "abc-r-1"}}) == {}


def test_stripping_leaves_what_was_read_whole() -> None:
    wire = {"status": "RUNNING", "labels": {"a": "b", "mcr-vm": "web"}}
    strip_instance(wire)
    assert wire == {"status": "RUNNING", "labels": {"a": "b", "mcr-vm": "web"}}


def test_disk_is_kept_as_a_new_one_is_made() -> None:
    path = "projects/p/zones/europe-west1-b/disks/web"
    wire = {
        "name": "web",
        "status": "READY",
        "users": ["i"],
        "sourceImage": "debian",
        "sizeGb": "10",
        "type": "pd-ssd",
        "provisionedIops": "3000",
        "resourcePolicies": ["daily"],
        "diskEncryptionKey": {"sha256": "mark", "rawKey": "secret"},
    }
    disk = Disk("web", "1", path, "READY", None, "", {"team": "a", "mcr-vm": "web"}, "f", wire, 10, "pd-ssd", (), "", "")
    assert model_of(disk_of(disk)) == {
        "sizeGb": "10",
        "type": "pd-ssd",
        "provisionedIops": "3000",
        "resourcePolicies": ["daily"],
        "diskEncryptionKey": {"sha256": "mark"},
        "labels": {"team": "a"},
        "place": "zones/europe-west1-b",
    }


# Encryption


def test_own_key_is_kept_as_a_mark_and_not_as_a_key() -> None:
    assert encryption({"rawKey": "secret", "sha256": "mark"}) == {"sha256": "mark"}


def test_key_of_the_key_service_is_kept_without_its_version() -> None:
    name = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
    assert encryption({"kmsKeyName": f"{name}/cryptoKeyVersions/3", "sha256": "mark"}) == {"kmsKeyName": name}


@pytest.mark.parametrize(("key", "own"), [(None, False), ({}, False), ({"sha256": "mark"}, True), ({"kmsKeyName": "k", "sha256": "mark"}, False)])
def test_own_key_is_one_that_no_service_has(key: Wire | None, own: bool) -> None:
    assert needs_own_key(key) is own


# Notes and zones


@pytest.mark.parametrize("text", ["", "made by hand", "[]", '{"device": "data"}', '{"version": 99}'])
def test_description_that_is_not_ours_tells_nothing(text: str) -> None:
    assert read_note(text) == {}


def test_note_is_read_as_it_was_written() -> None:
    facts = {"version": VERSION, "device": "data", "index": 1}
    assert read_note(compact(facts)) == facts


def test_move_changes_zone_and_region_in_urls_only_and_never_the_guests_own_text() -> None:
    wire = {
        "machineType": "projects/p/zones/europe-west1-b/machineTypes/n2",
        "net": [{"subnetwork": "projects/p/regions/europe-west1/subnetworks/default"}],
        "name": "europe-west1-b",
        "network": "projects/p/global/networks/default",
        "metadata": {"items": [{"key": "startup-script", "value": "gcloud ssh zones/europe-west1-b/instances/db-1"}]},
    }
    assert move(wire, "europe-west1-b", "europe-west4-a") == {
        "machineType": "projects/p/zones/europe-west4-a/machineTypes/n2",
        "net": [{"subnetwork": "projects/p/regions/europe-west4/subnetworks/default"}],
        "name": "europe-west1-b",
        "network": "projects/p/global/networks/default",
        "metadata": {"items": [{"key": "startup-script", "value": "gcloud ssh zones/europe-west1-b/instances/db-1"}]},
    }
