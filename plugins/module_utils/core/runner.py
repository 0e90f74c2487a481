# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CREATE, DELETE, INSPECT_ONE and INSPECT_ALL over any back end, and the only place that leaves the module."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

# _load_params is the only way to tell an alias from the option that it stands for; Ansible keeps it for such modules.
from ansible.module_utils.basic import AnsibleModule, _load_params, missing_required_lib
from ansible.module_utils.common.parameters import remove_values

from .arguments import Task, argument_spec, resolve
from .errors import MissingLibrary, NotFound, RecoveryError
from .fleet import perform_all
from .model import CREATE, INSPECT_ALL, INSPECT_ONE, Record
from .options import Option, public_parts, secret_values
from .outcome import Outcome, attempt, message_of, outcome_of_removal, result_of, result_of_many, with_undo_errors
from .plan import Plan, would_change
from .secrets import all_forms, environment_secrets, is_too_short
from .steps import Report, cancel_on_sigterm, run_plan
from .waiter import Waiter


class Backend(Protocol):
    """One resource of one provider, for one task."""

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

    def acted(self) -> bool:
        """Whether the provider has accepted a change of this task, or may have: what another run did meanwhile is no change of ours."""


@dataclass(frozen=True)
class Registered:
    """A back end as a module knows it: of its code, which is much, nothing is imported before a task is for it.

    ``make`` gives the back end of a task; ``SELECTORS`` are the options of which DELETE and INSPECT_ONE need at least one.
    """

    OPTIONS: Mapping[str, Option]
    make: Callable[[Task, Waiter], Backend]
    SELECTORS: Collection[str] = ("name", "uid")

    def __call__(self, task: Task, waiter: Waiter) -> Backend:
        return self.make(task, waiter)


# A server's answer is part of it, and may be a whole page.
_LONGEST_MESSAGE = 4000
# Ansible's own word for it.
_HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


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
            return outcome_of_removal(task, plan, report, changed)
        return Outcome(message_of(task, plan, plan.after, changed), changed, plan.after, before=found)
    if plan.steps:
        plan = run_plan(plan, waiter, report, task["undo_timeout"], backend.acted)
    if plan.removes is not None:
        return outcome_of_removal(task, plan, report, report.changed)
    after = _seen_last(backend, plan) if task.operation == CREATE else None
    return Outcome(message_of(task, plan, after, report.changed), report.changed, after, before=found)


def _seen_last(backend: Backend, plan: Plan) -> Record | None:
    if not plan.steps:
        return plan.after
    return plan.seen() if plan.seen else backend.find()


def run(resource: str, backends: Mapping[str, Registered], default_provider: str | None = None) -> None:
    """Be the module ``resource``: read the arguments, act, and leave with a result."""
    options = {provider: backend.OPTIONS for provider, backend in backends.items()}
    module = _make_module(options, default_provider)
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


def _make_module(options: Mapping[str, Mapping[str, Option]], default_provider: str | None) -> AnsibleModule:
    """Ansible's module, with every secret in its parameters registered."""
    made: list[AnsibleModule] = []

    def fail_json(module: AnsibleModule, msg: str, **result: Any) -> None:
        if not made:
            # Ansible's constructor leaves here when an option is wrong, and shows the others.
            _hide_secrets(module, options)
        for name in _too_short(options, module.params):
            module.params[name] = _HIDDEN
        AnsibleModule.fail_json(module, msg, **result)

    # Not a class statement: to the type checker, AnsibleModule is anything.
    hiding = type("HidingModule", (AnsibleModule,), {"fail_json": fail_json})
    module = hiding(argument_spec=argument_spec(options, default_provider), supports_check_mode=True)
    _hide_secrets(module, options)
    made.append(module)
    return module


def _hide_secrets(module: AnsibleModule, options: Mapping[str, Mapping[str, Option]]) -> None:
    """Register every form of every secret, those within a dictionary that was given as text too, and nothing else.

    Ansible registers such a text only as a whole, every value within a secret dictionary, and also a blank.
    """
    secrets = {*module.no_log_values, *secret_values(options, module.params), *environment_secrets(os.environ), *_variables_of_secrets(options)}
    hidden = all_forms(secrets - public_parts(options, module.params))
    module.no_log_values.clear()
    module.no_log_values.update(hidden)


def _too_short(options: Mapping[str, Mapping[str, Option]], params: Mapping[str, Any]) -> set[str]:
    """The secret options whose values nothing masks."""
    secret = {name for of_provider in options.values() for name, option in of_provider.items() if option.secret}
    return {name for name in secret if isinstance(params.get(name), (str, int)) and is_too_short(str(params[name]))}


def _variables_of_secrets(options: Mapping[str, Mapping[str, Option]]) -> set[str]:
    known = [option for of_provider in options.values() for option in of_provider.values() if option.secret]
    return {os.environ.get(variable, "") for option in known for variable in option.env}


def _perform_task(make: Callable[[Task, Waiter], Backend], task: Task, report: Report) -> dict[str, Any]:
    waiters = [Waiter(task["wait_timeout"], task["wait_interval"])]
    reports: dict[str, Report] = {}

    def cancel() -> None:
        for waiter in waiters:
            waiter.cancel()

    def one(name: str) -> Outcome:
        # A waiter each: putting one target back gives no other target a new deadline.
        waiter = waiters[0].twin()
        waiters.append(waiter)
        if waiters[0].cancelled:  # Between the two lines above.
            waiter.cancel()
        return perform(backend.for_target(name, waiter), task, waiter, reports[name])

    with cancel_on_sigterm(cancel):
        backend = make(task, waiters[0])
        backend.validate(task.operation)
        targets = backend.targets()
        if targets:
            reports.update({name: Report() for name in targets})
            return result_of_many(task, perform_all(targets, one, task["max_parallel"], lambda: waiters[0].cancelled), reports)
        return result_of(task, perform(backend, task, waiters[0], report))


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
    message = with_undo_errors(f"Failed to {attempt(resource, operation)}{on}: {error.message}", report.undo_errors)
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
