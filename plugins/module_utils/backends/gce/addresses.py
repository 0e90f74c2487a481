# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""External and internal addresses of a VM, reserved before it stops or goes, so that nobody else gets them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Address, Wire, last_part, path_of
from ...core.errors import Conflict, ProviderFailure
from ...core.plan import Progress, Step
from ...core.steps import at_once
from ...recovery.gate import Gate
from ...recovery.model import Machine
from ...recovery.naming import derived_name
from .marks import change

RESERVING = "reserve addresses"
_OURS = "Reserved by a restore of VM "


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

    @property
    def network(self) -> str:
        """The subnetwork that an internal address belongs to: two networks may have the same range. Empty for an external one."""
        return str(self.request.get("subnetwork", ""))


def external(machine: Machine) -> list[Reservation]:
    """A reservation for each external address of a running VM that it would lose."""
    wanted = []
    for interface in machine.own.wire.get("networkInterfaces", ()):
        for config in interface.get("accessConfigs", ()):
            if config.get("natIP"):
                body = _request(machine, config["natIP"])
                wanted.append(Reservation({**body, "addressType": "EXTERNAL", "networkTier": config.get("networkTier", "PREMIUM")}))
    return wanted


def internal(machine: Machine) -> list[Reservation]:
    """A reservation for each internal address of a VM."""
    wanted = []
    for interface in machine.own.wire.get("networkInterfaces", ()):
        if interface.get("networkIP") and interface.get("subnetwork"):
            body = _request(machine, interface["networkIP"])
            wanted.append(Reservation({**body, "addressType": "INTERNAL", "subnetwork": path_of(interface["subnetwork"]), "purpose": "GCE_ENDPOINT"}))
    return wanted


def _request(machine: Machine, address: str) -> Wire:
    # One name for one address of one VM: a later run, and a later restore, recognise it.
    return {
        "name": derived_name(f"{machine.name}-{address}", f"{machine.ref}/{address}"),
        "address": address,
        "description": f"{_OURS}{machine.name} in zone {machine.own.place.name}, so that it keeps this address",
    }


class Addresses:
    """Reserves what is not reserved yet, in one region. ``warn`` tells the operator of what stays."""

    def __init__(self, client: GceClient, region: str, vm: str, wanted: Sequence[Reservation], warn: Callable[[str], None] = lambda _text: None) -> None:
        self._client, self._region, self._vm, self._wanted, self._warn = client, region, vm, wanted, warn

    def missing(self) -> list[Reservation]:
        """Those that nobody has reserved. Raises Conflict for one that is reserved for another user."""
        if not self._wanted:
            return []
        listed = list(self._client.list_addresses(self._region, None))
        found = [(reservation, next((one for one in listed if _is_of(one, reservation)), None)) for reservation in self._wanted]
        for reservation, other in found:
            if other and other.users and not any(last_part(user) == self._vm for user in other.users):
                raise Conflict(f"address {reservation.address} is reserved as {other.name} and used by {', '.join(map(last_part, other.users))}.")
        return [reservation for reservation, other in found if other is None]

    def step(self, gate: Gate) -> Step:
        """The step that reserves them."""
        return Step(
            RESERVING,
            do=partial(self._reserve, gate),
            done=lambda: Progress.NO if self.missing() else Progress.DONE,
            undo=partial(self._release, gate),
        )

    def _reserve(self, gate: Gate) -> None:
        wanted = self.missing()
        changes = [
            change(self._client, f"reserving address {one.address}", f"address {one.name}", partial(self._client.insert_address, self._region, one.request))
            for one in wanted
        ]
        # Each is read by its name: a list may lag.
        gate.send_all(changes, lambda: all(self._named(wanted)))
        taken = [one.address for one, found in zip(wanted, self._named(wanted)) if found and found.address != one.address]
        if taken:
            raise ProviderFailure(f"addresses are not reserved although that was reported: {', '.join(taken)}. The VM is as it was.")

    def _named(self, wanted: Sequence[Reservation]) -> list[Address | None]:
        return at_once(*[partial(self._client.get_address, self._region, one.name) for one in wanted])

    def _release(self, gate: Gate) -> None:
        """Give back what was reserved by us and is used by nobody; what is in use cannot be given back, and is named."""
        ours = [found for found in self._named(self._wanted) if found and found.description.startswith(_OURS)]
        unused = [found for found in ours if not found.users]
        if len(unused) < len(ours):
            kept = ", ".join(f"{found.address} ({found.name})" for found in ours if found.users)
            self._warn(f'These addresses stay reserved, because VM "{self._vm}" uses them: {kept}. Release them when the VM does not need them any more.')
        gate.send_all(
            [
                change(self._client, f"releasing address {one.address}", f"address {one.name}", partial(self._client.delete_address, self._region, one.name))
                for one in unused
            ]
        )


def _is_of(found: Address, reservation: Reservation) -> bool:
    """Whether it is this very address: an internal one is one of its network's."""
    return found.address == reservation.address and (not reservation.network or path_of(found.wire.get("subnetwork", "")) in ("", reservation.network))
