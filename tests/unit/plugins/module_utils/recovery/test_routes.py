# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every task without a disturbance: it reaches its goal, a second run finds nothing to do, and its check predicts it and sends nothing."""

from __future__ import annotations

import pytest

from tests.unit.plugins.module_utils.recovery.judge import differences, state_of, wrongs
from tests.unit.plugins.module_utils.recovery.routes import ROUTES, Route

EVERY = pytest.mark.parametrize("route", ROUTES, ids=str)


@EVERY
def test_task_reaches_its_goal(route: Route) -> None:
    bench = route.bench()
    ran = route.run(bench).ok
    assert ran.changed
    assert route.goal.misses(bench) == []
    assert wrongs(ran, bench) == []


@EVERY
def test_second_run_is_unchanged_and_sends_nothing(route: Route) -> None:
    bench = route.bench()
    assert route.run(bench).ok
    after = state_of(bench.cloud)
    again = route.run(bench).ok
    assert not again.changed
    assert not again.process.acted
    assert wrongs(again, bench) == []
    assert differences(state_of(bench.cloud), after) == []


@EVERY
def test_check_predicts_a_change_and_sends_nothing(route: Route) -> None:
    bench = route.bench()
    before = state_of(bench.cloud)
    check = route.run(bench, check=True).ok
    assert check.changed
    assert not check.process.acted
    assert wrongs(check, bench) == []
    assert differences(state_of(bench.cloud), before) == []


@EVERY
def test_check_after_the_task_predicts_no_change(route: Route) -> None:
    bench = route.bench()
    assert route.run(bench).ok
    check = route.run(bench, check=True).ok
    assert not check.changed
    assert not check.process.acted
