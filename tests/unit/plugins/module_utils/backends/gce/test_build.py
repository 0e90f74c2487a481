# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request that builds a VM: the manifest's own, a copy without what is there only once, and what the task changes."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from copy import deepcopy
from typing import Any
from unittest import mock

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.build import EXTERNAL_ADDRESS, INTERNAL_ADDRESS, addresses_of, instance_request
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.disks import GceDisks, disk_of
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.machines import GceMachines, attachment_of, attachment_request, machine_of
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.manifest import GceManifests
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce import objects as gce_objects
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Attachment, Device, Identity, Planned, Strategy, in_order
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.provider import BuildChanges
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.restore.devices import disk_name
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.restore.routes.exchange import differences

Wire = dict[str, Any]

SITE = "https://www.googleapis.com/compute/v1/"
PROJECT = f"{SITE}projects/p"
KEY = base64.b64encode(b"k" * 32).decode()
HERE, NEAR, FAR = "europe-west1-b", "europe-west1-c", "europe-west4-a"
MANIFEST: Wire = {
    "version": 1,
    "zone": HERE,
    "instance": {
        "name": "web",
        "machineType": f"{PROJECT}/zones/{HERE}/machineTypes/e2-medium",
        "hostname": "web.example.com",
        "description": "the web",
        "labels": {"app": "web"},
        "tags": {"items": ["http"]},
        "metadata": {"items": [{"key": "startup-script", "value": "old"}, {"key": "other", "value": "kept"}]},
        "serviceAccounts": [{"email": "e", "scopes": ["s"]}],
        "resourcePolicies": [f"{PROJECT}/regions/europe-west1/resourcePolicies/hours"],
        "reservationAffinity": {"consumeReservationType": "ANY_RESERVATION"},
        "aFieldThatTheSdkDrops": {"deep": [1]},
        "disks": [
            {"deviceName": "boot", "boot": True, "source": f"{PROJECT}/zones/{HERE}/disks/web", "autoDelete": True, "type": "PERSISTENT"},
            {"deviceName": "ssd", "type": "SCRATCH", "interface": "NVME", "mode": "READ_WRITE"},
        ],
        "networkInterfaces": [
            {
                "network": f"{PROJECT}/global/networks/default",
                "subnetwork": f"{PROJECT}/regions/europe-west1/subnetworks/default",
                "networkIP": "10.0.0.2",
                "aliasIpRanges": [{"ipCidrRange": "10.1.0.0/24"}],
                "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "name": "External NAT", "natIP": "1.2.3.4"}],
                "ipv6AccessConfigs": [{"externalIpv6": "2600::1"}],
            }
        ],
    },
}
CLIENT: Any = mock.Mock(project="p")


def attachment(
    device: str, disk: str, order: int, *, boot: bool = False, mode: str = "READ_WRITE", auto_delete: bool = True, interface: str = "SCSI"
) -> Attachment:
    return Attachment(device, disk, boot, order, {"mode": mode, "auto_delete": auto_delete}, {"interface": interface} if interface else {})


BOOT = attachment("boot", f"projects/p/zones/{HERE}/disks/new", 0, boot=True)
DATA = attachment("data", f"projects/p/zones/{HERE}/disks/data", 1, mode="READ_ONLY", auto_delete=False, interface="NVME")


def device(one: Attachment) -> Device:
    return Device(one.of(""), Planned(one.disk, one.disk.rpartition("/")[2], one.device))


def task(**options: Any) -> Task:
    every = {"tags": None, "machine_type": None, "startup_script": None, "network": None, "subnetwork": None, "allow_lost": None}
    return Task("restore", "CREATE", "gce", {**every, **options})


def request(manifest: Wire, name: str, zone: str, *disks: Attachment, copy: bool = False, lost: Iterable[str] = (), **options: Any) -> Wire:
    changes = BuildChanges(task(**options), Strategy.NEW if copy else Strategy.REPLACE)
    return instance_request(manifest, name, zone, [attachment_request(one) for one in disks or (BOOT,)], changes, tuple(lost))


def build(zone: str = HERE, name: str = "web", **given: Any) -> Wire:
    return request(deepcopy(MANIFEST), name, zone, **given)


def interface(body: Wire) -> Wire:
    (only,) = body["networkInterfaces"]
    return dict(only)


# The VM itself


def test_vm_is_built_as_the_manifest_has_it_field_by_field() -> None:
    body, before = build(), MANIFEST["instance"]
    assert {key: value for key, value in body.items() if key != "disks"} == {key: value for key, value in before.items() if key != "disks"}


def test_field_that_no_library_knows_is_carried() -> None:
    assert build()["aFieldThatTheSdkDrops"] == {"deep": [1]}


def test_building_leaves_the_manifest_whole() -> None:
    manifest = deepcopy(MANIFEST)
    request(manifest, "copy", FAR, copy=True, startup_script="new", network="other")
    assert manifest == MANIFEST


def test_disk_is_attached_as_its_device_was() -> None:
    assert build()["disks"][0] == {
        "source": BOOT.disk,
        "deviceName": "boot",
        "boot": True,
        "mode": "READ_WRITE",
        "autoDelete": True,
        "type": "PERSISTENT",
        "interface": "SCSI",
    }


def test_disks_are_in_the_order_of_the_devices_and_local_ssds_last_and_empty() -> None:
    manifest = deepcopy(MANIFEST)
    body = request(manifest, "web", HERE, BOOT, DATA)
    assert [disk["deviceName"] for disk in body["disks"]] == ["boot", "data", "ssd"]
    assert body["disks"][2]["initializeParams"]["diskType"] == f"zones/{HERE}/diskTypes/local-ssd"
    assert body["disks"][2]["autoDelete"] is True
    assert "source" not in body["disks"][2]


def test_customers_own_key_goes_with_its_disk_alone() -> None:
    manifest = {**deepcopy(MANIFEST), "disks": {"boot": {"place": "p"}, "data": {"place": "p", "diskEncryptionKey": {"sha256": "x"}}}}
    manifests = GceManifests(CLIENT, HERE, {"boot": KEY, "data": KEY}, print)
    body = manifests.build_request(manifest, "web", [BOOT, DATA], BuildChanges(task(), Strategy.REPLACE))
    assert [disk.get("diskEncryptionKey") for disk in body["disks"]] == [None, {"rawKey": KEY}, None]


# Addresses


def test_vm_that_is_replaced_keeps_its_addresses() -> None:
    kept = interface(build())
    assert (kept["networkIP"], kept["accessConfigs"][0]["natIP"], kept["aliasIpRanges"]) == ("10.0.0.2", "1.2.3.4", [{"ipCidrRange": "10.1.0.0/24"}])


def test_lost_external_address_leaves_the_access_and_the_internal_address() -> None:
    kept = interface(build(allow_lost=[EXTERNAL_ADDRESS]))
    assert kept["accessConfigs"] == [{"type": "ONE_TO_ONE_NAT", "name": "External NAT"}]
    assert kept["networkIP"] == "10.0.0.2"


def test_external_address_that_nobody_has_reserved_is_not_asked_for() -> None:
    assert interface(build(lost=["1.2.3.4"]))["accessConfigs"] == [{"type": "ONE_TO_ONE_NAT", "name": "External NAT"}]


def test_vm_that_is_built_as_before_takes_nothing_of_the_task() -> None:
    changes = BuildChanges(task(tags={"env": "drill"}, machine_type="e2-small", network="other", startup_script="new"), Strategy.REPLACE, as_before=True)
    body = instance_request(deepcopy(MANIFEST), "web", HERE, [], changes, ["1.2.3.4"])
    assert {key: value for key, value in body.items() if key != "disks"} == {key: value for key, value in MANIFEST["instance"].items() if key != "disks"}


def test_lost_internal_address_leaves_the_external_one() -> None:
    kept = interface(build(allow_lost=[INTERNAL_ADDRESS]))
    assert "networkIP" not in kept
    assert kept["accessConfigs"][0]["natIP"] == "1.2.3.4"


@pytest.mark.parametrize("zone", [HERE, NEAR, FAR])
def test_copy_takes_no_address_and_no_host_name_along(zone: str) -> None:
    body = build(zone, "copy", copy=True)
    assert not {"hostname", "reservationAffinity"} & set(body)
    assert not {"networkIP", "aliasIpRanges", "ipv6AccessConfigs"} & set(interface(body))
    assert interface(body)["accessConfigs"] == [{"type": "ONE_TO_ONE_NAT", "name": "External NAT"}]
    assert body["name"] == "copy"


def test_addresses_are_read_from_all_interfaces() -> None:
    assert addresses_of(MANIFEST["instance"]) == (["10.0.0.2"], ["1.2.3.4"])
    assert addresses_of({}) == ([], [])


# Places


def test_copy_in_another_zone_of_the_region_moves_the_zone_and_keeps_the_region() -> None:
    body = build(NEAR, copy=True)
    assert body["machineType"] == f"{PROJECT}/zones/{NEAR}/machineTypes/e2-medium"
    assert interface(body)["subnetwork"] == f"{PROJECT}/regions/europe-west1/subnetworks/default"
    assert body["resourcePolicies"] == MANIFEST["instance"]["resourcePolicies"]


def test_copy_in_another_region_moves_all_and_drops_regional_policies() -> None:
    body = build(FAR, copy=True)
    assert body["machineType"] == f"{PROJECT}/zones/{FAR}/machineTypes/e2-medium"
    assert interface(body)["subnetwork"] == f"{PROJECT}/regions/europe-west4/subnetworks/default"
    assert "resourcePolicies" not in body


# What the task changes


def test_machine_type_is_taken_by_name_or_by_path() -> None:
    assert build(machine_type="n2-standard-4")["machineType"] == f"zones/{HERE}/machineTypes/n2-standard-4"
    assert build(machine_type="zones/x/machineTypes/y")["machineType"] == "zones/x/machineTypes/y"


def test_startup_script_takes_the_place_of_the_old_one_and_other_metadata_stays() -> None:
    items = {item["key"]: item["value"] for item in build(startup_script="new")["metadata"]["items"]}
    assert items == {"startup-script": "new", "other": "kept"}


def test_startup_script_needs_no_metadata_before() -> None:
    manifest = deepcopy(MANIFEST)
    del manifest["instance"]["metadata"]
    body = request(manifest, "web", HERE, startup_script="new")
    assert body["metadata"] == {"items": [{"key": "startup-script", "value": "new"}]}


def test_other_network_takes_the_subnetwork_of_the_old_one_away() -> None:
    changed = interface(build(network="prod"))
    assert changed["network"] == "global/networks/prod"
    assert "subnetwork" not in changed


def test_other_subnetwork_decides_the_network() -> None:
    changed = interface(build(subnetwork="regions/r/subnetworks/s"))
    assert changed["subnetwork"] == "regions/r/subnetworks/s"
    assert "network" not in changed
    both = interface(build(network="prod", subnetwork="regions/r/subnetworks/s"))
    assert (both["network"], both["subnetwork"]) == ("global/networks/prod", "regions/r/subnetworks/s")


def test_labels_of_the_task_are_added() -> None:
    assert build(tags={"env": "drill"})["labels"] == {"app": "web", "env": "drill"}


def test_vm_that_never_was_has_one_boot_disk_and_one_interface() -> None:
    manifest = GceManifests(CLIENT, HERE, {}, print).scratch("new")
    body = request(manifest, "new", HERE, copy=True, machine_type="e2-small")
    assert [disk["boot"] for disk in body["disks"]] == [True]
    assert body["machineType"] == f"zones/{HERE}/machineTypes/e2-small"
    assert "natIP" not in interface(body)["accessConfigs"][0]


# Devices and their notes


def _planned(**model: Any) -> Planned:
    attached = attachment_of(
        gce_objects.attached_disk({"deviceName": "Odd_device.7", "index": 2, "mode": "READ_ONLY", "autoDelete": True, "interface": "NVME", "source": OLD})
    )
    own = bool("sha256" in model.get("diskEncryptionKey", {}))
    point = RecoveryPoint("projects/p/global/snapshots/s", "s", "77", device="Odd_device.7", size_gib=20, own_key=own)
    given = {"sizeGb": "10", "type": "t", "labels": {"app": "web"}, "place": f"zones/{HERE}", **model}
    note = {"version": 1, "restore": "r1", **MACHINES.facts(attached), "old": attached.disk, "source": point.ref}
    disks = GceDisks(CLIENT, HERE, {"Odd_device.7": KEY}, {})
    return disks.planned(attached, "new-disk", given, point, {"restore": "r1", "vm": "web", "zone": HERE, "disks": "3"}, note)


OLD = "projects/p/zones/z/disks/old"
MACHINES = GceMachines(CLIENT, HERE, {})


def test_new_disk_is_like_the_old_one_and_says_what_it_is_for() -> None:
    request = _planned().request
    assert request["type"] == "t"
    assert request["sourceSnapshot"] == "projects/p/global/snapshots/s"
    labels = request["labels"]
    assert (labels["app"], labels["mcr-restore"], labels["mcr-vm"], labels["mcr-zone"], labels["mcr-disks"]) == ("web", "r1", "web", HERE, "3")
    assert "place" not in request


def test_new_disk_is_as_large_as_the_larger_of_old_disk_and_snapshot() -> None:
    assert _planned(sizeGb="10").request["sizeGb"] == "20"
    assert _planned(sizeGb="500").request["sizeGb"] == "500"


def test_note_on_the_new_disk_tells_how_the_old_one_was_attached() -> None:
    planned = _planned()
    made = disk_of(gce_objects.disk({"name": planned.name, "selfLink": SITE + planned.ref, "description": planned.request["description"]}))
    assert MACHINES.noted(made.note) == attachment("Odd_device.7", OLD, 2, mode="READ_ONLY", interface="NVME")


def test_disk_with_a_description_that_is_not_ours_has_no_note() -> None:
    assert disk_of(gce_objects.disk({"name": "x", "selfLink": f"{SITE}projects/p/zones/z/disks/x", "description": "mine"})).note == {}


@pytest.mark.parametrize("one", [BOOT, DATA, attachment("data", "d", 3, interface="")])
def test_how_a_disk_is_attached_survives_as_a_label(one: Attachment) -> None:
    assert MACHINES.unpacked(MACHINES.packed(one), one.device, one.disk) == one


@pytest.mark.parametrize("text", ["", "1-b-rw-a", "x-b-rw-a-scsi", "1-q-rw-a-scsi", "1-b-rw-q-scsi", "1-b-rw-a-scsi-more"])
def test_label_that_is_unreadable_tells_nothing(text: str) -> None:
    assert MACHINES.unpacked(text, "data", "d") is None


def test_names_of_new_disks_are_derived_and_differ_by_restore_and_attempt() -> None:
    first, again, second, later = (
        disk_name("p", Identity(HERE, "web", name, "in_place", attempt=attempt), "Odd_device.7")
        for name, attempt in (("r1", 1), ("r1", 1), ("r2", 1), ("r1", 2))
    )
    assert first == again
    assert len({first, second, later}) == 3


def test_own_key_decrypts_the_snapshot_and_encrypts_the_new_disk() -> None:
    request = _planned(diskEncryptionKey={"sha256": "x"}).request
    assert request["sourceSnapshotEncryptionKey"] == request["diskEncryptionKey"] == {"rawKey": KEY}


def test_key_of_google_is_taken_over() -> None:
    assert _planned(diskEncryptionKey={"kmsKeyName": "k"}).request["diskEncryptionKey"] == {"kmsKeyName": "k"}


def test_boot_disk_comes_first_and_the_others_by_their_index() -> None:
    third = attachment("logs", "n", 2)
    assert [one.name for one in in_order([device(third), device(DATA), device(BOOT)])] == ["boot", "data", "logs"]


# Seeing what came out


def problems(*disks: Wire) -> list[str]:
    found = gce_objects.instance({"name": "web", "disks": [{"index": number, **disk} for number, disk in enumerate(disks)]})
    return differences(machine_of(found), [device(BOOT), device(DATA)])


BOOT_WIRE = {"deviceName": "boot", "source": SITE + BOOT.disk, "boot": True, "mode": "READ_WRITE", "autoDelete": True}
DATA_WIRE = {"deviceName": "data", "source": SITE + DATA.disk, "boot": False, "mode": "READ_ONLY", "autoDelete": False}


def test_disks_as_they_should_be_have_no_differences() -> None:
    assert problems(BOOT_WIRE, DATA_WIRE) == []


def test_other_disks_of_the_vm_are_no_difference() -> None:
    assert problems(BOOT_WIRE, {"deviceName": "other"}, DATA_WIRE) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"source": f"{SITE}projects/p/zones/z/disks/old"}, "data is projects/p/zones/z/disks/old"),
        ({"mode": "READ_WRITE"}, "mode of data"),
        ({"autoDelete": True}, "auto_delete of data"),
        ({"boot": True}, "data boots"),
        ({"deviceName": "else"}, "data is not attached"),
    ],
)
def test_each_thing_that_differs_is_named(found: Wire, words: str) -> None:
    assert any(words in problem for problem in problems(BOOT_WIRE, {**DATA_WIRE, **found}))


def test_other_order_is_a_difference() -> None:
    assert any("order" in problem for problem in problems(DATA_WIRE, BOOT_WIRE))
