# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault harness for snapshots, backups and restores in Compute Engine.

A case is a route, a request of it, and a fault; of the second level, a fault and another one on a request of its undo. The task runs
with the fault, then again without, each as a process of its own in a cloud of its own. What is wrong is a list of sentences.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from .gce_clouds import VM, ZONE, Cloud, Clouds
from .gce_fault_kinds import (
    BASE,
    KILLS,
    KINDS,
    MUTATION_FAULTS,
    READ_FAULTS,
    REQUEST_TIMEOUT_S,
    TOKEN_REQUEST,
    UNDO_FAULTS,
    UNDO_KILL,
    Hit,
    Kind,
    decisive,
    keys,
)
from .gce_judge import judge_first, judge_second, state_of
from .gce_results import Results
from .gce_routes import Before, Route, digests, on_vm, seed
from .modules import Modules, Result, Run

AT_ONCE = 20
# How much faster time passes for modules than for the simulator, so that tests wait less. What is called _S in options is the modules' time.
SPEED = 2.0
LOCK_TTL_S = 5
LONG_KILL = "kill, long at work"
LOOKS_ALIVE = ("is alive: it has renewed it", "has released it a moment ago")
SETTLED_S = 2.0


@dataclass(frozen=True)
class Case:
    """What is hit by what; `base` is the fault that brought about the undo that is hit, if any."""

    route: str
    hit: Hit
    fault: str
    base: Hit | None = None

    def __str__(self) -> str:
        return f"{self.route} | {f'{self.base} {BASE.name}, then ' if self.base else ''}{self.hit} | {self.fault}"


@dataclass
class Cell:
    """One case: what came out, and everything that is wrong with it.

    `again` is what the task says that ran afterwards, or while the first one was paused; `undo` are the requests after the fault.
    """

    case: str
    route: str
    fault: str
    outcome: str = ""
    state: str = ""
    message: str = ""
    again: str = ""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    undo: list[list[Any]] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.case}: {self.outcome}, {self.state}: {'; '.join(self.wrong)}\n    first: {self.message[:300]}\n    again: {self.again[:300]}"


class Stage:
    """A route, prepared: the cloud that cases are copied from, what was there before, the undisturbed end and the requests on the way."""

    def __init__(self, route: Route, clouds: Clouds, modules: Modules) -> None:
        self.route, self._clouds, self._modules = route, clouds, modules
        key = (route.prepare, route.large_metadata)
        if key not in clouds.prepared:
            clouds.prepared[key] = self._prepared()
        self._template, first = clouds.prepared[key]
        # A VM that is gone was like this.
        vm = self._template.one("instances", VM) or first.vm
        there = self._template.one("instances", VM) is not None
        present = digests(self._template) if there else first.present
        self.before = Before(vm, self._saved(first), present, on_vm(self._template) if there else {})
        self.begin = self._template.canonical()
        undisturbed = self.open()
        result = self.start(undisturbed).result()
        assert not result.failed, f"{route}: {result.message}\n{result.stderr}"
        self.log = undisturbed.requests()
        self.end = undisturbed.canonical()
        wrong = [*route.goal(undisturbed, self.before), *undisturbed.violations()]
        assert not wrong, f"{route}, undisturbed: {wrong}"
        undisturbed.close()

    def _prepared(self) -> tuple[Cloud, Before]:
        """A cloud in which all is done that the route needs first, and what was there at the very beginning."""
        self._template = self._clouds.make()
        seed(self._template, large_metadata=self.route.large_metadata)
        first = self._facts(self._template)
        self.route.prepare(self._template, self._perform)
        return self._template, first

    @staticmethod
    def _facts(cloud: Cloud) -> Before:
        return Before(cloud.one("instances", VM) or {}, {}, digests(cloud), on_vm(cloud))

    def _saved(self, first: Before) -> dict[str, str]:
        """The digests by device of the first backup; for a rollback, those of the disks from before."""
        disks = {item["name"]: item["digest"] for item in self._template.all("disks")}
        if "rollback_of" in self.route.options:
            return {device: disks[name] for device, name in first.disks.items()}
        snapshots = self._template.all("snapshots")
        return {
            device: next((item["digest"] for item in snapshots if item.get("sourceDisk", "").endswith(f"/{name}")), "") for device, name in first.disks.items()
        }

    def _perform(self, module: str, **options: Any) -> None:
        result = self._modules.run(module, {**self._template.options(), "operation": "CREATE", "wait_interval": 1, **options})
        assert not result.failed, f"{self.route}: {result.message}\n{result.stderr}"

    def open(self) -> Cloud:
        """A cloud in which the task can begin, under watch."""
        cloud = self._clouds.make(self._template)
        watch: dict[str, Any] = dict(self.route.watch)
        if watch.get("given_up") == "snapshots":
            watch["given_up"] = [f"snapshot:{item['name']}" for item in cloud.all("snapshots") if item["labels"].get("mcr-backup", "").startswith("20260101")]
        given_up = {name.partition(":")[2] for name in watch.get("given_up", [])}
        if self.route.options["operation"] == "DELETE" or self.route.options.get("old_disks") == "delete":
            holders = [item for plural in ("disks", "snapshots") for item in cloud.all(plural)]
            watch["keep_digests"] = [item["digest"] for item in holders if item["name"] not in given_up]
        cloud.act("watch", zone=ZONE, instance=VM, lock_ttl_s=LOCK_TTL_S / SPEED, **watch)
        return cloud

    def start(self, cloud: Cloud, *, renewable: bool = False, **options: Any) -> Run:
        """Start the task."""
        return self.launch(cloud, renewable=renewable, **options)[1]

    def launch(self, cloud: Cloud, *, renewable: bool = False, **options: Any) -> tuple[str, Run]:
        """Start the task, with other options where some are given (None: without); gives who the run is, and its process."""
        run, connection = cloud.login(renewable=renewable)
        every = {**connection, **self.limits, **self.route.options, **options}
        return run, self._modules.start(self.route.module, {key: value for key, value in every.items() if value is not None})

    @property
    def limits(self) -> dict[str, int]:
        """The task's options for time and patience."""
        limits = {"wait_interval": 1, "wait_timeout": 600, "undo_timeout": 120, "request_timeout": REQUEST_TIMEOUT_S, "retries": 3}
        locks = self.route.module == "restore" or (self.route.module == "backup" and self.route.options["operation"] == "CREATE")
        return {**limits, "lock_ttl": LOCK_TTL_S} if locks else limits

    # -- Cases

    def cases(self) -> list[Case]:
        """Every request that matters with every fault that fits it."""
        chosen = []
        for hit in decisive(keys(self.log)):
            kinds = [*KILLS, *MUTATION_FAULTS] if hit.mutating else READ_FAULTS
            chosen += [Case(self.route.title, hit, kind.name) for kind in kinds]
        return [*chosen, Case(self.route.title, TOKEN_REQUEST, READ_FAULTS[0].name)]

    def run(self, case: Case) -> Cell:
        """One case."""
        kind = KINDS[case.fault]
        cell = Cell(str(case), case.route, case.fault)
        cloud = self.open()
        try:
            self._run(case, kind, cloud, cell)
        finally:
            cloud.close()
        return cell

    def _run(self, case: Case, kind: Kind, cloud: Cloud, cell: Cell) -> None:
        began = time.monotonic()
        if case.base:
            cloud.add_fault(**BASE.rule, **case.base.rule)
        needs_pid = kind.kills or kind.signals
        if not needs_pid:
            cloud.add_fault(**kind.rule, **case.hit.rule)
        renewable = kind.renewable or case.hit.path == "token"
        run = self.start(cloud, renewable=renewable, **kind.options)
        if needs_pid:
            cloud.add_fault(**kind.rule, **case.hit.rule, pid=run.pid)
        result = run.result()
        settle(cloud)
        cell.message = result.message
        cell.state = state_of(cloud, self.before)
        log = cloud.requests()
        fired = [rule["fired"] for rule in cloud.faults()]
        if not all(fired):
            cell.outcome = "not reached"
        cell.wrong += judge_first(self, kind, cloud, result, cell, hit_undo=case.base is not None)
        if not case.base:
            cell.undo = _after_fault(log)
        cloud.clear_faults()
        mark = cloud.mark()
        again = self.start(cloud).result()
        if case.fault == LONG_KILL and again.kind == "Conflict" and any(words in again.message for words in LOOKS_ALIVE):
            # What a dead run had begun ended while its lock was watched: that looks like life.
            settle(cloud)
            again = self.start(cloud).result()
        settle(cloud)
        cell.again = again.message
        cell.wrong += judge_second(self, cloud, result, again, mark)
        cell.wrong += cloud.violations()
        cell.seconds = round(time.monotonic() - began, 2)

    def undo_cases(self, cells: Mapping[str, Cell]) -> list[Case]:
        """A fault on each request of each undo; on those that only read, in the longest undo alone."""
        bases = [hit for hit in keys(self.log) if hit.mutating]
        undone = [(base, cells[str(case)].undo) for base in bases if str(case := Case(self.route.title, base, BASE.name)) in cells]
        undone = [(base, undo) for base, undo in undone if any(hit[3] for hit in undo)]
        if not undone:
            return []
        deepest = max(undone, key=lambda pair: sum(hit[3] for hit in pair[1]))[0]
        chosen = []
        for base, undo in undone:
            for hit in (Hit(*values) for values in undo):
                kinds = [*UNDO_FAULTS, UNDO_KILL] if hit.mutating else UNDO_FAULTS if base == deepest else []
                chosen += [Case(self.route.title, hit, kind.name, base) for kind in kinds]
        return chosen


def settle(cloud: Cloud) -> None:
    """Wait until the simulator has done what it was asked, but for what never ends."""
    deadline = time.monotonic() + SETTLED_S
    while time.monotonic() < deadline and cloud.do(
        lambda project: any(one.ends_s - project.world.clock.now() < SETTLED_S for one in project.running_operations())
    ):
        time.sleep(0.05)


def _after_fault(log: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """The requests after the first one that a fault hit."""
    first = next((number for number, entry in enumerate(log) if entry["fault"]), len(log))
    return [[hit.method, hit.path, hit.nth, hit.mutating] for hit in keys(log)[first + 1 :]]


T = TypeVar("T")


def run_cases(run: Callable[[T], Cell], cases: Iterable[T], results: Results) -> dict[str, Cell]:
    """The cells of cases by their text, many at once; those whose results are kept are not run."""
    every = list(dict.fromkeys(cases))
    found = {text: Cell(**values) for text, values in results.known(map(str, every)).items()}

    def one(case: T) -> None:
        cell = run(case)
        results.keep(str(case), asdict(cell))
        found[str(case)] = cell

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, [case for case in every if str(case) not in found]))
    return found


__all__ = ["Case", "Cell", "Result", "Stage", "run_cases"]
