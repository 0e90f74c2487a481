# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repeating what failed for a passing reason: growing pauses with jitter, a cap, and the provider's own word on when to come back."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TypeVar

from ..core.errors import Cancelled, OutcomeUnknown, RecoveryError

T = TypeVar("T")

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 20.0


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
    cancelled; ``remaining_s`` gives the seconds left to the task.
    """

    retries: int
    pause: Callable[[float], None]
    remaining_s: Callable[[], float]
    jitter: Callable[[], float] = random.random

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
