# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked at before a restore touches anything, on every provider: states, names, room for marks, disks that live on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from .. import marks
from ..findings import Finding, warning
from ..lock.claim import claim_of
from ..manifest import Document
from ..model import Device, Disk, Machine, Marked, Power
from ..points import RecoveryPoint
from ..provider import Provider
from ..target import Target
from .disks import RestoreDisks
from .routes.exchange import Wanted
from .source import RestoreSource, age_of

_ON_MACHINE = (marks.LOCK, marks.LOCK_FOR, marks.WAS, marks.RESTORE)
_ON_OLD = (marks.REPLACED_BY, marks.VM, marks.PLACE, marks.DEVICE, marks.ATTACHED, marks.WAS, marks.KEPT, marks.LOCK, marks.LOCK_FOR)
_ON_RETURNING = (marks.RESET_BY, marks.RESET, marks.VM, marks.PLACE)
_ON_CARRIER = (marks.LOCK, marks.LOCK_FOR, marks.WAS)


def about_machine(provider: Provider, machine: Machine, wanted: Wanted, *, resumed: bool) -> Iterable[Finding]:
    """States in which a VM must not be stopped, or not by us; ``resumed``: an earlier run of this restore may be the reason for the state."""
    name = f'VM "{machine.name}"'
    if machine.power is Power.SUSPENDED:
        yield Finding(f"{name} is suspended, and its memory would be lost: resume or stop it first.")
    if machine.power is Power.BETWEEN and not resumed:
        yield Finding(f"{name} is {machine.status}: run again when it is running or stopped.")
    if machine.volatile and wanted.was_on and not wanted.discard_volatile:
        devices = ", ".join(machine.volatile)
        yield Finding(f"{name} has local SSDs ({devices}), whose data is lost when it stops. Set discard_local_ssd to allow that.", word="discard_local_ssd")
    yield from _room(provider, machine, _ON_MACHINE, name)


def about_disks(target: Target, disks: RestoreDisks, wanted: Wanted, *, going_back: bool) -> Iterable[Finding]:
    """Names of new disks that something else has, old disks that others use, and whether there is room for marks."""
    if not going_back:
        disks.found(disks.devices)
        yield from _room_on_new(target.provider, disks.devices)
    ours = target.provider.machines.ref(target.name)
    for disk in target.found(disks.old):
        if disk is None:
            continue
        shared = sorted(user.rpartition("/")[2] for user in disk.used_by if user != ours)
        if shared and wanted.delete_old:
            yield Finding(f"disk {disk.name} is attached to {', '.join(shared)} too, so it cannot be deleted. Use old_disks: keep.")
        yield from _room(target.provider, disk, _ON_OLD, f"disk {disk.name}")


def about_resets(provider: Provider, wanted: Sequence[tuple[str, Disk, RecoveryPoint, str]]) -> Iterable[Finding]:
    """Disks that cannot go back to their points, or have no room for the marks of that, by device; the text is that of the longest mark."""
    for device, disk, point, text in wanted:
        problem = provider.resets.problem(disk, point) if provider.resets else "its provider resets no disks."
        if problem:
            yield Finding(f"{device} ({disk.name}) cannot go back: {problem}")
        elif len(text) > provider.marks.RULES.longest_value:
            yield Finding(f"{device} ({disk.name}) cannot go back: the name of {point.name} is too long to be noted on the disk.")
        yield from _room(provider, disk, _ON_RETURNING, f"disk {disk.name}")


def _room(provider: Provider, thing: Marked, needed: Collection[str], what: str) -> Iterable[Finding]:
    most = provider.marks.RULES.most
    after = len(thing.tags) + len({*thing.marks, *needed})
    if after > most:
        yield Finding(f"{what} has {len(thing.tags)} labels of its own, and a restore needs {len(needed)} more of the {most} that it can have. Remove some.")


def _room_on_new(provider: Provider, devices: Sequence[Device]) -> Iterable[Finding]:
    for device in devices:
        count = len({*device.new.marks, *_ON_CARRIER}) + len(device.new.tags)
        if device.new.request is not None and count > provider.marks.RULES.most:
            yield Finding(
                f"the new disk of {device.name} would have {count} labels, more than the {provider.marks.RULES.most} that it can have. Remove some of its tags."
            )


def outliving(target: Target, manifest: Document, source: RestoreSource, devices: Sequence[Device]) -> Iterable[Finding]:
    """Disks of a VM that is gone which are still there: they may hold what was written after the backup, and are left alone."""
    sources = [point.source_disk for point in source.points.values() if point.source_disk]
    listed = target.provider.disks.marked({marks.VM: target.name, marks.PLACE: target.provider.place})
    known = {disk.ref: disk for disk in [*filter(None, target.found(dict.fromkeys([*sources, *target.provider.manifests.disks(manifest)]))), *listed]}
    new = {device.new.ref for device in devices}
    there = [disk for ref, disk in sorted(known.items()) if ref not in new]
    yield from _held(target, there)
    if there:
        yield warning(
            f"{target} is gone, but disks of it are still there and may hold what was written after the backup: {', '.join(map(_told, there))}."
            " They are left alone; the VM gets new disks from the backup."
        )


def _held(target: Target, disks: Iterable[Disk]) -> Iterable[Finding]:
    """Restores in the middle of which the VM is absent: built here, it would lack what they have moved aside."""
    claims = [claim for claim in (claim_of(disk.marks) for disk in disks) if claim]
    # The lock of a run that has ended in order is free on the disk that carries it, whatever the others still say.
    ended = {claim.purpose for claim in claims if claim.released_unfinished}
    for claim in {claim.purpose: claim for claim in claims if claim.purpose not in ended}.values():
        yield Finding(
            f"{target} is absent because {claim.holder} has not finished. Run that task again under its name; rollback_of can go back when it has ended."
            " With force the VM is built from the backup all the same, and that task cannot be finished.",
            word="force",
        )


def _told(disk: Disk) -> str:
    use = f"attached to {', '.join(user.rpartition('/')[2] for user in disk.used_by)}" if disk.used_by else "attached nowhere"
    age = age_of(disk.created_at)
    return f"{disk.name} ({use}{f', made {age} ago' if age else ''})"
