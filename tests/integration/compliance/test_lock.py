# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock on the provider's marks: one of two runs gets it, whatever happens between a look and a write."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.ballot import BallotPlace
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.claim import Claim
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.lock import Lock, LockLost, LockPlace
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.place import MarkedPlace
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Marked

from .bench import Case

# Of a restore; on the machine, or on a disk while there is no machine.
PURPOSE = "restore_r1"
CARRIERS = ("machine", "disk")
TTL_S = 120


class Keys:
    """The marks of one thing, for a ballot."""

    def __init__(self, case: Case, read: Callable[[], Marked]) -> None:
        self._case, self._read = case, read

    def read(self) -> Mapping[str, str]:
        return self._read().marks

    def write(self, changes: Mapping[str, str | None]) -> None:
        self._case.do(self._case.provider.marks.write(self._read(), changes))


def place_of(case: Case, carrier: str, meanwhile: Callable[[], None] = lambda: None) -> LockPlace:
    """The place of the lock; ``meanwhile`` happens after the first look, before what is written then."""
    left, read = [meanwhile], case.thing(carrier)

    def once() -> None:
        if left:
            left.pop()()

    if not case.provider.marks.RULES.compare_and_swap:
        return BallotPlace(Keys(case, read), once, lambda: False)

    def looked() -> Marked:
        found = read()
        once()
        return found

    return MarkedPlace(case.provider.marks, looked, lambda: False)


def lock_of(case: Case, carrier: str, *, follows: bool = False) -> Lock:
    return Lock(place_of(case, carrier), PURPOSE, TTL_S, case.bench.waiter(600), lambda _claim: follows)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_lock_is_taken_by_one_of_two_that_saw_it_free(case: Case, carrier: str) -> None:
    claims = Claim("a" * 12, PURPOSE, was_running=True), Claim("b" * 12, PURPOSE, was_running=True)
    other, got = place_of(case.another(), carrier), list[bool]()
    first = place_of(case, carrier, lambda: got.append(other.swap(None, claims[1], {})))
    got.append(first.swap(None, claims[0], {}))
    assert sorted(got) == [False, True]
    holder = place_of(case.another(), carrier).read()
    assert holder
    assert holder.run == claims[0 if got[-1] else 1].run
    assert (holder.purpose, holder.was_running) == (PURPOSE, True)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_lock_is_held_until_it_is_released(case: Case, carrier: str) -> None:
    first, second = lock_of(case, carrier), lock_of(case.another(), carrier)
    try:
        first.acquire(was_running=True)
        with pytest.raises(LockLost, match=first.run):
            second.acquire(was_running=True)
        first.confirm()
        first.release({"was": "on"})
        second.acquire(was_running=True)
        assert not second.taken_over
    finally:
        first.stop_renewing()
        second.stop_renewing()


def test_run_that_was_taken_over_sees_it(case: Case) -> None:
    first, second = lock_of(case, "machine"), lock_of(case.another(), "machine", follows=True)
    try:
        first.acquire(was_running=False)
        claim = second.acquire(was_running=True)
        assert second.taken_over
        assert not claim.was_running
        with pytest.raises(LockLost):
            first.confirm()
    finally:
        first.stop_renewing()
        second.stop_renewing()
