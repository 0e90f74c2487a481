# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The claim on a machine: who holds its lock, for which task, and whether the machine ran before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .. import marks

# The run of a claim whose holder has ended in order, with its work unfinished.
_NOBODY = "free"
# What stands before the name of a task in the mark that says what a lock is for.
RESTORING, SAVING, GIVING_UP = "restore_", "backup_", "giveup_"
# Without compare-and-swap each run has a mark of its own: this, its id, and how often it has stood. Its value begins so until it holds the lock.
KEY = f"{marks.LOCK}-run-"
_CANDIDATE = "?"
_WORDS = {RESTORING: 'the restore "{}"', SAVING: "the backup {}", GIVING_UP: 'the deletion of the restore "{}"'}


@dataclass(frozen=True)
class Claim:
    """What the lock's marks say. ``epoch`` counts the renewals."""

    run: str
    purpose: str
    was_running: bool
    epoch: int = 0

    @property
    def text(self) -> str:
        """The value of the mark; the purpose has a mark of its own."""
        return f"{self.run}-{'r' if self.was_running else 's'}-{self.epoch}"

    @property
    def released_unfinished(self) -> bool:
        """The holder ended in order, but its work is not finished: whoever goes on with it need not wait."""
        return self.run == _NOBODY

    @property
    def task(self) -> str:
        """The task in the words of a message."""
        for prefix, words in _WORDS.items():
            if self.purpose.startswith(prefix):
                return words.format(self.purpose[len(prefix) :])
        return self.purpose or "an unknown task"

    @property
    def holder(self) -> str:
        """Task and run in the words of a message."""
        return f"{self.task}, which ended unfinished" if self.released_unfinished else f"{self.task} (run {self.run})"

    def released(self) -> Claim:
        """The same claim when its holder has ended in order with its work unfinished."""
        return Claim(_NOBODY, self.purpose, self.was_running, self.epoch)


@dataclass(frozen=True)
class Standing:
    """A claim that is there, and whether it says that its run holds the lock."""

    holds: bool
    claim: Claim


def parse_claim(value: str, purpose: str) -> Claim:
    """The claim that a mark holds; anything unreadable is a holder that does not renew."""
    run, _dash, rest = value.partition("-")
    state, _dash, epoch = rest.partition("-")
    return Claim(run, purpose, state != "s", int(epoch) if epoch.isdigit() else 0)


def claim_of(found: Mapping[str, str]) -> Claim | None:
    """The claim among a resource's marks, of several runs that stand for the lock the holder's; None when there is none."""
    text = found.get(marks.LOCK)
    if text:
        return parse_claim(text, found.get(marks.LOCK_FOR, ""))
    standing = sorted((not one.holds, key, one.claim) for key, one in standing_of(found).items())
    return standing[0][2] if standing else None


def standing_of(found: Mapping[str, str]) -> dict[str, Standing]:
    """The runs that stand for the lock, or hold it, by the mark of each, where each run writes a mark of its own."""
    return {key: parse_standing(key, value) for key, value in found.items() if key.startswith(KEY)}


def parse_standing(key: str, value: str) -> Standing:
    state, _dot, purpose = value.lstrip(_CANDIDATE).partition(".")
    return Standing(not value.startswith(_CANDIDATE), parse_claim(f"{run_of(key)}-{state}", purpose))


def standing_value(claim: Claim, *, holds: bool) -> str:
    """The value of the mark that a run writes for itself."""
    return f"{'' if holds else _CANDIDATE}{claim.text[len(claim.run) + 1 :]}.{claim.purpose}"


def run_of(key: str) -> str:
    return key[len(KEY) :].partition("-")[0]


def without_lock(found: Mapping[str, str]) -> dict[str, None]:
    """The changes that take the lock off a resource, whoever holds it; what is noted beside it stays."""
    return {key: None for key in (marks.LOCK, marks.LOCK_FOR, *found) if key in (marks.LOCK, marks.LOCK_FOR) or key.startswith(KEY)}


def instead_of(found: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str | None]:
    """The changes that put our lock on what carried that of an earlier run, whose own marks would be taken for a second holder's."""
    return {**{key: None for key in found if key.startswith(KEY) and key not in own}, **own}


def claim_marks(claim: Claim | None) -> dict[str, str | None]:
    """The marks that make a claim, or remove one. Whether the machine ran before is noted beside the lock too, so that it outlives the lock."""
    if claim is None:
        return {marks.LOCK: None, marks.LOCK_FOR: None, marks.WAS: None}
    return {marks.LOCK: claim.text, marks.LOCK_FOR: claim.purpose, marks.WAS: marks.ON if claim.was_running else marks.OFF}
