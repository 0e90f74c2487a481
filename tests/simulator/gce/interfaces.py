# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network interfaces of a VM: what is refused when they are asked for, and what they get when the VM is made."""

from __future__ import annotations

import copy
from typing import Any

from . import addressing
from .context import Context
from .errors import ApiError, invalid
from .places import region_of
from .store import Resource, fingerprint

IPV4_ONLY = "IPV4_ONLY"
STACKS = (IPV4_ONLY, "IPV4_IPV6", "IPV6_ONLY")
Nic = dict[str, Any]


def planned(ctx: Context, body: dict[str, Any]) -> list[Nic]:
    """The interfaces of a request, completed but for their addresses. Raises ApiError."""
    nics: list[Nic] = copy.deepcopy(body.get("networkInterfaces") or [])
    if not nics:
        raise invalid("resource.networkInterfaces", "", "At least one network interface is required.")
    for number, nic in enumerate(nics):
        field = f"resource.networkInterfaces[{number}]"
        subnetwork = addressing.subnetwork_of(ctx.project, ctx.place, nic, field)
        nic.update(subnetwork=subnetwork.url, network=subnetwork.data["network"], name=f"nic{number}", kind="compute#networkInterface")
        nic["fingerprint"] = fingerprint([nic, ctx.world.next_id()])
        nic.setdefault("stackType", IPV4_ONLY)
        for config in nic.get("accessConfigs", []):
            complete_access_config(config)
            check_access_config(ctx, config, ctx.place, f"{field}.accessConfigs[0]")
        addressing.check_aliases(ctx.project, subnetwork, nic.get("aliasIpRanges", []), f"{field}.aliasIpRanges")
        _check_ipv6(ctx, nic, subnetwork, field)
    return nics


def complete_access_config(config: dict[str, Any]) -> None:
    """Adds what the API adds to an access configuration."""
    config["kind"] = "compute#accessConfig"
    config.setdefault("type", "ONE_TO_ONE_NAT")
    config.setdefault("name", "External NAT")
    config.setdefault("networkTier", "PREMIUM")


def check_access_config(ctx: Context, config: dict[str, Any], place: str, field: str) -> None:
    """Raises ApiError for an address that is not reserved in the region, or is of another tier, and for what only the other stack has."""
    for name in ("externalIpv6", "externalIpv6PrefixLength"):
        if config.get(name):
            raise invalid(f"{field}.{name}", config[name], "It can only be specified in ipv6AccessConfigs.")
    if config.get("publicPtrDomainName") and not config.get("setPublicPtr"):
        raise invalid(f"{field}.publicPtrDomainName", config["publicPtrDomainName"], "It can only be specified when setPublicPtr is true.")
    ip = config.get("natIP")
    if not ip:
        return
    address = addressing.reserved(ctx.project, ip)
    if address is None or address.place != f"regions/{region_of(place)}":
        raise invalid(f"{field}.natIP", ip, "The specified external IP address was not found in the region.")
    tier = address.data.get("networkTier", "PREMIUM")
    if tier != config["networkTier"]:
        message = f"External IP address: {ip} has a different network tier {tier} from the network tier in instance access config {config['networkTier']}."
        raise ApiError("badRequest", message)


def _check_ipv6(ctx: Context, nic: Nic, subnetwork: Resource, field: str) -> None:
    stack, there = nic["stackType"], subnetwork.data.get("stackType", IPV4_ONLY)
    if stack not in STACKS:
        raise invalid(f"{field}.stackType", stack, f"Must be one of {', '.join(STACKS)}.")
    configs = nic.get("ipv6AccessConfigs", [])
    if stack == IPV4_ONLY:
        for name in ("ipv6AccessConfigs", "ipv6Address"):
            if nic.get(name):
                raise invalid(f"{field}.{name}", nic[name], "IPv6 cannot be configured on an interface whose stackType is IPV4_ONLY.")
        return
    if there == IPV4_ONLY:
        raise invalid(f"{field}.stackType", stack, f"The subnetwork '{subnetwork.ref.path}' has the stack type IPV4_ONLY.")
    if configs and subnetwork.data.get("ipv6AccessType") != "EXTERNAL":
        raise invalid(f"{field}.ipv6AccessConfigs", "", f"The subnetwork '{subnetwork.ref.path}' has no external IPv6 access.")
    for config in configs:
        config.update(kind="compute#accessConfig", type=config.get("type", "DIRECT_IPV6"), name=config.get("name", "external-ipv6"), networkTier="PREMIUM")
        wanted = config.get("externalIpv6")
        # Only an address that was reserved before may be named.
        address = addressing.reserved(ctx.project, wanted) if wanted else None
        if wanted and (address is None or address.place != subnetwork.place or config.get("externalIpv6PrefixLength") != addressing.IPV6_PREFIX):
            why = f"The specified external IPv6 address with the prefix length {config.get('externalIpv6PrefixLength')} was not found in the region."
            raise invalid(f"{field}.ipv6AccessConfigs[0].externalIpv6", wanted, why)


def take(ctx: Context, nics: list[Nic]) -> None:
    """When the VM is made: the interfaces get their addresses. Raises ApiError: in use, or two interfaces in one network."""
    if len({nic["network"] for nic in nics}) < len(nics):
        raise ApiError("badRequest", "Networks must be distinct for NICs attached to a VM.", 400, "INVALID_USAGE")
    for number, nic in enumerate(nics):
        field = f"resource.networkInterfaces[{number}]"
        subnetwork = addressing.subnetwork_of(ctx.project, ctx.place, nic, field)
        if nic.get("aliasIpRanges"):
            nic["aliasIpRanges"] = addressing.take_aliases(ctx.project, subnetwork, nic["aliasIpRanges"])
        if nic["stackType"] != "IPV6_ONLY":
            nic["networkIP"] = addressing.take_internal(ctx.project, subnetwork, nic.get("networkIP"), f"{field}.networkIP")
        for config in nic.get("accessConfigs", []):
            config["natIP"] = addressing.take_external(ctx.project, config.get("natIP"))
        if nic["stackType"] != IPV4_ONLY:
            _take_ipv6(ctx, nic, subnetwork, field)


def _take_ipv6(ctx: Context, nic: Nic, subnetwork: Resource, field: str) -> None:
    kind = nic["ipv6AccessType"] = subnetwork.data["ipv6AccessType"]
    if kind == "INTERNAL":
        nic["ipv6Address"] = addressing.take_ipv6(ctx.project, subnetwork, kind, nic.get("ipv6Address"), f"{field}.ipv6Address")
        nic["internalIpv6PrefixLength"] = addressing.IPV6_PREFIX
    for config in nic.get("ipv6AccessConfigs", []):
        path = f"{field}.ipv6AccessConfigs[0].externalIpv6"
        config["externalIpv6"] = addressing.take_ipv6(ctx.project, subnetwork, kind, config.get("externalIpv6"), path)
        config["externalIpv6PrefixLength"] = addressing.IPV6_PREFIX


def before_it_is_made(nics: list[Nic]) -> list[Nic]:
    """The interfaces as answers show them while the VM is made: addresses are taken at the end, so until then none is shown."""
    hidden = ("networkIP", "accessConfigs", "aliasIpRanges", "ipv6Address", "ipv6AccessConfigs")
    return [{name: value for name, value in nic.items() if name not in hidden} for nic in nics]
