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
    quotas.check(ctx.project, "SUBNETWORKS", "")
    subnetwork = add_subnetwork(ctx.project, ctx.place, {**ctx.body, "network": network.url})
    return ctx.operation(subnetwork, undo=lambda: ctx.project.remove(subnetwork))


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
    for instance in ctx.project.all("instances"):
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
    wanted = body.get("address")
    if wanted and addressing.reserved(ctx.project, wanted) is not None:
        raise ApiError("resourceInUseByAnotherResource", f"Specified IP address '{wanted}' is already reserved.", 400, "IP_IN_USE_BY_ANOTHER_RESOURCE")
    if body["addressType"] == "INTERNAL":
        _internal(ctx, body, region)
    else:
        _external(ctx, body)
    body["status"] = "RESERVING"
    address = ctx.project.add(Resource(ctx.project, ctx.place, "addresses", body))

    def effect() -> None:
        quotas.check(ctx.project, "STATIC_ADDRESSES", region, moment="operation")
        owner = addressing.used(ctx.project).get(body["address"])
        if isinstance(owner, str):
            raise ApiError("resourceInUseByAnotherResource", f"IP '{body['address']}' is already being used.", 400, "IP_IN_USE_BY_ANOTHER_RESOURCE")
        body["status"] = "RESERVED"

    return ctx.operation(address, effect, lambda: ctx.project.remove(address))


def _internal(ctx: Context, body: dict[str, Any], region: str) -> None:
    subnetwork = addressing.subnetwork_of(ctx.project, f"regions/{region}", body)
    body["subnetwork"] = subnetwork.url
    body.setdefault("purpose", "GCE_ENDPOINT")
    wanted = body.get("address")
    owner = addressing.used(ctx.project).get(wanted or "")
    # In use by a VM of the project is a promotion; everything else must be free.
    body["address"] = wanted if isinstance(owner, Resource) else addressing.take_internal(ctx.project, subnetwork, wanted)


def _external(ctx: Context, body: dict[str, Any]) -> None:
    body.setdefault("networkTier", "PREMIUM")
    wanted = body.get("address")
    if not wanted:
        body["address"] = ctx.world.next_address()
        return
    for instance in ctx.project.all("instances"):
        for nic in instance.data["networkInterfaces"]:
            for config in nic.get("accessConfigs", []):
                if config.get("natIP") == wanted:
                    if config.get("networkTier", "PREMIUM") != body["networkTier"]:
                        raise invalid("resource.networkTier", body["networkTier"], "The network tier must be the one of the address in use.")
                    return
    raise invalid("resource.address", wanted, "Specified IP address is not in use by a resource of this project and cannot be reserved.")


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
