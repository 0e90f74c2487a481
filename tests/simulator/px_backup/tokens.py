# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bearer tokens: issued for a password, expiring with simulated time, revocable for one organisation or for all."""

from __future__ import annotations

import secrets
import uuid

from ..clock import Clock

USERNAME = "admin"
# The token printed at the start must outlive every `advance` of the tests that share it.
UNLIMITED_S = float("inf")


class Tokens:
    """All tokens. A user `admin@ORG` is `admin` whose token requests belong to the organisation ORG, so that tests can live side by side."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[str, tuple[str, float]] = {}
        self._revoked: set[tuple[str, str | None]] = set()
        self.password = secrets.token_urlsafe(12)
        self.unlimited = self.issue(USERNAME, UNLIMITED_S)

    def issue(self, username: str, lifetime_s: float) -> str:
        """A new token of a user."""
        token = f"sim-{secrets.token_urlsafe(24)}"
        self._tokens[token] = (user_id(username), self._clock.now() + lifetime_s)
        return token

    def accepts_password(self, username: str, password: str) -> bool:
        """Whether the user may have a token."""
        return username.partition("@")[0] == USERNAME and secrets.compare_digest(password.encode(), self.password.encode())

    def owner(self, token: str, scope: str | None) -> str | None:
        """The id of the token's user; None when the token is unknown, expired, or revoked for the scope."""
        user, until_s = self._tokens.get(token, ("", 0.0))
        if not user or self._clock.now() >= until_s or (token, None) in self._revoked or (token, scope) in self._revoked:
            return None
        return user

    def revoke(self, token: str, scope: str | None) -> None:
        """Ends a token, for one scope or (None) everywhere."""
        self._revoked.add((token, scope))


def user_id(username: str) -> str:
    """The same id for the same user in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{username.partition('@')[0]}.users.simulator"))


def scope_of_user(username: str) -> str | None:
    """The organisation in `admin@ORG`; None for a plain name."""
    return username.partition("@")[2] or None
