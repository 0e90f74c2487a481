# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine's session: credentials, tokens, TLS, and what is made of answers that are none."""

from __future__ import annotations

import datetime
import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce import objects
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce import sdk as gce_sdk
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.session import Credentials
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AuthenticationFailed,
    Cancelled,
    Conflict,
    InvalidRequest,
    MissingLibrary,
    OutcomeUnknown,
    ProviderFailure,
    RecoveryError,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.core.guard import guarded
from ansible_collections.multicloud.recovery.plugins.module_utils.transport import exchange
from ansible_collections.multicloud.recovery.plugins.module_utils.transport import session as transport_session
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.http import Tls

from tests.unit.fakes import PATIENCE_S
from tests.unit.plugins.module_utils.clients.gce.bench import HERE, TOKEN, authorization, bench, key_pem, ok, operation_wire, refused, service_account
from tests.unit.scripted_server import Reply, free_port, self_signed, serve, server_context

SNAPSHOT = ok({"name": "s", "kind": "compute#snapshot"})


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def token_answer(token: str, expires_in: int = 3600) -> Reply:
    return ok({"access_token": token, "expires_in": expires_in, "token_type": "Bearer"})


def test_access_token_is_sent_as_it_is_and_reported_as_a_secret() -> None:
    with bench(SNAPSHOT) as made:
        made.client.get_snapshot("s")
    assert [authorization(asked) for asked in made.server.asked] == [f"Bearer {TOKEN}"]
    assert made.secrets == [TOKEN]


def test_service_account_gets_one_token_at_its_token_uri_for_reads_and_changes_alike() -> None:
    with serve(token_answer("fresh")) as login, bench(SNAPSHOT, ok(operation_wire()), credentials=Credentials(service_account(login.url))) as made:
        assert login.asked == []
        made.client.get_snapshot("s")
        made.client.delete_snapshot("s")
    assert len(login.asked) == 1
    assert [authorization(asked) for asked in made.server.asked] == ["Bearer fresh"] * 2
    assert made.secrets == ["fresh"]


def test_threads_that_start_together_share_one_token() -> None:
    with serve(token_answer("fresh")) as login, bench(SNAPSHOT, credentials=Credentials(service_account(login.url))) as made, ThreadPoolExecutor(8) as pool:
        list(pool.map(made.client.get_snapshot, ["s"] * 16))
    assert len(login.asked) == 1
    assert len(made.server.asked) == 16


def test_token_that_is_refused_is_renewed_once_and_the_request_repeated() -> None:
    replies = [refused(401, "authError"), SNAPSHOT]
    with serve(token_answer("first"), token_answer("second")) as login, bench(*replies, credentials=Credentials(service_account(login.url))) as made:
        assert made.client.get_snapshot("s") is not None
    assert [authorization(asked) for asked in made.server.asked] == ["Bearer first", "Bearer second"]
    assert made.secrets == ["first", "second"]


def test_token_that_is_refused_twice_is_a_failed_login() -> None:
    reply = refused(401, "authError", "Invalid Credentials")
    with serve(token_answer("first"), token_answer("second")) as login, bench(reply, credentials=Credentials(service_account(login.url))) as made:
        failure = pytest.raises(AuthenticationFailed, made.client.get_snapshot, "s")
    assert "Invalid Credentials" in failure.value.message
    assert len(made.server.asked) == 2
    assert (failure.value.code, failure.value.http_status) == ("authError", 401)


def test_access_token_that_is_refused_is_not_renewed() -> None:
    with bench(refused(401, "authError")) as made, pytest.raises(AuthenticationFailed, match="access_token"):
        made.client.delete_snapshot("s")
    assert len(made.server.asked) == 1


def test_login_that_is_refused_says_why_and_asks_nothing_of_compute_engine() -> None:
    answer = Reply(400, json.dumps({"error": "invalid_grant", "error_description": "account not found"}))
    with serve(answer) as login, bench(SNAPSHOT, credentials=Credentials(service_account(login.url))) as made:
        failure = pytest.raises(AuthenticationFailed, made.client.delete_snapshot, "s")
    assert "invalid_grant: account not found" in failure.value.message
    assert made.server.asked == []
    assert len(login.asked) == 1


def test_token_server_that_is_not_reached_is_tried_again_and_is_no_unknown_outcome() -> None:
    with bench(SNAPSHOT, retries=1, credentials=Credentials(service_account(f"http://127.0.0.1:{free_port()}"))) as made:
        failure = pytest.raises(ProviderFailure, made.client.delete_snapshot, "s")
    assert "no access token could be fetched" in failure.value.message
    assert failure.value.__class__ is ProviderFailure
    assert len(made.clock.pauses) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_credentials_are_not_sent_on_when_the_token_server_redirects(status: int) -> None:
    """Not to the other server, and not to the same one again."""
    with serve(token_answer("stolen")) as other, serve(Reply(status, "", {"Location": f"{other.url}/token?leak"})) as login:
        with bench(SNAPSHOT, credentials=Credentials(service_account(login.url))) as made:
            failure = pytest.raises(InvalidRequest, made.client.delete_snapshot, "s").value
        assert (len(login.asked), other.asked, made.server.asked) == (1, [], [])
    assert f"{login.url}, where access tokens are fetched, redirects (HTTP {status}): the credentials are not sent on." in failure.message
    assert "token_uri" in failure.message
    assert "leak" not in failure.message


def test_token_server_that_trickles_is_given_up_after_the_time_limit() -> None:
    with serve(trickling()) as login, bench(SNAPSHOT, retries=0, timeout_s=0.5, credentials=Credentials(service_account(login.url))) as made:
        began = time.monotonic()
        failure = pytest.raises(ProviderFailure, made.client.delete_snapshot, "s").value
        assert time.monotonic() - began < PATIENCE_S
    assert f"no access token could be fetched: {login.url} gave no whole answer within 0.5 s." in failure.message
    assert failure.__class__ is ProviderFailure


def test_large_answer_of_the_token_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_session, "LARGEST_ANSWER", 1000)
    with serve(token_answer("x" * 2000)) as login, bench(SNAPSHOT, credentials=Credentials(service_account(login.url))) as made:
        failure = pytest.raises(ProviderFailure, made.client.delete_snapshot, "s").value
    assert "gave an answer of more than" in failure.message
    assert failure.__class__ is ProviderFailure
    assert made.server.asked == []


def test_thread_that_waits_for_the_token_of_another_ends_with_its_own_task() -> None:
    never = threading.Event()
    with serve(Reply(hold=never)) as login, bench(SNAPSHOT, credentials=Credentials(service_account(login.url))) as made, ThreadPoolExecutor(1) as pool:
        first = pool.submit(made.client.get_snapshot, "s")
        while not login.asked:
            time.sleep(0.01)
        waiter = made.clock.waiter()
        second = made.client.for_target(waiter)
        threading.Timer(0.2, waiter.cancel).start()
        began = time.monotonic()
        pytest.raises(Cancelled, second.get_snapshot, "s")
        assert time.monotonic() - began < PATIENCE_S
        made.waiter.cancel()
        never.set()
        pytest.raises((Cancelled, RecoveryError), first.result)
    assert len(login.asked) == 1


def test_application_default_credentials_are_used_when_none_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(token_answer("adc")) as login:
        file = tmp_path / "adc.json"
        file.write_text(json.dumps(service_account(login.url)))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        with bench(SNAPSHOT, credentials=Credentials()) as made:
            made.client.get_snapshot("s")
    assert authorization(made.server.asked[0]) == "Bearer adc"
    assert b"cloud-platform" in _assertion(login.asked[0].body)


def _assertion(form: str) -> bytes:
    import base64
    from urllib.parse import parse_qs

    claims = parse_qs(form)["assertion"][0].split(".")[1]
    return base64.urlsafe_b64decode(claims + "==")


def test_no_credentials_at_all_are_a_failed_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AuthenticationFailed, match="service_account_file"), bench(credentials=Credentials()):
        pass


def test_key_that_is_no_key_is_refused_without_quoting_it() -> None:
    broken = {**service_account("http://127.0.0.1"), "private_key": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"}
    with pytest.raises(InvalidRequest) as failure, bench(credentials=Credentials(broken)):
        pass
    assert "c2VjcmV0" not in failure.value.message


def test_credentials_do_not_show_in_a_repr() -> None:
    assert TOKEN not in repr(Credentials(access_token=TOKEN))
    assert "PRIVATE" not in repr(Credentials(service_account("x")))


def test_netrc_does_not_replace_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with bench(SNAPSHOT, ok(operation_wire())) as made:
        made.client.get_snapshot("s")
        made.client.delete_snapshot("s")
    assert {authorization(asked) for asked in made.server.asked} == {f"Bearer {TOKEN}"}


# The time and the size of an answer


def trickling() -> Reply:
    return Reply(wire=b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n" + b" " * 2000, at_once=80, pace_s=0.1)


CALLS: dict[str, Callable[[Any], Any]] = {
    "read": lambda client: client.get_snapshot("s"),
    "change by the SDK": lambda client: client.delete_snapshot("s"),
    "change as plain JSON": lambda client: client.insert_instance("z", {"name": "v"}),
}


@pytest.mark.parametrize("call", CALLS)
def test_answer_that_trickles_is_given_up_after_the_time_limit(call: str) -> None:
    with bench(trickling(), retries=0, timeout_s=0.5) as made:
        began = time.monotonic()
        failure = pytest.raises(ProviderFailure, CALLS[call], made.client).value
        assert time.monotonic() - began < PATIENCE_S
    assert "gave no whole answer within 0.5 s" in failure.message
    assert failure.kind == ("ProviderFailure" if call == "read" else "OutcomeUnknown")


def test_read_that_trickles_does_not_outlast_the_task() -> None:
    with bench(trickling(), retries=0, timeout_s=30, wait_s=0.1) as made:
        began = time.monotonic()
        pytest.raises(ProviderFailure, made.client.get_snapshot, "s")
        assert time.monotonic() - began < PATIENCE_S


@pytest.mark.parametrize("call", CALLS)
def test_cancellation_ends_an_answer_that_trickles(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_GRACE_S", 0.3)
    with bench(trickling(), timeout_s=30) as made:
        threading.Timer(0.3, made.waiter.cancel).start()
        began = time.monotonic()
        failure = pytest.raises(RecoveryError, CALLS[call], made.client).value
        assert time.monotonic() - began < PATIENCE_S
        assert len(made.server.asked) == 1
    assert "the task was cancelled" in failure.message
    assert failure.kind == ("Cancelled" if call == "read" else "OutcomeUnknown")


def test_cancellation_ends_a_held_wait_for_an_operation() -> None:
    never = threading.Event()
    with bench(Reply(hold=never)) as made:
        threading.Timer(0.3, made.waiter.cancel).start()
        began = time.monotonic()
        pytest.raises(Cancelled, made.client.wait, objects.operation(operation_wire()), "deletion")
        assert time.monotonic() - began < PATIENCE_S
        never.set()


@pytest.mark.parametrize("call", CALLS)
def test_answer_that_unpacks_to_a_large_one_is_refused_and_not_asked_for_again(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_session, "LARGEST_ANSWER", 100_000)
    packed = gzip.compress(b" " * 10_000_000)
    wire = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    with bench(Reply(wire=wire)) as made:
        failure = pytest.raises(ProviderFailure, CALLS[call], made.client).value
        assert len(made.server.asked) == 1
    assert "gave an answer of more than" in failure.message


@pytest.mark.parametrize("call", CALLS)
def test_answer_dropped_behind_a_proxy_is_no_proxy_that_was_not_reached(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Reply(drop=True)) as proxy, bench(api_url="http://service.invalid", retries=0) as made:
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.setenv("http_proxy", proxy.url)
        failure = pytest.raises(ProviderFailure, CALLS[call], made.client).value
    assert "no whole answer before the connection broke" in failure.message
    assert failure.kind == ("ProviderFailure" if call == "read" else "OutcomeUnknown")


@pytest.mark.parametrize("reply", [refused(401, "authError", "Invalid Credentials"), refused(503), Reply(drop=True)])
@pytest.mark.parametrize(("call", "attempted"), list(zip(CALLS, ["read snapshot", "delete snapshot", "create instance"])))
def test_error_says_what_was_attempted_whatever_the_server_answers(call: str, attempted: str, reply: Reply) -> None:
    with bench(reply, retries=1) as made:
        failure = pytest.raises(RecoveryError, CALLS[call], made.client).value
    assert failure.message.startswith(f'could not {attempted} "')


# The guard


class LockLost(Conflict):
    """What a guard raises; then nothing may be undone."""

    keeps_state = True


class Guard:
    """Lets so many requests through, and counts how often it is asked."""

    def __init__(self, lets_through: int) -> None:
        self._lets_through, self.asked = lets_through, 0

    def __call__(self) -> None:
        self.asked += 1
        if self.asked > self._lets_through:
            raise LockLost("the lock is lost.")


@pytest.mark.parametrize("call", CALLS)
def test_guard_that_refuses_the_second_attempt_lets_no_second_request_out(call: str) -> None:
    guard = Guard(1)
    with bench(refused(429, "rateLimitExceeded", headers={"Retry-After": "9"}), SNAPSHOT) as made:
        with guarded(guard):
            failure = pytest.raises(LockLost, CALLS[call], made.client).value
        assert len(made.server.asked) == 1
    assert failure.message == "the lock is lost."
    assert (guard.asked, made.clock.pauses) == (2, [9.0])


@pytest.mark.parametrize("call", CALLS)
def test_guard_is_asked_for_each_transmission(call: str) -> None:
    guard = Guard(9)
    with bench(refused(503), Reply(drop=True), ok({**operation_wire(), "kind": "x"})) as made, guarded(guard):
        CALLS[call](made.client)
        assert (guard.asked, len(made.server.asked)) == (3, 3)


@pytest.mark.parametrize("call", CALLS)
def test_guard_is_asked_after_the_token_is_there_and_again_after_it_was_renewed(call: str) -> None:
    seen: list[int] = []
    tokens = [token_answer("first"), token_answer("second")]
    replies = [refused(401, "authError"), ok(operation_wire())]
    with serve(*tokens) as login, bench(*replies, credentials=Credentials(service_account(login.url))) as made, guarded(lambda: seen.append(len(login.asked))):
        CALLS[call](made.client)
    assert seen == [1, 2]


def test_guard_that_refuses_after_the_renewal_lets_no_second_request_out() -> None:
    replies = [refused(401, "authError"), ok(operation_wire())]
    with serve(token_answer("first"), token_answer("second")) as login, bench(*replies, credentials=Credentials(service_account(login.url))) as made:
        with guarded(Guard(1)):
            pytest.raises(LockLost, made.client.delete_snapshot, "s")
        assert len(made.server.asked) == 1


@pytest.mark.parametrize("call", ["change by the SDK", "change as plain JSON"])
@pytest.mark.parametrize("reply", [Reply(drop=True), refused(503)])
def test_refusal_of_the_guard_does_not_hide_that_an_earlier_attempt_may_have_been_carried_out(call: str, reply: Reply) -> None:
    with bench(reply, ok(operation_wire())) as made:
        with guarded(Guard(1)):
            failure = pytest.raises(OutcomeUnknown, CALLS[call], made.client).value
        assert len(made.server.asked) == 1
        assert made.client.acted()
    assert failure.message.startswith("could not ")
    assert failure.message.endswith("It was not sent again: the lock is lost.")
    assert isinstance(failure.__cause__, LockLost)
    assert failure.keeps_state


class TestTls:
    @pytest.fixture(scope="class")
    @staticmethod
    def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
        return self_signed(tmp_path_factory.mktemp("tls"))

    def call(self, pem: Path, tls: Tls) -> list[str]:
        with serve(SNAPSHOT, ok(operation_wire()), tls=server_context(pem)) as server, bench(api_url=server.url, tls=tls, retries=0) as made:
            made.client.get_snapshot("s")
            made.client.delete_snapshot("s")
            return [asked.method for asked in server.asked]

    def test_certificate_that_nobody_vouches_for_is_refused(self, pem: Path) -> None:
        with pytest.raises(ProviderFailure, match="validate_certs and ca_path") as failure:
            self.call(pem, Tls())
        assert not failure.value.transient

    @pytest.mark.parametrize("environment", ["", "/nowhere.pem"])
    def test_options_reach_reads_and_the_sdk_and_win_over_the_environment(self, pem: Path, environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", environment)
        assert self.call(pem, Tls(verify=False)) == ["GET", "DELETE"]
        assert self.call(pem, Tls(ca_path=str(pem))) == ["GET", "DELETE"]


@pytest.mark.parametrize("call", ["get_snapshot", "delete_snapshot"])
class TestAnswers:
    def failure(self, call: str, *replies: Reply, **options: Any) -> tuple[Any, int]:
        with bench(*replies, retries=1, **options) as made, pytest.raises(Exception) as failure:  # noqa: PT011
            getattr(made.client, call)("s")
        return failure.value, len(made.server.asked)

    def test_redirect_is_not_followed(self, call: str) -> None:
        error, asked = self.failure(call, Reply(301, "{}", {"Location": "http://127.0.0.1:1/"}))
        assert (type(error), asked) == (InvalidRequest, 1)
        assert "redirects" in error.message

    def test_web_page_is_no_absence(self, call: str) -> None:
        error, asked = self.failure(call, Reply(200, "<html>", {"Content-Type": "text/html"}))
        assert (type(error), asked) == (InvalidRequest, 1)

    def test_not_found_that_is_not_google_s_is_no_absence(self, call: str) -> None:
        error, asked = self.failure(call, Reply(404, "<html>not here</html>", {"Content-Type": "text/html"}))
        assert (type(error), asked) == (InvalidRequest, 1)
        assert "api_url" in error.message

    @pytest.mark.parametrize("reply", [Reply(body=""), Reply(body='{"name": "op'), Reply(body="[]"), Reply(body="{}"), Reply(cut=3), Reply(drop=True)])
    def test_answer_that_cannot_be_used_is_asked_for_again_and_is_no_absence(self, call: str, reply: Reply) -> None:
        error, asked = self.failure(call, reply)
        # A read of something without a name is told at once: the answer was whole.
        assert asked == (1 if call == "get_snapshot" and reply.body == "{}" else 2)
        assert error.kind == ("ProviderFailure" if call == "get_snapshot" else "OutcomeUnknown")

    def test_server_that_is_not_there_has_done_nothing(self, call: str) -> None:
        error, _asked = self.failure(call, api_url=f"http://127.0.0.1:{free_port()}")
        assert error.kind == "ProviderFailure"
        assert "could not connect" in error.message


def test_answer_that_takes_too_long_is_given_up_after_the_time_limit() -> None:
    never = threading.Event()
    with bench(Reply(hold=never), retries=0, timeout_s=0.1) as made:
        with pytest.raises(ProviderFailure, match="within 0.1 s"):
            made.client.delete_snapshot("s")
        never.set()


def test_address_may_have_a_path_of_its_own() -> None:
    with serve(SNAPSHOT, ok(operation_wire())) as server, bench(api_url=f"{server.url}/behind/it/") as made:
        made.client.get_snapshot("s")
        made.client.delete_snapshot("s")
    assert [asked.path.partition("?")[0] for asked in server.asked] == [f"/behind/it{HERE}/global/snapshots/s"] * 2


_IMPORTS = """
import sys
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce import client as gce
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.session import Credentials
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.http import Tls
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.retry import Retry
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
assert not any(name.startswith(("google", "requests")) for name in sys.modules), "imported with the file"
w = Waiter(1, 1)
given = {"credentials": Credentials(access_token="t"), "api_url": "http://127.0.0.1:1", "on_secret": print}
client = gce.GceClient("p", tls=Tls(), timeout_s=1, retry=Retry(0, w.pause, lambda: 0), waiter=w, **given)
assert "google.auth" in sys.modules
assert "google.cloud.compute_v1" not in sys.modules, "imported before a change"
"""


def test_libraries_are_imported_only_when_they_are_needed() -> None:
    import os

    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("part", ["google.auth.exceptions", "requests", "urllib3"])
def test_library_that_is_missing_is_named_as_it_is_installed(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, part, None)
    with pytest.raises(MissingLibrary) as failure, bench():
        pass
    assert failure.value.library == "google-cloud-compute"
    assert failure.value.message == "to talk to Compute Engine"


@pytest.mark.parametrize("trouble", [None, ModuleNotFoundError("google")])
def test_sdk_that_is_missing_is_said_before_anything_is_sent(trouble: Exception | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(_name: str) -> None:
        if trouble:
            raise trouble

    monkeypatch.setattr(gce_sdk.importlib.util, "find_spec", find_spec)
    with pytest.raises(MissingLibrary) as failure, bench():
        pass
    assert failure.value.library == "google-cloud-compute"


def test_sdk_that_cannot_be_loaded_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as made:
        monkeypatch.setitem(sys.modules, "google.cloud.compute_v1", None)
        monkeypatch.delattr("google.cloud.compute_v1", raising=False)
        with pytest.raises(MissingLibrary):
            made.client.delete_snapshot("s")
    assert made.server.asked == []


def test_token_about_to_expire_is_renewed_before_it_is_refused() -> None:
    with serve(token_answer("first", 1), token_answer("second")) as login, bench(SNAPSHOT, credentials=Credentials(service_account(login.url))) as made:
        made.client.get_snapshot("s")
        made.client.get_snapshot("s")
    assert authorization(made.server.asked[-1]) == "Bearer second"


def test_key_is_in_no_message() -> None:
    when = datetime.datetime.now().isoformat()
    message = f"at {when} the assertion {TOKEN} was refused"
    with bench(refused(403, "forbidden", message)) as made, pytest.raises(AuthenticationFailed) as failure:
        made.client.delete_snapshot("s")
    assert TOKEN not in failure.value.message
    assert key_pem() not in failure.value.message
