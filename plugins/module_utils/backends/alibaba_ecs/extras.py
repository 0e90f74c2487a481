# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only Alibaba Cloud ECS has: elastic addresses and interfaces that move, tags and flags that no request sets at once, temporary images."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from ...clients.alibaba_ecs.client import AlibabaClient, Wire
from ...core.arguments import Task
from ...core.plan import Progress, Step
from ...recovery import marks
from ...recovery.findings import Finding
from ...recovery.gate import Gate
from ...recovery.lock.claim import without_lock
from ...recovery.marks import split
from ...recovery.model import Machine, Moment, Strategy
from ...recovery.provider import Change, Intent
from .addresses import eip_of, secondary_interfaces
from .build import EXTERNAL_ADDRESS, INTERNAL_ADDRESS, SECONDARY_ADDRESSES
from .disks import AlibabaDisks
from .machines import AlibabaMachines
from .making_way import MakingWay
from .named_images import image_named
from .preflight import Preflight
from .things import DISK, INSTANCE, INTERFACE, Polled, change, tags_of, wire_tags

FINISHING, ADDRESSING, DROPPING_IMAGE = "set tags and flags", "move addresses", "delete temporary image"
# What the instance itself must not carry: it gets all tags that its disks are made with.
_OF_DISKS = (marks.RESTORE, marks.PLACE, marks.BACKUP, marks.PARTS, marks.STRATEGY, marks.MANIFEST, marks.ATTEMPT, marks.SOURCE_VM, marks.DEVICE)


class AlibabaExtras:
    """Findings and steps of one task in one region."""

    # What an instance that is built again loses, by the word for it in allow_lost.
    LOSABLE: ClassVar[Collection[str]] = (INTERNAL_ADDRESS, EXTERNAL_ADDRESS, SECONDARY_ADDRESSES)

    def __init__(self, client: AlibabaClient, machines: AlibabaMachines, disks: AlibabaDisks, task: Task, resets: Any) -> None:
        self._client, self._machines, self._disks, self._task = client, machines, disks, task
        self._way = MakingWay(client)
        self._preflight = Preflight(client, task, resets)

    def findings(self, intent: Intent) -> Iterable[Callable[[], Iterable[Finding]]]:
        look, machine = self._preflight, intent.machine
        if intent.strategy is None and machine is not None:
            return [partial(look.savable, machine, intent.disks), partial(look.locked, machine), partial(look.room_for_points, intent.disks, 1)]
        if machine is None:
            return [partial(look.places, intent), partial(look.about_addresses, intent)]
        looks: list[Callable[[], Iterable[Finding]]] = [partial(look.locked, machine), partial(look.released_soon, machine)]
        if intent.strategy is Strategy.RESET:
            points = 2 if self._task.options.get("safety_snapshot") else 0
            return [*looks, partial(look.room_for_points, intent.disks, points), partial(look.about_reset, machine, intent.disks)]
        if intent.strategy is Strategy.REPLACE:
            return [*looks, partial(look.losses, machine, intent), partial(look.places, intent)]
        return [*looks, partial(look.portable, machine, [device.before for device in intent.devices if device.old])]

    def steps(self, intent: Intent, at: Moment, gate: Gate) -> Sequence[Step]:
        if at is not Moment.AT_END or intent.strategy not in (Strategy.NEW, Strategy.GONE, Strategy.REPLACE):
            return []
        finishing = _Finishing(self._client, self._machines, self._disks, self._way, intent, gate)
        steps = [Step(FINISHING, do=finishing.finish, done=finishing.is_finished)]
        if intent.strategy is not Strategy.NEW:
            steps.append(Step(ADDRESSING, do=finishing.move_addresses, done=finishing.has_addresses))
        boot = next((device.new.name for device in intent.devices if device.before.boot), "")
        if boot:
            steps.append(Step(DROPPING_IMAGE, do=partial(self._drop_image, gate, boot), done=partial(self._image_is_gone, boot)))
        return steps

    def _image_is_gone(self, name: str) -> Progress:
        return Progress.NO if image_named(self._client, name) else Progress.DONE

    def _drop_image(self, gate: Gate, name: str) -> None:
        found = image_named(self._client, name)
        if found is None:
            return

        def send() -> Polled:
            # The instance runs without it; only an initialisation of its disk would need it.
            self._client.change(f"delete image {name}", "DeleteImage", {"ImageId": found["ImageId"], "Force": True}, repeatable=True)
            return Polled(self._client.waiter, lambda: image_named(self._client, name) is None, f"deleting image {name}")

        gate.send(change(f"deleting image {name}", f"image/{name}", send))


class _Finishing:
    """What is set on a machine that was just built, and moved to it."""

    def __init__(self, client: AlibabaClient, machines: AlibabaMachines, disks: AlibabaDisks, way: MakingWay, intent: Intent, gate: Gate) -> None:
        self._client, self._machines, self._disks, self._way, self._intent, self._gate = client, machines, disks, way, intent, gate

    def _machine(self) -> Machine | None:
        return self._machines.get(self._intent.name)

    # --- tags and flags

    def is_finished(self) -> Progress:
        machine = self._machine()
        return Progress.NO if machine is None or any(self._missing(machine)) else Progress.DONE

    def finish(self) -> None:
        machine = self._machine()
        if machine:
            self._gate.send_all(list(self._missing(machine)))

    def _missing(self, machine: Machine) -> Iterable[Change]:
        request = self._request()
        own = split(tags_of(machine.own.wire))[0]
        extra = [name for name in _OF_DISKS if name in own] if marks.STRATEGY in own else []
        yield from self._tags(INSTANCE, machine.uid, machine.tags, request.get("tags") or {}, extra, machine.name)
        for one in self._way.addresses.interfaces(machine.uid):
            # It got the tags of the request that has made the instance, the lock among them.
            ours = [key for key in tags_of(one) if key.startswith(marks.PREFIX)]
            if ours and one.get("Type") == "Primary":
                yield self._tagging(INTERFACE, str(one["NetworkInterfaceId"]), {}, ours, f"the interface of {machine.name}")
        for wire in self._way.asides(machine.name):
            # A lock that was renewed in the moment in which the instance made way.
            there = split(tags_of(wire))[0]
            left = [name for name in without_lock(there) if name in there]
            if left:
                yield self._tagging(INSTANCE, str(wire["InstanceId"]), {}, [marks.PREFIX + one for one in left], f"what {machine.name} was before")
        by_ref = {one.disk: one for one in machine.attached}
        for device in self._intent.devices:
            disk = self._disks.get(device.new.ref)
            if disk is None or disk.own.kind != DISK:
                continue
            own = dict(device.new.tags) or (request.get("own_tags") or {}).get(device.new.ref) or {}
            wanted = {**own, marks.PREFIX + marks.DEVICE: device.name}
            there = tags_of(disk.own.wire)
            missing = {key: value for key, value in wanted.items() if there.get(key) != value}
            if missing:
                yield self._tagging(DISK, disk.uid, missing, [], disk.name)
            attachment, goes = by_ref.get(disk.ref), bool(device.before.kept.get("delete_with_instance", True))
            if attachment and attachment.kept["delete_with_instance"] is not goes:
                yield from self._machines.unsecuring(machine, [device.after])

    def _request(self) -> Mapping[str, Any]:
        return self._intent.request() if self._intent.request else {}

    def _tags(self, kind: str, thing: str, there: Mapping[str, str], wanted: Mapping[str, str], extra: Sequence[str], name: str) -> Iterable[Change]:
        missing = {key: value for key, value in wanted.items() if there.get(key) != value}
        if missing or extra:
            yield self._tagging(kind, thing, missing, [marks.PREFIX + one for one in extra], name)

    def _tagging(self, kind: str, thing: str, values: Mapping[str, str], gone: Sequence[str], name: str) -> Change:
        of: Wire = {"ResourceType": kind, "ResourceId": [thing]}

        def send() -> None:
            if values:
                self._client.change(f"tag {name}", "TagResources", {**of, "Tag": wire_tags(values)}, repeatable=True)
            if gone:
                self._client.change(f"remove tags of {name}", "UntagResources", {**of, "TagKey": list(gone)}, repeatable=True)

        return change(f"tagging {name}", f"{kind}/{thing}", send)

    # --- addresses

    def has_addresses(self) -> Progress:
        machine = self._machine()
        return Progress.DONE if machine is not None and not self._elsewhere(machine) else Progress.NO

    def _elsewhere(self, machine: Machine) -> list[Change]:
        """The elastic address and the secondary interfaces of the manifest that the machine does not have yet, each as the change that gives it."""
        document: Mapping[str, Any] = self._intent.manifest or {}
        addresses, found = self._way.addresses, list[Change]()
        eip = eip_of(document.get("instance") or {})
        if eip and eip_of(machine.own.wire) != eip and addresses.is_available(eip):
            found.append(change(f"associating address {eip}", f"eip/{eip}", partial(addresses.give_eip, machine.uid, eip)))
        there = {one["NetworkInterfaceId"] for one in addresses.interfaces(machine.uid)}
        for interface in secondary_interfaces(document):
            if interface not in there and addresses.is_free(interface):
                found.append(change(f"attaching interface {interface}", f"eni/{interface}", partial(addresses.give_interface, machine.uid, interface)))
        return found

    def move_addresses(self) -> None:
        machine = self._machine()
        if machine:
            self._gate.send_all(self._elsewhere(machine))
