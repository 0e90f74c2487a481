# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks that keep a snapshot from being deleted."""

from __future__ import annotations

from typing import Any

from .context import Context
from .errors import ApiError, invalid
from .paging import page
from .store import Account, Item

DAY_S, HOUR_S = 86400, 3600


def status_of(account: Account, snapshot: Item) -> str | None:
    """compliance-cooloff, compliance or expired; None when it was never locked or was unlocked."""
    lock, now = snapshot.hidden.get("lock"), account.world.clock.now()
    if not lock:
        return None
    if now >= lock["ends_s"]:
        return "expired"
    return "compliance-cooloff" if now < lock["cool_until_s"] else "compliance"


def is_locked(account: Account, snapshot: Item) -> bool:
    """Whether it must not be deleted."""
    return status_of(account, snapshot) in ("compliance-cooloff", "compliance")


def lock(ctx: Context) -> dict[str, Any]:
    """LockSnapshot: an existing lock can only become longer once it has cooled off."""
    ctx.params.need("LockMode")
    days, hours = int(ctx.params.need("LockDuration")), int(ctx.params.need("CoolOffPeriod"))
    if ctx.params.text("LockMode") != "compliance":
        raise invalid("LockMode", ctx.params.text("LockMode"))
    if not 1 <= days <= 36500:
        raise invalid("LockDuration", days)
    if not 0 <= hours <= 72:
        raise invalid("CoolOffPeriod", hours)
    snapshot = ctx.snapshot()
    if snapshot.data["Status"] != "accomplished":
        raise ApiError("InvalidSnapshotId.NotReady", "The specified snapshot is not ready.")
    ctx.dry_run()
    now, old = ctx.now(), snapshot.hidden.get("lock")
    if old and status_of(ctx.account, snapshot) == "compliance":
        if now + days * DAY_S < old["ends_s"]:
            raise invalid("LockDuration", days, "It can only grow.")
        hours = 0
    snapshot.hidden["lock"] = {
        "began_s": now,
        "days": days,
        "hours": hours,
        "cool_until_s": now + hours * HOUR_S,
        "ends_s": now + hours * HOUR_S + days * DAY_S,
    }
    return {}


def unlock(ctx: Context) -> dict[str, Any]:
    """UnlockSnapshot: only while it cools off."""
    snapshot = ctx.snapshot()
    status = status_of(ctx.account, snapshot)
    if status is None:
        raise ApiError("InvalidOperation.SnapshotNotLocked", "The specified snapshot is not locked.")
    if status != "compliance-cooloff":
        raise ApiError("InvalidOperation.CoolOffPeriodExpired", "The cool-off period is over.")
    ctx.dry_run()
    snapshot.hidden["lock"] = None
    return {}


def describe(ctx: Context) -> dict[str, Any]:
    """DescribeLockedSnapshots: a flat list."""
    ids, wanted = ctx.params.items("SnapshotIds"), ctx.params.text("LockStatus")
    found = [
        item for item in ctx.all("snapshots") if status_of(ctx.account, item) in ((wanted,) if wanted else ("compliance-cooloff", "compliance", "expired"))
    ]
    shown, where = page(ctx, [item for item in found if not ids or item.id in ids], lambda item: _show(ctx, item))
    return {"LockedSnapshotsInfo": shown, "NextToken": where.get("NextToken", "")}


def _show(ctx: Context, snapshot: Item) -> dict[str, Any]:
    held, stamp = snapshot.hidden["lock"], ctx.world.stamp
    return {
        "SnapshotId": snapshot.id,
        "LockMode": "compliance",
        "LockStatus": status_of(ctx.account, snapshot),
        "LockDuration": held["days"],
        "CoolOffPeriod": held["hours"],
        "LockCreationTime": stamp(held["began_s"]),
        "CoolOffPeriodExpiredTime": stamp(held["cool_until_s"]),
        "LockDurationStartTime": stamp(held["cool_until_s"]),
        "LockExpiredTime": stamp(held["ends_s"]),
    }


HANDLERS = {"LockSnapshot": lock, "UnlockSnapshot": unlock, "DescribeLockedSnapshots": describe}
