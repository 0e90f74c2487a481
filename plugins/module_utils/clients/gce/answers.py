# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers of Compute Engine mean, whether they refuse a request or tell how an operation ended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ...core.errors import (
    AuthenticationFailed,
    Conflict,
    InvalidRequest,
    NotFound,
    ProviderFailure,
    RateLimited,
    RecoveryError,
    Unsupported,
)
from ...transport.retry import retry_after_s
from ...transport.trouble import Trouble

_LONGEST_TEXT = 1000
_SECRET_KEYS = ("rawKey", "rsaEncryptedKey", "wrappedKey")
_SHORTEST_SECRET = 8

_IN_USE = ("resourceinuse",)
_OUT_OF_STOCK = ("zoneresourcepoolexhausted", "resourcepoolexhausted", "stockout", "insufficientcapacity")
_QUOTA = ("quotaexceeded", "limitexceeded", "dailylimitexceeded", "quotalimitexceeded")
_SHARED_LIMITS = ("ratelimitexceeded", "userratelimitexceeded")
_OWN_LIMITS = ("resourceoperationrateexceeded", "operationrateexceeded", "concurrentoperationsquotaexceeded")
_CHANGED = ("conditionnotmet", "fingerprintmismatch", "preconditionfailed")

_STOCK_ADVICE = "Google has no such capacity there now: try again later, or in another zone."
_QUOTA_ADVICE = "Free what is no longer needed, or ask Google for a higher quota of this project."
_RATE_ADVICE = "Google limits how often this may be done: let some time pass, or do less at once."
_LOGIN_ADVICE = "Check service_account_file, service_account_contents or access_token, or the application default credentials."


class _Meaning(NamedTuple):
    kind: type[RecoveryError]
    transient: bool = False
    advice: str = ""


# By Google's reason, in lower case and letters only: requests answer resourceNotReady, operations RESOURCE_NOT_READY.
_BY_REASON: dict[str, _Meaning] = {
    **dict.fromkeys(_QUOTA, _Meaning(ProviderFailure, advice=_QUOTA_ADVICE)),
    **dict.fromkeys(_CHANGED, _Meaning(Conflict)),
    **dict.fromkeys((*_SHARED_LIMITS, *_OWN_LIMITS), _Meaning(RateLimited, True, _RATE_ADVICE)),
    "resourcenotready": _Meaning(Conflict, True),
    **dict.fromkeys(("alreadyexists", "resourcealreadyexists"), _Meaning(Conflict)),
    **dict.fromkeys(("notfound", "resourcenotfound"), _Meaning(NotFound)),
    **dict.fromkeys(("permissionserror", "permissiondenied", "accessnotconfigured", "insufficientpermissions"), _Meaning(AuthenticationFailed)),
}
_BY_STATUS: dict[int, _Meaning] = {
    401: _Meaning(AuthenticationFailed, advice=_LOGIN_ADVICE),
    403: _Meaning(AuthenticationFailed),
    404: _Meaning(NotFound),
    408: _Meaning(ProviderFailure, True),
    409: _Meaning(Conflict),
    412: _Meaning(Conflict),
    429: _Meaning(RateLimited, True, _RATE_ADVICE),
    501: _Meaning(Unsupported),
}


def refusal(status: int, headers: Mapping[str, str], body: Any) -> Trouble:
    """What an answer with a status of 400 or more means; ``body`` is its JSON value, None for a body that is no JSON."""
    said = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(said, Mapping):
        return _foreign(status, headers)
    reason = _reason(said) or ("conditionNotMet" if status == 412 else "")
    text = _text(said)
    kind, transient, advice = _meaning(reason, status, text)
    facts: dict[str, Any] = {"code": reason or None, "http_status": status, "request_id": _request_id(headers), "transient": transient}
    error = kind(_sentence(text, f"HTTP {status}{f', {reason}' if reason else ''}", advice or _advice(kind, text)), **facts)
    return Trouble(error, acted=transient and kind is ProviderFailure, after_s=retry_after_s(headers.get("Retry-After")))


def operation_failure(wire: Mapping[str, Any]) -> RecoveryError | None:
    """The error of a finished operation, None when it went well. Some operations fail without any HTTP status [seen with SDK 1.56]."""
    listed = (wire.get("error") or {}).get("errors") or []
    status = wire.get("httpErrorStatusCode")
    if not listed and not status and not wire.get("httpErrorMessage") and not wire.get("error"):
        return None
    code = next((str(each["code"]) for each in listed if each.get("code")), "")
    texts = [str(each.get("message") or each.get("code") or "").rstrip(".") for each in listed]
    text = "; ".join(filter(None, texts)) or str(wire.get("httpErrorMessage") or "the operation failed without an explanation")
    kind, transient, advice = _meaning(code, status or 0, text)
    # An internal error of Google's ended this operation: it is the reason, not the status, that invites to submit it again.
    transient = transient and _plain(code) in _BY_REASON
    facts: dict[str, Any] = {"code": code or None, "http_status": status, "request_id": wire.get("name"), "transient": transient}
    marks = ", ".join(filter(None, [f"HTTP {status}" if status else "", code]))
    return kind(_sentence(text, marks, advice or _advice(kind, text)), **facts)


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets: Google quotes the values that it refuses."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "********")
    return text


def key_secrets(body: Any) -> set[str]:
    """The encryption keys in a request."""
    if isinstance(body, Mapping):
        own = {str(value) for key, value in body.items() if key in _SECRET_KEYS and value}
        return own.union(*map(key_secrets, body.values()))
    return set[str]().union(*map(key_secrets, body)) if isinstance(body, (list, tuple)) else set()


def metadata_values(body: Any) -> set[str]:
    """The values of a VM's metadata in a request, which may hold passwords; those too short to be one are left out."""
    if isinstance(body, Mapping):
        items = [item.get("value") for item in body.get("items") or () if isinstance(item, Mapping)] if isinstance(body.get("items"), list) else []
        own = {value for value in items if isinstance(value, str) and len(value) >= _SHORTEST_SECRET}
        return own.union(*map(metadata_values, body.values()))
    return set[str]().union(*map(metadata_values, body)) if isinstance(body, (list, tuple)) else set()


def is_out_of_stock(error: RecoveryError) -> bool:
    """Whether the zone, or the project's quota, has no more of what was asked for."""
    code = _plain(error.code)
    return code.startswith(_OUT_OF_STOCK) or code in _QUOTA


def is_fingerprint_mismatch(error: RecoveryError) -> bool:
    """Whether someone else changed the resource since its fingerprint was read."""
    return _plain(error.code) in _CHANGED or error.http_status == 412


def is_shared_limit(error: RecoveryError) -> bool:
    """Whether all requests of the project are limited, and not those on one resource."""
    return _plain(error.code) in _SHARED_LIMITS or (error.http_status == 429 and _plain(error.code) not in _OWN_LIMITS)


def is_in_use(error: RecoveryError) -> bool:
    """Whether another resource uses what was to be changed."""
    return _plain(error.code).startswith(_IN_USE)


def _meaning(reason: str, status: int, text: str) -> _Meaning:
    code = _plain(reason)
    if code.startswith(_OUT_OF_STOCK):
        return _Meaning(ProviderFailure, advice=_STOCK_ADVICE)
    if code.startswith(_IN_USE):
        return _Meaning(Conflict)
    if "too many pending operations" in text.lower():
        return _Meaning(RateLimited, True, _RATE_ADVICE)
    by_status = _Meaning(ProviderFailure, status >= 500) if status >= 500 or not status else _Meaning(InvalidRequest)
    return _BY_REASON.get(code) or _BY_STATUS.get(status) or by_status


def _foreign(status: int, headers: Mapping[str, str]) -> Trouble:
    """An answer that is not Google's: a proxy's, or that of a server which is no Compute Engine. It never means absence."""
    kind, transient, advice = _meaning("", status, "")
    if kind is NotFound:
        kind, advice = InvalidRequest, "Is api_url the address of Compute Engine?"
    message = _sentence(f"the answer does not come from Compute Engine but from something before it or in its place: HTTP {status}", "", advice)
    error = kind(message, http_status=status, transient=transient)
    return Trouble(error, acted=transient and kind is ProviderFailure, after_s=retry_after_s(headers.get("Retry-After")))


def _reason(said: Mapping[str, Any]) -> str:
    listed = [each for each in said.get("errors") or () if isinstance(each, Mapping)]
    details = [each for each in said.get("details") or () if isinstance(each, Mapping)]
    return str(next((each["reason"] for each in (*listed, *details) if each.get("reason")), said.get("status") or ""))


def _text(said: Mapping[str, Any]) -> str:
    listed = [each for each in said.get("errors") or () if isinstance(each, Mapping)]
    return str(said.get("message") or next((each["message"] for each in listed if each.get("message")), "no explanation"))


def _advice(kind: type[RecoveryError], text: str) -> str:
    named = re.search(r"'?([a-z]+(?:\.[a-zA-Z]+){2,})'? permission", text)
    return f"Grant {named.group(1)} to the account that runs this." if named and kind is AuthenticationFailed else ""


def _sentence(text: str, marks: str, advice: str) -> str:
    text = text.strip().rstrip(".")
    text = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
    return f"{text}{f' ({marks})' if marks else ''}.{f' {advice}' if advice else ''}"


def _request_id(headers: Mapping[str, str]) -> str | None:
    return headers.get("X-Request-Id") or headers.get("x-goog-request-id")


def _plain(code: str | None) -> str:
    return re.sub("[^a-z]", "", (code or "").lower())
