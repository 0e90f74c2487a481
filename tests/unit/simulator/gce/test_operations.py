# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations, waiting, repeated requests, lists; and that the official SDK is content."""

from __future__ import annotations

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.simulator.gce.kinds import ROUTES
from tests.simulator.gce.permissions import PERMISSIONS

from .conftest import ZONAL, ZONE, Api


def test_a_wait_returns_when_the_operation_ends(gce: Api):
    gce.control.settings(operation_s=0.15)
    operation = gce.start("POST", f"{ZONAL}/disks", {"name": "d", "sizeGb": "10"})
    began = time.monotonic()
    assert gce.wait(operation)["status"] == "DONE"
    assert 0.1 < time.monotonic() - began < 1


def test_a_wait_gives_up_at_its_limit_and_may_return_at_once(gce: Api):
    gce.control.settings(operation_s=5, wait_limit_s=0.05)
    operation = gce.start("POST", f"{ZONAL}/disks", {"name": "d", "sizeGb": "10"})
    assert gce.wait(operation)["status"] == "RUNNING"
    gce.control.settings(wait_limit_s=110, wait_returns_early=1)
    assert gce.wait(operation)["status"] == "RUNNING"
    assert [entry["mutating"] for entry in gce.control.requests()] == [True, False, False]


def test_waiting_blocks_nobody_else(gce: Api):
    gce.control.settings(operation_s=0.3)
    operation = gce.start("POST", f"{ZONAL}/disks", {"name": "d", "sizeGb": "10"})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(gce.wait, operation)
        assert Api(gce.simulator, gce.project).get(f"{ZONAL}/disks/d")["status"] == "CREATING"
        assert not waiting.done()
        assert waiting.result()["status"] == "DONE"


def test_durations_by_type(web: Api):
    web.control.settings(operation_s_of={"instances.stop": 7, "insert": [3, 4]})
    web.start("POST", f"{ZONAL}/instances/web-1/stop")
    web.start("POST", f"{ZONAL}/disks", {"name": "d", "sizeGb": "10"})
    assert web.vm()["status"] == "STOPPING"
    web.control.advance(10)
    ended = {item["type"]: item["end_s"] - item["insert_s"] for item in web.act("operations")}
    assert ended["stop"] == pytest.approx(7)
    assert 3 <= ended["insert"] <= 4


def test_an_operation_is_found_in_its_own_scope_only(gce: Api):
    operation = gce.do("POST", f"{ZONAL}/disks", {"name": "d", "sizeGb": "10"})
    assert gce.refused("GET", f"global/operations/{operation['name']}") == (404, "notFound")
    assert gce.get(f"{ZONAL}/operations", filter='operationType="insert"')["items"][0]["name"] == operation["name"]
    assert gce.send("DELETE", f"{ZONAL}/operations/{operation['name']}").status_code == 204
    assert gce.refused("GET", f"{ZONAL}/operations/{operation['name']}") == (404, "notFound")


def test_one_request_id_is_one_operation_also_a_failed_one(web: Api):
    web.control.settings(quotas={"SNAPSHOTS": 0}, quota_when="operation")
    body, request_id = {"name": "s", "sourceDisk": f"{ZONAL}/disks/web-1"}, str(uuid.uuid4())
    first = web.fails("POST", "global/snapshots", body, requestId=request_id)
    assert first["clientOperationId"] == request_id
    web.control.reset_settings()
    assert web.start("POST", "global/snapshots", body, requestId=request_id)["name"] == first["name"]
    web.control.advance(3601)
    assert web.start("POST", "global/snapshots", body, requestId=request_id)["name"] != first["name"]


def test_the_zero_request_id_is_refused(gce: Api):
    answer = gce.refused("POST", f"{ZONAL}/disks", {"name": "d", "sizeGb": "10"}, requestId=str(uuid.UUID(int=0)))
    assert answer == (400, "invalid")
    gce.control.clear_requests()


def test_lists_page_filter_and_order(gce: Api):
    gce.control.merge_state(snapshots=[{"name": f"s{number:02}", "labels": {"half": str(number % 2)}} for number in range(10)])
    page = gce.get("global/snapshots", maxResults=4, filter="labels.half=1")
    assert [item["name"] for item in page["items"]] == ["s01", "s03", "s05", "s07"]
    rest = gce.get("global/snapshots", maxResults=4, filter="labels.half=1", pageToken=page["nextPageToken"])
    assert [item["name"] for item in rest["items"]] == ["s09"]
    assert "nextPageToken" not in rest
    assert gce.refused("GET", "global/snapshots", orderBy="status") == (400, "invalid")
    assert gce.refused("GET", "global/snapshots", filter="colour=red") == (400, "invalid")
    gce.control.clear_requests()


def test_a_deletion_between_pages_hides_nothing(gce: Api):
    gce.control.merge_state(snapshots=[{"name": f"s{number}"} for number in range(5)])
    page = gce.get("global/snapshots", maxResults=2)
    gce.do("DELETE", "global/snapshots/s0")
    assert [item["name"] for item in gce.get("global/snapshots", pageToken=page["nextPageToken"])["items"]] == ["s2", "s3", "s4"]


def test_empty_pages_and_partial_lists(gce: Api):
    gce.control.merge_state(snapshots=[{"name": "a"}, {"name": "b"}])
    gce.control.settings(empty_pages=1)
    page = gce.get("global/snapshots")
    assert "items" not in page
    assert len(gce.get("global/snapshots", pageToken=page["nextPageToken"])["items"]) == 2
    gce.control.settings(empty_pages=0, partial_lists=["snapshots"])
    page = gce.get("global/snapshots")
    assert (len(page["items"]), page["warning"]["code"]) == (1, "UNREACHABLE")


def test_ten_thousand_snapshots_are_listed_in_good_time(gce: Api):
    gce.control.merge_state(snapshots=[{"name": f"s{number:05}"} for number in range(10000)])
    gce.control.settings(page_size=500, check_answers=False)
    began, token, seen = time.monotonic(), None, 0
    while True:
        page = gce.get("global/snapshots", **({"pageToken": token} if token else {}))
        seen += len(page["items"])
        token = page.get("nextPageToken")
        if token is None:
            break
    assert seen == 10000
    assert time.monotonic() - began < 5


def test_every_method_has_its_permissions():
    assert set(PERMISSIONS) == {route.method_id for route in ROUTES}
    assert PERMISSIONS["compute.instances.attachDisk"] == (("compute.instances.attachDisk", ""), ("compute.disks.use", ""))
    assert PERMISSIONS["compute.disks.testIamPermissions"] == ()


def test_the_routes_are_those_of_the_contract():
    discovery = pytest.importorskip("tests.simulator.discovery").Discovery.load()
    if discovery is None:
        pytest.skip("google-api-python-client is not installed")
    for route in ROUTES:
        match = discovery.find(route.method, "compute/v1/" + route.template.replace("{", "").replace("}", ""))
        assert (match.method_id, match.template) == (route.method_id, route.template)


def test_the_official_sdk_swaps_a_disk(web: Api):
    compute = pytest.importorskip("google.cloud.compute_v1")
    service_account = pytest.importorskip("google.oauth2.service_account")
    info = json.loads(web.simulator.environment["GCP_SERVICE_ACCOUNT_CONTENTS"])
    options = {"credentials": service_account.Credentials.from_service_account_info(info), "client_options": {"api_endpoint": web.url}}
    instances, disks, snapshots = (kind(**options) for kind in (compute.InstancesClient, compute.DisksClient, compute.SnapshotsClient))
    zonal, everywhere = compute.ZoneOperationsClient(**options), compute.GlobalOperationsClient(**options)
    place = {"project": web.project, "zone": ZONE}
    made = snapshots.insert_unary(project=web.project, snapshot_resource=compute.Snapshot(name="s", source_disk=f"{ZONAL}/disks/web-1-data"))
    assert everywhere.wait(project=web.project, operation=made.name).status == compute.Operation.Status.DONE
    vm = {**place, "instance": "web-1"}
    disk = compute.Disk(name="new", source_snapshot="global/snapshots/s", type_=f"{ZONAL}/diskTypes/pd-ssd")
    for call in (
        lambda: disks.insert_unary(**place, disk_resource=disk),
        lambda: instances.stop_unary(**vm),
        lambda: instances.detach_disk_unary(**vm, device_name="data"),
        lambda: instances.attach_disk_unary(**vm, attached_disk_resource=compute.AttachedDisk(source=f"{ZONAL}/disks/new", device_name="data")),
        lambda: instances.start_unary(**vm),
    ):
        operation = zonal.wait(**place, operation=call().name)
        assert operation.status == compute.Operation.Status.DONE
        assert not operation.error.errors
    found = instances.get(**vm)
    assert (found.status, [entry.source.rsplit("/", 1)[1] for entry in found.disks]) == ("RUNNING", ["web-1", "new", "web-1-logs"])
    assert [item.name for item in snapshots.list(project=web.project)] == ["s"]
    assert {scope for scope, listed in instances.aggregated_list(project=web.project) if listed.instances} == {ZONAL, "zones/europe-west1-c"}
