# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore goes back to: for each disk of a VM, the recovery point that its new disk is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from ...core.arguments import Task
from ...core.errors import Conflict, InvalidRequest, NotFound
from ..manifest import Document, checked, read_file
from ..model import Machine
from ..naming import check_datetime, parse_backup_name
from ..points import BackupSet, RecoveryPoint, instant, latest_usable, newest_first
from ..provider import Provider

LATEST = "latest"
WAYS = ("snapshot_datetime", "backup", "snapshots", "source_image", "image_family", "rollback_of")
_NAMED_AT_MOST = 10


@dataclass(frozen=True)
class RestoreSource:
    """``moment`` is the backup's datetime (empty for points that are no backup), ``vm`` whose it is (empty when that is not known).

    ``boot_only``: an image of a boot disk whose device is not known. ``lacks`` says what older backups hold and this one does not.
    """

    label: str
    moment: str
    points: Mapping[str, RecoveryPoint]
    manifest: Document | None = field(default=None, repr=False)
    boot_only: bool = False
    vm: str = ""
    backup: BackupSet | None = None
    lacks: str = ""

    @property
    def taken_at(self) -> str | None:
        """When the first of its points was taken (RFC 3339)."""
        return min((point.created_at for point in self.points.values() if point.created_at), default=None)

    @property
    def described(self) -> str:
        """The point and its age in the words of a message."""
        age = age_of(self.taken_at)
        return f"{self.label}{f', taken {age} ago' if age else ''}"


def age_of(created_at: str | None) -> str:
    """How long ago that is, in the largest unit that says something; empty when unknown."""
    moment = instant(created_at)
    if moment is None:
        return ""
    minutes = max(0, int((datetime.now(timezone.utc) - moment).total_seconds() // 60))
    for size, word in ((60 * 24, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size or size == 1:
            count = minutes // size
            return f"{count} {word}{'' if count == 1 else 's'}"
    return ""


class SourceFinder:
    """Finds what a task names. ``provider`` is that of the place in which the VM was backed up."""

    def __init__(self, task: Task, provider: Provider) -> None:
        self._task, self._provider = task, provider

    def find(self, vm: str, machine: Machine | None) -> RestoreSource:
        """The source, usable and of this VM. Raises NotFound, Conflict, InvalidRequest, with what to do."""
        named = self._provider.points.named(self._task, vm, machine)
        if named is None:
            found = self._of_set(*self._set(vm))
        elif named.backup:
            found = self._of_set(named.backup)
        else:
            found = RestoreSource(named.label, "", named.points, boot_only=named.boot_only, vm="" if named.boot_only else vm)
        given = self.given_manifest()
        return replace(found, manifest=given) if given else found

    def given_manifest(self) -> Document | None:
        """The manifest that the task gives. Raises InvalidRequest."""
        task, problem = self._task, self._provider.manifests.problem
        if task["manifest"]:
            return checked("manifest", task["manifest"], problem)
        return checked("manifest_file", read_file(task["manifest_file"]), problem) if task["manifest_file"] else None

    def _set(self, vm: str) -> tuple[BackupSet, str]:
        """The backup, and what it lacks that older ones hold."""
        task, provider = self._task, self._provider
        moment = task["snapshot_datetime"]
        if task["backup"]:
            of, moment = parse_backup_name(task["backup"])
            if of != vm:
                raise Conflict(f'backup "{task["backup"]}" is of VM "{of}", not of "{vm}". To bring it up as another VM use strategy: new with vm_name: {of}.')
        sets = provider.points.sets(vm)
        where = f'of VM "{vm}" in {provider.PLACE} {provider.place}'
        if moment == LATEST:
            latest = latest_usable(sets)
            if latest is None:
                raise NotFound(f"there is no complete backup {where}{self._known(sets)}{self._elsewhere(vm, sets)}.")
            return latest, lacking(latest, sets)
        check_datetime("snapshot_datetime", moment)
        matching = [one for one in newest_first(sets) if one.moment == moment]
        if not matching:
            raise NotFound(f"there is no backup {where} under {moment}{self._known(sets)}{self._elsewhere(vm, sets)}.")
        self._refuse_unusable(matching[0])
        return matching[0], ""

    def _refuse_unusable(self, backup: BackupSet) -> None:
        if not backup.complete:
            raise Conflict(f'backup "{backup.name}" is not complete ({backup.unusable}) and cannot be restored. Nothing was changed; choose another datetime.')
        if backup.unusable and not self._task["force"]:
            raise Conflict(
                f'backup "{backup.name}" was taken out of use ({backup.unusable}). Nothing was changed. Choose another datetime, make it usable again,'
                " or set force to try it all the same."
            )

    @staticmethod
    def _known(sets: Sequence[BackupSet]) -> str:
        listed = newest_first(sets)[:_NAMED_AT_MOST]
        known = ", ".join(f"{one.moment}{'' if one.usable else ' (incomplete)' if not one.complete else ' (not usable)'}" for one in listed)
        return f"; there are: {known}" if known else ""

    def _elsewhere(self, vm: str, sets: Sequence[BackupSet]) -> str:
        if sets:
            return ""
        word, here = self._provider.PLACE, self._provider.place
        others = sorted({one.place for one in self._provider.points.sets(vm, anywhere=True) if one.place != here})
        return f"; there are backups of a VM of that name in {word} {', '.join(others)}" if others else ""

    def _of_set(self, backup: BackupSet, lacks: str = "") -> RestoreSource:
        self._refuse_unusable(backup)
        manifest = manifest_of(self._provider, backup)
        points = self._provider.points.saved_devices(backup, manifest)
        return RestoreSource(backup.moment, backup.moment, points, manifest, vm=backup.vm, backup=backup, lacks=lacks)


def manifest_of(provider: Provider, backup: BackupSet) -> Document | None:
    """The manifest that a backup carries; None when it has none, or lost it."""
    inline = next((member.note["manifest"] for member in backup.members if member.note.get("manifest")), None)
    return inline or (provider.manifests.get(backup.manifest) if backup.manifest else None)


def lacking(backup: BackupSet, sets: Sequence[BackupSet]) -> str:
    """The devices that older usable backups hold and this one does not, each with the newest that does; empty when there are none."""
    holds = backup.devices
    found: dict[str, BackupSet] = {}
    for one in newest_first(sets):
        for device in (one.devices or ()) if one.usable and holds is not None else ():
            if device not in (holds or ()):
                found.setdefault(device, one)
    return ", ".join(f"{device} (the backup {one.name} holds it)" for device, one in sorted(found.items()))


def check_ways(task: Task) -> None:
    """Raises InvalidRequest unless exactly one way to name the point is taken."""
    given = [way for way in WAYS if task.options.get(way)]
    if len(given) != 1:
        known = [way for way in WAYS if way in task.options]
        raise InvalidRequest(f"say what to restore from with one of {', '.join(known)}{', not ' + ' and '.join(given) if given else ''}.")
    if task["snapshot_datetime"] not in (None, "", LATEST):
        check_datetime("snapshot_datetime", task["snapshot_datetime"])
    if task["backup"]:
        parse_backup_name(task["backup"])
