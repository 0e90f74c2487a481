# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serves providers from a thread of the calling process, for tests, and the small client of the control API."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from aiohttp import web

from .alibaba_ecs.provider import AlibabaEcs
from .application import make_application
from .clock import Clock
from .contract import contracts_directory
from .gce.provider import Gce
from .provider import Provider
from .px_backup.provider import PxBackup
from .service import Service

# Every simulated provider; each is served on a port of its own.
PROVIDERS: dict[str, Callable[[Clock], Provider]] = {"px_backup": PxBackup, "gce": Gce, "alibaba_ecs": AlibabaEcs}
HOST = "127.0.0.1"
CONTROL_TIMEOUT_S = 30
# Requests that hang on purpose must not keep the server from stopping.
SHUTDOWN_S = 0.2
# Some SDKs put everything into the query, user data of 32 KiB too.
LONGEST_LINE = 256 * 1024


async def start(service: Service, port: int = 0) -> tuple[web.AppRunner, str]:
    """Starts a service on loopback; gives the runner, to be cleaned up, and the base URL. Port 0: the system chooses."""
    runner = web.AppRunner(make_application(service), access_log=None, shutdown_timeout=SHUTDOWN_S, max_line_size=LONGEST_LINE)
    await runner.setup()
    site = web.TCPSite(runner, HOST, port)
    await site.start()
    return runner, f"http://{HOST}:{runner.addresses[0][1]}"


def make_service(name: str = "px_backup", contracts: str | None = None, clock: Clock | None = None) -> Service:
    """A fresh service of a provider; contracts are looked for in the usual places unless a folder is given."""
    clock = clock or Clock()
    provider = PROVIDERS[name](clock)
    return Service(provider, provider.settings, clock, contracts_directory(contracts))


class ControlFailed(Exception):
    """The control API refused."""


class Control:
    """A client of the control API. `scope` given here is the default of every method."""

    def __init__(self, url: str, scope: str | None = None, scopes: str = "orgs") -> None:
        """`scopes`: how the provider calls what the state is divided into."""
        self.url = url
        self.scope = scope
        self.scopes = scopes
        self._session = requests.Session()

    def scoped(self, scope: str) -> Control:
        """The same simulator, narrowed to one organisation or project."""
        return Control(self.url, scope, self.scopes)

    def requests(self, since: int = 0, scope: str | None = None, mutating: bool | None = None) -> list[dict[str, Any]]:
        """The log, oldest first; only mutating or only reading requests when asked."""
        entries = self._send("GET", "requests", scope, query={"since": since})
        return [entry for entry in entries if mutating is None or entry["mutating"] is mutating]

    def clear_requests(self, scope: str | None = None) -> None:
        """Empties the log."""
        self._send("DELETE", "requests", scope)

    def add_fault(self, kind: str, scope: str | None = None, **rule: Any) -> int:
        """Adds a rule; gives its id."""
        return int(self._send("POST", "faults", scope, {"kind": kind, **rule})["id"])

    def faults(self, scope: str | None = None) -> list[dict[str, Any]]:
        """The rules with `seen` and `fired`."""
        return list(self._send("GET", "faults", scope))

    def clear_faults(self, scope: str | None = None) -> None:
        """Removes rules."""
        self._send("DELETE", "faults", scope)

    def settings(self, scope: str | None = None, **values: Any) -> dict[str, Any]:
        """Changes the settings given; gives all of them."""
        return dict(self._send("POST", "settings", scope, values) if values else self._send("GET", "settings", scope))

    def reset_settings(self, scope: str | None = None) -> None:
        """Back to the defaults."""
        self._send("DELETE", "settings", scope)

    def advance(self, seconds: float) -> None:
        """Moves the simulated clock, which all scopes share, forward."""
        self._send("POST", "advance", None, {"seconds": seconds})

    def state(self, scope: str | None = None) -> dict[str, Any]:
        """Everything; of one organisation or project when there is a scope: {clusters, backups, ...}, {} when it does not exist."""
        narrowed = scope or self.scope
        state = dict(self._send("GET", "state", scope))
        return next(iter(state.values())).get(narrowed, {}) if narrowed else state

    def merge_state(self, scope: str | None = None, **parts: Any) -> None:
        """Merges `clusters=[...]`, `backups=[...]`, ... into one organisation or project ("default" without a scope)."""
        self._send("POST", "state", scope, {self.scopes: {scope or self.scope or "default": parts}})

    def act(self, action: str, scope: str | None = None, **body: Any) -> Any:
        """One of the provider's own actions."""
        return self._send("POST", action, scope, body)

    def drop_state(self, scope: str | None = None) -> None:
        """Forgets an organisation, or everything."""
        self._send("DELETE", "state", scope)

    def seed(self, name: str = "demo", scope: str | None = None) -> None:
        """Fills an organisation with a named example."""
        self._send("POST", "seed", scope, {"name": name})

    def disaster(self, cluster: str, namespace: str, scope: str | None = None) -> None:
        """Deletes a namespace in a simulated cluster."""
        self._send("POST", "disaster", scope, {"org": scope or self.scope or "default", "cluster": cluster, "namespace": namespace})

    def _send(self, method: str, name: str, scope: str | None, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None) -> Any:
        narrowed = scope or self.scope
        params = {**(query or {}), **({"scope": narrowed} if narrowed else {})}
        response = self._session.request(method, f"{self.url}/_control/{name}", params=params, json=body, timeout=CONTROL_TIMEOUT_S)
        if response.status_code != 200:
            raise ControlFailed(f"{method} {name}: HTTP {response.status_code}: {response.text}")
        return response.json()


class SimulatorThread:
    """One simulated provider in a daemon thread with its own event loop. Use `start` and `stop`, or `running_simulator`."""

    def __init__(self, provider: str = "px_backup", contracts: str | None = None, org: str = "default", port: int = 0) -> None:
        self.service = make_service(provider, contracts)
        self.org = org
        self.url = ""
        self._port = port
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point the modules here."""
        return self.service.provider.environment(self.url, self.org)

    @property
    def token(self) -> str:
        """A token that does not expire."""
        return self.environment["PX_BACKUP_TOKEN"]

    @property
    def control(self) -> Control:
        """The control client, of all scopes."""
        return Control(self.url, scopes=self.service.provider.scopes)

    def start(self) -> SimulatorThread:
        """Returns when requests are answered. Raises RuntimeError when the server did not come up."""
        self._thread.start()
        self._ready.wait(10)
        if not self.url:
            raise RuntimeError("the simulator did not start") from self._failure
        return self

    def stop(self) -> None:
        """Ends the thread."""
        if self._thread.is_alive() and self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    def _run(self) -> None:
        try:
            # run() also ends what hangs on purpose: all tasks left are cancelled.
            asyncio.run(self._serve())
        except OSError as error:  # a port that is taken; told by start()
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner, url = await start(self.service, self._port)
        self.url = url
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()


@contextmanager
def running_simulator(
    provider: str = "px_backup", contracts: str | None = None, org: str = "default", seed: str | None = None, **settings: Any
) -> Iterator[SimulatorThread]:
    """A simulator for the length of a with block; keywords are process-wide settings (see /_control/settings)."""
    simulator = SimulatorThread(provider, contracts, org).start()
    try:
        if settings:
            simulator.control.settings(**settings)
        if seed:
            simulator.control.seed(seed, scope=org)
        yield simulator
    finally:
        simulator.stop()
