# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one HTTP session that every request to Compute Engine goes through, the SDK's included: credentials, TLS, time limits, answers."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from ...core.errors import AuthenticationFailed, InvalidRequest, MissingLibrary, ProviderFailure
from ...transport.http import Tls
from .answers import Trouble, refusal

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_CONNECT_TIMEOUT_S = 10.0
_NEVER_CONNECTED = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")


@dataclass(frozen=True)
class Credentials:
    """Who we are: the parsed key of a service account, or an access token; with neither, the application default credentials."""

    service_account: Mapping[str, Any] | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)


class GceSession:
    """A google-auth session that obeys our options. Threads may share it; its pool holds 10 connections.

    Raises MissingLibrary, and AuthenticationFailed or InvalidRequest
    for credentials that are missing or unusable. ``on_secret`` is told every token.
    """

    def __init__(self, credentials: Credentials, *, api_url: str | None, tls: Tls, timeout_s: float, on_secret: Callable[[str], None]) -> None:
        try:
            import google.auth.transport.requests
            import requests
            import urllib3
        except ImportError as error:
            raise MissingLibrary("it talks to Compute Engine", library="google-auth and requests", trace=traceback.format_exc()) from error
        if not tls.verify:
            # The user has decided; a warning with each request would only bury what matters.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._auth_errors, self._kinds = google.auth.exceptions, requests.exceptions
        self._timeout_s = timeout_s
        self._on_secret = on_secret
        self._told: set[str] = set()
        self._renewal = threading.Lock()
        # Given with each request: on the session, REQUESTS_CA_BUNDLE in the environment would win over it.
        self._verify = (tls.ca_path or True) if tls.verify else False
        self._cert = (tls.client_cert, tls.client_key) if tls.client_cert and tls.client_key else tls.client_cert
        sessions: Any = google.auth.transport.requests  # ships no types
        self._tokens = sessions.Request(requests.Session())
        self.credentials = self._login(credentials)
        self._tell_token()
        try:
            # On a VM of Google's, this asks the metadata server.
            self.universe = str(getattr(self.credentials, "universe_domain", None) or "googleapis.com")
        except self._auth_errors.GoogleAuthError as cause:
            raise self.unauthorized(cause).error from cause
        self.base_url = (api_url or f"https://compute.{self.universe}").rstrip("/")
        self._session = sessions.AuthorizedSession(
            self.credentials,
            # A token that was given as such cannot be renewed, and trying would hide the refusal.
            refresh_status_codes=() if credentials.access_token else (401,),
            max_refresh_attempts=1,
            auth_request=self._ask_for_token,
        )

    @property
    def server(self) -> str:
        """Scheme, host and port: what may be shown of the address."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def secrets(self) -> set[str]:
        """The tokens in use."""
        return set(self._told)

    def request(self, method: str, url: str, **request: Any) -> Any:
        """What a requests session has under this name: how the SDK's requests come to us. Raises Trouble for an answer that is not good."""
        return self.exchange(method, url, **{name: value for name, value in request.items() if name != "allow_redirects"})[0]

    def exchange(self, method: str, url: str, *, timeout: float | None = None, **request: Any) -> tuple[Any, dict[str, Any]]:
        """A good answer as requests gives it, and the JSON object in it. Raises Trouble for anything else."""
        limit_s = timeout or self._timeout_s
        try:
            self._renew_once()
            response = self._session.request(
                method,
                url,
                # An auth callable keeps requests from replacing the header by what it finds in a .netrc file.
                auth=_unchanged,
                timeout=(min(limit_s, _CONNECT_TIMEOUT_S), limit_s),
                verify=self._verify,
                cert=self._cert,
                # A token must not follow a redirect, and a redirected POST would arrive as a GET.
                allow_redirects=False,
                **request,
            )
        except self._auth_errors.GoogleAuthError as cause:
            raise self.unauthorized(cause) from cause
        except self._kinds.RequestException as cause:
            raise self._unanswered(cause, limit_s) from cause
        finally:
            self._tell_token()
        return response, self._judge(response)

    def unauthorized(self, cause: Any) -> Trouble:
        """What a login that failed means: nothing has been asked of Compute Engine."""
        if isinstance(cause, self._auth_errors.TransportError):
            reason = _innermost(cause.__cause__ or cause).rstrip(".")
            return Trouble(ProviderFailure(f"no access token could be fetched, its server was not reached: {reason}.", transient=True))
        said = str(cause.args[0] if cause.args else cause).strip().rstrip(".")
        passing = bool(getattr(cause, "retryable", False))
        return Trouble(AuthenticationFailed(f"no access token could be fetched: {said[:300]}.", transient=passing))

    def _judge(self, response: Any) -> dict[str, Any]:
        status = response.status_code
        try:
            body = json.loads(response.content)
        except ValueError:
            body = None
        if status >= 400:
            raise refusal(status, response.headers, body)
        if 300 <= status < 400:
            raise Trouble(InvalidRequest(f"{self.server} redirects (HTTP {status}): give the address that answers itself as api_url."))
        if not isinstance(body, dict):
            if "text/html" in response.headers.get("Content-Type", ""):
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

    def _ask_for_token(self, url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: Any = None, **request: Any) -> Any:
        """What google-auth sends for a token: within our time limit, under our TLS options."""
        return self._tokens(url, method=method, body=body, headers=headers, timeout=self._timeout_s, verify=self._verify, **request)

    def _renew_once(self) -> None:
        """Get the first token, and each after it, in one thread while the others wait for it."""
        with self._renewal:
            if not self.credentials.valid:
                self.credentials.refresh(self._ask_for_token)
                self._tell_token()

    def _tell_token(self) -> None:
        token = self.credentials.token
        if token and token not in self._told:
            self._told.add(token)
            self._on_secret(token)

    def _unanswered(self, cause: Any, limit_s: float) -> Trouble:
        if isinstance(cause, self._kinds.SSLError):
            return Trouble(ProviderFailure(f"the TLS connection to {self.server} failed: {_innermost(cause)}. See validate_certs and ca_path."))
        if isinstance(cause, (self._kinds.InvalidURL, self._kinds.InvalidSchema, self._kinds.MissingSchema, self._kinds.InvalidHeader)):
            return Trouble(InvalidRequest(f"{self.server} cannot be asked: {type(cause).__name__}."))
        if isinstance(cause, (self._kinds.ConnectTimeout, self._kinds.ProxyError)) or type(_reason(cause)).__name__ in _NEVER_CONNECTED:
            through = " through the proxy" if isinstance(cause, self._kinds.ProxyError) else ""
            return Trouble(ProviderFailure(f"could not connect to {self.server}{through}: {_innermost(cause)}.", transient=True))
        how = f"within {limit_s:g} s" if isinstance(cause, self._kinds.Timeout) else "before the connection broke"
        return Trouble(ProviderFailure(f"{self.server} gave no whole answer {how}.", transient=True), acted=True)


def _unchanged(request: Any) -> Any:
    return request


def _reason(cause: Any) -> Any:
    """What urllib3 gives as the reason of a connection error."""
    return getattr(cause.args[0] if cause.args else None, "reason", None)


def _innermost(cause: Any) -> str:
    """The last words of a connection error; the first ones repeat the whole URL."""
    text = str(_reason(cause) or cause)
    # urllib3 begins with the object that failed, in one of two spellings.
    return text.partition(">: ")[2] or text.partition("): ")[2] or text
