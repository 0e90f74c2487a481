# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes over the wire, how often, and what is said when it comes back broken; with real servers on loopback."""

from __future__ import annotations

import base64
import builtins
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AuthenticationFailed,
    Cancelled,
    Conflict,
    InvalidRequest,
    MissingLibrary,
    OutcomeUnknown,
    ProviderFailure,
    RateLimited,
    RecoveryError,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.core.guard import guarded
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.transport import exchange
from ansible_collections.multicloud.recovery.plugins.module_utils.transport import session as transport_session
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.http import Answer, HttpTransport, Tls
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.retry import Retry

from tests.unit.fakes import PATIENCE_S
from tests.unit.scripted_server import Reply, free_port, self_signed, serve, server_context

pytest.importorskip("requests")

OK = Reply()
BUSY = Reply(503, '{"message": "busy"}')
DROP = Reply(drop=True)
PROXY_PASSWORD = "pr%2Fxy-pass"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def translate(answer: Answer) -> RecoveryError | None:
    """What a client makes of answers: 429 and 5xx may pass, other errors stay."""
    said: dict[str, Any] = {"http_status": answer.status, "request_id": answer.request_id}
    if answer.status == 429:
        return RateLimited("slow down", transient=True, **said)
    if answer.status >= 500:
        return ProviderFailure(f"HTTP {answer.status}", transient=True, code="BROKEN", **said)
    return AuthenticationFailed(f"HTTP {answer.status}", **said) if answer.status >= 400 else None


class Sender:
    """A transport whose pauses only count: ``pauses``, in seconds."""

    def __init__(self, url: str, *, retries: int = 3, timeout_s: float = 5, tls: Tls | None = None, token: str | None = None, remaining_s: float = 600) -> None:
        self.pauses: list[float] = []
        authorization: Callable[[], str] | None = (lambda: f"Bearer {token}") if token else None
        retry = Retry(retries, self.pauses.append, lambda: remaining_s, lambda: 1.0)
        self.http = HttpTransport(url, tls=tls or Tls(), timeout_s=timeout_s, retry=retry, translate=translate, authorization=authorization)

    def read(self) -> Answer:
        return self.http.send("GET", "/v1/x")

    def write(self, *, repeatable: bool = False) -> Answer:
        return self.http.send("POST", "/v1/x", body={"a": 1}, repeatable=repeatable)


# What is sent


def test_request_arrives_as_it_was_given() -> None:
    with serve() as server:
        Sender(server.url, token="t").http.send("PUT", "/v1/a%2Fb", query=[("k", "v w"), ("k", "ü")], body={"name": "ü", "list": [1]})
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("PUT", "/v1/a%2Fb?k=v+w&k=%C3%BC")
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["Authorization"] == "Bearer t"
    assert asked.body in ('{"name": "\\u00fc", "list": [1]}', '{"name": "ü", "list": [1]}')


def test_form_is_sent_as_a_form() -> None:
    with serve() as server:
        Sender(server.url).http.send("POST", "/token", form={"password": "a+b &c"})
    assert server.asked[0].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert server.asked[0].body == "password=a%2Bb+%26c"


def test_authorization_is_asked_for_at_the_moment_of_sending() -> None:
    tokens = iter(["old", "new"])
    with serve() as server:
        transport = HttpTransport(
            server.url,
            tls=Tls(),
            timeout_s=5,
            retry=Retry(0, lambda _s: None, lambda: 60),
            translate=translate,
            authorization=lambda: f"Bearer {next(tokens)}",
        )
        transport.send("GET", "/")
        transport.send("GET", "/")
    assert [asked.headers["Authorization"] for asked in server.asked] == ["Bearer old", "Bearer new"]


def test_repetition_carries_the_token_of_its_own_moment() -> None:
    tokens = iter(["old", "new"])
    with serve(BUSY, OK) as server:
        retry = Retry(1, lambda _s: None, lambda: 60)
        HttpTransport(server.url, tls=Tls(), timeout_s=5, retry=retry, translate=translate, authorization=lambda: next(tokens)).send("GET", "/")
    assert [asked.headers["Authorization"] for asked in server.asked] == ["old", "new"]


@pytest.mark.parametrize("token", ["t", None])
def test_netrc_does_not_replace_the_authorization_header(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, token: str | None) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\ndefault login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serve() as server:
        Sender(server.url, token=token).read()
    assert server.asked[0].headers.get("Authorization") == (f"Bearer {token}" if token else None)


# Answers


def test_answer_carries_status_headers_body_and_request_id() -> None:
    with serve(Reply(201, '{"a": ["ü"]}', {"X-Request-Id": "r-1"})) as server:
        answer = Sender(server.url).read()
    assert (answer.status, answer.body, answer.request_id) == (201, {"a": ["ü"]}, "r-1")


@pytest.mark.parametrize("body", ["", "  \n"])
def test_empty_answer_is_a_good_one(body: str) -> None:
    with serve(Reply(body=body)) as server:
        assert Sender(server.url).read().body is None


def test_error_that_does_not_pass_is_raised_at_once() -> None:
    with serve(Reply(403, "{}", {"X-Request-Id": "r-2"})) as server:
        with pytest.raises(AuthenticationFailed) as caught:
            Sender(server.url).read()
        assert len(server.asked) == 1
    assert (caught.value.http_status, caught.value.request_id) == (403, "r-2")


@pytest.mark.parametrize("repeatable", [True, False])
def test_web_page_is_not_taken_for_an_answer(repeatable: bool) -> None:
    with serve(Reply(200, "<html>Welcome</html>", {"Content-Type": "text/html; charset=utf-8"})) as server:
        with pytest.raises(InvalidRequest, match="web page") as caught:
            Sender(server.url).write(repeatable=repeatable)
        assert len(server.asked) == 1
    assert "Welcome" not in caught.value.message


def test_web_page_of_a_gateway_that_is_down_is_an_error_that_passes() -> None:
    page = Reply(502, "<html>Bad gateway</html>", {"Content-Type": "text/html"})
    with serve(page, OK) as server:
        assert Sender(server.url).read().status == 200
        assert len(server.asked) == 2


def test_answer_that_is_no_json_is_asked_for_again() -> None:
    garbled = Reply(200, '{"cut of', {"Content-Type": "application/json"})
    with serve(garbled, OK) as server:
        assert Sender(server.url).read().body == {"ok": True}
    with serve(garbled) as server:
        with pytest.raises(ProviderFailure, match="no JSON"):
            Sender(server.url, retries=1).read()
        assert len(server.asked) == 2


def test_write_whose_answer_is_no_json_has_an_unknown_outcome() -> None:
    with serve(Reply(200, '{"cut of')) as server:
        with pytest.raises(OutcomeUnknown):
            Sender(server.url).write()
        assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with serve() as other, serve(Reply(status, "", {"Location": f"{other.url}/v1/x?token=leak"})) as server:
        with pytest.raises(InvalidRequest, match="redirects to http://127.0.0.1") as caught:
            Sender(server.url, token="t").write()
        assert len(server.asked) == 1
        assert other.asked == []
    assert "leak" not in caught.value.message


def test_redirect_names_the_port_of_the_other_address() -> None:
    with serve(Reply(302, "", {"Location": "https://px.example:10002/x"})) as server, pytest.raises(InvalidRequest, match=r"https://px\.example:10002"):
        Sender(server.url).read()


def test_redirect_without_a_host_is_told_readably() -> None:
    """The usual form of a redirect to a login page."""
    with serve(Reply(302, "", {"Location": "/login"})) as server, pytest.raises(InvalidRequest) as caught:
        Sender(server.url).read()
    assert "None" not in caught.value.message


def test_redirect_to_what_is_no_url_is_an_error_of_ours() -> None:
    with serve(Reply(302, "", {"Location": "http://[broken"})) as server, pytest.raises(InvalidRequest):
        Sender(server.url).read()


# What is repeated


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_repeatable_request_is_repeated(status: int) -> None:
    with serve(Reply(status, "{}"), Reply(status, "{}"), OK) as server:
        sender = Sender(server.url)
        assert sender.read().status == 200
        assert len(server.asked) == 3
    assert sender.pauses == [0.5, 1]


def test_repeatable_write_is_repeated_with_the_same_body() -> None:
    with serve(BUSY, DROP, OK) as server:
        Sender(server.url).write(repeatable=True)
    assert [(asked.method, asked.body) for asked in server.asked] == [("POST", '{"a": 1}')] * 3


def test_write_that_is_not_repeatable_is_not_repeated_after_an_error() -> None:
    with serve(Reply(503, "{}", {"X-Request-Id": "r-3", "Retry-After": "1"}), OK) as server:
        with pytest.raises(OutcomeUnknown) as caught:
            Sender(server.url).write()
        assert len(server.asked) == 1
    assert caught.value.as_result() == {"kind": "OutcomeUnknown", "code": "BROKEN", "http_status": 503, "request_id": "r-3"}


def test_dropped_answer_of_a_write_that_is_not_repeatable_is_an_unknown_outcome_and_sent_once() -> None:
    with serve(DROP, OK) as server:
        with pytest.raises(OutcomeUnknown) as caught:
            Sender(server.url).write()
        assert len(server.asked) == 1
    assert caught.value.__cause__


def test_cut_answer_of_a_write_that_is_not_repeatable_is_an_unknown_outcome_and_sent_once() -> None:
    with serve(Reply(cut=3), OK) as server:
        with pytest.raises(OutcomeUnknown):
            Sender(server.url).write()
        assert len(server.asked) == 1


@pytest.mark.parametrize("broken", [DROP, Reply(cut=3)], ids=["dropped", "cut"])
def test_broken_answer_of_a_read_is_asked_for_again(broken: Reply) -> None:
    with serve(broken, OK) as server:
        assert Sender(server.url).read().body == {"ok": True}
        assert len(server.asked) == 2


def test_read_without_an_answer_to_the_end_is_a_failure_that_may_pass() -> None:
    with serve(DROP) as server:
        with pytest.raises(ProviderFailure, match="no whole answer") as caught:
            Sender(server.url, retries=2).read()
        assert len(server.asked) == 3
    assert caught.value.transient
    assert not isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_repeatable_write_without_an_answer_to_the_end_is_an_unknown_outcome(method: str) -> None:
    """It is no read: it went out, and may have been carried out each time."""
    with serve(DROP) as server, pytest.raises(OutcomeUnknown):
        Sender(server.url, retries=1).http.send(method, "/v1/x", repeatable=True)


@pytest.mark.parametrize("repeatable", [True, False])
def test_too_many_requests_is_repeated_for_writes_too(repeatable: bool) -> None:
    with serve(Reply(429, "{}", {"Retry-After": "7"}), OK) as server:
        sender = Sender(server.url)
        sender.write(repeatable=repeatable)
        assert len(server.asked) == 2
    assert sender.pauses == [7]


def test_retry_after_as_a_date_is_obeyed() -> None:
    date = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=30), usegmt=True)
    with serve(Reply(429, "{}", {"Retry-After": date}), OK) as server:
        sender = Sender(server.url)
        sender.read()
    assert sender.pauses == [pytest.approx(30, abs=3)]


def test_retry_after_of_other_errors_is_obeyed() -> None:
    with serve(Reply(503, "{}", {"Retry-After": "7"}), OK) as server:
        sender = Sender(server.url)
        sender.read()
    assert sender.pauses == [7]


def test_retry_after_beyond_the_deadline_fails_at_once() -> None:
    with serve(Reply(429, "{}", {"Retry-After": "3600"}), OK) as server:
        sender = Sender(server.url, remaining_s=60)
        with pytest.raises(RateLimited):
            sender.read()
        assert len(server.asked) == 1
    assert sender.pauses == []


def test_endless_slowing_down_is_raised_as_such() -> None:
    with serve(Reply(429, "{}")) as server:
        with pytest.raises(RateLimited):
            Sender(server.url, retries=2).write()
        assert len(server.asked) == 3


@pytest.mark.parametrize("repeatable", [True, False])
def test_refused_connection_is_tried_again_for_writes_too(repeatable: bool) -> None:
    port = free_port()
    sender = Sender(f"http://127.0.0.1:{port}", retries=2)
    with pytest.raises(ProviderFailure, match=f"could not connect to http://127.0.0.1:{port}") as caught:
        sender.write(repeatable=repeatable)
    assert sender.pauses == [0.5, 1]
    assert caught.value.transient
    assert not isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize("repeatable", [True, False])
def test_host_without_an_address_is_tried_again_for_writes_too(repeatable: bool) -> None:
    sender = Sender("http://no-such-host.invalid", retries=1)
    with pytest.raises(ProviderFailure, match="could not connect"):
        sender.write(repeatable=repeatable)
    assert len(sender.pauses) == 1


def test_message_of_a_refused_connection_is_short() -> None:
    with pytest.raises(ProviderFailure) as caught:
        Sender(f"http://127.0.0.1:{free_port()}", retries=0).http.send("GET", "/v1/secret-path", query=[("token", "leak")])
    assert "refused" in caught.value.message
    assert "object at 0x" not in caught.value.message
    assert "leak" not in caught.value.message


@pytest.mark.parametrize("repeatable", [True, False])
def test_connection_left_over_from_before_is_not_used_for_a_write_that_is_not_repeatable(repeatable: bool) -> None:
    """A server that closes it at that moment would make a lost answer of a request that it never read."""
    with serve() as server:
        sender = Sender(server.url)
        sender.read()
        sender.read()
        sender.write(repeatable=repeatable)
    assert [asked.connection for asked in server.asked] == ([1, 1, 1] if repeatable else [1, 1, 2])


def test_connection_left_over_from_before_the_pause_is_not_used_for_the_repetition_either() -> None:
    """The pause that 429 asks for is when a server closes what is idle."""
    with serve(Reply(429, "{}", {"Retry-After": "30"}), OK) as server:
        Sender(server.url).write()
    assert [asked.connection for asked in server.asked] == [1, 2]


def test_cancellation_ends_the_pause_before_a_repetition() -> None:
    waiter = Waiter(600, 15)
    waiter.cancel()
    # Only the pause knows of it.
    with serve(BUSY) as server:
        transport = HttpTransport(server.url, tls=Tls(), timeout_s=5, retry=Retry(5, waiter.pause, lambda: waiter.remaining_s), translate=translate)
        with pytest.raises(Cancelled):
            transport.send("GET", "/")
        assert len(server.asked) == 1


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


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("repeatable", [True, False])
def test_guard_is_asked_again_before_a_repetition(method: str, repeatable: bool) -> None:
    guard = Guard(1)
    with serve(Reply(429, "{}", {"Retry-After": "7"}), OK) as server:
        sender = Sender(server.url)
        with guarded(guard), pytest.raises(LockLost) as caught:
            sender.http.send(method, "/v1/x", repeatable=repeatable)
        assert len(server.asked) == 1
    assert caught.value.message == "the lock is lost."
    assert (guard.asked, sender.pauses) == (2, [7])


def test_guard_is_asked_for_each_transmission() -> None:
    guard = Guard(5)
    with serve(BUSY, DROP, OK) as server, guarded(guard):
        Sender(server.url).read()
        assert (guard.asked, len(server.asked)) == (3, 3)


def test_first_request_that_the_guard_refuses_goes_through_as_its_error() -> None:
    with serve() as server:
        with guarded(Guard(0)), pytest.raises(LockLost):
            Sender(server.url).write(repeatable=True)
        assert server.asked == []


def test_refusal_of_the_guard_does_not_hide_that_an_earlier_attempt_may_have_been_carried_out() -> None:
    with serve(DROP, OK) as server:
        with guarded(Guard(1)), pytest.raises(OutcomeUnknown) as caught:
            Sender(server.url).write(repeatable=True)
        assert len(server.asked) == 1
    assert "no whole answer before the connection broke. It was not sent again: the lock is lost." in caught.value.message
    assert isinstance(caught.value.__cause__, LockLost)
    assert caught.value.keeps_state


# The time limit


def trickling(seconds: float = 0.1) -> Reply:
    """An answer that comes byte by byte."""
    return Reply(wire=b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000, at_once=10, pace_s=seconds)


def test_answer_that_trickles_is_given_up_after_the_time_limit() -> None:
    with serve(trickling()) as server:
        began = time.monotonic()
        with pytest.raises(ProviderFailure, match=r"no whole answer within 0\.5 s"):
            Sender(server.url, retries=0, timeout_s=0.5).read()
        assert time.monotonic() - began < PATIENCE_S


def test_read_that_trickles_does_not_outlast_the_task() -> None:
    with serve(trickling()) as server:
        began = time.monotonic()
        with pytest.raises(ProviderFailure, match="no whole answer within 1 s"):
            Sender(server.url, retries=0, timeout_s=30, remaining_s=0.2).read()
        assert time.monotonic() - began < PATIENCE_S


@pytest.mark.parametrize(("method", "kind"), [("GET", Cancelled), ("POST", OutcomeUnknown)])
def test_cancellation_ends_an_answer_that_trickles(method: str, kind: type[RecoveryError], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_GRACE_S", 0.3)
    waiter = Waiter(600, 15)
    threading.Timer(0.3, waiter.cancel).start()
    with serve(trickling()) as server:
        retry = Retry(5, waiter.pause, lambda: waiter.remaining_s, cancelled=lambda: waiter.cancelled)
        transport = HttpTransport(server.url, tls=Tls(), timeout_s=30, retry=retry, translate=translate)
        began = time.monotonic()
        with pytest.raises(kind, match="the task was cancelled"):
            transport.send(method, "/")
        assert time.monotonic() - began < PATIENCE_S
        assert len(server.asked) == 1


def test_large_answer_is_refused_and_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_session, "LARGEST_ANSWER", 1000)
    with serve(Reply(body="[" + "0," * 1000 + "0]")) as server:
        with pytest.raises(ProviderFailure, match="gave an answer of more than") as caught:
            Sender(server.url).read()
        assert len(server.asked) == 1
    assert not caught.value.transient


def test_lists_within_lists_some_thousand_deep_are_no_json() -> None:
    with serve(Reply(body="[" * 100_000)) as server, pytest.raises(ProviderFailure, match="no JSON"):
        Sender(server.url, retries=0).read()


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """Held replies wait for this; it comes when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_read_is_given_up_after_the_time_limit_and_repeated(never: threading.Event) -> None:
    with serve(Reply(hold=never), OK) as server:
        began = time.monotonic()
        assert Sender(server.url, timeout_s=0.2).read().status == 200
        assert 0.2 <= time.monotonic() - began < 3
        assert len(server.asked) == 2
        never.set()


def test_write_given_up_after_the_time_limit_has_an_unknown_outcome(never: threading.Event) -> None:
    with serve(Reply(hold=never)) as server:
        with pytest.raises(OutcomeUnknown, match=r"within 0\.2 s"):
            Sender(server.url, timeout_s=0.2).write()
        assert len(server.asked) == 1
        never.set()


# TLS


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    pytest.importorskip("cryptography")
    return self_signed(tmp_path_factory.mktemp("tls"))


def test_unknown_certificate_is_refused_once_and_says_which_options_help(pem: pathlib.Path) -> None:
    with serve(tls=server_context(pem)) as server:
        sender = Sender(server.url)
        with pytest.raises(ProviderFailure, match="TLS connection") as caught:
            sender.write()
        assert server.asked == []
    assert "validate_certs and ca_path" in caught.value.message
    assert not isinstance(caught.value, OutcomeUnknown)
    assert sender.pauses == []


def test_ca_path_makes_the_certificate_known(pem: pathlib.Path) -> None:
    with serve(tls=server_context(pem)) as server:
        assert Sender(server.url, tls=Tls(ca_path=str(pem))).read().status == 200


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_validate_certs_false_takes_any_certificate(pem: pathlib.Path) -> None:
    with serve(tls=server_context(pem)) as server:
        assert Sender(server.url, tls=Tls(verify=False)).read().status == 200


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("option", ["validate_certs", "ca_path"])
def test_bundle_of_the_environment_does_not_override_the_options(
    pem: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, variable: str, option: str
) -> None:
    monkeypatch.setenv(variable, str(self_signed(tmp_path)))
    tls = Tls(verify=False) if option == "validate_certs" else Tls(ca_path=str(pem))
    with serve(tls=server_context(pem)) as server:
        sender = Sender(server.url, tls=tls)
        assert [sender.read().status, sender.write().status] == [200, 200]


def test_bundle_of_the_environment_counts_where_no_option_says_otherwise(pem: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    with serve(tls=server_context(pem)) as server:
        assert Sender(server.url).read().status == 200


@pytest.mark.parametrize("split", [True, False])
def test_client_certificate_is_shown(pem: pathlib.Path, tmp_path: pathlib.Path, split: bool) -> None:
    import ssl

    client = self_signed(tmp_path)
    context = server_context(pem)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(client)
    key = str(client) if split else None
    with serve(tls=context) as server:
        assert Sender(server.url, tls=Tls(ca_path=str(pem), client_cert=str(client), client_key=key)).read().status == 200
        with pytest.raises(ProviderFailure):
            Sender(server.url, tls=Tls(ca_path=str(pem)), retries=0).read()


# Proxies


def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:{PROXY_PASSWORD}@127.0.0.1:{proxy.port}")
        assert Sender("http://service.invalid", token="t").read().status == 200
    (asked,) = proxy.asked
    assert asked.path == "http://service.invalid/v1/x"
    assert asked.headers["Proxy-Authorization"] == "Basic " + base64.b64encode(b"user:pr/xy-pass").decode()
    assert asked.headers["Authorization"] == "Bearer t"


def test_no_proxy_of_the_environment_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve() as server:
        assert Sender(server.url).read().status == 200


PROXIES = {
    "refuses connections": "http://user:{password}@127.0.0.1:{port}",
    "has no address": "http://user:{password}@no-such-host.invalid:3128",
    "is of an unknown kind": "socks5://user:{password}@127.0.0.1:{port}",
    "has no scheme": "user:{password}@127.0.0.1:{port}",
    "has an impossible port": "http://user:{password}@127.0.0.1:99999",
    "has a slash in its password": "http://user:{password}/x@127.0.0.1:{port}",
    "has a bracket in its password": "http://user:{password}[x@127.0.0.1:{port}",
}


@pytest.mark.parametrize("proxy", PROXIES)
def test_password_of_a_proxy_that_does_not_work_never_shows_up(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("http_proxy", PROXIES[proxy].format(password=PROXY_PASSWORD, port=free_port()))
    with pytest.raises(RecoveryError) as caught:
        Sender("http://service.invalid", retries=0).read()
    for form in (PROXY_PASSWORD, "pr/xy-pass", base64.b64encode(b"user:pr/xy-pass").decode()):
        assert form not in caught.value.message


def test_password_of_a_proxy_that_refuses_it_never_shows_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Reply(407, f"no user:{PROXY_PASSWORD}")) as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:{PROXY_PASSWORD}@127.0.0.1:{proxy.port}")
        with pytest.raises(ProviderFailure, match="through the proxy") as caught:
            Sender("https://service.invalid", retries=0).read()
        assert [asked.method for asked in proxy.asked] == ["CONNECT"]
    assert "pass" not in caught.value.message


def test_proxy_that_refuses_connections_is_named_as_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    sender = Sender("http://service.invalid", retries=1)
    with pytest.raises(ProviderFailure, match="could not connect to http://service.invalid through the proxy"):
        sender.write()
    assert len(sender.pauses) == 1


def test_answer_dropped_behind_a_proxy_is_an_unknown_outcome_and_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """urllib3 calls it a failed connection to the proxy, because the closed connection no longer knows that it was one."""
    with serve(DROP, OK) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with pytest.raises(OutcomeUnknown):
            Sender("http://service.invalid").write()
        assert len(proxy.asked) == 1


def test_write_behind_a_proxy_given_up_after_the_time_limit_is_sent_once(monkeypatch: pytest.MonkeyPatch, never: threading.Event) -> None:
    with serve(Reply(hold=never)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with pytest.raises(OutcomeUnknown):
            Sender("http://service.invalid", timeout_s=0.2).write()
        assert len(proxy.asked) == 1
        never.set()


# What cannot be asked at all


def test_user_and_password_of_the_address_are_not_shown() -> None:
    assert Sender("https://user:leak@px.example:10001/base").http.server == "https://px.example:10001"


@pytest.mark.parametrize("url", ["ftp://px.example", "http://"])
def test_address_that_makes_no_sense_is_an_error_of_ours(url: str) -> None:
    with pytest.raises(InvalidRequest):
        Sender(url).read()


def test_token_that_cannot_be_a_header_is_an_error_that_does_not_show_it() -> None:
    with serve() as server, pytest.raises(InvalidRequest) as caught:
        Sender(server.url, token="leak\nX-Other: y").read()
    assert "leak" not in caught.value.message


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_requests(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "requests":
            raise ImportError("No module named 'requests'")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_requests)
    with pytest.raises(MissingLibrary) as caught:
        Sender("http://px.example")
    assert caught.value.library == "requests"
    assert "No module named 'requests'" in caught.value.trace
