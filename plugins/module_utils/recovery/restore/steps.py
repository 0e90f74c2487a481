# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the steps of restores, as results and INSPECT tell them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...core.plan import Step

LOCKING, CREATING, RECORDING = "lock VM", "create disks", "record old disks"
STOPPING, DETACHING, ATTACHING, STARTING = "stop VM", "detach old disks", "attach new disks", "start VM"
VERIFYING, KEEPING, GIVING_UP, UNLOCKING = "verify", "keep old disks", "delete old disks", "unlock VM"
TAKING_OVER = "record new disks"
CREATING_BOOT, INSERTING, STOPPING_NEW = "create boot disk", "insert VM", "stop new VM"
SAVING_RUNNING, SAVING_AT_REST, RESETTING, KEEPING_SAFETY = "save disks while running", "save disks at rest", "reset disks", "keep safety points"
STORING, SECURING, REMOVING, DROPPING = "store manifest", "keep disks from deletion", "delete VM", "drop manifest"


def chained(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, each needing the one before it."""
    return tuple(replace(step, needs=(steps[number - 1].name,)) if number else step for number, step in enumerate(steps))


def beside(steps: Sequence[Step], one: str, other: str) -> tuple[Step, ...]:
    """Chained steps of which ``other``, that followed ``one``, begins together with it; what followed needs both."""
    names = [step.name for step in steps]
    if one not in names or other not in names:
        return tuple(steps)
    before = next(step.needs for step in steps if step.name == one)
    return tuple(replace(step, needs=(one, other) if other in step.needs else before if step.name == other else step.needs) for step in steps)
