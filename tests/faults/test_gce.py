# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots, backups and restores in Compute Engine, hit by every kind of fault; with --full-matrix on every request, undo included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import pytest

from tests.harness.gce_clouds import Clouds
from tests.harness.gce_faults import Case, Stage, run_cases
from tests.harness.gce_results import Results, forget_others
from tests.harness.gce_routes import ROUTES, Route
from tests.harness.modules import Modules

from .conftest import GCE_CELLS


def one_of_each_kind(cases: Sequence[Case]) -> list[Case]:
    """A case for each kind of fault, on another request each, so that together they are all over the task."""
    by_kind: dict[str, list[Case]] = {}
    for case in cases:
        by_kind.setdefault(case.fault, []).append(case)
    return [same[number * 5 % len(same)] for number, same in enumerate(by_kind.values())]


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_nothing_is_lost_or_left_whatever_fails(
    route: Route, clouds: Clouds, modules: Modules, record_property: Callable[[str, Any], None], request: pytest.FixtureRequest
) -> None:
    full = request.config.getoption("full_matrix")
    forget_others()
    stage, results = Stage(route, clouds, modules), Results(route.title, keep=full)
    cases = stage.cases()
    cells = run_cases(stage.run, cases if full else one_of_each_kind(cases), results)
    if full:
        cells.update(run_cases(stage.run, stage.undo_cases(cells), results))
    record_property(GCE_CELLS, [asdict(cell) for cell in cells.values()])
    wrong = [str(cell) for cell in cells.values() if cell.wrong]
    assert not wrong, "\n".join(wrong)
