# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans of imports. The name changes hands last: the image that has it keeps it until the new one, imported under another name, was seen available."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

from ....core.arguments import Task
from ....core.errors import Conflict, InvalidRequest, NotFound, RecoveryError
from ....core.lifecycle import Lifecycle
from ....core.model import FAILED, Record
from ....core.plan import Plan, Step
from ....core.resource import different
from ....core.waiter import Waiter
from ....recovery.naming import digest
from . import marks
from .advice import explained
from .exports import chained
from .one import Asked, OneImage
from .records import image_record, predicted_image
from .wire import Image, Images, as_list

ROLE, _POLICY = "AliyunECSImageImportDefaultRole", "AliyunECSImageImportRolePolicy"
FORMATS = ("raw", "vhd", "qcow2")
_LONGEST_NAME = 128
# Option, and how ImportImage and DescribeImages call it.
_MACHINE = {"os_type": "OSType", "platform": "Platform", "architecture": "Architecture", "boot_mode": "BootMode"}
_RENAME, _DELETE, _FAIL = "rename", "delete", "fail"


def format_of(key: str, given: str | None) -> str:
    """The format of an object: the one given, else the one that its key ends in. Raises InvalidRequest for what ImportImage does not take."""
    if given:
        if given not in FORMATS:
            raise InvalidRequest(f"format: Alibaba Cloud imports {', '.join(FORMATS)}, not {given}.")
        return given
    if key.lower().endswith(".tar.gz"):
        raise InvalidRequest(f'source_object: "{key}" is packed. Unpack it in the bucket, as a .raw file, and import that.')
    suffix = key.lower().rpartition(".")[2]
    if suffix not in FORMATS:
        raise InvalidRequest(f'source_object: "{key}" does not end in .raw, .vhd or .qcow2: give the format.')
    return suffix


class ImportPlan:
    """The way from an object in a bucket to an image of a name."""

    def __init__(self, task: Task, waiter: Waiter, images: Images, name: str, engine_note: str) -> None:
        self._task, self._waiter, self._images, self._name, self._note = task, waiter, images, name, engine_note
        self._key, self._bucket = str(task["source_object"]), str(task["bucket"])
        self._format = format_of(self._key, task["format"])
        self._origin = marks.origin(self._bucket, self._key)
        self._role = task["ram_role"] or ROLE
        self._tags = {str(key): str(value) for key, value in (task["tags"] or {}).items()}

    # --- what is asked for

    @property
    def _temporary(self) -> str:
        """The name of the new image until the old one has made way."""
        tail = f"-mcr-{digest(f'{self._name}|{self._origin}|{self._format}', 10)}"
        return f"{self._name[: _LONGEST_NAME - len(tail)]}{tail}"

    def _asked(self, name: str) -> Asked:
        machine = {option: self._task[option] for option in _MACHINE if self._task[option]}
        place = {"bucket": self._bucket, "objects": [self._key], "format": self._format, "size_gb": self._task["disk_size_gb"], "percent": 100}
        after = predicted_image(self._images.client.region, self._name, self._tags, description=self._task["description"] or "", **machine, **place)
        return Asked(name, after, lambda: self._import(name), self._tags, self._task["description"], self._differences, self._is_ours)

    def _is_ours(self, image: Image) -> bool:
        return image.all_tags.get(marks.IMPORTED) == self._origin

    def _differences(self, image: Image) -> Iterable[str]:
        bucket, key = image.origin
        if not self._is_ours(image) and (bucket, key) != (self._bucket, self._key):
            yield different("source_object", f"{self._bucket}/{self._key}", f"{bucket}/{key}" if key else "not imported, or not by this collection")
        noted = marks.noted_machine(image.all_tags) if self._is_ours(image) else {}
        for option, name in _MACHINE.items():
            asked, there = self._task[option], noted.get(option) or image.wire.get(name)
            if asked and there and str(asked).lower() != str(there).lower():
                yield different(option, asked, there)

    def _import(self, name: str) -> str:
        task = self._task
        disk: dict[str, Any] = {"OSSBucket": self._bucket, "OSSObject": self._key, "Format": self._format.upper(), "DiskImageSize": task["disk_size_gb"]}
        machine = {option: str(task[option]) for option in _MACHINE if task[option]}
        noted = {marks.IMPORTED: self._origin, **({marks.MACHINE: marks.machine_note(machine)} if machine else {})}
        params = {
            "ImageName": name,
            "Description": task["description"],
            "DiskDeviceMapping": [disk],
            "RoleName": self._role,
            "Tag": as_list({**self._tags, **noted}),
            **{wire: machine.get(option) for option, wire in _MACHINE.items()},
        }
        try:
            answer = self._images.client.change(f'import "{self._key}" as image "{name}"', "ImportImage", params, token=uuid4().hex)
        except RecoveryError as error:
            raise explained(error, self._role, _POLICY) from error
        return str(answer["ImageId"])

    # --- plans

    def _life(self, name: str, found: Image | None) -> Lifecycle[Image]:
        return Lifecycle(OneImage(self._task, self._images, found, self._asked(name)), self._task, self._waiter)

    def plan(self, found: Image | None) -> Plan:
        """``found`` is the image that has the name. Raises Conflict for a different one that may not make way."""
        waiting = self._images.named(self._temporary)
        if found and found.status == FAILED and self._is_ours(found):
            return self._told(self._life(self._name, found).plan_create(found))
        differences = list(self._differences(found)) if found else []
        if found and not differences:
            plan = self._life(self._name, found).plan_create(found)
            return self._told(self._with_deletion(plan, self._replaced_by(found), found.uid))
        if not found and not waiting:
            return self._told(self._life(self._name, None).plan_create(None))
        return self._told(self._swap(found, waiting, differences))

    def _told(self, plan: Plan) -> Plan:
        unchanged = f"{plan.why_unchanged}. {self._note}" if plan.why_unchanged else ""
        verb = "imported" if plan.verb == "created" else plan.verb
        where = f'"{self._key}" of the bucket "{self._bucket}" as image "{self._name}"'
        forecast = plan.forecast or (f"Image would be imported: {where}. {self._note}" if verb == "imported" else "")
        return replace(plan, verb=verb, why_unchanged=unchanged, note=plan.note or self._note, forecast=forecast)

    def _swap(self, old: Image | None, waiting: Image | None, differences: list[str]) -> Plan:
        """The new image first; then the old one makes way, and the new one takes the name."""
        how = self._task["previous_image"]
        if old and how == _FAIL:
            record = image_record(self._images.client.region, old)
            told = "; ".join(differences)
            raise Conflict(f'an image "{self._name}" ({old.uid}) exists with other values: {told}. Let previous_image rename or delete it.', record=record)
        if old and how == _DELETE and old.is_used:
            raise Conflict(f'the image "{self._name}" ({old.uid}) cannot be deleted, because instances were made from it. Let previous_image rename it.')
        if not self._task["wait"]:
            raise InvalidRequest(f'the image "{self._name}" is there already: it is replaced only with wait: true, when the new one was seen to be available.')
        aside = self._aside(old) if old else ""
        steps = list(self._life(self._temporary, waiting).plan_create(waiting).steps)
        if old:
            if how == _DELETE:
                steps.append(Step("note the image to delete", do=lambda: self._note_replaced(old.uid)))
            steps.append(
                Step(
                    "rename the previous image",
                    do=lambda: self._rename(old.uid, aside),
                    wait=lambda: self._see_name(old.uid, aside),
                    undo=lambda: self._rename_back(old.uid),
                    disruptive=True,
                )
            )
        steps.append(Step("give the new image its name", do=self._take_name, wait=self._see_taken, point_of_no_return=True))
        after = self._asked(self._name).after
        plan = Plan(chained(steps), after=after, seen=self._seen, state=self._state)
        doomed = old if old and how == _DELETE else self._replaced_by(waiting) if waiting else None
        plan = self._with_deletion(plan, doomed, waiting.uid if waiting else "")
        told = f"The previous image {old.uid} is {f'renamed to {aside}' if how == _RENAME else 'deleted'}. " if old else ""
        forecast = f'Image would be imported: "{self._key}" of the bucket "{self._bucket}" as image "{self._name}". {told}{self._note}'
        return replace(plan, forecast=forecast, note=f"{told}{self._note}")

    def _with_deletion(self, plan: Plan, doomed: Image | None, uid: str) -> Plan:
        """The plan, and after it the deletion of the image that had the name before."""
        if not doomed or doomed.uid == uid:
            return plan
        life = Lifecycle(OneImage(self._task, self._images, doomed), self._task, self._waiter)
        return replace(plan, steps=chained([*plan.steps, replace(life.deletion(doomed, "delete the previous image"), needs=())]))

    def _replaced_by(self, image: Image) -> Image | None:
        """What a run that died was to delete when ``image`` had the name; None when there is nothing left to delete."""
        uid = image.all_tags.get(marks.REPLACES)
        return self._images.by_id(uid) if uid and self._task["previous_image"] == _DELETE else None

    # --- steps

    def _aside(self, old: Image) -> str:
        """The name that the old image gets. Raises Conflict when another one has it."""
        moment = "".join(letter for letter in str(old.wire.get("CreationTime") or old.uid)[:19] if letter.isalnum() or letter == "T").replace("T", "-")
        name = f"{self._name[: _LONGEST_NAME - len(moment) - 1]}-{moment}"
        other = self._images.named(name)
        if other and other.uid != old.uid:
            raise Conflict(f'the previous image cannot be renamed to "{name}": the image {other.uid} has that name. Rename or delete one of them.')
        return name

    def _note_replaced(self, uid: str) -> None:
        self._images.tag("image", [self._new().uid], {marks.REPLACES: uid})

    def _new(self) -> Image:
        seen = self._images.named(self._temporary)
        if seen is None:
            raise NotFound("the new image disappeared before it got its name.")
        return seen

    def _rename(self, uid: str, name: str) -> None:
        try:
            self._images.rename(uid, name)
        except Conflict:
            seen = self._images.by_id(uid)
            if seen is None or seen.name != name:
                raise

    def _rename_back(self, uid: str) -> None:
        seen = self._images.by_id(uid)
        if seen and seen.name != self._name:
            self._rename(uid, self._name)

    def _see_name(self, uid: str, name: str) -> None:
        def unfinished(seen: Image | None) -> str:
            return f'the image {uid} was renamed to "{name}", but is still seen as "{seen.name if seen else "unknown"}".'

        self._waiter.wait_until(lambda: self._images.by_id(uid), lambda seen: seen is not None and seen.name == name, unfinished)

    def _take_name(self) -> None:
        self._taker = self._new().uid
        self._rename(self._taker, self._name)

    def _see_taken(self) -> None:
        self._see_name(self._taker, self._name)

    def _seen(self) -> Record:
        seen = self._images.by_id(self._taker)
        if seen is None:
            raise NotFound("the new image disappeared after it got its name.")
        return image_record(self._images.client.region, seen)

    def _state(self) -> str:
        """Who has the name after a failure, and where the new image is."""
        told = []
        with suppress(NotFound):
            new = self._images.named(self._temporary)
            holder = self._images.named(self._name)
            told.append(f'The name "{self._name}" is that of {holder.uid}.' if holder else f'No image has the name "{self._name}" now.')
            told += [f'The new image is "{new.name}" ({new.uid}), and the next run goes on with it.'] if new else []
        return " ".join(told)
