# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan for a VM that is to be built: from a manifest, or from an image and what the task says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Disk, Instance, Wire, last_part, path_of
from ...core.arguments import Task
from ...core.errors import Conflict, InvalidRequest, NotFound
from ...core.plan import Progress, Step
from ...recovery.lock import Claim, Lock
from ...recovery.manifest import Document
from .labels import check_tags
from .vm import Vm
from .vm_body import EXTERNAL_ADDRESS, INTERNAL_ADDRESS, Changes, addresses_of, instance_request, scratch_manifest
from .vm_checks import refuse_disk_quota
from .vm_device_plan import DevicePlan
from .vm_devices import Device, Identity
from .vm_disks import RestoreDisks
from .vm_lock import claim_of
from .vm_point import BOOT_DEVICE, RestorePoint
from .vm_rebuild import Building


def _carrier_of(carriers: Sequence[Building]) -> Instance | Disk | None:
    """The lock comes before the work that knows where it is kept."""
    return carriers[0].carrier()


Carrier = Callable[[], "Instance | Disk | None"]


class BuildingPlan:
    """Works out the request that builds the VM, and the steps around it."""

    def __init__(
        self,
        task: Task,
        client: GceClient,
        vm: Vm,
        devices: Sequence[Device],
        manifest: Document,
        *,
        copy: bool,
        point: RestorePoint | None = None,
    ) -> None:
        self._task, self._client, self._vm, self._devices = task, client, vm, tuple(devices)
        self._manifest, self._copy, self._point = manifest, copy, point
        self._without: set[str] = set(task["allow_lost"] or ()) & {INTERNAL_ADDRESS, EXTERNAL_ADDRESS}

    @classmethod
    def from_point(cls, task: Task, client: GceClient, vm: Vm, point: RestorePoint, *, copy: bool) -> BuildingPlan:
        """The plan for a VM that does not exist. Raises Conflict when nothing tells how it was configured."""
        manifest = point.manifest
        if manifest is None and point.boot_only:
            manifest = scratch_manifest(vm.name, vm.zone, BOOT_DEVICE)
        if manifest is None:
            raise Conflict(
                f'VM "{vm.name}" does not exist, and the restore point holds no manifest of its configuration. Give one in manifest or manifest_file.'
            )
        return cls(task, client, vm, (), manifest, copy=copy, point=point)

    def plan_devices(self, identity: Identity) -> tuple[Device, ...]:
        """The devices to be made. Raises Conflict and others for what cannot be."""
        if self._point is None:
            raise RuntimeError("there is no point to make devices from")
        self._devices = DevicePlan(self._task, self._client, self._vm, identity).of_manifest(self._manifest, self._point)
        return self._devices

    def claim_on_disks(self) -> Claim | None:
        """The lock that disks carry while there is no VM."""
        paths = [path for device in self._devices for path in (device.old, device.new) if path]
        return next((claim for claim in map(claim_of, map(self._vm.get_disk, paths)) if claim), None)

    def request(self, paths: Mapping[str, str], old: bool) -> Wire:
        """The body that builds the VM on the disks of ``paths``; ``old``: as it was before, whatever the task says."""
        task = self._task
        subnetwork = task["subnetwork"] or ""
        if subnetwork and "/" not in subnetwork:
            subnetwork = f"regions/{self._vm.places[1].name}/subnetworks/{subnetwork}"
        changes = Changes(
            machine_type=task["machine_type"] or "",
            network=task["network"] or "",
            subnetwork=subnetwork,
            startup_script=task["startup_script"] or "",
            copy=self._copy,
            without=self._without,
            labels=check_tags(task["tags"]),
        )
        keys = task["disk_encryption_keys"] or {}
        devices = [device for device in self._devices if device.name in paths]
        return instance_request(self._manifest, self._vm.name, self._vm.zone, devices, paths, keys, Changes() if old else changes)

    # --- a VM that is not there

    def steps(self, identity: Identity, make_lock: Callable[[Carrier], Lock], instance: Instance | None, *, start: bool) -> tuple[Building, tuple[Step, ...]]:
        """The steps, after seeing that nothing stands in the way."""
        mine = {device.new for device in self._devices}
        if instance is not None and {disk.source for disk in instance.disks if not disk.local_ssd} != mine:
            raise Conflict(f'there is a VM "{self._vm.name}" in zone {self._vm.zone} already. Nothing was changed; choose another new_vm_name.')
        if instance is None:
            RestoreDisks(self._vm, identity, self._devices).check_names()
            missing = [device.request for device in self._devices if self._vm.get_disk(device.new) is None]
            refuse_disk_quota(self._client, self._vm.places[1].name, missing)
            self._check_addresses()
            self._check_places()
        carriers: list[Building] = []
        lock = make_lock(lambda: _carrier_of(carriers))
        carriers.append(Building(self._vm, identity, self._devices, lock, self.request, was_running=True, start=start))
        return carriers[0], carriers[0].assemble(self._network_steps())

    def _check_addresses(self) -> None:
        """See which addresses can come back. Raises Conflict for a reserved one that others use."""
        inside, outside = addresses_of(self._manifest["instance"])
        if self._copy:
            if inside or outside:
                self._task.warn(f"The copy takes no address along: {', '.join([*inside, *outside])} stay with the original.")
            return
        reserved = {address.address: address for address in self._client.list_addresses(self._vm.places[1].name, None)}
        lost = [address for address in outside if address not in reserved]
        kept = [*(inside if INTERNAL_ADDRESS not in self._without else ()), *(outside if EXTERNAL_ADDRESS not in self._without else ())]
        taken = [address for address in kept if address in reserved and reserved[address].users]
        if taken:
            raise Conflict(
                f"addresses of the VM are in use by others now: {', '.join(taken)}. Free them, or list internal_address or external_address in allow_lost."
            )
        if lost:
            self._without.add(EXTERNAL_ADDRESS)
            self._task.warn(f"External addresses that were not reserved cannot come back: {', '.join(lost)}. The VM gets new ones.")

    def _check_places(self) -> None:
        """Raises NotFound, or InvalidRequest, for a zone, machine type or subnetwork that is not there."""
        body = self.request({device.name: device.new for device in self._devices}, False)
        machine = last_part(body.get("machineType"))
        if self._client.get_machine_type(self._vm.zone, machine) is None:
            raise NotFound(f"zone {self._vm.zone} has no machine type {machine}. Give another in machine_type.")
        if self._task["ensure_network"]:
            return
        for interface in body.get("networkInterfaces", ()):
            subnetwork = path_of(interface.get("subnetwork", ""))
            of_project = not subnetwork.startswith("projects/") or subnetwork.split("/")[1] == self._client.project
            if subnetwork and of_project and self._client.get_subnetwork(subnetwork.split("regions/")[1].split("/")[0], last_part(subnetwork)) is None:
                raise InvalidRequest(f"there is no subnetwork {subnetwork}. Give network or subnetwork, or set ensure_network.")

    def _network_steps(self) -> list[Step]:
        """The step that makes the network where the task asks for that and it is not there."""
        task = self._task
        if not task["ensure_network"]:
            return []
        name = last_part(task["network"]) or next(
            (last_part(part.get("network")) for part in self._manifest["instance"].get("networkInterfaces", ())), "default"
        )

        def make() -> None:
            body = {"name": name, "autoCreateSubnetworks": True}
            self._client.wait(self._client.insert_network(body), f"creating network {name}")

        return [Step("create network", do=make, done=lambda: Progress.DONE if self._client.get_network(name) else Progress.NO)]
