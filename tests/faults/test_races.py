# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two controllers that restore one VM at the same time, both held at their first label write."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.harness.vm_clouds import settle
from tests.harness.vm_faults import Stage
from tests.harness.vm_judge import end_differences
from tests.harness.vm_provider import Route
from tests.harness.vm_providers import PROVIDERS, every_route

from .conftest import Lab

ROUNDS_IN_FULL = 20
MEETINGS = [(name, route, variant) for name, route in every_route("MEETINGS") for variant in PROVIDERS[name].MEET_UNDER]


@pytest.mark.parametrize(("provider", "route", "variant"), MEETINGS, ids=[f"{name}-{route}-{variant}".rstrip("-") for name, route, variant in MEETINGS])
def test_of_two_controllers_one_finishes_and_the_other_ends_with_conflict(
    provider: str, route: Route, variant: str, labs: Callable[[str], Lab], request: pytest.FixtureRequest
) -> None:
    lab = labs(provider)
    stage = Stage(route, lab.clouds, lab.modules)
    for _round in range(ROUNDS_IN_FULL if request.config.getoption("full_matrix") else lab.provider.ROUNDS):
        cloud = stage.open(variant)
        try:
            cloud.add_fault(kind="barrier", count=2, **lab.provider.MEET_AT)
            runs = [stage.start(cloud) for _controller in range(2)]
            results = [run.result() for run in runs]
            settle(cloud)
            said = [f"{result.kind or 'finished'}: {result.message}" for result in results]
            assert not cloud.violations(), said
            assert sorted(result.kind for result in results) == ["", "Conflict"], said
            assert not route.goal(cloud, stage.before), said
            assert not end_differences(stage, cloud), said
        finally:
            cloud.close()
