# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Projects of the simulated Compute Engine that hold VMs: what is on their disks, and what the provider did to them."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.simulator.server import SimulatorThread

from .gce_worlds import SITE, ZONE, GceWorld

_hosts = itertools.count(2)


class VmWorld(GceWorld):
    """A project with VMs."""

    @property
    def base(self) -> str:
        """What the links of the project begin with."""
        return f"{SITE}projects/{self.project}"

    # -- What is put there

    def put_vm(self, name: str, devices: Mapping[str, Mapping[str, Any]], zone: str = ZONE, *, labels: Mapping[str, str] | None = None, **fields: Any) -> None:
        """Make a running VM; ``devices`` are its disks by device name, the first one boots, with fields of their own (``attached``: of the attachment).

        A disk is called VM-DEVICE unless it has a ``name``. The VM has one interface with an external address that nobody has reserved.
        """
        entries = []
        for number, (device, given) in enumerate(devices.items()):
            disk = dict(given)
            attached = disk.pop("attached", {})
            place, disk_name = disk.pop("place", f"zones/{zone}"), disk.pop("name", f"{name}-{device}")
            self.put_disk(disk_name, place, **{"sizeGb": "10", "physicalBlockSizeBytes": "4096", **disk})
            entry = {"kind": "compute#attachedDisk", "type": "PERSISTENT", "mode": "READ_WRITE", "interface": "SCSI", "autoDelete": number == 0}
            source = f"{self.base}/{place}/disks/{disk_name}"
            entries.append({**entry, "source": source, "deviceName": device, "index": number, "boot": number == 0, "diskSizeGb": "10", **attached})
        region, host = zone.rpartition("-")[0], next(_hosts)
        interface = {
            "name": "nic0",
            "network": f"{self.base}/global/networks/default",
            "subnetwork": f"{self.base}/regions/{region}/subnetworks/default",
            "networkIP": f"10.{132 if region == 'europe-west1' else 164}.{host // 250 % 16}.{host % 250 + 2}",
            "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "name": "External NAT", "networkTier": "PREMIUM", "natIP": f"34.90.{host // 250}.{host % 250 + 2}"}],
        }
        vm = {
            "name": name,
            "place": f"zones/{zone}",
            "machineType": f"{self.base}/zones/{zone}/machineTypes/e2-medium",
            "lastStartTimestamp": "2026-01-01T00:00:00.000-00:00",
            "networkInterfaces": [interface],
            "disks": entries,
            "labels": dict(labels or {}),
            "metadata": {},
            "tags": {},
            "scheduling": {"onHostMaintenance": "MIGRATE", "automaticRestart": True, "preemptible": False, "provisioningModel": "STANDARD"},
            **fields,
        }
        self.control.merge_state(instances=[vm])

    def write(self, disk: str, text: str, place: str = f"zones/{ZONE}") -> None:
        """Write to a disk, as the guest would."""
        word, _slash, name = place.partition("/")
        self.control.act("guest_write", disk=disk, data=base64.b64encode(text.encode()).decode(), **{"project": self.project, word[:-1]: name})

    # -- What is there

    def vm(self, name: str, zone: str = ZONE) -> dict[str, Any]:
        """The VM as the provider has it; {} when there is none."""
        return next(iter(self.named("instances", name, f"zones/{zone}")), {})

    def disk_of(self, vm: str, device: str, zone: str = ZONE) -> str:
        """The name of the disk that a VM has as ``device``."""
        (source,) = [entry["source"] for entry in self.vm(vm, zone)["disks"] if entry["deviceName"] == device]
        return str(source.rpartition("/")[2])

    def contents(self, vm: str, zone: str = ZONE) -> dict[str, str]:
        """The digests of what is on its disks, by device."""
        digests = {f"{self.base}/{disk['place']}/disks/{disk['name']}": disk["digest"] for disk in self.all("disks")}
        return {entry["deviceName"]: digests[entry["source"]] for entry in self.vm(vm, zone).get("disks", ()) if entry.get("source")}

    def disk_names(self, vm: str, zone: str = ZONE) -> list[str]:
        """Its disks, in the order of their index."""
        return [entry["source"].rpartition("/")[2] for entry in self.vm(vm, zone).get("disks", ()) if entry.get("source")]

    # -- What was done

    def watch(self, vm: str = "web-1", zone: str = ZONE, **given: Any) -> None:
        """From now on, note what must never be true of a VM under restore, not even for a moment."""
        self.control.act("watch", project=self.project, zone=zone, instance=vm, **given)

    def broken(self) -> list[str]:
        """What was true all the same."""
        return [f"{item['kind']}: {item['message']}" for item in self.control.act("violations", project=self.project)]

    def operations(self, since_s: float = 0.0) -> list[dict[str, Any]]:
        """The provider's operations that began since then, oldest first; times in seconds on its clock, targets as paths inside of the project."""
        every = self.control.act("operations", project=self.project)
        prefix = f"projects/{self.project}/"
        return [{**one, "target": one["target"].removeprefix(prefix)} for one in every if one["insert_s"] > since_s]


@pytest.fixture
def make_vm_world(gce_simulator: SimulatorThread) -> Callable[..., VmWorld]:
    """Makes projects with the example "demo" in them: make_vm_world(setting=value, ...)."""

    def make(**settings: Any) -> VmWorld:
        world = VmWorld(gce_simulator, **settings)
        world.control.seed("demo")
        return world

    return make


@pytest.fixture
def vm_world(make_vm_world: Callable[..., VmWorld]) -> VmWorld:
    """A project with the VMs "web-1" and "db-1"."""
    return make_vm_world()
