# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lock is kept on a provider with compare-and-swap: among the marks of the machine, or of a disk while there is no machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from ...core.errors import NotFound, RecoveryError
from ..model import Marked
from ..provider import Marks
from .claim import Claim, claim_marks, claim_of


class MarkedPlace:
    """``carrier`` finds anew what holds the lock; ``unfinished`` tells whether the provider still works on the machine or its disks."""

    WITHDRAWS: ClassVar[bool] = False

    def __init__(self, marks: Marks, carrier: Callable[[], Marked | None], unfinished: Callable[[], bool]) -> None:
        self._marks, self._carrier, self._unfinished = marks, carrier, unfinished

    def read(self) -> Claim | None:
        return claim_of(self._found().marks)

    def swap(self, expected: Claim | None, claim: Claim | None, more: Mapping[str, str | None]) -> bool:
        found = self._found()
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

    def _found(self) -> Marked:
        found = self._carrier()
        if found is None:
            raise NotFound("neither the VM nor the disk that carries its lock exists any more.")
        return found
