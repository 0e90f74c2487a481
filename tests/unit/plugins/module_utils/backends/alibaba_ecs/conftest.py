# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One simulator for all tests of Alibaba Cloud's back ends; each test has an account of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulator.server import SimulatorThread, running_simulator

from .bench import AlibabaBench


@pytest.fixture(scope="session")
def simulator() -> Iterator[SimulatorThread]:
    """The simulated Alibaba Cloud ECS."""
    with running_simulator("alibaba_ecs") as running:
        yield running


@pytest.fixture
def make_bench(simulator: SimulatorThread) -> Callable[..., AlibabaBench]:
    """Makes accounts with settings and disks of one's own."""

    def make(category: str = "cloud_essd", **settings: Any) -> AlibabaBench:
        return AlibabaBench(simulator, category, **settings)

    return make


@pytest.fixture
def bench(make_bench: Callable[..., AlibabaBench]) -> AlibabaBench:
    """An account with one running instance."""
    return make_bench()
