# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lock is kept: among the marks of the machine, or of a disk while there is no machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import ClassVar

from ...core.errors import NotFound, RecoveryError
from ..model import Marked
from ..provider import Marks
from .ballot import BallotPlace
from .claim import Claim, claim_marks, claim_of
from .lock import LockPlace


def place_on(marks: Marks, carrier: Callable[[], Marked | None], unfinished: Callable[[], bool], pause: Callable[[float], None]) -> LockPlace:
    """The place of a lock among the marks of ``carrier``, as the provider's marks can hold one."""
    if marks.RULES.compare_and_swap:
        return MarkedPlace(marks, carrier, unfinished)
    return BallotPlace(_Keys(marks, carrier), lambda: pause(marks.RULES.settle_s), unfinished)


class _Keys:
    """The marks of what carries the lock, for a ballot."""

    def __init__(self, marks: Marks, carrier: Callable[[], Marked | None]) -> None:
        self._marks, self._carrier = marks, carrier

    def read(self) -> Mapping[str, str]:
        return _found(self._carrier).marks

    def write(self, changes: Mapping[str, str | None]) -> None:
        found = _found(self._carrier)
        self._marks.write(found, changes).send().wait()
        added = {key: None for key, value in changes.items() if value is not None}
        after = self._carrier() if added else found
        if after is not None and (after.ref, after.uid) != (found.ref, found.uid):
            # It has made way in this moment. Nobody looks for a lock there, so that nobody would take it off.
            with suppress(NotFound):
                self._marks.write(found, added).send().wait()


class MarkedPlace:
    """``carrier`` finds anew what holds the lock; ``unfinished`` tells whether the provider still works on the machine or its disks."""

    WITHDRAWS: ClassVar[bool] = False

    def __init__(self, marks: Marks, carrier: Callable[[], Marked | None], unfinished: Callable[[], bool]) -> None:
        self._marks, self._carrier, self._unfinished = marks, carrier, unfinished

    def read(self) -> Claim | None:
        return claim_of(_found(self._carrier).marks)

    def swap(self, expected: Claim | None, claim: Claim | None, more: Mapping[str, str | None]) -> bool:
        found = _found(self._carrier)
        there = claim_of(found.marks)
        if (there.text if there else None) != (expected.text if expected else None):
            return False
        try:
            self._marks.write(found, {**claim_marks(claim), **more}).send().wait()
        except RecoveryError as error:
            if not self._marks.is_stale(error):
                raise
            return False
        return True

    def busy(self) -> bool:
        return self._unfinished()

    def marks_of(self, claim: Claim) -> dict[str, str]:
        return {key: value for key, value in claim_marks(claim).items() if value}


def _found(carrier: Callable[[], Marked | None]) -> Marked:
    found = carrier()
    if found is None:
        raise NotFound("neither the VM nor the disk that carries its lock exists any more.")
    return found
