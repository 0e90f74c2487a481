# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults that need operations or processes, the invariants, and the canonical form."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.simulator.gce.provider import Gce
from tests.simulator.server import ControlFailed

from .conftest import ZONAL, ZONE, Api

DISKS = "projects/{project}/zones/{zone}/disks"


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the test's own."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait(10)


def new_disk(name: str = "d") -> dict[str, str]:
    return {"name": name, "sizeGb": "10"}


def test_an_operation_ends_with_the_error_of_the_rule_and_nothing_is_left(gce: Api):
    gce.control.add_fault("operation", method="POST", route=DISKS, error={"code": "INTERNAL_ERROR", "message": "bad day"})
    failed = gce.fails("POST", f"{ZONAL}/disks", new_disk())
    assert (failed["code"], "httpErrorStatusCode" in failed) == ("INTERNAL_ERROR", False)
    assert gce.refused("GET", f"{ZONAL}/disks/d") == (404, "notFound")


def test_an_operation_error_may_have_a_status(gce: Api):
    gce.control.add_fault("operation", route=DISKS, error={"code": "QUOTA_EXCEEDED", "message": "no"}, http_status=403)
    failed = gce.fails("POST", f"{ZONAL}/disks", new_disk())
    assert (failed["httpErrorStatusCode"], failed["httpErrorMessage"]) == (403, "FORBIDDEN")


def test_what_failed_may_stay_as_failed(web: Api):
    web.control.settings(failed_stay=True)
    web.control.add_fault("operation", method="POST", error={"code": "INTERNAL_ERROR", "message": "bad day"})
    web.fails("POST", "global/snapshots", {"name": "s", "sourceDisk": f"{ZONAL}/disks/web-1"})
    assert web.get("global/snapshots/s")["status"] == "FAILED"
    assert web.act("digest", snapshot="s")["digest"] == ""
    assert web.refused("POST", f"{ZONAL}/disks", {"name": "d", "sourceSnapshot": "global/snapshots/s"}) == (400, "resourceNotReady")
    web.do("DELETE", "global/snapshots/s")


def test_an_operation_may_never_end_or_take_long(gce: Api):
    gce.control.add_fault("operation", route=DISKS, never_ends=True)
    gce.control.add_fault("operation", route=DISKS, seconds=50)
    never, long = (gce.start("POST", f"{ZONAL}/disks", new_disk(name)) for name in ("a", "b"))
    gce.control.advance(60)
    gce.control.settings(wait_limit_s=0.01)
    assert [gce.wait(item)["status"] for item in (never, long)] == ["RUNNING", "DONE"]


def test_a_signal_hits_at_the_request_before_or_after_the_provider_acts(gce: Api, victim: subprocess.Popen[bytes]):
    gce.control.add_fault("signal", route=DISKS, pid=victim.pid, act="before")
    gce.do("POST", f"{ZONAL}/disks", new_disk())
    assert victim.wait(5) == -signal.SIGKILL


def test_a_signal_may_come_after_the_answer(gce: Api, victim: subprocess.Popen[bytes]):
    gce.control.add_fault("signal", route=DISKS, pid=victim.pid, seconds=0.1)
    gce.start("POST", f"{ZONAL}/disks", new_disk())
    assert victim.poll() is None
    assert victim.wait(5) == -signal.SIGKILL


def test_a_signal_may_come_instead_of_an_answer(gce: Api, victim: subprocess.Popen[bytes]):
    gce.control.add_fault("signal", route=DISKS, pid=victim.pid, signal="SIGTERM", act="never")
    with pytest.raises(requests.ConnectionError):
        gce.send("POST", f"{ZONAL}/disks", new_disk())
    assert victim.wait(5) == -signal.SIGTERM
    assert gce.refused("GET", f"{ZONAL}/disks/d") == (404, "notFound")


def test_a_signal_may_come_at_the_end_of_the_operation_though_nobody_asks(gce: Api, victim: subprocess.Popen[bytes]):
    gce.control.add_fault("operation", route=DISKS, pid=victim.pid, seconds=0.1)
    gce.start("POST", f"{ZONAL}/disks", new_disk())
    assert victim.poll() is None
    assert victim.wait(5) == -signal.SIGKILL


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[tuple[int, Callable[[], int]]]:
    """A process that counts, and what shows how far it is."""
    path = tmp_path / "count"
    code = f"import time, pathlib\nfor n in range(10**6): pathlib.Path({str(path)!r}).write_text(str(n)); time.sleep(0.01)"
    process = subprocess.Popen([sys.executable, "-c", code])
    while not path.exists():
        time.sleep(0.01)
    yield process.pid, lambda: int(path.read_text() or 0)
    process.kill()
    process.wait(10)


def stands_still(look: Callable[[], int]) -> bool:
    time.sleep(0.05)
    before = look()
    time.sleep(0.15)
    return look() == before


def test_a_stall_stops_a_process_when_the_provider_has_acted(gce: Api, counter: tuple[int, Callable[[], int]]):
    pid, look = counter
    gce.control.add_fault("stall", method="POST", route=DISKS, pid=pid, act="before")
    gce.do("POST", f"{ZONAL}/disks", new_disk())
    assert stands_still(look)
    os.kill(pid, signal.SIGCONT)
    assert not stands_still(look)


def test_a_request_that_is_held_is_carried_out_when_the_process_goes_on(gce: Api, counter: tuple[int, Callable[[], int]]):
    pid, look = counter
    gce.control.add_fault("stall", method="POST", route=DISKS, pid=pid, act="after")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(requests.post, **request_for(gce, "d"))
        assert stands_still(look)
        assert gce.refused("GET", f"{ZONAL}/disks/d") == (404, "notFound")
        os.kill(pid, signal.SIGCONT)
        assert answer.result(5).status_code == 200


def test_a_lost_network_drops_the_connections_of_one_token_until_it_is_back(gce: Api):
    provider = gce.simulator.service.provider
    assert isinstance(provider, Gce)
    mine, other = (provider.tokens.issue(gce.project, f"run-{number}") for number in (1, 2))
    gce.token = mine
    gce.control.settings(operation_s=5)
    operation = gce.start("POST", f"{ZONAL}/disks", new_disk())
    path = operation["selfLink"].split(f"/projects/{gce.project}/", 1)[1]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(
            requests.post, f"{gce.url}/compute/v1/projects/{gce.project}/{path}/wait", headers={"Authorization": f"Bearer {mine}"}, timeout=10
        )
        time.sleep(0.1)
        gce.control.add_fault("network_lost", token="run-1", method="GET", seconds=0.5)
        with pytest.raises(requests.ConnectionError):
            gce.send("GET", f"{ZONAL}/disks/d")
        with pytest.raises(requests.ConnectionError):
            waiting.result(5)
    with pytest.raises(requests.ConnectionError):
        gce.send("GET", f"{ZONAL}/disks/d")
    gce.token = other
    gce.get(f"{ZONAL}/disks/d")
    time.sleep(0.5)
    gce.token = mine
    gce.get(f"{ZONAL}/disks/d")
    dropped = [entry["token"] for entry in gce.control.requests() if entry["fault"] == "network_lost"]
    assert dropped == ["run-1", "run-1"]


def test_the_log_tells_tokens_apart_and_gives_none_away(gce: Api):
    provider = gce.simulator.service.provider
    assert isinstance(provider, Gce)
    for token in (gce.token, provider.tokens.issue(gce.project), provider.tokens.issue(gce.project, "run-7")):
        gce.token = token
        gce.get("")
    seen = [entry["token"] for entry in gce.control.requests()]
    assert len(set(seen)) == 3
    assert seen[2] == "run-7"
    assert all(token not in str(gce.control.requests()) for token in (gce.token,))


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "signal"},
        {"kind": "signal", "pid": 1},
        {"kind": "barrier", "count": 0},
        {"kind": "operation"},
        {"kind": "stall"},
        {"kind": "network_lost"},
    ],
)
def test_rules_that_make_no_sense_are_refused(gce: Api, rule: dict[str, Any]):
    with pytest.raises(ControlFailed):
        gce.control.add_fault(**rule)


def test_a_barrier_lets_all_go_at_once_in_order_of_arrival(gce: Api):
    gce.control.add_fault("barrier", route=DISKS, count=3)
    with ThreadPoolExecutor(3) as pool:
        futures = []
        for name in ("a", "b", "c"):
            assert not any(future.done() for future in futures)
            futures.append(pool.submit(requests.post, **request_for(gce, name)))
            time.sleep(0.05)
        assert [future.result().status_code for future in futures] == [200, 200, 200]
    assert [item["target"].rsplit("/", 1)[1] for item in gce.act("operations")] == ["a", "b", "c"]
    gce.disk("d")


def test_a_barrier_that_does_not_fill_opens_in_the_end(gce: Api):
    gce.control.add_fault("barrier", route=DISKS, count=2, seconds=0.05)
    gce.disk("a")


def request_for(gce: Api, name: str) -> dict[str, Any]:
    url = f"{gce.url}/compute/v1/projects/{gce.project}/{ZONAL}/disks"
    return {"url": url, "json": new_disk(name), "headers": {"Authorization": f"Bearer {gce.token}"}, "timeout": 10}


def test_a_status_may_have_a_reason(gce: Api):
    gce.control.add_fault("status", status=403, reason="rateLimitExceeded", route=DISKS)
    assert gce.refused("POST", f"{ZONAL}/disks", new_disk()) == (403, "rateLimitExceeded")
    gce.control.add_fault("status", status=503, route=DISKS)
    assert gce.refused("POST", f"{ZONAL}/disks", new_disk()) == (503, "backendError")


def lock(web: Api, value: str = "run") -> None:
    vm = web.vm()
    labels = {**vm["labels"], "mcr-lock": value}
    web.do("POST", f"{ZONAL}/instances/web-1/setLabels", {"labels": labels, "labelFingerprint": vm["labelFingerprint"]})


def swap(web: Api) -> None:
    web.do("POST", f"{ZONAL}/instances/web-1/stop")
    for number, device in enumerate(("web-1", "data", "Odd_device.7")):
        web.do("POST", f"{ZONAL}/instances/web-1/detachDisk", deviceName=device)
        web.attach(f"new-{number}", deviceName=device, boot=number == 0)
    web.do("POST", f"{ZONAL}/instances/web-1/start")


def new_disks(web: Api) -> None:
    for number, name in enumerate(("web-1", "web-1-data", "web-1-logs")):
        web.snapshot(f"s-{number}", name)
        web.disk(f"new-{number}", sourceSnapshot=f"global/snapshots/s-{number}", sizeGb="50")


def test_a_clean_swap_violates_nothing(web: Api):
    watched = web.act("watch", zone=ZONE, instance="web-1")
    assert watched["old_disks"] == ["web-1", "web-1-data", "web-1-logs"]
    new_disks(web)
    lock(web)
    swap(web)
    assert web.violations() == []


def test_a_swap_without_the_lock_is_seen(web: Api):
    web.act("watch", zone=ZONE, instance="web-1")
    new_disks(web)
    swap(web)
    assert set(web.violations()) == {"no_lock"}
    assert len(web.violations()) == 7


def test_a_vm_that_runs_on_old_and_new_disks_is_seen(web: Api):
    web.act("watch", zone=ZONE, instance="web-1")
    lock(web)
    web.disk("new")
    web.attach("new")
    assert web.violations() == ["power", "mixed_disks"]
    assert "persistent-disk-3" in web.control.state()["violations"][1]["message"]


def test_lost_bytes_and_deletions_nobody_gave_up_are_seen(web: Api):
    web.disk("extra")
    web.write("extra", "precious")
    web.act("watch", zone=ZONE, instance="web-1")
    web.do("DELETE", f"{ZONAL}/disks/extra")
    assert web.violations() == ["deleted", "bytes_lost"]


def test_what_was_given_up_may_be_deleted_when_its_bytes_are_elsewhere(web: Api):
    web.disk("extra")
    web.write("extra", "precious")
    web.snapshot("s", "extra")
    web.act("watch", zone=ZONE, instance="web-1", given_up=["extra"])
    web.do("DELETE", f"{ZONAL}/disks/extra")
    assert web.violations() == []


def test_what_the_run_made_itself_it_may_delete(web: Api):
    web.act("watch", zone=ZONE, instance="web-1")
    web.disk("mine")
    web.do("DELETE", f"{ZONAL}/disks/mine")
    assert web.violations() == []


@pytest.mark.parametrize(("given_up", "seen"), [(["web-1"], ["deleted"]), (["instance:web-1"], [])])
def test_a_vm_is_given_up_by_its_full_name(web: Api, given_up: list[str], seen: list[str]):
    for device in ("web-1", "data"):
        web.do("POST", f"{ZONAL}/instances/web-1/setDiskAutoDelete", deviceName=device, autoDelete="false")
    web.act("watch", zone=ZONE, instance="web-1", given_up=given_up)
    lock(web)
    web.do("DELETE", f"{ZONAL}/instances/web-1")
    assert web.violations() == seen


def test_what_the_guest_writes_while_watched_is_not_lost(web: Api):
    web.act("watch", zone=ZONE, instance="web-1")
    web.write("web-1-data", "new words")
    web.disk("touch")
    assert web.violations() == []


def test_two_runs_that_did_the_same_are_equal_in_canonical_form(gce: Api):
    forms = []
    for _run in range(2):
        other = Api(gce.simulator, f"{gce.project}-{_run}")
        other.control.seed("demo")
        other.create_vm("vm")
        other.snapshot("s")
        forms.append(other.act("canonical"))
    assert forms[0] == forms[1]
    assert forms[0]["instances"][f"{ZONAL}/web-1"]["networkInterfaces"][0]["accessConfigs"][0]["natIP"] == "static web-1-ip"
    assert forms[0]["instances"][f"{ZONAL}/vm"]["networkInterfaces"][0]["accessConfigs"][0]["natIP"] == "ephemeral"


def test_unfinished_operations_are_part_of_the_canonical_form(gce: Api):
    gce.control.settings(operation_s=60)
    gce.start("POST", f"{ZONAL}/disks", new_disk())
    assert gce.act("canonical")["pending"] == [f"insert projects/PROJECT/{ZONAL}/disks/d"]
