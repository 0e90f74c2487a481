# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What disks, snapshots and images are made from: what is refused, what is warned of, and what stays as long as it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simulator.gce.rules import INPUT_ONLY

from .conftest import ZONAL, Api, vm_body

INVALID = (400, "invalid")
IN_USE = (400, "resourceInUseByAnotherResource")
KMS = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"


def image(api: Api, name: str, source: str = "d", **body: Any) -> dict[str, Any]:
    return api.do("POST", "global/images", {"name": name, "sourceDisk": f"{ZONAL}/disks/{source}", **body})


def warnings(operation: dict[str, Any]) -> list[str]:
    return [item["code"] for item in operation.get("warnings", [])]


@pytest.mark.parametrize("state", ["OBSOLETE", "DELETED"])
def test_nothing_is_made_from_an_image_that_is_obsolete(gce: Api, state: str):
    gce.disk("d")
    image(gce, "i")
    gce.do("POST", "global/images/i/deprecate", {"state": state})
    source = {"sourceImage": "global/images/i"}
    assert gce.refused("POST", f"{ZONAL}/disks", {"name": "n", **source}) == INVALID
    assert gce.refused("POST", "global/images", {"name": "n", **source}) == INVALID
    boot = {"boot": True, "initializeParams": source}
    assert gce.refused("POST", f"{ZONAL}/instances", vm_body("n", disks=[boot])) == INVALID


def test_the_use_of_a_deprecated_image_brings_a_warning(gce: Api):
    gce.disk("d")
    for name in ("old", "new"):
        image(gce, name)
    gce.do("POST", "global/images/old/deprecate", {"state": "DEPRECATED", "replacement": "global/images/new"})
    source = {"sourceImage": "global/images/old"}
    paths = [f"projects/{gce.project}/global/images/{name}" for name in ("old", "new")]
    wanted = f"The resource '{paths[0]}' is deprecated. A suggested replacement is '{paths[1]}'."
    for path, body in ((f"{ZONAL}/disks", {"name": "n", **source}), ("global/images", {"name": "n", **source})):
        operation = gce.do("POST", path, body)
        assert [(item["code"], item["message"]) for item in operation["warnings"]] == [("DEPRECATED_RESOURCE_USED", wanted)]


def test_a_disk_larger_than_its_image_brings_a_warning(gce: Api):
    gce.disk("d")
    image(gce, "i")
    operation = gce.do("POST", f"{ZONAL}/disks", {"name": "n", "sizeGb": "50", "sourceImage": "global/images/i"})
    assert warnings(operation) == ["DISK_SIZE_LARGER_THAN_IMAGE_SIZE"]
    assert operation["warnings"][0]["message"].startswith("Disk size: '50 GB' is larger than image size: '10 GB'.")
    assert warnings(gce.do("POST", f"{ZONAL}/disks", {"name": "m", "sizeGb": "10", "sourceImage": "global/images/i"})) == []


def test_a_disk_larger_than_its_snapshot_brings_none(gce: Api):
    gce.disk("d")
    gce.snapshot("s", "d")
    assert warnings(gce.disk("n", sourceSnapshot="global/snapshots/s", sizeGb="50")) == []


@pytest.mark.parametrize("kind", ["snapshots", "images", "machineImages"])
def test_what_a_disk_is_made_from_is_not_deleted_meanwhile(web: Api, kind: str):
    source = f"global/{kind}/it"
    body: dict[str, Any] = {"sourceInstance": f"{ZONAL}/instances/web-1"} if kind == "machineImages" else {"sourceDisk": f"{ZONAL}/disks/web-1"}
    web.do("POST", f"global/{kind}", {"name": "it", **body}, **({"forceCreate": "true"} if kind == "images" else {}))
    field = {"snapshots": "sourceSnapshot", "images": "sourceImage", "machineImages": "sourceMachineImage"}[kind]
    device = {"sourceMachineImageDiskDeviceName": "web-1"} if kind == "machineImages" else {}
    web.control.settings(operation_s=0.2)
    operation = web.start("POST", f"{ZONAL}/disks", {"name": "n", field: source, **device})
    response = web.send("DELETE", source)
    assert (response.status_code, response.json()["error"]["errors"][0]["reason"]) == IN_USE
    project = f"projects/{web.project}"
    word = {"snapshots": "snapshot", "images": "image", "machineImages": "machineImage"}[kind]
    assert response.json()["error"]["message"] == f"The {word} resource '{project}/{source}' is already being used by '{project}/{ZONAL}/disks/n'"
    web.wait(operation)
    web.do("DELETE", source)


def test_what_a_vm_or_an_image_is_made_from_is_not_deleted_meanwhile(web: Api):
    web.snapshot("s", "web-1")
    web.control.settings(operation_s=0.2)
    boot = {"boot": True, "initializeParams": {"sourceSnapshot": "global/snapshots/s"}}
    first = web.start("POST", f"{ZONAL}/instances", vm_body("vm", disks=[boot]))
    assert web.refused("DELETE", "global/snapshots/s") == IN_USE
    web.wait(first)
    second = web.start("POST", "global/images", {"name": "i", "sourceSnapshot": "global/snapshots/s"})
    assert web.refused("DELETE", "global/snapshots/s") == IN_USE
    web.wait(second)
    web.do("DELETE", "global/snapshots/s")


def test_a_guest_can_only_flush_when_a_vm_that_runs_has_the_disk(web: Api):
    web.disk("alone")
    flush = {"guestFlush": True}
    assert web.refused("POST", "global/snapshots", {"name": "s", "sourceDisk": f"{ZONAL}/disks/alone", **flush}) == INVALID
    assert web.refused("POST", f"{ZONAL}/disks/alone/createSnapshot", {"name": "s"}, guestFlush="true") == INVALID
    web.snapshot("s", "web-1", **flush)
    # It is no part of what answers show.
    assert "guestFlush" not in web.get("global/snapshots/s")
    web.do("POST", f"{ZONAL}/instances/web-1/stop")
    assert web.refused("POST", "global/snapshots", {"name": "t", "sourceDisk": f"{ZONAL}/disks/web-1", **flush}) == INVALID
    body = {"name": "m", "sourceInstance": f"{ZONAL}/instances/web-1", **flush}
    assert web.refused("POST", "global/machineImages", body) == INVALID


@pytest.mark.parametrize("locations", [["mars"], ["eu", "us"], ["europe-west1-b"]])
def test_what_is_saved_is_kept_in_one_place_that_exists(web: Api, locations: list[str]):
    where = {"storageLocations": locations}
    assert web.refused("POST", "global/snapshots", {"name": "x", "sourceDisk": f"{ZONAL}/disks/web-1", **where}) == INVALID
    assert web.refused("POST", "global/images", {"name": "x", "sourceDisk": f"{ZONAL}/disks/web-1", **where}, forceCreate="true") == INVALID
    assert web.refused("POST", "global/machineImages", {"name": "x", "sourceInstance": f"{ZONAL}/instances/web-1", **where}) == INVALID
    web.snapshot("x", storageLocations=["europe-west4"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{ZONAL}/disks", {"sizeGb": "10", "diskEncryptionKey": {}}),
        (f"{ZONAL}/disks", {"sourceSnapshot": "global/snapshots/s", "sourceSnapshotEncryptionKey": {}}),
        ("global/snapshots", {"sourceDisk": f"{ZONAL}/disks/d", "sourceDiskEncryptionKey": {}}),
        ("global/snapshots", {"sourceDisk": f"{ZONAL}/disks/d", "snapshotEncryptionKey": {}}),
        ("global/images", {"sourceDisk": f"{ZONAL}/disks/d", "imageEncryptionKey": {}}),
    ],
)
def test_requests_name_a_key_and_answers_its_version(gce: Api, path: str, body: dict[str, Any]):
    gce.disk("d")
    gce.snapshot("s", "d")
    field = next(name for name, value in body.items() if value == {})
    wrong = {"name": "n", **body, field: {"kmsKeyName": f"{KMS}/cryptoKeyVersions/3"}}
    assert gce.refused("POST", path, wrong) == INVALID
    gce.do("POST", path, {"name": "n", **body, field: {"kmsKeyName": KMS}})
    if not field.startswith("source"):
        assert gce.get(f"{path}/n")[field] == {"kmsKeyName": f"{KMS}/cryptoKeyVersions/1"}


def test_input_only_fields_are_those_of_the_document(gce: Api):
    from googleapiclient import discovery_cache

    text = discovery_cache.get_static_doc("compute", "v1")
    assert text is not None
    schemas = json.loads(text)["schemas"]
    names = {"disks": "Disk", "snapshots": "Snapshot", "images": "Image", "machineImages": "MachineImage"}
    names.update(instances="Instance", networks="Network", subnetworks="Subnetwork")
    for plural, schema in names.items():
        properties = schemas[schema]["properties"].items()
        fields = {name for name, value in properties if "[Input Only]" in value.get("description", "") and not value.get("readOnly")}
        assert fields == set(INPUT_ONLY[plural]), plural
