# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every form in which a secret could show up is known, and Ansible masks it."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable

import pytest
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.multicloud.recovery.plugins.module_utils.core.secrets import all_forms, encoded_forms, environment_secrets, url_secrets

MASK = "*" * 8
TOKENS = ["plain-Token", "to+ken", "to/ken", "to=ken==x", "to%ken", "to%2Fken", 'to"ken', "to'ken", "to\\ken", "to ken", "tokün", "a+b/c=d%e\"f'g\\h i ü?&k"]


def _lower_percent(text: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "-._~") else "".join(f"%{byte:02x}" for byte in char.encode()) for char in text)


ENCODERS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "percent": lambda text: urllib.parse.quote(text, safe=""),
    "percent, slash kept": urllib.parse.quote,
    "percent, lower case": _lower_percent,
    "form": lambda text: urllib.parse.urlencode({"k": text})[2:],
    "form, lower case": lambda text: _lower_percent(text).replace("%20", "+"),
    "json": lambda text: json.dumps(text)[1:-1],
    "json, non-ASCII kept": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json, slash escaped": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "json, slash escaped, non-ASCII kept": lambda text: json.dumps(text, ensure_ascii=False)[1:-1].replace("/", "\\/"),
    "repr": lambda text: repr(text)[1:-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("token", TOKENS)
def test_ansible_masks_every_form_of_a_secret(token: str, encoder: str) -> None:
    written = ENCODERS[encoder](token)
    masked = remove_values(f"said <{written}> to it", encoded_forms(token))
    assert masked == f"said <{MASK}> to it"


def test_json_as_servers_written_in_go_write_it_is_masked() -> None:
    """PX-Backup is one: encoding/json of Go escapes what would be special in HTML."""
    assert remove_values("said <to\\u0026k\\u003ce\\u003en> to it", encoded_forms("to&k<e>n")) == f"said <{MASK}> to it"


def test_forms_written_by_hand_are_known() -> None:
    expected = {
        "a+b/ü",
        "a%2Bb%2F%C3%BC",
        "a%2bb%2f%c3%bc",
        "a%2Bb/%C3%BC",
        "a+b/\\u00fc",
        "a+b\\/\\u00fc",
        "a+b\\/ü",
        "YStiL8O8",
    }
    assert expected <= encoded_forms("a+b/ü")
    assert "c3ViamVjdD8_" in encoded_forms("subject??")
    assert "c3ViamVjdD8/" in encoded_forms("subject??")
    assert 'it\\\'s "x"' in encoded_forms('it\'s "x"')


@pytest.mark.parametrize("surrounded", ["token\n", " token", "\ttoken \r\n"])
def test_secret_is_known_without_the_white_space_around_it(surrounded: str) -> None:
    assert "token" in encoded_forms(surrounded)
    assert "token" not in remove_values("Bearer token.", encoded_forms(surrounded))


@pytest.mark.parametrize("encoder", ["percent", "form", "json", "base64", "base64 for URLs"])
def test_stripped_secret_is_known_in_every_form(encoder: str) -> None:
    """A token read from a file ends with a line break; what is sent is the token without it."""
    written = ENCODERS[encoder]("to+k/en?ü")
    assert written in encoded_forms("to+k/en?ü\n")


@pytest.mark.parametrize("nothing", ["", " ", "\n"])
def test_empty_text_is_never_a_form(nothing: str) -> None:
    """It would stand between any two characters."""
    assert "" not in all_forms([nothing])


@pytest.mark.parametrize("nothing", [" ", "\n", " \t "])
def test_white_space_is_no_secret(nothing: str) -> None:
    """Masking it would make every message unreadable."""
    assert all_forms([nothing]) == set()


def test_secret_that_iso_8859_1_cannot_write_leaves_no_fragment_of_it_as_a_form() -> None:
    assert "MQ==" not in encoded_forms("\u043f\u0430\u04401")


def test_base64_without_padding_is_masked() -> None:
    assert "dG9rZW4xMjM0" in encoded_forms("token1234")
    assert "dG9rZW4xMjM" in encoded_forms("token123")


def test_all_forms_are_the_forms_of_all() -> None:
    assert all_forms(["a+b", "", "c/d"]) == encoded_forms("a+b") | encoded_forms("c/d")


def test_values_and_lists_within_results_are_masked() -> None:
    result = {"before": {"tags": ["x to%2Fken y"]}, "list": [{"deep": "to\\/ken"}]}
    assert remove_values(result, encoded_forms("to/ken")) == {"before": {"tags": [f"x {MASK} y"]}, "list": [{"deep": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}]}


# Proxies


@pytest.mark.parametrize("url", ["http://user:pa%2Fss@proxy.example:3128", "user:pa%2Fss@proxy.example:3128", "socks5h://user:pa%2Fss@proxy.example"])
def test_password_of_a_url_is_known_as_written_decoded_and_in_pairs(url: str) -> None:
    assert url_secrets(url) == {"pa%2Fss", "pa/ss", "user:pa/ss", "user:pa%2Fss"}


@pytest.mark.parametrize("url", ["", "http://proxy.example:3128", "proxy.example", "http://user@proxy.example", "http://user:@proxy.example"])
def test_url_without_password_hides_nothing(url: str) -> None:
    assert url_secrets(url) == set()


def test_user_and_host_of_a_url_are_no_secrets() -> None:
    secrets = url_secrets("http://user:pass@proxy.example:3128")
    assert "user" not in secrets
    assert not any("proxy.example" in secret for secret in secrets)


def test_password_of_a_url_that_cannot_be_parsed_is_hidden_with_its_user() -> None:
    assert url_secrets("http://user:pa[ss@proxy.example:3128") == {"user:pa[ss"}
    assert MASK in remove_values("cannot parse http://user:pa[ss@proxy.example:3128", all_forms(url_secrets("http://user:pa[ss@proxy.example:3128")))


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
def test_passwords_of_all_proxy_variables_are_known(variable: str) -> None:
    assert "hunter2" in environment_secrets({variable: "http://user:hunter2@proxy.example"})


def test_other_variables_are_not_read() -> None:
    assert environment_secrets({"HOME": "http://user:hunter2@proxy.example", "no_proxy": "user:hunter2@x"}) == set()


@pytest.mark.parametrize("password", ["pass", "p+a/s=s", "p%a", "påss"])
def test_basic_authentication_with_a_proxy_is_masked(password: str) -> None:
    quoted = urllib.parse.quote(password, safe="")
    header = "Basic " + base64.b64encode(f"user:{password}".encode()).decode()
    forms = all_forms(environment_secrets({"https_proxy": f"http://user:{quoted}@proxy.example"}))
    assert remove_values(f"Proxy-Authorization: {header};", forms) == f"Proxy-Authorization: Basic {MASK};"


def test_basic_authentication_as_requests_sends_it_is_masked() -> None:
    """The library encodes user and password in ISO 8859-1, not in UTF-8."""
    auth = pytest.importorskip("requests.auth")
    header = auth._basic_auth_str("user", "påss")
    forms = all_forms(environment_secrets({"https_proxy": "http://user:p%C3%A5ss@proxy.example"}))
    assert remove_values(f"Proxy-Authorization: {header};", forms) == f"Proxy-Authorization: Basic {MASK};"
