# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines: how disks are attached, starts and stops, deletion with and without disks, and building again."""

from __future__ import annotations

import json

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import NotFound
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.manifest import VERSION
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Power, Way, in_order

from .bench import Case

# --- what a machine is


def test_attachments_name_device_disk_and_boot(case: Case) -> None:
    machine = case.vm
    assert (machine.name, machine.ref) == (case.bench.VM, case.provider.machines.ref(case.bench.VM))
    assert machine.uid
    assert [one.boot for one in machine.attached].count(True) == 1
    assert len({one.device for one in machine.attached} - {""}) == len(machine.disks) == len(machine.attached) == 3
    for one in machine.attached:
        disk = case.disk(one.disk)
        assert (disk.ref, disk.used_by, disk.ready, disk.deleting, disk.failed) == (one.disk, (machine.ref,), True, False, False)
        assert disk.size_gib > 0
    assert case.provider.machines.ref("another") != machine.ref


def test_machines_are_chosen_by_all_their_tags(case: Case) -> None:
    tags = dict(case.vm.tags)
    assert tags
    assert case.provider.machines.chosen_by(tags) == [case.bench.VM]
    assert case.provider.machines.chosen_by({**tags, "owner": "ops"}) == []
    case.bench.label(case.vm, {"owner": "ops"})
    assert case.provider.machines.chosen_by({**tags, "owner": "ops"}) == [case.bench.VM]


# --- power


def test_stop_and_start_reach_their_power_and_the_status_is_the_word_for_it(case: Case) -> None:
    machines, first = case.provider.machines, case.vm
    assert (first.power, first.status) == (Power.ON, machines.status_word(Power.ON))
    case.stop()
    assert (case.vm.power, case.vm.status) == (Power.OFF, machines.status_word(Power.OFF))
    case.do(machines.start(case.vm))
    assert (case.vm.power, case.vm.status) == (Power.ON, machines.status_word(Power.ON))
    assert case.vm.attached == first.attached
    assert case.vm.uid == first.uid
    assert not first.started_at or case.vm.started_at > first.started_at


def test_start_without_capacity_is_scarce_and_the_machine_stays_stopped(case: Case) -> None:
    case.stop()
    case.bench.run_out()
    assert case.provider.is_scarce(case.refusal(case.provider.machines.start(case.vm)))
    assert case.vm.power is Power.OFF


def test_other_refusals_are_not_scarce(case: Case) -> None:
    gone = case.made_disk()
    case.do(case.provider.disks.delete(gone))
    refusals = [case.refusal(case.provider.disks.delete(disk)) for disk in (gone, case.disk(case.data.disk))]
    case.bench.deny()
    refusals.append(case.refusal(case.provider.machines.stop(case.vm, discard_volatile=False)))
    assert not any(case.provider.is_scarce(error) for error in refusals)
    assert case.vm.power is Power.ON


# --- disks off and on


def test_disks_taken_off_and_put_back_are_attached_as_before(case: Case) -> None:
    case.stop()
    before = case.vm
    swapped = [one for one in before.attached if Way.SWAP in case.provider.ways(before, one)]
    for one in swapped:
        case.do(case.provider.machines.detach(case.vm, one))
        assert one.disk not in case.vm.disks
        assert case.disk(one.disk).used_by == ()
    for one in sorted(swapped, key=lambda one: (not one.boot, one.order)):
        case.do(case.provider.machines.attach(case.vm, one))
        assert case.disk(one.disk).used_by == (before.ref,)
    assert case.vm.attached == before.attached


def test_new_disk_takes_the_place_of_the_old_one(case: Case) -> None:
    new = case.made_disk()
    case.stop()
    before, data = case.vm, case.data
    case.do(case.provider.machines.detach(before, data))
    case.do(case.provider.machines.attach(case.vm, data.of(new.ref)))
    assert case.vm.device(data.device) == data.of(new.ref)
    assert case.vm.disks == before.disks - {data.disk} | {new.ref}
    assert [one for one in case.vm.attached if one.device != data.device] == [one for one in before.attached if one.device != data.device]


def test_what_is_not_attached_cannot_be_taken_off_and_a_place_is_taken_once(case: Case) -> None:
    new, machines = case.made_disk(), case.provider.machines
    case.stop()
    before = case.vm
    data = case.data
    case.refusal(machines.attach(before, data.of(new.ref)))
    case.do(machines.detach(before, data))
    case.refusal(machines.detach(before, data))
    assert len(case.vm.attached) == len(before.attached) - 1


def test_how_a_disk_is_attached_can_be_read_from_the_note_and_from_the_mark(case: Case) -> None:
    machines = case.provider.machines
    for one in case.vm.attached:
        note = json.loads(json.dumps({"version": VERSION, "old": one.disk, **machines.facts(one)}))
        assert machines.noted(note) == one
        packed = machines.packed(one)
        assert case.provider.marks.value(packed) == packed
        assert machines.unpacked(packed, one.device, one.disk) == one


@pytest.mark.parametrize("text", ["", "-", "nonsense", "x-y-z", "1", "1-2-3-4-5", "-----"])
def test_mark_that_tells_of_no_attachment_is_none(case: Case, text: str) -> None:
    assert case.provider.machines.unpacked(text, "data", "some/disk") is None


# --- deletion


def test_deletion_leaves_the_disks_that_outlive_it_and_no_other(case: Case) -> None:
    case.stop()
    before, disks = case.vm, case.disks()
    staying = set(case.provider.machines.outlive(before))
    assert set() < staying < {disk.name for disk in disks.values()}
    case.do(case.provider.machines.remove(before))
    assert case.provider.machines.get(before.name) is None
    found = [case.provider.disks.get(disk.ref) for disk in disks.values()]
    assert {disk.name for disk in found if disk} == staying
    assert all(disk.used_by == () for disk in found if disk)


def test_secured_machine_takes_no_disk_along_and_unsecuring_takes_that_back(case: Case) -> None:
    machines, before = case.provider.machines, case.vm
    assert machines.securing(before)
    for change in machines.securing(before):
        case.do(change)
    assert machines.securing(case.vm) == []
    assert set(machines.outlive(case.vm)) == {disk.name for disk in case.disks().values()}
    for change in machines.unsecuring(case.vm, before.attached):
        case.do(change)
    assert case.vm.attached == before.attached
    assert machines.unsecuring(case.vm, before.attached) == []


def test_deletion_after_securing_leaves_all_disks(case: Case) -> None:
    disks = case.disks()
    case.remove_all_but_disks()
    assert all(case.disk(disk.ref).used_by == () for disk in disks.values())


def test_protected_machine_says_so_and_is_not_deleted(case: Case) -> None:
    assert not case.provider.machines.is_protected(case.vm)
    case.bench.protect()
    assert case.provider.machines.is_protected(case.vm)
    case.refusal(case.provider.machines.remove(case.vm))
    assert len(case.disks()) == 3


def test_deletion_of_a_machine_that_is_gone_takes_no_other_of_its_name(case: Case) -> None:
    if case.provider.machines.KEEPS_REPLACED:
        pytest.skip("no machine can be built on disks of one that is gone")
    before, document = case.remove_all_but_disks()
    assert isinstance(case.refusal(case.provider.machines.remove(before)), NotFound)
    case.build(before, document, {})
    assert isinstance(case.refusal(case.provider.machines.remove(before)), NotFound)
    assert case.vm.uid != before.uid


# --- building


def test_machine_built_from_its_manifest_has_no_differences(case: Case) -> None:
    before, document = case.put_away()
    request = case.build(before, json.loads(json.dumps(document)), {marks.LOCK: "abc-r-1"})
    machine = case.vm
    assert case.provider.machines.differences(machine, request) == []
    assert machine.attached == before.attached
    assert machine.marks == {marks.LOCK: "abc-r-1"}
    assert machine.tags == before.tags
    again = case.document()
    assert {key: part for key, part in again.items() if key not in ("uid", "instance")} == {
        key: part for key, part in document.items() if key not in ("uid", "instance")
    }


def test_machine_is_never_seen_without_the_marks_it_is_built_with(case: Case) -> None:
    if case.provider.machines.KEEPS_REPLACED:
        pytest.skip("it comes back by several requests, which are waited for one by one")
    before, document = case.put_away()
    case.bench.hold()
    work = case.provider.machines.build(before.name, case.request(document, before.attached), {marks.LOCK: "abc-r-1"}).send()
    seen = case.another().provider.machines.get(before.name)
    assert seen is None or seen.marks == {marks.LOCK: "abc-r-1"}
    case.bench.let_go()
    work.wait()
    assert case.vm.marks == {marks.LOCK: "abc-r-1"}


def test_machine_is_not_built_twice(case: Case) -> None:
    before, document = case.put_away()
    build = case.provider.machines.build(before.name, case.request(document, before.attached), {})
    case.do(build)
    uid = case.vm.uid
    case.again(build)
    assert case.provider.machines.chosen_by(before.tags) == [before.name]
    assert case.vm.uid == uid


def test_machine_can_be_built_on_new_disks_in_their_order(case: Case) -> None:
    backup = case.save()
    devices = case.devices(backup)
    case.do(*[case.provider.disks.create(device.new, {}) for device in devices if not device.new.made_with_machine])
    before, document = case.put_away()
    known = [device.before.of(device.new.ref or case.made(device.new).ref) for device in in_order([*devices])]
    case.do(case.provider.machines.build(before.name, case.request(document, known), {}))
    assert [(one.device, one.boot, one.kept) for one in case.vm.attached] == [(one.device, one.boot, one.kept) for one in before.attached]
    assert not case.vm.disks & before.disks
