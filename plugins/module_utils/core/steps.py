# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans carried out: what is needed first, at once what can be, and everything back in reverse order when something goes wrong."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from .errors import Cancelled, OutcomeUnknown, RecoveryError, WaitTimeout
from .plan import Plan, Progress, Step
from .waiter import Waiter

_PARALLEL = 16

DONE, ALREADY_DONE, FAILED, NOT_STARTED = "done", "already done", "failed", "not started"
STILL_RUNNING, UNDONE, NOT_UNDONE = "left", "undone", "not undone"


@dataclass
class _Begun:
    """A step that this run or an earlier one has begun; ``request_sent`` once its request may have been carried out."""

    step: Step
    request_sent: bool = False


@dataclass
class Report:
    """What became of each step, kept up to date while the plan runs, so that a failure can tell.

    ``errors`` are those of a deletion of many, by the name of the step; they end nothing else.
    """

    statuses: dict[str, str] = field(default_factory=dict)
    errors: dict[str, RecoveryError] = field(default_factory=dict)
    undo_errors: list[str] = field(default_factory=list)
    changed: bool = False

    def as_result(self) -> list[dict[str, str]]:
        return [{"name": name, "status": status} for name, status in self.statuses.items()]


def run_plan(plan: Plan, waiter: Waiter, report: Report, undo_budget_s: float, acted: Callable[[], bool] | None = None) -> Plan:
    """Carry the plan out, keep ``report`` current, and give the plan that was carried out in the end (see ``Plan.replan``).

    ``acted`` tells whether the provider has accepted a change of this task, or may have. Without it every step counts that asked for one.

    On any exception, including a bug or a cancellation, what was begun is undone in reverse on a budget of its own, and the
    exception goes on. Two exceptions to that: a WaitTimeout while nothing disruptive has begun leaves the provider at work, for
    the next run to go on waiting; and an error that ``keeps_state``.
    """
    report.statuses.update({step.name: NOT_STARTED for step in plan.steps})
    plans, started = [plan], list[_Begun]()
    try:
        if plan.removes is not None:
            _carry_out_each(plan.steps, waiter, report)
        elif plan.replan:
            first, _rest = _split(plan)
            _carry_out(first, waiter, report, started)
            plans.append(plan.replan())
            report.statuses = {**{step.name: report.statuses[step.name] for step in first}, **{step.name: NOT_STARTED for step in plans[-1].steps}}
            _carry_out(plans[-1].steps, waiter, report, started)
        else:
            _carry_out(plan.steps, waiter, report, started)
    except BaseException as error:
        waiter.cancel()
        waiter.begin_undo(undo_budget_s)
        waits_on = isinstance(error, WaitTimeout) and not any(begun.step.disruptive for begun in started)
        if not waits_on and not getattr(error, "keeps_state", False):
            _undo(started, report)
        _tell_state(plans[-1], error)
        raise
    finally:
        _release(plans, report)
        report.changed = acted() if acted else report.changed
    return plans[-1]


def _split(plan: Plan) -> tuple[Sequence[Step], Sequence[Step]]:
    """The steps up to and including ``replan_after``, and the others."""
    number = [step.name for step in plan.steps].index(plan.replan_after) + 1
    return plan.steps[:number], plan.steps[number:]


def _tell_state(plan: Plan, error: BaseException) -> None:
    """Add to the error's message how things stand now, as far as that can be seen."""
    if not plan.state or not isinstance(error, RecoveryError):
        return
    try:
        error.message = f"{error.message} {plan.state()}"
    except RecoveryError as trouble:
        error.message = f"{error.message} How things stand could not be seen: {trouble.message}"


def _release(plans: Sequence[Plan], report: Report) -> None:
    try:
        for release in [one.release for one in reversed(plans) if one.release][:1]:
            release()
    except RecoveryError as error:
        # It must not hide how the plan ended.
        report.undo_errors.append(f"releasing the lock: {error.message}")


def _in_order(steps: Sequence[Step]) -> tuple[dict[str, Step], TopologicalSorter[str]]:
    by_name = {step.name: step for step in steps}
    unknown = [need for step in steps for need in step.needs if need not in by_name]
    if unknown or len(by_name) != len(steps):
        raise ValueError(f"The plan repeats a step's name or needs steps that it does not have: {unknown}")
    order = TopologicalSorter({step.name: step.needs for step in steps})
    order.prepare()
    return by_name, order


def _carry_out_each(steps: Sequence[Step], waiter: Waiter, report: Report) -> None:
    """Begin all, in one thread, and then wait for all; what fails is left out, together with what needs it."""
    by_name, order = _in_order(steps)
    while order.is_active():
        ready = order.get_ready()
        possible = [by_name[name] for name in ready if all(report.statuses[need] in (DONE, ALREADY_DONE) for need in by_name[name].needs)]
        for step in possible:
            with _noted(step, report):
                _begin(step, waiter, report)
        for step in possible:
            if report.statuses[step.name] == STILL_RUNNING and step.name not in report.errors:
                with _noted(step, report):
                    if step.wait:
                        step.wait()
                    report.statuses[step.name] = DONE
        order.done(*ready)


def _begin(step: Step, waiter: Waiter, report: Report) -> None:
    if waiter.cancelled:
        raise Cancelled("the task was cancelled.")
    progress = step.done()
    if step.do and progress is Progress.NO:
        step.do()
        report.changed = True
    report.statuses[step.name] = ALREADY_DONE if progress is Progress.DONE else STILL_RUNNING


@contextmanager
def _noted(step: Step, report: Report) -> Iterator[None]:
    try:
        yield
    except Cancelled:
        raise
    except RecoveryError as error:
        report.changed = report.changed or isinstance(error, OutcomeUnknown)
        report.errors[step.name] = error
        report.statuses[step.name] = STILL_RUNNING if isinstance(error, WaitTimeout) else FAILED


def _carry_out(steps: Sequence[Step], waiter: Waiter, report: Report, started: list[_Begun]) -> None:
    by_name, order = _in_order(steps)
    running: dict[Future[None], str] = {}
    ended: list[Future[None]] = []
    with ThreadPoolExecutor(max_workers=_PARALLEL, thread_name_prefix="step") as pool:
        try:
            while order.is_active() and not any(future.exception() for future in ended):
                for name in order.get_ready():
                    running[pool.submit(_carry, by_name[name], waiter, report, started)] = name
                for future in wait_for(running, return_when=FIRST_COMPLETED).done:
                    order.done(running.pop(future))
                    ended.append(future)
        finally:
            # After a failure the others need not be waited for to the end, but nothing is undone while one may still be sending.
            if running:
                waiter.cancel()
    failures = [error for error in (future.exception() for future in (*ended, *running)) if error]
    if failures:
        # A deadline, or the cancellation that a failure brings about, must not hide what is worse.
        raise min(failures, key=lambda error: (isinstance(error, Cancelled), isinstance(error, WaitTimeout)))


def _carry(step: Step, waiter: Waiter, report: Report, started: list[_Begun]) -> None:
    if waiter.cancelled:
        raise Cancelled("the task was cancelled.")
    progress = step.done()
    begun = _Begun(step, request_sent=progress is not Progress.NO)
    if step.do:
        # A step that a dead run began or finished is ours to undo as well.
        started.append(begun)
    if progress is Progress.DONE:
        report.statuses[step.name] = ALREADY_DONE
        return
    report.statuses[step.name] = FAILED
    try:
        if step.do and progress is Progress.NO:
            step.do()
            begun.request_sent = report.changed = True
        if step.wait:
            step.wait()
    except (Cancelled, WaitTimeout):
        report.statuses[step.name] = STILL_RUNNING
        # It may have been waiting for what it had sent.
        begun.request_sent = begun.request_sent or step.point_of_no_return
        raise
    except OutcomeUnknown:
        begun.request_sent = report.changed = True
        raise
    report.statuses[step.name] = DONE


def _undo(started: Sequence[_Begun], report: Report) -> None:
    stuck = False
    for begun in reversed(started):
        step = begun.step
        if step.point_of_no_return and begun.request_sent:
            return
        if not step.undo or (stuck and not step.disruptive):
            continue
        try:
            step.undo()
            report.statuses[step.name] = UNDONE
        except Exception as error:  # noqa: BLE001  One thing that cannot be put back must not keep the rest from being put back.
            if getattr(error, "keeps_state", False):
                # The lock is lost: another run decides from now on.
                report.undo_errors.append(str(error))
                return
            # This undo failed, so the target is still half done. Keep what was prepared: the next run needs it to finish.
            stuck = stuck or step.disruptive
            report.statuses[step.name] = NOT_UNDONE
            report.undo_errors.append(f"{step.name}: {error if isinstance(error, RecoveryError) else repr(error)}")


@contextmanager
def cancel_on_sigterm(cancel: Callable[[], None]) -> Iterator[None]:
    """Call ``cancel`` when SIGTERM comes, as a cancelled job sends it, instead of dying half-way."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, _frame: object) -> None:
        # In a thread: the handler interrupts the main thread anywhere, also where that holds the lock that cancelling needs.
        threading.Thread(target=cancel, daemon=True).start()

    previous = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """The results of independent reads made at the same time, in the order given; the first failure in that order is raised."""
    if len(calls) < 2:
        return [call() for call in calls]
    with ThreadPoolExecutor(max_workers=min(len(calls), _PARALLEL), thread_name_prefix="read") as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
