# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacing a VM by itself: it is deleted only when all that it takes to build it again is stored and was read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....core.errors import Conflict, NotYetPossible, ProviderFailure
from ....core.plan import Progress, Step
from ...manifest import Document, fingerprint
from ...model import Machine, Moment, Power
from ...provider import Intent
from ...target import Target
from ..steps import CREATING, DROPPING, GIVING_UP, KEEPING, RECORDING, REMOVING, SECURING, STOPPING, STORING, UNLOCKING, chained
from .build import Builder
from .exchange import Wanted


@dataclass(frozen=True)
class Replace:
    """A VM that is there, to be built again under its name and with its addresses, on new disks."""

    builder: Builder
    target: Target
    intent: Intent
    manifest: Document
    wanted: Wanted

    def steps(self) -> tuple[Step, ...]:
        """The steps under the lock, in their order."""
        builder, target, extras = self.builder, self.target, self.target.provider.extras
        steps: list[Step] = [
            Step(STORING, do=self._store, done=self._stored, undo=self._drop),
            builder.disks.creation(CREATING, builder.devices),
            *extras.steps(self.intent, Moment.BEFORE_STOP, target.gate),
            Step(SECURING, do=self._secure, done=self._secured, undo=target.settled(self._unsecure)),
            self._recording(),
        ]
        if self.wanted.was_on:
            stop = Step(STOPPING, do=self._stop, done=self._stopped, undo=target.settled(self._start_old), disruptive=True)
            steps.append(stop)
        steps += [
            Step(REMOVING, do=self._remove_old, done=self._old_is_gone, undo=target.settled(self._rebuild_old), disruptive=True),
            builder.inserting(self._insert_new),
            builder.verifying(),
            *builder.stopping(),
            builder.disks.giving_up(GIVING_UP) if self.wanted.delete_old else builder.disks.keeping(KEEPING),
            Step(DROPPING, do=self._drop, done=self._dropped),
            *extras.steps(self.intent, Moment.AT_END, target.gate),
            Step(UNLOCKING, do=builder.unlock),
        ]
        return chained(steps)

    # --- the manifest

    @property
    def _key(self) -> str:
        return fingerprint(self.manifest)

    def _store(self) -> None:
        store(self.target, self.manifest)

    def _stored(self) -> Progress:
        return Progress.DONE if self._old() is None or self.target.provider.manifests.has(self._key) else Progress.NO

    def _drop(self) -> None:
        drop_unused(self.target, [self._key])

    def _dropped(self) -> Progress:
        return Progress.NO if self.target.provider.manifests.has(self._key) else Progress.DONE

    # --- the old VM

    def _old(self) -> Machine | None:
        """The VM as long as it is the old one."""
        machine = self.target.get()
        return machine if machine and machine.disks.intersection(self.builder.disks.old) else None

    def _secure(self) -> None:
        machine = self._old()
        if machine is None:
            return
        self.builder.secure(machine)
        if self._secured() is not Progress.DONE:
            raise ProviderFailure(f"{self.target} would still take disks with it when it is deleted. It is untouched.")

    def _secured(self) -> Progress:
        machine = self._old()
        return Progress.NO if machine and self.target.provider.machines.securing(machine) else Progress.DONE

    def _unsecure(self) -> None:
        machine = self._old()
        for change in self.target.provider.machines.unsecuring(machine, [device.before for device in self.builder.devices]) if machine else ():
            self.target.gate.send(change)

    def _recording(self) -> Step:
        """The old disks carry the lock across the gap in which there is no VM."""
        step = self.builder.disks.recording(RECORDING, self.wanted.was_on, with_lock=True)
        return Step(RECORDING, do=step.do, done=lambda: Progress.DONE if self._old() is None else Progress.NO, undo=step.undo)

    def _stop(self) -> None:
        self.target.stop(self.wanted.discard_volatile)

    def _stopped(self) -> Progress:
        machine = self._old()
        return Progress.DONE if machine is None or machine.power is Power.OFF else Progress.NO

    def _start_old(self) -> None:
        if self._old() is not None:
            self.target.start()

    def _remove_old(self) -> None:
        machine = self._old()
        if machine is None:
            return
        made = [device for device in self.builder.devices if not device.new.made_with_machine]
        missing = [device.new.name for device, disk in zip(made, self.builder.disks.found(made)) if disk is None]
        if missing or self.target.provider.machines.securing(machine) or machine.power is not Power.OFF:
            raise Conflict(f"{self.target} was changed by somebody else. It stays.")
        self.target.make_way(machine)

    def _old_is_gone(self) -> Progress:
        return Progress.DONE if self._old() is None else Progress.NO

    def _rebuild_old(self) -> None:
        """Build the old VM again on its old disks, as the manifest has it."""
        if self.target.get() is None:
            self.builder.insert([device.before for device in self.builder.devices if device.old], as_before=True)
            self.target.start()
            if not self.wanted.was_on:
                self.builder.stop_built()

    def _insert_new(self) -> None:
        try:
            self.builder.insert_new()
        except NotYetPossible as error:
            raise NotYetPossible(f"{error.message} The disks from before are safe too: {', '.join(self.builder.disks.old)}.", code=error.code) from error


def store(target: Target, manifest: Document) -> None:
    """Keep a manifest apart, and read it back. Raises ProviderFailure when that is not what was written."""
    manifests, key = target.provider.manifests, fingerprint(manifest)
    if not manifests.has(key):
        try:
            target.gate.send(manifests.put(manifest), lambda: manifests.has(key))
        except Conflict:
            # Another run has made it in this moment, from the same content.
            if not manifests.has(key):
                raise
    if manifests.get(key) != manifest:
        raise ProviderFailure("the stored configuration of the VM is not what was written when it is read back; nothing was deleted.")


def drop_unused(target: Target, keys: Sequence[str]) -> None:
    """Delete the manifests of these fingerprints that nothing refers to any more."""
    changes = [change for change in map(target.provider.manifests.drop, sorted({key for key in keys if key})) if change]
    target.gate.send_all(changes)
