# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault harness for snapshots, backups and restores of VMs.

A case is a route, a request of it, and a fault; of the second level, a fault and another one on a request of its undo. The task runs
with the fault, then again without, each as a process of its own in a cloud of its own. What is wrong is a list of sentences.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from .modules import Modules, Run
from .vm_clouds import ABSENT, Cloud, Clouds, Digests, settle
from .vm_judge import duplicates, judge_first, judge_second, state_of
from .vm_kinds import LONG_KILL, LOST, Hit, Kind, decisive, keys
from .vm_provider import Before, Route
from .vm_results import Results

# What a run says that has watched the lock and seen it change.
LOOKS_ALIVE = ("is alive: it has renewed it", "has released it a moment ago")
TRIES_AT_A_LOCK = 3


@dataclass(frozen=True)
class Case:
    """What is hit by what; `base` is the fault that brought about the undo that is hit, if any, `variant` the simulator's settings."""

    route: str
    hit: Hit
    fault: str
    base: Hit | None = None
    variant: str = ""

    def __str__(self) -> str:
        where = f"{self.route} ({self.variant})" if self.variant else self.route
        return f"{where} | {f'{self.base} refused, then ' if self.base else ''}{self.hit} | {self.fault}"


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
        self.provider = clouds.provider
        key = (route.prepare, route.seed)
        if key not in clouds.prepared:
            clouds.prepared[key] = self._prepared()
        self._template, first, saved = clouds.prepared[key]
        # A VM that is gone was like this.
        there = self._template.status() != ABSENT
        present = self._template.digests() if there else first.present
        wanted = saved.get("restore" if "rollback_of" in route.options else "backup", {})
        self.before = Before(self.provider.vm(self._template) or first.vm, wanted, present, self._template.on_vm() if there else {})
        self._late = dict(route.late(self._template))
        self.begin = self._template.canonical()
        undisturbed = self.open()
        result = self.start(undisturbed).result()
        assert not result.failed, f"{route}: {result.message}\n{result.stderr}"
        self.log = undisturbed.requests()
        self.end = undisturbed.canonical()
        self.made = self.provider.made(undisturbed)
        wrong = [*route.goal(undisturbed, self.before), *undisturbed.violations()]
        assert not wrong, f"{route}, undisturbed: {wrong}"
        undisturbed.close()

    def _prepared(self) -> tuple[Cloud, Before, dict[str, Digests]]:
        """A cloud in which all is done that the route needs first, what was there at the very beginning, and what was on the disks when.

        The digests are those before the first backup, and before the last restore.
        """
        cloud = self._clouds.make()
        self.provider.seed(cloud, **dict(self.route.seed))
        first = Before(self.provider.vm(cloud) or {}, {}, cloud.digests(), cloud.on_vm())
        saved: dict[str, Digests] = {}

        def perform(module: str, **options: Any) -> None:
            seen = cloud.digests()
            if module == "restore":
                saved[module] = seen
            else:
                saved.setdefault(module, seen)
            result = self._modules.run(module, {**cloud.options(), **self.provider.LIMITS, "operation": "CREATE", **options})
            assert not result.failed, f"{self.route}: {result.message}\n{result.stderr}"

        self.route.prepare(cloud, perform)
        settle(cloud)
        return cloud, first, saved

    def open(self, variant: str = "") -> Cloud:
        """A cloud in which the task can begin, under watch."""
        cloud = self._clouds.make(self._template, **self.provider.VARIANTS.get(variant, {}))
        self.provider.watch(cloud, self.route, self.before)
        return cloud

    def start(self, cloud: Cloud, *, renewable: bool = False, **options: Any) -> Run:
        """Start the task."""
        return self.launch(cloud, renewable=renewable, **options)[1]

    def launch(self, cloud: Cloud, *, renewable: bool = False, **options: Any) -> tuple[str, Run]:
        """Start the task, with other options where some are given (None: without); gives who the run is, and its process."""
        run, connection = cloud.login(renewable=renewable)
        every = {**connection, **self.options, **options}
        return run, self._modules.start(self.route.module, {key: value for key, value in every.items() if value is not None})

    @property
    def options(self) -> dict[str, Any]:
        """The task's options, but for the connection."""
        limits = dict(self.provider.LIMITS)
        if self.route.module == "restore" or (self.route.module == "backup" and self.route.options["operation"] == "CREATE"):
            limits["lock_ttl"] = self.provider.LOCK_TTL_S
        return {**limits, **self.route.options, **self._late}

    # -- Cases

    def cases(self, variant: str = "") -> list[Case]:
        """Every request that matters with every fault that fits it."""
        kinds = self.provider.KINDS
        chosen = []
        for hit in decisive(keys(self.log)):
            fitting = [*kinds.kills, *kinds.mutations] if hit.mutating else kinds.reads
            chosen += [Case(self.route.title, hit, kind.name, variant=variant) for kind in fitting if self.provider.can_be_told(hit, kind)]
        return [*chosen, Case(self.route.title, kinds.token, kinds.reads[0].name, variant=variant)]

    def run(self, case: Case) -> Cell:
        """One case."""
        kind = self.provider.KINDS.by_name[case.fault]
        cell = Cell(str(case), case.route, case.fault)
        cloud = self.open(case.variant)
        try:
            self._run(case, kind, cloud, cell)
        finally:
            cloud.close()
        return cell

    def _run(self, case: Case, kind: Kind, cloud: Cloud, cell: Cell) -> None:
        began = time.monotonic()
        if case.base:
            cloud.add_fault(case.base, **self.provider.KINDS.base.rule)
        needs_pid = kind.kills or kind.signals
        if not needs_pid:
            cloud.add_fault(case.hit, **kind.rule)
        renewable = kind.renewable or case.hit == self.provider.KINDS.token
        run = self.start(cloud, renewable=renewable, **kind.options)
        if needs_pid:
            cloud.add_fault(case.hit, **kind.rule, pid=run.pid)
        result = run.result()
        settle(cloud)
        cell.message = result.message
        cell.state = state_of(cloud, self.before)
        log = cloud.requests()
        fired = [rule["fired"] for rule in cloud.faults()]
        if not all(fired):
            cell.outcome = "not reached"
        cell.wrong += judge_first(self, kind, cloud, result, cell, hit_undo=case.base is not None)
        if kind.name in LOST:
            cell.wrong += duplicates(self, cloud)
        if not case.base:
            cell.undo = _after_fault(log)
        cloud.clear_faults()
        if case.variant:
            # Nobody runs a task again so fast that reads still show what was there before.
            time.sleep(self.provider.LAG_REAL_S)
        mark = cloud.mark()
        again = self.start(cloud).result()
        for _try in range(TRIES_AT_A_LOCK if case.fault == LONG_KILL or case.variant else 0):
            if again.kind != "Conflict" or not any(words in again.message for words in LOOKS_ALIVE):
                break
            # What a dead run had begun ended while its lock was watched, or was seen late: that looks like life.
            settle(cloud)
            again = self.start(cloud).result()
        settle(cloud)
        cell.again = again.message
        cell.wrong += judge_second(self, cloud, result, again, mark)
        cell.wrong += cloud.violations()
        cell.seconds = round(time.monotonic() - began, 2)

    def undo_cases(self, cells: Mapping[str, Cell]) -> list[Case]:
        """A fault on each request of each undo; on those that only read, in the longest undo alone."""
        kinds = self.provider.KINDS
        bases = [hit for hit in keys(self.log) if hit.mutating]
        undone = [(base, cells[str(case)].undo) for base in bases if str(case := Case(self.route.title, base, kinds.base.name)) in cells]
        undone = [(base, undo) for base, undo in undone if any(hit[3] for hit in undo)]
        if not undone:
            return []
        deepest = max(undone, key=lambda pair: sum(hit[3] for hit in pair[1]))[0]
        chosen = []
        for base, undo in undone:
            for hit in (Hit(*values) for values in undo):
                fitting = [*kinds.undos, kinds.undo_kill] if hit.mutating else kinds.undos if base == deepest else []
                chosen += [Case(self.route.title, hit, kind.name, base) for kind in fitting]
        return chosen


def _after_fault(log: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """The requests after the first one that a fault hit."""
    first = next((number for number, entry in enumerate(log) if entry["fault"]), len(log))
    return [[hit.method, hit.path, hit.nth, hit.mutating] for hit in keys(log)[first + 1 :]]


T = TypeVar("T")


def run_cases(run: Callable[[T], Cell], cases: Iterable[T], results: Results, at_once: int) -> dict[str, Cell]:
    """The cells of cases by their text, many at once; those whose results are kept are not run."""
    every = list(dict.fromkeys(cases))
    found = {text: Cell(**values) for text, values in results.known(map(str, every)).items()}

    def one(case: T) -> None:
        cell = run(case)
        results.keep(str(case), asdict(cell))
        found[str(case)] = cell

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, [case for case in every if str(case) not in found]))
    return found
