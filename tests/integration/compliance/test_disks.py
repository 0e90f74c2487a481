# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks: what is planned is what is made, at once with its marks; what is found by marks; what cannot be deleted."""

from __future__ import annotations

import json

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import NotFound
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Disk

from .bench import RESTORE, Case

LOCKED = {marks.LOCK: "abc-r-1", marks.LOCK_FOR: "restore_r1"}


def names(disks: list[Disk]) -> set[str]:
    found = [disk.name for disk in disks]
    assert len(found) == len(set(found)), "listed twice"
    return set(found)


def test_plan_of_a_disk_sends_nothing_and_is_the_same_twice(case: Case) -> None:
    backup = case.save()
    machine, disks, point = case.vm, case.disks(), case.provider.points.saved_devices(backup, case.document())[case.data.device]
    before = case.bench.received()
    for one in machine.attached:
        model = case.provider.disks.model(disks[one.device])
        assert json.loads(json.dumps(model)) == model
        assert case.provider.disks.key_problem(one.device, model, point) == ""
        plans = [case.provider.disks.planned(one, "x-1", model, point, {marks.RESTORE: RESTORE}, {"version": 1}) for _again in range(2)]
        assert plans[0] == plans[1]
        assert (plans[0].name, plans[0].device) == ("x-1", one.device)
        assert plans[0].ref == case.provider.disks.ref(model, "x-1")
    assert case.bench.received() == before


def test_disk_is_made_as_planned_with_marks_note_and_source(case: Case) -> None:
    case = Case.of(case.bench, tags={"ticket": "t1"})
    backup, before = case.save(), case.disk(case.data.disk)
    planned = case.planned(backup)
    assert planned.ref == "" or case.provider.disks.get(planned.ref) is None
    case.do(case.provider.disks.create(planned, LOCKED))
    disk = case.made(planned)
    point = case.provider.points.saved_devices(backup, None)[planned.device]
    assert disk.marks == {**planned.marks, **LOCKED}
    assert disk.tags == planned.tags == {**before.tags, "ticket": "t1"}
    assert (disk.name, disk.used_by, disk.ready, disk.failed, disk.deleting) == (planned.name, (), True, False, False)
    assert disk.size_gib == before.size_gib
    assert disk.source in ("", point.ref)
    assert (disk.note["source"], disk.note["old"], disk.note["restore"]) == (point.ref, before.ref, RESTORE)
    assert case.provider.machines.noted(disk.note) == case.data


def test_disk_is_never_seen_without_its_marks_and_not_ready_before_it_is(case: Case) -> None:
    planned = case.planned(case.save())
    case.bench.hold()
    work = case.provider.disks.create(planned, LOCKED).send()
    seen = [*filter(None, [case.provider.disks.get(planned.ref)]), *case.provider.disks.marked({marks.RESTORE: RESTORE})]
    assert all(disk.marks == {**planned.marks, **LOCKED} and not disk.ready for disk in seen)
    case.bench.let_go()
    work.wait()
    assert case.made(planned).ready


def test_disk_is_not_made_twice(case: Case) -> None:
    planned = case.planned(case.save())
    creation = case.provider.disks.create(planned, LOCKED)
    case.do(creation)
    first = case.made(planned)
    case.again(creation)
    case.again(case.another().provider.disks.create(planned, LOCKED))
    assert [disk.uid for disk in case.provider.disks.marked({marks.RESTORE: RESTORE})] == [first.uid]


def test_disks_are_found_by_their_marks_and_not_by_the_labels_of_others(case: Case) -> None:
    disks, (one, two, three) = case.provider.disks, case.disks().values()
    case.mark(one, vm="web-9", replaced_by="r1")
    case.mark(two, vm="web-9", replaced_by="r2", kept=marks.YES)
    case.bench.label(three, {"vm": "web-9", marks.REPLACED_BY: "r1", marks.KEPT: marks.YES})
    for marked in (disks.marked, disks.marked_anywhere):
        assert names(marked({marks.VM: "web-9"})) == {one.name, two.name}
        assert names(marked({marks.VM: "web-9", marks.REPLACED_BY: "r1"})) == {one.name}
        assert names(marked({marks.VM: "web-9", marks.REPLACED_BY: None, marks.DEVICE: None})) == {one.name, two.name}
        assert names(marked({marks.VM: "web-9"}, having=marks.KEPT)) == {two.name}
        assert names(marked({}, having=marks.REPLACED_BY)) == {one.name, two.name}
        assert names(marked({marks.VM: "web"})) == names(marked({}, having=marks.RESTORE)) == set()


def test_disk_found_by_its_marks_is_the_disk_that_is_read(case: Case) -> None:
    disk, data = case.made_disk(), case.data
    case.stop()
    case.do(case.provider.machines.detach(case.vm, data))
    case.do(case.provider.machines.attach(case.vm, data.of(disk.ref)))
    (found,) = case.provider.disks.marked({marks.RESTORE: RESTORE})
    assert found == case.disk(disk.ref)
    assert found.used_by == (case.vm.ref,)


def test_disk_in_another_place_is_found_there_and_anywhere(case: Case) -> None:
    if not case.bench.TRAVELS:
        pytest.skip("a recovery point can be restored in its own place only")
    backup, document = case.save(), case.document()
    there = Case(case.bench, case.provider.at(case.bench.OTHER_PLACE))
    planned = there.planned(backup, model=there.provider.manifests.models(document)[case.data.device])
    case.do(there.provider.disks.create(planned, {}))
    made = there.made(planned)
    assert case.provider.disks.marked({marks.RESTORE: RESTORE}) == []
    assert there.provider.disks.marked({marks.RESTORE: RESTORE}) == [made]
    assert case.provider.disks.marked_anywhere({marks.RESTORE: RESTORE}) == [made]
    assert case.disk(made.ref) == made


def test_deletion_of_a_disk_in_use_is_refused_as_that(case: Case) -> None:
    for disk in case.disks().values():
        assert case.provider.disks.is_in_use(case.refusal(case.provider.disks.delete(disk)))
        assert case.disk(disk.ref) == disk


def test_disk_that_was_deleted_is_none_and_its_deletion_is_not_found(case: Case) -> None:
    disk = case.made_disk()
    case.do(case.provider.disks.delete(disk))
    assert case.provider.disks.get(disk.ref) is None
    assert case.provider.disks.marked({marks.RESTORE: RESTORE}) == []
    error = case.refusal(case.provider.disks.delete(disk))
    assert isinstance(error, NotFound)
    assert not case.provider.disks.is_in_use(error)


def test_disk_of_a_point_that_is_gone_is_refused_and_not_made(case: Case) -> None:
    backup = case.save()
    planned = case.planned(backup)
    case.delete(backup.members)
    case.refusal(case.provider.disks.create(planned, {}))
    assert case.provider.disks.marked({marks.RESTORE: RESTORE}) == []


def test_disk_is_read_by_itself_while_lists_lag(case: Case) -> None:
    backup = case.save()
    case.bench.lag()
    planned = case.planned(backup)
    case.do(case.provider.disks.create(planned, {}))
    if planned.ref:
        assert case.disk(planned.ref).ready
