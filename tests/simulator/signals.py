# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends a signal to a process that a fault names, as an operator or a power cut would."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def send_signal(pid: int, number: int | str | None = None) -> None:
    """Sends the signal (a number or a name like SIGTERM; SIGKILL when None). A process that is gone is fine."""
    chosen = signal.Signals[number] if isinstance(number, str) else signal.Signals(signal.SIGKILL if number is None else number)
    # 0 and below would mean whole groups of processes, 1 the system's own.
    if pid > 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, chosen)


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped and does not go on; a process that is gone is not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] in ("T", "t")
