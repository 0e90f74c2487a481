# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed run says about the data: only what was read."""

from __future__ import annotations

import pytest

from tests.unit.plugins.module_utils.recovery.bench import SECOND, VM_REF
from tests.unit.plugins.module_utils.recovery.cloud import Event, Fault
from tests.unit.plugins.module_utils.recovery.judge import wrongs
from tests.unit.plugins.module_utils.recovery.routes import at, restored, running, when_up_on


def test_disk_whose_deletion_is_under_way_is_not_said_to_be_there() -> None:
    bench = running()
    bench.cloud.may_go = when_up_on("one")

    def cancelled(event: Event) -> Fault | None:
        if event.key.startswith("deleting disk"):
            event.process.waiter.cancel()
        return None

    ran = bench.restore(old_disks="delete", script=cancelled)
    assert ran.error is not None
    assert "being deleted: web-0, web-1, web-2" in ran.message
    assert "attached nowhere: web-0" not in ran.message
    assert wrongs(ran, bench) == []


@pytest.mark.parametrize("strategy", ["in_place", "replace"])
def test_old_disks_are_not_deleted_once_somebody_has_deleted_the_restored_vm(strategy: str) -> None:
    bench = running()
    bench.cloud.may_go = when_up_on("one")
    looks = [0]

    def script(event: Event) -> Fault | None:
        # The old disks are looked at a last time before they are deleted.
        looks[0] += event.key == "get a/disk/web-0"
        if event.key == "get a/disk/web-0" and VM_REF in bench.cloud.things and looks[0] == last:
            bench.cloud.erase(VM_REF)
        return None

    last = 0
    counted = running()
    counted.cloud.may_go = when_up_on("one")
    events = counted.restore(old_disks="delete", strategy=strategy).ok.process.events
    first_deletion = next(number for number, event in enumerate(events) if event.key.startswith("deleting disk"))
    last = sum(event.key == "get a/disk/web-0" for event in events[:first_deletion])
    ran = bench.restore(old_disks="delete", strategy=strategy, script=script)
    assert ran.error is not None
    assert not [what for what in ran.sent if what.startswith("deleting disk")]
    assert wrongs(ran, bench) == []


# Nothing can be read any more


@pytest.mark.parametrize(
    ("words", "last"),
    [("detaching data", "detaching Odd.7 from VM web"), ("attaching web-data", "attaching web-boot-"), ("starting", "attaching web-odd-7-")],
)
def test_run_that_is_cut_off_in_the_middle_says_what_was_sent_last_where_the_data_is_and_what_to_run(words: str, last: str) -> None:
    bench = running()
    ran = bench.restore(script=at(words, Fault.CUT_OFF))
    assert ran.error is not None
    assert f"The last change that was accepted: {last}" in ran.message
    assert 'VM "web" may be stopped. Its data is on its disks from before (web-0, web-1, web-2) and on the restored ones (web-boot-' in ran.message
    assert "Run the same task again as soon as the provider answers" in ran.message
    # The reason is told when it first appears, and not once more for each thing that failed for it.
    assert ran.message.count("the credentials are no longer valid") <= 2
    assert wrongs(ran, bench) == []
    assert bench.restore().ok


def test_run_that_is_cut_off_before_it_changed_anything_says_so() -> None:
    ran = running().restore(script=at("creating disk", Fault.CUT_OFF))
    assert "No change was accepted" in ran.message
    assert "may be stopped" not in ran.message


def test_backup_that_is_cut_off_says_that_the_vm_may_be_stopped_on_its_own_disks() -> None:
    bench = running()
    ran = bench.backup(SECOND, consistency="stopped", script=at("saving", Fault.CUT_OFF))
    assert "The last change that was accepted: stopping VM web" in ran.message
    assert 'VM "web" may be stopped. It has its own disks' in ran.message
    assert ran.message.count("the credentials are no longer valid") <= 2
    assert bench.backup(SECOND, consistency="stopped").ok


def test_crash_backup_that_is_cut_off_does_not_say_that_the_vm_may_be_stopped() -> None:
    ran = running().backup(SECOND, script=at("saving data", Fault.CUT_OFF))
    assert ran.error is not None
    assert "may be stopped" not in ran.message


# What was read


@pytest.mark.parametrize("number", [1, 2, 3])
def test_old_disks_that_are_deleted_and_those_that_are_left_are_told_apart(number: int) -> None:
    """One of the deletions was refused."""
    bench = running()
    bench.cloud.may_go = when_up_on("one")
    ran = bench.restore(old_disks="delete", script=at("deleting disk", Fault.REFUSED, number))
    names = ["web-0", "web-1", "web-2"]
    left = names.pop(number - 1)
    assert f"Its disks from before exist and are attached nowhere: {left}." in ran.message
    assert f"Its disks from before that are deleted: {', '.join(names)}." in ran.message
    assert 'Now VM "web" is UP on the restored disks' in ran.message
    assert wrongs(ran, bench) == []
    assert bench.restore(old_disks="delete").ok


def test_disks_that_were_to_come_back_are_not_called_restored() -> None:
    """A rollback goes the other way: what it takes off are the restored disks."""
    bench = restored()
    ran = bench.restore(rollback_of="r1", script=at("starting", Fault.REFUSED))
    assert ran.error is not None
    assert 'Now VM "web" is UP on its disks from before (web-boot-' in ran.message
    assert "The disks that were to come back exist and are attached nowhere: web-0, web-1, web-2" in ran.message
    assert wrongs(ran, bench) == []
