# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels: which are ours, what Compute Engine takes as one, and changing them without losing anybody else's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...clients.gce.answers import is_fingerprint_mismatch
from ...clients.gce.objects import Operation, Resource
from ...core.errors import Conflict, InvalidRequest, NotFound, OutcomeUnknown, RecoveryError
from ...recovery.naming import digest

# What we note on resources; users neither see nor set labels that begin so.
PREFIX = "mcr-"
LOCK = "mcr-lock"
LOCK_FOR = "mcr-lock-for"
VM = "mcr-vm"
ZONE = "mcr-zone"
DEVICE = "mcr-device"
BACKUP = "mcr-backup"
DISKS = "mcr-disks"
CONSISTENCY = "mcr-consistency"
RESTORE = "mcr-restore"
REPLACED_BY = "mcr-replaced-by"
EXPIRES = "mcr-expires"

_LONGEST = 63
_MOST = 64
# Room for those of ours that a resource carries beside the user's.
_OURS_AT_MOST = 12
_HASH = 8
_TRIES = 10


def user_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels that are not ours."""
    return {key: value for key, value in labels.items() if not key.startswith(PREFIX)}


def check_tags(tags: Mapping[Any, Any] | None) -> dict[str, str]:
    """The tags as labels; numbers become text. Raises InvalidRequest for what Compute Engine refuses, and for labels that are ours."""
    result: dict[str, str] = {}
    for key, value in (tags or {}).items():
        for part in (key, value):
            if isinstance(part, bool) or not isinstance(part, (str, int, float)):
                raise InvalidRequest(f"tags: every key and value must be text; put {part!r} in quotes.")
        for problem in _problems(str(key), str(value)):
            raise InvalidRequest(f"tags: {problem}")
        result[str(key)] = str(value)
    if len(result) > _MOST - _OURS_AT_MOST:
        raise InvalidRequest(f"tags: {len(result)} are too many: Compute Engine has {_MOST} labels for each resource, and some of them are for our own notes.")
    return result


def _problems(key: str, value: str) -> Iterable[str]:
    if key.startswith(PREFIX):
        yield f'"{key}" begins with {PREFIX}, as the labels do in which this collection keeps its notes; choose another key.'
    if not key or not _is_letter(key[0]) or not _is_legal(key):
        yield f'"{key}" cannot be the key of a label: it must begin with a lower case letter, and hold only lower case letters, digits, "_" and "-",{_LENGTH}'
    if not _is_legal(value):
        yield f'"{value}", the value of "{key}", cannot be a label: it must hold only lower case letters, digits, "_" and "-",{_LENGTH}'


_LENGTH = f" at most {_LONGEST} characters."


def _is_letter(character: str) -> bool:
    """Letters of every language, but no capital ones."""
    return character.isalpha() and character == character.lower()


def _is_legal(text: str) -> bool:
    return len(text) <= _LONGEST and all(character in "_-" or character.isdigit() or _is_letter(character) for character in text)


def label_value(text: str) -> str:
    """A label's value that stands for the text: itself when it is legal, else a readable beginning and a hash of the whole."""
    if _is_legal(text):
        return text
    begin = re.sub(r"[^a-z0-9_]+", "-", text.lower())[: _LONGEST - _HASH - 1].strip("-")
    return f"{begin}-{digest(text, _HASH)}".lstrip("-")


def in_all(every: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The user's labels that all of these have alike."""
    first = user_labels(every[0]) if every else {}
    return {key: value for key, value in first.items() if all(labels.get(key) == value for labels in every)}


def merged(labels: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """The labels with the changes made; None takes one away."""
    after = {**labels, **changes}
    return {key: value for key, value in after.items() if value is not None}


def set_labels(
    read: Callable[[], Resource | None],
    write: Callable[[Mapping[str, str], str], Operation],
    wait: Callable[[Operation], object],
    changes: Mapping[str, str | None],
) -> Resource:
    """Make the changes by compare-and-swap and give the resource as it was read with them made; nothing is sent when they are.

    The API replaces all labels, and refuses when they are no longer those that were read, at once or in the operation: then they are
    read again. So they are after a lost answer. Raises NotFound when the resource is gone, Conflict when others never leave off.
    """
    lost: RecoveryError | None = None
    for _try in range(_TRIES):
        seen = read()
        if seen is None:
            raise NotFound("it disappeared before its labels were changed.")
        wanted = merged(seen.labels, changes)
        if wanted == dict(seen.labels):
            return seen
        try:
            wait(write(wanted, seen.label_fingerprint))
        except OutcomeUnknown as error:
            lost = error
        except RecoveryError as error:
            if not is_fingerprint_mismatch(error):
                raise
            lost = error
    raise Conflict(f"its labels could not be changed: others change them all the time ({_TRIES} tries). The last answer: {lost and lost.message}")
