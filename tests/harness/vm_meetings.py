# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks on one VM that may meet, all possible from one beginning, and what the success of each promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .modules import Modules, Run
from .vm_clouds import ABSENT, VM, Cloud, Clouds, Digests, settle
from .vm_provider import FIRST, SECOND, Before, Perform, VmProvider

CRASH, STOPPED, RETIRED = "20260103-010000", "20260104-010000", "20260105-010000"


def ttl_real_s(provider: VmProvider) -> float:
    """How long a lock lasts in real time."""
    return provider.LOCK_TTL_S / provider.SPEED


@dataclass(frozen=True)
class Facts:
    """What is there before the tasks: the bytes by device of each point in time, what the first restore keeps, and the parts of backups."""

    vm: dict[str, Any]
    sets: Mapping[str, Digests]
    kept: Mapping[str, str]
    points: Mapping[str, Sequence[str]]

    @property
    def before(self) -> Before:
        """The same, as goals of routes want it."""
        return Before(self.vm, {}, dict(self.sets["present"]), {})


Check = Callable[[Cloud, Facts], list[str]]


@dataclass(frozen=True)
class MeetingTask:
    """One task. `leaves`: what the VM runs on after a success (a set of Facts, "" as it was, "absent"); `holds` is wrong with what must last.

    `gives_up`: what it may delete, by name; `ends` are sets whose bytes may then be nowhere any more; `makes` is the kind and moment of a backup.
    """

    title: str
    module: str
    options: Mapping[str, Any]
    leaves: str
    holds: Check
    gives_up: Callable[[Facts], Sequence[str]] = lambda facts: ()
    ends: tuple[str, ...] = ()
    makes: tuple[str, str] | None = None

    def __str__(self) -> str:
        return self.title

    def counts_on(self, cloud: Cloud) -> list[str]:
        """What it counts on after a success: the disks that it has brought onto the VM, or the parts of its backup."""
        if self.makes:
            kind, moment = self.makes
            return [f"{kind[:-1]}:{name}" for name in cloud.provider.parts(cloud, moment, kind)]
        return [f"disk:{name}" for name in cloud.on_vm().values()] if self.leaves else []


def fine(cloud: Cloud, facts: Facts) -> list[str]:
    """What a task promises that promises nothing which lasts."""
    return []


def saved(kind: str, moment: str) -> Check:
    """A backup that holds a state in which the VM was."""

    def check(cloud: Cloud, facts: Facts) -> list[str]:
        parts = cloud.provider.parts(cloud, moment, kind)
        wrong = [f"{name} of the backup is not finished" for name, (_digest, finished) in parts.items() if not finished]
        wholes = [sorted(found.values()) for found in facts.sets.values()]
        found = sorted(digest for digest, _finished in parts.values())
        return wrong if found in wholes else [*wrong, f"the backup {moment} holds no state in which the VM ever was"]

    return check


def no_parts(moment: str) -> Check:
    """A backup that is gone."""
    return lambda cloud, facts: [f"{name} of the deleted backup is left" for name in cloud.provider.parts(cloud, moment)]


def one_is_left(cloud: Cloud, facts: Facts) -> list[str]:
    """Of the backups from before, the rules keep one: the other may have been incomplete, and so not theirs to delete."""
    whole = [moment for moment, names in facts.points.items() if len(cloud.provider.parts(cloud, moment)) == len(names)]
    return [f"the backups {' and '.join(whole)} are left"] if len(whole) > 1 else []


def points_of(*moments: str) -> Callable[[Facts], Sequence[str]]:
    """The parts of backups."""
    return lambda facts: [f"snapshot:{name}" for moment in moments for name in facts.points[moment]]


class MeetingStage:
    """The beginning of all of them: backups, a restore of the first one, which keeps what was there before, and other bytes written since."""

    def __init__(self, clouds: Clouds, modules: Modules) -> None:
        self._clouds, self._modules = clouds, modules
        self.provider = clouds.provider
        if "meeting" not in clouds.prepared:
            clouds.prepared["meeting"] = self._prepare()
        self._template, self.facts = clouds.prepared["meeting"]

    def _prepare(self) -> tuple[Cloud, Facts]:
        cloud = self._clouds.make()
        self.provider.seed(cloud)
        sets: dict[str, Digests] = {}

        def now_is(name: str) -> None:
            self.provider.write(cloud, name)
            sets[name] = cloud.digests()

        kept = self.provider.meeting_prepared(cloud, self.perform(cloud), now_is)
        points = {moment: list(self.provider.parts(cloud, moment)) for moment in (FIRST, SECOND)}
        settle(cloud)
        return cloud, Facts(self.provider.vm(cloud) or {}, sets, kept, points)

    def perform(self, cloud: Cloud) -> Perform:
        """Carries out a task that must succeed."""

        def act(module: str, **options: Any) -> None:
            result = self._modules.run(module, {**cloud.options(), **self.provider.LIMITS, **options})
            assert not result.failed, f"{module}: {result.message}\n{result.stderr}"

        return act

    def open(self, *tasks: MeetingTask, **settings: Any) -> Cloud:
        """A cloud in which these tasks can begin, under watch."""
        cloud = self._clouds.make(self._template, **settings)
        ended = {name for task in tasks for name in task.ends}
        # Bytes that another set has as well are kept all the same.
        digests_kept = {digest for name, found in self.facts.sets.items() if name not in ended for digest in found.values()}
        self.provider.watch_meeting(cloud, sorted(digests_kept))
        return cloud

    def start(self, cloud: Cloud, task: MeetingTask, *, renewable: bool = False, **options: Any) -> tuple[str, Run]:
        """Start a task; gives who it is, and its process."""
        run, connection = cloud.login(renewable=renewable)
        self.provider.permit(cloud, run, list(task.gives_up(self.facts)))
        return run, self._modules.start(task.module, {**connection, **self.provider.LIMITS, **task.options, **options})

    def log_of(self, task: MeetingTask) -> list[dict[str, Any]]:
        """The requests of a task that nothing disturbs."""
        key = ("log", task.title)
        if key not in self._clouds.prepared:
            cloud = self.open(task)
            _run, started = self.start(cloud, task)
            result = started.result()
            wrong = [] if not result.failed else [result.message]
            wrong += [*self.state_problems(cloud, [task]), *task.holds(cloud, self.facts), *cloud.violations()]
            assert not wrong, f"{task}, undisturbed: {wrong}"
            self._clouds.prepared[key] = cloud.requests()
            cloud.close()
        return list(self._clouds.prepared[key])

    def state_problems(self, cloud: Cloud, done: Sequence[MeetingTask]) -> list[str]:
        """What is wrong with the VM after these tasks have succeeded, in this order."""
        wanted = next((task.leaves for task in reversed(done) if task.leaves), "present")
        if wanted == ABSENT:
            return [] if cloud.status() == ABSENT else [f"there still is {VM}"]
        return [*self.provider.vm_problems(cloud, self.facts.before, dict(self.facts.sets[wanted])), *self.provider.lock_problems(cloud)]

    def retired_problems(self, cloud: Cloud, done: Sequence[MeetingTask]) -> list[str]:
        """What is wrong with the backup of a VM that was deleted in the end: it must be of what the VM ran on then."""
        if not done or done[-1].leaves != ABSENT or not done[-1].makes:
            return []
        kind, moment = done[-1].makes
        before = next((task.leaves for task in reversed(done[:-1]) if task.leaves), "present")
        saved = sorted(digest for digest, _finished in self.provider.parts(cloud, moment, kind).values())
        return [] if saved == sorted(self.facts.sets[before].values()) else [f"the backup of the deleted VM is not of the disks that it had ({before})"]

    def is_up(self, cloud: Cloud) -> bool:
        """Whether the VM runs on one whole set of disks."""
        return cloud.status().upper() == "RUNNING" and cloud.digests() in [dict(found) for found in self.facts.sets.values()]
