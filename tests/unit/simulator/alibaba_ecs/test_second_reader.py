# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answers, read by the vendor's typed SDK: names and types of the fields are as it knows them; and its own client is served, too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import REGION, Api

models = pytest.importorskip("alibabacloud_ecs20140526.models")

# Answers of ours that hold something in each list, by what makes them.
READ = {
    "DescribeSnapshots": {},
    "DescribeSnapshotGroups": {},
    "DescribeDisks": {},
    "DescribeInstances": {},
    "DescribeImages": {"ImageOwnerAlias": "self"},
    "DescribeNetworkInterfaces": {},
    "DescribeCommands": {},
    "DescribeKeyPairs": {},
    "DescribeSecurityGroups": {},
    "DescribeRegions": {},
    "DescribeZones": {},
    "DescribeInstanceStatus": {},
    "DescribeInstanceMaintenanceAttributes": {},
    "DescribeAccountAttributes": {},
    "DescribeAvailableResource": {"DestinationResource": "InstanceType"},
    "DescribeLockedSnapshots": {},
}
# Fields of ours that the typed SDK does not know.
LEFT_OUT = {"DescribeSnapshotGroups": {"ProgressStatus"}}


def lost(sent: Any, back: Any, path: str = "") -> list[str]:
    """What the typed SDK did not take, or took as another type."""
    if isinstance(sent, dict) and isinstance(back, dict):
        return [text for key, value in sent.items() for text in lost(value, back.get(key), f"{path}.{key}")]
    if isinstance(sent, list) and isinstance(back, list) and len(sent) == len(back):
        return [text for number, pair in enumerate(zip(sent, back)) for text in lost(*pair, f"{path}[{number}]")]
    return [] if sent == back else [path]


def filled(ecs: Api) -> str:
    """An account with something of everything."""
    instance, disks = ecs.vm(tags={"app": "web"})
    ecs.snapshot(disks[0], Tags=[{"Key": "a", "Value": "b"}])
    group = ecs.do("CreateSnapshotGroup", InstanceId=instance, Tags=[{"Key": "a", "Value": "b"}])["SnapshotGroupId"]
    ecs.wait("snapshot_groups", group, "accomplished")
    image = ecs.do("CreateImage", InstanceId=instance)["ImageId"]
    ecs.wait("images", image, "Available")
    ecs.do("CreateCommand", Name="name", Type="RunShellScript", CommandContent="ZXhpdCAw", Tags=[{"Key": "a", "Value": "b"}])
    ecs.do("CreateKeyPair", KeyPairName="login", Tags=[{"Key": "a", "Value": "b"}])
    snapshot = ecs.control.state()["snapshots"][0]["id"]
    ecs.do("LockSnapshot", SnapshotId=snapshot, LockMode="compliance", LockDuration=1, CoolOffPeriod=1)
    return instance


@pytest.mark.parametrize("action", sorted(READ))
def test_typed_sdk_reads_all_fields(ecs: Api, action: str) -> None:
    filled(ecs)
    answer = ecs.do(action, **READ[action])
    read = getattr(models, f"{action}ResponseBody")().from_map(json.loads(json.dumps(answer))).to_map()
    unknown = [path for path in lost(answer, read) if path.rpartition(".")[2] not in LEFT_OUT.get(action, ())]
    assert unknown == []


@pytest.mark.parametrize("algorithm", ["v2", ""])
def test_client_of_the_typed_sdk_is_served(ecs: Api, algorithm: str) -> None:
    from alibabacloud_ecs20140526.client import Client
    from alibabacloud_tea_openapi.models import Config

    instance = filled(ecs)
    endpoint = ecs.simulator.url.removeprefix("http://")
    config = Config(access_key_id=f"sim-{ecs.account}", access_key_secret=f"secret-{ecs.account}", region_id=REGION, endpoint=endpoint, protocol="http")
    # "v2" is the older signature; without a word it signs as ACS3-HMAC-SHA256, in a header.
    config.signature_algorithm = algorithm or None
    body = Client(config).describe_instances(models.DescribeInstancesRequest(region_id=REGION)).body
    assert body.instances.instance[0].instance_id == instance
    made = Client(config).create_disk(
        models.CreateDiskRequest(
            region_id=REGION, zone_id="cn-hangzhou-h", size=40, description="a b+c*~", tag=[models.CreateDiskRequestTag(key="k", value="v")]
        )
    )
    assert ecs.find("disks", made.body.disk_id)["tags"] == {"k": "v"}  # type: ignore[index]
    wrong = Config(access_key_id=f"sim-{ecs.account}", access_key_secret="wrong", region_id=REGION, endpoint=endpoint, protocol="http")
    with pytest.raises(Exception, match="SignatureDoesNotMatch"):
        Client(wrong).describe_regions(models.DescribeRegionsRequest())


def test_request_without_a_region_goes_where_its_resource_is(ecs: Api) -> None:
    from alibabacloud_ecs20140526.client import Client
    from alibabacloud_tea_openapi.models import Config

    instance = ecs.act("add_instance", name="far", region="eu-central-1")["instance_id"]
    endpoint = ecs.simulator.url.removeprefix("http://")
    config = Config(access_key_id=f"sim-{ecs.account}", access_key_secret=f"secret-{ecs.account}", region_id="eu-central-1", endpoint=endpoint, protocol="http")
    Client(config).stop_instance(models.StopInstanceRequest(instance_id=instance))
    ecs.wait("instances", instance, "Stopped")
