# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON over HTTP for providers without an SDK: time limits, TLS options, and repetition of what is safe to repeat."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import InvalidRequest, OutcomeUnknown, ProviderFailure, RecoveryError
from .exchange import Limits
from .failures import Unanswered, not_sent_again
from .retry import Retry, TryAgain, retry_after_s
from .session import HttpSession, Tls, server_of

__all__ = ["Answer", "HttpTransport", "Query", "Tls"]

_TOO_MANY_REQUESTS = 429

Query = Sequence[tuple[str, str]]


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
    Authorization header at the moment of sending. Where nothing ``changes``, as at a login, no guard is asked and no outcome is unknown.
    ``option`` is what users give the address as. Proxies are taken from the environment, as requests does. Raises MissingLibrary without
    requests.
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
        changes: bool = True,
        option: str = "api_url",
    ) -> None:
        self._session = HttpSession(tls, use="to talk to the provider")
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._retry = retry
        self._translate = translate
        self._authorization = authorization
        self._changes = changes
        self._option = option
        # Whether a request was accepted that may change something, or may have been.
        self.acted = False

    @property
    def server(self) -> str:
        """Scheme, host and port: what may be shown of the address."""
        return server_of(self._base_url)

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
        Before each attempt the guard is asked. Raises what it raises, and what ``translate`` makes of the answer; ProviderFailure when
        the server cannot be reached; OutcomeUnknown when a request that is not repeatable, or is not a read, went out and no usable
        answer came back; Cancelled for a read that is under way when the task is cancelled.
        """
        earlier: RecoveryError | None = None

        def attempt() -> Answer:
            nonlocal earlier
            if not repeatable:
                # A pooled connection that the server has closed meanwhile looks like a lost answer. A fresh one does not.
                self._session.close()
            try:
                answer = self._exchange(method, path, query, body, form)
            except Unanswered as failure:
                if failure.acted and self._may_change(method):
                    earlier, self.acted = failure.error, True
                raise self._meaning(method, failure, repeatable) from failure
            except RecoveryError as refusal:
                # The guard's: an earlier attempt of which nobody knows the outcome must not be hidden by it.
                if earlier is None:
                    raise
                raise not_sent_again(refusal, earlier) from refusal
            return self._judge(answer, repeatable)

        try:
            answer = self._retry.run(attempt)
        except OutcomeUnknown:
            self.acted = True
            raise
        self.acted = self.acted or self._may_change(method)
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _exchange(self, method: str, path: str, query: Query, body: Mapping[str, Any] | None, form: Mapping[str, str] | None) -> Answer:
        reads = method == "GET"
        # A read need not outlast the task. What may change something is given its time, because its answer tells what happened.
        seconds = min(self._timeout_s, max(1.0, self._retry.remaining_s())) if reads else self._timeout_s
        limits = Limits(seconds, changes=self._may_change(method), cancelled=self._retry.cancelled, remaining_s=self._retry.remaining_s)
        headers = {"Authorization": self._authorization()} if self._authorization else {}
        request = {"params": list(query), "json": body, "data": form, "headers": headers}
        reply = self._session.exchange(method, self._base_url + path, limits=limits, guarded=self._changes, **request)
        text = reply.content.decode("utf-8", "replace")
        try:
            parsed = json.loads(text) if text.strip() else None
        except (ValueError, RecursionError):  # The second for lists within lists, some thousand deep.
            parsed = None
        return Answer(reply.status_code, reply.headers, text, parsed)

    def _judge(self, answer: Answer, repeatable: bool) -> Answer:
        if 300 <= answer.status < 400:
            to = _place(answer.headers.get("Location", ""))
            raise InvalidRequest(f"{self.server} redirects{to}, which is not followed: give the address that answers itself as {self._option}.")
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

    def _meaning(self, method: str, failure: Unanswered, repeatable: bool) -> Exception:
        """What a missing answer means for whoever sent the request."""
        acted = failure.acted and self._may_change(method)
        error = self._unknown(failure.error) if acted else failure.error
        return TryAgain(error) if failure.error.transient and (repeatable or not acted) else error

    def _may_change(self, method: str) -> bool:
        return self._changes and method != "GET"

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
