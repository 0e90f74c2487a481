# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Regions, their zones, and how ids of a region begin."""

from __future__ import annotations

# Region to (the middle of its ids, the letters of its zones).
REGIONS = {
    "cn-hangzhou": ("bp1", "hij"),
    "cn-shanghai": ("uf6", "bgl"),
    "cn-beijing": ("2ze", "hkl"),
    "eu-central-1": ("gw8", "abc"),
    "ap-southeast-1": ("t4n", "abc"),
    "us-east-1": ("0xi", "ab"),
}
DEFAULT_REGION = "cn-hangzhou"
# Where the format of an exported image can be chosen.
EXPORT_FORMATS = {"cn-hangzhou", "cn-shanghai", "cn-beijing", "eu-central-1"}


def zones_of(region: str) -> list[str]:
    """The zones of a region: with a dash where the region ends with a letter, as the service writes them."""
    dash = "-" if not region[-1].isdigit() else ""
    return [f"{region}{dash}{letter}" for letter in REGIONS[region][1]]


def region_of_zone(zone: str) -> str | None:
    """The region of a zone; None when there is no such zone."""
    return next((region for region in REGIONS if zone in zones_of(region)), None)
