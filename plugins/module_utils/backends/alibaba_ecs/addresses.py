# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of an instance that another one can have: the elastic address and the secondary interfaces."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...clients.alibaba_ecs.client import AlibabaClient, Wire
from ...clients.alibaba_ecs.signing import VPC
from .things import Polled

INSTANCES = ("Instances", "Instance")


@dataclass(frozen=True)
class Addresses:
    """The addresses in one region."""

    client: AlibabaClient

    def wire(self, instance: str) -> Wire:
        """An instance as it is; empty when there is none."""
        found = self.client.listed(f"instance {instance}", "DescribeInstances", INSTANCES, {"InstanceIds": json.dumps([instance])})
        return next(iter(found), {})

    def free_interfaces(self, instance: str) -> None:
        """Detach the secondary interfaces, which keep their addresses."""
        for one in self.interfaces(instance):
            if one.get("Type") == "Secondary":
                params = {"NetworkInterfaceId": one["NetworkInterfaceId"], "InstanceId": instance}
                self.client.change(f"detach interface {one['NetworkInterfaceId']}", "DetachNetworkInterface", params, repeatable=True)
        Polled(self.client.waiter, lambda: all(one.get("Type") != "Secondary" for one in self.interfaces(instance)), "detaching interfaces").wait()

    def free_eip(self, instance: str) -> None:
        """Take the elastic address off, which stays the account's."""
        found = eip_of(self.wire(instance))
        if found:
            params = {"AllocationId": found, "InstanceId": instance}
            self.client.change(f"take the elastic address off instance {instance}", "UnassociateEipAddress", params, repeatable=True, product=VPC)
            Polled(self.client.waiter, lambda: (self.eip(found) or {}).get("Status") in ("Available", None), "taking the elastic address off").wait()

    def interfaces(self, instance: str) -> list[Wire]:
        params = {"InstanceId": instance}
        return list(self.client.listed("interfaces", "DescribeNetworkInterfaces", ("NetworkInterfaceSets", "NetworkInterfaceSet"), params))

    def eip(self, allocation: str) -> Wire | None:
        params = {"AllocationId": allocation}
        return next(iter(self.client.listed("elastic addresses", "DescribeEipAddresses", ("EipAddresses", "EipAddress"), params, product=VPC)), None)

    def give_eip(self, instance: str, eip: str) -> None:
        """Associate an elastic address, unless something has it."""
        if self.is_available(eip):
            params = {"AllocationId": eip, "InstanceId": instance, "InstanceType": "EcsInstance"}
            self.client.change(f"give instance {instance} its elastic address", "AssociateEipAddress", params, repeatable=True, product=VPC)
            Polled(self.client.waiter, lambda: (self.eip(eip) or {}).get("Status") == "InUse", "giving the elastic address").wait()

    def give_interface(self, instance: str, interface: str) -> None:
        """Attach a secondary interface, unless something has it."""
        if self.is_free(interface):
            of = {"NetworkInterfaceId": interface, "InstanceId": instance}
            self.client.change(f"attach interface {interface} to instance {instance}", "AttachNetworkInterface", of, repeatable=True)
            there = partial(self.interfaces, instance)
            Polled(self.client.waiter, lambda: any(one["NetworkInterfaceId"] == interface for one in there()), "attaching the interface").wait()

    def is_free(self, interface: str) -> bool:
        """Whether nothing has an interface."""
        params = {"NetworkInterfaceId": [interface]}
        listed = self.client.listed("interfaces", "DescribeNetworkInterfaces", ("NetworkInterfaceSets", "NetworkInterfaceSet"), params)
        return any(one.get("Status") == "Available" for one in listed)

    def is_available(self, eip: str) -> bool:
        """Whether nothing has an elastic address."""
        return (self.eip(eip) or {}).get("Status") == "Available"


def private_address(wire: Mapping[str, Any]) -> str:
    """The primary private address of an instance; empty when it has none."""
    return str((((wire.get("VpcAttributes") or {}).get("PrivateIpAddress") or {}).get("IpAddress") or [""])[0])


def eip_of(wire: Mapping[str, Any]) -> str:
    """The id of the elastic address of an instance; empty when it has none."""
    return str((wire.get("EipAddress") or {}).get("AllocationId") or "")


def secondary_interfaces(document: Mapping[str, Any]) -> list[str]:
    """The ids of the secondary interfaces in a manifest."""
    return [str(one.get("NetworkInterfaceId")) for one in document.get("interfaces") or () if one.get("Type") == "Secondary"]
