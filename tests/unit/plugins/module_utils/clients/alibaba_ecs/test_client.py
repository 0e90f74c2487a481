# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes out to Alibaba Cloud and how an answer is made of it: parameters, signatures, addresses, repetition, tokens, lost answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs import signing
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.client import ECS, VPC
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.credentials import Credentials
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.signing import STS, Call, address, flattened
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AuthenticationFailed,
    Cancelled,
    Conflict,
    InvalidRequest,
    MissingLibrary,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    RateLimited,
    RecoveryError,
    WaitTimeout,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.core.guard import guarded
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.http import Tls

from tests.unit.plugins.module_utils.clients.alibaba_ecs.bench import SECRET, bench, ok, refused, signature
from tests.unit.scripted_server import Reply, free_port, self_signed, serve, server_context

BUSY = [
    "Operation.Conflict",
    "OperationConflict",
    "IncorrectDiskStatus.Initializing",
    "InvalidPrivateIp.Changing",
    "DisksDetachingOnEcsExceeded",
    "TaskConflict",
]
SLOW = ["Throttling", "Throttling.User", "Throttling.Api", "Throttling.Resource", "Rejected.Throttling"]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def test_every_parameter_is_signed_and_travels_in_the_body() -> None:
    odd = {"Description": "a b*~+/=&?ü\n", "Tag": [{"Key": "k", "Value": ""}], "UserData": "x" * 46_000}
    with bench(ok(DiskId="d-1"), credentials=Credentials("id", SECRET, "a+b/c==")) as made:
        assert made.client.change('create disk "x"', "CreateDisk", odd, token="t-1") == {"RequestId": "R-1", "DiskId": "d-1"}
    [sent] = made.sent
    assert sent["Signature"] == signature(sent, SECRET)
    assert {name: sent[name] for name in ("Action", "Version", "Format", "RegionId", "AccessKeyId", "SecurityToken", "ClientToken")} == {
        "Action": "CreateDisk",
        "Version": "2014-05-26",
        "Format": "JSON",
        "RegionId": "cn-hangzhou",
        "AccessKeyId": "id",
        "SecurityToken": "a+b/c==",
        "ClientToken": "t-1",
    }
    assert (sent["Description"], sent["Tag.1.Key"], sent["Tag.1.Value"], sent["UserData"]) == (odd["Description"], "k", "", odd["UserData"])


def test_parameters_are_flattened_without_none_and_with_small_booleans() -> None:
    given: dict[str, Any] = {"DiskId": ["a", "b"], "Force": True, "Encrypted": False, "Size": 0, "Name": None, "SystemDisk": {"Size": 20, "Category": None}}
    given["DataDisk"] = [{"SnapshotId": "s-1", "DeleteWithInstance": False}, {"SnapshotId": "s-2"}]
    assert flattened(given) == {
        "DiskId.1": "a",
        "DiskId.2": "b",
        "Force": "true",
        "Encrypted": "false",
        "Size": "0",
        "SystemDisk.Size": "20",
        "DataDisk.1.SnapshotId": "s-1",
        "DataDisk.1.DeleteWithInstance": "false",
        "DataDisk.2.SnapshotId": "s-2",
    }


def test_second_request_has_nothing_of_the_first_and_a_nonce_of_its_own() -> None:
    with bench(ok()) as made:
        made.client.change("tag", "TagResources", {"Tag": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]}, repeatable=True)
        made.client.change("tag", "TagResources", {"Tag": [{"Key": "a", "Value": "1"}]}, repeatable=True)
    assert "Tag.2.Key" not in made.sent[1]
    assert len(set(made.values("SignatureNonce"))) == 2


def test_region_of_a_request_is_that_of_the_client_or_what_it_is_given() -> None:
    with bench(ok()) as made:
        made.client.read("x", "DescribeRegions")
        made.client.at("eu-central-1").read("x", "DescribeRegions")
        made.client.read("x", "DescribeRegions", {"RegionId": "us-west-1"})
    assert made.values("RegionId") == ["cn-hangzhou", "eu-central-1", "us-west-1"]
    assert all(sent["Signature"] == signature(sent, SECRET) for sent in made.sent)


def test_calls_of_vpc_are_of_its_own_version_and_need_no_further_library() -> None:
    with bench(ok()) as made:
        made.client.read("x", "DescribeEipAddresses", product=VPC)
    [sent] = made.sent
    assert (sent["Action"], sent["Version"], sent["Signature"]) == ("DescribeEipAddresses", "2016-04-28", signature(sent, SECRET))


@pytest.mark.parametrize(
    ("call", "region", "api_url", "expected"),
    [
        (Call(ECS, "DescribeDisks"), "cn-hangzhou", None, "https://ecs-cn-hangzhou.aliyuncs.com"),
        (Call(ECS, "DescribeDisks"), "eu-central-1", None, "https://ecs.eu-central-1.aliyuncs.com"),
        (Call(ECS, "DescribeDisks"), "xx-new-9", None, "https://ecs.xx-new-9.aliyuncs.com"),
        (Call(VPC, "DescribeVpcs"), "cn-beijing", None, "https://vpc.aliyuncs.com"),
        (Call(VPC, "DescribeVpcs"), "xx-new-9", None, "https://vpc.xx-new-9.aliyuncs.com"),
        (Call(VPC, "DescribeVpcs"), "eu-central-1", "http://127.0.0.1:99", "http://127.0.0.1:99"),
        (Call(ECS, "DescribeDisks"), "home-1", "https://ecs-vpc.home-1.aliyuncs.com", "https://ecs-vpc.home-1.aliyuncs.com"),
        (Call(ECS, "DescribeDisks"), "far-1", "https://ecs-vpc.home-1.aliyuncs.com", "https://ecs-vpc.far-1.aliyuncs.com"),
        (Call(VPC, "DescribeVpcs"), "home-1", "https://ecs-vpc.home-1.aliyuncs.com", "https://vpc-vpc.home-1.aliyuncs.com"),
        (Call(VPC, "DescribeVpcs"), "home-1", "https://ecs.home-1.aliyuncs.com", "https://vpc.home-1.aliyuncs.com"),
    ],
)
def test_address_is_https_and_known_without_asking_anybody(call: Call, region: str, api_url: str | None, expected: str) -> None:
    with mock.patch("socket.socket.connect", side_effect=AssertionError("asked somebody")):
        assert address(call, region, api_url, "home-1") == expected


def test_library_that_is_not_there_is_named() -> None:
    with mock.patch.object(signing.importlib.util, "find_spec", return_value=None), pytest.raises(MissingLibrary) as failure, bench():
        pass
    assert failure.value.library == "aliyun-python-sdk-ecs"


def test_library_that_does_not_know_an_action_is_named() -> None:
    for product, library in ((ECS, "aliyun-python-sdk-ecs"), (STS, "aliyun-python-sdk-sts")):
        with bench(ok()) as made, pytest.raises(MissingLibrary, match="CallNothing") as failure:
            made.client.read("x", "CallNothing", product=product)
        assert failure.value.library == library
        assert made.server.asked == []


def test_text_that_is_none_is_refused_before_anything_is_sent() -> None:
    with bench(ok()) as made, pytest.raises(InvalidRequest, match="no text"):
        made.client.change("x", "CreateDisk", {"Description": "\udc80"})
    assert made.server.asked == []


@pytest.mark.parametrize("code", [*BUSY, *SLOW])
@pytest.mark.parametrize("status", [400, 403, 429, 503])
def test_change_that_is_refused_as_busy_is_sent_again_even_without_a_token(code: str, status: int) -> None:
    with bench(refused(status, code), ok(Done=1)) as made:
        assert made.client.change("detach disk", "DetachDisk", {})["Done"] == 1
    assert len(made.sent) == 2
    assert made.client.acted()


@pytest.mark.parametrize("code", ["InternalError", "ServiceUnavailable", "InternalError.Dispatch", "SomethingNew"])
def test_server_error_is_repeated_for_reads_and_safe_changes_only(code: str) -> None:
    for options in ({"token": "t"}, {"repeatable": True}):
        with bench(refused(500, code), ok()) as made:
            made.client.change("create disk", "CreateDisk", {}, **options)  # type: ignore[arg-type]
        assert len(made.sent) == 2
    with bench(refused(500, code), ok()) as made:
        made.client.read("disks", "DescribeDisks")
    with bench(refused(500, code), ok()) as made:
        failure = pytest.raises(OutcomeUnknown, made.client.change, "roll back disk d-1", "ResetDisk", {})
    assert len(made.sent) == 1
    assert made.client.acted()
    assert failure.value.message == f"could not roll back disk d-1: It is refused (HTTP 500, {code}, request R-2)."
    assert (failure.value.code, failure.value.http_status, failure.value.request_id) == (code, 500, "R-2")


@pytest.mark.parametrize("lost", [Reply(drop=True), Reply(cut=5), Reply(body="<html>"), Reply(body="{}"), Reply(body="[]"), Reply(502, "bad gateway")])
def test_lost_answer_is_asked_for_again_with_the_same_token_only(lost: Reply) -> None:
    with bench(lost, lost, ok(SnapshotId="s-1")) as made:
        assert made.client.change("create snapshot", "CreateSnapshot", {"DiskId": "d-1"}, token="t-9")["SnapshotId"] == "s-1"
    assert made.values("ClientToken") == ["t-9"] * 3
    assert len(set(made.values("SignatureNonce"))) == 3
    with bench(lost, ok()) as made, pytest.raises(OutcomeUnknown):
        made.client.change("create snapshot", "CreateSnapshot", {"DiskId": "d-1"})
    assert made.values("ClientToken") == [None]
    assert made.client.acted()


def test_lost_answer_of_a_read_is_read_again() -> None:
    with bench(Reply(drop=True), ok(Disks={})) as made:
        assert made.client.read("disks", "DescribeDisks")["Disks"] == {}
    assert not made.client.acted()


def test_change_that_never_left_is_no_unknown_outcome() -> None:
    with bench(retries=1, api_url=f"http://127.0.0.1:{free_port()}") as made:
        failure = pytest.raises(ProviderFailure, made.client.change, "reset disk", "ResetDisk", {})
    assert failure.value.__class__ is ProviderFailure
    assert len(made.clock.pauses) == 1
    assert not made.client.acted()


def test_refusal_after_a_lost_answer_leaves_the_outcome_unknown_but_absence_and_conflict_tell() -> None:
    for code, kind in (("QuotaExceed.Snapshot", OutcomeUnknown), ("InvalidSnapshotId.NotFound", NotFound), ("InvalidImageName.Duplicated", Conflict)):
        with bench(Reply(drop=True), refused(403, code)) as made:
            failure = pytest.raises(RecoveryError, made.client.change, "x", "DeleteSnapshot", {}, repeatable=True)
        assert failure.value.__class__ is kind
        assert made.client.acted()


def test_change_that_is_busy_after_a_lost_answer_ends_as_unknown() -> None:
    with bench(Reply(drop=True), refused(403, "Operation.Conflict"), retries=2) as made:
        pytest.raises(OutcomeUnknown, made.client.change, "x", "StopInstance", {}, repeatable=True)
    assert len(made.sent) == 3


def test_change_that_cannot_be_repeated_gets_a_connection_of_its_own() -> None:
    with bench(ok()) as made:
        made.client.read("disks", "DescribeDisks")
        made.client.change("tag", "TagResources", {}, repeatable=True)
        made.client.change("reset disk", "ResetDisk", {})
    assert [asked.connection for asked in made.server.asked] == [1, 1, 2]


def test_token_that_is_still_in_work_ends_as_unknown() -> None:
    with bench(refused(403, "IdempotentProcessing"), retries=2) as made:
        pytest.raises(OutcomeUnknown, made.client.change, "x", "CreateDisk", {}, token="t")
    assert made.values("ClientToken") == ["t"] * 3
    with bench(refused(403, "LastTokenProcessing"), ok()) as made:
        made.client.change("x", "CreateDisk", {}, token="t")


def test_throttling_for_ever_is_told_and_slows_all_down() -> None:
    with bench(refused(400, "Throttling.User"), retries=2) as made:
        failure = pytest.raises(RateLimited, made.client.change, "x", "DeleteDisk", {})
    assert len(made.sent) == 3
    assert failure.value.transient
    assert not made.client.acted()
    assert made.client._session._brake.interval_s > 0


def test_error_that_is_not_passing_is_not_repeated() -> None:
    for code in ("QuotaExceed.Snapshot", "OperationDenied.NoStock", "IncorrectDiskStatus", "Forbidden.RAM"):
        with bench(refused(403, code)) as made:
            failure = pytest.raises(RecoveryError, made.client.change, "x", "CreateDisk", {}, token="t")
        assert len(made.sent) == 1
        assert not failure.value.transient


def test_guard_is_asked_before_every_transmission() -> None:
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise Conflict("the lock is lost.")

    with bench(refused(403, "Operation.Conflict")) as made, guarded(check):
        failure = pytest.raises(Conflict, made.client.change, "x", "DetachDisk", {})
    assert len(made.sent) == 1
    assert failure.value.message == "the lock is lost."


def test_guard_that_refuses_after_a_lost_answer_does_not_hide_it() -> None:
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise Conflict("the lock is lost.")

    with bench(Reply(drop=True)) as made, guarded(check):
        failure = pytest.raises(OutcomeUnknown, made.client.change, "create disk", "CreateDisk", {}, token="t")
    assert "was not sent again: the lock is lost." in failure.value.message


def test_read_without_time_left_is_a_timeout() -> None:
    with bench(Reply(drop=True), wait_s=0.2) as made:
        made.clock.sleep(1)
        pytest.raises(WaitTimeout, made.client.read, "disks", "DescribeDisks")


def test_cancelled_task_reads_no_more() -> None:
    with bench(Reply(drop=True)) as made:
        made.waiter.cancel()
        pytest.raises(Cancelled, made.client.read, "disks", "DescribeDisks")


def test_regions_share_what_was_done_and_targets_do_not() -> None:
    with bench(ok()) as made:
        target = made.client.for_target(made.clock.waiter(50))
        far = target.at("us-west-1")
        far.change("x", "CopySnapshot", {}, token="t")
        assert target.acted()
        assert far.acted()
        assert not made.client.acted()
        assert (far.region, target.region, far.waiter) == ("us-west-1", "cn-hangzhou", target.waiter)
        assert far._session is made.client._session


@pytest.mark.parametrize("body", [{"Code": "InvalidDiskId.NotFound", "Message": "no"}, {"Code": "InvalidDiskId.NotFound", "RequestId": "r", "HostId": "h"}])
def test_error_with_status_200_is_an_error(body: dict[str, str]) -> None:
    with bench(Reply(200, json.dumps(body))) as made:
        failure = pytest.raises(NotFound, made.client.read, 'disk "d-1"', "DescribeDisks")
    assert failure.value.message.startswith('could not read disk "d-1": no')


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, "<html>", {"Content-Type": "text/html"}), InvalidRequest),
        (Reply(302, "", {"Location": "https://elsewhere"}), InvalidRequest),
        (Reply(404, "no such page"), InvalidRequest),
        (Reply(404, '{"Message": "no"}'), InvalidRequest),
        (Reply(403, "proxy says no"), InvalidRequest),
        (Reply(200, '{"Disks": {}}'), ProviderFailure),
        (Reply(200, "nul"), ProviderFailure),
        (Reply(200, "[" * 5000), ProviderFailure),
        (Reply(503, "busy"), ProviderFailure),
        (Reply(429, "slow"), RateLimited),
    ],
)
def test_what_is_no_answer_of_alibaba_cloud_is_never_success_and_never_absence(reply: Reply, kind: type[RecoveryError]) -> None:
    with bench(reply, retries=0) as made:
        failure = pytest.raises(RecoveryError, made.client.read, "disks", "DescribeDisks")
    assert failure.value.__class__ is kind


@pytest.mark.parametrize("message", ["The signature does not match", "it does not match: POST&%2F&SecurityToken%3Da%252Bb%252Fc%253D%253D", ""])
def test_signature_that_does_not_match_is_a_failed_login_whatever_its_words_are(message: str) -> None:
    with bench(refused(400, "SignatureDoesNotMatch", message), credentials=Credentials("id", SECRET, "a+b/c==")) as made:
        failure = pytest.raises(AuthenticationFailed, made.client.read, "disks", "DescribeDisks")
    assert "access_key_secret" in failure.value.message
    assert "POST" not in failure.value.message


def test_keys_are_not_taken_from_aliyun_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_ID", "nonsense")
    monkeypatch.setenv("ALIYUN_ACCESS_KEY_SECRET", "nonsense")
    for credentials in (Credentials("id", SECRET), Credentials("id", SECRET, "token-1")):
        with bench(ok(), credentials=credentials) as made:
            made.client.read("disks", "DescribeDisks")
        [sent] = made.sent
        assert (sent["AccessKeyId"], sent["Signature"]) == ("id", signature(sent, SECRET))


def test_proxy_is_used_and_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench(ok()) as made:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        made.client.read("disks", "DescribeDisks")
        monkeypatch.setenv("NO_PROXY", "elsewhere")
        monkeypatch.setenv("no_proxy", "elsewhere")
        with pytest.raises(ProviderFailure, match="proxy"):
            made.client.read("disks", "DescribeDisks")


def test_certificate_is_checked_and_ca_path_vouches_for_it(tmp_path: Path) -> None:
    pem = self_signed(tmp_path)
    with serve(ok(), tls=server_context(pem)) as server:
        with bench(retries=0, api_url=server.url) as made, pytest.raises(ProviderFailure, match="TLS connection .* failed"):
            made.client.read("disks", "DescribeDisks")
        for tls in (Tls(True, str(pem)), Tls(False)):
            with bench(api_url=server.url, tls=tls) as made:
                made.client.read("disks", "DescribeDisks")
    assert len(server.asked) == 2


def test_passwords_that_the_server_quotes_are_hidden() -> None:
    with bench(refused(400, "InvalidPassword.Malformed", 'The password "Pa55-w0rd!" is not valid')) as made:
        failure = pytest.raises(InvalidRequest, made.client.change, "run VM", "RunInstances", {"Password": "Pa55-w0rd!"}, token="t")
    assert "Pa55" not in failure.value.message
