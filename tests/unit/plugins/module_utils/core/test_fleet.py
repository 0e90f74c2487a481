# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many targets: so many at once, all of them, in order."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import Cancelled, Conflict
from ansible_collections.multicloud.recovery.plugins.module_utils.core.fleet import TargetResult, perform_all

from tests.unit.fakes import PATIENCE_S, Crowd

NAMES = [f"vm{number}" for number in range(12)]


@pytest.mark.parametrize("bound", [1, 2, 4])
def test_so_many_targets_run_at_once_and_no_more(bound: int) -> None:
    crowd = Crowd(bound)
    perform_all(NAMES[:4], crowd.work, bound)
    assert not crowd.overfull


def test_results_are_in_the_order_of_the_names() -> None:
    last_is_done = threading.Event()

    def work(name: str) -> str:
        if name == NAMES[-1]:
            last_is_done.set()
        else:
            assert last_is_done.wait(PATIENCE_S)
        return name.upper()

    assert perform_all(NAMES, work, len(NAMES)) == [TargetResult(name, outcome=name.upper()) for name in NAMES]


def test_failing_target_does_not_stop_the_others() -> None:
    error = Conflict("taken")

    def work(name: str) -> str:
        if name == "vm0":
            raise error
        return name

    results = perform_all(NAMES, work, 1)
    assert results[0] == TargetResult("vm0", error=error)
    assert [result.outcome for result in results[1:]] == NAMES[1:]


def test_queued_targets_of_a_cancelled_task_end_before_anything_is_done_for_them() -> None:
    cancelled, begun = threading.Event(), list[str]()

    def work(name: str) -> str:
        begun.append(name)
        if name == "vm1":
            cancelled.set()
        return name

    results = perform_all(NAMES, work, 1, cancelled.is_set)
    assert begun == ["vm0", "vm1"]
    assert [result.name for result in results] == NAMES
    assert [result.outcome for result in results[:2]] == begun
    assert {type(result.error) for result in results[2:]} == {Cancelled}


def test_error_of_a_target_keeps_nothing_of_what_it_was_at() -> None:
    """Until all targets have ended, their errors are kept."""

    class Connection:
        pass

    opened: list[weakref.ref[Connection]] = []

    def work(_name: str) -> None:
        connection = Connection()
        opened.append(weakref.ref(connection))

        def read() -> None:
            try:
                raise OSError(connection)
            except OSError as cause:
                raise Conflict("taken") from cause

        read()

    results = perform_all(NAMES, work, 4)
    gc.collect()
    assert {str(result.error) for result in results} == {"taken"}
    assert {reference() for reference in opened} == {None}


def test_bug_is_raised_after_all_targets_have_ended() -> None:
    ended: list[str] = []

    def work(name: str) -> None:
        if name == "vm0":
            raise ZeroDivisionError
        ended.append(name)

    with pytest.raises(ZeroDivisionError):
        perform_all(NAMES, work, 2)
    assert sorted(ended) == sorted(NAMES[1:])


def test_no_targets_are_no_results() -> None:
    assert perform_all([], str, 16) == []


@pytest.mark.parametrize("bound", [0, -1])
def test_bound_below_one_is_one(bound: int) -> None:
    assert [result.outcome for result in perform_all(["a", "b"], str.upper, bound)] == ["A", "B"]
