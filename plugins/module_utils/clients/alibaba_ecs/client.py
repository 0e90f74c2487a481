# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alibaba Cloud ECS in one region: reads, lists over all pages, and changes, each with the repetition that is safe for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from ...core.errors import OutcomeUnknown, ProviderFailure, RecoveryError, WaitTimeout
from ...core.waiter import Waiter
from ...transport.exchange import Limits
from ...transport.retry import Brake, Retry
from ...transport.session import Tls
from ...transport.trouble import repeated, retold
from . import paging
from .answers import Wire
from .credentials import Credentials
from .session import AlibabaSession
from .signing import ECS, VPC, Call, flattened

__all__ = ["ECS", "VPC", "AlibabaClient", "Credentials", "Wire"]


@dataclass
class _Acts:
    """Whether a change was accepted, or may have been; the regions of a target share it."""

    acted: bool = False


class AlibabaClient:
    """One account in one region. Threads may share a client; it has at most 64 connections.

    Parameters are the wire's: lists and mappings are flattened, None is left out; what the API wants as JSON text is given as text.
    All methods raise the errors of ``core.errors`` that the answer means, and what the guard raises before a request leaves. ``on_secret`` is
    told every secret and token. Raises MissingLibrary without Alibaba Cloud's libraries, AuthenticationFailed without credentials; sends
    nothing yet.
    """

    def __init__(
        self,
        region: str,
        *,
        credentials: Credentials,
        api_url: str | None,
        tls: Tls,
        timeout_s: float,
        retry: Retry,
        waiter: Waiter,
        on_secret: Callable[[str], None],
    ) -> None:
        self.region, self.waiter = region, waiter
        self._timeout_s, self._retry = timeout_s, replace(retry, cancelled=lambda: waiter.cancelled)
        self._acts = _Acts()
        self._session = AlibabaSession(
            credentials, home=region, api_url=api_url, tls=tls, timeout_s=timeout_s, brake=Brake(waiter.clock), clock=waiter.clock, on_secret=on_secret
        )

    def at(self, region: str) -> AlibabaClient:
        """The same client in another region: what it does counts as done here."""
        other = copy(self)
        other.region = region
        return other

    def for_target(self, waiter: Waiter) -> AlibabaClient:
        """A client for one of many targets of the same task: with the deadline and the cancellation of ``waiter``, and an ``acted`` of its own.

        Keys, connections and the brake that a request to slow down puts on are those of this client; closing this one closes them for all.
        """
        target = copy(self)
        target.waiter, target._retry, target._acts = waiter, Retry.within(waiter, self._retry.retries, self._retry.jitter), _Acts()
        return target

    def close(self) -> None:
        """Close the connections, when the task has ended. A request after that makes a new one."""
        self._session.close()

    def acted(self) -> bool:
        """Whether a change was accepted, or may have been, since this client was made."""
        return self._acts.acted

    def read(self, what: str, action: str, params: Mapping[str, Any] | None = None, *, product: str = ECS) -> Wire:
        """The answer to a call that changes nothing; ``what`` is what is read, as ``disk "d-1"``. Raises WaitTimeout at the deadline."""
        call, flat = Call(product, action), flattened(params or {})

        def send() -> Wire:
            # A read need not outlast the task.
            seconds = min(self._timeout_s, max(1.0, self._retry.remaining_s()))
            return self._exchange(call, flat, seconds, changes=False)

        try:
            return self._repeated(f"read {what}", send, changes=False, again=True)
        except ProviderFailure as error:
            if error.transient and self._retry.remaining_s() <= 0:
                # There was no time left for an answer, so that nothing is known of the provider's health.
                raise WaitTimeout(f"the deadline passed: {error.message}", transient=True) from error
            raise

    def listed(self, what: str, action: str, path: tuple[str, ...], params: Mapping[str, Any] | None = None, *, product: str = ECS) -> Iterator[Wire]:
        """Every item of a list, over all pages; ``path`` is where the list is in an answer, as ``("Snapshots", "Snapshot")``.

        Raises ProviderFailure for a list that is not complete, WaitTimeout when the deadline passes before the last page.
        """
        pages = 0

        def page(more: Wire) -> Wire:
            nonlocal pages
            if pages and self._retry.remaining_s() <= 0:
                raise WaitTimeout(f"the deadline passed: {what} could not be read to the end, {pages} pages were.", transient=True)
            pages += 1
            return self.read(what, action, {**(params or {}), **more}, product=product)

        return paging.items(what, action, path, page)

    def change(self, what: str, action: str, params: Mapping[str, Any], *, token: str = "", repeatable: bool = False, product: str = ECS) -> Wire:
        """The answer to a call that changes something; ``what`` is the attempt, as ``create disk "web-1"``.

        With a ``token``, which is sent as ClientToken, or if it is ``repeatable``, as sending it twice does what sending it once does, it is
        repeated after a lost answer. Otherwise only when the server cannot have acted: it was not reached, it is busy, or it asks to slow
        down. Raises OutcomeUnknown when nobody knows whether it was carried out.
        """
        call, again = Call(product, action), bool(token) or repeatable
        flat = flattened({**params, "ClientToken": token or None})

        def send() -> Wire:
            if not again:
                self._session.refresh()
            # It is given its time even past the deadline, because its answer tells what happened.
            return self._exchange(call, flat, self._timeout_s, changes=True)

        try:
            answer = self._repeated(what, send, changes=True, again=again)
        except OutcomeUnknown:
            self._acts.acted = True
            raise
        self._acts.acted = True
        return answer

    def _exchange(self, call: Call, params: Mapping[str, str], seconds: float, *, changes: bool) -> Wire:
        limits = Limits(seconds, changes=changes, cancelled=self._retry.cancelled, remaining_s=self._retry.remaining_s)
        return self._session.exchange(call, self.region, params, limits, self._retry)

    def _repeated(self, what: str, send: Callable[[], Wire], *, changes: bool, again: bool) -> Wire:
        def told(error: RecoveryError) -> RecoveryError:
            return retold(error, f"could not {what}: {error.message}")

        def acted() -> None:
            self._acts.acted = True

        return repeated(send, self._retry, told, changes=changes, on_acted=acted, again=again)
