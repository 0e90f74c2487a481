# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tags, commands and key pairs: what manifests and locks are made of."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException

from .conftest import PUBLIC_KEY, Api

CONTENT = base64.b64encode(b"exit 0\n# data").decode()
COMMAND = {"Type": "RunShellScript", "Name": "mcr-manifest-1", "CommandContent": CONTENT}


def test_tags_are_written_over_and_taken_away(ecs: Api) -> None:
    instance, disks = ecs.vm(tags={"app": "web"})
    given = {"ResourceType": "instance", "ResourceIds": [instance]}
    ecs.do("TagResources", Tags=[{"Key": "mcr_lock", "Value": "1"}, {"Key": "app", "Value": "db"}], **given)
    found = ecs.do("ListTagResources", **given)["TagResources"]["TagResource"]
    assert {(item["TagKey"], item["TagValue"], item["ResourceId"]) for item in found} == {("app", "db", instance), ("mcr_lock", "1", instance)}
    ecs.do("UntagResources", TagKeys=["app", "none"], **given)
    assert [item["TagKey"] for item in ecs.do("ListTagResources", **given)["TagResources"]["TagResource"]] == ["mcr_lock"]
    ecs.do("TagResources", ResourceType="disk", ResourceIds=disks, Tags=[{"Key": "set", "Value": "1"}])
    assert all(item["tags"] == {"set": "1"} for item in ecs.control.state()["disks"])
    ecs.do("UntagResources", ResourceType="disk", ResourceIds=disks, All="true")
    assert all(item["tags"] == {} for item in ecs.control.state()["disks"])


def test_tags_that_are_refused(ecs: Api) -> None:
    instance, _disks = ecs.vm(tags={f"k{number}": "" for number in range(20)})
    given = {"ResourceType": "instance", "ResourceIds": [instance]}
    assert ecs.refused("TagResources", Tags=[{"Key": "one-more", "Value": ""}], **given) == ("OperationDenied.QuotaExceed", 400)
    ecs.do("TagResources", Tags=[{"Key": "k1", "Value": "new"}], **given)
    assert ecs.refused("TagResources", Tags=[{"Key": "K1", "Value": ""}], **given) == ("OperationDenied.QuotaExceed", 400)
    ecs.do("UntagResources", TagKeys=["k2"], **given)
    assert ecs.refused("TagResources", Tags=[{"Key": "K1", "Value": ""}], **given) == ("TagKey.Duplication", 403)
    assert ecs.refused("TagResources", **given) == ("MissingTag", 400)
    tag = [{"Key": "a", "Value": "b"}]
    assert ecs.refused("TagResources", Tags=tag, ResourceType="instance", ResourceIds=["i-unknown"]) == ("InvalidResourceId.NotFound", 404)
    assert ecs.refused("TagResources", Tags=tag, ResourceType="cat", ResourceIds=[instance]) == ("InvalidResourceType.NotFound", 404)
    assert ecs.refused("TagResources", Tags=tag, ResourceType="instance", ResourceIds=["i-1"] * 51) == ("NumberExceed.ResourceIds", 400)
    assert ecs.refused("UntagResources", **given) == ("MissingTagKey", 400)


def test_command_holds_a_manifest(ecs: Api) -> None:
    command = ecs.do("CreateCommand", Tags=[{"Key": "vm", "Value": "i-1"}], **COMMAND)["CommandId"]
    ecs.do("CreateCommand", **COMMAND)
    assert len(ecs.do("DescribeCommands", Name="mcr-manifest-*")["Commands"]["Command"]) == 2
    shown = ecs.do("DescribeCommands", CommandId=command)["Commands"]["Command"][0]
    assert (shown["CommandContent"], shown["Tags"]["Tag"]) == (CONTENT, [{"TagKey": "vm", "TagValue": "i-1"}])
    assert ecs.do("DescribeCommands", CommandId=command, ContentEncoding="PlainText")["Commands"]["Command"][0]["CommandContent"] == "exit 0\n# data"
    assert ecs.do("DescribeCommands", Tags=[{"Key": "vm", "Value": "i-2"}])["Commands"]["Command"] == []
    ecs.call("ModifyCommand", CommandId=command, Description="changed", CommandContent="aaaa")
    assert ecs.find("commands", command)["CommandContent"] == CONTENT  # type: ignore[index]
    ecs.act("set_fields", kind="commands", id=command, hidden={"in_use": True})
    assert ecs.refused("DeleteCommand", CommandId=command) == ("InvalidStatus.CmdIdInUse", 403)
    ecs.act("set_fields", kind="commands", id=command, hidden={"in_use": False})
    ecs.do("DeleteCommand", CommandId=command)
    assert ecs.refused("DeleteCommand", CommandId=command) == ("InvalidCmdId.NotFound", 404)


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ({"CommandContent": "A" * (18 * 1024 + 4)}, ("CmdContent.ExceedLimit", 403)),
        ({"CommandContent": "%%%"}, ("CmdContent.DecodeError", 400)),
        ({"Name": "n" * 129}, ("CmdName.ExceedLimit", 403)),
        ({"Description": "d" * 513}, ("CmdDesc.ExceedLimit", 403)),
        ({"Type": "RunPython"}, ("InvalidCmdType.NotFound", 404)),
    ],
)
def test_command_that_is_refused(ecs: Api, values: dict[str, str], answer: tuple[str, int]) -> None:
    assert ecs.refused("CreateCommand", **{**COMMAND, **values}) == answer


def test_quota_of_commands(ecs: Api) -> None:
    ecs.control.settings(quotas={"commands": 0})
    assert ecs.refused("CreateCommand", **COMMAND) == ("CmdCount.ExceedQuota", 403)
    items = ecs.do("DescribeAccountAttributes", AttributeNames=["max-axt-command-count"])["AccountAttributeItems"]["AccountAttributeItem"]
    assert items[0]["AttributeValues"]["ValueItem"][0]["Value"] == "0"


def test_of_many_who_want_one_name_one_gets_it(ecs: Api) -> None:
    name = "mcr-lock-i-1-1"

    def contend(number: int) -> str:
        try:
            return str(ecs.other().do("ImportKeyPair", KeyPairName=name, PublicKeyBody=f"ssh-rsa AAA{number}")["KeyPairFingerPrint"])
        except ServerException as error:
            return str(error.get_error_code())

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(contend, range(8)))
    assert found.count("KeyPair.AlreadyExist") == 7
    held = ecs.do("DescribeKeyPairs", KeyPairName="mcr-lock-*")["KeyPairs"]["KeyPair"]
    assert [item["KeyPairFingerPrint"] in found for item in held] == [True]
    assert "PublicKey" not in held[0]
    # Elsewhere the name is free.
    ecs.other("cn-beijing").do("ImportKeyPair", KeyPairName=name, PublicKeyBody=PUBLIC_KEY)
    ecs.do("DeleteKeyPairs", KeyPairNames=json.dumps([name, "unknown"]))
    assert ecs.do("DescribeKeyPairs")["TotalCount"] == 0


def test_key_pairs_that_are_refused(ecs: Api) -> None:
    assert ecs.refused("ImportKeyPair", KeyPairName="a.b", PublicKeyBody=PUBLIC_KEY) == ("InvalidKeyPairName.Malformed", 400)
    assert ecs.refused("ImportKeyPair", KeyPairName="name", PublicKeyBody="no key") == ("InvalidPublicKeyBody.Malformed", 400)
    ecs.do("CreateKeyPair", KeyPairName="login")
    ecs.vm(fields={"KeyPairName": "login"})
    assert ecs.refused("DeleteKeyPairs", KeyPairNames=json.dumps(["login"])) == ("InvalidParameter.KeypairAlreadyAttachedInstance", 400)
    ecs.control.settings(quotas={"key_pairs": 1})
    assert ecs.refused("ImportKeyPair", KeyPairName="more", PublicKeyBody=PUBLIC_KEY) == ("QuotaExceed.KeyPair", 403)
