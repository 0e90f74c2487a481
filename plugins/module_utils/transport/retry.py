# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repeating what failed for a passing reason: growing pauses with jitter, a cap, and the provider's own word on when to come back."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TypeVar

from ..core.errors import Cancelled, OutcomeUnknown, RateLimited, RecoveryError
from ..core.waiter import Waiter

T = TypeVar("T")

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 20.0

# The time between two requests of all threads together, once the provider has asked to slow down.
_FIRST_INTERVAL_S = 0.005
_LONGEST_INTERVAL_S = 2.0
# The share of refusals among the last answers (about ten) above which all slow down, and below which all speed up again. In between, a
# provider that refuses one request in three whatever the pace is not asked ever more slowly.
_MANY, _FEW, _WEIGHT = 0.6, 0.15, 0.1
# So many refusals in a row are about all requests, not about the one resource that was asked for.
_IN_A_ROW = 5


class TryAgain(Exception):
    """Raised by an attempt that may be repeated; ``error`` is what to raise when it may be no longer."""

    def __init__(self, error: RecoveryError, after_s: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.after_s = after_s


@dataclass(frozen=True)
class Retry:
    """How often and how patiently an attempt is repeated.

    ``retries`` counts the repetitions after the first attempt. ``pause`` sleeps for seconds and raises when the task is
    cancelled; ``remaining_s`` gives the seconds left to the task; ``cancelled`` tells whether it is to end.
    """

    retries: int
    pause: Callable[[float], None]
    remaining_s: Callable[[], float]
    jitter: Callable[[], float] = random.random
    cancelled: Callable[[], bool] = lambda: False

    @classmethod
    def within(cls, waiter: Waiter, retries: int, jitter: Callable[[], float] = random.random) -> Retry:
        """Repetitions within the deadline of a waiter, ended by its cancellation."""
        return cls(retries, waiter.pause, lambda: waiter.remaining_s, jitter, lambda: waiter.cancelled)

    def run(self, attempt: Callable[[], T]) -> T:
        """The first result of ``attempt`` that does not raise TryAgain.

        Raises the attempt's error when the repetitions are used up, or at once when the provider asks to come back only after
        the deadline.
        """
        for number in range(self.retries + 1):
            try:
                return attempt()
            except TryAgain as failure:
                again = failure
                # Half of the pause is drawn by chance, so that many tasks that failed together do not come back together.
                growing_s = min(_FIRST_PAUSE_S * 2**number, _LONGEST_PAUSE_S) * (0.5 + self.jitter() / 2)
                pause_s = max(growing_s, again.after_s or 0.0)
                if number == self.retries or pause_s >= self.remaining_s():
                    raise again.error from again.error.__cause__
            try:
                self.pause(pause_s)
            except Cancelled:
                if isinstance(again.error, OutcomeUnknown):
                    # What may have been done must not be hidden by the cancellation.
                    raise again.error from again.error.__cause__
                raise
        raise AssertionError("unreachable: the last attempt returns or raises")


class Brake:
    """The pace of all threads that share a limit at the provider: one that is told to slow down slows all of them.

    From the first refusal on, requests leave at least a small interval apart. While most answers are refusals, the interval doubles, up
    to two seconds; it halves when refusals have become few, until none is left. After some refusals in a row, a Retry-After holds all.
    ``clock`` is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turn = threading.Lock()
        self._next_at = self._interval_s = self._refused_share = 0.0
        self._changes = self._in_a_row = 0

    @property
    def interval_s(self) -> float:
        """The seconds between two requests; 0 while nothing is slowed down."""
        return self._interval_s

    def wait(self, pause: Callable[[float], None], remaining_s: Callable[[], float]) -> int:
        """Wait for the turn to send a request; what is returned belongs into the call that tells how it was answered.

        Raises what ``pause`` raises, and RateLimited when the turn would come only after the deadline.
        """
        while True:
            with self._turn:
                wait_s = self._next_at - self._clock()
                if wait_s <= 0:
                    self._next_at = self._clock() + self._interval_s
                    return self._changes
            if wait_s >= remaining_s():
                raise RateLimited("the provider has asked to slow down, and there is no time left to wait for that.", transient=True)
            pause(wait_s)

    def answered(self, _turn: int) -> None:
        """Tell of an answer that asks for no slowing down."""
        with self._turn:
            self._in_a_row = 0
            self._refused_share *= 1 - _WEIGHT
            if self._interval_s and self._refused_share < _FEW:
                self._change(self._interval_s / 2 if self._interval_s > _FIRST_INTERVAL_S else 0.0)

    def refused(self, turn: int, after_s: float | None = None) -> None:
        """Tell of an answer that asks to slow down, and to come back after so many seconds."""
        with self._turn:
            self._refused_share += (1 - self._refused_share) * _WEIGHT
            self._in_a_row += 1
            if not self._interval_s:
                self._change(_FIRST_INTERVAL_S)
            # Requests that were under way already say nothing about the pace that was set meanwhile.
            elif self._refused_share > _MANY and turn == self._changes:
                self._change(min(self._interval_s * 2, _LONGEST_INTERVAL_S))
            if self._in_a_row >= _IN_A_ROW and after_s:
                self._next_at = max(self._next_at, self._clock() + after_s)

    def _change(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._changes += 1
        self._next_at = max(self._next_at, self._clock() + interval_s)
        # So that the next change is decided by what this one brings about.
        self._refused_share = (_MANY + _FEW) / 2


def retry_after_s(header: str | None, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> float | None:
    """Seconds to wait from a Retry-After header, given as seconds or as a date; None when absent or unreadable."""
    if not header:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except (TypeError, ValueError):  # Python 3.9 raises a TypeError.
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - now()).total_seconds())
