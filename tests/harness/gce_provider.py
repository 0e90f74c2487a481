# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compute Engine, as the fault harness needs to know it."""

from __future__ import annotations

import copy
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.simulator.gce import operations, state
from tests.simulator.gce.store import Project

from . import gce_kinds, gce_tasks
from .gce_judge import BOOKKEEPING, REQUESTS, comparable, forget_whole_backup, without_reservations
from .gce_routes import ROUTES, ZONE, members, no_lock, on_vm, seed, vm_problems, write
from .vm_clouds import ABSENT, VM, Cloud, Digests
from .vm_kinds import REQUEST_TIMEOUT_S, Hit, Kind
from .vm_provider import Before, Perform, Route

OPERATION_S = 0.02


class GceProvider:
    """See vm_provider.VmProvider."""

    NAME, TITLE, ACCOUNT = "gce", "Compute Engine", "recovery"
    SPEED, LOCK_TTL_S, AT_ONCE = 2.0, gce_tasks.LOCK_TTL_S, 20
    SETTINGS: Mapping[str, Any] = {"operation_s": OPERATION_S, "strict_contract": True, "most_pending": 2}
    LIMITS: Mapping[str, Any] = {"wait_interval": 1, "wait_timeout": 600, "undo_timeout": 120, "request_timeout": REQUEST_TIMEOUT_S, "retries": 3}
    KINDS = gce_kinds.KINDS
    ROUTES: Sequence[Route] = ROUTES
    TASKS: Mapping[str, Any] = {task.title: task for task in gce_tasks.TASKS}
    VARIANTS: Mapping[str, Mapping[str, Any]] = {}
    ROUNDS = 2
    LAG_REAL_S = 0.0
    REQUESTS: Mapping[str, tuple[str, str]] = REQUESTS
    STRATEGIES: Sequence[str] = ("in_place", "in_place", "replace")
    ONE_WAY: Sequence[str] = ()
    REQUESTS_OF: Mapping[str, int] = {"backup": 25, "restore": 75, "rollback": 75, "delete restore": 15, "delete backup": 15}
    # How many chains the sample has, which pauses of each route, how many of the kinds of faults a route has in it, and of the meetings.
    CHAINS, SAMPLED = 4, 2
    PAUSES: Mapping[str, int] = {"the same task": 2, "rollback_of": 1, "held": 1}
    # What two controllers are held at until both are there, and the routes on which they meet.
    MEET_AT: Mapping[str, Any] = {"method": "POST", "path": "/setLabels$"}
    ONLY_IN_FULL: Sequence[str] = ()
    MEET_UNDER: Sequence[str] = ("",)
    MEETINGS: Sequence[str] = ("restore in_place", "restore replace", "restore gone")
    MAKE_POINTS: Sequence[str] = ("backup crash", "backup stopped", "backup image, retire_source")

    def is_paused(self, route: Route) -> bool:
        return True

    # -- The simulator

    def account(self, simulator: Any) -> Project:
        found: Project = simulator.project(self.ACCOUNT)
        return found

    def copy(self, account: Any, simulator: Any) -> None:
        simulator.world.projects[self.ACCOUNT] = _copied(account, simulator.world)

    def shown(self, item: Any) -> dict[str, Any]:
        return state.shown(item)

    def entry(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return gce_kinds.entry(found)

    def narrow(self, hit: Hit) -> Mapping[str, Any]:
        return gce_kinds.narrow(hit)

    def login(self, cloud: Cloud, name: str, *, renewable: bool) -> tuple[str, dict[str, Any]]:
        tokens = cloud.simulator.tokens
        if renewable:
            way = {"service_account_contents": json.dumps(tokens.service_account(cloud.url, self.ACCOUNT, name))}
        else:
            way = {"access_token": tokens.issue(self.ACCOUNT, name)}
        return name, {"provider": "gce", "api_url": cloud.url, "project_id": self.ACCOUNT, "zone": ZONE, **way}

    def is_busy(self, account: Any, within_s: float) -> bool:
        return any(one.ends_s - account.world.clock.now() < within_s for one in account.running_operations())

    def end(self, account: Any) -> None:
        for operation in list(account.running_operations()):
            if operation.ends_s == operations.NEVER:
                operations.finish(operation)

    # -- What is there

    def vm(self, cloud: Cloud) -> dict[str, Any] | None:
        return next((item for item in cloud.all("instances") if item["name"] == VM), None)

    def status(self, cloud: Cloud, name: str) -> str:
        return next((str(item["status"]) for item in cloud.all("instances") if item["name"] == name), ABSENT)

    def status_in(self, vm: Mapping[str, Any]) -> str:
        return str(vm["status"])

    def on_vm(self, cloud: Cloud, name: str) -> dict[str, str]:
        return on_vm(cloud, name)

    def disks(self, cloud: Cloud) -> dict[str, str]:
        return {disk["name"]: disk["digest"] for disk in cloud.all("disks")}

    def disks_ever(self, cloud: Cloud) -> set[str]:
        found = set()
        for entry in cloud.requests():
            parts = entry["path"].split("/")
            if "disks" in parts[:-1]:
                found.add(parts[parts.index("disks") + 1])
        return found

    def counted_on(self, cloud: Cloud) -> list[str]:
        points = [f"{word}:{item['name']}" for plural, word in (("snapshots", "snapshot"), ("images", "image")) for item in cloud.all(plural)]
        return [*self.goes_with_vm(cloud), *points]

    def goes_with_vm(self, cloud: Cloud) -> list[str]:
        return [f"disk:{name}" for name in cloud.on_vm().values()]

    def lock_problems(self, cloud: Cloud) -> list[str]:
        return no_lock(cloud)

    def made(self, cloud: Cloud) -> Counter[str]:
        # A request that is repeated is known by its id, and what a name is taken by is not made twice.
        return Counter()

    # -- What is done to it

    def seed(self, cloud: Cloud, **how: Any) -> None:
        seed(cloud, **how)

    def write(self, cloud: Cloud, text: str) -> None:
        write(cloud, text)

    def watch(self, cloud: Cloud, route: Route, before: Before) -> None:
        watch: dict[str, Any] = dict(route.watch)
        if watch.get("given_up") == "snapshots":
            watch["given_up"] = [f"snapshot:{item['name']}" for item in cloud.all("snapshots") if item["labels"].get("mcr-backup", "").startswith("20260101")]
        given_up = {name.partition(":")[2] for name in watch.get("given_up", [])}
        if route.options["operation"] == "DELETE" or route.options.get("old_disks") == "delete":
            holders = [item for plural in ("disks", "snapshots") for item in cloud.all(plural)]
            watch["keep_digests"] = [item["digest"] for item in holders if item["name"] not in given_up]
        cloud.act("watch", zone=ZONE, instance=VM, lock_ttl_s=self.LOCK_TTL_S / self.SPEED, **watch)

    def watch_meeting(self, cloud: Cloud, keep_digests: Sequence[str], *, chain: bool = False) -> None:
        more = {"exempt_devices": list(cloud.on_vm())} if chain else {}
        cloud.act("watch", zone=ZONE, instance=VM, lock_ttl_s=self.LOCK_TTL_S / self.SPEED, keep_digests=list(keep_digests), **more)

    def permit(self, cloud: Cloud, run: str, names: Sequence[str]) -> None:
        cloud.act("permit", token=run, names=list(names))

    def count_on(self, cloud: Cloud, names: Sequence[str]) -> None:
        cloud.act("count_on", names=list(names))

    # -- How it is judged

    def comparable(self, canonical: Mapping[str, Any]) -> dict[str, Any]:
        return comparable(canonical)

    def without_harmless(self, canonical: dict[str, Any]) -> dict[str, Any]:
        return without_reservations(canonical)

    def forget_whole_backup(self, found: dict[str, Any], end: Mapping[str, Any], begin: Mapping[str, Any]) -> None:
        forget_whole_backup(found, end, begin)

    def is_bookkeeping(self, text: str) -> bool:
        return bool(BOOKKEEPING.search(text))

    def is_going(self, state: str, case: str) -> bool:
        # A deletion that does not end cannot be taken back; before it the VM may be as it was.
        return state == "RUNNING on old disks" or (state.startswith("STOPPING") and " | DELETE " in case and "/instances/" in case)

    def can_be_told(self, hit: Hit, kind: Kind) -> bool:
        return True

    def excuses(self, kind: Kind, route: Route, hit: str, text: str) -> bool:
        # A renewal of the lock that is refused is tried again at the next turn, and one that is under way harms nobody.
        # While there is no VM, the lock is on its boot disk. A label that is needed is not missing at a right end.
        may_be_renewal = hit.endswith("/setLabels") and (route.locks or route.module == "restore")
        return may_be_renewal and (text == "a refusal" or "pending is" in text)

    def is_guarded(self, hit: Hit) -> bool:
        return hit.path.endswith("/setLabels")

    def makes_points(self, hit: Hit) -> bool:
        return hit.method == "POST" and hit.path.rpartition("/")[2] in ("images", "snapshots")

    # -- Meetings and chains

    def vm_problems(self, cloud: Cloud, before: Before, wanted: Digests) -> list[str]:
        return vm_problems(cloud, before, wanted, own_address=True)

    def parts(self, cloud: Cloud, moment: str, kind: str = "snapshots") -> dict[str, tuple[str, bool]]:
        return {name: (item["digest"], item["status"] == "READY") for name, item in members(cloud, kind, moment).items()}

    def meeting_prepared(self, cloud: Cloud, perform: Perform, now_is: Callable[[str], None]) -> dict[str, str]:
        return gce_tasks.prepared(cloud, perform, now_is)

    def kept_problems(self, cloud: Cloud, restore: str, disks: Mapping[str, str]) -> Iterator[str]:
        there = {disk["name"]: disk for disk in cloud.all("disks")}
        for name, digest in disks.items():
            if name not in there:
                yield f"the disk {name}, which {restore} keeps, is gone"
            elif there[name]["digest"] != digest or there[name].get("users"):
                yield f"the disk {name}, which {restore} keeps, has other bytes or is in use"

    def kept_by(self, cloud: Cloud, restore: str, disks: Sequence[str]) -> list[str]:
        return [f"disk:{name}" for name in disks]


def _copied(project: Project, world: Any) -> Project:
    """A copy in another world. What its operations did is kept, but not the operations."""
    project.world.agenda.run_due()
    kept: Mapping[str, Any] = {"operations": project.operations, "requests": project.requests, "watches": project.watches}
    project.operations, project.requests, project.watches = {}, {}, []
    try:
        copied: Project = copy.deepcopy(project, {id(project.world): world})
    finally:
        for name, value in kept.items():
            setattr(project, name, value)
    highest = max(int(item.id) for item in copied.everything())
    # Ids must go on, and be as many digits long as before.
    world._ids = itertools.count(highest + 7919, 7919)
    world._addresses = itertools.count(1000)
    return copied
