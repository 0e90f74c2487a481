# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacing a VM by itself: it is deleted only when all that it takes to build it again is stored and was read back."""

from __future__ import annotations

from functools import partial

from ...clients.gce.objects import Instance
from ...core.errors import Conflict, NotYetPossible, ProviderFailure
from ...core.plan import Progress, Step
from ...recovery.manifest import Document, fingerprint
from .vm import in_groups
from .vm_addresses import Addresses
from .vm_backup_steps import chained
from .vm_rebuild import STOPPING_NEW, Rebuild
from .vm_store import ManifestStore
from .vm_swap import CREATING, GIVING_UP, KEEPING, LOCKING, RECORDING, RESERVING, STOPPING, UNLOCKING

STORING, SECURING, DELETING, DROPPING = "store manifest", "keep disks from deletion", "delete VM", "drop manifest"


class Replacing(Rebuild):
    """A VM that is there, to be built anew under its name and with its addresses."""

    def steps(self, store: ManifestStore, manifest: Document, addresses: Addresses, *, delete_old: bool, discard_local_ssd: bool) -> tuple[Step, ...]:
        """The steps in their order: the VM is deleted only when all that it takes to build it again is stored and was read back."""
        disks = self._disks
        steps = [
            Step(LOCKING, do=self._acquire, undo=self._lock.release),
            Step(STORING, do=lambda: store.put(manifest), done=lambda: self._stored(store, manifest), undo=lambda: self._drop(store, manifest)),
            disks.creation(CREATING, self._devices),
            Step(RESERVING, do=addresses.reserve, done=addresses.done, undo=addresses.release),
            Step(SECURING, do=self._secure, done=self._secured, undo=self._vm.settled(lambda: self._unsecure(manifest))),
            self._recording(),
        ]
        if self._was_running:
            stop = Step(
                STOPPING, do=lambda: self._vm.stop(discard_local_ssd or None), done=self._stopped, undo=self._vm.settled(self._start_old), disruptive=True
            )
            steps.append(stop)
        steps += [
            Step(DELETING, do=self._delete_old, done=self._old_is_gone, undo=self._vm.settled(self._rebuild_old), disruptive=True),
            self._inserting(),
            self._verifying(),
        ]
        if not self._start:
            steps.append(Step(STOPPING_NEW, do=self._stop_new, done=self._new_is_stopped))
        steps.append(disks.giving_up(GIVING_UP) if delete_old else disks.keeping(KEEPING))
        steps.append(Step(DROPPING, do=lambda: self._drop(store, manifest), done=lambda: self._dropped(store, manifest)))
        steps.append(Step(UNLOCKING, do=self._unlock))
        return chained(steps)

    # --- the old VM

    def _old(self) -> Instance | None:
        """The VM as long as it is the old one."""
        instance = self._vm.get()
        on = {disk.source for disk in instance.disks} if instance else set()
        return instance if on.intersection(self._disks.old_paths) else None

    def _stored(self, store: ManifestStore, manifest: Document) -> Progress:
        return Progress.DONE if self._old() is None or store.has(manifest) else Progress.NO

    def _drop(self, store: ManifestStore, manifest: Document) -> None:
        store.drop_unused([fingerprint(manifest)])

    def _dropped(self, store: ManifestStore, manifest: Document) -> Progress:
        return Progress.NO if store.has(manifest) else Progress.DONE

    def _secure(self) -> None:
        instance = self._old()
        for disk in instance.disks if instance else ():
            if disk.auto_delete and not disk.local_ssd:
                self._auto_delete(disk.device_name, on=False)
        if self._secured() is not Progress.DONE:
            raise ProviderFailure(f'VM "{self._vm.name}" would still take disks with it when it is deleted. It is untouched.')

    def _secured(self) -> Progress:
        instance = self._old()
        return Progress.NO if instance and any(disk.auto_delete and not disk.local_ssd for disk in instance.disks) else Progress.DONE

    def _unsecure(self, manifest: Document) -> None:
        instance = self._old()
        wanted = {part.get("deviceName"): bool(part.get("autoDelete")) for part in manifest["instance"].get("disks", ())}
        for disk in instance.disks if instance else ():
            if not disk.local_ssd and wanted.get(disk.device_name, False) != disk.auto_delete:
                self._auto_delete(disk.device_name, on=wanted.get(disk.device_name, False))

    def _recording(self) -> Step:
        """The old disks carry the lock across the gap in which there is no VM; its text is read when the step runs."""
        step = self._disks.recording(RECORDING)

        def do() -> None:
            locked = self._disks.recording(RECORDING, claim=self._lock.claim)
            if locked.do:
                locked.do()

        def undo() -> None:
            marks = self._disks.recording(RECORDING, claim=self._lock.claim)
            if marks.undo:
                marks.undo()

        return Step(RECORDING, do=do, done=lambda: Progress.DONE if self._old() is None else Progress.NO, undo=undo, needs=step.needs)

    def _stopped(self) -> Progress:
        instance = self._old()
        return Progress.DONE if instance is None or instance.status == "TERMINATED" else Progress.NO

    def _start_old(self) -> None:
        if self._old() is not None:
            self._vm.start()

    def _delete_old(self) -> None:
        instance = self._old()
        if instance is None:
            return
        missing = [disk for disk in in_groups([partial(self._vm.get_disk, device.new) for device in self._devices]) if disk is None]
        if missing or self._secured() is not Progress.DONE or instance.status != "TERMINATED":
            raise Conflict(f'VM "{self._vm.name}" was changed by someone else. It is not deleted.')
        self._delete(instance)

    def _old_is_gone(self) -> Progress:
        return Progress.DONE if self._old() is None else Progress.NO

    def _rebuild_old(self) -> None:
        """Build the old VM again on its old disks, as the manifest has it."""
        if self._vm.get() is None:
            paths = {device.name: device.old for device in self._devices if device.old}
            self._insert(paths, old=True)
            self._vm.start()
            if not self._was_running:
                self._vm.stop()

    def _insert_new(self) -> None:
        try:
            super()._insert_new()
        except NotYetPossible as error:
            raise NotYetPossible(f"{error.message} The disks from before are safe too: {', '.join(self._disks.old_paths)}.", code=error.code) from error
