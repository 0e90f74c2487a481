# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Regions, zones, machine types and disk types: what is there before anybody made anything."""

from __future__ import annotations

import re
from typing import Any

ZONES = {
    "europe-west1": ("europe-west1-b", "europe-west1-c", "europe-west1-d"),
    "europe-west4": ("europe-west4-a", "europe-west4-b", "europe-west4-c"),
    "us-central1": ("us-central1-a", "us-central1-b", "us-central1-c", "us-central1-f"),
}
REGION_OF = {zone: region for region, zones in ZONES.items() for zone in zones}
# The ranges that Google gives an auto mode network.
SUBNETS = {"europe-west1": "10.132.0.0/20", "europe-west4": "10.164.0.0/20", "us-central1": "10.128.0.0/20"}
DISK_TYPES = ("pd-standard", "pd-balanced", "pd-ssd", "pd-extreme", "hyperdisk-balanced", "hyperdisk-balanced-high-availability", "local-ssd")
REGIONAL_DISK_TYPES = ("pd-standard", "pd-balanced", "pd-ssd", "hyperdisk-balanced-high-availability")
MACHINE_TYPES = {
    "e2-micro": (2, 1024),
    "e2-small": (2, 2048),
    "e2-medium": (2, 4096),
    "f1-micro": (1, 614),
    "g1-small": (1, 1740),
    **{f"{family}-standard-{cpus}": (cpus, cpus * 4096) for family in ("e2", "n1", "n2", "n2d", "c3", "t2d", "t2a", "c4a") for cpus in (1, 2, 4, 8, 16)},
}
PUBLIC_PROJECT = "debian-cloud"
# Where snapshots and images may be kept, beside the regions.
MULTI_REGIONS = ("asia", "eu", "us")


# Series whose machine types may be made to measure; those of N1 are called custom-CPUS-MEMORY alone. Memory comes in steps of 256 MB.
CUSTOM = re.compile(r"(?:(?:n1|n2|n2d|n4|n4a|n4d|e2|g2)-)?custom-(\d+)-(\d+)(-ext)?")
CUSTOM_SHARED = re.compile(r"e2-custom-(?:micro|small|medium)-(\d+)")
MEMORY_STEP_MB = 256
ARM_SERIES = ("t2a", "c4a", "n4a")


def size_of(machine_type: str) -> tuple[int, int] | None:
    """(processors, memory in MB) of a machine type by its name, a custom one included; None for a name that is no machine type."""
    if machine_type in MACHINE_TYPES:
        return MACHINE_TYPES[machine_type]
    shared, custom = CUSTOM_SHARED.fullmatch(machine_type), CUSTOM.fullmatch(machine_type)
    if shared is None and custom is None:
        return None
    cpus, memory_mb = (2, int(shared[1])) if shared else (int(custom[1]), int(custom[2]))  # type: ignore[index]
    fits = (cpus == 1 or cpus % 2 == 0) and cpus > 0 and memory_mb > 0 and memory_mb % MEMORY_STEP_MB == 0
    return (cpus, memory_mb) if fits else None


def cpus_of(machine_type: str) -> int | None:
    """Processors of a machine type by its name; None for a name that is no machine type."""
    size = size_of(machine_type)
    return size[0] if size else None


def architecture_of(machine_type: str) -> str:
    """The architecture of the processors of a machine type."""
    return "ARM64" if machine_type.partition("-")[0] in ARM_SERIES else "X86_64"


def is_place(place: str) -> bool:
    """Whether "global", "zones/Z" or "regions/R" exists."""
    word, _slash, name = place.partition("/")
    return place == "global" or (word == "zones" and name in REGION_OF) or (word == "regions" and name in ZONES)


def region_of(place: str) -> str:
    """The region of "zones/Z" or "regions/R"; "" for global."""
    word, _slash, name = place.partition("/")
    return REGION_OF.get(name, "") if word == "zones" else name if word == "regions" else ""


def machine_type(zone: str, name: str) -> dict[str, Any]:
    """A machine type as a resource, without links."""
    cpus, memory_mb = size_of(name) or (0, 0)
    data = {"kind": "compute#machineType", "name": name, "zone": zone, "guestCpus": cpus, "memoryMb": memory_mb, "description": f"{cpus} vCPU"}
    return {**data, "architecture": architecture_of(name)}


def disk_type(name: str) -> dict[str, Any]:
    """A disk type as a resource, without links."""
    return {"kind": "compute#diskType", "name": name, "validDiskSize": "10GB-65536GB", "defaultDiskSizeGb": "500"}
