# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What does not fit together in one VM, a rule each."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import REGION, ZONAL, ZONE, Api, vm_body

INVALID = (400, "invalid")
SECURE = {"enableSecureBoot": True, "enableVtpm": True, "enableIntegrityMonitoring": True}
UEFI = [{"type": "UEFI_COMPATIBLE"}]


def message(api: Api, method: str, path: str, body: Any = None, **query: Any) -> str:
    """The message of a request that is refused."""
    response = api.send(method, path, body, **query)
    assert response.status_code >= 400, response.text
    return str(response.json()["error"]["message"])


def boot_disk(**entry: Any) -> dict[str, Any]:
    return {"boot": True, "autoDelete": True, **entry}


def nic(**fields: Any) -> dict[str, Any]:
    return {"network": "global/networks/default", **fields}


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("resource.machineType", {"machineType": "e2-small"}),
        ("resource.disks[1].initializeParams.diskType", {"extra": {"initializeParams": {"diskType": "pd-ssd", "diskSizeGb": "10"}}}),
        ("resource.disks[1].initializeParams.diskType", {"extra": {"type": "SCRATCH", "initializeParams": {"diskType": "local-ssd"}}}),
        ("resource.disks[1].initializeParams.resourcePolicies[0]", {"extra": {"initializeParams": {"resourcePolicies": ["nightly"], "diskSizeGb": "10"}}}),
        ("resource.resourcePolicies[0]", {"resourcePolicies": ["office-hours"]}),
        ("resource.networkInterfaces[0].network", {"networkInterfaces": [{"network": "default"}]}),
        ("resource.networkInterfaces[0].subnetwork", {"networkInterfaces": [{"subnetwork": "default"}]}),
        ("resource.guestAccelerators[0].acceleratorType", {"guestAccelerators": [{"acceleratorType": "nvidia-l4", "acceleratorCount": 1}]}),
    ],
)
def test_a_bare_name_is_no_url(gce: Api, field: str, body: dict[str, Any]):
    extra = body.pop("extra", None)
    given = vm_body("vm", **body)
    given["disks"] += [extra] if extra else []
    told = message(gce, "POST", f"{ZONAL}/instances", given)
    assert told.startswith(f"Invalid value for field '{field}': ")
    assert told.endswith("The URL is malformed.")


def test_a_bare_disk_type_is_no_url(gce: Api):
    told = message(gce, "POST", f"{ZONAL}/disks", {"name": "d", "sizeGb": "10", "type": "pd-ssd"})
    assert told == "Invalid value for field 'resource.type': 'pd-ssd'. The URL is malformed."


def test_a_bare_replica_zone_is_no_url(gce: Api):
    body = {"name": "d", "sizeGb": "10", "replicaZones": [f"{REGION}-b", f"zones/{REGION}-c"]}
    assert "'resource.replicaZones[0]': 'europe-west1-b'. The URL is malformed." in message(gce, "POST", f"regions/{REGION}/disks", body)


def test_set_machine_type_takes_a_url(web: Api):
    web.do("POST", f"{ZONAL}/instances/web-1/stop")
    assert web.refused("POST", f"{ZONAL}/instances/web-1/setMachineType", {"machineType": "e2-small"}) == INVALID


def test_types_are_those_of_the_zone(gce: Api):
    other = f"zones/{REGION}-c"
    assert gce.refused("POST", f"{ZONAL}/instances", vm_body("vm", machineType=f"{other}/machineTypes/e2-small")) == INVALID
    assert gce.refused("POST", f"{ZONAL}/disks", {"name": "d", "sizeGb": "10", "type": f"{other}/diskTypes/pd-ssd"}) == INVALID


def test_a_template_names_types_and_the_vm_has_urls(gce: Api):
    disk = {**vm_body("x")["disks"][0], "initializeParams": {"sourceImage": "projects/debian-cloud/global/images/family/debian-12", "diskType": "pd-ssd"}}
    properties = {"machineType": "e2-small", "disks": [disk], "networkInterfaces": [nic()]}
    gce.do("POST", "global/instanceTemplates", {"name": "t", "properties": properties})
    gce.do("POST", f"{ZONAL}/instances", {"name": "vm"}, sourceInstanceTemplate="global/instanceTemplates/t")
    assert gce.vm("vm")["machineType"].endswith(f"{ZONAL}/machineTypes/e2-small")
    assert gce.get(f"{ZONAL}/disks/vm")["type"].endswith(f"{ZONAL}/diskTypes/pd-ssd")


@pytest.mark.parametrize(("name", "cpus"), [("n2-custom-4-8192", 4), ("custom-2-4096", 2), ("n2d-custom-2-20480-ext", 2), ("e2-custom-small-2048", 2)])
def test_a_custom_machine_type_exists(gce: Api, name: str, cpus: int):
    found = gce.get(f"{ZONAL}/machineTypes/{name}")
    assert (found["name"], found["guestCpus"]) == (name, cpus)
    gce.create_vm("vm", machineType=f"{ZONAL}/machineTypes/{name}")


@pytest.mark.parametrize("name", ["n2-custom-3-8192", "custom-2-4000", "c3-custom-4-8192", "mars-standard-2"])
def test_a_machine_type_that_cannot_be_does_not_exist(gce: Api, name: str):
    assert gce.refused("GET", f"{ZONAL}/machineTypes/{name}") == (404, "notFound")
    assert "does not exist in zone" in message(gce, "POST", f"{ZONAL}/instances", vm_body("vm", machineType=f"{ZONAL}/machineTypes/{name}"))


def test_the_boot_disk_of_a_vm_with_secure_boot_needs_uefi(gce: Api):
    gce.disk("plain")
    gce.disk("modern", guestOsFeatures=UEFI)
    bodies = [vm_body(name, disks=[boot_disk(source=f"{ZONAL}/disks/{name}")], shieldedInstanceConfig=SECURE) for name in ("plain", "modern")]
    assert "Shielded VM Config can only be set when using a UEFI-compatible disk." in message(gce, "POST", f"{ZONAL}/instances", bodies[0])
    gce.do("POST", f"{ZONAL}/instances", bodies[1])


def test_a_boot_disk_without_uefi_is_not_attached_to_a_vm_with_secure_boot(gce: Api):
    gce.create_vm("vm", shieldedInstanceConfig=SECURE)
    gce.do("POST", f"{ZONAL}/instances/vm/stop")
    gce.do("POST", f"{ZONAL}/instances/vm/detachDisk", deviceName="persistent-disk-0")
    gce.disk("plain")
    attach = {"source": f"{ZONAL}/disks/plain", "boot": True}
    assert gce.refused("POST", f"{ZONAL}/instances/vm/attachDisk", attach) == INVALID
    gce.attach("vm", "vm", boot=True)


@pytest.mark.parametrize(("machine", "architecture"), [("t2a-standard-1", "X86_64"), ("c4a-standard-1", "X86_64"), ("e2-small", "ARM64")])
def test_a_boot_disk_of_another_architecture_is_refused(gce: Api, machine: str, architecture: str):
    gce.disk("d", architecture=architecture)
    body = vm_body("vm", machineType=f"{ZONAL}/machineTypes/{machine}", disks=[boot_disk(source=f"{ZONAL}/disks/d")])
    assert gce.refused("POST", f"{ZONAL}/instances", body) == (400, "invalidResourceUsage")
    other = "ARM64" if architecture == "X86_64" else "X86_64"
    wanted = f"Invalid resource usage: 'Requested boot disk architecture ({architecture}) is not compatible with machine type architecture ({other}).'."
    assert message(gce, "POST", f"{ZONAL}/instances", body) == wanted


def test_a_boot_disk_of_another_architecture_is_neither_attached_nor_started(web: Api):
    web.do("POST", f"{ZONAL}/instances/web-1/stop")
    web.do("POST", f"{ZONAL}/instances/web-1/detachDisk", deviceName="web-1")
    web.disk("arm", architecture="ARM64")
    attach = {"source": f"{ZONAL}/disks/arm", "boot": True}
    assert web.refused("POST", f"{ZONAL}/instances/web-1/attachDisk", attach) == (400, "invalidResourceUsage")
    web.attach("web-1", boot=True)
    web.do("POST", f"{ZONAL}/instances/web-1/setMachineType", {"machineType": f"{ZONAL}/machineTypes/t2a-standard-1"})
    assert web.refused("POST", f"{ZONAL}/instances/web-1/start") == (400, "invalidResourceUsage")


def test_a_second_boot_disk_is_not_attached(web: Api):
    web.disk("other")
    web.do("POST", f"{ZONAL}/instances/web-1/stop")
    failed = web.fails("POST", f"{ZONAL}/instances/web-1/attachDisk", {"source": f"{ZONAL}/disks/other", "boot": True})
    assert failed["httpErrorStatusCode"] == 400


def test_a_boot_disk_is_not_attached_to_a_running_vm(web: Api):
    web.disk("other")
    assert web.refused("POST", f"{ZONAL}/instances/web-1/attachDisk", {"source": f"{ZONAL}/disks/other", "boot": True}) == INVALID


@pytest.mark.parametrize("scheduling", [{"provisioningModel": "SPOT", "automaticRestart": True}, {"preemptible": True, "automaticRestart": True}])
def test_a_spot_vm_is_not_restarted_automatically(gce: Api, scheduling: dict[str, Any]):
    told = message(gce, "POST", f"{ZONAL}/instances", vm_body("vm", scheduling=scheduling))
    why = "Scheduling must have preemptible be false when AutomaticRestart is true."
    assert told == f"Invalid value for field 'resource.scheduling.preemptible': 'true'. {why}"


def test_a_spot_vm_does_not_migrate(gce: Api):
    scheduling = {"provisioningModel": "SPOT", "onHostMaintenance": "MIGRATE"}
    assert gce.refused("POST", f"{ZONAL}/instances", vm_body("vm", scheduling=scheduling)) == INVALID


def test_the_scheduling_of_a_spot_vm_is_completed(gce: Api):
    gce.create_vm("vm", scheduling={"provisioningModel": "SPOT"})
    wanted = {"provisioningModel": "SPOT", "automaticRestart": False, "onHostMaintenance": "TERMINATE", "preemptible": True}
    assert gce.vm("vm")["scheduling"] == wanted


def test_the_scheduling_of_a_spot_vm_stays_possible(gce: Api):
    gce.create_vm("vm", scheduling={"provisioningModel": "SPOT"})
    assert gce.refused("POST", f"{ZONAL}/instances/vm/setScheduling", {"automaticRestart": True}) == INVALID


@pytest.mark.parametrize("scheduling", [{}, {"onHostMaintenance": "MIGRATE"}])
def test_a_vm_with_an_accelerator_does_not_migrate(gce: Api, scheduling: dict[str, Any]):
    gpu = [{"acceleratorType": f"{ZONAL}/acceleratorTypes/nvidia-l4", "acceleratorCount": 1}]
    body = vm_body("vm", guestAccelerators=gpu, scheduling=scheduling)
    assert message(gce, "POST", f"{ZONAL}/instances", body) == "Instances with guest accelerators do not support live migration."
    gce.create_vm("vm", guestAccelerators=gpu, scheduling={"onHostMaintenance": "TERMINATE"})


@pytest.mark.parametrize("when", ["2026-01-01T00:00:00Z", "tomorrow"])
def test_a_termination_time_is_in_the_future(gce: Api, when: str):
    scheduling = {"terminationTime": when, "instanceTerminationAction": "STOP"}
    assert gce.refused("POST", f"{ZONAL}/instances", vm_body("vm", scheduling=scheduling)) == INVALID
    gce.create_vm("vm", scheduling={"terminationTime": "2999-01-01T00:00:00Z", "instanceTerminationAction": "STOP"})
    gce.control.clear_requests()  # the contract knows the format too


def test_a_metadata_value_has_at_most_256_kib(gce: Api):
    metadata = {"items": [{"key": "notes", "value": "x" * (256 * 1024 + 1)}]}
    body = vm_body("vm", metadata=metadata)
    assert gce.refused("POST", f"{ZONAL}/instances", body) == (413, "fieldSizeTooLarge")
    wanted = "Value for field 'resource.metadata.items[0].value' is too large: maximum size 262144 character(s); actual size 262145."
    assert message(gce, "POST", f"{ZONAL}/instances", body) == wanted
    template = {"name": "t", "properties": {"machineType": "e2-small", "metadata": metadata}}
    assert gce.refused("POST", "global/instanceTemplates", template) == (413, "fieldSizeTooLarge")


def test_set_metadata_has_the_same_limit(web: Api):
    body = {"items": [{"key": "a", "value": "x" * (256 * 1024 + 1)}], "fingerprint": web.vm()["metadata"]["fingerprint"]}
    assert web.refused("POST", f"{ZONAL}/instances/web-1/setMetadata", body) == (413, "fieldSizeTooLarge")


def test_all_metadata_together_has_at_most_512_kib(gce: Api):
    items = [{"key": f"part-{number}", "value": "x" * 200 * 1024} for number in range(3)]
    assert gce.refused("POST", f"{ZONAL}/instances", vm_body("vm", metadata={"items": items})) == (413, "fieldSizeTooLarge")


def test_params_are_never_shown(gce: Api):
    params = {"params": {"resourceManagerTags": {"tagKeys/1": "tagValues/2"}}}
    gce.create_vm("vm", **params)
    gce.disk("d", **params)
    gce.snapshot("s", "d", **params)
    gce.do("POST", "global/images", {"name": "i", "sourceDisk": f"{ZONAL}/disks/d", **params})
    for path in (f"{ZONAL}/instances/vm", f"{ZONAL}/disks/d", "global/snapshots/s", "global/images/i"):
        assert "params" not in gce.get(path)


def test_a_disk_for_many_writers_is_attached_to_more_than_one_vm(web: Api):
    web.create_vm("other")
    web.disk("shared", type=f"{ZONAL}/diskTypes/hyperdisk-balanced", accessMode="READ_WRITE_MANY")
    for vm in ("web-1", "other"):
        web.attach("shared", vm)
    assert [url.rsplit("/", 1)[1] for url in web.get(f"{ZONAL}/disks/shared")["users"]] == ["web-1", "other"]
    web.do("POST", f"{ZONAL}/instances/other/detachDisk", deviceName="persistent-disk-1")
    assert [url.rsplit("/", 1)[1] for url in web.get(f"{ZONAL}/disks/shared")["users"]] == ["web-1"]


def test_a_disk_that_all_only_read_is_shared(web: Api):
    web.create_vm("other")
    web.disk("shared")
    for vm in ("web-1", "other"):
        web.attach("shared", vm, mode="READ_ONLY")
    assert len(web.get(f"{ZONAL}/disks/shared")["users"]) == 2


def test_a_disk_for_many_readers_is_not_written(web: Api):
    web.disk("d", type=f"{ZONAL}/diskTypes/hyperdisk-balanced", accessMode="READ_ONLY_MANY")
    assert web.refused("POST", f"{ZONAL}/instances/web-1/attachDisk", {"source": f"{ZONAL}/disks/d"}) == INVALID
    web.attach("d", mode="READ_ONLY")


def test_only_a_hyperdisk_has_an_access_mode(gce: Api):
    body = {"name": "d", "sizeGb": "10", "type": f"{ZONAL}/diskTypes/pd-ssd", "accessMode": "READ_WRITE_MANY"}
    assert gce.refused("POST", f"{ZONAL}/disks", body) == INVALID


def test_a_deletion_warns_of_a_disk_that_it_leaves_because_another_vm_has_it(gce: Api):
    gce.disk("shared", type=f"{ZONAL}/diskTypes/hyperdisk-balanced", accessMode="READ_WRITE_MANY")
    for vm in ("a", "b"):
        gce.create_vm(vm)
        gce.attach("shared", vm, autoDelete=True)
    operation = gce.do("DELETE", f"{ZONAL}/instances/a")
    assert [warning["code"] for warning in operation["warnings"]] == ["RESOURCE_NOT_DELETED"]
    gce.do("DELETE", f"{ZONAL}/instances/b")
    assert gce.refused("GET", f"{ZONAL}/disks/shared") == (404, "notFound")


@pytest.mark.parametrize("holder", ["disk", "vm"])
def test_a_policy_must_exist_and_stays_while_it_is_used(gce: Api, holder: str):
    policies = [f"regions/{REGION}/resourcePolicies/p"]
    path, body = (f"{ZONAL}/disks", {"name": "d", "sizeGb": "10"}) if holder == "disk" else (f"{ZONAL}/instances", vm_body("d"))
    assert gce.refused("POST", path, {**body, "resourcePolicies": policies}) == (404, "notFound")
    gce.do("POST", f"regions/{REGION}/resourcePolicies", {"name": "p"})
    assert gce.get(policies[0])["status"] == "READY"
    gce.do("POST", path, {**body, "resourcePolicies": policies})
    response = gce.send("DELETE", policies[0])
    assert response.json()["error"]["errors"][0]["reason"] == "resourceInUseByAnotherResource"
    project = f"projects/{gce.project}"
    wanted = f"The resource_policy resource '{project}/{policies[0]}' is already being used by '{project}/{path}/d'"
    assert response.json()["error"]["message"] == wanted
    gce.do("POST", f"{path}/d/removeResourcePolicies", {"resourcePolicies": policies})
    gce.do("DELETE", policies[0])


def test_a_policy_is_of_the_region(gce: Api):
    gce.do("POST", "regions/us-central1/resourcePolicies", {"name": "p"})
    body = {"name": "d", "sizeGb": "10", "resourcePolicies": ["regions/us-central1/resourcePolicies/p"]}
    assert gce.refused("POST", f"{ZONAL}/disks", body) == INVALID


def test_a_machine_image_keeps_what_instance_properties_have(web: Api):
    web.do("POST", f"regions/{REGION}/resourcePolicies", {"name": "p"})
    web.do("POST", f"{ZONAL}/instances/web-1/addResourcePolicies", {"resourcePolicies": [f"regions/{REGION}/resourcePolicies/p"]})
    web.control.merge_state(instances=[{"name": "web-1", "place": f"zones/{ZONE}", "satisfiesPzs": True, "shieldedInstanceConfig": SECURE}])
    web.do("POST", "global/machineImages", {"name": "m", "sourceInstance": f"{ZONAL}/instances/web-1"})
    # Answers are checked against the discovery document.
    properties = web.get("global/machineImages/m")["instanceProperties"]
    assert "satisfiesPzs" not in properties
    assert properties["labels"] == {"app": "web", "env": "demo"}
