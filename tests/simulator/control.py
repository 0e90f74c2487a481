# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control API under /_control/: log, faults, settings, time, state. JSON over HTTP, loopback only, no authentication."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .messages import Refused

if TYPE_CHECKING:
    from .service import Service

Action = Callable[["str | None", Mapping[str, Any], Mapping[str, str]], Any]


def add_control_routes(application: web.Application, service: Service) -> None:
    """Adds the routes. Scope comes from `?scope=` or, in a body, from its `scope` field."""
    control = Control(service)
    table: dict[tuple[str, str], Action] = {
        ("GET", "requests"): control.show_requests,
        ("DELETE", "requests"): control.clear_requests,
        ("GET", "faults"): control.show_faults,
        ("POST", "faults"): control.add_fault,
        ("DELETE", "faults"): control.clear_faults,
        ("GET", "settings"): control.show_settings,
        ("POST", "settings"): control.change_settings,
        ("DELETE", "settings"): control.reset_settings,
        ("POST", "advance"): control.advance,
        ("GET", "state"): control.show_state,
        ("POST", "state"): control.merge_state,
        ("DELETE", "state"): control.drop_state,
        ("POST", "seed"): control.seed,
    }
    for name, action in service.provider.actions().items():
        table["POST", name] = _without_scope(action)

    async def answer(request: web.Request) -> web.Response:
        action = table.get((request.method, request.match_info["name"]))
        if action is None:
            return web.json_response({"error": "no such control", "known": sorted(f"{method} {name}" for method, name in table)}, status=404)
        try:
            body = await request.json() if await request.read() else {}
            if not isinstance(body, dict):
                raise Refused("the body must be a JSON object")
            return web.json_response(action(request.query.get("scope", body.get("scope")), body, request.query))
        except (Refused, ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)

    application.router.add_route("*", "/_control/{name}", answer)


def _without_scope(action: Callable[[Mapping[str, Any]], Any]) -> Action:
    return lambda _scope, body, _query: action(body)


class Control:
    """One method per control; each takes (scope, body, query) and gives what is sent as JSON."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def show_requests(self, scope: str | None, body: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """The log; `?since=N` leaves out entries up to number N."""
        return self.service.log.show(scope, int(query.get("since", 0)))

    def clear_requests(self, scope: str | None, body: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """Empties the log."""
        self.service.log.clear(scope)
        return {}

    def show_faults(self, scope: str | None, body: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """The rules with how often each matched (`seen`) and fired."""
        return self.service.faults.show(scope)

    def add_fault(self, scope: str | None, body: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """Adds a rule; gives its id."""
        rule = self.service.faults.add({**body, "scope": scope})
        return {"id": rule.id}

    def clear_faults(self, scope: str | None, body: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """Removes rules."""
        self.service.faults.clear(scope)
        return {}

    def show_settings(self, scope: str | None, body: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """All settings as the scope sees them, and which contract is loaded (None: none)."""
        service = self.service
        return {**service.settings.all(scope), "contract": service.contract, "provider": service.provider.name, "now_s": service.clock.now()}

    def change_settings(self, scope: str | None, body: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """Changes the settings given, for all or for the scope."""
        self.service.settings.update({name: value for name, value in body.items() if name != "scope"}, scope)
        return self.show_settings(scope, body, query)

    def reset_settings(self, scope: str | None, body: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """Back to the defaults."""
        self.service.settings.reset(scope)
        return self.show_settings(scope, body, query)

    def advance(self, scope: str | None, body: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """Moves the one clock of all scopes forward by `seconds`."""
        self.service.clock.advance(float(body.get("seconds", 0)))
        return {"now_s": self.service.clock.now()}

    def show_state(self, scope: str | None, body: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """Everything."""
        return self.service.provider.dump_state(scope)

    def merge_state(self, scope: str | None, body: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """Adds to and changes the state."""
        self.service.provider.merge_state(body)
        return {}

    def drop_state(self, scope: str | None, body: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """Forgets a scope, or everything."""
        self.service.provider.drop_state(scope)
        return {}

    def seed(self, scope: str | None, body: Mapping[str, Any], query: Mapping[str, str]) -> Any:
        """Fills a scope with a named example (`name`, default "demo")."""
        self.service.provider.seed(str(body.get("name", "demo")), scope)
        return {}
