# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a backup: store the manifest, stop, save, start, retire, unlock; each of them only where it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from ...core.errors import Conflict
from ...core.model import SUCCEEDED
from ...core.plan import Progress, Step
from .. import marks
from ..lock.claim import RESTORING, claim_of
from ..lock.lock import LockLost
from ..manifest import Document, fingerprint
from ..model import Machine, Moment, Power
from ..points import WHOLE, BackupSet, RecoveryPoint
from ..provider import Intent
from ..restore.routes.replace import drop_unused, store
from ..restore.steps import chained
from ..target import Target
from .members import CRASH, STOPPED, Members, delete_members, mark_members, saved_at_rest, wait_for_deletions

LOCKING, STORING, STOPPING, SAVING, STARTING = "lock VM", "store manifest", "stop VM", "save disks", "start VM"
FINISHING, DROPPING, RETIRING, UNLOCKING = "see recovery points ready", "remove unfinished attempts", "delete VM", "unlock VM"
RELABELLING, DROPPING_MANIFESTS = "set labels", "remove manifests of unfinished attempts"


@dataclass(frozen=True)
class Wanted:
    """What is to be done around the saving. ``locked``: the VM is stopped for it, or deleted after it, so it is held meanwhile.

    ``consistency`` is what is written on the recovery points, ``asked`` what the task asked for. ``store`` is the manifest that must be stored apart.
    """

    locked: bool
    stops: bool
    retire: bool
    waits: bool
    discard_volatile: bool
    consistency: str
    asked: str
    store: Document | None
    leftovers: Sequence[BackupSet] = ()
    old_manifests: Sequence[str] = ()
    on_saved: Callable[[], None] = field(default=lambda: None, repr=False)


class BackupSteps:
    """The steps for one VM, as ``machine`` was when they were planned."""

    def __init__(self, target: Target, members: Members, machine: Machine, wanted: Wanted, intent: Intent) -> None:
        self._target, self._members, self._machine, self._wanted, self._intent = target, members, machine, wanted, intent

    def steps(self) -> tuple[Step, ...]:
        """The steps in their order, under the lock where there is one; each needs the one before it."""
        wanted, target = self._wanted, self._target
        steps: list[Step] = []
        if wanted.store is not None:
            steps.append(self._storing(wanted.store))
        if wanted.stops:
            stop, start = partial(target.stop, wanted.discard_volatile), target.settled(target.start)
            steps.append(Step(STOPPING, do=stop, done=self._stopped, undo=start, disruptive=True))
        steps.append(self._saving())
        if wanted.stops and not wanted.retire:
            steps.append(Step(STARTING, do=target.start, done=self._running))
        if wanted.locked:
            steps.append(Step(FINISHING, wait=self._finish))
        steps += target.provider.extras.steps(self._intent, Moment.AT_END, target.gate)
        if wanted.leftovers and (wanted.locked or wanted.waits):
            steps.append(dropping(target, wanted.leftovers))
        if wanted.old_manifests:
            steps.append(Step(DROPPING_MANIFESTS, do=lambda: drop_unused(target, wanted.old_manifests)))
        if wanted.retire:
            steps.append(Step(RETIRING, do=self._retire, done=self._is_gone, wait=self._until_gone, point_of_no_return=True))
        elif wanted.locked:
            steps.append(Step(UNLOCKING, do=target.lock.release))
        return chained(steps)

    def _storing(self, manifest: Document) -> Step:
        key, manifests = fingerprint(manifest), self._target.provider.manifests
        return Step(
            STORING,
            do=lambda: store(self._target, manifest),
            done=lambda: Progress.DONE if manifests.has(key) else Progress.NO,
            undo=lambda: drop_unused(self._target, [key]),
        )

    def _stopped(self) -> Progress:
        machine = self._target.existing()
        return Progress.DONE if machine.power is Power.OFF else Progress.NO

    def _running(self) -> Progress:
        return Progress.DONE if self._target.existing().power is Power.ON else Progress.NO

    # --- saving

    def _saving(self) -> Step:
        members = self._members

        def wait() -> None:
            if not (self._wanted.locked or self._wanted.waits):
                return
            members.wait_until_taken()
            self._see_consistency()
            if not self._wanted.locked and self._wanted.waits:
                self._finish()

        return Step(SAVING, do=self._save, done=members.done, wait=wait, undo=members.take_back)

    def _save(self) -> None:
        """Ask for the recovery points, of the very disks that the VM has at this moment."""
        self._refuse_changes()
        self._members.submit(self._machine)
        try:
            self._refuse_changes()
        except Conflict:
            self._members.disown()
            raise

    def _refuse_changes(self) -> None:
        """Raises Conflict when a restore, or somebody, has exchanged the disks of the VM since they were read."""
        machine = self._target.get()
        if machine is None or machine.uid != self._machine.uid:
            raise Conflict(f"{self._target} was deleted or replaced in this moment. Run the task again.")
        claim = claim_of(machine.marks)
        if claim and claim.purpose.startswith(RESTORING):
            # Without a lock of its own this run takes its recovery points back all the same.
            kind = LockLost if self._wanted.locked else Conflict
            raise kind(
                f"{self._target} is held by {claim.holder} since a moment ago: a half-restored VM must not become a backup. Run again when it has ended."
            )
        if machine.disks != self._machine.disks:
            raise Conflict(f"the disks of {self._target} were exchanged in this moment. Run the task again.")
        restore = machine.marks.get(marks.RESTORE)
        if restore and restore != self._machine.marks.get(marks.RESTORE):
            # A roll-back leaves the VM its disks, and only their content is another.
            raise Conflict(f'{self._target} was restored in this moment, by "{restore}". Run the task again.')
        if self._wanted.consistency == STOPPED and self._wanted.asked == STOPPED and machine.power is not Power.OFF:
            raise Conflict(f"{self._target} is {machine.status}, not stopped: somebody has started it. Run the task again.")

    def _see_consistency(self) -> None:
        """See that a VM which was to be at rest was not started before all was taken; otherwise say what was reached, or fail when that was asked for."""
        if self._wanted.consistency != STOPPED:
            return
        machine = self._target.existing()
        points = [point for point in self._members.found() if point]
        if machine.power is Power.OFF and all(saved_at_rest(point, machine) for point in points):
            return
        if self._wanted.asked == STOPPED or self._wanted.retire:
            raise Conflict(f"{self._target} was started while its disks were saved, so they were not saved at rest. Run the task again.")
        mark_members(self._target.provider, self._target.gate, points, {marks.CONSISTENCY: CRASH})

    def _finish(self) -> None:
        self._members.wait_until_ready()
        self._wanted.on_saved()

    # --- retiring

    def _retire(self) -> None:
        """Delete the VM: only the very one that was saved, stopped ever since, and only over a set that holds every disk that it has."""
        target = self._target
        machine = target.existing()
        if machine.uid != self._machine.uid:
            raise LockLost(f"{target} is another one than was saved. It is not deleted.")
        if machine.power is not Power.OFF:
            raise Conflict(f"{target} was started after it was saved, so that its disks may hold more than the backup. It is not deleted.")
        points = self._members.wait_until_ready()
        if any(not saved_at_rest(point, machine) for point in points):
            raise Conflict(f"{target} ran after some of it was saved, so that its disks may hold more than the backup. It is not deleted.")
        problem = not_saved(machine, points)
        if problem:
            raise Conflict(f"{target} is not deleted: {problem}.")
        target.gate.send(target.provider.machines.remove(machine))
        target.lock.gone()

    def _is_gone(self) -> Progress:
        return Progress.DONE if self._target.get() is None else Progress.NO

    def _until_gone(self) -> None:
        # Once the deletion was accepted the recovery points must stay, whatever becomes of the waiting.
        self._target.until_gone()


def not_saved(machine: Machine, points: Sequence[RecoveryPoint]) -> str:
    """Which disks of a VM no recovery point holds, in the words of a message; empty when every one is saved."""
    bad = [point.name for point in points if point.status != SUCCEEDED]
    if bad:
        return f"not every recovery point is ready: {', '.join(bad)}"
    held = BackupSet("", "", "", 1, "", "", 0, tuple(points), {}).devices
    sources = {point.source_disk for point in points}
    # A point that holds all disks names none of them.
    whole = any(point.device == WHOLE for point in points)
    lost = [one.device for one in machine.attached if held is not None and (one.device not in held or not (whole or one.disk in sources))]
    return f"these disks of it are not in the backup: {', '.join(lost)}" if lost else ""


def dropping(target: Target, leftovers: Sequence[BackupSet]) -> Step:
    """The removal of attempts at the same datetime, after the one that replaces them was seen to be whole."""
    members = [member for one in leftovers for member in one.members]

    def act() -> None:
        wait_for_deletions(target, members, delete_members(target, members))
        drop_unused(target, [one.manifest for one in leftovers])

    return Step(DROPPING, do=act)
