# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often, and after which pauses, an attempt is repeated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Cancelled, Conflict, ProviderFailure, RateLimited
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.retry import Brake, Retry, TryAgain, retry_after_s

from tests.unit.fakes import FakeClock

BUSY = ProviderFailure("HTTP 503", transient=True)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def failing(times: int, after_s: float | None = None) -> Callable[[], int]:
    """An attempt that fails so many times and then gives the number of the attempt."""
    count = 0

    def attempt() -> int:
        nonlocal count
        count += 1
        if count <= times:
            raise TryAgain(BUSY, after_s)
        return count

    return attempt


def pauses_of(times: int, *, retries: int = 20, after_s: float | None = None, jitter: float = 1.0, remaining_s: float = 3600) -> list[float]:
    pauses: list[float] = []
    assert Retry(retries, pauses.append, lambda: remaining_s, lambda: jitter).run(failing(times, after_s)) == times + 1
    return pauses


def test_first_success_needs_no_pause() -> None:
    assert pauses_of(0) == []


def test_pauses_double_up_to_a_cap() -> None:
    assert pauses_of(8) == [0.5, 1, 2, 4, 8, 16, 20, 20]


def test_jitter_takes_away_up_to_half_of_a_pause() -> None:
    assert pauses_of(3, jitter=0) == [0.25, 0.5, 1]
    assert pauses_of(3, jitter=0.5) == [0.375, 0.75, 1.5]


def test_jitter_is_drawn_anew_for_every_pause() -> None:
    draws, pauses = iter([0.0, 1.0, 0.5]), list[float]()
    Retry(5, pauses.append, lambda: 3600, lambda: next(draws)).run(failing(3))
    assert pauses == [0.25, 1, 1.5]


def test_jitter_is_random_unless_given() -> None:
    pauses: list[float] = []
    for _run in range(20):
        Retry(1, pauses.append, lambda: 3600).run(failing(1))
    assert len(set(pauses)) > 1
    assert all(0.25 <= pause <= 0.5 for pause in pauses)


def test_provider_may_ask_for_a_longer_pause() -> None:
    assert pauses_of(2, after_s=7) == [7, 7]


def test_provider_may_not_ask_for_a_shorter_pause() -> None:
    assert pauses_of(3, after_s=0.1) == [0.5, 1, 2]


def test_word_of_the_provider_is_not_capped() -> None:
    assert pauses_of(1, after_s=90) == [90]


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_retries_count_the_repetitions(retries: int) -> None:
    pauses: list[float] = []
    assert Retry(retries, pauses.append, lambda: 3600).run(failing(retries)) == retries + 1
    with pytest.raises(ProviderFailure) as caught:
        Retry(retries, pauses.append, lambda: 3600).run(failing(retries + 1))
    assert caught.value is BUSY
    assert len(pauses) == 2 * retries


def test_cause_of_the_error_is_kept() -> None:
    cause = OSError("reset")

    def attempt() -> None:
        try:
            raise BUSY from cause
        except ProviderFailure as error:
            raise TryAgain(error) from cause

    with pytest.raises(ProviderFailure) as caught:
        Retry(0, lambda _s: None, lambda: 3600).run(attempt)
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize("after_s", [60, 61, 1e9])
def test_pause_beyond_the_deadline_fails_at_once(after_s: float) -> None:
    pauses: list[float] = []
    with pytest.raises(ProviderFailure) as caught:
        Retry(5, pauses.append, lambda: 60).run(failing(1, after_s))
    assert caught.value is BUSY
    assert pauses == []


def test_pause_that_ends_before_the_deadline_is_made() -> None:
    assert pauses_of(1, after_s=59, remaining_s=60) == [59]


def test_passed_deadline_allows_one_attempt_and_no_repetition() -> None:
    pauses: list[float] = []
    assert Retry(5, pauses.append, lambda: 0).run(failing(0)) == 1
    with pytest.raises(ProviderFailure):
        Retry(5, pauses.append, lambda: 0).run(failing(1))
    assert pauses == []


def test_other_errors_are_not_repeated() -> None:
    attempts: list[int] = []

    def attempt() -> None:
        attempts.append(1)
        raise Conflict("taken")

    with pytest.raises(Conflict):
        Retry(5, lambda _s: None, lambda: 3600).run(attempt)
    assert len(attempts) == 1


def test_cancellation_during_a_pause_ends_the_repeating() -> None:
    def pause(_seconds: float) -> None:
        raise Cancelled("x")

    with pytest.raises(Cancelled):
        Retry(5, pause, lambda: 3600).run(failing(1))


def test_retry_of_a_waiter_has_its_deadline_its_pauses_and_its_cancellation() -> None:
    clock = FakeClock()
    waiter = clock.waiter(60)
    retry = Retry.within(waiter, 5, lambda: 1.0)
    assert retry.run(failing(2)) == 3
    assert clock.pauses == [0.5, 1]
    assert (retry.remaining_s(), retry.cancelled()) == (58.5, False)
    waiter.cancel()
    assert retry.cancelled()


# The brake


class Provider:
    """A provider that takes so many requests a second, of all threads together, and refuses the others."""

    def __init__(self, clock: FakeClock, rate: float) -> None:
        self._clock, self._rate, self._left, self._seen_at = clock, rate, rate, clock.now
        self.taken = self.refused = 0

    def take(self) -> bool:
        self._left = min(self._rate, self._left + (self._clock.now - self._seen_at) * self._rate)
        self._seen_at = self._clock.now
        if self._left < 1:
            self.refused += 1
            return False
        self._left -= 1
        self.taken += 1
        return True


def send(brake: Brake, clock: FakeClock, takes: Callable[[], bool], *, after_s: float | None = None, latency_s: float = 0.005) -> bool:
    turn = brake.wait(clock.waiter(3600).pause, lambda: 3600.0)
    clock.now += latency_s
    taken = takes()
    if taken:
        brake.answered(turn)
    else:
        brake.refused(turn, after_s)
    return taken


def test_nothing_is_slowed_down_before_a_refusal() -> None:
    clock = FakeClock()
    brake = Brake(clock)
    assert all(send(brake, clock, lambda: True) for _request in range(100))
    assert (clock.pauses, brake.interval_s) == ([], 0.0)


def test_refusal_of_one_slows_all_down() -> None:
    clock = FakeClock()
    brake = Brake(clock)
    brake.refused(brake.wait(clock.sleep, lambda: 60.0))
    for _other in range(3):
        brake.wait(clock.sleep, lambda: 60.0)
    assert clock.pauses == [pytest.approx(brake.interval_s)] * 3
    assert brake.interval_s > 0


def test_pace_grows_slower_while_all_is_refused_up_to_a_cap() -> None:
    clock = FakeClock()
    brake, intervals = Brake(clock), []
    for _request in range(100):
        send(brake, clock, lambda: False)
        intervals.append(brake.interval_s)
    assert intervals == sorted(intervals)
    assert len(set(intervals)) > 5
    assert intervals[-1] == 2.0


def test_pace_comes_back_when_nothing_is_refused_any_more() -> None:
    clock = FakeClock()
    brake = Brake(clock)
    for _request in range(100):
        send(brake, clock, lambda: False)
    began = clock.now
    while brake.interval_s:
        send(brake, clock, lambda: True)
    assert clock.now - began < 120
    assert send(brake, clock, lambda: True)
    clock.pauses.clear()
    assert all(send(brake, clock, lambda: True) for _request in range(20))
    assert clock.pauses == []


def test_requests_that_were_under_way_together_count_once() -> None:
    """Sixteen threads that are refused at the same time have not tried sixteen paces."""
    clock = FakeClock()
    brake = Brake(clock)
    for _request in range(30):
        send(brake, clock, lambda: False)
    before = brake.interval_s
    turns = [brake.wait(clock.sleep, lambda: 3600.0) for _thread in range(16)]
    for turn in turns:
        brake.refused(turn)
    assert brake.interval_s <= before * 2


@pytest.mark.parametrize("rate", [2, 10, 25, 100])
def test_pace_follows_what_the_provider_takes(rate: float) -> None:
    """The requests in all are bounded, and the provider is not left idle."""
    clock = FakeClock()
    brake, provider, began = Brake(clock), Provider(clock, rate), clock.now
    while provider.taken < 40 * rate:
        send(brake, clock, provider.take)
    assert provider.refused <= 2 * provider.taken
    assert clock.now - began <= 2 * 40


def test_provider_that_refuses_one_in_three_whatever_the_pace_is_not_asked_ever_more_slowly() -> None:
    clock = FakeClock()
    brake, began = Brake(clock), clock.now
    for number in range(3000):
        send(brake, clock, lambda number=number: number % 3 != 0)  # type: ignore[misc]
    assert clock.now - began < 3000 * 0.05


def test_retry_after_holds_all_while_most_is_refused() -> None:
    clock = FakeClock()
    brake = Brake(clock)
    for _request in range(20):
        send(brake, clock, lambda: False)
    brake.refused(brake.wait(clock.sleep, lambda: 3600.0), 30)
    refused_at = clock.now
    brake.wait(clock.sleep, lambda: 3600.0)
    assert clock.now - refused_at == pytest.approx(30)


def test_retry_after_of_one_refusal_is_for_who_was_refused() -> None:
    """Such a limit is often one of the resource that was asked for."""
    clock = FakeClock()
    brake = Brake(clock)
    assert send(brake, clock, lambda: True)
    send(brake, clock, lambda: False, after_s=30)
    assert send(brake, clock, lambda: True)
    assert sum(clock.pauses) < 1


def test_wait_for_a_turn_ends_with_the_task() -> None:
    clock = FakeClock()
    brake = Brake(clock)
    for _request in range(60):
        send(brake, clock, lambda: False)
    with pytest.raises(RateLimited, match="no time left"):
        brake.wait(clock.sleep, lambda: 0.1)
    waiter = clock.waiter(60)
    waiter.cancel()
    with pytest.raises(Cancelled):
        brake.wait(waiter.pause, lambda: waiter.remaining_s)


@pytest.mark.parametrize(("header", "seconds"), [("0", 0), ("7", 7), (" 120 ", 120)])
def test_retry_after_in_seconds(header: str, seconds: float) -> None:
    assert retry_after_s(header) == seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime((NOW + timedelta(seconds=90)).astimezone(timezone(timedelta(hours=2)))), 90),
        ("Fri, 02 Jan 2026 03:04:35 -0000", 30),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0),
    ],
)
def test_retry_after_as_a_date(header: str, seconds: float) -> None:
    assert retry_after_s(header, lambda: NOW) == seconds


def test_retry_after_is_measured_from_now() -> None:
    seconds = retry_after_s(format_datetime(datetime.now(timezone.utc) + timedelta(seconds=100), usegmt=True))
    assert seconds
    assert 90 < seconds <= 100


@pytest.mark.parametrize("header", [None, "", "soon", "-5", "1.5", "Fri, 99 Jan 2026 03:04:05 GMT"])
def test_retry_after_that_cannot_be_read_counts_as_absent(header: str | None) -> None:
    assert retry_after_s(header) is None


def test_digit_that_is_no_number_counts_as_absent() -> None:
    """str.isdigit is true for a superscript, which headers (ISO 8859-1) can carry and float refuses."""
    assert retry_after_s("²") is None


def test_date_that_cannot_be_read_counts_as_absent_on_python_3_9(monkeypatch: pytest.MonkeyPatch) -> None:
    """parsedate_to_datetime raises TypeError there, and ValueError from 3.10 on."""

    def as_in_3_9(_text: str) -> datetime:
        raise TypeError("cannot unpack non-iterable NoneType object")

    monkeypatch.setattr("ansible_collections.multicloud.recovery.plugins.module_utils.transport.retry.parsedate_to_datetime", as_in_3_9)
    assert retry_after_s("soon") is None
