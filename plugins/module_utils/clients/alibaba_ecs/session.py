# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one HTTP session that every request to Alibaba Cloud goes through: keys, signatures, pace, answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...core.errors import RateLimited, RecoveryError
from ...transport.exchange import Limits
from ...transport.failures import Unanswered
from ...transport.retry import Brake, Retry
from ...transport.session import HttpSession, Tls, server_of
from ...transport.trouble import Trouble
from .answers import Wire, judged, scrubbed
from .credentials import Credentials, Keys, is_expired
from .signing import USE, Call, Key, address, check_library, signed

# What users put into a VM may hold passwords, and the server quotes what it refuses.
_HIDDEN = ("Password", "UserData", "CommandContent")
_SHORTEST_SECRET = 8


class AlibabaSession:
    """Connections and keys for all threads, targets and regions of a task. ``brake`` is the pace of all, ``home`` the region of ``api_url``.

    Raises MissingLibrary, and AuthenticationFailed when no credentials are given; sends nothing yet.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        home: str,
        api_url: str | None,
        tls: Tls,
        timeout_s: float,
        brake: Brake,
        clock: Callable[[], float],
        on_secret: Callable[[str], None],
    ) -> None:
        self._http = HttpSession(tls, use=USE)
        check_library(sts=credentials.role is not None)
        self._keys = Keys(credentials, home, tls=tls, timeout_s=timeout_s, clock=clock, on_secret=on_secret)
        self._home, self._api_url, self._brake = home, api_url, brake

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._http.close()
        self._keys.close()

    def refresh(self) -> None:
        """Let the next request have a connection of its own: one that the server has closed meanwhile looks like a lost answer."""
        self._http.close()

    def exchange(self, call: Call, region: str, params: Mapping[str, str], limits: Limits, retry: Retry) -> Wire:
        """The JSON object of a good answer. Raises Trouble for anything else, and what the guard raises before the request leaves."""
        try:
            turn = self._brake.wait(retry.pause, retry.remaining_s)
        except RecoveryError as error:
            raise Trouble(error) from error
        try:
            key = self._keys.current(limits)
            try:
                return self._sent(call, region, params, key, limits, turn)
            except Trouble as trouble:
                other = self._keys.renewed(key, limits) if is_expired(trouble) else None
                if other is None:
                    raise
                return self._sent(call, region, params, other, limits, turn)
        except Unanswered as failure:
            raise Trouble(failure.error, acted=failure.acted) from failure

    def _sent(self, call: Call, region: str, params: Mapping[str, str], key: Key, limits: Limits, turn: int) -> Wire:
        url = address(call, region, self._api_url, self._home)
        headers, body = signed(call, key, region, params)
        hidden = {value for name, value in params.items() if name.endswith(_HIDDEN) and len(value) >= _SHORTEST_SECRET}
        reply = self._http.exchange("POST", f"{url.rstrip('/')}/", limits=limits, headers=headers, data=body)
        try:
            wire = judged(reply, server_of(url), call.permission, lambda text: scrubbed(text, {*hidden, *self._keys.secrets}))
        except Trouble as trouble:
            if isinstance(trouble.error, RateLimited):
                self._brake.refused(turn, trouble.after_s)
            else:
                self._brake.answered(turn)
            raise
        self._brake.answered(turn)
        return wire
