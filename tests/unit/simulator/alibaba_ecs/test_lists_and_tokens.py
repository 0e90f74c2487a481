# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paging in both styles, lists and tags that lag behind, and ClientTokens."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from aliyunsdkcore.acs_exception.exceptions import ClientException

from .conftest import Api


def pages(ecs: Api, action: str, outer: str, inner: str, **values: Any) -> list[list[Any]]:
    """All pages by NextToken."""
    found, token = [], ""
    while True:
        answer = ecs.do(action, **values, **({"NextToken": token} if token else {}))
        found.append(answer[outer][inner])
        assert not answer.get("TotalCount") or not (token or values.get("MaxResults"))
        token = answer.get("NextToken", "")
        if not token:
            return found


def test_pages_by_token(ecs: Api) -> None:
    for number in range(12):
        ecs.act("add_disk", name=f"d{number}-x")
    assert [len(page) for page in pages(ecs, "DescribeDisks", "Disks", "Disk", MaxResults=5)] == [5, 5, 2]
    # Without a word about pages, ten come, and the token says that there are more.
    assert [len(page) for page in pages(ecs, "DescribeDisks", "Disks", "Disk")] == [10, 2]
    ecs.control.settings(page_size=4, empty_pages=1)
    assert [len(page) for page in pages(ecs, "DescribeDisks", "Disks", "Disk", MaxResults=100)] == [0, 4, 0, 4, 0, 4]
    assert ecs.refused("DescribeDisks", NextToken="nonsense") == ("InvalidParameter", 400)


def test_pages_by_number(ecs: Api) -> None:
    for number in range(12):
        ecs.act("add_disk", name=f"d{number}-x")
    first, second, third = (ecs.do("DescribeDisks", PageNumber=number, PageSize=10) for number in (1, 2, 3))
    assert (first["TotalCount"], len(first["Disks"]["Disk"]), len(second["Disks"]["Disk"]), third["Disks"]["Disk"]) == (12, 10, 2, [])
    assert ecs.refused("DescribeDisks", PageNumber=0) == ("InvalidParameter", 400)
    assert ecs.refused("DescribeImages", PageSize=101) == ("InvalidParameter", 400)


def test_tags_are_listed_in_pages(ecs: Api) -> None:
    _instance, disks = ecs.vm(disks=3)
    ecs.do("TagResources", ResourceType="disk", ResourceIds=disks, Tags=[{"Key": f"k{number}", "Value": ""} for number in range(20)])
    found = pages(ecs, "ListTagResources", "TagResources", "TagResource", ResourceType="disk", ResourceIds=disks)
    assert [len(page) for page in found] == [50, 10]


def test_lists_can_lag(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    ecs.control.settings(list_lag_s=0.3)
    snapshot = ecs.do("CreateSnapshot", DiskId=disks[0])["SnapshotId"]
    assert ecs.do("DescribeSnapshots", SnapshotIds=json.dumps([snapshot]))["Snapshots"]["Snapshot"] == []
    time.sleep(0.35)
    assert ecs.do("DescribeSnapshots")["Snapshots"]["Snapshot"][0]["Status"] in ("progressing", "accomplished")
    time.sleep(0.35)
    assert ecs.do("DescribeSnapshots")["Snapshots"]["Snapshot"][0]["Status"] == "accomplished"
    ecs.do("DeleteSnapshot", SnapshotId=snapshot)
    assert ecs.do("DescribeSnapshots")["Snapshots"]["Snapshot"]
    time.sleep(0.35)
    assert ecs.do("DescribeSnapshots")["Snapshots"]["Snapshot"] == []


def test_tags_can_lag(ecs: Api) -> None:
    instance, _disks = ecs.vm(tags={"mcr_lock": "a"})
    ecs.control.settings(tag_lag_s=0.2)
    given = {"ResourceType": "instance", "ResourceIds": [instance]}
    ecs.do("TagResources", Tags=[{"Key": "mcr_lock", "Value": "b"}], **given)

    def seen() -> set[str]:
        listed = ecs.do("ListTagResources", **given)["TagResources"]["TagResource"][0]["TagValue"]
        return {listed, ecs.do("DescribeInstances")["Instances"]["Instance"][0]["Tags"]["Tag"][0]["TagValue"]}

    assert seen() == {"a"}
    time.sleep(0.25)
    assert seen() == {"b"}


def test_token_is_answered_as_before(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    ecs.control.add_fault("drop_after", route="CreateSnapshot")
    given = {"DiskId": disks[0], "SnapshotName": "name", "ClientToken": "t-1"}
    with pytest.raises(ClientException):
        ecs.do("CreateSnapshot", **given)
    made = ecs.control.state()["snapshots"][0]["id"]
    assert ecs.do("CreateSnapshot", **given)["SnapshotId"] == made
    assert len(ecs.control.state()["snapshots"]) == 1
    assert [entry["replayed"] for entry in ecs.act("record")] == [False, True]
    assert ecs.refused("CreateSnapshot", **{**given, "SnapshotName": "other"}) == ("IdempotentParameterMismatch", 403)


def test_token_of_an_image_has_a_word_of_its_own(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    ecs.do("CreateImage", InstanceId=instance, ClientToken="t-1")
    assert ecs.refused("CreateImage", InstanceId=instance, ImageName="name", ClientToken="t-1") == ("IdempotenceParamNotMatch", 400)


def test_token_can_be_in_process(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    ecs.control.settings(token_processing_s=0.1)
    made = ecs.do("CreateSnapshot", DiskId=disks[0], ClientToken="t-1")
    assert ecs.refused("CreateSnapshot", DiskId=disks[0], ClientToken="t-1") == ("IdempotentProcessing", 403)
    time.sleep(0.15)
    assert ecs.do("CreateSnapshot", DiskId=disks[0], ClientToken="t-1")["SnapshotId"] == made["SnapshotId"]


def test_token_of_a_refused_request_can_stick(ecs: Api) -> None:
    _instance, disks = ecs.vm()
    given = {"DiskId": disks[0], "ClientToken": "t-1"}
    ecs.control.settings(failed_tokens_stick=True, quotas={"snapshots_per_disk": 0})
    assert ecs.refused("CreateSnapshot", **given) == ("QuotaExceed.Snapshot", 403)
    ecs.control.settings(quotas={})
    assert ecs.refused("CreateSnapshot", **given) == ("QuotaExceed.Snapshot", 403)
    ecs.control.settings(failed_tokens_stick=False)
    ecs.do("CreateSnapshot", DiskId=disks[0], ClientToken="t-2")


def test_long_address_can_be_refused(ecs: Api) -> None:
    ecs.control.settings(longest_url=2000)
    assert ecs.refused("CreateSnapshot", DiskId="d" * 2000)[1] == 414
