# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock: got by compare-and-swap, renewed while it is held, taken over only from the dead, lost without harm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Conflict, NotFound, ProviderFailure, RecoveryError
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock import Claim, Lock, LockLost, parse_claim

from tests.unit.fakes import PATIENCE_S, FakeClock

TTL_S = 120.0
PURPOSE = "restore_r1"
OTHER = Claim("other", PURPOSE, was_running=True, epoch=7)


class Place:
    """A place for a claim in memory. ``before_read`` and ``before_swap`` are called with the number of the call, and may change or raise."""

    def __init__(self, claim: Claim | None = None) -> None:
        self.claim = claim
        self.reads = self.swaps = 0
        self.written: list[Claim | None] = []
        self.is_busy = False
        self.before_read: Callable[[int], None] = lambda _number: None
        self.before_swap: Callable[[int], None] = lambda _number: None
        self.after_swap: Callable[[int], None] = lambda _number: None
        self._turn = threading.Lock()

    def read(self) -> Claim | None:
        self.reads += 1
        self.before_read(self.reads)
        return self.claim

    def swap(self, expected: Claim | None, claim: Claim | None) -> bool:
        with self._turn:
            self.swaps += 1
            self.before_swap(self.swaps)
            if (self.claim.text if self.claim else None) != (expected.text if expected else None):
                return False
            self.claim = claim
            self.written.append(claim)
            self.after_swap(self.swaps)
            return True

    def busy(self) -> bool:
        return self.is_busy


@contextmanager
def locked(place: Place, *, ttl_s: float = TTL_S, clock: FakeClock | None = None, timeout_s: float = 3600.0, may_follow: bool = True) -> Iterator[Lock]:
    """A lock whose thread has ended afterwards."""
    lock = Lock(place, PURPOSE, ttl_s, (clock or FakeClock()).waiter(timeout_s), lambda _claim: may_follow)
    try:
        yield lock
    finally:
        lock.stop_renewing()


def eventually(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


# The label


@pytest.mark.parametrize("running", [True, False])
def test_claim_is_read_as_it_was_written(running: bool) -> None:
    claim = Claim("abc123", PURPOSE, running, 12)
    assert parse_claim(claim.text, PURPOSE) == claim


@pytest.mark.parametrize("text", ["", "abc", "abc-", "abc-x", "abc-r-many", "abc-r-1-2"])
def test_unreadable_claim_is_a_holder_of_a_vm_that_ran(text: str) -> None:
    claim = parse_claim(text, PURPOSE)
    assert (claim.was_running, claim.epoch, claim.left_orderly) == (True, 0, False)


def test_claim_is_a_legal_label() -> None:
    with locked(Place()) as lock:
        text = lock.acquire(True).text
    assert len(text) <= 63
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


# Getting it


def test_free_lock_is_taken() -> None:
    place = Place()
    with locked(place) as lock:
        claim = lock.acquire(was_running=True)
        assert lock.held
        assert place.claim == claim == lock.claim
        assert (claim.purpose, claim.was_running, claim.epoch) == (PURPOSE, True, 0)


def test_two_runs_have_different_claims() -> None:
    with locked(Place()) as first, locked(Place()) as second:
        assert first.acquire(True).run != second.acquire(True).run


def test_own_value_means_that_it_was_acquired() -> None:
    """The answer to the swap was lost, and the swap was done."""
    place = Place()
    with locked(place) as lock:
        place.claim = replace(lock.claim, was_running=False)
        lock.acquire(was_running=False)
        assert lock.held
        assert place.swaps == 0


def test_swap_that_another_run_won_ends_in_conflict_with_it_alive() -> None:
    place = Place()

    def lose(_number: int) -> None:
        place.claim = OTHER

    place.before_swap = lose
    clock = FakeClock()
    place.before_read = lambda number: setattr(place, "claim", replace(OTHER, epoch=number)) if number > 1 else None
    with locked(place, clock=clock) as lock, pytest.raises(LockLost, match=r"the run other for restore_r1 is alive"):
        lock.acquire(True)
    assert place.written == []


def test_swap_that_was_lost_to_other_labels_is_tried_again() -> None:
    """Someone wrote another label in between: the claim is still not there."""
    place = Place()
    refusals = [False, False, True]
    swap = place.swap
    place.swap = lambda expected, claim: refusals.pop(0) and swap(expected, claim)  # type: ignore[method-assign]
    with locked(place) as lock:
        lock.acquire(True)
        assert lock.held
    assert refusals == []


def test_failing_read_takes_nothing() -> None:
    place = Place()

    def fail(_number: int) -> None:
        raise NotFound("neither the VM nor its disk exists")

    place.before_read = fail
    with locked(place) as lock, pytest.raises(NotFound):
        lock.acquire(True)
    assert not lock.held


# Holders


def test_dead_holder_is_taken_over_after_the_whole_ttl_without_change() -> None:
    place, clock = Place(OTHER), FakeClock()
    with locked(place, clock=clock) as lock:
        began = clock.now
        claim = lock.acquire(was_running=False)
    assert clock.now - began == pytest.approx(TTL_S)
    assert place.written[0] == claim
    assert claim.epoch == OTHER.epoch + 1


def test_nothing_is_written_before_the_ttl_has_passed() -> None:
    place, clock = Place(OTHER), FakeClock()
    began = clock.now
    swapped_at: list[float] = []
    place.before_swap = lambda _number: swapped_at.append(clock.now - began)
    with locked(place, clock=clock) as lock:
        lock.acquire(True)
    assert swapped_at == [pytest.approx(TTL_S)]


def test_what_an_earlier_run_noted_about_the_vm_counts() -> None:
    """The VM is stopped now because a dead run has stopped it."""
    with locked(Place(OTHER)) as lock:
        assert lock.acquire(was_running=False).was_running is True


def test_holder_is_not_taken_over_while_the_provider_is_busy_with_its_work() -> None:
    place, clock = Place(OTHER), FakeClock()
    place.is_busy = True
    began = clock.now

    def end_the_work(_number: int) -> None:
        if clock.now - began > 4 * TTL_S:
            place.is_busy = False

    place.before_read = end_the_work
    with locked(place, clock=clock) as lock:
        lock.acquire(True)
        assert lock.held
    assert clock.now - began > 4 * TTL_S


@pytest.mark.parametrize("at_look", [2, 5, 9])
def test_holder_that_renews_meanwhile_is_alive(at_look: int) -> None:
    place = Place(OTHER)
    place.before_read = lambda number: setattr(place, "claim", replace(OTHER, epoch=8)) if number == at_look else None
    with locked(place) as lock, pytest.raises(Conflict, match="the run other for restore_r1 is alive: it has renewed it. Nothing was changed"):
        lock.acquire(True)
    assert (place.written, lock.held) == ([], False)


def test_holder_that_releases_meanwhile_has_changed_what_was_planned_on() -> None:
    place = Place(OTHER)
    place.before_read = lambda number: setattr(place, "claim", None) if number == 4 else None
    with locked(place) as lock, pytest.raises(Conflict, match="has released it a moment ago"):
        lock.acquire(True)
    assert place.written == []


def test_holder_for_something_else_is_a_conflict_at_once_that_names_it() -> None:
    clock = FakeClock()
    with locked(Place(OTHER), clock=clock, may_follow=False) as lock, pytest.raises(Conflict, match="the run other for restore_r1 holds it"):
        lock.acquire(True)
    assert clock.pauses == []


def test_deadline_that_passes_while_watching_is_a_conflict() -> None:
    with locked(Place(OTHER), timeout_s=30) as lock, pytest.raises(Conflict, match="deadline passed before it counted as dead"):
        lock.acquire(True)
    assert not lock.held


def test_claim_that_was_left_orderly_is_followed_at_once() -> None:
    place, clock = Place(replace(OTHER, run="free")), FakeClock()
    with locked(place, clock=clock) as lock:
        claim = lock.acquire(was_running=False)
    assert clock.pauses == []
    assert (claim.was_running, claim.epoch) == (True, 8)


def test_claim_left_orderly_for_something_else_is_a_conflict() -> None:
    place = Place(replace(OTHER, run="free"))
    with locked(place, may_follow=False) as lock, pytest.raises(Conflict, match="ended without finishing it"):
        lock.acquire(True)
    assert place.written == []


def test_conflict_about_the_lock_leaves_everything_as_it_is() -> None:
    """What another run is doing must not be undone."""
    assert LockLost.keeps_state
    assert issubclass(LockLost, Conflict)


def test_lost_lock_is_a_conflict_in_results() -> None:
    assert LockLost("x").kind == "Conflict"


# Holding it


def test_lock_is_renewed_every_third_of_its_ttl() -> None:
    place = Place()
    at: list[float] = []
    place.after_swap = lambda _number: at.append(time.monotonic())
    with locked(place, ttl_s=0.15) as lock:
        lock.acquire(True)
        eventually(lambda: len(at) >= 4)
    gaps = [later - earlier for earlier, later in zip(at, at[1:])]
    assert min(gaps) >= 0.045
    assert [claim.epoch for claim in place.written if claim][:4] == [0, 1, 2, 3]
    assert {claim.run for claim in place.written if claim} == {lock.claim.run}


def test_renewal_keeps_what_was_noted_about_the_vm() -> None:
    place = Place()
    with locked(place, ttl_s=0.03) as lock:
        lock.acquire(was_running=False)
        eventually(lambda: len(place.written) > 2)
    assert {claim.was_running for claim in place.written if claim} == {False}


def test_failed_renewal_is_tried_again_and_ends_nothing() -> None:
    place = Place()

    def fail(number: int) -> None:
        if number in (2, 3):
            raise ProviderFailure("HTTP 503")

    place.before_swap = fail
    with locked(place, ttl_s=0.03) as lock:
        lock.acquire(True)
        eventually(lambda: len(place.written) >= 3)
        lock.check()
        assert lock.held


def test_nothing_is_renewed_while_the_vm_is_being_changed() -> None:
    place = Place()
    with locked(place, ttl_s=0.03) as lock:
        lock.acquire(True)
        with lock.turn:
            before = len(place.written)
            time.sleep(0.1)
            assert len(place.written) == before
        eventually(lambda: len(place.written) > before)


def test_renewal_does_not_take_back_a_lock_that_was_taken_over() -> None:
    place = Place()
    with locked(place, ttl_s=0.03) as lock:
        lock.acquire(True)
        with lock.turn:
            place.claim, place.written = OTHER, []
        reads = place.reads
        eventually(lambda: place.reads > reads + 2)
        assert place.claim == OTHER
        assert place.written == []


def test_nothing_is_renewed_any_more_after_the_end() -> None:
    place = Place()
    with locked(place, ttl_s=0.03) as lock:
        lock.acquire(True)
        lock.stop_renewing()
        before = place.swaps
        time.sleep(0.08)
        assert place.swaps == before


# Seeing whether it is still ours


def test_check_passes_while_the_lock_is_ours_whatever_its_epoch() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)
        place.claim = replace(lock.claim, epoch=99)
        lock.check()


@pytest.mark.parametrize(("found", "words"), [(OTHER, "the run other for restore_r1"), (None, "someone who removed it")])
def test_lock_that_others_have_is_lost(found: Claim | None, words: str) -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)
        place.claim = found
        with pytest.raises(LockLost, match=f"taken over by {words}; this run stops here"):
            lock.check()


# Giving it up


def test_release_removes_the_claim() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)
        lock.release()
    assert place.claim is None
    assert not lock.held


def test_abandoned_lock_says_so_and_keeps_what_was_noted() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(was_running=True)
        lock.abandon()
    assert place.claim is not None
    assert place.claim.left_orderly
    assert (place.claim.purpose, place.claim.was_running) == (PURPOSE, True)
    assert not lock.held


@pytest.mark.parametrize("end", [Lock.release, Lock.abandon])
def test_lock_of_another_run_is_not_given_up(end: Callable[[Lock], None]) -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)
        place.claim = OTHER
        end(lock)
    assert place.claim == OTHER


@pytest.mark.parametrize("end", [Lock.release, Lock.abandon])
def test_lock_that_was_never_held_is_not_given_up(end: Callable[[Lock], None]) -> None:
    place = Place(OTHER)
    with locked(place) as lock:
        end(lock)
    assert (place.reads, place.claim) == (0, OTHER)


def test_release_that_loses_a_swap_is_tried_again() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)
        place.before_swap = lambda number: setattr(place, "claim", replace(lock.claim, epoch=number)) if number == 2 else None
        lock.release()
    assert place.claim is None


def test_failing_release_is_raised() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)

        def fail(_number: int) -> None:
            raise ProviderFailure("HTTP 500")

        place.before_swap = fail
        with pytest.raises(RecoveryError):
            lock.release()


def test_released_lock_may_be_acquired_again_by_another_run() -> None:
    place = Place()
    with locked(place) as first:
        first.acquire(True)
        first.release()
    with locked(place) as second:
        second.acquire(False)
        assert place.claim == second.claim
