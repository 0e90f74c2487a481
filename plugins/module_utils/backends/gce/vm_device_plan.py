# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which disks a restore has to make, for each way of restoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...clients.gce.client import GceClient
from ...clients.gce.objects import AttachedDisk, Disk, Instance, Place, Wire, attached_disk, place_of, region, zone
from ...core.arguments import Task
from ...core.errors import Conflict, InvalidRequest, NotFound
from ...recovery.manifest import Document
from .labels import check_tags
from .vm import Vm, persistent
from .vm_devices import Device, Identity, in_order, noted, planned
from .vm_manifest import move, needs_own_key, strip_disk
from .vm_point import BOOT_DEVICE, RestorePoint, Source
from .vm_restores import Restore


class DevicePlan:
    """Works out the devices for one restore of one VM."""

    def __init__(self, task: Task, client: GceClient, vm: Vm, identity: Identity) -> None:
        self._task, self._client, self._vm, self._identity = task, client, vm, identity
        self._keys: Mapping[str, str] = task["disk_encryption_keys"] or {}
        self._tags = check_tags(task["tags"])

    def of_existing(self, instance: Instance, point: RestorePoint, *, whole: bool) -> tuple[Device, ...]:
        """The devices of a VM that exists; ``whole``: every disk of it must be in the point. Raises Conflict, InvalidRequest."""
        disks = self._vm.disks(instance)
        sources = self._by_device(point, persistent(instance))
        others = [device for device in disks if device not in sources]
        if others and whole:
            raise Conflict(f'VM "{self._vm.name}" has disks that the restore point does not hold: {", ".join(others)}. Restore in place: that leaves them.')
        if others:
            self._task.warn(f'VM "{self._vm.name}" keeps these disks as they are, because the restore point does not hold them: {", ".join(others)}.')
        strange = [device for device in sources if device not in disks]
        if strange:
            raise Conflict(
                f'VM "{self._vm.name}" has no disk {", ".join(strange)} any more, which the restore point holds. Attach a disk under that device name first,'
                " or restore with strategy: new."
            )
        attached = [one for one in persistent(instance) if one.device_name in sources]
        models = {device: strip_disk(disk) for device, disk in disks.items()}
        self._refuse_missing_keys({device: models[device] for device in sources}, sources)
        return in_order(
            planned(
                self._identity,
                one,
                self._tagged(models[one.device_name]),
                disks[one.device_name].place,
                sources[one.device_name],
                len(attached),
                self._keys,
                old=one.source,
            )
            for one in attached
        )

    @staticmethod
    def _by_device(point: RestorePoint, attached: Sequence[AttachedDisk]) -> dict[str, Source]:
        """The sources by device; an image whose device is not known is for the boot disk."""
        if not point.boot_only:
            return dict(point.sources)
        boot = next((one.device_name for one in attached if one.boot), "")
        return {boot: point.sources[BOOT_DEVICE]}

    def of_manifest(self, manifest: Document, point: RestorePoint) -> tuple[Device, ...]:
        """The devices of a VM that is to be built. Raises Conflict when the manifest knows nothing of a disk."""
        parts = [attached_disk({**part, "index": number}) for number, part in enumerate(manifest["instance"].get("disks", ()))]
        attached = [part for part in parts if not part.local_ssd]
        sources = self._by_device(point, attached)
        models: dict[str, Wire] = {device: self._moved(model, manifest) for device, model in manifest.get("disks", {}).items()}
        unknown = [device for device in sources if device not in {one.device_name for one in attached} or device not in models]
        if unknown:
            raise Conflict(f"the manifest does not describe these disks of the restore point: {', '.join(unknown)}.")
        left_out = [one.device_name for one in attached if one.device_name not in sources]
        if left_out:
            self._task.warn(f'VM "{self._vm.name}" comes up without these disks, which the restore point does not hold: {", ".join(left_out)}.')
        self._refuse_missing_keys({device: models[device] for device in sources}, sources)
        wanted = [one for one in attached if one.device_name in sources]
        return in_order(
            planned(
                self._identity,
                one,
                self._tagged(models[one.device_name]),
                _place(models[one.device_name]),
                sources[one.device_name],
                len(wanted),
                self._keys,
                old="",
            )
            for one in wanted
        )

    def _tagged(self, model: Wire) -> Wire:
        return {**model, "labels": {**model.get("labels", {}), **self._tags}}

    def _moved(self, model: Wire, manifest: Document) -> Wire:
        """A disk's request as it fits into the zone of the new VM."""
        old_zone = str(manifest.get("zone") or self._vm.zone)
        if old_zone == self._vm.zone:
            return model
        moved: Wire = move(model, old_zone, self._vm.zone)
        old_region, new_region = region(zone(old_zone).region).name, zone(self._vm.zone).region
        if place_of(f"{model['place']}/disks/x").scope == "region":
            moved["place"] = region(new_region).path
            moved["replicaZones"] = self._replica_zones([str(url).rpartition("/")[2] for url in model.get("replicaZones", ())])
        else:
            moved["place"] = zone(self._vm.zone).path
        if old_region != new_region and moved.pop("resourcePolicies", None):
            self._task.warn("The disks come up without their resource policies (snapshot schedules), which belong to the other region.")
        moved.pop("storagePool", None)
        return moved

    def _replica_zones(self, before: Sequence[str]) -> list[str]:
        here = self._vm.zone
        found = self._client.get_region(zone(here).region)
        known = [str(url).rpartition("/")[2] for url in (found.wire.get("zones", ()) if found else ())]
        other = next((name for name in (*before, *known) if name in known and name != here), "")
        if not other:
            raise NotFound(f"there is no second zone beside {here} for a regional disk.")
        return [f"projects/{self._client.project}/zones/{name}" for name in (here, other)]

    def _refuse_missing_keys(self, models: Mapping[str, Wire], sources: Mapping[str, Source]) -> None:
        missing = [
            device
            for device, model in models.items()
            if (needs_own_key(model.get("diskEncryptionKey")) or sources[device].own_key) and device not in self._keys
        ]
        if missing:
            raise InvalidRequest(
                f"these disks are encrypted with keys of your own: {', '.join(missing)}. Give the keys in disk_encryption_keys. Nothing was changed."
            )

    def of_rollback(self, before: Restore, current: Restore | None) -> tuple[Device, ...]:
        """The devices that go back to the disks from before the restore ``before``. Raises Conflict when there are none."""
        # A run that died while it took them over has left some of them with the old restore, and some with this one.
        incoming: Sequence[Disk] = [*before.old, *(disk for disk in (current.new if current else ()) if disk.path not in {old.path for old in before.old})]
        if not incoming:
            raise Conflict(f'the disks from before the restore "{before.name}" are not kept any more: there is nothing to go back to.')
        notes = {device.old: device for device in map(noted, before.new) if device and device.old}
        # A disk that an earlier rollback took off has its own note.
        own = {disk.path: device for disk in incoming for device in [noted(disk)] if device}
        devices = []
        for disk in incoming:
            known = notes.get(disk.path) or own.get(disk.path)
            if known is None:
                raise Conflict(f"nothing tells how disk {disk.name} was attached; attach it by hand.")
            counterpart = known.new if disk.path in notes else known.old
            there = counterpart if any(one.path == counterpart for one in before.new) else ""
            devices.append(
                Device(known.name, known.index, known.boot, known.mode, known.auto_delete, known.interface, disk.path, there, disk.path, "", known.request)
            )
        return in_order(devices)


def _place(model: Wire) -> Place:
    return place_of(f"{model['place']}/disks/x")
