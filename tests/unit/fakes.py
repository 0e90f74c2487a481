# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for the clock, for a provider's resources and for the controller that starts a module."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pytest
from ansible.module_utils._internal import _traceback as ansible_traceback
from ansible.module_utils.common import warnings as ansible_warnings
from ansible.module_utils.testing import patch_module_args
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Conflict, InvalidRequest, OutcomeUnknown
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import CREATE, FAILED, INSPECT_ALL, PENDING, SUCCEEDED, UNFINISHED, Record
from ansible_collections.multicloud.recovery.plugins.module_utils.core.options import COMMON, Option
from ansible_collections.multicloud.recovery.plugins.module_utils.core.plan import Plan, Step
from ansible_collections.multicloud.recovery.plugins.module_utils.core.runner import run
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter

# Longer than anything that works takes, short enough to see that something hangs.
PATIENCE_S = 10.0


# How long a thing that must not happen is given to happen.
A_MOMENT_S = 0.1


class Crowd:
    """Work that is done only once ``bound`` callers are at it together, and that notes whether there ever were more."""

    def __init__(self, bound: int) -> None:
        self._together = threading.Barrier(bound)
        self._bound = bound
        self._lock = threading.Lock()
        self._inside = 0
        self._overfull = threading.Event()

    def work(self, *_args: object) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > self._bound:
                self._overfull.set()
        self._together.wait(PATIENCE_S)
        self._overfull.wait(A_MOMENT_S)
        with self._lock:
            self._inside -= 1

    @property
    def overfull(self) -> bool:
        return self._overfull.is_set()


class FakeClock:
    """A clock that moves only when somebody sleeps; ``pauses`` are the sleeps so far, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.now += seconds
        return False

    def waiter(self, timeout_s: float = 60.0, interval_s: float = 15.0) -> Waiter:
        return Waiter(timeout_s, interval_s, clock=self, sleep=self.sleep)


OPTIONS: dict[str, Option] = {
    "size": Option(type="int", operations=(CREATE,)),
    "token": Option(secret=True, env=("FAKE_TOKEN",)),
    "vm_names": Option(type="list", spec={"elements": "str"}),
    "max_parallel": Option(type="int", minimum=1, spec={"default": 16}),
}


def record(name: str, uid: str = "", status: str = SUCCEEDED, size: int = 1, **details: Any) -> Record:
    return Record(name, uid or f"uid-{name}", "fake", status, "2026-01-02T03:04:05Z", {}, {"size": size, **details})


@dataclass
class World:
    """The resources that there are, by name, and what was sent to change them, in order.

    ``before_sending`` is called with "create NAME" or "delete NAME" at the moment of sending, ``before_finding`` with the name.
    A resource that is made stays pending until it is waited for when ``slow``.
    """

    records: dict[str, Record] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    before_sending: Callable[[str], None] = lambda _what: None
    before_finding: Callable[[str], None] = lambda _name: None
    before_validating: Callable[[Task], None] = lambda _task: None
    slow: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, what: str) -> None:
        self.before_sending(what)
        with self.lock:
            self.sent.append(what)


class FakeBackend:
    """A back end over a World; ``backend_of`` makes the class for one."""

    OPTIONS: ClassVar[Mapping[str, Option]] = OPTIONS
    SELECTORS: ClassVar[Collection[str]] = ("name", "uid")
    world: ClassVar[World]

    def __init__(self, task: Task, waiter: Waiter, name: str | None = None) -> None:
        self._task, self.waiter = task, waiter
        self._name = name or task["name"] or task["uid"]
        self._acted = False

    def validate(self, operation: str) -> None:
        self.world.before_validating(self._task)
        if self._task["size"] == 13:
            raise InvalidRequest(f"{operation} of size 13 makes no sense.")

    def targets(self) -> Sequence[str]:
        return self._task["vm_names"] or ()

    def for_target(self, name: str, waiter: Waiter) -> FakeBackend:
        return type(self)(self._task, waiter, name)

    def find(self) -> Record | None:
        self.world.before_finding(self._name)
        return self.world.records.get(self._name)

    def list_all(self) -> Iterator[Record]:
        yield from self.world.records.values()

    def plan_create(self, found: Record | None) -> Plan:
        wanted = record(self._name, size=self._task["size"] or 1)
        if found is None:
            wait = self._finish if self._task["wait"] else None
            after = wanted if self._task["wait"] else replace(wanted, status=PENDING)
            return Plan((Step("create", do=lambda: self._create(wanted), wait=wait),), after=after)
        if found.status == FAILED:
            raise Conflict("it has failed.", record=found)
        if found.details["size"] != wanted.details["size"]:
            raise Conflict("it exists with another size.", record=found)
        unfinished = found.status in UNFINISHED and self._task["wait"]
        return Plan((Step("wait", wait=self._finish),) if unfinished else (), after=wanted, why_unchanged=f"Exists since {found.created_at}")

    def plan_delete(self, found: Record | None) -> Plan:
        if found is None:
            return Plan(why_unchanged="It is already absent")
        return Plan((Step("delete", do=self._delete),), verb="deleted")

    def acted(self) -> bool:
        return self._acted

    def _send(self, what: str) -> None:
        try:
            self.world.send(what)
        except OutcomeUnknown:
            self._acted = True
            raise
        self._acted = True

    def _create(self, wanted: Record) -> None:
        self._send(f"create {wanted.name}")
        self.world.records[wanted.name] = replace(wanted, status=PENDING) if self.world.slow or not self._task["wait"] else wanted

    def _finish(self) -> None:
        found = self.world.records[self._name]
        self.world.records[self._name] = replace(found, status=SUCCEEDED)

    def _delete(self) -> None:
        self._send(f"delete {self._name}")
        self.world.records.pop(self._name, None)


def backend_of(world: World) -> type[FakeBackend]:
    return type("BackendOfWorld", (FakeBackend,), {"world": world})


def fake_task(operation: str, *, check_mode: bool = False, **options: Any) -> Task:
    """A task as ``resolve`` would make it from ``options``; ``name`` is "one" where a name is needed."""
    known = {**COMMON, **OPTIONS}
    values: dict[str, Any] = {name: option.spec.get("default") for name, option in known.items()}
    values["name"] = None if operation == INSPECT_ALL else "one"
    return Task("restore", operation, "fake", {**values, **options}, check_mode)


@dataclass(frozen=True)
class Ended:
    """How a module ended: the result that the controller reads, the exit code, and everything printed."""

    result: dict[str, Any]
    exit_code: int
    printed: str


class Controller:
    """Starts modules in this process as Ansible does, with parameters from outside and the result on standard output."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, backends: Mapping[str, type[FakeBackend]], /, default_provider: str | None = None, resource: str = "restore", **params: Any) -> Ended:
        """``params`` go to the module; provider "fake" unless a provider or a default is given. ``_ansible_...`` are Ansible's own."""
        given = {} if default_provider else {"provider": "fake"}
        # What a process of its own would begin with.
        ansible_warnings._global_warnings.clear()
        ansible_warnings._global_deprecations.clear()
        ansible_traceback._module_tracebacks_enabled_events = None
        self._capsys.readouterr()
        with patch_module_args({**given, **params}), pytest.raises(SystemExit) as left:
            run(resource, backends, default_provider)
        printed = self._capsys.readouterr().out
        result: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
        return Ended(result, int(left.value.code or 0), printed)
