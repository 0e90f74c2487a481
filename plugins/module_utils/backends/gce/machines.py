# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs of one zone of Compute Engine: what they are, and how one is changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from ...clients.gce.client import GceClient
from ...clients.gce.objects import AttachedDisk, Instance, Operation, Wire, last_part, place_of, region, zone
from ...core.steps import at_once
from ...recovery.marks import prefixed, split
from ...recovery.model import Attachment, Document, Machine, Power, Ref
from ...recovery.provider import Change
from .keys import as_wire, needs_own_key
from .marks import OperationWork, change, with_tags

# https://cloud.google.com/compute/docs/instances/instance-lifecycle
_POWERS = {"RUNNING": Power.ON, "TERMINATED": Power.OFF, "STOPPED": Power.OFF, "SUSPENDED": Power.SUSPENDED, "SUSPENDING": Power.SUSPENDED}
_PACKED = {"b": True, "d": False, "a": True, "k": False}


class GceMachines:
    """The VMs of a zone. ``keys`` are customers' own keys by device: a disk that has one is attached, and its VM started, only with it."""

    KEEPS_REPLACED: ClassVar[bool] = False

    def __init__(self, client: GceClient, zone_name: str, keys: Mapping[str, str]) -> None:
        self._client, self._zone, self._keys = client, zone_name, keys

    # --- reading

    def get(self, name: str) -> Machine | None:
        instance = self._client.get_instance(self._zone, name)
        return machine_of(instance) if instance else None

    def ref(self, name: str) -> Ref:
        return f"projects/{self._client.project}/zones/{self._zone}/instances/{name}"

    def chosen_by(self, tags: Mapping[str, str]) -> list[str]:
        return [instance.name for instance in self._client.list_instances(self._zone, with_tags(tags))]

    def unfinished(self, refs: Collection[Ref]) -> list[OperationWork]:
        places = (zone(self._zone), region(zone(self._zone).region))
        listed = at_once(*[partial(self._client.list_operations, place, 'status != "DONE"') for place in places])
        found: list[Operation] = [one for operations in listed for one in operations if one.target in refs and not one.done]
        return [OperationWork(self._client, one, f"{one.verb} begun earlier on {last_part(one.target)}") for one in found]

    def status_word(self, power: Power) -> str:
        return "RUNNING" if power is Power.ON else "TERMINATED"

    # --- changing

    def start(self, machine: Machine) -> Change:
        """The start; a VM whose disks have keys of the customer's own needs them (instances.startWithEncryptionKey)."""
        keys = [
            {"source": disk.source, "diskEncryptionKey": as_wire(self._keys[disk.device_name])}
            for disk in machine.own.disks
            if disk.device_name in self._keys and needs_own_key(disk.wire.get("diskEncryptionKey"))
        ]
        return self._change(f"starting VM {machine.name}", machine, lambda: self._client.start_instance(self._zone, machine.name, keys or None))

    def stop(self, machine: Machine, discard_volatile: bool) -> Change:
        def submit() -> Operation:
            return self._client.stop_instance(self._zone, machine.name, discard_volatile or None)

        return self._change(f"stopping VM {machine.name}", machine, submit, takes_away=True)

    def build(self, name: str, request: Any, marks: Mapping[str, str]) -> Change:
        body: Wire = {**request, "labels": {**request.get("labels", {}), **prefixed(marks)}}
        return change(self._client, f"building VM {name}", self.ref(name), lambda: self._client.insert_instance(self._zone, body), takes_away=True)

    def remove(self, machine: Machine) -> Change:
        # By its id: another VM that has taken the name meanwhile must not be deleted instead.
        return self._change(f"deleting VM {machine.name}", machine, lambda: self._client.delete_instance(self._zone, machine.uid), takes_away=True)

    def make_way(self, machine: Machine) -> Change:
        return self.remove(machine)

    def attach(self, machine: Machine, attachment: Attachment) -> Change:
        body: Wire = attachment_request(attachment)
        if attachment.device in self._keys:
            disk = self._client.get_disk(place_of(attachment.disk), last_part(attachment.disk))
            if disk and needs_own_key(disk.wire.get("diskEncryptionKey")):
                body["diskEncryptionKey"] = as_wire(self._keys[attachment.device])
        what = f"attaching {last_part(attachment.disk)} to VM {machine.name} as {attachment.device}"
        return self._change(what, machine, lambda: self._client.attach_disk(self._zone, machine.name, body), needs=Power.OFF)

    def detach(self, machine: Machine, attachment: Attachment) -> Change:
        def submit() -> Operation:
            return self._client.detach_disk(self._zone, machine.name, attachment.device)

        return self._change(f"detaching {attachment.device} from VM {machine.name}", machine, submit, takes_away=True, needs=Power.OFF)

    def _change(self, what: str, machine: Machine, submit: Any, **facts: Any) -> Change:
        return change(self._client, what, machine.ref, submit, **facts)

    # --- deletion

    def is_protected(self, machine: Machine) -> bool:
        return bool(machine.own.deletion_protection)

    def outlive(self, machine: Machine) -> list[str]:
        return [last_part(one.disk) for one in machine.attached if not one.kept["auto_delete"]]

    def securing(self, machine: Machine) -> list[Change]:
        return [self._auto_delete(machine, one.device, on=False) for one in machine.attached if one.kept["auto_delete"]]

    def unsecuring(self, machine: Machine, attachments: Sequence[Attachment]) -> list[Change]:
        there = {one.device: one for one in machine.attached}
        different = [one for one in attachments if one.device in there and there[one.device].kept["auto_delete"] is not one.kept["auto_delete"]]
        return [self._auto_delete(machine, one.device, on=bool(one.kept["auto_delete"])) for one in different]

    def _auto_delete(self, machine: Machine, device: str, *, on: bool) -> Change:
        def submit() -> Operation:
            return self._client.set_disk_auto_delete(self._zone, machine.name, device, on)

        return self._change(f"setting automatic deletion of {device} on VM {machine.name}", machine, submit, takes_away=True)

    def differences(self, machine: Machine, request: Any) -> list[str]:
        pairs = zip(request.get("networkInterfaces", ()), machine.own.wire.get("networkInterfaces", ()))
        return [
            f"its internal address is {found.get('networkIP')}, not {wanted['networkIP']}"
            for wanted, found in pairs
            if wanted.get("networkIP") not in (None, found.get("networkIP"))
        ]

    # --- how a disk is attached, as text

    def facts(self, attachment: Attachment) -> Document:
        facts = {"device": attachment.device, "index": attachment.order, "boot": attachment.boot}
        return {**facts, **attachment.kept, "interface": attachment.sent.get("interface", "")}

    def noted(self, note: Mapping[str, Any]) -> Attachment:
        return _attachment(
            str(note["device"]),
            str(note["old"]),
            boot=bool(note["boot"]),
            order=int(note.get("index", 0)),
            mode=str(note.get("mode", "READ_WRITE")),
            auto_delete=bool(note.get("auto_delete")),
            interface=str(note.get("interface", "")),
        )

    def packed(self, attachment: Attachment) -> str:
        kept = attachment.kept
        words = ["b" if attachment.boot else "d", "ro" if kept["mode"] == "READ_ONLY" else "rw", "a" if kept["auto_delete"] else "k"]
        return "-".join([str(attachment.order), *words, str(attachment.sent.get("interface", "")).lower() or "x"])

    def unpacked(self, text: str, device: str, disk: Ref) -> Attachment | None:
        parts = text.split("-")
        if len(parts) != 5 or not parts[0].isdigit() or parts[1] not in _PACKED or parts[3] not in _PACKED:
            return None
        order, boot, mode, auto_delete, interface = parts
        return _attachment(
            device,
            disk,
            boot=_PACKED[boot],
            order=int(order),
            mode="READ_ONLY" if mode == "ro" else "READ_WRITE",
            auto_delete=_PACKED[auto_delete],
            interface="" if interface == "x" else interface.upper(),
        )


def machine_of(instance: Instance) -> Machine:
    """The VM in the words of recovery."""
    marks, tags = split(instance.labels)
    return Machine(
        ref=instance.path,
        name=instance.name,
        uid=instance.uid,
        marks=marks,
        tags=tags,
        version=instance.label_fingerprint,
        created_at=instance.created_at,
        power=_POWERS.get(instance.status, Power.BETWEEN),
        status=instance.status,
        started_at=instance.started_at,
        attached=tuple(attachment_of(disk) for disk in instance.disks if not disk.local_ssd),
        volatile=tuple(disk.device_name for disk in instance.disks if disk.local_ssd),
        own=instance,
    )


def attachment_of(disk: AttachedDisk) -> Attachment:
    return _attachment(disk.device_name, disk.source, boot=disk.boot, order=disk.index, mode=disk.mode, auto_delete=disk.auto_delete, interface=disk.interface)


def _attachment(device: str, disk: Ref, *, boot: bool, order: int, mode: str, auto_delete: bool, interface: str) -> Attachment:
    # Whether a stopped VM of every series takes the interface that is asked for is not documented, so it is not compared.
    return Attachment(device, disk, boot, order, {"mode": mode, "auto_delete": auto_delete}, {"interface": interface} if interface else {})


def attachment_request(attachment: Attachment) -> Wire:
    """The request that attaches a disk (instances.attachDisk, and the disks of instances.insert)."""
    kept = attachment.kept
    body: Wire = {"source": attachment.disk, "deviceName": attachment.device, "boot": attachment.boot, "mode": kept["mode"], "autoDelete": kept["auto_delete"]}
    return {**body, "type": "PERSISTENT", **attachment.sent}
