# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the connection of every provider checks alike: addresses, TLS files and credentials. No message quotes a credential."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .arguments import CONTROL, Task
from .errors import InvalidRequest
from .secrets import url_secrets


def hide_password(task: Task, url: str) -> None:
    """Register the password of an address as a secret, to be called before anything is said of the address."""
    for secret in url_secrets(url):
        task.hide(secret)


def check_address(option: str, url: str, *, instead: str) -> SplitResult:
    """The parts of an address that has a scheme. Raises InvalidRequest; ``instead`` names the options for what must not be in an address."""
    try:
        parts = urlsplit(url)
        port = parts.port
        if CONTROL.search(url):  # urlsplit drops line breaks.
            raise ValueError
    except ValueError:
        raise InvalidRequest(f"{option} is no URL of the form https://host:port.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise InvalidRequest(f"{option} must be a URL of the form https://host:port.")
    if parts.username or parts.password:
        raise InvalidRequest(f"{option} must not contain a user name or password: use {instead}.")
    if parts.query or parts.fragment:
        raise InvalidRequest(f"{option} must not contain a query or a fragment.")
    return parts


def check_tls_files(paths: Mapping[str, Any]) -> None:
    """Raise InvalidRequest unless the files that ``ca_path``, ``client_cert`` and ``client_key`` name can be read; None names none."""
    if paths["client_key"] and not paths["client_cert"]:
        raise InvalidRequest("client_key is given without client_cert.")
    for name in ("ca_path", "client_cert", "client_key"):
        path = paths[name]
        if path and not os.access(path, os.R_OK):
            raise InvalidRequest(f"{name} {path} does not exist or cannot be read.")


def one_word(option: str, value: Any) -> str:
    """A token without the line break or blanks around it, which files and templates leave; empty for nothing. Raises InvalidRequest for more than a word."""
    word = str(value or "").strip()
    if not (word.isascii() and word.isprintable()) or " " in word:
        raise InvalidRequest(f"{option} must be one word of printable ASCII characters: it holds a space, a line break or another character.")
    return word


def one_line(option: str, value: Any) -> str:
    """A user name or password as it is. Raises InvalidRequest for line breaks and other control characters, which nobody types."""
    text = str(value)
    if CONTROL.search(text):
        raise InvalidRequest(f"{option} must be one line: it holds, or ends with, a line break or another control character.")
    return text
