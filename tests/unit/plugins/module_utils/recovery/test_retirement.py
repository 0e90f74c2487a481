# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM is deleted over its backup: the backup outlives whatever goes wrong, because it may be all that is left of the VM."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint

from tests.unit.plugins.module_utils.recovery.bench import DEVICES, FIRST, Bench
from tests.unit.plugins.module_utils.recovery.cloud import Event, Fault, Script
from tests.unit.plugins.module_utils.recovery.routes import at, saved_stopped, unsaved, when_saved_at_rest

DELETION = "deleting VM web"


def saved_devices(bench: Bench) -> set[str]:
    return {point.device for point in bench.every(RecoveryPoint).values() if point.status == "succeeded"}


def cancelled_once(words: str, under_way: str) -> Script:
    """The task is told to end when the request of these words was accepted."""

    def script(event: Event) -> Fault | None:
        if event.key == f"{under_way} {words}":
            event.process.waiter.cancel()
        return None

    return script


@pytest.mark.parametrize("ready", [unsaved, saved_stopped])
@pytest.mark.parametrize("fault", [Fault.LOST, Fault.LOST_SLOW, Fault.STUCK, Fault.KILLED_SLOW, Fault.KILLED_AFTER])
def test_backup_stays_once_the_deletion_of_its_vm_was_asked_for(ready: Callable[[], Bench], fault: Fault) -> None:
    bench = ready()
    bench.cloud.may_go = when_saved_at_rest
    ran = bench.backup(FIRST, retire_source=True, script=at(DELETION, fault))
    bench.cloud.settle(everything=True)
    assert saved_devices(bench) == set(DEVICES), ran.message


@pytest.mark.parametrize("ready", [unsaved, saved_stopped])
def test_backup_stays_when_the_task_is_cancelled_while_its_vm_is_being_deleted(ready: Callable[[], Bench]) -> None:
    bench = ready()
    bench.cloud.may_go = when_saved_at_rest
    ran = bench.backup(FIRST, retire_source=True, script=cancelled_once(DELETION, "wait for"))
    assert ran.error is not None
    bench.cloud.settle(everything=True)
    assert saved_devices(bench) == set(DEVICES), ran.message


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.FAILS, Fault.CUT_OFF, Fault.STUCK])
@pytest.mark.parametrize("words", ["marking web", DELETION])
def test_backup_that_was_there_before_stays_when_the_retirement_fails(words: str, fault: Fault) -> None:
    bench = saved_stopped()
    bench.cloud.may_go = when_saved_at_rest
    bench.cloud.precious |= set(bench.every(RecoveryPoint))
    ran = bench.backup(FIRST, retire_source=True, script=at(words, fault))
    assert ran.error is not None
    assert saved_devices(bench) == set(DEVICES), ran.message
    assert bench.cloud.violations == []
