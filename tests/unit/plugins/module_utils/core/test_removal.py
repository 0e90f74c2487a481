# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deletion of many: all are begun, each is waited for, a failure ends nothing else, and the result tells what is gone and what remains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    AuthenticationFailed,
    Cancelled,
    OutcomeUnknown,
    ProviderFailure,
    RecoveryError,
    WaitTimeout,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.core.fleet import TargetResult
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import DELETE, Record
from ansible_collections.multicloud.recovery.plugins.module_utils.core.outcome import Outcome, result_of, result_of_many
from ansible_collections.multicloud.recovery.plugins.module_utils.core.plan import Plan, Progress, Step
from ansible_collections.multicloud.recovery.plugins.module_utils.core.runner import perform
from ansible_collections.multicloud.recovery.plugins.module_utils.core.steps import Report, run_plan

from tests.unit.fakes import FakeBackend, FakeClock, World, fake_task, record

REFUSED = AuthenticationFailed("not allowed", http_status=403)


class Bin:
    """Deletions of things; ``log`` is what was done, ``begin_errors`` and ``wait_errors`` are raised instead, by the thing's name."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.log: list[str] = []
        self.begin_errors: dict[str, BaseException] = {}
        self.wait_errors: dict[str, BaseException] = {}
        self.progress: dict[str, Progress] = {}
        self.needs: dict[str, tuple[str, ...]] = {}
        self.records = {name: record(name) for name in names}
        self.report = Report()

    def step(self, name: str) -> Step:
        return Step(
            name,
            do=lambda: self._act("begin", name, self.begin_errors),
            done=lambda: self.progress.get(name, Progress.NO),
            wait=lambda: self._act("wait", name, self.wait_errors),
            undo=lambda: pytest.fail("a deletion cannot be undone"),
            needs=self.needs.get(name, ()),
        )

    def _act(self, what: str, name: str, errors: dict[str, BaseException]) -> None:
        self.log.append(f"{what} {name}")
        if name in errors:
            raise errors[name]

    def plan(self, **more: Any) -> Plan:
        return Plan(tuple(self.step(name) for name in self.names), verb="deleted", removes=dict(self.records), why_unchanged="Nothing to delete", **more)

    def run(self) -> Report:
        run_plan(self.plan(), FakeClock().waiter(), self.report, 60)
        return self.report

    def perform(self, check_mode: bool = False, wait: bool = True, **more: Any) -> Outcome:
        task = fake_task(DELETE, check_mode=check_mode, wait=wait)
        bin_plan, report = self.plan(**more), self.report

        class Backend(FakeBackend):
            world = World()

            def plan_delete(self, found: Record | None) -> Plan:
                return bin_plan

            def acted(self) -> bool:
                return report.changed

        waiter = FakeClock().waiter()
        return perform(Backend(task, waiter), task, waiter, self.report)


def test_all_are_begun_before_any_is_waited_for() -> None:
    things = Bin("a", "b", "c")
    assert things.run().statuses == {"a": "done", "b": "done", "c": "done"}
    assert things.log == ["begin a", "begin b", "begin c", "wait a", "wait b", "wait c"]


def test_failure_ends_nothing_else_and_is_not_raised() -> None:
    things = Bin("a", "b", "c", "d")
    things.begin_errors["b"] = REFUSED
    things.wait_errors["c"] = ProviderFailure("internal error")
    report = things.run()
    assert report.statuses == {"a": "done", "b": "failed", "c": "failed", "d": "done"}
    assert report.errors == {"b": REFUSED, "c": things.wait_errors["c"]}
    assert "wait b" not in things.log
    assert report.changed


def test_nothing_done_is_no_change() -> None:
    things = Bin("a", "b")
    things.begin_errors = {"a": REFUSED, "b": REFUSED}
    assert not things.run().changed


def test_request_of_unknown_outcome_counts_as_a_change() -> None:
    things = Bin("a")
    things.begin_errors["a"] = OutcomeUnknown("no answer")
    assert things.run().changed


def test_what_is_in_flight_is_only_waited_for_and_what_is_done_is_left() -> None:
    things = Bin("a", "b")
    things.progress = {"a": Progress.IN_FLIGHT, "b": Progress.DONE}
    report = things.run()
    assert things.log == ["wait a"]
    assert (report.statuses, report.changed) == ({"a": "done", "b": "already done"}, False)


@pytest.mark.parametrize("when", ["begin_errors", "wait_errors"])
def test_deadline_leaves_each_to_the_provider(when: str) -> None:
    things = Bin("a", "b")
    getattr(things, when)["a"] = WaitTimeout("too late")
    report = things.run()
    assert report.statuses == {"a": "left", "b": "done"}
    assert things.log.count("wait a") == (1 if when == "wait_errors" else 0)


@pytest.mark.parametrize("error", [Cancelled("the task was cancelled."), ValueError("a bug"), KeyboardInterrupt()])
def test_cancellation_and_bugs_are_raised_and_undo_nothing(error: BaseException) -> None:
    things = Bin("a", "b", "c")
    things.begin_errors["b"] = error
    with pytest.raises(type(error)):
        things.run()
    assert things.log == ["begin a", "begin b"]
    assert things.report.statuses == {"a": "left", "b": "not started", "c": "not started"}


def test_what_is_needed_is_waited_for_first_and_what_needs_a_failure_is_left_out() -> None:
    things = Bin("last", "a", "b", "after a")
    things.needs = {"last": ("a", "b"), "after a": ("a",)}
    things.wait_errors["b"] = ProviderFailure("internal error")
    report = things.run()
    assert things.log == ["begin a", "begin b", "wait a", "wait b", "begin after a", "wait after a"]
    assert report.statuses["last"] == "not started"


# -- What it says


def test_success_lists_what_was_removed() -> None:
    outcome = Bin("a", "b").perform(note="1 kept")
    assert outcome.message == "2 restores deleted successfully. 1 kept"
    assert [each.name for each in outcome.records or []] == ["a", "b"]
    result = result_of(fake_task(DELETE), outcome)
    assert [each["name"] for each in result["restores"]] == ["a", "b"]
    assert [(each["before"]["name"], each["after"]) for each in result["diff"]] == [("a", {}), ("b", {})]
    assert "errors" not in result


def test_check_mode_lists_what_would_be_removed_and_does_nothing() -> None:
    things = Bin("a", "b")
    outcome = things.perform(check_mode=True)
    assert (outcome.changed, outcome.message, things.log) == (True, "2 restores would be deleted", [])
    assert result_of(fake_task(DELETE), outcome).keys() == result_of(fake_task(DELETE), Bin("a").perform()).keys()


def test_nothing_to_remove_is_unchanged_with_an_empty_list() -> None:
    for check_mode in (True, False):
        outcome = Bin().perform(check_mode)
        assert (outcome.changed, outcome.records, outcome.message) == (False, [], "Nothing to delete")


def test_without_wait_it_says_that_the_end_was_not_waited_for() -> None:
    assert "their end was not waited for" in Bin("a").perform(wait=False).message


def test_partial_failure_carries_what_remains_and_why() -> None:
    things = Bin("a", "b", "c")
    things.begin_errors["b"] = REFUSED
    result = result_of(fake_task(DELETE), things.perform())
    assert result["message"] == "2 of 3 restores were deleted; these remain: b. The first failure: not allowed"
    assert [each["name"] for each in result["restores"]] == ["a", "c"]
    assert result["errors"] == [{"name": "b", "error": {"message": "not allowed", **REFUSED.as_result()}}]
    assert result["error"] == REFUSED.as_result()
    assert result["changed"]


def test_record_of_several_steps_is_removed_when_all_of_them_are_done() -> None:
    things = Bin("a1", "a2", "b1", "b2")
    whole, half = record("a"), record("b")
    things.records = {"a1": whole, "a2": whole, "b1": half, "b2": half}
    things.wait_errors["b2"] = REFUSED
    outcome = things.perform()
    assert [each.name for each in outcome.records or []] == ["a"]
    assert set(outcome.errors) == {"b"}
    assert outcome.message.startswith("1 of 2 restores were deleted; these remain: b.")


def test_removals_of_many_targets_are_one_list() -> None:
    failing = Bin("c", "d")
    failing.begin_errors["d"] = REFUSED
    results = [TargetResult("one", Bin("a", "b").perform()), TargetResult("two", failing.perform())]
    merged = result_of_many(fake_task(DELETE), results, {})
    assert [each["name"] for each in merged["restores"]] == ["a", "b", "c"]
    assert [each["name"] for each in merged["errors"]] == ["d"]


def test_every_error_of_ours_can_be_collected() -> None:
    kinds: list[Callable[[str], RecoveryError]] = [ProviderFailure, WaitTimeout, AuthenticationFailed]
    for kind in kinds:
        things = Bin("a")
        things.wait_errors["a"] = kind("text")
        assert things.run().errors["a"].message == "text"
