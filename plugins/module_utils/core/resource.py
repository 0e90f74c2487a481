# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the life of one named resource (``lifecycle.py``) asks of whoever knows the resource and its provider."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from .errors import Conflict
from .model import Record

AGAIN = "Run the task again: it looks first, and makes none twice."

T = TypeVar("T")


@dataclass(frozen=True)
class Words:
    """How messages speak of a resource: ``one`` is what it is, ``provider`` whose.

    ``only_labels`` says in half a sentence that nothing else of it can be changed, ``taken`` what to do when its name is taken by something
    that does not show. ``stuck`` has, by the provider's word for a status, why a deletion may last long. ``labelled_last``: labels of one that
    is still made can be set only when it is done.
    """

    one: str
    provider: str
    only_labels: str = "only its labels can be changed"
    taken: str = AGAIN
    stuck: Mapping[str, str] = field(default_factory=dict)
    labelled_last: bool = False


@dataclass(frozen=True)
class Wanted:
    """A resource to be made: the provider's own request, and the record that there will be afterwards."""

    request: Any = field(repr=False)
    after: Record


class Resource(Protocol[T]):
    """One resource, as a task asks for it. ``T`` is what its provider reads of it; a record's details have its ``provider_status``."""

    @property
    def words(self) -> Words: ...

    @property
    def tags(self) -> Mapping[str, str]:
        """The labels that the task gives."""

    def record_of(self, thing: T) -> Record: ...

    def look(self) -> T | None:
        """The very one that was found or made, the one of the name while none is known; None when it is gone, also when another took its name."""

    def forget(self) -> None:
        """It was seen to be gone: the next one of the name is another."""

    # --- what is asked for

    def differences(self, thing: T) -> Iterable[str]:
        """What is not as asked for and cannot be changed, as sentences without an end. Raises Conflict for what is another thing altogether."""

    def label_changes(self, thing: T) -> Mapping[str, str]:
        """The labels that must be set for it to be as asked for."""

    def relabelled(self, thing: T) -> T:
        """The same with these labels."""

    def refuse_failed(self, thing: T) -> None:
        """Raise ProviderFailure for one that has failed, unless the task wants it replaced."""

    def judge(self, thing: T) -> None:
        """Warn of an end that is no full success, or raise ProviderFailure."""

    def prepare(self) -> Wanted:
        """What is to be made, after a look at all that it needs. Raises what stands in the way."""

    # --- requests

    def create(self, request: Any) -> T | None:
        """Ask for it; gives what the answer told, None when that is nothing."""

    def is_taken(self, error: Conflict) -> bool:
        """Whether a create was refused because the name is taken."""

    def relabel(self, thing: T) -> None:
        """Set the labels that ``label_changes`` names, and keep all others."""

    def delete(self, thing: T) -> None: ...

    def finish(self) -> None:
        """Wait for the end of the last request, where the provider tells of it apart from the resource. Raises what made it fail."""


def different(option: str, asked: Any, there: Any) -> str:
    """The words for one difference."""
    return f"{option} (asked for: {asked!r}, there is: {there!r})"
