# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans of exports: of an image, and of a snapshot or an instance by way of a temporary image that is deleted when the export was seen to be finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from ....clients.alibaba_ecs.client import Wire
from ....core.arguments import Task
from ....core.errors import InvalidRequest, NotFound, RecoveryError
from ....core.lifecycle import Lifecycle
from ....core.model import FAILED, SUCCEEDED, UNFINISHED, Record
from ....core.plan import Plan, Step
from ....core.waiter import Waiter
from . import marks
from .advice import explained
from .export import ImageExport
from .marks import Target
from .one import Asked, OneImage
from .records import export_record, predicted_image
from .source import IMAGE, INSTANCE, SNAPSHOT, Source
from .wire import Image, Images, as_list


def chained(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps one after the other."""
    names = [step.name for step in steps]
    return tuple(replace(step, needs=(names[number - 1],) if number else ()) for number, step in enumerate(steps))


class ExportPlan:
    """The way from a source to objects in a bucket."""

    def __init__(self, task: Task, waiter: Waiter, images: Images, source: Source, target: Target, engine_note: str) -> None:
        self._task, self._waiter, self._images = task, waiter, images
        self._source, self._target, self._note = source, target, engine_note
        self._temporary = f"mcr-export-{target.digest_with(source.uid)}"
        self._export = ImageExport(task, waiter, images, target, self._image)
        self._export.record = self._record
        self._doomed: list[str] = []
        self._kept: list[str] = []

    # --- the record, and what it is read from

    def found(self) -> Record | None:
        """The export as it is; None when there is none yet."""
        mark = marks.exports_in(self._source.tags).get(self._target.key)
        if mark is None:
            return None
        task = None if mark.state == marks.EXPORTING else self._images.task(mark.task)
        return self._record(task, SUCCEEDED if mark.state == marks.FINISHED else "")

    def _record(self, task: Wire | None = None, status: str = "") -> Record:
        return export_record(self._images.client.region, self._source.name, self._source.uid, self._target, task or self._export.last, status=status)

    def _image(self) -> Image:
        """The image that is exported, read anew. Raises NotFound."""
        seen = self._images.by_id(self._source.uid) if self._source.kind == IMAGE else self._images.named(self._temporary)
        if seen is None:
            raise NotFound(f"the {'' if self._source.kind == IMAGE else 'temporary '}image disappeared before it was exported.")
        return seen

    # --- plans

    def plan(self) -> Plan:
        return self._plan_of_image() if self._source.kind == IMAGE else self._plan_of_other()

    def _unchanged(self, record: Record) -> str:
        since = f"since {record.created_at}" if record.created_at else "already"
        return f'Image "{self._source.name}" is exported to the bucket "{self._target.bucket}" {since}, as asked for. {self._note}'

    def _plan_of_image(self) -> Plan:
        state = self._export.look()
        steps = self._export.steps(state)
        if state.image.status in UNFINISHED:
            steps = [Step("wait for the image", wait=self._see_available), *steps]
        record = self._record(state.task, state.status)
        if state.status in (*UNFINISHED, SUCCEEDED):
            return Plan(chained(steps), after=record, why_unchanged=self._unchanged(record), seen=self._record, state=self._state)
        return self._changing(steps)

    def _changing(self, steps: Sequence[Step]) -> Plan:
        target = self._target
        forecast = f'Image would be exported: {self._source.kind} "{self._source.name}" as {target.format} to the bucket "{target.bucket}". {self._note}'
        after = replace(self._record(status=SUCCEEDED if self._task["wait"] else ""), created_at=None)
        return Plan(chained(steps), after=after, verb="exported", seen=self._seen, note=self._note, forecast=forecast, state=self._state)

    def _seen(self) -> Record:
        return self._record(status=SUCCEEDED if self._task["wait"] else "")

    def _state(self) -> str:
        """What a failure leaves behind, for the next run to go on with."""
        standing = self._export.standing()
        left = self._images.named(self._temporary) if self._source.kind != IMAGE else None
        return f'{standing} The temporary image "{self._temporary}" ({left.uid}) is kept, and the next run goes on with it.' if left else standing

    def _see_available(self) -> None:
        life = Lifecycle(OneImage(self._task, self._images, self._source.image), self._task, self._waiter)
        for step in life.plan_create(self._source.image).steps:
            if step.wait:
                step.wait()

    def _plan_of_other(self) -> Plan:
        source, task = self._source, self._task
        if not task["wait"]:
            raise InvalidRequest(
                f"the export of a {source.kind} needs wait: true, because an image of it is made first, and deleted when the export has ended."
            )
        left = self._images.named(self._temporary)
        mark = marks.exports_in(source.tags).get(self._target.key)
        if mark and mark.state == marks.FINISHED:
            record = self._record(self._images.task(mark.task), SUCCEEDED)
            return Plan(chained(self._removal(left)), after=record, why_unchanged=self._unchanged(record), seen=lambda: record, verb="cleaned up")
        if left and left.status != FAILED and source.kind == INSTANCE:
            made_at = left.wire.get("CreationTime")
            task.warn(f"The export goes on with the temporary image of an earlier run, made at {made_at}: what has changed since is not in it.")
        making = self._making(left)
        state = self._export.look() if left and left.status not in (FAILED, *UNFINISHED) else None
        noting = Step("note the end on the source", do=self._note_on_source)
        return self._changing([*making, *self._export.steps(state), noting, *self._removal(left, after=True)])

    # --- the temporary image

    def _making(self, left: Image | None) -> list[Step]:
        """The steps to the temporary image."""
        source, noted = self._source, {marks.MADE_FOR: f"{self._source.kind}:{self._source.uid}"}
        asked = Asked(
            self._temporary,
            predicted_image(self._images.client.region, self._temporary, {}),
            lambda: self._make(noted),
            {},
            is_ours=lambda image: image.all_tags.get(marks.MADE_FOR) == noted[marks.MADE_FOR],
        )
        steps = list(Lifecycle(OneImage(self._task, self._images, left, asked), self._task, self._waiter).plan_create(left).steps)
        if source.kind == SNAPSHOT and source.wire.get("Status") != "accomplished":
            steps.insert(0, Step("wait for the snapshot", wait=self._see_accomplished))
        return steps

    def _make(self, noted: dict[str, str]) -> str:
        """Ask for the temporary image; gives its id. The token is a new one each time: an old one would give an image that was deleted since."""
        what = {"SnapshotId" if self._source.kind == SNAPSHOT else "InstanceId": self._source.uid}
        params = {**what, "ImageName": self._temporary, "Description": f"temporary, for the export of {self._source.uid}", "Tag": as_list(noted)}
        try:
            answer = self._images.client.change(f'make an image of {self._source.kind} "{self._source.name}"', "CreateImage", params, token=uuid4().hex)
        except RecoveryError as error:
            raise explained(error, "", "") from error
        return str(answer["ImageId"])

    def _see_accomplished(self) -> None:
        def unfinished(wire: Wire | None) -> str:
            progress = (wire or {}).get("Progress") or "unknown"
            deadline = f"the deadline of {self._task['wait_timeout']} s"
            return f"the snapshot {self._source.uid} is not accomplished before {deadline}: its progress is {progress}. Run the task again to keep waiting."

        def done(wire: Wire | None) -> bool:
            if wire is None:
                raise NotFound(f"the snapshot {self._source.uid} disappeared while it was waited for.")
            return wire.get("Status") != "progressing"

        self._waiter.wait_until(lambda: self._images.snapshot(self._source.uid), done, unfinished)

    def _note_on_source(self) -> None:
        """The temporary image is about to go, and with it what it notes."""
        mark = marks.exports_in(self._image().all_tags).get(self._target.key)
        task = str((self._export.last or {}).get("TaskId") or (mark.task if mark else ""))
        self._images.tag(self._source.kind, [self._source.uid], {self._target.key: marks.mark_for(self._target, marks.FINISHED, task)})

    def _removal(self, left: Image | None, *, after: bool = False) -> list[Step]:
        """The steps that take away the temporary image, and the snapshots that were made with it; ``after`` an export, for which it may not be there yet."""
        steps: list[Step] = []
        of_instance = self._source.kind == INSTANCE
        if after or left:
            if of_instance:
                steps.append(Step("note the temporary snapshots", do=self._note_snapshots))
            steps.append(Step("delete the temporary image", do=self._delete_image, wait=self._see_image_gone))
        elif of_instance:
            self._doomed = [str(wire["SnapshotId"]) for wire in self._images.tagged_snapshots(marks.MADE_FOR, self._temporary)]
        if of_instance and (steps or self._doomed):
            steps.append(Step("delete the temporary snapshots", do=self._delete_snapshots, wait=self._see_no_snapshots))
        return steps

    def _note_snapshots(self) -> None:
        """Mark the snapshots that were made with the image: when it is gone nothing else tells them from those of users."""
        self._doomed = self._images.made_with(self._image())
        if self._doomed:
            self._images.tag("snapshot", self._doomed, {marks.MADE_FOR: self._temporary})

    def _delete_image(self) -> None:
        left = self._images.named(self._temporary)
        if left:
            OneImage(self._task, self._images, left).delete(left)

    def _see_image_gone(self) -> None:
        self._waiter.wait_until(lambda: self._images.named(self._temporary), lambda seen: seen is None, lambda _seen: "the temporary image is still there.")

    def _delete_snapshots(self) -> None:
        self._kept = [uid for uid in self._doomed if not self._images.delete_snapshot(uid)]
        if self._kept:
            self._task.warn(f"These temporary snapshots stay, because something else was made from them: {', '.join(self._kept)}.")

    def _see_no_snapshots(self) -> None:
        self._images.see_no_snapshots(self._waiter, [uid for uid in self._doomed if uid not in self._kept])
