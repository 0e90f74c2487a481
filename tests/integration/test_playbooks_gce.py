# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks for Compute Engine, as they are delivered, played by real ansible-playbook: in check mode, for real, and again."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.harness.gce_vms import VmWorld
from tests.harness.modules import Modules
from tests.harness.playbooks import WarmPlaybooks

from .playbook_site import LATER, MOMENT, ROOT, TASK, Site, head


class GceSite(Site):
    """A project of Compute Engine."""

    def __init__(self, world: VmWorld, playbooks: WarmPlaybooks, modules: Modules) -> None:
        super().__init__(world, playbooks, modules)
        self.world = world


@pytest.fixture
def site(vm_world: VmWorld, warm_playbooks: WarmPlaybooks, modules: Modules) -> GceSite:
    return GceSite(vm_world, warm_playbooks, modules)


def overwrite(world: VmWorld) -> None:
    for disk in world.disk_names("web-1"):
        world.write(disk, f"lost on {disk}")


@pytest.mark.parametrize("given", [{}, {"backup_method": "machine_image"}])
def test_backup_vm(site: GceSite, given: dict[str, Any]) -> None:
    result = site.twice("backup_vm", vm_name="web-1", backup_datetime=MOMENT, backup_tags={"purpose": "nightly"}, **given)
    assert (result["backup"]["name"], result["backup"]["status"]) == (f"web-1-{MOMENT}", "succeeded")
    assert result["backup"]["tags"] == {"purpose": "nightly"}
    assert site.world.vm("web-1")["status"] == "RUNNING"


def test_backup_vm_without_a_datetime_takes_a_new_backup_each_time(site: GceSite) -> None:
    assert site.result("backup_vm", vm_name="web-1")["changed"]
    assert site.result("backup_vm", "--check", vm_name="web-1")["changed"]


def test_empty_variable_counts_as_not_given(site: GceSite) -> None:
    """A survey of AWX gives those that nobody fills in."""
    site.do("backup", vm_name="web-1", snapshot_datetime=MOMENT)
    needed = {
        "prune": {"keep_last": 1},
        "snapshot_disk": {"disk_id": "web-1"},
        "create_vm": {"vm_name": "web-9", "source_image": "projects/debian-cloud/global/images/debian-12-bookworm-v20251111"},
    }
    for name in sorted(TASK):
        variables = {**dict.fromkeys(head(name), ""), "vm_name": "web-1", **needed.get(name, {})}
        if name == "revive_vm":
            site.refuses(name, "is not gone. Nothing was changed", **variables)
        else:
            site.result(name, "--check", **variables)
            assert site.sent == []


def test_restore_vm_in_place_and_back(site: GceSite) -> None:
    world = site.world
    saved = world.contents("web-1")
    site.do("backup", vm_name="web-1", snapshot_datetime=MOMENT)
    overwrite(world)
    lost = world.contents("web-1")
    assert site.twice("restore_vm", vm_name="web-1", restore_name="rescue-1")["restore"]["status"] == "succeeded"
    assert world.contents("web-1") == saved != lost
    assert site.twice("restore_vm", vm_name="web-1", rollback_of="rescue-1")["restore"]["strategy"] == "rollback"
    assert world.contents("web-1") == lost


@pytest.mark.parametrize("given", [{"restore_strategy": "replace"}, {"restore_strategy": "new", "new_vm_name": "web-2", "new_zone": "europe-west1-c"}])
def test_restore_vm_by_building(site: GceSite, given: dict[str, Any]) -> None:
    world = site.world
    saved = world.contents("web-1")
    site.do("backup", vm_name="web-1", snapshot_datetime=MOMENT)
    overwrite(world)
    site.twice("restore_vm", vm_name="web-1", restore_name="built", backup_datetime=MOMENT, **given)
    assert world.contents(given.get("new_vm_name", "web-1"), given.get("new_zone", "europe-west1-b")) == saved


def test_retire_vm_and_revive_vm(site: GceSite) -> None:
    world = site.world
    saved = world.contents("web-1")
    retired = site.twice("retire_vm", vm_name="web-1", backup_tags={"purpose": "retired"})
    assert retired["backup"]["vm_retired"]
    assert not world.vm("web-1")
    revived = site.result("revive_vm", "--check", vm_name="web-1")
    assert revived["changed"]
    assert site.sent == []
    assert site.result("revive_vm", vm_name="web-1")["changed"]
    assert world.contents("web-1") == saved
    assert world.vm("web-1")["status"] == "RUNNING"
    again = site.result("revive_vm", vm_name="web-1")
    assert not again["changed"]
    assert site.sent == []


def test_revive_vm_leaves_a_vm_alone_that_is_there(site: GceSite) -> None:
    site.do("backup", vm_name="web-1", snapshot_datetime=MOMENT)
    before = site.world.disk_names("web-1")
    site.refuses("revive_vm", "is not gone. Nothing was changed", vm_name="web-1")
    assert site.world.disk_names("web-1") == before


def test_create_vm(site: GceSite) -> None:
    given = {"image_family": "projects/debian-cloud/global/images/family/debian-12", "machine_type": "e2-small", "startup_script": "#!/bin/sh\ntrue\n"}
    given |= {"network": "drills", "ensure_network": "true"}
    result = site.twice("create_vm", vm_name="web-9", **given)
    vm = site.world.vm("web-9")
    assert (result["restore"]["status"], vm["status"]) == ("succeeded", "RUNNING")
    assert vm["machineType"].rpartition("/")[2] == "e2-small"
    assert vm["networkInterfaces"][0]["network"].endswith("/networks/drills")


def test_snapshot_disk(site: GceSite) -> None:
    result = site.twice("snapshot_disk", disk_id="web-1-data", snapshot_name="before-upgrade", snapshot_tags={"purpose": "upgrade"}, retention_days="7")
    assert result["snapshot"]["uid"] == site.world.one("snapshots", "before-upgrade")["id"]


def test_prune(site: GceSite) -> None:
    """Extra variables given as key=value are texts."""
    rules = {"keep_last": "1", "older_than": "1d", "backup_tags": {"purpose": "nightly"}}
    for moment in (MOMENT, LATER):
        site.do("backup", vm_name="web-1", snapshot_datetime=moment, tags={"purpose": "nightly"})
    site.world.control.merge_state(
        snapshots=[{"name": item["name"], "creationTimestamp": "2026-01-01T02:00:00.000-00:00"} for item in site.world.all("snapshots")]
    )
    result = site.twice("prune", vm_name="web-1", **rules)
    assert [item["name"] for item in result["backups"]] == [f"web-1-{MOMENT}"]
    assert {item["labels"]["mcr-backup"] for item in site.world.all("snapshots")} == {LATER}


REQUIRED: list[tuple[str, dict[str, Any], str]] = [
    ("backup_vm", {}, "Give the variable vm_name"),
    ("snapshot_disk", {"disk_id": ""}, "Give the variable disk_id"),
    ("restore_vm", {"vm_name": ""}, "Give the variable vm_name"),
    ("restore_vm", {"vm_name": "web-1", "restore_strategy": "new"}, "give new_vm_name as well"),
    ("create_vm", {"vm_name": "web-9"}, "one of source_image and image_family"),
    ("create_vm", {"vm_name": "web-9", "source_image": "a", "image_family": "b"}, "one of source_image and image_family"),
    ("prune", {"vm_name": "web-1", "keep_last": ""}, "keep_last or older_than or both"),
]


def test_variables_that_are_missing_are_named(site: GceSite) -> None:
    for name, variables, words in REQUIRED:
        site.refuses(name, words, **variables)


@pytest.mark.parametrize("name", sorted(TASK))
def test_head_names_every_variable_of_the_playbook_and_no_other(name: str) -> None:
    body = (ROOT / "playbooks" / f"{name}.yml").read_text("utf-8").partition("- name:")[2]
    used = set(re.findall(r"\{\{ (\w+)", body)) - {"ansible_playbook_python", *re.findall(r"register: (\w+)", body)}
    used |= set(re.findall(r"ternary\(omit, (\w+)", body))
    assert set(head(name)) == used
