# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How snapshots are shown, and DescribeSnapshots."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from .context import Context
from .errors import ApiError, invalid
from .names import has_tags, tag_list
from .paging import page
from .snapshots import images_of
from .store import Account, Item

STATUSES = ("progressing", "accomplished", "failed", "all")


def show(ctx: Context, snapshot: Item) -> dict[str, Any]:
    """As DescribeSnapshots shows it."""
    data = dict(snapshot.data)
    if data["Status"] == "progressing":
        data["Progress"] = f"{min(99, int(100 * (ctx.now() - snapshot.hidden['created_s']) / (ctx.duration_s() or 1)))}%"
    return {**data, "Usage": usage(ctx.account, snapshot.id), "Tags": tag_list(snapshot.tags)}


def usage(account: Account, identity: str) -> str:
    """What was made from a snapshot."""
    words = ["image"] if images_of(account, identity) else []
    words += ["disk"] if any(item.data["SourceSnapshotId"] == identity for item in account.all("disks")) else []
    return "_".join(words) or "none"


def describe(ctx: Context) -> dict[str, Any]:
    """DescribeSnapshots: all filters must fit; an unknown id is no error."""
    ctx.dry_run()
    asked, ids = ctx.params, ctx.params.ids("SnapshotIds")
    status, disk_id, instance_id = asked.text("Status") or "all", asked.text("DiskId"), asked.text("InstanceId")
    if status not in STATUSES:
        raise ApiError("InvalidParameter", f"Status must be one of {', '.join(STATUSES)}", 400)
    disks = {item.id for item in ctx.all("disks") if item.data["InstanceId"] == instance_id} if instance_id else None
    plain = {"SnapshotName": "SnapshotName", "SnapshotLinkId": "SnapshotLinkId", "SourceDiskType": "SourceDiskType", "ResourceGroupId": "ResourceGroupId"}
    found, times = [], _times(ctx)
    for item in ctx.listed("snapshots"):
        data = item.data
        kind = "user" if data["SnapshotType"] == "user" else "auto"
        if (
            (ids is None or item.id in ids)
            and status in ("all", data["Status"])
            and disk_id in (None, data["SourceDiskId"])
            and (disks is None or data["SourceDiskId"] in disks)
            and (asked.text("SnapshotType") or "all").lower() in ("all", kind)
            and (not asked.text("Usage") or asked.text("Usage") == usage(ctx.account, item.id))
            and (not asked.text("Encrypted") or asked.flag("Encrypted") == data["Encrypted"])
            and (asked.text("Category") or data["Category"]).lower() in ("all", data["Category"], "flash" if data["InstantAccess"] else "")
            and all(not asked.text(name) or asked.text(name) == data.get(field) for name, field in plain.items())
            and has_tags(item.tags, asked)
            and _in_time(times, item)
        ):
            found.append(item)
    # The newest first.
    found.sort(key=lambda item: -float(item.hidden.get("created_s", 0)))
    shown, where = page(ctx, found, lambda item: show(ctx, item))
    return {"Snapshots": {"Snapshot": shown}, **where}


def _times(ctx: Context) -> list[tuple[str, datetime]]:
    """The times that the request asks for, by which end they are. Raises ApiError."""
    found = []
    for number in ("1", "2"):
        key, value = ctx.params.text(f"Filter.{number}.Key"), ctx.params.text(f"Filter.{number}.Value")
        if not key or not value:
            continue
        try:
            found.append((key, datetime.strptime(value, "%Y-%m-%dT%H:%MZ").replace(tzinfo=timezone.utc)))
        except ValueError as error:
            raise invalid(f"Filter.{number}.Value", value) from error
    return found


def _in_time(times: list[tuple[str, datetime]], item: Item) -> bool:
    made = datetime.strptime(item.data["CreationTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    return all(made >= moment if key == "CreationStartTime" else made <= moment for key, moment in times)


HANDLERS = {"DescribeSnapshots": describe}
