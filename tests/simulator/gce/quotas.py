# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quotas: what counts, how much there is, and the error when there is not enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import ApiError
from .links import last
from .places import cpus_of, region_of
from .store import Project, Resource

# As large as in a project that has asked for more, so that only tests that set a quota meet one.
PROJECT_LIMITS = {"SNAPSHOTS": 100000, "IMAGES": 20000, "MACHINE_IMAGES": 20000, "INSTANCE_TEMPLATES": 1000, "NETWORKS": 50, "SUBNETWORKS": 1000}
REGION_LIMITS = {"CPUS": 5000, "DISKS_TOTAL_GB": 4000000, "SSD_TOTAL_GB": 4000000, "STATIC_ADDRESSES": 700, "IN_USE_ADDRESSES": 2300, "INSTANCES": 24000}
PLURAL = {
    "SNAPSHOTS": "snapshots",
    "IMAGES": "images",
    "MACHINE_IMAGES": "machineImages",
    "INSTANCE_TEMPLATES": "instanceTemplates",
    "NETWORKS": "networks",
    "SUBNETWORKS": "subnetworks",
}
RUNNING = ("PROVISIONING", "STAGING", "RUNNING", "STOPPING")


def disk_metric(disk_type: str) -> str:
    """The quota that a disk counts against."""
    return "DISKS_TOTAL_GB" if last(disk_type) == "pd-standard" else "SSD_TOTAL_GB"


def limit(project: Project, metric: str) -> float:
    """How much there is."""
    own = project.world.settings.get("quotas", project.name)
    return float(own.get(metric, PROJECT_LIMITS.get(metric, REGION_LIMITS.get(metric, 0))))


def usage(project: Project, metric: str, region: str = "") -> float:
    """How much is used; of one region for what is counted there."""
    if metric in PLURAL:
        return float(sum(1 for _item in project.all(PLURAL[metric])))

    def total(plural: str, amount: Callable[[Resource], float]) -> float:
        return float(sum(amount(item) for item in project.all(plural) if region_of(item.place) == region))

    if metric in ("DISKS_TOTAL_GB", "SSD_TOTAL_GB"):
        return total("disks", lambda item: disk_gb(item) if disk_metric(item.data["type"]) == metric else 0)
    if metric == "STATIC_ADDRESSES":
        return total("addresses", lambda item: 1)
    if metric == "INSTANCES":
        return total("instances", lambda item: 1)
    if metric == "IN_USE_ADDRESSES":
        return total("instances", _addresses)
    return total("instances", lambda item: (cpus_of(last(item.data["machineType"])) or 0) if item.data["status"] in RUNNING else 0)


def _addresses(instance: Resource) -> float:
    return sum(bool(config.get("natIP")) for nic in instance.data["networkInterfaces"] for config in nic.get("accessConfigs", []))


def disk_gb(disk: Resource) -> float:
    """What a disk counts; a regional one twice."""
    return float(disk.data["sizeGb"]) * (2 if disk.place.startswith("regions/") else 1)


def at_request(project: Project) -> bool:
    """Whether quotas are seen when the request comes; else when its operation ends."""
    return bool(project.world.settings.get("quota_when", project.name) == "request")


def check(project: Project, metric: str, region: str, wanted: float = 1.0, moment: str = "request") -> None:
    """Raises ApiError when `wanted` more does not fit: quotaExceeded, in an operation QUOTA_EXCEEDED. Looks only at the moment that is set."""
    if at_request(project) != (moment == "request"):
        return
    most = limit(project, metric)
    # When the operation ends, what it made counts already.
    if usage(project, metric, region) + (wanted if moment == "request" else 0) <= most:
        return
    where = f"in region {region}" if region else "globally"
    details: list[Any] = [
        {
            "quotaInfo": {
                "metricName": f"compute.googleapis.com/{metric.lower()}",
                "limitName": metric.replace("_", "-") + ("-per-project-region" if region else "-per-project"),
                "dimensions": {"region": region} if region else {"global": "global"},
                "limit": most,
            }
        }
    ]
    raise ApiError("quotaExceeded", f"Quota '{metric}' exceeded.  Limit: {most:.1f} {where}.", 403, "QUOTA_EXCEEDED", details)


def shown(project: Project, region: str = "") -> list[dict[str, Any]]:
    """The quotas of a region, or of the project, as answers list them."""
    metrics = REGION_LIMITS if region else PROJECT_LIMITS
    return [{"metric": metric, "limit": limit(project, metric), "usage": usage(project, metric, region)} for metric in metrics]
