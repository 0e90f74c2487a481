# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups: made over time, shared, updated, deleted over time."""

from __future__ import annotations

from functools import partial
from typing import Any

from .capture import CaptureFailed, capture, describe
from .context import DELETING, Context, replace_metadata, required_metadata
from .errors import INVALID_ARGUMENT, ApiError
from .jsonpb import Message, empty
from .listing import enumerate_objects
from .schema import BACKUP_ASKED, BACKUP_CREATE, BACKUP_INFO, CREATE_METADATA, REF, SHARE_UPDATE
from .store import Record, new_metadata

BACKUP_UPDATE = Message({"metadata": CREATE_METADATA, "cloud_credential_ref": REF})
# How far a backup has come: part of its duration, status, stage.
COURSE = ((0.2, "InProgress", "Volumes"), (0.8, "Captured", "Applications"))
# How often a deletion that waits for its cluster looks again, at least, in seconds.
LOOK_AGAIN_S = 0.05


def create_backup(ctx: Context) -> dict[str, Any]:
    """POST /v1/backup. The copy is taken at the moment the backup becomes Success."""
    asked = ctx.body(BACKUP_CREATE)
    metadata = required_metadata(asked)
    if ctx.setting("unique_backup_names"):
        ctx.refuse_duplicate(ctx.org.backups, "backup", metadata["name"])
    cluster = ctx.referred(ctx.org.clusters, "cluster", asked["cluster_ref"], asked["cluster"], uid_required=not ctx.at_least(2, 10))
    location = ctx.referred(ctx.org.backup_locations, "backup location", asked["backup_location_ref"], asked["backup_location"])
    now_s = ctx.world.clock.now()
    record = Record(
        new_metadata(metadata, ctx.org.name, ctx.user, ctx.world.clock.at(now_s)),
        empty(BACKUP_INFO, **{name: asked[name] for name in BACKUP_ASKED}),
        BACKUP_INFO,
        "backup_info",
    )
    record.info.update(
        cluster=cluster.name,
        cluster_ref={"name": cluster.name, "uid": cluster.uid},
        backup_location=location.name,
        backup_location_ref={"name": location.name, "uid": location.uid},
        backup_type={"type": asked["backup_type"]},
        status={"status": "Pending", "reason": ""},
        stage="Initial",
        cr_name=f"{record.name}-{record.uid[:8]}",
        stork_version="24.3.3",
    )
    ctx.org.backups.add(record)
    _plan(ctx, record, now_s)
    return {"backup": record.render(ctx.emit_defaults)}


def _plan(ctx: Context, record: Record, now_s: float) -> None:
    """Puts the backup's course on the agenda; an outcome that is no end leaves it where it is."""
    duration_s = ctx.duration_s("backup_duration_s")
    status, reason = ctx.world.take_outcome(ctx.org.name, "backup", record.name) or ("Success", "")
    if status == "Pending":
        return
    for part, on_the_way, stage in COURSE:
        ctx.world.agenda.at(now_s + part * duration_s, partial(_move, ctx, record, on_the_way, stage))
        if status == on_the_way:
            return
    ctx.world.agenda.at(now_s + duration_s, lambda due: _finish(ctx, record, due, status, reason))


def _is_over(ctx: Context, record: Record) -> bool:
    return record not in ctx.org.backups or record.status in DELETING


def _move(ctx: Context, record: Record, status: str, stage: str, due: float) -> None:
    if not _is_over(ctx, record):
        record.set_status(status, ctx.world.clock.at(due))
        record.info["stage"] = stage


def _finish(ctx: Context, record: Record, due: float, status: str, reason: str) -> None:
    if _is_over(ctx, record):
        return
    moment = ctx.world.clock.at(due)
    if status not in ("Failed", "Aborted", "Invalid"):
        cluster = ctx.org.clusters.find(uid=record.info["cluster_ref"]["uid"])
        if cluster is None or cluster.kubernetes is None or cluster.status != "Online":
            record.set_status("Failed", moment, f"cluster [{record.info['cluster']}] is not online")
            return
        try:
            record.contents = capture(cluster.kubernetes, record.info)
        except CaptureFailed as error:
            record.set_status("Failed", moment, f"{error}: [{record.info['cluster']}]")
            return
        complete(record, status)
    record.set_status(status, moment, reason)


def complete(record: Record, status: str) -> None:
    """Fills in what a backup with contents says about itself. The namespaces asked for stay as asked, "*" is spelled out."""
    held = describe(record.contents, "Success" if status == "CloudBackupMissing" else status, record.uid)
    if record.info["namespaces"] and "*" not in record.info["namespaces"]:
        del held["namespaces"]
    record.info.update(held, stage="Final", backup_path=f"{record.metadata['org_id']}/{record.info['cr_name']}/{record.uid}")


def enumerate_backups(ctx: Context) -> dict[str, Any]:
    """GET /v1/backup/{org_id}, and POST /v1/backup/{org_id}/enumerate."""
    return enumerate_objects(ctx, ctx.org.backups, "backups")


def _named(ctx: Context, name: str, uid: str) -> Record:
    if not uid and not ctx.at_least(2, 10):
        raise ApiError(INVALID_ARGUMENT, f"backup [{name}]: uid is required")
    return ctx.found(ctx.org.backups, "backup", name, uid)


def inspect_backup(ctx: Context) -> dict[str, Any]:
    """GET /v1/backup/{org_id}/{name}; needs `uid` below 2.10."""
    return {"backup": _named(ctx, ctx.params["name"], ctx.query("uid")).render(ctx.emit_defaults)}


def update_backup(ctx: Context) -> dict[str, Any]:
    """PUT /v1/backup: labels, ownership, cloud credential."""
    asked = ctx.body(BACKUP_UPDATE)
    metadata = required_metadata(asked)
    record = _named(ctx, metadata["name"], metadata["uid"])
    replace_metadata(record, metadata)
    if asked["cloud_credential_ref"]:
        record.info["cloud_credential_ref"] = asked["cloud_credential_ref"]
    return {}


def share_backup(ctx: Context) -> dict[str, Any]:
    """PUT /v1/backup/updatebackupshare: the share given replaces the old one."""
    asked = ctx.body(SHARE_UPDATE)
    record = _named(ctx, asked["name"], asked["uid"])
    record.info["backup_share"] = asked["backupshare"]
    return {}


def delete_backup(ctx: Context) -> dict[str, Any]:
    """DELETE /v1/backup/{org_id}/{name}: answers at once, deletes over time, waits in DeletePending while the cluster is not online."""
    record = _named(ctx, ctx.params["name"], ctx.query("uid"))
    ref = {"name": ctx.query("cluster_ref.name"), "uid": ctx.query("cluster_ref.uid")}
    cluster_uid = (record.info["cluster_ref"] or {}).get("uid", "")
    if ref["name"] or ref["uid"] or ctx.query("cluster"):
        cluster_uid = ctx.referred(ctx.org.clusters, "cluster", ref, ctx.query("cluster")).uid
    if record.status not in DELETING:
        now_s = ctx.world.clock.now()
        status, reason = ctx.world.take_outcome(ctx.org.name, "delete_backup", record.name) or ("", "")
        record.set_status(status or "Deleting", ctx.world.clock.at(now_s), reason)
        if not status:
            ctx.world.agenda.at(now_s + ctx.duration_s("delete_duration_s"), lambda due: _remove(ctx, record, cluster_uid, due))
    return {}


def _remove(ctx: Context, record: Record, cluster_uid: str, due: float) -> None:
    cluster = ctx.org.clusters.find(uid=cluster_uid)
    if cluster is not None and cluster.status == "Online":
        ctx.org.backups.remove(record)
        return
    record.set_status("DeletePending", ctx.world.clock.at(due), "cluster is not online")
    # From now and not from `due`: after a long advance one look is enough.
    again_s = ctx.world.clock.now() + max(LOOK_AGAIN_S, ctx.duration_s("delete_duration_s"))
    ctx.world.agenda.at(again_s, lambda later: _remove(ctx, record, cluster_uid, later))
