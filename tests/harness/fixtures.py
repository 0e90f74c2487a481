# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures, to be imported by the conftest.py of each folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.simulator.server import SimulatorThread, running_simulator

from .modules import Modules
from .playbooks import Playbooks, WarmPlaybooks
from .worlds import World


@pytest.fixture(scope="session")
def simulator() -> Iterator[SimulatorThread]:
    """One simulator for all tests of this process; each test has an organization of its own in it."""
    with running_simulator() as running:
        yield running


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Modules]:
    """Runs modules as processes."""
    server = Modules(tmp_path_factory.mktemp("modules"), os.environ["ANSIBLE_COLLECTIONS_PATH"])
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def playbooks(tmp_path_factory: pytest.TempPathFactory) -> Playbooks:
    """Runs ansible-playbook."""
    return Playbooks(tmp_path_factory.mktemp("playbooks"), os.environ["ANSIBLE_COLLECTIONS_PATH"])


@pytest.fixture(scope="session")
def warm_playbooks(tmp_path_factory: pytest.TempPathFactory, modules: Modules) -> Iterator[WarmPlaybooks]:
    """Runs playbooks without the time that starting processes takes."""
    server = WarmPlaybooks(tmp_path_factory.mktemp("warm"), os.environ["ANSIBLE_COLLECTIONS_PATH"], modules.python)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def make_world(simulator: SimulatorThread) -> Callable[..., World]:
    """Makes organizations: make_world(state, setting=value, ...)."""

    def make(*state: object, **settings: object) -> World:
        return World(simulator, *state, **settings)  # type: ignore[arg-type]

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """An organization with two clusters, a location, rules and a backup."""
    return make_world()
