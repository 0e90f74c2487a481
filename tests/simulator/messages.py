# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What passes between the HTTP border and a provider: a call in, an answer out. No web framework here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

MISSING = object()


class Refused(Exception):
    """The control API was asked for something that makes no sense; the text goes back as a 400."""


@dataclass(frozen=True)
class Call:
    """One request as it arrived. `raw_path` is still percent-encoded and has no query; header names are lower case."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def segments(self) -> list[str]:
        """The parts of the decoded path. Decoding comes first, as in Go's net/http: an encoded slash still splits."""
        return unquote(self.raw_path).lstrip("/").split("/")

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """Decoded (name, value) pairs in the order sent, repeated names kept."""
        return parse_qsl(self.raw_query, keep_blank_values=True)

    @cached_property
    def form(self) -> list[tuple[str, str]]:
        """Decoded pairs of a form body."""
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    @property
    def is_form(self) -> bool:
        """Whether the body says it is form-encoded."""
        return self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")

    @cached_property
    def json(self) -> Any:
        """The parsed body; MISSING when there is none. Raises ValueError when it is not JSON."""
        return json.loads(self.body) if self.body.strip() else MISSING


@dataclass
class Answer:
    """One response: status, bytes and headers (the content type among them)."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        """An answer with a JSON body."""
        return cls(status, json.dumps(value, separators=(",", ":")).encode(), {"Content-Type": "application/json", **(headers or {})})

    @classmethod
    def of_text(cls, text: str, status: int, content_type: str = "text/plain; charset=utf-8") -> Answer:
        """An answer with a text body."""
        return cls(status, text.encode(), {"Content-Type": content_type})


@dataclass(frozen=True)
class Match:
    """Where a call goes: the provider's route template (None when there is none), and whose state it is about."""

    route: str | None
    scope: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    target: Any = None
    # A fault rule for what the call starts, to be carried out by the provider.
    fault: Any = None
