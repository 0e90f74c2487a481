# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests: the same each time, whole, with the secrets where they are said to be, kept as long as something refers to them."""

from __future__ import annotations

import json

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import InvalidRequest
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.manifest import VERSION, checked, compact, fingerprint, without_secrets
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.points import BOOT

from .bench import Case


def test_capture_is_the_same_twice_is_json_and_changes_nothing(case: Case) -> None:
    machine, disks = case.vm, case.disks()
    before = case.bench.received(changing=True)
    document = case.provider.manifests.capture(machine, disks)
    assert case.bench.received(changing=True) == before
    assert document == case.provider.manifests.capture(machine, disks) == case.another().document()
    assert json.loads(json.dumps(document)) == document
    assert (document["version"], document["provider"]) == (VERSION, case.provider.NAME)
    assert (document["vm"], document["uid"]) == (machine.name, machine.uid)


def test_capture_does_not_depend_on_our_marks(case: Case) -> None:
    document = case.document()
    case.mark(case.vm, lock="abc-r-1", lock_for="restore_r1")
    case.mark(case.disk(case.data.disk), kept="yes", replaced_by="r1")
    assert case.document() == document


def test_manifest_says_how_the_disks_were_attached_and_what_they_are_made_like(case: Case) -> None:
    manifests, document = case.provider.manifests, json.loads(json.dumps(case.document()))
    assert manifests.attachments(document) == [*case.vm.attached]
    assert manifests.disks(document) == [one.disk for one in case.vm.attached]
    assert manifests.models(document) == {device: case.provider.disks.model(disk) for device, disk in case.disks().items()}


def test_secrets_are_in_the_manifest_and_hidden_by_the_members_that_are_named(case: Case) -> None:
    document, sensitive = case.document(), case.provider.manifests.SENSITIVE
    assert case.bench.SECRET in compact(document)
    shown = without_secrets(document, sensitive)
    assert case.bench.SECRET not in compact(shown)
    assert case.provider.manifests.attachments(shown) == [*case.vm.attached]


def test_manifest_of_ours_has_no_problem_and_others_do(case: Case) -> None:
    manifests, document = case.provider.manifests, json.loads(json.dumps(case.document()))
    assert manifests.problem(document) == ""
    assert checked("manifest", document, manifests.problem) is document
    for bad in ({"version": VERSION}, {**document, "instance": "x"}, {**document, "disks": ["x"]}):
        with pytest.raises(InvalidRequest):
            checked("manifest", bad, manifests.problem)


def test_manifest_for_a_machine_that_never_was_has_one_boot_disk(case: Case) -> None:
    manifests = case.provider.manifests
    document = manifests.scratch("new-1")
    assert checked("manifest", json.loads(json.dumps(document)), manifests.problem) == document
    assert [(one.device, one.boot) for one in manifests.attachments(document)] == [(BOOT, True)]
    assert [*manifests.models(document)] == [BOOT]


# --- kept apart


@pytest.mark.parametrize("length", [0, 3_000, 12_000, 200_000])
def test_manifest_that_can_be_stored_comes_back_whole(case: Case, length: int) -> None:
    document = {**case.document(), "filler": "ä" + "x" * length}
    key, manifests = fingerprint(document), case.provider.manifests
    if not manifests.storable(document):
        assert length
        return
    assert not manifests.has(key)
    assert manifests.get(key) is None
    case.do(manifests.put(document))
    assert manifests.has(key)
    assert manifests.get(key) == case.another().provider.manifests.get(key) == document


def test_manifest_is_kept_for_its_vm_in_its_place_and_once(case: Case) -> None:
    document, manifests = case.document(), case.provider.manifests
    key = fingerprint(document)
    case.do(manifests.put(document))
    case.again(case.another().provider.manifests.put(document))
    assert manifests.kept_for(case.bench.VM) == [key]
    assert manifests.kept_for("nobody") == []
    assert case.provider.at(case.bench.OTHER_PLACE).manifests.kept_for(case.bench.VM) == []


def test_manifest_that_is_dropped_is_gone_and_can_be_stored_again(case: Case) -> None:
    document, manifests = case.document(), case.provider.manifests
    key = fingerprint(document)
    case.do(manifests.put(document))
    dropping = manifests.drop(key)
    assert dropping
    assert manifests.has(key)
    assert manifests.get(key) == document
    case.do(dropping)
    assert not manifests.has(key)
    assert manifests.get(key) is None
    assert manifests.kept_for(case.bench.VM) == []
    assert manifests.drop(key) is None
    putting = manifests.put(document)
    assert manifests.get(key) is None
    case.do(putting)
    assert manifests.get(key) == document


def test_manifest_is_not_dropped_while_a_point_refers_to_it(case: Case, method: str) -> None:
    saving, manifests = case.saving(method), case.provider.manifests
    case.do(manifests.put(saving.manifest))
    case.make_points(saving)
    key, members = fingerprint(saving.manifest), case.found().members
    assert manifests.drop(key) is None
    if not case.bench.TOGETHER:
        case.delete(members[1:])
    assert manifests.drop(key) is None
    case.do(case.provider.points.delete(members[0]))
    assert manifests.drop(key)
