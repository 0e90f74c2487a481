# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going back: to the very disks that a restore took off, each under its own device, whatever was restored before and after."""

from __future__ import annotations

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Power

from tests.unit.plugins.module_utils.recovery.bench import Bench
from tests.unit.plugins.module_utils.recovery.cloud import Fault
from tests.unit.plugins.module_utils.recovery.judge import differences, state_of, wrongs
from tests.unit.plugins.module_utils.recovery.routes import (
    at,
    gone_back,
    killed_before_the_stop,
    killed_half_way,
    lost,
    middle_restore_given_up,
    replaced,
    restored,
    restored_twice,
    saved,
)


def kept_by(bench: Bench, restore: str) -> list[str]:
    """The refs of the disks that a restore took off."""
    return [ref for ref, disk in bench.every(Disk).items() if disk.marks.get(marks.REPLACED_BY) == restore]


def test_rollback_of_a_rollback_finds_its_disks_when_the_vm_was_built_again_before() -> None:
    """The disks that came back were made for a VM that was gone: their notes know of no disk before them."""
    bench = lost()
    assert bench.restore(name="built").ok
    bench.write("three")
    assert bench.restore(name="r1").ok
    bench.write("four")
    assert bench.restore(rollback_of="r1").ok
    bench.write("five")
    ran = bench.restore(rollback_of="rollback-of-r1").ok
    assert set(bench.contents().values()) == {"four"}
    assert wrongs(ran, bench) == []


def test_rollback_brings_back_no_disk_of_another_state_for_one_that_is_gone() -> None:
    """The disks that came back were made by an earlier restore: what those replaced is not what the rollback replaced."""
    bench = restored()
    assert bench.restore(name="r2").ok
    bench.write("four")
    assert bench.restore(rollback_of="r2").ok
    bench.write("five")
    gone = kept_by(bench, "rollback-of-r2")[1]
    bench.cloud.put(gone, None)
    ran = bench.restore(rollback_of="rollback-of-r2")
    assert set(bench.contents().values()) == {"five"}
    assert ran.error is not None
    assert "only 2 of its 3 disks from before are kept" in ran.message
    assert ran.sent == []


def test_rollback_to_a_state_of_which_only_a_part_is_kept_is_refused() -> None:
    """A rollback that began half-way has taken off one disk only: with it the VM would run on disks of two states."""
    bench = killed_half_way()
    assert bench.restore(rollback_of="r1").ok
    ran = bench.restore(rollback_of="rollback-of-r1")
    assert ran.error is not None
    assert ran.sent == []
    assert set(bench.contents().values()) == {"two"}


def test_record_of_a_rollback_tells_nothing_of_what_an_earlier_restore_replaced() -> None:
    bench = restored()
    assert bench.restore(name="r2").ok
    record = bench.restore(rollback_of="r2").ok["restore"]
    assert {disk["old_disk"] for disk in record["disks"]} <= {"", *kept_by(bench, "rollback-of-r2")}


def test_device_whose_name_is_no_mark_keeps_it_when_a_rollback_goes_on_without_it() -> None:
    """The process died when it had taken the disk off: the VM does not tell the name any more."""
    bench = gone_back()
    devices = list(bench.contents())
    assert bench.restore(rollback_of="rollback-of-r1", script=at("detaching data", Fault.KILLED_BEFORE)).killed
    assert bench.restore(rollback_of="rollback-of-r1").ok
    assert list(bench.contents()) == devices


@pytest.mark.parametrize("number", [1, 2, 3])
def test_rollback_goes_on_when_disks_that_came_back_were_recorded_in_part(number: int) -> None:
    bench = middle_restore_given_up()
    stopped_at = ("marking web-0", "marking web-1", "marking web-2")[number - 1]
    assert not bench.restore(rollback_of="r1", script=at(stopped_at, Fault.REFUSED)).succeeded
    assert bench.restore(rollback_of="r1").ok
    assert set(bench.contents().values()) == {"two"}


def test_second_run_of_a_rollback_finds_nothing_to_do_although_the_restore_is_forgotten() -> None:
    bench = restored()
    assert bench.restore(rollback_of="r1", old_disks="delete").ok
    again = bench.restore(rollback_of="r1").ok
    assert not again.changed


@pytest.mark.parametrize("stopped_at", ["marking web-boot-ff801d705f", "marking web-data-d161e71bdd"])
def test_rollback_goes_on_when_nothing_is_left_of_the_restore_that_it_went_back_from(stopped_at: str) -> None:
    bench = middle_restore_given_up()
    assert not bench.restore(rollback_of="r1", script=at(stopped_at, Fault.REFUSED, number=2)).succeeded
    assert bench.restore(rollback_of="r1").ok
    assert bench.restore(name="r9").ok


def test_giving_up_an_unfinished_restore_is_finished_when_only_the_lock_was_left() -> None:
    bench = killed_before_the_stop()
    assert not bench.restore(rollback_of="r1", script=at("marking web", Fault.REFUSED, number=5)).succeeded
    assert bench.restore(rollback_of="r1").ok
    assert bench.restore(name="r9").ok


# Any state whose disks are kept


@pytest.mark.parametrize("order", [["r1", "r2", "rollback-of-r1"], ["r2", "r1"], ["r1", "rollback-of-r1", "r2"], ["r2", "rollback-of-r2", "r1"]])
def test_every_state_of_a_chain_can_be_gone_back_to_in_any_order(order: list[str]) -> None:
    """Each rollback says first, by its check, whether it can, and what it says is so."""
    bench = restored_twice()
    held = {"r1": "two", "r2": "three"}
    content = "four"
    for number, name in enumerate(order):
        assert bench.restore(rollback_of=name, check=True).ok.changed
        ran = bench.restore(rollback_of=name).ok
        assert wrongs(ran, bench) == []
        assert set(bench.contents().values()) == {held[name]}
        held[ran["restore"]["name"]], content = content, f"written {number}"
        assert bench.vm.power is Power.ON
        bench.write(content)


def test_later_rollback_of_a_state_that_was_gone_back_to_before_does_not_say_that_it_was_completed() -> None:
    """The VM has moved on to other disks since."""
    bench = restored_twice()
    assert bench.restore(rollback_of="r1").ok
    assert bench.restore(name="r3").ok
    ran = bench.restore(rollback_of="r1").ok
    assert ran.changed
    assert set(bench.contents().values()) == {"two"}
    assert wrongs(ran, bench) == []


def test_only_copy_of_what_was_written_between_two_restores_is_named_before_it_is_deleted() -> None:
    bench = restored()
    assert bench.restore(rollback_of="r1").ok
    kept = sorted(ref.rpartition("/")[2] for ref in kept_by(bench, "rollback-of-r1"))
    check = bench.give_up("rollback-of-r1", check=True).ok
    assert all(f"disk {name}" in check.message for name in kept)
    assert check.sent == []
    bench.cloud.may_go = lambda cloud, ref: cloud.things[ref].own["content"] == "three"
    ran = bench.give_up("rollback-of-r1").ok
    assert all(f"disk {name}" in ran.message for name in kept)
    assert set(bench.contents().values()) == {"two"}


@pytest.mark.parametrize("words", ["setting that", "marking web-0", "marking web-2", "stopping"])
@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_rollback_of_a_replacement_that_died_before_its_deletion_puts_all_back(words: str, fault: Fault) -> None:
    bench = saved()
    bench.cloud.addresses[bench.vm.own["address"]] = "by its owner"
    before = state_of(bench.cloud)
    assert bench.restore(strategy="replace", script=at(words, fault)).killed
    bench.cloud.settle(everything=True)
    assert bench.restore(rollback_of="r1").ok
    found = state_of(bench.cloud)
    # The VM notes by whose name it was gone back.
    assert found["a/vm/web"]["marks"].pop("restore") == "rollback-of-r1"
    assert differences(found, before) == []


def test_rollback_of_a_replacement_brings_the_old_disks_back_with_their_fates() -> None:
    bench = replaced()
    assert bench.restore(rollback_of="r1").ok
    assert [one.kept["goes_along"] for one in bench.vm.attached] == [True, False, False]
    assert set(bench.contents().values()) == {"two"}
