# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Alibaba Cloud ECS, as the fault harness needs to know it."""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.simulator.alibaba_ecs import state
from tests.simulator.alibaba_ecs.credentials import PREFIX, SECRET_PREFIX
from tests.simulator.alibaba_ecs.store import Account
from tests.simulator.request_log import short_digest

from . import alibaba_kinds, alibaba_tasks
from .alibaba_judge import BOOKKEEPING, REQUESTS, comparable, forget_whole_backup
from .alibaba_routes import ASIDE, REGION, ROUTES, disks_of, members, no_lock, safety_points, seed, vm_of, vm_problems, write
from .vm_clouds import ABSENT, Cloud, Digests
from .vm_kinds import REQUEST_TIMEOUT_S, Hit, Kind
from .vm_provider import Before, Perform, Route

ROLE = "recovery"
_PAUSED = ("restore in_place, data disk", "restore replace")


class AlibabaProvider:
    """See vm_provider.VmProvider."""

    NAME, TITLE, ACCOUNT = "alibaba_ecs", "Alibaba Cloud ECS", "recovery"
    SPEED, LOCK_TTL_S, AT_ONCE = alibaba_kinds.SPEED, alibaba_tasks.LOCK_TTL_S, 8
    SETTINGS: Mapping[str, Any] = {"operation_s": 0.02}
    LIMITS: Mapping[str, Any] = {"wait_interval": 1, "wait_timeout": 2400, "undo_timeout": 480, "request_timeout": REQUEST_TIMEOUT_S, "retries": 5}
    KINDS = alibaba_kinds.KINDS
    ROUTES: Sequence[Route] = ROUTES
    TASKS: Mapping[str, Any] = {task.title: task for task in alibaba_tasks.TASKS}
    VARIANTS: Mapping[str, Mapping[str, Any]] = alibaba_kinds.VARIANTS
    ROUNDS = 1
    LAG_REAL_S = 0.5
    REQUESTS: Mapping[str, tuple[str, str]] = REQUESTS
    STRATEGIES: Sequence[str] = ("rollback", "rollback", "replace")
    ONE_WAY: Sequence[str] = ("replace",)
    REQUESTS_OF: Mapping[str, int] = {"backup": 60, "restore": 250, "rollback": 250, "delete restore": 80, "delete backup": 30}
    CHAINS, SAMPLED = 2, 14
    PAUSES: Mapping[str, int] = {"the same task": 1, "rollback_of": 1, "held": 0}
    MEET_AT: Mapping[str, Any] = {"route": "TagResources"}
    ONLY_IN_FULL: Sequence[str] = ("restore replace", "restore rollback_of in_place")
    MEET_UNDER: Sequence[str] = ("", "old tags")
    MEETINGS: Sequence[str] = ("restore rollback", "restore in_place, data disk", "restore replace")
    MAKE_POINTS: Sequence[str] = ("backup group", "backup stopped", "backup image, retire_source")

    def is_paused(self, route: Route) -> bool:
        return route.title in _PAUSED

    # -- The simulator

    def account(self, simulator: Any) -> Account:
        found: Account = simulator.world.account(self.ACCOUNT)
        return found

    def copy(self, account: Any, simulator: Any) -> None:
        world = simulator.world
        account.world.agenda.run_due()
        kept = {name: getattr(account, name) for name in ("watches", "record", "violations", "tokens", "never", "lag")}
        account.watches, account.record, account.violations, account.tokens, account.never, account.lag = [], [], [], {}, [], None
        try:
            copied = copy.deepcopy(account, {id(account.world): world})
        finally:
            for name, value in kept.items():
                setattr(account, name, value)
        copied.lag = type(account.lag)(copied)
        world.accounts[self.ACCOUNT] = copied
        # Ids must not be those of the other cloud's.
        world._ids, world._addresses = itertools.count(1_000_003, 7919), itertools.count(1000)

    def shown(self, item: Any) -> dict[str, Any]:
        return state.shown(item)

    def entry(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return alibaba_kinds.entry(found)

    def narrow(self, hit: Hit) -> Mapping[str, Any]:
        return alibaba_kinds.narrow(hit)

    def login(self, cloud: Cloud, name: str, *, renewable: bool) -> tuple[str, dict[str, Any]]:
        user = f"{self.ACCOUNT}.{name}"
        way = {"access_key_id": PREFIX + user, "access_key_secret": SECRET_PREFIX + user, "region": REGION, "api_url": cloud.url}
        if renewable:
            way.update(role_arn=cloud.act("add_role", name=ROLE)["arn"], role_session_name=name, sts_url=cloud.url)
        return short_digest(PREFIX + user), {"provider": self.NAME, **way}

    def is_busy(self, account: Any, within_s: float) -> bool:
        return any(due_s - account.world.clock.now() < within_s for due_s, _order, _action in account.world.agenda._heap)

    def end(self, account: Any) -> None:
        ends, account.never = account.never, []
        for end in ends:
            end()

    # -- What is there

    def vm(self, cloud: Cloud) -> dict[str, Any] | None:
        return vm_of(cloud)

    def status(self, cloud: Cloud, name: str) -> str:
        return str((vm_of(cloud, name) or {"Status": ABSENT})["Status"])

    def status_in(self, vm: Mapping[str, Any]) -> str:
        return str(vm["Status"])

    def on_vm(self, cloud: Cloud, name: str) -> dict[str, str]:
        vm = vm_of(cloud, name)
        return {one["Device"]: one["id"] for one in disks_of(cloud, vm["id"])} if vm else {}

    def disks(self, cloud: Cloud) -> dict[str, str]:
        return {one["id"]: one["digest"] for one in cloud.all("disks")}

    def disks_ever(self, cloud: Cloud) -> set[str]:
        return {target for entry in cloud.do(lambda account: list(account.record)) for target in entry["targets"] if target.startswith("d-")}

    def counted_on(self, cloud: Cloud) -> list[str]:
        return [*self.goes_with_vm(cloud), *(f"{kind[:-1]}:{one['id']}" for kind in ("snapshots", "images") for one in cloud.all(kind))]

    def goes_with_vm(self, cloud: Cloud) -> list[str]:
        return [f"disk:{identity}" for identity in cloud.on_vm().values()]

    def lock_problems(self, cloud: Cloud) -> list[str]:
        return no_lock(cloud)

    def made(self, cloud: Cloud) -> Counter[str]:
        record = cloud.do(lambda account: list(account.record))
        return Counter(entry["action"] for entry in record if entry["action"] in alibaba_kinds.CREATES and not entry["code"] and not entry["replayed"])

    # -- What is done to it

    def seed(self, cloud: Cloud, **how: Any) -> None:
        seed(cloud, **how)

    def write(self, cloud: Cloud, text: str) -> None:
        write(cloud, text)

    def watch(self, cloud: Cloud, route: Route, before: Before) -> None:
        gives_up = list(route.watch["gives_up"](cloud)) if "gives_up" in route.watch else []
        holders = [one for kind in ("disks", "snapshots") for one in cloud.all(kind)]
        lost = set(before.present.values()) if route.watch.get("loses") else set()
        kept = sorted({one["digest"] for one in holders if one["id"] not in gives_up} - lost)
        sets = (
            [{disk: digests[device] for device, disk in before.disks.items()} for digests in (before.present, before.saved)] if route.watch.get("sets") else []
        )
        vm = vm_of(cloud) or {"id": ""}
        cloud.act("watch", instance=vm["id"], keep_digests=kept, sets=sets, given_up=gives_up)

    def watch_meeting(self, cloud: Cloud, keep_digests: Sequence[str], *, chain: bool = False) -> None:
        vm = vm_of(cloud) or {"id": ""}
        cloud.act("watch", instance=vm["id"], keep_digests=list(keep_digests))

    def permit(self, cloud: Cloud, run: str, names: Sequence[str]) -> None:
        vm = vm_of(cloud) or {"id": ""}
        ids = []
        for name in names:
            kind, _colon, identity = name.partition(":")
            ids += [vm["id"]] if kind == "instance" else list(cloud.on_vm().values()) if kind == "disks" else [identity]
        cloud.act("give_up", ids=ids)

    def count_on(self, cloud: Cloud, names: Sequence[str]) -> None:
        cloud.act("count_on", ids=[name.partition(":")[2] for name in names])

    # -- How it is judged

    def comparable(self, canonical: Mapping[str, Any]) -> dict[str, Any]:
        return comparable(canonical)

    def without_harmless(self, canonical: dict[str, Any]) -> dict[str, Any]:
        return canonical

    def forget_whole_backup(self, found: dict[str, Any], end: Mapping[str, Any], begin: Mapping[str, Any]) -> None:
        forget_whole_backup(found, end, begin)

    def is_bookkeeping(self, text: str) -> bool:
        return bool(BOOKKEEPING.search(text))

    def is_going(self, state: str, case: str) -> bool:
        # A deletion that does not end cannot be taken back, and a VM that stops or starts without end cannot be told to do anything else.
        return ("DeleteInstance" in case and state.startswith("Stopped")) or state.startswith(("Stopping", "Starting", "Running on old"))

    def can_be_told(self, hit: Hit, kind: Kind) -> bool:
        # A reset that was accepted and did nothing shows nowhere.
        return not (kind.name == "ends as failed" and hit.path == "ResetDisk")

    def excuses(self, kind: Kind, route: Route, hit: str, text: str) -> bool:
        # A renewal of the lock that is refused is tried again at the next turn.
        return hit.strip() in ("TagResources", "UntagResources") and (route.locks or route.module == "restore") and text == "a refusal"

    def is_guarded(self, hit: Hit) -> bool:
        return False

    def makes_points(self, hit: Hit) -> bool:
        return hit.path in ("CreateSnapshot", "CreateSnapshotGroup", "CreateImage")

    # -- Meetings and chains

    def vm_problems(self, cloud: Cloud, before: Before, wanted: Digests) -> list[str]:
        return vm_problems(cloud, before, wanted, own_address=True)

    def parts(self, cloud: Cloud, moment: str, kind: str = "snapshots") -> dict[str, tuple[str, bool]]:
        return members(cloud, moment, kind)

    def meeting_prepared(self, cloud: Cloud, perform: Perform, now_is: Callable[[str], None]) -> dict[str, str]:
        return alibaba_tasks.prepared(cloud, perform, now_is)

    def kept_problems(self, cloud: Cloud, restore: str, disks: Mapping[str, str]) -> Iterator[str]:
        finished = {one["digest"] for one in cloud.all("snapshots") if one["Status"] == "accomplished"}
        held = {**{digest: digest for digest in finished}, **{digest: digest for digest in self.disks(cloud).values()}}
        for name, digest in disks.items():
            if digest not in held:
                yield f"what {restore} keeps of the disk {name} is on no disk and in no finished snapshot"

    def kept_by(self, cloud: Cloud, restore: str, disks: Sequence[str]) -> list[str]:
        aside = [one["id"] for one in cloud.all("instances") if ASIDE in one["tags"]]
        others = [one["id"] for one in cloud.all("disks") if one["InstanceId"] in ("", *aside) and one["id"] in disks]
        return [f"any:{identity}" for identity in (*safety_points(cloud, restore), *aside, *others)]
