# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that are paused at one of their requests while another task runs, or that lose their network; and random chains of tasks that are killed.

With --full-matrix a task is paused at every request that matters. FAULT_SEEDS="3 17" runs the chains of these seeds alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pytest

from tests.harness.gce_chains import run_chains
from tests.harness.gce_clouds import Clouds
from tests.harness.gce_faults import Cell, Stage, run_cases
from tests.harness.gce_pauses import HELD, Meetings, Pause, Takeovers, spread
from tests.harness.gce_results import Results
from tests.harness.gce_routes import BY_TITLE, ROUTES, Route
from tests.harness.gce_tasks import BY_TITLE as TASKS
from tests.harness.gce_tasks import MeetingStage
from tests.harness.modules import Modules

from .conftest import GCE_CELLS

Record = Callable[[str, Any], None]
# How many requests of a route the sample pauses it at: with the same task, with a rollback, and held on its way.
SAMPLE: Mapping[str, int] = {Takeovers.SAME: 2, Takeovers.BACK: 1, HELD: 1}
CHAINS, CHAINS_IN_FULL, BLOCK, CHAINS_AT_ONCE = 8, 200, 20, 20
STEPS_IN_FULL = 8
MAKE_POINTS = ["backup crash", "backup stopped", "backup image, retire_source"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The blocks of chains for this run."""
    if "seeds" not in metafunc.fixturenames:
        return
    chosen = [int(text) for text in os.environ.get("FAULT_SEEDS", "").split()]
    numbers = chosen or list(range(1, (CHAINS_IN_FULL if metafunc.config.getoption("full_matrix") else CHAINS) + 1))
    blocks = [numbers[start : start + BLOCK] for start in range(0, len(numbers), BLOCK)]
    metafunc.parametrize("seeds", blocks, ids=[f"{block[0]}-{block[-1]}" for block in blocks])


def told(cells: Sequence[Cell], record_property: Record) -> None:
    """Put the cells into the table, and fail when something is wrong with one."""
    record_property(GCE_CELLS, [asdict(cell) for cell in cells])
    wrong = [str(cell) for cell in cells if cell.wrong]
    assert not wrong, f"{len(wrong)} of {len(cells)}:\n" + "\n".join(wrong)


def sampled(takeovers: Takeovers) -> list[Pause]:
    """A few pauses of a route, of each way."""
    cases = takeovers.cases()
    chosen = spread([case for case in cases if case.how == HELD], SAMPLE[HELD])
    for number, counter in enumerate(takeovers.counters):
        chosen += spread([case for case in cases if case.second == counter and case.how != HELD], SAMPLE[counter], number)
    return chosen


def goes_first(first: str, second: str) -> bool:
    """Of two tasks, the one that the sample pauses: each of them in turn, for every pair once."""
    order = list(TASKS)
    one, other = order.index(first), order.index(second)
    return (one < other) == ((one + other) % 2 == 1) and one != other


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_task_that_was_taken_over_does_no_harm_when_it_goes_on(
    route: Route, clouds: Clouds, modules: Modules, record_property: Record, request: pytest.FixtureRequest
) -> None:
    full = request.config.getoption("full_matrix")
    takeovers = Takeovers(Stage(route, clouds, modules))
    cells = run_cases(takeovers.run, takeovers.cases() if full else sampled(takeovers), Results(f"pauses {route.title}", keep=full))
    told(list(cells.values()), record_property)


@pytest.mark.parametrize("first", TASKS)
def test_two_tasks_that_meet_on_one_vm_keep_their_promises(
    first: str, clouds: Clouds, modules: Modules, record_property: Record, request: pytest.FixtureRequest
) -> None:
    full = request.config.getoption("full_matrix")
    meetings = Meetings(MeetingStage(clouds, modules), TASKS)
    cases: list[Pause] = []
    for number, second in enumerate(title for title in TASKS if full or goes_first(first, title)):
        every = meetings.cases(first, second) if second != first else []
        cases += every if full else spread(every, 1, 7 * number)
    cells = run_cases(meetings.run, cases, Results(f"meetings {first}", keep=full))
    told(list(cells.values()), record_property)


def test_chains_of_tasks_keep_every_state_that_they_promise(
    seeds: list[int], clouds: Clouds, modules: Modules, record_property: Record, request: pytest.FixtureRequest
) -> None:
    steps = {"steps": STEPS_IN_FULL} if request.config.getoption("full_matrix") else {}
    told(run_chains(seeds, clouds, modules, CHAINS_AT_ONCE, **steps), record_property)


@pytest.mark.parametrize("title", MAKE_POINTS)
def test_a_backup_without_a_network_takes_nothing_back_that_another_run_has_finished(
    title: str, clouds: Clouds, modules: Modules, record_property: Record, request: pytest.FixtureRequest
) -> None:
    takeovers = Takeovers(Stage(BY_TITLE[title], clouds, modules))
    parts = 2 if request.config.getoption("full_matrix") else 1
    cells = run_cases(takeovers.run, takeovers.lost(parts=parts), Results(f"network {title}", keep=False))
    told(list(cells.values()), record_property)
