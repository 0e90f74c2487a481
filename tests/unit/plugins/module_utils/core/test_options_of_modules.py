# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for options, DESIGN.md section 2, on the specifications that the modules really have."""

from __future__ import annotations

import importlib
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import argument_spec
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import INSPECT_ALL
from ansible_collections.multicloud.recovery.plugins.module_utils.core.options import COMMON, Option

MODULES = sorted(path.stem for path in (pathlib.Path(__file__).parents[5] / "plugins" / "modules").glob("[!_]*.py"))
DESIGNED = {"backup", "restore", "snapshot", "image_convert"}

# What PyYAML and YAML 1.1 read as a boolean.
_BOOLEAN_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false"}
# What ansible-test looks for; it has a list of exceptions, which we do without.
_LOOKS_SECRET = re.compile(r"pass(?!ive)|secret|token|key", re.IGNORECASE)

# DESIGN.md, the table "Connection": option and its variables, the first set one wins.
CONNECTION: dict[str, dict[str, tuple[str, ...]]] = {
    "px_backup": {"api_url": ("PX_BACKUP_API_URL",), "token": ("PX_BACKUP_TOKEN",), "org_id": ("PX_BACKUP_ORG_ID",)},
    "gce": {
        "project_id": ("GCP_PROJECT",),
        "zone": ("GCP_ZONE",),
        "region": ("GCP_REGION",),
        "service_account_file": ("GCP_SERVICE_ACCOUNT_FILE",),
        "service_account_contents": ("GCP_SERVICE_ACCOUNT_CONTENTS",),
        "access_token": ("GCP_ACCESS_TOKEN",),
        "api_url": ("GCE_API_URL",),
    },
    "ibm_vpc": {
        "ibmcloud_api_key": ("IBMCLOUD_API_KEY", "IC_API_KEY"),
        "region": ("IC_REGION",),
        "api_url": ("IBMCLOUD_IS_NG_API_ENDPOINT",),
        "iam_url": ("IBMCLOUD_IAM_API_ENDPOINT",),
    },
    "alibaba_ecs": {
        "region": ("ALIBABA_CLOUD_REGION_ID", "ALICLOUD_REGION"),
        "api_url": ("ALIBABA_ECS_API_URL",),
        "sts_url": ("ALIBABA_STS_API_URL",),
    },
}
SECRETS = {
    "px_backup": {"token", "password"},
    "gce": {"service_account_contents", "access_token"},
    "ibm_vpc": {"ibmcloud_api_key"},
    "alibaba_ecs": {"access_key_secret", "security_token"},
}


def options_of(module: str) -> dict[str, Mapping[str, Option]]:
    backends = importlib.import_module(f"ansible_collections.multicloud.recovery.plugins.modules.{module}").BACKENDS
    return {provider: backend.OPTIONS for provider, backend in backends.items()}


def every_option(spec: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Every option and suboption: path, name, specification."""
    for name, option in spec.items():
        yield f"{path}{name}", name, option
        yield from every_option(option.get("options", {}), f"{path}{name}.")


def boolean_choices(spec: Mapping[str, Any]) -> list[str]:
    return [f"{path}: {choice}" for path, _name, option in every_option(spec) for choice in option.get("choices", ()) if str(choice).lower() in _BOOLEAN_WORDS]


def undecided_secrets(spec: Mapping[str, Any]) -> list[str]:
    return [path for path, name, option in every_option(spec) if _LOOKS_SECRET.search(name) and "no_log" not in option and option.get("type") != "bool"]


PAIRS = [(module, provider) for module in MODULES for provider in options_of(module)]


def test_modules_are_those_of_the_design() -> None:
    assert MODULES
    assert set(MODULES) <= DESIGNED


@pytest.mark.parametrize("module", MODULES)
def test_providers_of_a_module_agree_on_the_options_they_share(module: str) -> None:
    assert argument_spec(options_of(module), None)


@pytest.mark.parametrize("module", MODULES)
def test_no_choice_is_read_as_a_boolean_by_yaml(module: str) -> None:
    assert boolean_choices(argument_spec(options_of(module), None)) == []


@pytest.mark.parametrize("module", MODULES)
def test_option_that_looks_secret_says_whether_it_is(module: str) -> None:
    assert undecided_secrets(argument_spec(options_of(module), None)) == []


def test_checks_of_specifications_can_fail() -> None:
    spec = {
        "a": {"choices": ["on", "half"]},
        "b": {"type": "dict", "options": {"api_key": {"type": "str"}, "c": {"choices": ["No"]}}},
        "use_token": {"type": "bool"},
    }
    assert boolean_choices(spec) == ["a: on", "b.c: No"]
    assert undecided_secrets(spec) == ["b.api_key"]


@pytest.mark.parametrize("module", MODULES)
def test_choices_of_booleans_are_booleans(module: str) -> None:
    for path, _name, option in every_option(argument_spec(options_of(module), None)):
        if isinstance(option.get("default"), bool):
            assert option["type"] == "bool", path


@pytest.mark.parametrize(("module", "provider"), PAIRS)
def test_connection_options_have_the_variables_of_the_design(module: str, provider: str) -> None:
    options = options_of(module)[provider]
    assert {name: options[name].env for name in CONNECTION[provider]} == CONNECTION[provider]


@pytest.mark.parametrize("module", MODULES)
def test_credentials_of_alibaba_come_from_both_families_of_variables(module: str) -> None:
    options = options_of(module).get("alibaba_ecs", {})
    for name in {"access_key_id", "access_key_secret", "security_token"} if options else ():
        first, *others = options[name].env
        assert first == f"ALIBABA_CLOUD_{name.upper()}"
        assert any(variable.startswith("ALICLOUD_") for variable in others), name


@pytest.mark.parametrize(("module", "provider"), PAIRS)
def test_secrets_of_the_connection_are_secret(module: str, provider: str) -> None:
    options = options_of(module)[provider]
    assert [name for name in SECRETS[provider] if not options[name].secret] == []


@pytest.mark.parametrize(("module", "provider"), PAIRS)
def test_no_option_reads_the_variables_of_another_provider(module: str, provider: str) -> None:
    prefixes = {"px_backup": "PX_BACKUP_", "gce": ("GCP_", "GCE_", "GOOGLE_"), "ibm_vpc": ("IBMCLOUD_", "IC_"), "alibaba_ecs": ("ALIBABA_", "ALICLOUD_")}
    variables = [variable for option in options_of(module)[provider].values() for variable in option.env]
    assert [variable for variable in variables if not variable.startswith(prefixes[provider])] == []


@pytest.mark.parametrize(("module", "provider"), PAIRS)
def test_required_options_are_used_by_the_operations_that_require_them(module: str, provider: str) -> None:
    wrong = [name for name, option in options_of(module)[provider].items() if not set(option.required_for) <= set(option.operations)]
    assert wrong == []


@pytest.mark.parametrize(("module", "provider"), PAIRS)
def test_filters_of_inspect_all_would_be_refused_on_delete(module: str, provider: str) -> None:
    options = {**COMMON, **options_of(module)[provider]}
    filters = [name for name, option in options.items() if option.operations == (INSPECT_ALL,) and (name.endswith("_filter") or name in ("status", "owners"))]
    assert [name for name in filters if not options[name].selects] == []


@pytest.mark.parametrize(("module", "provider"), PAIRS)
def test_number_has_bounds_that_its_default_keeps(module: str, provider: str) -> None:
    """A typing mistake of a few digits must not hold a lock for thirty years, nor a task for ever."""
    numbers = {name: option for name, option in {**COMMON, **options_of(module)[provider]}.items() if option.type == "int"}
    assert numbers
    for name, option in numbers.items():
        assert option.minimum is not None, name
        assert option.maximum is not None, name
        assert option.minimum <= option.spec.get("default", option.minimum) <= option.maximum, name


@pytest.mark.parametrize(("module", "provider"), PAIRS)
def test_options_that_work_on_many_targets_bring_the_bound_on_parallel_work(module: str, provider: str) -> None:
    options = options_of(module)[provider]
    if "vm_names" in options:
        assert options["max_parallel"].spec["default"] == 16
        assert options["max_parallel"].minimum == 1
