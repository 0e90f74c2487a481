# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock without compare-and-swap: all interleavings of two and of three runs, and never two that believe that they hold it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from unittest import mock

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock import lock as lock_module
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.ballot import BallotPlace
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.claim import Claim
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.lock import Lock, LockLost

from tests.unit.plugins.module_utils.recovery.interleavings import Program, Search, Tools

PURPOSE = "restore_r1"
# A lock lives for one unit of time, which is how long one pause of a watcher takes.
TTL = 1.0
PATIENCE = 2.5


class QuietLock(Lock):
    """Without a thread: a program renews when it says so."""

    def _hold(self, began: float) -> None:
        self.held = True
        self._confirmed(began)


@pytest.fixture(autouse=True)
def _one_look() -> Iterator[None]:
    """A watcher looks once a lifetime."""
    with mock.patch.object(lock_module, "_LOOKS", 1):
        yield


def made(run: str, tools: Tools) -> tuple[QuietLock, BallotPlace]:
    place = BallotPlace(tools, lambda: None, lambda: False)
    lock = QuietLock(place, PURPOSE, TTL, Waiter(PATIENCE, TTL, clock=tools.slept, sleep=tools.sleep), lambda _claim: True, now=tools.now)
    lock._claim = Claim(run, PURPOSE, was_running=False)
    tools.held = lambda: lock.held and not tools.end
    tools.good_until = lambda: lock._good_until
    tools.facts = lambda: (lock._claim, lock._good_until, lock._taken_over, lock.held, place._mine, place._epoch)
    return lock, place


def newcomer(run: str, *, renewals: int = 0, releases: bool = False) -> Program:
    """A run that takes the lock, renews it so many times, and gives it up when it ``releases``."""

    def program(tools: Tools) -> object:
        lock, _place = made(run, tools)
        try:
            lock.acquire(was_running=True)
            for _number in range(renewals):
                lock.confirm()
                lock._renew()
            if releases:
                lock.release()
                tools.end = "gave it up"
        except LockLost:
            tools.end = "withdrew"
        return lock

    return program


def sleeper(run: str, renewals: int = 1) -> Program:
    """A run that held the lock and was stopped for longer than it lives; it wakes up, and asks for its lock before it goes on."""

    def program(tools: Tools) -> object:
        lock, place = made(run, tools)
        lock.held, place._mine = True, run
        try:
            for _number in range(renewals):
                lock.confirm()
        except LockLost:
            tools.end = "stopped"
        return lock

    return program


def key(run: str, epoch: int = 5) -> dict[str, str]:
    """The key of a holder in the store."""
    return {f"lock-run-{run}": f"r-{epoch}.{PURPOSE}"}


def test_two_runs_never_both_hold_a_free_lock() -> None:
    search = Search({"a": newcomer("a"), "b": newcomer("b")}).run()
    assert search.both == []
    print(search.states, search.ends)
