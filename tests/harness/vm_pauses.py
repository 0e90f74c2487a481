# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task that is stopped at one of its requests, or loses its network there, while another task runs to its end; then the first one goes on.

What is judged: the bytes, the VM, what each task says, and that nothing which the watch forbids was accepted.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .modules import Result, Run
from .vm_clouds import VM, Cloud, settle
from .vm_faults import Cell, Stage
from .vm_judge import end_differences, judge_words, state_begin, state_of
from .vm_kinds import Hit, decisive, keys
from .vm_meetings import MeetingStage, MeetingTask, ttl_real_s
from .vm_words import words_wrong

# How long a network is away at the most; it comes back when the other task has ended.
LOST_S = 400.0
REACHED_LIMIT_S = 300.0
# "stall": the answer is on its way when the process stops. "held": the request is, and the provider acts on it when the process goes on.
STALL, HELD, LOST = "stall", "held", "network lost"


@dataclass(frozen=True)
class Pause:
    """The task `first` is paused at `hit`, and `second` runs meanwhile."""

    first: str
    hit: Hit
    second: str
    how: str = STALL

    def __str__(self) -> str:
        return f"{self.first} | {self.how} at {self.hit} | {self.second}"


@dataclass(frozen=True)
class Paused:
    """A task that does not go on."""

    name: str
    run: Run
    how: str
    reached: bool
    since_s: float


def pause(cloud: Cloud, name: str, run: Run, hit: Hit, how: str) -> Paused:
    """Let a task run until the request, and pause it there; not reached when it has ended before."""
    fault: dict[str, Any] = {"kind": "network_lost", "seconds": LOST_S} if how == LOST else {"kind": "stall", "act": "before" if how == STALL else "after"}
    cloud.add_fault(hit, **fault, token=name, **({} if how == LOST else {"pid": run.pid}))
    deadline = time.monotonic() + REACHED_LIMIT_S
    while time.monotonic() < deadline and not run.is_over and not any(rule["fired"] for rule in cloud.faults()):
        time.sleep(0.02)
    reached = any(rule["fired"] for rule in cloud.faults())
    return Paused(name, run, how, reached, time.monotonic())


def go_on(cloud: Cloud, paused: Paused, *, cancel: bool = False) -> Result:
    """Let it go on, and cancel it when asked; gives what it leaves."""
    if paused.how == LOST:
        cloud.network(paused.name, lost_s=0)
    else:
        paused.run.send(signal.SIGCONT)
    if cancel:
        paused.run.send(signal.SIGTERM)
    result = paused.run.result()
    settle(cloud)
    return result


def had_finished(log: Iterable[Mapping[str, Any]], case: Pause) -> bool:
    """Whether the task had done all that it does when it was paused, so that only what it reads for its result was still to come."""
    hits = keys(log)
    if case.how != STALL or case.hit not in hits:
        return False
    return not any(hit.mutating for hit in hits[hits.index(case.hit) + 1 :])


def _let_the_lock_expire(paused: Paused, ttl_s: float) -> None:
    left_s = paused.since_s + ttl_s * 1.2 - time.monotonic()
    if paused.reached and left_s > 0:
        time.sleep(left_s)


def _words(cloud: Cloud, title: str, name: str, result: Result, how: str = "") -> list[str]:
    """What is wrong with what a task says when it has just ended; ``how`` it was paused."""
    said = [*judge_words(cloud.provider, cloud.requests(run=name), result, cloud.requests(), unanswered=how in (HELD, LOST)), *words_wrong(cloud, result, name)]
    said += ["a traceback"] if "Traceback" in result.stdout + result.stderr else []
    return [f"{title}: {text}" for text in said]


def _outcome(paused: Paused, first: Result, second: Result) -> str:
    words = [("" if paused.reached else "not reached, ") + "first " + ("succeeds" if not first.failed else f"fails ({first.kind or 'no kind'})")]
    return ", ".join([*words, "second " + ("succeeds" if not second.failed else f"fails ({second.kind or 'no kind'})")])


# -- Any two tasks


class Meetings:
    """Runs pauses of one task with another one in between."""

    def __init__(self, stage: MeetingStage, tasks: Mapping[str, MeetingTask]) -> None:
        self._stage, self._tasks = stage, tasks

    def cases(self, first: str, second: str) -> list[Pause]:
        """The first task paused at each of its requests that matter; those that the service guards by a version are held as well."""
        hits = decisive(keys(self._stage.log_of(self._tasks[first])))
        held = [Pause(first, hit, second, HELD) for hit in hits if self._stage.provider.is_guarded(hit)]
        return [*(Pause(first, hit, second) for hit in hits), *held]

    def run(self, case: Pause) -> Cell:
        """One of them."""
        first, second = self._tasks[case.first], self._tasks[case.second]
        cell = Cell(str(case), f"{case.first} / {case.second}", case.how)
        began = time.monotonic()
        cloud = self._stage.open(first, second)
        try:
            self._run(case, first, second, cloud, cell)
        finally:
            cloud.close()
        cell.seconds = round(time.monotonic() - began, 2)
        return cell

    def _run(self, case: Pause, first: MeetingTask, second: MeetingTask, cloud: Cloud, cell: Cell) -> None:
        stage = self._stage
        paused = pause(cloud, *stage.start(cloud, first), case.hit, case.how)
        name, run = stage.start(cloud, second)
        other = run.result()
        if case.how != HELD:
            settle(cloud)
        cell.again = other.message
        done = [] if other.failed else [second]
        cell.wrong += _words(cloud, f"second ({second})", name, other)
        if done:
            cell.wrong += [f"{second} reports success, but {text}" for text in second.holds(cloud, stage.facts)]
            stage.provider.count_on(cloud, second.counts_on(cloud))
            if first.leaves == "absent":
                # Whatever the VM has by now goes with it.
                stage.provider.permit(cloud, paused.name, stage.provider.goes_with_vm(cloud))
        result = go_on(cloud, paused)
        cell.message, cell.outcome = result.message, _outcome(paused, result, other)
        if paused.reached and had_finished(stage.log_of(first), case):
            # What it says is about the time before the other one began.
            done = [*([] if result.failed else [first]), *done]
        else:
            done += [] if result.failed else [first]
            cell.wrong += _words(cloud, f"first ({first})", paused.name, result, case.how)
        cell.wrong += [f"{task} reported success, but in the end {text}" for task in done for text in task.holds(cloud, stage.facts)]
        cell.wrong += cloud.violations()
        cell.state = cloud.status()
        if done:
            after = " and ".join(map(str, done))
            cell.wrong += [f"{after} succeeded, but {text}" for text in (*stage.state_problems(cloud, done), *stage.retired_problems(cloud, done))]
        elif not stage.is_up(cloud):
            cell.wrong += self._run_again(cloud, first)

    def _run_again(self, cloud: Cloud, task: MeetingTask) -> list[str]:
        """Nobody has finished, and the VM is not up: the first task must be able to bring it there."""
        cloud.clear_faults()
        _name, run = self._stage.start(cloud, task)
        result = run.result()
        settle(cloud)
        if not result.failed:
            return [f"{task}, run again, succeeded, but {text}" for text in self._stage.state_problems(cloud, [task])]
        return [] if self._stage.is_up(cloud) else [f"the VM is not up, and {task}, run again, fails ({result.kind}): {result.message[:200]}"]


# -- The same task, or the way back


class Takeovers:
    """Runs pauses of a route that outlast its lock, with the same task, or a rollback of it, in between."""

    SAME, BACK = "the same task", "rollback_of"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    @property
    def counters(self) -> list[str]:
        """What can take over."""
        options = self._stage.route.options
        swaps = self._stage.route.module == "restore" and self._stage.route.locks and "rollback_of" not in options
        return [self.SAME, *([self.BACK] if swaps else [])]

    def cases(self) -> list[Pause]:
        """Each request that matters, with each task that can take over."""
        hits = decisive(keys(self._stage.log))
        title = self._stage.route.title
        held = [Pause(title, hit, self.SAME, HELD) for hit in hits if self._stage.provider.is_guarded(hit)]
        return [*(Pause(title, hit, second) for hit in hits for second in self.counters), *held]

    def lost(self, *, parts: int = 2) -> list[Pause]:
        """The network is lost while recovery points are being made."""
        hits = [hit for hit in keys(self._stage.log) if hit.mutating and self._stage.provider.makes_points(hit)]
        return [Pause(self._stage.route.title, hit, self.SAME, LOST) for hit in hits[:parts]]

    def run(self, case: Pause) -> Cell:
        """One of them."""
        cell = Cell(str(case), case.first, f"{case.how}, {case.second}")
        began = time.monotonic()
        cloud = self._stage.open()
        try:
            self._run(case, cloud, cell)
        finally:
            cloud.close()
        cell.seconds = round(time.monotonic() - began, 2)
        return cell

    def _run(self, case: Pause, cloud: Cloud, cell: Cell) -> None:
        stage = self._stage
        paused = pause(cloud, *stage.launch(cloud), case.hit, case.how)
        changes: dict[str, Any] = {}
        if case.second == self.BACK:
            changes = {
                "rollback_of": self._restore_name(),
                "snapshot_datetime": None,
                "old_disks": None,
                "name": None,
                "strategy": None,
                **dict.fromkeys(stage.route.late(cloud)),
            }
        name, run = stage.launch(cloud, **changes)
        other = run.result()
        if case.how != HELD:
            settle(cloud)
        cell.again = other.message
        cell.wrong += _words(cloud, f"second ({case.second})", name, other)
        if case.second == self.SAME:
            cell.wrong += self._same_ended(case, cloud, other)
        elif other.failed:
            cell.wrong += [] if other.kind in ("NotFound", "Conflict") else [f"the rollback fails ({other.kind}): {other.message[:200]}"]
        else:
            cell.wrong += [f"the rollback succeeded, but {text}" for text in self._back_problems(cloud)]
        if not other.failed:
            stage.provider.count_on(cloud, stage.provider.counted_on(cloud))
        _let_the_lock_expire(paused, ttl_real_s(stage.provider))
        cancel = case.how == LOST
        result = go_on(cloud, paused, cancel=cancel)
        cell.message, cell.outcome, cell.state = result.message, _outcome(paused, result, other), state_of(cloud, stage.before)
        finished = paused.reached and had_finished(stage.log, case)
        cell.wrong += [] if finished else _words(cloud, "first", paused.name, result, case.how)
        cell.wrong += cloud.violations()
        if case.second == self.SAME:
            cell.wrong += [f"in the end {text}" for text in self._end_problems(cloud)]
        elif result.failed and not other.failed:
            cell.wrong += [f"after the rollback and the failure of the first task {text}" for text in self._back_problems(cloud)]
        elif not result.failed and not finished:
            cell.wrong += [f"the first task reports success, but {text}" for text in stage.route.goal(cloud, stage.before)]
        elif finished and not other.failed:
            cell.wrong += [f"after the rollback {text}" for text in self._back_problems(cloud)]

    def _restore_name(self) -> str:
        return str(self._stage.route.options.get("name") or f"{VM}-{self._stage.route.options['snapshot_datetime']}")

    def _same_ended(self, case: Pause, cloud: Cloud, other: Result) -> list[str]:
        if other.failed:
            return [f"the same task fails ({other.kind or other.stderr[-200:]}): {other.message[:300]}"]
        if case.how == HELD:
            # What is held may still be done, and counts for what it is then.
            return []
        return [f"the same task reports success, but {text}" for text in self._stage.route.goal(cloud, self._stage.before)]

    def _end_problems(self, cloud: Cloud) -> list[str]:
        stage = self._stage
        return stage.route.goal(cloud, stage.before) or end_differences(stage, cloud)[:4]

    def _back_problems(self, cloud: Cloud) -> list[str]:
        """Whether the VM runs on its disks from before."""
        there = state_of(cloud, self._stage.before)
        problems = [] if there == state_begin(self._stage) else [f"the VM is {there}"]
        return problems + ([] if cloud.digests() == self._stage.before.present else ["its disks do not hold what they held before"])


def spread(cases: Sequence[Pause], number: int, offset: int = 0) -> list[Pause]:
    """So many cases from all over a task: those that are followed at once by a request that changes something come first, for there a pause hurts."""
    before_change = [case for case, following in zip(cases, cases[1:]) if following.hit.mutating and following.hit != case.hit]
    chosen = before_change or list(cases)
    step = max(len(chosen) // max(number, 1), 1)
    return [chosen[(offset + place * step) % len(chosen)] for place in range(min(number, len(chosen)))]
