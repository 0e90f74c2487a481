# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON over HTTP for providers without an SDK: one session, time limits, TLS options, and repetition of what is safe to repeat."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import InvalidRequest, MissingLibrary, OutcomeUnknown, ProviderFailure, RecoveryError
from .retry import Retry, TryAgain, retry_after_s

_TOO_MANY_REQUESTS = 429
_CONNECT_TIMEOUT_S = 10.0

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Tls:
    """How the server is verified and how we identify ourselves; the paths are PEM files."""

    verify: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None


@dataclass(frozen=True)
class Answer:
    """An HTTP answer with its body read: ``body`` is the JSON value, or None for a body that is empty or no JSON."""

    status: int
    headers: Mapping[str, str]
    text: str
    body: Any

    @property
    def request_id(self) -> str | None:
        return self.headers.get("X-Request-Id")

    @property
    def reads_as_json(self) -> bool:
        return self.body is not None or not self.text.strip()


class HttpTransport:
    """Sends requests to one server.

    ``translate`` turns an answer into the error that it means, None for a good one. ``authorization`` gives the value of the
    Authorization header at the moment of sending. Proxies are taken from the environment, as requests does.
    Raises MissingLibrary when requests is not installed.
    """

    def __init__(
        self,
        base_url: str,
        *,
        tls: Tls,
        timeout_s: float,
        retry: Retry,
        translate: Callable[[Answer], RecoveryError | None],
        authorization: Callable[[], str] | None = None,
    ) -> None:
        try:
            import requests
            import urllib3
        except ImportError as error:
            raise MissingLibrary("it talks HTTP to the provider", library="requests", trace=traceback.format_exc()) from error
        if not tls.verify:
            # The user has decided; a warning with each request would only bury what matters.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._requests = requests
        self._session = requests.Session()
        self._base_url = base_url
        self._tls = tls
        self._timeout_s = timeout_s
        self._retry = retry
        self._translate = translate
        self._authorization = authorization

    @property
    def server(self) -> str:
        """Scheme, host and port: what may be shown of the address."""
        parts = urlsplit(self._base_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> Answer:
        """The answer to one request; ``repeatable`` says that sending it twice does what sending it once does.

        What is not repeatable is sent again only when the server cannot have acted: it was not reached, or it refused with 429.
        Raises what ``translate`` makes of the answer; ProviderFailure when the server cannot be reached; OutcomeUnknown when a
        request that is not repeatable, or is not a read, went out and no usable answer came back.
        """

        def attempt() -> Answer:
            if not repeatable:
                # A pooled connection that the server has closed meanwhile looks like a lost answer. A fresh one does not.
                self._session.close()
            try:
                answer = self._exchange(method, path, query, body, form)
            except self._requests.exceptions.RequestException as cause:
                raise self._unanswered(method, cause, repeatable) from cause
            except ValueError as cause:
                # Its text may quote the credential or the proxy's address that it is about.
                raise InvalidRequest(
                    f"{self.server} cannot be asked: its address, a proxy variable or a credential holds characters that are not allowed there."
                ) from cause
            return self._judge(answer, repeatable)

        return self._retry.run(attempt)

    def _exchange(self, method: str, path: str, query: Query, body: Mapping[str, Any] | None, form: Mapping[str, str] | None) -> Answer:
        tls = self._tls
        cert = (tls.client_cert, tls.client_key) if tls.client_cert and tls.client_key else tls.client_cert
        # A read need not outlast the task. What may change something is given its time, because its answer tells what happened.
        limit_s = min(self._timeout_s, max(1.0, self._retry.remaining_s())) if method == "GET" else self._timeout_s
        response = self._session.request(
            method,
            self._base_url + path,
            params=list(query),
            json=body,
            data=form,
            # An auth callable also keeps requests from replacing the header by what it finds in a .netrc file.
            auth=self._authorize,
            timeout=(min(limit_s, _CONNECT_TIMEOUT_S), limit_s),
            # Given with each request: on the session, REQUESTS_CA_BUNDLE in the environment would win over it.
            verify=(tls.ca_path or True) if tls.verify else False,
            cert=cert,
            # A token must not follow a redirect, and a redirected POST would arrive as a GET.
            allow_redirects=False,
        )
        text = response.content.decode("utf-8", "replace")
        try:
            parsed = json.loads(text) if text.strip() else None
        except ValueError:
            parsed = None
        return Answer(response.status_code, response.headers, text, parsed)

    def _authorize(self, request: Any) -> Any:
        if self._authorization:
            request.headers["Authorization"] = self._authorization()
        return request

    def _judge(self, answer: Answer, repeatable: bool) -> Answer:
        if 300 <= answer.status < 400:
            raise InvalidRequest(f"{self.server} redirects{_place(answer.headers.get('Location', ''))}: give the address that answers itself.")
        error = self._translate(answer)
        if error is None:
            if answer.reads_as_json:
                return answer
            if "text/html" in answer.headers.get("Content-Type", ""):
                raise InvalidRequest(f"{self.server} answers with a web page, not with JSON: is this the address of the REST API?")
            error = ProviderFailure(f"{self.server} answered HTTP {answer.status} with something that is no JSON.", transient=True)
        elif not error.transient:
            raise error
        if repeatable or answer.status == _TOO_MANY_REQUESTS:
            raise TryAgain(error, retry_after_s(answer.headers.get("Retry-After")))
        raise self._unknown(error) from error

    def _unanswered(self, method: str, cause: Exception, repeatable: bool) -> Exception:
        """What a missing answer means for whoever sent the request."""
        kinds = self._requests.exceptions
        if isinstance(cause, kinds.SSLError):
            return ProviderFailure(f"the TLS connection to {self.server} failed: {_reason(cause)}. See validate_certs and ca_path.")
        if isinstance(cause, (kinds.InvalidURL, kinds.InvalidSchema, kinds.MissingSchema, kinds.InvalidHeader)):
            return InvalidRequest(f"{self.server} cannot be asked: {type(cause).__name__}.")
        if _never_connected(cause):
            through = " through the proxy" if isinstance(cause, kinds.ProxyError) else ""
            return TryAgain(ProviderFailure(f"could not connect to {self.server}{through}: {_reason(cause)}.", transient=True))
        how = f"within {self._timeout_s:g} s" if isinstance(cause, kinds.Timeout) else "before the connection broke"
        error = ProviderFailure(f"{self.server} gave no whole answer {how}.", transient=True)
        unknown = self._unknown(error)
        return TryAgain(error if method == "GET" else unknown) if repeatable else unknown

    @staticmethod
    def _unknown(error: RecoveryError) -> OutcomeUnknown:
        return OutcomeUnknown(error.message, code=error.code, http_status=error.http_status, request_id=error.request_id)


def _place(location: str) -> str:
    """Where a redirect leads, without credentials and path; nothing when it stays on the server or cannot be read."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return ""
    return f" to {parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.hostname else ""


def _never_connected(cause: BaseException) -> bool:
    """Whether the request cannot have reached the server: no connection was made to it, or to the proxy before it, or through that."""
    reason: Any = cause
    while reason is not None:
        if type(reason).__name__ in ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError") or "Tunnel connection failed" in str(reason):
            return True
        reason = getattr(reason, "reason", None) or getattr(reason, "original_error", None) or next(iter(_causes(reason)), None)
    return False


def _causes(error: BaseException) -> list[BaseException]:
    return [part for part in error.args if isinstance(part, BaseException)]


def _reason(cause: Exception) -> str:
    """The innermost words of a connection error; the outer ones repeat the whole URL."""
    reason: Any = cause
    while getattr(reason, "reason", None) or (getattr(reason, "args", None) and isinstance(reason.args[-1], Exception)):
        reason = getattr(reason, "reason", None) or reason.args[-1]
    text = str(reason.args[-1] if getattr(reason, "args", None) else reason)
    if "WRONG_VERSION_NUMBER" in text:
        return "the server does not speak TLS there; is the scheme http instead of https?"
    # urllib3 begins with the object that failed, in one of two spellings.
    return text.partition(">: ")[2] or text.partition("): ")[2] or text
