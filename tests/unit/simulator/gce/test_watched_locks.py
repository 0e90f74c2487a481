# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the watch sees of runs, each with a token of its own: calls under another run's lock, takeovers, marks, power, and what is needed."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest

from tests.simulator.gce.provider import Gce

from .conftest import ZONAL, ZONE, Api

VM = f"{ZONAL}/instances/web-1"
TTL_S = 10.0
_numbers = itertools.count(1)


class Run(Api):
    """A run: a client with a token of its own."""

    def __init__(self, api: Api) -> None:
        self.__dict__.update(copy.copy(api).__dict__)
        self.id = f"run-{next(_numbers)}"
        provider = api.simulator.service.provider
        assert isinstance(provider, Gce)
        self.token = provider.tokens.issue(api.project, self.id)

    def label(self, path: str, **labels: str | None) -> None:
        """Changes labels; "_" stands for "-"."""
        seen = self.get(path)
        wanted = {**seen.get("labels", {}), **{name.replace("_", "-"): value for name, value in labels.items()}}
        kept = {name: value for name, value in wanted.items() if value is not None}
        self.do("POST", f"{path}/setLabels", {"labels": kept, "labelFingerprint": seen["labelFingerprint"]})

    def claim(self, value: str | None, purpose: str | None = "restore_r", path: str = VM) -> None:
        """Writes the lock."""
        self.label(path, mcr_lock=value, mcr_lock_for=purpose if value else None)

    def told(self) -> list[str]:
        return [item["message"] for item in self.act("violations")]


@pytest.fixture
def runs(web: Api) -> tuple[Run, Run]:
    """Two runs on a VM that is watched and stopped."""
    web.do("POST", f"{VM}/stop")
    web.act("watch", zone=ZONE, instance="web-1", lock_ttl_s=TTL_S)
    return Run(web), Run(web)


def test_a_claim_binds_the_token_to_its_run(runs: tuple[Run, Run]):
    first, second = runs
    first.claim("aa-s-0")
    second.label(f"{ZONAL}/disks/web-1", team="sales")
    assert first.act("runs") == {first.id: "aa"}


def test_a_token_may_serve_one_run_after_another(runs: tuple[Run, Run]):
    first, _second = runs
    for run in ("aa", "bb"):
        first.claim(f"{run}-s-0")
        first.do("POST", f"{VM}/setDiskAutoDelete", deviceName="data", autoDelete="false")
        first.claim(None)
    assert first.violations() == []


DESTRUCTIVE = {
    "stop": ("POST", f"{VM}/stop", None, {}),
    "detachDisk": ("POST", f"{VM}/detachDisk", None, {"deviceName": "data"}),
    "attachDisk": ("POST", f"{VM}/attachDisk", {"source": f"{ZONAL}/disks/extra"}, {}),
    "setDiskAutoDelete": ("POST", f"{VM}/setDiskAutoDelete", None, {"deviceName": "data", "autoDelete": "false"}),
}


@pytest.mark.parametrize("verb", DESTRUCTIVE)
@pytest.mark.parametrize("bound", [True, False])
def test_a_call_of_another_run_than_the_one_in_the_lock_is_seen(runs: tuple[Run, Run], verb: str, bound: bool):
    first, second = runs
    first.disk("extra")
    if bound:
        second.claim("bb-s-0")
        second.claim(None)
    first.claim("aa-s-0")
    method, path, body, query = DESTRUCTIVE[verb]
    second.do(method, path, body, **query)
    assert second.violations() == ["foreign_lock"]
    assert second.told()[0].startswith(f"{verb} of web-1 by run {'bb' if bound else 'of nobody'} was accepted while aa held the lock")


@pytest.mark.parametrize("verb", DESTRUCTIVE)
def test_a_call_of_the_run_in_the_lock_is_fine(runs: tuple[Run, Run], verb: str):
    first, _second = runs
    first.disk("extra")
    first.claim("aa-s-0")
    method, path, body, query = DESTRUCTIVE[verb]
    first.do(method, path, body, **query)
    assert first.violations() == []


def test_the_deletion_of_the_vm_is_a_call_under_the_lock(runs: tuple[Run, Run]):
    first, second = runs
    first.act("permit", token=second.id, names=["instance:web-1", "disk:web-1", "disk:web-1-data"])
    first.claim("aa-s-0")
    second.do("DELETE", VM)
    assert second.violations()[0] == "foreign_lock"


def test_the_lock_is_on_the_disks_while_there_is_no_vm(runs: tuple[Run, Run]):
    first, second = runs
    first.claim("aa-s-0")
    for device in ("web-1", "data"):
        first.do("POST", f"{VM}/setDiskAutoDelete", deviceName=device, autoDelete="false")
    first.claim("aa-s-0", path=f"{ZONAL}/disks/web-1")
    first.act("permit", token=first.id, names=["instance:web-1"])
    first.act("permit", token=second.id, names=["disk:web-1-data"])
    first.do("DELETE", VM)
    assert first.violations() == []
    second.do("DELETE", f"{ZONAL}/disks/web-1-data")
    assert second.violations() == ["foreign_lock", "bytes_lost"]


def test_a_lock_that_was_left_is_held_by_nobody(runs: tuple[Run, Run]):
    first, second = runs
    first.claim("aa-s-0")
    first.claim("free-s-0")
    first.do("POST", f"{VM}/detachDisk", deviceName="data")
    assert first.violations() == ["no_lock"]
    second.claim("bb-s-1")
    second.do("POST", f"{VM}/detachDisk", deviceName="Odd_device.7")
    assert second.violations() == ["no_lock"]


def test_what_was_renewed_is_not_taken_over(runs: tuple[Run, Run]):
    first, second = runs
    first.claim("aa-s-0")
    first.control.advance(TTL_S)
    first.claim("aa-s-1")
    first.control.advance(TTL_S * 0.8)
    second.claim("bb-s-2")
    assert second.violations() == ["foreign_lock"]
    assert "was taken over by run bb although it was" in second.told()[0]


def test_a_lock_that_was_not_renewed_is_taken_over(runs: tuple[Run, Run]):
    first, second = runs
    first.claim("aa-s-0")
    first.control.advance(TTL_S * 0.95)
    second.claim("bb-s-1")
    second.do("POST", f"{VM}/detachDisk", deviceName="data")
    assert second.violations() == []
    first.do("POST", f"{VM}/detachDisk", deviceName="Odd_device.7")
    assert first.violations() == ["foreign_lock"]


@pytest.mark.parametrize("value", [None, "free-s-0"])
def test_the_lock_of_another_run_is_not_given_up(runs: tuple[Run, Run], value: str | None):
    first, second = runs
    first.claim("aa-s-0")
    first.control.advance(TTL_S * 2)
    second.claim(value)
    assert second.violations() == ["foreign_lock"]
    assert second.told()[0].startswith("the lock of run aa on web-1 was ")


def test_a_copy_of_a_dead_runs_lock_on_a_disk_may_be_removed_by_the_holder(runs: tuple[Run, Run]):
    first, second = runs
    first.claim("aa-s-0")
    first.claim("aa-s-0", path=f"{ZONAL}/disks/web-1")
    first.control.advance(TTL_S * 2)
    second.claim("bb-s-1")
    second.claim(None, path=f"{ZONAL}/disks/web-1")
    assert second.violations() == []


@pytest.mark.parametrize("mark", ["mcr_replaced_by", "mcr_kept"])
def test_marks_of_old_disks_are_taken_off_only_by_the_holder(runs: tuple[Run, Run], mark: str):
    first, second = runs
    first.claim("aa-s-0")
    first.label(f"{ZONAL}/disks/web-1", mcr_vm="web-1", **{mark: "r"})
    first.label(f"{ZONAL}/disks/web-1", team="sales")
    assert first.violations() == []
    second.label(f"{ZONAL}/disks/web-1", **{mark: None})
    assert second.violations() == ["foreign_lock"]


def test_other_labels_and_other_vms_are_nobodys_business(runs: tuple[Run, Run]):
    first, second = runs
    first.claim("aa-s-0")
    second.label(VM, team="sales")
    second.do("POST", f"zones/{ZONE[:-1]}c/instances/db-1/stop")
    assert second.violations() == []


@pytest.mark.parametrize("verb", ["attachDisk", "detachDisk"])
def test_disks_come_and_go_only_while_the_vm_is_terminated(runs: tuple[Run, Run], verb: str):
    first, _second = runs
    first.disk("extra")
    first.claim("aa-r-0")
    first.do("POST", f"{VM}/start")
    method, path, body, query = DESTRUCTIVE[verb]
    first.do(method, path, body, **query)
    assert first.violations()[0] == "power"
    assert first.told()[0] == f"{verb} of web-1 was accepted while it was RUNNING"


# -- What is needed


def restored_disk(run: Run, name: str, snapshot: str, restore: str = "r", **labels: str) -> None:
    marks = {"mcr-restore": restore, "mcr-vm": "web-1", "mcr-backup": "20260101-000000", **{key.replace("_", "-"): value for key, value in labels.items()}}
    run.disk(name, sourceSnapshot=f"global/snapshots/{snapshot}", sizeGb="20", labels=marks)


def saved(run: Run, *names: str) -> None:
    for name in names:
        run.snapshot(name, "web-1-data", labels={"mcr-vm": "web-1", "mcr-backup": "20260101-000000"})


def delete(run: Run, path: str) -> list[str]:
    kind = {"disks": "disk", "snapshots": "snapshot"}[path.split("/")[-2]]
    run.act("permit", token=run.id, names=[f"{kind}:{path.rsplit('/', 1)[1]}"])
    run.do("DELETE", path)
    return run.violations()


def test_a_point_that_an_unfinished_restore_reads_is_needed(runs: tuple[Run, Run]):
    first, second = runs
    saved(first, "one", "two")
    restored_disk(first, "new", "one")
    # A part of the same backup, whose disk is not made yet.
    assert delete(second, "global/snapshots/two") == ["needed"]
    assert delete(second, "global/snapshots/one") == ["needed"] * 2


def test_a_point_that_nothing_reads_any_more_is_not_needed(runs: tuple[Run, Run]):
    first, second = runs
    saved(first, "one")
    restored_disk(first, "new", "one")
    first.label(VM, mcr_restore="r")
    assert delete(second, "global/snapshots/one") == []


@pytest.mark.parametrize("finished", ["mcr_kept", "mcr_replaced_by"])
def test_a_restore_that_is_complete_or_superseded_needs_nothing(runs: tuple[Run, Run], finished: str):
    first, second = runs
    saved(first, "one")
    restored_disk(first, "new", "one", **({"mcr_replaced_by": "later"} if finished == "mcr_replaced_by" else {}))
    if finished == "mcr_kept":
        first.label(f"{ZONAL}/disks/web-1", mcr_vm="web-1", mcr_replaced_by="r", mcr_kept="yes")
    assert delete(second, "global/snapshots/one") == []


def test_a_restore_that_the_lock_names_is_unfinished_whatever_else_is_said(runs: tuple[Run, Run]):
    first, second = runs
    saved(first, "one")
    restored_disk(first, "new", "one")
    first.label(VM, mcr_restore="r")
    first.claim("aa-s-0")
    assert "needed" in delete(second, "global/snapshots/one")


def test_the_disks_of_an_unfinished_restore_are_needed(runs: tuple[Run, Run]):
    first, second = runs
    saved(first, "one")
    restored_disk(first, "new", "one")
    first.disk("old")
    first.label(f"{ZONAL}/disks/old", mcr_vm="web-1", mcr_replaced_by="r")
    assert delete(second, f"{ZONAL}/disks/new") == ["needed"]
    assert delete(second, f"{ZONAL}/disks/old") == ["needed"] * 2


def test_a_run_may_delete_the_disks_that_it_made_itself_and_those_under_its_lock(runs: tuple[Run, Run]):
    first, second = runs
    saved(first, "one")
    for name in ("mine", "taken-over"):
        restored_disk(first, name, "one")
    assert delete(first, f"{ZONAL}/disks/mine") == []
    second.claim("bb-s-0")
    assert delete(second, f"{ZONAL}/disks/taken-over") == []


def test_what_a_run_that_ended_well_counts_on_is_not_deleted_by_whoever_made_it(runs: tuple[Run, Run]):
    first, second = runs
    saved(first, "one", "two")
    first.act("count_on", names=["snapshot:one"])
    first.do("DELETE", "global/snapshots/two")
    assert first.violations() == []
    second.snapshot("three")
    first.do("DELETE", "global/snapshots/one")
    assert first.violations() == ["deleted"]


def test_recovery_points_are_deleted_without_a_lock_but_not_by_a_run_that_has_lost_it(runs: tuple[Run, Run]):
    first, second = runs
    saved(first, "one", "two")
    first.act("count_on", names=["snapshot:one", "snapshot:two"])
    first.claim("aa-s-0")
    first.control.advance(TTL_S * 2)
    second.claim("bb-s-1")
    third: Any = Run(second)
    assert delete(third, "global/snapshots/one") == []
    assert delete(first, "global/snapshots/two") == ["foreign_lock"]
