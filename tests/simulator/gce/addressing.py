# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has which IP address: allocation, static and ephemeral, and what happens at stop and deletion."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from .errors import ApiError, invalid
from .links import Ref, last, parse
from .places import region_of
from .store import Project, Resource

NEIGHBOUR = "somebody else"


def refresh(project: Project) -> None:
    """Says in every reserved address whether it is in use, and by whom."""
    addresses = list(project.all("addresses"))
    if not addresses:
        return
    users = used(project)
    for address in addresses:
        if address.data.get("status") == "RESERVING":
            continue
        owner = users.get(address.data.get("address", ""))
        address.data.pop("users", None)
        address.data["status"] = "IN_USE" if isinstance(owner, Resource) else "RESERVED"
        if isinstance(owner, Resource):
            address.data["users"] = [owner.url]


def used(project: Project) -> dict[str, Resource | str]:
    """Every address in use, internal and external, to the VM or to whoever has taken it; alias ranges by their text."""
    found: dict[str, Resource | str] = dict(project.taken)
    for instance in project.all("instances"):
        for nic in instance.data.get("networkInterfaces", []):
            for address in _of_nic(nic):
                found[address] = instance
    return found


def _of_nic(nic: dict[str, Any]) -> Iterator[str]:
    if nic.get("networkIP"):
        yield nic["networkIP"]
    yield from (config["natIP"] for config in nic.get("accessConfigs", []) if config.get("natIP"))
    yield from (item["ipCidrRange"] for item in nic.get("aliasIpRanges", []))


def reserved(project: Project, ip: str) -> Resource | None:
    """The static address that an IP is."""
    return next((item for item in project.all("addresses") if item.data.get("address") == ip), None)


def subnetwork_of(project: Project, place: str, nic: dict[str, Any]) -> Resource:
    """The subnetwork of a network interface: as given, else the network's one in the region. Raises ApiError."""
    region = region_of(place)
    if nic.get("subnetwork"):
        ref = parse(nic["subnetwork"], project.name, "resource.networkInterfaces[0].subnetwork", "subnetworks")
        found = project.find(ref.place, "subnetworks", ref.name)
        if found is None:
            raise ApiError("notFound", f"The resource '{ref.path}' was not found")
        if ref.place != f"regions/{region}":
            raise invalid("resource.networkInterfaces[0].subnetwork", nic["subnetwork"], f"The subnetwork must be in region {region}.")
        return found
    name = last(nic.get("network", "global/networks/default"))
    ref = Ref(project.name, "global", "networks", name)
    if project.find("global", "networks", name) is None:
        raise ApiError("notFound", f"The resource '{ref.path}' was not found")
    found = next((item for item in project.table(f"regions/{region}", "subnetworks").values() if last(item.data["network"]) == name), None)
    if found is None:
        raise invalid("resource.networkInterfaces[0].subnetwork", "", f"Network '{name}' has no subnetwork in region {region}.")
    return found


def take_internal(project: Project, subnetwork: Resource, wanted: str | None) -> str:
    """The wanted internal address, or the lowest free one. Raises ApiError: in use, reserved for another, not of the subnetwork."""
    network = ipaddress.ip_network(subnetwork.data["ipCidrRange"])
    busy = used(project)
    if wanted:
        if ipaddress.ip_address(wanted) not in network:
            raise invalid("resource.networkInterfaces[0].networkIP", wanted, f"IP address is not in the range {network}.")
        if wanted in busy:
            raise ApiError("resourceInUseByAnotherResource", f"IP '{wanted}' is already being used by another resource.", 400, "IP_IN_USE_BY_ANOTHER_RESOURCE")
        return wanted
    kept = {item.data.get("address") for item in project.all("addresses")}
    # The first two and the last two belong to the provider.
    for number in range(2, network.num_addresses - 2):
        address = str(network[number])
        if address not in busy and address not in kept:
            return address
    raise ApiError("quotaExceeded", f"IP space of '{subnetwork.ref.path}' is exhausted.", 400, "IP_SPACE_EXHAUSTED")


def check_aliases(project: Project, nic: dict[str, Any]) -> None:
    """Raises ApiError when an alias range overlaps one in use."""
    busy = [ipaddress.ip_network(text) for text in used(project) if ":" not in text]
    for item in nic.get("aliasIpRanges", []):
        text = str(item.get("ipCidrRange", ""))
        wanted = ipaddress.ip_network(text if "/" in text else f"{text}/32", strict=False)
        if any(wanted.overlaps(other) for other in busy):
            raise ApiError(
                "resourceInUseByAnotherResource", f"Alias IP range '{text}' is already being used by another resource.", 400, "IP_IN_USE_BY_ANOTHER_RESOURCE"
            )


def take_external(project: Project, wanted: str | None, field: str = "accessConfigs[0].natIP") -> str:
    """The wanted static address, or a new ephemeral one. Raises ApiError when it is not ours to have, or in use."""
    if not wanted:
        return project.world.next_address()
    if reserved(project, wanted) is None:
        raise invalid(field, wanted, "The specified external IP address was not found in the region.")
    if wanted in used(project):
        raise ApiError("resourceInUseByAnotherResource", f"External IP address '{wanted}' is already in use.", 400, "EXTERNAL_IP_IN_USE")
    return wanted


def connect(project: Project, nics: list[dict[str, Any]]) -> None:
    """At start: access configurations without an address get a new ephemeral one."""
    for config in _access_configs(nics):
        if not config.get("natIP"):
            config["natIP"] = project.world.next_address()


def disconnect(project: Project, nics: list[dict[str, Any]]) -> None:
    """At stop: ephemeral external addresses are gone, static ones stay."""
    for config in _access_configs(nics):
        if config.get("natIP") and reserved(project, config["natIP"]) is None:
            del config["natIP"]


def release(project: Project, instance: Resource) -> None:
    """At deletion: with a greedy neighbour, internal addresses that are not reserved are somebody else's at once."""
    if not project.world.settings.get("greedy_neighbour", project.name):
        return
    for nic in instance.data.get("networkInterfaces", []):
        if nic.get("networkIP") and reserved(project, nic["networkIP"]) is None:
            project.taken[nic["networkIP"]] = NEIGHBOUR
        for item in nic.get("aliasIpRanges", []):
            project.taken[item["ipCidrRange"]] = NEIGHBOUR


def _access_configs(nics: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for nic in nics:
        yield from nic.get("accessConfigs", [])
