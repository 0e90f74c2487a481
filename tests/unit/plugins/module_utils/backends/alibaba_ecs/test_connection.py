# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options of Alibaba Cloud ECS: what is refused before the first request, and what reaches the client."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs import connection
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.options import CONNECTION
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.alibaba_ecs.credentials import AUTO, METADATA_URL, Credentials, Role
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task, resolve
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import InvalidRequest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.options import COMMON
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.http import Tls

KEY = {"access_key_id": "LTAI-own", "access_key_secret": "s3cret+own"}
FIRST = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI-1", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret-1", "ALIBABA_CLOUD_SECURITY_TOKEN": "token-1"}
SECOND = {"ALICLOUD_ACCESS_KEY": "LTAI-2", "ALICLOUD_SECRET_KEY": "secret-2", "ALICLOUD_SECURITY_TOKEN": "token-2"}
ARN = "acs:ram::123456789012:role/recovery"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the client was made with by the last ``connect``."""
    for name in {variable for option in CONNECTION.values() for variable in option.env} | {"ALIBABA_ECS_METADATA_URL"}:
        monkeypatch.delenv(name, raising=False)
    seen: dict[str, Any] = {}
    monkeypatch.setattr(connection, "AlibabaClient", lambda region, **options: seen.update(options, region=region))
    return seen


def connect(monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str] | None = None, **options: Any) -> Task:
    for name, value in (environ or {}).items():
        monkeypatch.setenv(name, value)
    known = {**COMMON, **CONNECTION}
    params = {**{name: option.spec.get("default") for name, option in known.items()}, "operation": "INSPECT_ALL", "provider": "alibaba_ecs", **options}
    task = resolve("snapshot", params, options, {"alibaba_ecs": CONNECTION}, {"ALIBABA_CLOUD_REGION_ID": "cn-hangzhou", **(environ or {})})
    connection.connect(task, Waiter(60, 15))
    return task


def test_options_reach_the_client(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("")
    files = {"ca_path": str(tmp_path / "ca"), "client_cert": str(tmp_path / "cert"), "client_key": str(tmp_path / "key")}
    task = connect(monkeypatch, **KEY, **files, region="eu-central-1", validate_certs=False, retries=2, request_timeout=7)
    assert (given["region"], given["api_url"], given["timeout_s"], given["retry"].retries) == ("eu-central-1", None, 7, 2)
    assert given["tls"] == Tls(False, files["ca_path"], files["client_cert"], files["client_key"])
    assert given["credentials"] == Credentials("LTAI-own", "s3cret+own")
    assert given["credentials"].metadata_url == METADATA_URL
    assert {"s3cret+own", "s3cret%2Bown"} <= task.secrets
    assert "LTAI-own" not in task.secrets


def test_role_reaches_the_client(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    more = {"role_arn": ARN, "role_session_name": "night", "external_id": "x-1", "role_duration": 900, "sts_url": "https://sts.example.com/"}
    connect(monkeypatch, **KEY, **more)
    assert given["credentials"].role == Role(ARN, "night", "x-1", 900)
    assert given["credentials"].sts_url == "https://sts.example.com"
    connect(monkeypatch, **KEY, role_arn=ARN)
    assert given["credentials"].role == Role(ARN, "multicloud-recovery", "", 3600)


def test_instance_role_reaches_the_client(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, {"ALIBABA_ECS_METADATA_URL": "http://127.0.0.1:99/"}, ecs_ram_role=AUTO)
    assert given["credentials"] == Credentials(ecs_ram_role=AUTO, metadata_url="http://127.0.0.1:99")


def test_environment_is_read_in_order(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    task = connect(monkeypatch, {**SECOND, "ALICLOUD_REGION": "us-west-1"})
    assert given["credentials"] == Credentials("LTAI-2", "secret-2", "token-2")
    task = connect(monkeypatch, {**FIRST, **SECOND})
    assert given["credentials"] == Credentials("LTAI-1", "secret-1", "token-1")
    assert {"secret-1", "token-1"} <= task.secrets
    assert given["region"] == "cn-hangzhou"


def test_token_of_another_key_is_left_out(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    task = connect(monkeypatch, FIRST, **KEY)
    assert given["credentials"] == Credentials("LTAI-own", "s3cret+own")
    assert "ALIBABA_CLOUD_SECURITY_TOKEN is not used" in " ".join(task.warnings)
    monkeypatch.delenv("ALIBABA_CLOUD_SECURITY_TOKEN")
    first = {name: value for name, value in FIRST.items() if "TOKEN" not in name}
    connect(monkeypatch, {**first, **SECOND})
    assert given["credentials"] == Credentials("LTAI-1", "secret-1")


def test_token_beside_the_key_that_the_task_names_is_used(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, FIRST, access_key_id="LTAI-1", access_key_secret="secret-1")
    assert given["credentials"].security_token == "token-1"
    connect(monkeypatch, FIRST, **KEY, security_token="own-token")
    assert given["credentials"].security_token == "own-token"


def test_key_wins_over_the_role_of_the_instance_in_the_environment(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, {**FIRST, "ALIBABA_CLOUD_ECS_METADATA": "vm-role"})
    assert (given["credentials"].access_key_id, given["credentials"].ecs_ram_role) == ("LTAI-1", "")
    connect(monkeypatch, FIRST, ecs_ram_role="vm-role")
    assert (given["credentials"].access_key_id, given["credentials"].ecs_ram_role) == ("", "vm-role")
    with pytest.raises(InvalidRequest, match="access_key_id and ecs_ram_role are given"):
        connect(monkeypatch, **KEY, ecs_ram_role="other-role")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"access_key_id": "a"}, "access_key_id is given without access_key_secret"),
        ({"access_key_secret": "abc"}, "access_key_secret is given without access_key_id"),
        ({"security_token": "abc"}, "security_token is given without"),
        ({**KEY, "security_token": "two words"}, "security_token must be one word"),
        ({**KEY, "region": "Hangzhou"}, "region must be the id of a region"),
        ({**KEY, "region": "cn-hangzhou.evil.com"}, "region must be the id of a region"),
        ({**KEY, "role_arn": "recovery"}, "role_arn must be the ARN"),
        ({**KEY, "role_arn": ARN, "role_session_name": "a b"}, "role_session_name must be"),
        ({**KEY, "role_arn": ARN, "role_duration": 60}, "role_duration must be between 900 and 43200"),
        ({"ecs_ram_role": "a/../b"}, "ecs_ram_role must be the name"),
        ({**KEY, "api_url": "ftp://ecs"}, "api_url must be a URL"),
        ({**KEY, "sts_url": "https://me:pass@sts"}, "sts_url must not contain"),
        ({**KEY, "client_key": "/none"}, "client_key is given without client_cert"),
    ],
)
def test_what_cannot_be_used_is_refused(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as failure:
        connect(monkeypatch, **options)
    assert "pass@" not in failure.value.message
    assert not given


@pytest.mark.parametrize(
    ("url", "address", "warned"),
    [
        ("ecs.cn-hangzhou.aliyuncs.com", "https://ecs.cn-hangzhou.aliyuncs.com", False),
        (" http://127.0.0.1:8080/ ", "http://127.0.0.1:8080", False),
        ("http://ecs.example.com", "http://ecs.example.com", True),
        ("https://gate/ecs/", "https://gate/ecs", False),
    ],
)
def test_address_is_brought_into_one_form(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, url: str, address: str, warned: bool) -> None:
    task = connect(monkeypatch, **KEY, api_url=url, sts_url=url)
    assert (given["api_url"], given["credentials"].sts_url) == (address, address)
    assert ["http://" in warning for warning in task.warnings] == [True, True] * warned


def test_region_that_is_missing_is_named_with_its_variables(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequest, match="region: give it, or set the environment variable ALIBABA_CLOUD_REGION_ID or ALICLOUD_REGION"):
        connect(monkeypatch, {"ALIBABA_CLOUD_REGION_ID": ""}, **KEY)
