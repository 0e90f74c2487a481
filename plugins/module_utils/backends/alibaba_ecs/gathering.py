# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads of single things that are asked for at the same time, made as one request: an instance with sixteen disks is read once, not sixteen times."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ...core.errors import RecoveryError

T = TypeVar("T")

# How long a read waits for others to join it, in seconds: far less than a request takes.
_JOIN_S = 0.004
_MOST = 100


@dataclass
class _Round(Generic[T]):
    """One request to be made for several readers."""

    ids: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    found: Mapping[str, T] = field(default_factory=dict)
    error: RecoveryError | None = None


class Gathered(Generic[T]):
    """Reads things by id. ``read`` makes one request for some ids, and gives what there is of them by id."""

    def __init__(self, read: Callable[[Sequence[str]], Mapping[str, T]]) -> None:
        self._read = read
        self._turn = threading.Lock()
        self._open: _Round[T] | None = None

    def get(self, thing: str) -> T | None:
        """The thing as a request that begins after this call shows it; None when there is none. Raises what the request raises."""
        with self._turn:
            mine = self._open
            leads = mine is None or len(mine.ids) >= _MOST
            if mine is None or leads:
                mine = self._open = _Round()
            mine.ids.append(thing)
        if leads:
            self._make(mine)
        mine.done.wait()
        if mine.error:
            raise mine.error
        return mine.found.get(thing)

    def _make(self, mine: _Round[T]) -> None:
        mine.done.wait(_JOIN_S)
        with self._turn:
            if self._open is mine:
                self._open = None
            ids = list(dict.fromkeys(mine.ids))
        mine.error = RecoveryError("the request that was made for this read as well was broken off.")
        try:
            mine.found, mine.error = self._read(ids), None
        except RecoveryError as error:
            mine.error = error
        finally:
            mine.done.set()
