# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer ends in time and in size, whatever the server does; connections are few; the guard is asked last. Real servers on loopback."""

from __future__ import annotations

import gzip
import pathlib
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Cancelled, Conflict, InvalidRequest, ProviderFailure
from ansible_collections.multicloud.recovery.plugins.module_utils.core.guard import guarded
from ansible_collections.multicloud.recovery.plugins.module_utils.transport import exchange
from ansible_collections.multicloud.recovery.plugins.module_utils.transport import session as transport_session
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.exchange import Limits
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.failures import Unanswered
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.session import HttpSession, Reply, Tls

from tests.unit.fakes import PATIENCE_S
from tests.unit.scripted_server import Reply as Answer
from tests.unit.scripted_server import free_port, self_signed, serve, server_context

pytest.importorskip("requests")

LIMIT_S = 0.6
# A limit that is not to be reached.
LONG_S = 60.0
PACE_S = 0.1
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PLAIN = HEAD + b"Content-Length: 4000\r\n\r\n" + b"x" * 4000
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1000
# Where the trickling begins: nothing is sent at once, or all that comes before.
TRICKLES = {
    "status line": (PLAIN, 0),
    "headers": (PLAIN, len(HEAD) - 10),
    "endless headers": (HEAD + b"".join(b"X-%d: y\r\n" % number for number in range(90)), len(HEAD)),
    "endless 100": (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 25),
    "body": (PLAIN, len(PLAIN) - 3990),
    "chunks": (CHUNKED, len(CHUNKED) - 5990),
    "size of a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 4000, len(HEAD) + 30),
    "trailer": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 1000, len(HEAD) + 35),
}


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    pytest.importorskip("cryptography")
    return self_signed(tmp_path_factory.mktemp("tls"))


def session(tls: Tls | None = None, **options: Any) -> HttpSession:
    return HttpSession(tls or Tls(), use="to be tested", **options)


def get(url: str, seconds: float = LONG_S, tls: Tls | None = None, **limits: Any) -> Reply:
    return session(tls).exchange("GET", url, limits=Limits(seconds, **limits))


def trickle(where: str) -> Answer:
    wire, at_once = TRICKLES[where]
    return Answer(wire=wire, at_once=at_once, pace_s=PACE_S)


class Stopwatch:
    def __enter__(self) -> Stopwatch:
        self._began = time.monotonic()
        return self

    def __exit__(self, *_error: object) -> None:
        self.seconds = time.monotonic() - self._began


def assert_given_up_in_time(failure: pytest.ExceptionInfo[Unanswered], watch: Stopwatch) -> None:
    assert LIMIT_S * 0.9 <= watch.seconds < PATIENCE_S
    assert failure.value.error.transient
    assert failure.value.acted
    assert f"no whole answer within {LIMIT_S:g} s" in failure.value.error.message


# The time


@pytest.mark.parametrize("where", TRICKLES)
def test_answer_that_trickles_ends_at_the_limit(where: str) -> None:
    with serve(trickle(where)) as server:
        with Stopwatch() as watch, pytest.raises(Unanswered) as failure:
            get(server.url, LIMIT_S)
        assert_given_up_in_time(failure, watch)


@pytest.mark.parametrize("where", ["status line", "body", "chunks"])
def test_answer_that_trickles_over_tls_ends_at_the_limit(where: str, pem: pathlib.Path) -> None:
    with serve(trickle(where), tls=server_context(pem)) as server:
        with Stopwatch() as watch, pytest.raises(Unanswered) as failure:
            get(server.url, LIMIT_S, Tls(ca_path=str(pem)))
        assert_given_up_in_time(failure, watch)


@pytest.mark.parametrize("where", ["headers", "body"])
def test_answer_that_trickles_through_a_proxy_ends_at_the_limit(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(trickle(where)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with Stopwatch() as watch, pytest.raises(Unanswered) as failure:
            get("http://service.invalid", LIMIT_S)
        assert_given_up_in_time(failure, watch)


def test_proxy_that_trickles_before_it_makes_a_tunnel_ends_at_the_limit_and_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Answer(wire=b"HTTP/1.1 200 Connection established\r\n" + b"X: y\r\n" * 90, at_once=10, pace_s=PACE_S)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with Stopwatch() as watch, pytest.raises(Unanswered) as failure:
            get("https://service.invalid", LIMIT_S)
    assert watch.seconds < PATIENCE_S
    assert not failure.value.acted


@contextmanager
def tunnel() -> Iterator[str]:
    """A proxy that connects to whatever CONNECT names; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def copy(source: socket.socket, target: socket.socket) -> None:
            try:
                while data := source.recv(4096):
                    target.sendall(data)
            except OSError:
                pass
            target.close()

        def run() -> None:
            while True:
                try:
                    client, _address = listener.accept()
                except OSError:
                    return
                host, port = client.recv(4096).split()[1].decode().split(":")
                server = socket.create_connection((host, int(port)))
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=copy, args=pair, daemon=True).start()

        threading.Thread(target=run, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("where", ["status line", "chunks"])
def test_answer_that_trickles_over_tls_through_a_tunnel_ends_at_the_limit(where: str, pem: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tunnel() as proxy, serve(Answer(), trickle(where), tls=server_context(pem)) as server:
        monkeypatch.setenv("https_proxy", proxy)
        one = session(Tls(ca_path=str(pem)))
        assert one.exchange("GET", server.url, limits=Limits(LONG_S)).content == b'{"ok": true}'
        with Stopwatch() as watch, pytest.raises(Unanswered) as failure:
            one.exchange("GET", server.url, limits=Limits(LIMIT_S))
        assert_given_up_in_time(failure, watch)


def test_part_of_a_tls_record_does_not_hold_beyond_the_limit(pem: pathlib.Path) -> None:
    """The socket has bytes to read then, but TLS has none to give."""
    context = server_context(pem)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def run() -> None:
            plain, _address = listener.accept()
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_side=True)

            def step(act: Any) -> Any:
                while True:
                    try:
                        result = act()
                    except ssl.SSLWantReadError:
                        plain.sendall(outgoing.read())
                        incoming.write(plain.recv(65536))
                    else:
                        plain.sendall(outgoing.read())
                        return result

            step(tls.do_handshake)
            step(lambda: tls.read(65536))
            tls.write(PLAIN)
            for byte in outgoing.read():
                if done.wait(PACE_S):
                    break
                try:
                    plain.sendall(bytes([byte]))
                except OSError:
                    break
            plain.close()

        threading.Thread(target=run, daemon=True).start()
        with Stopwatch() as watch, pytest.raises(Unanswered) as failure:
            get(f"https://127.0.0.1:{listener.getsockname()[1]}", LIMIT_S, Tls(ca_path=str(pem)))
        done.set()
        assert_given_up_in_time(failure, watch)


def test_slow_answer_that_is_whole_in_time_is_a_good_one() -> None:
    wire = HEAD + b"Content-Length: 3\r\n\r\nabc"
    with serve(Answer(wire=wire, at_once=len(wire) - 3, pace_s=PACE_S)) as server:
        assert get(server.url).content == b"abc"


def test_waiting_for_a_silent_server_costs_no_processor_time() -> None:
    never = threading.Event()
    with serve(Answer(hold=never)) as server:
        began = time.process_time()
        with pytest.raises(Unanswered):
            get(server.url, 1.5)
        never.set()
        assert time.process_time() - began < 0.3


# The cancellation


@contextmanager
def cancelled_after(seconds: float) -> Iterator[threading.Event]:
    event = threading.Event()
    timer = threading.Timer(seconds, event.set)
    timer.start()
    yield event
    timer.cancel()


@pytest.mark.parametrize("where", ["status line", "body", "silence"])
def test_cancellation_ends_a_read_that_is_under_way(where: str) -> None:
    never = threading.Event()
    with serve(Answer(hold=never) if where == "silence" else trickle(where)) as server, cancelled_after(0.3) as cancelled:
        with Stopwatch() as watch, pytest.raises(Unanswered) as failure:
            get(server.url, cancelled=cancelled.is_set)
        never.set()
    assert isinstance(failure.value.error, Cancelled)
    assert 0.2 < watch.seconds < PATIENCE_S


def test_read_is_not_sent_after_the_cancellation() -> None:
    with serve() as server:
        with pytest.raises(Unanswered) as failure:
            get(server.url, cancelled=lambda: True)
        assert server.asked == []
    assert isinstance(failure.value.error, Cancelled)
    assert not failure.value.acted


def test_answer_to_a_change_is_waited_for_a_moment_after_the_cancellation() -> None:
    soon = threading.Event()
    with serve(Answer(hold=soon)) as server:
        threading.Timer(0.5, soon.set).start()
        assert get(server.url, changes=True, cancelled=lambda: True).status_code == 200


def test_change_whose_answer_does_not_come_after_the_cancellation_may_have_been_carried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_GRACE_S", 0.3)
    never = threading.Event()
    with serve(Answer(hold=never)) as server:
        with Stopwatch() as watch, pytest.raises(Unanswered) as failure:
            get(server.url, changes=True, cancelled=lambda: True)
        never.set()
    assert watch.seconds < PATIENCE_S
    assert failure.value.acted


# The size


def limited(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(transport_session, "LARGEST_ANSWER", 1024 * 1024)
    return 1024 * 1024


def peak_of_refusal(server_url: str, match: str) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(Unanswered, match=match) as failure:
            get(server_url)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not failure.value.error.transient
    assert failure.value.acted
    return peak


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_small_answer_that_unpacks_to_a_large_one_is_not_unpacked(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = limited(monkeypatch)
    zeros = b"0" * 100 * limit
    packed = gzip.compress(zeros) if coding == "gzip" else zlib.compress(zeros)
    del zeros
    wire = HEAD + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(packed)) + packed
    with serve(Answer(wire=wire)) as server:
        assert peak_of_refusal(server.url, "more than 1 MiB") < 5 * limit


@pytest.mark.parametrize("framing", ["length", "chunks", "end of the connection"])
def test_large_answer_is_not_read_to_its_end(framing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = limited(monkeypatch)
    body = b"0" * 20 * limit
    wire = {
        "length": b"Content-Length: %d\r\n\r\n" % len(body) + body,
        "chunks": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n",
        "end of the connection": b"\r\n" + body,
    }[framing]
    with serve(Answer(wire=HEAD + wire)) as server:
        assert peak_of_refusal(server.url, "more than 1 MiB") < 5 * limit


def test_bytes_after_the_end_of_a_packed_answer_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = limited(monkeypatch)
    body = gzip.compress(b"{}") + b"0" * 20 * limit
    with serve(Answer(wire=HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)) as server:
        assert peak_of_refusal(server.url, "more than 1 MiB") < 5 * limit


def test_body_of_a_redirect_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """requests reads it whole, where it is not kept from that."""
    limit = limited(monkeypatch)
    body = b"0" * 20 * limit
    head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: %d\r\n\r\n" % len(body)
    with serve(Answer(wire=head + body)) as server:
        assert peak_of_refusal(server.url, "more than 1 MiB") < 5 * limit


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "identity", None])
def test_answer_is_given_unpacked(coding: str | None, chunked: bool) -> None:
    body = bytes(range(256)) * 3000
    packed = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}.get(coding or "", bytes)(body)
    head = HEAD + (b"Content-Encoding: %b\r\n" % coding.encode() if coding else b"")
    if chunked:
        pieces = [packed[start : start + 1000] for start in range(0, len(packed), 1000)]
        wire = head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        wire = head + b"Content-Length: %d\r\n\r\n" % len(packed) + packed
    with serve(Answer(wire=wire)) as server:
        reply = get(server.url)
    assert reply.content == body
    assert server.asked[0].headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize("broken", [gzip.compress(b"x" * 5000)[:-20], b"no gzip at all"], ids=["cut", "damaged"])
def test_packed_answer_that_is_cut_or_damaged_is_no_answer(broken: bytes) -> None:
    wire = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(broken) + broken
    with serve(Answer(wire=wire)) as server, pytest.raises(Unanswered) as failure:
        get(server.url)
    assert failure.value.acted
    assert failure.value.error.transient


def test_way_of_packing_that_was_not_asked_for_is_refused() -> None:
    with serve(Answer(headers={"Content-Encoding": "br"})) as server, pytest.raises(Unanswered, match="not asked for: br"):
        get(server.url)


def test_answer_without_a_body_is_empty() -> None:
    with serve(Answer(204, ""), Answer(200, "")) as server:
        one = session()
        assert [one.exchange("GET", server.url, limits=Limits(LONG_S)).content for _time in range(2)] == [b"", b""]


# The connections


def test_connection_is_used_again() -> None:
    with serve() as server:
        one = session()
        for _time in range(5):
            one.exchange("GET", server.url, limits=Limits(LONG_S))
    assert [asked.connection for asked in server.asked] == [1] * 5


def test_connections_are_bounded_whatever_the_number_of_threads() -> None:
    with serve() as server, ThreadPoolExecutor(20) as pool:
        one = session(connections=3)
        replies = list(pool.map(lambda _number: one.exchange("GET", server.url, limits=Limits(LONG_S)), range(100)))
        assert {reply.status_code for reply in replies} == {200}
        assert max(asked.connection for asked in server.asked) <= 3


@pytest.mark.parametrize("ending", ["cancelled", "no time left"])
def test_wait_for_a_connection_ends_with_the_task(ending: str) -> None:
    never = threading.Event()
    with serve(Answer(hold=never)) as server:
        one = session(connections=1)
        first = threading.Thread(target=one.exchange, args=("GET", server.url), kwargs={"limits": Limits(LONG_S)})
        first.start()
        while not server.asked:
            time.sleep(0.01)
        limits = Limits(LONG_S, cancelled=lambda: True) if ending == "cancelled" else Limits(LONG_S, remaining_s=lambda: 0.0)
        with Stopwatch() as watch, pytest.raises(Unanswered) as failure:
            one.exchange("GET", server.url, limits=limits)
        assert len(server.asked) == 1
        never.set()
        first.join()
    assert watch.seconds < PATIENCE_S
    assert not failure.value.acted
    assert isinstance(failure.value.error, Cancelled if ending == "cancelled" else ProviderFailure)


@pytest.mark.parametrize("reply", [Answer(cut=3), Answer(drop=True), trickle("body")])
def test_connection_of_an_answer_that_broke_frees_its_place(reply: Answer) -> None:
    with serve(reply, reply, reply, Answer()) as server:
        one = session(connections=1)
        for _time in range(3):
            with pytest.raises(Unanswered):
                one.exchange("GET", server.url, limits=Limits(LIMIT_S))
        assert one.exchange("GET", server.url, limits=Limits(LONG_S)).status_code == 200


def test_closed_session_has_no_connections_left() -> None:
    with serve() as server:
        one = session()
        one.exchange("GET", server.url, limits=Limits(LONG_S))
        one.close()
        one.exchange("GET", server.url, limits=Limits(LONG_S))
    assert [asked.connection for asked in server.asked] == [1, 2]


# The guard


class Refusal(Conflict):
    """What a guard raises."""


def refuse() -> None:
    raise Refusal("the lock is lost.")


def test_request_that_the_guard_refuses_is_not_sent_and_frees_its_connection() -> None:
    with serve() as server:
        one = session(connections=1)
        with guarded(refuse):
            for _time in range(2):
                with pytest.raises(Refusal):
                    one.exchange("POST", server.url, limits=Limits(LONG_S))
        assert server.asked == []
        assert one.exchange("POST", server.url, limits=Limits(LONG_S)).status_code == 200


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_guard_is_asked_when_the_connection_is_made(scheme: str, pem: pathlib.Path) -> None:
    seen: list[int] = []
    with serve(tls=server_context(pem) if scheme == "https" else None) as server:
        one = session(Tls(ca_path=str(pem)))

        def look() -> None:
            ends_at = time.monotonic() + 2
            while not server.accepted and time.monotonic() < ends_at:  # The server notices a connection a little later.
                time.sleep(0.01)
            seen.append(len(server.accepted))

        with guarded(look):
            for _time in range(2):
                one.exchange("GET", server.url, limits=Limits(LONG_S))
    assert seen == [1, 1]


def test_request_that_is_not_guarded_does_not_ask() -> None:
    with serve() as server, guarded(refuse):
        assert session().exchange("GET", server.url, limits=Limits(LONG_S), guarded=False).status_code == 200


# The certificate


def test_certificate_that_is_given_with_a_request_is_shown_instead_of_ours(pem: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """google-auth gives one where a certificate is the login."""
    context = server_context(pem)
    context.verify_mode = ssl.CERT_REQUIRED
    client = self_signed(tmp_path)
    context.load_verify_locations(client)
    with serve(tls=context) as server:
        one = session(Tls(ca_path=str(pem)))
        assert one.exchange("GET", server.url, limits=Limits(LONG_S), cert=str(client)).status_code == 200
        with pytest.raises(Unanswered) as failure:
            session(Tls(ca_path=str(pem))).exchange("POST", server.url, limits=Limits(LONG_S))
    assert not failure.value.acted or "connection broke" in failure.value.error.message


# What cannot be asked


def test_server_that_is_not_there_was_sent_nothing() -> None:
    with pytest.raises(Unanswered, match="could not connect") as failure:
        get(f"http://127.0.0.1:{free_port()}")
    assert not failure.value.acted


def test_header_that_cannot_be_sent_is_an_error_that_does_not_show_it() -> None:
    with serve() as server, pytest.raises(Unanswered) as failure:
        session().exchange("GET", server.url, limits=Limits(LONG_S), headers={"X": "leak\nY: z"})
    assert isinstance(failure.value.error, InvalidRequest)
    assert "leak" not in failure.value.error.message


def test_answer_whose_length_contradicts_itself_is_no_fault_of_ours() -> None:
    """urllib3 calls it an invalid header, which it also calls those that we would send."""
    with serve(Answer(wire=HEAD + b"Content-Length: 3, 4\r\n\r\nabc")) as server, pytest.raises(Unanswered) as failure:
        get(server.url)
    assert failure.value.acted
    assert isinstance(failure.value.error, ProviderFailure)
