# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options: what is refused before the first request, what is warned of, and what is kept secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.px_backup import connection
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.px_backup.client import Login
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import InvalidRequest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.http import Tls

from tests.unit.plugins.module_utils.backends.px_backup.bench import bench

LOGIN = {"auth_url": "https://login", "username": "operator", "password": "pass/wörd"}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the client was made with by the last ``connect``."""
    seen: dict[str, Any] = {}

    def client(api_url: str, org_id: str, **options: Any) -> None:
        seen.update(options, api_url=api_url, org_id=org_id)

    monkeypatch.setattr(connection, "PxBackupClient", client)
    return seen


def connect(**options: Any) -> Task:
    task = bench("restore").task("INSPECT_ALL")
    task = Task(task.resource, task.operation, task.provider, {**task.options, **options}, warnings=[], secrets=set())
    connection.connect(task, Waiter(60, 15))
    return task


@pytest.mark.parametrize(
    ("url", "address"), [("https://px:10001", "https://px:10001"), ("https://px:10001/", "https://px:10001"), (" http://px/base/ ", "http://px/base")]
)
def test_address_is_taken_without_its_last_slash(given: dict[str, Any], url: str, address: str) -> None:
    assert connect(api_url=url).warnings == []
    assert given["api_url"] == address


def test_address_without_a_scheme_is_http_with_a_warning(given: dict[str, Any]) -> None:
    assert "http:// is assumed" in " ".join(connect(api_url="px.example.com:10001").warnings)
    assert given["api_url"] == "http://px.example.com:10001"


@pytest.mark.parametrize(
    "url", ["ftp://px", "https://", "https://px:port", "https://px:0", "https://px?x=1", "https://px#x", "https://[::1", "https://px:99999"]
)
def test_address_that_is_none_is_refused(given: dict[str, Any], url: str) -> None:
    with pytest.raises(InvalidRequest, match="api_url"):
        connect(api_url=url)
    assert given == {}


def test_address_with_a_password_is_refused_and_the_password_hidden(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="user name or password") as raised:
        connect(api_url="https://operator:s3cret@px")
    assert "s3cret" not in raised.value.message


@pytest.mark.parametrize("org_id", ["a/b", ".", "..", "/", "a\n", "a\x00b"])
def test_organization_that_no_path_can_carry_is_refused(given: dict[str, Any], org_id: str) -> None:
    with pytest.raises(InvalidRequest, match="org_id"):
        connect(org_id=org_id)


@pytest.mark.parametrize("token", ["Bearer T", "T\nX", "Tö", "a b"])
def test_token_that_no_header_can_carry_is_refused_and_not_shown(given: dict[str, Any], token: str) -> None:
    with pytest.raises(InvalidRequest, match="token must be one word") as raised:
        connect(token=token)
    assert token not in raised.value.message


def test_line_break_after_a_token_is_forgiven(given: dict[str, Any]) -> None:
    connect(token=" the-token\r\n")
    assert given["token"] == "the-token"


@pytest.mark.parametrize("option", ["username", "password"])
def test_line_break_after_a_user_name_or_password_is_refused(given: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{option} must be one line"):
        connect(token=None, **{**LOGIN, option: "hunter22\n"})
    assert given == {}


def test_requests_end_with_the_task(given: dict[str, Any]) -> None:
    waiter = Waiter(60, 15)
    task = connect()
    connection.connect(task, waiter)
    waiter.cancel()
    assert given["retry"].cancelled()


def test_login_instead_of_a_token(given: dict[str, Any]) -> None:
    connect(token=None, **LOGIN)
    assert (given["token"], given["login"]) == (None, Login("https://login", "operator", "pass/wörd"))


def test_token_and_login_together(given: dict[str, Any]) -> None:
    connect(**LOGIN)
    assert given["token"] == "the-token"
    assert given["login"] is not None


@pytest.mark.parametrize("missing", [["auth_url"], ["username"], ["password"], ["auth_url", "username", "password"]])
def test_missing_credentials_are_named_with_their_variables(given: dict[str, Any], missing: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="PX_BACKUP_TOKEN.*PX_BACKUP_AUTH_URL") as raised:
        connect(token=None, **{**LOGIN, **dict.fromkeys(missing)})
    assert (f"({', '.join(missing)} missing)" in raised.value.message) == (len(missing) < 3)


def test_fetched_tokens_are_hidden(given: dict[str, Any]) -> None:
    task = connect(**LOGIN)
    given["on_secret"]("fetched/token")
    assert {"fetched/token", "fetched%2Ftoken"} <= task.secrets


@pytest.mark.parametrize("spelling", ["options", "ssl_config"])
def test_tls_options_in_both_spellings(given: dict[str, Any], tmp_path: Path, spelling: str) -> None:
    file = tmp_path / "x.pem"
    file.write_text("")
    path = str(file)
    if spelling == "options":
        connect(validate_certs=False, ca_path=path, client_cert=path, client_key=path)
    else:
        connect(ssl_config={"validate_certs": False, "ca_cert": path, "client_cert": path, "client_key": path})
    assert given["tls"] == Tls(False, path, path, path)


def test_tls_is_verified_unless_told_otherwise(given: dict[str, Any]) -> None:
    connect(ssl_config={"validate_certs": None, "ca_cert": None})
    assert given["tls"] == Tls(verify=True)


def test_tls_spellings_that_contradict_each_other_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="contradict"):
        connect(ca_path="/a", ssl_config={"ca_cert": "/b"})


@pytest.mark.parametrize("option", ["ca_path", "client_cert"])
def test_file_that_does_not_exist_is_named(given: dict[str, Any], tmp_path: Path, option: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{option} .*none.pem does not exist"):
        connect(**{option: str(tmp_path / "none.pem")})


def test_key_without_a_certificate_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="client_key is given without client_cert"):
        connect(client_key="/k")
