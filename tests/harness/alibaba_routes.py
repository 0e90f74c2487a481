# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tasks in Alibaba Cloud ECS that the fault harness disturbs, and how their ends are judged, independently of the code under test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.simulator.alibaba_ecs import seeds
from tests.simulator.alibaba_ecs.store import Account

from .vm_clouds import ABSENT, VM, Cloud, Digests
from .vm_provider import FIRST, SECOND, THIRD, Before, Goal, Perform, Route, nothing

REGION, FAR_REGION = "cn-hangzhou", "cn-beijing"
COPY, LOCK, ASIDE = "web-1-drill", "mcr-lock", "mcr-aside"
BOOT, DATA = "/dev/xvda", "/dev/xvdb"
Item = dict[str, Any]

# -- What is there


def seed(cloud: Cloud, *, category: str = "cloud_essd", status: str = "Running") -> None:
    """A VM that runs on a system disk and a data disk; and another one, which nothing may touch."""

    def fill(account: Account) -> None:
        parts = [{"DiskName": f"{VM}-{text}", "text": text, "Category": category} for text in ("system", "data")]
        seeds.add_instance(account, VM, parts, REGION, status=status, tags={"env": "prod"})
        seeds.add_instance(account, "db-1", [{"DiskName": "db-1", "text": "other"}], REGION, tags={"env": "test"})

    cloud.do(fill)


def write(cloud: Cloud, text: str) -> None:
    """Write other bytes to all disks of the VM."""
    for disk in cloud.on_vm().values():
        cloud.act("guest_write", disk=disk, text=f"{text} on {disk}".ljust(64))


def vm_of(cloud: Cloud, name: str = VM) -> Item | None:
    """The instance of that name which has not made way for another one, with its private `address`."""
    found = next((one for one in cloud.all("instances") if one["InstanceName"] == name and ASIDE not in one["tags"]), None)
    if found:
        interfaces = [one for one in cloud.all("interfaces") if one.get("InstanceId") == found["id"] and one["Type"] == "Primary"]
        found["address"] = [one["PrivateIpAddress"] for one in interfaces]
    return found


def disks_of(cloud: Cloud, instance: str) -> list[Item]:
    """The disks of an instance, the system disk first."""
    found = [one for one in cloud.all("disks") if one["InstanceId"] == instance]
    return sorted(found, key=lambda one: (one["Type"] != "system", one["Device"]))


def members(cloud: Cloud, moment: str, kind: str = "snapshots") -> dict[str, tuple[str, bool]]:
    """The snapshots of a backup by id: digest, and whether it is finished; those of its image for "images"."""
    snapshots = {one["id"]: one for one in cloud.all("snapshots")}
    ours = {"mcr-backup": moment}
    if kind == "images":
        images = [one for one in cloud.all("images") if ours.items() <= one["tags"].items()]
        ids = [part["SnapshotId"] for one in images if one["Status"] == "Available" for part in one["DiskDeviceMappings"]["DiskDeviceMapping"]]
    else:
        groups = [one for one in cloud.all("snapshot_groups") if ours.items() <= one["tags"].items()]
        ids = [identity for one in groups for identity in one["hidden"]["members"]]
        ids += [identity for identity, one in snapshots.items() if ours.items() <= one["tags"].items() and "mcr-image" not in one["tags"]]
    return {identity: (snapshots[identity]["digest"], snapshots[identity]["Status"] == "accomplished") for identity in ids if identity in snapshots}


def safety_points(cloud: Cloud, restore: str) -> list[str]:
    """The ids of the snapshots that a roll-back keeps, and of what carries their marks."""
    holders = [one for kind in ("snapshot_groups", "snapshots") for one in cloud.all(kind) if one["tags"].get("mcr-restore") == restore]
    return [identity for one in holders if "mcr-safety" in one["tags"] for identity in (one["id"], *one["hidden"].get("members", ()))]


# -- What is needed first


def _snapshots(cloud: Cloud, perform: Perform) -> None:
    for number in range(3):
        perform("snapshot", name=f"old-{number}", source_disk=f"{VM}-data", tags={"set": "nightly"})


def _backups(cloud: Cloud, perform: Perform) -> None:
    for moment in (FIRST, SECOND):
        write(cloud, moment)
        perform("backup", vm_name=VM, snapshot_datetime=moment)


def _overwritten(cloud: Cloud, perform: Perform) -> None:
    write(cloud, "saved")
    perform("backup", vm_name=VM, snapshot_datetime=FIRST)
    write(cloud, "present")


def _turned_off(cloud: Cloud, perform: Perform) -> None:
    _overwritten(cloud, perform)
    vm = vm_of(cloud) or {}
    cloud.act("set_fields", kind="instances", id=vm["id"], fields={"Status": "Stopped", "StoppedMode": "KeepCharging"})


def _gone(cloud: Cloud, perform: Perform) -> None:
    _overwritten(cloud, perform)
    vm = vm_of(cloud) or {}
    for disk in disks_of(cloud, vm["id"]):
        cloud.act("remove", kind="disks", id=disk["id"])
    for interface in cloud.all("interfaces"):
        if interface.get("InstanceId") == vm["id"]:
            cloud.act("remove", kind="interfaces", id=interface["id"])
    cloud.act("remove", kind="instances", id=vm["id"])


def _restored(**options: Any) -> Callable[[Cloud, Perform], None]:
    def prepare(cloud: Cloud, perform: Perform) -> None:
        _overwritten(cloud, perform)
        late = {"snapshots": _data_points(cloud)} if options["strategy"] == "in_place" else {"snapshot_datetime": FIRST}
        perform("restore", vm_name=VM, name="first", **late, **options)
        write(cloud, "after the restore")

    return prepare


_rolled_back, _swapped_data, _replaced = (_restored(strategy=strategy) for strategy in ("rollback", "in_place", "replace"))
_made = _restored(strategy="new", new_vm_name=COPY)


def _data_points(cloud: Cloud) -> dict[str, str]:
    """The recovery point of the data disk in the first backup, as a task names it."""
    known = {one["id"]: one for one in cloud.all("snapshots")}
    data = next(one["id"] for one in cloud.all("disks") if one["DiskName"] == f"{VM}-data")
    return {DATA: next(identity for identity in members(cloud, FIRST) if known[identity]["SourceDiskId"] == data)}


# -- Goals


def no_lock(cloud: Cloud) -> list[str]:
    """Whatever still carries the lock."""
    holders = [one for kind in ("instances", "disks") for one in cloud.all(kind)]
    return [f"{one['id']} still carries the lock" for one in holders if any(key.startswith(LOCK) for key in one["tags"])]


def vm_problems(cloud: Cloud, before: Before, wanted: Digests, name: str = VM, status: str = "Running", *, own_address: bool = False) -> list[str]:
    """What is wrong with a VM that should be as it was, on disks with these bytes."""
    vm = vm_of(cloud, name)
    if vm is None:
        return [f"there is no VM {name}"]
    problems = [] if vm["Status"] == status else [f"{name} is {vm['Status']}"]
    found = cloud.digests(name)
    if list(found) != list(wanted):
        problems.append(f"the devices of {name} are {list(found)}, not {list(wanted)}")
    problems += [f"{device} of {name} has other bytes" for device in wanted if found.get(device) != wanted[device]]
    for key in ("InstanceType", "SecurityGroupIds", "KeyPairName", "ZoneId"):
        if vm.get(key) != before.vm.get(key):
            problems.append(f"{key} of {name} is {vm.get(key)}, not {before.vm.get(key)}")
    if {key: value for key, value in vm["tags"].items() if not key.startswith("mcr-")} != {"env": "prod"}:
        problems.append(f"the tags of {name} are {vm['tags']}")
    if not own_address and vm["address"] != before.vm["address"]:
        problems.append(f"the address of {name} is {vm['address']}, not {before.vm['address']}")
    kept = [disk["Device"] for disk in disks_of(cloud, vm["id"]) if not disk["DeleteWithInstance"]]
    return problems + [f"{device} of {name} would not go with it" for device in kept]


def _nothing_temporary(cloud: Cloud) -> list[str]:
    """What a restore needs only for a while."""
    return [f"the image {one['ImageName']} is left" for one in cloud.all("images") if "mcr-restore" in one["tags"] or "mcr-boot" in str(one["tags"])]


def _held(cloud: Cloud, wanted: Iterable[str]) -> list[str]:
    """Digests that are on no finished snapshot."""
    there = {one["digest"] for one in cloud.all("snapshots") if one["Status"] == "accomplished"}
    return [f"{digest[:12]} is in no finished snapshot" for digest in wanted if digest not in there]


def _rolled(*, safety: bool = True, status: str = "Running") -> Goal:
    def goal(cloud: Cloud, before: Before) -> list[str]:
        problems = vm_problems(cloud, before, before.saved, status=status)
        if list(cloud.on_vm().values()) != list(before.disks.values()):
            problems.append(f"its disks are {list(cloud.on_vm().values())}")
        return [*problems, *(_held(cloud, before.present.values()) if safety else []), *no_lock(cloud)]

    return goal


def _kept(cloud: Cloud, disks: Mapping[str, str], digests: Digests) -> list[str]:
    known = {one["id"]: one for one in cloud.all("disks")}
    vm = (vm_of(cloud) or {"id": ""})["id"]
    problems = [f"the old disk {disk} is gone, or has other bytes" for device, disk in disks.items() if known.get(disk, {}).get("digest") != digests[device]]
    return problems + [f"the old disk {disk} is on the VM" for disk in disks.values() if known.get(disk, {}).get("InstanceId") == vm]


def _data_swapped(cloud: Cloud, before: Before) -> list[str]:
    wanted = {BOOT: before.present[BOOT], DATA: before.saved[DATA]}
    return [*vm_problems(cloud, before, wanted), *_kept(cloud, {DATA: before.disks[DATA]}, before.present), *no_lock(cloud)]


def _replaced_well(cloud: Cloud, before: Before) -> list[str]:
    return [*vm_problems(cloud, before, before.saved), *_kept(cloud, before.disks, before.present), *_nothing_temporary(cloud), *no_lock(cloud)]


def _copied(cloud: Cloud, before: Before) -> list[str]:
    original = vm_problems(cloud, before, before.present)
    return [*original, *vm_problems(cloud, before, before.saved, COPY, own_address=True), *_nothing_temporary(cloud), *no_lock(cloud)]


def _built(cloud: Cloud, before: Before) -> list[str]:
    return [*vm_problems(cloud, before, before.saved), *_nothing_temporary(cloud), *no_lock(cloud)]


def _backed_up(kind: str, moment: str, *, gone: bool = False, status: str = "Running") -> Goal:
    def goal(cloud: Cloud, before: Before) -> list[str]:
        parts = members(cloud, moment, kind)
        problems = [f"{identity} is not finished" for identity, (_digest, finished) in parts.items() if not finished]
        if sorted(digest for digest, _finished in parts.values()) != sorted(before.present.values()):
            problems.append(f"what was saved in {len(parts)} {kind} is not what is on the disks")
        if gone:
            problems += [f"there still is {VM}"] if cloud.status() != ABSENT else []
        else:
            problems += vm_problems(cloud, before, before.present, status=status)
        return problems + no_lock(cloud)

    return goal


def _snapshot_made(regions: tuple[str, ...]) -> Goal:
    def goal(cloud: Cloud, before: Before) -> list[str]:
        problems = []
        for region in regions:
            found = [one for one in cloud.all("snapshots") if one["region"] == region and one["Status"] == "accomplished"]
            if [one["digest"] for one in found] != [before.present[DATA]]:
                problems.append(f"in {region} there are {len(found)} snapshots, or there are other bytes")
            problems += [f"its tags are {one['tags']}" for one in found if one["tags"].get("team") != "sales"]
        return problems

    return goal


def _pruned(cloud: Cloud, before: Before) -> list[str]:
    names = [one["SnapshotName"] for one in cloud.all("snapshots")]
    return [] if names == ["old-2"] else [f"the snapshots are {names}"]


def _backup_gone(cloud: Cloud, before: Before) -> list[str]:
    left, other = members(cloud, FIRST), members(cloud, SECOND)
    problems = [f"{name} is left" for name in left] + ([] if len(other) == len(before.present) else ["the other backup is not whole"])
    return problems + vm_problems(cloud, before, before.present)


def _given_up(cloud: Cloud, before: Before) -> list[str]:
    """A restore is gone without a trace but for what the VM runs on."""
    left = [f"the safety point {identity} is left" for identity in safety_points(cloud, "first")]
    left += [f"the disk {one['DiskName']} is left" for one in cloud.all("disks") if one["InstanceId"] == "" and one["DiskName"] != "db-1"]
    left += [f"the instance {one['id']} is left" for one in cloud.all("instances") if ASIDE in one["tags"] or one["InstanceName"] == COPY]
    return left + vm_problems(cloud, before, before.present) + no_lock(cloud)


# -- What may go


def _first_backup(cloud: Cloud) -> list[str]:
    return [*members(cloud, FIRST), *(one["id"] for one in cloud.all("snapshot_groups") if one["tags"].get("mcr-backup") == FIRST)]


def _safety(cloud: Cloud) -> list[str]:
    return safety_points(cloud, "first")


def _old_disks(cloud: Cloud) -> list[str]:
    """What makes way, or has been made as a copy: disks that are not on the VM, and the instances that they are on."""
    others = [one["id"] for one in cloud.all("instances") if ASIDE in one["tags"] or one["InstanceName"] == COPY]
    return [*others, *(one["id"] for one in cloud.all("disks") if one["InstanceId"] in ("", *others))]


def _whole_vm(cloud: Cloud) -> list[str]:
    vm = (vm_of(cloud) or {"id": ""})["id"]
    return [vm, *(one["id"] for one in disks_of(cloud, vm))]


_RESTORE: Mapping[str, Any] = {"operation": "CREATE", "vm_name": VM, "snapshot_datetime": FIRST}
_BACKUP: Mapping[str, Any] = {"operation": "CREATE", "vm_name": VM, "snapshot_datetime": THIRD}
_BACK: Mapping[str, Any] = {"operation": "CREATE", "vm_name": VM, "rollback_of": "first"}
_DELETE: Mapping[str, Any] = {"operation": "DELETE", "vm_name": VM, "name": "first"}
_DELETE_COPY: Mapping[str, Any] = {"operation": "DELETE", "name": "first", "delete_vm": True}
_DATA: Mapping[str, Any] = {"operation": "CREATE", "vm_name": VM, "name": "data"}
_FRESH: Mapping[str, Any] = {"operation": "CREATE", "name": "fresh", "source_disk": f"{VM}-data", "tags": {"team": "sales"}}
_OTHER_DISKS = (("category", "cloud_efficiency"),)


def _data_only(cloud: Cloud) -> Mapping[str, Any]:
    return {"snapshots": _data_points(cloud)}


def _data_swapped_back(cloud: Cloud, before: Before) -> list[str]:
    wanted = {BOOT: before.present[BOOT], DATA: before.saved[DATA]}
    return [*vm_problems(cloud, before, wanted), *_kept(cloud, {DATA: before.disks[DATA]}, before.present), *no_lock(cloud)]


ROUTES = [
    Route("snapshot CREATE", "snapshot", _FRESH, nothing, _snapshot_made((REGION,)), undone=False),
    Route("snapshot CREATE, copied", "snapshot", {**_FRESH, "copy_to_regions": [FAR_REGION]}, nothing, _snapshot_made((REGION, FAR_REGION)), undone=False),
    Route(
        "snapshot DELETE by retention",
        "snapshot",
        {"operation": "DELETE", "source_disk": f"{VM}-data", "retention": {"keep_last": 1}, "tags": {"set": "nightly"}},
        _snapshots,
        _pruned,
        {"gives_up": lambda cloud: [one["id"] for one in cloud.all("snapshots") if one["SnapshotName"] != "old-2"]},
        undone=False,
    ),
    Route("backup group", "backup", _BACKUP, _backups, _backed_up("snapshots", THIRD)),
    Route("backup single", "backup", _BACKUP, nothing, _backed_up("snapshots", THIRD), seed=_OTHER_DISKS),
    Route("backup image", "backup", {**_BACKUP, "method": "image"}, nothing, _backed_up("images", THIRD)),
    Route("backup stopped", "backup", {**_BACKUP, "consistency": "stopped"}, nothing, _backed_up("snapshots", THIRD), locks=True),
    Route(
        "backup image, retire_source",
        "backup",
        {**_BACKUP, "method": "image", "retire_source": True},
        nothing,
        _backed_up("images", THIRD, gone=True),
        {"gives_up": _whole_vm},
        locks=True,
    ),
    Route("restore rollback", "restore", {**_RESTORE, "strategy": "rollback"}, _overwritten, _rolled(), {"sets": True}, locks=True),
    Route(
        "restore rollback, single snapshots",
        "restore",
        {**_RESTORE, "strategy": "rollback"},
        _overwritten,
        _rolled(),
        {"sets": True},
        seed=_OTHER_DISKS,
        locks=True,
    ),
    Route("restore rollback, stopped", "restore", {**_RESTORE, "strategy": "rollback"}, _turned_off, _rolled(status="Stopped"), {"sets": True}, locks=True),
    Route(
        "restore rollback, no safety",
        "restore",
        {**_RESTORE, "strategy": "rollback", "safety_snapshot": False},
        _overwritten,
        _rolled(safety=False),
        {"sets": True, "loses": True},
        locks=True,
        undone=False,
    ),
    Route("restore rollback_of rollback", "restore", _BACK, _rolled_back, _rolled(), {"sets": True}, locks=True),
    Route(
        "restore in_place, data disk",
        "restore",
        {"operation": "CREATE", "vm_name": VM, "name": "data"},
        _overwritten,
        _data_swapped,
        locks=True,
        late=_data_only,
    ),
    Route("restore rollback_of in_place", "restore", _BACK, _swapped_data, _data_swapped_back, locks=True),
    Route("restore replace", "restore", {**_RESTORE, "strategy": "replace"}, _overwritten, _replaced_well, locks=True),
    Route("restore new", "restore", {**_RESTORE, "strategy": "new", "new_vm_name": COPY}, _overwritten, _copied),
    Route("restore gone", "restore", {**_RESTORE}, _gone, _built),
    Route("backup DELETE", "backup", {"operation": "DELETE", "name": f"{VM}-{FIRST}"}, _backups, _backup_gone, {"gives_up": _first_backup}, undone=False),
    Route(
        "backup DELETE by retention",
        "backup",
        {"operation": "DELETE", "vm_name": VM, "retention": {"keep_last": 1}},
        _backups,
        _backup_gone,
        {"gives_up": _first_backup},
        undone=False,
    ),
    Route("restore DELETE of rollback", "restore", _DELETE, _rolled_back, _given_up, {"gives_up": _safety}, undone=False),
    Route("restore DELETE of in_place", "restore", _DELETE, _swapped_data, _given_up, {"gives_up": _old_disks}, undone=False),
    Route("restore DELETE of replace", "restore", _DELETE, _replaced, _given_up, {"gives_up": _old_disks}, undone=False),
    Route(
        "restore DELETE of new",
        "restore",
        {"operation": "DELETE", "name": "first", "delete_vm": True},
        _made,
        _given_up,
        {"gives_up": _old_disks},
        undone=False,
    ),
]
