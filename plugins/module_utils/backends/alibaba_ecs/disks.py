# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloud disks of a region. A disk that a restore makes is known by its name, which is derived; any other one by its id."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

from ...clients.alibaba_ecs.answers import is_already, is_in_use
from ...clients.alibaba_ecs.client import AlibabaClient, Wire
from ...core.errors import Conflict, NotFound, ProviderFailure, RecoveryError
from ...core.steps import at_once
from ...recovery import marks
from ...recovery.gate import LAG_S
from ...recovery.lock.claim import claim_of
from ...recovery.manifest import VERSION, compact
from ...recovery.marks import prefixed, split
from ...recovery.model import Attachment, Disk, Document, Planned, Ref, Strategy
from ...recovery.points import RecoveryPoint
from ...recovery.provider import Change, Work
from .gathering import Gathered
from .marks import merged_tags
from .named_images import ALL_STATUSES, image_named
from .things import DISK, IMAGE, Own, Polled, change, filter_tags, is_id, one_of, tags_of, token, wire_tags

_STEADY = ("In_use", "Available")
# A description holds 256 characters, so that the names of what a note tells are short there.
_SHORT = {"version": "v", "restore": "r", "device": "d", "index": "i", "boot": "b", "release": "k", "old": "o", "source": "s", "taken_at": "t"}
_LONG = {short: name for name, short in _SHORT.items()}
# A machine that is built gets its disks with it: the system disk from an image, the others from their snapshots.
_BUILT = (Strategy.NEW.value, Strategy.GONE.value, Strategy.REPLACE.value)
_USED = ("IncorrectDiskStatus", "InvalidDiskStatus", "IncorrectInstanceStatus")


class AlibabaDisks:
    """The disks of a region. ``tags`` are the task's, ``ref_of`` gives the ref of the machine with an id; empty for one that has made way."""

    ATTACHED: ClassVar[str] = "In_use"

    def __init__(self, client: AlibabaClient, tags: Mapping[str, str], ref_of: Callable[[str, bool], Ref]) -> None:
        self._client, self._tags, self._ref_of = client, tags, ref_of
        self._ids: dict[str, str] = {}
        self._gathered: Gathered[Wire] = Gathered(self._read)
        # What was planned in this run, by name: the request that builds the machine makes these.
        self.planned_requests: dict[str, Wire] = {}

    # --- reading

    def get(self, ref: Ref) -> Disk | None:
        if not ref:
            return None
        known = ref if is_id(DISK, ref) else self._ids.get(ref)
        wire = self._by_id(known) if known else self._by_name(ref)
        if wire:
            return self.of(wire)
        return None if is_id(DISK, ref) else self._image(ref)

    def _by_id(self, disk_id: str) -> Wire | None:
        return self._gathered.get(disk_id)

    def _read(self, ids: Sequence[str]) -> dict[str, Wire]:
        listed = self._client.listed(f"disks {', '.join(ids)}", "DescribeDisks", ("Disks", "Disk"), {"DiskIds": json.dumps(list(ids))})
        return {str(wire["DiskId"]): wire for wire in listed}

    def _by_name(self, name: str) -> Wire | None:
        found = [wire for wire in self._listed({"DiskName": name}) if wire.get("DiskName") == name and _is_ours(wire)]
        # Two of one name come of a request that was repeated after a long time; the first one is the one that was counted on.
        return min(found, key=lambda wire: str(wire.get("CreationTime")), default=None)

    def _listed(self, params: Mapping[str, Any]) -> list[Wire]:
        return list(self._client.listed("disks", "DescribeDisks", ("Disks", "Disk"), params))

    def marked(self, marks: Mapping[str, str | None], having: str = "") -> list[Disk]:
        wanted = {key: value for key, value in marks.items() if value is not None}
        by = filter_tags({**prefixed(wanted), **_key_of(having, wanted)})
        disks: list[Wire]
        images: list[Wire]
        disks, images = at_once(partial(self._listed, {"Tag": by}), partial(self._images, by))
        found = [self.of(wire) for wire in disks]
        there = {disk.ref for disk in found}
        found += [image for image in map(self._of_image, images) if image.ref not in there]
        return [disk for disk in found if all(disk.marks.get(key) == value for key, value in wanted.items()) and _has(disk, having)]

    def marked_anywhere(self, marks: Mapping[str, str | None], having: str = "") -> list[Disk]:
        # Snapshots are of a region, so that no restore of another one reads them.
        return self.marked({key: value for key, value in marks.items() if key != "zone"}, having)

    def of(self, wire: Wire) -> Disk:
        """The disk in the words of recovery."""
        own, tags = split(tags_of(wire))
        note = read_note(str(wire.get("Description") or "")) if marks.RESTORE in own else {}
        if note and marks.DEVICE not in own:
            # A disk that was made with its machine has the tags that all of it has.
            own[marks.DEVICE] = str(note["device"])
        ref, name = str(wire["DiskId"]), str(wire.get("DiskName") or "")
        if marks.RESTORE in own and name and not is_id(DISK, name) and note:
            self._ids[name] = ref
            ref = name
        attached = [str(one["InstanceId"]) for one in (wire.get("Attachments") or {}).get("Attachment") or () if one.get("InstanceId")]
        users = attached or [str(wire["InstanceId"])] if wire.get("InstanceId") else attached
        used = [self._ref_of(user, marks.REPLACED_BY in own) for user in users]
        return Disk(
            ref=ref,
            name=ref,
            uid=str(wire["DiskId"]),
            marks=own,
            tags=tags,
            created_at=wire.get("CreationTime"),
            ready=wire.get("Status") in _STEADY,
            status=str(wire.get("Status", "")),
            size_gib=int(wire.get("Size") or 0),
            used_by=tuple(one for one in used if one),
            source=str(wire.get("SourceSnapshotId") or ""),
            note=note,
            own=Own(DISK, str(wire["DiskId"]), self._client.region, wire),
        )

    # --- a system disk before its machine

    def _image(self, name: str) -> Disk | None:
        found = image_named(self._client, name)
        return self._of_image(found) if found else None

    def _images(self, by: list[Wire]) -> list[Wire]:
        params = {"ImageOwnerAlias": "self", "Status": ALL_STATUSES, "Tag": by}
        listed = self._client.listed("images", "DescribeImages", ("Images", "Image"), params)
        return [wire for wire in listed if marks.PREFIX + marks.RESTORE in tags_of(wire)]

    def _of_image(self, wire: Wire) -> Disk:
        """The image that a system disk is made from, in the place of the disk as long as there is none."""
        own, tags = split(tags_of(wire))
        mapping: Wire = next(iter((wire.get("DiskDeviceMappings") or {}).get("DiskDeviceMapping") or ()), {})
        status = str(wire.get("Status", ""))
        return Disk(
            ref=str(wire["ImageName"]),
            name=str(wire["ImageName"]),
            uid=str(wire["ImageId"]),
            marks=own,
            tags=tags,
            created_at=wire.get("CreationTime"),
            ready=status == "Available",
            failed=status in ("CreateFailed", "UnAvailable"),
            status=status,
            size_gib=int(mapping.get("Size") or wire.get("Size") or 0),
            source=str(mapping.get("SnapshotId") or ""),
            note=read_note(str(wire.get("Description") or "")),
            own=Own(IMAGE, str(wire["ImageId"]), self._client.region, wire),
        )

    # --- what a disk would be

    def model(self, disk: Disk) -> Document:
        return model_of(disk.own.wire, disk.tags)

    def key_problem(self, device: str, model: Document, point: RecoveryPoint) -> str:
        return ""

    def ref(self, model: Document, name: str) -> Ref:
        return name

    def planned(self, attachment: Attachment, name: str, model: Document, source: RecoveryPoint, marks: Mapping[str, str], note: Document) -> Planned:
        tags = merged_tags(model.get("tags", {}), self._tags)
        built = marks.get("strategy") in _BUILT
        facts = {key: value for key, value in note.items() if key in _SHORT}
        request: Wire = {
            "name": name,
            "snapshot": source.ref,
            "size": max(int(model.get("size", 0)), source.size_gib),
            "model": model,
            "note": write_note({**facts, "release": attachment.kept.get("delete_with_instance", True)}),
            "boot": attachment.boot,
            "built": built,
        }
        self.planned_requests[name] = request
        return Planned(name, name, attachment.device, marks, tags, request, made_with_machine=built and not attachment.boot)

    # --- changing

    def create(self, planned: Planned, marks: Mapping[str, str]) -> Change:
        if planned.request["built"] and planned.request["boot"]:
            return self._create_image(planned, marks)
        request, model = planned.request, planned.request["model"]
        body: Wire = {
            "ZoneId": model["zone"],
            "SnapshotId": request["snapshot"],
            "DiskName": planned.name,
            "Description": request["note"],
            "Size": request["size"],
            **disk_params(model),
            "Tag": wire_tags({**planned.tags, **prefixed({**planned.marks, **marks})}),
        }
        if model.get("multi_attach"):
            body["MultiAttach"] = "Enabled"

        def send() -> Work:
            if self._by_name(planned.name):
                raise Conflict(f"could not create disk {planned.name}: there is one of that name.")
            answer = self._client.change(f"create disk {planned.name}", "CreateDisk", body, token=token())
            self._ids[planned.name] = str(answer["DiskId"])
            return self._making(planned, f"creating disk {planned.name}")

        return change(f"creating disk {planned.name}", planned.ref, send)

    def _create_image(self, planned: Planned, marks: Mapping[str, str]) -> Change:
        """The image that the system disk is made from. Its name is unique in the account, so that of two runs only one makes it."""
        request = planned.request
        body: Wire = {
            "SnapshotId": request["snapshot"],
            "ImageName": planned.name,
            "Description": request["note"],
            **{key: value for key, value in (request["model"].get("image") or {}).items() if value},
            "Tag": wire_tags(prefixed({**planned.marks, **marks})),
        }

        def send() -> Work:
            self._client.change(f"create image {planned.name}", "CreateImage", body, token=token())
            return self._making(planned, f"creating image {planned.name}")

        return change(f"creating image {planned.name}", planned.ref, send)

    def _making(self, planned: Planned, what: str) -> Work:
        seen: list[Disk] = []
        patience = self._client.waiter.shorter(LAG_S)

        def ended() -> bool:
            disk = self.get(planned.ref)
            if disk is None and (seen or patience.remaining_s <= 0 < self._client.waiter.remaining_s):
                raise ProviderFailure(f"{what} was accepted, and it {'is gone' if seen else 'is not seen'}. Run the task again.")
            seen.extend([disk] if disk else [])
            if disk and disk.failed:
                raise ProviderFailure(f"{what} failed: it is {disk.status}. Run the task again.")
            # Tags may be read later than what carries them; without them it would be taken for somebody else's.
            shown = disk is not None and (planned.marks.keys() <= disk.marks.keys() or patience.remaining_s <= 0)
            return disk is not None and disk.ready and shown

        return Polled(self._client.waiter, ended, what)

    def delete(self, disk: Disk) -> Change:
        return change(f"deleting disk {disk.name}", disk.ref, partial(self._delete, disk), takes_away=True)

    def _delete(self, disk: Disk) -> Work:
        own: Own = disk.own
        if own.kind == IMAGE:
            return self._delete_image(own.id, disk.name)
        if disk.used_by:
            raise Conflict(f"could not delete disk {disk.name}: {', '.join(disk.used_by)} uses it.", code="IncorrectDiskStatus")
        wire = self._by_id(own.id)
        if wire is None:
            raise NotFound(f"could not delete disk {disk.name}: there is no disk {own.id}.")
        aside = str(wire.get("InstanceId") or "")
        if aside:
            self._free(disk, wire, aside)
        if self._by_id(own.id):
            with suppress(NotFound):
                # It was there a moment ago: this is the second answer to a request of which the first one was lost.
                self._client.change(f"delete disk {disk.name}", "DeleteDisk", {"DiskId": own.id}, repeatable=True)
        image = image_named(self._client, disk.name) if disk.ref != own.id else None
        if image:
            self._delete_image(str(image["ImageId"]), disk.name).wait()
        return Polled(self._client.waiter, lambda: self._by_id(own.id) is None, f"deleting disk {disk.name}")

    def _free(self, disk: Disk, wire: Wire, instance: str) -> None:
        """Take a disk off the machine that has made way; with its system disk that machine goes, once nobody else's disk is on it."""
        if wire.get("Type") == "system":
            others = [one for one in self._listed({"InstanceId": instance}) if marks.PREFIX + marks.REPLACED_BY not in tags_of(one)]
            if others:
                named = ", ".join(str(one["DiskId"]) for one in others)
                raise Conflict(f"could not delete disk {disk.name}: instance {instance}, which it belongs to, has other disks: {named}. Detach them first.")
            with suppress(NotFound):
                # As below: the answer to an earlier request may have been lost.
                self._client.change(f"delete instance {instance}", "DeleteInstance", {"InstanceId": instance, "Force": True}, repeatable=True)
        elif self._machine_is_there(instance):
            try:
                params = {"InstanceId": instance, "DiskId": wire["DiskId"], "DeleteWithInstance": False}
                self._client.change(f"detach disk {disk.name}", "DetachDisk", params, repeatable=True)
            except NotFound:
                # The machine has gone meanwhile, whatever a list still shows.
                pass
            except Conflict as error:
                # It may be going in this moment, or an earlier request of which no answer came has done it.
                if self._machine_is_there(instance) and not is_already(error):
                    raise
        free = Polled(self._client.waiter, lambda: not (self._by_id(str(wire["DiskId"])) or {}).get("InstanceId"), f"detaching disk {disk.name}")
        free.wait()

    def _machine_is_there(self, instance: str) -> bool:
        found = one_of(self._client, f"instance {instance}", "DescribeInstances", ("Instances", "Instance"), {"InstanceIds": json.dumps([instance])})
        return found is not None

    def _delete_image(self, image_id: str, name: str) -> Work:
        # The system disk that was made from it does not need it any more.
        self._client.change(f"delete image {name}", "DeleteImage", {"ImageId": image_id, "Force": True}, repeatable=True)
        return Polled(self._client.waiter, lambda: image_named(self._client, name) is None, f"deleting image {name}")

    def is_in_use(self, error: RecoveryError) -> bool:
        return is_in_use(error) or (error.code or "").startswith(_USED)


def _is_ours(wire: Wire) -> bool:
    return marks.PREFIX + marks.RESTORE in tags_of(wire)


def _key_of(having: str, wanted: Mapping[str, str]) -> dict[str, None]:
    """The tag to list by for a mark of any value. A lock has a key for each run: what carries it says whose disk it is."""
    if having == marks.LOCK:
        return {} if marks.VM in wanted else {marks.PREFIX + marks.VM: None}
    return {marks.PREFIX + having: None} if having else {}


def _has(disk: Disk, having: str) -> bool:
    return claim_of(disk.marks) is not None if having == marks.LOCK else not having or having in disk.marks


def model_of(wire: Wire, tags: Mapping[str, str]) -> Document:
    """What a new disk in this one's place is made with, as JSON can hold it."""
    facts = {
        "category": wire.get("Category"),
        "performance_level": wire.get("PerformanceLevel") or None,
        "size": int(wire.get("Size") or 0),
        "encrypted": bool(wire.get("Encrypted")),
        "kms_key": wire.get("KMSKeyId") or None,
        "iops": wire.get("ProvisionedIops") or None,
        "bursting": wire.get("BurstingEnabled") or None,
        "multi_attach": wire.get("MultiAttach") == "Enabled" or None,
        "policy": wire.get("AutoSnapshotPolicyId") or None,
        "resource_group": wire.get("ResourceGroupId") or None,
        "delete_auto_snapshot": wire.get("DeleteAutoSnapshot"),
        "enable_auto_snapshot": wire.get("EnableAutoSnapshot"),
    }
    return {"zone": wire.get("ZoneId"), "disk": wire.get("DiskId"), "tags": dict(tags), **{key: value for key, value in facts.items() if value is not None}}


def disk_params(model: Document) -> Wire:
    """The parameters of CreateDisk that a model sets; what comes from an encrypted snapshot keeps its key."""
    return {
        "DiskCategory": model.get("category"),
        "PerformanceLevel": model.get("performance_level") if model.get("category") == "cloud_essd" else None,
        "Encrypted": True if model.get("encrypted") else None,
        "KMSKeyId": model.get("kms_key"),
        "ProvisionedIops": model.get("iops"),
        "BurstingEnabled": model.get("bursting"),
        "ResourceGroupId": model.get("resource_group"),
    }


def write_note(note: Document) -> str:
    """The facts of a note as a description."""
    return compact({_SHORT[key]: int(value) if isinstance(value, bool) else value for key, value in note.items() if key in _SHORT})


def read_note(description: str) -> Document:
    """The facts in a description; empty for a text that is not ours."""
    try:
        found = json.loads(description)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("v") != VERSION or "d" not in found:
        return {}
    note = {_LONG[key]: value for key, value in found.items() if key in _LONG}
    note.update({key: bool(note[key]) for key in ("boot", "release") if key in note})
    return {**note, "delete_with_instance": note.pop("release", True)}
