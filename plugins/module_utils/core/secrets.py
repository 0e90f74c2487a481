# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and every form in which they could show up in a message, a log or a traceback."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

# What requests does not encode in a path.
_LEFT_BY_REQUESTS = "!#$%&'()*+,/:;=?@[]~"
# What is shorter stands in every message, which masking it would make unreadable.
SHORTEST_SECRET = 3
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def encoded_forms(secret: str) -> set[str]:
    """The secret as it is and without surrounding space, percent-encoded, JSON-escaped, quoted by repr and in base64; never empty."""
    return {form for text in (secret, secret.strip()) if text.strip() for form in _forms(text)}


def _forms(text: str) -> set[str]:
    percent = {quote(text, safe=""), quote(text), quote_plus(text), quote(text, safe=_LEFT_BY_REQUESTS)}
    # Some libraries and servers write the hexadecimal digits of an escape in lower case.
    percent |= {_lower_escapes(form) for form in percent}
    escaped = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    escaped |= {form.replace("/", "\\/") for form in escaped}
    # JSON as Go writes it, which PX-Backup is written in.
    escaped |= {form.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e") for form in escaped}
    encoded = {encode(raw).decode() for raw in _raw(text) for encode in (b64encode, urlsafe_b64encode)}
    return {text, *percent, *escaped, *encoded, *(form.rstrip("=") for form in encoded)}


def _raw(text: str) -> set[bytes]:
    """The bytes in UTF-8, and in ISO 8859-1, in which HTTP libraries send basic authentication."""
    raw = {text.encode("utf-8", "surrogateescape")}
    with suppress(UnicodeEncodeError):
        raw.add(text.encode("latin-1"))
    return raw


def _lower_escapes(text: str) -> str:
    head, *escapes = text.split("%")
    return head + "".join("%" + part[:2].lower() + part[2:] for part in escapes)


def url_secrets(url: str) -> set[str]:
    """The password in a URL, as written and decoded, and the form in which HTTP basic authentication sends it."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        user, password = parts.username or "", parts.password
    except ValueError:
        # What cannot be parsed cannot be told apart either: keep everything before the host.
        return {url.rpartition("@")[0].rpartition("/")[2]} - {""}
    if not password:
        return set()
    pair = f"{unquote(user)}:{unquote(password)}"
    return {password, unquote(password), pair, f"{user}:{password}"}


def environment_secrets(environ: Mapping[str, str]) -> set[str]:
    """What the proxy variables of the environment hide."""
    return {secret for name in _PROXY_VARIABLES for secret in url_secrets(environ.get(name, ""))}


def all_forms(secrets: Iterable[str]) -> set[str]:
    """Every form of every secret; nothing for a text that is too short to be one."""
    return {form for secret in secrets if not is_too_short(secret) for form in encoded_forms(secret)}


def is_too_short(secret: str) -> bool:
    return len(secret.strip()) < SHORTEST_SECRET


def texts_within(value: Any, secret_parts: Collection[str] = (), hidden: bool = False) -> Iterator[tuple[str, bool]]:
    """Every text and number within a value, at any depth, and whether it is secret: all are, or those below a key of ``secret_parts``."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from texts_within(part, secret_parts, hidden or not secret_parts or key in secret_parts)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from texts_within(part, secret_parts, hidden or not secret_parts)
    elif value is not None and not isinstance(value, bool):
        yield str(value), hidden or not secret_parts


def secret_texts(value: Any, secret_parts: Collection[str] = ()) -> set[str]:
    """The secrets in the value of an option: a text as a whole, and what is secret within it when it is JSON."""
    if not isinstance(value, str):
        return {text for text, hidden in texts_within(value, secret_parts) if hidden}
    try:
        within = json.loads(value)
    except (ValueError, RecursionError):
        return {value}
    return {value} | (secret_texts(within, secret_parts) if isinstance(within, (dict, list)) else set())
