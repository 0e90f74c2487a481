# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers of PX-Backup's REST API and of its login mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.errors import AuthenticationFailed, Conflict, InvalidRequest, NotFound, ProviderFailure, RateLimited, RecoveryError, Unsupported
from ...transport.http import Answer

_REQUEST_TIMEOUT = 408

_GRPC_NAMES = {
    1: "Canceled", 2: "Unknown", 3: "InvalidArgument", 4: "DeadlineExceeded", 5: "NotFound", 6: "AlreadyExists", 7: "PermissionDenied",
    8: "ResourceExhausted", 9: "FailedPrecondition", 10: "Aborted", 11: "OutOfRange", 12: "Unimplemented", 13: "Internal", 14: "Unavailable",
    15: "DataLoss", 16: "Unauthenticated",
}  # fmt: skip
_KINDS: dict[str, type[RecoveryError]] = {
    "InvalidArgument": InvalidRequest, "FailedPrecondition": InvalidRequest, "OutOfRange": InvalidRequest, "NotFound": NotFound,
    "AlreadyExists": Conflict, "Aborted": Conflict, "PermissionDenied": AuthenticationFailed, "Unauthenticated": AuthenticationFailed,
    "ResourceExhausted": RateLimited, "Unimplemented": Unsupported,
}  # fmt: skip
_BY_STATUS = {400: "InvalidArgument", 401: "Unauthenticated", 403: "PermissionDenied", 409: "AlreadyExists", 429: "ResourceExhausted", 501: "Unimplemented"}
# The server sends many of its own errors as Unknown (HTTP 500); their text is all that tells them apart.
_BY_TEXT = (
    ("not found", "NotFound"), ("already exists", "AlreadyExists"), ("access denied", "PermissionDenied"), ("permission", "PermissionDenied"),
)  # fmt: skip


def meaning(answer: Answer) -> RecoveryError | None:
    """The error that an answer means. The gRPC code decides, then the HTTP status; the text decides where both say nothing."""
    if answer.status < 400:
        return None
    body = answer.body if isinstance(answer.body, Mapping) else {}
    text = str(body.get("message") or body.get("error") or "no explanation").strip().rstrip(".")
    code = body.get("code")
    name = _GRPC_NAMES.get(code, "") if isinstance(code, int) else ""
    if name in ("", "Unknown"):
        by_text = (word for words, word in _BY_TEXT if words in text.lower())
        name = next(by_text, "" if answer.status == 404 else _BY_STATUS.get(answer.status, name))
    said = f"PX-Backup answered HTTP {answer.status}{f' ({name})' if name else ''}: {text}."
    facts: dict[str, Any] = {"code": name or None, "http_status": answer.status, "request_id": answer.request_id}
    if answer.status == 404 and name != "NotFound":
        return Unsupported("the server knows no such call: is api_url the REST port (usually 10001) of PX-Backup 2.8.1 or later?", **facts)
    if name == "Unauthenticated":
        return AuthenticationFailed(f"{said} The token is wrong or has expired: renew it, or give auth_url, username and password.", **facts)
    kind = _KINDS.get(name, ProviderFailure)
    passing = kind is RateLimited or (kind is ProviderFailure and (answer.status >= 500 or answer.status == _REQUEST_TIMEOUT))
    return kind(said, transient=passing, **facts)


def meaning_of_login(answer: Answer) -> RecoveryError | None:
    """The same for the token endpoint, which answers ``{"error", "error_description"}``."""
    if answer.status < 400:
        return None
    body = answer.body if isinstance(answer.body, Mapping) else {}
    text = str(body.get("error_description") or body.get("error") or "no explanation")
    said = f"the login at auth_url was answered with HTTP {answer.status}: {text}."
    facts: dict[str, Any] = {"code": body.get("error"), "http_status": answer.status, "request_id": answer.request_id}
    if answer.status == 429:
        return RateLimited(said, transient=True, **facts)
    if answer.status >= 500:
        return ProviderFailure(said, transient=True, **facts)
    return AuthenticationFailed(f"{said} Check auth_url, username and password.", **facts)
