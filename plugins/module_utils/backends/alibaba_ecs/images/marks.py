# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The notes that this collection keeps in tags: which export a task belongs to, which object an image was imported from, what may be deleted again.

ExportImage takes no token and answers with nothing but the id of a task. So the intent is written on the image before the request, with the
newest task that is known by then, and the id of the task after it: a run that finds the intent alone looks for a task that is newer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ....recovery.naming import digest

PREFIX = "mcr-"
_EXPORT = "mcr-export-"
# On an image: the digest of the object that it was imported from.
IMPORTED = "mcr-import"
# On an image: what its import was told of the machine. What Alibaba Cloud tells afterwards may be spelled otherwise.
MACHINE = "mcr-import-as"
# On a temporary image: kind and id of what it was made from. On a snapshot: the name of the temporary image that it was made for.
MADE_FOR = "mcr-made-for"
# On an image: the one that had its name before and is to be deleted once this one has it.
REPLACES = "mcr-replaces"
# On the snapshots of an image that is about to be deleted: its id, and its name.
OF_IMAGE, OF_IMAGE_NAME = "mcr-of-image", "mcr-of-image-name"

EXPORTING, RUNS, FINISHED = "exporting", "task", "finished"
_STATES = (EXPORTING, RUNS, FINISHED)
# The longest value of a tag.
_LONGEST = 128


@dataclass(frozen=True)
class Target:
    """Where an export goes, and in which format: together with its source its identity."""

    bucket: str
    prefix: str
    format: str

    @property
    def key(self) -> str:
        """The key of the tag that notes the export."""
        return f"{_EXPORT}{self.digest_with('')}"

    def digest_with(self, source: str) -> str:
        return digest("\n".join((source, self.bucket, self.prefix, self.format)), 10)


@dataclass(frozen=True)
class Mark:
    """What a tag says of an export. ``task`` is its task or, of an intent, the newest one that was known before; empty for none.

    ``bucket`` and ``prefix`` are for people, and may be missing where the tag was too short for them.
    """

    state: str
    task: str
    format: str = ""
    bucket: str = ""
    prefix: str = ""

    def __str__(self) -> str:
        parts = [self.state, self.task, self.format, self.bucket, self.prefix]
        while len(":".join(parts)) > _LONGEST:
            parts.pop()
        return ":".join(parts)


def mark_for(target: Target, state: str, task: str) -> str:
    """The tag's value."""
    return str(Mark(state, task, target.format, target.bucket, target.prefix))


def parse(text: str | None) -> Mark | None:
    """What a tag's value says; None when it is none of ours."""
    parts = (text or "").split(":")
    return Mark(*parts) if 2 <= len(parts) <= 5 and parts[0] in _STATES else None


def exports_in(tags: Mapping[str, str]) -> dict[str, Mark]:
    """The exports that the tags of a resource note, by the tag's key."""
    found = {key: parse(value) for key, value in tags.items() if key.startswith(_EXPORT)}
    return {key: mark for key, mark in found.items() if mark}


def origin(bucket: str, key: str) -> str:
    """The digest of an object, for the tag of the image that is imported from it."""
    return digest(f"{bucket}\n{key}")


def machine_note(given: Mapping[str, str]) -> str:
    """The tag's value for the options of an import that tell of the machine."""
    return ":".join(f"{option}={value}" for option, value in sorted(given.items()))[:_LONGEST]


def noted_machine(tags: Mapping[str, str]) -> dict[str, str]:
    """These options, as the tags of an image note them."""
    pairs = (part.partition("=") for part in tags.get(MACHINE, "").split(":"))
    return {option: value for option, is_pair, value in pairs if is_pair}
