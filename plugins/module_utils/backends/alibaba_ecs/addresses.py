# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of an instance that another one can have: the elastic address and the secondary interfaces."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...clients.alibaba_ecs.client import AlibabaClient, Wire
from ...clients.alibaba_ecs.signing import VPC
from .things import Polled, change_unless_so

INSTANCES = ("Instances", "Instance")


@dataclass(frozen=True)
class Addresses:
    """The addresses in one region."""

    client: AlibabaClient

    def wire(self, instance: str) -> Wire:
        """An instance as it is; empty when there is none."""
        found = self.client.listed(f"instance {instance}", "DescribeInstances", INSTANCES, {"InstanceIds": json.dumps([instance])})
        return next(iter(found), {})

    def _move(self, what: str, action: str, params: Wire, begun: Callable[[], bool], ended: Callable[[], bool], **where: Any) -> None:
        """Send a change, and see it ended."""
        change_unless_so(self.client, what, action, params, begun, **where)
        Polled(self.client.waiter, ended, what).wait()

    def free_interfaces(self, instance: str) -> None:
        """Detach the secondary interfaces, which keep their addresses."""
        for one in self.interfaces(instance):
            if one.get("Type") == "Secondary":
                interface = str(one["NetworkInterfaceId"])
                gone = partial(self._is_off, interface, instance)
                what = f"detach interface {interface} from instance {instance}"
                self._move(what, "DetachNetworkInterface", {"NetworkInterfaceId": interface, "InstanceId": instance}, gone, partial(self.is_free, interface))

    def _is_off(self, interface: str, instance: str) -> bool:
        wire = self._interface(interface)
        return wire.get("InstanceId") != instance or wire.get("Status") in ("Detaching", "Available")

    def free_eip(self, instance: str) -> None:
        """Take the elastic address off, which stays the account's."""
        found = eip_of(self.wire(instance))
        if found:
            params = {"AllocationId": found, "InstanceId": instance}

            def begun() -> bool:
                return self.eip(found).get("InstanceId") != instance or self.eip(found).get("Status") == "Unassociating"

            what = f"take the elastic address off instance {instance}"
            self._move(what, "UnassociateEipAddress", params, begun, lambda: self.eip(found).get("Status") in ("Available", None), product=VPC)

    def interfaces(self, instance: str) -> list[Wire]:
        params = {"InstanceId": instance}
        return list(self.client.listed("interfaces", "DescribeNetworkInterfaces", ("NetworkInterfaceSets", "NetworkInterfaceSet"), params))

    def eip(self, allocation: str) -> Wire:
        """An elastic address; empty when there is none."""
        params = {"AllocationId": allocation}
        return next(iter(self.client.listed("elastic addresses", "DescribeEipAddresses", ("EipAddresses", "EipAddress"), params, product=VPC)), {})

    def _interface(self, interface: str) -> Wire:
        params = {"NetworkInterfaceId": [interface]}
        return next(iter(self.client.listed("interfaces", "DescribeNetworkInterfaces", ("NetworkInterfaceSets", "NetworkInterfaceSet"), params)), {})

    def give_eip(self, instance: str, eip: str) -> None:
        """Associate an elastic address, unless something has it."""
        if self.is_available(eip):
            params = {"AllocationId": eip, "InstanceId": instance, "InstanceType": "EcsInstance"}

            def begun() -> bool:
                return self.eip(eip).get("InstanceId") == instance

            what = f"give instance {instance} its elastic address"
            self._move(what, "AssociateEipAddress", params, begun, lambda: self.eip(eip).get("Status") == "InUse", product=VPC)

    def give_interface(self, instance: str, interface: str) -> None:
        """Attach a secondary interface, unless something has it."""
        if self.is_free(interface):
            there = partial(self._is_on, interface, instance)
            what = f"attach interface {interface} to instance {instance}"
            self._move(
                what,
                "AttachNetworkInterface",
                {"NetworkInterfaceId": interface, "InstanceId": instance},
                lambda: self._interface(interface).get("InstanceId") == instance,
                there,
            )

    def _is_on(self, interface: str, instance: str) -> bool:
        wire = self._interface(interface)
        return wire.get("InstanceId") == instance and wire.get("Status") == "InUse"

    def is_free(self, interface: str) -> bool:
        """Whether nothing has an interface."""
        return self._interface(interface).get("Status") == "Available"

    def is_available(self, eip: str) -> bool:
        """Whether nothing has an elastic address."""
        return self.eip(eip).get("Status") == "Available"


def private_address(wire: Mapping[str, Any]) -> str:
    """The primary private address of an instance; empty when it has none."""
    return str((((wire.get("VpcAttributes") or {}).get("PrivateIpAddress") or {}).get("IpAddress") or [""])[0])


def eip_of(wire: Mapping[str, Any]) -> str:
    """The id of the elastic address of an instance; empty when it has none."""
    return str((wire.get("EipAddress") or {}).get("AllocationId") or "")


def secondary_interfaces(document: Mapping[str, Any]) -> list[str]:
    """The ids of the secondary interfaces in a manifest."""
    return [str(one.get("NetworkInterfaceId")) for one in document.get("interfaces") or () if one.get("Type") == "Secondary"]
