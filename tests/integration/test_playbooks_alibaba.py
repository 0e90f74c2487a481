# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks for Alibaba Cloud ECS, as they are delivered, played by real ansible-playbook: in check mode, for real, and again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.alibaba_worlds import FAR_REGION, AlibabaWorld
from tests.harness.modules import Modules
from tests.harness.playbooks import WarmPlaybooks

from .playbook_site import LATER, MOMENT, Site, head

NEEDED: dict[str, dict[str, Any]] = {
    "backup_vm": {},
    "restore_vm": {},
    "retire_vm": {},
    "prune": {"keep_last": 1},
}


class AlibabaSite(Site):
    """An account of Alibaba Cloud."""

    def __init__(self, world: AlibabaWorld, playbooks: WarmPlaybooks, modules: Modules) -> None:
        super().__init__(world, playbooks, modules, cloud_provider="alibaba_ecs")
        self.world = world


@pytest.fixture
def site(alibaba_world: AlibabaWorld, quick_playbooks: WarmPlaybooks, quick_modules: Modules) -> AlibabaSite:
    return AlibabaSite(alibaba_world, quick_playbooks, quick_modules)


def test_snapshot_disk_takes_the_id_of_a_disk_and_gives_that_of_a_snapshot(site: AlibabaSite) -> None:
    disk = site.world.disks()[1]["DiskId"]
    result = site.twice("snapshot_disk", disk_id=disk, snapshot_name="before-upgrade", snapshot_tags={"purpose": "upgrade"}, copy_to_regions=[FAR_REGION])
    made, copy = sorted(site.world.all("snapshots"), key=lambda one: one["RegionId"] == FAR_REGION)
    assert result["snapshot"]["uid"] == made["SnapshotId"]
    assert (made["SourceDiskId"], made["tags"], copy["SourceSnapshotId"]) == (disk, {"purpose": "upgrade"}, made["SnapshotId"])
    again = site.play("snapshot_disk", disk_id=disk, snapshot_name="before-upgrade")
    assert again.result("Show the id of the snapshot")["msg"] == made["SnapshotId"]


def test_snapshot_disk_with_a_role_and_without_waiting(site: AlibabaSite) -> None:
    site.world.control.settings(operation_s=3600)
    role = site.world.act("add_role", name="snapshots")["arn"]
    result = site.result("snapshot_disk", disk_id=site.world.disks()[0]["DiskId"], role_arn=role, wait_for_end=False)
    assert (result["snapshot"]["status"], result["changed"]) == ("running", True)


def test_empty_variable_counts_as_not_given(site: AlibabaSite) -> None:
    """A survey of AWX gives those that nobody fills in."""
    site.do("backup", vm_name="web-1", snapshot_datetime=MOMENT)
    for name, needed in NEEDED.items():
        site.result(name, "--check", **{**dict.fromkeys(head(name), ""), "cloud_provider": "alibaba_ecs", "vm_name": "web-1", **needed})
        assert site.sent == []
    variables = {**dict.fromkeys(head("revive_vm"), ""), "cloud_provider": "alibaba_ecs", "vm_name": "web-1"}
    site.refuses("revive_vm", "is not gone. Nothing was changed", **variables)


def test_backup_vm_and_prune(site: AlibabaSite) -> None:
    given = {"vm_name": "web-1", "backup_tags": {"purpose": "nightly"}}
    result = site.twice("backup_vm", backup_datetime=MOMENT, **given)
    assert (result["backup"]["name"], result["backup"]["status"]) == (f"web-1-{MOMENT}", "succeeded")
    assert result["backup"]["manifest_complete"]
    site.result("backup_vm", backup_datetime=LATER, **given)
    pruned = site.twice("prune", keep_last="1", **given)
    assert [one["name"] for one in pruned["backups"]] == [f"web-1-{MOMENT}"]
    assert {one["tags"]["mcr-backup"] for one in site.world.all("snapshot_groups")} == {LATER}


def test_restore_vm_rolls_back_and_that_is_rolled_back(site: AlibabaSite) -> None:
    world = site.world
    saved = world.contents()
    site.do("backup", vm_name="web-1", snapshot_datetime=MOMENT)
    world.overwrite()
    lost = world.contents()
    assert site.twice("restore_vm", vm_name="web-1", restore_name="rescue-1")["restore"]["strategy"] == "rollback"
    assert world.contents() == saved != lost
    assert site.twice("restore_vm", vm_name="web-1", rollback_of="rescue-1")["restore"]["status"] == "succeeded"
    assert (world.contents(), world.vm()["Status"]) == (lost, "Running")


@pytest.mark.parametrize("given", [{"restore_strategy": "replace"}, {"restore_strategy": "new", "new_vm_name": "web-2"}])
def test_restore_vm_by_building(site: AlibabaSite, given: dict[str, Any]) -> None:
    world = site.world
    saved = world.contents()
    site.do("backup", vm_name="web-1", snapshot_datetime=MOMENT)
    world.overwrite()
    site.twice("restore_vm", vm_name="web-1", restore_name="built", backup_datetime=MOMENT, **given)
    assert world.contents(given.get("new_vm_name", "web-1")) == saved
    assert [one["Status"] for one in world.vms()] == (["Stopped", "Running"] if given["restore_strategy"] == "replace" else ["Running"])


def test_retire_vm_and_revive_vm(site: AlibabaSite) -> None:
    world = site.world
    saved = world.contents()
    assert site.twice("retire_vm", vm_name="web-1", backup_tags={"purpose": "retired"})["backup"]["vm_retired"]
    assert world.vm() == {}
    assert site.result("revive_vm", "--check", vm_name="web-1")["changed"]
    assert site.sent == []
    assert site.result("revive_vm", vm_name="web-1")["changed"]
    assert (world.contents(), world.vm()["Status"]) == (saved, "Running")
    assert not site.result("revive_vm", vm_name="web-1")["changed"]
    assert site.sent == []


def test_revive_vm_leaves_a_vm_alone_that_is_there(site: AlibabaSite) -> None:
    site.do("backup", vm_name="web-1", snapshot_datetime=MOMENT)
    site.refuses("revive_vm", "is not gone. Nothing was changed", vm_name="web-1")
