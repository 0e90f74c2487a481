# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two tasks meet on one VM: the first is stopped at a request for longer than a lock lives, the second runs to its end, then the first goes on."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from tests.unit.plugins.module_utils.recovery.bench import VM_REF, WORKING, Ran
from tests.unit.plugins.module_utils.recovery.judge import wrongs
from tests.unit.plugins.module_utils.recovery.pairs import ROLL_BACKS, TASKS, Meeting, common, paused_at, wrong_about

SEED = 20260101
PAUSES_OF_SAMPLE = 3


def requests_of(task: Meeting, other: Meeting) -> list[tuple[str, str, int]]:
    return [event.name for event in task.run(common(task, other)).process.events]


def met(first: Meeting, second: Meeting, name: tuple[str, str, int]) -> list[str]:
    """What is wrong when the first task is stopped at a request until the second has ended."""
    bench, found, others, ended = common(first, second), list[str](), list[Ran](), list[bool]()

    def meanwhile() -> None:
        mine = WORKING[-1]
        ended.append(bool(mine.locks) and bench.cloud.holders.get(VM_REF) not in mine.runs)
        others.append(second.run(bench))
        found.extend(f"{second}: {wrong} [{others[-1].message}]" for wrong in wrongs(others[-1], bench))

    ran = first.run(bench, paused_at(name, meanwhile, bench))
    if not others:
        # The first had ended before.
        return []
    found += [f"{first}: {wrong} [{ran.message}] [{second}: {others[0].message}]" for wrong in wrong_about(first, ran, bench, ended=ended[0])]
    again = first.run(bench)
    found += [f"{first} again: {wrong} [{again.message}]" for wrong in wrongs(again, bench)]
    last = bench.restore(name="last")
    if not last.succeeded:
        found.append(f"no restore is possible any more: {last.message} [{ran.message}] [{again.message}] [{second}: {others[0].message}]")
    return [f"{name}: {one}" for one in found]


def all_wrong(first: Meeting, second: Meeting, names: Sequence[tuple[str, str, int]]) -> list[str]:
    return [wrong for name in names for wrong in met(first, second, name)]


PAIRS = [(first, second) for first in (*TASKS, *ROLL_BACKS) for second in (*TASKS, *ROLL_BACKS)]
MEET = pytest.mark.parametrize(("first", "second"), PAIRS, ids=[f"{first}-{second}" for first, second in PAIRS])


@MEET
def test_tasks_that_meet_on_a_vm_do_no_harm(first: Meeting, second: Meeting) -> None:
    chance = random.Random(f"{SEED} {first} {second}")
    names = requests_of(first, second)
    assert all_wrong(first, second, chance.sample(names, min(PAUSES_OF_SAMPLE, len(names)))) == []


@pytest.mark.full_matrix
@MEET
def test_tasks_that_meet_at_any_request_do_no_harm(first: Meeting, second: Meeting) -> None:
    assert all_wrong(first, second, requests_of(first, second)) == []
