# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DELETE of a restore that was interrupted: the next run finishes it, and the VM is held by nothing that nobody can end."""

from __future__ import annotations

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Power

from tests.unit.plugins.module_utils.recovery.bench import Bench, Ran
from tests.unit.plugins.module_utils.recovery.cloud import Fault, Script
from tests.unit.plugins.module_utils.recovery.judge import wrongs
from tests.unit.plugins.module_utils.recovery.routes import at, contents_kept, copied, lost, restored


def give_up_copy(bench: Bench, script: Script = lambda _event: None) -> Ran:
    return bench.give_up("r1", vm_name="copy", delete_vm=True, script=script)


@pytest.mark.parametrize("disk", ["copy-boot", "copy-data", "copy-odd"])
@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.FAILS, Fault.KILLED_AFTER])
def test_copy_whose_deletion_was_interrupted_is_deleted_by_the_next_run(disk: str, fault: Fault) -> None:
    bench = copied()
    assert not give_up_copy(bench, at(f"deleting disk {disk}", fault)).succeeded
    ran = give_up_copy(bench).ok
    assert wrongs(ran, bench) == []
    assert not [ref for ref in bench.cloud.things if "copy" in ref]


@pytest.mark.parametrize("fault", [Fault.KILLED_SLOW, Fault.LOST_SLOW, Fault.STUCK])
@pytest.mark.parametrize("words", ["deleting VM copy", "deleting disk copy-boot", "deleting disk copy-data"])
def test_deletion_that_is_still_under_way_is_waited_for_by_the_next_run(words: str, fault: Fault) -> None:
    bench = copied()
    assert not give_up_copy(bench, at(words, fault)).succeeded
    assert give_up_copy(bench).ok
    bench.cloud.settle(everything=True)
    assert not [ref for ref in bench.cloud.things if "copy" in ref]


@pytest.mark.parametrize("words", ["marking web-boot", "marking web-data", "marking web-odd"])
@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_vm_can_be_restored_after_a_deletion_that_was_interrupted(words: str, fault: Fault) -> None:
    bench = restored()
    bench.cloud.may_go = contents_kept("two")
    assert not bench.give_up("r1", script=at(words, fault)).succeeded
    ran = bench.restore(name="r9").ok
    assert wrongs(ran, bench) == []
    assert bench.vm.power is Power.ON


@pytest.mark.parametrize("number", [2, 3])
def test_vm_can_be_restored_after_a_deletion_that_could_not_unlock_it(number: int) -> None:
    """The lock is taken with the first mark of the VM, and given up with the last."""
    bench = restored()
    bench.cloud.may_go = contents_kept("two")
    bench.give_up("r1", script=at("marking web", Fault.KILLED_BEFORE, number=2 * number))
    ran = bench.restore(name="r9").ok
    assert wrongs(ran, bench) == []
    assert bench.vm.power is Power.ON


@pytest.mark.parametrize("duration_s", [0.0, 1.0])
def test_undo_of_a_vm_that_could_not_be_built_deletes_the_disk_with_the_lock_last(duration_s: float) -> None:
    """Without it the other disks could not be deleted any more: nothing is changed without the lock."""
    bench = lost()
    bench.cloud.operation_s = duration_s
    ran = bench.restore(script=at("building VM", Fault.REFUSED))
    assert ran.error is not None
    assert ran.report.undo_errors == []
    assert bench.every(Disk) == {}
    assert [what for what in ran.sent if what.startswith("deleting disk")][-1].startswith("deleting disk web-boot")
