# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CREATE, DELETE, INSPECT_ONE and INSPECT_ALL over any back end, and the only place that leaves the module."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn, Protocol

# _load_params is the only way to tell an alias from the option that it stands for; Ansible keeps it for such modules.
from ansible.module_utils.basic import AnsibleModule, _load_params, missing_required_lib
from ansible.module_utils.common.parameters import remove_values

from .arguments import Task, argument_spec, resolve
from .errors import MissingLibrary, NotFound, RecoveryError
from .fleet import TargetResult, perform_all
from .model import CREATE, DELETE, INSPECT_ALL, INSPECT_ONE, PARTIAL, UNFINISHED, Record
from .options import Option, public_parts
from .secrets import all_forms, environment_secrets
from .steps import ALREADY_DONE, DONE, Plan, Report, cancel_on_sigterm, run_plan, would_change
from .waiter import Waiter


class Backend(Protocol):
    """One resource of one provider, for one task."""

    OPTIONS: ClassVar[Mapping[str, Option]]
    SELECTORS: ClassVar[Collection[str]]

    def __init__(self, task: Task, waiter: Waiter) -> None: ...

    def validate(self, operation: str) -> None:
        """Raise InvalidRequest for options that make no sense, without any request."""

    def targets(self) -> Sequence[str]:
        """The names of the many targets of one task; empty for a task on one resource."""

    def for_target(self, name: str, waiter: Waiter) -> Backend:
        """The same task on one of its targets, with a client of its own."""

    def find(self) -> Record | None:
        """What the task names, read anew; None when it does not exist. Raises AmbiguousName on two matches."""

    def list_all(self) -> Iterator[Record]:
        """Everything that the filters let through, page by page."""

    def plan_create(self, found: Record | None) -> Plan:
        """The way from ``found`` to what was asked for; reads, but sends nothing that changes anything."""

    def plan_delete(self, found: Record | None) -> Plan:
        """The way from ``found`` to nothing."""


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


# A server's answer is part of it, and may be a whole page.
_LONGEST_MESSAGE = 4000
_ATTEMPTS = {CREATE: "create {}", DELETE: "delete {}", INSPECT_ONE: "inspect {}", INSPECT_ALL: "enumerate {}s"}


def perform(backend: Backend, task: Task, waiter: Waiter, report: Report) -> Outcome:
    """Carry out the task's operation; ``report`` tells afterwards what was done, also when an error is raised."""
    if task.operation == INSPECT_ALL:
        records = list(backend.list_all())
        return Outcome(f"Found {len(records)} {task.resource}s", records=records)
    found = backend.find()
    if task.operation == INSPECT_ONE:
        if found is None:
            raise NotFound(f"it does not exist (provider {task.provider}).")
        return Outcome(f"Successfully retrieved {task.resource} details", record=found, before=found)
    plan = backend.plan_create(found) if task.operation == CREATE else backend.plan_delete(found)
    if task.check_mode:
        changed = would_change(plan)
        if plan.removes is not None:
            return _outcome_of_removal(task, plan, report, changed)
        return Outcome(_message(task, plan, plan.after, changed), changed, plan.after, before=found)
    if plan.steps:
        run_plan(plan, waiter, report, task["undo_timeout"])
    if plan.removes is not None:
        return _outcome_of_removal(task, plan, report, report.changed)
    after = _seen_last(backend, plan) if task.operation == CREATE else None
    return Outcome(_message(task, plan, after, report.changed), report.changed, after, before=found)


def _seen_last(backend: Backend, plan: Plan) -> Record | None:
    if not plan.steps:
        return plan.after
    return plan.seen() if plan.seen else backend.find()


def _outcome_of_removal(task: Task, plan: Plan, report: Report, changed: bool) -> Outcome:
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
    note = f". {plan.note}" if plan.note else ""
    if errors:
        first = next(iter(errors.values())).message
        message = f"{len(records)} of {len(every)} {word}s were {plan.verb}; these remain: {', '.join(sorted(remaining))}. The first failure: {first}"
    elif not every:
        message = plan.why_unchanged
    elif task.check_mode:
        message = f"{counted} would be {plan.verb}{note}"
    elif not task["wait"]:
        message = f"{counted} {plan.verb} successfully, as far as the requests go: their end was not waited for{note}"
    else:
        message = f"{counted} {plan.verb} successfully{note}"
    return Outcome(message, changed, records=records, removed=True, errors=errors)


def _message(task: Task, plan: Plan, after: Record | None, changed: bool) -> str:
    resource = task.resource.replace("_", " ")
    part = ", but only in part" if after and after.status == PARTIAL else ""
    if not changed:
        return (plan.why_unchanged or f"{resource.capitalize()} was {plan.verb} by an earlier run already") + part
    if task.check_mode:
        return f"{resource.capitalize()} would be {plan.verb}"
    if not task["wait"] and (after is None or after.status in UNFINISHED):
        return f"{resource.capitalize()} {plan.verb} successfully, as far as the request goes: it was accepted, its end was not waited for"
    return f"{resource.capitalize()} {plan.verb} successfully{part}"


def run(resource: str, backends: Mapping[str, type[Backend]], default_provider: str | None = None) -> None:
    """Be the module ``resource``: read the arguments, act, and leave with a result."""
    options = {provider: backend.OPTIONS for provider, backend in backends.items()}
    module = AnsibleModule(argument_spec=argument_spec(options, default_provider), supports_check_mode=True)
    # Ansible takes every value within a secret dictionary for a secret.
    module.no_log_values.difference_update(public_parts(options, module.params))
    secrets = {*module.no_log_values, *environment_secrets(os.environ), *_variables_of_secrets(options)}
    module.no_log_values.update(all_forms(secrets))
    task: Task | None = None
    failure: RecoveryError | None = None
    result: dict[str, Any] = {}
    report = Report()
    try:
        selectors = backends[module.params["provider"]].SELECTORS
        given = set(_load_params())
        task = resolve(resource, module.params, given, options, os.environ, selectors=selectors, check_mode=module.check_mode)
        result = _perform_task(backends[task.provider], task, report)
    except RecoveryError as error:
        failure = error
    _say(module, task)
    # Outside of the except clause, where fail_json would show the chain of causes, which may quote what was sent.
    if failure:
        _fail(module, resource, failure, report)
    if not module._diff:
        del result["diff"]
    if "errors" in result:
        module.fail_json(msg=result["message"], **result)
    module.exit_json(**result)


def _variables_of_secrets(options: Mapping[str, Mapping[str, Option]]) -> set[str]:
    known = [option for of_provider in options.values() for option in of_provider.values() if option.secret]
    return {os.environ.get(variable, "") for option in known for variable in option.env}


def _perform_task(backend_class: type[Backend], task: Task, report: Report) -> dict[str, Any]:
    waiters = [Waiter(task["wait_timeout"], task["wait_interval"])]
    reports: dict[str, Report] = {}

    def cancel() -> None:
        for waiter in waiters:
            waiter.cancel()

    def one(name: str) -> Outcome:
        # A waiter each: putting one target back gives no other target a new deadline.
        waiter, reports[name] = waiters[0].twin(), Report()
        waiters.append(waiter)
        if waiters[0].cancelled:  # Between the two lines above.
            waiter.cancel()
        return perform(backend.for_target(name, waiter), task, waiter, reports[name])

    with cancel_on_sigterm(cancel):
        backend = backend_class(task, waiters[0])
        backend.validate(task.operation)
        targets = backend.targets()
        if targets:
            return _result_of_many(task, perform_all(targets, one, task["max_parallel"]), reports)
        return _result(task, perform(backend, task, waiters[0], report))


def _result(task: Task, outcome: Outcome) -> dict[str, Any]:
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


def _result_of_many(task: Task, results: Sequence[TargetResult[Outcome]], reports: Mapping[str, Report]) -> dict[str, Any]:
    outcomes = [result.outcome for result in results if result.outcome]
    merged: dict[str, Any] = {
        "changed": any(outcome.changed for outcome in outcomes) or any(report.changed for report in reports.values()),
        "operation": task.operation,
        "provider": task.provider,
        "message": f"{_attempt(task.resource, task.operation).capitalize()}s: {len(outcomes)} of {len(results)} targets succeeded",
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


def _attempt(resource: str, operation: str) -> str:
    return _ATTEMPTS[operation].format(resource.replace("_", " "))


def _say(module: AnsibleModule, task: Task | None) -> None:
    if task:
        module.no_log_values.update(task.secrets)
        for warning in task.warnings:
            # Ansible masks results, but not warnings.
            module.warn(remove_values(warning, module.no_log_values))


def _fail(module: AnsibleModule, resource: str, error: RecoveryError, report: Report) -> NoReturn:
    operation = module.params["operation"]
    target = module.params["name"] or module.params["uid"] or module.params.get("vm_name")
    on = f' "{target}"' if target and operation != INSPECT_ALL else ""
    message = f"Failed to {_attempt(resource, operation)}{on}: {error.message}"
    if report.undo_errors:
        message = f"{message} Not everything could be put back: {'; '.join(report.undo_errors)}."
    # Masked before it is cut: a secret cut in two is masked no more.
    message = str(remove_values(message, module.no_log_values))[:_LONGEST_MESSAGE]
    result: dict[str, Any] = {
        "changed": report.changed,
        "operation": operation,
        "provider": module.params["provider"],
        "message": message,
        "error": error.as_result(),
    }
    if error.record:
        result[resource] = error.record.as_result()
    if report.changed:
        result["steps"] = report.as_result()
    if isinstance(error, MissingLibrary):
        module.fail_json(msg=missing_required_lib(error.library, reason=error.message), exception=error.trace, **result)
    module.fail_json(msg=message, **result)
    raise AssertionError("unreachable: fail_json leaves")
