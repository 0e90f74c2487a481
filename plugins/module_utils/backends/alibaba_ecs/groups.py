# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of all disks at one moment: as a group where the disks allow it, which the API's answer decides, else one by one.

A group is one resource with tags, and its members have none: marks, tags and note of each member are the group's.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from typing import Any

from ...clients.alibaba_ecs.client import AlibabaClient, Wire
from ...core.errors import RecoveryError
from ...core.steps import at_once
from ...recovery import marks
from ...recovery.manifest import VERSION, Document, compact
from ...recovery.marks import prefixed
from ...recovery.model import Planned
from ...recovery.naming import derived_name, safety_word
from ...recovery.points import SNAPSHOT, RecoveryPoint
from ...recovery.provider import Saving
from .gathering import Gathered
from .saved import create_snapshot, snapshot_point
from .things import tags_of, token, wire_tags

_LONGEST_DESCRIPTION = 256
# What the API answers when these disks cannot be saved as a group (their category, zone, number or size): they may still be saved one by one.
_NO_GROUP = re.compile("DiskCategory|InvalidDisk(?!Id)|TooManyDisks|MultiAttach|NotSupport|ResourcesNotInSameZone|DiskZone")
_GROUPS = ("SnapshotGroups", "SnapshotGroup")
# So many groups can be asked for by id at once.
MOST_GROUPS = 10
# So many characters at its end stand for the id of a disk.
END = 8


def moment_of(found: Mapping[str, str]) -> str:
    """What the names of the points with these marks are made of: the datetime of a backup, or a word for the safety points of a restore."""
    return found.get(marks.BACKUP) or safety_word(found.get(marks.RESTORE, ""), found.get(marks.SAFETY, ""))


def group_name(found: Mapping[str, str], region: str) -> str:
    vm, moment = found.get(marks.VM, ""), moment_of(found)
    return derived_name(f"{vm}-{moment}", "/".join((region, vm, moment, found.get(marks.ATTEMPT, "1") or "1", "group")))


class Batch:
    """The snapshots of one moment, asked for together. ``made`` are the ids of what this run has made, by name."""

    def __init__(self, client: AlibabaClient, saving: Saving, made: dict[str, str]) -> None:
        self._client, self._saving, self._made = client, saving, made
        self._turn = threading.Lock()
        self._all: Gathered[list[RecoveryPoint]] = Gathered(lambda keys: dict.fromkeys(keys, self._read_all()))
        self._decided = self._single = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Batch) and other._saving == self._saving

    def __hash__(self) -> int:
        return hash(self._saving.moment)

    @property
    def grouped(self) -> bool:
        """Whether this run has asked for them as a group."""
        return self._decided and not self._single

    def create(self, planned: Planned) -> None:
        """Ask for the snapshot of one disk: the first to come asks for the group, or finds that there can be none."""
        with self._turn:
            if not self._decided:
                self._single = not self._group()
                self._decided = True
        if self._single:
            self._create_single(planned)

    def _create_single(self, planned: Planned) -> None:
        body = {
            "DiskId": planned.request["disk"],
            "SnapshotName": planned.name,
            "Description": compact(planned.request["note"]),
            "Tag": wire_tags({**planned.tags, **prefixed(planned.marks)}),
        }
        self._made[planned.name] = create_snapshot(self._client, planned.name, body, token())

    def _group(self) -> bool:
        """Whether the group is there, made now or by a run that died; no group is made where some of its snapshots are there one by one."""
        saving, description = self._saving, self._description()
        if len(saving.disks) < 2 or len(description) > _LONGEST_DESCRIPTION:
            return False
        if self.members():
            return True
        if any(point.note for point in self._singles()):
            return False
        name = group_name(saving.marks, self._client.region)
        body = {
            "InstanceId": saving.machine.uid,
            "DiskId": [disk.uid for disk in saving.disks.values()],
            "Name": name,
            "Description": description,
            "Tag": wire_tags({**saving.wish.tags, **prefixed(saving.marks)}),
        }
        try:
            answer = self._client.change(f"create snapshot group {name}", "CreateSnapshotGroup", body, token=token())
        except RecoveryError as error:
            if not _NO_GROUP.search(error.code or ""):
                raise
            return False
        self._made[name] = str(answer["SnapshotGroupId"])
        return True

    def there(self) -> list[RecoveryPoint]:
        """What there is of all of them, one by one or as a group, read once for all who ask at the same time."""
        return self._all.get("all") or []

    def _read_all(self) -> list[RecoveryPoint]:
        single, members = at_once(self._singles, self.members)
        return [*single, *members]

    def _singles(self) -> list[RecoveryPoint]:
        wanted = {key: value for key, value in self._saving.marks.items() if key in (marks.VM, marks.BACKUP, marks.RESTORE, marks.SAFETY, marks.ATTEMPT)}
        found = self._client.listed("snapshots", "DescribeSnapshots", ("Snapshots", "Snapshot"), {"Tag": wire_tags(prefixed(wanted))})
        return [snapshot_point(self._client.region, wire) for wire in found]

    def _description(self) -> str:
        """What the note of each member says, as short as it gets: the end of a disk's id stands for the disk."""
        attached = {one.device: one for one in self._saving.machine.attached}
        members = {disk.uid[-END:]: device for device, disk in self._saving.disks.items()}
        boot = next((device for device in self._saving.disks if attached[device].boot), "")
        return compact({"v": VERSION, "a": self._saving.asked, "m": members, "b": boot})

    def members(self) -> list[RecoveryPoint]:
        """What there is of the group; empty while there is none."""
        name = group_name(self._saving.marks, self._client.region)
        known = self._made.get(name)
        return members_of(self._client, {"SnapshotGroupId": [known]} if known else {"Name": name}, name)


def members_of(client: AlibabaClient, by: Mapping[str, Any], name: str = "") -> list[RecoveryPoint]:
    """The members of our groups, each as a point of its own."""
    groups = [wire for wire in client.listed("snapshot groups", "DescribeSnapshotGroups", _GROUPS, by) if _is_ours(wire, client.region, name)]
    ids = [str(one["SnapshotId"]) for wire in groups for one in _within(wire)]
    known: dict[str, Wire] = {}
    for begin in range(0, len(ids), 100):
        params = {"SnapshotIds": json.dumps(ids[begin : begin + 100])}
        known.update({str(wire["SnapshotId"]): wire for wire in client.listed("snapshots", "DescribeSnapshots", ("Snapshots", "Snapshot"), params)})
    return [point for group in groups for one in _within(group) if (point := _member(client.region, group, {**one, **known.get(str(one["SnapshotId"]), {})}))]


def _within(group: Wire) -> list[Wire]:
    return list((group.get("Snapshots") or {}).get("Snapshot") or ())


def _is_ours(group: Wire, region: str, name: str) -> bool:
    """Whether the group's name is the one that its own marks make: other tools copy tags."""
    found = {key[len(marks.PREFIX) :]: value for key, value in tags_of(group).items() if key.startswith(marks.PREFIX)}
    return group.get("Name") == group_name(found, region) and (not name or group["Name"] == name)


def _member(region: str, group: Wire, wire: Wire) -> RecoveryPoint | None:
    """One member with what the group says of it; None for a snapshot of a disk that the group does not name."""
    note = _note(group)
    disk = str(wire.get("SourceDiskId") or "")
    device = note["m"].get(disk[-END:])
    if device is None:
        return None
    order = sorted(note["m"].values(), key=lambda one: (one != note.get("b"), one)).index(device)
    facts = {"version": VERSION, "device": device, "index": order, "boot": device == note.get("b"), "asked": note.get("a") or {}, "source_uid": disk}
    found = snapshot_point(region, {**wire, "Status": wire.get("Status") or group.get("Status"), "Description": compact(facts)}, group)
    own = {**found.marks, marks.DEVICE: device}
    vm, moment, attempt = own.get(marks.VM, ""), moment_of(own), own.get(marks.ATTEMPT, "1") or "1"
    name = derived_name(f"{vm}-{device.rpartition('/')[2]}-{moment}", "/".join((region, vm, moment, device, attempt, SNAPSHOT)))
    return RecoveryPoint(**{**vars(found), "name": name, "marks": own, "device": device})


def _note(group: Wire) -> Document:
    try:
        found = json.loads(str(group.get("Description") or ""))
    except (ValueError, RecursionError):
        found = {}
    valid = isinstance(found, dict) and found.get("v") == VERSION and isinstance(found.get("m"), dict)
    return found if valid else {"m": {}}
