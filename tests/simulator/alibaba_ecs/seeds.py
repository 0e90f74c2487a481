# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Examples that an account can be filled with, and the pieces that they are made of.

"demo": in cn-hangzhou, zone h, a VPC, a vSwitch (192.168.1.0/24), a security group, and the running instance `web-1` with a system disk and two ESSD data
disks, one of which stays when the instance goes; a stopped instance `db-1` with one disk. Each disk begins with the text "disk NAME of the example". Roles for
the transfer of images and the bucket `sim-images` are there, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..content import Content
from . import disks, interfaces, vpc
from .image_transfer import EXPORT_ROLE, IMPORT_ROLE
from .images import PUBLIC
from .instances import new_instance
from .places import DEFAULT_REGION, zones_of
from .store import Account, Item

IMAGE = next(iter(PUBLIC))


def add_network(account: Account, region: str = DEFAULT_REGION, zone: str = "") -> tuple[Item, Item]:
    """The vSwitch and the security group of a zone, made when there are none yet."""
    zone = zone or zones_of(region)[0]
    net = next(iter(account.all("vpcs", region)), None) or vpc.add_vpc(account, region, account.world.new_id("vpcs", region), CidrBlock="192.168.0.0/16")
    vswitch = next((item for item in account.all("vswitches", region) if item.data["ZoneId"] == zone), None)
    if vswitch is None:
        number = len(account.all("vswitches", region)) + 1
        vswitch = vpc.add_vswitch(account, net, account.world.new_id("vswitches", region), zone, f"192.168.{number}.0/24")
    group = next(iter(account.all("security_groups", region)), None)
    return vswitch, group or vpc.add_security_group(account, net, account.world.new_id("security_groups", region), SecurityGroupName="default")


def add_disk(account: Account, region: str, zone: str, name: str, **fields: Any) -> Item:
    """A disk with the text "disk NAME of the example", or `text`."""
    text, tags = fields.pop("text", None), fields.pop("tags", {})
    disk = disks.new_disk(account, region, account.world.new_id("disks", region), {"DiskName": name, "ZoneId": zone, **fields})
    disk.content, disk.tags = Content.of((f"disk {name} of the example" if text is None else str(text)).encode()), dict(tags)
    disk.hidden["first"] = disk.content
    return account.add(disk)


def add_instance(
    account: Account,
    name: str,
    parts: Sequence[Mapping[str, Any]] = ({},),
    region: str = DEFAULT_REGION,
    zone: str = "",
    status: str = "Running",
    **fields: Any,
) -> Item:
    """An instance that has run, with a disk for each of `parts` (fields of a disk, `text`, `tags`); the first is its system disk."""
    zone = zone or zones_of(region)[0]
    vswitch, group = add_network(account, region, zone)
    tags, hidden, address = fields.pop("tags", {}), fields.pop("hidden", {}), fields.pop("address", None)
    place = {"VpcId": vswitch.data["VpcId"], "VSwitchId": vswitch.id}
    given = {"InstanceName": name, "HostName": name, "ImageId": IMAGE, "ZoneId": zone, "Status": status, "VpcAttributes": place, **fields}
    instance = new_instance(account, region, account.world.new_id("instances", region), given)
    instance.data.setdefault("StartTime", account.world.stamp(seconds=False))
    instance.data["SecurityGroupIds"] = {"SecurityGroupId": [group.id]}
    if status == "Stopped":
        instance.data["StoppedMode"] = "KeepCharging"
    instance.hidden.update(restarted=True, **hidden)
    instance.tags = dict(tags)
    account.add(instance)
    nic = interfaces.new_interface(
        account, vswitch, account.world.new_id("interfaces", region), vpc.take_address(account, vswitch, address), [group.id], Type="Primary"
    )
    account.add(nic)
    interfaces.put_on(nic, instance.id, 0)
    for number, part in enumerate(parts):
        own: dict[str, Any] = {"DeleteWithInstance": True, **({"Type": "system", "ImageId": IMAGE} if number == 0 else {}), **part}
        disk = add_disk(account, region, zone, str(own.pop("DiskName", f"{name}-{number}")), **own)
        disks.attach(disk, instance, f"/dev/xvd{'abcdefghijklmnopqrstuvwxyz'[number]}", account.world.stamp())
        disk.hidden["was_used"] = True
    return instance


def demo(account: Account) -> None:
    """See above."""
    parts: list[dict[str, Any]] = [{"DiskName": "web-1"}, {"DiskName": "web-1-data", "Size": 100, "tags": {"role": "data"}}]
    parts.append({"DiskName": "web-1-logs", "DeleteWithInstance": False})
    add_instance(account, "web-1", parts, tags={"app": "web", "env": "demo"})
    add_instance(account, "db-1", [{"DiskName": "db-1"}], status="Stopped", tags={"app": "db"})
    account.roles.update({EXPORT_ROLE: {}, IMPORT_ROLE: {}, "sim-ecs-role": {}})
    account.buckets["sim-images"] = DEFAULT_REGION


SEEDS: dict[str, Callable[[Account], None]] = {"demo": demo}
