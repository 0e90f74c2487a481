# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a simulated provider offers to the generic part. One provider is served on one port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from .messages import Answer, Call, Match
from .settings import Settings


class Provider(Protocol):
    """One simulated cloud. All methods run in the one event loop thread, so no state needs a lock."""

    name: str
    # How it calls what its state is divided into, such as "projects": the only key of dump_state.
    scopes: str
    settings: Settings

    def identify(self, call: Call) -> Match:
        """Finds route and scope of a call; must not fail and must not change anything."""

    def handle(self, call: Call, match: Match) -> Answer | Awaitable[Answer]:
        """Does what the call asks and answers it; an answer that comes later is awaited while others are served."""

    def caller(self, call: Call) -> str | None:
        """A short id of whoever sends the call, which tells one token from another and gives none away; None without a token."""

    def is_mutating(self, call: Call, match: Match) -> bool:
        """Whether the call would change something at the real provider."""

    def log_body(self, call: Call) -> Any:
        """The body as the request log shows it: parsed, without secrets."""

    def refuse(self, status: int, message: str, reason: str | None = None) -> Answer:
        """An error in the provider's own shape, for an HTTP status; `reason` is the provider's own word where it has one."""

    def reject_token(self, call: Call, scope: str | None) -> Answer:
        """Revokes the presented token (within the scope, everywhere when None) and answers as for an expired one."""

    def contract_violations(self, call: Call, match: Match) -> list[str]:
        """What the published contract does not allow in this call; [] when fine or when there is no contract."""

    def load_contracts(self, directory: str | None) -> str | None:
        """Loads the contract from a directory; gives what /_control/settings shows, None when absent."""

    def dump_state(self, scope: str | None) -> dict[str, Any]:
        """Everything the provider knows, of one scope or of all."""

    def merge_state(self, state: Mapping[str, Any]) -> None:
        """Adds to and changes the state. Raises Refused."""

    def drop_state(self, scope: str | None) -> None:
        """Forgets one scope, or all."""

    def seed(self, name: str, scope: str | None) -> None:
        """Fills a scope with a named example. Raises Refused for an unknown name."""

    def actions(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        """The provider's own control actions: name under /_control/ to function of the JSON body. They raise Refused."""

    def environment(self, base_url: str, scope: str = "default") -> dict[str, str]:
        """The environment variables that point the modules at a scope of this simulator."""
