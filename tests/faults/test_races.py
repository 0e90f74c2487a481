# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two controllers that restore one VM at the same time, both held at their first label write."""

from __future__ import annotations

import pytest

from tests.harness.gce_clouds import Clouds
from tests.harness.gce_faults import Stage, settle
from tests.harness.gce_routes import BY_TITLE
from tests.harness.modules import Modules

ROUNDS, ROUNDS_IN_FULL = 2, 20


@pytest.mark.parametrize("title", ["restore in_place", "restore replace", "restore gone"])
def test_of_two_controllers_one_finishes_and_the_other_ends_with_conflict(title: str, clouds: Clouds, modules: Modules, request: pytest.FixtureRequest) -> None:
    route = BY_TITLE[title]
    stage = Stage(route, clouds, modules)
    for _round in range(ROUNDS_IN_FULL if request.config.getoption("full_matrix") else ROUNDS):
        cloud = stage.open()
        try:
            cloud.add_fault(kind="barrier", method="POST", path="/setLabels$", count=2)
            runs = [stage.start(cloud) for _controller in range(2)]
            results = [run.result() for run in runs]
            settle(cloud)
            said = [f"{result.kind or 'finished'}: {result.message}" for result in results]
            assert sorted(result.kind for result in results) == ["", "Conflict"], said
            assert not route.goal(cloud, stage.before), said
            assert cloud.canonical() == stage.end
            assert not cloud.violations()
        finally:
            cloud.close()
