# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels of snapshots, changed by compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...clients.gce.answers import is_fingerprint_mismatch
from ...clients.gce.objects import Operation, Resource
from ...core.errors import Conflict, NotFound, OutcomeUnknown, RecoveryError
from ...recovery import marks
from ...recovery.marks import PREFIX, merged

VM, BACKUP, CONSISTENCY, EXPIRES = (PREFIX + name for name in (marks.VM, marks.BACKUP, marks.CONSISTENCY, marks.EXPIRES))
_TRIES = 10


def user_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels that are not ours."""
    return marks.split(labels)[1]


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
