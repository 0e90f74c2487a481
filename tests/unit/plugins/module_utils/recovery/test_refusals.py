# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way is found before anything is changed, by the check of a task as by the task itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Power
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint

from tests.unit.plugins.module_utils.recovery.bench import FIRST, SECOND, VM, VM_REF, Bench, Ran, saved, seeded
from tests.unit.plugins.module_utils.recovery.cloud import STATUSES, Event, Fault
from tests.unit.plugins.module_utils.recovery.judge import wrongs
from tests.unit.plugins.module_utils.recovery.routes import (
    at,
    backed_up_twice,
    copied,
    killed_half_way,
    lost_but_for_its_disks,
    replacement_killed_in_the_gap,
    restored,
    running,
)
from tests.unit.plugins.module_utils.recovery.test_asked_again import CHECK, refused


def old_disks(bench: Bench, restore: str = "r1") -> list[str]:
    return [ref for ref, disk in bench.every(Disk).items() if disk.marks.get(marks.REPLACED_BY) == restore]


# Old disks


@CHECK
def test_old_disk_that_another_vm_uses_is_not_gone_back_to(check: bool) -> None:
    bench = restored()
    bench.cloud.update(old_disks(bench)[1], used_by=("a/vm/rescue",))
    message = refused(bench, bench.restore(rollback_of="r1", check=check))
    assert "web-1 by rescue" in message
    assert "Detach them there first" in message


@CHECK
def test_old_disk_that_is_gone_is_named_before_the_vm_stops(check: bool) -> None:
    bench = restored()
    bench.cloud.put(old_disks(bench)[1], None)
    message = refused(bench, bench.restore(rollback_of="r1", check=check))
    assert "the disks from before it are gone: web-1" in message
    assert "Kept are the disks for rollback_of: r1 (web-0, web-2)" in message


@CHECK
def test_old_disk_that_another_vm_uses_is_not_deleted_and_no_other_either(check: bool) -> None:
    bench = restored()
    bench.cloud.update(old_disks(bench)[2], used_by=("a/vm/rescue",))
    message = refused(bench, bench.give_up("r1", check=check))
    assert "disk web-2 from before it is attached to rescue" in message
    assert len(old_disks(bench)) == 3


@CHECK
def test_disks_that_are_just_coming_back_are_not_deleted(check: bool) -> None:
    """A rollback that died half-way has detached the restored disks."""
    bench = restored()
    assert bench.restore(rollback_of="r1", script=at("attaching", Fault.KILLED_AFTER)).killed
    bench.cloud.settle(everything=True)
    message = refused(bench, bench.give_up("r1", check=check))
    assert 'is held by the restore "rollback-of-r1"' in message


def test_disks_that_a_rollback_at_work_brings_back_are_not_deleted() -> None:
    bench, others = restored(), list[Ran]()

    def script(event: Event) -> Fault | None:
        if event.key.startswith("detaching Odd"):
            others.append(bench.give_up("r1"))
        return None

    assert bench.restore(rollback_of="r1", script=script).ok
    (other,) = others
    assert other.error is not None
    assert other.sent == []
    assert set(bench.contents().values()) == {"two"}
    assert bench.cloud.violations == []


@CHECK
def test_restore_that_is_half_done_is_not_deleted(check: bool) -> None:
    bench = killed_half_way()
    assert 'is held by the restore "r1"' in refused(bench, bench.give_up("r1", check=check))


# Recovery points that are read


def half_a_copy() -> Bench:
    """A copy of the VM whose run died when its disks were made."""
    bench = saved()
    assert bench.restore(strategy="new", new_vm_name="copy", script=at("building VM", Fault.KILLED_BEFORE)).killed
    bench.cloud.settle(everything=True)
    return bench


@CHECK
def test_backup_that_a_copy_of_its_vm_is_made_from_is_not_deleted(check: bool) -> None:
    bench = half_a_copy()
    message = refused(bench, bench.run("backup", "DELETE", name=f"{VM}-{FIRST}", check=check))
    assert f'backup "{VM}-{FIRST}" is read by the restore "r1"' in message
    assert 'of VM "copy"' in message


@CHECK
def test_backup_that_a_copy_is_made_from_is_not_pruned(check: bool) -> None:
    bench = half_a_copy()
    bench.cloud.clock.now += 3600
    assert bench.backup(SECOND).ok
    message = refused(bench, bench.run("backup", "DELETE", vm_name=VM, retention={"keep_last": 1}, check=check))
    assert 'is read by the restore "r1"' in message


@CHECK
def test_backup_from_which_a_vm_that_is_gone_is_built_is_not_deleted(check: bool) -> None:
    bench = saved()
    bench.lose_vm()
    assert bench.restore(script=at("building VM", Fault.KILLED_BEFORE)).killed
    bench.cloud.settle(everything=True)
    assert 'is read by the restore "r1"' in refused(bench, bench.run("backup", "DELETE", name=f"{VM}-{FIRST}", check=check))


def test_backup_is_deleted_once_the_copy_is_there() -> None:
    bench = copied()
    bench.cloud.may_go = lambda _cloud, ref: ref.startswith("point/")
    assert bench.run("backup", "DELETE", name=f"{VM}-{FIRST}").ok.changed


# A VM that is gone


@CHECK
def test_disks_that_outlived_their_vm_are_named_and_left_alone(check: bool) -> None:
    bench = lost_but_for_its_disks()
    ran = bench.restore(check=check).ok
    assert "disks of it are still there and may hold what was written after the backup: web-0 (attached nowhere" in ran.text
    assert [bench.cloud.disk(f"a/disk/web-{number}").own["content"] for number in range(3)] == ["two"] * 3
    assert wrongs(ran, bench) == []


@CHECK
def test_backup_of_a_vm_that_a_restore_has_deleted_for_now_stays(check: bool) -> None:
    """Any backup of it: the restore builds the VM from a manifest that the two may share."""
    bench = backed_up_twice()
    assert bench.restore(strategy="replace", script=at("deleting VM", Fault.KILLED_AFTER)).killed
    message = refused(bench, bench.run("backup", "DELETE", name=f"{VM}-{SECOND}", check=check))
    assert 'is held by the restore "r1"' in message


@CHECK
def test_vm_that_is_absent_in_the_middle_of_another_restore_is_built_only_with_force(check: bool) -> None:
    bench = replacement_killed_in_the_gap()
    message = refused(bench, bench.restore(name="r9", check=check))
    assert 'is absent because the restore "r1"' in message
    assert "rollback_of" in message
    assert bench.restore(name="r9", force=True, check=check).ok
    assert [bench.cloud.disk(f"a/disk/web-{number}").own["content"] for number in range(3)] == ["two"] * 3


@CHECK
def test_disk_that_the_backup_leaves_out_is_named_when_the_vm_is_built_without_it(check: bool) -> None:
    """It does not come from another backup: the VM would have disks of two states."""
    bench = saved()
    bench.cloud.clock.now += 3600
    assert bench.backup(SECOND, exclude_disks=["data"]).ok
    bench.lose_vm()
    ran = bench.restore(check=check).ok
    assert f'The newest backup of VM "web" leaves out data (the backup {VM}-{FIRST} holds it)' in ran.text
    assert "comes up without these disks, which the restore point does not hold: data" in ran.text
    assert check or set(bench.contents()) == {"boot", "Odd.7"}


@pytest.mark.parametrize("words", ["stopping VM", "detaching Odd", "marking web-2", "get a/vm/web"])
def test_vm_that_a_colleague_deletes_is_built_again_by_the_same_task(words: str) -> None:
    bench = running()

    def colleague(event: Event) -> Fault | None:
        # Once its lock is held.
        if event.key.startswith(words) and bench.machine() and marks.LOCK in bench.vm.marks:
            bench.lose_vm(disks=False)
        return None

    ran = bench.restore(script=colleague)
    assert ran.error is not None
    assert 'VM "web" does not exist' in ran.message
    assert wrongs(ran, bench) == []
    assert bench.restore().ok
    assert set(bench.contents().values()) == {"one"}
    assert [bench.cloud.disk(f"a/disk/web-{number}").own["content"] for number in range(3)] == ["two"] * 3


# Names and datetimes


@CHECK
@pytest.mark.parametrize("name", ["copy", VM])
def test_copy_under_the_name_of_a_vm_that_is_there_is_refused_before_a_disk_is_made(name: str, check: bool) -> None:
    bench = copied()
    message = refused(bench, bench.restore(name="r7", strategy="new", new_vm_name=name, check=check))
    assert f'there is a VM "{name}" in site a already' in message


@CHECK
def test_datetime_of_the_future_is_refused(check: bool) -> None:
    """It would be the newest backup for ever."""
    bench = seeded()
    message = refused(bench, bench.backup("20990101-000000", check=check), "InvalidRequest")
    assert "snapshot_datetime 20990101-000000 lies in the future" in message


def test_clock_that_is_some_hours_ahead_is_no_reason_to_refuse() -> None:
    bench = seeded()
    assert bench.backup((bench.cloud.now.replace(hour=23)).strftime("%Y%m%d-%H%M%S")).ok


# States


@CHECK
@pytest.mark.parametrize("power", [Power.BETWEEN, Power.SUSPENDED])
@pytest.mark.parametrize(
    "task",
    [
        lambda bench, check: bench.restore(name="r9", check=check),
        lambda bench, check: bench.restore(name="r9", strategy="replace", check=check),
        lambda bench, check: bench.restore(rollback_of="r1", check=check),
        lambda bench, check: bench.backup(SECOND, consistency="stopped", check=check),
        lambda bench, check: bench.backup(SECOND, retire_source=True, check=check),
    ],
    ids=["in place", "replace", "rollback", "backup at rest", "retirement"],
)
def test_vm_that_neither_runs_nor_rests_is_refused_by_the_check_as_by_the_task(task: Callable[[Bench, bool], Ran], power: Power, check: bool) -> None:
    bench = restored()
    bench.cloud.put(VM_REF, replace(bench.vm, power=power, status=STATUSES[power]))
    refused(bench, task(bench, check))


def test_all_that_stands_in_the_way_is_told_together() -> None:
    bench = restored()
    bench.cloud.update(old_disks(bench)[0], used_by=("a/vm/rescue",))
    bench.cloud.put(VM_REF, replace(bench.vm, power=Power.SUSPENDED, status="ASLEEP"))
    message = refused(bench, bench.restore(rollback_of="r1"))
    assert "2 things stand in the way" in message
    assert "is suspended" in message
    assert "web-0 by rescue" in message


# Many restores


def test_vm_of_many_restores_is_read_once_in_a_list() -> None:
    bench = restored()
    for number in range(2, 12):
        assert bench.restore(name=f"r{number}").ok
    ran = bench.run("restore", "INSPECT_ALL").ok
    assert len(ran["restores"]) == 11
    assert [event.key for event in ran.process.events].count("get a/vm/web") == 1
    assert len(bench.every(RecoveryPoint)) == 3
