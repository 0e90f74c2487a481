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


@pytest.mark.parametrize("value", [None, "text", {}, {"private_key": "shop-production"}])
def test_what_is_a_secret_anywhere_stays_one(value: Any) -> None:
    assert public_parts(
        {"a": {"account": PARTED}, "b": {"other": PARTED}}, {"account": {"private_key": "x", "project_id": "shop-production"}, "other": value}
    ) == (set() if isinstance(value, dict) and value else {"shop-production"})
