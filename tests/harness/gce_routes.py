# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tasks that the fault harness disturbs: what each needs first, and how its end is judged, independently of the code under test."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from tests.simulator.gce import operations, seeds
from tests.simulator.gce.store import Project

from .vm_clouds import VM, Cloud, Digests
from .vm_provider import FIRST, SECOND, THIRD, Before, Goal, Perform, Route
from .vm_provider import nothing as _nothing

ZONE = "europe-west1-b"
COPY, LOCK = "web-1-drill", "mcr-lock"

# -- What is there


def seed(cloud: Cloud, *, large_metadata: bool = False) -> None:
    """A VM that runs on a boot disk and a data disk, with an external address that is not reserved; and another VM, which nothing may touch."""

    def fill(project: Project) -> None:
        place = f"zones/{ZONE}"
        boot = seeds.add_disk(project, place, VM, architecture="X86_64", guestOsFeatures=seeds.GUEST_OS, labels={"app": "web"})
        data = seeds.add_disk(project, place, "web-1-data", 20)
        seeds.add_instance(
            project,
            ZONE,
            VM,
            [(boot, {"deviceName": VM, "autoDelete": True}), (data, {"deviceName": "Odd_device.7", "autoDelete": False})],
            project.world.next_address(),
            labels={"app": "web"},
            tags={"items": ["http-server"]},
            metadata={"kind": "compute#metadata", "items": [{"key": "notes", "value": "x" * (3000 if large_metadata else 30)}]},
        )
        other = seeds.add_disk(project, place, "db-1")
        seeds.add_instance(project, ZONE, "db-1", [(other, {"deviceName": "db-1", "autoDelete": True})], labels={"app": "db"})
        operations.committed(project)

    cloud.do(fill)


def write(cloud: Cloud, text: str) -> None:
    """Write other bytes to all disks of the VM."""
    for disk in on_vm(cloud).values():
        cloud.act("guest_write", disk=disk, zone=ZONE, offset=0, data=base64.b64encode(f"{text} on {disk}".encode()).decode())


def on_vm(cloud: Cloud, name: str = VM) -> dict[str, str]:
    """The names of a VM's disks by device, in their order."""
    vm = cloud.one("instances", name) or {"disks": []}
    return {entry["deviceName"]: entry["source"].rpartition("/")[2] for entry in vm["disks"]}


# -- What is needed first


def _snapshots(cloud: Cloud, perform: Perform) -> None:
    for number in range(3):
        perform("snapshot", name=f"old-{number}", source_disk="web-1-data", tags={"set": "nightly"})


def _backups(cloud: Cloud, perform: Perform) -> None:
    for moment in (FIRST, SECOND):
        write(cloud, moment)
        perform("backup", vm_name=VM, snapshot_datetime=moment)


def _saved(cloud: Cloud, perform: Perform) -> None:
    write(cloud, "saved")
    perform("backup", vm_name=VM, snapshot_datetime=FIRST)


def _images(cloud: Cloud, perform: Perform) -> None:
    perform("backup", vm_name=VM, snapshot_datetime=FIRST, method="image", image_family="web")


def _overwritten(cloud: Cloud, perform: Perform) -> None:
    _saved(cloud, perform)
    write(cloud, "present")


def _gone(cloud: Cloud, perform: Perform) -> None:
    _overwritten(cloud, perform)

    def remove(project: Project) -> None:
        place = f"zones/{ZONE}"
        project.remove(project.table(place, "instances")[VM])
        for name in (VM, "web-1-data"):
            project.remove(project.table(place, "disks")[name])
        operations.committed(project)

    cloud.do(remove)


def _restored(cloud: Cloud, perform: Perform) -> None:
    _overwritten(cloud, perform)
    perform("restore", vm_name=VM, snapshot_datetime=FIRST, name="first")
    write(cloud, "after the restore")


# -- Goals


def no_lock(cloud: Cloud) -> list[str]:
    """Whoever still carries the lock."""
    return [f"{item['name']} still carries the lock" for plural in ("instances", "disks") for item in cloud.all(plural) if LOCK in item.get("labels", {})]


def vm_problems(cloud: Cloud, before: Before, wanted: Digests, name: str = VM, status: str = "RUNNING", *, own_address: bool = False) -> list[str]:
    """What is wrong with a VM that should be as it was, on disks with these bytes."""
    vm = cloud.one("instances", name)
    if vm is None:
        return [f"there is no VM {name}"]
    problems = [] if vm["status"] == status else [f"{name} is {vm['status']}"]
    found = cloud.digests(name)
    if list(found) != list(wanted):
        problems.append(f"the devices of {name} are {list(found)}")
    problems += [f"{device} of {name} has other bytes" for device in wanted if found.get(device) != wanted[device]]
    for entry, old in zip(vm["disks"], before.vm["disks"]):
        problems += [f"{key} of {entry['deviceName']} is {entry[key]}" for key in ("boot", "autoDelete", "mode", "deviceName") if entry[key] != old[key]]
    for key in ("machineType", "scheduling", "canIpForward"):
        if vm.get(key) != before.vm.get(key):
            problems.append(f"{key} of {name} is {vm.get(key)}")
    for key in ("metadata", "tags"):
        if vm[key].get("items") != before.vm[key].get("items"):
            problems.append(f"{key} of {name} is {vm[key].get('items')}")
    if {key: value for key, value in vm.get("labels", {}).items() if not key.startswith("mcr-")} != {"app": "web"}:
        problems.append(f"the labels of {name} are {vm.get('labels')}")
    if not own_address and status == "RUNNING" and _addresses(vm) != _addresses(before.vm):
        problems.append(f"the addresses of {name} are {_addresses(vm)}")
    return problems


def _addresses(vm: Mapping[str, Any]) -> list[Any]:
    return [(part.get("networkIP"), [config.get("natIP") for config in part.get("accessConfigs", [])]) for part in vm["networkInterfaces"]]


def _kept(cloud: Cloud, before: Before) -> list[str]:
    """Whether the disks from before are kept, with their bytes, used by nobody."""
    problems = []
    for device, name in before.disks.items():
        disk = cloud.one("disks", name)
        if disk is None or disk["digest"] != before.present[device]:
            problems.append(f"the old disk {name} is gone, or has other bytes")
        elif disk.get("users"):
            problems.append(f"the old disk {name} is in use")
    return problems


def _swapped(cloud: Cloud, before: Before) -> list[str]:
    return [*vm_problems(cloud, before, before.saved), *_kept(cloud, before), *no_lock(cloud)]


def _swapped_for_good(cloud: Cloud, before: Before) -> list[str]:
    left = [name for name in before.disks.values() if cloud.one("disks", name)]
    return [*vm_problems(cloud, before, before.saved), *[f"the old disk {name} is left" for name in left], *no_lock(cloud)]


def _copied(cloud: Cloud, before: Before) -> list[str]:
    original = vm_problems(cloud, before, before.present)
    return [*original, *vm_problems(cloud, before, before.saved, COPY, own_address=True), *no_lock(cloud)]


def _built(cloud: Cloud, before: Before) -> list[str]:
    return [*vm_problems(cloud, before, before.saved, own_address=True), *no_lock(cloud)]


def members(cloud: Cloud, plural: str, moment: str) -> dict[str, dict[str, Any]]:
    """The parts of a backup by their names."""
    found = [item for item in cloud.all(plural) if item.get("labels", {}).get("mcr-backup") == moment]
    return {item["name"]: item for item in found}


def _backed_up(plural: str, moment: str, *, gone: bool = False, own_address: bool = False) -> Goal:
    def goal(cloud: Cloud, before: Before) -> list[str]:
        parts = list(members(cloud, plural, moment).values())
        problems = [f"{item['name']} is {item['status']}" for item in parts if item["status"] != "READY"]
        found = parts[0].get("digests", []) if plural == "machineImages" and parts else [item["digest"] for item in parts]
        if sorted(found) != sorted(before.present.values()):
            problems.append(f"what was saved in {len(parts)} {plural} is not what is on the disks")
        if gone:
            problems += [f"there still is {name}" for name in (VM,) if cloud.one("instances", name)]
        else:
            problems += vm_problems(cloud, before, before.present, own_address=own_address)
        return problems + no_lock(cloud)

    return goal


def _snapshot_made(cloud: Cloud, before: Before) -> list[str]:
    found = cloud.one("snapshots", "fresh")
    if found is None or found["status"] != "READY" or found["digest"] != before.present["Odd_device.7"]:
        return ["there is no such snapshot, or it has other bytes"]
    return [] if found.get("labels", {}).get("team") == "sales" else [f"its labels are {found.get('labels')}"]


def _pruned(cloud: Cloud, before: Before) -> list[str]:
    names = [item["name"] for item in cloud.all("snapshots")]
    return [] if names == ["old-2"] else [f"the snapshots are {names}"]


def _backup_gone(cloud: Cloud, before: Before) -> list[str]:
    left, other = members(cloud, "snapshots", FIRST), members(cloud, "snapshots", SECOND)
    problems = [f"{name} is left" for name in left] + ([] if len(other) == 2 else ["the other backup is not whole"])
    return problems + vm_problems(cloud, before, before.present)


def _given_up(cloud: Cloud, before: Before) -> list[str]:
    left = [item["name"] for item in cloud.all("disks") if item["name"] in (VM, "web-1-data")]
    return [f"{name} is left" for name in left] + vm_problems(cloud, before, before.present)


_RESTORE: Mapping[str, Any] = {"operation": "CREATE", "vm_name": VM, "snapshot_datetime": FIRST}
_BACKUP: Mapping[str, Any] = {"operation": "CREATE", "vm_name": VM, "snapshot_datetime": THIRD}
_DISKS = [f"disk:{VM}", "disk:web-1-data"]

ROUTES = [
    Route(
        "snapshot CREATE",
        "snapshot",
        {"operation": "CREATE", "name": "fresh", "source_disk": "web-1-data", "tags": {"team": "sales"}},
        _nothing,
        _snapshot_made,
        undone=False,
    ),
    Route(
        "snapshot DELETE by retention",
        "snapshot",
        {"operation": "DELETE", "source_disk": "web-1-data", "retention": {"keep_last": 1}, "tags": {"set": "nightly"}},
        _snapshots,
        _pruned,
        {"given_up": ["snapshot:old-0", "snapshot:old-1"]},
        undone=False,
    ),
    Route("backup crash", "backup", _BACKUP, _backups, _backed_up("snapshots", THIRD)),
    Route(
        "backup stopped",
        "backup",
        {**_BACKUP, "consistency": "stopped"},
        _nothing,
        _backed_up("snapshots", THIRD, own_address=True),
        {},
        seed=(("large_metadata", True),),
        locks=True,
    ),
    Route(
        "backup image, retire_source",
        "backup",
        {**_BACKUP, "method": "image", "image_family": "web", "retire_source": True},
        _images,
        _backed_up("images", THIRD, gone=True),
        {"given_up": [f"instance:{VM}", f"disk:{VM}"]},
        locks=True,
    ),
    Route("backup machine_image", "backup", {**_BACKUP, "method": "machine_image"}, _nothing, _backed_up("machineImages", THIRD)),
    Route("restore in_place", "restore", _RESTORE, _overwritten, _swapped, locks=True),
    Route(
        "restore in_place, old disks deleted",
        "restore",
        {**_RESTORE, "old_disks": "delete"},
        _overwritten,
        _swapped_for_good,
        {"given_up": _DISKS},
        locks=True,
    ),
    Route(
        "restore replace",
        "restore",
        {**_RESTORE, "strategy": "replace"},
        _overwritten,
        _swapped,
        {"given_up": [f"instance:{VM}"]},
        seed=(("large_metadata", True),),
        locks=True,
    ),
    Route("restore new", "restore", {**_RESTORE, "strategy": "new", "new_vm_name": COPY}, _overwritten, _copied),
    Route("restore gone", "restore", {**_RESTORE, "allow_lost": ["external_address"]}, _gone, _built, {"old_disks": []}),
    Route("restore rollback_of", "restore", {"operation": "CREATE", "vm_name": VM, "rollback_of": "first"}, _restored, _swapped, locks=True),
    Route("backup DELETE", "backup", {"operation": "DELETE", "name": f"{VM}-{FIRST}"}, _backups, _backup_gone, {"given_up": "snapshots"}, undone=False),
    Route(
        "restore DELETE",
        "restore",
        {"operation": "DELETE", "name": "first", "vm_name": VM},
        _restored,
        _given_up,
        {"given_up": _DISKS, "old_disks": []},
        undone=False,
    ),
]
