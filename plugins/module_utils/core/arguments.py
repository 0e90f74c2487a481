# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Ansible's parameters to a Task: what is set, what stands in from the environment, what is refused before any request."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import InvalidRequest
from .model import DELETE, INSPECT_ONE, OPERATIONS
from .options import COMMON, Option
from .secrets import all_forms, is_too_short, secret_texts

BackendOptions = Mapping[str, Mapping[str, Option]]

# Line breaks, NUL and other control characters: no name and no word of an option holds them.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_NAMES = ("name", "uid")


@dataclass(frozen=True)
class Task:
    """What the user asked for: every option of the provider under its own name, None where nothing was given.

    ``warnings`` is what the user should read although the task goes on; ``secrets`` grows with every credential met on the way.
    """

    resource: str
    operation: str
    provider: str
    options: Mapping[str, Any]
    check_mode: bool = False
    warnings: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)

    def __getitem__(self, option: str) -> Any:
        return self.options[option]

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def hide(self, secret: str | None) -> None:
        """Register a secret in all its forms."""
        self.secrets.update(all_forms([secret] if secret else []))


def argument_spec(providers: BackendOptions, default_provider: str | None) -> dict[str, Any]:
    """The specification of a module: the common options and, flat beside them, those of each provider that it has.

    An option has the choices of all its providers; ``resolve`` refuses those that the task's provider does not have. Raises ValueError when two
    providers declare one name differently in anything else: one option means one thing.
    """
    choice: dict[str, Any] = {"type": "str", "choices": sorted(providers)}
    choice.update({"default": default_provider} if default_provider else {"required": True})
    spec: dict[str, Any] = {"operation": {"type": "str", "required": True, "choices": list(OPERATIONS)}, "provider": choice}
    for options in (COMMON, *providers.values()):
        for name, option in options.items():
            own = option.as_spec()
            known = spec.setdefault(name, own)
            if "choices" in known and "choices" in own:
                own["choices"] = known["choices"] = list(dict.fromkeys([*known["choices"], *own["choices"]]))
            if known != own:
                raise ValueError(f"The option {name} is declared in two ways")
    return spec


def resolve(
    resource: str,
    params: Mapping[str, Any],
    given: Collection[str],
    providers: BackendOptions,
    environ: Mapping[str, str],
    *,
    selectors: Collection[str] = ("name", "uid"),
    check_mode: bool = False,
) -> Task:
    """The task that ``params`` describe; ``given`` are the keys as the user spelled them, aliases not yet resolved.

    ``selectors`` are the options of which DELETE and INSPECT_ONE need at least one. Raises InvalidRequest, with everything that
    is wrong in one message, before anything is sent.
    """
    operation, provider = params["operation"], params["provider"]
    known = {**COMMON, **providers[provider]}
    params = _tidy(params, known)
    every = {**{name: option for options in providers.values() for name, option in options.items()}, **known}
    set_options = {name for name, option in every.items() if is_set(params.get(name), option)}
    task = Task(resource, operation, provider, {name: params.get(name) for name in known}, check_mode)
    problems = [*_double_names(every, given), *_foreign(set_options - set(known), provider), *_without_effect(task, known, set_options)]
    task = _with_environment(task, known, environ)
    problems += [
        *_out_of_bounds(task, known),
        *_not_offered(task, known),
        *_mistyped(task, known),
        *_no_secrets(task, known),
        *_missing(task, known, selectors),
    ]
    if problems:
        raise InvalidRequest(" ".join(problems))
    return task


def _tidy(params: Mapping[str, Any], known: Mapping[str, Option]) -> dict[str, Any]:
    """The parameters without what an empty template or a list written with commas leaves behind: empty and padded words."""
    tidy = dict(params)
    for name, option in known.items():
        value = params.get(name)
        if option.type == "list" and option.spec.get("elements") == "str" and value is not None:
            tidy[name] = [word.strip() for word in value if word.strip()] or None
        elif option.selects and value == "":
            tidy[name] = None
    return tidy


def is_set(value: Any, option: Option) -> bool:
    """Whether the user chose a value: not None and other than the default."""
    return value is not None and value != option.spec.get("default")


def _double_names(known: Mapping[str, Option], given: Collection[str]) -> Iterable[str]:
    for name, option in known.items():
        spelled = [word for word in (name, *option.spec.get("aliases", ())) if word in given]
        if len(spelled) > 1:
            yield f"{' and '.join(spelled)} are one option: give one of them."


def _foreign(names: Collection[str], provider: str) -> Iterable[str]:
    for name in sorted(names):
        yield f"provider {provider} has no option {name}."


def _without_effect(task: Task, known: Mapping[str, Option], set_options: set[str]) -> Iterable[str]:
    """A problem for what would select in vain on DELETE, a warning for any other option that the operation does not use."""
    for name in sorted(set_options & set(known)):
        option = known[name]
        if task.operation in option.operations:
            continue
        users = f"only by {', '.join(option.operations)}" if option.operations else "by no operation of this module"
        text = f"operation {task.operation} does not use the option {name}: it is used {users}."
        if task.operation == DELETE and option.selects:
            yield f"{text} DELETE removes exactly what name or uid says; remove {name} to go on."
        else:
            task.warn(text)


def _with_environment(task: Task, known: Mapping[str, Option], environ: Mapping[str, str]) -> Task:
    options = dict(task.options)
    ways = {option.way for name, option in known.items() if option.way and is_set(options[name], option)}
    for name, option in known.items():
        if not is_set(options[name], option) and (not option.way or not ways or option.way in ways):
            options[name] = next((environ[variable] for variable in option.env if environ.get(variable)), options[name])
        if option.secret:
            for secret in secret_texts(options[name], option.secret_parts):
                task.hide(secret)
    # An empty uid is what a template makes of "none known".
    options["uid"] = options["uid"] or None
    return Task(task.resource, task.operation, task.provider, options, task.check_mode, task.warnings, task.secrets)


def _out_of_bounds(task: Task, known: Mapping[str, Option]) -> Iterable[str]:
    if task["name"] is not None and not task["name"].strip():
        yield "name must not be empty."
    for name, option in known.items():
        value, least, most = task[name], option.minimum, option.maximum
        if value is None or not ((least is not None and value < least) or (most is not None and value > most)):
            continue
        bounds = f"between {least} and {most}" if least is not None and most is not None else f"at least {least}" if most is None else f"at most {most}"
        yield f"{name} must be {bounds}, not {value}."


def _not_offered(task: Task, known: Mapping[str, Option]) -> Iterable[str]:
    """A problem for each choice that only other providers have."""
    for name, option in known.items():
        choices, value = option.spec.get("choices"), task[name]
        if choices and isinstance(value, str) and value not in choices:
            yield f"{name}: provider {task.provider} does not have {value}. Choose one of: {', '.join(choices)}."


def _mistyped(task: Task, known: Mapping[str, Option]) -> Iterable[str]:
    """A problem for each name or filter that nothing can have: what it selects would be wrongly empty, which is a false answer in an emergency."""
    for name, option in known.items():
        value = task[name]
        if option.secret or not value:
            continue
        if option.type == "list" and any(isinstance(word, str) and CONTROL.search(word) for word in value):
            yield f"{name} must not hold line breaks or other control characters: {value!r}."
        elif option.type == "str" and (option.selects or name in _NAMES) and value.strip() and (CONTROL.search(value) or value != value.strip()):
            yield f"{name} must be one line without blanks around it, not {value!r}."


def _no_secrets(task: Task, known: Mapping[str, Option]) -> Iterable[str]:
    """A problem for each secret that is too short to be masked: every message holds its characters."""
    for name, option in known.items():
        value = task[name]
        if option.secret and isinstance(value, (str, int)) and str(value) and is_too_short(str(value)):
            yield f"{name} has only one or two characters, too few for a secret." if str(value).strip() else f"{name} is blank."


def _missing(task: Task, known: Mapping[str, Option], selectors: Collection[str]) -> Iterable[str]:
    for name, option in known.items():
        if task.operation in option.required_for and task[name] in (None, "", [], {}):
            variables = f", or set the environment variable {' or '.join(option.env)}" if option.env else ""
            yield f"operation {task.operation} on provider {task.provider} needs the option {name}: give it{variables}."
    if task.operation in (DELETE, INSPECT_ONE) and task["name"] is None and not any(task.options.get(name) for name in selectors):
        yield f"operation {task.operation} needs one of: {', '.join(selectors)}."
