# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the simulated Compute Engine does when nothing is wrong."""

from __future__ import annotations

from .conftest import REGION, ZONAL, ZONE, Api, vm_body


def test_a_disk_is_visible_before_it_is_ready(gce: Api):
    gce.control.settings(operation_s=0.1)
    operation = gce.start("POST", f"{ZONAL}/disks", {"name": "d", "sizeGb": "10"})
    assert gce.get(f"{ZONAL}/disks/d")["status"] == "CREATING"
    assert gce.wait(operation)["status"] == "DONE"
    assert gce.get(f"{ZONAL}/disks/d")["status"] == "READY"


def test_a_snapshot_has_the_bytes_of_its_moment_and_a_disk_from_it_too(web: Api):
    first = web.write("web-1-data", "before", 5000)
    web.snapshot("s")
    web.write("web-1-data", "after!", 5000)
    web.disk("copy", sourceSnapshot="global/snapshots/s", sizeGb="30")
    assert web.read("copy", 6, 5000) == "before"
    assert web.read("web-1-data", 6, 5000) == "after!"
    assert web.act("digest", snapshot="s")["digest"] == web.act("digest", zone=ZONE, disk="copy")["digest"] == first
    disk = web.get(f"{ZONAL}/disks/copy")
    assert disk["sourceSnapshotId"] == web.get("global/snapshots/s")["id"]


def test_a_snapshot_names_its_disk_and_shows_where_it_is(web: Api):
    web.snapshot("s", labels={"a": "b"})
    snapshot = web.get("global/snapshots/s")
    assert (snapshot["status"], snapshot["diskSizeGb"], snapshot["storageLocations"], snapshot["labels"]) == ("READY", "20", ["eu"], {"a": "b"})
    assert snapshot["sourceDiskId"] == web.get(f"{ZONAL}/disks/web-1-data")["id"]


def test_a_vm_from_the_public_family_runs_with_addresses(gce: Api):
    gce.create_vm("vm", labels={"a": "b"}, shieldedInstanceConfig={"enableSecureBoot": True})
    vm = gce.vm("vm")
    assert (vm["status"], vm["shieldedInstanceConfig"]) == ("RUNNING", {"enableSecureBoot": True})
    assert vm["networkInterfaces"][0]["networkIP"] == "10.132.0.2"
    assert vm["networkInterfaces"][0]["accessConfigs"][0]["natIP"].startswith("34.")
    assert [(disk["index"], disk["boot"], disk["deviceName"]) for disk in vm["disks"]] == [(0, True, "persistent-disk-0")]
    assert gce.get(f"{ZONAL}/disks/vm")["users"] == [vm["selfLink"]]
    gce.do("DELETE", f"{ZONAL}/instances/vm")
    assert gce.refused("GET", f"{ZONAL}/disks/vm") == (404, "notFound")


def test_a_stop_gives_up_the_ephemeral_address_and_keeps_the_static_and_the_internal_ones(web: Api):
    web.create_vm("vm")
    before = {name: web.vm(name)["networkInterfaces"][0] for name in ("vm", "web-1")}
    for name in before:
        web.do("POST", f"{ZONAL}/instances/{name}/stop")
    assert "natIP" not in web.vm("vm")["networkInterfaces"][0]["accessConfigs"][0]
    for name in before:
        web.do("POST", f"{ZONAL}/instances/{name}/start")
    after = {name: web.vm(name)["networkInterfaces"][0] for name in before}
    assert after["vm"]["networkIP"] == before["vm"]["networkIP"]
    assert after["vm"]["accessConfigs"][0]["natIP"] != before["vm"]["accessConfigs"][0]["natIP"]
    assert after["web-1"]["accessConfigs"] == before["web-1"]["accessConfigs"]


def test_an_address_in_use_can_be_promoted_and_then_outlives_a_stop(gce: Api):
    gce.create_vm("vm")
    nic = gce.vm("vm")["networkInterfaces"][0]
    external = nic["accessConfigs"][0]["natIP"]
    gce.do("POST", f"regions/{REGION}/addresses", {"name": "ext", "address": external})
    internal = {"name": "int", "address": nic["networkIP"], "addressType": "INTERNAL", "subnetwork": f"regions/{REGION}/subnetworks/default"}
    gce.do("POST", f"regions/{REGION}/addresses", internal)
    assert gce.get(f"regions/{REGION}/addresses/ext")["users"] == [gce.vm("vm")["selfLink"]]
    assert gce.get(f"regions/{REGION}/addresses/int")["status"] == "IN_USE"
    gce.do("POST", f"{ZONAL}/instances/vm/stop")
    assert gce.vm("vm")["networkInterfaces"][0]["accessConfigs"][0]["natIP"] == external
    gce.do("DELETE", f"{ZONAL}/instances/vm")
    assert gce.get(f"regions/{REGION}/addresses/ext")["status"] == "RESERVED"
    nics = [{"networkIP": nic["networkIP"], "accessConfigs": [{"natIP": external}]}]
    gce.create_vm("again", networkInterfaces=nics)
    assert gce.vm("again")["networkInterfaces"][0]["networkIP"] == nic["networkIP"]


def test_a_greedy_neighbour_takes_what_a_deletion_frees(gce: Api):
    gce.control.settings(greedy_neighbour=True)
    gce.create_vm("vm")
    address = gce.vm("vm")["networkInterfaces"][0]["networkIP"]
    gce.do("DELETE", f"{ZONAL}/instances/vm")
    assert gce.fails("POST", f"{ZONAL}/instances", vm_body("vm", networkInterfaces=[{"networkIP": address}]))["code"] == "IP_IN_USE_BY_ANOTHER_RESOURCE"
    assert gce.refused("GET", f"{ZONAL}/instances/vm") == (404, "notFound")
    assert gce.refused("GET", f"{ZONAL}/disks/vm") == (404, "notFound")


def test_disks_are_attached_with_the_names_and_defaults_of_the_service(web: Api):
    web.disk("d")
    web.attach("d")
    entry = web.vm()["disks"][3]
    assert (entry["deviceName"], entry["autoDelete"], entry["mode"], entry["index"], entry["boot"]) == ("persistent-disk-3", False, "READ_WRITE", 3, False)
    web.do("POST", f"{ZONAL}/instances/web-1/setDiskAutoDelete", deviceName="persistent-disk-3", autoDelete="true")
    assert web.vm()["disks"][3]["autoDelete"] is True
    web.do("POST", f"{ZONAL}/instances/web-1/detachDisk", deviceName="data")
    assert "users" not in web.get(f"{ZONAL}/disks/web-1-data")
    assert [entry["index"] for entry in web.vm()["disks"]] == [0, 2, 3]


def test_a_boot_disk_can_be_swapped_on_a_stopped_vm(web: Api):
    web.snapshot("s", "web-1")
    web.disk("new", sourceSnapshot="global/snapshots/s")
    web.do("POST", f"{ZONAL}/instances/web-1/stop")
    web.do("POST", f"{ZONAL}/instances/web-1/detachDisk", deviceName="web-1")
    assert web.refused("POST", f"{ZONAL}/instances/web-1/start") == (400, "invalid")
    web.attach("new", boot=True, deviceName="web-1", autoDelete=True)
    web.do("POST", f"{ZONAL}/instances/web-1/start")
    assert web.vm()["disks"][0]["source"].endswith("/disks/new")


def test_suspended_vms_resume(web: Api):
    web.do("POST", f"{ZONAL}/instances/web-1/suspend")
    assert web.vm()["status"] == "SUSPENDED"
    assert web.refused("POST", f"{ZONAL}/instances/web-1/stop") == (400, "invalid")
    web.do("POST", f"{ZONAL}/instances/web-1/resume")
    assert web.vm()["status"] == "RUNNING"


def test_a_machine_image_gives_the_vm_back_with_its_bytes(web: Api):
    web.write("web-1-data", "precious")
    web.do("POST", "global/machineImages", {"name": "mi", "sourceInstance": f"{ZONAL}/instances/web-1"})
    web.write("web-1-data", "spoiled!")
    web.do("POST", f"{ZONAL}/instances", {"name": "copy"}, sourceMachineImage="global/machineImages/mi")
    copy = web.vm("copy")
    assert [entry["deviceName"] for entry in copy["disks"]] == ["web-1", "data", "Odd_device.7"]
    assert copy["tags"]["items"] == ["http-server", "https-server"]
    assert web.read("copy-1", 8) == "precious"
    web.disk("one", sourceMachineImage="global/machineImages/mi", sourceMachineImageDiskDeviceName="data", sizeGb="20")
    assert web.read("one", 8) == "precious"


def test_a_template_gives_what_the_body_leaves_out(gce: Api):
    properties = {name: value for name, value in vm_body("x").items() if name != "name"}
    properties["machineType"] = "e2-medium"
    gce.do("POST", "global/instanceTemplates", {"name": "t", "properties": properties})
    gce.do("POST", f"{ZONAL}/instances", {"name": "vm", "labels": {"a": "b"}}, sourceInstanceTemplate="global/instanceTemplates/t")
    assert gce.vm("vm")["machineType"].endswith("/e2-medium")


def test_a_family_is_its_newest_image_that_nobody_deprecated(web: Api):
    for name in ("i1", "i2"):
        web.do("POST", "global/images", {"name": name, "family": "f", "sourceDisk": f"{ZONAL}/disks/web-1"}, forceCreate="true")
    assert web.get("global/images/family/f")["name"] == "i2"
    web.do("POST", "global/images/i2/deprecate", {"state": "DEPRECATED", "replacement": "global/images/i1"})
    assert web.get("global/images/family/f")["name"] == "i1"
    warned = web.disk("from-old", sourceImage="global/images/i2")
    assert [item["code"] for item in warned["warnings"]] == ["DEPRECATED_RESOURCE_USED"]
    web.do("POST", "global/images/i1/deprecate", {"state": "OBSOLETE"})
    assert web.refused("GET", "global/images/family/f") == (404, "notFound")
    assert web.refused("POST", f"{ZONAL}/disks", {"name": "n", "sourceImage": "global/images/i1"}) == (400, "invalid")
    web.do("POST", "global/images/i1/deprecate", {})
    assert web.get("global/images/family/f")["name"] == "i1"


def test_a_regional_disk_serves_its_replica_zones(web: Api):
    zones = [f"zones/{REGION}-b", f"zones/{REGION}-c"]
    web.do("POST", f"regions/{REGION}/disks", {"name": "r", "sizeGb": "10", "replicaZones": zones})
    web.do("POST", f"{ZONAL}/instances/web-1/attachDisk", {"source": f"regions/{REGION}/disks/r", "deviceName": "r"})
    assert web.get(f"regions/{REGION}/disks/r")["users"] == [web.vm()["selfLink"]]
    web.do("POST", "global/snapshots", {"name": "s", "sourceDisk": f"regions/{REGION}/disks/r"})
    operation = web.start("POST", f"regions/{REGION}/disks/r/createSnapshot", {"name": "s2"})
    assert f"/regions/{REGION}/operations/" in operation["selfLink"]
    assert "error" not in web.wait(operation)


def test_set_labels_replaces_the_whole_map(web: Api):
    fingerprint = web.vm()["labelFingerprint"]
    web.do("POST", f"{ZONAL}/instances/web-1/setLabels", {"labels": {"x": "y"}, "labelFingerprint": fingerprint})
    assert web.vm()["labels"] == {"x": "y"}
    assert web.vm()["labelFingerprint"] != fingerprint


def test_aggregated_lists_have_all_places(web: Api):
    items = web.get("aggregated/instances")["items"]
    assert [item["name"] for item in items[ZONAL]["instances"]] == ["web-1"]
    assert items["zones/us-central1-f"]["warning"]["code"] == "NO_RESULTS_ON_PAGE"
    assert f"regions/{REGION}" in web.get("aggregated/disks")["items"]


def test_seeded_groups_name_their_members(web: Api):
    url = web.vm()["selfLink"]
    web.control.merge_state(
        instanceGroups=[{"name": "g", "place": ZONAL, "instances": [url]}],
        targetPools=[{"name": "tp", "place": f"regions/{REGION}", "instances": [url]}],
        networkEndpointGroups=[{"name": "neg", "place": ZONAL, "networkEndpoints": [{"instance": url, "ipAddress": "10.132.0.2"}]}],
        snapshots=[{"name": "auto", "autoCreated": True, "sourceSnapshotSchedulePolicy": "p", "data": "aGFsbG8="}],
    )
    assert web.get(f"{ZONAL}/instances/web-1/referrers")["items"][0]["referrer"].endswith("/instanceGroups/g")
    assert web.get(f"regions/{REGION}/targetPools")["items"][0]["instances"] == [url]
    endpoints = web.send("POST", f"{ZONAL}/networkEndpointGroups/neg/listNetworkEndpoints", {}).json()
    assert endpoints["items"][0]["networkEndpoint"]["ipAddress"] == "10.132.0.2"
    assert web.get("global/snapshots/auto")["autoCreated"] is True


def test_a_network_and_a_subnetwork_come_and_go(gce: Api):
    gce.do("POST", "global/networks", {"name": "n", "autoCreateSubnetworks": False})
    body = {"name": "s", "network": "global/networks/n", "ipCidrRange": "10.9.0.0/24"}
    gce.do("POST", f"regions/{REGION}/subnetworks", body)
    gce.create_vm("vm", networkInterfaces=[{"subnetwork": f"regions/{REGION}/subnetworks/s"}])
    assert gce.vm("vm")["networkInterfaces"][0]["networkIP"] == "10.9.0.2"
    assert gce.refused("DELETE", f"regions/{REGION}/subnetworks/s") == (400, "resourceInUseByAnotherResource")
    assert gce.refused("DELETE", "global/networks/n") == (400, "resourceInUseByAnotherResource")
    gce.do("DELETE", f"{ZONAL}/instances/vm")
    gce.do("DELETE", f"regions/{REGION}/subnetworks/s")
    gce.do("DELETE", "global/networks/n")
