# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it means that a request got no whole answer, from an exception of requests or urllib3.

The exceptions are told apart by the names of their classes: some SDKs bring a copy of requests of their own, whose classes are not ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..core.errors import InvalidRequest, OutcomeUnknown, ProviderFailure, RecoveryError

_UNUSABLE_ADDRESS = {"InvalidURL", "InvalidSchema", "MissingSchema", "InvalidHeader"}
_NOT_CONNECTED = {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ConnectTimeout"}
_TIMEOUTS = {"Timeout", "TimeoutError", "timeout", "ReadTimeoutError"}
# What ends a TLS handshake. With TLS 1.3, a server refuses a client's certificate only after the client has sent its request, and does not read it.
_HANDSHAKE = re.compile("certificate|handshake|wrong_version|unknown.ca|unsupported.protocol", re.IGNORECASE)


class Unanswered(Exception):
    """A request without a whole answer. ``acted`` says that the server may have done what it was asked."""

    def __init__(self, error: RecoveryError, *, acted: bool) -> None:
        super().__init__(error.message)
        self.error = error
        self.acted = acted


def unanswered(cause: BaseException, server: str, limit_s: float, *, sent: bool | None = None) -> Unanswered:
    """What ``cause`` means for whoever sent a request to ``server`` and gave it so many seconds.

    ``sent`` says whether the request had left; None when that is not known: then only what failed before a connection was made counts
    as not sent.
    """
    kinds = {name for each in _chain(cause) for name in _names(each)}
    if "SSLError" in kinds and (not sent or _HANDSHAKE.search(reason(cause))):
        return Unanswered(ProviderFailure(f"the TLS connection to {server} failed: {reason(cause)}. See validate_certs and ca_path."), acted=False)
    if not sent and _names(cause) & _UNUSABLE_ADDRESS:
        return Unanswered(InvalidRequest(f"{server} cannot be asked: {type(cause).__name__}."), acted=False)
    if sent is False or (sent is None and _never_connected(cause)):
        through = " through the proxy" if "ProxyError" in kinds else ""
        return Unanswered(ProviderFailure(f"could not connect to {server}{through}: {reason(cause)}.", transient=True), acted=False)
    how = f"within {limit_s:g} s" if kinds & _TIMEOUTS else "before the connection broke"
    return Unanswered(ProviderFailure(f"{server} gave no whole answer {how}.", transient=True), acted=True)


def unusable(server: str) -> Unanswered:
    """The meaning of a ValueError before anything was sent. Its own text may quote the credential or the address that it is about."""
    message = f"{server} cannot be asked: its address, a proxy variable or a credential holds characters that are not allowed there."
    return Unanswered(InvalidRequest(message), acted=False)


def not_sent_again(refusal: RecoveryError, earlier: RecoveryError) -> OutcomeUnknown:
    """The error for a change of which an ``earlier`` attempt may have been carried out, and which something of ours then refused to send again."""
    facts: dict[str, Any] = {"code": earlier.code, "http_status": earlier.http_status, "request_id": earlier.request_id}
    error = OutcomeUnknown(f"{earlier.message} It was not sent again: {refusal.message}", record=refusal.record, **facts)
    # Whether what was done before may be undone is decided by what refused, which may be a lock that is lost.
    error.keeps_state = refusal.keeps_state
    return error


def reason(cause: BaseException) -> str:
    """The innermost words of a connection error; the outer ones repeat the whole URL."""
    innermost: Any = cause
    while getattr(innermost, "reason", None) or (innermost.args and isinstance(innermost.args[-1], Exception)):
        innermost = getattr(innermost, "reason", None) or innermost.args[-1]
        if not isinstance(innermost, BaseException):
            break
    text = str(innermost.args[-1] if getattr(innermost, "args", None) else innermost)
    if "WRONG_VERSION_NUMBER" in text:
        return "the server does not speak TLS there; is the scheme http instead of https?"
    # urllib3 begins with the object that failed, in one of two spellings.
    return (text.partition(">: ")[2] or text.partition("): ")[2] or text).rstrip(".")


def _names(error: BaseException) -> set[str]:
    return {cls.__name__ for cls in type(error).__mro__}


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it wraps: requests and urllib3 hand them on as an argument or as the reason."""
    pending: list[Any] = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            pending += [*each.args, getattr(each, "reason", None), getattr(each, "original_error", None)]


def _never_connected(cause: BaseException) -> bool:
    """Whether the request cannot have reached the server: no connection was made to it, or to the proxy before it, or through that."""
    return any(_names(each) & _NOT_CONNECTED or "Tunnel connection failed" in str(each) for each in _chain(cause))
