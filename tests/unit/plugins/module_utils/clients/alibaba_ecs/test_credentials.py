# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signs: access keys, tokens, roles that are assumed, and the RAM role of an ECS instance; all that expires is renewed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.credentials import AUTO, Credentials, Role
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AuthenticationFailed,
    Conflict,
    InvalidRequest,
    ProviderFailure,
    RecoveryError,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.core.guard import guarded
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.session import Tls

from tests.unit.fakes import PATIENCE_S
from tests.unit.plugins.module_utils.clients.alibaba_ecs.bench import SECRET, assumed, bench, fields, ok, refused, signature
from tests.unit.scripted_server import Reply, Served, free_port, serve

ARN = "acs:ram::123:role/recovery"
EXPIRED = refused(400, "InvalidSecurityToken.Expired")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def with_role(sts: Served, **role: Any) -> Credentials:
    return Credentials("LTAI-own", SECRET, role=Role(ARN, **role), sts_url=sts.url)


def read(made: Any) -> None:
    made.client.read("disks", "DescribeDisks")


def test_no_credentials_names_the_options_and_the_variables() -> None:
    for given in (Credentials(), Credentials(role=Role(ARN))):
        with pytest.raises(AuthenticationFailed) as failure, bench(credentials=given):
            pass
        for word in ("access_key_id", "access_key_secret", "ALIBABA_CLOUD_ACCESS_KEY_ID", "security_token", "ecs_ram_role"):
            assert word in failure.value.message


def test_given_secrets_are_told_and_a_given_token_is_not_renewed() -> None:
    with bench(EXPIRED, credentials=Credentials("id", SECRET, "token-1")) as made:
        pytest.raises(AuthenticationFailed, read, made).match("security_token")
    assert made.secrets == [SECRET, "token-1"]
    assert len(made.sent) == 1


def test_role_is_assumed_once_and_its_keys_sign() -> None:
    with serve(assumed()) as sts, bench(ok(), credentials=with_role(sts, external_id="x-1", duration_s=900)) as made:
        assert sts.asked == []
        read(made)
        made.client.at("us-west-1").change("x", "CreateDisk", {}, token="t")
    [asked] = [fields(each) for each in sts.asked]
    assert {name: asked[name] for name in ("Action", "Version", "RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId", "AccessKeyId")} == {
        "Action": "AssumeRole",
        "Version": "2015-04-01",
        "RoleArn": ARN,
        "RoleSessionName": "multicloud-recovery",
        "DurationSeconds": "900",
        "ExternalId": "x-1",
        "AccessKeyId": "LTAI-own",
    }
    assert asked["Signature"] == signature(asked, SECRET)
    assert made.values("AccessKeyId") == ["STS.1"] * 2
    assert made.values("SecurityToken") == ["sts+token/1=="] * 2
    assert all(sent["Signature"] == signature(sent, "sts-secret-1") for sent in made.sent)
    assert made.secrets == [SECRET, "sts-secret-1", "sts+token/1=="]


def test_role_is_assumed_with_a_token_too() -> None:
    with serve(assumed()) as sts, bench(ok(), credentials=Credentials("id", SECRET, "own", role=Role(ARN), sts_url=sts.url)) as made:
        read(made)
    asked = fields(sts.asked[0])
    assert asked["SecurityToken"] == "own"
    assert "ExternalId" not in asked


def test_three_hours_of_waiting_with_keys_of_fifteen_minutes_go_through() -> None:
    keys = [assumed(number) for number in range(1, 40)]
    with serve(*keys) as sts, bench(ok(), credentials=with_role(sts, duration_s=900), wait_s=4 * 3600) as made:
        ends: dict[str, float] = {}
        for _look in range(3 * 240):
            read(made)
            used = fields(made.server.asked[-1])["AccessKeyId"]
            assert made.clock.now < ends.setdefault(used, made.clock.now + 900)
            made.clock.sleep(15)
    assert 12 <= len(sts.asked) <= 16
    assert len(made.secrets) == 1 + 2 * len(sts.asked)


def test_key_that_is_refused_as_expired_is_renewed_once_and_the_request_repeated_at_once() -> None:
    with serve(assumed(1), assumed(2)) as sts, bench(EXPIRED, ok(), credentials=with_role(sts)) as made:
        made.client.change("reset disk", "ResetDisk", {})
    assert made.values("AccessKeyId") == ["STS.1", "STS.2"]
    assert made.clock.pauses == []
    with serve(assumed(1), assumed(2)) as sts, bench(EXPIRED, credentials=with_role(sts)) as made:
        pytest.raises(AuthenticationFailed, read, made)
    assert len(made.sent) == 2


def test_threads_renew_once() -> None:
    hold = threading.Event()
    first = Reply(body=assumed(1).body, hold=hold)
    with serve(first, assumed(2)) as sts, bench(ok(), credentials=with_role(sts)) as made, ThreadPoolExecutor(8) as pool:
        reads = [pool.submit(read, made) for _each in range(8)]
        while not sts.asked:
            pass
        hold.set()
        for each in reads:
            each.result(PATIENCE_S)
        assert len(sts.asked) == 1
        made.clock.sleep(3400)
        for each in [pool.submit(read, made) for _each in range(8)]:
            each.result(PATIENCE_S)
    assert len(sts.asked) == 2


def test_renewal_that_fails_is_no_matter_while_the_key_is_good() -> None:
    with serve(assumed(1), refused(503, "ServiceUnavailable"), assumed(2)) as sts, bench(ok(), credentials=with_role(sts, duration_s=900)) as made:
        read(made)
        made.clock.sleep(800)
        read(made)
        read(made)
        assert len(sts.asked) == 2
        made.clock.sleep(31)
        read(made)
    assert made.values("AccessKeyId") == ["STS.1"] * 3 + ["STS.2"]


def test_renewal_that_fails_for_a_passing_reason_is_tried_again_and_is_no_unknown_outcome() -> None:
    with serve(refused(503, "ServiceUnavailable"), refused(400, "Throttling"), assumed(1)) as sts, bench(ok(), credentials=with_role(sts)) as made:
        made.client.change("reset disk", "ResetDisk", {})
    assert len(made.sent) == 1
    unreached = Credentials("id", SECRET, role=Role(ARN), sts_url=f"http://127.0.0.1:{free_port()}")
    with bench(ok(), retries=1, credentials=unreached) as made:
        failure = pytest.raises(ProviderFailure, made.client.change, "reset disk", "ResetDisk", {})
    assert failure.value.__class__ is ProviderFailure
    assert f"could not reset disk: could not assume the role {ARN}: could not connect" in failure.value.message
    assert not made.client.acted()


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (refused(404, "EntityNotExist.Role", "The role not exists: recovery."), AuthenticationFailed, "Correct role_arn"),
        (refused(403, "NoPermission", "You are not authorized to do this action."), AuthenticationFailed, "Grant sts:AssumeRole"),
        (refused(403, "NoPermission"), AuthenticationFailed, "trust policy"),
        (refused(404, "InvalidAccessKeyId.NotFound"), AuthenticationFailed, "access_key_id"),
        (refused(400, "InvalidParameter.DurationSeconds", "The Max value is 3600."), InvalidRequest, "3600"),
        (Reply(404, "page"), InvalidRequest, "could not assume the role"),
        (ok(), ProviderFailure, "without credentials"),
        (ok(Credentials={"AccessKeyId": "a"}), ProviderFailure, "without credentials"),
        (ok(Credentials=[]), ProviderFailure, "without credentials"),
    ],
)
def test_role_that_cannot_be_assumed_never_looks_like_something_absent(reply: Reply, kind: type[RecoveryError], words: str) -> None:
    with serve(reply) as sts, bench(ok(), retries=0, credentials=with_role(sts)) as made:
        failure = pytest.raises(RecoveryError, made.client.change, "delete snapshot s-1", "DeleteSnapshot", {}, repeatable=True)
    assert failure.value.__class__ is kind
    assert failure.value.message.startswith(f"could not delete snapshot s-1: could not assume the role {ARN}: ")
    assert words in failure.value.message
    assert made.server.asked == []


def test_guard_has_no_say_in_logins() -> None:
    def check() -> None:
        raise Conflict("the lock is lost.")

    with serve(assumed(1)) as sts, bench(ok(), credentials=with_role(sts)) as made, guarded(check):
        pytest.raises(Conflict, read, made)
    assert (len(sts.asked), len(made.server.asked)) == (1, 0)


def instance_key(number: int = 1, lifetime_s: int = 6 * 3600, **more: Any) -> Reply:
    ends = datetime.now(timezone.utc) + timedelta(seconds=lifetime_s)
    wire = {"AccessKeyId": f"STS.vm{number}", "AccessKeySecret": f"vm-secret-{number}", "SecurityToken": f"vm-token-{number}", "Code": "Success"}
    return Reply(body=json.dumps({**wire, "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ"), **more}))


class OnInstance(NamedTuple):
    metadata: Served
    credentials: Credentials


@contextmanager
def on_instance(*replies: Reply, role: str = "backup-role", **more: Any) -> Iterator[OnInstance]:
    with serve(*replies) as metadata:
        yield OnInstance(metadata, Credentials(ecs_ram_role=role, metadata_url=metadata.url, **more))


TOKEN = Reply(body="imds-token-1")
ROLES = "/latest/meta-data/ram/security-credentials/"


def header(metadata: Served, number: int) -> str | None:
    return next((value for name, value in metadata.asked[number].headers.items() if name.lower() == "x-aliyun-ecs-metadata-token"), None)


def test_instance_gives_its_keys_for_a_token() -> None:
    with on_instance(TOKEN, instance_key()) as on, bench(ok(), credentials=on.credentials) as made:
        read(made)
        read(made)
    assert [(asked.method, asked.path) for asked in on.metadata.asked] == [("PUT", "/latest/api/token"), ("GET", f"{ROLES}backup-role")]
    assert on.metadata.asked[0].headers["X-aliyun-ecs-metadata-token-ttl-seconds"] == "21600"
    assert header(on.metadata, 1) == "imds-token-1"
    assert made.values("AccessKeyId") == ["STS.vm1"] * 2
    assert made.sent[0]["Signature"] == signature(made.sent[0], "vm-secret-1")
    assert made.secrets == ["imds-token-1", "vm-secret-1", "vm-token-1"]


@pytest.mark.parametrize("status", [404, 405])
def test_instance_without_tokens_is_asked_without_one(status: int) -> None:
    with on_instance(Reply(status, "no"), instance_key()) as on, bench(ok(), credentials=on.credentials) as made:
        read(made)
    assert header(on.metadata, 1) is None


def test_role_of_an_instance_is_found() -> None:
    replies = (TOKEN, Reply(body="its-role\n"), instance_key())
    with on_instance(*replies, role=AUTO) as on, bench(ok(), credentials=on.credentials) as made:
        read(made)
    assert [asked.path for asked in on.metadata.asked[1:]] == [ROLES, f"{ROLES}its-role"]


def test_instance_is_asked_past_every_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_instance(TOKEN, instance_key()) as on, bench(ok(), retries=0, credentials=on.credentials) as made:
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        pytest.raises(ProviderFailure, read, made).match("proxy")
    assert len(on.metadata.asked) == 2


def test_key_of_an_instance_is_renewed_before_it_ends() -> None:
    with on_instance(TOKEN, instance_key(1, 3600), TOKEN, instance_key(2)) as on, bench(ok(), credentials=on.credentials) as made:
        read(made)
        made.clock.sleep(3200)
        read(made)
        made.clock.sleep(200)
        read(made)
    assert made.values("AccessKeyId") == ["STS.vm1"] * 2 + ["STS.vm2"]
    assert len(on.metadata.asked) == 4


def test_key_of_an_instance_that_is_refused_as_expired_is_fetched_anew() -> None:
    with on_instance(TOKEN, instance_key(1), TOKEN, instance_key(2)) as on, bench(EXPIRED, ok(), credentials=on.credentials) as made:
        read(made)
    assert made.values("AccessKeyId") == ["STS.vm1", "STS.vm2"]


def test_instance_can_assume_a_role_and_both_keys_are_renewed() -> None:
    with serve(EXPIRED, assumed(1)) as sts, serve(TOKEN, instance_key(1), TOKEN, instance_key(2)) as metadata:
        credentials = Credentials(ecs_ram_role="r", metadata_url=metadata.url, role=Role(ARN), sts_url=sts.url)
        with bench(ok(), credentials=credentials) as made:
            read(made)
    assert [fields(asked)["AccessKeyId"] for asked in sts.asked] == ["STS.vm1", "STS.vm2"]
    assert made.values("AccessKeyId") == ["STS.1"]


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ((TOKEN, Reply(404, "")), "does not have the RAM role backup-role: correct ecs_ram_role"),
        ((Reply(403, ""),), r"refuses its token \(HTTP 403\)"),
        ((TOKEN, Reply(401, "")), "refuses its credentials"),
    ],
)
def test_instance_that_gives_no_key_says_why(replies: tuple[Reply, ...], words: str) -> None:
    with on_instance(*replies) as on, bench(ok(), credentials=on.credentials) as made:
        pytest.raises(AuthenticationFailed, read, made).match(words)
    assert made.server.asked == []


def test_instance_without_a_role_says_so() -> None:
    with on_instance(TOKEN, Reply(404, ""), role=AUTO) as on, bench(ok(), credentials=on.credentials) as made:
        pytest.raises(AuthenticationFailed, read, made).match("the instance has no RAM role")


@pytest.mark.parametrize("answer", [Reply(body="no json"), Reply(body="[]"), Reply(body="{}"), instance_key(Expiration="soon"), instance_key(SecurityToken="")])
def test_answer_of_an_instance_without_a_key_is_tried_again(answer: Reply) -> None:
    with on_instance(TOKEN, answer, TOKEN, instance_key()) as on, bench(ok(), credentials=on.credentials) as made:
        read(made)
    assert made.values("AccessKeyId") == ["STS.vm1"]


def test_metadata_service_that_is_not_there_is_told_at_once() -> None:
    with bench(ok(), credentials=Credentials(ecs_ram_role="r", metadata_url=f"http://127.0.0.1:{free_port()}")) as made:
        failure = pytest.raises(AuthenticationFailed, read, made)
    assert "could not get credentials from the metadata service: could not connect" in failure.value.message
    assert "ECS instances only" in failure.value.message
    assert made.clock.pauses == []


def test_silent_metadata_service_is_given_two_seconds() -> None:
    with on_instance(Reply(hold=threading.Event())) as on, bench(ok(), credentials=on.credentials, timeout_s=60) as made:
        pytest.raises(AuthenticationFailed, read, made).match("within 2 s")


def test_client_certificate_is_not_shown_to_sts() -> None:
    with serve(assumed()) as sts, bench(ok(), credentials=with_role(sts), tls=Tls(True, None, "/c.pem", "/k.pem")) as made:
        session = made.client._session
        assert (session._keys._http._cert, session._http._cert) == (None, ("/c.pem", "/k.pem"))
