# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""image_convert from playbooks: its examples as they stand, the playbooks of the collection, its permissions, a cancelled task, and secrets."""

from __future__ import annotations

import importlib
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness import ROOT
from tests.harness.modules import Modules
from tests.harness.playbooks import Playbooks, WarmPlaybooks, play
from tests.harness.worlds import eventually
from tests.simulator.server import running_simulator

from .image_runs import BUCKET, ImageRun, ImageWorld, image_simulator, image_world

__all__ = ["image_simulator", "image_world"]

MODULE = importlib.import_module("ansible_collections.multicloud.recovery.plugins.modules.image_convert")
# In the order of the documentation, where each finds what those before it left: whether it changes something, and what is true then.
EXAMPLES: dict[str, tuple[bool, str]] = {
    "Export an image as qcow2": (True, "said.image.format == 'qcow2' and said.image.percent == 100"),
    "Export the system disk as a snapshot has it": (True, "said.image.source == 's-bp67acfmxazb4ph00001' and said.image.format == 'raw'"),
    "Export an instance with all its disks": (True, "said.image.name == 'shop-web' and said.image.status == 'succeeded'"),
    "Import an image, and keep the one that had the name": (True, "said.image.name == 'web-latest' and said.image.objects == ['web.qcow2']"),
    "Look at an image, and at how far its exports are": (False, "said.image.exports | length == 1"),
    "List the images for the web servers that can be used": (False, "said.images | map(attribute='name') | sort == ['web-latest', 'web-old']"),
    "Delete an image, if it is one for the web servers": (True, "said.image == {}"),
}


STEPS = ("Create", "Create again", "Change", "Change again", "Delete", "Delete again")


def test_twelve_steps(warm_playbooks: WarmPlaybooks, image_world: ImageWorld) -> None:
    variables = {"simulator_control": f"{image_world.simulator.url}/_control", "name_prefix": "it"}
    outcome = warm_playbooks.run([play(roles=["image_convert"])], environ=image_world.environment, variables=variables)
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    played = [entry["task"].partition(" : ")[2] for entry in outcome.tasks if entry["action"] == "multicloud.recovery.image_convert"]
    assert [name for name in played if ": " in name] == [f"{mode}: {step}" for step in STEPS for mode in ("In check mode", "For real")]
    assert image_world.image_names == ["golden"]
    assert [item["id"] for item in image_world.all("snapshots")] == ["s-system"]
    assert image_world.violations() == []


@pytest.fixture
def shop(image_world: ImageWorld) -> ImageWorld:
    """What the examples speak of."""
    image_world.merge(
        buckets={"shop-images": "cn-hangzhou"},
        objects=[{"bucket": "shop-images", "object": "web.qcow2", "size": 1000}],
        instances=[{"id": image_world.instance, "InstanceName": "shop-web"}],
        snapshots=[{"id": "s-bp67acfmxazb4ph00001", "SourceDiskType": "system", "SourceDiskSize": "40", "Status": "accomplished"}],
    )
    image_world.put_image("shop-golden", "m-shop")
    image_world.put_image("web-latest", "m-latest", CreationTime="2026-02-03T04:05:06Z")
    image_world.put_image("web-old", "m-old")
    image_world.merge(images=[{"id": "m-old", "tags": {"purpose": "web"}}])
    return image_world


def test_examples_run_as_they_stand_and_twice(warm_playbooks: WarmPlaybooks, shop: ImageWorld) -> None:
    shown = yaml.safe_load(MODULE.EXAMPLES)
    assert [example["name"] for example in shown] == list(EXAMPLES)
    tasks: list[dict[str, Any]] = []
    for example in shown:
        changed, truth = EXAMPLES[example["name"]]
        # The second time is the example pasted twice.
        checks = [f"said is changed == {changed}", truth], ["said is not changed", truth]
        tasks += [
            task
            for check in checks
            for task in ({**example, "register": "said"}, {"name": f"after {example['name']}", "ansible.builtin.assert": {"that": check}})
        ]
    environ = {**shop.environment, "SHOP_KEY_ID": f"sim-{shop.account}", "SHOP_KEY_SECRET": f"secret-{shop.account}"}
    outcome = warm_playbooks.run([play(*tasks)], environ=environ)
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    assert shop.violations() == []
    assert shop.image_names == ["golden", "shop-golden", "web-latest", "web-latest-20260203-040506"]


PLAYBOOKS = {
    "export_image": {"source": "golden", "bucket": BUCKET, "object_prefix": "gold", "format": "vmdk"},
    "import_image": {
        "source_object": "web.qcow2",
        "bucket": BUCKET,
        "image_name": "web-latest",
        "previous_image": "fail",
        "image_tags": {"a": "b"},
        "disk_size_gb": "50",
        "platform": "Debian",
    },
}


def head(name: str) -> list[str]:
    """The variables that the comment at the top of a playbook lists."""
    text = (ROOT / "playbooks" / f"{name}.yml").read_text().partition("- name:")[0]
    return [word for line in re.findall(r"^# ([a-z_, ]+?)  +\S", text, re.MULTILINE) for word in line.split(", ")]


@pytest.mark.parametrize("name", sorted(PLAYBOOKS))
def test_playbook_does_it_and_a_second_time_nothing(playbooks: Playbooks, image_world: ImageWorld, name: str) -> None:
    path = ROOT / "playbooks" / f"{name}.yml"
    # A survey of AWX gives those that nobody fills in, empty.
    variables = {**dict.fromkeys(head(name), ""), **PLAYBOOKS[name]}
    assert set(PLAYBOOKS[name]) <= set(head(name))
    for arguments, changed in ((("--check",), True), ((), True), ((), False)):
        mark = image_world.mark()
        outcome = playbooks.run(path, *arguments, environ=image_world.environment, variables=variables)
        assert outcome.code == 0, outcome.stdout + outcome.stderr
        (result,) = [entry["result"] for entry in outcome.tasks if entry["action"] == "multicloud.recovery.image_convert"]
        assert result["changed"] is changed
        assert bool(image_world.changes(mark)) is (changed and not arguments)
    refused = playbooks.run(path, environ=image_world.environment, variables={})
    assert refused.code != 0
    assert "Give the variable" in refused.text


def test_notes_name_the_permissions_that_are_needed_and_no_other(modules: Modules, image_world: ImageWorld) -> None:
    text = " ".join(yaml.safe_load(MODULE.DOCUMENTATION)["notes"])
    named = set(re.findall(r"C\(ecs:(\w+)\)", text))
    image_world.control.add_fault("status", route="ExportImage", nth=1, status=403, reason="ImageNotSupported")
    export = {"operation": "CREATE", "source": "golden", "bucket": BUCKET}
    image_world.put_image("web-latest", "m-latest")
    importing = {"operation": "CREATE", "source_object": "web.qcow2", "bucket": BUCKET, "image_name": "web-latest"}
    asked = [export, export, {**export, "source": "web"}, {**export, "source": "s-system"}, importing, {"operation": "DELETE", "name": "web-latest"}]
    for options in asked:
        ImageRun(modules, image_world, options)
    image_world.control.settings(operation_s_of={"ExportImage": 3600})
    ImageRun(modules, image_world, {**export, "object_prefix": "x", "wait": False})
    assert ImageRun(modules, image_world, {"operation": "DELETE", "name": "golden", "force": True}).ok
    assert {str(entry["route"]) for entry in image_world.control.requests()} == named


def test_cancelled_task_leaves_the_export_to_the_next_run(modules: Modules, image_world: ImageWorld) -> None:
    image_world.control.settings(operation_s_of={"ExportImage": 3600})
    options = {**image_world.options, "operation": "CREATE", "source": "golden", "bucket": BUCKET}
    run = modules.start("image_convert", options)
    eventually(lambda: image_world.changes().count("TagResources") == 2, 20, "the note of the task")
    run.send(signal.SIGTERM)
    result = run.result()
    (task,) = image_world.exports()
    assert result.kind == "Cancelled"
    assert task["TaskId"] in result.message
    assert {step["name"]: step["status"] for step in result["steps"]}["export the image"] == "done"
    image_world.control.advance(3600)
    again = ImageRun(modules, image_world, options)
    assert again.is_unchanged()
    assert again["image"]["task_id"] == task["TaskId"]


def test_import_without_wait_is_pending_and_the_next_run_waits(modules: Modules, image_world: ImageWorld) -> None:
    image_world.control.settings(operation_s_of={"ImportImage": 3600})
    options = {"operation": "CREATE", "source_object": "web.qcow2", "bucket": BUCKET, "image_name": "web-latest"}
    run = ImageRun(modules, image_world, {**options, "wait": False}).ok
    assert (run["changed"], run["image"]["status"]) == (True, "running")
    assert run["image"]["uid"].startswith("m-")
    late = ImageRun(modules, image_world, {**options, "wait_timeout": 1})
    assert late.result.kind == "WaitTimeout"
    assert run["image"]["uid"] in late.message
    shown = ImageRun(modules, image_world, {"operation": "INSPECT_ONE", "name": "web-latest"}).ok["image"]
    assert (shown["percent"], shown["task_id"]) == (50, image_world.all("tasks")[0]["TaskId"])
    image_world.control.advance(3600)
    assert ImageRun(modules, image_world, options).is_unchanged()


def test_no_secret_is_shown_whatever_goes_wrong(warm_playbooks: WarmPlaybooks, tmp_path: Path) -> None:
    with running_simulator("alibaba_ecs", operation_s=0) as simulator:
        world = ImageWorld(simulator)
        token = "sts+EN/with=pad&x=="
        options = {**world.options, "security_token": token, "source": "golden", "bucket": BUCKET, "retries": 0, "operation": "CREATE"}
        dead = {**options, "api_url": "http://127.0.0.1:9"}
        for given in (options, dead, {**options, "validate_certs": False, "tags": {"a": token}}):
            task = {"name": "do", "multicloud.recovery.image_convert": given, "ignore_errors": True}
            outcome = warm_playbooks.run([play(task)], "-vvv")
            assert outcome.code == 0, outcome.stderr
            shown = outcome.text
            for secret in (token, "sts%2BEN%2Fwith%3Dpad%26x%3D%3D", str(world.options["access_key_secret"])):
                assert secret not in shown
