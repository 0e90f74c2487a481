# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine: a project of its own in one simulator, through Google's SDK and over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.provider import make
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Marked
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import IMAGE, MACHINE_IMAGE, SNAPSHOT, RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.provider import Provider

from tests.simulator.server import SimulatorThread, running_simulator
from tests.unit.plugins.module_utils.backends.gce import vm_bench

from .bench import Bench

_HELD_S = 3600


class GceBench:
    """The VM web-1 of the simulator's example."""

    VM: ClassVar[str] = vm_bench.VM
    SECRET: ClassVar[str] = "systemctl start web"
    METHODS: ClassVar[Sequence[str]] = (SNAPSHOT, IMAGE, MACHINE_IMAGE)
    OTHER_PLACE: ClassVar[str] = vm_bench.OTHER_ZONE
    TRAVELS: ClassVar[bool] = True
    TOGETHER: ClassVar[bool] = False

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Callable[[], Bench]]:
        with running_simulator("gce") as simulator:
            yield lambda: cls(simulator)

    def __init__(self, simulator: SimulatorThread) -> None:
        # A wait that is held would be held for the real time.
        self._bench = vm_bench.VmBench(simulator, wait_limit_s=0)

    def task(self, module: str, **options: Any) -> Task:
        needed = {"snapshot_datetime": "20260101-000000", **({"name": "r1"} if module == "restore" else {})}
        return self._bench.task(module, **{**needed, **options})

    def waiter(self, timeout_s: float) -> Waiter:
        return self._bench.clock.waiter(timeout_s, 1)

    def provider(self, task: Task, waiter: Waiter) -> Provider:
        return make(task, waiter)

    def received(self, *, changing: bool = False) -> int:
        return len(self._bench.control.requests(mutating=changing or None))

    # --- what others do, and what happens

    def label(self, thing: Marked, labels: Mapping[str, str]) -> None:
        self._bench.mark_with(thing.ref.split("/")[-2], thing.name, **labels)

    def copy(self, of: Marked, disk: Disk, name: str = "") -> None:
        wire: Mapping[str, Any] = of.own.wire if isinstance(of, (Disk, RecoveryPoint)) else {}
        texts = {key: wire[key] for key in ("labels", "description") if key in wire}
        self._bench.add("snapshots", name or "copied", sourceDisk=f"{vm_bench.SITE}{disk.ref}", sourceDiskId=disk.uid, **texts)

    def protect(self) -> None:
        self._bench.change_vm(deletionProtection=True)

    def hold(self) -> None:
        self._bench.control.settings(operation_s=_HELD_S)

    def let_go(self) -> None:
        self._bench.control.settings(operation_s=0)
        self._bench.control.advance(_HELD_S)

    def lag(self) -> None:
        self._bench.control.settings(list_lag_s=_HELD_S)

    def run_out(self) -> None:
        self._bench.control.settings(out_of_stock_zones=[vm_bench.ZONE])

    def fail(self) -> None:
        self._on_changes("operation", error={"code": "INTERNAL_ERROR", "message": "Internal error."})

    def lose_answers(self) -> None:
        self._on_changes("drop_after")

    def work_again(self) -> None:
        self._bench.control.clear_faults()

    def deny(self) -> None:
        self._on_changes("status", status=403, reason="forbidden")

    def _on_changes(self, kind: str, **rule: Any) -> None:
        for method in ("POST", "DELETE"):
            self._bench.control.add_fault(kind, method=method, times=0, **rule)
