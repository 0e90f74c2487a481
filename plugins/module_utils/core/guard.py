# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last question before a request leaves: whether it may still be sent.

A run can be stopped (SIGSTOP, a suspended controller) between its check of a lock and its request. Whoever sends a change under a lock
names the check here, and every client asks it immediately before each transmission, repetitions included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CHECK: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)


@contextmanager
def guarded(check: Callable[[], None]) -> Iterator[None]:
    """Let ``check`` decide on every request that this thread sends meanwhile: it raises what the sender is to be told."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)


def before_sending() -> None:
    """To be called by clients immediately before a request leaves. Raises what the check raises; then nothing was sent."""
    check = _CHECK.get()
    if check:
        check()
