# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulated time: a monotonic clock that can be moved forward, and an agenda of what becomes due."""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone


class Clock:
    """Runs with the machine's monotonic clock; `advance` adds to it, nothing ever takes away."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._began_at = datetime.now(timezone.utc)
        self._added_s = 0.0

    def now(self) -> float:
        """Simulated seconds since this clock was made."""
        return self._monotonic() - self._began + self._added_s

    def advance(self, seconds: float) -> None:
        """Moves the clock forward. Raises ValueError for a negative number."""
        if seconds < 0:
            raise ValueError("time only moves forward: seconds must not be negative")
        self._added_s += seconds

    def at(self, moment_s: float | None = None) -> datetime:
        """The UTC date and time of a moment on this clock, now when None."""
        return self._began_at + timedelta(seconds=self.now() if moment_s is None else moment_s)


class Agenda:
    """What happens by itself later on: run lazily, in the order it became due, before a request is looked at."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._heap: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()

    def at(self, moment_s: float, action: Callable[[float], None]) -> None:
        """Remembers an action; it is called with the moment it was due, not the moment somebody looked."""
        heapq.heappush(self._heap, (moment_s, next(self._order), action))

    def run_due(self) -> None:
        """Runs everything due by now."""
        while self._heap and self._heap[0][0] <= self.clock.now():
            due, _order, action = heapq.heappop(self._heap)
            action(due)


def draw_seconds(duration: float | list[float], source: random.Random) -> float:
    """A duration in seconds: the number itself, or drawn evenly from [min, max]."""
    if isinstance(duration, (list, tuple)):
        low, high = duration
        return source.uniform(float(low), float(high))
    return float(duration)
