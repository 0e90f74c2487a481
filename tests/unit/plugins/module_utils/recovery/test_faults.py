# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault at every change of every task: what was begun is finished or taken back, and the same task again comes to the same end."""

from __future__ import annotations

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import WaitTimeout
from ansible_collections.multicloud.recovery.plugins.module_utils.core.steps import DONE, NOT_UNDONE, STILL_RUNNING

from tests.unit.plugins.module_utils.recovery.bench import Bench, Ran
from tests.unit.plugins.module_utils.recovery.cloud import CHANGE, Event, Fault, Script
from tests.unit.plugins.module_utils.recovery.judge import differences, is_lost, state_of, without_new_backups, without_the_needless, wrongs
from tests.unit.plugins.module_utils.recovery.routes import IN_PLACE, ROUTES, Route, undisturbed

# Of the restores in place, which differ in little, a few are enough for every day.
RARE = IN_PLACE[1:12] + IN_PLACE[14:18] + IN_PLACE[20:]
EVERY = pytest.mark.parametrize("route", [pytest.param(route, marks=pytest.mark.full_matrix if route in RARE else ()) for route in ROUTES], ids=str)
FAULTS = [Fault.REFUSED, Fault.CUT_OFF, Fault.LOST, Fault.LOST_SLOW, Fault.FAILS, Fault.STUCK, Fault.SCARCE, Fault.STALE]
# A process that dies before a request has left everything as one that died after the request before.
KILLS = [Fault.KILLED_SLOW, Fault.KILLED_AFTER]


def changes_of(route: Route) -> list[tuple[str, str, int]]:
    """The changes that the route sends when nothing disturbs it."""
    return [event.name for event in undisturbed(route)[0].process.events if event.kind == CHANGE]


def fault_at(name: tuple[str, str, int], fault: Fault) -> Script:
    return lambda event: fault if event.name == name else None


def cancelled_at(name: tuple[str, str, int]) -> Script:
    """The task is told to end just before this request, as a cancelled job tells it."""

    def script(event: Event) -> Fault | None:
        if event.name == name:
            event.process.waiter.cancel()
        return None

    return script


def judged(route: Route, bench: Bench, ran: Ran) -> list[str]:
    """What is wrong after a run that was disturbed, and after the same task was run again."""
    _first, before, after = undisturbed(route)
    found = wrongs(ran, bench)
    found += ["the VM is gone, and there is no backup of it"] if is_lost(bench) else []
    if ran.succeeded:
        found += [f"success, but {miss}" for miss in route.goal.misses(bench)]
    elif not ran.killed and route.undoes and not may_remain(ran):
        bench.cloud.settle(everything=True)
        # Whether a lock is left behind whose answer was lost is asked on its own.
        left = state_of(bench.cloud, lock=bool(ran.sent))
        found += [f"not taken back: {difference}" for difference in differences(without_new_backups(left, before), before)]
    again = route.run(bench)
    found += [f"then: {wrong}" for wrong in wrongs(again, bench)]
    if not again.succeeded:
        return [*found, f"the next run failed: {again.error and again.error.kind} {again.message} {again.report.as_result()}"]
    bench.cloud.settle(everything=True)
    if not route.same_end:
        return [*found, *(f"after the next run {miss}" for miss in route.goal.about_machine(bench))]
    left = state_of(bench.cloud)
    return [*found, *(f"after the next run {difference}" for difference in differences(left, without_the_needless(after, left)))]


def may_remain(ran: Ran) -> bool:
    """Whether a failed run may leave what it began: it says so by its error, or by what it could not put back."""
    if ran.error is None or ran.error.keeps_state or isinstance(ran.error, WaitTimeout) or ran.report.undo_errors:
        return True
    statuses = set(ran.report.statuses.values())
    return bool(statuses & {DONE, STILL_RUNNING, NOT_UNDONE})


def all_wrong(route: Route, scripts: dict[str, Script]) -> list[str]:
    found = []
    for title, script in scripts.items():
        bench = route.bench()
        ran = route.run(bench, script)
        found += [f"{title}: {wrong} [{ran.message}]" for wrong in judged(route, bench, ran)]
    return found


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@EVERY
def test_fault_at_any_change_is_survived(route: Route, fault: Fault) -> None:
    assert all_wrong(route, {f"{name}": fault_at(name, fault) for name in changes_of(route)}) == []


@pytest.mark.parametrize("fault", KILLS, ids=lambda fault: fault.name)
@EVERY
def test_next_run_finishes_what_a_dead_one_left(route: Route, fault: Fault) -> None:
    assert all_wrong(route, {f"{name}": fault_at(name, fault) for name in changes_of(route)}) == []


@EVERY
def test_cancelled_task_takes_back_what_it_began(route: Route) -> None:
    assert all_wrong(route, {f"{name}": cancelled_at(name) for name in changes_of(route)}) == []


# A fault of the first and one of the second kind: the undo of what the first one has broken is broken itself.
SECOND = [Fault.REFUSED, Fault.KILLED_SLOW, Fault.KILLED_AFTER, Fault.CUT_OFF]


def doubly(first: tuple[str, str, int], number: int, second: Fault) -> Script:
    """An operation fails, and the ``number``-th change after it has a fault of its own."""
    after = [-1]

    def script(event: Event) -> Fault | None:
        if event.name == first:
            after[0] = 0
            return Fault.FAILS
        if after[0] < 0 or event.kind != CHANGE:
            return None
        after[0] += 1
        return second if after[0] == number else None

    return script


def changes_after(route: Route, first: tuple[str, str, int]) -> int:
    """How many changes follow one that fails: the undo, and the giving up of the lock."""
    bench = route.bench()
    names = [event.name for event in route.run(bench, fault_at(first, Fault.FAILS)).process.events if event.kind == CHANGE]
    return len(names) - names.index(first) - 1 if first in names else 0


@pytest.mark.full_matrix
@pytest.mark.parametrize("second", SECOND, ids=lambda fault: fault.name)
@EVERY
def test_fault_in_the_undo_of_a_fault_is_survived(route: Route, second: Fault) -> None:
    pairs = [(first, number) for first in changes_of(route) for number in range(1, changes_after(route, first) + 1)]
    assert all_wrong(route, {f"{first} then {number}": doubly(first, number, second) for first, number in pairs}) == []
