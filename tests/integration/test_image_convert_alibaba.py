# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module image_convert on Alibaba Cloud ECS: exports, imports, second runs, check mode, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .image_runs import BUCKET, EXPORT_ROLE, IMPORT_ROLE, ImageRun, ImageWorld, convert, image_simulator, image_world

__all__ = ["convert", "image_simulator", "image_world"]

Convert = Callable[..., ImageRun]
EXPORT: dict[str, Any] = {"source": "golden", "bucket": BUCKET, "object_prefix": "gold"}
IMPORT: dict[str, Any] = {"source_object": "web.qcow2", "bucket": BUCKET, "image_name": "web-latest"}
SUFFIX = {"raw": ".raw.tar.gz", "vhd": ".vhd", "qcow2": ".qcow2", "vmdk": ".vmdk", "vdi": ".vdi"}
NOTED = ["TagResources", "ExportImage", "TagResources", "TagResources"]


# -- Exports


@pytest.mark.parametrize("form", sorted(SUFFIX))
def test_image_is_exported_in_every_format_and_a_second_run_changes_nothing(convert: Convert, image_world: ImageWorld, form: str) -> None:
    asked = {**EXPORT, "format": form}
    checked = convert("CREATE", how={"check": True}, **asked).ok
    assert checked["changed"]
    assert checked.changes == []
    run = convert("CREATE", **asked).ok
    assert run.changes == NOTED
    assert set(run["image"]) == set(checked["image"])
    shown = run["image"]
    assert (shown["name"], shown["uid"], shown["status"], shown["format"], shown["percent"]) == ("golden", "m-golden", "succeeded", form, 100)
    assert image_world.objects == [f"gold_m-golden_system{SUFFIX[form]}"]
    again = convert("CREATE", **asked)
    assert again.is_unchanged()
    assert again["image"] == shown
    assert convert("CREATE", how={"check": True}, **asked).is_unchanged()


def test_format_is_raw_without_one_and_another_export_is_another(convert: Convert, image_world: ImageWorld) -> None:
    assert convert("CREATE", **EXPORT).ok["image"]["format"] == "raw"
    assert convert("CREATE", **{**EXPORT, "object_prefix": "other"}).ok["changed"]
    assert convert("CREATE", **{**EXPORT, "format": "raw", "source": "m-golden"}).is_unchanged()
    assert len(image_world.exports()) == 2


def test_message_says_which_engine_and_why(convert: Convert) -> None:
    assert "native, chosen because" in convert("CREATE", **EXPORT).ok.message
    assert "native, chosen because" in convert("CREATE", **EXPORT).ok.message
    assert convert("CREATE", **EXPORT, engine="native").ok.message.endswith("Engine native")


def test_snapshot_is_exported_by_way_of_an_image_that_is_deleted_again(convert: Convert, image_world: ImageWorld) -> None:
    run = convert("CREATE", **{**EXPORT, "source": "s-system"}).ok
    assert run.changes == ["CreateImage", *NOTED, "TagResources", "DeleteImage"]
    assert run["image"]["source"] == "s-system"
    assert image_world.image_names == ["golden"]
    assert [item["id"] for item in image_world.all("snapshots")] == ["s-system"]
    assert convert("CREATE", **{**EXPORT, "source": "s-system"}).is_unchanged()


@pytest.mark.parametrize("by", ["name", "id"])
def test_instance_is_exported_and_its_temporary_snapshots_go(convert: Convert, image_world: ImageWorld, by: str) -> None:
    asked = {**EXPORT, "source": "web" if by == "name" else image_world.instance}
    run = convert("CREATE", **asked).ok
    assert run.changes == ["CreateImage", *NOTED, "TagResources", "TagResources", "DeleteImage", "DeleteSnapshot", "DeleteSnapshot"]
    assert image_world.image_names == ["golden"]
    assert [item["id"] for item in image_world.all("snapshots")] == ["s-system"]
    assert len(image_world.objects) == 2
    assert convert("CREATE", **asked).is_unchanged()


def test_without_wait_the_export_is_left_to_the_provider(convert: Convert, image_world: ImageWorld) -> None:
    image_world.control.settings(operation_s_of={"ExportImage": 3600})
    run = convert("CREATE", **EXPORT, wait=False).ok
    assert run["changed"]
    assert run["image"]["status"] in ("pending", "running")
    assert "was not waited for" in run.message
    assert convert("CREATE", **EXPORT, wait=False).is_unchanged()
    late = convert("CREATE", **EXPORT, wait_timeout=2)
    (task,) = image_world.exports()
    assert late.result.kind == "WaitTimeout"
    assert task["TaskId"] in late.message
    assert "run the task again to keep waiting" in late.message
    assert late["image"]["percent"] == 50
    image_world.control.advance(3600)
    done = convert("CREATE", **EXPORT)
    assert done.is_unchanged()
    assert done["image"]["status"] == "succeeded"
    assert len(image_world.exports()) == 1
    assert convert("CREATE", **{**EXPORT, "source": "s-system"}, wait=False).is_refused("wait: true")


def test_failed_export_is_tried_again_with_a_warning(convert: Convert, image_world: ImageWorld) -> None:
    image_world.control.add_fault("operation", route="ExportImage", error={"code": "x"})
    failed = convert("CREATE", **EXPORT)
    assert failed.result.kind == "ProviderFailure"
    assert "ExportImageFailed" in failed.message
    again = convert("CREATE", **EXPORT).ok
    assert "failed" in again.result.warnings
    assert again["image"]["status"] == "succeeded"
    assert len(image_world.exports()) == 2


def test_export_of_somebody_else_is_waited_for(convert: Convert, image_world: ImageWorld) -> None:
    image_world.control.settings(operation_s_of={"ExportImage": 2})
    assert convert("CREATE", **{**EXPORT, "object_prefix": "other"}, wait=False).ok["changed"]
    assert convert("CREATE", **EXPORT, wait=False).is_refused("another export", image_world.exports()[0]["TaskId"])
    assert convert("CREATE", **EXPORT).ok["image"]["status"] == "succeeded"
    assert len(image_world.exports()) == 2


REFUSALS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"source": "nothing"}, ("nothing", "no image, snapshot or instance")),
    ({"source": "s-none"}, ("s-none",)),
    ({"source": "m-five"}, ("5 data disks",)),
    ({"source": "m-large"}, ("501 GiB",)),
    ({"source": "debian_12_11_x64_20G_alibase_20251030.vhd"}, ("not a custom image",)),
    ({"source": "s-data"}, ("data disk",)),
    ({"source": None}, ("source", "source_object")),
    ({"source_object": "web.qcow2"}, ("source", "source_object")),
    ({"object_prefix": "a-b"}, ("object_prefix",)),
    ({"bucket": "Upper"}, ("bucket",)),
    ({"bucket": None}, ("bucket",)),
    ({"name": "other"}, ("name",)),
]


@pytest.mark.parametrize(("options", "words"), REFUSALS, ids=[str(options) for options, _words in REFUSALS])
def test_export_is_refused_before_anything_is_sent(convert: Convert, image_world: ImageWorld, options: dict[str, Any], words: tuple[str, ...]) -> None:
    image_world.put_image("five", "m-five", data=5)
    image_world.put_image("large", "m-large", data=1, size=501)
    image_world.merge(snapshots=[{"id": "s-data", "SourceDiskType": "data", "SourceDiskSize": "40", "Status": "accomplished"}])
    assert convert("CREATE", **{**EXPORT, **options}).is_refused(*words)


CODES = {
    "ConcurrentQuotaExceed.ExportImage": "Too many exports run at once",
    "WeeklyQuotaExceed.ExportImage": "this week",
    "InvalidImageFormat.RegionNotSupported": "set format: raw",
    "InvalidOSSBucket.EncryptUnsupported": "without server-side encryption",
    "ImageNotSupported": "Only custom images",
}


@pytest.mark.parametrize("code", sorted(CODES))
def test_refusal_of_the_provider_is_explained_and_leaves_no_note(convert: Convert, image_world: ImageWorld, code: str) -> None:
    image_world.control.add_fault("status", route="ExportImage", status=403, reason=code)
    run = convert("CREATE", **EXPORT)
    assert run.result.failed
    assert CODES[code] in run.message
    assert run["error"]["code"] == code
    assert run.changes == ["TagResources", "ExportImage", "UntagResources"]
    assert image_world.image("golden")["tags"] == {}
    assert convert("CREATE", **EXPORT).ok["changed"]


def test_missing_role_and_bucket_of_another_region_are_explained(convert: Convert, image_world: ImageWorld) -> None:
    run = convert("CREATE", **EXPORT, ram_role="own-role")
    assert all(word in run.message for word in ("own-role", "AliyunECSImageExportRolePolicy", "ecs.aliyuncs.com"))
    run = convert("CREATE", **{**IMPORT, "ram_role": "own-role"})
    assert all(word in run.message for word in ("own-role", "AliyunECSImageImportRolePolicy"))
    assert "region" in convert("CREATE", **{**EXPORT, "bucket": "elsewhere"}).message
    assert EXPORT_ROLE != IMPORT_ROLE


# -- Imports


def test_object_is_imported_and_a_second_run_changes_nothing(convert: Convert, image_world: ImageWorld) -> None:
    machine = {"os_type": "linux", "architecture": "arm64", "boot_mode": "UEFI", "disk_size_gb": 50}
    asked = {**IMPORT, "tags": {"a": "b"}, "description": "from elsewhere", **machine}
    checked = convert("CREATE", how={"check": True}, **asked).ok
    assert checked["changed"]
    assert checked.changes == []
    run = convert("CREATE", **asked).ok
    assert run.changes == ["ImportImage"]
    shown = run["image"]
    assert set(shown) == set(checked["image"])
    assert (shown["status"], shown["bucket"], shown["objects"], shown["format"], shown["tags"]) == ("succeeded", BUCKET, ["web.qcow2"], "qcow2", {"a": "b"})
    assert (shown["architecture"], shown["boot_mode"], shown["description"], shown["size_gb"]) == ("arm64", "UEFI", "from elsewhere", 50)
    # Alibaba Cloud may spell it otherwise afterwards.
    image_world.merge(images=[{"id": shown["uid"], "Architecture": "ARM 64", "BootMode": "UEFI-Preferred"}])
    assert convert("CREATE", **asked).is_unchanged()
    assert convert("CREATE", **{**asked, "boot_mode": "BIOS"}, previous_image="fail").is_refused("boot_mode")
    changed = convert("CREATE", **{**asked, "tags": {"a": "c"}, "description": "another text"}).ok
    assert changed.changes == ["TagResources", "ModifyImageAttribute"]
    assert convert("CREATE", **{**asked, "tags": {"a": "c"}, "description": "another text"}).is_unchanged()


def test_previous_image_keeps_its_name_until_the_new_one_is_available(convert: Convert, image_world: ImageWorld) -> None:
    image_world.put_image("web-latest", "m-old", CreationTime="2026-02-03T04:05:06Z")
    image_world.control.add_fault("operation", route="ImportImage", error={"code": "x"})
    failed = convert("CREATE", **IMPORT)
    assert failed.result.failed
    assert "m-old" in failed.message
    assert image_world.image("web-latest")["ImageId"] == "m-old"
    checked = convert("CREATE", how={"check": True}, **IMPORT).ok
    assert "web-latest-20260203-040506" in checked.message
    run = convert("CREATE", **IMPORT).ok
    assert run.changes == ["DeleteImage", "ImportImage", "ModifyImageAttribute", "ModifyImageAttribute"]
    assert image_world.image_names == ["golden", "web-latest", "web-latest-20260203-040506"]
    assert image_world.image("web-latest-20260203-040506")["ImageId"] == "m-old"
    assert run["image"]["name"] == "web-latest"
    assert convert("CREATE", **IMPORT).is_unchanged()


def test_options_of_the_other_direction_are_warned_of(convert: Convert) -> None:
    run = convert("CREATE", **EXPORT, tags={"a": "b"}, platform="Debian", uid="m-1").ok
    assert all(f"option {name} is not used" in run.result.warnings for name in ("tags", "platform", "uid"))
    assert "option object_prefix is not used" in convert("CREATE", **IMPORT, object_prefix="x").ok.result.warnings


def test_image_that_instances_use_is_not_deleted_in_passing(convert: Convert, image_world: ImageWorld) -> None:
    image_world.put_image("web-latest", "m-old")
    image_world.merge(instances=[{"id": image_world.instance, "ImageId": "m-old"}])
    assert convert("CREATE", **IMPORT, previous_image="delete").is_refused("instances", "rename")
    assert convert("DELETE", name="web-latest").is_refused("instances", "force")
    assert convert("CREATE", **IMPORT).ok["changed"]


def test_previous_image_can_be_deleted_or_be_in_the_way(convert: Convert, image_world: ImageWorld) -> None:
    image_world.put_image("web-latest", "m-old")
    assert convert("CREATE", **IMPORT, previous_image="fail").is_refused("m-old", "previous_image")
    assert convert("CREATE", **IMPORT, wait=False).is_refused("wait: true")
    run = convert("CREATE", **IMPORT, previous_image="delete").ok
    assert run.changes[-1] == "DeleteImage"
    assert image_world.image_names == ["golden", "web-latest"]
    assert convert("CREATE", **IMPORT, previous_image="delete").is_unchanged()
    assert convert("CREATE", **IMPORT).is_unchanged()


def test_old_name_is_put_back_when_the_new_image_cannot_take_it(convert: Convert, image_world: ImageWorld) -> None:
    image_world.put_image("web-latest", "m-old")
    image_world.control.add_fault("status", route="ModifyImageAttribute", nth=2, status=403, reason="Forbidden.RAM")
    run = convert("CREATE", **IMPORT)
    assert run.result.failed
    assert 'The name "web-latest" is that of m-old' in run.message
    assert image_world.image("web-latest")["ImageId"] == "m-old"
    assert convert("CREATE", **IMPORT).ok["changed"]
    assert image_world.image("web-latest")["ImageId"] != "m-old"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"source_object": "odd.bin"}, ("format",)),
        ({"source_object": "golden.raw.tar.gz"}, ("packed",)),
        ({"format": "vmdk"}, ("vmdk",)),
        ({"image_name": None}, ("image_name",)),
        ({"image_name": "1st"}, ("image_name",)),
        ({"name": "other"}, ("do not agree",)),
        ({"tags": {"mcr-x": "y"}}, ("tags",)),
        ({"description": "x"}, ("description",)),
    ],
)
def test_import_is_refused_before_anything_is_sent(convert: Convert, options: dict[str, Any], words: tuple[str, ...]) -> None:
    assert convert("CREATE", **{**IMPORT, **options}).is_refused(*words)


def test_missing_object_is_explained(convert: Convert) -> None:
    run = convert("CREATE", **{**IMPORT, "source_object": "none.vhd"})
    assert "whole key" in run.message
    assert run["error"]["code"] == "InvalidOSSObject.NotFound"


# -- Every option on the wire


def sent(run: ImageRun, action: str) -> dict[str, Any]:
    """The parameters of the only request of an action."""
    (entry,) = [entry for entry in run.requests if entry["route"] == action]
    return dict(entry["body"])


def test_options_of_an_export_are_sent(convert: Convert, image_world: ImageWorld) -> None:
    image_world.merge(roles={"own-role": {}})
    body = sent(convert("CREATE", **EXPORT, format="vdi", ram_role="own-role").ok, "ExportImage")
    wanted = {"ImageId": "m-golden", "OSSBucket": BUCKET, "OSSPrefix": "gold", "ImageFormat": "vdi", "RoleName": "own-role"}
    assert {name: body[name] for name in wanted} == wanted
    body = sent(convert("CREATE", source="golden", bucket=BUCKET).ok, "ExportImage")
    assert (body["ImageFormat"], body["RoleName"], body.get("OSSPrefix")) == ("raw", EXPORT_ROLE, None)


def test_options_of_an_import_are_sent(convert: Convert, image_world: ImageWorld) -> None:
    image_world.merge(roles={"own-role": {}})
    machine = {"os_type": "windows", "platform": "Windows Server 2022", "architecture": "x86_64", "boot_mode": "UEFI", "disk_size_gb": 60}
    given = {**IMPORT, **machine, "source_object": "odd.bin", "format": "raw", "description": "a text", "ram_role": "own-role"}
    run = convert("CREATE", **given).ok
    body = sent(run, "ImportImage")
    wanted = {
        "ImageName": "web-latest",
        "OSType": "windows",
        "Platform": "Windows Server 2022",
        "Architecture": "x86_64",
        "BootMode": "UEFI",
        "Description": "a text",
        "RoleName": "own-role",
        "DiskDeviceMapping.1.OSSBucket": BUCKET,
        "DiskDeviceMapping.1.OSSObject": "odd.bin",
        "DiskDeviceMapping.1.Format": "RAW",
        "DiskDeviceMapping.1.DiskImageSize": "60",
    }
    assert {name: body[name] for name in wanted} == wanted
    assert body["ClientToken"]
    assert convert("CREATE", **given).is_unchanged()
    least = sent(convert("CREATE", **{**IMPORT, "image_name": None, "name": "other"}).ok, "ImportImage")
    assert (least["ImageName"], least["DiskDeviceMapping.1.Format"], least["RoleName"]) == ("other", "QCOW2", IMPORT_ROLE)
    assert not {"OSType", "Platform", "Architecture", "BootMode", "Description", "DiskDeviceMapping.1.DiskImageSize"} & set(least)


# -- Looking and deleting


def test_images_are_looked_at_with_their_exports(convert: Convert, image_world: ImageWorld) -> None:
    image_world.put_image("silver", "m-silver")
    image_world.control.settings(operation_s_of={"ExportImage": 3600})
    convert("CREATE", **EXPORT, wait=False)
    one = convert("INSPECT_ONE", name="golden").ok["image"]
    assert (one["percent"], one["task_id"], one["status"]) == (50, image_world.exports()[0]["TaskId"], "succeeded")
    (export,) = one["exports"]
    assert (export["status"], export["percent"], export["bucket"], export["object_prefix"], export["format"]) == ("running", 50, BUCKET, "gold", "raw")
    listed = convert("INSPECT_ALL").ok["images"]
    assert [item["name"] for item in listed] == ["golden", "silver"]
    assert listed[0] == one
    assert [item["name"] for item in convert("INSPECT_ALL", name_filter="ilv").ok["images"]] == ["silver"]
    assert convert("INSPECT_ALL", status=["Creating"]).ok["images"] == []
    assert convert("INSPECT_ALL", status=["odd"]).is_refused("odd")
    assert convert("INSPECT_ONE", uid="m-none").result.kind == "NotFound"
    for uid in ("m-golden", "m-none"):
        assert convert("INSPECT_ONE", uid=uid, name="silver").is_refused("do not agree")
        assert convert("DELETE", uid=uid, name="silver").is_refused("do not agree")


def test_deletion_takes_the_snapshots_that_the_import_made_and_no_others(convert: Convert, image_world: ImageWorld) -> None:
    convert("CREATE", **IMPORT)
    checked = convert("DELETE", name="web-latest", how={"check": True}).ok
    assert checked["changed"]
    assert checked.changes == []
    (snapshot,) = [item["id"] for item in image_world.all("snapshots") if item["id"] != "s-system"]
    assert snapshot in checked.message
    run = convert("DELETE", name="web-latest").ok
    assert snapshot in run.message
    assert run.changes == ["TagResources", "DeleteImage", "DeleteSnapshot"]
    assert run["image"] == {}
    run = convert("DELETE", name="golden").ok
    assert run.changes == ["DeleteImage"]
    assert "These snapshots stay: s-system" in run.message
    assert [item["id"] for item in image_world.all("snapshots")] == ["s-system"]
    for name in ("golden", "web-latest"):
        assert convert("DELETE", name=name).is_unchanged()


def test_copied_note_does_not_make_a_snapshot_deletable(convert: Convert, image_world: ImageWorld) -> None:
    convert("CREATE", **IMPORT)
    image_world.merge(images=[{"id": "m-golden", "tags": image_world.image("web-latest")["tags"]}])
    assert convert("DELETE", name="golden").ok.changes == ["DeleteImage"]


def test_deletion_cancels_a_task_and_ignores_instances_only_by_force(convert: Convert, image_world: ImageWorld) -> None:
    image_world.control.settings(operation_s_of={"ExportImage": 3600})
    convert("CREATE", **EXPORT, wait=False)
    image_world.merge(instances=[{"id": image_world.instance, "ImageId": "m-golden"}])
    assert convert("DELETE", name="golden").is_refused("under way", "force")
    assert convert("DELETE", name="golden", force=True).ok.changes == ["CancelTask", "DeleteImage"]
    assert image_world.image_names == []


def test_tags_protect_from_deletion(convert: Convert) -> None:
    assert convert("DELETE", name="golden", tags={"a": "b"}).is_refused("does not carry")
