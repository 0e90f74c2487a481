# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PX-Backup as a provider of the simulator: from a call to a route, an organisation, a handler and an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..clock import Agenda, Clock
from ..contract import SwaggerContract
from ..messages import MISSING, Answer, Call, Match, Refused
from ..request_log import short_digest
from ..settings import Settings
from . import schema, state
from .context import Context, World, server_version
from .errors import CODE_OF_STATUS, INVALID_ARGUMENT, UNAUTHENTICATED, ApiError, error_answer
from .routes import TOKEN_ROUTE, Route, find_routes
from .store import Org
from .tokens import USERNAME, Tokens, scope_of_user, user_id

NEWER, OLDER = "px_backup_2.11_subset.swagger.json", "px_backup.swagger.json"
DEFAULTS: dict[str, Any] = {
    "backup_duration_s": 2,
    "restore_duration_s": 2,
    "delete_duration_s": 1,
    "token_lifetime_s": 604800,
    "emit_defaults": False,
    # [{kind: backup|restore, name: regex, status, reason, times: 1 (0: always)}]; a status that is no end is kept forever.
    "outcomes": [],
    "server_version": "2.8.1",
    "unique_backup_names": True,
    # True: failed look-ups of references and duplicates come as code 2, HTTP 500; "all": failed inspections too.
    "unknown_errors": False,
    "create_orgs": True,
}


def check_settings(values: Mapping[str, Any]) -> None:
    """Raises Refused for an outcome or a version that makes no sense."""
    statuses = {*schema.BACKUP_STATUS.names, *schema.RESTORE_STATUS.names}
    for outcome in values.get("outcomes", []):
        if not isinstance(outcome, dict) or set(outcome) - {"kind", "name", "status", "reason", "times", "used"} or outcome.get("status") not in statuses:
            raise Refused(f"an outcome is {{kind, name, status, reason, times}} with a known status, not {outcome!r}")
        if outcome.get("kind") not in (None, "backup", "restore"):
            raise Refused(f"the kind of an outcome is backup or restore, not {outcome['kind']!r}")
    if not re.fullmatch(r"\d+\.\d+(\.\d+)?", values.get("server_version", "0.0")):
        raise Refused("server_version is like 2.8.1")


class PxBackup:
    """The provider. `settings` come from outside, because the generic part reads them too."""

    name = "px_backup"
    scopes = "orgs"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.settings = Settings(DEFAULTS, check_settings)
        self.world = World(clock, self.settings, Agenda(clock), Tokens(clock))
        self._contracts: dict[str, SwaggerContract] = {}

    def identify(self, call: Call) -> Match:
        """The organisation is in the path, else in the body's metadata; of a token request, behind the @ of the user."""
        if "/" + "/".join(call.segments) == TOKEN_ROUTE:
            return Match(TOKEN_ROUTE, scope_of_user(dict(call.form).get("username", "")))
        fitting = find_routes(call.segments)
        # The most specific route of the method decides: /v1/backup/updatebackupshare names no organisation, /v1/backup/{org_id} does.
        best = next((params for route, params in fitting if route.method == call.method), fitting[0][1] if fitting else {})
        scope = best.get("org_id") or _org_of_body(call)
        version = server_version(self.settings.get("server_version", scope))
        fitting = [(route, params) for route, params in fitting if route.since <= version < route.until]
        for route, params in fitting:
            if route.method == call.method:
                return Match(route.template, scope, params, route)
        # No target, but a template: the path is known with another method only.
        return Match(fitting[0][0].template if fitting else None, scope)

    def handle(self, call: Call, match: Match) -> Answer:
        """Routing, then the body, then the token, then the handler: the order of the gateway and the server behind it."""
        self.world.agenda.run_due()
        if match.route == TOKEN_ROUTE:
            return self._token(call)
        if not isinstance(match.target, Route):
            return Answer.of_text("Not Found", 404) if match.route is None else Answer.of_text("Method Not Allowed", 405)
        try:
            _read_json(call)
            user = "" if match.route == "/v1/health" else self._user(call, match.scope)
            if "{org_id}" in match.target.template and not match.scope:
                raise ApiError(INVALID_ARGUMENT, "org_id is required")
            org = self.world.org(match.scope) if match.scope else Org("")
            return Answer.of_json(match.target.handler(Context(self.world, org, call, match.params, user)))
        except ApiError as error:
            return error.answer()

    def _user(self, call: Call, scope: str | None) -> str:
        user = self.world.tokens.owner(_bearer(call), scope)
        if user is None:
            raise ApiError(UNAUTHENTICATED, "token is expired or not valid" if _bearer(call) else "authorization token is missing")
        return user

    def _token(self, call: Call) -> Answer:
        if call.method != "POST":
            return Answer.of_text("Method Not Allowed", 405)
        form = dict(call.form)
        if form.get("grant_type") != "password":
            return Answer.of_json({"error": "unsupported_grant_type", "error_description": "Unsupported grant_type"}, 400)
        if form.get("client_id") != "pxcentral":
            return Answer.of_json({"error": "invalid_client", "error_description": "Invalid client or Invalid client credentials"}, 401)
        username = form.get("username", "")
        if not self.world.tokens.accepts_password(username, form.get("password", "")):
            return Answer.of_json({"error": "invalid_grant", "error_description": "Invalid user credentials"}, 401)
        lifetime_s = self.settings.get("token_lifetime_s", scope_of_user(username))
        token = self.world.tokens.issue(username, float(lifetime_s))
        return Answer.of_json({"access_token": token, "expires_in": lifetime_s, "token_type": "Bearer", "scope": "email profile"})

    def caller(self, call: Call) -> str | None:
        """A digest of the token."""
        header = call.headers.get("authorization")
        return short_digest(header) if header else None

    def is_mutating(self, call: Call, match: Match) -> bool:
        """All but reading; asking for a token and enumerating with a body change nothing."""
        return call.method not in ("GET", "HEAD") and match.route not in (TOKEN_ROUTE, "/v1/backup/{org_id}/enumerate")

    def log_body(self, call: Call) -> Any:
        """JSON as parsed; a form with its password blotted out; anything else as text."""
        if call.is_form:
            return {name: "***" if name == "password" else value for name, value in call.form}
        try:
            return None if call.json is MISSING else call.json
        except ValueError:
            return call.body.decode("utf-8", "replace")

    def refuse(self, status: int, message: str, reason: str | None = None) -> Answer:
        """An error body of the gateway under this status."""
        return error_answer(status, CODE_OF_STATUS.get(status, 2), message)

    def reject_token(self, call: Call, scope: str | None) -> Answer:
        """401, and the token is of no use any more."""
        self.world.tokens.revoke(_bearer(call), scope)
        return error_answer(401, UNAUTHENTICATED, "token is expired or not valid")

    def load_contracts(self, directory: str | None) -> str | None:
        """Loads the documents that are there."""
        files = [Path(directory) / name for name in (OLDER, NEWER)] if directory else []
        # The document leaves maps out of queries; the gateway reads them as labels[name].
        self._contracts = {path.name: SwaggerContract.load(path, r"enumerate_options\.labels\[.+\]") for path in files if path.is_file()}
        return ", ".join(self._contracts) or None

    def contract_violations(self, call: Call, match: Match) -> list[str]:
        """Checks against the document of the server's release. The newer one is a subset, so the older one fills its gaps."""
        if not self._contracts or match.route == TOKEN_ROUTE:
            return []
        newer = server_version(self.settings.get("server_version", match.scope)) >= (2, 10)
        documents = [self._contracts[name] for name in ((NEWER, OLDER) if newer else (OLDER,)) if name in self._contracts]
        try:
            body = call.json
        except ValueError:
            return ["the body is not JSON"]
        document = next((item for item in documents if item.knows(call.segments)), documents[-1] if documents else None)
        found = document.check(call.method, call.segments, call.query, body) if document else []
        lists = [f"query {name} holds a comma: repeat the name instead" for name, value in call.query if name.endswith((".status", ".owners")) and "," in value]
        return found + lists

    def dump_state(self, scope: str | None) -> dict[str, Any]:
        """{"orgs": {name: {clusters, backup_locations, backups, restores, ...}}}."""
        self.world.agenda.run_due()
        return {"orgs": {name: state.dump(org) for name, org in self.world.orgs.items() if scope in (None, name)}}

    def merge_state(self, given: Mapping[str, Any]) -> None:
        """Takes what `dump_state` gives in its short form."""
        self.world.agenda.run_due()
        if set(given) - {"orgs", "scope"}:
            raise Refused('state is {"orgs": {name: {...}}}')
        for name, part in given.get("orgs", {}).items():
            state.merge(self._context(name), part)

    def drop_state(self, scope: str | None) -> None:
        """Forgets an organisation, or all. What was on the agenda for it runs into nothing."""
        if scope is None:
            self.world.orgs.clear()
        else:
            self.world.orgs.pop(scope, None)

    def seed(self, name: str, scope: str | None) -> None:
        """Fills an organisation ("default" when None)."""
        if name not in state.SEEDS:
            raise Refused(f"no such example: {name}; known: {', '.join(state.SEEDS)}")
        state.merge(self._context(scope or "default"), state.SEEDS[name])

    def actions(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        """`disaster` {org, cluster, namespace}: the namespace is gone, as after kubectl delete namespace."""
        return {"disaster": self._disaster}

    def _disaster(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self.world.agenda.run_due()
        org = self.world.orgs.get(str(body.get("org", "default")))
        cluster = org.clusters.find(str(body.get("cluster", ""))) if org else None
        if cluster is None or cluster.kubernetes is None:
            raise Refused(f"no such cluster: {body.get('cluster')!r}")
        if cluster.kubernetes.namespaces.pop(str(body.get("namespace", "")), None) is None:
            raise Refused(f"no such namespace: {body.get('namespace')!r}")
        return {}

    def environment(self, base_url: str, scope: str = "default") -> dict[str, str]:
        """The variables of the px_backup options."""
        tokens = self.world.tokens
        return {
            "PX_BACKUP_API_URL": base_url,
            "PX_BACKUP_TOKEN": tokens.unlimited,
            "PX_BACKUP_ORG_ID": scope,
            "PX_BACKUP_AUTH_URL": base_url,
            "PX_BACKUP_USERNAME": USERNAME,
            "PX_BACKUP_PASSWORD": tokens.password,
        }

    def _context(self, org: str) -> Context:
        if org not in self.world.orgs:
            self.world.orgs[org] = Org(org)
        return Context(self.world, self.world.orgs[org], Call("POST", "/_control/state", "", {}, b""), {}, user_id(USERNAME))


def _bearer(call: Call) -> str:
    kind, _space, token = call.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _read_json(call: Call) -> None:
    try:
        call.json  # noqa: B018  read for its ValueError
    except ValueError as error:
        raise ApiError(INVALID_ARGUMENT, f"invalid JSON in the body: {error}") from error


def _org_of_body(call: Call) -> str | None:
    try:
        body = call.json
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    metadata = body.get("metadata")
    org = (metadata.get("org_id") if isinstance(metadata, dict) else None) or body.get("org_id")
    return org if isinstance(org, str) else None
