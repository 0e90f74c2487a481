# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PX-Backup's calls over real HTTP: the exact requests, pages, tokens, and what every kind of error answer means."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.px_backup.client import (
    BACKUP,
    BACKUP_LOCATION,
    BACKUP_SCHEDULE,
    CLUSTER,
    RESTORE,
    RULE,
    Kind,
    Login,
    PxBackupClient,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AuthenticationFailed,
    Cancelled,
    Conflict,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    RateLimited,
    RecoveryError,
    Unsupported,
    WaitTimeout,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.core.guard import guarded
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.http import Tls
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.retry import Retry

from tests.unit.fakes import PATIENCE_S, FakeClock
from tests.unit.plugins.module_utils.clients.px_backup.answering import AnsweringServer, Reply, Request, answering

TOKEN_PATH = "/auth/realms/master/protocol/openid-connect/token"
PASSWORD = "pass&wörd %41"
Answer = Callable[[Request], Reply]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@dataclass
class Setup:
    """A client, the server that it talks to, and the secrets that it reported."""

    server: AnsweringServer
    client: PxBackupClient
    secrets: list[str] = field(default_factory=list)


def setup(
    server: AnsweringServer, token: str | None = "T0", org_id: str = "default", login: bool = False, retries: int = 2, retry: Retry | None = None
) -> Setup:
    secrets: list[str] = []
    client = PxBackupClient(
        server.url,
        org_id,
        token=token,
        login=Login(server.url, "operator", PASSWORD) if login else None,
        tls=Tls(),
        timeout_s=5,
        retry=retry or Retry(retries, lambda _seconds: None, lambda: 1000.0),
        on_secret=secrets.append,
    )
    return Setup(server, client, secrets)


@pytest.fixture
def always() -> Iterator[Callable[..., Setup]]:
    """A setup whose server gives the same answer to everything."""
    servers: list[AnsweringServer] = []

    def make(reply: Reply, **options: Any) -> Setup:
        server = AnsweringServer(lambda _request: reply).__enter__()
        servers.append(server)
        return setup(server, **options)

    yield make
    for server in servers:
        server.__exit__()


# -- The exact requests


def test_inspect(always: Callable[..., Setup]) -> None:
    made = always(Reply(body={"restore": {"metadata": {"name": "r"}, "restore_info": {}}}))
    assert made.client.inspect(RESTORE, "r", "u-1") == {"metadata": {"name": "r"}, "restore_info": {}}
    (request,) = made.server.requests
    assert (request.method, request.path, request.query, request.body) == ("GET", "/v1/restore/default/r", [("uid", "u-1")], b"")
    assert request.headers["authorization"] == "Bearer T0"


def test_create(always: Callable[..., Setup]) -> None:
    made = always(Reply(body={"backup": {"metadata": {"uid": "u-1"}}}))
    body = {"metadata": {"name": "ü", "labels": {}}, "namespaces": ["a"], "direct_kdmp": False}
    assert made.client.create(BACKUP, body) == {"metadata": {"uid": "u-1"}}
    (request,) = made.server.requests
    assert (request.method, request.path, request.query, request.json) == ("POST", "/v1/backup", [], body)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer T0"


def test_update(always: Callable[..., Setup]) -> None:
    made = always(Reply())
    made.client.update(RESTORE, {"metadata": {"name": "r", "labels": {"a": "b"}}})
    (request,) = made.server.requests
    assert (request.method, request.path, request.query) == ("PUT", "/v1/restore", [])
    assert request.json == {"metadata": {"name": "r", "labels": {"a": "b"}}}


def test_delete(always: Callable[..., Setup]) -> None:
    made = always(Reply())
    made.client.delete(BACKUP, "b", "u-1", [("cluster_ref.name", "prod 1"), ("cluster_ref.uid", "c-1")])
    (request,) = made.server.requests
    assert (request.method, request.path, request.body) == ("DELETE", "/v1/backup/default/b", b"")
    assert request.query == [("uid", "u-1"), ("cluster_ref.name", "prod 1"), ("cluster_ref.uid", "c-1")]


@pytest.mark.parametrize(
    ("kind", "path", "key", "paged"),
    [
        (BACKUP, "backup", "backups", True),
        (RESTORE, "restore", "restores", True),
        (BACKUP_SCHEDULE, "backupschedule", "backup_schedules", True),
        (CLUSTER, "cluster", "clusters", False),
        (BACKUP_LOCATION, "backuplocation", "backup_locations", False),
        (RULE, "rule", "rules", False),
    ],
)
def test_enumerate(always: Callable[..., Setup], kind: Kind, path: str, key: str, paged: bool) -> None:
    made = always(Reply(body={key: [{"metadata": {"uid": "1"}}]}))
    options = [("status", "Failed"), ("status", "Aborted"), ("name_filter", "a&b=c d")] if paged else []
    assert list(made.client.enumerate(kind, options)) == [{"metadata": {"uid": "1"}}]
    request = made.server.requests[0]
    assert (request.method, request.path) == ("GET", f"/v1/{path}/default")
    pages = [("enumerate_options.max_objects", "200"), ("enumerate_options.object_index", "0")] if paged else []
    assert sorted(request.query) == sorted([*((f"enumerate_options.{name}", value) for name, value in options), *pages])


NAMES = ["a b", "a/b", "100%", "what?", "#1", "ü", "a&b=c", "a+b", "%41", "%2F", "a;b", "a:b@c", "~x", "'\"", "日本"]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_percent_encoded_once(always: Callable[..., Setup], name: str) -> None:
    made = always(Reply(body={"restore": {"metadata": {}}}), org_id=name)
    made.client.inspect(RESTORE, name, name)
    made.client.delete(RESTORE, name, name)
    encoded = quote(name, safe="")
    assert made.server.sent == [f"GET /v1/restore/{encoded}/{encoded}", f"DELETE /v1/restore/{encoded}/{encoded}"]
    assert [request.query for request in made.server.requests] == [[("uid", name)], [("uid", name)]]


@pytest.mark.parametrize("body", [{}, {"restore": None}, {"restore": {}}, "", "[]"])
def test_create_without_the_object_in_the_answer_is_an_unknown_outcome(always: Callable[..., Setup], body: Any) -> None:
    made = always(Reply(body=body))
    with pytest.raises(OutcomeUnknown):
        made.client.create(RESTORE, {"metadata": {"name": "r"}})
    assert made.server.sent == ["POST /v1/restore"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_create_is_never_sent_twice(always: Callable[..., Setup], status: int) -> None:
    made = always(Reply(status, {"message": "broken", "code": 13}))
    with pytest.raises(OutcomeUnknown) as raised:
        made.client.create(RESTORE, {"metadata": {"name": "r"}})
    assert made.server.sent == ["POST /v1/restore"]
    assert raised.value.http_status == status


# -- Pages


def listed(*names: str) -> list[dict[str, Any]]:
    return [{"metadata": {"name": name, "uid": f"u-{name}"}} for name in names]


def names_of(items: Any) -> list[str]:
    return [item["metadata"]["name"] for item in items]


def pages(objects: list[dict[str, Any]], cap: int, key: str = "restores", total: bool = True, between: Callable[[int], None] = lambda _number: None) -> Answer:
    """A server that caps its pages; ``between`` is called with the number of each request before it is answered."""
    count = [0]

    def answer(request: Request) -> Reply:
        between(count[0])
        count[0] += 1
        query = dict(request.query)
        start = int(query.get("enumerate_options.object_index", 0))
        size = min(int(query.get("enumerate_options.max_objects", cap)) or cap, cap)
        return Reply(body={key: objects[start : start + size], **({"total_count": str(len(objects))} if total else {})})

    return answer


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("cap", [1, 3, 7, 100])
def test_all_pages_are_read_whatever_the_server_caps(cap: int, total: bool) -> None:
    with answering(pages(listed(*"abcdefg"), cap, total=total)) as server:
        assert names_of(setup(server).client.enumerate(RESTORE)) == list("abcdefg")
        assert len(server.requests) <= 7 // cap + 2


def test_page_size_is_asked_for() -> None:
    with answering(pages(listed(*"abc"), 100)) as server:
        assert names_of(setup(server).client.enumerate(RESTORE, page_size=2)) == ["a", "b", "c"]
        asked = [(dict(request.query)["enumerate_options.max_objects"], dict(request.query)["enumerate_options.object_index"]) for request in server.requests]
        assert asked[:2] == [("2", "0"), ("2", "2")]


def test_pages_are_read_only_as_far_as_they_are_used() -> None:
    with answering(pages(listed(*"abcdefg"), 2)) as server:
        reading = setup(server).client.enumerate(RESTORE)
        assert names_of([next(reading), next(reading)]) == ["a", "b"]
        assert len(server.requests) == 1


@pytest.mark.parametrize("total", [{}, {"total_count": "3"}, {"total_count": "3", "complete": True}])
def test_server_that_ignores_the_index_gives_everything_once_and_is_not_asked_for_ever(always: Callable[..., Setup], total: dict[str, Any]) -> None:
    made = always(Reply(body={"restores": listed(*"abc"), **total}))
    assert names_of(made.client.enumerate(RESTORE)) == ["a", "b", "c"]
    assert len(made.server.requests) <= 2


def test_list_that_announces_objects_and_brings_none_is_no_empty_list(always: Callable[..., Setup]) -> None:
    """A deletion would otherwise be called done for want of an object."""
    made = always(Reply(body={"total_count": "3"}))
    with pytest.raises(ProviderFailure, match="announced 3"):
        list(made.client.enumerate(RESTORE))


@pytest.mark.parametrize("body", [{}, {"restores": []}, {"restores": None, "total_count": "0", "complete": True}])
def test_empty_answer_is_an_empty_list(always: Callable[..., Setup], body: dict[str, Any]) -> None:
    made = always(Reply(body=body))
    assert list(made.client.enumerate(RESTORE)) == []
    assert len(made.server.requests) == 1


@pytest.mark.parametrize("gone", ["a", "b", "g"])
def test_object_deleted_between_pages_hides_no_other(gone: str) -> None:
    objects = listed(*"abcdefg")

    def between(number: int) -> None:
        if number == 1:
            objects[:] = [item for item in objects if item["metadata"]["name"] != gone]

    with answering(pages(objects, 2, between=between)) as server:
        names = names_of(setup(server).client.enumerate(RESTORE))
    assert set(names) - {gone} == set("abcdefg") - {gone}
    assert len(names) == len(set(names))


def test_object_made_between_pages_hides_no_other_and_none_comes_twice() -> None:
    """Newest first: two new ones push the whole first page into the second."""
    objects = listed(*"abcdefg")

    def between(number: int) -> None:
        if number == 1:
            objects[:0] = listed("new1", "new2")

    with answering(pages(objects, 2, between=between)) as server:
        names = names_of(setup(server).client.enumerate(RESTORE))
    assert set("abcdefg") <= set(names)
    assert len(names) == len(set(names))


def test_list_that_shrinks_all_the_time_ends() -> None:
    objects = listed(*(str(number) for number in range(40)))

    def between(_number: int) -> None:
        del objects[0]

    with answering(pages(objects, 3, between=between)) as server:
        names = names_of(setup(server).client.enumerate(RESTORE))
        assert len(server.requests) < 60
    assert len(names) == len(set(names))


def test_older_server_gives_all_clusters_at_once_and_sees_no_page_options(always: Callable[..., Setup]) -> None:
    made = always(Reply(body={"clusters": listed(*"abc")}))
    assert names_of(made.client.enumerate(CLUSTER)) == ["a", "b", "c"]
    assert [request.query for request in made.server.requests] == [[]]


def test_newer_server_caps_the_clusters() -> None:
    with answering(pages(listed(*"abcdefg"), 3, key="clusters")) as server:
        assert names_of(setup(server).client.enumerate(CLUSTER)) == list("abcdefg")
        indexes = [dict(request.query).get("enumerate_options.object_index") for request in server.requests]
        assert indexes == [None, "3", "6"]


# -- What an error answer means

ERRORS: list[tuple[int, Any, type[RecoveryError], str | None]] = [
    (408, {"code": 1, "message": "canceled"}, ProviderFailure, "Canceled"),
    (500, {"code": 2, "message": "strange"}, ProviderFailure, "Unknown"),
    (400, {"code": 3, "message": "bad name"}, InvalidRequest, "InvalidArgument"),
    (504, {"code": 4, "message": "slow"}, ProviderFailure, "DeadlineExceeded"),
    (404, {"code": 5, "message": "object not found"}, NotFound, "NotFound"),
    (409, {"code": 6, "message": "exists"}, Conflict, "AlreadyExists"),
    (403, {"code": 7, "message": "no"}, AuthenticationFailed, "PermissionDenied"),
    (429, {"code": 8, "message": "slow down"}, RateLimited, "ResourceExhausted"),
    (400, {"code": 9, "message": "not now"}, InvalidRequest, "FailedPrecondition"),
    (409, {"code": 10, "message": "aborted"}, Conflict, "Aborted"),
    (400, {"code": 11, "message": "out of range"}, InvalidRequest, "OutOfRange"),
    (501, {"code": 12, "message": "no such thing"}, Unsupported, "Unimplemented"),
    (500, {"code": 13, "message": "broken"}, ProviderFailure, "Internal"),
    (503, {"code": 14, "message": "away"}, ProviderFailure, "Unavailable"),
    (500, {"code": 15, "message": "lost"}, ProviderFailure, "DataLoss"),
    (401, {"code": 16, "message": "token"}, AuthenticationFailed, "Unauthenticated"),
    # The code wins over the text.
    (500, {"code": 13, "message": "volume not found"}, ProviderFailure, "Internal"),
    (400, {"code": 3, "message": "name already exists"}, InvalidRequest, "InvalidArgument"),
    # Where the code says nothing, the text does.
    (500, {"code": 2, "message": "failed to retrieve cluster [x]: object not found"}, NotFound, "NotFound"),
    (500, {"code": 2, "message": "Object Not Found"}, NotFound, "NotFound"),
    (500, {"error": "restore [r] already exists", "code": 2}, Conflict, "AlreadyExists"),
    (500, {"code": 2, "message": "rpc error: code = PermissionDenied desc = Access denied for [Resource: role]"}, AuthenticationFailed, "PermissionDenied"),
    (500, {"code": 2, "message": "user doesn't have permission to restore backup"}, AuthenticationFailed, "PermissionDenied"),
    (500, {"message": "object not found"}, NotFound, "NotFound"),
    # Then the status.
    (400, "nonsense", InvalidRequest, "InvalidArgument"),
    (401, "Jwt expired", AuthenticationFailed, "Unauthenticated"),
    (403, "RBAC", AuthenticationFailed, "PermissionDenied"),
    (409, "", Conflict, "AlreadyExists"),
    (429, "", RateLimited, "ResourceExhausted"),
    (404, {"message": "object not found"}, NotFound, "NotFound"),
    (404, "Not Found", Unsupported, None),
    (404, "404 page not found", Unsupported, None),
    (404, {"message": "no route"}, Unsupported, None),
    (502, "bad gateway", ProviderFailure, None),
]


@pytest.mark.parametrize(("status", "body", "kind", "code"), ERRORS)
def test_meaning_of_an_error_answer(always: Callable[..., Setup], status: int, body: Any, kind: type[RecoveryError], code: str | None) -> None:
    made = always(Reply(status, body, {"X-Request-Id": "req-7"}))
    with pytest.raises(RecoveryError) as raised:
        made.client.inspect(RESTORE, "r", "u")
    error = raised.value
    assert error.kind == kind.__name__
    assert (error.code, error.http_status, error.request_id) == (code, status, "req-7")
    assert error.transient == (kind in (ProviderFailure, RateLimited))
    assert len(made.server.requests) == (3 if error.transient else 1)
    text = (body.get("message") or body.get("error")) if isinstance(body, dict) else ""
    if kind is not Unsupported or status != 404:
        assert str(text) in error.message
        assert f"HTTP {status}" in error.message


def test_missing_route_is_told_from_a_missing_object(always: Callable[..., Setup]) -> None:
    made = always(Reply(404, "Not Found"))
    for attempt in (lambda: made.client.inspect(RESTORE, "r", "u"), lambda: list(made.client.enumerate(RESTORE))):
        with pytest.raises(Unsupported, match=r"no such call.*api_url.*10001"):
            attempt()


def test_error_shows_no_token(always: Callable[..., Setup]) -> None:
    made = always(Reply(401, {"code": 16, "message": "denied"}), token="SECRET-TOKEN")
    with pytest.raises(AuthenticationFailed) as raised:
        made.client.inspect(RESTORE, "r", "u")
    assert "SECRET-TOKEN" not in raised.value.message


# -- Tokens


class TokenServer:
    """Knows one good token at a time, gives a new one at each login, and refuses every other."""

    def __init__(self, good: str, password_is_right: bool = True) -> None:
        self.good, self.logins, self._right = good, 0, password_is_right

    def __call__(self, request: Request) -> Reply:
        if request.path == TOKEN_PATH:
            self.logins += 1
            if not self._right:
                return Reply(401, {"error": "invalid_grant", "error_description": "Invalid user credentials"})
            self.good = f"T{self.logins}"
            return Reply(body={"access_token": self.good})
        if request.headers.get("authorization") != f"Bearer {self.good}":
            return Reply(401, {"code": 16, "message": "token expired"})
        return Reply(body={"restore": {"metadata": {"uid": "1"}}, "restores": []})


def test_login_request() -> None:
    with answering(TokenServer("none")) as server:
        setup(server, token=None, login=True).client.inspect(RESTORE, "r", "u")
        request = server.requests[0]
        assert (request.method, request.path, request.query) == ("POST", TOKEN_PATH, [])
        assert request.form == {"grant_type": "password", "client_id": "pxcentral", "username": "operator", "password": PASSWORD, "token-duration": "7d"}
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        assert "authorization" not in request.headers
        assert server.requests[1].headers["authorization"] == "Bearer T1"


def test_one_login_serves_all_requests_and_its_token_is_told_as_a_secret() -> None:
    answers = TokenServer("none")
    with answering(answers) as server:
        made = setup(server, token=None, login=True)
        for _time in range(3):
            made.client.inspect(RESTORE, "r", "u")
        assert answers.logins == 1
        assert made.secrets == ["T1"]


def test_nothing_is_sent_before_the_first_call() -> None:
    with answering(TokenServer("none")) as server:
        setup(server, token=None, login=True)
        assert server.requests == []


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.inspect(RESTORE, "r", "u"),
        lambda client: list(client.enumerate(RESTORE)),
        lambda client: client.create(RESTORE, {"metadata": {"name": "r"}}),
        lambda client: client.update(RESTORE, {"metadata": {"name": "r"}}),
        lambda client: client.delete(RESTORE, "r", "u"),
    ],
    ids=["inspect", "enumerate", "create", "update", "delete"],
)
def test_refused_token_is_renewed_once_and_the_request_sent_again(call: Callable[[PxBackupClient], Any]) -> None:
    answers = TokenServer("another")
    with answering(answers) as server:
        made = setup(server, token="T0", login=True)
        call(made.client)
        assert [request.path == TOKEN_PATH for request in server.requests] == [False, True, False]
        first, _login, second = server.requests
        assert (first.method, first.path, first.query, first.body) == (second.method, second.path, second.query, second.body)
        assert second.headers["authorization"] == "Bearer T1"
        assert made.secrets == ["T1"]


def test_token_is_renewed_by_one_of_many_threads() -> None:
    answers = TokenServer("another")
    together = threading.Barrier(6, timeout=5)

    def answer(request: Request) -> Reply:
        if request.headers.get("authorization") == "Bearer T0":
            together.wait()
        return answers(request)

    with answering(answer) as server:
        client = setup(server, token="T0", login=True).client
        with ThreadPoolExecutor(6) as pool:
            looks = [pool.submit(client.inspect, RESTORE, "r", "u") for _number in range(6)]
        assert [look.result() for look in looks] == [{"metadata": {"uid": "1"}}] * 6
        assert answers.logins == 1


def test_token_that_is_refused_again_after_renewal_ends_it() -> None:
    def answer(request: Request) -> Reply:
        return Reply(body={"access_token": "T1"}) if request.path == TOKEN_PATH else Reply(401, {"code": 16, "message": "no"})

    with answering(answer) as server:
        with pytest.raises(AuthenticationFailed):
            setup(server, login=True).client.inspect(RESTORE, "r", "u")
        assert [request.path == TOKEN_PATH for request in server.requests] == [False, True, False]


def test_list_without_an_end_ends_with_the_task() -> None:
    clock = FakeClock()
    waiter = clock.waiter(60)

    def answer(_request: Request) -> Reply:
        clock.now += 20
        return Reply(body={"restores": listed(f"r{clock.now}"), "total_count": 1000})

    with answering(answer) as server:
        with pytest.raises(WaitTimeout, match="restores could not be read to the end, 3 were"):
            list(setup(server, retry=Retry.within(waiter, 0)).client.enumerate(RESTORE))
        assert len(server.requests) == 3


@pytest.mark.parametrize("token", [None, "T0"])
def test_wrong_password_is_tried_once_and_not_shown(token: str | None) -> None:
    """Keycloak locks an account after some wrong passwords."""
    answers = TokenServer("another", password_is_right=False)
    with answering(answers) as server:
        with pytest.raises(AuthenticationFailed, match="auth_url, username and password") as raised:
            setup(server, token=token, login=True).client.inspect(RESTORE, "r", "u")
        shown = f"{raised.value!r} {raised.value.message} {raised.value.__cause__!r} {raised.value.as_result()}"
        for form in (PASSWORD, quote(PASSWORD), quote(PASSWORD, safe="")):
            assert form not in shown
        assert "Invalid user credentials" in raised.value.message
        assert answers.logins == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_password_is_not_sent_on_when_the_login_redirects(status: int) -> None:
    """Not to the other server, and not to the same one again."""
    with answering(lambda _request: Reply(body={"access_token": "stolen"})) as other:
        with answering(lambda _request: Reply(status, "", {"Location": f"{other.url}/leak"})) as server:
            with pytest.raises(InvalidRequest) as raised:
                setup(server, token=None, login=True).client.inspect(RESTORE, "r", "u")
            assert len(server.requests) == 1
        assert other.requests == []
    assert raised.value.message == f"{server.url} redirects to {other.url}, which is not followed: give the address that answers itself as auth_url."


def test_guard_is_asked_after_the_login_and_again_after_the_renewal() -> None:
    seen: list[list[bool]] = []
    with answering(TokenServer("another")) as server, guarded(lambda: seen.append([request.path == TOKEN_PATH for request in server.requests])):
        setup(server, token="T0", login=True).client.inspect(RESTORE, "r", "u")
    assert seen == [[], [False, True]]


def test_thread_that_waits_for_the_login_of_another_ends_with_the_task() -> None:
    waiter, never = Waiter(600, 15), threading.Event()

    def answer(_request: Request) -> Reply:
        never.wait(3 * PATIENCE_S)
        return Reply(503)

    with answering(answer) as server, ThreadPoolExecutor(2) as pool:
        client = setup(server, token=None, login=True, retry=Retry.within(waiter, 5)).client
        both = [pool.submit(client.inspect, RESTORE, "r", "u") for _thread in range(2)]
        while not server.requests:
            time.sleep(0.01)
        waiter.cancel()
        began = time.monotonic()
        assert [type(future.exception(PATIENCE_S)) for future in both] == [Cancelled] * 2
        assert time.monotonic() - began < PATIENCE_S
        never.set()


def test_login_object_shows_no_credentials() -> None:
    assert PASSWORD not in repr(Login("http://x", "operator", PASSWORD))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, {}), AuthenticationFailed),
        (Reply(400, {"error": "invalid_client"}), AuthenticationFailed),
        (Reply(404, "nothing here"), AuthenticationFailed),
        (Reply(503, "starting"), ProviderFailure),
        (Reply(429, ""), RateLimited),
    ],
)
def test_login_that_gives_no_token(reply: Reply, kind: type[RecoveryError]) -> None:
    with answering(lambda _request: reply) as server:
        with pytest.raises(kind) as raised:
            setup(server, token=None, login=True).client.inspect(RESTORE, "r", "u")
        assert PASSWORD not in raised.value.message
        assert {request.path for request in server.requests} == {TOKEN_PATH}
        assert len(server.requests) == (3 if raised.value.transient else 1)


def test_fixed_token_that_is_refused_says_what_to_do(always: Callable[..., Setup]) -> None:
    made = always(Reply(401, {"code": 16, "message": "token expired"}))
    with pytest.raises(AuthenticationFailed, match=r"renew it, or give auth_url, username and password"):
        made.client.inspect(RESTORE, "r", "u")
    assert len(made.server.requests) == 1


def test_permission_that_is_missing_is_no_reason_to_log_in() -> None:
    def answer(request: Request) -> Reply:
        assert request.path != TOKEN_PATH
        return Reply(403, {"code": 7, "message": "Access denied"})

    with answering(answer) as server:
        with pytest.raises(AuthenticationFailed, match="Access denied"):
            setup(server, login=True).client.inspect(RESTORE, "r", "u")
        assert len(server.requests) == 1


def test_token_of_the_task_is_sent_to_nobody_but_the_server() -> None:
    with answering(TokenServer("another")) as server:
        setup(server, token="T0", login=True).client.inspect(RESTORE, "r", "u")
        login = next(request for request in server.requests if request.path == TOKEN_PATH)
        assert "T0" not in str(login)
