# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads that lag: for a while a changed thing is read, or listed, as it was before."""

from __future__ import annotations

import pytest

from tests.unit.plugins.module_utils.recovery.cloud import Slow
from tests.unit.plugins.module_utils.recovery.judge import wrongs
from tests.unit.plugins.module_utils.recovery.routes import ROUTES, Route

EVERY = pytest.mark.parametrize("route", ROUTES, ids=str)


@pytest.mark.parametrize(
    "slow", [Slow(gets=1), Slow(gets=2), Slow(gets=4), Slow(lists=1), Slow(lists=4), Slow(2, 2)], ids=lambda slow: f"{slow.gets}-{slow.lists}"
)
@EVERY
def test_task_reaches_its_goal_although_reads_lag(route: Route, slow: Slow) -> None:
    bench = route.bench()
    bench.cloud.slow = slow
    ran = route.run(bench)
    assert wrongs(ran, bench) == []
    assert ran.ok
    bench.cloud.settle(everything=True)
    assert route.goal.misses(bench) == []
