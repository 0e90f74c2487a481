# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cloud in memory that the engine is tested on: it must keep the contract too, or those tests show nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Marked
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import IMAGE, MACHINE_IMAGE, SNAPSHOT, RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.provider import Provider

from tests.unit.plugins.module_utils.recovery import bench
from tests.unit.plugins.module_utils.recovery.cloud import CHANGE, SLOW_S, Event, Fault, Process, Slow
from tests.unit.plugins.module_utils.recovery.memory import LooseMarks, Memory

from .bench import Bench

_HELD_S = 3600
_MANY = 1000


class MemoryBench:
    """The machine of the engine's own tests."""

    VM: ClassVar[str] = bench.VM
    SECRET: ClassVar[str] = bench.PASSWORD
    METHODS: ClassVar[Sequence[str]] = (SNAPSHOT, IMAGE, MACHINE_IMAGE)
    OTHER_PLACE: ClassVar[str] = bench.THERE
    TRAVELS: ClassVar[bool] = True
    TOGETHER: ClassVar[bool] = False

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Callable[[], Bench]]:
        yield cls

    def __init__(self) -> None:
        self._cloud = bench.seeded().cloud
        self._processes: list[Process] = []
        self._fault: Callable[[Event], Fault | None] = lambda _event: None

    def task(self, module: str, **options: Any) -> Task:
        return Task(module, "CREATE", "memory", bench.options_of(module, vm_name=self.VM, **options))

    def waiter(self, timeout_s: float) -> Waiter:
        return Waiter(timeout_s, 1, clock=self._cloud.clock, sleep=self._cloud.clock.sleep)

    def provider(self, task: Task, waiter: Waiter) -> Provider:
        process = Process(self._cloud, waiter, self._on_event)
        self._processes.append(process)
        return Memory(task, process, task["site"])

    def _on_event(self, event: Event) -> Fault | None:
        return self._fault(event)

    def received(self, *, changing: bool = False) -> int:
        return sum(event.kind == CHANGE or not changing for process in self._processes for event in process.events)

    # --- what others do, and what happens

    def label(self, thing: Marked, labels: Mapping[str, str]) -> None:
        self._cloud.mark(thing.ref, labels, tags=True)

    def copy(self, of: Marked, disk: Disk, name: str = "") -> None:
        name = name or "copied"
        note = of.note if isinstance(of, (Disk, RecoveryPoint)) else {}
        point = RecoveryPoint(f"point/{name}", name, self._cloud.number(), of.marks, of.tags, "1", self._cloud.timestamp, source_disk=disk.ref, note=note)
        self._cloud.put(point.ref, replace(point, device=note.get("device", ""), source_uid=disk.uid, own={"contents": {}}))

    def protect(self) -> None:
        vm = self._cloud.machine(bench.VM_REF)
        self._cloud.update(vm.ref, own={**vm.own, "protected": True})

    def hold(self) -> None:
        self._cloud.operation_s = _HELD_S

    def let_go(self) -> None:
        self._cloud.operation_s = 1
        self._cloud.clock.now += _HELD_S + SLOW_S

    def lag(self) -> None:
        self._cloud.slow = Slow(lists=_MANY)

    def run_out(self) -> None:
        self._fault = lambda event: Fault.SCARCE if event.kind == CHANGE and event.key.startswith("starting") else None

    def fail(self) -> None:
        self._on_changes(Fault.FAILS)

    def lose_answers(self) -> None:
        self._on_changes(Fault.LOST)

    def work_again(self) -> None:
        self._fault = lambda _event: None

    def deny(self) -> None:
        self._on_changes(Fault.REFUSED)

    def _on_changes(self, fault: Fault) -> None:
        self._fault = lambda event: fault if event.kind == CHANGE else None


class LooseMemoryBench(MemoryBench):
    """The same machine in a cloud whose marks have no compare-and-swap."""

    METHODS: ClassVar[Sequence[str]] = (SNAPSHOT,)

    def provider(self, task: Task, waiter: Waiter) -> Provider:
        provider = super().provider(task, waiter)
        assert isinstance(provider, Memory)
        provider.marks = LooseMarks(self._processes[-1])
        return provider
