# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for options, DESIGN.md section 2, on two invented providers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task, argument_spec, is_set, resolve
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import InvalidRequest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import CREATE, DELETE, INSPECT_ALL, INSPECT_ONE, OPERATIONS
from ansible_collections.multicloud.recovery.plugins.module_utils.core.options import COMMON, Option

_SHARED_REGION: dict[str, Any] = {"type": "str"}

PROVIDERS: dict[str, dict[str, Option]] = {
    "alpha": {
        "address": Option(required_for=OPERATIONS, env=("ALPHA_ADDRESS", "ALPHA_URL")),
        "key": Option(secret=True, env=("ALPHA_KEY", "ALPHA_OLD_KEY")),
        "region": Option(env=("ALPHA_REGION",)),
        "disk": Option(operations=(CREATE,), spec={"aliases": ["disk_id", "volume"]}),
        "speed": Option(operations=(CREATE,), spec={"default": "fast"}),
        "lifetime": Option(type="dict", operations=(DELETE,), selects=True),
        "family": Option(operations=(INSPECT_ALL,), selects=True),
        "unused": Option(type="bool", operations=()),
    },
    "beta": {
        "key_of_beta": Option(secret=True, env=("BETA_KEY",)),
        "region": Option(env=("BETA_REGION",)),
        "only_beta": Option(),
        "many": Option(type="list", required_for=(CREATE,), spec={"elements": "str"}),
    },
}
ALPHA_ENVIRONMENT = {"ALPHA_ADDRESS": "https://alpha.example"}


def resolve_as_ansible_does(params: Mapping[str, Any], environ: Mapping[str, str] | None = None, **given: Any) -> Task:
    """The task of a module called with ``params``: defaults filled in, aliases resolved, values converted."""
    complete = {"provider": "alpha", **params}
    validated = ArgumentSpecValidator(argument_spec(PROVIDERS, None)).validate(complete)
    assert not validated.error_messages
    return resolve("snapshot", validated.validated_parameters, set(complete), PROVIDERS, ALPHA_ENVIRONMENT if environ is None else environ, **given)


def problem_of(params: Mapping[str, Any], environ: Mapping[str, str] | None = None, **given: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        resolve_as_ansible_does(params, environ, **given)
    return caught.value.message


CREATE_ONE: dict[str, Any] = {"operation": CREATE, "name": "one"}
DELETE_ONE: dict[str, Any] = {"operation": DELETE, "name": "one"}


# Rule 1


@pytest.mark.parametrize(
    ("value", "default", "expected"),
    [(None, None, False), (None, "x", False), ("x", "x", False), ("y", "x", True), (False, None, True), (False, True, True), (0, None, True), ("", None, True)],
)
def test_set_means_not_none_and_different_from_the_default(value: Any, default: Any, expected: bool) -> None:
    assert is_set(value, Option(spec={"default": default} if default is not None else {})) is expected


def test_value_equal_to_the_default_is_not_set_and_brings_no_warning() -> None:
    task = resolve_as_ansible_does({**DELETE_ONE, "speed": "fast"})
    assert task.warnings == []
    assert task["speed"] == "fast"


@pytest.mark.parametrize("alias", ["disk_id", "volume"])
def test_alias_is_the_option(alias: str) -> None:
    assert resolve_as_ansible_does({**CREATE_ONE, alias: "d1"})["disk"] == "d1"


@pytest.mark.parametrize("pair", [("disk", "disk_id"), ("disk_id", "volume"), ("tags", "labels")])
def test_alias_and_option_both_spelled_out_is_an_error(pair: tuple[str, str]) -> None:
    value: Any = {"a": "b"} if "tags" in pair else "d1"
    message = problem_of({**CREATE_ONE, **dict.fromkeys(pair, value)})
    assert message == f"{pair[0]} and {pair[1]} are one option: give one of them."


# Rule 2


def test_option_of_another_provider_is_an_error_naming_it() -> None:
    message = problem_of({**CREATE_ONE, "only_beta": "x", "key_of_beta": "y"})
    assert "provider alpha has no option key_of_beta." in message
    assert "provider alpha has no option only_beta." in message


def test_default_of_another_provider_is_no_error() -> None:
    task = resolve_as_ansible_does({"operation": CREATE, "name": "one", "provider": "beta", "many": ["x"]})
    assert "speed" not in task.options


def test_option_that_two_providers_have_is_the_option_of_the_chosen_one() -> None:
    assert resolve_as_ansible_does({**CREATE_ONE, "region": "r1"})["region"] == "r1"


def test_option_that_the_operation_does_not_use_is_a_warning() -> None:
    task = resolve_as_ansible_does({**DELETE_ONE, "disk": "d1"})
    assert task.warnings == ["operation DELETE does not use the option disk: it is used only by CREATE."]


def test_option_that_no_operation_uses_is_a_warning() -> None:
    task = resolve_as_ansible_does({**CREATE_ONE, "unused": False})
    assert task.warnings == ["operation CREATE does not use the option unused: it is used by no operation of this module."]


def test_selector_without_effect_on_delete_is_an_error() -> None:
    message = problem_of({**DELETE_ONE, "family": "web"})
    assert message.startswith("operation DELETE does not use the option family: it is used only by INSPECT_ALL.")


@pytest.mark.parametrize(("name", "value"), [("name_filter", "web"), ("status", ["failed"]), ("max_objects", 3)])
def test_common_filter_without_effect_on_delete_is_an_error(name: str, value: Any) -> None:
    assert f"does not use the option {name}" in problem_of({**DELETE_ONE, name: value})


@pytest.mark.parametrize("operation", [CREATE, INSPECT_ONE])
def test_selector_without_effect_elsewhere_is_a_warning(operation: str) -> None:
    task = resolve_as_ansible_does({"operation": operation, "name": "one", "family": "web"})
    assert len(task.warnings) == 1
    assert "does not use the option family" in task.warnings[0]


def test_selector_that_delete_uses_is_neither_error_nor_warning() -> None:
    task = resolve_as_ansible_does({**DELETE_ONE, "lifetime": {"keep_last": 3}})
    assert task.warnings == []


_OTHER_THAN_DEFAULT: dict[str, Any] = {"str": "x", "bool": False, "int": 7, "path": "/x", "dict": {"a": "b"}, "list": ["x"]}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("operation", [CREATE, INSPECT_ONE, INSPECT_ALL])
def test_common_options_are_always_accepted(operation: str, provider: str) -> None:
    given = {name: _OTHER_THAN_DEFAULT[option.type] for name, option in COMMON.items()}
    extra = {"many": ["x"]} if provider == "beta" else {}
    task = resolve_as_ansible_does({"operation": operation, "provider": provider, **given, **extra})
    assert {name: task[name] for name in given} == given


def test_common_options_that_select_nothing_are_accepted_on_delete() -> None:
    given = {name: _OTHER_THAN_DEFAULT[option.type] for name, option in COMMON.items() if not option.selects}
    assert resolve_as_ansible_does({**given, "operation": DELETE})["wait"] is False


# Rule 3


def test_environment_stands_in_for_what_is_not_given() -> None:
    assert resolve_as_ansible_does(CREATE_ONE)["address"] == "https://alpha.example"


def test_given_option_wins_over_the_environment() -> None:
    assert resolve_as_ansible_does({**CREATE_ONE, "address": "https://given.example"})["address"] == "https://given.example"


def test_environment_is_read_only_for_the_chosen_provider() -> None:
    environ = {**ALPHA_ENVIRONMENT, "ALPHA_REGION": "of-alpha", "BETA_REGION": "of-beta", "BETA_KEY": "key"}
    task = resolve_as_ansible_does(CREATE_ONE, environ)
    assert task["region"] == "of-alpha"
    assert "key_of_beta" not in task.options
    of_beta = resolve_as_ansible_does({**CREATE_ONE, "provider": "beta", "many": ["x"]}, environ)
    assert of_beta["region"] == "of-beta"
    assert resolve_as_ansible_does({**CREATE_ONE}, {**ALPHA_ENVIRONMENT, "BETA_REGION": "of-beta"})["region"] is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"ALPHA_KEY": "first", "ALPHA_OLD_KEY": "second"}, "first"),
        ({"ALPHA_OLD_KEY": "second"}, "second"),
        ({"ALPHA_KEY": "", "ALPHA_OLD_KEY": "second"}, "second"),
        ({}, None),
    ],
)
def test_first_environment_variable_that_is_set_wins(environ: dict[str, str], expected: str | None) -> None:
    assert resolve_as_ansible_does(CREATE_ONE, {**ALPHA_ENVIRONMENT, **environ})["key"] == expected


def test_environment_is_not_left_to_the_fallback_of_the_spec() -> None:
    spec = argument_spec(PROVIDERS, None)
    assert not [name for name, option in spec.items() if "fallback" in option]


def test_secret_of_the_environment_is_registered_in_all_forms() -> None:
    task = resolve_as_ansible_does(CREATE_ONE, {**ALPHA_ENVIRONMENT, "ALPHA_KEY": "k/e y"})
    assert {"k/e y", "k%2Fe%20y", "k%2fe+y", "k\\/e y"} <= task.secrets


def test_secret_option_is_registered_in_all_forms() -> None:
    task = resolve_as_ansible_does({**CREATE_ONE, "key": "k/e y"})
    assert {"k/e y", "k%2Fe%20y", "k\\/e y"} <= task.secrets


def test_option_that_is_no_secret_is_not_registered() -> None:
    assert resolve_as_ansible_does(CREATE_ONE).secrets == set()


def test_secret_met_on_the_way_is_registered_and_nothing_is_not() -> None:
    task = resolve_as_ansible_does(CREATE_ONE)
    task.hide(None)
    task.hide("")
    assert task.secrets == set()
    task.hide("fetched+token")
    assert {"fetched+token", "fetched%2Btoken"} <= task.secrets


def test_missing_connection_value_names_option_and_variable() -> None:
    message = problem_of(CREATE_ONE, {})
    assert "needs the option address" in message
    assert "ALPHA_ADDRESS or ALPHA_URL" in message
    assert "provider alpha" in message


@pytest.mark.parametrize("empty", ["", None])
def test_empty_connection_value_is_missing(empty: str | None) -> None:
    assert "needs the option address" in problem_of({**CREATE_ONE, "address": empty}, {"ALPHA_ADDRESS": ""})


def test_missing_option_without_variable_names_no_variable() -> None:
    message = problem_of({**CREATE_ONE, "provider": "beta"})
    assert "needs the option many: give it." in message
    assert "environment" not in message


def test_empty_list_is_missing_where_one_is_required() -> None:
    assert "needs the option many" in problem_of({**CREATE_ONE, "provider": "beta", "many": []})


def test_option_required_for_another_operation_is_not_missing() -> None:
    assert resolve_as_ansible_does({**DELETE_ONE, "provider": "beta"})["many"] is None


# Rule 4


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("empty", ["", "  "])
def test_empty_name_is_an_error(operation: str, empty: str) -> None:
    assert problem_of({"operation": operation, "name": empty}) == "name must not be empty."


def test_empty_name_is_an_error_although_a_uid_is_given() -> None:
    assert problem_of({"operation": DELETE, "name": "", "uid": "u1"}) == "name must not be empty."


def test_empty_uid_counts_as_not_given() -> None:
    assert resolve_as_ansible_does({**DELETE_ONE, "uid": ""})["uid"] is None


@pytest.mark.parametrize("operation", [DELETE, INSPECT_ONE])
@pytest.mark.parametrize("given", [{}, {"uid": ""}])
def test_delete_needs_name_or_uid_and_so_does_inspect_one(operation: str, given: dict[str, str]) -> None:
    assert problem_of({"operation": operation, **given}) == f"operation {operation} needs one of: name, uid."


@pytest.mark.parametrize("given", [{"name": "one"}, {"uid": "u1"}, {"name": "one", "uid": "u1"}])
@pytest.mark.parametrize("operation", [DELETE, INSPECT_ONE])
def test_name_or_uid_is_enough_for_delete_and_inspect_one(operation: str, given: dict[str, str]) -> None:
    task = resolve_as_ansible_does({"operation": operation, **given})
    assert {name: task[name] for name in given} == given


def test_another_selector_of_the_back_end_is_enough_for_delete() -> None:
    task = resolve_as_ansible_does({"operation": DELETE, "lifetime": {"keep_last": 1}}, selectors=("name", "uid", "lifetime"))
    assert task["lifetime"] == {"keep_last": 1}
    assert problem_of({"operation": DELETE}, selectors=("name", "uid", "lifetime")).endswith("needs one of: name, uid, lifetime.")


@pytest.mark.parametrize("operation", [CREATE, INSPECT_ALL])
def test_create_and_inspect_all_need_no_name(operation: str) -> None:
    assert resolve_as_ansible_does({"operation": operation})["name"] is None


# Rule 5


def test_two_providers_declaring_one_option_differently_is_a_bug() -> None:
    with pytest.raises(ValueError, match="region"):
        argument_spec({"alpha": {"region": Option()}, "beta": {"region": Option(type="list")}}, None)


def test_provider_declaring_a_common_option_differently_is_a_bug() -> None:
    with pytest.raises(ValueError, match="wait"):
        argument_spec({"alpha": {"wait": Option(type="bool", spec={"default": False})}}, None)


def test_secret_for_one_provider_and_open_for_another_is_a_bug() -> None:
    with pytest.raises(ValueError, match="key"):
        argument_spec({"alpha": {"key": Option(secret=True)}, "beta": {"key": Option()}}, None)


def test_option_has_the_choices_of_all_its_providers_and_a_task_those_of_its_own() -> None:
    providers = {"alpha": {"way": Option(spec={"choices": ["a", "b"]})}, "beta": {"way": Option(spec={"choices": ["b", "c"]})}}
    spec = argument_spec(providers, None)
    assert spec["way"]["choices"] == ["a", "b", "c"]
    params = {name: option.get("default") for name, option in spec.items()} | {"operation": "INSPECT_ALL", "provider": "alpha"}
    assert resolve("thing", {**params, "way": "b"}, {"way"}, providers, {})["way"] == "b"
    with pytest.raises(InvalidRequest, match="provider alpha does not have c. Choose one of: a, b"):
        resolve("thing", {**params, "way": "c"}, {"way"}, providers, {})


def test_variables_and_operations_of_a_shared_option_may_differ() -> None:
    spec = argument_spec({"alpha": {"zone": Option(env=("A",))}, "beta": {"zone": Option(env=("B",), operations=(CREATE,))}}, None)
    assert spec["zone"] == {"type": "str"}


# Rule 6


def test_secret_option_has_no_log() -> None:
    spec = argument_spec(PROVIDERS, None)
    assert spec["key"]["no_log"] is True
    assert spec["key_of_beta"]["no_log"] is True


def test_option_that_only_looks_secret_says_so() -> None:
    assert argument_spec(PROVIDERS, None)["client_key"]["no_log"] is False


def test_message_about_a_secret_option_does_not_show_its_value() -> None:
    assert "hunter2" not in problem_of({**CREATE_ONE, "provider": "beta", "key": "hunter2"})


# The specification and the rest


def test_provider_is_chosen_from_the_keys_and_has_the_default_that_the_module_gives() -> None:
    assert argument_spec(PROVIDERS, "beta")["provider"] == {"type": "str", "choices": ["alpha", "beta"], "default": "beta"}
    assert argument_spec(PROVIDERS, None)["provider"] == {"type": "str", "choices": ["alpha", "beta"], "required": True}


def test_operation_is_required_and_one_of_the_four() -> None:
    assert argument_spec(PROVIDERS, None)["operation"] == {"type": "str", "required": True, "choices": [CREATE, DELETE, INSPECT_ONE, INSPECT_ALL]}


def test_common_options_have_the_defaults_of_the_design() -> None:
    spec = argument_spec(PROVIDERS, None)
    defaults = {name: option["default"] for name, option in spec.items() if name in COMMON and "default" in option}
    expected = {"wait": True, "wait_timeout": 3600, "wait_interval": 15, "undo_timeout": 600, "request_timeout": 30, "retries": 5, "validate_certs": True}
    assert defaults == expected


BOUNDS = {
    "wait_timeout": (1, 604_800),
    "wait_interval": (1, 3600),
    "undo_timeout": (1, 86_400),
    "request_timeout": (1, 600),
    "retries": (0, 100),
    "max_objects": (0, 1_000_000),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_number_out_of_its_bounds_is_an_error_and_the_bounds_are_not(name: str) -> None:
    least, most = BOUNDS[name]
    task: dict[str, Any] = {"operation": INSPECT_ALL}
    for wrong in (least - 1, most + 1, 10**9):
        assert problem_of({**task, name: wrong}) == f"{name} must be between {least} and {most}, not {wrong}."
    for right in (least, most):
        assert resolve_as_ansible_does({**task, name: right})[name] == right


@pytest.mark.parametrize(("option", "said"), [(Option(type="int", minimum=5), "at least 5, not 4"), (Option(type="int", maximum=3), "at most 3, not 4")])
def test_number_with_one_bound_names_that(option: Option, said: str) -> None:
    params = {**dict.fromkeys(COMMON), "operation": CREATE, "provider": "gamma", "size": 4}
    with pytest.raises(InvalidRequest, match=f"size must be {said}"):
        resolve("snapshot", params, set(), {"gamma": {"size": option}}, {})


# Names and filters that nothing can have

MISTYPED = ["a\n", "\na", "a\nb", "a\x00b", "a\tb", "a\x7f", "a\u2028b", " a", "a "]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("value", MISTYPED)
@pytest.mark.parametrize("name", ["name", "uid"])
def test_name_that_nothing_can_have_is_refused(name: str, value: str, operation: str) -> None:
    assert f"{name} must be one line without blanks around it, not {value!r}." in problem_of({"operation": operation, name: value})


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("value", MISTYPED)
def test_filter_that_nothing_can_match_is_refused(value: str, operation: str) -> None:
    for name in ("name_filter", "family"):
        assert f"{name} must be one line without blanks around it, not {value!r}." in problem_of({"operation": operation, "name": "one", name: value})


@pytest.mark.parametrize("value", ["a\nb", "a\x00"])
def test_word_of_a_list_with_a_line_break_is_refused(value: str) -> None:
    assert "status must not hold line breaks or other control characters" in problem_of({"operation": INSPECT_ALL, "status": ["failed", value]})


def test_text_that_selects_nothing_may_have_lines() -> None:
    assert resolve_as_ansible_does({**CREATE_ONE, "speed": "slow\nand steady\n"})["speed"] == "slow\nand steady\n"


# Secrets that are none


@pytest.mark.parametrize(("value", "said"), [(" ", "key is blank"), ("\n \t", "key is blank"), ("a", "key has only one"), ("ab\n", "key has only one")])
@pytest.mark.parametrize("source", ["option", "environment"])
def test_secret_that_is_too_short_is_refused_and_not_registered(value: str, said: str, source: str) -> None:
    environ = {**ALPHA_ENVIRONMENT, **({"ALPHA_KEY": value} if source == "environment" else {})}
    given = {"key": value} if source == "option" else {}
    message = problem_of({**CREATE_ONE, **given}, environ)
    assert message.startswith(said)


def test_secret_that_is_given_empty_counts_as_not_given() -> None:
    assert resolve_as_ansible_does({**CREATE_ONE, "key": ""})["key"] == ""


def test_short_secret_met_on_the_way_is_not_registered() -> None:
    """Masking it would make every message unreadable."""
    task = resolve_as_ansible_does(CREATE_ONE)
    for text in (" ", "a", "ab", " ab "):
        task.hide(text)
    assert task.secrets == set()


@pytest.mark.parametrize(("given", "expected"), [(["a ", " b", ""], ["a", "b"]), (["", " "], None), ([], None)])
def test_padded_and_empty_words_of_a_list_are_what_a_template_leaves_behind(given: list[str], expected: list[str] | None) -> None:
    assert resolve_as_ansible_does({"operation": INSPECT_ALL, "status": given})["status"] == expected


@pytest.mark.parametrize("nothing", [{"status": []}, {"status": [""]}, {"name_filter": ""}])
def test_filter_that_is_empty_selects_nothing_in_vain(nothing: dict[str, Any]) -> None:
    assert resolve_as_ansible_does({"operation": DELETE, "name": "one", **nothing}).operation == DELETE


def test_everything_that_is_wrong_is_in_one_message() -> None:
    message = problem_of({"operation": DELETE, "disk": "a", "volume": "b", "only_beta": "x", "family": "f", "retries": -1}, {})
    for part in (
        "disk and volume are one option",
        "no option only_beta",
        "option family",
        "retries must be",
        "needs the option address",
        "needs one of: name, uid",
    ):
        assert len(re.findall(part, message)) == 1, part


def test_task_has_every_option_of_the_provider_and_none_of_another() -> None:
    task = resolve_as_ansible_does(CREATE_ONE)
    assert set(task.options) == {*COMMON, *PROVIDERS["alpha"]}


def test_check_mode_reaches_the_task() -> None:
    assert resolve_as_ansible_does(CREATE_ONE, check_mode=True).check_mode is True
    assert resolve_as_ansible_does(CREATE_ONE).check_mode is False


def test_same_warning_is_given_once() -> None:
    task = resolve_as_ansible_does(CREATE_ONE)
    task.warn("once")
    task.warn("once")
    assert task.warnings == ["once"]


@pytest.mark.parametrize("option", ["name", "uid"])
def test_name_or_uid_on_inspect_all_is_a_warning(option: str) -> None:
    task = resolve_as_ansible_does({"operation": INSPECT_ALL, option: "x"})
    assert len(task.warnings) == 1
    assert f"does not use the option {option}" in task.warnings[0]
