# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the restore that is there under a name is the one that is asked for."""

from __future__ import annotations

from ...core.errors import Conflict, NotFound
from ..model import Strategy
from .case import RestoreCase
from .found import Restore


def refuse_differences(case: RestoreCase, restore: Restore) -> None:
    """Raises Conflict when the restore of this name went, or goes, to another point, to other devices, or another way."""
    different = []
    asked = Strategy(case.task["strategy"])
    if restore.strategy and restore.strategy not in (asked.value, Strategy.GONE.value, Strategy.ROLLBACK.value):
        different.append(f"its strategy is {restore.strategy}, not {asked.value}")
    # Found out only where the task does not say it: the backup of a complete restore may be gone by now.
    moment = case.moment_asked or case.source.moment
    if restore.moment != moment:
        different.append(f"it went back to {restore.moment or 'single recovery points'}, not to {moment or 'single recovery points'}")
    else:
        different += _other_points(case, restore)
    if different:
        raise Conflict(f'the restore "{restore.name}" exists and {"; ".join(different)}. Nothing was changed. Choose another name to restore again.')


def _other_points(case: RestoreCase, restore: Restore) -> list[str]:
    made = {device.name: device.source for device in restore.devices}
    if len(made) < restore.expected:
        return []
    try:
        asked = {device: point.ref for device, point in case.source.points.items()}
    except NotFound:
        # The points are gone since; they have the same datetime.
        return []
    if not asked:
        # They are gone since, and the restore goes on with the disks that it has made.
        return []
    if case.source.boot_only:
        return [] if set(asked.values()) <= set(made.values()) else [f"it was made from {', '.join(made.values())}"]
    common = {device: ref for device, ref in asked.items() if device in made}
    wrong = [f"its {device} was made from {made[device]}, not {ref}" for device, ref in common.items() if made[device] != ref]
    left_out = sorted(set(made) - set(asked))
    missing = sorted(set(asked) - set(made))
    wrong += [f"it restored {', '.join(left_out)} as well"] if left_out else []
    return wrong + ([f"it did not restore {', '.join(missing)}"] if missing else [])
