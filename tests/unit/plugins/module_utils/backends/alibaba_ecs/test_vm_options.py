# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of backups and restores on Alibaba Cloud ECS have the effect that they name."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from .bench import DEVICES, FIRST, TEXTS, VM, AlibabaBench
from .test_vms import OLD, clean, of_vm, saved


def test_disk_that_is_left_out_is_not_saved_and_the_restore_tells_of_it(bench: AlibabaBench) -> None:
    saved(bench, exclude_disks=[DEVICES[2]])
    disks = bench.run("backup", "INSPECT_ONE", name=f"{VM}-{FIRST}")["backup"]["disks"]
    assert [disk["device"] for disk in disks] == list(DEVICES[:2])
    assert bench.backup(exclude_disks=[DEVICES[2]]).sent == []
    ran = bench.restore(name="n1", strategy="new", new_vm_name="copy-1")
    assert DEVICES[2] in ran.warnings
    assert bench.texts(of_vm(bench, "copy-1")["InstanceId"]) == OLD[:2]


def test_manifest_in_a_file_builds_the_instance_when_nothing_else_is_left_of_it(bench: AlibabaBench, tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    saved(bench, manifest_dir=str(folder))
    (stored,) = folder.iterdir()
    assert bench.backup(manifest_dir=str(folder)).sent == []
    bench.call("DeleteInstance", InstanceId=bench.instance, Force=True)
    for command in bench.all("commands"):
        bench.call("DeleteCommand", CommandId=command["CommandId"])
    bench.sleep(10)
    assert bench.restore(name="r9", strategy="replace").kind
    ran = bench.restore(name="r9", strategy="replace", manifest_file=str(stored))
    assert ran.changed, ran.message
    assert bench.texts(of_vm(bench)["InstanceId"]) == OLD


def test_image_is_put_into_its_family(bench: AlibabaBench) -> None:
    saved(bench, method="image", image_family="shop")
    (image,) = bench.all("images")
    assert image["ImageFamily"] == "shop"


@pytest.mark.parametrize("way", ["source_image", "image_family"])
def test_copy_is_made_of_an_image(bench: AlibabaBench, way: str) -> None:
    saved(bench, method="image", image_family="shop")
    word = bench.all("images")[0]["ImageId"] if way == "source_image" else "shop"
    assert bench.restore(name="n1", strategy="new", new_vm_name="copy-1", **{way: word}).changed
    assert bench.texts(of_vm(bench, "copy-1")["InstanceId"]) == OLD
    assert bench.restore(name="n1", strategy="new", new_vm_name="copy-1", **{way: word}).sent == []
    assert bench.act("violations") == []


def test_copy_is_made_as_the_task_says(bench: AlibabaBench) -> None:
    saved(bench)
    script = "#!/bin/sh\necho up\n"
    vpc = of_vm(bench)["VpcAttributes"]["VpcId"]
    group = bench.call("CreateSecurityGroup", VpcId=vpc, SecurityGroupName="drill")["SecurityGroupId"]
    subnetwork = bench.act("add_network", vpc=vpc, cidr="192.168.77.0/24")["vswitch_id"]
    asked: dict[str, Any] = {"machine_type": "ecs.g7.xlarge", "subnetwork": subnetwork, "startup_script": script, "security_groups": [group]}
    ran = bench.restore(name="n1", strategy="new", new_vm_name="copy-1", **asked)
    assert ran.changed, ran.message
    made = of_vm(bench, "copy-1")
    assert made["InstanceType"] == "ecs.g7.xlarge"
    assert made["VpcAttributes"]["VSwitchId"] == subnetwork
    assert made["SecurityGroupIds"]["SecurityGroupId"] == [group]
    there = bench.call("DescribeUserData", InstanceId=made["InstanceId"])["UserData"]
    assert base64.b64decode(there).decode() == script
    assert bench.restore(name="n1", strategy="new", new_vm_name="copy-1", **asked).sent == []
    clean(bench)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"subnetwork": "vsw-none"}, "vsw-none"),
        ({"security_groups": ["sg-none"]}, "sg-none"),
    ],
)
def test_what_is_not_there_is_told_before_anything_is_made(bench: AlibabaBench, asked: dict[str, Any], said: str) -> None:
    saved(bench)
    ran = bench.restore(name="n1", strategy="new", new_vm_name="copy-1", **asked)
    assert ran.error
    assert said in ran.message
    assert ran.sent == []


def test_local_disks_are_given_up_only_when_the_task_says_so(bench: AlibabaBench) -> None:
    bench.act("add_instance", name="scratch", region="cn-hangzhou", disks=[{"text": TEXTS[0]}, {"text": "gone", "Category": "ephemeral_ssd"}])
    bench.sleep(10)
    assert bench.run("backup", vm_name="scratch", snapshot_datetime=FIRST).changed
    assert "discard_local_ssd" in bench.restore(name="r1", vm_name="scratch").message
    assert bench.restore(name="r1", vm_name="scratch", discard_local_ssd=True).changed
