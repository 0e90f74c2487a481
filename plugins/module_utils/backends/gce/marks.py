# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks and tags in Compute Engine: both are labels, replaced as a whole by compare-and-swap on their fingerprint."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

from ...clients.gce.answers import is_fingerprint_mismatch
from ...clients.gce.client import GceClient
from ...clients.gce.objects import Operation, last_part, place_of
from ...core.errors import InvalidRequest, RecoveryError
from ...recovery.marks import MOST, PREFIX, Changes, merged, prefixed, tags_as_text
from ...recovery.model import Marked
from ...recovery.naming import digest
from ...recovery.provider import Change, MarkRules

# https://cloud.google.com/compute/docs/labeling-resources, "Requirements for labels".
_LONGEST, _MOST = 63, 64
_HASH = 8
_LENGTH = f" at most {_LONGEST} characters."


class OperationWork:
    """An operation that Google has accepted; ``what`` is what it does."""

    def __init__(self, client: GceClient, operation: Operation, what: str) -> None:
        self._client, self._operation, self._what = client, operation, what

    def wait(self) -> None:
        self._client.wait(self._operation, self._what)


def change(client: GceClient, what: str, of: str, submit: Callable[[], Operation], **facts: Any) -> Change:
    """A change whose request is sent by ``submit``."""
    return Change(what, of, lambda: OperationWork(client, submit(), what), **facts)


class GceMarks:
    """Labels of VMs, disks, snapshots, images and machine images."""

    RULES: ClassVar[MarkRules] = MarkRules(_LONGEST, _MOST, compare_and_swap=True)

    def __init__(self, client: GceClient) -> None:
        self._client = client

    def write(self, seen: Marked, changes: Changes) -> Change:
        return self._replace(seen, {**seen.tags, **prefixed(merged(seen.marks, changes))})

    def write_tags(self, seen: Marked, tags: Mapping[str, str]) -> Change:
        return self._replace(seen, {**seen.tags, **tags, **prefixed(seen.marks)})

    def _replace(self, seen: Marked, labels: dict[str, str]) -> Change:
        client, place, name = self._client, place_of(seen.ref), last_part(seen.ref)
        writers: dict[str, Callable[[dict[str, str], str], Operation]] = {
            "instances": partial(client.set_instance_labels, place.name, name),
            "disks": partial(client.set_disk_labels, place, name),
            "snapshots": partial(client.set_snapshot_labels, name),
            "images": partial(client.set_image_labels, name),
            "machineImages": partial(client.set_machine_image_labels, name),
        }
        write = writers[_kind(seen.ref)]
        return change(client, f"labelling {name}", seen.ref, lambda: write(labels, seen.version))

    def is_stale(self, error: RecoveryError) -> bool:
        return is_fingerprint_mismatch(error)

    def check_tags(self, tags: Mapping[Any, Any] | None) -> dict[str, str]:
        return check_tags(tags)

    def value(self, text: str) -> str:
        return label_value(text)


def _kind(ref: str) -> str:
    return ref.split("/")[-2]


def all_of(labels: Mapping[str, str | None], having: str = "") -> str:
    """A list filter for marks: every one that is not None must match, ``having`` must be there with any value."""
    terms = [f'labels.{PREFIX}{key}="{value}"' for key, value in labels.items() if value is not None]
    return " AND ".join([*terms, *([f"labels.{PREFIX}{having}:*"] if having else [])])


def with_tags(tags: Mapping[str, str]) -> str:
    """A list filter for the user's tags."""
    return " AND ".join(f'labels.{key}="{value}"' for key, value in tags.items())


def check_tags(tags: Mapping[Any, Any] | None) -> dict[str, str]:
    """The tags as labels; numbers become text. Raises InvalidRequest for what Compute Engine refuses, and for labels that are ours."""
    result = tags_as_text(tags, lambda key, value: next(iter(_problems(key, value)), ""))
    if len(result) > _MOST - MOST:
        raise InvalidRequest(f"tags: {len(result)} are too many: Compute Engine has {_MOST} labels for each resource, and some of them are for our own notes.")
    return result


def _problems(key: str, value: str) -> Iterable[str]:
    if key.startswith(PREFIX):
        yield f'"{key}" begins with {PREFIX}, as the labels do in which this collection keeps its notes; choose another key.'
    if not key or not _is_letter(key[0]) or not _is_legal(key):
        yield f'"{key}" cannot be the key of a label: it must begin with a lower case letter, and hold only lower case letters, digits, "_" and "-",{_LENGTH}'
    if not _is_legal(value):
        yield f'"{value}", the value of "{key}", cannot be a label: it must hold only lower case letters, digits, "_" and "-",{_LENGTH}'


def _is_letter(character: str) -> bool:
    """Letters of every language, but no capital ones."""
    return character.isalpha() and character == character.lower()


def _is_legal(text: str) -> bool:
    return len(text) <= _LONGEST and all(character in "_-" or character.isdigit() or _is_letter(character) for character in text)


def label_value(text: str) -> str:
    """A label's value that stands for the text: itself when it is legal, else a readable beginning and a hash of the whole.

    Google's pages do not agree on whether letters outside ASCII are legal, so that no mark has any.
    """
    if text.isascii() and _is_legal(text):
        return text
    begin = re.sub(r"[^a-z0-9_]+", "-", text.lower())[: _LONGEST - _HASH - 1].strip("-")
    return f"{begin}-{digest(text, _HASH)}".lstrip("-")
