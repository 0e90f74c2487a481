# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes and reads, whatever they are of: a change is a value until it is sent, and a read has no effect."""

from __future__ import annotations

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Cancelled, OutcomeUnknown, ProviderFailure, WaitTimeout
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.manifest import Document, fingerprint
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Power, Way
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import BackupSet
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.provider import Change, Provider

from .bench import LATER, RESTORE, Case

OF_MACHINE = ("start", "stop", "build", "remove", "attach", "detach", "securing")
TAKING_AWAY = ("remove", "detach", "delete a disk", "delete a point")


def every_change(case: Case, backup: BackupSet, document: Document) -> dict[str, list[Change]]:
    """Changes of every kind, not sent. There are the backup, and a manifest that none refers to."""
    provider, machine, disk = case.provider, case.vm, case.disk(case.data.disk)
    dropping = provider.manifests.drop(fingerprint(document))
    assert dropping, "the manifest is not there, or counts as used"
    saving = case.saving(moment=LATER)
    return {
        "start": [provider.machines.start(machine)],
        "stop": [provider.machines.stop(machine, discard_volatile=False)],
        "build": [provider.machines.build(machine.name, case.request(document, machine.attached), {})],
        "remove": [provider.machines.remove(machine)],
        "attach": [provider.machines.attach(machine, case.data)],
        "detach": [provider.machines.detach(machine, one) for one in machine.attached],
        "securing": provider.machines.securing(machine),
        "mark": [provider.marks.write(thing, {marks.KEPT: marks.YES}) for thing in (machine, disk, backup.members[0])],
        "tag": [provider.marks.write_tags(thing, {"a": "b"}) for thing in (machine, disk, backup.members[0])],
        "create a disk": [provider.disks.create(case.planned(backup), {marks.LOCK: "a-r-1"})],
        "delete a disk": [provider.disks.delete(disk)],
        "save": [provider.points.create(one, machine) for one in provider.points.planned(saving)],
        "delete a point": [provider.points.delete(one) for one in backup.members],
        "put": [provider.manifests.put({**document, "filler": "y"})],
        "drop": [dropping],
    }


def test_change_sends_nothing_until_it_is_sent(case: Case) -> None:
    document = {**case.document(), "filler": "x"}
    backup = case.save()
    case.do(case.provider.manifests.put(document))
    before = case.bench.received(changing=True)
    changes = every_change(case, backup, document)
    assert all(changes.values())
    assert case.bench.received(changing=True) == before
    case.do(*changes["mark"])
    assert case.bench.received(changing=True) >= before + len(changes["mark"])


def test_change_says_what_it_is_of_and_whether_it_takes_something_away(case: Case) -> None:
    document = {**case.document(), "filler": "x"}
    backup = case.save()
    case.do(case.provider.manifests.put(document))
    changes = every_change(case, backup, document)
    assert all(change.what and change.of for several in changes.values() for change in several)
    of_machine = [change for kind in OF_MACHINE for change in changes[kind]]
    assert {change.of for change in of_machine} == {case.provider.machines.ref(case.bench.VM)}
    assert changes["delete a disk"][0].of == case.data.disk
    assert {kind for kind in TAKING_AWAY if not all(change.takes_away for change in changes[kind])} == set()


def test_boot_disk_is_exchanged_only_on_a_stopped_machine(case: Case) -> None:
    machines, boot = case.provider.machines, case.boot
    if Way.SWAP in case.provider.ways(case.vm, boot):
        assert machines.detach(case.vm, boot).needs is Power.OFF
        assert machines.attach(case.vm, boot).needs is Power.OFF


def test_reading_gives_equal_things_twice_and_to_everybody(case: Case) -> None:
    def read(provider: Provider) -> list[object]:
        machine = provider.machines.get(case.bench.VM)
        assert machine
        disks = {one.device: provider.disks.get(one.disk) for one in machine.attached}
        listed = sorted(provider.disks.marked({marks.KEPT: marks.YES}), key=lambda disk: disk.name)
        sets = provider.points.sets(case.bench.VM)
        points = [provider.points.get(point) for one in sets for point in one.members]
        document = provider.manifests.capture(machine, {device: disk for device, disk in disks.items() if disk})
        return [machine, disks, listed, sets, points, document]

    case.save()
    case.mark(case.disk(case.data.disk), kept=marks.YES)
    first = read(case.provider)
    assert all(first)
    assert first == read(case.provider) == read(case.another().provider)


def test_reading_changes_nothing(case: Case) -> None:
    case.save()
    before = case.bench.received(changing=True)
    provider = case.another().provider
    provider.machines.unfinished([case.vm.ref])
    provider.machines.chosen_by(case.vm.tags)
    provider.disks.marked_anywhere({}, having=marks.RESTORE)
    provider.points.sets(None, anywhere=True)
    provider.manifests.kept_for(case.bench.VM)
    assert case.bench.received(changing=True) == before
    assert not provider.acted()


def test_what_is_unknown_is_none_and_no_error(case: Case) -> None:
    provider, (planned, *_others) = case.provider, case.provider.points.planned(case.saving())
    assert provider.machines.get("nobody") is None
    assert provider.machines.chosen_by({"nobody": "has-this"}) == []
    assert list(provider.machines.unfinished([provider.machines.ref("nobody")])) == []
    assert provider.disks.get("") is None
    assert provider.disks.marked({marks.VM: "nobody"}) == provider.disks.marked_anywhere({}, having=marks.RESTORE) == []
    assert provider.points.find(planned) is None
    assert provider.points.sets("nobody") == provider.points.sets(None, anywhere=True) == []
    assert provider.manifests.get("0" * 16) is None
    assert not provider.manifests.has("0" * 16)
    assert provider.manifests.drop("0" * 16) is None
    assert provider.manifests.kept_for("nobody") == []


# --- work


def test_work_on_a_thing_is_found_by_whoever_looks_and_is_none_when_it_has_ended(case: Case) -> None:
    machine, others = case.vm, case.another().provider.machines
    case.bench.hold()
    case.provider.machines.stop(machine, discard_volatile=False).send()
    between = case.vm
    (found,) = others.unfinished([machine.ref, *machine.disks])
    assert list(others.unfinished([case.provider.machines.ref("nobody")])) == []
    assert between.power is Power.BETWEEN
    case.bench.let_go()
    found.wait()
    assert list(others.unfinished([machine.ref, *machine.disks])) == []
    assert case.vm.power is Power.OFF


def test_work_on_a_disk_is_found(case: Case) -> None:
    planned = case.planned(case.save())
    case.bench.hold()
    work = case.provider.disks.create(planned, {}).send()
    assert [len(case.another().provider.machines.unfinished([ref])) for ref in filter(None, [planned.ref])] in ([], [1])
    case.bench.let_go()
    work.wait()
    assert list(case.provider.machines.unfinished([case.made(planned).ref])) == []


def test_work_that_failed_raises_and_leaves_nothing_that_looks_made(case: Case) -> None:
    planned, saving = case.planned(case.save()), case.saving(moment=LATER)
    point = case.provider.points.planned(saving)[0]
    case.bench.fail()
    for change in (
        case.provider.disks.create(planned, {}),
        case.provider.points.create(point, saving.machine),
        case.provider.machines.stop(case.vm, discard_volatile=False),
    ):
        work = change.send()
        with pytest.raises(ProviderFailure):
            work.wait()
    assert not any(disk.ready for disk in case.provider.disks.marked({marks.RESTORE: RESTORE}))
    assert not any(one.usable for one in case.provider.points.sets(case.bench.VM) if one.moment == LATER)
    assert case.vm.power is Power.ON


def test_change_of_which_no_answer_came_says_so_and_is_not_made_twice(case: Case) -> None:
    planned = case.planned(case.save())
    run = case.another()
    creation = run.provider.disks.create(planned, {})
    case.bench.lose_answers()
    with pytest.raises(OutcomeUnknown):
        creation.send().wait()
    assert run.provider.acted()
    case.bench.work_again()
    run.again(creation)
    run.again(case.provider.disks.create(planned, {}))
    assert [disk.ready for disk in case.provider.disks.marked({marks.RESTORE: RESTORE})] == [True]


def test_each_target_has_a_deadline_and_a_cancellation_of_its_own(case: Case) -> None:
    bench, late, cancelled = case.bench, case.bench.waiter(0), case.bench.waiter(600)
    one, two = (case.provider.for_target(bench.task("restore"), waiter) for waiter in (late, cancelled))
    bench.hold()
    with pytest.raises(WaitTimeout):
        one.machines.stop(case.vm, discard_volatile=False).send().wait()
    (begun,) = two.machines.unfinished([case.vm.ref])
    cancelled.cancel()
    with pytest.raises(Cancelled):
        begun.wait()
    (begun,) = case.provider.machines.unfinished([case.vm.ref])
    bench.let_go()
    begun.wait()
    assert [one.acted(), two.acted(), case.provider.acted()] == [True, False, False]
