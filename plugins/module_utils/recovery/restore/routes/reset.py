# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roll-back: the disks themselves go back to recovery points of them, after safety points that can bring back what they held.

A reset shows nowhere, so each disk is marked before it ("to") and after it ("at"). Unless all are "at", all go back again: somebody may have
started the VM in between, and it has then written to disks that had gone back and to disks that had not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from ....core.errors import Conflict, OutcomeUnknown, ProviderFailure, RecoveryError
from ....core.plan import Progress, Step
from ... import marks
from ...model import Disk, Moment, Power, Ref
from ...points import RecoveryPoint
from ...provider import Intent
from ...target import Target
from ..progress import AT, TO, mark_changes, progress_of, took_part, unmarking
from ..resets import FIRST, SECOND
from ..steps import KEEPING_SAFETY, RESETTING, STARTING, STOPPING, UNLOCKING, VERIFYING, chained
from .exchange import Wanted
from .returning import Journey, Returning
from .safety import SafetyPoints, keep


class ResetRoute:
    """The steps for one VM, under its lock. Without ``safety`` there is no way back once a reset was asked for."""

    def __init__(self, target: Target, journey: Journey, wanted: Wanted, intent: Intent, safety: SafetyPoints | None) -> None:
        self._target, self._journey, self._wanted, self._intent, self._safety = target, journey, wanted, intent, safety
        # Whether no reset was asked for, so that every disk still holds what it held.
        self._unsent = False

    def steps(self) -> tuple[Step, ...]:
        """The steps in their order."""
        target, wanted, safety = self._target, self._wanted, self._safety
        steps = list(target.provider.extras.steps(self._intent, Moment.BEFORE_STOP, target.gate))
        if safety and wanted.was_on:
            steps.append(replace(safety.saving_running(self._touched), undo=self._settled(partial(safety.drop, FIRST, self._touched))))
        # A VM that was stopped may have been started by somebody since.
        start_again = self._settled(self._start_again) if wanted.was_on else None
        steps.append(Step(STOPPING, do=self._stop, done=self._stopped, undo=start_again, disruptive=True))
        if safety:
            steps.append(replace(safety.saving_at_rest(self._touched), undo=self._settled(partial(safety.drop, SECOND, self._touched))))
        back = self._settled(self._reset_back)
        steps.append(Step(RESETTING, do=self._reset, done=self._reset_done, undo=back, disruptive=True, point_of_no_return=safety is None))
        if wanted.start:
            steps.append(Step(STARTING, do=target.start, done=self._is_on, undo=self._settled(self._stop), disruptive=True))
        # What was seen to be restored is not taken back, whatever becomes of the marks.
        steps.append(Step(VERIFYING, do=self._verify, point_of_no_return=True))
        if safety or self._journey.left:
            steps.append(Step(KEEPING_SAFETY, do=self._keep, done=self._kept))
        steps.append(Step(UNLOCKING, do=lambda: target.lock.release({marks.RESTORE: self._journey.name})))
        return chained(steps)

    def _settled(self, undo: Callable[[], None]) -> Callable[[], None]:
        """``undo``, begun when what is under way on the VM and its disks has ended: a mark that comes later would tell of a reset that never was."""

        def act() -> None:
            self._target.settle([one.disk.ref for one in self._journey.returning])
            undo()

        return act

    # --- what is there

    def _there(self) -> list[tuple[Returning, Disk]]:
        """The disks that exist."""
        returning = self._journey.returning
        return [(one, disk) for one, disk in zip(returning, self._target.found(one.disk.ref for one in returning)) if disk]

    def _every(self) -> list[tuple[Returning, Disk]]:
        """The same. Raises ProviderFailure when one is gone."""
        there = self._there()
        missing = [one.device for one in self._journey.returning if one not in [each for each, _disk in there]]
        if missing:
            raise ProviderFailure(f"{self._target} has lost {', '.join(missing)}: somebody has deleted disks.")
        return there

    def _touched(self) -> bool:
        """Whether the reset of any disk may have been asked for."""
        return any(took_part(disk, self._journey.name) for _one, disk in self._there())

    def _all_at(self) -> bool:
        name = self._journey.name
        return all(took_part(disk, name) and disk.marks.get(marks.RESET) == self._journey.mark(one, AT).text for one, disk in self._every())

    # --- stop and start

    def _is_on(self) -> Progress:
        return Progress.DONE if self._target.existing().power is Power.ON else Progress.NO

    def _stop(self) -> None:
        self._target.stop(self._wanted.discard_volatile)

    def _stopped(self) -> Progress:
        # When all disks have gone back, it was stopped by a run that died later: once is enough.
        return Progress.DONE if self._target.existing().power is Power.OFF or self._all_at() else Progress.NO

    def _is_half_way(self) -> bool:
        """Whether this roll-back, or one from which it goes back, has begun to reset disks."""
        found = [progress_of(disk.marks) for _one, disk in self._there()]
        return self._touched() or any(one.state == TO for one in found if one)

    def _start_again(self) -> None:
        if self._is_half_way():
            raise ProviderFailure(f"{self._target} stays stopped, because its disks are half-way.")
        self._target.start()

    # --- going back

    def _reset_done(self) -> Progress:
        return Progress.DONE if self._all_at() else Progress.NO

    def _reset(self) -> None:
        every, first = self._every(), not self._touched()
        machine = self._target.existing()
        off = [one.device for one, disk in every if disk.ref not in machine.disks]
        if off:
            raise Conflict(f"{self._target} does not have its disk {', '.join(off)} any more: somebody has taken it off. It was not reset.")
        if self._safety and first:
            self._safety.check()
        # The points that this one goes back to must not look as if nothing needed them, once the disks do not tell of their roll-back any more.
        keep(self._target, [point for point in self._journey.of_before if marks.KEPT not in point.marks])
        self._unsent = first
        self._mark_all(TO)
        sent, self._unsent = len(self._target.gate.sent), False
        try:
            self._send({one.disk.ref: one.point for one, _disk in every}, [disk for _one, disk in every])
        except RecoveryError as error:
            self._unsent = first and len(self._target.gate.sent) == sent and not isinstance(error, OutcomeUnknown)
            raise
        self._mark_all(AT)

    def _send(self, points: Mapping[Ref, RecoveryPoint], disks: Sequence[Disk]) -> None:
        """All resets at once, each awaited."""
        resets, gate, machine = self._target.provider.resets, self._target.gate, self._target.existing()
        if resets is None:
            raise RuntimeError("the provider resets no disks")
        gate.wait_all(gate.begin_all([resets.reset(machine, disk, points[disk.ref]) for disk in disks]))

    def _mark_all(self, state: str) -> None:
        target, journey = self._target, self._journey
        # Whose disk it is goes with it: by that the roll-back is found.
        identity = {marks.VM: target.name, marks.PLACE: target.provider.place}
        wanted = [(partial(target.disk, disk.ref), mark_changes(journey.name, journey.mark(one, state), identity)) for one, disk in self._there()]
        target.gate.mark_all(wanted, until_seen=True)

    def _reset_back(self) -> None:
        """Bring all disks back to the safety points that were made at rest, and give them the marks that they had."""
        if not self._touched():
            return
        if not self._unsent:
            if self._safety is None:
                raise ProviderFailure(f"there are no safety points to which the disks of {self._target} could come back.")
            self._bring_back(self._safety)
        name = self._journey.name
        wanted = [(partial(self._target.disk, disk.ref), unmarking(one.disk, name)) for one, disk in self._there()]
        self._target.gate.mark_all(wanted, until_seen=True)

    def _bring_back(self, safety: SafetyPoints) -> None:
        self._stop()
        found = {point.source_uid: point for point in safety.at_rest()}
        disks = [disk for _one, disk in self._there()]
        lost = [disk.name for disk in disks if disk.uid not in found]
        if lost:
            raise ProviderFailure(f"the safety points of {', '.join(lost)} are gone, so that these disks cannot come back.")
        self._mark_all(TO)
        self._send({disk.ref: found[disk.uid] for disk in disks}, disks)

    # --- at the end

    def _verify(self) -> None:
        machine = self._target.existing()
        off = [one.device for one in self._journey.returning if one.disk.ref not in machine.disks]
        problems = [f"{', '.join(off)} is not attached"] if off else []
        if not self._all_at():
            problems.append("not every disk was seen to go back")
        if self._wanted.start and machine.power is not Power.ON:
            problems.append(f"it is {machine.status} and not running")
        if problems:
            raise ProviderFailure(f"{self._target} is not as it should be after the roll-back: {'; '.join(problems)}.")

    def _made(self) -> list[RecoveryPoint]:
        return [*(self._safety.found() if self._safety else ()), *self._journey.left]

    def _keep(self) -> None:
        keep(self._target, self._made())

    def _kept(self) -> Progress:
        return Progress.DONE if self._safety and all(marks.KEPT in point.marks for point in self._made()) else Progress.NO
