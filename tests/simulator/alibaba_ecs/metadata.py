# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The metadata service as an instance sees it, below /latest: its token and the credentials of its role.

One simulator serves many accounts, so the path may begin with /ACCOUNT (/ACCOUNT/latest/meta-data/...); without it the account is `default`.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from ..messages import Answer, Call
from .credentials import Credentials
from .places import DEFAULT_REGION, zones_of
from .store import World

TTL, TOKEN = "x-aliyun-ecs-metadata-token-ttl-seconds", "x-aliyun-ecs-metadata-token"
MOST_TTL_S = 21600
ROLES = "ram/security-credentials"


def account_of(call: Call) -> str | None:
    """The account that a metadata call is about; None when it is no such call."""
    parts = call.segments
    if parts[:1] == ["latest"]:
        return "default"
    return parts[0] if parts[1:2] == ["latest"] and parts[0] else None


class Metadata:
    """The service, of all accounts."""

    def __init__(self, world: World, credentials: Credentials) -> None:
        self._world = world
        self._credentials = credentials
        # Token to (account, when it ends).
        self._tokens: dict[str, tuple[str, float]] = {}

    def answer(self, call: Call, account: str) -> Answer:
        """Answers one call."""
        parts = call.segments[call.segments.index("latest") + 1 :]
        path = "/".join(parts).rstrip("/")
        if path == "api/token":
            return self._token(call, account)
        if call.method not in ("GET", "HEAD"):
            return Answer.of_text("", 405)
        given = call.headers.get(TOKEN)
        if given is not None or self._world.settings.get("metadata_token_required", account):
            owner, ends_s = self._tokens.get(given or "", ("", 0.0))
            if owner != account or self._world.clock.now() >= ends_s:
                return Answer.of_text("", 401)
        if not path.startswith("meta-data/"):
            return Answer.of_text("", 404)
        found = self._value(path[len("meta-data/") :], account)
        return Answer.of_text("", 404) if found is None else Answer.of_text(found, 200)

    def _token(self, call: Call, account: str) -> Answer:
        ttl = call.headers.get(TTL, "")
        if call.method != "PUT":
            return Answer.of_text("", 405)
        if not ttl.isdigit() or not 1 <= int(ttl) <= MOST_TTL_S:
            return Answer.of_text("", 400)
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (account, self._world.clock.now() + int(ttl))
        return Answer.of_text(token, 200)

    def _value(self, path: str, account: str) -> str | None:
        role = str(self._world.settings.get("metadata_role", account))
        simple: dict[str, Any] = {"region-id": DEFAULT_REGION, "zone-id": zones_of(DEFAULT_REGION)[0], "owner-account-id": self._world.account(account).number}
        if path in simple:
            return str(simple[path])
        if path == ROLES:
            return role or None
        if not role or path != f"{ROLES}/{role}":
            return None
        key = self._credentials.temporary(account, f"assumed-role/{role}/instance", float(self._world.settings.get("role_lifetime_s", account)))
        now = self._world.stamp()
        return json.dumps({**self._credentials.answer(key), "LastUpdated": now, "Code": "Success"})
