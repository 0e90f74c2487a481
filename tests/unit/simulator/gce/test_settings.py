# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that make the simulated Compute Engine slower of mind: lists that lag, stale reads, a VM that is busy. Each is off unless it is set."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import ZONAL, Api

VM_PATH = f"{ZONAL}/instances/web-1"
NOT_FOUND = (404, "notFound")


def names(api: Api, path: str = f"{ZONAL}/disks", **query: Any) -> list[str]:
    return sorted(item["name"] for item in api.get(path, **query).get("items", []))


def label(api: Api, **labels: str) -> None:
    disk = api.get(f"{ZONAL}/disks/d")
    api.do("POST", f"{ZONAL}/disks/d/setLabels", {"labels": labels, "labelFingerprint": disk["labelFingerprint"]})


def auto_delete(api: Api) -> tuple[str, str, None, dict[str, str]]:
    return "POST", f"{VM_PATH}/setDiskAutoDelete", None, {"deviceName": "data", "autoDelete": "false"}


@pytest.mark.parametrize("name", ["list_lag_s", "stale_reads", "most_pending"])
def test_they_are_off(gce: Api, name: str):
    assert gce.control.settings()[name] == 0
    assert gce.control.settings()["set_labels_while_busy"] is True


def test_a_list_that_lags_lacks_what_is_new(gce: Api):
    gce.disk("old")
    gce.control.settings(list_lag_s=5)
    gce.disk("new")
    assert names(gce) == ["old"]
    assert names(gce, filter="name=new") == []
    assert [item["name"] for item in gce.get("aggregated/disks")["items"][ZONAL]["disks"]] == ["old"]
    assert gce.get(f"{ZONAL}/disks/new")["status"] == "READY"
    gce.control.advance(6)
    assert names(gce) == ["new", "old"]


def test_a_list_that_lags_still_has_what_was_deleted(gce: Api):
    gce.disk("d")
    gce.control.settings(list_lag_s=5)
    gce.do("DELETE", f"{ZONAL}/disks/d")
    assert names(gce) == ["d"]
    assert gce.refused("GET", f"{ZONAL}/disks/d") == NOT_FOUND
    gce.control.advance(6)
    assert names(gce) == []


def test_a_list_that_lags_shows_labels_of_before(gce: Api):
    gce.disk("d", labels={"step": "one"})
    gce.control.settings(list_lag_s=5)
    label(gce, step="two")
    assert names(gce, filter='labels.step="one"') == ["d"]
    assert gce.get(f"{ZONAL}/disks/d")["labels"] == {"step": "two"}
    gce.control.advance(6)
    assert names(gce, filter='labels.step="two"') == ["d"]


def test_lists_of_snapshots_lag_too(gce: Api):
    gce.disk("d")
    gce.control.settings(list_lag_s=5)
    gce.snapshot("s", "d")
    assert names(gce, "global/snapshots") == []


def test_lists_are_right_again_when_the_setting_is_taken_back(gce: Api):
    gce.control.settings(list_lag_s=5)
    gce.disk("new")
    gce.control.settings(list_lag_s=0)
    assert names(gce) == ["new"]


def test_reads_after_a_change_are_stale_so_many_times(gce: Api):
    gce.disk("d", labels={"step": "one"})
    gce.control.settings(stale_reads=2)
    label(gce, step="two")
    assert [gce.get(f"{ZONAL}/disks/d")["labels"]["step"] for _read in range(3)] == ["one", "one", "two"]


def test_reads_after_a_creation_find_nothing_so_many_times(gce: Api):
    gce.control.settings(stale_reads=1)
    gce.disk("d")
    assert gce.refused("GET", f"{ZONAL}/disks/d") == NOT_FOUND
    assert gce.get(f"{ZONAL}/disks/d")["name"] == "d"


def test_reads_after_a_deletion_find_it_so_many_times(gce: Api):
    gce.disk("d")
    gce.control.settings(stale_reads=1)
    gce.do("DELETE", f"{ZONAL}/disks/d")
    assert gce.get(f"{ZONAL}/disks/d")["status"] == "READY"
    assert gce.refused("GET", f"{ZONAL}/disks/d") == NOT_FOUND


def test_reads_after_a_stop_still_see_the_vm_run(web: Api):
    web.control.settings(stale_reads=1)
    web.do("POST", f"{VM_PATH}/stop")
    assert [web.vm()["status"] for _read in range(2)] == ["RUNNING", "TERMINATED"]


def test_reads_while_the_operation_runs_are_true(web: Api):
    web.control.settings(stale_reads=1, operation_s=0.2)
    operation = web.start("POST", f"{VM_PATH}/stop")
    assert web.vm()["status"] == "STOPPING"
    web.wait(operation)
    assert web.vm()["status"] == "RUNNING"


def test_other_resources_are_read_as_they_are(gce: Api):
    gce.disk("other")
    gce.control.settings(stale_reads=1)
    gce.disk("d")
    assert gce.get(f"{ZONAL}/disks/other")["name"] == "other"


def test_more_pending_operations_than_allowed_are_refused(web: Api):
    web.control.settings(operation_s=0.3, most_pending=2)
    method, path, body, query = auto_delete(web)
    operations = [web.start(method, path, body, **query) for _number in range(2)]
    response = web.send("POST", f"{VM_PATH}/detachDisk", deviceName="data")
    assert response.status_code == 403
    assert response.json()["error"]["errors"][0]["reason"] == "rateLimitExceeded"
    assert "Too many pending operations on a resource" in response.json()["error"]["message"]
    for operation in operations:
        web.wait(operation)
    web.do("POST", f"{VM_PATH}/detachDisk", deviceName="data")


def test_any_number_of_operations_may_be_pending_otherwise(web: Api):
    web.control.settings(operation_s=0.1)
    method, path, body, query = auto_delete(web)
    for operation in [web.start(method, path, body, **query) for _number in range(8)]:
        assert "error" not in web.wait(operation)


@pytest.mark.parametrize("taken", [True, False])
def test_labels_of_a_busy_vm_are_taken_or_not(web: Api, taken: bool):
    web.control.settings(operation_s=0.2, set_labels_while_busy=taken)
    method, path, body, query = auto_delete(web)
    operation = web.start(method, path, body, **query)
    wish = {"labels": {"a": "b"}, "labelFingerprint": web.vm()["labelFingerprint"]}
    if taken:
        web.do("POST", f"{VM_PATH}/setLabels", wish)
    else:
        assert web.refused("POST", f"{VM_PATH}/setLabels", wish) == (400, "resourceNotReady")
    web.wait(operation)
    web.do("POST", f"{VM_PATH}/setLabels", {**wish, "labelFingerprint": web.vm()["labelFingerprint"]})
