# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All interleavings of several runs of real code on one store of keys.

A run is deterministic: what it does next follows from the results that it got so far. So it is carried out again and again against a list of
results, and stopped where the list ends, at its next operation on the store. Two lists that lead to the same line with the same variables are one
place in the run. What there is at any moment is the store, the time and the place of each run; what was seen before is not gone on from again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

Store = frozenset[tuple[str, str]]
# An operation's result, and the time right after it where the run asked for that.
Entry = tuple[Any, "int | None"]
Program = Callable[["Tools"], object]
_FILES = ("lock/ballot.py", "lock/lock.py", "core/waiter.py", "test_ballot.py")
READ, WRITE, SLEEP, TIME = "read", "write", "sleep", "time"


class Stopped(BaseException):
    """The results end here; ``operation`` is the next one, ``place`` where in the code it is, with all variables."""

    def __init__(self, operation: str, given: Any, place: tuple[Any, ...]) -> None:
        super().__init__(operation)
        self.operation, self.given, self.place = operation, given, place


def _place() -> tuple[Any, ...]:
    found: list[Any] = []
    frame: FrameType | None = sys._getframe(2)
    while frame:
        if frame.f_code.co_filename.endswith(_FILES):
            variables = {name: repr(value) for name, value in frame.f_locals.items() if not _is_part_of_the_bench(value)}
            found.append((frame.f_code.co_name, frame.f_lasti, tuple(sorted(variables.items()))))
        frame = frame.f_back
    return tuple(found)


def _is_part_of_the_bench(value: object) -> bool:
    """Objects that are the same in every run, or whose state is told on its own (``Tools.facts``)."""
    return callable(value) or type(value).__repr__ is object.__repr__


class Tools:
    """What a run of the code under test is given: keys, the time, and a sleep that lets time pass for all.

    ``facts`` tells its objects' state. A run that has written so often is not followed any further: two may get in each other's way for ever.
    """

    def __init__(self, results: tuple[Entry, ...], most_writes: int) -> None:
        self._results, self._position = results, 0
        self._most_writes, self._writes = most_writes, 0
        self._slept = 0.0
        self._now: int | None = 0
        self.facts: Callable[[], tuple[Any, ...]] = lambda: ()
        self.held: Callable[[], bool] = lambda: False
        self.good_until: Callable[[], float] = lambda: 0.0
        self.end = ""

    def _next(self, operation: str, given: Any = None) -> Any:
        if self._position == len(self._results):
            raise Stopped(operation, given, (*_place(), self.facts(), self._slept))
        result, self._now = self._results[self._position]
        self._position += 1
        return result

    def read(self) -> Mapping[str, str]:
        return dict(self._next(READ))

    def write(self, changes: Mapping[str, str | None]) -> None:
        self._writes += 1
        if self._writes > self._most_writes:
            raise Stopped("", None, ())
        self._next(WRITE, frozenset(changes.items()))

    def sleep(self, seconds: float) -> bool:
        self._next(SLEEP)
        self._slept += seconds
        return False

    def now(self) -> float:
        """The time right after the last operation: between that and the next one any time may pass."""
        if self._now is None:
            raise Stopped(TIME, None, ())
        return float(self._now)

    def slept(self) -> float:
        return self._slept


@dataclass
class Place:
    """A run at an operation (or at its end: empty), what it believes there, and one list of results that leads there."""

    results: tuple[Entry, ...]
    operation: str
    given: Any
    held: bool
    good_until: float
    end: str
    following: dict[tuple[Any, int], Place] = field(default_factory=dict)


@dataclass
class Search:
    """A search over all interleavings of ``programs``, by the name of the run.

    ``states`` is how many there were, ``both`` which runs believed at one moment that they have the lock, ``ends`` how they ended.
    """

    programs: Mapping[str, Program]
    store: Mapping[str, str] = field(default_factory=dict)
    most_writes: int = 8
    most_states: int = 3_000_000
    states: int = 0
    ends: set[tuple[str, ...]] = field(default_factory=set)
    both: set[tuple[str, ...]] = field(default_factory=set)
    # How it came to the first state in which two believe it: the runs in the order of their operations.
    story: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = list(self.programs)
        self._places: dict[tuple[str, Any], Place] = {}

    # --- one run

    def _carried_out(self, name: str, results: tuple[Entry, ...], tick: int) -> Place:
        """The place of a run after these results; the last of them is given the time when the run asks for it."""
        tools = Tools(results, self.most_writes)
        operation, given, place = "", None, (tools,)
        try:
            self.programs[name](tools)
        except Stopped as stopped:
            if stopped.operation == TIME:
                return self._carried_out(name, (*results[:-1], (results[-1][0], tick)), tick)
            operation, given, place = stopped.operation, stopped.given, stopped.place
        found = Place(results, operation, given, tools.held(), tools.good_until(), tools.end)
        key = (name, (operation, given, place if operation else (), found.held, found.good_until, found.end))
        return self._places.setdefault(key, found)

    def _following(self, name: str, place: Place, result: Any, tick: int) -> Place:
        known = place.following.get((result, tick))
        if known is None:
            known = place.following[result, tick] = self._carried_out(name, (*place.results, (result, None)), tick)
        return known

    # --- all of them

    def run(self) -> Search:
        """Look at every state that there can be."""
        places = tuple(self._carried_out(name, (), 0) for name in self._names)
        first = (frozenset(self.store.items()), 0, tuple(map(id, places)))
        seen = {first}
        left: list[tuple[Store, int, tuple[Place, ...], Any]] = [(first[0], 0, places, None)]
        while left:
            store, tick, places, way = left.pop()
            self.states += 1
            assert self.states <= self.most_states, "there are more states than were expected"
            self._look(tick, places, way)
            moved = False
            for number, name in enumerate(self._names):
                if not places[number].operation:
                    continue
                after, later, result = self._applied(places[number], store, tick)
                following = self._following(name, places[number], result, later)
                changed = tuple(following if one == number else place for one, place in enumerate(places))
                state = (after, later, tuple(map(id, changed)))
                moved = moved or state != (store, tick, tuple(map(id, places)))
                if state not in seen:
                    seen.add(state)
                    left.append((after, later, changed, (way, f"{name} {places[number].operation} {result or ''}{_told(places[number].given)}")))
            if not moved:
                self.ends.add(tuple(f"{name} {_ended(place, tick)}" for name, place in zip(self._names, places)))
        return self

    @staticmethod
    def _applied(place: Place, store: Store, tick: int) -> tuple[Store, int, Any]:
        """Store and time after an operation, and its result."""
        if place.operation == READ:
            return store, tick, tuple(sorted(store))
        if place.operation == WRITE:
            changed = {**dict(store), **dict(place.given)}
            return frozenset((key, value) for key, value in changed.items() if value is not None), tick, None
        return store, tick + 1, None

    def _look(self, tick: int, places: tuple[Place, ...], way: Any) -> None:
        believing = tuple(name for name, place in zip(self._names, places) if place.held and place.good_until > tick)
        if len(believing) > 1:
            self.both.add(believing)
            if not self.story:
                while way:
                    self.story.insert(0, way[1])
                    way = way[0]


def _told(given: Any) -> str:
    return "" if given is None else str(dict(given))


def _ended(place: Place, tick: int) -> str:
    if place.end:
        return place.end
    if place.operation == "" and not place.held:
        return "still tries"
    return "holds it" if place.good_until > tick else "held it"
