# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports and imports of images: what is taken for an export that is under way, what notes say, and which snapshots go with an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.images import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.images.export import ImageExport
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.images.imports import format_of
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.images.marks import Mark, Target, mark_for, parse
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.images.records import image_record
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.images.removal import Removal
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.images.source import find_source
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.images.wire import Image, Images, objects_of, task_status, why_failed
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AmbiguousName,
    Conflict,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ProviderFailure,
    RecoveryError,
)

from tests.unit.fakes import FakeClock

Wire = dict[str, Any]

TARGET = Target("bucket", "gold", "qcow2")
OTHER = Target("bucket", "other", "raw")
OPTIONS = {"wait": True, "wait_timeout": 600, "ram_role": None, "tags": None, "force": False, "name": "golden", "uid": None}


class FakeClient:
    """The lists of a region. ``sent`` are the changes; ``fails`` the errors of actions, raised after ``lost`` was added to the tasks."""

    region = "cn-hangzhou"

    def __init__(self) -> None:
        self.lists: dict[str, list[Wire]] = {name: [] for name in ("Image", "Task", "Snapshot", "Instance", "Disk")}
        self.attributes: dict[str, Wire] = {}
        self.sent: list[tuple[str, Wire]] = []
        self.fails: dict[str, RecoveryError] = {}
        self.lost: list[Wire] = []

    def listed(self, _what: str, _action: str, path: tuple[str, ...], params: Mapping[str, Any]) -> Iterator[Wire]:
        return iter(list(self.lists[path[1]]))

    def read(self, _what: str, _action: str, params: Mapping[str, Any]) -> Wire:
        uid = str(params["TaskId"])
        task = next((task for task in self.lists["Task"] if task["TaskId"] == uid), None)
        if task is None:
            raise NotFound("no such task")
        return {**task, **self.attributes.get(uid, {})}

    def change(self, _what: str, action: str, params: Mapping[str, Any], **_how: Any) -> Wire:
        self.sent.append((action, dict(params)))
        self.lists["Task"] += self.lost
        if action in self.fails:
            raise self.fails.pop(action)
        return {"TaskId": "t-new"}


def image(uid: str = "m-1", name: str = "golden", **more: Any) -> Wire:
    tags = [{"TagKey": key, "TagValue": value} for key, value in more.pop("tags", {}).items()]
    return {"ImageId": uid, "ImageName": name, "Status": "Available", "ImageOwnerAlias": "self", "Tags": {"Tag": tags}, **more}


def task(uid: str, status: str = "Processing", minute: int = 0, **more: Any) -> Wire:
    made = f"2026-03-01T02:{minute:02}Z"
    return {"TaskId": uid, "TaskAction": "ExportImage", "TaskStatus": status, "ResourceId": "m-1", "CreationTime": made, **more}


def told(*objects: str) -> Wire:
    """What DescribeTaskAttribute tells of objects."""
    return {"OperationProgressSet": {"OperationProgress": [{"RelatedItemSet": {"RelatedItem": [{"Name": "OSSObject", "Value": key} for key in objects]}}]}}


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


def make_task(**options: Any) -> Task:
    return Task("image", "CREATE", "alibaba_ecs", {**OPTIONS, **options})


def export(client: FakeClient, clock: FakeClock | None = None, **options: Any) -> ImageExport:
    images = Images(cast(Any, client))
    return ImageExport(make_task(**options), (clock or FakeClock()).waiter(600), images, TARGET, lambda: Image(client.lists["Image"][0]))


def intent(newest: str = "") -> dict[str, str]:
    return {TARGET.key: mark_for(TARGET, marks.EXPORTING, newest)}


# -- Notes


@pytest.mark.parametrize("mark", [Mark("task", "t-1", "raw", "bucket", "gold"), Mark("finished", "t-1", "raw", "b", ""), Mark("exporting", "")])
def test_note_is_read_as_it_was_written(mark: Mark) -> None:
    assert parse(str(mark)) == mark


def test_note_that_is_too_long_loses_what_is_for_people_only() -> None:
    text = mark_for(Target("b" * 63, "p" * 30, "qcow2"), marks.FINISHED, "t-" + "x" * 30)
    assert len(text) <= 128
    assert parse(text) == Mark("finished", "t-" + "x" * 30, "qcow2", "b" * 63)


@pytest.mark.parametrize("text", ["", "done", "other:t-1", "a:b:c:d:e:f", None])
def test_tag_of_somebody_else_is_no_note(text: str | None) -> None:
    assert parse(text) is None


def test_every_part_of_a_target_makes_another_export() -> None:
    keys = {Target(*parts).key for parts in (("a", "b", "raw"), ("x", "b", "raw"), ("a", "x", "raw"), ("a", "b", "vhd"))}
    assert len(keys) == 4
    assert TARGET.digest_with("s-1") != TARGET.digest_with("s-2")


# -- What is taken for the export


def test_task_that_is_newer_than_the_intent_is_the_lost_one(client: FakeClient) -> None:
    client.lists["Image"] = [image(tags=intent("t-old"))]
    client.lists["Task"] = [task("t-new", minute=5), task("t-old", "Finished", 3), task("t-older", "Finished", 1)]
    state = export(client).look()
    assert state.lost
    assert state.lost["TaskId"] == "t-new"
    assert state.others == []


@pytest.mark.parametrize("objects", [("another_m-1.qcow2",), ("gold_m-1.vhd",)])
def test_task_with_objects_of_another_export_is_not_the_lost_one(client: FakeClient, objects: tuple[str, ...]) -> None:
    client.lists["Image"], client.lists["Task"] = [image(tags=intent())], [task("t-new")]
    client.attributes["t-new"] = told(*objects)
    state = export(client).look()
    assert state.lost is None
    assert [other["TaskId"] for other in state.others] == ["t-new"]
    client.attributes["t-new"] = told("gold_m-1_system.qcow2")
    assert export(client).look().lost


def test_task_that_another_export_has_noted_is_not_the_lost_one(client: FakeClient) -> None:
    client.lists["Image"] = [image(tags={**intent(), OTHER.key: mark_for(OTHER, marks.RUNS, "t-new")})]
    client.lists["Task"] = [task("t-new")]
    assert export(client).look().lost is None


def test_finished_note_needs_no_task(client: FakeClient) -> None:
    client.lists["Image"] = [image(tags={TARGET.key: mark_for(TARGET, marks.FINISHED, "t-gone")})]
    state = export(client).look()
    assert state.status == "succeeded"
    assert export(client).steps(state) == []


def test_noted_task_that_is_not_known_any_more_is_no_success(client: FakeClient) -> None:
    client.lists["Image"] = [image(tags={TARGET.key: mark_for(TARGET, marks.RUNS, "t-gone")})]
    made = export(client)
    with pytest.raises(ProviderFailure, match="t-gone.*another object_prefix"):
        made.steps(made.look())


def test_task_of_a_lost_answer_is_taken_and_nothing_is_sent_again(client: FakeClient) -> None:
    client.lists["Image"], client.lists["Task"] = [image()], [task("t-old", "Finished")]
    client.fails["ExportImage"], client.lost = OutcomeUnknown("the answer was lost."), [task("t-lost", minute=2)]
    made = export(client)
    made._own_intent = True
    made._export()
    assert made._task_id == "t-lost"
    assert [action for action, _params in client.sent] == ["ExportImage"]


def test_lost_answer_without_a_task_says_so(client: FakeClient) -> None:
    client.lists["Image"] = [image()]
    client.fails["ExportImage"] = OutcomeUnknown("the answer was lost.")
    clock = FakeClock()
    made = export(client, clock)
    made._own_intent = True
    with pytest.raises(OutcomeUnknown) as caught:
        made._export()
    assert "No task of it was seen afterwards" in caught.value.message
    assert 10 <= sum(clock.pauses) <= 20


def test_export_that_somebody_else_has_begun_since_is_a_conflict(client: FakeClient) -> None:
    client.lists["Image"] = [image()]
    client.fails["ExportImage"] = Conflict("the image is exporting.", code="ImageIsExporting")
    made = export(client)
    made._own_intent = True
    with pytest.raises(Conflict) as caught:
        made._export()
    assert "Another export of this image is under way" in caught.value.message


def test_words_of_tasks() -> None:
    assert [task_status({"TaskStatus": word}) for word in ("Finished", "Failed", "Deleted", "Processing", "Paused")] == [
        "succeeded",
        "failed",
        "failed",
        "running",
        "running",
    ]
    assert objects_of(told("a", "b")) == ["a", "b"]
    failed = {"OperationProgressSet": {"OperationProgress": [{"ErrorCode": "X", "ErrorMsg": "no space"}]}}
    assert why_failed(failed) == ": no space (X)"
    assert why_failed({}) == ", without an explanation"


def test_exports_are_shown_with_their_tasks() -> None:
    tags = {TARGET.key: mark_for(TARGET, marks.RUNS, "t-1"), OTHER.key: mark_for(OTHER, marks.RUNS, "t-gone"), **{"a": "b"}}
    running = task("t-1", TaskProcess="40%")
    record = image_record("cn-hangzhou", Image(image(tags=tags), (running,)))
    assert record.tags == {"a": "b"}
    assert (record.details["task_id"], record.details["percent"]) == ("t-1", 40)
    assert [(each["status"], each["percent"]) for each in record.details["exports"]] == [("running", 40), ("unknown", None)]


# -- Sources


def test_name_of_an_image_and_an_instance_is_ambiguous(client: FakeClient) -> None:
    client.lists["Image"], client.lists["Instance"] = [image()], [{"InstanceId": "i-1", "InstanceName": "golden"}]
    with pytest.raises(AmbiguousName, match="m-1.*i-1"):
        find_source(Images(cast(Any, client)), "golden")
    client.lists["Instance"] = [{"InstanceId": f"i-{number}", "InstanceName": "web"} for number in (1, 2)]
    with pytest.raises(AmbiguousName, match="i-1, i-2"):
        find_source(Images(cast(Any, client)), "web")


def test_part_of_a_name_is_no_name(client: FakeClient) -> None:
    client.lists["Image"], client.lists["Instance"] = [image(name="golden-2")], [{"InstanceId": "i-1", "InstanceName": "golden-3"}]
    with pytest.raises(NotFound):
        find_source(Images(cast(Any, client)), "golden")


@pytest.mark.parametrize(("key", "given", "form"), [("a.RAW", None, "raw"), ("a.vhd", None, "vhd"), ("a", "qcow2", "qcow2"), ("a.raw", "vhd", "vhd")])
def test_format_of_an_object(key: str, given: str | None, form: str) -> None:
    assert format_of(key, given) == form


@pytest.mark.parametrize(("key", "given"), [("a.vmdk", None), ("a", None), ("a.raw.tar.gz", None), ("a.raw", "vdi")])
def test_object_that_cannot_be_imported_is_refused(key: str, given: str | None) -> None:
    with pytest.raises(InvalidRequest):
        format_of(key, given)


# -- Snapshots that go with an image


ORIGIN = {"ImportOSSBucket": "bucket", "ImportOSSObject": "web.vhd"}
IMPORTED = {marks.IMPORTED: marks.origin("bucket", "web.vhd")}
MADE = {marks.MADE_FOR: "instance:i-1"}
AT = "2026-03-01T02:00:00Z"


@pytest.mark.parametrize(
    ("tags", "origin", "snapshot", "goes"),
    [
        (IMPORTED, ORIGIN, {}, True),
        (IMPORTED, ORIGIN, {"SourceDiskId": "d-1"}, False),
        (IMPORTED, {}, {}, False),
        (IMPORTED, {**ORIGIN, "ImportOSSObject": "other.vhd"}, {}, False),
        ({}, ORIGIN, {}, False),
        (MADE, {}, {"SourceDiskId": "d-1", "CreationTime": AT}, True),
        (MADE, {}, {"SourceDiskId": "d-1", "CreationTime": "2026-03-01T01:00:00Z"}, False),
        (MADE, {}, {"CreationTime": AT}, False),
        ({marks.MADE_FOR: "snapshot:s-1"}, {}, {"SourceDiskId": "d-1", "CreationTime": AT}, False),
    ],
)
def test_only_what_this_collection_made_goes_with_an_image(client: FakeClient, tags: dict[str, str], origin: Wire, snapshot: Wire, goes: bool) -> None:
    disks = {"DiskDeviceMapping": [{"SnapshotId": "s-1", "Type": "system", **origin}]}
    found = Image(image(tags=tags, DiskDeviceMappings=disks, CreationTime=AT))
    client.lists["Image"], client.lists["Snapshot"] = [found.wire], [{"SnapshotId": "s-1", **snapshot}]
    plan = Removal(make_task(), FakeClock().waiter(600), Images(cast(Any, client))).plan(found)
    names = [step.name for step in plan.steps]
    assert ("delete the image's snapshots" in names) is goes
    assert ("These snapshots stay: s-1" in str(plan.note)) is not goes
    assert names[-1 if not goes else -2] == "delete image"


def test_image_of_instances_is_deleted_only_by_force(client: FakeClient) -> None:
    found = Image(image(Usage="instance"))
    client.lists["Image"] = [found.wire]
    with pytest.raises(Conflict, match="force"):
        Removal(make_task(), FakeClock().waiter(600), Images(cast(Any, client))).plan(found)
    assert Removal(make_task(force=True), FakeClock().waiter(600), Images(cast(Any, client))).plan(found).changes
