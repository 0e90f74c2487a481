# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deletion of an image, with the snapshots that its import made, and of a task of it that runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ....clients.alibaba_ecs.client import Wire
from ....core.arguments import Task
from ....core.errors import Conflict, NotFound
from ....core.lifecycle import Lifecycle
from ....core.model import UNFINISHED
from ....core.plan import Plan, Step
from ....core.waiter import Waiter
from . import marks
from .exports import chained
from .one import OneImage
from .records import image_record
from .wire import Image, Images, tags_of, task_status


class Removal:
    """The way to the absence of an image."""

    def __init__(self, task: Task, waiter: Waiter, images: Images) -> None:
        self._task, self._waiter, self._images = task, waiter, images

    def plan(self, found: Image | None) -> Plan:
        """Raises Conflict for an image that is exported or imported at the moment, unless force lets its task be cancelled."""
        plan = Lifecycle(OneImage(self._task, self._images, found), self._task, self._waiter).plan_delete(found)
        if found is None:
            return self._plan_of_rest(plan)
        busy = [task for task in found.tasks if task_status(task) in UNFINISHED]
        if busy and not self._task["force"]:
            ids = ", ".join(str(task["TaskId"]) for task in busy)
            text = f"its task {ids} is under way: wait for its end, or set force to cancel it and delete the image. It is untouched."
            raise Conflict(text, record=image_record(self._images.client.region, found))
        if found.is_used and not self._task["force"]:
            text = "instances were made from it: set force to delete it all the same. It is untouched."
            raise Conflict(text, record=image_record(self._images.client.region, found))
        snapshots, others = self._snapshots(found)
        steps = [Step(f"cancel task {task['TaskId']}", do=self._cancelling(task), wait=self._ending(task)) for task in busy]
        if snapshots:
            steps.append(Step("note the image's snapshots", do=lambda: self._note(found, snapshots)))
        # Its step has no needs of its own.
        steps += plan.steps
        if snapshots and self._task["wait"]:
            steps.append(self._deletion(snapshots))
        told = self._told(found, snapshots, others)
        forecast = ". ".join(part for part in (f"Image would be deleted: {found.name} ({found.uid})", told) if part)
        return replace(plan, steps=chained(steps), note=told, forecast=forecast)

    def _plan_of_rest(self, plan: Plan) -> Plan:
        """What a run that died after the image's deletion has left: the image's snapshots."""
        word = {marks.OF_IMAGE: self._task["uid"], marks.OF_IMAGE_NAME: self._task["name"]}
        key, value = next((key, str(value)) for key, value in word.items() if value)
        left = [wire for wire in self._images.tagged_snapshots(key, value) if not self._images.by_id(_image_of(wire))]
        if not left:
            return plan
        uids = [str(wire["SnapshotId"]) for wire in left]
        return replace(plan, steps=(self._deletion(uids),), why_unchanged="", verb="deleted")

    def _snapshots(self, image: Image) -> tuple[list[str], list[str]]:
        """Those that an import or a temporary image made, which are deleted with the image, and those that stay.

        A note alone, which may have been copied, is not enough: the provider must say that the image was imported, from the object that the note
        means, and that the snapshot was taken of no disk.
        """
        bucket, key = image.origin
        imported = bool(key) and image.all_tags.get(marks.IMPORTED) == marks.origin(bucket, key)
        read = [wire for wire in (self._images.snapshot(uid) for uid in image.snapshots) if wire] if imported else []
        own = [str(wire["SnapshotId"]) for wire in read if not wire.get("SourceDiskId")] or self._images.made_with(image)
        return own, [uid for uid in image.snapshots if uid not in own]

    def _told(self, image: Image, snapshots: list[str], others: list[str]) -> str:
        parts = [f"Its snapshots {', '.join(snapshots)} go with it."] if snapshots and self._task["wait"] else []
        stay = others if self._task["wait"] else [*snapshots, *others]
        parts += [f"These snapshots stay: {', '.join(stay)}."] if stay else []
        exported = sorted({mark.bucket for mark in marks.exports_in(image.all_tags).values() if mark.bucket})
        parts += [f"What was exported stays in: {', '.join(exported)}."] if exported else []
        return " ".join(parts).rstrip(".")

    # --- steps

    def _cancelling(self, task: Wire) -> Callable[[], None]:
        def cancel() -> None:
            try:
                self._images.cancel(str(task["TaskId"]))
            except (Conflict, NotFound):
                seen = self._images.task(str(task["TaskId"]))
                if seen and task_status(seen) in UNFINISHED:
                    raise

        return cancel

    def _ending(self, task: Wire) -> Callable[[], None]:
        uid = str(task["TaskId"])

        def wait() -> None:
            self._waiter.wait_until(
                lambda: self._images.task(uid),
                lambda seen: seen is None or task_status(seen) not in UNFINISHED,
                lambda _seen: f"the task {uid} was cancelled, but has not ended before the deadline. Run the task again.",
            )

        return wait

    def _note(self, image: Image, snapshots: list[str]) -> None:
        self._images.tag("snapshot", snapshots, {marks.OF_IMAGE: image.uid, marks.OF_IMAGE_NAME: image.name})

    def _deletion(self, snapshots: list[str]) -> Step:
        kept: list[str] = []

        def delete() -> None:
            kept.extend(uid for uid in snapshots if not self._images.delete_snapshot(uid))
            if kept:
                self._task.warn(f"These snapshots of the image stay, because something else was made from them: {', '.join(kept)}.")

        def see_gone() -> None:
            self._images.see_no_snapshots(self._waiter, [uid for uid in snapshots if uid not in kept])

        return Step("delete the image's snapshots", do=delete, wait=see_gone if self._task["wait"] else None)


def _image_of(wire: Wire) -> str:
    """The id of the image that a snapshot was made for."""
    return tags_of(wire).get(marks.OF_IMAGE, "")
