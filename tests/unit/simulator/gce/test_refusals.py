# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the simulated Compute Engine refuses, a rule each."""

from __future__ import annotations

import base64

import pytest

from .conftest import REGION, ZONAL, ZONE, Api, vm_body

IN_USE = (400, "resourceInUseByAnotherResource")
KEY, OTHER_KEY = ({"rawKey": base64.b64encode(bytes([number]) * 32).decode()} for number in (1, 2))


def test_disks_with_auto_delete_go_with_their_vm_and_the_others_stay(web: Api):
    web.do("DELETE", f"{ZONAL}/instances/web-1")
    assert [item["name"] for item in web.get(f"{ZONAL}/disks")["items"]] == ["web-1-logs"]


def test_a_disk_in_use_is_neither_deleted_nor_attached_elsewhere(web: Api):
    web.create_vm("other")
    assert web.refused("DELETE", f"{ZONAL}/disks/web-1-data") == IN_USE
    assert web.refused("POST", f"{ZONAL}/instances/other/attachDisk", {"source": f"{ZONAL}/disks/web-1-data"}) == IN_USE


def test_of_two_that_attach_one_disk_at_once_the_second_operation_fails(web: Api):
    web.create_vm("other")
    web.disk("d")
    web.control.settings(operation_s=0.05)
    first, second = (web.start("POST", f"{ZONAL}/instances/{vm}/attachDisk", {"source": f"{ZONAL}/disks/d"}) for vm in ("web-1", "other"))
    assert "error" not in web.wait(first)
    assert web.wait(second)["error"]["errors"][0]["code"] == "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"


def test_the_boot_disk_of_a_running_vm_is_not_detached(web: Api):
    assert web.refused("POST", f"{ZONAL}/instances/web-1/detachDisk", deviceName="web-1") == (400, "invalid")


def test_a_device_is_detached_by_its_device_name_only(web: Api):
    assert web.refused("POST", f"{ZONAL}/instances/web-1/detachDisk", deviceName="web-1-data") == (400, "invalid")


def test_a_disk_that_is_not_ready_is_not_attached(web: Api):
    web.control.settings(operation_s=0.2)
    web.start("POST", f"{ZONAL}/disks", {"name": "d", "sizeGb": "10"})
    assert web.refused("POST", f"{ZONAL}/instances/web-1/attachDisk", {"source": f"{ZONAL}/disks/d"}) == (400, "resourceNotReady")


@pytest.mark.parametrize("given", ["b2xk", None])
def test_labels_are_set_only_over_the_version_that_was_read(web: Api, given: str | None):
    body = {"labels": {"a": "b"}, **({"labelFingerprint": given} if given else {})}
    assert web.refused("POST", f"{ZONAL}/instances/web-1/setLabels", body) == (412, "conditionNotMet")


def test_a_label_conflict_can_show_in_the_operation(web: Api):
    web.control.settings(label_conflict_in_operation=True)
    failed = web.fails("POST", f"{ZONAL}/instances/web-1/setLabels", {"labels": {}, "labelFingerprint": "b2xk"})
    assert (failed["code"], failed["httpErrorStatusCode"]) == ("CONDITION_NOT_MET", 412)


@pytest.mark.parametrize("name", ["", "Upper", "1st", "a" * 64, "under_score", "dash-"])
def test_names_follow_rfc_1035(gce: Api, name: str):
    response = gce.send("POST", f"{ZONAL}/disks", {"name": name, "sizeGb": "10"})
    assert response.status_code == 400
    gce.control.clear_requests()  # the contract knows the pattern too


@pytest.mark.parametrize("labels", [{"Upper": "x"}, {"1": "x"}, {"a": "Upper"}, {"a": "x" * 64}, {"a" * 64: ""}, {f"k{number}": "" for number in range(65)}])
def test_labels_follow_their_rules(gce: Api, labels: dict[str, str]):
    assert gce.refused("POST", f"{ZONAL}/disks", {"name": "d", "sizeGb": "10", "labels": labels}) == (400, "invalid")


def test_a_name_is_free_when_its_deletion_is_done(gce: Api):
    gce.disk("d")
    gce.control.settings(operation_s=0.1)
    operation = gce.start("DELETE", f"{ZONAL}/disks/d")
    assert gce.refused("POST", f"{ZONAL}/disks", {"name": "d", "sizeGb": "10"}) == (409, "alreadyExists")
    gce.wait(operation)
    gce.disk("d")


@pytest.mark.parametrize(
    "path",
    [f"{ZONAL}/disks/x", f"{ZONAL}/instances/x", "global/snapshots/x", "global/images/x", "zones/mars-1-a/disks", "regions/mars", f"{ZONAL}/operations/x"],
)
def test_what_is_not_there_is_not_found(gce: Api, path: str):
    assert gce.refused("GET", path) == (404, "notFound")


def test_a_protected_vm_is_not_deleted(web: Api):
    web.do("POST", f"{ZONAL}/instances/web-1/setDeletionProtection", deletionProtection="true")
    assert web.refused("DELETE", f"{ZONAL}/instances/web-1") == (400, "invalidResourceUsage")


def test_a_stop_with_local_ssd_must_say_what_becomes_of_it(gce: Api):
    disks = [*vm_body("x")["disks"], {"type": "SCRATCH", "initializeParams": {"diskType": f"{ZONAL}/diskTypes/local-ssd"}}]
    gce.create_vm("vm", disks=disks)
    assert gce.refused("POST", f"{ZONAL}/instances/vm/stop") == (400, "invalid")
    gce.do("POST", f"{ZONAL}/instances/vm/stop", discardLocalSsd="true")


def test_a_snapshot_of_a_disk_with_its_own_key_needs_the_key(gce: Api):
    gce.disk("d", diskEncryptionKey=KEY)
    source = {"sourceDisk": f"{ZONAL}/disks/d"}
    assert "rawKey" not in gce.get(f"{ZONAL}/disks/d")["diskEncryptionKey"]
    assert gce.refused("POST", "global/snapshots", {"name": "s", **source}) == (400, "invalid")
    assert gce.refused("POST", "global/snapshots", {"name": "s", **source, "sourceDiskEncryptionKey": OTHER_KEY}) == (400, "invalid")
    gce.snapshot("s", "d", sourceDiskEncryptionKey=KEY, snapshotEncryptionKey=KEY)
    assert gce.refused("POST", f"{ZONAL}/disks", {"name": "n", "sourceSnapshot": "global/snapshots/s"}) == (400, "invalid")
    gce.disk("n", sourceSnapshot="global/snapshots/s", sourceSnapshotEncryptionKey=KEY)


def test_a_vm_with_a_key_on_its_disk_starts_only_with_the_key(web: Api):
    web.disk("d", diskEncryptionKey=KEY)
    web.attach("d", diskEncryptionKey=KEY)
    web.do("POST", f"{ZONAL}/instances/web-1/stop")
    assert web.refused("POST", f"{ZONAL}/instances/web-1/start") == (400, "invalid")
    disk = web.get(f"{ZONAL}/disks/d")["selfLink"]
    web.do("POST", f"{ZONAL}/instances/web-1/startWithEncryptionKey", {"disks": [{"source": disk, "diskEncryptionKey": KEY}]})


def test_an_image_of_a_disk_in_use_must_be_forced(web: Api):
    assert web.refused("POST", "global/images", {"name": "i", "sourceDisk": f"{ZONAL}/disks/web-1"}) == IN_USE


def test_a_regional_disk_has_two_replica_zones(gce: Api):
    zones = [f"zones/{REGION}-b"]
    assert gce.refused("POST", f"regions/{REGION}/disks", {"name": "r", "sizeGb": "10", "replicaZones": zones}) == (400, "invalid")


def test_disks_only_grow(web: Api):
    assert web.refused("POST", f"{ZONAL}/disks/web-1-data/resize", {"sizeGb": "20"}) == (400, "invalid")
    web.snapshot("s")
    assert web.refused("POST", f"{ZONAL}/disks", {"name": "n", "sizeGb": "10", "sourceSnapshot": "global/snapshots/s"}) == (400, "invalid")


def test_snapshots_too_often(web: Api):
    web.control.settings(snapshot_rate_limit=True)
    for number in range(6):
        web.snapshot(f"s{number}")
    failed = web.fails("POST", "global/snapshots", {"name": "s6", "sourceDisk": f"{ZONAL}/disks/web-1-data"})
    assert failed["code"] == "RESOURCE_OPERATION_RATE_EXCEEDED"
    assert web.refused("GET", "global/snapshots/s6") == (404, "notFound")


def test_a_quota_refuses_the_request(web: Api):
    web.control.settings(quotas={"SNAPSHOTS": 1})
    web.snapshot("s")
    assert web.refused("POST", "global/snapshots", {"name": "t", "sourceDisk": f"{ZONAL}/disks/web-1"}) == (403, "quotaExceeded")


def test_a_quota_fails_the_operation_and_leaves_nothing(gce: Api):
    gce.control.settings(quotas={"SSD_TOTAL_GB": 15}, quota_when="operation")
    kind = {"type": f"{ZONAL}/diskTypes/pd-ssd", "sizeGb": "10"}
    gce.disk("a", **kind)
    failed = gce.fails("POST", f"{ZONAL}/disks", {"name": "b", **kind})
    assert (failed["code"], failed["httpErrorStatusCode"], failed["httpErrorMessage"]) == ("QUOTA_EXCEEDED", 403, "FORBIDDEN")
    assert failed["error"]["errors"][0]["errorDetails"][0]["quotaInfo"]["limit"] == 15
    assert gce.refused("GET", f"{ZONAL}/disks/b") == (404, "notFound")
    quotas = {item["metric"]: item for item in gce.get(f"regions/{REGION}")["quotas"]}
    assert quotas["SSD_TOTAL_GB"] == {"metric": "SSD_TOTAL_GB", "limit": 15, "usage": 10}


def test_a_permission_that_is_missing_is_named(web: Api):
    web.control.settings(denied_permissions=["compute.disks.createSnapshot"])
    response = web.send("POST", "global/snapshots", {"name": "s", "sourceDisk": f"{ZONAL}/disks/web-1"})
    assert response.status_code == 403
    assert "Required 'compute.disks.createSnapshot' permission" in response.json()["error"]["message"]
    asked = {"permissions": ["compute.disks.createSnapshot", "compute.disks.get"]}
    assert web.send("POST", f"{ZONAL}/disks/web-1/testIamPermissions", asked).json() == {"permissions": ["compute.disks.get"]}


def test_labels_need_their_permission_only_when_there_are_some(gce: Api):
    gce.control.settings(denied_permissions=["compute.disks.setLabels"])
    gce.disk("d")
    assert gce.refused("POST", f"{ZONAL}/disks", {"name": "e", "sizeGb": "10", "labels": {"a": "b"}}) == (403, "forbidden")


def test_a_zone_that_is_down_answers_503_and_its_snapshots_stay(web: Api):
    web.snapshot("s")
    web.control.settings(zones_down=[ZONE])
    assert web.refused("GET", f"{ZONAL}/instances/web-1") == (503, "backendError")
    assert web.refused("POST", "global/snapshots", {"name": "t", "sourceDisk": f"{ZONAL}/disks/web-1"}) == (503, "backendError")
    answer = web.get("aggregated/instances")
    assert answer["items"][ZONAL]["warning"]["code"] == "UNREACHABLE"
    assert [item["name"] for item in answer["items"][f"zones/{REGION}-c"]["instances"]] == ["db-1"]
    web.do("POST", f"zones/{REGION}-c/disks", {"name": "n", "sourceSnapshot": "global/snapshots/s"})
    assert web.get(ZONAL)["status"] == "DOWN"


@pytest.mark.parametrize("with_http", [True, False])
def test_a_zone_out_of_stock_fails_start_and_insert(web: Api, with_http: bool):
    web.do("POST", f"{ZONAL}/instances/web-1/stop")
    web.control.settings(out_of_stock_zones=[ZONE], operation_errors_with_http=with_http)
    failed = web.fails("POST", f"{ZONAL}/instances/web-1/start")
    assert (failed["code"], failed.get("httpErrorStatusCode")) == ("ZONE_RESOURCE_POOL_EXHAUSTED", 503 if with_http else None)
    assert web.vm()["status"] == "TERMINATED"
    assert web.fails("POST", f"{ZONAL}/instances", vm_body("n"))["code"] == "ZONE_RESOURCE_POOL_EXHAUSTED"
    assert web.refused("GET", f"{ZONAL}/disks/n") == (404, "notFound")


def test_the_tier_of_a_promoted_address_must_be_its_own(gce: Api):
    gce.create_vm("vm")
    address = gce.vm("vm")["networkInterfaces"][0]["accessConfigs"][0]["natIP"]
    body = {"name": "a", "address": address, "networkTier": "STANDARD"}
    assert gce.refused("POST", f"regions/{REGION}/addresses", body) == (400, "invalid")


def test_an_address_in_use_is_not_released(web: Api):
    assert web.refused("DELETE", f"regions/{REGION}/addresses/web-1-ip") == IN_USE


def test_alias_ranges_that_overlap_are_refused_by_the_operation(gce: Api):
    alias = [{"aliasIpRanges": [{"ipCidrRange": "10.132.9.0/28"}]}]
    gce.create_vm("a", networkInterfaces=alias)
    failed = gce.fails("POST", f"{ZONAL}/instances", vm_body("b", networkInterfaces=alias))
    assert failed["code"] == "IP_IN_USE_BY_ANOTHER_RESOURCE"


def test_public_images_are_for_reading(gce: Api):
    response = gce.send("DELETE", "global/images/debian-12-bookworm-v20251111", project="debian-cloud")
    assert response.status_code == 403


def test_without_a_token_nobody_is_served(gce: Api):
    gce.token = "nonsense"
    assert gce.refused("GET", "") == (401, "authError")


def test_what_is_not_simulated_says_so(gce: Api):
    assert gce.refused("GET", "global/backendServices") == (501, "notImplemented")
