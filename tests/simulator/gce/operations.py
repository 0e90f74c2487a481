# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Operations: what every mutation answers with, what happens when one ends, and waiting for that."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..clock import draw_seconds
from ..faults import FaultRule
from ..messages import Answer
from ..signals import send_signal
from . import addressing
from .errors import HTTP_MESSAGES, ApiError, not_found
from .links import BASE
from .store import Project, Resource

# The longest nap of a wait: the clock may be moved forward while it sleeps.
NAP_S = 0.25
NEVER = float("inf")
Effect = Callable[[], None]


def nothing() -> None:
    """The effect of an operation that only takes time."""


@dataclass(eq=False)
class Operation:
    """One operation. `effect` is applied when it ends; `undo` takes back what was shown at once, when it ends with an error."""

    project: Project
    place: str
    data: dict[str, Any]
    effect: Effect
    undo: Effect
    target: Resource
    began_s: float
    ends_s: float = NEVER
    ended_s: float | None = None
    fault: FaultRule | None = None
    touched: list[Resource] = field(default_factory=list)
    # What is read while it runs, such as the snapshot that a disk is made from.
    sources: list[Resource] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    # The short id of the token that began it.
    caller: str = ""

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return bool(self.data["status"] == "DONE")

    @property
    def failed(self) -> bool:
        """Whether it has ended with an error."""
        return "error" in self.data

    def show_warnings(self) -> None:
        """Puts the warnings so far into what is answered."""
        if self.warnings:
            self.data["warnings"] = self.warnings

    def log(self) -> dict[str, Any]:
        """The line of the state dump, times on the simulator's clock."""
        return {
            "project": self.project.name,
            "type": self.data["operationType"],
            "target": self.data["targetLink"].removeprefix(BASE),
            "insert_s": self.began_s,
            "end_s": self.ended_s,
            "failed": self.failed,
            "data": self.data,
        }


def start(
    project: Project, place: str, kind: str, target: Resource, user: str, effect: Effect, undo: Effect, request_id: str | None, rule: FaultRule | None
) -> Operation:
    """Makes an operation and puts its end on the agenda."""
    world = project.world
    now = world.clock.now()
    number = world.next_id()
    tail = f"{int(number) % 10**13:013x}-{world.random.getrandbits(32):08x}-{world.random.getrandbits(32):08x}"
    name = f"operation-{int(world.clock.at().timestamp() * 1000)}-{tail}"
    word, _slash, where = place.partition("/")
    data: dict[str, Any] = {
        "kind": "compute#operation",
        "id": number,
        "name": name,
        "operationType": kind,
        "targetLink": target.url,
        "targetId": target.id,
        "status": "RUNNING",
        "user": user,
        "progress": 0,
        "insertTime": world.timestamp(),
        "startTime": world.timestamp(),
        "selfLink": f"{BASE}projects/{project.name}/{place}/operations/{name}",
    }
    if word != "global":
        data[word[:-1]] = f"{BASE}projects/{project.name}/{place}"
    if request_id:
        data["clientOperationId"] = request_id
    operation = Operation(project, place, data, effect, undo, target, now, fault=rule)
    project.operations.setdefault(place, {})[name] = operation
    project.unfinished[name] = operation
    if rule is not None and rule.never_ends:
        return operation
    operation.ends_s = now + (float(rule.seconds) if rule is not None and rule.seconds is not None else _duration(operation, kind))
    world.agenda.at(operation.ends_s, lambda _due: finish(operation))
    if _tells_at_end(rule):
        # A signal at the end must come although nobody asks; everything else may wait for the next request.
        asyncio.get_running_loop().call_later(max(operation.ends_s - now, 0) + 0.001, world.agenda.run_due)
    return operation


def _duration(operation: Operation, kind: str) -> float:
    settings, scope = operation.project.world.settings, operation.project.name
    special = settings.get("operation_s_of", scope)
    seconds = special.get(f"{operation.target.plural}.{kind}", special.get(kind, settings.get("operation_s", scope)))
    return draw_seconds(seconds, operation.project.world.random)


def finish(operation: Operation) -> None:
    """The end: the effect, or an error and the undo."""
    rule = operation.fault
    if operation.done:
        return
    try:
        if rule is not None and rule.error is not None:
            error = rule.error
            failure = ApiError("internalError", str(error.get("message", "injected")), rule.http_status, str(error.get("code", "INTERNAL_ERROR")))
            _fail(operation, failure, rule.http_status is not None)
        elif operation.data["operationType"] not in ("insert", "delete") and _gone(operation.target):
            raise not_found(operation.target.ref.path)
        else:
            with operation.project.on_behalf_of(operation.caller):
                operation.effect()
    except ApiError as error:
        _fail(operation, error, bool(operation.project.world.settings.get("operation_errors_with_http", operation.project.name)))
    except Exception as error:  # noqa: BLE001 - a bug in here must be seen by the test that met it, and not by whoever asks next
        traceback.print_exc()
        _fail(operation, ApiError("internalError", f"simulator bug: {type(error).__name__}: {error}"), True)
    world = operation.project.world
    operation.ended_s = operation.ends_s if operation.ends_s != NEVER else world.clock.now()
    operation.project.unfinished.pop(str(operation.data["name"]), None)
    operation.data.update(status="DONE", progress=100, endTime=world.timestamp(operation.ended_s))
    operation.show_warnings()
    operation.project.history.ended(iter((operation.target, *operation.touched)))
    committed(operation.project)
    if _tells_at_end(rule):
        send_signal(rule.pid, rule.signal)  # type: ignore[union-attr,arg-type]


def _tells_at_end(rule: FaultRule | None) -> bool:
    return rule is not None and rule.pid is not None and rule.act != "before"


def _gone(target: Resource) -> bool:
    return target.project.find(target.place, target.plural, target.name) is not target


def _fail(operation: Operation, error: ApiError, with_http: bool) -> None:
    with operation.project.on_behalf_of(operation.caller):
        operation.undo()
    operation.data["error"] = {"errors": [error.in_operation()]}
    if with_http:
        operation.data.update(httpErrorStatusCode=error.status, httpErrorMessage=HTTP_MESSAGES.get(error.status, "ERROR"))


def committed(project: Project) -> None:
    """To be called after every change: addresses learn their users, and whoever watches looks."""
    addressing.refresh(project)
    project.history.note()
    for watch in project.watches:
        watch.check()


async def wait(operation: Operation) -> Answer:
    """Answers when the operation has ended, when the limit is reached, or early when the settings say so. Nothing is blocked meanwhile."""
    world, scope = operation.project.world, operation.project.name
    until_s = world.clock.now() + float(world.settings.get("wait_limit_s", scope))
    early = world.random.random() < float(world.settings.get("wait_returns_early", scope))
    while not operation.done and not early and world.clock.now() < until_s:
        left_s = min(operation.ends_s, until_s) - world.clock.now()
        await asyncio.sleep(min(max(left_s, 0.0005), NAP_S))
        world.agenda.run_due()
    return Answer.of_json(operation.data)
