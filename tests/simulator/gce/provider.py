# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compute Engine as a provider of the simulator: from a call to a route, a project, a handler and an answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from ..clock import Agenda, Clock
from ..discovery import Discovery, MethodMatch
from ..messages import MISSING, Answer, Call, Match, Refused
from ..settings import Settings
from . import (
    actions,
    disks,
    filters,
    generic,
    images,
    instance_insert,
    instance_parts,
    instances,
    machine_images,
    networks,
    permissions,
    policies,
    seeds,
    snapshots,
    state,
    surroundings,
)
from .context import Context, public_project
from .errors import ApiError, error_answer, invalid
from .kinds import ROUTES, Route
from .options import DEFAULTS, check_settings
from .places import PUBLIC_PROJECT
from .store import Project, World
from .tokens import Tokens

PREFIX = ["compute", "v1"]
TOKEN_ROUTE = "/token"
# They begin with POST and change nothing.
HARMLESS = ("wait", "testIamPermissions", "listNetworkEndpoints", "listInstances")
MODULES: list[Any] = [disks, images, instance_insert, instance_parts, instances, machine_images, networks, policies, snapshots, surroundings]
HANDLERS: dict[str, Callable[[Context], Any]] = {key: handler for module in MODULES for key, handler in module.HANDLERS.items()}


@dataclass(frozen=True)
class _Target:
    route: Route | None
    known: MethodMatch | None


class Gce:
    """The provider. `settings` come from outside, because the generic part reads them too."""

    name = "gce"
    scopes = "projects"

    def __init__(self, clock: Clock) -> None:
        self.settings = Settings(DEFAULTS, check_settings)
        self.world = World(clock, self.settings, Agenda(clock))
        self.tokens = Tokens(clock, self.settings.get)
        self._discovery: Discovery | None = None
        # By method, number of parts, and what comes after the project: "zones", "regions", "global", "aggregated".
        self._routes: dict[tuple[str, int, str], list[tuple[list[str], Route]]] = {}
        # Literal parts come before parameters: images/family/F is no image.
        for route in sorted(ROUTES, key=lambda item: [part.startswith("{") for part in item.template.split("/")]):
            parts = route.template.split("/")
            self._routes.setdefault((route.method, len(parts), parts[2] if len(parts) > 2 else ""), []).append((parts, route))

    def identify(self, call: Call) -> Match:
        """The project is in the path; of a token request, in the name of the service account."""
        if call.raw_path == TOKEN_ROUTE:
            return Match(TOKEN_ROUTE, self.tokens.scope_of(call))
        # Split before decoding: an encoded slash is part of a name here.
        segments = [unquote(part) for part in call.raw_path.lstrip("/").split("/")]
        if segments[:2] != PREFIX:
            return Match(None)
        segments = segments[2:]
        known = self._discovery.find(call.method, call.raw_path) if self._discovery else None
        scope = segments[1] if len(segments) > 1 and segments[0] == "projects" else None
        for template, route in self._routes.get((call.method, len(segments), segments[2] if len(segments) > 2 else ""), []):
            if all(part == value or part.startswith("{") for part, value in zip(template, segments)):
                params = {part[1:-1]: value for part, value in zip(template, segments) if part.startswith("{")}
                return Match(route.template, scope, params, _Target(route, known))
        return Match(known.template if known else None, scope, dict(known.params) if known else {}, _Target(None, known))

    def handle(self, call: Call, match: Match) -> Answer | Awaitable[Answer]:
        """The token, the route, the place, permissions, then the handler: the order of the real service as far as it shows."""
        self.world.agenda.run_due()
        if match.route == TOKEN_ROUTE:
            return self.tokens.token_endpoint(call)
        target = match.target
        if not isinstance(target, _Target) or match.scope is None or (target.route is None and target.known is None):
            return error_answer(404, f"The requested URL {call.raw_path} was not found on this server.")
        user = self.tokens.user_of(call.headers.get("authorization"), match.scope)
        if user is None:
            return error_answer(401, "Request had invalid authentication credentials. Expected OAuth 2 access token.")
        if target.route is None:
            return error_answer(501, f"not simulated: {target.known.method_id if target.known else call.raw_path}")
        try:
            self._check_filter(call, target.known)
            ctx = self._context(call, match, target.route, user)
            with ctx.project.on_behalf_of(ctx.caller):
                answer = self._handle(ctx)
        except ApiError as error:
            return error.answer()
        if not isinstance(answer, dict):
            return cast("Answer | Awaitable[Answer]", answer)
        violations = self._answer_violations(match, answer)
        return error_answer(500, "contract: " + "; ".join(violations)) if violations else Answer.of_json(answer)

    def _context(self, call: Call, match: Match, route: Route, user: str) -> Context:
        try:
            body = call.json
        except ValueError as error:
            raise ApiError("badRequest", f"Invalid JSON payload received. {error}") from error
        if body is not MISSING and not isinstance(body, dict):
            raise ApiError("badRequest", "Invalid JSON payload received. The body must be an object.")
        fields: dict[str, Any] = body if isinstance(body, dict) else {}
        if route.verb in ("insert", "createSnapshot"):
            fields = {name: value for name, value in fields.items() if name not in generic.OUTPUT_ONLY}
        project, caller = self.project(str(match.scope)), self.caller(call) or ""
        return Context(self.world, project, route, dict(match.params), dict(call.query), fields, user, match.fault, caller)

    def _handle(self, ctx: Context) -> Any:
        ctx.require_place()
        permissions.require(ctx)
        if ctx.project.name == PUBLIC_PROJECT and ctx.route.method != "GET" and ctx.route.verb not in HARMLESS:
            raise ApiError("forbidden", f"Required '{permissions.PERMISSIONS[ctx.route.method_id][0][0]}' permission for 'projects/{PUBLIC_PROJECT}'")
        ctx.project.history.note()
        replayed = ctx.replayed()
        if replayed is not None:
            return replayed.data
        answer = HANDLERS.get(f"{ctx.plural}.{ctx.route.verb}") or generic.GENERIC[ctx.route.verb]
        return answer(ctx)

    def _check_filter(self, call: Call, known: MethodMatch | None) -> None:
        text = dict(call.query).get("filter")
        if not text or known is None or self._discovery is None:
            return
        try:
            unknown = self._discovery.unknown_fields(known, filters.fields(text))
        except ValueError as error:
            raise invalid("filter", text, str(error)) from error
        if unknown:
            raise invalid("filter", text, f"Invalid list filter expression: no such field: {', '.join(unknown)}.")

    def _answer_violations(self, match: Match, answer: dict[str, Any]) -> list[str]:
        if self._discovery is None or match.target.known is None or not self.settings.get("check_answers", match.scope):
            return []
        return self._discovery.check_answer(match.target.known, json.loads(json.dumps(answer)))

    def project(self, name: str) -> Project:
        """A project, made on first use with its default network."""
        if name == PUBLIC_PROJECT:
            return public_project(self.world)
        if name not in self.world.projects:
            self.world.projects[name] = Project(self.world, name)
            networks.fill_new_project(self.world.projects[name])
        return self.world.projects[name]

    def caller(self, call: Call) -> str | None:
        """See Tokens.caller_of."""
        return self.tokens.caller_of(call)

    def is_mutating(self, call: Call, match: Match) -> bool:
        """All but reading, waiting and asking for tokens and permissions."""
        return call.method not in ("GET", "HEAD") and match.route != TOKEN_ROUTE and (match.route or "").rsplit("/", 1)[-1] not in HARMLESS

    def log_body(self, call: Call) -> Any:
        """JSON parsed, keys of disks hidden; forms by their names only."""
        if call.is_form:
            return {name: "***" for name, _value in call.form}
        try:
            body = call.json
        except ValueError:
            return call.body.decode("utf-8", "replace")
        return None if body is MISSING else _without_keys(body)

    def refuse(self, status: int, message: str, reason: str | None = None) -> Answer:
        """Google's shape."""
        return error_answer(status, message, reason)

    def reject_token(self, call: Call, scope: str | None) -> Answer:
        """401, and the token is of no use any more."""
        header = call.headers.get("authorization")
        if header:
            self.tokens.revoke(header, scope)
        return error_answer(401, "Request had invalid authentication credentials. Expected OAuth 2 access token.")

    def load_contracts(self, directory: str | None) -> str | None:
        """The discovery document of the installed package; the folder is not asked."""
        self._discovery = Discovery.load()
        return f"compute.v1 revision {self._discovery.revision}" if self._discovery else None

    def contract_violations(self, call: Call, match: Match) -> list[str]:
        """Checks against the discovery document."""
        if self._discovery is None or not isinstance(match.target, _Target):
            return []
        if match.target.known is None:
            return [f"no such method: {call.method} {call.raw_path}"]
        try:
            body = call.json
        except ValueError:
            return ["the body is not JSON"]
        return self._discovery.check_request(match.target.known, call.query, body)

    def dump_state(self, scope: str | None) -> dict[str, Any]:
        """{"projects": {name: {resources by kind, operations, violations}}}, bytes as digests."""
        self.world.agenda.run_due()
        return {"projects": {name: state.dump(project) for name, project in self.world.projects.items() if scope in (None, name)}}

    def merge_state(self, given: Mapping[str, Any]) -> None:
        """{"projects": {name: {plural: [resources]}}}; see state.merge."""
        self.world.agenda.run_due()
        if set(given) - {"projects", "scope"}:
            raise Refused('state is {"projects": {name: {...}}}')
        for name, part in given.get("projects", {}).items():
            state.merge(self.project(name), part)

    def drop_state(self, scope: str | None) -> None:
        """Forgets a project, or all. What was on the agenda for it runs into nothing."""
        if scope is None:
            self.world.projects.clear()
        else:
            self.world.projects.pop(scope, None)

    def seed(self, name: str, scope: str | None) -> None:
        """Fills a project ("default" when None)."""
        if name not in seeds.SEEDS:
            raise Refused(f"no such example: {name}; known: {', '.join(seeds.SEEDS)}")
        seeds.SEEDS[name](self.project(scope or "default"))

    def actions(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        """See actions.py."""
        return {name: self._due_first(action) for name, action in actions.ACTIONS.items()}

    def _due_first(self, action: Callable[[Project, Mapping[str, Any]], Any]) -> Callable[[Mapping[str, Any]], Any]:
        def run(body: Mapping[str, Any]) -> Any:
            self.world.agenda.run_due()
            try:
                return action(self.project(str(body.get("project") or body.get("scope") or "default")), body)
            except ApiError as error:
                raise Refused(error.message) from error

        return run

    def environment(self, base_url: str, scope: str = "default") -> dict[str, str]:
        """The variables of the gce options."""
        place = {"GCP_PROJECT": scope, "GCP_ZONE": "europe-west1-b", "GCP_REGION": "europe-west1", "GCE_API_URL": base_url}
        try:
            return {**place, "GCP_SERVICE_ACCOUNT_CONTENTS": json.dumps(self.tokens.service_account(base_url, scope))}
        except ImportError:
            # Nothing here to sign with: a machine without the libraries of this provider serves it all the same.
            return {**place, "GCP_ACCESS_TOKEN": self.tokens.access_token}


def _without_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "***" if name in ("rawKey", "rsaEncryptedKey") else _without_keys(item) for name, item in value.items()}
    return [_without_keys(item) for item in value] if isinstance(value, list) else value
