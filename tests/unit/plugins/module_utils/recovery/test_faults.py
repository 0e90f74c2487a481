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
from tests.unit.plugins.module_utils.recovery.judge import differences, state_of, without_new_backups, wrongs
from tests.unit.plugins.module_utils.recovery.routes import ROUTES, Route, undisturbed

EVERY = pytest.mark.parametrize("route", ROUTES, ids=str)
FAULTS = [Fault.REFUSED, Fault.CUT_OFF, Fault.LOST, Fault.LOST_SLOW, Fault.FAILS, Fault.STUCK, Fault.SCARCE, Fault.STALE]
KILLS = [Fault.KILLED_BEFORE, Fault.KILLED_SLOW, Fault.KILLED_AFTER]


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
    if ran.succeeded:
        found += [f"success, but {miss}" for miss in route.goal.misses(bench)]
    elif not ran.killed and route.undoes and not may_remain(ran):
        bench.cloud.settle(everything=True)
        found += [f"not taken back: {difference}" for difference in differences(without_new_backups(state_of(bench.cloud), before), before)]
    again = route.run(bench)
    found += [f"then: {wrong}" for wrong in wrongs(again, bench)]
    if not again.succeeded:
        return [*found, f"the next run failed: {again.error and again.error.kind} {again.message} {again.report.as_result()}"]
    bench.cloud.settle(everything=True)
    if not route.same_end:
        return [*found, *(f"after the next run {miss}" for miss in route.goal.about_machine(bench))]
    return [*found, *(f"after the next run {difference}" for difference in differences(state_of(bench.cloud), after))]


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
