# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What unfinished restores need, read from the marks on disks: their old and new disks, and the recovery points that they read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .claims import FREE, VM_MARK, run_in
from .store import Project, Resource

RESTORE, REPLACED_BY, KEPT, BACKUP = "mcr-restore", "mcr-replaced-by", "mcr-kept", "mcr-backup"
PURPOSE_SUFFIX, RESTORING = "-for", "restore_"
SOURCES = {"snapshots": "sourceSnapshot", "images": "sourceImage", "machineImages": "sourceMachineImage"}


@dataclass(frozen=True)
class Restore:
    """One restore: its name, its VM, the disks that it made or brings back, and those from before."""

    name: str
    vm: str
    new: tuple[Resource, ...]
    old: tuple[Resource, ...]
    instance: Resource | None


def _labels(resource: Resource) -> dict[str, str]:
    return dict(resource.data.get("labels", {}))


def restores(project: Project) -> Iterator[Restore]:
    """All restores that disks tell of."""
    disks = list(project.all("disks"))
    names = {(labels.get(VM_MARK, ""), labels[mark]) for labels in map(_labels, disks) for mark in (RESTORE, REPLACED_BY) if mark in labels}
    for vm, name in sorted(names):
        mine = [disk for disk in disks if _labels(disk).get(VM_MARK, "") == vm]
        new = tuple(disk for disk in mine if _labels(disk).get(RESTORE) == name)
        old = tuple(disk for disk in mine if _labels(disk).get(REPLACED_BY) == name)
        instance = next((item for item in project.all("instances") if item.name == vm), None)
        yield Restore(name, vm, new, old, instance)


def is_unfinished(restore: Restore, lock_label: str) -> bool:
    """Whether it may still be gone on with: a lock names it, or neither the VM, nor its old disks, nor a later restore says that it is complete."""
    holders = [restore.instance] if restore.instance is not None else [*restore.old, *restore.new]
    if any(_labels(item).get(lock_label + PURPOSE_SUFFIX) == RESTORING + restore.name for item in holders if lock_label in _labels(item)):
        return True
    if restore.instance is not None and _labels(restore.instance).get(RESTORE) == restore.name:
        return False
    if restore.old and all(KEPT in _labels(disk) for disk in restore.old):
        return False
    later = {_labels(disk).get(REPLACED_BY, "") for disk in restore.new}
    return not (len(later) == 1 and later != {""})


def _is_worked_on_by(restore: Restore, run: str | None, lock_label: str) -> bool:
    holders = [restore.instance] if restore.instance is not None else [*restore.old, *restore.new]
    return run is not None and run != FREE and any(run_in(_labels(item).get(lock_label)) == run for item in holders)


def needed_by(project: Project, target: Resource, caller: str, run: str | None, lock_label: str) -> str | None:
    """Who needs a disk or a recovery point that `caller`, whose run is `run`, deletes; None when nobody does."""
    for restore in restores(project):
        if not is_unfinished(restore, lock_label) or _is_worked_on_by(restore, run, lock_label):
            continue
        if target.plural == "disks":
            if target in restore.old or (target in restore.new and target.made_by != caller):
                return (
                    f"the unfinished restore {restore.name} of {restore.vm} has the disk {target.name} as {'an old' if target in restore.old else 'a new'} one"
                )
        elif _reads(project, restore, target):
            return f"the unfinished restore {restore.name} of {restore.vm} reads {target.plural[:-1]} {target.name}"
    return None


def _reads(project: Project, restore: Restore, target: Resource) -> bool:
    field = SOURCES.get(target.plural)
    if field is None:
        return False
    links = {disk.data.get(field) for disk in restore.new if disk.data.get(field)}
    if target.url in links:
        return any(disk.data.get(f"{field}Id", target.id) == target.id for disk in restore.new if disk.data.get(field) == target.url)
    # The other parts of the same backup belong to the point too, though their disks may not have been made yet.
    sources = [item for item in project.all(target.plural) if item.url in links and BACKUP in _labels(item)]
    sets = {(_labels(item)[BACKUP], _labels(item).get(VM_MARK)) for item in sources}
    return (_labels(target).get(BACKUP), _labels(target).get(VM_MARK)) in sets
