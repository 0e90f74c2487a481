# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock on a provider without compare-and-swap: each run writes a key of its own, and reads those of all.

With one key for all, two runs can hold it at once: both look, both write, both read their own value back. With a key for each run, of two
runs that write before they read, at least one sees the other. A run that finds itself alone holds the lock. Otherwise the one with the
lowest id stays, unless another one says already that it holds it; the others withdraw. A holder says so by a second write, and after a
pause it is believed only after it has written and read again. The search over all interleavings of two and of three runs is in the tests.
It needs reads that show earlier writes: after each write the settle time passes before all keys are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar, Protocol

from ..marks import LOCK, LOCK_FOR
from .claim import KEY, Claim, Standing, claim_marks, run_of, standing_of, standing_value


class Keys(Protocol):
    """The marks of the one resource that carries the lock."""

    def read(self) -> Mapping[str, str]:
        """All its marks. Raises NotFound."""

    def write(self, changes: Mapping[str, str | None]) -> None:
        """Set or remove marks; other marks are left alone. What was written is seen by whoever reads after the settle time."""


class BallotPlace:
    """``settle`` waits until a write is seen by all; ``unfinished`` tells whether the provider still works for an earlier holder."""

    WITHDRAWS: ClassVar[bool] = True

    def __init__(self, keys: Keys, settle: Callable[[], None], unfinished: Callable[[], bool]) -> None:
        self._keys, self._settle, self._unfinished = keys, settle, unfinished
        # The key with which we stand for the lock, or hold it; empty while we do neither.
        self._mine = ""
        self._holds = False
        self._stands = 0
        self._epoch = -1

    def read(self) -> Claim | None:
        """The holder, ourselves first, else the candidate with the lowest key."""
        claims = self._claims()
        order = sorted(claims, key=lambda key: (key != self._mine, not claims[key].holds, key))
        return claims[order[0]].claim if order else None

    def swap(self, expected: Claim | None, claim: Claim | None, more: Mapping[str, str | None]) -> bool:
        if expected is not None and self._mine and expected.run == run_of(self._mine):
            return self._replace_own(claim, more)
        return claim is not None and self._stand(expected, claim, more)

    def busy(self) -> bool:
        return self._unfinished()

    def marks_of(self, claim: Claim) -> dict[str, str]:
        if not self._mine:
            self._mine, self._holds = self._next_key(claim), True
        return {self._mine: standing_value(claim, holds=True), **{key: value for key, value in _facts(claim).items() if value}}

    def _stand(self, expected: Claim | None, claim: Claim, more: Mapping[str, str | None]) -> bool:
        """Announce, and hold the lock if nobody else can. Only ``expected``, as it was seen, may be in the way: it counts as dead."""
        if self._rivals("", expected):
            return False
        key = self._mine = self._next_key(claim)
        self._holds = False
        self._write(key, claim, holds=False, more={})
        while rivals := self._rivals(key, expected):
            if any(rival.holds for rival in rivals.values()) or min(rivals) < key:
                return self._withdraw(key)
            # The others are higher and withdraw.
            self._settle()
        self._write(key, claim, holds=True, more=more)
        if self._rivals(key, expected):
            # The one that counted as dead has shown life, or another one stands: whoever wrote last sees both.
            return self._withdraw(key)
        self._holds = True
        dead = {other: None for other, found in self._claims().items() if expected and found.claim.text == expected.text}
        if dead:
            self._keys.write(dead)
        return True

    def _next_key(self, claim: Claim) -> str:
        """A key is never used again: whoever counts its holder as dead may remove it a long time afterwards."""
        self._stands += 1
        return f"{KEY}{claim.run}-{self._stands}"

    def _replace_own(self, claim: Claim | None, more: Mapping[str, str | None]) -> bool:
        """Renew, release or give up what is ours. A renewal fails when another run says that it holds the lock."""
        key = self._mine
        if not self._holds and (claim is None or claim.released_unfinished):
            # Where we only stand, whoever held the lock is still in its place.
            self._withdraw(key)
            return True
        if claim is None or claim.released_unfinished:
            left = {f"{KEY}{claim.run}-{key[len(KEY) :]}": standing_value(claim, holds=True)} if claim else {}
            self._keys.write({key: None, **left, **_facts(claim), **more})
            self._mine, self._holds = "", False
            return True
        # One that was paused looks before it writes, so that it does not disturb whoever has taken the lock over.
        if not self._other_holds(key):
            self._write(key, claim, holds=True, more=more)
            if not self._other_holds(key):
                return True
        return self._withdraw(key)

    def _other_holds(self, key: str) -> bool:
        return any(rival.holds for rival in self._rivals(key, None).values())

    def _claims(self) -> dict[str, Standing]:
        return standing_of(self._keys.read())

    def _rivals(self, own: str, expected: Claim | None) -> dict[str, Standing]:
        """All others but ``expected`` as it was seen; once that is renewed it is a rival like any other."""
        return {key: found for key, found in self._claims().items() if key != own and not (expected and found.claim.text == expected.text)}

    def _write(self, key: str, claim: Claim, *, holds: bool, more: Mapping[str, str | None]) -> None:
        """Write our key, with an epoch that this run has never written: a watcher tells by it whether the run has shown life."""
        self._epoch = max(claim.epoch, self._epoch + 1)
        claim = replace(claim, epoch=self._epoch)
        self._keys.write({key: standing_value(claim, holds=holds), **(_facts(claim) if holds else {}), **more})
        self._settle()

    def _withdraw(self, key: str) -> bool:
        self._keys.write({key: None})
        self._mine, self._holds = "", False
        return False


def _facts(claim: Claim | None) -> dict[str, str | None]:
    """What is noted beside the keys, so that it outlives them."""
    return {key: value for key, value in claim_marks(claim).items() if key not in (LOCK, LOCK_FOR)}
