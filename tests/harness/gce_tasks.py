# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks on one VM that may meet, all possible from one beginning, and what the success of each promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .gce_clouds import VM, Cloud, Clouds
from .gce_faults import LOCK_TTL_S, SPEED
from .gce_routes import FIRST, SECOND, Before, Digests, Perform, digests, members, no_lock, on_vm, seed, vm_problems, write
from .modules import Modules, Run

CRASH, STOPPED, RETIRED = "20260103-010000", "20260104-010000", "20260105-010000"
REQUEST_TIMEOUT_S = 3
LIMITS: Mapping[str, Any] = {"wait_interval": 1, "wait_timeout": 600, "undo_timeout": 120, "request_timeout": REQUEST_TIMEOUT_S, "retries": 3}
TTL_REAL_S = LOCK_TTL_S / SPEED


@dataclass(frozen=True)
class Facts:
    """What is there before the tasks: the bytes by device of each point in time, and the names of the disks that the first restore keeps."""

    vm: dict[str, Any]
    sets: Mapping[str, Digests]
    kept: Mapping[str, str]
    snapshots: Mapping[str, Sequence[str]]

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
            plural, moment = self.makes
            return [f"{plural[:-1]}:{name}" for name in members(cloud, plural, moment)]
        return [f"disk:{name}" for name in on_vm(cloud).values()] if self.leaves else []


def on_devices(vm: Mapping[str, Any]) -> list[str]:
    """The names of the disks of a VM."""
    return [entry["source"].rpartition("/")[2] for entry in vm.get("disks", [])]


def _fine(cloud: Cloud, facts: Facts) -> list[str]:
    return []


def _saved(plural: str, moment: str) -> Check:
    def check(cloud: Cloud, facts: Facts) -> list[str]:
        parts = list(members(cloud, plural, moment).values())
        wrong = [f"{part['name']} of the backup is {part['status']}" for part in parts if part["status"] != "READY"]
        wholes = [sorted(found.values()) for found in facts.sets.values()]
        return wrong if sorted(part["digest"] for part in parts) in wholes else [*wrong, f"the backup {moment} holds no state in which the VM ever was"]

    return check


def _no_parts(moment: str) -> Check:
    return lambda cloud, facts: [f"{name} of the deleted backup is left" for name in members(cloud, "snapshots", moment)]


def _one_is_left(cloud: Cloud, facts: Facts) -> list[str]:
    """Of the backups from before, the rules keep one: the other may have been incomplete, and so not theirs to delete."""
    whole = [moment for moment, names in facts.snapshots.items() if len(members(cloud, "snapshots", moment)) == len(names)]
    return [f"the backups {' and '.join(whole)} are left"] if len(whole) > 1 else []


def _kept_are_gone(cloud: Cloud, facts: Facts) -> list[str]:
    left = {disk["name"] for disk in cloud.all("disks")} & set(facts.kept.values())
    return [f"the disk {name} of the deleted restore is left" for name in sorted(left)]


def _snapshots(*moments: str) -> Callable[[Facts], Sequence[str]]:
    return lambda facts: [f"snapshot:{name}" for moment in moments for name in facts.snapshots[moment]]


_CREATE: Mapping[str, Any] = {"operation": "CREATE", "vm_name": VM, "lock_ttl": LOCK_TTL_S}
_SECOND: Mapping[str, Any] = {**_CREATE, "snapshot_datetime": SECOND}
TASKS = [
    MeetingTask("in_place", "restore", {**_SECOND, "name": "second"}, "second", _fine),
    MeetingTask("replace", "restore", {**_SECOND, "name": "third", "strategy": "replace"}, "second", _fine, lambda facts: [f"instance:{VM}"]),
    MeetingTask("rollback_of", "restore", {**_CREATE, "rollback_of": "first"}, "old", _fine),
    MeetingTask("crash", "backup", {**_CREATE, "snapshot_datetime": CRASH}, "", _saved("snapshots", CRASH), makes=("snapshots", CRASH)),
    MeetingTask(
        "stopped",
        "backup",
        {**_CREATE, "snapshot_datetime": STOPPED, "consistency": "stopped"},
        "",
        _saved("snapshots", STOPPED),
        makes=("snapshots", STOPPED),
    ),
    MeetingTask(
        "retire",
        "backup",
        {**_CREATE, "snapshot_datetime": RETIRED, "method": "image", "image_family": "web", "retire_source": True},
        "absent",
        _saved("images", RETIRED),
        # Its boot disk goes with it.
        lambda facts: [f"instance:{VM}", *(f"disk:{name}" for name in facts.kept.values()), *(f"disk:{name}" for name in on_devices(facts.vm))],
        makes=("images", RETIRED),
    ),
    MeetingTask(
        "restore DELETE",
        "restore",
        {"operation": "DELETE", "vm_name": VM, "name": "first"},
        "",
        _kept_are_gone,
        lambda facts: [f"disk:{name}" for name in facts.kept.values()],
        ("old",),
    ),
    MeetingTask("backup DELETE", "backup", {"operation": "DELETE", "name": f"{VM}-{SECOND}"}, "", _no_parts(SECOND), _snapshots(SECOND), ("second",)),
    MeetingTask(
        "prune",
        "backup",
        {"operation": "DELETE", "vm_name": VM, "retention": {"keep_last": 1}},
        "",
        _one_is_left,
        _snapshots(FIRST, SECOND),
        ("first", "second"),
    ),
]
BY_TITLE = {task.title: task for task in TASKS}


class MeetingStage:
    """The beginning of all of them: two backups, a restore of the first one, which keeps the disks from before, and other bytes written since."""

    def __init__(self, clouds: Clouds, modules: Modules) -> None:
        self._clouds, self._modules = clouds, modules
        if "meeting" not in clouds.prepared:
            clouds.prepared["meeting"] = self._prepare()
        self._template, self.facts = clouds.prepared["meeting"]

    def _prepare(self) -> tuple[Cloud, Facts]:
        cloud = self._clouds.make()
        seed(cloud, large_metadata=False)
        sets: dict[str, Digests] = {}

        def now_is(name: str) -> None:
            write(cloud, name)
            sets[name] = digests(cloud)

        now_is("first")
        self.perform(cloud)("backup", **_CREATE, snapshot_datetime=FIRST)
        now_is("second")
        self.perform(cloud)("backup", **_CREATE, snapshot_datetime=SECOND)
        now_is("old")
        kept = on_vm(cloud)
        self.perform(cloud)("restore", **_CREATE, snapshot_datetime=FIRST, name="first")
        now_is("present")
        snapshots = {moment: list(members(cloud, "snapshots", moment)) for moment in (FIRST, SECOND)}
        return cloud, Facts(cloud.one("instances", VM) or {}, sets, kept, snapshots)

    def perform(self, cloud: Cloud) -> Perform:
        """Carries out a task that must succeed."""

        def act(module: str, **options: Any) -> None:
            result = self._modules.run(module, {**cloud.options(), **LIMITS, **options})
            assert not result.failed, f"{module}: {result.message}\n{result.stderr}"

        return act

    def open(self, *tasks: MeetingTask) -> Cloud:
        """A cloud in which these tasks can begin, under watch."""
        cloud = self._clouds.make(self._template)
        ended = {name for task in tasks for name in task.ends}
        # Bytes that another set has as well are kept all the same.
        digests_kept = {digest for name, found in self.facts.sets.items() if name not in ended for digest in found.values()}
        cloud.act("watch", zone=cloud.zone, instance=VM, lock_ttl_s=TTL_REAL_S, keep_digests=sorted(digests_kept))
        return cloud

    def start(self, cloud: Cloud, task: MeetingTask, *, renewable: bool = False, **options: Any) -> tuple[str, Run]:
        """Start a task; gives who it is, and its process."""
        run, connection = cloud.login(renewable=renewable)
        cloud.act("permit", token=run, names=list(task.gives_up(self.facts)))
        return run, self._modules.start(task.module, {**connection, **LIMITS, **task.options, **options})

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
        if wanted == "absent":
            return [f"there still is {VM}"] if cloud.one("instances", VM) else []
        return [*vm_problems(cloud, self.facts.before, dict(self.facts.sets[wanted]), own_address=True), *no_lock(cloud)]

    def retired_problems(self, cloud: Cloud, done: Sequence[MeetingTask]) -> list[str]:
        """What is wrong with the backup of a VM that was deleted in the end: it must be of what the VM ran on then."""
        if not done or done[-1].leaves != "absent" or not done[-1].makes:
            return []
        before = next((task.leaves for task in reversed(done[:-1]) if task.leaves), "present")
        saved = sorted(part["digest"] for part in members(cloud, *done[-1].makes).values())
        return [] if saved == sorted(self.facts.sets[before].values()) else [f"the backup of the deleted VM is not of the disks that it had ({before})"]

    def is_up(self, cloud: Cloud) -> bool:
        """Whether the VM runs on one whole set of disks."""
        vm = cloud.one("instances", VM)
        return vm is not None and vm["status"] == "RUNNING" and digests(cloud) in [dict(found) for found in self.facts.sets.values()]
