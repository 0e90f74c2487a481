# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an exception of requests, of urllib3 or of a copy of them means for whoever sent the request."""

from __future__ import annotations

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Conflict, InvalidRequest, OutcomeUnknown, ProviderFailure
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.failures import not_sent_again, reason, unanswered

SERVER = "https://api.example:443"


class SSLError(OSError):
    """As a copy of requests within an SDK names it."""


class NewConnectionError(Exception):
    """As a copy of urllib3 names it."""


class ConnectTimeoutError(Exception):
    pass


class ReadTimeoutError(Exception):
    pass


class ProxyError(Exception):
    pass


class InvalidURL(ValueError):
    pass


class MaxRetryError(Exception):
    def __init__(self, reason: Exception) -> None:
        super().__init__(f"HTTPSConnectionPool(host='api.example', port=443): Max retries exceeded with url: /?token=leak (Caused by {reason!r})")
        self.reason = reason


REFUSED = NewConnectionError("HTTPSConnection(host='api.example', port=443): Failed to establish a new connection: [Errno 111] Connection refused")
CERTIFICATE = SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)")
BROKEN = SSLError("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol (_ssl.c:2580)")
NO_CERTIFICATE = SSLError("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:2580)")


@pytest.mark.parametrize("sent", [None, False])
@pytest.mark.parametrize(
    "cause",
    [REFUSED, ConnectionError(MaxRetryError(REFUSED)), ConnectionError(MaxRetryError(ConnectTimeoutError("slow"))), OSError("Tunnel connection failed: 407")],
)
def test_server_that_was_not_reached_has_done_nothing(cause: Exception, sent: bool | None) -> None:
    failure = unanswered(cause, SERVER, 30, sent=sent)
    assert not failure.acted
    assert failure.error.transient
    assert failure.error.message.startswith(f"could not connect to {SERVER}: ")
    assert "leak" not in failure.error.message


def test_proxy_that_was_not_reached_is_named_as_the_reason() -> None:
    failure = unanswered(ConnectionError(MaxRetryError(ProxyError("Unable to connect to proxy", REFUSED))), SERVER, 30)
    assert failure.error.message == f"could not connect to {SERVER} through the proxy: Failed to establish a new connection: [Errno 111] Connection refused."
    assert not failure.acted


def test_answer_dropped_behind_a_proxy_may_follow_on_what_was_asked() -> None:
    """urllib3 calls it a failed connection to the proxy, because the closed connection no longer knows that it was one."""
    dropped = ConnectionError(MaxRetryError(ProxyError("Unable to connect to proxy", ConnectionError("Remote end closed connection without response"))))
    for sent in (None, True):
        failure = unanswered(dropped, SERVER, 30, sent=sent)
        assert failure.acted
        assert failure.error.message == f"{SERVER} gave no whole answer before the connection broke."


@pytest.mark.parametrize("cause", [ReadTimeoutError("Read timed out."), ConnectionError(ReadTimeoutError("Read timed out.")), TimeoutError("timed out")])
def test_answer_that_did_not_come_in_time_names_the_time(cause: Exception) -> None:
    failure = unanswered(cause, SERVER, 2.5, sent=True)
    assert failure.acted
    assert failure.error.message == f"{SERVER} gave no whole answer within 2.5 s."


@pytest.mark.parametrize("sent", [None, False])
def test_certificate_that_is_not_trusted_is_told_with_the_options_and_does_not_pass(sent: bool | None) -> None:
    failure = unanswered(ConnectionError(MaxRetryError(CERTIFICATE)), SERVER, 30, sent=sent)
    assert (failure.acted, failure.error.transient) == (False, False)
    assert failure.error.message.endswith("self-signed certificate (_ssl.c:1006). See validate_certs and ca_path.")


def test_client_certificate_that_is_missing_is_refused_by_the_server_before_it_acts() -> None:
    failure = unanswered(ConnectionError(MaxRetryError(NO_CERTIFICATE)), SERVER, 30, sent=True)
    assert (failure.acted, failure.error.transient) == (False, False)
    assert "certificate required" in failure.error.message


def test_tls_that_breaks_during_the_answer_leaves_a_change_unknown() -> None:
    failure = unanswered(ConnectionError(MaxRetryError(BROKEN)), SERVER, 30, sent=True)
    assert (failure.acted, failure.error.transient) == (True, True)
    assert failure.error.message == f"{SERVER} gave no whole answer before the connection broke."


def test_scheme_that_is_wrong_is_said() -> None:
    assert reason(SSLError("[SSL: WRONG_VERSION_NUMBER] wrong version number")).startswith("the server does not speak TLS there")


def test_address_that_cannot_be_used_is_the_user_s() -> None:
    failure = unanswered(InvalidURL("https://user:leak@"), SERVER, 30, sent=False)
    assert isinstance(failure.error, InvalidRequest)
    assert failure.error.message == f"{SERVER} cannot be asked: InvalidURL."


@pytest.mark.parametrize("library", ["requests", "urllib3"])
def test_classes_of_the_real_libraries_are_known(library: str) -> None:
    exceptions = pytest.importorskip(f"{library}.exceptions")
    pool = pytest.importorskip("urllib3").HTTPConnectionPool("api.example")
    connection = pool._new_conn()
    inner = pytest.importorskip("urllib3.exceptions")
    if library == "requests":
        assert not unanswered(exceptions.ConnectTimeout(inner.MaxRetryError(pool, "/", inner.ConnectTimeoutError(connection, "slow"))), SERVER, 1).acted
        assert "within 1 s" in unanswered(exceptions.ReadTimeout("slow"), SERVER, 1).error.message
        assert unanswered(exceptions.ChunkedEncodingError("cut"), SERVER, 1).acted
    else:
        assert not unanswered(inner.NewConnectionError(connection, "refused"), SERVER, 1).acted
        assert "within 1 s" in unanswered(inner.ReadTimeoutError(pool, "/", "slow"), SERVER, 1).error.message
        assert unanswered(inner.ProtocolError("cut"), SERVER, 1).acted


class LockLost(Conflict):
    keeps_state = True


def test_refusal_to_send_again_does_not_hide_what_may_have_happened() -> None:
    earlier = ProviderFailure("the answer was lost.", code="c", http_status=503, request_id="r")
    error = not_sent_again(LockLost("the lock is lost."), earlier)
    assert isinstance(error, OutcomeUnknown)
    assert error.message == "the answer was lost. It was not sent again: the lock is lost."
    assert (error.code, error.http_status, error.request_id) == ("c", 503, "r")
    # Whether anything may be undone is for the lock to say.
    assert error.keeps_state
    assert not not_sent_again(Conflict("no."), earlier).keeps_state
