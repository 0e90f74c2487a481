# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots: the bytes of a disk at the moment that its snapshot takes its point in time, which is when the request is accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import quotas
from .context import Context
from .errors import ApiError, invalid
from .links import Ref
from .places import region_of
from .rules import check_key, check_name, shown_key, storage_locations, without_input
from .store import Resource

MULTI_REGION = {"europe": "eu", "us": "us"}


def insert_snapshot(ctx: Context) -> dict[str, Any]:
    """POST global/snapshots."""
    if not ctx.body.get("sourceDisk"):
        raise ApiError("required", "Required field 'resource.sourceDisk' not specified")
    disk = ctx.linked(ctx.body["sourceDisk"], "resource.sourceDisk", "disks")
    snapshot, effect, undo = new_snapshot(ctx, dict(ctx.body), disk)
    return ctx.operation(snapshot, effect, undo)


def new_snapshot(ctx: Context, body: dict[str, Any], disk: Resource) -> tuple[Resource, Callable[[], None], Callable[[], None]]:
    """A snapshot, kept already as CREATING, and what its operation does and undoes. Raises ApiError."""
    name = check_name(body)
    if ctx.project.find("global", "snapshots", name) is not None:
        raise ApiError("alreadyExists", f"The resource '{Ref(ctx.project.name, 'global', 'snapshots', name).path}' already exists")
    if disk.data.get("status") not in ("READY", "RESTORING"):
        raise ApiError("resourceNotReady", f"The resource '{disk.ref.path}' is not ready")
    check_key(body.pop("sourceDiskEncryptionKey", None), disk.data.get("diskEncryptionKey"), disk.ref.path, "resource.sourceDiskEncryptionKey")
    if body.get("guestFlush"):
        require_guest(ctx, disk)
    quotas.check(ctx.project, "SNAPSHOTS", "")
    key = shown_key(body.pop("snapshotEncryptionKey", None), "resource.snapshotEncryptionKey") or disk.data.get("diskEncryptionKey")
    too_often = _rate(ctx, disk)
    region = region_of(disk.place)
    data = {
        **without_input(body, "snapshots"),
        "status": "CREATING",
        "diskSizeGb": disk.data["sizeGb"],
        "sourceDisk": disk.url,
        "sourceDiskId": disk.id,
        "storageBytes": "0",
        "storageBytesStatus": "UPDATING",
        "storageLocations": storage_locations(body.get("storageLocations"), MULTI_REGION.get(region.split("-")[0], region)),
        "snapshotType": body.get("snapshotType", "STANDARD"),
        "downloadBytes": str(disk.content.size),
    }
    for inherited in ("architecture", "guestOsFeatures", "licenses", "licenseCodes"):
        if inherited in disk.data:
            data[inherited] = disk.data[inherited]
    if key:
        data["snapshotEncryptionKey"] = key
    snapshot = ctx.project.add(Resource(ctx.project, "global", "snapshots", data, disk.content))

    def effect() -> None:
        if too_often:
            raise too_often
        quotas.check(ctx.project, "SNAPSHOTS", "", moment="operation")
        data.update(status="READY", storageBytes=str(snapshot.content.size), storageBytesStatus="UP_TO_DATE")

    # While its operation runs it shows CREATING, then, for the second half, UPLOADING.
    _uploading_at_half(ctx, snapshot)
    return snapshot, effect, lambda: ctx.discard(snapshot)


def require_guest(ctx: Context, disk: Resource) -> None:
    """Raises ApiError unless a VM that runs has the disk: only its guest can be asked to flush."""
    users = [item for item in ctx.project.all("instances") if item.url in disk.data.get("users", [])]
    if not any(item.data["status"] == "RUNNING" for item in users):
        why = "is not attached to an instance" if not users else "is attached to an instance that is not running"
        raise invalid("resource.guestFlush", "true", f"The disk '{disk.ref.path}' {why}, so that no guest could be informed.")


def _uploading_at_half(ctx: Context, snapshot: Resource) -> None:
    now = ctx.world.clock.now()

    def plan(ends_s: float) -> None:
        def show(_due: float) -> None:
            if snapshot.data["status"] == "CREATING":
                snapshot.data["status"] = "UPLOADING"

        if ends_s < float("inf"):
            ctx.world.agenda.at(now + (ends_s - now) / 2, show)

    ctx.when_accepted.append(plan)


def _rate(ctx: Context, disk: Resource) -> ApiError | None:
    """The documented limit: a burst per disk, then one at a time. None when off, or when there is room."""
    if not ctx.setting("snapshot_rate_limit"):
        return None
    limits, now = ctx.setting("snapshot_rate"), ctx.world.clock.now()
    times = ctx.project.snapshot_times.setdefault(disk.id, [])
    recent = [moment for moment in times if now - moment < limits["window_s"]]
    if len(recent) >= limits["burst"] and now - recent[-1] < limits["then_every_s"]:
        message = f"Operation rate exceeded for resource '{disk.ref.path}'. Too frequent operations from the source resource."
        return ApiError("rateLimitExceeded", message, 429, "RESOURCE_OPERATION_RATE_EXCEEDED")
    times[:] = [*recent, now]
    return None


def delete_snapshot(ctx: Context) -> dict[str, Any]:
    """DELETE of a snapshot."""
    snapshot = ctx.resource()
    if snapshot.data["status"] in ("CREATING", "UPLOADING"):
        raise ApiError("resourceNotReady", f"The resource '{snapshot.ref.path}' is not ready")
    ctx.require_staying(snapshot)
    ctx.require_unread(snapshot)
    before = snapshot.data["status"]
    snapshot.data["status"] = "DELETING"
    return ctx.operation(snapshot, lambda: ctx.project.remove(snapshot), lambda: snapshot.data.update(status=before))


HANDLERS = {"snapshots.insert": insert_snapshot, "snapshots.delete": delete_snapshot}
