# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM is built again, with its addresses where they are free, or is left as it is when that could not succeed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.module_utils.backends.gce.vm_bench import REGION, VM, ZONE, VmBench, originals


@pytest.fixture
def taken(bench: VmBench) -> VmBench:
    """The VM is gone, and somebody still uses its reserved external address."""
    assert bench.backup().ok
    bench.lose_vm()
    return bench


@pytest.mark.parametrize("allowed", [None, ["internal_address"]])
def test_address_that_another_one_uses_is_refused(taken: VmBench, allowed: list[str] | None) -> None:
    message = taken.refused(taken.restore(allow_lost=allowed), "Conflict")
    assert "are in use by others now" in message
    assert "external_address in allow_lost" in message


def test_address_that_another_one_uses_is_left_to_it_when_the_task_allows_that(taken: VmBench) -> None:
    address = taken.one("addresses", "web-1-ip")["address"]
    assert taken.restore(allow_lost=["external_address"]).ok.changed
    assert taken.vm()["status"] == "RUNNING"
    assert taken.external(VM) not in ("", address)


BOTH_ADDRESSES = ["internal_address", "external_address"]


def add_policies(bench: VmBench) -> None:
    """A schedule of snapshots for a disk, and one of starts for the VM."""
    place = f"regions/{REGION}"
    bench.add("resourcePolicies", "nightly", place, snapshotSchedulePolicy={"schedule": {"dailySchedule": {"daysInCycle": 1, "startTime": "01:00"}}})
    bench.add("resourcePolicies", "hours", place, instanceSchedulePolicy={"vmStartSchedule": {"schedule": "0 7 * * *"}, "timeZone": "UTC"})
    bench.change("disks", "web-1-data", resourcePolicies=[bench.url(f"{place}/resourcePolicies/nightly")])
    bench.change_vm(resourcePolicies=[bench.url(f"{place}/resourcePolicies/hours")])


@pytest.mark.parametrize("check", [True, False], ids=["check", "real"])
def test_policies_that_are_gone_are_left_out_with_a_warning_for_each(bench: VmBench, check: bool) -> None:
    add_policies(bench)
    assert bench.backup().ok
    bench.lose_vm()
    bench.remove("resourcePolicies", "nightly")
    bench.remove("resourcePolicies", "hours")
    ran = bench.restore(allow_lost=BOTH_ADDRESSES, check=check).ok
    assert "The disks come up without these resource policies (schedules), which do not exist any more: nightly" in ran.warnings
    assert f'VM "{VM}" comes up without these resource policies (schedules), which do not exist any more: hours' in ran.warnings
    assert check or "resourcePolicies" not in bench.vm()


def test_policies_that_are_there_come_back(bench: VmBench) -> None:
    add_policies(bench)
    assert bench.backup().ok
    bench.lose_vm()
    ran = bench.restore(allow_lost=BOTH_ADDRESSES).ok
    assert "resource policies" not in ran.warnings
    assert [url.rpartition("/")[2] for url in bench.vm()["resourcePolicies"]] == ["hours"]


# What would be refused is found before the old VM is deleted


@pytest.mark.parametrize("check", [True, False], ids=["check", "real"])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"machineType": f"zones/{ZONE}/machineTypes/gone-1"}, f"zone {ZONE} has no machine type gone-1. Give another in machine_type"),
        ({"networkInterfaces": [{"subnetwork": f"regions/{REGION}/subnetworks/gone"}]}, "there is no subnetwork"),
        (
            {"networkInterfaces": [{"aliasIpRanges": [{"ipCidrRange": "10.9.0.0/28", "subnetworkRangeName": "pods"}]}]},
            'has no secondary range "pods", from which the VM has alias addresses',
        ),
    ],
    ids=["machine type", "subnetwork", "secondary range"],
)
def test_vm_that_could_not_be_built_again_is_not_replaced(bench: VmBench, fields: dict[str, Any], words: str, check: bool) -> None:
    assert bench.backup().ok
    vm = bench.vm()
    if "networkInterfaces" in fields:
        given = fields["networkInterfaces"][0]
        urls = {"subnetwork": bench.url(given["subnetwork"])} if "subnetwork" in given else {}
        fields = {"networkInterfaces": [{**vm["networkInterfaces"][0], **given, **urls}]}
    else:
        fields = {"machineType": bench.url(fields["machineType"])}
    bench.change_vm(**fields)
    ran = bench.restore(strategy="replace", check=check)
    assert ran.error is not None
    assert words in bench.refused(ran, ran.kind)
    assert bench.vm()["id"] == vm["id"]


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_vm_with_local_ssds_is_replaced_and_they_are_made_again(bench: VmBench, running: bool) -> None:
    """Building it starts it, so that one which was stopped is stopped again: its new local SSDs are empty."""
    assert bench.backup().ok
    bench.add_local_ssd()
    if not running:
        bench.change_vm(status="TERMINATED")
    ran = bench.restore(strategy="replace", discard_local_ssd=running).ok
    assert ran.changed
    assert bench.vm()["status"] == ("RUNNING" if running else "TERMINATED")
    (body,) = [body for body in ran.every_body(f"POST zones/{ZONE}/instances") if body and "networkInterfaces" in body]
    (ssd,) = [disk for disk in body["disks"] if disk["type"] == "SCRATCH"]
    assert ssd["initializeParams"]["diskType"] == f"zones/{ZONE}/diskTypes/local-ssd"


def refuse_building(bench: VmBench, times: int = 0) -> None:
    """The provider does not accept a request to build a VM, for a reason that nothing here knows of."""
    error = {"code": 400, "message": "Invalid value for field 'resource.minCpuPlatform'", "errors": [{"reason": "invalid"}]}
    bench.control.add_fault(kind="status", status=400, times=times, method="POST", path=".*/zones/[^/]*/instances$", body={"error": error})


WAY_OUT = "give what it lacks or what is wrong in machine_type, network or subnetwork, or restore under another name with a corrected manifest"


def test_request_that_is_refused_after_the_deletion_says_the_way_out_and_the_task_with_other_options_goes_it(bench: VmBench) -> None:
    """Old and new body are both refused, so that not even the undo can build the VM."""
    assert bench.backup().ok
    wanted = originals(bench)
    refuse_building(bench)
    ran = bench.restore(strategy="replace")
    assert ran.kind == "InvalidRequest"
    assert WAY_OUT in ran.message
    assert f'Now VM "{VM}" does not exist' in ran.message
    assert set(bench.names("disks")) >= {"web-1", "web-1-data", "web-1-logs"}
    bench.control.clear_faults()
    assert bench.restore(strategy="replace", machine_type="e2-small").ok.changed
    assert bench.vm()["machineType"].endswith("/e2-small")
    assert bench.digests() == wanted


def test_vm_that_could_not_be_built_comes_back_under_another_name_with_a_corrected_manifest(bench: VmBench, tmp_path: Path) -> None:
    assert bench.backup(manifest_dir=str(tmp_path)).ok
    wanted = originals(bench)
    refuse_building(bench)
    assert WAY_OUT in bench.restore(strategy="replace").message
    bench.control.clear_faults()
    (file,) = tmp_path.iterdir()
    manifest = json.loads(file.read_text())
    manifest["instance"]["machineType"] = f"zones/{ZONE}/machineTypes/e2-small"
    ran = bench.restore(name="r2", manifest=manifest).ok
    assert ran.changed
    assert bench.vm()["machineType"].endswith("/e2-small")
    assert bench.digests() == wanted


def test_vm_that_is_gone_and_cannot_be_built_says_the_way_out_and_leaves_nothing(bench: VmBench) -> None:
    """The disk that carries the lock is deleted last: without it the others could not be deleted any more."""
    assert bench.backup().ok
    bench.lose_vm()
    before = bench.names("disks")
    refuse_building(bench)
    ran = bench.restore(allow_lost=BOTH_ADDRESSES)
    assert WAY_OUT in ran.message
    assert ran.report.undo_errors == []
    assert bench.names("disks") == before


# Addresses


def test_address_that_was_reserved_and_cannot_be_given_back_is_named(bench: VmBench) -> None:
    """The stop of the VM was refused, after automatic deletion was switched off and the internal address reserved."""
    assert bench.backup().ok
    before = bench.as_attached()
    bench.control.add_fault(kind="status", status=403, times=0, path=".*/instances/web-1/stop$")
    ran = bench.restore(strategy="replace")
    assert ran.kind == "AuthenticationFailed"
    assert bench.as_attached() == before
    (reserved,) = [address for address in bench.all("addresses") if address["name"] != "web-1-ip"]
    assert f'These addresses stay reserved, because VM "{VM}" uses them: {bench.internal()} ({reserved["name"]})' in ran.warnings
