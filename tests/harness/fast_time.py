# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time that passes faster, for the modules that a server runs."""

from __future__ import annotations

import threading
import time

_MONOTONIC = time.monotonic


def speed_up(factor: float) -> None:
    """Let time pass faster for all Python code of this process and its forks: clocks run ahead, and sleeps and waits with a limit are shorter.

    Sockets keep the real time, as does whoever is at their other end.
    """
    monotonic, sleep, wait = _MONOTONIC, time.sleep, threading.Condition.wait
    began = monotonic()

    def fast_monotonic() -> float:
        return began + (monotonic() - began) * factor

    def shorter_wait(self: threading.Condition, timeout: float | None = None) -> bool:
        return wait(self, None if timeout is None else timeout / factor)

    def shorter_sleep(seconds: float) -> None:
        sleep(seconds / factor)

    time.monotonic = fast_monotonic
    time.sleep = shorter_sleep  # type: ignore[assignment]
    threading._time = fast_monotonic  # type: ignore[attr-defined]
    threading.Condition.wait = shorter_wait  # type: ignore[method-assign]
