# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many simulated clouds in one process, one for each case, copied from one that is prepared.

Each has one account, of the same name, so that names which are derived from it, and with them all requests of a task, are the same
in every case. They share an event loop; what tests do to them directly is done in its thread.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import threading
import time
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from tests.simulator.clock import Clock
from tests.simulator.server import make_service, start
from tests.simulator.service import Service

from .vm_kinds import Hit, accepted

if TYPE_CHECKING:
    from .vm_provider import VmProvider

T = TypeVar("T")
Digests = dict[str, str]

VM, ABSENT = "web-1", "absent"
SETTLED_S = 2.0


class Clouds:
    """Makes those of one provider. Use `close` at the end."""

    def __init__(self, provider: VmProvider) -> None:
        self.provider = provider
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
        service = make_service(self.provider.NAME, None, self.clock)
        simulator: Any = service.provider
        simulator.settings.update({**self.provider.SETTINGS, **settings})
        if like is not None:
            self.call(lambda: self.provider.copy(like.account, simulator))
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
    """One simulated cloud with its one account."""

    def __init__(self, clouds: Clouds, service: Service, runner: web.AppRunner, url: str) -> None:
        self.clouds, self.service, self.url = clouds, service, url
        self.provider = clouds.provider
        self._runner = runner
        self.simulator: Any = service.provider
        self._runs = itertools.count(1)

    @property
    def account(self) -> Any:
        """What holds everything, only to be touched within `do`."""
        return self.provider.account(self.simulator)

    def do(self, function: Callable[[Any], T]) -> T:
        """The result of a function of the account, called when everything due has happened."""

        def run() -> T:
            self.simulator.world.agenda.run_due()
            return function(self.account)

        return self.clouds.call(run)

    def act(self, action: str, **body: Any) -> Any:
        """One of the control actions of the simulator."""
        return self.clouds.call(lambda: self.simulator.actions()[action]({"scope": self.provider.ACCOUNT, **body}))

    def close(self) -> None:
        """Answer no more."""
        self.clouds.stop(self._runner)

    # -- The way to it

    def login(self, *, renewable: bool = False) -> tuple[str, dict[str, Any]]:
        """Who a run is, as the simulator's log calls it, and its connection: with credentials of its own, or with some that are renewed."""
        return self.provider.login(self, f"run-{next(self._runs)}", renewable=renewable)

    def options(self, *, renewable: bool = False) -> dict[str, Any]:
        """The connection of one more run."""
        return self.login(renewable=renewable)[1]

    # -- What is there

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All resources of a kind, with `digest`."""
        return self.do(lambda account: copy.deepcopy([self.provider.shown(item) for item in account.all(kind)]))

    def one(self, kind: str, name: str) -> dict[str, Any] | None:
        """The resource of that name or id."""
        return next((item for item in self.all(kind) if name in (item.get("name"), item.get("id"))), None)

    def status(self, name: str = VM) -> str:
        """The status of a VM, "absent" when there is none."""
        return self.provider.status(self, name)

    def on_vm(self, name: str = VM) -> dict[str, str]:
        """The names of a VM's disks by device, in their order."""
        return self.provider.on_vm(self, name)

    def disks(self) -> dict[str, str]:
        """The digests of all disks by name."""
        return self.provider.disks(self)

    def digests(self, name: str = VM) -> Digests:
        """The digests of a VM's disks by device."""
        known = self.disks()
        return {device: known.get(disk, "") for device, disk in self.on_vm(name).items()}

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
        return [self.provider.entry(entry) for entry in log if run in (None, entry["token"])]

    def accepted(self, since: int = 0, run: str | None = None) -> list[Hit]:
        """The requests that changed something, or may have."""
        return accepted(self.requests(since, run))

    def mark(self) -> int:
        """The number of the newest request."""
        return max((entry["n"] for entry in self.requests()), default=0)

    def is_busy(self, within_s: float) -> bool:
        """Whether something that it was asked for will end so soon."""
        return self.do(lambda account: self.provider.is_busy(account, within_s))

    # -- What goes wrong

    def add_fault(self, hit: Hit | None = None, **rule: Any) -> None:
        """Add a rule, for one request or for those that it names itself; see tests/simulator/faults.py."""
        narrow = {**self.provider.narrow(hit), "nth": hit.nth} if hit else {}
        self.clouds.call(lambda: self.service.faults.add({**rule, **narrow}))

    def faults(self) -> list[dict[str, Any]]:
        """The rules with `seen` and `fired`."""
        return self.clouds.call(lambda: self.service.faults.show(None))

    def clear_faults(self) -> None:
        """Remove the rules, and let end what never ends."""

        def clear(account: Any) -> None:
            self.service.faults.clear(None)
            self.provider.end(account)

        self.do(clear)

    def network(self, run: str, *, lost_s: float) -> None:
        """Take the network from a run for so long; 0 gives it back."""
        self.clouds.call(lambda: self.service.lose_network(run, lost_s))

    def settings(self, **values: Any) -> None:
        """Change settings."""
        self.clouds.call(lambda: self.simulator.settings.update(values))


def settle(cloud: Cloud) -> None:
    """Wait until the simulator has done what it was asked, but for what never ends."""
    deadline = time.monotonic() + SETTLED_S
    while time.monotonic() < deadline and cloud.is_busy(SETTLED_S):
        time.sleep(0.05)
