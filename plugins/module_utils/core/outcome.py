# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task has come to, in words and as the result that Ansible gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .arguments import Task
from .errors import RecoveryError
from .fleet import TargetResult
from .model import CREATE, DELETE, INSPECT_ALL, INSPECT_ONE, PARTIAL, UNFINISHED, Record
from .plan import Plan
from .steps import ALREADY_DONE, DONE, Report

_ATTEMPTS = {CREATE: "create {}", DELETE: "delete {}", INSPECT_ONE: "inspect {}", INSPECT_ALL: "enumerate {}s"}


@dataclass
class Outcome:
    """What a task, or a task's part for one target, has to say.

    ``records`` are those of a list, or those that a deletion of many has ``removed``; ``errors`` are by the name of what remains.
    """

    message: str
    changed: bool = False
    record: Record | None = None
    records: list[Record] | None = None
    before: Record | None = None
    removed: bool = False
    errors: dict[str, RecoveryError] = field(default_factory=dict)


def outcome_of_removal(task: Task, plan: Plan, report: Report, changed: bool) -> Outcome:
    """What was, or would be, removed by a deletion of many, and what remains although it should not."""
    removes = plan.removes or {}
    every = {record.name: record for record in removes.values()}
    remaining = {removes[step].name for step, status in report.statuses.items() if status not in (DONE, ALREADY_DONE)}
    errors: dict[str, RecoveryError] = {}
    for step, error in report.errors.items():
        errors.setdefault(removes[step].name, error)
    records = [record for name, record in every.items() if name not in remaining]
    word = task.resource.replace("_", " ")
    counted = f"{len(records)} {word}{'' if len(records) == 1 else 's'}"
    note = _note(plan, None)
    if errors:
        first = next(iter(errors.values())).message
        message = f"{len(records)} of {len(every)} {word}s were {plan.verb}; these remain: {', '.join(sorted(remaining))}. The first failure: {first}"
    elif not every:
        message = plan.why_unchanged
    elif task.check_mode:
        message = f"{counted} would be {plan.verb}{note}"
    elif not task["wait"]:
        message = f"{counted} {plan.verb} successfully, as far as the requests go: their end was not waited for{note}"
    elif not changed:
        message = f"{counted} {plan.verb} already, by another run{note}"
    else:
        message = f"{counted} {plan.verb} successfully{note}"
    return Outcome(message, changed, records=records, removed=True, errors=errors)


def message_of(task: Task, plan: Plan, after: Record | None, changed: bool) -> str:
    resource = task.resource.replace("_", " ")
    part = ", but only in part" if after and after.status == PARTIAL else ""
    if not changed or (plan.why_unchanged and not plan.steps):
        # A plan made anew under the lock may find that another run has done all of it meanwhile.
        return (plan.why_unchanged or f"{resource.capitalize()} was {plan.verb} by another run already") + part
    if task.check_mode:
        return plan.forecast or f"{resource.capitalize()} would be {plan.verb}"
    if not task["wait"] and (after is None or after.status in UNFINISHED):
        return f"{resource.capitalize()} {plan.verb} successfully, as far as the request goes: it was accepted, its end was not waited for{_note(plan, after)}"
    return f"{resource.capitalize()} {plan.verb} successfully{part}{_note(plan, after)}"


def _note(plan: Plan, after: Record | None) -> str:
    text = plan.note(after) if callable(plan.note) else plan.note
    return f". {text}" if text else ""


def with_undo_errors(message: str, undo_errors: Sequence[str]) -> str:
    """The message of a failure with what could not be put back. A reason is told once: when the provider is out of reach everything fails for it."""
    by_reason: dict[str, list[str]] = {}
    for text in undo_errors:
        step, _colon, reason = text.rstrip(".").partition(": ")
        by_reason.setdefault(reason, []).append(step)
    told = [f"{', '.join(steps)}{_reason(reason, message)}" for reason, steps in by_reason.items()]
    return f"{message} Not everything could be put back: {'; '.join(told)}." if told else message


def _reason(reason: str, message: str) -> str:
    return f": {'for the same reason' if reason in message else reason}" if reason else ""


def result_of(task: Task, outcome: Outcome) -> dict[str, Any]:
    result: dict[str, Any] = {
        "changed": outcome.changed,
        "operation": task.operation,
        "provider": task.provider,
        "message": outcome.message,
        "diff": _differences(outcome) if outcome.removed else _differences(outcome)[0],
    }
    if outcome.records is None:
        result[task.resource] = _shown(outcome.record)
    else:
        result[f"{task.resource}s"] = [record.as_result() for record in outcome.records]
    if outcome.errors:
        result["errors"] = [_entry(name, error) for name, error in outcome.errors.items()]
        result["error"] = next(iter(outcome.errors.values())).as_result()
    return result


def _entry(name: str, error: RecoveryError) -> dict[str, Any]:
    return {"name": name, "error": {"message": error.message, **error.as_result()}}


def result_of_many(task: Task, results: Sequence[TargetResult[Outcome]], reports: Mapping[str, Report]) -> dict[str, Any]:
    outcomes = [result.outcome for result in results if result.outcome]
    merged: dict[str, Any] = {
        "changed": any(outcome.changed for outcome in outcomes) or any(report.changed for report in reports.values()),
        "operation": task.operation,
        "provider": task.provider,
        "message": f"{attempt(task.resource, task.operation).capitalize()}s: {len(outcomes)} of {len(results)} targets succeeded",
        f"{task.resource}s": [shown for outcome in outcomes for shown in _all_shown(outcome)],
        "diff": [difference for outcome in outcomes for difference in _differences(outcome)],
    }
    errors: list[dict[str, Any]] = [{**_entry(result.name, result.error), "steps": reports[result.name].as_result()} for result in results if result.error]
    errors += [_entry(name, error) for outcome in outcomes for name, error in outcome.errors.items()]
    return {**merged, "errors": errors} if errors else merged


def _shown(record: Record | None) -> dict[str, Any]:
    return record.as_result() if record else {}


def _all_shown(outcome: Outcome) -> list[dict[str, Any]]:
    return [_shown(outcome.record)] if outcome.records is None else [record.as_result() for record in outcome.records]


def _differences(outcome: Outcome) -> list[dict[str, Any]]:
    if outcome.removed:
        return [{"before": record.as_diff(), "after": {}} for record in outcome.records or ()]
    before, after = outcome.before, outcome.record
    return [{"before": before.as_diff() if before else {}, "after": after.as_diff() if after else {}}]


def attempt(resource: str, operation: str) -> str:
    return _ATTEMPTS[operation].format(resource.replace("_", " "))
