# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has which IP address: allocation, static and ephemeral, and what happens at stop and deletion.

An address belongs to a network: two networks may use the same range. External addresses are unique everywhere, so their network is "".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any, Union

from .errors import ApiError, invalid
from .links import Ref, parse
from .places import region_of
from .store import Project, Resource

NEIGHBOUR = "somebody else"
EXTERNAL = ""
# Every VM gets a whole range of IPv6 addresses; the first one stands for it.
IPV6_PREFIX = 96
IN_USE = "IP_IN_USE_BY_ANOTHER_RESOURCE"
Ipv6 = ipaddress.IPv6Network
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


def refresh(project: Project) -> None:
    """Says in every reserved address whether it is in use, and by whom; in the projects that share a network with this one too."""
    for one in project.sharers():
        _refresh(one)


def _refresh(project: Project) -> None:
    users: dict[str, dict[str, Resource | str]] = {}
    for address in project.all("addresses"):
        if address.data.get("status") == "RESERVING":
            continue
        network = network_of(address)
        if network not in users:
            users[network] = used(project, network)
        owner = users[network].get(address.data.get("address", ""))
        address.data.pop("users", None)
        address.data["status"] = "IN_USE" if isinstance(owner, Resource) else "RESERVED"
        if isinstance(owner, Resource):
            address.data["users"] = [owner.url]


def network_of(address: Resource) -> str:
    """The network that a reserved address is of."""
    if address.data.get("addressType", "EXTERNAL") == "EXTERNAL":
        return EXTERNAL
    if address.data.get("subnetwork"):
        subnetwork = _linked(address.project, address.data["subnetwork"], "subnetworks")
        return str(subnetwork.data["network"]) if subnetwork is not None else "unknown"
    return str(address.data.get("network") or Ref(address.project.name, "global", "networks", "default").url)


def used(project: Project, network: str) -> dict[str, Resource | str]:
    """Every address in use in a network, to the VM or to whoever has taken it; alias ranges by their text."""
    found: dict[str, Resource | str] = {}
    for one in project.sharers() if network != EXTERNAL else [project]:
        found.update(one.taken)
        for instance in one.all("instances"):
            for nic in instance.data.get("networkInterfaces", []):
                for address in _external_of(nic) if network == EXTERNAL else _internal_of(nic) if nic.get("network") == network else ():
                    found[address] = instance
    return found


def _external_of(nic: dict[str, Any]) -> Iterator[str]:
    yield from (config["natIP"] for config in nic.get("accessConfigs", []) if config.get("natIP"))
    yield from (config["externalIpv6"] for config in nic.get("ipv6AccessConfigs", []) if config.get("externalIpv6"))


def _internal_of(nic: dict[str, Any]) -> Iterator[str]:
    yield from (nic[name] for name in ("networkIP", "ipv6Address") if nic.get(name))
    yield from (item["ipCidrRange"] for item in nic.get("aliasIpRanges", []))


def reserved(project: Project, ip: str, network: str = EXTERNAL) -> Resource | None:
    """The static address that an IP is, in a network."""
    projects = [project] if network == EXTERNAL else project.sharers()
    return next((item for one in projects for item in one.all("addresses") if item.data.get("address") == ip and network_of(item) == network), None)


def subnetwork_of(project: Project, place: str, nic: dict[str, Any], field: str = "resource.networkInterfaces[0]") -> Resource:
    """The subnetwork of a network interface, which may be of a host project: as given, else the network's one in the region. Raises ApiError."""
    region = region_of(place)
    network = _needed(project, nic["network"], f"{field}.network", "networks") if nic.get("network") else None
    if nic.get("subnetwork"):
        found = _needed(project, nic["subnetwork"], f"{field}.subnetwork", "subnetworks")
        if found.place != f"regions/{region}":
            raise invalid(f"{field}.subnetwork", nic["subnetwork"], f"The subnetwork must be in region {region}.")
        if network is not None and found.data["network"] != network.url:
            raise invalid(f"{field}.network", nic["network"], f"The network must be the one of the subnetwork: '{found.data['network']}'.")
        return found
    network = network or _needed(project, "global/networks/default", f"{field}.network", "networks")
    if not network.data.get("autoCreateSubnetworks"):
        raise invalid(f"{field}.subnetwork", "", "Network interface must specify a subnet if the network resource is in custom subnet mode.")
    subnetworks = network.project.table(f"regions/{region}", "subnetworks").values()
    chosen = next((item for item in subnetworks if item.data["network"] == network.url), None)
    if chosen is None:
        raise invalid(f"{field}.subnetwork", "", f"Network '{network.name}' has no subnetwork in region {region}.")
    return chosen


def _needed(project: Project, link: Any, field: str, plural: str) -> Resource:
    ref = parse(link, project.name, field, plural)
    found = _linked(project, link, plural)
    if found is None:
        raise ApiError("notFound", f"The resource '{ref.path}' was not found")
    if ref.project != project.name:
        project.world.share(ref.project, project.name)
    return found


def _linked(project: Project, link: str, plural: str) -> Resource | None:
    ref = parse(link, project.name, plural, plural)
    home = project.world.projects.get(ref.project)
    return home.find(ref.place, plural, ref.name) if home is not None else None


def take_internal(project: Project, subnetwork: Resource, wanted: str | None, field: str = "resource.networkInterfaces[0].networkIP") -> str:
    """The wanted internal address, or the lowest free one. Raises ApiError: in use, reserved for another, not of the subnetwork."""
    network = ipaddress.IPv4Network(subnetwork.data["ipCidrRange"])
    busy = used(project, subnetwork.data["network"])
    if wanted:
        if ipaddress.ip_address(wanted) not in network:
            raise invalid(field, wanted, f"IP address is not in the range {network}.")
        _require_free(wanted, busy)
        return wanted
    ranges = list(_ranges(busy))
    # The first two and the last two belong to the provider.
    for number in range(2, network.num_addresses - 2):
        address = network[number]
        if str(address) not in busy and reserved(project, str(address), subnetwork.data["network"]) is None and not any(address in item for item in ranges):
            return str(address)
    raise ApiError("quotaExceeded", f"IP space of '{subnetwork.ref.path}' is exhausted.", 400, "IP_SPACE_EXHAUSTED")


def _require_free(wanted: str, busy: dict[str, Resource | str]) -> None:
    address = ipaddress.ip_address(wanted)
    if wanted in busy or any(address in item for item in _ranges(busy) if item.version == address.version):
        raise ApiError("resourceInUseByAnotherResource", f"IP '{wanted}' is already being used by another resource.", 400, IN_USE)


def _ranges(texts: Iterable[str]) -> Iterator[Network]:
    """The alias ranges among addresses in use."""
    return (ipaddress.ip_network(text) for text in texts if "/" in text)


def take_ipv6(project: Project, subnetwork: Resource, kind: str, wanted: str | None, field: str) -> str:
    """The first address of a free range of a subnetwork: the wanted one, or the lowest. `kind` is INTERNAL or EXTERNAL. Raises ApiError."""
    whole = Ipv6(ipv6_range(subnetwork, kind, field))
    network = EXTERNAL if kind == "EXTERNAL" else str(subnetwork.data["network"])
    busy = used(project, network)
    if wanted:
        if ipaddress.ip_address(wanted) not in whole:
            raise invalid(field, wanted, f"IP address is not in the range {whole}.")
        _require_free(wanted, busy)
        return wanted
    for part in whole.subnets(new_prefix=IPV6_PREFIX):
        address = str(part[0])
        if address not in busy and reserved(project, address, network) is None:
            return address
    raise ApiError("quotaExceeded", f"IPv6 space of '{subnetwork.ref.path}' is exhausted.", 400, "IP_SPACE_EXHAUSTED")


def ipv6_range(subnetwork: Resource, kind: str, field: str) -> str:
    """The IPv6 range of a subnetwork. Raises ApiError when it has none of this kind."""
    name = "externalIpv6Prefix" if kind == "EXTERNAL" else "internalIpv6Prefix"
    if not subnetwork.data.get(name):
        raise invalid(field, "", f"The subnetwork '{subnetwork.ref.path}' has no {kind.lower()} IPv6 range.")
    return str(subnetwork.data[name])


def check_aliases(project: Project, subnetwork: Resource, aliases: list[dict[str, Any]], field: str) -> None:
    """Raises ApiError for an alias range that is none, or outside of the subnetwork's range that it is to come from."""
    for number, item in enumerate(aliases):
        whole = ipaddress.IPv4Network(_range_of(subnetwork, item.get("subnetworkRangeName"), f"{field}[{number}]"))
        text = str(item.get("ipCidrRange", ""))
        if text.startswith("/"):
            if not text[1:].isdigit() or not whole.prefixlen <= int(text[1:]) <= 32:
                raise invalid(f"{field}[{number}].ipCidrRange", text, f"The range {whole} has no room for this netmask.")
            continue
        try:
            wanted = ipaddress.IPv4Network(text if "/" in text else f"{text}/32")
        except ValueError as error:
            raise invalid(f"{field}[{number}].ipCidrRange", text, f"Invalid IP CIDR range: {error}.") from error
        if not wanted.subnet_of(whole):
            raise invalid(f"{field}[{number}].ipCidrRange", text, f"Alias IP CIDR range must be within the range {whole} of the subnetwork.")


def _range_of(subnetwork: Resource, name: str | None, field: str) -> str:
    if not name:
        return str(subnetwork.data["ipCidrRange"])
    found = next((item["ipCidrRange"] for item in subnetwork.data.get("secondaryIpRanges", []) if item["rangeName"] == name), None)
    if found is None:
        raise invalid(f"{field}.subnetworkRangeName", name, f"The subnetwork '{subnetwork.ref.path}' has no secondary range of this name.")
    return str(found)


def take_aliases(project: Project, subnetwork: Resource, aliases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The alias ranges, those given as a netmask alone with a range that is free. Raises ApiError when one overlaps what is in use."""
    taken: list[dict[str, Any]] = []
    for item in aliases:
        busy = [ipaddress.IPv4Network(text) for text in (*used(project, subnetwork.data["network"]), *(one["ipCidrRange"] for one in taken)) if ":" not in text]
        text = str(item.get("ipCidrRange", ""))
        if text.startswith("/"):
            whole = ipaddress.IPv4Network(_range_of(subnetwork, item.get("subnetworkRangeName"), "aliasIpRanges"))
            free = (part for part in whole.subnets(new_prefix=int(text[1:])) if part[0] != whole[0] and not any(part.overlaps(other) for other in busy))
            chosen = next(free, None)
            if chosen is None:
                raise ApiError("quotaExceeded", f"IP space of '{subnetwork.ref.path}' is exhausted.", 400, "IP_SPACE_EXHAUSTED")
            text = str(chosen)
        elif any(ipaddress.IPv4Network(text).overlaps(other) for other in busy):
            raise ApiError("resourceInUseByAnotherResource", f"Alias IP range '{text}' is already being used by another resource.", 400, IN_USE)
        taken.append({**item, "ipCidrRange": text})
    return taken


def take_external(project: Project, wanted: str | None, field: str = "accessConfigs[0].natIP") -> str:
    """The wanted static address, or a new ephemeral one. Raises ApiError when it is not ours to have, or in use."""
    if not wanted:
        return project.world.next_address()
    if reserved(project, wanted) is None:
        raise invalid(field, wanted, "The specified external IP address was not found in the region.")
    if wanted in used(project, EXTERNAL):
        raise ApiError("resourceInUseByAnotherResource", f"External IP address '{wanted}' is already in use.", 400, "EXTERNAL_IP_IN_USE")
    return wanted


def connect(project: Project, nics: list[dict[str, Any]]) -> None:
    """At start: access configurations without an address get a new ephemeral one."""
    for config in _access_configs(nics):
        if not config.get("natIP"):
            config["natIP"] = project.world.next_address()


def disconnect(project: Project, nics: list[dict[str, Any]]) -> None:
    """At stop: ephemeral external addresses are gone, static ones stay. IPv6 addresses stay until the VM is deleted."""
    for config in _access_configs(nics):
        if config.get("natIP") and reserved(project, config["natIP"]) is None:
            del config["natIP"]


def release(project: Project, instance: Resource) -> None:
    """At deletion: with a greedy neighbour, internal addresses that are not reserved are somebody else's at once."""
    if not project.world.settings.get("greedy_neighbour", project.name):
        return
    for nic in instance.data.get("networkInterfaces", []):
        if nic.get("networkIP") and reserved(project, nic["networkIP"], nic["network"]) is None:
            project.taken[nic["networkIP"]] = NEIGHBOUR
        for item in nic.get("aliasIpRanges", []):
            project.taken[item["ipCidrRange"]] = NEIGHBOUR


def _access_configs(nics: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for nic in nics:
        yield from nic.get("accessConfigs", [])
