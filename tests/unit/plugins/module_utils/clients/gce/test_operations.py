# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for Compute Engine's operations: where and how often is asked, what ends it, and what the end means."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce import objects
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.answers import is_fingerprint_mismatch, is_in_use, is_out_of_stock
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AuthenticationFailed,
    Cancelled,
    Conflict,
    ProviderFailure,
    RateLimited,
    RecoveryError,
    WaitTimeout,
)

from tests.unit.plugins.module_utils.clients.gce.bench import HERE, bench, ok, operation_wire, refused
from tests.unit.scripted_server import Reply

RUNNING, DONE = ok(operation_wire()), ok(operation_wire("DONE"))
WAIT = f"POST {HERE}/zones/z-1/operations/operation-1/wait"
GET = f"GET {HERE}/zones/z-1/operations/operation-1"
WHAT = 'creation of disk "data"'


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def begun(status: str = "RUNNING", **more: Any) -> objects.Operation:
    return objects.operation(operation_wire(status, **more))


@pytest.mark.parametrize("place", ["zones/z-1", "regions/r", "global"])
def test_operation_is_waited_for_in_its_place_at_the_given_address(place: str) -> None:
    with bench(ok(operation_wire("DONE", place=place))) as made:
        assert made.client.wait(begun(place=place), WHAT).done
    assert made.sent == [f"POST {HERE}/{place}/operations/operation-1/wait"]
    assert made.queries == [{}]


def test_operation_that_is_done_already_is_not_asked_about() -> None:
    with bench() as made:
        made.client.wait(begun("DONE"), WHAT)
    assert made.sent == []


def test_pauses_grow_while_google_answers_early() -> None:
    with bench(RUNNING, RUNNING, RUNNING, DONE) as made:
        made.client.wait(begun(), WHAT)
    assert made.sent == [WAIT] * 4
    assert made.clock.pauses == [1.0, 1.5, 2.25]


def test_no_pause_after_an_answer_that_google_held() -> None:
    with bench(RUNNING, RUNNING, DONE) as made:
        ask = made.client._calls._sdk.operation

        def held(*args: Any, **more: Any) -> Any:
            made.clock.now += 120
            return ask(*args, **more)

        made.client._calls._sdk.operation = held  # type: ignore[method-assign]
        made.client.wait(begun(), WHAT)
    assert made.clock.pauses == []


@pytest.mark.parametrize(("wait_s", "limit_s"), [(600.0, 130.0), (20.0, 20.0), (0.2, 1.0)])
def test_time_limit_of_the_request_follows_the_deadline(wait_s: float, limit_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []
    with bench(DONE, wait_s=wait_s) as made:
        http = made.client._calls._session._http
        send = http.exchange
        monkeypatch.setattr(http, "exchange", lambda *args, **more: (limits.append(more["limits"].seconds), send(*args, **more))[1])
        made.client.wait(begun(), WHAT)
    assert limits == [pytest.approx(limit_s, abs=0.5)]


def test_deadline_ends_the_waiting_with_a_last_look_that_is_not_held() -> None:
    with bench(ok(operation_wire(progress=40)), wait_s=3.0) as made:
        error = pytest.raises(WaitTimeout, made.client.wait, begun(), WHAT).value
    assert made.sent == [WAIT] * 3 + [GET]
    assert error.message == f"{WHAT} did not end before the deadline: the operation operation-1 in zone z-1 is still RUNNING, 40 % done."


def test_operation_that_ends_at_the_deadline_is_finished() -> None:
    with bench(DONE, wait_s=0.0) as made:
        assert made.client.wait(begun(), WHAT).done
    assert made.sent == [GET]


@pytest.mark.parametrize(
    "reply", [refused(429, "rateLimitExceeded"), refused(500), refused(503), Reply(drop=True), Reply(cut=5), Reply(body=""), Reply(body="{}")]
)
def test_failure_that_passes_does_not_end_the_waiting(reply: Reply) -> None:
    with bench(reply, reply, DONE, retries=0) as made:
        assert made.client.wait(begun(), WHAT).done
    assert made.clock.pauses == [1.0, 1.5]


def test_waiting_obeys_when_to_come_back() -> None:
    with bench(refused(429, "rateLimitExceeded", headers={"Retry-After": "9"}), DONE) as made:
        made.client.wait(begun(), WHAT)
    assert made.clock.pauses == [9.0]


def test_failure_that_lasts_is_told_at_the_deadline() -> None:
    with bench(refused(503, "", "later"), wait_s=3.0) as made:
        error = pytest.raises(WaitTimeout, made.client.wait, begun(), WHAT).value
    assert "The last look failed: later (HTTP 503)" in error.message


def test_refusal_ends_the_waiting() -> None:
    with bench(refused(403, "forbidden", "you must not look")) as made:
        error = pytest.raises(AuthenticationFailed, made.client.wait, begun(), WHAT).value
    assert WHAT in error.message


def test_operation_that_google_has_forgotten_counts_as_finished() -> None:
    with bench(RUNNING, refused(404, "notFound")) as made:
        assert made.client.wait(begun(), WHAT).done


def test_not_found_of_something_else_than_google_is_no_end() -> None:
    with bench(Reply(404, "<html>", {"Content-Type": "text/html"})) as made:
        pytest.raises(RecoveryError, made.client.wait, begun(), WHAT)


def test_status_that_is_not_known_is_not_done() -> None:
    with bench(ok(operation_wire("ABORTED")), DONE) as made:
        made.client.wait(begun(), WHAT)
    assert made.sent == [WAIT] * 2


def test_status_as_a_number_is_understood() -> None:
    with bench(ok({**operation_wire(), "status": 2104194})) as made:
        assert made.client.wait(begun(), WHAT).done


def test_cancellation_ends_the_waiting() -> None:
    with bench(RUNNING) as made:
        made.waiter.cancel()
        pytest.raises(Cancelled, made.client.wait, begun(), WHAT)
        pytest.raises(Cancelled, made.client.wait_all, [begun(), begun()], WHAT)
    assert made.sent == []


def failed(code: str, message: str = "Google's words.", **more: Any) -> Reply:
    return ok(operation_wire("DONE", error={"errors": [{"code": code, "message": message}]}, **more))


FAILURES: list[tuple[str, dict[str, Any], type[RecoveryError]]] = [
    ("QUOTA_EXCEEDED", {"httpErrorStatusCode": 403, "httpErrorMessage": "FORBIDDEN"}, ProviderFailure),
    ("QUOTA_EXCEEDED", {}, ProviderFailure),
    ("ZONE_RESOURCE_POOL_EXHAUSTED", {"httpErrorStatusCode": 503}, ProviderFailure),
    ("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", {}, ProviderFailure),
    ("RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", {"httpErrorStatusCode": 400}, Conflict),
    ("RESOURCE_OPERATION_RATE_EXCEEDED", {}, RateLimited),
    ("CONDITION_NOT_MET", {"httpErrorStatusCode": 412}, Conflict),
    ("CONDITION_NOT_MET", {}, Conflict),
    ("PERMISSIONS_ERROR", {}, AuthenticationFailed),
    ("INTERNAL_ERROR", {"httpErrorStatusCode": 500}, ProviderFailure),
    ("SOMETHING_NEW", {}, ProviderFailure),
]


@pytest.mark.parametrize(("code", "more", "kind"), FAILURES)
def test_operation_that_is_done_with_an_error_has_failed(code: str, more: dict[str, Any], kind: type[RecoveryError]) -> None:
    with bench(failed(code, **more)) as made:
        error = pytest.raises(RecoveryError, made.client.wait, begun(), WHAT).value
    assert (type(error), error.code, error.http_status, error.request_id) == (kind, code, more.get("httpErrorStatusCode"), "operation-1")
    assert error.message.startswith(f"{WHAT} failed: Google's words (")
    assert is_out_of_stock(error) == code.startswith(("QUOTA", "ZONE"))
    assert is_fingerprint_mismatch(error) == (code == "CONDITION_NOT_MET")
    assert is_in_use(error) == code.startswith("RESOURCE_IN_USE")
    assert error.transient == (code == "RESOURCE_OPERATION_RATE_EXCEEDED")


def test_operation_that_was_done_with_an_error_from_the_start_has_failed() -> None:
    with bench() as made:
        pytest.raises(Conflict, made.client.wait, begun("DONE", error={"errors": [{"code": "RESOURCE_ALREADY_EXISTS"}]}), WHAT)


@pytest.mark.parametrize("wire", [{"error": {"errors": [{}]}}, {"httpErrorStatusCode": 400, "httpErrorMessage": "BAD REQUEST"}])
def test_operation_with_any_trace_of_an_error_has_failed(wire: dict[str, Any]) -> None:
    with bench() as made:
        pytest.raises(RecoveryError, made.client.wait, begun("DONE", **wire), WHAT)


def test_warnings_reach_the_operator_those_of_deprecated_images_too() -> None:
    warnings = [
        {"code": "DEPRECATED_RESOURCE_USED", "message": "The resource 'projects/p/global/images/i' is deprecated."},
        {"code": "DISK_SIZE_LARGER_THAN_IMAGE_SIZE", "message": "too large"},
        {"code": "NO_RESULTS_ON_PAGE"},
    ]
    with bench(ok(operation_wire("DONE", warnings=warnings))) as made:
        made.client.wait(begun(), WHAT)
    assert made.warnings == [
        f"Google warned ({WHAT}): The resource 'projects/p/global/images/i' is deprecated (DEPRECATED_RESOURCE_USED).",
        f"Google warned ({WHAT}): too large (DISK_SIZE_LARGER_THAN_IMAGE_SIZE).",
    ]


def test_all_operations_are_waited_for_and_the_first_error_is_raised() -> None:
    replies = [failed("QUOTA_EXCEEDED"), ok(operation_wire("DONE", name="operation-2")), ok(operation_wire("DONE", name="operation-3", error={"errors": [{}]}))]
    operations = [begun(name=f"operation-{n}") for n in (1, 2, 3)]
    with bench(*replies) as made:
        error = pytest.raises(ProviderFailure, made.client.wait_all, operations, WHAT).value
    assert len(made.sent) == 3
    assert error.code == "QUOTA_EXCEEDED"
    assert error.message.endswith("1 more of these operations failed.")


def test_all_operations_are_given_in_their_order() -> None:
    with bench(*(ok(operation_wire("DONE", name=f"operation-{n}")) for n in (1, 2))) as made:
        finished = made.client.wait_all(iter([begun(name="operation-1"), begun(name="operation-2")]), WHAT)
    assert [operation.name for operation in finished] == ["operation-1", "operation-2"]


def test_answer_that_does_not_come_is_given_up_shortly_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce import operations as gce_operations

    monkeypatch.setattr(gce_operations, "_SHORTEST_HOLD_S", 0.1)
    never = threading.Event()
    with bench(Reply(hold=never), DONE, wait_s=0.05) as made:
        assert made.client.wait(begun(), WHAT).done
        never.set()
    assert made.sent == [WAIT, GET]
