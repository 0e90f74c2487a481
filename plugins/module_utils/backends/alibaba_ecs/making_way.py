# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance that makes way for another one of its name: it stays, stopped, without its addresses, and can come back.

No other instance can have its system disk, so that it is not deleted before its disks are given up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...clients.alibaba_ecs.client import VPC, AlibabaClient, Wire
from ...core.errors import Conflict, ProviderFailure
from ...recovery import marks as mark
from ...recovery.lock.claim import without_lock
from ...recovery.marks import prefixed, split
from ...recovery.model import Machine, Ref
from ...recovery.provider import Work
from .addresses import INSTANCES, Addresses, private_address
from .things import DISK, INSTANCE, Ended, Polled, change_unless_so, filter_tags, is_id, tags_of, wire_tags

# On a disk: it goes with its instance, although a restore has seen to it that it does not for the time being.
GOES = "goes"
# The address that an instance had before it made way; it stands there until the instance has it again.
PARKED = "parked"
# On an instance that has made way, and nowhere else; so it is said while it still has addresses.
ASIDE, LEAVING = "aside", "leaving"
_DISKS = ("Disks", "Disk")
# The first three addresses of a vSwitch and the last one are the system's.
_FIRST, _TRIES = 4, 64


@dataclass(frozen=True)
class MakingWay:
    """The instances of one region that have made way."""

    client: AlibabaClient

    @property
    def addresses(self) -> Addresses:
        return Addresses(self.client)

    # --- away

    def make_way(self, machine: Machine) -> Work:
        """Take the instance out of sight, and then its addresses off it: whatever fails from then on, it is known that it has to come back."""
        address = machine.marks.get(PARKED) or private_address(machine.own.wire)
        self._tag(machine.uid, {PARKED: address, mark.VM: machine.name, ASIDE: LEAVING})
        Polled(self.client.waiter, lambda: mark.PREFIX + ASIDE in tags_of(self.addresses.wire(machine.uid)), "noting that the instance makes way").wait()
        self._untag(machine.uid, [*without_lock(machine.marks), mark.WAS, mark.RESTORE])
        self._vacate(machine.uid)
        return Ended()

    def vacate_all(self, name: str) -> None:
        """Take the addresses off what has made way for this name, where a run died before it had done so."""
        for wire in self.asides(name):
            if tags_of(wire)[mark.PREFIX + ASIDE] == LEAVING:
                self._vacate(str(wire["InstanceId"]))

    def _vacate(self, instance: str) -> None:
        wire = self.addresses.wire(instance)
        if private_address(wire) == tags_of(wire).get(mark.PREFIX + PARKED, private_address(wire)):
            self._park(instance, wire)
        self.addresses.free_interfaces(instance)
        self.addresses.free_eip(instance)
        self._tag(instance, {ASIDE: mark.YES})

    def _park(self, instance: str, wire: Wire) -> None:
        """Give the instance another private address of its vSwitch, so that its own one is free."""
        vswitch = str((wire.get("VpcAttributes") or {}).get("VSwitchId") or "")
        taken: list[str] = []
        for address in self._candidates(vswitch):
            try:
                self._move_away(instance, vswitch, address)
            except Conflict as error:
                if not (error.code or "").startswith(("InvalidPrivateIpAddress", "InvalidParameter.PrivateIp", "InvalidIPAddress")):
                    raise
                taken.append(address)
                continue
            return
        raise ProviderFailure(f"no free address was found in vSwitch {vswitch}, of {len(taken)} that were tried; instance {instance} keeps its own.")

    def _move_away(self, instance: str, vswitch: str, address: str) -> None:
        what = f"take the private address off instance {instance}"
        try:
            self._move(instance, vswitch, address, what)
        except Conflict as error:
            if error.code != "OperationDenied":
                raise
            # The service changes the address of a new instance only after it was restarted once.
            self._power(instance, "StartInstance")
            self._power(instance, "StopInstance")
            self._move(instance, vswitch, address, what)

    def _move(self, instance: str, vswitch: str, address: str, what: str) -> None:
        """Change the private address. The service allows that once for each start, so that a repeated request is refused after a lost answer."""
        params = {"InstanceId": instance, "VSwitchId": vswitch, "PrivateIpAddress": address}

        def is_there() -> bool:
            return private_address(self.addresses.wire(instance)) == address

        change_unless_so(self.client, what, "ModifyInstanceVpcAttribute", params, is_there)
        Polled(self.client.waiter, is_there, what).wait()

    def _candidates(self, vswitch: str) -> list[str]:
        """Addresses to try, from the end of the range, where fewer are in use; those that interfaces have are left out."""
        found = next(iter(self.client.listed("vSwitch", "DescribeVSwitches", ("VSwitches", "VSwitch"), {"VSwitchId": vswitch}, product=VPC)), {})
        network = ipaddress.ip_network(str(found.get("CidrBlock") or "0.0.0.0/32"))
        interfaces = self.client.listed("interfaces", "DescribeNetworkInterfaces", ("NetworkInterfaceSets", "NetworkInterfaceSet"), {"VSwitchId": vswitch})
        used = {str(one.get("PrivateIpAddress") or "") for one in interfaces}
        hosts = (str(network[-number]) for number in range(_FIRST, min(network.num_addresses - _FIRST, _TRIES * 4)))
        return [address for address in hosts if address not in used][:_TRIES]

    # --- back

    def asides(self, name: str) -> list[Wire]:
        """The instances that have made way for this name."""
        wanted = {mark.PREFIX + ASIDE: None, mark.PREFIX + mark.VM: name}
        return list(self.client.listed("instances", "DescribeInstances", INSTANCES, {"Tag": filter_tags(wanted)}))

    def of(self, name: str, disks: Sequence[Ref]) -> Wire | None:
        """The instance that has made way for this name and has these very disks; None when there is none."""
        for wire in self.asides(name):
            attached = list(self.client.listed("disks", "DescribeDisks", _DISKS, {"InstanceId": wire["InstanceId"]}))
            names = {str(one["DiskId"]) for one in attached} | {str(one.get("DiskName")) for one in attached}
            if attached and len(attached) == len(disks) and names.issuperset(disks):
                return wire
        return None

    def come_back(self, name: str, wire: Wire, request: Any, marks: Mapping[str, str]) -> Work:
        """Give the instance its addresses again, start it, and show it under its name. The private address can be changed once for each start of it.

        ``request`` is what would build it. What is somebody else's meanwhile is left there.
        """
        instance, own = str(wire["InstanceId"]), split(tags_of(wire))[0]
        address = own.get(PARKED, "")
        if address and private_address(self.addresses.wire(instance)) != address:
            self._power(instance, "StartInstance")
            self._power(instance, "StopInstance")
            vswitch = str((wire.get("VpcAttributes") or {}).get("VSwitchId") or "")
            self._move(instance, vswitch, address, f"give instance {name} its private address back")
        self._tag(instance, dict(marks))
        self._set_release(instance, request["release"])
        self._power(instance, "StartInstance")
        try:
            for interface in request["interfaces"]:
                self.addresses.give_interface(instance, interface)
            if request["eip"]:
                self.addresses.give_eip(instance, request["eip"])
        finally:
            old = [name for name in without_lock(own) if name in own and name not in marks]
            self._untag(instance, [ASIDE, PARKED, *old, *([] if is_id(INSTANCE, name) else [mark.VM])])
        return Ended()

    def _set_release(self, instance: str, wanted: Mapping[Ref, bool]) -> None:
        """Let each disk go with the instance, or stay, as it did before the instance made way."""
        for one in self.client.listed("disks", "DescribeDisks", _DISKS, {"InstanceId": instance}):
            goes = wanted.get(str(one["DiskId"]), wanted.get(str(one.get("DiskName"))))
            if goes is not None and goes is not one.get("DeleteWithInstance"):
                params = {"DiskId": one["DiskId"], "DeleteWithInstance": goes}
                self.client.change(f"change disk {one['DiskId']}", "ModifyDiskAttribute", params, repeatable=True)
            if mark.PREFIX + GOES in tags_of(one):
                of = {"ResourceType": DISK, "ResourceId": [one["DiskId"]], "TagKey": [mark.PREFIX + GOES]}
                self.client.change(f"remove tags of disk {one['DiskId']}", "UntagResources", of, repeatable=True)

    def _power(self, instance: str, action: str) -> None:
        """Start or stop the instance unless it is so already, and see it."""
        status = "Running" if action == "StartInstance" else "Stopped"
        if not self._is(instance, status):
            more = {"StoppedMode": "KeepCharging"} if action == "StopInstance" else {}
            self.client.change(f"start or stop instance {instance}", action, {"InstanceId": instance, **more}, repeatable=True)
            Polled(self.client.waiter, partial(self._is, instance, status), f"{action} of instance {instance}").wait()

    def _is(self, instance: str, status: str) -> bool:
        return self.addresses.wire(instance).get("Status") == status

    # --- reading

    def _tag(self, instance: str, values: Mapping[str, str]) -> None:
        tags = wire_tags(prefixed(values))
        if not tags:
            return
        self.client.change(f"tag instance {instance}", "TagResources", {"ResourceType": INSTANCE, "ResourceId": [instance], "Tag": tags}, repeatable=True)

    def _untag(self, instance: str, names: Sequence[str]) -> None:
        params = {"ResourceType": INSTANCE, "ResourceId": [instance], "TagKey": [mark.PREFIX + name for name in names]}
        self.client.change(f"remove tags of instance {instance}", "UntagResources", params, repeatable=True)
