# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One simulated Compute Engine for all tests of this folder; every test has a project of its own in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.simulator.server import SimulatorThread, running_simulator
from tests.unit.plugins.module_utils.backends.gce.vm_bench import VmBench


@pytest.fixture(scope="session")
def vm_simulator() -> Iterator[SimulatorThread]:
    with running_simulator("gce", check_answers=True) as running:
        yield running


@pytest.fixture
def make_bench(vm_simulator: SimulatorThread) -> Callable[..., VmBench]:
    """Makes projects: make_bench(setting=value, ...)."""
    return lambda **settings: VmBench(vm_simulator, **settings)


@pytest.fixture
def bench(make_bench: Callable[..., VmBench]) -> VmBench:
    """A project with the VMs of "demo"."""
    return make_bench()


@pytest.fixture
def saved(bench: VmBench) -> VmBench:
    """A backup of the VM, and other bytes written since."""
    assert bench.backup().ok
    bench.write("written after the backup")
    return bench
