# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that was paused, or cut off, while another one took over: it takes nothing back on which the other counts, and plans anew under the lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Power
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint

from tests.unit.plugins.module_utils.recovery.bench import DEVICES, FIRST, LOCK_TTL_S, SECOND, Bench, Ran, saved
from tests.unit.plugins.module_utils.recovery.cloud import Event, Fault
from tests.unit.plugins.module_utils.recovery.judge import wrongs
from tests.unit.plugins.module_utils.recovery.routes import at, restored, saved_stopped, unsaved, when_saved_at_rest


@dataclass
class Meanwhile:
    """At the ``number``-th request that begins so another task runs to its end. ``paused``: until the lock of the first has run out."""

    bench: Bench
    words: str
    task: Callable[[], Ran]
    number: int = 1
    paused: bool = True
    cancelled: bool = False
    others: list[Ran] = field(default_factory=list)

    def __call__(self, event: Event) -> Fault | None:
        self.number -= event.key.startswith(self.words)
        if self.number == 0 and not self.others:
            if self.paused:
                self.bench.cloud.clock.now += LOCK_TTL_S + 1
                self.bench.cloud.settle()
            self.others.append(self.task())
            if self.cancelled:
                event.process.waiter.cancel()
        return None


# Taking back

WAYS: list[dict[str, Any]] = [{}, {"consistency": "stopped"}, {"method": "image"}, {"retire_source": True}]


def saved_devices(bench: Bench) -> set[str]:
    return {point.device for point in bench.every(RecoveryPoint).values() if point.status == "succeeded" and not point.condemned}


@pytest.mark.parametrize("number", range(1, 16, 2))
@pytest.mark.parametrize("words", ["get point", "wait for saving", "saving"])
@pytest.mark.parametrize("given", WAYS, ids=str)
def test_cancelled_run_takes_back_no_point_on_which_another_run_of_the_task_counts(given: dict[str, Any], words: str, number: int) -> None:
    """The task was launched twice; the first one hangs, the second finishes, then the first is cancelled."""
    bench = unsaved()
    bench.cloud.may_go = when_saved_at_rest
    script = Meanwhile(bench, words, lambda: bench.backup(**given), number, cancelled=True)
    ran = bench.backup(script=script, **given)
    bench.cloud.settle(everything=True)
    if script.others and script.others[0].succeeded:
        assert saved_devices(bench) == set(DEVICES), f"{ran.message} | {script.others[0].message}"
    assert [*wrongs(ran, bench), *(wrong for other in script.others for wrong in wrongs(other, bench))] == []


def test_cancelled_retirement_whose_vm_another_run_has_deleted_keeps_its_backup() -> None:
    """The network was gone while the images were made; the VM, its disks and its images must not all be gone in the end."""
    bench = unsaved()
    bench.cloud.may_go = when_saved_at_rest
    began = bench.cloud.clock.now
    script = Meanwhile(bench, "wait for saving", lambda: bench.backup(retire_source=True), cancelled=True)
    ran = bench.backup(retire_source=True, script=script)
    ended = bench.cloud.clock.now
    bench.cloud.settle(everything=True)
    assert ran.error is not None
    assert script.others[0].succeeded
    assert bench.machine() is None
    # Nothing is being deleted, so nothing is waited for.
    assert "still being deleted" not in ran.message
    # The pause, and the watch of the other run.
    assert ended - began < 3 * LOCK_TTL_S
    assert saved_devices(bench) == set(DEVICES)
    assert bench.restore().ok


@pytest.mark.parametrize("number", [1, 2, 3])
def test_cancelled_restore_takes_no_marks_off_disks_that_another_run_keeps(number: int) -> None:
    """It was paused while it noted on the old disks what takes their place."""
    bench = saved()
    script = Meanwhile(bench, f"marking web-{number - 1}", bench.restore, cancelled=True)
    ran = bench.restore(script=script)
    assert ran.error is not None
    assert script.others[0].succeeded
    assert wrongs(ran, bench) == []
    bench.write("three")
    assert bench.restore(rollback_of="r1").ok
    assert set(bench.contents().values()) == {"two"}


def test_run_that_lost_its_lock_does_not_remove_it_from_the_run_that_has_it() -> None:
    """The second is a rollback that is still at work: it would find its VM stopped and held by nobody."""
    bench, holders = saved(), list[str]()
    second = Meanwhile(bench, "attaching web-1", lambda: first_again(bench, holders), paused=False)
    first = Meanwhile(bench, "attaching web-data", lambda: bench.restore(rollback_of="r1", script=second))
    ran = bench.restore(script=first)
    assert ran.error is not None
    assert first.others[0].succeeded
    assert set(bench.contents().values()) == {"two"}
    assert holders == ["rollback-of-r1"]


def first_again(bench: Bench, holders: list[str]) -> Ran:
    """The same restore once more, while the rollback has the lock."""
    ran = bench.restore()
    assert ran.error is not None
    assert not ran.changed
    holders.append(bench.vm.marks["lock-for"].removeprefix("restore_"))
    return ran


# Planning anew


@pytest.mark.parametrize(
    ("module", "given", "content"),
    [
        ("backup", {"snapshot_datetime": SECOND, "retire_source": True}, None),
        ("backup", {"snapshot_datetime": SECOND, "consistency": "stopped"}, "four"),
        ("restore", {"name": "r5", "snapshot_datetime": FIRST}, "one"),
        ("restore", {"name": "r5", "snapshot_datetime": FIRST, "strategy": "replace"}, "one"),
        ("restore", {"rollback_of": "r1"}, "two"),
    ],
    ids=str,
)
def test_disks_that_a_restore_has_exchanged_since_the_first_look_are_planned_anew(module: str, given: dict[str, Any], content: str | None) -> None:
    """The first run was told to wait between its plan and its lock."""
    bench = restored()
    bench.cloud.may_go = when_saved_at_rest

    def restore_and_write() -> Ran:
        ran = bench.restore(name="r4")
        bench.write("four")
        return ran

    script = Meanwhile(bench, "marking web", restore_and_write, paused=False)
    ran = bench.run(module, script=script, **given).ok
    assert script.others[0].ok
    assert wrongs(ran, bench) == []
    assert set(bench.contents().values()) == ({content} if content else set())
    if module == "backup":
        points = [point for point in bench.every(RecoveryPoint).values() if point.marks["backup"] == SECOND]
        assert {point.own["contents"][point.device] for point in points} == {"four"}


@pytest.mark.parametrize("words", ["saving boot", "saving data", "saving Odd.7"])
def test_crash_backup_of_disks_that_are_exchanged_in_this_moment_is_refused_and_leaves_nothing(words: str) -> None:
    """It has no lock. Between its look and its request a long time may pass, as when the provider tells it to slow down."""
    bench = restored()
    script = Meanwhile(bench, words, lambda: bench.restore(name="r4"), paused=False)
    ran = bench.backup(SECOND, script=script)
    assert ran.error is not None
    assert "were exchanged in this moment" in ran.message
    assert wrongs(ran, bench) == []
    bench.cloud.settle(everything=True)
    assert {point.marks["backup"] for point in bench.every(RecoveryPoint).values()} == {FIRST}


def test_crash_backup_of_a_vm_that_a_restore_has_just_taken_is_refused_and_leaves_nothing() -> None:
    bench = restored()
    script = Meanwhile(bench, "saving data", lambda: bench.restore(name="r4", script=at("stopping VM", Fault.KILLED_BEFORE)), paused=False)
    ran = bench.backup(SECOND, script=script)
    assert ran.error is not None
    assert "a half-restored VM must not become a backup" in ran.message
    bench.cloud.settle(everything=True)
    assert {point.marks["backup"] for point in bench.every(RecoveryPoint).values()} == {FIRST}


def test_vm_that_somebody_starts_between_plan_and_lock_runs_again_afterwards() -> None:
    bench = saved_stopped()
    bench.write("two")

    def start() -> Ran:
        bench.switch(Power.ON)
        return bench.restore(check=True)

    ran = bench.restore(script=Meanwhile(bench, "marking web", start, paused=False)).ok
    assert wrongs(ran, bench) == []
    assert bench.vm.power is Power.ON
    assert set(bench.contents().values()) == {"one"}


def test_rollback_whose_old_disks_are_given_up_between_plan_and_lock_does_not_report_success() -> None:
    """The lock that it takes is no sign that an earlier run has begun it."""
    bench = restored()
    bench.cloud.may_go = lambda cloud, ref: cloud.things[ref].own["content"] == "two"
    ran = bench.restore(rollback_of="r1", script=Meanwhile(bench, "marking web", lambda: bench.give_up("r1"), paused=False))
    assert ran.error is not None
    assert ran.error.kind == "NotFound"
    assert 'has no restore "r1"' in ran.message
    assert set(bench.contents().values()) == {"three"}
    assert "lock" not in bench.vm.marks


def test_loser_of_the_race_for_the_lock_has_changed_nothing_and_says_who_has_it() -> None:
    bench = saved()
    others: list[Ran] = []

    def script(event: Event) -> Fault | None:
        if event.key == "stopping VM web":
            others.append(bench.restore(name="r2"))
        return None

    assert bench.restore(script=script).ok
    (loser,) = others
    assert loser.error is not None
    assert not loser.changed
    assert not loser.process.acted
    assert 'is held by the restore "r1"' in loser.message
    assert "Run the task again" not in loser.message


@pytest.mark.parametrize("number", [1, 2])
def test_deletion_of_a_dead_run_that_ends_between_two_reads_is_seen(number: int) -> None:
    """The VM is read, and is gone when it is asked what is under way on it."""
    bench = saved()
    bench.restore(strategy="replace", script=at("deleting VM web", Fault.KILLED_SLOW))

    def script(event: Event) -> Fault | None:
        if event.key == "list operations" and event.number == number:
            bench.cloud.settle(everything=True)
        return None

    ran = bench.restore(strategy="replace", script=script)
    assert ran.ok, ran.message
    assert bench.contents() == dict.fromkeys(DEVICES, "one")
