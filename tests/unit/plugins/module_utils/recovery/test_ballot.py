# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock without compare-and-swap: all interleavings of two and of three runs, and never two that believe that they hold it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from unittest import mock

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import OutcomeUnknown
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock import lock as lock_module
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.ballot import BallotPlace
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.claim import Claim
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.lock import Lock, LockLost

from tests.unit.fakes import FakeClock
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


def made(run: str, tools: Tools, *, follows: bool = True, place_kind: type[BallotPlace] = BallotPlace) -> tuple[QuietLock, BallotPlace]:
    place = place_kind(tools, lambda: None, lambda: False)
    lock = QuietLock(place, PURPOSE, TTL, Waiter(PATIENCE, TTL, clock=tools.slept, sleep=tools.sleep), lambda _claim: follows, now=tools.now)
    lock._claim = Claim(run, PURPOSE, was_running=False)
    tools.held = lambda: lock.held and not tools.end
    tools.good_until = lambda: lock._good_until
    tools.facts = lambda: (lock._claim, lock._good_until, lock._taken_over, lock.held, place._mine, place._holds, place._stands, place._epoch)
    return lock, place


def newcomer(run: str, *, renewals: int = 0, releases: bool = False, follows: bool = True, place: type[BallotPlace] = BallotPlace) -> Program:
    """A run that takes the lock, renews it so many times, and gives it up when it ``releases``."""

    def program(tools: Tools) -> object:
        lock, _place = made(run, tools, follows=follows, place_kind=place)
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
        lock.held, place._mine, place._holds = True, f"lock-run-{run}-1", True
        try:
            for _number in range(renewals):
                lock.confirm()
        except LockLost:
            tools.end = "stopped"
        return lock

    return program


def key(run: str, epoch: int = 5) -> dict[str, str]:
    """The key of a holder in the store."""
    return {f"lock-run-{run}-1": f"r-{epoch}.{PURPOSE}"}


class OneKeyForAll(BallotPlace):
    """What a ballot is there to avoid: look, write, and believe it when the own value is read back."""

    def swap(self, expected: Claim | None, claim: Claim | None, more: Mapping[str, str | None]) -> bool:
        if claim is None or self.read() != expected:
            return False
        self._write("lock-run-all-1", claim, holds=True, more=more)
        return self._keys.read().get("lock-run-all-1", "") == f"{claim.text[len(claim.run) + 1 :]}.{claim.purpose}"

    def read(self) -> Claim | None:
        return None


@pytest.mark.parametrize(
    ("programs", "store", "most_writes"),
    [
        pytest.param({"a": newcomer("a"), "b": newcomer("b")}, {}, 4, id="two want it"),
        pytest.param({"a": newcomer("a", renewals=1, releases=True), "b": newcomer("b")}, {}, 5, id="one renews and gives it up, one wants it"),
        pytest.param({"a": newcomer("a"), "b": newcomer("b")}, key("z"), 4, id="two want that of a dead one"),
        pytest.param({"a": newcomer("a"), "z": sleeper("z")}, key("z"), 8, id="one wants that of a sleeping one"),
        pytest.param({"b": newcomer("b"), "a": sleeper("a", renewals=2)}, key("a"), 8, id="one wants that of a sleeping one with a lower id"),
        pytest.param({name: newcomer(name, follows=False) for name in "abc"}, {}, 4, id="three want it"),
        pytest.param({"a": newcomer("a"), "b": newcomer("b"), "z": sleeper("z")}, key("z"), 3, id="two want that of a sleeping one"),
    ],
)
def test_never_do_two_hold_the_lock_whatever_the_order_of_their_requests(programs: dict[str, Program], store: dict[str, str], most_writes: int) -> None:
    search = Search(programs, store, most_writes).run()
    assert search.both == set(), "\n".join(search.story)
    # Each can come to hold it in some order, so that the search saw more than refusals.
    for name in programs:
        assert any(f"{name} hold" in end or f"{name} held" in end or f"{name} gave" in end for ends in search.ends for end in ends)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("store", [{}, key("z")], ids=["free", "of a dead one"])
def test_run_whose_writing_ended_with_an_error_gives_its_key_up_and_leaves_those_of_others(number: int, store: dict[str, str]) -> None:
    class Keys:
        def __init__(self) -> None:
            self.there, self.writes = dict(store), 0

        def read(self) -> Mapping[str, str]:
            return dict(self.there)

        def write(self, changes: Mapping[str, str | None]) -> None:
            self.writes += 1
            self.there = {name: value for name, value in {**self.there, **changes}.items() if value is not None}
            if self.writes == number:
                raise OutcomeUnknown("no answer came.")

    keys, clock = Keys(), FakeClock()
    lock = QuietLock(BallotPlace(keys, lambda: None, lambda: False), PURPOSE, TTL, clock.waiter(60), lambda _claim: True, now=clock)
    with pytest.raises(OutcomeUnknown):
        lock.acquire(was_running=True)
    lock.give_back()
    assert {name: value for name, value in keys.there.items() if "lock" in name} == store


def test_of_two_that_want_it_at_once_one_gets_it() -> None:
    """Neither waits for the death of the other: whatever the order, one of them holds the lock, or is still at it."""
    search = Search({name: newcomer(name, follows=False) for name in "ab"}).run()
    assert not any(all(end.endswith("withdrew") for end in ends) for ends in search.ends)


def test_search_finds_the_fault_of_one_key_for_all() -> None:
    """The search could not be relied on if it found no fault where there is one."""
    programs = {name: newcomer(name, follows=False, place=OneKeyForAll) for name in "ab"}
    search = Search(programs).run()
    assert search.both == {("a", "b")}
