# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and errors as they stand in results."""

from __future__ import annotations

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core import errors
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import STATUSES, utc_timestamp


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
        ("2026-01-02T03:04:05.5-07:00", "2026-01-02T10:04:05Z"),
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05Z"),
        ("2026-01-01T23:30:00-01:00", "2026-01-02T00:30:00Z"),
        ("yesterday", "yesterday"),
        ("", None),
        (None, None),
    ],
)
def test_time_is_shown_in_utc_to_the_second(sent: str | None, shown: str | None) -> None:
    assert utc_timestamp(sent) == shown


def test_statuses_are_those_of_the_design() -> None:
    assert STATUSES == ("pending", "running", "succeeded", "partial", "failed", "deleting")


KINDS = [
    "AuthenticationFailed",
    "NotFound",
    "Conflict",
    "AmbiguousName",
    "InvalidRequest",
    "Unsupported",
    "RateLimited",
    "WaitTimeout",
    "ProviderFailure",
    "OutcomeUnknown",
    "Cancelled",
]


@pytest.mark.parametrize("kind", KINDS)
def test_error_carries_its_kind_code_status_and_request(kind: str) -> None:
    error = getattr(errors, kind)("said", code="C", http_status=418, request_id="r")
    assert isinstance(error, errors.RecoveryError)
    assert error.as_result() == {"kind": kind, "code": "C", "http_status": 418, "request_id": "r"}
    assert (str(error), error.message, error.transient) == ("said", "said", False)


def test_missing_library_carries_library_and_traceback() -> None:
    error = errors.MissingLibrary("needed", library="requests", trace="Traceback ...")
    assert isinstance(error, errors.RecoveryError)
    assert (error.library, error.trace, error.as_result()["kind"]) == ("requests", "Traceback ...", "MissingLibrary")


def test_unknown_outcome_is_a_failure_of_the_provider() -> None:
    """Who handles the one handles the other."""
    assert issubclass(errors.OutcomeUnknown, errors.ProviderFailure)
