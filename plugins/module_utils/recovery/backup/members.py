# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recovery points that a backup is made of: made, seen to be whole, taken back, and told apart by run.

Two runs may make one backup at the same time: the same task was launched twice, or a run that was cut off comes back. What one of them made
the other may count on. So a run that takes its points back first condemns them by compare-and-swap, and then reads all again: a set that is
whole by then is kept. Whoever counts on a set reads it once more after it was seen to be whole: condemned points do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial

from ...core.errors import Conflict, NotFound, ProviderFailure, RecoveryError
from ...core.model import DELETING, FAILED, SUCCEEDED
from ...core.plan import Progress
from ...core.steps import at_once
from .. import marks
from ..gate import Gate
from ..model import Machine, Planned
from ..points import LONGEST_SKEW_S, BackupSet, RecoveryPoint, instant
from ..provider import Provider, Work
from ..target import Target

STOPPED, CRASH, APPLICATION = "stopped", "crash", "application"
_OURS = (marks.VM, marks.PLACE, marks.BACKUP, marks.ATTEMPT)


class Members:
    """The recovery points of one backup that is being made, as ``planned``. ``one_moment``: those of disks that are written to must not lie far apart."""

    def __init__(self, target: Target, planned: Sequence[Planned], run: str, *, one_moment: bool = True) -> None:
        self._target, self.planned, self._run, self._one_moment = target, list(planned), run, one_moment
        self._begun: list[Work] = []
        self._was_whole = False
        self._disowned = False

    def found(self) -> list[RecoveryPoint | None]:
        """What there is of each. Raises Conflict for a name that something else has."""
        points = self._target.provider.points
        found: list[RecoveryPoint | None] = at_once(*[partial(points.find, one) for one in self.planned])
        for one, point in zip(self.planned, found):
            if point and any(point.marks.get(key) != one.marks.get(key) for key in _OURS):
                raise Conflict(f"the name {one.name} is taken by a {point.kind.replace('_', ' ')} that is not part of this backup.")
        return found

    def done(self) -> Progress:
        """Done when every point is whole; in flight when all are there."""
        found = self.found()
        if any(point is None or point.condemned for point in found):
            return Progress.NO
        self._was_whole = all(point and point.status == SUCCEEDED for point in found)
        return Progress.DONE if self._was_whole else Progress.IN_FLIGHT

    @property
    def missing(self) -> int:
        return sum(point is None for point in self.found())

    def submit(self, machine: Machine) -> None:
        """Ask for all that is not there, all at once."""
        found = self.found()
        condemned = [point.name for point in found if point and point.condemned]
        if condemned:
            raise Conflict(f"another run takes these recovery points back: {', '.join(condemned)}. Run the task again when it has ended.")
        points = self._target.provider.points
        try:
            self._begun = self._target.gate.begin_all([points.create(one, machine) for one, point in zip(self.planned, found) if point is None])
        except Conflict:
            # Another run of this backup made one in this moment; they are all waited for by name.
            if None in self.found():
                raise

    def wait_until_taken(self) -> None:
        """Wait until the data of every disk is fixed, so that the VM may write again."""
        self._target.waiter.wait_until(
            self._seen,
            lambda points: len(points) == len(self.planned) and all(point.taken for point in points),
            self._unfinished,
        )

    def wait_until_ready(self) -> list[RecoveryPoint]:
        """Wait until every point is seen to be whole, and give them. Raises ProviderFailure for one that failed, Conflict for a skew that is too large."""
        begun, self._begun = self._begun, []
        self._target.gate.wait_all(begun)
        ready = self._target.waiter.wait_until(self._seen, self._whole, self._unfinished)
        # Once more: a run that takes them back may have condemned one after it was read.
        ready = self._seen()
        if not self._whole(ready):
            raise Conflict("another run has taken recovery points of this backup back. Run the task again.")
        skew_s = BackupSet("", "", "", 1, "", "", 0, tuple(ready), {}).skew_s
        if self._one_moment and skew_s > LONGEST_SKEW_S:
            raise Conflict(f"the disks were saved {skew_s} s apart, which is not one point in time. Run the task again.")
        return ready

    def _whole(self, points: Sequence[RecoveryPoint]) -> bool:
        return len(points) == len(self.planned) and all(point.status == SUCCEEDED and not point.condemned for point in points)

    def _unfinished(self, points: list[RecoveryPoint] | None) -> str:
        open_ones = ", ".join(f"{one.name}: {one.status}" for one in points or () if one.status != SUCCEEDED)
        seen = f"not all disks are saved yet ({open_ones})" if points else "whether the disks are saved could not be seen"
        return f"{seen}; the provider goes on. Run the task again to keep waiting."

    def _seen(self) -> list[RecoveryPoint]:
        found = self.found()
        lost = [one.name for one, point in zip(self.planned, found) if point is None]
        if lost and self._begun:
            # Their operations tell why.
            begun, self._begun = self._begun, []
            self._target.gate.wait_all(begun)
        failed = [point.name for point in found if point and point.status in (FAILED, DELETING)]
        if failed:
            raise ProviderFailure(f"saving failed for {', '.join(failed)}.")
        condemned = [point.name for point in found if point and point.condemned]
        if condemned:
            raise Conflict(f"another run takes recovery points of this backup back: {', '.join(condemned)}. Run the task again.")
        return [point for point in found if point]

    def disown(self) -> None:
        """What was asked for is of disks that the VM does not have any more: it is taken back even when it is whole, because nobody may count on it."""
        self._disowned = True

    def take_back(self) -> None:
        """Delete what this run made. A backup that was whole before stays, and without the lock one that is whole meanwhile: another run may count on it."""
        if self._was_whole:
            return
        mine = [point for point in self.found() if point and (point.marks.get(marks.RUN) == self._run or self._target.has_lock)]
        if self._target.has_lock:
            wait_for_deletions(self._target, mine, delete_members(self._target, mine))
        else:
            remove_unless_whole(self._target, mine, lambda: not self._disowned and self._is_whole(self.found()))

    def _is_whole(self, found: Sequence[RecoveryPoint | None]) -> bool:
        return all(point is not None and point.status == SUCCEEDED for point in found)


def remove_unless_whole(target: Target, members: Sequence[RecoveryPoint], is_whole: Callable[[], bool]) -> None:
    """Condemn the members, read again, and delete them only if the set that they belong to is not whole."""
    provider, gate = target.provider, target.gate
    if not members:
        return
    mark_members(provider, gate, members, {marks.RUN: marks.CONDEMNED})
    if is_whole():
        for member in members:
            mark_members(provider, gate, [member], {marks.RUN: member.marks.get(marks.RUN)})
        return
    wait_for_deletions(target, members, delete_members(target, members))


def mark_members(provider: Provider, gate: Gate, members: Sequence[RecoveryPoint], changes: marks.Changes) -> None:
    """Set marks of recovery points; those that are gone are left out."""
    there = [point for point in at_once(*[partial(provider.points.get, member) for member in members]) if point]
    gate.mark_all([(partial(_existing, provider, point), changes) for point in there])


def _existing(provider: Provider, member: RecoveryPoint) -> RecoveryPoint:
    found = provider.points.get(member)
    if found is None:
        raise NotFound(f"{member.kind.replace('_', ' ')} {member.name} does not exist any more.")
    return found


def delete_members(target: Target, members: Sequence[RecoveryPoint]) -> list[Work]:
    """Ask for the deletion of recovery points, all at once; those that are gone, or being deleted, are fine."""
    wanted = [member for member in members if member.status != DELETING]

    def begin(member: RecoveryPoint) -> list[Work]:
        try:
            return target.gate.begin_all([target.provider.points.delete(member)])
        except NotFound:
            # What is gone may also be the VM, and with it the lock: then nothing was deleted.
            if target.provider.points.get(member) is not None:
                raise
            return []

    outcomes: list[list[Work] | RecoveryError] = at_once(*[partial(_tried, begin, member) for member in wanted])
    refusals = [outcome for outcome in outcomes if isinstance(outcome, RecoveryError)]
    begun = [work for outcome in outcomes if not isinstance(outcome, RecoveryError) for work in outcome]
    if refusals:
        wait_for_deletions(target, [], begun)
        raise remaining(target, members, refusals[0])
    return begun


def _tried(begin: Callable[[RecoveryPoint], list[Work]], member: RecoveryPoint) -> list[Work] | RecoveryError:
    try:
        return begin(member)
    except RecoveryError as error:
        return error


def wait_for_deletions(target: Target, members: Sequence[RecoveryPoint], begun: Sequence[Work]) -> None:
    """See recovery points gone. Raises ProviderFailure, listing what remains."""
    points = target.provider.points
    try:
        target.gate.wait_all(begun)
        target.waiter.wait_until(
            lambda: [member.name for member in members if points.get(member) is not None],
            lambda there: not there,
            lambda there: f"these recovery points are still being deleted: {', '.join(there or ())}. Run the task again to keep waiting.",
        )
    except ProviderFailure as error:
        raise remaining(target, members, error) from error


def remaining(target: Target, members: Sequence[RecoveryPoint], error: RecoveryError) -> RecoveryError:
    """The error with what remains of the recovery points."""
    there = [member.name for member in members if target.provider.points.get(member) is not None]
    text = f"{error.message} These remain: {', '.join(there) or 'none'}. Run the task again."
    return ProviderFailure(text, code=error.code, http_status=error.http_status, request_id=error.request_id)


def saved_at_rest(member: RecoveryPoint, machine: Machine) -> bool:
    """Whether it was saved while the VM was stopped, and the VM has not been started since."""
    made_at, started_at = instant(member.taken_at or member.created_at), instant(machine.started_at)
    return bool(member.marks.get(marks.CONSISTENCY) == STOPPED and made_at and (started_at is None or made_at >= started_at))


def next_attempt(existing: Sequence[BackupSet], devices: frozenset[str] | None, count: int, consistency: str, machine: Machine) -> int:
    """The attempt to go on with: the last one, unless it failed, is of other disks, was made in another way, or what is missing would be taken too late."""
    last = max(existing, key=lambda one: one.attempt, default=None)
    if last is None:
        return 1
    made_at = instant(last.created_at)
    age_s = (datetime.now(timezone.utc) - made_at).total_seconds() if made_at else 0.0
    whole = len(last.members) == last.expected
    alike = all(member.marks.get(marks.CONSISTENCY) == consistency for member in last.members)
    still = consistency != STOPPED or all(saved_at_rest(member, machine) for member in last.members)
    same = last.expected == count and (devices is None or last.devices is None or last.devices <= devices)
    left = any(member.condemned for member in last.members) or last.status in (FAILED, DELETING)
    usable = alike and still and same and not left and (whole or age_s < LONGEST_SKEW_S)
    return last.attempt if usable else last.attempt + 1
