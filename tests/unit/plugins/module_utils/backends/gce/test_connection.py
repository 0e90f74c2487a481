# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options of Compute Engine: what is refused before the first request, and what reaches the client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce import connection
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.gce.session import Credentials
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import InvalidRequest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter
from ansible_collections.multicloud.recovery.plugins.module_utils.transport.http import Tls

KEY = {"type": "service_account", "client_email": "robot@p", "private_key": "PRIVATE-KEY-TEXT", "private_key_id": "abc", "token_uri": "https://t"}
DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("zone", "service_account_file", "service_account_contents", "access_token", "api_url", "ca_path", "client_cert", "client_key")),
    "project_id": "p-1",
    "request_timeout": 30,
    "retries": 5,
    "validate_certs": True,
}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the client was made with by the last ``connect``."""
    seen: dict[str, Any] = {}
    monkeypatch.setattr(connection, "GceClient", lambda project, **options: seen.update(options, project=project))
    return seen


def connect(**options: Any) -> Task:
    task = Task("snapshot", "INSPECT_ALL", "gce", {**DEFAULTS, **options})
    connection.connect(task, Waiter(60, 15))
    return task


def test_options_reach_the_client(given: dict[str, Any], tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("")
    files = {"ca_path": str(tmp_path / "ca"), "client_cert": str(tmp_path / "cert"), "client_key": str(tmp_path / "key")}
    connect(**files, validate_certs=False, retries=2, request_timeout=7)
    assert (given["project"], given["api_url"], given["timeout_s"], given["retry"].retries) == ("p-1", None, 7, 2)
    assert given["tls"] == Tls(False, files["ca_path"], files["client_cert"], files["client_key"])
    assert given["credentials"] == Credentials()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://gce:8443/", "https://gce:8443"),
        (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080"),
        ("compute-psc.p.googleapis.com", "https://compute-psc.p.googleapis.com"),
        ("localhost:8080", "https://localhost:8080"),
        ("https://compute.googleapis.com/compute/v1/", "https://compute.googleapis.com"),
        ("https://gate/gce", "https://gate/gce"),
    ],
)
def test_address_is_brought_into_one_form(given: dict[str, Any], url: str, address: str) -> None:
    assert connect(api_url=url).warnings == []
    assert given["api_url"] == address


def test_token_over_plain_http_is_warned_of(given: dict[str, Any]) -> None:
    assert "http://" in " ".join(connect(api_url="http://gce.example.com").warnings)


@pytest.mark.parametrize(
    "url", ["ftp://gce", "https://", "https://gce:0", "https://gce:99999", "https://gce?a=b", "https://gce#a", "https://me:pass@gce", "https://[x"]
)
def test_address_that_is_none_is_refused(given: dict[str, Any], url: str) -> None:
    with pytest.raises(InvalidRequest, match="api_url") as failure:
        connect(api_url=url)
    assert "pass@" not in failure.value.message
    assert given == {}


@pytest.mark.parametrize("project", ["p-1", "example.com:p", "123456"])
def test_project_is_taken(given: dict[str, Any], project: str) -> None:
    connect(project_id=f" {project} ")
    assert given["project"] == project


@pytest.mark.parametrize("project", ["", "a/b", "My Project", "projects/p"])
def test_project_that_cannot_be_one_is_refused(given: dict[str, Any], project: str) -> None:
    with pytest.raises(InvalidRequest, match="project_id"):
        connect(project_id=project)


@pytest.mark.parametrize("contents", [KEY, json.dumps(KEY), {key: value for key, value in KEY.items() if key != "type"}])
def test_key_is_taken_as_text_and_as_a_dictionary_and_kept_secret(given: dict[str, Any], contents: Any) -> None:
    task = connect(service_account_contents=contents)
    assert given["credentials"].service_account["client_email"] == "robot@p"
    assert {"PRIVATE-KEY-TEXT", "abc"} <= task.secrets


def test_key_is_read_from_its_file(given: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(KEY))
    task = connect(service_account_file=str(file))
    assert given["credentials"] == Credentials(KEY)
    assert "PRIVATE-KEY-TEXT" in task.secrets


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ("{PRIVATE", "no JSON"),
        ('["PRIVATE"]', "no JSON object"),
        (["PRIVATE"], "no JSON object"),
        (json.dumps({**KEY, "type": "authorized_user"}), "GOOGLE_APPLICATION_CREDENTIALS"),
        ({**KEY, "client_email": "", "token_uri": 1}, "client_email, token_uri missing"),
        ({"private_key": "PRIVATE"}, "client_email, token_uri missing"),
    ],
)
@pytest.mark.parametrize("way", ["contents", "file"])
def test_key_that_is_none_is_refused_without_quoting_it(given: dict[str, Any], contents: Any, said: str, way: str, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(contents if isinstance(contents, str) else json.dumps(contents))
    with pytest.raises(InvalidRequest, match=said) as failure:
        connect(**({"service_account_contents": contents} if way == "contents" else {"service_account_file": str(file)}))
    assert "PRIVATE" not in failure.value.message
    assert given == {}


def test_key_file_that_cannot_be_read_is_refused(given: dict[str, Any], tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, said in ((tmp_path / "none.json", "No such file"), (tmp_path, "Is a directory"), (binary, "no text")):
        with pytest.raises(InvalidRequest, match=said):
            connect(service_account_file=str(path))


def test_token_is_taken_without_its_surroundings(given: dict[str, Any]) -> None:
    connect(access_token=" ya29.abc\n")
    assert given["credentials"] == Credentials(access_token="ya29.abc")


@pytest.mark.parametrize("token", [" ", "\n", "a b", "a\nb", "tökén"])
def test_token_that_cannot_be_sent_is_refused_without_quoting_it(given: dict[str, Any], token: str) -> None:
    with pytest.raises(InvalidRequest, match="access_token") as failure:
        connect(access_token=token)
    assert not token.strip() or token not in failure.value.message


def test_two_ways_of_logging_in_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="service_account_contents and access_token"):
        connect(access_token="t", service_account_contents=KEY)


@pytest.mark.parametrize("option", ["ca_path", "client_cert", "client_key"])
def test_tls_file_that_is_not_there_is_refused(given: dict[str, Any], option: str, tmp_path: Path) -> None:
    there = tmp_path / "cert"
    there.write_text("")
    with pytest.raises(InvalidRequest, match=f"{option} /nowhere"):
        connect(**{"client_cert": str(there), option: "/nowhere"})


def test_client_key_without_a_certificate_is_refused(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="client_key is given without client_cert"):
        connect(client_key=str(tmp_path))
