# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``image_convert`` on Alibaba Cloud ECS: the provider's own export and import, which need no conversion VM."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ....clients.alibaba_ecs.client import AlibabaClient
from ....core.arguments import Task
from ....core.errors import InvalidRequest
from ....core.listing import check_statuses, chosen
from ....core.model import CREATE, INSPECT_ALL, UNFINISHED, Record
from ....core.plan import Plan
from ....core.waiter import Waiter
from . import marks
from .exports import ExportPlan
from .imports import ImportPlan, format_of
from .marks import Target
from .options import IMAGE, OF_EXPORT, OF_IMPORT
from .records import image_record
from .removal import Removal
from .source import find_source
from .wire import EXPORT, IMPORT, STATUSES, Image, Images, task_status

_DEFAULT_FORMAT = "raw"
_BUCKET = re.compile("[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_PREFIX = re.compile("[A-Za-z0-9]{1,30}")
_NAME = re.compile(r"(?!acs:|aliyun|https?://)[A-Za-z\u4e00-\u9fff][A-Za-z0-9_:.\u4e00-\u9fff-]{1,127}")
_NAMES = "2 to 128 letters, digits and characters of _:.- that begin with a letter, and not with acs: or aliyun"


class ImageBackend:
    """``client`` is that of the region of the images and buckets."""

    def __init__(self, task: Task, waiter: Waiter, client: AlibabaClient) -> None:
        self._task, self._waiter, self._client = task, waiter, client
        self._images = Images(client)
        self._found: Image | None = None
        self._export: ExportPlan | None = None

    # --- what the task says

    def validate(self, operation: str) -> None:
        task = self._task
        if operation == INSPECT_ALL:
            check_statuses(task["status"], STATUSES)
        elif operation == CREATE:
            problems = [*self._problems()]
            if problems:
                raise InvalidRequest(" ".join(problems))
            self._warn_of_what_is_not_used()
            if task["source_object"]:
                format_of(str(task["source_object"]), task["format"])

    def _problems(self) -> Iterator[str]:
        task = self._task
        if bool(task["source"]) == bool(task["source_object"]):
            yield "operation CREATE needs one of: source, to export an image, and source_object, to import one."
        if task["bucket"] and not _BUCKET.fullmatch(task["bucket"]):
            yield f'bucket: "{task["bucket"]}" is no name of a bucket: it has 3 to 63 small letters, digits and hyphens.'
        if task["object_prefix"] and not _PREFIX.fullmatch(task["object_prefix"]):
            yield f'object_prefix: 1 to 30 letters and digits, not "{task["object_prefix"]}".'
        names = {option: task[option] for option in ("name", "image_name") if task[option]}
        if task["source"] and task["name"]:
            yield "name is not used by an export: source says what is exported."
        elif task["source_object"] and not names:
            yield "operation CREATE with source_object needs the option image_name."
        elif len(set(names.values())) > 1:
            yield "name and image_name both name the imported image, and do not agree: give one of them."
        for option, name in names.items():
            if not _NAME.fullmatch(name):
                yield f'{option}: "{name}" is no name of an image: it has {_NAMES}.'
        description = task["description"]
        if description is not None and not (2 <= len(description) <= 256 and not description.startswith(("http://", "https://"))):
            yield "description: 2 to 256 characters, not beginning with http:// or https://."
        yield from self._problems_of_tags()

    def _problems_of_tags(self) -> Iterator[str]:
        for key, value in (self._task["tags"] or {}).items():
            if str(key).startswith((marks.PREFIX, "acs:", "aliyun")) or not 1 <= len(str(key)) <= 128 or len(str(value)) > 128 or "://" in f"{key}{value}":
                yield f'tags: "{key}" cannot be set: keys and values have at most 128 characters, and keys do not begin with {marks.PREFIX}, acs: or aliyun.'

    def _warn_of_what_is_not_used(self) -> None:
        task = self._task
        if task["uid"]:
            task.warn("The option uid is not used by operation CREATE: Alibaba Cloud chooses the id.")
        unused = (*OF_IMPORT, "tags") if task["source"] else OF_EXPORT
        other = "source_object" if task["source"] else "source"
        for name in unused:
            if task[name] and task[name] != (IMAGE[name].spec.get("default") if name in IMAGE else None):
                task.warn(f"The option {name} is not used: it is for operation CREATE with {other}.")

    def targets(self) -> Sequence[str]:
        return ()

    def for_target(self, name: str, waiter: Waiter) -> ImageBackend:
        raise NotImplementedError(f"a task on images has no targets such as {name}")

    # --- reading

    def find(self) -> Record | None:
        task = self._task
        if task.operation == CREATE and task["source"]:
            target = Target(task["bucket"], task["object_prefix"] or "", task["format"] or _DEFAULT_FORMAT)
            source = find_source(self._images, str(task["source"]))
            self._export = ExportPlan(task, self._waiter, self._images, source, target, self._engine_note)
            return self._export.found()
        self._found = self._named()
        return image_record(self._client.region, self._found) if self._found else None

    def _named(self) -> Image | None:
        """What name, uid or both say, with its tasks. Raises InvalidRequest when the two do not agree."""
        task = self._task
        if task.operation == CREATE:
            return self._images.named(self._image_name)
        name, uid = task["name"], task["uid"]
        found = (self._images.by_id(uid) if uid else None) or (self._images.named(name) if name else None)
        if found and name and uid and (found.name, found.uid) != (name, uid):
            raise InvalidRequest(f'name and uid do not agree: the image "{found.name}" has the uid {found.uid}. Asked for were "{name}" and {uid}.')
        return self._with_tasks(found) if found else None

    @property
    def _image_name(self) -> str:
        return str(self._task["image_name"] or self._task["name"])

    @property
    def _engine_note(self) -> str:
        chosen_by_us = self._task["engine"] == "auto"
        return "Engine native, chosen because Alibaba Cloud exports and imports images itself, without a conversion VM" if chosen_by_us else "Engine native"

    def _with_tasks(self, image: Image) -> Image:
        """The image with the tasks of its exports, and of its import as long as that lasts."""
        listed = self._images.tasks(EXPORT, image.uid)
        if image.status in UNFINISHED:
            listed = [*self._images.tasks(IMPORT, image.uid), *listed]
        noted = {mark.task for mark in marks.exports_in(image.all_tags).values()}
        wanted = [task for task in listed if task["TaskId"] in noted or task_status(task) in UNFINISHED]
        return replace(image, tasks=tuple(self._images.task(str(task["TaskId"])) or task for task in wanted))

    def list_all(self) -> Iterator[Record]:
        """What the filters let through; only tasks that run are looked at one by one, for their percentage."""
        tags = {str(key): str(value) for key, value in (self._task["tags"] or {}).items()}
        by_image: dict[str, list[dict[str, object]]] = {}
        for task in (*self._images.tasks(IMPORT), *self._images.tasks(EXPORT)):
            seen = (self._images.task(str(task["TaskId"])) or task) if task_status(task) in UNFINISHED else task
            by_image.setdefault(str(task.get("ResourceId")), []).append({**task, **seen})
        images = (replace(image, tasks=tuple(by_image.get(image.uid, ()))) for image in self._images.all())
        records = (image_record(self._client.region, image) for image in images)
        return chosen(records, self._task, tags, lambda record: (str(record.details["provider_status"]),))

    # --- plans

    def plan_create(self, found: Record | None) -> Plan:
        """The way to an export or an import as asked for."""
        if self._export:
            return self._export.plan()
        return ImportPlan(self._task, self._waiter, self._images, self._image_name, self._engine_note).plan(self._found)

    def plan_delete(self, found: Record | None) -> Plan:
        """The way to absence."""
        return Removal(self._task, self._waiter, self._images).plan(self._found)

    def acted(self) -> bool:
        return self._client.acted()
