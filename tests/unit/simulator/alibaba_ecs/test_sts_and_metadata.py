# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Temporary credentials from STS and from the metadata service."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdksts.request.v20150401.AssumeRoleRequest import AssumeRoleRequest

from .conftest import Api


def assume(ecs: Api, role: str, **values: Any) -> dict[str, Any]:
    """AssumeRole by the SDK of STS."""
    request = AssumeRoleRequest()
    request.set_endpoint(ecs.simulator.url)
    request.set_RoleArn(role)
    request.set_RoleSessionName(values.pop("session", "run-1"))
    for name, value in values.items():
        getattr(request, f"set_{name}")(value)
    return dict(json.loads(ecs.client.do_action_with_exception(request)))


def refused(ecs: Api, role: str, **values: Any) -> tuple[str, int]:
    with pytest.raises(ServerException) as caught:
        assume(ecs, role, **values)
    return caught.value.get_error_code(), caught.value.get_http_status()


def temporary(ecs: Api, given: dict[str, str], **more: str) -> Api:
    """A client with temporary credentials."""
    return ecs.other(**{"key": given["AccessKeyId"], "secret": given["AccessKeySecret"], "token": given["SecurityToken"], **more})


def test_role_gives_credentials_until_they_expire(ecs: Api) -> None:
    role = ecs.act("add_role", name="backup")["arn"]
    answer = assume(ecs, role, DurationSeconds=900)
    assert answer["AssumedRoleUser"]["Arn"].endswith(":role/backup/run-1")
    client = temporary(ecs, answer["Credentials"])
    instance, _disks = ecs.vm()
    assert client.do("DescribeInstances")["Instances"]["Instance"][0]["InstanceId"] == instance
    assert client.call("GetCallerIdentity", "2015-04-01")["IdentityType"] == "AssumedRoleUser"
    assert temporary(ecs, answer["Credentials"], token="wrong").refused("DescribeRegions") == ("InvalidSecurityToken.Malformed", 400)
    bare = ecs.other(key=answer["Credentials"]["AccessKeyId"], secret=answer["Credentials"]["AccessKeySecret"])
    assert bare.refused("DescribeRegions") == ("MissingSecurityToken", 400)
    ecs.control.advance(901)
    assert client.refused("DescribeRegions") == ("InvalidSecurityToken.Expired", 400)


def test_life_can_be_short(ecs: Api) -> None:
    role = ecs.act("add_role", name="backup")["arn"]
    ecs.control.settings(sts_lifetime_s=0)
    assert temporary(ecs, assume(ecs, role)["Credentials"]).refused("DescribeRegions") == ("InvalidSecurityToken.Expired", 400)


def test_role_is_looked_at(ecs: Api) -> None:
    role = ecs.act("add_role", name="backup", external_id="partner", max_session_s=3600)["arn"]
    assert refused(ecs, role) == ("NoPermission", 403)
    assert assume(ecs, role, ExternalId="partner")["Credentials"]["AccessKeyId"].startswith("STS.")
    assert refused(ecs, f"{role}x") == ("EntityNotExist.Role", 404)
    assert refused(ecs, "backup") == ("InvalidParameter.RoleArn", 400)
    assert refused(ecs, role, session="no spaces") == ("InvalidParameter.RoleSessionName", 400)
    for seconds in (899, 3601):
        assert refused(ecs, role, ExternalId="partner", DurationSeconds=seconds) == ("InvalidParameter.DurationSeconds", 400)
    denied = ecs.act("add_role", name="denied", denied=True)["arn"]
    assert refused(ecs, denied) == ("NoPermission", 403)


def test_role_of_another_account_leads_there(ecs: Api) -> None:
    other = Api(ecs.simulator, f"{ecs.account}x")
    role = other.act("add_role", name="backup", external_id="partner")["arn"]
    instance, _disks = other.vm()
    client = temporary(ecs, assume(ecs, role, ExternalId="partner")["Credentials"])
    assert client.do("DescribeInstances")["Instances"]["Instance"][0]["InstanceId"] == instance


def test_caller_is_known(ecs: Api) -> None:
    who = ecs.call("GetCallerIdentity", "2015-04-01")
    assert (who["IdentityType"], who["AccountId"]) == ("Account", ecs.control.state()["number"])
    assert ecs.other(key=f"sim-{ecs.account}.a", secret=f"secret-{ecs.account}.a").call("GetCallerIdentity", "2015-04-01")["IdentityType"] == "RAMUser"


def test_revoked_credentials(ecs: Api) -> None:
    role = ecs.act("add_role", name="backup")["arn"]
    client = temporary(ecs, assume(ecs, role)["Credentials"])
    ecs.control.add_fault("expired_token", route="DescribeZones")
    assert client.refused("DescribeZones") == ("InvalidSecurityToken.Expired", 400)
    assert client.refused("DescribeRegions") == ("InvalidSecurityToken.Expired", 400)


def test_metadata_gives_credentials_of_the_role(ecs: Api) -> None:
    base = f"{ecs.simulator.url}/{ecs.account}/latest"
    roles = f"{base}/meta-data/ram/security-credentials/"
    assert requests.get(roles, timeout=5).text == "sim-ecs-role"
    assert requests.get(f"{roles}other", timeout=5).status_code == 404
    given = requests.get(f"{roles}sim-ecs-role", timeout=5).json()
    assert given["Code"] == "Success"
    assert temporary(ecs, given).do("DescribeRegions")["Regions"]
    assert requests.get(f"{base}/meta-data/region-id", timeout=5).text == "cn-hangzhou"
    ecs.control.settings(metadata_role="")
    assert requests.get(roles, timeout=5).status_code == 404


def test_metadata_can_want_a_token(ecs: Api) -> None:
    base = f"{ecs.simulator.url}/{ecs.account}/latest"
    path = f"{base}/meta-data/ram/security-credentials/"
    ecs.control.settings(metadata_token_required=True)
    assert requests.get(path, timeout=5).status_code == 401
    name = "X-aliyun-ecs-metadata-token"
    assert requests.put(f"{base}/api/token", timeout=5).status_code == 400
    assert requests.put(f"{base}/api/token", headers={f"{name}-ttl-seconds": "21601"}, timeout=5).status_code == 400
    token = requests.put(f"{base}/api/token", headers={f"{name}-ttl-seconds": "60"}, timeout=5).text
    assert requests.get(path, headers={name: token}, timeout=5).text == "sim-ecs-role"
    assert requests.get(path, headers={name: "wrong"}, timeout=5).status_code == 401
    ecs.control.advance(61)
    assert requests.get(path, headers={name: token}, timeout=5).status_code == 401
