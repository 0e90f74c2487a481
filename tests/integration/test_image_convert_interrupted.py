# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of image_convert that end half-way: killed at any change, or without its answer. The next run finishes, and nothing is made twice."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.harness.modules import Modules
from tests.harness.worlds import eventually
from tests.simulator.server import SimulatorThread

from .image_runs import BUCKET, ImageRun, ImageWorld, hasty, image_simulator

__all__ = ["hasty", "image_simulator"]

EXPORT: dict[str, Any] = {"operation": "CREATE", "source": "golden", "bucket": BUCKET, "object_prefix": "gold", "format": "qcow2"}
IMPORT: dict[str, Any] = {"operation": "CREATE", "source_object": "web.qcow2", "bucket": BUCKET, "image_name": "web-latest", "tags": {"a": "b"}}
ASIDE = "web-latest-20260203-040506"


@dataclass(frozen=True)
class Case:
    """What is asked for, whether there is an image of the name before, and what must be there afterwards."""

    options: Mapping[str, Any]
    images: tuple[str, ...]
    exports: int = 0
    imports: int = 0
    objects: int = 0
    previous: bool = False
    imported: bool = False

    def prepare(self, world: ImageWorld, modules: Modules, **settings: Any) -> None:
        """Put there what must be there, as it has been there always."""
        if self.previous:
            world.put_image("web-latest", "m-old", CreationTime="2026-02-03T04:05:06Z")
        if self.imported:
            ImageRun(modules, world, IMPORT).ok.world.control.clear_requests()
        world.control.settings(**settings)

    def problems(self, world: ImageWorld) -> list[str]:
        """What is not as it must be."""
        tasks = [task["TaskAction"] for task in world.all("tasks")]
        found = {
            "images": (tuple(world.image_names), self.images),
            "exports": (tasks.count("ExportImage"), self.exports),
            "imports": (tasks.count("ImportImage"), self.imports),
            "objects": (len(world.objects), self.objects),
            "snapshots": (len(world.all("snapshots")), 1 + sum(name == "web-latest" for name in self.images)),
        }
        return [f"{what}: {there}, not {wanted}" for what, (there, wanted) in found.items() if there != wanted]


CASES = {
    "export of an image": Case(EXPORT, ("golden",), exports=1, objects=1),
    "export of a snapshot": Case({**EXPORT, "source": "s-system"}, ("golden",), exports=1, objects=1),
    "export of an instance": Case({**EXPORT, "source": "web"}, ("golden",), exports=1, objects=2),
    "import": Case(IMPORT, ("golden", "web-latest"), imports=1),
    "import, renaming": Case(IMPORT, ("golden", "web-latest", ASIDE), imports=1, previous=True),
    "import, deleting": Case({**IMPORT, "previous_image": "delete"}, ("golden", "web-latest"), imports=1, previous=True),
    "deletion": Case({"operation": "DELETE", "name": "web-latest"}, ("golden",), imports=1, imported=True),
}
LAGS = {"tag_lag_s": 0.1, "list_lag_s": 0.1}


def changes_of(case: Case, modules: Modules, simulator: SimulatorThread, **settings: Any) -> list[tuple[str, int]]:
    """The changes of an undisturbed run: the action, and which of its kind it is."""
    world = ImageWorld(simulator)
    case.prepare(world, modules, **settings)
    run = ImageRun(modules, world, case.options).ok
    assert case.problems(world) == []
    return [(action, run.changes[: number + 1].count(action)) for number, action in enumerate(run.changes)]


@pytest.mark.parametrize("settings", [{}, LAGS], ids=["", "with stale lists and tags"])
@pytest.mark.parametrize("name", CASES)
def test_task_killed_at_any_change_succeeds_when_run_again(hasty: Modules, image_simulator: SimulatorThread, name: str, settings: dict[str, Any]) -> None:
    """Killed after the provider acted. What is there before it acts is what the change before it has left; requests that never arrive are tested below."""
    case = CASES[name]
    changes = changes_of(case, hasty, image_simulator, **settings)
    assert changes
    for action, nth in changes:
        world = ImageWorld(image_simulator)
        case.prepare(world, hasty, **settings)
        # The request hangs, so that the process is surely in the middle of it when it is killed.
        world.control.add_fault("slow", route=action, nth=nth, seconds=20, act="before")
        run = hasty.start("image_convert", {**world.options, **case.options})
        eventually(lambda world=world, action=action, nth=nth: world.changes().count(action) >= nth, 20, f"{action} {nth}")
        run.send(signal.SIGKILL)
        assert run.result().status == -signal.SIGKILL
        world.control.clear_faults()
        # Nobody launches a task again within the seconds for which reads lag behind.
        world.control.advance(1)
        again = ImageRun(hasty, world, case.options)
        assert not again.result.failed, f"killed at {action} {nth}: {again.message}"
        assert case.problems(world) == [], f"killed at {action} {nth}: {again.changes}"
        world.control.advance(1)
        third = ImageRun(hasty, world, case.options)
        assert third.is_unchanged(), f"killed at {action} {nth}: {third.changes} {third.message}"


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
@pytest.mark.parametrize("name", CASES)
def test_lost_answers_make_nothing_twice(hasty: Modules, image_simulator: SimulatorThread, name: str, kind: str) -> None:
    case = CASES[name]
    for action, nth in changes_of(case, hasty, image_simulator):
        world = ImageWorld(image_simulator)
        case.prepare(world, hasty)
        world.control.add_fault(kind, route=action, nth=nth)
        first = ImageRun(hasty, world, case.options)
        # Of the one request that has no token it may be that nobody knows what became of it.
        assert not first.result.failed or (kind == "drop_before" and action == "ExportImage" and first.result.kind == "OutcomeUnknown"), first.message
        again = first if not first.result.failed else ImageRun(hasty, world, case.options)
        assert not again.result.failed, f"{kind} at {action} {nth}: {again.message}"
        assert case.problems(world) == [], f"{kind} at {action} {nth}"
        assert ImageRun(hasty, world, case.options).is_unchanged()


@pytest.mark.parametrize("name", [name for name in CASES if name != "deletion"])
def test_late_task_is_finished_by_the_next_run(hasty: Modules, image_simulator: SimulatorThread, name: str) -> None:
    case = CASES[name]
    world = ImageWorld(image_simulator)
    case.prepare(world, hasty)
    world.control.settings(operation_s_of={"ExportImage": 3600, "ImportImage": 3600, "CreateImage": 3600})
    late = ImageRun(hasty, world, {**case.options, "wait_timeout": 20})
    seen = []
    while late.result.failed:
        assert late.result.kind == "WaitTimeout", late.message
        assert "run the task again to keep waiting" in late.message.lower()
        seen.append(late.message)
        world.control.advance(3600)
        late = ImageRun(hasty, world, {**case.options, "wait_timeout": 20})
    assert len(seen) == (2 if "snapshot" in name or "instance" in name else 1)
    assert case.problems(world) == []
    assert ImageRun(hasty, world, case.options).is_unchanged()


@pytest.mark.parametrize("name", [name for name in CASES if name != "deletion"])
def test_two_runs_at_once_make_nothing_twice(hasty: Modules, image_simulator: SimulatorThread, name: str) -> None:
    case = CASES[name]
    for route in ("DescribeImages", "DescribeTasks"):
        world = ImageWorld(image_simulator)
        case.prepare(world, hasty, operation_s=0.3)
        # Both see what is there before either has changed anything.
        world.control.add_fault("barrier", count=2, route=route, seconds=2)
        runs = [hasty.start("image_convert", {**world.options, **case.options}) for _each in range(2)]
        results = [run.result() for run in runs]
        messages = [result.message for result in results]
        assert any(not result.failed for result in results), messages
        assert "Traceback" not in "".join(result.stderr for result in results)
        third = ImageRun(hasty, world, case.options)
        assert not third.result.failed, (messages, third.message)
        assert case.problems(world) == [], messages
        assert ImageRun(hasty, world, case.options).is_unchanged()
