# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a restore: what was seen to be restored stays, and what may be lacking then is done by the next run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.client import GceClient

from tests.unit.plugins.module_utils.backends.gce.vm_bench import DISKS, VM, ZONE, VmBench, originals

# The first write of the VM's labels locks it, the second unlocks it; its old disks are marked, then kept, then unlocked.
LAST_WRITES = [("in_place", "/instances/web-1/setLabels$", 2), ("replace", "/instances/web-1/setLabels$", 2), ("replace", "/disks/web-1-data/setLabels$", 3)]


def locked(bench: VmBench) -> list[str]:
    """What carries the lock."""
    return [item["name"] for plural in ("instances", "disks") for item in bench.all(plural) if "mcr-lock" in item.get("labels", {})]


@pytest.mark.parametrize(("strategy", "path", "nth"), LAST_WRITES)
def test_restored_vm_stays_when_its_labels_are_refused(saved: VmBench, strategy: str, path: str, nth: int) -> None:
    saved.control.add_fault("status", method="POST", path=path, status=403, reason="forbidden", nth=nth)
    # No renewal of the lock must come between.
    ran = saved.restore(strategy=strategy, lock_ttl=600)
    assert ran.kind == "AuthenticationFailed"
    assert (saved.vm()["status"], saved.digests()) == ("RUNNING", originals(saved))
    assert saved.restore(strategy=strategy).ok["restore"]["status"] == "succeeded"
    assert (saved.vm()["status"], saved.digests(), locked(saved)) == ("RUNNING", originals(saved), [])


def test_restore_without_its_vm_is_not_complete_while_a_disk_carries_its_lock(saved: VmBench) -> None:
    assert saved.restore(strategy="replace").ok
    saved.mark_with("disks", "web-1", mcr_lock="free-r-7", mcr_lock_for="restore_r1")
    saved.control.act("remove", project=saved.project, plural="instances", name=VM, zone=ZONE)
    seen = saved.run("restore", operation="INSPECT_ONE", vm_name=VM, name="r1").ok["restore"]
    assert seen["status"] != "succeeded"


def die_between_two_deletions(saved: VmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed after it has given up the first of the old disks."""

    class Killed(BaseException):
        keeps_state = True

    deleted: list[str] = []
    original = GceClient.delete_disk

    def die(self: GceClient, *args: Any) -> Any:
        deleted.append(args[1])
        if len(deleted) > 1:
            raise Killed
        return original(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(GceClient, "delete_disk", die)
        patched.setattr("ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.lock.Lock.abandon", lambda lock: lock.stop_renewing())
        with pytest.raises(Killed):
            saved.restore(old_disks="delete")
    assert 0 < len(set(DISKS).intersection(saved.names("disks"))) < len(DISKS)


def test_next_run_deletes_what_a_dead_one_left_of_the_old_disks(saved: VmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = originals(saved)
    die_between_two_deletions(saved, monkeypatch)
    assert saved.restore(old_disks="delete").ok["restore"]["status"] == "succeeded"
    assert (saved.vm()["status"], saved.digests(), locked(saved)) == ("RUNNING", wanted, [])
    assert not set(DISKS).intersection(saved.names("disks"))


def test_nothing_is_undone_once_old_disks_are_given_up(saved: VmBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody changes the VM after such a run: its new disks are all that is left, and stay."""
    die_between_two_deletions(saved, monkeypatch)
    attached = saved.attached()
    first = saved.vm()["disks"][0]
    saved.change_device(first["deviceName"], autoDelete=not first["autoDelete"])
    ran = saved.restore(old_disks="delete")
    assert "not as it should be" in ran.message
    assert (saved.vm()["status"], saved.attached(), saved.digests()) == ("RUNNING", attached, originals(saved))
    assert ran.order("/stop", "/detachDisk") == []
