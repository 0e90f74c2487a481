# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``snapshot`` asks of a provider. A snapshot is a RecoveryPoint; only ``gate.py`` sends the changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Protocol

from ...core.errors import Conflict
from ...core.plan import Step
from ...core.resource import Words
from ..findings import Finding
from ..model import Disk, Document, Planned
from ..points import RecoveryPoint
from ..provider import Change, Marks


class Snapshots(Protocol):
    """The snapshots of single disks, for one task; what it asks for is in its options. ``source_disk`` is the option that names the disk."""

    NAME: ClassVar[str]
    WORDS: ClassVar[Words]
    # The provider's own words for the status of a snapshot.
    STATUSES: ClassVar[Collection[str]]
    LONGEST_NAME: ClassVar[int]
    # Whether no two snapshots have one name, and whether the provider itself keeps until when one is wanted.
    UNIQUE_NAMES: ClassVar[bool]
    NATIVE_EXPIRY: ClassVar[bool]

    @property
    def marks(self) -> Marks: ...

    def validate(self, operation: str) -> None:
        """Raise InvalidRequest for options of the provider's own that make no sense, and for names that no snapshot can have; no request is made."""

    # --- reading

    def get(self, word: str) -> RecoveryPoint | None:
        """The snapshot of this name or uid."""

    def listed(self, tags: Mapping[str, str]) -> Iterator[RecoveryPoint]:
        """The snapshots with all these tags, page by page."""

    def details(self, point: RecoveryPoint) -> Document:
        """What the provider says of it, in snake_case; the same keys whatever it left out."""

    def is_scheduled(self, point: RecoveryPoint) -> bool:
        """Whether a schedule made it, which also deletes it in its time."""

    def backup_of(self, point: RecoveryPoint) -> str:
        """The backup of a VM that it is a part of; empty when it is none. Marks alone prove nothing, because other tools copy labels."""

    def held_back(self, point: RecoveryPoint) -> str:
        """Why it cannot, or must not, be deleted, as a sentence; empty when nothing keeps it."""

    # --- the disk

    @property
    def disk_words(self) -> str:
        """The disk that the task names in the words of a message, as in ``name "data" in zone "z"``."""

    @property
    def disk_by_uid(self) -> bool:
        """Whether the task names the disk by its uid, so that an earlier one of the same name is never meant."""

    def disk(self) -> Disk | None:
        """The disk that the task names; None when there is none. Raises AmbiguousName when several are meant."""

    def existing_disk(self) -> Disk:
        """The same. Raises NotFound."""

    def check_place(self) -> None:
        """Raise NotFound when the place in which the task names the disk does not exist; warn when that cannot be asked."""

    def is_of_disk(self, point: RecoveryPoint) -> bool:
        """Whether it may be a snapshot of the disk: one of an earlier disk of the same name may, unless the task names the uid."""

    # --- what is asked for

    def findings(self, disk: Disk) -> Iterable[Callable[[], Iterable[Finding]]]:
        """Looks at all that a snapshot of the disk needs; each is independent of the others."""

    def planned(self, name: str, disk: Disk, marks: Mapping[str, str]) -> Planned: ...

    def predicted(self, planned: Planned, disk: Disk) -> RecoveryPoint:
        """The snapshot as it will be."""

    def differences(self, point: RecoveryPoint) -> Iterable[str]:
        """What of it is not as asked for and cannot be changed, as sentences without an end; never a key."""

    def updates(self, point: RecoveryPoint) -> Mapping[str, str]:
        """What of it is not as asked for and can be changed, beside marks and tags: option to value, as text."""

    def updated(self, point: RecoveryPoint) -> RecoveryPoint:
        """The snapshot as it will be after that."""

    # --- changes

    def update(self, point: RecoveryPoint) -> Change:
        """Make what ``updates`` tells so."""

    def copies(self, look: Callable[[], RecoveryPoint | None]) -> Sequence[Step]:
        """The steps that copy it to other places, once it is whole; none when the task asks for no copies."""

    def create(self, planned: Planned) -> Change: ...
    def delete(self, point: RecoveryPoint) -> Change: ...

    def is_taken(self, error: Conflict) -> bool:
        """Whether a create was refused because the name is taken."""

    def acted(self) -> bool:
        """Whether any change was accepted, or may have been."""
