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
from .claim import Claim, claim_marks, parse_claim

# A key is the mark of the lock with the id of its run; a candidate's value begins so until it holds the lock.
_KEY = f"{LOCK}-run-"
_CANDIDATE = "?"


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
        self._mine = ""
        self._epoch = -1

    def read(self) -> Claim | None:
        """The holder, else the candidate with the lowest id."""
        claims = self._claims()
        holders = sorted(run for run, (holds, _claim) in claims.items() if holds)
        mine_first = [self._mine] if self._mine in holders else holders
        chosen = next(iter([*mine_first, *sorted(claims)]), None)
        return claims[chosen][1] if chosen else None

    def swap(self, expected: Claim | None, claim: Claim | None, more: Mapping[str, str | None]) -> bool:
        if expected is not None and self._mine and expected.run == self._mine:
            return self._replace_own(claim, more)
        return claim is not None and self._stand(expected, claim, more)

    def busy(self) -> bool:
        return self._unfinished()

    def _stand(self, expected: Claim | None, claim: Claim, more: Mapping[str, str | None]) -> bool:
        """Announce, and hold the lock if nobody else can. Only ``expected``, as it was seen, may be in the way: it counts as dead."""
        if self._rivals(claim.run, expected):
            return False
        self._write(claim.run, claim, holds=False, more={})
        while True:
            rivals = self._rivals(claim.run, expected)
            if any(holds for holds, _claim in rivals.values()) or any(run < claim.run for run in rivals):
                self._withdraw(claim.run)
                return False
            if not rivals:
                break
            # The others are higher and withdraw.
            self._settle()
        self._write(claim.run, claim, holds=True, more=more)
        if self._rivals(claim.run, expected):
            # The one that counted as dead has shown life, or another one stands: whoever wrote last sees both.
            self._withdraw(claim.run)
            return False
        self._mine = claim.run
        if expected is not None:
            self._keys.write({_KEY + expected.run: None})
        return True

    def _replace_own(self, claim: Claim | None, more: Mapping[str, str | None]) -> bool:
        """Renew, release or give up what is ours. A renewal fails when another run says that it holds the lock."""
        if claim is None or claim.released_unfinished:
            changes = {_KEY + self._mine: None, **({_KEY + claim.run: _value(claim, holds=True)} if claim else {}), **_facts(claim), **more}
            self._keys.write(changes)
            self._mine = ""
            return True
        # One that was paused looks before it writes, so that it does not disturb whoever has taken the lock over.
        if not self._other_holds(claim.run):
            self._write(claim.run, claim, holds=True, more=more)
            if not self._other_holds(claim.run):
                return True
        self._withdraw(claim.run)
        self._mine = ""
        return False

    def _other_holds(self, run: str) -> bool:
        return any(holds for holds, _claim in self._rivals(run, None).values())

    def _claims(self) -> dict[str, tuple[bool, Claim]]:
        """Run, whether it holds the lock, and its claim."""
        found = self._keys.read()
        return {key[len(_KEY) :]: _parsed(key[len(_KEY) :], value) for key, value in found.items() if key.startswith(_KEY)}

    def _rivals(self, run: str, expected: Claim | None) -> dict[str, tuple[bool, Claim]]:
        """All others but ``expected`` as it was seen; once that is renewed it is a rival like any other."""
        return {other: found for other, found in self._claims().items() if other != run and not (expected and found[1].text == expected.text)}

    def _write(self, run: str, claim: Claim, *, holds: bool, more: Mapping[str, str | None]) -> None:
        """Write our key, with an epoch that this run has never written: a watcher tells by it whether the run has shown life."""
        self._epoch = max(claim.epoch, self._epoch + 1)
        claim = replace(claim, epoch=self._epoch)
        self._keys.write({_KEY + run: _value(claim, holds=holds), **(_facts(claim) if holds else {}), **more})
        self._settle()

    def _withdraw(self, run: str) -> None:
        self._keys.write({_KEY + run: None})


def _value(claim: Claim, *, holds: bool) -> str:
    return f"{'' if holds else _CANDIDATE}{claim.text[len(claim.run) + 1 :]}.{claim.purpose}"


def _parsed(run: str, value: str) -> tuple[bool, Claim]:
    state, _dot, purpose = value.lstrip(_CANDIDATE).partition(".")
    return not value.startswith(_CANDIDATE), parse_claim(f"{run}-{state}", purpose)


def _facts(claim: Claim | None) -> dict[str, str | None]:
    """What is noted beside the keys, so that it outlives them."""
    return {key: value for key, value in claim_marks(claim).items() if key not in (LOCK, LOCK_FOR)}
