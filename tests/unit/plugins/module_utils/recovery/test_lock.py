# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock: taken by compare-and-swap, a lease by the clock of its run, renewed while it is held, taken over only from the dead, lost without harm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    Cancelled,
    Conflict,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    RecoveryError,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.claim import Claim, claim_marks, claim_of, parse_claim
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.lock import LeaseExpired, Lock, LockLost
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.place import MarkedPlace
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Marked
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.provider import Change

from tests.unit.fakes import PATIENCE_S, FakeClock

TTL_S = 120.0
# A request needs time to arrive, so the last part of the time to live is not relied on.
GOOD_S = 0.8 * TTL_S
PURPOSE = "restore_r1"
OTHER = Claim("other", PURPOSE, was_running=True, epoch=7)


class Place:
    """A place for a claim in memory. ``before_read`` and ``before_swap`` are called with the number of the call, and may change or raise."""

    WITHDRAWS: ClassVar[bool] = False

    def __init__(self, claim: Claim | None = None) -> None:
        self.claim = claim
        self.reads = self.swaps = 0
        self.written: list[Claim | None] = []
        self.marks: dict[str, str | None] = {}
        self.is_busy = False
        self.before_read: Callable[[int], None] = lambda _number: None
        self.before_swap: Callable[[int], None] = lambda _number: None
        self.after_swap: Callable[[int], None] = lambda _number: None
        self._turn = threading.Lock()

    def marks_of(self, claim: Claim) -> dict[str, str]:
        return {key: value for key, value in claim_marks(claim).items() if value}

    def read(self) -> Claim | None:
        self.reads += 1
        self.before_read(self.reads)
        return self.claim

    def swap(self, expected: Claim | None, claim: Claim | None, more: Mapping[str, str | None]) -> bool:
        with self._turn:
            self.swaps += 1
            self.before_swap(self.swaps)
            if (self.claim.text if self.claim else None) != (expected.text if expected else None):
                return False
            self.claim = claim
            self.marks.update(more)
            self.written.append(claim)
            self.after_swap(self.swaps)
            return True

    def busy(self) -> bool:
        return self.is_busy


class WithdrawingPlace(Place):
    """One that has given the lock up when a renewal fails."""

    WITHDRAWS: ClassVar[bool] = True


@contextmanager
def locked(place: Place, *, ttl_s: float = TTL_S, clock: FakeClock | None = None, timeout_s: float = 3600.0, may_follow: bool = True) -> Iterator[Lock]:
    """A lock by the fake clock, whose thread has ended afterwards."""
    clock = clock or FakeClock()
    lock = Lock(place, PURPOSE, ttl_s, clock.waiter(timeout_s), lambda _claim: may_follow, now=clock)
    try:
        yield lock
    finally:
        lock.stop_renewing()


def eventually(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


# The claim as marks


@pytest.mark.parametrize("running", [True, False])
def test_claim_is_read_as_it_was_written(running: bool) -> None:
    claim = Claim("abc123", PURPOSE, running, 12)
    assert parse_claim(claim.text, PURPOSE) == claim


@pytest.mark.parametrize("text", ["", "abc", "abc-", "abc-x", "abc-r-many", "abc-r-1-2"])
def test_unreadable_claim_is_a_holder_of_a_vm_that_ran(text: str) -> None:
    claim = parse_claim(text, PURPOSE)
    assert (claim.was_running, claim.epoch, claim.released_unfinished) == (True, 0, False)


def test_claim_is_a_legal_label() -> None:
    with locked(Place()) as lock:
        text = lock.acquire(True).text
    assert len(text) <= 63
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


@pytest.mark.parametrize("running", [True, False])
def test_claim_among_marks_is_read_as_it_was_written(running: bool) -> None:
    claim = Claim("abc123", PURPOSE, running, 12)
    assert claim_of({**{key: value or "" for key, value in claim_marks(claim).items()}, "vm": "web"}) == claim


def test_removal_takes_all_marks_of_a_claim_away() -> None:
    assert claim_marks(None) == dict.fromkeys(claim_marks(OTHER))


def test_there_is_no_claim_among_other_marks() -> None:
    assert claim_of({"vm": "web"}) is None


def test_what_a_takeover_needs_to_know_is_not_kept_in_the_lock_alone() -> None:
    """Somebody may remove the lock's own mark by hand."""
    assert claim_marks(replace(OTHER, was_running=True))[marks.WAS] == marks.ON
    assert claim_marks(replace(OTHER, was_running=False))[marks.WAS] == marks.OFF


@pytest.mark.parametrize(
    ("purpose", "words"),
    [("restore_r1", 'the restore "r1"'), ("backup_20260101-000000", "the backup 20260101-000000"), ("giveup_r1", 'the deletion of the restore "r1"')],
)
def test_claim_names_its_task_in_words(purpose: str, words: str) -> None:
    assert Claim("abc", purpose, was_running=True).holder == f"{words} (run abc)"
    assert Claim("abc", purpose, was_running=True).released().holder == f"{words}, which ended unfinished"


def test_claim_without_a_purpose_is_of_an_unknown_task() -> None:
    assert Claim("abc", "", was_running=True).task == "an unknown task"


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
    with locked(place, clock=clock) as lock, pytest.raises(LockLost, match=r"the run other for the restore \"r1\" is alive"):
        lock.acquire(True)
    assert place.written == []


@pytest.mark.parametrize("found", [None, OTHER])
def test_claim_whose_writing_ended_with_an_error_is_given_back_when_its_request_has_ended(found: Claim | None) -> None:
    """The request was accepted, and the task was cut off before its end was seen: reads do not show the claim yet."""
    place = Place(found)
    looks = [True, True, False]

    def cut_off(number: int) -> None:
        if number == 1:
            raise OutcomeUnknown("no answer came.")

    def busy() -> bool:
        if looks == [False]:
            place.claim = lock.claim
        return looks.pop(0)

    with locked(place) as lock:
        place.before_swap = cut_off
        with pytest.raises(OutcomeUnknown):
            lock.acquire(True)
        place.busy = busy  # type: ignore[method-assign]
        lock.give_back()
        assert (lock.held, looks) == (False, [])
    assert place.claim == (lock.claim.released() if found else None)


def test_refused_claim_leaves_the_lock_as_it_was() -> None:
    place = Place()

    def refuse(_number: int) -> None:
        raise ProviderFailure("HTTP 403")

    place.before_swap = refuse
    with locked(place) as lock:
        with pytest.raises(ProviderFailure):
            lock.acquire(True)
        lock.give_back()
        assert not lock.held
    assert (place.claim, place.written) == (None, [])


def test_swap_that_was_lost_to_other_labels_is_tried_again() -> None:
    """Someone wrote another label in between: the claim is still not there."""
    place = Place()
    refusals = [False, False, True]
    swap = place.swap
    place.swap = lambda expected, claim, more: refusals.pop(0) and swap(expected, claim, more)  # type: ignore[method-assign]
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
    with locked(place) as lock, pytest.raises(Conflict, match='the run other for the restore "r1" is alive: it has renewed it. This run changed nothing'):
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
    with locked(Place(OTHER), clock=clock, may_follow=False) as lock, pytest.raises(Conflict, match='the run other for the restore "r1" holds it'):
        lock.acquire(True)
    assert clock.pauses == []


def test_deadline_that_passes_while_watching_is_a_conflict() -> None:
    with locked(Place(OTHER), timeout_s=30) as lock, pytest.raises(Conflict, match="deadline passed before it counted as dead"):
        lock.acquire(True)
    assert not lock.held


def test_claim_that_was_released_unfinished_is_followed_at_once() -> None:
    place, clock = Place(replace(OTHER, run="free")), FakeClock()
    with locked(place, clock=clock) as lock:
        claim = lock.acquire(was_running=False)
    assert clock.pauses == []
    assert (claim.was_running, claim.epoch) == (True, 8)


def test_claim_released_unfinished_for_something_else_is_a_conflict() -> None:
    place = Place(replace(OTHER, run="free"))
    with locked(place, may_follow=False) as lock, pytest.raises(Conflict, match="did not finish its work"):
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
        lock.confirm()
        assert lock.held


def test_renewal_waits_for_a_short_change_and_goes_beside_a_long_one() -> None:
    """Half of its time to live passes before a change is not waited for any longer."""
    place = Place()
    at: list[float] = []
    place.after_swap = lambda _number: at.append(time.monotonic())
    with locked(place, ttl_s=0.15) as lock:
        with lock.turn:
            lock.acquire(True)
            eventually(lambda: len(at) >= 2)
        assert at[1] - at[0] >= 0.074


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


# The lease


@contextmanager
def held(place: Place, clock: FakeClock, **given: Any) -> Iterator[Lock]:
    with locked(place, clock=clock, **given) as lock:
        lock.acquire(True)
        yield lock


def test_lock_is_good_for_its_time_to_live_less_a_margin() -> None:
    clock = FakeClock()
    with held(Place(), clock) as lock:
        clock.now += GOOD_S - 0.1
        lock.require()
        clock.now += 0.2
        assert not lock.fresh
        with pytest.raises(LeaseExpired, match="nothing was sent"):
            lock.require()


def test_lock_that_was_never_taken_is_not_good() -> None:
    with locked(Place()) as lock, pytest.raises(LeaseExpired):
        lock.require()


def test_lock_counts_from_before_its_request_left() -> None:
    """The answer took a minute: the others count from an earlier moment than our answer."""
    place, clock = Place(), FakeClock()
    place.before_swap = lambda _number: setattr(clock, "now", clock.now + 60)
    with held(place, clock) as lock:
        clock.now += GOOD_S - 61
        lock.require()
        clock.now += 2
        assert not lock.fresh


def test_look_does_not_prolong_the_lock() -> None:
    """Whoever watches the lock counts from what was written last, not from what its holder has read."""
    place, clock = Place(), FakeClock()
    with held(place, clock) as lock:
        clock.now += GOOD_S - 1
        lock.confirm()
        lock.confirm_by(place.claim)
        assert len(place.written) == 1
        clock.now += 2
        assert not lock.fresh


def test_confirmation_renews_what_is_due() -> None:
    place, clock = Place(), FakeClock()
    with held(place, clock) as lock:
        clock.now += GOOD_S + 1
        lock.confirm()
        lock.require()
        assert [claim.epoch for claim in place.written if claim] == [0, 1]
        clock.now += GOOD_S - 1
        lock.require()


def test_confirmation_of_a_fresh_lock_writes_nothing() -> None:
    place, clock = Place(), FakeClock()
    with held(place, clock) as lock:
        lock.confirm()
        assert len(place.written) == 1


def test_lock_whose_renewal_was_refused_is_not_relied_on() -> None:
    """Somebody else writes marks all the time: the lock is still ours, but nobody sees it renewed."""
    place, clock = Place(), FakeClock()
    with held(place, clock) as lock:
        place.swap = lambda _expected, _claim, _more: False  # type: ignore[method-assign]
        clock.now += GOOD_S + 1
        lock.confirm()
        with pytest.raises(LeaseExpired):
            lock.require()


def test_run_that_was_paused_finds_its_lock_taken_over() -> None:
    place, clock = Place(), FakeClock()
    with held(place, clock) as lock:
        clock.now += TTL_S + 1
        place.claim = OTHER
        with pytest.raises(LeaseExpired):
            lock.require()
        with pytest.raises(LockLost, match=r'taken over by the restore "r1" \(run other\); this run stops here'):
            lock.confirm()
        assert place.claim == OTHER


def test_expired_lease_is_no_lost_lock() -> None:
    """Whoever sends confirms the lock and tries again; the others undo nothing."""
    assert not issubclass(LeaseExpired, LockLost)
    assert LeaseExpired("x").kind == "Conflict"


def test_refused_renewal_of_a_place_that_withdraws_ends_the_lease_at_once() -> None:
    """Without compare-and-swap a renewal that fails has given the lock up: another run may hold it from now on."""
    place, clock = WithdrawingPlace(), FakeClock()
    with held(place, clock) as lock:
        place.swap = lambda _expected, _claim, _more: False  # type: ignore[method-assign]
        lock._renew()
        with pytest.raises(LeaseExpired):
            lock.require()


def test_refused_renewal_of_another_place_leaves_the_lease_as_it_was() -> None:
    place, clock = Place(), FakeClock()
    with held(place, clock) as lock:
        place.swap = lambda _expected, _claim, _more: False  # type: ignore[method-assign]
        lock._renew()
        lock.require()


def test_own_claim_of_unknown_age_is_renewed_before_it_is_relied_on() -> None:
    """The answer to the request that wrote it was lost."""
    place = Place()
    with locked(place) as lock:
        place.claim = lock.claim
        lock.acquire(True)
        assert not lock.fresh
        lock.confirm()
        lock.require()


# Seeing whether it is still ours


def test_lock_is_confirmed_while_it_is_ours_whatever_its_epoch() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)
        place.claim = replace(lock.claim, epoch=99)
        lock.confirm()
        lock.confirm_by(place.claim)


@pytest.mark.parametrize(("found", "words"), [(OTHER, r'taken over by the restore "r1" \(run other\)'), (None, "removed by somebody")])
def test_lock_that_others_have_is_lost(found: Claim | None, words: str) -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)
        place.claim = found
        with pytest.raises(LockLost, match=f"{words}; this run stops here"):
            lock.confirm()
        with pytest.raises(LockLost, match=words):
            lock.confirm_by(found)


# What was noted about the machine


def test_correction_notes_that_the_machine_ran_after_all() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(was_running=False)
        lock.correct(was_running=True)
        assert place.claim == lock.claim
        assert (lock.claim.was_running, lock.claim.epoch) == (True, 1)


def test_correction_of_what_is_right_writes_nothing() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(was_running=False)
        lock.correct(was_running=False)
    assert place.swaps == 1


def test_lock_that_is_made_with_its_place_is_found_to_be_ours() -> None:
    """The request that makes the disk writes the claim; there was no place for it before."""
    place = Place()
    with locked(place) as lock:
        place.claim = claim_of(lock.made_with(was_running=True))
        assert lock.acquire(was_running=False) == place.claim
        assert (lock.held, lock.taken_over, lock.claim.was_running, place.swaps) == (True, False, True, 0)


@pytest.mark.parametrize(("before", "taken_over"), [(None, False), (OTHER, True), (replace(OTHER, run="free"), True)])
def test_lock_tells_whether_an_earlier_run_had_it(before: Claim | None, taken_over: bool) -> None:
    with locked(Place(before)) as lock:
        lock.acquire(True)
        assert lock.taken_over is taken_over


# Giving it up


def test_release_removes_the_claim() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)
        lock.release()
    assert place.claim is None
    assert not lock.held


def test_marks_that_go_with_the_lock_are_set_in_the_same_request() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)
        lock.release({"kept": "yes"})
    assert (place.claim, place.marks, place.swaps) == (None, {"kept": "yes"}, 2)


def test_marks_that_could_not_be_set_with_a_lost_lock_are_an_error() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)
        place.claim = OTHER
        with pytest.raises(LockLost, match="another run has taken the lock over in the end"):
            lock.release({"kept": "yes"})
    assert (place.claim, place.marks) == (OTHER, {})


def test_lock_that_was_free_is_given_back_free() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)
        lock.give_back()
    assert place.claim is None


def test_lock_that_was_taken_over_is_given_back_unfinished() -> None:
    """The work of the earlier run is still unfinished, and so is what it noted about the machine."""
    place = Place(OTHER)
    with locked(place) as lock:
        lock.acquire(was_running=False)
        lock.give_back()
    assert place.claim is not None
    assert (place.claim.released_unfinished, place.claim.was_running, place.claim.purpose) == (True, True, PURPOSE)


def test_lock_whose_place_is_gone_is_not_looked_for() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)
        reads = place.reads
        lock.gone()
        lock.release()
        assert (lock.held, place.reads) == (False, reads)


def test_place_that_was_deleted_meanwhile_ends_the_lock() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)

        def fail(_number: int) -> None:
            raise NotFound("neither the VM nor its disk exists")

        place.before_read = fail
        lock.release()
        assert not lock.held


def test_abandoned_lock_says_so_and_keeps_what_was_noted() -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(was_running=True)
        lock.abandon()
    assert place.claim is not None
    assert place.claim.released_unfinished
    assert (place.claim.purpose, place.claim.was_running) == (PURPOSE, True)
    assert not lock.held


@pytest.mark.parametrize("end", [Lock.release, Lock.abandon, Lock.give_back])
def test_lock_of_another_run_is_not_given_up(end: Callable[[Lock], None]) -> None:
    place = Place()
    with locked(place) as lock:
        lock.acquire(True)
        place.claim = OTHER
        end(lock)
    assert place.claim == OTHER


@pytest.mark.parametrize("end", [Lock.release, Lock.abandon, Lock.give_back])
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


# A place whose marks somebody else writes all the time


def refuse_all(place: Place) -> list[int]:
    """Nothing can be written any more; the list holds the number of tries."""
    tries = [0]

    def swap(_expected: Claim | None, _claim: Claim | None, _more: Mapping[str, str | None]) -> bool:
        tries[0] += 1
        return False

    place.swap = swap  # type: ignore[method-assign]
    return tries


def test_lock_that_cannot_be_written_is_given_up_at_the_deadline_and_not_hurried() -> None:
    place, clock = Place(), FakeClock()
    tries = refuse_all(place)
    with locked(place, clock=clock, timeout_s=300) as lock, pytest.raises(Conflict, match="somebody else changes the marks all the time"):
        lock.acquire(True)
    assert clock.now == pytest.approx(1300)
    assert tries[0] < 60
    assert not lock.held


@pytest.mark.parametrize("end", [Lock.release, Lock.abandon, Lock.give_back])
def test_lock_that_cannot_be_given_up_is_told_at_the_deadline(end: Callable[[Lock], None]) -> None:
    """It is not renewed any more, and so counts as abandoned after a while."""
    place, clock = Place(), FakeClock()
    with locked(place, clock=clock, timeout_s=300) as lock:
        lock.acquire(True)
        tries = refuse_all(place)
        with pytest.raises(Conflict, match="somebody else changes the marks all the time"):
            end(lock)
        assert clock.now == pytest.approx(1300)
        assert tries[0] < 60


def test_cancellation_ends_the_tries_for_the_lock() -> None:
    place, clock = Place(), FakeClock()
    waiter = clock.waiter(300)
    lock = Lock(place, PURPOSE, TTL_S, waiter, lambda _claim: True, now=clock)
    tries = refuse_all(place)
    place.before_read = lambda number: waiter.cancel() if number == 3 else None
    with pytest.raises(Cancelled):
        lock.acquire(True)
    assert tries == [3]


# Among the marks of a machine


class Marks:
    """The marks of one machine, with a version that each write needs."""

    def __init__(self) -> None:
        self.there: Marked | None = Marked("vm", "web", "1", {"vm": "web"}, {"team": "shop"}, "0")
        self.refusal: RecoveryError | None = None

    def write(self, found: Marked, changes: Mapping[str, str | None]) -> Change:
        return Change("marking web", "vm", lambda: self._write(found, changes))

    def _write(self, found: Marked, changes: Mapping[str, str | None]) -> Marks:
        if self.refusal:
            raise self.refusal
        self.there = replace(found, marks=marks.merged(found.marks, changes), version=f"{found.version}1")
        return self

    def wait(self) -> None: ...

    @staticmethod
    def is_stale(error: RecoveryError) -> bool:
        return error.code == "stale"


def marked_place(store: Any, *, busy: bool = False) -> MarkedPlace:
    return MarkedPlace(store, lambda: store.there, lambda: busy)


def test_claim_is_written_beside_the_other_marks() -> None:
    store = Marks()
    place = marked_place(store)
    assert place.read() is None
    assert place.swap(None, OTHER, {"kept": "yes"})
    assert place.read() == OTHER
    assert store.there
    assert (store.there.marks["vm"], store.there.marks["kept"]) == ("web", "yes")
    assert place.swap(OTHER, None, {"kept": None})
    assert store.there.marks == {"vm": "web"}


def test_claim_is_not_written_over_another_one_than_expected() -> None:
    store = Marks()
    place = marked_place(store)
    place.swap(None, OTHER, {})
    before = store.there
    for expected in (None, replace(OTHER, epoch=6), replace(OTHER, run="third")):
        assert not place.swap(expected, Claim("me", PURPOSE, was_running=True), {})
    assert store.there is before


def test_write_that_came_too_late_is_no_error() -> None:
    store = Marks()
    store.refusal = Conflict("it was changed since it was read", code="stale")
    assert not marked_place(store).swap(None, OTHER, {})


def test_other_refusal_of_the_claim_is_an_error() -> None:
    store = Marks()
    store.refusal = ProviderFailure("HTTP 503")
    with pytest.raises(ProviderFailure):
        marked_place(store).swap(None, OTHER, {})


def test_place_without_a_carrier_is_not_found() -> None:
    store = Marks()
    store.there = None
    with pytest.raises(NotFound, match="neither the VM nor the disk"):
        marked_place(store).read()


@pytest.mark.parametrize("busy", [True, False])
def test_place_is_busy_while_the_provider_is(busy: bool) -> None:
    assert marked_place(Marks(), busy=busy).busy() is busy
