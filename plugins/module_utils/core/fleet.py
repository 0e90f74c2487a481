# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task over many targets: each gets what a task of its own would get, so many at once, and no failure stops the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from .errors import Cancelled, RecoveryError

T = TypeVar("T")


@dataclass(frozen=True)
class TargetResult(Generic[T]):
    """What became of one target: its outcome, or the error that ended it."""

    name: str
    outcome: T | None = None
    error: RecoveryError | None = None


def perform_all(names: Sequence[str], perform: Callable[[str], T], max_parallel: int, cancelled: Callable[[], bool] = lambda: False) -> list[TargetResult[T]]:
    """The results in the order of ``names``. A bug in one target is raised, after all targets have ended.

    A target whose turn comes when the task is ``cancelled`` ends with Cancelled, and nothing is done for it.
    """

    def one(name: str) -> TargetResult[T]:
        if cancelled():
            return TargetResult(name, error=Cancelled("the task was cancelled before anything was done here."))
        try:
            return TargetResult(name, outcome=perform(name))
        except RecoveryError as error:
            # Kept for the result, the calls that ended with it would keep their connections open until all targets have ended.
            error.__traceback__ = error.__cause__ = error.__context__ = None
            return TargetResult(name, error=error)

    with ThreadPoolExecutor(max_workers=max(1, max_parallel), thread_name_prefix="target") as pool:
        return [future.result() for future in [pool.submit(one, name) for name in names]]
