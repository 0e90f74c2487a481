"""What the demo does to the simulated Alibaba Cloud behind the modules' back, and how it compares what came back.

demo_alibaba_ecs.py seed     writes known bytes to the disks of the demo instance, a real file system to one, and gives it an elastic address; prints it
demo_alibaba_ecs.py corrupt  overwrites the beginning of its disks, or of one --device; prints the instance
demo_alibaba_ecs.py compare  reads such a printed instance, says how the instance of the name differs from it, and fails if it does
demo_alibaba_ecs.py lose     deletes the instances of the name, with all their disks

The simulator is the one that the environment variables of the alibaba_ecs options lead to. What is compared is what its API shows.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent)]
import demo_shared  # noqa: E402

# What may differ after a roll-back, as regular expressions for the whole path of a field, each with the reason. Nothing else may.
ROLLBACK = {
    r"vm\.StartTime": "output only: it was stopped and started",
    r"(vm|disk\.[^.]+)\.Tags\.mcr-.*": "the collection's notes",
}
# What may differ as well where disks are new ones.
IN_PLACE = {
    **ROLLBACK,
    r"disk\.[^.]+\.(DiskId|DiskName|SerialNumber|CreationTime|SourceSnapshotId)": "the purpose: the disk is a new one",
    r"disk\.[^.]+\.(AttachedTime|DetachedTime|(Attachments\.Attachment|MountInstances\.MountInstance)\.0\.AttachedTime)": "output only: when it was attached",
    r"disk\.[^.]+\.Description": "the collection's note",
}
# What may differ as well when the instance was built anew.
REBUILT = {
    **IN_PLACE,
    r"vm\.(InstanceId|CreationTime|SerialNumber)": "output only: it is another instance of the same name",
    r"vm\.NetworkInterfaces\.NetworkInterface\.\d+\.(NetworkInterfaceId|MacAddress)": "the primary interface is another one, and its address stays",
    r"(vm|disk\.[^.]+)\.ImageId": "output only: what its system disk was made from",
    r"disk\.[^.]+\.(InstanceId|(Attachments\.Attachment|MountInstances\.MountInstance)\.0\.InstanceId)": "the instance by its id",
}
# What may differ as well for a copy.
COPY = {
    **REBUILT,
    r"vm\.InstanceName": "the purpose: it is another instance",
    r"vm\.NetworkInterfaces\.NetworkInterface\.\d+\.(PrimaryIpAddress|PrivateIpSets\.PrivateIpSet\.0\.PrivateIpAddress)": "a copy takes no address along",
    r"vm\.VpcAttributes\.PrivateIpAddress\.IpAddress\.0": "a copy takes no address along",
    r"vm\.EipAddress\..*": "a copy takes no address along",
}
ALLOWED: Mapping[str, Mapping[str, str]] = {"rollback": ROLLBACK, "in_place": IN_PLACE, "rebuilt": REBUILT, "copy": COPY}
ADDRESS = re.compile(r"vm\.(?:VpcAttributes\.PrivateIpAddress\.IpAddress\.0|EipAddress\.IpAddress)")
_LOOKS = 300


class Cloud:
    """The simulator: its control side, and its API as the vendor's library sees it."""

    def __init__(self) -> None:
        from aliyunsdkcore.client import AcsClient

        self.url, self.region = os.environ["ALIBABA_ECS_API_URL"], os.environ["ALIBABA_CLOUD_REGION_ID"]
        key, secret = os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"], os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]
        self.account = key.removeprefix("sim-")
        self._client = AcsClient(key, secret, self.region, proxy={"http": None, "https": None})
        for product in ("Ecs", "Vpc"):
            self._client.add_endpoint(self.region, product, self.url)

    def control(self, action: str, **body: Any) -> Any:
        """One of the control actions."""
        wire = json.dumps({"account": self.account, **body}).encode()
        request = urllib.request.Request(f"{self.url}/_control/{action}", wire, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def api(self, action: str, product: str = "Ecs", **params: Any) -> Any:
        """The answer of the API itself."""
        from aliyunsdkcore.request import CommonRequest

        request = CommonRequest(domain=self.url.partition("://")[2], version={"Ecs": "2014-05-26", "Vpc": "2016-04-28"}[product], action_name=action)
        request.set_protocol_type("http")
        request.set_method("POST")
        for name, value in {"RegionId": self.region, **params}.items():
            request.add_query_param(name, value)
        return json.loads(self._client.do_action_with_exception(request))

    def instances(self, name: str) -> list[Any]:
        """The instances of a name, those that have made way for another one too."""
        found = self.api("DescribeInstances", InstanceName=name, MaxResults=100)["Instances"]["Instance"]
        return [one for one in found if one["InstanceName"] == name]

    def disks(self, instance: str) -> list[Any]:
        return list(self.api("DescribeDisks", InstanceId=instance, MaxResults=100)["Disks"]["Disk"])


def _tagged(wire: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with the tags as key and value, and without them when there are none."""
    tags = {tag["TagKey"]: tag["TagValue"] for tag in wire.get("Tags", {}).get("Tag", ())}
    return {**{name: value for name, value in wire.items() if name != "Tags"}, **({"Tags": tags} if tags else {})}


def look(cloud: Cloud, name: str) -> dict[str, Any]:
    """The instance and its disks by device as the API shows them, and the digest of what each holds."""
    there = [one for one in map(_tagged, cloud.instances(name)) if "mcr-aside" not in one.get("Tags", ())]
    if len(there) != 1:
        sys.exit(f"there are {len(there)} instances {name}")
    disks = {disk["Device"]: _tagged(disk) for disk in cloud.disks(there[0]["InstanceId"])}
    digests = {device: cloud.control("digest", id=disk["DiskId"])["digest"] for device, disk in disks.items()}
    return {"vm": there[0], "disk": disks, "bytes": digests}


def write(cloud: Cloud, disk: str, data: bytes) -> None:
    """Write as the guest would."""
    for offset, block in demo_shared.blocks(data):
        cloud.control("guest_write", disk=disk, offset=offset, data=base64.b64encode(block).decode())


def seed(cloud: Cloud, name: str) -> dict[str, Any]:
    found = look(cloud, name)
    content, kind = demo_shared.file_system()
    for device, disk in found["disk"].items():
        write(cloud, disk["DiskId"], content if device == "/dev/xvdb" else demo_shared.as_it_should_be(device))
    eip = cloud.api("AllocateEipAddress", "Vpc")["AllocationId"]
    cloud.api("AssociateEipAddress", "Vpc", AllocationId=eip, InstanceId=found["vm"]["InstanceId"], InstanceType="EcsInstance")
    _until(lambda: look(cloud, name)["vm"]["EipAddress"]["AllocationId"] == eip, "the elastic address is not associated")
    return {**look(cloud, name), "file_system": kind}


def corrupt(cloud: Cloud, name: str, only: str) -> dict[str, Any]:
    for device, disk in look(cloud, name)["disk"].items():
        if only in ("", device):
            write(cloud, disk["DiskId"], demo_shared.encrypted(device))
    return look(cloud, name)


def lose(cloud: Cloud, name: str) -> None:
    """Through the API, as somebody in a hurry would."""
    for vm in cloud.instances(name):
        instance = vm["InstanceId"]
        disks = [disk["DiskId"] for disk in cloud.disks(instance)]
        cloud.api("DeleteInstance", InstanceId=instance, Force="true")
        _until(lambda instance=instance: all(one["InstanceId"] != instance for one in cloud.instances(name)), f"instance {instance} is still there")
        for disk in cloud.api("DescribeDisks", DiskIds=json.dumps(disks), MaxResults=100)["Disks"]["Disk"]:
            cloud.api("DeleteDisk", DiskId=disk["DiskId"])


def _until(done: Any, otherwise: str) -> None:
    for _look in range(_LOOKS):
        if done():
            return
        time.sleep(0.02)
    sys.exit(otherwise)


def main() -> int:
    """Returns 1 when what is compared is not equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["seed", "corrupt", "compare", "lose"])
    parser.add_argument("--vm", required=True)
    parser.add_argument("--device", default="", help="the only disk that is meant")
    parser.add_argument("--after", choices=sorted(ALLOWED), default="rollback", help="which differences a restore of this kind may leave")
    arguments = parser.parse_args()
    cloud = Cloud()
    if arguments.command == "lose":
        lose(cloud, arguments.vm)
    elif arguments.command == "compare":
        differences, line = demo_shared.compare(json.load(sys.stdin), look(cloud, arguments.vm), ALLOWED[arguments.after], ADDRESS)
        if differences:
            print("\n".join(differences))
            return 1
        print(line)
    else:
        print(json.dumps(seed(cloud, arguments.vm) if arguments.command == "seed" else corrupt(cloud, arguments.vm, arguments.device)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
