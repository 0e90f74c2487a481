# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps by hand in docs/alibaba_ecs.md lead out of a restore that was killed half-way, and back from one: its commands are done as requests."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.connection import connect
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.client import ECS, VPC, AlibabaClient

from tests.simulator.server import running_simulator
from tests.unit.plugins.module_utils.backends.alibaba_ecs.bench import FIRST, REGION, TEXTS, VM, AlibabaBench

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "alibaba_ecs.md").read_text()
BY_HAND = PAGE.partition("\n## By hand\n")[2].partition("\n## ")[0]
LOCK = "ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.lock.Lock.abandon"
NAME = "rescue-1"
SAFETY, DATA_DISKS = "Bring the disks back from the safety points", "Bring the data disks from before back"
ASIDE, GONE = "Bring the old instance back after replace", "The instance is gone, and there is a backup"
LOST = ("lost system", "lost data", "lost logs")
Wire = dict[str, Any]


def commands(chapter: str) -> list[str]:
    """The aliyun commands of a chapter, each in one line."""
    text = BY_HAND.partition(f"### {chapter}\n")[2].partition("\n### ")[0]
    blocks = re.findall(r"^ *```shell\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [line.strip() for line in "\n".join(blocks).splitlines() if line.strip().startswith("aliyun ")]


class Hand:
    """Somebody at a shell: does a command of the page, with the words in capitals filled in."""

    def __init__(self, bench: AlibabaBench) -> None:
        self.bench = bench
        self._client = connect(bench.task("restore", name="r1", snapshot_datetime="latest"), bench.waiter())

    def do(self, chapter: str, action: str, *, has: str = "", **words: str) -> Wire:
        """Carry out the only command of the chapter with this action that holds ``has``."""
        (line,) = [one for one in commands(chapter) if one.split()[2] == action and has in one]
        for word, value in sorted({"$VM": VM, "$NAME": NAME, "$REGION": REGION, **words}.items(), key=lambda pair: -len(pair[0])):
            line = re.sub(rf"(?<![A-Z_]){re.escape(word)}(?![A-Z_])", value, line)
        parts = shlex.split(line.partition(" > ")[0])
        flags = dict(zip((part[2:] for part in parts[3::2]), parts[4::2]))
        assert flags.pop("RegionId") == REGION
        assert not [value for value in flags.values() if re.fullmatch(r"\$?[A-Z][A-Z_]+", value)], line
        return self._client.change(action, action, flags, product={"ecs": ECS, "vpc": VPC}[parts[1]])


@pytest.fixture
def bench() -> Iterator[AlibabaBench]:
    """web-1 is saved with other bytes than it has now."""
    with running_simulator("alibaba_ecs") as simulator:
        made = AlibabaBench(simulator)
        made.backup().ok  # noqa: B018
        made.write(*LOST)
        yield made


def kill(bench: AlibabaBench, monkeypatch: pytest.MonkeyPatch, action: str, nth: int, **given: Any) -> None:
    """Begin a restore that dies before its ``nth`` request of this kind: nothing is undone, the lock stays."""

    class Killed(BaseException):
        keeps_state = True

    made: list[int] = []
    original = AlibabaClient.change

    def die(self: AlibabaClient, what: str, call: str, *args: Any, **more: Any) -> Any:
        made.extend([1] if call == action else [])
        if call == action and len(made) >= nth:
            raise Killed
        return original(self, what, call, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(AlibabaClient, "change", die)
        patched.setattr(LOCK, lambda lock: lock.stop_renewing())
        with pytest.raises(Killed):
            bench.restore(name=NAME, **given)


def lock_of(item: Wire) -> str:
    (key,) = [one["TagKey"] for one in item["Tags"]["Tag"] if one["TagKey"].startswith("mcr-lock-run-")]
    return str(key)


def address_of(hand: Hand) -> str:
    """The private address of the instance of the name."""
    (wire,) = hand.do(ASIDE, "DescribeInstances", has="InstanceName")["Instances"]["Instance"]
    return str(wire["VpcAttributes"]["PrivateIpAddress"]["IpAddress"][0])


def notes(bench: AlibabaBench, *kinds: str) -> set[str]:
    return {key for kind in kinds for item in bench.all(kind) for key in item["tags"] if key.startswith("mcr-")}


def began(texts: list[str], words: tuple[str, ...]) -> bool:
    return all(text.startswith(word) for text, word in zip(texts, words))


@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("forward", [True, False], ids=["forward", "back"])
def test_roll_back(bench: AlibabaBench, monkeypatch: pytest.MonkeyPatch, nth: int, forward: bool) -> None:
    kill(bench, monkeypatch, "ResetDisk", nth, strategy="rollback")
    hand = Hand(bench)
    (instance,) = hand.do(SAFETY, "DescribeInstances")["Instances"]["Instance"]
    words = {"INSTANCE": str(instance["InstanceId"])}
    disks = hand.do(SAFETY, "DescribeDisks", has="InstanceId", **words)["Disks"]["Disk"]
    (group,) = hand.do(SAFETY, "DescribeSnapshotGroups")["SnapshotGroups"]["SnapshotGroup"]
    safety = {str(one["SourceDiskId"]): str(one["SnapshotId"]) for one in group["Snapshots"]["Snapshot"]}
    marked = {str(disk["DiskId"]): tag["TagValue"].rpartition(".")[2] for disk in disks for tag in disk["Tags"]["Tag"] if tag["TagKey"] == "mcr-reset"}
    assert set(safety) == set(marked)
    if instance["Status"] == "Running":
        hand.do(SAFETY, "StopInstance", **words)
    for disk, snapshot in (marked if forward else safety).items():
        hand.do(SAFETY, "ResetDisk", DISK=disk, SNAPSHOT=snapshot)
        assert hand.do(SAFETY, "DescribeDisks", has="DiskIds", DISK=disk)["Disks"]["Disk"][0]["Status"] == "In_use"
        hand.do(SAFETY, "UntagResources", has="disk", DISK=disk)
    hand.do(SAFETY, "StartInstance", **words)
    hand.do(SAFETY, "UntagResources", has="instance", LOCK=lock_of(instance), **words)
    assert began(bench.texts(), TEXTS if forward else LOST)
    assert bench.vms()[0]["Status"] == "Running"
    assert notes(bench, "instances") == set()
    # What is left says whose disks they are, and no more.
    assert notes(bench, "disks") <= {"mcr-vm", "mcr-zone"}


def test_safety_points_that_are_no_group_are_listed(bench: AlibabaBench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.control.add_fault("status", route="CreateSnapshotGroup", status=400, reason="InvalidDisk.DiskCategoryInconsistent", times=0)
    kill(bench, monkeypatch, "ResetDisk", 1, strategy="rollback")
    hand = Hand(bench)
    found = hand.do(SAFETY, "DescribeSnapshots")["Snapshots"]["Snapshot"]
    assert {one["SourceDiskId"] for one in found} == set(bench.disks)


@pytest.mark.parametrize(("action", "nth"), [("DetachDisk", 2), ("AttachDisk", 2), ("StartInstance", 1)])
def test_data_disks(bench: AlibabaBench, monkeypatch: pytest.MonkeyPatch, action: str, nth: int) -> None:
    saved = {one["SourceDiskId"]: one["SnapshotId"] for one in bench.all("snapshots")}
    kill(bench, monkeypatch, action, nth, strategy="in_place", snapshots={f"/dev/xvd{'abc'[at]}": saved[bench.disks[at]] for at in (1, 2)})
    hand = Hand(bench)
    (instance,) = hand.do(DATA_DISKS, "DescribeInstances")["Instances"]["Instance"]
    words = {"INSTANCE": str(instance["InstanceId"])}
    old = hand.do(DATA_DISKS, "DescribeDisks", has="mcr-replaced-by")["Disks"]["Disk"]
    new = hand.do(DATA_DISKS, "DescribeDisks", has="mcr-restore")["Disks"]["Disk"]
    assert {one["DiskId"] for one in old} == {*bench.disks[1:]}
    if instance["Status"] == "Running":
        hand.do(DATA_DISKS, "StopInstance", **words)
    for disk in new:
        if disk["InstanceId"]:
            hand.do(DATA_DISKS, "DetachDisk", NEW_DISK=disk["DiskId"], **words)
    device = {one["DiskId"]: next(tag["TagValue"] for tag in one["Tags"]["Tag"] if tag["TagKey"] == "mcr-device") for one in old}
    for disk in sorted(old, key=lambda one: device[one["DiskId"]]):
        if not disk["InstanceId"]:
            hand.do(DATA_DISKS, "AttachDisk", OLD_DISK=disk["DiskId"], **words)
        hand.do(DATA_DISKS, "UntagResources", has="disk", OLD_DISK=disk["DiskId"])
    hand.do(DATA_DISKS, "StartInstance", **words)
    hand.do(DATA_DISKS, "UntagResources", has="instance", LOCK=lock_of(instance), **words)
    assert began(bench.texts(), LOST)
    assert (bench.vms()[0]["Status"], notes(bench, "instances")) == ("Running", set())


@pytest.mark.parametrize("complete", [True, False], ids=["complete", "killed"])
def test_old_instance(bench: AlibabaBench, monkeypatch: pytest.MonkeyPatch, complete: bool) -> None:
    address = address_of(Hand(bench))
    if complete:
        bench.restore(name=NAME, strategy="replace").ok  # noqa: B018
    else:
        kill(bench, monkeypatch, "RunInstances", 1, strategy="replace")
    hand = Hand(bench)
    (old,) = hand.do(ASIDE, "DescribeInstances", has="mcr-aside")["Instances"]["Instance"]
    parked = next(tag["TagValue"] for tag in old["Tags"]["Tag"] if tag["TagKey"] == "mcr-parked")
    assert (parked, old["InstanceId"]) == (address, bench.instance)
    named = hand.do(ASIDE, "DescribeInstances", has="InstanceName")["Instances"]["Instance"]
    words = {"VSWITCH": str(old["VpcAttributes"]["VSwitchId"]), "OLD": bench.instance}
    for new in (str(one["InstanceId"]) for one in named if one["InstanceId"] != bench.instance):
        bench.act("set_fields", kind="instances", id=new, hidden={"restarted": True})
        hand.do(ASIDE, "StopInstance", has="NEW", NEW=new)
        hand.do(ASIDE, "ModifyInstanceVpcAttribute", has="NEW", NEW=new, FREE_ADDRESS="192.168.1.77", **words)
        hand.do(ASIDE, "ModifyInstanceAttribute", NEW=new, OTHER_NAME="web-1-restored")
        for disk in hand.do(ASIDE, "DescribeDisks", has="NEW", NEW=new)["Disks"]["Disk"]:
            hand.do(ASIDE, "UntagResources", has="NEW_DISK", NEW_DISK=disk["DiskId"])
        hand.do(ASIDE, "UntagResources", has="NEW --TagKey", NEW=new)
    (start, _last) = [line for line in commands(ASIDE) if line.split()[2] == "StartInstance"]
    assert start == _last
    client = connect(bench.task("restore", name="r1", snapshot_datetime="latest"), bench.waiter())
    client.change("start", "StartInstance", {"InstanceId": bench.instance})
    hand.do(ASIDE, "StopInstance", has="OLD", **words)
    hand.do(ASIDE, "ModifyInstanceVpcAttribute", has="OLD", ADDRESS=parked, **words)
    client.change("start", "StartInstance", {"InstanceId": bench.instance})
    for disk in hand.do(ASIDE, "DescribeDisks", has="OLD", **words)["Disks"]["Disk"]:
        hand.do(ASIDE, "UntagResources", has="OLD_DISK", OLD_DISK=disk["DiskId"])
    hand.do(ASIDE, "UntagResources", has="OLD --TagKey", **words)
    (back,) = bench.vms()
    assert (back["InstanceId"], back["Status"], address_of(hand)) == (bench.instance, "Running", address)
    assert began(bench.texts(), LOST)
    assert notes(bench, "instances") == set()
    # It is again what a task finds under the name.
    assert bench.restore(name="later", strategy="rollback", check=True).ok.changed


def test_gone(bench: AlibabaBench) -> None:
    for kind, key in (("disks", "DiskId"), ("instances", "InstanceId"), ("interfaces", "NetworkInterfaceId")):
        for item in bench.all(kind):
            bench.act("remove", kind=kind, id=item[key])
    hand = Hand(bench)
    (group,) = hand.do(GONE, "DescribeSnapshotGroups", DATETIME=FIRST)["SnapshotGroups"]["SnapshotGroup"]
    key = next(tag["Value"] for tag in group["Tags"]["Tag"] if tag["Key"] == "mcr-manifest")
    (command,) = hand.do(GONE, "DescribeCommands", **{"mcr-manifest-KEY": f"mcr-manifest-{key}"})["Commands"]["Command"]
    # As base64, sed, tr and gzip do.
    script = base64.b64decode(command["CommandContent"]).decode()
    packed = "".join(line.removeprefix("# ") for line in script.splitlines() if line.startswith("# "))
    manifest = json.loads(gzip.decompress(base64.b64decode(packed)))
    snapshots = {one["SourceDiskId"]: one["SnapshotId"] for one in group["Snapshots"]["Snapshot"]}
    by_device = {one["device"]: snapshots[one["disk"]] for one in manifest["attached"]}
    made = hand.do(GONE, "CreateImage", SYSTEM_SNAPSHOT=by_device["/dev/xvda"], IMAGE_NAME="web-1-back")
    (image,) = hand.do(GONE, "DescribeImages", IMAGE_NAME="web-1-back")["Images"]["Image"]
    assert image["Status"] == "Available"
    wire = manifest["instance"]
    place = {"VSWITCH": wire["VpcAttributes"]["VSwitchId"], "GROUP": wire["SecurityGroupIds"]["SecurityGroupId"][0], "TYPE": wire["InstanceType"]}
    words = {"IMAGE": made["ImageId"], "HOST_NAME": wire["HostName"], "ADDRESS": wire["VpcAttributes"]["PrivateIpAddress"]["IpAddress"][0], **place}
    hand.do(GONE, "RunInstances", DATA_SNAPSHOT=by_device["/dev/xvdb"], **words)
    (back,) = bench.vms()
    assert began(bench.texts(back["InstanceId"]), TEXTS[:2])
    assert address_of(hand) == words["ADDRESS"]
