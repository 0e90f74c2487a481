# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every provider's connection checks: addresses, TLS files and credentials, with nothing secret in a message."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.core.connection import (
    check_address,
    check_tls_files,
    hide_password,
    one_line,
    one_word,
)
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import InvalidRequest

from tests.unit.fakes import fake_task

NO_FILES = {"ca_path": None, "client_cert": None, "client_key": None}


@pytest.mark.parametrize("url", ["https://host", "http://host:10001/base", "https://[::1]:443"])
def test_address_is_given_in_parts(url: str) -> None:
    assert check_address("api_url", url, instead="token").hostname in ("host", "::1")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://host:port", "api_url is no URL of the form https://host:port."),
        ("https://[::1", "api_url is no URL of the form https://host:port."),
        ("https://ho\nst", "api_url is no URL of the form https://host:port."),
        ("https://host/\x00", "api_url is no URL of the form https://host:port."),
        ("ftp://host", "api_url must be a URL of the form https://host:port."),
        ("https://", "api_url must be a URL of the form https://host:port."),
        ("https://host:0", "api_url must be a URL of the form https://host:port."),
        ("https://me:s3cret@host", "api_url must not contain a user name or password: use token."),
        ("https://host?x=1", "api_url must not contain a query or a fragment."),
        ("https://host#x", "api_url must not contain a query or a fragment."),
    ],
)
def test_address_that_is_none_is_refused(url: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as failure:
        check_address("api_url", url, instead="token")
    assert failure.value.message == said


def test_password_of_an_address_is_hidden() -> None:
    task = fake_task("CREATE")
    hide_password(task, "https://me:s3cret@host")
    assert "s3cret" in task.secrets


def test_files_that_can_be_read_are_let_through(tmp_path: Path) -> None:
    file = tmp_path / "a.pem"
    file.write_text("")
    check_tls_files(NO_FILES)
    check_tls_files(dict.fromkeys(NO_FILES, str(file)))


@pytest.mark.parametrize("name", NO_FILES)
def test_file_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=f"{name} /nowhere does not exist or cannot be read"):
        check_tls_files({**NO_FILES, "client_cert": str(tmp_path), name: "/nowhere"})


def test_key_without_its_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="client_key is given without client_cert"):
        check_tls_files({**NO_FILES, "client_key": str(tmp_path)})


@pytest.mark.parametrize(("value", "word"), [("tok", "tok"), (" tok\r\n", "tok"), (None, ""), ("", ""), (" \n", "")])
def test_token_is_taken_without_what_stands_around_it(value: str | None, word: str) -> None:
    assert one_word("token", value) == word


@pytest.mark.parametrize("value", ["Bearer tok", "tok\nX: y", "t\u00f6k", "tok\x00", "tok\tx"])
def test_token_that_no_header_can_carry_is_refused_without_quoting_it(value: str) -> None:
    with pytest.raises(InvalidRequest, match="token must be one word") as failure:
        one_word("token", value)
    assert value not in failure.value.message


@pytest.mark.parametrize("value", ["pass", " pass word ", "p\u00e4ss", 1234])
def test_password_is_taken_as_it_is(value: str | int) -> None:
    assert one_line("password", value) == str(value)


@pytest.mark.parametrize("value", ["pass\n", "pa\rss", "pass\x00", "\tpass"])
def test_password_with_a_line_break_is_refused_without_quoting_it(value: str) -> None:
    with pytest.raises(InvalidRequest, match="password must be one line") as failure:
        one_line("password", value)
    assert "pa" not in failure.value.message.replace("password", "")
