# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One suite for all providers: each test runs once for each bench, those with ``method`` once for each kind of recovery point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from .alibaba_ecs import AlibabaBench, AlibabaGroupBench
from .bench import Bench, Case
from .gce import GceBench
from .memory import LooseMemoryBench, MemoryBench

# Every provider, and the cloud in memory that the engine itself is tested on, with and without compare-and-swap.
BENCHES: Mapping[str, type[Bench]] = {
    "memory": MemoryBench,
    "loose": LooseMemoryBench,
    "gce": GceBench,
    "alibaba_ecs": AlibabaBench,
    "alibaba_groups": AlibabaGroupBench,
}


# Benches that differ from another one of the same provider in their recovery points only.
OF_POINTS = ("alibaba_groups",)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test for every bench that it is of."""
    about_points = metafunc.module.__name__.endswith("test_points")
    benches = {name: bench for name, bench in BENCHES.items() if about_points or name not in OF_POINTS}
    if "method" in metafunc.fixturenames:
        pairs = [(name, method) for name, bench in benches.items() for method in bench.METHODS]
        metafunc.parametrize(("make_bench", "method"), pairs, indirect=["make_bench"], scope="session")
    elif "make_bench" in metafunc.fixturenames:
        metafunc.parametrize("make_bench", benches, indirect=True, scope="session")


@pytest.fixture(scope="session")
def make_bench(request: pytest.FixtureRequest) -> Iterator[Callable[[], Bench]]:
    """Makes clouds of one provider."""
    with BENCHES[request.param].running() as make:
        yield make


@pytest.fixture
def bench(make_bench: Callable[[], Bench]) -> Bench:
    """A cloud with one VM."""
    return make_bench()


@pytest.fixture
def case(bench: Bench) -> Case:
    """The provider of a restore in that cloud."""
    return Case.of(bench)
