# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One deadline, pauses that grow, and a cancellation that ends them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import AuthenticationFailed, Cancelled, NotFound, ProviderFailure, WaitTimeout
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter

from tests.unit.fakes import PATIENCE_S, FakeClock, record

TRANSIENT = ProviderFailure("HTTP 503", transient=True)


def _never(_seen: object) -> bool:
    return False


def _say(seen: object) -> str:
    return f"seen last: {seen}."


def _count() -> Callable[[], int]:
    return itertools.count(1).__next__


def test_pauses_grow_by_half_up_to_the_interval() -> None:
    waiter = FakeClock().waiter(interval_s=4)
    assert list(itertools.islice(waiter.pauses(), 6)) == [1, 1.5, 2.25, 3.375, 4, 4]


def test_interval_below_a_second_caps_the_first_pause_too() -> None:
    assert list(itertools.islice(FakeClock().waiter(interval_s=0.5).pauses(), 3)) == [0.5, 0.5, 0.5]


def test_wait_sleeps_for_these_pauses() -> None:
    clock = FakeClock()
    assert clock.waiter(interval_s=2).wait_until(_count(), lambda seen: seen == 5, _say) == 5
    assert clock.pauses == [1, 1.5, 2, 2]


def test_first_look_comes_without_a_pause() -> None:
    clock = FakeClock()
    assert clock.waiter().wait_until(lambda: "there", lambda seen: seen == "there", _say) == "there"
    assert clock.pauses == []


def test_last_look_is_at_the_deadline() -> None:
    clock = FakeClock()
    looks: list[float] = []

    def look() -> float:
        looks.append(clock.now)
        return clock.now

    with pytest.raises(WaitTimeout):
        clock.waiter(timeout_s=5).wait_until(look, _never, _say)
    assert looks == [1000, 1001, 1002.5, 1004.75, 1005]


def test_what_is_seen_at_the_deadline_counts() -> None:
    clock = FakeClock()
    assert clock.waiter(timeout_s=5).wait_until(clock, lambda now: now >= 1005, _say) == 1005


def test_timeout_says_what_was_seen_last() -> None:
    with pytest.raises(WaitTimeout) as caught:
        FakeClock().waiter(timeout_s=2).wait_until(_count(), _never, _say)
    assert caught.value.message == "seen last: 3."


def test_wait_after_the_deadline_looks_once() -> None:
    clock = FakeClock()
    waiter = clock.waiter(timeout_s=5)
    clock.now += 6
    assert waiter.wait_until(lambda: "there", lambda seen: seen == "there", _say) == "there"
    looks = _count()
    with pytest.raises(WaitTimeout, match=r"seen last: 1\."):
        waiter.wait_until(looks, _never, _say)
    assert clock.pauses == []


def test_transient_error_counts_as_not_finished() -> None:
    looks = iter([TRANSIENT, TRANSIENT, "there"])

    def look() -> str:
        seen = next(looks)
        if isinstance(seen, ProviderFailure):
            raise seen
        return seen

    assert FakeClock().waiter().wait_until(look, lambda seen: seen == "there", _say) == "there"


def test_transient_error_at_the_deadline_is_told_with_what_was_seen_before() -> None:
    clock = FakeClock()

    def look() -> str:
        if clock.now > 1000:
            raise TRANSIENT
        return "running"

    with pytest.raises(WaitTimeout) as caught:
        clock.waiter(timeout_s=5).wait_until(look, _never, _say)
    assert caught.value.message == "seen last: running. The last look failed: HTTP 503"
    assert caught.value.__cause__ is TRANSIENT
    assert clock.now == 1005


def test_transient_error_that_has_passed_is_not_told() -> None:
    clock = FakeClock()

    def look() -> str:
        if clock.now < 1002:
            raise TRANSIENT
        return "running"

    with pytest.raises(WaitTimeout) as caught:
        clock.waiter(timeout_s=5).wait_until(look, _never, _say)
    assert caught.value.message == "seen last: running."


def test_nothing_seen_at_all_is_told_as_none() -> None:
    def look() -> str:
        raise TRANSIENT

    with pytest.raises(WaitTimeout, match=r"^seen last: None\. The last look failed"):
        FakeClock().waiter(timeout_s=5).wait_until(look, _never, _say)


@pytest.mark.parametrize("error", [NotFound("gone"), AuthenticationFailed("expired"), ZeroDivisionError()])
def test_other_errors_end_the_wait_at_once(error: Exception) -> None:
    clock = FakeClock()

    def look() -> str:
        raise error

    with pytest.raises(type(error)) as caught:
        clock.waiter().wait_until(look, _never, _say)
    assert caught.value is error
    assert clock.pauses == []


def test_several_waits_share_one_deadline() -> None:
    clock = FakeClock()
    waiter = clock.waiter(timeout_s=10)
    waiter.wait_until(clock, lambda now: now > 1004, _say)
    with pytest.raises(WaitTimeout):
        waiter.wait_until(_count(), _never, _say)
    assert clock.now == 1010


def test_remaining_time_is_never_negative() -> None:
    clock = FakeClock()
    waiter = clock.waiter(timeout_s=5)
    clock.now += 3
    assert waiter.remaining_s == 2
    clock.now += 30
    assert waiter.remaining_s == 0


def test_pause_ends_at_the_deadline() -> None:
    clock = FakeClock()
    clock.waiter(timeout_s=5).pause(60)
    assert clock.now == 1005


def test_cancellation_ends_a_pause_that_has_begun() -> None:
    waiter = Waiter(3600, 15)
    timer = threading.Timer(0.05, waiter.cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        waiter.pause(PATIENCE_S)
    timer.join()
    assert time.monotonic() - began < PATIENCE_S / 2


def test_pause_after_cancellation_does_not_sleep() -> None:
    clock = FakeClock()
    waiter = clock.waiter()
    waiter.cancel()
    assert waiter.cancelled
    with pytest.raises(Cancelled):
        waiter.pause(1)
    assert clock.pauses == []


def test_cancellation_during_a_given_sleep_is_seen() -> None:
    clock = FakeClock()

    def sleep(seconds: float) -> bool:
        waiter.cancel()
        return clock.sleep(seconds)

    waiter = Waiter(60, 15, clock=clock, sleep=sleep)
    with pytest.raises(Cancelled):
        waiter.wait_until(_count(), _never, _say)


def test_undoing_has_a_budget_of_its_own() -> None:
    clock = FakeClock()
    waiter = clock.waiter(timeout_s=5)
    clock.now += 50
    waiter.begin_undo(600)
    assert waiter.remaining_s == 600
    with pytest.raises(WaitTimeout):
        waiter.wait_until(_count(), _never, _say)
    assert clock.now == 1650


def test_undoing_is_interrupted_neither_by_the_first_nor_by_a_second_cancellation() -> None:
    clock = FakeClock()
    waiter = clock.waiter()
    waiter.cancel()
    waiter.begin_undo(600)
    assert not waiter.cancelled
    waiter.cancel()
    waiter.pause(1)
    assert clock.pauses == [1]


def test_twin_has_the_same_deadline_interval_and_clock() -> None:
    clock = FakeClock()
    waiter = clock.waiter(timeout_s=10, interval_s=2)
    clock.now += 4
    twin = waiter.twin()
    assert twin.remaining_s == 6
    assert list(itertools.islice(twin.pauses(), 4)) == [1, 1.5, 2, 2]
    twin.pause(1)
    assert clock.pauses == [1]
    assert waiter.remaining_s == 5


def test_twin_is_cancelled_and_given_time_on_its_own() -> None:
    clock = FakeClock()
    waiter = clock.waiter(timeout_s=10)
    twin = waiter.twin()
    twin.cancel()
    twin.begin_undo(600)
    assert not waiter.cancelled
    assert waiter.remaining_s == 10


def test_twin_of_a_real_waiter_wakes_up_on_its_own_cancellation() -> None:
    twin = Waiter(3600, 15).twin()
    timer = threading.Timer(0.05, twin.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        twin.pause(PATIENCE_S)
    timer.join()


def test_twin_of_a_cancelled_waiter_is_cancelled() -> None:
    waiter = FakeClock().waiter()
    waiter.cancel()
    assert waiter.twin().cancelled


@pytest.mark.parametrize(("limit_s", "expected_s"), [(3, 3), (30, 10)])
def test_shorter_waiter_ends_earlier_but_never_later(limit_s: float, expected_s: float) -> None:
    clock = FakeClock()
    waiter = clock.waiter(timeout_s=10)
    part = waiter.shorter(limit_s)
    assert part.remaining_s == expected_s
    with pytest.raises(WaitTimeout):
        part.wait_until(_count(), _never, _say)
    assert clock.now == 1000 + expected_s
    assert waiter.remaining_s == 10 - expected_s


def test_shorter_waiter_is_cancelled_with_the_whole() -> None:
    waiter = Waiter(3600, 15)
    part = waiter.shorter(PATIENCE_S)
    timer = threading.Timer(0.05, waiter.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        part.pause(PATIENCE_S)
    timer.join()


def test_shorter_waiter_works_while_undoing() -> None:
    clock = FakeClock()
    waiter = clock.waiter(timeout_s=1)
    waiter.cancel()
    waiter.begin_undo(600)
    part = waiter.shorter(5)
    waiter.cancel()
    part.pause(60)
    assert clock.pauses == [5]


def test_timeout_carries_the_record_that_was_seen_last() -> None:
    seen = record("one", status="running")
    with pytest.raises(WaitTimeout) as caught:
        FakeClock().waiter(timeout_s=2).wait_until(lambda: seen, _never, _say)
    assert caught.value.record == seen
    with pytest.raises(WaitTimeout) as caught:
        FakeClock().waiter(timeout_s=2).wait_until(_count(), _never, _say)
    assert caught.value.record is None
