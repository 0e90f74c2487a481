# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which restores of VMs there are, read from the labels on their disks and VMs; one that runs elsewhere is seen at work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...clients.gce.client import GceClient
from ...clients.gce.objects import Disk, Instance, region, zone
from ...core.model import PENDING, RUNNING, SUCCEEDED, Record
from ...core.steps import at_once
from .labels import BACKUP, DISKS, REPLACED_BY, RESTORE, VM, ZONE, in_all
from .vm_devices import Device, in_order, noted
from .vm_labels import KEPT, MANIFEST, RESTORING, STRATEGY, all_of
from .vm_lock import claim_of
from .vm_records import PROVIDER
from .vm_swap import ATTACHING, CREATING, DETACHING, STARTING, STOPPING, UNLOCKING


@dataclass(frozen=True)
class Restore:
    """One restore: its new disks, the old ones that it keeps, and the VM (None while there is none)."""

    name: str
    vm: str
    zone: str
    new: tuple[Disk, ...]
    old: tuple[Disk, ...]
    instance: Instance | None

    @property
    def strategy(self) -> str:
        return next((disk.labels[STRATEGY] for disk in self.new if STRATEGY in disk.labels), "")

    @property
    def moment(self) -> str:
        return next((disk.labels[BACKUP] for disk in self.new if BACKUP in disk.labels), "")

    @property
    def manifest(self) -> str:
        return next((disk.labels[MANIFEST] for disk in (*self.new, *self.old) if MANIFEST in disk.labels), "")

    @property
    def expected(self) -> int:
        return max((int(disk.labels.get(DISKS, "0")) for disk in self.new), default=0)

    @property
    def superseded_by(self) -> str:
        """The restore that took its disks off again; empty while they are the VM's."""
        marks = {disk.labels.get(REPLACED_BY, "") for disk in self.new}
        return marks.pop() if len(marks) == 1 else ""

    @property
    def complete(self) -> bool:
        """Whether it was seen to its end: the VM says so, or its old disks do, or a later restore went on from it."""
        # While there is no VM, disks carry the lock.
        holders = (self.instance,) if self.instance else (*self.old, *self.new)
        if any(claim.purpose == RESTORING + self.name for claim in map(claim_of, holders) if claim):
            return False
        if self.instance is not None and self.instance.labels.get(RESTORE) == self.name:
            return True
        return bool(self.old and all(KEPT in disk.labels for disk in self.old)) or bool(self.superseded_by)

    @property
    def devices(self) -> tuple[Device, ...]:
        """The devices that its new disks' notes tell of; fewer than expected when it is at its very beginning, or went back to old disks."""
        return in_order(device for device in map(noted, self.new) if device)

    def record(self) -> Record:
        """The restore as users see it."""
        holder = claim_of(self.instance) or next((claim for claim in map(claim_of, (*self.old, *self.new)) if claim), None)
        ours = holder is not None and holder.purpose == RESTORING + self.name
        step, following = ("", "") if self.complete else self._progress()
        status = SUCCEEDED if self.complete else RUNNING if ours and holder and not holder.left_orderly else PENDING
        by_device = {device.new: device for device in self.devices}
        return Record(
            name=self.name,
            uid=f"{self.zone}/{self.vm}/{self.name}",
            provider=PROVIDER,
            status=status,
            created_at=min((disk.created_at for disk in self.new if disk.created_at), default=None),
            tags=in_all([disk.labels for disk in self.new]),
            details=restore_details(
                vm=self.vm,
                zone=self.zone,
                strategy=self.strategy,
                point=self.moment,
                disks=[disk_detail(disk, by_device.get(disk.path), self.instance) for disk in self.new],
                old_disks=[{"disk": disk.path, "uid": disk.uid, "kept": KEPT in disk.labels} for disk in self.old],
                holder=holder.run if ours and holder else "",
                step=step,
                next=following,
                superseded_by=self.superseded_by,
                vm_status=self.instance.status if self.instance else "absent",
            ),
        )

    def _progress(self) -> tuple[str, str]:
        """What was done last, and what comes next, as the resources show it."""
        if len(self.new) < self.expected or any(disk.status != "READY" for disk in self.new):
            return CREATING, STOPPING
        on = {disk.source for disk in self.instance.disks} if self.instance else set()
        if self.instance is None:
            return "delete VM" if self.old else CREATING, "insert VM"
        if all(disk.path in on for disk in self.new):
            return (STARTING, UNLOCKING) if self.instance.status == "RUNNING" else (ATTACHING, STARTING)
        if self.instance.status == "RUNNING":
            return CREATING, STOPPING
        return (STOPPING, DETACHING) if any(disk.path in on for disk in self.old) else (DETACHING, ATTACHING)


def disk_detail(disk: Disk, device: Device | None, instance: Instance | None) -> dict[str, Any]:
    """One disk of a restore."""
    attached = {one.source: one.device_name for one in instance.disks} if instance else {}
    return {
        "device": device.name if device else attached.get(disk.path, ""),
        "disk": disk.path,
        "uid": disk.uid,
        "source": device.source if device else disk.source_snapshot,
        "old_disk": device.old if device else "",
        "status": disk.status,
        "attached": disk.path in attached,
        "recovery_point_at": device.taken_at if device else "",
    }


def restore_details(**given: Any) -> dict[str, Any]:
    """The details of a restore: the same keys for one that is predicted and one that was seen."""
    defaults: Mapping[str, Any] = {
        "vm": "",
        "zone": "",
        "strategy": "",
        "point": "",
        "disks": [],
        "old_disks": [],
        "holder": "",
        "step": "",
        "next": "",
        "superseded_by": "",
        "vm_status": "",
    }
    return {key: given.get(key, value) for key, value in defaults.items()}


class Restores:
    """The restores in one zone."""

    def __init__(self, client: GceClient, zone_name: str) -> None:
        self._client, self._zone = client, zone_name

    def find(self, name: str, vm: str | None = None) -> list[Restore]:
        """The restores of this name: one, unless several VMs have one and ``vm`` does not choose."""
        new, old = at_once(lambda: self._disks({RESTORE: name, VM: vm}), lambda: self._disks({REPLACED_BY: name, VM: vm}))
        vms = sorted({disk.labels.get(VM, "") for disk in (*new, *old)})
        found = [self._restore(name, one, new, old) for one in vms]
        if not found and vm:
            # One that gave up another, before that had taken effect, has no disks: only the VM tells of it.
            alone = self._restore(name, vm, (), ())
            return [alone] if alone.complete else []
        return found

    def every(self, vm: str | None = None) -> list[Restore]:
        """All restores in the zone, or those of one VM."""
        new = self._disks({VM: vm}, having=RESTORE)
        old = self._disks({VM: vm}, having=REPLACED_BY)
        names = sorted({(disk.labels.get(VM, ""), disk.labels[RESTORE]) for disk in new})
        return [
            self._restore(name, one, [disk for disk in new if disk.labels[RESTORE] == name], [disk for disk in old if disk.labels[REPLACED_BY] == name])
            for one, name in names
        ]

    def _restore(self, name: str, vm: str, new: Sequence[Disk], old: Sequence[Disk]) -> Restore:
        mine = tuple(sorted((disk for disk in new if disk.labels.get(VM) == vm), key=lambda disk: disk.name))
        before = tuple(sorted((disk for disk in old if disk.labels.get(VM) == vm), key=lambda disk: disk.name))
        return Restore(name, vm, self._zone, mine, before, self._client.get_instance(self._zone, vm) if vm else None)

    def _disks(self, labels: Mapping[str, str | None], having: str = "") -> list[Disk]:
        wanted = all_of({**labels, ZONE: self._zone}, having)
        here, around = at_once(
            lambda: [*self._client.list_disks(zone(self._zone), wanted)], lambda: [*self._client.list_disks(region(zone(self._zone).region), wanted)]
        )
        return [*here, *around]


def devices_begun(expected: Restore | None) -> tuple[Device, ...]:
    """The devices as an earlier run noted them, once all its disks were asked for; before that nothing but them has changed."""
    devices = expected.devices if expected else ()
    return devices if expected and len(devices) == expected.expected > 0 else ()
