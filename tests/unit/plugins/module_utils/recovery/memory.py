# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider of the cloud in memory: every Protocol of the engine in the fewest lines that are honest."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Conflict, InvalidRequest, NotFound, RecoveryError
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import DELETING, PENDING, SUCCEEDED
from ansible_collections.multicloud.recovery.plugins.module_utils.core.options import Option
from ansible_collections.multicloud.recovery.plugins.module_utils.core.plan import Progress, Step
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks as mark
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import options as shared
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.findings import Finding, warning
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.gate import Gate
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.claim import KEY
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.manifest import VERSION, compact, fingerprint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import (
    Attachment,
    Disk,
    Document,
    Machine,
    Marked,
    Moment,
    Planned,
    Power,
    Ref,
    Strategy,
    Way,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.naming import derived_name, digest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import IMAGE, MACHINE_IMAGE, SNAPSHOT, WHOLE, BackupSet, RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.provider import (
    BuildChanges,
    Change,
    Intent,
    MarkRules,
    Named,
    Resets,
    Saving,
    Wish,
)

from tests.unit.plugins.module_utils.recovery.cloud import IN_USE, SCARCE, STALE, STATUSES, TAKEN, Process, Underway

SITE = Option(required_for=("CREATE", "DELETE", "INSPECT_ONE", "INSPECT_ALL"))
OPTIONS: Mapping[str, Mapping[str, Option]] = {
    "backup": {
        **shared.VM_BACKUP,
        "site": SITE,
        "method": shared.on("CREATE", spec={"choices": [SNAPSHOT, IMAGE, MACHINE_IMAGE], "default": SNAPSHOT}),
    },
    "restore": {
        **shared.VM_RESTORE,
        "site": SITE,
        "new_site": Option(),
        "snapshots": shared.on("CREATE", type="dict"),
        "strategy": shared.on("CREATE", spec={"choices": ["in_place", "replace", "new", "rollback"], "default": "in_place"}),
        "safety_snapshot": shared.flag("CREATE", default=True),
    },
}
_LEGAL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
_LONGEST, _MOST = 63, 64


def _last(ref: Ref) -> str:
    return ref.rpartition("/")[2]


def machine_ref(place: str, name: str) -> Ref:
    return f"{place}/vm/{name}"


def value_of(text: str) -> str:
    """The value of a mark that stands for the text."""
    return text if set(text) <= _LEGAL and len(text) <= _LONGEST else f"{''.join(letter for letter in text.lower() if letter in _LEGAL)[:40]}-{digest(text, 8)}"


class MemoryMachines:
    """The machines of one place."""

    KEEPS_REPLACED: ClassVar[bool] = False

    def __init__(self, process: Process, place: str) -> None:
        self._process, self._cloud, self._place = process, process.cloud, place

    def get(self, name: str) -> Machine | None:
        found: Machine | None = self._process.read(f"get {self.ref(name)}", lambda: self._cloud.get(self.ref(name)))
        return found

    def ref(self, name: str) -> Ref:
        return machine_ref(self._place, name)

    def chosen_by(self, tags: Mapping[str, str]) -> list[str]:
        listed = self._process.read("list machines", lambda: self._cloud.listed(Machine))
        return [one.name for one in listed if one.ref == self.ref(one.name) and all(one.tags.get(key) == value for key, value in tags.items())]

    def unfinished(self, refs: Collection[Ref]) -> Sequence[Underway]:
        return self._process.read("list operations", lambda: self._process.underway(refs))

    def status_word(self, power: Power) -> str:
        return STATUSES[power]

    # --- changes

    def _change(self, what: str, ref: Ref, begin: Callable[[], object], finish: Callable[[], object], **facts: Any) -> Change:
        return self._process.change(what, ref, begin, finish, machine=ref, **facts)

    def start(self, machine: Machine) -> Change:
        return self._turn(machine, f"starting VM {machine.name}", Power.ON)

    def stop(self, machine: Machine, discard_volatile: bool) -> Change:
        if machine.volatile and not discard_volatile:
            raise InvalidRequest(f"{machine.name} has volatile disks.")
        return self._turn(machine, f"stopping VM {machine.name}", Power.OFF, takes_away=True)

    def _turn(self, machine: Machine, what: str, power: Power, **facts: Any) -> Change:
        ref, cloud, before = machine.ref, self._cloud, list[Power]()

        def begin() -> None:
            before.append(cloud.machine(ref).power)
            if before[-1] is not power:
                cloud.update(ref, power=Power.BETWEEN, status=STATUSES[Power.BETWEEN])

        return self._change(what, ref, begin, partial(cloud.power, ref, power), abort=lambda: cloud.power(ref, before[-1]), **facts)

    def build(self, name: str, request: Any, marks: Mapping[str, str]) -> Change:
        cloud, ref = self._cloud, self.ref(name)

        def begin() -> None:
            if ref in cloud.things:
                raise Conflict(f"{name} is there already.", code=TAKEN)
            own = {"address": request["address"], "size": request["size"], "secrets": request["secrets"], "protected": False}
            status = STATUSES[Power.BETWEEN]
            cloud.put(ref, Machine(ref, name, cloud.number(), dict(marks), request["tags"], "1", cloud.timestamp, Power.BETWEEN, status, own=own))
            for one in request["disks"]:
                if not cloud.disk(one.disk).ready or cloud.disk(one.disk).used_by:
                    undo()
                    raise Conflict(f"disk {one.disk} is not ready, or in use.", code=IN_USE)
                cloud.connect(ref, one)
            cloud.see_claim(ref, marks)

        def undo() -> None:
            for one in cloud.machine(ref).attached:
                cloud.disconnect(ref, one.disk)
            cloud.put(ref, None)

        return self._change(f"building VM {name}", ref, begin, partial(cloud.power, ref, Power.ON), abort=undo, takes_away=True)

    def remove(self, machine: Machine) -> Change:
        ref, cloud = machine.ref, self._cloud

        def begin() -> None:
            if cloud.machine(ref).uid != machine.uid:
                raise NotFound(f"{machine.name} with the id {machine.uid} is gone.")
            if cloud.machine(ref).own["protected"]:
                raise Conflict(f"{machine.name} is protected against deletion.")
            cloud.check_deletion(one.disk for one in cloud.machine(ref).attached if one.kept["goes_along"])
            cloud.update(ref, power=Power.BETWEEN, status="LEAVING")

        return self._change(f"deleting VM {machine.name}", ref, begin, partial(cloud.erase, ref), abort=partial(cloud.power, ref, Power.OFF), takes_away=True)

    def make_way(self, machine: Machine) -> Change:
        return self.remove(machine)

    def attach(self, machine: Machine, attachment: Attachment) -> Change:
        ref, cloud, what = machine.ref, self._cloud, f"attaching {_last(attachment.disk)} to VM {machine.name} as {attachment.device}"

        def begin() -> None:
            there = cloud.machine(ref)
            if cloud.disk(attachment.disk).used_by or there.device(attachment.device):
                raise Conflict(f"{what}: it, or its place, is in use.", code=IN_USE)

        return self._change(what, ref, begin, partial(cloud.connect, ref, attachment), exchanges=True, needs=Power.OFF)

    def detach(self, machine: Machine, attachment: Attachment) -> Change:
        ref, cloud, what = machine.ref, self._cloud, f"detaching {attachment.device} from VM {machine.name}"

        def begin() -> None:
            if attachment.disk not in cloud.machine(ref).disks:
                raise NotFound(f"{what}: it is not attached.")

        return self._change(what, ref, begin, partial(cloud.disconnect, ref, attachment.disk), exchanges=True, takes_away=True, needs=Power.OFF)

    # --- deletion

    def outlive(self, machine: Machine) -> list[str]:
        return [_last(one.disk) for one in machine.attached if not one.kept["goes_along"]]

    def is_protected(self, machine: Machine) -> bool:
        return bool(machine.own["protected"])

    def securing(self, machine: Machine) -> list[Change]:
        return [self._going_along(machine, one, goes=False) for one in machine.attached if one.kept["goes_along"]]

    def unsecuring(self, machine: Machine, attachments: Sequence[Attachment]) -> list[Change]:
        there = {one.device: one for one in machine.attached}
        different = [one for one in attachments if one.device in there and there[one.device].kept["goes_along"] is not one.kept["goes_along"]]
        return [self._going_along(machine, there[one.device], goes=bool(one.kept["goes_along"])) for one in different]

    def _going_along(self, machine: Machine, attachment: Attachment, *, goes: bool) -> Change:
        ref, cloud, device = machine.ref, self._cloud, attachment.device

        def finish() -> None:
            there = cloud.machine(ref).attached
            cloud.update(ref, attached=tuple(replace(one, kept={**one.kept, "goes_along": goes}) if one.device == device else one for one in there))

        what = f"setting that {device} {'goes' if goes else 'does not go'} along with VM {machine.name}"
        return self._change(what, ref, partial(cloud.machine, ref), finish, takes_away=True)

    def differences(self, machine: Machine, request: Any) -> list[str]:
        wanted, found = request["address"], machine.own["address"]
        return [f"its address is {found}, not {wanted}"] if wanted not in ("", found) else []

    # --- how a disk is attached, as text

    def facts(self, attachment: Attachment) -> Document:
        return {"device": attachment.device, "order": attachment.order, "boot": attachment.boot, **attachment.kept}

    def noted(self, note: Mapping[str, Any]) -> Attachment:
        return Attachment(note["device"], note["old"], note["boot"], note["order"], {"goes_along": note["goes_along"]})

    def packed(self, attachment: Attachment) -> str:
        return f"{attachment.order}-{'b' if attachment.boot else 'd'}-{'a' if attachment.kept['goes_along'] else 'k'}"

    def unpacked(self, text: str, device: str, disk: Ref) -> Attachment | None:
        order, boot, along = (*text.split("-"), "", "", "")[:3]
        if not (order.isdigit() and boot in ("b", "d") and along in ("a", "k")):
            return None
        return Attachment(device, disk, boot == "b", int(order), {"goes_along": along == "a"})


class MemoryDisks:
    """The disks of one place. ``tags`` are the task's."""

    ATTACHED: ClassVar[str] = "READY"

    def __init__(self, process: Process, place: str, tags: Mapping[str, str]) -> None:
        self._process, self._cloud, self._place, self._tags = process, process.cloud, place, tags

    def get(self, ref: Ref) -> Disk | None:
        found: Disk | None = self._process.read(f"get {ref}", lambda: self._cloud.get(ref)) if ref else None
        return found

    def marked(self, marks: Mapping[str, str | None], having: str = "") -> list[Disk]:
        return [disk for disk in self.marked_anywhere(marks, having) if disk.ref.startswith(f"{self._place}/")]

    def marked_anywhere(self, marks: Mapping[str, str | None], having: str = "") -> list[Disk]:
        listed = self._process.read("list disks", lambda: self._cloud.listed(Disk))
        wanted = {key: value for key, value in marks.items() if value is not None}
        return [disk for disk in listed if all(disk.marks.get(key) == value for key, value in wanted.items()) and (not having or having in disk.marks)]

    def model(self, disk: Disk) -> Document:
        return {"type": disk.own["type"], "size": disk.size_gib, "tags": dict(disk.tags), "place": self._place}

    def key_problem(self, device: str, model: Document, point: RecoveryPoint) -> str:
        return f"The disk {device} needs a key." if point.own_key else ""

    def ref(self, model: Document, name: str) -> Ref:
        return f"{model['place']}/disk/{name}"

    def planned(self, attachment: Attachment, name: str, model: Document, source: RecoveryPoint, marks: Mapping[str, str], note: Document) -> Planned:
        tags = {**model["tags"], **self._tags}
        size = max(model["size"], source.size_gib)
        request = {"type": model["type"], "size": size, "source": source.ref, "device": attachment.device, "note": note}
        return Planned(self.ref(model, name), name, attachment.device, dict(marks), tags, request)

    def create(self, planned: Planned, marks: Mapping[str, str]) -> Change:
        cloud, request, ref = self._cloud, planned.request, planned.ref

        def begin() -> None:
            source = cloud.things.get(request["source"])
            if ref in cloud.things:
                raise Conflict(f"there is a disk {planned.name} already.", code=TAKEN)
            if not isinstance(source, RecoveryPoint) or source.status != SUCCEEDED:
                raise NotFound(f"there is no recovery point {request['source']}.")
            own = {"content": source.own["contents"][request["device"]], "type": request["type"]}
            facts: dict[str, Any] = {"size_gib": request["size"], "source": source.ref, "note": request["note"], "own": own}
            every = {**planned.marks, **marks}
            cloud.put(ref, Disk(ref, planned.name, cloud.number(), every, planned.tags, "1", cloud.timestamp, ready=False, status="MAKING", **facts))
            cloud.see_claim(ref, marks)

        finish, abort = partial(self._finish, ref, ready=True, status="READY"), partial(cloud.put, ref, None)
        return self._process.change(f"creating disk {planned.name}", ref, begin, finish, abort=abort)

    def _finish(self, ref: Ref, **fields: Any) -> None:
        self._cloud.update(ref, **fields)

    def delete(self, disk: Disk) -> Change:
        cloud, ref, vm = self._cloud, disk.ref, disk.marks.get(mark.VM, "")

        def begin() -> None:
            if cloud.disk(ref).used_by:
                raise Conflict(f"disk {disk.name} is in use.", code=IN_USE)
            cloud.check_deletion([ref])
            cloud.update(ref, deleting=True)

        machine = machine_ref(disk.marks.get(mark.PLACE, self._place), vm) if vm else ""
        abort = partial(self._finish, ref, deleting=False)
        return self._process.change(f"deleting disk {disk.name}", ref, begin, partial(cloud.destroy, ref), abort=abort, machine=machine, takes_away=True)

    def is_in_use(self, error: RecoveryError) -> bool:
        return error.code == IN_USE


@dataclass(frozen=True)
class OwnWish:
    """What a task asks of recovery points beside what all clouds share: nothing."""

    asks: Document


class MemoryPoints:
    """The recovery points of the machines of one place; the points themselves are in no place."""

    STATUSES: ClassVar[Collection[str]] = ("WAITING", "COPYING", "COMPLETE", "LEAVING")
    WHOLE: ClassVar[Collection[str]] = (MACHINE_IMAGE,)

    def __init__(self, process: Process, place: str) -> None:
        self._process, self._cloud, self._place = process, process.cloud, place

    # --- backups

    def sets(self, vm: str | None, *, anywhere: bool = False) -> list[BackupSet]:
        listed = self._process.read("list points", lambda: self._cloud.listed(RecoveryPoint))
        wanted = [one for one in listed if mark.BACKUP in one.marks and vm in (None, one.marks.get(mark.VM))]
        return self.tied([one for one in wanted if self._is_ours(one) and (anywhere or one.marks.get(mark.PLACE) == self._place)])

    def _is_ours(self, point: RecoveryPoint) -> bool:
        vm, place, moment, attempt = (point.marks.get(name, "") for name in (mark.VM, mark.PLACE, mark.BACKUP, mark.ATTEMPT))
        return point.name == _point_name(vm, place, moment, attempt, point.device, point.kind) and point.note.get("source_uid") == point.source_uid

    def tied(self, points: Iterable[RecoveryPoint]) -> list[BackupSet]:
        groups: dict[tuple[str, ...], list[RecoveryPoint]] = {}
        for one in points:
            groups.setdefault(tuple(one.marks.get(name, "") for name in (mark.VM, mark.PLACE, mark.BACKUP, mark.ATTEMPT)), []).append(one)
        return [self._set(key, group) for key, group in groups.items()]

    @staticmethod
    def _set(key: tuple[str, ...], group: Sequence[RecoveryPoint]) -> BackupSet:
        vm, place, moment, attempt = key
        counts, first = {mark.number(one.marks, mark.PARTS) for one in group}, group[0]
        expected = counts.pop() if len(counts) == 1 else 0
        members = tuple(sorted(group, key=lambda one: (one.note.get("order", 0), one.device)))
        consistency, tags = first.marks.get(mark.CONSISTENCY, ""), mark.in_all([one.tags for one in group])
        return BackupSet(vm, place, moment, int(attempt or 1), first.kind, consistency, expected, members, tags, first.marks.get(mark.MANIFEST, ""))

    def saved_devices(self, backup: BackupSet, manifest: Document | None) -> dict[str, RecoveryPoint]:
        if backup.method != MACHINE_IMAGE:
            return {one.device: one for one in backup.members}
        return {device: replace(backup.members[0], device=device) for device in sorted(backup.members[0].own["contents"])}

    def named(self, task: Task, vm: str, machine: Machine | None) -> Named | None:
        if not task["snapshots"]:
            return None
        found = {device: self._read(f"point/{name}") for device, name in task["snapshots"].items()}
        missing = [name for device, name in task["snapshots"].items() if found[device] is None]
        if missing:
            raise NotFound(f"there is no recovery point {', '.join(missing)}.")
        points = {device: replace(point, device=device) for device, point in found.items() if point}
        for device, point in points.items():
            there = machine.device(device) if machine else None
            ours = point.marks.get(mark.VM) == vm and point.marks.get(mark.DEVICE) == value_of(device)
            if not (ours or task["force"] or (there and there.disk == point.source_disk)):
                raise Conflict(f'recovery point {point.name} is of {point.source_disk}, not of {device} of VM "{vm}". Nothing was changed.')
        return Named("-".join(task["snapshots"].values()), points)

    # --- points to be made

    def wish(self, task: Task, consistency: str) -> Wish:
        return Wish(task.options.get("method", SNAPSHOT), consistency, _checked(task["tags"]), OwnWish({}))

    def planned(self, saving: Saving) -> list[Planned]:
        return [self._planned(saving, facts) for facts in self._facts(saving)]

    def _facts(self, saving: Saving) -> list[Document]:
        """The note of each point to be made, beside the manifest."""
        common = {"version": VERSION, "asked": saving.asked}
        attached = [one for one in saving.machine.attached if one.device in saving.disks]
        if saving.wish.method == MACHINE_IMAGE:
            return [{**common, "device": WHOLE, "devices": [one.device for one in attached], "source_uid": saving.machine.uid}]
        return [{**common, "device": one.device, "order": one.order, "boot": one.boot, "source_uid": saving.disks[one.device].uid} for one in attached]

    def _planned(self, saving: Saving, facts: Document) -> Planned:
        device, kind = facts["device"], saving.wish.method
        own = {**saving.marks, mark.DEVICE: value_of(device)}
        name = _point_name(own[mark.VM], own[mark.PLACE], saving.moment, str(saving.attempt), device, kind)
        note = {**facts, "manifest": saving.manifest} if self._fits(saving, facts) else facts
        sources = [one.disk for one in saving.machine.attached if device in (WHOLE, one.device) and one.device in saving.disks]
        return Planned(f"point/{name}", name, device, own, saving.wish.tags, {"kind": kind, "note": note, "sources": sources})

    def _fits(self, saving: Saving, facts: Document) -> bool:
        return len(compact({**facts, "manifest": saving.manifest})) <= self._cloud.longest_note

    def fits(self, saving: Saving) -> bool:
        return all(self._fits(saving, facts) for facts in self._facts(saving))

    def predicted(self, saving: Saving, planned: Planned) -> RecoveryPoint:
        source = "" if planned.device == WHOLE else planned.request["sources"][0]
        size = next((disk.size_gib for disk in saving.disks.values() if disk.ref == source), 0)
        facts: dict[str, Any] = {"size_gib": size, "source_disk": source, "note": planned.request["note"]}
        return RecoveryPoint(
            "", planned.name, "", planned.marks, planned.tags, "", None, planned.device, planned.request["kind"], SUCCEEDED, "COMPLETE", **facts
        )

    # --- one point

    def _read(self, ref: Ref) -> RecoveryPoint | None:
        found: RecoveryPoint | None = self._process.read(f"get {ref}", lambda: self._cloud.get(ref))
        return found

    def find(self, planned: Planned) -> RecoveryPoint | None:
        return self._read(planned.ref)

    def get(self, point: RecoveryPoint) -> RecoveryPoint | None:
        found = self._read(point.ref)
        return replace(found, device=point.device) if found and point.uid in ("", found.uid) else None

    def create(self, planned: Planned, machine: Machine) -> Change:
        cloud, ref, request, device = self._cloud, planned.ref, planned.request, planned.device
        made: list[str] = []

        def begin() -> None:
            if ref in cloud.things:
                raise Conflict(f"there is a recovery point {planned.name} already.", code=TAKEN)
            sources = [cloud.disk(disk) for disk in request["sources"]]
            whole = device == WHOLE
            facts: dict[str, Any] = {
                "size_gib": sum(disk.size_gib for disk in sources),
                "source_disk": "" if whole else sources[0].ref,
                "source_uid": machine.uid if whole else sources[0].uid,
                "note": request["note"],
            }
            empty: dict[str, Any] = {"taken": False, "own": {"contents": {}}}
            point = RecoveryPoint(
                ref, planned.name, cloud.number(), planned.marks, planned.tags, "1", cloud.timestamp, device, request["kind"], **facts, **empty
            )
            cloud.put(ref, replace(point, status=PENDING, provider_status="WAITING"))
            made.append(point.uid)

        return self._process.change(
            f"saving {device} of VM {machine.name}", ref, begin, partial(self._take, planned, machine, made), abort=partial(cloud.put, ref, None)
        )

    def _take(self, planned: Planned, machine: Machine, made: Sequence[str]) -> None:
        """What a point comes to: the data is fixed at the end of the operation, and copied a while later."""
        cloud, ref = self._cloud, planned.ref
        if ref not in cloud.things or cloud.things[ref].uid not in made:
            raise NotFound(f"{ref} was deleted meanwhile.")
        disks = [cloud.disk(disk) for disk in planned.request["sources"]]
        note, devices = planned.request["note"], {one.disk: one.device for one in machine.attached}
        contents = {devices[disk.ref] if planned.device == WHOLE else note["device"]: disk.own["content"] for disk in disks}
        at_rest = all(cloud.machine(user).power is Power.OFF for disk in disks for user in disk.used_by)
        (cloud.unrest.discard if at_rest else cloud.unrest.add)(ref)
        cloud.update(ref, taken=True, taken_at=cloud.timestamp, status=SUCCEEDED, provider_status="COMPLETE", own={"contents": contents})

    def delete(self, point: RecoveryPoint) -> Change:
        cloud, ref = self._cloud, point.ref

        def begin() -> None:
            if cloud.things.get(ref) is None or cloud.things[ref].uid != point.uid:
                raise NotFound(f"there is no {ref}.")
            cloud.check_deletion([ref])
            cloud.update(ref, status=DELETING, provider_status="LEAVING")

        abort = partial(self._left, ref)
        return self._process.change(f"deleting {point.kind} {point.name}", ref, begin, partial(cloud.destroy, ref), abort=abort, takes_away=True)

    def _left(self, ref: Ref) -> None:
        self._cloud.update(ref, status=SUCCEEDED, provider_status="COMPLETE")


def _point_name(vm: str, place: str, moment: str, attempt: str, device: str, kind: str) -> str:
    return derived_name(f"{vm}-{device}-{moment}", "/".join((place, vm, moment, device, attempt, kind)))


class MemoryMarks:
    """Marks and tags, written by compare-and-swap on the version where the rules say so."""

    RULES: ClassVar[MarkRules] = MarkRules(_LONGEST, _MOST, compare_and_swap=True)

    def __init__(self, process: Process) -> None:
        self._process, self._cloud = process, process.cloud

    def write(self, seen: Marked, changes: mark.Changes) -> Change:
        return self._write(seen, {key: value or None for key, value in changes.items()}, tags=False, bookkeeping=all(_is_of_lock(key) for key in changes))

    def write_tags(self, seen: Marked, tags: Mapping[str, str]) -> Change:
        return self._write(seen, tags, tags=True, bookkeeping=False)

    def _write(self, seen: Marked, changes: mark.Changes, *, tags: bool, bookkeeping: bool) -> Change:
        cloud, ref = self._cloud, seen.ref

        def check() -> None:
            if ref not in cloud.things:
                raise NotFound(f"there is no {ref}.")
            if self.RULES.compare_and_swap and cloud.things[ref].version != seen.version:
                raise Conflict(f"{ref} was changed since it was read.", code=STALE)
            after = mark.merged({**seen.tags, **mark.prefixed(seen.marks)}, changes if tags else {mark.PREFIX + key: value for key, value in changes.items()})
            if len(after) > self.RULES.most or any(len(value) > self.RULES.longest_value for value in after.values()):
                raise InvalidRequest(f"{ref}: these marks and tags are too many or too long.")

        def finish() -> None:
            check()
            cloud.mark(ref, changes, tags=tags)

        what = f"marking {_last(ref)}"
        if self.RULES.compare_and_swap:
            return self._process.change(what, ref, check, finish, bookkeeping=bookkeeping)
        before: dict[str, str | None] = {}

        def write() -> None:
            """Without a version to go by it is written at once: only the answer takes its time."""
            check()
            there = cloud.things[ref].tags if tags else cloud.things[ref].marks
            before.update({key: there.get(key) for key in changes})
            cloud.mark(ref, changes, tags=tags)

        def take_back() -> None:
            if ref in cloud.things:
                cloud.mark(ref, before, tags=tags)

        return self._process.change(what, ref, write, lambda: None, abort=take_back, bookkeeping=bookkeeping)

    def is_stale(self, error: RecoveryError) -> bool:
        return error.code == STALE

    def check_tags(self, tags: Mapping[Any, Any] | None) -> dict[str, str]:
        return _checked(tags)

    def value(self, text: str) -> str:
        return value_of(text)


def _is_of_lock(key: str) -> bool:
    return key in (mark.LOCK, mark.LOCK_FOR, mark.WAS) or key.startswith(KEY)


class LooseMarks(MemoryMarks):
    """Marks that anybody writes at any time: the last one wins."""

    RULES = replace(MemoryMarks.RULES, compare_and_swap=False)


def _checked(tags: Mapping[Any, Any] | None) -> dict[str, str]:
    bad = [key for key in tags or {} if str(key).startswith(mark.PREFIX)]
    if bad:
        raise InvalidRequest(f"tags: {', '.join(bad)} cannot be set.")
    if len(tags or {}) > _MOST - mark.MOST:
        raise InvalidRequest("tags: there are too many.")
    return {str(key): str(value) for key, value in (tags or {}).items()}


class MemoryManifests:
    """Manifests for machines in one place; those that do not fit into notes are kept by their fingerprint."""

    SENSITIVE: ClassVar[Collection[str]] = ("secrets",)
    STORED_IN: ClassVar[str] = "template"

    def __init__(self, process: Process, place: str) -> None:
        self._process, self._cloud, self._place = process, process.cloud, place

    def capture(self, machine: Machine, disks: Mapping[str, Disk]) -> Document:
        attached = [{"device": one.device, "disk": one.disk, "boot": one.boot, "order": one.order, **one.kept} for one in machine.attached]
        own = {name: machine.own[name] for name in ("size", "address", "secrets")}
        instance = {**own, "tags": dict(machine.tags), "attached": attached}
        models = {device: {"type": disk.own["type"], "size": disk.size_gib, "tags": dict(disk.tags)} for device, disk in sorted(disks.items())}
        facts = {"version": VERSION, "provider": "memory", "vm": machine.name, "uid": machine.uid, "zone": self._place}
        return {**facts, "instance": instance, "disks": models}

    def problem(self, document: Document) -> str:
        return "" if isinstance(document.get("instance"), dict) and isinstance(document.get("disks"), dict) else "instance and disks must be objects"

    def attachments(self, document: Document) -> list[Attachment]:
        parts = document["instance"]["attached"]
        return [Attachment(part["device"], part["disk"], part["boot"], part["order"], {"goes_along": part["goes_along"]}) for part in parts]

    def disks(self, document: Document) -> list[Ref]:
        return [part["disk"] for part in document["instance"]["attached"]]

    def models(self, document: Document) -> dict[str, Document]:
        return {device: {**model, "place": self._place} for device, model in document["disks"].items()}

    def build_request(self, document: Document, name: str, attachments: Sequence[Attachment], changes: BuildChanges) -> Any:
        instance, copied = document["instance"], changes.strategy is Strategy.NEW
        tags = instance["tags"] if changes.as_before else {**instance["tags"], **_checked(changes.task["tags"])}
        address = "" if copied or instance["address"] not in self._cloud.addresses else instance["address"]
        size = instance["size"] if changes.as_before else changes.task["machine_type"] or instance["size"]
        return {"size": size, "tags": tags, "address": address, "secrets": instance["secrets"], "disks": list(attachments)}

    def scratch(self, name: str) -> Document:
        part = {"device": "boot", "disk": "", "boot": True, "order": 0, "goes_along": True}
        instance = {"size": "small", "address": "", "secrets": {}, "tags": {}, "attached": [part]}
        return {"version": VERSION, "vm": name, "zone": self._place, "instance": instance, "disks": {"boot": {"type": "plain", "size": 1, "tags": {}}}}

    def storable(self, document: Document) -> bool:
        return True

    def has(self, key: str) -> bool:
        return self._process.read(f"has manifest {key}", lambda: key in self._cloud.manifests)

    def put(self, document: Document) -> Change:
        key, kept, text = fingerprint(document), self._cloud.manifests, json.dumps(document)

        def begin() -> None:
            if key in kept:
                raise Conflict(f"there is a manifest {key} already.", code=TAKEN)

        return self._process.change(f"storing the manifest {key}", f"manifest/{key}", begin, lambda: kept.update({key: json.loads(text)}))

    def get(self, key: str) -> Document | None:
        return self._process.read(f"get manifest {key}", lambda: self._cloud.manifests.get(key))

    def kept_for(self, vm: str) -> list[str]:
        every = self._process.read("list manifests", lambda: dict(self._cloud.manifests))
        return [key for key, document in every.items() if (document["vm"], document["zone"]) == (vm, self._place)]

    def drop(self, key: str) -> Change | None:
        points = self._process.read("list points", lambda: self._cloud.listed(RecoveryPoint))
        if any(one.marks.get(mark.MANIFEST) == key for one in points) or not self.has(key):
            return None
        kept = self._cloud.manifests
        return self._process.change(f"deleting the manifest {key}", f"manifest/{key}", lambda: None, lambda: kept.pop(key, None))


class MemoryExtras:
    """An address that is not reserved is lost when its machine stops, so it is reserved before. ``about`` are findings that a test plants."""

    LOSABLE: ClassVar[Collection[str]] = ("group",)

    def __init__(self, process: Process, place: str, task: Task) -> None:
        self._process, self._cloud, self._place, self._task = process, process.cloud, place, task
        self._made: set[str] = set()

    def findings(self, intent: Intent) -> Iterable[Callable[[], Iterable[Finding]]]:
        disks = warning("a tool that owns the disks will see a change.")
        return [lambda: self._cloud.findings, lambda: [disks] if intent.stops else [], partial(self._groups, intent.machine)]

    def _groups(self, machine: Machine | None) -> Iterable[Finding]:
        """What a provider is asked about a machine by its name fails when it has gone since it was read."""
        if machine and machine.ref not in self._cloud.things:
            raise NotFound(f"there are no groups of {machine.name}: it is gone.")
        return []

    def steps(self, intent: Intent, at: Moment, gate: Gate) -> Sequence[Step]:
        machine = intent.machine
        wanted = machine.own["address"] if machine and (intent.stops or intent.strategy is Strategy.REPLACE) else ""
        if at is not Moment.BEFORE_STOP or not self._task["preserve_external_ip"] or not wanted:
            return []
        return [
            Step("reserve address", do=partial(self._reserve, gate, wanted), done=partial(self._reserved, wanted), undo=partial(self._release, gate, wanted))
        ]

    def _holder(self, address: str) -> str | None:
        return self._process.read(f"get address {address}", lambda: self._cloud.addresses.get(address))

    def _reserved(self, address: str) -> Progress:
        return Progress.NO if self._holder(address) is None else Progress.DONE

    def _reserve(self, gate: Gate, address: str) -> None:
        kept, of = self._cloud.addresses, f"address {address}"
        self._made.add(address)
        gate.send(self._process.change(f"reserving {of}", of, lambda: None, lambda: kept.update({address: OURS})), lambda: self._holder(address) is not None)

    def _release(self, gate: Gate, address: str) -> None:
        kept, of = self._cloud.addresses, f"address {address}"
        if address not in self._made:
            # An earlier restore has reserved it, and the machine keeps it.
            return
        for work in self._process.underway([of]):
            # A reservation that was asked for and not waited for must not come after the look.
            work.wait()
        if self._holder(address):
            gate.send(self._process.change(f"releasing {of}", of, lambda: None, lambda: kept.pop(address, None)))


OURS = "by a restore"


class Memory:
    """One place of the cloud in memory, for one process."""

    NAME: ClassVar[str] = "memory"
    PLACE: ClassVar[str] = "site"
    NEW_PLACE: ClassVar[str] = "new_site"
    MARKS: ClassVar[type[MemoryMarks]] = MemoryMarks

    def __init__(self, task: Task, process: Process, place: str) -> None:
        self._task, self._process, self.place = task, process, place
        self.scope = "here"
        self.machines = MemoryMachines(process, place)
        self.disks = MemoryDisks(process, place, _checked(task["tags"]))
        self.points = MemoryPoints(process, place)
        self.marks = self.MARKS(process)
        self.manifests = MemoryManifests(process, place)
        self.extras = MemoryExtras(process, place, task)
        self.resets: Resets | None = None

    def ways(self, machine: Machine, attachment: Attachment) -> tuple[Way, ...]:
        return (Way.SWAP,)

    def at(self, place: str) -> Memory:
        return type(self)(self._task, self._process, place)

    def for_target(self, task: Task, waiter: Waiter) -> Memory:
        return type(self)(task, Process(self._process.cloud, waiter), self.place)

    def validate(self, operation: str) -> None:
        _checked(self._task["tags"])

    def is_scarce(self, error: RecoveryError) -> bool:
        return error.code == SCARCE

    def acted(self) -> bool:
        return self._process.acted
