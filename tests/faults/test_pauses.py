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

from tests.harness.vm_chains import run_chains
from tests.harness.vm_faults import Cell, Stage, run_cases
from tests.harness.vm_meetings import MeetingStage
from tests.harness.vm_pauses import HELD, Meetings, Pause, Takeovers, spread
from tests.harness.vm_provider import Route
from tests.harness.vm_providers import PROVIDERS, every_route
from tests.harness.vm_results import Results

from .conftest import VM_CELLS, Lab

Record = Callable[[str, Any], None]
CHAINS_IN_FULL, BLOCK = 200, 20
STEPS_IN_FULL = 8
ROUTES, POINTS = every_route(), every_route("MAKE_POINTS")
TASKS = [(name, title) for name, provider in PROVIDERS.items() for title in provider.TASKS]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The blocks of chains for this run."""
    if "seeds" not in metafunc.fixturenames:
        return
    chosen = [int(text) for text in os.environ.get("FAULT_SEEDS", "").split()]
    blocks = []
    for name, provider in PROVIDERS.items():
        numbers = chosen or list(range(1, (CHAINS_IN_FULL if metafunc.config.getoption("full_matrix") else provider.CHAINS) + 1))
        blocks += [(name, numbers[start : start + BLOCK]) for start in range(0, len(numbers), BLOCK)]
    metafunc.parametrize(("provider", "seeds"), blocks, ids=[f"{name}-{block[0]}-{block[-1]}" for name, block in blocks])


def told(provider: str, cells: Sequence[Cell], record_property: Record) -> None:
    """Put the cells into the table, and fail when something is wrong with one."""
    record_property(f"{VM_CELLS} {provider}", [asdict(cell) for cell in cells])
    wrong = [str(cell) for cell in cells if cell.wrong]
    assert not wrong, f"{len(wrong)} of {len(cells)}:\n" + "\n".join(wrong)


def sampled(takeovers: Takeovers, sample: Mapping[str, int]) -> list[Pause]:
    """A few pauses of a route, of each way."""
    cases = takeovers.cases()
    chosen = spread([case for case in cases if case.how == HELD], sample[HELD])
    for number, counter in enumerate(takeovers.counters):
        chosen += spread([case for case in cases if case.second == counter and case.how != HELD], sample[counter], number)
    return chosen


def goes_first(order: Sequence[str], first: str, second: str) -> bool:
    """Of two tasks, the one that the sample pauses: each of them in turn, for every pair once."""
    one, other = order.index(first), order.index(second)
    return (one < other) == ((one + other) % 2 == 1) and one != other


@pytest.mark.parametrize(("provider", "route"), ROUTES, ids=[f"{name}-{route}" for name, route in ROUTES])
def test_a_task_that_was_taken_over_does_no_harm_when_it_goes_on(
    provider: str, route: Route, labs: Callable[[str], Lab], record_property: Record, request: pytest.FixtureRequest
) -> None:
    full, lab = request.config.getoption("full_matrix"), labs(provider)
    if not full and not lab.provider.is_paused(route):
        pytest.skip("another route of this provider stands for it; the full matrix has it")
    takeovers = Takeovers(Stage(route, lab.clouds, lab.modules))
    cases = takeovers.cases() if full else sampled(takeovers, lab.provider.PAUSES)
    cells = run_cases(takeovers.run, cases, Results(f"pauses {provider} {route.title}", keep=full), lab.provider.AT_ONCE)
    told(provider, list(cells.values()), record_property)


@pytest.mark.parametrize(("provider", "first"), TASKS)
def test_two_tasks_that_meet_on_one_vm_keep_their_promises(
    provider: str, first: str, labs: Callable[[str], Lab], record_property: Record, request: pytest.FixtureRequest
) -> None:
    full, lab = request.config.getoption("full_matrix"), labs(provider)
    order = list(lab.provider.TASKS)
    meetings = Meetings(MeetingStage(lab.clouds, lab.modules), lab.provider.TASKS)
    cases: list[Pause] = []
    for number, second in enumerate(title for title in order if full or goes_first(order, first, title)):
        every = meetings.cases(first, second) if second != first else []
        cases += every if full else spread(every, 1, 7 * number)
    cases = cases if full else cases[:: lab.provider.SAMPLED]
    cells = run_cases(meetings.run, cases, Results(f"meetings {provider} {first}", keep=full), lab.provider.AT_ONCE)
    told(provider, list(cells.values()), record_property)


def test_chains_of_tasks_keep_every_state_that_they_promise(
    provider: str, seeds: list[int], labs: Callable[[str], Lab], record_property: Record, request: pytest.FixtureRequest
) -> None:
    lab = labs(provider)
    steps = {"steps": STEPS_IN_FULL} if request.config.getoption("full_matrix") else {}
    told(provider, run_chains(seeds, lab.clouds, lab.modules, lab.provider.AT_ONCE, **steps), record_property)


@pytest.mark.parametrize(("provider", "route"), POINTS, ids=[f"{name}-{route}" for name, route in POINTS])
def test_a_backup_without_a_network_takes_nothing_back_that_another_run_has_finished(
    provider: str, route: Route, labs: Callable[[str], Lab], record_property: Record, request: pytest.FixtureRequest
) -> None:
    lab = labs(provider)
    takeovers = Takeovers(Stage(route, lab.clouds, lab.modules))
    parts = 2 if request.config.getoption("full_matrix") else 1
    cells = run_cases(takeovers.run, takeovers.lost(parts=parts), Results(f"network {route.title}", keep=False), lab.provider.AT_ONCE)
    told(provider, list(cells.values()), record_property)
