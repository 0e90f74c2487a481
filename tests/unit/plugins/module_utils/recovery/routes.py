# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks that the tests disturb: from which state, with which options, and what must be so when they succeeded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk, Machine, Power, Ref
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint

from tests.unit.plugins.module_utils.recovery.bench import DEVICES, FIRST, SECOND, THIRD, VM, VM_REF, Bench, saved, seeded
from tests.unit.plugins.module_utils.recovery.cloud import Cloud, Fault
from tests.unit.plugins.module_utils.recovery.roll_backs import ROLL_BACKS
from tests.unit.plugins.module_utils.recovery.route import Goal, Route, at, undisturbed

# --- states before a task


def running() -> Bench:
    return saved()


def stopped() -> Bench:
    return saved(on=False)


def with_two_disks() -> Bench:
    return saved(2)


def with_two_disks_stopped() -> Bench:
    return saved(2, on=False)


def unsaved() -> Bench:
    return seeded(reserved=True)


def saved_stopped() -> Bench:
    """Stopped and saved, and nothing was written since."""
    bench = seeded(on=False)
    assert bench.backup(consistency="stopped").ok
    bench.cloud.precious |= set(bench.every(RecoveryPoint))
    return bench


def lost() -> Bench:
    bench = saved()
    bench.lose_vm()
    return bench


def lost_but_for_its_disks() -> Bench:
    bench = saved()
    bench.lose_vm(disks=False)
    return bench


def with_manifest_apart() -> Bench:
    """The manifest does not fit into the notes of the points."""
    bench = seeded()
    bench.cloud.longest_note = 100
    assert bench.backup().ok
    bench.write("two")
    return bench


def lost_with_manifest_apart() -> Bench:
    bench = with_manifest_apart()
    bench.lose_vm()
    return bench


def restored() -> Bench:
    """Restored once from "two" to "one"; since then the guest has written "three"."""
    bench = saved()
    assert bench.restore().ok
    bench.write("three")
    return bench


def restored_twice() -> Bench:
    """Restored again, from "three" to "one"; since then the guest has written "four"."""
    bench = restored()
    assert bench.restore(name="r2").ok
    bench.write("four")
    return bench


def restored_thrice() -> Bench:
    bench = restored_twice()
    assert bench.restore(name="r3").ok
    bench.write("five")
    return bench


def middle_restore_given_up() -> Bench:
    bench = restored_thrice()
    assert bench.give_up("r2").ok
    return bench


def gone_back() -> Bench:
    bench = restored()
    assert bench.restore(rollback_of="r1").ok
    return bench


def replaced() -> Bench:
    bench = saved()
    assert bench.restore(strategy="replace").ok
    bench.write("three")
    return bench


def copied() -> Bench:
    bench = saved()
    assert bench.restore(strategy="new", new_vm_name="copy").ok
    return bench


def built_and_lost_again() -> Bench:
    bench = lost()
    assert bench.restore().ok
    bench.write("three")
    bench.lose_vm()
    return bench


def killed_at(part: str, fault: Fault = Fault.KILLED_AFTER, **given: Any) -> Bench:
    """A restore r1 whose process died at the first request of these words."""
    bench = saved()
    ran = bench.run("restore", script=at(part, fault), name="r1", snapshot_datetime="latest", **given)
    assert ran.killed
    bench.cloud.settle(everything=True)
    return bench


def killed_while_making_disks() -> Bench:
    return killed_at("creating disk web-data")


def killed_before_the_stop() -> Bench:
    return killed_at("stopping", Fault.KILLED_BEFORE)


def killed_half_way() -> Bench:
    return killed_at("attaching web-boot")


def killed_once_it_ran() -> Bench:
    """The VM runs on its restored disks, and the guest has written on them, when the process dies."""
    bench = killed_at("starting VM web")
    bench.write("three")
    bench.cloud.precious |= set(bench.vm.disks)
    return bench


def replacement_killed_before_the_stop() -> Bench:
    return killed_at("stopping", Fault.KILLED_BEFORE, strategy="replace")


def replacement_killed_in_the_gap() -> Bench:
    return killed_at("deleting VM", strategy="replace")


def backed_up_twice() -> Bench:
    bench = saved()
    bench.cloud.clock.now += 3600
    assert bench.backup(SECOND).ok
    bench.cloud.precious |= set(bench.every(RecoveryPoint))
    return bench


def backed_up_thrice() -> Bench:
    bench = backed_up_twice()
    bench.cloud.clock.now += 3600
    assert bench.backup(THIRD).ok
    bench.cloud.precious |= set(bench.every(RecoveryPoint))
    return bench


# --- what may be deleted, and when


def when_up_on(content: str, power: Power | None = Power.ON) -> Callable[[Cloud, Ref], bool]:
    """Once the VM has all its devices with this content, and is on or off as it is to be."""

    def may_go(cloud: Cloud, _ref: Ref) -> bool:
        machine = cloud.things.get(VM_REF)
        if not isinstance(machine, Machine) or (power and machine.power is not power):
            return False
        return len(machine.attached) >= 2 and {cloud.things[one.disk].own["content"] for one in machine.attached} == {content}

    return may_go


def when_saved_at_rest(cloud: Cloud, ref: Ref) -> bool:
    """Once a complete backup holds all that is on the disks."""
    points = [point for point in cloud.things.values() if isinstance(point, RecoveryPoint) and point.marks.get(marks.CONSISTENCY) == "stopped"]
    ready = {device for point in points if point.status == "succeeded" and point.ref not in cloud.unrest for device in point.own["contents"]}
    return not ref.startswith("point/") and ready.issuperset(one.device for one in cloud.machine(VM_REF).attached)


def of_backups(*moments: str) -> Callable[[Cloud, Ref], bool]:
    """The points of these backups."""

    def may_go(cloud: Cloud, ref: Ref) -> bool:
        return isinstance(cloud.things[ref], RecoveryPoint) and cloud.things[ref].marks.get(marks.BACKUP) in moments

    return may_go


def contents_kept(*contents: str) -> Callable[[Cloud, Ref], bool]:
    """Disks with these contents that are attached nowhere."""

    def may_go(cloud: Cloud, ref: Ref) -> bool:
        disk = cloud.things[ref]
        return isinstance(disk, Disk) and disk.own["content"] in contents and not disk.used_by

    return may_go


# --- the routes


def _in_place(devices: int, on: bool, start: str, old_disks: str) -> Route:
    ready = {(3, True): running, (3, False): stopped, (2, True): with_two_disks, (2, False): with_two_disks_stopped}[devices, on]
    power = Power.ON if start == "started" or (start == "as_before" and on) else Power.OFF
    keeps = old_disks == "keep"
    goal = Goal(power=power, devices=DEVICES[:devices], kept=frozenset({"two"} if keeps else ()), disks=devices * (2 if keeps else 1))
    options = {"name": "r1", "snapshot_datetime": "latest", "start": start, "old_disks": old_disks}
    may_go: Callable[[Cloud, Ref], bool] = (lambda _cloud, _ref: False) if keeps else when_up_on("one", power)
    return Route(f"in place, {devices} disks, {'on' if on else 'off'}, {start}, {old_disks}", ready, options, goal, may_go=may_go)


IN_PLACE = [
    _in_place(devices, on, start, old_disks)
    for devices in (2, 3)
    for on in (True, False)
    for start in ("as_before", "started", "stopped")
    for old_disks in ("keep", "delete")
]


LEFT_BY_THE_DEAD = (
    killed_while_making_disks,
    killed_before_the_stop,
    killed_half_way,
    killed_once_it_ran,
    replacement_killed_before_the_stop,
    replacement_killed_in_the_gap,
)


def _restore(name: str, ready: Callable[[], Bench], goal: Goal, **options: Any) -> Route:
    may_go, same_end = options.pop("may_go", lambda _cloud, _ref: False), options.pop("same_end", True)
    point = {} if "rollback_of" in options else {"snapshot_datetime": "latest", "name": "r1"}
    return Route(name, ready, {**point, **options}, goal, may_go=may_go, undoes=ready not in LEFT_BY_THE_DEAD, same_end=same_end)


def _kept(*contents: str) -> frozenset[str]:
    return frozenset(contents)


OTHER_RESTORES = [
    _restore("rollback of the newest", restored, Goal("two", kept=_kept("three"), disks=6), rollback_of="r1"),
    _restore("rollback of an older one", restored_twice, Goal("two", kept=_kept("three", "four"), disks=9), rollback_of="r1"),
    _restore("rollback of the newest of two", restored_twice, Goal("three", kept=_kept("two", "four"), disks=9), rollback_of="r2"),
    _restore("rollback after the middle one was given up", middle_restore_given_up, Goal("two", kept=_kept("four", "five"), disks=9), rollback_of="r1"),
    _restore("rollback of a rollback", gone_back, Goal("three", kept=_kept("two"), disks=6), rollback_of="rollback-of-r1"),
    _restore("rollback of a replacement", replaced, Goal("two", kept=_kept("three"), disks=6), rollback_of="r1"),
    _restore("rollback, old disks deleted", restored, Goal("two", disks=3), rollback_of="r1", old_disks="delete", may_go=when_up_on("two")),
    _restore("replacement", running, Goal(kept=_kept("two"), disks=6), strategy="replace"),
    _restore("replacement of a stopped one", stopped, Goal(power=Power.OFF, kept=_kept("two"), disks=6), strategy="replace"),
    _restore("replacement, old disks deleted", running, Goal(disks=3), strategy="replace", old_disks="delete", may_go=when_up_on("one")),
    _restore("copy", running, Goal(vm="copy", address=False, disks=6), strategy="new", new_vm_name="copy"),
    _restore("copy in another place", running, Goal(vm="copy", place="b", address=False, disks=6), strategy="new", new_vm_name="copy", new_site="b"),
    _restore("copy that stays stopped", running, Goal(vm="copy", power=Power.OFF, disks=6), strategy="new", new_vm_name="copy", start="stopped"),
    _restore("gone", lost, Goal(address=False, disks=3)),
    _restore("gone, its disks are left", lost_but_for_its_disks, Goal(address=False, kept=_kept("two"), disks=6)),
    _restore("gone, manifest apart", lost_with_manifest_apart, Goal(address=False, disks=3)),
    _restore("gone again", built_and_lost_again, Goal(address=False, disks=3)),
    _restore("giving up a restore that has begun", killed_while_making_disks, Goal("two", disks=3), rollback_of="r1"),
    _restore("giving up a restore before the stop", killed_before_the_stop, Goal("two", disks=3), rollback_of="r1"),
    _restore("giving up a replacement before the stop", replacement_killed_before_the_stop, Goal("two", disks=3), rollback_of="r1"),
    # Once the VM has its own disks again, the next run finds a restore that has changed nothing, and deletes its disks, on which the VM never ran.
    _restore("going back half-way", killed_half_way, Goal("two", kept=_kept("one"), disks=6), rollback_of="r1", same_end=False),
    _restore("going back once it ran", killed_once_it_ran, Goal("two", kept=_kept("three"), disks=6), rollback_of="r1"),
    _restore("going on half-way", killed_half_way, Goal(kept=_kept("two"), disks=6)),
    _restore("going on in the gap", replacement_killed_in_the_gap, Goal(kept=_kept("two"), disks=6), strategy="replace"),
]


def _backup(title: str, ready: Callable[[], Bench], goal: Goal, operation: str = "CREATE", **options: Any) -> Route:
    may_go, same_end = options.pop("may_go", lambda _cloud, _ref: False), options.pop("same_end", True)
    return Route(title, ready, options, goal, "backup", operation, may_go, undoes=operation == "CREATE", same_end=same_end)


_ONE, _TWO = frozenset({FIRST}), frozenset({FIRST, SECOND})
BACKUPS = [
    _backup("crash backup", unsaved, Goal(points=_ONE), snapshot_datetime=FIRST),
    _backup("backup at rest", unsaved, Goal(points=_ONE), snapshot_datetime=FIRST, consistency="stopped"),
    _backup("backup with the guest's help", unsaved, Goal(points=_ONE), snapshot_datetime=FIRST, consistency="application"),
    _backup("backup as images", unsaved, Goal(points=_ONE), snapshot_datetime=FIRST, method="image"),
    _backup("backup as one image", unsaved, Goal(points=_ONE), snapshot_datetime=FIRST, method="machine_image"),
    _backup("retirement", unsaved, Goal(None, points=_ONE, kept=_kept("one"), disks=2), snapshot_datetime=FIRST, retire_source=True, may_go=when_saved_at_rest),
    _backup(
        "retirement over a backup",
        saved_stopped,
        Goal(None, points=_ONE, kept=_kept("one"), disks=2),
        snapshot_datetime=FIRST,
        retire_source=True,
        may_go=when_saved_at_rest,
    ),
]
DELETIONS = [
    _backup("deletion of a backup", backed_up_twice, Goal("two", points=frozenset({SECOND})), "DELETE", name=f"{VM}-{FIRST}", may_go=of_backups(FIRST)),
    # What is left of a backup whose deletion failed is not usable, and rules release usable ones only.
    _backup(
        "pruning",
        backed_up_thrice,
        Goal("two", points=frozenset({THIRD})),
        "DELETE",
        vm_name=VM,
        retention={"keep_last": 1},
        may_go=of_backups(FIRST, SECOND),
        same_end=False,
    ),
    Route("giving up old disks", restored, {"name": "r1"}, Goal("three", disks=3), operation="DELETE", may_go=contents_kept("two"), undoes=False),
    Route("giving up a copy", copied, {"name": "r1", "delete_vm": True, "vm_name": "copy"}, Goal("two", disks=3), operation="DELETE", undoes=False),
]
ROUTES = [*IN_PLACE, *OTHER_RESTORES, *BACKUPS, *DELETIONS, *ROLL_BACKS]
__all__ = ["ROUTES", "Goal", "Route", "at", "undisturbed"]
