# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors as grpc-gateway v1 sends them: a JSON body with a gRPC code, and the HTTP status that belongs to the code."""

from __future__ import annotations

from ..messages import Answer

UNKNOWN, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS = 2, 3, 5, 6
FAILED_PRECONDITION, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 9, 12, 13, 14, 16

# runtime/errors.go of grpc-gateway v1.16: code to HTTP status.
HTTP_STATUS = {
    1: 408,
    2: 500,
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
}
# The other way round, for an error made up from an HTTP status; the likeliest code where several share one.
CODE_OF_STATUS = {400: 3, 401: 16, 403: 7, 404: 5, 408: 1, 409: 6, 429: 8, 500: 13, 501: 12, 503: 14, 504: 4}


class ApiError(Exception):
    """Ends a handler with an error answer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def answer(self) -> Answer:
        """The error as an answer; an empty `details` is left out, as the gateway does."""
        return error_answer(HTTP_STATUS[self.code], self.code, self.message)


def error_answer(status: int, code: int, message: str) -> Answer:
    """An error body under any status."""
    return Answer.of_json({"error": message, "message": message, "code": code}, status)
