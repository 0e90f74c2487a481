# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks carried out on the cloud in memory, in this thread, by its clock: what happens in them happens in the same order each time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from ansible_collections.multicloud.recovery.plugins.module_utils.core import steps as core_steps
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import RecoveryError
from ansible_collections.multicloud.recovery.plugins.module_utils.core.guard import guarded
from ansible_collections.multicloud.recovery.plugins.module_utils.core.options import COMMON
from ansible_collections.multicloud.recovery.plugins.module_utils.core.outcome import result_of, with_undo_errors
from ansible_collections.multicloud.recovery.plugins.module_utils.core.runner import Backend, perform
from ansible_collections.multicloud.recovery.plugins.module_utils.core.steps import Report
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import target
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.backup.backend import BackupBackend
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.claim import Claim
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.lock import Lock, LockPlace
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Attachment, Disk, Machine, Power, Ref
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.restore.backend import RestoreBackend

from tests.unit.plugins.module_utils.recovery.cloud import STATUSES, Cloud, Killed, Process, Script
from tests.unit.plugins.module_utils.recovery.memory import OPTIONS, Memory, machine_ref

HERE, THERE = "a", "b"
VM = "web"
VM_REF = machine_ref(HERE, VM)
DEVICES = ("boot", "data", "Odd.7")
FIRST, SECOND, THIRD = "20260101-000000", "20260102-000000", "20260103-000000"
LOCK_TTL_S = 120
ADDRESS = "192.0.2.1"
PASSWORD = "correct horse"
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    module: {name: option.spec.get("default") for name, option in {**COMMON, **options}.items()} for module, options in OPTIONS.items()
}


def options_of(module: str, **given: Any) -> dict[str, Any]:
    """The options of a task here; ``given`` are those that are not as always."""
    return {**_DEFAULTS[module], "site": HERE, "lock_ttl": LOCK_TTL_S, **given}


# The processes that work at this moment, the innermost last: all else is paused.
WORKING: list[Process] = []


class Clocked(datetime):
    """The time of the cloud that is worked on."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return WORKING[-1].cloud.now


class ProcessLock(Lock):
    """The lock of the process at work, by its clock. It is renewed while its process sleeps, and not by a thread."""

    def __init__(self, place: LockPlace, purpose: str, ttl_s: float, waiter: Waiter, may_follow: Callable[[Claim], bool]) -> None:
        super().__init__(place, purpose, ttl_s, waiter, may_follow, now=WORKING[-1].cloud.clock)
        WORKING[-1].runs.add(self.run)
        WORKING[-1].locks.append(self)

    def _hold(self, began: float) -> None:
        self.held = True
        self._confirmed(began)


class Finished:
    """What a call came to that was carried out at once."""

    def __init__(self, call: Callable[..., Any], given: Sequence[Any]) -> None:
        self._value: Any = None
        self._error: BaseException | None = None
        try:
            self._value = call(*given)
        except BaseException as error:  # noqa: BLE001  As a future does.
            self._error = error

    def result(self) -> Any:
        if self._error:
            raise self._error
        return self._value

    def exception(self) -> BaseException | None:
        return self._error


class InlinePool:
    """Carries out at once what is submitted."""

    def __init__(self, max_workers: int, thread_name_prefix: str) -> None: ...

    def __enter__(self) -> InlinePool:
        return self

    def __exit__(self, *_error: object) -> None: ...

    def submit(self, call: Callable[..., Any], *given: Any) -> Finished:
        return Finished(call, given)


class _Ended(NamedTuple):
    done: list[Finished]


def _all_ended(finished: Iterable[Finished], return_when: str) -> _Ended:
    return _Ended(list(finished))


# Whatever of the engine asks what time it is asks the cloud's clock.
_ENGINE = sorted(name for name in sys.modules if name.startswith(target.__name__.rpartition(".")[0]))
_BY_THE_CLOCK = [*((sys.modules[name], "datetime", Clocked) for name in _ENGINE if hasattr(sys.modules[name], "datetime")), (target, "Lock", ProcessLock)]
_INLINE = [(core_steps, "ThreadPoolExecutor", InlinePool), (core_steps, "wait_for", _all_ended)]


@contextmanager
def at_work(process: Process, *, inline: bool) -> Iterator[None]:
    """Let the engine go by the cloud's clock, with locks of the process; ``inline``: in this thread, one thing after another."""
    wanted = [*_BY_THE_CLOCK, *(_INLINE if inline else ())] if not WORKING else []
    before = [(module, name, getattr(module, name)) for module, name, _own in wanted]
    for module, name, own in wanted:
        setattr(module, name, own)
    WORKING.append(process)
    try:
        # A process that is paused within a request has a check of its own, which is none of this one's.
        with guarded(lambda: None):
            yield
    finally:
        WORKING.remove(process)
        for module, name, former in before:
            setattr(module, name, former)


@dataclass
class Ran:
    """How a task ended: its result as a user sees it, or the error; ``killed``: its process died."""

    process: Process
    check: bool = False
    value: dict[str, Any] = field(default_factory=dict)
    error: RecoveryError | None = None
    killed: bool = False
    report: Report = field(default_factory=Report)
    warnings: list[str] = field(default_factory=list)

    def __getitem__(self, key: str) -> Any:
        return self.value[key]

    @property
    def succeeded(self) -> bool:
        return self.error is None and not self.killed and not self.value.get("errors")

    @property
    def ok(self) -> Ran:
        """Itself, when it succeeded."""
        assert self.error is None, f"{self.error.kind}: {self.message} {self.report.as_result()}"
        assert self.succeeded, f"{self.value}"
        return self

    @property
    def changed(self) -> bool:
        return bool(self.value["changed"]) if self.value else self.report.changed

    @property
    def message(self) -> str:
        """What a user reads."""
        if not self.error:
            return str(self.value.get("message", ""))
        return with_undo_errors(self.error.message, self.report.undo_errors)

    @property
    def sent(self) -> list[str]:
        """What was accepted of what it sent, but for what only concerns the lock."""
        return self.process.accepted

    @property
    def text(self) -> str:
        """All that a user reads."""
        return " | ".join([self.message, *self.warnings])


@dataclass
class Bench:
    """A cloud with one machine, and tasks on it."""

    cloud: Cloud = field(default_factory=Cloud)
    wait_timeout: int = 600
    provider: type[Memory] = Memory
    inline: bool = True

    def copy(self) -> Bench:
        return replace(self, cloud=self.cloud.copy())

    # --- tasks

    def run(self, module: str, operation: str = "CREATE", *, check: bool = False, script: Script = lambda _event: None, **given: Any) -> Ran:
        """Carry out a task; ``given`` are its options."""
        cloud = self.cloud
        waiter = Waiter(0, 0)
        process = Process(cloud, waiter, script)
        options = options_of(module, **{"wait_timeout": self.wait_timeout, **given})
        if operation == "CREATE" and "vm_names" not in given and "vm_filter" not in given:
            options["vm_name"] = options["vm_name"] or VM
        task = Task(module, operation, "memory", options, check)
        ran = Ran(process, check)
        waiter = process.waiter = Waiter(task["wait_timeout"], task["wait_interval"], clock=cloud.clock, sleep=process.sleep)
        try:
            with at_work(process, inline=self.inline):
                backend = self._backend(module, task, process, waiter)
                backend.validate(operation)
                ran.value = result_of(task, perform(backend, task, waiter, ran.report))
        except RecoveryError as error:
            ran.error = error
        except Killed:
            ran.killed = True
        finally:
            process.ended = True
        ran.warnings = task.warnings
        cloud.unstick()
        return ran

    def _backend(self, module: str, task: Task, process: Process, waiter: Waiter) -> Backend:
        provider = self.provider(task, process, task["site"])
        return BackupBackend(task, waiter, provider) if module == "backup" else RestoreBackend(task, waiter, provider)

    def backup(self, moment: str | None = FIRST, **given: Any) -> Ran:
        return self.run("backup", **{"snapshot_datetime": moment, **given})

    def restore(self, **given: Any) -> Ran:
        ways = ("backup", "snapshots", "rollback_of", "snapshot_datetime")
        point = {} if any(given.get(way) for way in ways) else {"snapshot_datetime": "latest"}
        return self.run("restore", **{"name": None if given.get("rollback_of") else "r1", **point, **given})

    def give_up(self, name: str, **given: Any) -> Ran:
        """DELETE of a restore."""
        return self.run("restore", "DELETE", name=name, **given)

    # --- what is there

    def machine(self, name: str = VM, place: str = HERE) -> Machine | None:
        found: Machine | None = self.cloud.things.get(machine_ref(place, name))
        return found

    def named(self, name: str) -> Machine | None:
        """The VM of this name in any place."""
        return next((machine for machine in self.every(Machine).values() if machine.name == name), None)

    @property
    def vm(self) -> Machine:
        found = self.machine()
        assert found, "there is no VM"
        return found

    def every(self, kind: type[Any]) -> dict[Ref, Any]:
        return {ref: thing for ref, thing in sorted(self.cloud.things.items()) if isinstance(thing, kind)}

    def contents(self, name: str = VM, place: str = HERE) -> dict[str, str]:
        """Device to what is on its disk."""
        machine = self.machine(name, place)
        return {one.device: self.cloud.disk(one.disk).own["content"] for one in machine.attached} if machine else {}

    # --- what others do

    def write(self, content: str) -> None:
        """The guest writes to all its disks."""
        for one in self.vm.attached:
            disk = self.cloud.disk(one.disk)
            self.cloud.put(disk.ref, replace(disk, own={**disk.own, "content": content}))

    def lose_vm(self, *, disks: bool = True) -> None:
        """The disaster: the VM is gone, its disks too."""
        gone = [one.disk for one in self.vm.attached]
        self.cloud.precious -= set(gone) if disks else set()
        for ref in gone:
            self.cloud.disconnect(VM_REF, ref)
            if disks:
                self.cloud.put(ref, None)
        self.cloud.put(VM_REF, None)

    def switch(self, power: Power, name: str = VM) -> None:
        """Somebody starts or stops the VM."""
        if self.machine(name):
            self.cloud.power(machine_ref(HERE, name), power)
            self.cloud.check()


def seeded(devices: int = 3, *, on: bool = True, content: str = "one", reserved: bool = False) -> Bench:
    """A bench with one machine, the first of whose disks boots and goes along with it. ``reserved``: its address stays when it stops."""
    bench = Bench()
    cloud = bench.cloud
    own = {"address": ADDRESS if on or reserved else "", "size": "large", "protected": False, "secrets": {"password": PASSWORD}}
    cloud.addresses.update({ADDRESS: "by its owner"} if reserved else {})
    power = Power.ON if on else Power.OFF
    vm = Machine(VM_REF, VM, cloud.number(), {}, {"team": "shop"}, "1", cloud.timestamp, power, STATUSES[power], cloud.timestamp, own=own)
    cloud.put(VM_REF, vm)
    for number, device in enumerate(DEVICES[:devices]):
        ref = f"{HERE}/disk/{VM}-{number}"
        facts: dict[str, Any] = {"status": "READY", "size_gib": 10 + number, "own": {"content": content, "type": "fast" if number else "plain"}}
        cloud.put(ref, Disk(ref, f"{VM}-{number}", cloud.number(), {}, {"disk": str(number)}, "1", cloud.timestamp, **facts))
        cloud.connect(VM_REF, Attachment(device, ref, boot=number == 0, kept={"goes_along": number == 0}))
        cloud.precious.add(ref)
    return bench


def saved(devices: int = 3, *, on: bool = True, **given: Any) -> Bench:
    """The same with a backup of the content "one"; then the guest has written "two"."""
    bench = seeded(devices, on=on)
    assert bench.backup(**given).ok
    bench.cloud.precious |= set(bench.every(RecoveryPoint))
    bench.write("two")
    return bench
