# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: one deadline for the whole task, looks that start fast and back off, and an end to every pause when the task is cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from copy import copy
from typing import TypeVar

from .errors import Cancelled, RecoveryError, WaitTimeout
from .model import Record

T = TypeVar("T")

_FIRST_PAUSE_S = 1.0
_GROWTH = 1.5


class Waiter:
    """A deadline that several steps share, and the pauses between looks.

    ``timeout_s`` runs from construction. ``interval_s`` is the longest pause. ``clock`` is monotonic, in seconds; ``sleep`` takes
    seconds and returns early, with true, once ``cancel`` was called (both are given by tests).
    """

    def __init__(
        self,
        timeout_s: float,
        interval_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], bool] | None = None,
    ) -> None:
        self._cancelled = threading.Event()
        self._undoing = False
        # A cancellation comes from another thread, and must not slip in after the undoing has begun.
        self._turn = threading.Lock()
        self._clock = clock
        self._sleep = sleep or self._cancelled.wait
        self._given_sleep = sleep
        self._interval_s = interval_s
        self._deadline = clock() + timeout_s

    def twin(self) -> Waiter:
        """A waiter with the same deadline that is cancelled, and given time for putting things back, on its own."""
        twin = Waiter(self.remaining_s, self._interval_s, clock=self._clock, sleep=self._given_sleep)
        if self.cancelled:
            twin.cancel()
        return twin

    def shorter(self, limit_s: float) -> Waiter:
        """The same waiter, cancelled together with this one, with a deadline of its own that is ``limit_s`` away at the most."""
        part = copy(self)
        part._deadline = min(self._deadline, self._clock() + limit_s)
        return part

    @property
    def clock(self) -> Callable[[], float]:
        """The clock that this waiter goes by, for what has to go by the same."""
        return self._clock

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline, never below zero."""
        return max(0.0, self._deadline - self._clock())

    def cancel(self) -> None:
        """End all pauses; from now on each of them raises Cancelled, until the undoing begins."""
        with self._turn:
            if not self._undoing:
                self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def begin_undo(self, budget_s: float) -> None:
        """Set a new deadline for putting things back; a second cancellation no longer interrupts."""
        with self._turn:
            self._undoing = True
            self._cancelled.clear()
        self._deadline = self._clock() + budget_s

    def pause(self, seconds: float) -> None:
        """Sleep, at most until the deadline. Raises Cancelled when the task is cancelled."""
        if self.cancelled or self._sleep(min(seconds, self.remaining_s)) or self.cancelled:
            raise Cancelled("the task was cancelled.")

    def pauses(self, first_s: float = _FIRST_PAUSE_S, growth: float = _GROWTH) -> Iterator[float]:
        """The pauses of one wait in seconds: 1, 1.5, 2.25, ... up to the interval."""
        pause_s = min(first_s, self._interval_s)
        while True:
            yield pause_s
            pause_s = min(pause_s * growth, self._interval_s)

    def wait_until(
        self, look: Callable[[], T], finished: Callable[[T], bool], unfinished: Callable[[T | None], str], pauses: Iterator[float] | None = None
    ) -> T:
        """Look until ``finished`` and return what was seen then; the last look is at the deadline itself. ``pauses`` are others than usual.

        A look that fails for a transient reason counts as not finished: an hour of waiting must not end with one bad answer.
        Raises WaitTimeout with the words of ``unfinished``, which is given what was seen last (None when nothing was).
        """
        seen: T | None = None
        trouble: RecoveryError | None = None
        for pause_s in pauses or self.pauses():
            try:
                seen, trouble = look(), None
                if finished(seen):
                    return seen
            except RecoveryError as error:
                if not error.transient:
                    raise
                trouble = error
            if self.remaining_s <= 0:
                break
            try:
                self.pause(pause_s)
            except Cancelled as cancelled:
                raise Cancelled(cancelled.message, record=_as_record(seen)) from cancelled
        message = unfinished(seen)
        if trouble:
            message = f"{message} The last look failed: {trouble.message}"
        raise WaitTimeout(message, record=_as_record(seen)) from trouble


def _as_record(seen: object) -> Record | None:
    return seen if isinstance(seen, Record) else None
