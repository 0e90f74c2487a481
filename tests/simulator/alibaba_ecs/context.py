# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a handler gets: the request, the account and region it is about, and the ways to find, refuse and finish things later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..clock import draw_seconds
from ..faults import FaultRule
from ..signals import send_signal
from .credentials import Key
from .errors import ApiError
from .options import QUOTAS
from .params import Params
from .store import Account, Item, World

Later = Callable[[], None]


@dataclass
class Context:
    """One request. `targets` are the ids that the record names for it beside those in its parameters.

    `replayed`: it was answered as the first request with its ClientToken was.
    """

    world: World
    account: Account
    region: str
    action: str
    params: Params
    key: Key
    caller: str
    request_id: str
    fault: FaultRule | None = None
    targets: list[str] = field(default_factory=list)
    replayed: bool = False
    # The moment at which something became due that is being carried out; None while the request itself is.
    due_s: float | None = None

    def setting(self, name: str) -> Any:
        """A setting as the account sees it."""
        return self.world.settings.get(name, self.account.name)

    def quota(self, name: str) -> int:
        """A limit."""
        return int({**QUOTAS, **self.setting("quotas")}[name])

    def now(self) -> float:
        """Simulated seconds; of what is carried out late, the moment at which it was due."""
        return self.world.clock.now() if self.due_s is None else self.due_s

    def stamp(self, seconds: bool = True) -> str:
        """Now as answers write it."""
        return self.world.stamp(self.now(), seconds)

    def new_id(self, kind: str, region: str | None = None) -> str:
        """An id nobody had before."""
        return self.world.new_id(kind, region or self.region)

    def get(self, kind: str, identity: str | None, code: str, status: int | None = None) -> Item:
        """An item of the region. Raises ApiError with the code."""
        item = self.account.find(kind, identity, self.region)
        if item is None:
            raise ApiError(code, f"The specified resource {identity} does not exist.", status)
        return item

    def instance(self, name: str = "InstanceId") -> Item:
        """The instance that a parameter names."""
        return self.get("instances", self.params.need(name), "InvalidInstanceId.NotFound")

    def disk(self, name: str = "DiskId") -> Item:
        """The disk that a parameter names."""
        return self.get("disks", self.params.need(name), "InvalidDiskId.NotFound")

    def snapshot(self, name: str = "SnapshotId", status: int | None = None) -> Item:
        """The snapshot that a parameter names."""
        return self.get("snapshots", self.params.need(name), "InvalidSnapshotId.NotFound", status)

    def all(self, kind: str) -> list[Item]:
        """The items of the region."""
        return self.account.all(kind, self.region)

    def listed(self, kind: str) -> list[Item]:
        """The items of the region as lists show them."""
        return self.account.lag.seen(kind, self.region)

    def duration_s(self) -> float:
        """How long what the action starts takes."""
        return draw_seconds(self.setting("operation_s_of").get(self.action, self.setting("operation_s")), self.world.random)

    def later(self, item: Item, done: Later, failed: Later | None = None, after_s: float | None = None) -> None:
        """Calls `done` when the time is over, or `failed` when a fault says so; neither when the item is gone by then."""
        rule, seconds = self.fault, self.duration_s() if after_s is None else after_s
        if rule is not None:
            seconds = seconds if rule.seconds is None else float(rule.seconds)

        def end() -> None:
            if not self.account.is_there(item):
                return
            if rule is not None and rule.error and failed is not None:
                failed()
            else:
                done()
            if rule is not None and rule.pid is not None and rule.act != "before":
                send_signal(rule.pid, rule.signal)

        if rule is not None and rule.never_ends:
            self.account.never.append(end)
        elif seconds <= 0:
            end()
        else:
            self.after(seconds, end)

    def delete(self, item: Item, gone: Later | None = None) -> None:
        """Removes an item, or calls `gone` in its place: at once, unless `operation_s_of` has a duration for the action."""
        seconds = draw_seconds(self.setting("operation_s_of").get(self.action, 0), self.world.random)
        self.later(item, gone or (lambda: self.account.remove(item)), lambda: None, seconds)

    def after(self, seconds: float, action: Later) -> None:
        """Calls something so many seconds from now; whatever that plans counts from then."""

        def run(moment_s: float) -> None:
            self.due_s = moment_s
            try:
                action()
            finally:
                self.due_s = None

        self.world.agenda.at(self.now() + seconds, run)

    def require_stock(self, zone: str, instance_type: str) -> None:
        """Raises ApiError where nothing starts."""
        if {zone, f"{zone}/{instance_type}"} & set(self.setting("no_stock")):
            raise ApiError("OperationDenied.NoStock", "The requested resource is sold out in the specified zone.", 403)

    def require_key(self, *items: Item) -> None:
        """Raises ApiError when the KMS key of an encrypted disk or snapshot is disabled."""
        disabled = set(self.setting("disabled_keys"))
        if any(item.data.get("Encrypted") and item.data.get("KMSKeyId") in disabled for item in items):
            raise ApiError("InvalidParameter.KMSKeyId.CMKNotEnabled", "The CMK needs to be enabled.", 403)

    def require_role(self, name: str) -> None:
        """Raises ApiError when an instance cannot be given a role."""
        if name not in self.account.roles:
            raise ApiError("InvalidRamRole.NotFound", "The specified RamRole does not exist.")
        if "ram:PassRole" in self.setting("denied_actions"):
            raise ApiError("InvalidUser.PassRoleForbidden", "The RAM user does not have the privilege to pass a role.")

    def dry_run(self) -> None:
        """Ends a request that only asks whether it would succeed."""
        if self.params.flag("DryRun"):
            raise ApiError("DryRunOperation", status=400)
