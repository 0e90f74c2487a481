# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes what each task said, and how long it took, as a line of JSON into the file that TASK_RESULTS_FILE names."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: task_results
type: aggregate
short_description: Results and durations of tasks, for tests
description: Writes a line of JSON for each task that ends.
requirements: [the environment variable TASK_RESULTS_FILE]
"""


class CallbackModule(CallbackBase):
    """Notes when a task starts on a host, and what it said."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_results"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._path = os.environ["TASK_RESULTS_FILE"]
        self._started: dict[str, float] = {}

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """A task is about to run."""
        self._started[task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task ended well."""
        self._write("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task failed."""
        self._write("failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """A task was not run."""
        self._write("skipped", result)

    def _write(self, status: str, result: Any) -> None:
        task = result._task
        seconds = time.monotonic() - self._started.get(task._uuid, time.monotonic())
        said = json.loads(self._dump_results(result._result, keep_invocation=True))
        entry = {"task": task.get_name().strip(), "action": task.action, "status": status, "seconds": seconds, "result": said}
        with open(self._path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")
