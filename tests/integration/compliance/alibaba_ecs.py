# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alibaba Cloud ECS: an account of its own in one simulator, with requests that the vendor's SDK makes and signs, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.provider import make
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.things import GROUP
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Machine, Marked
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import IMAGE, SNAPSHOT, RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.provider import Provider

from tests.simulator.server import SimulatorThread, running_simulator
from tests.unit.plugins.module_utils.backends.alibaba_ecs import bench

from .bench import Bench

_HELD_S = 3600
# Lists and reads of one thing lag alike, so that it must end at some time.
_LAG_S = 20
_CHANGES = (
    "CreateSnapshot", "CreateSnapshotGroup", "CreateImage", "CreateDisk", "CreateCommand", "DeleteSnapshot", "DeleteSnapshotGroup", "DeleteImage",
    "DeleteDisk", "DeleteInstance", "DeleteCommand", "RunInstances", "StartInstance", "StopInstance", "AttachDisk", "DetachDisk", "ResetDisk",
    "ModifyDiskAttribute", "ModifySnapshotAttribute", "ModifyInstanceVpcAttribute", "TagResources", "UntagResources",
)  # fmt: skip


class AlibabaBench:
    """The instance web-1, whose disks can only be saved one by one: a group is one resource, of which nothing can be made or deleted alone."""

    VM: ClassVar[str] = bench.VM
    # User data, as the API gives it.
    SECRET: ClassVar[str] = "c3lzdGVtY3RsIHN0YXJ0IHdlYg=="
    METHODS: ClassVar[Sequence[str]] = (SNAPSHOT, IMAGE)
    OTHER_PLACE: ClassVar[str] = bench.FAR_REGION
    TRAVELS: ClassVar[bool] = False
    TOGETHER: ClassVar[bool] = False
    CATEGORY: ClassVar[str] = "cloud_efficiency"

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Callable[[], Bench]]:
        with running_simulator("alibaba_ecs") as simulator:
            yield lambda: cls(simulator)

    def __init__(self, simulator: SimulatorThread) -> None:
        self._bench = bench.AlibabaBench(simulator, self.CATEGORY, essd_available_early=False)
        self._bench.act("set_fields", kind="disks", id=self._bench.disks[2], fields={"DeleteWithInstance": False})
        self._bench.act("set_fields", kind="instances", id=self._bench.instance, hidden={"user_data": self.SECRET})

    def task(self, module: str, **options: Any) -> Task:
        needed = {"snapshot_datetime": "20260101-000000", **({"name": "r1"} if module == "restore" else {})}
        return self._bench.task(module, **{**needed, **options})

    def waiter(self, timeout_s: float) -> Waiter:
        return Waiter(timeout_s, 1, clock=self._bench.clock, sleep=self._bench.sleep)

    def provider(self, task: Task, waiter: Waiter) -> Provider:
        return make(task, waiter)

    def received(self, *, changing: bool = False) -> int:
        return len(self._bench.control.requests(mutating=changing or None))

    # --- what others do, and what happens

    def label(self, thing: Marked, labels: Mapping[str, str]) -> None:
        assert isinstance(thing, (Machine, Disk, RecoveryPoint))
        own = thing.own
        self._bench.act("set_fields", kind="snapshot_groups" if own.kind == GROUP else f"{own.kind}s", id=own.id, tags=dict(labels))

    def copy(self, of: Marked, disk: Disk, name: str = "") -> None:
        own = of.own if isinstance(of, (Disk, RecoveryPoint)) else None
        wire: Mapping[str, Any] = own.wire if own else {}
        tags = [{"Key": one["TagKey"], "Value": one["TagValue"]} for one in (wire.get("Tags") or {}).get("Tag", ())]
        tags = [one for one in tags if not one["Key"].startswith("acs:")]
        self._bench.call("CreateSnapshot", DiskId=disk.uid, SnapshotName=name or "copied", Description=wire.get("Description"), Tag=tags)

    def protect(self) -> None:
        self._bench.act("set_fields", kind="instances", id=self._bench.instance, fields={"DeletionProtection": True})

    def hold(self) -> None:
        self._bench.control.settings(operation_s=_HELD_S)

    def let_go(self) -> None:
        self._bench.control.settings(operation_s=0)
        self._bench.control.advance(_HELD_S)

    def lag(self) -> None:
        self._bench.control.settings(list_lag_s=_LAG_S)

    def run_out(self) -> None:
        self._bench.control.add_fault("status", route="StartInstance", times=0, status=403, reason="OperationDenied.NoStock")

    def fail(self) -> None:
        self._on_changes("operation", error={"code": "InternalError", "message": "Internal error."})

    def lose_answers(self) -> None:
        self._on_changes("drop_after")

    def work_again(self) -> None:
        self._bench.control.clear_faults()

    def deny(self) -> None:
        self._on_changes("status", status=403, reason="Forbidden.RAM")

    def _on_changes(self, kind: str, **rule: Any) -> None:
        for action in _CHANGES:
            self._bench.control.add_fault(kind, route=action, times=0, **rule)


class AlibabaGroupBench(AlibabaBench):
    """The same instance with disks that are saved as a group."""

    METHODS: ClassVar[Sequence[str]] = (SNAPSHOT,)
    TOGETHER: ClassVar[bool] = True
    CATEGORY: ClassVar[str] = "cloud_essd"
