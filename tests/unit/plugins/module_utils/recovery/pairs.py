# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that all begin in one state, so that any two of them can meet on one VM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Machine, Ref
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint

from tests.unit.plugins.module_utils.recovery.bench import DEVICES, FIRST, LOCK_TTL_S, SECOND, THIRD, VM, VM_REF, Bench, Ran, seeded
from tests.unit.plugins.module_utils.recovery.cloud import Cloud, Event, Fault, Script
from tests.unit.plugins.module_utils.recovery.judge import wrongs
from tests.unit.plugins.module_utils.recovery.resetting import Resetting
from tests.unit.plugins.module_utils.recovery.roll_backs import safety_of

FOURTH = "20260102-120000"


@dataclass(frozen=True, eq=False)
class Meeting:
    """A task of a pair. ``content`` is what is on the VM's disks after its success; "" for what they had. ``moment`` is the backup that it makes."""

    name: str
    options: Mapping[str, Any]
    module: str = "restore"
    operation: str = "CREATE"
    content: str = ""
    moment: str = ""
    may_go: Callable[[Cloud, Ref], bool] = lambda _cloud, _ref: False
    # Whether it lets disks go back to recovery points of themselves, or gives up what that has kept.
    resets: bool = False

    def __str__(self) -> str:
        return self.name

    def run(self, bench: Bench, script: Script = lambda _event: None) -> Ran:
        return bench.run(self.module, self.operation, script=script, **self.options)


def _never(_cloud: Cloud, _ref: Ref) -> bool:
    return False


def taken_off_by(name: str, *, runs_on: str = "") -> Callable[[Cloud, Ref], bool]:
    """A disk that this restore took off, and that nobody has; with ``runs_on`` only once the VM has this content."""

    def may_go(cloud: Cloud, ref: Ref) -> bool:
        disk = cloud.things[ref]
        if not isinstance(disk, Disk) or disk.used_by or disk.marks.get(marks.REPLACED_BY) != name:
            return False
        return not runs_on or set(_contents(cloud)) == {runs_on}

    return may_go


def once_saved(cloud: Cloud, ref: Ref) -> bool:
    """A disk of the VM, once a complete backup that was taken at rest holds what every disk of the VM has."""
    machine, disk = cloud.things.get(VM_REF), cloud.things[ref]
    if not machine:
        return False
    every = [one for one in cloud.things.values() if isinstance(one, RecoveryPoint) and marks.BACKUP in one.marks]
    points = [one for one in every if one.marks.get(marks.CONSISTENCY) == "stopped"]
    saved = {(device, content) for one in points if one.status == "succeeded" for device, content in one.own["contents"].items()}
    wanted = {(one.device, cloud.things[one.disk].own["content"]) for one in machine.attached}
    return isinstance(disk, Disk) and ref in machine.disks and saved.issuperset(wanted)


def of_backup(moment: str) -> Callable[[Cloud, Ref], bool]:
    return lambda cloud, ref: isinstance(cloud.things[ref], RecoveryPoint) and cloud.things[ref].marks.get(marks.BACKUP) == moment


def older_than_another(cloud: Cloud, ref: Ref) -> bool:
    """A recovery point of a backup than which there is a newer one that is complete."""
    point = cloud.things[ref]
    if not isinstance(point, RecoveryPoint):
        return False
    newer = [one for one in cloud.things.values() if isinstance(one, RecoveryPoint) and (one.created_at or "") > (point.created_at or "")]
    by_moment: dict[str, set[str]] = {}
    for one in newer:
        if one.status == "succeeded" and not one.condemned and marks.BACKUP in one.marks:
            by_moment.setdefault(one.marks[marks.BACKUP], set()).add(one.device)
    return any(len(devices) == len(DEVICES) for devices in by_moment.values())


def _contents(cloud: Cloud) -> list[str]:
    machine = cloud.things.get(VM_REF)
    return [cloud.things[one.disk].own["content"] for one in machine.attached] if machine else []


def _restore(title: str, content: str, may_go: Callable[[Cloud, Ref], bool] = _never, **options: Any) -> Meeting:
    return Meeting(title, {"name": None if "rollback_of" in options else "r1", **options}, content=content, may_go=may_go)


def _backup(title: str, may_go: Callable[[Cloud, Ref], bool] = _never, **options: Any) -> Meeting:
    content = "gone" if options.get("retire_source") else ""
    return Meeting(title, {"snapshot_datetime": FOURTH, **options}, "backup", content=content, moment=FOURTH, may_go=may_go)


TASKS = [
    _restore("restore", "one", snapshot_datetime=FIRST),
    _restore("restore, old disks deleted", "one", taken_off_by("r2", runs_on="one"), name="r2", snapshot_datetime=FIRST, old_disks="delete"),
    _restore("another restore", "one", name="r3", snapshot_datetime=FIRST),
    _restore("replacement", "one", name="r4", snapshot_datetime=FIRST, strategy="replace"),
    _restore("rollback", "two", rollback_of="r0"),
    _backup("crash backup"),
    _backup("backup at rest", consistency="stopped"),
    _backup("retirement", once_saved, retire_source=True),
    Meeting("giving up old disks", {"name": "r0"}, operation="DELETE", may_go=taken_off_by("r0")),
    Meeting("deletion of a backup", {"name": f"{VM}-{SECOND}"}, "backup", "DELETE", may_go=of_backup(SECOND)),
    Meeting("pruning", {"vm_name": VM, "retention": {"keep_last": 1}}, "backup", "DELETE", may_go=older_than_another),
]


def _roll_back(title: str, content: str, may_go: Callable[[Cloud, Ref], bool] = _never, operation: str = "CREATE", **options: Any) -> Meeting:
    return Meeting(title, options, operation=operation, content=content, may_go=may_go, resets=True)


ROLL_BACKS = [
    _roll_back("roll-back", "three", name="r5", strategy="rollback", snapshot_datetime=THIRD),
    _roll_back("another roll-back", "three", name="r6", strategy="rollback", snapshot_datetime=THIRD),
    _roll_back("roll-back without safety points", "three", name="r7", strategy="rollback", snapshot_datetime=THIRD, safety_snapshot=False),
    _roll_back("rollback of a roll-back", "four", name=None, rollback_of="r9"),
    _roll_back("giving up a roll-back", "", safety_of("r9"), "DELETE", name="r9"),
]


@cache
def _common_after_a_roll_back() -> Bench:
    """The same, with "four" written since, and rolled back to "three"; since then the guest has written "five"."""
    bench = _common().copy()
    bench.provider = Resetting
    bench.write("four")
    assert bench.restore(name="r9", strategy="rollback", snapshot_datetime=THIRD).ok
    bench.write("five")
    bench.cloud.precious |= set(bench.every(RecoveryPoint))
    return bench


@cache
def _common() -> Bench:
    """Backed up thrice, and restored once from "two" to "one"; since then the guest has written "three"."""
    bench = seeded(reserved=True)
    assert bench.backup(FIRST).ok
    bench.write("two")
    bench.cloud.clock.now += 3600
    assert bench.backup(SECOND).ok
    assert bench.restore(name="r0", snapshot_datetime=FIRST).ok
    bench.write("three")
    bench.cloud.clock.now += 3600
    assert bench.backup(THIRD).ok
    bench.cloud.precious |= {ref for ref, thing in bench.cloud.things.items() if not isinstance(thing, Machine)}
    return bench


def common(*tasks: Meeting) -> Bench:
    """The common state; each task may give up what it is asked to give up."""
    bench = (_common_after_a_roll_back() if any(task.resets for task in tasks) else _common()).copy()
    bench.cloud.may_go = lambda cloud, ref: any(task.may_go(cloud, ref) for task in tasks)
    return bench


def paused_at(name: tuple[str, str, int], meanwhile: Callable[[], None], bench: Bench) -> Script:
    """The process is stopped just before this request for longer than a lock lives; meanwhile something else happens."""

    def script(event: Event) -> Fault | None:
        if event.name == name:
            bench.cloud.clock.now += LOCK_TTL_S + 1
            bench.cloud.settle()
            meanwhile()
        return None

    return script


def wrong_about(task: Meeting, ran: Ran, bench: Bench, *, ended: bool = False) -> list[str]:
    """What is wrong at the end of a task that has met another one; ``ended``: it had given up its lock before."""
    found = wrongs(ran, bench)
    contents = set(bench.contents().values())
    if len(contents) > 1 or len(bench.contents()) not in (0, len(DEVICES)):
        found.append(f"the VM has a mix of disks: {bench.contents()}")
    if ran.succeeded and task.content and not ended:
        wanted = set() if task.content == "gone" else {task.content}
        found += [f"success, and on the disks is {contents}, not {wanted}"] if contents != wanted else []
    if ran.succeeded and task.moment and not ended:
        points = [point for point in bench.every(RecoveryPoint).values() if point.marks.get(marks.BACKUP) == task.moment]
        saved = {content for point in points for content in point.own["contents"].values()}
        if len(points) != len(DEVICES) or len(saved) != 1 or any(point.status != "succeeded" or point.condemned for point in points):
            found.append(f"success, and the backup holds {[(point.device, point.status, point.condemned, point.own) for point in points]}")
    holder = bench.cloud.holders.get(VM_REF)
    if holder:
        found.append(f"the lock is still held by {holder}, and nobody is at work")
    return found
