# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many simulated Compute Engines in one process, one for each case, copied from one that is prepared.

Each has one project, of the same name, so that names which are derived from it, and with them all requests of a task, are the same
in every case. They share an event loop; what tests do to them directly is done in its thread.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import threading
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

from aiohttp import web

from tests.simulator.clock import Clock
from tests.simulator.gce import actions, operations, state
from tests.simulator.gce.store import Project
from tests.simulator.server import make_service, start
from tests.simulator.service import Service

T = TypeVar("T")

PROJECT, ZONE, REGION, VM = "recovery", "europe-west1-b", "europe-west1", "web-1"
OPERATION_S = 0.02


class Clouds:
    """Makes them. Use `close` at the end."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="clouds", daemon=True)
        self._thread.start()
        self.clock = Clock()
        # Clouds that tests of one process copy theirs from, by what was done in them.
        self.prepared: dict[Hashable, Any] = {}

    def call(self, function: Callable[[], T]) -> T:
        """The result of a function that is called between two requests."""

        async def do() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result(60)

    def make(self, like: Cloud | None = None, **settings: Any) -> Cloud:
        """A cloud: empty, or a copy of another one in which nothing happens at the moment."""
        service = make_service("gce", None, self.clock)
        provider: Any = service.provider
        provider.settings.update({"operation_s": OPERATION_S, "strict_contract": True, "most_pending": 2, **settings})
        if like is not None:
            provider.world.projects[PROJECT] = self.call(lambda: _copied(like.project, provider.world))
        runner, url = asyncio.run_coroutine_threadsafe(start(service), self._loop).result(60)
        return Cloud(self, service, runner, url)

    def stop(self, runner: web.AppRunner) -> None:
        """End one."""
        asyncio.run_coroutine_threadsafe(runner.cleanup(), self._loop).result(60)

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


class Cloud:
    """One simulated Compute Engine with its one project."""

    zone = ZONE

    def __init__(self, clouds: Clouds, service: Service, runner: web.AppRunner, url: str) -> None:
        self.clouds, self.service, self.url = clouds, service, url
        self._runner = runner
        self._provider: Any = service.provider
        self._runs = itertools.count(1)

    @property
    def project(self) -> Project:
        """The project, only to be touched within `do`."""
        project: Project = self._provider.project(PROJECT)
        return project

    def do(self, function: Callable[[Project], T]) -> T:
        """The result of a function of the project, called when everything due has happened."""

        def run() -> T:
            self._provider.world.agenda.run_due()
            return function(self.project)

        return self.clouds.call(run)

    def act(self, action: str, **body: Any) -> Any:
        """One of the control actions of the simulator."""
        return self.do(lambda project: actions.ACTIONS[action](project, body))

    def close(self) -> None:
        """Answer no more."""
        self.clouds.stop(self._runner)

    # -- The way to it

    def login(self, *, renewable: bool = False) -> tuple[str, dict[str, Any]]:
        """Who a run is, as the simulator's log calls it, and its connection: with a token of its own, or with a key that new tokens can be had for."""
        tokens, name = self._provider.tokens, f"run-{next(self._runs)}"
        if renewable:
            way = {"service_account_contents": json.dumps(tokens.service_account(self.url, PROJECT, name))}
        else:
            way = {"access_token": tokens.issue(PROJECT, name)}
        return name, {"provider": "gce", "api_url": self.url, "project_id": PROJECT, "zone": ZONE, **way}

    def options(self, *, renewable: bool = False) -> dict[str, Any]:
        """The connection of one more run."""
        return self.login(renewable=renewable)[1]

    # -- What is there

    def all(self, plural: str) -> list[dict[str, Any]]:
        """All resources of a kind, with `place` and `digest`."""
        return self.do(lambda project: copy.deepcopy([state.shown(item) for item in project.all(plural)]))

    def one(self, plural: str, name: str) -> dict[str, Any] | None:
        """The resource of that name."""
        return next((item for item in self.all(plural) if item["name"] == name), None)

    def canonical(self) -> dict[str, Any]:
        """Everything, in a form that is the same after runs that did the same."""
        return dict(copy.deepcopy(self.act("canonical")))

    def violations(self) -> list[str]:
        """What those who watch have seen, and what the contract has against requests."""
        seen = [f"{item['kind']}: {item['message']}" for item in self.act("violations")]
        return seen + [f"contract: {entry['method']} {entry['path']}: {text}" for entry in self.requests() for text in entry["contract_violations"]]

    def requests(self, since: int = 0, run: str | None = None) -> list[dict[str, Any]]:
        """The log, of all runs or of one."""
        log = self.clouds.call(lambda: self.service.log.show(None, since))
        return log if run is None else [entry for entry in log if entry["token"] == run]

    def mark(self) -> int:
        """The number of the newest request."""
        return max((entry["n"] for entry in self.requests()), default=0)

    # -- What goes wrong

    def add_fault(self, **rule: Any) -> None:
        """Add a rule; see tests/simulator/faults.py."""
        self.clouds.call(lambda: self.service.faults.add(rule))

    def faults(self) -> list[dict[str, Any]]:
        """The rules with `seen` and `fired`."""
        return self.clouds.call(lambda: self.service.faults.show(None))

    def clear_faults(self) -> None:
        """Remove the rules, and let end what never ends."""

        def clear(project: Project) -> None:
            self.service.faults.clear(None)
            for operation in list(project.running_operations()):
                if operation.ends_s == operations.NEVER:
                    operations.finish(operation)

        self.do(clear)

    def network(self, run: str, *, lost_s: float) -> None:
        """Take the network from a run for so long; 0 gives it back."""
        self.clouds.call(lambda: self.service.lose_network(run, lost_s))

    def settings(self, **values: Any) -> None:
        """Change settings."""
        self.clouds.call(lambda: self._provider.settings.update(values))


def _copied(project: Project, world: Any) -> Project:
    """A copy in another world. What its operations did is kept, but not the operations."""
    project.world.agenda.run_due()
    kept: Mapping[str, Any] = {"operations": project.operations, "requests": project.requests, "watches": project.watches}
    project.operations, project.requests, project.watches = {}, {}, []
    try:
        copied: Project = copy.deepcopy(project, {id(project.world): world})
    finally:
        for name, value in kept.items():
            setattr(project, name, value)
    highest = max(int(item.id) for item in copied.everything())
    # Ids must go on, and be as many digits long as before.
    world._ids = itertools.count(highest + 7919, 7919)
    world._addresses = itertools.count(1000)
    return copied
