# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users see of images, and of their exports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....clients.alibaba_ecs.client import Wire
from ....core.model import PENDING, SUCCEEDED, UNFINISHED, Record, utc_timestamp
from . import marks
from .marks import Mark, Target
from .wire import Image, objects_of, own_tags, percent_of, task_status

NAME = "alibaba_ecs"
ENGINE = "native"


def _details(region: str, **known: Any) -> dict[str, Any]:
    """The same keys for every record."""
    empty: dict[str, Any] = {
        "provider_status": None,
        "description": "",
        "os_type": None,
        "platform": None,
        "architecture": None,
        "boot_mode": None,
        "size_gb": None,
        "region": region,
        "percent": None,
        "task_id": None,
        "engine": None,
        "source": None,
        "format": None,
        "bucket": None,
        "object_prefix": None,
        "objects": [],
        "snapshots": [],
        "exports": [],
    }
    return {**empty, **known}


def image_record(region: str, image: Image) -> Record:
    """An image, with what its tasks have told so far."""
    wire, tasks = image.wire, {str(task.get("TaskId")): task for task in image.tasks}
    busy = next((task for task in reversed(image.tasks) if task_status(task) in UNFINISHED), {})
    bucket, key = image.origin
    form = str((image.disks[0] if image.disks else {}).get("Format") or "").lower()
    details = _details(
        region,
        **_machine(wire),
        provider_status=image.provider_status,
        percent=percent_of(busy) if busy else percent_of(wire),
        task_id=busy.get("TaskId"),
        engine=ENGINE if image.all_tags.get(marks.IMPORTED) else None,
        format=form or None,
        bucket=bucket or None,
        objects=[key] if key else [],
        snapshots=image.snapshots,
        exports=[_export(mark, tasks.get(mark.task)) for mark in marks.exports_in(image.all_tags).values()],
    )
    return Record(image.name, image.uid, NAME, image.status, utc_timestamp(wire.get("CreationTime")), own_tags(image.all_tags), details)


def predicted_image(region: str, name: str, tags: Mapping[str, str], **known: Any) -> Record:
    """An image that is to be made."""
    return Record(name, "", NAME, SUCCEEDED, None, dict(tags), _details(region, engine=ENGINE, provider_status="Available", **known))


def export_record(region: str, name: str, uid: str, target: Target, task: Wire | None, *, status: str = "", **known: Any) -> Record:
    """An export of the source ``name``; ``task`` is what is known of its task, ``status`` what is known when that is nothing."""
    status = task_status(task) if task else status or PENDING
    details = _details(
        region,
        **{
            "provider_status": (task or {}).get("TaskStatus"),
            "percent": 100 if status == SUCCEEDED else percent_of(task or {}),
            "task_id": (task or {}).get("TaskId"),
            "engine": ENGINE,
            "source": uid,
            "format": target.format,
            "bucket": target.bucket,
            "object_prefix": target.prefix or None,
            "objects": objects_of(task or {}),
            **known,
        },
    )
    return Record(name, uid, NAME, status, utc_timestamp((task or {}).get("CreationTime")), {}, details)


def _machine(wire: Wire) -> dict[str, Any]:
    size = wire.get("Size")
    return {
        "description": wire.get("Description") or "",
        "os_type": wire.get("OSType"),
        "platform": wire.get("Platform"),
        "architecture": wire.get("Architecture"),
        "boot_mode": wire.get("BootMode"),
        "size_gb": int(size) if size is not None else None,
    }


def _export(mark: Mark, task: Wire | None) -> dict[str, Any]:
    """What a mark and its task tell of one export."""
    if mark.state == marks.EXPORTING:
        status, task = PENDING, None
    elif mark.state == marks.FINISHED:
        status = SUCCEEDED
    else:
        status = task_status(task) if task else "unknown"
    return {
        "status": status,
        "percent": 100 if status == SUCCEEDED else percent_of(task or {}),
        "task_id": None if mark.state == marks.EXPORTING else mark.task,
        "format": mark.format or None,
        "bucket": mark.bucket or None,
        "object_prefix": mark.prefix or None,
        "objects": objects_of(task or {}),
    }
