# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores: a backup's contents written into a cluster over time; updated, deleted over time."""

from __future__ import annotations

from functools import partial
from typing import Any

from .apply import ApplyFailed, apply
from .context import Context, replace_metadata, required_metadata
from .errors import FAILED_PRECONDITION, ApiError
from .jsonpb import Message, empty
from .listing import enumerate_objects
from .schema import CREATE_METADATA, RESTORE_ASKED, RESTORE_CREATE, RESTORE_INFO
from .store import Record, new_metadata

RESTORE_UPDATE = Message({"metadata": CREATE_METADATA})
USABLE = ("Success", "PartialSuccess")
# How far a restore has come: part of its duration, hint of what it does.
COURSE = ((0.1, "Preparing"), (0.4, "Verifying"), (0.7, "Applying"))


def create_restore(ctx: Context) -> dict[str, Any]:
    """POST /v1/restore. The target cluster changes at the moment the restore ends."""
    asked = ctx.body(RESTORE_CREATE)
    metadata = required_metadata(asked)
    ctx.refuse_duplicate(ctx.org.restores, "restore", metadata["name"])
    uid_required = not ctx.at_least(2, 10)
    backup = ctx.referred(ctx.org.backups, "backup", asked["backup_ref"], asked["backup"], uid_required)
    cluster = ctx.referred(ctx.org.clusters, "cluster", asked["cluster_ref"], asked["cluster"], uid_required)
    if backup.status not in USABLE:
        raise ApiError(FAILED_PRECONDITION, f"backup [{backup.name}] is in status {backup.status}: it cannot be restored")
    now_s = ctx.world.clock.now()
    record = Record(
        new_metadata(metadata, ctx.org.name, ctx.user, ctx.world.clock.at(now_s)),
        empty(RESTORE_INFO, **{name: asked[name] for name in RESTORE_ASKED}),
        RESTORE_INFO,
        "restore_info",
    )
    record.info.update(
        backup=backup.name,
        backup_ref={"name": backup.name, "uid": backup.uid},
        cluster=cluster.name,
        cluster_ref={"name": cluster.name, "uid": cluster.uid},
        backup_location=backup.info["backup_location"],
        backup_location_ref=backup.info["backup_location_ref"],
        status={"status": "Pending", "reason": ""},
        stork_version="24.3.3",
    )
    ctx.org.restores.add(record)
    _plan(ctx, record, backup, now_s)
    return {"restore": record.render(ctx.emit_defaults)}


def _plan(ctx: Context, record: Record, backup: Record, now_s: float) -> None:
    duration_s = ctx.duration_s("restore_duration_s")
    status, reason = ctx.world.take_outcome(ctx.org.name, "restore", record.name) or ("Success", "")
    if status == "Pending":
        return
    for part, hint in COURSE:
        ctx.world.agenda.at(now_s + part * duration_s, partial(_move, ctx, record, hint))
    if status != "InProgress":
        ctx.world.agenda.at(now_s + duration_s, lambda due: _finish(ctx, record, backup, due, status, reason))


def _is_over(ctx: Context, record: Record) -> bool:
    return record not in ctx.org.restores or record.status == "Deleting"


def _move(ctx: Context, record: Record, hint: str, due: float) -> None:
    if not _is_over(ctx, record):
        record.set_status("InProgress", ctx.world.clock.at(due))
        record.info["restore_status"] = {"restore_status": hint}


def _finish(ctx: Context, record: Record, backup: Record, due: float, status: str, reason: str) -> None:
    if _is_over(ctx, record):
        return
    moment = ctx.world.clock.at(due)
    record.info["restore_status"] = None
    if status in ("Failed", "Aborted", "Invalid"):
        record.set_status(status, moment, reason)
        return
    cluster = ctx.org.clusters.find(uid=record.info["cluster_ref"]["uid"])
    if cluster is None or cluster.kubernetes is None or cluster.status != "Online":
        record.set_status("Failed", moment, f"cluster [{record.info['cluster']}] is not online")
        return
    try:
        applied = apply(backup.contents, cluster.kubernetes, record.info, reason if status == "PartialSuccess" else None)
    except ApplyFailed as error:
        record.set_status("Failed", moment, str(error))
        return
    record.info.update(
        resources=applied.resources,
        volumes=applied.volumes,
        total_size=sum(volume["total_size"] for volume in applied.volumes),
        resource_count=len(applied.resources),
        restored_resource_count=applied.count("Success"),
    )
    if status == "Success" and applied.reasons:
        status, reason = "PartialSuccess", "; ".join(applied.reasons)
    record.set_status(status, moment, reason)


def enumerate_restores(ctx: Context) -> dict[str, Any]:
    """GET /v1/restore/{org_id}."""
    return enumerate_objects(ctx, ctx.org.restores, "restores")


def inspect_restore(ctx: Context) -> dict[str, Any]:
    """GET /v1/restore/{org_id}/{name}; `uid` is optional in every version."""
    return {"restore": ctx.found(ctx.org.restores, "restore", ctx.params["name"], ctx.query("uid")).render(ctx.emit_defaults)}


def update_restore(ctx: Context) -> dict[str, Any]:
    """PUT /v1/restore: labels and ownership."""
    metadata = required_metadata(ctx.body(RESTORE_UPDATE))
    replace_metadata(ctx.found(ctx.org.restores, "restore", metadata["name"], metadata["uid"]), metadata)
    return {}


def delete_restore(ctx: Context) -> dict[str, Any]:
    """DELETE /v1/restore/{org_id}/{name}: answers at once; the object is in Deleting until it is gone. What was restored stays."""
    record = ctx.found(ctx.org.restores, "restore", ctx.params["name"], ctx.query("uid"))
    if record.status != "Deleting":
        now_s = ctx.world.clock.now()
        status, reason = ctx.world.take_outcome(ctx.org.name, "delete_restore", record.name) or ("", "")
        record.set_status("Deleting", ctx.world.clock.at(now_s), reason)
        if not status:
            ctx.world.agenda.at(now_s + ctx.duration_s("delete_duration_s"), lambda due: ctx.org.restores.remove(record))
    return {}
