# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Examples that a project can be filled with.

"demo": the VM `web-1` in europe-west1-b (e2-medium, running, tag, labels, startup-script, default service account) with a static external address `web-1-ip`
and three disks: `web-1` (boot, device `web-1`), `web-1-data` (pd-balanced, device `data`, autoDelete) and `web-1-logs` (pd-standard, device `Odd_device.7`).
A second VM, `db-1` in europe-west1-c, has one disk and no external address. Each disk begins with the text "disk NAME of the example".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..content import Content
from . import addressing, attached, operations
from .links import BASE
from .places import PUBLIC_PROJECT
from .store import Project, Resource, fingerprint

FAMILY = "debian-12"
GUEST_OS = [{"type": "UEFI_COMPATIBLE"}, {"type": "VIRTIO_SCSI_MULTIQUEUE"}, {"type": "GVNIC"}]


def fill_public_project(project: Project) -> None:
    """A family of public images; the older one is deprecated."""
    for number, day in enumerate(("20251014", "20251111")):
        name = f"debian-12-bookworm-v{day}"
        data: dict[str, Any] = {"name": name, "family": FAMILY, "status": "READY", "diskSizeGb": "10", "architecture": "X86_64", "archiveSizeBytes": "4096"}
        data.update(guestOsFeatures=GUEST_OS, storageLocations=["eu"], sourceType="RAW", description=f"Debian 12, {day}")
        data["creationTimestamp"] = f"{day[:4]}-{day[4:6]}-{day[6:]}T08:00:00.000-08:00"
        if number == 0:
            data["deprecated"] = {"state": "DEPRECATED", "replacement": f"{BASE}projects/{PUBLIC_PROJECT}/global/images/debian-12-bookworm-v20251111"}
        project.add(Resource(project, "global", "images", data, Content.of(f"public image {name}".encode())))


def add_disk(project: Project, place: str, name: str, size_gb: int = 10, disk_type: str = "pd-balanced", **fields: Any) -> Resource:
    """A disk that is READY, with a few bytes of its own."""
    data = {"name": name, "sizeGb": str(size_gb), "type": f"{BASE}projects/{project.name}/{place}/diskTypes/{disk_type}", "status": "READY"}
    data.update({"physicalBlockSizeBytes": "4096", **fields})
    return project.add(Resource(project, place, "disks", data, Content.of(f"disk {name} of the example".encode())))


def add_instance(
    project: Project, zone: str, name: str, entries: list[tuple[Resource, dict[str, Any]]], external: str | None = None, **fields: Any
) -> Resource:
    """A VM that runs on existing disks (the first one boots); `external`: its address."""
    place = f"zones/{zone}"
    world, base = project.world, f"{BASE}projects/{project.name}"
    nic: dict[str, Any] = {"kind": "compute#networkInterface", "name": "nic0", "stackType": "IPV4_ONLY", "network": f"{base}/global/networks/default"}
    subnetwork = addressing.subnetwork_of(project, place, nic)
    nic.update(subnetwork=subnetwork.url, networkIP=addressing.take_internal(project, subnetwork, None), fingerprint=fingerprint([name, world.next_id()]))
    if external:
        config = {"kind": "compute#accessConfig", "type": "ONE_TO_ONE_NAT", "name": "External NAT", "networkTier": "PREMIUM", "natIP": external}
        nic["accessConfigs"] = [config]
    shown: list[dict[str, Any]] = []
    for number, (disk, entry) in enumerate(entries):
        shown.append(attached.shown_entry(entry, disk, number, number == 0, {item["deviceName"] for item in shown}))
    data: dict[str, Any] = {
        "name": name,
        "machineType": f"{base}/{place}/machineTypes/e2-medium",
        "status": "RUNNING",
        "canIpForward": False,
        "deletionProtection": False,
        "startRestricted": False,
        "cpuPlatform": "Intel Broadwell",
        "lastStartTimestamp": world.timestamp(),
        "scheduling": {"onHostMaintenance": "MIGRATE", "automaticRestart": True, "preemptible": False, "provisioningModel": "STANDARD"},
        **fields,
        "networkInterfaces": [nic],
        "disks": shown,
        "fingerprint": fingerprint([name, world.next_id()]),
    }
    for holder in ("tags", "metadata"):
        value = data.get(holder, {})
        data[holder] = {**value, "fingerprint": fingerprint([value, world.next_id()])}
    instance = project.add(Resource(project, place, "instances", data))
    for disk, _entry in entries:
        attached.use(disk, instance)
    return instance


def demo(project: Project) -> None:
    """See above."""
    place = "zones/europe-west1-b"
    boot = add_disk(project, place, "web-1", architecture="X86_64", guestOsFeatures=GUEST_OS, labels={"app": "web"})
    data = add_disk(project, place, "web-1-data", 20, labels={"app": "web", "role": "data"})
    logs = add_disk(project, place, "web-1-logs", 10, "pd-standard")
    address = project.world.next_address()
    fields = {"name": "web-1-ip", "address": address, "addressType": "EXTERNAL", "networkTier": "PREMIUM", "status": "RESERVED"}
    project.add(Resource(project, "regions/europe-west1", "addresses", fields))
    account = f"{project.number}-compute@developer.gserviceaccount.com"
    add_instance(
        project,
        "europe-west1-b",
        "web-1",
        [
            (boot, {"deviceName": "web-1", "autoDelete": True}),
            (data, {"deviceName": "data", "autoDelete": True}),
            (logs, {"deviceName": "Odd_device.7", "autoDelete": False}),
        ],
        address,
        labels={"app": "web", "env": "demo"},
        tags={"items": ["http-server", "https-server"]},
        metadata={"kind": "compute#metadata", "items": [{"key": "startup-script", "value": "#!/bin/sh\nsystemctl start web\n"}]},
        serviceAccounts=[{"email": account, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}],
    )
    other = add_disk(project, "zones/europe-west1-c", "db-1", 50, "pd-ssd")
    add_instance(project, "europe-west1-c", "db-1", [(other, {"deviceName": "db-1", "autoDelete": True})], labels={"app": "db"})
    operations.committed(project)


SEEDS: dict[str, Callable[[Project], None]] = {"demo": demo}
