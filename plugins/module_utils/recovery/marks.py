# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What we note on resources: the names of our marks, and which provider's labels or tags are ours. A provider only stores them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.errors import InvalidRequest

# Users neither see nor set labels or tags that begin so.
PREFIX = "mcr-"

# The lock, and what it is for ("restore_<name>", "backup_<datetime>"); whether the VM ran before, which must outlive the lock.
LOCK, LOCK_FOR, WAS = "lock", "lock-for", "was"
# Whose disk or recovery point it is: the VM, its place, the device.
VM, PLACE, DEVICE = "vm", "zone", "device"
# The datetime of a backup, how many parts it has, which try it is, how consistent it is, which run made or took over a part.
BACKUP, PARTS, ATTEMPT, CONSISTENCY, RUN = "backup", "disks", "attempt", "consistency", "run"
# The restore that made a disk, how it went about it, of which VM the point was (where that is another one).
RESTORE, STRATEGY, SOURCE_VM = "restore", "strategy", "source-vm"
# On a disk from before: the restore that took it off, how it was attached, and that it is kept on purpose.
REPLACED_BY, ATTACHED, KEPT = "replaced-by", "attached", "kept"
# On a disk that went back to a recovery point of itself: the restore that did so, and how far it is. On a safety point of such a restore: at which
# moment it was made, and the datetime of the backup that the restore went to.
RESET_BY, RESET, SAFETY, OF = "reset-by", "reset", "safety", "of"
# The fingerprint of the VM's manifest; when a snapshot expires; the image that a snapshot was a part of.
MANIFEST, EXPIRES, IMAGE = "manifest", "expires", "image"

ON, OFF = "on", "off"
YES = "yes"
# A recovery point that its own run is about to delete: nobody may count on it any more.
CONDEMNED = "condemned"

# The most marks that one resource carries at once.
MOST = 12

Changes = Mapping[str, "str | None"]


def merged(marks: Mapping[str, str], changes: Changes) -> dict[str, str]:
    """The marks, or labels, with the changes made; None takes one away."""
    after = {**marks, **changes}
    return {key: value for key, value in after.items() if value is not None}


def tags_as_text(tags: Mapping[Any, Any] | None, problem: Callable[[str, str], str]) -> dict[str, str]:
    """The user's tags; numbers become text. ``problem`` says what the provider has against a key and its value. Raises InvalidRequest."""
    result: dict[str, str] = {}
    for key, value in (tags or {}).items():
        for part in (key, value):
            if isinstance(part, bool) or not isinstance(part, (str, int, float)):
                raise InvalidRequest(f"tags: every key and value must be text; put {part!r} in quotes.")
        found = problem(str(key), str(value))
        if found:
            raise InvalidRequest(f"tags: {found}")
        result[str(key)] = str(value)
    return result


def split(labels: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Our marks (without the prefix) and the user's tags among a provider's labels."""
    marks = {key[len(PREFIX) :]: value for key, value in labels.items() if key.startswith(PREFIX)}
    return marks, {key: value for key, value in labels.items() if not key.startswith(PREFIX)}


def prefixed(marks: Mapping[str, str]) -> dict[str, str]:
    """Marks as labels or tags: what has no value is not written."""
    return {PREFIX + key: value for key, value in marks.items() if value}


def in_all(every: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The tags that all of these have alike."""
    first = every[0] if every else {}
    return {key: value for key, value in first.items() if all(tags.get(key) == value for tags in every)}


def number(marks: Mapping[str, str], name: str, otherwise: int = 0) -> int:
    """A mark that is a number."""
    text = marks.get(name, "")
    return int(text) if text.isdigit() else otherwise
