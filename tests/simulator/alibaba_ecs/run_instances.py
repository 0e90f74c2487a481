# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RunInstances: an instance with its disks and interfaces, started at once."""

from __future__ import annotations

from typing import Any

from ..content import EMPTY
from . import disks, images, instances, interfaces
from .context import Context
from .errors import ApiError, missing
from .names import check_description, check_name, checked_tags
from .store import Item
from .vpc import take_address

COPIED = ("DeploymentSetId", "ResourceGroupId", "HpcClusterId", "KeyPairName", "CreditSpecification", "AutoReleaseTime", "SpotStrategy", "InternetChargeType")


def run(ctx: Context) -> dict[str, Any]:
    """RunInstances. All checks come first, so that a dry run sees them."""
    asked = ctx.params
    amount = asked.number("Amount", 1)
    if amount is None or not 1 <= amount <= 100:
        raise ApiError("InvalidAmount", "Amount is 1 to 100.", 400)
    image = images.usable(ctx, asked.text("ImageId"))
    instance_type = asked.text("InstanceType") or ""
    if not instance_type:
        raise missing("InstanceType")
    if not instances.TYPE.fullmatch(instance_type):
        raise ApiError("InvalidInstanceType.ValueNotSupported", f"The specified InstanceType does not exist: {instance_type}", 403)
    nics = asked.structs("NetworkInterface")
    primary = next((entry for entry in nics if entry.get("InstanceType") == "Primary"), {})
    vswitch = ctx.get("vswitches", asked.text("VSwitchId") or primary.get("VSwitchId") or "", "InvalidVSwitchId.NotFound")
    zone = vswitch.data["ZoneId"]
    if asked.text("ZoneId") and asked.text("ZoneId") != zone:
        raise ApiError("InvalidParameter.Conflict", "The vSwitch is in another zone.", 400)
    groups = _groups(ctx, primary)
    secondary = _existing(ctx, nics, zone, amount)
    tags = checked_tags(ctx)
    plans = [_system_plan(ctx, image), *_data_plans(ctx, image)]
    if len(plans) > ctx.quota("disks_per_instance"):
        raise ApiError("InstanceDiskLimitExceeded", "The number of disks exceeds the limit.")
    fields = _fields(ctx, image, zone, instance_type, vswitch)
    wanted = asked.text("PrivateIpAddress") or primary.get("PrimaryIpAddress")
    if wanted and amount > 1:
        raise ApiError("InvalidParameter.PrivateIpAddressRepeated", "One address cannot be given to several instances.", 403)
    if wanted:
        take_address(ctx.account, vswitch, wanted)
    ctx.require_stock(zone, instance_type)
    ctx.dry_run()
    made = [_make(ctx, fields, vswitch, groups, wanted, tags, plans, primary, secondary) for _number in range(amount)]
    return {"InstanceIdSets": {"InstanceIdSet": [item.id for item in made]}, "OrderId": "", "TradePrice": 0.0}


def _groups(ctx: Context, primary: dict[str, str]) -> list[str]:
    one, many = ctx.params.text("SecurityGroupId"), ctx.params.items("SecurityGroupIds")
    own = [value for name, value in sorted(primary.items()) if name.startswith("SecurityGroupId")]
    groups = many or ([one] if one else own)
    if not groups:
        raise missing("SecurityGroupId")
    for identity in groups:
        ctx.get("security_groups", identity, "InvalidSecurityGroupId.NotFound")
    return groups


def _existing(ctx: Context, nics: list[dict[str, str]], zone: str, amount: int) -> list[Item]:
    found = []
    for entry in nics:
        if not entry.get("NetworkInterfaceId"):
            continue
        item = ctx.get("interfaces", entry["NetworkInterfaceId"], "InvalidEniId.NotFound")
        if amount != 1:
            raise ApiError("InvalidParameter", "NetworkInterface.N.NetworkInterfaceId needs Amount 1.", 400)
        if item.data["Status"] != "Available":
            raise ApiError("InvalidOperation.InvalidEniState", "The status of the interface does not support this operation.")
        if item.data["ZoneId"] != zone:
            raise ApiError("InvalidOperation.AvailabilityZoneMismatch", "The interface and the instance must be in one zone.", 403)
        found.append(item)
    return found


def _system_plan(ctx: Context, image: Item) -> tuple[dict[str, Any], Item | None]:
    asked, part = ctx.params, images.system_part(image)
    source = ctx.account.find("snapshots", part.get("SnapshotId"))
    category = asked.text("SystemDisk.Category") or "cloud_essd"
    size = disks.check_size(category, asked.number("SystemDisk.Size"), None, "InvalidSystemDiskSize") if asked.text("SystemDisk.Size") else int(part["Size"])
    if size < int(part["Size"]):
        raise ApiError("InvalidSystemDiskSize.LessThanImageSize", "The system disk is smaller than the image.", 404)
    fields: dict[str, Any] = {"Type": "system", "Category": category, "Size": size, "ImageId": image.id, "DeleteWithInstance": True, "Device": "/dev/xvda"}
    fields.update(DiskName=check_name(asked.text("SystemDisk.DiskName"), "InvalidSystemDiskName.Malformed"))
    fields.update(Description=check_description(asked.text("SystemDisk.Description"), status=400), SourceSnapshotId=part.get("SnapshotId", ""))
    _more(fields, {key[11:]: value for key, value in asked.all.items() if key.startswith("SystemDisk.")}, source)
    return fields, source


def _more(fields: dict[str, Any], given: dict[str, str], source: Item | None) -> None:
    fields["Encrypted"] = given.get("Encrypted") == "true" or bool(source and source.data["Encrypted"])
    fields["KMSKeyId"] = given.get("KMSKeyId") or (source.data["KMSKeyId"] if source else "")
    fields["AutoSnapshotPolicyId"] = given.get("AutoSnapshotPolicyId", "")
    fields["BurstingEnabled"] = given.get("BurstingEnabled") == "true"
    if given.get("PerformanceLevel"):
        fields["PerformanceLevel"] = given["PerformanceLevel"]
    if given.get("ProvisionedIops"):
        fields["ProvisionedIops"] = int(given["ProvisionedIops"])


def _data_plans(ctx: Context, image: Item) -> list[tuple[dict[str, Any], Item | None]]:
    given = ctx.params.structs("DataDisk")
    # Data disks of the image come by themselves; one that is named by its device is described by the request.
    parts = [part for part in image.data["DiskDeviceMappings"]["DiskDeviceMapping"] if part["Type"] == "data"]
    wanted = [{"SnapshotId": part["SnapshotId"], "Device": part["Device"]} for part in parts]
    for entry in given:
        same = next((part for part in wanted if entry.get("Device") and part["Device"] == entry["Device"]), None)
        if same is not None:
            same.update({**entry, "SnapshotId": entry.get("SnapshotId") or same["SnapshotId"]})
        else:
            wanted.append(dict(entry))
    plans = []
    for entry in wanted:
        source = disks.source_of(ctx, entry.get("SnapshotId"))
        category = entry.get("Category") or "cloud_essd"
        size = int(source.data["SourceDiskSize"]) if source else disks.check_size(category, int(entry.get("Size") or 0) or None, None)
        disks.check_size(category, size, source)
        fields: dict[str, Any] = {"Category": category, "Size": size, "SourceSnapshotId": source.id if source else ""}
        fields.update(DeleteWithInstance=entry.get("DeleteWithInstance", "true") != "false")
        fields.update(
            DiskName=check_name(entry.get("DiskName"), "InvalidDiskName.Malformed"), Description=check_description(entry.get("Description"), status=400)
        )
        _more(fields, entry, source)
        plans.append((fields, source))
    return plans


def _fields(ctx: Context, image: Item, zone: str, instance_type: str, vswitch: Item) -> dict[str, Any]:
    asked = ctx.params
    fields: dict[str, Any] = {"ImageId": image.id, "ZoneId": zone, "InstanceType": instance_type}
    fields["VpcAttributes"] = {"VpcId": vswitch.data["VpcId"], "VSwitchId": vswitch.id}
    fields.update({name: asked.text(name) for name in COPIED if asked.text(name)})
    if asked.text("KeyPairName"):
        ctx.get("key_pairs", f"{ctx.region}/{asked.text('KeyPairName')}", "InvalidKeyPairName.NotFound", 404)
    if asked.text("InstanceName"):
        fields["InstanceName"] = check_name(asked.text("InstanceName"), "InvalidInstanceName.Malformed")
    if asked.text("HostName"):
        fields["HostName"] = asked.text("HostName")
    fields["Description"] = check_description(asked.text("Description"), status=400)
    fields["InternetMaxBandwidthOut"] = asked.number("InternetMaxBandwidthOut", 0)
    fields["DeletionProtection"] = asked.flag("DeletionProtection")
    fields["InstanceChargeType"] = asked.text("InstanceChargeType") or "PostPaid"
    if asked.text("DeploymentSetGroupNo"):
        fields["DeploymentSetGroupNo"] = asked.number("DeploymentSetGroupNo")
    fields["MetadataOptions"] = {
        "HttpEndpoint": asked.text("HttpEndpoint") or "enabled",
        "HttpTokens": asked.text("HttpTokens") or "optional",
        "HttpPutResponseHopLimit": asked.number("HttpPutResponseHopLimit", 0),
    }
    host = {"DedicatedHostId": asked.text("DedicatedHostId") or "", "DedicatedHostName": "", "DedicatedHostClusterId": ""}
    fields["DedicatedHostAttribute"] = host
    fields["DedicatedInstanceAttribute"] = {"Affinity": asked.text("Affinity") or "", "Tenancy": asked.text("Tenancy") or ""}
    fields["EcsCapacityReservationAttr"] = {
        "CapacityReservationId": asked.text("PrivatePoolOptions.Id") or "",
        "CapacityReservationPreference": asked.text("PrivatePoolOptions.MatchCriteria") or "",
    }
    instances.check_user_data(asked.text("UserData"))
    if asked.text("RamRoleName"):
        ctx.require_role(str(asked.text("RamRoleName")))
    return fields


def _make(
    ctx: Context,
    fields: dict[str, Any],
    vswitch: Item,
    groups: list[str],
    wanted: str | None,
    tags: dict[str, str],
    plans: list[tuple[dict[str, Any], Item | None]],
    primary: dict[str, str],
    secondary: list[Item],
) -> Item:
    account, stamp = ctx.account, ctx.stamp()
    pair = account.find("key_pairs", f"{ctx.region}/{fields.get('KeyPairName')}")
    if pair is not None:
        pair.hidden["bound"] = True
    instance = account.add(instances.new_instance(account, ctx.region, ctx.new_id("instances"), dict(fields)))
    instance.tags = dict(tags)
    instance.data.update(SecurityGroupIds={"SecurityGroupId": list(groups)}, StartTime=ctx.stamp(seconds=False))
    instance.hidden.update(user_data=ctx.params.text("UserData") or "", role=ctx.params.text("RamRoleName") or "")
    instance.hidden["jumbo"] = ctx.params.flag("NetworkOptions.EnableJumboFrame")
    if instance.data["InternetMaxBandwidthOut"]:
        instance.data["PublicIpAddress"] = {"IpAddress": [ctx.world.next_public_address()]}
    address = take_address(account, vswitch, wanted)
    extra = {"Type": "Primary", "NetworkInterfaceName": primary.get("NetworkInterfaceName", ""), "Description": primary.get("Description", "")}
    nic = interfaces.new_interface(account, vswitch, ctx.new_id("interfaces"), address, groups, **extra)
    nic.tags = dict(tags)
    account.add(nic)
    interfaces.put_on(nic, instance.id, 0)
    for number, item in enumerate(secondary):
        interfaces.put_on(item, instance.id, number + 1)
    made = []
    for plan, source in plans:
        disk = disks.new_disk(account, ctx.region, ctx.new_id("disks"), {**plan, "ZoneId": instance.data["ZoneId"], "CreationTime": stamp})
        disk.content = source.content if source else EMPTY
        disk.hidden["first"] = disk.content
        disk.tags = dict(tags)
        account.add(disk)
        disks.attach(disk, instance, plan.get("Device") or disks.free_device(account, instance.id), stamp)
        made.append(disk)
    ctx.targets += [instance.id, nic.id, *(disk.id for disk in made)]
    instance.data["Status"] = "Pending"

    def started() -> None:
        instance.data["Status"] = "Running"
        for disk in disks.of_instance(account, instance.id):
            disk.hidden["was_used"] = True

    def starting() -> None:
        instance.data["Status"] = "Starting"
        ctx.later(instance, started, lambda: instance.data.update(Status="Stopped"))

    ctx.later(instance, starting, starting)
    return instance


HANDLERS = {"RunInstances": run}
