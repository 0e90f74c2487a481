# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is anyway: regions, zones, stock, limits of the account."""

from __future__ import annotations

from typing import Any

from .context import Context
from .disks import CATEGORIES
from .places import REGIONS, zones_of


def regions(ctx: Context) -> dict[str, Any]:
    """DescribeRegions."""
    found = [{"RegionId": name, "LocalName": name, "RegionEndpoint": f"ecs.{name}.simulated", "Status": "available"} for name in REGIONS]
    return {"Regions": {"Region": found}}


def zones(ctx: Context) -> dict[str, Any]:
    """DescribeZones."""
    categories = {"DiskCategories": list(CATEGORIES)}
    found = [{"ZoneId": zone, "LocalName": zone, "ZoneType": "AvailabilityZone", "AvailableDiskCategories": categories} for zone in zones_of(ctx.region)]
    return {"Zones": {"Zone": found}}


def available(ctx: Context) -> dict[str, Any]:
    """DescribeAvailableResource: whether a type can be had, zone by zone."""
    asked, wanted = ctx.params, ctx.params.need("DestinationResource")
    values = {"InstanceType": [asked.text("InstanceType") or "ecs.g7.large"], "SystemDisk": list(CATEGORIES), "DataDisk": list(CATEGORIES), "Zone": [""]}
    names, found = values.get(wanted, [wanted]), []
    for zone in zones_of(ctx.region):
        if asked.text("ZoneId") not in (None, "", zone):
            continue
        sold_out = set(ctx.setting("no_stock"))
        resources = []
        for name in names:
            empty = zone in sold_out or f"{zone}/{asked.text('InstanceType') or name}" in sold_out
            status, category = ("SoldOut", "WithoutStock") if empty else ("Available", "WithStock")
            resources.append({"Value": name, "Status": status, "StatusCategory": category})
        states = {entry["StatusCategory"] for entry in resources}
        category = "WithStock" if "WithStock" in states else "WithoutStock"
        entry = {"ZoneId": zone, "RegionId": ctx.region, "Status": "Available" if category == "WithStock" else "SoldOut", "StatusCategory": category}
        found.append({**entry, "AvailableResources": {"AvailableResource": [{"Type": wanted, "SupportedResources": {"SupportedResource": resources}}]}})
    return {"AvailableZones": {"AvailableZone": found}}


def attributes(ctx: Context) -> dict[str, Any]:
    """DescribeAccountAttributes."""
    known = {"max-axt-command-count": ctx.quota("commands"), "max-security-groups": 100, "instance-network-type": "vpc", "max-elastic-network-interfaces": 5000}
    names = ctx.params.items("AttributeName") or list(known)
    found = [{"AttributeName": name, "AttributeValues": {"ValueItem": [{"Value": str(known[name])}]}} for name in names if name in known]
    return {"AccountAttributeItems": {"AccountAttributeItem": found}}


HANDLERS = {
    "DescribeRegions": regions,
    "DescribeZones": zones,
    "DescribeAvailableResource": available,
    "DescribeAccountAttributes": attributes,
}
