# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one HTTP session that every request to Compute Engine goes through, the SDK's included: credentials, tokens, time limits, answers."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from ...core.errors import AuthenticationFailed, InvalidRequest, MissingLibrary, ProviderFailure, RecoveryError
from ...transport.exchange import Limits
from ...transport.failures import Unanswered
from ...transport.retry import Brake, Retry
from ...transport.session import CONNECTIONS, HttpSession, Reply, Tls, acquire, server_of
from ...transport.trouble import Trouble
from .answers import is_shared_limit, refusal

LIBRARY = "google-cloud-compute"
_USE = "to talk to Compute Engine"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
# The other connections are left to what is answered at once.
_HELD_AT_ONCE = CONNECTIONS - 16


@dataclass(frozen=True)
class Credentials:
    """Who we are: the parsed key of a service account, or an access token; with neither, the application default credentials."""

    service_account: Mapping[str, Any] | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)


class _TokenAnswer(NamedTuple):
    """What google-auth expects of an answer."""

    status: int
    headers: Mapping[str, str]
    data: bytes


# What ends the requests of this thread: Google's SDK calls our session, and would not hand it on.
_LIMITS: ContextVar[tuple[Limits, Retry]] = ContextVar("limits")


@contextmanager
def limited(seconds: float, retry: Retry, *, changes: bool) -> Iterator[None]:
    """Give each request of this thread so many seconds, within the task that ``retry`` belongs to."""
    token = _LIMITS.set((Limits(seconds, changes=changes, cancelled=retry.cancelled, remaining_s=retry.remaining_s), retry))
    try:
        yield
    finally:
        _LIMITS.reset(token)


class GceSession:
    """Connections and a token for all threads and targets of a task. All that asks does so within ``limited``.

    ``timeout_s`` is the longest time for a token, ``brake`` the pace of all; ``on_secret`` is told every token. Raises MissingLibrary, and
    AuthenticationFailed or InvalidRequest for credentials that are missing or unusable.
    """

    def __init__(self, credentials: Credentials, *, api_url: str | None, tls: Tls, timeout_s: float, on_secret: Callable[[str], None], brake: Brake) -> None:
        self._http = HttpSession(tls, use=_USE, library=LIBRARY)
        self._tokens = HttpSession(Tls(tls.verify, tls.ca_path), use=_USE, library=LIBRARY, connections=2)
        try:
            import google.auth.exceptions
        except ImportError as error:
            raise MissingLibrary(_USE, library=LIBRARY, trace=traceback.format_exc()) from error
        self._auth_errors: Any = google.auth.exceptions
        self._timeout_s = timeout_s
        self._on_secret = on_secret
        self._told: set[str] = set()
        self._renewal = threading.Lock()
        self._held = threading.BoundedSemaphore(_HELD_AT_ONCE)
        self._brake = brake
        self.credentials = self._login(credentials)
        # A token that was given as such cannot be renewed, and trying would hide the refusal.
        self._renews = not credentials.access_token
        self._tell_token()
        try:
            # On a VM of Google's, this asks the metadata server.
            self.universe = str(getattr(self.credentials, "universe_domain", None) or "googleapis.com")
        except self._auth_errors.GoogleAuthError as cause:
            raise self.unauthorized(cause).error from cause
        self.base_url = (api_url or f"https://compute.{self.universe}").rstrip("/")

    @property
    def server(self) -> str:
        """Scheme, host and port: what may be shown of the address."""
        return server_of(self.base_url)

    @property
    def secrets(self) -> set[str]:
        """The tokens in use."""
        return set(self._told)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._http.close()
        self._tokens.close()

    @contextmanager
    def place_to_hold(self) -> Iterator[bool]:
        """Whether a request may be held by the server for minutes: so many may that the others still find a connection."""
        free = self._held.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self._held.release()

    def request(self, method: str, url: str, **request: Any) -> Reply:
        """What a requests session has under this name: how the SDK's requests come to us. Raises Trouble for an answer that is not good."""
        return self.exchange(method, url, **{name: value for name, value in request.items() if name not in ("allow_redirects", "timeout")})[0]

    def exchange(self, method: str, url: str, **request: Any) -> tuple[Reply, dict[str, Any]]:
        """A good answer, and the JSON object in it. Raises Trouble for anything else, and what the guard raises before the request leaves."""
        limits, retry = _LIMITS.get()
        try:
            turn = self._brake.wait(retry.pause, retry.remaining_s)
        except RecoveryError as error:
            raise Trouble(error) from error
        try:
            token = self._token(limits)
            reply = self._send(method, url, limits, request)
            if reply.status_code == 401 and self._renews:
                self._renew(token, limits)
                reply = self._send(method, url, limits, request)
        except self._auth_errors.GoogleAuthError as cause:
            raise self.unauthorized(cause) from cause
        except Unanswered as failure:
            raise Trouble(failure.error, acted=failure.acted) from failure
        finally:
            self._tell_token()
        return reply, self._judge(reply, turn)

    def unauthorized(self, cause: Any) -> Trouble:
        """What a login that failed means: nothing has been asked of Compute Engine."""
        if isinstance(cause, self._auth_errors.TransportError):
            return Trouble(ProviderFailure(f"no access token could be fetched: {str(cause).rstrip('.')}.", transient=True))
        said = str(cause.args[0] if cause.args else cause).strip().rstrip(".")
        passing = bool(getattr(cause, "retryable", False))
        return Trouble(AuthenticationFailed(f"no access token could be fetched: {said[:300]}.", transient=passing))

    def _send(self, method: str, url: str, limits: Limits, request: Mapping[str, Any]) -> Reply:
        headers = dict(request.get("headers") or {})
        self.credentials.apply(headers)
        return self._http.exchange(method, url, limits=limits, **{**request, "headers": headers})

    def _judge(self, reply: Reply, turn: int) -> dict[str, Any]:
        status = reply.status_code
        try:
            body = json.loads(reply.content)
        except (ValueError, RecursionError):  # The second for lists within lists, some thousand deep.
            body = None
        if status >= 400:
            trouble = refusal(status, reply.headers, body)
            if is_shared_limit(trouble.error):
                self._brake.refused(turn, trouble.after_s)
            else:
                self._brake.answered(turn)
            raise trouble
        self._brake.answered(turn)
        if 300 <= status < 400:
            raise Trouble(InvalidRequest(f"{self.server} redirects (HTTP {status}): give the address that answers itself as api_url."))
        if not isinstance(body, dict):
            if "text/html" in reply.headers.get("Content-Type", ""):
                raise Trouble(InvalidRequest(f"{self.server} answers with a web page, not with JSON: is api_url the address of Compute Engine?"))
            message = f"{self.server} answered HTTP {status} with something that is no JSON object, or with a part of one."
            raise Trouble(ProviderFailure(message, http_status=status, transient=True), acted=True)
        return body

    def _login(self, credentials: Credentials) -> Any:
        import google.auth
        import google.oauth2.credentials
        import google.oauth2.service_account

        tokens, accounts, defaults = (cast(Any, each) for each in (google.oauth2.credentials, google.oauth2.service_account, google.auth))
        if credentials.access_token:
            return tokens.Credentials(credentials.access_token)
        try:
            if credentials.service_account:
                return accounts.Credentials.from_service_account_info(dict(credentials.service_account), scopes=_SCOPES)
            return defaults.default(scopes=_SCOPES)[0]
        except self._auth_errors.DefaultCredentialsError as cause:
            raise AuthenticationFailed(
                "no credentials: give service_account_file, service_account_contents or access_token, or set up application default credentials"
                f" ({str(cause).partition('. ')[0].rstrip('.')})."
            ) from cause
        except ValueError as cause:
            # Its text may quote the key.
            raise InvalidRequest("the service account's key cannot be used: private_key is not a key in PEM format, or a field is missing.") from cause

    def _token(self, limits: Limits) -> str | None:
        """The token in use; the first one, and each after it, is fetched by one thread while the others wait for it."""
        if not self.credentials.valid:
            self._renew(self.credentials.token, limits)
        return cast("str | None", self.credentials.token)

    def _renew(self, refused: str | None, limits: Limits) -> None:
        """Fetch a token, unless another thread has replaced the ``refused`` one meanwhile."""
        acquire(self._renewal, limits, "an access token that another thread fetches")
        try:
            if self.credentials.token != refused and self.credentials.valid:
                return
            self.credentials.refresh(self._ask_for_token)
            self._tell_token()
        finally:
            self._renewal.release()

    def _ask_for_token(self, url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: Any = None, cert: Any = None) -> _TokenAnswer:
        """What google-auth sends for a token: within our limits, under our TLS options, and to no other address."""
        task, _retry = _LIMITS.get()
        limits = Limits(min(timeout or self._timeout_s, self._timeout_s, task.seconds), cancelled=task.cancelled, remaining_s=task.remaining_s)
        try:
            reply = self._tokens.exchange(method, url, limits=limits, guarded=False, cert=cert, data=body, headers=headers)
        except Unanswered as failure:
            if failure.error.transient:
                raise self._auth_errors.TransportError(failure.error.message) from failure
            raise Unanswered(failure.error, acted=False) from failure
        if 300 <= reply.status_code < 400:
            message = f"{server_of(url)}, where access tokens are fetched, redirects (HTTP {reply.status_code}): the credentials are not sent on."
            raise Trouble(InvalidRequest(f"{message} Correct token_uri in the key of the service account."))
        return _TokenAnswer(reply.status_code, reply.headers, reply.content)

    def _tell_token(self) -> None:
        token = self.credentials.token
        if token and token not in self._told:
            self._told.add(token)
            self._on_secret(token)
