# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks, subnetworks and static addresses."""

from __future__ import annotations

import ipaddress
from typing import Any

from . import addressing, quotas
from .context import Context
from .errors import ApiError, invalid
from .links import BASE, last
from .places import SUBNETS, ZONES
from .rules import check_name
from .store import Project, Resource, fingerprint


def add_network(project: Project, data: dict[str, Any]) -> Resource:
    """A network; in auto mode with its subnetworks."""
    network = project.add(Resource(project, "global", "networks", data))
    data.setdefault("subnetworks", [])
    if data.get("autoCreateSubnetworks"):
        for region, text in SUBNETS.items():
            add_subnetwork(project, f"regions/{region}", {"name": network.name, "network": network.url, "ipCidrRange": text})
    return network


def add_subnetwork(project: Project, place: str, data: dict[str, Any]) -> Resource:
    """A subnetwork, known to its network."""
    gateway = str(ipaddress.ip_network(data["ipCidrRange"])[1])
    defaults = {"gatewayAddress": gateway, "purpose": "PRIVATE", "stackType": "IPV4_ONLY", "privateIpGoogleAccess": False}
    data = {**defaults, **data, "fingerprint": fingerprint(data)}
    if data["stackType"] != "IPV4_ONLY":
        # A range of its own for each, out of the space that Google gives to external and to private IPv6.
        name, begin = ("externalIpv6Prefix", "2600:1900:4000") if data["ipv6AccessType"] == "EXTERNAL" else ("internalIpv6Prefix", "fd20:1900:4000")
        data[name] = data["ipv6CidrRange"] = f"{begin}:{project.world.next_ipv6_number():x}::/64"
    subnetwork = project.add(Resource(project, place, "subnetworks", data))
    network = project.find("global", "networks", last(data["network"]))
    if network is not None:
        network.data["subnetworks"] = [*network.data.get("subnetworks", []), subnetwork.url]
    return subnetwork


def insert_network(ctx: Context) -> dict[str, Any]:
    """POST networks."""
    ctx.require_free(check_name(ctx.body))
    quotas.check(ctx.project, "NETWORKS", "")
    network = add_network(ctx.project, dict(ctx.body))
    return ctx.operation(network, undo=lambda: ctx.project.remove(network))


def delete_network(ctx: Context) -> dict[str, Any]:
    """DELETE: not while a custom subnetwork is left; those of an auto mode network go with it."""
    network = ctx.resource()
    subnetworks = [item for item in ctx.project.all("subnetworks") if item.data["network"] == network.url]
    if subnetworks and not network.data.get("autoCreateSubnetworks"):
        message = f"The network resource '{network.ref.path}' is already being used by '{subnetworks[0].ref.path}'"
        raise ApiError("resourceInUseByAnotherResource", message)
    for item in subnetworks:
        _require_empty(ctx, item)

    def effect() -> None:
        for item in [network, *subnetworks]:
            ctx.project.remove(item)

    return ctx.operation(network, effect)


def insert_subnetwork(ctx: Context) -> dict[str, Any]:
    """POST subnetworks: the range must not overlap another of the network."""
    ctx.require_free(check_name(ctx.body))
    network = ctx.linked(ctx.body.get("network"), "resource.network", "networks")
    try:
        wanted = ipaddress.ip_network(str(ctx.body.get("ipCidrRange")))
    except ValueError as error:
        raise invalid("resource.ipCidrRange", ctx.body.get("ipCidrRange"), str(error)) from error
    for item in ctx.project.all("subnetworks"):
        if item.data["network"] == network.url and ipaddress.ip_network(item.data["ipCidrRange"]).overlaps(wanted):
            raise invalid("resource.ipCidrRange", wanted, f"Invalid IPCidrRange: {wanted} conflicts with existing subnetwork '{item.name}'.")
    if ctx.body.get("stackType", "IPV4_ONLY") != "IPV4_ONLY":
        _check_ipv6_access(ctx.body.get("ipv6AccessType"), network)
    quotas.check(ctx.project, "SUBNETWORKS", "")
    subnetwork = add_subnetwork(ctx.project, ctx.place, {**ctx.body, "network": network.url})
    return ctx.operation(subnetwork, undo=lambda: ctx.project.remove(subnetwork))


def _check_ipv6_access(kind: Any, network: Resource) -> None:
    if kind not in ("EXTERNAL", "INTERNAL"):
        raise invalid("resource.ipv6AccessType", kind, "EXTERNAL or INTERNAL must be specified for a subnetwork with IPv6.")
    if kind == "INTERNAL" and not network.data.get("enableUlaInternalIpv6"):
        raise invalid("resource.ipv6AccessType", kind, f"The network '{network.ref.path}' has no internal IPv6 range: enableUlaInternalIpv6 is not set.")


def delete_subnetwork(ctx: Context) -> dict[str, Any]:
    """DELETE: not while a VM is in it."""
    subnetwork = ctx.resource()
    _require_empty(ctx, subnetwork)
    network = ctx.project.find("global", "networks", last(subnetwork.data["network"]))

    def effect() -> None:
        ctx.project.remove(subnetwork)
        if network is not None:
            network.data["subnetworks"] = [url for url in network.data.get("subnetworks", []) if url != subnetwork.url]

    return ctx.operation(subnetwork, effect)


def _require_empty(ctx: Context, subnetwork: Resource) -> None:
    for instance in (item for project in ctx.project.sharers() for item in project.all("instances")):
        if any(nic.get("subnetwork") == subnetwork.url for nic in instance.data["networkInterfaces"]):
            message = f"The subnetwork resource '{subnetwork.ref.path}' is already being used by '{instance.ref.path}'"
            raise ApiError("resourceInUseByAnotherResource", message)


def insert_address(ctx: Context) -> dict[str, Any]:
    """POST addresses: a new one, or one that a VM uses (promotion of an ephemeral address)."""
    body = dict(ctx.body)
    ctx.require_free(check_name(body))
    region = ctx.params.get("region", "")
    quotas.check(ctx.project, "STATIC_ADDRESSES", region)
    body.setdefault("addressType", "EXTERNAL")
    if body.get("ipVersion") == "IPV6":
        network = _ipv6(ctx, body, region)
    elif body["addressType"] == "INTERNAL":
        network = _internal(ctx, body, region)
    else:
        network = _external(ctx, body)
    body["status"] = "RESERVING"
    address = ctx.project.add(Resource(ctx.project, ctx.place, "addresses", body))

    def effect() -> None:
        quotas.check(ctx.project, "STATIC_ADDRESSES", region, moment="operation")
        owner = addressing.used(ctx.project, network).get(body["address"])
        if isinstance(owner, str):
            raise ApiError("resourceInUseByAnotherResource", f"IP '{body['address']}' is already being used.", 400, "IP_IN_USE_BY_ANOTHER_RESOURCE")
        body["status"] = "RESERVED"

    return ctx.operation(address, effect, lambda: ctx.project.remove(address))


def _require_unreserved(ctx: Context, wanted: str | None, network: str) -> None:
    if wanted and addressing.reserved(ctx.project, wanted, network) is not None:
        raise ApiError("resourceInUseByAnotherResource", f"Specified IP address '{wanted}' is already reserved.", 400, "IP_IN_USE_BY_ANOTHER_RESOURCE")


def _internal(ctx: Context, body: dict[str, Any], region: str) -> str:
    """Completes the body of an internal address; gives its network."""
    subnetwork = addressing.subnetwork_of(ctx.project, f"regions/{region}", body, "resource")
    network = str(subnetwork.data["network"])
    body["subnetwork"] = subnetwork.url
    body.setdefault("purpose", "GCE_ENDPOINT")
    wanted = body.get("address")
    _require_unreserved(ctx, wanted, network)
    owner = addressing.used(ctx.project, network).get(wanted or "")
    # In use by a VM of the project is a promotion; everything else must be free.
    body["address"] = wanted if isinstance(owner, Resource) else addressing.take_internal(ctx.project, subnetwork, wanted, "resource.address")
    return network


def _external(ctx: Context, body: dict[str, Any]) -> str:
    body.setdefault("networkTier", "PREMIUM")
    wanted = body.get("address")
    if not wanted:
        body["address"] = ctx.world.next_address()
        return addressing.EXTERNAL
    _require_unreserved(ctx, wanted, addressing.EXTERNAL)
    for instance in ctx.project.all("instances"):
        for nic in instance.data["networkInterfaces"]:
            for config in nic.get("accessConfigs", []):
                if config.get("natIP") == wanted:
                    if config.get("networkTier", "PREMIUM") != body["networkTier"]:
                        raise invalid("resource.networkTier", body["networkTier"], "The network tier must be the one of the address in use.")
                    return addressing.EXTERNAL
    raise invalid("resource.address", wanted, "Specified IP address is not in use by a resource of this project and cannot be reserved.")


def _ipv6(ctx: Context, body: dict[str, Any], region: str) -> str:
    """Completes the body of an IPv6 address of VMs, which is a whole range; gives its network."""
    external = body["addressType"] == "EXTERNAL"
    if external and body.get("ipv6EndpointType") != "VM":
        raise invalid("resource.ipv6EndpointType", body.get("ipv6EndpointType"), "VM must be specified for a regional external IPv6 address of VMs.")
    if not body.get("subnetwork"):
        raise ApiError("required", "Required field 'resource.subnetwork' not specified")
    subnetwork = addressing.subnetwork_of(ctx.project, f"regions/{region}", body, "resource")
    network = addressing.EXTERNAL if external else str(subnetwork.data["network"])
    wanted = body.get("address")
    _require_unreserved(ctx, wanted, network)
    addressing.ipv6_range(subnetwork, body["addressType"], "resource.subnetwork")
    owner = addressing.used(ctx.project, network).get(wanted or "")
    in_use = isinstance(owner, Resource)
    body["address"] = wanted if in_use else addressing.take_ipv6(ctx.project, subnetwork, body["addressType"], wanted, "resource.address")
    body.update(subnetwork=subnetwork.url, prefixLength=addressing.IPV6_PREFIX, **({"networkTier": "PREMIUM"} if external else {"purpose": "GCE_ENDPOINT"}))
    return network


def delete_address(ctx: Context) -> dict[str, Any]:
    """DELETE: not while a VM uses it."""
    address = ctx.resource()
    if address.data.get("users"):
        user = address.data["users"][0][len(BASE) :]
        raise ApiError("resourceInUseByAnotherResource", f"The address resource '{address.ref.path}' is already being used by '{user}'")
    return ctx.operation(address, lambda: ctx.project.remove(address))


def fill_new_project(project: Project) -> None:
    """What every project has: the network "default" with a subnetwork in each region."""
    add_network(
        project,
        {"name": "default", "description": "Default network for the project", "autoCreateSubnetworks": True, "routingConfig": {"routingMode": "REGIONAL"}},
    )
    assert set(SUBNETS) == set(ZONES)


HANDLERS = {
    "networks.insert": insert_network,
    "networks.delete": delete_network,
    "subnetworks.insert": insert_subnetwork,
    "subnetworks.delete": delete_subnetwork,
    "addresses.insert": insert_address,
    "addresses.delete": delete_address,
}
