# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One image of a name, as the life of a resource (``core/lifecycle.py``) asks of it: an imported one, or a temporary one for an export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from ....core.arguments import Task
from ....core.errors import Conflict, ProviderFailure
from ....core.model import DELETE, FAILED, Record
from ....core.resource import Wanted, Words
from .records import image_record
from .wire import IMPORT, Image, Images, why_failed

WORDS = Words("image", "Alibaba Cloud ECS", "only its tags and its description can be changed")
# Stands for the description among the labels; no tag may begin like this.
_DESCRIPTION = "acs:description"


def _none(_image: Image) -> Iterable[str]:
    return ()


@dataclass(frozen=True)
class Asked:
    """An image that is asked for. ``send`` asks for it and gives its id; ``is_ours`` tells whether a failed one may be deleted and made again."""

    name: str
    after: Record
    send: Callable[[], str]
    tags: Mapping[str, str]
    description: str | None = None
    differences: Callable[[Image], Iterable[str]] = _none
    is_ours: Callable[[Image], bool] = lambda _image: False


class OneImage:
    """The image ``found``, or the one that is to be made as ``asked``."""

    def __init__(self, task: Task, images: Images, found: Image | None, asked: Asked | None = None) -> None:
        self._task, self._images, self._asked = task, images, asked
        self._name, self._uid = found.name if found else asked.name if asked else "", found.uid if found else ""
        self._gone = ""
        self.words = WORDS
        protecting = {str(key): str(value) for key, value in (task["tags"] or {}).items()} if task.operation == DELETE else {}
        self.tags = dict(asked.tags if asked else protecting)

    def record_of(self, thing: Image) -> Record:
        return image_record(self._images.client.region, thing)

    def look(self) -> Image | None:
        seen = self._images.by_id(self._uid) if self._uid else self._images.named(self._name)
        if seen is None or seen.uid == self._gone:
            return None
        self._uid = seen.uid
        return seen

    def forget(self) -> None:
        self._gone, self._uid = self._uid, ""

    # --- what is asked for

    def differences(self, thing: Image) -> Iterable[str]:
        return self._asked.differences(thing) if self._asked else ()

    def label_changes(self, thing: Image) -> Mapping[str, str]:
        changes = {key: value for key, value in self.tags.items() if thing.all_tags.get(key) != value}
        wanted = self._asked.description if self._asked else None
        if wanted is not None and wanted != (thing.wire.get("Description") or ""):
            changes[_DESCRIPTION] = wanted
        return changes

    def relabelled(self, thing: Image) -> Image:
        changes = dict(self.label_changes(thing))
        description = changes.pop(_DESCRIPTION, thing.wire.get("Description"))
        tags = [{"TagKey": key, "TagValue": value} for key, value in {**thing.all_tags, **changes}.items()]
        return replace(thing, wire={**thing.wire, "Description": description, "Tags": {"Tag": tags}})

    def refuse_failed(self, thing: Image) -> None:
        if not (self._asked and self._asked.is_ours(thing)):
            self.judge(thing)
        self._task.warn(f'The image "{thing.name}" ({thing.uid}) of an earlier run is {thing.provider_status}. It is deleted, and made again.')

    def judge(self, thing: Image) -> None:
        if thing.status == FAILED:
            tasks = self._images.tasks(IMPORT, thing.uid)
            told = why_failed(self._images.task(str(tasks[-1]["TaskId"])) or {}) if tasks else ""
            raise ProviderFailure(
                f"Alibaba Cloud ECS could not make it: its status is {thing.provider_status}{told}. Correct the cause, delete it, then run the task again.",
                record=self.record_of(thing),
            )

    def prepare(self) -> Wanted:
        if not self._asked:
            raise ValueError("nothing is asked for")
        return Wanted(self._asked.send, self._asked.after)

    # --- requests

    def create(self, request: Callable[[], str]) -> None:
        self._uid = request()

    def is_taken(self, error: Conflict) -> bool:
        return error.code == "InvalidImageName.Duplicated"

    def relabel(self, thing: Image) -> None:
        changes = dict(self.label_changes(thing))
        description = changes.pop(_DESCRIPTION, None)
        if changes:
            self._images.tag("image", [thing.uid], changes)
        if description is not None:
            params = {"ImageId": thing.uid, "Description": description}
            self._images.client.change(f'describe image "{thing.name}"', "ModifyImageAttribute", params, repeatable=True)

    def delete(self, thing: Image) -> None:
        params = {"ImageId": thing.uid, "Force": True if self._task["force"] else None}
        self._images.client.change(f'delete image "{thing.name}"', "DeleteImage", params, repeatable=True)

    def finish(self) -> None:
        """Alibaba Cloud tells of the end by the image's status."""
