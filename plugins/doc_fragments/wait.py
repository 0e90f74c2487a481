# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options for waiting."""

    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to wait for the end of what the provider does, and to report its success only then.
      - With V(false), the task ends when the provider has accepted the request.
    type: bool
    default: true
  wait_timeout:
    description:
      - The deadline of the whole task in seconds, V(1) to V(604800), which is a week.
      - Past it the task fails, and what the provider is doing goes on. Run the task again to keep waiting.
      - A request that is under way at the deadline and may change something is still given O(request_timeout) to be answered.
      - Past a cancellation (SIGTERM), such a request is given five more seconds. Reading and waiting end within a second.
    type: int
    default: 3600
  wait_interval:
    description: The longest pause in seconds between two looks, V(1) to V(3600). The first is one second, and they grow.
    type: int
    default: 15
  undo_timeout:
    description:
      - The time in seconds that a task which fails or is cancelled has for putting back what it began, where that is needed.
      - V(1) to V(86400), which is a day.
    type: int
    default: 600
"""
