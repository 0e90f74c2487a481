# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup that is asked for: what the task says, and what there is of it, read together."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import cached_property

from ...core.arguments import Task
from ...core.errors import InvalidRequest, RecoveryError
from ...core.model import Record
from ...core.waiter import Waiter
from ..lock.claim import SAVING, Claim, claim_of
from ..manifest import Document, fingerprint, write_file
from ..model import Disk, Machine
from ..naming import backup_name
from ..points import BackupSet, latest_usable, newest_first
from ..provider import Provider
from ..restore.source import manifest_of
from ..target import Target
from .members import STOPPED
from .records import record_of


class BackupCase:
    """One backup of one VM. ``chosen`` is the datetime that the task gives, empty when it leaves it open; then ``now`` is it."""

    def __init__(self, task: Task, provider: Provider, waiter: Waiter, vm: str, chosen: str, now: str) -> None:
        self.task, self.provider = task, provider
        self.target = Target(provider, vm, waiter)
        self.chosen, self._now = chosen, now
        self._own_run = secrets.token_hex(6)
        self.under_lock = False

    def forget(self) -> None:
        """Forget all that was read: it is read again when it is asked for."""
        for name in ("machine", "sets"):
            self.__dict__.pop(name, None)

    def forget_machine(self) -> None:
        self.__dict__.pop("machine", None)

    @property
    def run(self) -> str:
        """What the recovery points that this run makes are told apart by."""
        return self.target.lock.run if self.under_lock and self.target.has_lock else self._own_run

    @property
    def asked(self) -> str:
        """The consistency that the task asks for: a VM is deleted only over what was saved while it stood still."""
        return STOPPED if self.task["retire_source"] else str(self.task["consistency"])

    @cached_property
    def machine(self) -> Machine | None:
        return self.target.get()

    @cached_property
    def sets(self) -> list[BackupSet]:
        return self.provider.points.sets(self.target.name)

    @property
    def claim(self) -> Claim | None:
        return claim_of(self.machine.marks) if self.machine else None

    @property
    def resumes(self) -> bool:
        """Whether a run that died held the VM: then it may have left something half done."""
        return self.claim is not None and (not self.under_lock or self.target.lock.taken_over)

    @cached_property
    def moment(self) -> str:
        """The datetime: the one given, else that of a run which died on the way, else now."""
        claim = self.claim
        if not self.chosen and claim and claim.purpose.startswith(SAVING):
            return claim.purpose[len(SAVING) :]
        return self.chosen or self._now

    @property
    def attempts(self) -> list[BackupSet]:
        return [one for one in self.sets if one.moment == self.moment]

    def found(self) -> Record | None:
        """The backup, as far as there is one. Waits first for operations that a dead run left on the VM."""
        claim = self.claim
        if claim and claim.purpose.startswith(SAVING):
            # An operation that ends between two of our reads would show us a VM that never was: it is seen to its end, then all is read.
            self.target.settle()
            self.forget_machine()
        if self.machine is None and self.task["retire_source"] and not self.chosen:
            latest = latest_usable(self.sets)
            return self.record(latest, retired=True) if latest else None
        current = newest_first(self.attempts)
        return self.record(current[0], retired=self.machine is None) if current else None

    def record(self, backup: BackupSet, *, retired: bool = False) -> Record:
        return record_of(self.provider, backup, retired=retired)

    def disks_to_save(self, machine: Machine) -> dict[str, Disk]:
        """The disks of the backup by device; warns of local SSDs. Raises InvalidRequest."""
        excluded = set(self.task["exclude_disks"] or ())
        known = {name for one in machine.attached for name in (one.device, one.disk.rpartition("/")[2])}
        if excluded - known:
            raise InvalidRequest(f"exclude_disks: {self.target} has no disk {', '.join(sorted(excluded - known))}. It has {', '.join(sorted(known))}.")
        if machine.volatile:
            self.task.warn(f"The local SSDs of {self.target} cannot be saved and are not part of the backup: {', '.join(machine.volatile)}.")
        disks = {device: disk for device, disk in self.target.disks_of(machine).items() if not excluded.intersection((device, disk.name))}
        if not disks:
            raise InvalidRequest(f"{self.target} has no disk to save.")
        return disks

    def manifest(self, machine: Machine, disks: Mapping[str, Disk], complete: BackupSet | None) -> Document:
        kept = manifest_of(self.provider, complete) if complete else None
        if kept is None and self.claim is not None:
            # A run that died in the middle has noted it already, before it changed anything about the VM.
            kept = next((document for one in self.attempts if (document := manifest_of(self.provider, one))), None)
        return kept or self.provider.manifests.capture(machine, {**self.target.disks_of(machine), **disks})

    def unused_manifests(self, manifest: Document) -> list[str]:
        """Fingerprints of manifests that no backup uses. A dead run stored them; it captured the VM while it ran, so its manifest differs from ours."""
        used = {fingerprint(manifest), *(one.manifest for one in self.sets)}
        return [key for key in self.provider.manifests.kept_for(self.target.name) if key not in used]

    def write_manifest(self, manifest: Document) -> None:
        directory = self.task["manifest_dir"]
        if directory:
            try:
                write_file(directory, backup_name(self.target.name, self.moment), manifest)
            except RecoveryError as error:
                self.task.warn(f"The backup is complete, but its manifest was not written to manifest_dir: {error.message}")
