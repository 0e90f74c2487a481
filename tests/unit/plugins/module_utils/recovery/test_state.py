# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed run says about the data: only what was read."""

from __future__ import annotations

from tests.unit.plugins.module_utils.recovery.cloud import Event, Fault
from tests.unit.plugins.module_utils.recovery.judge import wrongs
from tests.unit.plugins.module_utils.recovery.routes import running, when_up_on


def test_disk_whose_deletion_is_under_way_is_not_said_to_be_there() -> None:
    bench = running()
    bench.cloud.may_go = when_up_on("one")

    def cancelled(event: Event) -> Fault | None:
        if event.key.startswith("deleting disk"):
            event.process.waiter.cancel()
        return None

    ran = bench.restore(old_disks="delete", script=cancelled)
    assert ran.error is not None
    assert "being deleted: web-0, web-1, web-2" in ran.message
    assert "attached nowhere: web-0" not in ran.message
    assert wrongs(ran, bench) == []
