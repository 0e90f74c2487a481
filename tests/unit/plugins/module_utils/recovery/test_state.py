# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed run says about the data: only what was read."""

from __future__ import annotations

import pytest

from tests.unit.plugins.module_utils.recovery.bench import VM_REF
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


@pytest.mark.parametrize("strategy", ["in_place", "replace"])
def test_old_disks_are_not_deleted_once_somebody_has_deleted_the_restored_vm(strategy: str) -> None:
    bench = running()
    bench.cloud.may_go = when_up_on("one")
    looks = [0]

    def script(event: Event) -> Fault | None:
        # The old disks are looked at a last time before they are deleted.
        looks[0] += event.key == "get a/disk/web-0"
        if event.key == "get a/disk/web-0" and VM_REF in bench.cloud.things and looks[0] == last:
            bench.cloud.erase(VM_REF)
        return None

    last = 0
    counted = running()
    counted.cloud.may_go = when_up_on("one")
    events = counted.restore(old_disks="delete", strategy=strategy).ok.process.events
    first_deletion = next(number for number, event in enumerate(events) if event.key.startswith("deleting disk"))
    last = sum(event.key == "get a/disk/web-0" for event in events[:first_deletion])
    ran = bench.restore(old_disks="delete", strategy=strategy, script=script)
    assert ran.error is not None
    assert not [what for what in ran.sent if what.startswith("deleting disk")]
    assert wrongs(ran, bench) == []
