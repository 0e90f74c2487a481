# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One export of an image: which task it is, and the steps to its end. No export is begun while another one may be it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from ....clients.alibaba_ecs.client import Wire
from ....core.arguments import Task
from ....core.errors import Cancelled, Conflict, OutcomeUnknown, ProviderFailure, RecoveryError, WaitTimeout
from ....core.model import FAILED, SUCCEEDED, UNFINISHED, Record
from ....core.plan import Step
from ....core.resource import AGAIN
from ....core.waiter import Waiter
from . import marks
from .advice import explained
from .marks import Mark, Target
from .wire import EXPORT, Image, Images, objects_of, percent_of, task_status, why_failed

ROLE, _POLICY = "AliyunECSImageExportDefaultRole", "AliyunECSImageExportRolePolicy"
# How long a task or a tag that reads may lag behind is looked for before it counts as not there, in seconds.
_LOOK_AGAIN_S = 15.0


@dataclass(frozen=True)
class State:
    """How far an export is: its mark, its task, and a task that may be it because a run died before it could note it.

    ``others`` are the exports of the same image that run, and are not this one; ``known`` the ids of all its exports.
    """

    image: Image
    mark: Mark | None = None
    task: Wire | None = None
    lost: Wire | None = None
    others: list[Wire] = field(default_factory=list)
    known: Collection[str] = ()
    newest: str = ""

    @property
    def status(self) -> str:
        """Its status; empty when it has not begun."""
        if self.mark and self.mark.state == marks.FINISHED:
            return SUCCEEDED
        return task_status(self.task) if self.task else ""


class ImageExport:
    """``find`` gives the image, read anew, when it is there."""

    def __init__(self, task: Task, waiter: Waiter, images: Images, target: Target, find: Callable[[], Image]) -> None:
        self._task, self._waiter, self._images, self._target, self._find = task, waiter, images, target, find
        self._role = task["ram_role"] or ROLE
        self._own_intent = False
        self._task_id = ""
        self.last: Wire | None = None
        # The record to go with a failure.
        self.record: Callable[[], Record | None] = lambda: None

    # --- looking

    def look(self) -> State:
        image = self._find()
        tasks = self._images.tasks(EXPORT, image.uid)
        noted = marks.exports_in(image.all_tags)
        mark = noted.pop(self._target.key, None)
        claimed = {other.task for other in noted.values() if other.state != marks.EXPORTING}
        task, lost, ids = None, None, [str(wire["TaskId"]) for wire in tasks]
        if mark and mark.state != marks.EXPORTING:
            task = self._images.task(mark.task) or next((wire for wire in tasks if wire["TaskId"] == mark.task), None)
        elif mark:
            lost = self._lost(tasks, mark, claimed)
        own = {mark.task if mark else "", str(lost["TaskId"]) if lost else "", self._task_id}
        others = [wire for wire in tasks if task_status(wire) in UNFINISHED and wire["TaskId"] not in own]
        self.last = task or lost
        return State(image, mark, task, lost, others, ids, ids[-1] if ids else "")

    def _lost(self, tasks: list[Wire], mark: Mark, claimed: Collection[str]) -> Wire | None:
        """The task that a run began and could not note: newer than the intent, of no other export, and with objects that fit where they are told."""
        since = next((str(wire.get("CreationTime")) for wire in tasks if wire["TaskId"] == mark.task), "")
        newer = [wire for wire in tasks if wire["TaskId"] not in (mark.task, *claimed) and str(wire.get("CreationTime")) >= since]
        for wire in reversed(newer):
            seen = self._images.task(str(wire["TaskId"])) or wire
            if all(self._fits(name) for name in objects_of(seen)):
                return seen
        return None

    def _fits(self, name: str) -> bool:
        return name.startswith(self._target.prefix) and f".{self._target.format}" in name

    # --- steps

    def steps(self, state: State | None) -> list[Step]:
        """What is left to do, in order; ``state`` is None when the image is not there yet. Raises Conflict, and ProviderFailure for a task that is gone."""
        waits = bool(self._task["wait"])
        if state and state.status == SUCCEEDED:
            return []
        if state and state.status in UNFINISHED:
            self._task_id = state.mark.task if state.mark else ""
            return [Step("wait for the export", wait=self._see_end)] if waits else []
        if state and state.mark and state.mark.state == marks.RUNS and state.status != FAILED:
            raise ProviderFailure(
                f"the task {state.mark.task} that exported it is not known any more, so that nobody can tell how it ended. Look for the object in the"
                f' bucket "{self._target.bucket}"; to export again, give another object_prefix.'
            )
        if state and state.status == FAILED:
            told = why_failed(state.task or {})
            self._task.warn(f"An earlier export of it, task {state.mark.task if state.mark else ''}, failed{told}. It is exported again.")
        steps = self._steps_before(state, waits)
        export = Step("export the image", do=self._export, point_of_no_return=True)
        steps += [export, Step("note the task", do=self._note_task)]
        return [*steps, Step("wait for the export", wait=self._see_end), Step("note the end", do=self._note_end)] if waits else steps

    def _steps_before(self, state: State | None, waits: bool) -> list[Step]:
        if state and state.lost:
            return []
        steps: list[Step] = []
        if state and state.others:
            if not waits:
                raise Conflict(f"another export of the image is under way, task {state.others[0]['TaskId']}. Run the task again when it has ended.")
            steps.append(Step("wait for another export of the image", wait=self._see_no_other))
        if not (state and state.mark and state.mark.state == marks.EXPORTING):
            steps.append(Step("note the intent", do=self._note_intent, wait=self._see_intent, undo=self._forget_intent))
        return steps

    def _see_no_other(self) -> None:
        def unfinished(state: State | None) -> str:
            other = state.others[0]["TaskId"] if state and state.others else "unknown"
            deadline = f"the deadline of {self._task['wait_timeout']} s"
            return f"another export of the image, task {other}, has not ended before {deadline}. Run the task again to keep waiting."

        self._waiter.wait_until(self.look, lambda state: not state.others, unfinished)

    def _note_intent(self) -> None:
        state = self.look()
        if state.status in (*UNFINISHED, SUCCEEDED) and state.mark:
            # Another run has begun it since.
            self._task_id = state.mark.task
            return
        self._own_intent = True
        self._images.tag("image", [state.image.uid], {self._target.key: marks.mark_for(self._target, marks.EXPORTING, state.newest)})

    def _see_intent(self) -> None:
        if self._own_intent:
            self._waiter.shorter(_LOOK_AGAIN_S).wait_until(
                lambda: marks.exports_in(self._find().all_tags).get(self._target.key),
                lambda mark: mark is not None and mark.state == marks.EXPORTING,
                lambda _mark: "the image was tagged, but the tag is not seen. Nothing was exported. Run the task again.",
            )

    def _forget_intent(self) -> None:
        """Take the note back, unless it says more by now."""
        image = self._find()
        mark = marks.exports_in(image.all_tags).get(self._target.key)
        if self._own_intent and mark and mark.state == marks.EXPORTING:
            self._images.untag("image", image.uid, self._target.key)

    def _export(self) -> None:
        if self._task_id:
            return
        state = self.look()
        if not self._own_intent:
            found = state.lost or self._appearing(lambda state: state.lost or (state.task if state.status in (*UNFINISHED, SUCCEEDED) else None))
            if found:
                self._task_id, self.last = str(found["TaskId"]), found
                return
        if state.others:
            raise Conflict(f"another export of the image is under way, task {state.others[0]['TaskId']}. Run the task again when it has ended.")
        self._send(state)

    def _send(self, state: State) -> None:
        """Ask for the export. A lost answer is looked into: a new task of the image is ours."""
        target = self._target
        where: dict[str, Any] = {"OSSBucket": target.bucket, "OSSPrefix": target.prefix or None, "ImageFormat": target.format}
        try:
            answer = self._images.client.change(
                f'export image "{state.image.name}"', "ExportImage", {"ImageId": state.image.uid, **where, "RoleName": self._role}
            )
        except OutcomeUnknown as error:
            found = self._appearing(lambda seen: next((wire for wire in self._images.tasks(EXPORT, seen.image.uid) if wire["TaskId"] not in state.known), None))
            if not found:
                error.message = f"{error.message} No task of it was seen afterwards. {AGAIN}"
                raise
            self._task_id, self.last = str(found["TaskId"]), found
            return
        except RecoveryError as error:
            if error.code == "ImageIsExporting":
                # Another run of this collection notes its task in a moment; anybody else does not.
                noted = self._appearing(lambda seen: seen.task if seen.status in (*UNFINISHED, SUCCEEDED) else None)
                if noted:
                    self._task_id, self.last = str(noted["TaskId"]), noted
                    return
            raise explained(error, self._role, _POLICY) from error
        self._task_id, self.last = str(answer["TaskId"]), None

    def _appearing(self, wanted: Callable[[State], Wire | None]) -> Wire | None:
        """What a look shows within some seconds, which reads may lag behind; None when it does not."""
        try:
            return self._waiter.shorter(_LOOK_AGAIN_S).wait_until(lambda: wanted(self.look()), bool, lambda _seen: "")
        except WaitTimeout as error:
            if error.__cause__:
                raise
            return None

    def _note_task(self) -> None:
        self._images.tag("image", [self._find().uid], {self._target.key: marks.mark_for(self._target, marks.RUNS, self._task_id)})

    def _note_end(self) -> None:
        self._images.tag("image", [self._find().uid], {self._target.key: marks.mark_for(self._target, marks.FINISHED, self._task_id)})

    def _see_end(self) -> None:
        """Wait for its success. Raises ProviderFailure for another end, WaitTimeout at the deadline, both with the task's id."""
        try:
            seen = self._waiter.wait_until(self._look_at_task, lambda task: bool(task) and task_status(task or {}) not in UNFINISHED, self._unfinished)
        except (Cancelled, WaitTimeout) as error:
            error.record = self.record()
            raise
        if seen and task_status(seen) == FAILED:
            raise ProviderFailure(f"the export, task {self._task_id}, failed{why_failed(seen)}. Run the task again to try once more.", record=self.record())

    def _look_at_task(self) -> Wire | None:
        self.last = self._images.task(self._task_id) or self.last
        return self.last

    def _unfinished(self, task: Wire | None) -> str:
        percent = percent_of(task or {})
        so_far = f" ({percent} % done)" if percent is not None else ""
        return f"the export, task {self._task_id}, is not finished before the deadline of {self._task['wait_timeout']} s{so_far}."

    def standing(self) -> str:
        """How the export stands after a failure, as a sentence."""
        if not self._task_id:
            return "Nothing was exported by this task, as far as is known."
        if self.last and task_status(self.last) == FAILED:
            return "The object, if there is a part of it, is of no use."
        if self.last and task_status(self.last) == SUCCEEDED:
            return f"The export itself, task {self._task_id}, has succeeded."
        return f"Alibaba Cloud goes on with it as task {self._task_id}: run the task again to keep waiting."
