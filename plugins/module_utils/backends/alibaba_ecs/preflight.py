# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked at before Alibaba Cloud is asked to change anything: locks, release times, stock, places, losses, and disks that cannot be saved."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ...clients.alibaba_ecs.client import VPC, AlibabaClient
from ...core.arguments import Task
from ...core.errors import InvalidRequest, NotFound, ProviderFailure, RecoveryError, Unsupported
from ...recovery.findings import Finding, warning
from ...recovery.model import Attachment, Disk, Machine, Power, Strategy
from ...recovery.points import instant
from ...recovery.provider import Intent
from .addresses import private_address
from .build import EXTERNAL_ADDRESS, INTERNAL_ADDRESS, SECONDARY_ADDRESSES
from .resets import AlibabaResets
from .things import locks_of

# https://www.alibabacloud.com/help/en/ecs/product-overview/limits: manual snapshots of one disk.
_MOST_SNAPSHOTS = 256
_STOCKED = ("WithStock", "ClosedWithStock")


@dataclass(frozen=True)
class Preflight:
    """The looks for one task in one region."""

    client: AlibabaClient
    task: Task
    resets: AlibabaResets | None = None

    # --- an instance that stays

    def locked(self, machine: Machine) -> Iterable[Finding]:
        locks = locks_of(machine.own.wire)
        if locks:
            text = f'VM "{machine.name}" is locked by Alibaba Cloud ({", ".join(locks)}), and would refuse to stop, start or go back.'
            yield Finding(f"{text} Settle that first.", kind=ProviderFailure, code=locks[0])

    def released_soon(self, machine: Machine) -> Iterable[Finding]:
        """An instance that is released, or taken back, before the task can have ended."""
        ends = instant(str(machine.own.wire.get("AutoReleaseTime") or "") or None)
        if ends and _aware(ends) < datetime.now(timezone.utc) + timedelta(seconds=self.task["wait_timeout"]):
            yield Finding(
                f'VM "{machine.name}" is to be released at {machine.own.wire["AutoReleaseTime"]}, before this task may have ended. Change its release time.'
            )

    def about_reset(self, machine: Machine, disks: Mapping[str, Disk]) -> Iterable[Finding]:
        if machine.power is Power.ON:
            yield warning(f'After the roll-back VM "{machine.name}" has the login credentials of today, not those of the recovery point.')

    def portable(self, machine: Machine, attachments: Sequence[Attachment]) -> Iterable[Finding]:
        """Disks that cannot be taken off."""
        by_id = {str(wire["DiskId"]): wire for wire in machine.own.disks}
        names = {str(wire.get("DiskName")): wire for wire in machine.own.disks}
        for one in attachments:
            wire = by_id.get(one.disk) or names.get(one.disk) or {}
            if wire.get("Portable") is False and wire.get("DiskChargeType") == "PrePaid":
                yield Finding(f"{one.device} is a subscription disk that cannot be detached. Use strategy: rollback.", kind=Unsupported)
            if wire.get("MultiAttach") == "Enabled":
                yield Finding(f"{one.device} is attached to several instances. Use snapshots to leave it out.", kind=Unsupported)

    # --- disks that cannot be saved

    def savable(self, machine: Machine, disks: Mapping[str, Disk]) -> Iterable[Finding]:
        for device, disk in disks.items():
            wire = disk.own.wire
            if wire.get("MultiAttach") == "Enabled" and len(disk.used_by) > 1:
                text = f"disk {disk.name} ({device}) cannot be part of a backup: several instances write to it."
                yield Finding(f"{text} Leave it out with exclude_disks.", kind=Unsupported)
            if not disk.ready:
                yield Finding(f"disk {disk.name} ({device}) is {disk.status}, and only one that is in use or available can be saved. Run again later.")

    def room_for_points(self, disks: Mapping[str, Disk], count: int) -> Iterable[Finding]:
        """The snapshots that each disk may have besides."""
        for device, disk in disks.items() if count else ():
            params = {"DiskId": disk.uid, "SnapshotType": "user"}
            found = sum(1 for _wire in self.client.listed("snapshots", "DescribeSnapshots", ("Snapshots", "Snapshot"), params))
            if found + count > _MOST_SNAPSHOTS:
                text = f"disk {disk.name} ({device}) has {found} snapshots, and {count} more are needed of the {_MOST_SNAPSHOTS} that it can have."
                yield Finding(f"{text} Delete some.", kind=ProviderFailure, code="QuotaExceed.Snapshot")

    # --- an instance that is built

    def losses(self, machine: Machine, intent: Intent) -> Iterable[Finding]:
        """What an instance cannot take along to its successor."""
        wire = machine.own.wire
        if wire.get("InstanceChargeType") != "PostPaid":
            yield Finding(f'VM "{machine.name}" is a subscription, which cannot be replaced by another instance. Use strategy: rollback.', kind=Unsupported)
        if (wire.get("PublicIpAddress") or {}).get("IpAddress"):
            yield warning(
                f'The public address of VM "{machine.name}" is no elastic address and stays with the old instance. Convert it to one before to keep it.'
            )
        secondary = [address for one in (intent.manifest or {}).get("interfaces", ()) if one.get("Type") == "Primary" for address in one.get("addresses", ())]
        if secondary:
            text = f'VM "{machine.name}" has secondary private addresses on its primary interface, which cannot be moved: {", ".join(secondary)}.'
            yield Finding(f"{text} Take them off and assign them again afterwards. Or use strategy: rollback.", kind=Unsupported)
        yield warning(f'VM "{machine.name}" gets a new instance id, a new MAC address of its primary interface, and new serial numbers of its disks.')

    def about_addresses(self, intent: Intent) -> Iterable[Finding]:
        document: Mapping[str, Any] = intent.manifest or {}
        wire = document.get("instance") or {}
        address = private_address(wire)
        if intent.strategy is Strategy.NEW:
            if address:
                yield warning(f"The copy takes no address along: {address} stays with the original.")
            return
        allowed = set(self.task["allow_lost"] or ())
        vswitch = str((wire.get("VpcAttributes") or {}).get("VSwitchId") or "")
        if address and INTERNAL_ADDRESS not in allowed and not self.task["subnetwork"]:
            path = ("NetworkInterfaceSets", "NetworkInterfaceSet")
            found = list(self.client.listed("interfaces", "DescribeNetworkInterfaces", path, {"VSwitchId": vswitch, "PrimaryIpAddress": address}))
            if found:
                text = f"the private address {address} is used by interface {found[0].get('NetworkInterfaceId')}."
                yield Finding(f"{text} Free it, or list internal_address in allow_lost.", word=INTERNAL_ADDRESS)
        if (wire.get("PublicIpAddress") or {}).get("IpAddress") and EXTERNAL_ADDRESS not in allowed:
            yield warning("The public address of the VM was no elastic address and cannot come back; it gets a new one.")
        secondary = [one for part in document.get("interfaces", ()) if part.get("Type") == "Primary" for one in part.get("addresses", ())]
        if secondary and SECONDARY_ADDRESSES not in allowed:
            yield warning(f"Secondary private addresses are not asked for again: {', '.join(secondary)}.")

    def places(self, intent: Intent) -> Iterable[Finding]:
        """Whether all that the request names is there, and whether the instance type is in stock in its zone."""
        request: Mapping[str, Any] = intent.request() if intent.request else {}
        run = request.get("run") or {}
        if not run.get("VSwitchId"):
            yield Finding("the manifest names no vSwitch. Give one in subnetwork.", kind=InvalidRequest)
            return
        found = next(iter(self.client.listed("vSwitches", "DescribeVSwitches", ("VSwitches", "VSwitch"), {"VSwitchId": run["VSwitchId"]}, product=VPC)), None)
        if found is None:
            yield Finding(f"there is no vSwitch {run['VSwitchId']}. Give another in subnetwork.", kind=NotFound)
            return
        groups = list(run.get("SecurityGroupIds") or ())
        if not groups:
            yield Finding("no security group is known for the VM. Give security_groups.", kind=InvalidRequest)
        else:
            params = {"SecurityGroupIds": json.dumps(groups)}
            listed = self.client.listed("security groups", "DescribeSecurityGroups", ("SecurityGroups", "SecurityGroup"), params)
            missing = sorted(set(groups) - {str(one.get("SecurityGroupId")) for one in listed})
            if missing:
                yield Finding(f"there is no security group {', '.join(missing)}. Give security_groups.", kind=NotFound)
        zone = str(found.get("ZoneId") or "")
        zones = sorted({str(device.new.request["model"].get("zone") or zone) for device in intent.devices if device.new.request} - {zone})
        if zones and intent.strategy is Strategy.REPLACE:
            yield Finding(f"vSwitch {run['VSwitchId']} is in zone {zone}, and disks are in {', '.join(zones)}.", kind=InvalidRequest)
        if run.get("KeyPairName"):
            pairs = self.client.listed("key pairs", "DescribeKeyPairs", ("KeyPairs", "KeyPair"), {"KeyPairName": run["KeyPairName"]})
            if not any(one.get("KeyPairName") == run["KeyPairName"] for one in pairs):
                yield Finding(f"there is no key pair {run['KeyPairName']}, with which the VM is built. Import it again.", kind=NotFound)
        yield from self._stock(str(run.get("InstanceType")), zone)

    def _stock(self, kind: str, zone: str) -> Iterable[Finding]:
        params = {"DestinationResource": "InstanceType", "InstanceType": kind, "ZoneId": zone, "InstanceChargeType": "PostPaid"}
        try:
            answer = self.client.read(f"stock of {kind} in {zone}", "DescribeAvailableResource", params)
        except RecoveryError as error:
            if error.transient:
                raise
            yield warning(f"Whether {kind} is in stock in zone {zone} could not be asked: {error.message}")
            return
        zones = (answer.get("AvailableZones") or {}).get("AvailableZone") or ()
        resources = [one for part in zones for of in (part.get("AvailableResources") or {}).get("AvailableResource") or () for one in _supported(of)]
        if not any(one.get("Value") == kind and one.get("StatusCategory") in _STOCKED for one in resources):
            yield Finding(
                f"instance type {kind} is not in stock in zone {zone}. Give another in machine_type, or try later.", kind=ProviderFailure, code="NoStock"
            )


def _supported(resource: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (resource.get("SupportedResources") or {}).get("SupportedResource") or ()


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
