# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock that a restore holds on a VM: one label, set by compare-and-swap, renewed by its holder, taken over from the dead."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from ..core.errors import Conflict, RecoveryError
from ..core.waiter import Waiter

_FREE = "free"
_LOOKS = 10


@dataclass(frozen=True)
class Claim:
    """What the label says: who holds the lock (a run's id), for which task, whether the VM was running before, and how often it was renewed."""

    run: str
    purpose: str
    was_running: bool
    epoch: int = 0

    @property
    def text(self) -> str:
        """The label's value; the purpose has a label of its own."""
        return f"{self.run}-{'r' if self.was_running else 's'}-{self.epoch}"

    @property
    def left_orderly(self) -> bool:
        """The holder ended and said so, but its work is not finished: whoever goes on with it need not wait."""
        return self.run == _FREE


def parse_claim(value: str, purpose: str) -> Claim:
    """The claim that a label holds; anything unreadable is a holder that does not renew."""
    run, _dash, rest = value.partition("-")
    state, _dash, epoch = rest.partition("-")
    return Claim(run, purpose, state != "s", int(epoch) if epoch.isdigit() else 0)


class LockPlace(Protocol):
    """Where the lock is kept: on the VM, or on a disk while there is no VM."""

    def read(self) -> Claim | None:
        """The claim there, None when it is free. Raises NotFound when there is nothing that could hold one."""

    def swap(self, expected: Claim | None, claim: Claim | None) -> bool:
        """Write ``claim`` (None: remove it) if what is there is still ``expected``; whether that was so."""

    def busy(self) -> bool:
        """Whether the provider still works on something that an earlier holder began."""


class LockLost(Conflict):
    """Another run has taken the lock over: it decides from now on, so that nothing may be undone any more."""

    keeps_state = refines = True


class Lock:
    """The lock for one task. ``ttl_s`` is how long a claim that is not renewed counts as alive."""

    def __init__(self, place: LockPlace, purpose: str, ttl_s: float, waiter: Waiter, may_follow: Callable[[Claim], bool]) -> None:
        self._place, self._ttl_s, self._waiter, self._may_follow = place, ttl_s, waiter, may_follow
        self._claim = Claim(secrets.token_hex(6), purpose, was_running=False)
        self._turn = threading.RLock()
        self._ended = threading.Event()
        self._renewal: threading.Thread | None = None
        self.held = False

    @property
    def claim(self) -> Claim:
        return self._claim

    @property
    def turn(self) -> threading.RLock:
        """To be held around whatever changes the VM: its own changes go one after another, renewals among them."""
        return self._turn

    def acquire(self, was_running: bool) -> Claim:
        """Take the lock and keep renewing it; ``was_running`` counts where no earlier run has noted it. Raises Conflict, naming the holder."""
        while True:
            found = self._place.read()
            if found and found.run == self._claim.run:
                break
            if found and not found.left_orderly:
                self._watch(found)
            elif found and not self._may_follow(found):
                raise self._held_by(found, "ended without finishing it")
            claim = replace(self._claim, was_running=found.was_running if found else was_running, epoch=found.epoch + 1 if found else 0)
            if self._place.swap(found, claim):
                self._claim = claim
                break
        self.held = True
        self._renewal = threading.Thread(target=self._renew_until_ended, name="lock", daemon=True)
        self._renewal.start()
        return self._claim

    def _watch(self, found: Claim) -> None:
        """Wait until the holder counts as dead. Raises Conflict as soon as it shows life."""
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
        return LockLost(f"the run {found.run} for {found.purpose or 'an unknown task'} {why}. Nothing was changed; run again when it has ended.")

    def check(self) -> None:
        """Raises LockLost unless the lock is still ours; to be called before each step that cannot be taken back lightly."""
        found = self._place.read()
        if found is None or found.run != self._claim.run:
            raise LockLost(
                f"the lock was taken over by {f'the run {found.run} for {found.purpose}' if found else 'someone who removed it'}; this run stops here."
            )

    def release(self) -> None:
        """Give it up after the work is done."""
        self._end(None)

    def abandon(self) -> None:
        """Give it up with the work unfinished, so that the next run of the same task goes on at once."""
        self._end(replace(self._claim, run=_FREE))

    def stop_renewing(self) -> None:
        self._ended.set()
        if self._renewal and self._renewal is not threading.current_thread():
            self._renewal.join()
        self._renewal = None

    def _end(self, claim: Claim | None) -> None:
        if not self.held:
            return
        self.stop_renewing()
        while True:
            found = self._place.read()
            if found is None or found.run != self._claim.run or self._place.swap(found, claim):
                break
        self.held = False

    def _renew_until_ended(self) -> None:
        while not self._ended.wait(self._ttl_s / 3):
            with self._turn:
                if self._ended.is_set():
                    return
                try:
                    self._renew()
                except RecoveryError:
                    # A failed renewal is tried again at the next turn; whether the lock is still ours is asked before each step that counts.
                    continue

    def _renew(self) -> None:
        found = self._place.read()
        if found and found.run == self._claim.run:
            claim = replace(found, epoch=found.epoch + 1)
            if self._place.swap(found, claim):
                self._claim = claim
