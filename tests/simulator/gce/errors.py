# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors as Compute Engine sends them: over HTTP when a request is refused, inside an operation when its work fails."""

from __future__ import annotations

import re
from typing import Any

from ..messages import Answer

STATUS_OF = {
    "invalid": 400,
    "required": 400,
    "badRequest": 400,
    "invalidResourceUsage": 400,
    "resourceInUseByAnotherResource": 400,
    "resourceNotReady": 400,
    "authError": 401,
    "forbidden": 403,
    "quotaExceeded": 403,
    "rateLimitExceeded": 403,
    "notFound": 404,
    "alreadyExists": 409,
    "conditionNotMet": 412,
    "fieldSizeTooLarge": 413,
    "internalError": 500,
    "notImplemented": 501,
    "backendError": 503,
}
# The likeliest reason for a bare HTTP status.
REASON_OF = {400: "invalid", 401: "authError", 403: "forbidden", 404: "notFound", 405: "httpMethodNotAllowed", 409: "alreadyExists", 412: "conditionNotMet"}
REASON_OF.update({429: "rateLimitExceeded", 500: "internalError", 501: "notImplemented", 502: "backendError", 503: "backendError", 504: "backendError"})
USAGE_LIMITS = ("quotaExceeded", "rateLimitExceeded")
# Only these answers carry the canonical name beside the number.
CANONICAL = {401: "UNAUTHENTICATED", 503: "UNAVAILABLE"}
HTTP_MESSAGES = {400: "BAD REQUEST", 403: "FORBIDDEN", 404: "NOT FOUND", 409: "CONFLICT", 412: "PRECONDITION FAILED", 413: "REQUEST ENTITY TOO LARGE"}
HTTP_MESSAGES.update({429: "TOO MANY REQUESTS", 500: "INTERNAL SERVER ERROR", 503: "SERVICE UNAVAILABLE"})


class ApiError(Exception):
    """Ends a handler with an error answer, or an operation with an error. `reason` is Google's word; `code` the operation's, derived when not given."""

    def __init__(self, reason: str, message: str, status: int | None = None, code: str | None = None, details: list[Any] | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.status = status or STATUS_OF.get(reason, 400)
        self.code = code or re.sub(r"(?<!^)(?=[A-Z])", "_", reason).upper()
        self.details = details or []

    def answer(self) -> Answer:
        """The error as an HTTP answer."""
        return error_answer(self.status, self.message, self.reason)

    def in_operation(self) -> dict[str, Any]:
        """One entry of an operation's error.errors."""
        entry: dict[str, Any] = {"code": self.code, "message": self.message}
        return {**entry, "errorDetails": self.details} if self.details else entry


def error_answer(status: int, message: str, reason: str | None = None) -> Answer:
    """An error body under any status; the reason that fits the status unless one is given."""
    reason = reason or REASON_OF.get(status, "backendError" if status >= 500 else "invalid")
    domain = "usageLimits" if reason in USAGE_LIMITS else "global"
    error: dict[str, Any] = {"code": status, "message": message, "errors": [{"message": message, "domain": domain, "reason": reason}]}
    if status in CANONICAL:
        error["status"] = CANONICAL[status]
    return Answer.of_json({"error": error}, status)


def invalid(field: str, value: Any, why: str) -> ApiError:
    """The 400 for a field's value."""
    return ApiError("invalid", f"Invalid value for field '{field}': '{value}'. {why}")


def not_found(path: str) -> ApiError:
    """The 404 for a resource, by its path from `projects/` on."""
    return ApiError("notFound", f"The resource '{path}' was not found")


def zone_down(zone: str) -> ApiError:
    """The 503 of a zone that is out."""
    return ApiError("backendError", f"Backend Error: zone '{zone}' is not reachable.")
