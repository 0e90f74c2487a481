# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks of a VM before and after a restore, and the note that each new disk carries about both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...clients.gce.objects import AttachedDisk, Disk, Place, Wire, place_of
from ...recovery.manifest import VERSION
from ...recovery.naming import derived_name
from .keys import as_wire
from .labels import BACKUP, DEVICE, DISKS, RESTORE, VM, ZONE, label_value
from .vm_labels import MANIFEST, STRATEGY
from .vm_manifest import needs_own_key, note, read_note
from .vm_point import Source

_FACTS = ("device", "index", "boot", "mode", "auto_delete", "interface", "old", "source")


@dataclass(frozen=True)
class Device:
    """One disk as the VM has it: how it is attached, the path of its new disk, and of the one before (empty when there is none).

    ``source`` is the path of what the new disk is made from, ``taken_at`` when that was saved; ``request`` asks for the new disk (empty when it exists).
    """

    name: str
    index: int
    boot: bool
    mode: str
    auto_delete: bool
    interface: str
    new: str
    old: str
    source: str
    taken_at: str
    request: Wire

    @property
    def place(self) -> Place:
        return place_of(self.new)

    @property
    def own_key(self) -> bool:
        """Whether attaching it takes a key that only the customer has."""
        key = self.request.get("diskEncryptionKey", {})
        return bool({"rawKey", "rsaEncryptedKey"}.intersection(key)) or needs_own_key(key)

    def attachment(self, path: str, keys: Mapping[str, str]) -> Wire:
        """The request that attaches the disk ``path`` as this device; ``keys`` are customers' own keys by device."""
        body: Wire = {"source": path, "deviceName": self.name, "boot": self.boot, "mode": self.mode, "autoDelete": self.auto_delete, "type": "PERSISTENT"}
        if self.interface:
            body["interface"] = self.interface
        if self.own_key and self.name in keys:
            body["diskEncryptionKey"] = as_wire(keys[self.name])
        return body


@dataclass(frozen=True)
class Identity:
    """Which restore a disk is made by, and for which VM."""

    project: str
    zone: str
    vm: str
    restore: str
    strategy: str
    moment: str
    manifest: str = ""

    def disk_name(self, device: str) -> str:
        return derived_name(f"{self.vm}-{device}", "/".join((self.project, self.zone, self.vm, self.restore, device)))

    def labels(self, device: str, count: int) -> dict[str, str]:
        every = {
            RESTORE: self.restore,
            VM: self.vm,
            ZONE: self.zone,
            DEVICE: label_value(device),
            BACKUP: self.moment,
            DISKS: str(count),
            STRATEGY: self.strategy,
            MANIFEST: self.manifest,
        }
        return {key: value for key, value in every.items() if value}


def planned(identity: Identity, attached: AttachedDisk, model: Wire, place: Place, source: Source, count: int, keys: Mapping[str, str], *, old: str) -> Device:
    """The device whose new disk is made from ``source`` like ``model``, the old disk's request as the manifest keeps it."""
    name = identity.disk_name(attached.device_name)
    new = f"projects/{identity.project}/{place.path}/disks/{name}"
    facts = {
        "device": attached.device_name,
        "index": attached.index,
        "boot": attached.boot,
        "mode": attached.mode,
        "auto_delete": attached.auto_delete,
        "interface": attached.interface,
        "old": old,
        "source": source.path,
        "taken_at": source.created_at or "",
    }
    request: Wire = {key: value for key, value in model.items() if key not in ("place", "labels")}
    request.update(
        name=name,
        description=note({"version": VERSION, "restore": identity.restore, **facts}),
        labels={**model.get("labels", {}), **identity.labels(attached.device_name, count)},
        sizeGb=str(max(int(model.get("sizeGb", 0)), source.size_gb)),
        **source.fields(keys),
    )
    if needs_own_key(model.get("diskEncryptionKey")):
        request["diskEncryptionKey"] = as_wire(keys[attached.device_name])
    return _device(facts, new, request)


def _device(facts: Mapping[str, Any], new: str, request: Wire) -> Device:
    return Device(
        name=facts["device"],
        index=int(facts["index"]),
        boot=bool(facts["boot"]),
        mode=facts["mode"],
        auto_delete=bool(facts["auto_delete"]),
        interface=facts["interface"],
        new=new,
        old=facts["old"],
        source=facts["source"],
        taken_at=facts.get("taken_at", ""),
        request=request,
    )


def noted(disk: Disk) -> Device | None:
    """The device that a disk's note tells of; None when it has none."""
    facts = read_note(disk.description)
    if not all(name in facts for name in _FACTS):
        return None
    key = {"diskEncryptionKey": disk.wire["diskEncryptionKey"]} if "diskEncryptionKey" in disk.wire else {}
    return _device(facts, disk.path, key)


def in_order(devices: Iterable[Device]) -> tuple[Device, ...]:
    """The boot disk first, the others by their index: the order in which they are attached, which decides their index."""
    return tuple(sorted(devices, key=lambda device: (not device.boot, device.index)))
