# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovery points: found as planned, tied into one backup, usable when they are done, and never mistaken for what another tool has made."""

from __future__ import annotations

import json

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import NotFound
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import SUCCEEDED
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.manifest import fingerprint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import WHOLE

from .bench import LATER, MOMENT, Case


def test_plan_of_points_sends_nothing_and_is_the_same_twice(case: Case, method: str) -> None:
    saving = case.saving(method)
    before = case.bench.received()
    planned = case.provider.points.planned(saving)
    assert planned == case.provider.points.planned(saving)
    case.provider.points.fits(saving)
    for one in planned:
        case.provider.points.predicted(saving, one)
        assert len(one.name) <= 63
    assert case.bench.received() == before
    assert len({one.name for one in planned}) == len(planned)
    assert {one.device for one in planned} in ({WHOLE}, set(saving.disks))


def test_points_are_found_as_they_were_planned_and_predicted(case: Case, method: str) -> None:
    saving = case.saving(method, tags={"ticket": "t1"})
    planned = case.make_points(saving)
    disks = {one.disk: saving.disks[one.device] for one in saving.machine.attached}
    for one in planned:
        point, predicted = case.provider.points.find(one), case.provider.points.predicted(saving, one)
        assert point
        assert point == case.provider.points.get(point) == case.another().provider.points.find(one)
        assert (point.name, point.device, point.kind, point.status, point.taken) == (one.name, one.device, method, SUCCEEDED, True)
        assert (point.marks, point.tags) == (one.marks, {"ticket": "t1"})
        assert point.provider_status in case.provider.points.STATUSES
        assert (point.created_at or "") > "2"
        assert {name: getattr(predicted, name) for name in SAID_BEFORE} == {name: getattr(point, name) for name in SAID_BEFORE}
        if one.device != WHOLE:
            assert (point.source_uid, point.size_gib) == (disks[point.source_disk].uid, disks[point.source_disk].size_gib)


SAID_BEFORE = ("name", "device", "kind", "marks", "tags", "source_disk", "note", "status", "provider_status")


def test_points_make_up_one_usable_backup_of_the_moment(case: Case, method: str) -> None:
    document, devices = case.document(), {one.device for one in case.vm.attached}
    backup = case.save(method, tags={"ticket": "t1"})
    assert (backup.vm, backup.place, backup.moment, backup.attempt) == (case.bench.VM, case.provider.place, MOMENT, 1)
    assert (backup.method, backup.consistency, backup.manifest) == (method, "crash", fingerprint(document))
    assert (backup.complete, backup.usable, backup.unusable) == (True, True, "")
    assert backup.expected == len(backup.members)
    assert backup.devices in (None, devices)
    assert backup.asked["consistency"] == "crash"
    assert backup.tags == {"ticket": "t1"}
    for manifest in (document, None):
        found = case.provider.points.saved_devices(backup, manifest)
        assert {device: point.device for device, point in found.items()} == {device: device for device in devices}


def test_backups_of_two_moments_are_two_and_points_read_one_by_one_make_up_the_same(case: Case) -> None:
    case.save(moment=MOMENT)
    case.save(moment=LATER)
    sets = {one.moment: one for one in case.provider.points.sets(case.bench.VM)}
    assert sorted(sets) == [MOMENT, LATER]
    assert all(one.usable for one in sets.values())
    for one in sets.values():
        again = [case.provider.points.get(point) for point in one.members]
        assert case.provider.points.tied([point for point in again if point]) == [one]


def test_backups_are_listed_by_vm_and_by_place(case: Case) -> None:
    if not case.bench.TRAVELS:
        pytest.skip("a recovery point can be restored in its own place only")
    backup, points, elsewhere = case.save(), case.provider.points, case.provider.at(case.bench.OTHER_PLACE).points
    assert points.sets(case.bench.VM) == points.sets(None) == points.sets(None, anywhere=True) == [backup]
    assert elsewhere.sets(case.bench.VM) == elsewhere.sets(None) == []
    assert elsewhere.sets(case.bench.VM, anywhere=True) == [backup]
    assert points.sets("nobody", anywhere=True) == []


def test_points_under_way_are_no_usable_backup_before_they_are_done(case: Case, method: str) -> None:
    saving = case.saving(method)
    planned = case.provider.points.planned(saving)
    case.bench.hold()
    work = [case.provider.points.create(one, saving.machine).send() for one in planned]
    assert not any(one.complete or one.usable for one in case.another().provider.points.sets(case.bench.VM))
    seen = [point for point in map(case.provider.points.find, planned) if point]
    assert all(point.status != SUCCEEDED and not point.taken and point.marks == one.marks for point, one in zip(seen, planned))
    case.bench.let_go()
    for one in work:
        one.wait()
    assert case.found().usable


def test_backup_lacks_what_was_not_made(case: Case) -> None:
    if case.bench.TOGETHER:
        pytest.skip("recovery points of one moment are made and deleted together")
    saving = case.saving()
    planned = case.provider.points.planned(saving)
    if len(planned) > 1:
        case.do(*[case.provider.points.create(one, saving.machine) for one in planned[1:]])
        backup = case.found()
        assert (backup.complete, backup.usable, len(backup.members), backup.expected) == (False, False, len(planned) - 1, len(planned))
        assert backup.unusable


def test_points_are_not_made_twice(case: Case, method: str) -> None:
    saving = case.saving(method)
    planned = case.make_points(saving)
    first = case.found()
    for one in planned:
        case.again(case.another().provider.points.create(one, saving.machine))
    assert case.provider.points.sets(case.bench.VM) == [first]


def test_condemned_point_makes_its_backup_unusable(case: Case) -> None:
    backup = case.save()
    case.mark(backup.members[0], run=marks.CONDEMNED)
    assert case.found().members[0].condemned
    assert not case.found().usable


# --- what is not ours


def test_point_to_which_another_tool_copied_all_of_ours_is_not_ours(case: Case, method: str) -> None:
    backup, data = case.save(method), case.disk(case.data.disk)
    case.bench.copy(backup.members[0], data)
    assert case.provider.points.sets(None, anywhere=True) == [backup]


def test_point_to_which_another_tool_copied_the_marks_of_a_disk_is_not_ours(case: Case) -> None:
    backup = case.save()
    planned = case.planned(backup)
    case.do(case.provider.disks.create(planned, {}))
    case.bench.copy(case.made(planned), case.disk(case.data.disk))
    assert case.provider.points.sets(None, anywhere=True) == [backup]


def test_point_of_our_name_that_was_made_of_another_disk_is_not_ours(case: Case) -> None:
    if case.bench.TOGETHER:
        pytest.skip("recovery points of one moment are made and deleted together")
    backup = case.save()
    gone = next(point for point in backup.members if point.device == case.boot.device)
    case.do(case.provider.points.delete(gone))
    case.bench.copy(gone, case.disk(case.data.disk), gone.name)
    found = [point for one in case.provider.points.sets(None, anywhere=True) for point in one.members]
    assert found == [point for point in backup.members if point != gone]


# --- deletion


def test_point_that_was_deleted_is_none_and_its_deletion_is_not_found(case: Case, method: str) -> None:
    saving = case.saving(method)
    planned = case.make_points(saving)
    members = case.found().members
    case.delete(members)
    assert [case.provider.points.get(point) for point in members] == [None] * len(members)
    assert [case.provider.points.find(one) for one in planned] == [None] * len(members)
    assert case.provider.points.sets(case.bench.VM) == []
    assert isinstance(case.refusal(case.provider.points.delete(members[0])), NotFound)


def test_later_point_of_the_same_name_is_not_the_one_that_is_gone(case: Case, method: str) -> None:
    saving = case.saving(method)
    case.make_points(saving)
    members = case.found().members
    case.delete(members)
    case.make_points(saving)
    assert [case.provider.points.get(point) for point in members] == [None] * len(members)
    assert case.found().usable


# --- the manifest with the points, lists that lag


def test_manifest_rides_along_where_it_fits_and_is_left_out_where_it_does_not(case: Case, method: str) -> None:
    for moment, filler in ((MOMENT, ""), (LATER, "x" * 1_000_000)):
        saving = case.saving(method, moment, filler=filler)
        fits = case.provider.points.fits(saving)
        case.make_points(saving)
        backup = case.found(moment)
        assert [member.note.get("manifest") for member in backup.members] == [json.loads(json.dumps(saving.manifest)) if fits else None] * len(backup.members)
        assert backup.manifest == fingerprint(saving.manifest)
        assert not (fits and filler)


def test_points_are_read_by_themselves_while_lists_lag(case: Case) -> None:
    saving = case.saving()
    case.bench.lag()
    planned = case.make_points(saving)
    found = [point for point in map(case.provider.points.find, planned) if point]
    (backup,) = case.provider.points.tied(found)
    assert backup.usable
    assert case.provider.points.sets(case.bench.VM) in ([], [backup])
