# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which disks a restore has to make, or to bring back, for each way of restoring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...core.arguments import Task
from ...core.errors import Conflict, InvalidRequest
from .. import marks
from ..manifest import VERSION, Document
from ..model import Attachment, Device, Disk, Identity, Machine, Planned, Ref, Way, in_order
from ..naming import derived_name
from ..points import BOOT, RecoveryPoint
from ..target import Target
from .disks import marks_of_new
from .found import Restore, attached_before, noted
from .source import RestoreSource


class DevicePlanner:
    """Works out the devices for one restore of one VM."""

    def __init__(self, task: Task, target: Target, identity: Identity) -> None:
        self._task, self._target, self._identity = task, target, identity
        self._provider = target.provider

    def of_machine(self, machine: Machine, source: RestoreSource, *, whole: bool) -> tuple[Device, ...]:
        """The devices of a VM that exists, as it has them now; ``whole``: every disk of it must be in the source. Raises Conflict, InvalidRequest."""
        disks, points = self._target.disks_of(machine), self._by_device(source, machine.attached)
        others = [device for device in disks if device not in points]
        if others and whole:
            raise Conflict(f"{self._target} has disks that the restore point does not hold: {', '.join(others)}. Restore in place: that leaves them.")
        if others:
            self._task.warn(f"{self._target} keeps these disks as they are, because the restore point does not hold them: {', '.join(others)}.")
        strange = [device for device in points if device not in disks]
        if strange:
            has = f"It has {', '.join(disks)}." if disks else "It has no disks."
            raise Conflict(
                f"{self._target} has no disk {', '.join(strange)}, which the restore point holds. {has} Attach a disk under that device name first,"
                " or restore with strategy: new."
            )
        wanted = [one for one in machine.attached if one.device in points]
        if not whole:
            self._refuse_fixed(machine, wanted)
        return self._planned(wanted, {device: self._provider.disks.model(disk) for device, disk in disks.items()}, points)

    def _refuse_fixed(self, machine: Machine, wanted: Iterable[Attachment]) -> None:
        """Raises Conflict for devices whose disk cannot be exchanged for another one."""
        ways = {one.device: self._provider.ways(machine, one) for one in wanted}
        fixed = [device for device, possible in ways.items() if Way.SWAP not in possible]
        if fixed:
            back = "strategy: rollback, which resets the disks themselves" if all(Way.RESET in ways[device] for device in fixed) else "another strategy"
            why = "the provider does not attach another disk in its place" if len(fixed) == 1 else "the provider does not attach other disks in their place"
            raise Conflict(f"{self._target} cannot get new disks in place for {', '.join(fixed)}: {why}. Nothing was changed. Use {back}.")

    def of_manifest(self, manifest: Document, source: RestoreSource, *, replaced: bool = False) -> tuple[Device, ...]:
        """The devices of a VM that is to be built; ``replaced``: its disks from before are kept. Raises Conflict when the manifest does not know a disk."""
        attached = [one if replaced else one.of("") for one in self._provider.manifests.attachments(manifest)]
        points, models = self._by_device(source, attached), self._provider.manifests.models(manifest)
        unknown = [device for device in points if device not in {one.device for one in attached} or device not in models]
        if unknown:
            raise Conflict(f"the manifest does not describe these disks of the restore point: {', '.join(unknown)}.")
        left_out = [one.device for one in attached if one.device not in points]
        if left_out:
            self._task.warn(f"{self._target} comes up without these disks, which the restore point does not hold: {', '.join(left_out)}.")
        return self._planned([one for one in attached if one.device in points], models, points)

    @staticmethod
    def _by_device(source: RestoreSource, attached: Sequence[Attachment]) -> dict[str, RecoveryPoint]:
        """The points by device; an image whose device is not known is for the boot disk."""
        if not source.boot_only:
            return dict(source.points)
        boot = next((one.device for one in attached if one.boot), "")
        return {boot: source.points[BOOT]}

    def _planned(self, attached: Sequence[Attachment], models: Mapping[str, Document], points: Mapping[str, RecoveryPoint]) -> tuple[Device, ...]:
        disks = self._provider.disks
        problems = [problem for one in attached if (problem := disks.key_problem(one.device, models[one.device], points[one.device]))]
        if problems:
            raise InvalidRequest(f"{' '.join(problems)} Give the right keys in disk_encryption_keys. Nothing was changed.")
        return in_order([self._device(one, models[one.device], points[one.device], len(attached)) for one in attached])

    def _device(self, before: Attachment, model: Document, point: RecoveryPoint, count: int) -> Device:
        identity, device = self._identity, before.device
        facts = {**self._provider.machines.facts(before), "old": before.disk, "source": point.ref, "taken_at": point.created_at or ""}
        note = {"version": VERSION, "restore": identity.restore, **facts, "source_uid": point.uid}
        name = disk_name(self._provider.scope, identity, device)
        planned = self._provider.disks.planned(before, name, model, point, marks_of_new(self._target, identity, device, count), note)
        return Device(before, planned, source=point.ref, taken_at=point.created_at or "")

    # --- going back

    def of_rollback(self, before: Restore, machine: Machine, current: Restore | None, known: Sequence[Restore]) -> tuple[Device, ...]:
        """The devices that go back to the disks from before the restore ``before``, as the VM has them now; those that are back already are left out.

        ``current`` is this restore when an earlier run has begun it: then all its devices are given. Raises Conflict naming what is missing,
        or in use elsewhere, and which states can be gone back to.
        """
        incoming = self._incoming(before, machine, current, known)
        absent = [name for name, disk in incoming.items() if disk is None]
        if not incoming or absent:
            what = f"the disks from before it are gone: {', '.join(absent)}" if absent else "nothing of what was before it is kept any more"
            raise Conflict(f'VM "{before.vm}" cannot go back to before the restore "{before.name}": {what}. {states_kept(known)} Nothing was changed.')
        if len(incoming) < before.expected:
            kept = f"{len(incoming)} of its {before.expected} disks from before are kept ({', '.join(disk.name for disk in incoming.values() if disk)})"
            raise Conflict(f'VM "{before.vm}" cannot go back to before the restore "{before.name}": only {kept}. {states_kept(known)} Nothing was changed.')
        there = {device: disk for device, disk in incoming.items() if disk and (current or disk.ref not in machine.disks)}
        self._refuse_fixed(machine, [one for device in there if (one := machine.device(device))])
        ours = self._provider.machines.ref(before.vm)
        used = [f"{disk.name} by {', '.join(map(_last, disk.used_by))}" for disk in there.values() if set(disk.used_by) - {ours}]
        if used:
            raise Conflict(f"disks from before the restore are in use elsewhere: {'; '.join(used)}. Detach them there first. Nothing was changed.")
        return in_order([self._back(device, disk, before, machine, current) for device, disk in there.items()])

    def _back(self, device: str, disk: Disk, before: Restore, machine: Machine, current: Restore | None) -> Device:
        attachment = self._attachment(device, disk, before, machine)
        now = machine.device(attachment.device)
        value = self._provider.marks.value(attachment.device)
        taken_off = next((one.ref for one in (current.old if current else ()) if one.marks.get(marks.DEVICE) == value), "")
        planned = Planned(disk.ref, disk.name, attachment.device, disk.marks, disk.tags)
        return Device(attachment.of(now.disk if now and now.disk != disk.ref else taken_off), planned, source=disk.ref)

    def _incoming(self, before: Restore, machine: Machine, current: Restore | None, known: Sequence[Restore]) -> dict[str, Disk | None]:
        """Device (or the name of a disk that is gone) to the disk that the VM had before: as the old disks tell, else as the new disks' notes do."""
        back = {disk.marks.get(marks.DEVICE, ""): disk for disk in (*(current.new if current else ()), *before.old)}
        found: dict[str, Disk | None] = {}
        for device in before.devices:
            marked = back.pop(self._provider.marks.value(device.name), None)
            if marked is None and device.old:
                # A later restore may keep it, or have brought it back already.
                marked = self._ours(self._target.disk(device.old), before.vm)
            if device.old:
                found[device.name if marked else _last(device.old)] = marked
        for value, disk in back.items():
            found[self._named(value, before.vm, machine, known)] = disk
        return found

    def _named(self, value: str, vm: str, machine: Machine, known: Sequence[Restore]) -> str:
        """The device that a mark stands for: its name may be no legal mark, and the VM may not have it at the moment."""
        notes = [noted(self._provider, disk) for restore in known for disk in (*restore.new, *restore.old)]
        names = [*(one.device for one in machine.attached), *(device.name for device in notes if device)]
        for name in names:
            if self._provider.marks.value(name) == value:
                return name
        # The disks that told its name may have been deleted by somebody else: the VM's backups tell it too.
        saved = (member.device for one in self._provider.points.sets(vm) for member in one.members)
        return next((name for name in saved if self._provider.marks.value(name) == value), value)

    def _ours(self, disk: Disk | None, vm: str) -> Disk | None:
        """The disk when it is one of this VM's: another one may have its name by now."""
        return disk if disk and (disk.marks.get(marks.VM) == vm or self._provider.machines.ref(vm) in disk.used_by) else None

    def _attachment(self, device: str, disk: Disk, before: Restore, machine: Machine) -> Attachment:
        """How a disk that comes back was attached. Raises Conflict when nothing tells."""
        notes = {noted_device.old: noted_device.before for noted_device in before.devices if noted_device.old}
        own = noted(self._provider, disk)
        candidates: Iterable[Attachment | None] = (
            attached_before(self._provider, disk, [device]),
            notes.get(disk.ref),
            own.before if own else None,
            machine.device(device),
        )
        known = next((one for one in candidates if one), None)
        if known is None:
            raise Conflict(f"nothing tells how disk {disk.name} was attached; attach it by hand.")
        return known


def disk_name(scope: str, identity: Identity, device: str) -> str:
    """The name of the new disk of a device: the same in every run of a restore, and another one for each attempt."""
    again = (str(identity.attempt),) if identity.attempt > 1 else ()
    return derived_name(f"{identity.vm}-{device}", "/".join((scope, identity.place, identity.vm, identity.restore, device, *again)))


def states_kept(known: Sequence[Restore]) -> str:
    """Which states of a VM are kept, and the order in which they can be gone back to."""
    kept = [f"rollback_of: {one.name} ({', '.join(disk.name for disk in one.old)})" for one in known if one.old]
    return f"Kept are the disks for {'; '.join(kept)}." if kept else "No disks from before any restore are kept."


def _last(ref: Ref) -> str:
    return ref.rpartition("/")[2]


def in_the_way(target: Target, devices: Sequence[Device], machine: Machine) -> list[Ref]:
    """Disks that the VM has under the devices of a restore that was begun, and that are none of its disks."""
    known = {ref for device in devices for ref in (device.new.ref, device.old) if ref}
    names = {device.name for device in devices}
    return [one.disk for one in machine.attached if one.device in names and one.disk not in known]
