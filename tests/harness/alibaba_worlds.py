# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts of the simulated Alibaba Cloud that tests start from, and the fixtures that make them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulator.server import Control, SimulatorThread, running_simulator

from .modules import Modules
from .playbooks import WarmPlaybooks

REGION, ZONE, FAR_REGION = "cn-hangzhou", "cn-hangzhou-h", "cn-beijing"
# A run waits some seconds before it counts on tags, and on a disk that seems to be at rest: for the modules they pass faster.
_SPEED = 20.0

_numbers = itertools.count(1)


class AlibabaWorld:
    """One account of a simulator, with the example "demo" in it: what is there, and what was sent."""

    def __init__(self, simulator: SimulatorThread, account: str = "", **settings: Any) -> None:
        self.account = account or f"world-{os.getpid()}-{next(_numbers)}"
        self.simulator = simulator
        self.control: Control = simulator.control.scoped(self.account)
        self.control.settings(**{"operation_s": 0, **settings})
        self.control.seed("demo")

    def act(self, action: str, /, **body: Any) -> dict[str, Any]:
        """One of the simulator's control actions."""
        done: dict[str, Any] = self.control.act(action, account=self.account, **body)
        return done

    # -- The way to it

    @property
    def options(self) -> dict[str, Any]:
        """The connection."""
        keys = {"access_key_id": f"sim-{self.account}", "access_key_secret": f"secret-{self.account}"}
        return {"provider": "alibaba_ecs", "api_url": self.simulator.url, "region": REGION, **keys}

    @property
    def environment(self) -> dict[str, str]:
        """The same, as environment variables."""
        provider: Any = self.simulator.service.provider
        return dict(provider.environment(self.simulator.url, self.account))

    # -- What is there

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All resources of a kind."""
        return list(self.control.state().get(kind, []))

    def vms(self, name: str = "web-1") -> list[dict[str, Any]]:
        """The instances of a name, those that have made way too."""
        return [one for one in self.all("instances") if one["InstanceName"] == name]

    def vm(self, name: str = "web-1") -> dict[str, Any]:
        """The instance of a name that has not made way; {} when there is none."""
        return next((one for one in self.vms(name) if "mcr-aside" not in one["tags"]), {})

    def disks(self, name: str = "web-1") -> list[dict[str, Any]]:
        """Its disks, the system disk first."""
        instance = self.vm(name).get("InstanceId")
        mine = [one for one in self.all("disks") if instance and one.get("InstanceId") == instance]
        return sorted(mine, key=lambda one: (one["Type"] != "system", one["Device"]))

    def contents(self, name: str = "web-1") -> list[str]:
        """The digests of what is on its disks, in their order."""
        return [str(one["digest"]) for one in self.disks(name)]

    def overwrite(self, name: str = "web-1") -> None:
        """The guest writes to each disk."""
        for disk in self.disks(name):
            self.act("guest_write", disk=disk["DiskId"], text=f"lost on {disk['Device']}")

    # -- What was done

    def mark(self) -> int:
        """The number of the newest request in the log."""
        return max((entry["n"] for entry in self.control.requests()), default=0)

    def changes(self, since: int = 0) -> list[str]:
        """The Actions since then that change something."""
        return [str(entry["route"]) for entry in self.control.requests(since, mutating=True)]

    def violations(self) -> list[str]:
        """What the published descriptions have against the requests so far."""
        return [f"{entry['route']}: {text}" for entry in self.control.requests() for text in entry["contract_violations"]]


@pytest.fixture(scope="session")
def alibaba_simulator() -> Iterator[SimulatorThread]:
    """One simulated Alibaba Cloud for all tests of this process; each test has an account of its own in it."""
    with running_simulator("alibaba_ecs") as running:
        yield running


@pytest.fixture
def make_alibaba_world(alibaba_simulator: SimulatorThread) -> Callable[..., AlibabaWorld]:
    """Makes accounts: make_alibaba_world(setting=value, ...)."""
    return lambda **settings: AlibabaWorld(alibaba_simulator, **settings)


@pytest.fixture
def alibaba_world(make_alibaba_world: Callable[..., AlibabaWorld]) -> AlibabaWorld:
    """An account with the instances "web-1" and "db-1"."""
    return make_alibaba_world()


@pytest.fixture(scope="session")
def quick_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Modules]:
    """Runs modules for which time passes faster."""
    server = Modules(tmp_path_factory.mktemp("quick"), os.environ["ANSIBLE_COLLECTIONS_PATH"], _SPEED)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def quick_playbooks(tmp_path_factory: pytest.TempPathFactory, quick_modules: Modules) -> Iterator[WarmPlaybooks]:
    """Runs playbooks whose modules are such."""
    server = WarmPlaybooks(tmp_path_factory.mktemp("quick-warm"), os.environ["ANSIBLE_COLLECTIONS_PATH"], quick_modules.python)
    try:
        yield server
    finally:
        server.close()
