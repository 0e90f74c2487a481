# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans: order, parallel work, and what is put back after which kind of end."""

from __future__ import annotations

import graphlib
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import (
    Cancelled,
    Conflict,
    NotYetPossible,
    OutcomeUnknown,
    ProviderFailure,
    RecoveryError,
    WaitTimeout,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.core.plan import Plan, Progress, Step, would_change
from ansible_collections.multicloud.recovery.plugins.module_utils.core.steps import Report, at_once, cancel_on_sigterm, run_plan
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter

from tests.unit.fakes import A_MOMENT_S, PATIENCE_S, Crowd, FakeClock

UNDO_BUDGET_S = 600.0


class Log:
    """What happened, in order, from all threads."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> Callable[[], None]:
        return lambda: self.lines.append(line)

    def step(self, name: str, **given: Any) -> Step:
        """A step that notes "do NAME" and "undo NAME"; ``given`` replaces parts of it."""
        return Step(name, **{"do": self.note(f"do {name}"), "undo": self.note(f"undo {name}"), **given})

    def chain(self, *steps: Step) -> tuple[Step, ...]:
        """The steps, each needing the one before it."""
        return tuple(Step(**{**vars(step), "needs": (before.name,) if before else step.needs}) for before, step in zip((None, *steps), steps))


def raising(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def carry_out(steps: Sequence[Step], waiter: Waiter | None = None) -> Report:
    report = Report()
    run_plan(Plan(tuple(steps)), waiter or FakeClock().waiter(), report, UNDO_BUDGET_S)
    return report


def fail(steps: Sequence[Step], error: type[BaseException], waiter: Waiter | None = None) -> tuple[Report, BaseException]:
    report = Report()
    with pytest.raises(error) as caught:
        run_plan(Plan(tuple(steps)), waiter or FakeClock().waiter(), report, UNDO_BUDGET_S)
    return report, caught.value


def meet(barrier: threading.Barrier) -> Callable[[], None]:
    return lambda: [None, barrier.wait(PATIENCE_S)][0]


ERRORS: list[BaseException] = [
    ProviderFailure("HTTP 500"),
    Conflict("someone else is at it"),
    OutcomeUnknown("no answer"),
    ZeroDivisionError("a bug"),
    Cancelled("the task was cancelled"),
    KeyboardInterrupt(),
]


# Order


def test_step_comes_after_all_that_it_needs() -> None:
    log = Log()
    report = carry_out([log.step("c", needs=("a", "b")), log.step("d", needs=("c",)), log.step("b", needs=("a",)), log.step("a")])
    assert log.lines == ["do a", "do b", "do c", "do d"]
    assert report.changed
    assert {line["status"] for line in report.as_result()} == {"done"}


def test_step_begins_only_when_what_it_needs_was_waited_for() -> None:
    log = Log()
    carry_out(log.chain(log.step("a", wait=log.note("wait a")), log.step("b")))
    assert log.lines == ["do a", "wait a", "do b"]


def test_independent_steps_run_at_the_same_time() -> None:
    barrier = threading.Barrier(16)
    carry_out([Step(f"step {number}", do=meet(barrier)) for number in range(16)])
    assert not barrier.broken


def test_independent_branches_do_not_wait_for_each_other() -> None:
    """The second step of one branch runs while the first of the other is still at work."""
    second_ran = threading.Event()

    def slow() -> None:
        assert second_ran.wait(PATIENCE_S)

    carry_out([Step("slow", do=slow), Step("first"), Step("second", do=second_ran.set, needs=("first",))])


def test_sixteen_steps_and_no_more_run_at_the_same_time() -> None:
    crowd = Crowd(16)
    carry_out([Step(f"step {number}", do=crowd.work) for number in range(32)])
    assert not crowd.overfull


def test_empty_plan_changes_nothing() -> None:
    report = carry_out([])
    assert not report.changed
    assert report.as_result() == []


def test_plan_that_only_waits_is_no_change() -> None:
    log = Log()
    plan = Plan((Step("wait", wait=log.note("wait")),))
    report = Report()
    run_plan(plan, FakeClock().waiter(), report, UNDO_BUDGET_S)
    assert (plan.changes, report.changed, log.lines) == (False, False, ["wait"])
    assert Plan((Step("wait"), Step("send", do=log.note("send")))).changes


# Plans that are wrong


def test_unknown_need_is_a_bug_and_nothing_is_sent() -> None:
    log = Log()
    _report, error = fail([log.step("a"), log.step("b", needs=("z",))], ValueError)
    assert "z" in str(error)
    assert log.lines == []


def test_name_that_two_steps_have_is_a_bug_and_nothing_is_sent() -> None:
    log = Log()
    fail([log.step("a"), log.step("a")], ValueError)
    assert log.lines == []


def test_cycle_is_a_bug_and_nothing_is_sent() -> None:
    log = Log()
    fail([log.step("first"), log.step("a", needs=("b",)), log.step("b", needs=("a",))], graphlib.CycleError)
    assert log.lines == []


# Undoing


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_begun_steps_are_undone_in_reverse_of_their_start(error: BaseException) -> None:
    log = Log()
    report, caught = fail(log.chain(log.step("a"), log.step("b"), log.step("c", do=raising(error)), log.step("d")), type(error))
    assert log.lines == ["do a", "do b", "undo c", "undo b", "undo a"]
    assert caught is error
    assert report.statuses == {"a": "undone", "b": "undone", "c": "undone", "d": "not started"}


def test_undo_follows_the_order_of_starts_not_of_the_plan() -> None:
    log = Log()
    first_ran = threading.Event()

    def second() -> None:
        assert first_ran.wait(PATIENCE_S)

    steps = [
        log.step("late", needs=("second",), do=log.note("do late")),
        log.step("second", needs=("first",), do=second),
        log.step("first", do=first_ran.set),
        log.step("last", needs=("late",), do=raising(Conflict("x"))),
    ]
    fail(steps, Conflict)
    assert log.lines == ["do late", "undo last", "undo late", "undo second", "undo first"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_failing_wait_undoes_too(error: BaseException) -> None:
    log = Log()
    _report, caught = fail([log.step("a", wait=raising(error))], type(error))
    assert log.lines == ["do a", "undo a"]
    assert caught is error


@pytest.mark.parametrize("error", [Conflict("x"), ZeroDivisionError()], ids=lambda error: type(error).__name__)
def test_failing_look_undoes_what_was_begun_but_not_its_own_step(error: Exception) -> None:
    log = Log()
    report, caught = fail(log.chain(log.step("a"), log.step("b", done=raising(error))), type(error))
    assert log.lines == ["do a", "undo a"]
    assert caught is error
    assert report.statuses == {"a": "undone", "b": "not started"}


def test_step_without_undo_keeps_its_status() -> None:
    log = Log()
    report, _error = fail(log.chain(log.step("a", undo=None), log.step("b"), log.step("c", do=raising(Conflict("x")), undo=None)), Conflict)
    assert report.statuses == {"a": "done", "b": "undone", "c": "failed"}


def test_waiting_step_is_not_undone() -> None:
    log = Log()
    fail(log.chain(log.step("a", do=None), log.step("b", do=raising(Conflict("x")))), Conflict)
    assert log.lines == ["undo b"]


def test_failing_undo_does_not_keep_others_from_being_undone_and_is_reported() -> None:
    log = Log()
    steps = log.chain(
        log.step("a"),
        log.step("b", undo=raising(Conflict("still in use"))),
        log.step("c", undo=raising(ZeroDivisionError("oops"))),
        log.step("d", do=raising(KeyError("bug"))),
    )
    report, _error = fail(steps, KeyError)
    assert log.lines == ["do a", "do b", "do c", "undo d", "undo a"]
    assert report.undo_errors == ["c: ZeroDivisionError('oops')", "b: still in use"]
    assert report.statuses == {"a": "undone", "b": "not undone", "c": "not undone", "d": "undone"}


def test_failing_undo_does_not_replace_the_error() -> None:
    log, error = Log(), ProviderFailure("the reason")
    _report, caught = fail([log.step("a", do=raising(error), undo=raising(Conflict("other")))], ProviderFailure)
    assert caught is error


def test_undoing_has_its_own_budget() -> None:
    clock = FakeClock()
    waiter = clock.waiter(timeout_s=5)
    budgets: list[float] = []

    def run_late() -> None:
        clock.now += 50
        raise ProviderFailure("late")

    fail([Step("a", do=run_late, undo=lambda: budgets.append(waiter.remaining_s))], ProviderFailure, waiter)
    assert budgets == [UNDO_BUDGET_S]


def test_undoing_is_not_interrupted_by_a_second_cancellation() -> None:
    waiter, log = Waiter(60, 15), Log()

    def undo() -> None:
        waiter.cancel()
        waiter.pause(0.001)
        log.lines.append("undone")

    fail([Step("a", do=raising(Cancelled("x")), undo=undo)], Cancelled, waiter)
    assert log.lines == ["undone"]


def test_nothing_is_undone_while_another_step_is_still_sending() -> None:
    log, waiter = Log(), Waiter(60, 15)
    sending, undoing = threading.Event(), threading.Event()

    def send() -> None:
        sending.set()
        with pytest.raises(Cancelled):
            waiter.pause(PATIENCE_S)
        # The other has failed by now. A request that is under way cannot be called back.
        undoing.wait(A_MOMENT_S)
        log.lines.append("sent")

    def fail_meanwhile() -> None:
        sending.wait(PATIENCE_S)
        raise Conflict("x")

    def undo() -> None:
        undoing.set()
        log.lines.append("undo")

    report, _error = fail([Step("slow", do=send, undo=undo), Step("failing", do=fail_meanwhile, undo=undo)], Conflict, waiter)
    assert log.lines == ["sent", "undo", "undo"]
    assert report.statuses == {"slow": "undone", "failing": "undone"}


def test_failure_ends_the_pauses_of_other_steps() -> None:
    waiter = Waiter(3600, 15)
    pausing = threading.Event()

    def pause() -> None:
        pausing.set()
        waiter.pause(PATIENCE_S)

    def fail_meanwhile() -> None:
        pausing.wait(PATIENCE_S)
        raise ProviderFailure("the reason")

    report, error = fail([Step("pausing", do=lambda: None, wait=pause), Step("failing", do=fail_meanwhile)], ProviderFailure, waiter)
    assert str(error) == "the reason"
    assert report.statuses == {"pausing": "left", "failing": "failed"}


def test_no_step_that_waits_for_a_thread_begins_after_a_cancellation() -> None:
    log, waiter = Log(), Waiter(60, 15)
    together = threading.Barrier(16, action=waiter.cancel)
    steps = [*(Step(f"block {number}", do=meet(together)) for number in range(16)), *(log.step(f"queued {number}") for number in range(5))]
    report, _error = fail(steps, Cancelled, waiter)
    assert log.lines == []
    assert [report.statuses[f"queued {number}"] for number in range(5)] == ["not started"] * 5


def test_step_that_needs_a_failed_one_does_not_begin() -> None:
    log = Log()
    report, _error = fail(log.chain(log.step("a", wait=raising(Conflict("x"))), log.step("b")), Conflict)
    assert log.lines == ["do a", "undo a"]
    assert report.statuses["b"] == "not started"


# The deadline


def test_timeout_leaves_everything_to_the_provider() -> None:
    log, error = Log(), WaitTimeout("still running")
    report, caught = fail(log.chain(log.step("a"), log.step("b", wait=raising(error)), log.step("c")), WaitTimeout)
    assert log.lines == ["do a", "do b"]
    assert caught is error
    assert report.statuses == {"a": "done", "b": "left", "c": "not started"}
    assert report.changed


def test_timeout_after_a_disruptive_step_has_begun_undoes_everything() -> None:
    log, error = Log(), WaitTimeout("still running")
    report, caught = fail(log.chain(log.step("a"), log.step("stop", disruptive=True), log.step("c", wait=raising(error))), WaitTimeout)
    assert log.lines == ["do a", "do stop", "do c", "undo c", "undo stop", "undo a"]
    assert caught is error
    assert set(report.statuses.values()) == {"undone"}


def test_timeout_within_the_disruptive_step_undoes_it() -> None:
    log = Log()
    fail(log.chain(log.step("a"), log.step("stop", disruptive=True, wait=raising(WaitTimeout("x")))), WaitTimeout)
    assert log.lines == ["do a", "do stop", "undo stop", "undo a"]


def test_timeout_before_a_disruptive_step_leaves_everything() -> None:
    log = Log()
    fail(log.chain(log.step("a", wait=raising(WaitTimeout("x"))), log.step("stop", disruptive=True)), WaitTimeout)
    assert log.lines == ["do a"]


def test_deadline_of_one_step_does_not_hide_a_bug_in_another() -> None:
    """The deadline alone would leave everything as it is; what is worse decides."""
    log, waiter, begun = Log(), Waiter(600, 15), threading.Event()

    def end_by_deadline() -> None:
        assert begun.wait(PATIENCE_S)
        raise WaitTimeout("the deadline")

    def fail_when_cancelled() -> None:
        begun.set()
        with pytest.raises(Cancelled):
            waiter.pause(PATIENCE_S)
        raise ZeroDivisionError

    steps = (log.step("slow", wait=end_by_deadline), log.step("broken", wait=fail_when_cancelled))
    fail(steps, ZeroDivisionError, waiter)
    assert {"undo slow", "undo broken"} <= set(log.lines)


@pytest.mark.parametrize(("progress", "expected"), [(Progress.NO, True), (Progress.IN_FLIGHT, False), (Progress.DONE, False)])
def test_plan_that_an_earlier_run_carried_out_would_change_nothing(progress: Progress, expected: bool) -> None:
    plan = Plan((Step("create", do=lambda: None, done=lambda: progress), Step("wait")))
    assert would_change(plan) is expected


def test_timeout_after_a_disruptive_step_gives_the_undoing_its_budget() -> None:
    clock = FakeClock()
    waiter = clock.waiter(timeout_s=5)
    budgets: list[float] = []

    def wait() -> None:
        waiter.wait_until(lambda: "off", lambda _seen: False, lambda _seen: "still off")

    step = Step("stop", do=lambda: None, wait=wait, undo=lambda: budgets.append(waiter.remaining_s), disruptive=True)
    fail([step], WaitTimeout, waiter)
    assert budgets == [UNDO_BUDGET_S]


# The point of no return


def test_nothing_up_to_and_including_the_point_of_no_return_is_undone() -> None:
    log = Log()
    steps = log.chain(log.step("a"), log.step("delete old", point_of_no_return=True), log.step("c"), log.step("d", do=raising(Conflict("x"))))
    report, _error = fail(steps, Conflict)
    assert log.lines == ["do a", "do delete old", "do c", "undo d", "undo c"]
    assert report.statuses == {"a": "done", "delete old": "done", "c": "undone", "d": "undone"}


@pytest.mark.parametrize("error", [Cancelled("the task was cancelled"), WaitTimeout("not yet deleted")])
def test_point_of_no_return_that_was_waiting_for_its_request_is_not_undone(error: RecoveryError) -> None:
    """Its do sends and waits in one: what it was interrupted in may go on."""
    log = Log()
    fail(log.chain(log.step("stop", disruptive=True), log.step("delete old", do=raising(error), point_of_no_return=True)), type(error))
    assert log.lines == ["do stop"]


def test_point_of_no_return_that_failed_itself_is_undone_with_what_came_before() -> None:
    log = Log()
    fail(log.chain(log.step("a"), log.step("delete old", do=raising(Conflict("x")), point_of_no_return=True)), Conflict)
    assert log.lines == ["do a", "undo delete old", "undo a"]


# Cancellation


def _ask_to_stop() -> None:
    """SIGTERM as it comes from outside: the main thread, which waits for the steps, is woken by it."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def test_sigterm_calls_cancel_instead_of_ending_the_process() -> None:
    waiter = Waiter(60, 15)
    before = signal.getsignal(signal.SIGTERM)
    with cancel_on_sigterm(waiter.cancel):
        signal.raise_signal(signal.SIGTERM)
        assert waiter.cancelled
    assert signal.getsignal(signal.SIGTERM) is before


def test_handler_of_sigterm_is_put_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), cancel_on_sigterm(lambda: None):
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGTERM) is before


def test_handler_of_sigterm_is_left_alone_outside_of_the_main_thread() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[Any] = []

    def work() -> None:
        with cancel_on_sigterm(lambda: None):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def test_sigterm_undoes_what_was_begun() -> None:
    waiter, log = Waiter(3600, 15), Log()

    def wait() -> None:
        _ask_to_stop()
        waiter.pause(PATIENCE_S)

    with cancel_on_sigterm(waiter.cancel):
        report, _error = fail(log.chain(log.step("a"), log.step("b", wait=wait), log.step("c")), Cancelled, waiter)
    assert log.lines == ["do a", "do b", "undo b", "undo a"]
    assert report.statuses == {"a": "undone", "b": "undone", "c": "not started"}


def test_sigterm_between_steps_begins_no_other() -> None:
    waiter, log = Waiter(3600, 15), Log()
    handled = threading.Event()

    def cancel() -> None:
        waiter.cancel()
        handled.set()

    def do() -> None:
        _ask_to_stop()
        handled.wait(PATIENCE_S)

    with cancel_on_sigterm(cancel):
        fail(log.chain(log.step("a", do=do), log.step("b")), Cancelled, waiter)
    assert log.lines == ["undo a"]


def test_second_sigterm_does_not_interrupt_the_undoing() -> None:
    waiter, log = Waiter(3600, 15), Log()

    def undo() -> None:
        signal.raise_signal(signal.SIGTERM)
        waiter.pause(0.001)
        log.lines.append("undo a")

    def wait() -> None:
        _ask_to_stop()
        waiter.pause(PATIENCE_S)

    with cancel_on_sigterm(waiter.cancel):
        fail([log.step("a", wait=wait, undo=undo)], Cancelled, waiter)
    assert log.lines == ["do a", "undo a"]


def test_cancelled_before_anything_was_sent_leaves_nothing_to_undo() -> None:
    waiter, log = FakeClock().waiter(), Log()
    waiter.cancel()
    report, _error = fail([log.step("a")], Cancelled, waiter)
    assert log.lines == []
    assert report.statuses == {"a": "not started"}
    assert not report.changed


# Going on after a run that died


def test_step_in_flight_is_waited_for_and_not_done_again() -> None:
    log = Log()
    report = carry_out([log.step("a", done=lambda: Progress.IN_FLIGHT, wait=log.note("wait a"))])
    assert log.lines == ["wait a"]
    assert report.statuses == {"a": "done"}
    assert not report.changed


def test_step_that_an_earlier_run_has_done_is_undone_too() -> None:
    """A VM that a dead run stopped must not stay stopped when this run fails."""
    log = Log()
    steps = log.chain(log.step("stop", done=lambda: Progress.DONE, disruptive=True), log.step("attach", do=raising(ProviderFailure("refused"))))
    fail(steps, ProviderFailure)
    assert log.lines == ["undo attach", "undo stop"]


def test_deadline_undoes_what_an_earlier_run_disrupted() -> None:
    log = Log()
    steps = log.chain(log.step("stop", done=lambda: Progress.DONE, disruptive=True), log.step("attach", wait=raising(WaitTimeout("late"))))
    fail(steps, WaitTimeout)
    assert log.lines == ["do attach", "undo attach", "undo stop"]


@pytest.mark.parametrize(
    "passed",
    [{"wait": raising(ProviderFailure("lost"))}, {"do": raising(OutcomeUnknown("no answer"))}, {"done": lambda: Progress.DONE}],
    ids=["wait failed", "unanswered", "done by an earlier run"],
)
def test_point_of_no_return_that_may_have_been_carried_out_is_not_undone(passed: dict[str, Any]) -> None:
    """Swapping back onto disks whose deletion was accepted would lose both."""
    log = Log()
    steps = log.chain(log.step("swap"), log.step("delete", point_of_no_return=True, **passed), log.step("label", do=raising(ProviderFailure("refused"))))
    fail(steps, ProviderFailure)
    assert not {"undo swap", "undo delete"} & set(log.lines)


def test_step_that_is_done_is_skipped() -> None:
    log = Log()
    report = carry_out(log.chain(log.step("a", done=lambda: Progress.DONE, wait=log.note("wait a")), log.step("b")))
    assert log.lines == ["do b"]
    assert report.as_result() == [{"name": "a", "status": "already done"}, {"name": "b", "status": "done"}]


def test_step_in_flight_is_undone_as_one_of_ours() -> None:
    log = Log()
    fail(log.chain(log.step("a", done=lambda: Progress.IN_FLIGHT), log.step("b", do=raising(Conflict("x")))), Conflict)
    assert log.lines == ["undo b", "undo a"]


def test_disruptive_step_in_flight_is_undone_at_the_deadline() -> None:
    log = Log()
    fail([log.step("stop", done=lambda: Progress.IN_FLIGHT, wait=raising(WaitTimeout("x")), disruptive=True)], WaitTimeout)
    assert log.lines == ["undo stop"]


def test_what_is_done_is_looked_at_when_its_turn_comes() -> None:
    """An earlier step may bring it about."""
    log = Log()

    def done() -> Progress:
        log.lines.append("look b")
        return Progress.NO

    carry_out(log.chain(log.step("a"), log.step("b", done=done)))
    assert log.lines == ["do a", "look b", "do b"]


# Changed


def test_failed_request_is_no_change() -> None:
    report, _error = fail([Step("a", do=raising(Conflict("refused")))], Conflict)
    assert not report.changed
    assert report.statuses == {"a": "failed"}


def test_request_of_unknown_outcome_counts_as_a_change() -> None:
    report, _error = fail([Step("a", do=raising(OutcomeUnknown("no answer")))], OutcomeUnknown)
    assert report.changed


def test_report_tells_while_the_plan_runs_what_is_done_and_what_is_not_started() -> None:
    log, report, seen = Log(), Report(), list[list[dict[str, str]]]()
    steps = log.chain(log.step("a"), log.step("b", do=lambda: seen.append(report.as_result())), log.step("c"))
    run_plan(Plan(steps), FakeClock().waiter(), report, UNDO_BUDGET_S)
    assert [line["name"] for line in seen[0]] == ["a", "b", "c"]
    assert (seen[0][0]["status"], seen[0][2]["status"]) == ("done", "not started")


# Reads at once


def test_reads_are_made_at_the_same_time_and_answered_in_order() -> None:
    barrier = threading.Barrier(3)

    def read(number: int) -> Callable[[], int]:
        return lambda: [barrier.wait(PATIENCE_S), number][1]

    assert at_once(read(1), read(2), read(3)) == [1, 2, 3]


def test_first_failure_in_the_order_given_is_raised() -> None:
    second_failed = threading.Event()

    def first() -> None:
        second_failed.wait(PATIENCE_S)
        raise Conflict("first")

    def second() -> None:
        second_failed.set()
        raise Conflict("second")

    with pytest.raises(Conflict, match="first"):
        at_once(first, second)


def test_no_reads_and_one_read_need_no_threads() -> None:
    assert at_once() == []
    assert at_once(threading.current_thread) == [threading.current_thread()]


# What leaves all as it is, and what a run holds only while it lasts


class _Leaving(Conflict):
    keeps_state = True


@pytest.mark.parametrize("error", [NotYetPossible("no capacity now"), _Leaving("another run decides")], ids=lambda error: type(error).__name__)
def test_error_that_leaves_undoes_nothing(error: Exception) -> None:
    log = Log()
    steps = log.chain(log.step("a"), log.step("stop", disruptive=True), log.step("start", do=raising(error), disruptive=True), log.step("d"))
    report, caught = fail(steps, type(error))
    assert log.lines == ["do a", "do stop"]
    assert caught is error
    assert report.statuses == {"a": "done", "stop": "done", "start": "failed", "d": "not started"}
    assert report.changed


def test_lack_of_capacity_is_a_failure_of_the_provider_that_leaves() -> None:
    assert issubclass(NotYetPossible, ProviderFailure)
    assert NotYetPossible.keeps_state
    assert not ProviderFailure.keeps_state


def _carry_out_and_leave(steps: Sequence[Step], leave: Callable[[], None]) -> Report:
    report = Report()
    run_plan(Plan(tuple(steps), release=leave), FakeClock().waiter(), report, UNDO_BUDGET_S)
    return report


@pytest.mark.parametrize("error", [*ERRORS, WaitTimeout("late"), NotYetPossible("no capacity")], ids=lambda error: type(error).__name__)
def test_what_a_run_holds_is_left_after_the_undoing_whatever_went_wrong(error: BaseException) -> None:
    log = Log()
    with pytest.raises(type(error)) as caught:
        _carry_out_and_leave(log.chain(log.step("a"), log.step("b", do=raising(error))), log.note("leave"))
    assert caught.value is error
    assert log.lines[-1] == "leave"
    assert log.lines.count("leave") == 1


def test_what_a_run_holds_is_left_after_success_too() -> None:
    log = Log()
    report = _carry_out_and_leave([log.step("a")], log.note("leave"))
    assert log.lines == ["do a", "leave"]
    assert report.undo_errors == []


def test_failing_leave_hides_neither_success_nor_the_error_and_is_reported() -> None:
    log = Log()
    report = _carry_out_and_leave([log.step("a")], raising(ProviderFailure("HTTP 500")))
    assert (report.statuses, report.undo_errors) == ({"a": "done"}, ["releasing the lock: HTTP 500"])
    failing, error = Report(), Conflict("the reason")
    with pytest.raises(Conflict) as caught:
        run_plan(Plan((log.step("a", do=raising(error)),), release=raising(ProviderFailure("HTTP 500"))), FakeClock().waiter(), failing, UNDO_BUDGET_S)
    assert caught.value is error
    assert failing.undo_errors == ["releasing the lock: HTTP 500"]


def test_releasing_has_time_although_the_deadline_has_passed() -> None:
    clock = FakeClock()
    waiter = clock.waiter(timeout_s=5)
    budgets: list[float] = []

    def wait() -> None:
        waiter.wait_until(lambda: "slow", lambda _seen: False, lambda _seen: "still slow")

    with pytest.raises(WaitTimeout):
        run_plan(Plan((Step("a", wait=wait),), release=lambda: budgets.append(waiter.remaining_s)), waiter, Report(), UNDO_BUDGET_S)
    assert budgets == [UNDO_BUDGET_S]


# How things stand after a failure


def _fail_with_state(error: BaseException, state: Callable[[], str], log: Log) -> None:
    steps = log.chain(log.step("a"), log.step("b", do=raising(error)))
    run_plan(Plan(steps, state=state, release=log.note("leave")), FakeClock().waiter(), Report(), UNDO_BUDGET_S)


@pytest.mark.parametrize("error", [Conflict("It failed."), NotYetPossible("It failed."), WaitTimeout("It failed.")], ids=lambda error: type(error).__name__)
def test_state_is_added_to_the_message_whether_or_not_anything_was_undone(error: RecoveryError) -> None:
    with pytest.raises(type(error)) as caught:
        _fail_with_state(error, lambda: "VM web is running.", Log())
    assert caught.value is error
    assert error.message == "It failed. VM web is running."


def test_state_is_looked_at_after_the_undoing_and_before_releasing() -> None:
    log = Log()

    def look() -> str:
        log.lines.append("look")
        return "fine."

    with pytest.raises(Conflict):
        _fail_with_state(Conflict("x"), look, log)
    assert log.lines == ["do a", "undo b", "undo a", "look", "leave"]


def test_state_that_cannot_be_seen_hides_no_error() -> None:
    error = Conflict("It failed.")
    with pytest.raises(Conflict) as caught:
        _fail_with_state(error, raising(ProviderFailure("HTTP 500")), Log())  # type: ignore[arg-type]
    assert caught.value is error
    assert error.message == "It failed. How things stand could not be seen: HTTP 500"


def test_state_is_not_asked_for_after_success_or_a_bug() -> None:
    log = Log()

    def look() -> str:
        log.lines.append("look")
        return ""

    run_plan(Plan((log.step("a"),), state=look), FakeClock().waiter(), Report(), UNDO_BUDGET_S)
    with pytest.raises(ZeroDivisionError):
        _fail_with_state(ZeroDivisionError("a bug"), look, log)
    assert "look" not in log.lines


# What results call an error


def test_kind_of_a_refinement_is_that_of_what_it_refines() -> None:
    assert NotYetPossible("no capacity").kind == "ProviderFailure"
    assert NotYetPossible("no capacity").as_result()["kind"] == "ProviderFailure"


def test_kind_of_a_class_that_refines_nothing_is_its_own_name() -> None:
    assert OutcomeUnknown("no answer").kind == "OutcomeUnknown"
    assert RecoveryError("x").kind == "RecoveryError"


# A plan made anew under the lock


def test_plan_made_anew_replaces_what_follows_the_lock() -> None:
    log, report = Log(), Report()
    anew = Plan((log.step("b2"), log.step("c2", needs=("b2",))))
    plan = Plan(log.chain(log.step("lock"), log.step("b"), log.step("c")), replan=lambda: anew, replan_after="lock")
    assert run_plan(plan, FakeClock().waiter(), report, UNDO_BUDGET_S) is anew
    assert log.lines == ["do lock", "do b2", "do c2"]
    assert report.statuses == {"lock": "done", "b2": "done", "c2": "done"}


def test_what_the_first_plan_did_is_undone_when_the_one_made_anew_fails() -> None:
    log, report = Log(), Report()
    anew = Plan((log.step("b2", do=raising(ProviderFailure("no"))),), state=lambda: "All is well.")
    plan = Plan((log.step("lock"), log.step("b", needs=("lock",))), replan=lambda: anew, replan_after="lock", release=log.note("release"))
    with pytest.raises(ProviderFailure) as caught:
        run_plan(plan, FakeClock().waiter(), report, UNDO_BUDGET_S)
    assert caught.value.message == "no All is well."
    assert log.lines == ["do lock", "undo b2", "undo lock", "release"]


def test_plan_that_cannot_be_made_anew_gives_the_lock_back() -> None:
    log, report = Log(), Report()

    def refuse() -> Plan:
        raise Conflict("its disks were changed meanwhile")

    plan = Plan((log.step("lock"), log.step("b", needs=("lock",))), replan=refuse, replan_after="lock", release=log.note("release"))
    with pytest.raises(Conflict):
        run_plan(plan, FakeClock().waiter(), report, UNDO_BUDGET_S)
    assert log.lines == ["do lock", "undo lock", "release"]
    assert report.statuses == {"lock": "undone", "b": "not started"}


def test_undo_ends_when_the_lock_is_found_to_be_lost() -> None:
    class Lost(Conflict):
        keeps_state = True

    log = Log()
    report, _error = fail(
        log.chain(log.step("a"), log.step("b", undo=raising(Lost("taken over"))), log.step("c", do=raising(ProviderFailure("no")))), ProviderFailure
    )
    assert log.lines == ["do a", "do b", "undo c"]
    assert report.undo_errors == ["taken over"]
