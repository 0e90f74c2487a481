# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots, backups and restores of VMs, hit by every kind of fault; with --full-matrix on every request, undo included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import pytest

from tests.harness.vm_faults import Case, Stage, run_cases
from tests.harness.vm_provider import Route
from tests.harness.vm_providers import PROVIDERS, every_route
from tests.harness.vm_results import Results, forget_others

from .conftest import VM_CELLS, Lab

ROUTES = every_route()


def one_of_each_kind(cases: Sequence[Case], offset: int = 0, every: int = 1) -> list[Case]:
    """A case for each kind of fault, on another request each, so that together they are all over the task; or for one kind of so many."""
    by_kind: dict[str, list[Case]] = {}
    for case in cases:
        by_kind.setdefault(case.fault, []).append(case)
    return [same[(offset + number * 5) % len(same)] for number, same in enumerate(by_kind.values()) if (number + offset) % every == 0]


def sampled(stage: Stage, number: int) -> list[Case]:
    """A case for each kind of fault; where a task is costly, a part of the kinds for each route, and together all of them."""
    every = stage.provider.SAMPLED
    variants = [] if stage.route.title in stage.provider.ONLY_IN_FULL else list(stage.provider.VARIANTS)
    return [
        case if index % (len(variants) + 1) == 0 or not variants else replace(case, variant=variants[(number + index) % len(variants)])
        for index, case in enumerate(one_of_each_kind(stage.cases(), number, every))
    ]


@pytest.mark.parametrize(("provider", "route"), ROUTES, ids=[f"{name}-{route}" for name, route in ROUTES])
def test_nothing_is_lost_or_left_whatever_fails(
    provider: str, route: Route, labs: Callable[[str], Lab], record_property: Callable[[str, Any], None], request: pytest.FixtureRequest
) -> None:
    full = request.config.getoption("full_matrix")
    forget_others()
    lab, number = labs(provider), [other for _name, other in ROUTES].index(route)
    stage, results = Stage(route, lab.clouds, lab.modules), Results(f"{provider} {route.title}", keep=full)
    cells = run_cases(stage.run, stage.cases() if full else sampled(stage, number), results, lab.provider.AT_ONCE)
    if full:
        cells.update(run_cases(stage.run, stage.undo_cases(cells), results, lab.provider.AT_ONCE))
        for shift, variant in enumerate(PROVIDERS[provider].VARIANTS):
            cells.update(run_cases(stage.run, one_of_each_kind(stage.cases(variant), number + shift), results, lab.provider.AT_ONCE))
    record_property(f"{VM_CELLS} {provider}", [asdict(cell) for cell in cells.values()])
    wrong = [str(cell) for cell in cells.values() if cell.wrong]
    assert not wrong, "\n".join(wrong)
