# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images, snapshots, instances and tasks as Alibaba Cloud ECS tells of them, and the small changes that all of ``image_convert`` needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ....clients.alibaba_ecs.answers import is_in_use
from ....clients.alibaba_ecs.client import AlibabaClient, Wire
from ....core.errors import AmbiguousName, Conflict, NotFound
from ....core.model import FAILED, PENDING, RUNNING, SUCCEEDED
from ....core.waiter import Waiter
from . import marks

STATUSES = {"Creating": RUNNING, "Waiting": RUNNING, "Available": SUCCEEDED, "Deprecated": SUCCEEDED, "UnAvailable": FAILED, "CreateFailed": FAILED}
# Without it, only available images are listed.
_EVERY = ",".join(STATUSES)
_TASK_STATUSES = {"Finished": SUCCEEDED, "Failed": FAILED, "Deleted": FAILED, "Cancelled": FAILED, "Pending": PENDING}
EXPORT, IMPORT = "ExportImage", "ImportImage"
# The clocks of one provider agree that well.
_CLOCKS_APART = timedelta(minutes=1)


@dataclass(frozen=True)
class Image:
    """An image as it was read, and what is known of the tasks that export or import it (their attributes, newest last)."""

    wire: Wire = field(repr=False)
    tasks: tuple[Wire, ...] = ()

    @property
    def uid(self) -> str:
        return str(self.wire["ImageId"])

    @property
    def name(self) -> str:
        return str(self.wire.get("ImageName") or "")

    @property
    def provider_status(self) -> str:
        return str(self.wire.get("Status") or "")

    @property
    def status(self) -> str:
        return STATUSES.get(self.provider_status, RUNNING)

    @property
    def is_used(self) -> bool:
        """Whether instances were made from it, which keeps it from being deleted without force."""
        return self.wire.get("Usage") == "instance"

    @property
    def all_tags(self) -> dict[str, str]:
        return tags_of(self.wire)

    @property
    def disks(self) -> list[Wire]:
        return list((self.wire.get("DiskDeviceMappings") or {}).get("DiskDeviceMapping") or [])

    @property
    def snapshots(self) -> list[str]:
        return [str(disk["SnapshotId"]) for disk in self.disks if disk.get("SnapshotId")]

    @property
    def origin(self) -> tuple[str, str]:
        """Bucket and key of the object that it was imported from; both empty when it was not."""
        first = self.disks[0] if self.disks else {}
        return str(first.get("ImportOSSBucket") or ""), str(first.get("ImportOSSObject") or "")


def tags_of(wire: Wire) -> dict[str, str]:
    """All tags of a resource but for those of Alibaba Cloud itself."""
    listed = (wire.get("Tags") or {}).get("Tag") or []
    tags = {str(tag.get("TagKey", tag.get("Key", ""))): str(tag.get("TagValue", tag.get("Value", ""))) for tag in listed}
    return {key: value for key, value in tags.items() if not key.startswith("acs:")}


def own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of users: without the notes of this collection."""
    return {key: value for key, value in tags.items() if not key.startswith(marks.PREFIX)}


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as a request takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def task_status(wire: Wire) -> str:
    return _TASK_STATUSES.get(str(wire.get("TaskStatus")), RUNNING)


def percent_of(wire: Wire) -> int | None:
    """The percentage that a task or an image tells; None for none."""
    text = str(wire.get("TaskProcess") or wire.get("Progress") or "").rstrip("%")
    return int(text) if text.isdigit() else None


def _progress(wire: Wire) -> list[Wire]:
    return list((wire.get("OperationProgressSet") or {}).get("OperationProgress") or [])


def objects_of(wire: Wire) -> list[str]:
    """The objects that a task says it has written."""
    items = [item for part in _progress(wire) for item in (part.get("RelatedItemSet") or {}).get("RelatedItem") or []]
    return [str(item["Value"]) for item in items if item.get("Name") == "OSSObject" and item.get("Value")]


def why_failed(wire: Wire) -> str:
    """What a task says of its failure, as the end of a sentence."""
    told = [f"{part.get('ErrorMsg') or 'no explanation'} ({part['ErrorCode']})" for part in _progress(wire) if part.get("ErrorCode")]
    return f": {'; '.join(told)}" if told else ", without an explanation"


class Images:
    """The images of a region, and what belongs to them."""

    def __init__(self, client: AlibabaClient) -> None:
        self.client = client

    # --- images

    def by_id(self, uid: str, *, own: bool = True) -> Image | None:
        owner = "self" if own else None
        listed = self.client.listed(f'image "{uid}"', "DescribeImages", ("Images", "Image"), {"ImageId": uid, "Status": _EVERY, "ImageOwnerAlias": owner})
        return next((Image(wire) for wire in listed if wire.get("ImageId") == uid), None)

    def named(self, name: str) -> Image | None:
        """The image of the account that has exactly this name; the API looks for a part of it. Raises AmbiguousName."""
        params = {"ImageName": name, "Status": _EVERY, "ImageOwnerAlias": "self"}
        listed = self.client.listed(f'image "{name}"', "DescribeImages", ("Images", "Image"), params)
        return _only([Image(wire) for wire in listed if wire.get("ImageName") == name], name)

    def all(self) -> Iterator[Image]:
        listed = self.client.listed("images", "DescribeImages", ("Images", "Image"), {"Status": _EVERY, "ImageOwnerAlias": "self"})
        return (Image(wire) for wire in listed)

    def rename(self, uid: str, name: str) -> None:
        self.client.change(f'rename image {uid} to "{name}"', "ModifyImageAttribute", {"ImageId": uid, "ImageName": name}, repeatable=True)

    # --- tasks

    def tasks(self, action: str, image: str | None = None) -> list[Wire]:
        """The tasks of an image, or of all, oldest first, as the list has them: without their progress."""
        params = {"TaskAction": action, "ResourceIds": [image] if image else None}
        listed = self.client.listed(f"tasks of {action}", "DescribeTasks", ("TaskSet", "Task"), params)
        return sorted((wire for wire in listed if image in (None, wire.get("ResourceId"))), key=lambda wire: str(wire.get("CreationTime")))

    def task(self, uid: str) -> Wire | None:
        """A task with its progress; None when it is not known, or no longer."""
        try:
            return self.client.read(f"task {uid}", "DescribeTaskAttribute", {"TaskId": uid})
        except NotFound:
            return None

    def cancel(self, task: str) -> None:
        self.client.change(f"cancel task {task}", "CancelTask", {"TaskId": task}, repeatable=True)

    # --- snapshots and instances

    def snapshot(self, uid: str) -> Wire | None:
        listed = self.client.listed(f"snapshot {uid}", "DescribeSnapshots", ("Snapshots", "Snapshot"), {"SnapshotIds": json.dumps([uid])})
        return next((wire for wire in listed if wire.get("SnapshotId") == uid), None)

    def tagged_snapshots(self, key: str, value: str) -> list[Wire]:
        tags = as_list({key: value})
        listed = self.client.listed(f"snapshots with the tag {key}", "DescribeSnapshots", ("Snapshots", "Snapshot"), {"Tag": tags})
        return [wire for wire in listed if tags_of(wire).get(key) == value]

    def made_with(self, image: Image) -> list[str]:
        """The snapshots that were made together with a temporary image of an instance; none of any other image, nor older ones, which are of users."""
        since = _moment(image.wire.get("CreationTime"))
        if not since or not image.all_tags.get(marks.MADE_FOR, "").startswith("instance:"):
            return []
        read = [wire for wire in (self.snapshot(uid) for uid in image.snapshots) if wire]
        made = [(str(wire["SnapshotId"]), _moment(wire.get("CreationTime"))) for wire in read if wire.get("SourceDiskId")]
        return [uid for uid, moment in made if moment and moment >= since - _CLOCKS_APART]

    def delete_snapshot(self, uid: str) -> bool:
        """Whether it was deleted: something else that was made from it keeps it."""
        try:
            self.client.change(f"delete snapshot {uid}", "DeleteSnapshot", {"SnapshotId": uid}, repeatable=True)
        except NotFound:
            return True
        except Conflict as error:
            if not is_in_use(error):
                raise
            return False
        return True

    def see_no_snapshots(self, waiter: Waiter, uids: Sequence[str]) -> None:
        """Wait until none of these is listed any more."""
        for uid in uids:
            waiter.wait_until(partial(self.snapshot, uid), lambda wire: wire is None, lambda _wire: "a snapshot was deleted, but is still there.")

    def instance(self, word: str) -> Wire | None:
        """The instance of this id or name. Raises AmbiguousName."""
        by_id = word.startswith("i-")
        params = {"InstanceIds": json.dumps([word])} if by_id else {"InstanceName": word}
        listed = self.client.listed(f'instance "{word}"', "DescribeInstances", ("Instances", "Instance"), params)
        found = [wire for wire in listed if wire.get("InstanceId" if by_id else "InstanceName") == word]
        if len(found) > 1:
            raise AmbiguousName(f'several instances have the name "{word}": {", ".join(sorted(str(wire["InstanceId"]) for wire in found))}. Give an id.')
        return found[0] if found else None

    def disks_of(self, instance: str) -> list[Wire]:
        return list(self.client.listed(f"disks of {instance}", "DescribeDisks", ("Disks", "Disk"), {"InstanceId": instance}))

    # --- tags

    def tag(self, kind: str, uids: Sequence[str], tags: Mapping[str, str]) -> None:
        """Set tags, and keep all others."""
        params: dict[str, Any] = {"ResourceType": kind, "ResourceId": list(uids), "Tag": as_list(tags)}
        self.client.change(f"tag {kind} {', '.join(uids)}", "TagResources", params, repeatable=True)

    def untag(self, kind: str, uid: str, key: str) -> None:
        params = {"ResourceType": kind, "ResourceId": [uid], "TagKey": [key]}
        self.client.change(f"remove a tag of {kind} {uid}", "UntagResources", params, repeatable=True)


def _only(found: Sequence[Image], name: str) -> Image | None:
    if len(found) > 1:
        raise AmbiguousName(f'several images have the name "{name}": {", ".join(sorted(image.uid for image in found))}. Give the uid.')
    return found[0] if found else None


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
