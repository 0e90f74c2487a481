# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many targets of one task share what costs the provider or the machine something, and nothing of what is each one's own."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce import objects
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce import session as gce_session
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.client import GceClient
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.session import Credentials
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Cancelled, OutcomeUnknown, ProviderFailure, RateLimited, RecoveryError
from ansible_collections.multicloud.recovery.plugins.module_utils.core.fleet import perform_all
from ansible_collections.multicloud.recovery.plugins.module_utils.transport import session as transport_session

from tests.unit.fakes import Crowd
from tests.unit.plugins.module_utils.clients.gce.bench import Bench, bench, ok, operation_wire, refused, service_account
from tests.unit.scripted_server import Reply, free_port, serve

SNAPSHOT = ok({"name": "s", "kind": "compute#snapshot"})
OPERATION = ok(operation_wire())
TOKEN = ok({"access_token": "fresh", "expires_in": 3600, "token_type": "Bearer"})
BUSY = refused(429, "rateLimitExceeded")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def target(made: Bench, wait_s: float = 600.0) -> GceClient:
    return made.client.for_target(made.clock.waiter(wait_s))


# What is shared


def test_targets_share_the_token_and_the_connections_of_the_task() -> None:
    names = [f"vm-{number}" for number in range(60)]
    with serve(TOKEN) as login, bench(SNAPSHOT, credentials=Credentials(service_account(login.url))) as made:

        def one(_name: str) -> None:
            client = target(made)
            client.get_snapshot("s")
            client.list_snapshots()
            client.get_snapshot("s")

        assert [result.error for result in perform_all(names, one, 16)] == [None] * 60
        assert len(login.asked) == 1
        assert len(made.server.asked) == 120
        assert len(made.server.accepted) <= 16


def test_targets_share_google_s_sdk() -> None:
    with bench(OPERATION) as made:
        first, second = target(made), target(made)
        first.delete_snapshot("s")
        second.delete_snapshot("s")
        assert first._calls._sdk is second._calls._sdk
        assert len(made.server.accepted) == 1


def test_connections_are_bounded_whatever_the_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_session.HttpSession.__init__, "__kwdefaults__", {"library": "requests", "connections": 5})
    with bench(SNAPSHOT) as made, ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda _number: target(made).get_snapshot("s"), range(200)))
        assert len(made.server.accepted) <= 5


def test_requests_that_google_holds_leave_connections_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that find no place to be held ask without being held, and pause."""
    monkeypatch.setattr(gce_session, "_HELD_AT_ONCE", 2)
    never = threading.Event()
    with bench(Reply(hold=never), Reply(hold=never), ok(operation_wire("DONE"))) as made, ThreadPoolExecutor(2) as pool:
        held = [pool.submit(target(made).wait, objects.operation(operation_wire()), "creation") for _number in range(2)]
        while len(made.server.asked) < 2:
            time.sleep(0.01)
        assert target(made).wait(objects.operation(operation_wire()), "creation").done
        never.set()
        for future in held:
            future.exception()
    assert [sent.rpartition("/")[2] for sent in made.sent[:3]] == ["wait", "wait", "operation-1"]
    assert made.sent[2].startswith("GET ")


def test_closed_client_has_no_connections_left() -> None:
    with bench(SNAPSHOT) as made:
        target(made).get_snapshot("s")
        made.client.close()
        target(made).get_snapshot("s")
        assert len(made.server.accepted) == 2


def test_brake_of_one_target_slows_the_others() -> None:
    """The first pause is the refused request's own; the others are those of the pace."""
    with bench(BUSY, SNAPSHOT) as made:
        first, second = target(made), target(made)
        first.get_snapshot("s")
        assert made.clock.pauses == [0.5]
        for _time in range(3):
            second.get_snapshot("s")
    assert made.clock.pauses[1:] == [pytest.approx(0.005)] * 3


def test_retry_after_holds_all_targets_while_everything_is_refused() -> None:
    with bench(*[refused(429, "rateLimitExceeded", headers={"Retry-After": "1"})] * 5, SNAPSHOT, retries=9) as made:
        for _target in range(4):
            with pytest.raises(RateLimited):
                made.client.for_target(made.clock.waiter(0.5)).get_snapshot("s")
        with pytest.raises(RateLimited):
            made.client.for_target(made.clock.waiter(0.5)).get_snapshot("s")
        before = made.clock.now
        assert target(made).get_snapshot("s") is not None
    assert made.clock.now - before >= 0.9


def test_limit_of_one_resource_slows_nobody_else() -> None:
    with bench(refused(403, "RESOURCE_OPERATION_RATE_EXCEEDED"), SNAPSHOT) as made:
        first, second = target(made), target(made)
        first.get_snapshot("s")
        second.get_snapshot("s")
    assert made.clock.pauses == [0.5]


def test_fleet_that_is_told_to_slow_down_comes_through_with_a_bounded_number_of_requests() -> None:
    """Twenty targets with ten requests each, at a server that takes every third only at first."""
    replies = [BUSY, BUSY, SNAPSHOT] * 20
    with bench(*replies, SNAPSHOT, retries=20) as made:

        def one(_name: str) -> None:
            client = target(made, 3600)
            for _time in range(10):
                client.get_snapshot("s")

        assert [result.error for result in perform_all([str(number) for number in range(20)], one, 8)] == [None] * 20
        assert len(made.server.asked) == 200 + 40


def test_brake_that_outlasts_the_task_is_told() -> None:
    with bench(*[BUSY] * 60, retries=0) as made:
        for _request in range(60):
            pytest.raises(RateLimited, target(made).get_snapshot, "s")
        failure = pytest.raises(RateLimited, target(made, 0.01).get_snapshot, "s").value
        assert len(made.server.asked) == 60
    assert failure.message == 'could not read snapshot "s": the provider has asked to slow down, and there is no time left to wait for that.'


# What is each one's own


def test_cancellation_of_one_target_ends_no_other() -> None:
    never = threading.Event()
    with bench(Reply(hold=never), SNAPSHOT) as made, ThreadPoolExecutor(1) as pool:
        waiter = made.clock.waiter()
        first = pool.submit(made.client.for_target(waiter).get_snapshot, "s")
        while not made.server.asked:
            time.sleep(0.01)
        waiter.cancel()
        assert isinstance(first.exception(), Cancelled)
        assert target(made).get_snapshot("s") is not None
        never.set()


def test_deadline_is_the_target_s_own() -> None:
    with bench(ok(operation_wire())) as made:
        pytest.raises(RecoveryError, target(made, 2.0).wait, objects.operation(operation_wire()), "creation")
        assert made.waiter.remaining_s > 500


def test_what_one_target_did_does_not_count_as_done_by_another() -> None:
    with bench(OPERATION, Reply(drop=True), retries=0) as made:
        first, second, third = target(made), target(made), target(made)
        first.delete_snapshot("s")
        pytest.raises(OutcomeUnknown, second.delete_snapshot, "s")
    assert [client.acted() for client in (first, second, third, made.client)] == [True, True, False, False]


def test_warnings_and_secrets_of_a_target_are_those_of_the_task() -> None:
    key = {"rawKey": "c2VjcmV0LWtleS1vZi0zMi1ieXRlcw=="}
    with bench(OPERATION, ok(operation_wire("DONE", warnings=[{"code": "X", "message": "careful"}]))) as made:
        client = target(made)
        client.insert_disk(objects.zone("z-1"), {"name": "d", "diskEncryptionKey": key})
        client.wait(objects.operation(operation_wire()), "creation")
    assert key["rawKey"] in made.secrets
    assert made.warnings == ["Google warned (creation): careful (X)."]


def test_repetitions_of_a_target_are_those_of_the_task() -> None:
    with bench(refused(503), retries=2) as made:
        pytest.raises(ProviderFailure, target(made).get_snapshot, "s")
        assert len(made.server.asked) == 3


# What ends is let go


def test_failed_targets_keep_no_connection_open() -> None:
    """Their errors are kept for the result, and would keep all that was at work when they were raised."""
    import gc
    import weakref

    kept: list[Any] = []

    def one(_name: str) -> None:
        with bench(api_url=f"http://127.0.0.1:{free_port()}", retries=0) as made:
            kept.append(weakref.ref(made.client._calls._session))
            made.client.get_snapshot("s")

    results = perform_all(["a", "b"], one, 2)
    gc.collect()
    assert [type(result.error) for result in results] == [ProviderFailure] * 2
    assert [reference() for reference in kept] == [None, None]


def test_targets_run_side_by_side() -> None:
    crowd = Crowd(4)
    with bench(SNAPSHOT) as made:

        def one(name: str) -> None:
            target(made).get_snapshot("s")
            crowd.work(name)

        assert all(result.error is None for result in perform_all(["a", "b", "c", "d"], one, 4))
