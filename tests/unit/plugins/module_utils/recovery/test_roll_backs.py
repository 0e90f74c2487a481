# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roll-backs and what happens between them: somebody starts the VM or deletes what it needs, names meet, restores of other kinds come in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Attachment, Disk, Machine, Power
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import RecoveryPoint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.snapshots.held import read_by, readers

from tests.unit.plugins.module_utils.recovery.bench import FIRST, HERE, SECOND, VM, VM_REF, Bench, Ran, at_work, options_of
from tests.unit.plugins.module_utils.recovery.cloud import CHANGE, STATUSES, Event, Fault, Process, Script
from tests.unit.plugins.module_utils.recovery.judge import differences, state_of, wrongs
from tests.unit.plugins.module_utils.recovery.memory import machine_ref
from tests.unit.plugins.module_utils.recovery.resetting import LooseResetting, Resetting
from tests.unit.plugins.module_utils.recovery.roll_backs import (
    BACK,
    ROLL_BACKS,
    UNSAVED,
    back,
    back_unsaved,
    exchanged_after,
    going_back_killed_half_way,
    killed_before_marking,
    killed_before_the_reset,
    killed_half_back,
    killed_when_all_were_back,
    killed_while_saving,
    ready_to_go_back,
    safety_of,
    stopped,
    treasure,
    unconcerned,
)
from tests.unit.plugins.module_utils.recovery.route import Route, at

CHECK = pytest.mark.parametrize("check", [False, True])
HALF_WAY = (killed_before_the_reset, killed_half_back, killed_when_all_were_back)


def refused(bench: Bench, run: Callable[[], Ran], kind: str = "Conflict") -> str:
    """The message of a task that was refused and has changed nothing."""
    before = state_of(bench.cloud, lock=False)
    ran = run()
    assert ran.error is not None, ran.value
    assert ran.error.kind == kind, ran.message
    assert ran.sent == [], ran.message
    assert differences(state_of(bench.cloud, lock=False), before) == []
    assert wrongs(ran, bench) == []
    return ran.message


def succeeded(bench: Bench, ran: Ran, content: str, power: Power = Power.ON) -> Ran:
    """A task after which the VM runs on this content, and nothing was lost."""
    assert ran.ok
    assert wrongs(ran, bench) == []
    assert set(bench.contents().values()) == {content}
    assert bench.vm.power is power
    assert bench.cloud.holders.get(VM_REF, "") == ""
    return ran


def safety(bench: Bench, name: str = "r1") -> list[RecoveryPoint]:
    return [point for point in bench.every(RecoveryPoint).values() if point.marks.get(marks.RESTORE) == name]


def delete(bench: Bench, *points: RecoveryPoint) -> None:
    """Somebody deletes recovery points."""
    for point in points:
        bench.cloud.precious.discard(point.ref)
        bench.cloud.put(point.ref, None)


def somebody_starts(bench: Bench, content: str = "") -> None:
    """Somebody starts the VM, whatever is on its disks, and the guest writes."""
    bench.cloud.started_by_others.add(VM_REF)
    bench.switch(Power.ON)
    if content:
        write(bench, content)


def write(bench: Bench, content: str) -> None:
    """The guest writes, and so gives up what its disks hold."""
    disks = [bench.cloud.disk(one.disk) for one in bench.vm.attached]
    bench.cloud.treasures -= {(disk.uid, disk.own["content"]) for disk in disks}
    bench.write(content)


# What a record tells


@pytest.mark.parametrize(
    "route", [route for route in ROLL_BACKS if route.operation == "CREATE" and not route.name.startswith(("giving up", "rollback of a restore"))], ids=str
)
def test_check_predicts_the_record(route: Route) -> None:
    bench = route.bench()
    check = route.run(bench, check=True).ok["restore"]
    real = route.run(bench).ok["restore"]
    assert without_ids(check) == without_ids(real)


def without_ids(record: Any) -> Any:
    """The record without what only the provider knows."""
    if isinstance(record, dict):
        return {key: without_ids(value) if key not in ("uid", "created_at") or isinstance(value, dict) else "" for key, value in record.items()}
    return [without_ids(one) for one in record] if isinstance(record, list) else record


def test_roll_back_is_inspected_alone_and_among_all() -> None:
    bench = exchanged_after()
    records = {record["name"]: record for record in bench.run("restore", "INSPECT_ALL").ok["restores"]}
    assert {name: record["strategy"] for name, record in records.items()} == {"r1": "rollback", "r2": "in_place"}
    assert bench.run("restore", "INSPECT_ONE", name="r1").ok["restore"] == records["r1"]
    assert bench.run("restore", "INSPECT_ONE", uid=records["r1"]["uid"]).ok["restore"] == records["r1"]


@pytest.mark.parametrize("ready", [*HALF_WAY, killed_while_saving, going_back_killed_half_way])
def test_unfinished_roll_back_is_not_told_to_have_succeeded(ready: Callable[[], Bench]) -> None:
    bench = ready()
    name = "r1" if ready is not going_back_killed_half_way else "rollback-of-r1"
    assert bench.run("restore", "INSPECT_ONE", name=name).ok["restore"]["status"] != "succeeded"


def test_mark_that_somebody_has_spoiled_breaks_no_list() -> None:
    bench = back()
    bench.cloud.mark("a/disk/web-1", {marks.RESET: "nonsense"})
    assert [record["name"] for record in bench.run("restore", "INSPECT_ALL").ok["restores"]] == ["r1"]


# Somebody starts the VM half-way


@pytest.mark.parametrize("stops", [False, True], ids=["left running", "stopped again"])
@pytest.mark.parametrize("content", ["", "late"], ids=["nothing written", "written"])
@pytest.mark.parametrize("ready", [killed_before_the_reset, killed_half_back])
def test_disks_of_a_vm_that_was_started_half_way_all_go_back_again(ready: Callable[[], Bench], content: str, stops: bool) -> None:
    bench = ready()
    somebody_starts(bench, content)
    if stops:
        bench.switch(Power.OFF)
    succeeded(bench, bench.restore(**BACK), "one")


@pytest.mark.parametrize("stops", [False, True], ids=["left running", "stopped again"])
@pytest.mark.parametrize("ready", [killed_before_the_reset, killed_half_back])
def test_what_a_vm_that_was_started_half_way_held_before_can_be_gone_back_to(ready: Callable[[], Bench], stops: bool) -> None:
    bench = ready()
    somebody_starts(bench, "late")
    if stops:
        bench.switch(Power.OFF)
    succeeded(bench, bench.restore(rollback_of="r1"), "two")


def changes_of(options: dict[str, Any], ready: Callable[[], Bench]) -> list[tuple[str, str, int]]:
    return [event.name for event in ready().restore(**options).ok.process.events if event.kind == CHANGE and not event.key.startswith("resetting")]


@pytest.mark.parametrize(("options", "ready"), [(BACK, ready_to_go_back), (BACK, stopped), (UNSAVED, unconcerned), ({"rollback_of": "r1"}, back)])
def test_vm_that_is_started_before_any_change_never_ends_on_a_mix(options: dict[str, Any], ready: Callable[[], Bench]) -> None:
    for name in changes_of(options, ready):
        bench = ready()
        wanted = "two" if "rollback_of" in options else "one"
        # What is written once it was started may be lost; what was there before may not.
        script = once(name, lambda bench=bench: somebody_starts(bench, "late"))
        ran = bench.restore(script=script, **options)
        assert wrongs(ran, bench) == [], (name, ran.message)
        for _again in range(2):
            if not ran.succeeded:
                ran = bench.restore(**options)
        assert ran.succeeded, (name, ran.message)
        assert wrongs(ran, bench) == [], (name, ran.message)
        assert set(bench.contents().values()) in ({wanted}, {"late"}), (name, bench.contents(), ran.message)


def once(name: tuple[str, str, int], act: Callable[[], None]) -> Script:
    def script(event: Event) -> Fault | None:
        if event.name == name:
            act()
        return None

    return script


# Somebody deletes what it needs


def test_safety_points_that_are_gone_before_the_reset_are_made_anew() -> None:
    bench = killed_before_marking()
    delete(bench, *safety(bench)[:4])
    succeeded(bench, bench.restore(**BACK), "one")
    assert len(safety(bench)) >= 3


def test_safety_points_that_go_just_before_the_reset_keep_it_from_being_sent() -> None:
    bench = ready_to_go_back()
    ran = bench.restore(script=once(("change", "marking web-0", 1), lambda: None), **BACK)
    assert ran.ok
    bench = ready_to_go_back()

    def script(event: Event) -> Fault | None:
        rest = [point for point in safety(bench) if point.marks[marks.SAFETY] == "2" and point.status == "succeeded"]
        if len(rest) == 3 and event.kind == "read" and event.key.startswith("get a/disk") and not gone:
            gone.extend(rest)
            delete(bench, rest[1])
        return None

    gone: list[RecoveryPoint] = []
    ran = bench.restore(script=script, **BACK)
    assert gone
    assert wrongs(ran, bench) == []
    if not ran.succeeded:
        assert set(bench.contents().values()) == {"two"}
        assert bench.vm.power is Power.ON
        succeeded(bench, bench.restore(**BACK), "one")


@CHECK
def test_roll_back_goes_on_without_safety_points_that_are_gone_half_way_and_says_so(check: bool) -> None:
    bench = killed_half_back()
    delete(bench, *safety(bench)[4:])
    bench.cloud.treasures.clear()
    ran = bench.restore(check=check, **BACK).ok
    assert "there is no way back" in ran.message.replace("would be no way back", "is no way back")
    if not check:
        succeeded(bench, ran, "one")
        assert not bench.restore(**BACK).ok.changed


@pytest.mark.parametrize("ready", [back, killed_half_back])
def test_state_whose_safety_points_are_gone_cannot_be_gone_back_to(ready: Callable[[], Bench]) -> None:
    bench = ready()
    bench.cloud.treasures.clear()
    delete(bench, *[point for point in safety(bench) if point.device == "data"])
    assert "no safety point is kept for data" in refused(bench, lambda: bench.restore(rollback_of="r1"))


def test_restore_without_safety_points_cannot_be_gone_back_from() -> None:
    bench = back_unsaved()
    assert "no safety point is kept for boot, data, Odd.7" in refused(bench, lambda: bench.restore(rollback_of="r1"))


def test_unfinished_restore_whose_backup_is_deleted_goes_back_but_not_on() -> None:
    bench = killed_half_back()
    delete(bench, *[point for point in bench.every(RecoveryPoint).values() if marks.BACKUP in point.marks])
    message = refused(bench, lambda: bench.restore(snapshot_datetime=FIRST, **BACK), "NotFound")
    assert "Go back with rollback_of: r1" in message
    succeeded(bench, bench.restore(rollback_of="r1"), "two")


def test_restore_whose_disks_are_all_back_goes_on_although_its_backup_is_deleted() -> None:
    bench = killed_when_all_were_back()
    delete(bench, *[point for point in bench.every(RecoveryPoint).values() if marks.BACKUP in point.marks])
    succeeded(bench, bench.restore(snapshot_datetime=FIRST, **BACK), "one")


@pytest.mark.parametrize("ready", [killed_while_saving, killed_half_back])
def test_backup_is_not_deleted_while_a_roll_back_is_unfinished(ready: Callable[[], Bench]) -> None:
    bench = ready()
    assert 'held by the restore "r1"' in refused(bench, lambda: bench.run("backup", "DELETE", name=f"{VM}-{FIRST}"))


@pytest.mark.parametrize("ready", [killed_while_saving, killed_half_back, killed_when_all_were_back, back])
def test_snapshots_that_an_unfinished_roll_back_needs_are_held(ready: Callable[[], Bench]) -> None:
    bench = ready()
    process = Process(bench.cloud, Waiter(60, 1, clock=bench.cloud.clock, sleep=bench.cloud.clock.sleep))
    provider = Resetting(Task("restore", "CREATE", "memory", options_of("restore")), process, HERE)
    points = list(bench.every(RecoveryPoint).values())
    with at_work(process, inline=True):
        held = readers(provider, points)
    touched = ready in (killed_half_back, killed_when_all_were_back)
    needed = [] if ready is back else [point.name for point in points if marks.SAFETY in point.marks or touched]
    assert sorted(held) == sorted(needed)
    assert all("which is not complete" in read_by(reader) or "(run " in read_by(reader) for reader in held.values())


@pytest.mark.parametrize("options", [{}, {"rollback_of": "r1"}], ids=str)
def test_disk_that_somebody_has_deleted_half_way_is_named_and_its_safety_points_stay(options: dict[str, Any]) -> None:
    bench = killed_half_back()
    bench.cloud.disconnect(VM_REF, "a/disk/web-1")
    bench.cloud.precious.discard("a/disk/web-1")
    bench.cloud.put("a/disk/web-1", None)
    given = options or {**BACK, "snapshot_datetime": FIRST}
    assert "data" in refused(bench, lambda: bench.restore(**given))
    assert {point.device for point in safety(bench)} == {"boot", "data", "Odd.7"}


def test_disk_that_somebody_deletes_in_the_middle_leaves_its_safety_points() -> None:
    bench = ready_to_go_back()

    def gone() -> None:
        bench.cloud.disconnect(VM_REF, "a/disk/web-1")
        bench.cloud.precious.discard("a/disk/web-1")
        bench.cloud.put("a/disk/web-1", None)

    ran = bench.restore(script=once(("change", "marking web-0", 1), gone), **BACK)
    assert ran.error is not None
    assert wrongs(ran, bench) == []
    assert "data" in {point.device for point in safety(bench) if point.marks[marks.SAFETY] == "2"}
    assert {content for device, content in bench.contents().items() if device != "data"} == {"two"}


@pytest.mark.parametrize("options", [{}, {"rollback_of": "r1"}], ids=str)
def test_disk_that_somebody_has_exchanged_half_way_is_named(options: dict[str, Any]) -> None:
    bench = killed_half_back()
    exchange(bench)
    given = options or {**BACK, "snapshot_datetime": FIRST}
    message = refused(bench, lambda: bench.restore(**given))
    assert "web-1" in message or "data" in message
    bench.cloud.disconnect(VM_REF, "a/disk/other")
    bench.cloud.connect(VM_REF, Attachment("data", "a/disk/web-1", boot=False, kept={"goes_along": False}))
    succeeded(bench, bench.restore(**given), "two" if options else "one")


def exchange(bench: Bench) -> None:
    """Somebody puts another disk in the place of data."""
    data = bench.cloud.disk("a/disk/web-1")
    other = replace(data, ref="a/disk/other", name="other", uid=bench.cloud.number(), marks={}, used_by=())
    bench.cloud.put(other.ref, other)
    bench.cloud.disconnect(VM_REF, data.ref)
    bench.cloud.connect(VM_REF, Attachment("data", other.ref, boot=False, kept={"goes_along": False}))


@CHECK
def test_point_of_another_disk_is_refused(check: bool) -> None:
    bench = ready_to_go_back()
    exchange(bench)
    assert "is of another disk" in refused(bench, lambda: bench.restore(check=check, **BACK))


# Names


@CHECK
@pytest.mark.parametrize("strategy", ["in_place", "replace"])
def test_name_of_a_roll_back_is_not_taken_by_a_restore_of_another_kind(strategy: str, check: bool) -> None:
    bench = back()
    assert "its strategy is rollback" in refused(bench, lambda: bench.restore(strategy=strategy, check=check))
    bench.cloud.clock.now += 60
    message = refused(bench, lambda: bench.restore(name="r1", rollback_of="r7", check=check))
    assert "its strategy is rollback" in message


@CHECK
def test_name_of_a_restore_of_another_kind_is_not_taken_by_a_roll_back(check: bool) -> None:
    bench = ready_to_go_back()
    assert bench.restore(name="r1").ok
    assert "its strategy is in_place, not rollback" in refused(bench, lambda: bench.restore(check=check, **BACK))


def test_restores_of_both_kinds_without_a_name_do_not_take_each_other_for_themselves() -> None:
    bench = ready_to_go_back()
    assert bench.restore(name=None, **BACK).ok
    assert "its strategy is rollback" in refused(bench, lambda: bench.restore(name=None))


def test_roll_backs_of_two_vms_may_have_one_name() -> None:
    bench = back()
    ref = machine_ref(HERE, "db")
    own = {"address": "", "size": "large", "protected": False, "secrets": {}}
    cloud = bench.cloud
    cloud.put(ref, Machine(ref, "db", cloud.number(), {}, {}, "1", cloud.timestamp, Power.OFF, STATUSES[Power.OFF], cloud.timestamp, own=own))
    disk = Disk("a/disk/db-0", "db-0", cloud.number(), {}, {}, "1", cloud.timestamp, status="READY", size_gib=1, own={"content": "a", "type": "fast"})
    cloud.put(disk.ref, disk)
    cloud.connect(ref, Attachment("boot", disk.ref, boot=True, kept={"goes_along": True}))
    assert bench.backup(FIRST, vm_name="db").ok
    cloud.put(disk.ref, replace(cloud.disk(disk.ref), own={"content": "b", "type": "fast"}))
    assert bench.restore(vm_name="db", **BACK).ok
    assert bench.contents("db") == {"boot": "a"}
    assert not bench.restore(vm_name="db", **BACK).ok.changed
    several = bench.run("restore", "INSPECT_ONE", name="r1")
    assert several.error is not None
    assert several.error.kind == "AmbiguousName"
    bench.cloud.may_go = lambda cloud, ref: cloud.things[ref].marks.get(marks.VM) == "db"
    assert bench.give_up("r1", vm_name="db").ok.changed
    assert len(safety(bench)) == 6


# What comes in between


@CHECK
def test_roll_back_after_which_data_disks_were_restored_in_place_is_a_conflict_when_asked_again(check: bool) -> None:
    bench = back()
    data = next(point for point in bench.every(RecoveryPoint).values() if point.device == "data" and marks.BACKUP in point.marks)
    bench.cloud.mixes = True
    assert bench.restore(name="r2", snapshots={"data": data.name}).ok
    assert "by a later restore" in refused(bench, lambda: bench.restore(check=check, **BACK))


@CHECK
def test_roll_back_without_safety_points_of_which_one_disk_has_gone_on_is_a_conflict_when_asked_again(check: bool) -> None:
    """The other disks say that they went back by it, and have been written to since."""
    bench = back_unsaved()
    bench.cloud.treasures.clear()
    data = next(point for point in bench.every(RecoveryPoint).values() if point.device == "data" and marks.BACKUP in point.marks)
    bench.cloud.mixes = True
    assert bench.restore(**{**UNSAVED, "name": "r2", "snapshots": {"data": data.name}}).ok
    assert "by a later restore" in refused(bench, lambda: bench.restore(check=check, snapshot_datetime=FIRST, **UNSAVED))


@CHECK
def test_restore_in_place_whose_disks_were_rolled_back_since_is_a_conflict_when_asked_again(check: bool) -> None:
    bench = ready_to_go_back()
    assert bench.restore(name="r0", snapshot_datetime=FIRST).ok
    bench.cloud.clock.now += 3600
    assert bench.backup(SECOND).ok
    assert bench.restore(name="r2", snapshot_datetime=SECOND, **BACK).ok
    assert "r2" in refused(bench, lambda: bench.restore(name="r0", snapshot_datetime=FIRST, check=check))


@CHECK
def test_roll_back_to_another_backup_under_the_same_name_is_a_conflict(check: bool) -> None:
    for ready in (back, killed_half_back, killed_while_saving):
        bench = ready()
        bench.cloud.clock.now += 3600
        saved = bench.backup(SECOND)
        if not saved.succeeded:
            # A half-restored VM is not backed up.
            continue
        assert f"goes back to {FIRST}, not to {SECOND}" in refused(bench, lambda bench=bench: bench.restore(snapshot_datetime=SECOND, check=check, **BACK))


@CHECK
def test_roll_back_of_single_points_is_not_taken_for_one_of_others(check: bool) -> None:
    bench = ready_to_go_back()
    bench.cloud.clock.now += 3600
    assert bench.backup(SECOND).ok
    names = {point.marks["backup"]: point.name for point in bench.every(RecoveryPoint).values() if point.device == "data" and marks.BACKUP in point.marks}
    bench.cloud.mixes = True
    assert bench.restore(snapshots={"data": names[FIRST]}, **BACK).ok
    assert not bench.restore(snapshots={"data": names[FIRST]}, **BACK).ok.changed
    assert names[FIRST] in refused(bench, lambda: bench.restore(snapshots={"data": names[SECOND]}, check=check, **BACK))


def test_every_state_before_a_roll_back_can_be_gone_back_to_in_any_order() -> None:
    bench = back()
    assert bench.restore(name="r2", snapshot_datetime="latest", **BACK).ok
    write(bench, "four")
    treasure(bench)
    held = {"r1": "two", "r2": "three"}
    for number, name in enumerate(["r1", "r2", "r1", "rollback-of-r2"]):
        write(bench, f"written {number}")
        treasure(bench)
        assert bench.restore(rollback_of=name, check=True).ok.changed
        ran = succeeded(bench, bench.restore(rollback_of=name), held[name])
        assert not bench.restore(rollback_of=name).ok.changed or number > 0
        held[ran["restore"]["name"]] = f"written {number}"


def test_roll_back_then_in_place_then_back_from_both() -> None:
    bench = exchanged_after()
    succeeded(bench, bench.restore(rollback_of="r2"), "three")
    succeeded(bench, bench.restore(rollback_of="r1"), "two")
    assert bench.give_up("r2", vm_name=VM, check=True).ok


def test_giving_up_a_restore_leaves_the_roll_back_of_its_disks_to_be_found() -> None:
    bench = ready_to_go_back()
    assert bench.restore(name="r0").ok
    bench.cloud.clock.now += 3600
    assert bench.backup(SECOND).ok
    bench.write("three")
    assert bench.restore(name="r2", snapshot_datetime=SECOND, **BACK).ok
    bench.cloud.may_go = lambda cloud, ref: ref.startswith("a/disk/web-") and not cloud.things[ref].used_by
    bench.cloud.treasures.clear()
    assert bench.give_up("r0").ok
    succeeded(bench, bench.restore(rollback_of="r2"), "three")


# The way back from an unfinished one


@pytest.mark.parametrize("provider", [Resetting, LooseResetting])
@pytest.mark.parametrize("ready", HALF_WAY)
def test_restore_that_was_gone_back_from_half_way_can_be_given_up(ready: Callable[[], Bench], provider: type[Resetting]) -> None:
    bench = ready()
    succeeded(bench, bench.restore(rollback_of="r1"), "two")
    assert "by a later restore" in refused(bench, lambda: bench.restore(**BACK))
    bench.cloud.may_go = lambda cloud, ref: safety_of("r1")(cloud, ref) or safety_of("rollback-of-r1")(cloud, ref)
    bench.cloud.treasures = {(uid, content) for uid, content in bench.cloud.treasures if content == "two"}
    assert bench.give_up("r1").ok
    assert bench.give_up("rollback-of-r1").ok
    assert [point for point in bench.every(RecoveryPoint).values() if marks.SAFETY in point.marks] == []


@pytest.mark.parametrize("ready", [killed_while_saving, killed_before_marking])
def test_giving_up_what_has_reset_nothing_lets_the_vm_run_on(ready: Callable[[], Bench]) -> None:
    bench = ready()
    bench.cloud.may_go = safety_of("r1")
    succeeded(bench, bench.restore(rollback_of="r1"), "two")
    assert safety(bench) == []
    succeeded(bench, bench.restore(name="r2", **BACK), "one")


def test_way_back_from_a_half_way_restore_is_not_given_up_before_its_end() -> None:
    """Nothing else knows how to bring the VM back to one state."""
    bench = killed_half_back()
    assert bench.restore(rollback_of="r1", script=at("marking web-0", Fault.KILLED_BEFORE)).killed
    assert "half-way" in refused(bench, lambda: bench.restore(rollback_of="rollback-of-r1"))
    succeeded(bench, bench.restore(rollback_of="r1"), "two")


def test_rollback_of_what_is_given_up_since_the_first_look_is_no_success() -> None:
    bench = back()
    bench.cloud.may_go = safety_of("r1")
    bench.cloud.treasures = {(uid, content) for uid, content in bench.cloud.treasures if content == "three"}
    ran = bench.restore(rollback_of="r1", script=once(("read", "list points", 2), lambda: bench.give_up("r1").ok))
    assert ran.error is not None
    assert wrongs(ran, bench) == []
    assert set(bench.contents().values()) == {"three"}


# States and limits


@CHECK
def test_suspended_vm_is_refused(check: bool) -> None:
    bench = ready_to_go_back()
    bench.cloud.update(VM_REF, power=Power.SUSPENDED, status="ASLEEP")
    assert "is suspended" in refused(bench, lambda: bench.restore(check=check, **BACK))


@CHECK
def test_device_that_the_vm_lacks_is_named(check: bool) -> None:
    bench = ready_to_go_back()
    bench.cloud.disconnect(VM_REF, "a/disk/web-1")
    assert "has no disk data" in refused(bench, lambda: bench.restore(check=check, **BACK))


@CHECK
def test_vm_that_is_gone_is_named(check: bool) -> None:
    bench = back()
    bench.cloud.treasures.clear()
    bench.lose_vm()
    assert "does not exist" in refused(bench, lambda: bench.restore(check=check, **BACK))
    bench = ready_to_go_back()
    bench.cloud.treasures.clear()
    bench.lose_vm()
    assert "does not exist" in refused(bench, lambda: bench.restore(check=check, **BACK), "NotFound")


@CHECK
def test_disk_without_room_for_marks_is_refused_before_anything_is_sent(check: bool) -> None:
    bench = ready_to_go_back()
    bench.cloud.mark("a/disk/web-1", {f"label{number}": "x" for number in range(64)}, tags=True)
    assert "has 65 labels of its own" in refused(bench, lambda: bench.restore(check=check, **BACK))


@pytest.mark.parametrize("words", ["saving data", "stopping", "resetting", "starting"])
@pytest.mark.parametrize("number", [1, 2])
def test_deadline_in_the_middle_loses_nothing_and_the_next_run_ends_it(words: str, number: int) -> None:
    bench = ready_to_go_back()
    ran = bench.restore(script=at(words, Fault.STUCK, number), wait_timeout=100, **BACK)
    assert wrongs(ran, bench) == []
    bench.cloud.unstick()
    succeeded(bench, bench.restore(**BACK), "one")


def test_run_that_comes_much_later_goes_on_with_what_was_saved_before() -> None:
    """Points of a VM that is stopped, and those that are there only to save time, need not be of one moment."""
    bench = killed_while_saving()
    bench.cloud.clock.now += 24 * 3600
    succeeded(bench, bench.restore(**BACK), "one")


def test_reset_that_is_never_allowed_leaves_the_vm_as_it_was() -> None:
    """Whoever lacks the permission gets the VM back without another reset."""
    bench = ready_to_go_back()
    before = state_of(bench.cloud)
    ran = bench.restore(script=lambda event: Fault.REFUSED if event.key.startswith("resetting") else None, **BACK)
    assert ran.error is not None
    assert not ran.report.undo_errors
    assert differences(state_of(bench.cloud), before) == []


def test_reset_that_is_never_allowed_leaves_the_vm_as_it_was_without_safety_points() -> None:
    bench = unconcerned()
    before = state_of(bench.cloud)
    ran = bench.restore(script=lambda event: Fault.REFUSED if event.key.startswith("resetting") else None, **UNSAVED)
    assert ran.error is not None
    assert not ran.report.undo_errors
    assert differences(state_of(bench.cloud), before) == []


def test_vm_without_safety_points_stays_stopped_when_a_reset_fails_and_the_message_says_so() -> None:
    bench = unconcerned()
    ran = bench.restore(script=at("resetting", Fault.FAILS, 2), **UNSAVED)
    assert ran.error is not None
    assert bench.vm.power is Power.OFF
    assert "half-way: web-0, web-1, web-2" in ran.message
    assert "stays stopped" in ran.message
    succeeded(bench, bench.restore(**UNSAVED), "one")
