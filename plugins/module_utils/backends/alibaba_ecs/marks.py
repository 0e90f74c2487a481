# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks and tags in Alibaba Cloud ECS: both are tags, each written by itself, without any condition."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from ...clients.alibaba_ecs.client import AlibabaClient
from ...core.errors import InvalidRequest, RecoveryError
from ...recovery.marks import MOST, PREFIX, Changes, tags_as_text
from ...recovery.model import Disk, Machine, Marked
from ...recovery.naming import digest
from ...recovery.points import RecoveryPoint
from ...recovery.provider import Change, MarkRules
from .things import Own, change, wire_tags

_LONGEST, _MOST = 128, 20
_HASH = 8
# How long a written tag may stay unseen is documented nowhere; a lock waits for so long before it is believed.
_SETTLE_S = 3.5
_RESERVED = ("aliyun", "acs:")


class AlibabaMarks:
    """Tags of instances, disks, snapshots, snapshot groups and images."""

    RULES: ClassVar[MarkRules] = MarkRules(_LONGEST, _MOST, compare_and_swap=False, settle_s=_SETTLE_S)

    def __init__(self, client: AlibabaClient) -> None:
        self._client = client

    def write(self, seen: Marked, changes: Changes) -> Change:
        values = {PREFIX + key: value for key, value in changes.items() if value}
        gone = [PREFIX + key for key, value in changes.items() if not value]
        return self._write(seen, values, gone)

    def write_tags(self, seen: Marked, tags: Mapping[str, str]) -> Change:
        return self._write(seen, dict(tags), [])

    def _write(self, seen: Marked, values: Mapping[str, str], gone: list[str]) -> Change:
        own = _own(seen)
        client = self._client.at(own.region)
        of = {"ResourceType": own.kind, "ResourceId": [own.id]}

        def send() -> None:
            if values:
                client.change(f"tag {seen.name}", "TagResources", {**of, "Tag": wire_tags(values)}, repeatable=True)
            if gone:
                client.change(f"remove tags of {seen.name}", "UntagResources", {**of, "TagKey": gone}, repeatable=True)

        return change(f"tagging {seen.name}", seen.ref, send)

    def is_stale(self, error: RecoveryError) -> bool:
        # Nobody is ever told that somebody else has written before.
        return False

    def check_tags(self, tags: Mapping[Any, Any] | None) -> dict[str, str]:
        return check_tags(tags)

    def value(self, text: str) -> str:
        return tag_value(text)


def _own(seen: Marked) -> Own:
    if not isinstance(seen, (Machine, Disk, RecoveryPoint)) or not isinstance(seen.own, Own):
        raise TypeError(f"{seen.ref} is nothing that carries tags")
    return seen.own


def check_tags(tags: Mapping[Any, Any] | None) -> dict[str, str]:
    """The tags as text. Raises InvalidRequest for what ECS refuses, for tags that are ours, and for more than fit beside our marks."""
    result = tags_as_text(tags, _problem)
    if len({key.lower() for key in result}) < len(result):
        raise InvalidRequest("tags: two keys differ only in capital letters, which Alibaba Cloud takes for the same key.")
    if len(result) > _MOST - MOST:
        raise InvalidRequest(f"tags: {len(result)} are too many: Alibaba Cloud has {_MOST} tags for each resource, and {MOST} of them are for our own notes.")
    return result


def merged_tags(there: Mapping[str, str], asked: Mapping[str, str]) -> dict[str, str]:
    """Tags with those asked for; of two keys that differ only in capital letters, which Alibaba Cloud takes for one, the one asked for stays."""
    wanted = {key.lower() for key in asked}
    return {**{key: value for key, value in there.items() if key in asked or key.lower() not in wanted}, **asked}


def _problem(key: str, value: str) -> str:
    if key.lower().startswith(PREFIX):
        return f'"{key}" begins with {PREFIX}, as the tags do in which this collection keeps its notes; choose another key.'
    if not key or not _is_legal(key):
        return f'"{key}" cannot be the key of a tag: it must be 1 to {_LONGEST} characters, not begin with aliyun or acs:, and hold no http:// or https://.'
    if value and not _is_legal(value):
        return f'"{value}", the value of "{key}", cannot be that of a tag: it must be at most {_LONGEST} characters, and hold no http:// or https://.'
    return ""


def _is_legal(text: str) -> bool:
    plain = len(text) <= _LONGEST and text == text.strip() and text.isprintable()
    return plain and not text.lower().startswith(_RESERVED) and "http://" not in text.lower() and "https://" not in text.lower()


def tag_value(text: str) -> str:
    """A tag's value that stands for the text: itself when it is legal, else a readable beginning and a hash of the whole."""
    if text and _is_legal(text):
        return text
    begin = re.sub(r"[^A-Za-z0-9_]+", "-", text)[: _LONGEST - _HASH - 1].strip("-")
    return f"{begin}-{digest(text, _HASH)}".lstrip("-")
