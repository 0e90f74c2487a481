# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""External and internal addresses of a VM, reserved before it stops or goes, so that nobody else gets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ...clients.gce.objects import Address, Instance, Wire, last_part, path_of
from ...core.errors import Conflict, ProviderFailure
from ...core.plan import Progress
from ...recovery.naming import derived_name
from .vm import Vm, in_groups


@dataclass(frozen=True)
class Reservation:
    """An address to be reserved, by the request for it."""

    request: Wire

    @property
    def name(self) -> str:
        return str(self.request["name"])

    @property
    def address(self) -> str:
        return str(self.request["address"])


def external(vm: Vm, instance: Instance) -> list[Reservation]:
    """A reservation for each external address of a running VM that it would lose."""
    wanted = []
    for interface in instance.wire.get("networkInterfaces", ()):
        for config in interface.get("accessConfigs", ()):
            if config.get("natIP"):
                body = _request(vm, config["natIP"])
                wanted.append(Reservation({**body, "addressType": "EXTERNAL", "networkTier": config.get("networkTier", "PREMIUM")}))
    return wanted


def internal(vm: Vm, instance: Instance) -> list[Reservation]:
    """A reservation for each internal address of a VM."""
    wanted = []
    for interface in instance.wire.get("networkInterfaces", ()):
        if interface.get("networkIP") and interface.get("subnetwork"):
            body = _request(vm, interface["networkIP"])
            wanted.append(Reservation({**body, "addressType": "INTERNAL", "subnetwork": path_of(interface["subnetwork"]), "purpose": "GCE_ENDPOINT"}))
    return wanted


def _request(vm: Vm, address: str) -> Wire:
    # One name for one address of one VM: a later run, and a later restore, recognise it.
    return {
        "name": derived_name(f"{vm.name}-{address}", f"{vm.path}/{address}"),
        "address": address,
        "description": f"Reserved by a restore of VM {vm.name} in zone {vm.zone}, so that it keeps this address",
    }


class Addresses:
    """Reserves what is not reserved yet."""

    def __init__(self, vm: Vm, wanted: Sequence[Reservation]) -> None:
        self._vm, self._wanted, self._region = vm, wanted, vm.places[1].name

    def missing(self) -> list[Reservation]:
        """Those that nobody has reserved. Raises Conflict for one that is reserved for another user."""
        if not self._wanted:
            return []
        known = {address.address: address for address in self._vm.client.list_addresses(self._region, None)}
        for reservation in self._wanted:
            other = known.get(reservation.address)
            if other and other.users and not any(last_part(user) == self._vm.name for user in other.users):
                raise Conflict(f"address {reservation.address} is reserved as {other.name} and used by {', '.join(map(last_part, other.users))}.")
        return [reservation for reservation in self._wanted if reservation.address not in known]

    def done(self) -> Progress:
        return Progress.NO if self.missing() else Progress.DONE

    def reserve(self) -> None:
        client = self._vm.client
        sent = in_groups([partial(client.insert_address, self._region, one.request) for one in self.missing()])
        client.wait_all(sent, "reserving addresses")
        left = [reservation.address for reservation in self.missing()]
        if left:
            raise ProviderFailure(f"addresses are not reserved although that was reported: {', '.join(left)}. The VM is untouched.")

    def release(self) -> None:
        """Give back what was reserved by us and is used by nobody; what is in use stays reserved, which keeps it."""
        found = [self._vm.client.get_address(self._region, reservation.name) for reservation in self._wanted]
        unused = [address for address in found if address and not address.users and _is_ours(address)]
        sent = [self._vm.client.delete_address(self._region, address.name) for address in unused]
        self._vm.client.wait_all(sent, "releasing addresses")


def _is_ours(address: Address) -> bool:
    return address.description.startswith("Reserved by a restore of VM ")
