# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate: a change leaves only while the lock is ours and the machine is as it needs it, and marks are set without hurry and without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Cancelled, Conflict, NotFound, ProviderFailure, RecoveryError
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.lock import LockLost
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Power
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.target import Target

from tests.unit.plugins.module_utils.recovery.bench import HERE, LOCK_TTL_S, VM, VM_REF, Bench, at_work, seeded
from tests.unit.plugins.module_utils.recovery.cloud import CHANGE, Event, Fault, Process, Script
from tests.unit.plugins.module_utils.recovery.memory import Memory
from tests.unit.plugins.module_utils.recovery.routes import at

TIMEOUT_S = 300.0
OTHER = {marks.LOCK: "other-r-0", marks.LOCK_FOR: "restore_r9"}


@contextmanager
def working(bench: Bench, script: Script = lambda _event: None, *, locked: bool = True, timeout_s: float = TIMEOUT_S) -> Iterator[Target]:
    """The VM as a run sees it that holds its lock."""
    process = Process(bench.cloud, Waiter(0, 0), script)
    process.waiter = waiter = Waiter(timeout_s, 15, clock=bench.cloud.clock, sleep=process.sleep)
    task = Task("restore", "CREATE", "memory", {"tags": {}}, False)
    with at_work(process, inline=True):
        target = Target(Memory(task, process, HERE), VM, waiter)
        if locked:
            target.lock_for("restore_r1", LOCK_TTL_S, lambda _claim: True).acquire(True)
            process.events.clear()
        yield target


def sent(target: Target) -> list[str]:
    return target.gate.sent


def stop(target: Target) -> None:
    target.gate.send(target.provider.machines.stop(target.existing(), False))


def detach(target: Target) -> None:
    machine = target.existing()
    target.gate.send(target.provider.machines.detach(machine, machine.attached[-1]))


def before(words: str, act: Callable[[], object]) -> Script:
    """Something happens once, just before the request of these words is carried out."""
    left = [1]

    def script(event: Event) -> Fault | None:
        if event.key.startswith(words) and left:
            left.clear()
            act()
        return None

    return script


def pause(bench: Bench, seconds: float = LOCK_TTL_S + 1.0) -> Callable[[], None]:
    """The process is stopped for so long."""

    def act() -> None:
        bench.cloud.clock.now += seconds

    return act


def take_over(bench: Bench) -> Callable[[], None]:
    """The same while another run takes the lock over."""

    def act() -> None:
        pause(bench)()
        bench.cloud.mark(VM_REF, OTHER)

    return act


# The lock


def test_change_under_a_lock_that_was_never_taken_is_a_bug() -> None:
    with working(seeded(), locked=False) as target:
        target.lock_for("restore_r1", LOCK_TTL_S, lambda _claim: True)
        with pytest.raises(RuntimeError):
            stop(target)


def test_change_of_a_task_that_takes_no_lock_is_sent() -> None:
    with working(seeded(), locked=False) as target:
        stop(target)
        assert sent(target) == ["stopping VM web"]


def test_what_takes_something_away_is_sent_only_after_the_lock_was_read_again() -> None:
    bench = seeded()
    with working(bench) as target:
        bench.cloud.mark(VM_REF, OTHER)
        with pytest.raises(LockLost, match=r'taken over by the restore "r9" \(run other\)'):
            stop(target)
        assert sent(target) == []
    assert bench.vm.power is Power.ON


@pytest.mark.parametrize("act", [stop, detach])
def test_run_that_was_paused_before_a_request_sends_nothing_after_a_takeover(act: Callable[[Target], None]) -> None:
    """It had seen that the lock was its own; then it was stopped for longer than a lock lives."""
    bench = seeded(on=act is stop)
    with working(bench, before("stopping" if act is stop else "detaching", take_over(bench))) as target:
        with pytest.raises(LockLost):
            act(target)
        assert sent(target) == []


def test_run_that_was_paused_while_nobody_took_the_lock_confirms_it_and_goes_on() -> None:
    bench = seeded()
    with working(bench, before("stopping", pause(bench))) as target:
        stop(target)
        assert target.lock.fresh
        assert sent(target) == ["stopping VM web"]


def test_lock_that_cannot_be_confirmed_in_time_ends_in_a_failure_that_names_what_was_not_sent() -> None:
    """Each request is too slow for the lock."""
    bench = seeded()

    def slow(event: Event) -> Fault | None:
        if event.key == "stopping VM web":
            pause(bench)()
        return None

    with working(bench, slow, timeout_s=1e6) as target:
        with pytest.raises(ProviderFailure, match="the lock could not be confirmed in time, so this was not sent: stopping VM web") as caught:
            stop(target)
        assert caught.value.transient
        assert sent(target) == []


def test_marks_are_not_written_by_a_run_that_was_paused_and_taken_over() -> None:
    """The marks of kept disks tell the next run what to go back to."""
    bench = seeded()
    with working(bench, before("marking web-0", take_over(bench))) as target, pytest.raises(LockLost):
        target.gate.mark(lambda: target.disk("a/disk/web-0"), {marks.KEPT: marks.YES})
    assert bench.cloud.disk("a/disk/web-0").marks == {}


# The state of the machine


def test_disk_is_not_detached_from_a_machine_that_somebody_has_started() -> None:
    bench = seeded(on=False)
    with working(bench) as target:
        bench.switch(Power.ON)
        with pytest.raises(Conflict, match=r"detaching Odd\.7 from VM web: the VM is UP, not stopped: somebody started or stopped it\. This was not done"):
            detach(target)
        assert sent(target) == []


def test_disk_is_not_detached_from_a_machine_that_is_gone() -> None:
    bench = seeded(on=False)
    with working(bench) as target:
        machine = target.existing()
        change = target.provider.machines.detach(machine, machine.attached[-1])
        bench.lose_vm(disks=False)
        with pytest.raises(NotFound, match="the VM does not exist any more. This was not done"):
            target.gate.send(change)
        assert sent(target) == []


# Marks


def writes(target: Target) -> list[Event]:
    process = target.provider._process  # type: ignore[attr-defined]
    return [event for event in process.events if event.kind == CHANGE and event.key.startswith("marking")]


def disk(target: Target) -> Callable[[], Disk | None]:
    return lambda: target.disk("a/disk/web-0")


def test_marks_that_others_change_all_the_time_are_given_up_at_the_deadline_and_not_hurried() -> None:
    bench = seeded()
    began = bench.cloud.clock.now
    with working(bench, at_each("marking web-0", Fault.STALE)) as target:
        with pytest.raises(Conflict, match="somebody else changes them all the time"):
            target.gate.mark(disk(target), {marks.KEPT: marks.YES})
        assert bench.cloud.clock.now - began >= TIMEOUT_S
        # Pauses grow to five seconds.
        assert len(writes(target)) < TIMEOUT_S / 4


def test_cancellation_ends_the_setting_of_marks() -> None:
    bench = seeded()
    number = [0]

    def script(event: Event) -> Fault | None:
        if event.key != "marking web-0":
            return None
        number[0] += 1
        if number[0] == 3:
            event.process.waiter.cancel()
        return Fault.STALE

    with working(bench, script) as target:
        with pytest.raises(Cancelled):
            target.gate.mark(disk(target), {marks.KEPT: marks.YES})
        assert number == [3]


def test_marks_that_somebody_writes_meanwhile_are_kept() -> None:
    bench = seeded()
    with working(bench, before("marking web-0", lambda: bench.cloud.mark("a/disk/web-0", {"theirs": "1"}))) as target:
        target.gate.mark(disk(target), {marks.KEPT: marks.YES})
    assert bench.cloud.disk("a/disk/web-0").marks == {"theirs": "1", marks.KEPT: marks.YES}


def test_marks_that_are_set_already_are_not_written() -> None:
    bench = seeded()
    bench.cloud.mark("a/disk/web-0", {marks.KEPT: marks.YES})
    with working(bench) as target:
        target.gate.mark(disk(target), {marks.KEPT: marks.YES, marks.WAS: None})
        assert writes(target) == []


def test_marks_whose_answer_was_lost_are_looked_at_and_not_written_twice() -> None:
    bench = seeded()
    with working(bench, at("marking web-0", Fault.LOST)) as target:
        target.gate.mark(disk(target), {marks.KEPT: marks.YES})
        assert len(writes(target)) == 1
    assert bench.cloud.disk("a/disk/web-0").marks == {marks.KEPT: marks.YES}


def test_other_refusal_of_marks_is_raised_at_once() -> None:
    bench = seeded()
    with working(bench, at("marking web-0", Fault.REFUSED)) as target:
        with pytest.raises(ProviderFailure):
            target.gate.mark(disk(target), {marks.KEPT: marks.YES})
        assert len(writes(target)) == 1


# Several at once


def delete_all(target: Target, refs: list[str]) -> None:
    """Delete disks, all at once."""
    disks = [found for ref in refs if (found := target.disk(ref))]
    target.gate.send_all([target.provider.disks.delete(one) for one in disks])


REFS = ["a/disk/web-0", "a/disk/web-1", "a/disk/web-2"]


def detached() -> Bench:
    bench = seeded(on=False)
    for ref in REFS:
        bench.cloud.disconnect(VM_REF, ref)
    bench.cloud.precious.clear()
    return bench


def test_what_was_accepted_is_waited_for_although_another_one_was_refused() -> None:
    bench = detached()
    with working(bench, at("deleting disk web-1", Fault.REFUSED)) as target:
        with pytest.raises(ProviderFailure, match="deleting disk web-1 was refused"):
            delete_all(target, REFS)
        assert bench.cloud.operations == []
        assert sent(target) == ["deleting disk web-0", "deleting disk web-2"]
    assert [ref for ref in REFS if ref in bench.cloud.things] == ["a/disk/web-1"]


def test_first_error_says_how_many_others_failed() -> None:
    bench = detached()
    with working(bench, at_each("deleting disk", Fault.FAILS)) as target, pytest.raises(ProviderFailure) as caught:
        delete_all(target, REFS)
    assert caught.value.message == "deleting disk web-0 failed. 2 more of these failed."


def test_effect_of_a_change_is_waited_for_and_told_when_it_does_not_show() -> None:
    bench = seeded()
    with working(bench) as target:
        change = target.provider.machines.stop(target.existing(), False)
        with pytest.raises(RecoveryError, match="stopping VM web was accepted and reported as done, but is not seen"):
            target.gate.send(change, lambda: False)


def test_nothing_is_sent_by_a_run_whose_task_was_cut_off_and_comes_back_late() -> None:
    """Its lock was taken over and given up again: that it is free does not make it ours."""
    bench = seeded()
    with working(bench) as target:
        pause(bench)()
        bench.cloud.mark(VM_REF, {marks.LOCK: None, marks.LOCK_FOR: None, marks.WAS: None})
        with pytest.raises(LockLost, match="removed by somebody"):
            stop(target)
        with suppress(RecoveryError):
            target.lock.release()
        assert sent(target) == []


def at_each(words: str, fault: Fault) -> Script:
    return lambda event: fault if event.key.startswith(words) else None
