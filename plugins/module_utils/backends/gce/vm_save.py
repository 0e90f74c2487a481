# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Saving the disks of a VM under one datetime: the requests, and what of it is there already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from ...clients.gce.objects import AttachedDisk, Disk, Image, Instance, Operation, Resource, Snapshot, Wire
from ...core.errors import Conflict, NotFound, ProviderFailure
from ...core.model import DELETING, FAILED, SUCCEEDED
from ...core.plan import Progress
from ...recovery.manifest import Document, fingerprint
from ...recovery.naming import derived_name
from ...recovery.points import IMAGE, MACHINE_IMAGE, SNAPSHOT, Member
from .keys import as_wire
from .labels import BACKUP, CONSISTENCY, DEVICE, DISKS, VM, ZONE, label_value
from .vm import Vm, in_groups
from .vm_labels import ATTEMPT, MANIFEST
from .vm_manifest import needs_own_key, note, read_note
from .vm_members import delete_members
from .vm_points import member_of_image, member_of_machine_image, member_of_snapshot
from .vm_store import fits


@dataclass(frozen=True)
class SaveOptions:
    """What the task says about how disks are saved. ``keys`` are customers' own keys by device name."""

    method: str = SNAPSHOT
    guest_flush: bool = False
    family: str = ""
    storage_location: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)


class Save:
    """The members of one backup: one for each disk, or one machine image for all of them."""

    def __init__(self, vm: Vm, instance: Instance, disks: Mapping[str, Disk], moment: str, attempt: int, consistency: str, options: SaveOptions) -> None:
        self._vm, self._instance, self._moment, self._attempt = vm, instance, moment, attempt
        self._consistency, self._options, self._disks = consistency, options, disks
        self._attached = [disk for disk in instance.disks if disk.device_name in disks]
        self._sent: list[Operation] = []

    @property
    def expected(self) -> int:
        return 1 if self._options.method == MACHINE_IMAGE else len(self._attached)

    def requests(self, manifest: Document) -> list[Wire]:
        """The request for each member; the manifest rides in each description where it fits."""
        if self._options.method == MACHINE_IMAGE:
            return [self._machine_image(manifest)]
        return [self._disk_request(attached, manifest) for attached in self._attached]

    def fits(self, manifest: Document) -> bool:
        """Whether every description can hold the manifest."""
        if self._options.method == MACHINE_IMAGE:
            return fits(manifest, {"version": 1, "device": "*"})
        return all(fits(manifest, self._facts(attached)) for attached in self._attached)

    def _facts(self, attached: AttachedDisk) -> Document:
        return {"version": 1, "device": attached.device_name, "index": attached.index, "boot": attached.boot}

    def _labels(self, device: str, manifest: Document) -> dict[str, str]:
        return {
            **self._options.tags,
            VM: self._vm.name,
            ZONE: self._vm.zone,
            DEVICE: label_value(device),
            BACKUP: self._moment,
            DISKS: str(self.expected),
            CONSISTENCY: self._consistency,
            ATTEMPT: str(self._attempt),
            MANIFEST: fingerprint(manifest),
        }

    def _name(self, device: str) -> str:
        identity = "/".join((self._vm.path, self._moment, device, str(self._attempt), self._options.method))
        return derived_name(f"{self._vm.name}-{device}-{self._moment}" if device != "*" else f"{self._vm.name}-{self._moment}", identity)

    def _description(self, facts: Document, manifest: Document) -> str:
        return note({**facts, "manifest": manifest} if fits(manifest, facts) else facts)

    def _disk_request(self, attached: AttachedDisk, manifest: Document) -> Wire:
        options, device = self._options, attached.device_name
        body: Wire = {
            "name": self._name(device),
            "sourceDisk": attached.source,
            "labels": self._labels(device, manifest),
            "description": self._description(self._facts(attached), manifest),
        }
        if options.storage_location:
            body["storageLocations"] = [options.storage_location]
        own_key = needs_own_key(self._disks[device].wire.get("diskEncryptionKey"))
        if own_key:
            # What is saved is encrypted with the same key, so that it is no easier to read than the disk.
            key = as_wire(options.keys[device])
            body["sourceDiskEncryptionKey"] = key
            body["imageEncryptionKey" if options.method == IMAGE else "snapshotEncryptionKey"] = key
        if options.method == IMAGE and options.family and attached.boot:
            body["family"] = options.family
        if options.method == SNAPSHOT and options.guest_flush:
            body["guestFlush"] = True
        return body

    def _machine_image(self, manifest: Document) -> Wire:
        body: Wire = {
            "name": self._name("*"),
            "sourceInstance": self._vm.path,
            "labels": self._labels("*", manifest),
            "description": self._description({"version": 1, "device": "*"}, manifest),
        }
        if self._options.guest_flush:
            body["guestFlush"] = True
        if self._options.storage_location:
            body["storageLocations"] = [self._options.storage_location]
        keys = [
            {"sourceDisk": attached.source, "diskEncryptionKey": as_wire(self._options.keys[attached.device_name])}
            for attached in self._attached
            if needs_own_key(self._disks[attached.device_name].wire.get("diskEncryptionKey"))
        ]
        if keys:
            body["sourceDiskEncryptionKeys"] = keys
        return body

    # --- acting

    def done(self, requests: list[Wire]) -> Progress:
        """Done when every member is whole; in flight when all are there."""
        members = self.members(requests)
        if any(member is None for member in members):
            return Progress.NO
        return Progress.DONE if all(member and member.status == SUCCEEDED for member in members) else Progress.IN_FLIGHT

    def members(self, requests: list[Wire]) -> list[Member | None]:
        """What there is of each request. Raises Conflict for a name that something else has."""
        found = in_groups([partial(self._find, body) for body in requests])
        for body, member in zip(requests, found):
            if member and any(member.facts["labels"].get(key) != body["labels"][key] for key in (VM, ZONE, BACKUP, ATTEMPT)):
                raise Conflict(f"the name {body['name']} is taken by a {member.kind} that is not part of this backup.")
        return found

    def _find(self, body: Wire) -> Member | None:
        client, method, name = self._vm.client, self._options.method, body["name"]
        if method == SNAPSHOT:
            snapshot: Snapshot | None = client.get_snapshot(name)
            return member_of_snapshot(snapshot) if snapshot else None
        if method == IMAGE:
            image: Image | None = client.get_image(name)
            return member_of_image(image) if image else None
        machine_image: Resource | None = client.get_machine_image(name)
        return member_of_machine_image(machine_image) if machine_image else None

    def submit(self, requests: list[Wire]) -> None:
        """Ask for all that is not there, all at once."""
        missing = [body for body, member in zip(requests, self.members(requests)) if member is None]
        self._sent = in_groups([partial(self._insert, body) for body in missing])

    def _insert(self, body: Wire) -> Operation:
        client, method = self._vm.client, self._options.method
        if method == SNAPSHOT:
            return client.insert_snapshot(body)
        if method == IMAGE:
            return client.insert_image(body, force_create=self._instance.running)
        return client.insert_machine_image(body)

    def wait_until_taken(self, requests: list[Wire]) -> None:
        """Wait until the data of every disk is fixed, so that the VM may write again."""
        self._vm.waiter.wait_until(
            lambda: self._seen(requests),
            lambda members: all(member.facts["provider_status"] not in ("CREATING", "PENDING") for member in members),
            lambda _members: f'the disks of VM "{self._vm.name}" were not yet read.',
        )

    def wait_until_ready(self, requests: list[Wire]) -> list[Member]:
        """Wait until every member is seen to be whole, and give them. Raises ProviderFailure for one that failed."""
        self._vm.client.wait_all(self._sent, f'saving the disks of VM "{self._vm.name}"')
        return self._vm.waiter.wait_until(
            lambda: self._seen(requests),
            lambda members: all(member.status == SUCCEEDED for member in members),
            lambda members: (
                (
                    f"not all disks are saved yet ({', '.join(f'{one.name}: {one.status}' for one in members if one.status != SUCCEEDED)});"
                    if members
                    else "whether the disks are saved could not be seen;"
                )
                + " the provider goes on. Run the task again to keep waiting."
            ),
        )

    def _seen(self, requests: list[Wire]) -> list[Member]:
        found = self.members(requests)
        lost = [body["name"] for body, member in zip(requests, found) if member is None]
        if lost:
            # Their operations tell why.
            self._vm.client.wait_all(self._sent, f'saving the disks of VM "{self._vm.name}"')
            raise NotFound(f"what was being saved is gone: {', '.join(lost)}.")
        failed = [member.name for member in found if member and member.status in (FAILED, DELETING)]
        if failed:
            raise ProviderFailure(f"saving failed for {', '.join(failed)}.")
        return [member for member in found if member]

    def predicted(self, requests: list[Wire]) -> list[Member]:
        """The members as they will be, for a prediction."""
        return [
            Member(
                device=read_note(body["description"]).get("device", ""),
                kind=self._options.method,
                name=body["name"],
                uid="",
                path="",
                status=SUCCEEDED,
                created_at=None,
                size_gb=next((disk.size_gb for disk in self._disks.values() if disk.path == body.get("sourceDisk")), 0),
                source_disk=body.get("sourceDisk", ""),
                facts={"labels": body["labels"], "note": read_note(body["description"]), "provider_status": "READY"},
            )
            for body in requests
        ]

    def remove(self, requests: list[Wire]) -> None:
        """Take back what was saved under these names."""
        delete_members(self._vm, [member for member in self.members(requests) if member])
