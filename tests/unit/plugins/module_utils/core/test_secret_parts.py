# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret dictionary hides its secrets, and not the names that stand beside them."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.model import CREATE
from ansible_collections.multicloud.recovery.plugins.module_utils.core.options import Option, public_parts

from tests.unit.fakes import OPTIONS, Controller, FakeBackend, World

ACCOUNT = {"project_id": "shop-production", "private_key": "hush-hush", "private_key_id": 4711, "type": "service_account"}
PARTED = Option(type="raw", secret=True, secret_parts=("private_key", "private_key_id"))
WHOLE = Option(type="dict", secret=True)


class Backend(FakeBackend):
    OPTIONS: ClassVar[Any] = {**OPTIONS, "account": PARTED, "keys": WHOLE}
    world = World()


@pytest.fixture
def controller(capsys: pytest.CaptureFixture[str]) -> Controller:
    return Controller(capsys)


def test_only_the_secret_parts_are_masked(controller: Controller) -> None:
    ended = controller.run({"fake": Backend}, operation=CREATE, name="shop-production", account=ACCOUNT)
    assert ended.result["restore"]["name"] == "shop-production"
    assert ended.result["invocation"]["module_args"]["account"]["project_id"] == "shop-production"
    assert "hush-hush" not in ended.printed
    assert "4711" not in ended.printed


def test_text_is_masked_as_a_whole(controller: Controller) -> None:
    ended = controller.run({"fake": Backend}, operation=CREATE, name="shop-production", account=json.dumps(ACCOUNT))
    assert ended.result["restore"]["name"] == "shop-production"
    assert "hush-hush" not in ended.printed


def test_dictionary_without_named_parts_is_masked_in_all_of_them(controller: Controller) -> None:
    ended = controller.run({"fake": Backend}, operation=CREATE, name="data", keys={"data-disk": "c2VjcmV0"})
    assert "c2VjcmV0" not in ended.printed


SHORT = {"boot": "QUJD" * 11, "disks": [{"key": {"rawKey": "REVG" * 11}}], "size": 10, "mode": "rw", "on": True}


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("verbosity", [0, 3])
def test_every_secret_within_a_dictionary_is_masked_also_when_it_is_given_as_text(controller: Controller, text: bool, verbosity: int) -> None:
    keys: Any = json.dumps(SHORT) if text else SHORT
    ended = controller.run({"fake": Backend}, operation=CREATE, name="data", keys=keys, _ansible_verbosity=verbosity)
    assert "QUJD" not in ended.printed
    assert "REVG" not in ended.printed
    assert ended.result["restore"]["name"] == "data"


@pytest.mark.parametrize("text", ["boot=QUJDREVG data=R0hJSktM", "boot=QUJDREVG,data=R0hJSktM"])
def test_secrets_given_as_pairs_in_a_text_are_masked(controller: Controller, text: str) -> None:
    ended = controller.run({"fake": Backend}, operation=CREATE, name="data", keys=text)
    assert ended.exit_code == 0
    assert "QUJDREVG" not in ended.printed
    assert "R0hJSktM" not in ended.printed


@pytest.mark.parametrize("keys", ['{"boot": "QUJDREVG", "deep": {"data": ["R0hJSktM"]}}', "boot=QUJDREVG data=R0hJSktM"])
def test_secrets_are_masked_also_when_another_option_is_wrong(controller: Controller, keys: str) -> None:
    """Ansible leaves with all parameters then, before the module has begun."""
    ended = controller.run({"fake": Backend}, operation="MAKE", name="data", keys=keys)
    assert ended.exit_code == 1
    assert "value of operation must be one of" in ended.result["msg"]
    assert "QUJDREVG" not in ended.printed
    assert "R0hJSktM" not in ended.printed


@pytest.mark.parametrize("keys", ['{"boot": "QUJDREVG"', "boot QUJDREVG", "[QUJDREVG]", ["QUJDREVG"], 4711471147114711])
def test_what_is_no_dictionary_is_not_shown_either(controller: Controller, keys: Any) -> None:
    ended = controller.run({"fake": Backend}, operation=CREATE, name="data", keys=keys)
    assert ended.exit_code == 1
    assert "QUJDREVG" not in ended.printed
    assert "4711471147114711" not in ended.printed


@pytest.mark.parametrize("depth", ["nested", "as text"])
def test_secret_parts_are_found_at_any_depth(controller: Controller, depth: str) -> None:
    deep: Any = {"vm": {"name": "shop-production", "keys": [{"private_key": "hush-hush"}]}, "private_key": {"of": ["many-words"]}}
    ended = controller.run({"fake": Backend}, operation=CREATE, name="shop-production", account=json.dumps(deep) if depth == "as text" else deep)
    assert ended.result["restore"]["name"] == "shop-production"
    assert "hush-hush" not in ended.printed
    assert "many-words" not in ended.printed


@pytest.mark.parametrize("token", [" ", "  \n", "a", "ab"])
@pytest.mark.parametrize("operation", [CREATE, "MAKE"])
def test_secret_that_is_too_short_masks_nothing_and_is_not_shown(controller: Controller, token: str, operation: str) -> None:
    ended = controller.run({"fake": Backend}, operation=operation, name="a cab", token=token)
    assert ended.exit_code == 1
    expected = (
        'Failed to create restore "a cab": token '
        if operation == CREATE
        else "value of operation must be one of: CREATE, DELETE, INSPECT_ONE, INSPECT_ALL, got: MAKE"
    )
    assert expected in ended.result["msg"]
    arguments = ended.result["invocation"]["module_args"]
    assert (arguments["token"], arguments["name"]) == ("VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "a cab")


def test_secret_within_a_secret_that_is_too_short_masks_nothing(controller: Controller) -> None:
    ended = controller.run({"fake": Backend}, operation=CREATE, name="a cab", keys={"boot": " ", "data": "ab", "size": 1})
    assert ended.result["restore"]["name"] == "a cab"


@pytest.mark.parametrize("value", [None, "text", {}, {"private_key": "shop-production"}])
def test_what_is_a_secret_anywhere_stays_one(value: Any) -> None:
    assert public_parts(
        {"a": {"account": PARTED}, "b": {"other": PARTED}}, {"account": {"private_key": "x", "project_id": "shop-production"}, "other": value}
    ) == (set() if isinstance(value, dict) and value else {"shop-production"})
