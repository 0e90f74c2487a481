# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that is run again: what is there under its name is compared with what is asked for, and looked at again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Attachment
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint

from tests.unit.plugins.module_utils.recovery.bench import FIRST, SECOND, VM_REF, Bench, Ran, seeded
from tests.unit.plugins.module_utils.recovery.cloud import Event, Fault
from tests.unit.plugins.module_utils.recovery.judge import wrongs
from tests.unit.plugins.module_utils.recovery.routes import lost, restored, restored_twice, saved_stopped

CHECK = pytest.mark.parametrize("check", [False, True])


def refused(bench: Bench, ran: Ran, kind: str = "Conflict") -> str:
    """The message of a task that was refused before it sent anything."""
    assert ran.error is not None, ran.value
    assert ran.error.kind == kind, ran.message
    assert not ran.process.acted
    assert wrongs(ran, bench) == []
    return ran.message


# A backup


@CHECK
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "disks are Odd.7, boot, not Odd.7, boot, data (see exclude_disks)"),
        ({"exclude_disks": ["boot"]}, "disks are Odd.7, boot, not Odd.7, data"),
        ({"exclude_disks": ["data"], "consistency": "stopped"}, "consistency is crash, not stopped"),
        ({"exclude_disks": ["data"], "consistency": "application"}, "consistency is crash, not application"),
        ({"exclude_disks": ["data"], "method": "image"}, "method is snapshot, not image"),
        ({"method": "machine_image"}, "method is snapshot, not machine_image"),
    ],
)
def test_backup_that_is_asked_for_in_another_way_is_a_conflict_that_names_the_fields(given: dict[str, Any], words: str, check: bool) -> None:
    bench = seeded()
    assert bench.backup(exclude_disks=["data"]).ok
    message = refused(bench, bench.backup(check=check, **given))
    assert words in message
    assert "Choose another snapshot_datetime" in message


@CHECK
def test_vm_is_not_deleted_over_a_backup_that_leaves_a_disk_out(check: bool) -> None:
    bench = seeded(on=False)
    assert bench.backup(exclude_disks=["data"]).ok
    assert "disks are Odd.7, boot, not Odd.7, boot, data" in refused(bench, bench.backup(retire_source=True, check=check))
    assert bench.machine()


def test_vm_is_not_deleted_when_a_disk_is_attached_after_its_disks_were_saved() -> None:
    """The look that counts is the last one before the deletion."""
    bench, attached = seeded(2, on=False), list[str]()
    spare = replace(seeded(3).cloud.disk("a/disk/web-2"), used_by=())

    def somebody(event: Event) -> Fault | None:
        if event.key.startswith("wait for saving data") and not attached:
            attached.append(spare.ref)
            bench.cloud.put(spare.ref, spare)
            bench.cloud.precious.add(spare.ref)
            bench.cloud.connect(VM_REF, Attachment("late", spare.ref, boot=False, kept={"goes_along": True}))
        return None

    ran = bench.backup(retire_source=True, script=somebody)
    assert ran.error is not None
    assert attached
    assert "late" in bench.contents(), ran.message
    assert wrongs(ran, bench) == []


@CHECK
def test_vm_is_not_deleted_over_a_backup_of_which_a_part_cannot_be_used(check: bool) -> None:
    bench = saved_stopped()
    ref = next(iter(bench.every(RecoveryPoint)))
    bench.cloud.update(ref, unusable="it is obsolete")
    assert "it is obsolete" in refused(bench, bench.backup(retire_source=True, check=check))


def test_backup_that_can_no_longer_be_used_says_so_when_it_is_asked_for_again() -> None:
    bench = seeded()
    assert bench.backup().ok
    bench.cloud.update(next(iter(bench.every(RecoveryPoint))), unusable="it is obsolete")
    again = bench.backup().ok
    assert not again.changed
    assert "it is obsolete" in again.text


# A restore


@CHECK
def test_finished_restore_is_not_taken_for_one_to_another_backup(check: bool) -> None:
    """The command of an emergency page, pasted a second time after the next backup."""
    bench = restored()
    bench.cloud.clock.now += 3600
    assert bench.backup(SECOND).ok
    for point in ({"snapshot_datetime": "latest"}, {"snapshot_datetime": SECOND}, {"backup": f"web-{SECOND}"}):
        message = refused(bench, bench.restore(name="r1", check=check, **point))
        assert f"it went back to {FIRST}, not to {SECOND}" in message
        assert "Choose another name" in message


@CHECK
def test_finished_restore_of_single_points_is_not_taken_for_one_of_others(check: bool) -> None:
    bench = seeded()
    assert bench.backup(FIRST).ok
    bench.cloud.clock.now += 3600
    assert bench.backup(SECOND).ok
    names = {point.marks["backup"]: point.name for point in bench.every(RecoveryPoint).values() if point.device == "data"}
    others = {point.device: point.name for point in bench.every(RecoveryPoint).values() if point.marks["backup"] == FIRST}
    assert bench.restore(name="r1", snapshots={"data": names[FIRST]}).ok
    assert "its data was made from" in refused(bench, bench.restore(name="r1", snapshots={"data": names[SECOND]}, check=check))
    assert "it did not restore Odd.7, boot" in refused(bench, bench.restore(name="r1", snapshots=others, check=check))
    assert f"not to {FIRST}" in refused(bench, bench.restore(name="r1", snapshot_datetime=FIRST, check=check))
    assert not bench.restore(name="r1", snapshots={"data": names[FIRST]}, check=check).ok.changed


@CHECK
def test_finished_restore_is_not_taken_for_one_by_another_strategy(check: bool) -> None:
    bench = restored()
    message = refused(bench, bench.restore(name="r1", snapshot_datetime=FIRST, strategy="replace", check=check))
    assert "its strategy is in_place, not replace" in message


def test_restore_whose_vm_was_deleted_since_builds_it_again() -> None:
    """The documented command of an emergency ends with the VM there, or with a failure."""
    bench = restored()
    bench.lose_vm()
    ran = bench.restore(name="r1", snapshot_datetime=FIRST).ok
    assert ran.changed
    assert set(bench.contents().values()) == {"one"}
    assert not bench.restore(name="r1", snapshot_datetime=FIRST).ok.changed


def test_check_of_a_restore_whose_vm_was_deleted_since_says_that_it_would_be_built() -> None:
    bench = restored()
    bench.lose_vm()
    assert "Would build VM" in bench.restore(name="r1", snapshot_datetime=FIRST, check=True).ok.message


@CHECK
def test_restore_whose_disks_the_vm_does_not_have_any_more_is_not_complete(check: bool) -> None:
    bench = restored_twice()
    message = refused(bench, bench.restore(name="r1", snapshot_datetime=FIRST, check=check))
    assert "has gone on to the disks of r2" in message


def test_vm_that_is_built_again_is_compared_by_its_own_restore() -> None:
    bench = lost()
    assert bench.restore(name="r1").ok.changed
    assert not bench.restore(name="r1").ok.changed
