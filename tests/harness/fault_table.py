# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault table: every request of an operation, hit by every fault, each case in an organization of its own, and what came out.

A case runs a task once with the fault, compares what the task says with what the simulator holds, and runs the task again,
which must then end well. What is wrong in a case is a list of sentences; what came out is one word for the table.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from .modules import Modules, Result
from .worlds import World, holds

TOKEN_ROUTE = "/auth/realms/master/protocol/openid-connect/token"
DID_NOT_OCCUR = "the fault did not occur"
AT_ONCE = 24
# Shorter than the answers that come too late.
REQUEST_TIMEOUT_S = 3
LATE_S = 4
RETRY_AFTER_S = 1
# How long a create whose answer was lost is looked for.
LOOK_AGAIN_S = 10
# By the name in the table: the rule for the simulator. Two are the same fault with different credentials.
FAULTS: dict[str, dict[str, Any]] = {
    "429": {"kind": "status", "status": 429, "retry_after": RETRY_AFTER_S},
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "drop before": {"kind": "drop_before"},
    "drop after": {"kind": "drop_after"},
    "late": {"kind": "slow", "seconds": LATE_S},
    "cut": {"kind": "cut"},
    "expired token": {"kind": "expired_token"},
    "expired, login": {"kind": "expired_token"},
}
LOGIN = "expired, login"
EXPIRED = ("expired token", LOGIN)
# The server has done what was asked, but the client does not learn it.
LOST = ("drop after", "late", "cut")
# The server has done nothing.
REFUSED = ("500", "503", "drop before")


@dataclass(frozen=True)
class Request:
    """One request of an operation: the n-th of its method and route."""

    method: str
    route: str
    nth: int

    def __str__(self) -> str:
        return f"{self.method} {self.route} #{self.nth}"


@dataclass(frozen=True)
class Flow:
    """An operation under test. `state` is merged into the organization first; `name` is what it is about; `goal` judges the end."""

    title: str
    module: str
    options: Mapping[str, Any]
    state: Mapping[str, Any]
    settings: Mapping[str, Any]
    reached: Callable[[World], bool]

    @property
    def name(self) -> str:
        """The name of the object."""
        return str(self.options["name"])

    @property
    def deletes(self) -> bool:
        """Whether the goal is that nothing is left."""
        return self.options["operation"] == "DELETE"

    def present(self, world: World) -> list[dict[str, Any]]:
        """The objects of that name."""
        return world.named(f"{self.module}s", self.name)


@dataclass
class Cell:
    """One case: its place in the table, what came out, and everything that is wrong with it."""

    flow: str
    request: str
    fault: str
    outcome: str = ""
    message: str = ""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.flow}, {self.request}, {self.fault}: {self.outcome}: {'; '.join(self.wrong)} ({self.message})"


class FaultTable:
    """Runs cases."""

    def __init__(self, modules: Modules, make_world: Callable[..., World]) -> None:
        self._modules, self._make_world = modules, make_world

    def prepare(self, flow: Flow) -> World:
        """An organization in which the flow can begin."""
        world = self._make_world(**flow.settings)
        world.control.merge_state(**flow.state)
        return world

    def cases(self, flow: Flow) -> list[tuple[Request, str]]:
        """Every request with every fault; the requests come from runs that nothing disturbs, with a token and with a login."""
        with_token, with_login = self._record(flow, login=False), self._record(flow, login=True)
        assert {request.route for request in with_login} - {request.route for request in with_token} == {TOKEN_ROUTE}
        # The login itself carries no token that could expire.
        by_login = [(request, fault) for request in with_login for fault in FAULTS if (fault in EXPIRED) != (request.route == TOKEN_ROUTE)]
        by_token = [(request, fault) for request in with_token for fault in FAULTS if fault != LOGIN]
        return [*((request, fault) for request, fault in by_login if fault == LOGIN or request.route == TOKEN_ROUTE), *by_token]

    def _record(self, flow: Flow, login: bool) -> list[Request]:
        world = self.prepare(flow)
        result = self._run(flow, world, login)
        assert not result.failed, result.message
        assert flow.reached(world)
        counts: Counter[tuple[str, str]] = Counter()
        requests = []
        for entry in world.control.requests():
            key = (entry["method"], entry["route"])
            counts[key] += 1
            requests.append(Request(*key, counts[key]))
        return requests

    def run(self, flow: Flow, cases: Iterable[tuple[Request, str]]) -> list[Cell]:
        """All cases, many at once."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda case: self._case(flow, *case), cases))

    def _options(self, flow: Flow, world: World, login: bool) -> dict[str, Any]:
        options = {**world.options, **flow.options, "retries": 3, "request_timeout": REQUEST_TIMEOUT_S, "wait_interval": 1}
        if login:
            del options["token"]
            options.update(auth_url=world.simulator.url, username=f"admin@{world.org}", password=world.simulator.environment["PX_BACKUP_PASSWORD"])
        return options

    def _run(self, flow: Flow, world: World, login: bool) -> Result:
        return self._modules.run(flow.module, self._options(flow, world, login))

    def _case(self, flow: Flow, request: Request, fault: str) -> Cell:
        # On a busy machine a job may be done before it is polled for the n-th time.
        cells = (self._once(flow, request, fault) for _attempt in range(3))
        return next((cell for cell in cells if DID_NOT_OCCUR not in cell.wrong), None) or self._once(flow, request, fault)

    def _once(self, flow: Flow, request: Request, fault: str) -> Cell:
        cell = Cell(flow.title, str(request), fault)
        world = self.prepare(flow)
        source = _source(world)
        world.control.add_fault(**{"method": request.method, "route": request.route, "nth": request.nth, **FAULTS[fault]})
        login = fault == LOGIN or request.route == TOKEN_ROUTE
        result = self._run(flow, world, login)
        if not any(rule["fired"] for rule in world.control.faults()):
            cell.wrong.append(DID_NOT_OCCUR)
        world.control.clear_faults()
        cell.message, cell.seconds = result.message, round(result.seconds, 2)
        cell.outcome = _outcome(result, [entry["fault"] for entry in world.control.requests()])
        cell.wrong += self._judge_first(flow, request, fault, world, result)
        if _source(world) != source:
            cell.wrong.append("the source data has changed")
        cell.wrong += self._judge_second(flow, login or fault in EXPIRED, world, result)
        return cell

    def _judge_first(self, flow: Flow, request: Request, fault: str, world: World, result: Result) -> list[str]:
        wrong = []
        if len(flow.present(world)) > 1:
            wrong.append(f"{len(flow.present(world))} objects of one name")
        if "Traceback" in result.stdout + result.stderr:
            wrong.append("a traceback")
        if result.failed:
            if not result.kind or not result.message:
                wrong.append("a failure without kind or message")
        elif not flow.reached(world):
            wrong.append("success is reported, and it is not true")
        wrong += _wrong_expectation(request, fault, world, result, self._modules.speed)
        return wrong

    def _judge_second(self, flow: Flow, login: bool, world: World, first: Result) -> list[str]:
        mark = world.mark()
        # A token that was refused is of no use any more; whoever runs the task again has a new one.
        second = self._run(flow, world, login)
        wrong = []
        if second.failed:
            wrong.append(f"run again, it fails: {second.message}")
        elif not flow.reached(world):
            wrong.append("run again, success is reported, and it is not true")
        if len(flow.present(world)) != (0 if flow.deletes else 1):
            wrong.append(f"run again, there are {len(flow.present(world))} objects")
        if not first.failed and (second.value.get("changed") or world.changes(mark)):
            wrong.append("run again after a success, it changes something")
        return wrong


def _source(world: World) -> Any:
    production = world.one("clusters", "production")
    return [production["namespaces"], [(item["uid"], item["contents"]) for item in world.named("backups", "nightly")]]


def _outcome(result: Result, faults: Sequence[str | None]) -> str:
    if result.failed:
        return "clean failure" if result.kind and "Traceback" not in result.stdout + result.stderr else "CRASH"
    return "after retry" if any(faults) else "succeeded"


def _wrong_expectation(request: Request, fault: str, world: World, result: Result, speed: float) -> list[str]:
    """What this fault on this request must lead to, where more is known than that the end must be true. The log tells the real time, the modules' is faster."""
    sent = [entry for entry in world.control.requests() if entry["method"] == request.method and entry["route"] == request.route]
    if fault == "429":
        pauses = [(later["time"] - hit["time"]) * speed for hit, later in zip(sent, sent[1:]) if hit["fault"]]
        if not pauses or min(pauses) < RETRY_AFTER_S * 0.98:
            return [f"Retry-After is not obeyed: the pause was {pauses} s"]
    if fault == "expired token":
        return [] if result.kind == "AuthenticationFailed" else ["a token that has expired is not said to be the reason"]
    if request.method == "POST" and request.route != TOKEN_ROUTE:
        return _wrong_create(fault, len(sent), result)
    # Everything else may be repeated safely, so one bad answer is no reason to fail.
    return [f"a passing fault ends the task: {result.message}"] if result.failed else []


def _wrong_create(fault: str, sent: int, result: Result) -> list[str]:
    wrong = []
    if fault in LOST:
        wrong += [] if not result.failed else ["a lost answer is not looked for"]
        wrong += [] if sent == 1 else [f"{sent} creates were sent"]
    elif fault in REFUSED:
        wrong += [] if result.seconds >= LOOK_AGAIN_S else [f"it is looked for {result.seconds:.1f} s only"]
        wrong += [] if result.kind == "OutcomeUnknown" else [f"the failure is called {result.kind or 'a success'}"]
        wrong += [] if sent == 1 else [f"{sent} creates were sent"]
    else:
        wrong += [] if not result.failed and sent == 2 else [f"a refused create must be sent again, and was sent {sent} times"]
    return wrong


def restored(name: str, cluster: str, namespace: str, classes: Mapping[str, str]) -> Callable[[World], bool]:
    """Whether the restore is there, is complete, and the cluster holds what the backup holds."""

    def reached(world: World) -> bool:
        found = world.named("restores", name)
        saved = world.one("backups", "nightly")["contents"]["shop"]
        return [item["status"] for item in found] == ["Success"] and holds(world.namespace(cluster, namespace), saved, classes)

    return reached


def backed_up(name: str, cluster: str, namespace: str) -> Callable[[World], bool]:
    """Whether the backup is there, is complete, and holds what the cluster holds."""

    def reached(world: World) -> bool:
        found = world.named("backups", name)
        running = world.namespace(cluster, namespace)
        return [item["status"] for item in found] == ["Success"] and running is not None and holds(found[0]["contents"].get(namespace), running)

    return reached


def absent(plural: str, name: str) -> Callable[[World], bool]:
    """Whether it is gone."""
    return lambda world: world.named(plural, name) == []


def rendered(cells: Sequence[Mapping[str, Any]]) -> str:
    """The table as text: rows are requests, columns are faults, ! marks what is wrong."""
    columns = [name for name in FAULTS if any(cell["fault"] == name for cell in cells)]
    width = max((len(cell["request"]) for cell in cells), default=0)
    lines = []
    for flow in dict.fromkeys(cell["flow"] for cell in cells):
        rows = [cell for cell in cells if cell["flow"] == flow]
        lines += ["", f"{flow:<{width}}  " + "  ".join(f"{name:<14}" for name in columns)]
        for request in dict.fromkeys(cell["request"] for cell in rows):
            by_fault = {cell["fault"]: ("! " if cell["wrong"] else "") + cell["outcome"] for cell in rows if cell["request"] == request}
            lines.append(f"{request:<{width}}  " + "  ".join(f"{by_fault.get(name, '-'):<14}" for name in columns).rstrip())
    counts = Counter(cell["outcome"] for cell in cells)
    wrong = sum(bool(cell["wrong"]) for cell in cells)
    summary = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
    return "\n".join([*lines, "", f"{len(cells)} cases: {summary}; {wrong} wrong"])


def as_json(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Cells as plain values."""
    return json.loads(json.dumps([asdict(cell) for cell in cells]))  # type: ignore[no-any-return]
