# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked before anything is touched: permissions and quota, where the API can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Disk, Instance, Wire, place_of
from ...core.errors import AuthenticationFailed, ProviderFailure
from ...core.steps import at_once
from ...recovery.points import IMAGE, SNAPSHOT
from .vm import Vm

_SAVED_AS = {SNAPSHOT: "SNAPSHOTS", IMAGE: "IMAGES", "machine_image": "MACHINE_IMAGES"}
# The quota that a disk of a type counts for; other types have quotas that the API does not list by type.
_DISK_QUOTAS = {"pd-standard": "DISKS_TOTAL_GB", "pd-balanced": "SSD_TOTAL_GB", "pd-ssd": "SSD_TOTAL_GB"}


def refuse_missing_permissions(vm: Vm, instance: Instance | None, disks: Mapping[str, Disk], on_instance: Iterable[str], on_disks: Iterable[str] = ()) -> None:
    """Raises AuthenticationFailed naming every permission that is missing on the VM or its disks."""
    wanted, wanted_on_disks = list(on_instance), list(on_disks)
    calls = []
    if instance is not None and wanted:
        calls.append(lambda: set(wanted) - vm.client.test_permissions("instances", instance.place, instance.name, wanted))
    if wanted_on_disks:
        first = next(iter(disks.values()), None)
        # Permissions are given on the project or on single disks: one of them stands for all that are alike.
        if first is not None:
            calls.append(lambda: set(wanted_on_disks) - vm.client.test_permissions("disks", place_of(first.path), first.name, wanted_on_disks))
    missing = sorted({permission for part in at_once(*calls) for permission in part})
    if missing:
        raise AuthenticationFailed(
            f'the credentials lack permissions on VM "{vm.name}" or its disks: {", ".join(missing)}. Nothing was changed.', code="forbidden"
        )


def refuse_snapshot_quota(client: GceClient, method: str, count: int) -> None:
    """Raises ProviderFailure when the project has no room for so many more recovery points."""
    _refuse_short(client.get_project().wire, {_SAVED_AS[method]: count}, "the project")


def refuse_disk_quota(client: GceClient, region_name: str, bodies: Iterable[Wire], addresses: int = 0) -> None:
    """Raises ProviderFailure when the region has no room for the disks, or for the addresses to be reserved."""
    needed: dict[str, int] = {"STATIC_ADDRESSES": addresses} if addresses else {}
    for body in bodies:
        metric = _DISK_QUOTAS.get(body.get("type", "").rpartition("/")[2])
        if metric:
            copies = max(1, len(body.get("replicaZones", ())))
            needed[metric] = needed.get(metric, 0) + int(body.get("sizeGb", 0)) * copies
    if needed:
        found = client.get_region(region_name)
        _refuse_short(found.wire if found else {}, needed, f"region {region_name}")


def _refuse_short(wire: Wire, needed: Mapping[str, int], where: str) -> None:
    for quota in wire.get("quotas", ()):
        metric = quota.get("metric")
        free = float(quota.get("limit", 0)) - float(quota.get("usage", 0))
        if metric in needed and needed[metric] > free:
            raise ProviderFailure(
                f"quota {metric} of {where} is too small: {needed[metric]} more are needed, {free:g} of {quota.get('limit')} are free."
                " Nothing was changed. Ask for more quota, or delete what is not needed.",
                code="quotaExceeded",
            )
