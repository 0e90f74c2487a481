# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that end half-way: cancelled as a job is, or killed at any request. The next run finishes what they left."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.modules import Modules
from tests.harness.playbooks import Playbooks, play
from tests.harness.worlds import World, eventually, holds

from .processes import module_processes

LONG_S = 3600
RESTORE = {
    "operation": "CREATE",
    "name": "back",
    "backup_ref": {"name": "nightly"},
    "cluster_ref": {"name": "drill"},
    "storage_class_mapping": {"fast": "slow"},
    "wait_interval": 1,
}
BACKUP = {"operation": "CREATE", "name": "fresh", "backup_location_ref": {"name": "objects"}, "cluster_ref": {"name": "production"}, "namespaces": ["shop"]}
FORGET = {"operation": "DELETE", "name": "old"}
# Module, options, what must be there beforehand, and how many objects of the name must be there in the end.
TASKS: dict[str, tuple[str, dict[str, Any], dict[str, Any], int]] = {
    "restore CREATE": ("restore", RESTORE, {}, 1),
    "backup CREATE": ("backup", BACKUP, {}, 1),
    "restore DELETE": ("restore", FORGET, {"restores": [{"name": "old", "backup": "nightly", "cluster": "drill"}]}, 0),
}


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="finds the module's process in /proc")
def test_cancelled_task_leaves_the_restore_to_the_next_run(playbooks: Playbooks, modules: Modules, make_world: Callable[..., World]) -> None:
    world = make_world(restore_duration_s=LONG_S)
    task = {"name": "restore", "multicloud.recovery.restore": {**world.options, **RESTORE}}
    cancelled = playbooks.start([play(task)], environ={"ANSIBLE_PIPELINING": "0"})
    eventually(lambda: [entry for entry in world.control.requests() if entry["route"] == "/v1/restore/{org_id}/{name}"], 60, "the waiting")
    (process,) = module_processes(cancelled.pid, "restore")
    os.kill(process, signal.SIGTERM)
    outcome = cancelled.wait(60)
    assert outcome.code != 0
    said = outcome.result("restore")
    assert said["error"]["kind"] == "Cancelled"
    assert said["steps"] == [{"name": "create restore", "status": "left"}]
    assert said["changed"] is True
    assert "Traceback" not in outcome.text
    # The restore itself goes on.
    assert world.one("restores", "back")["status"] in ("Pending", "InProgress")
    before = world.mark()
    again = modules.start("restore", {**world.options, **RESTORE})
    eventually(lambda: world.mark() >= before + 4, 30, "the waiting of the second run")
    assert not again.is_over
    world.control.advance(LONG_S)
    result = again.result()
    assert result["restore"]["status"] == "succeeded"
    assert not result["changed"]
    assert world.changes(before) == []
    assert len(world.named("restores", "back")) == 1
    assert holds(world.namespace("drill", "shop"), world.one("backups", "nightly")["contents"]["shop"], {"fast": "slow"})


@pytest.mark.parametrize("acted", [False, True], ids=["before the server acts", "after the server acted"])
@pytest.mark.parametrize("task", TASKS)
def test_task_killed_at_any_request_succeeds_when_run_again(modules: Modules, make_world: Callable[..., World], task: str, acted: bool) -> None:
    module, options, state, left = TASKS[task]

    def prepared() -> World:
        world = make_world()
        world.control.merge_state(**state)
        return world

    undisturbed = prepared()
    assert not modules.run(module, {**undisturbed.options, **options}).failed
    requests = undisturbed.mark() and len(undisturbed.control.requests())
    assert requests >= 4
    for number in range(1, requests + 1):
        world = prepared()
        # The request hangs, so that the process is surely in the middle of it when it is killed.
        world.control.add_fault("slow", nth=number, seconds=20, act="before" if acted else "never")
        run = modules.start(module, {**world.options, **options})
        eventually(lambda world=world, number=number: len(world.control.requests()) >= number, 20, f"request {number}")
        run.send(signal.SIGKILL)
        assert run.result().status == -signal.SIGKILL
        world.control.clear_faults()
        result = modules.run(module, {**world.options, **options})
        assert not result.failed, f"killed at request {number}: {result.message}"
        assert len(world.named(f"{module}s", options["name"])) == left, f"killed at request {number}"
        # One that was carried out is not sent again; one that never was is.
        sent = [change for change in world.changes() if not change.startswith("PUT")]
        assert len(sent) <= (1 if acted else 2)
        if left:
            assert result[module]["status"] == "succeeded"
            assert world.one(f"{module}s", options["name"])["status"] == "Success"
