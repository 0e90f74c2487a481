# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random chains of backups, restores, rollbacks and deletions of one VM, killed in between and run again, and a model of what each step promises.

The model knows nothing of how the tasks work: a restore brings the bytes of its backup and keeps the disks from before, by name and by bytes; a
rollback brings exactly those disks back and keeps the ones it took off; a deletion gives up what it names and nothing else.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .modules import Modules, Result
from .vm_clouds import VM, Cloud, Clouds, settle
from .vm_faults import LOOKS_ALIVE, Cell
from .vm_words import words_wrong

STEPS = 5
RUNS_AT_MOST = 4
KILLED = 0.5


@dataclass(frozen=True)
class Disk:
    """One disk of a set: its name and its bytes."""

    name: str
    digest: str


Disks = dict[str, Disk]


def disks_on(cloud: Cloud) -> Disks:
    """The disks of the VM by device."""
    bytes_of = cloud.digests()
    return {device: Disk(name, bytes_of[device]) for device, name in cloud.on_vm().items()}


@dataclass
class Model:
    """What is promised: backups by their moment, the disks that each restore keeps, and those that the VM runs on."""

    on: Disks
    backups: dict[str, dict[str, str]] = field(default_factory=dict)
    kept: dict[str, Disks] = field(default_factory=dict)
    # Restores that cannot be gone back from, as the provider cannot, but whose disks are kept all the same.
    final: set[str] = field(default_factory=set)
    # Backups of the very disks that the VM has, as those that it has no others of.
    own: set[str] = field(default_factory=set)
    built: bool = False

    @property
    def ways_back(self) -> list[str]:
        """The restores that can be gone back from."""
        return [name for name in self.kept if name not in self.final]

    def problems(self, cloud: Cloud) -> Iterator[str]:
        """What is not as promised."""
        if cloud.status().upper() != "RUNNING":
            yield f"the VM is {cloud.status()}"
        else:
            found = disks_on(cloud)
            if found != self.on:
                yield f"the VM has {found}, not {self.on}"
        for restore, disks in self.kept.items():
            yield from cloud.provider.kept_problems(cloud, restore, {disk.name: disk.digest for disk in disks.values()})
        for moment, saved in self.backups.items():
            found_parts = sorted(digest for digest, finished in cloud.provider.parts(cloud, moment).values() if finished)
            if found_parts != sorted(saved.values()):
                yield f"the backup {moment} does not hold what was saved"
        yield from cloud.provider.lock_problems(cloud)


@dataclass(frozen=True)
class Step:
    """One task of a chain: what it is called, its options, and what it is about."""

    kind: str
    module: str
    options: dict[str, Any]
    about: str = ""

    def __str__(self) -> str:
        return " ".join([self.kind, str(self.options.get("name") or ""), self.about]).replace("  ", " ").strip()


class Chain:
    """One chain, drawn from its seed."""

    def __init__(self, number: int, clouds: Clouds, modules: Modules, steps: int = STEPS) -> None:
        self._draw, self._steps, self._clouds, self._modules = random.Random(number), steps, clouds, modules
        self._provider = clouds.provider
        self.cell = Cell(f"chain {number}", "chains", "kills")
        self._told: list[str] = []
        self._count = 0

    def run(self) -> Cell:
        """All of its steps, until one goes wrong."""
        began = time.monotonic()
        cloud = self._clouds.make()
        try:
            self._provider.seed(cloud)
            self._provider.watch_meeting(cloud, [], chain=True)
            model = Model(disks_on(cloud))
            for _number in range(self._steps):
                self._write(cloud, model)
                self._step(cloud, model, self._drawn(model))
                if self.cell.wrong:
                    break
            else:
                self._reach(cloud, model)
            # A call that should not have been accepted ends no chain: what comes of it is seen.
            self.cell.wrong += list(dict.fromkeys(cloud.violations()))
        finally:
            cloud.close()
        self.cell.message = "; ".join(self._told)
        self.cell.outcome = "went wrong" if self.cell.wrong else "as promised"
        self.cell.seconds = round(time.monotonic() - began, 2)
        return self.cell

    # -- What is done

    def _drawn(self, model: Model) -> Step:
        self._count += 1
        weights = {"backup": 2.0, "restore": 4.0 * bool(model.backups), "rollback": 4.0 * bool(model.ways_back), "delete restore": 1.5 * bool(model.kept)}
        weights["delete backup"] = 1.0 * (len(model.backups) > 1)
        kind = self._draw.choices(list(weights), list(weights.values()))[0]
        create: dict[str, Any] = {"operation": "CREATE", "vm_name": VM, "lock_ttl": self._provider.LOCK_TTL_S}
        if kind == "backup":
            return Step(kind, "backup", {**create, "snapshot_datetime": f"202601{self._count:02}-000000"}, f"202601{self._count:02}-000000")
        if kind == "restore":
            moment, strategy = self._draw.choice(list(model.backups)), self._draw.choice(self._provider.STRATEGIES)
            if self._provider.ONE_WAY and moment not in model.own:
                strategy = self._provider.ONE_WAY[0]
            if strategy in self._provider.ONE_WAY and model.built:
                # What was built must be started anew by somebody before it can make way in its turn.
                moment = f"202601{self._count:02}-000000"
                return Step("backup", "backup", {**create, "snapshot_datetime": moment}, moment)
            return Step(kind, "restore", {**create, "snapshot_datetime": moment, "strategy": strategy, "name": f"r{self._count}"}, moment)
        if kind == "delete backup":
            moment = self._draw.choice(list(model.backups))
            return Step(kind, "backup", {"operation": "DELETE", "name": f"{VM}-{moment}"}, moment)
        name = self._draw.choice(model.ways_back if kind == "rollback" else list(model.kept))
        if kind == "rollback":
            return Step(kind, "restore", {**create, "rollback_of": name, "name": f"b{self._count}"}, name)
        return Step(kind, "restore", {"operation": "DELETE", "vm_name": VM, "name": name}, name)

    def _write(self, cloud: Cloud, model: Model) -> None:
        """The guest goes on writing."""
        if self._draw.random() < 0.7:
            self._provider.write(cloud, f"step {self._count}")
            model.on = disks_on(cloud)

    def _step(self, cloud: Cloud, model: Model, step: Step) -> None:
        kill_at = self._draw.randint(1, self._provider.REQUESTS_OF[step.kind]) if self._draw.random() < KILLED else 0
        acts = self._draw.choice(["before", "never"])
        self._told.append(f"{step}{f' (killed at {kill_at}, {acts})' if kill_at else ''}")
        for attempt in range(RUNS_AT_MOST):
            run, result = self._perform(cloud, model, step, kill_at if attempt == 0 else 0, acts)
            if not result.failed:
                break
            if result.value and not any(words in result.message for words in LOOKS_ALIVE):
                break
        problems = [*words_wrong(cloud, result, run), *self._judge(cloud, model, step, run, result)]
        self.cell.wrong += [f"{step}: {text}" for text in problems]
        self.cell.state, self.cell.again = step.kind, result.message
        self._provider.count_on(cloud, [])

    def _perform(self, cloud: Cloud, model: Model, step: Step, kill_at: int, acts: str) -> tuple[str, Result]:
        name, connection = cloud.login()
        self._provider.permit(cloud, name, list(self._may_delete(cloud, model, step)))
        cloud.clear_faults()
        run = self._modules.start(step.module, {**connection, **self._provider.LIMITS, **step.options})
        if kill_at:
            cloud.add_fault(kind="signal", act=acts, nth=kill_at, token=name, pid=run.pid)
        result = run.result()
        settle(cloud)
        return name, result

    def _may_delete(self, cloud: Cloud, model: Model, step: Step) -> Iterator[str]:
        if step.options.get("strategy") == "replace" or step.kind == "rollback":
            yield f"instance:{VM}"
        if step.kind == "delete restore":
            yield from self._provider.kept_by(cloud, step.about, [disk.name for disk in model.kept[step.about].values()])
        if step.kind == "delete backup":
            yield from (f"snapshot:{name}" for name in self._provider.parts(cloud, step.about))

    # -- What is promised

    def _judge(self, cloud: Cloud, model: Model, step: Step, run: str, result: Result) -> Iterator[str]:
        if result.failed:
            if step.kind == "rollback" and result.kind in ("Conflict", "InvalidRequest") and not cloud.accepted(run=run):
                # Refused before anything was touched: then the way that leads there is named.
                if not _named(result.message, model, step.about):
                    yield f"it is refused without a word of what to do first: {result.message[:200]}"
                yield from model.problems(cloud)
                return
            yield f"it fails ({result.kind or result.stderr[-200:]}): {result.message[:300]}"
        else:
            _promise(cloud, model, step)
            if step.kind == "restore" and step.options["strategy"] in self._provider.ONE_WAY:
                model.final.update(model.kept)
                model.own.clear()
                model.built = True
            if step.kind == "backup":
                model.own.add(step.about)
        yield from model.problems(cloud)

    def _reach(self, cloud: Cloud, model: Model) -> None:
        """One of the kept states, drawn by chance, can be gone back to, if need be by the way that messages name."""
        if not model.ways_back:
            return
        goal = self._draw.choice(model.ways_back)
        wanted = model.kept[goal]
        way = [goal]
        for _attempt in range(2 * len(model.kept) + 1):
            self._count += 1
            options = {"operation": "CREATE", "vm_name": VM, "lock_ttl": self._provider.LOCK_TTL_S, "rollback_of": way[-1], "name": f"b{self._count}"}
            _run, result = self._perform(cloud, model, Step("rollback", "restore", options, way[-1]), 0, "")
            if not result.failed:
                way.pop()
            else:
                first = [name for name in _named(result.message, model, way[-1]) if name not in way]
                way += first[:1]
                if not first:
                    break
            if not way:
                break
        if disks_on(cloud) != wanted:
            self.cell.wrong.append(f"what {goal} keeps cannot be gone back to: {result.message[:200]}")


def _promise(cloud: Cloud, model: Model, step: Step) -> None:
    """Bring the model up to date with a success."""
    now = disks_on(cloud)
    if step.kind == "backup":
        model.backups[step.about] = {device: disk.digest for device, disk in model.on.items()}
    elif step.kind == "restore":
        model.kept[str(step.options["name"])] = model.on
        saved = model.backups[step.about]
        # The new disks have names of their own; their bytes are known.
        model.on = {device: Disk(now[device].name if device in now else "", digest) for device, digest in saved.items()}
    elif step.kind == "rollback":
        model.kept[str(step.options["name"])], model.on = model.on, model.kept.pop(step.about)
    elif step.kind == "delete restore":
        del model.kept[step.about]
    else:
        del model.backups[step.about]


def _named(message: str, model: Model, about: str) -> list[str]:
    """The restores that a message names, but for the one that it is about."""
    words = re.findall(r"[a-z0-9-]+", message)
    return [name for name in dict.fromkeys(words) if name in model.kept and name != about]


def run_chains(numbers: Sequence[int], clouds: Clouds, modules: Modules, at_once: int, steps: int = STEPS) -> list[Cell]:
    """The chains of these seeds, many at once."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda number: Chain(number, clouds, modules, steps).run(), numbers))
