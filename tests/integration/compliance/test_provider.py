# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider as a whole: its places, its ways, whether it acted; and what only it knows, which is looked at without any change."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.plan import Progress
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.findings import Finding, gathered
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.gate import Gate
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.model import Moment, Strategy
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.provider import Intent

from .bench import Case


def test_provider_is_of_the_place_that_the_task_says(case: Case) -> None:
    provider, task = case.provider, case.bench.task("restore")
    assert provider.place == task[provider.PLACE]
    assert (provider.NEW_PLACE in task.options) is case.bench.TRAVELS
    assert task.provider == provider.NAME
    assert provider.scope


def test_another_place_has_other_machines_and_the_same_task(case: Case) -> None:
    there, here = case.provider.at(case.bench.OTHER_PLACE), case.provider.at(case.provider.place)
    assert (there.place, here.place, there.scope) == (case.bench.OTHER_PLACE, case.provider.place, case.provider.scope)
    assert there.machines.get(case.bench.VM) is None
    assert here.machines.get(case.bench.VM) == case.vm
    assert there.machines.ref(case.bench.VM) != case.vm.ref
    case.do(there.marks.write(case.vm, {marks.KEPT: marks.YES}))
    assert case.provider.acted()
    assert there.at(case.provider.place).machines.get(case.bench.VM) == case.vm


def test_every_disk_can_come_back_in_place_the_data_disks_at_least(case: Case) -> None:
    assert all(case.provider.ways(case.vm, one) for one in case.vm.attached if not one.boot)


def test_validation_sends_nothing(case: Case) -> None:
    before = case.bench.received()
    for module in ("backup", "restore"):
        Case.of(case.bench, module).provider.validate("CREATE")
    assert case.bench.received() == before


def test_provider_has_acted_once_a_change_was_accepted(case: Case) -> None:
    assert case.vm
    assert case.disks()
    assert not case.provider.acted()
    case.mark(case.vm, kept=marks.YES)
    assert case.provider.acted()
    assert not case.another().provider.acted()


def test_provider_has_not_acted_when_all_was_refused(case: Case) -> None:
    case.bench.deny()
    case.refusal(case.provider.machines.stop(case.vm, discard_volatile=False))
    case.refusal(case.provider.marks.write(case.vm, {marks.KEPT: marks.YES}))
    assert not case.provider.acted()


# --- what only the provider knows


def of_backup(case: Case) -> Intent:
    saving = case.saving()
    planned, task = case.provider.points.planned(saving), case.bench.task("backup", method=case.bench.METHODS[0])
    machine, disks = saving.machine, saving.disks
    return Intent(task, machine.name, None, machine, disks=disks, planned=planned, stops=True, manifest=saving.manifest, saved=lambda: [])


def of_restore(case: Case, strategy: Strategy) -> Intent:
    devices, document = case.devices(case.save()), case.document()
    new = [device.before.of(device.new.ref) for device in devices]
    name = "copy-1" if strategy is Strategy.NEW else case.bench.VM
    if strategy is Strategy.GONE:
        case.remove_all_but_disks()
    machine = case.vm if strategy in (Strategy.IN_PLACE, Strategy.REPLACE) else None
    request = partial(case.request, document, new, strategy, name)
    return Intent(case.bench.task("restore"), name, strategy, machine, devices=devices, stops=machine is not None, manifest=document, request=request)


INTENTS: dict[str, Callable[[Case], Intent]] = {
    "backup": of_backup,
    **{strategy.value: partial(of_restore, strategy=strategy) for strategy in (Strategy.IN_PLACE, Strategy.REPLACE, Strategy.GONE, Strategy.NEW)},
}


# When the route of each asks for steps.
MOMENTS = {"backup": Moment.AT_END, "in_place": Moment.BEFORE_STOP, "replace": Moment.BEFORE_STOP, "gone": Moment.BEFORE_BUILD, "new": Moment.BEFORE_BUILD}


def refusing(findings: list[Finding]) -> list[str]:
    return [finding.text for finding in findings if finding.refuses]


@pytest.mark.parametrize("kind", INTENTS)
def test_look_at_what_a_run_needs_changes_nothing_and_blocks_nothing_that_is_healthy(case: Case, kind: str) -> None:
    module = "backup" if kind == "backup" else "restore"
    intent = INTENTS[kind](case)
    case = Case.of(case.bench, module)
    before = case.bench.received(changing=True)
    assert refusing(gathered(case.provider.extras.findings(intent))) == []
    gate = Gate(case.bench.waiter(600), case.provider.marks, lambda: case.provider.machines.get(case.bench.VM))
    for step in case.provider.extras.steps(intent, MOMENTS[kind], gate):
        assert step.name
        assert step.done is None or step.done() in Progress
    assert case.bench.received(changing=True) == before
    assert not case.provider.acted()
