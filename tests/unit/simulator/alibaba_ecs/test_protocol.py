# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The protocol: signature, age, nonce, keys, names and types of parameters, regions, accounts."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException

from tests.simulator.alibaba_ecs.signature import sign, string_to_sign
from tests.simulator.server import ControlFailed, running_simulator

from .conftest import Api, request_of


def parameters(account: str, **more: str) -> dict[str, str]:
    """The parameters of a DescribeRegions."""
    stamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = {"Action": "DescribeRegions", "Version": "2014-05-26", "Format": "JSON", "RegionId": "cn-hangzhou", "AccessKeyId": f"sim-{account}"}
    found.update(SignatureMethod="HMAC-SHA1", SignatureVersion="1.0", SignatureNonce=str(id(found)) + stamp, Timestamp=stamp, SignatureType="")
    return {**found, **more}


def send(ecs: Api, given: dict[str, str], method: str = "GET", secret: str = "", body: dict[str, str] | None = None) -> requests.Response:
    """Signs and sends."""
    text = string_to_sign(method, {**given, **(body or {})})
    query = {**given, "Signature": given.get("Signature") or sign(secret or f"secret-{ecs.account}", text)}
    return requests.request(method, f"{ecs.simulator.url}/?{urlencode(query)}", data=body, timeout=10, proxies={"http": ""})


def code_of(response: requests.Response) -> tuple[str, int]:
    body = response.json()
    assert set(body) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    return body["Code"], response.status_code


def test_get_and_post_with_form_are_served(ecs: Api) -> None:
    assert send(ecs, parameters(ecs.account)).json()["Regions"]["Region"]
    assert send(ecs, parameters(ecs.account), "POST", body={"AcceptLanguage": "zh-CN & *~ü"}).status_code == 200


def test_wrong_signature_is_refused_with_the_server_s_text_after_a_colon(ecs: Api) -> None:
    given = parameters(ecs.account)
    response = send(ecs, given, secret="other")
    assert code_of(response) == ("SignatureDoesNotMatch", 400)
    assert response.json()["Message"].split("server string to sign is:")[1] == string_to_sign("GET", given)


def test_wrong_secret_is_told_by_the_sdk(ecs: Api) -> None:
    with pytest.raises(ServerException) as caught:
        ecs.other(key=f"sim-{ecs.account}", secret="wrong").do("DescribeRegions")
    assert caught.value.get_error_code() == "InvalidAccessKeySecret"


def test_missing_signature_is_incomplete(ecs: Api) -> None:
    given = parameters(ecs.account)
    assert code_of(requests.get(f"{ecs.simulator.url}/?{urlencode(given)}", timeout=10)) == ("IncompleteSignature", 400)


def test_nonce_counts_once(ecs: Api) -> None:
    given = parameters(ecs.account)
    assert send(ecs, given).status_code == 200
    assert code_of(send(ecs, given)) == ("SignatureNonceUsed", 400)


@pytest.mark.parametrize("minutes", [-16, 16])
def test_old_timestamp_is_expired(ecs: Api, minutes: int) -> None:
    stamp = (datetime.now(timezone.utc) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert code_of(send(ecs, parameters(ecs.account, Timestamp=stamp))) == ("InvalidTimeStamp.Expired", 400)


def test_server_clock_can_be_off(ecs: Api) -> None:
    ecs.control.settings(clock_skew="-1000")
    assert ecs.refused("DescribeRegions") == ("InvalidTimeStamp.Expired", 400)


def test_unknown_and_inactive_keys(ecs: Api) -> None:
    assert ecs.other(key="LTAIunknown", secret="x").refused("DescribeRegions") == ("InvalidAccessKeyId.NotFound", 404)
    ecs.act("add_key", id=f"LTAI{ecs.account}", secret="x", active=False)
    assert ecs.other(key=f"LTAI{ecs.account}", secret="x").refused("DescribeRegions") == ("InvalidAccessKeyId.Inactive", 400)


def test_another_key_of_the_account_sees_the_same(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    second = ecs.other(key=f"sim-{ecs.account}.b", secret=f"secret-{ecs.account}.b")
    assert second.do("DescribeInstances")["Instances"]["Instance"][0]["InstanceId"] == instance
    callers = {entry["token"] for entry in ecs.control.requests()}
    ecs.do("DescribeInstances")
    assert len({entry["token"] for entry in ecs.control.requests()}) == len(callers) + 1


def test_accounts_and_regions_do_not_see_each_other(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    for other in (Api(ecs.simulator, f"{ecs.account}x"), ecs.other("cn-beijing")):
        assert other.do("DescribeInstances")["Instances"]["Instance"] == []
        assert other.refused("StopInstance", InstanceId=instance) == ("InvalidInstanceId.NotFound", 404)


def test_unknown_region_action_and_version(ecs: Api) -> None:
    assert ecs.other("mars-1").refused("DescribeZones") == ("InvalidRegionId.NotFound", 404)
    assert ecs.call_refused("DescribeDreams") == ("InvalidAction.NotFound", 404)
    assert ecs.call_refused("DescribeRegions", "2000-01-01") == ("InvalidVersion", 400)
    assert ecs.call_refused("DescribeEipAddresses", "2014-05-26") == ("InvalidAction.NotFound", 404)


def test_booleans_and_none_of_python_are_refused(ecs: Api) -> None:
    instance, disks = ecs.vm()
    assert ecs.refused("StopInstance", InstanceId=instance, ForceStop=True) == ("InvalidParameter", 400)
    assert ecs.refused("CreateSnapshot", DiskId=disks[0], Description=None) == ("InvalidParameter", 400)
    assert ecs.refused("DescribeDisks", PageSize="ten") == ("InvalidParameter", 400)


def test_missing_parameter_is_named(ecs: Api) -> None:
    assert ecs.refused("CreateSnapshot") == ("MissingDiskId", 400)
    assert ecs.refused("ResetDisk", DiskId="d-1") == ("MissingSnapshotId", 400)


def test_unknown_parameter_is_refused(with_contract: Api) -> None:
    assert with_contract.refused("DescribeDisks", extra={"DiskNames": "x"}) == ("InvalidParameter", 400)
    assert any(entry["contract_violations"] for entry in with_contract.control.requests())


def test_ram_can_forbid_an_action(ecs: Api) -> None:
    ecs.control.settings(denied_actions=["ecs:ResetDisk"])
    assert ecs.refused("ResetDisk", DiskId="d-1", SnapshotId="s-1") == ("Forbidden.RAM", 403)


def test_log_hides_secrets(ecs: Api) -> None:
    response = send(ecs, parameters(ecs.account), "POST", body={"UserData": "secret"})
    assert response.status_code in (200, 400)
    assert 'secret"' not in json.dumps([entry["body"] for entry in ecs.control.requests()])


def test_faults_hit_an_action_by_its_name(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    ecs.control.add_fault("status", route="CreateSnapshot", status=400, reason="Throttling.User")
    ecs.control.add_fault("status", route="CreateSnapshot", nth=2, status=503)
    ecs.control.add_fault("status", route="CreateSnapshot", nth=3, status=200, reason="InternalError")
    assert ecs.refused("CreateSnapshot", DiskId=disks[0]) == ("Throttling.User", 400)
    assert ecs.refused("CreateSnapshot", DiskId=disks[0]) == ("ServiceUnavailable", 503)
    assert json.loads(ecs.client.do_action_with_exception(request_of("CreateSnapshot", DiskId=disks[0])))["Code"] == "InternalError"
    assert ecs.control.state()["snapshots"] == []


def test_lost_answers_leave_duplicates_that_can_be_counted(ecs: Api) -> None:
    ecs.control.add_fault("drop_after", route="CreateSnapshotGroup")
    instance, disks = ecs.vm()
    with pytest.raises(ClientException):
        ecs.do("CreateSnapshotGroup", InstanceId=instance)
    ecs.wait("snapshot_groups", ecs.control.state()["snapshot_groups"][0]["id"], "accomplished")
    ecs.do("CreateSnapshotGroup", InstanceId=instance)
    assert len(ecs.control.state()["snapshots"]) == 2 * len(disks)


def test_operation_fault_ends_as_failed(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    ecs.control.add_fault("operation", route="CreateSnapshot", error={"code": "x", "message": "y"})
    snapshot = ecs.do("CreateSnapshot", DiskId=disks[0])["SnapshotId"]
    assert not ecs.wait("snapshots", snapshot, "failed")["Available"]


def test_record_shows_marks_power_and_keys(ecs: Api) -> None:
    instance, disks = ecs.vm(tags={"mcr_lock": "run-1", "app": "web"})
    ecs.do("ImportKeyPair", KeyPairName=f"mcr-lock-{instance}-1", PublicKeyBody="ssh-rsa AAAA")
    snapshot = ecs.snapshot(disks[0])
    ecs.refused("ResetDisk", DiskId=disks[0], SnapshotId=snapshot)
    entry = ecs.act("record")[-1]
    assert (entry["action"], entry["code"], entry["status"]) == ("ResetDisk", "IncorrectInstanceStatus", 403)
    assert set(entry["targets"]) == {disks[0], snapshot}
    assert entry["marks"][instance] == {"mcr_lock": "run-1"}
    assert entry["power"] == {instance: "Running"}
    assert list(entry["lock_keys"]) == [f"mcr-lock-{instance}-1"]


def test_smaller_check_without_a_contract(tmp_path: Path) -> None:
    with running_simulator("alibaba_ecs", contracts=str(tmp_path / "none")) as simulator:
        ecs = Api(simulator, "a")
        assert ecs.control.settings()["contract"] is None
        instance, disks = ecs.vm()
        assert ecs.refused("StopInstance", InstanceId=instance, ForceStop=True) == ("InvalidParameter", 400)
        assert ecs.refused("CreateSnapshot", DiskId=disks[0], Description=None) == ("InvalidParameter", 400)
        assert ecs.refused("CreateSnapshot") == ("MissingDiskId", 400)
        ecs.do("CreateSnapshot", DiskId=disks[0])


def test_example_is_served(ecs: Api) -> None:
    ecs.control.seed("demo")
    names = {item["InstanceName"]: item["Status"] for item in ecs.do("DescribeInstances")["Instances"]["Instance"]}
    assert names == {"web-1": "Running", "db-1": "Stopped"}


def test_state_can_be_put_there(ecs: Api) -> None:
    disk = {"id": "d-bp1aaaaaaaaaaaaaaaaa", "DiskName": "put", "ZoneId": "cn-hangzhou-h", "data": base64.b64encode(b"bytes").decode(), "tags": {"a": "b"}}
    snapshot = {"id": "s-bp1aaaaaaaaaaaaaaaaa", "SourceDiskId": disk["id"], "CreationTime": "2020-01-01T00:00:00Z"}
    ecs.control.merge_state(disks=[disk], snapshots=[snapshot], buckets={"b": "cn-hangzhou"}, roles={"r": {}})
    assert ecs.read(str(disk["id"])) == "bytes"
    assert ecs.do("DescribeSnapshots", DiskId=disk["id"])["Snapshots"]["Snapshot"][0]["Status"] == "accomplished"
    ecs.control.merge_state(snapshots=[{"id": snapshot["id"], "Status": "failed"}])
    assert ecs.do("DescribeSnapshots", Status="failed")["Snapshots"]["Snapshot"][0]["SourceDiskId"] == disk["id"]
    ecs.act("remove", kind="snapshots", id=snapshot["id"])
    with pytest.raises(ControlFailed):
        ecs.act("digest", id=snapshot["id"])
