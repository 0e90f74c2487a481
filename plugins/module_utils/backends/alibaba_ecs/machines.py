# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances of one region of Alibaba Cloud ECS: what they are, and how one is changed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

from ...clients.alibaba_ecs.answers import is_already
from ...clients.alibaba_ecs.client import AlibabaClient, Wire
from ...core.errors import AmbiguousName, Conflict, NotFound, ProviderFailure
from ...core.steps import at_once
from ...core.waiter import Waiter
from ...recovery import marks as mark
from ...recovery.gate import LAG_S
from ...recovery.marks import prefixed, split
from ...recovery.model import Attachment, Document, Machine, Power, Ref
from ...recovery.provider import Change, Work
from .disks import AlibabaDisks
from .making_way import ASIDE, GOES, MakingWay
from .named_images import image_named
from .things import DISK, INSTANCE, Own, Polled, change, change_unless_so, filter_tags, is_id, tags_of, token, wire_tags

# https://www.alibabacloud.com/help/en/ecs/user-guide/instance-lifecycle
_POWERS = {"Running": Power.ON, "Stopped": Power.OFF}
_MOVING = ("Creating", "Attaching", "Detaching", "ReIniting")
# What a disk of these kinds holds goes with the instance, and no snapshot can be made of it.
_VOLATILE = ("local_", "ephemeral", "elastic_ephemeral")
_PACKED = {"b": True, "d": False, "a": True, "k": False}
_INSTANCES = ("Instances", "Instance")


class AlibabaMachines:
    """The instances of a region, by name, or by id: names are not unique."""

    KEEPS_REPLACED: ClassVar[bool] = True

    def __init__(self, client: AlibabaClient) -> None:
        self._client = client
        self._way = MakingWay(client)
        self._refs: dict[str, Ref] = {}
        self.disks: AlibabaDisks

    # --- reading

    def get(self, name: str) -> Machine | None:
        found = self._named(name)
        if len(found) > 1:
            ids = ", ".join(sorted(str(wire["InstanceId"]) for wire in found))
            raise AmbiguousName(f'{len(found)} instances in region {self._client.region} have the name "{name}": {ids}. Give the id of one as vm_name.')
        return self._machine(name, found[0]) if found else None

    def _named(self, name: str) -> list[Wire]:
        """The instances of a name, or of an id, but for those that have made way."""
        found = self._listed({"InstanceIds": json.dumps([name])}) if is_id(INSTANCE, name) else []
        if not found:
            # A name may look like an id.
            found = [wire for wire in self._listed({"InstanceName": name}) if wire.get("InstanceName") == name]
        there = [wire for wire in found if not _made_way(wire)]
        if there or not is_id(INSTANCE, name):
            return there
        # What was built in the place of an instance has another id, and says whose place it is.
        return [wire for wire in self._listed({"Tag": filter_tags({mark.PREFIX + mark.VM: name})}) if not _made_way(wire)]

    def _listed(self, params: Mapping[str, Any]) -> list[Wire]:
        return list(self._client.listed("instances", "DescribeInstances", _INSTANCES, params))

    def _by_id(self, instance: str) -> Wire | None:
        return next(iter(self._listed({"InstanceIds": json.dumps([instance])})), None)

    def _machine(self, name: str, wire: Wire) -> Machine:
        self._refs[str(wire["InstanceId"])] = self.ref(name)
        disks = list(self._client.listed("disks", "DescribeDisks", ("Disks", "Disk"), {"InstanceId": wire["InstanceId"]}))
        own, tags = split(tags_of(wire))
        kept = [one for one in disks if not str(one.get("Category", "")).startswith(_VOLATILE)]
        return Machine(
            ref=self.ref(name),
            name=name,
            uid=str(wire["InstanceId"]),
            marks=own,
            tags=tags,
            created_at=wire.get("CreationTime"),
            power=_POWERS.get(str(wire.get("Status")), Power.BETWEEN),
            status=str(wire.get("Status", "")),
            started_at=str(wire.get("StartTime") or ""),
            attached=self._attached(name, kept),
            volatile=tuple(str(one.get("Device") or one["DiskId"]) for one in disks if one not in kept),
            own=Own(INSTANCE, str(wire["InstanceId"]), self._client.region, wire, tuple(kept)),
        )

    def _attached(self, name: str, wires: Sequence[Wire]) -> tuple[Attachment, ...]:
        """How the instance has its disks. A disk of a restore tells its device: the names that the API gives are not promised."""
        found = []
        for wire in wires:
            disk = self.disks.of(wire)
            told = disk.marks.get(mark.DEVICE, "") if disk.marks.get(mark.VM) == name else ""
            found.append((disk, told or str(wire.get("Device") or ""), bool(told), wire))
        told_ones = {device for _disk, device, told, _wire in found if told}
        named = [(disk, disk.uid if not device or device in told_ones and not told else device, wire) for disk, device, told, wire in found]
        order = sorted(named, key=lambda one: (one[2].get("Type") != "system", one[1]))
        return tuple(
            Attachment(device, disk.ref, wire.get("Type") == "system", number, {"delete_with_instance": _goes(wire) or GOES in disk.marks})
            for number, (disk, device, wire) in enumerate(order)
        )

    def ref(self, name: str) -> Ref:
        return f"{self._client.region}/{name}"

    def ref_of(self, instance: str, may_have_made_way: bool) -> Ref:
        """The ref of the instance of an id; empty for one that has made way, whose disks are nobody's any more."""
        if may_have_made_way or instance not in self._refs:
            wire = self._by_id(instance)
            if wire is None:
                return self.ref(instance)
            if _made_way(wire):
                return ""
            self._refs.setdefault(instance, self.ref(str(wire.get("InstanceName") or instance)))
        return self._refs[instance]

    def chosen_by(self, tags: Mapping[str, str]) -> list[str]:
        found = [wire for wire in self._listed({"Tag": filter_tags(dict(tags))}) if not _made_way(wire)]
        names = [str(wire.get("InstanceName") or wire["InstanceId"]) for wire in found]
        return [name if names.count(name) == 1 else str(wire["InstanceId"]) for name, wire in zip(names, found)]

    def unfinished(self, refs: Collection[Ref]) -> list[Polled]:
        """Instances that start or stop, disks that change, and snapshots that are being made of them: before those end nothing may be stopped or started."""
        names = [ref.partition("/")[2] for ref in refs if ref.startswith(f"{self._client.region}/")]
        wires = [wire for name in names for wire in self._named(name)]
        disks: list[Wire] = [wire for found in at_once(*[partial(self._disks_of, wire) for wire in wires]) for wire in found]
        known = {str(wire["DiskId"]) for wire in disks}
        apart = [disk for disk in at_once(*[partial(self.disks.get, ref) for ref in refs if "/" not in ref]) if disk and disk.own.kind == DISK]
        disks += [disk.own.wire for disk in apart if disk.uid not in known]
        found = [self._steady(str(wire["InstanceId"])) for wire in wires if wire.get("Status") not in _POWERS]
        found += [self._settled(str(wire["DiskId"])) for wire in disks if wire.get("Status") in _MOVING]
        found += [self._saved(str(wire["SnapshotId"])) for wire in self._progressing(wires, [str(wire["DiskId"]) for wire in disks])]
        return found

    def _disks_of(self, wire: Wire) -> list[Wire]:
        return list(self._client.listed("disks", "DescribeDisks", ("Disks", "Disk"), {"InstanceId": wire["InstanceId"]}))

    def _progressing(self, wires: Sequence[Wire], disks: Sequence[str]) -> list[Wire]:
        """The snapshots that are being made of these instances' disks, and of these disks."""
        by = [{"InstanceId": wire["InstanceId"]} for wire in wires] or [{"DiskId": disk} for disk in disks]
        lists: list[list[Wire]] = at_once(*[partial(self._snapshots, {**one, "Status": "progressing"}) for one in by])
        return [wire for found in lists for wire in found if wire.get("SourceDiskId") in disks]

    def _snapshots(self, params: Mapping[str, Any]) -> list[Wire]:
        return list(self._client.listed("snapshots", "DescribeSnapshots", ("Snapshots", "Snapshot"), params))

    def _steady(self, instance: str) -> Polled:
        return Polled(
            self._client.waiter, lambda: (self._by_id(instance) or {"Status": "Stopped"}).get("Status") in _POWERS, f"the change of instance {instance}"
        )

    def _settled(self, disk: str) -> Polled:
        return Polled(self._client.waiter, lambda: not ((found := self.disks.get(disk)) and found.status in _MOVING), f"the change of disk {disk}")

    def _saved(self, snapshot: str) -> Polled:
        def ended() -> bool:
            return all(wire.get("Status") != "progressing" for wire in self._snapshots({"SnapshotIds": json.dumps([snapshot])}))

        return Polled(self._client.waiter, ended, f"snapshot {snapshot}")

    def status_word(self, power: Power) -> str:
        return "Running" if power is Power.ON else "Stopped"

    # --- changing

    def start(self, machine: Machine) -> Change:
        return change(f"starting VM {machine.name}", machine.ref, partial(self._turn, machine, "StartInstance", "Running", {}))

    def stop(self, machine: Machine, discard_volatile: bool) -> Change:
        params: Wire = {}
        if machine.own.wire.get("InstanceChargeType") == "PostPaid":
            # The account's default may be to give processors and address back, so that the start could fail for want of stock.
            params["StoppedMode"] = "KeepCharging"
        if machine.volatile and discard_volatile:
            params["ConfirmStop"] = True
        return change(f"stopping VM {machine.name}", machine.ref, partial(self._turn, machine, "StopInstance", "Stopped", params), takes_away=True)

    def _turn(self, machine: Machine, action: str, status: str, params: Wire) -> Work:
        try:
            verb = "start" if action == "StartInstance" else "stop"
            self._client.change(f"{verb} instance {machine.name}", action, {"InstanceId": machine.uid, **params}, repeatable=True)
        except Conflict as error:
            wire = self._by_id(machine.uid)
            if not (is_already(error) and wire and wire.get("Status") == status):
                raise
        return self._until(machine, status, f"{action} of VM {machine.name}")

    def _until(self, machine: Machine, status: str, what: str) -> Work:
        """Raises ProviderFailure when the instance comes back to the status that it had, or never leaves it."""
        moved: list[str] = []
        patience = self._client.waiter.shorter(LAG_S)

        def ended() -> bool:
            now = str((self._by_id(machine.uid) or {"Status": status}).get("Status"))
            if now == machine.status and (moved or patience.remaining_s <= 0 < self._client.waiter.remaining_s):
                raise ProviderFailure(f"{what} was accepted, and the instance is {now}. Run the task again.")
            moved.extend([now] if now not in (machine.status, status) else [])
            return now == status

        return Polled(self._client.waiter, ended, what)

    def build(self, name: str, request: Any, marks: Mapping[str, str]) -> Change:
        def send() -> Work:
            aside = self._way.of(name, request["disks"])
            if aside:
                return self._way.come_back(name, aside, request, marks)
            self._way.vacate_all(name)
            if self._named(name):
                raise Conflict(f"could not build instance {name}: there is one of that name.")
            tags = prefixed({**self._of_disks(request), **marks})
            body = {**request["run"], "ImageId": self._image_of(request["boot"]), "Tag": wire_tags(tags)}
            answer = self._client.change(f"build instance {name}", "RunInstances", body, token=token())
            made = str((answer.get("InstanceIdSets") or {}).get("InstanceIdSet", [""])[0])
            self._refs[made] = self.ref(name)
            stays = not request["release"].get(request["boot"], True)
            return Polled(self._client.waiter, partial(self._is_built, made, tags, self._client.waiter.shorter(LAG_S), stays), f"building VM {name}")

        return change(f"building VM {name}", self.ref(name), send, takes_away=True)

    def _is_built(self, made: str, tags: Mapping[str, str], patience: Waiter, stays: bool) -> bool:
        """Whether it runs, and it and its disks show the tags that they were made with: without them they are taken for somebody else's.

        Its system disk goes with it, unless it ``stays``: that cannot be said in the request that makes it.
        """
        wire = self._by_id(made) or {}
        if wire.get("Status") != "Running":
            return False
        disks = list(self._client.listed("disks", "DescribeDisks", ("Disks", "Disk"), {"InstanceId": made}))
        names = {name for name in tags if not name.startswith(mark.PREFIX + mark.LOCK)}
        for one in disks if stays else ():
            if one.get("Type") == "system" and one.get("DeleteWithInstance"):
                params = {"DiskId": one["DiskId"], "DeleteWithInstance": False}
                self._client.change(f"keep disk {one['DiskId']} when instance {made} goes", "ModifyDiskAttribute", params, repeatable=True)
        shown = disks and all(names <= tags_of(one).keys() for one in (wire, *disks))
        return bool(shown) or patience.remaining_s <= 0

    def _image_of(self, boot: Ref) -> str:
        """The image that the system disk is made from. Raises NotFound."""
        found = image_named(self._client, boot)
        if found is None:
            raise NotFound(f"the image {boot}, from which the system disk is made, does not exist any more.")
        return str(found["ImageId"])

    def _of_disks(self, request: Any) -> dict[str, str]:
        """The marks that all disks have alike: what is made in one request has one set of tags."""
        boot = self.disks.get(request["boot"])
        return {key: value for key, value in boot.marks.items() if key != mark.DEVICE and not key.startswith(mark.LOCK)} if boot else {}

    def remove(self, machine: Machine) -> Change:
        def send() -> Work:
            if self._by_id(machine.uid) is None:
                raise NotFound(f"could not delete instance {machine.name}: there is no instance {machine.uid}.")
            with suppress(NotFound):
                # It was there a moment ago: this is the second answer to a request of which the first one was lost.
                self._client.change(f"delete instance {machine.name}", "DeleteInstance", {"InstanceId": machine.uid, "Force": True}, repeatable=True)
            return Polled(self._client.waiter, lambda: self._is_gone(machine), f"deleting VM {machine.name}")

        return change(f"deleting VM {machine.name}", machine.ref, send, takes_away=True)

    def _is_gone(self, machine: Machine) -> bool:
        """Whether the instance is gone, and each of its disks too, or free."""
        if self._by_id(machine.uid):
            return False
        found = [disk for disk in map(self.disks.get, machine.disks) if disk and disk.own.kind == DISK]
        return all(disk.ready and not disk.own.wire.get("InstanceId") for disk in found)

    def make_way(self, machine: Machine) -> Change:
        return change(f"putting VM {machine.name} aside", machine.ref, partial(self._way.make_way, machine), takes_away=True)

    def attach(self, machine: Machine, attachment: Attachment) -> Change:
        what = f"attaching {attachment.disk} to VM {machine.name} as {attachment.device}"

        def send() -> Work:
            there = machine.device(attachment.device)
            if there and there.disk != attachment.disk:
                raise Conflict(f"{what}: {there.disk} is attached as that.")
            disk = self.disks.get(attachment.disk)
            if disk is None:
                raise NotFound(f"{what}: the disk does not exist.")
            params = {"InstanceId": machine.uid, "DiskId": disk.uid, "DeleteWithInstance": bool(attachment.kept.get("delete_with_instance", True))}
            change_unless_so(self._client, f"attach disk {attachment.disk}", "AttachDisk", params, partial(self._is_on, machine.uid, disk.uid, True))
            return Polled(self._client.waiter, lambda: self._has(machine.uid, disk.uid, on=True), what)

        return change(what, machine.ref, send, needs=Power.OFF)

    def detach(self, machine: Machine, attachment: Attachment) -> Change:
        what = f"detaching {attachment.device} from VM {machine.name}"

        def send() -> Work:
            disk = self.disks.get(attachment.disk)
            if disk is None or not self._has(machine.uid, disk.uid, on=True):
                raise NotFound(f"{what}: it is not attached.")
            params = {"InstanceId": machine.uid, "DiskId": disk.uid, "DeleteWithInstance": False}
            change_unless_so(self._client, f"detach disk {attachment.disk}", "DetachDisk", params, partial(self._is_on, machine.uid, disk.uid, False))
            return Polled(self._client.waiter, lambda: self._has(machine.uid, disk.uid, on=False), what)

        return change(what, machine.ref, send, takes_away=True, needs=Power.OFF)

    def _is_on(self, instance: str, disk: str, on: bool) -> bool:
        wire = next(iter(self._client.listed(f"disk {disk}", "DescribeDisks", ("Disks", "Disk"), {"DiskIds": json.dumps([disk])})), {})
        if wire.get("Status") in ("Attaching", "Detaching"):
            return (wire["Status"] == "Attaching") is on
        return bool(wire) and (wire.get("InstanceId") == instance) is on

    def _has(self, instance: str, disk: str, *, on: bool) -> bool:
        """Whether the disk is attached to the instance, or to nothing, and no change of that is under way."""
        wire = next(iter(self._client.listed(f"disk {disk}", "DescribeDisks", ("Disks", "Disk"), {"DiskIds": json.dumps([disk])})), {})
        return wire.get("Status") in ("In_use", "Available") and (wire.get("InstanceId") == instance) is on

    # --- deletion

    def outlive(self, machine: Machine) -> list[str]:
        going = self._going(machine)
        return [one.disk for one in machine.attached if one.disk not in going]

    def _going(self, machine: Machine) -> set[Ref]:
        """The disks that go with the instance as it is now, whatever is noted on them."""
        return {self.disks.of(wire).ref for wire in machine.own.disks if _goes(wire)}

    def is_protected(self, machine: Machine) -> bool:
        return bool(machine.own.wire.get("DeletionProtection"))

    def securing(self, machine: Machine) -> list[Change]:
        going = self._going(machine)
        return [self._release(machine, one, on=False) for one in machine.attached if one.disk in going]

    def unsecuring(self, machine: Machine, attachments: Sequence[Attachment]) -> list[Change]:
        there, going = {one.device: one for one in machine.attached}, self._going(machine)
        wanted = {one.device: bool(one.kept.get("delete_with_instance", True)) for one in attachments}
        different = [there[device] for device, goes in wanted.items() if device in there and (there[device].disk in going) is not goes]
        return [self._release(machine, one, on=wanted[one.device]) for one in different]

    def _release(self, machine: Machine, attachment: Attachment, *, on: bool) -> Change:
        what = f"setting that {attachment.device} {'goes' if on else 'does not go'} with VM {machine.name}"

        def send() -> None:
            disk = self.disks.get(attachment.disk)
            if disk is None:
                raise NotFound(f"{what}: the disk does not exist.")
            of: Wire = {"ResourceType": DISK, "ResourceId": [disk.uid]}
            if not on:
                # A run that is killed after this leaves a disk that does not tell any more how it was attached.
                self._client.change(f"tag disk {disk.name}", "TagResources", {**of, "Tag": wire_tags(prefixed({GOES: mark.YES}))}, repeatable=True)
            self._client.change(what, "ModifyDiskAttribute", {"DiskId": disk.uid, "DeleteWithInstance": on}, repeatable=True)
            if GOES in disk.marks and on:
                self._client.change(f"remove tags of disk {disk.name}", "UntagResources", {**of, "TagKey": [mark.PREFIX + GOES]}, repeatable=True)

        return change(what, machine.ref, send, takes_away=True)

    def differences(self, machine: Machine, request: Any) -> list[str]:
        wanted = request["run"].get("PrivateIpAddress")
        found = ((machine.own.wire.get("VpcAttributes") or {}).get("PrivateIpAddress") or {}).get("IpAddress") or [""]
        return [f"its private address is {found[0]}, not {wanted}"] if wanted and wanted != found[0] else []

    # --- how a disk is attached, as text

    def facts(self, attachment: Attachment) -> Document:
        return {"device": attachment.device, "index": attachment.order, "boot": attachment.boot, **attachment.kept}

    def noted(self, note: Mapping[str, Any]) -> Attachment:
        kept = {"delete_with_instance": bool(note.get("delete_with_instance", True))}
        return Attachment(str(note["device"]), str(note["old"]), bool(note["boot"]), int(note.get("index", 0)), kept)

    def packed(self, attachment: Attachment) -> str:
        words = ["b" if attachment.boot else "d", "a" if attachment.kept["delete_with_instance"] else "k"]
        return "-".join([str(attachment.order), *words])

    def unpacked(self, text: str, device: str, disk: Ref) -> Attachment | None:
        order, boot, goes = (*text.split("-"), "", "", "")[:3]
        if not order.isdigit() or boot not in ("b", "d") or goes not in ("a", "k") or text.count("-") != 2:
            return None
        return Attachment(device, disk, _PACKED[boot], int(order), {"delete_with_instance": _PACKED[goes]})


def _goes(wire: Wire) -> bool:
    return bool(wire.get("DeleteWithInstance"))


def _made_way(wire: Wire) -> bool:
    """Whether a restore has built another instance in the place of this one, which is kept with its old disks."""
    return mark.PREFIX + ASIDE in tags_of(wire)
