# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that sends changes: while the lock is ours, one after another on one thing, and only to a machine in the state that they need."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from ..core.errors import Cancelled, Conflict, NotFound, OutcomeUnknown, ProviderFailure, RecoveryError
from ..core.guard import guarded
from ..core.steps import at_once
from ..core.waiter import Waiter
from .lock.claim import claim_of
from .lock.lock import LeaseExpired, Lock
from .marks import Changes
from .model import Machine, Marked, Power, Ref
from .provider import Change, Marks, Work

# How long an accepted change may stay invisible to reads, in seconds.
LAG_S = 60.0
# How the words of a change begin that deletes something, and of one that stops a machine.
DELETING, STOPPING = "deleting ", "stopping "
_CONFIRMATIONS = 5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0


class Gate:
    """``look`` reads the machine anew, None while there is none. Without a ``lock`` whatever is asked for is sent."""

    def __init__(self, waiter: Waiter, marks: Marks, look: Callable[[], Machine | None] | None = None, lock: Lock | None = None, machine: Ref = "") -> None:
        self._waiter, self._marks, self._look, self._lock, self._machine = waiter, marks, look, lock, machine
        self._turns: dict[Ref, threading.RLock] = {}
        self._guarding = threading.Lock()
        # What was accepted, for a message when nothing can be read any more.
        self.sent: list[str] = []

    def send(self, change: Change, shows: Callable[[], bool] | None = None) -> None:
        """Send it, wait for its end, and wait until ``shows`` sees its effect.

        Raises LockLost when another run holds the lock, Conflict for a machine in another state than the change needs; then nothing was sent.
        """
        with self._turn(change.of):
            self._submit(change).wait()
        self._until_shown(change.what, shows)

    def send_first(self, change: Change, shows: Callable[[], bool]) -> None:
        """Make what is to carry the lock, before there is a lock: the change makes the claim itself."""
        self._sent(change).wait()
        self._until_shown(change.what, shows)

    def send_all(self, changes: Sequence[Change], shows: Callable[[], bool] | None = None) -> None:
        """Send changes of different things at once, wait for the end of all, then raise the first error, which tells how many others failed."""
        self.wait_all(self.begin_all(changes))
        if changes:
            self._until_shown(changes[0].what, shows)

    def begin_all(self, changes: Sequence[Change]) -> list[Work]:
        """Send changes of different things at once. What is accepted is waited for even when another one is refused; then that is raised."""
        outcomes: list[Work | RecoveryError] = at_once(*[partial(self._tried, change) for change in changes])
        refusals = [outcome for outcome in outcomes if isinstance(outcome, RecoveryError)]
        begun = [outcome for outcome in outcomes if not isinstance(outcome, RecoveryError)]
        if refusals:
            self._settle(begun)
            # One that may have been carried out must not hide behind one that was not.
            raise next((error for error in refusals if isinstance(error, OutcomeUnknown)), refusals[0])
        return begun

    def _tried(self, change: Change) -> Work | RecoveryError:
        try:
            return self._submit(change)
        except RecoveryError as error:
            return error

    @staticmethod
    def _settle(begun: Sequence[Work]) -> None:
        for work in begun:
            try:
                work.wait()
            except Cancelled:
                return
            except RecoveryError:
                continue

    @staticmethod
    def wait_all(begun: Sequence[Work]) -> None:
        """Wait for the end of each, even when others fail; then raise the first error."""
        errors: list[RecoveryError] = []
        for work in begun:
            try:
                work.wait()
            except Cancelled:
                raise
            except RecoveryError as error:
                errors.append(error)
        if errors:
            if len(errors) > 1:
                errors[0].message = f"{errors[0].message} {len(errors) - 1} more of these failed."
            raise errors[0]

    def _turn(self, of: Ref) -> AbstractContextManager[object]:
        if self._lock and of == self._machine:
            return self._lock.turn
        with self._guarding:
            return self._turns.setdefault(of, threading.RLock())

    def _submit(self, change: Change) -> Work:
        lock = self._lock
        if lock is None:
            return self._sent(change)
        if not lock.held:
            raise RuntimeError("a machine is changed only under its lock")
        for _confirmation in range(_CONFIRMATIONS):
            self._check(change, lock)
            try:
                with guarded(lock.require):
                    return self._sent(change)
            except LeaseExpired:
                # This process was stopped between the check and the request.
                continue
        raise ProviderFailure(f"the lock could not be confirmed in time, so this was not sent: {change.what}.", transient=True)

    def _sent(self, change: Change) -> Work:
        work = change.send()
        self.sent.append(change.what)
        return work

    def _check(self, change: Change, lock: Lock) -> None:
        """See that the lock is ours and the machine is in the state that the change needs; one read tells both where the machine carries the lock."""
        if change.needs is not None and self._look:
            machine = self._look()
            if machine is None:
                raise NotFound(f"{change.what}: the VM does not exist any more. This was not done.")
            lock.confirm_by(claim_of(machine.marks)) if claim_of(machine.marks) else lock.confirm()
            if machine.power is not change.needs:
                raise Conflict(f"{change.what}: the VM is {machine.status}, not {_WORDS[change.needs]}: somebody started or stopped it. This was not done.")
        if change.takes_away and change.needs is None or not lock.fresh:
            lock.confirm()

    # --- seeing

    def _until_shown(self, what: str, shows: Callable[[], bool] | None) -> None:
        """Read until the effect of an accepted change is seen: reads may lag behind it."""
        if shows is None or shows():
            return
        self._waiter.shorter(LAG_S).wait_until(shows, bool, lambda _seen: f"{what} was accepted and reported as done, but is not seen. Run the task again.")

    # --- marks

    def mark(self, read: Callable[[], Marked | None], changes: Changes) -> None:
        """Set marks of one thing by compare-and-swap; what others write meanwhile is kept. Sends nothing when they are set.

        Raises NotFound when the thing is gone, Conflict when others never leave it alone until the deadline.
        """
        self.mark_all([(read, changes)])

    def mark_all(self, wanted: Sequence[tuple[Callable[[], Marked | None], Changes]], *, until_seen: bool = False) -> None:
        """The same for several things at once. ``until_seen``: wait until reads show the marks, because what follows goes by them."""
        self._all(wanted, self._marked)
        if until_seen:
            self._until_shown("marking", lambda: all(at_once(*[partial(_shows, read, changes) for read, changes in wanted])))

    def _all(self, wanted: Sequence[tuple[Callable[[], Marked | None], Any]], write: Callable[..., RecoveryError | None]) -> None:
        pause_s, left = _FIRST_PAUSE_S, list(wanted)
        while left:
            outcomes = at_once(*[partial(write, read, changes) for read, changes in left])
            stale = [error for error in outcomes if error]
            left = [one for one, error in zip(left, outcomes) if error]
            if not left:
                break
            if self._waiter.remaining_s <= 0:
                trouble = stale[0]
                raise Conflict(f"marks could not be set, because somebody else changes them all the time: {trouble.message}", code=trouble.code) from trouble
            self._waiter.pause(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def tag_all(self, wanted: Sequence[tuple[Callable[[], Marked | None], Mapping[str, str]]]) -> None:
        """Set the user's tags of several things at once, by compare-and-swap; other tags are kept."""
        self._all(wanted, self._tagged)

    def _marked(self, read: Callable[[], Marked | None], changes: Changes) -> RecoveryError | None:
        seen = self._seen(read)
        if _has(seen, changes):
            return None
        return self._write(self._marks.write(seen, changes))

    def _tagged(self, read: Callable[[], Marked | None], tags: Mapping[str, str]) -> RecoveryError | None:
        seen = self._seen(read)
        if all(seen.tags.get(key) == value for key, value in tags.items()):
            return None
        return self._write(self._marks.write_tags(seen, tags))

    @staticmethod
    def _seen(read: Callable[[], Marked | None]) -> Marked:
        seen = read()
        if seen is None:
            raise NotFound("what is to be marked does not exist any more.")
        return seen

    def _write(self, change: Change) -> RecoveryError | None:
        """None when it was written; the error when the thing was changed by others, or no answer came, and must be read again."""
        try:
            with self._turn(change.of):
                self._submit(change).wait()
        except RecoveryError as error:
            if self._marks.is_stale(error) or isinstance(error, OutcomeUnknown):
                return error
            raise
        return None


def _shows(read: Callable[[], Marked | None], changes: Changes) -> bool:
    return _has(read(), changes)


def _has(thing: Marked | None, changes: Changes) -> bool:
    """Whether the changes are made to a thing that is there."""
    return thing is not None and all(thing.marks.get(key) == value for key, value in changes.items())


_WORDS: Mapping[Power, str] = {Power.ON: "running", Power.OFF: "stopped", Power.BETWEEN: "changing", Power.SUSPENDED: "suspended"}
