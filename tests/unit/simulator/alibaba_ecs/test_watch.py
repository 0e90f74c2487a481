# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an instance under watch tells of, and the view of an account that can be compared."""

from __future__ import annotations

from .conftest import PUBLIC_KEY, Api


def kinds(ecs: Api) -> list[str]:
    return [item["kind"] for item in ecs.act("violations")]


def test_nothing_is_told_of_a_recovery_under_a_lock(ecs: Api) -> None:
    instance, disks = ecs.vm()
    first, second = (ecs.snapshot(disk) for disk in disks)
    old = {disk: ecs.act("digest", id=disk)["digest"] for disk in disks}
    for disk in disks:
        ecs.act("guest_write", disk=disk, text="changed")
    new = {disk: ecs.act("digest", id=disk)["digest"] for disk in disks}
    ecs.act("watch", instance=instance, sets=[old, new])
    ecs.do("ImportKeyPair", KeyPairName=f"mcr-lock-{instance}-1", PublicKeyBody=PUBLIC_KEY)
    ecs.stopped(instance)
    for disk in disks:
        ecs.snapshot(disk)
    for disk, snapshot in zip(disks, (first, second)):
        ecs.do("ResetDisk", DiskId=disk, SnapshotId=snapshot)
        ecs.wait("disks", disk, "In_use")
    ecs.do("StartInstance", InstanceId=instance)
    assert kinds(ecs) == []


def test_start_on_mixed_disks_is_told(ecs: Api) -> None:
    instance, disks = ecs.vm()
    first = ecs.snapshot(disks[0])
    old = {disk: ecs.act("digest", id=disk)["digest"] for disk in disks}
    for disk in disks:
        ecs.act("guest_write", disk=disk, text="changed")
    new = {disk: ecs.act("digest", id=disk)["digest"] for disk in disks}
    ecs.stopped(instance)
    ecs.act("watch", instance=instance, sets=[old, new], keep_digests=[], lock=False)
    ecs.do("ResetDisk", DiskId=disks[0], SnapshotId=first)
    ecs.wait("disks", disks[0], "In_use")
    ecs.do("StartInstance", InstanceId=instance)
    assert kinds(ecs) == ["mixed_disks"]


def test_missing_and_doubled_locks_are_told(ecs: Api) -> None:
    instance, _disks = ecs.vm()
    ecs.act("watch", instance=instance)
    ecs.stopped(instance)
    assert kinds(ecs) == ["no_lock"]
    ecs.do("StartInstance", InstanceId=instance)
    ecs.wait("instances", instance, "Running")
    for number in (1, 2):
        ecs.do("ImportKeyPair", KeyPairName=f"mcr-lock-{instance}-{number}", PublicKeyBody=f"ssh-rsa AAA{number}")
    ecs.stopped(instance)
    assert kinds(ecs) == ["no_lock", "many_locks"]


def test_what_was_there_is_missed_unless_it_was_given_up(ecs: Api) -> None:
    instance, disks = ecs.vm()
    first, second = (ecs.snapshot(disk) for disk in disks)
    ecs.act("watch", instance=instance, given_up=[first])
    ecs.do("DeleteSnapshot", SnapshotId=first)
    assert kinds(ecs) == []
    ecs.do("DeleteSnapshot", SnapshotId=second)
    assert kinds(ecs) == ["deleted"]
    ecs.act("unwatch")
    assert kinds(ecs) == []


def test_two_accounts_that_did_the_same_look_the_same(ecs: Api) -> None:
    other = Api(ecs.simulator, f"{ecs.account}x")
    for account in (ecs, other):
        instance, disks = account.vm()
        account.snapshot(disks[0], SnapshotName="nightly")
        account.do("CreateImage", InstanceId=instance, ImageName="image")
        account.wait("images", account.control.state()["images"][0]["id"], "Available")
    first = ecs.act("canonical")
    assert first == other.act("canonical")
    assert set(first["disks"]) == {"disk:web-1-0", "disk:web-1-1"}
    assert first["snapshots"]["snapshot:nightly"]["SourceDiskId"] == "disk:web-1-0"
    other.act("guest_write", disk=other.control.state()["disks"][0]["id"], text="changed")
    assert first != other.act("canonical")
