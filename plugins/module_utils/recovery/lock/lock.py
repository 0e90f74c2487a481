# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock that a run holds on a machine: a lease by its own clock, renewed by its holder, taken over from the dead."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar, Protocol

from ...core.errors import Conflict, NotFound, RecoveryError
from ...core.waiter import Waiter
from .claim import Claim

_LOOKS = 10
# The first pause between two tries to write it.
_SHORT_S = 0.1
# The part of the time to live that a confirmation is not relied on: a request needs time to arrive.
_MARGIN = 0.2


def clock() -> float:
    """Seconds that go on while this process, or the machine under it, is stopped."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class LockPlace(Protocol):
    """Where the lock is kept: on the machine, or on a disk while there is no machine."""

    # Whether a renewal that fails has given the lock up.
    WITHDRAWS: ClassVar[bool]

    def read(self) -> Claim | None:
        """The claim there, None when it is free. Raises NotFound when there is nothing that could hold one."""

    def swap(self, expected: Claim | None, claim: Claim | None, more: Mapping[str, str | None]) -> bool:
        """Write ``claim`` (None: remove it), and ``more`` marks with it, if what is there is still ``expected``; whether that was so."""

    def busy(self) -> bool:
        """Whether the provider still works on something that an earlier holder began."""

    def marks_of(self, claim: Claim) -> dict[str, str]:
        """The marks that make the claim, to be written by a request that makes what is to carry the lock."""


class LockLost(Conflict):
    """Another run holds the lock: it decides from now on, so nothing may be undone any more."""

    keeps_state = refines = True


class LeaseExpired(Conflict):
    """The lock was confirmed too long ago for a request to leave; nothing was sent. Who sends confirms it again, and tries again."""

    refines = True


class Lock:
    """The lock for one task. A claim that is not renewed for ``ttl_s`` counts as abandoned, and another run may take it over.

    What was written (taken, renewed) at a time t is good until t + ttl less a margin, by our own clock. A look does not make it last longer:
    whoever watches the lock counts from what was written last. ``require`` is asked immediately before a request leaves: a run that was paused
    or cut off for longer sends nothing, whatever it had read before.
    """

    def __init__(
        self, place: LockPlace, purpose: str, ttl_s: float, waiter: Waiter, may_follow: Callable[[Claim], bool], now: Callable[[], float] = clock
    ) -> None:
        self._place, self._ttl_s, self._waiter, self._may_follow, self._now = place, ttl_s, waiter, may_follow, now
        self._claim = Claim(secrets.token_hex(6), purpose, was_running=False)
        self._good_until = 0.0
        self._taken_over = False
        self._turn = threading.RLock()
        self._ended = threading.Event()
        self._renewal: threading.Thread | None = None
        self.held = False
        # The claim may be about to be written, by a request whose end was not seen.
        self._unsure = False

    @property
    def claim(self) -> Claim:
        return self._claim

    @property
    def run(self) -> str:
        """The id of this run."""
        return self._claim.run

    @property
    def taken_over(self) -> bool:
        """Whether an earlier run had the lock and did not finish: what it had begun is ours to finish or to undo."""
        return self._taken_over

    @property
    def turn(self) -> threading.RLock:
        """To be held around whatever changes the machine: its own changes go one after another, renewals among them."""
        return self._turn

    # --- the lease

    @property
    def fresh(self) -> bool:
        """Whether the lock was confirmed lately enough to be relied on."""
        return self._now() < self._good_until

    def require(self) -> None:
        """To be asked immediately before a request leaves. Raises LeaseExpired."""
        if not self.fresh:
            raise LeaseExpired("the lock could not be confirmed in time, so nothing was sent.")

    def confirm(self) -> None:
        """See that the lock is still ours, and renew it when that is due. Raises LockLost."""
        if not self.fresh:
            self._renew()
        self.confirm_by(self._place.read())

    def confirm_by(self, found: Claim | None) -> None:
        """The same by a claim that was just read. Raises LockLost."""
        if found is None or found.run != self._claim.run:
            raise LockLost(f"the lock was {f'taken over by {found.holder}' if found else 'removed by somebody'}; this run stops here.")

    def _confirmed(self, began: float) -> None:
        self._good_until = max(self._good_until, began + self._ttl_s * (1 - _MARGIN))

    @property
    def now(self) -> Callable[[], float]:
        return self._now

    # --- taking it

    def acquire(self, was_running: bool) -> Claim:
        """Take the lock and keep renewing it; ``was_running`` counts where no earlier run has noted it. Raises LockLost, naming the holder."""
        for _try in self._tries():
            found = self._place.read()
            if found and found.run == self._claim.run:
                # It was written before, nobody knows when.
                self._claim = found
                self._hold(float("-inf"))
                return self._claim
            if found and not found.released_unfinished:
                self._watch(found)
            elif found and not self._may_follow(found):
                raise self._held_by(found, "did not finish its work")
            claim = replace(self._claim, was_running=found.was_running if found else was_running, epoch=found.epoch + 1 if found else 0)
            began = self._now()
            if self._write(found, claim):
                self._hold(began)
                self._wait_until_shown(found)
                return self._claim
        return self._claim

    def _write(self, found: Claim | None, claim: Claim) -> bool:
        before, self._claim, self._unsure = self._claim, claim, True
        # An error may come after it was accepted: who gives up then looks whether the lock is ours.
        self._taken_over, self.held = found is not None, True
        written = self._place.swap(found, claim, {})
        if not written:
            self._claim, self._taken_over, self.held = before, False, False
        self._unsure = False
        return written

    def _tries(self) -> Iterator[None]:
        """Tries at a write that somebody else's may be ahead of: the second at once, then with growing pauses. Raises Conflict at the deadline."""
        yield
        yield
        for pause_s in self._waiter.pauses(_SHORT_S):
            if self._waiter.remaining_s <= 0:
                raise Conflict("the mark of the lock could not be written, because somebody else changes the marks all the time.")
            self._waiter.pause(min(pause_s, self._ttl_s / _LOOKS))
            yield

    def correct(self, was_running: bool) -> None:
        """Note that the machine ran, or did not, when the lock was taken: somebody started or stopped it after it was read."""
        if was_running is not self._claim.was_running:
            self._renew(was_running)

    def made_with(self, was_running: bool) -> dict[str, str]:
        """The marks to be written in the request which makes the place of the lock; ``acquire`` then finds it to be ours."""
        self._claim = replace(self._claim, was_running=was_running)
        return self.marks()

    def marks(self) -> dict[str, str]:
        """The marks that show the lock on whatever else is to carry it."""
        return self._place.marks_of(self._claim)

    def _hold(self, began: float) -> None:
        self.held = True
        self._confirmed(began)
        self._renewal = threading.Thread(target=self._renew_until_ended, name="lock", daemon=True)
        self._renewal.start()

    def _wait_until_shown(self, replaced: Claim | None) -> None:
        """Wait while reads lag: one that still shows the claim which was replaced is no sign of another run. Raises LockLost."""
        limit = self._waiter.shorter(self._ttl_s / 2)
        for pause_s in limit.pauses():
            found = self._place.read()
            lags = (found.text if found else "") == (replaced.text if replaced else "")
            if not lags or limit.remaining_s <= 0:
                return self.confirm_by(found)
            limit.pause(pause_s)

    def _watch(self, found: Claim) -> None:
        """Wait until the holder counts as dead. Raises LockLost as soon as it shows life."""
        if not self._may_follow(found):
            raise self._held_by(found, "holds it")
        began_s = self._waiter.remaining_s
        while (left_s := self._ttl_s - (began_s - self._waiter.remaining_s)) > 0 or self._place.busy():
            # The task's own deadline makes nobody else dead any sooner.
            if self._waiter.remaining_s <= 0:
                raise self._held_by(found, "holds it, and the deadline passed before it counted as dead")
            self._waiter.pause(min(max(left_s, 0.5), self._ttl_s / _LOOKS))
            now = self._place.read()
            if now is None or now.text != found.text:
                raise self._held_by(found, "has released it a moment ago" if now is None else "is alive: it has renewed it")

    def _held_by(self, found: Claim, why: str) -> LockLost:
        who = found.task if found.released_unfinished else f"the run {found.run} for {found.task}"
        return LockLost(f"{who} {why}. This run changed nothing; run it again when that has ended.")

    # --- giving it up

    def release(self, more: Mapping[str, str | None] | None = None) -> None:
        """Give it up after the work is done, and set ``more`` marks of the place in the same request. Raises LockLost when it is not ours any more."""
        ended = self._end(None, more or {})
        if not ended and more:
            raise LockLost("another run has taken the lock over in the end; this run stops here.")
        if ended and self._place.WITHDRAWS:
            self._until_unseen()

    def _until_unseen(self) -> None:
        """Wait while reads still show the lock: who comes next would take it for one that is held."""
        limit = self._waiter.shorter(self._ttl_s / 2)
        for pause_s in limit.pauses():
            try:
                found = self._place.read()
            except NotFound:
                return
            if found is None or found.run != self._claim.run or limit.remaining_s <= 0:
                return
            limit.pause(pause_s)

    def give_back(self) -> None:
        """Give it up with nothing done: free when it was free, and as it was left when it was taken over from a run that did not finish."""
        self._end(self._claim.released() if self._taken_over else None, {})

    def abandon(self) -> None:
        """Give it up with the work unfinished, so that the next run of the same task goes on at once."""
        self._end(self._claim.released(), {})

    def gone(self) -> None:
        """The place of the lock was deleted, as this run was asked to: there is nothing to give up."""
        self.stop_renewing()
        self.held = False

    def stop_renewing(self) -> None:
        self._ended.set()
        if self._renewal and self._renewal is not threading.current_thread():
            self._renewal.join()
        self._renewal = None

    def _end(self, claim: Claim | None, more: Mapping[str, str | None]) -> bool:
        if not self.held:
            return False
        self.stop_renewing()
        while self._unsure and self._waiter.remaining_s > 0 and self._place.busy():
            self._waiter.pause(min(1.0, self._ttl_s / _LOOKS))
        for _try in self._tries():
            try:
                found = self._place.read()
            except NotFound:
                # What carried it was deleted, as this run was asked to.
                self.held = False
                return False
            ours = found is not None and found.run == self._claim.run
            if not ours or self._place.swap(found, claim, more):
                self.held = False
                return ours
        return False

    def _renew_until_ended(self) -> None:
        while not self._ended.wait(self._ttl_s / 3):
            # A long operation must not keep the lock from being renewed: after a while the renewal goes beside it.
            mine = self._turn.acquire(timeout=self._ttl_s / 6)
            try:
                if self._ended.is_set():
                    return
                self._renew()
            except RecoveryError:
                # A failed renewal is tried again at the next turn; whether the lock is still ours is asked before each request that counts.
                continue
            finally:
                if mine:
                    self._turn.release()

    def _renew(self, was_running: bool | None = None) -> None:
        began = self._now()
        found = self._place.read()
        if found and found.run == self._claim.run:
            claim = replace(found, epoch=found.epoch + 1, was_running=found.was_running if was_running is None else was_running)
            if self._place.swap(found, claim, {}):
                self._claim = claim
                self._confirmed(began)
            elif self._place.WITHDRAWS:
                self._good_until = 0.0
