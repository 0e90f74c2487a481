# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of INSPECT_ALL that are applied here, not by the provider."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from .arguments import Task
from .errors import InvalidRequest
from .model import STATUSES, Record


def check_statuses(words: Sequence[str] | None, own: Collection[str] = ()) -> None:
    """Raise InvalidRequest for a status that is neither a common one nor one of the provider's ``own``: a list that is wrongly empty is a false statement."""
    known = [*STATUSES, *own]
    for word in words or ():
        if word not in known and word.lower() not in STATUSES:
            raise InvalidRequest(f'status "{word}" is not known; use one of: {", ".join(known)}.')


def check_name_filter(text: str | None, legal: re.Pattern[str], rule: str) -> None:
    """Raise InvalidRequest for a text that is part of no name; ``legal`` is what can be part of one, ``rule`` says so in the words of a message."""
    if text and not legal.fullmatch(text):
        raise InvalidRequest(f'name_filter: "{text}" is part of no name: names are {rule}.')


def chosen(
    records: Iterable[Record], task: Task, tags: Mapping[str, str], own_statuses: Callable[[Record], Collection[str]] = lambda _record: ()
) -> Iterator[Record]:
    """The records that name_filter, status, tags and max_objects let through; ``own_statuses`` are the provider's words for a record."""
    words, part = {*(task["status"] or ()), *(word.lower() for word in task["status"] or ())}, task["name_filter"] or ""
    fitting = (
        record
        for record in records
        if part in record.name
        and (not words or words.intersection({record.status, *own_statuses(record)}))
        and all(record.tags.get(key) == value for key, value in tags.items())
    )
    return islice(fitting, task["max_objects"] or None)
